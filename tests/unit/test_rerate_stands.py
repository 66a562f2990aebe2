"""A replay of what stands: requests with what time did before them, holds that lapse, debts, what was handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from unit_shop import POINTS, USD, Member, point_a_dollar, points_policy, program_of, purchase

from between.members import Members
from between.members import buy as bought_by
from between.referral import PROGRAM as REFERRAL
from between.referral import referred
from patronage import (
    Accepted,
    Account,
    Adjustment,
    BenefitKind,
    Event,
    EventConflictError,
    FixedReward,
    Life,
    Occasion,
    Program,
    Purchase,
    Read,
    Redemption,
    Reservation,
)
from patronage.audit import audit
from patronage.errors import RerateError
from patronage.ledger import WakeChange, WakeEntry
from patronage.occasions import Effect, HandOver, Wake
from patronage.terms_of_time import days
from patronage.thresholds import GiveCredit

MORNING = datetime(2026, 3, 10, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)
CARD = FixedReward(name="card", cost=POINTS.of(50), gives=(GiveCredit(amount=USD.of(2)),))
DATED = program_of(points_policy(point_a_dollar(life=Life(expires_after=days(1)))), rewards=(CARD,))
ENDLESS = program_of(points_policy(point_a_dollar()), rewards=(CARD,))


def buys(id: str, dollars: str, at: datetime) -> Purchase:
    """A purchase of one line."""
    return purchase(dollars, id=id, at=at)


def told(program: Program, *events: Event) -> Member:
    """A member who did all that, in the order of arrival; each must be taken."""
    member = Member(program)
    for event in events:
        member.accept(event)
    return member


def rerate(member: Member, *late: Event) -> Accepted:
    """Rerates the member's account, and appends what comes out."""
    decision = member.program.rerate(member.commits, late)
    member.commits.extend(decision.commits)
    member.state = decision.state or member.state
    audit(member.commits, calendar=member.program.calendar)
    return decision


def same(member: Member, in_order: Member) -> None:
    """Both hold the same, and wait for the same."""
    assert member.state.lots == in_order.state.lots
    assert member.state.wake_ups == in_order.state.wake_ups


class TestRequests:
    """A request that was accepted stands, with all that its commit says of it and nothing else."""

    def test_what_time_did_before_it_is_not_its_own(self) -> None:
        """The commit of the card also holds the end of older points: in the replay time ends them, not the card."""
        first, second = buys("o-1", "70.00", MORNING), buys("o-2", "60.00", MORNING + 12 * HOUR)
        card = Redemption(id="d-1", member="m-1", occurred_at=MORNING + 25 * HOUR, reward="card")
        late = buys("o-3", "10.00", MORNING + 20 * HOUR)
        member, in_order = told(DATED, first, second, card), told(DATED, first, second, late, card)
        assert len(member.commits[-1].entries) == 3
        rerate(member, late)
        same(member, in_order)

    def test_a_hold_lapses_as_it_was_asked_for(self) -> None:
        """Its wake-up is set again in the replay, and is the only one."""
        first, late = buys("o-1", "60.00", MORNING), buys("o-3", "10.00", MORNING + HOUR)
        hold = Reservation(
            id="v-1", member="m-1", occurred_at=MORNING + 2 * HOUR, reward="card", lapses_at=MORNING + 9 * A_DAY
        )
        member, in_order = told(ENDLESS, first, hold), told(ENDLESS, first, late, hold)
        rerate(member, late)
        same(member, in_order)
        member.pass_to(MORNING + 10 * A_DAY)
        assert member.has() == 70

    def test_what_it_gave_pays_the_debt_that_there_is(self) -> None:
        """Three dollars are owed: the card's two pay of them when it comes, and do so again in the replay."""
        owes = Adjustment(id="j-1", member="m-1", occurred_at=MORNING, amount=USD.of(-3), actor="ops", reason="test")
        first, late = buys("o-1", "60.00", MORNING + HOUR), buys("o-3", "10.00", MORNING + 2 * HOUR)
        card = Redemption(id="d-1", member="m-1", occurred_at=MORNING + 3 * HOUR, reward="card")
        member, in_order = told(ENDLESS, owes, first, card), told(ENDLESS, owes, first, late, card)
        assert member.has(USD) == -100
        rerate(member, late)
        same(member, in_order)
        assert member.has(USD) == -100

    def test_what_paid_a_debt_is_a_plain_credit_where_there_is_none(self) -> None:
        """Five dollars come late, before the card: nothing is owed when it gives its two."""
        owes = Adjustment(id="j-1", member="m-1", occurred_at=MORNING, amount=USD.of(-3), actor="ops", reason="test")
        late = attrs.evolve(owes, id="j-2", occurred_at=MORNING + 2 * HOUR, amount=USD.of(5))
        first = buys("o-1", "60.00", MORNING + HOUR)
        card = Redemption(id="d-1", member="m-1", occurred_at=MORNING + 3 * HOUR, reward="card")
        member, in_order = told(ENDLESS, owes, first, card), told(ENDLESS, owes, first, late, card)
        rerate(member, late)
        same(member, in_order)
        assert (member.has(USD), [lot.is_debt for lot in member.state.lots["USD"]]) == (400, [False])


