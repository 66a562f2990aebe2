"""Challenges: goals in a window, punch cards, milestones, streaks, campaigns of steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from unit_shop import POINTS, STARS, TICK, USD, VISITS, Member, on, program_of

from patronage import (
    Activity,
    Adjustment,
    BenefitKind,
    BonusRule,
    ChallengePolicy,
    InvalidValueError,
    Line,
    On,
    QuantityRule,
    RefundLine,
    SpendRule,
    Unit,
    UnitKind,
)
from patronage.challenges import (
    Campaign,
    CampaignStep,
    Challenge,
    Different,
    DifferentBy,
    Excess,
    Goal,
    Milestone,
    Protection,
    Streak,
)
from patronage.conditions import BalanceIs, Category, EventAttribute, HasGrant, LinePrice, Not
from patronage.granting import GrantRule, RevokeRule
from patronage.periods import DAY, LIFETIME, MONTH, WEEK, YEAR, Window
from patronage.rules import Ceiling
from patronage.terms_of_time import Anniversary, Rolling, Until, WhileGranted, days, months
from patronage.thresholds import Falls, GiveBenefit, GiveCredit, GiveGrant, Looks

PUNCHES = Unit("punches", kind=UnitKind.TALLY)
RUN = Unit("run", kind=UnitKind.TALLY)
DONE = Unit("done", kind=UnitKind.TALLY)
SPENT = Unit("spent", decimals=2, kind=UnitKind.TALLY)
UNITS = (USD, POINTS, STARS, VISITS, PUNCHES, RUN, DONE, SPENT)

PUNCH = QuantityRule(credit=PUNCHES.of(1), lines=Category(["drink"]))
VISIT = BonusRule(credit=VISITS.of(1))
DRINK = GiveGrant(key="drink", uses=1, lasts=days(30, until=Until.END_OF_DAY))
SPEND = SpendRule(per=USD.of("0.01"), credit=SPENT.of("0.01"))


def ten() -> tuple[GiveCredit]:
    """Ten points."""
    return (GiveCredit(amount=POINTS.of(10)),)


def reach(amount: Any, *gives: Any) -> Milestone:
    """A milestone of ten points, unless told."""
    return Milestone(at_least=amount, gives=gives or ten())


def member_of(*challenges: Challenge, rights: Sequence[Any] = (), **fields: Any) -> Member:
    """A member of a program of those challenges."""
    policy = ChallengePolicy(name="own", challenges=challenges, rights=tuple(rights))
    return Member(program_of(policy, units=UNITS, **fields))


def drinks(member: Member, *, id: str, n: int = 1, at: datetime | None = None) -> None:
    """A purchase of so many drinks."""
    member.buy(*(Line(id=f"l{i}", total=USD.of("3.80"), category="drink") for i in range(n)), id=id, at=at)


def held(member: Member, key: str, at: datetime | None = None) -> int:
    """How many rights under a key are in force."""
    return len(member.standing(at).grants(key))


class TestCard:
    """A card that begins anew when it is full."""

    def card(self, *milestones: Milestone, **fields: Any) -> Goal:
        """Nine drinks give one."""
        found = milestones or (reach(PUNCHES.of(9), DRINK),)
        return Goal(
            **{"name": "card", "milestones": found, "counts": (PUNCH,), "starts_again": Excess.CARRIED, **fields}
        )

    def test_what_is_too_many_starts_the_next_card(self) -> None:
        """Eleven punches are a drink and two punches."""
        member = member_of(self.card())
        drinks(member, id="1", n=7)
        drinks(member, id="2", n=4)
        assert (member.has(PUNCHES), held(member, "drink")) == (2, 1)

    def test_what_is_too_many_is_lost(self) -> None:
        """With LOST the next card begins empty."""
        member = member_of(self.card(starts_again=Excess.LOST))
        drinks(member, id="1", n=11)
        assert (member.has(PUNCHES), held(member, "drink")) == (0, 1)

    def test_an_operator_opens_it(self) -> None:
        """Punches of an old paper card are an adjustment."""
        policy = ChallengePolicy(
            name="own", challenges=[self.card(milestones=(reach(VISITS.of(3), DRINK),), counts=())]
        )
        member = Member(program_of(policy))
        member.adjust("2 visits")
        assert held(member, "drink") == 0
        member.adjust("1 visits", id="j-2")
        assert held(member, "drink") == 1

    def test_milestones_of_each_card(self) -> None:
        """Points at four, a drink at eight; the second card gives both again."""
        member = member_of(self.card(reach(PUNCHES.of(4)), reach(PUNCHES.of(8), DRINK)))
        drinks(member, id="1", n=4)
        assert (member.has(), held(member, "drink")) == (10, 0)
        drinks(member, id="2", n=5)
        assert (member.has(), held(member, "drink"), member.has(PUNCHES)) == (10, 1, 1)
        drinks(member, id="3", n=3)
        assert (member.has(), held(member, "drink"), member.has(PUNCHES)) == (20, 1, 4)

    def test_two_cards_at_once_pass_all_their_milestones(self) -> None:
        """Twenty punches are two full cards of eight, and a third that has passed four."""
        member = member_of(self.card(reach(PUNCHES.of(4)), reach(PUNCHES.of(8), DRINK)))
        drinks(member, id="1", n=20)
        assert (member.has(), held(member, "drink"), member.has(PUNCHES)) == (30, 2, 4)

    def test_a_refund_of_all_leaves_nothing(self) -> None:
        """The card's milestones fall with it."""
        member = member_of(self.card(reach(PUNCHES.of(4)), reach(PUNCHES.of(8), DRINK)))
        drinks(member, id="1", n=20)
        member.refund("1")
        assert (member.has(), held(member, "drink"), member.has(PUNCHES)) == (0, 0, 0)

    def test_a_refund_of_several_cards_keeps_the_rounds_that_stand(self) -> None:
        """Of nine punches six come back: the first card's milestone stands, the second card's falls."""
        milestones = (reach(PUNCHES.of(2)), reach(PUNCHES.of(4), DRINK))
        for parts in ((6,), (3, 3), (1, 5)):
            member = member_of(self.card(*milestones))
            drinks(member, id="first", n=3)
            drinks(member, id="second", n=6)
            assert (member.has(), held(member, "drink"), member.has(PUNCHES)) == (20, 2, 1)
            gone = 0
            for n, size in enumerate(parts):
                back = [RefundLine(id=f"l{k}") for k in range(gone, gone + size)]
                member.refund("second", id=f"r-{n}", lines=back)
                gone += size
            assert (member.has(), held(member, "drink"), member.has(PUNCHES)) == (10, 0, 3)

    def test_a_card_that_pays_credit_gives_its_cost_back(self) -> None:
        """One of three drinks comes back: the credit is taken, two punches are left."""
        member = member_of(self.card(reach(PUNCHES.of(3))))
        drinks(member, id="1", n=3)
        member.refund("1", lines=[RefundLine(id="l0")])
        assert (member.has(), member.has(PUNCHES)) == (0, 2)

    def test_two_rights_of_one_card_cost_it_once(self) -> None:
        """A drink and a membership for nine punches."""
        card = self.card(reach(PUNCHES.of(9), DRINK, GiveGrant(key="club", lasts=months(12))))
        member = member_of(card)
        drinks(member, id="1", n=9)
        assert (held(member, "drink"), held(member, "club"), member.has(PUNCHES)) == (1, 1, 0)
        member.refund("1", lines=[RefundLine(id="l0")])
        assert (held(member, "drink"), held(member, "club"), member.has(PUNCHES)) == (0, 0, 8)

    def test_the_free_one_does_not_punch(self) -> None:
        """Only what cost something is counted, by the rule's own condition."""
        paid = QuantityRule(credit=PUNCHES.of(1), lines=LinePrice(at_least=USD.of("0.01")))
        member = member_of(self.card(counts=(paid,)))
        member.buy(Line(total=USD.of(0)), "3.80")
        assert member.has(PUNCHES) == 1


