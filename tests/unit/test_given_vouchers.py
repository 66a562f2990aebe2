"""Vouchers that a reward gives into the account: lots and rights under a code, and what a cancellation does to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import attrs
import pytest
from unit_shop import NEW_YEAR, POINTS, USD, Member, moves, on, program_of, transfers

from patronage import (
    BenefitKind,
    Capture,
    FixedReward,
    InvalidValueError,
    Life,
    PayWithPoints,
    RejectionCode,
)
from patronage.ledger import Refusal
from patronage.periods import MONTH
from patronage.rewards import Limit, Price, Request
from patronage.terms_of_time import days
from patronage.thresholds import GiveCredit, GiveGrant

FIVE = GiveCredit(amount=USD.of(5), life=Life(expires_after=days(30)))
FOR_EVER = GiveCredit(amount=USD.of(5))
SPENDS = PayWithPoints(name="pay", points=USD.of(1), value=USD.of(1), labels=("CODE-1", None))


@attrs.frozen
class FreeInTheApp:
    """A coffee for 100 points, of which 100 may be spent; none where the app is chosen."""

    name: str = "coffee"
    unit: str | None = "points"
    labels: tuple[str | None, ...] = ()
    limits: tuple[Limit, ...] = (Limit(name="once", amount=POINTS.of(100)),)

    def price(self, request: Request) -> Price | Refusal:
        """What it costs."""
        free = "app" in request.choices
        return Price(cost=None if free else POINTS.of(100), benefits=())


def member_of(*gives: GiveCredit | GiveGrant, points: int = 1000, **fields: Any) -> Member:
    """A member with so many points, of a program where 400 are such a voucher."""
    reward = FixedReward(name="off", cost=POINTS.of(400), kind=BenefitKind.PRODUCT, gives=gives, **fields)
    member = Member(program_of(rewards=(reward, SPENDS)))
    member.adjust(f"{points} points", id="opening")
    return member


def code(decision: object) -> RejectionCode | None:
    """Why it was refused."""
    return getattr(decision, "code", None)


class TestGiving:
    """A voucher worth money is a credit with its label and life."""

    def test_it_is_labelled_with_the_requests_code(self) -> None:
        """Where the gift names no label; each time there is another five dollars."""
        member = member_of(FIVE)
        assert moves(member.redeem(code="CODE-1", times=2), USD) == [("issued", "m-1", 1000)]
        assert member.standing().labels(USD) == {"CODE-1": USD.of(10)}
        assert member.has(USD, label="CODE-1", at=NEW_YEAR + timedelta(days=31)) == 0

    def test_its_own_label_goes_before_the_code(self) -> None:
        """What the terms name is not for the request to change."""
        member = member_of(GiveCredit(amount=USD.of(5), label="gift"))
        member.redeem(code="CODE-1")
        assert member.has(USD, label="gift") == 500

    def test_a_capture_gives_what_was_reserved(self) -> None:
        """Nothing while it is held; then under the code of the reservation, about it."""
        member = member_of(FIVE, GiveGrant(key="coupon", uses=2))
        member.reserve(code="CODE-1")
        assert member.has(USD, label="CODE-1") == 0
        member.accept(Capture(id="k-1", member="m-1", occurred_at=member.when(None), reservation="v-1"))
        assert member.has(USD, label="CODE-1") == 500
        assert [(grant.value, grant.uses) for grant in member.standing().grants("coupon")] == [("CODE-1", 2)]


class TestCancelling:
    """A request that never was: what it took comes back, and what it gave goes, if it is all there."""

    @pytest.mark.parametrize("gift", [FIVE, FOR_EVER])
    def test_unused_it_goes(self, gift: GiveCredit) -> None:
        """With an end or without one, and other money of the same label stays."""
        member = member_of(gift)
        member.adjust("3.00 USD", label="CODE-1")
        member.redeem(code="CODE-1")
        assert member.cancel("d-1").accepted
        assert (member.has(), member.has(USD, label="CODE-1")) == (1000, 300)

    @pytest.mark.parametrize("how", ["spent", "held"])
    def test_used_it_stays_and_the_cancellation_is_refused(self, how: str) -> None:
        """A dollar of it is spent, or held by a reservation: nothing changes."""
        member = member_of(FIVE)
        member.redeem(code="CODE-1")
        if how == "spent":
            assert member.redeem("pay", id="d-2", amount=USD.of(1)).accepted
        else:
            assert member.reserve("pay", id="v-2", amount=USD.of(1)).accepted
        before = member.state
        assert code(member.cancel("d-1")) is RejectionCode.VOUCHER_USED
        assert (member.state.lots, member.state.grants) == (before.lots, before.grants)

    def test_a_right_that_is_used_in_part_stays_too(self) -> None:
        """Of two uses one is gone."""
        member = member_of(GiveGrant(key="coupon", uses=2))
        drink = FixedReward(name="drink", kind=BenefitKind.PRODUCT, voucher="coupon")
        other = Member(program_of(rewards=(*member.program.terms[0].rewards, drink)))
        other.adjust("1000 points", id="opening")
        other.redeem()
        other.redeem("drink", id="d-2")
        assert code(other.cancel("d-1")) is RejectionCode.VOUCHER_USED
        assert other.cancel("d-2", id="x-2").accepted
        assert other.cancel("d-1", id="x-3").accepted
        assert not other.standing().grants("coupon")

    def test_what_has_lapsed_cannot_be_cancelled(self) -> None:
        """A reservation whose time has run out has ended by itself: its points are free once, not twice."""
        member = member_of(FIVE)
        member.reserve(at=on(1, 3), lapses_at=on(1, 4))
        assert code(member.cancel("v-1", at=on(1, 4))) is RejectionCode.ALREADY_ENDED
        assert member.has() == 1000


class TestLimits:
    """How much may be had, where a request costs nothing or too much of what is left."""

    def test_below_the_minimum_by_the_limit_is_the_limits_refusal(self) -> None:
        """Of 500 a month 300 are spent: the 200 that are left are below the least that may be spent."""
        limit = Limit(name="monthly", amount=POINTS.of(500))
        pay = PayWithPoints(name="pay", points=POINTS.of(100), value=USD.of(1), minimum=POINTS.of(300), limits=(limit,))
        member = Member(program_of(rewards=(pay,)))
        member.adjust("1000 points", id="opening")
        assert member.redeem("pay", amount=POINTS.of(300)).accepted
        assert code(member.redeem("pay", id="d-2")) is RejectionCode.LIMIT_REACHED
        assert member.has() == 700

    def test_a_request_that_spends_nothing_counts_nothing_of_an_amount(self) -> None:
        """A caller's reward that is free in the app: no entry counts it, and all that may be spent is still whole."""
        member = Member(program_of(rewards=(FreeInTheApp(),)))
        member.adjust("1000 points", id="opening")
        assert member.redeem("coffee", choices=("app",)).entries == ()
        assert member.redeem("coffee", id="d-2").accepted
        assert code(member.redeem("coffee", id="d-3")) is RejectionCode.LIMIT_REACHED
        assert member.redeem("coffee", choices=("app",), id="d-4").accepted

    def test_a_hold_that_lapses_gives_its_own_months_use_back(self) -> None:
        """It was January's: February's, which is used up, is not touched."""
        limit = Limit(name="monthly", uses=1, per=MONTH)
        member = member_of(limits=(limit,))
        member.reserve(at=on(1, 20), lapses_at=on(2, 20))
        assert code(member.redeem(at=on(1, 21))) is RejectionCode.LIMIT_REACHED
        assert member.redeem(at=on(2, 3), id="d-2").accepted
        lapsed = member.pass_to(on(2, 20))
        counted = [move for move in transfers(lapsed) if move.unit == "reward.off.monthly"]
        assert [(move.label, move.payee.id, move.steps) for move in counted] == [("2026-01", "issued", 1)]
        assert code(member.redeem(at=on(2, 21), id="d-3")) is RejectionCode.LIMIT_REACHED

    def test_a_hold_that_lapses_after_its_count_has_ended_frees_the_points_alone(self) -> None:
        """A year and more later the count of its month is gone by itself."""
        member = member_of(limits=(Limit(name="monthly", uses=1, per=MONTH),))
        member.reserve(at=on(1, 20), lapses_at=on(6, 1, year=2027))
        member.pass_to(on(5, 1, year=2027))
        lapsed = member.pass_to(on(6, 1, year=2027))
        assert {move.unit for move in transfers(lapsed)} == {"points"}
        assert member.has() == 1000


@pytest.mark.parametrize("given", [("coupon",), (cast("Any", POINTS.of(1)),)])
def test_a_reward_gives_credits_and_rights_alone(given: Any) -> None:
    """What is neither is refused where the reward is written."""
    with pytest.raises(InvalidValueError, match="GiveCredit or GiveGrant"):
        member_of(*given)


@pytest.mark.parametrize("choices", [(), ("plate",), ("mug", "cup")])
def test_one_of_its_items_is_chosen(choices: tuple[str, ...]) -> None:
    """None, another, and two are no choice; the one that is named is handed over."""
    member = member_of(items=("mug", "cup"))
    assert code(member.redeem(choices=choices)) is RejectionCode.WRONG_CHOICE
    (given,) = member.redeem(choices=("cup",), id="d-2").benefits
    assert given.item == "cup"
