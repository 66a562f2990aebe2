"""What `load` and `history` of a ledger promise."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from datetime import timedelta, timezone

import attrs

from patronage.ledger import Account
from patronage.repositories import LedgerRepository, Stored
from patronage.state import fold
from patronage.testing._contract_play import (
    FAR,
    MICROSECOND,
    NOON,
    PROGRAM,
    A,
    B,
    advance,
    all_of,
    at_version,
    bought,
    commits_for,
    credited,
    described,
    ids_of,
    nothing,
    record,
    redeemed,
    renamed,
    returned,
    series,
    state_of,
    stored_of,
    version_of,
)
from patronage.testing._contract_trial import Promises, Trial, check, equal

Ledger = Trial[LedgerRepository]
reading = Promises[LedgerRepository]("LedgerRepository")


@reading.promise("load")
def an_unknown_account_is_absent_and_reading_does_not_create_it(trial: Ledger) -> None:
    """Accounts without a commit are left out, and nobody is there or due for having been asked about."""
    repository = trial.repository()
    check(not repository.load([A, B]), "load() gave accounts that have no commit.")
    check(not repository.load([A], lock=True), "load(lock=True) gave an account that has no commit.")
    check(not repository.load([]), "load() of no accounts gave some.")
    check(not all_of(repository, A), "An unknown account has a history.")
    check(not list(repository.history(A, about=["p"])), "An unknown account has a history.")
    check(not repository.due(FAR), "Somebody is due for having been loaded.")
    check(not repository.load([A, B]), "Somebody is there for having been read.")
    listing = getattr(repository, "accounts", None)
    check(listing is None or not listing(), "Somebody is listed for having been loaded.")


@reading.promise("load")
def the_version_and_the_state_are_those_of_the_last_commit(trial: Ledger) -> None:
    """Each known account comes with its last commit's version, and the state after that."""
    repository = trial.repository()
    for n, event in enumerate((bought(A, "p"), nothing(A, "n"), redeemed(A, "d", 20), bought(A, "q")), 1):
        (commit,) = record(repository, A, event)
        stored = stored_of(repository, A)
        check(isinstance(stored, Stored), "load() must give a Stored for an account that is known.")
        check(stored is not None and stored.version == n, f"After {n} commits the version is not {n}.")
        check(stored is not None and stored.state == commit.after, "The state is not the one after the last commit.")
        locked = repository.load([B, A], lock=True)
        check(locked.get(A) == stored and B not in locked, "With a lock it gives something else than without.")


@reading.promise("load")
def an_account_that_holds_nothing_is_known(trial: Ledger) -> None:
    """An account is known by its commits, not by what it holds: also after a refusal, and when all is spent."""
    repository = trial.repository()
    (refusal,) = record(repository, A, redeemed(A, "d", 20))
    check(refusal.refusal is not None, "(The check is wrong: this is refused.)")
    record(repository, B, bought(B, "p", total="20.00"), redeemed(B, "d", 20))
    check(version_of(repository, A) == 1, "An account that only had a refusal is not loaded with version 1.")
    check(version_of(repository, B) == 2, "An account that spent all is not loaded with version 2.")


@reading.promise("load")
def many_accounts_are_loaded_at_once(trial: Ledger) -> None:
    """Any collection will do, of any size, also with accounts that are unknown or stand there twice."""
    repository = trial.repository()
    accounts = [Account.member(f"m{n}") for n in range(1_500)]
    known = accounts[::3]
    repository.append([commit for account in known for commit in series(account, ["e"])])
    for asked in (accounts, tuple(accounts[:7]), set(accounts[:7]), dict.fromkeys(accounts[:7]).keys()):
        found = repository.load(asked)
        expected = {account for account in asked if account in set(known)}
        check(isinstance(found, Mapping), "load() must give a Mapping.")
        check(set(found) == expected, f"Of {len(asked)} accounts {len(found)} came back, not {len(expected)}.")
        wrong = next((account for account, stored in found.items() if stored.state.account != account), None)
        check(wrong is None, "An account has another one's state.")
    twice = repository.load([known[0], known[1], known[0]])
    check(set(twice) == {known[0], known[1]}, "An account that is asked for twice must come back once.")


