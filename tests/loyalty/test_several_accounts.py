"""The service over several accounts: one append of all that changes, or none of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import product

import attrs
import pytest

from between.members import BUDGET, DAY, NOON, POINTS, budget, buy, earning, mug, program_of, redeem, refund
from between.referral import Referral, referred
from loyalty.shop import Clock, commits_of
from patronage import (
    Account,
    Commit,
    Credit,
    Effect,
    InvalidValueError,
    Occasion,
    Program,
    Purchase,
    Reservation,
    StaleStateError,
    Wake,
)
from patronage.audit import audit
from patronage.events import Counterpart, Gift
from patronage.loyalty import AsyncLoyalty, Loyalty, Retry
from patronage.occasions import FollowUp, Woken
from patronage.rewards import Limit
from patronage.stores.memory import AsyncMemoryLedger, MemoryLedger
from patronage.transfers import TransferTerms

ANN, BOB, MUGS = Account.member("ann"), Account.member("bob"), Account.shared("mugs")
PROGRAM = program_of(earning(budget()), Referral(), rewards=[mug(limits=(Limit(name="stock", uses=2, shared="mugs"),))])


def service(program: Program = PROGRAM, store: MemoryLedger | None = None, at: datetime = NOON) -> Loyalty:
    """A service over a store in memory, on a clock that stands."""
    return Loyalty(program, store or MemoryLedger(), clock=Clock(at), retry=None)


def held(loyalty: Loyalty, member: str | Account) -> int:
    """The points of an account."""
    return loyalty.standing(member).available(POINTS).steps


class TestRecord:
    """An event with all that it changes."""

    def test_the_budget_and_the_member_are_one_batch(self) -> None:
        """Both commits are stored, stamped alike."""
        store = MemoryLedger()
        decision = service(store=store).record(buy("o", "60.00"))
        assert [commit.account for commit in decision.commits] == [ANN, BUDGET]
        for account in (ANN, BUDGET):
            (stored,) = commits_of(store, account)
            assert stored.recorded_at == NOON
            assert stored.fingerprint is not None
            assert stored.terms_digest is not None
        assert commits_of(store, ANN)[0].fingerprint != commits_of(store, BUDGET)[0].fingerprint

    def test_a_refund_finds_the_budget(self) -> None:
        """Its history there is read, and room is made."""
        loyalty = service()
        loyalty.record(buy("o", "100.00"))
        loyalty.record(refund("f", "o", "30.00"))
        assert loyalty.record(buy("p", "50.00", "bob")).earned(POINTS).total == POINTS.of(30)

    def test_the_referrers_part_is_in_the_same_append(self) -> None:
        """The friend's purchase, the budget and the referrer: all or nothing."""
        store = MemoryLedger()
        loyalty = service(store=store)
        decision = loyalty.record(referred("o", "50.00")).require()
        assert [commit.account for commit in decision.commits] == [ANN, BOB, BUDGET]
        assert [state.account for state in decision.states] == [ANN, BOB, BUDGET]
        assert decision.commit is not None
        assert decision.commit.account == BOB
        assert (held(loyalty, "ann"), held(loyalty, "bob")) == (5, 50)
        loyalty.record(refund("f", "o", "25.00", "bob"))
        assert (held(loyalty, "ann"), held(loyalty, "bob")) == (2, 25)

    def test_the_same_event_twice_changes_nothing(self) -> None:
        """Nor does it tell the referrer twice."""
        store = MemoryLedger()
        loyalty = service(store=store)
        loyalty.record(referred("o", "50.00"))
        assert loyalty.record(referred("o", "50.00")).repeated
        assert [len(commits_of(store, account)) for account in (ANN, BOB, BUDGET)] == [1, 1, 1]

    def test_a_checkout_of_several_events_sees_what_the_first_ones_left(self) -> None:
        """Two purchases in one append share the budget, and the referrer gets both."""
        store = MemoryLedger()
        loyalty = service(store=store)
        first, second = loyalty.record_all([referred("o", "60.00"), referred("p", "60.00")])
        assert [each.earned(POINTS).total.steps for each in (first, second)] == [60, 40]
        assert held(loyalty, "ann") == 12
        assert [commit.version for commit in commits_of(store, BUDGET)] == [1, 2]

    def test_a_preview_writes_nothing(self) -> None:
        """It shows the same, the referrer's part too."""
        store = MemoryLedger()
        (decision,) = service(store=store).preview(referred("o", "50.00"))
        assert [commit.account for commit in decision.commits] == [ANN, BOB, BUDGET]
        assert not store.accounts()

    def test_what_the_program_makes_is_not_recorded(self) -> None:
        """A counterpart comes with its event."""
        part = Counterpart(id="~c/1", member="ann", occurred_at=NOON, origin=BOB, event="o", root="o")
        with pytest.raises(InvalidValueError, match="Counterpart"):
            service().record(part)

    def test_a_follow_up_that_was_left_to_the_caller_can_be_recorded(self) -> None:
        """Who decides alone hands the follow-ups on, as often as need be."""
        loyalty = service()
        (follow_up,) = PROGRAM.decide(
            loyalty.standing("bob").state, referred("o", "50.00"), others=(loyalty.standing(BUDGET).state,)
        ).follow_ups
        loyalty.record(follow_up)
        assert loyalty.record(follow_up).repeated
        assert held(loyalty, "ann") == 5

    def test_the_async_service_does_the_same(self) -> None:
        """One implementation."""

        async def play() -> int:
            loyalty = AsyncLoyalty(PROGRAM, AsyncMemoryLedger(), clock=Clock(NOON), retry=None)
            await loyalty.record(referred("o", "50.00"))
            await loyalty.record(refund("f", "o", member="bob"))
            return (await loyalty.standing("ann")).available(POINTS).steps

        assert asyncio.run(play()) == 0


