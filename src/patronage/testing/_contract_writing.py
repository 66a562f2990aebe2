"""What `append` of a ledger promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import overload

import attrs

from patronage._frozen import FrozenMapping
from patronage.errors import DuplicateEventError, StaleStateError
from patronage.ledger import Account, Balance, Commit, Fact, WakeUp
from patronage.repositories import LedgerRepository
from patronage.state import State
from patronage.testing._contract_play import (
    FAR,
    NOON,
    PROGRAM,
    A,
    B,
    advance,
    all_of,
    at_version,
    bought,
    commits_for,
    ids_of,
    moved,
    nothing,
    placed,
    record,
    redeemed,
    refuses,
    renamed,
    returned,
    series,
    state_of,
    stored_of,
    version_of,
)
from patronage.testing._contract_trial import Promises, Trial, check, equal

Ledger = Trial[LedgerRepository]
writing = Promises[LedgerRepository]("LedgerRepository")


def untouched(repository: LedgerRepository, account: Account, what: str) -> None:
    """Nothing may be left of an account that was never written."""
    check(not all_of(repository, account), f"Of {what} a commit was kept.")
    check(stored_of(repository, account) is None, f"Of {what} a state was kept.")
    check(account not in repository.due(FAR), f"Of {what} somebody is due.")
    listing = getattr(repository, "accounts", None)
    check(listing is None or account not in listing(), f"Of {what} an account is listed.")


# Versions.


@writing.promise("append")
def of_two_writers_who_read_the_same_the_second_is_refused(trial: Ledger) -> None:
    """Whoever decided on an older version gets StaleStateError, and leaves nothing."""
    repository = trial.repository()
    one, other = (commits_for(repository, A, bought(A, id)) for id in ("p", "q"))
    repository.append(one)
    refuses(repository, other, StaleStateError, "The second of two first commits must be refused.")
    equal(all_of(repository, A), one, "After a refused append the history")
    check(state_of(repository, A) == one[-1].after, "A refused append changed the state.")
    three, four = (commits_for(repository, A, bought(A, id)) for id in ("q", "r"))
    repository.append(three)
    refuses(repository, four, StaleStateError, "The second of two writers at version 2 must be refused.")
    repository.append(commits_for(repository, A, bought(A, "r")))
    check(ids_of(all_of(repository, A)) == ["p", "q", "r"], "After a refused append the store must go on working.")


@writing.promise("append")
def a_version_ahead_of_the_next_is_refused(trial: Ledger) -> None:
    """A gap would say that something is missing: StaleStateError, for new accounts as for known ones."""
    repository = trial.repository()
    first, second, third = commits_for(repository, A, *[nothing(A, id) for id in "pqr"])
    refuses(repository, [second], StaleStateError, "A first commit of version 2 must be refused.")
    untouched(repository, A, "a refused append")
    repository.append([first])
    refuses(repository, [third], StaleStateError, "A version ahead of the next one must be refused.")
    refuses(repository, [third, second], StaleStateError, "A batch against the order must be refused.")
    twice = at_version(renamed(second, "twice"), 2)
    fourth = at_version(renamed(third, "s"), 4)
    for batch in ([second, fourth], [second, twice], [second, third, twice], [second, at_version(third, 1)]):
        versions = ", ".join(str(commit.version) for commit in batch)
        refuses(repository, batch, StaleStateError, f"At version 1, a batch of versions {versions} must be refused.")
    for version in (0, -1):
        behind = at_version(renamed(second, f"v{version}"), version)
        refuses(repository, [behind], StaleStateError, f"Version {version} must be refused.")
    equal(all_of(repository, A), [first], "After a refused append the history")
    repository.append([second, third])
    check(version_of(repository, A) == 3, "After refused appends the right ones must be taken.")


@writing.promise("append")
def a_version_is_never_written_twice(trial: Ledger) -> None:
    """An old version is refused however old it is, and its commit stays as it was."""
    repository = trial.repository()
    written = series(A, [f"n{n}" for n in range(12)])
    repository.append(written)
    for version in (1, 2, 9, 10, 11, 12):
        again = at_version(renamed(written[0], f"again-{version}"), version)
        refuses(repository, [again], StaleStateError, f"At version 12, a commit of version {version} must be refused.")
    equal(all_of(repository, A), written, "After refused appends the history")


@writing.promise("append")
def a_batch_is_taken_whole_or_not_at_all(trial: Ledger) -> None:
    """Where one account's version is stale nothing of the others is kept, whichever comes first."""
    for ready, late in ((A, B), (B, A)):
        for turned in (False, True):
            repository = trial.repository()
            record(repository, late, nothing(late, "before"))
            stale = commits_for(repository, late, nothing(late, "stale"))
            record(repository, late, nothing(late, "meanwhile"))
            good = commits_for(repository, ready, bought(ready, "p"), nothing(ready, "n"))
            batch = [*stale, *good] if turned else [*good, *stale]
            refuses(repository, batch, StaleStateError, "A batch with a stale account must be refused.")
            untouched(repository, ready, "a refused batch")
            check(ids_of(all_of(repository, late)) == ["before", "meanwhile"], "Of a refused batch a commit was kept.")
            repository.append(good)
            equal(all_of(repository, ready), good, "Once it was sent again alone the history")


