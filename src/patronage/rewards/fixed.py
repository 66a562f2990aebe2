"""Rewards of a fixed cost: a product, a voucher, money off; and a table of steps."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from itertools import pairwise

import attrs

from patronage.base import line_kinds
from patronage.building import build_benefit
from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError, quote
from patronage.events import LineKind, many
from patronage.fields import labels_of, word_or_none
from patronage.ledger import Benefit, BenefitKind, Refusal, RejectionCode
from patronage.occasions import Condition, names_of
from patronage.rewards.base import (
    GOODS,
    NO_SHARES,
    OPTIONAL_AMOUNT,
    Given,
    Limit,
    Price,
    Request,
    UsedGrant,
    build_price,
    check_limits,
    check_voucher,
    chosen,
    eligible_lines,
    limits_of,
    not_open,
    refuse,
    shares_of,
    voucher_missing,
)
from patronage.rules import above_zero, name, name_or_none
from patronage.thresholds import GiveCredit, GiveGrant
from patronage.units import Amount, build_amount


def _given(value: Iterable[Given]) -> tuple[Given, ...]:
    found = many(value)
    if not all(isinstance(each, GiveCredit | GiveGrant) for each in found):
        raise InvalidValueError(f"A reward gives GiveCredit or GiveGrant, not {quote(value)}.")
    return found


@attrs.frozen(kw_only=True)
class FixedReward:
    """
    A reward of fixed *cost*: a product, an experience, money off (*value*) or anything the shop hands over.

    It costs *cost* each time, or one use of a grant under *voucher* (and *voucher_value*: a voucher for
    this thing), or nothing. *items* are what there is to choose from: products, charities. *gives*
    goes into the account: a voucher worth money is a credit with its label and life, one for a thing
    a grant with its uses; where they name none, label and value are the request's code.

    Money off needs a cart, and never exceeds what its eligible lines cost. It is a tender of the kind
    *tender*; with None a discount. Of the rewards of one *exclusive* group a cart takes one.
    """

    name: str = attrs.field(converter=name)
    cost: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    kind: BenefitKind = BenefitKind.PRODUCT
    value: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    order_minimum: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=GOODS, converter=line_kinds)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=labels_of)
    limits: tuple[Limit, ...] = attrs.field(default=(), converter=limits_of)
    voucher: str | None = attrs.field(default=None, converter=word_or_none)
    voucher_value: str | None = attrs.field(default=None, converter=word_or_none)
    items: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    gives: tuple[Given, ...] = attrs.field(default=(), converter=_given)
    exclusive: str | None = attrs.field(default=None, converter=name_or_none)
    tender: str | None = attrs.field(default="points", converter=word_or_none)

    def __attrs_post_init__(self) -> None:
        if (self.kind is BenefitKind.MONEY_OFF) and self.value is None:
            raise InvalidValueError("Money off has a value.")
        check_voucher(self.name, self.cost, self.voucher, self.voucher_value)
        check_limits(f"reward {self.name}", self.limits, self.unit)

    @property
    def unit(self) -> str | None:
        """The unit that is spent; None where it costs none."""
        return None if self.cost is None else self.cost.unit

    def price(self, request: Request) -> Price | Refusal:
        """The cost, as many times as asked."""
        eligible = eligible_lines(request, self.lines, self.kinds)
        order = sum([steps for _, steps in eligible])
        refused = not_open(request, self.when, self.order_minimum, order, self.name)
        off = self.kind is BenefitKind.MONEY_OFF
        if off and request.cart and not order:  # Nothing is charged for nothing.
            refused = refuse(RejectionCode.NOT_ELIGIBLE, reward=self.name)
        if refused is not None:
            return refused
        if request.amount is not None:
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.amount.unit)
        worth = None if self.value is None else self.value.steps * request.times
        if worth is not None and self.value is not None and off and request.cart:
            if request.currency != self.value.unit:
                return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.currency)
            worth = min(worth, order)
        item = chosen(request, self.items, self.name)
        if isinstance(item, Refusal):
            return item
        grant = None
        if self.voucher is not None:
            missing = voucher_missing(request, self.voucher, self.voucher_value, request.times, self.name)
            if missing is not None:
                return missing
            grant = UsedGrant(key=self.voucher, value=self.voucher_value or request.code, times=request.times)
        amount = None if worth is None or self.value is None else build_amount(worth, self.value.unit)
        times = request.times
        shares = shares_of(worth or 0, eligible) if off else NO_SHARES
        cost = None if self.cost is None else build_amount(self.cost.steps * times, self.cost.unit)
        benefit = build_benefit(self.kind, self.name, amount, times, shares, item)
        return build_price(cost, (benefit,), times, 0, 0, grant, times)


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
    order_minimum: Amount | None = attrs.field(default=None, validator=OPTIONAL_AMOUNT)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=GOODS, converter=line_kinds)
    labels: tuple[str | None, ...] = attrs.field(default=(), converter=labels_of)
    limits: tuple[Limit, ...] = attrs.field(default=(), converter=limits_of)
    exclusive: str | None = attrs.field(default=None, converter=name_or_none)
    tender: str | None = attrs.field(default="points", converter=word_or_none)

    def __attrs_post_init__(self) -> None:
        check_limits(f"reward {self.name}", self.limits, self.unit)

    @property
    def unit(self) -> str:
        """The unit that is spent."""
        return self.steps[0].cost.unit

    def price(self, request: Request) -> Price | Refusal:
        """The step asked for, or the largest that fits."""
        eligible = eligible_lines(request, self.lines, self.kinds)
        order = sum(steps for _, steps in eligible)
        refused = not_open(request, self.when, self.order_minimum, order, self.name)
        if refused is not None:
            return refused
        fitting = [step for step in self.steps if not request.cart or step.value.steps <= order]
        amount, money = request.amount, self.steps[0].value.unit
        if amount is None and self.choice is Choice.NONE:
            return refuse(RejectionCode.AMOUNT_MISSING, reward=self.name)
        if request.cart and request.currency != money:
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=request.currency)
        if amount is not None and amount.unit not in (self.unit, money):
            return refuse(RejectionCode.WRONG_UNIT, reward=self.name, unit=amount.unit)
        if amount is None:
            most = request.available if request.room is None else min(request.available, request.room)
            reachable = [step for step in fitting if step.cost.steps <= most]
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
        benefit = Benefit(BenefitKind.MONEY_OFF, self.name, step.value, 1, shares_of(step.value.steps, eligible))
        return Price(cost=step.cost, benefits=(benefit,))
