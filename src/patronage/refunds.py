"""
Refunds: the purchase decided again without what came back, and the difference booked.

What a purchase is worth now is compared, per policy, rule, unit and label, with the sum booked for
it so far. What is too much is taken from the lots it made (pending first), then what those lost to
expiry is dropped or charged, then from other lots in spending order; the rest is a debt, forgiven
or priced. What paid the purchase is given back before that, in the reverse order of taking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.applying import book_of, plain
from patronage.basis_after import basis_with
from patronage.between import is_of_time
from patronage.book import Book
from patronage.building import build_booking, build_lot
from patronage.events import Event, Purchase
from patronage.ledger import (
    ALWAYS,
    DEBT,
    EXPIRED,
    FORGIVEN,
    ISSUED,
    REDEEMED,
    Account,
    Basis,
    Benefit,
    BenefitKind,
    Booking,
    Commit,
    Entry,
    Grant,
    GrantChange,
    GrantEntry,
    Lot,
    Reason,
    Source,
    Transfer,
    Validity,
    reason,
)
from patronage.occasions import Credit, Debit, Effect, Give, Occasion, build_occasion
from patronage.policies.base import BoundPolicy
from patronage.state import with_steps
from patronage.terms import BoundTerms, Expired, RefundTerms, Returned, Shortfall
from patronage.units import UnitKind, build_amount, rounded
from patronage.watching import Settlement, after_event, in_basis

DECIDED_AGAIN: Final = Reason("decided_again", FrozenMapping())
TAKEN_BACK: Final = Reason("taken_back", FrozenMapping())
Key = tuple[str, str, str | None, str]
"""What a refund compares: policy, unit, label, rule."""
Room = Callable[[Key, int], int]
"""How much of a rise still fits under the ceilings."""


@attrs.frozen
class Worth:
    """What a key is worth: steps, and the booking and validity to book more of it by."""

    steps: int
    book: Booking | None
    validity: Validity | None


def answers(
    bound: BoundTerms, event: Event, at: datetime, book: Book, basis: Basis
) -> list[tuple[str, Sequence[Effect], Basis]]:
    """
    What each policy in order says of *event* on *basis*, nothing booked.

    What its totals and thresholds would give is followed, for the policies behind them, and not told:
    they look again when the difference is booked.
    """
    told = []
    if isinstance(event, Purchase) and not event.lines:
        return []
    for policy in bound.policies:
        occasion = build_occasion(at, book.origin, event, None, basis, bound.calendar, bound.units, bound.ladders)
        effects = policy.answer(occasion, None)
        if effects:
            told.append((policy.name, effects, basis))
            basis = basis_with(basis, effects, occasion, policy.name, bound.watched)
        basis = after_looks(policy, bound, book.origin, event, at, basis)
    return told


def after_looks(
    policy: BoundPolicy, bound: BoundTerms, account: Account, event: Event, at: datetime, basis: Basis
) -> Basis:
    """The basis after a policy's totals and thresholds would have looked, nothing booked."""
    for _, _, after in looks(policy, bound, account, event, at, basis):
        basis = after
    return basis


def looks(
    policy: BoundPolicy, bound: BoundTerms, account: Account, event: Event, at: datetime, basis: Basis
) -> Iterator[tuple[Occasion, Settlement, Basis]]:
    """What a policy's totals and thresholds would come to after an event, each with the basis after it."""
    for watcher in policy.watchers:
        occasion = build_occasion(at, account, event, None, basis, bound.calendar, bound.units, bound.ladders)
        settled = watcher.look(occasion, after_event(at))
        if settled is not None:
            basis = basis_with(basis, in_basis(settled, basis), occasion, policy.name, bound.watched)
            yield occasion, settled, basis


