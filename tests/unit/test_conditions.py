"""Conditions: each holds and does not, about the whole and about a line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

import attrs
import pytest
from unit_shop import EUR, NEW_YEAR, POINTS, UNITS, USD, on, purchase

from patronage import (
    Account,
    Basis,
    Condition,
    Discount,
    Enrolment,
    Event,
    Grant,
    InvalidValueError,
    Line,
    LineKind,
    Occasion,
    Read,
    Redemption,
    Tender,
)
from patronage._frozen import FrozenMapping
from patronage.conditions import (
    AllOf,
    AnyOf,
    BalanceIs,
    Between,
    Brand,
    Category,
    Channel,
    EventAttribute,
    HasGrant,
    Kind,
    LineAttribute,
    LinePrice,
    Not,
    PaidByRedemption,
    PaidWith,
    Quantity,
    Recurs,
    Sku,
    Spend,
    Store,
    Tag,
    TimeOfDay,
    Weekday,
)
from patronage.ledger import Balance, Source
from patronage.member_conditions import LabelsAre, LevelIs, RatioIs
from patronage.occasion_conditions import YearlyWindow
from patronage.periods import Calendar
from patronage.recurrence import Every, Recurrence
from patronage.request_conditions import CodeGiven

ANN = Account.member("m-1")
NEW_YORK = Calendar("America/New_York")


def shown(event: Event, *balances: Balance, grants: tuple[Grant, ...] = ()) -> Occasion:
    """The occasion of an event."""
    units = FrozenMapping({unit.code: unit for unit in UNITS})
    return Occasion(event.occurred_at, ANN, event, None, Basis(grants, balances), NEW_YORK, units)


SOCKS = Line(
    id="socks",
    total=USD.of(20),
    quantity=2,
    sku="SK-100",
    category="clothing",
    brand="acme",
    tags=["new", "sale"],
    attributes={"size": 42, "gift": True, "colour": "red"},
)
POST = Line(id="post", total=USD.of(5), tax=USD.of(1), kind=LineKind.SHIPPING)
BOTH = purchase(SOCKS, POST)
OTHER = purchase(POST)

ON_LINES: list[Condition] = [
    Sku(["SK-100", "SK-200"]),
    Sku(prefixes=["SK-1"]),
    Category(["clothing"]),
    Brand(["acme", "other"]),
    Tag(["sale"]),
    Kind([LineKind.GOODS]),
    LinePrice(at_least=USD.of(10), below=USD.of("10.01")),
    LinePrice(at_least=USD.of(10)),
    LineAttribute("size", [41, 42]),
    LineAttribute("gift", [True]),
    LineAttribute("colour", ["red"]),
]


@pytest.mark.parametrize("condition", ON_LINES, ids=lambda condition: type(condition).__name__)
def test_a_condition_on_lines_holds_for_that_line_alone(condition: Condition) -> None:
    """It holds about the line that matches, not about the other, and about the whole where some line matches."""
    assert condition.holds(shown(BOTH), SOCKS)
    assert not condition.holds(shown(BOTH), POST)
    assert condition.holds(shown(BOTH), None)
    assert not condition.holds(shown(OTHER), None)
    assert not condition.holds(shown(purchase()), None)


@pytest.mark.parametrize("condition", ON_LINES, ids=lambda condition: type(condition).__name__)
def test_not_turns_a_condition_round(condition: Condition) -> None:
    """Not holds where its member does not; about the whole: where no line matches."""
    assert not Not(condition).holds(shown(BOTH), SOCKS)
    assert Not(condition).holds(shown(BOTH), POST)
    assert not Not(condition).holds(shown(BOTH), None)
    assert Not(condition).holds(shown(OTHER), None)


def test_a_condition_on_lines_reads_the_cart_of_a_request() -> None:
    """A redemption's cart has lines too; an enrolment has none."""
    request = Redemption(id="d", member="m-1", occurred_at=NEW_YEAR, reward="off", cart=[SOCKS])
    assert Category(["clothing"]).holds(shown(request), None)
    assert not Category(["clothing"]).holds(shown(enrolment()), None)


