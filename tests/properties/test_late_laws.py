"""Late events: no cap is passed, nothing grows by itself, and what was, was."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import attrs
from hypothesis import given
from hypothesis import strategies as st

from model.checks import check_account, check_state, entries_of
from model.histories import MEMBER, MUG, PER_DOLLAR, POINTS
from model.lateness import rerate
from model.shop import Shop
from patronage import Adjustment, Ceiling, Event, Life, Program, Redemption, Refund, State, Transfer
from patronage.as_of import AsOf
from patronage.periods import DAY, MONTH
from patronage.terms_of_time import days
from properties.strategies import T0, bought, shop_program

HOURS = 24 * 40
LIMIT = 100

deliveries = st.lists(
    st.tuples(st.integers(0, HOURS), st.sampled_from(("buy", "buy", "buy", "redeem", "take"))), min_size=1, max_size=9
)


def told(n: int, hours: int, kind: str) -> Event:
    """An event that many hours after the first of March."""
    at = T0 + timedelta(hours=hours)
    if kind == "buy":
        return bought(f"p-{n}", 100 * (7 * n % 60 + 1), at=at)
    if kind == "redeem":
        return Redemption(id=f"d-{n}", member=MEMBER, occurred_at=at, reward="mug")
    return Adjustment(id=f"j-{n}", member=MEMBER, occurred_at=at, amount=POINTS.of(-9), actor="ann", reason="slip")


def program_of(per_day: bool) -> Program:
    """Points that live ten days, under a ceiling of a day or a month."""
    ceiling = Ceiling(name="cap", limit=POINTS.of(LIMIT), per=DAY if per_day else MONTH)
    rule = attrs.evolve(PER_DOLLAR, life=Life(expires_after=days(10)))
    return shop_program(rule, ceilings=(ceiling,), rewards=(MUG,))


class TestCaps:
    """P46: "A cap ... is never passed, under any order, ... or late arrival inside its period"."""

    @given(delivery=deliveries, per_day=st.booleans())
    def test_no_delivery_passes_a_cap(self, delivery: list[tuple[int, str]], per_day: bool) -> None:
        """Of each period no more is credited than its limit: as it comes, after a rerate, and after all refunds."""
        shop, late = Shop(program_of(per_day)), []
        for n, (hours, kind) in enumerate(delivery):
            event = told(n, hours, kind)
            if shop.record(event).state is None:
                late.append(event)
            assert used(shop.state) <= LIMIT
        assert not isinstance(rerate(shop, late), str)
        assert used(shop.state) <= LIMIT


def used(state: State) -> int:
    """The most that is counted in a period."""
    return max((lot.steps for lot in state.lots.get("base.cap", ())), default=0)


class TestTime:
    """P33 and P38: with no events available never rises; late events never move the clock back."""

    @given(delivery=deliveries, per_day=st.booleans())
    def test_time_only_takes(self, delivery: list[tuple[int, str]], per_day: bool) -> None:
        """What came late and has ended is gone, and nothing comes back by itself."""
        shop = Shop(program_of(per_day))
        for n, (hours, kind) in enumerate(delivery):
            clock = shop.state.clock
            shop.record(told(n, hours, kind))
            assert clock is None or (shop.state.clock is not None and shop.state.clock >= clock)
            check_state(shop.state)
        check_account(shop.program, shop.state, shop.commits)
        at = shop.state.clock
        if at is None:
            return
        assert shop.state.next_due is None or shop.state.next_due > at
        held = [shop.program.at(shop.state, at + timedelta(days=day))[POINTS].available.steps for day in range(12)]
        assert all(max(after, 0) <= max(before, 0) for before, after in pairwise(held))
        assert max(held[-1], 0) == 0

    @given(delivery=deliveries, instants=st.lists(st.integers(0, HOURS), min_size=1, max_size=5))
    def test_the_balance_of_an_instant_is_the_sum_of_the_entries_until_then(
        self, delivery: list[tuple[int, str]], instants: list[int]
    ) -> None:
        """In whatever order they arrived; and no part is seen as a debt below zero."""
        shop, late = Shop(program_of(per_day=False)), []
        for n, (hours, kind) in enumerate(delivery):
            event = told(n, hours, kind)
            if shop.record(event).state is None:
                late.append(event)
        rerate(shop, late)
        for hours in instants:
            at = T0 + timedelta(hours=hours)
            as_of = AsOf(shop.state.account, at, shop.program.calendar)
            for commit in shop.commits:
                as_of.add(commit)
            check_state(as_of.state)
            moves = [e for e in entries_of(shop.commits) if isinstance(e, Transfer) and e.at <= at]
            sums = sum(p.steps for e in moves if e.unit == "points" for p in e.put)
            sums -= sum(p.steps for e in moves if e.unit == "points" for p in e.taken)
            lots = as_of.state.lots.get("points", ())
            assert sum(lot.steps for lot in (*lots, *as_of.state.pending) if lot.unit == "points") == sums


class TestRerate:
    """P38: "`rerate` after itself, or of an in-order ledger, is empty"."""

    @given(delivery=deliveries, per_day=st.booleans())
    def test_an_in_order_ledger_has_no_difference(self, delivery: list[tuple[int, str]], per_day: bool) -> None:
        """Advanced nightly or never."""
        lazy, eager = Shop(program_of(per_day)), Shop(program_of(per_day))
        for n, (hours, kind) in enumerate(sorted(delivery)):
            event = told(n, hours, kind)
            lazy.record(event)
            eager.advance(event.occurred_at)
            eager.record(event)
        for shop in (lazy, eager):
            assert shop.program.rerate(shop.commits).commits == ()


def test_a_late_purchase_and_its_refund_leave_nothing() -> None:
    """Told after its day, and returned: what the account holds is what it would hold without."""
    shop = Shop(program_of(per_day=True)).play(bought("p-2", 9_000, at=T0 + timedelta(days=3)))
    before = shop.state.lots["points"]
    rerate(shop, [bought("p-1", 5_000, at=T0)])
    assert shop.state.lots["points"] != before
    shop.record(Refund(id="r-1", member=MEMBER, occurred_at=T0 + timedelta(days=4), purchase="p-1"))
    assert shop.state.lots["points"] == before


def test_a_debt_of_an_instant_is_owed_by_what_had_come_in() -> None:
    """Nine points were taken, and paid by a purchase of an hour later; then comes what was bought at that instant."""
    shop = Shop(program_of(per_day=False))
    for n, (hours, kind) in enumerate([(0, "take"), (1, "buy"), (0, "buy")]):
        shop.record(told(n, hours, kind))
    as_of = AsOf(shop.state.account, T0, shop.program.calendar)
    for commit in shop.commits:
        as_of.add(commit)
    check_state(as_of.state)
    assert [lot.steps for lot in as_of.state.lots["points"]] == [6]
