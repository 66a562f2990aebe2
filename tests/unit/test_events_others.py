"""Every event that is no purchase: what it speaks of, and what it refuses to state."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest
from unit_shop import EUR, NEW_YEAR, POINTS, USD, on

from patronage import (
    Activity,
    Adjustment,
    Cancellation,
    Capture,
    Confirmation,
    Enrolment,
    Event,
    InvalidValueError,
    Line,
    Redemption,
    Refund,
    RefundLine,
    Release,
    Reservation,
    StatusEnd,
    StatusGrant,
    Tender,
)
from patronage.events import TimePassed

LATER = NEW_YEAR + timedelta(days=1)


def what(**fields: Any) -> dict[str, Any]:
    """The fields that every event has, and more."""
    return {"id": "x-1", "member": "m-1", "occurred_at": NEW_YEAR, **fields}


def adjustment(**fields: Any) -> Adjustment:
    """An adjustment of 5 points."""
    return Adjustment(**what(amount=POINTS.of(5), actor="ann", reason="goodwill", **fields))


EVENTS: list[tuple[Event, str]] = [
    (Enrolment(**what()), "x-1"),
    (Refund(**what(purchase="o-1")), "o-1"),
    (Redemption(**what(reward="off")), "x-1"),
    (Reservation(**what(reward="off")), "x-1"),
    (Capture(**what(reservation="v-1")), "v-1"),
    (Release(**what(reservation="v-1")), "v-1"),
    (Cancellation(**what(undoes="o-1")), "o-1"),
    (Confirmation(**what(of="o-1")), "o-1"),
    (Activity(**what(kind="review")), "x-1"),
    (adjustment(), "x-1"),
    (StatusGrant(**what(key="tier", actor="ann", reason="match")), "x-1"),
    (StatusEnd(**what(key="tier", actor="ann", reason="match")), "x-1"),
    (TimePassed(**what(id="~t/2026")), "~t/2026"),
]


@pytest.mark.parametrize(("event", "about"), EVENTS, ids=[type(event).__name__ for event, _ in EVENTS])
def test_an_event_speaks_of_its_root(event: Event, about: str) -> None:
    """What undoes or completes another event is about that one; every other is about itself."""
    assert event.about == about


@pytest.mark.parametrize("event", [event for event, _ in EVENTS[:-1]], ids=[type(e).__name__ for e, _ in EVENTS[:-1]])
def test_every_event_checks_who_and_when(event: Event) -> None:
    """Id, member and instant are checked in each event alike."""
    kind: Any = type(event)
    fields = {field.name: getattr(event, field.name) for field in attrs.fields(kind)}
    assert kind(**fields) == event
    for field, wrong in (("id", "~1"), ("member", ""), ("occurred_at", datetime(2026, 1, 1))):
        with pytest.raises(InvalidValueError):
            kind(**{**fields, field: wrong})


def test_events_are_given_by_name() -> None:
    """No event takes its fields by position: an id and a member are too easily confused."""
    make: Any = Enrolment
    with pytest.raises(TypeError):
        make("e-1", "m-1", NEW_YEAR)


def test_a_refund_names_lines_or_a_total() -> None:
    """Lines, or a total, or neither (everything that is left): never both."""
    line = RefundLine(id="1")
    assert Refund(**what(purchase="o-1", lines=[line])).lines == (line,)
    assert Refund(**what(purchase="o-1", total=USD.of(5))).total == USD.of(5)
    assert Refund(**what(purchase="o-1")).lines == ()
    with pytest.raises(InvalidValueError, match="lines or a total, not both"):
        Refund(**what(purchase="o-1", lines=[line], total=USD.of(5)))


def test_a_refund_names_a_line_once() -> None:
    """Two parts of one line are added up by the shop."""
    with pytest.raises(InvalidValueError, match="names a line once"):
        Refund(**what(purchase="o-1", lines=[RefundLine(id="1", quantity=1), RefundLine(id="1", quantity=1)]))


def test_a_line_comes_back_by_quantity_or_by_total() -> None:
    """Two pieces, or five dollars of it, not both."""
    assert RefundLine(id="1", quantity="2").quantity == Decimal(2)
    assert RefundLine(id="1", total=USD.of(5)).total == USD.of(5)
    with pytest.raises(InvalidValueError, match="by quantity or by total"):
        RefundLine(id="1", quantity=2, total=USD.of(5))


@pytest.mark.parametrize("fields", [{"quantity": 0}, {"quantity": -1}, {"quantity": 0.5}])
def test_what_comes_back_is_above_zero(fields: Any) -> None:
    """A refund of nothing, or of less, is refused."""
    with pytest.raises(InvalidValueError):
        RefundLine(id="1", **fields)
    for total in (USD.of(0), USD.of(-1), 5):
        wrong: Any = total
        with pytest.raises(InvalidValueError, match="total must be"):
            RefundLine(id="1", total=wrong)
        with pytest.raises(InvalidValueError, match="total must be"):
            Refund(**what(purchase="o-1", total=wrong))


def test_a_refunds_parts_are_what_they_should_be() -> None:
    """A refund has RefundLines and Tenders, in sequences."""
    with pytest.raises(InvalidValueError, match="each be a RefundLine"):
        Refund(**what(purchase="o-1", lines=[Line(total=USD.of(1))]))
    with pytest.raises(InvalidValueError, match="each be a Tender"):
        Refund(**what(purchase="o-1", tenders=["card"]))
    with pytest.raises(InvalidValueError, match="A sequence is needed"):
        Refund(**what(purchase="o-1", lines="1"))
    assert Refund(**what(purchase="o-1", tenders=[Tender(kind="card", total=USD.of(1))])).tenders[0].kind == "card"


@pytest.mark.parametrize("kind", [Redemption, Reservation])
def test_a_request_asks_for_something(kind: Any) -> None:
    """A request names a reward, an amount above zero if any, a number of times, and a cart with numbered lines."""
    asked = kind(**what(reward="off", amount=POINTS.of(5), times=2, cart=[Line(total=USD.of(1))]))
    assert asked.cart[0].id == "1"
    for fields in (
        {"reward": ""},
        {"amount": POINTS.of(0)},
        {"amount": POINTS.of(-5)},
        {"amount": 5},
        {"times": 0},
        {"times": -1},
        {"times": 1.0},
        {"times": True},
        {"times": 2**31},
        {"cart": "x"},
        {"channel": ""},
    ):
        with pytest.raises(InvalidValueError):
            kind(**what(**{"reward": "off", **fields}))


def test_a_reservation_lapses_after_it_is_made() -> None:
    """A reservation's end lies after its beginning, and is normalised like every instant."""
    assert Reservation(**what(reward="off", lapses_at=LATER)).lapses_at == LATER
    for wrong in (NEW_YEAR, NEW_YEAR - timedelta(days=1)):
        with pytest.raises(InvalidValueError, match="must lapse after"):
            Reservation(**what(reward="off", lapses_at=wrong))
    with pytest.raises(InvalidValueError, match="needs a time zone"):
        Reservation(**what(reward="off", lapses_at=datetime(2027, 1, 1)))


