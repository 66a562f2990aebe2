"""Every error of the library: one root, a class for each thing a caller would do differently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from types import UnionType
from typing import TypeVar

import attrs

T = TypeVar("T")

_QUOTE_MAX = 80


def quote(value: object) -> str:
    """What was given, safe to print: escaped, and cut to 80 characters."""
    text = ascii(value)
    return text if len(text) <= _QUOTE_MAX else text[: _QUOTE_MAX - 3] + "..."


class PatronageError(Exception):
    """The root of all errors that the library raises on purpose."""


class InvalidValueError(PatronageError, ValueError):
    """A value cannot stand where it was put. Correct the call or the document."""


def of_type(kind: type[T] | UnionType) -> Callable[[object, attrs.Attribute[T], T], None]:
    """A validator: a value of *kind*. Says what would be right: true or false, or one of the members of an Enum."""

    def check(_: object, field: attrs.Attribute[T], value: T) -> None:
        if isinstance(value, kind):
            return
        right = str(kind) if isinstance(kind, UnionType) else kind.__name__
        if kind is bool:
            right = "True or False"
        elif isinstance(kind, type) and issubclass(kind, Enum):
            right = " or ".join(map(str, kind))
        raise InvalidValueError(f"{field.name} must be {right}, not {quote(value)}.")

    return check


class UnitMismatchError(PatronageError, TypeError):
    """Amounts of two units were added, subtracted or compared. Convert one first, by a rule."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__(left, right)
        self.left, self.right = left, right

    def __str__(self) -> str:
        return f"Amounts of {quote(self.left)} and {quote(self.right)} cannot be combined or compared."


class AmountOverflowError(PatronageError, OverflowError):
    """An amount or a running balance left the range of 63 bits. No real program reaches it."""

    def __init__(self, steps: int) -> None:
        super().__init__(steps)
        self.steps = steps

    def __str__(self) -> str:
        return "An amount must be less than 2**63 steps in size."


@attrs.frozen
class Problem:
    """One thing wrong with a document: where (`terms.policies[0].per`) and what, in a plain sentence."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or '(document)'}: {self.message}"


class DocumentError(PatronageError, ValueError):
    """A document was refused. `problems` lists all that is wrong with it, each with its path."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(tuple(problems))
        self.problems: tuple[Problem, ...] = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class HistoryRequiredError(PatronageError):
    """The event speaks of an earlier one: pass the commits that name `roots` as `history`."""

    def __init__(self, event_id: str, roots: Sequence[str]) -> None:
        super().__init__(event_id, tuple(roots))
        self.event_id, self.roots = event_id, tuple(roots)

    def __str__(self) -> str:
        roots = ", ".join(quote(root) for root in self.roots)
        return f"Event {quote(self.event_id)} needs the history about {roots}: pass those commits, perhaps none."


class OthersRequiredError(PatronageError):
    """The event can change other accounts: pass the states of `accounts` as `others` (`State.of` for a new one)."""

    def __init__(self, event_id: str, accounts: Sequence[str]) -> None:
        super().__init__(event_id, tuple(accounts))
        self.event_id, self.accounts = event_id, tuple(accounts)

    def __str__(self) -> str:
        accounts = ", ".join(quote(account) for account in self.accounts)
        return f"Event {quote(self.event_id)} needs the states of {accounts}: pass them as others."


class PolicyError(PatronageError):
    """A caller's policy or condition raised, or gave something that is no effect. Nothing was decided."""

    def __init__(self, policy: str, message: str) -> None:
        super().__init__(policy, message)
        self.policy, self.message = policy, message

    def __str__(self) -> str:
        return f"Policy {quote(self.policy)}: {self.message}"


class RejectedError(PatronageError):
    """`Decision.require()` met a refusal: `code` says why, `final` whether trying again can help."""

    def __init__(self, code: str, sentence: str, final: bool) -> None:
        super().__init__(code, sentence, final)
        self.code, self.sentence, self.final = code, sentence, final

    def __str__(self) -> str:
        return self.sentence


class RerateError(PatronageError):
    """The account's events cannot be replayed in order: `event_id` stands in the way, and nothing was decided."""

    def __init__(self, account: str, event_id: str, message: str) -> None:
        super().__init__(account, event_id, message)
        self.account, self.event_id, self.message = account, event_id, message

    def __str__(self) -> str:
        return f"{quote(self.account)} cannot be rerated for event {quote(self.event_id)}: {self.message}"


class StaleStateError(PatronageError):
    """
    Someone else wrote first: load the account again, decide again, append again.

    *expected* and *actual* are versions; None where a database only says that two writers met.
    """

    def __init__(self, account: str, expected: int | None = None, actual: int | None = None) -> None:
        super().__init__(account, expected, actual)
        self.account, self.expected, self.actual = account, expected, actual

    def __str__(self) -> str:
        if self.actual is None:
            return f"Someone else wrote to {quote(self.account)} at the same time: load it again and decide again."
        return (
            f"{quote(self.account)} is at version {self.actual}, not {self.expected}: load it again and decide again."
        )


class DuplicateEventError(PatronageError):
    """The account already has a commit for this event: read the history for the first answer."""

    def __init__(self, account: str, event_id: str) -> None:
        super().__init__(account, event_id)
        self.account, self.event_id = account, event_id

    def __str__(self) -> str:
        return f"{quote(self.account)} already has event {quote(self.event_id)}: read the history for its answer."


class EventConflictError(PatronageError):
    """The event's id is known with other content; `field` names the first that differs."""

    def __init__(self, account: str, event_id: str, field: str) -> None:
        super().__init__(account, event_id, field)
        self.account, self.event_id, self.field = account, event_id, field

    def __str__(self) -> str:
        return (
            f"{quote(self.account)} already has an event {quote(self.event_id)} whose {quote(self.field)} differs: "
            "an id names one event for ever, so give the new event an id of its own."
        )


class LedgerError(PatronageError):
    """Commits do not add up: an invariant of the ledger is broken at the entry named."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(where, message)
        self.where, self.message = where, message

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class StoreError(PatronageError):
    """A store failed, and whether anything was stored is unknown: send the same event again."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class StoreBusyError(StoreError):
    """Others kept the database busy for too long. Nothing was stored: send the same event again, later."""


class StoreFullError(StoreError):
    """
    There is no room to write. Nothing was stored: make room, then send the same event again.

    Where it was the caller's own transaction, that one is rolled back.
    """


class StoreUnavailableError(StoreError):
    """The database cannot be reached, or went away. What was under way may be stored: send the same event again."""


class SchemaError(StoreError):
    """The tables are missing, or of another version of the library. The message says what to do."""
