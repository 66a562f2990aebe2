"""What a contract is made of: promises with their checks, abilities of a store, and the trial of one promise."""

from __future__ import annotations

import pickle
import signal
import unittest
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from threading import current_thread, main_thread
from types import FrameType
from typing import Any, ClassVar, Generic, TypeVar

import attrs

from patronage.errors import quote

R = TypeVar("R")


class Ability(Enum):
    """What not every store can do: where it is missing, it is said what was not proved."""

    NEIGHBOURS = "two programs in one database: override make_neighbour()"
    REOPENING = "a database that can be opened again: override opener()"
    PROCESSES = "a database that other processes can open: override opener(), with what pickle can take"
    THREADS = "threads that use one database at once: let in_thread() give each its repository"
    TRANSACTIONS = "a transaction of the caller's own: override transaction()"
    LOCKS = "locks that hold until the transaction ends: override transaction(), and set locks = True"
    LOST_ANSWERS = "a connection that can lose an answer: override lose_an_answer()"
    LISTING = "a repository that lists its accounts: give it the method accounts()"
    FORGETTING = "identifiers that can be forgotten: give the repository the method forget()"
    GENERATED = "histories made by chance: install hypothesis"


class NotProvedError(unittest.SkipTest):
    """A promise was not put to the proof, for want of an *ability*. Test runners count it as a skip."""

    def __init__(self, ability: Ability, promise: str = "") -> None:
        super().__init__(f"Not proved: {promise} It takes {ability.value}.")
        self.ability, self.promise = ability, promise


class Effort(Enum):
    """What a check takes, in order: one thread, chance, several threads, several processes."""

    PLAIN = 0
    FORGETTING = "identifiers that can be forgotten: give the repository the method forget()"
    GENERATED = 1
    THREADS = 2
    PROCESSES = 3


class RepositoryContract(Generic[R]):
    """
    What all contracts have in common: one method to fill in, and abilities that may be added.

    The whole numbers say how hard the checks try: histories made by chance and their steps, threads
    and their rounds, processes, and the *patience* in seconds: what still waits after a few times that has failed.
    """

    examples: int = 20
    steps: int = 20
    promises: ClassVar[Sequence[Promise[Any]]] = ()
    threads: int = 8
    rounds: int = 24
    processes: int = 3
    patience: int = 30
    locks: bool = False

    def make_repository(self) -> R:
        """A repository over an empty database: each call gives a fresh one."""
        raise NotImplementedError("make_repository() gives the repository to be proved.")

    def make_neighbour(self, repository: R) -> R | None:
        """A repository of another program in the database of *repository*; None where a database has one only."""
        return None

    def opener(self, repository: R) -> Callable[[], R] | None:
        """
        What opens the database of *repository* again, with a connection of its own; None where nothing can.

        Other processes are proved where pickle takes it: a class, or `functools.partial(OurStore, path)`.
        """
        return None

    def in_thread(self, repository: R) -> R | None:
        """
        What another thread uses at the same time: *repository* itself, unless there is an opener.

        None where nothing may be used by several threads.
        """
        opened = self.reopen(repository)
        return repository if opened is None else opened

    def reopen(self, repository: R) -> R | None:
        """The database of *repository*, opened again in this process; None where there is no opener."""
        opener = self.opener(repository)
        return None if opener is None else opener()

    def transaction(self, repository: R) -> AbstractContextManager[R] | None:
        """
        A transaction of the caller's own in the database of *repository*; None where there is no such thing.

        It gives the repository that takes part in it, commits where its block ends well, and is
        rolled back where an error leaves it.
        """
        return None

    def lose_an_answer(self, repository: R) -> bool:
        """Makes the next write be committed and its answer be lost on the way; False where that cannot be done."""
        return False

    def close(self, repository: R) -> None:
        """A check is done with a repository that this contract gave. The next check gets a fresh one."""

    def end(self) -> None:
        """A check is over."""


class Trial(Generic[R]):
    """One check's access to a contract: an ability that is missing ends the check, and all is closed at the end."""

    def __init__(self, contract: RepositoryContract[R]) -> None:
        self.contract = contract
        self.unready: Exception | None = None
        self._opened: list[R] = []

    def close(self) -> None:
        """Closes what was given, last first."""
        try:
            while self._opened:
                self.contract.close(self._opened.pop())
        finally:
            self.contract.end()

    def done(self, repository: R) -> None:
        """Closes one of them early."""
        self._opened = [known for known in self._opened if known is not repository]
        self.contract.close(repository)

    def _given(self, repository: R | None, ability: Ability) -> R:
        if repository is None:
            raise NotProvedError(ability)
        if not any(repository is known for known in self._opened):
            self._opened.append(repository)
        return repository

    def repository(self) -> R:
        """A fresh one."""
        try:
            repository = self.contract.make_repository()
        except Exception as error:  # The caller's own factory failed: that is no broken promise.
            self.unready = error
            raise
        self._opened.append(repository)
        return repository

    def neighbour(self, repository: R) -> R:
        """Another program in the same database."""
        return self._given(self.contract.make_neighbour(repository), Ability.NEIGHBOURS)

    def reopened(self, repository: R) -> R:
        """The same database by another connection."""
        return self._given(self.contract.reopen(repository), Ability.REOPENING)

    def in_threads(self, repository: R, count: int) -> list[R]:
        """A repository for each of so many threads."""
        return [self._given(self.contract.in_thread(repository), Ability.THREADS) for _ in range(count)]

    def opener(self, repository: R) -> Callable[[], R]:
        """What another process calls."""
        opener = self.contract.opener(repository)
        if opener is None:
            raise NotProvedError(Ability.PROCESSES)
        try:
            pickle.dumps(opener)
        except Exception as error:
            raise NotProvedError(Ability.PROCESSES) from error
        return opener

    def transaction(self, repository: R) -> AbstractContextManager[R]:
        """A transaction of the caller's own."""
        transaction = self.contract.transaction(repository)
        if transaction is None:
            raise NotProvedError(Ability.TRANSACTIONS)
        return transaction


