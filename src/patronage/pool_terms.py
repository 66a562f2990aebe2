"""Whether members may pool what they have, as data: of which unit, who spends whose, what one takes along."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import attrs

from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError, quote
from patronage.fields import many, whole, word
from patronage.occasions import Condition
from patronage.rules import above_zero
from patronage.units import Amount

_AMOUNT = attrs.validators.optional(above_zero)


class Split(Enum):
    """
    What of a pool a member takes along on leaving, to the step.

    OWN: what is left of their own contributions. BY_CONTRIBUTION: of all that is left, in proportion to
    what those who are in it have contributed. EVEN: an equal part of it. NOTHING: it stays. Odd steps
    go by largest remainder, then in order of the members' ids.
    """

    OWN = "own"
    BY_CONTRIBUTION = "by_contribution"
    EVEN = "even"
    NOTHING = "nothing"


class Draw(Enum):
    """Whose part of a pool is spent: the first lots in spending order, or everybody's in proportion to what is left."""

    IN_ORDER = "in_order"
    PRO_RATA = "pro_rata"


@attrs.frozen(kw_only=True)
class PoolTerms:
    """
    Members may put *unit* (a code) into pools, what has no label of it, and spend it from there.

    A pool has at most *members_max*; a member is in one pool at a time. One contribution is of *minimum*
    to *maximum*; *when* is asked of who joins and who contributes. *draws* says whose part is spent,
    *leaving* what a member takes along.
    """

    unit: str = attrs.field(converter=word)
    members_max: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))
    minimum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    maximum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    draws: Draw = attrs.field(default=Draw.IN_ORDER, validator=attrs.validators.instance_of(Draw))
    leaving: Split = attrs.field(default=Split.OWN, validator=attrs.validators.instance_of(Split))

    def __attrs_post_init__(self) -> None:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        if any(bound.unit != self.unit for bound in bounds):
            raise InvalidValueError(f"What limits contributions of {self.unit} is in {self.unit}.")
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            raise InvalidValueError("The minimum of a contribution is not above its maximum.")


def pools_of(value: Iterable[PoolTerms]) -> tuple[PoolTerms, ...]:
    """The terms of pools, one for a unit."""
    found = many(value)
    if not all(isinstance(one, PoolTerms) for one in found) or len({one.unit for one in found}) < len(found):
        raise InvalidValueError(f"Pools are PoolTerms, one for each unit, not {quote(value)}.")
    return found
