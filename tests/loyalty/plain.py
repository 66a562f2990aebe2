"""A plain store that keeps the contract, in small methods that a bug can replace."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING

import attrs

from patronage import Account, Commit, DuplicateEventError, StaleStateError, State
from patronage.repositories import Stored

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = tuple[str, ...]


class Shelf:
    """What is kept of one account."""

    def __init__(self) -> None:
        self.rows: list[Commit] = []
        self.receipts: dict[str, None] = {}
        self.places: set[tuple[str, int]] = set()
        self.state: State | None = None
        self.next_due: datetime | None = None

    def copy(self) -> Shelf:
        """The same, apart."""
        new = Shelf()
        new.rows, new.receipts, new.places = list(self.rows), dict(self.receipts), set(self.places)
        new.state, new.next_due = self.state, self.next_due
        return new


class Plain:
    """A shelf for each account behind one lock; simple, and right."""

    def __init__(self, shelves: dict[Key, Shelf] | None = None, program: str = "one") -> None:
        self.shelves = {} if shelves is None else shelves
        self.program = program
        self.lock = RLock()

    # What an account, an event and a row are found by.

    def key(self, account: Account) -> Key:
        """What an account is found by."""
        return (self.program, *account.key)

    def key_written(self, account: Account) -> Key:
        """What an account is written under."""
        return self.key(account)

    def name(self, name: str) -> str:
        """What an event's name is found by."""
        return name

    def shelf(self, account: Account) -> Shelf:
        """What is kept of an account; an empty one where nothing is."""
        return self.shelves.get(self.key(account)) or Shelf()

    # Reading.

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """The accounts that have rows."""
        found = {}
        with self.lock:
            for account in accounts:
                shelf = self.shelf(account)
                if shelf.state is not None:
                    found[account] = self.stored(shelf, shelf.state)
        return found

    def stored(self, shelf: Shelf, state: State) -> Stored:
        """An account as it is read."""
        return Stored(shelf.rows[-1].version, state)

    def meets(self, commit: Commit, about: Collection[str]) -> bool:
        """Whether the commit names one of *about*."""
        return not about or any(self.name(name) in about for name in commit.names)

    def since(self, commit: Commit, since: datetime) -> bool:
        """Whether the commit is in time."""
        return commit.event.occurred_at >= since

    def read(self, commit: Commit) -> Commit:
        """A row as it is read."""
        return commit

    def sort(self, rows: list[Commit]) -> list[Commit]:
        """The rows in order."""
        return rows

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        """The rows in order."""
        wanted = set(map(self.name, about))
        with self.lock:
            rows = [row for row in self.shelf(account).rows if self.meets(row, wanted)]
        return self.sort([self.read(row) for row in rows if since is None or self.since(row, since)])

    # Writing.

    def version(self, account: Account) -> int:
        """The last version."""
        rows = self.shelf(account).rows
        return rows[-1].version if rows else 0

    def known(self, commit: Commit) -> bool:
        """Whether the event has a receipt."""
        return self.name(commit.event.id) in self.shelf(commit.account).receipts

    def stale(self, commit: Commit) -> bool:
        """Whether the commit is not the account's next."""
        return commit.version != self.version(commit.account) + 1 or self.placed(commit)

    def placed(self, commit: Commit) -> bool:
        """Whether its place in the root is taken."""
        return (commit.root, commit.ordinal) in self.shelf(commit.account).places

    def receive(self, shelf: Shelf, commit: Commit) -> None:
        """Writes the receipt."""
        shelf.receipts[self.name(commit.event.id)] = None

    def write(self, shelf: Shelf, commit: Commit) -> None:
        """Writes the row and the state."""
        assert isinstance(commit.after, State)
        shelf.rows.append(attrs.evolve(commit, after=None))
        shelf.places.add((commit.root, commit.ordinal))
        shelf.state = commit.after
        shelf.next_due = self.next_due(commit)

    def put(self, commit: Commit) -> None:
        """One commit of a batch."""
        if self.known(commit):
            raise DuplicateEventError(str(commit.account), commit.event.id)
        if self.stale(commit):
            raise StaleStateError(str(commit.account), commit.version - 1, self.version(commit.account))
        shelf = self.shelves.setdefault(self.key_written(commit.account), Shelf())
        self.receive(shelf, commit)
        self.write(shelf, commit)

    @contextmanager
    def all_or_nothing(self, commits: Iterable[Commit]) -> Iterator[None]:
        """Puts back what was there, where something goes wrong."""
        keys = {self.key_written(commit.account) for commit in commits}
        before = {key: self.shelves[key].copy() for key in keys if key in self.shelves}
        try:
            yield
        except Exception:
            for key in keys:
                self.shelves.pop(key, None)
            self.shelves.update(before)
            raise

    def append(self, commits: Sequence[Commit], /) -> None:
        """All or nothing; a known event comes before a stale version."""
        batch = tuple(commits)
        with self.lock, self.all_or_nothing(batch):
            for commit in batch:
                if self.known(commit):
                    raise DuplicateEventError(str(commit.account), commit.event.id)
            for commit in batch:
                self.put(commit)

    # Time.

    def next_due(self, commit: Commit) -> datetime | None:
        """When time does something to the account."""
        return commit.next_due

    def is_due(self, at: datetime, until: datetime) -> bool:
        """Whether that falls into the time asked for."""
        return at <= until

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """Who is due, in order."""
        found = []
        for _, shelf in self.pages(after):
            if shelf.next_due is not None and self.is_due(shelf.next_due, until) and shelf.state is not None:
                found.append(shelf.state.account)
        return found[:limit]

    def pages(self, after: Account | None) -> Iterable[tuple[Key, Shelf]]:
        """The accounts of the program behind *after*, in order."""
        with self.lock:
            own = [(key, shelf) for key, shelf in self.shelves.items() if key[0] == self.program]
        return self.order([pair for pair in own if after is None or self.behind(pair[0], (self.program, *after.key))])

    def order(self, shelves: list[tuple[Key, Shelf]]) -> Iterable[tuple[Key, Shelf]]:
        """The order of accounts."""
        return sorted(shelves, key=lambda pair: pair[0])

    def behind(self, key: Key, after: Key) -> bool:
        """Whether an account comes after another."""
        return key > after

    def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """The accounts that have rows."""
        return [shelf.state.account for _, shelf in self.pages(after) if shelf.state is not None][:limit]
