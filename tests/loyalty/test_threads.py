"""Threads that share one service and one store."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from loyalty.shop import ANN, PROGRAM, buy, commits_of, opening, points_of, redeem, shop
from patronage import Account, Decision, StaleStateError, fold
from patronage.audit import audit
from patronage.loyalty import Retry
from patronage.stores.memory import MemoryLedger

THREADS = 16


@pytest.fixture(autouse=True)
def _frequent_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(work: Callable[[int], Decision | None]) -> list[Decision]:
    """Sixteen threads do it at once."""
    barrier = Barrier(THREADS)

    def start(n: int) -> Decision | None:
        barrier.wait()
        return work(n)

    with ThreadPoolExecutor(THREADS) as pool:
        return [decision for decision in pool.map(start, range(THREADS)) if decision is not None]


def test_of_sixteen_who_redeem_exactly_the_balances_worth_succeeds() -> None:
    """Ten times a hundred points, sixteen wishes of a hundred: ten succeed, six are refused, nothing is left."""
    store = MemoryLedger()
    loyalty = shop(store, retry=Retry())
    loyalty.record(opening("open", 1000))
    decisions = together(lambda n: loyalty.record(redeem(f"d-{n}", 100)))
    assert Counter(decision.accepted for decision in decisions) == {True: 10, False: 6}
    assert points_of(loyalty) == 0
    commits = commits_of(store)
    assert [commit.version for commit in commits] == [*range(1, 18)]
    assert fold(commits, calendar=PROGRAM.calendar) == store.load([ANN])[ANN].state
    audit(commits, calendar=PROGRAM.calendar)


def test_the_same_event_from_sixteen_threads_is_decided_once() -> None:
    """One answer is new, fifteen repeat it; the points are earned once."""
    store = MemoryLedger()
    loyalty = shop(store, retry=Retry())
    decisions = together(lambda n: loyalty.record(buy("o-1", "120.00")))
    assert Counter(decision.repeated for decision in decisions) == {True: 15, False: 1}
    assert {decision.commits for decision in decisions} == {decisions[0].commits}
    assert len(commits_of(store)) == 1
    assert points_of(loyalty) == 120


def test_batches_in_opposite_order_all_arrive() -> None:
    """Half of the threads record for ann and bob, half for bob and ann: all of them, whole."""
    store = MemoryLedger()
    loyalty = shop(store, retry=Retry())

    def both(n: int) -> None:
        events = [buy(f"o-{n}", "1.00", "ann"), buy(f"o-{n}", "1.00", "bob")]
        assert all(decision.accepted for decision in loyalty.record_all(events if n % 2 else events[::-1]))

    together(both)
    assert (points_of(loyalty, "ann"), points_of(loyalty, "bob")) == (THREADS, THREADS)
    assert len(commits_of(store, Account.member("bob"))) == THREADS


def test_of_sixteen_appends_of_one_version_one_succeeds() -> None:
    """Fifteen raise StaleStateError and leave nothing."""
    store = MemoryLedger()
    loyalty = shop(store)

    prepared = [loyalty.preview(buy(f"o-{n}", "1.00"))[0] for n in range(THREADS)]

    def write(n: int) -> Decision | None:
        try:
            store.append(prepared[n].commits)
        except StaleStateError:
            return None
        return prepared[n]

    winners = together(write)
    assert len(winners) == 1
    assert [commit.event for commit in commits_of(store)] == [winners[0].event]
