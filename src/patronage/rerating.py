"""What a replay has and the ledger has not, as one difference: transfers, grants, wake-ups, and what was replayed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage.accounts import derived_id
from patronage.applying import book_of
from patronage.book import Book
from patronage.decisions import Accepted
from patronage.events import NOT_PLAYED, Event, Rerated
from patronage.ledger import (
    ISSUED,
    Account,
    Basis,
    Benefit,
    Commit,
    Entry,
    Fact,
    Grant,
    GrantChange,
    GrantEntry,
    Lot,
    Replayed,
    Source,
    Transfer,
    WakeChange,
    reason,
)
from patronage.periods import Calendar
from patronage.state import State, canonical_key, with_steps
from patronage.watching import OF_WATCHERS

RERATED: Final = "rerated"
REDATED: Final = "redated"


def is_played(commit: Commit) -> bool:
    """Whether a commit is of an event that came to something: time, and what was refused, are not played again."""
    return commit.refusal is None and not isinstance(commit.event, NOT_PLAYED)


Told = Mapping[str | None, tuple[Entry, ...]]
"""The entries about a root: those of each of its own events, and (None) those of time and other events."""


def _about(account: Account, commits: Iterable[Commit]) -> dict[str, Told]:
    """What the commits say of each root of the account's own events, and of its totals and thresholds."""
    found: dict[str, dict[str | None, list[Entry]]] = {}
    for commit in commits:
        if is_played(commit):
            found.setdefault(commit.root, {})[commit.event.id] = []
        for entry in commit.entries:
            root = entry.about.root
            if entry.about.account != account or (root[0] == "~" and not root.startswith(OF_WATCHERS)):
                continue
            own = commit.root == root and entry.cause == commit.event.id
            found.setdefault(root, {}).setdefault(commit.event.id if own else None, []).append(entry)
    return {
        root: {
            event: tuple(sorted(es, key=lambda e: (e.at, e.cause, e.n))) if event is None else tuple(es)
            for event, es in told.items()
        }
        for root, told in found.items()
    }


