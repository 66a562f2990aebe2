"""The strategies draw only what is valid, and reach what they promise."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from patronage import (
    Event,
    FixedReward,
    LineKind,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    Rejected,
    SpendRule,
    State,
    Terms,
    currency,
)
from patronage.events import Gift
from patronage.ledger import RejectionCode
from patronage.testing.kit import POINTS, USD
from patronage.testing.strategies import amounts, gifts, histories, interleaved, lines, purchases, refunds_of

SPEND = SpendRule(per=USD.of(1), credit=POINTS.of(1))
PROGRAM = Program(
    id="shop",
    time_zone="UTC",
    terms=Terms(
        units=(USD, POINTS),
        policies=(PointsPolicy(name="base", rules=(SPEND,)),),
        rewards=(FixedReward(name="mug", cost=POINTS.of(300)),),
    ),
)
EXPECTED_REFUSALS = {
    RejectionCode.ALREADY_ENDED,
    RejectionCode.BALANCE_TOO_LOW,
    RejectionCode.REFUND_EXCEEDS_PURCHASE,
}


@given(amounts(POINTS, at_least=-5, at_most=5))
def test_amounts_keep_their_bounds(amount: object) -> None:
    """Whole steps of the unit between the bounds, both included."""
    assert amount in [POINTS.steps(n) for n in range(-5, 6)]


@given(purchases(each=lines(kinds=tuple(LineKind), taxed=True), lines_max=3))
def test_purchases_are_of_one_currency_and_have_lines(purchase: Purchase) -> None:
    """One to three lines; the discounts never exceed them."""
    assert 1 <= len(purchase.lines) <= 3
    assert purchase.currency == "USD"
    assert purchase.total >= 0


@given(st.data())
def test_a_refund_of_a_fresh_purchase_is_never_refused(data: st.DataObject) -> None:
    """Alone, it asks for no more than there is."""
    purchase = data.draw(purchases())
    refund = data.draw(refunds_of(purchase))
    first, second = PROGRAM.decide_all(State.of(purchase.member), [purchase, refund])
    assert first.accepted
    assert second.accepted


@given(histories(rewards=("mug",), activities=("review",)))
def test_histories_are_answered_whole(events: tuple[Event, ...]) -> None:
    """In order of time, with ids of their own, and refused only for what requests may be refused for."""
    times = [event.occurred_at for event in events]
    assert times == sorted(times)
    assert len({event.id for event in events}) == len(events)
    for decision in PROGRAM.decide_all(State.of("m-1"), events):
        assert not isinstance(decision, Rejected) or decision.code in EXPECTED_REFUSALS


def test_a_history_reaches_a_refund_and_a_redemption() -> None:
    """What shops fear most is drawn too: a refund in a history that also redeems."""
    once = settings(max_examples=5_000, phases=[Phase.generate])
    events = find(
        histories(rewards=("mug",)),
        lambda events: {Redemption, Refund} <= {type(event) for event in events},
        settings=once,
    )
    refund = next(event for event in events if isinstance(event, Refund))
    assert any(isinstance(event, Purchase) and event.id == refund.purchase for event in events)


def test_any_currency_will_do() -> None:
    """The strategies take the unit."""
    yen = currency("JPY")
    assert find(purchases(yen), lambda purchase: purchase.total >= 7).total == 7


@given(interleaved([histories(member="ann"), histories(member="bob")]))
def test_interleaved_histories_keep_each_members_order(events: tuple[Event, ...]) -> None:
    """Each member's events come in order of time; together they come in any."""
    for member in ("ann", "bob"):
        times = [event.occurred_at for event in events if event.member == member]
        assert times
        assert times == sorted(times)


@given(gifts(POINTS, to="bob", at_most=9))
def test_gifts_are_of_something(gift: Gift) -> None:
    """One step at least, to another member."""
    assert 1 <= gift.amount.steps <= 9
    assert gift.to == "bob" != gift.member


def test_interleaving_reaches_events_out_of_order() -> None:
    """One member's event comes after another's that is newer."""
    both = interleaved([histories(member="ann"), histories(member="bob")])
    events = find(both, lambda events: any(a.occurred_at > b.occurred_at for a, b in pairwise(events)))
    assert {event.member for event in events} == {"ann", "bob"}
