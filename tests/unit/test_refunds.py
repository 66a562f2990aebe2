"""Refunds: a purchase decided again without what came back, and the difference booked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit_shop import (
    EUR,
    MINUTE,
    NEW_YEAR,
    POINTS,
    STARS,
    USD,
    Member,
    bookings,
    earned,
    moves,
    on,
    only,
    point_a_dollar,
    points_policy,
    program_of,
)

from patronage import (
    AmountOverflowError,
    Base,
    BenefitKind,
    BonusRule,
    Ceiling,
    Decision,
    Discount,
    Enrolment,
    InvalidValueError,
    Life,
    Line,
    On,
    PayWithPoints,
    Program,
    RefundLine,
    RefundTerms,
    Rejected,
    RejectionCode,
    Rounding,
    StatusGrant,
    Tender,
    Terms,
)
from patronage.bands import Band
from patronage.conditions import Spend
from patronage.periods import MONTH
from patronage.rules import Rule
from patronage.terms import Expired, Returned, Shortfall
from patronage.terms_of_time import Rolling, days, months, years

LIVING = Life(expires_after=years(1))


def shop(*rules: Rule, refunds: RefundTerms | None = None, **fields: Any) -> Member:
    """A member of a program with those rules, or with a point a dollar that ends after a year."""
    rules = rules or (point_a_dollar(name="spend", life=LIVING),)
    reward = PayWithPoints(name="off", points=POINTS.of(100), value=USD.of(1), whole_blocks=False)
    return Member(program_of(points_policy(*rules), rewards=[reward], refunds=refunds or RefundTerms(), **fields))


def part(id: str = "1", **fields: Any) -> list[RefundLine]:
    """One line that comes back."""
    return [RefundLine(id=id, **fields)]


def code(decision: Decision) -> RejectionCode:
    """Why it was refused."""
    assert isinstance(decision, Rejected)
    return decision.code


class TestHow:
    """What may come back."""

    def test_everything(self) -> None:
        """A refund that names nothing brings back all."""
        member = shop()
        member.buy("19.99", "5.00")
        assert earned(member.refund()) == -24
        assert member.has() == 0
        assert not member.state.lots

    def test_by_quantity(self) -> None:
        """One of three pieces takes back a third of what the line cost."""
        member = shop()
        member.buy(Line(total=USD.of(30), quantity=3), "5.00")
        assert earned(member.refund(lines=part(quantity=1))) == -10
        assert earned(member.refund(lines=part(quantity=2), id="r-2")) == -20
        assert member.has() == 5

    def test_by_money(self) -> None:
        """Five dollars of a line, as a courtesy."""
        member = shop()
        member.buy("30.00", "5.00")
        assert earned(member.refund(lines=part(total=USD.of(5)))) == -5
        assert earned(member.refund(lines=part(), id="r-2")) == -25

    def test_by_a_total(self) -> None:
        """A total is spread over what is left of the lines."""
        member = shop()
        member.buy("30.00", "10.00")
        assert earned(member.refund(total=USD.of(20))) == -20
        assert earned(member.refund(total=USD.of(20), id="r-2")) == -20

    def test_what_is_left_counts_anew(self) -> None:
        """19.99 earned 19; without 0.50 of it 19.49 earn 19 still: nothing is taken."""
        member = shop()
        member.buy("19.99")
        assert earned(member.refund(total=USD.of("0.50"))) == 0
        assert earned(member.refund(total=USD.of("0.50"), id="r-2")) == -1

    def test_parts_add_up_to_the_whole(self) -> None:
        """Returned cent by cent, the points are all taken back, exactly."""
        member = shop()
        member.buy(Line(total=USD.of("10.00"), quantity=7))
        taken = [earned(member.refund(lines=part(quantity=1), id=f"r-{n}")) for n in range(7)]
        assert sum(taken) == -10
        assert member.has() == 0

    def test_discounts_tax_and_tenders_follow(self) -> None:
        """Half of the goods back: the coupon and the points that paid shrink with them."""
        base = Base(less_tenders=["points"])
        member = shop(point_a_dollar(name="spend", base=base))
        line = Line(total=USD.of(44), tax=USD.of(4), quantity=2, discounts=[Discount(kind="staff", total=USD.of(2))])
        paid = [Tender(kind="points", total=USD.of(11)), Tender(kind="card", total=USD.of(11))]
        bought = member.buy(line, discounts=[Discount(kind="coupon", total=USD.of(22))], tenders=paid)
        assert earned(bought) == 10
        assert earned(member.refund(lines=part(quantity=1))) == -5

    def test_the_kept_measures_follow_the_quantity(self) -> None:
        """Two of three trips back leave a third of the kilometres, to twelve decimals."""
        rule = point_a_dollar(name="spend")
        member = shop(rule)
        member.buy(Line(total=USD.of(30), quantity=3, measures={"km": 100}))
        assert earned(member.refund(lines=part(quantity=2))) == -20

    def test_a_free_line_comes_back_too(self) -> None:
        """A line of nothing can be returned by quantity, and earns nothing back."""
        member = shop()
        member.buy("10.00", Line(total=USD.of(0), quantity=2))
        assert earned(member.refund(lines=part("2", quantity=1))) == 0
        assert earned(member.refund(lines=part("2"), id="r-2")) == 0
        assert code(member.return_of(lines=part("2"), id="r-3")) is RejectionCode.REFUND_EXCEEDS_PURCHASE
        assert member.has() == 10

    def test_a_line_that_a_discount_made_free_follows_its_quantity(self) -> None:
        """The money of a line without charge goes with its quantity."""
        member = shop(point_a_dollar(name="spend", base=Base(before_discounts=["gift"])))
        member.buy(Line(total=USD.of(20), quantity=2), discounts=[Discount(kind="gift", total=USD.of(20))])
        assert member.has() == 20
        assert earned(member.refund(lines=part(quantity=1))) == -10

    def test_too_much_is_refused(self) -> None:
        """More pieces, more money, a line twice over, another currency, a line that never was."""
        member = shop()
        member.buy(Line(total=USD.of(30), quantity=3), "10.00")
        exceeds = RejectionCode.REFUND_EXCEEDS_PURCHASE
        assert code(member.return_of(lines=part(quantity=4))) is exceeds
        assert code(member.return_of(lines=part(total=USD.of("30.01")), id="r-2")) is exceeds
        assert code(member.return_of(total=USD.of("40.01"), id="r-3")) is exceeds
        assert code(member.return_of(total=EUR.of(1), id="r-4")) is exceeds
        assert code(member.return_of(lines=part(total=EUR.of(1)), id="r-5")) is exceeds
        assert code(member.return_of(lines=part("9"), id="r-6")) is RejectionCode.UNKNOWN_LINE
        member.refund(id="r-7")
        assert code(member.return_of(id="r-8")) is RejectionCode.ALREADY_ENDED
        assert member.has() == 0

    def test_a_refused_refund_does_not_count(self) -> None:
        """What was refused did not come back."""
        member = shop()
        member.buy("10.00")
        member.return_of(total=USD.of(99))
        assert earned(member.refund(id="r-2")) == -10


class TestDecidedAgain:
    """The purchase is decided again, by its own terms, on what could be read then."""

    def test_below_a_minimum_all_is_taken(self) -> None:
        """From 50.00 on 100 points: returned down to 49.99, they all go."""
        rule = BonusRule(name="bonus", credit=POINTS.of(100), when=Spend(at_least=USD.of(50)))
        member = shop(rule)
        member.buy("50.00", "10.00")
        assert earned(member.refund(lines=part("2"))) == 0
        assert earned(member.refund(total=USD.of("0.01"), id="r-2")) == -100

    def test_a_partial_refund_under_a_full_ceiling_takes_nothing(self) -> None:
        """80 dollars under a ceiling of 50 points: 30 may come back before a point is taken."""
        member = shop(point_a_dollar(name="spend", ceilings=[Ceiling(name="top", limit=POINTS.of(50))]))
        member.buy("80.00")
        assert earned(member.refund(total=USD.of(30))) == 0
        assert earned(member.refund(total=USD.of(10), id="r-2")) == -10

    def test_what_comes_back_makes_room_again(self) -> None:
        """A returned purchase frees its part of the month's ceiling."""
        ceiling = Ceiling(name="top", limit=POINTS.of(100), per=MONTH)
        member = shop(point_a_dollar(name="spend", ceilings=[ceiling]))
        member.buy("80.00")
        member.refund()
        assert earned(member.buy("90.00", id="o-2")) == 90

    def test_unless_the_ceiling_keeps_it(self) -> None:
        """With room_back False what was used stays used."""
        ceiling = Ceiling(name="top", limit=POINTS.of(100), per=MONTH, room_back=False)
        member = shop(point_a_dollar(name="spend", ceilings=[ceiling]))
        member.buy("80.00")
        member.refund()
        assert member.has() == 0
        assert earned(member.buy("90.00", id="o-2")) == 20

    def test_a_refund_may_earn(self) -> None:
        """Where the rate falls with the spend, what is left may earn more: booked, to the room there is."""
        rule = point_a_dollar(
            name="spend", whole=False, marginal=False, bands=[Band(over=USD.of(50), credit=POINTS.of(0))]
        )
        member = shop(rule)
        assert earned(member.buy("60.00")) == 0
        refunded = member.refund(total=USD.of(20))
        assert earned(refunded) == 40
        assert bookings(refunded)["spend"].steps == 40
        assert earned(member.refund(id="r-2")) == -40

    def test_what_a_refund_earns_is_trimmed_to_the_room_there_is(self) -> None:
        """The month's ceiling has 10 points left: no more are added."""
        ceiling = Ceiling(name="top", limit=POINTS.of(50), per=MONTH)
        falling = point_a_dollar(
            name="spend", whole=False, marginal=False, bands=[Band(over=USD.of(50), credit=POINTS.of(0))]
        )
        fixed = BonusRule(name="review", credit=POINTS.of(40), on=On.ACTIVITY, activity="review")
        member = Member(program_of(points_policy(falling, fixed, ceilings=[ceiling])))
        member.buy("60.00")
        member.does("review")
        assert earned(member.refund(total=USD.of(20))) == 10
        assert member.has() == 50

    def test_the_terms_of_the_purchase_hold(self) -> None:
        """A refund under new terms is decided by those of its purchase."""
        old = Terms(units=[USD, POINTS], policies=[points_policy(point_a_dollar())])
        new = Terms(
            units=[USD, POINTS],
            policies=[points_policy(point_a_dollar(credit=POINTS.of(9)))],
            effective_from=on(2, 1),
        )
        member = Member(Program(id="shop", time_zone="UTC", terms=[new, old]))
        member.buy("10.00", at=on(1, 31))
        assert earned(member.buy("10.00", id="o-2", at=on(2, 1))) == 90
        refunded = member.refund(at=on(2, 2))
        assert earned(refunded) == -10
        assert refunded.commit is not None
        assert refunded.commit.terms_from == old.effective_from

    def test_every_entry_says_what_it_books_per_rule(self) -> None:
        """Of each rule as much as it gave."""
        member = shop(point_a_dollar(name="a"), BonusRule(name="b", credit=POINTS.of(7)))
        member.buy("10.00")
        assert {rule: book.steps for rule, book in bookings(member.refund()).items()} == {"a": -10, "b": -7}


