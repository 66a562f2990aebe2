"""The ledger of an invented airline: every posting of 16,737 members reproduced by a program document."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from data_histories import open_text, shared, uncollected

from patronage import Adjustment, Line, Program, Purchase, Redemption, State, StatusGrant
from patronage.codec import Codec
from patronage.units import exact

PROGRAM = Codec().load_toml((Path(__file__).parent / "programs" / "airline.toml").read_text(encoding="utf-8"), Program)
DOLLARS, POINTS = PROGRAM.units
START = datetime(2016, 12, 1, tzinfo=UTC)


class Row(NamedTuple):
    """A posting: what was flown and redeemed in a month, and what the ledger says that it came to."""

    at: datetime
    km: int
    points: int
    redeemed: int
    cost: int


class Result(NamedTuple):
    """What all postings came to, points in hundredths."""

    rows: int
    wrong: list[str]
    points: int
    redeemed: int
    cost: int
    net: dict[str, int]
    short: int


def hundredths(text: str) -> int:
    """Points of two decimals in whole steps."""
    steps = exact(text) * 100
    assert steps.denominator == 1
    return steps.numerator


def rows() -> Iterator[tuple[str, Row]]:
    """The postings in the order of the file: members, then months."""
    with open_text(shared("airline_loyalty", "activity.csv.gz")) as file:
        for n, row in enumerate(csv.DictReader(file)):
            at = datetime(int(row["year"]), int(row["month"]), 15, tzinfo=UTC) + timedelta(seconds=n % 1_000)
            points = hundredths(row["points_accumulated"])
            km, redeemed, cost = (int(row[name]) for name in ("distance_km", "points_redeemed", "redeemed_cost_cad"))
            yield row["member_id"], Row(at, km, points, redeemed, cost)


def post(member: str, card: str, postings: list[Row], wrong: list[str]) -> tuple[int, int, int, int, int]:
    """Plays a member's postings: points, redeemed, cost, what is left, and what was missing at the start."""
    state, points, redeemed, cost = State.of(member), 0, 0, 0
    balance = lowest = 0
    for row in postings:
        balance += row.points - row.redeemed * 100
        lowest = min(lowest, balance)
    card_given = StatusGrant(
        id="card", member=member, occurred_at=START, key="card", value=card, actor="airline", reason="card"
    )
    state = PROGRAM.decide(state, card_given).require().states[0]
    if lowest < 0:
        opening = Adjustment(
            id="opening",
            member=member,
            occurred_at=START,
            amount=POINTS.steps(-lowest),
            actor="airline",
            reason="before_2017",
        )
        state = PROGRAM.decide(state, opening).require().states[0]
    for n, row in enumerate(postings):
        if row.km:
            line = Line(total=DOLLARS.of(0), measures={"km": row.km})
            flown = Purchase(id=f"p-{n}", member=member, occurred_at=row.at, lines=(line,))
            decision = PROGRAM.decide(state, flown).require()
            got, state = decision.earned(POINTS).total.steps, decision.states[0]
            points += got
            if got != row.points:
                wrong.append(f"{member} {row.at:%Y-%m}: {got} hundredths, not {row.points}")
        elif row.points:
            wrong.append(f"{member} {row.at:%Y-%m}: points without a distance")
        if row.redeemed:
            asked = Redemption(
                id=f"r-{n}", member=member, occurred_at=row.at, reward="flight", amount=POINTS.of(row.redeemed)
            )
            decision = PROGRAM.decide(state, asked).require()
            (benefit,), state = decision.benefits, decision.states[0]
            assert benefit.amount is not None
            redeemed, cost = redeemed + row.redeemed, cost + benefit.amount.steps
            if benefit.amount.steps != row.cost:
                wrong.append(f"{member} {row.at:%Y-%m}: {benefit.amount.steps} dollars, not {row.cost}")
    left = PROGRAM.at(state, datetime(2019, 1, 1, tzinfo=UTC)).available(POINTS).steps
    return points, redeemed, cost, left + lowest, -lowest


@pytest.fixture(scope="module")
def result() -> Result:
    """All members."""
    with open_text(shared("airline_loyalty", "members.csv.gz")) as file:
        cards = {row["member_id"]: row["card"] for row in csv.DictReader(file)}
    by_member: dict[str, list[Row]] = defaultdict(list)
    for member, row in rows():
        by_member[member].append(row)
    wrong: list[str] = []
    points = redeemed = cost = short = 0
    net: dict[str, int] = {}
    with uncollected():
        for member, postings in by_member.items():
            postings.sort(key=lambda row: (row.at.year, row.at.month))
            earned, spent, paid, left, missing = post(member, cards[member], postings, wrong)
            points, redeemed, cost = points + earned, redeemed + spent, cost + paid
            net[member] = left
            short += missing > 0
    return Result(sum(map(len, by_member.values())), wrong, points, redeemed, cost, net, short)


def test_every_posting_is_reproduced(result: Result) -> None:
    """Points and cost of each of the 405,624 rows, without exception."""
    assert result.rows == 405_624
    assert result.wrong == []


def test_the_published_sums(result: Result) -> None:
    """Points accumulated and redeemed, their cost, and who went below zero without an opening balance."""
    assert Fraction(result.points, 100) == exact("50172736.25")
    assert result.redeemed == 12_451_388
    assert result.cost == 1_007_774
    assert result.short == 3_327


def test_what_is_left_of_each_member(result: Result) -> None:
    """The net of each member in hundredths, by its digest."""
    assert Fraction(sum(result.net.values()), 100) == exact("37721348.25")
    lines = "".join(f"{member},{result.net[member]}\n" for member in sorted(result.net, key=int))
    assert sha256(lines.encode()).hexdigest()[:16] == "db408714a8503a51"