class TestGoal:
    """Figures to reach in a window."""

    def test_each_month_begins_at_nothing(self) -> None:
        """Three visits in a month give ten points; two months' visits do not add up."""
        member = member_of(Goal(name="goal", milestones=(reach(VISITS.of(3)),), counts=(VISIT,), period=MONTH))
        for n, at in enumerate([on(1, 30), on(1, 31), on(2, 1), on(2, 2)]):
            member.buy("1.00", id=str(n), at=at)
        assert (member.has(), member.has(VISITS)) == (0, 2)
        member.buy("1.00", id="5", at=on(2, 3))
        assert member.has() == 10
        member.buy("1.00", id="6", at=on(2, 4))
        assert member.has() == 10

    def test_a_return_in_a_later_month_takes_it_back(self) -> None:
        """The month is over, its count is gone: what was given at its close is known all the same."""
        member = member_of(Goal(name="goal", milestones=(reach(VISITS.of(2)),), counts=(VISIT,), period=MONTH))
        member.buy("1.00", id="1", at=on(1, 30))
        member.buy("1.00", id="2", at=on(1, 31))
        member.refund("2", at=on(3, 5))
        assert member.has() == 0

    def test_every_step_of_a_window(self) -> None:
        """Ten points for each whole 100.00 while the campaign runs, not before and not after."""
        runs = Window(start=on(3, 1), end=on(4, 1))
        goal = Goal(name="goal", milestones=(reach(SPENT.of(100)),), counts=(SPEND,), period=runs, every=True)
        member = member_of(goal)
        member.buy("500.00", id="1", at=on(2, 28))
        member.buy("150.00", id="2", at=on(3, 1))
        member.buy("150.00", id="3", at=on(4, 1) - TICK)
        assert member.has() == 30
        member.buy("500.00", id="4", at=on(4, 1))
        assert member.has() == 30

    def test_milestones_once_ever_kept_on_a_return(self) -> None:
        """The count falls with a return, the gift stays, and is not given a second time."""
        mug = GiveBenefit(kind=BenefitKind.PRODUCT, reward="mug")
        milestones = (reach(SPENT.of(50), mug), reach(SPENT.of(100), mug))
        member = member_of(Goal(name="goal", milestones=milestones, counts=(SPEND,), falls=Falls.KEPT))
        assert len(member.buy("60.00", id="1").benefits) == 1
        member.refund("1")
        assert member.has(SPENT) == 0
        assert member.buy("70.00", id="2").benefits == ()
        assert len(member.buy("50.00", id="3").benefits) == 1

    def test_what_others_credit(self) -> None:
        """Without rules of its own a goal reads a unit of the terms."""
        policy = ChallengePolicy(name="own", challenges=[Goal(name="g", milestones=[reach(STARS.of(5))])])
        member = Member(program_of(policy))
        member.adjust("5 stars")
        assert member.has() == 10

    def test_five_different_products(self) -> None:
        """The same one twice counts once; what comes back does not count."""
        goal = Goal(name="goal", milestones=(reach(DONE.of(3)),), different=Different(lines=Category(["produce"])))
        member = member_of(goal)
        lines = [Line(id=sku, total=USD.of(2), sku=sku, category="produce") for sku in ("kale", "leek", "pear")]
        member.buy(*lines[:2], Line(total=USD.of(2), sku="kale", category="produce"), id="1")
        assert member.has() == 0
        member.buy(lines[2], Line(total=USD.of(2), sku="mug"), id="2")
        assert member.has() == 10
        member.refund("2", lines=[RefundLine(id="pear")])
        assert member.has() == 0

    def test_different_stores(self) -> None:
        """Two stores in a month."""
        goal = Goal(name="g", milestones=(reach(DONE.of(2)),), different=Different(by=DifferentBy.STORE), period=MONTH)
        member = member_of(goal)
        member.buy("1.00", id="1", store="north")
        member.buy("1.00", id="2", store="north")
        assert member.has() == 0
        member.buy("1.00", id="3", store="south")
        assert member.has() == 10

    def test_at_the_close(self) -> None:
        """What is judged at the close is given then."""
        goal = Goal(name="g", milestones=(reach(VISITS.of(1)),), counts=(VISIT,), period=MONTH, looks=Looks.AT_CLOSE)
        member = member_of(goal)
        member.buy("1.00", at=on(1, 5))
        assert member.has(at=datetime(2026, 2, 1, 5, tzinfo=UTC) - TICK) == 0
        assert member.has(at=datetime(2026, 2, 1, 5, tzinfo=UTC)) == 10

    def test_not_more_than_one_a_day_counts(self) -> None:
        """A ceiling of the counting rule holds."""
        once = BonusRule(credit=VISITS.of(1), ceilings=(Ceiling(name="daily", limit=VISITS.of(1), per=DAY),))
        member = member_of(Goal(name="g", milestones=(reach(VISITS.of(2)),), counts=(once,), period=MONTH))
        member.buy("1.00", id="1", at=on(1, 5))
        member.buy("1.00", id="2", at=on(1, 5, 13))
        assert member.has() == 0
        member.buy("1.00", id="3", at=on(1, 6))
        assert member.has() == 10


