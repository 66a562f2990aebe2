"""Which money of a purchase counts, line by line, to the cent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from unit_shop import USD, purchase

from patronage import Base, Discount, InvalidValueError, Line, LineKind, Purchase, Tender
from patronage.base import EVERYTHING

TAXED = Line(total=USD.of(11), tax=USD.of(1))
POST = Line(total=USD.of(5), kind=LineKind.SHIPPING)
CARD = Line(total=USD.of(50), kind=LineKind.GIFT_CARD)


def off(total: str, kind: str = "coupon") -> Discount:
    """A discount."""
    return Discount(kind=kind, total=USD.of(total))


def paid(total: str, kind: str = "card") -> Tender:
    """A tender."""
    return Tender(kind=kind, total=USD.of(total))


def test_goods_count_without_tax() -> None:
    """By default goods count, net of tax; shipping and gift cards do not."""
    assert Base().of(purchase(TAXED, POST, CARD, "3.00")) == [1000, 0, 0, 300]


def test_tax_counts_if_told() -> None:
    """With tax the whole total of the goods counts."""
    assert Base(tax=True).of(purchase(TAXED, POST, "3.00")) == [1100, 0, 300]


def test_other_kinds_count_if_named() -> None:
    """A program may count shipping, or everything."""
    shipping = Base(kinds=[LineKind.SHIPPING, LineKind.GOODS])
    assert shipping.of(purchase(TAXED, POST, CARD)) == [1000, 500, 0]
    assert EVERYTHING.of(purchase(TAXED, POST, CARD)) == [1100, 500, 5000]
    assert shipping == Base(kinds=[LineKind.GOODS, LineKind.SHIPPING, LineKind.GOODS])


def test_an_order_wide_discount_is_spread_by_the_lines_totals() -> None:
    """1.00 off three lines of 10.00 takes 34, 33 and 33 cents."""
    bought = purchase("10.00", "10.00", "10.00", discounts=[off("1.00")])
    assert Base().of(bought) == [966, 967, 967]


def test_an_order_wide_discount_falls_on_what_does_not_count_too() -> None:
    """Shipping bears its share of the discount, and tax shrinks with the line."""
    bought = purchase(TAXED, Line(total=USD.of(11), kind=LineKind.SHIPPING), discounts=[off("11.00")])
    assert Base().of(bought) == [500, 0]
    assert Base(tax=True).of(bought) == [550, 0]


def test_spend_before_some_discounts() -> None:
    """What a staff discount took off is added again: the line's own, and its share of the order's."""
    line = Line(total=USD.of(8), discounts=[off("2.00", "staff"), off("1.00")])
    bought = purchase(line, "12.00", discounts=[off("5.00", "staff"), off("5.00")])
    assert Base().of(bought) == [400, 600]
    assert Base(before_discounts=["staff"]).of(bought) == [400 + 200 + 200, 600 + 300]


def test_what_points_paid_does_not_count() -> None:
    """The part paid with points is spread over the lines by what they cost, and left out."""
    bought = purchase("10.00", "5.00", POST, tenders=[paid("4.00", "points"), paid("16.00")])
    assert Base(less_tenders=["points"]).of(bought) == [800, 400, 0]
    assert Base(less_tenders=["cheque"]).of(bought) == [1000, 500, 0]


def test_only_what_a_card_paid_counts() -> None:
    """With only_tenders nothing else counts, and no tender at all means nothing."""
    bought = purchase("10.00", "5.00", tenders=[paid("6.00", "ours"), paid("9.00")])
    assert Base(only_tenders=["ours"]).of(bought) == [400, 200]
    assert Base(only_tenders=["ours"]).of(purchase("10.00")) == [0]
    assert Base(less_tenders=["ours"]).of(purchase("10.00")) == [1000]


def test_tenders_pay_their_part_of_the_tax() -> None:
    """Half paid with points: half of the net counts."""
    bought = purchase(TAXED, tenders=[paid("5.50", "points"), paid("5.50")])
    assert Base(less_tenders=["points"]).of(bought) == [500]
    assert Base(only_tenders=["points"]).of(bought) == [500]
    assert Base(only_tenders=["points"], tax=True).of(bought) == [550]


def test_at_most_so_many_units_count_dearest_first() -> None:
    """Of three units the two dearest count; of a line of two, one unit is half its money."""
    bought = purchase("3.00", Line(total=USD.of(20), quantity=2), "5.00")
    assert Base(units_max=1).of(bought) == [0, 1000, 0]
    assert Base(units_max=2).of(bought) == [0, 2000, 0]
    assert Base(units_max=3).of(bought) == [0, 2000, 500]
    assert Base(units_max=9).of(bought) == [300, 2000, 500]


def test_equal_units_count_in_the_order_of_the_lines() -> None:
    """Of two equally dear units the first counts."""
    assert Base(units_max=1).of(purchase("3.00", "3.00")) == [300, 0]


def test_parts_of_units_count_in_part() -> None:
    """Half a kilo leaves room for half a unit of the next line, rounded down."""
    bought = purchase(Line(total=USD.of(6), quantity="0.5"), Line(total=USD.of("9.99"), quantity=1))
    assert Base(units_max=1).of(bought) == [600, 499]


def test_a_free_purchase_counts_nothing() -> None:
    """A line of nothing, discounted or paid, counts nothing."""
    assert Base().of(purchase("0.00", discounts=[off("0.00")])) == [0]
    assert Base(less_tenders=["points"]).of(purchase("0.00", tenders=[paid("0.00", "points")])) == [0]
    assert Base().of(purchase("5.00", discounts=[off("5.00")])) == [0]


def test_nothing_counts_below_zero() -> None:
    """A wholly discounted line with tax counts nothing, not less."""
    bought: Purchase = purchase(TAXED, discounts=[off("11.00")], tenders=[paid("0.00", "points")])
    assert Base(less_tenders=["points"]).of(bought) == [0]


REFUSED: dict[str, Callable[[], object]] = {
    "tenders both in and out": lambda: Base(less_tenders=["a"], only_tenders=["b"]),
    "no kinds": lambda: Base(kinds=[]),
    "a kind that is a text": lambda: Base(kinds=["goods"]),  # type: ignore[list-item]
    "a text for kinds": lambda: Base(kinds="goods"),  # type: ignore[arg-type]
    "a tender's kind that is no word": lambda: Base(less_tenders=[""]),
    "a discount's kind that is no word": lambda: Base(before_discounts=["x" * 65]),
    "no units": lambda: Base(units_max=0),
    "half a unit": lambda: Base(units_max=0.5),  # type: ignore[arg-type]
    "a unit that is a bool": lambda: Base(units_max=True),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_a_base_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    """Each validator of a base rejects."""
    with pytest.raises(InvalidValueError):
        make()


def test_tax_is_told_by_a_bool() -> None:
    """A number is no bool."""
    with pytest.raises(InvalidValueError):
        Base(tax=1)  # type: ignore[arg-type]
