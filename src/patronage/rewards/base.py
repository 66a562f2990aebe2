"""What every reward is: named, priced on request, limited; and what all prices share. Lots are chosen elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final, Protocol

import attrs

from patronage._build import blank
from patronage._frozen import FrozenMapping
from patronage.errors import InvalidValueError, quote
from patronage.events import Line, LineKind, many
from patronage.fields import identifier_or_none, whole
from patronage.ledger import Benefit, Fact, Refusal, RejectionCode
from patronage.occasions import Condition, Occasion
from patronage.periods import LIFETIME, Period
from patronage.rules import above_zero, check_shared, factor, name
from patronage.thresholds import GiveCredit, GiveGrant
from patronage.units import Amount, allocate


@attrs.frozen(kw_only=True, weakref_slot=False)
class Request:
    """
    What is asked of a reward: the wish, the cart, what is available, and the occasion for conditions.

    *code* is a voucher's or a promotion's, *choices* what is chosen of what is offered. *rewards* are
    the names of the terms' rewards: a discount of the cart of such a kind is what a reward took off.
    *room* is how much of the cost the reward's limits leave, where one of them is in what is spent.
    """

    amount: Amount | None
    times: int
    cart: tuple[Line, ...]
    available: int
    occasion: Occasion
    code: str | None = None
    choices: tuple[str, ...] = ()
    rewards: frozenset[str] = frozenset()
    room: int | None = None

    @property
    def currency(self) -> str | None:
        """The code of the cart's currency; None without a cart."""
        return self.cart[0].total.unit if self.cart else None

    def full(self, line: Line) -> int:
        """What a line of the cart is charged before what rewards took off, in steps."""
        return line.total.steps + sum(d.total.steps for d in line.discounts if d.kind in self.rewards)


Given = GiveCredit | GiveGrant
"""What a reward puts into the account: a voucher worth money is a credit, one for a thing a grant."""


@attrs.frozen(kw_only=True)
class UsedGrant:
    """Uses of grants that a price takes: *times* of those under *key* (and *value*), the one that ends first first."""

    key: str
    value: str | None = None
    times: int = 1


@attrs.frozen(kw_only=True, weakref_slot=False)
class Price:
    """
    What a request costs, and what is handed over for it. *uses* is what it takes of the reward's limits.

    Of *cost* the last *lapses* steps pay for nothing (the rest of a voucher that is used once), and
    the last *changed* before those are paid out. *grant* are uses of a voucher for a thing. What the
    reward's `gives` lists goes into the account *times* over.
    """

    cost: Amount | None
    benefits: tuple[Benefit, ...]
    uses: int = 1
    lapses: int = 0
    changed: int = 0
    grant: UsedGrant | None = None
    times: int = 1


_BLANK_REQUEST: Final = blank(Request)
_BLANK_PRICE: Final = blank(Price)


def build_request(
    amount: Amount | None,
    times: int,
    cart: tuple[Line, ...],
    available: int,
    occasion: Occasion,
    code: str | None,
    choices: tuple[str, ...],
    rewards: frozenset[str],
    room: int | None,
) -> Request:
    """`Request(...)`, all fields in order, unchecked."""
    made = _BLANK_REQUEST()
    made.amount, made.times, made.cart = amount, times, cart
    made.available, made.occasion, made.code = available, occasion, code
    made.choices, made.rewards, made.room = choices, rewards, room
    made.__class__ = Request
    return made  # type: ignore[no-any-return]


def build_price(
    cost: Amount | None,
    benefits: tuple[Benefit, ...],
    uses: int,
    lapses: int,
    changed: int,
    grant: UsedGrant | None,
    times: int,
) -> Price:
    """`Price(...)`, all fields in order, unchecked."""
    made = _BLANK_PRICE()
    made.cost, made.benefits, made.uses = cost, benefits, uses
    made.lapses, made.changed, made.grant = lapses, changed, grant
    made.times = times
    made.__class__ = Price
    return made  # type: ignore[no-any-return]


