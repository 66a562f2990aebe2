"""
Two accounts become one: all that the old one has goes to the survivor, who answers for it from then on.

Lots keep source, validity and age; tallies add up; grants and wake-ups go along. What was sent, and is
sent, for the old account is decided on the survivor's book, about the very roots that it was about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

import attrs

from patronage._frozen import FrozenMapping
from patronage.account_events import AccountClosed, Merge
from patronage.between import Counterpart, held_name, held_source
from patronage.book import Book
from patronage.building import build_lot
from patronage.errors import OthersRequiredError
from patronage.events import Cancellation, Event, FollowedUp, TimePassed
from patronage.ledger import (
    ALWAYS,
    DEBT,
    IN_TRANSIT,
    Account,
    Basis,
    Commit,
    Grant,
    GrantChange,
    GrantEntry,
    Lot,
    Reason,
    Refusal,
    RejectionCode,
    Source,
    Transfer,
    WakeChange,
    WakeEntry,
    WakeUp,
    reason,
)
from patronage.links import JOINED_BY, LINK, MERGED_INTO, PARTED_FROM, answers_for, ended_by, ended_with, heirs, linked
from patronage.periods import format_instant
from patronage.pools import pool_of
from patronage.rewards import refuse
from patronage.spending import LAPSE
from patronage.state import State, with_steps
from patronage.watching import OF_WATCHERS

# Who answers.


def is_of_merge(event: Event, past: Iterable[Commit]) -> bool:
    """Whether an event is about the account itself: the old one decides it, merged or not."""
    if isinstance(event, Merge | AccountClosed):
        return True
    return isinstance(event, Cancellation) and any(
        isinstance(commit.event, Merge) and commit.event.id == event.about for commit in past
    )


def survivor_of(state: State, event: Event, others: Collection[State]) -> State:
    """The state of the account that answers for a merged one. Raises OthersRequiredError where it is not given."""
    grants = {other.account: other.grants for other in others}
    line = heirs(state.account, {**grants, state.account: state.grants})
    states = {other.account: other for other in others}
    lacking = [str(account) for account in line if account not in states]
    if lacking:
        raise OthersRequiredError(event.id, lacking)
    return states[line[-1]]


def with_answerer(basis: Basis, survivor: Account) -> Basis:
    """The basis of a decision that another account answered: it says which one."""
    return attrs.evolve(basis, others=FrozenMapping({**basis.others, str(survivor): ()}))


def as_answered(past: Sequence[Commit], beside: Iterable[Commit], account: Account) -> list[Commit]:
    """
    The commits of *account*, each with what it came to on an account that answered for it.

    *beside* are those of such accounts; what time did there with lots of this one, and what totals credited
    there, follows as loose entries.
    """
    known = {commit.event.id for commit in past}
    answers: dict[str, list[Commit]] = {}
    loose: list[Commit] = []
    for commit in beside:
        event = commit.event
        if isinstance(event, Counterpart) and event.origin == account and event.event in known:
            answers.setdefault(event.event, []).append(commit)
            continue
        if isinstance(event, FollowedUp):
            continue  # What it got itself, for what happened on the other one.
        entries = tuple(e for e in commit.entries if e.about.account == account or e.about.root.startswith(OF_WATCHERS))
        if entries:
            time = TimePassed(id=f"~t/{commit.version}/{commit.account}", member=account.id, occurred_at=entries[-1].at)
            loose.append(attrs.evolve(commit, event=time, root=time.id, ordinal=0, entries=entries, after=None))
    found = [
        attrs.evolve(commit, entries=(*commit.entries, *(e for one in answers[commit.event.id] for e in one.entries)))
        if commit.event.id in answers
        else commit
        for commit in past
    ]
    return found + loose


# Merging.


def merge(book: Book, event: Merge) -> Refusal | None:
    """Moves all that the account has to the survivor, or says why not. Nothing is written where it is refused."""
    heir = None if book.others is None else book.others.get(Account.member(event.into))
    late = _too_late(book, heir)
    if late is not None:
        return late
    for one in (book, *([] if heir is None else [heir])):
        ended = ended_with(one.account, one.grants)
        if ended is not None:
            return ended
    if heir is None:
        return refuse(RejectionCode.TO_ONESELF, to=event.into)
    if pool_of(book) is not None:
        return refuse(RejectionCode.NOT_ELIGIBLE, pool=pool_of(book))
    about = book.about(event.id)
    _move_grants(book, heir, about, event)
    _move_lots(book, heir, about, event)
    _move_wakes(book, heir, about)
    _end_grants(book, heir, about, event)
    return None


def _too_late(book: Book, other: Book | None) -> Refusal | None:
    """A merge is decided at one instant on both: not before the later of the two clocks."""
    clock = None if other is None else other.state.clock
    if other is None or clock is None or book.at is None or clock <= book.at:
        return None
    facts = {"at": format_instant(book.at), "clock": format_instant(clock), "account": str(other.account)}
    return refuse(RejectionCode.TOO_LATE, **facts)


def _moving(grants: Iterable[Grant]) -> list[Grant]:
    """The grants that go along: all but those that say what became of the account."""
    return [grant for grant in grants if grant.giver != LINK]


def _move_grants(book: Book, heir: Book, about: Source, event: Merge) -> None:
    why = reason("merged_in", {"from": event.member})
    for grant in _moving(book.grants):
        known = next((one for one in heir.grants if one.identity == grant.identity), None)
        joined = grant if known is None else _joined(known, grant)
        if joined == known:
            continue
        change = GrantChange.ENDED if joined.ended else GrantChange.GIVEN
        _write(heir, change, joined, about, why, known)


def _end_grants(book: Book, heir: Book, about: Source, event: Merge) -> None:
    """On the old account they end last, when nothing hangs on them any more; one is left that says where all went."""
    at = _at(book)
    away, why = reason("merged_in", {"from": event.member}), reason("merged_away", {"into": event.into})
    for grant in _moving(book.grants):
        gone = grant if grant.ended else _ended(grant, at)
        _write(book, GrantChange.REVOKED, gone, about, why, grant)
    for account in answers_for(book.account, book.grants):
        heir.grant(GrantChange.GIVEN, linked(JOINED_BY, account.id, at, about), "", "", about, away)
    mark = reason("merged_into", {"into": event.into, "actor": event.actor, "reason": event.reason})
    book.grant(GrantChange.GIVEN, linked(MERGED_INTO, heir.account.id, at, about), "", "", about, mark)


def _joined(known: Grant, other: Grant) -> Grant:
    """Two grants of one identity: the one that ends later, with the uses of both."""
    if known.ended != other.ended:
        return other if known.ended else known
    later = other if known.valid_until is not None and _later(other, known) else known
    if known.ended:
        return later
    uses = None if known.uses is None or other.uses is None else known.uses + other.uses
    return attrs.evolve(
        later,
        valid_from=min(known.valid_from, other.valid_from),
        uses=uses,
        consumed=(*known.consumed, *other.consumed),
        reserved=known.reserved + other.reserved,
    )


def _later(one: Grant, other: Grant) -> bool:
    return other.valid_until is not None and (one.valid_until is None or one.valid_until > other.valid_until)


def _write(book: Book, change: GrantChange, grant: Grant, about: Source, why: Reason, before: Grant | None) -> None:
    """Writes what became of a grant, with how it stood; nothing that hangs on it is touched."""
    at = _at(book)
    policy = grant.giver.split("/")[0] if not grant.giver.startswith("@") else ""
    book.write_grant(GrantEntry(book.cause, book.number(book.cause), at, policy, "", about, change, grant, why, before))


def _move_lots(book: Book, heir: Book, about: Source, event: Merge) -> None:
    away, here = reason("merged_away", {"into": event.into}), reason("merged_in", {"from": event.member})
    lots = [lot for lot in book.all_lots() if lot.steps]
    debts = [lot for lot in lots if lot.is_debt]
    own = [lot for lot in lots if not lot.is_debt]
    for lot in own:
        book.transfer("", about, lot.unit, lot.label, book.account, IN_TRANSIT, (lot,), (), (), away)
    for lot in debts:
        paid = build_lot(lot.unit, -lot.steps, lot.label, ALWAYS, DEBT, None, None)
        book.transfer("", about, lot.unit, lot.label, IN_TRANSIT, book.account, (), (paid,), (), away)
    for lot in own:
        heir.arrive(_renamed(lot, book.account, heir.account), IN_TRANSIT, about, here)
    for lot in debts:
        heir.debit("", about, lot.unit, -lot.steps, lot.label, here, IN_TRANSIT)


def _renamed(lot: Lot, here: Account, there: Account) -> Lot:
    """A lot under the name that what holds it has on another account."""
    if lot.reserved_for is None:
        return lot
    source = held_source(here, lot.reserved_for)
    return attrs.evolve(lot, reserved_for=held_name(there, source.account, source.root))


def _wake_renamed(wake_up: WakeUp, here: Account, there: Account) -> WakeUp:
    if wake_up.policy != LAPSE:
        return wake_up
    source = held_source(here, str(wake_up.facts["reservation"]))
    name = held_name(there, source.account, source.root)
    return attrs.evolve(wake_up, facts=FrozenMapping({**wake_up.facts, "reservation": name}))


def _move_wakes(book: Book, heir: Book, about: Source) -> None:
    for wake_up in book.wake_ups:
        book.wake(WakeChange.ENDED, wake_up, "", about)
        heir.wake(WakeChange.SET, _wake_renamed(wake_up, book.account, heir.account), "", about)


# Unmerging.


def unmerge(book: Book, event: Merge, past: Sequence[Commit], beside: Sequence[Commit]) -> Refusal | None:
    """What is left of what the merge brought goes back; a refusal where it was undone, or merged further."""
    heir = None if book.others is None else book.others.get(Account.member(event.into))
    mark = ended_by(book.grants)
    if heir is None or mark is None or mark.source.root != event.id:
        return refuse(RejectionCode.ALREADY_ENDED, root=event.id)
    late = _too_late(book, heir)
    if late is not None:
        return late
    ended = ended_with(heir.account, heir.grants)
    if ended is not None:
        return ended
    about = book.about(event.id)
    parting = _Parting(book, heir, about, event, past, [c for c in beside if c.account == heir.account])
    parting.part(mark)
    return None


@attrs.frozen
class _Parting:
    """One unmerge: *past* and *there* are the commits of the merge, here and with the survivor."""

    book: Book
    heir: Book
    about: Source
    event: Merge
    past: Sequence[Commit]
    there: Sequence[Commit]

    def part(self, mark: Grant) -> None:
        at, why = _at(self.book), reason("unmerged", {"from": self.event.into})
        lots = self._left()
        away = reason("unmerged_away", {"by": self.event.member})
        book, heir, about = self.book, self.heir, self.about
        for lot in lots:
            heir.transfer("", about, lot.unit, lot.label, heir.account, IN_TRANSIT, (lot,), (), (), away)
        paid = [part for one in self._transfers(self.there) if one.payee == heir.account for part in one.put]
        owed = [part for part in paid if part.source == DEBT]
        for part in owed:  # What had paid the survivor's debt: it is owed again.
            heir.debit("", about, part.unit, part.steps, part.label, away, IN_TRANSIT)
        book.grant(GrantChange.REVOKED, _ended(mark, at), "", "", about, why)
        book.grant(GrantChange.GIVEN, linked(PARTED_FROM, mark.value, at, about), "", "", about, why)
        self._grants(why, away)
        for account in answers_for(book.account, book.grants):
            gone = linked(JOINED_BY, account.id, mark.valid_from, about)
            heir.grant(GrantChange.REVOKED, _ended(gone, at), "", "", about, away)
        # Debts first: what comes back may have to pay them.
        debts = [part for one in self._transfers(self.past) if one.payee == book.account for part in one.put]
        for part in debts:
            book.debit("", about, part.unit, part.steps, part.label, why, IN_TRANSIT)
        for one in self._transfers(self.there):
            for part in one.taken if one.payer == heir.account else ():
                plain = build_lot(part.unit, part.steps, part.label, ALWAYS, None, None, None)
                heir.arrive(plain if part.source == DEBT else part, IN_TRANSIT, about, away)
        for lot in (*lots, *self._as_they_were(owed)):
            book.arrive(_renamed(lot, heir.account, book.account), IN_TRANSIT, about, why)
        self._wakes()

    def _transfers(self, commits: Iterable[Commit]) -> Iterator[Transfer]:
        """The transfers of the merge itself."""
        for commit in commits:
            for entry in commit.entries:
                if isinstance(entry, Transfer) and entry.about == self.about and self._of_merge(commit):
                    yield entry

    def _of_merge(self, commit: Commit) -> bool:
        event = commit.event
        return event == self.event or (isinstance(event, Counterpart) and event.event == self.event.id)

    def _as_they_were(self, owed: Sequence[Lot]) -> Iterator[Lot]:
        """The lots of the old account that had paid the survivor's debt."""
        left: dict[tuple[str, str | None], int] = {}
        for part in owed:
            key = (part.unit, part.label)
            left[key] = left.get(key, 0) + part.steps
        # Lots arrive in the order in which they left, so the first ones paid.
        for one in self._transfers(self.past):
            for part in one.taken:
                steps = min(part.steps, left.get((part.unit, part.label), 0))
                if steps and part.reserved_for is None and one.payee == IN_TRANSIT and not self._waited(part):
                    left[part.unit, part.label] -= steps
                    yield with_steps(part, steps)

    def _waited(self, part: Lot) -> bool:
        """Whether a lot was pending when it went."""
        available_at = part.validity.available_at
        return part.validity.on_confirmation or (available_at is not None and available_at > self.event.occurred_at)

    def _left(self) -> list[Lot]:
        """The parts of the survivor's lots that go back: what the merge brought, and what was earned for it since."""
        heir, own, found = self.heir, self.book.account, []
        lots = [lot for lot in heir.all_lots() if lot.steps > 0]
        free = {id(lot): lot.steps for lot in lots}
        brought = [
            part
            for one in self._transfers(self.there)
            if one.payee == heir.account
            for part in one.put
            if part.source != DEBT
        ]
        for part in brought:
            left = part.steps
            for same in (_same, _has_merged):
                for lot in lots:
                    steps = min(left, free[id(lot)]) if same(lot, part, _at(heir)) else 0
                    if steps:
                        free[id(lot)] -= steps
                        left -= steps
                        found.append(with_steps(lot, steps))
        for lot in lots:
            since = lot.credited_at is not None and lot.credited_at > self.event.occurred_at
            if free[id(lot)] and since and lot.source is not None and lot.source.account == own:
                found.append(with_steps(lot, free[id(lot)]))
        return found

    def _grants(self, why: Reason, away: Reason) -> None:
        book, heir, at = self.book, self.heir, _at(self.book)
        was = {
            entry.grant.identity: entry.before
            for entry in self._grant_entries(self.past)
            if entry.before is not None and entry.grant.giver != LINK
        }
        came = {entry.grant.identity: entry for entry in self._grant_entries(self.there)}
        for identity, mine in was.items():
            live = next((one for one in heir.grants if one.identity == identity and one.ended is mine.ended), None)
            entry = came.get(identity)
            before = None if entry is None else entry.before
            back = _part_of(mine, live, at, shared=entry is None or before is not None)
            if back is None:
                continue
            _write(book, _change(back), back, self.about, why, None)
            if live is None or entry is None:
                continue
            if before is not None and live == entry.grant:
                _write(heir, _change(before, GrantChange.RESTORED), before, self.about, away, live)
            elif before is None and not live.ended:
                heir.grant(GrantChange.REVOKED, _ended(live, at), "", "", self.about, away)
            elif before is not None and live.uses is not None and back.uses is not None:
                left = attrs.evolve(live, uses=live.uses - back.uses)
                _write(heir, GrantChange.USED, left, self.about, away, live)
        for grant in list(heir.grants):
            since = grant.source.account == book.account and grant.valid_from > self.event.occurred_at
            if since and not grant.ended and grant.identity not in was and grant.giver != LINK:
                _write(book, GrantChange.GIVEN, grant, self.about, why, None)
                heir.grant(GrantChange.REVOKED, _ended(grant, at), "", "", self.about, away)

    def _grant_entries(self, commits: Iterable[Commit]) -> Iterator[GrantEntry]:
        for commit in commits:
            for entry in commit.entries:
                if isinstance(entry, GrantEntry) and entry.about == self.about and self._of_merge(commit):
                    yield entry

    def _wakes(self) -> None:
        """Wake-ups that are still set go back; one that both had stays with both."""
        book, heir = self.book, self.heir
        entries = [e for c in self.past if self._of_merge(c) for e in c.entries if isinstance(e, WakeEntry)]
        mine = [entry.wake_up for entry in entries if entry.about == self.about and entry.change is WakeChange.ENDED]
        there = [e for c in self.there if self._of_merge(c) for e in c.entries if isinstance(e, WakeEntry)]
        came = [entry.wake_up for entry in there if entry.about == self.about and entry.change is WakeChange.SET]
        for wake_up in mine:
            name = _wake_renamed(wake_up, book.account, heir.account)
            if name in heir.wake_ups:
                book.wake(WakeChange.SET, wake_up, "", self.about)
                if name in came:
                    heir.wake(WakeChange.ENDED, name, "", self.about)
        for wake_up in heir.wake_ups:
            if wake_up.policy == LAPSE and wake_up not in came:
                source = held_source(heir.account, str(wake_up.facts["reservation"]))
                if source.account == book.account:
                    heir.wake(WakeChange.ENDED, wake_up, "", self.about)
                    book.wake(WakeChange.SET, _wake_renamed(wake_up, heir.account, book.account), "", self.about)


