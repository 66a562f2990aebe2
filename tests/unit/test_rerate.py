"""`rerate`: late events are replayed in their place, and one difference is booked. What was answered stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from unit_shop import POINTS, USD, Member, lines, point_a_dollar, points_policy, program_of, purchase

from loyalty.shop import Clock
from patronage import (
    Accepted,
    BonusRule,
    Cancellation,
    Capture,
    Ceiling,
    Event,
    EventConflictError,
    FixedReward,
    InvalidValueError,
    Life,
    MultiplierRule,
    Occasion,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    RejectedError,
    Release,
    Reservation,
    StatusGrant,
    Tender,
)
from patronage.audit import audit
from patronage.conditions import BalanceIs, HasGrant
from patronage.errors import LedgerError, RerateError
from patronage.events import Rerated
from patronage.explain import explain
from patronage.ledger import ISSUED, Commit, GrantChange, GrantEntry, Transfer
from patronage.loyalty import AsyncLoyalty, Loyalty
from patronage.occasions import Effect, Give, Use
from patronage.periods import DAY, MONTH
from patronage.rewards import Limit
from patronage.stores.memory import MemoryLedger
from patronage.terms_of_time import days, months
from patronage.thresholds import GiveGrant
from patronage.totals import Pays, Total, TotalRate

MORNING = datetime(2026, 3, 10, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)
MUG = FixedReward(name="mug", cost=POINTS.of(50))
YEAR_LONG = Life(expires_after=months(12))
MONTHLY = Ceiling(name="monthly", limit=POINTS.of(100), per=MONTH)
DATED = program_of(points_policy(point_a_dollar(name="spend", life=YEAR_LONG)), rewards=(MUG,))
CAPPED = program_of(points_policy(point_a_dollar(name="spend", life=YEAR_LONG), ceilings=(MONTHLY,)), rewards=(MUG,))


def buys(id: str, dollars: str, at: datetime, **fields: Any) -> Purchase:
    """A purchase of one line."""
    return attrs.evolve(purchase(dollars, id=id, at=at), **fields)


def told(program: Program, *events: Event) -> Member:
    """A member who did all that, in the order of arrival; each must be taken."""
    member = Member(program)
    for event in events:
        member.accept(event)
    return member


def keep(member: Member, decision: Accepted) -> Accepted:
    """Appends what was rerated."""
    member.commits.extend(decision.commits)
    member.state = decision.state or member.state
    audit(member.commits, calendar=member.program.calendar)
    return decision


def rerate(member: Member, *late: Event) -> Accepted:
    """Rerates the member's account, and appends what comes out."""
    return keep(member, member.program.rerate(member.commits, late))


def moved(decision: Accepted) -> list[tuple[str, str, str, int]]:
    """The transfers as (from, to, unit, steps), the member being `m-1`."""
    return [(e.payer.id, e.payee.id, e.unit, e.steps) for e in decision.entries if isinstance(e, Transfer)]


def redeems(id: str, at: datetime) -> Redemption:
    """A mug."""
    return Redemption(id=id, member="m-1", occurred_at=at, reward="mug")


