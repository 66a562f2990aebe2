"""Golden cases of other systems about levels, resets and gifts, on documents (`programs_levels`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from runner import START, Facts, Member, cases_of, same

from patronage import (
    Account,
    Adjustment,
    Commit,
    Line,
    Program,
    Purchase,
    Rejected,
    State,
    StatusGrant,
    Unit,
    currency,
    fold,
)
from patronage.audit import audit
from patronage.codec import Codec
from patronage.events import Gift
from patronage.loyalty import Loyalty
from patronage.periods import parse_instant
from patronage.stores.memory import MemoryLedger

CASES = cases_of("levels")
DOCUMENTS = Path(__file__).with_name("programs_levels")
INR = currency("INR")


def document(name: str) -> Program:
    """A program of the folder."""
    return Codec().load_toml((DOCUMENTS / f"{name}.toml").read_text(encoding="utf-8"), Program)


def booked(member: Member, unit: Unit, quantity: str, at: datetime, *, expires_at: datetime | None = None) -> None:
    """A credit or debit by an operator."""
    id = f"j-{len(member.commits)}"
    amount = unit.of(quantity)
    member.record(
        Adjustment(
            id=id, member=member.id, occurred_at=at, amount=amount, actor="ops", reason="told", expires_at=expires_at
        )
    )


def sound(*members: Member) -> None:
    """Each account is the sound fold of its commits."""
    for member in members:
        assert fold(member.commits, calendar=member.program.calendar) == member.state
        assert audit(member.commits, calendar=member.program.calendar).commits == len(member.commits)


@pytest.mark.parametrize("event", CASES["openloyalty-downgrade-modes"]["events"], ids=lambda event: str(event["id"]))
def test_modes_of_downgrade(event: Facts) -> None:
    """A level falls never, at once (but not one given by hand), or at the review."""
    case = CASES["openloyalty-downgrade-modes"]
    member = Member(document(f"downgrade_{event['downgrade']}"))
    points = member.program.units[0]
    if event.get("manual"):
        head: dict[str, Any] = {"id": "hand", "member": member.id, "occurred_at": START}
        member.record(StatusGrant(**head, key="tier", value=event["current"], actor="ops", reason="gift"))
        booked(member, points, event["metric"], START)
    else:
        booked(member, points, event["current"], START)
        assert member.standing(START).level("tier") == event["current"]
        booked(member, points, str(int(event["metric"]) - int(event["current"])), START + timedelta(days=1))
    at = datetime(2027, 1, 1, tzinfo=UTC) if event["trigger"] == "review" else START + timedelta(days=2)
    assert member.standing(at).level("tier") == case["expect"]["after"][event["id"]]["tier"]
    sound(member)


@pytest.mark.parametrize("event", ["e1", "e2"])
def test_below_the_lowest_level_there_is_no_rate(event: str) -> None:
    """The rate is that of the level which the spend has reached, this purchase counted; below it there is none."""
    case = CASES["erpnext-issue-lowest-tier-not-zero"]
    (fact,) = [each for each in case["events"] if each["id"] == event]
    member = Member(document("rate_by_level"))
    line = Line(total=INR.of(fact["amount"]))
    member.record(Purchase(id="q", member=member.id, occurred_at=START, lines=(line,)))
    points = next(unit for unit in member.program.units if unit.code == "points")
    assert member.earned("q", points) == case["expect"]["after"][event]["earned"]
    sound(member)


def test_the_level_at_a_past_time() -> None:
    """Asked as of an instant, the level is the one that was in force then."""
    case = CASES["seadog-tier-at-a-past-time"]
    told, *asked = case["events"]
    now = datetime(2026, 3, 1, tzinfo=UTC)
    loyalty = Loyalty(document("seadog"), MemoryLedger(), clock=lambda: now)
    for n, since in enumerate(told["history"]):
        head: dict[str, Any] = {"id": f"s-{n}", "member": "m", "occurred_at": parse_instant(since["from"])}
        loyalty.record(StatusGrant(**head, key="tier", value=since["tier"], actor="ops", reason="told"))
    for fact in asked:
        level = loyalty.standing("m", parse_instant(fact["at"])).level("tier")
        assert level == case["expect"]["after"][fact["id"]]["tier"]


@pytest.mark.parametrize("name", ["openmeter-reset-with-rollover-maximum", "openmeter-reset-keeps-overage"])
def test_a_reset(name: str) -> None:
    """At a reset at most 50 roll over; what was used too much comes off what the reset gives."""
    case = CASES[name]
    member = Member(document("reset"))
    credit = member.program.units[0]
    for fact in case["events"]:
        if fact["type"] in ("grant", "use"):
            quantity = fact["amount"] if fact["type"] == "grant" else f"-{fact['amount']}"
            booked(member, credit, quantity, parse_instant(fact["at"]))
        elif fact["type"] == "balance":
            standing = member.standing(parse_instant(fact["at"]))
            expected = case["expect"]["after"][fact["id"]]
            assert credit.digits(standing.available(credit).steps) == expected["lots"]["g"]
            assert credit.digits(standing.debt(credit).steps) == expected["overage"]
    sound(member)


@pytest.mark.parametrize(("event", "rate"), [("e1", "0.10"), ("e2", "1")])
def test_a_percent_of_several_purchases(event: str, rate: str) -> None:
    """What several purchases come to earns its percent as a whole."""
    case = CASES["mavn-percent-of-several-purchases"]
    (fact,) = [each for each in case["events"] if each["id"] == event]
    text = (
        (DOCUMENTS / "percent_of_several.toml").read_text(encoding="utf-8").replace('rate = "0.10"', f'rate = "{rate}"')
    )
    member = Member(Codec().load_toml(text, Program))
    money, tokens = member.program.units
    for n, amount in enumerate(fact["amounts"]):
        line = Line(total=money.of(amount))
        member.record(Purchase(id=f"q-{n}", member=member.id, occurred_at=member.tick(), lines=(line,)))
    assert same(case["expect"]["after"][event]["earned"], member.balance(tokens))
    sound(member)


class Two:
    """Two members, decided together."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.states = {Account.member(name): State.of(name) for name in ("m1", "m2")}
        self.commits: dict[Account, list[Commit]] = {account: [] for account in self.states}

    def gives(self, fact: Facts, unit: Unit) -> bool:
        """A gift from the first to the second; whether it was accepted."""
        gift = Gift(
            id=fact["id"],
            member="m1",
            occurred_at=parse_instant(fact["at"]),
            to=fact["to"],
            amount=unit.of(fact["amount"]),
        )
        giver, receiver = self.states
        decision = self.program.decide(self.states[giver], gift, others=(self.states[receiver],), history=())
        if isinstance(decision, Rejected):
            return False
        self.took(decision.commits, decision.states)
        return True

    def took(self, commits: tuple[Commit, ...], states: tuple[State, ...]) -> None:
        """Keeps what a decision came to."""
        for commit in commits:
            self.commits[commit.account].append(commit)
        for state in states:
            self.states[state.account] = state


