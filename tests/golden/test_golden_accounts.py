"""Golden cases of accounts: gifts that keep or drop their end, and a household, with the facts in `accounts.json`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from patronage import (
    Account,
    FixedReward,
    Life,
    Program,
    Redemption,
    Rejected,
    RejectionCode,
    Terms,
    Unit,
)
from patronage.events import Contribution, Gift, OpeningBalance, OpeningLot, PoolJoined, PoolLeft
from patronage.loyalty import Loyalty
from patronage.periods import parse_instant
from patronage.pool_terms import Draw, PoolTerms, Split
from patronage.stores.memory import MemoryLedger
from patronage.transfers import TransferTerms

CASES: dict[str, Any] = json.loads(Path(__file__).with_name("accounts.json").read_text(encoding="utf-8"))
LATER = datetime(2026, 1, 9, tzinfo=UTC)


def service(unit: Unit, **terms: Any) -> Loyalty:
    """A program of one unit."""
    program = Program(id="shop", time_zone="UTC", terms=Terms(units=(unit,), **terms))
    return Loyalty(program, MemoryLedger(), clock=lambda: LATER)


def play_transfers(name: str, life: Life | None) -> tuple[Loyalty, Unit, dict[str, Any]]:
    """Plays the credits of a case as opening balances, and its transfers as gifts."""
    case = CASES[name]
    unit = Unit("points", decimals=case["program"]["units"]["points"]["decimals"])
    loyalty = service(unit, transfers=(TransferTerms(unit="points", life=life),))
    for fact in case["events"]:
        at, amount = parse_instant(fact["at"].replace("Z", ".000000Z")), unit.of(fact["amount"])
        if fact["type"] == "credit":
            end = parse_instant(fact["expires_at"].replace("Z", ".000000Z"))
            lots = (OpeningLot(amount=amount, expires_at=end),)
            loyalty.record(
                OpeningBalance(id=fact["id"], member="m1", occurred_at=at, lots=lots, actor="case", reason="credit")
            ).require()
            continue
        decision = loyalty.record(Gift(id=fact["id"], member="m1", occurred_at=at, to=fact["to"], amount=amount))
        wanted = case["expect"]["after"][fact["id"]]
        if "error" in wanted:
            assert isinstance(decision, Rejected)
            assert decision.code is RejectionCode.BALANCE_TOO_LOW
            continue
        lots_there = loyalty.standing(fact["to"]).lots(unit)
        ends = [lot.validity.expires_at for lot in lots_there]
        assert [unit.text(lot.amount).split()[0] for lot in lots_there] == [
            unit.text(unit.of(lot["amount"])).split()[0] for lot in wanted["receiver_lots"]
        ]
        assert ends == [
            None if lot["expires_at"] is None else parse_instant(lot["expires_at"].replace("Z", ".000000Z"))
            for lot in wanted["receiver_lots"]
        ]
        assert loyalty.standing("m1").available(unit) == unit.of(wanted["sender_balance"])
    return loyalty, unit, case


def test_a_transfer_keeps_its_lots() -> None:
    """The oldest lots first, each with its own end."""
    play_transfers("openloyalty-transfer-keeps-lots", None)


def test_a_transfer_can_drop_its_end() -> None:
    """Evergreen with the receiver; above the balance it is refused and changes nothing."""
    play_transfers("wallets-transfer-can-drop-expiry", Life())


def test_a_household_is_left_with_a_fair_share() -> None:
    """Spent in proportion, left in proportion: to the step."""
    points = Unit("points")
    loyalty = service(
        points,
        rewards=(FixedReward(name="toy", cost=points.of(45)),),
        pools=(PoolTerms(unit="points", draws=Draw.PRO_RATA, leaving=Split.BY_CONTRIBUTION),),
    )
    head: dict[str, Any] = {"occurred_at": LATER}
    for name, part in (("ann", 100), ("bob", 50)):
        lots = (OpeningLot(amount=points.of(part)),)
        loyalty.record(OpeningBalance(id="o", member=name, lots=lots, actor="case", reason="opening", **head)).require()
        loyalty.record(PoolJoined(id="j", member=name, pool="house", **head)).require()
        loyalty.record(Contribution(id="c", member=name, pool="house", amount=points.of(part), **head)).require()
    loyalty.record(Redemption(id="d", member="bob", reward="toy", pool="house", **head)).require()
    wanted = CASES["ours-household-leaving"]["expect"]["after"]
    house = Account.shared("house")
    left = {label: str(amount.steps) for label, amount in loyalty.standing(house).labels(points).items()}
    assert left == wanted["spent"]
    loyalty.record(PoolLeft(id="l", member="ann", pool="house", **head)).require()
    assert loyalty.standing("ann").available(points) == points.of(wanted["left"]["ann"])
    assert loyalty.standing(house).available(points) == points.of(wanted["left"]["house"])
