"""Whether members may give to each other, as data: of which unit, how much, how often, between whom."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError, quote
from patronage.fields import labels_of, many, word
from patronage.occasions import Condition, Life
from patronage.rules import Ceiling, above_zero, ceilings
from patronage.units import Amount

_AMOUNT = attrs.validators.optional(above_zero)


@attrs.frozen(kw_only=True)
class TransferTerms:
    """
    Members may give *unit* (a code) to each other: of *labels* in that order, without one unless told.

    One gift is of *minimum* to *maximum*. *given* and *received* are ceilings per period, for each giver
    and for each receiver; a gift that does not fit is refused whole. *when* is asked about the giver,
    *when_receiver* about the receiver. What is given keeps its validity, source and age; with a *life* it
    lives anew with the receiver, and has its old life again where the gift is taken back.
    """

    unit: str = attrs.field(converter=word)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=labels_of)
    minimum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    maximum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    given: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)
    received: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    when_receiver: Condition | None = attrs.field(default=None, converter=condition_or_none)
    life: Life | None = attrs.field(default=None, validator=attrs.validators.instance_of(Life | None))

    def __attrs_post_init__(self) -> None:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        if any(bound.unit != self.unit for bound in (*bounds, *(c.limit for c in (*self.given, *self.received)))):
            raise InvalidValueError(f"What limits gifts of {self.unit} is in {self.unit}.")
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            raise InvalidValueError("The minimum of a gift is not above its maximum.")
        if self.life is not None and (self.life.on_confirmation or self.life.available_after is not None):
            raise InvalidValueError("What is given is there at once: its life has an end, or none.")
        for ceiling in (*self.given, *self.received):
            if ceiling.per is None or ceiling.shared is not None or ceiling.by_label or ceiling.beyond is not None:
                raise InvalidValueError(
                    f"Ceiling {ceiling.name} of gifts is a limit per period, on each member's own account: "
                    "nothing else goes with it."
                )


def transfers_of(value: Iterable[TransferTerms]) -> tuple[TransferTerms, ...]:
    """The terms of gifts, one for a unit."""
    found = many(value)
    if not all(isinstance(one, TransferTerms) for one in found) or len({one.unit for one in found}) < len(found):
        raise InvalidValueError(f"Transfers are TransferTerms, one for each unit, not {quote(value)}.")
    return found
