"""Stores that are the plain one but for one bug each: what they read, and who is due."""

# A method that has the bug is said by its class.

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import attrs

from loyalty.broken import BROKEN, seeded
from loyalty.plain import Key, Plain, Shelf
from patronage import Account, Commit, Refund, State
from patronage.events import Cancellation
from patronage.repositories import Stored

__all__ = ["BROKEN"]


# History.


@seeded
class SortsByText(Plain):
    """13: history comes in order of the ids' text."""

    def sort(self, rows: list[Commit]) -> list[Commit]:
        return sorted(rows, key=lambda row: row.event.id)


@seeded
class SortsVersionsByText(Plain):
    """13: history comes in order of the versions' text: 10 before 9."""

    def sort(self, rows: list[Commit]) -> list[Commit]:
        return sorted(rows, key=lambda row: str(row.version))


@seeded
class SortsByInstant(Plain):
    """13: history comes in order of when the events occurred."""

    def sort(self, rows: list[Commit]) -> list[Commit]:
        return sorted(rows, key=lambda row: row.event.occurred_at)


@seeded
class SortsByRecording(Plain):
    """13: history comes in order of when the commits were recorded."""

    def sort(self, rows: list[Commit]) -> list[Commit]:
        return sorted(rows, key=lambda row: row.recorded_at or row.event.occurred_at)


@seeded
class GivesTheNewestFirst(Plain):
    """13: asked about names, history comes backwards."""

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        rows = list(super().history(account, about=about, since=since))
        return rows[::-1] if about else rows


@seeded
class GroupsByName(Plain):
    """13: asked about several names, history gives those of one after those of the other."""

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        if not about:
            return super().history(account, since=since)
        found = [row for name in about for row in super(GroupsByName, self).history(account, about=[name], since=since)]
        return list({row.version: row for row in found}.values())


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
class KnowsThreeNames(Plain):
    """14: of a commit's names the first three are indexed."""

    def meets(self, commit: Commit, about: Collection[str]) -> bool:
        return not about or any(name in about for name in commit.names[:3])


@seeded
class SearchesText(Plain):
    """14: names are one text, in which a part is found too."""

    def meets(self, commit: Commit, about: Collection[str]) -> bool:
        text = ",".join(commit.names)
        return not about or any(name in text for name in about)


@seeded
class SplitsNames(Plain):
    """14: names are one text with commas, and a name with a comma is two."""

    def meets(self, commit: Commit, about: Collection[str]) -> bool:
        return not about or any(name in about for name in ",".join(commit.names).split(","))


@seeded
class AsksForTheFirstName(Plain):
    """14: of the names asked about one counts."""

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        return super().history(account, about=list(about)[:1], since=since)


@seeded
class AsksForNineHundredNames(Plain):
    """15: of the names asked about no more than the database takes."""

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        return super().history(account, about=list(about)[:999], since=since)


@seeded
class WantsAllNames(Plain):
    """14: a commit must have all the names that are asked about."""

    def meets(self, commit: Commit, about: Collection[str]) -> bool:
        return all(name in commit.names for name in about)


@seeded
class StopsAtAThousand(Plain):
    """15: history is cut off."""

    def sort(self, rows: list[Commit]) -> list[Commit]:
        return rows[:1000]


@seeded
class StopsAtAThousandOfAName(Plain):
    """15: history about names is cut off."""

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        return list(islice(super().history(account, about=about, since=since), 1000 if about else None))


@seeded
class GivesTheLastThousand(Plain):
    """15: history begins a thousand commits ago."""

    def sort(self, rows: list[Commit]) -> list[Commit]:
        return rows[-1000:]


@seeded
class RepeatsWhatHasTwoNames(Plain):
    """A commit that has two of the names asked for comes twice, as a join would give it."""

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        rows = super().history(account, about=about, since=since)
        return [row for row in rows for _ in range(max(1, len(set(about) & set(row.names))))]


@seeded
class SharesItsRows(Plain):
    """17: gives out its own list."""

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        return super().history(account, about=about, since=since) if about or since else self.shelf(account).rows


