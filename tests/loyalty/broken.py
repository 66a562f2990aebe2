"""Stores that are the plain one but for one bug each: what they write, and when they refuse."""

# ruff: noqa: D102  # A method that has the bug is said by its class.

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock

import attrs

from loyalty.plain import Key, Plain, Shelf
from patronage import Account, Commit, DuplicateEventError, Lot, StaleStateError, State
from patronage._frozen import FrozenMapping
from patronage.codec import Codec
from patronage.errors import PatronageError
from patronage.ledger import AccountKind, Transfer
from patronage.repositories import Stored

BROKEN: list[type[Plain]] = []
CODEC = Codec()


def seeded(cls: type[Plain]) -> type[Plain]:
    """Registers a store with a bug: its docstring says which."""
    BROKEN.append(cls)
    return cls


def lots_changed(state: State, change: Callable[[Lot], Lot]) -> State:
    """The state with every lot changed."""
    lots = {unit: tuple(map(change, held)) for unit, held in state.lots.items()}
    return attrs.evolve(state, lots=FrozenMapping(lots))


def steps_changed(state: State, change: Callable[[int], int]) -> State:
    """The state with the steps of every lot changed."""
    return lots_changed(state, lambda lot: attrs.evolve(lot, steps=change(lot.steps)))


# Versions, places, batches.


@seeded
class IgnoresTheVersion(Plain):
    """1: appends whatever version it is given."""

    def stale(self, commit: Commit) -> bool:
        return self.placed(commit)


@seeded
class TakesOldVersions(Plain):
    """1: any version will do that was not left out."""

    def stale(self, commit: Commit) -> bool:
        return commit.version > self.version(commit.account) + 1 or self.placed(commit)


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
class ChecksEachAccountOnce(Plain):
    """2: looks at the version of an account's first commit of a batch only."""

    def append(self, commits: Sequence[Commit], /) -> None:
        self.seen: set[Account] = set()
        super().append(commits)

    def stale(self, commit: Commit) -> bool:
        seen = commit.account in self.seen
        self.seen.add(commit.account)
        return self.placed(commit) if seen else super().stale(commit)


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
class KeepsHalfAfterAnError(Plain):
    """4: rolls back for the errors it knows; any other leaves half a batch."""

    def append(self, commits: Sequence[Commit], /) -> None:
        failed: Exception | None = None
        with self.all_or_nothing(list(commits[:])):
            try:
                for commit in commits:
                    self.put(commit)
            except PatronageError:
                raise
            except Exception as error:
                failed = error
        if failed is not None:
            raise failed


@seeded
class WritesTheStateFirst(Plain):
    """5: the state is stored, and the entries are lost where they cannot be written."""

    def append(self, commits: Sequence[Commit], /) -> None:
        super().append(commits)
        for commit in commits:
            shelf = self.shelf(commit.account)
            try:
                CODEC.dump(commit)
            except Exception:
                shelf.rows = [row for row in shelf.rows if row.version != commit.version]
                raise


@seeded
class WritesTheEntriesFirst(Plain):
    """6: the entries are stored, and the state is lost where it cannot be written."""

    def append(self, commits: Sequence[Commit], /) -> None:
        before = {commit.account: self.shelf(commit.account).state for commit in commits}
        super().append(commits)
        for commit in commits:
            try:
                CODEC.dump(commit.after)
            except Exception:
                self.shelf(commit.account).state = before[commit.account]
                raise


@seeded
class KeepsAnOldState(Plain):
    """6: entries are stored, the state is left as it was."""

    def write(self, shelf: Shelf, commit: Commit) -> None:
        old = shelf.state
        super().write(shelf, commit)
        shelf.state = old or shelf.state


@seeded
class KeepsTheFirstStateOfABatch(Plain):
    """6: of several commits of one account the first one's state is kept."""

    def append(self, commits: Sequence[Commit], /) -> None:
        super().append(commits)
        for commit in reversed(commits):
            if isinstance(commit.after, State):
                self.shelf(commit.account).state = commit.after


