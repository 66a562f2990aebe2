"""Ceilings: how much is credited at most, and what the entry says of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from unit_shop import (
    EUR,
    POINTS,
    STARS,
    USD,
    Member,
    bookings,
    earned,
    earns,
    on,
    point_a_dollar,
    points_policy,
    program_of,
)

from patronage import (
    BonusRule,
    Ceiling,
    Decision,
    Grain,
    InvalidValueError,
    Line,
    MultiplierRule,
    On,
    Program,
)
from patronage.periods import DAY, LIFETIME, MONTH, Window
from patronage.terms_of_time import Rolling, days


def top(limit: int, name: str = "top", **fields: Any) -> Ceiling:
    """At most so many points."""
    return Ceiling(name=name, limit=POINTS.of(limit), **fields)


def capped(*ceilings: Ceiling, **fields: Any) -> Program:
    """A point a dollar under ceilings of the rule."""
    return program_of(points_policy(point_a_dollar(name="spend", ceilings=ceilings, **fields)))


def figures(decision: Decision) -> dict[str, tuple[int, int, str | None]]:
    """Of each rule: what it is granted, what it wanted, what trimmed it."""
    return {rule: (book.steps, book.wanted, book.trimmed_by) for rule, book in bookings(decision).items()}


def test_at_most_so_much_for_one_event() -> None:
    """A purchase earns 50 points at most; the entry keeps what was wanted and what was granted."""
    bought = Member(capped(top(50))).buy("80.00")
    assert earned(bought) == 50
    assert figures(bought) == {"spend": (50, 80, "top")}
    assert figures(Member(capped(top(50))).buy("50.00")) == {"spend": (50, 50, None)}


def test_each_event_has_its_own_room() -> None:
    """A ceiling without a period counts each purchase anew."""
    member = Member(capped(top(50)))
    assert earned(member.buy("80.00")) == 50
    assert earned(member.buy("80.00", id="o-2")) == 50


def test_at_most_so_much_a_month() -> None:
    """What is left of the month is granted, then nothing, then the next month begins in the program's zone."""
    member = Member(capped(top(100, per=MONTH)))
    assert earned(member.buy("80.00", at=on(1, 5))) == 80
    assert figures(member.buy("80.00", id="o-2", at=on(1, 6))) == {"spend": (20, 80, "top")}
    assert earned(member.buy("80.00", id="o-3", at=on(1, 7))) == 0
    assert earned(member.buy("80.00", id="o-4", at=on(2, 1, 4))) == 0  # Still January in New York.
    assert earned(member.buy("80.00", id="o-5", at=on(2, 1, 6))) == 80


def test_at_most_so_much_ever() -> None:
    """A ceiling per lifetime is used up once."""
    member = Member(capped(top(10, per=LIFETIME)))
    assert earned(member.buy("8.00", at=on(1, 5))) == 8
    assert earned(member.buy("8.00", id="o-2", at=on(1, 5, year=2030))) == 2
    assert earned(member.buy("8.00", id="o-3", at=on(1, 5, year=2040))) == 0


def test_at_most_so_much_in_any_days() -> None:
    """In a rolling week each use is free again seven days after it."""
    member = Member(capped(top(10, per=Rolling(term=days(7)))))
    assert earned(member.buy("6.00", at=on(1, 5))) == 6
    assert earned(member.buy("6.00", id="o-2", at=on(1, 8))) == 4
    assert earned(member.buy("9.00", id="o-3", at=on(1, 12))) == 6
    assert earned(member.buy("9.00", id="o-4", at=on(1, 14))) == 0


def test_at_most_so_much_for_each_dollar() -> None:
    """Never more than two points a dollar of the spend, whatever the multipliers."""
    per_money = top(2, per_money=USD.of(1))
    rule = point_a_dollar(name="spend", whole=False, grain=Grain.EVENT, ceilings=[per_money])
    program = program_of(points_policy(rule))
    assert earns(program, "10.00") == 10
    generous = point_a_dollar(name="spend", credit=POINTS.of(5), ceilings=[per_money])
    assert earns(program_of(points_policy(generous)), "10.50") == 21


def test_the_policys_ceiling_per_dollar_holds_for_the_sum() -> None:
    """Two rules of a point a dollar under one of 1.5 a dollar: the later one is trimmed."""
    rules = (point_a_dollar(name="a"), point_a_dollar(name="b"))
    program = program_of(points_policy(*rules, ceilings=[top(3, per_money=USD.of(2))]))
    assert figures(Member(program).buy("10.00")) == {"a": (10, 10, None), "b": (5, 10, "top")}


