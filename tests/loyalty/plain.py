"""A plain store that keeps the contract, in small methods that a bug can replace."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import attrs

from patronage import Account, Commit, DuplicateEventError, StaleStateError, State
from patronage.repositories import Stored

Key = tuple[str, str]


class Plain:
    """A list of rows and a table of states; slow, and right."""

    def __init__(self) -> None:
        self.rows: list[Commit] = []
        self.states: dict[Key, State] = {}
        self.receipts: dict[tuple[Key, str], None] = {}

    def key(self, account: Account) -> Key:
        """What an account is found by."""
        return account.key

    def name(self, name: str) -> str:
        """What an event's name is found by."""
        return name

    def same(self, commit: Commit, account: Account) -> bool:
        """Whether a row is the account's."""
        return self.key(commit.account) == self.key(account)

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """The accounts that have rows."""
        found = {}
        for account in accounts:
            version = self.version(account)
            if version:
                found[account] = Stored(version, self.states[self.key(account)])
        return found

    def version(self, account: Account) -> int:
        """The last version."""
        return max((commit.version for commit in self.rows if self.same(commit, account)), default=0)

    def known(self, commit: Commit) -> bool:
        """Whether the event has a receipt."""
        return (self.key(commit.account), self.name(commit.event.id)) in self.receipts

    def stale(self, commit: Commit) -> bool:
        """Whether the commit is not the account's next."""
        return commit.version != self.version(commit.account) + 1 or self.placed(commit)

    def placed(self, commit: Commit) -> bool:
        """Whether its place in the root is taken."""
        rows = [row for row in self.rows if row.root == commit.root and row.ordinal == commit.ordinal]
        return any(self.same(row, commit.account) for row in rows)

    def receive(self, commit: Commit) -> None:
        """Writes the receipt."""
        self.receipts[self.key(commit.account), self.name(commit.event.id)] = None

    def write(self, commit: Commit) -> None:
        """Writes the row and the state."""
        assert isinstance(commit.after, State)
        self.rows.append(attrs.evolve(commit, after=None))
        self.states[self.key(commit.account)] = commit.after

    def put(self, commit: Commit) -> None:
        """One commit of a batch."""
        if self.known(commit):
            raise DuplicateEventError(str(commit.account), commit.event.id)
        if self.stale(commit):
            raise StaleStateError(str(commit.account), commit.version - 1, self.version(commit.account))
        self.receive(commit)
        self.write(commit)

    def append(self, commits: Sequence[Commit], /) -> None:
        """All or nothing."""
        before = (list(self.rows), dict(self.states), dict(self.receipts))
        try:
            for commit in commits:
                if self.known(commit):
                    raise DuplicateEventError(str(commit.account), commit.event.id)
            for commit in commits:
                self.put(commit)
        except Exception:
            self.rows, self.states, self.receipts = before
            raise

    def meets(self, commit: Commit, about: Collection[str]) -> bool:
        """Whether the commit names one of *about*."""
        wanted = set(map(self.name, about))
        return not about or any(self.name(name) in wanted for name in commit.names)

    def read(self, commit: Commit) -> Commit:
        """A row as it is read."""
        return commit

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        """The rows in order."""
        rows = [row for row in self.rows if self.same(row, account) and self.meets(row, about)]
        return [self.read(row) for row in rows if since is None or row.event.occurred_at >= since]

    def next_due(self, state: State) -> datetime | None:
        """When time does something to the account."""
        return state.next_due

    def is_due(self, at: datetime, until: datetime) -> bool:
        """Whether that falls into the time asked for."""
        return at <= until

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """Who is due, in order."""
        found = []
        for key in self.order(self.states):
            at = self.next_due(self.states[key])
            if at is not None and self.is_due(at, until) and (after is None or self.behind(key, after.key)):
                found.append(self.states[key].account)
        return found[:limit]

    def order(self, keys: Iterable[Key]) -> Iterable[Key]:
        """The order of accounts."""
        return sorted(keys)

    def behind(self, key: Key, after: Key) -> bool:
        """Whether an account comes after another."""
        return key > after
