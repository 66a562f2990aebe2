"""Tiers: levels over balances; the level at an instant is the highest grant in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest
from unit_shop import NIGHTS, POINTS, TICK, UNITS, USD, Member, on, point_a_dollar, program_of

from patronage import (
    Base,
    Effect,
    InvalidValueError,
    Life,
    Line,
    LineKind,
    MultiplierRule,
    Occasion,
    PointsPolicy,
    Policy,
    Program,
    RefundLine,
    RejectionCode,
    SpendRule,
    StatusEnd,
    StatusGrant,
    Terms,
    TierPolicy,
)
from patronage.conditions import AllOf, BalanceIs, HasGrant
from patronage.member_conditions import GrantHeld, LabelsAre, LevelIs, RatioIs
from patronage.occasions import Ladder
from patronage.periods import LIFETIME, YEAR, FiscalYear
from patronage.policies.tier import Downgrade, Level, Tenure
from patronage.terms_of_time import EndOfPeriod, Until, days, months, years
from patronage.thresholds import CarryOver, Falls, GiveCredit, Looks
from patronage.watching import Adoption

NIGHT = SpendRule(
    name="nights", per=USD.of(100), credit=NIGHTS.of(1), life=Life(expires_after=EndOfPeriod(period=YEAR))
)
ROLLING = SpendRule(name="nights", per=USD.of(100), credit=NIGHTS.of(1), life=Life(expires_after=months(12)))
LEVELS = (
    Level(name="member"),
    Level(name="silver", at_least=NIGHTS.of(5)),
    Level(name="gold", at_least=NIGHTS.of(10)),
    Level(name="platinum", at_least=NIGHTS.of(20)),
)


def tiers(**fields: Any) -> TierPolicy:
    """Silver at five nights of a calendar year, gold at ten, platinum at twenty: to the end of the next."""
    return TierPolicy(**{"name": "tier", "levels": LEVELS, "rules": (NIGHT,), **fields})


def rolling(**fields: Any) -> TierPolicy:
    """The same over the last twelve months, as long as it is reached."""
    held = {"window": LIFETIME, "rules": (ROLLING,), "tenure": Tenure.WHILE_REACHED, "lasts": None}
    return tiers(**{**held, **fields})


def member_of(*policies: Policy, **fields: Any) -> Member:
    """A member of a program of those policies."""
    return Member(program_of(*(policies or (tiers(),)), **fields))


def level(member: Member, at: datetime | None = None) -> str | None:
    """The member's level."""
    return member.standing(at).level("tier")


def gift(value: str, *, until: datetime | None = None, at: datetime | None = None) -> StatusGrant:
    """An operator's level."""
    return StatusGrant(
        id=f"gift-{value}",
        member="m-1",
        occurred_at=at or on(1, 2),
        key="tier",
        value=value,
        until=until,
        actor="ops",
        reason="match",
    )


