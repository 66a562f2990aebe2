"""Payouts: what becomes of what was accrued, as thresholds: a credit, a voucher or money, at once or at a close."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import attrs

from patronage.conditions import AllOf, BalanceIs, condition_or_none
from patronage.errors import InvalidValueError, of_type, quote
from patronage.events import many, word
from patronage.figures import Setting
from patronage.ledger import BenefitKind
from patronage.occasions import AT_ONCE, Condition, Life
from patronage.periods import LIFETIME, Period
from patronage.rules import above_zero, name
from patronage.thresholds import (
    Consumes,
    Falls,
    Gift,
    GiveBenefit,
    GiveConverted,
    Looks,
    Repeats,
    Threshold,
)
from patronage.units import Amount, Rounding, rounded

_AMOUNT = attrs.validators.optional(above_zero)


class PaidAs(Enum):
    """What is paid out: a credit of another unit or label, a voucher for it, or money that the shop hands over."""

    CREDIT = "credit"
    VOUCHER = "voucher"
    MONEY = "money"


@attrs.frozen(kw_only=True)
class Payout:
    """
    Pays out what was accrued, in *pays*: as soon as it is there, or at the close of each *period*.

    Nothing is paid below *minimum*; what is not paid stays, and is carried on. With *step* only whole
    steps are paid and the rest stays; without it all is paid, rounded once by *rounding*. *per* and
    *value* say what is paid for how much; left out, one for one. A voucher is a credit under *label*
    (the payout's name unless told) with its *life*, and the shop is told of it. *when* holds further
    conditions. *anchored_on* names the grant that the periods of an `Anniversary` count from. What a
    refund takes back later is owed by what accrues next.
    """

    name: str = attrs.field(default="payout", converter=name)
    pays: str = attrs.field(converter=word)
    paid_as: PaidAs = attrs.field(default=PaidAs.CREDIT, validator=of_type(PaidAs))
    period: Period | None = None
    anchored_on: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    minimum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    step: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    per: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    value: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    rounding: Rounding = Rounding.FLOOR
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))

    def __attrs_post_init__(self) -> None:
        if (self.per is None) != (self.value is None):
            raise InvalidValueError(f"Payout {self.name} pays a value per amount: give both, or none for one for one.")
        if self.value is not None and self.value.unit != self.pays:
            raise InvalidValueError(f"Payout {self.name} pays {self.pays}: its value is in that unit.")
        if self.paid_as is PaidAs.MONEY and (self.label is not None or self.life != AT_ONCE):
            raise InvalidValueError(f"Payout {self.name} pays money: that has no life and no label here.")

    def threshold(self, unit: str, label: str | None, setting: Setting, *, at_once: bool = False) -> Threshold:
        """
        The payout of what is accrued in *unit* under *label*; *at_once* whatever its period says.

        Raises InvalidValueError where units do not fit.
        """
        per, value = self._rate(unit, setting)
        for what, amount in (("minimum", self.minimum), ("step", self.step)):
            if amount is not None and amount.unit != unit:
                raise InvalidValueError(f"The {what} of payout {self.name} is in {unit}, which it pays out.")
        paid_label = self.label
        if self.paid_as is PaidAs.VOUCHER and paid_label is None:
            paid_label = self.name
        if self.paid_as is not PaidAs.MONEY and (value.unit, paid_label) == (unit, label):
            raise InvalidValueError(f"Payout {self.name} would pay what it takes: give it another unit or label.")
        converted = GiveConverted(per=per, credit=value, rounding=self.rounding, life=self.life, label=paid_label)
        gives: list[Gift] = [] if self.paid_as is PaidAs.MONEY else [converted]
        if self.paid_as is not PaidAs.CREDIT:
            kind = BenefitKind.PAYOUT if self.paid_as is PaidAs.MONEY else BenefitKind.VOUCHER
            gives.append(GiveBenefit(kind=kind, reward=self.name, converted=converted))
        when = self.when
        if self.step is not None and self.minimum is not None:
            enough = BalanceIs(at_least=self.minimum, label=label)
            when = enough if when is None else AllOf([enough, when])
        closes = self.period is not None and not at_once
        return Threshold(
            name=self.name,
            at_least=self.step or self.minimum or Amount(self._least(per.steps, value.steps), unit),
            label=label,
            when=when,
            gives=gives,
            looks=Looks.AT_CLOSE if closes else Looks.AFTER_EACH,
            period=self.period if closes and self.period is not None else LIFETIME,
            anchored_on=self.anchored_on if closes else None,
            repeats=Repeats.EVERY_STEP,
            consumes=Consumes.ALL if self.step is None else Consumes.STEPS,
            falls=Falls.KEPT,
        )

    def _rate(self, unit: str, setting: Setting) -> tuple[Amount, Amount]:
        """What is paid for how much."""
        accrued, paid = (setting.unit(code, f"Payout {self.name}") for code in (unit, self.pays))
        per, value = self.per or accrued.of(1), self.value or paid.of(1)
        if per.unit != unit:
            raise InvalidValueError(f"Payout {self.name} takes {unit}: its per is in that unit.")
        return per, value

    def _least(self, per: int, value: int) -> int:
        """The smallest number of steps that pays anything."""
        low, high = 1, per
        while low < high:
            middle = (low + high) // 2
            if rounded(middle * value, per, self.rounding) > 0:
                high = middle
            else:
                low = middle + 1
        return low


def payouts_of(value: Iterable[Payout]) -> tuple[Payout, ...]:
    """A sequence of payouts as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(payout, Payout) for payout in found) or len({p.name for p in found}) < len(found):
        raise InvalidValueError(f"Payouts are members of Payout, each with a name of its own, not {quote(value)}.")
    return found
