"""Purchases: lines, discounts and tenders of one currency that add up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from unit_shop import EUR, NEW_YEAR, POINTS, USD, lines, purchase

from patronage import Amount, Discount, InvalidValueError, Line, LineKind, Purchase, Tender
from patronage.events import ATTRIBUTES_MAX, LINES_MAX, TEXT_MAX
from patronage.units import STEPS_LIMIT


def test_a_purchase_is_known_by_its_lines() -> None:
    """Lines without an id are named by their position from 1; the purchase speaks of itself."""
    bought = purchase("10.00", Line(id="socks", total=USD.of(5)), "2.00")
    assert [line.id for line in bought.lines] == ["1", "socks", "3"]
    assert bought.about == "o-1"
    assert bought.currency == "USD"
    assert bought.total == 1700
    assert bought.redemptions == ()


def test_sequences_become_tuples() -> None:
    """A list in a purchase cannot be changed afterwards: it was taken as a tuple."""
    given = [Line(total=USD.of(10), tags=["b", "a", "b"], discounts=[Discount(kind="c", total=USD.of(1))])]
    bought = Purchase(
        id="o-1",
        member="m-1",
        occurred_at=NEW_YEAR,
        lines=given,
        discounts=[Discount(kind="coupon", total=USD.of(1))],
        tenders=[Tender(kind="card", total=USD.of(9))],
    )
    given.clear()
    assert isinstance(bought.lines, tuple)
    assert len(bought.lines) == 1
    assert isinstance(bought.discounts, tuple)
    assert isinstance(bought.tenders, tuple)
    assert bought.lines[0].tags == ("a", "b")
    assert isinstance(bought.lines[0].discounts, tuple)
    assert hash(bought) == hash(purchase_again(bought))


def purchase_again(bought: Purchase) -> Purchase:
    """The same purchase, built anew."""
    return Purchase(
        id=bought.id,
        member=bought.member,
        occurred_at=bought.occurred_at,
        lines=bought.lines,
        discounts=bought.discounts,
        tenders=bought.tenders,
    )


def test_lines_may_come_from_a_generator() -> None:
    """Any iterable of lines is taken, once."""
    assert len(purchase(*(str(n) for n in (1, 2, 3))).lines) == 3
    made = Purchase(id="o", member="m-1", occurred_at=NEW_YEAR, lines=(Line(total=USD.of(n)) for n in (1, 2)))
    assert made.total == 300


@pytest.mark.parametrize("given", ["abc", b"abc", {"1": 2}, 5, None])
def test_a_text_is_no_sequence(given: Any) -> None:
    """A str or a mapping where a sequence is meant is a slip, never a basket of letters."""
    with pytest.raises(InvalidValueError, match="A sequence is needed"):
        Purchase(id="o-1", member="m-1", occurred_at=NEW_YEAR, lines=given)


@pytest.mark.parametrize("field", ["discounts", "tenders"])
def test_parts_are_what_they_should_be(field: str) -> None:
    """A line where a discount or a tender belongs is refused by name."""
    wrong: dict[str, Any] = {field: lines("1.00")}
    with pytest.raises(InvalidValueError, match=f"The {field} must each be a"):
        purchase("1.00", **wrong)


def test_a_line_must_be_a_line() -> None:
    """An amount is no line."""
    wrong: Any = [USD.of(1)]
    with pytest.raises(InvalidValueError, match="The lines must each be a Line"):
        Purchase(id="o-1", member="m-1", occurred_at=NEW_YEAR, lines=wrong)


def test_a_purchase_has_2000_lines_at_most() -> None:
    """2,000 lines are taken, one more is refused."""
    assert len(purchase(*["1.00"] * LINES_MAX).lines) == LINES_MAX
    with pytest.raises(InvalidValueError, match="2000 lines at most"):
        purchase(*["1.00"] * (LINES_MAX + 1))


def test_two_lines_cannot_share_an_id() -> None:
    """An id given twice, or one that is another's position, is named."""
    with pytest.raises(InvalidValueError, match="Two lines have the id 'x'"):
        purchase(Line(id="x", total=USD.of(1)), Line(id="x", total=USD.of(1)))
    with pytest.raises(InvalidValueError, match="Two lines have the id '2'"):
        purchase(Line(id="2", total=USD.of(1)), "1.00")