def test_the_balance_stays_at_or_below() -> None:
    """A member never holds more than 100 points by earning; an operator may still give more."""
    member = Member(capped(top(100, on_balance=True)))
    assert earned(member.buy("80.00")) == 80
    assert earned(member.buy("80.00", id="o-2")) == 20
    assert earned(member.buy("80.00", id="o-3")) == 0
    member.adjust("50 points")
    assert earned(member.buy("80.00", id="o-4")) == 0
    member.adjust("-100 points", id="j-2")
    assert earned(member.buy("80.00", id="o-5")) == 50


def spend_top(limit: str, **fields: Any) -> Ceiling:
    """Spend of so much counts at most."""
    return Ceiling(name="spend-top", limit=USD.of(limit), **fields)


def test_at_most_so_much_spend_counts() -> None:
    """The first 100 dollars of a month count; a purchase that crosses is split exactly."""
    member = Member(capped(spend_top("100.00", per=MONTH), whole=False))
    assert earned(member.buy("60.00")) == 60
    assert figures(member.buy("60.00", id="o-2")) == {"spend": (40, 60, "spend-top")}
    assert earned(member.buy("60.00", id="o-3")) == 0


def test_beyond_the_spend_another_rate_holds() -> None:
    """Five points a dollar on the first 100 dollars of a month, one beyond."""
    points = point_a_dollar(
        name="spend", credit=POINTS.of(5), ceilings=[spend_top("100.00", per=MONTH, beyond=POINTS.of(1))]
    )
    member = Member(program_of(points_policy(points)))
    assert earned(member.buy("80.00")) == 400
    assert earned(member.buy("80.00", id="o-2")) == 20 * 5 + 60
    assert earned(member.buy("80.00", id="o-3")) == 80


def test_the_spend_of_one_event_is_limited_too() -> None:
    """Without a period the ceiling on spend holds for each purchase."""
    member = Member(capped(spend_top("10.00")))
    assert earned(member.buy("15.00")) == 10
    assert earned(member.buy("15.00", id="o-2")) == 10


def test_spend_that_does_not_fit_whole_counts_not_at_all() -> None:
    """With `whole` a purchase that crosses the ceiling on spend earns nothing, and leaves its room."""
    member = Member(capped(spend_top("100.00", per=MONTH, whole=True)))
    assert earned(member.buy("101.00")) == 0
    assert earned(member.buy("100.00", id="o-2")) == 100


def test_spend_is_counted_in_the_order_of_the_lines() -> None:
    """With the grain of a line, the first lines fill the room."""
    program = capped(spend_top("10.00"), whole=False, grain=Grain.LINE)
    assert earns(program, "6.50", "6.50") == 6 + 3
    by_line = Member(capped(spend_top("10.00"), grain=Grain.LINE)).buy("6.50", "6.50")
    assert figures(by_line)["spend"][0] == 9


def test_what_does_not_fit_whole_is_refused_whole() -> None:
    """With `whole` a bonus that does not fit is not given in part."""
    bonus = BonusRule(
        name="bonus", credit=POINTS.of(40), on=On.ACTIVITY, activity="review", ceilings=[top(100, per=DAY, whole=True)]
    )
    member = Member(program_of(points_policy(bonus)))
    got = [earned(member.does("review", id=f"a-{n}")) for n in range(4)]
    assert got == [40, 40, 0, 0]


def test_a_ceiling_may_count_each_label_of_its_own() -> None:
    """By label, the points of one funder do not use up the room of another."""
    shop = point_a_dollar(name="shop", label="shop", ceilings=[top(10, per=MONTH, by_label=True)])
    member = Member(program_of(points_policy(shop)))
    assert earned(member.buy("8.00")) == 8
    assert earned(member.buy("8.00", id="o-2")) == 2
    (count,) = member.state.lots["base.top"]
    assert count.label == "2026-01/shop"


