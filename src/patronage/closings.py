"""What becomes of a balance when its account is closed, as data."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from patronage.errors import InvalidValueError, quote
from patronage.fields import labels_of, many, word
from patronage.rules import above_zero
from patronage.units import Amount, Rounding

_AMOUNT = attrs.validators.optional(above_zero)


@attrs.frozen(kw_only=True)
class ClosingTerms:
    """
    What becomes of *unit* (a code) when an account is closed. Of a unit without such terms all is forfeited.

    *pays_out* what is available under *labels* (what has none, unless told): as it is where the unit is
    money, else by *price*, the money for that many of the unit, rounded by *rounding*. Of less than
    *minimum* nothing is paid. The rest, and what is pending, is forfeited: it goes where it goes when it
    expires. *forgives_debt*: what is owed is forgiven; else it stays.
    """

    unit: str = attrs.field(converter=word)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=labels_of)
    pays_out: bool = False
    price: tuple[Amount, Amount] | None = None
    rounding: Rounding = Rounding.FLOOR
    minimum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    forgives_debt: bool = False

    def __attrs_post_init__(self) -> None:
        if not self.pays_out and (self.price is not None or self.minimum is not None or self.labels):
            raise InvalidValueError("A price, a minimum and labels go with what is paid out at a closing.")
        if self.price is not None and (self.price[0].unit != self.unit or min(a.steps for a in self.price) <= 0):
            raise InvalidValueError(
                f"The price at a closing is money above 0 for an amount of {self.unit} above 0: ({self.unit}, money)."
            )
        if self.minimum is not None and self.minimum.unit != self.unit:
            raise InvalidValueError(f"The minimum of what is paid out is in {self.unit}.")


def closings_of(value: Iterable[ClosingTerms]) -> tuple[ClosingTerms, ...]:
    """The terms of closings, one for a unit."""
    found = many(value)
    if not all(isinstance(one, ClosingTerms) for one in found) or len({one.unit for one in found}) < len(found):
        raise InvalidValueError(f"Closings are ClosingTerms, one for each unit, not {quote(value)}.")
    return found
