"""When what was earned can be spent, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

import attrs
import pytest
from unit_shop import (
    MINUTE,
    NEW_YEAR,
    POINTS,
    TICK,
    USD,
    Member,
    earned,
    moves,
    on,
    point_a_dollar,
    points_policy,
    program_of,
    transfers,
)

from patronage import (
    Account,
    BonusRule,
    Effect,
    Entry,
    Give,
    InvalidValueError,
    Life,
    Occasion,
    On,
    PayWithPoints,
    Program,
    Release,
    StatusEnd,
    StatusGrant,
)
from patronage.ledger import EXPIRED, system
from patronage.occasions import CountedFrom
from patronage.terms_of_time import OnDate, Until, days, hours, months, years


def living(**life: Any) -> Program:
    """A point a dollar with that life."""
    return program_of(points_policy(point_a_dollar(life=Life(**life))))


def status(key: str = "active", *, id: str = "g-1", at: datetime = NEW_YEAR, **fields: Any) -> StatusGrant:
    """A status given by hand."""
    return StatusGrant(id=id, member="m-1", occurred_at=at, key=key, **{"actor": "ann", "reason": "match", **fields})


def no_status(key: str = "active", *, id: str = "s-1", at: datetime, **fields: Any) -> StatusEnd:
    """A status ended by hand."""
    return StatusEnd(id=id, member="m-1", occurred_at=at, key=key, **{"actor": "ann", "reason": "over", **fields})


class TestPending:
    """Points that wait for their day."""

    def test_points_wait_for_the_end_of_a_return_period(self) -> None:
        """Points are pending for 14 days, and can be spent from that very instant on."""
        member = Member(living(available_after=days(14)))
        bought = member.buy("10.00", at=NEW_YEAR)
        assert bought.earned(POINTS).pending == POINTS.of(10)
        assert bought.earned(POINTS).available == POINTS.of(0)
        due = on(1, 15)
        assert member.standing(due - TICK)[POINTS].pending == POINTS.of(10)
        assert member.has(at=due - TICK) == 0
        assert member.has(at=due) == 10
        assert member.standing(due)[POINTS].pending == POINTS.of(0)

    def test_what_becomes_available_pays_debt_first(self) -> None:
        """5 points owed are paid by the 10 that become available; only 5 are left, and cannot expire twice."""
        member = Member(living(available_after=days(14), expires_after=years(1)))
        member.buy("10.00", at=NEW_YEAR)
        member.adjust("-5 points", at=on(1, 2))
        assert member.standing()[POINTS].debt == POINTS.of(5)
        later = member.standing(on(1, 15))
        assert (later[POINTS].available, later[POINTS].debt) == (POINTS.of(5), POINTS.of(0))

    def test_a_debt_larger_than_what_becomes_available_stays(self) -> None:
        """15 owed, 10 become available: 5 are owed still."""
        member = Member(living(available_after=days(14)))
        member.buy("10.00", at=NEW_YEAR)
        member.adjust("-15 points", at=on(1, 2))
        later = member.standing(on(1, 15))
        assert (later[POINTS].available, later[POINTS].debt) == (POINTS.of(-5), POINTS.of(5))

    def test_points_that_never_end_merge_when_they_become_available(self) -> None:
        """What has no end needs no source: two pending lots become one balance."""
        member = Member(living(available_after=days(14)))
        member.buy("10.00", at=NEW_YEAR)
        member.buy("5.00", id="o-2", at=on(1, 2))
        assert len(member.state.pending) == 2
        (lot,) = member.standing(on(2, 1)).lots(POINTS)
        assert (lot.steps, lot.source, lot.credited_at) == (15, None, None)
        assert lot.validity.endless

    def test_points_that_end_keep_their_source(self) -> None:
        """What expires stays a lot of its own, with its source and age."""
        member = Member(living(available_after=days(14), expires_after=years(1)))
        member.buy("10.00", at=NEW_YEAR)
        (lot,) = member.standing(on(2, 1)).lots(POINTS)
        assert lot.source is not None
        assert lot.source.root == "o-1"
        assert lot.credited_at == NEW_YEAR

    def test_pending_points_cannot_be_spent(self) -> None:
        """A debit while points are pending is a debt."""
        member = Member(living(available_after=days(14)))
        member.buy("10.00", at=NEW_YEAR)
        member.adjust("-4 points", at=on(1, 2))
        assert member.has() == -4


class TestExpiry:
    """Points that end."""

    def test_a_lot_can_be_spent_one_tick_before_its_end(self) -> None:
        """Validity is half open: usable a microsecond before, not at the end."""
        member = Member(living(expires_after=months(12)))
        member.buy("10.00", at=NEW_YEAR)
        end = on(1, 1, year=2027)
        assert member.has(at=end - TICK) == 10
        assert member.has(at=end) == 0

    def test_expiry_is_an_entry_about_what_was_earned(self) -> None:
        """What ends goes to `expired`, under an id that time gives it, about its purchase."""
        member = Member(living(expires_after=months(12, until=Until.END_OF_MONTH)))
        member.buy("10.00", at=NEW_YEAR)
        passed = member.program.advance(member.state, on(3, 1, year=2027))
        assert moves(passed) == [("m-1", "expired", 10)]
        (entry,) = transfers(passed)
        assert entry.about.root == "o-1"
        assert entry.cause.startswith("~lot/2027-02-01T05:00:00.000000Z/")
        assert entry.reason.code == "expired"
        assert passed.commit is not None
        assert passed.commit.names == tuple(sorted({"o-1", passed.event.id}))

    def test_the_life_counts_from_earning_or_from_availability(self) -> None:
        """A year from the purchase, or a year from the day on which the points can be spent."""
        for counted, end in (
            (CountedFrom.EARNING, on(1, 1, year=2027)),
            (CountedFrom.AVAILABILITY, on(1, 15, year=2027)),
        ):
            member = Member(living(available_after=days(14), expires_after=years(1), counted_from=counted))
            member.buy("10.00", at=NEW_YEAR)
            assert member.has(at=end - TICK) == 10
            assert member.has(at=end) == 0

    def test_a_life_counted_from_availability_at_once_counts_from_the_event(self) -> None:
        """Available at once: the two are the same."""
        member = Member(living(expires_after=hours(5), counted_from=CountedFrom.AVAILABILITY))
        member.buy("10.00", at=NEW_YEAR)
        assert member.has(at=NEW_YEAR + timedelta(hours=5) - TICK) == 10
        assert member.has(at=NEW_YEAR + timedelta(hours=5)) == 0

    def test_what_ends_may_go_to_an_account_of_its_own(self) -> None:
        """Expired points are given to a charity's account."""
        charity = Account.shared("charity")
        member = Member(living(expires_after=days(1), goes_to=charity))
        member.buy("10.00", at=NEW_YEAR)
        (entry,) = transfers(member.program.advance(member.state, on(2, 1)))
        assert entry.payee == charity
        assert Life().goes_to == EXPIRED == system("expired")

    def test_pending_points_may_end_before_they_are_available(self) -> None:
        """A life shorter than the wait: they end as pending."""
        member = Member(living(available_after=days(14), expires_after=days(7)))
        member.buy("10.00", at=NEW_YEAR)
        assert member.standing(on(1, 8) - TICK)[POINTS].pending == POINTS.of(10)
        assert member.standing(on(1, 8))[POINTS].pending == POINTS.of(0)
        assert member.has(at=on(2, 1)) == 0

    def test_one_step_of_time_or_many(self) -> None:
        """Advancing every day and advancing once write the same entries and reach the same state."""
        member = Member(living(available_after=days(2), expires_after=days(9)))
        for n in range(5):
            member.buy("10.00", id=f"o-{n}", at=NEW_YEAR + timedelta(days=n, minutes=n))
        once = member.program.advance(member.state, on(2, 1))
        state, entries = member.state, list[Entry]()
        for n in range(5, 32):
            step = member.program.advance(state, NEW_YEAR + timedelta(days=n))
            entries += step.entries
            state = step.state or state
        assert entries == list(once.entries)
        assert once.state is not None
        assert state.lots == once.state.lots
        assert state.next_due is once.state.next_due is None


