"""Every store whose bug needs timing is blamed, in about fifteen seconds at most; the right ones are not."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

import pytest

from contracts.racy import RACY, RACY_IN_MEMORY, Staged, Unguarded
from contracts.rows import Rows, RowsContract
from loyalty.plain import Plain
from loyalty.proving import PlainContract
from patronage.repositories import LedgerRepository
from patronage.testing.contracts import Effort, prove

SECONDS_MAX = 30  # About fifteen, on a machine that does other things too.


class RacyContract(RowsContract):
    """The contract of a store on SQLite, without what those that guard nothing have not: a caller's transaction."""

    def transaction(self, repository: LedgerRepository) -> AbstractContextManager[LedgerRepository] | None:
        """Of the caller's."""
        return None if isinstance(repository, Unguarded) else super().transaction(repository)


class ProcessesAlone(RacyContract):
    """The same, of stores that no two threads may use."""

    def in_thread(self, repository: LedgerRepository) -> LedgerRepository | None:
        """Nothing."""
        return None


class StagedContract(PlainContract):
    """The contract of a store in memory, with transactions where it has them."""

    patience = 8

    def transaction(self, repository: LedgerRepository) -> AbstractContextManager[LedgerRepository] | None:
        """Of the caller's."""
        return repository.transaction() if isinstance(repository, Staged) else None


@pytest.mark.parametrize("store", RACY, ids=lambda store: str(store.__name__))
def test_a_store_on_sqlite_whose_bug_needs_timing_is_blamed(store: type[Rows]) -> None:
    """One bug each."""
    start = time.monotonic()
    assert prove(RacyContract(store), broken_at_most=1).broken, store.__doc__
    assert time.monotonic() - start < SECONDS_MAX


@pytest.mark.parametrize("store", [s for s in RACY if issubclass(s, Unguarded)], ids=lambda store: str(store.__name__))
def test_processes_alone_show_it(store: type[Rows]) -> None:
    """What nothing guards is seen where only processes meet: one thread each keeps every promise."""
    contract = ProcessesAlone(store)
    assert prove(contract, effort=Effort.GENERATED).broken == ()
    (broken,) = prove(contract, broken_at_most=1).broken
    assert "Of several processes" in broken or "Where several processes" in broken


@pytest.mark.parametrize("store", RACY_IN_MEMORY, ids=lambda store: str(store.__name__))
def test_a_store_in_memory_whose_bug_needs_timing_is_blamed(store: type[Plain]) -> None:
    """One bug each; one thread alone sees nothing of it."""
    start = time.monotonic()
    assert prove(StagedContract(store), effort=Effort.GENERATED).broken == ()
    assert prove(StagedContract(store), broken_at_most=1).broken, store.__doc__
    assert time.monotonic() - start < SECONDS_MAX


def test_the_stores_beside_them_are_right() -> None:
    """What the racy ones differ from is not blamed, and on SQLite every ability is there to be proved."""
    found = prove(RowsContract(Rows))
    assert found.broken == ()
    assert found.unproved == ()
    assert prove(StagedContract(Staged)).broken == ()