class TestProportional:
    """The returned share of what was earned."""

    def test_where_the_terms_say_so(self) -> None:
        """A quarter of the money back takes a quarter of the points, rounded on what is taken."""
        member = shop(
            BonusRule(name="bonus", credit=POINTS.of(10)),
            refunds=RefundTerms(proportional=True, rounding=Rounding.HALF_UP),
        )
        member.buy("40.00")
        assert earned(member.refund(total=USD.of(10))) == -3  # 2.5, half up.
        assert earned(member.refund(total=USD.of(10), id="r-2")) == -2
        assert earned(member.refund(id="r-3")) == -5

    def test_after_the_time_for_refunds(self) -> None:
        """Later than refund_for the share is taken, though what is left would earn it all."""
        rule = BonusRule(name="bonus", credit=POINTS.of(10))
        for at, taken in ((on(1, 31), 0), (on(2, 2), -5)):
            member = shop(rule, refund_for=months(1))
            member.buy("40.00", at=NEW_YEAR)
            assert earned(member.refund(total=USD.of(20), at=at)) == taken

    def test_of_a_free_purchase(self) -> None:
        """Of a purchase of nothing everything comes back at once."""
        member = shop(
            BonusRule(name="bonus", credit=POINTS.of(10), on=On.PURCHASE),
            refunds=RefundTerms(proportional=True),
        )
        member.buy("0.00")
        assert member.refund().accepted
        assert member.has() == 0


