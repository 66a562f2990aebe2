"""P3 of REFERENCE.md on the whole histories: cash back on programs that are documents alone."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from data_documents import cashback
from data_histories import USD, History, digest, load, shared
from data_programs import Played, play, transfers

from patronage import Purchase


class Expected(NamedTuple):
    """A row of the reference's table, in cents."""

    path: tuple[str, ...]
    cap: str
    before_cap: int
    credited: int
    member_months: int
    with_forfeit: int
    digest: str
    half_even: int
    month_net: int


ROWS = {
    "CDNOW": Expected(
        ("cdnow", "transactions.csv.gz"),
        "2.00",
        50062_09,
        42961_60,
        55_303,
        4_634,
        "1979816311435a0c",
        42958_39,
        42950_42,
    ),
    "Complete Journey": Expected(
        ("complete_journey", "baskets.csv.gz"),
        "5.00",
        91949_71,
        66080_63,
        24_371,
        6_479,
        "eab22d9e0f872523",
        66073_24,
        66069_11,
    ),
}


@pytest.fixture(scope="module", params=ROWS)
def row(request: pytest.FixtureRequest) -> Expected:
    """Each of the two histories."""
    return ROWS[request.param]


@pytest.fixture(scope="module")
def history(row: Expected) -> History:
    """All of its purchases."""
    return load(shared(*row.path))


@pytest.fixture(scope="module")
def half_up(history: History, row: Expected) -> Played:
    """All of it on the first program."""
    return play(cashback("half_up", row.cap), history)


def credited(played: Played) -> int:
    """The cents that stand on all accounts."""
    return sum(lot.steps for state in played.states.values() for lot in state.lots.get("USD", ()))


def test_half_up_to_the_cap(half_up: Played, row: Expected) -> None:
    """What is credited, what was wanted before the cap, and the digest over all members."""
    wanted = 0
    for commits in half_up.commits.values():
        for commit in commits:
            assert isinstance(commit.event, Purchase)
            wanted += (2 * commit.event.total + 50) // 100
    assert wanted == row.before_cap
    assert credited(half_up) == row.credited
    balances = {m: sum(lot.steps for lot in s.lots.get("USD", ())) for m, s in half_up.states.items()}
    assert digest(balances) == row.digest


def test_the_months_that_lost_to_the_cap(half_up: Played, row: Expected) -> None:
    """In how many members' months something was bought, and in how many the cap took something, by the ledger."""
    bought: set[tuple[str, str]] = set()
    trimmed: set[tuple[str, str]] = set()
    calendar = half_up.program.calendar
    for member, commits in half_up.commits.items():
        for commit in commits:
            assert isinstance(commit.event, Purchase)
            month = (member, calendar.day(commit.event.occurred_at).isoformat()[:7])
            if commit.event.total:
                bought.add(month)
            books = [book for transfer in transfers([commit], USD) for book in transfer.books]
            # A cap that was full before left no entry at all.
            if any(book.trimmed_by for book in books) or (not books and commit.event.total >= 25):
                trimmed.add(month)
    assert (len(bought), len(trimmed)) == (row.member_months, row.with_forfeit)


@pytest.mark.parametrize("kind", ["half_even", "month"])
def test_other_roundings(history: History, row: Expected, kind: str) -> None:
    """Half even; and the month's total rounded once."""
    played = play(cashback(kind, row.cap), history, keep=False)
    assert credited(played) == (row.half_even if kind == "half_even" else row.month_net)
