"""Rewards on a cart and vouchers, one by one: what each takes off, and what of a voucher is left."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs
import pytest
from unit_shop import EUR, NEW_YEAR, POINTS, USD, Member, moves, on, program_of

from patronage import (
    Decision,
    InvalidValueError,
    Line,
    LineKind,
    Purchase,
    Redemption,
    RefundLine,
    RefundTerms,
    RejectionCode,
    Reservation,
    Reward,
    StatusGrant,
)
from patronage.conditions import Category
from patronage.events import Capture, Discount, Release
from patronage.ledger import BenefitKind
from patronage.quotes import quote
from patronage.request_conditions import CodeGiven
from patronage.rewards import (
    AmountOff,
    AmountOffItems,
    CartReward,
    FixedReward,
    FreeItems,
    FreeShipping,
    ItemsOff,
    Limit,
    MoneyVoucher,
    PercentOff,
    Qualifying,
    SetPrice,
)
from patronage.rewards.items import Pick
from patronage.rewards.vouchers import Rest
from patronage.terms import Returned
from patronage.terms_of_time import days


def cart(*totals: str, **fields: Any) -> tuple[Line, ...]:
    """Lines of goods in USD, one unit each unless told as `3 x 6.00`."""
    found = []
    for total in totals:
        count, _, price = total.rpartition(" x ")
        found.append(Line(total=USD.of(price), quantity=count or 1, category="food", **fields))
    return tuple(found)


def member_of(*rewards: Reward, points: int = 0) -> Member:
    """A member of a program with those rewards, and so many points."""
    member = Member(program_of(rewards=rewards))
    if points:
        member.adjust(f"{points} points")
    return member


def off(gift: Any, *totals: str, times: int = 1) -> int | str:
    """The cents that a gift takes off a cart, or why not."""
    decision = member_of(CartReward(name="off", gives=[gift])).redeem(cart=cart(*totals), times=times)
    return said(decision)


def said(decision: Decision) -> int | str:
    """The cents off, or the code of the refusal."""
    code = getattr(decision, "code", None)
    if code is not None:
        return str(code.value)
    offs = [each for each in decision.benefits if each.kind is BenefitKind.MONEY_OFF and each.amount is not None]
    for each in offs:
        assert each.amount is not None and (not each.shares or sum(each.shares.values()) == each.amount.steps)
    return sum(each.amount.steps for each in offs if each.amount is not None)


@pytest.mark.parametrize(
    ("gift", "totals", "expected"),
    [
        (ItemsOff(), ("3.00", "2.00", "9.00"), 200),
        (ItemsOff(pick=Pick.DEAREST, share="1/2"), ("3.00", "2.00", "9.00"), 450),
        (ItemsOff(of=3), ("3 x 9.00", "2.00"), 200),
        (ItemsOff(of=2, share="0.5", pick=Pick.IN_TURN), ("10.00", "8.00", "6.00", "4.00"), 600),
        (ItemsOff(of=3, pick=Pick.IN_TURN, units_max=1), ("6 x 30.00",), 500),
        (ItemsOff(of=2, units_max=1), ("4 x 8.00",), 200),
        (ItemsOff(lines=Category(["toys"])), ("3.00",), "not_eligible"),
        (AmountOffItems(first=USD.of(3), more=USD.of(1)), ("2 x 10.00", "0.50"), 450),
        (AmountOffItems(first=USD.of(3), more=USD.of(1), units_max=1), ("10.00", "2.00"), 300),
        (AmountOffItems(first=USD.of(3), more=USD.of(1), lines=Category(["toys"])), ("10.00",), "not_eligible"),
        (AmountOffItems(first=EUR.of(3), more=EUR.of(1)), ("10.00",), "wrong_unit"),
        (SetPrice(price=USD.of(20), units=3), ("9.00", "8.00", "7.00", "6.00"), 400),
        (SetPrice(price=USD.of(5)), ("3 x 21.00", "4.00"), 600),
        (SetPrice(price=USD.of(5), units=2, sets_max=1), ("4 x 16.00",), 300),
        (SetPrice(price=USD.of(5), units=2), ("3 x 12.00", "3 x 9.00"), 600),
        (SetPrice(price=USD.of(5), units=4), ("3.00",), "not_eligible"),
        (SetPrice(price=EUR.of(5)), ("9.00",), "wrong_unit"),
        (SetPrice(price=USD.of(5)), ("0.5 x 8.00", "9.00"), 400),
        (SetPrice(price=USD.of(5), units=2, sets_max=2), ("9.00", "3 x 24.00", "7.00"), 1200 + 1100),
        (ItemsOff(), ("0.00", "0.25 x 1.00", "3.00", "9.00"), 300),
        (PercentOff(share="0.1"), ("10.00", "5.00"), 150),
        (PercentOff(share="0.5", maximum=USD.of(2)), ("10.00",), 200),
        (AmountOff(value=USD.of(3)), ("2.00", "10.00"), 300),
        (AmountOff(value=USD.of(30)), ("2.00", "10.00"), 1200),
        (AmountOff(value=EUR.of(3)), ("2.00",), "wrong_unit"),
    ],
)
def test_what_a_gift_takes_off(gift: Any, totals: Iterable[str], expected: int | str) -> None:
    """To the cent, its shares adding up, never more than a line costs."""
    assert off(gift, *totals) == expected


def test_a_price_before_tax_lets_the_tax_stand() -> None:
    """Five dollars and the ten percent of the line on top."""
    gift = SetPrice(price=USD.of(5), tax=False)
    member = member_of(CartReward(name="off", gives=[gift]))
    assert said(member.redeem(cart=cart("11.00", tax=USD.of(1)))) == 550


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ItemsOff(pick=Pick.IN_TURN),
        lambda: ItemsOff(units=3, of=2),
        lambda: AmountOffItems(first=USD.of(1), more=EUR.of(1)),
        lambda: SetPrice(price=USD.of(1), units=2, tax=False),
        lambda: MoneyVoucher(name="v", cost=POINTS.of(1), value=USD.of(1), by_code=True, labels=["a"]),
        lambda: MoneyVoucher(name="v", cost=POINTS.of(1), value=USD.of(1), vouchers_max=2),
        lambda: PercentOff(share="1.5"),
        lambda: CartReward(name="off", gives=[]),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: Any) -> None:
    """A plain error, when it is written."""
    with pytest.raises(InvalidValueError):
        wrong()


def voucher(**fields: Any) -> MoneyVoucher:
    """A hundred points are a dollar's voucher."""
    return MoneyVoucher(**{"name": "off", "cost": POINTS.of(100), "value": USD.of(1), **fields})