Answer = Callable[[Occasion], Iterable[Effect]]


@attrs.frozen
class Reading:
    """A caller's policy that reads the points."""

    answer: Answer
    name: str = "reading"
    reads: tuple[Read, ...] = (Read("points"),)

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What it is told to."""
        return tuple(self.answer(occasion)) if isinstance(occasion.event, Purchase) else ()


def gift_for(occasion: Occasion) -> HandOver:
    """A gift that is named after its purchase."""
    assert occasion.event is not None
    return HandOver(kind=BenefitKind.PRODUCT, reward=f"gift-{occasion.event.id}")


def behind(answer: Answer) -> Program:
    """That policy in front of a point a dollar."""
    return program_of(Reading(answer), points_policy(point_a_dollar()))


class TestWhatOrderChanges:
    """What a late purchase changes for those after it."""

    LATE = buys("o-1", "60.00", MORNING)
    FIRST = buys("o-2", "10.00", MORNING + HOUR)

    def test_what_is_handed_over_in_order_alone_is_told(self) -> None:
        """A gift for who has fifty points: with the late purchase the second one had them."""
        program = behind(lambda now: [gift_for(now)] if now.balance("points") >= 50 else [])
        member = told(program, self.FIRST)
        done = rerate(member, self.LATE)
        assert [benefit.reward for commit in done.commits for benefit in commit.benefits] == ["gift-o-2"]
        assert rerate(member).commits == ()

    def test_what_was_handed_over_too_soon_is_for_people(self) -> None:
        """A gift for who has none: it is out of the door, so nothing is decided."""
        program = behind(lambda now: [gift_for(now)] if now.balance("points") < 50 else [])
        member = told(program, self.FIRST)
        with pytest.raises(RerateError, match="it handed over 'gift-o-2', and would not have in order"):
            member.program.rerate(member.commits, (self.LATE,))

    def test_wake_ups_are_those_of_the_order(self) -> None:
        """A reminder for who has few points, another one for who has many: the one ends, the other is set."""

        def reminds(now: Occasion) -> Iterable[Effect]:
            assert now.event is not None
            name, after = ("few", 5) if now.balance("points") < 50 else ("many", 9)
            yield Wake(at=MORNING + after * A_DAY, name=name, facts={"of": now.event.id})

        member = told(behind(reminds), self.FIRST)
        in_order = told(behind(reminds), self.LATE, self.FIRST)
        done = rerate(member, self.LATE)
        same(member, in_order)
        changed = [(e.change, e.wake_up.name, e.wake_up.facts["of"]) for e in done.entries if isinstance(e, WakeEntry)]
        assert changed == [
            (WakeChange.ENDED, "few", "o-2"),
            (WakeChange.SET, "few", "o-1"),
            (WakeChange.SET, "many", "o-2"),
        ]


class TestElsewhere:
    """What other accounts have a part in is not replayed on one alone."""

    def test_an_account_that_was_told_of_another_cannot_be_replayed(self) -> None:
        """The referrer's points came from the friend's purchase."""
        members = Members(REFERRAL)
        members.tell(referred("o", "100.00"))
        commits = members.commits[Account.member("ann")]
        with pytest.raises(RerateError, match="ann"):
            REFERRAL.rerate(commits, (bought_by("late", "5.00", "ann", MORNING - 9 * A_DAY),))

    def test_nor_one_whose_replay_would_tell_another(self) -> None:
        """A late purchase that gives a referrer something is decided with the referrer's account beside it."""
        members = Members(REFERRAL)
        members.tell(bought_by("o", "5.00", "bob", at=MORNING))
        commits = members.commits[Account.member("bob")]
        with pytest.raises(RerateError, match="'late'"):
            REFERRAL.rerate(commits, (referred("late", "100.00", at=MORNING - A_DAY),))

    def test_two_late_events_of_one_id_are_a_conflict(self) -> None:
        """The field in which they differ is named; the same twice is one."""
        member = told(ENDLESS, buys("o-1", "5.00", MORNING))
        late = buys("o-0", "7.00", MORNING - A_DAY)
        other: Any = attrs.evolve(late, channel="app")
        with pytest.raises(EventConflictError, match="channel"):
            member.program.rerate(member.commits, (late, other))
        rerate(member, late, late)
        assert member.has() == 12
