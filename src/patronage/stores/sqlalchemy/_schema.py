"""
The tables: what stands in them, how a database gets them, and what a database of another version is told.

A database is made, and brought up to date, by the same steps, each from one version to the next,
all in one transaction. A step is never changed once it is released: a change is a further step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final

import attrs
from sqlalchemy import Connection, Engine, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from patronage.errors import InvalidValueError, SchemaError, quote
from patronage.stores.sqlalchemy._binds import in_transaction, write_async

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
PREFIX: Final = "patronage_"

_PREFIX = re.compile("[a-z_][a-z0-9_]{0,30}")
_SQLITE_MIN: Final = (3, 38)  # STRICT tables, and json_each without an extension.


@attrs.frozen
class Schema:
    """
    The tables of a database that were found to be as this version of the library writes them.

    Made by `open_schema`, once, at the start of a program; the stores take it. *dialect* is the
    database's name, *prefix* begins the names of all tables.
    """

    dialect: str
    prefix: str = PREFIX


def open_schema(bind: Engine | Connection, *, prefix: str = PREFIX, upgrade: bool = True) -> Schema:
    """
    Looks at the tables of a database, and creates them or brings them up to date.

    All of it happens in one transaction, the caller's own where *bind* is a connection: a failure
    leaves the database as it was. Without *upgrade* nothing is written. Raises SchemaError, with what
    to do, for a database whose tables are missing, older (both without *upgrade*), newer or of
    someone else; InvalidValueError for a *prefix* that is not 1 to 31 small letters, digits and `_`.
    """
    prefix = _checked(prefix)
    with in_transaction(bind) as connection:
        return _opened(connection, prefix, upgrade)


async def open_schema_async(
    bind: AsyncEngine | AsyncConnection, *, prefix: str = PREFIX, upgrade: bool = True
) -> Schema:
    """See `open_schema`."""
    prefix = _checked(prefix)
    return await write_async(bind, lambda connection: _opened(connection, prefix, upgrade))


def _checked(prefix: str) -> str:
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise InvalidValueError(f"A prefix is 1 to 31 small ASCII letters, digits and '_', not {quote(prefix)}.")
    return prefix


def _opened(connection: Connection, prefix: str, upgrade: bool) -> Schema:
    schema = Schema(connection.dialect.name, prefix)
    _check_database(connection, schema.dialect)
    if schema.dialect == POSTGRESQL and upgrade:  # Two programs that start at once do it one after the other.
        lock_until_the_end(connection, f"{prefix}schema")
    version = _version(connection, schema)
    if version > len(STEPS):
        raise SchemaError(
            f"The tables {prefix}* are of version {version}, and this version of the library knows {len(STEPS)}: "
            "update patronage. Older programs must not write to them."
        )
    if version == len(STEPS):
        return schema
    if not upgrade:
        told = "are missing" if version == 0 else f"are of version {version} and must be of version {len(STEPS)}"
        raise SchemaError(
            f"The tables {prefix}* {told}: make a copy of the database, then call open_schema(engine) once."
        )
    for step in STEPS[version:]:
        for statement in step(schema):
            connection.execute(text(statement))
    connection.execute(text(f"UPDATE {prefix}schema SET version = :version"), {"version": len(STEPS)})
    return schema


def lock_until_the_end(connection: Connection, what: str) -> None:
    """Waits for whoever holds the lock of that name in PostgreSQL, and holds it until the transaction ends."""
    number = int.from_bytes(blake2b(f"patronage/{what}".encode(), digest_size=8).digest(), signed=True)
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _check_database(connection: Connection, dialect: str) -> None:
    if dialect == SQLITE:
        version = connection.execute(text("SELECT sqlite_version()")).scalar_one()
        if tuple(int(part) for part in version.split(".")[:2]) < _SQLITE_MIN:
            raise SchemaError(f"SQLite must be 3.38 or newer, not {version}.")
    elif dialect == POSTGRESQL:
        encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
        if encoding != "UTF8":
            raise SchemaError(f"The database must be in UTF8, not {encoding}: ids are kept as they stand.")
    else:
        raise SchemaError(f"The tables are made for SQLite and PostgreSQL, not for {dialect}.")


def _version(connection: Connection, schema: Schema) -> int:
    """The version of the tables; 0 where there are none. Raises SchemaError for tables of someone else."""
    found = connection.execute(text(_TABLES[schema.dialect])).scalars()
    ours = {f"{schema.prefix}{name}" for name in _NAMES}
    present = sorted(ours.intersection(found))
    if not present:
        return 0
    if f"{schema.prefix}schema" in present:
        row = connection.execute(text(f"SELECT version FROM {schema.prefix}schema")).scalar()
        if isinstance(row, int):
            return row
    raise SchemaError(
        f"The table {present[0]} is there, and {schema.prefix}schema does not say which version it is of: "
        "it is not the library's, or half of a copy. Choose another prefix, or restore the whole copy."
    )


_NAMES: Final = ("schema", "accounts", "commits", "commit_names", "identifiers", "terms")
_TABLES: Final = {
    SQLITE: "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')",
    POSTGRESQL: "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()",
}


def _first(schema: Schema) -> Sequence[str]:
    """
    Version 1.

    Texts are compared byte by byte, instants are microseconds since 1970 in UTC, and every key
    begins with the program. An account of version 0 is a lock: nothing was stored of it.
    """
    p = schema.prefix
    strict = schema.dialect == SQLITE
    words = "TEXT NOT NULL" if strict else 'TEXT COLLATE "C" NOT NULL'
    whole = "INTEGER" if strict else "BIGINT"
    kept, keyed = (" STRICT", " STRICT, WITHOUT ROWID") if strict else ("", "")
    return (
        f"CREATE TABLE {p}schema (id {whole} PRIMARY KEY CHECK (id = 1), version {whole} NOT NULL){kept}",
        f"INSERT INTO {p}schema (id, version) VALUES (1, 0)",
        f"CREATE TABLE {p}accounts ("
        f"program {words}, kind {words}, account {words}, version {whole} NOT NULL CHECK (version >= 0), "
        f"next_due {whole}, state TEXT NOT NULL, "
        f"CONSTRAINT {p}accounts_key PRIMARY KEY (program, kind, account)){kept}",
        f"CREATE INDEX {p}accounts_due ON {p}accounts (program, next_due, kind, account) WHERE next_due IS NOT NULL",
        f"CREATE TABLE {p}commits ("
        f"program {words}, kind {words}, account {words}, version {whole} NOT NULL CHECK (version >= 1), "
        f"event {words}, root {words}, ordinal {whole} NOT NULL CHECK (ordinal >= 0), "
        f"occurred_at {whole} NOT NULL, body TEXT NOT NULL, link TEXT, "
        f"CONSTRAINT {p}commits_key PRIMARY KEY (program, kind, account, version), "
        f"CONSTRAINT {p}commits_event UNIQUE (program, kind, account, event), "
        f"CONSTRAINT {p}commits_place UNIQUE (program, kind, account, root, ordinal)){kept}",
        f"CREATE TABLE {p}commit_names ("
        f"program {words}, kind {words}, account {words}, name {words}, version {whole} NOT NULL, "
        f"CONSTRAINT {p}commit_names_key PRIMARY KEY (program, kind, account, name, version)){keyed}",
        f"CREATE TABLE {p}identifiers ("
        f"program {words}, kind {words}, code {words}, owner_kind {words}, owner {words}, "
        f"CONSTRAINT {p}identifiers_key PRIMARY KEY (program, kind, code)){keyed}",
        f"CREATE TABLE {p}terms ("
        f"program {words}, effective_from {whole} NOT NULL, time_zone {words}, body TEXT NOT NULL, "
        f"CONSTRAINT {p}terms_key PRIMARY KEY (program, effective_from)){kept}",
    )


STEPS: Final[Sequence[Callable[[Schema], Sequence[str]]]] = (_first,)
"""The n-th makes version n out of the one before it."""