@seeded
class RewritesThePast(Plain):
    """26: a refund updates the commit of its purchase in place."""

    def write(self, shelf: Shelf, commit: Commit) -> None:
        super().write(shelf, commit)
        for place, row in enumerate(shelf.rows):
            if row.event.id == commit.root and commit.ordinal:
                shelf.rows[place] = attrs.evolve(row, entries=())


@seeded
class MarksThePast(Plain):
    """26: a night in which a lot ends is written on the commit that made the lot."""

    def write(self, shelf: Shelf, commit: Commit) -> None:
        super().write(shelf, commit)
        for place, row in enumerate(shelf.rows[:-1]):
            if row.event.id in commit.names[1:]:
                shelf.rows[place] = attrs.evolve(row, next_due=None)


@seeded
class HidesRefusals(Plain):
    """27: rows of refused events are filtered out."""

    def sort(self, rows: list[Commit]) -> list[Commit]:
        return [row for row in rows if row.refusal is None]


@seeded
class HidesWhatIsUndone(Plain):
    """27: a purchase that was given back is filtered out of history, and not out of the state."""

    def sort(self, rows: list[Commit]) -> list[Commit]:
        undone = {row.root for row in rows if isinstance(row.event, Refund | Cancellation)}
        return [row for row in rows if row.event.id not in undone]


@seeded
class HidesWhatIsWorthNothing(Plain):
    """27: commits without entries are filtered out."""

    def sort(self, rows: list[Commit]) -> list[Commit]:
        return [row for row in rows if row.entries]


@seeded
class IgnoresSince(Plain):
    """`since` leaves nothing out."""

    def since(self, commit: Commit, since: datetime) -> bool:
        return True


@seeded
class LeavesOutTheInstantItself(Plain):
    """`since` is taken as after."""

    def since(self, commit: Commit, since: datetime) -> bool:
        return commit.event.occurred_at > since


@seeded
class GoesByRecording(Plain):
    """`since` goes by when a commit was recorded."""

    def since(self, commit: Commit, since: datetime) -> bool:
        return (commit.recorded_at or commit.event.occurred_at) >= since


@seeded
class BeginsAtTheFirst(Plain):
    """`since` gives all from the first commit that is in time, late events too."""

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        rows = list(super().history(account, about=about))
        starts = [n for n, row in enumerate(rows) if since is None or row.event.occurred_at >= since]
        return rows[starts[0] :] if starts else []


@seeded
class IgnoresNamesWithAnInstant(Plain):
    """With both names and an instant the names are forgotten."""

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        return super().history(account, about=() if since else about, since=since)


# Load.


@seeded
class InventsAccounts(Plain):
    """16: an unknown account comes back empty."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        return {account: Stored(0, State.of(account)) for account in accounts} | dict(super().load(accounts))


@seeded
class CreatesAccounts(Plain):
    """16: an account is created, and listed, for having been locked."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        found = dict(super().load(accounts))
        if lock:
            for account in accounts:
                self.shelves.setdefault(self.key(account), Shelf()).state = self.shelf(account).state or State.of(
                    account
                )
        return found


@seeded
class ForgetsTheEmptyHanded(Plain):
    """16: an account that holds nothing is unknown."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        found = super().load(accounts)
        return {account: stored for account, stored in found.items() if stored.state.lots or stored.version > 1}


@seeded
class LoadsAThousand(Plain):
    """15: no more than a thousand accounts are loaded at once."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        return super().load(list(accounts)[:1000])


@seeded
class LoadsAllOrNone(Plain):
    """16: where one account is unknown none is loaded."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        found = super().load(accounts)
        return found if len(found) == len(set(accounts)) else {}


@seeded
class LoadsNothingLocked(Plain):
    """With a lock, the accounts are locked and not loaded."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        return {} if lock else super().load(accounts)


@seeded
class GivesStatesInTheWrongOrder(Plain):
    """Accounts get the states in the order of their ids, not of the question."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        found = super().load(accounts)
        return dict(zip(found, [found[each] for each in sorted(found, key=lambda each: each.key)], strict=True))


@seeded
class CountsVersions(Plain):
    """The version is the number of the account's roots."""

    def stored(self, shelf: Shelf, state: State) -> Stored:
        return Stored(len({row.root for row in shelf.rows}), state)