def enrolment(**fields: Any) -> Enrolment:
    """An enrolment."""
    return Enrolment(id="e", member="m-1", occurred_at=NEW_YEAR, **fields)


def test_the_price_of_a_line_is_for_one_unit_of_it() -> None:
    """Two pairs at 20.00 are 10.00 each; a third of a kilo counts exactly; another currency never matches."""
    assert LinePrice(below=USD.of("10.01")).holds(shown(BOTH), SOCKS)
    assert not LinePrice(below=USD.of(10)).holds(shown(BOTH), SOCKS)
    assert not LinePrice(at_least=EUR.of(1)).holds(shown(BOTH), SOCKS)
    assert not LinePrice(below=EUR.of(1)).holds(shown(BOTH), SOCKS)
    ham = Line(total=USD.of(3), quantity="0.3")
    assert LinePrice(at_least=USD.of(10), below=USD.of("10.01")).holds(shown(purchase(ham)), ham)


def test_an_attribute_is_equal_only_to_its_own_type() -> None:
    """True is not 1, "42" is not 42, and what is not stated is equal to nothing."""
    assert not LineAttribute("gift", [1]).holds(shown(BOTH), SOCKS)
    assert not LineAttribute("size", ["42"]).holds(shown(BOTH), SOCKS)
    assert not LineAttribute("weight", [1]).holds(shown(BOTH), SOCKS)


def test_all_of_and_any_of() -> None:
    """All hold, or at least one; none at all: all of nothing holds, any of nothing does not."""
    yes, no = Category(["clothing"]), Category(["food"])
    assert AllOf([yes, Brand(["acme"])]).holds(shown(BOTH), SOCKS)
    assert not AllOf([yes, no]).holds(shown(BOTH), SOCKS)
    assert AnyOf([no, yes]).holds(shown(BOTH), SOCKS)
    assert not AnyOf([no]).holds(shown(BOTH), SOCKS)
    assert AllOf([]).holds(shown(BOTH), None)
    assert not AnyOf([]).holds(shown(BOTH), None)


def test_all_of_about_the_whole_asks_each_of_some_line() -> None:
    """Asked about the whole, each member holds for some line, not all for the same one."""
    assert AllOf([Category(["clothing"]), Kind([LineKind.SHIPPING])]).holds(shown(BOTH), None)
    assert not AllOf([Category(["clothing"]), Kind([LineKind.SHIPPING])]).holds(shown(BOTH), SOCKS)


def test_a_fact_of_the_event() -> None:
    """A segment that the shop reports; what has no attributes states nothing."""
    vip = EventAttribute("segment", ["vip", 1])
    assert vip.holds(shown(purchase("1.00", attributes={"segment": "vip"})), None)
    assert not vip.holds(shown(purchase("1.00", attributes={"segment": "new"})), None)
    assert not vip.holds(shown(purchase("1.00", attributes={"segment": True})), None)
    assert not vip.holds(shown(BOTH), None)
    assert not vip.holds(attrs.evolve(shown(BOTH), event=None), None)


def test_the_channel_and_the_store() -> None:
    """Channels are those of any event, stores those of a purchase."""
    assert Channel(["app"]).holds(shown(purchase("1.00", channel="app")), None)
    assert Channel(["app"]).holds(shown(enrolment(channel="app")), None)
    assert not Channel(["app"]).holds(shown(purchase("1.00", channel="web")), None)
    assert not Channel(["app"]).holds(shown(BOTH), None)
    assert Store(["s-1"]).holds(shown(purchase("1.00", store="s-1")), None)
    assert not Store(["s-1"]).holds(shown(purchase("1.00", store="s-2")), None)
    assert not Store(["s-1"]).holds(shown(enrolment()), None)


