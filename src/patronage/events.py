"""
What happened: facts (a purchase, a refund, a review) and requests (a redemption, a reservation).

An event states what the shop knows, in prices and quantities; what it is worth is decided by the
program. Its id is the idempotency key. `about` is the root it speaks of: the purchase of a refund,
the reservation of a capture, else itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Final, TypeVar

import attrs

from patronage._frozen import FrozenMapping
from patronage.errors import InvalidValueError, quote
from patronage.periods import utc
from patronage.units import STEPS_LIMIT, Amount, plain_decimal

ID_BYTES_MAX: Final = 255
LINES_MAX: Final = 2_000
ATTRIBUTES_MAX: Final = 64
TEXT_MAX: Final = 1_000
REASON_MAX: Final = 64

Attribute = str | int | bool
T = TypeVar("T")


def identifier(value: object) -> str:
    """An id from outside: 1 to 255 bytes of printable text that does not begin with `~`."""
    if not isinstance(value, str):
        raise InvalidValueError(f"An id must be a str, not {quote(value)} ({type(value).__name__}).")
    if not value or not value.isprintable() or len(value.encode()) > ID_BYTES_MAX:
        raise InvalidValueError(f"An id must be 1 to {ID_BYTES_MAX} bytes of printable text, not {quote(value)}.")
    if value[0] == "~":
        raise InvalidValueError(f"An id may not begin with '~' (kept for derived ids), as {quote(value)} does.")
    return value


def word(value: object) -> str:
    """A short key or code: 1 to 64 printable characters."""
    if not isinstance(value, str) or not value or len(value) > REASON_MAX or not value.isprintable():
        raise InvalidValueError(f"A key or code must be 1 to {REASON_MAX} printable characters, not {quote(value)}.")
    return value


def text(value: object) -> str:
    """A text of at most 1,000 characters without surrogates."""
    if not isinstance(value, str) or len(value) > TEXT_MAX or any("\ud800" <= c <= "\udfff" for c in value):
        raise InvalidValueError(f"A text must be a str of at most {TEXT_MAX} characters, not {quote(value)}.")
    return value


def many(value: Iterable[T]) -> tuple[T, ...]:
    """A sequence is taken and becomes a tuple; a str or a mapping is refused, for it is never meant."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidValueError(f"A sequence is needed here, not {quote(value)}.")
    return tuple(value)


def _is(kind: type, value: object, what: str) -> None:
    if not isinstance(value, kind):
        raise InvalidValueError(f"{what} must be {kind.__name__}, not {quote(value)} ({type(value).__name__}).")


def _optional_word(value: object) -> str | None:
    return None if value is None else word(value)


def _optional_identifier(value: object) -> str | None:
    return None if value is None else identifier(value)


def _optional_instant(value: datetime | None) -> datetime | None:
    return None if value is None else utc(value)


def _tags(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({word(tag) for tag in many(value)}))


def _attributes(value: Mapping[str, Attribute]) -> FrozenMapping[str, Attribute]:
    if not isinstance(value, Mapping) or len(value) > ATTRIBUTES_MAX:
        raise InvalidValueError(f"Attributes must be a mapping of at most {ATTRIBUTES_MAX} keys, not {quote(value)}.")
    for key, fact in value.items():
        word(key)
        if type(fact) is str:
            text(fact)
        elif type(fact) is int:
            if not -STEPS_LIMIT < fact < STEPS_LIMIT:
                raise InvalidValueError(f"Attribute {quote(key)} is out of range: whole numbers have 63 bits at most.")
        elif type(fact) is not bool:
            raise InvalidValueError(f"Attribute {quote(key)} must be a str, an int or a bool, not {quote(fact)}.")
    return FrozenMapping(value)


def _measures(value: Mapping[str, int | str | Decimal]) -> FrozenMapping[str, Decimal]:
    if not isinstance(value, Mapping) or len(value) > ATTRIBUTES_MAX:
        raise InvalidValueError(f"Measures must be a mapping of at most {ATTRIBUTES_MAX} keys, not {quote(value)}.")
    return FrozenMapping({word(key): plain_decimal(number) for key, number in value.items()})


