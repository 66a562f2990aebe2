"""
Times what is stored: events per second through each store, as ratios to the same rows by hand-made SQL.

Three ways to the same rows, on three databases of one kind, a slice of events each in turn, so that drift
of the machine hits all alike: SQL written for these very rows, on the bare driver, with all texts ready;
`SqlLedger.append` of commits that were decided before; and `Loyalty.record`, which reads, decides and
appends. Every event is a transaction of its own. SQLite with both journals, as `sqlite_engine` sets it
(what is committed is on the disk); PostgreSQL where one is installed, on a server of the tests' own
(which does not wait for the disk). Nothing here passes or fails: it measures.
"""

from __future__ import annotations

import re
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, create_engine, text

from patronage import (
    Commit,
    Event,
    Life,
    Line,
    PayWithPoints,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    SpendRule,
    Terms,
    Unit,
    currency,
)
from patronage.codec import Codec
from patronage.loyalty import Loyalty
from patronage.stores.memory import MemoryLedger
from patronage.stores.sqlalchemy import SqlLedger, open_schema, sqlite_engine
from patronage.terms_of_time import days

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

MEMBERS = 50
EVENTS = 1_000
SLICE = 25
EUR, POINTS = currency("EUR"), Unit("points")
START = datetime(2025, 1, 1, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END = START + timedelta(seconds=EVENTS)

PROGRAM = Program(
    id="shop",
    time_zone="Europe/Berlin",
    terms=Terms(
        units=(EUR, POINTS),
        policies=(
            PointsPolicy(
                name="base",
                rules=(SpendRule(per=EUR.of(1), credit=POINTS.of(1), life=Life(expires_after=days(365))),),
            ),
        ),
        rewards=(PayWithPoints(name="pay", points=POINTS.of(100), value=EUR.of(1)),),
    ),
)

Row = dict[str, object]


def events() -> list[Event]:
    """What the members of a small shop do in a while: three purchases of three lines, then a hundred points spent."""
    made: list[Event] = []
    for n in range(EVENTS):
        member, at = f"m-{n % MEMBERS}", START + timedelta(seconds=n)
        if n // MEMBERS % 4 == 3:
            made.append(Redemption(id=f"d-{n}", member=member, occurred_at=at, reward="pay", amount=POINTS.of(100)))
        else:
            lines = tuple(Line(sku=f"sku-{k}", total=EUR.of(10 * k + 9)) for k in range(1, 4))
            made.append(Purchase(id=f"o-{n}", member=member, occurred_at=at, lines=lines))
    return made


def decided(made: Sequence[Event]) -> list[Commit]:
    """Their commits, as a service writes them."""
    store = MemoryLedger()
    loyalty = Loyalty(PROGRAM, store, clock=lambda: END)
    found: list[Commit] = []
    for event in made:
        found += loyalty.record(event).require().commits
    return found


def microseconds(at: datetime) -> int:
    """An instant as the tables have it."""
    return (at - EPOCH) // timedelta(microseconds=1)


def rows(commits: Sequence[Commit]) -> list[tuple[Row, list[Row]]]:
    """What must be written for each commit, with all texts ready: the commit and account, and its names."""
    codec, found = Codec(), []
    for commit in commits:
        key: Row = {"program": "shop", "kind": "member", "account": commit.account.id, "version": commit.version}
        row = {
            **key,
            "event": commit.event.id,
            "root": commit.root,
            "ordinal": commit.ordinal,
            "occurred_at": microseconds(commit.event.occurred_at),
            "body": codec.dump(commit),
            "state": codec.dump(commit.after),
            "next_due": None if commit.next_due is None else microseconds(commit.next_due),
        }
        found.append((row, [{**key, "name": name} for name in commit.names]))
    return found


FIRST = (
    "INSERT INTO patronage_accounts (program, kind, account, version, next_due, state) "
    "VALUES (:program, :kind, :account, :version, :next_due, :state)"
)
NEXT = (
    "UPDATE patronage_accounts SET version = :version, next_due = :next_due, state = :state "
    "WHERE program = :program AND kind = :kind AND account = :account AND version = :version - 1"
)
ADD = (
    "INSERT INTO patronage_commits (program, kind, account, version, event, root, ordinal, occurred_at, body) "
    "VALUES (:program, :kind, :account, :version, :event, :root, :ordinal, :occurred_at, :body)"
)
NAME = (
    "INSERT INTO patronage_commit_names (program, kind, account, name, version) "
    "VALUES (:program, :kind, :account, :name, :version)"
)


def by_hand(connection: Any, statements: Sequence[str], row: Row, names: Sequence[Row]) -> None:
    """One event's rows, in one transaction, which fails where someone else wrote first."""
    begin, first, following, add, name = statements
    cursor = connection.cursor()
    cursor.execute(begin)
    cursor.execute(first if row["version"] == 1 else following, row)
    if cursor.rowcount != 1:
        raise SystemExit("Someone else wrote.")
    cursor.execute(add, row)
    cursor.executemany(name, names)
    cursor.execute("COMMIT")


Write = Callable[[int], None]
"""Writes the n-th event."""


@contextmanager
def on_sqlite(folder: Path, *, wal: bool) -> Iterator[tuple[Callable[[], Engine], Callable[[], Any], str]]:
    """Fresh files: an engine for ours, a connection of the bare driver for what is made by hand."""
    paths = (folder / f"{wal}-{n}.db" for n in range(9))

    def by_driver() -> Any:
        path = next(paths)
        open_schema(sqlite_engine(path, wal=wal))
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    yield (lambda: sqlite_engine(next(paths), wal=wal)), by_driver, "BEGIN IMMEDIATE"


@contextmanager
def on_postgresql() -> Iterator[tuple[Callable[[], Engine], Callable[[], Any], str]]:
    """Fresh databases on a server of our own. Raises NoServerError where there is none."""
    import psycopg  # noqa: PLC0415  # Only where there is a server.

    from stores import postgresql  # noqa: PLC0415

    with postgresql.server() as server:
        names = (f"bench{n}" for n in range(9))

        def fresh() -> str:
            name = next(names)
            with create_engine(server.url(), isolation_level="AUTOCOMMIT").connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            return server.url().removesuffix("shop") + name

        def by_driver() -> Any:
            url = fresh()
            open_schema(create_engine(url))
            return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)

        yield (lambda: create_engine(fresh())), by_driver, "BEGIN"


