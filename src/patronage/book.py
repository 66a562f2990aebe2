"""
A state being written: every movement becomes an entry, and the entries make the next state.

One `Book` serves one decision and is then thrown away. All choices of lots are made here, in one
total order: by label priority where a reward has one, then earliest expiry, age, canonical key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import chain

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import build_source
from patronage.between import FollowedUp, held_name
from patronage.building import build_balance, build_lot, build_transfer
from patronage.errors import AmountOverflowError
from patronage.ledger import (
    ALWAYS,
    DEBT,
    ISSUED,
    Account,
    Balance,
    Benefit,
    Booking,
    Entry,
    Fact,
    Grant,
    GrantChange,
    GrantEntry,
    Lot,
    Reason,
    Source,
    Validity,
    WakeChange,
    WakeEntry,
    WakeUp,
    lot_key,
    reason,
)
from patronage.periods import Calendar, format_instant
from patronage.state import (
    State,
    apply_grant,
    build_state,
    is_grant_end,
    is_pending,
    lot_end,
    needed_grants,
    next_due,
    put,
    settle,
    settled_after,
    spending_key,
    take,
    waiting_key,
    wake_key,
    with_steps,
)
from patronage.units import STEPS_LIMIT, Unit, UnitKind


def due_cause(kind: str, at: datetime, parts: Iterable[str]) -> str:
    """What an entry that time makes is named after: what fell due, never the commit that carries it."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return f"~{kind}/{format_instant(at)}/{digest.hexdigest()}"


