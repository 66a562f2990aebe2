"""What users write: type-checked strictly with the rest of the tests, and never run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import attrs

from patronage import (
    Accepted,
    Account,
    Activity,
    Amount,
    Base,
    Benefit,
    BonusRule,
    CashbackPolicy,
    Ceiling,
    Commit,
    Condition,
    Credit,
    Decision,
    DividendPolicy,
    DonationPolicy,
    Earned,
    Effect,
    Enrolment,
    Event,
    FixedReward,
    Grain,
    Group,
    Holding,
    Life,
    Line,
    LineKind,
    MultiplierRule,
    Occasion,
    On,
    PartnerPolicy,
    PayWithPoints,
    PointsPolicy,
    Policy,
    Program,
    Purchase,
    QuantityRule,
    Read,
    Redemption,
    ReferralPolicy,
    Refund,
    RefundLine,
    RefundTerms,
    Rejected,
    RejectionCode,
    Reward,
    Rounding,
    SpendRule,
    Stacking,
    Standing,
    State,
    Step,
    StepTable,
    Tender,
    Terms,
    Unit,
    UnitKind,
    currency,
    fold,
)
from patronage.bands import Band
from patronage.closings import ClosingTerms
from patronage.conditions import AllOf, Category, Channel, HasGrant, Not, Spend
from patronage.dividends import ClassDeclared, DividendDeclared
from patronage.donations import Donated, donations
from patronage.events import (
    AccountClosed,
    Contribution,
    Merge,
    OpeningBalance,
    OpeningLot,
    PoolJoined,
    PoolLeft,
    ReferralClaimed,
)
from patronage.ledger import Lot
from patronage.loyalty import Loyalty
from patronage.partners import AgreedPrice, Agreement, Partner
from patronage.periods import LIFETIME, MONTH
from patronage.policies.cashback import CashbackRate, Payout, Rotation, Turn
from patronage.policies.dividend import PatronageClass, SharedBy
from patronage.policies.donation import LapsedShare, PaidAs
from patronage.policies.referral_parts import ReferralCap, ReferralReward
from patronage.pool_terms import Draw, PoolTerms, Split
from patronage.repositories import ErasableIdentifiers
from patronage.rewards import Price, Request
from patronage.settlements import Settled, settlements
from patronage.terms_of_time import days, years
from patronage.thresholds import GiveCredit
from patronage.units import allocate

usd: Unit = currency("USD")
points: Unit = Unit("points")
nights: Unit = Unit("nights", decimals=1, kind=UnitKind.QUALIFYING)

# Amounts.
price: Amount = usd.of("19.99") + usd.of(5) - usd.of(Decimal("0.01"))
debt: Amount = -price
total: Amount = sum([usd.of(1), usd.of(2)], usd.of(0))
dearer: bool = price > debt
dearest: Amount = max(price, debt)
shares: tuple[int, ...] = allocate(1000, lambda: (1, 1, 1))


patronage: Policy = DividendPolicy(
    name="dividend",
    period=MONTH,
    credits="USD",
    classes=[PatronageClass(currency="USD", most=6000), PatronageClass(name="grain", measure="bushels")],
    shared_by=SharedBy.FIRST,
    minimum=usd.of(5),
    cash="0.20",
    life=Life(expires_after=days(365)),
)
declaration: Event = DividendDeclared(
    id="d",
    policy="dividend",
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    of=datetime(2025, 1, 1, tzinfo=UTC),
    classes=[ClassDeclared(pool=usd.of(5000)), ClassDeclared(name="grain", credit=usd.of("0.05"), per="2.5")],
)


def pay(loyalty: Loyalty, declared: DividendDeclared) -> Sequence[Account]:
    """A dividend is paid while it is read."""
    return [outcome.account for outcome in loyalty.pay_dividend(declared, page=100) if outcome.error is None]


cash_back: Policy = CashbackPolicy(
    name="card",
    currency="USD",
    credits="USD",
    rates=[
        CashbackRate(name="food", rate="0.05", lines=Category(["food"]), most=usd.of(1500), per=MONTH, beyond="0.01"),
        CashbackRate(
            name="turn",
            rate=Fraction(1, 25),
            adds=True,
            rotation=Rotation(turns=[Turn(of="2026-Q1", lines=Category(["gas"]))], activation="activate"),
        ),
        CashbackRate(name="all", rate="0.01"),
    ],
    payouts=[Payout(pays="points", minimum=usd.of(20), per=usd.of(1), value=points.of(100))],
)


@attrs.frozen
class Palindrome:
    """A caller's own condition."""

    length_min: int = 3

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the id reads the same backwards."""
        return occasion.event is not None and occasion.event.id == occasion.event.id[::-1]


@attrs.frozen
class Own:
    """A caller's own policy: a frozen class fits the protocol."""

    name: str = "own"
    reads: tuple[Read, ...] = (Read("points"),)

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """A point for every purchase."""
        if occasion.purchase is not None and occasion.balance("points") < 100:
            yield Credit(points.of(1), rule="one", life=Life(expires_after=years(1)))


