"""
Contracts: what the library relies on in a repository, as tests that a caller runs on an own one.

    class TestOurStore(LedgerRepositoryContract):
        def make_repository(self) -> LedgerRepository:
            return OurStore(fresh_schema())

A runner that collects classes named `Test...` finds in it a method `test_...` for each promise of the
protocol; the contract itself it does not collect. Nothing here needs such a runner: `prove` does
without, and `LedgerRepositoryContract.promises` are the checks one by one. A check that fails raises
AssertionError with a sentence that says which promise of which protocol broke, and how.

What not every store can do is an `Ability`, shown by overriding one more method (`make_neighbour`,
`opener`, `in_thread`, `transaction`, `lose_an_answer`). Where one is missing, its checks raise
NotProvedError, which runners count as skips and whose text says what was not proved. In a conftest,
`pytest_plugins = ["patronage.testing.pytest_plugin"]` prints all of that once at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Generic, TypeVar

import attrs

from patronage.repositories import (
    AsyncIdentifierRepository,
    AsyncLedgerRepository,
    AsyncProgramRepository,
    IdentifierRepository,
    LedgerRepository,
    ProgramRepository,
)
from patronage.testing._contract_abilities import abilities, threaded_abilities
from patronage.testing._contract_blocking import (
    BlockingOpener,
    BlockingPrograms,
    Run,
    blocking_identifiers,
    blocking_ledger,
    blocking_transaction,
)
from patronage.testing._contract_identifiers import identifiers, threaded_identifiers
from patronage.testing._contract_programs import programs, threaded_programs
from patronage.testing._contract_reading import reading
from patronage.testing._contract_service import service
from patronage.testing._contract_storms import storms, threaded_storms
from patronage.testing._contract_tasks import tasks
from patronage.testing._contract_time import listing, time
from patronage.testing._contract_trial import (
    Ability,
    Effort,
    NotProvedError,
    Promise,
    Promises,
    RepositoryContract,
    Trial,
    proves,
)
from patronage.testing._contract_values import values
from patronage.testing._contract_writing import writing

R = TypeVar("R")
A = TypeVar("A")
T = TypeVar("T")

chance = Promises[LedgerRepository]("LedgerRepository")


@chance.promise("append", effort=Effort.GENERATED)
def histories_made_by_chance_go_as_in_memory(trial: Trial[LedgerRepository]) -> None:
    """Whatever is appended and asked, in whatever order, the store answers as the one in memory does."""
    try:
        from patronage.testing._contract_machine import play  # noqa: PLC0415  # Hypothesis is not everybody's.
    except ImportError as error:
        raise NotProvedError(Ability.GENERATED) from error
    play(trial)


_LEDGER = (reading, writing, values, time, listing, abilities, service, chance, storms)


@proves(*_LEDGER, threaded_abilities, threaded_storms)
class LedgerRepositoryContract(RepositoryContract[LedgerRepository]):
    """What a `LedgerRepository` must do. Subclass it and give `make_repository`."""


@proves(identifiers, threaded_identifiers)
class IdentifierRepositoryContract(RepositoryContract[IdentifierRepository]):
    """What an `IdentifierRepository` must do. Subclass it and give `make_repository`."""


@proves(programs, threaded_programs)
class ProgramRepositoryContract(RepositoryContract[ProgramRepository]):
    """What a `ProgramRepository` must do, for any one program. Subclass it and give `make_repository`."""


class AsyncRepositoryContract(RepositoryContract[R], Generic[R, A]):
    """
    What the contracts of awaited repositories have in common: the abilities, under names with `async`.

    They are proved one call at a time by blocking ones, in one event loop a check; threads have no part in it.
    """

    _runner: asyncio.Runner | None = None

    def make_async_repository(self) -> A:
        """A repository over an empty database: each call gives a fresh one. `self.run` may be used."""
        raise NotImplementedError("make_async_repository() gives the repository to be proved.")

    def make_async_neighbour(self, repository: A) -> A | None:
        """See `RepositoryContract.make_neighbour`."""
        return None

    def async_opener(self, repository: A) -> Callable[[], A] | None:
        """See `RepositoryContract.opener`."""
        return None

    def async_transaction(self, repository: A) -> AbstractAsyncContextManager[A] | None:
        """See `RepositoryContract.transaction`."""
        return None

    def lose_an_async_answer(self, repository: A) -> bool:
        """See `RepositoryContract.lose_an_answer`."""
        return False

    async def close_async(self, repository: A) -> None:
        """See `RepositoryContract.close`."""

    def run(self, work: Coroutine[Any, Any, T], /) -> T:
        """Runs one call to its end, in the loop of this check."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(work)

    def blocking(self) -> Callable[[A, Run], R]:
        """What makes a blocking repository of an awaited one."""
        raise NotImplementedError

    def _of(self, repository: R) -> Any:
        found: Any = repository
        return found.awaited

    def make_repository(self) -> R:
        """The awaited repository, asked one call at a time."""
        return self.blocking()(self.make_async_repository(), self.run)

    def make_neighbour(self, repository: R) -> R | None:
        """The awaited neighbour, asked one call at a time."""
        neighbour = self.make_async_neighbour(self._of(repository))
        return None if neighbour is None else self.blocking()(neighbour, self.run)

    def opener(self, repository: R) -> Callable[[], R] | None:
        """What opens it in another process, with a loop of its own."""
        opener = self.async_opener(self._of(repository))
        return None if opener is None else BlockingOpener(opener, self.blocking())

    def reopen(self, repository: R) -> R | None:
        """It is opened again, in the same loop."""
        opener = self.async_opener(self._of(repository))
        return None if opener is None else self.blocking()(opener(), self.run)

    def transaction(self, repository: R) -> AbstractContextManager[R] | None:
        """The awaited transaction, entered and left by blocking calls."""
        transaction = self.async_transaction(self._of(repository))
        if transaction is None:
            return None
        return _Inside(transaction, self.run, self.blocking())

    def lose_an_answer(self, repository: R) -> bool:
        """Of the awaited one."""
        return self.lose_an_async_answer(self._of(repository))

    def close(self, repository: R) -> None:
        """Closes the awaited one."""
        self.run(self.close_async(self._of(repository)))

    def end(self) -> None:
        """Closes the loop."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()


class _Inside(AbstractContextManager[R], Generic[R, A]):
    """An awaited transaction's repository as a blocking one."""

    def __init__(self, transaction: AbstractAsyncContextManager[A], run: Run, blocking: Callable[[A, Run], R]) -> None:
        self._inner = blocking_transaction(transaction, run)
        self._run, self._blocking = run, blocking

    def __enter__(self) -> R:
        return self._blocking(self._inner.__enter__(), self._run)

    def __exit__(self, *error: Any) -> bool | None:
        return self._inner.__exit__(*error)


