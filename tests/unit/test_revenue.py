"""Revenue of points: what of a price is deferred, and when it is earned."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage import InvalidValueError, Rounding, Unit, UnitMismatchError, currency
from patronage.revenue import Breakage, Redeemed, deferred, earned

USD, EUR, POINTS = currency("USD"), currency("EUR"), Unit("points")


def known(redeemed: int, expected: int) -> Redeemed:
    """So many of so many points."""
    return Redeemed(redeemed=POINTS.of(redeemed), expected=POINTS.of(expected))


def test_a_price_is_shared_by_what_both_are_worth() -> None:
    """10.00 of 110.00 are for points worth 10.00 beside goods worth 100.00, sold for 99.00: 9.00."""
    assert deferred(USD.of(99), goods=USD.of(100), points=USD.of(10)) == USD.of(9)
    third: dict[str, Any] = {"goods": USD.of(2), "points": USD.of(1)}
    assert deferred(USD.of("0.02"), **third) == USD.of("0.01")
    assert deferred(USD.of("0.02"), rounding=Rounding.FLOOR, **third) == USD.of(0)


def test_a_new_expectation_is_caught_up_with() -> None:
    """Half of 80 expected; then 60 of 120, which is no more of it: nothing more is earned, and less may be."""
    first, second, third = earned(USD.of(9), [known(40, 80), known(60, 120), known(60, 180)])
    assert (first.revenue, first.liability) == (USD.of("4.50"), USD.of("4.50"))
    assert (second.revenue, second.liability) == (USD.of(0), USD.of("4.50"))
    assert (third.revenue, third.liability) == (USD.of("-1.50"), USD.of(6))


def test_what_is_never_redeemed_is_earned_at_last() -> None:
    """By the points issued; when no more are expected, the rest."""
    found = earned(USD.of(9), [known(40, 80), known(80, 80)], issued=POINTS.of(90), breakage=Breakage.REMOTE)
    assert [each.revenue for each in found] == [USD.of(4), USD.of(5)]


amounts = st.integers(0, 10_000)


@given(
    deferral=amounts,
    steps=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 900)), min_size=1),
    remote=st.booleans(),
)
def test_all_of_it_is_earned_once(deferral: int, steps: list[tuple[int, int]], remote: bool) -> None:
    """Revenues and what is still owed are what was deferred; nothing is owed when all is redeemed."""
    periods, redeemed = [], 0
    for more, open_still in steps:
        redeemed += more
        periods.append(known(redeemed, redeemed + open_still))
    periods.append(known(redeemed + 1, redeemed + 1))
    issued = POINTS.of(max(one.expected.steps for one in periods))
    method: dict[str, Any] = {"issued": issued, "breakage": Breakage.REMOTE} if remote else {}
    found = earned(USD.steps(deferral), periods, **method)
    told = 0
    for each in found:
        told += each.revenue.steps
        assert told + each.liability.steps == deferral
        assert each.liability.steps >= 0
    assert found[-1].liability == USD.of(0)


@pytest.mark.parametrize(
    "fields",
    [
        {"redeemed": POINTS.of(3), "expected": POINTS.of(2)},
        {"redeemed": POINTS.of(-1), "expected": POINTS.of(2)},
        {"redeemed": POINTS.of(0), "expected": POINTS.of(0)},
        {"redeemed": POINTS.of(1), "expected": USD.of(2)},
        {"redeemed": 1, "expected": POINTS.of(2)},
    ],
)
def test_what_cannot_be_known_is_refused(fields: dict[str, Any]) -> None:
    """More redeemed than expected, none expected, two units, no amount."""
    with pytest.raises(InvalidValueError):
        Redeemed(**fields)


def test_what_cannot_be_shared_is_refused() -> None:
    """Nothing is worth anything, a price below zero, two currencies."""
    with pytest.raises(InvalidValueError):
        deferred(USD.of(1), goods=USD.of(0), points=USD.of(0))
    for goods, points in ((-1, 2), (2, -1)):
        with pytest.raises(InvalidValueError):
            deferred(USD.of(1), goods=USD.of(goods), points=USD.of(points))
    with pytest.raises(InvalidValueError):
        deferred(USD.of(-1), goods=USD.of(1), points=USD.of(1))
    with pytest.raises(UnitMismatchError):
        deferred(USD.of(1), goods=EUR.of(1), points=USD.of(1))
    number: Any = 1.5
    for price, worth in ((number, USD.of(1)), (USD.of(1), number)):
        with pytest.raises(InvalidValueError):
            deferred(price, goods=worth, points=USD.of(1))


@pytest.mark.parametrize(
    ("deferral", "periods", "fields"),
    [
        (USD.of(-1), [known(1, 2)], {}),
        (1, [known(1, 2)], {}),
        (USD.of(1), [3], {}),
        (USD.of(1), [known(2, 3), known(1, 3)], {}),
        (USD.of(1), [known(1, 2)], {"issued": POINTS.of(9)}),
        (USD.of(1), [known(1, 2)], {"breakage": Breakage.REMOTE}),
        (USD.of(1), [known(1, 3)], {"breakage": Breakage.REMOTE, "issued": POINTS.of(2)}),
        (USD.of(1), [known(1, 3)], {"breakage": Breakage.REMOTE, "issued": USD.of(5)}),
    ],
)
def test_what_cannot_be_earned_is_refused(deferral: Any, periods: Any, fields: dict[str, Any]) -> None:
    """Below zero, fewer redeemed than before, issued points without need, or missing, too few, or of another unit."""
    with pytest.raises(InvalidValueError):
        earned(deferral, periods, **fields)