class TestByYear:
    """A calendar year's nights make a level to the end of the next year."""

    def test_the_highest_grant_in_force_is_the_level(self) -> None:
        """Four nights are none, five silver, ten gold at once."""
        member = member_of()
        assert level(member) == "member"
        member.buy("499.99")
        assert level(member) == "member"
        member.buy("100.00", id="o-2")
        assert level(member) == "silver"
        member.buy("500.00", id="o-3")
        assert level(member) == "gold"

    def test_it_is_held_through_the_next_year(self) -> None:
        """In New York, to the last microsecond."""
        member = member_of()
        member.buy("1000.00", at=on(3, 1))
        end = member.program.calendar.start_of_day(on(1, 1, year=2028).date())
        assert level(member, end - TICK) == "gold"
        assert level(member, end) == "member"

    def test_a_lower_level_earned_in_the_next_year_follows(self) -> None:
        """Gold of 2026 to the end of 2027, silver of 2027 to the end of 2028."""
        member = member_of()
        member.buy("1000.00", at=on(3, 1))
        member.buy("500.00", id="o-2", at=on(3, 1, year=2027))
        assert level(member) == "gold"
        assert level(member, on(6, 1, year=2028)) == "silver"
        assert level(member, on(6, 1, year=2029)) == "member"

    def test_a_refund_revokes_what_is_no_longer_reached(self) -> None:
        """Of gold's ten nights six come back: four are no level."""
        member = member_of()
        member.buy("600.00", "400.00")
        member.refund(lines=[_line("2")])
        assert level(member) == "silver"
        member.refund(id="r-2")
        assert level(member) == "member"

    def test_a_refund_keeps_it_where_the_terms_say_so(self) -> None:
        """A level once reached is kept."""
        member = member_of(tiers(falls=Falls.KEPT))
        member.buy("1000.00")
        member.refund()
        assert level(member) == "gold"

    def test_a_fiscal_year_ends_on_its_own_day(self) -> None:
        """Nights of the year from March count to the end of February; the level lasts thirteen months more."""
        fiscal = FiscalYear(month=3)
        night = SpendRule(
            name="nights", per=USD.of(100), credit=NIGHTS.of(1), life=Life(expires_after=EndOfPeriod(period=fiscal))
        )
        member = member_of(tiers(window=fiscal, rules=(night,), lasts=months(13)))
        member.buy("1000.00", at=on(3, 10))
        end = member.program.calendar.start_of_day(on(4, 1, year=2028).date())
        assert level(member, end - TICK) == "gold"
        assert level(member, end) == "member"

    def test_a_level_may_be_reached_when_the_year_closes(self) -> None:
        """What is looked at at the close is held through the year that follows it."""
        member = member_of(tiers(looks=Looks.AT_CLOSE))
        member.buy("1000.00", at=on(3, 1))
        assert level(member, on(12, 31)) == "member"
        assert level(member, on(1, 2, year=2027)) == "gold"
        assert level(member, on(1, 2, year=2028)) == "member"

    def test_perks_are_given_once_a_year(self) -> None:
        """Five dollars for silver, in each year in which it is reached."""
        levels = (Level(name="silver", at_least=NIGHTS.of(5), gives=[GiveCredit(amount=USD.of(5))]),)
        member = member_of(tiers(levels=levels))
        member.buy("500.00")
        member.buy("500.00", id="o-2")
        assert member.has(USD) == 500
        member.buy("500.00", id="o-3", at=on(2, 1, year=2027))
        assert member.has(USD) == 1000


class TestRolling:
    """The last twelve months, as lots that expire."""

    def test_it_drops_when_the_window_no_longer_reaches_it(self) -> None:
        """Ten nights until the six of January end, then four, which are none."""
        member = member_of(rolling())
        member.buy("600.00", at=on(1, 10))
        member.buy("500.00", id="o-2", at=on(3, 10))
        assert level(member, on(1, 9, year=2027)) == "gold"
        assert level(member, on(1, 11, year=2027)) == "silver"
        assert level(member, on(3, 11, year=2027)) == "member"

    def test_a_grace_holds_it_longer(self) -> None:
        """Thirty days after it was no longer reached."""
        member = member_of(rolling(downgrade=Downgrade.GRACE, grace=days(30)))
        member.buy("500.00", at=on(1, 10))
        assert level(member, on(2, 8, year=2027)) == "silver"
        assert level(member, on(2, 10, year=2027)) == "member"

    def test_from_attainment_and_again_if_it_is_reached_then(self) -> None:
        """Six months from when it was reached, and six more as the nights still stand; no longer than that."""
        member = member_of(rolling(tenure=Tenure.ATTAINED, lasts=months(6)))
        member.buy("500.00", at=on(1, 10))
        member.buy("100.00", id="o-2", at=on(6, 10))
        (first,) = member.standing().grants("tier")
        assert first.valid_until is not None and first.valid_until.month == 7
        assert level(member, on(7, 11)) == "silver"
        assert level(member, on(1, 9, year=2027)) == "silver"
        assert level(member, on(1, 11, year=2027)) == "member"

    def test_from_when_it_was_last_seen_reached(self) -> None:
        """It is seen at each purchase and each end; the last time in December, so it lasts to March."""
        member = member_of(rolling(tenure=Tenure.EXTENDED, lasts=months(3)))
        member.buy("500.00", at=on(1, 10))
        member.buy("1.00", id="o-2", at=on(3, 10))
        (grant,) = member.standing().grants("tier")
        assert grant.valid_until is not None and grant.valid_until.month == 6
        assert level(member, on(3, 9, year=2027)) == "silver"
        assert level(member, on(3, 11, year=2027)) == "member"

    def test_only_a_review_lowers_it(self) -> None:
        """What is no longer reached is held until the year's review."""
        member = member_of(rolling(tenure=Tenure.UNTIL_REVIEW, window=YEAR))
        member.buy("500.00", at=on(3, 10))
        assert level(member, on(3, 11, year=2027)) == "silver"
        assert level(member, on(12, 31, year=2027)) == "silver"
        assert level(member, on(1, 2, year=2028)) == "member"

    def test_never_downgraded(self) -> None:
        """A level for life."""
        member = member_of(rolling(tenure=Tenure.PERIOD, downgrade=Downgrade.NEVER))
        member.buy("500.00")
        assert level(member, on(1, 1, year=2060)) == "silver"

    def test_a_refund_in_a_rolling_window(self) -> None:
        """The nights that came back no longer hold it."""
        member = member_of(rolling())
        member.buy("500.00")
        member.refund(total=USD.of(1))
        assert level(member) == "member"


