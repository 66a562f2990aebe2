"""Writers who lose, and answers that are lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from datetime import timedelta

import attrs
import pytest

from loyalty.shop import ANN, PROGRAM, Clock, buy, commits_of, earned, opening, points_of, redeem, shop
from patronage import (
    Account,
    Commit,
    DuplicateEventError,
    Event,
    InvalidValueError,
    Rejected,
    StaleStateError,
)
from patronage.loyalty import Loyalty, Retry
from patronage.repositories import Stored
from patronage.stores.memory import MemoryLedger

MILLISECOND = timedelta(milliseconds=1)


@attrs.define
class Time:
    """A monotonic clock that only moves while somebody sleeps."""

    nanoseconds: int = 0
    slept: list[timedelta] = attrs.Factory(list)

    def monotonic(self) -> int:
        """Where it stands."""
        return self.nanoseconds

    def sleep(self, pause: timedelta) -> None:
        """Moves it on."""
        self.slept.append(pause)
        self.nanoseconds += pause // timedelta(microseconds=1) * 1000


class Raced(MemoryLedger):
    """Before each of the first appends, someone else does something first."""

    def __init__(self, *first: Callable[[MemoryLedger], None]) -> None:
        super().__init__()
        self.first = list(first)
        self.tries = 0

    def append(self, commits: Sequence[Commit], /) -> None:
        """Lets the other writer go first."""
        self.tries += 1
        if self.first:
            self.first.pop(0)(self)
        super().append(commits)


def other(event: Event) -> Callable[[MemoryLedger], None]:
    """Someone else records an event, past the race."""

    def write(store: MemoryLedger) -> None:
        decision = Loyalty(PROGRAM, store, clock=Clock(), retry=None).preview(event)[0]
        MemoryLedger.append(store, decision.commits)

    return write


def quick(time: Time, **settings: timedelta) -> Retry:
    """A retry on a clock of the test's own."""
    return Retry(monotonic=time.monotonic, sleep=time.sleep, **settings)


class TestWhoLoses:
    """Reads again, decides again, and appends that."""

    def test_a_writer_who_lost_decides_again(self) -> None:
        """The balance was spent meanwhile: the redemption is refused on the new state, not appended on the old."""
        time, store = Time(), Raced()
        shop(store).record(opening("open", 100))
        store.first = [other(redeem("d-other", 100))]
        decision = shop(store, retry=quick(time)).record(redeem("d-1", 100))
        assert isinstance(decision, Rejected)
        assert [commit.event.id for commit in commits_of(store)] == ["open", "d-other", "d-1"]
        assert points_of(shop(store)) == 0
        assert len(time.slept) == 1

    def test_many_losses_are_many_tries(self) -> None:
        """Each loss reads and decides anew; the pauses grow to their maximum, and no two events keep step."""
        time = Time()
        store = Raced(*[other(buy(f"other-{n}", "1.00")) for n in range(12)])
        assert earned(shop(store, retry=quick(time)).record(buy("o-1", "5.00"))) == 5
        assert store.tries == 13
        assert len(time.slept) == 12
        assert all(pause <= Retry().pause_max for pause in time.slept)
        assert time.slept[0] <= MILLISECOND < time.slept[-1]
        assert {Retry().pause_after(3, "a"), Retry().pause_after(3, "b")} != {Retry().pause_after(3, "a")}
        assert Retry().pause_after(10**9, "a") <= Retry().pause_max

    def test_the_same_event_from_two_workers_is_decided_once(self) -> None:
        """Whoever comes second gets the first one's answer."""
        store = Raced(other(buy("o-1", "5.00")))
        decision = shop(store, retry=quick(Time())).record(buy("o-1", "5.00"))
        assert decision.repeated
        assert earned(decision) == 5
        assert len(commits_of(store)) == 1

    def test_trying_is_bounded_by_time(self) -> None:
        """When the time is spent the last error rises, and nothing is stored by the loser."""
        time = Time()
        store = Raced(*[other(buy(f"other-{n}", "1.00")) for n in range(1000)])
        with pytest.raises(StaleStateError):
            shop(store, retry=quick(time, lasts=timedelta(seconds=1))).record(buy("o-1", "5.00"))
        assert timedelta(seconds=1) <= sum(time.slept, timedelta()) < timedelta(seconds=1.2)
        assert "o-1" not in {commit.event.id for commit in commits_of(store)}

    def test_inside_a_transaction_of_the_callers_own_nothing_is_retried(self) -> None:
        """With retry=None both errors rise at once."""
        for event, error in ((buy("other", "1.00"), StaleStateError), (buy("o-1", "5.00"), DuplicateEventError)):
            store = Raced(other(event))
            with pytest.raises(error):
                shop(store, retry=None).record(buy("o-1", "5.00"))
            assert store.tries == 1

    def test_the_default_waits_for_real(self) -> None:
        """Without a sleep of the caller's own the pause is slept."""
        store = Raced(other(buy("other", "1.00")))
        retry = Retry(pause=timedelta(microseconds=1))
        assert shop(store, retry=retry).record(buy("o-1", "5.00")).accepted

    def test_an_awaited_sleep_is_for_the_awaited_service(self) -> None:
        """A blocking service that is given one says so, and stores nothing twice."""

        class Never:
            """An awaitable that waits."""

            def __await__(self) -> Generator[None, None, None]:
                yield

        store = Raced(other(buy("other", "1.00")))
        retry = Retry(sleep=lambda pause: Never())
        with pytest.raises(RuntimeError, match="AsyncLoyalty"):
            shop(store, retry=retry).record(buy("o-1", "5.00"))

    def test_a_retry_has_lengths_of_time(self) -> None:
        """What is no length, or below zero, is an error."""
        for settings in ({"lasts": -MILLISECOND}, {"pause": 1}, {"pause_max": None}):
            with pytest.raises(InvalidValueError):
                Retry(**settings)


