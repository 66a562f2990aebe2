"""Standings, statements and explanations, as of any instant on both time axes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.shop import (
    ANN,
    DAY,
    MICROSECOND,
    NOON,
    POINTS,
    USD,
    Clock,
    buy,
    commits_of,
    opening,
    points_of,
    redeem,
    refund,
    shop,
)
from model.histories import history
from patronage import Account, Event, InvalidValueError, StatusGrant, Transfer, Unit
from patronage.loyalty import Loyalty
from patronage.stores.memory import MemoryLedger


class TestStanding:
    """An account at an instant."""

    def test_a_member_who_is_not_known_stands_at_zero(self) -> None:
        """No enrolment is needed to be asked about, and asking creates nobody."""
        store = MemoryLedger()
        assert points_of(shop(store)) == 0
        assert store.accounts() == ()

    def test_now_is_the_clocks(self) -> None:
        """What ends between the last event and now has ended, though no commit says so yet."""
        clock, store = Clock(), MemoryLedger()
        loyalty = shop(store, clock)
        loyalty.record(buy("o-1", "120.00"))
        clock.at = NOON + 365 * DAY - MICROSECOND
        assert points_of(loyalty) == 120
        clock.at = NOON + 365 * DAY
        assert points_of(loyalty) == 0
        assert len(commits_of(store)) == 1

    def test_an_event_a_little_ahead_of_the_clock_is_seen_at_once(self) -> None:
        """A till whose clock is ahead: now is then the event's instant."""
        loyalty = shop()
        loyalty.record(buy("o-1", "120.00", at=NOON + DAY))
        assert loyalty.standing("ann").now == NOON + DAY
        assert points_of(loyalty) == 120
        assert loyalty.standing("ann", NOON).available(POINTS) == POINTS.of(0)

    def test_an_earlier_instant_shows_what_there_was(self) -> None:
        """As it was on a day, whatever happened since; an event at the very instant counts."""
        clock = Clock()
        loyalty = shop(clock=clock)
        for day in range(4):
            clock.at = NOON + day * DAY
            loyalty.record(buy(f"o-{day}", "10.00", at=clock.at))
        seen = [loyalty.standing("ann", NOON + day * DAY).available(POINTS).steps for day in range(-1, 5)]
        assert seen == [0, 10, 20, 30, 40, 40]
        assert loyalty.standing("ann", NOON + DAY - MICROSECOND).available(POINTS).steps == 10

    def test_what_was_believed_then_can_be_asked(self) -> None:
        """The balance on the first; and what we believed on the second, and on the fifth, that it was."""
        clock = Clock()
        loyalty = shop(clock=clock)
        loyalty.record(buy("o-1", "100.00"))
        clock.at = NOON + 4 * DAY  # The till was offline: its purchase of the second day arrives on the fifth.
        loyalty.record(buy("o-2", "30.00", at=NOON + DAY))

        def balance(at: int, known_at: int) -> int:
            standing = loyalty.standing("ann", NOON + at * DAY, known_at=NOON + known_at * DAY)
            return standing.available(POINTS).steps

        assert [balance(2, known) for known in (-1, 0, 2, 3, 4)] == [0, 100, 100, 100, 130]
        assert [balance(at, 4) for at in (-1, 0, 1, 4)] == [0, 100, 130, 130]
        assert loyalty.standing("ann", known_at=NOON + 2 * DAY).now == NOON + 2 * DAY

    def test_any_account_can_be_asked_about(self) -> None:
        """By a member's id, or by an account."""
        loyalty = shop()
        loyalty.record(buy("o-1", "120.00"))
        assert loyalty.standing(ANN).available(POINTS) == POINTS.of(120)
        assert loyalty.standing(Account.shared("ann")).available(POINTS) == POINTS.of(0)