class Rerating:
    """What the replay has and the ledger has not, booked under one event."""

    def __init__(
        self,
        calendar: Calendar,
        terms_from: datetime,
        state: State,
        commits: Sequence[Commit],
        told: Sequence[Commit],
        replay: Sequence[Commit],
        late: Sequence[Event],
        refused: Mapping[str, Commit],
    ) -> None:
        self._calendar, self._terms_from = calendar, terms_from
        self.state, self.commits, self.late, self.refused = state, commits, late, refused
        self.account = state.account
        self.told, self.replay = told, replay
        self.played = {commit.event.id: commit for commit in replay}
        clock = state.clock
        assert clock is not None
        parts = (str(state.version), *(event.id for event in late))
        self.event = Rerated(
            id=derived_id("r", *parts),
            member=state.account.id,
            occurred_at=clock,
            late=tuple(event.id for event in late),
        )

    def booked(self, reached: State) -> Accepted:
        """The commits: one for each late event, which books nothing, and one of the difference to *reached*."""
        handed_over = self._handed_over()
        arrived = self._arrivals(handed_over)
        replayed = self._replayed()
        book = Book(arrived[-1][1] if arrived else self.state, self._calendar, {})
        book.at, book.cause = self.event.occurred_at, self.event.id
        self._lots(book, reached)
        self._grants(book, reached)
        self._wake_ups(book, reached)
        late = set(self.event.late)
        benefits = tuple(b for event, more in handed_over.items() if event not in late for b in more)
        if not (arrived or replayed or book.entries or benefits):
            return Accepted(self.account, self.event, (), (), False)
        version = self.state.version + len(arrived) + 1
        after = book.close(self.event.occurred_at, version)
        roots = {one.root for one in replayed}
        commit = Commit(
            self.account,
            version,
            self.event,
            self.event.id,
            0,
            tuple(sorted({self.event.id, *self.event.late, *roots})),
            self._terms_from,
            Basis(),
            tuple(book.entries),
            benefits,
            None,
            after.next_due,
            after=after,
            replayed=replayed,
        )
        made = (*(commit for commit, _ in arrived), commit)
        return Accepted(self.account, self.event, made, (after,), False)

    def _arrivals(self, handed_over: Mapping[str, tuple[Benefit, ...]]) -> list[tuple[Commit, State]]:
        """A commit for each late event, with its basis and benefits, or its refusal: so that it is known."""
        made: list[tuple[Commit, State]] = []
        of_root = Counter(commit.root for commit in self.commits)
        state = self.state
        for event in self.late:
            found = self.refused.get(event.id) or self.played[event.id]
            state = attrs.evolve(state, version=state.version + 1)
            commit = Commit(
                self.account,
                state.version,
                event,
                event.about,
                of_root[event.about],
                found.names,
                found.terms_from,
                found.basis,
                (),
                () if found.refusal is not None else handed_over.get(event.id, ()),
                found.refusal,
                state.next_due,
                after=state,
            )
            of_root[event.about] += 1
            made.append((commit, state))
        return made

    def _replayed(self) -> tuple[Replayed, ...]:
        """The roots of which the replay tells otherwise, by the events and entries about them."""
        bases = {commit.event.id: commit.basis for commit in self.told}
        before, after = _about(self.account, self.told), _about(self.account, self.replay)
        replayed: list[Replayed] = []
        for root in {**after, **before}:
            was, told = before.get(root, {}), after.get(root, {None: ()})
            arrived = [event.id for event in self.late if event.about == root and event.id in told]
            same = [e for e in was if e] + arrived == [e for e in told if e]
            same = (
                same
                and all(was.get(event, ()) == entries for event, entries in told.items())
                and all(event in told or not entries for event, entries in was.items())
            )
            if same and all(
                event is None or bases.get(event, self.played[event].basis) == self.played[event].basis
                for event in told
            ):
                continue
            for event, entries in told.items():
                basis = Basis() if event is None else self.played[event].basis
                replayed.append(Replayed(root, event, basis, entries))
        return tuple(replayed)

    def _lots(self, book: Book, reached: State) -> None:
        """Parts out that the replay has not, parts in that it has: as few transfers as say it."""
        have, want = _held(self.state), _held(reached)
        out: dict[tuple[str, str | None], list[Lot]] = {}
        into: dict[tuple[str, str | None], list[Lot]] = {}
        for identity in {**have, **want}:
            change = want.get(identity, 0) - have.get(identity, 0)
            if change:
                side = into if change > 0 else out
                side.setdefault((identity.unit, identity.label), []).append(with_steps(identity, abs(change)))
        for unit, label in sorted({*out, *into}, key=lambda key: (key[0], key[1] or "")):
            taken = sorted(out.get((unit, label), []), key=canonical_key)
            puts = sorted(into.get((unit, label), []), key=canonical_key)
            both = min(_sum(taken), _sum(puts))
            redated_out, taken = _split(taken, both)
            redated_in, puts = _split(puts, both)
            facts = self._changes(unit, label)
            if both:
                self._move(book, unit, label, self.account, self.account, redated_out, redated_in, REDATED, facts)
            if taken:
                self._move(book, unit, label, self.account, ISSUED, taken, [], RERATED, facts)
            if puts:
                self._move(book, unit, label, ISSUED, self.account, [], puts, RERATED, facts)

    def _move(
        self,
        book: Book,
        unit: str,
        label: str | None,
        payer: Account,
        payee: Account,
        taken: Sequence[Lot],
        puts: Sequence[Lot],
        code: str,
        facts: Mapping[str, Fact],
    ) -> None:
        net = _sum(puts) - _sum(taken)
        books = book_of(code, net) if net else ()
        about = Source(self.account, self.event.id)
        book.transfer("", about, unit, label, payer, payee, taken, puts, books, reason(code, facts))

    def _changes(self, unit: str, label: str | None) -> Mapping[str, Fact]:
        """What the roots of this unit were worth, and are: in steps, those that differ."""
        was, now = _worth(self.account, self.told, unit, label), _worth(self.account, self.replay, unit, label)
        roots = sorted(root for root in {*was, *now} if was.get(root, 0) != now.get(root, 0))
        return {
            "late": self.event.late,
            "roots": tuple(roots),
            "before": tuple(str(was.get(root, 0)) for root in roots),
            "after": tuple(str(now.get(root, 0)) for root in roots),
        }

    def _grants(self, book: Book, reached: State) -> None:
        """First what the replay has, then what it has not: so no lot ends in between."""
        have = {grant.identity: grant for grant in self.state.grants}
        want = {grant.identity: grant for grant in reached.grants}
        for identity, grant in sorted(want.items()):
            if have.get(identity) != grant:
                change = GrantChange.ENDED if grant.ended else GrantChange.GIVEN
                self._grant(book, change, grant, have.get(identity))
        for identity, grant in sorted(have.items()):
            if identity not in want:  # Without uses it is not kept, not even for the lots that name it.
                never = attrs.evolve(grant, valid_until=book.at, uses=0, ended=True)
                self._grant(book, GrantChange.REVOKED, never, None)

    def _grant(self, book: Book, change: GrantChange, grant: Grant, before: Grant | None) -> None:
        assert book.at is not None
        known = before if change is GrantChange.GIVEN and before is not None and not before.ended else None
        policy, _, rule = grant.giver.partition("/")
        about = Source(self.account, self.event.id)
        why = reason("rerated_away" if grant.ended else RERATED, {"late": self.event.late})
        n = book.number(book.cause)
        named = "" if policy.startswith("@") else policy
        book.write_grant(GrantEntry(book.cause, n, book.at, named, rule, about, change, grant, why, known))

    def _wake_ups(self, book: Book, reached: State) -> None:
        about = Source(self.account, self.event.id)
        for wake_up in self.state.wake_ups:
            if wake_up not in reached.wake_ups:
                book.wake(WakeChange.ENDED, wake_up, "", about)
        for wake_up in reached.wake_ups:
            if wake_up not in self.state.wake_ups:
                book.wake(WakeChange.SET, wake_up, "", about)

    def _handed_over(self) -> dict[str, tuple[Benefit, ...]]:
        """
        What the replay hands over and the ledger has not, by event.

        Time hands over with the event that lets it pass, which may be a late one in the replay: what the
        ledger has handed over is first taken for that of the events that it knew.
        """
        known = Counter(benefit for commit in self.told for benefit in commit.benefits)
        arrived = {event.id for event in self.late}
        more: dict[str, tuple[Benefit, ...]] = {}
        for commit in sorted(self.replay, key=lambda commit: commit.event.id in arrived):
            for benefit in commit.benefits:
                known[benefit] -= 1
                if known[benefit] < 0:
                    more[commit.event.id] = (*more.get(commit.event.id, ()), benefit)
        return more


