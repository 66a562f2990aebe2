"""The stores in databases keep the contracts: blocking and awaited, over an engine and over a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import QueuePool

from patronage.repositories import (
    AsyncIdentifierRepository,
    AsyncLedgerRepository,
    AsyncProgramRepository,
    IdentifierRepository,
    LedgerRepository,
    ProgramRepository,
)
from patronage.stores.sqlalchemy import (
    AsyncSqlIdentifiers,
    AsyncSqlLedger,
    AsyncSqlPrograms,
    SqlIdentifiers,
    SqlLedger,
    SqlPrograms,
    open_schema,
)
from patronage.testing.contracts import (
    AsyncIdentifierRepositoryContract,
    AsyncLedgerRepositoryContract,
    AsyncProgramRepositoryContract,
    IdentifierRepositoryContract,
    LedgerRepositoryContract,
    ProgramRepositoryContract,
)
from stores.databases import (
    SHOP,
    Database,
    async_engine_of,
    engine_of,
    lose_the_next_answer,
    open_async_ledger,
    open_ledger,
    opened,
    postgresql_database,
    sqlite_database,
)
from stores.postgresql import Server


class OnSqlite:
    """Each repository has a file of its own."""

    wal = False

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.tmp_path, self.made = tmp_path, 0

    def fresh(self) -> Database:
        """Where nothing is yet."""
        self.made += 1
        return sqlite_database(self.tmp_path / f"{self.made}.db", wal=self.wal)


class OnPostgresql:
    """Each repository has tables of its own, on the server."""

    level: str | None = None

    @pytest.fixture(autouse=True)
    def _place(self, server: Server) -> None:
        self.server = server

    def fresh(self) -> Database:
        """Where nothing is yet."""
        return postgresql_database(self.server.url(), self.level)


class Ledgers(LedgerRepositoryContract):
    """A ledger over an engine, with all that a database can do."""

    locks = True
    linked = False

    def fresh(self) -> Database:
        """Where nothing is yet."""
        raise NotImplementedError

    def make_repository(self) -> LedgerRepository:
        """A ledger over an engine."""
        self.database = self.fresh()
        return self.database.ledger(linked=self.linked)

    def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository | None:
        """Another program's ledger in the same tables."""
        return self.database.ledger(program="other")

    def opener(self, repository: LedgerRepository) -> Callable[[], LedgerRepository] | None:
        """Connections of its own."""
        return partial(open_ledger, self.database)

    def transaction(self, repository: LedgerRepository) -> AbstractContextManager[LedgerRepository] | None:
        """The caller's."""
        return self._transaction(repository)

    @contextmanager
    def _transaction(self, repository: LedgerRepository) -> Iterator[LedgerRepository]:
        assert isinstance(repository, SqlLedger)
        with engine_of(repository).begin() as connection:
            yield SqlLedger(connection, open_schema(connection, prefix=self.database.prefix), SHOP)

    def lose_an_answer(self, repository: LedgerRepository) -> bool:
        """COMMIT works, and nobody is told."""
        assert isinstance(repository, SqlLedger)
        lose_the_next_answer(engine_of(repository))
        return True

    def close(self, repository: LedgerRepository) -> None:
        """Its connections."""
        assert isinstance(repository, SqlLedger)
        engine_of(repository).dispose()


class TestSqlite(OnSqlite, Ledgers):
    """A file with a rollback journal."""


class TestSqliteWal(OnSqlite, Ledgers):
    """A file with a write-ahead log."""

    wal = True


class TestSqliteLinked(OnSqlite, Ledgers):
    """With a chain of hashes."""

    linked = True


class TestPostgresql(OnPostgresql, Ledgers):
    """READ COMMITTED."""


class TestPostgresqlSerializable(OnPostgresql, Ledgers):
    """SERIALIZABLE, and a chain of hashes."""

    level = "SERIALIZABLE"
    linked = True
    locks = False  # Whoever waited for a lock is refused when it gets it.


class TestPostgresqlPoolOfOne(OnPostgresql, Ledgers):
    """A pool of one connection: no call holds one while it wants another."""

    def make_repository(self) -> LedgerRepository:
        """A ledger over a small pool."""
        self.database = self.fresh()
        engine = self.database.engine(poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=20)
        return self.database.ledger(engine)


class TestSqliteInMemory(LedgerRepositoryContract):
    """One connection, in memory, which threads have one after the other."""

    def make_repository(self) -> LedgerRepository:
        """A ledger over an engine."""
        return sqlite_database(None).ledger()

    def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository | None:
        """Another program's ledger in the same tables."""
        assert isinstance(repository, SqlLedger)
        return sqlite_database(None).ledger(engine_of(repository), "other")


class TestSqliteOfTheCallers(OnSqlite, LedgerRepositoryContract):
    """An engine as anybody would make it, without our settings."""

    def make_repository(self) -> LedgerRepository:
        """A ledger over a plain engine."""
        engine = create_engine(f"sqlite:///{self.fresh().path}")
        opened.append(engine)
        return SqlLedger(engine, open_schema(engine), SHOP)


class InOneTransaction(LedgerRepositoryContract):
    """Over one connection, in one transaction of the caller's that nobody has committed yet."""

    @pytest.fixture(autouse=True)
    def _connections(self) -> Iterator[None]:
        self.connections: list[Connection] = []
        yield
        for connection in self.connections:
            connection.close()

    def fresh(self) -> Database:
        """Where nothing is yet."""
        raise NotImplementedError

    def make_repository(self) -> LedgerRepository:
        """A ledger over a connection."""
        database = self.fresh()
        engine = database.engine()
        self.schema = database.schema(engine)
        self.connections.append(engine.connect())
        return SqlLedger(self.connections[-1], self.schema, SHOP)

    def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository | None:
        """Another program's, in the same transaction."""
        return SqlLedger(self.connections[-1], self.schema, "other")

    def in_thread(self, repository: LedgerRepository) -> LedgerRepository | None:
        """A connection is one thread's."""
        return None


