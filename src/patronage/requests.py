"""
Requests, and events that speak of an earlier one: redemptions, reservations, refunds, cancellations.

Each gives the benefits to hand over, or a refusal; a refusal changes nothing but what time did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from patronage import pools
from patronage._frozen import FrozenMapping
from patronage.applying import book_of, extended, revoke
from patronage.asking import ask
from patronage.book import Book
from patronage.closing import close, reopen, settle_closed
from patronage.confirming import confirm
from patronage.events import (
    AccountClosed,
    Adjustment,
    Cancellation,
    Capture,
    Confirmation,
    Contribution,
    Counterpart,
    DividendAllocated,
    DividendDeclared,
    Event,
    FollowedUp,
    Gift,
    Merge,
    NamesPolicy,
    OpeningBalance,
    OpeningLot,
    PoolJoined,
    PoolLeft,
    Purchase,
    RateDeclared,
    Redemption,
    ReferralClaimed,
    Refund,
    Release,
    Rerated,
    Reservation,
    StatusEnd,
    StatusGrant,
    TimePassed,
)
from patronage.follow_ups import Totals, amend, confirmed_totals, receive, share, totals
from patronage.gifts import give as give_gift
from patronage.gifts import take_back
from patronage.handing import hand_over, tell_back
from patronage.ledger import (
    ADJUSTED,
    IN_TRANSIT,
    ISSUED,
    Account,
    Commit,
    Fact,
    Grant,
    GrantChange,
    Refusal,
    RejectionCode,
    Transfer,
    Validity,
    reason,
)
from patronage.links import CLOSED, ended_by
from patronage.merging import merge, unmerge
from patronage.occasions import Revoke
from patronage.others import incomplete
from patronage.refunds import (
    Difference,
    Key,
    Room,
    Worth,
    answers,
    booked,
    give_back,
    given_back,
    proportional,
    share_of,
    spent_parts,
    worth_of,
)
from patronage.returns import Exceeds, Kept, kept_of
from patronage.spending import Outcome, Spending
from patronage.terms import FACTS, BoundTerms
from patronage.totals import BoundTotal
from patronage.upheld import uphold
from patronage.voucher_uses import give_back_uses, uses_taken
from patronage.watching import Back, Look, Moment


def _refuse(code: RejectionCode, **facts: Fact) -> Refusal:
    return Refusal(code, FrozenMapping(facts))


class Requests:
    """
    One event that is no plain fact, on the books it changes. *beside* is the history of the other accounts.

    In a replay an event *stands* as it was once accepted: what it spends is not asked again.
    """

    def __init__(
        self,
        terms_at: Callable[[datetime], BoundTerms],
        book: Book,
        bound: BoundTerms,
        event: Event,
        past: Sequence[Commit],
        beside: Sequence[Commit] = (),
        stands: Commit | None = None,
    ) -> None:
        self.terms_at, self.book, self.bound, self.event, self.past = terms_at, book, bound, event, past
        self.beside, self.stands = beside, stands
        self.about = book.about(event.about)
        self.at = self.of = event.occurred_at if book.at is None else book.at
        self.moment = Moment.EVENT
        self.back: Back | None = None
        self.basis = bound.basis(book, self.at)

    @property
    def returned(self) -> FrozenMapping[tuple[str, str | None], int]:
        """What the event took back of what its root had earned, in steps by unit and label."""
        found: dict[tuple[str, str | None], int] = {}
        for entry in self.book.entries if self.moment is Moment.REFUND else ():
            if isinstance(entry, Transfer) and entry.about == self.about and entry.cause == self.book.cause:
                for book in entry.books:
                    key = (entry.unit, entry.label)
                    found[key] = found.get(key, 0) - book.steps
        return FrozenMapping.owning(found)

    @property
    def look(self) -> Look:
        """The look of the watchers of the event's own account."""
        return Look(self.moment, self.at, self.of, returned=self.returned, back=self.back)

    def look_of(self, other: Book) -> Look:
        """The look of the watchers of another member, who got a gift or gave it back."""
        assert other.at is not None
        out: dict[tuple[str, str | None], int] = {}
        for entry in other.entries if self.moment is Moment.REFUND else ():
            if isinstance(entry, Transfer) and entry.cause == other.cause and entry.payee == IN_TRANSIT:
                key = (entry.unit, entry.label)
                out[key] = out.get(key, 0) + entry.steps
        of = self.of if self.moment is Moment.REFUND else other.at
        return Look(self.moment, other.at, of, returned=FrozenMapping.owning(out))

    def decide(self) -> Outcome:
        """What the event comes to; on a closed account what it puts there goes at once."""
        outcome = self._outcome()
        if not isinstance(outcome, Refusal) and not isinstance(self.event, AccountClosed):
            ended = ended_by(self.book.grants)
            if ended is not None and ended.key == CLOSED:
                return (*outcome, *settle_closed(self.book, self.bound, self.about))
        return outcome

    def _outcome(self) -> Outcome:
        event = self.event
        if isinstance(event, Redemption | Reservation):
            if self.stands is not None:
                return uphold(self.book, self.about, self.stands, event.reward)
            return self._handed(self._spending().request(event))
        if isinstance(event, Adjustment):
            return self._adjust(event)
        if isinstance(event, OpeningBalance):
            return self._open(event)
        if isinstance(event, StatusGrant):
            return self._status(event)
        if isinstance(event, StatusEnd):
            ends = Revoke(key=event.key, value=event.value, rule=event.reason, why=reason("ended_by_operator"))
            revoke(self.book, ends, "", self.about, giver="@")
            return ()
        if isinstance(event, RateDeclared):
            return self._declare(event)
        if isinstance(event, NamesPolicy):
            refused = ask(self.book, self.bound, event, self.about, self.basis)
            return () if refused is None else refused
        if isinstance(event, TimePassed | Rerated | Counterpart):
            return ()
        if isinstance(event, FollowedUp):
            return self._receive(event)
        if isinstance(event, Gift):
            return give_gift(self.book, self.bound, event) or ()
        if isinstance(event, Merge):
            return merge(self.book, event) or ()
        if isinstance(event, PoolJoined):
            return pools.join(self.book, self.bound, event) or ()
        if isinstance(event, Contribution):
            return pools.contribute(self.book, self.bound, event) or ()
        if isinstance(event, PoolLeft):
            return pools.leave(self.book, self.bound, event) or ()
        if isinstance(event, AccountClosed):
            return close(self.book, self.bound, event, self.terms_at)
        of_root = [commit for commit in self.past if commit.root == event.about]
        if not of_root or of_root[0].event.id != event.about:
            return _refuse(RejectionCode.UNKNOWN_ROOT, root=event.about)
        if [commit.ordinal for commit in of_root] != list(range(len(of_root))):
            return _refuse(RejectionCode.HISTORY_INCOMPLETE, root=event.about)
        root = of_root[0]
        if root.refusal is not None:
            return _refuse(RejectionCode.WRONG_ROOT, root=event.about, refused=root.refusal.code.value)
        if self.book.others is not None:
            lacking = incomplete(self.book, event.about, self.beside, lambda account: self._changed(root, account))
            if lacking is not None:
                return lacking
        if isinstance(event, Capture | Release):
            return self._handed(self._spending().end(event, root, of_root))
        if isinstance(event, Confirmation):
            return self._confirm(root, of_root)
        if isinstance(event, DividendAllocated) and isinstance(root.event, DividendDeclared):
            return ()
        if isinstance(event, Refund | Cancellation):
            return self._undo(event, root, of_root)
        return _refuse(RejectionCode.WRONG_ROOT, root=event.about)

    def _spending(self) -> Spending:
        return Spending(self.book, self.bound, self.basis, self.past, self.beside, self.at)

    def _handed(self, outcome: Outcome) -> Outcome:
        """What a request hands over, told to the policies that care; a reservation hands nothing over yet."""
        if not isinstance(outcome, Refusal) and not isinstance(self.event, Reservation):
            hand_over(self.book, self.bound, self.about, self.basis, outcome)
        return outcome

    def _receive(self, event: FollowedUp) -> Outcome:
        """A follow-up of what happened on another account, by the terms of the first one of its root."""
        of_root = [commit for commit in self.past if commit.root == event.about]
        if [commit.ordinal for commit in of_root] != list(range(len(of_root))):
            return _refuse(RejectionCode.HISTORY_INCOMPLETE, root=event.about)
        self.about = event.origin
        if of_root:
            self.bound = self.terms_at(of_root[0].terms_from)
        confirmed = receive(self.book, self.bound, event, self.past)
        if of_root and not confirmed:
            # An amendment is a refund of what was given: what it had let a threshold give falls with it.
            self.moment, self.of = Moment.REFUND, of_root[0].event.occurred_at
        return ()

    # Operators.

    def _adjust(self, event: Adjustment) -> Outcome:
        book, unit, steps = self.book, event.amount.unit, event.amount.steps
        if unit not in self.bound.units:
            return _refuse(RejectionCode.UNKNOWN_UNIT, unit=unit)
        why = reason("adjusted", {"actor": event.actor, "reason": event.reason})
        if steps > 0:
            validity = self._life(event)
            books = book_of(event.reason, steps)
            book.credit("", self.about, unit, steps, event.label, validity, books, why, payer=ADJUSTED)
        else:
            book.debit("", self.about, unit, -steps, event.label, why, ADJUSTED, book_of(event.reason, steps))
        return ()

    def _life(self, of: Adjustment | OpeningLot) -> Validity:
        waits = of.available_at is not None and of.available_at > self.at
        return Validity(
            available_at=of.available_at if waits else None,
            expires_at=of.expires_at,
            needs=of.needs,
            held_by=of.held_by,
        )

    def _open(self, event: OpeningBalance) -> Outcome:
        """What was brought from elsewhere, lot by lot."""
        unknown = next((lot.amount.unit for lot in event.lots if lot.amount.unit not in self.bound.units), None)
        if unknown is not None:
            return _refuse(RejectionCode.UNKNOWN_UNIT, unit=unknown)
        why = reason("opened", {"actor": event.actor, "reason": event.reason})
        payer = ISSUED if event.earned else ADJUSTED
        for lot in event.lots:
            unit, steps = lot.amount.unit, lot.amount.steps
            books, life = book_of(event.reason, steps), self._life(lot)
            self.book.credit(
                "", self.about, unit, steps, lot.label, life, books, why, payer=payer, earned_at=lot.earned_at
            )
        return ()

    def _status(self, event: StatusGrant) -> Outcome:
        grant = Grant(event.key, event.value, self.at, event.until, event.uses, f"@{event.actor}", "", self.about)
        why = reason("granted_by_operator", {"actor": event.actor, "reason": event.reason})
        self.book.grant(
            GrantChange.GIVEN, extended(self.book.grants, grant, self.at), "", event.reason, self.about, why
        )
        return ()

    def _declare(self, event: RateDeclared) -> Outcome:
        """A rate is declared once for a period; the total that it names then looks."""
        policy = next((policy for policy in self.bound.policies if policy.name == event.policy), None)
        summed = [each for each in policy.watchers if isinstance(each, BoundTotal)] if policy else []
        total = next((each for each in summed if each.name == event.rule), None)
        grants = self.basis.grants
        key = None if total is None else total.key(event.of, self.bound.calendar, grants)
        if total is None or key is None:
            return _refuse(RejectionCode.UNKNOWN_RULE, policy=event.policy, rule=event.rule)
        if any(grant.key == total.unit and grant.occasion == key for grant in grants):
            return _refuse(RejectionCode.ALREADY_ENDED, policy=event.policy, rule=event.rule, period=key)
        self.of = event.of
        return ()

    # Confirming.

    def _confirm(self, root: Commit, of_root: Sequence[Commit]) -> Outcome:
        """What waited for it waits no more, here and where it was followed up."""
        confirm(self.book, self.about)
        bound = self.terms_at(root.terms_from)
        if bound.follows_up and isinstance(root.event, (*FACTS, ReferralClaimed)):
            earlier = _undone(of_root, root.event.id)
            before = self._told(bound, root, earlier, _confirmed_at(of_root))
            amend(self.book, self.about, self.book.cause, before, confirmed_totals(before, self.at, bound.calendar))
        return ()

    # Undoing.

    def _undo(self, event: Refund | Cancellation, root: Commit, of_root: Sequence[Commit]) -> Outcome:
        if isinstance(root.event, Purchase):
            return self._refund(event, root, root.event, of_root)
        if isinstance(event, Refund) or isinstance(root.event, TimePassed | Rerated):
            return _refuse(RejectionCode.WRONG_ROOT, root=event.about)
        if any(isinstance(commit.event, Cancellation) and commit.refusal is None for commit in of_root):
            return _refuse(RejectionCode.ALREADY_ENDED, root=event.about)
        if isinstance(root.event, Redemption | Reservation):
            paid = self._standing_purchase(event.about)
            if paid is not None and self.stands is None:
                return _refuse(RejectionCode.PAYS_A_PURCHASE, root=event.about, purchase=paid)
            outcome = self._spending().cancel(root, root.event, of_root)
            if not isinstance(outcome, Refusal):
                tell_back(self.book, self.terms_at, self.about, event.id, of_root)
            return outcome
        if isinstance(root.event, Gift):
            self.bound = self.terms_at(root.terms_from)
            self.moment, self.of = Moment.REFUND, root.event.occurred_at
            return take_back(self.book, self.bound, root.event, self.past, self.beside) or ()
        if isinstance(root.event, Merge):
            self.bound = self.terms_at(root.terms_from)
            self.moment, self.of = Moment.REFUND, root.event.occurred_at
            return unmerge(self.book, root.event, of_root, self.beside) or ()
        if isinstance(root.event, Contribution):
            self.moment, self.of = Moment.REFUND, root.event.occurred_at
            return pools.take_back(self.book, root.event, self.beside) or ()
        if isinstance(root.event, PoolJoined | PoolLeft):
            return _refuse(RejectionCode.WRONG_ROOT, root=event.about)
        if isinstance(root.event, AccountClosed):
            return reopen(self.book, root)
        return self._cancel_fact(root)

    def _standing_purchase(self, redemption: str) -> str | None:
        """A purchase of which something is left and that the redemption paid."""
        for commit in self.past:
            purchase = commit.event
            if isinstance(purchase, Purchase) and redemption in purchase.redemptions and commit.refusal is None:
                kept = kept_of(purchase, _undone(self.past, purchase.id))
                if isinstance(kept, Kept) and kept.purchase is not None:
                    return purchase.id
        return None

    def _cancel_fact(self, root: Commit) -> Outcome:
        """An activity, an enrolment, an adjustment or a status never was."""
        self.moment, self.of = Moment.REFUND, root.event.occurred_at
        self.bound = self.terms_at(root.event.occurred_at)
        against = ISSUED
        if isinstance(root.event, Adjustment) or (isinstance(root.event, OpeningBalance) and not root.event.earned):
            against = ADJUSTED
        difference = Difference(self.book, self.bound, self.about, self.past, against)
        difference.revoke_grants(())
        difference.settle({})
        for account, other in (self.book.others or {}).items():
            there = Difference(other, self.bound, self.about, _on(self.beside, account))
            there.revoke_grants(())
            there.settle(self._kept_used({}, there.history, account))
        if self.bound.follows_up:
            then = root.event.occurred_at
            told = answers(self.bound, root.event, then, self.book, root.basis)
            amend(self.book, self.about, self.book.cause, totals(told, then, self.bound.calendar), {})
        return tuple(difference.charges)

    def _changed(self, root: Commit, account: Account) -> bool:
        """Whether a root has changed another account, by what it is worth when it is decided again."""
        if isinstance(root.event, Redemption | Reservation | Gift | Merge | Contribution | ReferralClaimed):
            return True
        bound = self.terms_at(root.terms_from)
        told = answers(bound, root.event, root.event.occurred_at, self.book, root.basis)
        return bool(worth_of(told, root.event.occurred_at, bound, account))

    def _refund(
        self, event: Refund | Cancellation, root: Commit, purchase: Purchase, of_root: Sequence[Commit]
    ) -> Outcome:
        missing = set(purchase.redemptions) - {commit.event.id for commit in self.past}
        if missing:
            return _refuse(RejectionCode.HISTORY_INCOMPLETE, root=sorted(missing)[0])
        for tender in event.tenders if isinstance(event, Refund) else ():
            if tender.redemption is not None and tender.redemption not in purchase.redemptions:
                return _refuse(RejectionCode.WRONG_ROOT, root=tender.redemption)
        earlier = _undone(of_root, purchase.id)
        kept = kept_of(purchase, [*earlier, event])
        if isinstance(kept, Exceeds):
            return _refuse(kept.code, purchase=purchase.id, line=kept.line, left=kept.left, unit=purchase.currency)
        self.bound = bound = self.terms_at(root.terms_from)
        self.moment, self.of = Moment.REFUND, purchase.occurred_at
        self.back = self._come_back(purchase, kept, earlier)
        self._give_back_paid(purchase, kept)
        difference = Difference(self.book, bound, self.about, self.past)
        at, terms = purchase.occurred_at, bound.terms
        late = self.at > terms.refund_for.end(at, bound.calendar)
        if bound.follows_up:
            known = _confirmed_at(of_root)
            before, now = (self._told(bound, root, undone, known) for undone in (earlier, [*earlier, event]))
            amend(self.book, self.about, self.book.cause, before, now)
        if terms.refunds.proportional or late:
            total = purchase.total
            left = 0 if kept.purchase is None else total - kept.returned
            if kept.purchase is None:
                difference.revoke_grants(())
            difference.settle(proportional(root, self.about, left, total, terms.refunds))
            for account, other in (self.book.others or {}).items():
                there = Difference(other, bound, self.about, _on(self.beside, account))
                if there.history:
                    part = proportional(there.history[0], self.about, left, total, terms.refunds)
                    there.settle(self._kept_used(part, there.history, account))
            return tuple(difference.charges)
        told = [] if kept.purchase is None else answers(bound, kept.purchase, at, self.book, root.basis)
        worth = worth_of(told, at, bound)
        worth = self._kept_used(worth, of_root, None)
        room = self._rooms(at)
        difference.revoke_grants(told)
        difference.settle(worth, room=room)
        for account, other in (self.book.others or {}).items():
            there = Difference(other, bound, self.about, _on(self.beside, account))
            worth = worth_of(told, at, bound, account)
            there.settle(self._kept_used(worth, there.history, account), room=room)
        return tuple(difference.charges)

    def _come_back(self, purchase: Purchase, kept: Kept, earlier: Sequence[Refund | Cancellation]) -> Back:
        """How much of the purchase had come back before this event, and has now."""
        was = kept_of(purchase, earlier)
        assert isinstance(was, Kept)
        before, now = (purchase.total if one.purchase is None else one.returned for one in (was, kept))
        return Back(self.about, before, now, purchase.total)

    def _told(
        self, bound: BoundTerms, root: Commit, undone: Sequence[Refund | Cancellation], confirmed_at: datetime | None
    ) -> Totals:
        """What others get for what is left of a root once *undone* is off it."""
        event, at, calendar = root.event, root.event.occurred_at, bound.calendar
        kept, terms = event, bound.terms.refunds
        if isinstance(event, Purchase) and undone:
            left = kept_of(event, undone)
            assert isinstance(left, Kept)
            late = undone[-1].occurred_at > bound.terms.refund_for.end(at, calendar)
            if terms.proportional or late:
                told = totals(answers(bound, event, at, self.book, root.basis), at, calendar)
                rest = 0 if left.purchase is None else event.total - left.returned
                told = share(told, rest, event.total, terms)
                return confirmed_totals(told, confirmed_at, calendar)
            if left.purchase is None:
                return {}
            kept = left.purchase
        elif undone:
            return {}
        return confirmed_totals(
            totals(answers(bound, kept, at, self.book, root.basis), at, calendar), confirmed_at, calendar
        )

    def _give_back_paid(self, purchase: Purchase, kept: Kept) -> None:
        """What paid the part that came back, or took something off it, is given back first."""
        wholes = {tender.redemption: tender.total.steps for tender in purchase.tenders if tender.redemption is not None}
        terms = self.bound.terms.refunds
        for redemption, whole in {**wholes, **purchase.taken_off}.items():
            about = self.book.about(redemption)
            purse, history = self._spending().purse(redemption)
            parts = spent_parts(history, about)
            spent = sum(part.steps for part in parts)
            before = given_back(history, about)
            part = kept.paid_back.get(redemption, 0)
            due = min(spent, share_of(spent, min(part, whole), whole, terms))
            all_of_it = part >= whole if whole else kept.purchase is None
            if all_of_it:
                due = spent
            if due > before:
                give_back(purse, terms, about, parts, before, due - before)
            if all_of_it:
                give_back_uses(self.book, terms, uses_taken(self.past, about), about)

    def _rooms(self, at: datetime) -> Room:
        """How much of a credit still fits under the ceilings of the purchase's periods, before this event."""
        now = self.bound.basis(self.book, at)
        policies = {policy.name: policy for policy in self.bound.policies}

        def room(key: Key, wanted: int) -> int:
            policy = policies.get(key[0])
            for ceiling in policy.ceilings if policy is not None else ():
                if ceiling.tally is None or (ceiling.on_spend and ceiling.tally != key[1]):
                    continue
                if ceiling.tally == key[1]:
                    label = key[2]
                elif ceiling.unit == key[1]:
                    label = ceiling.period(at, self.bound.calendar)
                    if ceiling.ceiling.by_label:
                        label = f"{label}/{key[2] or ''}"
                else:
                    continue
                wanted = min(wanted, max(0, ceiling.left(self.book.origin, now, label)))
            return wanted

        return room

    def _kept_used(
        self, worth: dict[Key, Worth], of_root: Sequence[Commit], account: Account | None
    ) -> dict[Key, Worth]:
        """A ceiling that says so keeps the room used: its tally, here or on another account, stays as it is booked."""
        so_far = booked(of_root, self.about)
        for policy in self.bound.policies:
            for ceiling in policy.ceilings:
                if ceiling.tally is None or ceiling.ceiling.room_back:
                    continue
                if ceiling.account_for(self.book.origin) != account:
                    continue
                for key, steps in so_far.items():
                    if key[0] == policy.name and key[1] == ceiling.tally:
                        known = worth.get(key)
                        if known is None or known.steps < steps:
                            worth[key] = Worth(steps, None, None)
        return worth


def _on(commits: Sequence[Commit], account: Account) -> list[Commit]:
    """The commits of an account."""
    return [commit for commit in commits if commit.account == account]


def _undone(commits: Sequence[Commit], purchase: str) -> list[Refund | Cancellation]:
    """The accepted refunds and cancellations of a purchase, in order."""
    return [
        commit.event
        for commit in commits
        if isinstance(commit.event, Refund | Cancellation) and commit.event.about == purchase and commit.refusal is None
    ]


def _confirmed_at(commits: Sequence[Commit]) -> datetime | None:
    """When a root was confirmed first; None where it was not."""
    confirmations = (c.event.occurred_at for c in commits if isinstance(c.event, Confirmation) and c.refusal is None)
    return next(confirmations, None)
