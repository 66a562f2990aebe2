"""
A dividend paid, once: `async def` over the core of the service, streamed in pages.

    the record date, on every account ─▶ the pools shared out (several readings of patronage, in order of accounts)
        ─▶ declaration and allocation, in one append ─▶ a share for each member who has a right to one

No reading holds more than a page of accounts. Run again after a stop it finds the allocation, and who has
been paid has no right any more; a share that was written twice would be one event under one id.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Protocol, cast

from patronage._loyalty_core import Core, DueOutcome
from patronage.decisions import Rejected
from patronage.dividends import DividendAllocated, DividendDeclared, account_of_dividend, allocated, share_of
from patronage.errors import InvalidValueError, quote
from patronage.events import Event
from patronage.ledger import Account, AccountKind
from patronage.periods import format_instant
from patronage.policies.dividend import DividendPolicy
from patronage.sharing import Cut, Cutting


class _Lists(Protocol):
    async def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]: ...


class DividendRun:
    """The payment of one declaration."""

    def __init__(self, core: Core, declared: DividendDeclared, page: int) -> None:
        if not isinstance(declared, DividendDeclared):
            raise InvalidValueError(f"What is paid is a DividendDeclared, not {quote(declared)}.")
        if type(page) is not int or page < 1:
            raise InvalidValueError(f"page must be a whole number of at least 1, not {quote(page)}.")
        if not hasattr(core.repository, "accounts"):
            raise InvalidValueError("To pay a dividend the repository must list its accounts (AccountRepository).")
        self._core, self._declared, self._page = core, declared, page
        terms = core.program.terms_at(declared.occurred_at).terms
        policy = next((each for each in terms.policies if each.name == declared.policy), None)
        self._policy = policy if isinstance(policy, DividendPolicy) else None

    async def pay(self) -> AsyncGenerator[DueOutcome, None]:
        """What became of each member's share."""
        core, declared = self._core, self._declared
        (asked,) = await core.preview((declared,))
        if isinstance(asked, Rejected):
            asked.require()
        policy, now = self._policy, core.now()
        assert policy is not None  # Else the declaration was refused.
        if declared.issued_at > now:
            at, clock = format_instant(declared.issued_at), format_instant(now)
            raise InvalidValueError(f"The dividend is issued at {at}, and the clock is at {clock}: pay it then.")
        async for outcome in core.run_due(policy.recorded_at(declared.of, core.program.calendar), self._page):
            if outcome.error is not None:
                raise outcome.error  # Its patronage is not known: what all get would be wrong.
        allocation = await self._allocation(policy)
        async for account, weights in self._patronage(policy):
            if any(weights.get(each.name) for each in declared.classes):
                yield await self._share(account, allocation)

    async def _share(self, account: Account, allocation: DividendAllocated | None) -> DueOutcome:
        share = share_of(self._declared, allocation, account.id)
        try:
            (decision,) = await self._core.record((share,), alone=True)
            return DueOutcome(account, decision.require(), None)
        except Exception as error:  # Reported to the caller; the next member is not to suffer for it.
            return DueOutcome(account, None, error)

    async def _allocation(self, policy: DividendPolicy) -> DividendAllocated | None:
        """The allocation that is stored; else the pools are shared out, and it is stored with the declaration."""
        core, declared = self._core, self._declared
        account = account_of_dividend(declared.policy)
        async for commit in core.repository.history(account, about=(declared.id,)):
            if isinstance(commit.event, DividendAllocated) and commit.event.declaration == declared.id:
                return commit.event
        cuts: dict[str, Cut] = {}
        for each in declared.classes:
            if each.pool is not None:
                cuts[each.name] = await self._cut(policy, each.name, each.pool.steps)
        allocation = allocated(declared, cuts) if cuts else None
        events: tuple[Event, ...] = (declared,) if allocation is None else (declared, allocation)
        for decision in await core.record(events, alone=False):
            decision.require()
        return allocation

    async def _cut(self, policy: DividendPolicy, name: str, pool: int) -> Cut:
        """How a pool is shared out."""
        cutting = Cutting(pool, policy.shared_by.odd)
        while cutting.cut is None:
            async for account, weights in self._patronage(policy):
                cutting.add(account.id, weights.get(name, 0))
            cutting.end_reading()
        return cutting.cut

    async def _patronage(self, policy: DividendPolicy) -> AsyncIterator[tuple[Account, Mapping[str, int]]]:
        """Each member's patronage, in order of accounts, a page at a time."""
        core, declared = self._core, self._declared
        key = policy.span(declared.of, core.program.calendar).key
        after: Account | None = None
        repository = cast(_Lists, core.repository)
        while True:
            accounts = await repository.accounts(after=after, limit=self._page)
            if not accounts:
                return
            after = accounts[-1]
            members = [account for account in accounts if account.kind is AccountKind.MEMBER]
            states = await core.states(members)
            for account in members:
                yield account, policy.patronage_of(states[account], key, declared.issued_at)