class TestEntered:
    """A window that a right opens."""

    ENTERS = GrantRule(name="enters", key="entered", activity="enter", lasts=days(7, until=Until.END_OF_DAY))
    LEAVES = RevokeRule(name="leaves", key="entered", activity="leave")
    GOAL = Goal(name="goal", milestones=(reach(SPENT.of(100)),), counts=(SPEND,), opened_by="entered")

    def member(self) -> Member:
        """A member of the program."""
        return member_of(self.GOAL, rights=(self.ENTERS, self.LEAVES))

    def test_it_counts_from_the_entry_to_its_end(self) -> None:
        """Spend before the entry, and after the seventh day, does not count."""
        member = self.member()
        member.buy("90.00", id="1", at=on(3, 1))
        member.does("enter", at=on(3, 2))
        member.buy("99.99", id="2", at=on(3, 3))
        assert member.has(SPENT) == 9_999
        last = datetime(2026, 3, 10, 4, tzinfo=UTC)
        assert member.has(SPENT, at=last - TICK) == 9_999
        assert member.has(SPENT, at=last) == 0
        member.buy("0.01", id="3", at=last)
        assert member.has() == 0

    def test_the_last_instant_counts(self) -> None:
        """One tick before the end it is reached."""
        member = self.member()
        member.does("enter", at=on(3, 2))
        member.buy("99.99", id="2", at=on(3, 3))
        member.buy("0.01", id="3", at=datetime(2026, 3, 10, 4, tzinfo=UTC) - TICK)
        assert member.has() == 10

    def test_entered_again_it_begins_anew(self) -> None:
        """A second entry, after the first has ended, counts for itself, and gives again."""
        member = self.member()
        for n, month in enumerate((3, 5)):
            member.does("enter", id=f"enter-{n}", at=on(month, 2))
            member.buy("60.00", id=f"a{n}", at=on(month, 3))
            member.buy("60.00", id=f"b{n}", at=on(month, 4))
            assert member.has() == 10 * (n + 1)

    def test_a_return_after_its_end_takes_it_back(self) -> None:
        """The right has ended: when it was held is still known."""
        member = self.member()
        member.does("enter", at=on(3, 2))
        member.buy("100.00", at=on(3, 3))
        member.refund(at=on(4, 3))
        assert member.has() == 0
        assert member.standing(on(4, 3)).available(SPENT).steps == 0

    def test_what_leaves_counts_no_more(self) -> None:
        """Leaving ends the right and what it had counted."""
        member = self.member()
        member.does("enter", at=on(3, 2))
        member.buy("60.00", id="1", at=on(3, 3))
        member.does("leave", id="a-2", at=on(3, 4))
        member.buy("60.00", id="2", at=on(3, 5))
        assert (member.has(), member.has(SPENT)) == (0, 0)

    def test_prolonged_it_counts_on(self) -> None:
        """Given again while it is held, the right ends later and the count goes on."""
        member = self.member()
        member.does("enter", id="a-1", at=on(3, 2))
        member.buy("60.00", id="1", at=on(3, 3))
        member.does("enter", id="a-2", at=on(3, 8))
        member.buy("60.00", id="2", at=on(3, 12))
        assert member.has() == 10

    def test_measures_of_activities_count(self) -> None:
        """Deposits of a certain source, from an account that is opened with a coupon."""
        deposits = QuantityRule(
            activity="deposit",
            measure="amount",
            per="0.01",
            credit=SPENT.of("0.01"),
            when=EventAttribute("source", ["payroll"]),
        )
        member = member_of(
            Goal(name="goal", milestones=(reach(SPENT.of(500)),), counts=(deposits,), opened_by="entered"),
            rights=(self.ENTERS,),
        )
        member.does("enter", at=on(3, 2))
        member.does("deposit", id="1", measures={"amount": "499.99"}, attributes={"source": "payroll"})
        member.does("deposit", id="2", measures={"amount": "600.00"}, attributes={"source": "p2p"})
        assert (member.has(SPENT), member.has()) == (49_999, 0)
        member.does("deposit", id="3", measures={"amount": "0.01"}, attributes={"source": "payroll"})
        assert member.has() == 10

    def test_not_again_within_a_time(self) -> None:
        """The right is given only to those who have not had the bonus for six months."""
        enters = GrantRule(name="enters", key="entered", activity="enter", lasts=days(7), when=Not(HasGrant("had")))
        gives = (*ten(), GiveGrant(key="had", lasts=months(6)))
        goal = Goal(
            name="goal",
            milestones=(Milestone(at_least=VISITS.of(1), gives=gives),),
            counts=(VISIT,),
            opened_by="entered",
        )
        member = member_of(goal, rights=(enters,))
        for n, month in enumerate((1, 3, 8)):
            member.does("enter", id=f"a-{n}", at=on(month, 2))
            member.buy("1.00", id=f"o-{n}", at=on(month, 3))
        assert member.has() == 20


