"""Many writers at once, in processes of their own; and a store that does it wrong, to show that they would notice."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from threading import Thread
from typing import Any, Final, Protocol, TypeAlias

import attrs
import psycopg
from sqlalchemy.exc import OperationalError

from loyalty.shop import NOON, PROGRAM, redeem
from patronage import Account, Commit, DuplicateEventError, Redemption, StaleStateError
from patronage.codec import Codec
from patronage.loyalty import Loyalty, Retry
from patronage.repositories import Stored
from patronage.state import State
from patronage.stores.sqlalchemy import SqlLedger
from stores.databases import SHOP, Database, close_all

SOAK: Final = bool(os.environ.get("PATRONAGE_SOAK"))
PATIENT: Final = Retry(lasts=timedelta(seconds=240))
CALLERS_PAUSE_MAX_S: Final = 4.0

_context = multiprocessing.get_context("forkserver")

Counter: TypeAlias = "Synchronized[int]"
"""A number that several processes count on."""


def counter() -> Counter:
    """One that stands at 0."""
    return _context.Value("q", 0)


_context.set_forkserver_preload(["stores.storm"])


def pipe() -> tuple[Pipe, Pipe]:
    """Where it comes out, and where another process puts it in."""
    return _context.Pipe(duplex=False)


class Work(Protocol):
    """What each of the processes does: a function of a module, for it is sent by name."""

    def __call__(self, database: Database, number: int, /, *arguments: Any) -> Any:
        """*number* is the process's."""
        ...


def start(work: Work, database: Database, number: int, *arguments: Any) -> tuple[multiprocessing.Process, Pipe]:
    """A process under way, and where its answer comes out."""
    if not os.environ.get("PATRONAGE_FORKED"):  # So that the server of forks finds what it is to load, once for all.
        os.environ["PATRONAGE_FORKED"] = "1"
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    out, into = pipe()
    process = _context.Process(target=_run, args=(work, database, number, arguments, into), daemon=True)
    process.start()
    into.close()
    return process, out  # type: ignore[return-value]


def _run(work: Work, database: Database, number: int, arguments: Sequence[Any], into: Pipe) -> None:
    try:
        into.send(work(database, number, *arguments))
    except BaseException as error:
        into.send(error)
    finally:
        close_all()


def in_processes(count: int, work: Work, database: Database, *arguments: Any) -> list[Any]:
    """What each of *count* processes gave. Raises what one of them raised."""
    return all_answers([start(work, database, number, *arguments) for number in range(count)])


def all_answers(running: Sequence[tuple[multiprocessing.Process, Pipe]]) -> list[Any]:
    """What each of those that were started gave. Raises what one of them raised."""
    answers = [out.recv() for _, out in running]
    for process, _ in running:
        process.join(30)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What each of *count* threads gave. Raises what one of them raised."""
    answers: list[Any] = [None] * count

    def run(number: int) -> None:
        try:
            answers[number] = work(number)
        except BaseException as error:
            answers[number] = error

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers


def redeemers(
    database: Database, number: int, threads: int, points: int, spent: Counter, most: int, naive: bool
) -> int:
    """
    Redeems until nothing is left, in several threads over one pool; how often it succeeded.

    *spent* counts for all processes: once it is above *most*, more was spent than there was, and the
    storm has shown what it is for.
    """
    repository = NaiveLedger(database) if naive else database.ledger()
    loyalty = Loyalty(PROGRAM, repository, clock=lambda: NOON, retry=PATIENT)

    def redeemed(event: Redemption, _: int) -> bool:
        return loyalty.record(event).accepted

    return _until_nothing_is_left(redeemed, number, threads, points, spent, most)


def callers(database: Database, number: int, threads: int, points: int, spent: Counter, most: int) -> int:
    """What `redeemers` does, each time in a transaction of the shop's own, which it runs again where it lost."""
    engine = database.engine()
    schema = database.schema(engine)

    def redeemed(event: Redemption, thread: int) -> bool:
        lost, deadline = 0, time.monotonic() + PATIENT.lasts.total_seconds()
        while True:
            try:
                with engine.begin() as connection:
                    ledger = SqlLedger(connection, schema, SHOP)
                    return Loyalty(PROGRAM, ledger, clock=lambda: NOON, retry=None).record(event).accepted
            except (StaleStateError, DuplicateEventError, OperationalError):
                if time.monotonic() > deadline:
                    raise
            # At the stricter levels all who waited lose when one commits: they must come apart, and soon.
            share = ((number * threads + thread) * 37 + lost * 11) % 64 / 64
            time.sleep((0.5 + share) * min(0.01 * 2**lost, CALLERS_PAUSE_MAX_S))
            lost += 1

    return _until_nothing_is_left(redeemed, number, threads, points, spent, most)