class TestDowngrades:
    """What follows when a year's level runs out."""

    def test_one_step_at_a_time(self) -> None:
        """Platinum, then gold for a year, then silver, then none."""
        member = member_of(tiers(downgrade=Downgrade.ONE_STEP))
        member.buy("2000.00", at=on(3, 1))
        seen = [level(member, on(6, 1, year=year)) for year in range(2027, 2032)]
        assert seen == ["platinum", "gold", "silver", "member", "member"]

    def test_no_step_below_what_was_earned(self) -> None:
        """Gold was earned in 2027 by itself: no step is given beside it."""
        member = member_of(tiers(downgrade=Downgrade.ONE_STEP))
        member.buy("2000.00", at=on(3, 1))
        member.buy("1000.00", id="o-2", at=on(3, 1, year=2027))
        assert level(member, on(6, 1, year=2028)) == "gold"
        assert level(member, on(6, 1, year=2029)) == "silver"

    def test_a_grace_is_given_once(self) -> None:
        """Three months more, and no more."""
        member = member_of(tiers(downgrade=Downgrade.GRACE, grace=months(3, until=Until.END_OF_MONTH)))
        member.buy("1000.00", at=on(3, 1))
        assert level(member, on(4, 29, year=2028)) == "gold"
        assert level(member, on(5, 2, year=2028)) == "member"

    def test_the_surplus_rolls_over(self) -> None:
        """Of 17 nights gold took ten; seven begin the next year, and end with it."""
        carried = CarryOver(label="rolled", life=Life(expires_after=EndOfPeriod(period=YEAR)))
        member = member_of(tiers(rollover=carried))
        member.buy("1700.00", at=on(3, 1))
        assert member.standing(on(1, 1, year=2027)).available(NIGHTS) == NIGHTS.of(7)
        assert level(member, on(6, 1, year=2028)) == "silver"
        assert member.standing(on(6, 1, year=2028)).available(NIGHTS) == NIGHTS.of(2)
        assert member.standing(on(6, 1, year=2029)).available(NIGHTS) == NIGHTS.of(0)

    def test_below_the_lowest_level_nothing_rolls(self) -> None:
        """Four nights end with their year."""
        carried = CarryOver(life=Life(expires_after=EndOfPeriod(period=YEAR)))
        member = member_of(tiers(rollover=carried))
        member.buy("400.00", at=on(3, 1))
        assert member.standing(on(1, 2, year=2027)).available(NIGHTS) == NIGHTS.of(0)

    def test_at_the_figure_exactly_nothing_rolls(self) -> None:
        """Ten nights are gold, and none is left over."""
        carried = CarryOver(label="rolled", life=Life(expires_after=EndOfPeriod(period=YEAR)))
        member = member_of(tiers(rollover=carried))
        member.buy("1000.00", at=on(3, 1))
        standing = member.standing(on(1, 1, year=2027))
        assert standing.labels(NIGHTS) == {}
        assert standing.level("tier") == "gold"

    def test_a_refund_before_the_close_leaves_less_to_roll_over(self) -> None:
        """Of 17 nights two come back: five roll over, not seven, and they are waited for once."""
        carried = CarryOver(label="rolled", life=Life(expires_after=EndOfPeriod(period=YEAR)))
        member = member_of(tiers(rollover=carried))
        member.buy("1500.00", "200.00", at=on(3, 1))
        waits = member.state.wake_ups
        member.refund("o-1", lines=[_line("2")], at=on(4, 1))
        assert member.state.wake_ups == waits
        assert member.standing(on(1, 1, year=2027)).available(NIGHTS) == NIGHTS.of(5)

    def test_no_rate_can_be_declared_for_it(self) -> None:
        """Neither for the rollover nor for a level: only a total has a rate."""
        member = member_of(tiers(rollover=CarryOver()))
        member.buy("1500.00", at=on(3, 1))
        for rule in ("rollover", "level-1"):
            assert getattr(member.declare(rule, policy="tier"), "code", None) is RejectionCode.UNKNOWN_RULE