@seeded
class CachesStates(Plain):
    """35: a state that was read once is not read again for a while."""

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        cache: dict[Account, Stored] = getattr(self, "cache", {})
        self.cache = {**super().load(accounts), **{each: cache[each] for each in accounts if each in cache}}
        return dict(self.cache) if not lock else super().load(accounts)


# Due.


@seeded
class DropsTheOffsetOfQuestions(Plain):
    """20: the offset of `until` is dropped, not converted."""

    def is_due(self, at: datetime, until: datetime) -> bool:
        return at <= until.replace(tzinfo=UTC)


@seeded
class DropsTheOffsetOfDuties(Plain):
    """20: the offset of `next_due` is dropped, not converted."""

    def next_due(self, commit: Commit) -> datetime | None:
        return None if commit.next_due is None else commit.next_due.replace(tzinfo=UTC)


@seeded
class TruncatesMicroseconds(Plain):
    """21: `next_due` is kept in milliseconds."""

    def next_due(self, commit: Commit) -> datetime | None:
        at = commit.next_due
        return None if at is None else at.replace(microsecond=at.microsecond // 1000 * 1000)


@seeded
class ComparesText(Plain):
    """21: instants are compared as texts, and one without microseconds has none written."""

    def is_due(self, at: datetime, until: datetime) -> bool:
        one, other = (each.astimezone(UTC).isoformat().replace("+00:00", "Z") for each in (at, until))
        return one <= other


@seeded
class IsDueAfterwards(Plain):
    """24: at the very instant an account is not yet due."""

    def is_due(self, at: datetime, until: datetime) -> bool:
        return at < until


@seeded
class IsDueThatDay(Plain):
    """24: an account is due from the beginning of the day."""

    def is_due(self, at: datetime, until: datetime) -> bool:
        return at.date() <= until.astimezone(UTC).date()


@seeded
class ForgetsGrants(Plain):
    """25: who only has a grant that ends is never due."""

    def next_due(self, commit: Commit) -> datetime | None:
        state = commit.after
        assert isinstance(state, State)
        return commit.next_due if state.lots or state.pending or state.wake_ups or not state.grants else None


@seeded
class ForgetsReservations(Plain):
    """25: a reservation that lapses makes nobody due."""

    def next_due(self, commit: Commit) -> datetime | None:
        return None if isinstance(commit.after, State) and commit.after.wake_ups else commit.next_due


@seeded
class ForgetsWhatWaits(Plain):
    """25: what becomes available makes nobody due."""

    def next_due(self, commit: Commit) -> datetime | None:
        return None if isinstance(commit.after, State) and commit.after.pending else commit.next_due


@seeded
class StaysDue(Plain):
    """25: the first `next_due` of an account is kept for ever."""

    def write(self, shelf: Shelf, commit: Commit) -> None:
        first = shelf.next_due
        super().write(shelf, commit)
        shelf.next_due = first or shelf.next_due


@seeded
class NeverEndsADuty(Plain):
    """25: a `next_due` of None leaves the one before."""

    def write(self, shelf: Shelf, commit: Commit) -> None:
        before = shelf.next_due
        super().write(shelf, commit)
        if commit.next_due is None:
            shelf.next_due = before


@seeded
class KeepsTheEarliest(Plain):
    """25: a `next_due` that is later than the one before is not written."""

    def write(self, shelf: Shelf, commit: Commit) -> None:
        before = shelf.next_due
        super().write(shelf, commit)
        if before is not None and commit.next_due is not None:
            shelf.next_due = min(before, commit.next_due)


@seeded
class HasNoFarFuture(Plain):
    """25: what is due after 2100 is never due."""

    def next_due(self, commit: Commit) -> datetime | None:
        at = commit.next_due
        return None if at is not None and at.year > 2100 else at


@seeded
class GivesWhoIsDueInAnyOrder(Plain):
    """Due accounts come in the order in which they first wrote."""

    def order(self, shelves: list[tuple[Key, Shelf]]) -> Iterable[tuple[Key, Shelf]]:
        return shelves


@seeded
class OrdersByInstant(Plain):
    """Due accounts come in the order of their instants."""

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        found = super().due(until, after=after, limit=10_000)
        shelves = {account: self.shelf(account) for account in found}
        return sorted(found, key=lambda account: (shelves[account].next_due or until, account.key))[:limit]


@seeded
class OrdersAsALanguageDoes(Plain):
    """Accounts come in the order of a dictionary: `a`, `B`, `b`."""

    def order(self, shelves: list[tuple[Key, Shelf]]) -> Iterable[tuple[Key, Shelf]]:
        return sorted(shelves, key=lambda pair: [part.casefold() for part in pair[0]])


@seeded
class OrdersByUtf16(Plain):
    """Accounts come in the order of two-byte units: an emoji before what it comes after."""

    def order(self, shelves: list[tuple[Key, Shelf]]) -> Iterable[tuple[Key, Shelf]]:
        return sorted(shelves, key=lambda pair: [part.encode("utf-16-be") for part in pair[0]])


@seeded
class OrdersById(Plain):
    """Accounts come in the order of their ids, whatever their kinds."""

    def order(self, shelves: list[tuple[Key, Shelf]]) -> Iterable[tuple[Key, Shelf]]:
        return sorted(shelves, key=lambda pair: (pair[0][2], pair[0][1]))

    def behind(self, key: Key, after: Key) -> bool:
        return (key[2], key[1]) > (after[2], after[1])


@seeded
class BeginsAgain(Plain):
    """`after` does not leave out the account itself."""

    def behind(self, key: Key, after: Key) -> bool:
        return key >= after


@seeded
class ComparesIdsOnly(Plain):
    """`after` goes by the id, not by the kind."""

    def behind(self, key: Key, after: Key) -> bool:
        return key[2] > after[2]


@seeded
class IgnoresAfter(Plain):
    """Every page is the first one, unless it was asked for twice."""

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        found = super().due(until, limit=10_000)
        return found[found.index(after) + 1 :][:limit] if after in found else found[:limit]


@seeded
class IgnoresTheLimit(Plain):
    """All who are due come at once."""

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        return super().due(until, after=after, limit=100_000)


@seeded
class KnowsNoLargerLimit(Plain):
    """A limit above a thousand is a thousand."""

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        return super().due(until, after=after, limit=min(limit, 1000))


@seeded
class LimitsBeforeItLooks(Plain):
    """The limit is of the accounts looked at, not of those that are due."""

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        looked = [shelf for _, shelf in list(self.pages(after))[:limit]]
        return [
            shelf.state.account
            for shelf in looked
            if shelf.state is not None and shelf.next_due is not None and shelf.next_due <= until
        ]


@seeded
class RemembersWhomItHasSeen(Plain):
    """40: a reader that goes on where it ended: what was written before that is passed over."""

    seen: Key | None = None

    def pages(self, after: Account | None) -> Iterable[tuple[Key, Shelf]]:
        found = [pair for pair in super().pages(after) if after is not None or self.seen is None or pair[0] > self.seen]
        self.seen = max((pair[0] for pair in found), default=self.seen)
        return found


@seeded
class TellsEachOnce(Plain):
    """40: who was told to be due is not told again, done or not."""

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        told: set[Account] = getattr(self, "told", set())
        self.told = told
        found = [account for account in super().due(until, after=after, limit=limit) if account not in told]
        told.update(found)
        return found


@seeded
class AnswersOnce(Plain):
    """It gives who is due as something that is read once, and has no end."""

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        return iter(super().due(until, after=after, limit=limit))  # type: ignore[return-value]


@seeded
class ListsWhoIsDue(Plain):
    """Only accounts for which time does something are listed."""

    def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        far = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
        return self.due(far, after=after, limit=limit)


@seeded
class ListsWithoutEnd(Plain):
    """The list of accounts has no limit."""

    def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        return super().accounts(after=after, limit=100_000)