class TestConfirmation:
    """Points that wait for a delivery, a stay completed, an approval."""

    def test_points_wait_until_they_are_confirmed(self) -> None:
        """Pending for ever, then available by a Confirmation."""
        member = Member(living(on_confirmation=True))
        member.buy("10.00", at=NEW_YEAR)
        assert member.standing(on(12, 31))[POINTS].pending == POINTS.of(10)
        confirmed = member.confirm("o-1", at=on(2, 1))
        assert member.has() == 10
        assert moves(confirmed) == [("m-1", "m-1", 10)]
        assert earned(confirmed) == 0
        (lot,) = member.standing().lots(POINTS)
        assert lot.source is None

    def test_a_life_counted_from_earning_runs_while_they_wait(self) -> None:
        """A year from the purchase, however late the confirmation."""
        member = Member(living(on_confirmation=True, expires_after=years(1)))
        member.buy("10.00", at=NEW_YEAR)
        member.confirm("o-1", at=on(6, 1))
        end = on(1, 1, year=2027)
        assert member.has(at=end - TICK) == 10
        assert member.has(at=end) == 0

    def test_a_life_counted_from_availability_begins_with_the_confirmation(self) -> None:
        """A year from the confirmation; before it no date ends them."""
        life = {"on_confirmation": True, "expires_after": years(1), "counted_from": CountedFrom.AVAILABILITY}
        member = Member(living(**life))
        member.buy("10.00", at=NEW_YEAR)
        assert member.standing(on(1, 1, year=2030))[POINTS].pending == POINTS.of(10)
        member.confirm("o-1", at=on(6, 1))
        assert member.has(at=on(6, 1, year=2027) - TICK) == 10
        assert member.has(at=on(6, 1, year=2027)) == 0

    def test_what_ended_before_cannot_be_confirmed(self) -> None:
        """A confirmation after the end finds nothing, and is still a fact."""
        member = Member(living(on_confirmation=True, expires_after=years(1)))
        member.buy("10.00", at=NEW_YEAR)
        confirmed = member.confirm("o-1", at=on(6, 1, year=2027))
        assert moves(confirmed) == [("m-1", "expired", 10)]
        assert member.has() == 0

    def test_confirming_twice_changes_nothing(self) -> None:
        """A second confirmation finds nothing that waits."""
        member = Member(living(on_confirmation=True))
        member.buy("10.00")
        member.confirm("o-1")
        assert member.confirm("o-1", id="c-2").entries == ()
        assert member.has() == 10

    def test_only_what_waits_is_confirmed(self) -> None:
        """Confirming one purchase leaves another waiting."""
        member = Member(living(on_confirmation=True))
        member.buy("10.00")
        member.buy("3.00", id="o-2")
        member.confirm("o-2")
        assert member.has() == 3
        assert member.standing()[POINTS].pending == POINTS.of(10)

    def test_what_is_confirmed_pays_debt_first(self) -> None:
        """Confirmed points pay what is owed."""
        member = Member(living(on_confirmation=True, expires_after=years(1)))
        member.buy("10.00")
        member.adjust("-4 points")
        member.confirm("o-1")
        assert member.has() == 6
        assert member.standing()[POINTS].debt == POINTS.of(0)
        member.adjust("-16 points", id="j-2")
        member.buy("5.00", id="o-2")
        member.confirm("o-2", id="c-2")
        assert member.has() == -5

    def test_an_activity_can_be_confirmed_too(self) -> None:
        """A review's points wait for approval."""
        bonus = BonusRule(credit=POINTS.of(5), on=On.ACTIVITY, activity="review", life=Life(on_confirmation=True))
        member = Member(program_of(points_policy(bonus)))
        member.does("review")
        member.confirm("a-1")
        assert member.has() == 5

    def test_what_is_confirmed_and_needs_a_grant_that_is_gone_ends(self) -> None:
        """Confirmed points that need a membership end at once where there is none."""
        member = Member(living(on_confirmation=True, needs="active"))
        member.accept(status(until=on(2, 1)))
        member.buy("10.00")
        member.confirm("o-1", at=on(1, 15))
        assert member.has() == 10
        assert member.has(at=on(2, 1)) == 0


