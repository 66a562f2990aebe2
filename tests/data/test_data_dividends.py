"""P5 of REFERENCE.md on the whole histories: a year's dividend, to the cent, on a program that is a document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from data_documents import dividend
from data_histories import USD, History, digest, load, shared
from data_programs import Played, play

from patronage import DividendPolicy, State, Transfer
from patronage.dividends import ClassDeclared, DividendDeclared, allocated, share_of
from patronage.sharing import Cut, cut_of


class Expected(NamedTuple):
    """A row of the reference's table, in cents: the base, then each pool with its odd cents, largest share, digest."""

    path: tuple[str, ...]
    year: int
    base: int
    members: int
    tenth: tuple[int, int, int, str]
    ten_thousand: tuple[int, int, str]
    with_no_share: int


CDNOW = ("cdnow", "transactions.csv.gz")
ROWS = {
    "CDNOW 1997": Expected(
        CDNOW,
        1997,
        2024161_26,
        23_502,
        (202416_12, 14_119, 1041_70, "b5e5e2d1de4d67a9"),
        (12_264, 51_46, "fb625197a1ea880d"),
        0,
    ),
    "CDNOW 1998": Expected(
        CDNOW,
        1998,
        476154_37,
        5_374,
        (47615_43, 3_460, 357_39, "afc875ac4c9624b6"),
        (2_683, 75_06, "b7a91b1b7c53ec91"),
        0,
    ),
    "Complete Journey 2017": Expected(
        ("complete_journey", "baskets.csv.gz"),
        2017,
        4596039_58,
        2_469,
        (459603_95, 1_339, 2487_97, "2d28afea69afa418"),
        (1_236, 54_13, "436077b3689cf6b7"),
        1,
    ),
}
_PLAYED: dict[tuple[str, ...], Played] = {}


@pytest.fixture(scope="module", params=ROWS)
def row(request: pytest.FixtureRequest) -> Expected:
    """Each year of the two histories."""
    return ROWS[request.param]


@pytest.fixture(scope="module")
def played(row: Expected) -> Played:
    """The history that the year is of, each once."""
    if row.path not in _PLAYED:
        history: History = load(shared(*row.path))
        _PLAYED[row.path] = play(dividend(), history, keep=False)
    return _PLAYED[row.path]


class Year:
    """The members of a year at the record date, and what shares of a pool come to."""

    def __init__(self, played: Played, year: int) -> None:
        self.program = played.program
        (policy,) = played.program.terms[0].policies
        assert isinstance(policy, DividendPolicy)
        self.at = datetime(year + 1, 3, 1, tzinfo=UTC)
        self.of = datetime(year, 7, 1, tzinfo=UTC)
        self.states: dict[str, State] = {}
        self.weights: dict[str, int] = {}
        for member in sorted(played.states):
            state = played.states[member]
            now = max(self.at, state.clock or self.at)
            state = played.program.advance(state, now).state or state
            weight = policy.patronage_of(state, str(year), now).get("patronage", 0)
            if weight:
                self.states[member], self.weights[member] = state, weight

    def shares(self, pool: int) -> tuple[Cut, dict[str, int]]:
        """The allocation of a pool, and what each member's event credits."""
        event = DividendDeclared(
            id="d", policy="dividend", occurred_at=self.at, of=self.of, classes=(ClassDeclared(pool=USD.steps(pool)),)
        )
        cut = cut_of(pool, self.weights.items)
        allocation, found = allocated(event, {"patronage": cut}), {}
        for member, state in self.states.items():
            decision = self.program.decide(state, share_of(event, allocation, member)).require()
            credits = (e.steps for e in decision.entries if isinstance(e, Transfer) and e.unit == "USD")
            found[member] = sum(credits)
        return cut, found


@pytest.fixture(scope="module")
def year(played: Played, row: Expected) -> Year:
    """The year that the row is of."""
    return Year(played, row.year)


def test_patronage(year: Year, row: Expected) -> None:
    """The net spend of the year, and how many have any."""
    assert (sum(year.weights.values()), len(year.weights)) == (row.base, row.members)


def test_a_tenth_of_the_spend(year: Year, row: Expected) -> None:
    """Cut to a cent, shared to the last one."""
    pool, odd, largest, stated = row.tenth
    assert pool == row.base // 10
    cut, shares = year.shares(pool)
    assert (cut.left, max(shares.values()), digest(shares)) == (odd, largest, stated)
    assert sum(shares.values()) == pool


def test_a_pool_of_ten_thousand(year: Year, row: Expected) -> None:
    """Some of it too little for a cent."""
    odd, largest, stated = row.ten_thousand
    cut, shares = year.shares(10_000_00)
    assert (cut.left, max(shares.values())) == (odd, largest)
    assert sum(not share for share in shares.values()) == row.with_no_share
    assert digest(shares) == stated
    assert sum(shares.values()) == 10_000_00