class TestLostAnswers:
    """After an unknown error nothing is appended blindly: the history is read."""

    class Dropping(MemoryLedger):
        """The connection breaks in an append: after the write, before it, or for good."""

        def __init__(self, writes: bool, stays_broken: bool = False) -> None:
            super().__init__()
            self.writes, self.stays_broken, self.broken = writes, stays_broken, False
            self.tries = 0

        def append(self, commits: Sequence[Commit], /) -> None:
            """Breaks once."""
            self.tries += 1
            if self.tries > 1:
                super().append(commits)
                return
            if self.writes:
                super().append(commits)
            self.broken = self.stays_broken
            raise ConnectionError("the answer was lost")

        def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
            """Breaks while it is broken."""
            if self.broken:
                raise ConnectionError("still no connection")
            return super().load(accounts, lock=lock)

    def test_an_event_that_was_written_is_answered(self) -> None:
        """The write had happened: the answer is read from the history, and nothing is appended again."""
        store = self.Dropping(writes=True)
        decision = shop(store, retry=quick(Time())).record(buy("o-1", "5.00"))
        assert decision.repeated
        assert earned(decision) == 5
        assert (store.tries, len(commits_of(store))) == (1, 1)

    def test_an_event_that_was_not_written_is_the_callers_to_send_again(self) -> None:
        """The error rises; the same event sent again is decided and stored once."""
        store = self.Dropping(writes=False)
        loyalty = shop(store, retry=quick(Time()))
        with pytest.raises(ConnectionError, match="was lost"):
            loyalty.record(buy("o-1", "5.00"))
        assert (store.tries, commits_of(store)) == (1, ())
        assert not loyalty.record(buy("o-1", "5.00")).repeated
        assert len(commits_of(store)) == 1

    def test_where_the_store_cannot_be_read_the_first_error_rises(self) -> None:
        """Later, the event is found: sent again it is answered, not earned twice."""
        store = self.Dropping(writes=True, stays_broken=True)
        loyalty = shop(store, retry=quick(Time()))
        with pytest.raises(ConnectionError, match="was lost"):
            loyalty.record(buy("o-1", "5.00"))
        store.broken = False
        assert loyalty.record(buy("o-1", "5.00")).repeated
        assert points_of(loyalty) == 5

    def test_inside_a_transaction_of_the_callers_own_the_error_rises_at_once(self) -> None:
        """The transaction is over: nothing more is asked of the store."""
        store = self.Dropping(writes=True)
        with pytest.raises(ConnectionError, match="was lost"):
            shop(store, retry=None).record(buy("o-1", "5.00"))
        assert store.tries == 1

    def test_a_batch_is_answered_whole(self) -> None:
        """All its events are found, or the error rises."""
        store = self.Dropping(writes=True)
        decisions = shop(store, retry=quick(Time())).record_all([buy("o-1", "5.00"), buy("o-2", "6.00", "bob")])
        assert [(decision.repeated, earned(decision)) for decision in decisions] == [(True, 5), (True, 6)]


def test_a_commit_that_someone_wrote_after_the_load_is_not_of_the_state() -> None:
    """Without locks a reader sees an old state and a newer history: it decides on the old one, and loses."""

    class Torn(MemoryLedger):
        """Someone writes between the load and the read of the history."""

        wrote = False

        def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
            loaded = super().load(accounts, lock=lock)
            if lock and not self.wrote:
                self.wrote = True
                other(buy("o-2", "1.00"))(self)
            return loaded

    store = Torn()
    with pytest.raises(StaleStateError) as caught:
        shop(store).record(buy("o-1", "5.00"))
    assert (caught.value.account, caught.value.expected, caught.value.actual) == (str(ANN), 0, 1)
    assert [commit.event.id for commit in commits_of(store)] == ["o-2"]
