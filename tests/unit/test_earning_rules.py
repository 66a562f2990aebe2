"""Earning by quantity, bonuses, multipliers and groups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from unit_shop import (
    NEW_YEAR,
    NIGHTS,
    POINTS,
    STARS,
    USD,
    Member,
    bookings,
    earned,
    earns,
    point_a_dollar,
    points_policy,
    program_of,
    purchase,
)

from patronage import (
    AmountOverflowError,
    BonusRule,
    Ceiling,
    Grain,
    Group,
    InvalidValueError,
    Life,
    Line,
    LineKind,
    MultiplierRule,
    Occasion,
    On,
    PointsPolicy,
    Program,
    QuantityRule,
    Rounding,
    SpendRule,
    Stacking,
    State,
)
from patronage._frozen import FrozenMapping
from patronage.conditions import Category, Channel, Tag
from patronage.earning import WhyNot
from patronage.periods import DAY
from patronage.rules import Rule
from patronage.terms_of_time import Until, days


def food(total: str, **fields: Any) -> Line:
    """A line of food."""
    return Line(total=USD.of(total), category="food", **fields)


def by(*rules: Rule, groups: tuple[Group, ...] = ()) -> Program:
    """A program of those rules."""
    return program_of(points_policy(*rules, groups=groups))


def steps(program: Program, *totals: str | Line, **fields: Any) -> dict[str, int]:
    """What each rule has in the points of a first purchase."""
    return {rule: book.steps for rule, book in bookings(Member(program).buy(*totals, **fields)).items()}


class TestQuantity:
    """Rules by items, or by what lines measure."""

    def test_so_much_for_each_item(self) -> None:
        """Ten points for each item of goods; shipping is no item."""
        program = by(QuantityRule(credit=POINTS.of(10)))
        post = Line(total=USD.of(5), kind=LineKind.SHIPPING, quantity=4)
        assert earns(program, food("3.00", quantity=2), "1.00", post) == 30

    def test_so_much_for_every_few_items(self) -> None:
        """One star for every six bottles, whole sixes only."""
        program = by(QuantityRule(credit=STARS.of(1), per=6, lines=Category(["food"])))
        assert earns(program, food("9.00", quantity=17), Line(total=USD.of(1), quantity=9), unit=STARS) == 2

    def test_by_a_measure_of_the_lines(self) -> None:
        """Points by the litre, pro rata and exact, of the lines that have the measure."""
        rule = QuantityRule(credit=POINTS.of(2), measure="litres", whole=False, rounding=Rounding.HALF_UP)
        fuel = Line(total=USD.of(50), measures={"litres": "40.25"})
        more = Line(total=USD.of(5), measures={"litres": "0.5"})
        none = Line(total=USD.of(5), measures={"km": 7})
        assert earns(by(rule), fuel, more, none) == 82  # 40.75 litres are 81.5 points.

    def test_a_measure_of_nothing_or_less_counts_nothing(self) -> None:
        """A measure at or below zero is not taken off the others."""
        rule = QuantityRule(credit=POINTS.of(1), measure="km")
        trip = Line(total=USD.of(1), measures={"km": 5})
        assert earns(by(rule), trip, Line(total=USD.of(1), measures={"km": -3})) == 5
        assert earns(by(rule), Line(total=USD.of(1), measures={"km": 0})) == 0

    def test_by_quantity_rounded_on_each_line(self) -> None:
        """With the grain of a line each line rounds its own kilos."""
        half = Line(total=USD.of(1), quantity="1.5")
        assert earns(by(QuantityRule(credit=POINTS.of(1), whole=False)), half, half) == 3
        assert earns(by(QuantityRule(credit=POINTS.of(1), whole=False, grain=Grain.LINE)), half, half) == 2

    def test_the_rate_is_told(self) -> None:
        """The booking says what a point was earned per."""
        program = by(QuantityRule(name="q", credit=POINTS.of(1), per="0.50", measure="km"))
        book = bookings(Member(program).buy(Line(total=USD.of(1), measures={"km": 3})))["q"]
        assert book.rate == "1 points per 0.5 km"
        assert Fraction(*book.base) == 3
        assert book.steps == 6


class TestBonus:
    """Fixed credits: a visit, a sign-up, an activity."""

    def test_a_visit_in_which_something_was_paid(self) -> None:
        """Each purchase earns the bonus once, a free one does not."""
        program = by(BonusRule(credit=POINTS.of(50)))
        assert earns(program, "1.00", "2.00") == 50
        assert earns(program, "0.00") == 0

    def test_a_visit_under_a_condition(self) -> None:
        """Only with something of a category in the basket."""
        program = by(BonusRule(credit=POINTS.of(50), when=Category(["food"])))
        assert earns(program, food("1.00")) == 50
        assert earns(program, "1.00") == 0

    def test_signing_up(self) -> None:
        """An enrolment earns the sign-up bonus; a purchase does not."""
        program = by(BonusRule(credit=POINTS.of(100), on=On.ENROLMENT, when=Channel(["app"])))
        assert earned(Member(program).enrol(channel="app")) == 100
        assert earned(Member(program).enrol(channel="web")) == 0
        assert earns(program, "9.00") == 0

    def test_an_activity_of_a_kind(self) -> None:
        """A review earns 5 points, each; a survey earns nothing."""
        program = by(BonusRule(credit=POINTS.of(5), on=On.ACTIVITY, activity="review"))
        assert earned(Member(program).does("review")) == 5
        assert earned(Member(program).does("review", count=3)) == 15
        assert earned(Member(program).does("survey")) == 0

    def test_an_activity_counts_in_whole_steps(self) -> None:
        """A point for every thousand steps walked."""
        program = by(BonusRule(name="walk", credit=POINTS.of(1), on=On.ACTIVITY, activity="walk", per=1000))
        walked = Member(program).does("walk", count=4999)
        assert earned(walked) == 4
        assert bookings(walked)["walk"].rate == "1 points per 1000 walk"
        assert earned(Member(program).does("walk", count=999)) == 0


class TestMultiplier:
    """What multipliers add to the rules they multiply."""

    def test_double_points(self) -> None:
        """A multiplier's share is what it adds."""
        program = by(point_a_dollar(name="spend"), MultiplierRule(name="double", factor=2))
        assert steps(program, "10.00") == {"spend": 10, "double": 10}

    def test_under_a_condition(self) -> None:
        """Double points in the app only."""
        program = by(point_a_dollar(), MultiplierRule(factor=2, when=Channel(["app"])))
        assert earns(program, "10.00", channel="app") == 20
        assert earns(program, "10.00") == 10

    def test_the_exact_figure_is_rounded_together(self) -> None:
        """1.25 x 2.5 points is 3.125: rounded once, not 1.25 x 2."""
        spend = point_a_dollar(name="spend", whole=False, rounding=Rounding.HALF_UP)
        exact = by(spend, MultiplierRule(name="m", factor="1.25"))
        assert earns(exact, "2.50") == 3
        assert earns(exact, "2.80") == 4  # 3.5, half up.
        assert earns(by(spend, MultiplierRule(name="m", factor="1.5")), "1.00") == 2

    def test_the_rounded_figure_is_rounded_by_itself(self) -> None:
        """Of 5 whole points a quarter more is 1.25, which the multiplier's own mode makes 1 or 2."""
        for mode, more in ((Rounding.FLOOR, 1), (Rounding.CEILING, 2)):
            rule = MultiplierRule(name="m", factor="5/4", of_rounded=True, rounding=mode)
            program = by(point_a_dollar(name="spend"), rule)
            assert steps(program, "5.99") == {"spend": 5, "m": more}

    def test_on_some_lines(self) -> None:
        """Triple points on food alone."""
        program = by(point_a_dollar(name="spend"), MultiplierRule(name="triple", factor=3, lines=Category(["food"])))
        assert steps(program, food("4.00"), "6.00") == {"spend": 10, "triple": 8}
        assert steps(program, "6.00") == {"spend": 6}

    def test_two_on_some_lines_meet_where_both_work(self) -> None:
        """Food doubles, what is on sale doubles: food on sale is four times, by the product of what stands before."""
        program = by(
            point_a_dollar(name="spend"),
            MultiplierRule(name="food", factor=2, lines=Category(["food"])),
            MultiplierRule(name="sale", factor=2, lines=Tag(["sale"])),
        )
        assert earns(program, food("10.00", tags=["sale"])) == 40
        assert earns(program, food("10.00"), Line(total=USD.of(10), tags=["sale"]), "10.00") == 50

    def test_of_some_rules(self) -> None:
        """A multiplier of the spend leaves the visit alone; without names it multiplies all."""
        rules = (point_a_dollar(name="spend"), BonusRule(name="visit", credit=POINTS.of(7)))
        assert earns(by(*rules, MultiplierRule(factor=2, of=["spend"])), "10.00") == 27
        assert earns(by(*rules, MultiplierRule(factor=2)), "10.00") == 34

    def test_of_a_fixed_bonus_also_where_it_names_lines(self) -> None:
        """A bonus has no lines, so a multiplier of lines works on the whole of it."""
        program = by(BonusRule(name="visit", credit=POINTS.of(7)), MultiplierRule(factor=2, lines=Category(["food"])))
        assert earns(program, "1.00") == 14

    def test_a_factor_below_one_takes_off(self) -> None:
        """Half points: the multiplier's share is below zero, and the sum is what is credited."""
        program = by(point_a_dollar(name="spend"), MultiplierRule(name="half", factor="1/2"))
        assert steps(program, "10.00") == {"spend": 10, "half": -5}
        rounded = by(point_a_dollar(name="spend"), MultiplierRule(name="half", factor="0.5", of_rounded=True))
        assert steps(rounded, "9.00") == {"spend": 9, "half": -5}

    def test_on_each_line_with_the_grain_of_a_line(self) -> None:
        """Each line rounds its points and its part of the multiplier together."""
        spend = point_a_dollar(name="spend", whole=False, grain=Grain.LINE)
        program = by(spend, MultiplierRule(name="m", factor="1.5"))
        assert earns(program, "1.00", "0.00", "1.00") == 2  # 1.5 and 1.5, each down.
        assert earns(by(point_a_dollar(whole=False), MultiplierRule(factor="1.5")), "1.00", "1.00") == 3

    def test_with_the_grain_of_the_event(self) -> None:
        """All rules of the event and their multipliers round once together."""
        spend = point_a_dollar(name="spend", whole=False, grain=Grain.EVENT)
        more = SpendRule(name="more", per=USD.of(2), credit=POINTS.of(1), whole=False, grain=Grain.EVENT)
        program = by(spend, more, MultiplierRule(name="m", factor="1.5"))
        assert earns(program, "1.00") == 2  # 1.5 x 1.5 is 2.25.
        assert sum(steps(program, "1.00").values()) == 2