@attrs.frozen
class Coffee:
    """A caller's own reward."""

    name: str = "coffee"
    unit: str = "points"
    labels: tuple[str | None, ...] = (None,)

    def price(self, request: Request) -> Price:
        """Ten points a cup."""
        return Price(cost=points.of(10 * request.times), benefits=())


condition: Condition = AllOf([Category(["food"]), Not(Channel(["web"])), Palindrome()])
policy: Policy = Own()
reward: Reward = Coffee()
standard: Reward = PayWithPoints(name="off", points=points.of(100), value=usd.of(1), share_max="1/2")

base = PointsPolicy(
    name="base",
    rules=[
        SpendRule(
            per=usd.of(1),
            credit=points.of(1),
            base=Base(kinds=[LineKind.GOODS], less_tenders=["points"]),
            when=condition,
            lines=Category({"food", "drink"}),
            whole=False,
            bands=[Band(over=usd.of(100), credit=points.of(2))],
            rounding=Rounding.HALF_EVEN,
            grain=Grain.EVENT,
            ceilings=[Ceiling(name="monthly", limit=points.of(500), per=MONTH)],
        ),
        QuantityRule(credit=points.of(5), per="0.5", measure="litres"),
        BonusRule(credit=points.of(50), on=On.ENROLMENT),
        MultiplierRule(factor=Fraction(3, 2), when=HasGrant("tier", values=["gold"]), group="tier"),
        MultiplierRule(factor="1.25", when=Spend(at_least=usd.of(50))),
    ],
    groups=(Group(name="tier", stacking=Stacking.BEST),),
)

program = Program(
    id="shop",
    time_zone="America/New_York",
    terms=Terms(
        units=[usd, points, nights],
        policies=(base, policy),
        rewards=[
            standard,
            reward,
            FixedReward(name="mug", cost=points.of(300)),
            StepTable(name="table", steps=[Step(cost=points.of(1000), value=usd.of(5))]),
        ],
        refund_for=days(90),
        refunds=RefundTerms(proportional=True),
    ),
)
timeline = Program(id="shop", time_zone="UTC", terms=[*program.terms])

now = datetime(2026, 1, 1, tzinfo=UTC)
given: Unit = Unit("given", decimals=5, kind=UnitKind.TALLY)
smile: Policy = DonationPolicy(
    name="smile",
    charities=["reading", "rivers"],
    default="reading",
    unit="given",
    money="USD",
    rules=[SpendRule(per=usd.of(1), credit=given.of("0.005"), whole=False)],
    lapsed=[LapsedShare(per=points.of(100), credit=given.of(1))],
    payout=Payout(pays="USD", paid_as=PaidAs.MONEY),
)
partners: Policy = PartnerPolicy(
    name="partners",
    partners=[
        Partner(
            name="rides",
            agreements=[Agreement(rules=[], end=now, funds=[AgreedPrice(per=points.of(1000), pays=usd.of(9))])],
        )
    ],
    windows=["stay"],
)
given_by_month: Sequence[Donated] = donations(program, "smile", MONTH, [])
owed_by_month: Sequence[Settled] = settlements(program, "partners", MONTH, [])
bought = Purchase(
    id="o-1",
    member="m-1",
    occurred_at=now,
    lines=[
        Line(total=usd.of("120.00")),
        Line(
            total=usd.of(1),
            quantity="0.5",
            tags=("a",),
            measures={"km": 1, "litres": Decimal("0.5")},
            attributes={"gift": True},
        ),
    ],
    tenders=(Tender(kind="card", total=usd.of(121)),),
)