class TestStatement:
    """What an account held at both ends of a time, and the entries between."""

    @staticmethod
    def _busy(store: MemoryLedger | None = None) -> tuple[Loyalty, Clock]:
        clock = Clock()
        loyalty = shop(store or MemoryLedger(), clock)
        events: list[Event] = [
            opening("open", 50, expires_at=NOON + 10 * DAY),
            buy("o-1", "120.00", at=NOON + 1 * DAY),
            redeem("d-1", 100, at=NOON + 2 * DAY),
            refund("r-1", "o-1", "20.00", at=NOON + 3 * DAY),
            buy("o-2", "5.00", at=NOON + 12 * DAY),
        ]
        for event in events:
            clock.at = max(clock.at, event.occurred_at)
            assert loyalty.record(event).accepted
        return loyalty, clock

    def test_balances_and_changes_add_up(self) -> None:
        """Opening plus the lines is closing; each line names its commit."""
        loyalty, _ = self._busy()
        statement = loyalty.statement("ann", NOON + DAY, NOON + 4 * DAY)
        assert statement.opened(POINTS).available == POINTS.of(50)
        assert [line.change for line in statement] == [POINTS.of(120), POINTS.of(-100), POINTS.of(-20)]
        assert statement.change(POINTS) == POINTS.of(0)
        assert statement.closed(POINTS).available == POINTS.of(50)
        assert [line.commit.event.id for line in statement] == ["o-1", "d-1", "r-1"]
        assert statement.change(USD) == USD.of("0.00")

    def test_a_statement_is_half_open(self) -> None:
        """An entry at the start is in it, one at the end is in the next: two in a row share nothing."""
        loyalty, _ = self._busy()
        first = loyalty.statement("ann", NOON, NOON + 2 * DAY)
        second = loyalty.statement("ann", NOON + 2 * DAY, NOON + 4 * DAY)
        assert first.closing == second.opening
        assert [line.commit.event.id for line in first] == ["open", "o-1"]
        assert [line.commit.event.id for line in second] == ["d-1", "r-1"]

    def test_what_time_did_stands_where_it_took_effect(self) -> None:
        """An expiry of the tenth day, which the purchase of the twelfth recorded, is an entry of the tenth."""
        loyalty, _ = self._busy()
        loyalty.record(opening("more", 30, at=NOON + 12 * DAY, expires_at=NOON + 13 * DAY))
        statement = loyalty.statement("ann", NOON + 11 * DAY, NOON + 13 * DAY)
        assert [line.commit.event.id for line in statement] == ["o-2", "more"]
        earlier = loyalty.statement("ann", NOON + 4 * DAY, NOON + 11 * DAY)
        assert earlier.opened(POINTS).available.steps + earlier.change(POINTS).steps == (
            earlier.closed(POINTS).available.steps
        )
        assert all(line.stored for line in earlier)

    def test_what_no_commit_has_recorded_yet_is_told_too(self) -> None:
        """Points that ended yesterday are shown as ended; the next commit will hold that very entry."""
        clock, store = Clock(), MemoryLedger()
        loyalty = shop(store, clock)
        loyalty.record(opening("open", 50, expires_at=NOON + DAY))
        clock.at = NOON + 2 * DAY
        line = loyalty.statement("ann", NOON + MICROSECOND, NOON + 3 * DAY).lines[0]
        assert (line.stored, line.change) == (False, POINTS.of(-50))
        loyalty.record(buy("o-1", "1.00", at=clock.at))
        assert commits_of(store)[-1].entries[0] == line.entry

    def test_a_statement_says_nothing_of_the_future(self) -> None:
        """One that reaches beyond the clock closes at the clock."""
        loyalty = shop()
        loyalty.record(opening("open", 50, expires_at=NOON + DAY))
        statement = loyalty.statement("ann", NOON, NOON + 30 * DAY)
        assert statement.closed(POINTS).available == POINTS.of(50)

    def test_a_statement_of_the_past_can_be_of_what_was_believed(self) -> None:
        """A purchase that arrived late is not in the statement that was sent before."""
        clock = Clock()
        loyalty = shop(clock=clock)
        loyalty.record(buy("o-1", "100.00"))
        clock.at = NOON + 4 * DAY
        loyalty.record(buy("o-2", "30.00", at=NOON + DAY))
        then = loyalty.statement("ann", NOON, NOON + 2 * DAY, known_at=NOON + 3 * DAY)
        now = loyalty.statement("ann", NOON, NOON + 2 * DAY)
        assert then.closed(POINTS).available == POINTS.of(100)
        assert now.closed(POINTS).available == POINTS.of(130)

    def test_what_was_believed_ends_where_it_was_known(self) -> None:
        """A statement of what was known on the second day does not know what ended on the third."""
        clock = Clock()
        loyalty = shop(clock=clock)
        loyalty.record(opening("open", 50, expires_at=NOON + 2 * DAY))
        clock.at = NOON + 9 * DAY
        then = loyalty.statement("ann", NOON, NOON + 5 * DAY, known_at=NOON + DAY)
        assert then.closed(POINTS).available == POINTS.of(50)
        assert loyalty.statement("ann", NOON, NOON + 5 * DAY).closed(POINTS).available == POINTS.of(0)

    def test_lines_that_move_nothing_have_no_change(self) -> None:
        """A grant is an entry, and no amount."""
        loyalty = shop()
        grant = StatusGrant(id="g", member="ann", occurred_at=NOON, key="tier", actor="desk", reason="match")
        loyalty.record(grant)
        lines = loyalty.statement("ann", NOON, NOON + DAY).lines
        assert [(isinstance(line.entry, Transfer), line.change) for line in lines] == [(False, None)]

    def test_a_statement_ends_after_it_starts(self) -> None:
        """An empty or a turned span is an error, and so is a unit that the program has not."""
        loyalty = shop()
        with pytest.raises(InvalidValueError, match="ends after it starts"):
            loyalty.statement("ann", NOON, NOON)
        statement = loyalty.statement("nobody", NOON, NOON + DAY)
        assert statement.lines == ()
        with pytest.raises(KeyError):
            statement.opened(Unit("miles"))


