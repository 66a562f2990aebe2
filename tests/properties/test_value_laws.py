"""Amounts, rounding and allocation: whole steps, never mixed, never lost."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.histories import MEMBER, POINTS, USD
from model.reference_values import rounded as by_fractions
from patronage import (
    Adjustment,
    Amount,
    AmountOverflowError,
    Credit,
    Debit,
    InvalidValueError,
    Redemption,
    Rounding,
    Unit,
    UnitMismatchError,
)
from patronage.units import STEPS_LIMIT, OddStep, allocate, round_to_steps
from properties.strategies import T0, modes, weights

steps = st.integers(-(STEPS_LIMIT - 1), STEPS_LIMIT - 1)


class TestUnitsAreNeverMixed:
    """P5: "No transfer, lot or comparison mixes units; mixing raises ..., also through `sum()` and `max()`"."""

    @given(left=st.integers(-1000, 1000), right=st.integers(-1000, 1000))
    def test_mixing_raises(self, left: int, right: int) -> None:
        """Adding, subtracting, ordering, summing and the greatest of two units raise UnitMismatchError."""
        a, b = POINTS.of(left), USD.steps(right)
        for mix in (
            lambda: a + b,
            lambda: a - b,
            lambda: a < b,
            lambda: a <= b,
            lambda: a > b,
            lambda: a >= b,
            lambda: sum((a, b), POINTS.of(0)),
            lambda: max(a, b),
            lambda: min(a, b),
        ):
            with pytest.raises(UnitMismatchError):
                mix()
        assert a != b

    @given(numbers=st.lists(st.integers(-1000, 1000), min_size=1, max_size=6))
    def test_one_unit_adds_up(self, numbers: list[int]) -> None:
        """Amounts of one unit sum and compare as their steps do."""
        amounts = [POINTS.of(n) for n in numbers]
        assert sum(amounts, POINTS.of(0)).steps == sum(numbers)
        assert max(amounts).steps == max(numbers)


class TestAmountsArePositiveWholeSteps:
    """P9: "Transfer amounts are positive ...; zero, negative, bool, float, NaN, Infinity refused at construction"."""

    @pytest.mark.parametrize(
        "value", [True, False, 1.0, nan, inf, -inf, None, "1e3", " 1", "1_0", "\u0661", Decimal("NaN")]
    )
    def test_what_is_no_exact_number_is_refused(self, value: object) -> None:
        """A float, a bool, NaN, an infinity, an exponent and foreign digits are no amounts."""
        with pytest.raises(InvalidValueError):
            POINTS.of(value)  # type: ignore[arg-type]  # this is the point

    @given(n=st.integers(-1000, 0))
    def test_effects_and_requests_are_above_zero(self, n: int) -> None:
        """A credit, a debit and a wish of nothing or less are refused where they are made."""
        for make in (Credit, Debit):
            with pytest.raises(InvalidValueError):
                make(POINTS.of(n))
        with pytest.raises(InvalidValueError):
            Redemption(id="d", member=MEMBER, occurred_at=T0, reward="pay", amount=POINTS.of(n))

    def test_an_adjustment_of_nothing_is_refused(self) -> None:
        """An operator credits or debits something."""
        with pytest.raises(InvalidValueError):
            Adjustment(id="j", member=MEMBER, occurred_at=T0, amount=POINTS.of(0), actor="ann", reason="none")


class TestAmountsStayInRange:
    """P10: "Every amount is whole steps, |amount| < 2^63 ...; overflow is a typed refusal, never a wrap, a float"."""

    @given(left=steps, right=steps)
    def test_sums_are_exact_or_refused(self, left: int, right: int) -> None:
        """A sum is exact, or AmountOverflowError."""
        a, b = Amount(left, "points"), Amount(right, "points")
        if abs(left + right) < STEPS_LIMIT:
            assert type((a + b).steps) is int
            assert (a + b).steps == left + right
        else:
            with pytest.raises(AmountOverflowError):
                a + b

    @given(n=st.one_of(st.integers(max_value=-STEPS_LIMIT), st.integers(min_value=STEPS_LIMIT)))
    def test_no_amount_lies_outside(self, n: int) -> None:
        """2**63 steps and more are refused."""
        with pytest.raises(AmountOverflowError):
            Amount(n, "points")

    @given(number=st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
    def test_text_and_decimal_say_the_same(self, number: Decimal) -> None:
        """A number and its text make equal amounts, and the amount prints as the number."""
        unit = Unit("kwd", decimals=3)
        assert unit.of(number) == unit.of(f"{number:f}")
        assert Decimal(unit.digits(unit.of(number).steps)) == number


class TestRounding:
    """P43: "Rounding once, where stated"."""

    @given(number=st.fractions(max_denominator=1_000), mode=modes)
    def test_a_rounded_figure_is_the_nearest_or_the_named_side(self, number: Fraction, mode: Rounding) -> None:
        """Within a step; on the named side; a half goes where the mode says."""
        found = round_to_steps(number, mode)
        assert found == by_fractions(number, mode)
        assert abs(found - number) < 1
        if mode not in (Rounding.FLOOR, Rounding.CEILING):
            assert abs(found - number) <= Fraction(1, 2)

    @given(number=st.fractions(max_denominator=1_000))
    def test_half_modes_mirror(self, number: Fraction) -> None:
        """Half up, half even and half down treat a loss as they treat a gain; floor and ceiling mirror each other."""
        for mode in (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.HALF_DOWN):
            assert round_to_steps(-number, mode) == -round_to_steps(number, mode)
        assert round_to_steps(-number, Rounding.FLOOR) == -round_to_steps(number, Rounding.CEILING)


class TestAllocation:
    """P41: "shares sum to the pot for all weights ...; each within one step of ideal; independent of member order"."""

    @given(total=st.integers(-(10**9), 10**9), parts=weights, odd=st.sampled_from(list(OddStep)))
    def test_shares_sum_and_are_fair(self, total: int, parts: list[int], odd: OddStep) -> None:
        """The shares sum to the total; each is within one step of its ideal; no weight, no share."""
        if not sum(parts):
            assert allocate(0, lambda: parts, odd) == tuple(0 for _ in parts)
            return
        shares = allocate(total, lambda: iter(parts), odd)
        assert sum(shares) == total
        for share, weight in zip(shares, parts, strict=True):
            assert abs(share - Fraction(total * weight, sum(parts))) < 1
            assert weight or not share

    @given(total=st.integers(0, 10**6), parts=weights.filter(any))
    def test_the_largest_remainders_get_the_odd_steps(self, total: int, parts: list[int]) -> None:
        """Whoever got an odd step had a remainder as large as anyone who did not."""
        shares = allocate(total, lambda: parts)
        whole = sum(parts)
        rests = [Fraction(total * weight, whole) - floor(Fraction(total * weight, whole)) for weight in parts]
        got = [share - total * weight // whole for share, weight in zip(shares, parts, strict=True)]
        lucky = [rest for rest, more in zip(rests, got, strict=True) if more]
        others = [rest for rest, more in zip(rests, got, strict=True) if not more]
        assert not lucky or not others or min(lucky) >= max(others)

    @given(total=st.integers(0, 10**6), parts=weights.filter(any), data=st.data())
    def test_order_matters_only_between_equals(self, total: int, parts: list[int], data: st.DataObject) -> None:
        """In another order, the shares by weight are the same."""
        shuffled = data.draw(st.permutations(parts))
        first = sorted(zip(parts, allocate(total, lambda: parts), strict=True))
        second = sorted(zip(shuffled, allocate(total, lambda: shuffled), strict=True))
        assert first == second

    @given(parts=weights, total=st.integers(1, 100))
    def test_nothing_is_shared_by_nobody(self, parts: list[int], total: int) -> None:
        """Where all weights are zero, or one is below, allocation is refused."""
        with pytest.raises(InvalidValueError):
            allocate(total, lambda: [0 for _ in parts])
        with pytest.raises(InvalidValueError):
            allocate(total, lambda: [*parts, -1])
