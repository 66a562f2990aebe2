"""Values that count: units, amounts, rounding, allocation. Whole steps and exact rationals only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Final

import attrs

from patronage._build import blank
from patronage._currencies import DECIMALS
from patronage.errors import AmountOverflowError, InvalidValueError, UnitMismatchError, of_type, quote

STEPS_LIMIT: Final = 2**63
DIGITS_MAX: Final = 30
DECIMALS_MAX: Final = 12

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
_AMOUNT = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?) ([A-Za-z][A-Za-z0-9_.-]{0,99})", re.ASCII)


class UnitKind(Enum):
    """What a unit is for: REDEEMABLE is owed (a liability), QUALIFYING counts towards status, TALLY for a rule."""

    REDEEMABLE = "redeemable"
    QUALIFYING = "qualifying"
    TALLY = "tally"


class Rounding(Enum):
    """How an exact figure becomes a whole number of steps. FLOOR and CEILING go down and up, also below zero."""

    FLOOR = "floor"
    CEILING = "ceiling"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    HALF_DOWN = "half_down"


class OddStep(Enum):
    """Who gets the steps that are left when a sum is shared out: equals are told apart by their order."""

    LARGEST_REMAINDER = "largest_remainder"
    FIRST = "first"
    LAST = "last"


def exact(value: int | str | Decimal | Fraction) -> Fraction:
    """
    The exact number that *value* states.

    Raises InvalidValueError for a float, a bool, NaN, an infinity, an exponent, digits that are not
    ASCII, blanks, or more than 30 digits.
    """
    kind = type(value)
    if kind is int or kind is Fraction:
        if not -(10**DIGITS_MAX) < value < 10**DIGITS_MAX:
            raise InvalidValueError(f"A number may have {DIGITS_MAX} digits at most.")
        return Fraction(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise InvalidValueError(f"A number must be finite, not {quote(str(value))}.")
        _, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int)
        if len(digits) + abs(exponent) > DIGITS_MAX * 2 or exponent > DIGITS_MAX:
            raise InvalidValueError(f"A number may have {DIGITS_MAX} digits at most.")
        text = f"{value:f}"
    elif isinstance(value, str):
        text = value
    else:
        raise InvalidValueError(
            f"A number must be an int, a str such as '19.99' or a Decimal, not {quote(value)} ({type(value).__name__})."
        )
    if len(text.replace(".", "").replace("-", "")) > DIGITS_MAX or not _NUMBER.fullmatch(text):
        raise InvalidValueError(
            f"A number must be written in plain digits, {DIGITS_MAX} at most, such as '19.99', not {quote(text)}."
        )
    return Fraction(text)


def rounded(numerator: int, denominator: int, mode: Rounding) -> int:
    """The whole number that *numerator* / *denominator* becomes; *denominator* is above zero."""
    whole, rest = divmod(numerator, denominator)
    if not rest or mode is Rounding.FLOOR:
        return whole
    if mode is Rounding.CEILING:
        return whole + 1
    twice = 2 * rest
    if twice != denominator:
        return whole + (twice > denominator)
    # Exactly half: up and down are away from zero and towards it.
    if mode is Rounding.HALF_EVEN:
        return whole + (whole & 1)
    return whole + ((mode is Rounding.HALF_UP) == (whole >= 0))


def plain_decimal(value: int | str | Decimal) -> Decimal:
    """
    The exact decimal that *value* states, in its shortest plain form: equal numbers print alike.

    Raises InvalidValueError like `exact`.
    """
    number = exact(value)
    if isinstance(value, Decimal):
        text = f"{value:f}"
    else:
        text = str(number.numerator) if isinstance(value, int) else value
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if not number:
        return Decimal(0)
    sign = "-" if text.startswith("-") else ""
    text = text.lstrip("-").lstrip("0")
    return Decimal(sign + (text if not text.startswith(".") else "0" + text))


def round_to_steps(value: Fraction, mode: Rounding) -> int:
    """The whole number that *value* becomes under *mode*."""
    return rounded(value.numerator, value.denominator, mode)


def _whole(value: int) -> int:
    if type(value) is not int:
        raise InvalidValueError(f"Steps must be a whole number (int), not {quote(value)} ({type(value).__name__}).")
    if not -STEPS_LIMIT < value < STEPS_LIMIT:
        raise AmountOverflowError(value)
    return value


def _code(value: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidValueError(f"A unit is named by its code, a str, not {quote(value)}.")
    return value


@attrs.frozen(order=False, weakref_slot=False)
class Amount:
    """
    A whole number of the smallest steps of a unit, named by the unit's code.

    19.99 USD is 1999 steps of `USD`. Made by `Unit.of` and `Unit.steps`. Adding, subtracting or
    comparing two units raises UnitMismatchError; 2**63 steps or more AmountOverflowError.
    """

    steps: int = attrs.field(converter=_whole)
    unit: str = attrs.field(converter=_code)

    def _same(self, other: Amount) -> Amount:
        if other.unit != self.unit:
            raise UnitMismatchError(self.unit, other.unit)
        return other

    def __add__(self, other: Amount) -> Amount:
        if not isinstance(other, Amount):
            return NotImplemented
        return Amount(self.steps + self._same(other).steps, self.unit)

    def __radd__(self, other: int) -> Amount:
        """`sum(amounts)` starts from 0."""
        if type(other) is int and other == 0:
            return self
        return NotImplemented

    def __sub__(self, other: Amount) -> Amount:
        if not isinstance(other, Amount):
            return NotImplemented
        return Amount(self.steps - self._same(other).steps, self.unit)

    def __neg__(self) -> Amount:
        return Amount(-self.steps, self.unit)

    def __lt__(self, other: Amount) -> bool:
        if not isinstance(other, Amount):
            return NotImplemented
        return self.steps < self._same(other).steps

    def __le__(self, other: Amount) -> bool:
        if not isinstance(other, Amount):
            return NotImplemented
        return self.steps <= self._same(other).steps

    def __gt__(self, other: Amount) -> bool:
        if not isinstance(other, Amount):
            return NotImplemented
        return self.steps > self._same(other).steps

    def __ge__(self, other: Amount) -> bool:
        if not isinstance(other, Amount):
            return NotImplemented
        return self.steps >= self._same(other).steps

    def __bool__(self) -> bool:
        return self.steps != 0


_BLANK_AMOUNT: Final = blank(Amount)


def build_amount(steps: int, unit: str) -> Amount:
    """`Amount(...)`, all fields in order, unchecked."""
    made = _BLANK_AMOUNT()
    made.steps, made.unit = steps, unit
    made.__class__ = Amount
    return made  # type: ignore[no-any-return]


def _unit_code(value: str) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise InvalidValueError(
            f"A unit's code must be 1 to 32 ASCII letters, digits, '-' or '_', a letter first, not {quote(value)}."
        )
    return value


def _decimals(value: int) -> int:
    if type(value) is not int or not 0 <= value <= DECIMALS_MAX:
        raise InvalidValueError(
            f"A unit's decimals must be a whole number from 0 to {DECIMALS_MAX}, not {quote(value)}."
        )
    return value


@attrs.frozen
class Unit:
    """
    What a balance is counted in: points, stars, miles, nights, USD.

    *decimals* fixes the smallest step (USD 2: a cent). A code's decimals and kind never change over
    a program's terms.
    """

    code: str = attrs.field(converter=_unit_code)
    decimals: int = attrs.field(default=0, kw_only=True, converter=_decimals)
    kind: UnitKind = attrs.field(default=UnitKind.REDEEMABLE, kw_only=True, validator=of_type(UnitKind))

    def of(self, value: int | str | Decimal) -> Amount:
        """
        The amount that *value* states in whole units: `usd.of("19.99")`, `points.of(120)`.

        Raises InvalidValueError where *value* is no exact number (a float, a bool, NaN) or has more
        decimals than the unit.
        """
        if isinstance(value, Fraction):
            raise InvalidValueError("An amount is written as an int, a str or a Decimal.")
        number = exact(value) * 10**self.decimals
        if number.denominator != 1:
            raise InvalidValueError(
                f"{self.code} has {self.decimals} decimals: {quote(str(value))} cannot be stated in whole steps."
            )
        return Amount(number.numerator, self.code)

    def steps(self, steps: int) -> Amount:
        """The amount of that many smallest steps: `usd.steps(1999)` is 19.99 USD."""
        return Amount(steps, self.code)

    def text(self, amount: Amount) -> str:
        """*amount* as people write it: `19.99 USD`. Raises UnitMismatchError for an amount of another unit."""
        if amount.unit != self.code:
            raise UnitMismatchError(self.code, amount.unit)
        return f"{self.digits(amount.steps)} {self.code}"

    def digits(self, steps: int) -> str:
        """That many steps as a decimal number: 1999 steps of USD are `19.99`."""
        if not self.decimals:
            return str(steps)
        sign = "-" if steps < 0 else ""
        whole, rest = divmod(abs(steps), 10**self.decimals)
        return f"{sign}{whole}.{rest:0{self.decimals}d}"


def currency(code: str, *, kind: UnitKind = UnitKind.REDEEMABLE) -> Unit:
    """
    The unit of an ISO 4217 currency with its decimals: USD 2, JPY 0, KWD 3.

    Raises InvalidValueError for a code that the standard does not list: for a token of your own,
    make a `Unit`.
    """
    decimals = DECIMALS.get(code) if isinstance(code, str) else None
    if decimals is None:
        raise InvalidValueError(f"{quote(code)} is no ISO 4217 currency: write it in three capitals, or make a Unit.")
    return Unit(code, decimals=decimals, kind=kind)


def parse_amount(text: str, decimals_of: Callable[[str], int | None]) -> Amount:
    """
    Reads `19.99 USD`; *decimals_of* gives a unit's decimals, or None where there is no such unit.

    Raises InvalidValueError that says what is wrong with the text.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise InvalidValueError(f"An amount is a number, a blank and a unit: '19.99 USD', not {quote(text)}.")
    number, code = found.groups()
    decimals = decimals_of(code)
    if decimals is None:
        raise InvalidValueError(f"No unit is called {quote(code)} here.")
    steps = exact(number) * 10**decimals
    if steps.denominator != 1:
        raise InvalidValueError(f"{code} has {decimals} decimals: {quote(number)} cannot be stated in whole steps.")
    return Amount(steps.numerator, code)


