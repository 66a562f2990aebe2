"""Random histories of one member: a program and up to a hundred events, made from a seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

import attrs

from patronage import (
    Activity,
    Adjustment,
    Base,
    BonusRule,
    Cancellation,
    Capture,
    Ceiling,
    Confirmation,
    Discount,
    Enrolment,
    Event,
    FixedReward,
    Grain,
    Life,
    Line,
    LineKind,
    MultiplierRule,
    On,
    PayWithPoints,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    RefundTerms,
    Release,
    Reservation,
    Rounding,
    SpendRule,
    StatusEnd,
    StatusGrant,
    Tender,
    Terms,
    Unit,
    currency,
)
from patronage.conditions import Category, HasGrant, Spend
from patronage.occasions import CountedFrom
from patronage.periods import DAY, MONTH
from patronage.rewards import Reward
from patronage.terms import Expired, Returned, Shortfall
from patronage.terms_of_time import Term, Until, days, months

USD: Final = currency("USD")
POINTS: Final = Unit("points")
MILES: Final = Unit("miles", decimals=2)
MEMBER: Final = "m-1"

PAY: Final = PayWithPoints(name="pay", points=POINTS.of(5), value=USD.of("0.50"))
PAY_FREE: Final = PayWithPoints(
    name="pay", points=POINTS.of(3), value=USD.of("0.20"), minimum=POINTS.of(2), whole_blocks=False, exactly=False
)
MUG: Final = FixedReward(name="mug", cost=POINTS.of(10))
REWARDS: Final[Sequence[Reward]] = (PAY, MUG)
PER_DOLLAR: Final = SpendRule(per=USD.of("1.00"), credit=POINTS.of(1), name="spend")


@cache
def programs() -> tuple[Program, ...]:
    """The programs that histories are played in: each has other rules of earning, time and refunds."""
    gold = HasGrant("gold")
    return (
        _program(
            "plain",
            "UTC",
            (attrs.evolve(PER_DOLLAR, life=Life(expires_after=days(30, until=Until.END_OF_DAY))),),
        ),
        _program(
            "gold",
            "America/New_York",
            (
                SpendRule(
                    per=USD.of("2.00"),
                    credit=POINTS.of(3),
                    name="spend",
                    whole=False,
                    rounding=Rounding.HALF_UP,
                    life=_WAITING,
                ),
                BonusRule(credit=POINTS.of(5), name="big", when=Spend(at_least=USD.of("20.00")), life=_WAITING),
                MultiplierRule(factor="3/2", name="double", of=("spend",), when=gold),
            ),
            refunds=RefundTerms(expired=Expired.DROPPED),
        ),
        _program(
            "capped",
            "Europe/Berlin",
            (
                attrs.evolve(PER_DOLLAR, ceilings=(Ceiling(name="each", limit=POINTS.of(25)),)),
                BonusRule(
                    credit=POINTS.of(4),
                    on=On.ACTIVITY,
                    activity="review",
                    name="review",
                    ceilings=(Ceiling(name="daily", limit=POINTS.of(8), per=DAY),),
                ),
                BonusRule(credit=POINTS.of(20), on=On.ENROLMENT, name="welcome"),
                # A return may raise this figure: what is credited then is trimmed to the room there is.
                BonusRule(credit=POINTS.of(30), name="small", when=Spend(below=USD.of("9.00"))),
            ),
            ceilings=(Ceiling(name="monthly", limit=POINTS.of(60), per=MONTH),),
            refund_for=months(2),
        ),
        _program(
            "confirmed",
            "UTC",
            (
                attrs.evolve(
                    PER_DOLLAR,
                    life=Life(on_confirmation=True, expires_after=days(45), counted_from=CountedFrom.AVAILABILITY),
                ),
                MultiplierRule(factor=3, name="triple", when=gold),
            ),
            refunds=RefundTerms(shortfall=Shortfall.FORGIVEN, unspent_only=True),
        ),
        _program(
            "kinds",
            "America/New_York",
            (
                SpendRule(
                    per=USD.of("3.00"),
                    credit=POINTS.of(2),
                    name="all",
                    whole=False,
                    rounding=Rounding.HALF_EVEN,
                    grain=Grain.EVENT,
                    life=_MONTH_END,
                    base=Base(less_tenders=("points",)),
                ),
                SpendRule(
                    per=USD.of("1.00"),
                    credit=POINTS.of(1),
                    name="toys",
                    whole=False,
                    rounding=Rounding.HALF_EVEN,
                    grain=Grain.EVENT,
                    life=_MONTH_END,
                    lines=Category(("toys",)),
                    base=Base(kinds=(LineKind.GOODS, LineKind.SHIPPING), tax=True),
                ),
            ),
            rewards=(PAY_FREE, MUG),
            refunds=RefundTerms(returned=Returned.GRACE, grace=days(10), expired=Expired.DROPPED),
        ),
        _program(
            "lines",
            "Australia/Sydney",
            (
                attrs.evolve(PER_DOLLAR, grain=Grain.LINE, life=Life(available_after=days(3), expires_after=months(1))),
                MultiplierRule(factor=2, name="double", when=gold),
                SpendRule(per=USD.of("1.00"), credit=MILES.of("0.33"), name="miles", whole=False),
            ),
            refunds=RefundTerms(proportional=True, debt_max=POINTS.of(15), returned=Returned.FRESH, grace=days(20)),
        ),
        _program(
            "narrow",
            "UTC",
            (
                attrs.evolve(PER_DOLLAR, lines=Category(("toys", "books"))),
                MultiplierRule(factor="1/2", name="half", when=gold),
                SpendRule(
                    per=USD.of("2.00"),
                    credit=MILES.of("1.25"),
                    name="miles",
                    whole=False,
                    ceilings=(Ceiling(name="monthly", limit=MILES.of("30.00"), per=MONTH, room_back=True),),
                ),
            ),
            refunds=RefundTerms(shortfall=Shortfall.FORGIVEN),
        ),
    )


_WAITING: Final = Life(
    available_after=days(14, until=Until.END_OF_DAY), expires_after=months(2), counted_from=CountedFrom.AVAILABILITY
)
_MONTH_END: Final = Life(expires_after=months(1, until=Until.END_OF_MONTH))


def _program(
    name: str,
    zone: str,
    rules: Sequence[SpendRule | BonusRule | MultiplierRule],
    *,
    ceilings: Sequence[Ceiling] = (),
    rewards: Sequence[Reward] = REWARDS,
    refunds: RefundTerms | None = None,
    refund_for: Term | None = None,
) -> Program:
    policy = PointsPolicy(name="base", rules=tuple(rules), ceilings=tuple(ceilings))
    terms = Terms(
        units=(USD, POINTS, MILES), policies=(policy,), rewards=tuple(rewards), refunds=refunds or RefundTerms()
    )
    if refund_for is not None:
        terms = attrs.evolve(terms, refund_for=refund_for)
    return Program(id=name, time_zone=zone, terms=terms)


def history(seed: int) -> tuple[Program, list[Event]]:
    """The program and the events of a seed: the same on every machine."""
    made = _Maker(Random(seed))
    return made.program, made.events


class _Maker:
    """What is being made: it knows what it has sent, not what became of it."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.program = chance.choice(programs())
        self.zone = ZoneInfo(self.program.time_zone)
        self.at = datetime(2024, chance.randint(1, 12), chance.randint(1, 28), chance.randint(0, 23), tzinfo=UTC)
        self.lateness = chance.choice((0.0, 0.0, 0.3))
        self.events: list[Event] = []
        self.purchases: list[Purchase] = []
        self.requests: list[Redemption | Reservation] = []
        self.others: list[str] = []
        self.unused: list[Redemption] = []
        # Most histories are short, some have a hundred events.
        size = min(chance.choice((8, 15, 25, 40, 100)), chance.randint(3, 100))
        while len(self.events) < size:
            self.step()
            self.one()

    def id(self, kind: str) -> str:
        return f"{kind}-{len(self.events)}"

    def step(self) -> None:
        """Some time passes: none, a moment, days, to the very start of a day, or weeks."""
        chance = self.chance
        draw = chance.random()
        if draw < 0.2:
            return
        if draw < 0.45:
            self.at += timedelta(minutes=chance.randint(1, 600))
        elif draw < 0.8:
            self.at += timedelta(days=chance.randint(1, 5))
        elif draw < 0.9:
            day = (self.at.astimezone(self.zone) + timedelta(days=chance.randint(1, 40))).date()
            self.at = max(self.at, datetime.combine(day, time(0), self.zone).astimezone(UTC))
        elif draw < 0.95:
            self.at += timedelta(days=chance.choice((3, 14, 30, 45)))
        else:
            self.at += timedelta(days=chance.randint(20, 90), microseconds=chance.randint(-1, 1))

    def one(self) -> None:
        """One event, or a repeated or a late one."""
        chance = self.chance
        draw = chance.random()
        if chance.random() < self.lateness:
            self.late()
        elif self.events and draw < 0.06:
            self.events.append(chance.choice(self.events))
        elif draw < 0.36:
            self.purchase()
        elif draw < 0.54 and self.purchases:
            self.refund()
        elif draw < 0.68:
            self.request()
        elif draw < 0.76 and self.requests:
            self.end_request()
        elif draw < 0.82 and (self.purchases or self.requests or self.others):
            known = [*(p.id for p in self.purchases), *(r.id for r in self.requests), *self.others, "nobody"]
            self.events.append(
                Cancellation(id=self.id("c"), member=MEMBER, occurred_at=self.at, undoes=chance.choice(known))
            )
        elif draw < 0.87 and self.purchases:
            of = chance.choice(self.purchases).id
            self.events.append(Confirmation(id=self.id("ok"), member=MEMBER, occurred_at=self.at, of=of))
        elif draw < 0.91:
            self.adjust()
        elif draw < 0.94:
            self.status()
        elif draw < 0.96:
            self.activity()
        elif draw < 0.97:
            self.others.append(self.id("e"))
            self.events.append(Enrolment(id=self.id("e"), member=MEMBER, occurred_at=self.at))
        else:
            self.late()

    def activity(self) -> None:
        chance = self.chance
        kind = chance.choice(("review", "visit"))
        event = Activity(id=self.id("a"), member=MEMBER, occurred_at=self.at, kind=kind, count=chance.randint(1, 3))
        self.others.append(event.id)
        self.events.append(event)

    def late(self) -> None:
        """One or two events, mostly facts, that arrive minutes, hours or days too late."""
        chance = self.chance
        now = self.at
        for _ in range(chance.randint(1, 2)):
            self.at = now - timedelta(
                minutes=chance.choice((1, chance.randint(1, 600), chance.randint(1, 60 * 24 * 9))),
                microseconds=chance.randint(0, 1),
            )
            chance.choice(
                (self.purchase, self.purchase, self.activity, self.activity, self.adjust, self.refund_or_not)
            )()
        self.at = now

    def refund_or_not(self) -> None:
        if self.purchases:
            self.refund()

    def money(self, most: int = 3000) -> int:
        """Cents: often whole, sometimes none."""
        chance = self.chance
        return chance.choice((0, 100, 999, chance.randint(1, most), chance.randint(1, most // 100) * 100))

    def line(self) -> Line:
        chance = self.chance
        total = self.money()
        kind = chance.choice((LineKind.GOODS, LineKind.GOODS, LineKind.GOODS, LineKind.SHIPPING))
        tax = chance.randint(0, total // 5) if chance.random() < 0.4 else None
        return Line(
            total=USD.steps(total),
            tax=None if tax is None else USD.steps(tax),
            kind=kind,
            quantity=chance.choice((1, 1, 2, 3, "2.5")),
            category=chance.choice((None, "toys", "books", "food")),
        )

    def purchase(self) -> None:
        chance = self.chance
        lines = tuple(self.line() for _ in range(chance.randint(1, 3)))
        total = sum(line.total.steps for line in lines)
        off = chance.randint(0, total // 3) if chance.random() < 0.3 else 0
        discounts = (Discount(kind="coupon", total=USD.steps(off)),) if off else ()
        tenders: tuple[Tender, ...] = ()
        rest = total - off
        if self.unused and rest and chance.random() < 0.6:
            redemption = self.unused.pop()
            # What the request comes to at the rate of the reward, as far as the basket goes.
            wanted = 100 if redemption.amount is None else redemption.amount.steps * 10
            paid = min(rest, wanted)
            tenders = (
                Tender(kind="points", total=USD.steps(paid), redemption=redemption.id),
                Tender(kind="card", total=USD.steps(rest - paid)),
            )
        elif rest and chance.random() < 0.2:
            part = chance.randint(0, rest)
            tenders = (
                Tender(kind="points", total=USD.steps(part)),
                Tender(kind="card", total=USD.steps(rest - part)),
            )
        event = Purchase(
            id=self.id("p"), member=MEMBER, occurred_at=self.at, lines=lines, discounts=discounts, tenders=tenders
        )
        self.purchases.append(event)
        self.events.append(event)

    def refund(self) -> None:
        chance = self.chance
        purchase = chance.choice(self.purchases[-4:] if chance.random() < 0.7 else self.purchases)
        draw = chance.random()
        lines: tuple[RefundLine, ...] = ()
        total = None
        if draw < 0.35:
            line = chance.choice(purchase.lines)
            lines = (RefundLine(id=line.id or ""),)
            if draw < 0.2:
                part = chance.choice((Decimal(1), line.quantity, Decimal("0.5")))
                lines = (RefundLine(id=line.id or "", quantity=part),)
            elif draw < 0.3 and line.total.steps:
                lines = (RefundLine(id=line.id or "", total=USD.steps(chance.randint(1, line.total.steps))),)
        elif draw < 0.6 and purchase.total:
            total = USD.steps(chance.randint(1, purchase.total))
        self.events.append(
            Refund(id=self.id("r"), member=MEMBER, occurred_at=self.at, purchase=purchase.id, lines=lines, total=total)
        )

    def request(self) -> None:
        chance = self.chance
        reward = chance.choice(("pay", "pay", "mug", "mug", "none"))
        amount = None
        cart: tuple[Line, ...] = ()
        if reward == "pay":
            draw = chance.random()
            if draw < 0.5:
                amount = POINTS.of(5 * chance.randint(1, 6))
            elif draw < 0.6:
                amount = USD.steps(chance.choice((50, 100, 75)))
            elif draw < 0.7:
                amount = POINTS.of(chance.randint(1, 20))
            if chance.random() < 0.4:
                cart = (self.line(), self.line())
        times = chance.choice((1, 1, 2))
        event: Redemption | Reservation
        if chance.random() < 0.7:
            event = redemption = Redemption(
                id=self.id("d"),
                member=MEMBER,
                occurred_at=self.at,
                reward=reward,
                amount=amount,
                times=times,
                cart=cart,
            )
            if amount is None or amount.unit == "points":
                self.unused.append(redemption)
        else:
            lapses = None
            if chance.random() < 0.6:
                lapses = self.at + timedelta(days=chance.randint(0, 20), hours=chance.randint(1, 3))
            event = Reservation(
                id=self.id("h"),
                member=MEMBER,
                occurred_at=self.at,
                reward=reward,
                amount=amount,
                times=times,
                cart=cart,
                lapses_at=lapses,
            )
        self.requests.append(event)
        self.events.append(event)

    def end_request(self) -> None:
        chance = self.chance
        held = [request for request in self.requests if isinstance(request, Reservation)]
        target = chance.choice(held if held and chance.random() < 0.9 else self.requests)
        draw = chance.random()
        if draw < 0.4:
            self.events.append(Release(id=self.id("x"), member=MEMBER, occurred_at=self.at, reservation=target.id))
        else:
            amount = POINTS.of(chance.randint(1, 12)) if draw < 0.7 else None
            self.events.append(
                Capture(id=self.id("k"), member=MEMBER, occurred_at=self.at, reservation=target.id, amount=amount)
            )

    def adjust(self) -> None:
        chance = self.chance
        steps = chance.choice((chance.randint(1, 40), -chance.randint(1, 40)))
        starts = ends = None
        if steps > 0 and chance.random() < 0.5:
            starts = self.at + timedelta(days=chance.randint(-3, 10)) if chance.random() < 0.5 else None
            ends = max(self.at, starts or self.at) + timedelta(days=chance.randint(1, 60))
        event = Adjustment(
            id=self.id("j"),
            member=MEMBER,
            occurred_at=self.at,
            amount=POINTS.of(steps),
            actor="ann",
            reason="goodwill",
            available_at=starts,
            expires_at=ends,
        )
        self.others.append(event.id)
        self.events.append(event)

    def status(self) -> None:
        chance = self.chance
        if chance.random() < 0.7:
            until = self.at + timedelta(days=chance.randint(1, 40)) if chance.random() < 0.8 else None
            self.events.append(
                StatusGrant(
                    id=self.id("g"),
                    member=MEMBER,
                    occurred_at=self.at,
                    key="gold",
                    until=until,
                    actor="ann",
                    reason="vip",
                )
            )
        else:
            self.events.append(
                StatusEnd(id=self.id("u"), member=MEMBER, occurred_at=self.at, key="gold", actor="ann", reason="over")
            )
