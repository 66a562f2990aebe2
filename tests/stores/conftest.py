"""What the tests of the stores share: a PostgreSQL server, and every kind of database to run on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from stores import postgresql
from stores.databases import Database, close_all, postgresql_database, sqlite_database

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.Server]:
    """A PostgreSQL server of our own. Without PostgreSQL the tests fail: a promise that was not tried is none."""
    with postgresql.server() as running:
        yield running


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """All of it waits for `nox -s stores`."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("stores")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """No connection outlives its test."""
    yield
    close_all()


KINDS = ("sqlite", "sqlite-wal", "postgresql")


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A fresh database of every kind."""
    return database_of(request, str(request.param), tmp_path)


@pytest.fixture(params=["postgresql", "postgresql-repeatable-read", "postgresql-serializable"])
def strict_database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """PostgreSQL at each of its isolation levels."""
    return database_of(request, str(request.param), tmp_path)


@pytest.fixture(params=["sqlite", "sqlite-wal"])
def sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A fresh SQLite file."""
    return database_of(request, str(request.param), tmp_path)


@pytest.fixture
def postgres(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Fresh tables on the PostgreSQL server."""
    return database_of(request, "postgresql", tmp_path)


def database_of(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Database:
    """A database by the name of its kind."""
    if kind.startswith("sqlite"):
        return sqlite_database(tmp_path / "shop.db", wal=kind.endswith("wal"))
    running: postgresql.Server = request.getfixturevalue("server")
    level = kind.removeprefix("postgresql").strip("-").replace("-", " ").upper() or None
    return postgresql_database(running.url(), level)
