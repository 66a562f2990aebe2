"""A bank of 32 members: what its tellers do to it, and what whoever looks at it must always find."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import attrs
from sqlalchemy import Connection, Engine

from loyalty.shop import NOON, POINTS, USD, buy, opening, redeem
from patronage import (
    Account,
    Cancellation,
    Decision,
    Event,
    Life,
    Lot,
    PayWithPoints,
    PointsPolicy,
    Program,
    Refund,
    SpendRule,
    Terms,
)
from patronage.events import Gift
from patronage.loyalty import Loyalty
from patronage.stores.audit import audit_ledger
from patronage.stores.sqlalchemy import Schema, SqlLedger
from patronage.terms_of_time import days
from patronage.transfers import TransferTerms
from stores.databases import SHOP, Database
from stores.storm import PATIENT, in_threads

MEMBERS: Final = tuple(f"m-{n:02}" for n in range(32))
OPENING: Final = 1_000

# What is bought is worth nothing before two weeks are over: a refund then finds it, and nobody falls into debt.
PROGRAM: Final = Program(
    id=SHOP,
    time_zone="America/New_York",
    terms=Terms(
        units=(USD, POINTS),
        policies=(
            PointsPolicy(
                name="base",
                rules=(
                    SpendRule(
                        per=USD.of("1.00"),
                        credit=POINTS.of(1),
                        life=Life(available_after=days(14), expires_after=days(365)),
                    ),
                ),
            ),
        ),
        rewards=(PayWithPoints(name="pay", points=POINTS.of(100), value=USD.of("1.00")),),
        transfers=(TransferTerms(unit=POINTS.code),),
    ),
)


def service(ledger: SqlLedger) -> Loyalty:
    """The bank's."""
    return Loyalty(PROGRAM, ledger, clock=lambda: NOON, retry=PATIENT)


def opened(loyalty: Loyalty) -> None:
    """Each member has its opening balance."""
    loyalty.record_all([opening("opening", OPENING, member) for member in MEMBERS])


def tellers(database: Database, number: int, threads: int, lasts_s: float) -> Counter[str]:
    """Does what comes in, until the time is over; what became of it, and by how much the total should have changed."""
    loyalty = service(database.ledger())
    found: Counter[str] = Counter()
    for one in in_threads(threads, lambda thread: Teller(loyalty, f"{number}-{thread}").work(lasts_s)):
        found.update(one)
    return found


@attrs.define
class Teller:
    """One worker, who knows only what it was answered."""

    loyalty: Loyalty
    name: str
    found: Counter[str] = attrs.Factory(Counter)
    redeemed: list[tuple[str, str, int]] = attrs.Factory(list)
    bought: list[tuple[str, str, int]] = attrs.Factory(list)

    def work(self, lasts_s: float) -> Counter[str]:
        """One thing after the other."""
        chance, number, end = random.Random(self.name), 0, time.monotonic() + lasts_s
        doings: Sequence[Callable[[random.Random, str], None]] = (
            self.give,
            self.redeem,
            self.buy,
            self.cancel,
            self.refund,
            self.pay,
        )
        while time.monotonic() < end:
            chance.choice(doings)(chance, f"{self.name}-{number}")
            number += 1
        return self.found

    def give(self, chance: random.Random, id: str) -> None:
        """Points from one member to another: nothing is won or lost."""
        giver, receiver = chance.sample(MEMBERS, 2)
        amount = POINTS.of(chance.randint(1, 400))
        self._tell("given", 0, Gift(id=id, member=giver, occurred_at=NOON, to=receiver, amount=amount))

    def redeem(self, chance: random.Random, id: str) -> None:
        """Hundreds of points for money off."""
        member, points = chance.choice(MEMBERS), 100 * chance.randint(1, 3)
        if self._tell("redeemed", -points, redeem(id, points, member)):
            self.redeemed.append((member, id, points))

    def buy(self, chance: random.Random, id: str) -> None:
        """A point a dollar, pending."""
        member, dollars = chance.choice(MEMBERS), chance.randint(1, 90)
        if self._tell("bought", dollars, buy(id, f"{dollars}.00", member)):
            self.bought.append((member, id, dollars))

    def cancel(self, chance: random.Random, id: str) -> None:
        """A redemption never was."""
        if self.redeemed:
            member, which, points = self.redeemed.pop(chance.randrange(len(self.redeemed)))
            self._tell("cancelled", points, Cancellation(id=id, member=member, occurred_at=NOON, undoes=which))

    def refund(self, chance: random.Random, id: str) -> None:
        """A purchase comes back."""
        if self.bought:
            member, which, dollars = self.bought.pop(chance.randrange(len(self.bought)))
            self._tell("refunded", -dollars, Refund(id=id, member=member, occurred_at=NOON, purchase=which))

    def pay(self, chance: random.Random, id: str) -> None:
        """One gives points away, and another buys, both or neither."""
        payer, buyer = chance.sample(MEMBERS, 2)
        self._tell("paid", 10 - 100, redeem(f"{id}-r", 100, payer), buy(f"{id}-b", "10.00", buyer))

    def _tell(self, what: str, change: int, *events: Event) -> bool:
        answers: Sequence[Decision] = (
            (self.loyalty.record(events[0]),) if len(events) == 1 else self.loyalty.record_all(events)
        )
        accepted = all(answer.accepted for answer in answers)
        self.found[what if accepted else f"{what}, refused"] += 1
        if accepted:
            self.found["change"] += change
        return accepted


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection on which all reads see one and the same instant."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def look(engine: Engine, schema: Schema) -> int:
    """
    What the members hold together, at one instant, of which every number was checked.

    Raises LedgerError where the books do not add up, or what is saved is not what was done;
    AssertionError for a balance below zero.
    """
    with snapshot(engine) as connection:
        ledger = SqlLedger(connection, schema, SHOP)
        report = audit_ledger(ledger, SHOP, calendar=PROGRAM.calendar).report
        held = report.held.get(POINTS.code, 0)
        assert held + sum(report.passed.values()) == 0, "Points came from nowhere, or went there."
        below = [account for account, stored in ledger.states() if _least(stored.state.lots.get(POINTS.code, ())) < 0]
        assert not below, f"{below} have less than nothing."
        assert {Account.member(member) for member in MEMBERS} == set(ledger.accounts())
    return held


def _least(lots: Sequence[Lot]) -> int:
    return min((lot.steps for lot in lots), default=0)


def lookers(database: Database, number: int, lasts_s: float) -> int:
    """Looks again and again until the time is over; how often."""
    looks, end, engine = 0, time.monotonic() + lasts_s, database.engine()
    while time.monotonic() < end:
        look(engine, database.known)
        looks += 1
    return looks