def test_how_it_was_paid() -> None:
    """A tender of that kind paid something; a redemption paid a part."""
    tenders = [
        Tender(kind="card", total=USD.of(4)),
        Tender(kind="cash", total=USD.of(0)),
        Tender(kind="points", total=USD.of(1), redemption="d-1"),
    ]
    paid = shown(purchase("5.00", tenders=tenders))
    assert PaidWith(["card"]).holds(paid, None)
    assert not PaidWith(["cash"]).holds(paid, None)
    assert not PaidWith(["cheque"]).holds(paid, None)
    assert not PaidWith(["card"]).holds(shown(BOTH), None)
    assert not PaidWith(["card"]).holds(shown(enrolment()), None)
    assert PaidByRedemption().holds(paid, None)
    assert not PaidByRedemption().holds(shown(BOTH), None)
    assert not PaidByRedemption().holds(shown(enrolment()), None)


def test_a_spend_of_at_least_and_below() -> None:
    """The goods of the purchase after discounts; at the bound `at_least` holds and `below` does not."""
    assert Spend(at_least=USD.of(20)).holds(shown(BOTH), None)
    assert not Spend(at_least=USD.of("20.01")).holds(shown(BOTH), None)
    assert Spend(below=USD.of("20.01")).holds(shown(BOTH), None)
    assert not Spend(below=USD.of(20)).holds(shown(BOTH), None)
    assert Spend(at_least=USD.of(20), below=USD.of(30)).holds(shown(BOTH), None)
    less = purchase(SOCKS, discounts=[Discount(kind="coupon", total=USD.of(1))])
    assert not Spend(at_least=USD.of(20)).holds(shown(less), None)


def test_a_spend_of_other_kinds_and_without_tax() -> None:
    """Shipping counts if told, tax does not if told."""
    shipping: Any = [LineKind.SHIPPING]
    assert Spend(at_least=USD.of(5), kinds=shipping).holds(shown(BOTH), None)
    assert not Spend(at_least=USD.of(5), kinds=shipping, tax=False).holds(shown(BOTH), None)
    assert Spend(at_least=USD.of(4), kinds=shipping, tax=False).holds(shown(BOTH), None)


def test_a_spend_in_another_currency_is_no_spend() -> None:
    """A bound in EUR holds for no purchase in USD, from below neither; nor for an event without lines."""
    assert not Spend(at_least=EUR.of(1)).holds(shown(BOTH), None)
    assert not Spend(below=EUR.of(1000)).holds(shown(BOTH), None)
    assert not Spend(below=USD.of(1000)).holds(shown(enrolment()), None)


def test_the_spend_of_a_cart() -> None:
    """A request's cart is a spend too."""
    request = Redemption(id="d", member="m-1", occurred_at=NEW_YEAR, reward="off", cart=[SOCKS])
    assert Spend(at_least=USD.of(20)).holds(shown(request), None)


def test_a_quantity_of_some_lines() -> None:
    """Quantities add up exactly, of the lines that match."""
    two = purchase(Line(total=USD.of(1), quantity="0.1"), Line(total=USD.of(1), quantity="0.2"), SOCKS)
    assert Quantity("0.3", lines=Not(Category(["clothing"]))).holds(shown(two), None)
    assert not Quantity("0.30001", lines=Not(Category(["clothing"]))).holds(shown(two), None)
    assert Quantity("2.3").holds(shown(two), None)
    assert not Quantity(3).holds(shown(two), None)


def at(month: int, day: int, hour: int = 12) -> Occasion:
    """A purchase at an hour of UTC."""
    return shown(purchase("1.00", at=on(month, day, hour)))


def test_the_weekday_is_that_of_the_programs_zone() -> None:
    """1 January 2026 is a Thursday; at 3:00 UTC it is still Wednesday in New York."""
    assert Weekday([3]).holds(at(1, 1), None)
    assert Weekday([2]).holds(at(1, 1, 3), None)
    assert not Weekday([3]).holds(at(1, 1, 3), None)


def test_a_window_is_half_open() -> None:
    """A window holds at its start and not at its end; either side may be open."""
    assert Between(start=on(1, 1), end=on(1, 2)).holds(at(1, 1), None)
    assert not Between(start=on(1, 1), end=on(1, 2)).holds(at(1, 2), None)
    assert not Between(start=on(1, 2)).holds(at(1, 1), None)
    assert Between(start=on(1, 2)).holds(at(5, 2), None)
    assert Between(end=on(1, 2)).holds(at(1, 1), None)


