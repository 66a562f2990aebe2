"""A cart quoted by the service: what applies, what else could be had, and why not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from loyalty.shop import NOON, POINTS, USD, Clock, commits_of, opening
from patronage import (
    Account,
    FixedReward,
    InvalidValueError,
    Line,
    PayWithPoints,
    Program,
    Purchase,
    Redemption,
    RejectionCode,
    Reservation,
    Tender,
    Terms,
)
from patronage.loyalty import AsyncLoyalty, Loyalty, Quote
from patronage.quotes import Applied, Refused
from patronage.rewards import AmountOff, CartReward, FreeShipping, Limit, PercentOff, Qualifying, Reward
from patronage.stores.memory import AsyncMemoryLedger, MemoryLedger

TENTH = CartReward(name="tenth", gives=[PercentOff(share="0.1")], automatic=True)
BIG = CartReward(
    name="big", gives=[AmountOff(value=USD.of(5))], automatic=True, qualifies=Qualifying(amount=USD.of(100))
)
PAY = PayWithPoints(name="pay", points=POINTS.of(100), value=USD.of(1))
MUG = FixedReward(name="mug", cost=POINTS.of(400), limits=[Limit(name="stock", uses=1, shared="mugs")])
CAR = FixedReward(name="car", cost=POINTS.of(10**6))
REWARDS: tuple[Reward, ...] = (TENTH, BIG, PAY, MUG, CAR)


def service(*rewards: Reward, store: MemoryLedger | None = None) -> Loyalty:
    """A shop with those rewards, where ann has a thousand points."""
    terms = Terms(units=(USD, POINTS), policies=(), rewards=rewards or REWARDS)
    program = Program(id="shop", time_zone="UTC", terms=terms)
    loyalty = Loyalty(program, store or MemoryLedger(), clock=Clock())
    loyalty.record(opening("open", 1000))
    return loyalty


def cart(*totals: str, **fields: Any) -> Purchase:
    """A cart of ann's, at noon."""
    lines = tuple(Line(total=USD.of(total)) for total in totals)
    return Purchase(**{"id": "o-1", "member": "ann", "occurred_at": NOON, "lines": lines, **fields})


def ask(reward: str, id: str = "d-1", member: str = "ann", **fields: Any) -> Redemption:
    """A request of ann's."""
    return Redemption(id=id, member=member, occurred_at=NOON, reward=reward, **fields)


def due(quote: Quote) -> int:
    """What is left to pay, in cents."""
    assert quote.due is not None
    return quote.due.steps


def outcomes(quote: Quote) -> dict[str, str]:
    """What became of each further reward: what it takes off, or why not."""
    return {
        each.redemption.reward: str(each.off) if isinstance(each, Applied) else each.refusal.code.value
        for each in quote.further
    }


class TestQuotes:
    """What a cart comes to on the account as it is stored."""

    def test_promotions_and_what_is_asked_for_apply_in_order(self) -> None:
        """A tenth off 20.00, and then 300 points."""
        quote = service().quote(cart("20.00"), requests=[ask("pay", amount=POINTS.of(300))])
        assert [(each.reward, each.off) for each in quote.applied] == [("tenth", 200), ("pay", 300)]
        assert due(quote) == 1500
        assert quote.further == ()

    def test_it_writes_nothing_and_can_be_recorded(self) -> None:
        """Asked twice it says the same; recorded, it comes to what it said."""
        store = MemoryLedger()
        loyalty = service(store=store)
        wanted = [ask("pay", amount=POINTS.of(300)), ask("mug", "d-2")]
        before = commits_of(store, Account.member("ann"))
        quote = loyalty.quote(cart("20.00"), requests=wanted)
        assert loyalty.quote(cart("20.00"), requests=wanted) == quote
        assert commits_of(store, Account.member("ann")) == before
        decisions = loyalty.record_all([*quote.redemptions, quote.purchase])
        assert [decision.benefits for decision in decisions[:-1]] == [each.decision.benefits for each in quote.applied]
        assert loyalty.standing("ann").available(POINTS).steps == 300

    def test_a_known_request_has_its_first_answer(self) -> None:
        """The same quote after it was recorded: the points are not asked for twice."""
        loyalty = service()
        wanted = [ask("pay", amount=POINTS.of(900))]
        quote = loyalty.quote(cart("20.00"), requests=wanted)
        loyalty.record_all(quote.redemptions)
        again = loyalty.quote(cart("20.00"), requests=wanted)
        assert again.purchase == quote.purchase
        assert all(each.decision.repeated for each in again.applied)

    def test_what_is_asked_for_and_refused_says_why(self) -> None:
        """Too few points."""
        quote = service().quote(cart("20.00"), requests=[ask("car")])
        assert [(each.redemption.reward, each.refusal.code) for each in quote.refused] == [
            ("car", RejectionCode.BALANCE_TOO_LOW)
        ]

    def test_without_promotions(self) -> None:
        """Nothing is tried unasked."""
        quote = service().quote(cart("20.00"), automatic=False)
        assert quote.applied == () and due(quote) == 2000

    def test_an_unknown_member_and_an_empty_program(self) -> None:
        """No points, no rewards: the cart as it is."""
        terms = Terms(units=(USD, POINTS), policies=())
        loyalty = Loyalty(Program(id="shop", time_zone="UTC", terms=terms), MemoryLedger(), clock=Clock())
        assert due(loyalty.quote(cart("20.00"), further=True)) == 2000

    def test_the_rest_is_a_tender_of_the_kind_that_is_told(self) -> None:
        """Card."""
        quote = service().quote(cart("20.00"), requests=[ask("pay", amount=POINTS.of(300))], rest="card")
        assert [(tender.kind, tender.total.steps) for tender in quote.purchase.tenders] == [
            ("points", 300),
            ("card", 1500),
        ]

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda: service().quote(cart("2.00", tenders=(Tender(kind="card", total=USD.of(2)),))),
            lambda: service().quote(cart("2.00"), requests=[ask("pay", member="bob")]),
            lambda: service().quote(ask("pay")),  # type: ignore[arg-type]
            lambda: service().quote(
                cart("2.00"),
                requests=[Reservation(id="v", member="ann", occurred_at=NOON, reward="pay")],  # type: ignore[list-item]
            ),
        ],
    )
    def test_what_cannot_be_quoted_is_refused(self, wrong: Any) -> None:
        """A cart that is paid, a request of another member, what is no cart or no redemption."""
        with pytest.raises(InvalidValueError):
            wrong()


