"""How the facts about cash back become events, and where a case's figures are read. Programs: `examples/programs`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from runner import Facts, Member, example, lines_of, same

from patronage import Activity, Line, Program, Purchase, Refund, RefundLine, Transfer, Unit, currency
from patronage.codec import Codec
from patronage.periods import parse_instant

CODEC: Final = Codec()
USD: Final = currency("USD")
ACCRUED: Final = Unit("accrued", decimals=4)
MINUTE: Final = timedelta(minutes=1)


@cache
def program_of(name: str) -> Program:
    """A program of `examples/programs`; or of this folder, what another rounding would answer."""
    path = Path(__file__).with_name("programs_money") / f"{name}.toml"
    if not path.exists():
        return example(name)
    return CODEC.load_toml(path.read_text(encoding="utf-8"), Program)


class Cashback:
    """The members of a card, and what happens to them. *statement* is how long after a checkpoint it is read."""

    def __init__(self, case: Facts, program: str, statement: timedelta = timedelta(0)) -> None:
        self.case, self.program, self.statement = case, program_of(program), statement
        self.members: dict[str, Member] = {}
        self.opened = 0

    def member(self, id: str) -> Member:
        """A member, from the first fact about them on."""
        if id not in self.members:
            self.members[id] = Member(self.program, id)
        return self.members[id]

    def play(self) -> Iterator[tuple[str, dict[str, tuple[object, object]]]]:
        """Each checkpoint with what is not as the case states: figure by figure, expected and got."""
        events = sorted(self.case["events"], key=lambda fact: (parse_instant(fact["at"]), fact["seq"]))
        for checkpoint in self.case["expect"]["checkpoints"]:
            until = parse_instant(checkpoint["at"])
            while events and parse_instant(events[0]["at"]) <= until:
                self.tell(events.pop(0))
            yield checkpoint["at"], self.wrong(checkpoint, until + self.statement)

    def tell(self, fact: Facts) -> None:
        """One fact."""
        member, at = self.member(fact["member"]), parse_instant(fact["at"])
        match fact["type"]:
            case "activate":
                member.record(Activity(id=f"a-{fact['seq']}", member=member.id, occurred_at=at, kind="activate"))
            case "purchase":
                lines = lines_of(fact["lines"], USD)
                member.record(Purchase(id=fact["id"], member=member.id, occurred_at=at, lines=lines))
            case "refund":
                back = tuple(RefundLine(id=line) for line in fact["lines"])
                id = f"r-{fact['seq']}"
                refund = Refund(id=id, member=member.id, occurred_at=at, purchase=fact["order"], lines=back)
                member.decisions["last_refund_delta"] = member.record(refund)
            case "opening":
                # What was spent before stands as a purchase of the month before, paid on that month's statement.
                line = Line(total=USD.of(fact["ytd"]), category="us_supermarket")
                earlier = at - timedelta(days=10)
                member.record(Purchase(id="before", member=member.id, occurred_at=earlier, lines=(line,)))
                self.opened = self.held(member, at)
            case "statement":
                pass  # Each month closes by itself.
            case other:
                raise AssertionError(other)

    def held(self, member: Member, at: datetime) -> int:
        """The money that stands on the account."""
        return member.standing(max(at, member.state.clock or at)).available(USD).steps

    def wrong(self, checkpoint: Facts, at: datetime) -> dict[str, tuple[object, object]]:
        """The figures that are not as the checkpoint states them."""
        member = self.member(checkpoint["member"])
        got: dict[str, Any] = {}
        for balance in checkpoint.get("balances", {}):
            got[balance] = USD.digits(self.held(member, at) - self.opened)
        figures = {**checkpoint.get("balances", {}), **checkpoint.get("amounts", {})}
        for name in checkpoint.get("amounts", {}):
            got[name] = self.figure(member, name)
        return {name: (figures[name], got[name]) for name in figures if not same(figures[name], got[name])}

    def figure(self, member: Member, name: str) -> str:
        """A figure beside the balances: what an event earned, the spend under a cap, other roundings."""
        if name in member.decisions:
            return member.earned(name, USD)
        if name == "exact":
            accrued = [
                entry.steps
                for commit in member.commits
                for entry in commit.entries
                if isinstance(entry, Transfer) and entry.unit == "accrued" and entry.payee == member.state.account
                if commit.event.id != "before"
            ]
            return ACCRUED.digits(sum(accrued))
        if name.startswith("alt."):
            variant = Cashback(self.case, f"amex-{name.removeprefix('alt.')}", self.statement)
            for fact in self.case["events"]:
                variant.tell(fact)
            after = parse_instant(self.case["expect"]["checkpoints"][-1]["at"]) + self.statement
            return USD.digits(variant.held(variant.member(member.id), after))
        # What was spent under a cap, in all: the tally counts up to the cap.
        label = {"ytd": None, "bonus_spend.2025Q1": "2025-Q1/quarter"}[name]
        bought = [commit.event for commit in member.commits if isinstance(commit.event, Purchase)]
        if label is None:
            return USD.digits(
                sum(line.total.steps for each in bought for line in each.lines if line.category == "us_supermarket")
            )
        counted = sum(lot.steps for lot in member.state.lots["card.quarter"] if lot.label == label)
        return USD.digits(min(counted, 1500_00))


PLAYS: Final = {
    "chase-01": ("chase_freedom", timedelta(0)),
    "chase-02": ("chase_freedom", timedelta(0)),
    "chase-03": ("chase_freedom", timedelta(0)),
    "chase-04": ("chase_freedom", timedelta(0)),
    "amex-01": ("amex_blue_cash", MINUTE),
    "amex-02": ("amex_blue_cash", MINUTE),
}
"""By case: its program, and how long after the checkpoint's instant the statement stands."""
