"""What a ledger promises where it can: neighbours, reopening, a caller's transaction, locks, lost answers."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from threading import Event as Signal
from threading import Thread

from patronage.errors import DuplicateEventError, PatronageError, StaleStateError
from patronage.loyalty import Loyalty, Retry
from patronage.repositories import LedgerRepository
from patronage.testing._contract_play import (
    FAR,
    NOON,
    PROGRAM,
    A,
    B,
    advance,
    all_of,
    bought,
    commits_for,
    credited,
    due_at,
    ids_of,
    nothing,
    record,
    redeemed,
    refuses,
    returned,
    series,
    state_of,
    stored_of,
    version_of,
)
from patronage.testing._contract_trial import Ability, Effort, NotProvedError, Promises, Trial, check, equal

Ledger = Trial[LedgerRepository]
abilities = Promises[LedgerRepository]("LedgerRepository")
threaded_abilities = Promises[LedgerRepository]("LedgerRepository")


class _CallersError(Exception):
    """The caller's own, that leaves the transaction."""


@abilities.promise("append")
def two_programs_in_one_database_do_not_meet(trial: Ledger) -> None:
    """Equal accounts, events, roots and names of two programs are two: every key begins with the program's id."""
    repository = trial.repository()
    neighbour = trial.neighbour(repository)
    soon = NOON + timedelta(days=31)
    record(repository, A, bought(A, "p"))
    check(not neighbour.load([A]), "Another program's account is loaded.")
    check(not all_of(neighbour, A), "Another program's commits are read.")
    check(not neighbour.due(soon), "Another program's account is due.")
    record(neighbour, A, bought(A, "p", total="7.00"), returned(A, "r", "p", "1.00"))
    record(repository, A, returned(A, "r", "p", "10.00"), nothing(A, "n"))
    check(ids_of(all_of(neighbour, A)) == ["p", "r"], "Another program's commits are read, or its own are lost.")
    check(ids_of(all_of(repository, A)) == ["p", "r", "n"], "Another program's commits are read, or its own are lost.")
    check(ids_of(neighbour.history(A, about=["p"])) == ["p", "r"], "Another program's names are looked up.")
    check(state_of(repository, A) != state_of(neighbour, A), "Another program's state is written.")
    advance(repository, A, soon)
    check(list(neighbour.due(soon)) == [A] and not repository.due(soon), "Another program's next_due is written.")
    listing, other = getattr(repository, "accounts", None), getattr(neighbour, "accounts", None)
    record(neighbour, B, nothing(B, "n"))
    check(listing is None or list(listing()) == [A], "Another program's accounts are listed.")
    check(other is None or list(other()) == [A, B], "A program's own accounts are not listed.")


@abilities.promise("append")
def what_was_acknowledged_is_there_when_it_is_opened_again(trial: Ledger) -> None:
    """Once `append` has returned, another connection finds all of it: states, history, names, who is due."""
    repository = trial.repository()
    written = record(repository, A, bought(A, "p"), returned(A, "r", "p", "10.00"), nothing(A, "n"))
    stale = commits_for(repository, A, nothing(A, "late"))
    written += record(repository, A, redeemed(A, "d", 9_000))
    refuses(repository, stale, StaleStateError, "An append at an old version must be refused.")
    refuses(repository, written[:1], DuplicateEventError, "A known event must be refused.")
    others = series(B, [f"e{n}" for n in range(30)])
    repository.append([*others[:-1], due_at(others[-1], NOON)])
    again = trial.reopened(repository)
    equal(all_of(again, A), written, "Opened again the history")
    check(stored_of(again, A) == stored_of(repository, A), "Opened again the state is another one.")
    check(ids_of(again.history(A, about=["p"])) == ["p", "r"], "Opened again the names are not found.")
    check(version_of(again, B) == 30, "Opened again what came after a refused append is gone.")
    check(list(again.due(NOON)) == [B] and list(again.due(FAR)) == [A, B], "Opened again others are due.")
    refuses(again, written[:1], DuplicateEventError, "Opened again it must know the events.")
    record(again, A, nothing(A, "x"))
    check(version_of(again, A) == 5, "Opened again it does not go on.")


