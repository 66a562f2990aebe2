"""Laws of challenges, offers and memberships: nothing is gained by what comes back; late time is early time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from patronage import (
    BonusRule,
    Ceiling,
    ChallengePolicy,
    Commit,
    Event,
    Line,
    MembershipPolicy,
    MultiplierRule,
    OfferPolicy,
    Program,
    Purchase,
    QuantityRule,
    Refund,
    RefundLine,
    SpendRule,
    State,
    Terms,
    Unit,
    UnitKind,
    currency,
    fold,
)
from patronage.audit import audit
from patronage.challenges import Campaign, CampaignStep, Different, Excess, Goal, Milestone, Protection, Streak
from patronage.conditions import Category
from patronage.memberships import MembershipCancelled, MembershipRenewed, MembershipStarted
from patronage.offers import Offer, UseLimit
from patronage.periods import LIFETIME, MONTH, WEEK
from patronage.plans import Back, FeeBack, Plan
from patronage.terms_of_time import days, months
from patronage.thresholds import GiveCredit, GiveGrant, Looks

USD, POINTS = currency("USD"), Unit("points")
TALLIES = [Unit(code, kind=UnitKind.TALLY) for code in ("punches", "visits", "run", "steps", "kinds", "weeks")]
PUNCHES, VISITS, RUN, STEPS, KINDS, WEEKS = TALLIES
START = datetime(2026, 1, 28, 12, tzinfo=UTC)
SKUS = ("a", "b", "c")


def bonus(points: int) -> tuple[GiveCredit, ...]:
    """So many points."""
    return (GiveCredit(amount=POINTS.of(points)),)


CHALLENGES = ChallengePolicy(
    name="challenges",
    challenges=[
        Goal(
            name="card",
            milestones=[
                Milestone(at_least=PUNCHES.of(2), gives=bonus(3)),
                Milestone(at_least=PUNCHES.of(4), gives=(GiveGrant(key="drink", uses=1), *bonus(5))),
            ],
            counts=[QuantityRule(credit=PUNCHES.of(1), lines=Category(["drink"]))],
            starts_again=Excess.CARRIED,
        ),
        Goal(
            name="month",
            milestones=[
                Milestone(at_least=VISITS.of(2), gives=bonus(7)),
                Milestone(at_least=VISITS.of(3), gives=bonus(11)),
            ],
            counts=[BonusRule(credit=VISITS.of(1))],
            period=MONTH,
        ),
        Campaign(
            name="both",
            steps=[
                CampaignStep(
                    name="drink",
                    at_least=STEPS.of(1),
                    counts=[QuantityRule(credit=STEPS.of(1), lines=Category(["drink"]))],
                    gives=bonus(13),
                ),
                CampaignStep(
                    name="cake",
                    at_least=STEPS.of(1),
                    counts=[QuantityRule(credit=STEPS.of(1), lines=Category(["cake"]))],
                    gives=bonus(17),
                ),
            ],
            gives=bonus(19),
            period=MONTH,
        ),
    ],
)
RUNS = ChallengePolicy(
    name="runs",
    challenges=[
        Streak(
            name="daily",
            at_least=VISITS.of(1),
            run=RUN.of(1),
            counts=[BonusRule(credit=VISITS.of(1))],
            milestones=[Milestone(at_least=RUN.of(2), gives=bonus(23))],
            protection=Protection(limit=2),
        ),
        Streak(
            name="weekly",
            at_least=KINDS.of(2),
            run=WEEKS.of(1),
            different=Different(),
            period=WEEK,
            looks=Looks.AT_CLOSE,
            milestones=[Milestone(at_least=WEEKS.of(2), gives=bonus(29))],
            starts_again=True,
        ),
    ],
)
OFFERS = OfferPolicy(
    name="offers",
    rules=[SpendRule(name="base", per=USD.of(1), credit=POINTS.of(1))],
    offers=[
        Offer(
            name="drinks",
            rules=[MultiplierRule(factor=3, lines=Category(["drink"]))],
            ceilings=[Ceiling(name="most", limit=POINTS.of(20), per=LIFETIME)],
        ),
        Offer(name="twice", rules=[BonusRule(credit=POINTS.of(31))], limits=[UseLimit(name="uses", uses=2)]),
        Offer(
            name="cakes",
            rules=[SpendRule(per=USD.of(1), credit=POINTS.of(4), lines=Category(["cake"]))],
            replaces=["base"],
        ),
    ],
)


def program_of(*policies: ChallengePolicy | OfferPolicy | MembershipPolicy) -> Program:
    """A program in New York of those policies."""
    terms = Terms(units=(USD, POINTS, *TALLIES), policies=policies)
    return Program(id="shop", time_zone="America/New_York", terms=terms)


class Account:
    """One member's account, whose commits are kept."""

    def __init__(self, program: Program) -> None:
        self.program, self.state = program, State.of("m-1")
        self.commits: list[Commit] = []

    def tell(self, event: Event) -> None:
        """Decides an event and stores what it comes to."""
        decision = self.program.decide(self.state, event, history=self.commits)
        self.commits.extend(decision.commits)
        self.state = decision.state or self.state

    def passes(self, until: datetime) -> None:
        """What time alone does."""
        passed = self.program.advance(self.state, until)
        self.commits.extend(passed.commits)
        self.state = passed.state or self.state

    def is_sound(self) -> bool:
        """Whether the ledger adds up to the state."""
        calendar = self.program.calendar
        audit(self.commits, calendar=calendar)
        return not self.commits or fold(self.commits, calendar=calendar) == self.state


