"""Thresholds: what a balance triggers, what it costs, how often it gives, and what a refund takes back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from unit_shop import (
    NEW_YEAR,
    NIGHTS,
    POINTS,
    TICK,
    USD,
    VISITS,
    Member,
    on,
    only,
    point_a_dollar,
    program_of,
    purchase,
    transfers,
)

from patronage import (
    BenefitKind,
    BonusRule,
    InvalidValueError,
    Life,
    PointsPolicy,
    RefundLine,
    Rounding,
    SpendRule,
    State,
    Unit,
    UnitKind,
)
from patronage.conditions import AllOf, BalanceIs
from patronage.ledger import GrantEntry
from patronage.periods import DAY, LIFETIME, MONTH, YEAR
from patronage.rules import Rule
from patronage.terms_of_time import EndOfPeriod, Rolling, Until, days, months
from patronage.thresholds import (
    CarryOver,
    Consumes,
    Falls,
    Gift,
    GiveBenefit,
    GiveConverted,
    GiveCredit,
    GiveGrant,
    Looks,
    Repeats,
    Threshold,
)

STAMP = BonusRule(name="stamp", credit=VISITS.of(1))
NIGHT = SpendRule(
    name="nights", per=USD.of(100), credit=NIGHTS.of(1), life=Life(expires_after=EndOfPeriod(period=YEAR))
)


def card(*gives: Gift, **fields: Any) -> Threshold:
    """Ten visits give a drink."""
    drink = GiveGrant(key="drink", uses=1)
    return Threshold(
        **{
            "name": "card",
            "at_least": VISITS.of(3),
            "gives": gives or (drink,),
            "repeats": Repeats.EVERY_STEP,
            "consumes": Consumes.STEPS,
            "falls": Falls.REVOKED_IF_UNUSED,
            **fields,
        }
    )


def gold(**fields: Any) -> Threshold:
    """Ten nights in a calendar year give gold to the end of the next."""
    lasts = EndOfPeriod(period=YEAR, following=1)
    return Threshold(
        **{
            "name": "gold",
            "at_least": NIGHTS.of(10),
            "period": YEAR,
            "gives": (GiveGrant(key="level", value="gold", lasts=lasts),),
            **fields,
        }
    )


def member_of(threshold: Threshold, *rules: Rule, **fields: Any) -> Member:
    """A member of a program with a policy `own` of those rules and that threshold."""
    return Member(program_of(PointsPolicy(name="own", rules=rules or (STAMP,), thresholds=(threshold,)), **fields))


def held(member: Member, key: str, at: datetime | None = None) -> list[str]:
    """The occasions of the grants in force under a key."""
    return [grant.occasion for grant in member.standing(at).grants(key)]


def visits(member: Member, *orders: str) -> None:
    """A purchase of a dollar under each id."""
    for order in orders:
        member.buy("1.00", id=order)


class TestPunchCard:
    """A balance that turns into a reward."""

    def test_it_consumes_whole_steps_and_the_rest_stays(self) -> None:
        """The third visit gives a drink; the fourth is the first of the next card."""
        member = member_of(card())
        visits(member, "1", "2")
        assert not held(member, "drink")
        visits(member, "3", "4")
        assert held(member, "drink") == ["lifetime#1"]
        assert member.has(VISITS) == 1
        (grant,) = member.standing().grants("drink")
        assert sum(part.steps for part in grant.consumed) == 3
        assert grant.uses == 1

    def test_several_steps_at_once_are_several_grants(self) -> None:
        """Seven at once fill two cards."""
        member = member_of(card())
        member.adjust("7 visits")
        assert held(member, "drink") == ["lifetime#1", "lifetime#2"]
        assert member.has(VISITS) == 1

    def test_a_refund_revokes_the_newest_unused_one_and_its_cost_comes_back(self) -> None:
        """Of six visits one comes back: five are left, of which three stand in the first card."""
        member = member_of(card())
        visits(member, *"123456")
        refunded = member.refund("6")
        assert held(member, "drink") == ["lifetime#1"]
        assert member.has(VISITS) == 2
        assert [e.reason.code for e in refunded.entries if isinstance(e, GrantEntry)] == ["fell"]

    def test_what_was_used_stays_as_a_debt_of_the_tally(self) -> None:
        """Both drinks are drunk: the visit that came back is owed, and the next one pays it."""
        member = member_of(card())
        visits(member, *"123456")
        for grant in member.state.grants:
            assert grant.uses == 1
        member.state = _used(member, "drink")
        member.refund("6")
        assert member.has(VISITS) == -1
        visits(member, "7", "8", "9", "10")
        assert held(member, "drink") == ["lifetime#3"]
        assert member.has(VISITS) == 0

    def test_given_again_it_is_told_apart(self) -> None:
        """What was revoked and earned again is a grant again."""
        member = member_of(card())
        visits(member, *"123")
        member.refund("3")
        assert not held(member, "drink")
        assert member.has(VISITS) == 2
        visits(member, "4")
        assert held(member, "drink") == ["lifetime#1"]

    def test_kept_whatever_comes_back(self) -> None:
        """Where it is kept, the visit is owed."""
        member = member_of(card(falls=Falls.KEPT))
        visits(member, *"123")
        member.refund("3")
        assert held(member, "drink") == ["lifetime#1"]
        assert member.has(VISITS) == -1

    def test_after_a_grace_it_looks_again(self) -> None:
        """A visit within the week saves the drink; without one it is gone."""
        for more in (False, True):
            member = member_of(card(falls=Falls.AFTER_GRACE, grace=days(7)))
            visits(member, *"123")
            member.refund("3", at=on(1, 2))
            assert held(member, "drink")
            if more:
                member.buy("1.00", id="4", at=on(1, 5))
            assert bool(held(member, "drink", on(1, 10))) is more


class TestCredits:
    """What is given as a balance."""

    def test_a_note_for_every_2000_points(self) -> None:
        """4,100 points are two notes of 20 dollars, and 100 points are left."""
        note = card(
            GiveCredit(amount=USD.of(20), label="note"), name="note", at_least=POINTS.of(2000), falls=Falls.KEPT
        )
        member = member_of(note, point_a_dollar())
        member.buy("4100.00")
        assert member.has() == 100
        assert member.has(USD, label="note") == 4000

    def test_taken_back_from_what_is_left_of_it(self) -> None:
        """Half the points come back: the note is taken, and the 2,000 points are owed no more than came back."""
        note = card(GiveCredit(amount=USD.of(20)), name="note", at_least=POINTS.of(2000), falls=Falls.TAKEN_BACK)
        member = member_of(note, point_a_dollar())
        member.buy("1000.00")
        member.buy("1000.00", id="o-2")
        member.refund("o-2")
        assert member.has(USD) == 0

    def test_a_payout_of_all_that_was_accrued(self) -> None:
        """At the month's close 6.25 are paid out whole, rounded once; 4.99 would have been carried."""
        accrued = Unit("accrued", decimals=4, kind=UnitKind.TALLY)
        payout = card(
            GiveBenefit(
                kind=BenefitKind.PAYOUT,
                reward="payout",
                converted=GiveConverted(per=accrued.of(1), credit=USD.of(1), rounding=Rounding.HALF_UP),
            ),
            name="payout",
            at_least=accrued.of(5),
            consumes=Consumes.ALL,
            looks=Looks.AT_CLOSE,
            period=MONTH,
        )
        rule = SpendRule(per=USD.of(1), credit=accrued.of("0.005"), whole=False)
        member = member_of(payout, rule, units=(USD, accrued))
        member.buy("900.00", at=on(1, 10))
        assert not member.pass_to(on(2, 1)).benefits
        member.buy("350.50", id="o-2", at=on(2, 10))
        paid = member.pass_to(on(3, 2))
        assert only(paid.benefits).amount == USD.of("6.25")
        assert member.standing().available(accrued) == accrued.of(0)

    def test_once_ever(self) -> None:
        """A bonus at 100 points, never again, also after a refund that takes it below."""
        bonus = Threshold(
            name="bonus",
            at_least=POINTS.of(100),
            gives=(GiveCredit(amount=USD.of(5)),),
            repeats=Repeats.ONCE_EVER,
            falls=Falls.KEPT,
        )
        member = member_of(bonus, point_a_dollar())
        member.buy("150.00")
        member.refund("o-1")
        member.buy("150.00", id="o-2")
        assert member.has(USD) == 500

    def test_steps_that_cost_nothing_are_milestones(self) -> None:
        """Every 100 points of a lifetime give a dollar: 250 give two, 60 more the third."""
        miles = card(GiveCredit(amount=USD.of(1)), at_least=POINTS.of(100), consumes=Consumes.NOTHING)
        member = member_of(miles, point_a_dollar())
        member.buy("250.00")
        assert member.has(USD) == 200
        member.buy("60.00", id="o-2")
        assert member.has(USD) == 300
        member.refund("o-1", total=USD.of(150))
        assert member.has(USD) == 100


