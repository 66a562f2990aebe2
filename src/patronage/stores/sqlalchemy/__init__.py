"""
Stores in SQLite and PostgreSQL, through SQLAlchemy Core. They want the extra `sqlalchemy`.

Over a connection of the caller's they work within the caller's transaction; over an engine they
make their own. Start with `open_schema`, once for each database.
"""

from __future__ import annotations

from patronage.stores.sqlalchemy._schema import Schema, open_schema, open_schema_async
from patronage.stores.sqlalchemy.engines import sqlite_async_engine, sqlite_engine
from patronage.stores.sqlalchemy.ledger import AsyncSqlLedger, SqlLedger
from patronage.stores.sqlalchemy.records import (
    AsyncSqlIdentifiers,
    AsyncSqlPrograms,
    SqlIdentifiers,
    SqlPrograms,
)

__all__ = [
    "AsyncSqlIdentifiers",
    "AsyncSqlLedger",
    "AsyncSqlPrograms",
    "Schema",
    "SqlIdentifiers",
    "SqlLedger",
    "SqlPrograms",
    "open_schema",
    "open_schema_async",
    "sqlite_async_engine",
    "sqlite_engine",
]
