"""Right stores of kinds that a contract might blame by mistake."""

# ruff: noqa: D102  # What is different is said by the class.

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID, uuid4

from contracts.rows import Rows
from loyalty.plain import Key, Plain, Shelf
from patronage import Account, Commit, DuplicateEventError, StaleStateError
from patronage.repositories import Stored


class Slow(Plain):
    """Every call takes a while."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        time.sleep(0.001)
        return super().load(accounts, lock=lock)

    def append(self, commits: Sequence[Commit], /) -> None:
        time.sleep(0.002)
        super().append(commits)

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        time.sleep(0.001)
        yield from super().history(account, about=about, since=since)


class WithOneConnection(Rows):
    """A pool of one connection, that is waited for; a history that is being read holds it."""

    def __init__(self, path: str, program: str = "one") -> None:
        self._pool = threading.Semaphore(1)
        self._one = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
        self._one.execute("PRAGMA synchronous = off")
        super().__init__(path, program)

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        with self._pool:
            yield self._one

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self.connected() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def close(self) -> None:
        """Closes it."""
        self._one.close()


class WithUuids(Plain):
    """Accounts have keys made by chance, which say nothing of their order."""

    def __init__(self, shelves: dict[Key, Shelf] | None = None, program: str = "one") -> None:
        super().__init__(shelves, program)
        self._ids: dict[Account, UUID] = {}

    def key(self, account: Account) -> Key:
        known = self._ids.get(account)
        return (self.program, "-" if known is None else known.hex)

    def key_written(self, account: Account) -> Key:
        self._ids.setdefault(account, uuid4())
        return self.key(account)

    def order(self, shelves: list[tuple[Key, Shelf]]) -> Iterable[tuple[Key, Shelf]]:
        return sorted(shelves, key=lambda pair: _account(pair[1]).key)

    def pages(self, after: Account | None) -> Iterable[tuple[Key, Shelf]]:
        with self.lock:
            own = [(key, shelf) for key, shelf in self.shelves.items() if key[0] == self.program]
        return self.order([pair for pair in own if after is None or _account(pair[1]).key > after.key])


def _account(shelf: Shelf) -> Account:
    assert shelf.state is not None
    return shelf.state.account


class LostRaceError(StaleStateError):
    """The store's own word for a conflict."""


class SeenBeforeError(DuplicateEventError):
    """The store's own word for a known event."""


class WithItsOwnErrors(Plain):
    """Raises subclasses of the library's errors."""

    def put(self, commit: Commit) -> None:
        try:
            super().put(commit)
        except StaleStateError as error:
            raise LostRaceError(*error.args) from error

    def append(self, commits: Sequence[Commit], /) -> None:
        try:
            super().append(commits)
        except DuplicateEventError as error:
            raise SeenBeforeError(*error.args) from error


class StaleFirstInARace(Plain):
    """Sees a version that is taken before it sees the event, where another writer was a moment earlier."""

    def append(self, commits: Sequence[Commit], /) -> None:
        before = {commit.account: self.version(commit.account) for commit in commits}
        with self.lock:
            if any(self.version(account) != version for account, version in before.items()):
                raise StaleStateError("raced", 0, 0)
            super().append(commits)


class Tuples(Plain):
    """Gives tuples and read-only views, and takes its time with nothing."""

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Sequence[Commit]:
        return tuple(super().history(account, about=about, since=since))

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        return tuple(super().due(until, after=after, limit=limit))


class Awaited:
    """The plain one, awaited, with a turn for other tasks in every call."""

    def __init__(self, plain: Plain | None = None) -> None:
        self.plain = plain or Plain()

    async def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """The accounts that have rows."""
        await _turn()
        return self.plain.load(accounts, lock=lock)

    async def append(self, commits: Sequence[Commit], /) -> None:
        """All or nothing."""
        await _turn()
        self.plain.append(commits)
        await _turn()

    async def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> AsyncIterator[Commit]:
        """The rows in order."""
        for commit in self.plain.history(account, about=about, since=since):
            await _turn()
            yield commit

    async def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """Who is due."""
        await _turn()
        return self.plain.due(until, after=after, limit=limit)


async def _turn() -> None:
    from asyncio import sleep  # noqa: PLC0415

    await sleep(0)


class ChecksThenWaits(Awaited):
    """31: checks, lets other tasks go on, and writes."""

    async def append(self, commits: Sequence[Commit], /) -> None:
        """Half of it is too early."""
        keys = {self.plain.key(commit.account) for commit in commits}
        shelves = self.plain.shelves
        trial = Plain({key: shelves[key].copy() for key in keys if key in shelves}, self.plain.program)
        trial.append(commits)
        await _turn()
        for commit in commits:
            shelf = shelves.setdefault(self.plain.key(commit.account), Shelf())
            self.plain.receive(shelf, commit)
            self.plain.write(shelf, commit)


class LeavesHalfWhenCancelled(Awaited):
    """4: waits between the commits of a batch; cancelled there, half of it stays."""

    async def append(self, commits: Sequence[Commit], /) -> None:
        """With pauses."""
        keys = {self.plain.key(commit.account) for commit in commits}
        shelves = self.plain.shelves
        trial = Plain({key: shelves[key].copy() for key in keys if key in shelves}, self.plain.program)
        trial.append(commits)
        for commit in commits:
            self.plain.append([commit])
            await _turn()


class ForgetsItsLockWhenCancelled(Awaited):
    """A lock that is taken by hand stays taken where a task is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self._taken = False

    async def append(self, commits: Sequence[Commit], /) -> None:
        """With a lock."""
        while self._taken:
            await _turn()
        self._taken = True
        await _turn()
        try:
            self.plain.append(commits)
        except Exception:
            self._taken = False
            raise
        await _turn()
        self._taken = False