def test_a_purchase_has_one_currency() -> None:
    """Lines, discounts and tenders are all in the currency of the first line."""
    euro = Line(total=EUR.of(1))
    with pytest.raises(InvalidValueError, match="one currency"):
        purchase("1.00", euro)
    with pytest.raises(InvalidValueError, match="one currency: discounts"):
        purchase("2.00", discounts=[Discount(kind="x", total=EUR.of(1))])
    with pytest.raises(InvalidValueError, match="one currency: tenders"):
        purchase("1.00", tenders=[Tender(kind="card", total=EUR.of(1))])
    with pytest.raises(InvalidValueError, match="one currency: tax"):
        Line(total=USD.of(1), tax=EUR.of("0.10"))
    with pytest.raises(InvalidValueError, match="one currency: discounts"):
        Line(total=USD.of(1), discounts=[Discount(kind="x", total=EUR.of(1))])


def test_tenders_sum_to_what_is_charged() -> None:
    """Tenders are none, or they pay exactly the lines less the order-wide discounts."""
    off = [Discount(kind="coupon", total=USD.of(2))]
    paid = purchase("10.00", discounts=off, tenders=[Tender(kind="cash", total=USD.of(3)), card("5.00")])
    assert paid.total == 800
    for wrong in ("4.99", "5.01"):
        with pytest.raises(InvalidValueError, match="must sum to what is charged, 800 steps"):
            purchase("10.00", discounts=off, tenders=[Tender(kind="cash", total=USD.of(3)), card(wrong)])


def card(total: str, **fields: Any) -> Tender:
    """A tender by card."""
    return Tender(kind="card", total=USD.of(total), **fields)


def test_discounts_do_not_exceed_the_lines() -> None:
    """An order-wide discount may bring the purchase to nothing, not below."""
    assert purchase("10.00", discounts=[Discount(kind="x", total=USD.of(10))]).total == 0
    with pytest.raises(InvalidValueError, match="may not exceed"):
        purchase("10.00", discounts=[Discount(kind="x", total=USD.of("10.01"))])


def test_a_redemption_pays_by_one_tender() -> None:
    """A tender names the redemption that paid it; two tenders may not name the same one."""
    paid = purchase("3.00", tenders=[card("1.00", redemption="d-1"), card("2.00")])
    assert paid.redemptions == ("d-1",)
    with pytest.raises(InvalidValueError, match="Two tenders name one redemption"):
        purchase("3.00", tenders=[card("1.00", redemption="d-1"), card("2.00", redemption="d-1")])


def test_an_empty_basket_is_just_that() -> None:
    """A purchase without lines has no currency, and neither discounts nor tenders."""
    assert purchase().currency is None
    assert purchase().total == 0
    with pytest.raises(InvalidValueError, match="without lines"):
        purchase(discounts=[Discount(kind="x", total=USD.of(0))])
    with pytest.raises(InvalidValueError, match="without lines"):
        purchase(tenders=[card("0.00")])


@pytest.mark.parametrize("make", [lambda total: Line(total=total), lambda total: Discount(kind="x", total=total)])
def test_what_is_charged_is_never_below_zero(make: Any) -> None:
    """A return is a Refund, never a line below zero."""
    assert make(USD.of(0)).total.steps == 0
    with pytest.raises(InvalidValueError, match="total must be at least 0"):
        make(USD.of("-0.01"))
    with pytest.raises(InvalidValueError, match="total must be Amount"):
        make(1)


def test_tax_is_a_part_of_the_lines_total() -> None:
    """Tax up to the whole of the total is taken, not more, not below zero."""
    assert Line(total=USD.of(1), tax=USD.of(1)).tax == USD.of(1)
    with pytest.raises(InvalidValueError, match="tax is a part of its total"):
        Line(total=USD.of(1), tax=USD.of("1.01"))
    with pytest.raises(InvalidValueError, match="tax must be at least 0"):
        Line(total=USD.of(1), tax=USD.of("-0.01"))