class TestByHand:
    """Levels that operators give."""

    def test_a_gifted_level_counts_while_it_lasts(self) -> None:
        """Matched gold until June, then what was earned."""
        member = member_of()
        member.accept(gift("gold", until=on(6, 1)))
        member.buy("500.00", at=on(3, 1))
        assert level(member) == "gold"
        assert level(member, on(6, 2)) == "silver"

    def test_it_can_be_ended_and_what_was_earned_stays(self) -> None:
        """The operator's gold ends, the earned silver does not."""
        member = member_of()
        member.accept(gift("gold"))
        member.buy("500.00", at=on(3, 1))
        member.accept(
            StatusEnd(id="e-1", member="m-1", occurred_at=on(4, 1), key="tier", value="gold", actor="ops", reason="end")
        )
        assert level(member) == "silver"

    def test_a_drop_at_once_leaves_what_an_operator_gave(self) -> None:
        """Silver was earned, and given by hand as well: a refund ends the earned one alone."""
        member = member_of(rolling())
        member.accept(gift("silver"))
        member.buy("500.00", at=on(3, 1))
        member.refund()
        assert level(member) == "silver"

    def test_an_invitation_is_reached_by_no_figure(self) -> None:
        """A level above all others that only an operator gives."""
        levels = (*LEVELS, Level(name="invited"))
        member = member_of(tiers(levels=levels))
        member.buy("9900.00", at=on(3, 1))
        assert level(member) == "platinum"
        member.accept(gift("invited", at=on(4, 1)))
        assert level(member) == "invited"


