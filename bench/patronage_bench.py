"""
Plugs the library into the shared harness: `w1`, `w2`, `w3`, `w5` build their objects first and return what is timed.

Each times everything that a real decision does: the basis, the policies, entries, the new state and
the commit. Nothing is put off until someone reads it but the wording of the explanation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from patronage import (
    Account,
    Amount,
    BonusRule,
    Ceiling,
    Commit,
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
    TierPolicy,
    Transfer,
    Unit,
    UnitKind,
    Validity,
    currency,
)
from patronage._frozen import FrozenMapping
from patronage.codec import Codec
from patronage.conditions import AnyOf, Category, HasGrant, Recurs
from patronage.explain import explain
from patronage.ledger import Entry, GrantChange, GrantEntry, Source
from patronage.member_conditions import LevelIs
from patronage.periods import MONTH, YEAR
from patronage.policies.tier import Level
from patronage.recurrence import Every, Recurrence
from patronage.state import canonical_key, next_due
from patronage.terms_of_time import EndOfPeriod, Until, months

ZONE = ZoneInfo("Europe/Berlin")
EUR, POINTS = currency("EUR"), Unit("points")
LIMIT = 5_000
NO_LOT = Lot("points.monthly", 0, None, Validity(), None, None, None)
SPENT = Unit("spent", decimals=2, kind=UnitKind.QUALIFYING)


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
        ceilings=(Ceiling(name="monthly", limit=POINTS.of(LIMIT), per=MONTH),),
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


def w3_program() -> Program:
    """W1 with levels: spend of a calendar year makes silver or gold, until the end of the next; a reward of 500."""
    points = w1_program().terms[0].policies[0]
    assert isinstance(points, PointsPolicy)
    base, category, _, campaign = points.rules
    every_seven = {"every": Every.WEEK, "interval": 7}
    weeks = AnyOf(
        [
            Recurs(Recurrence(starts=date(2023, 1, 30), until=date(2023, 12, 31), **every_seven)),
            Recurs(Recurrence(starts=date(2024, 1, 29), until=date(2024, 12, 31), **every_seven)),
        ]
    )
    campaign = attrs.evolve(campaign, when=weeks)
    of = {"of": ("base",), "of_rounded": True}
    tiers = tuple(
        MultiplierRule(name=level, factor=factor, when=LevelIs("status", of=(level,)), **of)
        for level, factor in (("silver", "1.25"), ("gold", "1.5"))
    )
    year = Life(expires_after=EndOfPeriod(period=YEAR))
    spend = SpendRule(name="spend", per=EUR.steps(1), credit=SPENT.steps(1), life=year)
    status = TierPolicy(
        name="status",
        levels=[Level(name="silver", at_least=SPENT.of(500)), Level(name="gold", at_least=SPENT.of(1_500))],
        window=YEAR,
    )
    policies = (
        attrs.evolve(points, rules=(base, category, *tiers, campaign)),
        PointsPolicy(name="spent", rules=(spend,)),
        status,
    )
    reward = FixedReward(name="reward", cost=POINTS.of(500))
    terms = Terms(units=(EUR, POINTS, SPENT), policies=policies, rewards=(reward,))
    return Program(id="bench", time_zone="Europe/Berlin", terms=terms)


def w3(
    events: Iterable[tuple[int, int, tuple[tuple[str, int, int, int], ...], int]], n_members: int
) -> dict[str, Callable[[], dict[str, int]]]:
    """Purchases and redemptions of many members, decided one after the other; all totals of the floor."""
    program = w3_program()
    told: list[tuple[int, Purchase, Redemption | None]] = []
    for number, (member, ts, lines, redeem) in enumerate(events):
        at, who = datetime.fromtimestamp(ts, UTC), f"m-{member}"
        purchase = Purchase(id=f"o-{number}", member=who, occurred_at=at, lines=tuple(map(_line, lines)))
        asked = Redemption(id=f"r-{number}", member=who, occurred_at=at, reward="reward") if redeem else None
        told.append((member, purchase, asked))
    kinds = dict.fromkeys(
        ("base", "category", "tier", "campaign", "cap", "earned", "redeemed", "expired", "outstanding"), 0
    )

    def run() -> dict[str, int]:
        states: list[State | None] = [None] * n_members
        found = {**kinds, "tier_changes": 0, "refused": 0}
        decide = program.decide
        for member, purchase, asked in told:
            state = states[member] or State.of(purchase.member)
            decision = decide(state, purchase)
            _count(decision.entries, found)
            found["tier_changes"] += _changes(state, decision.entries)
            state = decision.states[0]
            if state.lots.get("points.monthly", (NO_LOT,))[-1].steps == LIMIT:
                _count_kept_back(decision.commits[0], program, found)
            if asked is not None:
                answer = decide(state, asked)
                found["refused"] += not answer.accepted
                _count(answer.entries, found)
                state = answer.states[0]
            states[member] = state
        held = (lot.steps for state in states if state is not None for lot in state.lots.get("points", ()))
        found["outstanding"] = sum(held)
        return found

    return {"decide": run}


def _line(row: tuple[str, int, int, int]) -> Line:
    sku, category, amount, flags = row
    kind = LineKind.GIFT_CARD if flags & 1 else LineKind.FEE if flags & 2 else LineKind.GOODS
    return Line(sku=sku, category=str(category), total=EUR.steps(amount), kind=kind)


LEVELS = {"silver": 1, "gold": 2}


def _changes(state: State, entries: Iterable[Entry]) -> int:
    """How often the level changed: by what ended before a purchase, and by what the purchase reached."""
    held = {grant.identity: LEVELS[grant.value or ""] for grant in state.grants if not grant.ended}
    before = settled = reached = max(held.values(), default=0)
    for entry in entries:
        if isinstance(entry, GrantEntry):
            if entry.change is GrantChange.GIVEN:
                held[entry.grant.identity] = LEVELS[entry.grant.value or ""]
            elif entry.change is GrantChange.ENDED:
                held.pop(entry.grant.identity, None)
                settled = max(held.values(), default=0)
            reached = max(held.values(), default=0)
    return (settled != before) + (reached != settled)


def _count(entries: Iterable[Entry], found: dict[str, int]) -> None:
    """Adds up what the entries say."""
    for entry in entries:
        if isinstance(entry, Transfer) and entry.unit == "points":
            if entry.payer.id == "issued":
                found["earned"] += entry.steps
                for book in entry.books:
                    _ask(found, book.rule, book.wanted, book.steps)
            elif entry.payee.id in ("expired", "redeemed"):
                found[entry.payee.id] += entry.steps


def _ask(found: dict[str, int], rule: str, wanted: int, given: int) -> None:
    found["tier" if rule in LEVELS else rule] += wanted
    found["cap"] += given - wanted


def _count_kept_back(commit: Commit, program: Program, found: dict[str, int]) -> None:
    """A rule of which the ceiling left nothing has no part in an entry: the explanation says what it wanted."""
    for item in explain(commit, program).not_applied:
        wanted = item.facts.get("wanted")
        if isinstance(wanted, Amount) and wanted.unit == "points":
            _ask(found, str(item.facts["rule"]), wanted.steps, 0)


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