def answer(state: State, stored: Sequence[Commit]) -> str:
    """A decision is one of two kinds, told apart by their class."""
    decision: Decision = program.decide(state, bought, history=stored)
    earned: Earned = decision.earned(points)
    commits: tuple[Commit, ...] = decision.commits
    benefits: tuple[Benefit, ...] = decision.benefits
    if isinstance(decision, Rejected):
        code: RejectionCode = decision.code
        return code.value
    accepted: Accepted = decision.require()
    return f"{earned} {len(commits)} {len(benefits)} {accepted.repeated}"


def whole_checkout(state: State) -> tuple[Decision, ...]:
    """Several events, previewed together."""
    redemption = Redemption(id="d-1", member="m-1", occurred_at=now, reward="off", amount=usd.of(5))
    back = Refund(id="r-1", member="m-1", occurred_at=now, purchase="o-1", lines=[RefundLine(id="1", quantity=1)])
    joined = Enrolment(id="e-1", member="m-1", occurred_at=now)
    review = Activity(id="a-1", member="m-1", occurred_at=now, kind="review")
    return program.decide_all(state, (joined, review, redemption, bought, back))


def read(state: State) -> Mapping[str | None, Amount]:
    """An account at an instant."""
    standing: Standing = program.at(state, now)
    holding: Holding = standing[points]
    available: Amount = holding.available
    lots: tuple[Lot, ...] = standing.expiring(points, now)
    account: Account = standing.account
    labels: Mapping[str | None, Amount] = standing.labels(points)
    return {**labels, str(account): available, lots[0].label: lots[0].amount}


def again(commits: Iterable[Commit]) -> State | None:
    """A state is the fold of its commits."""
    passed: Accepted = program.advance(State.of("m-1"), now)
    return fold([*commits, *passed.commits], calendar=program.calendar)


referral: Policy = ReferralPolicy(
    name="referral",
    rewards=[ReferralReward(nth=2, friend=[GiveCredit(amount=points.of(1))])],
    caps=[ReferralCap(name="year", rewards=5, per=LIFETIME)],
)
claimed: Event = ReferralClaimed(
    id="c", member="m", occurred_at=now, policy="referral", referrer="n", fingerprints=["card"]
)


def what_becomes_of_accounts(loyalty: Loyalty, at: datetime) -> tuple[Benefit, ...]:
    """A merge, a household, an opening balance, a closing."""
    loyalty.record(Merge(id="m", member="old", occurred_at=at, into="new", actor="ann", reason="same_person"))
    answer: Commit | None = loyalty.record(Enrolment(id="e", member="old", occurred_at=at)).require().answer
    assert answer is not None
    loyalty.record(PoolJoined(id="j", member="new", occurred_at=at, pool="house", until=at))
    loyalty.record(Contribution(id="c", member="new", occurred_at=at, pool="house", amount=points.of(5)))
    loyalty.record(Redemption(id="d", member="new", occurred_at=at, reward="mug", pool="house"))
    loyalty.record(PoolLeft(id="l", member="new", occurred_at=at, pool="house"))
    lots = (OpeningLot(amount=points.of(5), earned_at=at, needs="vip"),)
    loyalty.record(OpeningBalance(id="o", member="new", occurred_at=at, lots=lots, actor="ann", reason="import"))
    closed = loyalty.record(AccountClosed(id="x", member="new", occurred_at=at, actor="ann", reason="asked"))
    return closed.benefits


ACCOUNTS: Terms = Terms(
    units=(usd, points),
    pools=(PoolTerms(unit="points", members_max=6, draws=Draw.PRO_RATA, leaving=Split.EVEN),),
    closings=(ClosingTerms(unit="points", pays_out=True, price=(points.of(100), usd.of(1))),),
)


def forgets(identifiers: ErasableIdentifiers, member: str) -> int:
    """What leads to a member is forgotten."""
    return identifiers.forget(Account.member(member))
