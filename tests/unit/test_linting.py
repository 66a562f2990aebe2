"""The linter: what terms will do that may not be meant, and how large a state can grow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from unit_shop import NIGHTS, POINTS, STARS, USD, VISITS, Member, on, point_a_dollar, program_of, purchase

from patronage import (
    BonusRule,
    Ceiling,
    ChallengePolicy,
    Life,
    MultiplierRule,
    PointsPolicy,
    Policy,
    Purchase,
    RefundTerms,
    SpendRule,
    TierPolicy,
)
from patronage.bands import Band
from patronage.challenges import Different, DifferentBy, Goal, Milestone
from patronage.conditions import BalanceIs
from patronage.ledger import BenefitKind
from patronage.linting import LintCode, lint
from patronage.periods import LIFETIME, MONTH, YEAR, Window
from patronage.policies.tier import Level
from patronage.state_size import StateBound, largest_state
from patronage.terms import Expired, Returned, Shortfall
from patronage.terms_of_time import EndOfPeriod, Rolling, Until, days, months
from patronage.thresholds import (
    CarryOver,
    Consumes,
    Falls,
    GiveBenefit,
    GiveConverted,
    GiveCredit,
    GiveGrant,
    Repeats,
    Threshold,
)
from patronage.totals import Total, TotalRate

SOUND = RefundTerms(shortfall=Shortfall.PRICED, price=(POINTS.of(100), USD.of(1)))
NIGHT = SpendRule(
    name="nights", per=USD.of(100), credit=NIGHTS.of(1), life=Life(expires_after=EndOfPeriod(period=YEAR))
)


def found(*policies: Policy, refunds: RefundTerms = SOUND) -> list[tuple[LintCode, str]]:
    """What the linter says of terms with those policies: codes, and where."""
    return [(one.code, one.where) for one in lint(program_of(*policies, refunds=refunds))]


def own(*thresholds: Threshold, rules: Any = None, **fields: Any) -> PointsPolicy:
    """A policy `own`."""
    return PointsPolicy(
        name="own", rules=(point_a_dollar(),) if rules is None else rules, thresholds=thresholds, **fields
    )


def reached(**fields: Any) -> Threshold:
    """A dollar at 100 points, taken back with them."""
    return Threshold(**{"name": "goal", "at_least": POINTS.of(100), "gives": (GiveCredit(amount=USD.of(1)),), **fields})


def test_sound_terms_are_passed() -> None:
    """Clawbacks that are priced, thresholds that fall back and stand behind what feeds them: nothing to say."""
    assert found(own(reached()), TierPolicy(name="tier", levels=[Level(name="gold", at_least=POINTS.of(9))])) == []


def test_a_threshold_before_what_feeds_it() -> None:
    """Tiers that count nights stand before the policy that credits them."""
    tiers = TierPolicy(name="tier", levels=[Level(name="gold", at_least=NIGHTS.of(9))])
    feeds = PointsPolicy(name="feeds", rules=(NIGHT,))
    assert found(tiers, feeds) == [(LintCode.LOOKS_TOO_EARLY, "terms[0].policies.tier.level-0")]
    assert found(feeds, tiers) == []


def test_a_unit_that_nothing_credits() -> None:
    """Only operators could reach it."""
    assert found(own(reached(at_least=VISITS.of(3)))) == [(LintCode.NOT_FED, "terms[0].policies.own.goal")]


def test_what_is_different_is_counted_without_a_rule() -> None:
    """Five different products are counted by the goal itself."""
    goal = Goal(
        name="five",
        milestones=[Milestone(at_least=VISITS.of(5), gives=[GiveCredit(amount=USD.of(1))])],
        different=Different(by=DifferentBy.SKU),
    )
    assert found(ChallengePolicy(name="own", challenges=[goal])) == []


def test_a_goal_above_a_ceiling_of_its_balance() -> None:
    """A balance held at 50 never reaches 100."""
    capped = own(reached(), ceilings=(Ceiling(name="most", limit=POINTS.of(50), on_balance=True),))
    assert found(capped) == [(LintCode.UNREACHABLE, "terms[0].policies.own.goal")]


def test_two_rights_at_one_figure_and_levels_in_two_units() -> None:
    """Neither follows from the other."""
    gold, best = (reached(name=name, gives=(GiveGrant(key="tier", value=name),)) for name in ("gold", "best"))
    assert found(own(gold, best)) == [(LintCode.SAME_FIGURE, "terms[0].policies.own.best")]
    nights = reached(name="nights", at_least=NIGHTS.of(3), gives=(GiveGrant(key="tier", value="best"),))
    policy = own(gold, nights, rules=(point_a_dollar(), NIGHT))
    assert found(policy) == [(LintCode.GAP_IN_LEVELS, "terms[0].policies.own")]


def test_a_band_at_which_more_earns_less() -> None:
    """Two percent from the first dollar, one percent of all from 100 on: of a rule, and of a total."""
    bands = [Band(over=USD.of(100), credit=USD.of("0.01"))]
    rule = SpendRule(name="back", per=USD.of(1), credit=USD.of("0.02"), whole=False, marginal=False, bands=bands)
    assert found(own(rules=(rule,))) == [(LintCode.EARNS_LESS, "terms[0].policies.own.back")]
    rate = TotalRate(per=USD.of(1), credit=USD.of("0.02"), marginal=False, bands=bands)
    total = Total(name="month", period=MONTH, rates=[rate], credits="USD")
    assert found(own(rules=(), totals=(total,))) == [(LintCode.EARNS_LESS, "terms[0].policies.own.month")]


def test_a_credit_that_ends_before_it_begins() -> None:
    """Available after 30 days, gone at the month's end: on some days it never was."""
    life = Life(available_after=days(30), expires_after=months(0, until=Until.END_OF_MONTH))
    assert found(own(rules=(point_a_dollar(life=life),))) == [(LintCode.ENDS_FIRST, "terms[0].policies.own.rule-1")]


