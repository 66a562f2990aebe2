"""A writer that is killed loses nothing that it was told of and leaves no half batch; the same event again is right."""

from __future__ import annotations

import random
import signal
import time
from contextlib import suppress

import pytest

from loyalty.shop import ANN, BOB, PROGRAM, opening
from patronage import Accepted, Account, Commit
from patronage.stores.audit import audit_ledger
from patronage.stores.sqlalchemy import SqlLedger
from stores.bank import snapshot
from stores.crashing import CASES, Steps, batch, before, die_at, die_some_time, service
from stores.databases import Database
from stores.storm import SOAK, pipe, start

KILLS = 200 if SOAK else 10
LONGEST_S = 0.2


def all_of(ledger: SqlLedger) -> dict[Account, list[Commit]]:
    """All that is stored."""
    return {account: list(ledger.history(account)) for account in (ANN, BOB)}


def sound(ledger: SqlLedger, program: str) -> None:
    """The books add up, and the tables say what the commits say."""
    audit_ledger(ledger, program, calendar=PROGRAM.calendar)


class TestEveryStep:
    """Killed before every statement, before COMMIT, and after it before anybody was told."""

    @pytest.mark.parametrize("case", CASES)
    def test_it_happened_or_it_did_not(self, database: Database, case: str) -> None:
        """
        What is stored is a beginning of what an unharmed run stores, whole commits and whole batches.

        Done again it is what the unharmed run stored: where it had happened already, nothing is added.
        """
        engine = database.engine()
        unharmed = database.ledger(engine, "unharmed")
        service(unharmed).record_all(before())
        prepared, steps = all_of(unharmed), Steps()
        steps.watch(engine)
        CASES[case](service(unharmed))
        last, done = steps.taken, all_of(unharmed)
        assert done != prepared, "The use case stores something."
        had_happened = 0
        for step in range(1, last + 1):
            program = f"step-{step}"
            ledger = database.ledger(engine, program)
            service(ledger).record_all(before())
            process, _ = start(die_at, database, 0, case, program, step)
            process.join(60)
            assert process.exitcode == -signal.SIGKILL
            found = all_of(ledger)
            one_by_one = case == "run_due"  # Each account is an append of its own.
            beginnings = [prepared, {ANN: done[ANN], BOB: prepared[BOB]}, done] if one_by_one else [prepared, done]
            assert found in beginnings, f"Killed at step {step} of {last}, it left something else than all or nothing."
            answer = CASES[case](service(ledger))
            if not one_by_one:
                answers = answer if isinstance(answer, tuple) else (answer,)
                assert [each.repeated for each in answers] == [found == done] * len(answers)
            assert all_of(ledger) == done
            had_happened += found == done
        assert 1 <= had_happened < last, "Some were killed before it was stored, and some after."
        sound(database.ledger(engine, f"step-{last}"), f"step-{last}")


class TestAnyTime:
    """Killed at any time, while it stores batch after batch."""

    def test_nothing_that_was_acknowledged_is_lost(self, database: Database) -> None:
        """All batches that were told of are there, at most one more, and none by half; sent again each is known."""
        chance = random.Random(5)
        engine = database.engine()
        ledger = database.ledger(engine, "kills")
        loyalty = service(ledger)
        loyalty.record(opening("open", 100 * 1_000_000))
        first = 0
        for _ in range(KILLS):
            told = killed_after(chance.random() * LONGEST_S, database, first)
            with snapshot(engine) as connection:  # The server may be about to end what the dead one sent.
                seen = all_of(SqlLedger(connection, database.known, "kills"))
            stored = {account: {commit.event.id for commit in commits} for account, commits in seen.items()}
            spent = {int(id.removeprefix("d-")) for id in stored[ANN] if id.startswith("d-")}
            bought = {int(id.removeprefix("b-")) for id in stored[BOB]}
            assert spent == bought, "Half of a batch is stored."
            assert spent == set(range(len(spent)))
            assert told <= len(spent) <= told + 1, "What was acknowledged is lost."
            if spent:
                again = loyalty.record_all(batch(len(spent) - 1))
                assert all(isinstance(each, Accepted) and each.repeated for each in again)
            first = len(spent)
        assert first > KILLS, "Something was stored between the kills."
        sound(ledger, "kills")


def killed_after(seconds: float, database: Database, first: int) -> int:
    """Lets a process store batches from the *first* on, and kills it; how many there are by all it told."""
    out, into = pipe()
    process, _ = start(die_some_time, database, 0, "kills", first, into)
    into.close()
    assert out.poll(60), "The process tells of nothing."
    time.sleep(seconds)
    process.kill()
    process.join(60)
    with out, suppress(EOFError):
        while True:
            first = out.recv() + 1
    return first
