"""Recording events: what is stored, what is answered again, what is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from loyalty.shop import ANN, DAY, NOON, POINTS, PROGRAM, USD, Clock, buy, commits_of, earned, points_of, redeem, refund
from loyalty.shop import shop as new_shop
from patronage import (
    Accepted,
    Account,
    Activity,
    EventConflictError,
    InvalidValueError,
    LedgerError,
    Line,
    Purchase,
    Rejected,
    RejectionCode,
    StaleStateError,
    Tender,
    fold,
)
from patronage.codec import Codec
from patronage.events import TimePassed
from patronage.loyalty import Loyalty
from patronage.repositories import Stored
from patronage.state import State
from patronage.stores.memory import MemoryLedger


class TestWhatIsStored:
    """A decision is appended with the account's next version, stamped."""

    def test_a_purchase_earns_and_is_stored(self) -> None:
        """A purchase gives its points, and its commit stands in the store as it was answered."""
        store = MemoryLedger()
        decision = new_shop(store).record(buy("o-1", "120.00"))
        assert earned(decision) == 120
        assert commits_of(store) == decision.commits
        assert decision.state is not None
        assert store.load([ANN]) == {ANN: Stored(1, decision.state)}

    def test_a_commit_is_stamped_by_the_service(self) -> None:
        """The commit says when it was recorded, by the service's clock, and has the digests of its event and terms."""
        clock = Clock(NOON + timedelta(hours=3))
        first = new_shop(clock=clock).record(buy("o-1", "120.00")).commits[0]
        assert first.recorded_at == clock.at
        assert first.fingerprint is not None and first.terms_digest is not None
        second = new_shop(clock=clock).record(buy("o-2", "120.00")).commits[0]
        assert second.terms_digest == first.terms_digest
        assert second.fingerprint != first.fingerprint

    def test_equal_content_has_one_fingerprint(self) -> None:
        """1.0 and 1.00, noon in UTC and in Berlin: the same content, the same fingerprint, with a codec or without."""
        berlin = timezone(timedelta(hours=1))
        one = Purchase(id="o", member="ann", occurred_at=NOON, lines=(Line(total=USD.of("5"), quantity="1.0"),))
        same = attrs.evolve(
            one, occurred_at=NOON.astimezone(berlin), lines=(Line(total=USD.of("5.00"), quantity="1.00"),)
        )
        for codec in (None, Codec()):
            prints = {
                Loyalty(PROGRAM, MemoryLedger(), clock=Clock(), codec=codec).record(event).commits[0].fingerprint
                for event in (one, same)
            }
            assert len(prints) == 1

    def test_a_fact_that_changes_nothing_is_stored_too(self) -> None:
        """An activity that no rule knows has a commit, so that it stays worth nothing when it is sent again."""
        store = MemoryLedger()
        visit = Activity(id="v", member="ann", occurred_at=NOON, kind="visit")
        assert new_shop(store).record(visit).accepted
        assert [commit.entries for commit in commits_of(store)] == [()]
        assert new_shop(store).record(visit).repeated

    def test_a_clock_without_a_zone_is_refused(self) -> None:
        """The clock gives an aware datetime: another one is an error, and nothing is stored."""
        store = MemoryLedger()
        with pytest.raises(InvalidValueError):
            new_shop(store, lambda: datetime(2025, 1, 1)).record(buy("o-1", "1.00"))
        assert commits_of(store) == ()

    def test_what_time_passed_is_the_programs_own(self) -> None:
        """A TimePassed is made by the program: one that is sent is an error."""
        with pytest.raises(InvalidValueError, match="run_due"):
            new_shop().record(TimePassed(id="~t/x", member="ann", occurred_at=NOON))

    @pytest.mark.parametrize("thing", [None, "o-1", {"kind": "purchase", "id": "o-1"}, Purchase])
    def test_what_is_no_event_is_refused(self, thing: Any) -> None:
        """By its own error, before anything is read; a document is read by a Codec first."""
        for call in (new_shop().record, new_shop().preview, lambda it: new_shop().record_all([it])):
            with pytest.raises(InvalidValueError, match="An event is needed"):
                call(thing)

    def test_ahead_max_is_a_length_of_time(self) -> None:
        """A negative ahead_max is an error."""
        with pytest.raises(InvalidValueError, match="ahead_max"):
            Loyalty(PROGRAM, MemoryLedger(), clock=Clock(), ahead_max=-DAY)

    def test_the_program_can_be_asked_for(self) -> None:
        """The service shows the program that decides."""
        assert new_shop().program is PROGRAM


