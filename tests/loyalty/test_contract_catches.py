"""The contract proves something: it blames every store that has a bug, and no store that has none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from loyalty.broken import BROKEN
from loyalty.plain import Plain
from patronage import Commit, StaleStateError
from patronage.repositories import LedgerRepository
from patronage.testing.contracts import AsyncLedgerRepositoryContract, LedgerRepositoryContract


def blamed(store: type[Plain], *, at_most: int = 99) -> list[str]:
    """The checks of the contract that fail on a store: the long one last, and no more than are asked for."""

    class Contract(LedgerRepositoryContract):
        def make_repository(self) -> LedgerRepository:
            return store()

    contract = Contract()
    failed: list[str] = []
    for name in sorted(dir(contract), key=lambda name: ("thousand" in name, name)):
        if name.startswith("test_") and len(failed) < at_most:
            try:
                getattr(contract, name)()
            except Exception:  # However a store fails a check, it is blamed.
                failed.append(name)
    return failed


@pytest.mark.parametrize("store", BROKEN, ids=lambda store: str(store.__name__))
def test_a_store_with_a_bug_is_blamed(store: type[Plain]) -> None:
    """One bug each; at least one check fails on it."""
    assert blamed(store, at_most=1), store.__doc__


def test_a_plain_store_without_a_bug_is_not_blamed() -> None:
    """The stores above differ from this one by their bug alone."""
    assert blamed(Plain) == []


def test_an_error_class_of_the_stores_own_is_not_blamed() -> None:
    """A conflict may be a subclass of ours."""

    class LostRaceError(StaleStateError):
        """The store's own word for it."""

    class Own(Plain):
        def put(self, commit: Commit) -> None:
            try:
                super().put(commit)
            except StaleStateError as error:
                raise LostRaceError(*error.args) from error

    assert blamed(Own) == []


def test_a_conflict_of_another_class_is_blamed() -> None:
    """The service knows ours only."""

    class Foreign(Plain):
        def append(self, commits: Sequence[Commit], /) -> None:
            try:
                super().append(commits)
            except StaleStateError as error:
                raise ValueError("could not serialize access") from error

    assert blamed(Foreign, at_most=1)


def test_the_bugs_are_many() -> None:
    """Forty and more, each with a line that says what it is."""
    assert len(BROKEN) >= 40
    assert all(store.__doc__ for store in BROKEN)


def test_a_contract_is_collected_only_where_it_is_subclassed() -> None:
    """Its name is none that a runner looks for, and without a repository it says what is missing."""
    for contract, method in (
        (LedgerRepositoryContract(), "make_repository"),
        (AsyncLedgerRepositoryContract(), "make_async_repository"),
    ):
        assert not type(contract).__name__.startswith("Test")
        with pytest.raises(NotImplementedError, match=method):
            contract.make_repository()


@pytest.mark.parametrize("apart", [True, False])
def test_programs_that_share_their_rows_are_blamed(apart: bool) -> None:
    """Where a neighbour is given, a key that does not begin with the program's id is found."""

    class Contract(LedgerRepositoryContract):
        def make_repository(self) -> LedgerRepository:
            return Plain()

        def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository:
            return Plain() if apart else repository

    if apart:
        Contract().test_two_programs_in_one_database_do_not_meet()
    else:
        with pytest.raises(AssertionError, match="Another program"):
            Contract().test_two_programs_in_one_database_do_not_meet()