def worth_of(
    told: Iterable[tuple[str, Sequence[Effect], Basis]], at: datetime, bound: BoundTerms, account: Account | None = None
) -> dict[Key, Worth]:
    """The credits and debits of the answers, per policy, unit, label and rule: on the own account, or on *account*."""
    found: dict[Key, Worth] = {}
    for policy, effects, basis in told:
        for stated in effects:
            effect = plain(stated, basis)
            if not isinstance(effect, Credit | Debit) or effect.account != account:
                continue
            validity = None
            if isinstance(effect, Credit):
                validity = effect.validity if effect.validity is not None else effect.life.resolve(at, bound.calendar)
                books = effect.books or book_of(effect.rule, effect.amount.steps)
            else:
                steps = effect.amount.steps
                if effect.up_to:
                    balances = basis.balances if account is None else basis.others.get(str(account), ())
                    held = sum(b.steps for b in balances if b.unit == effect.amount.unit and b.label == effect.label)
                    steps = min(steps, max(held, 0))
                books = book_of(effect.rule, -steps)
            for book in books:
                key = (policy, effect.amount.unit, effect.label, book.rule)
                known = found.get(key)
                steps = book.steps + (0 if known is None else known.steps)
                found[key] = Worth(steps, book, validity)
    return found


def booked(history: Iterable[Commit], about: Source) -> dict[Key, int]:
    """The sum booked so far for a root, per policy, unit, label and rule."""
    found: dict[Key, int] = {}
    for commit in history:
        for entry in commit.entries:
            if isinstance(entry, Transfer) and entry.about == about:
                for book in entry.books:
                    key = (entry.policy, entry.unit, entry.label, book.rule)
                    found[key] = found.get(key, 0) + book.steps
    return found


def proportional(first: Commit, about: Source, kept: int, total: int, terms: RefundTerms) -> dict[Key, Worth]:
    """What the purchase's own commit booked, less the returned share, rounded on what is taken back."""
    found = {}
    for key, steps in booked((first,), about).items():
        back = rounded(steps * (total - kept), total, terms.rounding) if total else steps
        found[key] = Worth(steps - back, None, None)
    return found


