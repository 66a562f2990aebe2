"""
`rerate`: an account's events replayed in the order in which they happened, and the difference booked.

    commits ─▶ the account as it is
    events, late ones among them, by occurred_at and arrival ─▶ the account as it would be
        ─▶ under one event: parts out and parts in, net against *issued*; grants; wake-ups
        ─▶ and the roots that came out otherwise, replayed: later refunds read them in place of
           what was written before

What was answered stands. A refusal stays refused, a request that was accepted takes what it took: where
the replay could not afford it, the shortfall is a debt. What time did is not replayed, it is done again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, Protocol

import attrs

from patronage.decisions import Accepted, Decision, Involved, Rejected, difference
from patronage.errors import EventConflictError, InvalidValueError, RerateError, quote
from patronage.events import MADE, NOT_PLAYED, Adjustment, Counterpart, Event, FollowedUp, StatusEnd, StatusGrant
from patronage.ledger import (
    IN_TRANSIT,
    Account,
    Benefit,
    Commit,
    GrantChange,
    GrantEntry,
    Transfer,
)
from patronage.periods import Calendar, format_instant
from patronage.replayed import as_replayed
from patronage.rerating import Rerating
from patronage.state import State, fold
from patronage.terms import FACTS, BoundTerms

_GIVEN: Final = (*FACTS, Adjustment, StatusGrant, StatusEnd)
"""What is never refused for want of anything."""
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

    def involves(self, event: Event, states: Collection[State] = (), history: Iterable[Commit] = ()) -> Involved:
        """The roots whose commits a decision reads, on what was found so far."""
        ...

    def replay(self, state: State, event: Event, past: Sequence[Commit], stands: Commit | None) -> Decision:
        """*event* decided on *state*, at its instant or the clock; *stands* is how it was once accepted."""
        ...

    def advance(self, state: State, until: datetime) -> Accepted:
        """What time alone does."""
        ...


_Answer = tuple[Event, Commit | None]
"""An event, and how it was answered once."""


class _Line:
    """Commits written one after the other, found by what they name."""

    def __init__(self, decider: Decider, state: State) -> None:
        self.decider, self.state = decider, state
        self.commits: list[Commit] = []
        self._by_name: dict[str, list[Commit]] = {}

    def _keep(self, commit: Commit) -> None:
        self.commits.append(commit)
        for name in commit.names:
            self._by_name.setdefault(name, []).append(commit)

    def past(self, event: Event) -> list[Commit]:
        """The commits that a decision of *event* reads, in order."""
        names: set[str] = {event.about}
        while True:
            found = {commit.version: commit for name in names for commit in self._by_name.get(name, ())}
            past = [found[version] for version in sorted(found)]
            more = names.union(self.decider.involves(event, (), past).roots)
            if more == names:
                return past
            names = more

    def play(self, event: Event, stands: Commit | None) -> Decision:
        """Decides *event* on what there is, and keeps what it comes to where it is accepted."""
        decision = self.decider.replay(self.state, event, self.past(event), stands)
        if len(decision.commits) > 1 or decision.follow_ups:
            raise RerateError(str(self.state.account), event.id, _ELSEWHERE)
        if decision.state is not None:
            self._keep(decision.commits[0])
            self.state = decision.state
        return decision

    def advance(self, until: datetime) -> None:
        """Does what time does."""
        advanced = self.decider.advance(self.state, until)
        if advanced.state is not None:
            self._keep(advanced.commits[0])
            self.state = advanced.state

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
    told = as_replayed(commits)
    answer_of = {commit.event.id: commit for commit in told}
    arrived = [commit.event for commit in commits if not isinstance(commit.event, NOT_PLAYED)]
    answers: list[_Answer] = [(event, answer_of[event.id]) for event in arrived]
    refused = _refused_now(decider, state, answers, late)
    line = _replay(decider, state, [*answers, *((event, refused.get(event.id)) for event in late)])
    refused |= {commit.event.id: commit for commit in line.commits if commit.refusal is not None}
    _check_handed_over(state.account, told, line.commits)
    terms_from = decider.terms_at(state.clock).effective_from
    rerating = Rerating(decider.calendar, terms_from, state, commits, told, line.commits, late, refused)
    return rerating.booked(line.state)


def _replay(decider: Decider, state: State, answers: Iterable[_Answer]) -> _Line:
    """All events in order of time, up to the clock of *state*: those with a commit as they were answered."""
    line = _Line(decider, State.of(state.account))
    for event, stands in sorted(answers, key=_in_order):
        if stands is not None and stands.refusal is not None:
            line.pass_over(stands)
            continue
        decision = line.play(event, stands)
        if isinstance(decision, Rejected) and stands is not None:
            why = f"it was accepted, and would be refused in order ({decision.code.value})."
            raise RerateError(str(state.account), event.id, why)
        if isinstance(decision, Rejected) and not decision.final:
            decision.require()
    assert state.clock is not None
    line.advance(state.clock)
    return line


def _new(commits: Iterable[Commit], late: Iterable[Event]) -> Sequence[Event]:
    """The late events that are not known, each once."""
    known = {commit.event.id for commit in commits}
    new: dict[str, Event] = {}
    for event in late:
        if event.id not in known and new.setdefault(event.id, event) != event:
            account = str(Account.member(event.member))
            raise EventConflictError(account, event.id, difference(new[event.id], event))
    return tuple(new.values())


def _in_order(answer: _Answer) -> tuple[bool, datetime]:
    """By instant; what was refused of an earlier event comes last, for it may be dated before that."""
    event, stands = answer
    return (stands is not None and stands.refusal is not None and event.about != event.id, event.occurred_at)


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


def _refused_now(
    decider: Decider, state: State, answers: Sequence[_Answer], late: Sequence[Event]
) -> dict[str, Commit]:
    """
    The refusals of late events that are not to be had now, by their ids: with all late facts in their places.

    What has been returned or spent since cannot be returned or spent again, whatever the order.
    """
    asked = [event for event in late if not isinstance(event, _GIVEN)]
    refused: dict[str, Commit] = {}
    if not asked:
        return refused
    now = _replay(decider, state, [*answers, *((event, None) for event in late if isinstance(event, _GIVEN))])
    for event in asked:
        decision = now.play(event, None)
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