class TestNeeds:
    """Points that need a grant: inactivity, a membership."""

    def test_points_end_with_the_grant_they_need(self) -> None:
        """They end when the grant does, be their own end later."""
        member = Member(living(needs="active", expires_after=years(5)))
        member.accept(status(until=on(6, 1)))
        member.buy("10.00")
        assert member.has(at=on(6, 1) - TICK) == 10
        assert member.has(at=on(6, 1)) == 0

    def test_points_end_by_their_own_date_if_that_is_earlier(self) -> None:
        """The earlier of the two."""
        member = Member(living(needs="active", expires_after=months(1)))
        member.accept(status(until=on(6, 1)))
        member.buy("10.00", at=NEW_YEAR)
        assert member.has(at=on(2, 1)) == 0

    def test_points_without_the_grant_they_need_end_at_once(self) -> None:
        """Credited, and gone in the same event."""
        member = Member(living(needs="active"))
        bought = member.buy("10.00")
        assert moves(bought) == [("issued", "m-1", 10), ("m-1", "expired", 10)]
        assert member.has() == 0

    def test_points_stay_while_any_such_grant_is_in_force(self) -> None:
        """Renewed in time is no end: a second grant of the key takes over."""
        member = Member(living(needs="active"))
        member.accept(status(until=on(6, 1)))
        member.buy("10.00")
        member.accept(status(id="g-2", at=on(5, 1), until=on(9, 1), actor="bob"))
        assert member.has(at=on(6, 1)) == 10
        assert member.has(at=on(9, 1)) == 0

    def test_given_again_by_the_same_it_extends_to_the_later_end(self) -> None:
        """An operator who gives a status again extends it, and never shortens it."""
        member = Member(living(needs="active"))
        member.accept(status(until=on(6, 1)))
        member.accept(status(id="g-2", at=on(1, 2), until=on(3, 1)))
        (grant,) = member.standing().grants("active")
        assert (grant.valid_from, grant.valid_until) == (NEW_YEAR, on(6, 1))
        member.accept(status(id="g-3", at=on(1, 3)))
        (grant,) = member.standing().grants("active")
        assert grant.valid_until is None

    def test_an_operator_may_end_it(self) -> None:
        """A StatusEnd ends what operators gave, and with it the points that need it."""
        member = Member(living(needs="active"))
        member.accept(status(value="gold"))
        member.buy("10.00")
        kept = member.accept(no_status(at=on(2, 1), value="silver"))
        assert kept.entries == ()
        ended = member.accept(no_status(id="s-2", at=on(2, 2), value="gold"))
        assert moves(ended) == [("m-1", "expired", 10)]
        assert member.standing().grants() == ()

    def test_pending_points_end_with_the_grant_too(self) -> None:
        """What waits needs it as well."""
        member = Member(living(needs="active", available_after=months(3)))
        member.accept(status(until=on(2, 1)))
        member.buy("10.00")
        assert member.standing(on(2, 1))[POINTS].pending == POINTS.of(0)
        assert member.has(at=on(12, 1)) == 0

    def test_every_activity_gives_the_grant_anew(self) -> None:
        """Inactivity: points need `active`, which every purchase gives for 12 months."""
        program = program_of(Stamps(), points_policy(point_a_dollar(life=Life(needs="active"))))
        member = Member(program)
        member.buy("10.00", at=on(1, 1))
        member.buy("5.00", id="o-2", at=on(12, 1))
        assert member.has(at=on(12, 1, year=2027) - TICK) == 15
        assert member.has(at=on(12, 1, year=2027)) == 0

    def test_at_its_end_is_not_in_time(self) -> None:
        """An activity at the very instant of the end comes too late for the old points."""
        program = program_of(Stamps(), points_policy(point_a_dollar(life=Life(needs="active"))))
        member = Member(program)
        member.buy("10.00", at=on(1, 1))
        member.buy("5.00", id="o-2", at=on(1, 1, year=2027))
        assert member.has() == 5
        late = Member(program)
        late.buy("10.00", at=on(1, 1))
        late.buy("5.00", id="o-2", at=on(1, 1, year=2027) - TICK)
        assert late.has() == 15


