"""Plays the facts of a golden case through the public API, and reads back what the case states."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from patronage import (
    Accepted,
    Account,
    Amount,
    Benefit,
    BenefitKind,
    Commit,
    Decision,
    Event,
    Line,
    LineKind,
    Lot,
    Program,
    Purchase,
    Redemption,
    Standing,
    State,
    Tender,
    Transfer,
    Unit,
)
from patronage.codec import Codec
from patronage.ledger import Source
from patronage.periods import parse_instant

Facts = Mapping[str, Any]
"""A case, an event or an expectation, as the JSON beside this file states it."""

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "programs"
"""Real programs as documents: one truth for the tests here and for who reads them there."""
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
KINDS = {
    "goods": LineKind.GOODS,
    "product": LineKind.GOODS,
    "shipping": LineKind.SHIPPING,
    "gift_card": LineKind.GIFT_CARD,
    "tax": LineKind.FEE,  # A tax or a tip that a receipt lists as a line of its own is nothing that was bought.
    "tip": LineKind.FEE,
    "fee": LineKind.FEE,
    "service": LineKind.FEE,
}
TICK = timedelta(microseconds=1)


def cases_of(name: str) -> dict[str, Facts]:
    """The cases of a file beside this one, by id."""
    path = Path(__file__).with_name(f"{name}.json")
    return {case["id"]: case for case in json.loads(path.read_text(encoding="utf-8"))}


def example(name: str, *, time_zone: str | None = None, **replaced: str) -> Program:
    """
    A program of `examples/programs`, in another zone if told.

    *replaced* is for the answers that a case states for other terms: each text of the document, with
    its name, in whose place another one stands.
    """
    text = (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")
    for key, value in replaced.items():
        pattern = re.compile(rf'(?m)^{key} = .*$|\b{key} = "\w+"')
        assert pattern.search(text), f"{name} does not state {key}"
        text = pattern.sub(f'{key} = "{value}"', text)
    program = Codec().load_toml(text, Program)
    return program if time_zone is None else attrs.evolve(program, time_zone=time_zone)


class Member:
    """One member's account: records events one after the other, and answers as of an instant."""

    def __init__(self, program: Program, member: str = "m-1") -> None:
        self.program, self.id = program, member
        self.state = State.of(member)
        self.commits: list[Commit] = []
        self.decisions: dict[str, Decision] = {}
        self.now = START

    def tick(self) -> datetime:
        """An instant for a fact that names none: a minute after the last one."""
        self.now += timedelta(minutes=1)
        return self.now

    def at(self, fact: Facts) -> datetime:
        """The fact's own instant, or the next one."""
        if "at" in fact:
            self.now = parse_instant(fact["at"])
            return self.now
        return self.tick()

    def record(self, event: Event) -> Decision:
        """Decides the event and keeps what it comes to."""
        decision = self.program.decide(self.state, event, history=self.commits)
        if not decision.repeated:
            self.commits.extend(decision.commits)
            self.state = decision.state or self.state
        self.decisions[event.id] = decision
        return decision

    def buy(self, purchase: Purchase, redemption: Redemption | None, kind: str = "points") -> Decision:
        """A purchase, and before it the request whose points pay a part: its tender names it."""
        if redemption is None:
            return self.record(purchase)
        paid = money_off(self.record(redemption))
        if not paid:
            return self.record(purchase)
        currency = purchase.lines[0].total.unit
        tenders = (
            Tender(kind=kind, total=Amount(paid, currency), redemption=redemption.id),
            Tender(kind="money", total=Amount(purchase.total - paid, currency)),
        )
        fields = {name: getattr(purchase, name) for name in ("id", "member", "occurred_at", "lines", "channel")}
        return self.record(Purchase(**fields, tenders=tenders))

    def standing(self, at: datetime | None = None) -> Standing:
        """The account at *at*, or as the last event left it."""
        return self.program.at(self.state, at or self.now)

    def balance(self, unit: Unit, label: str | None = None) -> str:
        """What can be spent, less debt, as the case writes it."""
        return unit.digits(self.standing().available(unit, label).steps)

    def earned(self, event: str, unit: Unit) -> str:
        """What one event earned, available and pending; below zero where it took back."""
        return unit.digits(self.decisions[event].earned(unit).total.steps)

    def moved(self, event: str, payee: str, unit: Unit) -> int:
        """The steps of a unit that one event, or the time before it, moved to a system account."""
        return sum(
            entry.steps
            for entry in self.decisions[event].entries
            if isinstance(entry, Transfer) and entry.unit == unit.code and entry.payee.id == payee
        )

    def taken(self, event: str, unit: Unit) -> list[Lot]:
        """The parts that an event took out of the account, in the order of taking."""
        parts: list[Lot] = []
        for entry in self.decisions[event].entries:
            if isinstance(entry, Transfer) and entry.unit == unit.code and entry.payee != Account.member(self.id):
                parts.extend(entry.taken)
        return parts

    def lots(self, unit: Unit, names: Mapping[str, str] | None = None) -> dict[str, str]:
        """What is left of each lot, by the event that made it, or by its name in the case."""
        found = {}
        for lot in self.standing().lots(unit):
            root = lot.source.root if isinstance(lot.source, Source) else ""
            found[(names or {}).get(root, root)] = unit.digits(lot.steps)
        return found


def money_off(decision: Decision) -> int:
    """The money that a request takes off, in steps."""
    return sum(each.amount.steps for each in offs(decision) if each.amount is not None)


def offs(decision: Decision) -> Sequence[Benefit]:
    """The benefits of an accepted request that take money off."""
    return [each for each in decision.benefits if each.kind is BenefitKind.MONEY_OFF]


def shares(decision: Decision) -> dict[str, int]:
    """The money off per line of the cart, in steps."""
    return {line: steps for each in offs(decision) for line, steps in each.shares.items()}


def refused(decision: Decision) -> bool:
    """Whether a step was refused and changed nothing."""
    return not isinstance(decision, Accepted)


def lines_of(facts: Sequence[Facts], money: Unit) -> tuple[Line, ...]:
    """The lines of a basket as the facts list them."""
    return tuple(
        Line(
            id=fact.get("id"),
            total=money.of(fact["amount"]),
            sku=fact.get("sku"),
            category=fact.get("category"),
            tags=(*fact.get("tags", ()), *fact.get("flags", ())),
            kind=LineKind.SHIPPING if fact.get("delivery") else KINDS[fact.get("kind", "goods")],
        )
        for fact in facts
    )


def number(value: object) -> Decimal:
    """A figure of a case, by its value: 25, "25" and "25.00" are one."""
    return Decimal(str(value))


def same(expected: object, got: object) -> bool:
    """Whether two figures are equal, exactly; lists and mappings member by member."""
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        return expected.keys() == got.keys() and all(same(expected[key], got[key]) for key in expected)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(same(a, b) for a, b in zip(expected, got, strict=True))
    if isinstance(expected, bool) or expected is None or isinstance(got, bool) or got is None:
        return expected is got
    try:
        return number(expected) == number(got)
    except ArithmeticError:
        return expected == got