class TestStreak:
    """Periods in a row."""

    def streak(self, **fields: Any) -> Streak:
        """A visit a day; ten points for three days in a row."""
        return Streak(
            **{
                "name": "daily",
                "at_least": VISITS.of(1),
                "run": RUN.of(1),
                "counts": (VISIT,),
                "milestones": (reach(RUN.of(3)),),
                **fields,
            }
        )

    def visits(self, member: Member, *daily: int, hour: int = 12) -> None:
        """A purchase on each of those days of March."""
        for day in daily:
            member.buy("1.00", id=f"o-{day}-{hour}", at=on(3, day, hour))

    def test_days_in_a_row(self) -> None:
        """Two visits on one day are one day; a day missed ends the run at its midnight."""
        member = member_of(self.streak())
        self.visits(member, 1, 2)
        self.visits(member, 2, hour=13)
        assert member.has(RUN) == 2
        midnight = datetime(2026, 3, 4, 5, tzinfo=UTC)
        assert member.has(RUN, at=midnight - TICK) == 2
        assert member.has(RUN, at=midnight) == 0
        self.visits(member, 4, 5)
        assert (member.has(RUN), member.has()) == (2, 0)
        self.visits(member, 6)
        assert member.has() == 10

    def test_a_milestone_gives_once_in_each_run(self) -> None:
        """Four days are one bonus; another run is another."""
        member = member_of(self.streak())
        self.visits(member, 1, 2, 3, 4)
        assert member.has() == 10
        self.visits(member, 10, 11, 12)
        assert member.has() == 20

    def test_it_starts_again(self) -> None:
        """With starts_again every three days are a bonus."""
        member = member_of(self.streak(starts_again=True))
        self.visits(member, 1, 2, 3)
        assert (member.has(RUN), member.has()) == (0, 10)
        self.visits(member, 4, 5, 6)
        assert (member.has(RUN), member.has()) == (0, 20)

    def test_a_return_takes_the_day_out(self) -> None:
        """Today's only visit comes back: the run is as it was yesterday, and ends tonight if nothing else comes."""
        member = member_of(self.streak())
        self.visits(member, 1, 2, 3)
        member.refund("o-3-12", at=on(3, 3, 14))
        assert (member.has(RUN), member.has()) == (2, 0)
        assert member.has(RUN, at=on(3, 4)) == 0
        self.visits(member, 3, hour=15)
        assert (member.has(RUN), member.has()) == (3, 10)

    def test_its_state_does_not_grow(self) -> None:
        """A month of days leaves one right for today and one for yesterday."""
        member = member_of(self.streak(milestones=()))
        self.visits(member, *range(1, 29))
        assert member.has(RUN) == 28
        assert len(member.state.grants) <= 2
        assert sum(len(lots) for lots in member.state.lots.values()) < 400

    def test_weeks_that_are_judged_when_they_close(self) -> None:
        """Three different things a week, two weeks in a row: judged on Monday at midnight."""
        streak = self.streak(
            at_least=DONE.of(3),
            counts=(),
            different=Different(),
            period=WEEK,
            looks=Looks.AT_CLOSE,
            milestones=(reach(RUN.of(2)),),
            starts_again=True,
        )
        member = member_of(streak)
        things = [Line(id=sku, total=USD.of(2), sku=sku) for sku in ("a", "b", "c")]
        member.buy(*things, id="1", at=on(3, 3))
        member.buy(*things, id="2", at=on(3, 10))
        monday = datetime(2026, 3, 16, 4, tzinfo=UTC)
        assert member.has(RUN, at=monday - TICK) == 1
        assert member.has(at=monday - TICK) == 0
        assert (member.has(at=monday), member.has(RUN, at=monday)) == (10, 0)
        member.buy(*things[:2], id="3", at=on(3, 17))
        member.buy(*things, id="4", at=on(3, 24))
        assert member.has(RUN, at=on(4, 1)) == 1
        assert member.has(RUN, at=on(4, 7)) == 0

    def test_a_protected_day_is_skipped(self) -> None:
        """One missed day a year is kept; the second one ends the run."""
        member = member_of(self.streak(protection=Protection(limit=1), milestones=()))
        self.visits(member, 1, 2, 4, 5)
        assert member.has(RUN) == 4
        self.visits(member, 7)
        assert member.has(RUN) == 1

    def test_a_protected_day_does_not_bridge_two(self) -> None:
        """Each missed day is one protection."""
        member = member_of(self.streak(protection=Protection(limit=1), milestones=()))
        self.visits(member, 1, 2)
        assert member.has(RUN, at=on(3, 4)) == 2
        assert member.has(RUN, at=on(3, 5)) == 0

    def test_a_protection_that_is_switched_on(self) -> None:
        """It protects while the member has it on."""
        on_rule = GrantRule(name="on", key="protected", activity="protect")
        off = RevokeRule(name="off", key="protected", activity="unprotect")
        protection = Protection(limit=14, when=HasGrant("protected"))
        member = member_of(self.streak(protection=protection, milestones=()), rights=(on_rule, off))
        member.does("protect", at=on(2, 1))
        self.visits(member, 1, 2, 4, 5)
        assert member.has(RUN) == 4
        member.does("unprotect", id="a-2", at=on(3, 5, 15))
        self.visits(member, 7)
        assert member.has(RUN) == 1

    def test_a_protection_that_costs(self) -> None:
        """Freezes are a balance: one is taken for the missed day, and the next missed day has none."""
        member = member_of(self.streak(protection=Protection(costs=PUNCHES.of(1)), milestones=()))
        member.accept(_adjust(member, PUNCHES.of(1)))
        self.visits(member, 1, 2, 4)
        assert (member.has(RUN), member.has(PUNCHES)) == (3, 0)
        self.visits(member, 6)
        assert member.has(RUN) == 1

    def test_lazy_time_is_eager_time(self) -> None:
        """Looking every day or once at the end comes to the same."""
        lazy = member_of(self.streak(protection=Protection(limit=2), milestones=()))
        eager = member_of(self.streak(protection=Protection(limit=2), milestones=()))
        for member in (lazy, eager):
            self.visits(member, 1, 2)
        for day in range(3, 12):
            eager.pass_to(on(3, day))
        self.visits(lazy, 12)
        self.visits(eager, 12)
        assert lazy.state.lots == eager.state.lots
        assert lazy.state.grants == eager.state.grants
        assert lazy.has(RUN) == 1


