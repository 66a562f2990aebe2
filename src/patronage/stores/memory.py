"""Stores in memory, whole and thread-safe: for tests, examples, previews and small tools."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from threading import Lock

import attrs

from patronage.errors import DuplicateEventError, InvalidValueError, StaleStateError, quote
from patronage.events import identifier, word
from patronage.ledger import Account, Commit
from patronage.periods import utc
from patronage.program import Program
from patronage.repositories import IdentifierTakenError, Stored
from patronage.state import State
from patronage.terms import Terms


class _Shelf:
    """What is kept of one account. Only ever added to."""

    __slots__ = ("by_name", "commits", "events", "places", "state")

    def __init__(self, account: Account) -> None:
        self.commits: list[Commit] = []
        self.by_name: dict[str, list[int]] = {}
        self.events: set[str] = set()
        self.places: set[tuple[str, int]] = set()
        self.state = State.of(account)


class MemoryLedger:
    """
    A `LedgerRepository` in memory: commits are kept for ever and whole.

    Threads may share it. It has no locks that outlive a call: of two writers who read the same
    version, the second meets StaleStateError.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._shelves: dict[Account, _Shelf] = {}
        self._order: list[tuple[tuple[str, str], Account]] = []

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """The accounts that have a commit."""
        with self._lock:
            found = {account: self._shelves[account] for account in accounts if account in self._shelves}
            return {account: Stored(len(shelf.commits), shelf.state) for account, shelf in found.items()}

    def append(self, commits: Sequence[Commit], /) -> None:
        """All of *commits*, or none. Raises also InvalidValueError, for a commit without the state it leads to."""
        batch = tuple(commits)
        with self._lock:
            self._check(batch)
            for commit in batch:
                self._keep(commit)

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterator[Commit]:
        """The commits whose names meet *about*, as they stand when it is called."""
        names, start = tuple(about), None if since is None else utc(since)
        with self._lock:
            shelf = self._shelves.get(account)
            if shelf is None:
                found: Sequence[Commit] = ()
            elif not names:
                found = tuple(shelf.commits)
            else:
                places = {place for name in names for place in shelf.by_name.get(name, ())}
                found = [shelf.commits[place] for place in sorted(places)]
        return iter([commit for commit in found if start is None or commit.event.occurred_at >= start])

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """Accounts for which time does something at or before *until*."""
        end = utc(until)
        found: list[Account] = []
        with self._lock:
            for account in self._behind(after):
                due = self._shelves[account].state.next_due
                if due is not None and due <= end:
                    if len(found) >= limit:
                        break
                    found.append(account)
        return tuple(found)

    def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """The accounts that have a commit."""
        with self._lock:
            return tuple(account for account, _ in zip(self._behind(after), range(limit), strict=False))

    def _behind(self, after: Account | None) -> Iterator[Account]:
        start = 0 if after is None else bisect_right(self._order, after.key, key=lambda pair: pair[0])
        return (account for _, account in self._order[start:])

    def _check(self, batch: Sequence[Commit]) -> None:
        """Raises what forbids the batch; a known event comes before a stale version."""
        events = set()
        for commit in batch:
            event = (commit.account, commit.event.id)
            shelf = self._shelves.get(commit.account)
            if event in events or (shelf is not None and commit.event.id in shelf.events):
                raise DuplicateEventError(str(commit.account), commit.event.id)
            events.add(event)
        versions: dict[Account, int] = {}
        places: set[tuple[Account, str, int]] = set()
        for commit in batch:
            account = commit.account
            shelf = self._shelves.get(account)
            version = versions.get(account, 0 if shelf is None else len(shelf.commits))
            place = (commit.root, commit.ordinal)
            taken = (account, *place) in places or (shelf is not None and place in shelf.places)
            if taken or commit.version != version + 1:
                raise StaleStateError(str(account), commit.version - 1, version)
            if not isinstance(commit.after, State) or commit.after.version != commit.version:
                raise InvalidValueError(f"Commit {commit.version} of {account} has no state to save: fold its commits.")
            versions[account] = commit.version
            places.add((account, *place))

    def _keep(self, commit: Commit) -> None:
        shelf = self._shelves.get(commit.account)
        if shelf is None:
            shelf = self._shelves[commit.account] = _Shelf(commit.account)
            insort(self._order, (commit.account.key, commit.account), key=lambda pair: pair[0])
        for name in {*commit.names, commit.event.id}:
            shelf.by_name.setdefault(name, []).append(len(shelf.commits))
        shelf.events.add(commit.event.id)
        shelf.places.add((commit.root, commit.ordinal))
        assert isinstance(commit.after, State)
        shelf.state = commit.after
        shelf.commits.append(attrs.evolve(commit, after=None))


class AsyncMemoryLedger:
    """A `MemoryLedger` that is awaited: an `AsyncLedgerRepository` over the same commits."""

    def __init__(self, ledger: MemoryLedger | None = None) -> None:
        self._ledger = MemoryLedger() if ledger is None else ledger

    async def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """The accounts that have a commit."""
        return self._ledger.load(accounts, lock=lock)

    async def append(self, commits: Sequence[Commit], /) -> None:
        """All of *commits*, or none."""
        self._ledger.append(commits)

    async def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> AsyncIterator[Commit]:
        """The commits whose names meet *about*."""
        for commit in self._ledger.history(account, about=about, since=since):
            yield commit

    async def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """Accounts for which time does something at or before *until*."""
        return self._ledger.due(until, after=after, limit=limit)

    async def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """The accounts that have a commit."""
        return self._ledger.accounts(after=after, limit=limit)


class MemoryIdentifiers:
    """An `IdentifierRepository` in memory. Codes are compared as they stand: normalise them first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._owners: dict[tuple[str, str], Account] = {}

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        """Makes *account* the owner, unless another one is: then raises IdentifierTakenError."""
        with self._lock:
            owner = self._owners.setdefault((word(kind), identifier(code)), account)
        if owner != account:
            raise IdentifierTakenError(kind, code)

    def owner(self, kind: str, code: str, /) -> Account | None:
        """Whose code it is."""
        with self._lock:
            return self._owners.get((kind, code))

    def forget(self, account: Account, /) -> int:
        """Forgets every code of *account*, and says how many there were."""
        with self._lock:
            codes = [code for code, owner in self._owners.items() if owner == account]
            for code in codes:
                del self._owners[code]
        return len(codes)


class MemoryPrograms:
    """A `ProgramRepository` in memory, for the program of an id and a time zone."""

    def __init__(self, id: str, time_zone: str) -> None:
        self._lock = Lock()
        self._id, self._time_zone = identifier(id), time_zone
        self._terms: tuple[Terms, ...] = ()

    def publish(self, terms: Terms, /) -> None:
        """Adds a version of the terms. Raises InvalidValueError where it does not fit those there are."""
        with self._lock:
            if terms in self._terms:
                return
            program = Program(id=self._id, time_zone=self._time_zone, terms=(*self._terms, terms))
            self._terms = program.terms

    def load(self) -> Program:
        """The whole timeline. Raises InvalidValueError where nothing was published."""
        with self._lock:
            if not self._terms:
                raise InvalidValueError(f"No terms of program {quote(self._id)} were published.")
            return Program(id=self._id, time_zone=self._time_zone, terms=self._terms)