class Difference:
    """
    Books what a root is worth now against what was booked for it, on one book: by all policies, or by *policy*.

    What it is worth more is credited for the reason *why*.
    """

    def __init__(
        self,
        book: Book,
        bound: BoundTerms,
        about: Source,
        history: Sequence[Commit],
        against: Account = ISSUED,
        *,
        policy: str | None = None,
        why: Reason = DECIDED_AGAIN,
    ) -> None:
        self.book, self.bound, self.about, self.history = book, bound, about, history
        self._against, self._policy, self._why = against, policy, why
        self.charges: list[Benefit] = []

    def settle(self, worth: Mapping[Key, Worth], *, room: Room | None = None) -> None:
        """Books the differences: per policy, unit, label and validity, those that take first."""
        so_far = booked(self.history, self.about)
        differences: dict[tuple[str, str, str | None], list[tuple[Key, int]]] = {}
        if self._policy is not None:
            so_far = {key: steps for key, steps in so_far.items() if key[0] == self._policy}
        for key in sorted({*so_far, *worth}, key=lambda k: (k[0], k[1], k[2] or "", k[3])):
            have = so_far.get(key, 0)
            want = worth[key].steps if key in worth else 0
            if want != have:
                differences.setdefault(key[:3], []).append((key, want - have))
        for (policy, unit, label), rules in differences.items():
            total = sum(change for _, change in rules)
            if total < 0:
                self._take_back(policy, unit, label, -total, rules)
            elif total > 0:
                self._credit(policy, unit, label, total, rules, worth, room)

    def take(self, policy: str, unit: str, label: str | None, rule: str, steps: int) -> None:
        """Takes *steps* of what a rule gave back."""
        self._take_back(policy, unit, label, steps, (((policy, unit, label, rule), -steps),))

    def _credit(
        self,
        policy: str,
        unit: str,
        label: str | None,
        total: int,
        rules: Sequence[tuple[Key, int]],
        worth: Mapping[Key, Worth],
        room: Room | None,
    ) -> None:
        """More than before, where what came back had held the figure down: trimmed to the room there is now."""
        granted = total
        if room is not None:
            granted = min(total, room(rules[0][0], total))
        if granted <= 0:
            return
        left = total - granted
        books = []
        validity = None
        for key, change in rules:
            trimmed = min(left, max(change, 0))
            left -= trimmed
            model = worth.get(key)
            if model is not None and model.validity is not None:
                validity = model.validity
            if change - trimmed:
                books.append(_rebook(key[3], change - trimmed, change, None if model is None else model.book))
        self.book.credit(
            policy,
            self.about,
            unit,
            granted,
            label,
            validity or ALWAYS,
            tuple(books),
            self._why,
            payer=self._against,
        )

    def _take_back(
        self, policy: str, unit: str, label: str | None, steps: int, rules: Sequence[tuple[Key, int]]
    ) -> None:
        """Takes *steps* back: from the root's own lots, from what they lost, from others, and as debt."""
        book, about, terms = self.book, self.about, self.bound.terms.refunds
        books = [_rebook(key[3], change, change, None) for key, change in rules]
        if book.is_tally(unit):
            self._take_tally(policy, unit, label, steps, books)
            return
        own = self._own_lots(unit, label)
        parts, left = _parts(own, steps)
        dropped = min(left, self._droppable(unit, label)) if left else 0
        left -= dropped
        if left and not terms.unspent_only:
            more, left = _parts(self._others(unit, label, own), left)
            parts += more
        if dropped:
            back = build_lot(unit, dropped, label, ALWAYS, about, book.at, None)
            book.transfer("", about, unit, label, EXPIRED, book.account, (), (back,), (), reason("dropped"))
            parts.append(back)
        if left:
            parts.append(build_lot(unit, left, label, ALWAYS, DEBT, None, None))
        book.transfer(policy, about, unit, label, book.account, self._against, parts, (), tuple(books), TAKEN_BACK)
        if left:
            self._shortfall(unit, label, left)

    def _take_tally(self, policy: str, unit: str, label: str | None, steps: int, books: Sequence[Booking]) -> None:
        """
        What counts for a rule only: what has ended of it is dropped, and makes no debt.

        Of a unit of the terms that is booked (it comes back and is taken), so that what reads it knows;
        of a tally of the library's own by nobody.
        """
        book, about = self.book, self.about
        ended = min(steps, self._ended(unit, label))
        if unit not in book.units:
            held = sum(lot.steps for lot in book.lots(unit) if lot.label == label)
            taken = min(steps - ended, max(held, 0))
            if taken:
                book.debit(policy, about, unit, taken, label, TAKEN_BACK, self._against, _limited(books, taken))
            return
        waiting = [lot for lot in book.pending if (lot.unit, lot.label, lot.source) == (unit, label, about)]
        parts, left = _parts(waiting, steps - ended)
        more, short = book.pick(unit, left, label)
        parts += more
        if ended:
            back = build_lot(unit, ended, label, ALWAYS, None, None, None)
            book.transfer("", about, unit, label, EXPIRED, book.account, (), (back,), (), reason("dropped"))
            parts.append(back)
        if short:
            parts.append(build_lot(unit, short, label, ALWAYS, DEBT, None, None))
        book.transfer(policy, about, unit, label, book.account, self._against, parts, (), tuple(books), TAKEN_BACK)

    def _ended(self, unit: str, label: str | None) -> int:
        """What the root counted on a tally whose time has passed since, less what was dropped of it before."""
        book, at, ended = self.book, self.book.at, 0
        assert at is not None
        alive = {lot.validity for lot in book.lots(unit) if lot.label == label and lot.steps > 0}
        for commit in self.history:
            for entry in commit.entries:
                if not isinstance(entry, Transfer) or entry.about != self.about or entry.unit != unit:
                    continue
                if entry.payer == EXPIRED and entry.label == label:
                    ended -= entry.steps
                    continue
                for part in entry.put:
                    validity = part.validity
                    over = (validity.expires_at is not None and validity.expires_at <= at) or (
                        validity.needs is not None and not book.in_force(validity.needs, at)
                    )
                    if part.label == label and over and validity not in alive:
                        ended += part.steps
        return max(0, ended)

    def _droppable(self, unit: str, label: str | None) -> int:
        """
        What the root's lots lost to expiry and need not be taken again: always so of what is not owed.

        What ended because a refund of the root revoked a grant counts as taken, whatever the terms say.
        """
        lost = 0
        known = self.book.units.get(unit)
        all_of_it = self.bound.terms.refunds.expired is Expired.DROPPED or (
            known is not None and known.kind is UnitKind.QUALIFYING
        )
        commits = [commit for commit in self.history if all_of_it or commit.root == self.about.root]
        entries = [entry for commit in commits for entry in commit.entries] + self.book.entries
        for entry in entries:
            if isinstance(entry, Transfer) and entry.about == self.about and (entry.unit, entry.label) == (unit, label):
                if entry.payee == EXPIRED and (all_of_it or _revoked(entry)):
                    lost += entry.steps
                elif entry.payer == EXPIRED:
                    lost -= entry.steps
        return max(lost, 0)

    def _others(self, unit: str, label: str | None, own: Sequence[Lot]) -> list[Lot]:
        """Lots that the root did not make, in spending order."""
        return [
            lot
            for lot in self.book.lots(unit)
            if lot.label == label and lot.reserved_for is None and lot.steps > 0 and lot not in own
        ]

    def _own_lots(self, unit: str, label: str | None) -> list[Lot]:
        """The lots that the root made, pending first, then in spending order."""
        lots = [*self.book.pending, *self.book.lots(unit)]
        return [
            lot
            for lot in lots
            if lot.source == self.about and lot.unit == unit and lot.label == label and lot.reserved_for is None
        ]

    def _shortfall(self, unit: str, label: str | None, new_debt: int) -> None:
        """New debt stands, up to its maximum, or is forgiven, or is priced."""
        terms = self.bound.terms.refunds
        over = new_debt
        if terms.shortfall is Shortfall.DEBT:
            if terms.debt_max is None or terms.debt_max.unit != unit:
                return
            over = min(new_debt, max(0, self.book.debt(unit, label) - terms.debt_max.steps))
        elif terms.shortfall is Shortfall.PRICED and terms.price is not None and terms.price[0].unit == unit:
            points, money = terms.price
            cost = rounded(over * money.steps, points.steps, terms.rounding)
            amount = build_amount(cost, money.unit)
            self.charges.append(Benefit(BenefitKind.CHARGE, "shortfall", amount, 1, FrozenMapping()))
        if over:
            paid = build_lot(unit, over, label, ALWAYS, DEBT, None, None)
            self.book.transfer(
                "", self.about, unit, label, FORGIVEN, self.book.account, (), (paid,), (), reason("forgiven")
            )

    def revoke_grants(self, told: Iterable[tuple[str, Sequence[Effect], Basis]]) -> None:
        """Ends the grants that the root gave and, decided again, would not give."""
        still = {
            (policy, effect.key, effect.value, effect.occasion)
            for policy, effects, _ in told
            for effect in effects
            if isinstance(effect, Give)
        }
        at = self.book.at
        for grant in self.book.grants:
            policy = grant.giver.split("/")[0]
            if self._policy is not None and policy != self._policy:
                continue
            if grant.source != self.about or grant.ended or (policy, grant.key, grant.value, grant.occasion) in still:
                continue
            before = self._extended(grant)
            if before is not None and at is not None and before.in_force(at):
                self.book.grant(GrantChange.RESTORED, before, policy, "", self.about, reason("taken_back"))
                continue
            ended = attrs.evolve(grant, valid_until=at, ended=True)
            self.book.grant(GrantChange.REVOKED, ended, policy, "", self.about, reason("taken_back"))

    def _extended(self, grant: Grant) -> Grant | None:
        """The grant that the root found in force when it gave *grant*."""
        entries = (entry for commit in self.history for entry in commit.entries if isinstance(entry, GrantEntry))
        given = (entry for entry in entries if entry.change is GrantChange.GIVEN and entry.about == self.about)
        return next((entry.before for entry in given if entry.grant.identity == grant.identity), None)