def _adjust(member: Member, amount: Any) -> Any:
    return Adjustment(
        id="opening", member="m-1", occurred_at=member.when(None), amount=amount, actor="ops", reason="test"
    )


class TestCampaign:
    """Steps with a reward each, and one for all."""

    REVIEW = BonusRule(on=On.ACTIVITY, activity="review", credit=DONE.of(1))
    STEPS = (
        CampaignStep(name="buy", at_least=DONE.of(1), counts=(BonusRule(credit=DONE.of(1)),), gives=ten()),
        CampaignStep(name="review", at_least=DONE.of(2), counts=(REVIEW,), gives=ten()),
    )

    def campaign(self, **fields: Any) -> Campaign:
        """Buy once, review twice; a hundred points for both."""
        return Campaign(**{"name": "c", "steps": self.STEPS, "gives": (GiveCredit(amount=POINTS.of(100)),), **fields})

    def test_each_step_gives_and_all_of_them_too(self) -> None:
        """Ten for each, a hundred with the last, and nothing more after it."""
        member = member_of(self.campaign())
        member.does("review", id="1")
        assert member.has() == 0
        member.does("review", id="2")
        assert member.has() == 10
        member.buy("1.00", id="3")
        assert member.has() == 120
        member.does("review", id="4", count=5)
        member.buy("1.00", id="5")
        assert member.has() == 120

    def test_in_order_only_what_comes_after_counts(self) -> None:
        """Reviews before the purchase do not count."""
        member = member_of(self.campaign(in_order=True))
        member.does("review", id="1", count=2)
        member.buy("1.00", id="2")
        assert member.has() == 10
        member.does("review", id="3", count=2)
        assert member.has() == 120

    def test_a_return_takes_a_step_and_the_whole(self) -> None:
        """The review's ten stay."""
        member = member_of(self.campaign())
        member.does("review", id="1", count=2)
        member.buy("1.00", id="2")
        member.refund("2")
        assert member.has() == 10
        member.buy("1.00", id="3")
        assert member.has() == 120

    def test_each_month(self) -> None:
        """A campaign of a month begins anew with the next."""
        member = member_of(self.campaign(period=MONTH))
        for n, month in enumerate((1, 2)):
            member.does("review", id=f"r-{n}", count=2, at=on(month, 5))
            member.buy("1.00", id=f"o-{n}", at=on(month, 6))
            assert member.has() == 120 * (n + 1)

    def test_a_return_in_a_later_month_takes_the_month_apart(self) -> None:
        """January's campaign is undone, February's stands."""
        member = member_of(self.campaign(period=MONTH))
        for n, month in enumerate((1, 2)):
            member.does("review", id=f"r-{n}", count=2, at=on(month, 5))
            member.buy("1.00", id=f"o-{n}", at=on(month, 6))
        member.refund("o-0", id="back", at=on(2, 7))
        assert member.has() == 130