def test_a_tender_is_never_below_zero() -> None:
    """Change is not a tender."""
    with pytest.raises(InvalidValueError, match="total must be at least 0"):
        card("-1.00")


def test_sums_stay_in_range() -> None:
    """Lines that sum to 2**63 steps are refused, each by itself is not."""
    big = Line(total=Amount(STEPS_LIMIT - 1, "USD"))
    assert purchase(big).total == STEPS_LIMIT - 1
    with pytest.raises(InvalidValueError, match="63 bits"):
        purchase(big, "0.01")


@pytest.mark.parametrize("quantity", [0, -1, "0.0", "-0.5", 1.5, True, "NaN", "1e3"])
def test_a_quantity_is_above_zero_and_exact(quantity: Any) -> None:
    """A quantity of nothing, below zero, or that is no exact number is refused."""
    with pytest.raises(InvalidValueError):
        Line(total=USD.of(1), quantity=quantity)


def test_quantities_and_measures_are_exact_decimals() -> None:
    """Half a kilo is 0.5 however it is written, so that equal lines are equal."""
    one = Line(total=USD.of(1), quantity="0.50", measures={"km": "12.0"})
    two = Line(total=USD.of(1), quantity=Decimal("0.5"), measures={"km": 12})
    assert one == two
    assert hash(one) == hash(two)
    assert one.measures["km"] == Decimal(12)


def test_a_line_is_of_a_kind() -> None:
    """A kind is a member of LineKind, never its text."""
    assert Line(total=USD.of(1), kind=LineKind.SHIPPING).kind is LineKind.SHIPPING
    kind: Any = "goods"
    with pytest.raises(InvalidValueError):
        Line(total=USD.of(1), kind=kind)


@pytest.mark.parametrize("field", ["id", "sku", "category", "brand"])
def test_a_lines_keys_are_ids(field: str) -> None:
    """What a line is named by follows the rules of ids."""
    fields: dict[str, Any] = {field: "~x"}
    with pytest.raises(InvalidValueError, match="may not begin with '~'"):
        Line(total=USD.of(1), **fields)


@pytest.mark.parametrize("tags", ["sale", [""], ["x" * 65], ["a\tb"], [5]])
def test_tags_are_short_words(tags: Any) -> None:
    """A tag is 1 to 64 printable characters, and tags are a sequence."""
    with pytest.raises(InvalidValueError):
        Line(total=USD.of(1), tags=tags)


@pytest.mark.parametrize("kind", ["", "x" * 65, "a\nb", None, 5])
def test_kinds_of_discounts_and_tenders_are_words(kind: Any) -> None:
    """A kind is 1 to 64 printable characters."""
    with pytest.raises(InvalidValueError, match="A key or code"):
        Discount(kind=kind, total=USD.of(1))
    with pytest.raises(InvalidValueError, match="A key or code"):
        Tender(kind=kind, total=USD.of(1))


@pytest.mark.parametrize(
    "attributes",
    [
        {"k": 1.5},
        {"k": None},
        {"k": ["x"]},
        {"k": 2**63},
        {"k": -(2**63)},
        {"k": "x" * (TEXT_MAX + 1)},
        {"k": "\ud800"},
        {"": 1},
        {"x" * 65: 1},
        {5: 1},
        [("k", 1)],
        None,
        {str(n): n for n in range(ATTRIBUTES_MAX + 1)},
    ],
)
def test_attributes_are_few_plain_facts(attributes: Any) -> None:
    """At most 64 facts, each a short key to a str, an int of 63 bits or a bool."""
    with pytest.raises(InvalidValueError):
        purchase("1.00", attributes=attributes)
    with pytest.raises(InvalidValueError):
        Line(total=USD.of(1), attributes=attributes)


def test_attributes_at_their_limits_are_taken() -> None:
    """64 facts, 1,000 characters and 63 bits still fit; and the purchase keeps them as they were."""
    given: dict[str, str | int | bool] = {str(n): n for n in range(ATTRIBUTES_MAX - 3)}
    given |= {"text": "x" * TEXT_MAX, "big": 2**63 - 1, "flag": True}
    bought = purchase("1.00", attributes=given)
    given.clear()
    assert len(bought.attributes) == ATTRIBUTES_MAX
    assert bought.attributes["flag"] is True


