"""
`rerate`: an account's events replayed in the order in which they happened, and the difference booked.

    commits ─▶ the account as it is
    events, late ones among them, by occurred_at and arrival ─▶ the account as it would be
        ─▶ under one event: parts out and parts in, net against *issued*; grants; wake-ups
        ─▶ and the roots that came out otherwise, restated: later refunds read them in place of
           what was written before

What was answered stands. A refusal stays refused, a request that was accepted takes what it took: where
the replay could not afford it, the shortfall is a debt. What time did is not replayed, it is done again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import attrs

from patronage.accounts import derived_id
from patronage.applying import book_of
from patronage.book import Book
from patronage.decisions import Accepted, Decision, Rejected
from patronage.errors import EventConflictError, InvalidValueError, RerateError, quote
from patronage.events import MADE, Counterpart, Event, FollowedUp, Purchase, Rerated, first_difference
from patronage.ledger import (
    IN_TRANSIT,
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
    Restated,
    Source,
    Transfer,
    WakeChange,
    reason,
)
from patronage.periods import Calendar, format_instant
from patronage.restated import as_restated
from patronage.state import State, canonical_key, fold, with_steps
from patronage.terms import BoundTerms

RERATED: Final = "rerated"
REDATED: Final = "redated"
_ELSEWHERE: Final = "it reaches other accounts, which are not replayed."


class Decider(Protocol):
    """What a replay needs of a program."""

    @property
    def calendar(self) -> Calendar:
        """The program's calendar."""
        ...

    def terms_at(self, at: datetime) -> BoundTerms:
        """The terms in force at an instant."""
        ...

    def replayed(self, state: State, event: Event, past: Sequence[Commit], stands: Commit | None) -> Decision:
        """*event* decided on *state*, at its instant or the clock; *stands* is how it was once accepted."""
        ...

    def advance(self, state: State, until: datetime) -> Accepted:
        """What time alone does."""
        ...


class _Line:
    """Commits written one after the other, found by what they name."""

    def __init__(self, decider: Decider, state: State, commits: Iterable[Commit] = ()) -> None:
        self.decider, self.state = decider, state
        self.commits: list[Commit] = []
        self._by_name: dict[str, list[Commit]] = {}
        for commit in commits:
            self._keep(commit)

    def _keep(self, commit: Commit) -> None:
        self.commits.append(commit)
        for name in commit.names:
            self._by_name.setdefault(name, []).append(commit)

    def past(self, event: Event) -> list[Commit]:
        """The commits that a decision of *event* reads, in order."""
        names = {event.about}
        for commit in self._by_name.get(event.about, ()):
            if commit.root == event.about and isinstance(commit.event, Purchase):
                names.update(commit.event.redemptions)
        found = {id(commit): commit for name in names for commit in self._by_name.get(name, ())}
        return sorted(found.values(), key=lambda commit: commit.version)

    def play(self, event: Event, stands: Commit | None) -> Decision:
        """Decides *event* on what there is, and keeps what it comes to where it is accepted."""
        decision = self.decider.replayed(self.state, event, self.past(event), stands)
        if len(decision.commits) > 1 or decision.follow_ups:
            raise RerateError(str(self.state.account), event.id, _ELSEWHERE)
        if decision.state is not None:
            self._keep(decision.commits[0])
            self.state = decision.state
        return decision

    def pass_over(self, refused: Commit) -> None:
        """A refusal stays what it is, and has its place among the commits of its root."""
        self.state = attrs.evolve(self.state, version=self.state.version + 1)
        of_root = [commit for commit in self._by_name.get(refused.root, ()) if commit.root == refused.root]
        self._keep(attrs.evolve(refused, version=self.state.version, ordinal=len(of_root), entries=()))


def arrived_before(commits: Iterable[Commit], late: Iterable[Event]) -> Iterator[tuple[Event, Commit]]:
    """The late events that are known, each with its commit."""
    known = {commit.event.id: commit for commit in commits}
    return ((event, known[event.id]) for event in late if event.id in known)