def test_a_time_of_day_is_local_and_may_pass_midnight() -> None:
    """14:00 to 16:00 in New York is 19:00 to 21:00 UTC in winter; 22:00 to 02:00 goes over midnight."""
    afternoon = TimeOfDay(start=time(14), end=time(16))
    assert [afternoon.holds(at(1, 1, hour), None) for hour in (18, 19, 20, 21)] == [False, True, True, False]
    night = TimeOfDay(start=time(22), end=time(2))
    assert [night.holds(at(1, 2, hour), None) for hour in (2, 3, 6, 7)] == [False, True, True, False]


def test_a_recurrence() -> None:
    """Every Thursday from the New Year on."""
    thursdays = Recurs(Recurrence(starts=date(2026, 1, 1), every=Every.WEEK, weekdays=[3]))
    assert thursdays.holds(at(1, 8), None)
    assert not thursdays.holds(at(1, 9), None)


def grant(value: str | None = "gold", **fields: Any) -> Grant:
    """A grant of the tier, in force since the New Year."""
    known = {"valid_from": NEW_YEAR, "valid_until": on(2, 1), "uses": None, "giver": "@ann", "occasion": ""}
    return Grant(key="tier", value=value, source=Source(ANN, "g"), **{**known, **fields})


def test_a_grant_in_force() -> None:
    """A tier holds from its start to before its end, with uses left, and with one of the values asked for."""
    held = (grant(),)
    now = shown(purchase("1.00"), grants=held)
    assert HasGrant("tier").holds(now, None)
    assert HasGrant("tier", values=["silver", "gold"]).holds(now, None)
    assert not HasGrant("tier", values=["silver"]).holds(now, None)
    assert not HasGrant("member").holds(now, None)
    assert not HasGrant("tier").holds(shown(purchase("1.00", at=on(2, 1)), grants=held), None)
    for over in (grant(ended=True), grant(uses=0), grant(valid_from=on(1, 2))):
        assert not HasGrant("tier").holds(shown(purchase("1.00"), grants=(over,)), None)


def test_a_balance() -> None:
    """A balance of at least, more than, below; of what has no label, of a label, of all."""
    held = (Balance("points", None, 10), Balance("points", "gift", 5), Balance("USD", None, 99))
    now = shown(purchase("1.00"), *held)
    ten = POINTS.of(10)
    assert BalanceIs(at_least=ten).holds(now, None)
    assert not BalanceIs(more_than=ten).holds(now, None)
    assert not BalanceIs(below=ten).holds(now, None)
    assert BalanceIs(below=POINTS.of(11), more_than=POINTS.of(9)).holds(now, None)
    assert BalanceIs(below=ten, label="gift").holds(now, None)
    assert BalanceIs(at_least=POINTS.of(15), all_labels=True).holds(now, None)
    assert not BalanceIs(more_than=POINTS.of(0), label="none").holds(now, None)


def test_a_balance_says_what_it_reads_also_inside_others() -> None:
    """The balances that conditions read are known before anything is decided."""
    balance = BalanceIs(at_least=POINTS.of(1), label="gift")
    read = Read("points", "gift", False)
    assert balance.reads == (read,)
    assert AllOf([balance, Not(balance)]).reads == (read, read)
    assert AnyOf([Category(["x"]), balance]).reads == (read,)
    assert Not(Category(["x"])).reads == ()


def test_a_level_of_at_least_another_needs_a_ladder() -> None:
    """Where the terms have no such ladder nobody is of a level, so none is high enough."""
    assert not LevelIs("tier", at_least="gold").holds(shown(purchase("1.00")), None)