class TestMoneyVouchers:
    """A balance of vouchers, spent on a cart."""

    def test_a_gift_card_is_used_in_parts(self) -> None:
        """As much as the cart takes; the rest stays."""
        member = member_of(voucher(), points=1000)
        assert said(member.redeem(cart=cart("7.50"))) == 750
        assert member.has() == 250

    @pytest.mark.parametrize(
        ("amount", "expected"),
        [
            (POINTS.of(200), 200),
            (USD.of("1.50"), 150),
            (USD.of(9), "amount_above_maximum"),
            (EUR.of(1), "wrong_unit"),
            (POINTS.of(2000), "amount_above_maximum"),
        ],
    )
    def test_a_wish_in_the_unit_or_in_money(self, amount: Any, expected: int | str) -> None:
        """What is named is used, and no more than the cart costs."""
        member = member_of(voucher(), points=1000)
        assert said(member.redeem(cart=cart("7.50"), amount=amount)) == expected

    def test_what_the_cart_does_not_take_lapses(self) -> None:
        """One voucher of ten dollars on 7.50."""
        member = member_of(voucher(cost=POINTS.of(1000), value=USD.of(10), rest=Rest.LAPSES), points=1000)
        assert said(member.redeem(cart=cart("7.50"))) == 750
        assert member.has() == 0

    def test_what_the_cart_does_not_take_is_change(self) -> None:
        """2.50 are paid out."""
        member = member_of(voucher(cost=POINTS.of(1000), value=USD.of(10), rest=Rest.CHANGE), points=1000)
        decision = member.redeem(cart=cart("7.50"))
        paid = [each.amount for each in decision.benefits if each.kind is BenefitKind.PAYOUT]
        assert paid == [USD.of("2.50")]

    def test_several_at_once_up_to_a_number(self) -> None:
        """Two may be used in one order."""
        member = member_of(voucher(rest=Rest.LAPSES, vouchers_max=2), points=1000)
        assert said(member.redeem(cart=cart("7.50"), times=2)) == 200
        assert said(member.redeem(cart=cart("7.50"), times=3, id="d-2")) == "amount_above_maximum"
        assert said(member.redeem(cart=cart("7.50"), amount=USD.of(1), id="d-3")) == "wrong_unit"

    def test_the_whole_balance_is_one(self) -> None:
        """All that is there."""
        member = member_of(voucher(rest=Rest.LAPSES, whole_balance=True), points=250)
        assert said(member.redeem(cart=cart("7.50"))) == 250
        assert member.has() == 0

    def test_at_a_partner_s_till_there_is_no_cart(self) -> None:
        """Without a cart all of it may be used."""
        assert said(member_of(voucher(), points=300).redeem()) == 300

    def test_one_of_several_things_must_be_chosen(self) -> None:
        """Of a mug and a cup the one that is named is given; without a choice, or with another, none."""
        member = member_of(CartReward(name="off", gives=[FreeItems(skus=["mug", "cup"])]))
        assert said(member.redeem(cart=cart("10.00"))) == "wrong_choice"
        assert said(member.redeem(cart=cart("10.00"), choices=["plate"], id="d-2")) == "wrong_choice"
        (given,) = member.redeem(cart=cart("10.00"), choices=["cup"], id="d-3").benefits
        assert (given.kind, given.item) == (BenefitKind.PRODUCT, "cup")

    def test_one_by_code_needs_the_code(self) -> None:
        """Without a code, or with another, no voucher is there; with its own it is used."""
        member = member_of(voucher(by_code=True))
        member.adjust("300 points", label="GIFT-1")
        assert said(member.redeem(cart=cart("2.00"))) == "voucher_missing"
        assert said(member.redeem(cart=cart("2.00"), code="GIFT-2", id="d-2")) == "voucher_missing"
        assert said(member.redeem(cart=cart("2.00"), code="GIFT-1", id="d-3")) == 200
        assert member.has(label="GIFT-1") == 100

    def test_a_limit_on_what_is_used(self) -> None:
        """So much of the balance for life: up to it, and then none."""
        member = member_of(voucher(limits=[Limit(name="once", amount=POINTS.of(200))]), points=1000)
        assert said(member.redeem(cart=cart("7.50"))) == 200
        assert said(member.redeem(cart=cart("7.50"), id="d-2")) == "limit_reached"
        assert member.has() == 800

    @pytest.mark.parametrize(("rest", "went"), [(Rest.LAPSES, "expired"), (Rest.CHANGE, "paid_out")])
    def test_a_held_voucher_remembers_its_rest(self, rest: Rest, went: str) -> None:
        """Of ten dollars held for 7.50, 750 points pay and 250 go where the rest goes, when it is captured."""
        member = member_of(voucher(cost=POINTS.of(1000), value=USD.of(10), rest=rest), points=1000)
        assert member.reserve(cart=cart("7.50"), at=on(1, 3)).accepted
        capture = member.accept(Capture(id="e-1", member="m-1", occurred_at=on(1, 4), reservation="v-1"))
        assert moves(capture) == [("m-1", "redeemed", 750), ("m-1", went, 250)]

    def test_a_part_of_a_held_voucher_has_a_part_of_its_rest(self) -> None:
        """Half of it captured: half pays, half of the change is paid out, and the other half is free again."""
        member = member_of(voucher(cost=POINTS.of(1000), value=USD.of(10), rest=Rest.CHANGE), points=1000)
        member.reserve(cart=cart("7.50"), at=on(1, 3))
        half = Capture(id="e-1", member="m-1", occurred_at=on(1, 4), reservation="v-1", amount=POINTS.of(500))
        out = [move for move in moves(member.accept(half)) if move[1] != "m-1"]
        assert out == [("m-1", "redeemed", 375), ("m-1", "paid_out", 125)]
        assert member.has() == 500

    def test_refusals(self) -> None:
        """Nothing there, too little, another currency, a cart that it cannot pay."""
        assert said(member_of(voucher()).redeem(cart=cart("7.50"))) == "balance_too_low"
        tiny = voucher(cost=POINTS.of(1000), value=USD.of("0.01"))
        assert said(member_of(tiny, points=9).redeem(cart=cart("7.50"))) == "amount_below_minimum"
        assert said(member_of(voucher(value=EUR.of(1)), points=900).redeem(cart=cart("7.50"))) == "wrong_unit"
        toys = voucher(lines=Category(["toys"]))
        assert said(member_of(toys, points=900).redeem(cart=cart("7.50"))) == "not_eligible"