@pytest.mark.parametrize(
    ("refunds", "code"),
    [
        (RefundTerms(), LintCode.ENDLESS_DEBT),
        (RefundTerms(shortfall=Shortfall.FORGIVEN), LintCode.LEAK),
        (RefundTerms(shortfall=Shortfall.FORGIVEN, unspent_only=True), LintCode.LEAK),
        (RefundTerms(shortfall=Shortfall.PRICED, price=(POINTS.of(1), USD.of(1)), unspent_only=True), LintCode.LEAK),
        (RefundTerms(debt_max=POINTS.of(10)), LintCode.LEAK),
    ],
)
def test_clawbacks_that_let_value_go(refunds: RefundTerms, code: LintCode) -> None:
    """Forgiven, unspent only, a debt with a maximum; a debt without one is an exposure."""
    assert found(own(), refunds=refunds) == [(code, "terms[0].refunds")]


def test_returned_points_that_live_longer() -> None:
    """Spend before they end, and return."""
    fresh = RefundTerms(
        shortfall=Shortfall.PRICED, price=SOUND.price, returned=Returned.FRESH, grace=days(30), expired=Expired.DROPPED
    )
    assert found(own(), refunds=fresh) == [(LintCode.LEAK, "terms[0].refunds")]


@pytest.mark.parametrize(
    "fields",
    [
        {"falls": Falls.KEPT},
        {"falls": Falls.REVOKED_IF_UNUSED},
        {"falls": Falls.AFTER_GRACE, "grace": days(3)},
        {"gives": (GiveBenefit(kind=BenefitKind.PRODUCT, reward="mug"),)},
        {"gives": (GiveGrant(key="mug", uses=1),), "consumes": Consumes.NOTHING, "repeats": Repeats.ONCE_A_PERIOD},
    ],
)
def test_thresholds_that_let_value_go(fields: dict[str, Any]) -> None:
    """What is kept, kept once used, usable for a while, or out of the door."""
    assert found(own(reached(**fields))) == [(LintCode.LEAK, "terms[0].policies.own.goal")]


def test_what_is_sound_in_each_part_is_passed() -> None:
    """Lives that begin before they end, bands that rise, multipliers, conditions alone, rollovers: nothing to say."""
    rises = [Band(over=USD.of(10), credit=POINTS.of(2)), Band(over=USD.of(20), credit=POINTS.of(3))]
    life = Life(available_after=days(14), expires_after=days(60))
    rules = (
        point_a_dollar(name="spend", bands=rises, marginal=False, whole=False, life=life),
        MultiplierRule(factor=2),
    )
    rate = TotalRate(
        per=USD.of(1),
        credit=USD.of("0.02"),
        bands=[Band(over=USD.of(9), credit=USD.of("0.03"))],
        marginal=False,
        whole=False,
    )
    total = Total(name="month", period=MONTH, rates=[rate], credits="USD", life=life)
    condition = reached(at_least=None, when=BalanceIs(at_least=POINTS.of(9)))
    levels = [Level(name="silver", at_least=NIGHTS.of(2)), Level(name="gold", when=BalanceIs(at_least=POINTS.of(9)))]
    tier = TierPolicy(name="tier", levels=levels, rollover=CarryOver(), rules=(NIGHT,))
    assert found(own(condition, rules=rules, totals=(total,)), tier) == []
    falls = [Band(over=USD.of(9), credit=USD.of("0.01"))]
    worse = attrs.evolve(total, rates=[attrs.evolve(rate, bands=falls)])
    assert found(own(condition, rules=rules, totals=(worse,))) == [
        (LintCode.EARNS_LESS, "terms[0].policies.own.month"),
    ]