class TestLevels:
    """A right that is reached once a period."""

    def test_it_is_reached_at_the_figure_and_not_below(self) -> None:
        """Nine nights are none, ten are gold, in New York until the end of 2027."""
        member = member_of(gold(), NIGHT)
        member.buy("999.99")
        assert not held(member, "level")
        member.buy("100.00", id="o-2")
        assert held(member, "level") == ["2026"]
        end = member.program.calendar.start_of_day(on(1, 1, year=2028).date())
        assert held(member, "level", end - TICK) == ["2026"]
        assert not held(member, "level", end)

    def test_more_than_is_above_the_figure(self) -> None:
        """Ten nights are not more than ten."""
        member = member_of(gold(at_least=None, more_than=NIGHTS.of(10)), NIGHT)
        member.buy("1000.00")
        assert not held(member, "level")
        member.buy("100.00", id="o-2")
        assert held(member, "level")

    def test_a_refund_revokes_this_year_s_and_leaves_last_year_s(self) -> None:
        """Gold in 2026 to the end of 2027; earned again in 2027; that refunded."""
        member = member_of(gold(), NIGHT)
        member.buy("1000.00")
        member.buy("1000.00", id="o-2", at=on(5, 1, year=2027))
        assert held(member, "level") == ["2026", "2027"]
        member.refund("o-2", at=on(5, 2, year=2027))
        assert held(member, "level") == ["2026"]

    def test_last_year_s_refund_takes_nothing_of_this_year_s(self) -> None:
        """The nights of 2026 have ended: what comes back of them in 2027 leaves those of 2027 alone."""
        member = member_of(gold(), NIGHT)
        member.buy("1000.00")
        member.buy("1000.00", id="o-2", at=on(5, 1, year=2027))
        member.refund("o-1", at=on(5, 2, year=2027))
        assert member.has(NIGHTS) == 10
        assert held(member, "level") == ["2027"]

    def test_a_late_refund_asks_what_the_period_had(self) -> None:
        """Of 2026's twelve nights two came back in 2027, which leaves gold; the third takes it."""
        member = member_of(gold(), NIGHT)
        member.buy("900.00", "200.00", "100.00")
        member.refund("o-1", at=on(2, 1, year=2027), id="r-1", lines=[RefundLine(id="2")])
        assert held(member, "level") == ["2026"]
        member.refund("o-1", at=on(2, 2, year=2027), id="r-2", lines=[RefundLine(id="3")])
        assert held(member, "level") == []

    def test_further_conditions_on_other_balances(self) -> None:
        """Ten nights and 2,000 points."""
        member = member_of(gold(when=AllOf([BalanceIs(at_least=POINTS.of(2000))])), NIGHT, point_a_dollar())
        member.buy("1000.00")
        assert not held(member, "level")
        member.buy("1000.00", id="o-2")
        assert held(member, "level")

    def test_as_long_as_it_is_reached(self) -> None:
        """A rolling year of nights: the right ends when the nights that made it end."""
        night = SpendRule(per=USD.of(100), credit=NIGHTS.of(1), life=Life(expires_after=months(12)))
        rolling = gold(period=LIFETIME, repeats=Repeats.WHILE_REACHED, gives=(GiveGrant(key="level", value="gold"),))
        member = member_of(rolling, night)
        member.buy("600.00", at=on(1, 10))
        member.buy("400.00", id="o-2", at=on(3, 10))
        assert held(member, "level", on(1, 9, year=2027))
        assert not held(member, "level", on(1, 11, year=2027))

    def test_given_anew_while_it_is_reached(self) -> None:
        """Each look at which it is reached gives six months from there."""
        rolling = gold(
            period=LIFETIME,
            repeats=Repeats.WHILE_REACHED,
            gives=(GiveGrant(key="level", value="gold", lasts=months(6)),),
        )
        member = member_of(rolling, NIGHT)
        member.buy("1000.00", at=on(1, 10))
        member.buy("1.00", id="o-2", at=on(4, 10))
        (grant,) = member.standing().grants("level")
        assert grant.valid_until is not None and member.program.calendar.day(grant.valid_until) == on(10, 10).date()


