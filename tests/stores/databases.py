"""Databases to run a test on, described in plain values: any process can open its own connections to them."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from patronage.stores.sqlalchemy import (
    AsyncSqlLedger,
    Schema,
    SqlLedger,
    open_schema,
    open_schema_async,
    sqlite_async_engine,
    sqlite_engine,
)

SHOP = "shop"
_count = itertools.count()

opened: list[Engine] = []
opened_async: list[AsyncEngine] = []
"""What the running test has opened, to be closed at its end."""


def close_all() -> None:
    """Closes what the test has opened."""
    while opened:
        opened.pop().dispose()


async def close_all_async() -> None:
    """Closes what the test has opened and awaits."""
    while opened_async:
        await opened_async.pop().dispose()


@attrs.frozen(kw_only=True)
class Database:
    """Where it is, and how it is opened. *level* is PostgreSQL's isolation; None the default, READ COMMITTED."""

    path: Path | None = None
    wal: bool = False
    url: str | None = None
    level: str | None = None
    prefix: str = "patronage_"

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url is None

    @property
    def dialect(self) -> str:
        """The database's name, as a schema has it."""
        return "sqlite" if self.is_sqlite else "postgresql"

    def engine(self, **settings: Any) -> Engine:
        """A fresh engine."""
        if self.url is None:
            engine = sqlite_engine(self.path, wal=self.wal, **settings)
        else:
            engine = create_engine(self.url, **self._leveled(), **settings)
        opened.append(engine)
        return engine

    def async_engine(self, **settings: Any) -> AsyncEngine:
        """A fresh engine that is awaited."""
        if self.url is None:
            engine = sqlite_async_engine(self.path, wal=self.wal, **settings)
        else:
            engine = create_async_engine(self.url, **self._leveled(), **settings)
        opened_async.append(engine)
        return engine

    def _leveled(self) -> dict[str, Any]:
        return {} if self.level is None else {"isolation_level": self.level}

    @property
    def known(self) -> Schema:
        """The tables, which must be there: nobody looks."""
        return Schema(self.dialect, self.prefix)

    def schema(self, engine: Engine) -> Schema:
        """The tables, made where they are missing."""
        return open_schema(engine, prefix=self.prefix)

    async def schema_async(self, engine: AsyncEngine | AsyncConnection) -> Schema:
        """The tables, made where they are missing."""
        return await open_schema_async(engine, prefix=self.prefix)

    def ledger(self, engine: Engine | None = None, program: str = SHOP, **settings: Any) -> SqlLedger:
        """A ledger of it, over an engine of its own unless one is given."""
        engine = engine or self.engine()
        return SqlLedger(engine, self.schema(engine), program, **settings)

    async def async_ledger(self, engine: AsyncEngine, program: str = SHOP, **settings: Any) -> AsyncSqlLedger:
        """An awaited ledger of it."""
        return AsyncSqlLedger(engine, await self.schema_async(engine), program, **settings)


def sqlite_database(path: Path | None, *, wal: bool = False) -> Database:
    """A SQLite file, made when it is opened; None is in memory."""
    return Database(path=path, wal=wal)


def postgresql_database(url: str, level: str | None = None) -> Database:
    """Fresh tables on a server: the prefix is their own."""
    return Database(url=url, level=level, prefix=f"t{os.getpid()}_{next(_count)}_")


def open_ledger(database: Database) -> SqlLedger:
    """A ledger with connections of its own, for any process."""
    return database.ledger()


def open_async_ledger(database: Database) -> AsyncSqlLedger:
    """An awaited one, for any process. The tables must be there."""
    return AsyncSqlLedger(database.async_engine(), database.known, SHOP)


def engine_of(ledger: SqlLedger) -> Engine:
    """The engine that a ledger was made with."""
    assert isinstance(ledger._bind, Engine)
    return ledger._bind


def async_engine_of(ledger: AsyncSqlLedger) -> AsyncEngine:
    """The engine that an awaited ledger was made with."""
    assert isinstance(ledger._bind, AsyncEngine)
    return ledger._bind


def lose_the_next_answer(engine: Engine) -> None:
    """The next COMMIT works, and whoever asked for it is told that the connection broke."""

    @event.listens_for(engine, "commit", once=True)
    def lose(connection: Connection) -> None:
        connection.connection.dbapi_connection.commit()  # type: ignore[union-attr]
        raise ConnectionResetError("The answer was lost on the way.")
