"""Stores whose bug needs timing: writers that meet, answers that are lost, readers that look away."""

# ruff: noqa: D102  # A method that has the bug is said by its class; only names of this file are in statements.

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime

import attrs

from contracts.rows import ACCOUNT, CODEC, Inside, Rows
from loyalty.plain import Key, Plain, Shelf
from patronage import Account, Commit, DuplicateEventError, StaleStateError, State
from patronage.repositories import Stored

RACY: list[type[Rows]] = []
RACY_IN_MEMORY: list[type[Plain]] = []

NO_KEYS = ("CHECK (version > 0)",)


def racy(cls: type[Rows]) -> type[Rows]:
    """Registers a store on SQLite."""
    RACY.append(cls)
    return cls


def racy_in_memory(cls: type[Plain]) -> type[Plain]:
    """Registers a store in memory."""
    RACY_IN_MEMORY.append(cls)
    return cls


class Unguarded(Rows):
    """Every statement is a transaction of its own, and no key is unique."""

    keys = NO_KEYS

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        with self.connected() as connection:
            yield connection

    def append(self, commits: Sequence[Commit], /) -> None:
        with self.writing() as connection:
            self.look(connection, commits)
            self.write(connection, commits)

    def look(self, connection: sqlite3.Connection, commits: Sequence[Commit]) -> None:
        """Checks the whole batch."""
        for commit in commits:
            self.check_event(connection, commit)
        events = [(commit.account, commit.event.id) for commit in commits]
        if len(set(events)) < len(events):
            raise DuplicateEventError("", "")
        versions: dict[Account, int] = {}
        places = set()
        for commit in commits:
            if commit.account not in versions:
                versions[commit.account] = self.version(connection, commit.account)
            query = f"SELECT 1 FROM commits WHERE {ACCOUNT} AND root = ? AND ordinal = ?"
            place = (commit.root, commit.ordinal)
            taken = connection.execute(query, (*self.key(commit.account), *place)).fetchone()
            if taken or (commit.account, place) in places or commit.version != versions[commit.account] + 1:
                raise StaleStateError(str(commit.account), commit.version - 1, versions[commit.account])
            places.add((commit.account, place))
            versions[commit.account] = commit.version

    def write(self, connection: sqlite3.Connection, commits: Sequence[Commit]) -> None:
        """Writes the whole batch."""
        for commit in commits:
            CODEC.dump(commit), CODEC.dump(commit.after)
            for name in commit.names:
                name.encode()
        connection.execute("BEGIN IMMEDIATE")
        for commit in commits:
            self.insert(connection, commit)
        connection.execute("COMMIT")


@racy
class SelectsThenInserts(Unguarded):
    """31: looks at the version, and then inserts, with no unique key."""


@racy
class TakesTheHighest(Unguarded):
    """32: the next version is the highest plus one when it is written."""

    def insert(self, connection: sqlite3.Connection, commit: Commit) -> None:
        query = f"SELECT coalesce(max(version), 0) + 1 FROM commits WHERE {ACCOUNT}"
        (version,) = connection.execute(query, self.key(commit.account)).fetchone()
        assert isinstance(commit.after, State)
        after = attrs.evolve(commit.after, version=version)
        super().insert(connection, attrs.evolve(commit, version=version, after=after))


