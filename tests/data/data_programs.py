"""The programs of REFERENCE.md, P1 and P4, as terms; and a member's events played on them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from data_histories import NEW_YORK, POINTS, USD, History, uncollected

from patronage import (
    Base,
    Commit,
    Life,
    MultiplierRule,
    PointsPolicy,
    Program,
    Purchase,
    QuantityRule,
    SpendRule,
    State,
    Terms,
    Transfer,
    Unit,
    UnitKind,
)
from patronage.conditions import Between, Brand, Category, Not
from patronage.ledger import EXPIRED
from patronage.periods import Calendar
from patronage.rules import Rule
from patronage.terms_of_time import Lasting, TimeUnit, Until, years

CALENDAR = Calendar(NEW_YORK)
CDS = Unit("cds", kind=UnitKind.QUALIFYING)
SPENT = Unit("spent", decimals=2, kind=UnitKind.QUALIFYING)
DAILY = Unit("daily")
MONTH_ENDS = Lasting(n=12, of=TimeUnit.MONTHS, until=Until.END_OF_MONTH)
DAY = CALENDAR.start_of_day(date(2017, 11, 22))
NEXT_DAY = CALENDAR.start_of_day(date(2017, 11, 23))
"""The double day of a variant, in New York."""


def spend(unit: Unit, **options: object) -> SpendRule:
    """One step of *unit* for each whole dollar."""
    return SpendRule(name="spend", per=USD.of(1), credit=unit.of(1), **options)  # type: ignore[arg-type]


def variants(unit: Unit) -> dict[str, tuple[Rule, ...]]:
    """P1 and its variants, as the rules of a policy."""
    return {
        "base": (spend(unit),),
        "without_fuel": (spend(unit, lines=Not(Category(["FUEL"]))),),
        # Pro rata and rounded once with its multiplier, so that whole dollars are those of the sum.
        "double_on_private_label": (
            spend(unit, whole=False),
            MultiplierRule(name="private", factor=2, lines=Brand(["Private"])),
        ),
        "on_the_amount_paid": (spend(unit, base=Base(less_tenders=("coupon",))),),
        "double_on_the_day": (
            spend(unit),
            MultiplierRule(name="day", factor=2, when=Between(start=DAY, end=NEXT_DAY)),
        ),
    }


def program_of(*policies: PointsPolicy, units: Iterable[Unit]) -> Program:
    """A program in New York that has those policies."""
    return Program(id="reference", time_zone=NEW_YORK, terms=Terms(units=(USD, *units), policies=policies))


def p1_program() -> Program:
    """P1: a point for each whole dollar of an order. Beside it the units and dollars, to check the data by."""
    return program_of(
        PointsPolicy(name="base", rules=(spend(POINTS),)),
        PointsPolicy(name="cds", rules=(QuantityRule(credit=CDS.of(1)),)),
        PointsPolicy(name="spent", rules=(SpendRule(per=USD.steps(1), credit=SPENT.steps(1)),)),
        units=(POINTS, CDS, SPENT),
    )


def monthly() -> PointsPolicy:
    """P4: points to the end of the twelfth month after the month of earning."""
    return PointsPolicy(name="monthly", rules=(spend(POINTS, life=Life(expires_after=MONTH_ENDS)),))


def daily() -> PointsPolicy:
    """P4, day-precise: points that are gone on the same day of the next year."""
    return PointsPolicy(name="daily", rules=(spend(DAILY, life=Life(expires_after=years(1))),))


class Played(NamedTuple):
    """What a history came to on a program."""

    program: Program
    states: dict[str, State]
    commits: dict[str, list[Commit]]

    def balances(self, unit: Unit, at: datetime) -> dict[str, int]:
        """What each member can spend at an instant."""
        return {member: self.program.at(state, at).available(unit).steps for member, state in self.states.items()}


def play(program: Program, history: History, *, keep: bool = True) -> Played:
    """Each member's purchases decided in order: each makes one commit, none is refused. *keep* keeps the commits."""
    played = Played(program, {}, {})
    with uncollected():
        for member, purchases in history.by_member().items():
            state, commits = State.of(member), []
            for purchase in purchases:
                decision = program.decide(state, purchase).require()
                (commit,) = decision.commits
                assert decision.state is not None
                state = decision.state
                if keep:
                    commits.append(commit)
            played.states[member] = state
            played.commits[member] = commits
    return played


def transfers(commits: Iterable[Commit], unit: Unit) -> Iterable[Transfer]:
    """The transfers of one unit."""
    return (e for c in commits for e in c.entries if isinstance(e, Transfer) and e.unit == unit.code)


def month_of(transfer: Transfer) -> str:
    """The local month that a transfer counts in: what ends as a month begins is of the month before."""
    at = transfer.at - timedelta(microseconds=1) if transfer.payee == EXPIRED else transfer.at
    return CALENDAR.day(at).isoformat()[:7]


def end_of(day: date) -> datetime:
    """The midnight at which the local day ends."""
    return CALENDAR.start_of_day(day + timedelta(days=1))


def run_off(played: Played, unit: Unit, months: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """Issued, expired and outstanding of each month, once time has passed far beyond the last of them."""
    issued: dict[str, int] = {}
    expired: dict[str, int] = {}
    for member, state in played.states.items():
        later = played.program.advance(state, datetime(2030, 1, 1, tzinfo=UTC))
        for transfer in transfers([*played.commits[member], *later.commits], unit):
            into = expired if transfer.payee == EXPIRED else issued
            month = month_of(transfer)
            into[month] = into.get(month, 0) + transfer.steps
    table, outstanding = {}, 0
    for month in months:
        outstanding += issued.get(month, 0) - expired.get(month, 0)
        table[month] = (issued.pop(month, 0), expired.pop(month, 0), outstanding)
    assert not issued and not expired
    return table


def local_day(purchase: Purchase) -> date:
    """The day of a purchase in New York."""
    return CALENDAR.day(purchase.occurred_at)
