"""Laws of cash back: caps are never passed, parts are the whole, and nothing is left of what came back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage import (
    CashbackPolicy,
    Commit,
    Grain,
    Line,
    Program,
    Purchase,
    Refund,
    Rounding,
    State,
    Terms,
    Unit,
    currency,
)
from patronage.conditions import Category
from patronage.periods import MONTH
from patronage.policies.cashback import CashbackRate, Payout
from patronage.rules import Ceiling

USD = currency("USD")
ACCRUED = Unit("accrued", decimals=4)
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
CATEGORIES = ("food", "fuel", "other")
baskets = st.lists(
    st.lists(st.tuples(st.integers(0, 20_000), st.sampled_from(CATEGORIES)), min_size=1, max_size=3),
    min_size=1,
    max_size=6,
)
FOOD = CashbackRate(name="food", rate="0.05", lines=Category(["food"]), most=USD.of(150), per=MONTH, beyond="0.01")
FUEL = CashbackRate(name="fuel", rate="0.03", lines=Category(["fuel"]))
REST = CashbackRate(name="rest", rate="0.01")


def program_of(**fields: object) -> Program:
    """A card with three rates."""
    made: dict[str, object] = {"credits": "USD", "rates": (FOOD, FUEL, REST), **fields}
    policy = CashbackPolicy(name="card", currency="USD", **made)  # type: ignore[arg-type]
    return Program(id="bank", time_zone="America/New_York", terms=Terms(units=(USD, ACCRUED), policies=(policy,)))


PROGRAMS = {
    "each purchase": program_of(),
    "each line": program_of(
        grain=Grain.LINE, rates=(CashbackRate(name="food", rate="0.05", lines=Category(["food"])), FUEL, REST)
    ),
    "ceiling": program_of(ceilings=(Ceiling(name="month", limit=USD.of(3), per=MONTH),)),
    "month": program_of(period=MONTH, limit=USD.of(4)),
    "statement": program_of(credits="accrued", payouts=(Payout(pays="USD", step=ACCRUED.of("0.01")),)),
}
MOST = {"ceiling": 300, "month": 400}


class Account:
    """A member's account."""

    def __init__(self, program: Program) -> None:
        self.program, self.state = program, State.of("m")
        self.commits: list[Commit] = []
        self.now = START

    def tell(self, event: Purchase | Refund) -> None:
        """An event."""
        decision = self.program.decide(self.state, event, history=self.commits).require()
        self.commits.extend(decision.commits)
        assert decision.state is not None
        self.state = decision.state

    def buy(self, basket: list[tuple[int, str]]) -> str:
        """A purchase, an hour later."""
        self.now += timedelta(hours=1)
        id = f"o-{len(self.commits)}"
        lines = [Line(total=USD.steps(steps), category=category) for steps, category in basket]
        self.tell(Purchase(id=id, member="m", occurred_at=self.now, lines=lines))
        return id

    def refund(self, purchase: str, steps: int | None = None) -> None:
        """So much of a purchase comes back, or all that is left."""
        self.now += timedelta(hours=1)
        total = None if steps is None else USD.steps(steps)
        self.tell(Refund(id=f"r-{len(self.commits)}", member="m", occurred_at=self.now, purchase=purchase, total=total))

    @property
    def held(self) -> int:
        """All that the account holds, debt taken off, in hundredths of a cent."""
        standing = self.program.at(self.state, self.now)
        return standing.available(USD).steps * 100 + standing.available(ACCRUED).steps


@pytest.mark.parametrize("name", PROGRAMS)
class TestLaws:
    """Whatever the rates are of."""

    @given(baskets=baskets)
    def test_a_cap_is_never_passed(self, name: str, baskets: list[list[tuple[int, str]]]) -> None:
        """No month credits more than its limit, and no more than five percent of what was spent."""
        account = Account(PROGRAMS[name])
        for basket in baskets:
            account.buy(basket)
        spent = sum(steps for basket in baskets for steps, _ in basket)
        assert 0 <= account.held <= min(MOST.get(name, 10**9) * 100, spent * 5 + 50 * sum(map(len, baskets)))

    @given(baskets=baskets, data=st.data())
    def test_all_that_came_back_leaves_nothing(
        self, name: str, baskets: list[list[tuple[int, str]]], data: st.DataObject
    ) -> None:
        """In any order, some of it in parts: the account stands where it began."""
        account = Account(PROGRAMS[name])
        bought = {account.buy(basket): sum(steps for steps, _ in basket) for basket in baskets}
        for id in data.draw(st.permutations(list(bought))):
            if bought[id] > 1 and data.draw(st.booleans()):
                account.refund(id, data.draw(st.integers(1, bought[id] - 1)))
            account.refund(id)
        assert account.held == 0

    @given(basket=st.lists(st.tuples(st.integers(2, 20_000), st.sampled_from(CATEGORIES)), min_size=1, max_size=3))
    def test_parts_are_the_whole(self, name: str, basket: list[tuple[int, str]]) -> None:
        """Half and then the rest leave what was there before the purchase."""
        account = Account(PROGRAMS[name])
        account.buy([(9_999, "food")])
        before = account.held
        id = account.buy(basket)
        account.refund(id, sum(steps for steps, _ in basket) // 2)
        account.refund(id)
        assert account.held == before


@given(baskets=baskets)
def test_the_first_rate_of_each_line_is_the_plain_sum(baskets: list[list[tuple[int, str]]]) -> None:
    """Without caps a purchase earns the sum of its lines at their rates, rounded once: a slower second way."""
    rates = {"food": 5, "fuel": 3, "other": 1}
    program = program_of(
        rates=(CashbackRate(name="food", rate="0.05", lines=Category(["food"])), FUEL, REST), rounding=Rounding.FLOOR
    )
    for basket in baskets:
        account = Account(program)
        account.buy(basket)
        assert account.held == sum(rates[category] * steps for steps, category in basket) // 100 * 100
