"""Earning by spend: whole steps or pro rata, bands, and rounding once at a named grain."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from unit_shop import (
    EUR,
    POINTS,
    STARS,
    USD,
    Member,
    bookings,
    earns,
    moves,
    point_a_dollar,
    points_policy,
    program_of,
)

from patronage import (
    Base,
    Discount,
    Grain,
    InvalidValueError,
    Line,
    LineKind,
    PointsPolicy,
    Program,
    Rounding,
    SpendRule,
    Tender,
)
from patronage.bands import Band
from patronage.conditions import Category, Channel


def spending(**fields: Any) -> Program:
    """A program with one rule of spend: one point a dollar unless told."""
    return program_of(points_policy(point_a_dollar(name="spend", **fields)))


def test_whole_steps_of_spend() -> None:
    """One point for every whole dollar: 19.99 is 19 points."""
    assert earns(spending(), "19.99") == 19
    assert earns(spending(), "0.99") == 0
    assert earns(spending(per=USD.of(10), credit=POINTS.of(3)), "29.99") == 6


def test_whole_steps_are_counted_on_the_basket_not_on_its_lines() -> None:
    """Two lines of 0.50 are a dollar, however the till splits the basket."""
    assert earns(spending(), "0.50", "0.50") == 1


def test_pro_rata_is_rounded_by_the_mode() -> None:
    """2.50 at one point a dollar is 2, 3, 3, 2 and 2 points by the five modes."""
    modes = {"floor": 2, "ceiling": 3, "half_up": 3, "half_even": 2, "half_down": 2}
    for mode, points in modes.items():
        assert earns(spending(whole=False, rounding=Rounding(mode)), "2.50") == points


def test_a_rate_below_one_step_is_exact() -> None:
    """5% of 19.99 is 0.9995: cash back in cents rounds once, to 1.00 half up."""
    cash = spending(per=USD.of(1), credit=USD.of("0.05"), whole=False, rounding=Rounding.HALF_UP)
    assert earns(cash, "19.99", unit=USD) == 100


def test_the_grain_says_where_rounding_happens() -> None:
    """1.50 and 1.50 are one point each by the line, three by the rule."""
    assert earns(spending(whole=False, grain=Grain.LINE), "1.50", "1.50") == 2
    assert earns(spending(whole=False, grain=Grain.RULE), "1.50", "1.50") == 3
    assert earns(spending(grain=Grain.LINE), "1.50", "0.99", "2.00") == 3


def test_the_event_grain_rounds_the_rules_together() -> None:
    """Two rules of half a point each round to one point together, none apart; the odd step is told whose it is."""
    half: dict[str, Any] = {"per": USD.of(2), "credit": POINTS.of(1), "whole": False}
    apart = program_of(points_policy(SpendRule(name="a", **half), SpendRule(name="b", **half)))
    together = program_of(
        points_policy(
            SpendRule(name="a", grain=Grain.EVENT, **half),
            SpendRule(name="b", grain=Grain.EVENT, **half),
        )
    )
    assert earns(apart, "1.00") == 0
    bought = Member(together).buy("1.00")
    assert {rule: book.steps for rule, book in bookings(bought).items()} == {"a": 1}


def test_marginal_bands_take_each_its_part() -> None:
    """1 point a dollar to 100, 2 above, 3 above 200: 250 dollars are 100 + 200 + 150."""
    banded = spending(
        whole=False,
        bands=[Band(over=USD.of(100), credit=POINTS.of(2)), Band(over=USD.of(200), credit=POINTS.of(3))],
    )
    assert earns(banded, "50.00") == 50
    assert earns(banded, "100.00") == 100
    assert earns(banded, "101.00") == 102
    assert earns(banded, "250.00") == 450


def test_whole_bands_take_the_whole_spend() -> None:
    """From 100 on every dollar is two points, also the first ones."""
    banded = spending(whole=False, marginal=False, bands=[Band(over=USD.of(100), credit=POINTS.of(2))])
    assert earns(banded, "99.00") == 99
    assert earns(banded, "100.00") == 200
    assert earns(banded, "120.00") == 240


def test_bands_may_go_down_to_nothing() -> None:
    """Nothing more above a spend: a band of zero."""
    banded = spending(whole=False, bands=[Band(over=USD.of(100), credit=POINTS.of(0))])
    assert earns(banded, "500.00") == 100


def test_bands_on_each_line() -> None:
    """With the grain of a line each line climbs the bands by itself."""
    banded = spending(whole=False, grain=Grain.LINE, bands=[Band(over=USD.of(10), credit=POINTS.of(2))])
    assert earns(banded, "15.00", "5.00") == 20 + 5


def test_only_some_lines_count() -> None:
    """`lines` says which lines count; the entry names them."""
    food = spending(lines=Category(["food"]))
    bought = Member(food).buy(Line(id="ham", category="food", total=USD.of(7)), Line(id="hat", total=USD.of(9)))
    assert bookings(bought)["spend"].lines == ("ham",)
    assert bookings(bought)["spend"].base == (700, 1)
    assert bought.earned(POINTS).total == POINTS.of(7)


def test_when_is_about_the_purchase() -> None:
    """A condition on lines in `when` means: some line."""
    program = spending(when=Category(["food"]))
    assert earns(program, Line(category="food", total=USD.of(1)), "9.00") == 10
    assert earns(program, "9.00") == 0


def test_the_base_says_which_money() -> None:
    """Shipping and a coupon do not count unless the rule says so."""
    program = spending(base=Base(kinds=[LineKind.GOODS, LineKind.SHIPPING], before_discounts=["coupon"]))
    off = [Discount(kind="coupon", total=USD.of(5))]
    post = Line(total=USD.of(5), kind=LineKind.SHIPPING)
    assert earns(program, "20.00", post, discounts=off) == 25
    assert earns(spending(), "20.00", post, discounts=off) == 16


def test_what_points_paid_may_earn_nothing() -> None:
    """A purchase paid wholly with points earns nothing where the rule leaves that tender out."""
    program = spending(base=Base(less_tenders=["points"]))
    assert earns(program, "9.00", tenders=[Tender(kind="points", total=USD.of(9))]) == 0
    assert earns(program, "9.00", tenders=[Tender(kind="card", total=USD.of(9))]) == 9


def test_another_currency_earns_nothing() -> None:
    """A rule in USD does not apply to a purchase in EUR; one in EUR beside it does."""
    program = program_of(
        points_policy(point_a_dollar(name="usd"), SpendRule(name="eur", per=EUR.of(1), credit=STARS.of(1)))
    )
    euro = Line(total=EUR.of(10))
    assert earns(program, euro) == 0
    assert earns(program, euro, unit=STARS) == 10
    assert earns(program, "10.00", unit=STARS) == 0


def test_an_empty_basket_earns_nothing() -> None:
    """A purchase without lines is recorded, and worth nothing."""
    bought = Member(spending()).buy()
    assert bought.entries == ()
    assert bought.commit is not None


def test_the_entry_says_why() -> None:
    """A booking has the base, the exact figure, the rate and the rounding."""
    program = spending(per=USD.of(3), credit=POINTS.of(2), whole=False, rounding=Rounding.HALF_UP)
    book = bookings(Member(program).buy("10.00"))["spend"]
    assert (book.steps, book.wanted) == (7, 7)
    assert book.base == (1000, 1)
    assert Fraction(*book.exact) == Fraction(20, 3)
    assert book.rate == "2 points per 3.00 USD"
    assert book.rounding == "half_up"
    assert book.trimmed_by is None


def test_rules_of_one_unit_are_one_credit() -> None:
    """What two rules of a policy earn in one unit is one transfer, with a booking for each."""
    program = program_of(points_policy(point_a_dollar(name="a"), point_a_dollar(name="b", credit=POINTS.of(2))))
    bought = Member(program).buy("5.00")
    assert moves(bought) == [("issued", "m-1", 15)]
    assert {rule: book.steps for rule, book in bookings(bought).items()} == {"a": 5, "b": 10}


def test_rules_with_a_label_are_a_credit_of_their_own() -> None:
    """A label keeps what a rule earns apart."""
    program = program_of(points_policy(point_a_dollar(name="a"), point_a_dollar(name="b", label="gift")))
    member = Member(program)
    member.buy("5.00")
    assert member.has(label="gift") == 5
    assert member.has() == 10


def test_a_rule_without_a_name_is_named_by_its_place() -> None:
    """The second rule of a policy is `rule-2`."""
    program = program_of(points_policy(point_a_dollar(), point_a_dollar()))
    assert list(bookings(Member(program).buy("1.00"))) == ["rule-1", "rule-2"]


def test_policies_add_up() -> None:
    """Two policies each earn by themselves, with an entry each."""
    program = program_of(
        PointsPolicy(name="one", rules=[point_a_dollar()]), PointsPolicy(name="two", rules=[point_a_dollar()])
    )
    assert moves(Member(program).buy("5.00")) == [("issued", "m-1", 5)] * 2


REFUSED: dict[str, Callable[[], object]] = {
    "per nothing": lambda: SpendRule(per=USD.of(0), credit=POINTS.of(1)),
    "a credit of nothing": lambda: SpendRule(per=USD.of(1), credit=POINTS.of(0)),
    "a credit below zero": lambda: SpendRule(per=USD.of(1), credit=POINTS.of(-1)),
    "a credit that is a number": lambda: SpendRule(per=USD.of(1), credit=1),  # type: ignore[arg-type]
    "a name with a blank": lambda: point_a_dollar(name="a b"),
    "a name of 49": lambda: point_a_dollar(name="a" * 49),
    "a name that is a number": lambda: point_a_dollar(name=5),
    "lines that are no condition": lambda: point_a_dollar(lines="food"),
    "when that is a class": lambda: point_a_dollar(when=Channel),
    "a label that is empty": lambda: point_a_dollar(label=""),
    "bands of a whole rule": lambda: point_a_dollar(bands=[Band(over=USD.of(1), credit=POINTS.of(1))]),
    "bands that fall": lambda: point_a_dollar(
        whole=False,
        bands=[Band(over=USD.of(2), credit=POINTS.of(1)), Band(over=USD.of(1), credit=POINTS.of(1))],
    ),
    "bands over another unit": lambda: point_a_dollar(whole=False, bands=[Band(over=EUR.of(2), credit=POINTS.of(1))]),
    "bands of another credit": lambda: point_a_dollar(whole=False, bands=[Band(over=USD.of(2), credit=STARS.of(1))]),
    "bands that are amounts": lambda: point_a_dollar(whole=False, bands=[USD.of(1)]),
    "a band over nothing": lambda: Band(over=USD.of(0), credit=POINTS.of(1)),
    "no rules": lambda: PointsPolicy(name="p", rules=[]),
    "rules that are none": lambda: PointsPolicy(name="p", rules=["x"]),  # type: ignore[list-item]
    "a policy without a name": lambda: PointsPolicy(name="", rules=[point_a_dollar()]),
    "a credit in no unit of the terms": lambda: program_of(points_policy(point_a_dollar()), units=(USD,)),
    "a per in no unit of the terms": lambda: program_of(points_policy(point_a_dollar()), units=(POINTS,)),
    "two rules of one name": lambda: program_of(points_policy(point_a_dollar(name="x"), point_a_dollar(name="x"))),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_a_rule_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    """Each validator of rules of spend rejects, at the latest where the program is made."""
    with pytest.raises(InvalidValueError):
        make()


def test_a_bands_credit_is_an_amount() -> None:
    """A number is no credit."""
    with pytest.raises(InvalidValueError):
        Band(over=USD.of(1), credit=2)  # type: ignore[arg-type]