class TestTheDifference:
    """One event, at the clock, books what arrival in order would have made other."""

    def test_a_cap_is_given_to_whom_it_belongs(self) -> None:
        """The earlier purchase used the room: what it lacks moves from the later one, and nothing is issued."""
        first, second = buys("o-1", "80.00", MORNING), buys("o-2", "80.00", MORNING + HOUR)
        member, in_order = told(CAPPED, second, first), told(CAPPED, first, second)
        done = rerate(member)
        assert moved(done) == [("m-1", "m-1", "points", 60)]
        assert isinstance(done.event, Rerated)
        assert (done.event.occurred_at, done.event.late) == (MORNING + HOUR, ())
        assert member.state.lots == in_order.state.lots

    def test_a_refund_after_it_reads_what_was_replayed(self) -> None:
        """The later purchase had 80, and has 20 in order: its refund takes 20."""
        first, second = buys("o-1", "80.00", MORNING), buys("o-2", "80.00", MORNING + HOUR)
        member = told(CAPPED, second, first)
        rerate(member)
        member.refund("o-2")
        assert member.has() == 80
        member.refund("o-1", id="r-2", total=USD.of("20.00"))
        assert member.has() == 60

    def test_only_the_basis_may_differ(self) -> None:
        """Two small purchases under a cap: nothing moves, and yet each read other figures of the month."""
        member = told(CAPPED, buys("o-2", "10.00", MORNING + HOUR), buys("o-1", "10.00", MORNING))
        done = rerate(member)
        assert done.entries == ()
        assert {replayed.root for replayed in done.commits[0].replayed} == {"o-1", "o-2"}

    def test_it_is_empty_in_order_and_after_itself(self) -> None:
        """An account whose events came in order has no difference; nor has one that was rerated."""
        assert rerate(told(CAPPED, buys("o-1", "80.00", MORNING), buys("o-2", "80.00", MORNING + HOUR))).commits == ()
        member = told(CAPPED, buys("o-2", "80.00", MORNING + HOUR), buys("o-1", "80.00", MORNING))
        assert len(rerate(member).commits) == 1
        assert rerate(member).commits == ()

    def test_its_id_follows_from_what_it_is_made_of(self) -> None:
        """The same account and the same late events give the same id, on any machine."""
        ids = set()
        for _ in range(2):
            member = told(CAPPED, buys("o-2", "80.00", MORNING + HOUR), buys("o-1", "80.00", MORNING))
            ids.add(rerate(member).event.id)
        assert len(ids) == 1
        assert ids.pop().startswith("~r/")

    def test_what_ended_in_order_ends(self) -> None:
        """In order the mug took the late points, and those that ended stayed: so they end, and the others are gone."""
        short = program_of(points_policy(point_a_dollar(life=Life(expires_after=days(1)))), rewards=(MUG,))
        first, second = buys("o-1", "50.00", MORNING), buys("o-2", "50.00", MORNING + HOUR)
        mug = redeems("d-1", MORNING + 2 * HOUR)
        later = Cancellation(id="x-1", member="m-1", occurred_at=MORNING + 2 * ONE_DAY, undoes="d-1")
        member, in_order = told(short, second, mug, later), told(short, first, second, mug, later)
        done = rerate(member, first)
        assert member.state.lots == in_order.state.lots
        assert [type(commit.event).__name__ for commit in done.commits] == ["Purchase", "Rerated"]


