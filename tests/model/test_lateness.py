"""M6 and P38: "duplicated and shuffled delivery: final state differs from in-order = 0", or a typed refusal."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from conftest import histories
from model.histories import MEMBER, USD
from model.lateness import Delivery, answers, programs_agree, same
from model.lockstep import check_figures, code_of
from model.shop import Shop
from patronage import Cancellation, Confirmation, Event, Purchase, Refund

PARTS = 10


def later_events(shop: Shop, chance: Random) -> list[Event]:
    """Refunds, confirmations and cancellations of all that the account has, in any order."""
    at = shop.state.clock
    assert at is not None
    roots = [c.event for c in shop.commits if c.root == c.event.id and c.refusal is None and c.root[0] != "~"]
    chance.shuffle(roots)
    events: list[Event] = []
    for n, root in enumerate(roots * 2):
        at += timedelta(hours=chance.randint(1, 30))
        if isinstance(root, Purchase) and n < len(roots) and root.total:
            part = USD.steps(chance.randint(1, root.total))
            events.append(Refund(id=f"z-{n}", member=MEMBER, occurred_at=at, purchase=root.id, total=part))
        elif isinstance(root, Purchase) and chance.random() < 0.3:
            events.append(Confirmation(id=f"z-{n}", member=MEMBER, occurred_at=at, of=root.id))
        else:
            events.append(Cancellation(id=f"z-{n}", member=MEMBER, occurred_at=at, undoes=root.id))
    return events


def play(seed: int, met: Counter[str]) -> None:
    """One delivery: held to the reference, to arrival in order, and to all that may be undone later."""
    delivery = Delivery(seed)
    if isinstance(delivery.done, str):
        met["refused"] += 1
        return
    shop, ordered = delivery.shop, delivery.in_order
    assert programs_agree(delivery.program, ordered), "in order, something differs"
    if answers(shop) != answers(ordered):  # A refusal stays refused, and what was handed over stands.
        met["stands"] += 1
        return
    met["rerated" if delivery.done.commits else "open"] += 1
    assert same(shop, ordered)
    for event in later_events(ordered, delivery.chance):
        decision, other = shop.record(event), ordered.record(event)
        assert (decision.accepted, decision.benefits) == (other.accepted, other.benefits), event
        assert same(shop, ordered), event
        assert delivery.reference.record(event) == code_of(decision), event
        check_figures(shop, delivery.reference, f"after {event}")
    assert programs_agree(delivery.program, shop)


@pytest.mark.parametrize("part", range(PARTS))
def test_any_delivery_comes_to_arrival_in_order(part: int) -> None:
    """After `rerate` lots and rights are those of in-order arrival, and so is all that is undone afterwards."""
    met: Counter[str] = Counter()
    for seed in range(part, histories() // 2, PARTS):
        try:
            play(seed, met)
        except Exception as error:
            raise AssertionError(f"delivery {seed}: {error}") from error
    assert met["rerated"] > met["refused"]


@pytest.mark.deep
@pytest.mark.parametrize("part", range(PARTS))
def test_many_more_deliveries(part: int) -> None:
    """The same over 20,000 deliveries."""
    met: Counter[str] = Counter()
    for seed in range(100_000 + part, 120_000, PARTS):
        play(seed, met)
