"""
What totals, thresholds and tiers must come to, whatever happens in whatever order.

A plain second account (whole numbers in dictionaries, everything added up anew each time) says what
each should be; random histories of purchases, refunds and steps of time are played on both.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from conftest import histories
from patronage import (
    BonusRule,
    Commit,
    Event,
    Life,
    Line,
    PointsPolicy,
    Program,
    Purchase,
    Refund,
    SpendRule,
    State,
    Terms,
    TierPolicy,
    Unit,
    UnitKind,
    currency,
    fold,
)
from patronage.audit import audit
from patronage.bands import Band
from patronage.ledger import Transfer
from patronage.periods import MONTH, YEAR, Calendar
from patronage.policies.tier import Level
from patronage.state_size import largest_state
from patronage.terms_of_time import EndOfPeriod, days
from patronage.thresholds import Consumes, Falls, GiveCredit, GiveGrant, Repeats, Threshold
from patronage.totals import Pays, Total, TotalRate

USD, BACK, BONUS = currency("USD"), Unit("back", decimals=2), Unit("bonus")
SPEND = Unit("spend", decimals=2, kind=UnitKind.QUALIFYING)
STAMPS = Unit("stamps", kind=UnitKind.TALLY)
ZONE = "America/New_York"
CALENDAR = Calendar(ZONE)
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEVELS = {"silver": 30_000, "gold": 80_000}
CARD, MILE = 5, 50_000


def program() -> Program:
    """Cash back on the month's total, at once and at the close; stamps; a milestone; levels by the year's spend."""
    year = Life(expires_after=EndOfPeriod(period=YEAR))
    rate = TotalRate(per=USD.of(1), credit=BACK.of("0.05"), bands=[Band(over=USD.of(200), credit=BACK.of("0.01"))])
    closing = TotalRate(per=USD.of(1), credit=BONUS.of(2))
    totals = (
        Total(name="month", period=MONTH, rates=[rate], credits="back"),
        Total(name="closed", period=MONTH, rates=[closing], credits="bonus", pays=Pays.AT_CLOSE),
    )
    card = Threshold(
        name="card",
        at_least=STAMPS.of(CARD),
        gives=[GiveGrant(key="drink", uses=1)],
        repeats=Repeats.EVERY_STEP,
        consumes=Consumes.STEPS,
        falls=Falls.REVOKED_IF_UNUSED,
    )
    mile = Threshold(
        name="mile",
        at_least=SPEND.steps(MILE),
        gives=[GiveCredit(amount=BACK.of(7), label="mile")],
        repeats=Repeats.EVERY_STEP,
        period=YEAR,
    )
    own = PointsPolicy(
        name="own",
        rules=[
            BonusRule(name="stamp", credit=STAMPS.of(1)),
            SpendRule(name="spend", per=USD.steps(1), credit=SPEND.steps(1), life=year),
        ],
        totals=totals,
        thresholds=[card, mile],
    )
    levels = [Level(name="none"), *(Level(name=name, at_least=SPEND.steps(goal)) for name, goal in LEVELS.items())]
    tier = TierPolicy(name="tier", levels=levels, lasts=days(0))
    units = (USD, BACK, BONUS, SPEND, STAMPS)
    return Program(id="laws", time_zone=ZONE, terms=Terms(units=units, policies=[own, tier]))


PROGRAM = program()


class Step(NamedTuple):
    """Something that happens: an event, or time that passes."""

    at: datetime
    event: Event | None


def history_of(seed: int) -> list[Step]:
    """Purchases over two years, refunds of parts of them within a year, and steps of time between."""
    rnd, at, steps = random.Random(seed), START, []
    bought: dict[str, tuple[datetime, int]] = {}
    for n in range(rnd.randrange(4, 30)):
        at += timedelta(seconds=rnd.randrange(1, 40 * 86_400))
        what = rnd.random()
        open_ = [order for order, (when, left) in bought.items() if left and at < when + timedelta(days=300)]
        if what < 0.55 or not open_:
            cents = rnd.choice([1, 99, 100, 9_999, 20_001, 30_000, rnd.randrange(1, 60_000)])
            bought[f"o-{n}"] = (at, cents)
            lines = (Line(total=USD.steps(cents)),)
            steps.append(Step(at, Purchase(id=f"o-{n}", member="m", occurred_at=at, lines=lines)))
        elif what < 0.85:
            order = rnd.choice(open_)
            when, left = bought[order]
            cents = rnd.choice([left, rnd.randrange(1, left + 1)])
            bought[order] = (when, left - cents)
            total = USD.steps(cents)
            steps.append(Step(at, Refund(id=f"r-{n}", member="m", occurred_at=at, purchase=order, total=total)))
        else:
            steps.append(Step(at, None))
    return steps


class Books:
    """The plain second account: what is left of each purchase, added up anew."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.kept: dict[str, tuple[datetime, int]] = {}
        for _, event in steps:
            if isinstance(event, Purchase):
                self.kept[event.id] = (event.occurred_at, event.total)
            elif isinstance(event, Refund) and event.total is not None:
                when, left = self.kept[event.purchase]
                self.kept[event.purchase] = (when, left - event.total.steps)

    def by(self, key: int) -> Counter[str]:
        """The net spend of each year (4) or month (7), in local days."""
        found: Counter[str] = Counter()
        for when, left in self.kept.values():
            found[CALENDAR.day(when).isoformat()[:key]] += left
        return found

    def back(self) -> int:
        """Five percent up to 200 dollars of a month, one percent beyond, down to a cent once."""
        return sum((min(net, 20_000) * 5 + max(0, net - 20_000)) // 100 for net in self.by(7).values())

    def closed(self, at: datetime) -> int:
        """Two for a dollar of each month that has closed, down to one once."""
        month = CALENDAR.day(at).isoformat()[:7]
        return sum(net * 2 // 100 for key, net in self.by(7).items() if key < month)

    def stamps(self) -> int:
        """One for each purchase of which something is left."""
        return sum(1 for _, left in self.kept.values() if left)

    def miles(self) -> int:
        """Seven dollars for every 500 of a year."""
        return sum(net // MILE for net in self.by(4).values()) * 700

    def level(self, at: datetime) -> str:
        """By the net spend of the year."""
        net = self.by(4)[CALENDAR.day(at).isoformat()[:4]]
        return next((name for name, goal in reversed(LEVELS.items()) if net >= goal), "none")


class Account:
    """The account under test."""

    def __init__(self, steps: Sequence[Step], *, eager: bool = False) -> None:
        self.state, self.commits, self.at = State.of("m"), list[Commit](), START
        for step in steps:
            if eager:
                while self.at < step.at:
                    self.at = min(step.at, self.at + timedelta(days=3))
                    self.keep(PROGRAM.advance(self.state, self.at - timedelta(microseconds=1)))
            self.at = step.at
            if step.event is not None:
                self.keep(PROGRAM.decide(self.state, step.event, history=self.commits).require())
            elif eager or step.event is None:
                self.keep(PROGRAM.advance(self.state, step.at))

    def keep(self, decision: object) -> None:
        """Keeps what a decision came to."""
        self.commits += getattr(decision, "commits", ())
        self.state = getattr(decision, "state", None) or self.state


def follow_the_books(seeds: Iterable[int]) -> None:
    """Plays each history on both accounts and compares them as it goes on."""
    for seed in seeds:
        steps = history_of(seed)
        for n in range(1, len(steps) + 1, 3):
            played, books = Account(steps[:n]), Books(steps[:n])
            standing = PROGRAM.at(played.state, played.at)
            told = (seed, n)
            assert standing.labels(BACK).get(None, BACK.steps(0)).steps == books.back(), told
            assert standing.available(BONUS).steps == books.closed(played.at), told
            cards = len(standing.grants("drink"))
            assert standing.available(STAMPS).steps + CARD * cards == books.stamps(), told
            assert 0 <= standing.available(STAMPS).steps < CARD, told
            assert standing.available(BACK, "mile").steps == books.miles(), told
            assert standing.level("tier") == books.level(played.at), told


def test_totals_thresholds_and_levels_are_what_the_books_say() -> None:
    """After every step: cash back, closes, stamps and cards, milestones and the level follow the net spend."""
    follow_the_books(range(histories()))


def test_lazy_and_eager_time_agree() -> None:
    """Advanced every three days or by the next event alone: the same entries, the same state."""
    for seed in range(histories() // 10):
        steps = [step for step in history_of(seed) if step.event is not None]
        lazy, eager = Account(steps), Account(steps, eager=True)
        entries = [[entry for commit in one.commits for entry in commit.entries] for one in (lazy, eager)]
        assert entries[0] == entries[1], seed
        assert lazy.state.lots == eager.state.lots, seed
        assert lazy.state.grants == eager.state.grants, seed
        assert lazy.state.wake_ups == eager.state.wake_ups, seed


def test_the_ledger_is_sound_and_bounded() -> None:
    """Commits fold to the state and pass the audit; the state stays within the bound that its terms state."""
    bound = largest_state(PROGRAM, events_a_year=80)
    for seed in range(histories() // 5):
        played = Account(history_of(seed))
        assert fold(played.commits, calendar=PROGRAM.calendar) in (played.state, None), seed
        audit(played.commits, calendar=PROGRAM.calendar)
        assert bound.lots is not None
        assert sum(len(lots) for lots in played.state.lots.values()) <= bound.lots, seed


def test_every_purchase_returned_leaves_nothing() -> None:
    """All of it back within the time for refunds: no cash back, no stamps, no milestone, no level."""
    for seed in range(histories() // 5):
        steps = [step for step in history_of(seed) if not isinstance(step.event, Refund)][:8]
        last = steps[-1].at
        bought = [step.event for step in steps if isinstance(step.event, Purchase)]
        kept = [event for event in bought if last < event.occurred_at + timedelta(days=300)]
        steps = [step for step in steps if step.event is None or step.event in kept]
        for n, event in enumerate(kept):
            at = last + timedelta(hours=n + 1)
            steps.append(Step(at, Refund(id=f"back-{n}", member="m", occurred_at=at, purchase=event.id)))
        played = Account(steps)
        standing = PROGRAM.at(played.state, played.at)
        assert all(standing[unit].available.steps == 0 for unit in (BACK, BONUS, STAMPS, SPEND)), seed
        assert not standing.grants("drink"), seed
        assert standing.level("tier") == "none", seed


def test_every_credit_of_a_total_is_explained_by_its_books() -> None:
    """What each transfer moves is what its books say, and a total's figure is that of its base."""
    for seed in range(histories() // 10):
        for commit in Account(history_of(seed)).commits:
            for entry in commit.entries:
                if isinstance(entry, Transfer) and entry.reason.code == "total":
                    (book,) = entry.books
                    assert book.steps == entry.steps
                    assert book.base[0] > 0


@pytest.mark.deep
def test_many_more_histories() -> None:
    """The long session: the same law on other histories, as many as it asks for."""
    follow_the_books(range(1_000_000, 1_000_000 + histories()))
