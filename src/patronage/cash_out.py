"""A payout on request: what was accrued, asked for in money (or as a voucher, or given to a charity)."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from patronage._frozen import FrozenMapping
from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError
from patronage.events import many, word
from patronage.ledger import Benefit, BenefitKind, Refusal, RejectionCode
from patronage.occasions import Condition
from patronage.rewards import Limit, Price, Request, limits_of, refuse
from patronage.rules import above_zero, name
from patronage.units import Amount, Rounding, build_amount, rounded

_AMOUNT = attrs.validators.optional(above_zero)


def _labels(value: Iterable[str | None]) -> tuple[str | None, ...]:
    return tuple(None if label is None else word(label) for label in many(value))


@attrs.frozen(kw_only=True)
class CashOut:
    """
    Pays *value* of money for every *per* of a balance, on request and without a cart.

    A request names an amount, of the balance or of the money wanted; one that names none asks for all
    that can be paid. At least *minimum* and at most *maximum* of the balance, in whole *step*s where
    given; what is left below a step stays. What is paid is rounded once by *rounding*. *kind* says
    what the shop hands over.
    """

    name: str = attrs.field(converter=name)
    per: Amount = attrs.field(validator=above_zero)
    value: Amount = attrs.field(validator=above_zero)
    kind: BenefitKind = attrs.field(default=BenefitKind.PAYOUT, validator=attrs.validators.instance_of(BenefitKind))
    minimum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    maximum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    step: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    rounding: Rounding = Rounding.FLOOR
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=_labels)
    limits: tuple[Limit, ...] = attrs.field(default=(), converter=limits_of)

    def __attrs_post_init__(self) -> None:
        if any(one is not None and one.unit != self.per.unit for one in (self.minimum, self.maximum, self.step)):
            raise InvalidValueError(
                f"minimum, maximum and step of {self.name} are in {self.per.unit}, which is paid out."
            )

    @property
    def unit(self) -> str:
        """The unit that is paid out."""
        return self.per.unit

    def price(self, request: Request) -> Price | Refusal:
        """What is paid for as much as was asked for, or for all."""
        if self.when is not None and not self.when.holds(request.occasion, None):
            return refuse(RejectionCode.NOT_ELIGIBLE, reward=self.name)
        amount, available = request.amount, max(request.available, 0)
        step = 1 if self.step is None else self.step.steps
        least = 1 if self.minimum is None else self.minimum.steps
        if amount is None:
            asked = available if self.maximum is None else min(available, self.maximum.steps)
            asked -= asked % step
            if asked < least:
                return refuse(
                    RejectionCode.BALANCE_TOO_LOW, reward=self.name, needed=max(least, step), available=available
                )
        elif amount.unit == self.unit:
            asked = amount.steps
        elif amount.unit == self.value.unit:
            asked = rounded(amount.steps * self.per.steps, self.value.steps, Rounding.CEILING)
        else:
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=amount.unit)
        if self.maximum is not None and asked > self.maximum.steps:
            most = self.maximum.steps
            return refuse(RejectionCode.AMOUNT_ABOVE_MAXIMUM, reward=self.name, asked=asked, maximum=most)
        if asked % step:
            return refuse(RejectionCode.AMOUNT_NOT_A_STEP, reward=self.name, asked=asked, step=step)
        paid = rounded(asked * self.value.steps, self.per.steps, self.rounding)
        if asked < least or not paid:
            return refuse(RejectionCode.AMOUNT_BELOW_MINIMUM, reward=self.name, asked=asked, minimum=least)
        money = build_amount(paid, self.value.unit)
        benefit = Benefit(self.kind, self.name, money, 1, FrozenMapping())
        return Price(cost=build_amount(asked, self.unit), benefits=(benefit,))