class TestCloses:
    """What is looked at when a period ends."""

    def test_a_close_reads_what_ends_at_it_as_alive(self) -> None:
        """The nights of the year end with it, and its close still sees them."""
        member = member_of(gold(looks=Looks.AT_CLOSE), NIGHT)
        member.buy("1000.00")
        assert not held(member, "level", on(12, 31))
        assert held(member, "level", on(1, 2, year=2027)) == ["2026"]

    def test_a_review_reads_what_is_left_after_it(self) -> None:
        """At the review of the year its nights have ended."""
        member = member_of(gold(looks=Looks.AT_REVIEW), NIGHT)
        member.buy("1000.00")
        assert not held(member, "level", on(1, 2, year=2027))

    def test_the_surplus_is_carried_over(self) -> None:
        """Of 17 nights ten made gold; of the seven left at most five go on, under a label, for a year."""
        carried = CarryOver(maximum=NIGHTS.of(5), label="rolled", life=Life(expires_after=EndOfPeriod(period=YEAR)))
        member = member_of(gold(looks=Looks.AT_CLOSE, consumes=Consumes.STEPS, carries=carried), NIGHT)
        member.buy("1700.00")
        standing = member.standing(on(1, 2, year=2027))
        assert standing.labels(NIGHTS) == {"rolled": NIGHTS.of(5)}
        assert not member.standing(on(1, 2, year=2028)).labels(NIGHTS)

    def test_every_period_is_looked_at_while_something_is_there(self) -> None:
        """Three months, three payments; a month in which nothing is there is not waited for."""
        each = card(
            GiveCredit(amount=USD.of(1)),
            at_least=POINTS.of(1),
            consumes=Consumes.NOTHING,
            looks=Looks.AT_REVIEW,
            period=MONTH,
            repeats=Repeats.ONCE_A_PERIOD,
        )
        member = member_of(each, point_a_dollar(life=Life(expires_after=months(2, until=Until.END_OF_MONTH))))
        member.buy("9.00", at=on(1, 15))
        member.pass_to(on(9, 1))
        assert member.has(USD) == 200
        assert member.state.next_due is None or not member.state.wake_ups

    def test_thousands_of_periods_each_have_their_own_count(self) -> None:
        """Twelve years of days, more than are remembered at once: the first visit of each counts until it is closed."""
        once: dict[str, Any] = {
            "repeats": Repeats.ONCE_A_PERIOD,
            "consumes": Consumes.NOTHING,
            "falls": Falls.TAKEN_BACK,
        }
        daily = card(GiveCredit(amount=POINTS.of(1)), at_least=VISITS.of(1), period=DAY, **once)
        program = member_of(daily).program
        for n in range(4_200):
            at = NEW_YEAR + timedelta(days=n)
            decision = program.decide(State.of("m-1"), purchase("1.00", at=at))
            (counted,) = [move for move in transfers(decision) if move.unit == "own.card"]
            assert counted.label == f"{at:%Y-%m-%d}"
            (lot,) = counted.put
            assert lot.validity.expires_at is not None
            assert timedelta(days=365) < lot.validity.expires_at - at < timedelta(days=368)