def test_a_ceiling_may_count_each_value_of_an_attribute() -> None:
    """A review of each product once: the event says which it is; what says nothing counts together."""
    review = BonusRule(
        name="review",
        credit=POINTS.of(25),
        on=On.ACTIVITY,
        activity="review",
        ceilings=[top(25, per=LIFETIME, by="item", whole=True)],
    )
    member = Member(program_of(points_policy(review)))
    items: list[dict[str, str]] = [{"item": "mug"}, {"item": "cup"}, {"item": "mug"}, {}, {}, {"item": "m" * 64}]
    got = [earned(member.does("review", id=f"a-{n}", attributes=item)) for n, item in enumerate(items)]
    assert got == [25, 25, 0, 25, 0, 25]
    assert earned(member.does("review", id="again", attributes={"item": "m" * 64})) == 0


def test_a_return_makes_room_for_its_own_value() -> None:
    """What a purchase of one campaign used comes back to that campaign alone."""
    spend = point_a_dollar(ceilings=[top(10, per=MONTH, by="campaign")])
    member = Member(program_of(points_policy(spend)))
    assert earned(member.buy("8.00", id="o-1", attributes={"campaign": "a"})) == 8
    assert earned(member.buy("8.00", id="o-2", attributes={"campaign": "b"})) == 8
    member.refund("o-1", id="r-1")
    assert earned(member.buy("8.00", id="o-3", attributes={"campaign": "b"})) == 2
    assert earned(member.buy("12.00", id="o-4", attributes={"campaign": "a"})) == 10


@pytest.mark.parametrize("fields", [{}, {"on_balance": True}, {"per": MONTH, "shared": "budget"}])
def test_what_counts_by_an_attribute_is_a_members_own_period(fields: dict[str, Any]) -> None:
    """One event has one value; a shared account is read by period."""
    with pytest.raises(InvalidValueError, match="goes with a period"):
        Ceiling(name="top", limit=POINTS.of(10), by="item", **fields)


def test_the_count_is_a_tally_that_ends_after_refunds_did() -> None:
    """The use of a month is a tally of the policy, kept until the month's end plus the time for refunds."""
    member = Member(capped(top(100, per=MONTH)))
    member.buy("80.00", at=on(1, 5))
    (lot,) = member.state.lots["base.top"]
    assert (lot.steps, lot.label) == (80, "2026-01")
    assert lot.validity.expires_at == on(2, 1, 5, year=2027)
    assert lot.source is None


def test_ceilings_of_a_policy_hold_for_the_sum_of_its_rules_in_order() -> None:
    """The rules are granted in the order in which they are listed; the last ones are trimmed."""
    rules = (point_a_dollar(name="a"), BonusRule(name="b", credit=POINTS.of(30)), point_a_dollar(name="c"))
    program = program_of(points_policy(*rules, ceilings=[top(60)]))
    assert figures(Member(program).buy("40.00")) == {"a": (40, 40, None), "b": (20, 30, "top")}


def test_several_ceilings_hold_together() -> None:
    """The rule's ceiling first, then the policy's; each keeps its own count."""
    rule = point_a_dollar(name="spend", ceilings=[top(50, "daily", per=DAY)])
    member = Member(program_of(points_policy(rule, ceilings=[top(80, "monthly", per=MONTH)])))
    assert figures(member.buy("60.00", at=on(1, 5))) == {"spend": (50, 60, "daily")}
    assert figures(member.buy("60.00", id="o-2", at=on(1, 6))) == {"spend": (30, 60, "monthly")}


def test_a_ceiling_of_the_policy_is_for_its_unit_alone() -> None:
    """Stars are not trimmed by a ceiling on points."""
    rules = (point_a_dollar(name="a"), BonusRule(name="b", credit=STARS.of(30)))
    program = program_of(points_policy(*rules, ceilings=[top(5)]))
    assert earns(program, "40.00", unit=STARS) == 30
    assert earns(program, "40.00") == 5


def test_a_multiplier_is_under_the_ceilings_of_its_rule() -> None:
    """What a multiplier adds is trimmed with the rule it multiplies."""
    rule = point_a_dollar(name="spend", ceilings=[top(15)])
    program = program_of(points_policy(rule, MultiplierRule(name="m", factor=2), ceilings=[top(18, "all")]))
    assert earns(program, "10.00") <= 18


def test_a_full_ceiling_says_so_in_the_trace() -> None:
    """Why nothing was earned: the ceiling is full."""
    program = capped(top(10, per=MONTH))
    member = Member(program)
    member.buy("10.00")
    second = member.buy("10.00", id="o-2")
    assert bookings(second) == {}
    assert second.commit is not None
    assert any(balance.unit == "base.top" for balance in second.commit.basis.balances)