@attrs.frozen
class Stamps:
    """A caller's policy: every purchase keeps the member active for a year."""

    name: str = "stamps"

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """The grant, anew."""
        if occasion.purchase is not None:
            yield Give(key="active", lasts=years(1), rule="any purchase")


class TestHeldBy:
    """Points that a grant holds beyond their own end."""

    def test_points_stay_while_the_tier_does(self) -> None:
        """They end at the later of their own end and the grant's."""
        member = Member(living(expires_after=months(1), held_by="tier"))
        member.accept(status("tier", until=on(6, 1)))
        member.buy("10.00", at=NEW_YEAR + MINUTE)
        assert member.has(at=on(6, 1) - TICK) == 10
        assert member.has(at=on(6, 1)) == 0

    def test_points_without_the_tier_end_by_their_own_date(self) -> None:
        """Nothing holds them."""
        member = Member(living(expires_after=months(1), held_by="tier"))
        member.buy("10.00", at=NEW_YEAR)
        assert member.has(at=on(2, 1)) == 0

    def test_points_stay_for_a_grace_after_the_tier(self) -> None:
        """The grant's end plus 30 days."""
        member = Member(living(expires_after=months(1), held_by="tier", grace=days(30)))
        member.accept(status("tier", until=on(6, 1)))
        member.buy("10.00")
        assert member.has(at=on(7, 1) - TICK) == 10
        assert member.has(at=on(7, 1)) == 0

    def test_the_grace_counts_from_an_end_by_hand_too(self) -> None:
        """A status ended early still leaves the grace; without one, what is past its date ends at once."""
        member = Member(living(expires_after=months(1), held_by="tier", grace=days(30)))
        member.accept(status("tier"))
        member.buy("10.00")
        member.accept(no_status("tier", at=on(5, 1)))
        assert member.has(at=on(5, 31) - TICK) == 10
        assert member.has(at=on(5, 31)) == 0
        bare = Member(living(expires_after=months(1), held_by="tier"))
        bare.accept(status("tier"))
        bare.buy("10.00")
        assert moves(bare.accept(no_status("tier", at=on(5, 1)))) == [("m-1", "expired", 10)]

    def test_a_tier_regained_within_the_grace_holds_them_again(self) -> None:
        """Regained in time, the points stay."""
        member = Member(living(expires_after=months(1), held_by="tier", grace=days(30)))
        member.accept(status("tier", until=on(6, 1)))
        member.buy("10.00")
        member.accept(status("tier", id="g-2", at=on(6, 15), until=on(12, 1)))
        assert member.has(at=on(7, 1)) == 10
        assert member.has(at=on(12, 31) - TICK) == 10
        assert member.has(at=on(12, 31)) == 0

    def test_an_ended_grant_is_kept_as_long_as_points_name_it(self) -> None:
        """The ended tier stays in the state for the grace, then goes."""
        member = Member(living(expires_after=months(1), held_by="tier", grace=days(30)))
        member.accept(status("tier", until=on(6, 1)))
        member.buy("10.00")
        during = member.standing(on(6, 15)).state
        assert [grant.ended for grant in during.grants] == [True]
        assert member.standing(on(6, 15)).grants() == ()
        assert member.standing(on(7, 1)).state.grants == ()

    def test_points_held_without_end_stay(self) -> None:
        """A tier for life holds them for life."""
        member = Member(living(expires_after=months(1), held_by="tier"))
        member.accept(status("tier"))
        member.buy("10.00")
        assert member.has(at=on(1, 1, year=2100)) == 10


