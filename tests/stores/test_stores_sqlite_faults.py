"""SQLite is busy, or the disk is full: a typed error, nothing of the batch, an intact file; then it goes on."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from loyalty.shop import ANN, BOB, NOON, PROGRAM, buy
from patronage.errors import StoreBusyError, StoreFullError
from patronage.loyalty import AsyncLoyalty, Loyalty, Retry
from patronage.stores.audit import audit_ledger
from patronage.stores.sqlalchemy import AsyncSqlLedger, SqlLedger
from stores.databases import SHOP, Database, close_all_async, engine_of

SOON = timedelta(milliseconds=50)


def service(ledger: SqlLedger, retry: Retry | None = None) -> Loyalty:
    """The shop's."""
    return Loyalty(PROGRAM, ledger, clock=lambda: NOON, retry=retry)


def ids(ledger: SqlLedger) -> list[str]:
    """The events that are stored of ann."""
    return [commit.event.id for commit in ledger.history(ANN)]


def path_of(database: Database) -> Path:
    """The file."""
    assert database.path is not None
    return database.path


@contextmanager
def someone_writes(database: Database) -> Iterator[sqlite3.Connection]:
    """Another program is in the middle of a transaction."""
    other = sqlite3.connect(path_of(database), isolation_level=None, check_same_thread=False)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield other
        if other.in_transaction:
            other.execute("ROLLBACK")
    finally:
        other.close()


class TestBusy:
    """Another program writes."""

    def test_a_writer_who_waited_too_long_is_told(self, sqlite: Database) -> None:
        """A typed error after busy_max, and nothing is stored; when the other is done, the same event is."""
        ledger = sqlite.ledger(sqlite.engine(busy_max=SOON))
        loyalty = service(ledger)
        with someone_writes(sqlite):
            with pytest.raises(StoreBusyError):
                loyalty.record(buy("o-1", "10.00"))
            assert ids(ledger) == []
        assert not loyalty.record(buy("o-1", "10.00")).repeated
        assert ids(ledger) == ["o-1"]

    def test_a_retry_waits_longer(self, sqlite: Database) -> None:
        """The service tries again for as long as its Retry lasts, and the caller sees nothing of it."""
        ledger = sqlite.ledger(sqlite.engine(busy_max=SOON))
        loyalty = service(ledger, Retry(lasts=timedelta(seconds=60)))
        with someone_writes(sqlite) as other:
            waiting = Thread(target=loyalty.record, args=[buy("o-1", "10.00")])
            waiting.start()
            time.sleep(0.3)
            assert waiting.is_alive()
            other.execute("ROLLBACK")
            waiting.join(60)
        assert ids(ledger) == ["o-1"]

    def test_a_transaction_of_the_callers_is_told_too(self, sqlite: Database) -> None:
        """And its transaction is over: run again, it is stored."""
        engine = sqlite.engine(busy_max=SOON)
        schema = sqlite.schema(engine)
        with someone_writes(sqlite), pytest.raises(StoreBusyError), engine.begin() as connection:
            service(SqlLedger(connection, schema, SHOP)).record(buy("o-1", "10.00"))
        with engine.begin() as connection:
            service(SqlLedger(connection, schema, SHOP)).record(buy("o-1", "10.00"))
        assert ids(sqlite.ledger(engine)) == ["o-1"]


def limit(engine: Engine, pages: int, limited: Engine | None = None) -> None:
    """No more than so many pages beyond those that are used, for every connection of the engine from now on."""
    with engine.connect() as connection:
        used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    engine.dispose()

    @event.listens_for(limited or engine, "checkout")
    def full(connection: Any, *_: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA max_page_count = {used + pages}")
        cursor.close()


def intact(database: Database) -> None:
    """The file is whole, and the books add up."""
    with sqlite3.connect(path_of(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    audit_ledger(database.ledger(), SHOP, calendar=PROGRAM.calendar)


class TestFull:
    """The disk is full, which SQLite answers by rolling back all of the transaction by itself."""

    @pytest.mark.parametrize("pages", range(1, 9))
    def test_nothing_of_the_batch_is_stored(self, sqlite: Database, pages: int) -> None:
        """Whatever is the statement that finds no room; and once there is room, the same batch is stored."""
        ledger = sqlite.ledger()
        batch = [buy(f"o-{n}", "10.00", member) for n in range(8) for member in ("ann", "bob")]
        service(ledger).record(buy("first", "10.00"))
        limit(engine_of(ledger), pages)
        with pytest.raises(StoreFullError):
            service(ledger, Retry()).record_all(batch)
        assert ids(ledger) == ["first"]
        assert list(ledger.history(BOB)) == []
        intact(sqlite)
        roomy = sqlite.ledger()
        assert not any(decision.repeated for decision in service(roomy).record_all(batch))
        assert len(ids(roomy)) == 1 + 8
        intact(sqlite)

    def test_what_the_caller_writes_afterwards_is_not_stored_alone(self, sqlite: Database) -> None:
        """The order that goes with points that were not stored is not committed by itself, even by one who goes on."""
        engine = sqlite.engine()
        schema = sqlite.schema(engine)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE orders (id TEXT PRIMARY KEY)"))
            connection.execute(text("INSERT INTO orders VALUES ('before')"))
        limit(engine, 2)
        with engine.connect() as connection:
            connection.execute(text("INSERT INTO orders VALUES ('o-1')"))
            loyalty = service(SqlLedger(connection, schema, SHOP))
            with pytest.raises(StoreFullError):
                loyalty.record_all([buy(f"o-{n}", "10.00") for n in range(12)])
            assert not connection.in_transaction(), "The caller's transaction is over, and says so."
            connection.commit()
        assert orders(sqlite) == ["before"]
        intact(sqlite)

    def test_nor_is_it_where_it_is_awaited(self, sqlite: Database) -> None:
        """The same over an AsyncConnection."""
        with sqlite.engine().begin() as connection:
            connection.execute(text("CREATE TABLE orders (id TEXT PRIMARY KEY)"))
            connection.execute(text("INSERT INTO orders VALUES ('before')"))

        async def play() -> None:
            engine = sqlite.async_engine()
            schema = await sqlite.schema_async(engine)
            limit(sqlite.engine(), 2, engine.sync_engine)
            async with engine.connect() as connection:
                await connection.execute(text("INSERT INTO orders VALUES ('o-1')"))
                ledger = AsyncSqlLedger(connection, schema, SHOP)
                loyalty = AsyncLoyalty(PROGRAM, ledger, clock=lambda: NOON, retry=None)
                with pytest.raises(StoreFullError):
                    await loyalty.record_all([buy(f"o-{n}", "10.00") for n in range(12)])
                assert not connection.in_transaction(), "The caller's transaction is over, and says so."
                await connection.commit()
            await close_all_async()

        asyncio.run(play())
        assert orders(sqlite) == ["before"]
        intact(sqlite)


def orders(database: Database) -> list[str]:
    """The orders that the shop has."""
    with sqlite3.connect(path_of(database)) as connection:
        found = [id for (id,) in connection.execute("SELECT id FROM orders")]
    connection.close()
    return found