def test_a_window_is_a_period_too() -> None:
    """In a campaign's window at most so much; the window must hold the purchase."""
    program = capped(top(10, per=Window(start=on(1, 1, 0), end=on(2, 1, 0))))
    member = Member(program)
    assert earned(member.buy("8.00", at=on(1, 5))) == 8
    assert earned(member.buy("8.00", id="o-2", at=on(1, 6))) == 2


def test_the_use_is_counted_even_over_many_days() -> None:
    """The same ceiling on a later day of the month reads the same tally."""
    member = Member(capped(top(5, per=MONTH)))
    got = [earned(member.buy("2.00", id=f"o-{n}", at=on(1, 5) + timedelta(days=n))) for n in range(4)]
    assert got == [2, 2, 1, 0]


REFUSED: dict[str, Callable[[], object]] = {
    "a limit of nothing": lambda: top(0),
    "a limit that is a number": lambda: Ceiling(name="x", limit=5),  # type: ignore[arg-type]
    "no name": lambda: top(5, ""),
    "a period and money": lambda: top(5, per=MONTH, per_money=USD.of(1)),
    "a period and the balance": lambda: top(5, per=MONTH, on_balance=True),
    "money and the balance": lambda: top(5, per_money=USD.of(1), on_balance=True),
    "beyond nothing": lambda: spend_top("1.00", beyond=POINTS.of(0)),
    "per no money": lambda: top(5, per_money=USD.of(0)),
    "two of one name in a rule": lambda: capped(top(5), top(6)),
    "two of one name in a policy": lambda: program_of(
        points_policy(point_a_dollar(ceilings=[top(5, per=DAY)]), ceilings=[top(5, per=MONTH)])
    ),
    "ceilings that are none": lambda: point_a_dollar(ceilings=[5]),
    "a ceiling alone": lambda: point_a_dollar(ceilings=top(5)),
    "two on the spend of a rule": lambda: capped(spend_top("1.00"), Ceiling(name="other", limit=USD.of(2), per=MONTH)),
    "one in another unit": lambda: capped(Ceiling(name="x", limit=STARS.of(5))),
    "one in another currency": lambda: capped(Ceiling(name="x", limit=EUR.of(5))),
    "beyond a limit of points": lambda: capped(top(5, beyond=POINTS.of(1))),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_a_ceiling_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    """Each validator of ceilings rejects, at the latest where the program is made."""
    with pytest.raises(InvalidValueError):
        make()


@pytest.mark.parametrize("field", ["on_balance", "whole", "room_back", "by_label"])
def test_a_ceilings_switches_are_bools(field: str) -> None:
    """A number is no switch."""
    number: dict[str, Any] = {field: 1}
    with pytest.raises(TypeError):
        top(5, **number)


def test_a_line_of_points_is_no_spend_in_dollars() -> None:
    """A purchase in points uses no room of a ceiling on dollars."""
    member = Member(capped(spend_top("100.00", per=MONTH)))
    assert earned(member.buy(Line(total=POINTS.of(50)))) == 0
    assert earned(member.buy("100.00", id="o-2")) == 100


def test_a_rule_of_cash_back_says_whether_its_ceiling_is_of_spend() -> None:
    """Cash back is in the money that it counts: at most 1.00 of it, or 5% of at most 1.00 of spend."""
    for of_spend, cents in ((False, 100), (True, 5)):
        ceiling = Ceiling(name="top", limit=USD.of(1), per=MONTH, of_spend=of_spend)
        rule = point_a_dollar(credit=USD.of("0.05"), whole=False, ceilings=[ceiling])
        assert earns(program_of(points_policy(rule)), "99.00", unit=USD) == cents
    for wrong in (top(5, of_spend=True), Ceiling(name="x", limit=EUR.of(5), of_spend=True)):
        with pytest.raises(InvalidValueError, match="is of spend"):
            capped(wrong)


def test_a_ceiling_of_spend_with_the_rates_of_an_event() -> None:
    """Two rules may each count the same month of spend."""
    rules = [
        point_a_dollar(name="a", ceilings=[spend_top("50.00", per=MONTH)]),
        point_a_dollar(name="b", ceilings=[Ceiling(name="b-top", limit=USD.of(20), per=MONTH)]),
    ]
    member = Member(program_of(points_policy(*rules)))
    assert earned(member.buy("60.00")) == 70
    assert earned(member.buy("60.00", id="o-2")) == 0
