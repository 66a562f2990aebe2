"""Discounts on whole lines: a percentage, an amount, the shipping; and things that are given on top."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import attrs

from patronage._frozen import FrozenMapping
from patronage.base import line_kinds
from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError
from patronage.events import LineKind
from patronage.fields import whole
from patronage.ledger import Benefit, BenefitKind, Refusal, RejectionCode
from patronage.occasions import Condition, names_of
from patronage.rewards.base import GOODS, OPTIONAL_AMOUNT, refuse, share_or_none
from patronage.rewards.carts import Cart
from patronage.rules import above_zero
from patronage.units import Amount, Rounding, build_amount


def _share(value: str | int | Fraction) -> Fraction:
    share = share_or_none(value)
    assert share is not None
    return share


def _several_skus(value: Iterable[str]) -> tuple[str, ...]:
    found = names_of(value)
    if not found or len(set(found)) < len(found):
        raise InvalidValueError("Name at least one SKU to give, each once.")
    return found


def nothing(cart: Cart) -> Refusal:
    """There is nothing in the cart that it could be taken off."""
    return refuse(RejectionCode.NOT_ELIGIBLE, reward=cart.reward)


def other_money(cart: Cart, *amounts: Amount | None) -> Refusal | None:
    """A refusal where the cart is in another currency than an amount."""
    currency = cart.request.currency
    for amount in amounts:
        if amount is not None and currency is not None and amount.unit != currency:
            return refuse(RejectionCode.WRONG_UNIT, reward=cart.reward, unit=currency)
    return None


@attrs.frozen(kw_only=True)
class PercentOff:
    """
    A *share* (`"0.1"`, `"1/3"`) of the lines that match: all goods, unless told; at most *maximum*.

    It is taken of what is left after what came before, or of the price before discounts of the kinds
    *before_discounts* (a reward's discount has its name as its kind), and never exceeds what is left.
    The sum is rounded once, by *rounding*. Taken several times, each time is on what the last left.
    """

    share: Fraction = attrs.field(converter=_share)
    maximum: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=GOODS, converter=line_kinds)
    before_discounts: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    rounding: Rounding = Rounding.HALF_UP

    def on(self, cart: Cart) -> tuple[Benefit, ...] | Refusal:
        """The money off, once for each time."""
        wrong = other_money(cart, self.maximum)
        if wrong is not None:
            return wrong
        places = cart.matching(self.lines, self.kinds)
        if not any(cart.left[place] for place in places):
            return nothing(cart)
        most = None if self.maximum is None else self.maximum.steps
        total: dict[str, int] = {}
        for _ in range(cart.times):
            exact = [(place, self.share * cart.before(place, self.before_discounts)) for place in places]
            off = cart.take_off(exact, most=most, rounding=self.rounding)
            if off is None:
                break
            for line, steps in off.shares.items():
                total[line] = total.get(line, 0) + steps
        if not total:
            return ()
        unit = cart.lines[0].total.unit
        amount = build_amount(sum(total.values()), unit)
        return (Benefit(BenefitKind.MONEY_OFF, cart.reward, amount, cart.times, FrozenMapping(total)),)


@attrs.frozen(kw_only=True)
class AmountOff:
    """*value* off the lines that match (all goods, unless told), each time; spread by what is left of each."""

    value: Amount = attrs.field(validator=above_zero)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=GOODS, converter=line_kinds)

    def on(self, cart: Cart) -> tuple[Benefit, ...] | Refusal:
        """The money off."""
        wrong = other_money(cart, self.value)
        if wrong is not None:
            return wrong
        places = cart.matching(self.lines, self.kinds)
        left = sum(cart.left[place] for place in places)
        if not left:
            return nothing(cart)
        part = Fraction(min(self.value.steps * cart.times, left), left)
        off = cart.take_off([(place, part * cart.left[place]) for place in places])
        return () if off is None else (off,)


@attrs.frozen(kw_only=True)
class FreeShipping:
    """The shipping lines cost nothing, up to *maximum*. A cart that has none yet takes it all the same."""

    maximum: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)

    def on(self, cart: Cart) -> tuple[Benefit, ...] | Refusal:
        """The money off the shipping, perhaps none."""
        wrong = other_money(cart, self.maximum)
        if wrong is not None:
            return wrong
        exact = [(place, Fraction(cart.left[place])) for place in cart.matching(None, (LineKind.SHIPPING,))]
        off = cart.take_off(exact, most=None if self.maximum is None else self.maximum.steps)
        return () if off is None else (off,)


@attrs.frozen(kw_only=True)
class FreeItems:
    """
    *quantity* of one of *skus* on top, each time, at most *most* in all: buy two, get a third one.

    The shop adds them at no price. Where there are several SKUs the request chooses one.
    """

    skus: tuple[str, ...] = attrs.field(converter=_several_skus)
    quantity: int = attrs.field(default=1, validator=whole)
    most: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))

    def on(self, cart: Cart) -> tuple[Benefit, ...] | Refusal:
        """The things to hand over."""
        sku = cart.choose(self.skus)
        if isinstance(sku, Refusal):
            return sku
        quantity = self.quantity * cart.times
        if self.most is not None:
            quantity = min(quantity, self.most)
        return (Benefit(BenefitKind.PRODUCT, cart.reward, None, quantity, FrozenMapping(), sku),)
