"""
Conditions: frozen questions about an occasion, combined by all, any and not. Nothing is evaluated from text.

Each is asked about the whole purchase (`line` None) or about one line. Conditions on lines, asked
about the whole, hold where they hold for some line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, time
from decimal import Decimal
from typing import TypeVar

import attrs

from patronage.errors import InvalidValueError, quote
from patronage.events import Attribute, Line, LineKind, identifier, many, word
from patronage.occasions import Condition, Occasion, Read, names_of
from patronage.periods import utc
from patronage.recurrence import Recurrence
from patronage.units import Amount, plain_decimal

T = TypeVar("T")


def conditions(value: Iterable[Condition]) -> tuple[Condition, ...]:
    """A sequence of conditions as a tuple. Raises InvalidValueError for what has no `holds`."""
    found = many(value)
    for condition in found:
        condition_of(condition)
    return found


def condition_of(value: Condition) -> Condition:
    """*value*, where it is a condition."""
    if not callable(getattr(value, "holds", None)) or isinstance(value, type):
        raise InvalidValueError(f"A condition is an object with a method holds(occasion, line), not {quote(value)}.")
    return value


def reads_of(value: object) -> tuple[Read, ...]:
    """The balances that a condition, or anything with a `reads`, names."""
    return tuple(getattr(value, "reads", ()))


def _some(occasion: Occasion, line: Line | None, matches: Callable[[Line], bool]) -> bool:
    if line is not None:
        return matches(line)
    return any(matches(each) for each in occasion.lines)


def _ids(value: Iterable[str]) -> frozenset[str]:
    found = frozenset(identifier(item) for item in many(value))
    if not found:
        raise InvalidValueError("Name at least one here.")
    return found


def _any_ids(value: Iterable[str]) -> frozenset[str]:
    return frozenset(identifier(item) for item in many(value))


def _attributes(value: Iterable[Attribute]) -> tuple[Attribute, ...]:
    found = many(value)
    if not found or not all(type(fact) in (str, int, bool) for fact in found):
        raise InvalidValueError(f"Name at least one str, int or bool, not {quote(value)}.")
    return found


def _days(value: Iterable[int]) -> frozenset[int]:
    found = frozenset(many(value))
    if not found or not all(type(day) is int and 0 <= day <= 6 for day in found):
        raise InvalidValueError(f"Weekdays are whole numbers from 0 (Monday) to 6, not {quote(value)}.")
    return found


def condition_or_none(value: Condition | None) -> Condition | None:
    """A condition, or None where there is none."""
    return None if value is None else condition_of(value)


def _words(value: Iterable[str]) -> frozenset[str]:
    return frozenset(_ids(names_of(value)))


def _kinds(value: Iterable[LineKind]) -> frozenset[LineKind]:
    found = frozenset(many(value))
    if not found or not all(isinstance(kind, LineKind) for kind in found):
        raise InvalidValueError(f"Kinds of lines are members of LineKind, not {quote(value)}.")
    return found


@attrs.frozen
class AllOf:
    """All of the conditions hold."""

    of: tuple[Condition, ...] = attrs.field(converter=conditions)

    @property
    def reads(self) -> tuple[Read, ...]:
        """What its members read."""
        return tuple(read for condition in self.of for read in reads_of(condition))

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether each member holds."""
        return all(condition.holds(occasion, line) for condition in self.of)


@attrs.frozen
class AnyOf:
    """At least one of the conditions holds."""

    of: tuple[Condition, ...] = attrs.field(converter=conditions)

    @property
    def reads(self) -> tuple[Read, ...]:
        """What its members read."""
        return tuple(read for condition in self.of for read in reads_of(condition))

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether some member holds."""
        return any(condition.holds(occasion, line) for condition in self.of)


@attrs.frozen
class Not:
    """The condition does not hold; of a condition on lines, asked about the whole: it holds for none."""

    of: Condition = attrs.field(converter=condition_of)

    @property
    def reads(self) -> tuple[Read, ...]:
        """What its member reads."""
        return reads_of(self.of)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the member does not."""
        return not self.of.holds(occasion, line)


@attrs.frozen
class Sku:
    """The line's SKU is one of these, or begins with one of *prefixes*."""

    of: frozenset[str] = attrs.field(default=frozenset(), converter=_any_ids)
    prefixes: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=names_of)

    def __attrs_post_init__(self) -> None:
        if not self.of and not self.prefixes:
            raise InvalidValueError("Name at least one SKU or prefix.")

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the line, or some line, matches."""
        return _some(occasion, line, self._matches)

    def _matches(self, line: Line) -> bool:
        sku = line.sku
        return sku is not None and (sku in self.of or any(sku.startswith(prefix) for prefix in self.prefixes))


@attrs.frozen
class Category:
    """The line's category is one of these."""

    of: frozenset[str] = attrs.field(converter=_ids)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the line, or some line, matches."""
        if line is not None:
            return line.category in self.of
        return any(each.category in self.of for each in occasion.lines)


@attrs.frozen
class Brand:
    """The line's brand is one of these."""

    of: frozenset[str] = attrs.field(converter=_ids)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the line, or some line, matches."""
        if line is not None:
            return line.brand in self.of
        return any(each.brand in self.of for each in occasion.lines)


@attrs.frozen
class Tag:
    """The line carries one of these tags."""

    of: frozenset[str] = attrs.field(converter=_words)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the line, or some line, matches."""
        return _some(occasion, line, lambda each: not self.of.isdisjoint(each.tags))


