"""Requests: what points buy, how they are held, and why a request is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
from unit_cooperative import JUNE, Cooperative, declared, dividend, rate
from unit_shop import (
    EUR,
    NEW_YEAR,
    POINTS,
    STARS,
    TICK,
    USD,
    Member,
    bookings,
    lines,
    money_off,
    moves,
    on,
    only,
    point_a_dollar,
    points_policy,
    program_of,
    transfers,
)

from patronage import (
    Adjustment,
    BenefitKind,
    Capture,
    Confirmation,
    Decision,
    Discount,
    FixedReward,
    InvalidValueError,
    Life,
    Line,
    LineKind,
    PayWithPoints,
    Purchase,
    ReferralPolicy,
    RefundLine,
    Rejected,
    RejectionCode,
    Release,
    Reward,
    State,
    Step,
    StepTable,
    Tender,
)
from patronage.conditions import BalanceIs, Category, Channel
from patronage.dividends import ClassDeclared, DividendDeclared, DividendShare, share_of
from patronage.events import AccountClosed, Gift, Merge, ReferralClaimed, TimePassed, own_account
from patronage.policies.referral_parts import ReferralReward
from patronage.rewards import CartReward, Choice, Limit, PercentOff
from patronage.terms_of_time import days
from patronage.thresholds import GiveCredit, GiveGrant

CART = lines("30.00", "10.00")


def pay(**fields: Any) -> PayWithPoints:
    """100 points are 1.00 off."""
    return PayWithPoints(**{"name": "off", "points": POINTS.of(100), "value": USD.of(1), **fields})


def table(**fields: Any) -> StepTable:
    """1,000 points are 5.00 off, 2,000 are 12.00."""
    steps = [Step(cost=POINTS.of(1000), value=USD.of(5)), Step(cost=POINTS.of(2000), value=USD.of(12))]
    return StepTable(**{"name": "off", "steps": steps, **fields})


def mug(**fields: Any) -> FixedReward:
    """A mug for 300 points."""
    return FixedReward(**{"name": "off", "cost": POINTS.of(300), **fields})


def voucher(**fields: Any) -> FixedReward:
    """5.00 off for 400 points."""
    return mug(**{"cost": POINTS.of(400), "kind": BenefitKind.MONEY_OFF, "value": USD.of(5), **fields})


def having(points: int, *rewards: Reward, **fields: Any) -> Member:
    """A member with so many points in a program with those rewards."""
    rule = point_a_dollar(**fields)
    member = Member(program_of(points_policy(rule), rewards=rewards))
    if points:
        member.adjust(f"{points} points", id="opening")
    return member


def capture(of: str = "v-1", *, id: str = "k-1", at: Any = NEW_YEAR + timedelta(hours=1), **fields: Any) -> Capture:
    """A capture of a reservation."""
    return Capture(id=id, member="m-1", occurred_at=at, reservation=of, **fields)


def free(of: str = "v-1", *, id: str = "f-1", at: Any = NEW_YEAR + timedelta(hours=1)) -> Release:
    """A release of a reservation."""
    return Release(id=id, member="m-1", occurred_at=at, reservation=of)


def code(decision: Decision) -> RejectionCode:
    """Why it was refused."""
    assert isinstance(decision, Rejected)
    return decision.code


def facts(decision: Decision) -> dict[str, object]:
    """The facts of a refusal."""
    assert isinstance(decision, Rejected)
    return dict(decision.refusal.facts)


class TestPayWithPoints:
    """So many points are so much money off."""

    def test_a_request_names_the_points(self) -> None:
        """500 points are 5.00 off, taken at once."""
        member = having(1000, pay())
        spent = member.redeem(amount=POINTS.of(500), cart=CART)
        assert only(spent.benefits).amount == USD.of(5)
        assert moves(spent) == [("m-1", "redeemed", 500)]
        assert member.has() == 500

    def test_a_request_names_the_money(self) -> None:
        """5.00 wanted costs 500 points; where the rate is odd the points round up."""
        assert moves(having(1000, pay()).redeem(amount=USD.of(5), cart=CART)) == [("m-1", "redeemed", 500)]
        odd = having(1000, pay(points=POINTS.of(3), value=USD.of("0.02"), whole_blocks=False))
        assert moves(odd.redeem(amount=USD.of("0.03"), cart=CART)) == [("m-1", "redeemed", 5)]

    def test_a_request_that_names_nothing_takes_as_much_as_fits(self) -> None:
        """As much as the cart and the balance allow, in whole blocks."""
        assert moves(having(9999, pay()).redeem(cart=CART)) == [("m-1", "redeemed", 4000)]
        assert moves(having(1050, pay()).redeem(cart=CART)) == [("m-1", "redeemed", 1000)]
        assert moves(having(1050, pay()).redeem()) == [("m-1", "redeemed", 1000)]
        assert moves(having(1050, pay(maximum=POINTS.of(200))).redeem(cart=CART)) == [("m-1", "redeemed", 200)]

    def test_money_off_is_spread_over_the_lines_to_the_cent(self) -> None:
        """10.00 off lines of 10.00, 10.00 and 10.00 is 3.34, 3.33 and 3.33."""
        spent = having(1000, pay()).redeem(amount=USD.of(10), cart=lines("10.00", "10.00", "10.00"))
        assert money_off(spent) == {"1": 334, "2": 333, "3": 333}

    def test_only_lines_that_may_be_paid_are(self) -> None:
        """Shipping and what the reward leaves out are not paid with points."""
        cart = (*lines(Line(total=USD.of(6), category="food"), "4.00"), Line(total=USD.of(5), kind=LineKind.SHIPPING))
        assert money_off(having(5000, pay()).redeem(cart=cart)) == {"1": 600, "2": 400}
        assert money_off(having(5000, pay(lines=Category(["food"]))).redeem(cart=cart)) == {"1": 600}
        shipping = [LineKind.GOODS, LineKind.SHIPPING]
        assert sum(money_off(having(5000, pay(kinds=shipping)).redeem(cart=cart)).values()) == 1500

    def test_at_most_a_share_of_the_order(self) -> None:
        """Half of 40.00 may be paid with points."""
        assert moves(having(9999, pay(share_max="1/2")).redeem(cart=CART)) == [("m-1", "redeemed", 2000)]
        refused = having(9999, pay(share_max="1/2")).redeem(amount=POINTS.of(2100), cart=CART)
        assert code(refused) is RejectionCode.AMOUNT_ABOVE_MAXIMUM

    def test_a_minimum(self) -> None:
        """At least 500 points at a time."""
        assert code(having(9999, pay(minimum=POINTS.of(500))).redeem(amount=POINTS.of(400))) is (
            RejectionCode.AMOUNT_BELOW_MINIMUM
        )
        assert having(9999, pay(minimum=POINTS.of(500))).redeem(amount=POINTS.of(500)).accepted

    def test_steps(self) -> None:
        """In steps of 250: where a block does not divide the step, of both."""
        member = having(9999, pay(step=POINTS.of(250), whole_blocks=False))
        assert code(member.redeem(amount=POINTS.of(300))) is RejectionCode.AMOUNT_NOT_A_STEP
        assert member.redeem(amount=POINTS.of(500), id="d-2").accepted
        assert moves(having(999, pay(step=POINTS.of(200))).redeem()) == [("m-1", "redeemed", 800)]
        assert moves(having(9999, pay(step=POINTS.of(3))).redeem(cart=CART)) == [("m-1", "redeemed", 3900)]

    def test_blocks_need_not_be_whole(self) -> None:
        """With whole_blocks False 150 points are 1.50."""
        assert only(having(150, pay(whole_blocks=False)).redeem(cart=CART).benefits).amount == USD.of("1.50")
        assert only(having(150, pay()).redeem(cart=CART).benefits).amount == USD.of(1)

    def test_a_wish_may_be_cut_down(self) -> None:
        """Unless exactly, what is asked is cut to the cart, the maximum and the balance."""
        assert moves(having(950, pay(exactly=False)).redeem(amount=USD.of(99), cart=CART)) == [("m-1", "redeemed", 900)]
        assert moves(having(9999, pay(exactly=False)).redeem(amount=USD.of(99), cart=CART)) == [
            ("m-1", "redeemed", 4000)
        ]
        assert code(having(50, pay(exactly=False, minimum=POINTS.of(100))).redeem(amount=USD.of(99))) is (
            RejectionCode.BALANCE_TOO_LOW
        )

    def test_points_that_are_worth_nothing_are_not_taken(self) -> None:
        """40 points at 100 a cent are worth no cent."""
        member = having(9999, pay(value=USD.of("0.01"), whole_blocks=False))
        assert code(member.redeem(amount=POINTS.of(40))) is RejectionCode.AMOUNT_BELOW_MINIMUM
        assert member.redeem(amount=POINTS.of(100), id="d-2").accepted

    def test_conditions_may_read_a_balance(self) -> None:
        """Only for who holds at least 1,000 points."""
        reward = pay(when=BalanceIs(at_least=POINTS.of(1000)))
        assert code(having(999, reward).redeem(cart=CART)) is RejectionCode.NOT_ELIGIBLE
        assert having(1000, reward).redeem(cart=CART).accepted

    def test_an_empty_cart_pays_nothing_if_nothing_is_there(self) -> None:
        """Nothing to spend and nothing named: the balance is too low."""
        assert code(having(0, pay()).redeem()) is RejectionCode.BALANCE_TOO_LOW


class TestFixedReward:
    """A reward of a fixed cost."""

    def test_a_product(self) -> None:
        """A mug for 300 points, to be handed over."""
        member = having(1000, mug())
        benefit = only(member.redeem().benefits)
        assert (benefit.kind, benefit.reward, benefit.quantity, benefit.amount) == (BenefitKind.PRODUCT, "off", 1, None)
        assert member.has() == 700

    def test_several_at_once(self) -> None:
        """Three mugs cost 900."""
        member = having(1000, mug())
        assert only(member.redeem(times=3).benefits).quantity == 3
        assert member.has() == 100
        assert code(member.redeem(times=2, id="d-2")) is RejectionCode.BALANCE_TOO_LOW

    def test_money_off_never_exceeds_the_cart(self) -> None:
        """5.00 off a cart of 3.00 is 3.00, each time over again."""
        assert money_off(having(1000, voucher()).redeem(cart=lines("2.00", "1.00"))) == {"1": 200, "2": 100}
        assert only(having(1000, voucher()).redeem(cart=CART, times=2).benefits).amount == USD.of(10)

    def test_a_voucher_of_money(self) -> None:
        """A voucher has a value, and no shares."""
        benefit = only(having(1000, voucher(kind=BenefitKind.VOUCHER)).redeem(cart=CART).benefits)
        assert (benefit.amount, dict(benefit.shares)) == (USD.of(5), {})

    def test_money_off_without_a_cart(self) -> None:
        """Money off may be taken before there is a cart."""
        benefit = only(having(1000, voucher()).redeem().benefits)
        assert (benefit.amount, dict(benefit.shares)) == (USD.of(5), {})

    def test_money_off_needs_a_line_to_take_it_off(self) -> None:
        """A cart in which nothing may be paid is not eligible, nor is one in another currency."""
        post = [Line(total=USD.of(5), kind=LineKind.SHIPPING)]
        assert code(having(1000, voucher()).redeem(cart=post)) is RejectionCode.NOT_ELIGIBLE
        assert code(having(1000, voucher()).redeem(cart=[Line(total=EUR.of(9))])) is RejectionCode.WRONG_UNIT

    def test_nothing_is_to_be_chosen(self) -> None:
        """An amount has no meaning where the cost is fixed."""
        refused = having(1000, mug()).redeem(amount=POINTS.of(300))
        assert (code(refused), facts(refused)["unit"]) == (RejectionCode.WRONG_UNIT, "points")


class TestStepTable:
    """Money off by a table."""

    def test_a_step_is_named_by_its_cost_or_its_value(self) -> None:
        """2,000 points or 12.00 are the second step."""
        for amount in (POINTS.of(2000), USD.of(12)):
            spent = having(3000, table()).redeem(amount=amount, cart=CART)
            assert only(spent.benefits).amount == USD.of(12)
            assert money_off(spent) == {"1": 900, "2": 300}

    def test_a_request_that_names_none_gets_the_largest_that_fits(self) -> None:
        """By the balance, and by the cart."""
        assert only(having(3000, table()).redeem(cart=CART).benefits).amount == USD.of(12)
        assert only(having(1999, table()).redeem(cart=CART).benefits).amount == USD.of(5)
        assert only(having(3000, table()).redeem(cart=lines("11.99")).benefits).amount == USD.of(5)
        assert only(having(3000, table()).redeem().benefits).amount == USD.of(12)

    def test_what_does_not_fit_is_refused(self) -> None:
        """Too few points, too small a cart, no such step."""
        assert code(having(999, table()).redeem(cart=CART)) is RejectionCode.BALANCE_TOO_LOW
        assert code(having(3000, table()).redeem(cart=lines("4.99"))) is RejectionCode.AMOUNT_ABOVE_MAXIMUM
        assert code(having(3000, table()).redeem(amount=USD.of(12), cart=lines("11.99"))) is (
            RejectionCode.AMOUNT_ABOVE_MAXIMUM
        )
        assert code(having(3000, table()).redeem(amount=USD.of(6))) is RejectionCode.AMOUNT_NOT_A_STEP
        assert code(having(999, table()).redeem(amount=POINTS.of(1000))) is RejectionCode.BALANCE_TOO_LOW

    def test_a_choice_may_be_demanded(self) -> None:
        """With no choice made for the member, a request must name a step."""
        assert code(having(3000, table(choice=Choice.NONE)).redeem(cart=CART)) is RejectionCode.AMOUNT_MISSING
        assert having(3000, table(choice=Choice.NONE)).redeem(amount=USD.of(5), cart=CART).accepted

    def test_it_is_in_its_own_money(self) -> None:
        """A cart in EUR, or an amount in stars, has no step here."""
        assert code(having(3000, table()).redeem(cart=[Line(total=EUR.of(90))])) is RejectionCode.WRONG_UNIT
        assert code(having(3000, table()).redeem(amount=STARS.of(1000))) is RejectionCode.WRONG_UNIT
        assert code(having(3000, table(order_minimum=USD.of(41))).redeem(cart=CART)) is (
            RejectionCode.ORDER_BELOW_MINIMUM
        )


class TestLabels:
    """Whose points are spent first."""

    def test_labels_are_spent_in_their_order(self) -> None:
        """The sponsor's points first, then the shop's, then those without a label; others never."""
        member = having(0, pay(labels=["sponsor", "shop", None]))
        for label, points in (("shop", 200), (None, 300), ("sponsor", 100), ("other", 400)):
            member.adjust(f"{points} points", id=f"j-{label}", label=label)
        spent = member.redeem(amount=POINTS.of(400))
        assert [(move.label, move.steps) for move in transfers(spent)] == [("sponsor", 100), ("shop", 200), (None, 100)]
        assert code(member.redeem(amount=POINTS.of(300), id="d-2")) is RejectionCode.BALANCE_TOO_LOW
        assert member.has(label="other") == 400

    def test_without_labels_only_what_has_none_is_spent(self) -> None:
        """A reward that names no labels leaves labelled points alone."""
        member = having(100, pay())
        member.adjust("500 points", label="shop")
        assert moves(member.redeem()) == [("m-1", "redeemed", 100)]
        assert code(member.redeem(amount=POINTS.of(100), id="d-2")) is RejectionCode.BALANCE_TOO_LOW

    def test_a_debt_under_one_label_does_not_lessen_another(self) -> None:
        """What is owed under a label is not spent from the others."""
        member = having(0, pay(labels=["a", "b"]))
        member.adjust("-100 points", id="j-1", label="a")
        member.adjust("200 points", id="j-2", label="b")
        assert moves(member.redeem()) == [("m-1", "redeemed", 200)]


class TestOrder:
    """Which points are spent first."""

    def test_what_ends_first_is_spent_first(self) -> None:
        """The earliest expiry first, what never ends last; the entry shows each part."""
        member = having(0, pay(whole_blocks=False))
        member.adjust("50 points", id="never")
        member.adjust("50 points", id="late", expires_at=on(9, 1))
        member.adjust("50 points", id="soon", expires_at=on(3, 1))
        (move,) = transfers(member.redeem(amount=POINTS.of(120)))
        assert [(part.source.root if part.source else None, part.steps) for part in move.taken] == [
            ("soon", 50),
            ("late", 50),
            (None, 20),
        ]

    def test_of_equal_ends_the_oldest_is_spent_first(self) -> None:
        """Age breaks the tie."""
        member = having(0, pay(whole_blocks=False))
        member.adjust("50 points", id="b", expires_at=on(9, 1))
        member.adjust("50 points", id="a", expires_at=on(9, 1))
        (move,) = transfers(member.redeem(amount=POINTS.of(60)))
        assert [part.source.root for part in move.taken if part.source] == ["b", "a"]


class TestReservation:
    """Points that are held, then spent or freed."""

    def test_what_is_held_cannot_be_spent_again(self) -> None:
        """Held points are neither available nor spent."""
        member = having(1000, pay())
        held = member.reserve(amount=POINTS.of(600), cart=CART)
        assert moves(held) == [("m-1", "m-1", 600)]
        assert only(held.benefits).amount == USD.of(6)
        holding = member.standing()[POINTS]
        assert (holding.available, holding.reserved) == (POINTS.of(400), POINTS.of(600))
        assert code(member.redeem(amount=POINTS.of(500))) is RejectionCode.BALANCE_TOO_LOW

    def test_a_capture_spends_what_is_held(self) -> None:
        """All of it, with the benefit of the reservation."""
        member = having(1000, pay())
        member.reserve(amount=POINTS.of(600), cart=CART)
        captured = member.accept(capture())
        assert moves(captured) == [("m-1", "redeemed", 600)]
        assert only(captured.benefits).amount == USD.of(6)
        assert member.standing()[POINTS].reserved == POINTS.of(0)
        assert member.has() == 400

    def test_a_partial_capture_releases_the_rest(self) -> None:
        """Of 600 held 200 are spent, for a third of the money, by line to the cent; 400 are free again."""
        member = having(1000, pay())
        member.reserve(amount=POINTS.of(600), cart=CART)
        captured = member.accept(capture(amount=POINTS.of(200)))
        assert moves(captured) == [("m-1", "redeemed", 200), ("m-1", "m-1", 400)]
        assert money_off(captured) == {"1": 150, "2": 50}
        assert member.has() == 800
        assert code(member.refuse(capture(id="k-2"))) is RejectionCode.ALREADY_ENDED

    def test_a_partial_capture_of_a_product_is_of_the_product(self) -> None:
        """A benefit without an amount stays as it is."""
        member = having(1000, mug())
        member.reserve(times=2)
        assert only(member.accept(capture(amount=POINTS.of(300))).benefits).quantity == 2

    def test_a_release_frees_what_is_held(self) -> None:
        """Released points are available again, for no benefit."""
        member = having(1000, pay())
        member.reserve(amount=POINTS.of(600), cart=CART)
        freed = member.accept(free())
        assert freed.benefits == ()
        assert member.has() == 1000
        assert code(member.refuse(free(id="f-2"))) is RejectionCode.ALREADY_ENDED

    def test_a_reservation_lapses_by_itself(self) -> None:
        """At lapses_at what is held is free again; a capture at that instant comes too late."""
        member = having(1000, pay())
        member.reserve(amount=POINTS.of(600), lapses_at=on(1, 3))
        assert member.has(at=on(1, 3) - TICK) == 400
        assert member.has(at=on(1, 3)) == 1000
        assert code(member.refuse(capture(at=on(1, 3)))) is RejectionCode.ALREADY_ENDED

    @pytest.mark.parametrize("ends", [capture, free])
    def test_what_was_ended_does_not_lapse(self, ends: Callable[[], Capture | Release]) -> None:
        """A capture or a release takes the wake-up away."""
        member = having(1000, pay())
        member.reserve(amount=POINTS.of(600), lapses_at=on(1, 3))
        member.accept(ends())
        assert member.state.wake_ups == ()
        assert member.state.next_due is None

    def test_what_is_held_does_not_end(self) -> None:
        """Held points outlive their end; released after it, they end at once."""
        member = having(0, pay())
        member.adjust("600 points", expires_at=on(2, 1))
        member.reserve(amount=POINTS.of(600))
        assert member.standing(on(3, 1))[POINTS].reserved == POINTS.of(600)
        freed = member.accept(free(at=on(3, 1)))
        assert moves(freed) == [("m-1", "m-1", 600), ("m-1", "expired", 600)]

    def test_what_lapses_after_its_end_ends(self) -> None:
        """A lapse frees and ends in one instant."""
        member = having(0, pay())
        member.adjust("600 points", expires_at=on(2, 1))
        member.reserve(amount=POINTS.of(600), lapses_at=on(3, 1))
        passed = member.program.advance(member.state, on(4, 1))
        assert moves(passed) == [("m-1", "m-1", 600), ("m-1", "expired", 600)]
        assert isinstance(passed.event, TimePassed)

    def test_what_is_freed_pays_debt_first(self) -> None:
        """A debt made while points were held is paid by their release."""
        member = having(600, pay())
        member.reserve(amount=POINTS.of(600))
        member.adjust("-100 points", id="j-2")
        assert member.standing()[POINTS].debt == POINTS.of(100)
        member.accept(free())
        assert (member.has(), member.standing()[POINTS].debt) == (500, POINTS.of(0))

    def test_held_under_two_labels(self) -> None:
        """Parts of two labels are held and captured apart."""
        member = having(0, pay(labels=["a", None]))
        member.adjust("300 points", id="j-1", label="a")
        member.adjust("300 points", id="j-2")
        member.reserve(amount=POINTS.of(600))
        captured = member.accept(capture())
        assert sorted((move.label or "", move.steps) for move in transfers(captured)) == [("", 300), ("a", 300)]

    def test_what_is_captured_can_be_cancelled(self) -> None:
        """A captured reservation that paid nothing comes back by a cancellation."""
        member = having(1000, pay())
        member.reserve(amount=POINTS.of(600))
        member.accept(capture())
        assert member.cancel("v-1", at=on(1, 2)).accepted
        assert member.has() == 1000

    def test_a_reservation_that_stands_can_be_cancelled(self) -> None:
        """A cancellation of a reservation is a release."""
        member = having(1000, pay())
        member.reserve(amount=POINTS.of(600), lapses_at=on(3, 1))
        assert member.cancel("v-1").accepted
        assert member.has() == 1000
        assert member.state.wake_ups == ()
        assert code(member.cancel("v-1", id="x-2")) is RejectionCode.ALREADY_ENDED


class TestCancellation:
    """A redemption that never was."""

    def test_every_lot_is_restored(self) -> None:
        """Redeem and cancel: the account holds the very lots it held."""
        member = having(0, pay())
        member.adjust("250 points", id="a", expires_at=on(9, 1))
        member.adjust("250 points", id="b", expires_at=on(8, 1))
        member.adjust("250 points", id="c")
        before = member.state.lots
        member.redeem(amount=POINTS.of(600))
        member.cancel("d-1")
        assert member.state.lots == before

    def test_what_has_ended_meanwhile_ends_again(self) -> None:
        """Given back past its end, it ends in the same event."""
        member = having(0, pay())
        member.adjust("600 points", expires_at=on(2, 1))
        member.redeem(amount=POINTS.of(600))
        cancelled = member.cancel("d-1", at=on(3, 1))
        assert moves(cancelled) == [("redeemed", "m-1", 600), ("m-1", "expired", 600)]

    def test_a_redemption_is_cancelled_once(self) -> None:
        """The second cancellation is refused."""
        member = having(1000, pay())
        member.redeem(amount=POINTS.of(600))
        assert member.cancel("d-1").accepted
        assert code(member.cancel("d-1", id="x-2")) is RejectionCode.ALREADY_ENDED

    def test_what_paid_a_standing_purchase_comes_back_by_its_refund(self) -> None:
        """A redemption that a purchase's tender names cannot be cancelled while something of the purchase is left."""
        member = having(1000, pay())
        member.redeem(amount=POINTS.of(600), cart=CART)
        paid = [Tender(kind="points", total=USD.of(6), redemption="d-1"), Tender(kind="card", total=USD.of(34))]
        member.buy("40.00", tenders=paid)
        refused = member.cancel("d-1")
        assert (code(refused), facts(refused)["purchase"]) == (RejectionCode.PAYS_A_PURCHASE, "o-1")
        member.refund("o-1")
        assert member.has() == 1000
        assert code(member.cancel("d-1", id="x-2")) is RejectionCode.ALREADY_ENDED


