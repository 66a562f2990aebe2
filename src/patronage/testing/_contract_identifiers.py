"""What an `IdentifierRepository` promises: the first owner wins, and a code is taken as it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from patronage.errors import quote
from patronage.ledger import Account
from patronage.repositories import IdentifierRepository, IdentifierTakenError
from patronage.testing._contract_play import A, B
from patronage.testing._contract_storms import DONE, Wait, in_processes, in_threads
from patronage.testing._contract_trial import Ability, Effort, NotProvedError, Promises, Trial, check, refused
from patronage.testing._contract_values import ALIKE

Identifiers = Trial[IdentifierRepository]
identifiers = Promises[IdentifierRepository]("IdentifierRepository")
threaded_identifiers = Promises[IdentifierRepository]("IdentifierRepository")

SHARED: Final = Account.shared("a")
_CODES: Final = (*ALIKE, "+4915112345678", "004915112345678", "4915112345678", "ABC-123", "ABC123", "abc-123", "0", "O")


def taken(repository: IdentifierRepository, kind: str, code: str, account: Account) -> None:
    """Claiming must be refused."""
    said = f"A claim of a code that another account has must raise IdentifierTakenError, for {quote(code)}."
    refused(IdentifierTakenError, lambda: repository.claim(kind, code, account), said)


@identifiers.promise("owner")
def an_unclaimed_code_is_nobodys(trial: Identifiers) -> None:
    """Nobody owns what was not claimed, and asking does not claim it."""
    repository = trial.repository()
    for _ in range(2):
        check(repository.owner("referral", "X") is None, "A code that nobody claimed has an owner.")
    repository.claim("referral", "X", A)
    check(repository.owner("referral", "X") == A, "The claim of a code that was asked for before did not count.")


@identifiers.promise("claim")
def the_first_owner_wins(trial: Identifiers) -> None:
    """A claim by another account is refused, however often, and changes nothing."""
    repository = trial.repository()
    repository.claim("referral", "X", A)
    for account in (B, SHARED, B):
        taken(repository, "referral", "X", account)
        check(repository.owner("referral", "X") == A, "A refused claim changed the owner.")
    repository.claim("referral", "Y", B)
    check(repository.owner("referral", "Y") == B, "After a refused claim the store must go on working.")
    taken(repository, "referral", "Y", A)
    check(repository.owner("referral", "X") == A, "A refused claim changed another code's owner.")


@identifiers.promise("claim")
def the_owner_may_claim_again(trial: Identifiers) -> None:
    """A claim by its owner changes nothing and is no error; the code stays closed to others."""
    repository = trial.repository()
    for _ in range(3):
        repository.claim("referral", "X", A)
        check(repository.owner("referral", "X") == A, "A claim again changed the owner.")
    taken(repository, "referral", "X", B)
    repository.claim("referral", "X", A)
    check(repository.owner("referral", "X") == A, "After a refused claim by another the owner's own must be no error.")


@identifiers.promise("claim")
def an_account_may_have_many_codes(trial: Identifiers) -> None:
    """One account's second code does not replace its first; a thousand and more are kept."""
    repository = trial.repository()
    codes = [f"C{n}" for n in range(1_105)]
    for n, code in enumerate(codes):
        repository.claim("referral", code, A if n % 3 else B)
    wrong = [code for n, code in enumerate(codes) if repository.owner("referral", code) != (A if n % 3 else B)]
    check(not wrong, f"Of {len(codes)} codes {len(wrong)} have not the owner that claimed them.")
    taken(repository, "referral", "C0", A)


@identifiers.promise("claim")
def kinds_are_kept_apart(trial: Identifiers) -> None:
    """One code of two kinds is two codes, also where kind and code together read alike."""
    repository = trial.repository()
    pairs = [("card", "1"), ("phone", "1"), ("Card", "1"), ("card1", "2"), ("card", "12"), ("a:b", "c"), ("a", "b:c")]
    pairs += [("a/b", "c"), ("a", "b/c"), ("a b", "c"), ("a", "b c"), ("a|b", "c"), ("a", "b|c")]
    for n, (kind, code) in enumerate(pairs):
        check(repository.owner(kind, code) is None, f"{quote(code)} of kind {quote(kind)} has another kind's owner.")
        repository.claim(kind, code, Account.member(f"m{n}"))
    for n, (kind, code) in enumerate(pairs):
        check(repository.owner(kind, code) == Account.member(f"m{n}"), f"{quote(code)} of {quote(kind)} changed hands.")
    check(repository.owner("phone", "12") is None, "A code has an owner of another kind.")


@identifiers.promise("claim")
def an_owner_is_an_account(trial: Identifiers) -> None:
    """The owner comes back with its kind and its id as it stands; a shared account is not the member of its id."""
    repository = trial.repository()
    for kind in (Account.member, Account.shared):
        for n, id in enumerate(ALIKE):
            code = f"{kind('x').kind.value}-{n}"
            repository.claim("card", code, kind(id))
            check(repository.owner("card", code) == kind(id), f"The owner {quote(id)} came back as another account.")
    repository.claim("referral", "X", A)
    taken(repository, "referral", "X", SHARED)
    repository.claim("referral", "Y", SHARED)
    taken(repository, "referral", "Y", A)
    taken(repository, "referral", "Y", Account.member("A"))


@identifiers.promise("owner")
def a_code_is_taken_as_it_stands(trial: Identifiers) -> None:
    """Case, blanks, accents, leading zeros, length: codes that differ in anything are two; normalise before asking."""
    repository = trial.repository()
    for code in _CODES:
        check(repository.owner("code", code) is None, f"{quote(code)} has the owner of a code that looks alike.")
        repository.claim("code", code, Account.member(code))
    for code in _CODES:
        check(repository.owner("code", code) == Account.member(code), f"{quote(code)} has another code's owner.")
    for near in ("%", "_", "a", "ABC", "ABC-12", "ABC-1234", "*", "' OR '1'='1"):
        if near not in _CODES:
            check(repository.owner("code", near) is None, f"{quote(near)} was not claimed, and has an owner.")