@attrs.frozen
class Kind:
    """The line is of one of these kinds."""

    of: frozenset[LineKind] = attrs.field(converter=_kinds)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the line, or some line, matches."""
        return _some(occasion, line, lambda each: each.kind in self.of)


@attrs.frozen
class LinePrice:
    """The line's total for one unit of quantity is at least *at_least* and below *below*."""

    at_least: Amount | None = attrs.field(default=None, kw_only=True)
    below: Amount | None = attrs.field(default=None, kw_only=True)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the line, or some line, matches."""
        return _some(occasion, line, self._matches)

    def _matches(self, line: Line) -> bool:
        total = line.total
        for bound in (self.at_least, self.below):
            if bound is not None and bound.unit != total.unit:
                return False
        # A bound times an exact quantity is exact: steps are whole, quantities have few digits.
        quantity = _ratio(line.quantity)
        steps = total.steps * quantity[1]
        return (self.at_least is None or steps >= self.at_least.steps * quantity[0]) and (
            self.below is None or steps < self.below.steps * quantity[0]
        )


def _ratio(number: Decimal) -> tuple[int, int]:
    return number.as_integer_ratio()


@attrs.frozen
class LineAttribute:
    """The line's attribute *key* is one of *of*."""

    key: str = attrs.field(converter=word)
    of: tuple[Attribute, ...] = attrs.field(converter=_attributes)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the line, or some line, matches."""
        return _some(occasion, line, lambda each: _is_one(each.attributes.get(self.key), self.of))


def _is_one(fact: Attribute | None, of: tuple[Attribute, ...]) -> bool:
    """Equal and of the same type: True is not 1."""
    return any(type(fact) is type(one) and fact == one for one in of)


@attrs.frozen
class EventAttribute:
    """The event's attribute *key* is one of *of*: a fact or a segment that the shop reports."""

    key: str = attrs.field(converter=word)
    of: tuple[Attribute, ...] = attrs.field(converter=_attributes)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the event states it."""
        attributes = getattr(occasion.event, "attributes", None)
        return attributes is not None and _is_one(attributes.get(self.key), self.of)


@attrs.frozen
class Channel:
    """The event came through one of these channels."""

    of: frozenset[str] = attrs.field(converter=_words)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the event's channel is one of them."""
        return getattr(occasion.event, "channel", None) in self.of


@attrs.frozen
class Store:
    """The purchase was made in one of these stores."""

    of: frozenset[str] = attrs.field(converter=_ids)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the purchase's store is one of them."""
        return getattr(occasion.event, "store", None) in self.of


@attrs.frozen
class PaidWith:
    """A tender of one of these kinds paid part of the purchase."""

    of: frozenset[str] = attrs.field(converter=_words)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether such a tender paid something."""
        purchase = occasion.purchase
        return purchase is not None and any(t.kind in self.of and t.total.steps for t in purchase.tenders)


@attrs.frozen
class PaidByRedemption:
    """A redemption paid part of the purchase."""

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether a tender names a redemption."""
        purchase = occasion.purchase
        return purchase is not None and bool(purchase.redemptions)


def _spent(occasion: Occasion, kinds: frozenset[LineKind], tax: bool, unit: str, before: tuple[str, ...]) -> int | None:
    """The lines' totals of those kinds, in steps; None in another currency or without lines."""
    lines = occasion.lines
    if not lines or lines[0].total.unit != unit:
        return None
    total = sum(line.total.steps for line in lines if line.kind in kinds)
    if not tax:
        total -= sum(line.tax.steps for line in lines if line.kind in kinds and line.tax is not None)
    purchase = occasion.purchase
    if purchase is not None:
        total -= sum(discount.total.steps for discount in purchase.discounts if discount.kind not in before)
    if before:
        taken = (each for line in lines if line.kind in kinds for each in line.discounts)
        total += sum(discount.total.steps for discount in taken if discount.kind in before)
    return total