class TestExplain:
    """Why an event came to what it came to."""

    def test_a_purchase_is_explained_from_the_store(self) -> None:
        """The explanation is of the stored commit, and deciding again gives the same."""
        loyalty = shop()
        loyalty.record(buy("o-1", "120.00"))
        explanation = loyalty.explain("ann", "o-1")
        assert explanation.event_id == "o-1"
        assert explanation.reproduced is True

    def test_what_speaks_of_an_earlier_event_is_decided_again_on_what_was_before_it(self) -> None:
        """A redemption and a refund are reproduced too, the choice of lots included."""
        loyalty, clock = TestStatement._busy()
        clock.at += 20 * DAY
        for event in ("d-1", "r-1", "o-2"):
            assert loyalty.explain(ANN, event).reproduced is True

    def test_what_time_did_alone_is_explained(self) -> None:
        """A nightly commit can be asked about by its id."""
        clock, store = Clock(), MemoryLedger()
        loyalty = shop(store, clock)
        loyalty.record(opening("open", 50, expires_at=NOON + DAY))
        clock.at = NOON + DAY
        list(loyalty.run_due(clock.at))
        assert loyalty.explain("ann", commits_of(store)[-1].event.id).reproduced is True

    @given(seed=st.integers(0, 2**32))
    def test_whatever_is_stored_is_decided_again_to_the_same(self, seed: int) -> None:
        """Every stored event of a random history, and what time did alone, is reproduced from the store."""
        program, events = history(seed)
        clock, store = Clock(events[0].occurred_at), MemoryLedger()
        loyalty = Loyalty(program, store, clock=clock)
        for event in events[:20]:
            clock.at = max(clock.at, event.occurred_at)
            assert all(outcome.error is None for outcome in loyalty.run_due(clock.at - MICROSECOND))
            loyalty.record(event)
        for commit in commits_of(store, Account.member("m-1")):
            explanation = loyalty.explain("m-1", commit.event.id)
            assert explanation.reproduced is True, explanation.check.sentence

    def test_an_unknown_event_is_an_error(self) -> None:
        """The account has no such event."""
        with pytest.raises(InvalidValueError, match="no event 'o-1'"):
            shop().explain("ann", "o-1")
