"""
What the use cases need of a store, as protocols: nothing here reads or writes anything.

A repository is made for one program, and every key that it stores begins with that program's id.
`patronage.testing.contracts` proves an implementation; `patronage.stores` has ready ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import Protocol

import attrs

from patronage.errors import PatronageError, quote
from patronage.ledger import Account, Commit
from patronage.program import Program
from patronage.state import State
from patronage.terms import Terms


class IdentifierTakenError(PatronageError):
    """The code is another account's: the first owner keeps it. Ask for another code, or for the owner."""

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(kind, code)
        self.kind, self.code = kind, code

    def __str__(self) -> str:
        return f"The {quote(self.kind)} {quote(self.code)} belongs to another account."


@attrs.frozen
class Stored:
    """
    An account as the store has it: the *version* of its last commit, and the *state* saved beside it.

    A state that is older than the version (a snapshot that was lost, or is of an older release:
    then `State.of(account)`) is rebuilt by the service from the history.
    """

    version: int
    state: State


class LedgerRepository(Protocol):
    """
    Commits of one program, kept for ever and whole: also those worth nothing, and refusals.

    A store keeps (account, version), (account, event id) and (account, root, ordinal) unique.
    """

    def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """
        The accounts that have a commit; unknown ones are absent, and reading does not create them.

        With *lock*, a store that has locks holds these accounts until the transaction ends: all of
        them are asked for at once, in sorted order. One without locks relies on `append` alone.
        """
        ...

    def append(self, commits: Sequence[Commit], /) -> None:
        """
        Stores all of *commits* or none; several of one account are in order of version.

        A commit's `after` is the state to save beside its version. Raises DuplicateEventError where
        an account already has a commit for the event (whatever else is wrong with it), and
        StaleStateError where a version is not the next one, or the place of the commit among those
        of its root is taken.
        """
        ...

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> Iterable[Commit]:
        """
        The account's commits whose `names` meet *about* (empty: all), in order of version.

        *since* leaves out those whose event occurred before that instant. Nothing caps the number:
        a long history is streamed.
        """
        ...

    def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """
        Accounts whose last commit has a `next_due` at or before *until*, in order of `Account.key`.

        At most *limit*, and only those behind *after*: so a run goes on where a page ended.
        """
        ...


class TransactionalRepository(Protocol):
    """A further, optional ability of a ledger that can keep several calls together."""

    def transaction(self) -> AbstractContextManager[LedgerRepository]:
        """
        A ledger for one `with` block: what is appended in it is kept, or nothing where the block raises.

        Locks of `load` hold until the block ends. Where the ledger is within a transaction of the
        caller's already, that is the one, and the block ends nothing.
        """
        ...


class AccountRepository(Protocol):
    """A further, optional ability of a store: to list the accounts that it has."""

    def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """At most *limit* accounts behind *after*, in order of `Account.key`."""
        ...


class IdentifierRepository(Protocol):
    """Referral and voucher codes, phone numbers, cards: what a person types, and whose it is."""

    def claim(self, kind: str, code: str, account: Account, /) -> None:
        """
        Makes *account* the owner of *code* among those of *kind*; again by its owner changes nothing.

        The first owner wins: raises IdentifierTakenError where another account has it.
        """
        ...

    def owner(self, kind: str, code: str, /) -> Account | None:
        """Whose code it is; None for nobody's."""
        ...


class ErasableIdentifiers(Protocol):
    """A further, optional ability of a repository of identifiers: to forget those of an account."""

    def forget(self, account: Account, /) -> int:
        """
        Forgets every code of *account*, of all kinds, and says how many there were.

        Each is nobody's then, and may be claimed anew. Of the ledger nothing is forgotten: it holds
        opaque ids alone.
        """
        ...


class ProgramRepository(Protocol):
    """The timeline of a program's terms."""

    def publish(self, terms: Terms, /) -> None:
        """
        Adds a version of the terms; the same again changes nothing.

        Raises InvalidValueError where other terms take effect at that instant, or where they do not
        fit the program (see `Program`). What was published is never changed.
        """
        ...

    def load(self) -> Program:
        """The whole timeline. Raises InvalidValueError where nothing was published."""
        ...


class AsyncLedgerRepository(Protocol):
    """`LedgerRepository` for a program that waits with `await`: the same rules, word for word."""

    async def load(self, accounts: Collection[Account], /, *, lock: bool = False) -> Mapping[Account, Stored]:
        """See `LedgerRepository.load`."""
        ...

    async def append(self, commits: Sequence[Commit], /) -> None:
        """See `LedgerRepository.append`."""
        ...

    def history(
        self, account: Account, /, *, about: Collection[str] = (), since: datetime | None = None
    ) -> AsyncIterable[Commit]:
        """See `LedgerRepository.history`; commonly an `async def` that yields."""
        ...

    async def due(self, until: datetime, /, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """See `LedgerRepository.due`."""
        ...


class AsyncTransactionalRepository(Protocol):
    """`TransactionalRepository` with `await`."""

    def transaction(self) -> AbstractAsyncContextManager[AsyncLedgerRepository]:
        """See `TransactionalRepository.transaction`."""
        ...


class AsyncAccountRepository(Protocol):
    """`AccountRepository` with `await`."""

    async def accounts(self, *, after: Account | None = None, limit: int = 1000) -> Sequence[Account]:
        """See `AccountRepository.accounts`."""
        ...


class AsyncIdentifierRepository(Protocol):
    """`IdentifierRepository` with `await`."""

    async def claim(self, kind: str, code: str, account: Account, /) -> None:
        """See `IdentifierRepository.claim`."""
        ...

    async def owner(self, kind: str, code: str, /) -> Account | None:
        """See `IdentifierRepository.owner`."""
        ...


class AsyncErasableIdentifiers(Protocol):
    """`ErasableIdentifiers` with `await`."""

    async def forget(self, account: Account, /) -> int:
        """See `ErasableIdentifiers.forget`."""
        ...


class AsyncProgramRepository(Protocol):
    """`ProgramRepository` with `await`."""

    async def publish(self, terms: Terms, /) -> None:
        """See `ProgramRepository.publish`."""
        ...

    async def load(self) -> Program:
        """See `ProgramRepository.load`."""
        ...