@seeded
class KeepsOneCommitAnAccount(Plain):
    """4: a batch is made a table by account: of several commits of one the last stays."""

    def append(self, commits: Sequence[Commit], /) -> None:
        super().append(commits)
        versions: dict[Account, int] = {commit.account: commit.version for commit in commits}
        for commit in commits:
            if commit.version != versions[commit.account]:
                self.shelf(commit.account).rows.remove(attrs.evolve(commit, after=None))


@seeded
class FailsOnNothing(Plain):
    """An empty batch is an error."""

    def append(self, commits: Sequence[Commit], /) -> None:
        if not commits:
            raise ValueError("can't execute an empty query")
        super().append(commits)


@seeded
class TakesFiveHundredRows(Plain):
    """A batch is cut where the database takes no more variables."""

    def append(self, commits: Sequence[Commit], /) -> None:
        super().append(commits[:500])


@seeded
class DropsWhatConflicts(Plain):
    """12: `ON CONFLICT DO NOTHING`: what cannot be written is left out, and the rest is kept."""

    def append(self, commits: Sequence[Commit], /) -> None:
        for commit in commits:
            if not self.known(commit) and not self.stale(commit):
                self.put(commit)


@seeded
class DoesNothingOnConflict(Plain):
    """12: a stale append is counted as success."""

    def append(self, commits: Sequence[Commit], /) -> None:
        try:
            super().append(commits)
        except StaleStateError:
            return


@seeded
class NumbersAnew(Plain):
    """37: a stale commit is appended all the same, under the next version."""

    def put(self, commit: Commit) -> None:
        version = self.version(commit.account) + 1
        state = commit.after
        assert isinstance(state, State)
        super().put(attrs.evolve(commit, version=version, after=attrs.evolve(state, version=version)))


@seeded
class IgnoresThePlaceInTheRoot(Plain):
    """Two commits of one root may have one ordinal."""

    def placed(self, commit: Commit) -> bool:
        return False


@seeded
class PlacesAreJoined(Plain):
    """The root and the ordinal are one text: the tenth of `p` is the first of `p1`."""

    def placed(self, commit: Commit) -> bool:
        place = f"{commit.root}{commit.ordinal}"
        return any(f"{root}{ordinal}" == place for root, ordinal in self.shelf(commit.account).places)


@seeded
class PlacesAreEverybodys(Plain):
    """The places of a root are unique over all accounts."""

    def placed(self, commit: Commit) -> bool:
        return any((commit.root, commit.ordinal) in shelf.places for shelf in self.shelves.values())


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
class LeavesTheReceipt(Plain):
    """30: the receipt of a refused append stays."""

    def put(self, commit: Commit) -> None:
        left: set[tuple[Key, str]] = getattr(self, "left", set())
        self.left = left | {(self.key(commit.account), commit.event.id)}
        super().put(commit)

    def known(self, commit: Commit) -> bool:
        row = (self.key(commit.account), commit.event.id)
        return super().known(commit) or (row in getattr(self, "left", ()) and commit.ordinal > 0)


# Events that are known.


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
class LooksAtThePlaceFirst(Plain):
    """7: what is known is the place in the root, not the event: under another root it is taken again."""

    def known(self, commit: Commit) -> bool:
        return super().known(commit) and any(root == commit.root for root, _ in self.shelf(commit.account).places)


@seeded
class SwallowsDuplicates(Plain):
    """8: a known id with other content is answered as success."""

    def append(self, commits: Sequence[Commit], /) -> None:
        try:
            super().append(commits)
        except DuplicateEventError:
            return


@seeded
class TakesTheSameForDone(Plain):
    """8: the very same commit again is answered as success."""

    def append(self, commits: Sequence[Commit], /) -> None:
        if commits and all(commit in self.shelf(commit.account).rows for commit in commits):
            return
        super().append(commits)


@seeded
class ReplacesDuplicates(Plain):
    """8: a known event's commit is replaced by the new one, and then refused."""

    def append(self, commits: Sequence[Commit], /) -> None:
        try:
            super().append(commits)
        except DuplicateEventError:
            for commit in commits:
                rows = self.shelf(commit.account).rows
                for place, row in enumerate(rows):
                    if row.event.id == commit.event.id:
                        rows[place] = attrs.evolve(commit, version=row.version, after=None)
            raise


