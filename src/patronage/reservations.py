"""What reservations hold: the parts, how they are divided at a capture, and how they are free again."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from patronage._frozen import FrozenMapping
from patronage.book import Book
from patronage.ledger import DEBT, Benefit, Lot, Source, reason
from patronage.state import with_steps
from patronage.units import allocate, build_amount


def held_for(book: Book, reservation: str) -> list[Lot]:
    """The parts that a reservation holds, in spending order."""
    return [lot for unit in book.units_held() for lot in book.lots(unit) if lot.reserved_for == reservation]


def by_label(parts: Sequence[Lot]) -> list[tuple[str | None, list[Lot]]]:
    """The parts by label, in the order in which they were taken."""
    found: dict[str | None, list[Lot]] = {}
    for part in parts:
        found.setdefault(part.label, []).append(part)
    return list(found.items())


def split(lots: Sequence[Lot], steps: int) -> tuple[list[Lot], list[Lot]]:
    """The first *steps* of the lots, and the rest."""
    first: list[Lot] = []
    rest: list[Lot] = []
    for lot in lots:
        part = min(steps, lot.steps)
        steps -= part
        if part:
            first.append(with_steps(lot, part))
        if lot.steps > part:
            rest.append(with_steps(lot, lot.steps - part))
    return first, rest


def release(book: Book, parts: Sequence[Lot], about: Source, code: str, cause: str | None) -> None:
    """Held parts are free again: they pay debt first, and end at once where their end has come."""
    at = book.at
    assert at is not None
    for part in parts:
        free = attrs.evolve(part, reserved_for=None)
        puts = book.become(free)
        book.transfer(
            "", about, part.unit, part.label, book.account, book.account, (part,), puts, (), reason(code), cause
        )
        rest = puts[-1]
        end = rest.validity.expires_at
        held_by, needs = rest.validity.held_by, rest.validity.needs
        over = end is not None and end <= at and not (held_by is not None and book.in_force(held_by, at))
        if rest.source != DEBT and (over or (needs is not None and not book.in_force(needs, at))):
            book.end_lot(rest, book.cause if cause is None else cause)


def scaled(benefit: Benefit, spent: int, reserved: int) -> Benefit:
    """A benefit for the part of a reservation that is captured: its amount and shares in proportion, to the step."""
    if spent == reserved or benefit.amount is None:
        return benefit
    steps = benefit.amount.steps * spent // reserved
    shares = benefit.shares
    if shares:
        lines = list(shares)
        parts = allocate(steps, lambda: (shares[line] for line in lines))
        shares = FrozenMapping(dict(zip(lines, parts, strict=True)))
    return attrs.evolve(benefit, amount=build_amount(steps, benefit.amount.unit), shares=shares)
