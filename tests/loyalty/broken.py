"""Stores that are the plain one but for one bug each."""

# ruff: noqa: D102  # A method that has the bug is said by its class.

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import attrs

from loyalty.plain import Key, Plain
from patronage import Account, Commit, DuplicateEventError, Lot, StaleStateError, State
from patronage._frozen import FrozenMapping
from patronage.repositories import Stored

BROKEN: list[type[Plain]] = []


def seeded(cls: type[Plain]) -> type[Plain]:
    """Registers a store with a bug: its docstring says which."""
    BROKEN.append(cls)
    return cls


def lots_changed(state: State, change: Callable[[int], int]) -> State:
    """The state with the steps of every lot changed."""

    def changed(lot: Lot) -> Lot:
        return attrs.evolve(lot, steps=change(lot.steps))

    lots = {unit: tuple(map(changed, held)) for unit, held in state.lots.items()}
    return attrs.evolve(state, lots=FrozenMapping(lots))


@seeded
class IgnoresTheVersion(Plain):
    """1: appends whatever version it is given."""

    def stale(self, commit: Commit) -> bool:
        return False


@seeded
class ChecksTheFirstOnly(Plain):
    """2: looks at the version of the first commit of a batch only."""

    first = True

    def append(self, commits: Sequence[Commit], /) -> None:
        self.first = True
        super().append(commits)

    def stale(self, commit: Commit) -> bool:
        first, self.first = self.first, False
        return first and super().stale(commit)


@seeded
class TakesGaps(Plain):
    """3: a version ahead of the next one is fine."""

    def stale(self, commit: Commit) -> bool:
        return commit.version <= self.version(commit.account) or self.placed(commit)


@seeded
class KeepsHalfABatch(Plain):
    """4: what was written before the conflict stays."""

    def append(self, commits: Sequence[Commit], /) -> None:
        for commit in commits:
            self.put(commit)


@seeded
class KeepsAnOldState(Plain):
    """6: entries are stored, the state is left as it was."""

    def write(self, commit: Commit) -> None:
        old = self.states.get(self.key(commit.account))
        super().write(commit)
        if old is not None:
            self.states[self.key(commit.account)] = old


@seeded
class TakesDuplicates(Plain):
    """7: an event is appended as often as it is sent."""

    def known(self, commit: Commit) -> bool:
        return False


@seeded
class CallsDuplicatesStale(Plain):
    """7: a known event is answered as if someone else had written."""

    def append(self, commits: Sequence[Commit], /) -> None:
        try:
            super().append(commits)
        except DuplicateEventError as error:
            raise StaleStateError(error.account, 0, 0) from error


@seeded
class LooksAtTheVersionFirst(Plain):
    """7: a known event at an old version is called stale."""

    def append(self, commits: Sequence[Commit], /) -> None:
        for commit in commits[:1]:
            if commit.version != self.version(commit.account) + 1:
                raise StaleStateError(str(commit.account), 0, 0)
        super().append(commits)


@seeded
class SwallowsDuplicates(Plain):
    """8: a known id with other content is answered as success."""

    def append(self, commits: Sequence[Commit], /) -> None:
        try:
            super().append(commits)
        except DuplicateEventError:
            return


@seeded
class HasNoReceiptForNothing(Plain):
    """9: a decision without entries leaves no receipt."""

    def receive(self, commit: Commit) -> None:
        if commit.entries:
            super().receive(commit)


@seeded
class HasOneRoomForAllIds(Plain):
    """10: event ids are unique over all accounts."""

    def known(self, commit: Commit) -> bool:
        return commit.event.id in [id for _, id in self.receipts]


@seeded
class PrunesReceipts(Plain):
    """11: remembers the last thousand events."""

    def receive(self, commit: Commit) -> None:
        super().receive(commit)
        for old in list(self.receipts)[:-1000]:
            del self.receipts[old]


@seeded
class DoesNothingOnConflict(Plain):
    """12: a stale append is counted as success."""

    def append(self, commits: Sequence[Commit], /) -> None:
        try:
            super().append(commits)
        except StaleStateError:
            return


@seeded
class SortsByText(Plain):
    """13: history comes in order of the ids' text."""

    def history(self, account: Account, /, **asked: object) -> Iterable[Commit]:
        return sorted(super().history(account, **asked), key=lambda row: row.event.id)  # type: ignore[arg-type]


