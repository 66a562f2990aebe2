"""What counts inside a window alone, and what counts each different thing once: a challenge's counting."""

from __future__ import annotations

from typing import Any

import pytest
from unit_shop import POINTS, USD, Member, on, program_of

from patronage import BonusRule, ChallengePolicy, Line, SpendRule, Unit, UnitKind
from patronage.challenges import Challenge, Different, DifferentBy, Goal, Milestone
from patronage.conditions import Channel
from patronage.explain import explain
from patronage.granting import GrantRule
from patronage.periods import Window
from patronage.terms_of_time import WhileHeld, days
from patronage.thresholds import GiveCredit

DONE = Unit("done", kind=UnitKind.TALLY)
SPENT = Unit("spent", kind=UnitKind.TALLY)
UNITS = (USD, POINTS, DONE, SPENT)
ENTERS = GrantRule(name="enters", key="entered", activity="enter", lasts=days(7))
STAYS = GrantRule(name="stays", key="entered", activity="enter")
SPRING = Window(start=on(3, 1), end=on(4, 1))
DOLLARS = SpendRule(name="dollars", per=USD.of(1), credit=SPENT.of(1))
VISITS = BonusRule(name="visits", credit=SPENT.of(1))


def goal(**fields: Any) -> Goal:
    """A goal far away, for its counting alone."""
    unit = DONE if "different" in fields else SPENT
    far = Milestone(at_least=unit.of(1000), gives=(GiveCredit(amount=POINTS.of(10)),))
    return Goal(**{"name": "goal", "milestones": (far,), **fields})


def member_of(challenge: Challenge, *rights: GrantRule) -> Member:
    """A member of a program of that challenge."""
    return Member(program_of(ChallengePolicy(name="own", challenges=(challenge,), rights=rights), units=UNITS))


class TestOutside:
    """Outside of its window nothing counts, and that is what is told."""

    def test_each_rule_that_would_have_counted_is_told_to_be_closed(self) -> None:
        """Before the window both rules are named with the reason; inside it neither is."""
        member = member_of(goal(counts=(DOLLARS, VISITS), period=SPRING))
        closed = explain(member.buy("5.00", at=on(2, 1)).commits[0], member.program).text
        for rule in ("dollars", "visits"):
            assert f"Rule {rule} did not apply: the time in which it counts was not open." in closed
        assert member.has(SPENT) == 0
        opened = explain(member.buy("5.00", id="o-2", at=on(3, 2)).commits[0], member.program).text
        assert "was not open" not in opened
        assert member.has(SPENT) == 6

    def test_different_things_are_counted_inside_it_alone(self) -> None:
        """A product bought before the window, in it, and after it."""
        member = member_of(goal(different=Different(), period=SPRING))
        kale, leek = (Line(total=USD.of(1), sku=sku) for sku in ("kale", "leek"))
        assert member.buy(kale, id="o-1", at=on(2, 1)).entries == ()
        member.buy(leek, id="o-2", at=on(3, 2))
        assert set(member.standing().labels(DONE)) == {"leek"}
        member.pass_to(on(4, 1))
        assert member.standing().labels(DONE) == {}
        assert member.buy(kale, id="o-3", at=on(4, 2)).entries == ()


class TestDifferent:
    """Each different thing has a label of its own, and is counted once."""

    def labels(self, different: Different, *lines: Line, **fields: Any) -> set[str | None]:
        """What was counted of a purchase of those lines."""
        member = member_of(goal(different=different))
        member.buy(*lines, **fields)
        return set(member.standing().labels(DONE))

    def test_by_tag_a_line_may_state_several(self) -> None:
        """Two tags on one line, one of them on another, none on the third."""
        lines = (
            Line(id="a", total=USD.of(1), tags=["new", "local"]),
            Line(id="b", total=USD.of(1), tags=["local"]),
            Line(id="c", total=USD.of(1)),
        )
        assert self.labels(Different(by=DifferentBy.TAG), *lines) == {"local", "new"}

    def test_a_line_that_states_nothing_counts_nothing(self) -> None:
        """Without a brand there is nothing that could differ."""
        lines = (Line(id="a", total=USD.of(1), brand="acme"), Line(id="b", total=USD.of(1)))
        assert self.labels(Different(by=DifferentBy.BRAND), *lines) == {"acme"}

    @pytest.mark.parametrize(("channel", "counted"), [("app", {"kale"}), ("web", set())])
    def test_purchases_that_do_not_count_add_nothing(self, channel: str, counted: set[str]) -> None:
        """Only what is bought in the app."""
        different = Different(when=Channel(["app"]))
        assert self.labels(different, Line(total=USD.of(1), sku="kale"), channel=channel) == counted

    def test_an_activity_buys_nothing_different(self) -> None:
        """What is no purchase has no lines."""
        member = member_of(goal(different=Different()))
        assert member.does("visit").entries == ()


class TestHeld:
    """What is counted while a right is held needs that right."""

    def test_a_right_without_an_end_counts_as_long_as_it_is_held(self) -> None:
        """What is counted has no date of its own, and ends with the right."""
        member = member_of(goal(counts=(VISITS,), period=WhileHeld(), opened_by="entered"), STAYS)
        member.buy("1.00", id="o-0")
        assert member.has(SPENT) == 0
        member.does("enter")
        member.buy("1.00")
        assert member.has(SPENT) == 1
        (lot,) = member.state.lots["spent"]
        assert (lot.validity.expires_at, lot.validity.needs) == (None, "entered")

    def test_a_right_with_an_end_takes_its_count_with_it(self) -> None:
        """Seven days from the entry, and then nothing is there."""
        member = member_of(goal(counts=(VISITS,), opened_by="entered"), ENTERS)
        member.does("enter", at=on(3, 1))
        member.buy("1.00", at=on(3, 2))
        assert member.has(SPENT, at=on(3, 7)) == 1
        assert member.has(SPENT, at=on(3, 9)) == 0