def test_a_capture_takes_something() -> None:
    """A capture of nothing is a release."""
    assert Capture(**what(reservation="v-1", amount=POINTS.of(1))).amount == POINTS.of(1)
    with pytest.raises(InvalidValueError, match="amount must be above 0"):
        Capture(**what(reservation="v-1", amount=POINTS.of(0)))


def test_an_activity_counts_at_least_once() -> None:
    """An activity has a kind, a whole count, and measures of its own."""
    done = Activity(**what(kind="run", count=3, measures={"km": "12.50"}))
    assert done.measures["km"] == Decimal("12.5")
    for fields in ({"kind": ""}, {"count": 0}, {"count": 1.5}, {"count": True}, {"measures": {"km": 0.5}}):
        with pytest.raises(InvalidValueError):
            Activity(**what(**{"kind": "run", **fields}))


def test_an_adjustment_moves_something_for_a_reason() -> None:
    """An adjustment is not of zero, and names actor and reason in at most 64 characters."""
    assert adjustment().amount == POINTS.of(5)
    for fields in ({"amount": POINTS.of(0)}, {"amount": 5}, {"actor": ""}, {"reason": "x" * 65}, {"label": ""}):
        with pytest.raises(InvalidValueError):
            Adjustment(**what(**{"amount": POINTS.of(5), "actor": "ann", "reason": "goodwill", **fields}))


def test_an_opening_balance_brings_its_own_dates() -> None:
    """What is credited may be available and expire at dates of its own, in that order."""
    opened = adjustment(available_at=LATER, expires_at=LATER + timedelta(days=1))
    assert opened.available_at == LATER
    with pytest.raises(InvalidValueError, match="must expire after it is available"):
        adjustment(available_at=LATER, expires_at=LATER)
    with pytest.raises(InvalidValueError, match="must expire after it is available"):
        adjustment(expires_at=NEW_YEAR)
    assert adjustment(available_at=on(1, 1, year=2025), expires_at=LATER).expires_at == LATER


def test_a_debit_has_no_dates() -> None:
    """Only what is credited becomes available or expires."""
    for field in ("available_at", "expires_at"):
        with pytest.raises(InvalidValueError, match="Only what is credited"):
            Adjustment(**what(amount=POINTS.of(-5), actor="ann", reason="oops", **{field: LATER}))


def test_a_status_given_by_hand_ends_after_it_is_given() -> None:
    """A status lasts, may have uses, and names who gave it and why."""
    given = StatusGrant(**what(key="tier", value="gold", until=LATER, uses=3, actor="ann", reason="match"))
    assert given.uses == 3
    for fields in (
        {"until": NEW_YEAR},
        {"uses": 0},
        {"uses": 1.0},
        {"key": ""},
        {"value": ""},
        {"actor": "x" * 65},
        {"reason": ""},
    ):
        with pytest.raises(InvalidValueError):
            StatusGrant(**what(**{"key": "tier", "actor": "ann", "reason": "match", **fields}))
    with pytest.raises(InvalidValueError):
        StatusEnd(**what(key="tier", value="", actor="ann", reason="over"))


def test_an_adjustment_may_be_of_money() -> None:
    """Store credit is a unit like any other."""
    assert Adjustment(**what(amount=EUR.of("-1.50"), actor="ann", reason="oops")).amount.steps == -150


def test_a_request_chooses_at_most_64_things() -> None:
    """Sixty-four are taken, one more is refused."""
    choices = [str(n) for n in range(64)]
    asked = Redemption(id="d-1", member="m-1", occurred_at=NEW_YEAR, reward="off", choices=choices)
    assert asked.choices == tuple(choices)
    with pytest.raises(InvalidValueError, match="64 choices at most, not 65"):
        attrs.evolve(asked, choices=[*choices, "65"])
