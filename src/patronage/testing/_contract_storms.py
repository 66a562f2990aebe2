"""What a ledger promises to several writers at once: in threads, in processes, in tasks."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from threading import Barrier, BrokenBarrierError, Thread
from types import FrameType
from typing import Any, Final

import attrs

from patronage.errors import DuplicateEventError, StaleStateError, quote
from patronage.ledger import Account, Commit
from patronage.loyalty import Loyalty, Retry
from patronage.repositories import LedgerRepository
from patronage.testing._contract_play import (
    NOON,
    PROGRAM,
    A,
    B,
    credited,
    record,
    redeemed,
    series,
    state_of,
    version_of,
)
from patronage.testing._contract_service import sound
from patronage.testing._contract_trial import Effort, Promises, Trial, check

Ledger = Trial[LedgerRepository]
Wait = Callable[[], object]
Job = Callable[[LedgerRepository, int, Wait], Sequence[str]]
"""What one of several writers does: with its repository, its number, and a way to wait for all the others."""

storms = Promises[LedgerRepository]("LedgerRepository")
threaded_storms = Promises[LedgerRepository]("LedgerRepository")

DONE: Final = "done"
STALE: Final = "stale"
KNOWN: Final = "known"
REFUSED: Final = "refused"
_WISHES: Final = 10
_HEAD_START: Final = 400_000  # Nanoseconds.
_INTERRUPTIONS_MAX: Final = 40


def outcome(append: Callable[[], object]) -> str:
    """What came of an append."""
    try:
        append()
    except StaleStateError:
        return STALE
    except DuplicateEventError:
        return KNOWN
    except Exception as error:
        return f"{type(error).__name__}({quote(str(error))})"
    return DONE


# Rounds: all writers wait for each other, and append at once.


def _first(number: int, turn: int) -> Sequence[Commit]:
    """All write the first commit of an account."""
    return series(Account.member(f"first-{turn}"), [f"e{number}"])


def _next(number: int, turn: int) -> Sequence[Commit]:
    """All write the second commit of an account."""
    return series(Account.member(f"next-{turn}"), [f"e{number}"], behind=1)


def _pair(number: int, turn: int) -> Sequence[Commit]:
    """All write to two accounts, half of them in the opposite order."""
    batch = [commit for side in "xy" for commit in series(Account.member(f"{side}{turn}"), [f"e{number}"], behind=1)]
    return batch[::-1] if number % 2 else batch


def _same(number: int, turn: int) -> Sequence[Commit]:
    """All write one and the same commit."""
    return series(Account.member(f"same-{turn}"), ["e"])


_PLANS: Final = (_first, _next, _pair, _same)


def prepare(repository: LedgerRepository, plan: Callable[[int, int], Sequence[Commit]], turns: Sequence[int]) -> None:
    """Writes what stands before the rounds."""
    for turn in turns:
        commits = plan(0, turn)
        if commits[0].version > 1:
            repository.append([commit for each in commits for commit in series(each.account, ["before"])])


def rounds(plans: Sequence[tuple[int, int]], repository: LedgerRepository, number: int, wait: Wait) -> Sequence[str]:
    """The job: one append a round. *plans* are numbers of plans and turns."""
    found = []
    for commits in [_PLANS[plan](number, turn) for plan, turn in plans]:
        wait()
        found.append(outcome(partial(repository.append, commits)))
    return found


def one_a_round(repository: LedgerRepository, plans: Sequence[tuple[int, int]], found: Sequence[Sequence[str]]) -> None:
    """In each round exactly one append succeeded, the others were refused, and the store has that one's commits."""
    for (plan, turn), outcomes in zip(plans, zip(*found, strict=True), strict=True):
        strange = next((each for each in outcomes if each not in {DONE, STALE, KNOWN}), None)
        check(strange is None, f"A writer who lost met {strange}, where StaleStateError is due.")
        winners = [number for number, each in enumerate(outcomes) if each == DONE]
        check(len(winners) == 1, f"Of {len(outcomes)} appends of one version at once {len(winners)} succeeded.")
        for commit in _PLANS[plan](winners[0], turn):
            stored = list(repository.history(commit.account))
            versions = [each.version for each in stored]
            check(versions == [*range(1, commit.version + 1)], f"After a race the versions are {versions}.")
            check(stored[-1].event == commit.event, "After a race another commit is stored than the one that won.")
            check(version_of(repository, commit.account) == commit.version, "After a race the version is another one.")


