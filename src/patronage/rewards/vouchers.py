"""MoneyVoucher: vouchers worth money, which are labelled lots; used in part, the rest stays, lapses or is paid out."""

from __future__ import annotations

from enum import Enum

import attrs

from patronage.base import line_kinds
from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError, of_type
from patronage.events import LineKind
from patronage.fields import labels_of, whole, word_or_none
from patronage.ledger import Benefit, BenefitKind, Refusal, RejectionCode
from patronage.occasions import Condition
from patronage.rewards.base import (
    GOODS,
    OPTIONAL_AMOUNT,
    Limit,
    Price,
    Request,
    check_limits,
    eligible_lines,
    limits_of,
    not_open,
    refuse,
    shares_of,
)
from patronage.rules import above_zero, name, name_or_none
from patronage.units import STEPS_LIMIT, Amount, Rounding, build_amount, rounded


class Rest(Enum):
    """What becomes of what a cart does not take of a voucher: it stays, lapses, or is paid out as change."""

    STAYS = "stays"
    LAPSES = "lapses"
    CHANGE = "change"


@attrs.frozen(kw_only=True)
class MoneyVoucher:
    """
    Pays a cart with vouchers: each *cost* of the balance is one of them, worth *value*.

    Where the *rest* stays, a request uses what it names (in the unit or in money), or as much as cart
    and balance allow, in parts of a voucher too: a gift card. Where it lapses or is change, a request
    takes whole vouchers, as many as its `times` says, at most *vouchers_max*; with *whole_balance* all
    that is there is one voucher, worth *value* for each *cost*. *by_code* spends what is labelled with
    the request's code, else *labels*.
    """

    name: str = attrs.field(converter=name)
    cost: Amount = attrs.field(validator=above_zero)
    value: Amount = attrs.field(validator=above_zero)
    rest: Rest = Rest.STAYS
    whole_balance: bool = attrs.field(default=False, validator=of_type(bool))
    vouchers_max: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))
    by_code: bool = attrs.field(default=False, validator=of_type(bool))
    order_minimum: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=GOODS, converter=line_kinds)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=labels_of)
    limits: tuple[Limit, ...] = attrs.field(default=(), converter=limits_of)
    exclusive: str | None = attrs.field(default=None, converter=name_or_none)
    tender: str | None = attrs.field(default="voucher", converter=word_or_none)

    def __attrs_post_init__(self) -> None:
        check_limits(f"reward {self.name}", self.limits, self.unit)
        if self.by_code and self.labels:
            raise InvalidValueError(f"Reward {self.name} spends by the request's code, or by labels: give one.")
        if self.rest is Rest.STAYS and (self.whole_balance or self.vouchers_max is not None):
            raise InvalidValueError("Where the rest stays a voucher is used in parts: there is no number of vouchers.")

    @property
    def unit(self) -> str:
        """The unit that vouchers are held in."""
        return self.cost.unit

    def price(self, request: Request) -> Price | Refusal:
        """What the cart takes of the vouchers, and what becomes of the rest."""
        eligible = eligible_lines(request, self.lines, self.kinds)
        order = sum(steps for _, steps in eligible)
        refused = not_open(request, self.when, self.order_minimum, order, self.name)
        if request.cart and not order:
            refused = refuse(RejectionCode.NOT_ELIGIBLE, reward=self.name)
        if refused is not None:
            return refused
        if request.cart and request.currency != self.value.unit:
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.currency)
        if not request.cart:
            order = STEPS_LIMIT  # At a partner's till: the shop has no cart to show.
        taken = self._in_part(request, order) if self.rest is Rest.STAYS else self._whole(request)
        if isinstance(taken, Refusal):
            return taken
        if request.room == 0:
            return refuse(RejectionCode.LIMIT_REACHED, reward=self.name)
        if request.available <= 0:
            code = RejectionCode.VOUCHER_MISSING if self.by_code else RejectionCode.BALANCE_TOO_LOW
            return refuse(code, reward=self.name, needed=max(taken, 1), available=request.available)
        worth = self._worth(taken)
        paid = min(worth, order)
        if not paid:
            return refuse(RejectionCode.AMOUNT_BELOW_MINIMUM, reward=self.name, asked=taken, minimum=self.cost.steps)
        money = self.value.unit
        off = Benefit(BenefitKind.MONEY_OFF, self.name, build_amount(paid, money), 1, shares_of(paid, eligible))
        cost = build_amount(taken, self.unit)
        rest = taken - min(taken, self._needed(paid))
        times = request.times if self.rest is not Rest.STAYS and not self.whole_balance else 1
        if paid == worth or not rest:
            return Price(cost=cost, benefits=(off,), uses=times)
        if self.rest is Rest.LAPSES:
            return Price(cost=cost, benefits=(off,), uses=times, lapses=rest)
        change = Benefit(BenefitKind.PAYOUT, self.name, build_amount(worth - paid, money), 1, shares_of(0, ()))
        return Price(cost=cost, benefits=(off, change), uses=times, changed=rest)

    def _worth(self, steps: int) -> int:
        """The money that so many steps are worth, whole steps of it."""
        return rounded(steps * self.value.steps, self.cost.steps, Rounding.FLOOR)

    def _needed(self, money: int) -> int:
        """The steps that so much money takes."""
        return rounded(money * self.cost.steps, self.value.steps, Rounding.CEILING)

    def _in_part(self, request: Request, order: int) -> int | Refusal:
        """What is used of the balance, the rest of which stays."""
        amount = request.amount
        if amount is not None and amount.unit not in (self.unit, self.value.unit):
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=amount.unit)
        if amount is None:
            most = request.available if request.room is None else min(request.available, max(request.room, 0))
            return min(self._needed(min(order, self._worth(most))), most)
        wish = amount.steps if amount.unit == self.unit else self._needed(amount.steps)
        if self._worth(wish) > order:
            return refuse(
                RejectionCode.AMOUNT_ABOVE_MAXIMUM,
                reward=self.name,
                asked=amount.steps,
                unit=amount.unit,
                maximum=self._needed(order),
            )
        return wish

    def _whole(self, request: Request) -> int | Refusal:
        """Whole vouchers, as many as asked."""
        if request.amount is not None:
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.amount.unit)
        if self.whole_balance:
            return request.available
        if self.vouchers_max is not None and request.times > self.vouchers_max:
            return refuse(
                RejectionCode.AMOUNT_ABOVE_MAXIMUM,
                reward=self.name,
                asked=request.times * self.cost.steps,
                maximum=self.vouchers_max * self.cost.steps,
            )
        return self.cost.steps * request.times
