"""PayWithPoints: points pay for a cart, or become money, a donation, or a partner's units."""

from __future__ import annotations

from fractions import Fraction

import attrs

from patronage.base import line_kinds
from patronage.building import build_benefit
from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError
from patronage.events import LineKind
from patronage.fields import labels_of, word_or_none
from patronage.ledger import BenefitKind, Refusal, RejectionCode
from patronage.occasions import Condition, names_of
from patronage.rewards.base import (
    GOODS,
    OPTIONAL_AMOUNT,
    Limit,
    Price,
    Request,
    build_price,
    check_limits,
    chosen,
    eligible_lines,
    limits_of,
    not_open,
    refuse,
    share_or_none,
    shares_of,
)
from patronage.rules import above_zero, name, name_or_none
from patronage.units import Amount, Rounding, build_amount, rounded


@attrs.frozen(kw_only=True)
class PayWithPoints:
    """
    Pays for a cart: every *points* are worth *value* of money off.

    A request names the points to spend, or the money wanted, or nothing: then as much as the cart,
    the balance, the maxima and the limits allow. With *whole_blocks* only whole *points* are spent.
    *step* and *minimum* are in points. *share_max* is how much of the eligible order it may pay. Unless
    *exactly*, a wish above the maxima or the balance is cut down to them; with it, refused. The money
    is rounded once by *rounding*, where points are not whole steps of it.

    Of another *kind* it pays for no cart: money to pay out, a donation (to one of *items*, the
    charities, which a request chooses), a transfer to a partner (*value* in the partner's unit), with *bonus* on top
    for every whole *bonus_per* of the points that are spent. A wish in *value*'s unit is without the bonus. Money off
    is a tender of the kind *tender*; with None a discount. Of the rewards of one *exclusive* group a
    cart takes one.
    """

    name: str = attrs.field(converter=name)
    points: Amount = attrs.field(validator=above_zero)
    value: Amount = attrs.field(validator=above_zero)
    minimum: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    maximum: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    step: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    whole_blocks: bool = True
    rounding: Rounding = Rounding.FLOOR
    exactly: bool = True
    share_max: Fraction | None = attrs.field(default=None, converter=share_or_none)
    order_minimum: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=GOODS, converter=line_kinds)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=labels_of)
    limits: tuple[Limit, ...] = attrs.field(default=(), converter=limits_of)
    kind: BenefitKind = BenefitKind.MONEY_OFF
    items: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    exclusive: str | None = attrs.field(default=None, converter=name_or_none)
    tender: str | None = attrs.field(default="points", converter=word_or_none)
    bonus_per: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    bonus: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)

    def __attrs_post_init__(self) -> None:
        check_limits(f"reward {self.name}", self.limits, self.points.unit)
        for bound in (self.minimum, self.maximum, self.step):
            if bound is not None and bound.unit != self.points.unit:
                raise InvalidValueError("minimum, maximum and step are in the unit that is spent.")
        if self.order_minimum is not None and self.order_minimum.unit != self.value.unit:
            raise InvalidValueError("order_minimum is in the money that is paid.")
        if (self.bonus is None) != (self.bonus_per is None):
            raise InvalidValueError("A bonus is for every bonus_per of the points: give both, or none.")
        if self.bonus is not None and self.bonus_per is not None:
            if self.bonus.unit != self.value.unit or self.bonus_per.unit != self.points.unit:
                raise InvalidValueError("A bonus is in the unit of the value, for so many points.")
            if self.kind is BenefitKind.MONEY_OFF:
                raise InvalidValueError("What pays for a cart has no bonus: it would pay more than the cart costs.")

    @property
    def unit(self) -> str:
        """The unit that is spent."""
        return self.points.unit

    def price(self, request: Request) -> Price | Refusal:
        """As many points as asked for, or as many as fit, in whole blocks and steps."""
        eligible = eligible_lines(request, self.lines, self.kinds)
        order = sum([steps for _, steps in eligible])
        refused = not_open(request, self.when, self.order_minimum, order, self.name)
        if refused is not None:
            return refused
        pays = self.kind is BenefitKind.MONEY_OFF and bool(request.cart)
        if pays and request.currency != self.value.unit:
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.currency)
        most = self._most(request, order if pays else None)
        wish = self._wish(request)
        if isinstance(wish, Refusal):
            return wish
        item = chosen(request, self.items, self.name)
        if isinstance(item, Refusal):
            return item
        block = self._block()
        if wish is None:
            wish = min(most, max(request.available, 0)) // block * block
        elif not self.exactly:
            wish = min(wish, most, max(request.available, 0)) // block * block
        elif wish > most:
            return refuse(RejectionCode.AMOUNT_ABOVE_MAXIMUM, reward=self.name, asked=wish, maximum=most)
        elif wish % block:
            return refuse(RejectionCode.AMOUNT_NOT_A_STEP, reward=self.name, asked=wish, step=block)
        least = self.minimum.steps if self.minimum is not None else 1
        if wish < least:
            if request.room is not None and request.room < least:
                return refuse(RejectionCode.LIMIT_REACHED, reward=self.name)
            if request.available < least:
                return refuse(
                    RejectionCode.BALANCE_TOO_LOW, reward=self.name, needed=least, available=request.available
                )
            return refuse(RejectionCode.AMOUNT_BELOW_MINIMUM, reward=self.name, asked=wish, minimum=least)
        worth = rounded(wish * self.value.steps, self.points.steps, self.rounding)
        if not worth:
            return refuse(RejectionCode.AMOUNT_BELOW_MINIMUM, reward=self.name, asked=wish, minimum=self.points.steps)
        if self.bonus is not None and self.bonus_per is not None:
            worth += wish // self.bonus_per.steps * self.bonus.steps
        shares = shares_of(worth, eligible if pays else ())
        benefit = build_benefit(self.kind, self.name, build_amount(worth, self.value.unit), 1, shares, item)
        return build_price(build_amount(wish, self.points.unit), (benefit,), 1, 0, 0, None, 1)

    def _block(self) -> int:
        """The steps in which points are spent."""
        block = self.points.steps if self.whole_blocks else 1
        if self.step is not None and self.step.steps % block == 0:
            block = self.step.steps
        elif self.step is not None:
            block *= self.step.steps
        return block

    def _most(self, request: Request, order: int | None) -> int:
        """The most points that may be spent: by the maximum, by the limits, and by what the cart can take."""
        limits = [] if self.maximum is None else [self.maximum.steps]
        if request.room is not None and (not self.exactly or request.amount is None):
            limits.append(max(request.room, 0))
        if order is not None:
            if self.share_max is not None:
                order = order * self.share_max.numerator // self.share_max.denominator
            limits.append(order * self.points.steps // self.value.steps)
        elif request.amount is None:
            limits.append(max(request.available, 0))
        return min(limits) if limits else 2**62

    def _wish(self, request: Request) -> int | Refusal | None:
        """The points asked for, where any are named."""
        amount = request.amount
        if amount is None:
            return None
        if amount.unit == self.points.unit:
            return amount.steps
        if amount.unit == self.value.unit:
            return rounded(amount.steps * self.points.steps, self.value.steps, Rounding.CEILING)
        return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=amount.unit)