class TestLateEvents:
    """Each late event has a commit of its own, in the same batch: it is known from then on."""

    def late(self) -> tuple[Member, Purchase]:
        """A member of a program with daily limits; a purchase of yesterday comes today."""
        daily = Ceiling(name="daily", limit=POINTS.of(30), per=DAY)
        program = program_of(points_policy(point_a_dollar(name="spend", life=YEAR_LONG), ceilings=(daily,)))
        yesterday = buys("o-1", "40.00", MORNING - ONE_DAY)
        member = told(program, buys("o-2", "40.00", MORNING))
        assert not member.tell(yesterday).accepted
        return member, yesterday

    def test_it_earns_what_it_would_have_earned(self) -> None:
        """Yesterday's limit had room for thirty."""
        member, yesterday = self.late()
        done = rerate(member, yesterday)
        assert moved(done)[1:] == [("issued", "m-1", "points", 30)]
        assert member.has() == 60
        own = done.commits[0]
        assert (own.event, own.entries, own.version) == (yesterday, (), 2)
        assert done.commit == done.commits[1]

    def test_sent_again_it_gets_its_first_answer(self) -> None:
        """It is known, whoever sends it: `decide` or another rerate."""
        member, yesterday = self.late()
        rerate(member, yesterday)
        assert member.accept(yesterday).repeated
        assert rerate(member, yesterday).commits == ()
        with pytest.raises(EventConflictError, match="lines"):
            member.program.rerate(member.commits, (attrs.evolve(yesterday, lines=lines("1.00")),))

    @pytest.mark.parametrize("parts", [("10.00", "10.00", "20.00"), ("40.00",), ("39.00", "1.00")])
    def test_it_is_refunded_like_any_other(self, parts: tuple[str, ...]) -> None:
        """In parts and in whole, as if it had come in time."""
        member, yesterday = self.late()
        in_order = told(member.program, yesterday, buys("o-2", "40.00", MORNING))
        rerate(member, yesterday)
        for n, part in enumerate(parts):
            for one in (member, in_order):
                one.refund("o-1", id=f"r-{n}", at=MORNING + (n + 1) * HOUR, total=USD.of(part))
            assert member.state.lots == in_order.state.lots
        assert member.has() == 30
        assert rerate(member).commits == ()

    def test_a_late_refund_is_booked_in_its_place(self) -> None:
        """It takes from the lots that there were; the mug bought since stands."""
        first, second = buys("o-1", "60.00", MORNING), buys("o-2", "60.00", MORNING + HOUR)
        mug = redeems("d-1", MORNING + 3 * HOUR)
        refund = Refund(id="r-1", member="m-1", occurred_at=MORNING + 2 * HOUR, purchase="o-1")
        member, in_order = told(DATED, first, second, mug), told(DATED, first, second, refund, mug)
        rerate(member, refund)
        assert member.state.lots == in_order.state.lots
        assert member.has() == 10
        assert not member.return_of("o-1", id="r-2").accepted

    def test_a_late_redemption_is_decided_in_its_place(self) -> None:
        """Where there is enough now and was enough then."""
        mug = redeems("d-1", MORNING + HOUR)
        member = told(DATED, buys("o-1", "60.00", MORNING), buys("o-2", "5.00", MORNING + 2 * HOUR))
        done = rerate(member, mug)
        assert member.has() == 15
        assert done.commits[0].benefits == told(DATED, buys("o-1", "60.00", MORNING), mug).commits[1].benefits
        assert rerate(member).commits == ()

    def test_a_late_redemption_without_the_points_is_refused_for_good(self) -> None:
        """Not enough then, or spent since: it is refused, and stays so."""
        member = told(DATED, buys("o-1", "10.00", MORNING), buys("o-2", "60.00", MORNING + 2 * HOUR))
        mug = redeems("d-1", MORNING + HOUR)
        done = rerate(member, mug)
        refusal = done.commits[0].refusal
        assert refusal is not None
        assert refusal.code.value == "balance_too_low"
        assert not member.tell(mug).accepted
        assert member.has() == 70

    def test_what_is_refused_for_now_stops_all(self) -> None:
        """A refund of a purchase that is not known, or of a later one: nothing is decided."""
        member = told(DATED, buys("o-1", "10.00", MORNING))
        for root, at in (("o-9", MORNING), ("o-1", MORNING - HOUR)):
            refund = Refund(id="r-1", member="m-1", occurred_at=at, purchase=root)
            with pytest.raises(RejectedError) as caught:
                member.program.rerate(member.commits, (refund,))
            assert (caught.value.code, caught.value.final) == ("unknown_root", False)

    def test_several_may_speak_of_each_other(self) -> None:
        """A late purchase, the late redemption that paid part of it, and its late refund."""
        pays = (
            Tender(kind="points", total=USD.of("5.00"), redemption="d-1"),
            Tender(kind="card", total=USD.of("35.00")),
        )
        first, last = buys("o-1", "60.00", MORNING), buys("o-3", "1.00", MORNING + 9 * HOUR)
        mug = redeems("d-1", MORNING + HOUR)
        second = buys("o-2", "40.00", MORNING + 2 * HOUR, tenders=pays)
        refund = Refund(id="r-1", member="m-1", occurred_at=MORNING + 3 * HOUR, purchase="o-2")
        member, in_order = told(DATED, first, last), told(DATED, first, mug, second, refund, last)
        rerate(member, mug, second, refund)
        assert member.state.lots == in_order.state.lots
        assert not member.cancel("o-2").accepted

    def test_after_two_rerates_the_last_one_counts(self) -> None:
        """Each restates what the one before had restated."""
        first, second, third = (buys(f"o-{n}", "80.00", MORNING + n * HOUR) for n in (1, 2, 3))
        member = told(CAPPED, third)
        rerate(member, second)
        rerate(member, first)
        in_order = told(CAPPED, first, second, third)
        assert member.state.lots == in_order.state.lots
        for n, order in enumerate(("o-2", "o-1", "o-3")):
            for one in (member, in_order):
                one.refund(order, id=f"r-{n}", at=MORNING + (9 + n) * HOUR, total=USD.of("33.00"))
            assert member.state.lots == in_order.state.lots


