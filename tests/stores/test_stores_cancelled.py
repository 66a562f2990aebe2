"""Awaited use cases that are cancelled at every point: all or nothing, and no connection left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from loyalty.shop import ANN, BOB, NOON, PROGRAM, buy, opening, redeem
from patronage import Account
from patronage.loyalty import AsyncLoyalty
from patronage.stores.sqlalchemy import AsyncSqlLedger
from stores.crashing import LATER
from stores.databases import Database, close_all_async
from stores.storm import SOAK

POINTS_MAX = 2_000 if SOAK else 60


async def checked_out(engine: AsyncEngine) -> int:
    """How many connections someone holds; those that are on their way back are given time."""
    pool = engine.sync_engine.pool
    assert isinstance(pool, QueuePool)
    for _ in range(200):
        if pool.checkedout() == 0:
            break
        await asyncio.sleep(0.01)
    return pool.checkedout()


async def record_both(loyalty: AsyncLoyalty, number: int) -> None:
    """A batch of two members."""
    await loyalty.record_all([redeem(f"d-{number}", 100), buy(f"b-{number}", "10.00", "bob")])


async def run_due(loyalty: AsyncLoyalty, number: int) -> None:
    """What time does to ann and to bob."""
    async for outcome in loyalty.run_due(LATER):
        assert outcome.error is None


@pytest.mark.parametrize("doing", [record_both, run_due])
def test_whoever_is_cancelled_leaves_all_or_nothing(
    database: Database, doing: Callable[[AsyncLoyalty, int], Awaitable[None]]
) -> None:
    """
    Cancelled after 0, 1, 2, ... turns of the loop, until it is done before that.

    Each time no connection is checked out afterwards, both members of a batch have it or neither, and
    the same again is stored, or known.
    """

    async def play() -> None:
        engine = database.async_engine()
        ledger = await database.async_ledger(engine)
        loyalty = AsyncLoyalty(PROGRAM, ledger, clock=lambda: LATER)
        await loyalty.record(opening("open", 1_000_000, at=NOON))
        turns, cancelled = 0, 0
        while turns < POINTS_MAX:
            if doing is run_due:
                for member in ("ann", "bob"):
                    await loyalty.record(opening(f"e-{turns}", 10, member, at=NOON, expires_at=LATER))
            task = asyncio.ensure_future(doing(loyalty, turns))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task}, timeout=60)
            assert task.done()
            assert await checked_out(engine) == 0
            if doing is record_both:
                kept = [await has(ledger, f"d-{turns}", ANN), await has(ledger, f"b-{turns}", BOB)]
                assert kept[0] == kept[1], f"Cancelled after {turns} turns, a batch is kept by half."
            await asyncio.wait_for(asyncio.ensure_future(doing(loyalty, turns)), 60)
            if doing is record_both:
                assert await has(ledger, f"d-{turns}", ANN)
            else:
                assert await ledger.due(LATER) == ()
            cancelled += task.cancelled()
            turns += 1
        assert cancelled > 10, "It was cancelled at many points."
        await close_all_async()

    asyncio.run(play())


async def has(ledger: AsyncSqlLedger, id: str, account: Account) -> bool:
    """Whether the account has the event."""
    return [commit.event.id async for commit in ledger.history(account, about=[id])] == [id]
