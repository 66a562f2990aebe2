"""Rounding once, and sharing out to the last step."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from patronage import InvalidValueError, Rounding
from patronage.units import OddStep, allocate, exact, round_to_steps, rounded

FLOOR, CEILING = Rounding.FLOOR, Rounding.CEILING
UP, EVEN, DOWN = Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.HALF_DOWN


@pytest.mark.parametrize(
    ("n", "d", "floor", "ceiling", "up", "even", "down"),
    [
        (4, 2, 2, 2, 2, 2, 2),
        (5, 2, 2, 3, 3, 2, 2),
        (7, 2, 3, 4, 4, 4, 3),
        (9, 4, 2, 3, 2, 2, 2),
        (11, 4, 2, 3, 3, 3, 3),
        (-5, 2, -3, -2, -3, -2, -2),
        (-7, 2, -4, -3, -4, -4, -3),
        (-9, 4, -3, -2, -2, -2, -2),
        (-11, 4, -3, -2, -3, -3, -3),
        (1, 2, 0, 1, 1, 0, 0),
        (-1, 2, -1, 0, -1, 0, 0),
        (0, 7, 0, 0, 0, 0, 0),
    ],
)
def test_each_mode_rounds_as_its_name_says(
    n: int, d: int, floor: int, ceiling: int, up: int, even: int, down: int
) -> None:
    """Floor and ceiling go down and up; halves go away from zero, to even, or towards zero."""
    modes = (FLOOR, CEILING, UP, EVEN, DOWN)
    assert [rounded(n, d, mode) for mode in modes] == [floor, ceiling, up, even, down]
    assert [round_to_steps(Fraction(n, d), mode) for mode in modes] == [floor, ceiling, up, even, down]


def test_a_discount_is_shared_to_the_cent() -> None:
    """10.00 over three equal lines is 3.34, 3.33 and 3.33: the odd cent goes to the largest remainder, in order."""
    assert allocate(1000, lambda: (1, 1, 1)) == (334, 333, 333)


def test_the_odd_step_goes_to_the_largest_remainder() -> None:
    """Of 10 in the ratio 1 : 2 : 4 the largest fractions get the odd steps."""
    assert allocate(10, lambda: (1, 2, 4)) == (1, 3, 6)


def test_the_odd_step_goes_to_the_first_or_the_last_if_told() -> None:
    """First and last are those that have a weight."""
    assert allocate(8, lambda: (0, 1, 1, 1, 0), OddStep.FIRST) == (0, 3, 3, 2, 0)
    assert allocate(8, lambda: (0, 1, 1, 1, 0), OddStep.LAST) == (0, 2, 3, 3, 0)


def test_what_is_below_zero_is_shared_like_its_size() -> None:
    """A refund is shared like the charge."""
    assert allocate(-1000, lambda: (1, 1, 1)) == (-334, -333, -333)


def test_nothing_is_shared_as_nothing() -> None:
    """Nothing to share gives everybody nothing, also where nobody has a weight."""
    assert allocate(0, lambda: (0, 0)) == (0, 0)
    assert allocate(0, lambda: (3, 4)) == (0, 0)
    assert allocate(0, lambda: ()) == ()


def test_something_for_nobody_is_refused() -> None:
    """Money cannot be shared among weights of zero."""
    with pytest.raises(InvalidValueError, match="every weight is 0"):
        allocate(1, lambda: (0, 0))
    with pytest.raises(InvalidValueError, match="every weight is 0"):
        allocate(1, lambda: ())


@pytest.mark.parametrize("weight", [-1, 1.0, True, "1", None])
def test_a_weight_is_a_whole_number(weight: Any) -> None:
    """A weight below zero, a float or a text is refused."""
    with pytest.raises(InvalidValueError, match="A weight must be a whole number"):
        allocate(1, lambda: (1, weight))


def test_weights_are_asked_for_anew() -> None:
    """Weights come from a callable, so that a generator pays everybody each time it is read."""

    def weights() -> Iterator[int]:
        yield from (5, 3, 2)

    assert allocate(7, weights) == (4, 2, 1)


def test_a_number_has_thirty_digits_at_most() -> None:
    """The point and the sign are no digits: 30 are taken, 31 are refused."""
    assert exact("-" + "9" * 29 + ".5") == Fraction("-" + "9" * 29 + ".5")
    with pytest.raises(InvalidValueError):
        exact("9" * 31)
    with pytest.raises(InvalidValueError):
        exact("9" * 30 + ".5")