class TestWhatStands:
    """What left the program stands; a shortfall is a debt; a refusal stays refused."""

    def short(self) -> tuple[Member, Refund]:
        """60 points, a mug for 50; then a refund comes that was made before the mug was had."""
        member = told(DATED, buys("o-1", "60.00", MORNING), redeems("d-1", MORNING + 2 * HOUR))
        return member, Refund(id="r-1", member="m-1", occurred_at=MORNING + HOUR, purchase="o-1")

    def test_a_redemption_that_the_replay_cannot_afford_is_a_debt(self) -> None:
        """The mug was handed over."""
        member, refund = self.short()
        rerate(member, refund)
        assert (member.has(), member.standing().debt(POINTS).steps) == (-50, 50)

    def test_given_back_it_pays_that_debt(self) -> None:
        """Its cancellation gives back fifty points: what was lacking is no longer owed."""
        member, refund = self.short()
        rerate(member, refund)
        member.cancel("d-1").require()
        assert (member.has(), member.standing().debt(POINTS).steps) == (0, 0)
        assert rerate(member).commits == ()

    def test_a_reservation_that_the_replay_cannot_afford_is_held_all_the_same(self) -> None:
        """Against a debt: captured, the debt stays; released, it is paid."""
        for end in ("capture", "release"):
            held = Reservation(id="v-1", member="m-1", occurred_at=MORNING + 2 * HOUR, reward="mug")
            member = told(DATED, buys("o-1", "60.00", MORNING), held)
            rerate(member, Refund(id="r-1", member="m-1", occurred_at=MORNING + HOUR, purchase="o-1"))
            holding = member.standing()[POINTS]
            assert (holding.reserved.steps, holding.debt.steps) == (50, 50)
            at = MORNING + 3 * HOUR
            if end == "capture":
                member.accept(Capture(id="k-1", member="m-1", occurred_at=at, reservation="v-1"))
                assert member.standing()[POINTS].debt.steps == 50
            else:
                member.accept(Release(id="k-1", member="m-1", occurred_at=at, reservation="v-1"))
                assert member.standing()[POINTS].debt.steps == 0

    def test_a_refusal_stays_refused(self) -> None:
        """With the late points there would have been enough: the answer was given."""
        member = told(DATED, buys("o-2", "10.00", MORNING + HOUR))
        mug = redeems("d-1", MORNING + 2 * HOUR)
        member.refuse(mug)
        rerate(member, buys("o-1", "90.00", MORNING))
        assert member.has() == 100
        assert not member.tell(mug).accepted

    def test_a_voucher_that_was_used_needs_an_operator(self) -> None:
        """In order it would not have been there: the difference cannot be told."""
        member = told(
            program_of(Vouchers()),
            buys("o-1", "60.00", MORNING),
            attrs.evolve(buys("o-2", "1.00", MORNING + 2 * HOUR), channel="voucher"),
        )
        refund = Refund(id="r-1", member="m-1", occurred_at=MORNING + HOUR, purchase="o-1")
        with pytest.raises(RerateError, match="used 'voucher'") as caught:
            member.program.rerate(member.commits, (refund,))
        assert caught.value.event_id == "o-2"

    def test_a_late_refund_of_what_has_come_back_since_is_refused(self) -> None:
        """Fifteen of twenty came back: five more can, and then no more, whatever the refunds are dated."""
        member = told(DATED, buys("o-1", "20.00", MORNING))
        member.refund("o-1", at=MORNING + 2 * HOUR, total=USD.of("15.00"))
        late = [
            Refund(id=f"r-{n}", member="m-1", occurred_at=MORNING + HOUR, purchase="o-1", total=USD.of(total))
            for n, total in ((2, "5.00"), (3, "1.00"))
        ]
        done = rerate(member, *late)
        assert member.has() == 0
        refusals = [commit.refusal and commit.refusal.code.value for commit in done.commits[:2]]
        assert refusals == [None, "refund_exceeds_purchase"]


