"""
The revenue of points: what of a price is deferred for them, and when it is earned.

Points that a purchase earns are a right to buy more for nothing: a part of the price is for them, and is
revenue only as they are redeemed, or when it is known that they will not be. IFRS 15, paragraphs B39 to
B47 and example 52 (IE267 to IE270); ASC 606-10-55-41 to 55-49 and 55-353 to 55-356.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import attrs

from patronage.errors import InvalidValueError, UnitMismatchError, of_type, quote
from patronage.units import Amount, Rounding, rounded


class Breakage(Enum):
    """
    When the price of points that are never redeemed is earned.

    PROPORTIONAL: along with those that are, where breakage is expected. REMOTE: at last, when it is
    remote that more will be redeemed.
    """

    PROPORTIONAL = "proportional"
    REMOTE = "remote"


@attrs.frozen(kw_only=True)
class Redeemed:
    """What was known at a period's end: the points *redeemed* until then, and the *expected* ones, in all."""

    redeemed: Amount = attrs.field(validator=of_type(Amount))
    expected: Amount = attrs.field(validator=of_type(Amount))

    def __attrs_post_init__(self) -> None:
        if self.redeemed.unit != self.expected.unit:
            raise InvalidValueError("What is redeemed and what is expected are in one unit.")
        if not 0 <= self.redeemed.steps <= self.expected.steps or not self.expected.steps:
            raise InvalidValueError(
                f"Some points are expected to be redeemed, and those that were are among them: not {self.redeemed} of "
                f"{self.expected}."
            )


@attrs.frozen
class Earned:
    """The *revenue* of a period (below zero where more is expected than before), and the *liability* at its end."""

    revenue: Amount
    liability: Amount


def deferred(price: Amount, *, goods: Amount, points: Amount, rounding: Rounding = Rounding.HALF_UP) -> Amount:
    """
    What of *price* is for points: shared by what *goods* and *points* are worth by themselves, rounded once.

    *points* is the value of those that are expected to be redeemed. Raises UnitMismatchError where the three are
    not in one unit, InvalidValueError for what is below zero or worth nothing at all.
    """
    for other in (price, goods, points):
        if not isinstance(other, Amount):
            raise InvalidValueError(f"A price and what it is for are amounts, not {quote(other)}.")
        if other.unit != price.unit:
            raise UnitMismatchError(price.unit, other.unit)
    whole = goods.steps + points.steps
    if price.steps < 0 or goods.steps < 0 or points.steps < 0 or not whole:
        raise InvalidValueError(
            "A price is shared by what goods and points are worth: none below zero, and not nothing."
        )
    return attrs.evolve(price, steps=rounded(price.steps * points.steps, whole, rounding))


def earned(
    deferral: Amount,
    periods: Iterable[Redeemed],
    *,
    issued: Amount | None = None,
    breakage: Breakage = Breakage.PROPORTIONAL,
    rounding: Rounding = Rounding.HALF_UP,
) -> tuple[Earned, ...]:
    """
    The revenue of each period: what of the deferral is earned by then, rounded once, less what was before.

    So what is expected otherwise than before is caught up with, and all of it is earned in the end. With
    REMOTE breakage it is earned by the points *issued*. Raises InvalidValueError where fewer points were
    redeemed than before, or fewer issued than are expected.
    """
    if not isinstance(deferral, Amount) or deferral.steps < 0:
        raise InvalidValueError(f"What is deferred is an amount of at least 0, not {quote(deferral)}.")
    if (issued is None) != (breakage is Breakage.PROPORTIONAL):
        raise InvalidValueError("The points issued are told where breakage is earned at last, and only there.")
    found: list[Earned] = []
    before = redeemed = 0
    for known in periods:
        if not isinstance(known, Redeemed):
            raise InvalidValueError(f"Of each period it is told what was Redeemed, not {quote(known)}.")
        if known.redeemed.steps < redeemed:
            raise InvalidValueError(f"Redeemed is the sum of all periods: not {known.redeemed} after {redeemed}.")
        redeemed, expected = known.redeemed.steps, known.expected.steps
        whole = expected
        if issued is not None and redeemed < expected:
            if issued.unit != known.expected.unit or issued.steps < expected:
                raise InvalidValueError(
                    f"What is expected is a part of what was issued: not {expected} of {quote(issued)}."
                )
            whole = issued.steps
        total = rounded(deferral.steps * redeemed, whole, rounding)
        found.append(
            Earned(attrs.evolve(deferral, steps=total - before), attrs.evolve(deferral, steps=deferral.steps - total))
        )
        before = total
    return tuple(found)
