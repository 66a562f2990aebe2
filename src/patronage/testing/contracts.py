"""
Contracts: what the library relies on in a repository, as tests that a caller runs on an own one.

    class TestOurStore(LedgerRepositoryContract):
        def make_repository(self) -> LedgerRepository:
            return OurStore(fresh_schema())

Any runner that collects methods named `test_...` will do; nothing here needs one. A check that fails
raises AssertionError with a sentence that says what the store did. None of them needs timing: the
races between two writers are for a storm in processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Iterator, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TypeVar

import attrs

from patronage.errors import DuplicateEventError, StaleStateError
from patronage.events import Event, Redemption, Refund, Reservation, StatusGrant
from patronage.ledger import Account, Commit
from patronage.repositories import AsyncLedgerRepository, LedgerRepository, Stored
from patronage.state import fold
from patronage.testing._contract_play import (
    MICROSECOND,
    NOON,
    POINTS,
    PROGRAM,
    USD,
    A,
    B,
    advance,
    all_of,
    bought,
    check,
    commits_for,
    credited,
    nothing,
    record,
    refused,
    renamed,
    state_of,
    stored_of,
)

T = TypeVar("T")


class LedgerRepositoryContract:
    """What a `LedgerRepository` must do. Subclass it and give `make_repository`."""

    def make_repository(self) -> LedgerRepository:
        """A repository without commits: each call gives a fresh one."""
        raise NotImplementedError("make_repository() gives the repository to be proved.")

    def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository | None:
        """A repository of another program in the database of *repository*; None where a database has one only."""
        return None

    # Reading.

    def test_an_unknown_account_is_absent_and_reading_does_not_create_it(self) -> None:
        """`load` leaves out what has no commit; nobody is there or due for having been asked about."""
        repository = self.make_repository()
        check(not repository.load([A, B]), "load() must leave out accounts that have no commit.")
        check(not repository.load([A], lock=True), "load(lock=True) must leave out accounts that have no commit.")
        check(not all_of(repository, A), "An unknown account has no history.")
        check(not repository.due(NOON + timedelta(days=9999)), "Nobody is due for having been loaded.")
        listing = getattr(repository, "accounts", None)
        check(listing is None or not listing(), "Nobody is listed for having been loaded.")

    def test_what_is_appended_is_read_back_whole(self) -> None:
        """Events, entries, benefits, refusals, basis, names, stamps and the state come back equal."""
        repository = self.make_repository()
        wish = Redemption(id="d", member="a", occurred_at=NOON, reward="pay", amount=POINTS.of(20))
        badge = StatusGrant(
            id="s", member="a", occurred_at=NOON, key="tier", value="gold", actor="contract", reason="matched"
        )
        back = Refund(id="r", member="a", occurred_at=NOON, purchase="p", total=USD.of("12.34"))
        again = attrs.evolve(wish, id="d2", amount=POINTS.of(1000))
        written = record(repository, A, bought(A, "p"), badge, wish, back, again, nothing(A, "n"))
        check(written[-2].refusal is not None, "The contract is wrong: the last wish is refused.")
        check(all_of(repository, A) == written, "history() must give every commit as it was appended.")
        stored = stored_of(repository, A)
        check(stored is not None and stored.version == len(written), "load() must give the last commit's version.")
        check(stored is not None and stored.state == written[-1].after, "load() must give the last commit's state.")
        locked = repository.load([B, A], lock=True)
        check(locked.get(A) == stored and B not in locked, "load() must give the same with a lock as without.")

    def test_the_state_is_the_sum_of_the_entries(self) -> None:
        """After every append the stored state is the fold of the stored commits."""
        repository = self.make_repository()
        events = [bought(A, f"p{n}", NOON + timedelta(days=n)) for n in range(5)]
        events.append(Refund(id="r", member="a", occurred_at=NOON + timedelta(days=9), purchase="p3"))
        for event in events:
            record(repository, A, event)
            self._sums_up(repository)
        advance(repository, A, NOON + timedelta(days=31))
        self._sums_up(repository)

    @staticmethod
    def _sums_up(repository: LedgerRepository) -> None:
        folded = fold(repository.history(A), calendar=PROGRAM.calendar)
        check(folded == state_of(repository, A), "The stored state must be the fold of the stored commits.")

    def test_history_is_in_order_of_version(self) -> None:
        """Not in that of ids: `10` comes after `9`."""
        repository = self.make_repository()
        record(repository, A, *[nothing(A, str(n)) for n in (3, 12, 1, 11, 2, 10, 9, 8, 7, 6, 5, 4)])
        check([c.version for c in all_of(repository, A)] == [*range(1, 13)], "history() must be in order of version.")
        about = repository.history(A, about={"10", "9", "12"})
        check([c.event.id for c in about] == ["12", "10", "9"], "history(about=) must be in order of version.")

    def test_history_finds_all_that_names_what_it_is_asked_about(self) -> None:
        """A purchase, its refunds, and the nightly commit in which a lot of it expired; each once."""
        repository = self.make_repository()
        record(repository, A, bought(A, "p"), bought(A, "q"), nothing(A, "n"))
        record(repository, A, Refund(id="r1", member="a", occurred_at=NOON, purchase="p", total=USD.of("10.00")))
        record(repository, A, Refund(id="r2", member="a", occurred_at=NOON, purchase="p", total=USD.of("10.00")))
        record(repository, B, bought(B, "p"))
        advance(repository, A, NOON + timedelta(days=31))

        def found(*names: str) -> list[int]:
            return [commit.version for commit in repository.history(A, about=names)]

        check(found("p") == [1, 4, 5, 6], f"history(about=p) must give all that name p, not versions {found('p')}.")
        check(found("r1") == [4], "history(about=) must find a commit by its own event.")
        check(found("p", "r1", "q") == [1, 2, 4, 5, 6], "A commit that has several of the names is given once.")
        check(found("nobody") == [], "history(about=) must be empty where nothing has the name.")
        ordinals = [commit.ordinal for commit in repository.history(A, about=["p"]) if commit.root == "p"]
        check(ordinals == [0, 1, 2], "history(about=) must give every commit of a root, refunds too.")

    def test_history_since_an_instant_leaves_out_what_occurred_before(self) -> None:
        """At the instant itself is not before it, in whatever zone the instant is written."""
        repository = self.make_repository()
        record(repository, A, *[nothing(A, f"n{n}", NOON + n * MICROSECOND) for n in range(3)])
        since = (NOON + MICROSECOND).astimezone(timezone(timedelta(hours=5, minutes=45)))
        found = [commit.event.id for commit in repository.history(A, since=since)]
        check(found == ["n1", "n2"], "history(since=) must keep what occurred at or after the instant.")

    def test_what_was_read_is_the_callers_own(self) -> None:
        """Changing what was given or taken does not change the store."""
        repository = self.make_repository()
        batch = commits_for(repository, A, bought(A, "p"))
        expected = list(batch)
        repository.append(batch)
        batch.clear()
        for given in (repository.load([A]), repository.history(A), repository.due(NOON + timedelta(days=99))):
            if isinstance(given, MutableMapping | list):
                given.clear()
        check(all_of(repository, A) == expected, "The store must not share a list with its caller.")
        check(stored_of(repository, A) is not None, "The store must not share a mapping with its caller.")
        check(bool(repository.due(NOON + timedelta(days=99))), "The store must not share its list of who is due.")

    # Versions.

    def test_of_two_writers_who_read_the_same_the_second_is_refused(self) -> None:
        """Whoever decided on an older version gets StaleStateError, and leaves nothing."""
        repository = self.make_repository()
        one, other = (commits_for(repository, A, bought(A, id)) for id in ("p", "q"))
        repository.append(one)
        refused(StaleStateError, repository, other, "The second of two writers at one version must be refused.")
        check(all_of(repository, A) == one, "A refused append must leave nothing behind.")
        check(state_of(repository, A) == one[-1].after, "A refused append must not change the state.")
        repository.append(commits_for(repository, A, bought(A, "q")))
        check(len(all_of(repository, A)) == 2, "After a refused append the store must go on working.")

    def test_a_version_ahead_of_the_next_is_refused(self) -> None:
        """A gap would say that something is missing: StaleStateError, for new accounts as for known ones."""
        repository = self.make_repository()
        first, second, third = commits_for(repository, A, *[nothing(A, id) for id in "pqr"])
        refused(StaleStateError, repository, [second], "A first commit of version 2 must be refused.")
        repository.append([first])
        refused(StaleStateError, repository, [third], "A version ahead of the next one must be refused.")
        refused(StaleStateError, repository, [third, second], "A batch against the order must be refused.")
        check(all_of(repository, A) == [first], "A refused append must leave nothing behind.")

    def test_a_batch_is_taken_whole_or_not_at_all(self) -> None:
        """Where the second account's version is stale, nothing of the first is kept; in both orders."""
        for ready, late in ((A, B), (B, A)):
            repository = self.make_repository()
            record(repository, late, nothing(late, "before"))
            stale = commits_for(repository, late, nothing(late, "stale"))
            record(repository, late, nothing(late, "meanwhile"))
            batch = [*commits_for(repository, ready, bought(ready, "p")), *stale]
            refused(StaleStateError, repository, batch, "A batch with a stale second account must be refused.")
            check(not all_of(repository, ready), "Of a refused batch nothing may be kept.")
            check(stored_of(repository, ready) is None, "Of a refused batch no state may be kept.")
            check(not repository.due(NOON + timedelta(days=99)), "Of a refused batch nobody is due.")
            repository.append(commits_for(repository, ready, bought(ready, "p")))

    def test_a_batch_may_hold_several_commits_of_several_accounts(self) -> None:
        """Each account's in order of version; none at all is no error."""
        repository = self.make_repository()
        batch = [
            *commits_for(repository, A, bought(A, "p"), nothing(A, "n")),
            *commits_for(repository, B, bought(B, "p"), nothing(B, "n")),
        ]
        repository.append(batch)
        repository.append([])
        check([*all_of(repository, A), *all_of(repository, B)] == batch, "Every commit of a batch must be kept.")
        versions = {account: stored.version for account, stored in repository.load([A, B]).items()}
        check(versions == {A: 2, B: 2}, "A batch must leave each account at its last commit's version.")

    def test_a_place_among_the_commits_of_a_root_is_taken_once(self) -> None:
        """A history that lacked its tail gives an ordinal twice: StaleStateError."""
        repository = self.make_repository()
        record(repository, A, bought(A, "p"))
        record(repository, A, Refund(id="r1", member="a", occurred_at=NOON, purchase="p", total=USD.of("10.00")))
        past = [commit for commit in all_of(repository, A) if commit.version == 1]
        blind = Refund(id="r2", member="a", occurred_at=NOON, purchase="p", total=USD.of("45.00"))
        commits = PROGRAM.decide(state_of(repository, A), blind, history=past).commits
        refused(StaleStateError, repository, commits, "A second commit at one place of a root must be refused.")
        check(len(all_of(repository, A)) == 2, "A refused append must leave nothing behind.")

    # Events.

    def test_a_known_event_is_a_duplicate_whatever_else_is_wrong(self) -> None:
        """The same commit again, its id with other content, at an old, the next or a far version."""
        repository = self.make_repository()
        written = record(repository, A, bought(A, "p"), nothing(A, "n"))
        sentence = "An event that is known must raise DuplicateEventError, never StaleStateError."
        refused(DuplicateEventError, repository, written[:1], sentence)
        following = commits_for(repository, A, nothing(A, "x"))[0]
        for version in (1, 3, 9):
            other = attrs.evolve(renamed(following, "p"), version=version)
            refused(DuplicateEventError, repository, [other], sentence)
        check(all_of(repository, A) == written, "A duplicate must leave nothing behind.")

    def test_a_batch_with_a_known_event_is_refused_whole(self) -> None:
        """Also where the event stands twice in the batch itself."""
        repository = self.make_repository()
        record(repository, B, nothing(B, "n"))
        known = renamed(commits_for(repository, B, nothing(B, "x"))[0], "n")
        sentence = "A batch with a known event must raise DuplicateEventError."
        refused(DuplicateEventError, repository, [*commits_for(repository, A, nothing(A, "y")), known], sentence)
        first, second = commits_for(repository, A, nothing(A, "y"), nothing(A, "z"))
        refused(DuplicateEventError, repository, [first, renamed(second, "y")], sentence)
        check(not all_of(repository, A) and len(all_of(repository, B)) == 1, "Of a refused batch nothing may be kept.")

    def test_an_event_that_was_worth_nothing_is_known_too(self) -> None:
        """A commit without entries, and a refusal, are kept like any other."""
        repository = self.make_repository()
        wish = Redemption(id="d", member="a", occurred_at=NOON, reward="pay", amount=POINTS.of(20))
        written = record(repository, A, nothing(A, "n"), wish)
        check(all_of(repository, A) == written, "A commit without entries must be kept.")
        for id in ("n", "d"):
            again = renamed(commits_for(repository, A, nothing(A, "x"))[0], id)
            refused(DuplicateEventError, repository, [again], "An event that was worth nothing must stay known.")

    def test_two_accounts_may_have_events_of_one_id(self) -> None:
        """An id is the account's own: of two members, and of a member and a shared account of one name."""
        repository = self.make_repository()
        shared = Account.shared("a")
        for account in (A, B, shared):
            record(repository, account, bought(account, "p"))
        for account in (A, B, shared):
            commits = all_of(repository, account)
            check(len(commits) == 1 and commits[0].account == account, "Each account must have its own commit.")
            check(state_of(repository, account).account == account, "Each account must have its own state.")

    def test_two_programs_in_one_database_do_not_meet(self) -> None:
        """Equal members and event ids of two programs are two. Passes unseen where `make_neighbour` gives None."""
        repository = self.make_repository()
        neighbour = self.make_neighbour(repository)
        if neighbour is None:
            return
        record(repository, A, bought(A, "p"))
        check(not neighbour.load([A]), "Another program's accounts must not be loaded.")
        check(not neighbour.due(NOON + timedelta(days=99)), "Another program's accounts must not be due.")
        record(neighbour, A, bought(A, "p", total="7.00"))
        record(repository, A, nothing(A, "n"))
        check(len(all_of(neighbour, A)) == 1, "Another program's commits must not be read.")
        check(len(all_of(repository, A)) == 2, "Another program's commits must not be read.")
        check(state_of(repository, A) != state_of(neighbour, A), "Another program's state must not be touched.")

    def test_a_thousand_events_later_the_first_is_still_known(self) -> None:
        """Nothing is pruned, and no read is cut off at a round number."""
        repository = self.make_repository()
        count, step = 1_001, 91
        for start in range(0, count, step):
            repository.append(commits_for(repository, A, *[nothing(A, f"n{n}") for n in range(start, start + step)]))
        first = commits_for(repository, A, nothing(A, "x"))[0]
        for n in (0, 1, 500, count - 1):
            known = renamed(first, f"n{n}")
            refused(DuplicateEventError, repository, [known], f"Event {n} of {count} must still be known.")
        check([c.event.id for c in all_of(repository, A)] == [f"n{n}" for n in range(count)], "All are kept, in order.")
        check(
            len(list(repository.history(A, about=[f"n{n}" for n in range(count)]))) == count, "All of them are found."
        )

    def test_the_past_is_never_changed(self) -> None:
        """What was read before a refund is read the same after it."""
        repository = self.make_repository()
        record(repository, A, bought(A, "p"), bought(A, "q"))
        before = all_of(repository, A)
        record(repository, A, Refund(id="r", member="a", occurred_at=NOON, purchase="p"))
        advance(repository, A, NOON + timedelta(days=40))
        check(all_of(repository, A)[:2] == before, "A commit must never change once it is stored.")

    # Values.

    def test_amounts_keep_every_step(self) -> None:
        """Beyond 2**31 and beyond what a float holds, up to 2**62."""
        repository = self.make_repository()
        for steps in (2**31, 2**53 + 1, 2**62):
            account = Account.member(f"m-{steps}")
            record(repository, account, credited(account, "c", steps))
            held = [lot.steps for lot in state_of(repository, account).lots["points"]]
            check(held == [steps], f"A state must keep {steps} steps, not {held}.")
            commit = all_of(repository, account)[0]
            check(commit.event == credited(account, "c", steps), f"An event must keep {steps} steps.")

    def test_instants_keep_their_microsecond_and_their_zone(self) -> None:
        """Written with any offset they come back aware, and equal."""
        repository = self.make_repository()
        for hours, minutes in ((5, 45), (-12, 0), (0, 0)):
            zone = timezone(timedelta(hours=hours, minutes=minutes))
            account = Account.member(f"m{hours}")
            at = datetime(2025, 3, 30, 2, 30, 0, 1, tzinfo=zone)
            record(repository, account, credited(account, "c", 5, at, at + timedelta(days=1, microseconds=1)))
            commit = all_of(repository, account)[0]
            read = (commit.event.occurred_at, commit.entries[0].at, commit.recorded_at, commit.next_due)
            for instant, offset in zip(read, (0, 0, 1_000_001, 86_400_000_001), strict=True):
                check(
                    instant is not None and instant.utcoffset() is not None and instant == at + offset * MICROSECOND,
                    f"An instant of {at + offset * MICROSECOND} must not come back as {instant}.",
                )

    def test_ids_are_taken_as_they_stand(self) -> None:
        """Case, blanks at the end, composed and decomposed letters, quotes: all tell two ids apart."""
        repository = self.make_repository()
        ids = ("a", "A", "a ", " a", "\u00e9", "e\u0301", "a%", "a_", "a'", 'a"; --', "\u0430", "\u0661", "1")
        for id in ids:
            account = Account.member(id)
            record(repository, account, nothing(account, id))
        record(repository, B, *[nothing(B, id) for id in ids])
        for id in ids:
            commits = all_of(repository, Account.member(id))
            check([commit.event.id for commit in commits] == [id], f"Account {id!a} must have its own events only.")
            found = [commit.event.id for commit in repository.history(B, about=[id])]
            check(found == [id], f"history(about=) must find {id!a} only, not {found!a}.")
        loaded = repository.load([Account.member(id) for id in ids])
        check({account.id for account in loaded} == set(ids), "load() must give each of the accounts asked for.")

    # Time.

    def test_an_account_is_due_at_the_very_instant(self) -> None:
        """At `next_due` and later, not a microsecond before; in whatever zone the instant is written."""
        repository = self.make_repository()
        end = NOON + timedelta(days=1, microseconds=1)
        record(repository, A, credited(A, "c", 5, NOON, end))
        zone = timezone(timedelta(hours=5, minutes=45))
        check(list(repository.due(end)) == [A], "An account must be due at its next_due.")
        check(list(repository.due(end.astimezone(zone))) == [A], "due() must understand every offset.")
        check(not repository.due(end - MICROSECOND), "An account must not be due before its next_due.")
        check(not repository.due((end - MICROSECOND).astimezone(zone)), "due() must understand every offset.")
        sooner = NOON + timedelta(hours=1)
        record(repository, A, credited(A, "d", 5, NOON, sooner))
        check(list(repository.due(sooner)) == [A], "An account must be due at the next_due of its last commit.")
        advance(repository, A, sooner)
        check(not repository.due(end - MICROSECOND), "An account must be due at the next_due of its last commit.")

    def test_every_duty_makes_an_account_due(self) -> None:
        """A lot that ends, one that becomes available, a grant that runs out, a reservation that lapses."""
        repository = self.make_repository()
        later = NOON + timedelta(days=1)
        events: Mapping[str, Sequence[Event]] = {
            "ends": [credited(Account.member("ends"), "c", 5, NOON, later)],
            "grant": [
                StatusGrant(
                    id="s", member="grant", occurred_at=NOON, key="tier", until=later, actor="contract", reason="gift"
                )
            ],
            "hold": [
                credited(Account.member("hold"), "c", 50),
                Reservation(
                    id="h", member="hold", occurred_at=NOON, reward="pay", amount=POINTS.of(10), lapses_at=later
                ),
            ],
            "waits": [credited(Account.member("waits"), "c", 5, available_at=later)],
        }
        for id, duties in events.items():
            record(repository, Account.member(id), *duties)
        record(repository, Account.member("idle"), credited(Account.member("idle"), "c", 5))
        due = [account.id for account in repository.due(later)]
        check(due == [*events], f"Due must be {', '.join(events)}, not {', '.join(due) or 'nobody'}.")
        for id in events:
            advance(repository, Account.member(id), later)
        check(not repository.due(later), "Whoever has done what was due is due no more.")

    def test_who_is_due_is_read_in_pages(self) -> None:
        """In order of kind and id, at most *limit*, and only those behind *after*."""
        repository = self.make_repository()
        accounts = [Account.member(id) for id in ("b", "a", "B", "10", "9", "a1")]
        accounts += [Account.shared("a"), Account.shared("z")]
        end = NOON + timedelta(days=1)
        for account in accounts:
            record(repository, account, credited(account, "c", 5, NOON, end))
        expected = sorted(accounts, key=lambda account: account.key)
        check(list(repository.due(end)) == expected, "due() must be in order of Account.key.")
        read: list[Account] = []
        while page := repository.due(end, after=read[-1] if read else None, limit=3):
            check(len(page) <= 3, "due() must give no more than the limit.")
            read += page
            check(len(read) <= len(accounts), "due(after=) must give only accounts behind that one.")
        check(read == expected, "The pages together must give everyone who is due, once.")
        behind = repository.due(end, after=Account.member("a0"))
        check(list(behind) == [a for a in expected if a.key > ("member", "a0")], "after= need not be due itself.")