def best(name: str = "g", **fields: Any) -> Group:
    """A group of which the best counts."""
    return Group(name=name, stacking=Stacking.BEST, **fields)


class TestGroups:
    """How rules stack."""

    def test_the_best_rule_counts(self) -> None:
        """Of two rules of a group only the better one counts, the first of equals."""
        rules = (
            point_a_dollar(name="spend", group="g"),
            BonusRule(name="visit", credit=POINTS.of(7), group="g"),
            BonusRule(name="extra", credit=POINTS.of(1)),
        )
        program = by(*rules, groups=(best(),))
        assert steps(program, "10.00") == {"spend": 10, "extra": 1}
        assert steps(program, "5.00") == {"visit": 7, "extra": 1}
        assert steps(program, "7.00") == {"spend": 7, "extra": 1}

    def test_the_first_rule_counts(self) -> None:
        """The first listed that applies replaces the rest, be it better or not."""
        rules = (
            BonusRule(name="visit", credit=POINTS.of(1), when=Channel(["app"]), group="g"),
            point_a_dollar(name="spend", group="g"),
        )
        program = by(*rules, groups=(Group(name="g", stacking=Stacking.FIRST),))
        assert steps(program, "9.00", channel="app") == {"visit": 1}
        assert steps(program, "9.00") == {"spend": 9}

    def test_a_group_by_sum_adds_up(self) -> None:
        """A group by sum is what rules do without one."""
        rules = (point_a_dollar(name="a", group="g"), point_a_dollar(name="b", group="g"))
        assert steps(by(*rules, groups=(Group(name="g", stacking=Stacking.SUM),)), "5.00") == {"a": 5, "b": 5}

    def test_the_best_on_each_line(self) -> None:
        """Food earns three a dollar, everything one; on each line the better rate counts."""
        rules = (
            point_a_dollar(name="all", group="g"),
            point_a_dollar(name="food", credit=POINTS.of(3), lines=Category(["food"]), group="g"),
        )
        program = by(*rules, groups=(best(by_line=True),))
        assert steps(program, food("4.00"), "6.00") == {"all": 6, "food": 12}
        bought = Member(program).buy(food("4.00", id="ham"), Line(id="hat", total=USD.of(6)))
        assert bookings(bought)["all"].lines == ("hat",)
        assert bookings(bought)["food"].lines == ("ham",)

    def test_the_first_on_each_line(self) -> None:
        """On each line the first rule that counts there, be it better or not."""
        rules = (
            point_a_dollar(name="food", lines=Category(["food"]), group="g"),
            point_a_dollar(name="all", credit=POINTS.of(3), group="g"),
        )
        program = by(*rules, groups=(Group(name="g", stacking=Stacking.FIRST, by_line=True),))
        assert steps(program, food("4.00"), "6.00") == {"food": 4, "all": 18}

    def test_by_line_with_a_bonus_is_by_event(self) -> None:
        """A bonus has no lines: a group with one is decided on the whole event."""
        rules = (point_a_dollar(name="all", group="g"), BonusRule(name="visit", credit=POINTS.of(7), group="g"))
        assert steps(by(*rules, groups=(best(by_line=True),)), "9.00") == {"all": 9}

    def test_multipliers_without_a_group_multiply_each_other(self) -> None:
        """Double and triple are six times: the second stands on the first."""
        program = by(
            point_a_dollar(name="spend"), MultiplierRule(name="x2", factor=2), MultiplierRule(name="x3", factor=3)
        )
        assert steps(program, "1.00") == {"spend": 1, "x2": 1, "x3": 4}

    def test_multipliers_in_a_group_by_sum_add_their_gains(self) -> None:
        """Double and triple in a group by sum are one, plus one, plus two."""
        rules = (
            point_a_dollar(name="spend"),
            MultiplierRule(name="x2", factor=2, group="g"),
            MultiplierRule(name="x3", factor=3, group="g"),
        )
        program = by(*rules, groups=(Group(name="g", stacking=Stacking.SUM),))
        assert steps(program, "1.00") == {"spend": 1, "x2": 1, "x3": 2}

    def test_multipliers_in_a_group_by_product_multiply(self) -> None:
        """A group by product is what multipliers do without one."""
        rules = (
            point_a_dollar(name="spend"),
            MultiplierRule(name="x2", factor=2, group="g"),
            MultiplierRule(name="x3", factor=3, group="g"),
        )
        assert earns(by(*rules, groups=(Group(name="g", stacking=Stacking.PRODUCT),)), "1.00") == 6

    @pytest.mark.parametrize("of_rounded", [False, True])
    @pytest.mark.parametrize(("stacking", "points"), [(Stacking.BEST, 3), (Stacking.FIRST, 2)])
    def test_the_best_or_first_multiplier_counts(self, stacking: Stacking, points: int, of_rounded: bool) -> None:
        """Of double, triple and one and a half, the best is three times; the first double."""
        rules = [point_a_dollar(name="spend")]
        multipliers = [
            MultiplierRule(name=f"x{n}", factor=factor, group="g", of_rounded=of_rounded)
            for n, factor in enumerate(("2", "3", "1.5"))
        ]
        assert earns(by(*rules, *multipliers, groups=(Group(name="g", stacking=stacking),)), "1.00") == points


