"""What the contracts of repositories play: a small program, events, and commits made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from patronage.errors import quote
from patronage.events import Activity, Adjustment, Event, Line, Purchase, Redemption, Refund
from patronage.ledger import Account, AccountKind, Commit
from patronage.occasions import Life
from patronage.policies import PointsPolicy
from patronage.program import Program
from patronage.repositories import LedgerRepository, Stored
from patronage.rewards import PayWithPoints
from patronage.rules import SpendRule
from patronage.state import State
from patronage.terms import Terms
from patronage.terms_of_time import days
from patronage.testing._contract_trial import check, refused
from patronage.units import Unit, currency

USD: Final = currency("USD")
POINTS: Final = Unit("points")
NOON: Final = datetime(2025, 3, 1, 12, tzinfo=UTC)
FAR: Final = datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
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


def refuses(
    repository: LedgerRepository,
    commits: Sequence[Commit],
    errors: type[Exception] | tuple[type[Exception], ...],
    sentence: str,
) -> None:
    """Appending must raise one of *errors*, and nothing else."""
    refused(errors, lambda: repository.append(commits), sentence)


# Events.


def nothing(account: Account, id: str, at: datetime = NOON) -> Event:
    """A fact that is worth nothing."""
    return Activity(id=id, member=account.id, occurred_at=at, kind="visit")


def bought(account: Account, id: str, at: datetime = NOON, total: str = "50.00") -> Event:
    """A purchase: a point a dollar, for thirty days."""
    return Purchase(id=id, member=account.id, occurred_at=at, lines=(Line(total=USD.of(total)),))


def returned(account: Account, id: str, purchase: str, total: str | None = None, at: datetime = NOON) -> Event:
    """A purchase comes back, in part where a total is given."""
    money = None if total is None else USD.of(total)
    return Refund(id=id, member=account.id, occurred_at=at, purchase=purchase, total=money)


def redeemed(account: Account, id: str, points: int, at: datetime = NOON) -> Event:
    """A request to spend points."""
    return Redemption(id=id, member=account.id, occurred_at=at, reward="pay", amount=POINTS.of(points))


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


# Reading.


def stored_of(repository: LedgerRepository, account: Account) -> Stored | None:
    """The account as the store has it."""
    return repository.load([account]).get(account)


def version_of(repository: LedgerRepository, account: Account) -> int:
    """The account's version; 0 where it has none."""
    stored = stored_of(repository, account)
    return 0 if stored is None else stored.version


def state_of(repository: LedgerRepository, account: Account) -> State:
    """The account's state; empty where it has none."""
    stored = stored_of(repository, account)
    return State.of(account) if stored is None else stored.state


def all_of(repository: LedgerRepository, account: Account) -> list[Commit]:
    """The account's whole history."""
    return list(repository.history(account))


def ids_of(commits: Iterable[Commit]) -> list[str]:
    """The ids of the commits' events."""
    return [commit.event.id for commit in commits]


def everyone_due(repository: LedgerRepository, until: datetime, limit: int) -> list[Account]:
    """All who are due, page by page."""
    read: list[Account] = []
    while page := repository.due(until, after=read[-1] if read else None, limit=limit):
        check(len(page) <= limit, f"due(limit={limit}) gave {len(page)} accounts.")
        check(not read or page[0].key > read[-1].key, "due(after=) must give only accounts behind that one.")
        read += page
    return read


# Commits.


def commits_for(
    repository: LedgerRepository, account: Account, *events: Event, state: State | None = None
) -> list[Commit]:
    """
    Commits for events that do not speak of each other, stamped as the service does. Not appended.

    A shared account gets what a member of its id would get.
    """
    member = Account.member(account.id)
    state = _of(state or state_of(repository, account), member)
    commits = []
    for event in events:
        past = [moved(commit, member) for commit in repository.history(account, about={event.id, event.about})]
        decision = PROGRAM.decide(state, event, history=past)
        state = decision.state or state
        commits += [stamped(moved(commit, account)) for commit in decision.commits]
    return commits


def stamped(commit: Commit) -> Commit:
    """The commit with what the service writes on it."""
    return attrs.evolve(
        commit,
        fingerprint=f"fingerprint of {commit.event.id}",
        terms_digest="digest",
        recorded_at=commit.event.occurred_at + timedelta(seconds=1, microseconds=1),
    )


def record(repository: LedgerRepository, account: Account, *events: Event) -> list[Commit]:
    """Decides and appends the events one by one."""
    written = []
    for event in events:
        commits = commits_for(repository, account, event)
        repository.append(commits)
        written += commits
    return written


def advance(repository: LedgerRepository, account: Account, until: datetime) -> list[Commit]:
    """Stores what time alone does."""
    commits = [stamped(each) for each in PROGRAM.advance(state_of(repository, account), until).commits]
    repository.append(commits)
    return commits


def series(account: Account, ids: Iterable[str], *, behind: int = 0, at: datetime = NOON) -> list[Commit]:
    """A commit worth nothing for each id, in versions behind that one: what many of them take least time for."""
    member = Account.member("series")
    (first,) = PROGRAM.decide(State.of(member), nothing(member, "first", at), history=()).commits
    first = moved(stamped(first), account)
    return [at_version(renamed(first, id), version) for version, id in enumerate(ids, behind + 1)]


# Commits as they might have been.


def _after(commit: Commit) -> State:
    assert isinstance(commit.after, State)
    return commit.after


def _of(state: State, account: Account) -> State:
    return state if state.account == account else attrs.evolve(state, account=account)


def moved(commit: Commit, account: Account) -> Commit:
    """The commit as if it were another account's."""
    if commit.account == account:
        return commit
    event, after = commit.event, commit.after
    if account.kind is AccountKind.MEMBER and event.member != account.id:
        event = attrs.evolve(event, member=account.id)
    return attrs.evolve(
        commit, account=account, event=event, after=_of(after, account) if isinstance(after, State) else after
    )


def renamed(commit: Commit, id: str) -> Commit:
    """The commit as if its event had another id."""
    return attrs.evolve(commit, event=attrs.evolve(commit.event, id=id), root=id, names=(id,))


def at_version(commit: Commit, version: int) -> Commit:
    """The commit as if it were the one of another version."""
    return attrs.evolve(commit, version=version, after=attrs.evolve(_after(commit), version=version))


def due_at(commit: Commit, at: datetime | None) -> Commit:
    """The commit as if time did something next at that instant."""
    return attrs.evolve(commit, next_due=at, after=attrs.evolve(_after(commit), next_due=at))


def placed(commit: Commit, root: str, ordinal: int) -> Commit:
    """The commit as if it had another place among those of a root."""
    return attrs.evolve(commit, root=root, ordinal=ordinal, names=tuple(dict.fromkeys((commit.event.id, root))))


def described(account: Account) -> str:
    """An account for a sentence."""
    return f"{account.kind.value} {quote(account.id)}"
