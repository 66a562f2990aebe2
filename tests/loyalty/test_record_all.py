"""Several events in one append, and previews of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import attrs
import pytest

from loyalty.shop import (
    ANN,
    BOB,
    DAY,
    NOON,
    POINTS,
    USD,
    Clock,
    buy,
    commits_of,
    earned,
    opening,
    points_of,
    redeem,
    refund,
    shop,
)
from patronage import (
    Account,
    Commit,
    Event,
    EventConflictError,
    Purchase,
    Redemption,
    Rejected,
    RejectionCode,
    StaleStateError,
    Tender,
)
from patronage.repositories import Stored
from patronage.stores.memory import MemoryLedger


def checkout(points: int, total: str = "120.00") -> tuple[Redemption, Purchase]:
    """A redemption, and the purchase that it pays a part of."""
    money = USD.steps(points)
    rest = USD.steps(USD.of(total).steps - points)
    purchase = attrs.evolve(
        buy("o-2", total),
        tenders=(Tender(kind="points", total=money, redemption="d-1"), Tender(kind="card", total=rest)),
    )
    return redeem("d-1", points), purchase


class TestRecordAll:
    """All is stored, or nothing is."""

    def test_a_redemption_and_its_purchase_are_stored_together(self) -> None:
        """Each is decided on what the one before left, and one append stores both."""
        store = MemoryLedger()
        loyalty = shop(store)
        loyalty.record(buy("o-1", "300.00"))
        redemption, purchase = checkout(200)
        decisions = loyalty.record_all([redemption, purchase])
        assert [decision.accepted for decision in decisions] == [True, True]
        assert [commit.version for commit in commits_of(store)] == [1, 2, 3]
        assert points_of(loyalty) == 300 - 200 + 120

    def test_nothing_is_stored_where_one_is_refused(self) -> None:
        """The purchase would be accepted, the redemption is refused: neither is stored, nor the refusal."""
        store = MemoryLedger()
        loyalty = shop(store)
        loyalty.record(buy("o-1", "100.00"))
        redemption, purchase = checkout(200)
        decisions = loyalty.record_all([redemption, purchase])
        refusal = decisions[0]
        assert isinstance(refusal, Rejected)
        assert refusal.code is RejectionCode.BALANCE_TOO_LOW
        assert len(commits_of(store)) == 1
        loyalty.record(buy("o-3", "100.00"))
        assert loyalty.record_all([redemption, purchase])[0].accepted

    def test_several_members_are_stored_in_one_append(self) -> None:
        """Each member's commits stand on the member's own account."""
        store = MemoryLedger()
        decisions = shop(store).record_all([buy("o", "1.00", "bob"), buy("o", "2.00"), buy("p", "3.00", "bob")])
        assert [earned(decision) for decision in decisions] == [1, 2, 3]
        assert [commit.version for commit in commits_of(store, ANN)] == [1]
        assert [commit.version for commit in commits_of(store, BOB)] == [1, 2]

    def test_of_several_members_none_is_stored_where_one_is_refused(self) -> None:
        """A member whose event is fine is not stored either."""
        store = MemoryLedger()
        shop(store).record_all([buy("o", "1.00"), redeem("d", 100, "bob")])
        assert (commits_of(store, ANN), commits_of(store, BOB)) == ((), ())

    def test_the_same_batch_again_changes_nothing(self) -> None:
        """All of it is answered again."""
        store = MemoryLedger()
        loyalty = shop(store)
        events: list[Event] = [buy("o-1", "300.00"), redeem("d-1", 200)]
        first, second = loyalty.record_all(events), loyalty.record_all(events)
        assert [decision.repeated for decision in second] == [True, True]
        assert [decision.commits for decision in second] == [decision.commits for decision in first]
        assert len(commits_of(store)) == 2

    def test_what_is_known_of_a_batch_is_not_stored_again(self) -> None:
        """One event was sent before, the other is new: only the new one is stored."""
        store = MemoryLedger()
        loyalty = shop(store)
        loyalty.record(buy("o-1", "300.00"))
        decisions = loyalty.record_all([buy("o-1", "300.00"), redeem("d-1", 200)])
        assert [decision.repeated for decision in decisions] == [True, False]
        assert len(commits_of(store)) == 2

    def test_an_event_that_was_refused_before_stops_the_batch(self) -> None:
        """The purchase is not stored beside a redemption that stays refused."""
        store = MemoryLedger()
        loyalty = shop(store)
        redemption, purchase = checkout(100)
        loyalty.record(redemption)
        loyalty.record(buy("o-1", "300.00"))
        decisions = loyalty.record_all([redemption, purchase])
        assert (decisions[0].accepted, decisions[0].repeated) == (False, True)
        assert len(commits_of(store)) == 2

    def test_an_event_that_stands_twice_in_a_batch_counts_once(self) -> None:
        """The second is answered as the first was."""
        store = MemoryLedger()
        decisions = shop(store).record_all([buy("o-1", "5.00"), buy("o-1", "5.00")])
        assert [decision.repeated for decision in decisions] == [False, True]
        assert len(commits_of(store)) == 1
        with pytest.raises(EventConflictError):
            shop().record_all([buy("o-1", "5.00"), buy("o-1", "6.00")])

    def test_a_refund_may_follow_its_purchase_in_the_batch(self) -> None:
        """What a purchase of the batch names is read when the refund turns out to need it."""
        store = MemoryLedger()
        loyalty = shop(store)
        loyalty.record(opening("open", 200))
        loyalty.record(redeem("d-1", 200))
        _, purchase = checkout(200)
        decisions = loyalty.record_all([purchase, refund("r-1", "o-2")])
        assert all(decision.accepted for decision in decisions)
        assert points_of(loyalty) == 200
        assert [(commit.root, commit.ordinal) for commit in commits_of(store)[-2:]] == [("o-2", 0), ("o-2", 1)]

    def test_a_refund_may_follow_its_purchase_that_was_sent_before(self) -> None:
        """What is known counts once among the commits that the refund is decided on."""
        store = MemoryLedger()
        loyalty = shop(store)
        loyalty.record(buy("o-1", "120.00"))
        decisions = loyalty.record_all([buy("o-1", "120.00"), refund("r-1", "o-1")])
        assert [decision.repeated for decision in decisions] == [True, False]
        assert [(commit.root, commit.ordinal) for commit in commits_of(store)] == [("o-1", 0), ("o-1", 1)]

    def test_a_known_event_of_a_batch_is_answered_however_far_ahead_it_lies(self) -> None:
        """The clock was set back: the first answer stands, and the new event is stored."""
        clock = Clock()
        loyalty = shop(clock=clock)
        loyalty.record(buy("o-1", "120.00", "bob"))
        clock.at -= 30 * DAY
        decisions = loyalty.record_all([buy("o-1", "120.00", "bob"), buy("o-2", "1.00", at=clock.at)])
        assert [(decision.accepted, decision.repeated) for decision in decisions] == [(True, True), (True, False)]

    def test_accounts_are_asked_for_and_written_in_one_order(self) -> None:
        """Sorted, whatever the order of the events: two batches that cross cannot wait for each other."""
        asked: list[tuple[Account, ...]] = []
        written: list[Account] = []

        class Watched(MemoryLedger):
            """Notes in which order it is asked."""

            def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
                if lock:
                    asked.append(tuple(accounts))
                return super().load(accounts, lock=lock)

            def append(self, commits: Sequence[Commit], /) -> None:
                written.extend(commit.account for commit in commits)
                super().append(commits)

        decisions = shop(Watched()).record_all([buy("o", "1.00", "bob"), buy("o", "1.00"), buy("p", "1.00", "bob")])
        assert [decision.account for decision in decisions] == [BOB, ANN, BOB]
        assert asked == [(ANN, BOB)]
        assert written == [ANN, BOB, BOB]

    def test_no_events_are_no_append(self) -> None:
        """An empty batch is answered by nothing."""
        assert shop().record_all([]) == ()

    def test_a_stale_batch_leaves_nothing(self) -> None:
        """Where another writer was first on one account, nothing of the other is stored."""

        class Meddler(MemoryLedger):
            """Someone else writes for bob between the reads and the append."""

            met = False

            def append(self, commits: Sequence[Commit], /) -> None:
                if not self.met:
                    self.met = True
                    super().append(shop().preview(buy("other", "9.00", "bob"))[0].commits)
                super().append(commits)

        store = Meddler()
        with pytest.raises(StaleStateError):
            shop(store).record_all([buy("o", "1.00"), buy("o", "2.00", "bob")])
        assert commits_of(store, ANN) == ()
        assert [commit.event.id for commit in commits_of(store, BOB)] == ["other"]


class TestPreview:
    """What `record` would answer; nothing is written."""

    def test_a_preview_writes_nothing(self) -> None:
        """The cart is told what it would earn, and the store stays empty."""
        store = MemoryLedger()
        assert earned(shop(store).preview(buy("cart", "120.00"))[0]) == 120
        assert commits_of(store) == ()
        assert store.accounts() == ()

    def test_a_preview_shows_a_whole_checkout(self) -> None:
        """A redemption and the purchase it pays: each on what the one before leaves."""
        loyalty = shop()
        loyalty.record(opening("open", 200))
        first, second, third = loyalty.preview(redeem("d-1", 200), redeem("d-2", 100), buy("o-1", "120.00"))
        assert first.accepted and third.accepted
        assert isinstance(second, Rejected)
        assert second.code is RejectionCode.BALANCE_TOO_LOW
        assert points_of(loyalty) == 200

    def test_a_preview_is_what_is_recorded_then(self) -> None:
        """The same event, previewed and recorded, has the same entries and benefits."""
        loyalty = shop()
        loyalty.record(opening("open", 250))
        preview = loyalty.preview(redeem("d-1", 200))[0]
        recorded = loyalty.record(redeem("d-1", 200))
        assert preview.entries == recorded.entries
        assert preview.benefits == recorded.benefits
        assert preview.commits[0].recorded_at is None

    def test_a_preview_of_a_known_event_is_its_first_answer(self) -> None:
        """As `record` would answer it."""
        loyalty = shop()
        loyalty.record(buy("o-1", "120.00"))
        assert loyalty.preview(buy("o-1", "120.00"))[0].repeated

    def test_a_preview_is_of_one_version(self) -> None:
        """What someone writes between two reads is not half seen: the answer is of the state that was read."""

        class Torn(MemoryLedger):
            """The purchase is refunded between the load and the read of the history."""

            torn = False

            def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
                loaded = super().load(accounts, lock=lock)
                if self.torn:
                    self.torn = False
                    shop(self).record(refund("r-1", "o-1"))
                return loaded

        store = Torn()
        shop(store).record(buy("o-1", "120.00"))
        store.torn = True
        assert earned(shop(store).preview(refund("r-2", "o-1"))[0]) == -120
        assert isinstance(shop(store).preview(refund("r-2", "o-1"))[0], Rejected)

    def test_a_preview_refuses_what_lies_too_far_ahead(self) -> None:
        """As `record` would."""
        late = Purchase(id="o", member="ann", occurred_at=NOON + 2 * DAY, lines=())
        decision = shop(clock=Clock()).preview(late)[0]
        assert isinstance(decision, Rejected)
        assert decision.code is RejectionCode.TOO_FAR_AHEAD
        assert decision.earned(POINTS).total == POINTS.of(0)
