"""
What the commits of an account add up to: lots, grants, wake-ups. Grows with what is alive, not with history.

Lots stand in one canonical order per unit, which is the default order of spending: earliest expiry
first, then age, never-expiring last; the last tie is broken by the lots' canonical key.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import attrs

from patronage._build import blank
from patronage._frozen import FrozenMapping
from patronage.building import build_lot
from patronage.errors import AmountOverflowError, LedgerError
from patronage.ledger import (
    DEBT,
    Account,
    Commit,
    Entry,
    Grant,
    GrantChange,
    GrantEntry,
    Lot,
    Transfer,
    WakeChange,
    WakeUp,
    entry_id,
    lot_key,
)
from patronage.periods import Calendar
from patronage.units import STEPS_LIMIT

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
AVAILABLE: Final = "~available/"
"""How the causes of what becomes available begin."""


@attrs.frozen(weakref_slot=False)
class State:
    """
    An account as its last commit left it: the fold of its commits.

    *lots* hold, per unit, what is available, reserved or a debt; *pending* what is not yet
    available. *clock* is the last instant that was applied, *settled_at* the last at which a grant
    changed or time ended something: no event older than that is taken late. Balances are read by
    `Program.at`, which first does what time does.
    """

    account: Account
    version: int
    clock: datetime | None
    lots: FrozenMapping[str, tuple[Lot, ...]]
    pending: tuple[Lot, ...]
    grants: tuple[Grant, ...]
    wake_ups: tuple[WakeUp, ...]
    next_due: datetime | None
    settled_at: datetime | None = None

    @classmethod
    def of(cls, account: str | Account) -> State:
        """An empty account, of a member's id or any account. A member needs no enrolment."""
        if not isinstance(account, Account):
            account = Account.member(account)
        return cls(account, 0, None, FrozenMapping(), (), (), (), None, None)


_BLANK_STATE: Final = blank(State)


def build_state(
    account: Account,
    version: int,
    clock: datetime | None,
    lots: FrozenMapping[str, tuple[Lot, ...]],
    pending: tuple[Lot, ...],
    grants: tuple[Grant, ...],
    wake_ups: tuple[WakeUp, ...],
    next_due: datetime | None,
    settled_at: datetime | None,
) -> State:
    """`State(...)`, all fields in order, unchecked."""
    made = _BLANK_STATE()
    made.account, made.version, made.clock = account, version, clock
    made.lots, made.pending, made.grants = lots, pending, grants
    made.wake_ups, made.next_due, made.settled_at = wake_ups, next_due, settled_at
    made.__class__ = State
    return made  # type: ignore[no-any-return]


def spending_key(lot: Lot) -> tuple[datetime, datetime]:
    """Earliest expiry first, then the oldest; what never expires or has no age last."""
    return (lot.validity.expires_at or FOREVER, lot.credited_at or FOREVER)


def canonical_key(lot: Lot) -> tuple[datetime, datetime, tuple[str, ...]]:
    """The total order of lots: no two identities are equal in it."""
    return (*spending_key(lot), lot_key(lot))


def waiting_key(lot: Lot) -> tuple[datetime]:
    """When a pending lot becomes available; those on confirmation last."""
    return (lot.validity.available_at or FOREVER,)


def same_identity(left: Lot, right: Lot) -> bool:
    """Whether the two are parts of one lot."""
    return left is right or (  # What mostly differs, and is cheap to compare, comes first.
        left.credited_at == right.credited_at
        and left.label == right.label
        and left.unit == right.unit
        and left.reserved_for == right.reserved_for
        and (left.source is right.source or left.source == right.source)
        and (left.validity is right.validity or left.validity == right.validity)
    )


def with_steps(lot: Lot, steps: int) -> Lot:
    """A part of the same identity."""
    return build_lot(lot.unit, steps, lot.label, lot.validity, lot.source, lot.credited_at, lot.reserved_for)


def is_pending(lot: Lot, at: datetime) -> bool:
    """Whether a lot waits for its instant or its confirmation."""
    validity = lot.validity
    return validity.on_confirmation or (validity.available_at is not None and validity.available_at > at)