def _quantity(value: int | str | Decimal) -> Decimal:
    number = plain_decimal(value)
    if number <= 0:
        raise InvalidValueError(f"A quantity must be above zero, not {quote(str(value))}.")
    return number


def _optional_quantity(value: int | str | Decimal | None) -> Decimal | None:
    return None if value is None else _quantity(value)


def _not_negative(_: object, field: attrs.Attribute[Amount], value: Amount) -> None:
    _is(Amount, value, field.name)
    if value.steps < 0:
        raise InvalidValueError(f"{field.name} must be at least 0, not {value.steps} steps.")


def _positive(_: object, field: attrs.Attribute[Amount], value: Amount) -> None:
    _is(Amount, value, field.name)
    if value.steps <= 0:
        raise InvalidValueError(f"{field.name} must be above 0, not {value.steps} steps.")


def _whole(_: object, field: attrs.Attribute[int], value: int) -> None:
    if type(value) is not int or not 1 <= value < 2**31:
        raise InvalidValueError(f"{field.name} must be a whole number of at least 1, not {quote(value)}.")


def check_all(kind: type, members: Sequence[object], what: str) -> None:
    """Raises InvalidValueError where a member is not of *kind*, or there are more than 2,000."""
    if len(members) > LINES_MAX:
        raise InvalidValueError(f"There may be {LINES_MAX} {what} at most, not {len(members)}.")
    for member in members:
        if not isinstance(member, kind):
            raise InvalidValueError(f"The {what} must each be a {kind.__name__}, not {quote(member)}.")


def _sum(amounts: Iterable[Amount], unit: str, what: str) -> int:
    steps = 0
    for amount in amounts:
        if amount.unit != unit:
            raise InvalidValueError(f"A purchase has one currency: {what} is in {amount.unit}, the lines in {unit}.")
        steps += amount.steps
    if steps >= STEPS_LIMIT:
        raise InvalidValueError(f"The sum of {what} leaves the range of 63 bits.")
    return steps


class LineKind(Enum):
    """What a line of a purchase sells."""

    GOODS = "goods"
    SHIPPING = "shipping"
    GIFT_CARD = "gift_card"
    FEE = "fee"
    DONATION = "donation"


@attrs.frozen(kw_only=True)
class Discount:
    """Money already taken off, of a kind: `coupon`, `staff`, `points`."""

    kind: str = attrs.field(converter=word)
    total: Amount = attrs.field(validator=_not_negative)


def _discounts(value: Iterable[Discount]) -> tuple[Discount, ...]:
    taken = many(value)
    check_all(Discount, taken, "discounts")
    return taken


@attrs.frozen(kw_only=True)
class Line:
    """
    One line of a purchase.

    *total* is what is charged for it after its own discounts, before tenders, tax included; *tax*
    is its tax part; *discounts* were already taken off. *quantity* is an exact decimal above zero.
    *id* is the line's position from 1 unless given. *measures* are numbers of the line's own, such
    as meals or kilometres.
    """

    total: Amount = attrs.field(validator=_not_negative)
    id: str | None = attrs.field(default=None, converter=_optional_identifier)
    sku: str | None = attrs.field(default=None, converter=_optional_identifier)
    category: str | None = attrs.field(default=None, converter=_optional_identifier)
    brand: str | None = attrs.field(default=None, converter=_optional_identifier)
    tags: tuple[str, ...] = attrs.field(default=(), converter=_tags)
    kind: LineKind = attrs.field(default=LineKind.GOODS, validator=attrs.validators.instance_of(LineKind))
    quantity: Decimal = attrs.field(default=Decimal(1), converter=_quantity)
    tax: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(_not_negative))
    discounts: tuple[Discount, ...] = attrs.field(default=(), converter=_discounts)
    measures: FrozenMapping[str, Decimal] = attrs.field(default=FrozenMapping(), converter=_measures)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=_attributes)

    def __attrs_post_init__(self) -> None:
        if self.tax is not None and _sum((self.tax,), self.total.unit, "tax") > self.total.steps:
            raise InvalidValueError(f"A line's tax is a part of its total of {self.total.steps} steps, not more.")
        _sum((discount.total for discount in self.discounts), self.total.unit, "discounts")