class TestWhatWasSpent:
    """What is taken where the points are no longer there."""

    def spent(self, points: int = 8, **fields: Any) -> Member:
        """10 points earned, so many of them spent."""
        member = shop(**fields)
        member.buy("10.00", at=NEW_YEAR)
        member.adjust(f"-{points} points")
        return member

    def test_a_debt(self) -> None:
        """8 of 10 were spent: 2 are taken, 8 are owed."""
        member = self.spent()
        assert earned(member.refund()) == -10
        holding = member.standing()[POINTS]
        assert (holding.available, holding.debt) == (POINTS.of(-8), POINTS.of(8))
        member.buy("5.00", id="o-2")
        assert member.has() == -3

    def test_other_points_are_taken_before_a_debt(self) -> None:
        """The purchase's own first, then others in spending order."""
        member = self.spent()
        member.buy("6.00", id="o-2")
        member.refund()
        assert member.has() == -2

    def test_pending_points_of_the_purchase_are_taken_first(self) -> None:
        """What still waits is taken before what can be spent."""
        member = shop(
            BonusRule(name="now", credit=POINTS.of(6), life=LIVING),
            point_a_dollar(name="later", life=Life(available_after=days(14), expires_after=years(1))),
        )
        member.buy("10.00", at=NEW_YEAR)
        member.adjust("-6 points")
        member.refund(at=on(1, 2))
        holding = member.standing()[POINTS]
        assert (holding.available, holding.pending) == (POINTS.of(-6), POINTS.of(0))

    def test_a_debt_may_be_bounded(self) -> None:
        """At most 5 are owed, the rest is forgiven."""
        member = self.spent(refunds=RefundTerms(debt_max=POINTS.of(5)))
        refunded = member.refund()
        assert moves(refunded) == [("m-1", "issued", 10), ("forgiven", "m-1", 3)]
        assert member.standing()[POINTS].debt == POINTS.of(5)

    def test_a_bound_in_another_unit_bounds_nothing(self) -> None:
        """A bound in stars says nothing about points."""
        member = self.spent(refunds=RefundTerms(debt_max=STARS.of(5)))
        member.refund()
        assert member.standing()[POINTS].debt == POINTS.of(8)

    def test_a_shortfall_may_be_forgiven(self) -> None:
        """Nothing is owed: a debt, and a transfer that pays it."""
        member = self.spent(refunds=RefundTerms(shortfall=Shortfall.FORGIVEN))
        assert moves(member.refund()) == [("m-1", "issued", 10), ("forgiven", "m-1", 8)]
        assert member.has() == 0

    def test_a_shortfall_may_be_priced(self) -> None:
        """8 points at a cent each are charged."""
        member = self.spent(refunds=RefundTerms(shortfall=Shortfall.PRICED, price=(POINTS.of(100), USD.of(1))))
        charge = only(member.refund().benefits)
        assert (charge.kind, charge.amount) == (BenefitKind.CHARGE, USD.of("0.08"))
        assert member.has() == 0

    def test_a_price_in_another_unit_charges_nothing(self) -> None:
        """What has no price is forgiven."""
        member = self.spent(refunds=RefundTerms(shortfall=Shortfall.PRICED, price=(STARS.of(100), USD.of(1))))
        assert member.refund().benefits == ()
        assert member.has() == 0

    def test_only_what_is_unspent_may_be_taken(self) -> None:
        """Other purchases' points are left alone."""
        member = self.spent(refunds=RefundTerms(unspent_only=True, shortfall=Shortfall.FORGIVEN))
        member.buy("6.00", id="o-2")
        member.refund()
        assert member.has() == 6


