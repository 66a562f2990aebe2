"""Purchases and their refunds: what was bought, how it was paid, what came back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import Enum

import attrs

from patronage._frozen import FrozenMapping
from patronage.errors import InvalidValueError, of_type, quote
from patronage.fields import (
    Attribute,
    attributes_of,
    check_all,
    identifier,
    identifier_or_none,
    many,
    measures_of,
    not_negative,
    positive,
    quantity_of,
    quantity_or_none,
    sum_of,
    tags_of,
    word,
    word_or_none,
)
from patronage.periods import utc
from patronage.units import Amount


class LineKind(Enum):
    """What a line of a purchase sells."""

    GOODS = "goods"
    SHIPPING = "shipping"
    GIFT_CARD = "gift_card"
    FEE = "fee"
    DONATION = "donation"


@attrs.frozen(kw_only=True)
class Discount:
    """
    Money already taken off, of a kind: `coupon`, `staff`, `points`, the name of a reward.

    *redemption* names the request that took it off: what it cost comes back with the goods.
    """

    kind: str = attrs.field(converter=word)
    total: Amount = attrs.field(validator=not_negative)
    redemption: str | None = attrs.field(default=None, converter=identifier_or_none)


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

    total: Amount = attrs.field(validator=not_negative)
    id: str | None = attrs.field(default=None, converter=identifier_or_none)
    sku: str | None = attrs.field(default=None, converter=identifier_or_none)
    category: str | None = attrs.field(default=None, converter=identifier_or_none)
    brand: str | None = attrs.field(default=None, converter=identifier_or_none)
    tags: tuple[str, ...] = attrs.field(default=(), converter=tags_of)
    kind: LineKind = attrs.field(default=LineKind.GOODS, validator=of_type(LineKind))
    quantity: Decimal = attrs.field(default=Decimal(1), converter=quantity_of)
    tax: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(not_negative))
    discounts: tuple[Discount, ...] = attrs.field(default=(), converter=_discounts)
    measures: FrozenMapping[str, Decimal] = attrs.field(default=FrozenMapping(), converter=measures_of)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=attributes_of)

    def __attrs_post_init__(self) -> None:
        if self.tax is not None and sum_of((self.tax,), self.total.unit, "tax") > self.total.steps:
            raise InvalidValueError(f"A line's tax is a part of its total of {self.total.steps} steps, not more.")
        sum_of((discount.total for discount in self.discounts), self.total.unit, "discounts")


@attrs.frozen(kw_only=True)
class Tender:
    """How a part of a purchase was paid; *redemption* names the request whose points or credit paid it."""

    kind: str = attrs.field(converter=word)
    total: Amount = attrs.field(validator=not_negative)
    redemption: str | None = attrs.field(default=None, converter=identifier_or_none)


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
    by: str | None = attrs.field(default=None, converter=identifier_or_none)
    channel: str | None = attrs.field(default=None, converter=word_or_none)
    store: str | None = attrs.field(default=None, converter=identifier_or_none)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=attributes_of)

    def __attrs_post_init__(self) -> None:
        if not self.lines:
            if self.discounts or self.tenders:
                raise InvalidValueError("A purchase without lines has neither discounts nor tenders.")
            return
        unit = self.lines[0].total.unit
        total = sum_of((line.total for line in self.lines), unit, "lines")
        total -= sum_of((discount.total for discount in self.discounts), unit, "discounts")
        if total < 0:
            raise InvalidValueError("The discounts of a purchase may not exceed the sum of its lines.")
        if self.tenders and sum_of((tender.total for tender in self.tenders), unit, "tenders") != total:
            raise InvalidValueError(
                f"The tenders must sum to what is charged, {total} steps of {unit}, or be left out."
            )
        redemptions = [tender.redemption for tender in self.tenders if tender.redemption is not None]
        if len(set(redemptions)) < len(redemptions):
            raise InvalidValueError("Two tenders name one redemption: give it one tender.")
        if redemptions and not self.taken_off.keys().isdisjoint(redemptions):
            raise InvalidValueError("A redemption pays as a tender or takes off as a discount, not both.")

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
        total = 0
        for line in self.lines:
            total += line.total.steps
        for discount in self.discounts:
            total -= discount.total.steps
        return total

    @property
    def redemptions(self) -> tuple[str, ...]:
        """The redemptions that its tenders, then its discounts, name, each once."""
        paid = [tender.redemption for tender in self.tenders if tender.redemption is not None]
        return (*paid, *self.taken_off)

    @property
    def taken_off(self) -> dict[str, int]:
        """What each redemption took off as a discount, in steps."""
        found: dict[str, int] = {}
        for discounts in (self.discounts, *(line.discounts for line in self.lines if line.discounts)):
            for each in discounts:
                if each.redemption is not None:
                    found[each.redemption] = found.get(each.redemption, 0) + each.total.steps
        return found


@attrs.frozen(kw_only=True)
class RefundLine:
    """A line that came back: *quantity* of it, or *total* of its money, or (neither given) all that is left."""

    id: str = attrs.field(converter=identifier)
    quantity: Decimal | None = attrs.field(default=None, converter=quantity_or_none)
    total: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(positive))

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
    total: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(positive))
    tenders: tuple[Tender, ...] = attrs.field(default=(), converter=_tenders)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=attributes_of)

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
