"""The contract proves something: it blames every store that has a bug, and no store that has none."""

from __future__ import annotations

import pytest

from loyalty.broken_reading import BROKEN
from loyalty.plain import Plain
from loyalty.proving import PlainContract, proof
from patronage import Commit, StaleStateError
from patronage.testing.contracts import (
    Ability,
    AsyncLedgerRepositoryContract,
    Effort,
    LedgerRepositoryContract,
    NotProvedError,
)


def first_of_each_number() -> list[type[Plain]]:
    """One store for each bug of a kind; the others are proved by `nox -s stores`."""
    kinds: dict[str, type[Plain]] = {}
    for store in BROKEN:
        kinds.setdefault(number_of(store) or store.__name__, store)
    return list(kinds.values())


def number_of(store: type[Plain]) -> str:
    """The number of the kind of bug, where it has one."""
    number, _, _ = str(store.__doc__).partition(":")
    return number if number.isdigit() else ""


@pytest.mark.parametrize("store", first_of_each_number(), ids=lambda store: str(store.__name__))
def test_a_store_with_a_bug_is_blamed(store: type[Plain]) -> None:
    """One bug each; at least one promise is broken, and the sentence says whose and which."""
    (sentence,) = proof(store, broken_at_most=1).broken or ("nothing",)
    assert sentence.startswith(("Broken: LedgerRepository.", "Broken: AccountRepository.", "Broken: Loyalty."))


def test_a_plain_store_without_a_bug_is_not_blamed() -> None:
    """The stores above differ from this one by their bug alone."""
    found = proof(Plain, effort=Effort.THREADS)
    assert found.broken == ()
    assert len(found.kept) > 50


def test_an_error_class_of_the_stores_own_is_not_blamed() -> None:
    """A conflict may be a subclass of ours."""

    class LostRaceError(StaleStateError):
        """The store's own word for it."""

    class Own(Plain):
        def put(self, commit: Commit) -> None:
            try:
                super().put(commit)
            except StaleStateError as error:
                raise LostRaceError(*error.args) from error

    assert proof(Own).broken == ()


def test_a_conflict_of_another_class_is_blamed() -> None:
    """The service knows ours only: the sentence names the class that was raised."""

    class Foreign(Plain):
        def put(self, commit: Commit) -> None:
            try:
                super().put(commit)
            except StaleStateError as error:
                raise ValueError("could not serialize access") from error

    (sentence,) = proof(Foreign, broken_at_most=1).broken
    assert "The store raised ValueError instead." in sentence


def test_an_error_of_the_store_is_told_with_the_promise() -> None:
    """Whatever a store raises, the failure is a sentence about the promise, with the error behind it."""

    class Failing(Plain):
        def next_due(self, commit: Commit) -> None:
            raise KeyError("next_due")

    (sentence,) = proof(Failing, broken_at_most=1).broken
    assert sentence.startswith("Broken: LedgerRepository.load: Each known account comes with")
    assert sentence.endswith("The store raised KeyError(\"'next_due'\").")


def test_the_bugs_are_many() -> None:
    """Forty kinds and more, each with a line that says what it is."""
    assert len(BROKEN) > 130
    assert len(first_of_each_number()) > 40
    assert all(store.__doc__ for store in BROKEN)
    numbers = {int(number) for store in BROKEN if (number := number_of(store))}
    assert numbers >= {*range(1, 28), 30, 37, 40} - {28, 29}


def test_a_contract_is_collected_only_where_it_is_subclassed() -> None:
    """Its name is none that a runner looks for, and without a repository it says what is missing."""
    for contract, method in (
        (LedgerRepositoryContract(), "make_repository"),
        (AsyncLedgerRepositoryContract(), "make_async_repository"),
    ):
        assert not type(contract).__name__.startswith("Test")
        with pytest.raises(NotImplementedError, match=method):
            contract.promises[0].prove(contract)


def test_a_promise_has_a_test_of_its_name() -> None:
    """What a runner collects are the promises, each with its sentence, the hardest last."""
    contract = PlainContract(Plain)
    tests = [name for name in vars(LedgerRepositoryContract) if name.startswith("test_")]
    assert tests == [f"test_{promise.name}" for promise in contract.promises]
    assert len(set(tests)) == len(tests) > 60
    assert all(promise.sentence.endswith(".") for promise in contract.promises)
    efforts = [promise.effort.value for promise in contract.promises]
    assert efforts == sorted(efforts)


def test_what_was_not_proved_is_said() -> None:
    """Where an ability is missing the check is skipped, and says which promise was not proved, and what it takes."""
    contract = PlainContract(Plain)
    test = getattr(contract, "test_it_joins_the_callers_transaction")  # noqa: B009  # It is made for runners.
    with pytest.raises(NotProvedError) as caught:
        test()
    assert caught.value.ability is Ability.TRANSACTIONS
    assert str(caught.value).startswith("Not proved: LedgerRepository.append: In a transaction of the caller's, ")
    assert str(caught.value).endswith("It takes a transaction of the caller's own: override transaction().")
    found = proof(Plain)
    assert str(caught.value) in found.unproved
    assert str(found).splitlines()[-1] == f"Kept: {len(found.kept)} promises, broken: 0."
    assert str(caught.value) in str(found)