class TestSqliteInOneTransaction(OnSqlite, InOneTransaction):
    """On a SQLite file."""


class TestPostgresqlInOneTransaction(OnPostgresql, InOneTransaction):
    """On the server."""


class AsyncLedgers(AsyncLedgerRepositoryContract):
    """An awaited ledger over an engine, with all that a database can do."""

    locks = True

    def fresh(self) -> Database:
        """Where nothing is yet."""
        raise NotImplementedError

    def make_async_repository(self) -> AsyncLedgerRepository:
        """A ledger over an engine."""
        self.database = self.fresh()
        engine = self.database.async_engine()
        return self.run(self.database.async_ledger(engine))

    def make_async_neighbour(self, repository: AsyncLedgerRepository) -> AsyncLedgerRepository | None:
        """Another program's ledger in the same tables."""
        return self.run(self.database.async_ledger(self.database.async_engine(), "other"))

    def async_opener(self, repository: AsyncLedgerRepository) -> Callable[[], AsyncLedgerRepository] | None:
        """Connections of its own."""
        return partial(open_async_ledger, self.database)

    def async_transaction(
        self, repository: AsyncLedgerRepository
    ) -> AbstractAsyncContextManager[AsyncLedgerRepository] | None:
        """The caller's."""
        return self._transaction(repository)

    @asynccontextmanager
    async def _transaction(self, repository: AsyncLedgerRepository) -> AsyncIterator[AsyncLedgerRepository]:
        assert isinstance(repository, AsyncSqlLedger)
        async with async_engine_of(repository).begin() as connection:
            yield AsyncSqlLedger(connection, await self.database.schema_async(connection), SHOP)

    def lose_an_async_answer(self, repository: AsyncLedgerRepository) -> bool:
        """COMMIT works, and nobody is told."""
        assert isinstance(repository, AsyncSqlLedger)
        lose_the_next_answer(async_engine_of(repository).sync_engine)
        return True

    async def close_async(self, repository: AsyncLedgerRepository) -> None:
        """Its connections."""
        assert isinstance(repository, AsyncSqlLedger)
        await async_engine_of(repository).dispose()


class TestSqliteAwaited(OnSqlite, AsyncLedgers):
    """aiosqlite."""


class TestPostgresqlAwaited(OnPostgresql, AsyncLedgers):
    """psycopg."""


class Identifiers(IdentifierRepositoryContract):
    """Codes over an engine."""

    def fresh(self) -> Database:
        """Where nothing is yet."""
        raise NotImplementedError

    def make_repository(self) -> IdentifierRepository:
        """Of one program."""
        database = self.fresh()
        self.engine = database.engine()
        self.schema = database.schema(self.engine)
        return SqlIdentifiers(self.engine, self.schema, SHOP)

    def make_neighbour(self, repository: IdentifierRepository) -> IdentifierRepository | None:
        """Of another."""
        return SqlIdentifiers(self.engine, self.schema, "other")


class TestSqliteIdentifiers(OnSqlite, Identifiers):
    """On a SQLite file."""


class TestPostgresqlIdentifiers(OnPostgresql, Identifiers):
    """On the server."""


class TestPostgresqlSerializableIdentifiers(OnPostgresql, Identifiers):
    """On the server, at its strictest."""

    level = "SERIALIZABLE"


class TestAwaitedIdentifiers(OnPostgresql, AsyncIdentifierRepositoryContract):
    """Awaited."""

    def make_async_repository(self) -> AsyncIdentifierRepository:
        """Of one program."""
        database = self.fresh()
        self.engine = database.async_engine()
        return AsyncSqlIdentifiers(self.engine, self.run(database.schema_async(self.engine)), SHOP)

    async def close_async(self, repository: AsyncIdentifierRepository) -> None:
        """Its connections."""
        await self.engine.dispose()


class Programs(ProgramRepositoryContract):
    """Terms over an engine."""

    def fresh(self) -> Database:
        """Where nothing is yet."""
        raise NotImplementedError

    def make_repository(self) -> ProgramRepository:
        """Of one program."""
        database = self.fresh()
        self.engine = database.engine()
        self.schema = database.schema(self.engine)
        return SqlPrograms(self.engine, self.schema, SHOP, "Europe/Berlin")

    def make_neighbour(self, repository: ProgramRepository) -> ProgramRepository | None:
        """Of another."""
        return SqlPrograms(self.engine, self.schema, "other", "Europe/Berlin")


class TestSqlitePrograms(OnSqlite, Programs):
    """On a SQLite file."""


class TestPostgresqlPrograms(OnPostgresql, Programs):
    """On the server."""


class TestPostgresqlSerializablePrograms(OnPostgresql, Programs):
    """On the server, at its strictest."""

    level = "SERIALIZABLE"


class TestAwaitedPrograms(OnPostgresql, AsyncProgramRepositoryContract):
    """Awaited."""

    def make_async_repository(self) -> AsyncProgramRepository:
        """Of one program."""
        database = self.fresh()
        self.engine = database.async_engine()
        schema = self.run(database.schema_async(self.engine))
        return AsyncSqlPrograms(self.engine, schema, SHOP, "Europe/Berlin")

    async def close_async(self, repository: AsyncProgramRepository) -> None:
        """Its connections."""
        await self.engine.dispose()