def put(lots: list[Lot], part: Lot, rough: Callable[[Lot], tuple[datetime, ...]]) -> None:
    """
    Adds *part* to its lot, or as a new lot in its place; a debt that is paid off goes. *lots* is changed.

    *rough* is `spending_key`, or `waiting_key` where the lots are pending: the first part of their order.
    """
    if not lots or (rough is spending_key and _ends_before(lots[-1].validity.expires_at, part.validity.expires_at)):
        lots.append(part)  # The usual case: the youngest comes last.
        return
    # Instants first: only lots that are equal in them are compared whole, for their keys are long.
    place = rough(part)
    first = bisect_left(lots, place, key=rough)
    last = first
    while last < len(lots) and rough(lots[last]) == place:
        if same_identity(lots[last], part):
            steps = lots[last].steps + part.steps
            if not -STEPS_LIMIT < steps < STEPS_LIMIT:
                raise AmountOverflowError(steps)
            lots[last : last + 1] = [with_steps(part, steps)] if steps else []
            return
        last += 1
    lots.insert(first if first == last else bisect_left(lots, lot_key(part), first, last, key=lot_key), part)


def _ends_before(end: datetime | None, other: datetime | None) -> bool:
    return end is not None and (other is None or end < other)


def take(lots: list[Lot], part: Lot) -> bool:
    """Takes *part* out of its lot; False where the lot holds less, or is not there. *lots* is changed."""
    if lots and lots[0] is part:  # The usual case: whole lots, first to last.
        del lots[0]
        return True
    for i, lot in enumerate(lots):
        if same_identity(lot, part):
            left = lot.steps - part.steps
            if left < 0 and lot.source != DEBT:
                return False
            if left:
                lots[i] = with_steps(lot, left)
            else:
                del lots[i]
            return True
    if part.source == DEBT:
        insort(lots, with_steps(part, -part.steps), key=canonical_key)
        return True
    return False


def lot_end(lot: Lot, grants: Sequence[Grant], calendar: Calendar) -> datetime | None:
    """
    When a lot ends by its date, as things stand; None where no date ends it.

    A reserved part and a debt do not end. One held by a grant ends at the later of its date and the
    grant's end plus the grace. The end of a grant that a lot needs is an instant of its own.
    """
    validity = lot.validity
    end = validity.expires_at
    if end is None or lot.reserved_for is not None or lot.source == DEBT:
        return None
    if validity.held_by is not None:
        for grant in grants:
            if grant.key == validity.held_by:
                until = grant.valid_until
                if until is None:
                    return None
                if validity.grace is not None:
                    until = validity.grace.end(until, calendar)
                end = max(end, until)
    return end


def next_due(
    lots: Iterable[Sequence[Lot]],
    pending: Sequence[Lot],
    grants: Sequence[Grant],
    wake_ups: Sequence[WakeUp],
    calendar: Calendar,
) -> datetime | None:
    """The next instant at which time alone does something; None where nothing waits for it."""
    due = FOREVER
    for held in lots:
        for lot in held:
            validity = lot.validity
            end = validity.expires_at
            if end is None:
                break  # In canonical order only endless lots follow.
            if validity.held_by is None and lot.reserved_for is None:
                if end < due:
                    due = end
                break  # Every later one ends later.
            later = lot_end(lot, grants, calendar)
            if later is not None and later < due:
                due = later
    for lot in pending:
        if lot.validity.available_at is not None and lot.validity.available_at < due:
            due = lot.validity.available_at
        end = lot_end(lot, grants, calendar)
        if end is not None and end < due:
            due = end
    for grant in grants:
        if not grant.ended and grant.valid_until is not None and grant.valid_until < due:
            due = grant.valid_until
    if wake_ups and wake_ups[0].at < due:
        due = wake_ups[0].at
    return None if due is FOREVER else due


def apply_grant(grants: Sequence[Grant], entry: GrantEntry) -> tuple[Grant, ...]:
    """The grants after an entry about one of them."""
    identity = entry.grant.identity
    others = [grant for grant in grants if grant.identity != identity]
    if entry.grant.uses != 0 or entry.grant.reserved:
        others.append(entry.grant)
    others.sort(key=lambda grant: (grant.identity, grant.valid_from))
    return tuple(others)


def needed_grants(grants: Sequence[Grant], held: Iterable[Sequence[Lot]]) -> tuple[Grant, ...]:
    """The grants that are alive, and the ended ones that a lot still names."""
    for grant in grants:
        if grant.ended:
            break
    else:
        return tuple(grants)
    # What needs a right asks for one in force; what is held by one lives on from the end of it.
    named = {lot.validity.held_by for lots in held for lot in lots}
    return tuple(grant for grant in grants if not grant.ended or grant.key in named)


