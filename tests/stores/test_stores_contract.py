"""The stores in databases keep the contract: blocking and awaited, over an engine and over a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import QueuePool

from patronage.repositories import AsyncLedgerRepository, LedgerRepository
from patronage.stores.sqlalchemy import AsyncSqlLedger, SqlLedger
from patronage.testing._contract_play import PROGRAM
from patronage.testing.contracts import AsyncLedgerRepositoryContract, LedgerRepositoryContract
from stores.databases import SHOP, Database, close_all_async, opened, postgresql_database, sqlite_database
from stores.postgresql import Server

T = TypeVar("T")


class OnDatabases:
    """Fresh tables for each repository, and a neighbour of another program in the same."""

    @pytest.fixture(autouse=True)
    def _places(self, tmp_path: Path) -> None:
        self.tmp_path, self.made = tmp_path, 0

    def fresh(self) -> Database:
        """A SQLite file."""
        self.made += 1
        return sqlite_database(self.tmp_path / f"{self.made}.db")

    def make_repository(self) -> LedgerRepository:
        """A ledger over an engine."""
        database = self.fresh()
        self.engine = database.engine()
        self.schema = database.schema(self.engine)
        return SqlLedger(self.engine, self.schema, SHOP)

    def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository | None:
        """Another program's ledger in the same tables."""
        return SqlLedger(self.engine, self.schema, "other")


class TestSqlite(OnDatabases, LedgerRepositoryContract):
    """A file with a rollback journal."""


class TestSqliteWal(OnDatabases, LedgerRepositoryContract):
    """A file with a write-ahead log."""

    def fresh(self) -> Database:
        """A file of that kind."""
        self.made += 1
        return sqlite_database(self.tmp_path / f"{self.made}.db", wal=True)


class TestSqliteInMemory(OnDatabases, LedgerRepositoryContract):
    """One connection, in memory."""

    def fresh(self) -> Database:
        """In memory."""
        return sqlite_database(None)


class TestSqliteLinked(OnDatabases, LedgerRepositoryContract):
    """With a chain of hashes, and every state verified."""

    def make_repository(self) -> LedgerRepository:
        """A careful ledger."""
        super().make_repository()
        return SqlLedger(self.engine, self.schema, SHOP, linked=True, verify=PROGRAM.calendar)


class TestSqliteOfTheCallers(OnDatabases, LedgerRepositoryContract):
    """An engine as anybody would make it, without our settings."""

    def make_repository(self) -> LedgerRepository:
        """A ledger over a plain engine."""
        self.made += 1
        self.engine = create_engine(f"sqlite:///{self.tmp_path / f'{self.made}.db'}")
        opened.append(self.engine)
        self.schema = sqlite_database(None).schema(self.engine)
        return SqlLedger(self.engine, self.schema, SHOP)


class InTheCallersTransaction(OnDatabases, LedgerRepositoryContract):
    """Over one connection, in one transaction that nobody has committed yet."""

    @pytest.fixture(autouse=True)
    def _connections(self) -> Iterator[None]:
        self.connections: list[Connection] = []
        yield
        for connection in self.connections:
            connection.close()

    def make_repository(self) -> LedgerRepository:
        """A ledger over a connection."""
        super().make_repository()
        self.connection = self.engine.connect()
        self.connections.append(self.connection)
        return SqlLedger(self.connection, self.schema, SHOP)

    def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository | None:
        """Another program's, in the same transaction."""
        return SqlLedger(self.connection, self.schema, "other")


class TestSqliteInTheCallersTransaction(InTheCallersTransaction):
    """On a SQLite file."""


class OnPostgresql(OnDatabases):
    """Fresh tables on the server."""

    level: str | None = None

    @pytest.fixture(autouse=True)
    def _server(self, server: Server) -> None:
        self.server = server

    def fresh(self) -> Database:
        """Tables with a prefix of their own."""
        return postgresql_database(self.server.url(), self.level)


class TestPostgresql(OnPostgresql, LedgerRepositoryContract):
    """READ COMMITTED."""


class TestPostgresqlSerializable(OnPostgresql, LedgerRepositoryContract):
    """SERIALIZABLE."""

    level = "SERIALIZABLE"


class TestPostgresqlPoolOfOne(OnPostgresql, LedgerRepositoryContract):
    """A pool of one connection: no call holds one while it wants another."""

    def make_repository(self) -> LedgerRepository:
        """A ledger over a small pool."""
        database = self.fresh()
        self.engine = database.engine(poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=1)
        self.schema = database.schema(self.engine)
        return SqlLedger(self.engine, self.schema, SHOP)


class TestPostgresqlInTheCallersTransaction(OnPostgresql, InTheCallersTransaction):
    """On the server."""


class Awaited(OnDatabases, AsyncLedgerRepositoryContract):
    """An awaited ledger over an engine: all calls of a test in one event loop."""

    @pytest.fixture(autouse=True)
    def _loop(self) -> Iterator[None]:
        with asyncio.Runner() as self.runner:
            yield
            self.runner.run(close_all_async())

    def run(self, work: Coroutine[object, object, T]) -> T:
        """In the test's own loop."""
        return self.runner.run(work)

    def make_async_repository(self) -> AsyncLedgerRepository:
        """A ledger over an engine."""
        database = self.fresh()
        self.async_engine = database.async_engine()
        self.schema = self.run(database.schema_async(self.async_engine))
        return AsyncSqlLedger(self.async_engine, self.schema, SHOP)

    def make_repository(self) -> LedgerRepository:
        """The contract's adapter."""
        return AsyncLedgerRepositoryContract.make_repository(self)

    def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository | None:
        """None: the tables are the same as those of the blocking ledger."""
        return None


class TestSqliteAwaited(Awaited):
    """aiosqlite."""


class TestPostgresqlAwaited(OnPostgresql, Awaited):
    """psycopg."""


def test_an_engine_in_memory_keeps_its_database() -> None:
    """One connection holds it, and is handed out to one at a time."""
    engine = sqlite_database(None).engine()
    sqlite_database(None).schema(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version FROM patronage_schema").scalar_one() == 1
