"""A store on SQLite by hand that keeps the contract, in small steps that a bug can replace."""

# Only names of this file are put into statements.

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from patronage import Account, Commit, DuplicateEventError, StaleStateError, State
from patronage.codec import Codec
from patronage.ledger import AccountKind
from patronage.periods import format_instant, utc
from patronage.repositories import LedgerRepository, Stored
from patronage.testing.contracts import LedgerRepositoryContract

CODEC = Codec()
ACCOUNT = "program = ? AND kind = ? AND account = ?"
Key = tuple[str, str, str]


def instant(at: datetime | None) -> str | None:
    """An instant as a text that sorts as it does."""
    return None if at is None else format_instant(utc(at))


class Rows:
    """Commits, their names and the accounts in three tables. Each call has a connection of its own."""

    begin = "BEGIN IMMEDIATE"
    journal = "delete"
    text = "TEXT"
    keys: tuple[str, ...] = (
        "PRIMARY KEY (program, kind, account, version)",
        "UNIQUE (program, kind, account, event)",
        "UNIQUE (program, kind, account, root, ordinal)",
    )

    def __init__(self, path: str, program: str = "one") -> None:
        self.path, self.program = path, program
        self.losing = False
        with self.connected() as connection:
            connection.execute(f"PRAGMA journal_mode = {self.journal}")
            self.create(connection)

    def create(self, connection: sqlite3.Connection) -> None:
        """Creates the tables."""
        key = f"program TEXT, kind TEXT, account {self.text}"
        columns = f"{key}, version INTEGER, event {self.text}, root {self.text}, ordinal INTEGER, occurred_at TEXT"
        connection.execute(f"CREATE TABLE IF NOT EXISTS commits ({', '.join((columns, 'body TEXT', *self.keys))})")
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS names ({key}, name {self.text}, version INTEGER,"
            " PRIMARY KEY (program, kind, account, name, version))"
        )
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS accounts ({key}, version INTEGER, state TEXT, next_due TEXT,"
            " PRIMARY KEY (program, kind, account))"
        )

    def key(self, account: Account) -> Key:
        """What an account is found by."""
        return (self.program, account.kind.value, account.id)

    # Connections.

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """A connection for one call."""
        connection = sqlite3.connect(self.path, timeout=20, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = off")  # No machine fails in these tests.
            yield connection
        finally:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One view of the database."""
        with self.connected() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction."""
        with self.connected() as connection:
            connection.execute(self.begin)
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        if self.losing:
            self.losing = False
            raise ConnectionError("The answer to COMMIT was lost.")

    @contextmanager
    def transaction(self) -> Iterator[Rows]:
        """A transaction of the caller's own."""
        with self.writing() as connection:
            yield Inside(self, connection)

    # Reading.

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """The accounts that have rows."""
        found = {}
        with self.reading() as connection:
            for account in accounts:
                query = f"SELECT version, state FROM accounts WHERE {ACCOUNT}"
                row = connection.execute(query, self.key(account)).fetchone()
                if row is not None:
                    found[account] = Stored(row[0], CODEC.load(row[1], State))
        return found

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        """The rows in order, one by one."""
        names = tuple(dict.fromkeys(about))
        with self.reading() as connection:
            query = f"SELECT body FROM commits WHERE {ACCOUNT}"
            values: list[object] = [*self.key(account)]
            if since is not None:
                query += " AND occurred_at >= ?"
                values.append(instant(since))
            if names:
                connection.execute("DROP TABLE IF EXISTS asked")  # A connection that is used again keeps it.
                connection.execute(f"CREATE TEMP TABLE asked (name {self.text} PRIMARY KEY)")
                connection.executemany("INSERT INTO asked VALUES (?)", [(name,) for name in names])
                query += f" AND version IN (SELECT version FROM names JOIN asked ON {self.matches} WHERE {ACCOUNT})"
                values += self.key(account)
            for (body,) in connection.execute(f"{query} ORDER BY version", values):
                yield CODEC.load(body, Commit)

    matches = "asked.name = names.name"

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """Who is due, in order."""
        query = "SELECT kind, account FROM accounts WHERE program = ? AND next_due <= ?"
        return self.page(query, [self.program, instant(until)], after, limit)

    def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """The accounts that have rows."""
        return self.page("SELECT kind, account FROM accounts WHERE program = ?", [self.program], after, limit)

    def page(self, query: str, values: Sequence[object], after: Account | None, limit: int) -> Sequence[Account]:
        """A page of accounts."""
        if after is not None:
            query += " AND (kind, account) > (?, ?)"
            values = [*values, *after.key]
        with self.reading() as connection:
            rows = connection.execute(f"{query} ORDER BY kind, account LIMIT ?", [*values, limit]).fetchall()
        return [Account(AccountKind(kind), id) for kind, id in rows]

    # Writing.

    def append(self, commits: Sequence[Commit], /) -> None:
        """All or nothing."""
        with self.writing() as connection:
            for commit in commits:
                self.check_event(connection, commit)
            for commit in commits:
                self.check_event(connection, commit)
                self.check_version(connection, commit)
                self.insert(connection, commit)

    def check_event(self, connection: sqlite3.Connection, commit: Commit) -> None:
        """A known event is a duplicate."""
        query = f"SELECT 1 FROM commits WHERE {ACCOUNT} AND event = ?"
        if connection.execute(query, (*self.key(commit.account), commit.event.id)).fetchone():
            raise DuplicateEventError(str(commit.account), commit.event.id)

    def version(self, connection: sqlite3.Connection, account: Account) -> int:
        """The last version."""
        query = f"SELECT version FROM accounts WHERE {ACCOUNT}"
        row = connection.execute(query, self.key(account)).fetchone()
        return 0 if row is None else int(row[0])

    def check_version(self, connection: sqlite3.Connection, commit: Commit) -> None:
        """Whatever is not the next is stale."""
        version = self.version(connection, commit.account)
        query = f"SELECT 1 FROM commits WHERE {ACCOUNT} AND root = ? AND ordinal = ?"
        taken = connection.execute(query, (*self.key(commit.account), commit.root, commit.ordinal)).fetchone()
        if taken or commit.version != version + 1:
            raise StaleStateError(str(commit.account), commit.version - 1, version)

    def insert(self, connection: sqlite3.Connection, commit: Commit) -> None:
        """Writes the rows of a commit."""
        key = self.key(commit.account)
        event = commit.event
        row = (*key, commit.version, event.id, commit.root, commit.ordinal, instant(event.occurred_at))
        connection.execute("INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, CODEC.dump(commit)))
        named = [(*key, name, commit.version) for name in dict.fromkeys(commit.names)]
        connection.executemany("INSERT INTO names VALUES (?, ?, ?, ?, ?)", named)
        state = (*key, commit.version, CODEC.dump(commit.after), instant(commit.next_due))
        connection.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?, ?)", state)


class Inside(Rows):
    """The same within a transaction of the caller's."""

    def __init__(self, outer: Rows, connection: sqlite3.Connection) -> None:
        self.path, self.program, self.losing = outer.path, outer.program, False
        self._connection = connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The transaction's view."""
        yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The caller ends it; what fails within is undone at once."""
        self._connection.execute("SAVEPOINT batch")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK TO batch")
            raise
        self._connection.execute("RELEASE batch")


class RowsContract(LedgerRepositoryContract):
    """The contract of a kind of store on SQLite, with all abilities. It leaves its files to the system."""

    locks = True
    rounds = 16
    examples = 8

    def __init__(self, store: type[Rows] = Rows) -> None:
        self.store = store

    def make_repository(self) -> LedgerRepository:
        """In a file of its own."""
        return self.store(str(Path(mkdtemp()) / "rows.sqlite"))

    def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository:
        """In the same file."""
        assert isinstance(repository, Rows)
        return self.store(repository.path, "two")

    def opener(self, repository: LedgerRepository) -> partial[Rows]:
        """The same file."""
        assert isinstance(repository, Rows)
        return partial(self.store, repository.path)

    def transaction(self, repository: LedgerRepository) -> AbstractContextManager[LedgerRepository] | None:
        """Of the caller's."""
        assert isinstance(repository, Rows)
        return repository.transaction()

    def lose_an_answer(self, repository: LedgerRepository) -> bool:
        """The next one."""
        assert isinstance(repository, Rows)
        repository.losing = True
        return True