class TestWhatExpired:
    """What is taken where the points have ended meanwhile."""

    def ended(self, expired: Expired) -> Member:
        """10 points earned and ended after a month, 7 others there."""
        member = shop(
            point_a_dollar(name="spend", life=Life(expires_after=months(1))), refunds=RefundTerms(expired=expired)
        )
        member.buy("10.00", at=NEW_YEAR)
        member.adjust("7 points", at=on(3, 1))
        return member

    def test_charged(self) -> None:
        """The points are taken from what else there is."""
        member = self.ended(Expired.CHARGED)
        assert earned(member.refund()) == -10
        assert member.has() == -3

    def test_dropped(self) -> None:
        """What had ended is not taken again: breakage is corrected by two transfers."""
        member = self.ended(Expired.DROPPED)
        assert moves(member.refund()) == [("expired", "m-1", 10), ("m-1", "issued", 10)]
        assert member.has() == 7

    def test_dropped_once(self) -> None:
        """What was dropped by one refund is not dropped by the next."""
        member = self.ended(Expired.DROPPED)
        member.refund(total=USD.of(4))
        member.refund(id="r-2")
        assert member.has() == 7


class TestGivenBack:
    """What paid the purchase comes back first."""

    def paid(self, **fields: Any) -> Member:
        """A purchase of 40.00 of which 600 points paid 6.00; the points were to end on 1 February."""
        member = shop(**fields)
        member.adjust("400 points", id="late", expires_at=on(9, 1))
        member.adjust("400 points", id="soon", expires_at=on(2, 1))
        member.redeem(amount=POINTS.of(600), id="d-1")
        tenders = [Tender(kind="points", total=USD.of(6), redemption="d-1"), Tender(kind="card", total=USD.of(34))]
        member.buy("30.00", "10.00", tenders=tenders)
        return member

    def own(self, member: Member) -> dict[str, int]:
        """What is left of each lot, by what made it."""
        return {lot.source.root: lot.steps for lot in member.standing().lots(POINTS) if lot.source is not None}

    def test_all_of_it_by_a_full_refund(self) -> None:
        """600 points come back with their old life, into their own lots."""
        member = self.paid()
        refunded = member.refund()
        assert [move for move in moves(refunded) if move[0] == "redeemed"] == [
            ("redeemed", "m-1", 200),
            ("redeemed", "m-1", 400),
        ]
        assert self.own(member) == {"soon": 400, "late": 400}
        assert refunded.earned(POINTS).total == POINTS.of(-40)

    def test_in_the_reverse_order_of_taking(self) -> None:
        """A quarter back gives back the part that was taken last: 150 of the later lot."""
        member = self.paid()
        member.refund(lines=part("2"))
        assert self.own(member) == {"late": 350, "o-1": 30}
        member.refund(total=USD.of(10), id="r-2")
        assert self.own(member) == {"soon": 100, "late": 400, "o-1": 20}

    def test_as_the_refund_names_it(self) -> None:
        """The refund says how much came back in points, and how much on the card."""
        member = self.paid()
        named = [Tender(kind="points", total=USD.of(1), redemption="d-1"), Tender(kind="card", total=USD.of(9))]
        member.refund(lines=part("2"), tenders=named)
        assert self.own(member)["late"] == 300
        member.refund(id="r-2")
        assert self.own(member) == {"soon": 350, "late": 400}  # Of the other 30.00 pro rata: 4.50 in points.

    def test_another_redemption_cannot_be_named(self) -> None:
        """A tender of a redemption that never paid is refused."""
        member = self.paid()
        wrong = [Tender(kind="points", total=USD.of(1), redemption="d-9")]
        assert code(member.return_of(tenders=wrong)) is RejectionCode.WRONG_ROOT

    def test_what_has_ended_is_given_back_and_ends(self) -> None:
        """Past its end, a part returns and ends in the same event."""
        member = self.paid()
        refunded = member.refund(at=on(3, 1))
        assert ("m-1", "expired", 400) in moves(refunded)
        assert self.own(member) == {"late": 400}

    def test_with_at_least_a_grace(self) -> None:
        """Given back with 30 days at least; what lives longer keeps its date."""
        member = self.paid(refunds=RefundTerms(returned=Returned.GRACE, grace=days(30)))
        member.refund(at=on(3, 1))
        ends = {lot.source.root: lot.validity.expires_at for lot in member.standing().lots(POINTS) if lot.source}
        assert ends == {"soon": on(3, 31, 11), "late": on(9, 1)}

    def test_with_a_fresh_life(self) -> None:
        """Given back with a life counted from the refund, whatever was left of the old one."""
        member = self.paid(refunds=RefundTerms(returned=Returned.FRESH, grace=days(30)))
        member.refund(at=on(3, 1))
        fresh = [lot for lot in member.standing().lots(POINTS) if lot.validity.expires_at == on(3, 31, 11)]
        assert sum(lot.steps for lot in fresh) == 600

    def test_what_is_given_back_pays_debt_first(self) -> None:
        """A debt made meanwhile is paid by what comes back."""
        member = self.paid()
        member.adjust("-300 points", id="oops")
        assert member.standing()[POINTS].debt == POINTS.of(60)
        member.refund()
        assert member.standing()[POINTS].debt == POINTS.of(0)
        assert member.has() == 500

    def test_the_history_of_the_redemption_is_needed(self) -> None:
        """Without the redemption's commits the refund is not decided."""
        member = self.paid()
        member.commits = [commit for commit in member.commits if commit.root != "d-1"]
        refused = member.return_of()
        assert (code(refused), refused.accepted) == (RejectionCode.HISTORY_INCOMPLETE, False)