@pytest.mark.parametrize("measures", [{"km": 1.5}, {"": 1}, {"km": "x"}, [1], {str(n): n for n in range(65)}])
def test_measures_are_few_exact_numbers(measures: Any) -> None:
    """At most 64 measures, each a short key to an exact number."""
    with pytest.raises(InvalidValueError):
        Line(total=USD.of(1), measures=measures)


IDS = {
    "empty": "",
    "begins with ~": "~t/1",
    "control character": "a\x00b",
    "newline": "a\n",
    "256 bytes": "x" * 256,
    "256 bytes of UTF-8": "\N{EURO SIGN}" * 85 + "x",
    "surrogate": "\ud800",
    "bidirectional override": "a\u202eb",
    "a number": 5,
    "bytes": b"o-1",
    "None": None,
}


@pytest.mark.parametrize("wrong", IDS.values(), ids=IDS.keys())
def test_an_id_is_printable_text_of_255_bytes(wrong: Any) -> None:
    """An id from outside is 1 to 255 bytes of printable text and does not begin with ~."""
    for field in ("id", "member", "by", "store"):
        if wrong is None and field in ("by", "store"):
            continue
        fields: dict[str, Any] = {"id": "o-1", "member": "m-1", field: wrong}
        with pytest.raises(InvalidValueError, match="An id"):
            Purchase(occurred_at=NEW_YEAR, lines=lines("1.00"), **fields)


def test_an_id_of_255_bytes_fits() -> None:
    """255 bytes of UTF-8 are taken, blanks and other scripts too."""
    for right in ("x" * 255, "\N{EURO SIGN}" * 85, "order 17/\N{CYRILLIC SMALL LETTER ZHE}", "a~"):
        assert purchase("1.00", id=right).id == right


class Vague(tzinfo):
    """A zone that does not know its offset."""

    def utcoffset(self, moment: datetime | None) -> None:
        """None."""
        return

    def dst(self, moment: datetime | None) -> None:
        """None."""
        return

    def tzname(self, moment: datetime | None) -> str:
        """A name."""
        return "vague"


@pytest.mark.parametrize(
    "at", [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=Vague()), "2026-01-01T12:00:00Z", 1767268800, None]
)
def test_an_instant_has_an_offset(at: Any) -> None:
    """A datetime without a zone, a text and a number are no instant."""
    with pytest.raises(InvalidValueError, match="An instant"):
        purchase("1.00", at=at)


def test_equal_instants_make_equal_events() -> None:
    """Noon in UTC and 7:00 in New York are one instant, so the events are equal and hash alike."""
    there = NEW_YEAR.astimezone(ZoneInfo("America/New_York"))
    other = NEW_YEAR.astimezone(timezone(timedelta(hours=5, minutes=30)))
    first = purchase("1.00")
    for at in (there, other):
        second = purchase("1.00", at=at)
        assert second == first
        assert hash(second) == hash(first)
        assert second.occurred_at.tzinfo is UTC


def test_the_doubled_hour_of_autumn_is_two_instants() -> None:
    """1:30 on the night the clocks go back is told apart by its fold."""
    zone = ZoneInfo("America/New_York")
    first = purchase("1.00", at=datetime(2026, 11, 1, 1, 30, tzinfo=zone))
    second = purchase("1.00", at=datetime(2026, 11, 1, 1, 30, tzinfo=zone, fold=1))
    assert second.occurred_at - first.occurred_at == timedelta(hours=1)
    assert first != second


def test_a_purchase_may_be_in_points() -> None:
    """The currency is any unit: a purchase wholly in points is one in that unit."""
    assert purchase(Line(total=POINTS.of(100))).currency == "points"


def test_an_event_cannot_be_changed() -> None:
    """An event is a fact."""
    bought: Any = purchase("1.00")
    with pytest.raises(AttributeError):
        bought.member = "m-2"
    with pytest.raises(AttributeError):
        bought.attributes.x = 1
    with pytest.raises(TypeError):
        bought.attributes["x"] = 1