# Service: all redeem what is enough for some.


def wishes(count: int, patience: int, repository: LedgerRepository, number: int, wait: Wait) -> Sequence[str]:
    """The job: redeems *count* times, deciding again whenever another was first."""
    retry = Retry(lasts=timedelta(seconds=patience))
    loyalty = Loyalty(PROGRAM, repository, clock=lambda: NOON, retry=retry)
    found = []
    wait()
    for n in range(count):
        try:
            decision = loyalty.record(redeemed(A, f"d-{number}-{n}", 10))
        except Exception as error:
            found.append(f"{type(error).__name__}({quote(str(error))})")
        else:
            found.append(DONE if decision.accepted else REFUSED)
    return found


def none_overspent(repository: LedgerRepository, affordable: int, found: Sequence[Sequence[str]]) -> None:
    """Exactly so many wishes were granted, nothing is left, and the commits add up."""
    counted = Counter(each for outcomes in found for each in outcomes)
    strange = next((each for each in counted if each not in {DONE, REFUSED}), None)
    check(strange is None, f"A writer who decided again and again met {strange}.")
    check(counted[DONE] == affordable, f"{counted[DONE]} wishes were granted, where there was enough for {affordable}.")
    check(not state_of(repository, A).lots, "All was spent, and something is left.")
    check(version_of(repository, A) == 1 + sum(counted.values()), "Not every answer has its commit.")
    sound(repository, (A,))


# Threads.