def test_what_a_threshold_converts_feeds_those_behind_it() -> None:
    """Dollars made of points reach a figure of dollars; a multiplier alone reaches none."""
    converts = reached(
        gives=(GiveConverted(per=POINTS.of(100), credit=USD.of(1)),),
        consumes=Consumes.STEPS,
        repeats=Repeats.EVERY_STEP,
    )
    behind = PointsPolicy(
        name="behind", rules=(), thresholds=(reached(at_least=USD.of(5), gives=(GiveGrant(key="rich"),)),)
    )
    assert found(own(converts), behind) == []
    alone = PointsPolicy(
        name="alone",
        rules=(BonusRule(name="b", credit=POINTS.of(1)), MultiplierRule(factor=2)),
        thresholds=(reached(at_least=STARS.of(5), gives=(GiveGrant(key="rich"),)),),
    )
    assert found(alone) == [(LintCode.NOT_FED, "terms[0].policies.alone.goal")]


def test_a_card_that_is_paid_for_lets_nothing_go() -> None:
    """What it gave and was used is owed in stamps: the next ones pay it."""
    cup = (GiveGrant(key="mug", uses=1),)
    assert found(own(reached(gives=cup, consumes=Consumes.STEPS, repeats=Repeats.EVERY_STEP))) == []


def test_a_finding_is_a_sentence() -> None:
    """Where, and what."""
    (one,) = lint(program_of(own()))
    assert str(one) == "terms[0].refunds: debt has no maximum, and stays on an account that is abandoned."