@writing.promise("append")
def the_last_commit_of_a_batch_can_undo_it_all(trial: Ledger) -> None:
    """A batch is looked at to its end: a stale, misplaced or known last commit leaves nothing of those before it."""
    repository = trial.repository()
    kept = record(repository, B, bought(B, "p"))
    (following,) = commits_for(repository, B, nothing(B, "x"))
    head = [*series(A, ["e1", "e2", "e3"]), *series(Account.shared("s"), ["e1"])]
    for last, error in (
        (at_version(following, 3), StaleStateError),
        (at_version(following, 1), StaleStateError),
        (placed(following, "p", 0), StaleStateError),
        (renamed(following, "p"), DuplicateEventError),
    ):
        refuses(repository, [*head, last], error, "A batch whose last commit cannot stand must be refused.")
        untouched(repository, A, "a refused batch")
        untouched(repository, Account.shared("s"), "a refused batch")
        equal(all_of(repository, B), kept, "After a refused batch the history")
    repository.append([*head, following])
    equal(all_of(repository, A), head[:3], "Once its last commit is right the batch")


@writing.promise("append")
def a_batch_may_hold_several_commits_of_several_accounts(trial: Ledger) -> None:
    """Accounts may take turns in a batch, each account's commits in order of version; an empty batch is no error."""
    repository = trial.repository()
    repository.append([])
    repository.append(())
    one = commits_for(repository, A, bought(A, "p"), nothing(A, "n"), nothing(A, "m"))
    other = commits_for(repository, B, bought(B, "p"), nothing(B, "n"), nothing(B, "m"))
    repository.append(tuple(commit for pair in zip(one, other, strict=True) for commit in pair))
    repository.append([])
    equal(all_of(repository, A), one, "The history of the first account")
    equal(all_of(repository, B), other, "The history of the second account")
    for account, commits in ((A, one), (B, other)):
        stored = stored_of(repository, account)
        check(stored is not None and stored.version == 3, "A batch must leave an account at its last commit's version.")
        check(state_of(repository, account) == commits[-1].after, "A batch must leave an account in its last state.")


@writing.promise("append")
def a_batch_may_be_large(trial: Ledger) -> None:
    """Six hundred accounts with two commits each are taken in one batch, whole."""
    repository = trial.repository()
    accounts = [Account.member(f"m{n}") for n in range(600)]
    batch = [commit for account in accounts for commit in series(account, ["e1", "e2"])]
    known = series(A, ["e1", "e2", "e1"])
    refuses(repository, [*batch, *known], DuplicateEventError, "A large batch with an event twice must be refused.")
    check(not repository.load(accounts), "Of a large batch that was refused something was kept.")
    repository.append(batch)
    found = repository.load(accounts)
    check(len(found) == 600 and {each.version for each in found.values()} == {2}, "Not all of a large batch was kept.")
    check(ids_of(all_of(repository, accounts[-1])) == ["e1", "e2"], "Not all of a large batch was kept.")