def _revoked(entry: Transfer) -> bool:
    """Whether a lot ended with a grant that an event revoked, not by its date."""
    validity = entry.taken[0].validity
    return not is_of_time(entry.cause) and (validity.needs is not None or validity.held_by is not None)


def _parts(lots: Sequence[Lot], steps: int) -> tuple[list[Lot], int]:
    """Parts of *lots*, in order, up to *steps*; and what is not found."""
    found, left = [], steps
    for lot in lots:
        if not left:
            break
        part = lot if lot.steps <= left else with_steps(lot, left)
        found.append(part)
        left -= part.steps
    return found, left


def _rebook(rule: str, steps: int, wanted: int, model: Booking | None) -> Booking:
    """A booking of a difference, with the numbers of the figure it comes from where there is one."""
    if model is None:
        return build_booking(rule, steps, wanted, (abs(steps), 1), (steps, 1), "", "", (), None)
    return build_booking(
        rule, steps, wanted, model.base, model.exact, model.rate, model.rounding, model.lines, model.trimmed_by
    )


def _limited(books: Sequence[Booking], taken: int) -> tuple[Booking, ...]:
    """The bookings of a tally, cut to what was taken."""
    found, left = [], taken
    for book in books:
        part = min(left, -book.steps)
        if part:
            found.append(_rebook(book.rule, -part, book.wanted, None))
            left -= part
    return tuple(found)


