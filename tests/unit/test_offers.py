"""Offers: audience, activation, window, use limits, budgets; bonus, multiplier, replacement, goal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from unit_shop import (
    POINTS,
    STARS,
    TICK,
    UNITS,
    USD,
    VISITS,
    Member,
    bookings,
    earned,
    on,
    point_a_dollar,
    program_of,
    purchase,
)

from patronage import (
    Account,
    BonusRule,
    Ceiling,
    Group,
    InvalidValueError,
    Line,
    MultiplierRule,
    OfferPolicy,
    Program,
    RefundLine,
    SpendRule,
    Stacking,
    State,
    StatusGrant,
    Unit,
    UnitKind,
)
from patronage.challenges import Different, Goal, Milestone
from patronage.conditions import Category, EventAttribute
from patronage.offers import Activation, Offer, UseLimit
from patronage.periods import LIFETIME, MONTH
from patronage.terms_of_time import Until, days
from patronage.thresholds import GiveCredit

SPENT = Unit("spent", decimals=2, kind=UnitKind.TALLY)
BASE = point_a_dollar(name="base")
COFFEE = Category(["coffee"])
BONUS = BonusRule(credit=POINTS.of(100))
WEEK_LONG = Activation(lasts=days(7, until=Until.END_OF_DAY, inclusive=True))


def program(*offers: Offer, groups: tuple[Group, ...] = (), rules: tuple[Any, ...] = (BASE,)) -> Program:
    """A point a dollar, and those offers."""
    return program_of(OfferPolicy(name="own", offers=offers, rules=rules, groups=groups), units=(*UNITS, SPENT))


def member_of(*offers: Offer, **fields: Any) -> Member:
    """A member of that program."""
    return Member(program(*offers, **fields))


def coffee(total: str, id: str = "coffee") -> Line:
    """A line of coffee."""
    return Line(id=id, total=USD.of(total), category="coffee")


class TestForWhom:
    """Audience, window and activation."""

    def test_a_segment_that_the_event_states(self) -> None:
        """Only for those whom the shop names."""
        member = member_of(Offer(name="vip", rules=(BONUS,), audience=EventAttribute("segment", ["vip"])))
        assert earned(member.buy("10.00", id="1")) == 10
        assert earned(member.buy("10.00", id="2", attributes={"segment": "vip"})) == 110

    def test_a_window(self) -> None:
        """From its start on and before its end."""
        member = member_of(Offer(name="may", rules=(BONUS,), start=on(5, 1), end=on(6, 1)))
        times = [on(5, 1) - TICK, on(5, 1), on(6, 1) - TICK, on(6, 1)]
        assert [earned(member.buy("1.00", id=str(n), at=at)) for n, at in enumerate(times)] == [1, 101, 101, 1]

    def test_it_is_activated(self) -> None:
        """Before the activation nothing; then for seven local days, the first one included."""
        member = member_of(Offer(name="coffee3x", rules=(BONUS,), activation=WEEK_LONG))
        assert earned(member.buy("1.00", id="1", at=on(3, 1))) == 1
        member.does("activate", id="a-1", at=on(3, 2), attributes={"offer": "another"})
        assert earned(member.buy("1.00", id="2", at=on(3, 2, 13))) == 1
        member.does("activate", id="a-2", at=on(3, 2, 14), attributes={"offer": "coffee3x"})
        end = datetime(2026, 3, 9, 4, tzinfo=UTC)
        assert earned(member.buy("1.00", id="3", at=end - TICK)) == 101
        assert earned(member.buy("1.00", id="4", at=end)) == 1

    def test_it_cannot_be_activated_outside_its_window(self) -> None:
        """Nor by those for whom it is not."""
        member = member_of(Offer(name="o", rules=(BONUS,), activation=Activation(), end=on(3, 1)))
        member.does("activate", at=on(3, 1), attributes={"offer": "o"})
        assert member.standing().grants("own.o") == ()

    def test_an_operator_gives_it(self) -> None:
        """A targeted member holds the right from an operator."""
        member = member_of(Offer(name="o", rules=(BONUS,), activation=Activation()))
        member.accept(
            StatusGrant(
                id="s", member="m-1", occurred_at=on(2, 1), key="own.o", actor="crm", reason="target", until=on(3, 1)
            )
        )
        assert earned(member.buy("1.00", id="1", at=on(2, 2))) == 101
        assert earned(member.buy("1.00", id="2", at=on(3, 1))) == 1


class TestHowOften:
    """Use limits and budgets."""

    def test_uses_of_a_member(self) -> None:
        """Twice a month; a purchase that it gave nothing for is no use."""
        offer = Offer(
            name="o",
            rules=(SpendRule(per=USD.of(1), credit=POINTS.of(2), lines=COFFEE),),
            limits=(UseLimit(name="twice", uses=2, per=MONTH),),
        )
        member = member_of(offer)
        assert earned(member.buy("5.00", id="0", at=on(1, 5))) == 5
        assert [earned(member.buy(coffee("5.00"), id=f"{n}", at=on(1, 5 + n))) for n in (1, 2, 3)] == [15, 15, 5]
        assert earned(member.buy(coffee("5.00"), id="4", at=on(2, 5))) == 15

    def test_a_return_gives_the_use_back(self) -> None:
        """Unless the limit keeps it."""
        for room_back, expected in ((True, 101), (False, 1)):
            limit = UseLimit(name="once", uses=1, room_back=room_back)
            member = member_of(Offer(name="o", rules=(BONUS,), limits=(limit,)))
            assert earned(member.buy("1.00", id="1")) == 101
            member.refund("1")
            assert earned(member.buy("1.00", id="2")) == expected

    def test_a_part_that_comes_back_keeps_the_use(self) -> None:
        """The offer still gives something for what is left."""
        member = member_of(Offer(name="o", rules=(BONUS,), limits=(UseLimit(name="once", uses=1),)))
        member.buy(Line(id="a", total=USD.of(1)), Line(id="b", total=USD.of(1)), id="1")
        member.refund("1", lines=[RefundLine(id="a")])
        assert member.has() == 101
        assert earned(member.buy("1.00", id="2")) == 1

    def test_uses_of_all_members(self) -> None:
        """The first one only, whoever that is."""
        limit = UseLimit(name="first", uses=1, per=LIFETIME, shared="first-ever")
        shop = program(Offer(name="o", rules=(BONUS,), limits=(limit,)))
        stock = State.of(Account.shared("first-ever"))
        first = shop.decide(State.of("m-1"), purchase("1.00", id="1"), others=(stock,)).require()
        assert earned(first) == 101
        (used,) = [state for state in first.states if state.account == stock.account]
        second = attr_of("m-2", "2")
        assert earned(shop.decide(State.of("m-2"), second, others=(used,)).require()) == 1

    def test_a_budget_over_all_its_rules(self) -> None:
        """What its rules credit together, in all: the last one is trimmed."""
        rules = (
            BonusRule(name="visit", credit=POINTS.of(30)),
            SpendRule(name="more", per=USD.of(1), credit=POINTS.of(1)),
        )
        budget = Ceiling(name="budget", limit=POINTS.of(50), per=LIFETIME, shared="pot")
        shop = program(Offer(name="o", rules=rules, ceilings=(budget,)))
        decision = shop.decide(State.of("m-1"), purchase("25.00"), others=(State.of(Account.shared("pot")),)).require()
        assert {name: book.steps for name, book in bookings(decision).items()} == {"base": 25, "visit": 30, "more": 20}

    def test_a_cap_on_what_a_multiplier_adds(self) -> None:
        """Three times, but five hundred more at most; the base is not held down."""
        offer = Offer(
            name="coffee3x",
            rules=(MultiplierRule(factor=3, lines=COFFEE),),
            ceilings=(Ceiling(name="cap", limit=POINTS.of(500), per=LIFETIME),),
        )
        member = member_of(offer)
        assert earned(member.buy(coffee("300.00"), id="1")) == 800
        assert earned(member.buy(coffee("100.00"), id="2")) == 100
        member.refund("1")
        assert earned(member.buy(coffee("100.00"), id="3")) == 300


class TestWhatItGives:
    """Multipliers of the policy's rules, replacements, goals, groups."""

    def test_a_multiplier_works_on_the_policy_s_rules_alone(self) -> None:
        """It does not multiply what another offer gives."""
        member = member_of(
            Offer(name="twice", rules=(MultiplierRule(factor=2),)),
            Offer(name="bonus", rules=(BONUS,)),
        )
        assert earned(member.buy("10.00")) == 120

    def test_offers_stack_as_their_groups_say(self) -> None:
        """Only the best of two bonuses counts."""
        offers = (
            Offer(name="a", rules=(BonusRule(credit=POINTS.of(5)),), group="one"),
            Offer(name="b", rules=(BonusRule(credit=POINTS.of(7)),), group="one"),
        )
        member = member_of(*offers, groups=(Group(name="one", stacking=Stacking.BEST),))
        assert earned(member.buy("1.00")) == 8

    def test_it_replaces_the_whole(self) -> None:
        """A featured product is a thousand points instead of what a dollar earns."""
        featured = Offer(
            name="featured",
            rules=(BonusRule(credit=POINTS.of(1000), when=EventAttribute("featured", [True])),),
            replaces=("base",),
        )
        member = member_of(featured)
        assert earned(member.buy("19.99", id="1")) == 19
        assert earned(member.buy("19.99", id="2", attributes={"featured": True})) == 1000

    def test_it_replaces_on_its_lines(self) -> None:
        """Coffee earns five a dollar instead of one; the rest of the cart one."""
        five = Offer(
            name="five", rules=(SpendRule(per=USD.of(1), credit=POINTS.of(5), lines=COFFEE),), replaces=("base",)
        )
        member = member_of(five)
        assert earned(member.buy(coffee("10.00"), "3.00")) == 53

    def test_used_up_it_replaces_nothing(self) -> None:
        """Where the limit is reached the rule for everybody counts again."""
        five = Offer(
            name="five",
            rules=(SpendRule(per=USD.of(1), credit=POINTS.of(5)),),
            replaces=("base",),
            limits=(UseLimit(name="once", uses=1),),
        )
        member = member_of(five)
        assert [earned(member.buy("10.00", id=str(n))) for n in (1, 2)] == [50, 10]

    def test_a_goal_in_the_offer_s_window(self) -> None:
        """Three different kinds of coffee in May, for those whom the shop names."""
        goal = Goal(
            name="g",
            milestones=[Milestone(at_least=VISITS.of(2), gives=[GiveCredit(amount=POINTS.of(500))])],
            different=Different(),
        )
        vip = EventAttribute("segment", ["vip"])
        member = member_of(Offer(name="kinds", goal=goal, audience=vip, start=on(5, 1), end=on(6, 1)), rules=())
        facts = {"segment": "vip"}

        def buys(id: str, sku: str, month: int, **fields: Any) -> int:
            line = Line(total=USD.of(3), sku=sku)
            return earned(member.buy(line, id=id, at=on(month, int(id)), **fields))

        assert [buys("1", "a", 4, attributes=facts), buys("2", "b", 4, attributes=facts)] == [0, 0]
        assert [buys("3", "a", 5, attributes=facts), buys("4", "a", 5, attributes=facts)] == [0, 0]
        assert buys("5", "b", 5) == 0
        assert buys("6", "c", 5, attributes=facts) == 500

    def test_a_goal_in_the_time_of_the_activation(self) -> None:
        """Spend forty within a week of activating it, once; a return below it takes the bonus back."""
        goal = Goal(
            name="any",
            milestones=[Milestone(at_least=SPENT.of(40), gives=[GiveCredit(amount=POINTS.of(150))])],
            counts=[SpendRule(per=USD.of("0.01"), credit=SPENT.of("0.01"))],
        )
        member = member_of(Offer(name="spend40", goal=goal, activation=WEEK_LONG), rules=())
        member.buy("30.00", id="0", at=on(3, 1))
        member.does("activate", at=on(3, 2), attributes={"offer": "spend40"})
        member.buy("25.00", id="1", at=on(3, 3))
        assert (member.has(), member.has(SPENT)) == (0, 2500)
        member.buy(Line(id="a", total=USD.of(10)), Line(id="b", total=USD.of(5)), id="2", at=on(3, 4))
        assert member.has() == 150
        member.buy("60.00", id="3", at=on(3, 5))
        member.refund("3", at=on(3, 6))
        assert member.has() == 150
        member.refund("2", id="r-2", lines=[RefundLine(id="b")], at=on(3, 7))
        assert (member.has(), member.has(SPENT)) == (0, 3500)


