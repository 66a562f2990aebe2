"""Engines for SQLite that are set as a ledger wants them. For PostgreSQL `create_engine` is right as it is."""

from __future__ import annotations

from datetime import timedelta
from os import PathLike, fspath
from typing import Any, Final

from sqlalchemy import URL, Engine, QueuePool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

_BUSY_MAX: Final = timedelta(seconds=30)


def sqlite_engine(path: str | PathLike[str] | None, *, wal: bool = False, busy_max: timedelta = _BUSY_MAX) -> Engine:
    """
    An engine over the SQLite database at *path*; None is one in memory, which lives as long as the engine.

    What is committed is on the disk (`synchronous=FULL`), in a rollback journal; with *wal* in a
    write-ahead log, which lets others read while one writes. A writer waits up to *busy_max* for
    another, then StoreBusyError.
    """
    settings = {"timeout": busy_max.total_seconds(), "check_same_thread": False}
    if path is None:
        engine = create_engine("sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, connect_args=settings)
    else:
        engine = create_engine(URL.create("sqlite", database=fspath(path)), connect_args=settings)
    _set_on_connect(engine, wal and path is not None)
    return engine


def sqlite_async_engine(
    path: str | PathLike[str] | None, *, wal: bool = False, busy_max: timedelta = _BUSY_MAX
) -> AsyncEngine:
    """See `sqlite_engine`; over aiosqlite."""
    settings = {"timeout": busy_max.total_seconds()}
    if path is None:
        engine = create_async_engine(
            "sqlite+aiosqlite://",
            poolclass=AsyncAdaptedQueuePool,
            pool_size=1,
            max_overflow=0,
            connect_args=settings,
        )
    else:
        engine = create_async_engine(URL.create("sqlite+aiosqlite", database=fspath(path)), connect_args=settings)
    _set_on_connect(engine.sync_engine, wal and path is not None)
    return engine


def _set_on_connect(engine: Engine, wal: bool) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        if wal:
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()