class TestRead:
    """Rules that read the level."""

    @staticmethod
    def points() -> PointsPolicy:
        """A point a dollar, twice as many for silver alone, three times for gold and above."""
        return PointsPolicy(
            name="base",
            rules=(
                point_a_dollar(name="spend"),
                MultiplierRule(name="silver", factor=2, when=LevelIs("tier", of=["silver"])),
                MultiplierRule(name="gold", factor=3, when=LevelIs("tier", at_least="gold")),
            ),
        )

    def test_before_or_after_the_same_purchase_by_the_policies_order(self) -> None:
        """Listed before the tiers a rule reads the level before the purchase, listed after them the one it made."""
        for policies, first in (((self.points(), tiers()), 500), ((tiers(), self.points()), 1000)):
            member = member_of(*policies)
            assert member.buy("500.00").earned(POINTS).total == POINTS.of(first)
            assert member.buy("1.00", id="o-2").earned(POINTS).total == POINTS.of(2)

    def test_gold_is_not_silver_as_well(self) -> None:
        """The highest level counts, though both are held."""
        member = member_of(self.points(), tiers())
        member.buy("1000.00")
        assert member.buy("10.00", id="o-2").earned(POINTS).total == POINTS.of(30)

    def test_a_refund_is_decided_by_the_level_of_its_purchase(self) -> None:
        """What a silver purchase earned comes back at silver's rate, whatever is held by then."""
        member = member_of(self.points(), tiers())
        member.buy("500.00")
        member.buy("500.00", id="o-2", at=on(2, 1))
        assert level(member) == "gold"
        assert member.refund("o-2").earned(POINTS).total == POINTS.of(-1000)

    def test_the_base_level_is_read_too(self) -> None:
        """Those without a grant are of the level of everybody."""
        first = PointsPolicy(name="base", rules=(point_a_dollar(when=LevelIs("tier", of=["member"])),))
        member = member_of(first, tiers())
        assert member.buy("500.00").earned(POINTS).total == POINTS.of(500)
        assert member.buy("500.00", id="o-2").earned(POINTS).total == POINTS.of(0)

    def test_a_right_held_for_long_enough(self) -> None:
        """Three months of silver."""
        first = PointsPolicy(
            name="base", rules=(point_a_dollar(when=GrantHeld("tier", values=["silver"], for_at_least=months(3))),)
        )
        member = member_of(first, tiers())
        member.buy("500.00", at=on(1, 10))
        assert not member.buy("1.00", id="o-2", at=on(4, 9)).earned(POINTS).total
        assert member.buy("1.00", id="o-3", at=on(4, 11)).earned(POINTS).total

    def test_several_metrics_any_or_all(self) -> None:
        """Gold by ten nights and 2,000 points."""
        levels = (
            Level(name="gold", when=AllOf([BalanceIs(at_least=NIGHTS.of(10)), BalanceIs(at_least=POINTS.of(2000))])),
        )
        member = member_of(PointsPolicy(name="base", rules=(point_a_dollar(),)), tiers(levels=levels))
        member.buy("1000.00")
        assert level(member) is None
        member.buy("1000.00", id="o-2")
        assert level(member) == "gold"

    def test_numbers_of_labels_and_ratios(self) -> None:
        """Points under two labels, and at least half as many nights as points."""
        rules = tuple(
            point_a_dollar(name=label, label=label, base=_base(kind))
            for label, kind in (("goods", LineKind.GOODS), ("fees", LineKind.FEE))
        )
        both = LabelsAre("points", at_least=2)
        levels = (Level(name="gold", when=both), Level(name="best", when=RatioIs("nights", "points", at_least="1/100")))
        member = member_of(PointsPolicy(name="base", rules=rules), tiers(levels=levels))
        member.buy("50.00")
        assert level(member) is None
        member.buy(_fee("150.00"), id="o-2")
        assert level(member) == "gold"
        member.buy("200.00", id="o-3")
        assert level(member) == "gold"

    def test_progress_says_what_is_missing_and_by_when(self) -> None:
        """Seven nights of 2026: three more by the end of it make gold."""
        member = member_of()
        member.buy("700.00", at=on(3, 1))
        silver, gold, platinum = member.standing().progress("tier")
        assert (silver.level, silver.missing) == ("silver", NIGHTS.of(0))
        assert (gold.level, gold.missing, gold.have) == ("gold", NIGHTS.of(3), NIGHTS.of(7))
        assert platinum.missing == NIGHTS.of(13)
        assert gold.by == member.program.calendar.start_of_day(on(1, 1, year=2027).date())

    def test_a_tier_policy_may_stand_alone(self) -> None:
        """Asked by itself it answers with its rules too: it can be part of a caller's own."""

        class Doubled:
            name = "doubled"

            def effects(self, occasion: Occasion) -> Iterable[Effect]:
                """What the ladder gives, two times."""
                return (*tiers().effects(occasion), *tiers().effects(occasion))

        member = member_of(Doubled())
        member.buy("300.00")
        assert member.has(NIGHTS) == 6

    def test_progress_is_told_of_levels_that_have_a_figure(self) -> None:
        """A level that a condition alone opens has no distance, and those beside it have theirs."""
        levels = (Level(name="silver", at_least=NIGHTS.of(5)), Level(name="vip", when=HasGrant("vip")))
        member = member_of(tiers(levels=levels))
        member.buy("200.00")
        (only,) = member.standing().progress()
        assert (only.have, only.goal) == (NIGHTS.of(2), NIGHTS.of(5))

    def test_an_unknown_ladder_is_an_error(self) -> None:
        """A standing is asked by a tier policy's name."""
        with pytest.raises(InvalidValueError, match="no tier policy"):
            member_of().standing().level("status")
        with pytest.raises(InvalidValueError, match="no policy"):
            member_of().standing().progress("status")
        assert Ladder("tier", ("silver",), None).rank("gold") == -1


