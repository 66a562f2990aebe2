"""Repositories of identifiers and of programs with one bug each, and those in memory that are right."""

# ruff: noqa: D102  # A method that has the bug is said by its class.

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta

import attrs

from patronage import Account, InvalidValueError, Program, Terms
from patronage.ledger import AccountKind
from patronage.repositories import IdentifierTakenError
from patronage.terms_of_time import years

CODES: list[type[Codes]] = []
TIMELINES: list[type[Timeline]] = []


class Codes:
    """Owners by kind and code; simple, and right with one thread."""

    def __init__(self) -> None:
        self.owners: dict[tuple[str, ...], Account] = {}

    def key(self, kind: str, code: str) -> tuple[str, ...]:
        """What a code is found by."""
        return (kind, code)

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        """The first owner wins."""
        if self.owners.setdefault(self.key(kind, code), account) != account:
            raise IdentifierTakenError(kind, code)

    def owner(self, kind: str, code: str, /) -> Account | None:
        """Whose it is."""
        return self.owners.get(self.key(kind, code))


def codes(cls: type[Codes]) -> type[Codes]:
    """Registers a store with a bug."""
    CODES.append(cls)
    return cls


@codes
class LastOwnerWins(Codes):
    """29: a second claim takes the code over."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        self.owners[self.key(kind, code)] = account


@codes
class SaysNothing(Codes):
    """29: a second claim changes nothing, and is no error."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        self.owners.setdefault(self.key(kind, code), account)


@codes
class TakesOverAndSaysSo(Codes):
    """29: a second claim is an error, and takes the code over all the same."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        before = self.owners.get(self.key(kind, code), account)
        self.owners[self.key(kind, code)] = account
        if before != account:
            raise IdentifierTakenError(kind, code)


@codes
class FreesWhatWasWanted(Codes):
    """29: a refused claim rolls the first one back."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        try:
            super().claim(kind, code, account)
        except IdentifierTakenError:
            del self.owners[self.key(kind, code)]
            raise


@codes
class HasTwoOwners(Codes):
    """29: a code may have two owners, and the first is given."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        second = self.owners.setdefault(("second", kind, code), self.owners.get(self.key(kind, code), account))
        self.owners.setdefault(self.key(kind, code), account)
        if account not in (second, self.owner(kind, code)) and second != self.owner(kind, code):
            raise IdentifierTakenError(kind, code)


@codes
class RefusesItsOwner(Codes):
    """A claim again by the owner is an error."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        if self.key(kind, code) in self.owners:
            raise IdentifierTakenError(kind, code)
        super().claim(kind, code, account)


@codes
class RaisesAnotherError(Codes):
    """What the database raises comes through."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        try:
            super().claim(kind, code, account)
        except IdentifierTakenError as error:
            raise KeyError("UNIQUE constraint failed") from error


@codes
class IgnoresTheKindOfCode(Codes):
    """A card and a phone number of one text are one."""

    def key(self, kind: str, code: str) -> tuple[str, ...]:
        return (code,)


@codes
class JoinsKindAndCode(Codes):
    """Kind and code are one text with a colon."""

    def key(self, kind: str, code: str) -> tuple[str, ...]:
        return (f"{kind}:{code}",)


@codes
class IgnoresCaseOfCodes(Codes):
    """`abc` and `ABC` are one."""

    def key(self, kind: str, code: str) -> tuple[str, ...]:
        return (kind, code.upper())


@codes
class TrimsCodes(Codes):
    """Blanks around a code do not count."""

    def key(self, kind: str, code: str) -> tuple[str, ...]:
        return (kind, code.strip())


@codes
class NormalisesCodes(Codes):
    """Composed and decomposed letters are one."""

    def key(self, kind: str, code: str) -> tuple[str, ...]:
        return (kind, unicodedata.normalize("NFC", code))


@codes
class NormalisesCodesItWrites(Codes):
    """23: codes are normalised on write but not on read."""

    def owner(self, kind: str, code: str, /) -> Account | None:
        return self.owners.get((kind, code)) if unicodedata.is_normalized("NFC", code) else None


@codes
class DropsZeros(Codes):
    """`01` and `1` are one."""

    def key(self, kind: str, code: str) -> tuple[str, ...]:
        return (kind, code.lstrip("0") or "0")


@codes
class CutsCodes(Codes):
    """Of a code 64 characters count."""

    def key(self, kind: str, code: str) -> tuple[str, ...]:
        return (kind, code[:64])


@codes
class MatchesCodesAsPatterns(Codes):
    """Owners are looked up with LIKE: `%` is anybody's."""

    def owner(self, kind: str, code: str, /) -> Account | None:
        if code.endswith("%"):
            found = [key for key in self.owners if key[0] == kind and key[1].startswith(code[:-1])]
            return self.owners[found[0]] if found else None
        return super().owner(kind, code)