class Reward(Protocol):
    """
    A reward: named, spending one unit (from *labels*, ranked, None first without one), priced on request.

    What else a caller's reward may have, each an attribute: `limits` (how often it can be had),
    `exclusive` (a group of which a cart takes one), `automatic` (a quote tries it unasked), `tender` (it
    pays: it comes after all discounts, as a tender of that kind) and `by_code` (it spends what is
    labelled with the request's code).
    """

    @property
    def name(self) -> str:
        """What requests name it by."""
        ...

    @property
    def unit(self) -> str | None:
        """The code of the unit that is spent; None where it costs none."""
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
    A reward can be had *uses* times, or for *amount* of what is spent, *per* period (for life unless told).

    That holds for each member, or for all: with *shared*, the id of a shared account, all members'
    uses are counted there: stock. A hot one is cut into *slices*, each with its part of the uses (see
    `Ceiling`). A redemption that is cancelled, a reservation that is released or lapses, gives its
    uses back; a purchase that it paid and that comes back does not.
    """

    name: str = attrs.field(converter=name)
    uses: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))
    amount: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    per: Period = LIFETIME
    shared: str | None = attrs.field(default=None, converter=identifier_or_none)
    slices: int = attrs.field(default=1, validator=whole)

    def __attrs_post_init__(self) -> None:
        if (self.uses is None) == (self.amount is None):
            raise InvalidValueError(f"Limit {self.name} is a number of uses, or an amount that is spent: give one.")
        check_shared(f"Limit {self.name}", self.shared, self.slices, self.most, self.per)

    @property
    def most(self) -> int:
        """The uses, or the steps of the amount."""
        return self.uses if self.uses is not None else self.amount.steps if self.amount is not None else 0

    def takes(self, uses: int, cost: int) -> int:
        """What a request of so many uses and so much cost takes of it."""
        return uses if self.uses is not None else cost


def limits_of(value: Iterable[Limit]) -> tuple[Limit, ...]:
    """Limits as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(limit, Limit) for limit in found) or len({limit.name for limit in found}) < len(found):
        raise InvalidValueError(f"Limits of a reward are members of Limit with a name each, not {quote(value)}.")
    return found


def check_limits(what: str, limits: Sequence[Limit], unit: str | None) -> None:
    """Refuses a limit on what is spent that is in another unit."""
    for limit in limits:
        if limit.amount is not None and limit.amount.unit != unit:
            raise InvalidValueError(f"Limit {limit.name} of {what} is in {limit.amount.unit}, which it does not spend.")


def check_voucher(name: str, cost: Amount | None, voucher: str | None, value: str | None) -> None:
    """Refuses a cost beside a voucher, and a value without the key of the voucher."""
    if cost is not None and voucher is not None:
        raise InvalidValueError(f"Reward {name} costs an amount or a use of a voucher, not both.")
    if value is not None and voucher is None:
        raise InvalidValueError(f"Reward {name} has a voucher_value: name the key of the voucher too.")


def refuse(code: RejectionCode, **facts: Fact) -> Refusal:
    """A refusal with its facts."""
    return Refusal(code, FrozenMapping(facts))


def eligible_lines(request: Request, lines: Condition | None, kinds: Sequence[LineKind]) -> list[tuple[str, int]]:
    """The lines of the cart that a reward may pay: their ids and steps."""
    if not request.cart:
        return []
    return [
        (line.id or "", line.total.steps)
        for line in request.cart
        if line.kind in kinds and (lines is None or lines.holds(request.occasion, line))
    ]


def shares_of(value: int, eligible: Sequence[tuple[str, int]]) -> FrozenMapping[str, int]:
    """A discount spread over the lines that it pays, to the step, none below zero."""
    if not eligible or not value:
        return NO_SHARES
    shares = allocate(value, lambda: (steps for _, steps in eligible))
    return FrozenMapping({line: share for (line, _), share in zip(eligible, shares, strict=True) if share})


def not_open(
    request: Request, when: Condition | None, minimum: Amount | None, order: int, reward: str
) -> Refusal | None:
    """The conditions that every reward has: its `when`, and a minimum order."""
    if when is not None and not when.holds(request.occasion, None):
        return refuse(RejectionCode.NOT_ELIGIBLE, reward=reward)
    if minimum is not None and (request.currency != minimum.unit or order < minimum.steps):
        return refuse(RejectionCode.ORDER_BELOW_MINIMUM, reward=reward, order=order, minimum=minimum.steps)
    return None


def voucher_missing(request: Request, key: str, value: str | None, times: int, reward: str) -> Refusal | None:
    """A refusal where no voucher of that key (and of the request's code) has so many uses left."""
    held = request.occasion.grants(key, request.code if value is None else value)
    if any(grant.uses is None for grant in held):
        return None
    uses = sum(grant.uses or 0 for grant in held)
    if uses >= times:
        return None
    return refuse(RejectionCode.VOUCHER_MISSING, reward=reward, needed=times, available=uses)


NO_SHARES: Final[FrozenMapping[str, int]] = FrozenMapping()
OPTIONAL_AMOUNT: Final = attrs.validators.optional(above_zero)
GOODS: Final = (LineKind.GOODS,)


def share_or_none(value: int | str | Decimal | Fraction | None) -> Fraction | None:
    """A share above 0 and of at most 1, exact: `"0.5"`, `"1/3"`."""
    if value is None:
        return None
    share = factor(value)
    if share > 1:
        raise InvalidValueError(f"A share is at most 1, not {quote(str(value))}.")
    return share


def chosen(request: Request, items: Sequence[str], reward: str) -> str | Refusal | None:
    """What is chosen of the *items* offered: the only one, or the one that the request names; None of none."""
    if not items:
        return None if not request.choices else refuse(RejectionCode.WRONG_CHOICE, reward=reward)
    named = [choice for choice in request.choices if choice in items]
    if len(items) == 1 and not request.choices:
        return items[0]
    if len(named) != 1 or len(request.choices) > 1:
        return refuse(RejectionCode.WRONG_CHOICE, reward=reward, offered=tuple(items))
    return named[0]