def wake_key(wake_up: WakeUp) -> tuple[datetime, str, str, str]:
    """The order of wake-ups: by instant, policy, name, facts."""
    return (wake_up.at, wake_up.policy, wake_up.name, repr(sorted(wake_up.facts.items())))


def fold(commits: Iterable[Commit], *, calendar: Calendar, start: State | None = None) -> State | None:
    """
    The state that an account's commits, in order of version, add up to; None for no commits.

    *start* is a state that the commits continue. Raises LedgerError that names the first entry
    which does not fit: a part that its lot does not hold, a version out of order, another account.
    """
    state = start
    for commit in commits:
        if state is None:
            state = State.of(commit.account)
        if commit.account != state.account or commit.version != state.version + 1:
            raise LedgerError(
                f"commit {commit.version} of {commit.account}",
                f"version {state.version + 1} of {state.account} was due here.",
            )
        state = _after(state, commit, calendar)
    return state


def _after(state: State, commit: Commit, calendar: Calendar) -> State:
    at = commit.event.occurred_at
    clock = at if state.clock is None else max(state.clock, at)
    return with_entries(state, commit, commit.entries, clock, calendar)


def with_entries(state: State, commit: Commit, entries: Sequence[Entry], clock: datetime, calendar: Calendar) -> State:
    """The state after *entries*, all or some of *commit*, with its clock at *clock*. Raises LedgerError."""
    lots = {unit: list(held) for unit, held in state.lots.items()}
    pending = list(state.pending)
    grants = state.grants
    wake_ups = list(state.wake_ups)
    for entry in entries:
        if isinstance(entry, Transfer):
            _move(lots, pending, entry, commit)
        elif isinstance(entry, GrantEntry):
            grants = apply_grant(grants, entry)
        elif entry.change is WakeChange.SET:
            wake_ups.append(entry.wake_up)
            wake_ups.sort(key=wake_key)
        elif entry.wake_up in wake_ups:
            wake_ups.remove(entry.wake_up)
        else:
            raise LedgerError(f"entry {entry_id(entry)} of {commit.account}", "it ends a wake-up that is not set.")
    settle(lots, pending, clock)
    kept = {unit: tuple(held) for unit, held in lots.items() if held}
    grants = needed_grants(grants, (*kept.values(), pending))
    due = next_due(kept.values(), pending, grants, wake_ups, calendar)
    return State(
        commit.account,
        commit.version,
        clock,
        FrozenMapping.owning(kept),
        tuple(pending),
        grants,
        tuple(wake_ups),
        due,
        settled_after(state.settled_at, entries, commit.event.id),
    )


def settled_after(settled_at: datetime | None, entries: Iterable[Entry], event: str) -> datetime | None:
    """
    The last instant at which a grant changed or time ended something, after the entries of an event.

    What becomes available is no such thing: it changes nothing that an older event has seen.
    """
    for entry in entries:
        cause = entry.cause
        if isinstance(entry, GrantEntry) or (cause[0] == "~" and cause != event and not cause.startswith(AVAILABLE)):
            settled_at = entry.at if settled_at is None else max(settled_at, entry.at)
    return settled_at


def settle(lots: dict[str, list[Lot]], pending: list[Lot], at: datetime) -> None:
    """Pending lots whose instant has come join the others. Both are changed."""
    while pending and not is_pending(pending[0], at):
        lot = pending.pop(0)
        put(lots.setdefault(lot.unit, []), lot, spending_key)


def _move(lots: dict[str, list[Lot]], pending: list[Lot], entry: Transfer, commit: Commit) -> None:
    """Takes the entry's parts out and puts its parts in."""
    settle(lots, pending, entry.at)
    for part in entry.taken:
        held = pending if is_pending(part, entry.at) else lots.setdefault(part.unit, [])
        if not take(held, part):
            raise LedgerError(
                f"entry {entry_id(entry)} of {commit.account}", f"it takes {part.steps} steps that no lot holds."
            )
    for part in entry.put:
        if is_pending(part, entry.at):
            put(pending, part, waiting_key)
        else:
            put(lots.setdefault(part.unit, []), part, spending_key)


def is_grant_end(change: GrantChange) -> bool:
    """Whether a change ends a grant's life."""
    return change in (GrantChange.REVOKED, GrantChange.ENDED)