def test_a_gift_keeps_its_lots() -> None:
    """What is given is what would be spent first; it keeps its end."""
    case = CASES["openloyalty-transfer-keeps-lots"]
    two = Two(document("giving"))
    points = two.program.units[0]
    giver, receiver = two.states
    for fact in case["events"]:
        at = parse_instant(fact["at"])
        if fact["type"] == "credit":
            credit = Adjustment(
                id=fact["lot"],
                member="m1",
                occurred_at=at,
                amount=points.of(fact["amount"]),
                actor="ops",
                reason="told",
                expires_at=parse_instant(fact["expires_at"]),
            )
            decision = two.program.decide(two.states[giver], credit)
            two.took(decision.commits, decision.states)
            continue
        expected = case["expect"]["after"][fact["id"]]
        assert two.gives(fact, points)
        held = two.program.at(two.states[receiver], at).lots(points)
        assert [(lot.steps, lot.validity.expires_at) for lot in held] == [
            (points.of(lot["amount"]).steps, parse_instant(lot["expires_at"])) for lot in expected["receiver_lots"]
        ]
        assert two.program.at(two.states[giver], at).available(points) == points.of(expected["sender_balance"])
    for account, commits in two.commits.items():
        assert fold(commits, calendar=two.program.calendar) == two.states[account]