@codes
class TellsNearMisses(Codes):
    """A code that begins as a known one does is that one's."""

    def owner(self, kind: str, code: str, /) -> Account | None:
        known = [key for key in self.owners if key[0] == kind and code and key[1].startswith(code)]
        return super().owner(kind, code) or (self.owners[known[0]] if known else None)


@codes
class HasOneCodeAnAccount(Codes):
    """A second code of an account replaces its first."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        super().claim(kind, code, account)
        for key in [key for key, owner in self.owners.items() if owner == account and key[0] == kind]:
            if key != self.key(kind, code):
                del self.owners[key]


@codes
class GivesMembers(Codes):
    """Every owner comes back as a member."""

    def owner(self, kind: str, code: str, /) -> Account | None:
        found = super().owner(kind, code)
        return None if found is None else Account(AccountKind.MEMBER, found.id)


@codes
class ComparesOwnersById(Codes):
    """A shared account may claim what the member of its id has."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        owner = self.owners.setdefault(self.key(kind, code), account)
        if owner.id != account.id:
            raise IdentifierTakenError(kind, code)


@codes
class ClaimsForWhoAsks(Codes):
    """Asking for the owner of a code makes it somebody's."""

    def owner(self, kind: str, code: str, /) -> Account | None:
        return self.owners.setdefault(self.key(kind, code), Account.member("nobody"))


@codes
class KeepsAThousandCodes(Codes):
    """Old codes are forgotten."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        super().claim(kind, code, account)
        for key in list(self.owners)[:-1000]:
            del self.owners[key]


@codes
class LooksThenClaims(Codes):
    """31: looks whose the code is, and then writes."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        if self.owner(kind, code) not in (None, account):
            raise IdentifierTakenError(kind, code)
        self.owners.update({self.key(kind, code): account})


class Timeline:
    """Terms by their instants; simple, and right with one thread."""

    def __init__(self) -> None:
        self.terms: tuple[Terms, ...] = ()

    def program(self, terms: tuple[Terms, ...]) -> Program:
        """The program of those terms."""
        return Program(id="shop", time_zone="UTC", terms=terms)

    def publish(self, terms: Terms, /) -> None:
        """Adds a version."""
        if terms not in self.terms:
            self.program((*self.terms, terms))
            self.terms = (*self.terms, terms)

    def load(self) -> Program:
        """The whole."""
        if not self.terms:
            raise InvalidValueError("No terms were published.")
        return self.program(self.terms)


def timelines(cls: type[Timeline]) -> type[Timeline]:
    """Registers a store with a bug."""
    TIMELINES.append(cls)
    return cls


@timelines
class LoadsTheNewest(Timeline):
    """28: of all versions the newest is loaded."""

    def load(self) -> Program:
        return self.program(super().load().terms[-1:])


@timelines
class LoadsTheLastPublished(Timeline):
    """28: of all versions the one that was published last is loaded."""

    def load(self) -> Program:
        super().load()
        return self.program(self.terms[-1:])


@timelines
class LoadsWhatIsInForce(Timeline):
    """28: versions that are not yet in force are left out."""

    def load(self) -> Program:
        now = datetime(2025, 6, 1, tzinfo=self.terms[0].effective_from.tzinfo if self.terms else None)
        return self.program(tuple(each for each in super().load().terms if each.effective_from <= now))


@timelines
class ReplacesTerms(Timeline):
    """28: other terms of an instant replace those that were published."""

    def publish(self, terms: Terms, /) -> None:
        self.terms = tuple(each for each in self.terms if each.effective_from != terms.effective_from)
        super().publish(terms)


