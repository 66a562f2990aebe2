"""Who copies a store from the manual has a right one: the whole contract says so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from contracts import page
from patronage.repositories import LedgerRepository
from patronage.testing.contracts import LedgerRepositoryContract
from stores.postgresql import Server, server


class TestDictLedger(LedgerRepositoryContract):
    """The store over a dict."""

    def make_repository(self) -> LedgerRepository:
        """A fresh one."""
        return page.dict_ledger()


@pytest.fixture(scope="module", name="running")
def _running() -> Iterator[Server]:
    """A PostgreSQL server of our own."""
    with server() as started:
        yield started


class TestPostgresLedger(LedgerRepositoryContract):
    """The store over psycopg, in a schema of its own for each check."""

    locks = True
    rounds = 12
    examples = 8
    level = "read committed"
    schemas = count()

    @pytest.fixture(autouse=True)
    def _server(self, running: Server) -> None:
        self.url = running.url().replace("+psycopg", "")
        with psycopg.connect(f"{self.url.rpartition('/')[0]}/postgres", autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE shop SET default_transaction_isolation = '{self.level}'")

    def make_repository(self) -> LedgerRepository:
        """In a fresh schema."""
        schema = f"s{self.level[0]}{next(self.schemas)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
            connection.execute(f"SET search_path TO {schema}")
            connection.execute(page.SCHEMA)
        self.schema = schema
        return page.postgres_ledger(self.url, schema, "one")

    def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository:
        """Another program in the same tables."""
        return page.postgres_ledger(self.url, self.schema, "two")

    def opener(self, repository: LedgerRepository) -> partial[LedgerRepository]:
        """The same tables."""
        return page.opener(self.url, self.schema)

    def transaction(self, repository: LedgerRepository) -> AbstractContextManager[LedgerRepository]:
        """Of the caller's, as the page has it."""
        return _inside(repository)

    def close(self, repository: LedgerRepository) -> None:
        """Closes its connection."""
        _connection(repository).close()


class TestPostgresLedgerRepeatableRead(TestPostgresLedger):
    """The same at REPEATABLE READ."""

    level = "repeatable read"


class TestPostgresLedgerSerializable(TestPostgresLedger):
    """The same at SERIALIZABLE."""

    level = "serializable"


def _connection(repository: LedgerRepository) -> psycopg.Connection[Any]:
    store: Any = repository
    connection: psycopg.Connection[Any] = store.connection
    return connection


@contextmanager
def _inside(repository: LedgerRepository) -> Iterator[LedgerRepository]:
    with _connection(repository).transaction():
        yield repository


def test_the_page_is_typed(tmp_path: Path) -> None:
    """Both stores pass mypy strictly, and fit the protocol."""
    imports = "from patronage.repositories import LedgerRepository"
    for name, code in (("DictLedger", page.DICT), ("PostgresLedger", page.PSYCOPG)):
        path = tmp_path / f"{name.lower()}.py"
        fits = f"def fits(store: {name}) -> LedgerRepository:\n    return store"
        path.write_text(f"{code}\n\n{imports}\n\n\n{fits}\n", encoding="utf-8")
        command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(path)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout
