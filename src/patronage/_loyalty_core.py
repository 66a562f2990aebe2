"""
The use cases, once: `async def` over an async repository, with every effect handed in.

`loyalty.py` shows them as `Loyalty` and `AsyncLoyalty`; the blocking one drives these coroutines by
adapters that never suspend. One unit of work reads, decides and appends:

    what does the event involve ─▶ unlocked reads, until nothing new comes up
        ─▶ is it known? the first answer, again
        ─▶ load all of it, locked, in sorted order ─▶ read the history again ─▶ ask again
        ─▶ decide ─▶ stamp ─▶ append

From the locked load on it is one transaction, where the repository has such. A writer who lost
starts all of it over; nothing that was decided on old reads is appended again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, Protocol, TypeVar

import attrs

from patronage._canonical import canonical_bytes
from patronage._frozen import FrozenMapping
from patronage._retry import Retry
from patronage.as_of import AsOf
from patronage.between import counterpart_id
from patronage.decisions import Accepted, Decision, Rejected
from patronage.errors import (
    DuplicateEventError,
    InvalidValueError,
    LedgerError,
    PolicyError,
    StaleStateError,
    StoreBusyError,
    quote,
)
from patronage.events import (
    MADE,
    DividendAllocated,
    DividendShare,
    Event,
    FollowedUp,
    Purchase,
    Redemption,
    own_account,
)
from patronage.explain import Explanation, Phrases, explain
from patronage.ledger import Account, AccountKind, Commit, Fact, Refusal, RejectionCode
from patronage.periods import LATEST, format_instant, utc
from patronage.program import Program
from patronage.quotes import Quote, requests_of
from patronage.quotes import quote as quote_cart
from patronage.repositories import AsyncLedgerRepository
from patronage.standing import Standing
from patronage.state import State, fold
from patronage.statements import Statement, StatementBuilder

Clock = Callable[[], datetime]
Sleep = Callable[[timedelta], Awaitable[None]]
T = TypeVar("T")

LOST: Final = (DuplicateEventError, StaleStateError, StoreBusyError)
"""Errors of a writer who wrote nothing, and may decide again."""

_DIGEST_BYTES: Final = 16
_LEVELS_MAX: Final = 2


@attrs.frozen
class DueOutcome:
    """
    What became of one account that was due: a *decision*, or the *error* that stopped it.

    A decision without commits found that nothing was due any more. The error is as it was raised;
    the account stays due.
    """

    account: Account
    decision: Accepted | None
    error: Exception | None


class Writer(Protocol):
    """What the service needs of a codec: the canonical text of a value."""

    def dump(self, value: object, /) -> str:
        """Equal values give equal text."""
        ...


@attrs.frozen
class _Read:
    """What one round of reads found: the accounts' states, and the commits that name what was asked for."""

    states: Mapping[Account, State]
    history: Mapping[Account, Sequence[Commit]]


_Wanted = Mapping[Account, frozenset[str]]


def _check_sent(events: Sequence[Event]) -> None:
    """
    Raises InvalidValueError for what is no event, or one that only a program makes.

    Follow-ups and shares of a dividend pass: who decides without this service records those that were handed over.
    """
    for event in events:
        if not isinstance(event, Event):
            raise InvalidValueError(f"An event is needed, such as a Purchase, not {quote(event)}.")
        if isinstance(event, MADE) and not isinstance(event, FollowedUp | DividendAllocated | DividendShare):
            what = type(event).__name__
            raise InvalidValueError(
                f"A {what} is made by the program alone: call run_due or rerate, or record the event that it goes with."
            )