class TestTrace:
    """Why a rule did not apply."""

    CASES: tuple[tuple[str, tuple[Rule, ...], tuple[str | Line, ...]], ...] = (
        ("condition", (point_a_dollar(when=Channel(["app"])),), ("1.00",)),
        ("other_currency", (SpendRule(per=STARS.of(1), credit=POINTS.of(1)),), ("1.00",)),
        ("no_line_counts", (point_a_dollar(lines=Category(["food"])),), ("1.00",)),
        ("no_line_counts", (QuantityRule(credit=POINTS.of(1), lines=Category(["food"])),), ("1.00",)),
        ("below_one_step", (point_a_dollar(),), ("0.99",)),
        ("below_one_step", (point_a_dollar(whole=False),), ("0.99",)),
        ("nothing_paid", (BonusRule(credit=POINTS.of(1)),), ("0.00",)),
    )

    @pytest.mark.parametrize(("code", "rules", "totals"), CASES)
    def test_a_rule_that_did_not_apply_says_why(
        self, code: str, rules: tuple[Rule, ...], totals: tuple[str | Line, ...]
    ) -> None:
        """Each code is reached by a rule that it explains."""
        assert why_not(by(*rules), *totals) == [("rule-1", code)]

    def test_a_group_and_a_multiplier_say_why(self) -> None:
        """The rule that lost in its group, and the multiplier whose condition does not hold, say so."""
        program = by(
            point_a_dollar(group="g"),
            BonusRule(credit=POINTS.of(9), group="g"),
            MultiplierRule(factor=2, when=Channel(["app"])),
            groups=(best(),),
        )
        assert why_not(program, "1.00") == [("rule-1", "group"), ("rule-3", "condition")]

    def test_an_activity_says_why(self) -> None:
        """Another activity, or too little of this one."""
        program = by(BonusRule(credit=POINTS.of(1), on=On.ACTIVITY, activity="walk", per=10))
        walk = Member(program).does("walk", count=9)
        talk = Member(program).does("talk")
        assert traced(program, walk) == [("rule-1", "below_one_step")]
        assert traced(program, talk) == [("rule-1", "other_activity")]