class TestVouchersForThings:
    """A right with uses that a reward takes."""

    @staticmethod
    def holding(uses: int | None) -> Member:
        """A member with a voucher for the cheapest thing, of so many uses."""
        member = member_of(CartReward(name="off", gives=[ItemsOff()], voucher="drink"))
        given = StatusGrant(
            id="g", member="m-1", occurred_at=NEW_YEAR, key="drink", uses=uses, actor="ops", reason="test"
        )
        member.accept(given)
        return member

    def uses(self, member: Member) -> list[int | None]:
        """The uses left."""
        return [grant.uses for grant in member.standing().grants("drink")]

    def test_a_use_is_taken_and_comes_back(self) -> None:
        """Used, and cancelled: as it was."""
        member = self.holding(2)
        assert said(member.redeem(cart=cart("4.00"))) == 400
        assert self.uses(member) == [1]
        assert member.cancel("d-1").accepted
        assert self.uses(member) == [2]

    def test_the_last_use_comes_back_too(self) -> None:
        """What had no use left stands again."""
        member = self.holding(1)
        member.redeem(cart=cart("4.00"))
        assert self.uses(member) == []
        member.cancel("d-1")
        assert self.uses(member) == [1]

    def test_one_without_a_number_of_uses_is_not_counted(self) -> None:
        """It stays."""
        member = self.holding(None)
        assert said(member.redeem(cart=cart("4.00"))) == 400
        assert self.uses(member) == [None]

    def test_without_one_it_is_refused(self) -> None:
        """Nothing that could be used."""
        member = member_of(CartReward(name="off", gives=[ItemsOff()], voucher="drink"))
        assert getattr(member.redeem(cart=cart("4.00")), "code", None) is RejectionCode.VOUCHER_MISSING

    @pytest.mark.parametrize("ends", ["capture", "release", "lapse"])
    def test_a_reservation_holds_a_use_until_it_ends(self, ends: str) -> None:
        """Captured it is spent; released or lapsed it is free again."""
        member = self.holding(1)
        at = on(1, 3)
        held = Reservation(id="v-1", member="m-1", occurred_at=at, reward="off", cart=cart("4.00"), lapses_at=on(1, 9))
        member.accept(held)
        head: dict[str, Any] = {"id": "e-1", "member": "m-1", "occurred_at": on(1, 4), "reservation": "v-1"}
        if ends == "capture":
            member.accept(Capture(**head))
        elif ends == "release":
            member.accept(Release(**head))
        else:
            member.pass_to(on(1, 10))
        assert self.uses(member) == ([] if ends == "capture" else [1])