@identifiers.promise("claim")
def a_claim_is_there_when_it_is_opened_again(trial: Identifiers) -> None:
    """Once `claim` has returned, another connection finds the owner and refuses others."""
    repository = trial.repository()
    repository.claim("card", "1", A)
    with suppress(IdentifierTakenError):
        repository.claim("card", "1", B)
    repository.claim("card", "2", B)
    again = trial.reopened(repository)
    check((again.owner("card", "1"), again.owner("card", "2")) == (A, B), "Opened again the owners are others.")
    taken(again, "card", "1", B)
    again.claim("card", "3", A)
    taken(repository, "card", "3", B)


@identifiers.promise("claim")
def codes_of_two_programs_do_not_meet(trial: Identifiers) -> None:
    """A code belongs to a program: in another one it is free."""
    repository = trial.repository()
    neighbour = trial.neighbour(repository)
    repository.claim("card", "1", A)
    check(neighbour.owner("card", "1") is None, "Another program's code has an owner.")
    neighbour.claim("card", "1", B)
    check(
        (repository.owner("card", "1"), neighbour.owner("card", "1")) == (A, B), "A claim took another program's code."
    )


@identifiers.promise("forget")
def what_is_forgotten_is_nobodys(trial: Identifiers) -> None:
    """The codes of an account, of all kinds, are free again; those of others stay, and the number is told."""
    repository = trial.repository()
    forget: Callable[[Account], int] | None = getattr(repository, "forget", None)
    if forget is None:
        raise NotProvedError(Ability.FORGETTING)
    check(forget(A) == 0, "An account that has no codes had one that was forgotten.")
    for kind, code in (("card", "1"), ("card", "2"), ("referral", "1")):
        repository.claim(kind, code, A)
    repository.claim("card", "3", B)
    repository.claim("card", "4", Account.shared(A.id))
    check(forget(A) == 3, "An account had three codes, and forget() told another number.")
    for kind, code in (("card", "1"), ("card", "2"), ("referral", "1")):
        check(repository.owner(kind, code) is None, "A code that was forgotten has an owner.")
    check(repository.owner("card", "3") == B, "Another account's code was forgotten, too.")
    check(
        repository.owner("card", "4") == Account.shared(A.id), "A shared account's code was forgotten with a member's."
    )
    repository.claim("card", "1", B)
    check(repository.owner("card", "1") == B, "A code that was forgotten could not be claimed anew.")
    check(forget(A) == 0, "Codes that were forgotten were forgotten again.")


class _CallersError(Exception):
    """The caller's own, that leaves the transaction."""


@identifiers.promise("claim")
def a_claim_joins_the_callers_transaction(trial: Identifiers) -> None:
    """Where the caller's transaction fails the claim is undone, and where it ends well it is kept."""
    repository = trial.repository()
    with suppress(_CallersError), trial.transaction(repository) as inside:
        inside.claim("card", "1", A)
        check(inside.owner("card", "1") == A, "Inside the transaction the claim is not read.")
        raise _CallersError
    check(repository.owner("card", "1") is None, "A claim was kept though the transaction failed.")
    with trial.transaction(repository) as inside:
        inside.claim("card", "1", B)
    check(repository.owner("card", "1") == B, "A claim was not kept though the transaction ended well.")


# Several at once.


def claims(codes: int, repository: IdentifierRepository, number: int, wait: Wait) -> Sequence[str]:
    """The job: each claims every code, all at once."""
    found = []
    for n in range(codes):
        wait()
        found.append(_claimed(partial(repository.claim, "code", f"C{n}", Account.member(f"m{number}"))))
    return found


def _claimed(claim: Callable[[], None]) -> str:
    try:
        claim()
    except IdentifierTakenError:
        return "taken"
    except Exception as error:
        return f"{type(error).__name__}({quote(str(error))})"
    return DONE


def one_owner(repository: IdentifierRepository, found: Sequence[Sequence[str]]) -> None:
    """Of each code exactly one claim succeeded, and its account is the owner."""
    for n, outcomes in enumerate(zip(*found, strict=True)):
        strange = next((each for each in outcomes if each not in {DONE, "taken"}), None)
        check(strange is None, f"Who claimed too late met {strange}, where IdentifierTakenError is due.")
        winners = [number for number, each in enumerate(outcomes) if each == DONE]
        check(len(winners) == 1, f"Of {len(outcomes)} claims of one code at once {len(winners)} succeeded.")
        owner = repository.owner("code", f"C{n}")
        check(owner == Account.member(f"m{winners[0]}"), "A code is not owned by the account whose claim succeeded.")


@threaded_identifiers.promise("claim", effort=Effort.THREADS)
def of_threads_that_claim_a_code_one_succeeds(trial: Identifiers) -> None:
    """Of several threads that claim one code at once exactly one succeeds, and is the owner."""
    repository = trial.repository()
    repositories = trial.in_threads(repository, trial.contract.threads)
    one_owner(repository, in_threads(trial, repositories, partial(claims, trial.contract.rounds), interrupting=True))


@identifiers.promise("claim", effort=Effort.PROCESSES)
def of_processes_that_claim_a_code_one_succeeds(trial: Identifiers) -> None:
    """Of several processes that claim one code at once exactly one succeeds, and is the owner."""
    repository = trial.repository()
    opener = trial.opener(repository)
    one_owner(repository, in_processes(trial, opener, partial(claims, trial.contract.rounds)))