@racy
class ReleasesTheLockEarly(Unguarded):
    """33: the transaction in which it looks ends before it writes."""

    def look(self, connection: sqlite3.Connection, commits: Sequence[Commit]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            super().look(connection, commits)
        finally:
            connection.execute("COMMIT")


@racy
class LocksOutsideATransaction(Unguarded):
    """34: `load` locks, and its lock ends with its statement; `append` trusts what is checked before it."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        if not lock:
            return super().load(accounts)
        with self.connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
        return super().load(accounts)


@racy
class ReadsAnOldSnapshot(Rows):
    """35: reads from a connection whose transaction began when it was opened, and checks versions there."""

    journal = "wal"
    keys = NO_KEYS

    def __init__(self, path: str, program: str = "one") -> None:
        super().__init__(path, program)
        self._batch: dict[Account, int] = {}
        self._old = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
        self._begin()

    def _begin(self) -> None:
        self._old.execute("BEGIN")
        self._old.execute("SELECT count(*) FROM accounts").fetchone()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        yield self._old

    def version(self, connection: sqlite3.Connection, account: Account) -> int:
        return super().version(self._old, account) + self._batch.get(account, 0)

    def insert(self, connection: sqlite3.Connection, commit: Commit) -> None:
        super().insert(connection, commit)
        self._batch[commit.account] = self._batch.get(commit.account, 0) + 1

    def append(self, commits: Sequence[Commit], /) -> None:
        self._batch = {}
        super().append(commits)
        self._batch = {}
        self._old.execute("ROLLBACK")
        self._begin()


@racy
class LocksInThisProcess(Unguarded):
    """36: one writer at a time, among the threads of a process."""

    lock = threading.Lock()

    def append(self, commits: Sequence[Commit], /) -> None:
        with self.lock:
            super().append(commits)


@racy
class WritesTheOldAgain(Rows):
    """37: where another was first, the same entries are written as the next version."""

    def check_version(self, connection: sqlite3.Connection, commit: Commit) -> None:
        version = self.version(connection, commit.account)
        if version + 1 == commit.version or (connection.in_transaction and self._raced(connection, commit)):
            return
        super().check_version(connection, commit)

    def _raced(self, connection: sqlite3.Connection, commit: Commit) -> bool:
        """Somebody wrote this version a moment ago: in another event."""
        return commit.event.id.startswith("d-") and self.version(connection, commit.account) >= commit.version

    def insert(self, connection: sqlite3.Connection, commit: Commit) -> None:
        version = self.version(connection, commit.account) + 1
        assert isinstance(commit.after, State)
        after = attrs.evolve(commit.after, version=version)
        super().insert(connection, attrs.evolve(commit, version=version, after=after))


@racy
class RetriesBlindly(Rows):
    """38: where the answer to COMMIT is lost, the batch is appended again, under the next versions."""

    keys = NO_KEYS

    def append(self, commits: Sequence[Commit], /) -> None:
        try:
            super().append(commits)
        except ConnectionError:
            with self.writing() as connection:
                for commit in commits:
                    assert isinstance(commit.after, State)
                    version = self.version(connection, commit.account) + 1
                    after = attrs.evolve(commit.after, version=version)
                    self.insert(connection, attrs.evolve(commit, version=version, after=after))


@racy
class BeginsDeferred(Rows):
    """7 of the faults: a transaction that becomes a writer late meets `database is locked`, at once."""

    begin = "BEGIN DEFERRED"
    journal = "wal"


# In memory.


@racy_in_memory
class LooksBeforeTheLock(Plain):
    """31: it is checked before the lock is taken."""

    def append(self, commits: Sequence[Commit], /) -> None:
        self.check(commits)
        with self.lock:
            for commit in commits:
                self.write(self.shelves.setdefault(self.key(commit.account), Shelf()), commit)
                self.receive(self.shelf(commit.account), commit)

    def check(self, commits: Sequence[Commit]) -> None:
        """Plays the batch on copies."""
        keys = {self.key(commit.account) for commit in commits}
        trial = Plain({key: self.shelves[key].copy() for key in keys if key in self.shelves}, self.program)
        Plain.append(trial, commits)


@racy_in_memory
class HasALockForEachCall(LooksBeforeTheLock):
    """33: the lock is taken to check, released, and taken again to write."""

    def check(self, commits: Sequence[Commit]) -> None:
        with self.lock:
            super().check(commits)


@racy_in_memory
class HasNoLock(Plain):
    """36: nothing keeps two threads apart."""

    def __init__(self, shelves: dict[Key, Shelf] | None = None, program: str = "one") -> None:
        super().__init__(shelves, program)
        self.lock = _NoLock()  # type: ignore[assignment]


class _NoLock:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@racy_in_memory
class LocksInBatchOrder(Plain):
    """39: each account has a lock, and a batch takes them in its order: two can wait for each other for ever."""

    def __init__(self, shelves: dict[Key, Shelf] | None = None, program: str = "one") -> None:
        super().__init__(shelves, program)
        self.locks: dict[Account, threading.RLock] = {}

    def append(self, commits: Sequence[Commit], /) -> None:
        with ExitStack() as held:
            for commit in commits:
                with self.lock:
                    lock = self.locks.setdefault(commit.account, threading.RLock())
                held.enter_context(lock)
            super().append(commits)


@racy_in_memory
class ShowsHalfABatch(Plain):
    """4: a batch is written account by account, and readers look between."""

    def append(self, commits: Sequence[Commit], /) -> None:
        keys = {self.key(commit.account) for commit in commits}
        with self.lock:
            trial = Plain({key: self.shelves[key].copy() for key in keys if key in self.shelves}, self.program)
            trial.append(commits)
        for commit in commits:
            with self.lock:
                self.put(commit)


@racy_in_memory
class ShowsTheStateFirst(Plain):
    """5: the new state is seen before its commit is."""

    def append(self, commits: Sequence[Commit], /) -> None:
        keys = {self.key(commit.account) for commit in commits}
        with self.lock:
            trial = Plain({key: self.shelves[key].copy() for key in keys if key in self.shelves}, self.program)
            trial.append(commits)
            states = {key: shelf.state for key, shelf in trial.shelves.items()}
            for key, state in states.items():
                if key in self.shelves:
                    self.shelves[key].state = state
        with self.lock:
            super().append(commits)

    def stored(self, shelf: Shelf, state: State) -> Stored:
        return Stored(state.version, state)


class Staged(Plain):
    """The plain one with transactions of the caller's: what is written in one is seen by others when it ends."""

    def __init__(self, shelves: dict[Key, Shelf] | None = None, program: str = "one") -> None:
        super().__init__(shelves, program)
        self.numbers: dict[Key, int] = {}
        self.count = 0

    @contextmanager
    def transaction(self) -> Iterator[Plain]:
        inside = type(self)({key: shelf.copy() for key, shelf in self.shelves.items()}, self.program)
        inside.numbered_by(self)
        before = {key: len(shelf.rows) for key, shelf in inside.shelves.items()}
        yield inside
        with self.lock:
            for key, shelf in inside.shelves.items():
                known = before.get(key, 0)
                if len(shelf.rows) == known:
                    continue
                if key in self.shelves and len(self.shelves[key].rows) != known:
                    raise StaleStateError(str(key), known, len(self.shelves[key].rows))
            for key, shelf in inside.shelves.items():
                if len(shelf.rows) != before.get(key, 0):
                    self.shelves[key] = shelf

    def numbered_by(self, outer: Staged) -> None:
        """Numbers come from the outer store, when a row is written."""
        self.numbers, self.outer = outer.numbers, outer

    outer: Staged | None = None

    def write(self, shelf: Shelf, commit: Commit) -> None:
        super().write(shelf, commit)
        counting = self.outer or self
        with counting.lock:
            counting.count += 1
            counting.numbers.setdefault(self.key(commit.account), counting.count)


@racy_in_memory
class PassesOverLateCommits(Staged):
    """40: who is due is kept up by rows with a number above the last one seen: one that commits late has a lower."""

    def __init__(self, shelves: dict[Key, Shelf] | None = None, program: str = "one") -> None:
        super().__init__(shelves, program)
        self.seen: set[Key] = set()
        self.last = 0

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        new = {key: number for key, number in self.numbers.items() if number > self.last and key in self.shelves}
        self.seen |= set(new)
        self.last = max(new.values(), default=self.last)
        found = super().due(until, after=after, limit=100_000)
        return [account for account in found if self.key(account) in self.seen][:limit]


__all__ = ["RACY", "RACY_IN_MEMORY", "Inside", "Staged"]