REFUSED: dict[str, Callable[[], object]] = {
    "after a term and on confirmation": lambda: Life(available_after=days(1), on_confirmation=True),
    "a grace without a grant": lambda: Life(grace=days(1), expires_after=days(1)),
    "held without a life": lambda: Life(held_by="tier"),
    "a need that is no word": lambda: Life(needs=""),
    "a holder that is no word": lambda: Life(held_by="x" * 65, expires_after=days(1)),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_a_life_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    """Each validator of a life rejects."""
    with pytest.raises(InvalidValueError):
        make()


def test_a_life_knows_whether_the_day_decides_it() -> None:
    """A life to the end of a day is the same for all purchases of that day."""
    assert Life().by_day
    assert Life(expires_after=days(30, until=Until.END_OF_DAY)).by_day
    assert not Life(expires_after=days(30)).by_day
    assert not Life(expires_after=days(30, until=Until.END_OF_DAY), available_after=hours(1)).by_day
    member = Member(living(expires_after=days(30, until=Until.END_OF_DAY)))
    member.buy("1.00", at=NEW_YEAR)
    member.buy("1.00", id="o-2", at=NEW_YEAR + MINUTE)
    first, second = member.standing().lots(POINTS)
    assert first.validity == second.validity


class TestHeldAndGone:
    """Parts that a reservation holds while their grant goes, and ends that lie behind."""

    def test_held_points_outlive_the_grant_they_need(self) -> None:
        """What is reserved stays when the grant ends; freed, it ends at once."""
        reward = PayWithPoints(name="off", points=POINTS.of(1), value=USD.of(1))
        rule = point_a_dollar(life=Life(needs="active"))
        member = Member(program_of(points_policy(rule), rewards=[reward]))
        member.accept(status())
        member.buy("10.00")
        member.reserve(amount=POINTS.of(4))
        ended = member.accept(no_status(at=on(2, 1)))
        assert moves(ended) == [("m-1", "expired", 6)]
        assert member.standing()[POINTS].reserved == POINTS.of(4)
        freed = member.accept(Release(id="f-1", member="m-1", occurred_at=on(2, 2), reservation="v-1"))
        assert moves(freed) == [("m-1", "m-1", 4), ("m-1", "expired", 4)]

    def test_a_fixed_end_that_lies_before_the_confirmation(self) -> None:
        """Points good until 1 February, confirmed in March, end as they are confirmed."""
        life = {"on_confirmation": True, "counted_from": CountedFrom.AVAILABILITY}
        member = Member(living(**life, expires_after=OnDate(day=date(2026, 2, 1))))
        member.buy("10.00")
        confirmed = member.confirm("o-1", at=on(3, 1))
        assert moves(confirmed) == [("m-1", "m-1", 10), ("m-1", "expired", 10)]
        assert member.state.next_due is None

    def test_a_tier_holds_what_is_confirmed_past_its_end(self) -> None:
        """Held by a tier in force, they stay."""
        life = {"on_confirmation": True, "counted_from": CountedFrom.AVAILABILITY, "held_by": "tier"}
        member = Member(living(**life, expires_after=OnDate(day=date(2026, 2, 1))))
        member.accept(status("tier", until=on(6, 1)))
        member.buy("10.00")
        member.confirm("o-1", at=on(3, 1))
        assert member.has(at=on(6, 1) - TICK) == 10
        assert member.has(at=on(6, 1)) == 0

    def test_a_fixed_end_that_lies_before_the_purchase(self) -> None:
        """Points of a campaign that is over end as they are credited."""
        member = Member(living(expires_after=OnDate(day=date(2026, 2, 1))))
        assert moves(member.buy("10.00", at=on(3, 1))) == [("issued", "m-1", 10), ("m-1", "expired", 10)]

    def test_other_grants_do_not_hold(self) -> None:
        """Only the grant that is named holds the points."""
        member = Member(living(expires_after=months(1), held_by="tier"))
        member.accept(status("other"))
        member.buy("10.00", at=NEW_YEAR + MINUTE)
        assert member.has(at=on(2, 2)) == 0