@pytest.mark.parametrize(
    ("gift", "expected"),
    [
        (PercentOff(share="0.5", lines=Category(["toys"])), "not_eligible"),
        (PercentOff(share="0.5", maximum=EUR.of(2)), "wrong_unit"),
        (AmountOff(value=USD.of(1), lines=Category(["toys"])), "not_eligible"),
    ],
)
def test_a_discount_that_finds_nothing_is_refused(gift: Any, expected: str) -> None:
    """No line that matches, or another currency."""
    assert off(gift, "10.00") == expected


def test_a_cart_has_it_no_more_often_than_it_qualifies() -> None:
    """Once, unless the reward says how often."""
    assert off(PercentOff(share="0.5"), "10.00", times=2) == "amount_above_maximum"


def test_things_to_give_are_named() -> None:
    """At least one SKU, each once; one of them is handed over."""
    for skus in ([], ["mug", "mug"]):
        with pytest.raises(InvalidValueError):
            FreeItems(skus=skus)
    decision = member_of(CartReward(name="off", gives=[FreeItems(skus=["mug"])])).redeem(cart=cart("10.00"))
    assert [each.kind for each in decision.benefits] == [BenefitKind.PRODUCT]


@pytest.mark.parametrize("gift", [FreeShipping(), PercentOff(share="0.1")])
def test_nothing_is_charged_for_nothing(gift: Any) -> None:
    """No shipping to pay, or a discount that rounds to no cent: the points and the coupon are kept."""
    costly = member_of(CartReward(name="off", gives=[gift], cost=POINTS.of(100)), points=100)
    assert said(costly.redeem(cart=cart("0.01"))) == "not_eligible"
    assert costly.has() == 100
    free = member_of(CartReward(name="off", gives=[gift]))
    assert said(free.redeem(cart=cart("0.01"))) == 0