class TestVouchersStand:
    """Vouchers that a request gave or used, and limits that it counted on, are written again as they stand."""

    CARD = FixedReward(name="card", cost=POINTS.of(20), gives=(GiveGrant(key="coffee", uses=3),))
    COFFEE = FixedReward(name="coffee", voucher="coffee", limits=(Limit(name="daily", uses=2, per=DAY),))
    PROGRAM = program_of(points_policy(point_a_dollar(name="spend", life=YEAR_LONG)), rewards=(CARD, COFFEE))

    def asks(self, id: str, reward: str, hour: int) -> Redemption:
        """A redemption so many hours after the morning."""
        return attrs.evolve(redeems(id, MORNING + hour * HOUR), reward=reward)

    def events(self) -> list[Event]:
        """A card of three coffees for points, and two of them."""
        return [
            buys("o-1", "30.00", MORNING),
            self.asks("d-1", "card", 1),
            self.asks("d-2", "coffee", 2),
            self.asks("d-3", "coffee", 3),
        ]

    def test_in_order_there_is_no_difference(self) -> None:
        """Uses, gifts and limits come out the same."""
        assert rerate(told(self.PROGRAM, *self.events())).commits == ()

    def test_a_late_purchase_leaves_them_as_they_are(self) -> None:
        """One coffee is left, in the account and after a cancellation two."""
        late = buys("o-0", "10.00", MORNING - HOUR)
        member, in_order = told(self.PROGRAM, *self.events()), told(self.PROGRAM, late, *self.events())
        rerate(member, late)
        for one in (member, in_order):
            one.cancel("d-3").require()
        assert [grant.uses for grant in member.standing().grants("coffee")] == [2]
        assert (member.state.lots, member.state.grants) == (in_order.state.lots, in_order.state.grants)

    def test_a_card_that_the_replay_cannot_afford_stands_too(self) -> None:
        """The points for it are owed, the coffees stay."""
        member = told(self.PROGRAM, *self.events())
        rerate(member, Refund(id="r-1", member="m-1", occurred_at=MORNING + HOUR / 2, purchase="o-1"))
        assert member.standing().debt(POINTS).steps == 20
        assert [grant.uses for grant in member.standing().grants("coffee")] == [1]

    def test_a_coffee_that_would_not_have_been_there_needs_an_operator(self) -> None:
        """A late end of the right, before it was used."""
        given = StatusGrant(
            id="g-1", member="m-1", occurred_at=MORNING, key="coffee", uses=1, actor="ops", reason="sorry"
        )
        member = told(self.PROGRAM, given, self.asks("d-2", "coffee", 2))
        undo = Cancellation(id="x-1", member="m-1", occurred_at=MORNING + HOUR, undoes="g-1")
        with pytest.raises(RerateError, match="used 'coffee'"):
            member.program.rerate(member.commits, (undo,))


@attrs.frozen
class Vouchers:
    """Gives a voucher for a large purchase, and takes it where it is shown."""

    name: str = "vouchers"

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """A right with one use."""
        bought = occasion.purchase
        if bought is None:
            return ()
        if bought.channel == "voucher":
            return (Use(key="voucher"),)
        return (Give(key="voucher", uses=1),) if bought.total >= 5_000 else ()