class TestLevels:
    """A follow-up's own follow-up is the last one."""

    @attrs.frozen(kw_only=True)
    class Chain:
        """With each purchase, and each look at what fell due, something for the next in a row."""

        next: tuple[tuple[str, str], ...]
        name: str = "chain"
        follows_up: bool = True

        def effects(self, occasion: Occasion) -> Iterable[Effect]:
            """A wake-up for oneself and, when it falls due, a point for the next."""
            receiver = dict(self.next).get(occasion.account.id)
            if isinstance(occasion.event, Purchase):
                yield Wake(at=occasion.at + DAY, name="next")
            elif isinstance(occasion.trigger, Woken) and receiver is not None:
                yield FollowUp(receiver=Account.member(receiver), credits=(Credit(POINTS.of(1), rule="next"),))

    def test_what_falls_due_on_the_receivers_goes_on(self) -> None:
        """What time does on a receiver is of its own, and not bounded by who woke it; all is one append."""
        loyalty = service(
            program_of(self.Chain(next=(("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")))), at=NOON + 9 * DAY
        )
        for member in "abcd":
            loyalty.record(buy("o", "1.00", member))
        loyalty.record(buy("p", "1.00", "a", at=NOON + 2 * DAY))
        assert [held(loyalty, member) for member in "bcde"] == [1, 1, 1, 1]


