"""Dividends: shares sum to exactly what was declared, each is paid once, and memory does not grow with members."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import islice
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import patronage.sharing
from conftest import histories
from patronage import (
    Account,
    Commit,
    DividendPolicy,
    Line,
    Program,
    Purchase,
    Refund,
    Rounding,
    State,
    Terms,
    Transfer,
    currency,
)
from patronage.audit import audit
from patronage.dividends import ClassDeclared, DividendDeclared
from patronage.ledger import Grant, Source
from patronage.loyalty import Loyalty
from patronage.periods import YEAR
from patronage.policies.dividend import PatronageClass
from patronage.repositories import Stored
from patronage.sharing import Cut, cut_of
from patronage.stores.memory import MemoryLedger
from patronage.units import OddStep, allocate

USD: Final = currency("USD")
JUNE: Final = datetime(2024, 6, 1, 12, tzinfo=UTC)
MARCH: Final = datetime(2025, 3, 1, tzinfo=UTC)
MEMBERS: Final = [f"m-{n:02}" for n in range(12)]
spends = st.lists(st.tuples(st.sampled_from(MEMBERS), st.integers(1, 10**6)), min_size=1, max_size=20)
pools = st.integers(1, 10**7)


def policy_of(**fields: Any) -> DividendPolicy:
    """A dividend of the year on what was spent."""
    classes = [PatronageClass(currency="USD")]
    return DividendPolicy(**{"name": "dividend", "period": YEAR, "credits": "USD", "classes": classes, **fields})


def program_of(**fields: Any) -> Program:
    """A program of that dividend alone."""
    return Program(id="coop", time_zone="America/Chicago", terms=Terms(units=(USD,), policies=(policy_of(**fields),)))


def declared(pool: int) -> DividendDeclared:
    """The pool of 2024."""
    classes = (ClassDeclared(pool=USD.steps(pool)),)
    return DividendDeclared(id="d-2024", policy="dividend", occurred_at=MARCH, of=JUNE, classes=classes)


class Coop:
    """A co-operative over a store in memory."""

    def __init__(self, spends: Iterable[tuple[str, int]], **fields: Any) -> None:
        self.ledger, self.now = MemoryLedger(), JUNE
        self.program = program_of(**fields)
        self.loyalty = Loyalty(self.program, self.ledger, clock=lambda: self.now)
        for n, (member, cents) in enumerate(spends):
            line = Line(total=USD.steps(cents))
            self.loyalty.record(Purchase(id=f"o-{n}", member=member, occurred_at=JUNE, lines=(line,))).require()

    def pay(self, pool: int, *, page: int = 1000, stop: int | None = None) -> int:
        """How many were paid by a run that is stopped after some, or not."""
        self.now = MARCH
        run = self.loyalty.pay_dividend(declared(pool), page=page)
        return sum(outcome.error is None for outcome in islice(run, stop))

    def shares(self) -> dict[str, int]:
        """What shares credited to each member, in cents."""
        found = dict.fromkeys(MEMBERS, 0)
        for account in self.ledger.accounts():
            for commit in self.ledger.history(account):
                for entry in commit.entries:
                    if isinstance(entry, Transfer) and entry.reason.code == "dividend":
                        found[account.id] += entry.steps
        return found


def weights_of(seed: int, members: int) -> Iterator[tuple[str, int]]:
    """So many members with their patronage, made anew each time."""
    for n in range(members):
        yield f"m-{n:08}", (n + seed) * 7_919 % 10_000_019


def some(rng: random.Random) -> tuple[int, list[tuple[str, int]]]:
    """A pool and weights: few and many, small and large, equal and not, zeros among them."""
    most = rng.choice([1, 2, 10, 10**4, 10**12])
    weights = [(f"{n:03}", rng.randint(0, most)) for n in range(rng.randint(1, 40))]
    return rng.choice([0, 1, 7, 100, rng.randrange(10**9)]), [*weights, ("zzz", 1)]


def check_random_pools(runs: int) -> None:
    """What a cut gives is what allocation gives, to each member; exact, and within a step of the ideal."""
    for seed in range(runs):
        rng = random.Random(seed)
        total, weights = some(rng)
        odd = rng.choice(list(OddStep))
        cut = cut_of(total, lambda weights=weights: iter(weights), odd)  # type: ignore[misc]
        shares = [cut.share(key, weight) for key, weight in weights]
        assert sum(shares) == total, seed
        whole = sum(weight for _, weight in weights)
        for share, (_, weight) in zip(shares, weights, strict=True):
            off = abs(Fraction(total * weight, whole) - share)
            assert off < 1 or (off == 1 and odd is not OddStep.LARGEST_REMAINDER), seed
        assert tuple(shares) == allocate(total, lambda weights=weights: (w for _, w in weights), odd), seed  # type: ignore[misc]


class TestAllocation:
    """DESIGN 8: "Allocations sum to exactly what was allocated, each share within one step of its ideal"."""

    @pytest.mark.parametrize("buckets", [2, 3, 4096])
    def test_over_random_pools(self, buckets: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever the pool, the weights and the rule for odd steps; however finely remainders are sorted."""
        monkeypatch.setattr(patronage.sharing, "BUCKETS", buckets)
        check_random_pools(histories())

    @pytest.mark.deep
    def test_over_very_many(self) -> None:
        """100,000 random pools."""
        check_random_pools(100_000)

    @pytest.mark.parametrize(
        "bug",
        [
            lambda cut, key, weight: cut.total * weight // cut.weight,
            lambda cut, key, weight: cut.total * weight // cut.weight + (cut.total * weight % cut.weight >= cut.least),
            lambda cut, key, weight: cut.total * weight // cut.weight + (cut.total * weight % cut.weight > cut.least),
            lambda cut, key, weight: round(cut.total * weight / cut.weight),
        ],
        ids=["odd steps kept", "ties to all", "ties to none", "rounded by float"],
    )
    def test_a_share_that_is_wrong_is_seen(
        self, bug: Callable[[Cut, str, int], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each of these bugs breaks the sum."""
        monkeypatch.setattr(Cut, "share", bug)
        with pytest.raises((AssertionError, ZeroDivisionError)):
            check_random_pools(200)


def check_memory(members: int) -> None:
    """The shares sum to the pool; the peak of what is held at once is the same for few and many."""
    peaks = []
    for count in (members // 100, members):
        tracemalloc.start()
        cut = cut_of(10**9, lambda count=count: weights_of(1, count))  # type: ignore[misc]
        total = sum(cut.share(key, weight) for key, weight in weights_of(1, count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert total == 10**9
    assert peaks[1] < peaks[0] + 1_000_000


class TestMemory:
    """Issue 4: "Streams: a million members need not be in memory"."""

    def test_allocation_holds_no_members(self) -> None:
        """200,000 of them, in less than a megabyte."""
        check_memory(200_000)

    @pytest.mark.deep
    def test_a_million(self) -> None:
        """As many as a large co-operative has."""
        check_memory(1_000_000)

    def test_a_run_holds_a_page(self) -> None:
        """From the first reading to the last share."""
        check_run(200, 1_500)

    @pytest.mark.deep
    def test_a_run_of_a_million(self) -> None:
        """Each is paid, and the sum is the pool."""
        check_run(1_000, 1_000_000)


class Endless:
    """A store of so many members that makes each as it is asked for, and keeps only sums of what is appended."""

    def __init__(self, program: Program, members: int) -> None:
        self.program, self.members = program, members
        self.paid = self.shares = 0

    def _state(self, account: Account) -> State:
        until = datetime(2027, 1, 1, tzinfo=UTC)
        weight = 1 + int(account.id[2:]) * 7919 % 10_007
        source = Source(account, "~p/dividend/patronage/2024")
        start = datetime(2025, 1, 1, 6, tzinfo=UTC)
        giver = "dividend/patronage"
        right = Grant("dividend.patronage", None, start, until, weight, giver, "2024/patronage", source)
        return attrs.evolve(State.of(account), grants=(right,), version=1, clock=start, next_due=until)

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """Each member with a right to a share; nothing else."""
        return {account: Stored(1, self._state(account)) for account in accounts if account.id != "dividend"}

    def append(self, commits: Sequence[Commit], /) -> None:
        """Counts what is paid."""
        for commit in commits:
            steps = [e.steps for e in commit.entries if isinstance(e, Transfer) and e.unit == "USD"]
            self.paid += sum(steps)
            self.shares += bool(steps)

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> list[Commit]:
        """Nothing that is about them."""
        return []

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """Nobody: all have seen the record date."""
        return ()

    def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """The members in order, a page at a time."""
        first = 0 if after is None else int(after.id[2:]) + 1
        return [Account.member(f"m-{n:08}") for n in range(first, min(first + limit, self.members))]


def check_run(few: int, many: int) -> None:
    """A run over many holds no more at once than one over few; each is paid, and the sum is the pool."""
    program, peaks = program_of(), []
    for members in (few, few, many):  # The first warms what is kept once.
        store = Endless(program, members)
        loyalty = Loyalty(program, store, clock=lambda: MARCH)
        tracemalloc.start()
        errors = sum(outcome.error is not None for outcome in loyalty.pay_dividend(declared(10**9), page=100))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (errors, store.shares, store.paid) == (0, members, 10**9)
    assert peaks[2] < peaks[1] + 500_000


class TestRuns:
    """P42: "Dividend run is resumable: stop after any member, run again: each paid once, total exact"."""

    @given(spends=spends, pool=pools, stops=st.lists(st.integers(0, 12), max_size=3), page=st.integers(1, 5))
    def test_each_is_paid_once_and_the_total_is_exact(
        self, spends: list[tuple[str, int]], pool: int, stops: list[int], page: int
    ) -> None:
        """However often it is stopped; who is paid by which run changes nothing."""
        coop, paid = Coop(spends), 0
        for stop in (*stops, None):
            paid += coop.pay(pool, page=page, stop=stop)
        weights = {member: sum(cents for one, cents in spends if one == member) for member in MEMBERS}
        shares = allocate(pool, lambda: (weights[member] for member in MEMBERS))
        assert coop.shares() == dict(zip(MEMBERS, shares, strict=True))
        assert paid == sum(weight > 0 for weight in weights.values())
        assert coop.pay(pool) == 0
        for account in coop.ledger.accounts():
            commits = tuple(coop.ledger.history(account))
            assert audit(commits, calendar=coop.program.calendar).commits == len(commits)

    @given(spends=spends, pool=pools, order=st.randoms(use_true_random=False))
    def test_shares_do_not_depend_on_the_order_of_purchases(
        self, spends: list[tuple[str, int]], pool: int, order: random.Random
    ) -> None:
        """The same purchases in another order, or cut into parts of a cent, give the same shares."""
        other = [(member, part) for member, cents in spends for part in (cents - cents // 2, cents // 2) if part]
        order.shuffle(other)
        one, two = Coop(spends), Coop(other)
        one.pay(pool)
        two.pay(pool)
        assert one.shares() == two.shares()

    @given(
        spends=spends,
        pool=pools,
        cash=st.fractions(0, 1, max_denominator=100),
        rounding=st.sampled_from(Rounding),
        minimum=st.integers(1, 10**5),
    )
    def test_cash_retained_and_carried_are_all_of_it(
        self, spends: list[tuple[str, int]], pool: int, cash: Fraction, rounding: Rounding, minimum: int
    ) -> None:
        """Whatever part is cash, and whatever is too little; and cash is within a cent of its part."""
        coop = Coop(spends, cash=cash, cash_rounding=rounding, minimum=USD.steps(minimum))
        coop.pay(pool)
        shares = coop.shares()
        assert sum(shares.values()) == pool
        for member, share in shares.items():
            lots = coop.loyalty.standing(member).state.lots.get("USD", ())
            held = {label: sum(lot.steps for lot in lots if lot.label == label) for label in (None, "equity")}
            if share < minimum:
                assert sum(held.values()) == 0
                assert sum(lot.steps for lot in lots if lot.label == "dividend.carried") == share
            else:
                assert sum(held.values()) == share
                assert abs(held[None] - cash * share) < 1

    @given(spends=spends, pool=pools)
    def test_a_qualified_dividend_pays_a_fifth_in_cash(self, spends: list[tuple[str, int]], pool: int) -> None:
        """At least, whatever the rounding."""
        coop = Coop(spends, cash="0.2", qualified=True, cash_rounding=Rounding.FLOOR)
        coop.pay(pool)
        for member, share in coop.shares().items():
            lots = coop.loyalty.standing(member).state.lots.get("USD", ())
            assert 5 * sum(lot.steps for lot in lots if lot.label is None) >= share


class TestReturns:
    """DESIGN 8: "Refunds in parts equal the refund in whole"; "a purchase and its full refund leave no gain"."""

    @given(
        cents=st.integers(100, 10**5),
        parts=st.lists(st.integers(1, 99), min_size=1, max_size=5),
        days=st.integers(1, 500),
        most=st.sampled_from([None, "50", "300"]),
    )
    def test_in_parts_or_in_whole(self, cents: int, parts: list[int], days: int, most: str | None) -> None:
        """Before or after the record date: the dividends of two years together are the same, to the cent."""
        held = []
        for refunds in (parts, [sum(parts)]):
            classes = [PatronageClass(currency="USD", most=most)]
            coop = Coop([("m-00", cents + sum(parts))], classes=classes)
            at = JUNE + timedelta(days=days)
            paid = at < MARCH
            if not paid:
                coop.pay(10_000)
            for n, part in enumerate(refunds):
                coop.now = at + timedelta(minutes=n)
                event = Refund(id=f"r-{n}", member="m-00", occurred_at=coop.now, purchase="o-0", total=USD.steps(part))
                coop.loyalty.record(event).require()
            if paid:
                coop.pay(10_000)
            coop.now = datetime(2025, 12, 1, tzinfo=UTC)
            line = Line(total=USD.steps(2 * 10**5))
            coop.loyalty.record(Purchase(id="next", member="m-00", occurred_at=coop.now, lines=(line,))).require()
            coop.now = datetime(2026, 3, 1, tzinfo=UTC)
            classes_declared = (ClassDeclared(credit=USD.of("0.10")),)
            event_2025 = DividendDeclared(
                id="d-2025",
                policy="dividend",
                occurred_at=coop.now,
                of=datetime(2025, 12, 1, tzinfo=UTC),
                classes=classes_declared,
            )
            assert all(outcome.error is None for outcome in coop.loyalty.pay_dividend(event_2025))
            held.append(coop.shares()["m-00"])
        assert held[0] == held[1]

    @given(spends=spends, days=st.integers(1, 200))
    def test_what_came_back_whole_earns_nothing(self, spends: list[tuple[str, int]], days: int) -> None:
        """Returned before the record date, none of it is in anybody's share."""
        coop = Coop(spends)
        member = spends[0][0]
        for n, (one, _) in enumerate(spends):
            if one == member:
                coop.now = JUNE + timedelta(days=days, minutes=n)
                event = Refund(id=f"r-{n}", member=member, occurred_at=coop.now, purchase=f"o-{n}")
                coop.loyalty.record(event).require()
        if any(one != member for one, _ in spends):
            coop.pay(10_000)
            assert coop.shares()[member] == 0
            assert sum(coop.shares().values()) == 10_000


@given(spends=spends, pool=pools, nights=st.lists(st.integers(1, 270), max_size=4))
def test_time_run_nightly_or_never(spends: list[tuple[str, int]], pool: int, nights: list[int]) -> None:
    """P33: rights are the same however often time was run before."""
    lazy, eager = Coop(spends), Coop(spends)
    for night in sorted(nights):
        eager.now = JUNE + timedelta(days=night)
        assert all(outcome.error is None for outcome in eager.loyalty.run_due(eager.now))
    lazy.pay(pool)
    eager.pay(pool)
    assert lazy.shares() == eager.shares()
