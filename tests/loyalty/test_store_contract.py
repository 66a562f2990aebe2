"""The shipped stores keep the contract that a caller's store must keep."""

from __future__ import annotations

from patronage.repositories import AsyncLedgerRepository, LedgerRepository
from patronage.stores.memory import AsyncMemoryLedger, MemoryLedger
from patronage.testing.contracts import AsyncLedgerRepositoryContract, LedgerRepositoryContract


class TestMemoryLedger(LedgerRepositoryContract):
    """The store in memory."""

    def make_repository(self) -> LedgerRepository:
        """A fresh one."""
        return MemoryLedger()


class TestAsyncMemoryLedger(AsyncLedgerRepositoryContract):
    """Its awaited twin."""

    def make_async_repository(self) -> AsyncLedgerRepository:
        """A fresh one."""
        return AsyncMemoryLedger()
