"""What of a purchase counts: the money of each line after discounts, tax and tenders, in exact steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from patronage.errors import InvalidValueError, of_type, quote
from patronage.events import Discount, Line, LineKind, Purchase, Tender, many
from patronage.occasions import names_of
from patronage.units import Rounding, allocate, rounded


def line_kinds(value: Iterable[LineKind]) -> tuple[LineKind, ...]:
    """Kinds of lines, each once, in order of their names."""
    found = tuple(sorted(set(many(value)), key=lambda kind: getattr(kind, "value", "")))
    if not found or not all(isinstance(kind, LineKind) for kind in found):
        raise InvalidValueError(f"Kinds of lines are members of LineKind, not {quote(value)}.")
    return found


def _whole(_: object, field: attrs.Attribute[int], value: int | None) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise InvalidValueError(f"{field.name} must be a whole number of at least 1, not {quote(value)}.")


@attrs.frozen(kw_only=True)
class Base:
    """
    Which money of a line counts.

    *kinds* of lines count (goods). *tax* counts if told. Discounts are taken off, but those of the
    kinds *before_discounts*. *less_tenders* are kinds of tender whose money does not count (points,
    gift cards); with *only_tenders* only theirs does. Both are spread over the lines by largest
    remainder. *units_max* is how many units of the whole purchase count at most, dearest first.
    """

    kinds: tuple[LineKind, ...] = attrs.field(default=(LineKind.GOODS,), converter=line_kinds)
    tax: bool = attrs.field(default=False, validator=of_type(bool))
    before_discounts: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    less_tenders: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    only_tenders: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    units_max: int | None = attrs.field(default=None, validator=_whole)

    def __attrs_post_init__(self) -> None:
        if self.less_tenders and self.only_tenders:
            raise InvalidValueError("Name the tenders that do not count, or the only ones that do, not both.")

    def of(self, purchase: Purchase) -> list[int]:
        """The steps of each line that count, in the order of the lines; none below zero."""
        kinds, lines = self.kinds, purchase.lines
        if (
            not purchase.discounts
            and not self.before_discounts
            and self.units_max is None
            and not (purchase.tenders and (self.less_tenders or self.only_tenders))
            and not self.only_tenders
        ):
            if self.tax:
                return [line.total.steps if line.kind in kinds else 0 for line in lines]
            return [
                (line.total.steps if line.tax is None else line.total.steps - line.tax.steps)
                if line.kind in kinds
                else 0
                for line in lines
            ]
        return self._general(purchase)

    def _general(self, purchase: Purchase) -> list[int]:
        lines = purchase.lines
        charged = charges(purchase)
        taxed = charged
        if not self.tax:
            taxed = [net - _part(_tax(line), net, line.total.steps) for line, net in zip(lines, charged, strict=True)]
        if self.less_tenders or self.only_tenders:
            named = self.less_tenders or self.only_tenders
            paid = spread_tenders([t for t in purchase.tenders if t.kind in named], charged)
            shares = [_part(share, part, net) for share, part, net in zip(paid, taxed, charged, strict=True)]
            taxed = shares if self.only_tenders else [a - b for a, b in zip(taxed, shares, strict=True)]
        if self.before_discounts:
            spread = spread_discounts([d for d in purchase.discounts if d.kind in self.before_discounts], lines)
            for i, line in enumerate(lines):
                taxed[i] += spread[i] + sum(d.total.steps for d in line.discounts if d.kind in self.before_discounts)
        counted = [max(0, steps) if line.kind in self.kinds else 0 for line, steps in zip(lines, taxed, strict=True)]
        return counted if self.units_max is None else _dearest(lines, counted, self.units_max)


EVERYTHING: Final = Base(kinds=tuple(LineKind), tax=True)


def _tax(line: Line) -> int:
    return 0 if line.tax is None else line.tax.steps


def _part(share: int, part: int, whole: int) -> int:
    """*share* x *part* / *whole*, half up; nothing of nothing."""
    return rounded(share * part, whole, Rounding.HALF_UP) if whole else 0


def spread_discounts(discounts: Sequence[Discount], lines: Sequence[Line]) -> list[int]:
    """Order-wide discounts spread over the lines by their totals, to the step."""
    total = sum(discount.total.steps for discount in discounts)
    if not total:
        return [0] * len(lines)
    return list(allocate(total, lambda: (line.total.steps for line in lines)))


def charges(purchase: Purchase) -> list[int]:
    """What is charged for each line: its total less its share of the order-wide discounts."""
    lines = purchase.lines
    off = spread_discounts(purchase.discounts, lines)
    return [line.total.steps - share for line, share in zip(lines, off, strict=True)]


def spread_tenders(tenders: Sequence[Tender], charged: Sequence[int]) -> list[int]:
    """What the tenders paid of each line: spread by what is charged, largest remainder, to the step."""
    total = sum(tender.total.steps for tender in tenders)
    if not total:
        return [0] * len(charged)
    return list(allocate(total, lambda: charged))


def _dearest(lines: Sequence[Line], counted: list[int], units_max: int) -> list[int]:
    """At most so many units, dearest unit first; a part of a line's quantity takes its part of the money."""
    ratios = [line.quantity.as_integer_ratio() for line in lines]
    order = sorted(range(len(lines)), key=lambda i: (-(counted[i] * ratios[i][1] * 10**9 // ratios[i][0]), i))
    left_n, left_d = units_max, 1
    kept = [0] * len(lines)
    for i in order:
        n, d = ratios[i]
        if n * left_d <= left_n * d:
            kept[i] = counted[i]
            left_n, left_d = left_n * d - n * left_d, left_d * d
        elif left_n > 0:
            kept[i] = rounded(counted[i] * left_n * d, left_d * n, Rounding.FLOOR)
            left_n = 0
    return kept
