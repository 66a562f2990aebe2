"""
Connections and transactions: the store's own, or the caller's, into which it puts a savepoint.

On SQLite a transaction that will write begins IMMEDIATE: one that reads first and wants to write
then can be refused at any time. Drivers begin late and SQLite may roll back by itself (a full
disk), so what the connection says of itself is believed, not what SQLAlchemy remembers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from patronage.errors import StoreError
from patronage.stores.sqlalchemy._errors import translated

T = TypeVar("T")

_SQLITE: Final = "sqlite"


@contextmanager
def reading(bind: Engine | Connection) -> Iterator[Connection]:
    """A connection to read by: the caller's, or one on which every statement stands alone."""
    with translated():
        if isinstance(bind, Connection):
            yield bind
        else:
            with bind.connect() as connection:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")


async def read_async(bind: AsyncEngine | AsyncConnection, work: Callable[[Connection], T]) -> T:
    """What *work* reads; see `reading`."""
    return await to_its_end(_read(bind, work))


async def _read(bind: AsyncEngine | AsyncConnection, work: Callable[[Connection], T]) -> T:
    with translated():
        if isinstance(bind, AsyncConnection):
            return await bind.run_sync(work)
        async with bind.connect() as connection:
            return await (await connection.execution_options(isolation_level="AUTOCOMMIT")).run_sync(work)


@contextmanager
def in_transaction(bind: Engine | Connection) -> Iterator[Connection]:
    """A transaction of its own, committed at the end; or a savepoint in the caller's, all of it or nothing."""
    with translated():
        if isinstance(bind, Connection):
            join(bind)
            with bind.begin_nested():
                try:
                    yield bind
                except BaseException:
                    give_up_if_gone(bind)  # Before the savepoint is looked for, which would be the error that is told.
                    raise
        else:
            with bind.connect() as connection:
                begin(connection)
                yield connection
                connection.commit()


async def write_async(bind: AsyncEngine | AsyncConnection, work: Callable[[Connection], T]) -> T:
    """What *work* gives, done in a transaction; see `in_transaction`."""
    return await to_its_end(_write(bind, work))


async def _write(bind: AsyncEngine | AsyncConnection, work: Callable[[Connection], T]) -> T:
    with translated():
        if isinstance(bind, AsyncConnection):
            await bind.run_sync(join)
            async with bind.begin_nested():
                try:
                    return await bind.run_sync(work)
                except BaseException:
                    await bind.run_sync(give_up_if_gone)
                    raise
        async with bind.connect() as connection:
            await connection.run_sync(begin)
            made = await connection.run_sync(work)
            await connection.commit()
            return made


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """
    Waits for *work*; where that is cancelled, only once the database is done with it.

    SQLite works in a thread, which nobody can cancel: a connection that was left to it would keep
    the whole database locked. On PostgreSQL the next one to use a connection could read the rest of
    what the driver was in the middle of.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:
            break
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # Looked at, so that nobody is told that it was not.
        raise cancelled
    return task.result()


def begin(connection: Connection) -> None:
    """
    Begins a transaction of the store's own that will write.

    On PostgreSQL each of its statements sees what is committed by then: whoever waited for a lock
    goes on from what the other wrote, where at a stricter level it would have to begin again.
    """
    if connection.dialect.name == _SQLITE:
        connection.begin()
        if _is_open(connection):  # A listener of the caller's began it, perhaps not to write.
            connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execution_options(isolation_level="READ COMMITTED")
        connection.begin()


def join(connection: Connection) -> None:
    """Makes sure that the caller's connection is in a transaction, in which a savepoint means something."""
    if connection.dialect.name == _SQLITE:
        if not connection.in_transaction():
            connection.begin()
        if not _is_open(connection):  # The driver waits for the first write: begin to write now.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif _autocommits(connection):
        raise StoreError("This connection commits every statement by itself: hand in one with a transaction.")


def give_up_if_gone(connection: Connection) -> None:
    """
    Ends the caller's transaction where the database has rolled it back by itself.

    SQLite does so where the disk is full. What the caller then wrote would be committed alone.
    """
    if connection.dialect.name != _SQLITE or connection.closed or connection.invalidated or _is_open(connection):
        return
    transaction = connection.get_transaction()
    if transaction is not None and transaction.is_active:
        try:
            transaction.rollback()
        except DBAPIError:
            connection.invalidate()


def _is_open(connection: Connection) -> bool:
    """Whether SQLite itself is in a transaction."""
    return bool(getattr(connection.connection.driver_connection, "in_transaction", False))


def _autocommits(connection: Connection) -> bool:
    """Whether the driver commits every statement by itself."""
    return getattr(connection.connection.driver_connection, "autocommit", None) is True
