"""Awaited use cases that are cancelled at every step: all or nothing, and no connection left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import attrs
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from loyalty.shop import ANN, BOB, DAY, NOON, PROGRAM, buy, opening, redeem
from patronage.loyalty import AsyncLoyalty
from patronage.stores.sqlalchemy import AsyncSqlLedger
from stores.databases import Database, close_all_async
from stores.storm import SOAK

ROUNDS = 20 if SOAK else 1


def hour(number: int) -> datetime:
    """So many hours after noon."""
    return NOON + number * DAY / 24


async def record_both(loyalty: AsyncLoyalty, number: int) -> None:
    """A batch of two members."""
    await loyalty.record_all([redeem(f"d-{number}", 100), buy(f"b-{number}", "10.00", "bob")])


async def run_due(loyalty: AsyncLoyalty, number: int) -> None:
    """What time does to ann and to bob."""
    async for outcome in loyalty.run_due(hour(number + 1)):
        assert outcome.error is None


@attrs.define
class Canceller:
    """
    Cancels a task at a step of an engine: a statement, a commit, a connection given back.

    At once is before the statement is sent; else it is while its answer is waited for.
    """

    at_once: bool
    task: asyncio.Future[None] | None = None
    left: int = 0

    def watch(self, engine: AsyncEngine) -> None:
        """Counts from now on."""
        for step in ("before_cursor_execute", "commit", "checkin"):
            event.listen(engine.sync_engine, step, self._step)

    def _step(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0 and self.task is not None:
            if self.at_once:
                self.task.cancel()
            else:
                asyncio.get_running_loop().call_soon(self.task.cancel)


async def checked_out(engine: AsyncEngine) -> int:
    """How many connections someone holds; those that are on their way back are given time."""
    pool = engine.sync_engine.pool
    assert isinstance(pool, QueuePool)
    for _ in range(200):
        if pool.checkedout() == 0:
            break
        await asyncio.sleep(0.01)
    return pool.checkedout()


async def versions(ledger: AsyncSqlLedger) -> tuple[int, int]:
    """Of ann and of bob, at one instant."""
    stored = await ledger.load([ANN, BOB])
    return stored[ANN].version, stored[BOB].version


@pytest.mark.parametrize("at_once", [True, False], ids=["before", "while"])
@pytest.mark.parametrize("doing", [record_both, run_due])
def test_whoever_is_cancelled_leaves_all_or_nothing(
    database: Database, doing: Callable[[AsyncLoyalty, int], Awaitable[None]], at_once: bool
) -> None:
    """
    Cancelled at the first step, the second, and so on, until it is done before that.

    Each time no connection is checked out afterwards, both members of a batch have it or neither, and
    the same again is stored, or known.
    """

    async def play() -> None:
        engine = database.async_engine()
        ledger = await database.async_ledger(engine)
        loyalty = AsyncLoyalty(PROGRAM, ledger, clock=lambda: hour(10_000))
        await loyalty.record_all([opening("open", 1_000_000, member, at=NOON) for member in ("ann", "bob")])
        canceller = Canceller(at_once)
        canceller.watch(engine)
        number, cancelled = 0, 0
        for _ in range(ROUNDS):
            step, done = 0, False
            while not done:
                step, number = step + 1, number + 1
                if doing is run_due:
                    for member in ("ann", "bob"):
                        soon = opening(f"e-{number}", 10, member, at=hour(number), expires_at=hour(number + 1))
                        await loyalty.record(soon)
                before = await versions(ledger)
                canceller.task, canceller.left = asyncio.ensure_future(doing(loyalty, number)), step
                await asyncio.wait({canceller.task}, timeout=60)
                assert canceller.task.done()
                done = not canceller.task.cancelled()
                cancelled += not done
                canceller.task = None
                assert await checked_out(engine) == 0
                after = await versions(ledger)
                if doing is record_both:
                    assert after in {before, (before[0] + 1, before[1] + 1)}, "A batch is kept by half."
                await asyncio.wait_for(asyncio.ensure_future(doing(loyalty, number)), 60)
                assert await versions(ledger) == (before[0] + 1, before[1] + 1)
                assert await ledger.due(hour(number + 1)) == ()
        assert cancelled >= 10 * ROUNDS, "It was cancelled at every step."
        await close_all_async()

    asyncio.run(play())