class TestCancelled:
    """What never was."""

    def test_a_purchase(self) -> None:
        """A cancelled purchase earns nothing, like a full refund."""
        member = shop()
        member.buy("10.00")
        assert earned(member.cancel("o-1")) == -10
        assert code(member.cancel("o-1", id="x-2")) is RejectionCode.ALREADY_ENDED

    def test_what_is_left_of_a_purchase(self) -> None:
        """After a partial refund the cancellation takes the rest."""
        member = shop()
        member.buy("10.00")
        member.refund(total=USD.of(4))
        assert earned(member.cancel("o-1")) == -6

    def test_an_activity(self) -> None:
        """A review that was a fake."""
        member = shop(BonusRule(name="b", credit=POINTS.of(5), on=On.ACTIVITY, activity="review", life=LIVING))
        member.does("review")
        assert earned(member.cancel("a-1")) == -5
        assert member.has() == 0
        assert code(member.cancel("a-1", id="x-2")) is RejectionCode.ALREADY_ENDED

    def test_an_enrolment(self) -> None:
        """A sign-up that never was takes its bonus back."""
        member = shop(BonusRule(name="b", credit=POINTS.of(5), on=On.ENROLMENT))
        member.enrol()
        assert earned(member.cancel("e-1")) == -5

    def test_an_adjustment(self) -> None:
        """An operator's slip, above or below zero."""
        member = shop()
        member.adjust("50 points")
        member.adjust("-20 points", id="j-2")
        assert member.cancel("j-1").accepted
        assert member.has() == -20
        assert member.cancel("j-2", id="x-2").accepted
        assert member.has() == 0

    def test_a_status(self) -> None:
        """A status given by mistake ends."""
        member = shop()
        given = StatusGrant(
            id="g-1", member="m-1", occurred_at=NEW_YEAR, key="tier", value="gold", actor="ann", reason="slip"
        )
        member.accept(given)
        assert member.standing().grants("tier")
        assert member.cancel("g-1").accepted
        assert member.standing().grants("tier") == ()

    def test_a_refund_cannot_be_cancelled(self) -> None:
        """A refund is no root of its own."""
        member = shop()
        member.buy("10.00")
        member.refund()
        assert code(member.cancel("r-1")) is RejectionCode.UNKNOWN_ROOT