@reading.promise("load")
def the_state_is_the_sum_of_the_entries(trial: Ledger) -> None:
    """After every append the state is the fold of the commits that history gives."""
    repository = trial.repository()
    events = [bought(A, f"p{n}", NOON + timedelta(days=n)) for n in range(5)]
    for event in (*events, returned(A, "r", "p3", at=NOON + timedelta(days=9))):
        record(repository, A, event)
        folded = fold(repository.history(A), calendar=PROGRAM.calendar)
        check(folded == state_of(repository, A), f"After event {event.id} they differ.")
    advance(repository, A, NOON + timedelta(days=31))
    folded = fold(repository.history(A), calendar=PROGRAM.calendar)
    check(folded == state_of(repository, A), "After what time did they differ.")


@reading.promise("history")
def history_is_in_order_of_version(trial: Ledger) -> None:
    """Commits come in order of version: not of ids, instants or texts (10 comes after 9)."""
    repository = trial.repository()
    record(repository, A, *[nothing(A, str(n)) for n in (3, 12, 1, 11, 2, 10, 9, 8, 7, 6, 5, 4)])
    versions = [commit.version for commit in repository.history(A)]
    check(versions == [*range(1, 13)], f"They came as {versions}.")
    about = ids_of(repository.history(A, about={"10", "9", "12"}))
    check(about == ["12", "10", "9"], f"Asked about three events, they came as {about}.")
    late = [
        attrs.evolve(
            commit,
            event=attrs.evolve(commit.event, occurred_at=NOON - n * MICROSECOND),
            recorded_at=NOON - n * MICROSECOND,
        )
        for n, commit in enumerate(series(B, [f"e{n}" for n in range(12)]))
    ]
    repository.append(late)
    versions = [commit.version for commit in repository.history(B)]
    check(versions == [*range(1, 13)], f"Where the later ones occurred earlier, they came as {versions}.")
    versions = [commit.version for commit in repository.history(B, about={f"e{n}" for n in range(12)})]
    check(versions == [*range(1, 13)], f"Asked about names, where the later ones occurred earlier, as {versions}.")


@reading.promise("history")
def history_finds_all_that_names_what_it_is_asked_about(trial: Ledger) -> None:
    """Asked about a purchase it finds that, its refunds, and the night in which a lot of it ended, each once."""
    repository = trial.repository()
    record(repository, A, bought(A, "p"), bought(A, "q"), nothing(A, "n"))
    record(repository, A, returned(A, "r1", "p", "10.00"))
    record(repository, A, returned(A, "r2", "p", "10.00"))
    record(repository, B, bought(B, "p"))
    advance(repository, A, NOON + timedelta(days=31))

    def found(*names: str) -> list[int]:
        return [commit.version for commit in repository.history(A, about=names)]

    check(found("p") == [1, 4, 5, 6], f"Versions {found('p')} came, where 1, 4, 5 and 6 name it.")
    check(found("r1") == [4], "A commit is not found by its own event.")
    check(found("p", "r1", "q") == [1, 2, 4, 5, 6], "A commit that has several of the names must come once.")
    check(found("p", "p") == [1, 4, 5, 6], "A name that is given twice must count once.")
    check(found("nobody") == [], "Nothing has that name, and something came.")
    check(found("n", "nobody") == [3], "A name that nothing has must not hide the others.")
    ordinals = [commit.ordinal for commit in repository.history(A, about=["p"]) if commit.root == "p"]
    check(ordinals == [0, 1, 2], f"Of three commits of the purchase those numbered {ordinals} came.")
    for commit in all_of(repository, A):
        for name in commit.names:
            check(commit.version in found(name), f"Commit {commit.version} names it, and is not found by that name.")