@seeded
class HasNoReceiptForNothing(Plain):
    """9: a decision without entries leaves no receipt."""

    def receive(self, shelf: Shelf, commit: Commit) -> None:
        if commit.entries:
            super().receive(shelf, commit)


@seeded
class HasNoReceiptForRefusals(Plain):
    """9: a refusal leaves no receipt."""

    def receive(self, shelf: Shelf, commit: Commit) -> None:
        if commit.refusal is None:
            super().receive(shelf, commit)


@seeded
class HasOneRoomForAllIds(Plain):
    """10: event ids are unique over all accounts."""

    def known(self, commit: Commit) -> bool:
        return any(commit.event.id in shelf.receipts for shelf in self.shelves.values())


@seeded
class SharesReceiptsOfPrograms(Plain):
    """10: event ids are unique over all programs."""

    def known(self, commit: Commit) -> bool:
        found = [shelf for key, shelf in self.shelves.items() if key[1:] == commit.account.key]
        return any(commit.event.id in shelf.receipts for shelf in found)


@seeded
class SharesAccountsOfPrograms(Plain):
    """10: accounts are found without the program."""

    def key(self, account: Account) -> Key:
        return ("one", *account.key)


@seeded
class SharesDutiesOfPrograms(Plain):
    """10: who is due is asked without the program."""

    def pages(self, after: Account | None) -> Iterable[tuple[Key, Shelf]]:
        return sorted((key, shelf) for key, shelf in self.shelves.items() if after is None or key[1:] > after.key)


@seeded
class PrunesReceipts(Plain):
    """11: remembers the last thousand events."""

    def receive(self, shelf: Shelf, commit: Commit) -> None:
        super().receive(shelf, commit)
        for old in list(shelf.receipts)[:-1000]:
            del shelf.receipts[old]


@seeded
class PrunesByAge(Plain):
    """11: remembers events for a year and a day."""

    def known(self, commit: Commit) -> bool:
        rows = self.shelf(commit.account).rows
        young = [row for row in rows if row.event.occurred_at >= rows[-1].event.occurred_at - timedelta(days=366)]
        return commit.event.id in {row.event.id for row in young}


@seeded
class RemembersTheLastEvent(Plain):
    """11: an event is known as long as it is the last one."""

    def known(self, commit: Commit) -> bool:
        rows = self.shelf(commit.account).rows
        return bool(rows) and rows[-1].event.id == commit.event.id


# Values.


@seeded
class StoresFloats(Plain):
    """18: amounts pass through a float."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        return super().stored(shelf, steps_changed(state, lambda steps: int(float(steps))))


@seeded
class StoresEntriesInFloats(Plain):
    """18: the amounts of events and entries pass through a float."""

    def read(self, commit: Commit) -> Commit:
        entries = tuple(
            attrs.evolve(entry, steps=int(float(entry.steps))) if isinstance(entry, Transfer) else entry
            for entry in commit.entries
        )
        return attrs.evolve(commit, entries=entries)


@seeded
class ClampsAmounts(Plain):
    """19: amounts have 31 bits, and stop there."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        return super().stored(shelf, steps_changed(state, lambda steps: max(-(2**31), min(steps, 2**31 - 1))))


@seeded
class WrapsAmounts(Plain):
    """19: amounts have 32 bits, and begin again."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        return super().stored(shelf, steps_changed(state, lambda steps: (steps + 2**31) % 2**32 - 2**31))


@seeded
class RefusesLargeAmounts(Plain):
    """19: amounts above 2**53 are an error."""

    def write(self, shelf: Shelf, commit: Commit) -> None:
        state = commit.after
        assert isinstance(state, State)
        if any(lot.steps > 2**53 for lots in state.lots.values() for lot in lots):
            raise OverflowError("out of range")
        super().write(shelf, commit)


@seeded
class ForgetsTheSign(Plain):
    """19: a debt comes back as a balance."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        return super().stored(shelf, steps_changed(state, abs))