class TestTime:
    """`run_due` follows up, and looks after shared accounts."""

    def test_a_lapsed_reservation_frees_the_stock(self) -> None:
        """In the same append as the lapse."""
        loyalty = service(at=NOON + 2 * DAY)
        loyalty.record(buy("o", "50.00"))
        loyalty.record(Reservation(id="h", member="ann", occurred_at=NOON, reward="mug", times=2, lapses_at=NOON + DAY))
        assert not loyalty.preview(redeem("r", "ann"))[0].accepted
        (outcome,) = loyalty.run_due(NOON + 2 * DAY)
        assert outcome.error is None
        assert outcome.decision is not None
        assert [commit.account for commit in outcome.decision.commits] == [ANN, MUGS]
        assert loyalty.record(redeem("r", "ann", at=NOON + 2 * DAY, times=2)).accepted

    def test_a_receiver_of_time_gets_its_part(self) -> None:
        """A wake-up of bob's gives ann a point, by the nightly run."""
        chain = TestLevels.Chain(next=(("bob", "ann"),))
        loyalty = service(program_of(chain), at=NOON + 2 * DAY)
        loyalty.record(buy("o", "1.00", "bob"))
        (outcome,) = loyalty.run_due(NOON + DAY)
        assert outcome.decision is not None
        assert [commit.account for commit in outcome.decision.commits] == [ANN, BOB]
        assert held(loyalty, "ann") == 1
        assert not list(loyalty.run_due(NOON + 2 * DAY))


class TestReading:
    """Statements and explanations of every account."""

    def test_a_shared_account_has_a_statement(self) -> None:
        """What members used, in the order in which it took effect, late ones at the account's clock."""
        loyalty = service(at=NOON + 9 * DAY)
        loyalty.record(buy("o", "10.00", at=NOON + 5 * DAY))
        loyalty.record(buy("o", "20.00", "bob", at=NOON))
        early = loyalty.statement(BUDGET, NOON - DAY, NOON + 2 * DAY)
        assert not early.lines
        whole = loyalty.statement(BUDGET, NOON, NOON + 9 * DAY)
        assert [line.entry.at for line in whole] == [NOON + 5 * DAY] * 2
        assert not loyalty.standing(BUDGET, at=NOON + DAY).state.lots

    def test_an_event_is_explained_on_what_all_its_accounts_were(self) -> None:
        """The member's side, the budget's, and the referrer's: each decided again the same."""
        store = MemoryLedger()
        loyalty = service(store=store)
        loyalty.record(buy("o", "70.00", "cid"))
        loyalty.record(referred("o", "50.00"))
        loyalty.record(refund("f", "o", "45.00", "bob"))
        for event in ("o", "f"):
            assert loyalty.explain("bob", event).check.code == "check.same_with_state"
        for commit in commits_of(store, ANN):
            assert loyalty.explain("ann", commit.event.id).reproduced
        for commit in commits_of(store, BUDGET):
            told = loyalty.explain(BUDGET, commit.event.id)
            assert told.reproduced is None
            assert told.entries

    def test_where_an_account_was_only_read_the_basis_tells(self) -> None:
        """A budget that was used up has no commit of that purchase: the rules are asked on what was recorded."""
        loyalty = service()
        loyalty.record(buy("o", "100.00", "cid"))
        loyalty.record(buy("p", "10.00"))
        assert loyalty.explain("ann", "p").check.code == "check.same"


