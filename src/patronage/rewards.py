"""What points buy: a price for a request, or why it has none. Pure; lots are chosen elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import pairwise
from typing import Final, Protocol

import attrs

from patronage._build import blank
from patronage._frozen import FrozenMapping
from patronage.base import line_kinds
from patronage.building import build_benefit
from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError, quote
from patronage.events import Line, LineKind, many
from patronage.fields import identifier_or_none, labels_of, whole
from patronage.ledger import Benefit, BenefitKind, Fact, Refusal, RejectionCode
from patronage.occasions import Condition, Occasion
from patronage.periods import LIFETIME, Period
from patronage.rules import above_zero, check_shared, factor, name
from patronage.units import Amount, Rounding, allocate, build_amount, rounded


@attrs.frozen(kw_only=True, weakref_slot=False)
class Request:
    """What is asked of a reward: the wish, the cart, what is available, and the occasion for conditions."""

    amount: Amount | None
    times: int
    cart: tuple[Line, ...]
    available: int
    occasion: Occasion


@attrs.frozen(kw_only=True, weakref_slot=False)
class Price:
    """What a request costs, and what is handed over for it. *uses* is what it takes of the reward's limits."""

    cost: Amount
    benefits: tuple[Benefit, ...]
    uses: int = 1


_NO_SHARES: Final[FrozenMapping[str, int]] = FrozenMapping()
_BLANK_REQUEST: Final = blank(Request)
_BLANK_PRICE: Final = blank(Price)


def build_request(
    amount: Amount | None, times: int, cart: tuple[Line, ...], available: int, occasion: Occasion
) -> Request:
    """`Request(...)`, all fields in order, unchecked."""
    made = _BLANK_REQUEST()
    made.amount, made.times, made.cart = amount, times, cart
    made.available, made.occasion = available, occasion
    made.__class__ = Request
    return made  # type: ignore[no-any-return]


def build_price(cost: Amount, benefits: tuple[Benefit, ...], uses: int) -> Price:
    """`Price(...)`, all fields in order, unchecked."""
    made = _BLANK_PRICE()
    made.cost, made.benefits, made.uses = cost, benefits, uses
    made.__class__ = Price
    return made  # type: ignore[no-any-return]


class Reward(Protocol):
    """
    A reward: named, spending one unit (from *labels*, ranked, None first without one), priced on request.

    How often it can be had it says in a `limits` attribute (a sequence of `Limit`), if at all.
    """

    @property
    def name(self) -> str:
        """What requests name it by."""
        ...

    @property
    def unit(self) -> str:
        """The code of the unit that is spent."""
        ...

    @property
    def labels(self) -> Sequence[str | None]:
        """The labels that may be spent, in order of priority; empty: only what has no label."""
        ...

    def price(self, request: Request) -> Price | Refusal:
        """What it costs, or why not."""
        ...


@attrs.frozen(kw_only=True)
class Limit:
    """
    A reward can be had *uses* times *per* period (for life unless told): by each member, or by all.

    With *shared*, the id of a shared account, all members' uses are counted there: stock. A hot one is
    cut into *slices*, each with its part of the uses (see `Ceiling`). A redemption that is cancelled, a
    reservation that is released or lapses, gives its uses back; a purchase that it paid and that comes
    back does not.
    """

    name: str = attrs.field(converter=name)
    uses: int = attrs.field(validator=whole)
    per: Period = LIFETIME
    shared: str | None = attrs.field(default=None, converter=identifier_or_none)
    slices: int = attrs.field(default=1, validator=whole)

    def __attrs_post_init__(self) -> None:
        check_shared(f"Limit {self.name}", self.shared, self.slices, self.uses, self.per)


