"""Idempotency and derived ids, as properties of whole histories through the service (RELIABILITY P16 to P19)."""

from __future__ import annotations

from random import Random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.shop import DAY, Clock, buy, commits_of, opening, points_of, redeem, shop
from model.histories import history
from patronage import Account, Decision, EventConflictError, InvalidValueError, PatronageError, Rejected
from patronage.events import identifier
from patronage.ledger import entry_id
from patronage.loyalty import Loyalty
from patronage.stores.memory import MemoryLedger

MEMBER = Account.member("m-1")
SEEDS = st.integers(0, 2**32)
IDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)


class TestTheSameEventAgain:
    """The same event again changes nothing, also one that was worth nothing, also after the state has moved on."""

    @given(seed=SEEDS, times=st.integers(1, 3))
    def test_an_event_sent_k_times_counts_once(self, seed: int, times: int) -> None:
        """P16: every event sent again later, in any order: the first answers, and no new row."""
        program, events = history(seed)
        clock, store = Clock(max(event.occurred_at for event in events)), MemoryLedger()
        loyalty = Loyalty(program, store, clock=clock)
        first: dict[str, Decision] = {}
        for event in events:
            decision = loyalty.record(event)
            if decision.commits:
                first.setdefault(event.id, decision)
        before = commits_of(store, MEMBER)
        known = [event for event in events if event.id in first] * times
        Random(seed).shuffle(known)
        for event in known:
            again = loyalty.record(event)
            assert again.repeated
            assert again.commits == first[event.id].commits
            assert again.benefits == first[event.id].benefits
            assert again.accepted == first[event.id].accepted
        assert commits_of(store, MEMBER) == before

    @given(seed=SEEDS)
    def test_other_content_is_a_conflict_and_leaves_nothing(self, seed: int) -> None:
        """P17: the same id with another instant is an error that names the field, whatever the event is."""
        program, events = history(seed)
        clock, store = Clock(max(event.occurred_at for event in events)), MemoryLedger()
        loyalty = Loyalty(program, store, clock=clock)
        stored = {event.id: event for event in events if loyalty.record(event).commits}
        before = commits_of(store, MEMBER)
        for event in stored.values():
            with pytest.raises(EventConflictError) as caught:
                loyalty.record(attrs.evolve(event, occurred_at=event.occurred_at - DAY))
            assert (caught.value.event_id, caught.value.field) == (event.id, "occurred_at")
        assert commits_of(store, MEMBER) == before


class TestDerivedIds:
    """Ids are derived, never random, and none that a caller chooses can equal one."""

    @given(seed=SEEDS)
    def test_every_entry_of_an_account_has_an_id_of_its_own(self, seed: int) -> None:
        """P18: no two entries of an account have one id, whatever time did in between."""
        program, events = history(seed)
        store, clock = MemoryLedger(), Clock()
        loyalty = Loyalty(program, store, clock=clock)
        for n, event in enumerate(events):
            clock.at = max(clock.at, event.occurred_at)
            loyalty.record(event)
            if n % 4 == seed % 4:
                assert all(outcome.error is None for outcome in loyalty.run_due(clock.at))
        ids = [entry_id(entry) for commit in commits_of(store, MEMBER) for entry in commit.entries]
        assert len(set(ids)) == len(ids)
        events_ids = [commit.event.id for commit in commits_of(store, MEMBER)]
        assert len(set(events_ids)) == len(events_ids)

    @given(id=IDS)
    def test_an_id_from_outside_is_never_a_derived_one(self, id: str) -> None:
        """P18: what begins as derived ids do is refused at the door; all else is taken as it stands."""
        try:
            event = buy(id, "1.00")
        except InvalidValueError:
            with pytest.raises(InvalidValueError):
                identifier(id)
            return
        assert not id.startswith("~")
        assert shop().record(event).commits[0].event.id == id

    @given(ids=st.lists(IDS.filter(lambda id: not id.startswith("~") and id.isprintable()), min_size=2, max_size=6))
    def test_ids_that_differ_are_events_that_differ(self, ids: list[str]) -> None:
        """P18: each id counts once, however alike two look."""
        loyalty = shop()
        for id in ids:
            loyalty.record(buy(id, "1.00"))
        assert points_of(loyalty) == len(set(ids))


class TestRefusals:
    """A final refusal stays; one that is not final leaves nothing."""

    @given(balance=st.integers(1, 5), wanted=st.integers(1, 9), later=st.integers(1, 9))
    def test_a_refused_redemption_stays_refused_under_its_id(self, balance: int, wanted: int, later: int) -> None:
        """P19: whatever comes later; under another id the same wish is judged anew."""
        loyalty = shop()
        loyalty.record(opening("open", 100 * balance))
        first = loyalty.record(redeem("d", 100 * wanted))
        assert first.accepted == (wanted <= balance)
        loyalty.record(opening("more", 100 * later))
        again = loyalty.record(redeem("d", 100 * wanted))
        assert again.repeated
        assert again.accepted == first.accepted
        left = balance + later - (wanted if first.accepted else 0)
        assert loyalty.record(redeem("other", 100 * wanted)).accepted == (wanted <= left)

    @given(seed=SEEDS)
    def test_a_refusal_that_is_not_final_is_nowhere(self, seed: int) -> None:
        """P19: neither in the store nor in the state; every other answer is stored, once."""
        program, events = history(seed)
        clock, store = Clock(max(event.occurred_at for event in events)), MemoryLedger()
        loyalty = Loyalty(program, store, clock=clock)
        for event in events:
            before = store.load([MEMBER]), commits_of(store, MEMBER)
            decision = loyalty.record(event)
            after = store.load([MEMBER]), commits_of(store, MEMBER)
            if decision.repeated or (isinstance(decision, Rejected) and not decision.final):
                assert after == before
            else:
                assert len(after[1]) == len(before[1]) + 1

    @given(seed=SEEDS)
    def test_a_batch_is_stored_whole_or_not_at_all(self, seed: int) -> None:
        """Of three events sent together all are stored, or none; and previews of them store nothing."""
        program, events = history(seed)
        clock, store = Clock(max(event.occurred_at for event in events)), MemoryLedger()
        loyalty = Loyalty(program, store, clock=clock)
        for start in range(0, len(events), 3):
            batch = events[start : start + 3]
            before = commits_of(store, MEMBER)
            try:
                preview = loyalty.preview(*batch)
                assert commits_of(store, MEMBER) == before
                decisions = loyalty.record_all(batch)
            except PatronageError:
                assert commits_of(store, MEMBER) == before
                continue
            assert [decision.entries for decision in decisions] == [decision.entries for decision in preview]
            new = commits_of(store, MEMBER)[len(before) :]
            if all(decision.accepted for decision in decisions):
                assert [c.event.id for c in new] == [d.event.id for d in decisions if not d.repeated]
            else:
                assert new == ()