class TestRecorded:
    """A refusal that is final is a record."""

    def test_a_refused_redemption_is_recorded_and_stays(self) -> None:
        """Refused once, refused for ever: also when the points have come in meanwhile."""
        member = having(100, pay())
        refused = member.redeem(amount=POINTS.of(500))
        assert isinstance(refused, Rejected)
        assert refused.final
        (commit,) = refused.commits
        assert commit.refusal == refused.refusal
        assert (commit.version, commit.root, commit.ordinal) == (2, "d-1", 0)
        member.adjust("900 points", id="more")
        again = member.redeem(amount=POINTS.of(500), at=commit.event.occurred_at)
        assert isinstance(again, Rejected)
        assert again.repeated
        assert again.refusal == refused.refusal
        assert again.state is None
        assert member.has() == 1000

    def test_a_refusal_records_what_time_did_before_it(self) -> None:
        """The points that expired before the request stand in its commit."""
        member = having(0, pay())
        member.adjust("500 points", expires_at=on(2, 1))
        refused = member.redeem(amount=POINTS.of(500), at=on(3, 1))
        assert moves(refused) == [("m-1", "expired", 500)]
        assert refused.benefits == ()
        assert refused.earned(POINTS).total == POINTS.of(0)
        assert not member.state.lots

    def test_a_refused_request_cannot_be_undone(self) -> None:
        """What was refused is no redemption that could be cancelled."""
        member = having(0, pay())
        member.redeem(amount=POINTS.of(500))
        refused = member.cancel("d-1")
        assert (code(refused), facts(refused)["refused"]) == (RejectionCode.WRONG_ROOT, "balance_too_low")

    def test_not_yet_is_not_recorded(self) -> None:
        """A refund of an unknown purchase may be sent again, and leaves nothing behind."""
        member = having(0, pay())
        refused = member.return_of("o-9")
        assert isinstance(refused, Rejected)
        assert (refused.final, refused.commits, refused.state) == (False, (), None)
        member.buy("5.00", id="o-9", at=NEW_YEAR)
        assert member.return_of("o-9", at=NEW_YEAR).accepted

    def test_a_request_earns_nothing(self) -> None:
        """Rules of earning never answer a redemption."""
        assert bookings(having(1000, pay()).redeem(cart=CART)) == {}


