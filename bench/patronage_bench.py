"""
Plugs the library into the shared harness: `w1`, `w2`, `w5` build their objects first and return what is timed.

Each times everything that a real decision does: the basis, the policies, entries, the new state and
the commit. Nothing is put off until someone reads it but the wording of the explanation.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from patronage import (
    Account,
    BonusRule,
    Ceiling,
    FixedReward,
    Life,
    Line,
    LineKind,
    Lot,
    MultiplierRule,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    SpendRule,
    State,
    StatusGrant,
    Terms,
    Transfer,
    Unit,
    Validity,
    currency,
)
from patronage._frozen import FrozenMapping
from patronage.codec import Codec
from patronage.conditions import Category, HasGrant, Recurs
from patronage.ledger import Source
from patronage.periods import MONTH
from patronage.recurrence import Every, Recurrence
from patronage.state import canonical_key, next_due
from patronage.terms_of_time import Until, months

ZONE = ZoneInfo("Europe/Berlin")
EUR, POINTS = currency("EUR"), Unit("points")


def w1_program() -> Program:
    """Base, a category, a tier's multiplier, campaign weeks, a monthly ceiling, expiry at the month's end in a year."""
    one_a_euro = {"per": EUR.of(1), "credit": POINTS.of(1)}
    life = Life(expires_after=months(12, until=Until.END_OF_MONTH))
    campaign = Recurs(Recurrence(starts=date(2024, 1, 29), every=Every.WEEK, interval=7))
    policy = PointsPolicy(
        name="points",
        rules=(
            SpendRule(name="base", life=life, **one_a_euro),
            SpendRule(name="category", life=life, lines=Category(["3"]), **one_a_euro),
            MultiplierRule(
                name="tier", factor="1.5", of=("base",), of_rounded=True, when=HasGrant("tier", values=("gold",))
            ),
            BonusRule(name="campaign", credit=POINTS.of(50), life=life, when=campaign),
        ),
        ceilings=(Ceiling(name="monthly", limit=POINTS.of(5_000), per=MONTH),),
    )
    return Program(id="bench", time_zone="Europe/Berlin", terms=Terms(units=(EUR, POINTS), policies=(policy,)))


def lot(points: int, day: int, number: int, label: str | None = None) -> Lot:
    """A lot that can be spent until the end of a local day."""
    end = datetime.fromordinal(day + 1).replace(tzinfo=ZONE).astimezone(UTC)
    source = Source(Account.member("m"), f"lot-{number}")
    return Lot("points", points, label, Validity(expires_at=end), source, datetime(2024, 1, 1, tzinfo=UTC), None)


def state_with(program: Program, lots: list[Lot], tally: Lot | None) -> State:
    """A member with those lots."""
    held = {"points": tuple(sorted(lots, key=canonical_key))}
    if tally is not None:
        held[tally.unit] = (tally,)
    due = next_due(held.values(), (), (), (), program.calendar)
    return attrs.evolve(State.of("m"), lots=FrozenMapping(held), next_due=due)


def w1(
    ts: int,
    lines: tuple[tuple[str, int, int, int], ...],
    tier_bp: int,
    month: int,
    month_earned: int,
    lot_id: int,
    lots: tuple[tuple[int, int, int], ...],
) -> dict[str, Callable[[], int]]:
    """One purchase of three lines by a gold member with twenty open lots."""
    at = datetime.fromtimestamp(ts, UTC)
    program = w1_program()
    tally = Lot(
        "points.monthly",
        month_earned,
        f"{at:%Y-%m}",
        Validity(expires_at=datetime(2025, 6, 1, tzinfo=ZONE).astimezone(UTC)),
        None,
        None,
        None,
    )
    state = state_with(program, [lot(points, day, number) for day, points, number in lots], tally)
    gold = StatusGrant(
        id="gold",
        member="m",
        occurred_at=at - timedelta(days=1),
        key="tier",
        value="gold",
        actor="bench",
        reason="bench",
    )
    state = program.decide(state, gold).require().states[0]
    purchase = Purchase(
        id=f"order-{lot_id}",
        member="m",
        occurred_at=at,
        lines=tuple(
            Line(
                sku=sku,
                category=str(category),
                total=EUR.steps(amount),
                kind=LineKind.GIFT_CARD if flags & 1 else LineKind.FEE if flags & 2 else LineKind.GOODS,
            )
            for sku, category, amount, flags in lines
        ),
    )

    def run() -> int:
        decision = program.decide(state, purchase)
        transfer = decision.entries[0]
        assert isinstance(transfer, Transfer)
        return transfer.steps

    return {"decide": run}


def w2(lots: tuple[tuple[int, int, int], ...], n: int) -> dict[str, Callable[[], list[tuple[int, int]]]]:
    """A redemption out of twenty open lots."""
    reward = FixedReward(name="reward", cost=POINTS.steps(n))
    program = Program(id="bench", time_zone="Europe/Berlin", terms=Terms(units=(POINTS,), rewards=(reward,)))
    members = [lot(points, day, number) for day, points, number in lots]
    state = state_with(program, members, None)
    number = {id(member.source): n for member, (_, _, n) in zip(members, lots, strict=True)}
    request = Redemption(id="r", member="m", occurred_at=datetime(2024, 5, 8, tzinfo=UTC), reward="reward")

    def run() -> list[tuple[int, int]]:
        decision = program.decide(state, request)
        transfer = decision.entries[0]
        assert isinstance(transfer, Transfer)
        return [(number[id(part.source)], part.steps) for part in transfer.taken]

    return {"decide": run}


def after_history(purchases: int) -> Callable[[], object]:
    """A purchase by a member who made that many before, all of them long spent or expired."""
    program = w1_program()
    state = State.of("m")
    start = datetime(2010, 1, 1, 12, tzinfo=UTC)
    for number in range(purchases):
        at = start + timedelta(hours=number)
        bought = Purchase(id=f"o-{number}", member="m", occurred_at=at, lines=(Line(total=EUR.of(10)),))
        state = program.decide(state, bought).require().states[0]
    at = datetime(2024, 5, 8, tzinfo=UTC)
    state = program.advance(state, at).states[0]
    next_one = Purchase(id="next", member="m", occurred_at=at, lines=(Line(total=EUR.of(10)),))
    return lambda: program.decide(state, next_one)


def w5(what: str) -> dict[str, tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]]:
    """One commit's entry written and read; a program of fifty rules."""
    codec = Codec()
    if what == "entry":
        program = w1_program()
        at = datetime(2024, 5, 8, 15, 4, tzinfo=UTC)
        purchase = Purchase(id="o", member="m", occurred_at=at, lines=(Line(total=EUR.of("146.49")),))
        entry = program.decide(State.of("m"), purchase).entries[0]
        return {"codec": (entry, codec.dump, lambda text: codec.load(text, Transfer))}
    rules = tuple(
        SpendRule(name=f"rule-{i}", per=EUR.of(1), credit=POINTS.of(1), lines=Category([f"c-{i}"])) for i in range(50)
    )
    big = Program(
        id="bench",
        time_zone="Europe/Berlin",
        terms=Terms(units=(EUR, POINTS), policies=(PointsPolicy(name="points", rules=rules),)),
    )
    return {"codec": (big, codec.dump, lambda text: codec.load(text, Program))}