@contextmanager
def frequent_switches() -> Iterator[None]:
    """Threads take turns as often as Python can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1 / 1_000_000)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _Interrupting:
    """Lets other threads go on after every few lines of a store: it is met between two of its lines."""

    def __init__(self, lines: int) -> None:
        self._lines, self._count = lines, 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> _Interrupting | None:
        module = str(frame.f_globals.get("__name__"))
        if event == "call" and not _is_a_stores(module):
            return None
        self._count += 1
        if self._count % self._lines == 0 and self._count < _INTERRUPTIONS_MAX * self._lines:
            time.sleep(0)
        return self


def _is_a_stores(module: str) -> bool:
    """Whether code is a store's own: not the library's, nor what every Python has."""
    root, _, rest = module.partition(".")
    return rest.startswith("stores") if root == "patronage" else root not in sys.stdlib_module_names | {"attr"}


class _Start:
    """Threads wait for each other, and then for one instant: else the first is done before the last one wakes."""

    def __init__(self, count: int, patience: int, interrupting: bool) -> None:
        self._interrupting, self._turn = interrupting, 0
        self._barrier = Barrier(count, action=self._set, timeout=patience)
        self._at = 0

    def _set(self) -> None:
        self._at = time.monotonic_ns() + _HEAD_START
        self._turn += 1

    def __call__(self) -> None:
        sys.settrace(None)
        self._barrier.wait()
        while time.monotonic_ns() < self._at:
            pass
        if self._interrupting:
            sys.settrace(_Interrupting(1 + self._turn % 3))

    def abort(self) -> None:
        """Lets nobody wait any longer."""
        self._barrier.abort()


def in_threads(
    trial: Trial[Any],
    repositories: Sequence[Any],
    job: Callable[[Any, int, Wait], Sequence[str]],
    *,
    interrupting: bool = False,
) -> Sequence[Sequence[str]]:
    """What each of several threads came to. *interrupting* is for jobs that wait for each other again and again."""
    patience = trial.contract.patience
    start = _Start(len(repositories), patience, interrupting)
    found: dict[int, Sequence[str]] = {}
    failed: list[BaseException] = []

    def work(number: int) -> None:
        before = sys.gettrace()
        try:
            found[number] = job(repositories[number], number, start)
        except BaseException as error:
            failed.append(error)
            start.abort()
        finally:
            sys.settrace(before)  # Of a debugger, or of coverage.

    workers = [Thread(target=work, args=(number,), daemon=True) for number in range(len(repositories))]
    with frequent_switches():
        for worker in workers:
            worker.start()
        end = time.monotonic() + patience
        for worker in workers:
            worker.join(max(0, end - time.monotonic()))
    hanging = sum(worker.is_alive() for worker in workers)
    check(not hanging, f"{hanging} of {len(workers)} threads still wait after {patience} seconds.")
    broken = next((error for error in failed if not isinstance(error, BrokenBarrierError)), None)
    if failed:
        raise AssertionError(f"A thread failed: {broken!r}.") from broken or failed[0]
    return [found[number] for number in range(len(repositories))]


def _threaded_rounds(trial: Ledger, plan: int) -> None:
    repository = trial.repository()
    repositories = trial.in_threads(repository, trial.contract.threads)
    turns = range(trial.contract.rounds)
    prepare(repository, _PLANS[plan], turns)
    plans = [(plan, turn) for turn in turns]
    found = in_threads(trial, repositories, partial(rounds, plans), interrupting=True)
    one_a_round(repository, plans, found)


@threaded_storms.promise("append", effort=Effort.THREADS)
def of_threads_that_create_an_account_one_succeeds(trial: Ledger) -> None:
    """Of several threads that append an account's first commit at once exactly one succeeds."""
    _threaded_rounds(trial, 0)


@threaded_storms.promise("append", effort=Effort.THREADS)
def of_threads_that_append_one_version_one_succeeds(trial: Ledger) -> None:
    """Of several threads that append one version at once exactly one succeeds, and it is its commit that is kept."""
    _threaded_rounds(trial, 1)


@threaded_storms.promise("append", effort=Effort.THREADS)
def batches_of_threads_in_opposite_order_come_to_an_end(trial: Ledger) -> None:
    """Of batches over two accounts in opposite order one is taken whole, the others are refused, none waits long."""
    _threaded_rounds(trial, 2)


@threaded_storms.promise("append", effort=Effort.THREADS)
def of_threads_that_append_one_event_one_succeeds(trial: Ledger) -> None:
    """An event that arrives in several threads at once is stored once."""
    _threaded_rounds(trial, 3)


@threaded_storms.promise("append", effort=Effort.THREADS)
def threads_spend_no_more_than_there_is(trial: Ledger) -> None:
    """Where several threads redeem what is enough for half of them, exactly that many succeed, and nothing is left."""
    repository = trial.repository()
    count = trial.contract.threads
    repositories = trial.in_threads(repository, count)
    affordable = count * _WISHES // 2
    record(repository, A, credited(A, "open", affordable * 10))
    found = in_threads(trial, repositories, partial(wishes, _WISHES, trial.contract.patience))
    none_overspent(repository, affordable, found)


@attrs.define
class _Reader:
    """Reads while others write: a job for some, writing for the first."""

    batches: int

    def __call__(self, repository: LedgerRepository, number: int, wait: Wait) -> Sequence[str]:
        wait()
        if number == 0:
            for n in range(self.batches):
                repository.append([*series(A, [f"e{n}"], behind=n), *series(B, [f"e{n}"], behind=n)])
            return []
        before, first, second = 0, *((A, B) if number % 2 else (B, A))
        end = time.monotonic() + 20
        while before < self.batches and time.monotonic() < end:
            earlier = version_of(repository, first)
            stored = repository.load([second]).get(second)
            later = 0 if stored is None else stored.version
            check(earlier >= before, f"Version {earlier} of an account was read after version {before}.")
            check(later >= earlier, "Of a batch over two accounts one was read without the other.")
            check(stored is None or stored.state.version == later, "A version was read with another one's state.")
            last = list(repository.history(second, about=[f"e{later - 1}"]))
            check(not later or len(last) == 1, f"Version {later} of an account was read, and not its commit.")
            before = earlier
        return []