@st.composite
def purchases(draw: st.DrawFn) -> list[Purchase]:
    """Up to eight purchases, some hours or days apart, of one to three lines of drinks and cake."""
    made: list[Purchase] = []
    at = START
    for n in range(draw(st.integers(1, 8))):
        at += timedelta(hours=draw(st.sampled_from([1, 5, 24, 30, 60, 200])))
        lines = [
            Line(
                id=str(k),
                total=USD.of(draw(st.integers(1, 9))),
                category=draw(st.sampled_from(["drink", "cake", "mug"])),
                sku=draw(st.sampled_from(SKUS)),
                quantity=draw(st.integers(1, 3)),
            )
            for k in range(draw(st.integers(1, 3)))
        ]
        made.append(Purchase(id=f"o-{n}", member="m-1", occurred_at=at, lines=lines))
    return made


def refunds(made: list[Purchase], order: list[int], at: datetime) -> list[Refund]:
    """All of them come back, line by line, in an order of its own."""
    found = []
    for k in order:
        for line in made[k].lines:
            at += timedelta(minutes=1)
            found.append(
                Refund(
                    id=f"r-{k}-{line.id}",
                    member="m-1",
                    occurred_at=at,
                    purchase=f"o-{k}",
                    lines=[RefundLine(id=line.id or "")],
                )
            )
    return found


class TestWhatComesBack:
    """A purchase and its full refund leave no gain."""

    @given(made=purchases(), seed=st.randoms(use_true_random=False), wait=st.sampled_from([0, 3, 40]))
    @settings(deadline=None)
    def test_nothing_is_left_of_challenges_and_offers(self, made: list[Purchase], seed: object, wait: int) -> None:
        """Whatever was bought, in whatever order it comes back, soon or after the periods are over."""
        account = Account(program_of(CHALLENGES, OFFERS))
        for purchase in made:
            account.tell(purchase)
        order = list(range(len(made)))
        seed.shuffle(order)  # type: ignore[attr-defined]
        last = made[-1].occurred_at + timedelta(days=wait)
        back = refunds(made, order, last)
        for refund in back:
            account.tell(refund)
        standing = account.program.at(account.state, back[-1].occurred_at)
        assert standing.available(POINTS).steps == 0
        assert standing.grants("drink") == ()
        for unit in (PUNCHES, VISITS, STEPS):
            for label in (None, "drink", "cake"):
                assert standing.available(unit, label).steps == 0
        assert account.is_sound()

    @given(made=purchases())
    @settings(deadline=None)
    def test_in_parts_is_in_whole(self, made: list[Purchase]) -> None:
        """The last purchase comes back line by line, or at once: the same balances and rights."""
        whole, parts = (Account(program_of(CHALLENGES, OFFERS)) for _ in range(2))
        for purchase in made:
            whole.tell(purchase)
            parts.tell(purchase)
        last = made[-1]
        in_parts = refunds(made, [len(made) - 1], last.occurred_at)
        for refund in in_parts:
            parts.tell(refund)
        at = in_parts[-1].occurred_at
        whole.tell(Refund(id="all", member="m-1", occurred_at=at, purchase=last.id))
        for unit in (POINTS, PUNCHES, VISITS):
            assert whole.program.at(whole.state, at).available(unit) == parts.program.at(parts.state, at).available(
                unit
            )
        held = [sorted(g.identity for g in account.state.grants) for account in (whole, parts)]
        assert held[0] == held[1]