def test_what_an_old_rule_on_the_balance_gave_is_judged_by_its_own_basis() -> None:
    """A refund reads the balances as they were when the purchase was decided."""
    ceiling = Ceiling(name="top", limit=POINTS.of(100), on_balance=True)
    member = shop(point_a_dollar(name="spend", ceilings=[ceiling]))
    member.buy("80.00")
    member.adjust("15 points")
    assert earned(member.refund(total=USD.of(20))) == -20


def test_an_empty_purchase_comes_back_as_nothing() -> None:
    """A purchase without lines has nothing that could be returned."""
    member = shop()
    member.buy()
    assert code(member.return_of()) is RejectionCode.ALREADY_ENDED


def test_an_enrolment_is_no_purchase() -> None:
    """A refund speaks of purchases."""
    member = shop()
    member.accept(Enrolment(id="e-1", member="m-1", occurred_at=NEW_YEAR))
    assert code(member.return_of("e-1", at=NEW_YEAR + MINUTE)) is RejectionCode.WRONG_ROOT


REFUSED: dict[str, Callable[[], object]] = {
    "a grace with the old life": lambda: RefundTerms(grace=days(1)),
    "a fresh life of no length": lambda: RefundTerms(returned=Returned.FRESH),
    "a price with a debt": lambda: RefundTerms(price=(POINTS.of(1), USD.of(1))),
    "priced without a price": lambda: RefundTerms(shortfall=Shortfall.PRICED),
    "unspent only, and a debt": lambda: RefundTerms(unspent_only=True),
    "a debt of nothing": lambda: RefundTerms(debt_max=POINTS.of(0)),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_terms_of_refund_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    """Each validator of the terms of refund rejects."""
    with pytest.raises(InvalidValueError):
        make()


class TestEdges:
    """Where a refund changes who gave, but not how much."""

    def test_a_refund_may_change_which_rule_gives(self) -> None:
        """10 points from 50.00 on, 10 below: the sum stays, and the last refund takes it all."""
        rules = (
            BonusRule(name="large", credit=POINTS.of(10), when=Spend(at_least=USD.of(50))),
            BonusRule(name="small", credit=POINTS.of(10), when=Spend(below=USD.of(50))),
        )
        member = shop(*rules)
        member.buy("60.00")
        assert moves(member.refund(total=USD.of(20))) == []
        assert earned(member.refund(id="r-2")) == -10
        assert member.has() == 0

    def falling(self, *names: str) -> list[Rule]:
        """A point a dollar up to 50.00, nothing for a larger purchase."""
        bands = [Band(over=USD.of(50), credit=POINTS.of(0))]
        return [point_a_dollar(name=name, whole=False, marginal=False, bands=bands) for name in names]

    def review(self, points: int) -> BonusRule:
        """A review earns so many points."""
        return BonusRule(name="review", credit=POINTS.of(points), on=On.ACTIVITY, activity="review")

    def test_a_refund_earns_nothing_where_there_is_no_room(self) -> None:
        """The month's ceiling is full: nothing is added."""
        ceiling = Ceiling(name="top", limit=POINTS.of(40), per=MONTH)
        member = Member(program_of(points_policy(*self.falling("spend"), self.review(40), ceilings=[ceiling])))
        member.buy("60.00")
        member.does("review")
        assert earned(member.refund(total=USD.of(20))) == 0
        assert member.has() == 40

    def test_what_a_refund_earns_is_trimmed_rule_by_rule(self) -> None:
        """Of 40 and 40 that are wanted 30 fit: as many are booked."""
        ceiling = Ceiling(name="top", limit=POINTS.of(70), per=MONTH)
        member = Member(program_of(points_policy(*self.falling("a", "b"), self.review(40), ceilings=[ceiling])))
        member.buy("60.00")
        member.does("review")
        refunded = member.refund(total=USD.of(20))
        assert earned(refunded) == 30
        assert sum(book.steps for book in bookings(refunded).values()) == 30
        assert member.has() == 70
        assert earned(member.refund(id="r-2")) == -30

    def test_the_room_of_a_label_is_its_own(self) -> None:
        """A ceiling by label has room left under the label of the rule."""
        ceiling = Ceiling(name="top", limit=POINTS.of(25), per=MONTH, by_label=True)
        bands = [Band(over=USD.of(50), credit=POINTS.of(0))]
        rule = point_a_dollar(name="spend", whole=False, marginal=False, bands=bands, label="shop", ceilings=[ceiling])
        stars = BonusRule(
            name="stars", credit=STARS.of(1), ceilings=[Ceiling(name="few", limit=STARS.of(9), per=MONTH)]
        )
        member = Member(program_of(points_policy(rule, stars)))
        member.buy("60.00")
        assert earned(member.refund(total=USD.of(20))) == 25
        assert member.has(label="shop") == 25

    def test_a_ceiling_on_spend_does_not_bound_what_a_refund_adds_in_points(self) -> None:
        """Its tally counts dollars."""
        ceiling = Ceiling(name="top", limit=USD.of(500), per=MONTH)
        bands = [Band(over=USD.of(50), credit=POINTS.of(0))]
        rule = point_a_dollar(name="spend", whole=False, marginal=False, bands=bands, ceilings=[ceiling])
        member = shop(rule)
        member.buy("60.00")
        assert earned(member.refund(total=USD.of(20))) == 40

    def test_a_count_that_has_ended_is_not_taken_back(self) -> None:
        """In a rolling week the use is gone after ten days; the points are taken all the same."""
        ceiling = Ceiling(name="top", limit=POINTS.of(100), per=Rolling(term=days(7)))
        member = shop(point_a_dollar(name="spend", ceilings=[ceiling]))
        member.buy("10.00", at=NEW_YEAR)
        assert earned(member.refund(at=on(1, 11))) == -10
        assert "base.top" not in member.state.lots

    def test_kept_room_of_a_part(self) -> None:
        """With room_back False a partial refund leaves the whole use counted."""
        ceiling = Ceiling(name="top", limit=POINTS.of(100), per=MONTH, room_back=False)
        member = shop(point_a_dollar(name="spend", ceilings=[ceiling]))
        member.buy("80.00")
        assert earned(member.refund(total=USD.of(30))) == -30
        assert member.state.lots["base.top"][0].steps == 80

    def test_kept_room_does_not_stop_a_refund_that_earns(self) -> None:
        """Where what is left earns more than before, more is counted."""
        ceiling = Ceiling(name="top", limit=POINTS.of(100), per=MONTH, room_back=False)
        bands = [Band(over=USD.of(50), credit=POINTS.of("1"))]
        rule = point_a_dollar(
            name="spend", credit=POINTS.of(2), whole=False, marginal=False, bands=bands, ceilings=[ceiling]
        )
        member = shop(rule)
        assert earned(member.buy("60.00")) == 60
        assert earned(member.refund(total=USD.of(20))) == 20
        assert member.state.lots["base.top"][0].steps == 80

    def test_a_debt_below_its_bound_stands(self) -> None:
        """8 owed where 50 may be."""
        member = shop(refunds=RefundTerms(debt_max=POINTS.of(50)))
        member.buy("10.00")
        member.adjust("-8 points")
        assert moves(member.refund()) == [("m-1", "issued", 10)]
        assert member.standing()[POINTS].debt == POINTS.of(8)

    def test_a_refund_of_a_cent_gives_no_point_back(self) -> None:
        """Of 100 points that paid 1.00 of 40.00 a cent is a fortieth of a point: nothing yet."""
        member = shop()
        member.adjust("100 points")
        member.redeem(amount=POINTS.of(100), id="d-1")
        paid = [Tender(kind="points", total=USD.of(1), redemption="d-1"), Tender(kind="card", total=USD.of(39))]
        member.buy("40.00", tenders=paid)
        refunded = member.refund(total=USD.of("0.01"))
        assert [move for move in moves(refunded) if move[0] == "redeemed"] == []

    def test_a_total_that_leaves_63_bits_cannot_be_taken_back_at_once(self) -> None:
        """Two credits of 2**62 points under one policy: their sum is no amount."""
        big = POINTS.steps(2**62)
        far, near = Life(expires_after=years(2)), Life(expires_after=years(1))
        member = shop(BonusRule(credit=big, life=far), BonusRule(credit=big, life=near))
        member.buy("1.00")
        with pytest.raises(AmountOverflowError):
            member.refund()


def test_pending_points_are_told_apart_where_they_are_taken() -> None:
    """A refund takes what still waits: pending, not available."""
    member = shop(point_a_dollar(name="spend", life=Life(available_after=days(14), expires_after=years(1))))
    member.buy("10.00", at=NEW_YEAR)
    taken = member.refund(total=USD.of(4)).earned(POINTS)
    assert (taken.pending, taken.available, taken.total) == (POINTS.of(-4), POINTS.of(0), POINTS.of(-4))