@attrs.frozen(kw_only=True)
class Tender:
    """How a part of a purchase was paid; *redemption* names the request whose points or credit paid it."""

    kind: str = attrs.field(converter=word)
    total: Amount = attrs.field(validator=_not_negative)
    redemption: str | None = attrs.field(default=None, converter=_optional_identifier)


def _tenders(value: Iterable[Tender]) -> tuple[Tender, ...]:
    taken = many(value)
    check_all(Tender, taken, "tenders")
    return taken


def numbered(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines, each without an id named by its position from 1. Raises InvalidValueError for an id used twice."""
    taken = many(lines)
    check_all(Line, taken, "lines")
    named = tuple(line if line.id is not None else attrs.evolve(line, id=str(n)) for n, line in enumerate(taken, 1))
    ids = [line.id for line in named]
    if len(set(ids)) < len(ids):
        twice = next(i for n, i in enumerate(ids) if i in ids[:n])
        raise InvalidValueError(f"Two lines have the id {quote(twice)}: a line's id is its position unless given.")
    return named


@attrs.frozen(kw_only=True)
class Enrolment:
    """A member joined. Not needed before other events: it is there for what a program gives for it."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    channel: str | None = attrs.field(default=None, converter=_optional_word)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=_attributes)

    @property
    def about(self) -> str:
        """The enrolment itself."""
        return self.id


@attrs.frozen(kw_only=True)
class Purchase:
    """
    What was bought, and how it was paid.

    *discounts* are order-wide: they are taken off the lines, spread by their totals. *tenders* are
    none, or sum to what is charged. *by* is who bought, where members share an account.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    lines: tuple[Line, ...] = attrs.field(converter=numbered)
    discounts: tuple[Discount, ...] = attrs.field(default=(), converter=_discounts)
    tenders: tuple[Tender, ...] = attrs.field(default=(), converter=_tenders)
    by: str | None = attrs.field(default=None, converter=_optional_identifier)
    channel: str | None = attrs.field(default=None, converter=_optional_word)
    store: str | None = attrs.field(default=None, converter=_optional_identifier)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=_attributes)

    def __attrs_post_init__(self) -> None:
        if not self.lines:
            if self.discounts or self.tenders:
                raise InvalidValueError("A purchase without lines has neither discounts nor tenders.")
            return
        unit = self.lines[0].total.unit
        total = _sum((line.total for line in self.lines), unit, "lines")
        total -= _sum((discount.total for discount in self.discounts), unit, "discounts")
        if total < 0:
            raise InvalidValueError("The discounts of a purchase may not exceed the sum of its lines.")
        if self.tenders and _sum((tender.total for tender in self.tenders), unit, "tenders") != total:
            raise InvalidValueError(
                f"The tenders must sum to what is charged, {total} steps of {unit}, or be left out."
            )
        redemptions = [tender.redemption for tender in self.tenders if tender.redemption is not None]
        if len(set(redemptions)) < len(redemptions):
            raise InvalidValueError("Two tenders name one redemption: give it one tender.")

    @property
    def about(self) -> str:
        """The purchase itself."""
        return self.id

    @property
    def currency(self) -> str | None:
        """The code of the one currency of its amounts; None for a purchase without lines."""
        return self.lines[0].total.unit if self.lines else None

    @property
    def total(self) -> int:
        """What is charged, in steps of the currency: the lines less the order-wide discounts."""
        return sum(line.total.steps for line in self.lines) - sum(d.total.steps for d in self.discounts)

    @property
    def redemptions(self) -> tuple[str, ...]:
        """The redemptions that its tenders name."""
        return tuple(tender.redemption for tender in self.tenders if tender.redemption is not None)


@attrs.frozen(kw_only=True)
class RefundLine:
    """A line that came back: *quantity* of it, or *total* of its money, or (neither given) all that is left."""

    id: str = attrs.field(converter=identifier)
    quantity: Decimal | None = attrs.field(default=None, converter=_optional_quantity)
    total: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))

    def __attrs_post_init__(self) -> None:
        if self.quantity is not None and self.total is not None:
            raise InvalidValueError(f"Line {quote(self.id)} comes back by quantity or by total, not by both.")


def _refund_lines(value: Iterable[RefundLine]) -> tuple[RefundLine, ...]:
    taken = many(value)
    check_all(RefundLine, taken, "lines")
    return taken


@attrs.frozen(kw_only=True)
class Refund:
    """
    A part of a purchase came back: *lines*, or *total* spread over what is left, or (neither) everything left.

    *tenders* say how much was given back in which tender: pro rata unless told.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    purchase: str = attrs.field(converter=identifier)
    lines: tuple[RefundLine, ...] = attrs.field(default=(), converter=_refund_lines)
    total: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))
    tenders: tuple[Tender, ...] = attrs.field(default=(), converter=_tenders)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=_attributes)

    def __attrs_post_init__(self) -> None:
        if self.lines and self.total is not None:
            raise InvalidValueError("A refund names lines or a total, not both.")
        ids = [line.id for line in self.lines]
        if len(set(ids)) < len(ids):
            raise InvalidValueError("A refund names a line once: add the quantities or the totals up.")

    @property
    def about(self) -> str:
        """The purchase."""
        return self.purchase


