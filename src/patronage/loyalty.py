"""
The use cases: record what happened, read what it came to, do what time does.

`Loyalty` blocks, `AsyncLoyalty` is awaited; both answer the same. A service holds no state of its
own: make one for a request, or share one between threads. It never prints, logs or looks at a clock
other than the one it is given.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, TypeVar

from patronage._dividend_core import DividendRun
from patronage._loyalty_core import Clock, Core, DueOutcome, Writer
from patronage._retry import Retry
from patronage.decisions import Accepted, Decision
from patronage.dividends import DividendDeclared
from patronage.events import Event, Purchase, Redemption, many
from patronage.explain import ENGLISH, Explanation, Phrases
from patronage.ledger import Account, Commit
from patronage.program import Program
from patronage.quotes import Quote
from patronage.repositories import AsyncLedgerRepository, LedgerRepository, Stored
from patronage.standing import Standing
from patronage.statements import Statement, StatementLine

T = TypeVar("T")

_A_DAY: Final = timedelta(days=1)
_RETRY: Final = Retry()
_PAGE: Final = 1000


class AsyncLoyalty:
    """
    `Loyalty` for a program that waits with `await`: the same methods, the same answers.

    See `Loyalty` for what each takes, gives and raises.
    """

    def __init__(
        self,
        program: Program,
        repository: AsyncLedgerRepository,
        *,
        clock: Clock,
        codec: Writer | None = None,
        retry: Retry | None = _RETRY,
        ahead_max: timedelta = _A_DAY,
    ) -> None:
        self._core = Core(program, repository, clock, codec, retry, ahead_max, _sleep_awaited)

    @property
    def program(self) -> Program:
        """The program that decides."""
        return self._core.program

    async def record(self, event: Event) -> Decision:
        """See `Loyalty.record`."""
        return (await self._core.record((event,), alone=True))[0]

    async def record_all(self, events: Iterable[Event]) -> tuple[Decision, ...]:
        """See `Loyalty.record_all`."""
        return await self._core.record(many(events), alone=False)

    async def rerate(self, member: str | Account, late: Iterable[Event] = ()) -> Accepted:
        """See `Loyalty.rerate`."""
        return await self._core.rerate(member, many(late))

    async def preview(self, *events: Event) -> tuple[Decision, ...]:
        """See `Loyalty.preview`."""
        return await self._core.preview(events)

    async def quote(
        self,
        cart: Purchase,
        *,
        requests: Iterable[Redemption] = (),
        automatic: bool = True,
        further: bool = False,
        rest: str = "money",
    ) -> Quote:
        """See `Loyalty.quote`."""
        return await self._core.quote(cart, many(requests), automatic=automatic, further=further, rest=rest)

    async def standing(
        self, member: str | Account, at: datetime | None = None, *, known_at: datetime | None = None
    ) -> Standing:
        """See `Loyalty.standing`."""
        return await self._core.standing(member, at, known_at)

    async def statement(
        self, member: str | Account, start: datetime, end: datetime, *, known_at: datetime | None = None
    ) -> Statement:
        """See `Loyalty.statement`."""
        return await self._core.statement(member, start, end, known_at)

    async def explain(self, member: str | Account, event_id: str, *, phrases: Phrases = ENGLISH) -> Explanation:
        """See `Loyalty.explain`."""
        return await self._core.explain(member, event_id, phrases)

    def run_due(self, until: datetime, *, page: int = _PAGE) -> AsyncIterator[DueOutcome]:
        """See `Loyalty.run_due`: read it with `async for`."""
        return self._core.run_due(until, page)

    def pay_dividend(self, declared: DividendDeclared, *, page: int = _PAGE) -> AsyncIterator[DueOutcome]:
        """See `Loyalty.pay_dividend`: read it with `async for`."""
        return DividendRun(self._core, declared, page).pay()


class Loyalty:
    """
    A loyalty program over a repository of its commits.

    *clock* gives the present as an aware datetime: it stamps `recorded_at` and refuses, not yet, an
    event that lies more than *ahead_max* ahead of it. *codec* writes the canonical form that
    fingerprints are made of; without one an equal, own form is used. *retry* says how long a writer
    who lost tries again. Inside a transaction of the caller's own give `retry=None`: then nothing is
    retried, and StaleStateError or DuplicateEventError rises so that the caller runs the whole
    transaction again.
    """

    def __init__(
        self,
        program: Program,
        repository: LedgerRepository,
        *,
        clock: Clock,
        codec: Writer | None = None,
        retry: Retry | None = _RETRY,
        ahead_max: timedelta = _A_DAY,
    ) -> None:
        self._core = Core(program, _awaited(repository), clock, codec, retry, ahead_max, _sleep_blocking)

    @property
    def program(self) -> Program:
        """The program that decides."""
        return self._core.program

    def record(self, event: Event) -> Decision:
        """
        Decides *event* and stores what it came to: also where it is worth nothing, and a final refusal.

        An event that is known gets its first answer again, marked `repeated`, benefits too. A refusal
        that is not final is not stored: send the same event again later. Raises EventConflictError
        where the id is known with other content, PolicyError for a caller's policy that fails,
        StaleStateError where others kept writing first until the retry was over, and whatever the
        repository raises: after such an error the outcome is unknown, and sending the same event
        again is right.
        """
        return _drive(self._core.record((event,), alone=True))[0]

    def record_all(self, events: Iterable[Event]) -> tuple[Decision, ...]:
        """
        Decides *events* in order, each on what those before it left, and stores all in one append.

        They may be of several members. Unless every one is accepted (now, or when it was sent
        before) nothing is stored, no refusal either. Raises what `record` raises.
        """
        return _drive(self._core.record(many(events), alone=False))

    def rerate(self, member: str | Account, late: Iterable[Event] = ()) -> Accepted:
        """
        Brings a member's account to what arrival in order would have made of it, with *late* events, and stores it.

        *late* are events that were refused as too late. Reads the account's whole history and appends
        one batch: a commit for each late event, and one that books the difference; nothing where there
        is none. What was answered stands. Send again what failed: known events are passed over. Raises
        what `Program.rerate` raises, and what `record` raises.
        """
        return _drive(self._core.rerate(member, many(late)))

    def preview(self, *events: Event) -> tuple[Decision, ...]:
        """What `record` would answer to *events* in order, each on what those before it left. Writes nothing."""
        return _drive(self._core.preview(events))

    def quote(
        self,
        cart: Purchase,
        *,
        requests: Iterable[Redemption] = (),
        automatic: bool = True,
        further: bool = False,
        rest: str = "money",
    ) -> Quote:
        """
        What a cart comes to with the rewards that apply to it, on the account as it stands. Writes nothing.

        *automatic* promotions are tried unasked, then *requests*; with *further* each other reward of
        the terms by itself: which could be had, and why not. See `patronage.quotes.quote`. To buy, record
        the quote's `redemptions` and its `purchase` with `record_all`. Raises InvalidValueError for a cart that
        is paid already or requests of another member, EventConflictError for a request whose id is known with
        other content.
        """
        return _drive(self._core.quote(cart, many(requests), automatic=automatic, further=further, rest=rest))

    def standing(
        self, member: str | Account, at: datetime | None = None, *, known_at: datetime | None = None
    ) -> Standing:
        """
        An account at the instant *at*: now, or its last event's instant where that is later.

        *known_at* asks what was believed then: only commits that were recorded by that instant count
        (and it is the default of *at*). A member who is not known has an empty standing.
        """
        return _drive(self._core.standing(member, at, known_at))

    def statement(
        self, member: str | Account, start: datetime, end: datetime, *, known_at: datetime | None = None
    ) -> Statement:
        """
        What an account held at both ends of `[start, end)`, and the entries between, with their commits.

        Reads the account's whole history. *known_at* as in `standing`. Raises InvalidValueError
        where it does not end after it starts.
        """
        return _drive(self._core.statement(member, start, end, known_at))

    def explain(self, member: str | Account, event_id: str, *, phrases: Phrases = ENGLISH) -> Explanation:
        """
        Why an event came to what it came to: rules, lines, roundings, limits, lots; and whether it would again.

        Reads the account's history, to decide the event again on what was there before it. Raises
        InvalidValueError for an event that the account has not.
        """
        return _drive(self._core.explain(member, event_id, phrases))

    def run_due(self, until: datetime, *, page: int = _PAGE) -> Iterator[DueOutcome]:
        """
        Does what time does at or before *until*, one append an account, and yields what became of each.

        Works while it is read, *page* accounts a query, in order of `Account.key`. An account that
        fails is yielded with its error and passed; it is due again in the next run. It need never be
        run: the next event does the same. Raises InvalidValueError for an instant further ahead of
        the clock than *ahead_max*.
        """
        return _read(self._core.run_due(until, page))

    def pay_dividend(self, declared: DividendDeclared, *, page: int = _PAGE) -> Iterator[DueOutcome]:
        """
        Declares a dividend and pays each member's share, one append a member, and yields what became of each.

        Works while it is read. First the record date is brought about on every account; then the pools
        are shared out, once, and stored with the declaration; then each member who has a right to a share
        gets it. Stopped anywhere and read again with the same declaration it goes on: nobody is paid
        twice, and the sum is what was declared. A member who fails is yielded with the error and passed.
        It reads patronage several times, *page* accounts at a time, and never holds more. Raises
        RejectedError where the declaration is refused (declared already, patronage not final),
        InvalidValueError before the dividend's instant, where nobody has a right to a pool, or for a
        repository that cannot list its accounts (`AccountRepository`).
        """
        return _read(DividendRun(self._core, declared, page).pay())


class _Awaited:
    """A blocking repository, awaited without ever suspending."""

    __slots__ = ("_repository",)

    def __init__(self, repository: LedgerRepository) -> None:
        self._repository = repository

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Awaited]:
        begin = getattr(self._repository, "transaction", None)
        if begin is None:
            yield self
        else:
            with begin() as repository:
                yield _Awaited(repository)

    async def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        return self._repository.load(accounts, lock=lock)

    async def append(self, commits: Sequence[Commit], /) -> None:
        self._repository.append(commits)

    async def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> AsyncIterator[Commit]:
        for commit in self._repository.history(account, about=about, since=since):
            yield commit

    async def due(self, until: datetime, /, *, after: Account | None = None, limit: int = _PAGE) -> Sequence[Account]:
        return self._repository.due(until, after=after, limit=limit)


class _Listing(_Awaited):
    """One that can list its accounts."""

    __slots__ = ()

    async def accounts(self, *, after: Account | None = None, limit: int = _PAGE) -> Sequence[Account]:
        return self._repository.accounts(after=after, limit=limit)  # type: ignore[attr-defined, no-any-return]


def _awaited(repository: LedgerRepository) -> _Awaited:
    return _Listing(repository) if hasattr(repository, "accounts") else _Awaited(repository)


def _read(outcomes: AsyncGenerator[DueOutcome, None]) -> Iterator[DueOutcome]:
    """Outcomes as they are read, of a generator that never suspends."""
    try:
        while True:
            try:
                outcome = _drive(_next(outcomes))
            except StopAsyncIteration:
                return
            yield outcome
    finally:
        _drive(_close(outcomes))


async def _next(outcomes: AsyncGenerator[DueOutcome, None]) -> DueOutcome:
    return await anext(outcomes)


async def _close(outcomes: AsyncGenerator[DueOutcome, None]) -> None:
    await outcomes.aclose()


async def _sleep_blocking(pause: timedelta) -> None:
    time.sleep(pause.total_seconds())


async def _sleep_awaited(pause: timedelta) -> None:
    from asyncio import sleep  # noqa: PLC0415  # Only for those who wait: it is a large import.

    await sleep(pause.total_seconds())


def _drive(work: Coroutine[object, None, T]) -> T:
    """The result of a coroutine that never suspends."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("A Retry with an awaited sleep is for AsyncLoyalty.")


__all__ = [
    "Accepted",
    "AsyncLoyalty",
    "Clock",
    "DueOutcome",
    "Loyalty",
    "Quote",
    "Retry",
    "Statement",
    "StatementLine",
    "Writer",
]