class TestRightsAlone:
    """A policy that keeps what members are, and asks nothing of them."""

    def test_an_activity_keeps_a_member_active(self) -> None:
        """Without challenges its rights are given all the same."""
        active = GrantRule(name="came", key="active", activity="visit", lasts=days(30))
        member = member_of(rights=[active])
        member.does("visit", at=on(1, 5))
        assert (held(member, "active", on(1, 6)), held(member, "active", on(2, 5))) == (1, 0)


class TestRefused:
    """What makes no sense is refused, in plain words."""

    @pytest.mark.parametrize(
        ("make", "says"),
        [
            (lambda: Goal(name="g", milestones=()), "at least one milestone"),
            (lambda: reach(POINTS.of(0)), "above 0"),
            (lambda: Goal(name="g", milestones=(reach(STARS.of(2)), reach(STARS.of(2)))), "rising order"),
            (lambda: Goal(name="g", milestones=(reach(STARS.of(2)), reach(POINTS.of(3)))), "in one unit"),
            (lambda: Goal(name="g", milestones=(reach(STARS.of(2)),), counts=(VISIT,)), "credits stars"),
            (
                lambda: Goal(name="g", milestones=(reach(STARS.of(2)),), period=Rolling(term=days(3))),
                "periods that close",
            ),
            (
                lambda: Goal(name="g", milestones=(reach(STARS.of(2)),), period=Anniversary(term=months(12))),
                "opened by a right",
            ),
            (
                lambda: Goal(name="g", milestones=(reach(STARS.of(2)),), starts_again=Excess.LOST, period=MONTH),
                "begins anew",
            ),
            (lambda: Goal(name="g", milestones=(reach(STARS.of(2)),), looks=Looks.AT_CLOSE), "when a period ends"),
            (lambda: Window(start=on(2, 1), end=on(1, 1)), "must end after"),
            (Protection, "a limit, costs something"),
            (
                lambda: Streak(name="s", at_least=VISITS.of(1), run=VISITS.of(1)),
                "two units",
            ),
            (lambda: Campaign(name="c", steps=()), "has steps"),
            (lambda: ChallengePolicy(name="own", challenges=()), "has challenges"),
            (
                lambda: GrantRule(name="r", key="k", value="a", value_from="b", activity="x"),
                "not both",
            ),
            (lambda: GrantRule(name="r", key="k"), "names the kind of activity"),
            (lambda: GrantRule(name="r", key="k", activity="x", uses=0), "at least 1"),
            (lambda: WhileGranted().span(on(1, 1), None), "needs a start"),  # type: ignore[arg-type]
        ],
    )
    def test_a_plain_sentence(self, make: Any, says: str) -> None:
        """Each says what is wrong."""
        with pytest.raises(InvalidValueError, match=says):
            make()

    def test_units_that_the_terms_do_not_have(self) -> None:
        """A goal in an unknown unit is refused when the terms are bound."""
        policy = ChallengePolicy(name="own", challenges=[Goal(name="g", milestones=[reach(DONE.of(1))])])
        with pytest.raises(InvalidValueError, match="no unit of the terms"):
            program_of(policy)

    def test_two_parts_of_one_name(self) -> None:
        """A goal's second milestone and another challenge may not share a name."""
        first = Goal(name="g", milestones=(reach(STARS.of(1)), reach(STARS.of(2))))
        with pytest.raises(InvalidValueError, match="named g-2"):
            ChallengePolicy(name="own", challenges=[first, Goal(name="g-2", milestones=[reach(STARS.of(3))])])


