"""Databases of every version of the tables: brought up to date, or told what to do; never half of it."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from loyalty.shop import ANN, BOB, PROGRAM, buy, points_of, redeem, refund
from patronage.errors import InvalidValueError, SchemaError
from patronage.ledger import EXPIRED, ISSUED, REDEEMED
from patronage.loyalty import Loyalty
from patronage.stores.audit import audit_ledger
from patronage.stores.sqlalchemy import Schema, SqlIdentifiers, SqlLedger, SqlPrograms, _schema, open_schema
from stores.databases import SHOP, Database, sqlite_database
from stores.released_shop import FOLDER, LAST_DAY, write

RELEASED = sorted(FOLDER.glob("schema_*.db"))
DIGESTS = {"schema_1.db": "ca2d492c49bceb2dff0e65f359dcd46e"}


@pytest.fixture(params=RELEASED, ids=lambda path: path.stem)
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A copy of a database that a release has written."""
    path: Path = request.param
    shutil.copy(path, tmp_path / path.name)
    return sqlite_database(tmp_path / path.name)


def made_of(path: Path | None) -> list[tuple[str, str]]:
    """All tables and indexes of a file, by name, with the SQL that makes them."""
    assert path is not None
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    connection.close()
    return found


class TestReleased:
    """A database that a release wrote is opened, read, audited and written to by this one."""

    def test_there_is_one_for_each_version_of_the_tables(self) -> None:
        """And none of them has changed since."""
        assert [path.name for path in RELEASED] == [f"schema_{n}.db" for n in range(1, len(_schema.STEPS) + 1)]
        found = {path.name: hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest() for path in RELEASED}
        assert found == DIGESTS

    def test_it_is_brought_to_what_a_new_one_has(self, released: Database, tmp_path: Path) -> None:
        """The same tables and indexes, as if it had been made today."""
        open_schema(released.engine())
        fresh = sqlite_database(tmp_path / "fresh.db")
        open_schema(fresh.engine())
        assert made_of(released.path) == made_of(fresh.path)

    def test_it_is_read(self, released: Database) -> None:
        """Balances, history, terms and codes are those that were written; and the audit passes, links and all."""
        engine = released.engine()
        schema = open_schema(engine)
        ledger = SqlLedger(engine, schema, SHOP, verify=PROGRAM.calendar)
        loyalty = Loyalty(PROGRAM, ledger, clock=lambda: LAST_DAY)
        assert (points_of(loyalty), points_of(loyalty, "bob")) == (100, 40)
        assert [commit.event.id for commit in ledger.history(ANN)][:5] == ["open", "o-1", "d-1", "r-1", "d-2"]
        assert SqlPrograms(engine, schema, SHOP, PROGRAM.time_zone).load() == PROGRAM
        assert SqlIdentifiers(engine, schema, SHOP).owner("card", "3KX77QD") == ANN
        found = audit_ledger(ledger, SHOP, calendar=PROGRAM.calendar)
        assert (found.report.commits, found.linked) == (7, 7)
        assert dict(found.report.held) == {"points": 140}
        assert found.report.passed[(ISSUED, "points")] == -140
        assert found.report.passed[(REDEEMED, "points")] == 100
        assert found.report.passed[(EXPIRED, "points")] == 50

    def test_its_events_are_known(self, released: Database) -> None:
        """What was sent to the release before is answered as it was, and nothing is added."""
        loyalty = Loyalty(PROGRAM, released.ledger(linked=True), clock=lambda: LAST_DAY)
        for event in (buy("o-1", "120.00"), redeem("d-1", 100), refund("r-1", "o-1", "20.00"), redeem("d-2", 500)):
            assert loyalty.record(event).repeated

    def test_it_goes_on(self, released: Database) -> None:
        """Purchases, a refund of an old one and a redemption are added to it, and the chain of hashes holds."""
        ledger = released.ledger(linked=True)
        loyalty = Loyalty(PROGRAM, ledger, clock=lambda: LAST_DAY)
        loyalty.record(refund("r-2", "o-1", at=LAST_DAY))
        loyalty.record(buy("o-2", "300.00", "bob", at=LAST_DAY))
        assert loyalty.record(redeem("d-3", 300, "bob", at=LAST_DAY)).accepted
        assert (points_of(loyalty), points_of(loyalty, "bob")) == (0, 40)
        assert audit_ledger(ledger, SHOP, calendar=PROGRAM.calendar).linked == 10
        assert [commit.version for commit in ledger.history(BOB)] == [1, 2, 3]

    def test_the_next_one_can_be_written(self, tmp_path: Path) -> None:
        """What writes the files writes a shop of the same shape, for a version of the tables to come."""
        write(tmp_path / "next.db")
        ledger = sqlite_database(tmp_path / "next.db").ledger()
        assert audit_ledger(ledger, SHOP, calendar=PROGRAM.calendar).linked == 7
        assert made_of(tmp_path / "next.db") == made_of(RELEASED[-1])