class TestTheSameEventAgain:
    """The same event changes nothing, and gets the first answer."""

    def test_a_purchase_sent_twice_earns_once(self) -> None:
        """The second answer is the first one, marked repeated; nothing is stored."""
        store = MemoryLedger()
        shop = new_shop(store)
        first = shop.record(buy("o-1", "120.00"))
        second = shop.record(buy("o-1", "120.00"))
        assert (first.repeated, second.repeated) == (False, True)
        assert second.commits == first.commits
        assert earned(second) == 120
        assert len(commits_of(store)) == 1

    def test_the_first_answer_stands_after_the_state_has_moved_on(self) -> None:
        """A redemption whose balance is long spent is still answered with its benefit."""
        shop = new_shop()
        shop.record(buy("o-1", "200.00"))
        first = shop.record(redeem("d-1", 200))
        again = shop.record(redeem("d-1", 200))
        assert isinstance(again, Accepted)
        assert again.repeated
        assert [benefit.amount for benefit in again.benefits] == [USD.of("2.00")]
        assert again.benefits == first.benefits

    def test_a_known_event_is_answered_without_a_lock(self) -> None:
        """A webhook that is delivered again holds up nobody."""
        locks: list[bool] = []

        class Watched(MemoryLedger):
            """Notes who asks for a lock."""

            def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
                locks.append(lock)
                return super().load(accounts, lock=lock)

        shop = new_shop(Watched())
        shop.record(buy("o-1", "120.00"))
        assert locks == [False, True]
        shop.record(buy("o-1", "120.00"))
        assert locks == [False, True, False]

    def test_a_refused_redemption_stays_refused(self) -> None:
        """A final refusal is stored: points that come later do not change the answer to the same event."""
        store = MemoryLedger()
        shop = new_shop(store)
        assert isinstance(shop.record(redeem("d-1", 100)), Rejected)
        shop.record(buy("o-1", "500.00"))
        again = shop.record(redeem("d-1", 100))
        assert isinstance(again, Rejected)
        assert again.repeated and again.final
        assert again.code is RejectionCode.BALANCE_TOO_LOW
        assert shop.record(redeem("d-2", 100)).accepted
        assert len(commits_of(store)) == 3

    def test_other_content_under_a_known_id_is_an_error_that_names_the_field(self) -> None:
        """The id names one event for ever; the store is left as it was."""
        store = MemoryLedger()
        shop = new_shop(store)
        shop.record(buy("o-1", "120.00"))
        with pytest.raises(EventConflictError) as caught:
            shop.record(buy("o-1", "121.00"))
        assert caught.value.field == "lines"
        with pytest.raises(EventConflictError) as caught:
            shop.record(redeem("o-1", 100))
        assert caught.value.field == "type"
        assert len(commits_of(store)) == 1

    def test_two_members_may_have_events_of_one_id(self) -> None:
        """An id is the account's own."""
        shop = new_shop()
        shop.record(buy("o-1", "120.00"))
        assert not shop.record(buy("o-1", "7.00", "bob")).repeated
        assert (points_of(shop), points_of(shop, "bob")) == (120, 7)