def test_money_off_what_costs_nothing_is_refused() -> None:
    """Five dollars off a cart that is free already: the points are kept."""
    reward = FixedReward(name="off", cost=POINTS.of(100), kind=BenefitKind.MONEY_OFF, value=USD.of(5))
    member = member_of(reward, points=100)
    assert said(member.redeem(cart=cart("0.00"))) == "not_eligible"
    assert member.has() == 100


@pytest.mark.parametrize(("minimum", "expected"), [("0.05", 2), ("0.06", "order_below_minimum")])
def test_a_minimum_without_tax_is_exact(minimum: str, expected: int | str) -> None:
    """Two lines of 7 cents before a reward, two fifths of them no tax, are 5.6 cents: not twice 2."""
    reward = CartReward(
        name="off", gives=[AmountOff(value=USD.of("0.02"))], qualifies=Qualifying(amount=USD.of(minimum), tax=False)
    )
    first = CartReward(name="first", gives=[AmountOff(value=USD.of("0.02"))])
    taken = Discount(kind="first", total=USD.of("0.02"))
    lines = cart("0.05", "0.05", tax=USD.of("0.03"), discounts=(taken,))
    assert said(member_of(reward, first).redeem(cart=lines)) == expected


class TestWhatACartIsRefused:
    """Before anything is taken: a condition, a wish, a choice."""

    def test_a_condition_that_does_not_hold(self) -> None:
        """The code is another one."""
        member = member_of(CartReward(name="off", gives=[ItemsOff()], when=CodeGiven(["SPRING"])))
        assert said(member.redeem(cart=cart("4.00"), code="spring")) == "not_eligible"
        assert said(member.redeem(cart=cart("4.00"), code="SPRING", id="d-2")) == 400

    def test_an_amount_is_nothing_that_it_can_be_asked_for(self) -> None:
        """Its gifts say how much."""
        member = member_of(CartReward(name="off", gives=[ItemsOff()]))
        assert said(member.redeem(cart=cart("4.00"), amount=USD.of(1))) == "wrong_unit"

    def test_free_shipping_in_another_currency(self) -> None:
        """Its maximum is in euro."""
        shipping = Line(total=USD.of(5), kind=LineKind.SHIPPING)
        member = member_of(CartReward(name="off", gives=[FreeShipping(maximum=EUR.of(3))]))
        assert said(member.redeem(cart=(*cart("4.00"), shipping))) == "wrong_unit"

    def test_choices(self) -> None:
        """One of several must be named, and nothing that is not offered."""
        several = CartReward(name="off", gives=[FreeItems(skus=["mug", "cup"])])
        member = member_of(several)
        assert said(member.redeem(cart=cart("4.00"))) == "wrong_choice"
        assert said(member.redeem(cart=cart("4.00"), choices=["mug", "plate"], id="d-2")) == "wrong_choice"
        chosen = member.redeem(cart=cart("4.00"), choices=["cup"], id="d-3")
        assert [each.item for each in chosen.benefits] == ["cup"]

    def test_a_choice_where_there_is_none(self) -> None:
        """A product of no items is what it is."""
        member = member_of(FixedReward(name="off", cost=POINTS.of(1)), points=9)
        assert said(member.redeem(choices=["mug"])) == "wrong_choice"

    def test_a_limit_on_what_is_spent_leaves_no_room(self) -> None:
        """After 300 points of vouchers no more of them is used, however many there are."""
        spent = Limit(name="most", amount=POINTS.of(300))
        member = member_of(voucher(limits=[spent]), points=1000)
        assert said(member.redeem(cart=cart("7.50"))) == 300
        assert said(member.redeem(cart=cart("7.50"), id="d-2")) == "limit_reached"
        assert member.has() == 700

    def test_as_often_as_points_and_limits_allow(self) -> None:
        """For each 5.00 of the cart a dollar for 100 points: five times, but there are points for three."""
        each = CartReward(
            name="off",
            gives=[AmountOff(value=USD.of(1))],
            cost=POINTS.of(100),
            qualifies=Qualifying(every_amount=USD.of(5)),
        )
        assert said(member_of(each, points=350).redeem(cart=cart("25.00"))) == 300
        room = Limit(name="most", amount=POINTS.of(200))
        limited = member_of(attrs.evolve(each, limits=(room,)), points=350)
        assert said(limited.redeem(cart=cart("25.00"))) == 200
        assert limited.has() == 150
        once = member_of(attrs.evolve(each, all_at_once=False), points=350)
        assert said(once.redeem(cart=cart("25.00"), times=2)) == 200