@seeded
class SortsVersionsByText(Plain):
    """13: history comes in order of the versions' text: 10 before 9."""

    def history(self, account: Account, /, **asked: object) -> Iterable[Commit]:
        return sorted(super().history(account, **asked), key=lambda row: str(row.version))  # type: ignore[arg-type]


@seeded
class OmitsRefunds(Plain):
    """14: asked about a purchase, it finds the purchase alone."""

    def meets(self, commit: Commit, about: Collection[str]) -> bool:
        return not about or commit.event.id in about


@seeded
class OmitsWhatTimeDid(Plain):
    """14: finds what has the root, and not the nightly commit that names it."""

    def meets(self, commit: Commit, about: Collection[str]) -> bool:
        return not about or commit.event.id in about or commit.root in about


@seeded
class StopsAtAThousand(Plain):
    """15: history is cut off."""

    def history(self, account: Account, /, **asked: object) -> Iterable[Commit]:
        return list(super().history(account, **asked))[:1000]  # type: ignore[arg-type]


@seeded
class InventsAccounts(Plain):
    """16: an unknown account comes back empty."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        return {account: Stored(0, State.of(account)) for account in accounts} | dict(super().load(accounts))


@seeded
class SharesItsRows(Plain):
    """17: gives out its own list."""

    def history(self, account: Account, /, **asked: object) -> Iterable[Commit]:
        return super().history(account, **asked) if asked else self.rows  # type: ignore[arg-type]


@seeded
class KeepsTheBatch(Plain):
    """17: keeps the caller's list and reads it later."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[Sequence[Commit]] = []

    def append(self, commits: Sequence[Commit], /) -> None:
        self.late.append(commits)

    def history(self, account: Account, /, **asked: object) -> Iterable[Commit]:
        for commits in self.late:
            super().append(commits)
        self.late.clear()
        return super().history(account, **asked)  # type: ignore[arg-type]


@seeded
class StoresFloats(Plain):
    """18: amounts pass through a float."""

    def write(self, commit: Commit) -> None:
        super().write(commit)
        key = self.key(commit.account)
        self.states[key] = lots_changed(self.states[key], lambda steps: int(float(steps)))


@seeded
class ClampsAmounts(Plain):
    """19: amounts have 31 bits."""

    def write(self, commit: Commit) -> None:
        super().write(commit)
        key = self.key(commit.account)
        self.states[key] = lots_changed(self.states[key], lambda steps: min(steps, 2**31 - 1))


@seeded
class DropsTheOffsetOfRows(Plain):
    """20: instants come back without their zone."""

    def read(self, commit: Commit) -> Commit:
        recorded = commit.recorded_at
        return attrs.evolve(commit, recorded_at=None if recorded is None else recorded.replace(tzinfo=None))


@seeded
class DropsTheOffsetOfQuestions(Plain):
    """20: the offset of `until` is dropped, not converted."""

    def is_due(self, at: datetime, until: datetime) -> bool:
        return at <= until.replace(tzinfo=UTC)


