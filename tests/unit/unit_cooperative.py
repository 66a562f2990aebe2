"""A co-operative for the tests of dividends: members who buy, return and deliver, and a year that is paid for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from unit_shop import USD

from patronage import (
    Account,
    Activity,
    Commit,
    Decision,
    DividendPolicy,
    Event,
    Line,
    Program,
    Purchase,
    Refund,
    Reward,
    Terms,
    Transfer,
    Unit,
)
from patronage.audit import audit
from patronage.dividends import ClassDeclared, DividendDeclared
from patronage.loyalty import DueOutcome, Loyalty
from patronage.periods import YEAR
from patronage.policies.dividend import PatronageClass
from patronage.stores.memory import MemoryLedger

SPEND = PatronageClass(currency="USD")
JUNE = datetime(2024, 6, 1, 12, tzinfo=UTC)
MARCH = datetime(2025, 3, 1, 12, tzinfo=UTC)


def dividend(**fields: Any) -> DividendPolicy:
    """A dividend of each calendar year on what is spent, in USD."""
    return DividendPolicy(**{"name": "dividend", "period": YEAR, "credits": "USD", "classes": [SPEND], **fields})


def declared(*classes: ClassDeclared, id: str = "d-2024", at: datetime = MARCH, **fields: Any) -> DividendDeclared:
    """The dividend of 2024, declared on 1 March 2025 unless told."""
    about = {"policy": "dividend", "occurred_at": at, "of": JUNE, **fields}
    return DividendDeclared(id=id, classes=classes, **about)


def pool(amount: str, name: str = "patronage") -> ClassDeclared:
    """A pool of dollars for a class."""
    return ClassDeclared(name=name, pool=USD.of(amount))


def rate(credit: str, name: str = "patronage", per: str = "1") -> ClassDeclared:
    """So many dollars for each so much of a class."""
    return ClassDeclared(name=name, credit=USD.of(credit), per=per)


class Cooperative:
    """A program in Chicago over a store in memory, with a clock that follows what is told."""

    def __init__(self, policy: DividendPolicy, *, rewards: Sequence[Reward] = (), units: Sequence[Unit] = ()) -> None:
        terms = Terms(units=(USD, *units), policies=(policy,), rewards=tuple(rewards))
        self.program = Program(id="coop", time_zone="America/Chicago", terms=terms)
        self.policy, self.ledger, self.now = policy, MemoryLedger(), JUNE
        self.loyalty = Loyalty(self.program, self.ledger, clock=lambda: self.now)
        self.n = 0

    def tell(self, event: Event) -> Decision:
        """Records an event, at its own time."""
        self.now = max(self.now, event.occurred_at)
        return self.loyalty.record(event)

    def buy(self, member: str, total: str | Line, *, at: datetime = JUNE, id: str | None = None, **fields: Any) -> str:
        """A purchase of one line; its id."""
        self.n += 1
        line = total if isinstance(total, Line) else Line(total=USD.of(total))
        order = id or f"o-{self.n}"
        self.tell(Purchase(id=order, member=member, occurred_at=at, lines=(line,), **fields)).require()
        return order

    def refund(self, member: str, order: str, total: str | None = None, *, at: datetime) -> Decision:
        """A return, of all that is left unless told."""
        self.n += 1
        money = None if total is None else USD.of(total)
        return self.tell(Refund(id=f"r-{self.n}", member=member, occurred_at=at, purchase=order, total=money))

    def deliver(self, member: str, bushels: str, *, at: datetime = JUNE) -> None:
        """A delivery of grain."""
        self.n += 1
        event = Activity(
            id=f"a-{self.n}", member=member, occurred_at=at, kind="delivery", measures={"bushels": bushels}
        )
        self.tell(event).require()

    def pay(self, event: DividendDeclared, *, page: int = 1000) -> list[DueOutcome]:
        """Pays a dividend to all, at its time."""
        self.now = max(self.now, event.issued_at)
        outcomes = list(self.loyalty.pay_dividend(event, page=page))
        assert [outcome.error for outcome in outcomes if outcome.error is not None] == []
        return outcomes

    def held(self, member: str, label: str | None = None, at: datetime | None = None) -> str:
        """The dollars that a member holds under a label, or under none."""
        lots = self.loyalty.standing(member, at).state.lots.get("USD", ())
        return USD.digits(sum(lot.steps for lot in lots if lot.label == label))

    def commits(self, member: str | Account) -> Sequence[Commit]:
        """All that is stored of an account."""
        account = member if isinstance(member, Account) else Account.member(member)
        return tuple(self.ledger.history(account))

    def went_to(self, payee: str) -> str:
        """The dollars that went from members to a system account, in all."""
        entries = [e for a in self.ledger.accounts() for c in self.commits(a) for e in c.entries]
        moved = (e for e in entries if isinstance(e, Transfer) and e.unit == "USD" and e.payee.id == payee)
        return USD.digits(sum(e.steps for e in moved))

    def declared_to(self, member: str) -> int:
        """What shares of dividends credited to a member, in cents: cash, retained and what was too little."""
        return sum(
            entry.steps
            for commit in self.commits(member)
            for entry in commit.entries
            if isinstance(entry, Transfer) and entry.reason.code == "dividend"
        )

    def audit(self) -> None:
        """Every account keeps the invariants of the ledger."""
        for account in self.ledger.accounts():
            commits = self.commits(account)
            assert audit(commits, calendar=self.program.calendar).commits == len(commits)