def test_a_right_takes_its_value_from_the_event() -> None:
    """A new value replaces the old one; an event that states none gives nothing."""
    birthday = GrantRule(name="b", key="birthday", activity="born", value_from="day", replaces=True)
    goal = Goal(name="g", milestones=[reach(STARS.of(1))], when=BalanceIs(at_least=STARS.of(1)))
    member = member_of(goal, rights=(birthday,))
    member.does("born", id="1", attributes={"day": "02-29"})
    member.does("born", id="2", attributes={"day": "03-01"})
    member.does("born", id="3")
    assert [grant.value for grant in member.standing().grants("birthday")] == ["03-01"]


def test_years_and_lifetimes_are_periods_of_goals() -> None:
    """A yearly goal gives each year."""
    member = member_of(Goal(name="g", milestones=(reach(VISITS.of(1)),), counts=(VISIT,), period=YEAR))
    member.buy("1.00", id="1", at=on(1, 5))
    member.buy("1.00", id="2", at=on(1, 5, year=2027))
    assert member.has() == 20
    assert Goal(name="g", milestones=(reach(VISITS.of(1)),), period=LIFETIME).period == LIFETIME


def test_an_activity_without_the_measure_counts_nothing() -> None:
    """No figure, no count."""
    rule = QuantityRule(activity="run", measure="km", credit=DONE.of(1))
    member = member_of(Goal(name="g", milestones=(reach(DONE.of(1)),), counts=(rule,)))
    member.accept(Activity(id="a", member="m-1", occurred_at=member.when(None), kind="run"))
    assert member.has(DONE) == 0


def _goal(**fields: Any) -> Goal:
    """Three visits a month."""
    made = {"name": "goal", "milestones": (reach(VISITS.of(3)),), "counts": (VISIT,), "period": MONTH}
    return Goal(**{**made, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"counts": ("visit",)},
        {"milestones": ("three",)},
        {"milestones": (reach(VISITS.of(3)), reach(VISITS.of(5))), "every": True},
        {"milestones": (reach(VISITS.of(3)), reach(VISITS.of(3)))},
        {"milestones": ()},
    ],
)
def test_a_goal_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """What counts are rules, what is reached are milestones, and every step is one of them."""
    with pytest.raises(InvalidValueError):
        _goal(**fields)
