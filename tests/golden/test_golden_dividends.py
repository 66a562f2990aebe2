"""Golden cases of dividends and patronage: terms as TOML documents, played over a store, paid by `pay_dividend`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import lcm
from pathlib import Path
from typing import Any

import attrs
import pytest
from runner import Facts, cases_of, lines_of, same

from patronage import (
    Account,
    Activity,
    DividendPolicy,
    Line,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    Rounding,
    Tender,
    Transfer,
    Unit,
)
from patronage.audit import audit
from patronage.codec import Codec
from patronage.dividends import ClassDeclared, DividendDeclared
from patronage.events import Discount, LineKind
from patronage.loyalty import Loyalty
from patronage.periods import parse_instant
from patronage.stores.memory import MemoryLedger
from patronage.units import OddStep, allocate

CASES = cases_of("dividends")
DOCUMENTS = Path(__file__).with_name("programs_dividends")
PROGRAMS = {
    "rei-01": "rei",
    "rei-02": "rei",
    "rei-03": "rei",
    "rei-05": "rei",
    "coop-02": "minimum",
    "coop-03": "minimum_exact",
    "coop-04": "claimed",
    "coop-05": "capped",
    "coop-06": "farm",
    "coop-07": "whole_foods",
}


@cache
def program_of(name: str) -> Program:
    """A program of this folder, from its TOML document."""
    return Codec().load_toml((DOCUMENTS / f"{name}.toml").read_text(encoding="utf-8"), Program)


def with_rounding(program: Program, rounding: Rounding) -> Program:
    """The program with shares that are rounded otherwise."""
    (terms,) = program.terms
    (policy,) = terms.policies
    assert isinstance(policy, DividendPolicy)
    other = attrs.evolve(policy, rounding=rounding)
    return attrs.evolve(program, terms=(attrs.evolve(terms, policies=(other,)),))


class Play:
    """The members of a co-operative, and what happens to them."""

    def __init__(self, program: Program) -> None:
        self.program, self.ledger, self.now = program, MemoryLedger(), datetime.max
        self.loyalty = Loyalty(program, self.ledger, clock=lambda: self.now)
        self.money = program.units[0]
        self.n = 0
        self.answers: dict[str, str] = {}
        self.waiting: list[DividendDeclared] = []

    # What happens.

    def tell(self, case: Facts, fact: Facts) -> None:
        """One fact; a dividend that was declared waits for its date of issue."""
        at = self.now = parse_instant(fact["at"])
        self.issue(at)
        self.n += 1
        member = fact["member"]
        match fact["type"]:
            case "enrol" | "revolve":
                pass  # Members need no enrolment; retained shares revolve by themselves.
            case "purchase":
                lines = lines_of(fact["lines"], self.money)
                self.record(Purchase(id=fact["id"], member=member, occurred_at=at, lines=lines))
            case "refund":
                back = tuple(RefundLine(id=line) for line in fact["lines"])
                refund = Refund(id=f"r-{self.n}", member=member, occurred_at=at, purchase=fact["order"], lines=back)
                self.record(refund)
            case "patronage":
                self.patronage(member, at, fact)
            case "opening_dividend":
                # What was issued before stands as a dividend of the year before, at the case's rate.
                bought = at - timedelta(days=200)
                total = Decimal(fact["amount"]) / Decimal(case["terms"]["dividend"]["rate"])
                lines = (Line(total=self.money.of(total)),)
                self.record(Purchase(id=f"before-{member}", member=member, occurred_at=bought, lines=lines))
                if member == "M2":
                    self.declare(case, at, bought, at)
            case "declare" | "declare_dividend":
                of = self.program.calendar.start_of_day(datetime(fact["year"], 7, 1).date())
                self.declare(case, at, of, at, fact)
            case "redeem":
                self.ask(fact["id"], member, at, "purchase", fact["amount"])
            case "cash_out":
                self.ask(fact["id"], member, at, "cash-out", None)
            case "claim":
                self.ask(f"c-{member}", member, at, fact["how"], None)
            case other:
                raise AssertionError(other)

    def record(self, event: Any) -> None:
        """An event that must be accepted."""
        self.loyalty.record(event).require()

    def patronage(self, member: str, at: datetime, fact: Facts) -> None:
        """So much spend, or so many bushels."""
        if "quantity" in fact:
            measures = {"bushels": Decimal(fact["quantity"])}
            event = Activity(id=f"a-{self.n}", member=member, occurred_at=at, kind="delivery", measures=measures)
            self.record(event)
        else:
            line = Line(total=self.money.of(fact["amount"]))
            self.record(Purchase(id=f"o-{self.n}", member=member, occurred_at=at, lines=(line,)))

    def ask(self, id: str, member: str, at: datetime, reward: str, amount: str | None) -> None:
        """A request; refused or not, the answer is kept."""
        money = None if amount is None else self.money.of(amount)
        if money is None and not self.held(member):
            money = self.money.steps(1)
        cart = (Line(total=self.money.of("1000.00")),)
        event = Redemption(id=id, member=member, occurred_at=at, reward=reward, amount=money, cart=cart)
        self.answers[id] = "accepted" if self.loyalty.record(event).accepted else "rejected"

    def declare(self, case: Facts, at: datetime, of: datetime, issue_at: datetime, fact: Facts | None = None) -> None:
        """The dividend of a year; issued and ending when the case says."""
        terms, calendar = case["terms"], self.program.calendar
        expires_at = None
        if "claim" in terms:
            last = datetime.fromisoformat(terms["claim"]["until_end_of"]).date()
            expires_at = calendar.start_of_day(last + timedelta(days=1))
        if "dividend" in terms and fact is not None:
            issue_at = calendar.start_of_day(datetime(fact["year"] + 1, 3, 13).date())
        classes = self.classes(terms, fact or {})
        event = DividendDeclared(
            id=f"d-{self.n}",
            policy="dividend",
            occurred_at=at,
            of=of,
            classes=classes,
            issue_at=issue_at,
            expires_at=expires_at,
        )
        self.waiting.append(event)
        self.issue(at)

    def classes(self, terms: Facts, fact: Facts) -> tuple[ClassDeclared, ...]:
        """The pools or rates that are declared."""
        if "pools" in terms:
            pools = terms["pools"].items()
            return tuple(ClassDeclared(name=name, pool=self.money.of(each["net_margin"])) for name, each in pools)
        if "pool" in fact:
            return (ClassDeclared(pool=self.money.of(fact["pool"])),)
        rate = terms["dividend"]["rate"] if "dividend" in terms else terms["declared_rate"]
        return (ClassDeclared(credit=self.money.of(rate)),)

    def issue(self, until: datetime) -> None:
        """Pays what was declared and is due; what time does is done as well."""
        for event in [each for each in self.waiting if each.issued_at <= until]:
            self.waiting.remove(event)
            self.now = max(event.issued_at, event.occurred_at)
            assert all(outcome.error is None for outcome in self.loyalty.pay_dividend(event))
        self.now = until
        list(self.loyalty.run_due(until))

    # What a case states.

    def held(self, member: str, label: str | None = None) -> int:
        """The steps that a member holds under a label, or without one."""
        lots = self.loyalty.standing(member, self.now).state.lots.get(self.money.code, ())
        return sum(lot.steps for lot in lots if lot.label == label)

    def moved(self, test: Callable[[Transfer], bool], member: str = "*") -> int:
        """The steps of money in entries, of one member or all."""
        accounts = self.ledger.accounts() if member == "*" else [Account.member(member)]
        entries = [e for a in accounts for c in self.ledger.history(a) for e in c.entries]
        return sum(e.steps for e in entries if isinstance(e, Transfer) and e.unit == self.money.code and test(e))

    def benefits(self, kind: str) -> int:
        """The steps of money handed over in that kind."""
        commits = [c for a in self.ledger.accounts() for c in self.ledger.history(a)]
        found = [b for c in commits for b in c.benefits if b.kind.value == kind and b.amount is not None]
        return sum(b.amount.steps for b in found if b.amount is not None)

    def counted(self, member: str, year: str) -> int:
        """A year's net patronage: less earlier returns, and those that it could not bear."""
        lots = self.loyalty.standing(member, self.now).state.lots.get("dividend.patronage", ())
        by_label: dict[str | None, int] = {}
        for lot in lots:
            by_label[lot.label] = by_label.get(lot.label, 0) + lot.steps
        gross, netted = by_label.get(f"{year}/patronage", 0), by_label.get(f"{year}/~netted/patronage", 0)
        return gross - netted - by_label.get("~late/patronage", 0)

    def figure(self, case: Facts, member: str, name: str) -> str:
        """A figure beside the balances."""
        if name.startswith("eligible_"):
            return self.money.digits(self.counted(member, name.removeprefix("eligible_")))
        if name == "carry_into_2022":
            return self.money.digits(self.counted(member, "2021"))
        if name.endswith("_status"):
            return self.answers[name.removesuffix("_status")]
        if name == "unrounded":
            share = next(
                e
                for c in self.ledger.history(Account.member(member))
                for e in c.entries
                if isinstance(e, Transfer) and e.reason.code == "dividend"
            )
            return str(Decimal(share.books[0].exact[0]) / share.books[0].exact[1] / 100)
        if name.startswith("if_"):
            other = Play(with_rounding(self.program, Rounding(name.removeprefix("if_"))))
            other.until(case, self.now)
            return self.money.digits(other.held(member))
        steps: Mapping[str, Callable[[], int]] = {
            "paid_cash": lambda: self.benefits("payout"),
            "donated_capital": lambda: self.moved(lambda e: e.payee.id == "donated_capital"),
            "cash": lambda: self.moved(lambda e: e.reason.code == "dividend" and e.label is None, member),
            "allocated": lambda: self.moved(lambda e: e.reason.code == "dividend", member),
            "equity": lambda: self.held(member, "equity"),
            "equity_paid": lambda: self.moved(lambda e: e.payee.id == "paid_out", member),
            "claimed": lambda: self.moved(lambda e: e.payee.id == "redeemed", member),
            "open": lambda: self.held(member),
            "donated": lambda: self.moved(lambda e: e.payee.id == "donated") + self.benefits("donation"),
        }
        return self.money.digits(steps[name]())

    def until(self, case: Facts, at: datetime) -> None:
        """All facts up to an instant, and what is due then."""
        for fact in sorted(case["events"], key=lambda fact: (parse_instant(fact["at"]), fact["seq"])):
            if parse_instant(fact["at"]) <= at and id(fact) not in self.told:
                self.told.add(id(fact))
                self.tell(case, fact)
        self.issue(at)

    @property
    def told(self) -> set[int]:
        """The facts that were told."""
        return self.__dict__.setdefault("_told", set())  # type: ignore[no-any-return]

    def audit(self) -> None:
        """Every account keeps the invariants of the ledger."""
        for account in self.ledger.accounts():
            commits = tuple(self.ledger.history(account))
            assert audit(commits, calendar=self.program.calendar).commits == len(commits)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_dividend(name: str) -> None:
    """Each checkpoint of the case finds the figures that it states, exactly; the ledger is sound."""
    case, play = CASES[name], Play(program_of(PROGRAMS[name]))
    for checkpoint in case["expect"]["checkpoints"]:
        at, member = parse_instant(checkpoint["at"]), checkpoint["member"]
        play.until(case, at)
        got: dict[str, Any] = {
            balance: play.money.digits(play.held(member)) for balance in checkpoint.get("balances", {})
        }
        for figure in checkpoint.get("amounts", {}):
            got[figure] = play.figure(case, member, figure)
        stated = {**checkpoint.get("balances", {}), **checkpoint.get("amounts", {})}
        assert {key: (stated[key], got[key]) for key in stated if not same(stated[key], got[key])} == {}, at
    play.audit()


