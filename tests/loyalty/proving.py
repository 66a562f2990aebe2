"""The contract of the plain store and of those that differ from it by a bug."""

from __future__ import annotations

from loyalty.plain import Plain
from patronage.repositories import LedgerRepository
from patronage.testing.contracts import Effort, LedgerRepositoryContract, Proof, prove


class PlainContract(LedgerRepositoryContract):
    """The contract of a kind of plain store, which has room for two programs."""

    examples = 12
    patience = 3

    def __init__(self, store: type[Plain]) -> None:
        self.store = store

    def make_repository(self) -> LedgerRepository:
        """A fresh one."""
        return self.store()

    def make_neighbour(self, repository: LedgerRepository) -> LedgerRepository:
        """Another program's, over the same shelves."""
        assert isinstance(repository, Plain)
        return self.store(repository.shelves, "two")


def proof(store: type[Plain], *, effort: Effort = Effort.GENERATED, broken_at_most: int | None = None) -> Proof:
    """What became of the contract's promises."""
    return prove(PlainContract(store), effort=effort, broken_at_most=broken_at_most)