# Places.


@writing.promise("append")
def a_place_among_the_commits_of_a_root_is_taken_once(trial: Ledger) -> None:
    """A history that lacked its tail gives an ordinal twice: StaleStateError, also within one batch."""
    repository = trial.repository()
    record(repository, A, bought(A, "p"))
    record(repository, A, returned(A, "r1", "p", "10.00"))
    past = [commit for commit in all_of(repository, A) if commit.version == 1]
    blind = PROGRAM.decide(state_of(repository, A), returned(A, "r2", "p", "45.00"), history=past).commits
    refuses(repository, blind, StaleStateError, "A second commit at one place of a root must be refused.")
    one, other = commits_for(repository, A, nothing(A, "x"), nothing(A, "y"))
    batch = [placed(one, "p", 2), placed(other, "p", 2)]
    refuses(repository, batch, StaleStateError, "Two commits of a batch at one place of a root must be refused.")
    check(ids_of(all_of(repository, A)) == ["p", "r1"], "A refused append left something behind.")
    repository.append([placed(one, "p", 2), placed(other, "p", 3)])


@writing.promise("append")
def places_are_a_roots_own(trial: Ledger) -> None:
    """The same ordinal under another root, or of another account, is another place."""
    repository = trial.repository()
    for account in (A, B, Account.shared("a")):
        commits = series(account, ["e1", "e2", "e3", "e4", "e5"])
        places = (("p", 0), ("p", 10), ("p1", 0), ("q", 10), ("p", 1))
        repository.append([placed(commit, *place) for commit, place in zip(commits, places, strict=True)])
        found = [(commit.root, commit.ordinal) for commit in repository.history(account)]
        check(found == [*places], f"The places {places} came back as {found}.")


# Events.


@writing.promise("append")
def a_known_event_is_a_duplicate_whatever_else_is_wrong(trial: Ledger) -> None:
    """A known event raises DuplicateEventError, never StaleStateError: at an old version, the next, or a far one."""
    repository = trial.repository()
    written = record(repository, A, bought(A, "p"), nothing(A, "n"))
    refuses(repository, written[:1], DuplicateEventError, "The same commit again must be refused as a duplicate.")
    refuses(repository, written, DuplicateEventError, "The same batch again must be refused as a duplicate.")
    (following,) = commits_for(repository, A, nothing(A, "x"))
    for id in ("p", "n"):
        for version in (1, 2, 3, 9):
            other = at_version(renamed(following, id), version)
            said = f"Event {id} with other content, in version {version}, must be refused as a duplicate."
            refuses(repository, [other], DuplicateEventError, said)
        apart = placed(renamed(following, id), "elsewhere", 7)
        refuses(repository, [apart], DuplicateEventError, "A known event of another root must be a duplicate.")
    equal(all_of(repository, A), written, "After duplicates the history")
    check(state_of(repository, A) == written[-1].after, "A duplicate changed the state.")
    repository.append([following])
    check(version_of(repository, A) == 3, "After duplicates the store must go on working.")


