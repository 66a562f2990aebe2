"""What the use cases make of a ledger: the same as they make of the one in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from patronage.audit import audit
from patronage.errors import EventConflictError
from patronage.events import Capture, Event, Reservation
from patronage.ledger import Account
from patronage.loyalty import Loyalty
from patronage.repositories import LedgerRepository
from patronage.state import fold
from patronage.stores.memory import MemoryLedger
from patronage.testing._contract_play import (
    NOON,
    POINTS,
    PROGRAM,
    A,
    B,
    all_of,
    bought,
    credited,
    nothing,
    redeemed,
    returned,
    state_of,
    version_of,
)
from patronage.testing._contract_trial import Promises, Trial, check, equal, refused

Ledger = Trial[LedgerRepository]
service = Promises[LedgerRepository]("Loyalty")


def clock() -> datetime:
    """A clock that stands, behind all that is played."""
    return NOON + timedelta(days=60)


def service_over(repository: LedgerRepository) -> Loyalty:
    """The use cases, without retry: one thread meets nobody."""
    return Loyalty(PROGRAM, repository, clock=clock, retry=None)


def sound(repository: LedgerRepository, accounts: Sequence[Account]) -> None:
    """The stored commits add up, by `audit` and by `fold`, to the stored states."""
    for account in accounts:
        commits = all_of(repository, account)
        audit(commits, calendar=PROGRAM.calendar)
        check(
            fold(commits, calendar=PROGRAM.calendar) == state_of(repository, account),
            "A state is not the sum of its commits.",
        )
        check(version_of(repository, account) == len(commits), "A version is not the number of its commits.")


def played() -> Sequence[Sequence[Event]]:
    """A story of two members, one append a line."""

    def later(hours: int) -> datetime:
        return NOON + timedelta(hours=hours)

    return (
        [credited(A, "open", 100)],
        [bought(A, "p"), bought(B, "p")],
        [redeemed(A, "d", 50, later(1))],
        [redeemed(A, "much", 5_000, later(1))],
        [returned(A, "r1", "p", "10.00", later(2))],
        [returned(A, "early", "unknown", "10.00", later(2))],
        [returned(A, "r2", "p", "15.00", later(3)), nothing(B, "n", later(3))],
        [redeemed(B, "too", 4_000, later(4)), bought(A, "q", later(4))],
        [Reservation(id="h", member="a", occurred_at=later(5), reward="pay", amount=POINTS.of(30))],
        [Capture(id="c", member="a", occurred_at=later(6), reservation="h", amount=POINTS.of(20))],
        [bought(B, "q", later(7)), bought(A, "z", later(7)), bought(B, "z", later(7))],
        [returned(A, "r3", "p", at=later(9))],
        [nothing(A, "last", NOON + timedelta(days=45))],
    )


@service.promise("record_all")
def a_story_goes_as_it_goes_in_memory(trial: Ledger) -> None:
    """Purchases, refunds in parts, refusals and batches come to the same decisions, commits and states as in memory."""
    repository, memory = trial.repository(), MemoryLedger()
    one, other = service_over(repository), service_over(memory)
    for events in played():
        alone = len(events) == 1
        found = (one.record(events[0]),) if alone else one.record_all(events)
        expected = (other.record(events[0]),) if alone else other.record_all(events)
        equal(found, expected, f"The answer to {events[0].id}")
    list(one.run_due(clock()))
    list(other.run_due(clock()))
    for account in (A, B):
        equal(all_of(repository, account), all_of(memory, account), "At the end the history")
        check(
            state_of(repository, account) == state_of(memory, account),
            "At the end a state is another one than in memory.",
        )
    sound(repository, (A, B))
    check(not repository.due(clock()), "After run_due somebody is due.")


@service.promise("record")
def the_first_answer_is_given_again(trial: Ledger) -> None:
    """An event that is sent again gets its first answer, marked repeated, also much later and when it was refused."""
    repository = trial.repository()
    loyalty = service_over(repository)
    answers = {events[0].id: loyalty.record(events[0]) for events in played() if len(events) == 1}
    before = all_of(repository, A)
    for events in played():
        if len(events) == 1 and answers[events[0].id].commits:
            again = loyalty.record(events[0])
            check(again.repeated, f"Event {events[0].id} was answered anew.")
            check(again.commits == answers[events[0].id].commits, f"Event {events[0].id} got another answer.")
    equal(all_of(repository, A), before, "After events were sent again the history")
    other = credited(A, "open", 101)
    refused(EventConflictError, lambda: loyalty.record(other), "Other content under a known id must be a conflict.")


@service.promise("run_due")
def time_is_done_once_for_everyone(trial: Ledger) -> None:
    """Read in pages, everyone who is due is done once; run again nothing is left to do."""
    repository = trial.repository()
    loyalty = service_over(repository)
    members = [f"m{n}" for n in range(12)]
    for n, member in enumerate(members):
        end = NOON + timedelta(days=n % 3 + 1) if n % 4 else None
        loyalty.record(credited(Account.member(member), "c", 5, NOON, end))
    outcomes = list(loyalty.run_due(clock(), page=2))
    failed = next((outcome.error for outcome in outcomes if outcome.error is not None), None)
    check(failed is None, f"An account failed: {failed!r}.")
    done = sorted(outcome.account.id for outcome in outcomes)
    expected = sorted(member for n, member in enumerate(members) if n % 4)
    check(done == expected, f"Done were {done}, not {expected}.")
    check(not list(loyalty.run_due(clock(), page=2)), "Run again, somebody was due.")
    sound(repository, [Account.member(member) for member in members])