class TestNotYet:
    """A refusal that is not final is not stored: the same event may be sent again."""

    def test_a_refund_that_overtakes_its_purchase_is_taken_later(self) -> None:
        """It is refused and forgotten; after the purchase it counts."""
        store = MemoryLedger()
        shop = new_shop(store)
        early = shop.record(refund("r-1", "o-1"))
        assert isinstance(early, Rejected)
        assert not early.final and early.code is RejectionCode.UNKNOWN_ROOT
        assert commits_of(store) == ()
        shop.record(buy("o-1", "120.00"))
        assert earned(shop.record(refund("r-1", "o-1"))) == -120

    def test_an_event_too_far_ahead_of_the_clock_waits(self) -> None:
        """More than a day ahead is refused, not yet; when the clock has come near it is taken."""
        clock, store = Clock(), MemoryLedger()
        shop = new_shop(store, clock)
        event = buy("o-1", "120.00", at=NOON + DAY + timedelta(microseconds=1))
        early = shop.record(event)
        assert isinstance(early, Rejected)
        assert (early.code, early.final) == (RejectionCode.TOO_FAR_AHEAD, False)
        assert early.refusal.facts["clock"] == "2025-01-01T12:00:00.000000Z"
        assert commits_of(store) == ()
        clock.at += timedelta(microseconds=1)
        assert shop.record(event).accepted

    def test_a_known_event_is_answered_however_far_ahead_it_lies(self) -> None:
        """A clock that was set back does not turn the first answer into a refusal."""
        clock = Clock()
        shop = new_shop(clock=clock)
        shop.record(buy("o-1", "120.00"))
        clock.at -= 30 * DAY
        assert shop.record(buy("o-1", "120.00")).repeated

    def test_an_absurd_instant_is_out_of_range_first(self) -> None:
        """The refusal listed first is given: the year 9999 is out of range, not only ahead."""
        decision = new_shop().record(buy("o-1", "1.00", at=datetime(9999, 1, 1, tzinfo=UTC)))
        assert isinstance(decision, Rejected)
        assert decision.code is RejectionCode.EVENT_TIME_OUT_OF_RANGE


class TestWhatAnEventInvolves:
    """The service reads what the decision needs, all of it and no more."""

    def test_a_refund_of_a_purchase_paid_with_points_finds_the_redemption(self) -> None:
        """The purchase names the redemption in its tender, so its commit is read too, and the points come back."""
        shop = new_shop()
        shop.record(buy("o-1", "200.00"))
        shop.record(redeem("d-1", 200))
        paid = attrs.evolve(
            buy("o-2", "10.00"),
            tenders=(
                Tender(kind="points", total=USD.of("2.00"), redemption="d-1"),
                Tender(kind="card", total=USD.of("8.00")),
            ),
        )
        shop.record(paid)
        assert points_of(shop) == 10
        assert shop.record(refund("r-1", "o-2")).accepted
        assert points_of(shop) == 200

    def test_a_state_that_the_store_has_lost_is_rebuilt_from_the_history(self) -> None:
        """A snapshot of an older version is not trusted: the commits are folded."""

        class Forgetful(MemoryLedger):
            """A store whose snapshots are gone."""

            def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
                loaded = super().load(accounts, lock=lock)
                return {account: Stored(stored.version, State.of(account)) for account, stored in loaded.items()}

        store = Forgetful()
        shop = new_shop(store)
        shop.record(buy("o-1", "120.00"))
        shop.record(buy("o-2", "80.00"))
        assert shop.record(redeem("d-1", 200)).accepted
        assert points_of(shop) == 0
        stored = MemoryLedger.load(store, [ANN])[ANN]
        assert fold(commits_of(store), calendar=PROGRAM.calendar) == stored.state
        assert POINTS.code not in stored.state.lots

    def test_a_history_that_does_not_reach_the_version_is_an_error(self) -> None:
        """A store that lost commits is told so, and nothing is decided on what is left."""

        class Amnesiac(MemoryLedger):
            """A store that knows a version and has no commits for it."""

            def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
                return {account: Stored(7, State.of(account)) for account in accounts}

        store = Amnesiac()
        shop = new_shop(store)
        with pytest.raises(LedgerError, match="at version 7, its history at 0"):
            shop.record(buy("o-1", "120.00"))

    def test_a_snapshot_is_rebuilt_up_to_its_version(self) -> None:
        """What someone wrote after the load is left for the next try."""

        class Behind(MemoryLedger):
            """A store whose load is a version behind its history, without a state."""

            def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
                return {account: Stored(1, State.of(account)) for account in super().load(accounts, lock=lock)}

        store = Behind()
        Loyalty(PROGRAM, store, clock=Clock()).record(buy("o-1", "120.00"))
        store.append(PROGRAM.decide(MemoryLedger.load(store, [ANN])[ANN].state, buy("o-2", "1.00"), history=()).commits)
        assert points_of(new_shop(store)) == 120
        with pytest.raises(StaleStateError):
            new_shop(store).record(buy("o-3", "1.00"))
