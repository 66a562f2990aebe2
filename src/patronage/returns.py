"""What is left of a purchase after its refunds: the arithmetic of returned goods and money, rounded once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction

import attrs

from patronage._frozen import FrozenMapping
from patronage.base import charges
from patronage.events import Cancellation, Discount, Line, Purchase, Refund, Tender
from patronage.ledger import RejectionCode
from patronage.units import Rounding, allocate, build_amount, round_to_steps, rounded


@attrs.frozen
class Exceeds:
    """A refund asks for more than is left, or for a line that is not there."""

    code: RejectionCode
    line: str
    left: int


@attrs.frozen
class Kept:
    """
    What is left of a purchase: *purchase* without what came back (None: nothing is left).

    *returned* is the money that came back, in steps; *paid_back* the steps that each redemption is
    given back of what it paid or took off, cumulative, by the redemption's id.
    """

    purchase: Purchase | None
    returned: int
    paid_back: FrozenMapping[str, int]


class _Line:
    """How much of a line came back: a quantity, and money beside that."""

    __slots__ = ("charged", "line", "quantity", "total")

    def __init__(self, line: Line, charged: int) -> None:
        self.line, self.charged = line, charged
        self.quantity = Fraction(0)
        self.total = 0

    @property
    def returned(self) -> int:
        """The money of it that came back: the quantity's share, rounded once, and what was named."""
        share = round_to_steps(self.quantity / Fraction(self.line.quantity) * self.charged, Rounding.HALF_UP)
        return min(self.charged, share + self.total)

    @property
    def left(self) -> int:
        """The money that is left."""
        return self.charged - self.returned

    def kept(self) -> Line | None:
        """What is left of the line; None where nothing is."""
        line = self.line
        returned = self.returned
        quantity = Fraction(line.quantity) - self.quantity
        if not quantity or (self.charged and returned == self.charged):
            return None
        if not self.quantity and not returned:
            return line
        # The money of a line without charge left by order-wide discounts goes with its quantity.
        if self.charged:
            n, d = self.charged - returned, self.charged
        else:
            n, d = (quantity / Fraction(line.quantity)).as_integer_ratio()

        def part(steps: int) -> int:
            return rounded(steps * n, d, Rounding.HALF_UP)

        return attrs.evolve(
            line,
            quantity=_decimal(quantity),
            total=build_amount(part(line.total.steps), line.total.unit),
            tax=None if line.tax is None else build_amount(part(line.tax.steps), line.tax.unit),
            discounts=tuple(_discount(d, part(d.total.steps)) for d in line.discounts),
            measures={
                key: _decimal(Fraction(m) * quantity / Fraction(line.quantity)) for key, m in line.measures.items()
            },
        )


def _discount(discount: Discount, steps: int) -> Discount:
    return attrs.evolve(discount, total=build_amount(steps, discount.total.unit))


def _decimal(number: Fraction) -> Decimal:
    """An exact decimal where there is one; else cut after twelve digits (a third of a measure)."""
    scaled = number * 10**12
    whole = scaled.numerator // scaled.denominator
    text = f"{whole:013d}"
    text = f"{text[:-12]}.{text[-12:]}".rstrip("0").rstrip(".")
    return Decimal(text or "0")


def kept_of(purchase: Purchase, undone: Iterable[Refund | Cancellation]) -> Kept | Exceeds:
    """What the refunds (in order) leave of *purchase*. A cancellation brings back all that is left."""
    charged = charges(purchase)
    lines = {line.id or "": _Line(line, steps) for line, steps in zip(purchase.lines, charged, strict=True)}
    given: dict[str, int] = {}
    named_total = 0
    for refund in undone:
        before = sum(line.returned for line in lines.values())
        problem = _apply(refund, lines)
        if problem is not None:
            return problem
        if isinstance(refund, Refund) and refund.tenders:
            named_total += sum(line.returned for line in lines.values()) - before
            for tender in refund.tenders:
                if tender.redemption is not None:
                    given[tender.redemption] = given.get(tender.redemption, 0) + tender.total.steps
    returned = sum(line.returned for line in lines.values())
    kept = _kept(purchase, lines, returned)
    given = _tenders(purchase, returned - named_total, given)
    left = {} if kept is None else kept.taken_off
    for redemption, steps in purchase.taken_off.items():
        given[redemption] = steps - left.get(redemption, 0)
    return Kept(kept, returned, FrozenMapping(given))


