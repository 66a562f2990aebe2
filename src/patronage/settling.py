"""Settlements become entries: what totals and thresholds came to, written into the book."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.applying import apply_effects, book_of, extended
from patronage.book import Book
from patronage.building import build_lot
from patronage.ledger import (
    ALWAYS,
    DEBT,
    ISSUED,
    REDEEMED,
    Commit,
    Grant,
    GrantChange,
    Lot,
    Reason,
    Source,
    Transfer,
    WakeUp,
)
from patronage.occasions import Effect, Give, Occasion
from patronage.refunds import Difference
from patronage.state import with_steps
from patronage.terms import BoundTerms
from patronage.units import build_amount, rounded
from patronage.watching import Carry, Consume, Remembering, Settlement, TakeBack, TakeShare, Undo, terms_instant

CONSUMED: Final = Reason("consumed", FrozenMapping())
RETURNED: Final = Reason("consumed_back", FrozenMapping())
CARRIED: Final = Reason("carried", FrozenMapping())
LEFT_BEHIND: Final = Reason("not_carried", FrozenMapping())
FELL: Final = Reason("fell", FrozenMapping())


def settle(
    book: Book, bound: BoundTerms, policy: str, settlement: Settlement, occasion: Occasion, past: Sequence[Commit]
) -> None:
    """Writes what a look came to. What it consumed stands in the grant that follows."""
    about = Source(book.account, settlement.root)
    plain: list[Effect] = []
    consumed: tuple[Lot, ...] = ()
    for effect in settlement.effects:
        if isinstance(effect, Consume):
            consumed = _consume(book, policy, about, effect)
        elif isinstance(effect, Give) and consumed:
            _give(book, policy, about, effect, consumed)
            consumed = ()
        elif isinstance(effect, TakeBack):
            _take_back(book, bound, policy, about, effect, past)
        elif isinstance(effect, TakeShare):
            _take_share(book, bound, policy, about, effect, past)
        elif isinstance(effect, Undo):
            _undo(book, bound, policy, about, effect, past)
        elif isinstance(effect, Carry):
            _carry(book, policy, about, effect)
        else:
            plain = [effect]
            apply_effects(book, bound, policy, plain, occasion, about)


def is_there(book: Book, settlement: Settlement) -> bool:
    """Whether the book holds what is consumed: of all labels, others before it may have taken what the basis shows."""
    wanted: dict[tuple[str, str | None, bool], int] = {}
    for effect in settlement.effects:
        if isinstance(effect, Consume):
            key = (effect.amount.unit, effect.label, effect.all_labels)
            wanted[key] = wanted.get(key, 0) + effect.amount.steps
    return all(steps <= sum(lot.steps for lot in _spendable(book, *key)) for key, steps in wanted.items())


def _spendable(book: Book, unit: str, label: str | None, all_labels: bool) -> list[Lot]:
    """What can be consumed, in spending order."""
    return [
        lot
        for lot in book.lots(unit)
        if lot.steps > 0 and lot.reserved_for is None and (all_labels or lot.label == label)
    ]


def _consume(book: Book, policy: str, about: Source, effect: Consume) -> tuple[Lot, ...]:
    """Takes the cost, label by label."""
    unit, left = effect.amount.unit, effect.amount.steps
    by_label: dict[str | None, list[Lot]] = {}
    for lot in _spendable(book, unit, effect.label, effect.all_labels):
        if not left:
            break
        part = lot if lot.steps <= left else with_steps(lot, left)
        left -= part.steps
        by_label.setdefault(part.label, []).append(part)
    for label, parts in by_label.items():
        books = book_of(effect.rule, -sum(part.steps for part in parts))
        book.transfer(policy, about, unit, label, book.account, REDEEMED, parts, (), books, CONSUMED)
    return tuple(part for parts in by_label.values() for part in parts)


def _give(book: Book, policy: str, about: Source, effect: Give, consumed: tuple[Lot, ...]) -> None:
    """A grant that keeps the parts that it cost."""
    at = book.at
    assert at is not None
    until = effect.end(at, book.calendar)
    giver = f"{policy}/{effect.rule}"
    grant = Grant(effect.key, effect.value, at, until, effect.uses, giver, effect.occasion, about, consumed)
    book.grant(GrantChange.GIVEN, extended(book.grants, grant, at), policy, effect.rule, about, effect.why)


def _take_back(
    book: Book, bound: BoundTerms, policy: str, about: Source, effect: TakeBack, past: Sequence[Commit]
) -> None:
    unit, steps = effect.amount.unit, effect.amount.steps
    if effect.unspent_only:
        # What never ends has no source: what is left of it may be what was given.
        own = (
            lot.steps
            for lot in book.all_lots()
            if lot.unit == unit and lot.label == effect.label and lot.source in (about, None) and not lot.reserved_for
        )
        steps = min(steps, sum(own))
    if steps:
        Difference(book, bound, about, past).take(policy, unit, effect.label, effect.rule, steps)


def _take_share(
    book: Book, bound: BoundTerms, policy: str, about: Source, effect: TakeShare, past: Sequence[Commit]
) -> None:
    """
    What the returned part of a purchase has in what a period credited, rounded on the cumulative part.

    The period may have closed just now, in the time that the refund let pass.
    """
    back, rounding = effect.back, bound.terms.refunds.rounding
    bought = (entry for commit in past if commit.event.id == back.source.root for entry in commit.entries)
    counted = sum(
        entry.steps
        for entry in bought
        if isinstance(entry, Transfer)
        and entry.about == back.source
        and entry.unit == effect.counted
        and (entry.label or "").startswith(effect.period)
    )
    # What an account that was merged since was credited for the period stands about a root of its own.
    for total in dict.fromkeys((Source(back.source.account, about.root), about)):
        paid = net = base = 0
        for entries in (*(commit.entries for commit in past), book.entries):
            for entry in entries:
                if not isinstance(entry, Transfer) or entry.about != total:
                    continue
                for booking in entry.books if (entry.unit, entry.label) == (effect.unit, effect.label) else ():
                    net += booking.steps
                    if booking.steps > 0:
                        paid, base = paid + booking.steps, booking.base[0]
        if base > 0 and back.total:
            due = [
                rounded(paid * rounded(counted * returned, back.total, rounding), base, rounding)
                for returned in (back.before, back.now)
            ]
            steps = min(due[1] - due[0], net)
            if steps > 0:
                taken = TakeBack(build_amount(steps, effect.unit), effect.rule, effect.label, False)
                _take_back(book, bound, policy, total, taken, past)
            return


def _undo(book: Book, bound: BoundTerms, policy: str, about: Source, effect: Undo, past: Sequence[Commit]) -> None:
    """The newest grants that are unused are revoked, their cost comes back; what was credited is taken back."""
    giver = f"{policy}/{effect.rule}"
    given = [grant for grant in book.grants if grant.giver == giver and not grant.ended and grant.source == about]
    steps = sorted({grant.occasion for grant in given}, key=lambda occasion: (len(occasion), occasion), reverse=True)
    steps = [step for step in steps if step == effect.key or step.startswith(f"{effect.key}#")][: effect.times]
    undone = len(steps)
    for grant in sorted(given, key=lambda grant: (len(grant.occasion), grant.occasion), reverse=True):
        if grant.occasion in steps:
            ended = attrs.evolve(grant, valid_until=book.at, ended=True)
            book.grant(GrantChange.REVOKED, ended, policy, effect.rule, about, FELL)
            _give_back(book, policy, about, effect.rule, grant.consumed)
    if effect.amounts:
        if not given and effect.cost is not None:
            cost = build_lot(effect.cost.unit, effect.cost.steps, effect.label, ALWAYS, None, None, None)
            _give_back(book, policy, about, effect.rule, (cost,))
        undone = max(undone, effect.times)
    for amount, label in effect.amounts:
        taken = build_amount(amount.steps * effect.times, amount.unit)
        _take_back(book, bound, policy, about, TakeBack(taken, effect.rule, label, effect.unspent_only), past)
    if undone:
        count = TakeBack(build_amount(undone, effect.unit), effect.rule, effect.key, False)
        _take_back(book, bound, policy, about, count, past)


def _give_back(book: Book, policy: str, about: Source, rule: str, parts: Sequence[Lot]) -> None:
    """What a grant had cost comes back as it was: it pays debt first, and ends at once where its end has come."""
    at = book.at
    assert at is not None
    for part in parts:
        puts = book.become(part)
        books = book_of(rule, part.steps)
        book.transfer(policy, about, part.unit, part.label, REDEEMED, book.account, (), puts, books, RETURNED)
        end = puts[-1].validity.expires_at
        if puts[-1].source != DEBT and end is not None and end <= at:
            book.end_lot(puts[-1], book.cause)


def _carry(book: Book, policy: str, about: Source, effect: Carry) -> None:
    """What is left is dated anew, up to the maximum; what is above it goes."""
    unit, left = effect.amount.unit, effect.amount.steps
    for lot in _spendable(book, unit, effect.label, effect.all_labels):
        steps = min(left, lot.steps)
        left -= steps
        if steps:
            part = lot if steps == lot.steps else with_steps(lot, steps)
            new = build_lot(unit, steps, effect.to, effect.validity, lot.source, lot.credited_at, None)
            book.transfer(policy, about, unit, lot.label, book.account, book.account, (part,), (new,), (), CARRIED)
        if steps < lot.steps:
            rest = with_steps(lot, lot.steps - steps)
            books = book_of(effect.rule, -rest.steps)
            book.transfer(policy, about, unit, lot.label, book.account, ISSUED, (rest,), (), books, LEFT_BEHIND)


def ended_roots(bound: BoundTerms, bought: Commit, at: datetime) -> Iterable[str]:
    """What stands in the history of totals whose count of a purchase's period has ended by *at*: a refund needs it."""
    for policy in bound.policies:
        for watcher in policy.watchers:
            if isinstance(watcher, Remembering):
                root = watcher.ended_root(bought.event.occurred_at, at, bound.calendar, bought.basis.grants)
                if root is not None:
                    yield root


def in_order(closes: list[WakeUp], terms_at: Callable[[datetime], BoundTerms]) -> list[WakeUp]:
    """What closes at one instant, in the order in which policies, totals and thresholds stand in the terms."""
    if len(closes) < 2:
        return closes

    def place(wake_up: WakeUp) -> tuple[int, int]:
        policies = terms_at(terms_instant(wake_up)).policies
        for i, policy in enumerate(policies):
            if policy.name == wake_up.policy:
                names = [watcher.name for watcher in policy.watchers]
                rule = str(wake_up.facts.get("rule"))
                return i, names.index(rule) if rule in names else len(names)
        return len(policies), 0

    return sorted(closes, key=place)
