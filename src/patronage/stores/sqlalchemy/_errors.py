"""
What a database says, in the library's own errors: one for each thing that a caller would do differently.

Neither driver is imported: SQLite's errors carry `sqlite_errorname`, PostgreSQL's a `sqlstate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from patronage.errors import (
    PatronageError,
    SchemaError,
    StaleStateError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    quote,
)

# Serialisation failures and deadlocks: whoever meets one has written nothing, and decides again.
_LOST: Final = frozenset({"40001", "40P01"})
_BUSY: Final = frozenset({"55P03", "57014", "53300"})  # Lock or statement timeout; too many connections.
_FULL: Final = frozenset({"53100", "53200"})
_NO_TABLE: Final = frozenset({"42P01", "42703"})
_UNAVAILABLE: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "58030"})


class KeyTakenError(StoreError):
    """A key is there already: the store finds out which of its promises it was, outside of the failed transaction."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises the library's error for one of the database, with that as its cause."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        raise translation(error) from error


def translation(error: DBAPIError | PoolTimeoutError) -> PatronageError:
    """The library's error for one of SQLAlchemy's."""
    if isinstance(error, PoolTimeoutError):
        return StoreBusyError("No connection of the pool became free in time.")
    said = quote(str(error.orig))
    if isinstance(error, IntegrityError):
        return KeyTakenError(said)
    state = getattr(error.orig, "sqlstate", None)
    name = getattr(error.orig, "sqlite_errorname", None) or ""
    if state in _LOST:
        return StaleStateError("an account")
    if state in _BUSY or name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreBusyError(said)
    if state in _FULL or name.startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC")):
        return StoreFullError(said)
    if state in _NO_TABLE or (name == "SQLITE_ERROR" and "no such table" in said):
        return SchemaError(f"The tables are not there: call open_schema(engine) first. {said}")
    if (
        error.connection_invalidated
        or state in _UNAVAILABLE
        or (state or "").startswith("08")
        or name.startswith("SQLITE_CANTOPEN")
        or (state is None and not name and type(error.orig).__name__ in {"OperationalError", "InterfaceError"})
    ):
        return StoreUnavailableError(said)
    return StoreError(said)
