"""
What time does to an account: instant by instant, what falls due, and what the policies answer to it.

At one instant first the periods that end there close, on the balances just before; then all that begins
or ends there does so; then new terms are adopted, wake-ups are shown, and thresholds look.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import attrs

from patronage.applying import apply_effects
from patronage.basis_after import basis_with
from patronage.book import Book, due_cause
from patronage.errors import InvalidValueError
from patronage.events import Event
from patronage.ledger import AccountKind, Basis, Commit, Grant, Lot, Source, WakeUp, lot_key
from patronage.links import ended_by
from patronage.occasions import (
    Adopted,
    GrantEnded,
    LotAvailable,
    LotEnded,
    Occasion,
    Trigger,
    Woken,
    build_occasion,
)
from patronage.periods import Calendar, format_instant, parse_instant
from patronage.policies.base import BoundPolicy
from patronage.settling import in_order, is_there, settle
from patronage.spending import LAPSE, lapse
from patronage.state import State
from patronage.terms import BoundTerms
from patronage.watching import (
    CLOSE,
    LATER_LOOKS,
    LOOKS_BACK,
    MICROSECOND,
    NOTHING_RETURNED,
    Adoption,
    Look,
    Moment,
    in_basis,
    terms_instant,
)


class Passing:
    """Time on one program's accounts: *bounds* are its terms made ready, latest first."""

    def __init__(self, calendar: Calendar, bounds: Sequence[BoundTerms]) -> None:
        self._calendar, self._bound = calendar, bounds

    def terms_at(self, at: datetime) -> BoundTerms:
        """The terms in force at an instant; the first ones before they take effect."""
        bound = self._bound
        for terms in bound:
            if terms.effective_from <= at:
                return terms
        return bound[-1]

    def _adoptions(self, state: State) -> list[BoundTerms]:
        """The terms that take effect after a member's clock, earliest first, and have a policy that cares."""
        clock = state.clock
        if clock is None or state.account.kind is not AccountKind.MEMBER or ended_by(state.grants) is not None:
            return []
        return [bound for bound in reversed(self._bound) if bound.effective_from > clock and bound.adopts]

    def next(self, state: State) -> datetime | None:
        """The next instant at which time, or new terms taking effect, does something."""
        due = state.next_due
        for bound in self._adoptions(state)[:1]:
            if due is None or bound.effective_from < due:
                due = bound.effective_from
        return due

    def catch_up(self, book: Book, at: datetime) -> None:
        """What time did up to *at* on another account of a decision."""
        due = self.next(book.state)
        if due is not None and due <= at:
            self.pass_to(book, at)

    def pass_to(self, book: Book, until: datetime) -> datetime:
        """All instants that are due up to *until*, in order; the last of them."""
        adoptions = self._adoptions(book.state)
        last = until
        while True:
            due = book.due()
            if adoptions and (due is None or adoptions[0].effective_from <= due):
                due = adoptions[0].effective_from
            if due is None or due > until:
                return last
            last = due
            bound = self.terms_at(due)
            before = len(book.entries)
            adopted = bool(adoptions) and adoptions[0].effective_from == due
            self._instant(book, bound, due, adopted=adopted)
            if adopted:
                adoptions.pop(0)
            elif len(book.entries) == before and book.due() == due:
                when = format_instant(due)
                raise InvalidValueError(f"What was due at {when} did not end: a term of time ends at one instant.")

    def _instant(self, book: Book, bound: BoundTerms, at: datetime, *, adopted: bool) -> None:
        """One instant: what closes, then what begins and ends, new terms, what wakes; then reviews and thresholds."""
        for wake_up in in_order(book.wakes(at, (CLOSE,), named=True), self.terms_at):
            self._wake_watcher(book, self.terms_at(terms_instant(wake_up)), wake_up, Moment.CLOSE)
        book.units = bound.units
        for kind, what in book.pass_to(at):
            self._show(book, bound, kind, what, at)
        if adopted:
            self._adopt(book, bound, at)
        for wake_up in book.wakes(at, LATER_LOOKS, named=False):
            self._show(book, bound, "woken", wake_up, at)
        for wake_up in book.wakes(at, LATER_LOOKS, named=True):
            self._wake_watcher(book, self.terms_at(terms_instant(wake_up)), wake_up, LATER_LOOKS[wake_up.name])
        if bound.looks_at(book.account):
            cause, book.cause = book.cause, due_cause("look", at, ())
            self.look_again(book, bound, Look(Moment.ADOPTED if adopted else Moment.TIME, at, at), None)
            book.cause = cause

    def _wake_watcher(self, book: Book, bound: BoundTerms, wake_up: WakeUp, moment: Moment) -> None:
        """The total or threshold that a wake-up was set for looks at the period that it was set for."""
        policy = next((policy for policy in bound.policies if policy.name == wake_up.policy), None)
        if policy is None:
            return  # The terms have it no more.
        at = wake_up.at
        of = parse_instant(str(wake_up.facts["start"])) if moment in LOOKS_BACK else at - MICROSECOND
        look = Look(moment, at, of, str(wake_up.facts["rule"]), wake_up.facts)
        # A close reads what ends at its instant as alive.
        basis = bound.basis(book, at - MICROSECOND if moment is Moment.CLOSE else at, of)
        kind = wake_up.name.lstrip("~")
        cause, book.cause = book.cause, due_cause(kind, at, (policy.name, str(look.rule), str(look.facts["period"])))
        self.look(book, bound, policy, basis, look, None, Woken(wake_up), ())
        book.cause = cause

    def _adopt(self, book: Book, bound: BoundTerms, at: datetime) -> None:
        """New terms take effect: each of their policies is shown that they were adopted."""
        before = self.terms_at(at - MICROSECOND).effective_from
        self._show_all(book, bound, "adopted", Adopted(before), (format_instant(before),), at)

    def _show(self, book: Book, bound: BoundTerms, kind: str, what: Lot | Grant | WakeUp, at: datetime) -> None:
        """Shows the policies what time did. A wake-up is shown to the policy that set it."""
        if isinstance(what, WakeUp) and what.policy == LAPSE:
            lapse(book, what, self.terms_at)
            return
        if isinstance(what, Lot):
            self._show_all(
                book, bound, kind, LotAvailable(what) if kind == "lot_available" else LotEnded(what), lot_key(what), at
            )
        elif isinstance(what, Grant):
            self._show_all(book, bound, kind, GrantEnded(what), what.identity, at)
        else:
            parts = (what.policy, what.name, repr(sorted(what.facts.items())))
            self._show_all(book, bound, kind, Woken(what), parts, at)

    def _show_all(
        self, book: Book, bound: BoundTerms, kind: str, trigger: Trigger, parts: Iterable[str], at: datetime
    ) -> None:
        """Asks the policies about a trigger, each on what those before it did."""
        basis: Basis | None = None
        for policy in bound.policies:
            if not policy.triggers or (isinstance(trigger, Adopted) and not policy.adopts):
                continue
            if book.account.kind is not AccountKind.MEMBER and book.account not in policy.others:
                continue  # A shared account is no member: it is for the policies that name it.
            if isinstance(trigger, Woken) and trigger.wake_up.policy != policy.name:
                continue
            if basis is None:
                basis = bound.basis(book, at)
            occasion = Occasion(at, book.account, None, trigger, basis, self._calendar, bound.units, bound.ladders)
            effects = policy.answer(occasion, None)
            if effects:
                cause = book.cause
                book.cause = due_cause("policy", at, (policy.name, kind, *parts))
                apply_effects(book, bound, policy.name, effects, occasion, Source(book.account, book.cause))
                book.cause = cause
                basis = basis_with(basis, effects, occasion, policy.name, bound.watched)

    def look(
        self,
        book: Book,
        bound: BoundTerms,
        policy: BoundPolicy,
        basis: Basis,
        look: Look,
        event: Event | None,
        trigger: Trigger | None,
        past: Sequence[Commit],
    ) -> Basis:
        """A policy's totals and thresholds look, in order; the basis after what they came to."""
        # What ends at the instant of a close is read as alive.
        at = look.at - MICROSECOND if look.moment is Moment.CLOSE else look.at
        occasion: Occasion | None = None
        for watcher in policy.watching(book.account):
            if look.moment is Moment.ADOPTED and watcher.adoption is Adoption.PROSPECTIVE:
                continue
            if occasion is None:
                occasion = build_occasion(
                    at, book.account, event, trigger, basis, self._calendar, bound.units, bound.ladders
                )
            settled = watcher.look(occasion, look)
            if settled is not None and is_there(book, settled):
                settle(book, bound, policy.name, settled, occasion, past)
                basis = basis_with(basis, in_basis(settled, basis), occasion, policy.name, bound.watched)
                occasion = None
        return basis

    def look_again(
        self, book: Book, bound: BoundTerms, look: Look, event: Event | None, past: Sequence[Commit] = ()
    ) -> None:
        """All totals and thresholds look at the balances as they now stand; where one falls, until no other does."""
        if not bound.looks_at(book.account) or ended_by(book.grants) is not None:
            return
        while True:
            before = len(book.entries)
            basis = bound.basis(book, look.at, look.of)
            for policy in (each for each in bound.policies if each.watching(book.account)):
                basis = self.look(book, bound, policy, basis, look, event, None, past)
            if not look.falls or len(book.entries) == before:
                return
            look = attrs.evolve(look, returned=NOTHING_RETURNED, back=None)
