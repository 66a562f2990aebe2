"""One member, 64 writers in 16 processes: exactly what can be afforded is spent, on every database."""

from __future__ import annotations

import pytest

from loyalty.shop import ANN, NOON, POINTS, PROGRAM, opening, points_of
from patronage.audit import audit
from patronage.loyalty import Loyalty
from patronage.stores.sqlalchemy import SqlLedger
from stores.databases import Database
from stores.storm import SOAK, NaiveLedger, callers, counter, in_processes, redeemers

PROCESSES, THREADS = 16, 4
AFFORDABLE = 1_000 if SOAK else 200
AFFORDABLE_IN_TRANSACTIONS = 1_000 if SOAK else 60
COST = 100
REPEATS = 20 if SOAK else 1


def service(repository: SqlLedger | NaiveLedger) -> Loyalty:
    """The shop's."""
    return Loyalty(PROGRAM, repository, clock=lambda: NOON)


def nothing_is_left(ledger: SqlLedger, affordable: int) -> None:
    """What was there is spent, in one row of versions; each worker was refused once; and the books add up."""
    assert points_of(service(ledger)) == 0
    commits = list(ledger.history(ANN))
    assert [commit.version for commit in commits] == list(range(1, 1 + affordable + 1 + PROCESSES * THREADS))
    assert audit(commits, calendar=PROGRAM.calendar).held.get(POINTS.code, 0) == 0


class TestOneMember:
    """64 workers in 16 processes redeem what is there for an exact number of redemptions."""

    @pytest.mark.parametrize("turn", range(REPEATS))
    def test_exactly_what_can_be_afforded_is_spent(self, database: Database, turn: int) -> None:
        """So many succeed, one after the other; each of the 64 is refused once; nothing is left, nothing is owed."""
        ledger = database.ledger()
        service(ledger).record(opening("opening", AFFORDABLE * COST))
        spent = in_processes(PROCESSES, redeemers, database, THREADS, COST, counter(), AFFORDABLE, False)
        assert sum(spent) == AFFORDABLE
        nothing_is_left(ledger, AFFORDABLE)

    @pytest.mark.parametrize("turn", range(REPEATS))
    def test_also_in_transactions_of_the_callers(self, strict_database: Database, turn: int) -> None:
        """The same where the shop begins, commits, and runs its transaction again, at each isolation level."""
        affordable = AFFORDABLE_IN_TRANSACTIONS
        ledger = strict_database.ledger()
        service(ledger).record(opening("opening", affordable * COST))
        spent = in_processes(PROCESSES, callers, strict_database, THREADS, COST, counter(), affordable)
        assert sum(spent) == affordable
        nothing_is_left(ledger, affordable)

    def test_a_naive_store_overspends(self, database: Database) -> None:
        """Where the check and the write are two things, the very same storm spends more than there is."""
        naive = NaiveLedger(database)
        for _ in range(3):
            naive.create()
            service(naive).record(opening("opening", AFFORDABLE * COST))
            spent = in_processes(PROCESSES, redeemers, database, THREADS, COST, counter(), AFFORDABLE, True)
            if sum(spent) > AFFORDABLE:
                return
        raise AssertionError("The storm does not show what it is for: the naive store spent no more than there is.")
