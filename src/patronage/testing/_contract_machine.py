"""Histories made by chance, played on a store and on the one in memory: they agree at every step. Needs hypothesis."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from patronage.ledger import Account, Commit
from patronage.repositories import LedgerRepository
from patronage.stores.memory import MemoryLedger
from patronage.testing._contract_play import (
    FAR,
    NOON,
    PROGRAM,
    all_of,
    at_version,
    bought,
    commits_for,
    credited,
    nothing,
    redeemed,
    renamed,
    returned,
    state_of,
)
from patronage.testing._contract_storms import DONE, outcome
from patronage.testing._contract_trial import Trial, check, equal

ACCOUNTS: Final = (Account.member("a"), Account.member("A"), Account.member("b"), Account.shared("a"))
WHO: Final = st.sampled_from(ACCOUNTS)
HOURS: Final = st.integers(0, 24 * 40)


def play(trial: Trial[LedgerRepository]) -> None:
    """Plays as many histories as the contract says."""
    contract = trial.contract

    class Played(Machine):
        def __init__(self) -> None:
            super().__init__(trial)

    run_state_machine_as_test(
        Played,
        settings=settings(
            max_examples=contract.examples,
            stateful_step_count=contract.steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


class Machine(RuleBasedStateMachine):
    """One history. Nothing of it is shared with another one."""

    def __init__(self, trial: Trial[LedgerRepository]) -> None:
        super().__init__()
        self._trial = trial
        self._hour = 0
        self._count = 0
        self._purchases: dict[Account, list[str]] = {}
        self._kept: list[Commit] = []

    @initialize()
    def begin(self) -> None:
        """A fresh store, and an empty model."""
        self.store = self._trial.repository()
        self.model = MemoryLedger()

    def teardown(self) -> None:
        """At the end all is compared, and closed."""
        if not hasattr(self, "store"):
            return
        try:
            for account in ACCOUNTS:
                equal(all_of(self.store, account), all_of(self.model, account), "At the end the history")
        finally:
            self._trial.done(self.store)

    def _id(self) -> str:
        self._count += 1
        return f"e{self._count}"

    def _now(self) -> datetime:
        return NOON + timedelta(hours=self._hour)

    def _append(self, commits: Sequence[Commit]) -> None:
        expected = outcome(lambda: self.model.append(commits))
        found = outcome(lambda: self.store.append(commits))
        said = ", ".join(f"{commit.event.id} in version {commit.version} of {commit.account}" for commit in commits)
        check(found == expected, f"Appending {said} was {found}, and {expected} in memory.")
        if expected == DONE:
            self._kept += commits

    @rule(hours=st.integers(1, 24 * 20))
    def wait(self, hours: int) -> None:
        """Time goes on; nobody does anything."""
        self._hour += hours

    @rule(account=WHO, what=st.sampled_from(("nothing", "buy", "redeem", "credit")), size=st.integers(1, 90))
    def write(self, account: Account, what: str, size: int) -> None:
        """An event, decided on what the model has."""
        id, at = self._id(), self._now()
        if what == "buy":
            event = bought(account, id, at, total=f"{size}.50")
            self._purchases.setdefault(account, []).append(id)
        elif what == "redeem":
            event = redeemed(account, id, size * 10, at)
        elif what == "credit":
            event = credited(account, id, size, at, at + timedelta(days=size) if size % 2 else None)
        else:
            event = nothing(account, id, at)
        self._append(commits_for(self.model, account, event))

    @rule(one=WHO, other=WHO, count=st.integers(1, 3))
    def write_together(self, one: Account, other: Account, count: int) -> None:
        """A batch over two accounts."""
        batch = [
            commit
            for account in dict.fromkeys((one, other))
            for commit in commits_for(
                self.model, account, *[bought(account, self._id(), self._now()) for _ in range(count)]
            )
        ]
        self._append(batch)

    @rule(account=WHO, which=st.integers(0, 9), part=st.sampled_from((None, "1.00", "0.50")))
    def give_back(self, account: Account, which: int, part: str | None) -> None:
        """A refund of one of the purchases."""
        purchases = self._purchases.get(account)
        if purchases:
            purchase = purchases[which % len(purchases)]
            self._append(commits_for(self.model, account, returned(account, self._id(), purchase, part, self._now())))

    @rule(account=WHO)
    def let_time_work(self, account: Account) -> None:
        """What time alone does."""
        self._append(PROGRAM.advance(state_of(self.model, account), self._now()).commits)

    @precondition(lambda self: self._kept)
    @rule(which=st.integers(0, 50), shift=st.sampled_from((-1, 0, 1)), anew=st.booleans())
    def write_again(self, which: int, shift: int, anew: bool) -> None:
        """A commit that is known, or a new event in its version, or one beside it."""
        commit = self._kept[which % len(self._kept)]
        if anew:
            commit = renamed(attrs.evolve(commit, entries=()), self._id())
        self._append([at_version(commit, commit.version + shift)])

    @rule(accounts=st.sets(WHO), lock=st.booleans())
    def load(self, accounts: Collection[Account], lock: bool) -> None:
        """The same versions and states."""
        expected = self.model.load(accounts)
        check(
            dict(self.store.load(accounts, lock=lock)) == dict(expected), "load() gives another answer than in memory."
        )

    @rule(account=WHO, names=st.lists(st.integers(1, 30)), hours=st.none() | HOURS)
    def read(self, account: Account, names: Sequence[int], hours: int | None) -> None:
        """The same commits."""
        about = [f"e{n}" for n in names]
        since = None if hours is None else NOON + timedelta(hours=hours)
        found = list(self.store.history(account, about=about, since=since))
        equal(
            found, list(self.model.history(account, about=about, since=since)), f"history(about={about}, since={since})"
        )

    @rule(hours=st.none() | HOURS, after=st.none() | WHO, limit=st.integers(1, 5))
    def ask_who_is_due(self, hours: int | None, after: Account | None, limit: int) -> None:
        """The same accounts."""
        until = FAR if hours is None else NOON + timedelta(hours=hours)
        found = list(self.store.due(until, after=after, limit=limit))
        equal(
            found, list(self.model.due(until, after=after, limit=limit)), f"due({until}, after={after}, limit={limit})"
        )