def rerated(decider: Decider, commits: Sequence[Commit], late: Iterable[Event]) -> Accepted:
    """
    The difference between what *commits* (an account's, all of them) came to and arrival in order.

    *late* are events, none after the account's clock; those that are known are passed over. Raises
    InvalidValueError and LedgerError for what is no account's whole history, RerateError for what
    cannot be replayed, RejectedError for a late event that is refused, though not for good.
    """
    late = _new(commits, late)
    state = fold(commits, calendar=decider.calendar)
    if state is None or state.clock is None:
        raise InvalidValueError("Nothing is late for an account without commits: give all that it has.")
    _check(state, commits, late)
    told = as_restated(commits)
    refused = _arrived(decider, state, told, late)
    replay = _Line(decider, State.of(state.account))
    answer_of = {commit.event.id: commit for commit in told}
    arrived = [commit.event for commit in commits if not isinstance(commit.event, MADE)]
    answers: list[tuple[Event, Commit | None]] = [(event, answer_of[event.id]) for event in arrived]
    for event, stands in sorted([*answers, *((event, refused.get(event.id)) for event in late)], key=_in_order):
        if stands is not None and stands.refusal is not None:
            replay.pass_over(stands)
            continue
        decision = replay.play(event, stands)
        if isinstance(decision, Rejected):
            if stands is not None:
                why = f"it was accepted, and would be refused in order ({decision.code.value})."
                raise RerateError(str(state.account), event.id, why)
            if not decision.final:
                decision.require()
            refused[event.id] = decision.commits[0]
    advanced = decider.advance(replay.state, state.clock)
    end = [*replay.commits, *advanced.commits]
    _check_handed_over(state.account, told, end)
    return _Difference(decider, state, commits, told, end, late, refused).booked(advanced.state or replay.state)


def _new(commits: Iterable[Commit], late: Iterable[Event]) -> Sequence[Event]:
    """The late events that are not known, each once."""
    known = {commit.event.id for commit in commits}
    new: dict[str, Event] = {}
    for event in late:
        if event.id not in known and new.setdefault(event.id, event) != event:
            account = str(Account.member(event.member))
            raise EventConflictError(account, event.id, first_difference(new[event.id], event))
    return tuple(new.values())


def _in_order(answer: tuple[Event, Commit | None]) -> tuple[bool, datetime]:
    """By instant; what was refused of an earlier event comes last, for it may be dated before that."""
    event, stands = answer
    return (stands is not None and stands.refusal is not None and event.about != event.id, event.occurred_at)


def _is_played(commit: Commit) -> bool:
    return commit.refusal is None and not isinstance(commit.event, MADE)


def _check(state: State, commits: Sequence[Commit], late: Sequence[Event]) -> None:
    """What is to be replayed is of one account alone, and not in its future."""
    account, clock = state.account, state.clock
    assert clock is not None
    for commit in commits:
        given = any(isinstance(e, Transfer) and IN_TRANSIT in (e.payer, e.payee) for e in commit.entries)
        if given or isinstance(commit.event, Counterpart | FollowedUp) or commit.basis.others:
            raise RerateError(str(account), commit.event.id, _ELSEWHERE)
    for event in late:
        if isinstance(event, MADE):
            raise InvalidValueError(f"{quote(event.id)} is made by the program alone.")
        if event.member != account.id:
            raise InvalidValueError(f"The late event is of {quote(event.member)}, the commits of {quote(account.id)}.")
        if event.occurred_at > clock:
            at = format_instant(event.occurred_at)
            raise InvalidValueError(f"Event {quote(event.id)} of {at} is not late: decide it.")


def _arrived(decider: Decider, state: State, told: Sequence[Commit], late: Sequence[Event]) -> dict[str, Commit]:
    """
    The refusals of late events that are not to be had on what there is now, by their ids.

    What has been returned or spent since cannot be returned or spent again, whatever the order.
    """
    line = _Line(decider, state, told)
    refused: dict[str, Commit] = {}
    for event in late:
        decision = line.play(event, None)
        if isinstance(decision, Rejected):
            if not decision.final:
                decision.require()
            refused[event.id] = decision.commits[0]
    return refused