class TestVouchersThatEnd:
    """A use that comes back when its voucher has ended, or would have."""

    @staticmethod
    def used(until: datetime | None, **refunds: Any) -> Member:
        """A member who has used the only use of a voucher on 2 January."""
        program = program_of(
            rewards=[CartReward(name="off", gives=[ItemsOff()], voucher="drink")], refunds=RefundTerms(**refunds)
        )
        member = Member(program)
        head: dict[str, Any] = {"id": "g", "member": "m-1", "occurred_at": NEW_YEAR, "actor": "ops", "reason": "test"}
        member.accept(StatusGrant(**head, key="drink", uses=1, until=until))
        assert said(member.redeem(cart=cart("4.00"), at=on(1, 2))) == 400
        return member

    @pytest.mark.parametrize(
        ("refunds", "uses"),
        [
            ({}, []),
            ({"returned": Returned.GRACE, "grace": days(3)}, [on(1, 12)]),
            ({"returned": Returned.FRESH, "grace": days(3)}, [on(1, 12)]),
        ],
    )
    def test_it_has_ended_in_between(self, refunds: dict[str, Any], uses: list[datetime]) -> None:
        """By its old end it is gone; with a grace it stands for as long."""
        member = self.used(on(1, 5), **refunds)
        assert member.cancel("d-1", at=on(1, 9)).accepted
        assert [grant.valid_until for grant in member.standing().grants("drink")] == uses

    @pytest.mark.parametrize(("returned", "until"), [(Returned.GRACE, on(1, 20)), (Returned.FRESH, on(1, 6))])
    def test_it_has_not_ended_yet(self, returned: Returned, until: datetime) -> None:
        """A grace shortens nothing; a fresh life counts from now."""
        member = self.used(on(1, 20), returned=returned, grace=days(3))
        assert member.cancel("d-1", at=on(1, 3)).accepted
        assert [grant.valid_until for grant in member.standing().grants("drink")] == [until]

    def test_it_ends_while_a_reservation_holds_it(self) -> None:
        """Released after its end there is nothing to give back."""
        program = program_of(rewards=[CartReward(name="off", gives=[ItemsOff()], voucher="drink")])
        member = Member(program)
        head: dict[str, Any] = {"id": "g", "member": "m-1", "occurred_at": NEW_YEAR, "actor": "ops", "reason": "test"}
        member.accept(StatusGrant(**head, key="drink", uses=1, until=on(1, 5)))
        assert member.reserve(cart=cart("4.00"), at=on(1, 2)).accepted
        member.accept(Release(id="e", member="m-1", occurred_at=on(1, 9), reservation="v-1"))
        assert member.standing().grants("drink") == ()

    def test_used_up_in_two_refunds_it_comes_back_once(self) -> None:
        """The goods come back line by line: the coupon with the last of them, and never again."""
        program = program_of(rewards=[CartReward(name="off", gives=[ItemsOff()], voucher="drink")])
        member = Member(program)
        head: dict[str, Any] = {"id": "g", "member": "m-1", "occurred_at": NEW_YEAR, "actor": "ops", "reason": "test"}
        member.accept(StatusGrant(**head, key="drink", uses=2))
        member.redeem(cart=cart("4.00", "9.00"))
        off = Discount(kind="off", total=USD.of(4), redemption="d-1")
        member.buy(Line(id="a", total=USD.of(0), discounts=(off,)), Line(id="b", total=USD.of(9)))
        left = []
        for n, line in enumerate(("b", "a")):
            assert member.return_of(id=f"r-{n}", lines=(RefundLine(id=line),)).accepted
            left.append([grant.uses for grant in member.standing().grants("drink")])
        assert left[-1] == [2]