def allocate(
    total: int, weights: Callable[[], Iterable[int]], odd: OddStep = OddStep.LARGEST_REMAINDER
) -> tuple[int, ...]:
    """
    Shares of *total* in proportion to *weights*: they sum to it, each within one step of its ideal.

    *weights* is called more than once and must give the same whole numbers, none below zero, each
    time. Steps that are left go one each to the largest remainders (equal ones: in order), or to
    the first or the last of those that have a weight. A negative total is shared like its size. Raises
    InvalidValueError where a weight is below zero, or where all are zero and there is something to
    share.
    """
    if total < 0:
        return tuple(-share for share in allocate(-total, weights, odd))
    whole = 0
    for weight in weights():
        if type(weight) is not int or weight < 0:
            raise InvalidValueError(f"A weight must be a whole number of at least 0, not {quote(weight)}.")
        whole += weight
    if not total:
        return tuple(0 for _ in weights())
    if not whole:
        raise InvalidValueError("Nothing can be shared out where every weight is 0.")
    shares = [total * weight // whole for weight in weights()]
    left = total - sum(shares)
    if left:
        order: Sequence[int]
        if odd is OddStep.LARGEST_REMAINDER:
            remainders = [total * weight % whole for weight in weights()]
            order = sorted(range(len(shares)), key=lambda i: -remainders[i])
        else:
            order = [i for i, weight in enumerate(weights()) if weight]
            order = order if odd is OddStep.FIRST else order[::-1]
        for i in order[:left]:
            shares[i] += 1
    return tuple(shares)