class AsyncLedgerRepositoryContract(LedgerRepositoryContract):
    """What an `AsyncLedgerRepository` must do: the same. Subclass it and give `make_async_repository`."""

    def make_async_repository(self) -> AsyncLedgerRepository:
        """A repository without commits: each call gives a fresh one."""
        raise NotImplementedError("make_async_repository() gives the repository to be proved.")

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Runs one call to its end. Override it for a driver that is bound to one event loop."""
        return asyncio.run(work)

    def make_repository(self) -> LedgerRepository:
        """The awaited repository, asked one call at a time."""
        return _Blocking(self.make_async_repository(), self)


class _Blocking:
    """An awaited repository as a blocking one."""

    def __init__(self, repository: AsyncLedgerRepository, contract: AsyncLedgerRepositoryContract) -> None:
        self._repository, self._contract = repository, contract

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        return self._contract.run(self._repository.load(accounts, lock=lock))

    def append(self, commits: Sequence[Commit], /) -> None:
        self._contract.run(self._repository.append(commits))

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterator[Commit]:
        async def read() -> Iterable[Commit]:
            return [commit async for commit in self._repository.history(account, about=about, since=since)]

        return iter(self._contract.run(read()))

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        return self._contract.run(self._repository.due(until, after=after, limit=limit))
