"""What a program answers: accepted with commits, or rejected with a code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NoReturn

import attrs

from patronage._build import blank
from patronage._frozen import FrozenMapping
from patronage.between import Counterpart, FollowedUp
from patronage.errors import RejectedError
from patronage.events import Event
from patronage.ledger import ISSUED, Account, AccountKind, Benefit, Commit, Entry, Refusal, RejectionCode, Transfer
from patronage.state import State, is_pending
from patronage.units import Amount, Unit


@attrs.frozen
class Earned:
    """What an event earned in one unit: what it took back is below zero. *pending* is not yet available."""

    unit: Unit
    available: Amount
    pending: Amount

    @property
    def total(self) -> Amount:
        """Available and pending together."""
        return self.available + self.pending

    def __str__(self) -> str:
        return self.unit.text(self.total)


@attrs.frozen(weakref_slot=False)
class Accepted:
    """
    The event was decided: one commit for each account that changed, to be appended all or none.

    *repeated* says that the event was answered before: this is the first answer, with nothing to
    append. *follow_ups* are what other accounts get for it: events of their own, to be decided on the
    receivers and appended with it (`Loyalty` does so).
    """

    account: Account
    event: Event
    commits: tuple[Commit, ...]
    states: tuple[State, ...]
    repeated: bool
    follow_ups: tuple[FollowedUp, ...] = ()

    @property
    def accepted(self) -> bool:
        """True."""
        return True

    @property
    def commit(self) -> Commit | None:
        """The commit of the event's own account, where there is one."""
        for commit in self.commits:
            if commit.account == self.account and commit.event.id == self.event.id:
                return commit
        return None

    @property
    def state(self) -> State | None:
        """The own account's new state; None for a repeated answer."""
        return next((state for state in self.states if state.account == self.account), None)

    @property
    def answer(self) -> Commit | None:
        """What the event came to on the account into which its own is merged; None where it is not, or to nothing."""
        commit = self.commit
        return None if commit is None else answer_to(commit, self.commits)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The own account's entries, what time did before the event first; or those of the one that answers for it."""
        commit, answer = self.commit, self.answer
        return () if commit is None else commit.entries if answer is None else answer.entries

    @property
    def benefits(self) -> tuple[Benefit, ...]:
        """What the shop must now hand over or charge."""
        commit, answer = self.commit, self.answer
        return () if commit is None else commit.benefits if answer is None else (*commit.benefits, *answer.benefits)

    def earned(self, unit: Unit) -> Earned:
        """What the event itself earned (or took back) in *unit*."""
        available = pending = 0
        answer = self.answer
        cause = self.event.id if answer is None else answer.event.id
        for entry in self.entries:
            if not isinstance(entry, Transfer) or entry.unit != unit.code or entry.cause != cause:
                continue
            if entry.payer == ISSUED:
                for part in entry.put:
                    if is_pending(part, entry.at):
                        pending += part.steps
                    else:
                        available += part.steps
            elif entry.payee == ISSUED:
                for part in entry.taken:
                    if is_pending(part, entry.at):
                        pending -= part.steps
                    else:
                        available -= part.steps
        return Earned(unit, unit.steps(available), unit.steps(pending))

    def require(self) -> Accepted:
        """This decision: `decision.require()` raises RejectedError for the other kind."""
        return self


@attrs.frozen(weakref_slot=False)
class Rejected:
    """
    The event was refused: *refusal* says why. A final refusal comes with a commit to store.

    One that is not final leaves nothing behind: the same event may be sent again. *follow_ups* are of
    what time did before it.
    """

    account: Account
    event: Event
    refusal: Refusal
    commits: tuple[Commit, ...]
    states: tuple[State, ...]
    repeated: bool
    follow_ups: tuple[FollowedUp, ...] = ()

    @property
    def accepted(self) -> bool:
        """False."""
        return False

    @property
    def code(self) -> RejectionCode:
        """Why."""
        return self.refusal.code

    @property
    def final(self) -> bool:
        """Whether the same event will be refused for ever."""
        return self.refusal.final

    @property
    def state(self) -> State | None:
        """The own account's state after what time did before the refusal; None where nothing is stored."""
        return next((state for state in self.states if state.account == self.account), None)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What time did before the event."""
        return self.commits[0].entries if self.commits else ()

    @property
    def benefits(self) -> tuple[Benefit, ...]:
        """Of what time did before the event: a term that was renewed, a payout at a close."""
        return self.commits[0].benefits if self.commits else ()

    def earned(self, unit: Unit) -> Earned:
        """Nothing."""
        return Earned(unit, unit.steps(0), unit.steps(0))

    def require(self) -> NoReturn:
        """Raises RejectedError."""
        facts = ", ".join(f"{key} {value}" for key, value in self.refusal.facts.items())
        sentence = f"Refused: {self.code.value}" + (f" ({facts})." if facts else ".")
        raise RejectedError(self.code.value, sentence, self.final)


Decision = Accepted | Rejected


def answer_to(commit: Commit, commits: Iterable[Commit]) -> Commit | None:
    """Of *commits* the one of an account that answered for *commit*'s, where it is merged into another."""
    if not any(key.startswith(AccountKind.MEMBER.value) for key in commit.basis.others):
        return None
    for other in commits:
        event = other.event
        told = isinstance(event, Counterpart) and (event.origin, event.event) == (commit.account, commit.event.id)
        if told and str(other.account) in commit.basis.others:
            return other
    return None


_BLANK_ACCEPTED: Final = blank(Accepted)


def build_accepted(
    account: Account,
    event: Event,
    commits: tuple[Commit, ...],
    states: tuple[State, ...],
    repeated: bool,
    follow_ups: tuple[FollowedUp, ...] = (),
) -> Accepted:
    """`Accepted(...)`, all fields in order, unchecked."""
    made = _BLANK_ACCEPTED()
    made.account, made.event, made.commits = account, event, commits
    made.states, made.repeated, made.follow_ups = states, repeated, follow_ups
    made.__class__ = Accepted
    return made  # type: ignore[no-any-return]


@attrs.frozen
class Involved:
    """
    What an event needs: the states of *accounts*, and of each the commits that name its roots.

    *account* is the event's own; *roots_of* has an account's roots, perhaps none.
    """

    account: Account
    roots_of: FrozenMapping[Account, tuple[str, ...]]

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All of them, in the order in which they are locked and stored."""
        return tuple(sorted(self.roots_of, key=lambda account: account.key))

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots of the event's own account."""
        return self.roots_of[self.account]


def difference(known: Event, event: Event) -> str:
    """The first field in which two events of one id, that are not equal, differ."""
    if type(known) is not type(event):
        return "type"
    names = (field.name for field in attrs.fields(type(known)))
    return str(next(name for name in names if getattr(known, name) != getattr(event, name)))
