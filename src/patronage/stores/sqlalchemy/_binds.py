"""
Connections and transactions: the store's own, or the caller's, into which it puts a savepoint.

On SQLite a transaction that will write begins IMMEDIATE: one that reads first and wants to write
then can be refused at any time. Drivers begin late and SQLite may roll back by itself (a full
disk), so what the connection says of itself is believed, not what SQLAlchemy remembers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from patronage.errors import StoreError
from patronage.stores.sqlalchemy._errors import translated

_SQLITE = "sqlite"


@contextmanager
def reading(bind: Engine | Connection) -> Iterator[Connection]:
    """A connection to read by: the caller's, or one on which every statement stands alone."""
    with translated():
        if isinstance(bind, Connection):
            yield bind
        else:
            with bind.connect() as connection:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def reading_async(bind: AsyncEngine | AsyncConnection) -> AsyncIterator[AsyncConnection]:
    """See `reading`."""
    with translated():
        if isinstance(bind, AsyncConnection):
            yield bind
        else:
            async with bind.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def in_transaction(bind: Engine | Connection) -> Iterator[Connection]:
    """A transaction of its own, committed at the end; or a savepoint in the caller's, all of it or nothing."""
    with translated():
        if isinstance(bind, Connection):
            join(bind)
            try:
                with bind.begin_nested():
                    yield bind
            except BaseException:
                give_up_if_gone(bind)
                raise
        else:
            with bind.connect() as connection:
                begin(connection)
                yield connection
                connection.commit()


@asynccontextmanager
async def in_transaction_async(bind: AsyncEngine | AsyncConnection) -> AsyncIterator[AsyncConnection]:
    """See `in_transaction`."""
    with translated():
        if isinstance(bind, AsyncConnection):
            await bind.run_sync(join)
            try:
                async with bind.begin_nested():
                    yield bind
            except BaseException:
                await bind.run_sync(give_up_if_gone)
                raise
        else:
            async with bind.connect() as connection:
                await connection.run_sync(begin)
                yield connection
                await connection.commit()


def begin(connection: Connection) -> None:
    """Begins a transaction of the store's own that will write."""
    if connection.dialect.name == _SQLITE:
        connection.begin()
        if _is_open(connection):  # A listener of the caller's began it, perhaps not to write.
            connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    if _autocommits(connection):
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