def test_a_reward_that_applies_is_found_by_its_name() -> None:
    """And one that does not is none."""
    member = member_of(
        CartReward(name="off", gives=[ItemsOff()], automatic=True),
        CartReward(name="toys", gives=[ItemsOff(lines=Category(["toys"]))], automatic=True),
    )
    draft = Purchase(id="o", member="m-1", occurred_at=NEW_YEAR, lines=cart("4.00", "9.00"))
    told = quote(member.program, member.state, draft)
    found = told.of("off")
    assert found is not None and found.shares == {"1": 400}
    assert told.of("toys") is None


def test_what_came_after_an_outdone_reward_is_asked_again() -> None:
    """The half outdoes the tenth; the dollar that came between is taken of what the half leaves."""
    member = member_of(
        CartReward(name="tenth", gives=[PercentOff(share="0.1")], automatic=True, exclusive="deal"),
        CartReward(name="fifth", gives=[PercentOff(share="0.2")], automatic=True),
        CartReward(name="half", gives=[PercentOff(share="0.5")], automatic=True, exclusive="deal"),
    )
    draft = Purchase(id="o", member="m-1", occurred_at=NEW_YEAR, lines=cart("10.00"))
    told = quote(member.program, member.state, draft)
    assert [(each.reward, each.off) for each in told.applied] == [("half", 500), ("fifth", 100)]


def test_the_only_item_need_not_be_chosen() -> None:
    """There is nothing else."""
    member = member_of(FixedReward(name="off", cost=POINTS.of(1), items=["mug"]), points=9)
    assert [each.item for each in member.redeem().benefits] == ["mug"]


def test_a_rival_that_cannot_be_had_changes_nothing() -> None:
    """The tenth stands where the other of its group finds nothing to take off."""
    member = member_of(
        CartReward(name="tenth", gives=[PercentOff(share="0.1")], automatic=True, exclusive="deal"),
        CartReward(name="toys", gives=[ItemsOff(lines=Category(["toys"]))], exclusive="deal"),
    )
    draft = Purchase(id="o", member="m-1", occurred_at=NEW_YEAR, lines=cart("10.00"))
    asked = Redemption(id="d-1", member="m-1", occurred_at=NEW_YEAR, reward="toys")
    told = quote(member.program, member.state, draft, requests=[asked])
    assert [each.reward for each in told.applied] == ["tenth"]
    assert [each.refusal.code for each in told.refused] == [RejectionCode.NOT_ELIGIBLE]


def test_a_coupon_that_came_back_with_the_goods_does_not_come_back_again() -> None:
    """The purchase is refunded; the redemption behind it is cancelled then: there is nothing left of it."""
    member = TestVouchersForThings.holding(2)
    member.redeem(cart=cart("4.00", "9.00"))
    off = Discount(kind="off", total=USD.of(4), redemption="d-1")
    member.buy(Line(id="a", total=USD.of(0), discounts=(off,)), Line(id="b", total=USD.of(9)))
    assert member.return_of().accepted
    assert [grant.uses for grant in member.standing().grants("drink")] == [2]
    member.cancel("d-1")
    assert [grant.uses for grant in member.standing().grants("drink")] == [2]
