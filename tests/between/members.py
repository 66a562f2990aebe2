"""Several members of one program, and the shared accounts beside them: what is decided is stored as one batch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from patronage import (
    Account,
    Ceiling,
    Commit,
    Decision,
    Event,
    FixedReward,
    Life,
    Line,
    PointsPolicy,
    Policy,
    Program,
    Purchase,
    Redemption,
    Refund,
    Reward,
    SpendRule,
    State,
    Terms,
    Unit,
    currency,
    fold,
)
from patronage.periods import LIFETIME
from patronage.terms_of_time import days

USD: Final = currency("USD")
POINTS: Final = Unit("points")
NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY: Final = timedelta(days=1)
BUDGET: Final = Account.shared("spring")


def budget(limit: int = 100, **fields: Any) -> Ceiling:
    """So many points of the campaign for all members together."""
    fields = {"per": LIFETIME, "shared": "spring", **fields}
    return Ceiling(name="budget", limit=POINTS.of(limit), **fields)


def earning(*ceilings: Ceiling, **fields: Any) -> PointsPolicy:
    """A point for every dollar, under those ceilings."""
    rule = SpendRule(per=USD.of(1), credit=POINTS.of(1), name="spend", ceilings=ceilings, **fields)
    return PointsPolicy(name="base", rules=(rule,))


def program_of(*policies: Policy, rewards: Iterable[Reward] = (), **fields: Any) -> Program:
    """A program in New York."""
    terms = Terms(units=(USD, POINTS), policies=policies, rewards=tuple(rewards), **fields)
    return Program(id="shop", time_zone="America/New_York", terms=terms)


def buy(id: str, total: str, member: str = "ann", at: datetime = NOON) -> Purchase:
    """A purchase of one line."""
    return Purchase(id=id, member=member, occurred_at=at, lines=(Line(total=USD.of(total)),))


def refund(id: str, purchase: str, total: str | None = None, member: str = "ann", at: datetime = NOON) -> Refund:
    """All of a purchase, or so much money of it, comes back."""
    money = None if total is None else USD.of(total)
    return Refund(id=id, member=member, occurred_at=at, purchase=purchase, total=money)


def redeem(id: str, member: str = "ann", at: datetime = NOON, reward: str = "mug", times: int = 1) -> Redemption:
    """A request for a reward."""
    return Redemption(id=id, member=member, occurred_at=at, reward=reward, times=times)


def mug(**fields: Any) -> FixedReward:
    """A mug for ten points."""
    return FixedReward(name="mug", cost=POINTS.of(10), **fields)


class Members:
    """All accounts of a program: says what happens, and keeps what it comes to."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.states: dict[Account, State] = {}
        self.commits: dict[Account, list[Commit]] = {}
        self.now = NOON

    def state(self, account: Account) -> State:
        """An account as it stands."""
        return self.states.get(account) or State.of(account)

    def history(self) -> list[Commit]:
        """All that is stored."""
        return [commit for commits in self.commits.values() for commit in commits]

    def decide(self, event: Event) -> Decision:
        """Decides an event on what `involves` names, asked until nothing new comes up."""
        wanted: dict[Account, set[str]] = {}
        found: list[Commit] = []
        while True:
            involved = self.program.involves(event, tuple(self.states.values()), found)
            grown = {account: {event.id, *roots} for account, roots in involved.roots_of.items()}
            if grown == wanted:
                break
            wanted = grown
            found = [
                c for account, names in wanted.items() for c in self.commits.get(account, ()) if names & {*c.names}
            ]
        others = [self.state(account) for account in involved.accounts if account != involved.account]
        return self.program.decide(self.state(involved.account), event, history=found, others=others)

    def tell(self, event: Event) -> Decision:
        """Decides an event and stores its batch, then what it follows up."""
        decision = self.decide(event)
        self.now = max(self.now, event.occurred_at)
        if not decision.repeated:
            self.store(decision)
            for follow_up in decision.follow_ups:
                self.tell(follow_up).require()
        return decision

    def pass_time(self, account: Account, until: datetime) -> Decision:
        """What time does on an account, and what it follows up."""
        decision = self.program.advance(self.state(account), until)
        self.now = max(self.now, until)
        self.store(decision)
        for follow_up in decision.follow_ups:
            self.tell(follow_up).require()
        return decision

    def store(self, decision: Decision) -> None:
        """Appends a batch: whatever is told, a state is the fold of its commits, and each commit the next one."""
        keys = [commit.account.key for commit in decision.commits]
        assert keys == sorted(set(keys))
        assert [state.account for state in decision.states] == [commit.account for commit in decision.commits]
        for commit, state in zip(decision.commits, decision.states, strict=True):
            before = self.states.get(commit.account)
            assert fold((commit,), calendar=self.program.calendar, start=before) == state
            kept = self.commits.setdefault(commit.account, [])
            assert commit.event.id not in {known.event.id for known in kept}
            assert commit.ordinal == sum(known.root == commit.root for known in kept)
            kept.append(commit)
            self.states[commit.account] = state

    def held(self, member: str = "ann", unit: Unit = POINTS) -> int:
        """What a member can spend, debt taken off."""
        state = self.state(Account.member(member))
        return self.program.at(state, max(self.now, state.clock or self.now)).available(unit).steps

    def used(self, account: Account = BUDGET) -> int:
        """What a shared account has counted, in all its tallies."""
        return sum(lot.steps for lots in self.state(account).lots.values() for lot in lots)


A_YEAR: Final = Life(expires_after=days(365))
