"""What time does, run account by account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest

from loyalty.shop import DAY, MICROSECOND, NOON, Clock, buy, commits_of, opening, points_of, shop
from patronage import Account, Commit, InvalidValueError, PatronageError
from patronage.loyalty import Retry
from patronage.stores.memory import MemoryLedger


class Counting(MemoryLedger):
    """A store that counts its pages and appends, and fails for one member."""

    def __init__(self, fails_for: str = "") -> None:
        super().__init__()
        self.pages: list[int] = []
        self.appends: list[int] = []
        self.fails_for = fails_for

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """Counts what a page holds."""
        page = super().due(until, after=after, limit=limit)
        self.pages.append(len(page))
        return page

    def append(self, commits: Sequence[Commit], /) -> None:
        """Counts what an append holds."""
        if any(commit.account.id == self.fails_for and commit.event.id.startswith("~") for commit in commits):
            raise OSError("the disk of this member is broken")
        self.appends.append(len(commits))
        super().append(commits)


def members(store: MemoryLedger, count: int) -> list[str]:
    """Members whose points end on the tenth day."""
    names = [f"m-{n:02}" for n in range(count)]
    loyalty = shop(store)
    for name in names:
        loyalty.record(opening("open", 50, name, expires_at=NOON + 10 * DAY))
    return names


class TestRunDue:
    """One append an account, in pages; a failing account is told and passed."""

    def test_everyone_who_is_due_is_run_in_pages(self) -> None:
        """Seven accounts in pages of three: each once, in order, each with an append of its own."""
        clock, store = Clock(), Counting()
        names = members(store, 7)
        store.appends.clear()
        clock.at = NOON + 10 * DAY
        outcomes = list(shop(store, clock).run_due(clock.at, page=3))
        assert [outcome.account.id for outcome in outcomes] == names
        assert all(outcome.error is None and outcome.decision is not None for outcome in outcomes)
        assert store.pages == [3, 3, 1, 0]
        assert store.appends == [1] * 7
        assert points_of(shop(store, clock), names[0]) == 0

    def test_an_account_that_fails_is_told_and_passed(self) -> None:
        """Its error is in its outcome; those after it are run; it is due again in the next run."""
        clock, store = Clock(), Counting(fails_for="m-01")
        names = members(store, 4)
        clock.at = NOON + 10 * DAY
        outcomes = list(shop(store, clock).run_due(clock.at, page=2))
        assert [outcome.account.id for outcome in outcomes] == names
        assert [outcome.account.id for outcome in outcomes if outcome.error is None] == [names[0], *names[2:]]
        failed = outcomes[1]
        assert isinstance(failed.error, OSError) and failed.decision is None
        store.fails_for = ""
        assert [outcome.account.id for outcome in shop(store, clock).run_due(clock.at)] == ["m-01"]

    def test_at_the_instant_it_is_due_and_not_before(self) -> None:
        """A microsecond before the end nobody is due."""
        clock, store = Clock(), Counting()
        members(store, 1)
        clock.at = NOON + 10 * DAY
        assert list(shop(store, clock).run_due(clock.at - MICROSECOND)) == []
        assert len(list(shop(store, clock).run_due(clock.at))) == 1

    def test_a_second_run_finds_nothing(self) -> None:
        """Whoever was run is due no more."""
        clock, store = Clock(), MemoryLedger()
        members(store, 2)
        clock.at = NOON + 10 * DAY
        loyalty = shop(store, clock)
        assert len(list(loyalty.run_due(clock.at))) == 2
        assert list(loyalty.run_due(clock.at)) == []

    def test_nightly_and_never_come_to_the_same(self) -> None:
        """The state after a purchase is the same whether time was run every night or left to it."""
        states = []
        for nightly in (True, False):
            clock, store = Clock(), MemoryLedger()
            loyalty = shop(store, clock)
            loyalty.record(opening("a", 50, expires_at=NOON + 3 * DAY))
            loyalty.record(opening("b", 20, available_at=NOON + 2 * DAY, expires_at=NOON + 9 * DAY))
            for day in range(12):
                clock.at = NOON + day * DAY
                if nightly:
                    list(loyalty.run_due(clock.at))
            loyalty.record(buy("o-1", "5.00", at=clock.at))
            commits = commits_of(store)
            states.append((loyalty.standing("ann").holdings, [e for c in commits for e in c.entries]))
        assert states[0] == states[1]

    def test_someone_else_may_run_at_the_same_time(self) -> None:
        """An account that another run has done meanwhile is answered by a decision without commits."""
        clock, store = Clock(), MemoryLedger()
        members(store, 2)
        clock.at = NOON + 10 * DAY
        run = shop(store, clock).run_due(clock.at)
        first = next(run)
        assert len(list(shop(store, clock).run_due(clock.at))) == 1
        second = next(run)
        assert first.decision is not None and len(first.decision.commits) == 1
        assert second.decision is not None and second.decision.commits == ()
        assert list(run) == []

    def test_a_run_that_is_left_has_done_what_it_yielded(self) -> None:
        """It works while it is read: leaving it early leaves the others due."""
        clock, store = Clock(), MemoryLedger()
        members(store, 3)
        clock.at = NOON + 10 * DAY
        run = shop(store, clock).run_due(clock.at)
        next(run)
        run.close()  # type: ignore[attr-defined]
        assert [account.id for account in store.due(clock.at)] == ["m-01", "m-02"]

    def test_a_run_retries_where_it_may(self) -> None:
        """A writer who was first is no failure where a retry is allowed."""

        class Busy(MemoryLedger):
            """Someone buys something just before the run is written."""

            done = False

            def append(self, commits: Sequence[Commit], /) -> None:
                if not self.done and commits[0].event.id.startswith("~"):
                    self.done = True
                    super().append(shop(self).preview(buy("o", "1.00", "m-00", NOON + DAY))[0].commits)
                super().append(commits)

        clock, store = Clock(), Busy()
        members(store, 1)
        clock.at = NOON + 10 * DAY
        retry = Retry(sleep=lambda pause: None)
        (outcome,) = shop(store, clock, retry).run_due(clock.at)
        assert outcome.error is None
        assert [commit.version for commit in commits_of(store, Account.member("m-00"))] == [1, 2, 3]

    def test_nobody_runs_into_the_future(self) -> None:
        """An instant further ahead of the clock than a day is an error, and nothing is run."""
        store = MemoryLedger()
        members(store, 1)
        with pytest.raises(InvalidValueError, match="further ahead"):
            list(shop(store).run_due(NOON + 10 * DAY))
        with pytest.raises(PatronageError):
            next(shop(store).run_due(NOON + 10 * DAY))
        assert len(commits_of(store, Account.member("m-00"))) == 1