class TestLargestState:
    """The bound on an account's state."""

    @staticmethod
    def policies() -> tuple[Policy, ...]:
        """Points for a year under a monthly ceiling, tiers, a punch card, a month's total."""
        stamps = BonusRule(name="stamp", credit=VISITS.of(1))
        card = Threshold(
            name="card",
            at_least=VISITS.of(10),
            gives=(GiveGrant(key="drink", uses=1, lasts=days(30)),),
            repeats=Repeats.EVERY_STEP,
            consumes=Consumes.STEPS,
        )
        rate = TotalRate(per=USD.of(1), credit=USD.of("0.01"))
        life = Life(expires_after=months(12, until=Until.END_OF_MONTH))
        ceiling = Ceiling(name="monthly", limit=POINTS.of(500), per=MONTH)
        return (
            PointsPolicy(
                name="own",
                rules=(point_a_dollar(name="spend", life=life), stamps),
                ceilings=(ceiling,),
                totals=(Total(name="month", period=MONTH, rates=[rate], credits="USD"),),
                thresholds=(card,),
            ),
            TierPolicy(name="tier", levels=[Level(name="gold", at_least=NIGHTS.of(5))], rules=(NIGHT,)),
        )

    def test_ten_years_and_2000_purchases_stay_within_it(self) -> None:
        """Two hundred purchases a year, for ten years: never more than is stated."""
        program = program_of(*self.policies())
        bound = largest_state(program, events_a_year=200)
        assert bound.lots is not None and bound.grants is not None and bound.wake_ups is not None
        member, at = Member(program), on(1, 1)
        most = 0
        for n in range(2_000):
            at += timedelta(days=365, hours=6) / 200
            member.program.advance(member.state, at)
            decision = member.program.decide(member.state, _bought(n, at)).require()
            member.state = decision.state or member.state
            held = sum(len(lots) for lots in member.state.lots.values()) + len(member.state.pending)
            most = max(most, held)
            assert held <= bound.lots
            assert len(member.state.grants) <= bound.grants
            assert len(member.state.wake_ups) <= bound.wake_ups
        assert most * 4 > bound.lots  # A bound that says something.

    def test_what_no_date_ends_is_unbounded(self) -> None:
        """Points that live while a right is held, and vouchers without an end, grow with the history."""
        needs = point_a_dollar(life=Life(needs="active"))
        assert largest_state(program_of(own(rules=(needs,))), events_a_year=9).lots is None
        voucher = Threshold(
            name="card",
            at_least=POINTS.of(10),
            gives=(GiveGrant(key="drink", uses=1),),
            repeats=Repeats.EVERY_STEP,
            consumes=Consumes.STEPS,
        )
        assert largest_state(program_of(own(voucher)), events_a_year=9).grants is None

    def test_a_count_for_each_value_grows_with_the_events(self) -> None:
        """Each event of a month may state another value; for life no date ends the counts."""

        def lots(per: Any, by: str | None, events: int) -> int | None:
            ceiling = Ceiling(name="item", limit=POINTS.of(9), per=per, by=by)
            return largest_state(program_of(own(ceilings=(ceiling,))), events_a_year=events).lots

        plain, few, more = lots(MONTH, None, 12), lots(MONTH, "item", 12), lots(MONTH, "item", 1200)
        assert plain is not None and few is not None and more is not None
        assert plain == lots(MONTH, None, 1200)
        assert more > 50 * few
        assert lots(LIFETIME, None, 12) is not None
        assert lots(LIFETIME, "item", 12) is None

    @pytest.mark.parametrize(
        ("fields", "grants"),
        [
            ({"repeats": Repeats.WHILE_REACHED}, 2),
            ({"repeats": Repeats.ONCE_EVER}, 2),
            ({}, 1),
            ({"period": YEAR}, None),
            ({"period": Window(start=on(3, 1), end=on(4, 1))}, 1),
        ],
    )
    def test_rights_that_stand_or_are_given_once_are_few(self, fields: dict[str, Any], grants: int | None) -> None:
        """One that stands and its grace; one for ever; one of each year without an end, which nothing bounds."""
        threshold = reached(gives=(GiveGrant(key="gold", value="yes"),), **fields)
        assert largest_state(program_of(own(threshold)), events_a_year=9).grants == grants

    def test_what_a_threshold_credits_lives_like_any_credit(self) -> None:
        """Thirty days of it at an event a day are 31 lots, and one that ends on the day itself."""
        credit = GiveCredit(amount=USD.of(1), life=Life(expires_after=days(30)))
        given, right = (
            largest_state(program_of(own(reached(gives=(gift,)))), events_a_year=365).lots
            for gift in (credit, GiveGrant(key="gold"))
        )
        assert given is not None and right is not None
        assert given - right == 31 + 1

    def test_multipliers_hold_nothing_and_a_rollover_waits(self) -> None:
        """A multiplier adds to no lot of its own; a rollover has a close and the next one, and keeps no count."""
        rules = (point_a_dollar(life=Life(expires_after=days(30))), MultiplierRule(factor=2))
        plain, doubled = (largest_state(program_of(own(rules=some)), events_a_year=9) for some in (rules[:1], rules))
        assert plain == doubled
        levels = [Level(name="gold", at_least=NIGHTS.of(5))]
        without, carried = (
            largest_state(program_of(TierPolicy(name="tier", levels=levels, rollover=rollover)), events_a_year=9)
            for rollover in (None, CarryOver())
        )
        assert (carried.lots, carried.grants) == (without.lots, without.grants)
        assert carried.wake_ups is not None and without.wake_ups is not None
        assert carried.wake_ups - without.wake_ups == 2

    def test_what_never_ends_merges(self) -> None:
        """Endless points are one lot, however many purchases there are."""
        assert largest_state(program_of(own(), units=(USD, POINTS)), events_a_year=9) == StateBound(9, 3, 0, 0)


def _bought(n: int, at: datetime) -> Purchase:

    return purchase("60.00", id=f"o-{n}", at=at)


@pytest.mark.parametrize(
    "policy",
    [
        own(rules=(point_a_dollar(life=Life(on_confirmation=True)),)),
        own(rules=(point_a_dollar(life=Life(expires_after=days(9), held_by="tier")),)),
    ],
)
def test_lots_that_wait_or_are_held_are_unbounded(policy: PointsPolicy) -> None:
    """No date ends what waits for a confirmation, or what a right may hold."""
    assert largest_state(program_of(policy), events_a_year=9).lots is None


def test_rolling_uses_payouts_and_waiting_lots_are_counted() -> None:
    """Each has its place in the bound."""
    rolling = Ceiling(name="rolling", limit=POINTS.of(9), per=Rolling(term=days(30)))
    payout = reached(
        consumes=Consumes.ALL,
        gives=(GiveConverted(per=POINTS.of(100), credit=USD.of(1), life=Life(expires_after=days(30))),),
    )
    waits = point_a_dollar(life=Life(available_after=days(30)))
    few = largest_state(program_of(own()), events_a_year=12)
    more = largest_state(program_of(own(payout, rules=(waits,), ceilings=(rolling,))), events_a_year=12)
    assert few.lots is not None and more.lots is not None and more.lots > few.lots + 24
