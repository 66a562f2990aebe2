"""One member, many writers: exactly what can be afforded is spent, on every database."""

from __future__ import annotations

import pytest

from loyalty.shop import ANN, NOON, POINTS, PROGRAM, opening, points_of
from patronage.audit import audit
from patronage.loyalty import Loyalty
from patronage.stores.sqlalchemy import SqlLedger
from stores.databases import Database
from stores.storm import SOAK, NaiveLedger, callers, in_processes, redeemers

PROCESSES, THREADS = 16, 4
AFFORDABLE = 1_000
COST = 100
REPEATS = 20 if SOAK else 1


def service(repository: SqlLedger | NaiveLedger) -> Loyalty:
    """The shop's."""
    return Loyalty(PROGRAM, repository, clock=lambda: NOON)


def nothing_is_left(ledger: SqlLedger) -> None:
    """What was there is spent, in one row of versions, and the books add up."""
    assert points_of(service(ledger)) == 0
    commits = list(ledger.history(ANN))
    assert [commit.version for commit in commits] == list(range(1, 1 + AFFORDABLE + 1 + PROCESSES * THREADS))
    assert audit(commits, calendar=PROGRAM.calendar).held.get(POINTS.code, 0) == 0


class TestOneMember:
    """64 workers in 16 processes redeem what is enough for exactly 1,000 redemptions."""

    @pytest.mark.parametrize("turn", range(REPEATS))
    def test_exactly_what_can_be_afforded_is_spent(self, database: Database, turn: int) -> None:
        """1,000 succeed, one after the other; each of the 64 is refused once; nothing is left, and nothing is owed."""
        ledger = database.ledger()
        service(ledger).record(opening("opening", AFFORDABLE * COST))
        assert sum(in_processes(PROCESSES, redeemers, database, THREADS, COST, False)) == AFFORDABLE
        nothing_is_left(ledger)

    @pytest.mark.parametrize("turn", range(REPEATS))
    def test_also_in_transactions_of_the_callers(self, strict_database: Database, turn: int) -> None:
        """The same where the shop begins, commits, and runs its transaction again, at each isolation level."""
        ledger = strict_database.ledger()
        service(ledger).record(opening("opening", AFFORDABLE * COST))
        assert sum(in_processes(PROCESSES, callers, strict_database, THREADS, COST)) == AFFORDABLE
        nothing_is_left(ledger)

    def test_a_naive_store_overspends(self, database: Database) -> None:
        """Where the check and the write are two things, the very same storm spends more than there is."""
        naive = NaiveLedger(database)
        for _ in range(3):
            naive.create()
            service(naive).record(opening("opening", AFFORDABLE * COST))
            spent = sum(in_processes(PROCESSES, redeemers, database, THREADS, COST, True))
            if spent > AFFORDABLE:
                return
        raise AssertionError("The storm does not show what it is for: the naive store spent no more than there is.")