def compare(what: str, made: Sequence[Event], commits: Sequence[Commit], database: Any, linked: bool = False) -> None:
    """Writes all events in all three ways, slice by slice in turn, and prints how they compare."""
    engine_of, by_driver, begin = database
    prepared, connection = rows(commits), by_driver()
    statements = tuple(_percent(each) if begin == "BEGIN" else each for each in (FIRST, NEXT, ADD, NAME))
    appending, recording = (
        SqlLedger(engine, open_schema(engine), "shop", linked=linked) for engine in (engine_of(), engine_of())
    )
    loyalty = Loyalty(PROGRAM, recording, clock=lambda: END)
    ways: dict[str, Write] = {
        "by hand": lambda n: by_hand(connection, (begin, *statements), *prepared[n]),
        "append": lambda n: appending.append((commits[n],)),
        "record": lambda n: _accepted(loyalty, made[n]),
    }
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for start in range(0, EVENTS, SLICE):
        for way, write in ways.items():
            before = time.perf_counter()
            for n in range(start, start + SLICE):
                write(n)
            spent[way].append(time.perf_counter() - before)
    if [*appending.commits()] != [*recording.commits()]:
        raise SystemExit("The three did not write the same.")
    count = connection.cursor().execute("SELECT count(*) FROM patronage_commits").fetchone()[0]
    if count != len(commits):
        raise SystemExit(f"By hand {count} commits were written, not {len(commits)}.")
    connection.close()
    for way, slices in spent.items():
        ratios = [one / hand for one, hand in zip(slices, spent["by hand"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        rate = SLICE / statistics.median(slices)
        print(f"{what:24s} {way:8s} {rate:8,.0f} events/s  x{middle:5.2f}  [{low:.2f} .. {high:.2f}]")


def _accepted(loyalty: Loyalty, event: Event) -> None:
    if not loyalty.record(event).accepted:
        raise SystemExit(f"{event} is refused.")


def _percent(statement: str) -> str:
    return re.sub(r":(\w+)", r"%(\1)s", statement)


def main() -> None:
    """Runs all, and prints three lines a database."""
    made = events()
    commits = decided(made)
    with TemporaryDirectory() as folder:
        for what, wal in (("SQLite", False), ("SQLite, WAL", True)):
            with on_sqlite(Path(folder), wal=wal) as database:
                compare(what, made, commits, database)
    try:
        with on_postgresql() as database:
            compare("PostgreSQL", made, commits, database)
            compare("PostgreSQL, linked", made, commits, database, linked=True)
    except Exception as error:  # No server, or no driver: the others are measured all the same.
        print(f"PostgreSQL was not measured: {error}")


if __name__ == "__main__":
    main()