@seeded
class DropsTheOffsetOfRows(Plain):
    """20: instants come back without their zone."""

    def read(self, commit: Commit) -> Commit:
        recorded = commit.recorded_at
        return attrs.evolve(commit, recorded_at=None if recorded is None else recorded.replace(tzinfo=None))


@seeded
class TruncatesRows(Plain):
    """21: instants of rows are kept in seconds."""

    def read(self, commit: Commit) -> Commit:
        recorded = commit.recorded_at
        return attrs.evolve(commit, recorded_at=None if recorded is None else recorded.replace(microsecond=0))


@seeded
class TruncatesStates(Plain):
    """21: instants of lots are kept in milliseconds."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        def cut(at: datetime | None) -> datetime | None:
            return None if at is None else at.replace(microsecond=at.microsecond // 1000 * 1000)

        return super().stored(
            shelf, lots_changed(state, lambda lot: attrs.evolve(lot, credited_at=cut(lot.credited_at)))
        )


@seeded
class LosesTheStamps(Plain):
    """What the service stamped is not kept."""

    def read(self, commit: Commit) -> Commit:
        return attrs.evolve(commit, fingerprint=None, recorded_at=None)


@seeded
class LosesTheDigest(Plain):
    """Which terms decided is not kept."""

    def read(self, commit: Commit) -> Commit:
        return attrs.evolve(commit, terms_digest=None)


@seeded
class StampsItself(Plain):
    """A commit that was not stamped comes back with the event's instant as that of its recording."""

    def read(self, commit: Commit) -> Commit:
        return attrs.evolve(commit, recorded_at=commit.recorded_at or commit.event.occurred_at)


@seeded
class LosesTheBasis(Plain):
    """What rules could read is not kept."""

    def read(self, commit: Commit) -> Commit:
        return attrs.evolve(commit, basis=attrs.evolve(commit.basis, balances=(), others=FrozenMapping()))


@seeded
class LosesTheBenefits(Plain):
    """What was to be handed over is not kept: the first answer cannot be given again."""

    def read(self, commit: Commit) -> Commit:
        return attrs.evolve(commit, benefits=())


@seeded
class SortsTheNames(Plain):
    """Names come back in another order."""

    def read(self, commit: Commit) -> Commit:
        return attrs.evolve(commit, names=tuple(sorted(commit.names)))


@seeded
class LosesNextDue(Plain):
    """When the commit made its account due is not kept."""

    def read(self, commit: Commit) -> Commit:
        return attrs.evolve(commit, next_due=None)


@seeded
class LosesWhatAGrantCost(Plain):
    """A grant comes back without the parts that it consumed."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        grants = tuple(attrs.evolve(grant, consumed=()) for grant in state.grants)
        return super().stored(shelf, attrs.evolve(state, grants=grants))


@seeded
class LosesEndedGrants(Plain):
    """A grant that has ended is left out of the state."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        grants = tuple(grant for grant in state.grants if not grant.ended)
        return super().stored(shelf, attrs.evolve(state, grants=grants))


@seeded
class LosesWakeUps(Plain):
    """Wake-ups are not kept in the state."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        return super().stored(shelf, attrs.evolve(state, wake_ups=()))


@seeded
class LosesWhatIsPending(Plain):
    """What is not yet available is not kept in the state."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        return super().stored(shelf, attrs.evolve(state, pending=()))


@seeded
class LosesTheClock(Plain):
    """The state comes back without its clock."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        return super().stored(shelf, attrs.evolve(state, clock=None))


@seeded
class TakesNoneForText(Plain):
    """No label comes back as a label of four letters."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        return super().stored(shelf, lots_changed(state, lambda lot: attrs.evolve(lot, label=str(lot.label))))