def why_not(program: Program, *totals: str | Line) -> list[tuple[str, str]]:
    """The rules that did not apply to a first purchase, and their codes."""
    return traced(program, Member(program).buy(*totals))


def traced(program: Program, decision: Any) -> list[tuple[str, str]]:
    """The rules that did not apply to what was decided, and their codes."""
    bound = program.terms_at(decision.event.occurred_at)
    occasion = Occasion(
        decision.event.occurred_at,
        decision.account,
        decision.event,
        None,
        decision.commit.basis,
        program.calendar,
        FrozenMapping(bound.units),
    )
    trace: list[WhyNot] = []
    for policy in bound.policies:
        policy.answer(occasion, trace)
    return [(line.rule, line.code) for line in trace]


REFUSED: dict[str, Callable[[], object]] = {
    "a quantity of nothing": lambda: QuantityRule(credit=POINTS.of(1), per=0),
    "a quantity that is a float": lambda: QuantityRule(credit=POINTS.of(1), per=0.5),  # type: ignore[arg-type]
    "a measure that is no word": lambda: QuantityRule(credit=POINTS.of(1), measure=""),
    "an activity that names no kind": lambda: BonusRule(credit=POINTS.of(1), on=On.ACTIVITY),
    "a kind of activity on a purchase": lambda: BonusRule(credit=POINTS.of(1), activity="review"),
    "per no count": lambda: BonusRule(credit=POINTS.of(1), per=0),
    "per half a count": lambda: BonusRule(credit=POINTS.of(1), per=0.5),  # type: ignore[arg-type]
    "per a bool": lambda: BonusRule(credit=POINTS.of(1), per=True),
    "a factor of zero": lambda: MultiplierRule(factor=0),
    "a factor below zero": lambda: MultiplierRule(factor="-1"),
    "a factor over zero": lambda: MultiplierRule(factor="1/0"),
    "a factor that is a float": lambda: MultiplierRule(factor=1.5),  # type: ignore[arg-type]
    "a factor of two slashes": lambda: MultiplierRule(factor="1/2/3"),
    "a rounded multiplier of lines": lambda: MultiplierRule(factor=2, of_rounded=True, lines=Category(["x"])),
    "a multiplier of a text": lambda: MultiplierRule(factor=2, of="spend"),
    "a multiplier of no rule": lambda: by(point_a_dollar(name="a"), MultiplierRule(factor=2, of=["b"])),
    "a multiplier of a multiplier": lambda: by(
        point_a_dollar(), MultiplierRule(name="m", factor=2), MultiplierRule(factor=2, of=["m"])
    ),
    "a group that is not declared": lambda: by(point_a_dollar(group="g")),
    "a multiplier's group that is not declared": lambda: by(point_a_dollar(), MultiplierRule(factor=2, group="g")),
    "two groups of one name": lambda: PointsPolicy(name="p", rules=[point_a_dollar()], groups=[best(), best()]),
    "groups that are none": lambda: PointsPolicy(name="p", rules=[point_a_dollar()], groups=["g"]),  # type: ignore[list-item]
    "a group without a name": lambda: best(name=""),
    "a quantity of an activity on lines": lambda: QuantityRule(
        credit=POINTS.of(1), activity="visit", lines=Category(["x"])
    ),
    "a quantity of an activity by the line": lambda: QuantityRule(
        credit=POINTS.of(1), activity="visit", grain=Grain.LINE
    ),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_a_rule_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    """Each validator of these rules rejects, at the latest where the program is made."""
    with pytest.raises(InvalidValueError):
        make()


def test_stacking_is_one_of_four() -> None:
    """A text is no stacking."""
    with pytest.raises(TypeError):
        Group(name="g", stacking="best")  # type: ignore[arg-type]


def test_qualifying_units_are_earned_like_points() -> None:
    """Nights are earned by the same rules."""
    assert earns(by(QuantityRule(credit=NIGHTS.of(1), measure="nights")), stay(3), unit=NIGHTS) == 3


def stay(nights: int) -> Line:
    """A stay."""
    return Line(total=USD.of(100), measures={"nights": nights})


class TestEdges:
    """Where figures come to nothing, or to the last step there is."""

    def test_a_multiplier_of_lines_that_earn_nothing_adds_nothing(self) -> None:
        """Half a dollar of food earns no whole point by itself, so there is nothing to triple."""
        program = by(point_a_dollar(name="spend"), MultiplierRule(name="triple", factor=3, lines=Category(["food"])))
        assert steps(program, food("0.50"), "0.50") == {"spend": 1}

    def test_what_is_taken_off_whole_is_no_entry(self) -> None:
        """One point less half a point, rounded down, is none."""
        half = MultiplierRule(name="half", factor="0.5", of_rounded=True)
        assert Member(by(point_a_dollar(name="spend"), half)).buy("1.00").entries == ()

    def test_the_best_of_three_on_a_line(self) -> None:
        """The third is no better than the second."""
        rules = [
            point_a_dollar(name=f"r{rate}", credit=POINTS.of(rate), group="g", lines=Category(["food"]))
            for rate in (1, 4, 2)
        ]
        program = by(*rules, groups=(best(by_line=True),))
        assert steps(program, food("1.00")) == {"r4": 4}

    def test_what_leaves_63_bits_is_refused(self) -> None:
        """Two bonuses of 2**62 points cannot be one credit, and a balance never wraps."""
        big = POINTS.steps(2**62)
        with pytest.raises(AmountOverflowError):
            Member(by(BonusRule(credit=big), BonusRule(credit=big))).buy("1.00")
        member = Member(by(BonusRule(credit=big)))
        member.buy("1.00")
        with pytest.raises(AmountOverflowError):
            member.buy("1.00", id="o-2")
        assert member.has() == 2**62

    def test_a_validity_by_day_holds_for_thousands_of_days(self) -> None:
        """Twelve years of days, more than are remembered at once: each gets its own end and its own count."""
        ceiling = Ceiling(name="top", limit=POINTS.of(1), per=DAY)
        life = Life(expires_after=days(1, until=Until.END_OF_DAY))
        program = by(point_a_dollar(life=life, ceilings=[ceiling]))
        for n in range(4_200):
            at = NEW_YEAR + timedelta(days=n)
            decision = program.decide(State.of("m-1"), purchase("2.00", at=at))
            assert earned(decision) == 1
            assert decision.commits[0].next_due is not None
            assert timedelta(days=1) < decision.commits[0].next_due - at < timedelta(days=2)
