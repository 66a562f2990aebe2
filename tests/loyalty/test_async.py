"""The awaited twin: the same answers, from the same implementation."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import pytest

from loyalty.shop import ANN, DAY, NOON, POINTS, PROGRAM, Clock, buy, commits_of, opening, points_of, redeem, shop
from model.histories import history
from patronage import Account, Commit, EventConflictError, StaleStateError
from patronage.loyalty import AsyncLoyalty, Loyalty, Retry
from patronage.repositories import Stored
from patronage.stores.memory import AsyncMemoryLedger, MemoryLedger

MEMBER = Account.member("m-1")
SEEDS = range(int(os.environ.get("PATRONAGE_HISTORIES", "1000")) // 20)


def twin(store: MemoryLedger, clock: Clock, retry: Retry | None = None) -> AsyncLoyalty:
    """The shop's service, awaited."""
    return AsyncLoyalty(PROGRAM, AsyncMemoryLedger(store), clock=clock, retry=retry)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_histories_come_to_the_same(seed: int) -> None:
    """The same events through both services: the same decisions, the same commits, the same readings."""
    program, events = history(seed)
    stores = (MemoryLedger(), MemoryLedger())
    clock = Clock(max(event.occurred_at for event in events))
    blocking = Loyalty(program, stores[0], clock=clock)
    awaited = AsyncLoyalty(program, AsyncMemoryLedger(stores[1]), clock=clock)
    start, end = events[0].occurred_at, clock.at + timedelta(days=1)

    async def play() -> None:
        for event in events:
            assert blocking.preview(event) == await awaited.preview(event)
            assert blocking.record(event) == await awaited.record(event)
        assert blocking.record_all(events[:3]) == await awaited.record_all(events[:3])
        outcomes = [outcome async for outcome in awaited.run_due(end)]
        assert list(blocking.run_due(end)) == outcomes
        assert blocking.standing("m-1").holdings == (await awaited.standing("m-1")).holdings
        assert blocking.statement("m-1", start, end) == await awaited.statement("m-1", start, end)

    asyncio.run(play())
    assert commits_of(stores[0], MEMBER) == commits_of(stores[1], MEMBER)


def test_every_use_case_can_be_awaited() -> None:
    """Record, preview, standing, statement, explanation and what is due, one after the other."""
    clock, store = Clock(), MemoryLedger()
    loyalty = twin(store, clock)

    async def use() -> None:
        assert (await loyalty.record(opening("open", 100, expires_at=NOON + DAY))).accepted
        assert (await loyalty.preview(redeem("d", 100)))[0].accepted
        assert (await loyalty.standing("ann")).available(POINTS) == POINTS.of(100)
        assert (await loyalty.explain("ann", "open")).event_id == "open"
        clock.at = NOON + DAY
        outcomes = [outcome async for outcome in loyalty.run_due(clock.at)]
        assert [outcome.error for outcome in outcomes] == [None]
        statement = await loyalty.statement("ann", NOON, NOON + 2 * DAY)
        assert statement.change(POINTS) == POINTS.of(0)
        assert (await loyalty.record(opening("open", 100, expires_at=NOON + DAY))).repeated
        with pytest.raises(EventConflictError):
            await loyalty.record(opening("open", 1))

    asyncio.run(use())
    assert loyalty.program is PROGRAM


def test_tasks_that_interleave_lose_nothing() -> None:
    """Sixteen tasks over a store that yields in every call: each wish is decided on what the others left."""

    class Slow(AsyncMemoryLedger):
        """Every call lets the others run."""

        async def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
            await asyncio.sleep(0)
            return await super().load(accounts, lock=lock)

        async def append(self, commits: Sequence[Commit], /) -> None:
            await asyncio.sleep(0)
            await super().append(commits)

    store = MemoryLedger()
    shop(store).record(opening("open", 1000))
    loyalty = AsyncLoyalty(PROGRAM, Slow(store), clock=Clock())

    async def storm() -> list[bool]:
        decisions = await asyncio.gather(*[loyalty.record(redeem(f"d-{n}", 100)) for n in range(16)])
        return [decision.accepted for decision in decisions]

    assert sum(asyncio.run(storm())) == 10
    assert points_of(shop(store)) == 0


def test_a_sleep_of_the_callers_own_may_be_awaited() -> None:
    """A framework's own sleep is awaited between two tries; retry=None raises at once."""
    slept: list[timedelta] = []

    async def sleep(pause: timedelta) -> None:
        slept.append(pause)

    class Raced(AsyncMemoryLedger):
        """Someone else is always first, until there were three."""

        async def append(self, commits: Sequence[Commit], /) -> None:
            if len(slept) < 3:
                raise StaleStateError(str(ANN), 0, 1)
            await super().append(commits)

    loyalty = AsyncLoyalty(PROGRAM, Raced(), clock=Clock(), retry=Retry(sleep=sleep))
    assert asyncio.run(loyalty.record(buy("o-1", "1.00"))).accepted
    assert len(slept) == 3
    slept.clear()
    with pytest.raises(StaleStateError):
        asyncio.run(AsyncLoyalty(PROGRAM, Raced(), clock=Clock(), retry=None).record(buy("o-1", "1.00")))


def test_a_task_that_is_cancelled_leaves_all_or_nothing() -> None:
    """Cancelled while it waits for the store: nothing is stored, and the event can be sent again."""

    class Stuck(AsyncMemoryLedger):
        """An append that hangs once."""

        stuck = True

        async def append(self, commits: Sequence[Commit], /) -> None:
            if self.stuck:
                self.stuck = False
                await asyncio.sleep(3600)
            await super().append(commits)

    store = MemoryLedger()
    loyalty = AsyncLoyalty(PROGRAM, Stuck(store), clock=Clock())

    async def cancel() -> None:
        task = asyncio.create_task(loyalty.record(buy("o-1", "1.00")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert commits_of(store) == ()
        assert not (await loyalty.record(buy("o-1", "1.00"))).repeated

    asyncio.run(cancel())
    assert len(commits_of(store)) == 1