def limits_of(value: Iterable[Limit]) -> tuple[Limit, ...]:
    """Limits as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(limit, Limit) for limit in found) or len({limit.name for limit in found}) < len(found):
        raise InvalidValueError(f"Limits of a reward are members of Limit with a name each, not {quote(value)}.")
    return found


def refuse(code: RejectionCode, **facts: Fact) -> Refusal:
    """A refusal with its facts."""
    return Refusal(code, FrozenMapping(facts))


def _eligible(request: Request, lines: Condition | None, kinds: Sequence[LineKind]) -> list[tuple[str, int]]:
    """The lines of the cart that a reward may pay: their ids and steps."""
    if not request.cart:
        return []
    return [
        (line.id or "", line.total.steps)
        for line in request.cart
        if line.kind in kinds and (lines is None or lines.holds(request.occasion, line))
    ]


def _shared(value: int, eligible: Sequence[tuple[str, int]]) -> FrozenMapping[str, int]:
    """A discount spread over the lines that it pays, to the step, none below zero."""
    if not eligible or not value:
        return _NO_SHARES
    shares = allocate(value, lambda: (steps for _, steps in eligible))
    return FrozenMapping({line: share for (line, _), share in zip(eligible, shares, strict=True) if share})


def _checked(
    request: Request, when: Condition | None, minimum: Amount | None, order: int, reward: str
) -> Refusal | None:
    """The conditions that every reward has: its `when`, and a minimum order."""
    if when is not None and not when.holds(request.occasion, None):
        return refuse(RejectionCode.NOT_ELIGIBLE, reward=reward)
    if minimum is not None:
        unit = request.cart[0].total.unit if request.cart else None
        if unit != minimum.unit or order < minimum.steps:
            return refuse(RejectionCode.ORDER_BELOW_MINIMUM, reward=reward, order=order, minimum=minimum.steps)
    return None


_AMOUNT = attrs.validators.optional(above_zero)
_GOODS: Final = (LineKind.GOODS,)


def _share(value: int | str | Decimal | Fraction | None) -> Fraction | None:
    if value is None:
        return None
    share = factor(value)
    if share > 1:
        raise InvalidValueError("A share of the order is at most 1.")
    return share


@attrs.frozen(kw_only=True)
class PayWithPoints:
    """
    Pays for a cart: every *points* are worth *value* of money off.

    A request names the points to spend, or the money wanted, or nothing: then as much as the cart,
    the balance and the maxima allow. With *whole_blocks* only whole *points* are spent. *step* and
    *minimum* are in points. *share_max* is how much of the eligible order it may pay. Unless
    *exactly*, a wish above the maxima or the balance is cut down to them; with it, refused.
    """

    name: str = attrs.field(converter=name)
    points: Amount = attrs.field(validator=above_zero)
    value: Amount = attrs.field(validator=above_zero)
    minimum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    maximum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    step: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    whole_blocks: bool = True
    exactly: bool = True
    share_max: Fraction | None = attrs.field(default=None, converter=_share)
    order_minimum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=_GOODS, converter=line_kinds)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=labels_of)
    limits: tuple[Limit, ...] = attrs.field(default=(), converter=limits_of)

    def __attrs_post_init__(self) -> None:
        for bound in (self.minimum, self.maximum, self.step):
            if bound is not None and bound.unit != self.points.unit:
                raise InvalidValueError("minimum, maximum and step are in the unit that is spent.")
        if self.order_minimum is not None and self.order_minimum.unit != self.value.unit:
            raise InvalidValueError("order_minimum is in the money that is paid.")

    @property
    def unit(self) -> str:
        """The unit that is spent."""
        return self.points.unit

    def price(self, request: Request) -> Price | Refusal:
        """As many points as asked for, or as many as fit, in whole blocks and steps."""
        eligible = _eligible(request, self.lines, self.kinds)
        order = sum(steps for _, steps in eligible)
        refused = _checked(request, self.when, self.order_minimum, order, self.name)
        if refused is not None:
            return refused
        if request.cart and request.cart[0].total.unit != self.value.unit:
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.cart[0].total.unit)
        most = self._most(request, order)
        wish = self._wish(request)
        if isinstance(wish, Refusal):
            return wish
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
            if request.available < least:
                return refuse(
                    RejectionCode.BALANCE_TOO_LOW, reward=self.name, needed=least, available=request.available
                )
            return refuse(RejectionCode.AMOUNT_BELOW_MINIMUM, reward=self.name, asked=wish, minimum=least)
        worth = rounded(wish * self.value.steps, self.points.steps, Rounding.FLOOR)
        if not worth:
            return refuse(RejectionCode.AMOUNT_BELOW_MINIMUM, reward=self.name, asked=wish, minimum=self.points.steps)
        off = Benefit(
            BenefitKind.MONEY_OFF, self.name, build_amount(worth, self.value.unit), 1, _shared(worth, eligible)
        )
        return Price(cost=build_amount(wish, self.points.unit), benefits=(off,))

    def _block(self) -> int:
        """The steps in which points are spent."""
        block = self.points.steps if self.whole_blocks else 1
        if self.step is not None and self.step.steps % block == 0:
            block = self.step.steps
        elif self.step is not None:
            block *= self.step.steps
        return block

    def _most(self, request: Request, order: int) -> int:
        """The most points that may be spent: by the maximum, and by what the cart can take."""
        limits = [] if self.maximum is None else [self.maximum.steps]
        if request.cart:
            payable = order
            if self.share_max is not None:
                payable = order * self.share_max.numerator // self.share_max.denominator
            limits.append(payable * self.points.steps // self.value.steps)
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


@attrs.frozen(kw_only=True)
class FixedReward:
    """
    A reward of fixed *cost*: a product, a voucher, money off (*value*) or anything the shop hands over.

    Money off needs a cart, and never exceeds what its eligible lines cost.
    """

    name: str = attrs.field(converter=name)
    cost: Amount = attrs.field(validator=above_zero)
    kind: BenefitKind = BenefitKind.PRODUCT
    value: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    order_minimum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=_GOODS, converter=line_kinds)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=labels_of)
    limits: tuple[Limit, ...] = attrs.field(default=(), converter=limits_of)

    def __attrs_post_init__(self) -> None:
        if (self.kind is BenefitKind.MONEY_OFF) and self.value is None:
            raise InvalidValueError("Money off has a value.")

    @property
    def unit(self) -> str:
        """The unit that is spent."""
        return self.cost.unit

    def price(self, request: Request) -> Price | Refusal:
        """The cost, as many times as asked."""
        eligible = _eligible(request, self.lines, self.kinds)
        order = sum([steps for _, steps in eligible])
        refused = _checked(request, self.when, self.order_minimum, order, self.name)
        if self.kind is BenefitKind.MONEY_OFF and request.cart and not eligible:
            refused = refuse(RejectionCode.NOT_ELIGIBLE, reward=self.name)
        if refused is not None:
            return refused
        if request.amount is not None:
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.amount.unit)
        worth = None if self.value is None else self.value.steps * request.times
        if worth is not None and self.value is not None and self.kind is BenefitKind.MONEY_OFF and request.cart:
            if request.cart[0].total.unit != self.value.unit:
                return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.cart[0].total.unit)
            worth = min(worth, order)
        benefit = build_benefit(
            self.kind,
            self.name,
            None if worth is None or self.value is None else build_amount(worth, self.value.unit),
            request.times,
            _shared(worth or 0, eligible) if self.kind is BenefitKind.MONEY_OFF else _NO_SHARES,
        )
        cost = build_amount(self.cost.steps * request.times, self.cost.unit)
        return build_price(cost, (benefit,), request.times)


@attrs.frozen(kw_only=True)
class Step:
    """For *cost* there is *value* of money off."""

    cost: Amount = attrs.field(validator=above_zero)
    value: Amount = attrs.field(validator=above_zero)


class Choice(Enum):
    """Which step a request that names none gets."""

    LARGEST = "largest"
    NONE = "none"


def _steps(value: Iterable[Step]) -> tuple[Step, ...]:
    found = many(value)
    if not found or not all(isinstance(step, Step) for step in found):
        raise InvalidValueError(f"A step table has steps, not {quote(value)}.")
    costs = [step.cost.steps for step in found]
    if any(a >= b for a, b in pairwise(costs)) or len({step.cost.unit for step in found}) > 1:
        raise InvalidValueError("Steps are in one unit and stand in rising order of cost.")
    if len({step.value.unit for step in found}) > 1:
        raise InvalidValueError("The values of the steps are in one currency.")
    return found


@attrs.frozen(kw_only=True)
class StepTable:
    """
    Money off by a table: 1,000 points are 1.00, 5,000 are 5.00 ... one step a request.

    A request names a step by its cost or its value; one that names none gets the largest that the
    balance and the cart allow, unless *choice* says otherwise.
    """

    name: str = attrs.field(converter=name)
    steps: tuple[Step, ...] = attrs.field(converter=_steps)
    choice: Choice = Choice.LARGEST
    order_minimum: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=_GOODS, converter=line_kinds)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=labels_of)
    limits: tuple[Limit, ...] = attrs.field(default=(), converter=limits_of)

    @property
    def unit(self) -> str:
        """The unit that is spent."""
        return self.steps[0].cost.unit

    def price(self, request: Request) -> Price | Refusal:
        """The step asked for, or the largest that fits."""
        eligible = _eligible(request, self.lines, self.kinds)
        order = sum(steps for _, steps in eligible)
        refused = _checked(request, self.when, self.order_minimum, order, self.name)
        if refused is not None:
            return refused
        fitting = [step for step in self.steps if not request.cart or step.value.steps <= order]
        amount, money = request.amount, self.steps[0].value.unit
        if amount is None and self.choice is Choice.NONE:
            return refuse(RejectionCode.AMOUNT_MISSING, reward=self.name)
        if request.cart and request.cart[0].total.unit != money:
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.cart[0].total.unit)
        if amount is not None and amount.unit not in (self.unit, money):
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=amount.unit)
        if amount is None:
            reachable = [step for step in fitting if step.cost.steps <= request.available]
            if not reachable:
                least = self.steps[0].cost.steps
                code = RejectionCode.BALANCE_TOO_LOW if fitting else RejectionCode.AMOUNT_ABOVE_MAXIMUM
                return refuse(code, reward=self.name, needed=least, available=request.available)
            step = reachable[-1]
        else:
            named = [step for step in self.steps if amount in (step.cost, step.value)]
            if not named:
                return refuse(RejectionCode.AMOUNT_NOT_A_STEP, reward=self.name, asked=amount.steps, unit=amount.unit)
            if named[0] not in fitting:
                code, asked = RejectionCode.AMOUNT_ABOVE_MAXIMUM, amount.steps
                return refuse(code, reward=self.name, asked=asked, unit=amount.unit, maximum=order)
            step = named[0]
        benefit = Benefit(BenefitKind.MONEY_OFF, self.name, step.value, 1, _shared(step.value.steps, eligible))
        return Price(cost=step.cost, benefits=(benefit,))


REWARDS: Final = (PayWithPoints, FixedReward, StepTable)

__all__ = ["Choice", "FixedReward", "Limit", "PayWithPoints", "Price", "Request", "Reward", "Step", "StepTable"]