@writing.promise("append")
def a_batch_with_a_known_event_is_refused_whole(trial: Ledger) -> None:
    """DuplicateEventError, also where the event stands twice in the batch itself; and nothing of it is kept."""
    repository = trial.repository()
    kept = record(repository, B, nothing(B, "n"))
    known = renamed(commits_for(repository, B, nothing(B, "x"))[0], "n")
    good = commits_for(repository, A, nothing(A, "y"))
    for batch in ([*good, known], [known, *good]):
        refuses(repository, batch, DuplicateEventError, "A batch with a known event must be refused as a duplicate.")
        untouched(repository, A, "a refused batch")
    first, second = commits_for(repository, A, nothing(A, "y"), nothing(A, "z"))
    said = "A batch that has one event twice must be refused as a duplicate."
    refuses(repository, [first, renamed(second, "y")], DuplicateEventError, said)
    untouched(repository, A, "a refused batch")
    equal(all_of(repository, B), kept, "After a refused batch the history")


@writing.promise("append")
def an_event_that_was_worth_nothing_is_known_too(trial: Ledger) -> None:
    """A commit without entries, and a refusal, are kept like any other, also when the account has moved on."""
    repository = trial.repository()
    written = record(repository, A, nothing(A, "n"), redeemed(A, "d", 20))
    equal(all_of(repository, A), written, "With commits that have no entries the history")
    record(repository, A, bought(A, "p"), bought(A, "q"))
    advance(repository, A, NOON + timedelta(days=31))
    (following,) = commits_for(repository, A, nothing(A, "x", NOON + timedelta(days=31)))
    for id in ("n", "d"):
        again = renamed(following, id)
        refuses(repository, [again], DuplicateEventError, f"Event {id}, which was worth nothing, must stay known.")


@writing.promise("append")
def two_accounts_may_have_events_of_one_id(trial: Ledger) -> None:
    """An event's id is its account's own: of two members, of a member and a shared account, and what time does."""
    repository = trial.repository()
    accounts = (A, B, Account.shared("a"))
    (template,) = [record(repository, account, bought(account, "p"))[0] for account in accounts][:1]
    for account in accounts:
        commits = all_of(repository, account)
        check(len(commits) == 1 and commits[0].account == account, "Each account must have its own commit.")
        check(state_of(repository, account).account == account, "Each account must have its own state.")
        again = at_version(moved(template, account), 2)
        refuses(repository, [again], DuplicateEventError, "Each of them must know the event.")
    night = NOON + timedelta(days=31)
    ids = {commit.event.id for account in (A, B) for commit in advance(repository, account, night)}
    check(len(ids) == 1, "(The check is wrong: what time does at one instant has one id.)")
    for account in (A, B):
        check(
            version_of(repository, account) == 2, "What time did to one account must not hide what it did to another."
        )


@writing.promise("append")
def a_thousand_events_later_the_first_is_still_known(trial: Ledger) -> None:
    """Nothing is forgotten: a known event is a duplicate however much came after it."""
    repository = trial.repository()
    count = 1_203
    commits = series(A, [f"n{n}" for n in range(count)])
    for start in range(0, count, 401):
        repository.append(commits[start : start + 401])
    later = attrs.evolve(commits[0].event, occurred_at=NOON + timedelta(days=4_000))
    repository.append(
        [at_version(attrs.evolve(renamed(commits[0], "later"), event=attrs.evolve(later, id="later")), count + 1)]
    )
    for n in (0, 1, 500, count - 1):
        known = at_version(renamed(commits[0], f"n{n}"), count + 2)
        refuses(repository, [known], DuplicateEventError, f"Event {n} of {count} must still be known.")
    check(version_of(repository, A) == count + 1, "Refused appends changed the version.")


# Faults.


class _Interrupted(Sequence[Commit]):
    """A batch whose reading fails after so many commits."""

    def __init__(self, commits: Sequence[Commit], after: int) -> None:
        self._commits, self._after = commits, after

    @overload
    def __getitem__(self, index: int) -> Commit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Commit]: ...
    def __getitem__(self, index: int | slice) -> Commit | Sequence[Commit]:
        return self._commits[index]

    def __len__(self) -> int:
        return len(self._commits)

    def __iter__(self) -> Iterator[Commit]:
        yield from self._commits[: self._after]
        raise RuntimeError("The contract ends this batch half way.")