def test_a_pool_by_net_purchases() -> None:
    """Purchases less discounts and rewards; a fifth in cash."""
    case = CASES["corepos-dividend-by-net-purchases"]
    play = Play(program_of("core_pos"))
    (fact,) = case["events"]
    at = play.program.calendar.start_of_day(datetime(2024, 6, 1).date())
    play.now, money = at, play.money
    for member in fact["members"]:
        discount, reward = (money.of(member.get(key, "0.00")) for key in ("discounts", "rewards"))
        total = money.of(member["purchases"]) - discount
        tenders = (Tender(kind="rewards", total=reward), Tender(kind="card", total=total - reward)) if reward else ()
        discounts = (Discount(kind="member", total=discount),) if discount else ()
        line = Line(total=total, discounts=discounts, kind=LineKind.GOODS)
        id = member["id"]
        play.record(Purchase(id=f"o-{id}", member=id, occurred_at=at, lines=(line,), tenders=tenders))
    later = play.program.calendar.start_of_day(datetime(2025, 3, 1).date())
    play.declare({"terms": {}}, later, at, later, fact)
    for member, stated in case["expect"]["after"][fact["id"]].items():
        cash, retained = play.held(member), play.held(member, "equity")
        got = {"dividend": cash + retained, "cash": cash, "retained": retained}
        assert {key: money.digits(steps) for key, steps in got.items()} == stated
    play.audit()


