"""Processes that die at a given step of a use case, or whenever they are killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection as Pipe
from typing import Final

import attrs
from sqlalchemy import Engine, event

from loyalty.shop import DAY, NOON, PROGRAM, buy, opening, redeem, refund
from patronage import Event
from patronage.errors import StoreError
from patronage.loyalty import Loyalty
from patronage.stores.sqlalchemy import SqlLedger
from stores.databases import Database, engine_of

LATER: Final = NOON + 10 * DAY


def before() -> Sequence[Event]:
    """What had happened until then: ann and bob have points, and each of them some that end on the tenth day."""
    return (
        opening("open", 150, expires_at=LATER),
        opening("open", 70, "bob", expires_at=LATER),
        buy("o-1", "120.00"),
        redeem("d-1", 100),
        buy("o-1", "300.00", "bob"),
    )


CASES: Final[dict[str, Callable[[Loyalty], object]]] = {
    "record": lambda loyalty: loyalty.record(buy("o-2", "30.00")),
    "record_all": lambda loyalty: loyalty.record_all([redeem("d-2", 100), buy("o-2", "30.00", "bob")]),
    "redeem": lambda loyalty: loyalty.record(redeem("d-2", 100)),
    "refund": lambda loyalty: loyalty.record(refund("r-1", "o-1", "20.00")),
    "run_due": lambda loyalty: [outcome.error for outcome in loyalty.run_due(LATER)],
}


def service(ledger: SqlLedger) -> Loyalty:
    """The shop's, on the day on which something ends."""
    return Loyalty(PROGRAM, ledger, clock=lambda: LATER)


@attrs.define
class Steps:
    """Counts what an engine does: statements, commits, connections given back. Dies at step *fatal*."""

    fatal: int = -1
    taken: int = 0

    def watch(self, engine: Engine) -> None:
        """Counts from now on."""
        for step in ("before_cursor_execute", "commit"):
            event.listen(engine, step, self._step)
        event.listen(engine, "checkin", self._step)  # After COMMIT, and before anybody is told.

    def _step(self, *_: object) -> None:
        self.taken += 1
        if self.taken == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def die_at(database: Database, number: int, case: str, program: str, step: int) -> None:
    """Does a use case, and does not live to tell."""
    ledger = database.ledger(program=program)
    Steps(step).watch(engine_of(ledger))
    CASES[case](service(ledger))


def die_some_time(database: Database, number: int, program: str, first: int, told: Pipe) -> None:
    """
    Records one batch of two members after the other, each a redemption and a purchase, until it is killed.

    Tells the number of each batch, once it is stored, on the pipe *told*.
    """
    loyalty = service(database.ledger(program=program))
    while True:
        loyalty.record_all(batch(first))
        told.send(first)
        first += 1


def recorded_through_stops(database: Database, number: int, lasts_s: float) -> tuple[list[str], int]:
    """Records batches for a time, each again until it is answered; which they were, and how often it was told to."""
    loyalty = Loyalty(PROGRAM, database.ledger(), clock=lambda: LATER)
    told: list[str] = []
    lost, end = 0, time.monotonic() + lasts_s
    unanswered = False
    while unanswered or time.monotonic() < end:
        id = f"{number}-{len(told)}"
        try:
            answers = loyalty.record_all([redeem(f"d-{id}", 100), buy(f"b-{id}", "1.00", "bob")])
        except StoreError:
            lost, unanswered = lost + 1, True
            time.sleep(0.02)
        else:
            assert all(answer.accepted for answer in answers)
            told.append(id)
            unanswered = False
    return told, lost


def batch(number: int) -> Sequence[Event]:
    """ann gives a hundred points away, and bob buys for what they are worth."""
    return (redeem(f"d-{number}", 100), buy(f"b-{number}", "1.00", "bob"))