def version_of(engine: Engine) -> object:
    """What the tables say of themselves."""
    with engine.connect() as connection:
        return connection.execute(text("SELECT version FROM patronage_schema")).scalar()


class TestVersions:
    """Missing, newer, someone else's; and a step that fails."""

    def test_tables_are_made_once(self, database: Database) -> None:
        """A second look changes nothing, also without leave to change anything."""
        engine = database.engine()
        schema = database.schema(engine)
        assert schema == Schema(database.dialect, database.prefix)
        assert open_schema(engine, prefix=database.prefix) == schema
        assert open_schema(engine, prefix=database.prefix, upgrade=False) == schema

    def test_missing_tables_are_told(self, database: Database) -> None:
        """Without leave to make them nothing is written."""
        for _ in range(2):
            with pytest.raises(SchemaError, match="are missing: make a copy of the database"):
                open_schema(database.engine(), prefix=database.prefix, upgrade=False)

    def test_a_ledger_over_missing_tables_says_so(self, database: Database) -> None:
        """Who never called open_schema is told to."""
        with pytest.raises(SchemaError, match=r"call open_schema\(engine\) first"):
            SqlLedger(database.engine(), database.known, SHOP).load([ANN])

    def test_newer_tables_are_refused(self, sqlite: Database) -> None:
        """By name of both versions, and left alone."""
        engine = sqlite.engine()
        sqlite.schema(engine)
        with engine.begin() as connection:
            connection.execute(text("UPDATE patronage_schema SET version = 99"))
        with pytest.raises(SchemaError, match="of version 99, and this version of the library knows"):
            open_schema(engine)
        assert version_of(engine) == 99

    @pytest.mark.parametrize(
        "tables",
        [
            ["CREATE TABLE patronage_commits (id INTEGER)"],
            ["CREATE TABLE patronage_schema (version TEXT)", "INSERT INTO patronage_schema VALUES ('x')"],
            ["CREATE TABLE patronage_schema (version INTEGER)"],
        ],
    )
    def test_tables_of_someone_else_are_refused(self, sqlite: Database, tables: Sequence[str]) -> None:
        """They are left as they are."""
        engine = sqlite.engine()
        with engine.begin() as connection:
            for statement in tables:
                connection.execute(text(statement))
        before = made_of(sqlite.path)
        with pytest.raises(SchemaError, match="not the library's, or half of a copy"):
            open_schema(engine)
        assert made_of(sqlite.path) == before

    @pytest.mark.parametrize("prefix", ["", "Big_", "1_", "a-b", "a b", "x" * 32, "ä_", "p_; DROP TABLE x; --", "p_\n"])
    def test_a_prefix_that_could_be_more_than_a_name_is_refused(self, prefix: str) -> None:
        """1 to 31 small ASCII letters, digits and underscores."""
        with pytest.raises(InvalidValueError, match="A prefix is"):
            open_schema(sqlite_database(None).engine(), prefix=prefix)

    def test_a_step_that_fails_leaves_the_version_before(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The whole upgrade is one transaction: an old database stays an old one, whole; then it is upgraded."""
        engine, p = database.engine(), database.prefix
        ledger = database.ledger(engine)
        Loyalty(PROGRAM, ledger, clock=lambda: LAST_DAY).record(buy("o-1", "10.00"))
        added = f"ALTER TABLE {p}accounts ADD COLUMN extra TEXT"
        steps = (*_schema.STEPS, lambda schema: [added, "ALTER TABLE nowhere ADD COLUMN extra TEXT"])
        monkeypatch.setattr(_schema, "STEPS", steps)
        with pytest.raises(SchemaError):
            open_schema(engine, prefix=p)
        with pytest.raises(SchemaError, match="are of version 1 and must be of version 2"):
            open_schema(engine, prefix=p, upgrade=False)
        assert columns_of(engine, f"{p}accounts").count("extra") == 0
        monkeypatch.setattr(_schema, "STEPS", (*steps[:-1], lambda schema: [added]))
        open_schema(engine, prefix=p)
        assert columns_of(engine, f"{p}accounts").count("extra") == 1
        assert [commit.event.id for commit in ledger.history(ANN)] == ["o-1"]


def columns_of(engine: Engine, table: str) -> list[str]:
    """The names of a table's columns."""
    with engine.connect() as connection:
        return list(connection.execute(text(f"SELECT * FROM {table} LIMIT 0")).keys())