def _check_handed_over(account: Account, told: Iterable[Commit], replay: Iterable[Commit]) -> None:
    """What policies handed over, and vouchers that were used, would have been so in order too."""
    benefits, uses = Counter[Benefit](), Counter[tuple[str, ...]]()
    for commit in replay:
        benefits.update(commit.benefits)
        uses.update(_uses(commit))
    for commit in told:
        for benefit in commit.benefits:
            benefits[benefit] -= 1
            if benefits[benefit] < 0:
                message = f"it handed over {quote(benefit.reward)}, and would not have in order: settle that by hand."
                raise RerateError(str(account), commit.event.id, message)
        for use in _uses(commit):
            uses[use] -= 1
            if uses[use] < 0:
                message = f"it used {quote(use[0])}, which there would not have been in order: settle that by hand."
                raise RerateError(str(account), commit.event.id, message)


def _uses(commit: Commit) -> list[tuple[str, ...]]:
    return [
        entry.grant.identity
        for entry in commit.entries
        if isinstance(entry, GrantEntry) and entry.change is GrantChange.USED
    ]


Told = Mapping[str | None, tuple[Entry, ...]]
"""The entries about a root: those of each of its own events, and (None) those of time and other events."""


def _about(account: Account, commits: Iterable[Commit]) -> dict[str, Told]:
    """What the commits say of each root of the account's own events."""
    found: dict[str, dict[str | None, list[Entry]]] = {}
    for commit in commits:
        if _is_played(commit):
            found.setdefault(commit.root, {})[commit.event.id] = []
        for entry in commit.entries:
            root = entry.about.root
            if entry.about.account != account or root[0] == "~":
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


class _Difference:
    """What the replay has and the ledger has not, booked under one event."""

    def __init__(
        self,
        decider: Decider,
        state: State,
        commits: Sequence[Commit],
        told: Sequence[Commit],
        replay: Sequence[Commit],
        late: Sequence[Event],
        refused: Mapping[str, Commit],
    ) -> None:
        self.decider, self.state, self.commits, self.late, self.refused = decider, state, commits, late, refused
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
        arrived = self._arrivals()
        restated = self._restated()
        book = Book(arrived[-1][1] if arrived else self.state, self.decider.calendar, {})
        book.at, book.cause = self.event.occurred_at, self.event.id
        self._lots(book, reached)
        self._grants(book, reached)
        self._wake_ups(book, reached)
        benefits = self._benefits()
        if not (arrived or restated or book.entries or benefits):
            return Accepted(self.account, self.event, (), (), False)
        version = self.state.version + len(arrived) + 1
        after = book.close(self.event.occurred_at, version)
        roots = {one.root for one in restated}
        commit = Commit(
            self.account,
            version,
            self.event,
            self.event.id,
            0,
            tuple(sorted({self.event.id, *roots})),
            self.decider.terms_at(self.event.occurred_at).effective_from,
            Basis(),
            tuple(book.entries),
            benefits,
            None,
            after.next_due,
            after=after,
            restated=restated,
        )
        made = (*(commit for commit, _ in arrived), commit)
        return Accepted(self.account, self.event, made, (after,), False)

    def _arrivals(self) -> list[tuple[Commit, State]]:
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
                found.benefits,
                found.refusal,
                state.next_due,
                after=state,
            )
            of_root[event.about] += 1
            made.append((commit, state))
        return made

    def _restated(self) -> tuple[Restated, ...]:
        """The roots of which the replay tells otherwise, by the events and entries about them."""
        bases = {commit.event.id: commit.basis for commit in self.told}
        before, after = _about(self.account, self.told), _about(self.account, self.replay)
        restated: list[Restated] = []
        for root, told in after.items():
            was = before.get(root, {})
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
                restated.append(Restated(root, event, basis, entries))
        return tuple(restated)

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
        why = reason(RERATED, {"late": self.event.late})
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

    def _benefits(self) -> tuple[Benefit, ...]:
        """What the replay hands over and the ledger has not; a late event's own stand in its commit."""
        known = Counter(benefit for commit in self.told for benefit in commit.benefits)
        arrived = {event.id for event in self.late}
        more: list[Benefit] = []
        for commit in self.replay:
            for benefit in commit.benefits if commit.event.id not in arrived else ():
                known[benefit] -= 1
                if known[benefit] < 0:
                    more.append(benefit)
        return tuple(more)


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
