"""The contracts of identifiers and programs blame every repository that has a bug, and none that has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from loyalty.broken_others import CODES, TIMELINES, Codes, Timeline
from patronage import Account, Program, Terms
from patronage.repositories import (
    AsyncIdentifierRepository,
    AsyncProgramRepository,
    IdentifierRepository,
    ProgramRepository,
)
from patronage.stores.memory import MemoryIdentifiers, MemoryPrograms
from patronage.testing.contracts import (
    AsyncIdentifierRepositoryContract,
    AsyncProgramRepositoryContract,
    Effort,
    IdentifierRepositoryContract,
    ProgramRepositoryContract,
    prove,
)


class CodesContract(IdentifierRepositoryContract):
    """Of a kind of store."""

    def __init__(self, store: Callable[[], IdentifierRepository]) -> None:
        self.store = store

    def make_repository(self) -> IdentifierRepository:
        """A fresh one."""
        return self.store()


class TimelineContract(ProgramRepositoryContract):
    """Of a kind of store."""

    def __init__(self, store: Callable[[], ProgramRepository]) -> None:
        self.store = store

    def make_repository(self) -> ProgramRepository:
        """A fresh one."""
        return self.store()

    def make_neighbour(self, repository: ProgramRepository) -> ProgramRepository | None:
        """Another one, of another id."""
        return MemoryPrograms("other", "UTC") if isinstance(repository, MemoryPrograms) else None


class TestMemoryIdentifiers(IdentifierRepositoryContract):
    """The store in memory."""

    def make_repository(self) -> IdentifierRepository:
        """A fresh one."""
        return MemoryIdentifiers()

    def make_neighbour(self, repository: IdentifierRepository) -> IdentifierRepository:
        """Each has its own."""
        return MemoryIdentifiers()


class TestMemoryPrograms(ProgramRepositoryContract):
    """The store in memory."""

    def make_repository(self) -> ProgramRepository:
        """A fresh one."""
        return MemoryPrograms("contract", "Europe/Berlin")

    def make_neighbour(self, repository: ProgramRepository) -> ProgramRepository:
        """Of another id."""
        return MemoryPrograms("other", "UTC")


class AwaitedIdentifiers:
    """The store in memory, awaited."""

    def __init__(self) -> None:
        self._codes = MemoryIdentifiers()

    async def claim(self, kind: str, code: str, account: Account, /) -> None:
        """The first owner wins."""
        self._codes.claim(kind, code, account)

    async def owner(self, kind: str, code: str, /) -> Account | None:
        """Whose it is."""
        return self._codes.owner(kind, code)


class AwaitedPrograms:
    """The store in memory, awaited."""

    def __init__(self) -> None:
        self._programs = MemoryPrograms("contract", "UTC")

    async def publish(self, terms: Terms, /) -> None:
        """Adds a version."""
        self._programs.publish(terms)

    async def load(self) -> Program:
        """The whole timeline."""
        return self._programs.load()


class TestAwaitedIdentifiers(AsyncIdentifierRepositoryContract):
    """The async contract, on the store in memory."""

    def make_async_repository(self) -> AsyncIdentifierRepository:
        """A fresh one."""
        return AwaitedIdentifiers()


class TestAwaitedPrograms(AsyncProgramRepositoryContract):
    """The async contract, on the store in memory."""

    def make_async_repository(self) -> AsyncProgramRepository:
        """A fresh one."""
        return AwaitedPrograms()


@pytest.mark.parametrize("store", CODES, ids=lambda store: str(store.__name__))
def test_identifiers_with_a_bug_are_blamed(store: type[Codes]) -> None:
    """One bug each; the sentence says which promise broke."""
    (sentence,) = prove(CodesContract(store), broken_at_most=1).broken or ("nothing",)
    assert sentence.startswith("Broken: IdentifierRepository."), store.__doc__


@pytest.mark.parametrize("store", TIMELINES, ids=lambda store: str(store.__name__))
def test_programs_with_a_bug_are_blamed(store: type[Timeline]) -> None:
    """One bug each; the sentence says which promise broke."""
    (sentence,) = prove(TimelineContract(store), broken_at_most=1).broken or ("nothing",)
    assert sentence.startswith("Broken: ProgramRepository."), store.__doc__


def test_those_beside_them_are_not_blamed() -> None:
    """What they differ from is right, with one thread."""
    assert prove(CodesContract(Codes), effort=Effort.PLAIN).broken == ()
    assert prove(TimelineContract(Timeline), effort=Effort.PLAIN).broken == ()