class Core:
    """The use cases of one program over one repository. Holds nothing that changes but a cache of digests."""

    def __init__(
        self,
        program: Program,
        repository: AsyncLedgerRepository,
        clock: Clock,
        codec: Writer | None,
        retry: Retry | None,
        ahead_max: timedelta,
        sleep: Sleep,
    ) -> None:
        if not isinstance(ahead_max, timedelta) or ahead_max < timedelta(0):
            raise InvalidValueError(f"ahead_max must be a timedelta of at least 0, not {quote(ahead_max)}.")
        self.program, self.repository, self.codec = program, repository, codec
        self._clock, self._retry, self._ahead_max, self._sleep = clock, retry, ahead_max, sleep
        self._digests: dict[datetime, str] = {}

    def now(self) -> datetime:
        """The clock's instant, in UTC. Raises InvalidValueError for a clock that gives none with a zone."""
        return utc(self._clock())

    # Writing.

    async def record(self, events: Sequence[Event], *, alone: bool) -> tuple[Decision, ...]:
        """Decides *events* in order and appends the outcome at once, or nothing."""
        _check_sent(events)
        return await self._until_written(lambda: self._record(events, alone), events[0].id if events else "")

    async def _record(self, events: Sequence[Event], alone: bool) -> tuple[Decision, ...]:
        now, wanted = self.now(), self._wanted(events)
        while True:
            wanted, read = await self._explored(wanted, events)
            known = self._known(events, read)
            if known is not None:
                return known
            if self.program.follows_up:  # Who else gets something is found without locks, so as to lock in order.
                tried = self._decide_on(read, wanted, events, now)
                if not isinstance(tried, tuple):
                    wanted = tried
                    continue
            sent = False
            try:
                async with self._transaction() as repository:
                    read = await self._read(repository, wanted, lock=True)
                    outcome = self._decide_on(read, wanted, events, now)
                    if isinstance(outcome, tuple):
                        if not alone and not all(isinstance(decision, Accepted) for decision in outcome):
                            return outcome
                        outcome = tuple(self._stamped(decision, now) for decision in outcome)
                        sent = True
                        await _append(repository, outcome)
            except LOST:
                raise
            except Exception:
                answers = await self._answered(events) if sent and self._retry is not None else None
                if answers is None:
                    raise
                return answers
            if isinstance(outcome, tuple):
                return outcome
            wanted = outcome

    def _transaction(self) -> AbstractAsyncContextManager[AsyncLedgerRepository]:
        """The repository, within a transaction of its own where it has such."""
        begin = getattr(self.repository, "transaction", None)
        return nullcontext(self.repository) if begin is None else begin()

    async def _answered(self, events: Sequence[Event]) -> tuple[Decision, ...] | None:
        """After a lost answer: what the store has for the events, where it has them all and can be read."""
        try:
            return self._known(events, await self._read(self.repository, self._wanted(events), lock=False))
        except Exception:  # The first error is the one to tell.
            return None

    async def preview(self, events: Sequence[Event]) -> tuple[Decision, ...]:
        """What `record` would decide."""
        _check_sent(events)
        now, wanted = self.now(), self._wanted(events)
        while True:
            wanted, read = await self._explored(wanted, events)
            outcome = self._known(events, read) or self._decide_on(read, wanted, events, now)
            if isinstance(outcome, tuple):
                return outcome
            wanted = outcome

    async def quote(
        self, cart: Purchase, requests: Sequence[Redemption], *, automatic: bool, further: bool, rest: str
    ) -> Quote:
        """What a cart comes to, on what is there."""
        tried = requests_of(self.program, cart, requests=requests, automatic=automatic, further=further)
        own = own_account(cart)
        _, read = await self._explored(self._grown({own: frozenset()}, tried, {}, {}), tried)
        others = [state for account, state in read.states.items() if account != own]
        return quote_cart(
            self.program,
            read.states[own],
            cart,
            requests=requests,
            automatic=automatic,
            further=further,
            rest=rest,
            history=_past(read.states, read.history),
            others=others,
        )

    async def _explored(self, wanted: _Wanted, events: Sequence[Event]) -> tuple[_Wanted, _Read]:
        """All that the events need, by unlocked reads."""
        while True:
            read = await self._read(self.repository, wanted, lock=False)
            grown = self._grown(wanted, events, read.states, read.history)
            if grown == wanted:
                return wanted, read
            wanted = grown

    def _wanted(self, events: Sequence[Event]) -> _Wanted:
        return self._grown({}, events, {}, {})

    def _grown(
        self,
        wanted: _Wanted,
        events: Iterable[Event],
        states: Mapping[Account, State],
        history: Mapping[Account, Sequence[Commit]],
    ) -> _Wanted:
        """*wanted* and what the events turn out to need, on what was read so far."""
        grown = {account: set(names) for account, names in wanted.items()}
        for event in events:
            own = own_account(event)
            involved = self.program.involves(event, tuple(states.values()), history.get(own, ()))
            for account, roots in involved.roots_of.items():
                grown.setdefault(account, set()).update(roots)
            grown[own].add(event.id)
        return {account: frozenset(names) for account, names in grown.items()}

    async def _read(self, repository: AsyncLedgerRepository, wanted: _Wanted, *, lock: bool) -> _Read:
        """Loads the accounts, and then what their histories say of the names."""
        states = await self._states(repository, wanted, lock=lock)
        history: dict[Account, Sequence[Commit]] = {}
        for account in states:
            about = sorted(wanted[account])
            if not about:
                history[account] = []  # No names at all would be all that there is.
                continue
            history[account] = [commit async for commit in repository.history(account, about=about)]
        return _Read(states, history)

    async def _states(
        self, repository: AsyncLedgerRepository, accounts: Iterable[Account], *, lock: bool
    ) -> Mapping[Account, State]:
        """The accounts' states, all asked for at once and sorted; an unknown account is empty."""
        ordered = tuple(sorted(accounts, key=lambda account: account.key))
        stored = await repository.load(ordered, lock=lock)
        states = {}
        for account in ordered:
            found = stored.get(account)
            if found is None:
                states[account] = State.of(account)
            elif found.state.version == found.version:
                states[account] = found.state
            else:
                states[account] = await self._rebuilt(repository, account, found.version)
        return states

    async def states(self, accounts: Iterable[Account]) -> Mapping[Account, State]:
        """The states of accounts as they are stored, read without locks."""
        return await self._states(self.repository, accounts, lock=False)

    async def _rebuilt(self, repository: AsyncLedgerRepository, account: Account, version: int) -> State:
        """The state that the store has lost, or has of an older version."""
        state = State.of(account)
        async for commit in repository.history(account):
            if commit.version <= version:
                state = self._folded(state, commit)
        if state.version != version:
            raise LedgerError(str(account), f"the store is at version {version}, its history at {state.version}.")
        return state

    def _folded(self, state: State, commit: Commit) -> State:
        return fold((commit,), calendar=self.program.calendar, start=state) or state

    def _known(self, events: Sequence[Event], read: _Read) -> tuple[Decision, ...] | None:
        """The first answers, where every event has one. Raises EventConflictError for other content."""
        answers = []
        for event in events:
            account = own_account(event)
            if _commit_of(event.id, read.history[account]) is None:
                return None
            known = [commit for commits in read.history.values() for commit in commits]
            answers.append(self.program.decide(read.states[account], event, history=known))
        return tuple(answers)

    def _decide_on(
        self, read: _Read, wanted: _Wanted, events: Sequence[Event], now: datetime
    ) -> tuple[Decision, ...] | _Wanted:
        """The decisions, each on what those before it left; or what else must be read first."""
        states = dict(read.states)
        history = {account: list(commits) for account, commits in read.history.items()}
        decisions: list[Decision] = []
        for event in events:
            grown = self._grown(wanted, (event,), states, history)
            if grown != wanted:
                return grown
            decision = self._decide_one(states, history, event, now)
            if decision.repeated:
                decisions.append(decision)
                continue
            _apply(decision, states, history)
            followed = self._followed(decision, states, history, wanted, now)
            if not isinstance(followed, Accepted | Rejected):
                return followed
            decisions.append(followed)
        return tuple(decisions)

    def _followed(
        self,
        decision: Decision,
        states: dict[Account, State],
        history: dict[Account, list[Commit]],
        wanted: _Wanted,
        now: datetime,
    ) -> Decision | _Wanted:
        """The decision with what its receivers booked; or what else must be read first. Both dicts are changed."""
        due = [(follow_up, 1) for follow_up in decision.follow_ups]
        commits, after = list(decision.commits), {state.account: state for state in decision.states}
        while due:
            follow_up, level = due.pop(0)
            if level > _LEVELS_MAX:
                message = f"a follow-up's own follow-up has one again: {_LEVELS_MAX} in a row are the most."
                raise PolicyError(follow_up.policy, message)
            grown = self._grown(wanted, (follow_up,), states, history)
            if grown != wanted:
                return grown
            answer = self._decide_one(states, history, follow_up, now)
            if answer.repeated:
                continue
            answer = answer.require()
            _apply(answer, states, history)
            commits.extend(answer.commits)
            after.update((state.account, state) for state in answer.states)
            due.extend((more, level + 1 if more.event == follow_up.id else 1) for more in answer.follow_ups)
        if len(commits) == len(decision.commits):
            return decision
        commits.sort(key=lambda commit: (commit.account.key, commit.version))
        ordered = tuple(after[account] for account in sorted(after, key=lambda account: account.key))
        return attrs.evolve(decision, commits=tuple(commits), states=ordered)

    def _decide_one(
        self, states: Mapping[Account, State], history: Mapping[Account, Sequence[Commit]], event: Event, now: datetime
    ) -> Decision:
        own = own_account(event)
        state = states[own]
        known = _commit_of(event.id, history[own])
        if known is not None:
            everything = [commit for commits in history.values() for commit in commits]
            return self.program.decide(state, event, history=everything)
        at = event.occurred_at
        if now + self._ahead_max < at < LATEST:
            facts: dict[str, Fact] = {"at": format_instant(at), "clock": format_instant(now)}
            return Rejected(own, event, Refusal(RejectionCode.TOO_FAR_AHEAD, FrozenMapping(facts)), (), (), False)
        others = [other for account, other in states.items() if account != own]
        return self.program.decide(state, event, history=_past(states, history), others=others)

    async def _until_written(self, work: Callable[[], Awaitable[T]], seed: str) -> T:
        """Does the work again while others write first, as long as the retry lasts."""
        retry = self._retry
        if retry is None:
            return await work()
        start, lost = retry.monotonic(), 0
        while True:
            try:
                return await work()
            except LOST:
                if retry.is_over(retry.monotonic() - start):
                    raise
            await self._rest(retry, retry.pause_after(lost, seed))
            lost += 1

    async def _rest(self, retry: Retry, pause: timedelta) -> None:
        waiting = self._sleep(pause) if retry.sleep is None else retry.sleep(pause)
        if waiting is not None:
            await waiting

    def _stamped(self, decision: Decision, now: datetime) -> Decision:
        """The decision with what only the service knows written on its commits."""
        if decision.repeated or not decision.commits:
            return decision
        commits = tuple(
            attrs.evolve(
                commit,
                fingerprint=self._digest(commit.event),
                terms_digest=self._terms_digest(commit.terms_from),
                recorded_at=now,
            )
            for commit in decision.commits
        )
        return attrs.evolve(decision, commits=commits)

    def _terms_digest(self, terms_from: datetime) -> str:
        known = self._digests.get(terms_from)
        if known is None:
            terms = next(terms for terms in self.program.terms if terms.effective_from == terms_from)
            known = self._digests[terms_from] = self._digest(terms)
        return known

    def _digest(self, value: object) -> str:
        data = canonical_bytes(value) if self.codec is None else self.codec.dump(value).encode()
        return blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()

    # Time.

    async def run_due(self, until: datetime, page: int) -> AsyncGenerator[DueOutcome, None]:
        """Does what time does, account by account; a failing one is told and passed."""
        until, now = utc(until), self.now()
        if until > now + self._ahead_max:
            raise InvalidValueError(
                f"{format_instant(until)} lies further ahead of the clock ({format_instant(now)}) than ahead_max."
            )
        after: Account | None = None
        while True:
            accounts = await self.repository.due(until, after=after, limit=page)
            for account in accounts:
                yield await self._due(account, until)
            if not accounts:
                return
            after = accounts[-1]

    async def _due(self, account: Account, until: datetime) -> DueOutcome:
        try:
            decision = await self._until_written(lambda: self._advance(account, until), str(account))
        except Exception as error:  # Reported to the caller; the next account is not to suffer for it.
            return DueOutcome(account, None, error)
        return DueOutcome(account, decision, None)

    async def _advance(self, account: Account, until: datetime) -> Accepted:
        wanted: _Wanted = {account: frozenset()}
        while True:
            async with self._transaction() as repository:
                read, now = await self._read(repository, wanted, lock=True), self.now()
                states, history = dict(read.states), {each: list(commits) for each, commits in read.history.items()}
                advanced = self.program.advance(states[account], until)
                _apply(advanced, states, history)
                followed = self._followed(advanced, states, history, wanted, now)
                if isinstance(followed, Accepted | Rejected):
                    decision = self._stamped(followed, now)
                    await _append(repository, (decision,))
                    assert isinstance(decision, Accepted)
                    return decision
                wanted = followed

    async def rerate(self, member: str | Account, late: Sequence[Event]) -> Accepted:
        """The difference to arrival in order, appended."""
        account = account_of(member)
        return await self._until_written(lambda: self._rerate(account, late), str(account))

    async def _rerate(self, account: Account, late: Sequence[Event]) -> Accepted:
        async with self._transaction() as repository:
            state = (await self._states(repository, (account,), lock=True))[account]
            now = self.now()
            # Without locks someone may have written after the load: then the append tells, and all is done again.
            commits = [commit async for commit in repository.history(account) if commit.version <= state.version]
            decision = self._stamped(self.program.rerate(commits, late), now)
            await _append(repository, (decision,))
            assert isinstance(decision, Accepted)
            return decision

    # Reading.

    async def standing(self, member: str | Account, at: datetime | None, known_at: datetime | None) -> Standing:
        """An account at an instant, by all that is recorded or by what was recorded at *known_at*."""
        account = account_of(member)
        if known_at is None:
            state = (await self._states(self.repository, (account,), lock=False))[account]
            instant = utc(at) if at is not None else self.now()
            if state.clock is None or state.clock <= instant:
                return self.program.at(state, instant)
            if at is None:
                return self.program.at(state, state.clock)
        else:
            known_at = utc(known_at)
            instant = known_at if at is None else utc(at)
        as_of = AsOf(account, instant, self.program.calendar)
        async for commit in self._commits(account, known_at):
            as_of.add(commit)
        return self.program.at(as_of.state, instant)

    async def statement(
        self, member: str | Account, start: datetime, end: datetime, known_at: datetime | None
    ) -> Statement:
        """What an account held at both ends, and the entries between."""
        account, now = account_of(member), self.now()
        if known_at is not None:
            now = min(now, utc(known_at))
        builder = StatementBuilder(self.program, account, start, end, now)
        async for commit in self._commits(account, known_at):
            builder.add(commit)
        return builder.statement()

    async def explain(self, member: str | Account, event_id: str, phrases: Phrases) -> Explanation:
        """Why an event came to what it came to, decided again on what was there before it."""
        account, names = account_of(member), frozenset((event_id,))
        while True:
            found = [commit async for commit in self.repository.history(account, about=sorted(names))]
            commit = _commit_of(event_id, found)
            if commit is None:
                raise InvalidValueError(f"{account} has no event {quote(event_id)}.")
            involved = self.program.involves(commit.event, (), found)
            needed = names | {commit.root} | set(involved.roots)
            if needed == names:
                break
            names = needed
        for key in commit.basis.others:
            kind, _, other_id = key.partition(" ")
            if kind == AccountKind.MEMBER.value:  # It answered for this account, which is merged into it.
                part = counterpart_id(account, event_id)
                answer = [each async for each in self.repository.history(Account.member(other_id), about=(part,))]
                return explain(commit, self.program, history=answer, phrases=phrases)
        past = list(found)
        others: list[State] = []
        for other, roots in involved.roots_of.items():
            if other == involved.account or account != involved.account:
                continue
            part = counterpart_id(account, event_id)
            there = [each async for each in self.repository.history(other, about=(part, *roots))]
            theirs = _commit_of(part, there)
            if theirs is None:  # It was read and not changed: which of its states was read is not told.
                return explain(commit, self.program, phrases=phrases)
            others.append(await self._before(theirs))
            past.extend(each for each in there if each.version < theirs.version)
        before = await self._before(commit)
        return explain(commit, self.program, before=before, history=past, others=others, phrases=phrases)

    async def _before(self, commit: Commit) -> State:
        """The account's state before a commit of its own."""
        state = State.of(commit.account)
        async for earlier in self.repository.history(commit.account):
            if earlier.version >= commit.version:
                break
            state = self._folded(state, earlier)
        return state

    async def _commits(self, account: Account, known_at: datetime | None) -> AsyncIterator[Commit]:
        """The account's commits in order; with *known_at* only those before the first that was recorded later."""
        known, later = None if known_at is None else utc(known_at), False
        async for commit in self.repository.history(account):
            later = later or (known is not None and commit.recorded_at is not None and commit.recorded_at > known)
            if not later:
                yield commit


def _apply(decision: Decision, states: dict[Account, State], history: dict[Account, list[Commit]]) -> None:
    """What the next one is decided on. Both dicts are changed."""
    for commit in decision.commits:
        history.setdefault(commit.account, []).append(commit)
    for state in decision.states:
        states[state.account] = state


def _past(states: Mapping[Account, State], history: Mapping[Account, Sequence[Commit]]) -> list[Commit]:
    """What was read of histories, but not what someone wrote after the states were: there need be no locks."""
    read = [commit for account in states for commit in history[account]]
    return [commit for commit in read if commit.version <= states[commit.account].version]


def account_of(member: str | Account) -> Account:
    """An account, or the account of a member's id."""
    return member if isinstance(member, Account) else Account.member(member)


async def _append(repository: AsyncLedgerRepository, decisions: Iterable[Decision]) -> None:
    commits = [commit for decision in decisions if not decision.repeated for commit in decision.commits]
    if commits:
        commits.sort(key=lambda commit: (commit.account.key, commit.version))
        await repository.append(tuple(commits))


def _commit_of(event_id: str, commits: Iterable[Commit]) -> Commit | None:
    return next((commit for commit in commits if commit.event.id == event_id), None)
