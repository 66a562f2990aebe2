"""What the stores in memory do beyond the contract, and those for identifiers and programs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import attrs
import pytest

from loyalty.shop import ANN, BOB, NOON, PROGRAM, buy, commits_of, shop
from patronage import Account, InvalidValueError, State, Terms, Unit
from patronage.ledger import AccountKind
from patronage.repositories import IdentifierTakenError
from patronage.stores import AsyncMemoryLedger, MemoryIdentifiers, MemoryLedger, MemoryPrograms
from patronage.testing.contracts import LedgerRepositoryContract, prove


class TestLedger:
    """The ledger in memory."""

    def test_accounts_are_listed_in_pages(self) -> None:
        """In order of kind and id, behind the one that is given."""
        store = MemoryLedger()
        for member in ("bob", "ann", "cid"):
            shop(store).record(buy("o", "1.00", member))
        ann, bob, cid = (Account(AccountKind.MEMBER, id) for id in ("ann", "bob", "cid"))
        assert store.accounts() == (ann, bob, cid)
        assert store.accounts(limit=2) == (ann, bob)
        assert asyncio.run(AsyncMemoryLedger(store).accounts(after=bob)) == (cid,)

    def test_a_commit_without_its_state_is_refused(self) -> None:
        """The store saves the state beside the version: without it, it would know only half."""
        store = MemoryLedger()
        (commit,) = shop(store).preview(buy("o", "1.00"))[0].commits
        for after in (None, State.of(ANN), "state"):
            with pytest.raises(InvalidValueError, match="no state to save"):
                store.append([attrs.evolve(commit, after=after)])
        assert commits_of(store) == ()

    def test_states_are_kept_once(self) -> None:
        """The history does not hold every state that ever was."""
        store = MemoryLedger()
        shop(store).record(buy("o", "1.00"))
        assert [commit.after for commit in commits_of(store)] == [None]

    def test_a_history_is_as_it_stood_when_it_was_asked_for(self) -> None:
        """Writing while it is read changes nothing of it."""
        store = MemoryLedger()
        loyalty = shop(store)
        loyalty.record(buy("o-1", "1.00"))
        history = store.history(ANN)
        loyalty.record(buy("o-2", "1.00"))
        assert [commit.event.id for commit in history] == ["o-1"]

    def test_the_contract_looks_at_listings(self) -> None:
        """A store that lists accounts for having been asked is blamed."""

        class Curious(MemoryLedger):
            """Lists whoever was asked about."""

            def accounts(self, **asked: object) -> tuple[Account, ...]:
                return (ANN,)

        class Contract(LedgerRepositoryContract):
            def make_repository(self) -> MemoryLedger:
                return Curious()

        broken = prove(Contract(), broken_at_most=1).broken
        assert "Somebody is listed for having been loaded." in broken[0]


class TestIdentifiers:
    """Codes and cards, and whose they are."""

    def test_the_first_owner_wins(self) -> None:
        """A second claim by another is an error and changes nothing; by the owner it is none."""
        codes = MemoryIdentifiers()
        codes.claim("referral", "ANN-1", ANN)
        codes.claim("referral", "ANN-1", ANN)
        with pytest.raises(IdentifierTakenError) as caught:
            codes.claim("referral", "ANN-1", BOB)
        assert codes.owner("referral", "ANN-1") == ANN
        assert str(caught.value) == "The 'referral' 'ANN-1' belongs to another account."
        assert (caught.value.kind, caught.value.code) == ("referral", "ANN-1")

    def test_codes_of_two_kinds_are_two(self) -> None:
        """A card and a referral code may read the same."""
        codes = MemoryIdentifiers()
        codes.claim("referral", "1", ANN)
        codes.claim("card", "1", BOB)
        assert (codes.owner("referral", "1"), codes.owner("card", "1")) == (ANN, BOB)
        assert codes.owner("card", "2") is None

    def test_a_code_is_an_id(self) -> None:
        """What is no id is refused."""
        with pytest.raises(InvalidValueError):
            MemoryIdentifiers().claim("card", "", ANN)


class TestPrograms:
    """The timeline of a program's terms."""

    TERMS = PROGRAM.terms[0]

    def test_what_is_published_is_loaded(self) -> None:
        """Version by version, in order of their instants; publishing again changes nothing."""
        programs = MemoryPrograms("shop", "America/New_York")
        later = attrs.evolve(self.TERMS, effective_from=NOON)
        for terms in (later, self.TERMS, later):
            programs.publish(terms)
        program = programs.load()
        assert (program.id, program.time_zone) == ("shop", "America/New_York")
        assert program.terms == (self.TERMS, later)

    def test_terms_that_do_not_fit_are_refused(self) -> None:
        """Other terms of the same instant, or a unit that changes its decimals: the timeline stays as it was."""
        programs = MemoryPrograms("shop", "UTC")
        programs.publish(self.TERMS)
        other = attrs.evolve(self.TERMS, rewards=())
        finer = Terms(units=(Unit("points", decimals=2),), effective_from=datetime(2026, 1, 1, tzinfo=UTC))
        for terms in (other, finer):
            with pytest.raises(InvalidValueError):
                programs.publish(terms)
        assert programs.load().terms == (self.TERMS,)

    def test_before_the_first_terms_there_is_no_program(self) -> None:
        """Loading then is an error."""
        with pytest.raises(InvalidValueError, match="No terms of program 'shop'"):
            MemoryPrograms("shop", "UTC").load()
