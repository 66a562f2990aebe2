"""Uses of grants that requests take: taken or held, captured, released, and given back as they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage.basis_after import usable
from patronage.book import Book
from patronage.ledger import Commit, Fact, Grant, GrantChange, GrantEntry, Source, reason
from patronage.occasions import Use
from patronage.rewards import UsedGrant
from patronage.terms import RefundTerms, Returned

USES: Final = "uses"
"""The fact of an entry that says how many uses it moved."""
CAPTURED: Final = "use_captured"


def take_uses(
    book: Book, reward: str, used: UsedGrant, about: Source, at: datetime, *, held: bool
) -> list[tuple[Grant, int]]:
    """
    Takes uses of the grants in force under a key, the one that ends first first: spent, or *held* by a reservation.

    One that has no number of uses is not counted. Each grant as it now stands, with what was taken.
    """
    left, wish = used.times, Use(key=used.key, value=used.value)
    if any(
        grant.key == used.key and grant.uses is None and used.value in (None, grant.value) and grant.in_force(at)
        for grant in book.grants
    ):
        return []
    taken = []
    while left:
        first = usable(book.grants, wish, at)
        assert first is not None and first.uses is not None, "uses were priced that no grant has"
        n = min(first.uses, left)
        left -= n
        after = attrs.evolve(first, uses=first.uses - n, reserved=first.reserved + (n if held else 0))
        facts: dict[str, Fact] = {"reward": reward, USES: n}
        if held:
            book.grant(GrantChange.RESERVED, after, reward, "", about, reason("use_reserved", facts))
        else:
            book.grant(GrantChange.USED, after, reward, "", about, reason("used", facts))
        taken.append((after, n))
    return taken


def uses_taken(history: Iterable[Commit], about: Source) -> list[tuple[Grant, int, bool]]:
    """Each grant (as a request last left it), how many uses it has of it, and whether they are only held."""
    found: dict[tuple[str, str, str, str], tuple[Grant, int, bool]] = {}
    for commit in history:
        for entry in commit.entries:
            if not isinstance(entry, GrantEntry) or entry.about != about:
                continue
            n = entry.reason.facts.get(USES)
            if type(n) is not int:
                continue
            _, uses, held = found.get(entry.grant.identity, (entry.grant, 0, False))
            if entry.change is GrantChange.RESTORED:
                uses -= n
            elif entry.reason.code == CAPTURED:
                held = False
            else:
                uses, held = uses + n, entry.change is GrantChange.RESERVED
            found[entry.grant.identity] = (entry.grant, uses, held)
    return [each for each in found.values() if each[1]]


def capture_uses(book: Book, reward: str, taken: Sequence[tuple[Grant, int, bool]], about: Source) -> None:
    """Uses that a reservation holds are spent."""
    for grant, n, held in taken:
        live = _live(book, grant)
        if held and live is not None:
            after = attrs.evolve(live, reserved=live.reserved - n)
            book.grant(GrantChange.USED, after, reward, "", about, reason("use_captured", {"reward": reward, USES: n}))


def give_back_uses(
    book: Book, terms: RefundTerms, taken: Iterable[tuple[Grant, int, bool]], about: Source, cause: str | None = None
) -> None:
    """
    Uses come back to the grants that they were of; one whose uses were gone stands as it did before.

    Its end is the old one, a stated grace or a fresh one, by the terms. What has ended since stays so.
    """
    at = book.at
    assert at is not None
    for grant, n, held in taken:
        live = _live(book, grant)
        if live is None and held:
            continue  # It has ended while it was held.
        model = grant if live is None else live
        until = _until(model, terms, at, book)
        if until is not None and until <= at:
            continue
        uses = n if live is None else (live.uses or 0) + n
        reserved = 0 if live is None else live.reserved - (n if held else 0)
        back = attrs.evolve(model, uses=uses, valid_until=until, reserved=reserved)
        book.grant(GrantChange.RESTORED, back, "", "", about, reason("use_given_back", {USES: n}), cause)


def _live(book: Book, grant: Grant) -> Grant | None:
    """The grant of the same identity that has not ended."""
    return next((one for one in book.grants if one.identity == grant.identity and not one.ended), None)


def _until(grant: Grant, terms: RefundTerms, at: datetime, book: Book) -> datetime | None:
    """When a grant ends whose uses come back."""
    end = grant.valid_until
    if end is None or terms.returned is Returned.OLD or terms.grace is None:
        return end
    until = terms.grace.end(at, book.calendar)
    return max(until, end) if terms.returned is Returned.GRACE else until


def held_facts(held: Iterable[tuple[Grant, int]]) -> dict[str, Fact]:
    """What a reservation's wake-up must know to give uses back: which grants, and how many uses of each."""
    names: list[str] = []
    for grant, n in held:
        names += [*grant.identity, str(n)]
    return {"grants": tuple(names)} if names else {}


def held_of(book: Book, facts: Mapping[str, Fact]) -> list[tuple[Grant, int, bool]]:
    """The grants that are still there of which a reservation holds uses, by its wake-up's facts."""
    named = facts.get("grants")
    names = named if isinstance(named, tuple) else ()
    return [
        (grant, int(names[i + 4]), True)
        for i in range(0, len(names), 5)
        for grant in book.grants
        if grant.identity == names[i : i + 4] and not grant.ended
    ]