@abilities.promise("load")
def two_connections_see_one_database(trial: Ledger) -> None:
    """Whatever a connection has read before, it reads what another has written since, and is refused what is stale."""
    repository = trial.repository()
    other = trial.reopened(repository)
    for n in range(4):
        reader, writer = (repository, other) if n % 2 else (other, repository)
        check(version_of(reader, A) == n, "A connection does not see what the other has written.")
        stale = commits_for(reader, A, nothing(A, f"stale-{n}"))
        list(reader.history(A))
        reader.due(FAR)
        (written,) = record(writer, A, credited(A, f"e{n}", 5, NOON, NOON + timedelta(days=n + 1)))
        refuses(reader, stale, StaleStateError, "What was decided before the other wrote must be refused.")
        again = written if n % 3 else commits_for(reader, A, nothing(A, "x"))[0]
        if again is written:
            refuses(reader, [again], DuplicateEventError, "What the other has written must be known.")
        check(state_of(reader, A) == written.after, "A connection reads a state that is older than the last commit.")
        check(len(all_of(reader, A)) == n + 1, "A connection reads a history that is older than the last commit.")
        check(list(reader.due(NOON + timedelta(days=n + 1))) == [A], "A connection does not see who is due.")


@threaded_abilities.promise("load", effort=Effort.THREADS)
def a_lock_ends_with_its_transaction(trial: Ledger) -> None:
    """Outside a caller's transaction `load(lock=True)` holds nobody up, also when nothing is appended after it."""
    repository = trial.repository()
    (other,) = trial.in_threads(repository, 1)
    record(repository, A, nothing(A, "n"))
    repository.load([A, B], lock=True)
    list(repository.history(A, about=["n"]))
    done = Signal()

    def write() -> None:
        with suppress(PatronageError):
            other.append([*series(B, ["e"]), *series(A, ["e"], behind=1)])
            done.set()

    writer = Thread(target=write, daemon=True)
    writer.start()
    writer.join(trial.contract.patience)
    check(done.is_set(), "Another writer waited for it, or was refused.")
    check(version_of(repository, A) == 2, "What another wrote meanwhile is not read.")


# A transaction of the caller's own.


@abilities.promise("append")
def it_joins_the_callers_transaction(trial: Ledger) -> None:
    """In a transaction of the caller's, what is appended is read there at once, and is kept when that commits."""
    repository = trial.repository()
    with trial.transaction(repository) as inside:
        written = record(inside, A, bought(A, "p"), returned(A, "r", "p", "10.00"))
        inside.load([A, B], lock=True)
        equal(all_of(inside, A), written, "Inside the transaction the history")
        check(version_of(inside, A) == 2, "Inside the transaction the version is another one.")
        refuses(inside, written[:1], DuplicateEventError, "Inside the transaction the event must be known.")
    equal(all_of(repository, A), written, "After the transaction the history")
    check(version_of(repository, A) == 2, "After the transaction the version is another one.")


@abilities.promise("append")
def the_callers_rollback_undoes_it(trial: Ledger) -> None:
    """Where the caller's transaction fails nothing of what was appended in it is kept: no order without its points."""
    repository = trial.repository()
    kept = record(repository, B, bought(B, "p"))
    with suppress(_CallersError), trial.transaction(repository) as inside:
        record(inside, A, bought(A, "p"))
        record(inside, B, nothing(B, "n"))
        raise _CallersError
    check(not repository.load([A]) and not all_of(repository, A), "A commit was kept though the transaction failed.")
    equal(all_of(repository, B), kept, "After a transaction that failed the history")
    check(state_of(repository, B) == kept[-1].after, "After a transaction that failed the state is another one.")
    record(repository, A, bought(A, "p"))
    record(repository, B, nothing(B, "n"))
    check(version_of(repository, A) == 1 and version_of(repository, B) == 2, "After it the same must be taken.")


@abilities.promise("append")
def a_refusal_leaves_the_callers_transaction(trial: Ledger) -> None:
    """StaleStateError rises inside the caller's transaction, and what was appended in it before is not kept."""
    repository = trial.repository()
    stale = commits_for(repository, B, nothing(B, "stale"))
    record(repository, B, nothing(B, "meanwhile"))
    met = False
    try:
        with trial.transaction(repository) as inside:
            record(inside, A, nothing(A, "n"))
            inside.append(stale)
    except StaleStateError:
        met = True
    check(met, "A stale append inside the caller's transaction raised nothing there.")
    check(not repository.load([A]), "What was appended before the refusal was kept.")
    check(version_of(repository, B) == 1, "The refused commit was kept.")
    record(repository, A, nothing(A, "n"))
    check(version_of(repository, A) == 1, "After the refusal the store must go on working.")


