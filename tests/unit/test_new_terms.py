"""What new terms do to what waits: wake-ups of policies that are gone, and closes by the terms of the start."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from unit_shop import POINTS, UNITS, VISITS, Member, kinds, on, point_a_dollar, points_policy, program_of

from patronage import BonusRule, InvalidValueError, Life, PointsPolicy, Policy, Program, StatusGrant, Terms
from patronage.ledger import WakeEntry
from patronage.periods import MONTH, Calendar
from patronage.terms_of_time import days
from patronage.thresholds import GiveCredit, Looks, Threshold
from patronage.watching import PeriodTerms

STAMP = BonusRule(name="stamp", credit=VISITS.of(1))


def monthly(points: int, name: str = "month", **fields: Any) -> Threshold:
    """So many points at the close of each month in which there is a stamp."""
    gift = GiveCredit(amount=POINTS.of(points))
    given = {"name": name, "at_least": VISITS.of(1), "gives": (gift,), "period": MONTH, "looks": Looks.AT_CLOSE}
    return Threshold(**{**given, **fields})


def own(*thresholds: Threshold, name: str = "own") -> PointsPolicy:
    """A policy of those thresholds and a stamp for each purchase."""
    return PointsPolicy(name=name, rules=(STAMP,) if name == "own" else (), thresholds=thresholds)


def member_of(before: tuple[Policy, ...], after: tuple[Policy, ...], since: datetime) -> Member:
    """A member whose terms change once."""
    terms = [Terms(units=UNITS, policies=before), Terms(units=UNITS, policies=after, effective_from=since)]
    return Member(Program(id="shop", time_zone="America/New_York", terms=terms))


class TestCloses:
    """A close is a wake-up that the old terms set."""

    def test_one_of_a_policy_that_is_gone_gives_nothing(self) -> None:
        """The month closes, its wake-up ends, and nobody is there to look."""
        member = member_of((own(monthly(10)),), (points_policy(point_a_dollar()),), on(1, 15))
        member.buy("1.00", at=on(1, 10))
        assert len(member.state.wake_ups) == 1
        closed = member.pass_to(on(2, 2))
        assert set(kinds(closed.entries)) <= {"WakeEntry"}
        assert member.has() == 0
        assert not member.state.wake_ups

    def test_beside_it_the_closes_of_the_others_go_on(self) -> None:
        """Of two policies whose month closes at one instant the one that is left gives, and the other one does not."""
        stays, goes = own(monthly(10)), own(monthly(7, "more"), name="gone")
        member = member_of((stays, goes), (stays,), on(1, 15))
        member.buy("1.00", at=on(1, 10))
        assert len(member.state.wake_ups) == 2
        member.pass_to(on(2, 2))
        assert member.has() == 10

    @pytest.mark.parametrize(("by", "points"), [(PeriodTerms.CLOSE, 20), (PeriodTerms.START, 10)])
    def test_a_period_is_closed_by_the_terms_of_its_close_or_of_its_start(self, by: PeriodTerms, points: int) -> None:
        """Ten points when January began, twenty from the middle of it on."""
        member = member_of((own(monthly(10, terms_of=by)),), (own(monthly(20, terms_of=by)),), on(1, 15))
        member.buy("1.00", at=on(1, 10))
        member.pass_to(on(2, 2))
        assert member.has() == points
        woken = [entry.wake_up.facts["by"] for commit in member.commits for entry in wakes(commit.entries)]
        assert set(woken) == {by.value}

    def test_a_policy_that_comes_later_does_not_look_at_what_was_before(self) -> None:
        """It has no close of January, and its own from the next stamp on."""
        member = member_of((own(),), (own(monthly(10)),), on(2, 1, 5))
        member.buy("1.00", at=on(1, 10))
        member.pass_to(on(2, 20))
        assert member.has() == 0


def wakes(entries: Any) -> list[WakeEntry]:
    """The entries of wake-ups."""
    return [entry for entry in entries if isinstance(entry, WakeEntry)]


class Fickle:
    """A term of time that ends now a day sooner, now a day later."""

    by_day = False

    def __init__(self) -> None:
        self.asked = 1

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """Another instant each second time."""
        self.asked += 1
        return days(3 if self.asked % 2 else 9).end(anchor, calendar)


def test_a_term_that_ends_now_sooner_now_later_is_told_and_not_waited_for() -> None:
    """Something is due and does not end: that is an error of the term, and no endless loop."""
    life = Life(expires_after=days(1), held_by="gold", grace=Fickle())
    member = Member(program_of(points_policy(point_a_dollar(life=life))))
    gold = StatusGrant(
        id="g", member="m-1", occurred_at=on(1, 2), key="gold", until=on(1, 4), actor="ops", reason="test"
    )
    member.accept(gold)
    member.buy("5.00", at=on(1, 3))
    with pytest.raises(InvalidValueError, match="a term of time ends at one instant"):
        member.pass_to(on(3, 1))
    assert member.now == on(1, 3)