@attrs.frozen
class Spend:
    """
    The purchase (or cart) is worth *at_least* and less than *below*: lines of *kinds*, after discounts.

    Those of the kinds *before_discounts* are not taken off. Tax counts unless *tax* is False.
    """

    at_least: Amount | None = attrs.field(default=None, kw_only=True)
    below: Amount | None = attrs.field(default=None, kw_only=True)
    kinds: frozenset[LineKind] = attrs.field(default=(LineKind.GOODS,), kw_only=True, converter=_kinds)
    tax: bool = attrs.field(default=True, kw_only=True)
    before_discounts: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=names_of)

    def __attrs_post_init__(self) -> None:
        if self.at_least is None and self.below is None:
            raise InvalidValueError("Give at_least, below or both.")

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the sum lies within."""
        for bound, below in ((self.at_least, False), (self.below, True)):
            if bound is None:
                continue
            steps = _spent(occasion, self.kinds, self.tax, bound.unit, self.before_discounts)
            if steps is None or (steps >= bound.steps) is below:
                return False
        return True


@attrs.frozen
class Quantity:
    """The lines that match *lines* (all, if None) add up to a quantity of *at_least*."""

    at_least: Decimal = attrs.field(converter=plain_decimal)
    lines: Condition | None = attrs.field(default=None, kw_only=True, converter=condition_or_none)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether there are that many."""
        total = sum(
            (
                # Exact under any decimal context: integer ratios over a common power of ten.
                _scaled(each.quantity)
                for each in occasion.lines
                if self.lines is None or self.lines.holds(occasion, each)
            ),
            0,
        )
        return total >= _scaled(self.at_least)


def _scaled(number: Decimal) -> int:
    numerator, denominator = number.as_integer_ratio()
    return numerator * 10**30 // denominator


@attrs.frozen
class Weekday:
    """The local day of the event is one of these: 0 is Monday, 6 Sunday."""

    of: frozenset[int] = attrs.field(converter=_days)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the local day is one of them."""
        return occasion.calendar.day(occasion.at).weekday() in self.of


@attrs.frozen
class Between:
    """The event lies in the window `[start, end)`; either may be left open."""

    start: datetime | None = attrs.field(default=None, kw_only=True, converter=attrs.converters.optional(utc))
    end: datetime | None = attrs.field(default=None, kw_only=True, converter=attrs.converters.optional(utc))

    def __attrs_post_init__(self) -> None:
        if self.start is None and self.end is None:
            raise InvalidValueError("A window has a start, an end or both.")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise InvalidValueError("A window must end after it starts.")

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the event lies within."""
        return (self.start is None or self.start <= occasion.at) and (self.end is None or occasion.at < self.end)


@attrs.frozen
class TimeOfDay:
    """The event's local time of day lies in `[start, end)`; a window over midnight has its end before its start."""

    start: time = attrs.field(kw_only=True)
    end: time = attrs.field(kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.start == self.end:
            raise InvalidValueError("A window of the day must not end where it starts.")

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the local time lies within."""
        now = occasion.calendar.local(occasion.at).time()
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


@attrs.frozen
class Recurs:
    """The event lies on a recurrence: every Tuesday, the first Friday of the month, from 14:00 to 16:00."""

    on: Recurrence

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the instant matches."""
        return self.on.matches(occasion.at, occasion.calendar)


@attrs.frozen
class HasGrant:
    """
    A grant of *key* is in force: with one of *values* where given, since *for_at_least* where given.

    A tier, a paid membership, an activated offer, a linked account.
    """

    key: str = attrs.field(converter=word)
    values: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=names_of)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether such a grant is in force."""
        at = occasion.at
        for grant in occasion.basis.grants:
            if grant.key == self.key and (not self.values or grant.value in self.values) and grant.in_force(at):
                return True
        return False


@attrs.frozen
class BalanceIs:
    """The available balance of the amounts' unit, under *label*, is *at_least* or *below*; under all labels if told."""

    at_least: Amount | None = attrs.field(default=None, kw_only=True)
    more_than: Amount | None = attrs.field(default=None, kw_only=True)
    below: Amount | None = attrs.field(default=None, kw_only=True)
    label: str | None = attrs.field(default=None, kw_only=True)
    all_labels: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        units = {bound.unit for bound in self._bounds()}
        if len(units) != 1:
            raise InvalidValueError("Give at_least, more_than or below, all in one unit.")

    def _bounds(self) -> list[Amount]:
        return [bound for bound in (self.at_least, self.more_than, self.below) if bound is not None]

    @property
    def reads(self) -> tuple[Read, ...]:
        """The balance it reads."""
        return (Read(self._bounds()[0].unit, self.label, self.all_labels),)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the balance lies within."""
        unit = self._bounds()[0].unit
        steps = occasion.balance_in_all(unit) if self.all_labels else occasion.balance(unit, self.label)
        return (
            (self.at_least is None or steps >= self.at_least.steps)
            and (self.more_than is None or steps > self.more_than.steps)
            and (self.below is None or steps < self.below.steps)
        )
