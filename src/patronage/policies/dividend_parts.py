"""The parts of a dividend as data: classes of patronage, and what becomes of late returns and of small shares."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from fractions import Fraction

import attrs

from patronage.base import Base
from patronage.conditions import condition_or_none, reads_of
from patronage.errors import InvalidValueError, quote
from patronage.events import Line, many, word
from patronage.occasions import Condition, Occasion, Read
from patronage.units import DECIMALS_MAX, OddStep, exact, plain_decimal


class SharedBy(Enum):
    """
    How a pool is shared out: to the last step, the odd ones by largest remainder, to the first or to the last.

    ROUNDED: each share is rounded on its own, and the sum is what it comes to.
    """

    LARGEST_REMAINDER = "largest_remainder"
    FIRST = "first"
    LAST = "last"
    ROUNDED = "rounded"

    @property
    def odd(self) -> OddStep:
        """Who gets the odd steps."""
        return OddStep.LARGEST_REMAINDER if self is SharedBy.ROUNDED else OddStep(self.value)


class LateReturns(Enum):
    """What a return does once the patronage of its period is final: it lowers a later period's, or nothing."""

    NEXT_PERIOD = "next_period"
    DROPPED = "dropped"


class BelowMinimum(Enum):
    """What becomes of a share below the minimum: carried to the next dividend, donated, or not paid at all."""

    CARRIED = "carried"
    DONATED = "donated"
    DROPPED = "dropped"


def _most(value: int | str | Decimal) -> Decimal:
    number = plain_decimal(value)
    if number <= 0:
        raise InvalidValueError(f"The most of a class must be above 0, not {quote(str(value))}.")
    return number


def _decimals(_: object, __: object, value: int | None) -> None:
    if value is not None and (type(value) is not int or not 0 <= value <= DECIMALS_MAX):
        raise InvalidValueError(f"decimals must be a whole number from 0 to {DECIMALS_MAX}, not {quote(value)}.")


def _class_name(value: str) -> str:
    if "/" in word(value) or value[0] == "~":
        raise InvalidValueError(f"The name of a class has no '/' and does not begin with '~', as {quote(value)} does.")
    return value


@attrs.frozen(kw_only=True)
class PatronageClass:
    """
    What counts as patronage of one class: spend in *currency*, or a quantity where there is none.

    Spend counts by *base* and *lines*. A quantity is that of the lines, or their *measure* (bushels,
    litres); with *activity* the count of that kind of activity, or its *measure* (a delivery of grain). It
    is counted in *decimals* places, the rest of an event is cut off. *when* is asked about the event and
    member. *most* is how much of a member's patronage counts in a period, in whole units.
    """

    name: str = attrs.field(default="patronage", converter=_class_name)
    currency: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    base: Base = Base()
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    measure: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    activity: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    decimals: int = attrs.field(default=0, validator=_decimals)
    most: Decimal | None = attrs.field(default=None, converter=attrs.converters.optional(_most))

    def __attrs_post_init__(self) -> None:
        if self.currency is not None and (self.measure is not None or self.activity is not None or self.decimals):
            raise InvalidValueError(f"Class {self.name} counts spend in a currency, or a quantity: not both.")
        if self.activity is not None and self.lines is not None:
            raise InvalidValueError(f"Class {self.name} counts an activity, which has no lines.")

    @property
    def reads(self) -> Iterable[Read]:
        """The balances that its conditions read."""
        return (*reads_of(self.lines), *reads_of(self.when))

    def counted(self, occasion: Occasion, decimals: int) -> tuple[int, tuple[str, ...]]:
        """What an event adds, in steps of so many *decimals*, and the ids of the lines it stands on."""
        activity, purchase = occasion.activity, occasion.purchase
        if self.activity is not None:
            if activity is None or activity.kind != self.activity or not self._applies(occasion):
                return 0, ()
            quantity = activity.count if self.measure is None else activity.measures.get(self.measure, Decimal(0))
            return _steps(Fraction(quantity), decimals), ()
        if purchase is None or not purchase.lines or not self._applies(occasion):
            return 0, ()
        if self.currency is None:
            found = [(line, self._quantity(line)) for line in purchase.lines if self._line(occasion, line)]
            return _steps(sum((q for _, q in found), Fraction(0)), decimals), tuple(line.id or "" for line, q in found)
        if purchase.currency != self.currency:
            return 0, ()
        total, ids = 0, []
        for steps, line in zip(self.base.of(purchase), purchase.lines, strict=True):
            if steps and self._line(occasion, line):
                total += steps
                ids.append(line.id or "")
        return total, tuple(ids)

    def _applies(self, occasion: Occasion) -> bool:
        return self.when is None or self.when.holds(occasion, None)

    def _line(self, occasion: Occasion, line: Line) -> bool:
        return self.lines is None or self.lines.holds(occasion, line)

    def _quantity(self, line: Line) -> Fraction:
        return Fraction(line.quantity if self.measure is None else line.measures.get(self.measure, Decimal(0)))


def _steps(quantity: Fraction, decimals: int) -> int:
    number = quantity * 10**decimals
    steps: int = number.numerator // number.denominator
    return max(0, steps)


def classes_of(value: Iterable[PatronageClass]) -> tuple[PatronageClass, ...]:
    """Classes of patronage as a tuple, each with a name of its own."""
    found = many(value)
    if not found or not all(isinstance(each, PatronageClass) for each in found):
        raise InvalidValueError(f"A dividend has classes of patronage (PatronageClass), not {quote(value)}.")
    if len({each.name for each in found}) < len(found):
        raise InvalidValueError("Two classes of patronage have one name.")
    return found


def cash_share(value: int | str | Decimal | Fraction) -> Fraction:
    """A share from 0 to 1, exact: `"0.20"`, or `"1/3"`."""
    if isinstance(value, str) and value.count("/") == 1:
        over, under = (exact(part) for part in value.split("/"))
        number = over / under if under else Fraction(-1)
    else:
        number = exact(value)
    if not 0 <= number <= 1:
        raise InvalidValueError(f"The share that is paid in cash is from 0 to 1, not {quote(str(value))}.")
    return number