class TestRights:
    """Grants and wake-ups are brought to what they would be."""

    GOLD = MultiplierRule(factor=2, when=HasGrant("gold"))
    PROGRAM = program_of(points_policy(point_a_dollar(life=YEAR_LONG), GOLD))

    def status(self, at: datetime, until: datetime) -> StatusGrant:
        """Gold, by an operator."""
        return StatusGrant(
            id="g-1", member="m-1", occurred_at=at, until=until, key="gold", actor="ops", reason="matched"
        )

    def test_a_late_status_doubles_what_came_after_it(self) -> None:
        """The purchase was decided without it, and is decided anew."""
        member = told(self.PROGRAM, buys("o-1", "10.00", MORNING + HOUR))
        status = self.status(MORNING, MORNING + 30 * ONE_DAY)
        assert not member.tell(status).accepted
        done = rerate(member, status)
        assert member.has() == 20
        given = [entry for entry in done.entries if isinstance(entry, GrantEntry)]
        assert [(entry.change, entry.grant.valid_from) for entry in given] == [(GrantChange.GIVEN, MORNING)]
        assert member.standing().grants("gold")

    def test_a_status_that_has_run_out_since_is_not_there(self) -> None:
        """It counted while it ran."""
        member = told(self.PROGRAM, buys("o-1", "10.00", MORNING + HOUR), buys("o-2", "10.00", MORNING + 3 * HOUR))
        rerate(member, self.status(MORNING, MORNING + 2 * HOUR))
        assert member.has() == 30
        assert member.state.grants == ()

    def test_a_right_that_would_not_be_there_goes_whole(self) -> None:
        """A late cancellation undoes what gave it: not even its end is kept."""
        member = told(self.PROGRAM, self.status(MORNING, MORNING + 30 * ONE_DAY), buys("o-1", "10.00", MORNING + HOUR))
        undo = Cancellation(id="x-1", member="m-1", occurred_at=MORNING, undoes="g-1")
        in_order = told(
            self.PROGRAM,
            self.status(MORNING, MORNING + 30 * ONE_DAY),
            undo,
            buys("o-1", "10.00", MORNING + HOUR),
        )
        rerate(member, undo)
        assert (member.state.lots, member.state.grants) == (in_order.state.lots, in_order.state.grants)

    def test_rules_that_read_balances_are_replayed(self) -> None:
        """What `decide` refuses as too late, a replay decides on what there was."""
        rule = BonusRule(credit=POINTS.of(100), name="bonus", when=BalanceIs(at_least=POINTS.of(5)))
        program = program_of(points_policy(point_a_dollar(name="spend", life=YEAR_LONG), rule))
        first, second = buys("o-1", "5.00", MORNING), buys("o-2", "5.00", MORNING + HOUR)
        member = told(program, second)
        assert not member.tell(first).accepted
        rerate(member, first)
        assert member.has() == 110

    def test_a_late_purchase_of_a_period_that_has_closed(self) -> None:
        """Its close is replayed at its own instant: the month's total is paid as it would have been."""
        rate = TotalRate(per=USD.of(10), credit=POINTS.of(1))
        total = Total(name="month", period=MONTH, rates=(rate,), credits="points", pays=Pays.AT_CLOSE)
        program = program_of(PointsPolicy(name="own", totals=(total,)))
        february, march = buys("o-1", "55.00", MORNING - 20 * ONE_DAY), buys("o-2", "35.00", MORNING)
        april = buys("o-3", "1.00", MORNING + 40 * ONE_DAY)
        member, in_order = told(program, march, april), told(program, february, march, april)
        rerate(member, february)
        assert member.has() == 5 + 3
        assert (member.state.lots, member.state.wake_ups) == (in_order.state.lots, in_order.state.wake_ups)

    def test_a_late_redemption_of_late_points(self) -> None:
        """All late facts are in their places when it is asked whether there is enough now."""
        member = told(DATED, buys("o-9", "1.00", MORNING + 9 * HOUR))
        rerate(member, redeems("d-1", MORNING + HOUR), buys("o-1", "60.00", MORNING))
        assert member.has() == 11

    def test_a_late_reservation_sets_its_lapse(self) -> None:
        """The wake-up is there, and frees what is held when it is due."""
        member = told(DATED, buys("o-1", "60.00", MORNING), buys("o-2", "1.00", MORNING + 2 * HOUR))
        held = Reservation(
            id="v-1", member="m-1", occurred_at=MORNING + HOUR, reward="mug", lapses_at=MORNING + 9 * HOUR
        )
        rerate(member, held)
        assert member.standing()[POINTS].reserved.steps == 50
        assert member.has(at=MORNING + 9 * HOUR) == 61