@pytest.mark.parametrize("under", [(), (Balance("USD", None, 0),), (Balance("USD", None, -5),)])
def test_a_ratio_to_nothing_does_not_hold(under: tuple[Balance, ...]) -> None:
    """Ten points over no spend, or over a debt, are no ratio: neither above a bound nor below it."""
    ten = Balance("points", None, 10)
    now = shown(purchase("1.00"), ten, *under)
    assert not RatioIs("points", "USD", at_least="0.01").holds(now, None)
    assert not RatioIs("points", "USD", below=100).holds(now, None)
    some = shown(purchase("1.00"), ten, Balance("USD", None, 5))
    assert RatioIs("points", "USD", at_least=2, below=3).holds(some, None)


REFUSED: dict[str, Callable[[], object]] = {
    "no SKU": Sku,
    "an SKU that is no id": lambda: Sku(["~x"]),
    "a prefix that is no word": lambda: Sku(prefixes=[""]),
    "no category": lambda: Category([]),
    "a text for a sequence": lambda: Category("food"),
    "no brand": lambda: Brand([]),
    "no tag": lambda: Tag([]),
    "a tag that is no word": lambda: Tag(["x" * 65]),
    "no kind": lambda: Kind([]),
    "a kind that is a text": lambda: Kind(["goods"]),  # type: ignore[list-item]
    "no attribute": lambda: LineAttribute("k", []),
    "a float for an attribute": lambda: EventAttribute("k", [1.5]),  # type: ignore[list-item]
    "a key that is no word": lambda: EventAttribute("", [1]),
    "no channel": lambda: Channel([]),
    "no store": lambda: Store([]),
    "no tender": lambda: PaidWith([]),
    "no bound of spend": Spend,
    "a kind of spend that is a text": lambda: Spend(at_least=USD.of(1), kinds="goods"),  # type: ignore[arg-type]
    "a quantity that is a float": lambda: Quantity(1.5),  # type: ignore[arg-type]
    "lines that are no condition": lambda: Quantity(1, lines="x"),  # type: ignore[arg-type]
    "no weekday": lambda: Weekday([]),
    "an eighth weekday": lambda: Weekday([7]),
    "a weekday that is a bool": lambda: Weekday([True]),
    "no window": Between,
    "a window that ends as it starts": lambda: Between(start=NEW_YEAR, end=NEW_YEAR),
    "a window without a zone": lambda: Between(start=datetime(2026, 1, 1)),
    "a time of day that ends as it starts": lambda: TimeOfDay(start=time(1), end=time(1)),
    "a grant without a key": lambda: HasGrant(""),
    "a grant's value that is no word": lambda: HasGrant("tier", values=[""]),
    "no bound of a balance": BalanceIs,
    "bounds in two units": lambda: BalanceIs(at_least=POINTS.of(1), below=USD.of(1)),
    "all of what is no condition": lambda: AllOf([5]),  # type: ignore[list-item]
    "any of a class": lambda: AnyOf([PaidByRedemption]),  # type: ignore[list-item]
    "not of nothing": lambda: Not(None),  # type: ignore[arg-type]
    "a code out of none": lambda: CodeGiven([]),
    "labels that are fewer than one": lambda: LabelsAre("points", at_least=0),
    "labels by a truth": lambda: LabelsAre("points", at_least=True),
    "a ratio without a bound": lambda: RatioIs("points", "USD"),
    "a leap day that is a text": lambda: YearlyWindow(leap_day="february"),  # type: ignore[arg-type]
    "all of one condition": lambda: AllOf(Category(["x"])),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_a_condition_that_asks_nothing_sensible_is_refused(make: Callable[[], object]) -> None:
    """Each validator of the conditions rejects."""
    with pytest.raises(InvalidValueError):
        make()


@attrs.frozen
class Palindrome:
    """A caller's own condition: the event's id reads the same backwards."""

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it does."""
        return occasion.event is not None and occasion.event.id == occasion.event.id[::-1]


def test_a_callers_own_condition_combines_with_ours() -> None:
    """Any frozen object with `holds` is a condition."""
    both = AllOf([Palindrome(), Category(["clothing"])])
    assert both.holds(shown(purchase(SOCKS, id="abba")), None)
    assert not both.holds(shown(purchase(SOCKS, id="abbb")), None)
    assert hash(both) == hash(AllOf([Palindrome(), Category(["clothing"])]))