def _apply(refund: Refund | Cancellation, lines: Mapping[str, _Line]) -> Exceeds | None:
    """Books one refund on the lines."""
    if isinstance(refund, Cancellation) or (not refund.lines and refund.total is None):
        if not any(line.left or line.quantity < Fraction(line.line.quantity) for line in lines.values()):
            return Exceeds(RejectionCode.ALREADY_ENDED, "", 0)
        for line in lines.values():
            line.quantity, line.total = Fraction(line.line.quantity), 0
        return None
    if refund.total is not None:
        left = sum(line.left for line in lines.values())
        if refund.total.steps > left or any(line.line.total.unit != refund.total.unit for line in lines.values()):
            return Exceeds(RejectionCode.REFUND_EXCEEDS_PURCHASE, "", left)
        shares = allocate(refund.total.steps, lambda: (line.left for line in lines.values()))
        for line, share in zip(lines.values(), shares, strict=True):
            line.total += share
        return None
    for part in refund.lines:
        found = lines.get(part.id)
        if found is None:
            return Exceeds(RejectionCode.UNKNOWN_LINE, part.id, 0)
        if part.total is not None:
            if part.total.unit != found.line.total.unit or part.total.steps > found.left:
                return Exceeds(RejectionCode.REFUND_EXCEEDS_PURCHASE, part.id, found.left)
            found.total += part.total.steps
            continue
        rest = Fraction(found.line.quantity) - found.quantity
        quantity = rest if part.quantity is None else Fraction(part.quantity)
        if not rest or quantity > rest or (found.charged and not found.left):
            return Exceeds(RejectionCode.REFUND_EXCEEDS_PURCHASE, part.id, found.left)
        found.quantity += quantity
    return None


def _kept(purchase: Purchase, lines: Mapping[str, _Line], returned: int) -> Purchase | None:
    """The purchase with what is left of its lines; None where that is nothing, or nothing paid for."""
    left = [line for line in (each.kept() for each in lines.values()) if line is not None]
    total = purchase.total
    if not left or (total and returned == total):
        return None
    if not returned and len(left) == len(purchase.lines) and all(not each.quantity for each in lines.values()):
        return purchase
    rest = total - returned
    # Discounts and tenders follow, so that they still add up to what is charged.
    gross = sum(line.total.steps for line in left)
    discounts = _scaled_discounts(purchase.discounts, gross - rest)
    tenders = _scaled_tenders(purchase.tenders, rest)
    return attrs.evolve(purchase, lines=tuple(left), discounts=discounts, tenders=tenders)


def _scaled_discounts(discounts: tuple[Discount, ...], total: int) -> tuple[Discount, ...]:
    if not discounts or total <= 0:
        return ()
    shares = allocate(total, lambda: (discount.total.steps for discount in discounts))
    return tuple(_discount(discount, share) for discount, share in zip(discounts, shares, strict=True))


def _scaled_tenders(tenders: tuple[Tender, ...], total: int) -> tuple[Tender, ...]:
    if not tenders:
        return ()
    shares = allocate(total, lambda: (tender.total.steps for tender in tenders))
    return tuple(
        attrs.evolve(tender, total=build_amount(share, tender.total.unit))
        for tender, share in zip(tenders, shares, strict=True)
    )


def _tenders(purchase: Purchase, pro_rata: int, named: Mapping[str, int]) -> dict[str, int]:
    """What each redemption is given back, cumulative: what was named, and its share of the rest."""
    total = purchase.total
    given = dict(named)
    if pro_rata and total:
        rest = (
            allocate(pro_rata, lambda: (tender.total.steps for tender in purchase.tenders)) if purchase.tenders else ()
        )
        for tender, share in zip(purchase.tenders, rest, strict=True):
            if tender.redemption is not None:
                given[tender.redemption] = given.get(tender.redemption, 0) + share
    return given