class TestTogether:
    """P20 to P22: writers who meet."""

    @attrs.define
    class Racing:
        """A store that lets another writer in between the load and the append, once."""

        store: MemoryLedger
        other: Loyalty
        event: Purchase
        left: int = 1

        def load(self, *args: object, **fields: object) -> object:
            """As the store."""
            return self.store.load(*args, **fields)  # type: ignore[arg-type]

        def history(self, *args: object, **fields: object) -> object:
            """As the store."""
            return self.store.history(*args, **fields)  # type: ignore[arg-type]

        def due(self, *args: object, **fields: object) -> object:
            """As the store."""
            return self.store.due(*args, **fields)  # type: ignore[arg-type]

        def append(self, commits: Iterable[Commit], /) -> None:
            """After the other one."""
            if self.left:
                self.left -= 1
                self.other.record(self.event)
            self.store.append(tuple(commits))

    def racing(self, retry: Retry | None) -> tuple[Loyalty, MemoryLedger]:
        """Two members who want the last of a budget."""
        store = MemoryLedger()
        other = service(store=store)
        store_of_one = self.Racing(store, other, buy("o", "80.00", "bob"))
        return Loyalty(PROGRAM, store_of_one, clock=Clock(NOON), retry=retry), store  # type: ignore[arg-type]

    def test_who_lost_decides_again_on_what_is_left(self) -> None:
        """The budget is not passed: 80 and 20, not 80 and 80."""
        loyalty, store = self.racing(Retry(sleep=lambda pause: None))
        assert loyalty.record(buy("o", "80.00")).earned(POINTS).total == POINTS.of(20)
        assert [commit.version for commit in commits_of(store, BUDGET)] == [1, 2]

    def test_without_a_retry_nothing_of_the_batch_is_left(self) -> None:
        """The member's own commit goes with the budget's."""
        loyalty, store = self.racing(None)
        with pytest.raises(StaleStateError, match="spring"):
            loyalty.record(buy("o", "80.00"))
        assert not commits_of(store, ANN)
        assert len(commits_of(store, BUDGET)) == 1

    def test_a_crowd_gets_the_budget_and_no_more(self) -> None:
        """Eight threads, each with purchases of its own member: 100 of 160 points are granted, each once."""
        store = MemoryLedger()

        def play(n: int) -> int:
            loyalty = Loyalty(PROGRAM, store, clock=Clock(NOON), retry=Retry(lasts=timedelta(seconds=60)))
            bought = [buy(f"o-{k}", "5.00", f"m-{n}") for k in range(4)]
            return sum(loyalty.record(each).earned(POINTS).total.steps for each in bought)

        with ThreadPoolExecutor(8) as pool:
            granted = list(pool.map(play, range(8)))
        assert sum(granted) == 100
        commits = commits_of(store, BUDGET)
        assert [commit.version for commit in commits] == list(range(1, 21))
        every = (commit for account in store.accounts() for commit in store.history(account))
        assert audit(every, calendar=PROGRAM.calendar, whole=True).accounts == 9

    def test_gifts_in_opposite_directions_end(self) -> None:
        """Two members who give to each other at once: every gift is decided, and nothing is lost."""
        store = MemoryLedger()
        program = program_of(earning(), transfers=(TransferTerms(unit="points"),))
        for member in ("ann", "bob"):
            service(program, store).record(buy("o", "50.00", member))

        def play(member: str, to: str) -> None:
            loyalty = Loyalty(program, store, clock=Clock(NOON), retry=Retry(lasts=timedelta(seconds=60)))
            for n in range(10):
                gift = Gift(id=f"g-{n}", member=member, occurred_at=NOON, to=to, amount=POINTS.of(5))
                assert loyalty.record(gift).accepted

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(play, ("ann", "bob"), ("bob", "ann")))
        loyalty = service(program, store)
        assert (held(loyalty, "ann"), held(loyalty, "bob")) == (50, 50)
        assert [len(commits_of(store, account)) for account in (ANN, BOB)] == [21, 21]


def test_all_accounts_are_sound_together() -> None:
    """What was stored of members and shared accounts passes the audit, and sums to nothing with the system's."""
    store = MemoryLedger()
    loyalty = service(store=store, at=NOON + 9 * DAY)
    for n, (member, total) in enumerate(product(("ann", "bob", "cid"), ("30.00", "45.00"))):
        loyalty.record(referred(f"o-{n}", total, member, referrer="dan"))
    loyalty.record(refund("f", "o-0"))
    loyalty.record(redeem("r", "ann", times=1))
    accounts = store.accounts()
    report = audit((commit for account in accounts for commit in store.history(account)), calendar=PROGRAM.calendar)
    assert report.accounts == len(accounts) == 6
    units = {unit for _, unit in report.passed}
    for unit in units:
        assert report.held.get(unit, 0) + sum(n for (_, each), n in report.passed.items() if each == unit) == 0