class TestRefused:
    """What is no account's whole history, or cannot be replayed, is an error, and nothing is decided."""

    def test_without_commits(self) -> None:
        """Nothing is late for an account that has nothing."""
        with pytest.raises(InvalidValueError, match="without commits"):
            DATED.rerate((), (buys("o-1", "1.00", MORNING),))

    def test_a_history_that_lacks_its_beginning(self) -> None:
        """All commits are needed."""
        member = told(DATED, buys("o-1", "1.00", MORNING), buys("o-2", "1.00", MORNING + HOUR))
        with pytest.raises(LedgerError, match="version 1"):
            DATED.rerate(member.commits[1:])

    @pytest.mark.parametrize(
        ("event", "message"),
        [
            (buys("o-9", "1.00", MORNING + HOUR), "is not late: decide it"),
            (attrs.evolve(buys("o-9", "1.00", MORNING), member="m-2"), "is of 'm-2'"),
            (Rerated(id="~r/x", member="m-1", occurred_at=MORNING, late=()), "made by the program alone"),
        ],
        ids=["in time", "another member's", "made by the program"],
    )
    def test_what_is_no_late_event(self, event: Event, message: str) -> None:
        """Each with a sentence that says so."""
        member = told(DATED, buys("o-1", "1.00", MORNING))
        with pytest.raises(InvalidValueError, match=message):
            DATED.rerate(member.commits, (event,))

    def test_two_contents_of_one_id(self) -> None:
        """Among the late events themselves."""
        member = told(DATED, buys("o-1", "1.00", MORNING))
        one, two = (buys("o-9", dollars, MORNING - HOUR) for dollars in ("1.00", "2.00"))
        with pytest.raises(EventConflictError, match="lines"):
            DATED.rerate(member.commits, (one, two))

    def test_what_reaches_other_accounts(self) -> None:
        """A budget that all members share cannot be replayed from one of them."""
        shared = Ceiling(name="budget", limit=POINTS.of(100), per=MONTH, shared="spring")
        program = program_of(points_policy(point_a_dollar(name="spend", ceilings=(shared,))))
        member = told(DATED, buys("o-1", "1.00", MORNING + HOUR))
        with pytest.raises(RerateError, match="other accounts"):
            program.rerate(member.commits, (buys("o-9", "1.00", MORNING),))