@pytest.mark.parametrize("fact", CASES["numscript-shares-leftover-to-first"]["events"], ids=lambda fact: fact["id"])
def test_left_over_units_to_the_first(fact: Facts) -> None:
    """As a plain allocation, and as a dividend of so many parts."""
    case = CASES["numscript-shares-leftover-to-first"]
    parts = [Fraction(part) for part in fact["parts"] if part != "rest"]
    parts += [1 - sum(parts, Fraction(0))] * ("rest" in fact["parts"])
    whole = lcm(*(part.denominator for part in parts))
    weights = [int(part * whole) for part in parts]
    stated = [int(share) for share in case["expect"]["after"][fact["id"]]["shares"]]
    assert list(allocate(int(fact["amount"]), lambda: weights, OddStep.FIRST)) == stated
    play = Play(program_of("numscript"))
    at = play.program.calendar.start_of_day(datetime(2024, 6, 1).date())
    play.now = at
    for n, weight in enumerate(weights):
        play.record(Activity(id=f"a-{n}", member=f"m-{n}", occurred_at=at, kind="part", count=weight))
    later = play.program.calendar.start_of_day(datetime(2025, 3, 1).date())
    play.declare({"terms": {}}, later, at, later, {"pool": fact["amount"]})
    units = Unit("units")
    assert [play.held(f"m-{n}") for n in range(len(weights))] == [units.of(share).steps for share in stated]