def _held(state: State) -> dict[Lot, int]:
    """What each lot holds, by its identity: the lot with one step."""
    lots = [*(lot for held in state.lots.values() for lot in held), *state.pending]
    return {with_steps(lot, 1): lot.steps for lot in lots}


def _sum(parts: Iterable[Lot]) -> int:
    return sum(part.steps for part in parts)


def _split(parts: Sequence[Lot], steps: int) -> tuple[list[Lot], list[Lot]]:
    """The first *steps* of the parts, and the rest."""
    first: list[Lot] = []
    rest: list[Lot] = []
    for part in parts:
        size = min(steps, part.steps)
        steps -= size
        if size:
            first.append(with_steps(part, size))
        if part.steps > size:
            rest.append(with_steps(part, part.steps - size))
    return first, rest


def _worth(account: Account, commits: Iterable[Commit], unit: str, label: str | None) -> dict[str, int]:
    """What each root was booked in a unit and label, in steps."""
    found: dict[str, int] = {}
    for commit in commits:
        for entry in commit.entries:
            if isinstance(entry, Transfer) and (entry.unit, entry.label) == (unit, label):
                root = entry.about.root
                if entry.about.account == account and root[0] != "~":
                    found[root] = found.get(root, 0) + sum(book.steps for book in entry.books)
    return found
