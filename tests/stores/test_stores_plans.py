"""What is asked of a full database is found by an index: no query reads a table from end to end."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from sqlalchemy import Engine, text

from loyalty.shop import ANN, BOB, DAY, NOON, PROGRAM, buy, opening, redeem
from patronage import Account
from patronage.loyalty import Loyalty
from patronage.stores.sqlalchemy._shelves import LONG_AGO, microseconds
from patronage.stores.sqlalchemy._statements import PAGE, Statements, statements_for
from stores.databases import SHOP, Database, engine_of
from stores.filling import fill_from
from stores.storm import SOAK

COPIES = 330_000 if SOAK else 8_000  # Of three commits each: a million, or some ten thousand.
FEW = 50


@pytest.fixture
def full(database: Database) -> Engine:
    """Many members with a life ahead of them; a few of whom something is due tomorrow."""
    ledger = database.ledger()
    loyalty = Loyalty(PROGRAM, ledger, clock=lambda: NOON)
    for event in (buy("o-1", "120.00"), redeem("d-1", 100), buy("o-2", "9.00")):
        loyalty.record(event)
    loyalty.record(opening("open", 5, "bob", expires_at=NOON + DAY))
    engine = engine_of(ledger)
    fill_from(engine, SHOP, ANN, copies=COPIES, prefix=database.prefix)
    fill_from(engine, SHOP, BOB, copies=FEW - 1, prefix=database.prefix)
    return engine


def asked(database: Database) -> Mapping[str, Mapping[str, object]]:
    """Every statement that reads, and for what."""
    names: object = json.dumps(["o-1", "d-1"]) if database.is_sqlite else ["o-1", "d-1"]
    ids: object = json.dumps(["ann-00000077"]) if database.is_sqlite else ["ann-00000077"]
    key = {"program": SHOP, "kind": "member", "account": "ann-00000077"}
    behind = {"program": SHOP, "after_kind": "member", "after": "ann-00000500", "page": PAGE}
    one_page = {"after": 0, "since": LONG_AGO, "page": PAGE}
    return {
        "load": {"program": SHOP, "kind": "member", "ids": ids},
        "lock": {"program": SHOP, "kind": "member", "ids": ids},
        "history": {**key, **one_page},
        "about": {**key, **one_page, "ids": names},
        "known": {**key, "ids": names},
        "names": {**key, "ids": names},
        "versions": key,
        "link": {**key, "version": 2},
        "due": {**behind, "until": microseconds(NOON + 2 * DAY)},
        "states": behind,
        "rows": {**behind, "after_version": 1},
        "owner": {"program": SHOP, "kind": "card", "code": "x"},
        "terms": {"program": SHOP},
    }


def plan_of(engine: Engine, statement: str, values: Mapping[str, object]) -> list[str]:
    """How the database would find it, a line a step."""
    explain = "EXPLAIN (COSTS OFF)" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with engine.connect() as connection:
        return [str(row[-1]) for row in connection.execute(text(f"{explain} {statement}"), values)]


def from_end_to_end(plan: list[str], prefix: str) -> list[str]:
    """The steps that read all of one of our tables."""
    return [step for step in plan if f"Seq Scan on {prefix}" in step or step.startswith(f"SCAN {prefix}")]


def check(engine: Engine, database: Database) -> None:
    """No statement reads a table from end to end, and due accounts are found by when they are due."""
    sql = statements_for(database.known)
    for name, values in asked(database).items():
        plan = plan_of(engine, getattr(sql, name).text, values)
        if name not in {"owner", "terms"}:  # Their tables are empty here, or as good as.
            assert not from_end_to_end(plan, database.prefix), f"{name}: {plan}"
    due = plan_of(engine, sql.due.text, asked(database)["due"])
    assert any(f"{database.prefix}accounts_due" in step for step in due), due


def test_no_query_reads_a_table_from_end_to_end(full: Engine, database: Database) -> None:
    """Neither in a database that knows nothing yet of what is in it, nor in one that has looked."""
    check(full, database)
    with full.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    check(full, database)


def test_every_statement_that_reads_is_explained(sqlite: Database) -> None:
    """A new one is thought of."""
    writes = {"reserve", "first", "following", "add", "name", "claim", "publish", "forget"}
    assert set(asked(sqlite)) | writes == {field.name for field in Statements.__attrs_attrs__}


def test_what_is_due_is_found_and_nothing_else(full: Engine, database: Database) -> None:
    """In order, page by page, up to and at the instant."""
    ledger = database.ledger(full)
    found: list[Account] = []
    while page := ledger.due(NOON + DAY, after=found[-1] if found else None, limit=20):
        found += page
    assert found == sorted(found, key=lambda account: account.key)
    assert {account.id for account in found} == {"bob", *(f"bob-{n:08}" for n in range(FEW - 1))}
    assert ledger.due(NOON + DAY - DAY / 86_400) == ()