@seeded
class TruncatesMicroseconds(Plain):
    """21: `next_due` is kept in milliseconds."""

    def next_due(self, state: State) -> datetime | None:
        at = state.next_due
        return None if at is None else at.replace(microsecond=at.microsecond // 1000 * 1000)


@seeded
class TruncatesRows(Plain):
    """21: instants of rows are kept in seconds."""

    def read(self, commit: Commit) -> Commit:
        recorded = commit.recorded_at
        return attrs.evolve(commit, recorded_at=None if recorded is None else recorded.replace(microsecond=0))


@seeded
class IgnoresCase(Plain):
    """22: `a` and `A` are one account."""

    def key(self, account: Account) -> Key:
        return (account.kind.value, account.id.lower())


@seeded
class TrimsIds(Plain):
    """22: blanks at the end of an event's id do not count."""

    def name(self, name: str) -> str:
        return name.rstrip()


@seeded
class NormalisesWhatItWrites(Plain):
    """23: ids are normalised on write but not on read."""

    def same(self, commit: Commit, account: Account) -> bool:
        return unicodedata.normalize("NFC", commit.account.id) == account.id and commit.account.kind is account.kind


@seeded
class MatchesPatterns(Plain):
    """22: `%` and `_` in a name match anything, as in LIKE."""

    def meets(self, commit: Commit, about: Collection[str]) -> bool:
        starts = tuple(name.rstrip("%_") for name in about if name[-1] in "%_")
        return super().meets(commit, about) or (bool(starts) and commit.event.id.startswith(starts))


@seeded
class IsDueAfterwards(Plain):
    """24: at the very instant an account is not yet due."""

    def is_due(self, at: datetime, until: datetime) -> bool:
        return at < until


@seeded
class ForgetsGrants(Plain):
    """25: who only has a grant that ends is never due."""

    def next_due(self, state: State) -> datetime | None:
        return state.next_due if state.lots or state.pending or state.wake_ups else None


@seeded
class ForgetsReservations(Plain):
    """25: a reservation that lapses makes nobody due."""

    def next_due(self, state: State) -> datetime | None:
        return None if state.wake_ups else state.next_due


@seeded
class ForgetsWhatWaits(Plain):
    """25: what becomes available makes nobody due."""

    def next_due(self, state: State) -> datetime | None:
        return None if state.pending else state.next_due


@seeded
class StaysDue(Plain):
    """25: the first `next_due` of an account is kept for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[Account, datetime] = {}

    def next_due(self, state: State) -> datetime | None:
        if state.next_due is not None:
            self.first.setdefault(state.account, state.next_due)
        return self.first.get(state.account)


@seeded
class RewritesThePast(Plain):
    """26: a refund updates the commit of its purchase in place."""

    def write(self, commit: Commit) -> None:
        super().write(commit)
        for place, row in enumerate(self.rows):
            if self.same(row, commit.account) and row.event.id == commit.root and commit.ordinal:
                self.rows[place] = attrs.evolve(row, entries=())


@seeded
class HidesRefusals(Plain):
    """27: rows of refused events are filtered out."""

    def history(self, account: Account, /, **asked: object) -> Iterable[Commit]:
        return [row for row in super().history(account, **asked) if row.refusal is None]  # type: ignore[arg-type]


@seeded
class RefusesAfterAnError(Plain):
    """30: a transaction that failed once stays open: later writes are lost without a word."""

    failed = False

    def append(self, commits: Sequence[Commit], /) -> None:
        if self.failed:
            return
        try:
            super().append(commits)
        except StaleStateError:
            self.failed = True
            raise


@seeded
class IgnoresThePlaceInTheRoot(Plain):
    """Two commits of one root may have one ordinal."""

    def placed(self, commit: Commit) -> bool:
        return False


@seeded
class IgnoresTheKind(Plain):
    """A member and a shared account of one id are one."""

    def key(self, account: Account) -> Key:
        return ("", account.id)


@seeded
class RepeatsWhatHasTwoNames(Plain):
    """A commit that has two of the names asked for comes twice, as a join would give it."""

    def history(self, account: Account, /, **asked: object) -> Iterable[Commit]:
        names = set(asked.get("about") or ())  # type: ignore[call-overload]
        rows = super().history(account, **asked)  # type: ignore[arg-type]
        return [row for row in rows for _ in range(max(1, len(names & set(row.names))))]


@seeded
class GivesWhoIsDueInAnyOrder(Plain):
    """Due accounts come in the order in which they first wrote."""

    def order(self, keys: Iterable[Key]) -> Iterable[Key]:
        return list(keys)


@seeded
class BeginsAgain(Plain):
    """`after` does not leave out the account itself."""

    def behind(self, key: Key, after: Key) -> bool:
        return key >= after


@seeded
class IgnoresTheLimit(Plain):
    """All who are due come at once."""

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        return super().due(until, after=after)


@seeded
class LeavesOutTheInstantItself(Plain):
    """`since` is taken as after."""

    def history(self, account: Account, /, **asked: object) -> Iterable[Commit]:
        rows = super().history(account, **asked)  # type: ignore[arg-type]
        return [row for row in rows if row.event.occurred_at != asked.get("since")]


@seeded
class LosesTheStamps(Plain):
    """What the service stamped is not kept."""

    def read(self, commit: Commit) -> Commit:
        return attrs.evolve(commit, fingerprint=None, recorded_at=None)
