"""What an explanation is, as data."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from patronage._frozen import FrozenMapping
from patronage.explain._phrases import Told
from patronage.ledger import Account


@attrs.frozen
class Item:
    """One thing that an explanation says: a *code* with its *facts*, and the *sentence* made from them."""

    code: str
    facts: FrozenMapping[str, Told]
    sentence: str


@attrs.frozen
class EntryExplained:
    """
    One entry: what it is (*item*), what each rule has in it (*parts*), what limits kept back (*trims*), which *lots*.

    The `granted` of the parts sum to what the entry moved, below zero where it took; each is its
    `wanted` less its `trimmed`. *by_time* says that time did it, not the event.
    """

    entry_id: str
    by_time: bool
    item: Item
    parts: tuple[Item, ...]
    trims: tuple[Item, ...]
    lots: tuple[Item, ...]


@attrs.frozen
class Explanation:
    """
    A commit explained. `text` is all of it, a line each; the rest is the same as data.

    *not_applied* are the rules that gave nothing to a purchase, an enrolment or an activity, and why
    not. *reproduced* says whether deciding again gives the same: for these events by asking the
    policies on the commit's own basis, for all others only where the state before was given (None
    without). *check* says it in words.
    """

    account: Account
    event_id: str
    heading: Item
    entries: tuple[EntryExplained, ...]
    benefits: tuple[Item, ...]
    refusal: Item | None
    not_applied: tuple[Item, ...]
    reproduced: bool | None
    check: Item

    @property
    def items(self) -> tuple[Item, ...]:
        """All that it says, in reading order."""
        return tuple(item for _, item in self._told())

    @property
    def text(self) -> str:
        """All sentences, a line each; what belongs to an entry is set in below it."""
        return "\n".join(("  - " if inner else "") + item.sentence for inner, item in self._told())

    def _told(self) -> Iterator[tuple[bool, Item]]:
        yield False, self.heading
        for entry in self.entries:
            yield False, entry.item
            for item in (*entry.parts, *entry.trims, *entry.lots):
                yield True, item
        if self.refusal is not None:
            yield False, self.refusal
        for item in (*self.benefits, *self.not_applied, self.check):
            yield False, item
