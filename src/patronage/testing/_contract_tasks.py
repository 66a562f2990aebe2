"""What an awaited ledger promises to several tasks of one loop, and to one that is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from patronage.errors import DuplicateEventError, StaleStateError
from patronage.ledger import Account
from patronage.loyalty import AsyncLoyalty, Retry
from patronage.repositories import AsyncLedgerRepository, LedgerRepository
from patronage.testing._contract_blocking import BlockingLedger
from patronage.testing._contract_play import (
    NOON,
    PROGRAM,
    A,
    B,
    all_of,
    credited,
    ids_of,
    record,
    redeemed,
    series,
    version_of,
)
from patronage.testing._contract_storms import DONE, KNOWN, REFUSED, STALE, none_overspent
from patronage.testing._contract_trial import Effort, Promises, Trial, check

Ledger = Trial[LedgerRepository]
tasks = Promises[LedgerRepository]("AsyncLedgerRepository")


def _awaited(repository: LedgerRepository) -> AsyncLedgerRepository:
    assert isinstance(repository, BlockingLedger)
    return repository.awaited


def _run(trial: Ledger, work: Coroutine[Any, Any, Any]) -> Any:
    """Runs it in the contract's loop; what does not come to an end has failed."""

    async def limited() -> Any:
        return await asyncio.wait_for(work, trial.contract.patience)

    run: Any = trial.contract
    try:
        return run.run(limited())
    except TimeoutError:
        raise AssertionError(f"Several tasks still wait after {trial.contract.patience} seconds.") from None


@tasks.promise("append", effort=Effort.THREADS)
def of_tasks_that_append_one_version_one_succeeds(trial: Ledger) -> None:
    """Of several tasks that append one version at once exactly one succeeds."""
    repository = trial.repository()
    awaited = _awaited(repository)

    async def append(number: int, account: Account) -> str:
        try:
            await awaited.append(series(account, [f"e{number}"]))
        except StaleStateError:
            return STALE
        except DuplicateEventError:
            return KNOWN
        return DONE

    async def turn(account: Account) -> list[str]:
        return await asyncio.gather(*(append(number, account) for number in range(trial.contract.threads)))

    for n in range(trial.contract.rounds // 2 + 1):
        account = Account.member(f"m{n}")
        found = _run(trial, turn(account))
        check(found.count(DONE) == 1, f"Of {len(found)} appends at once {found.count(DONE)} succeeded.")
        check(
            ids_of(all_of(repository, account)) == [f"e{found.index(DONE)}"],
            "Another commit is kept than the one that won.",
        )


@tasks.promise("append", effort=Effort.THREADS)
def tasks_spend_no_more_than_there_is(trial: Ledger) -> None:
    """Where several tasks redeem what is enough for half of them, exactly that many succeed, and nothing is left."""
    repository = trial.repository()
    awaited = _awaited(repository)
    count = trial.contract.threads
    record(repository, A, credited(A, "open", count * 20))
    retry = Retry(lasts=timedelta(seconds=trial.contract.patience))
    loyalty = AsyncLoyalty(PROGRAM, awaited, clock=lambda: NOON, retry=retry)

    async def wish(number: int) -> list[str]:
        answers = [await loyalty.record(redeemed(A, f"d-{number}-{n}", 10)) for n in range(4)]
        return [DONE if answer.accepted else REFUSED for answer in answers]

    async def all_at_once() -> list[list[str]]:
        return await asyncio.gather(*(wish(number) for number in range(count)))

    none_overspent(repository, count * 2, _run(trial, all_at_once()))


@tasks.promise("append", effort=Effort.THREADS)
def a_task_that_is_cancelled_leaves_all_or_nothing(trial: Ledger) -> None:
    """Cancelled at whatever point of an append, a batch is kept whole or not at all, and the next one is taken."""
    repository = trial.repository()
    awaited = _awaited(repository)
    accounts = (A, B)

    async def cancelled(version: int, steps: int) -> None:
        batch = [commit for account in accounts for commit in series(account, [f"e{steps}"], behind=version)]
        task = asyncio.ensure_future(awaited.append(batch))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    versions = [0, 0]
    for steps in range(24):
        _run(trial, cancelled(version_of(repository, A), steps))
        versions = [version_of(repository, account) for account in accounts]
        commits = [len(all_of(repository, account)) for account in accounts]
        check(versions[0] == versions[1], f"Cancelled after {steps} steps, a batch is kept in part.")
        check(commits == versions, f"Cancelled after {steps} steps, a state is kept without its commit.")
    last = [commit for account in accounts for commit in series(account, ["last"], behind=versions[0])]
    _run(trial, awaited.append(last))  # Within a time: what a cancelled task has left locked is found.
    check(version_of(repository, A) == versions[0] + 1, "After tasks were cancelled the store must go on working.")