class Book:
    """
    The lots, grants and wake-ups of one account while a decision is written.

    *others* are the books of the other accounts that the decision may change, where there are any;
    *follow_ups* is what other accounts are to be told. *origin* is the account whose event is decided:
    this one, or one that was merged into it.
    """

    __slots__ = (
        "_lots",
        "_settles",
        "_wrote",
        "account",
        "at",
        "benefits",
        "calendar",
        "cause",
        "entries",
        "follow_ups",
        "grants",
        "origin",
        "others",
        "pending",
        "state",
        "units",
        "wake_ups",
    )

    def __init__(
        self, state: State, calendar: Calendar, units: Mapping[str, Unit], origin: Account | None = None
    ) -> None:
        self.state, self.account, self.calendar, self.units = state, state.account, calendar, units
        self._lots: dict[str, list[Lot]] = {}
        self.pending: list[Lot] = list(state.pending)
        self.grants = state.grants
        self.wake_ups = state.wake_ups
        self.entries: list[Entry] = []
        self.benefits: list[Benefit] = []
        self.at = state.clock
        self.cause = ""
        self.origin = origin or state.account
        self.others: dict[Account, Book] | None = None
        self.follow_ups: list[FollowedUp] | None = None
        self._wrote: dict[str, int] = {}
        self._settles = False

    # Reading.

    def about(self, root: str) -> Source:
        """A root of the account whose event is decided."""
        return build_source(self.origin, root)

    def held_name(self, root: str) -> str:
        """How what is held for a root is called here."""
        return root if self.origin is self.account else held_name(self.account, self.origin, root)

    def lots(self, unit: str) -> Sequence[Lot]:
        """What is held of *unit*, apart from what is pending."""
        held = self._lots.get(unit)
        return self.state.lots.get(unit, ()) if held is None else held

    def units_held(self) -> list[str]:
        """The units of which something is held, in order."""
        return sorted({*self.state.lots, *self._lots})

    def all_lots(self) -> list[Lot]:
        """All that is held, the pending lots last."""
        return [lot for unit in self.units_held() for lot in self.lots(unit)] + self.pending

    def available(self, unit: str, label: str | None) -> int:
        """What can be spent of *unit* under *label*: less than 0 where there is a debt."""
        steps = 0
        for lot in self.lots(unit):
            if lot.label == label and lot.reserved_for is None:
                steps += lot.steps
        return steps

    def balances(self, unit: str) -> list[Balance]:
        """The available balance under each label."""
        found: dict[str | None, int] = {}
        for lot in self.lots(unit):
            if lot.reserved_for is None:
                found[lot.label] = found.get(lot.label, 0) + lot.steps
        if len(found) > 1:
            return [build_balance(unit, label, found[label]) for label in sorted(found, key=lambda label: label or "")]
        return [build_balance(unit, label, steps) for label, steps in found.items()]

    def in_force(self, key: str, at: datetime) -> bool:
        """Whether a grant of *key* is in force."""
        return any(grant.key == key and grant.in_force(at) for grant in self.grants)

    # Writing.

    def _own(self, unit: str) -> list[Lot]:
        held = self._lots.get(unit)
        if held is None:
            held = self._lots[unit] = list(self.state.lots.get(unit, ()))
        return held

    def number(self, cause: str) -> int:
        """The next number under a cause."""
        n = self._wrote.get(cause, 0)
        self._wrote[cause] = n + 1
        return n

    def transfer(
        self,
        policy: str,
        about: Source,
        unit: str,
        label: str | None,
        payer: Account,
        payee: Account,
        taken: Sequence[Lot],
        put_in: Sequence[Lot],
        books: tuple[Booking, ...],
        why: Reason,
        cause: str | None = None,
    ) -> None:
        """Writes a transfer and moves its parts. One side, or both, is this account."""
        at = self.at
        assert at is not None
        steps = 0
        for part in taken or put_in:
            steps += part.steps
        if taken:
            self._take(self._own(unit), taken, at)
        for part in put_in:
            validity = part.validity
            if (validity.available_at is not None or validity.on_confirmation) and is_pending(part, at):
                put(self.pending, part, waiting_key)
            else:
                put(self._own(unit), part, spending_key)
        if steps >= STEPS_LIMIT:
            raise AmountOverflowError(steps)
        name = self.cause if cause is None else cause
        n = self._wrote.get(name, 0)
        self._wrote[name] = n + 1
        parts, puts = tuple(taken), tuple(put_in)
        self.entries.append(
            build_transfer(name, n, at, policy, about, unit, label, steps, payer, payee, parts, puts, books, why)
        )

    def _take(self, own: list[Lot], taken: Sequence[Lot], at: datetime) -> None:
        """Takes parts out of their lots. Whole lots in spending order, and a part of the next, go at once."""
        last = len(taken) - 1
        if own[:last] == list(taken[:last]):
            del own[:last]
            taken = taken[last:]
        for part in taken:
            if not take(self.pending if is_pending(part, at) else own, part):
                raise AssertionError("a part was chosen that no lot holds")

    def debt(self, unit: str, label: str | None) -> int:
        """The debt of a unit under a label, as a number above zero; 0 for none."""
        for lot in reversed(self.lots(unit)):
            if lot.steps < 0 and lot.label == label:
                return -lot.steps
            if lot.validity.expires_at is not None:
                return 0  # Debts never expire: in canonical order they stand among the last.
        return 0

    def is_tally(self, unit: str) -> bool:
        """Whether a unit counts for a rule only. Ceilings have tallies that the terms do not list."""
        known = self.units.get(unit)
        return known is None or known.kind is UnitKind.TALLY

    def lot(self, unit: str, steps: int, label: str | None, validity: Validity, source: Source) -> Lot:
        """
        What a credit becomes: a lot of its own with source and age; what never ends, and tallies, merge.

        What waits for a confirmation keeps its source until then: it is found by it.
        """
        at = self.at
        merges = self.is_tally(unit) and not validity.on_confirmation
        if validity.expires_at is None and validity.endless:
            if validity.available_at is not None and at is not None and validity.available_at <= at:
                validity = attrs.evolve(validity, available_at=None)  # Past: it merges like all that never ends.
            merges = merges or (validity.available_at is None and not validity.on_confirmation)
        if merges:
            return build_lot(unit, steps, label, validity, None, None, None)
        return build_lot(unit, steps, label, validity, source, self.at, None)

    def become(self, part: Lot) -> tuple[Lot, ...]:
        """What becomes available first pays the debt of its unit and label; only the rest forms a lot."""
        at = self.at
        assert at is not None
        held = self.lots(part.unit)
        if not held or held[-1].validity.expires_at is not None or is_pending(part, at):
            return (part,)  # Debts never expire: in canonical order they stand among the last.
        debt = self.debt(part.unit, part.label)
        if not debt:
            return (part,)
        paid = build_lot(part.unit, min(debt, part.steps), part.label, ALWAYS, DEBT, None, None)
        return (paid,) if part.steps <= debt else (paid, with_steps(part, part.steps - debt))

    def credit(
        self,
        policy: str,
        about: Source,
        unit: str,
        steps: int,
        label: str | None,
        validity: Validity,
        books: tuple[Booking, ...],
        why: Reason,
        payer: Account = ISSUED,
        source: Source | None = None,
        earned_at: datetime | None = None,
    ) -> None:
        """Issues *steps*. Where the lot needs a grant that is not in force it ends at once."""
        part = self.lot(unit, steps, label, validity, source or about)
        if earned_at is not None and part.source is not None:
            part = attrs.evolve(part, credited_at=earned_at)
        parts = self.become(part)
        self.transfer(policy, about, unit, label, payer, self.account, (), parts, books, why)
        at, end, needs = self.at, validity.expires_at, validity.needs
        assert at is not None
        if end is not None or needs is not None:
            ended = (end is not None and end <= at) or (needs is not None and not self.in_force(needs, at))
            if ended and parts[-1].source != DEBT:
                self.end_lot(parts[-1], self.cause)

    def end_lot(self, part: Lot, cause: str) -> None:
        """A lot ends with something left: it goes where its validity says."""
        about = part.source or Source(self.account, cause)
        goes_to = part.validity.goes_to
        why = reason("expired", {"expires_at": _text(part.validity.expires_at), "needs": part.validity.needs})
        self.transfer("", about, part.unit, part.label, self.account, goes_to, (part,), (), (), why, cause)

    def arrive(self, part: Lot, payer: Account, about: Source, why: Reason) -> None:
        """A part comes with its source, validity and age: it pays debt first, and ends where its end has come."""
        at, validity = self.at, part.validity
        assert at is not None
        if validity.endless and validity.available_at is not None and validity.available_at <= at:
            settled = attrs.evolve(validity, available_at=None)
            part = build_lot(part.unit, part.steps, part.label, settled, None, None, part.reserved_for)
        puts = (part,) if part.reserved_for is not None else self.become(part)
        self.transfer("", about, part.unit, part.label, payer, self.account, (), puts, (), why)
        rest = puts[-1]
        end, needs = lot_end(rest, self.grants, self.calendar), rest.validity.needs
        over = end is not None and end <= at and not self._renewed(rest, at)
        over = over or (needs is not None and not self.in_force(needs, at))
        if over and rest.source != DEBT and rest.reserved_for is None:
            self.end_lot(rest, self.cause)

    def pick(self, unit: str, steps: int, label: str | None) -> tuple[list[Lot], int]:
        """
        Parts of up to *steps* under *label*, in the canonical order of lots, and what was not found.

        Reserved parts and debts are never taken.
        """
        taken: list[Lot] = []
        left = steps
        for lot in self.lots(unit):
            have = lot.steps
            if have < 0 or lot.label != label or lot.reserved_for is not None:
                continue
            if have > left:
                if left:
                    taken.append(with_steps(lot, left))
                return taken, 0
            taken.append(lot)
            left -= have
        return taken, left

    def debit(
        self,
        policy: str,
        about: Source,
        unit: str,
        steps: int,
        label: str | None,
        why: Reason,
        payee: Account,
        books: tuple[Booking, ...] = (),
    ) -> None:
        """Takes *steps* in spending order; a shortfall becomes debt."""
        parts, short = self.pick(unit, steps, label)
        if short:
            parts.append(build_lot(unit, short, label, ALWAYS, DEBT, None, None))
        self.transfer(policy, about, unit, label, self.account, payee, parts, (), books, why)

    def grant(
        self,
        change: GrantChange,
        grant: Grant,
        policy: str,
        rule: str,
        about: Source,
        why: Reason,
        cause: str | None = None,
    ) -> None:
        """Writes what happened to a grant."""
        assert self.at is not None
        self._grant(change, grant, policy, rule, about, why, self.cause if cause is None else cause)

    def _grant(
        self, change: GrantChange, grant: Grant, policy: str, rule: str, about: Source, why: Reason, cause: str
    ) -> None:
        assert self.at is not None
        before = None
        if change is GrantChange.GIVEN:
            known = (one for one in self.grants if one.identity == grant.identity and not one.ended)
            before = next(known, None)
        self.write_grant(
            GrantEntry(cause, self.number(cause), self.at, policy, rule, about, change, grant, why, before)
        )
        if is_grant_end(change):
            self.lapse(grant.key, cause)

    def write_grant(self, entry: GrantEntry) -> None:
        """The grants after *entry*, whatever hangs on them."""
        self._settles = True
        self.grants = apply_grant(self.grants, entry)
        self.entries.append(entry)

    def lapse(self, key: str, cause: str) -> None:
        """A grant of *key* is no more: lots that need one end, unless another is in force."""
        at = self.at
        assert at is not None
        if self.in_force(key, at):
            return
        for lot in self.all_lots():
            validity = lot.validity
            if lot.reserved_for is not None:
                continue
            if validity.needs == key:
                self.end_lot(lot, cause)
            elif validity.held_by == key:
                end = lot_end(lot, self.grants, self.calendar)
                if end is not None and end <= at:
                    self.end_lot(lot, cause)

    def wake(self, change: WakeChange, wake_up: WakeUp, rule: str, about: Source, cause: str | None = None) -> None:
        """Sets or ends a wake-up; one that is set already is left as it is."""
        assert self.at is not None
        if change is WakeChange.SET and wake_up in self.wake_ups:
            return
        name = self.cause if cause is None else cause
        entry = WakeEntry(
            name, self.number(name), self.at, wake_up.policy, rule, about, change, wake_up, reason("wake_up")
        )
        if change is WakeChange.SET:
            self.wake_ups = tuple(sorted((*self.wake_ups, wake_up), key=wake_key))
        else:
            self.wake_ups = tuple(one for one in self.wake_ups if one != wake_up)
        self.entries.append(entry)

    # Time.

    def due(self) -> datetime | None:
        """The next instant at which time alone does something."""
        lots = [self.lots(unit) for unit in self.units_held()]
        return next_due(lots, self.pending, self.grants, self.wake_ups, self.calendar)

    def wakes(self, at: datetime, last: Collection[str], *, named: bool) -> list[WakeUp]:
        """Ends the wake-ups that are due at *at*, and gives them: those *named* one of *last*, or all others."""
        self.at = at
        woken = [one for one in self.wake_ups if one.at <= at and (one.name in last) is named]
        for wake_up in woken:
            facts = repr(sorted(wake_up.facts.items()))
            cause = due_cause("wake", at, (wake_up.policy, wake_up.name, facts))
            self.wake(WakeChange.ENDED, wake_up, "", Source(self.account, cause), cause)
        return woken

    def pass_to(self, at: datetime) -> list[tuple[str, Lot | Grant]]:
        """
        One instant *at*, which is due: what becomes available, then what ends.

        Gives what happened, in order, for the policies to be shown.
        """
        self.at = at
        self._settles = True
        happened: list[tuple[str, Lot | Grant]] = []
        ready = []
        while self.pending and not is_pending(self.pending[0], at):
            ready.append(self.pending.pop(0))
        for lot in ready:
            put(self._own(lot.unit), lot, spending_key)
        for lot in ready:
            self._ready(lot)
            happened.append(("lot_available", lot))
        for lot in self.all_lots():
            own = lot.validity.expires_at
            if own is None or own > at:
                continue  # A grant only ever lengthens a life.
            end = lot_end(lot, self.grants, self.calendar)
            if end is not None and end <= at and not self._renewed(lot, at):
                self.end_lot(lot, due_cause("lot", at, lot_key(lot)))
                happened.append(("lot_ended", lot))
        for grant in self.grants:
            if not grant.ended and grant.valid_until is not None and grant.valid_until <= at:
                ended = attrs.evolve(grant, ended=True)
                cause = due_cause("grant", at, grant.identity)
                self._grant(GrantChange.ENDED, ended, "", "", grant.source, reason("ran_out"), cause)
                happened.append(("grant_ended", ended))
        return happened

    def _renewed(self, lot: Lot, at: datetime) -> bool:
        """Whether a grant that holds the lot is in force at its end."""
        held_by = lot.validity.held_by
        return held_by is not None and self.in_force(held_by, at)

    def _ready(self, lot: Lot) -> None:
        """A pending lot's instant has come: it pays debt, and what never ends merges."""
        parts = self.become(lot)
        if lot.validity.endless or len(parts) > 1 or parts[0].source == DEBT:
            about = lot.source or Source(self.account, "")
            since = lot.validity.available_at
            assert since is not None
            cause = due_cause("available", since, lot_key(lot))
            if parts[-1].source != DEBT and lot.validity.endless:
                settled = attrs.evolve(lot.validity, available_at=None)
                last = build_lot(lot.unit, parts[-1].steps, lot.label, settled, None, None, None)
                parts = (*parts[:-1], last)
            why = reason("available")
            self.transfer("", about, lot.unit, lot.label, self.account, self.account, (lot,), parts, (), why, cause)

    def close(self, at: datetime, version: int) -> State:
        """The state after all that was written, with its clock at *at*."""
        if self.pending:
            lots = {unit: self._own(unit) for unit in {lot.unit for lot in self.pending}}
            settle(lots, self.pending, at)
        kept = self.state.lots
        if self._lots:
            items = kept.thawed()
            for unit, held in self._lots.items():
                if held:
                    items[unit] = tuple(held)
                else:
                    items.pop(unit, None)
            kept = FrozenMapping.owning(items)
        grants = self.grants
        if grants:
            grants = needed_grants(grants, chain(kept.values(), (self.pending,)))
        due = next_due(kept.values(), self.pending, grants, self.wake_ups, self.calendar)
        clock = at if self.state.clock is None or at > self.state.clock else self.state.clock
        settled_at = self.state.settled_at
        if self._settles:
            settled_at = settled_after(settled_at, self.entries, self.cause)
        return build_state(
            self.account, version, clock, kept, tuple(self.pending), grants, self.wake_ups, due, settled_at
        )


def _text(at: datetime | None) -> Fact:
    return None if at is None else format_instant(at)