@attrs.frozen(eq=False)
class Promise(Generic[R]):
    """
    A sentence that a protocol promises, and the check that proves it.

    A check needs no test framework: it raises AssertionError, or NotProvedError.
    """

    protocol: str
    method: str
    sentence: str
    effort: Effort
    check: Callable[[Trial[R]], None]

    @property
    def name(self) -> str:
        """What the check is called."""
        return self.check.__name__

    @property
    def spoken(self) -> str:
        """The promise with who makes it: what a failure begins with."""
        return f"{self.protocol}.{self.method}: {self.sentence}"

    def prove(self, contract: RepositoryContract[R]) -> None:
        """Puts the promise to the proof. Raises AssertionError that says what broke, or NotProvedError."""
        trial = Trial(contract)
        patience = contract.patience * (2 if self.effort.value <= Effort.GENERATED.value else 4)
        try:
            with within(patience):
                self.check(trial)
        except NotProvedError as error:
            raise NotProvedError(error.ability, self.spoken) from error.__cause__
        except AssertionError as error:
            raise AssertionError(f"Broken: {self.spoken} {error}") from error
        except Exception as error:
            if error is trial.unready:
                raise
            said = f"The store raised {type(error).__name__}({quote(str(error))})."
            raise AssertionError(f"Broken: {self.spoken} {said}") from error
        finally:
            trial.close()


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """
    Raises AssertionError where its block takes longer, such as for a lock that nobody gives back.

    Needs the main thread and an alarm that nobody else has set; else it waits.
    """
    alarm = getattr(signal, "SIGALRM", None)
    if alarm is None or current_thread() is not main_thread() or signal.getsignal(alarm) is not signal.SIG_DFL:
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"It still waits after {seconds} seconds.")

    signal.signal(alarm, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(alarm, signal.SIG_DFL)


class Promises(Generic[R]):
    """The promises of a protocol, in the order in which they are proved."""

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self._promises: list[Promise[R]] = []

    def promise(
        self, method: str, *, effort: Effort = Effort.PLAIN
    ) -> Callable[[Callable[[Trial[R]], None]], Callable[[Trial[R]], None]]:
        """Makes a check that of a promise of *method*: the first paragraph of its docstring."""

        def add(check: Callable[[Trial[R]], None]) -> Callable[[Trial[R]], None]:
            said = (check.__doc__ or check.__name__).strip().partition("\n\n")[0]
            self._promises.append(Promise(self.protocol, method, " ".join(said.split()), effort, check))
            return check

        return add

    def __iter__(self) -> Iterator[Promise[R]]:
        return iter(self._promises)


C = TypeVar("C", bound=RepositoryContract[Any])


def proves(*groups: Promises[R]) -> Callable[[type[C]], type[C]]:
    """Gives a contract's class a method `test_...` for each promise, for the runners that collect those."""

    def add(cls: type[C]) -> type[C]:
        promises = sorted((each for group in groups for each in group), key=lambda each: each.effort.value)
        for promise in promises:
            setattr(cls, f"test_{promise.name}", _method(promise))
        cls.promises = tuple(promises)
        return cls

    return add


def _method(promise: Promise[Any]) -> Callable[[RepositoryContract[Any]], None]:
    def test(self: RepositoryContract[Any]) -> None:
        promise.prove(self)

    test.__name__ = test.__qualname__ = f"test_{promise.name}"
    test.__doc__ = promise.sentence
    return test


def check(holds: bool, sentence: str) -> None:
    """Raises AssertionError with *sentence*, also where Python runs without assertions."""
    if not holds:
        raise AssertionError(sentence)


def refused(errors: type[Exception] | tuple[type[Exception], ...], work: Callable[[], object], sentence: str) -> None:
    """*work* must raise one of *errors*, and nothing else."""
    try:
        work()
    except errors:
        return
    except Exception as error:
        raise AssertionError(f"{sentence} The store raised {type(error).__name__} instead.") from error
    raise AssertionError(f"{sentence} The store raised nothing.")


def equal(found: Sequence[object], expected: Sequence[object], what: str) -> None:
    """Two sequences must be equal, place by place; else it is said where they part."""
    check(len(found) == len(expected), f"{what} has {len(found)} where {len(expected)} were due.")
    for place, (one, other) in enumerate(zip(found, expected, strict=True)):
        check(one == other, f"{what} differs at place {place}: {quote(one)} where {quote(other)} was due.")