def _until_nothing_is_left(
    redeemed: Callable[[Redemption, int], bool], number: int, threads: int, points: int, spent: Counter, most: int
) -> int:
    def work(thread: int) -> int:
        done = 0
        while spent.value <= most and redeemed(redeem(f"{number}-{thread}-{done}", points), thread):
            done += 1
            with spent.get_lock():
                spent.value += 1
        return done

    return sum(in_threads(threads, work))


@attrs.define
class NaiveLedger:
    """What many a shop has: it reads the balance, then writes the next row. Nothing tells it that someone else did."""

    database: Database

    TABLE = "CREATE TABLE naive (id {0}, account TEXT, version BIGINT, event TEXT, names TEXT, body TEXT, state TEXT)"

    @contextmanager
    def _cursor(self) -> Iterator[tuple[Any, str]]:
        if self.database.is_sqlite:
            lite = sqlite3.connect(str(self.database.path), timeout=60, isolation_level=None)
            try:
                yield lite.cursor(), "?"
            finally:
                lite.close()
        else:
            assert self.database.url is not None
            with psycopg.connect(self.database.url.replace("+psycopg", ""), autocommit=True) as connection:
                yield connection.cursor(), "%s"

    def create(self) -> None:
        """Makes the table."""
        with self._cursor() as (cursor, _):
            cursor.execute("DROP TABLE IF EXISTS naive")
            key = "INTEGER PRIMARY KEY" if self.database.is_sqlite else "BIGSERIAL PRIMARY KEY"
            cursor.execute(self.TABLE.replace("{0}", key))

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """The last row of each."""
        found = {}
        with self._cursor() as (cursor, mark):
            for account in accounts:
                query = f"SELECT version, state FROM naive WHERE account = {mark} ORDER BY id DESC LIMIT 1"
                row = cursor.execute(query, (str(account),)).fetchone()
                if row is not None:
                    found[account] = Stored(row[0], Codec().load(row[1], State))
        return found

    def append(self, commits: Sequence[Commit], /) -> None:
        """Writes the rows."""
        codec = Codec()
        with self._cursor() as (cursor, mark):
            for commit in commits:
                names = json.dumps([commit.event.id, *commit.names])
                key = (str(commit.account), commit.version, commit.event.id, names)
                row = (*key, codec.dump(commit), codec.dump(commit.after))
                columns = "(account, version, event, names, body, state)"
                cursor.execute(f"INSERT INTO naive {columns} VALUES ({', '.join([mark] * 6)})", row)

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        """The rows that have one of the names."""
        with self._cursor() as (cursor, mark):
            query = f"SELECT names, body FROM naive WHERE account = {mark}"
            if len(about) == 1:
                cursor.execute(f"{query} AND event = {mark}", (str(account), *about))
            else:
                cursor.execute(query, (str(account),))
            rows = cursor.fetchall()
        wanted = set(about)
        return [Codec().load(body, Commit) for names, body in rows if not about or wanted & set(json.loads(names))]

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """Nobody."""
        return ()


def temporary(path: Path) -> Path:
    """A file beside the database, for what a process has been told."""
    return path.with_suffix(".told")