@reading.promise("history")
def every_name_of_a_commit_leads_to_it(trial: Ledger) -> None:
    """Any of a commit's names finds it: the first and the last of many, whole names only, in any collection."""
    repository = trial.repository()
    names = ("e1", "p", "pp", "x,y", '"q"', "[z]", "a|b", "a b", *(f"tail-{n}" for n in range(40)))
    one, other = series(A, ["e1", "e2"])
    repository.append([attrs.evolve(one, names=names), other])
    for name in names:
        for about in ([name], {name}, (name,), frozenset({name}), {name: 1}.keys()):
            check(ids_of(repository.history(A, about=about)) == ["e1"], f"Name {name!a} does not lead to its commit.")
    for part in ("x", "y", "q", "z", "a", "b", "tail", "e", "ppp", "tail-4%", ",", '"'):
        check(not list(repository.history(A, about=[part])), f"{part!a} is a part of a name, and no name.")
    check(ids_of(repository.history(A, about=["e2", "tail-39"])) == ["e1", "e2"], "Two names must lead to two commits.")


@reading.promise("history")
def history_since_an_instant_leaves_out_what_occurred_before(trial: Ledger) -> None:
    """`since` goes by when the event occurred: that instant is in, in whatever zone, and each commit for itself."""
    repository = trial.repository()
    commits = [
        attrs.evolve(
            commit,
            event=attrs.evolve(commit.event, occurred_at=NOON + shift * MICROSECOND),
            recorded_at=NOON + timedelta(days=3 - n),
        )
        for n, (commit, shift) in enumerate(zip(series(A, ["n0", "n1", "n2", "late"]), (0, 1, 2, -1), strict=True))
    ]
    repository.append(commits)
    since = (NOON + MICROSECOND).astimezone(timezone(timedelta(hours=5, minutes=45)))
    found = ids_of(repository.history(A, since=since))
    check(found == ["n1", "n2"], f"It gave {found}, where n1 and n2 occurred at or after the instant.")
    check(ids_of(repository.history(A, since=NOON)) == ["n0", "n1", "n2"], "What occurred earlier must be left out.")
    check(len(list(repository.history(A, since=NOON - MICROSECOND))) == 4, "What occurred at the instant must be in.")
    check(not list(repository.history(A, since=NOON + 3 * MICROSECOND)), "What occurred before must be left out.")
    both = ids_of(repository.history(A, about=["n0", "n2", "late"], since=NOON))
    check(both == ["n0", "n2"], f"With names and an instant it gave {both}, not n0 and n2.")


@reading.promise("history")
def a_thousand_events_later_the_first_is_still_there(trial: Ledger) -> None:
    """No number of commits is too large: all are kept, in order, and found by name, also those of one root."""
    repository = trial.repository()
    ids = [f"n{n}" for n in range(1_203)]
    commits = series(A, ids)
    commits[1:] = [
        attrs.evolve(commit, root="n0", ordinal=n, names=(commit.event.id, "n0"))
        for n, commit in enumerate(commits[1:], 1)
    ]
    for start in range(0, len(commits), 401):
        repository.append(commits[start : start + 401])
    check(ids_of(repository.history(A)) == ids, "history() must give all of them, in order.")
    check(ids_of(repository.history(A, about=["n0"])) == ids, "history(about=) must give every commit of a root.")
    check(ids_of(repository.history(A, about=ids)) == ids, "history(about=) must take more than a thousand names.")
    names = [*(f"x{n}" for n in range(1_202)), "n1200"]
    check(ids_of(repository.history(A, about=names)) == ["n1200"], "The last of more than a thousand names counts too.")
    check(len(list(repository.history(A, since=NOON))) == len(ids), "history(since=) must give all of them.")


@reading.promise("history")
def the_past_is_never_changed(trial: Ledger) -> None:
    """What was read before a refund, a cancellation or a night is read the same after it."""
    repository = trial.repository()
    record(repository, A, bought(A, "p"), bought(A, "q"), redeemed(A, "d", 20))
    before = all_of(repository, A)
    record(repository, A, returned(A, "r", "p"))
    equal(all_of(repository, A)[:3], before, "After a refund the past")
    advance(repository, A, NOON + timedelta(days=40))
    equal(all_of(repository, A)[:3], before, "After a night the past")


