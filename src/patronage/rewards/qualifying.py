"""CartReward: what it gives on a cart that qualifies, for points, for a voucher, or for nothing (a promotion)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

import attrs

from patronage.base import line_kinds
from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError, of_type, quote
from patronage.events import LineKind, many
from patronage.fields import labels_of, quantity_or_none, whole, word_or_none
from patronage.ledger import Benefit, Refusal, RejectionCode
from patronage.occasions import Condition
from patronage.rewards.base import (
    GOODS,
    OPTIONAL_AMOUNT,
    Limit,
    Price,
    Request,
    UsedGrant,
    check_limits,
    check_voucher,
    limits_of,
    refuse,
    voucher_missing,
)
from patronage.rewards.carts import Cart, CartGift
from patronage.rules import name, name_or_none
from patronage.units import Amount, build_amount

TIMES_MAX = 10**9


@attrs.frozen(kw_only=True)
class Qualifying:
    """
    What of a cart qualifies for a reward: lines that match, of *quantity* and *amount* at least.

    The amount is what the lines cost before what other rewards took off, unless *discounted*, with
    tax unless *tax* is False. The reward can be had once, or with *every* once for every so many units,
    or *every_amount*.
    """

    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=GOODS, converter=line_kinds)
    quantity: Decimal | None = attrs.field(default=None, converter=quantity_or_none)
    amount: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    tax: bool = attrs.field(default=True, validator=of_type(bool))
    discounted: bool = attrs.field(default=False, validator=of_type(bool))
    every: Decimal | None = attrs.field(default=None, converter=quantity_or_none)
    every_amount: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)

    def __attrs_post_init__(self) -> None:
        if self.every is not None and self.every_amount is not None:
            raise InvalidValueError("A reward is had once for every so many units, or for every amount: give one.")

    @property
    def repeats(self) -> bool:
        """Whether it may be had more than once."""
        return self.every is not None or self.every_amount is not None

    def times(self, request: Request, reward: str) -> int | Refusal:
        """How often the cart qualifies; a refusal where it does not at all."""
        matching = [
            line
            for line in request.cart
            if line.kind in self.kinds and (self.lines is None or self.lines.holds(request.occasion, line))
        ]
        quantity = sum((Fraction(line.quantity) for line in matching), Fraction(0))
        if not quantity or (self.quantity is not None and quantity < Fraction(self.quantity)):
            return refuse(RejectionCode.NOT_ELIGIBLE, reward=reward)
        money = Fraction(0)
        for line in matching:
            steps = Fraction(line.total.steps if self.discounted else request.full(line))
            if not self.tax and line.tax is not None and line.total.steps:
                steps *= Fraction(line.total.steps - line.tax.steps, line.total.steps)
            money += steps
        for bound in (self.amount, self.every_amount):
            if bound is not None and (request.currency != bound.unit or money < bound.steps):
                return refuse(RejectionCode.ORDER_BELOW_MINIMUM, reward=reward, order=int(money), minimum=bound.steps)
        if self.every is not None:
            times = int(quantity / Fraction(self.every))
            return times or refuse(RejectionCode.NOT_ELIGIBLE, reward=reward)
        return 1 if self.every_amount is None else money // self.every_amount.steps


def _gifts(value: Iterable[CartGift] | CartGift) -> tuple[CartGift, ...]:
    found = many(value) if isinstance(value, Iterable) else (value,)
    if not found or any(isinstance(gift, type) or not callable(getattr(gift, "on", None)) for gift in found):
        raise InvalidValueError(f"A cart reward gives PercentOff, ItemsOff, FreeItems ..., not {quote(value)}.")
    return found


@attrs.frozen(kw_only=True)
class CartReward:
    """
    What *gives* comes to on a cart, each on what the one before left, where the cart qualifies.

    It costs *cost* each time, or one use of a grant under *voucher* (a coupon), or nothing: a promotion.
    *qualifies* says which carts, and how often one of them may have it; then a request takes it as
    often as it can, unless *all_at_once* is False: then as often as its `times` says. Of the rewards of
    one *exclusive* group a cart takes one; in a quote the better one. An *automatic* one is tried by a
    quote unasked. What it takes off is a discount of the reward's name, or with *tender* a tender.
    """

    name: str = attrs.field(converter=name)
    gives: tuple[CartGift, ...] = attrs.field(converter=_gifts)
    cost: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    voucher: str | None = attrs.field(default=None, converter=word_or_none)
    voucher_value: str | None = attrs.field(default=None, converter=word_or_none)
    qualifies: Qualifying = Qualifying()
    all_at_once: bool = attrs.field(default=True, validator=of_type(bool))
    times_max: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=labels_of)
    limits: tuple[Limit, ...] = attrs.field(default=(), converter=limits_of)
    exclusive: str | None = attrs.field(default=None, converter=name_or_none)
    automatic: bool = attrs.field(default=False, validator=of_type(bool))
    tender: str | None = attrs.field(default=None, converter=word_or_none)

    def __attrs_post_init__(self) -> None:
        check_voucher(self.name, self.cost, self.voucher, self.voucher_value)
        check_limits(f"reward {self.name}", self.limits, self.unit)
        if self.automatic and self.cost is not None:
            raise InvalidValueError(f"Reward {self.name} costs points: it is asked for, never automatic.")

    @property
    def unit(self) -> str | None:
        """The unit that is spent; None where it costs none."""
        return None if self.cost is None else self.cost.unit

    def price(self, request: Request) -> Price | Refusal:
        """What the cart is given, as often as it qualifies."""
        if self.when is not None and not self.when.holds(request.occasion, None):
            return refuse(RejectionCode.NOT_ELIGIBLE, reward=self.name)
        if request.amount is not None:
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.amount.unit)
        allowed = self._times(request)
        if isinstance(allowed, Refusal) and allowed.code is not RejectionCode.AMOUNT_ABOVE_MAXIMUM:
            return allowed
        times = 1 if isinstance(allowed, Refusal) else allowed
        cart = Cart(request, self.name, times)
        benefits: list[Benefit] = []
        for gift in self.gives:
            given = gift.on(cart)
            if isinstance(given, Refusal):
                return given
            benefits += given
        if cart.unchosen:
            return refuse(RejectionCode.WRONG_CHOICE, reward=self.name)
        if isinstance(allowed, Refusal):
            return allowed
        if not benefits and (self.cost is not None or self.voucher is not None):
            return refuse(RejectionCode.NOT_ELIGIBLE, reward=self.name)  # Nothing is charged for nothing.
        grant = None
        if self.voucher is not None:
            missing = voucher_missing(request, self.voucher, self.voucher_value, 1, self.name)
            if missing is not None:
                return missing
            grant = UsedGrant(key=self.voucher, value=self.voucher_value or request.code)
        cost = None if self.cost is None else build_amount(self.cost.steps * times, self.cost.unit)
        return Price(cost=cost, benefits=tuple(benefits), uses=times, grant=grant, times=times)

    def _times(self, request: Request) -> int | Refusal:
        """How often the request takes it: all that the cart, the balance and the limits allow, or as asked."""
        allowed = self.qualifies.times(request, self.name)
        if isinstance(allowed, Refusal):
            return allowed
        allowed = min(allowed, TIMES_MAX if self.times_max is None else self.times_max)
        if self.all_at_once and self.qualifies.repeats and request.times == 1:
            if self.cost is not None:
                most = request.available if request.room is None else min(request.available, request.room)
                allowed = max(1, min(allowed, most // self.cost.steps))
            return allowed
        if request.times > allowed:
            return refuse(RejectionCode.AMOUNT_ABOVE_MAXIMUM, reward=self.name, asked=request.times, maximum=allowed)
        return request.times