@attrs.frozen(kw_only=True)
class Redemption:
    """
    A request to spend on a reward, with the cart it is meant for.

    *amount* is how much, in the unit that is spent or in the money that is wanted, where the reward
    leaves the choice; *times* how often a reward of fixed cost is taken.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    reward: str = attrs.field(converter=word)
    amount: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))
    times: int = attrs.field(default=1, validator=_whole)
    cart: tuple[Line, ...] = attrs.field(default=(), converter=numbered)
    channel: str | None = attrs.field(default=None, converter=_optional_word)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=_attributes)

    @property
    def about(self) -> str:
        """The redemption itself."""
        return self.id


@attrs.frozen(kw_only=True)
class Reservation:
    """A request like a Redemption whose points are held until a Capture, a Release, or *lapses_at*."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    reward: str = attrs.field(converter=word)
    amount: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))
    times: int = attrs.field(default=1, validator=_whole)
    cart: tuple[Line, ...] = attrs.field(default=(), converter=numbered)
    lapses_at: datetime | None = attrs.field(default=None, converter=_optional_instant)
    channel: str | None = attrs.field(default=None, converter=_optional_word)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=_attributes)

    def __attrs_post_init__(self) -> None:
        if self.lapses_at is not None and self.lapses_at <= self.occurred_at:
            raise InvalidValueError("A reservation must lapse after it is made.")

    @property
    def about(self) -> str:
        """The reservation itself."""
        return self.id


@attrs.frozen(kw_only=True)
class Capture:
    """A reservation is spent: *amount* of what it holds, or all; the rest is released."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    reservation: str = attrs.field(converter=identifier)
    amount: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))

    @property
    def about(self) -> str:
        """The reservation."""
        return self.reservation


@attrs.frozen(kw_only=True)
class Release:
    """A reservation is given up: what it holds is free again."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    reservation: str = attrs.field(converter=identifier)

    @property
    def about(self) -> str:
        """The reservation."""
        return self.reservation


@attrs.frozen(kw_only=True)
class Cancellation:
    """What *undoes* names never was: a purchase or an activity earns nothing, a redemption gives its points back."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    undoes: str = attrs.field(converter=identifier)

    @property
    def about(self) -> str:
        """What is undone."""
        return self.undoes


@attrs.frozen(kw_only=True)
class Confirmation:
    """What was earned by *of* on confirmation becomes available: a delivery, a stay completed, an approval."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    of: str = attrs.field(converter=identifier)

    @property
    def about(self) -> str:
        """What is confirmed."""
        return self.of


