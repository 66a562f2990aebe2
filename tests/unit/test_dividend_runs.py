"""A dividend's run over other stores: awaited, and in a database; and how large an account's state can grow."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from unit_cooperative import MARCH, Cooperative, declared, dividend, pool, rate
from unit_shop import USD

from patronage import Account, Program, Transfer
from patronage.codec import Codec
from patronage.linting import LintCode, lint
from patronage.loyalty import AsyncLoyalty, Loyalty
from patronage.policies.dividend import LateReturns
from patronage.state_size import largest_state
from patronage.stores.memory import AsyncMemoryLedger
from patronage.terms_of_time import years


def test_a_run_is_awaited() -> None:
    """The same members, the same shares."""
    coop = Cooperative(dividend(cash="0.20"))
    for member in ("ann", "bob", "cid"):
        coop.buy(member, "1.00")
    loyalty = AsyncLoyalty(coop.program, AsyncMemoryLedger(coop.ledger), clock=lambda: MARCH)

    async def pay() -> list[str]:
        return [outcome.account.id async for outcome in loyalty.pay_dividend(declared(pool("0.10")), page=2)]

    assert asyncio.run(pay()) == ["ann", "bob", "cid"]
    assert asyncio.run(pay()) == []
    assert [coop.declared_to(member) for member in ("ann", "bob", "cid")] == [4, 3, 3]


def test_a_run_over_a_database(tmp_path: Path) -> None:
    """Declaration, allocation and shares are stored as documents and read back, also by a later process."""
    pytest.importorskip("sqlalchemy")
    from patronage.stores.sqlalchemy import SqlLedger, open_schema, sqlite_engine  # noqa: PLC0415

    coop = Cooperative(dividend(cash="0.20"))
    engine = sqlite_engine(tmp_path / "coop.db")
    schema = open_schema(engine)

    def over(program: Program) -> Loyalty:
        return Loyalty(program, SqlLedger(engine, schema, "coop"), clock=lambda: coop.now)

    coop.loyalty = over(coop.program)
    for member in ("ann", "bob", "cid"):
        coop.buy(member, "1.00")
    coop.now = MARCH
    run = coop.loyalty.pay_dividend(declared(pool("0.10")), page=2)
    assert next(run).account == Account.member("ann")
    run.close()  # type: ignore[attr-defined]
    again = over(Codec().load(Codec().dump(coop.program), Program))
    assert [outcome.account.id for outcome in again.pay_dividend(declared(pool("0.10")))] == ["bob", "cid"]
    ledger, paid = SqlLedger(engine, schema, "coop"), []
    for member in ("ann", "bob", "cid"):
        entries = [entry for commit in ledger.history(Account.member(member)) for entry in commit.entries]
        paid.append(sum(e.steps for e in entries if isinstance(e, Transfer) and e.reason.code == "dividend"))
    assert paid == [4, 3, 3]
    engine.dispose()


def test_the_largest_state_covers_ten_years() -> None:
    """What the terms can reach is stated, and nine dividends in a row stay below it."""
    coop = Cooperative(dividend(cash="0.20", minimum=USD.of("1.00"), revolves_after=years(7)))
    size = largest_state(coop.program, events_a_year=12)
    assert size.lots is not None
    assert size.grants is not None
    for year in range(2024, 2033):
        for month in (2, 6, 10):
            at = MARCH.replace(year=year, month=month)
            coop.buy("ann", "100.00", at=at)
        if year % 3 == 0:
            coop.refund("ann", f"o-{coop.n}", "50.00", at=MARCH.replace(year=year, month=12))
        paid_at = MARCH.replace(year=year + 1, month=1, day=20)
        coop.pay(declared(rate("0.10"), id=f"d-{year}", at=paid_at, of=MARCH.replace(year=year)))
        state = coop.loyalty.standing("ann").state
        assert sum(len(held) for held in state.lots.values()) + len(state.pending) <= size.lots
        assert len(state.grants) <= size.grants
        assert len(state.wake_ups) <= (size.wake_ups or 0)


def test_the_linter_names_what_a_late_return_leaves() -> None:
    """A dividend that was paid stays with who returns and buys no more; or with everybody, where it is dropped."""
    for late, said in ((LateReturns.NEXT_PERIOD, "buy no more"), (LateReturns.DROPPED, "lowers no dividend")):
        found = [each for each in lint(Cooperative(dividend(late_returns=late)).program) if each.code is LintCode.LEAK]
        assert [each.where for each in found] == ["terms[0].policies.dividend.patronage"]
        assert said in found[0].message