@threaded_storms.promise("load", effort=Effort.THREADS)
def readers_see_batches_whole_and_in_order(trial: Ledger) -> None:
    """While others write, no version goes back, no state stands without its commits, and a batch is seen whole."""
    repository = trial.repository()
    repositories = trial.in_threads(repository, 4)
    in_threads(trial, repositories, _Reader(12 * trial.contract.rounds))


# Processes.


def _work(opener: Callable[[], Any], job: Any, number: int, barrier: Any, patience: int, answers: Connection) -> None:
    """One process: opens the database, does the job, answers."""
    answer: tuple[bool, object]
    try:
        answer = (True, job(opener(), number, partial(barrier.wait, patience)))
    except BaseException as error:
        barrier.abort()
        answer = (isinstance(error, BrokenBarrierError), None if isinstance(error, BrokenBarrierError) else repr(error))
    answers.send(answer)
    answers.close()


def in_processes(
    trial: Trial[Any], opener: Callable[[], Any], job: Callable[[Any, int, Wait], Sequence[str]]
) -> Sequence[Sequence[str]]:
    """What each of several processes came to. Those that do not come to an end are stopped."""
    patience, count = trial.contract.patience, trial.contract.processes
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count)
    workers, answers = [], []
    for number in range(count):
        receiver, sender = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(opener, job, number, barrier, patience, sender), daemon=True)
        worker.start()
        sender.close()
        workers.append(worker)
        answers.append(receiver)
    end = time.monotonic() + 2 * patience
    found: list[tuple[bool, Any]] = []
    try:
        for receiver in answers:
            check(receiver.poll(max(0, end - time.monotonic())), "A process does not come to an end.")
            try:
                found.append(receiver.recv())
            except EOFError:
                found.append((False, "it ended without an answer"))
    finally:
        for worker in workers:
            worker.join(1)
            if worker.is_alive():
                worker.kill()
                worker.join()
        for receiver in answers:
            receiver.close()
    failed = next((each for fine, each in found if not fine), None)
    check(failed is None, f"A process failed: {failed}.")
    check(all(each is not None for _, each in found), f"The processes waited for each other for {patience} seconds.")
    return [each for _, each in found]


@storms.promise("append", effort=Effort.PROCESSES)
def of_processes_that_append_at_once_one_succeeds(trial: Ledger) -> None:
    """Of several processes that append one version, one event, or batches in opposite orders, exactly one succeeds."""
    repository = trial.repository()
    opener = trial.opener(repository)
    turns = range(trial.contract.rounds)
    for plan in _PLANS:
        prepare(repository, plan, turns)
    plans = [(plan, turn) for turn in turns for plan in range(len(_PLANS))]
    found = in_processes(trial, opener, partial(rounds, plans))
    one_a_round(repository, plans, found)


@storms.promise("append", effort=Effort.PROCESSES)
def processes_spend_no_more_than_there_is(trial: Ledger) -> None:
    """Where several processes redeem what is enough for half of them exactly that many succeed, and nothing is left."""
    repository = trial.repository()
    opener = trial.opener(repository)
    affordable = trial.contract.processes * _WISHES // 2
    record(repository, A, credited(A, "open", affordable * 10))
    found = in_processes(trial, opener, partial(wishes, _WISHES, trial.contract.patience))
    none_overspent(repository, affordable, found)