@timelines
class SwallowsConflicts(Timeline):
    """Terms that do not fit are left out without a word."""

    def publish(self, terms: Terms, /) -> None:
        try:
            super().publish(terms)
        except InvalidValueError:
            return


@timelines
class RefusesTheSame(Timeline):
    """The same terms again are an error."""

    def publish(self, terms: Terms, /) -> None:
        if terms in self.terms:
            raise InvalidValueError("They were published.")
        super().publish(terms)


@timelines
class RefusesTheSameLater(Timeline):
    """The same terms again are an error, unless they are the last."""

    def publish(self, terms: Terms, /) -> None:
        if terms in self.terms[:-1]:
            raise InvalidValueError("They were published.")
        super().publish(terms)


@timelines
class KeepsWhatDoesNotFit(Timeline):
    """Terms that do not fit are refused, and kept: nothing can be loaded any more."""

    def publish(self, terms: Terms, /) -> None:
        if terms not in self.terms:
            self.terms = (*self.terms, terms)
            self.program(self.terms)


@timelines
class LooksAtTheInstantAlone(Timeline):
    """Only the instant is checked: a unit may change its decimals, and loading fails."""

    def publish(self, terms: Terms, /) -> None:
        if terms not in self.terms:
            if terms.effective_from in {each.effective_from for each in self.terms}:
                raise InvalidValueError("The instant is taken.")
            self.terms = (*self.terms, terms)


@timelines
class RaisesItsOwn(Timeline):
    """What does not fit raises the database's error."""

    def publish(self, terms: Terms, /) -> None:
        try:
            super().publish(terms)
        except InvalidValueError as error:
            raise KeyError("UNIQUE constraint failed") from error


@timelines
class MakesTermsUp(Timeline):
    """Where nothing was published nothing is loaded, and no error raised."""

    def load(self) -> Program:
        return super().load() if self.terms else None  # type: ignore[return-value]


@timelines
class TruncatesInstants(Timeline):
    """21: instants are kept in seconds."""

    def publish(self, terms: Terms, /) -> None:
        super().publish(attrs.evolve(terms, effective_from=terms.effective_from.replace(microsecond=0)))


@timelines
class ShiftsInstants(Timeline):
    """20: an instant written with an offset is taken for one without."""

    def load(self) -> Program:
        found = super().load()
        if len(found.terms) < 3:
            return found
        return self.program(
            tuple(attrs.evolve(each, effective_from=each.effective_from + timedelta(hours=1)) for each in found.terms)
        )


@timelines
class LosesRewards(Timeline):
    """Rewards are not kept."""

    def load(self) -> Program:
        return self.program(tuple(attrs.evolve(each, rewards=()) for each in super().load().terms))


@timelines
class LosesRefundFor(Timeline):
    """How long refunds are exact is not kept."""

    def load(self) -> Program:
        return self.program(tuple(attrs.evolve(each, refund_for=years(1)) for each in super().load().terms))


@timelines
class SortsPolicies(Timeline):
    """Policies come in order of their names."""

    def load(self) -> Program:
        return self.program(
            tuple(
                attrs.evolve(each, policies=tuple(sorted(each.policies, key=lambda policy: policy.name)))
                for each in super().load().terms
            )
        )


@timelines
class KeepsTenVersions(Timeline):
    """15: the oldest versions are forgotten."""

    def publish(self, terms: Terms, /) -> None:
        super().publish(terms)
        self.terms = self.terms[-10:]


@timelines
class ChangesItsId(Timeline):
    """The program's id counts its versions."""

    def load(self) -> Program:
        return attrs.evolve(super().load(), id=f"shop-{len(self.terms)}")


@timelines
class LooksThenPublishes(Timeline):
    """31: looks whether the terms fit, and then writes."""

    def publish(self, terms: Terms, /) -> None:
        known = self.terms
        if terms not in known:
            self.program((*known, terms))
            self.terms = (*self.terms, terms)

    def load(self) -> Program:
        by_instant = {each.effective_from: each for each in self.terms}
        return self.program(tuple(by_instant.values())) if self.terms else super().load()