@reading.promise("history")
def a_history_can_be_left_half_read(trial: Ledger) -> None:
    """One that was read in part holds nothing up: the next append is taken, and the next reading is whole."""
    repository = trial.repository()
    repository.append(series(A, [f"n{n}" for n in range(20)]))
    half = iter(repository.history(A))
    first = [next(half) for _ in range(3)]
    close = getattr(half, "close", None)
    if close is not None:
        close()
    del half
    repository.append(series(A, ["more"], behind=20))
    check(ids_of(first) == ["n0", "n1", "n2"], "history() must begin with the first commit.")
    check(len(all_of(repository, A)) == 21, "The next reading was not whole.")


@reading.promise("history")
def a_history_that_was_asked_for_is_that_of_its_time_or_later(trial: Ledger) -> None:
    """What is appended after the question may be in the answer, at its end; nothing else moves."""
    repository = trial.repository()
    repository.append(series(A, [f"n{n}" for n in range(9)]))
    asked = repository.history(A)
    if isinstance(asked, Sequence):  # It is read already: then it must stay as it is.
        repository.append(series(A, ["more"], behind=9))
    found = ids_of(asked)[:9]
    check(found == [f"n{n}" for n in range(9)], f"It gave {found}.")


@reading.promise("load")
def what_was_read_is_the_callers_own(trial: Ledger) -> None:
    """Changing what was given to the store, or what it gave, does not change the store."""
    repository = trial.repository()
    batch = commits_for(repository, A, credited(A, "c", 5, NOON, NOON + timedelta(days=1)))
    expected = list(batch)
    repository.append(batch)
    batch[:] = series(A, ["other"])
    batch.clear()
    asked, names = [A], ["c"]
    loaded, found = repository.load(asked), repository.history(A, about=names)
    asked.clear()
    names.append("x")
    for given in (loaded, found, repository.history(A), repository.due(FAR)):
        if isinstance(given, MutableMapping | list):
            given.clear()
    equal(all_of(repository, A), expected, "After a list was changed the history")
    check(stored_of(repository, A) is not None, "After a mapping was changed the account is not there.")
    check(list(repository.due(FAR)) == [A], "After a list was changed nobody is due.")


@reading.promise("history")
def each_account_has_its_own(trial: Ledger) -> None:
    """An account is its kind and its id: no two share versions, events, roots or states, however alike they look."""
    repository = trial.repository()
    ids = ("a", "a1", "ab", "a:b", "a/b", "a|b", "a-b", "a_b", "a b", "a,b", "a.b", "b", "member a", "shared a")
    accounts = [*map(Account.member, ids), *map(Account.shared, ids)]
    events = ("e", "b:e", "b/e", "b|e", "b-e", "b_e", "b e", "b,e", "b.e", "1", "11", "1e")
    for account in accounts:
        repository.append(series(account, events))
    for account in accounts:
        found = ids_of(repository.history(account))
        check(found == [*events], f"The history of {described(account)} has {found}.")
        check(state_of(repository, account).account == account, f"The state of {described(account)} is another's.")
        check(version_of(repository, account) == len(events), f"The version of {described(account)} is wrong.")
    check(set(repository.load(accounts)) == set(accounts), "load() must give each of the accounts.")


@reading.promise("load")
def a_store_is_written_to_by_append_alone(trial: Ledger) -> None:
    """Loading with a lock and reading change nothing: the next append is of the next version."""
    repository = trial.repository()
    record(repository, A, bought(A, "p"))
    before, state = all_of(repository, A), state_of(repository, A)
    for _ in range(3):
        repository.load([A, B], lock=True)
        list(repository.history(A, about=["p"]))
        repository.due(FAR)
    equal(all_of(repository, A), before, "After reading the history")
    check(state_of(repository, A) == state, "After reading the state is another.")
    (following,) = commits_for(repository, A, nothing(A, "n"))
    repository.append([following])
    (first,) = series(B, ["n"])
    repository.append([at_version(renamed(first, "m"), 1)])
    check(version_of(repository, A) == 2 and version_of(repository, B) == 1, "The next append did not count.")