class TestAdoption:
    """New terms, and those already in."""

    @staticmethod
    def program(adoption: Adoption) -> Program:
        """From July on gold takes twenty nights, and silver three."""
        stricter = (
            Level(name="member"),
            Level(name="silver", at_least=NIGHTS.of(3)),
            Level(name="gold", at_least=NIGHTS.of(20)),
        )
        return Program(
            id="shop",
            time_zone="America/New_York",
            terms=[
                Terms(units=UNITS, policies=[tiers()]),
                Terms(units=UNITS, policies=[tiers(levels=stricter, adoption=adoption)], effective_from=on(7, 1)),
            ],
        )

    @pytest.mark.parametrize(
        ("adoption", "ten", "four"),
        [
            (Adoption.GRANDFATHERED, "gold", "silver"),
            (Adoption.PROSPECTIVE, "gold", "member"),
            (Adoption.RESTATED, "silver", "silver"),
        ],
    )
    def test_what_becomes_of_those_in(self, adoption: Adoption, ten: str, four: str) -> None:
        """Gold of ten nights, and four nights that were none."""
        for nights, then in (("1000.00", ten), ("400.00", four)):
            member = Member(self.program(adoption))
            member.buy(nights, at=on(3, 1))
            assert level(member, on(7, 2)) == then

    def test_a_policy_that_waits_for_the_next_occasion_is_not_asked_beside_one_that_does_not(self) -> None:
        """At the change the one ladder looks at the balances as they are, the other at the next purchase."""
        stricter = (Level(name="member"), Level(name="silver", at_least=NIGHTS.of(3)))
        now = tiers(name="now", levels=stricter, rules=(), adoption=Adoption.GRANDFATHERED)
        later = tiers(levels=stricter, adoption=Adoption.PROSPECTIVE)
        terms = [Terms(units=UNITS, policies=[tiers()])]
        terms.append(Terms(units=UNITS, policies=[later, now], effective_from=on(7, 1)))
        member = Member(Program(id="shop", time_zone="America/New_York", terms=terms))
        member.buy("400.00", at=on(3, 1))
        standing = member.standing(on(7, 2))
        assert (standing.level("now"), standing.level("tier")) == ("silver", "member")
        member.buy("1.00", id="o-2", at=on(7, 3))
        assert level(member) == "silver"

    def test_lazy_and_eager_agree(self) -> None:
        """Adopted by a nightly run on the day, or by the next purchase: the same account."""
        lazy, eager = (Member(self.program(Adoption.RESTATED)) for _ in range(2))
        for member in (lazy, eager):
            member.buy("1000.00", at=on(3, 1))
        eager.pass_to(on(7, 1))
        for member in (lazy, eager):
            member.buy("100.00", id="o-2", at=on(9, 1))
        assert [e for c in lazy.commits for e in c.entries] == [e for c in eager.commits for e in c.entries]
        assert lazy.state.grants == eager.state.grants

    def test_an_account_that_comes_later_adopts_nothing(self) -> None:
        """Its first purchase is by the new terms."""
        member = Member(self.program(Adoption.RESTATED))
        member.buy("300.00", at=on(8, 1))
        assert level(member) == "silver"


class TestRefused:
    """What no tier policy can mean."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"levels": ()},
            {"levels": (Level(name="a", at_least=NIGHTS.of(5)), Level(name="b", at_least=NIGHTS.of(5)))},
            {"levels": (Level(name="a"), Level(name="a"))},
            {"grace": days(3)},
            {"downgrade": Downgrade.GRACE},
            {"downgrade": Downgrade.ONE_STEP, "window": LIFETIME},
            {"tenure": Tenure.ATTAINED},
            {"tenure": Tenure.WHILE_REACHED, "lasts": years(1)},
            {"tenure": Tenure.EXTENDED, "looks": Looks.AT_REVIEW},
            {"tenure": Tenure.EXTENDED, "lasts": years(1), "looks": Looks.AT_REVIEW},
            {"rollover": CarryOver(), "window": LIFETIME},
            {"rules": ("spend",)},
        ],
    )
    def test_it_says_so(self, fields: dict[str, Any]) -> None:
        """A plain error, when it is written: levels out of order, a review without a period, a grace for nothing."""
        with pytest.raises(InvalidValueError):
            tiers(**fields)

    @pytest.mark.parametrize("fields", [{}, {"of": ["a"], "at_least": "b"}])
    def test_a_condition_on_a_level_names_some(self, fields: dict[str, Any]) -> None:
        """Levels, or the lowest that is meant."""
        with pytest.raises(InvalidValueError):
            LevelIs("tier", **fields)


def _line(id: str) -> RefundLine:
    return RefundLine(id=id)


def _base(kind: LineKind) -> Base:
    return Base(kinds=[kind])


def _fee(total: str) -> Line:
    return Line(total=USD.of(total), kind=LineKind.FEE)
