"""What the contracts of repositories play: a small program, events, and commits made of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from patronage.decisions import Decision
from patronage.events import Activity, Adjustment, Event, Line, Purchase
from patronage.ledger import Account, Commit
from patronage.occasions import Life
from patronage.policies import PointsPolicy
from patronage.program import Program
from patronage.repositories import LedgerRepository, Stored
from patronage.rewards import PayWithPoints
from patronage.rules import SpendRule
from patronage.state import State
from patronage.terms import Terms
from patronage.terms_of_time import days
from patronage.units import Unit, currency

USD: Final = currency("USD")
POINTS: Final = Unit("points")
NOON: Final = datetime(2025, 3, 1, 12, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
A: Final = Account.member("a")
B: Final = Account.member("b")

PROGRAM: Final = Program(
    id="contract",
    time_zone="Europe/Berlin",
    terms=Terms(
        units=(USD, POINTS),
        policies=(
            PointsPolicy(
                name="base",
                rules=(SpendRule(per=USD.of("1.00"), credit=POINTS.of(1), life=Life(expires_after=days(30))),),
            ),
        ),
        rewards=(PayWithPoints(name="pay", points=POINTS.of(10), value=USD.of("1.00")),),
    ),
)
"""A point a dollar for thirty days, and a dollar for ten points."""


def check(holds: bool, sentence: str) -> None:
    """Raises AssertionError with *sentence*, also where Python runs without assertions."""
    if not holds:
        raise AssertionError(sentence)


def refused(errors: type[Exception], repository: LedgerRepository, commits: Sequence[Commit], sentence: str) -> None:
    """Appending must raise one of *errors*, and nothing else."""
    try:
        repository.append(commits)
    except errors:
        return
    except Exception as error:
        raise AssertionError(f"{sentence} The store raised {type(error).__name__} instead.") from error
    raise AssertionError(f"{sentence} The store took it.")


def nothing(account: Account, id: str, at: datetime = NOON) -> Event:
    """A fact that is worth nothing."""
    return Activity(id=id, member=account.id, occurred_at=at, kind="visit")


def bought(account: Account, id: str, at: datetime = NOON, total: str = "50.00") -> Event:
    """A purchase: a point a dollar, for thirty days."""
    return Purchase(id=id, member=account.id, occurred_at=at, lines=(Line(total=USD.of(total)),))


def credited(
    account: Account,
    id: str,
    steps: int,
    at: datetime = NOON,
    expires_at: datetime | None = None,
    *,
    available_at: datetime | None = None,
) -> Event:
    """An operator's credit."""
    return Adjustment(
        id=id,
        member=account.id,
        occurred_at=at,
        amount=POINTS.steps(steps),
        actor="contract",
        reason="opening",
        expires_at=expires_at,
        available_at=available_at,
    )


def stored_of(repository: LedgerRepository, account: Account) -> Stored | None:
    """The account as the store has it."""
    return repository.load([account]).get(account)


def state_of(repository: LedgerRepository, account: Account) -> State:
    """The account's state; empty where it has none."""
    stored = stored_of(repository, account)
    return State.of(account) if stored is None else stored.state


def all_of(repository: LedgerRepository, account: Account) -> list[Commit]:
    """The account's whole history."""
    return list(repository.history(account))


def decide(repository: LedgerRepository, account: Account, event: Event, *, state: State | None = None) -> Decision:
    """What the event comes to, on the stored state unless another is given."""
    names = {event.id, event.about}
    past = list(repository.history(account, about=names))
    return PROGRAM.decide(state or state_of(repository, account), event, history=past)


def commits_for(
    repository: LedgerRepository, account: Account, *events: Event, state: State | None = None
) -> list[Commit]:
    """Commits for events that do not speak of each other, stamped as the service does. Not appended."""
    state = state or state_of(repository, account)
    commits = []
    for event in events:
        decision = decide(repository, account, event, state=state)
        state = decision.state or state
        commits += [
            attrs.evolve(
                commit,
                fingerprint=f"fingerprint of {event.id}",
                terms_digest="digest",
                recorded_at=event.occurred_at + timedelta(seconds=1, microseconds=1),
            )
            for commit in decision.commits
        ]
    return commits


def record(repository: LedgerRepository, account: Account, *events: Event) -> list[Commit]:
    """Decides and appends the events one by one."""
    written = []
    for event in events:
        commits = commits_for(repository, account, event)
        repository.append(commits)
        written += commits
    return written


def advance(repository: LedgerRepository, account: Account, until: datetime) -> None:
    """Stores what time alone does."""
    repository.append(PROGRAM.advance(state_of(repository, account), until).commits)


def renamed(commit: Commit, id: str) -> Commit:
    """The commit as if its event had another id."""
    return attrs.evolve(commit, event=attrs.evolve(commit.event, id=id), root=id, names=(id,))