@threaded_abilities.promise("due", effort=Effort.THREADS)
def a_late_commit_is_not_passed_over(trial: Ledger) -> None:
    """An append that began before others and is committed after them is found by the next question."""
    repository = trial.repository()
    (other,) = trial.in_threads(repository, 1)
    early, late = series(A, ["e"])[0], series(B, ["e"])[0]
    appended, read = Signal(), Signal()
    failed: list[BaseException] = []
    kept: list[str] = []

    def first() -> None:
        try:
            with trial.transaction(other) as inside:
                inside.append([due_at(early, NOON)])
                appended.set()
                read.wait(trial.contract.patience)
            kept.append("a")
        except NotProvedError as error:
            failed.append(error)
        except Exception:  # At a strict level the caller's transaction may lose; then nothing of it is there.
            pass
        finally:
            appended.set()

    writer = Thread(target=first, daemon=True)
    writer.start()
    appended.wait(trial.contract.patience)

    def last() -> None:
        try:
            repository.append([due_at(late, NOON)])
            kept.append("b")
        except StaleStateError:
            pass
        except BaseException as error:
            failed.append(error)

    second = Thread(target=last, daemon=True)
    second.start()
    second.join(1)  # A store with one writer at a time makes it wait: then nobody comes late.
    if not second.is_alive():
        list(repository.due(NOON))
    read.set()
    for thread in (writer, second):
        thread.join(trial.contract.patience)
        check(not thread.is_alive(), "Two writers of two accounts did not come to an end.")
    if failed:
        if isinstance(failed[0], NotProvedError):
            raise failed[0]
        raise AssertionError(f"One of two writers of two accounts met {failed[0]!r}.") from failed[0]
    check(bool(kept), "Neither of two writers of two accounts was taken.")
    due = [account.id for account in repository.due(NOON)]
    check(due == sorted(kept), f"Due are {due}, and kept were {sorted(kept)}: whoever committed late was passed over.")
    read_back = [account.id for account in (A, B) if all_of(repository, account)]
    check(read_back == sorted(kept), f"Read are the commits of {read_back}, and kept were those of {sorted(kept)}.")


@threaded_abilities.promise("load", effort=Effort.THREADS)
def a_lock_holds_until_the_transaction_ends(trial: Ledger) -> None:
    """Who loads with a lock reads what no other transaction can change until its own is over."""
    if not trial.contract.locks:
        raise NotProvedError(Ability.LOCKS)
    repository = trial.repository()
    (other,) = trial.in_threads(repository, 1)
    record(repository, A, nothing(A, "n"))
    seen: list[int] = []

    def second() -> None:
        try:
            with trial.transaction(other) as inside:
                seen.append(inside.load([A], lock=True)[A].version)
        except Exception:  # At a strict level whoever waited loses: it read nothing that has changed.
            pass

    with trial.transaction(repository) as inside:
        inside.load([A, B], lock=True)
        waiting = Thread(target=second, daemon=True)
        waiting.start()
        waiting.join(1)
        early = bool(seen)
        record(inside, A, nothing(A, "m"))
    waiting.join(trial.contract.patience)
    check(not waiting.is_alive(), "A transaction that waited for the lock did not come to an end.")
    check(
        not early and seen in ([2], []),
        "A second transaction got the lock, and the old version, from the first.",
    )


# Lost answers.


@abilities.promise("append")
def a_lost_answer_is_no_second_commit(trial: Ledger) -> None:
    """Where COMMIT worked and its answer was lost, the batch is there once: it is never appended again."""
    repository = trial.repository()
    loyalty = Loyalty(PROGRAM, repository, clock=lambda: NOON, retry=Retry(lasts=timedelta(seconds=10)))
    record(repository, A, credited(A, "open", 100))
    commits = commits_for(repository, A, bought(A, "p"))
    if not trial.contract.lose_an_answer(repository):
        raise NotProvedError(Ability.LOST_ANSWERS)
    with suppress(Exception):  # It may say that the outcome is unknown; or find out.
        repository.append(commits)
    check(
        ids_of(all_of(repository, A)) == ["open", "p"], "After a lost answer the event is there not at all, or twice."
    )
    check(version_of(repository, A) == 2, "After a lost answer the version is another one.")
    check(state_of(repository, A) == commits[-1].after, "After a lost answer the state is another one.")
    refuses(repository, commits, DuplicateEventError, "Sent again after a lost answer, the event must be known.")
    wish = redeemed(A, "d", 100)
    trial.contract.lose_an_answer(repository)
    with suppress(Exception):
        loyalty.record(wish)
    check(loyalty.record(wish).repeated, "Recorded again after a lost answer, the event must get its first answer.")
    check(ids_of(all_of(repository, A)) == ["open", "p", "d"], "After a lost answer the event is there twice.")