class TestFurtherRewards:
    """Which other rewards could be had for this cart, each by itself, and why not."""

    def test_each_is_tried_by_itself(self) -> None:
        """The points would do for the mug or for 10.00 off, and each is said; the car and the big order are not."""
        quote = service().quote(cart("20.00"), further=True)
        assert [each.reward for each in quote.applied] == ["tenth"]
        assert outcomes(quote) == {
            "big": "order_below_minimum",
            "pay": "1000",
            "mug": "0",
            "car": "balance_too_low",
        }
        assert due(quote) == 1800

    def test_after_what_is_asked_for(self) -> None:
        """With 700 points spent there are too few for a mug; what was asked for is not tried again."""
        quote = service().quote(cart("20.00"), requests=[ask("pay", amount=POINTS.of(700))], further=True)
        assert outcomes(quote) == {"big": "order_below_minimum", "mug": "balance_too_low", "car": "balance_too_low"}

    def test_a_discount_comes_before_what_pays(self) -> None:
        """Points pay the whole cart; one more discount is still had, and leaves less to pay."""
        extra = CartReward(name="extra", gives=[PercentOff(share="0.5")])
        quote = service(PAY, extra).quote(cart("8.00"), requests=[ask("pay")], further=True)
        assert (due(quote), outcomes(quote)) == (0, {"extra": "400"})

    def test_one_of_an_exclusive_group_outdoes_or_is_outdone(self) -> None:
        """A fifth would stand instead of the tenth, a twentieth not."""
        deals = [
            CartReward(name=name, gives=[PercentOff(share=share)], exclusive="deal", automatic=name == "tenth")
            for name, share in (("tenth", "0.1"), ("fifth", "0.2"), ("twentieth", "0.05"))
        ]
        quote = service(*deals).quote(cart("20.00"), further=True)
        assert outcomes(quote) == {"fifth": "400", "twentieth": "not_combinable"}
        assert [each.reward for each in quote.applied] == ["tenth"]

    def test_stock_is_read_too(self) -> None:
        """The only mug is gone: another member has it."""
        store = MemoryLedger()
        loyalty = service(store=store)
        loyalty.record(opening("bob", 1000, member="bob"))
        assert loyalty.record(ask("mug", "b-1", member="bob")).accepted
        assert outcomes(loyalty.quote(cart("20.00"), further=True))["mug"] == "limit_reached"

    def test_the_reasons_have_their_facts(self) -> None:
        """What the order is, and what it would have to be."""
        (refused,) = [
            each
            for each in service().quote(cart("20.00"), further=True).further
            if isinstance(each, Refused) and each.redemption.reward == "big"
        ]
        assert dict(refused.refusal.facts) == {"reward": "big", "order": 2000, "minimum": 10000}

    def test_shipping_that_is_not_there_yet(self) -> None:
        """Free shipping can be had, and takes nothing off yet."""
        shipping = CartReward(name="shipping", gives=[FreeShipping()])
        assert outcomes(service(shipping).quote(cart("20.00"), further=True)) == {"shipping": "0"}


def test_the_awaited_twin_quotes_the_same() -> None:
    """The same quote, whichever service is asked."""
    store = MemoryLedger()
    blocking = service(store=store)
    awaited = AsyncLoyalty(blocking.program, AsyncMemoryLedger(store), clock=Clock())
    arguments: dict[str, Any] = {"requests": [ask("pay", amount=POINTS.of(300))], "further": True, "rest": "card"}
    assert asyncio.run(awaited.quote(cart("20.00"), **arguments)) == blocking.quote(cart("20.00"), **arguments)