class TestTime:
    """Lazy and eager time agree, entries and states."""

    @given(made=purchases(), looks=st.lists(st.integers(1, 400), max_size=6))
    @settings(deadline=None)
    def test_of_streaks(self, made: list[Purchase], looks: list[int]) -> None:
        """Looked at in between or not, runs, protections and weeks come to the same."""
        lazy, eager = Account(program_of(RUNS, CHALLENGES)), Account(program_of(RUNS, CHALLENGES))
        end = made[-1].occurred_at + timedelta(days=40)
        stops = sorted(START + timedelta(hours=hour) for hour in looks)
        for purchase in made:
            while stops and stops[0] < purchase.occurred_at:
                eager.passes(stops.pop(0))
            lazy.tell(purchase)
            eager.tell(purchase)
        for day in (1, 2, 9, 20):
            eager.passes(made[-1].occurred_at + timedelta(days=day))
        for account in (lazy, eager):
            account.passes(end)
            assert account.is_sound()
        assert lazy.state.lots == eager.state.lots
        assert lazy.state.grants == eager.state.grants
        assert [e for c in lazy.commits for e in c.entries] == [e for c in eager.commits for e in c.entries]

    @given(
        hours=st.lists(st.integers(1, 3000), min_size=1, max_size=6),
        kinds=st.lists(st.integers(0, 3), min_size=6, max_size=6),
        trial=st.booleans(),
    )
    @settings(deadline=None)
    def test_of_memberships(self, hours: list[int], kinds: list[int], trial: bool) -> None:
        """A year told at once or week by week has the same charges, and is charged once a term at most."""
        plan = Plan(name="plan", fee=USD.of("9.99"), term=months(1), trial=days(14))
        policy = MembershipPolicy(name="club", plans=[plan], fees_back=[FeeBack(gives=Back.DAYS_LEFT)])
        lazy, eager = Account(program_of(policy)), Account(program_of(policy))
        head = MembershipRenewed(id="x", member="m-1", occurred_at=START, policy="club")
        told: list[Event] = []
        at = START
        for n, (hour, kind) in enumerate(zip(hours, kinds, strict=False)):
            at += timedelta(hours=hour)
            common = {**attrs.asdict(head), "id": f"e-{n}", "occurred_at": at}
            if kind == 0:
                told.append(MembershipCancelled(**common, at_term_end=True))
            elif kind == 1:
                told.append(MembershipCancelled(**common))
            elif kind == 2:
                told.append(MembershipRenewed(**common))
            else:
                told.append(MembershipStarted(**common, plan="plan", trial=trial))
        begin = MembershipStarted(id="b", member="m-1", occurred_at=START, policy="club", plan="plan", trial=trial)
        clock = START
        for event in [begin, *told]:
            while clock + timedelta(days=7) < event.occurred_at:
                clock += timedelta(days=7)
                eager.passes(clock)
            lazy.tell(event)
            eager.tell(event)
        for account in (lazy, eager):
            account.passes(at + timedelta(days=100))
            assert account.is_sound()
        paid = [[b.amount.steps for c in a.commits for b in c.benefits if b.amount] for a in (lazy, eager)]
        assert paid[0] == paid[1]
        assert lazy.state.grants == eager.state.grants
