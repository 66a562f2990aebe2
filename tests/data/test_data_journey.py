"""The whole Complete Journey through our events: its published figures, P1 and variants, and P4 of REFERENCE.md."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, date, timedelta

import pytest
from data_documents import document
from data_histories import POINTS, USD, History, digest, load, open_text, shared, table
from data_programs import (
    DAILY,
    Played,
    end_of,
    local_day,
    play,
    program_of,
    run_off,
    variants,
)

from patronage import Discount, Line, PointsPolicy, Program, Purchase, State, Unit

LAST_DAY = date(2017, 12, 31)
UNITS = {name: Unit(name) for name in variants(POINTS)}

BY_MONTH = table("""
2017-01 12807 373300.23
2017-02 11795 350055.08
2017-03 12958 379997.84
2017-04 12711 373254.44
2017-05 13695 401629.29
2017-06 13005 373171.32
2017-07 13759 397091.05
2017-08 13406 384426.12
2017-09 12633 367557.87
2017-10 13248 387808.68
2017-11 12734 386027.21
2017-12 13097 421720.45
""")
"""Baskets, cents."""

RUN_OFF = table("""
2017-01 367,112       0   367,112
2017-02 344,154       0   711,266
2017-03 373,720       0 1,084,986
2017-04 367,002       0 1,451,988
2017-05 394,999       0 1,846,987
2017-06 366,845       0 2,213,832
2017-07 390,381       0 2,604,213
2017-08 377,939       0 2,982,152
2017-09 361,427       0 3,343,579
2017-10 381,288       0 3,724,867
2017-11 379,802       0 4,104,669
2017-12 415,265       0 4,519,934
2018-01       0 367,112 4,152,822
2018-02       0 344,154 3,808,668
2018-03       0 373,720 3,434,948
2018-04       0 367,002 3,067,946
2018-05       0 394,999 2,672,947
2018-06       0 366,845 2,306,102
2018-07       0 390,381 1,915,721
2018-08       0 377,939 1,537,782
2018-09       0 361,427 1,176,355
2018-10       0 381,288   795,067
2018-11       0 379,802   415,265
2018-12       0 415,265         0
2019-01       0       0         0
""")
"""Issued, expired, outstanding."""


@pytest.fixture(scope="module")
def history() -> History:
    """Every basket as a purchase of up to three lines."""
    return load(shared("complete_journey", "baskets.csv.gz"))


@pytest.fixture(scope="module")
def p1(history: History) -> dict[str, dict[str, int]]:
    """P1, its variants and day-precise P4 on one program, each in a unit of its own: the balances of 31 December."""
    played = play(document("variants"), history, keep=False)
    evening = end_of(LAST_DAY) - timedelta(microseconds=1)
    return {unit.code: played.balances(unit, evening) for unit in (*UNITS.values(), DAILY)}


@pytest.fixture(scope="module")
def p4(history: History) -> Played:
    """All of it on the program of P4."""
    return play(document("expiry"), history)


def test_households_and_lines_are_as_published(history: History) -> None:
    """2,469 households, 155,848 baskets, 1,469,307 lines of the till; 478 baskets are for nothing."""
    assert len(history.by_member()) == 2_469
    assert len(history.purchases) == 155_848
    assert sum(int(purchase.attributes["lines"]) for purchase in history.purchases) == 1_469_307
    assert sum(not purchase.total for purchase in history.purchases) == 478


def test_months_are_as_published(history: History) -> None:
    """Baskets and sales of each month in New York; in UTC 28,571 have another date and 907 another month."""
    baskets: Counter[str] = Counter()
    cents: Counter[str] = Counter()
    other_date = other_month = 0
    for purchase in history.purchases:
        day, there = local_day(purchase), purchase.occurred_at.astimezone(UTC).date()
        other_date += day != there
        other_month += day.month != there.month
        baskets[day.isoformat()[:7]] += 1
        cents[day.isoformat()[:7]] += purchase.total
    assert {month: (baskets[month], cents[month]) for month in baskets} == BY_MONTH
    assert (other_date, other_month) == (28_571, 907)


def test_totals_by_line_are_as_published(history: History) -> None:
    """What the lines say of fuel and of own brands adds up to the totals of the file."""
    fuel = private = 0
    for purchase in history.purchases:
        for line in purchase.lines:
            fuel += line.total.steps * (line.category == "FUEL")
            private += line.total.steps * (line.brand == "Private")
    assert (fuel, private) == (329_594_45, 1_298_570_30)
    assert sum(purchase.total for purchase in history.purchases) == 4_596_039_58


def test_household_208_is_as_published(history: History) -> None:
    """Its 756 real lines, the worked example of the user guide, and the same points by lines as by baskets."""
    baskets = {purchase.id: purchase for purchase in history.purchases if purchase.member == "208"}
    with open_text(shared("complete_journey", "products_fifth.csv.gz")) as file:
        products = {row["product_id"]: row for row in csv.DictReader(file)}
    lines: dict[str, list[Line]] = {basket: [] for basket in baskets}
    with open_text(shared("complete_journey", "lines_fifth.csv.xz")) as file:
        for row in csv.DictReader(file):
            if row["basket_id"] in lines:
                lines[row["basket_id"]].append(line_of(row, products.get(row["product_id"], {})))
    assert sum(map(len, lines.values())) == 756
    (shown,) = [line for line in lines["40715247809"] if line.sku == "896292"]
    assert local_day(baskets["40715247809"]) == date(2017, 11, 13)
    assert shown.quantity == 2
    assert shown.total == USD.of("4.00")
    assert shown.discounts == (Discount(kind="loyalty", total=USD.of("2.58")),)
    policy = PointsPolicy(name="without_fuel", rules=variants(POINTS)["without_fuel"])
    program = program_of(policy, units=(POINTS,))
    for basket, purchase in baskets.items():
        real = Purchase(id=basket, member="208", occurred_at=purchase.occurred_at, lines=lines[basket])
        assert real.total == purchase.total
        assert points(program, real) == points(program, purchase)


def line_of(row: dict[str, str], product: dict[str, str]) -> Line:
    """A line of the till. A quantity of nothing (a coupon by itself) stands as one."""
    loyalty = USD.of(row["retail_disc"])
    return Line(
        sku=row["product_id"],
        category=product.get("department"),
        brand=product.get("brand"),
        quantity=row["quantity"] if row["quantity"] != "0" else 1,
        total=USD.of(row["sales_value"]),
        discounts=(Discount(kind="loyalty", total=loyalty),) if loyalty else (),
    )


def points(program: Program, purchase: Purchase) -> int:
    """What a new member earns by it."""
    return program.decide(State.of(purchase.member), purchase).earned(POINTS).total.steps


def test_p1_points(p1: dict[str, dict[str, int]]) -> None:
    """P1: whole dollars of each basket; all households above zero, the largest balance, the digest of all."""
    balances = p1["base"]
    assert sum(balances.values()) == 4_519_934
    assert sum(balance > 0 for balance in balances.values()) == 2_469
    assert max(balances.values()) == 24_686
    assert digest(balances) == "b732a19bd108e4bd"


@pytest.mark.parametrize(
    ("variant", "total", "expected"),
    [
        ("without_fuel", 4_193_005, "e766611678b7cb84"),
        ("double_on_private_label", 5_819_184, "32bfb61602ef3150"),
        ("on_the_amount_paid", 4_493_664, "1a857f532cecd13d"),
        ("double_on_the_day", 4_539_756, None),
    ],
)
def test_p1_variants(p1: dict[str, dict[str, int]], variant: str, total: int, expected: str | None) -> None:
    """P1 in four variants: their points, and the digests where there are some."""
    assert sum(p1[variant].values()) == total
    assert expected is None or digest(p1[variant]) == expected


def test_the_double_day_is_a_local_day(history: History) -> None:
    """643 baskets lie on 2017-11-22 in New York, 577 on that date in UTC: the rule counts the former."""
    day = date(2017, 11, 22)
    assert sum(local_day(purchase) == day for purchase in history.purchases) == 643
    assert sum(purchase.occurred_at.date() == day for purchase in history.purchases) == 577


def test_an_order_is_rounded_by_itself(history: History, p1: dict[str, dict[str, int]]) -> None:
    """Whole dollars of each household's total would be 4,594,806: not what the rule says."""
    totals: Counter[str] = Counter()
    for purchase in history.purchases:
        totals[purchase.member] += purchase.total
    assert sum(cents // 100 for cents in totals.values()) == 4_594_806 != sum(p1["base"].values())


@pytest.mark.deep
@pytest.mark.parametrize("variant", list(UNITS))
def test_a_variant_alone_is_the_same(history: History, p1: dict[str, dict[str, int]], variant: str) -> None:
    """A variant on a program of its own comes to what it does beside the others."""
    policy = PointsPolicy(name=variant, rules=variants(POINTS)[variant])
    played = play(program_of(policy, units=(POINTS,)), history, keep=False)
    assert played.balances(POINTS, end_of(LAST_DAY)) == p1[variant]


def test_p4_outstanding(p1: dict[str, dict[str, int]], p4: Played) -> None:
    """P4: no point of 2017, day-precise or not, expires within 2017."""
    midnight = end_of(LAST_DAY)
    evening = p4.balances(POINTS, midnight - timedelta(microseconds=1))
    assert sum(evening.values()) == 4_519_934
    assert sum(balance > 0 for balance in evening.values()) == 2_469
    assert digest(evening) == "b732a19bd108e4bd"
    assert p4.balances(POINTS, midnight) == evening
    assert p1["daily"] == evening


def test_p4_run_off(p4: Played) -> None:
    """P4: issued, expired and outstanding of each month, until all is gone."""
    assert run_off(p4, POINTS, RUN_OFF) == RUN_OFF