class TestRefused:
    """What makes no sense is refused, in plain words."""

    @pytest.mark.parametrize(
        ("make", "says"),
        [
            (lambda: Offer(name="o", rules=(BONUS,), start=on(2, 1), end=on(1, 1)), "must end after"),
            (lambda: Offer(name="o"), "by rules or by a goal"),
            (lambda: UseLimit(name="l", uses=0), "at least 1"),
            (lambda: Ceiling(name="c", limit=POINTS.of(0)), "above 0"),
            (lambda: OfferPolicy(name="own", offers=()), "has offers"),
            (
                lambda: OfferPolicy(name="own", offers=[Offer(name="o", rules=(BONUS,), replaces=("base",))]),
                "no named rule",
            ),
            (
                lambda: program_of(
                    OfferPolicy(
                        name="own",
                        offers=[Offer(name="o", rules=(BONUS,))],
                        ceilings=[Ceiling(name="c", limit=POINTS.of(1), of=("x",))],
                    )
                ),
                "is no rule",
            ),
            (
                lambda: program_of(
                    OfferPolicy(
                        name="own",
                        offers=[Offer(name=n, rules=(BONUS,), limits=(UseLimit(name="same", uses=1),)) for n in "ab"],
                    )
                ),
                "one name",
            ),
        ],
    )
    def test_a_plain_sentence(self, make: Any, says: str) -> None:
        """Each says what is wrong."""
        with pytest.raises(InvalidValueError, match=says):
            make()


def attr_of(member: str, id: str) -> Any:
    """A purchase of a dollar by another member."""
    made = purchase("1.00", id=id)
    return type(made)(id=id, member=member, occurred_at=made.occurred_at, lines=made.lines)


def test_what_is_worth_nothing_is_no_use() -> None:
    """A refund of what gave no stars changes no count."""
    offer = Offer(
        name="o",
        rules=(BonusRule(credit=STARS.of(1), when=EventAttribute("x", [True])),),
        limits=(UseLimit(name="l", uses=1),),
    )
    member = member_of(offer)
    member.buy("1.00", id="1")
    member.refund("1")
    assert member.buy("1.00", id="2", attributes={"x": True}).earned(STARS).total.steps == 1
