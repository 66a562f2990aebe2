"""The ledger in a database: `SqlLedger` blocks, `AsyncSqlLedger` is awaited. What they do is one and the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

import attrs
from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from patronage.codec import Codec
from patronage.ledger import Account, Commit
from patronage.periods import Calendar
from patronage.repositories import Stored
from patronage.stores.sqlalchemy._binds import (
    begin,
    in_transaction,
    join,
    read_async,
    reading,
    to_its_end,
    write_async,
)
from patronage.stores.sqlalchemy._errors import KeyTakenError, translated
from patronage.stores.sqlalchemy._schema import Schema
from patronage.stores.sqlalchemy._shelves import Row, Shelves

P = ParamSpec("P")
T = TypeVar("T")


def _join(_: Shelves, connection: Connection) -> None:
    join(connection)


async def _begin(connection: AsyncConnection) -> None:
    await connection.start()
    await connection.run_sync(begin)


@attrs.define
class _Unit:
    """A transaction of the store's own, under way: whether anything was written in it."""

    written: bool = False


class SqlLedger:
    """
    A `LedgerRepository` in the tables that `open_schema` found or made, for one *program*, by its id.

    Over a connection it works within the caller's transaction, and the caller commits: what the shop
    writes and what the ledger writes are kept together or not at all. Over an engine every call is a
    transaction of its own, and `transaction` makes one of several.

    *linked* writes a hash of all earlier commits of the account beside each, which
    `patronage.stores.audit` checks. *verify*, the program's calendar, has every state that is loaded
    compared with the sum of its entries (it reads the whole history): LedgerError where they differ.
    Raises StoreError, by what the caller would do about it, where the database fails.
    """

    __slots__ = ("_bind", "_shelves", "_unit")

    def __init__(
        self,
        bind: Engine | Connection,
        schema: Schema,
        program: str,
        *,
        codec: Codec | None = None,
        linked: bool = False,
        verify: Calendar | None = None,
    ) -> None:
        self._bind = bind
        self._shelves = Shelves(schema, program, codec or Codec(), linked, verify)
        self._unit: _Unit | None = None

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """The accounts that have a commit. Locks hold until the transaction ends, where there is one to end."""
        lock = lock and isinstance(self._bind, Connection)
        if lock and self._unit is None:
            self._read(_join)
        return self._read(Shelves.load, accounts, lock)

    def append(self, commits: Sequence[Commit], /) -> None:
        """All of *commits*, or none. Raises also InvalidValueError, for a commit without the state it leads to."""
        batch = tuple(commits)
        if not batch:
            return
        try:
            if self._unit is None:
                with in_transaction(self._bind) as connection:
                    self._shelves.append(connection, batch)
            else:
                self._read(Shelves.append, batch)
                self._unit.written = True
        except KeyTakenError:
            if self._unit is not None and isinstance(self._bind, Connection):
                self._bind.rollback()
            raise self._read(Shelves.conflict, batch) from None

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterator[Commit]:
        """The commits whose names meet *about*, read in pages: no connection is held between two of them."""
        names = tuple(about)
        after: int | None = 0
        while after is not None:
            page, after = self._read(Shelves.page, account, names, since, after)
            yield from page

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """Accounts for which time does something at or before *until*."""
        return self._read(Shelves.due, until, after, limit)

    def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """The accounts that have a commit."""
        return self._read(Shelves.accounts, after, limit)

    def states(self) -> Iterator[tuple[Account, Stored]]:
        """
        Every account as it is saved, in order of `Account.key`, read in pages.

        Each page is read anew; for all of them at one instant, hand the ledger a connection whose
        transaction is of REPEATABLE READ.
        """
        for account, stored, _ in self.saved():
            yield account, stored

    def saved(self) -> Iterator[tuple[Account, Stored, int | None]]:
        """What `states` gives, and when each account is due, as it stands in the database."""
        after: Account | None = None
        while page := self._read(Shelves.states, after):
            yield from page
            after = page[-1][0]

    def commits(self) -> Iterator[Commit]:
        """All commits of all accounts, account after account and in order of version, read in pages as `states` is."""
        return map(self.read, self.rows())

    def rows(self) -> Iterator[Row]:
        """What `commits` gives, as it stands in the database."""
        after: Row | None = None
        while page := self._read(Shelves.rows, after):
            yield from page
            after = page[-1]

    def read(self, row: Row) -> Commit:
        """A stored commit, read. Raises LedgerError where its text is not that commit."""
        return self._shelves.commit(row.account, row.version, row.body)

    def unnamed(self, commits: Sequence[Commit]) -> Commit | None:
        """The first of an account's *commits* that `history` would not find under one of its names."""
        return self._read(Shelves.unnamed, commits)

    @contextmanager
    def transaction(self) -> Iterator[SqlLedger]:
        """
        The ledger in a transaction that is kept where the block ends well, and undone where it raises.

        What is loaded with *lock* in it is held until it ends. Over the caller's connection it is the
        caller's transaction.
        """
        if isinstance(self._bind, Connection):
            yield self
            return
        with translated(), self._bind.connect() as connection:
            begin(connection)
            inner = object.__new__(SqlLedger)
            inner._bind, inner._shelves, inner._unit = connection, self._shelves, _Unit()
            yield inner
            if inner._unit.written:
                connection.commit()

    def _read(self, work: Callable[Concatenate[Shelves, Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with reading(self._bind) as connection:
            return work(self._shelves, connection, *args, **kwargs)


class AsyncSqlLedger:
    """
    `SqlLedger` for a program that waits with `await`: an `AsyncLedgerRepository` over the same tables.

    See `SqlLedger` for what it takes, does and raises. A task that is cancelled gives its connection back.
    """

    __slots__ = ("_bind", "_shelves", "_unit")

    def __init__(
        self,
        bind: AsyncEngine | AsyncConnection,
        schema: Schema,
        program: str,
        *,
        codec: Codec | None = None,
        linked: bool = False,
        verify: Calendar | None = None,
    ) -> None:
        self._bind = bind
        self._shelves = Shelves(schema, program, codec or Codec(), linked, verify)
        self._unit: _Unit | None = None

    async def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """See `SqlLedger.load`."""
        lock = lock and isinstance(self._bind, AsyncConnection)
        if lock and self._unit is None:
            await self._read(_join)
        return await self._read(Shelves.load, accounts, lock)

    async def append(self, commits: Sequence[Commit], /) -> None:
        """See `SqlLedger.append`."""
        batch = tuple(commits)
        if not batch:
            return
        try:
            if self._unit is None:
                await write_async(self._bind, lambda connection: self._shelves.append(connection, batch))
            else:
                await self._read(Shelves.append, batch)
                self._unit.written = True
        except KeyTakenError:
            if self._unit is not None and isinstance(self._bind, AsyncConnection):
                await self._bind.rollback()
            raise await self._read(Shelves.conflict, batch) from None

    async def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> AsyncIterator[Commit]:
        """See `SqlLedger.history`."""
        names = tuple(about)
        after: int | None = 0
        while after is not None:
            page, after = await self._read(Shelves.page, account, names, since, after)
            for commit in page:
                yield commit

    async def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """See `SqlLedger.due`."""
        return await self._read(Shelves.due, until, after, limit)

    async def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """See `SqlLedger.accounts`."""
        return await self._read(Shelves.accounts, after, limit)

    async def states(self) -> AsyncIterator[tuple[Account, Stored]]:
        """See `SqlLedger.states`."""
        after: Account | None = None
        while page := await self._read(Shelves.states, after):
            for account, stored, _ in page:
                yield account, stored
            after = page[-1][0]

    async def commits(self) -> AsyncIterator[Commit]:
        """See `SqlLedger.commits`."""
        after: Row | None = None
        while page := await self._read(Shelves.rows, after):
            for row in page:
                yield self._shelves.commit(row.account, row.version, row.body)
            after = page[-1]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSqlLedger]:
        """See `SqlLedger.transaction`."""
        if isinstance(self._bind, AsyncConnection):
            yield self
            return
        with translated():
            connection, unit = self._bind.connect(), _Unit()
            try:
                await to_its_end(_begin(connection))
                inner = object.__new__(AsyncSqlLedger)
                inner._bind, inner._shelves, inner._unit = connection, self._shelves, unit
                yield inner
                if unit.written:
                    await to_its_end(connection.commit())
            finally:
                if connection.sync_connection is not None:
                    await to_its_end(connection.close())

    async def _read(
        self, work: Callable[Concatenate[Shelves, Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await read_async(self._bind, lambda connection: work(self._shelves, connection, *args, **kwargs))