class TestTheService:
    """`Loyalty.rerate` reads the whole history and appends one batch."""

    def shop(self) -> tuple[Loyalty, MemoryLedger]:
        """Today's purchase came before yesterday's."""
        daily = Ceiling(name="daily", limit=POINTS.of(30), per=DAY)
        program = program_of(points_policy(point_a_dollar(name="spend", life=YEAR_LONG), ceilings=(daily,)))
        ledger = MemoryLedger()
        loyalty = Loyalty(program, ledger, clock=Clock(MORNING + HOUR))
        loyalty.record(buys("o-2", "40.00", MORNING)).require()
        return loyalty, ledger

    def test_it_appends_one_batch(self) -> None:
        """With all that the service stamps; sent again there is nothing to append."""
        loyalty, ledger = self.shop()
        late = buys("o-1", "40.00", MORNING - ONE_DAY)
        done = loyalty.rerate("m-1", (late,))
        assert [commit.version for commit in done.commits] == [2, 3]
        assert all(commit.recorded_at == MORNING + HOUR and commit.fingerprint for commit in done.commits)
        assert loyalty.standing("m-1")[POINTS].available.steps == 60
        assert loyalty.rerate("m-1", (late,)).commits == ()
        assert loyalty.record(late).repeated
        audit(ledger.history(done.account), calendar=loyalty.program.calendar)

    def test_the_difference_takes_effect_at_the_clock(self) -> None:
        """Before it, what was believed stays what was believed."""
        loyalty, _ = self.shop()
        loyalty.rerate("m-1", (buys("o-1", "40.00", MORNING - ONE_DAY),))
        assert loyalty.standing("m-1", MORNING - HOUR)[POINTS].available.steps == 0
        statement = loyalty.statement("m-1", MORNING - HOUR, MORNING + HOUR)
        assert statement.change(POINTS).steps == statement.closed(POINTS).available.steps == 60

    def test_a_made_event_is_not_sent(self) -> None:
        """A Rerated is made by the program."""
        loyalty, _ = self.shop()
        with pytest.raises(InvalidValueError, match="A Rerated is made by the program alone: call run_due or rerate"):
            loyalty.record(Rerated(id="~r/x", member="m-1", occurred_at=MORNING, late=()))

    def test_the_async_service_does_the_same(self) -> None:
        """The same method, awaited."""
        assert AsyncLoyalty.rerate.__doc__ == "See `Loyalty.rerate`."


class TestExplained:
    """What differs and why, per unit."""

    def test_the_difference_says_what_each_root_is_worth(self) -> None:
        """Roots, before and after, with the late events."""
        daily = Ceiling(name="daily", limit=POINTS.of(30), per=DAY)
        program = program_of(points_policy(point_a_dollar(name="spend", life=YEAR_LONG), ceilings=(daily,)))
        member = told(program, buys("o-2", "40.00", MORNING))
        done = rerate(member, buys("o-1", "40.00", MORNING - ONE_DAY))
        commit = done.commits[-1]
        assert explain(commit, program).text.splitlines() == [
            "What arrival in order would have come to, booked on 10 March 2026 at 05:00, with o-1 that came late.",
            "Limit daily of 30 points: 30 points used in 2026-03-09.",
            "30 points added: in order of time there would be so much more.",
            "  - Of o-1: 30 points, not 0 points.",
            "  - 30 points can be spent at once, until 9 March 2027 at 05:00.",
            "Replaying the whole history in order of time makes this anew.",
        ]

    def test_a_late_event_is_explained_as_it_was_replayed(self) -> None:
        """Rule by rule, like any other."""
        loyalty, _ = TestTheService().shop()
        loyalty.rerate("m-1", (buys("o-1", "40.00", MORNING - ONE_DAY),))
        told = loyalty.explain("m-1", "o-1")
        assert told.reproduced
        assert "30 points earned by policy base." in told.text
        assert "daily" in told.text


def replayed_of(commit: Commit) -> set[str]:
    """The roots that a commit tells anew."""
    return {replayed.root for replayed in commit.replayed}


def test_issued_is_the_other_side_of_what_is_net() -> None:
    """One transfer for a unit and label, booked under a rule of its own."""
    member = told(DATED, redeems_after())
    done = rerate(member, buys("o-0", "7.00", MORNING - HOUR))
    (move,) = (entry for entry in done.entries if isinstance(entry, Transfer))
    assert (move.payer, move.policy, [book.rule for book in move.books]) == (ISSUED, "", ["rerated"])
    assert replayed_of(done.commits[-1]) == {"o-0"}


def redeems_after() -> Purchase:
    """A purchase that came in time."""
    return buys("o-1", "10.00", MORNING)