REFUSED: dict[str, Callable[[], object]] = {
    "a reward without a name": lambda: pay(name=""),
    "points of nothing": lambda: pay(points=POINTS.of(0)),
    "a value below zero": lambda: pay(value=USD.of(-1)),
    "a minimum in money": lambda: pay(minimum=USD.of(1)),
    "a maximum in money": lambda: pay(maximum=USD.of(1)),
    "a step in money": lambda: pay(step=USD.of(1)),
    "a minimum of nothing": lambda: pay(minimum=POINTS.of(0)),
    "an order minimum in points": lambda: pay(order_minimum=POINTS.of(1)),
    "a share above the whole": lambda: pay(share_max="1.01"),
    "a share of nothing": lambda: pay(share_max=0),
    "a share that is a float": lambda: pay(share_max=0.5),
    "no kinds": lambda: pay(kinds=[]),
    "labels that are a text": lambda: pay(labels="ab"),
    "a label that is no word": lambda: pay(labels=[""]),
    "when that is no condition": lambda: pay(when="vip"),
    "a product that costs nothing": lambda: mug(cost=POINTS.of(0)),
    "money off without a value": lambda: mug(kind=BenefitKind.MONEY_OFF),
    "a table without steps": lambda: table(steps=[]),
    "a table of amounts": lambda: table(steps=[POINTS.of(1)]),
    "steps that fall": lambda: table(
        steps=[Step(cost=POINTS.of(2), value=USD.of(1)), Step(cost=POINTS.of(1), value=USD.of(2))]
    ),
    "steps in two units": lambda: table(
        steps=[Step(cost=POINTS.of(1), value=USD.of(1)), Step(cost=STARS.of(2), value=USD.of(2))]
    ),
    "values in two currencies": lambda: table(
        steps=[Step(cost=POINTS.of(1), value=USD.of(1)), Step(cost=POINTS.of(2), value=EUR.of(2))]
    ),
    "a step of nothing": lambda: Step(cost=POINTS.of(0), value=USD.of(1)),
    "a reward in no unit of the terms": lambda: program_of(rewards=[mug()], units=[USD]),
    "rewards that are none": lambda: program_of(rewards=["mug"]),  # type: ignore[list-item]
    "a reward that is a class": lambda: program_of(rewards=[FixedReward]),  # type: ignore[list-item]
    "two rewards of one name": lambda: program_of(rewards=[mug(), pay()]),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_a_reward_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    """Each validator of rewards rejects, at the latest where the terms are made."""
    with pytest.raises(InvalidValueError):
        make()


def test_pending_points_buy_nothing() -> None:
    """Points that wait cannot be spent."""
    member = having(0, pay(), life=Life(available_after=days(14)))
    member.buy("900.00")
    assert code(member.redeem(amount=POINTS.of(100))) is RejectionCode.BALANCE_TOO_LOW


def app(reward: Reward, *, points: int = 0, cart: Any = CART, **fields: Any) -> Decision:
    """A redemption on a cart of 40.00."""
    return having(points, reward).redeem(cart=cart, **fields)


def strict() -> PayWithPoints:
    """Only in the app, and from 99.00 on."""
    return pay(when=Channel(["app"]), order_minimum=USD.of(99))


def held() -> Member:
    """600 points held."""
    member = having(1000, pay())
    member.reserve(amount=POINTS.of(600))
    return member


def paying() -> Member:
    """A redemption that paid a purchase."""
    member = having(1000, pay())
    member.redeem(amount=POINTS.of(600), cart=CART)
    paid = [Tender(kind="points", total=USD.of(6), redemption="d-1"), Tender(kind="card", total=USD.of(34))]
    member.buy("30.00", "10.00", tenders=paid)
    return member


def undone_twice() -> Decision:
    """A second cancellation of a redemption that a purchase names: it was cancelled before it paid."""
    member = having(1000, pay())
    member.redeem(amount=POINTS.of(600), cart=CART)
    member.cancel("d-1")
    paid = [Tender(kind="points", total=USD.of(6), redemption="d-1"), Tender(kind="card", total=USD.of(34))]
    member.buy("40.00", tenders=paid)
    return member.cancel("d-1", id="x-2")


def gap() -> Decision:
    """A refund with a commit of the purchase missing."""
    member = having(0)
    member.buy("30.00", "10.00")
    member.refund(lines=[RefundLine(id="1")])
    member.refund(id="r-2")
    del member.commits[1]
    return member.return_of(id="r-3")


def alien() -> Decision:
    """A refund that gives back a redemption which never paid, and a line that never was."""
    member = paying()
    return member.return_of(
        lines=[RefundLine(id="9")], tenders=[Tender(kind="points", total=USD.of(1), redemption="d-9")]
    )


def unlisted() -> Decision:
    """An adjustment in a unit that the terms do not have."""
    member = Member(program_of(points_policy(), units=[USD, POINTS]))
    amount = STARS.of(1)
    return member.tell(
        Adjustment(id="j-1", member="m-1", occurred_at=NEW_YEAR, amount=amount, actor="ann", reason="slip")
    )


ONCE = Limit(name="once", uses=1)


def to_oneself() -> Gift:
    """A gift to the giver, in a program without gifts."""
    return Gift(id="g-1", member="m-1", occurred_at=NEW_YEAR, to="m-1", amount=POINTS.of(1))


def returned(*ids: str) -> Decision:
    """A refund of 99.00 on each of the lines of a purchase of 30.00."""
    member = having(0)
    member.buy("30.00")
    return member.return_of(lines=[RefundLine(id=line, total=USD.of(99)) for line in ids])


def test_what_speaks_of_the_wrong_event_is_refused() -> None:
    """A capture of a redemption, a refund of an activity, a confirmation of a refusal: the wrong root."""
    member = having(1000, pay())
    member.redeem(amount=POINTS.of(100))
    member.does("review")
    member.redeem(amount=POINTS.of(9999), id="d-2")
    now = member.when(None)
    assert code(member.tell(capture("d-1", at=now))) is RejectionCode.WRONG_ROOT
    assert code(member.return_of("a-1", at=now)) is RejectionCode.WRONG_ROOT
    confirmation = Confirmation(id="c-1", member="m-1", occurred_at=now, of="d-2")
    assert code(member.tell(confirmation)) is RejectionCode.WRONG_ROOT


def coupon(**fields: Any) -> FixedReward:
    """A coffee for a voucher."""
    return FixedReward(name="coupon", voucher="coffee", **fields)


def used() -> Decision:
    """A cancellation of a redemption whose voucher is used."""
    member = having(1000, mug(gives=[GiveGrant(key="coffee", uses=1)]), coupon())
    member.redeem()
    member.redeem("coupon", id="d-2")
    return member.cancel("d-1")


def ended() -> Decision:
    """A request for an unknown reward on a closed account."""
    member = having(0)
    member.tell(AccountClosed(id="c-1", member="m-1", occurred_at=NEW_YEAR, actor="ann", reason="asked"))
    return member.redeem("nothing", amount=POINTS.of(9))


def merged_twice() -> Decision:
    """An account that is merged already is to be merged into itself."""
    program = program_of(points_policy())
    first = Merge(id="g-1", member="m-1", occurred_at=NEW_YEAR, into="m-2", actor="ann", reason="same")
    states = program.decide(State.of("m-1"), first, others=[State.of("m-2")]).require().states
    again = attrs.evolve(first, id="g-2", into="m-1")
    return program.decide(states[0], again, others=states[1:])


def clashing() -> Decision:
    """A reward beside one of its group, and only in the app."""
    cart = [Line(total=USD.of(9), discounts=[Discount(kind="ten", total=USD.of(1))])]
    ten = CartReward(name="ten", gives=PercentOff(share="0.1"), exclusive="order")
    return having(0, ten, pay(exclusive="order", when=Channel(["app"]))).redeem(cart=cart)


def referred_twice() -> Decision:
    """A second claim, of a member who has bought since."""
    reward = ReferralReward(referrer=(GiveCredit(amount=POINTS.of(1)),))
    program = program_of(ReferralPolicy(name="referral", rewards=(reward,)), units=[USD, POINTS])

    def claim(state: State, id: str, referrer: str) -> Decision:
        event = ReferralClaimed(id=id, member="m-1", occurred_at=NEW_YEAR, policy="referral", referrer=referrer)
        return program.decide(state, event, others=[State.of(referrer)])

    first = claim(State.of("m-1"), "r-1", "m-2").require()
    state = next(state for state in first.states if state.account == first.account)
    bought = Purchase(id="o-1", member="m-1", occurred_at=NEW_YEAR, lines=(Line(total=USD.of(9)),))
    state = program.decide(state, bought).require().states[0]
    return claim(state, "r-2", "m-3")


def declaring(event: DividendDeclared | DividendShare) -> Decision:
    """An event of a dividend, after the dividend was declared if it is declared later."""
    program = Cooperative(dividend()).program
    state = State.of(own_account(event))
    if event.id == "d-1":
        state = program.decide(state, declared(rate("0.20"))).require().state or state
    return program.decide(state, event)


class TestRank:
    """Why an event was refused: where several reasons hold, the one listed first is given."""

    # Each event is refused for its code, and for one listed after it as well: (code, also, how).
    WALK: tuple[tuple[str, str | None, Callable[[], Decision]], ...] = (
        ("event_time_out_of_range", "too_late", lambda: having(1).redeem(at=on(1, 1, year=1969))),
        ("too_late", "unknown_root", lambda: having(1).return_of(at=on(1, 1, year=2025))),
        ("unknown_root", None, lambda: having(1).return_of("o-9")),
        ("history_incomplete", "already_ended", gap),
        ("account_closed", "unknown_reward", ended),
        ("account_merged", "to_oneself", merged_twice),
        ("wrong_root", "unknown_line", alien),
        ("unknown_unit", None, unlisted),
        ("unknown_reward", "balance_too_low", lambda: having(0).redeem("nothing", amount=POINTS.of(9))),
        ("unknown_rule", None, lambda: having(0).declare("nothing")),
        ("already_ended", "pays_a_purchase", undone_twice),
        ("already_declared", None, lambda: declaring(declared(rate("0.10"), id="d-1"))),
        ("patronage_open", "wrong_unit", lambda: declaring(declared(ClassDeclared(credit=POINTS.of(1)), at=JUNE))),
        ("no_patronage", None, lambda: declaring(share_of(declared(rate("0.10")), None, "m-1"))),
        ("pays_a_purchase", None, lambda: paying().cancel("d-1")),
        ("voucher_used", None, used),
        ("unknown_line", "refund_exceeds_purchase", lambda: returned("9", "1")),
        ("refund_exceeds_purchase", None, lambda: returned("1")),
        ("capture_exceeds_reservation", None, lambda: held().tell(capture(amount=POINTS.of(601)))),
        ("to_oneself", "not_eligible", lambda: having(0).tell(to_oneself())),
        ("already_referred", "not_eligible", referred_twice),
        ("not_combinable", "not_eligible", clashing),
        ("not_eligible", "order_below_minimum", lambda: having(0, strict()).redeem(cart=CART)),
        ("order_below_minimum", "amount_missing", lambda: app(table(choice=Choice.NONE, order_minimum=USD.of(99)))),
        ("amount_missing", "wrong_unit", lambda: app(table(choice=Choice.NONE), cart=[Line(total=EUR.of(1))])),
        ("wrong_unit", "wrong_choice", lambda: app(pay(items=["a", "b"]), amount=STARS.of(10))),
        ("wrong_choice", "amount_above_maximum", lambda: app(pay(items=["a", "b"]), amount=POINTS.of(5000))),
        ("amount_above_maximum", "amount_not_a_step", lambda: app(pay(maximum=POINTS.of(9)), amount=POINTS.of(50))),
        ("amount_not_a_step", "balance_too_low", lambda: app(pay(), amount=POINTS.of(150))),
        ("limit_reached", "balance_too_low", lambda: having(0, voucher(limits=[ONCE])).redeem(times=2)),
        ("voucher_missing", None, lambda: having(0, coupon()).redeem("coupon", code="nobody")),
        ("balance_too_low", "amount_below_minimum", lambda: app(pay(minimum=POINTS.of(500)), amount=POINTS.of(100))),
        ("amount_below_minimum", None, lambda: app(pay(minimum=POINTS.of(500)), points=600, amount=POINTS.of(100))),
    )
    # Given by the service, which has a clock.
    ELSEWHERE = ("too_far_ahead",)

    def test_the_walk_goes_down_the_list(self) -> None:
        """Every code is met once, in the order in which they are ranked, or is given elsewhere."""
        ranked = [member.value for member in RejectionCode if member.value not in self.ELSEWHERE]
        assert [first for first, _, _ in self.WALK] == ranked
        for first, also, _ in self.WALK:
            assert also is None or ranked.index(first) < ranked.index(also)

    @pytest.mark.parametrize(("first", "also", "how"), WALK, ids=[first for first, _, _ in WALK])
    def test_the_first_reason_is_given(self, first: str, also: str | None, how: Callable[[], Decision]) -> None:
        """The first of the reasons that hold."""
        assert code(how()) is RejectionCode(first)


class TestEdges:
    """Where two requests meet, and where nothing is left to do."""

    def test_a_capture_is_in_the_unit_that_is_held(self) -> None:
        """Stars of a reservation of points cannot be captured."""
        member = held()
        assert code(member.refuse(capture(amount=STARS.of(1)))) is RejectionCode.WRONG_UNIT

    def test_each_reservation_keeps_its_own_end(self) -> None:
        """A capture, a release and a cancellation end one reservation's lapse and leave the others'."""
        member = having(1000, pay())
        for n in (1, 2, 3, 4):
            member.reserve(id=f"v-{n}", amount=POINTS.of(100), lapses_at=on(3, n))
        later = member.when(None)
        member.accept(capture("v-2", at=later))
        member.accept(free("v-3", at=later))
        assert member.cancel("v-4", at=later).accepted
        assert [wake_up.facts["reservation"] for wake_up in member.state.wake_ups] == ["v-1"]
        assert member.has(at=on(3, 1)) == 900

    def test_two_reservations_lapse_one_after_the_other(self) -> None:
        """At each instant only what is due falls due."""
        member = having(1000, pay())
        member.reserve(id="v-1", amount=POINTS.of(100), lapses_at=on(3, 1))
        member.reserve(id="v-2", amount=POINTS.of(200), lapses_at=on(3, 2))
        assert member.has(at=on(3, 1)) == 800
        assert member.has(at=on(3, 2)) == 1000

    def test_a_part_of_a_voucher(self) -> None:
        """A voucher of 5.00 captured by half is one of 2.50, without shares."""
        member = having(1000, voucher(kind=BenefitKind.VOUCHER))
        member.reserve()
        benefit = only(member.accept(capture(amount=POINTS.of(200))).benefits)
        assert (benefit.amount, dict(benefit.shares)) == (USD.of("2.50"), {})

    def test_an_opening_balance_from_the_past_is_available_at_once(self) -> None:
        """What became available before it was booked is there."""
        member = having(0, pay())
        member.adjust("100 points", at=on(2, 1), available_at=on(1, 1))
        assert member.has() == 100
        assert member.state.pending == ()

    def test_an_order_of_the_minimum_is_enough(self) -> None:
        """40.00 where 40.00 is asked for."""
        assert having(1000, pay(order_minimum=USD.of(40))).redeem(cart=CART).accepted

    def test_points_pay_in_one_currency(self) -> None:
        """A cart in EUR cannot be paid with points that are worth dollars."""
        assert code(having(1000, pay()).redeem(cart=[Line(total=EUR.of(9))])) is RejectionCode.WRONG_UNIT

    def test_what_time_did_may_be_decided_as_an_event(self) -> None:
        """A stored TimePassed, decided again on the state before it, gives the same entries."""
        member = having(0, pay())
        member.adjust("5 points", expires_at=on(2, 1))
        passed = member.program.advance(member.state, on(3, 1))
        again = member.program.decide(member.state, passed.event)
        assert again.entries == passed.entries
        assert again.state == passed.state

    def test_nothing_named_and_a_minimum(self) -> None:
        """A cart too small for the minimum is below it; a balance too small is too low."""
        reward = pay(minimum=POINTS.of(500))
        assert code(having(900, reward).redeem(cart=lines("4.00"))) is RejectionCode.AMOUNT_BELOW_MINIMUM
        assert code(having(400, reward).redeem(cart=CART)) is RejectionCode.BALANCE_TOO_LOW