class TestRefused:
    """What no threshold can mean."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"more_than": VISITS.of(1)},
            {"at_least": None},
            {"falls": Falls.AFTER_GRACE},
            {"grace": days(1)},
            {"looks": Looks.AT_REVIEW},
            {"carries": CarryOver()},
            {"period": Rolling(term=days(3))},
            {"repeats": Repeats.ONCE_EVER, "period": YEAR},
            {"gives": ("drink",)},
            {"gives": (GiveConverted(per=POINTS.of(1), credit=USD.of(1)),)},
            {"at_least": VISITS.of(0)},
        ],
    )
    def test_it_says_so(self, fields: dict[str, Any]) -> None:
        """A plain error, when it is written."""
        with pytest.raises(InvalidValueError):
            card(**fields)

    def test_its_units_are_those_of_the_terms(self) -> None:
        """A goal in a unit that the terms do not have is refused with them."""
        with pytest.raises(InvalidValueError, match="which is no unit"):
            member_of(card(at_least=Unit("stamps").of(3)))

    def test_steps_above_a_figure_are_none(self) -> None:
        """How often it is reached is counted in what it is reached at."""
        with pytest.raises(InvalidValueError, match="counted in at_least"):
            card(at_least=None, more_than=VISITS.of(3), consumes=Consumes.NOTHING)

    def test_what_comes_after_another_or_in_its_rounds_has_its_period(self) -> None:
        """The order and the period are both held to; with both right the policy stands."""
        first = gold(name="first", looks=Looks.AFTER_EACH)
        after = gold(name="second", after=["first"])
        assert PointsPolicy(name="own", thresholds=(first, after)).thresholds == (first, after)
        for wrong in ((after, first), (first, gold(name="second", after=["first"], period=MONTH))):
            with pytest.raises(InvalidValueError, match="second comes after 'first'"):
                PointsPolicy(name="own", thresholds=wrong)
        last = card(name="last", period=YEAR)
        half = card(
            name="half",
            round_of="last",
            at_least=VISITS.of(2),
            repeats=Repeats.ONCE_A_PERIOD,
            period=YEAR,
            consumes=Consumes.NOTHING,
        )
        assert PointsPolicy(name="own", thresholds=(half, last)).thresholds == (half, last)
        for wrong in (
            (last, half),
            (attrs.evolve(half, period=MONTH), last),
            (half, attrs.evolve(last, consumes=Consumes.NOTHING)),
        ):
            with pytest.raises(InvalidValueError, match="half has rounds of 'last'"):
                PointsPolicy(name="own", thresholds=wrong)

    def test_two_of_one_name_are_refused(self) -> None:
        """They would keep one tally."""
        with pytest.raises(InvalidValueError, match="name of its own"):
            PointsPolicy(name="own", thresholds=(card(), card()))


def _used(member: Member, key: str) -> State:
    kept = tuple(grant for grant in member.state.grants if grant.key != key)
    return attrs.evolve(member.state, grants=kept)


@pytest.mark.parametrize(
    "fields",
    [
        {"repeats": Repeats.WHILE_REACHED},
        {"repeats": Repeats.WHILE_REACHED, "consumes": Consumes.NOTHING, "looks": Looks.AT_CLOSE, "period": YEAR},
        {"repeats": Repeats.UNTIL_REVIEW, "consumes": Consumes.NOTHING},
        {"round_of": "other"},
        {"labels": 3},
    ],
)
def test_rights_that_stand_and_rounds_are_refused_where_they_do_not_fit(fields: dict[str, Any]) -> None:
    """What stands while it is reached consumes nothing and is looked at after each occasion."""
    with pytest.raises(InvalidValueError):
        card(**fields)


@pytest.mark.parametrize("fields", [{"after": ["other"]}, {"round_of": "other", "repeats": Repeats.ONCE_A_PERIOD}])
def test_a_threshold_that_is_not_there_is_refused(fields: dict[str, Any]) -> None:
    """What comes after another, or has its rounds, is listed beside it."""
    with pytest.raises(InvalidValueError):
        PointsPolicy(name="own", thresholds=(card(consumes=Consumes.NOTHING, **fields),))


def test_a_right_has_one_end() -> None:
    """From when it is given, or from the period's end."""
    with pytest.raises(InvalidValueError):
        GiveGrant(key="drink", lasts=days(1), after_period=days(1))
