"""
The shop whose database is kept in `released/`, one file for each version of the tables, as a release wrote it.

A file is never written again once its version is released. For a new version of the tables:
`PYTHONPATH=src:tests python -m stores.released_shop tests/stores/released/schema_N.db`.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Final

from loyalty.shop import ANN, BOB, DAY, NOON, PROGRAM, Clock, buy, opening, redeem, refund
from patronage.loyalty import Loyalty
from patronage.stores.sqlalchemy import SqlIdentifiers, SqlLedger, SqlPrograms, open_schema
from stores.databases import SHOP, close_all, sqlite_database

FOLDER: Final = Path(__file__).with_name("released")
LAST_DAY: Final = NOON + 10 * DAY


def write(path: Path) -> None:
    """A shop with two members, a card, its terms, and a chain of hashes; in a small file."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA page_size = 1024")
        connection.execute("VACUUM")
    connection.close()
    engine = sqlite_database(path).engine()
    schema = open_schema(engine)
    SqlPrograms(engine, schema, SHOP, PROGRAM.time_zone).publish(PROGRAM.terms[0])
    SqlIdentifiers(engine, schema, SHOP).claim("card", "3KX77QD", ANN)
    clock, ledger = Clock(), SqlLedger(engine, schema, SHOP, linked=True)
    loyalty = Loyalty(PROGRAM, ledger, clock=clock)
    loyalty.record(opening("open", 150, expires_at=LAST_DAY))
    loyalty.record(buy("o-1", "120.00"))
    loyalty.record(redeem("d-1", 100))
    loyalty.record(refund("r-1", "o-1", "20.00"))
    loyalty.record(redeem("d-2", 500))
    loyalty.record(buy("o-1", "40.00", "bob"))
    clock.at = LAST_DAY
    list(loyalty.run_due(clock.at))
    close_all()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM patronage_commits WHERE account = ?", [BOB.id]).fetchone() == (
            1,
        )
        connection.execute("VACUUM")
    connection.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
