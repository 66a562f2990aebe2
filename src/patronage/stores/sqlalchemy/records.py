"""Identifiers and published terms in a database."""

from __future__ import annotations

import attrs
from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from patronage.codec import Codec
from patronage.errors import InvalidValueError, quote
from patronage.events import identifier, word
from patronage.ledger import Account, AccountKind
from patronage.periods import Calendar, format_instant
from patronage.program import Program
from patronage.repositories import IdentifierTakenError
from patronage.stores.sqlalchemy._binds import in_transaction, read_async, reading, write_async
from patronage.stores.sqlalchemy._schema import POSTGRESQL, Schema, lock_until_the_end
from patronage.stores.sqlalchemy._shelves import microseconds
from patronage.stores.sqlalchemy._statements import statements_for
from patronage.terms import Terms


@attrs.frozen
class _Codes:
    """What is done with codes, over a connection."""

    schema: Schema
    program: str = attrs.field(converter=identifier)

    def claim(self, connection: Connection, kind: str, code: str, account: Account) -> Account | None:
        """Whose the code is after this."""
        values = {"program": self.program, "kind": word(kind), "code": identifier(code)}
        owner = {"owner_kind": account.kind.value, "owner": account.id}
        connection.execute(statements_for(self.schema).claim, {**values, **owner})
        return self.owner(connection, kind, code)

    def owner(self, connection: Connection, kind: str, code: str) -> Account | None:
        """Whose it is: compared as a whole, as it stands."""
        values = {"program": self.program, "kind": kind, "code": code}
        row = connection.execute(statements_for(self.schema).owner, values).first()
        return None if row is None else Account(AccountKind(row[0]), row[1])

    def forget(self, connection: Connection, account: Account) -> int:
        """Forgets the codes of an account."""
        values = {"program": self.program, "owner_kind": account.kind.value, "owner": account.id}
        return connection.execute(statements_for(self.schema).forget, values).rowcount


class SqlIdentifiers:
    """
    An `IdentifierRepository` in the tables of `open_schema`. Codes are compared as they stand: normalise them first.

    Over a connection it works within the caller's transaction, over an engine each call is one.
    """

    __slots__ = ("_bind", "_codes")

    def __init__(self, bind: Engine | Connection, schema: Schema, program: str) -> None:
        self._bind, self._codes = bind, _Codes(schema, program)

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        """Makes *account* the owner, unless another one is: then raises IdentifierTakenError."""
        with in_transaction(self._bind) as connection:
            owner = self._codes.claim(connection, kind, code, account)
        if owner != account:
            raise IdentifierTakenError(kind, code)

    def owner(self, kind: str, code: str, /) -> Account | None:
        """Whose code it is; of a code that is nearly somebody's nothing is said."""
        with reading(self._bind) as connection:
            return self._codes.owner(connection, kind, code)

    def forget(self, account: Account, /) -> int:
        """Forgets every code of *account*, and says how many there were."""
        with in_transaction(self._bind) as connection:
            return self._codes.forget(connection, account)


class AsyncSqlIdentifiers:
    """`SqlIdentifiers` with `await`."""

    __slots__ = ("_bind", "_codes")

    def __init__(self, bind: AsyncEngine | AsyncConnection, schema: Schema, program: str) -> None:
        self._bind, self._codes = bind, _Codes(schema, program)

    async def claim(self, kind: str, code: str, account: Account, /) -> None:
        """See `SqlIdentifiers.claim`."""
        owner = await write_async(self._bind, lambda connection: self._codes.claim(connection, kind, code, account))
        if owner != account:
            raise IdentifierTakenError(kind, code)

    async def owner(self, kind: str, code: str, /) -> Account | None:
        """See `SqlIdentifiers.owner`."""
        return await read_async(self._bind, lambda connection: self._codes.owner(connection, kind, code))

    async def forget(self, account: Account, /) -> int:
        """See `SqlIdentifiers.forget`."""
        return await write_async(self._bind, lambda connection: self._codes.forget(connection, account))


@attrs.frozen
class _Timeline:
    """What is done with published terms, over a connection."""

    schema: Schema
    program: str = attrs.field(converter=identifier)
    time_zone: str
    codec: Codec

    def found(self, connection: Connection) -> tuple[Terms, ...]:
        """What was published, in order of time."""
        rows = connection.execute(statements_for(self.schema).terms, {"program": self.program}).all()
        for zone, _ in rows:
            if zone != self.time_zone:
                raise InvalidValueError(f"Program {quote(self.program)} counts days in {zone}, not {self.time_zone}.")
        return tuple(self.codec.load(body, Terms) for _, body in rows)

    def publish(self, connection: Connection, terms: Terms) -> None:
        """Adds a version of the terms, where it fits those there are."""
        values = {
            "program": self.program,
            "effective_from": microseconds(terms.effective_from),
            "time_zone": self.time_zone,
            "body": self.codec.dump(terms),
        }
        if self.schema.dialect == POSTGRESQL:  # One after the other, for what each writes must fit to all there is.
            lock_until_the_end(connection, f"{self.schema.prefix}terms/{self.program}")
        connection.execute(statements_for(self.schema).publish, values)
        found = self.found(connection)
        if terms not in found:
            raise InvalidValueError(f"Other terms take effect at {format_instant(terms.effective_from)}.")
        Program(id=self.program, time_zone=self.time_zone, terms=found)

    def load(self, connection: Connection) -> Program:
        """The whole timeline."""
        found = self.found(connection)
        if not found:
            raise InvalidValueError(f"No terms of program {quote(self.program)} were published.")
        return Program(id=self.program, time_zone=self.time_zone, terms=found)


class SqlPrograms:
    """
    A `ProgramRepository` in the tables of `open_schema`, for the *program* of an id and a *time_zone*.

    Terms of callers' own classes need a *codec* that knows them.
    """

    __slots__ = ("_bind", "_timeline")

    def __init__(
        self, bind: Engine | Connection, schema: Schema, program: str, time_zone: str, *, codec: Codec | None = None
    ) -> None:
        self._bind = bind
        self._timeline = _Timeline(schema, program, Calendar(time_zone).zone_name, codec or Codec())

    def publish(self, terms: Terms, /) -> None:
        """Adds a version of the terms. Raises InvalidValueError where it does not fit those there are."""
        with in_transaction(self._bind) as connection:
            self._timeline.publish(connection, terms)

    def load(self) -> Program:
        """The whole timeline. Raises InvalidValueError where nothing was published."""
        with reading(self._bind) as connection:
            return self._timeline.load(connection)


class AsyncSqlPrograms:
    """`SqlPrograms` with `await`."""

    __slots__ = ("_bind", "_timeline")

    def __init__(
        self,
        bind: AsyncEngine | AsyncConnection,
        schema: Schema,
        program: str,
        time_zone: str,
        *,
        codec: Codec | None = None,
    ) -> None:
        self._bind = bind
        self._timeline = _Timeline(schema, program, Calendar(time_zone).zone_name, codec or Codec())

    async def publish(self, terms: Terms, /) -> None:
        """See `SqlPrograms.publish`."""
        await write_async(self._bind, lambda connection: self._timeline.publish(connection, terms))

    async def load(self) -> Program:
        """See `SqlPrograms.load`."""
        return await read_async(self._bind, self._timeline.load)
