"""An account as of an instant: the entries that had taken effect by then, in whatever order they arrived."""

from __future__ import annotations

from datetime import datetime

from patronage._frozen import FrozenMapping
from patronage.building import build_lot
from patronage.ledger import ALWAYS, DEBT, Account, Commit, Lot
from patronage.periods import Calendar
from patronage.state import State, put, spending_key, with_entries, with_steps


class AsOf:
    """
    Takes an account's commits, all and in order of version; keeps what took effect at or before *until*.

    An event that came late counts from its own instant on. It may have paid a debt that was made after
    that: until then those points were simply there. Or a debt of then was paid by an earlier arrival that
    took effect later: until then it was owed by what had come in.
    """

    def __init__(self, account: Account, until: datetime, calendar: Calendar) -> None:
        self._state, self._until, self._calendar = State.of(account), until, calendar

    def add(self, commit: Commit) -> None:
        """The next commit. Raises LedgerError where it does not fit."""
        until, clock = self._until, self._state.clock
        entries = [entry for entry in commit.entries if entry.at <= until]
        reached = [entry.at for entry in entries]
        if commit.event.occurred_at <= until:
            reached.append(commit.event.occurred_at)
        if not reached:
            return
        clock = max(reached) if clock is None else max(clock, *reached)
        self._state = with_entries(self._state, commit, entries, clock, self._calendar)

    @property
    def state(self) -> State:
        """What there was."""
        state = self._state
        lots = {unit: _paid(_plain(held)) for unit, held in state.lots.items()}
        if lots == dict(state.lots):
            return state
        return State(
            state.account,
            state.version,
            state.clock,
            FrozenMapping.owning(lots),
            state.pending,
            state.grants,
            state.wake_ups,
            state.next_due,
            state.settled_at,
        )


def _plain(held: tuple[Lot, ...]) -> tuple[Lot, ...]:
    """Lots in which what paid a debt that was not yet there is a plain part."""
    if not any(lot.source == DEBT and lot.steps > 0 for lot in held):
        return held
    lots: list[Lot] = []
    for lot in held:
        early = lot.source == DEBT and lot.steps > 0
        put(lots, build_lot(lot.unit, lot.steps, lot.label, ALWAYS, None, None, None) if early else lot, spending_key)
    return tuple(lots)


def _paid(held: tuple[Lot, ...]) -> tuple[Lot, ...]:
    """Lots in which no debt stands beside what could have paid it: the first in the order of spending did."""
    owed = {lot.label: -lot.steps for lot in held if lot.source == DEBT}
    if not owed:
        return held
    lots: list[Lot] = []
    for lot in held:
        if lot.source == DEBT:
            continue
        pays = 0 if lot.reserved_for is not None else min(owed.get(lot.label, 0), lot.steps)
        if pays:
            owed[lot.label] -= pays
        if lot.steps > pays:
            lots.append(with_steps(lot, lot.steps - pays))
    for lot in held:
        if lot.source == DEBT and owed[lot.label]:
            put(lots, with_steps(lot, -owed[lot.label]), spending_key)
    return tuple(lots)
