"""Entries, lots and commits built unchecked, at the price of plain objects: `_build` says why and how."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from patronage._build import blank
from patronage._frozen import FrozenMapping
from patronage.accounts import Account, Reason, Source, Validity
from patronage.events import Event
from patronage.ledger import (
    Balance,
    Basis,
    Benefit,
    BenefitKind,
    Booking,
    Commit,
    Entry,
    Grant,
    Lot,
    Refusal,
    Replayed,
    Transfer,
)
from patronage.units import Amount

_BLANK_LOT: Final = blank(Lot)


def build_lot(
    unit: str,
    steps: int,
    label: str | None,
    validity: Validity,
    source: Source | None,
    credited_at: datetime | None,
    reserved_for: str | None,
) -> Lot:
    """`Lot(...)`, all fields in order, unchecked."""
    made = _BLANK_LOT()
    made.unit, made.steps, made.label = unit, steps, label
    made.validity, made.source, made.credited_at = validity, source, credited_at
    made.reserved_for = reserved_for
    made.__class__ = Lot
    return made  # type: ignore[no-any-return]


_BLANK_TRANSFER: Final = blank(Transfer)


def build_transfer(
    cause: str,
    n: int,
    at: datetime,
    policy: str,
    about: Source,
    unit: str,
    label: str | None,
    steps: int,
    payer: Account,
    payee: Account,
    taken: tuple[Lot, ...],
    put: tuple[Lot, ...],
    books: tuple[Booking, ...],
    reason: Reason,
) -> Transfer:
    """`Transfer(...)`, all fields in order, unchecked."""
    made = _BLANK_TRANSFER()
    made.cause, made.n, made.at = cause, n, at
    made.policy, made.about, made.unit = policy, about, unit
    made.label, made.steps, made.payer = label, steps, payer
    made.payee, made.taken, made.put = payee, taken, put
    made.books, made.reason = books, reason
    made.__class__ = Transfer
    return made  # type: ignore[no-any-return]


_BLANK_COMMIT: Final = blank(Commit)


def build_commit(
    account: Account,
    version: int,
    event: Event,
    root: str,
    ordinal: int,
    names: tuple[str, ...],
    terms_from: datetime,
    basis: Basis,
    entries: tuple[Entry, ...],
    benefits: tuple[Benefit, ...],
    refusal: Refusal | None,
    next_due: datetime | None,
    fingerprint: str | None,
    terms_digest: str | None,
    recorded_at: datetime | None,
    after: object,
    replayed: tuple[Replayed, ...],
) -> Commit:
    """`Commit(...)`, all fields in order, unchecked."""
    made = _BLANK_COMMIT()
    made.account, made.version, made.event = account, version, event
    made.root, made.ordinal, made.names = root, ordinal, names
    made.terms_from, made.basis, made.entries = terms_from, basis, entries
    made.benefits, made.refusal, made.next_due = benefits, refusal, next_due
    made.fingerprint, made.terms_digest, made.recorded_at = fingerprint, terms_digest, recorded_at
    made.after, made.replayed = after, replayed
    made.__class__ = Commit
    return made  # type: ignore[no-any-return]


_BLANK_BASIS: Final = blank(Basis)


def build_basis(
    grants: tuple[Grant, ...], balances: tuple[Balance, ...], others: FrozenMapping[str, tuple[Balance, ...]]
) -> Basis:
    """`Basis(...)`, all fields in order, unchecked."""
    made = _BLANK_BASIS()
    made.grants, made.balances, made.others = grants, balances, others
    made.__class__ = Basis
    return made  # type: ignore[no-any-return]


_BLANK_BALANCE: Final = blank(Balance)


def build_balance(unit: str, label: str | None, steps: int) -> Balance:
    """`Balance(...)`, all fields in order, unchecked."""
    made = _BLANK_BALANCE()
    made.unit, made.label, made.steps = unit, label, steps
    made.__class__ = Balance
    return made  # type: ignore[no-any-return]


class BookingDraft:
    """A booking while ceilings may still trim it: *steps* and *trimmed_by* change until it is finished."""

    __slots__ = ("base", "exact", "lines", "rate", "rounding", "rule", "steps", "trimmed_by", "wanted")

    rule: str
    steps: int
    wanted: int
    base: tuple[int, int]
    exact: tuple[int, int]
    rate: str
    rounding: str
    lines: tuple[str, ...]
    trimmed_by: str | None


def draft_booking(
    rule: str,
    steps: int,
    base: tuple[int, int],
    exact: tuple[int, int],
    rate: str,
    rounding: str,
    lines: tuple[str, ...],
) -> BookingDraft:
    """A draft that is granted what it wants."""
    made = BookingDraft()
    made.rule, made.steps, made.wanted = rule, steps, steps
    made.base, made.exact, made.rate = base, exact, rate
    made.rounding, made.lines, made.trimmed_by = rounding, lines, None
    return made


def finished(drafts: Iterable[BookingDraft]) -> tuple[Booking, ...]:
    """The drafts themselves as bookings: they cannot change any more."""
    for draft in drafts:
        draft.__class__ = Booking  # type: ignore[assignment]
    return tuple(drafts)  # type: ignore[arg-type]


def build_booking(
    rule: str,
    steps: int,
    wanted: int,
    base: tuple[int, int],
    exact: tuple[int, int],
    rate: str,
    rounding: str,
    lines: tuple[str, ...],
    trimmed_by: str | None,
) -> Booking:
    """`Booking(...)`, all fields in order, unchecked."""
    made: Any = BookingDraft()
    made.rule, made.steps, made.wanted = rule, steps, wanted
    made.base, made.exact, made.rate = base, exact, rate
    made.rounding, made.lines, made.trimmed_by = rounding, lines, trimmed_by
    made.__class__ = Booking
    return made  # type: ignore[no-any-return]


_BLANK_BENEFIT: Final = blank(Benefit)


def build_benefit(
    kind: BenefitKind,
    reward: str,
    amount: Amount | None,
    quantity: int,
    shares: FrozenMapping[str, int],
    item: str | None,
) -> Benefit:
    """`Benefit(...)`, all fields in order, unchecked."""
    made = _BLANK_BENEFIT()
    made.kind, made.reward, made.amount = kind, reward, amount
    made.quantity, made.shares, made.item = quantity, shares, item
    made.__class__ = Benefit
    return made  # type: ignore[no-any-return]
