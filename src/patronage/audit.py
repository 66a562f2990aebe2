"""
`audit`: the invariants of the ledger, checked on what is stored. Needs no program, no secret and no store.

It reads commits as a stream and names the first entry that breaks a rule. What it keeps grows with
what one account holds and with the ids of its events, not with the number of accounts or entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NoReturn

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import root_from
from patronage.errors import AmountOverflowError, LedgerError
from patronage.ledger import (
    DEBT,
    IN_TRANSIT,
    ISSUED,
    REDEEMED,
    Account,
    AccountKind,
    Commit,
    Entry,
    Grant,
    GrantEntry,
    Lot,
    Source,
    Transfer,
    WakeChange,
    WakeUp,
    entry_id,
)
from patronage.periods import Calendar, format_instant
from patronage.state import (
    State,
    apply_grant,
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
)
from patronage.units import STEPS_LIMIT

_DERIVED: Final = "~"
_RERATED: Final = "~r/"
_Transit = dict[tuple[Source, str], tuple[int, str]]
"""What is between two accounts, by what it is about and unit (pools relabel); and the first entry of it."""


@attrs.frozen
class AuditReport:
    """
    What was read, and found sound.

    *held* is what the accounts hold together, in steps by unit (pending and reserved included, debt
    taken off); *passed* what each system account received on balance. Per unit they sum to zero.
    """

    accounts: int
    commits: int
    entries: int
    held: FrozenMapping[str, int]
    passed: FrozenMapping[tuple[Account, str], int]


def audit(commits: Iterable[Commit], *, calendar: Calendar, whole: bool = False) -> AuditReport:
    """
    Checks *commits*, which come account after account, each account's whole and in order of version.

    *calendar* is the program's. With *whole* the commits are those of all accounts: then what went from
    one into transit has arrived on another. Raises LedgerError that names the first entry (or commit)
    that breaks an invariant.
    """
    transit: _Transit = {}
    accounts = read = entries = 0
    held: dict[str, int] = {}
    passed: dict[tuple[Account, str], int] = {}
    walk: _Walk | None = None
    for commit in commits:
        if walk is None or walk.account != commit.account:
            if walk is not None:
                walk.add_to(held)
            walk = _Walk(commit.account, calendar, transit)
            accounts += 1
        walk.step(commit, passed)
        read += 1
        entries += len(commit.entries)
    if walk is not None:
        walk.add_to(held)
    for (_, unit), (steps, where) in transit.items() if whole else ():
        raise LedgerError(where, f"{abs(steps)} steps of {unit} are still in transit: the other account lacks them.")
    sums = {unit: steps for unit, steps in held.items() if steps}
    flows = {key: steps for key, steps in passed.items() if steps}
    return AuditReport(accounts, read, entries, FrozenMapping(sums), FrozenMapping(flows))


class _Walk:
    """One account, commit by commit."""

    def __init__(self, account: Account, calendar: Calendar, transit: _Transit) -> None:
        self._transit = transit
        self.account, self._calendar = account, calendar
        self._version = 0
        self._clock: datetime | None = None
        self._lots: dict[str, list[Lot]] = {}
        self._pending: list[Lot] = []
        self._grants: tuple[Grant, ...] = ()
        self._wake_ups: list[WakeUp] = []
        self._settled_at: datetime | None = None
        self._events: set[str] = set()
        self._roots: dict[str, int] = {}
        self._derived: tuple[datetime | None, set[str]] = (None, set())

    def add_to(self, held: dict[str, int]) -> None:
        """Adds what the account holds at the end."""
        for lot in [lot for lots in self._lots.values() for lot in lots] + self._pending:
            held[lot.unit] = held.get(lot.unit, 0) + lot.steps

    def step(self, commit: Commit, passed: dict[tuple[Account, str], int]) -> None:
        """The next commit: itself, its entries one by one, and what they left."""
        self._heading(commit)
        numbers: dict[str, int] = {}
        for entry in commit.entries:
            self._identity(entry, commit, numbers)
            if isinstance(entry, Transfer):
                self._transfer(entry, passed)
            elif isinstance(entry, GrantEntry):
                self._grant(entry)
            elif entry.change is WakeChange.SET:
                self._wake_ups.append(entry.wake_up)
                self._wake_ups.sort(key=wake_key)
            elif entry.wake_up in self._wake_ups:
                self._wake_ups.remove(entry.wake_up)
            else:
                self._bad(entry, "it ends a wake-up that is not set.")
        self._ending(commit)

    def _heading(self, commit: Commit) -> None:
        event = commit.event
        if commit.version != self._version + 1:
            self._bad(commit, f"version {self._version + 1} of {self.account} was due here.")
        if self.account.kind is AccountKind.MEMBER and event.member != self.account.id:
            self._bad(commit, "its event is another member's.")
        if event.id in self._events:
            self._bad(commit, f"the account already has a commit for event {event.id}.")
        if commit.root != event.about:
            self._bad(commit, f"its root is {commit.root}, and its event is about {event.about}.")
        if commit.ordinal != self._roots.get(commit.root, 0):
            self._bad(
                commit, f"it is number {commit.ordinal} of its root, and {self._roots.get(commit.root, 0)} was due."
            )
        abouts = {e.about for e in commit.entries}
        named = {event.id, commit.root} | {
            about.root if about.account == self.account else root_from(about.account, about.root) for about in abouts
        }
        named |= {replayed.root for replayed in commit.replayed}
        if not named <= set(commit.names):
            self._bad(commit, f"its names lack {min(named - set(commit.names))}.")
        if commit.refusal is not None:
            own = next((entry for entry in commit.entries if entry.cause == event.id), None)
            if own is not None:
                self._bad(own, "its event was refused, so that it can have no entries.")
            if commit.benefits and not commit.entries:  # Those of what time did before it are told with it.
                self._bad(commit, "its event was refused, so that it can have no benefits.")
        self._version = commit.version
        self._events.add(event.id)
        self._roots[commit.root] = commit.ordinal + 1

    def _identity(self, entry: Entry, commit: Commit, numbers: dict[str, int]) -> None:
        """An entry's id is its cause and number: the event's own, or derived from what fell due."""
        if entry.cause != commit.event.id and not entry.cause.startswith(_DERIVED):
            self._bad(entry, f"its cause is neither event {commit.event.id} nor derived from what fell due.")
        if entry.n != numbers.get(entry.cause, 0):
            self._bad(entry, f"number {numbers.get(entry.cause, 0)} under its cause was due.")
        if entry.at > commit.event.occurred_at and (self._clock is None or entry.at > self._clock):
            self._bad(entry, f"it takes effect after its event, at {format_instant(entry.at)}.")
        instant, causes = self._derived
        if instant != entry.at:
            instant, causes = self._derived = (entry.at, set())
        if entry.n == 0:
            if entry.cause in causes:
                self._bad(entry, "the account already has an entry of this id.")
            causes.add(entry.cause)
        numbers[entry.cause] = entry.n + 1

    def _transfer(self, entry: Transfer, passed: dict[tuple[Account, str], int]) -> None:
        pays, receives = entry.payer == self.account, entry.payee == self.account
        other = entry.payee if pays else entry.payer
        if not (pays or receives):
            self._bad(entry, "neither side is the commit's own account.")
        if not (pays and receives) and other.kind is not AccountKind.SYSTEM:
            self._bad(entry, "its other side is no system account.")
        if type(entry.steps) is not int or not 0 < entry.steps < STEPS_LIMIT:
            self._bad(entry, f"it moves {entry.steps} steps.")
        self._parts(entry, entry.taken, pays, "taken")
        self._parts(entry, entry.put, receives, "put")
        self._books(entry, pays=pays and not receives)
        try:
            settle(self._lots, self._pending, entry.at)
            for part in entry.taken:
                self._take(entry, part)
            for part in entry.put:
                self._put(entry, part)
        except AmountOverflowError:
            self._bad(entry, "a balance leaves the range of 63 bits.")
        if pays != receives:
            if other == IN_TRANSIT:
                self._in_transit(entry, entry.steps if pays else -entry.steps)
            key = (other, entry.unit)
            passed[key] = passed.get(key, 0) + (entry.steps if pays else -entry.steps)

    def _in_transit(self, entry: Transfer, steps: int) -> None:
        """What left for another account, or came from one, by what it is about."""
        key = (entry.about, entry.unit)
        so_far, where = self._transit.get(key, (0, f"entry {entry_id(entry)} of {self.account}"))
        if so_far + steps:
            self._transit[key] = (so_far + steps, where)
        else:
            del self._transit[key]

    def _parts(self, entry: Transfer, parts: Sequence[Lot], belongs: bool, what: str) -> None:
        """Parts are of the transfer's unit and label, above zero, and sum to its steps; the other side has none."""
        if bool(parts) != belongs:
            self._bad(entry, f"it has {'parts' if parts else 'no parts'} {what}, against its sides.")
        for part in parts:
            if (part.unit, part.label) != (entry.unit, entry.label):
                self._bad(entry, f"a part {what} is of another unit or label.")
            if type(part.steps) is not int or part.steps <= 0:
                self._bad(entry, f"a part {what} is of {part.steps} steps.")
        if parts and sum(part.steps for part in parts) != entry.steps:
            self._bad(
                entry, f"its parts {what} sum to {sum(part.steps for part in parts)}, not to {entry.steps} steps."
            )

    def _books(self, entry: Transfer, *, pays: bool) -> None:
        """What is earned or taken back is booked by rule, in full; and whatever else is booked, too."""
        if not entry.books and ISSUED not in (entry.payer, entry.payee):
            return
        booked = sum(book.steps for book in entry.books)
        if booked != (-entry.steps if pays else entry.steps):
            self._bad(entry, f"its rules book {booked} of {entry.steps} steps.")

    def _take(self, entry: Transfer, part: Lot) -> None:
        waits = is_pending(part, entry.at)
        ends = part.source != DEBT and part.reserved_for is None and entry.payee != part.validity.goes_to
        if ends:
            undone = entry.payee != REDEEMED and (part.source == entry.about or entry.cause.startswith(_RERATED))
            if waits and entry.payee not in (self.account, IN_TRANSIT) and not undone:  # A merge takes all along.
                self._bad(entry, "it takes what is not yet available.")
            end, needs = lot_end(part, self._grants, self._calendar), part.validity.needs
            if end is not None and end <= entry.at:
                self._bad(entry, f"it takes what ended at {format_instant(end)}.")
            if needs is not None and not any(g.key == needs and g.in_force(entry.at) for g in self._grants):
                self._bad(entry, f"it takes what needs the grant {needs}, which is not in force.")
        if not take(self._pending if waits else self._lots.setdefault(part.unit, []), part):
            self._bad(entry, f"it takes {part.steps} steps that no lot holds.")

    def _put(self, entry: Transfer, part: Lot) -> None:
        if is_pending(part, entry.at):
            put(self._pending, part, waiting_key)
            return
        lots = self._lots.setdefault(part.unit, [])
        put(lots, part, spending_key)
        if part.source == DEBT and any(lot.source == DEBT and lot.steps > 0 for lot in lots):
            self._bad(entry, "it pays more than is owed.")

    def _grant(self, entry: GrantEntry) -> None:
        if (entry.grant.uses is not None and entry.grant.uses < 0) or entry.grant.reserved < 0:
            self._bad(entry, "its grant has less than no uses left.")
        if is_grant_end(entry.change) != entry.grant.ended:
            self._bad(entry, "its grant is ended where it should not be, or not where it should.")
        self._grants = apply_grant(self._grants, entry)

    def _ending(self, commit: Commit) -> None:
        """What the commit left: no debt beside what could pay it, and the stated `next_due`."""
        at = commit.event.occurred_at
        self._clock = at if self._clock is None else max(self._clock, at)
        self._settled_at = settled_after(self._settled_at, commit.entries, commit.event.id)
        settle(self._lots, self._pending, self._clock)
        for unit, lots in list(self._lots.items()):
            if not lots:
                del self._lots[unit]
            owing = {lot.label for lot in lots if lot.steps < 0}
            if owing and any(lot.label in owing and lot.steps > 0 and lot.reserved_for is None for lot in lots):
                where = commit.entries[-1] if commit.entries else commit
                self._bad(where, f"it leaves a debt of {unit} beside what could pay it.")
        self._grants = needed_grants(self._grants, (*self._lots.values(), self._pending))
        due = next_due(self._lots.values(), self._pending, self._grants, self._wake_ups, self._calendar)
        if commit.next_due != due:
            self._bad(commit, f"it states that {_text(commit.next_due)} is due next, and {_text(due)} is.")
        self._saved(commit)

    def _saved(self, commit: Commit) -> None:
        """A state that came with the commit is the fold of the commits."""
        after = commit.after
        if not isinstance(after, State):
            return
        held = {unit: tuple(lots) for unit, lots in self._lots.items()}
        lots, rest = dict(after.lots), (after.pending, after.grants, after.wake_ups, after.next_due, after.settled_at)
        mine = (tuple(self._pending), self._grants, tuple(self._wake_ups), commit.next_due, self._settled_at)
        found = (self.account, self._version, self._clock, held, mine)
        if found != (after.account, after.version, after.clock, lots, rest):
            self._bad(commit, "the state saved with it is not the sum of the entries.")

    def _bad(self, where: Entry | Commit, message: str) -> NoReturn:
        if isinstance(where, Commit):
            raise LedgerError(f"commit {where.version} of {where.account}", message)
        raise LedgerError(f"entry {entry_id(where)} of {self.account}", message)


def _text(at: datetime | None) -> str:
    return "nothing" if at is None else format_instant(at)