@seeded
class TakesTextForNone(Plain):
    """A label that reads `null` comes back as none."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        def label(lot: Lot) -> Lot:
            return attrs.evolve(lot, label=None if lot.label == "null" else lot.label)

        return super().stored(shelf, lots_changed(state, label))


@seeded
class StoresTruthAsNumbers(Plain):
    """True comes back as 1."""

    def read(self, commit: Commit) -> Commit:
        attributes = getattr(commit.event, "attributes", None)
        if not attributes:
            return commit
        numbers = FrozenMapping({key: int(fact) if fact is True else fact for key, fact in attributes.items()})
        event = attrs.evolve(commit.event)
        object.__setattr__(event, "attributes", numbers)
        return attrs.evolve(commit, event=event)


# Ids.


@seeded
class IgnoresCase(Plain):
    """22: `a` and `A` are one account."""

    def key(self, account: Account) -> Key:
        return (self.program, account.kind.value, account.id.lower())


@seeded
class IgnoresCaseOfEvents(Plain):
    """22: `e` and `E` are one event."""

    def name(self, name: str) -> str:
        return name.casefold()


@seeded
class TrimsIds(Plain):
    """22: blanks at the end of an event's id do not count."""

    def name(self, name: str) -> str:
        return name.rstrip()


@seeded
class TrimsAccounts(Plain):
    """22: blanks around an account's id do not count."""

    def key(self, account: Account) -> Key:
        return (self.program, account.kind.value, account.id.strip())


@seeded
class TakesIdsForNumbers(Plain):
    """22: `01` and `1` are one event."""

    def name(self, name: str) -> str:
        return str(int(name)) if name.isascii() and name.isdigit() else name


@seeded
class CutsIds(Plain):
    """22: of an id 64 characters count."""

    def key(self, account: Account) -> Key:
        return (self.program, account.kind.value, account.id[:64])


@seeded
class MatchesPatterns(Plain):
    """22: `%` and `_` in a name match anything, as in LIKE."""

    def meets(self, commit: Commit, about: Collection[str]) -> bool:
        starts = tuple(name.rstrip("%_") for name in about if name[-1] in "%_")
        return super().meets(commit, about) or (bool(starts) and commit.event.id.startswith(starts))


@seeded
class NormalisesWhatItWrites(Plain):
    """23: ids are normalised on write but not on read."""

    def key_written(self, account: Account) -> Key:
        return (self.program, account.kind.value, unicodedata.normalize("NFC", account.id))


@seeded
class NormalisesIds(Plain):
    """23: composed and decomposed letters are one."""

    def key(self, account: Account) -> Key:
        return (self.program, account.kind.value, unicodedata.normalize("NFC", account.id))


@seeded
class IgnoresTheKind(Plain):
    """A member and a shared account of one id are one."""

    def key(self, account: Account) -> Key:
        return (self.program, "", account.id)


@seeded
class JoinsAccountAndEvent(Plain):
    """10: the account and the event are one text with a colon: `a:b` and `c`, `a` and `b:c` are one."""

    def known(self, commit: Commit) -> bool:
        wanted = f"{commit.account.kind.value}:{commit.account.id}:{commit.event.id}"
        return any(
            f"{shelf.state.account.kind.value}:{shelf.state.account.id}:{id}" == wanted
            for shelf in self.shelves.values()
            if shelf.state is not None
            for id in shelf.receipts
        )


# What is given out and taken in.


@seeded
class KeepsTheBatch(Plain):
    """17: keeps the caller's list and reads it later."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.late: list[Sequence[Commit]] = []

    def append(self, commits: Sequence[Commit], /) -> None:
        self.settle()
        self.late.append(commits)
        if len(commits) > 1:
            self.settle()

    def settle(self) -> None:
        late, self.late = self.late, []
        for commits in late:
            super().append(commits)

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        self.settle()
        return super().load(accounts)


@seeded
class KeepsMembersOnly(Plain):
    """Shared accounts are left out of a batch."""

    def append(self, commits: Sequence[Commit], /) -> None:
        super().append([commit for commit in commits if commit.account.kind is AccountKind.MEMBER])


@seeded
class KeepsItsLock(Plain):
    """30: a lock that is taken by hand is not given back where an append is refused."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.own = Lock()

    def append(self, commits: Sequence[Commit], /) -> None:
        self.own.acquire()
        super().append(commits)
        self.own.release()
