"""
The other accounts of a decision: budgets, stock, pools. Each has a book of its own, and a commit where it changed.

What happens there is about the member's event, under a counterpart's id, at the event's instant or at
that account's clock, whichever is later: members' events reach a shared account in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from patronage.accounts import root_from
from patronage.between import FollowedUp, counterpart, counterpart_id
from patronage.book import Book
from patronage.building import build_commit
from patronage.ceilings import BoundCeiling
from patronage.errors import OthersRequiredError
from patronage.events import Contribution, Event, Gift, Merge, Purchase, Redemption, ReferralClaimed
from patronage.ledger import Account, AccountKind, Basis, Commit, Entry, Refusal, RejectionCode
from patronage.periods import format_instant
from patronage.rewards import refuse
from patronage.state import State
from patronage.terms import BoundTerms

Needed = Sequence[tuple[Account, BoundCeiling | None]]
"""The other accounts that an event needs, and what is counted there."""


def accounts_of_root(commits: Iterable[Commit], root: str) -> list[tuple[Account, None]]:
    """The accounts that undoing a root needs: shared ones that its commits have read, and those that it names."""
    of_it = [commit for commit in commits if commit.root == root]
    keys = {key for commit in of_it for key in commit.basis.others if not key.startswith(AccountKind.MEMBER.value)}
    found = [Account(AccountKind(kind), id) for kind, _, id in (key.partition(" ") for key in sorted(keys))]
    given = [commit.event for commit in of_it if commit.refusal is None]
    found += [Account.member(event.to) for event in given if isinstance(event, Gift)]
    found += [Account.member(event.into) for event in given if isinstance(event, Merge)]
    found += [Account.shared(event.pool) for event in given if isinstance(event, Contribution)]
    paid = {id for event in given if isinstance(event, Purchase) for id in event.redemptions}
    spent = [commit.event for commit in commits if commit.root == root or commit.event.id in paid]
    found += [Account.shared(e.pool) for e in spent if isinstance(e, Redemption) and e.pool is not None]
    found += [account for event in given if isinstance(event, ReferralClaimed) for account in event.others]
    return [(account, None) for account in dict.fromkeys(found)]


def open_books(
    book: Book,
    bound: BoundTerms,
    event: Event,
    needed: Needed,
    others: Collection[State],
    pass_time: Callable[[Book, datetime], object],
) -> Refusal | None:
    """
    Opens a book for each account that *event* needs beside its own, after what time did there.

    A refusal where a period that the event counts in is over for good on such an account. Raises
    OthersRequiredError where a state is missing.
    """
    states = {state.account: state for state in others}
    missing = sorted({str(account) for account, _ in needed if account not in states})
    if missing:
        raise OthersRequiredError(event.id, missing)
    at = event.occurred_at
    for account, ceiling in needed:
        clock = states[account].clock
        end = None if ceiling is None or clock is None or clock <= at else ceiling.ends(at, bound.calendar)
        if end is not None and clock is not None and end <= clock:
            facts = {"at": format_instant(at), "clock": format_instant(clock), "account": str(account)}
            return refuse(RejectionCode.TOO_LATE, **facts)
    books: dict[Account, Book] = {}
    for account in sorted({account for account, _ in needed}, key=lambda account: account.key):
        state = states[account]
        other = Book(state, bound.calendar, bound.units)
        instant = at if state.clock is None else max(at, state.clock)
        pass_time(other, instant)
        other.units, other.at, other.cause = bound.units, instant, counterpart_id(book.origin, event.id)
        books[account] = other
    book.others = books
    return None


def close_books(
    book: Book, event: Event, bound: BoundTerms, beside: Sequence[Commit], *, answers: bool = False
) -> list[tuple[Commit, State, Sequence[FollowedUp]]]:
    """
    A commit for each other account that the event changed, its state, and what it follows up.

    What time alone did there waits for a commit. Where the book's account *answers* for the one whose event
    it is, it is one of them.
    """
    made: list[tuple[Commit, State, Sequence[FollowedUp]]] = []
    books = {**(book.others or {}), **({book.account: book} if answers else {})}
    for account, other in books.items():
        if not any(entry.cause == other.cause for entry in other.entries):
            continue
        event_there = counterpart(account, book.origin, event.id, event.about, event.occurred_at)
        version = other.state.version + 1
        after = other.close(event.occurred_at, version)
        root = event_there.about
        commit = build_commit(
            account,
            version,
            event_there,
            root,
            len(of_root(beside, account, root)),
            names_of(event_there, other.entries, account),
            bound.effective_from,
            Basis(),
            tuple(other.entries),
            tuple(other.benefits),
            None,
            after.next_due,
            None,
            None,
            None,
            after,
            (),
        )
        made.append((commit, after, other.follow_ups or ()))
    return made


def names_of(event: Event, entries: Sequence[Entry], account: Account) -> tuple[str, ...]:
    """All that an event and its entries are about, as it is named on this account."""
    names = {event.id, event.about}
    if isinstance(event, Purchase) and (
        event.tenders or event.discounts or any(line.discounts for line in event.lines)
    ):
        names.update(event.redemptions)
    last = None
    for entry in entries:
        about = entry.about
        if about is last:
            continue  # Entries of one event mostly share what they are about.
        last = about
        if about.account != account:
            names.add(root_from(about.account, about.root))
        else:
            names.add(about.root)
    return (event.id,) if len(names) == 1 else tuple(sorted(names))


def of_root(commits: Iterable[Commit], account: Account, root: str) -> list[Commit]:
    """The commits of a root on an account."""
    return [commit for commit in commits if commit.account == account and commit.root == root]


def incomplete(
    book: Book, root: str, beside: Sequence[Commit], is_changed: Callable[[Account], bool]
) -> Refusal | None:
    """
    A refusal where what the other accounts have of *root* was not all given.

    *is_changed* says whether the root itself changed an account of which nothing was given.
    """
    for account in book.others or ():
        there = root_from(book.origin, root)
        ordinals = [commit.ordinal for commit in of_root(beside, account, there)]
        if ordinals != list(range(len(ordinals))) or (not ordinals and is_changed(account)):
            return refuse(RejectionCode.HISTORY_INCOMPLETE, root=root, account=str(account))
    return None