@proves(*_LEDGER, tasks)
class AsyncLedgerRepositoryContract(AsyncRepositoryContract[LedgerRepository, AsyncLedgerRepository]):
    """What an `AsyncLedgerRepository` must do: the same, and in tasks. Subclass it and give `make_async_repository`."""

    def blocking(self) -> Callable[[AsyncLedgerRepository, Run], LedgerRepository]:
        """A ledger's."""
        return blocking_ledger


@proves(identifiers)
class AsyncIdentifierRepositoryContract(AsyncRepositoryContract[IdentifierRepository, AsyncIdentifierRepository]):
    """What an `AsyncIdentifierRepository` must do: the same. Subclass it and give `make_async_repository`."""

    def blocking(self) -> Callable[[AsyncIdentifierRepository, Run], IdentifierRepository]:
        """That of identifiers."""
        return blocking_identifiers


@proves(programs)
class AsyncProgramRepositoryContract(AsyncRepositoryContract[ProgramRepository, AsyncProgramRepository]):
    """What an `AsyncProgramRepository` must do: the same. Subclass it and give `make_async_repository`."""

    def blocking(self) -> Callable[[AsyncProgramRepository, Run], ProgramRepository]:
        """That of programs."""
        return BlockingPrograms


@attrs.frozen
class Proof:
    """What became of a contract's promises: those kept, the sentences of those that broke, what was not proved."""

    kept: tuple[str, ...]
    broken: tuple[str, ...]
    unproved: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(
            (*self.broken, *self.unproved, f"Kept: {len(self.kept)} promises, broken: {len(self.broken)}.")
        )


def prove(
    contract: RepositoryContract[R], *, broken_at_most: int | None = None, effort: Effort = Effort.PROCESSES
) -> Proof:
    """
    Puts every promise of a contract to the proof, without a test runner.

    Ends early once *broken_at_most* have broken; leaves out what takes more than *effort*. A program
    that calls it guards its main module (`if __name__ == "__main__"`), for it starts processes.
    """
    kept: list[str] = []
    broken: list[str] = []
    unproved: list[str] = []
    for promise in _until(contract, effort):
        try:
            promise.prove(contract)
        except NotProvedError as error:
            unproved.append(str(error))
        except AssertionError as error:
            broken.append(str(error))
            if len(broken) == broken_at_most:
                break
        else:
            kept.append(promise.spoken)
    return Proof(tuple(kept), tuple(broken), tuple(unproved))


def _until(contract: RepositoryContract[R], effort: Effort) -> Iterator[Promise[R]]:
    return (promise for promise in contract.promises if promise.effort.value <= effort.value)


__all__ = [
    "Ability",
    "AsyncIdentifierRepositoryContract",
    "AsyncLedgerRepositoryContract",
    "AsyncProgramRepositoryContract",
    "AsyncRepositoryContract",
    "Effort",
    "IdentifierRepositoryContract",
    "LedgerRepositoryContract",
    "NotProvedError",
    "ProgramRepositoryContract",
    "Promise",
    "Proof",
    "RepositoryContract",
    "Trial",
    "prove",
]