LAPSED_REST: Final = "rest_lapsed"
"""The reason of a transfer of what a voucher was worth more than the cart."""


def _went(entry: Entry, about: Source, to: Account) -> bool:
    return (
        isinstance(entry, Transfer)
        and entry.about == about
        and entry.payee == to
        and (to != EXPIRED or entry.reason.code == LAPSED_REST)
    )


def spent_parts(history: Iterable[Commit], about: Source, to: Account = REDEEMED) -> list[Lot]:
    """The parts that a redemption (or a captured reservation) spent, in the order of taking; or what went elsewhere."""
    return [
        part
        for commit in history
        for entry in commit.entries
        if isinstance(entry, Transfer) and _went(entry, about, to)
        for part in entry.taken
    ]


def given_back(history: Iterable[Commit], about: Source, by: Account = REDEEMED) -> int:
    """How much of a redemption was given back so far."""
    return sum(
        entry.steps
        for commit in history
        for entry in commit.entries
        if isinstance(entry, Transfer) and entry.about == about and entry.payer == by
    )


def give_back(
    book: Book,
    terms: RefundTerms,
    about: Source,
    parts: Sequence[Lot],
    before: int,
    steps: int,
    by: Account = REDEEMED,
) -> None:
    """
    Gives *steps* of what *parts* spent back, in the reverse order of taking, after *before* that were given earlier.

    Each part returns with its source and age, and by the terms with its old validity, at least a
    grace, or a fresh life. One past its end is given back and then ends, in the same event.
    """
    at = book.at
    assert at is not None
    skip, left = before, steps
    for part in reversed(parts):
        available = part.steps - min(skip, part.steps)
        skip -= part.steps - available
        if not available or not left:
            continue
        size = min(available, left)
        left -= size
        if part.source == DEBT:  # A redemption that a replay in order could not afford: see `rerate`.
            back = build_lot(part.unit, size, part.label, ALWAYS, None, None, None)
        else:
            life = _life(part.validity, terms, at, book)
            back = attrs.evolve(with_steps(part, size), validity=life, reserved_for=None)
        puts = book.become(back)
        why = reason("given_back", {"life": terms.returned.value})
        book.transfer("", about, part.unit, part.label, by, book.account, (), puts, (), why)
        rest = puts[-1]
        end = rest.validity.expires_at
        needs = rest.validity.needs
        ended = (end is not None and end <= at and not _held(book, rest, at)) or (
            needs is not None and not book.in_force(needs, at)
        )
        if rest.source != DEBT and ended:
            book.end_lot(rest, book.cause)


def _held(book: Book, lot: Lot, at: datetime) -> bool:
    return lot.validity.held_by is not None and book.in_force(lot.validity.held_by, at)


def _life(validity: Validity, terms: RefundTerms, at: datetime, book: Book) -> Validity:
    """The validity of a part given back."""
    if terms.returned is Returned.OLD or terms.grace is None or validity.expires_at is None:
        return validity
    until = terms.grace.end(at, book.calendar)
    if terms.returned is Returned.GRACE:
        until = max(until, validity.expires_at)
    return attrs.evolve(validity, expires_at=until)


def share_of(spent: int, part: int, whole: int, terms: RefundTerms) -> int:
    """The points for a part of the money that they paid, cumulative, rounded once."""
    return rounded(spent * part, whole, terms.rounding) if whole else spent
