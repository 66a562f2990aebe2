"""What `due` of a ledger promises, and `accounts` where there is that ability."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Protocol

import attrs

from patronage.errors import DuplicateEventError, StaleStateError
from patronage.events import Event, Reservation, StatusGrant
from patronage.ledger import Account, Commit
from patronage.repositories import LedgerRepository
from patronage.testing._contract_play import (
    FAR,
    MICROSECOND,
    NOON,
    POINTS,
    A,
    B,
    advance,
    at_version,
    commits_for,
    credited,
    described,
    due_at,
    everyone_due,
    nothing,
    record,
    refuses,
    renamed,
    series,
    version_of,
)
from patronage.testing._contract_trial import Ability, NotProvedError, Promises, Trial, check, refused

Ledger = Trial[LedgerRepository]
time = Promises[LedgerRepository]("LedgerRepository")
listing = Promises[LedgerRepository]("AccountRepository")

KATHMANDU = timezone(timedelta(hours=5, minutes=45))
IDS = ("b", "a", "B", "10", "9", "a1", "a-", "a b", "\u00e9", "z", "\uff5e", "\U0001f600")


def waiting(account: Account, at: datetime | None, *, id: str = "e") -> Commit:
    """A first commit of an account for which time does something at an instant."""
    return due_at(series(account, [id])[0], at)


def in_order(accounts: Iterable[Account]) -> list[Account]:
    """In order of their keys."""
    return sorted(accounts, key=lambda account: account.key)


@time.promise("due")
def an_account_is_due_at_the_very_instant(trial: Ledger) -> None:
    """At `next_due` and later, not a microsecond before; in whatever zone the instant is written."""
    repository = trial.repository()
    for n, end in enumerate((NOON, NOON + MICROSECOND, NOON - MICROSECOND, NOON + timedelta(days=1), FAR)):
        account = Account.member(f"m{n}")
        repository.append([waiting(account, end.astimezone(KATHMANDU))])
        for until in (end, end.astimezone(KATHMANDU), end.astimezone(timezone(-timedelta(hours=12)))):
            check(account in repository.due(until), f"It is not due at its next_due {end}, asked as {until}.")
            early = until - MICROSECOND
            check(account not in repository.due(early), f"It is due before its next_due {end}, asked as {early}.")


@time.promise("due")
def the_last_commit_says_when_an_account_is_due(trial: Ledger) -> None:
    """Earlier, later, or never again: what counts is the `next_due` of the last commit, also within a batch."""
    repository = trial.repository()
    for version, hours in enumerate((5, 3, 9, None, 2, None), 1):
        at = None if hours is None else NOON + timedelta(hours=hours)
        repository.append([at_version(waiting(A, at, id=f"e{version}"), version)])
        check(list(repository.due(FAR)) == ([] if at is None else [A]), f"After next_due became {at} that is not so.")
        if at is not None:
            check(list(repository.due(at)) == [A], f"After next_due became {at} it is not due then.")
            check(not repository.due(at - MICROSECOND), f"After next_due became {at} it is due before.")
    turns = [at_version(waiting(B, at, id=f"e{n}"), n) for n, at in enumerate((NOON, None, FAR, None), 1)]
    repository.append(turns[:3])
    check(list(repository.due(FAR)) == [B] and not repository.due(NOON), "In a batch the last commit must count.")
    repository.append(turns[3:])
    check(not repository.due(FAR), "An account for which time does nothing more is due.")


@time.promise("due")
def every_duty_makes_an_account_due(trial: Ledger) -> None:
    """A lot that ends, one that becomes available, a grant that runs out, a reservation that lapses: each is a duty."""
    repository = trial.repository()
    later = NOON + timedelta(days=1)
    gift = StatusGrant(id="s", member="grant", occurred_at=NOON, key="tier", until=later, actor="x", reason="gift")
    hold = Reservation(id="h", member="hold", occurred_at=NOON, reward="pay", amount=POINTS.of(10), lapses_at=later)
    events: dict[str, Sequence[Event]] = {
        "ends": [credited(Account.member("ends"), "c", 5, NOON, later)],
        "grant": [gift],
        "hold": [credited(Account.member("hold"), "c", 50), hold],
        "waits": [credited(Account.member("waits"), "c", 5, available_at=later)],
    }
    for id, duties in events.items():
        record(repository, Account.member(id), *duties)
    record(repository, Account.member("idle"), credited(Account.member("idle"), "c", 5))
    due = [account.id for account in repository.due(later)]
    check(due == [*events], f"Due were {', '.join(due) or 'nobody'}, not {', '.join(events)}.")
    check(not repository.due(later - MICROSECOND), "Somebody is due a microsecond too early.")
    for id in events:
        advance(repository, Account.member(id), later)
    check(not repository.due(later), "Whoever has done what was due is due no more.")


@time.promise("due")
def a_refused_append_makes_nobody_due(trial: Ledger) -> None:
    """A stale commit, or a known event, neither sets nor changes when an account is due."""
    repository = trial.repository()
    repository.append([waiting(A, NOON)])
    stale, ahead = waiting(A, FAR, id="x"), at_version(waiting(A, None, id="y"), 3)
    known = at_version(waiting(A, FAR), 2)
    refuses(repository, [waiting(B, NOON), stale], StaleStateError, "A stale commit must be refused.")
    refuses(repository, [waiting(B, NOON), ahead], StaleStateError, "A commit ahead must be refused.")
    refuses(repository, [waiting(B, NOON), known], DuplicateEventError, "A known event must be refused.")
    check(list(repository.due(NOON)) == [A], "A refused append changed who is due.")


@time.promise("due")
def who_is_due_comes_in_order_of_the_account(trial: Ledger) -> None:
    """The order is that of `Account.key`: kind, then id by code points; not of instants, nor of a language."""
    repository = trial.repository()
    accounts = [kind(id) for id in IDS for kind in (Account.member, Account.shared)]
    for n, account in enumerate(accounts):
        repository.append([waiting(account, NOON - timedelta(hours=n * 7 % 5))])
    found = repository.due(NOON)
    check(isinstance(found, Sequence), "due() must give a Sequence: what it ends with is where the next page begins.")
    expected = in_order(accounts)
    check(list(found) == expected, f"It gave {[a.key for a in found]!a}, not {[a.key for a in expected]!a}.")


@time.promise("due")
def who_is_due_is_read_in_pages(trial: Ledger) -> None:
    """At most *limit* at a time and only those behind *after*: the pages together give everyone who is due, once."""
    repository = trial.repository()
    accounts = [kind(id) for id in IDS for kind in (Account.member, Account.shared)]
    for n, account in enumerate(accounts):
        at = (NOON, NOON - timedelta(hours=n * 7 % 5), FAR, None)[n % 4]
        repository.append([waiting(account, at)])
    expected = in_order(account for n, account in enumerate(accounts) if n % 4 < 2)
    for limit in (1, 2, 3, 5, len(expected), len(expected) + 1, 1000):
        check(
            everyone_due(repository, NOON, limit) == expected, f"Pages of {limit} do not give everyone once, in order."
        )
    for behind in (*accounts, Account.member("a0"), Account.member("zz"), Account.shared("0")):
        found = list(repository.due(NOON, after=behind))
        rest = [account for account in expected if account.key > behind.key]
        check(found == rest, f"Behind {described(behind)}, due or not, came {len(found)} accounts, not {len(rest)}.")


@time.promise("due")
def more_than_a_thousand_can_be_due(trial: Ledger) -> None:
    """Unless it is told a page has at most a thousand; a larger limit counts; all are found in the end."""
    repository = trial.repository()
    accounts = [Account.member(f"m{n:04}") for n in range(1_105)]
    repository.append([waiting(account, NOON) for account in accounts])
    first = list(repository.due(NOON))
    check(first == accounts[:1000], f"The first page has {len(first)} accounts, not the first 1000.")
    check(list(repository.due(NOON, after=first[-1])) == accounts[1000:], "The second page must give the rest.")
    check(list(repository.due(NOON, limit=1_100)) == accounts[:1_100], "A limit above 1000 must count.")


@time.promise("due")
def who_becomes_due_later_is_found_wherever_it_stands(trial: Ledger) -> None:
    """Each question is answered anew: an account that stands before those already seen is found the next time."""
    repository = trial.repository()
    for id in ("m", "p", "c", "z", "a"):
        account = Account.member(id)
        repository.append([waiting(account, NOON)])
        check(account in everyone_due(repository, NOON, 2), f"{described(account)} was written last and is not found.")
    seen = everyone_due(repository, NOON, 2)
    check(len(seen) == 5, "Whoever was seen and has done nothing must be found again.")
    repository.append([at_version(waiting(Account.member("m"), None, id="f"), 2)])
    check(len(everyone_due(repository, NOON, 2)) == 4, "Whoever has done what was due is still found.")


# Listing.


class _Listing(Protocol):
    def __call__(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]: ...


def _listing(repository: LedgerRepository) -> Callable[..., Sequence[Account]]:
    found: _Listing | None = getattr(repository, "accounts", None)
    if found is None:
        raise NotProvedError(Ability.LISTING)
    return found


@listing.promise("accounts")
def accounts_are_listed_in_pages(trial: Ledger) -> None:
    """All that have a commit, due or not, once, in order of `Account.key`: at most *limit*, only behind *after*."""
    repository = trial.repository()
    accounts = _listing(repository)
    check(not accounts(), "An empty store lists accounts.")
    known = [kind(id) for id in IDS for kind in (Account.member, Account.shared)]
    for n, account in enumerate(known):
        repository.append([waiting(account, NOON if n % 2 else None)])
        repository.append([at_version(waiting(account, None, id="f"), 2)])
    expected = in_order(known)
    check(list(accounts()) == expected, "It does not list every account once, in order.")
    for limit in (1, 3, len(expected), 1000):
        read: list[Account] = []
        while page := accounts(after=read[-1] if read else None, limit=limit):
            check(len(page) <= limit, f"A page of {limit} has {len(page)} accounts.")
            check(not read or page[0].key > read[-1].key, "A page must begin behind the last one.")
            read += page
        check(read == expected, f"Pages of {limit} do not give every account once.")
    behind = [account for account in expected if account.key > ("member", "a0")]
    check(list(accounts(after=Account.member("a0"))) == behind, "after= need not be known itself.")


@listing.promise("accounts")
def only_what_was_written_is_listed(trial: Ledger) -> None:
    """Neither a refused append nor a question makes an account."""
    repository = trial.repository()
    accounts = _listing(repository)
    record(repository, A, nothing(A, "n"))
    repository.load([B], lock=True)
    stale = attrs.evolve(commits_for(repository, A, nothing(A, "x"))[0], version=1)
    refused(
        StaleStateError,
        lambda: repository.append([*series(B, ["e"]), renamed(stale, "y")]),
        "A stale batch must be refused.",
    )
    check(list(accounts()) == [A], "An account is listed that has no commit.")
    check(version_of(repository, A) == 1, "A refused append changed the version.")
