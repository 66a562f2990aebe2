"""Awaited repositories as blocking ones: what the contracts of the async protocols are proved through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import attrs

from patronage.ledger import Account, Commit
from patronage.program import Program
from patronage.repositories import (
    AsyncAccountRepository,
    AsyncErasableIdentifiers,
    AsyncIdentifierRepository,
    AsyncLedgerRepository,
    AsyncProgramRepository,
    Stored,
)
from patronage.terms import Terms

T = TypeVar("T")
A = TypeVar("A")


class Run(Protocol):
    """Runs one call to its end."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T: ...


class BlockingLedger:
    """An awaited ledger as a blocking one."""

    def __init__(self, awaited: AsyncLedgerRepository, run: Run) -> None:
        self.awaited, self._run = awaited, run

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """See `LedgerRepository.load`."""
        return self._run(self.awaited.load(accounts, lock=lock))

    def append(self, commits: Sequence[Commit], /) -> None:
        """See `LedgerRepository.append`."""
        self._run(self.awaited.append(commits))

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterator[Commit]:
        """See `LedgerRepository.history`."""

        async def read() -> list[Commit]:
            return [commit async for commit in self.awaited.history(account, about=about, since=since)]

        yield from self._run(read())

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """See `LedgerRepository.due`."""
        return self._run(self.awaited.due(until, after=after, limit=limit))


class BlockingListingLedger(BlockingLedger):
    """The same of one that lists its accounts."""

    def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """See `AccountRepository.accounts`."""
        awaited: Any = self.awaited
        listing: AsyncAccountRepository = awaited
        return self._run(listing.accounts(after=after, limit=limit))


class BlockingIdentifiers:
    """Awaited identifiers as blocking ones."""

    def __init__(self, awaited: AsyncIdentifierRepository, run: Run) -> None:
        self.awaited, self._run = awaited, run

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        """See `IdentifierRepository.claim`."""
        self._run(self.awaited.claim(kind, code, account))

    def owner(self, kind: str, code: str, /) -> Account | None:
        """See `IdentifierRepository.owner`."""
        return self._run(self.awaited.owner(kind, code))


class BlockingErasableIdentifiers(BlockingIdentifiers):
    """The same of identifiers that can be forgotten."""

    def forget(self, account: Account, /) -> int:
        """See `ErasableIdentifiers.forget`."""
        awaited: Any = self.awaited
        erasable: AsyncErasableIdentifiers = awaited
        return self._run(erasable.forget(account))


class BlockingPrograms:
    """Awaited programs as blocking ones."""

    def __init__(self, awaited: AsyncProgramRepository, run: Run) -> None:
        self.awaited, self._run = awaited, run

    def publish(self, terms: Terms, /) -> None:
        """See `ProgramRepository.publish`."""
        self._run(self.awaited.publish(terms))

    def load(self) -> Program:
        """See `ProgramRepository.load`."""
        return self._run(self.awaited.load())


def blocking_identifiers(awaited: AsyncIdentifierRepository, run: Run) -> BlockingIdentifiers:
    """Awaited identifiers as blocking ones, that can be forgotten where the others can."""
    return (BlockingErasableIdentifiers if hasattr(awaited, "forget") else BlockingIdentifiers)(awaited, run)


def blocking_ledger(awaited: AsyncLedgerRepository, run: Run) -> BlockingLedger:
    """An awaited ledger as a blocking one, that lists its accounts where the other does."""
    return (BlockingListingLedger if hasattr(awaited, "accounts") else BlockingLedger)(awaited, run)


@attrs.frozen
class BlockingOpener(Generic[A, T]):
    """Opens an awaited repository in another process, with an event loop of its own, as a blocking one."""

    opener: Callable[[], A]
    blocking: Callable[[A, Run], T]

    def __call__(self) -> T:
        """The blocking repository. Its loop lives as long as the process."""
        return self.blocking(self.opener(), asyncio.Runner().run)


@contextmanager
def blocking_transaction(awaited: AbstractAsyncContextManager[A], run: Run) -> Iterator[A]:
    """An awaited context manager as a blocking one."""
    entered = run(awaited.__aenter__())
    try:
        yield entered
    except BaseException as error:
        if not run(awaited.__aexit__(type(error), error, error.__traceback__)):
            raise
    else:
        run(awaited.__aexit__(None, None, None))