def _same(lot: Lot, part: Lot, at: datetime) -> bool:
    """Whether a lot is what became of a part: one with a source is known by it and its age, whatever its dates."""
    if (lot.unit, lot.label, lot.source) != (part.unit, part.label, part.source):
        return False
    if part.source is None:
        return lot.validity == part.validity and lot.reserved_for == part.reserved_for
    return lot.credited_at == part.credited_at


def _has_merged(lot: Lot, part: Lot, at: datetime) -> bool:
    """Whether a lot is what a part that waited, and never ends, has become a part of."""
    validity = part.validity
    waited = validity.on_confirmation or (validity.available_at is not None and validity.available_at <= at)
    if part.source is None or not waited or not validity.endless:
        return False
    return lot.source is None and lot.validity.endless and (lot.unit, lot.label) == (part.unit, part.label)


def _part_of(mine: Grant, live: Grant | None, at: datetime, *, shared: bool) -> Grant | None:
    """What goes back of a grant that stands with the survivor as *live*: of one that both had, no more than it was."""
    if mine.ended:
        return mine
    if live is None:
        return None
    back = live if not shared else mine
    if shared and mine.uses is not None and live.uses is not None:
        back = attrs.evolve(mine, uses=min(mine.uses, live.uses))
    return back if back.valid_until is None or back.valid_until > at else None


def _change(grant: Grant, change: GrantChange = GrantChange.GIVEN) -> GrantChange:
    return GrantChange.ENDED if grant.ended else change


def _ended(grant: Grant, at: datetime) -> Grant:
    return attrs.evolve(grant, valid_until=at, ended=True)


def _at(book: Book) -> datetime:
    assert book.at is not None
    return book.at