@attrs.frozen(kw_only=True)
class Activity:
    """Something that is no purchase: a review, a survey, a visit, a birthday set. *count* of it at once."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    kind: str = attrs.field(converter=word)
    count: int = attrs.field(default=1, validator=_whole)
    channel: str | None = attrs.field(default=None, converter=_optional_word)
    measures: FrozenMapping[str, Decimal] = attrs.field(default=FrozenMapping(), converter=_measures)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=_attributes)

    @property
    def about(self) -> str:
        """The activity itself."""
        return self.id


def _not_zero(_: object, field: attrs.Attribute[Amount], value: Amount) -> None:
    _is(Amount, value, field.name)
    if not value.steps:
        raise InvalidValueError("An adjustment of nothing is none: give an amount above or below 0.")


@attrs.frozen(kw_only=True)
class Adjustment:
    """
    An operator's correction or opening balance: *amount* above zero is credited, below zero debited.

    *actor* is who decided it, *reason* a code of at most 64 characters (the shop keeps notes and
    names). A debit that the balance does not cover leaves a debt.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    amount: Amount = attrs.field(validator=_not_zero)
    actor: str = attrs.field(converter=word)
    reason: str = attrs.field(converter=word)
    label: str | None = attrs.field(default=None, converter=_optional_word)
    available_at: datetime | None = attrs.field(default=None, converter=_optional_instant)
    expires_at: datetime | None = attrs.field(default=None, converter=_optional_instant)

    def __attrs_post_init__(self) -> None:
        if self.amount.steps < 0 and (self.available_at is not None or self.expires_at is not None):
            raise InvalidValueError("Only what is credited has an available_at or an expires_at.")
        if self.expires_at is not None and self.expires_at <= max(
            self.occurred_at, self.available_at or self.occurred_at
        ):
            raise InvalidValueError("What is credited must expire after it is available.")

    @property
    def about(self) -> str:
        """The adjustment itself."""
        return self.id


@attrs.frozen(kw_only=True)
class StatusGrant:
    """An operator gives a right by hand: a matched tier, a gifted membership. *until* None: without end."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    key: str = attrs.field(converter=word)
    value: str | None = attrs.field(default=None, converter=_optional_word)
    until: datetime | None = attrs.field(default=None, converter=_optional_instant)
    uses: int | None = attrs.field(default=None, validator=attrs.validators.optional(_whole))
    actor: str = attrs.field(converter=word)
    reason: str = attrs.field(converter=word)

    def __attrs_post_init__(self) -> None:
        if self.until is not None and self.until <= self.occurred_at:
            raise InvalidValueError("A status must end after it is given.")

    @property
    def about(self) -> str:
        """The grant itself."""
        return self.id


@attrs.frozen(kw_only=True)
class StatusEnd:
    """An operator ends what operators gave under *key* (and *value*)."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    key: str = attrs.field(converter=word)
    value: str | None = attrs.field(default=None, converter=_optional_word)
    actor: str = attrs.field(converter=word)
    reason: str = attrs.field(converter=word)

    @property
    def about(self) -> str:
        """The end itself."""
        return self.id


@attrs.frozen(kw_only=True)
class TimePassed:
    """What time alone did, up to *occurred_at*: made by `Program.advance`, never by a caller. Its id begins `~t/`."""

    id: str
    member: str
    occurred_at: datetime

    @property
    def about(self) -> str:
        """Itself."""
        return self.id


Event = (
    Enrolment
    | Purchase
    | Refund
    | Redemption
    | Reservation
    | Capture
    | Release
    | Cancellation
    | Confirmation
    | Activity
    | Adjustment
    | StatusGrant
    | StatusEnd
    | TimePassed
)
