"""
Spending: a request is priced, what it costs is taken or held, and what it gives is put into the account.

A reservation ends exactly once: captured (in whole or in part), released, or lapsed. What is undone
gives back all that was taken, as it was: lots, uses of vouchers, uses of limits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.applying import apply_effects
from patronage.between import held_source
from patronage.book import Book
from patronage.events import Cancellation, Capture, Redemption, Release, Reservation
from patronage.ledger import (
    EXPIRED,
    PAID_OUT,
    REDEEMED,
    Account,
    Basis,
    Benefit,
    Commit,
    Fact,
    GrantChange,
    GrantEntry,
    Lot,
    Reason,
    Refusal,
    RejectionCode,
    Source,
    Transfer,
    WakeChange,
    WakeUp,
    reason,
)
from patronage.limits import give_uses_back, lapse_facts, lapse_uses, limits_on
from patronage.occasions import Credit, Effect, Give, Occasion, build_occasion
from patronage.pools import drawn, purse_of
from patronage.refunds import LAPSED_REST, Difference, give_back, given_back, spent_parts
from patronage.reservations import by_label, held_for, release, scaled, split
from patronage.rewards import Price, Reward, build_request, refuse
from patronage.terms import BoundTerms
from patronage.thresholds import GiveCredit, GiveGrant
from patronage.units import Amount
from patronage.voucher_uses import capture_uses, give_back_uses, held_facts, held_of, take_uses, uses_taken

LAPSE: Final = "~lapse"
"""The policy name of wake-ups that end a reservation."""
CHANGE: Final = "change_given"

_AFTER_LIMITS: Final = frozenset(
    {RejectionCode.VOUCHER_MISSING, RejectionCode.BALANCE_TOO_LOW, RejectionCode.AMOUNT_BELOW_MINIMUM}
)
"""Refusals that a limit which is reached goes before."""

Outcome = tuple[Benefit, ...] | Refusal


class Spending:
    """One request, or the end of one, on the books it changes. *past* is the history of what it speaks of."""

    def __init__(
        self,
        book: Book,
        bound: BoundTerms,
        basis: Basis,
        past: Sequence[Commit],
        beside: Sequence[Commit],
        at: datetime,
    ) -> None:
        self.book, self.bound, self.basis, self.past, self.beside, self.at = book, bound, basis, past, beside, at

    def purse(self, redemption: str) -> tuple[Book, Sequence[Commit]]:
        """The book that a redemption was paid from, its own or a pool's, and the history of that."""
        event = next((commit.event for commit in self.past if commit.event.id == redemption), None)
        pool = event.pool if isinstance(event, Redemption) else None
        account = None if pool is None else Account.shared(pool)
        if account is None or self.book.others is None or account not in self.book.others:
            return self.book, self.past
        return self.book.others[account], [commit for commit in self.beside if commit.account == account]

    def request(self, event: Redemption | Reservation) -> Outcome:
        """What a redemption or a reservation comes to."""
        reward = self.bound.rewards.get(event.reward)
        if reward is None:
            return refuse(RejectionCode.UNKNOWN_REWARD, reward=event.reward)
        clash = self._clash(event, reward)
        if clash is not None:
            return refuse(RejectionCode.NOT_COMBINABLE, reward=event.reward, other=clash)
        labels = _labels(event, reward)
        if not labels:
            return refuse(RejectionCode.VOUCHER_MISSING, reward=event.reward)
        unit, book, bound = reward.unit, self.book, self.bound
        pool = event.pool if isinstance(event, Redemption) else None
        purse = purse_of(book, pool)
        if purse is None:
            return refuse(RejectionCode.NOT_ELIGIBLE, reward=event.reward, pool=pool)
        if pool is not None and unit is not None:
            labels = tuple(held.label for held in purse.balances(unit))
        available = 0
        if unit is not None:
            for label in labels:
                available += max(0, purse.available(unit, label))
        limits = limits_on(bound, reward) if bound.limits[event.reward] else None
        occasion = self._occasion(event)
        priced = reward.price(
            build_request(
                event.amount,
                event.times,
                event.cart,
                available,
                occasion,
                event.code,
                event.choices,
                bound.reward_names,
                None if limits is None else limits.room(book, bound, event),
            )
        )
        if isinstance(priced, Refusal):
            if priced.code not in _AFTER_LIMITS:
                return priced
            return (limits.reached(book, bound, event, event.times, 0) if limits is not None else None) or priced
        cost = 0 if priced.cost is None else priced.cost.steps
        full = None if limits is None else limits.reached(book, bound, event, priced.uses, cost)
        if full is not None:
            return full
        if cost > available:
            return refuse(RejectionCode.BALANCE_TOO_LOW, reward=event.reward, needed=cost, available=available)
        taken: list[Lot] = []
        if pool is not None and unit is not None and cost:
            taken = drawn(purse, unit, cost, next((t for t in bound.terms.pools if t.unit == unit), None))
        for label in labels if unit is not None and cost and pool is None else ():
            parts, _ = book.pick(unit or "", cost - sum(part.steps for part in taken), label)
            taken += parts
        self._take(event, reward, priced, taken, limits is not None, purse)
        if limits is not None:
            limits.count(book, bound, event, priced.uses, cost)
        if isinstance(event, Redemption):
            self._give(event, reward, priced.times, occasion)
        return priced.benefits

    def _clash(self, event: Redemption | Reservation, reward: Reward) -> str | None:
        """A reward of the same exclusive group that the cart carries already."""
        group = getattr(reward, "exclusive", None)
        if group is None:
            return None
        for line in event.cart:
            for discount in line.discounts:
                other = self.bound.rewards.get(discount.kind)
                if other is not None and getattr(other, "exclusive", None) == group:
                    return discount.kind
        return None

    def _occasion(self, event: Redemption | Reservation | Capture) -> Occasion:
        bound = self.bound
        return build_occasion(
            self.at, self.book.origin, event, None, self.basis, bound.calendar, bound.units, bound.ladders
        )

    def _take(
        self,
        event: Redemption | Reservation,
        reward: Reward,
        priced: Price,
        taken: Sequence[Lot],
        limited: bool,
        purse: Book,
    ) -> None:
        """Takes, or holds, the parts and the uses of grants."""
        book, about, unit = self.book, self.book.about(event.id), reward.unit or ""
        facts: dict[str, Fact] = {"reward": event.reward}
        held = isinstance(event, Reservation)
        if not held:
            why = self.bound.redeemed[event.reward]
            self._spend(event.reward, about, unit, taken, priced.lapses, priced.changed, why, purse)
        else:
            if priced.lapses or priced.changed:
                facts |= {"lapses": priced.lapses, "changed": priced.changed}
            for label, parts in by_label(taken):
                kept = [attrs.evolve(part, reserved_for=book.held_name(event.id)) for part in parts]
                why = reason("reserved", facts)
                book.transfer(event.reward, about, unit, label, book.account, book.account, parts, kept, (), why)
        uses = [] if priced.grant is None else take_uses(book, event.reward, priced.grant, about, self.at, held=held)
        if isinstance(event, Reservation) and event.lapses_at is not None:
            wakes: dict[str, Fact] = {"reservation": book.held_name(event.id), **held_facts(uses)}
            if limited:  # What is given back when it lapses.
                wakes |= lapse_facts(event, priced.uses, 0 if priced.cost is None else priced.cost.steps)
            wake_up = WakeUp(event.lapses_at, LAPSE, "lapse", FrozenMapping(wakes))
            book.wake(WakeChange.SET, wake_up, event.reward, about)

    def _spend(
        self,
        reward: str,
        about: Source,
        unit: str,
        parts: Sequence[Lot],
        lapses: int,
        changed: int,
        why: Reason,
        purse: Book,
    ) -> None:
        """Parts leave the account: for the reward, then as change, then what a voucher was worth more."""
        total = sum(part.steps for part in parts)
        ways = ((REDEEMED, None, total - lapses - changed), (PAID_OUT, CHANGE, changed), (EXPIRED, LAPSED_REST, lapses))
        left = list(parts)
        for payee, rest, steps in ways:
            mine, left = (left, []) if steps == sum(part.steps for part in left) else split(left, steps)
            for label, some in by_label(mine):
                because = why if rest is None else reason(rest, {"reward": reward})
                purse.transfer(reward, about, unit, label, purse.account, payee, some, (), (), because)

    def _give(self, event: Redemption | Capture, reward: Reward | None, times: int, occasion: Occasion) -> None:
        """What a reward puts into the account: vouchers that are lots or grants, about the request."""
        code = getattr(event, "code", None) or getattr(self._root(event), "code", None)
        effects: list[Effect] = []
        for gift in getattr(reward, "gives", ()) if times else ():
            if isinstance(gift, GiveCredit):
                amount = Amount(gift.amount.steps * times, gift.amount.unit)
                effects.append(Credit(amount, rule="gives", label=gift.label or code, life=gift.life))
            elif isinstance(gift, GiveGrant):
                uses = None if gift.uses is None else gift.uses * times
                effects.append(
                    Give(
                        key=gift.key,
                        value=gift.value or code,
                        lasts=gift.lasts,
                        uses=uses,
                        occasion=event.about,
                        rule="gives",
                    )
                )
        if effects and reward is not None:
            about = self.book.about(event.about)
            apply_effects(self.book, self.bound, reward.name, effects, occasion, about)

    def _root(self, event: Redemption | Capture) -> object:
        return next((commit.event for commit in self.past if commit.event.id == event.about), None)

    # Ending.

    def end(self, event: Capture | Release, root: Commit, of_root: Sequence[Commit]) -> Outcome:
        """A reservation is captured or released."""
        if not isinstance(root.event, Reservation):
            return refuse(RejectionCode.WRONG_ROOT, root=event.about)
        if self._ended(root.event, of_root):
            return refuse(RejectionCode.ALREADY_ENDED, root=event.about)
        about, reward = self.book.about(event.about), root.event.reward
        held = held_for(self.book, self.book.held_name(event.about))
        total = sum(lot.steps for lot in held)
        spend = total
        amount = event.amount if isinstance(event, Capture) else None
        if amount is not None:
            if not held or amount.unit != held[0].unit:
                return refuse(RejectionCode.WRONG_UNIT, unit=amount.unit)
            if amount.steps > total:
                code, unit = RejectionCode.CAPTURE_EXCEEDS_RESERVATION, amount.unit
                return refuse(code, asked=amount.steps, reserved=total, unit=unit)
            spend = amount.steps
        elif isinstance(event, Release):
            spend = 0
        captures = isinstance(event, Capture)
        capture, free = split(held, spend)
        if capture:
            lapses, changed = (fact * spend // total for fact in _rest_of(root))
            why = reason("captured", {"reward": reward})
            self._spend(reward, about, held[0].unit, capture, lapses, changed, why, self.book)
        release(self.book, free, about, "released", None)
        uses = uses_taken(self.past, about)
        if captures:
            capture_uses(self.book, reward, uses, about)
            times = root.event.times * spend // total if total else root.event.times
            assert isinstance(event, Capture)
            self._give(event, self.bound.rewards.get(reward), times, self._occasion(event))
        else:
            give_back_uses(self.book, self.bound.terms.refunds, uses, about)
            give_uses_back(self.book, self.bound, about, self.past, self.beside)
        self._forget(event.about, about)
        return tuple(scaled(benefit, spend, total) for benefit in root.benefits) if captures else ()

    def _ended(self, reservation: Reservation, of_root: Sequence[Commit]) -> bool:
        """Whether it was captured, released or cancelled, or has lapsed: time comes before events of its instant."""
        if any(isinstance(c.event, Capture | Release | Cancellation) and c.refusal is None for c in of_root):
            return True
        return reservation.lapses_at is not None and reservation.lapses_at <= self.at

    def _forget(self, reservation: str, about: Source) -> None:
        """It will not lapse any more."""
        name = self.book.held_name(reservation)
        for wake_up in self.book.wake_ups:
            if wake_up.policy == LAPSE and wake_up.facts.get("reservation") == name:
                self.book.wake(WakeChange.ENDED, wake_up, "", about)

    # Undoing.

    def cancel(self, root: Commit, request: Redemption | Reservation, of_root: Sequence[Commit]) -> Outcome:
        """A request never was: all that it took comes back, and what it gave, unused, goes."""
        book, terms = self.book, self.bound.terms.refunds
        about = book.about(request.id)
        held = held_for(book, book.held_name(request.id))
        captured = any(isinstance(c.event, Capture) and c.refusal is None for c in of_root)
        if isinstance(request, Reservation) and not captured and self._ended(request, of_root):
            return refuse(RejectionCode.ALREADY_ENDED, root=request.id)
        _, history = self.purse(request.id)
        spent = sum(part.steps for part in spent_parts(history, about))
        uses = uses_taken(self.past, about)
        if not held and not uses and spent and spent <= given_back(history, about):
            return refuse(RejectionCode.ALREADY_ENDED, root=request.id)
        if not self._whole(about):
            return refuse(RejectionCode.VOUCHER_USED, root=request.id)
        release(book, held, about, "released", None)
        for went in (REDEEMED, PAID_OUT, EXPIRED):
            self._take_back(about, went)
        give_back_uses(book, terms, uses, about)
        Difference(book, self.bound, about, self.past).revoke_grants(())
        give_uses_back(book, self.bound, about, self.past, self.beside)
        self._forget(request.id, about)
        return ()

    def _take_back(self, about: Source, went: Account) -> None:
        """What went to an account and has not come back since."""
        purse, history = self.purse(about.root)
        parts = spent_parts(history, about, went)
        before = given_back(history, about, went)
        steps = sum(part.steps for part in parts) - before
        if steps > 0:
            give_back(purse, self.bound.terms.refunds, about, parts, before, steps, went)

    def _whole(self, about: Source) -> bool:
        """Whether all that the request gave is still there, unused."""
        book = self.book
        for commit in self.past:
            for entry in commit.entries:
                if entry.about != about:
                    continue
                if isinstance(entry, GrantEntry) and entry.change is GrantChange.GIVEN:
                    live = [one for one in book.grants if one.identity == entry.grant.identity and not one.ended]
                    if not live or live[0].uses != entry.grant.uses or live[0].reserved:
                        return False
                elif isinstance(entry, Transfer) and entry.unit in self.bound.units and entry.reason.code == "credited":
                    lots = [*book.lots(entry.unit), *book.pending]
                    own = entry.put[-1].source
                    there = sum(
                        lot.steps
                        for lot in lots
                        if (lot.unit, lot.label, lot.source) == (entry.unit, entry.label, own) and not lot.reserved_for
                    )
                    if there < entry.steps:
                        return False
        return True


def _labels(event: Redemption | Reservation, reward: Reward) -> tuple[str | None, ...]:
    """The labels that may be spent; none where a code is needed and there is none."""
    if getattr(reward, "by_code", False):
        return () if event.code is None else (event.code,)
    return tuple(reward.labels) or (None,)


def _rest_of(root: Commit) -> tuple[int, int]:
    """What of a reservation's cost pays for nothing, and what is change."""
    transfers = (entry for entry in root.entries if isinstance(entry, Transfer))
    facts = next(entry.reason.facts for entry in transfers if entry.reason.code == "reserved")
    lapses, changed = facts.get("lapses", 0), facts.get("changed", 0)
    assert isinstance(lapses, int) and isinstance(changed, int)
    return lapses, changed


def lapse(book: Book, wake_up: WakeUp, terms_at: Callable[[datetime], BoundTerms]) -> None:
    """A reservation's time has run out: what it holds, and its uses of limits and vouchers, are free again."""
    reservation = str(wake_up.facts["reservation"])
    about = held_source(book.account, reservation)
    cause = f"~lapse/{reservation}"
    release(book, held_for(book, reservation), about, "lapsed", cause)
    give_back_uses(book, terms_at(wake_up.at).terms.refunds, held_of(book, wake_up.facts), about, cause)
    lapse_uses(book, wake_up, about, cause, terms_at)
