"""No right store is blamed, whatever it is made of; and awaited ones with a bug are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

import pytest

from contracts import page
from contracts.racy import Staged
from contracts.right import (
    Awaited,
    ChecksThenWaits,
    ForgetsItsLockWhenCancelled,
    LeavesHalfWhenCancelled,
    Slow,
    StaleFirstInARace,
    Tuples,
    WithItsOwnErrors,
    WithOneConnection,
    WithUuids,
)
from loyalty.plain import Plain
from patronage.repositories import AsyncLedgerRepository, LedgerRepository
from patronage.stores.memory import AsyncMemoryLedger, MemoryLedger
from patronage.testing.contracts import AsyncLedgerRepositoryContract, LedgerRepositoryContract, prove


class Shared(LedgerRepositoryContract):
    """Of a store that threads share."""

    def __init__(self, store: Callable[[], LedgerRepository]) -> None:
        self.store = store

    def make_repository(self) -> LedgerRepository:
        """A fresh one."""
        return self.store()

    def close(self, repository: LedgerRepository) -> None:
        """Where it can be closed."""
        getattr(repository, "close", lambda: None)()


class AwaitedContract(AsyncLedgerRepositoryContract):
    """Of an awaited store."""

    patience = 5

    def __init__(self, store: Callable[[], AsyncLedgerRepository]) -> None:
        self.store = store

    def make_async_repository(self) -> AsyncLedgerRepository:
        """A fresh one."""
        return self.store()


def with_one_connection() -> LedgerRepository:
    """In a file of its own."""
    return WithOneConnection(str(Path(mkdtemp()) / "one.sqlite"))


RIGHT: list[Callable[[], LedgerRepository]] = [
    MemoryLedger,
    Plain,
    Slow,
    with_one_connection,
    WithUuids,
    WithItsOwnErrors,
    StaleFirstInARace,
    Tuples,
    Staged,
    page.dict_ledger,
]


@pytest.mark.parametrize("store", RIGHT, ids=lambda store: str(store.__name__))
def test_a_right_store_is_not_blamed(store: Callable[[], LedgerRepository]) -> None:
    """It keeps every promise that is put to the proof."""
    found = prove(Shared(store))
    assert found.broken == ()
    assert len(found.kept) > 50


@pytest.mark.parametrize("store", [AsyncMemoryLedger, Awaited], ids=lambda store: str(store.__name__))
def test_a_right_awaited_store_is_not_blamed(store: Callable[[], AsyncLedgerRepository]) -> None:
    """It keeps every promise that is put to the proof."""
    found = prove(AwaitedContract(store))
    assert found.broken == ()
    assert len(found.kept) > 50


@pytest.mark.parametrize(
    "store",
    [ChecksThenWaits, LeavesHalfWhenCancelled, ForgetsItsLockWhenCancelled],
    ids=lambda store: str(store.__name__),
)
def test_an_awaited_store_with_a_bug_is_blamed(store: type[Awaited]) -> None:
    """What tasks do to each other is seen."""
    (broken,) = prove(AwaitedContract(store), broken_at_most=1).broken
    assert broken.startswith("Broken: AsyncLedgerRepository.append: "), store.__doc__