@writing.promise("append")
def an_error_half_way_leaves_nothing(trial: Ledger) -> None:
    """Whatever goes wrong while a batch is written, nothing of it is kept and the store goes on working."""
    for after in (1, 3):
        repository = trial.repository()
        kept = record(repository, B, bought(B, "p"))
        batch = [*series(A, ["e1", "e2"]), *commits_for(repository, B, nothing(B, "n"), nothing(B, "m"))]
        try:
            repository.append(_Interrupted(batch, after))
        except Exception:
            pass
        else:  # It has another way to read a sequence: then it took the batch whole.
            check(version_of(repository, A) == 2 and version_of(repository, B) == 3, "A batch was kept in part.")
            continue
        untouched(repository, A, "a batch that failed half way")
        equal(all_of(repository, B), kept, "After a batch that failed half way the history")
        check(state_of(repository, B) == kept[-1].after, "A batch that failed half way changed a state.")
        repository.append(batch)
        check(ids_of(all_of(repository, A)) == ["e1", "e2"], "After an error the store must go on working.")
        check(version_of(repository, B) == 3, "After an error the store must go on working.")


def _unwritable(commit: Commit) -> Iterator[tuple[str, Commit]]:
    """The commit with a text that no database holds, in one part after the other."""
    bad = "\ud800"
    assert isinstance(commit.after, State)
    facts = FrozenMapping[str, Fact]({"bad": bad})
    yield "a fingerprint", attrs.evolve(commit, fingerprint=bad)
    yield "names", attrs.evolve(commit, names=(*commit.names, bad))
    yield "an entry", attrs.evolve(commit, entries=tuple(attrs.evolve(entry, cause=bad) for entry in commit.entries))
    yield "a basis", attrs.evolve(commit, basis=attrs.evolve(commit.basis, balances=(Balance(bad, None, 1),)))
    wake_up = WakeUp(NOON, "contract", bad, facts)
    yield "a state", attrs.evolve(commit, after=attrs.evolve(commit.after, wake_ups=(wake_up,)))


@writing.promise("append")
def what_cannot_be_written_leaves_nothing(trial: Ledger) -> None:
    """Where a part of a commit cannot be written, nothing of it is kept, nor of the commits before it."""
    repository = trial.repository()
    kept = record(repository, B, bought(B, "p"))
    good, (last,) = series(A, ["e1"]), commits_for(repository, B, bought(B, "q"))
    for part, bad in _unwritable(last):
        try:
            repository.append([*good, bad])
        except Exception:
            untouched(repository, A, f"a batch with {part} that cannot be written")
            equal(all_of(repository, B), kept, f"After {part} that could not be written the history")
            check(
                state_of(repository, B) == kept[-1].after, f"After {part} that could not be written the state is new."
            )
        else:  # This store can write it: then what follows needs another one.
            repository = trial.repository()
            repository.append(kept)
    repository.append([*good, last])
    check(version_of(repository, B) == 2, "After errors the store must go on working.")


@writing.promise("append")
def after_a_refusal_all_is_as_if_it_had_not_been(trial: Ledger) -> None:
    """Refused appends leave no receipt, no place and no lock: the same events are taken once they are decided anew."""
    repository = trial.repository()
    record(repository, A, bought(A, "p"))
    stale = commits_for(repository, A, returned(A, "r", "p", "10.00"))
    record(repository, A, nothing(A, "meanwhile"))
    for _ in range(3):
        refuses(repository, stale, StaleStateError, "An append at an old version must be refused.")
    record(repository, A, returned(A, "r", "p", "10.00"))
    record(repository, B, nothing(B, "n"))
    check(ids_of(all_of(repository, A)) == ["p", "meanwhile", "r"], "Decided anew, the event was not kept.")
    check([commit.ordinal for commit in repository.history(A, about=["p"])] == [0, 1], "Its place was not free.")
    check(version_of(repository, B) == 1, "After refused appends another account's commit was not kept.")
