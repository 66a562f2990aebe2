"""Who copies a store from the manual has a right one: the whole contract says so."""

from __future__ import annotations

from contracts import page
from patronage.repositories import LedgerRepository
from patronage.testing.contracts import LedgerRepositoryContract


class TestDictLedger(LedgerRepositoryContract):
    """The store over a dict."""

    def make_repository(self) -> LedgerRepository:
        """A fresh one."""
        return page.dict_ledger()


def test_the_other_store_is_python() -> None:
    """The store over PostgreSQL compiles, and its tables stand beside it."""
    compile(page.PSYCOPG, "writing_a_store.md", "exec")
    assert "CREATE TABLE commits" in page.SCHEMA
