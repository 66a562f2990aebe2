"""
Thresholds at work: looking, giving, falling back, closing.

How often a threshold gave is kept as a tally (`policy.threshold`, labelled by period). What it gave
is about the threshold: a refund first lowers the balance, then the threshold looks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.building import build_booking
from patronage.conditions import reads_of
from patronage.figures import Setting
from patronage.ledger import Grant, Reason
from patronage.occasions import (
    AT_ONCE,
    Effect,
    Give,
    HandOver,
    Life,
    Occasion,
    Read,
    Revoke,
    Wake,
    build_credit,
)
from patronage.periods import LATEST, Calendar, Span
from patronage.thresholds import (
    STANDING,
    Consumes,
    Falls,
    Gift,
    GiveConverted,
    GiveCredit,
    GiveGrant,
    Looks,
    Repeats,
    Threshold,
)
from patronage.units import build_amount, rounded
from patronage.watching import (
    CLOSE,
    GRACE,
    REVIEW,
    Adoption,
    Carry,
    Clock,
    Consequence,
    Consume,
    Look,
    Moment,
    Settlement,
    TakeBack,
    Undo,
    root_of,
    wake_facts,
)

REACHED: Final = Reason("threshold", FrozenMapping())
COUNTED: Final = Reason("tallied", FrozenMapping())
FELL: Final = Reason("fell", FrozenMapping())
AT_CLOSE: Final = "~at_close"


class BoundThreshold:
    """A threshold, bound to its terms."""

    __slots__ = (
        "_calendar",
        "_clock",
        "_giver",
        "_goal",
        "_last",
        "_least",
        "_one",
        "_policy",
        "_stands",
        "adoption",
        "name",
        "reads",
        "terms_of",
        "threshold",
        "unit",
    )

    def __init__(
        self,
        threshold: Threshold,
        setting: Setting,
        *,
        adoption: Adoption = Adoption.GRANDFATHERED,
        last: Threshold | None = None,
    ) -> None:
        self.threshold, self.name, self.terms_of = threshold, threshold.name, threshold.terms_of
        self._policy, self._calendar = setting.policy, setting.calendar
        self.unit = f"{setting.policy}.{threshold.name}"
        self._clock = Clock(threshold.period, threshold.anchored_on, setting.refund_for)
        reads = list(reads_of(threshold.when))
        self._one, self._last = 1, last
        self._goal, self._giver = threshold.goal, f"{setting.policy}/{threshold.name}"
        self._stands = threshold.repeats in STANDING
        self._least = None if threshold.goal is None else threshold.goal.steps + (threshold.at_least is None)
        if threshold.goal is not None:
            unit = setting.unit(threshold.goal.unit, f"The goal of threshold {threshold.name}")
            self._one = 10**unit.decimals
            reads.append(Read(threshold.goal.unit, threshold.label, threshold.all_labels))
        for gift in threshold.gives:
            amount = gift.amount if isinstance(gift, GiveCredit) else None
            if isinstance(gift, GiveConverted):
                amount = gift.credit
            if amount is not None:
                setting.unit(amount.unit, f"What threshold {threshold.name} gives")
        self.reads: Sequence[Read] = tuple(reads)
        self.adoption = adoption

    def key(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """The label of the period that holds an instant."""
        span = self._clock.span(of, calendar, grants)
        return None if span is None else span.key

    def balance(self, occasion: Occasion) -> int:
        """The balance that it reads, in steps."""
        goal, threshold = self._goal, self.threshold
        if goal is None:
            return 0
        if threshold.labels:
            balances = occasion.basis.balances
            return self._one * sum(b.unit == goal.unit and b.label is not None and b.steps > 0 for b in balances)
        if threshold.all_labels:
            return occasion.balance_in_all(goal.unit)
        return occasion.balance(goal.unit, threshold.label)

    def reached(self, occasion: Occasion, key: str) -> bool:
        """Whether the balance and the conditions reach it, in the period *key*."""
        threshold = self.threshold
        if self._least is not None and self.balance(occasion) < self._least:
            return False
        for other in threshold.after:
            if occasion.balance(f"{self._policy}.{other}", key) <= 0:
                return False
        return threshold.when is None or threshold.when.holds(occasion, None)

    def end(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> datetime | None:
        """When the period that holds an instant ends; None for never."""
        span = self._clock.span(of, calendar, grants)
        return None if span is None or span.end >= LATEST else span.end

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """What reaching it gives, or what falls back."""
        threshold, calendar = self.threshold, occasion.calendar
        timed = look.moment in (Moment.CLOSE, Moment.REVIEW, Moment.GRACE)
        if timed and look.rule != self.name:
            return None
        span = self._clock.span(look.of, calendar, occasion.basis.grants)
        if span is None:
            return None
        if self._stands:
            effects = self._stand(occasion, look, span)
        elif look.falls:
            effects = self._fall(occasion, look, span)
        elif threshold.looks is Looks.AFTER_EACH:
            # A close of such a one only keeps what a later refund will ask for.
            effects = self._keep(occasion, span) if timed else self._give(occasion, look, span)
        elif timed:
            effects = self._give(occasion, look, span)
            if effects:
                effects += self._keep(occasion, span)
            effects += self._carry(occasion, look, effects)
            effects += self._next(occasion, look)
        elif self._stirs(occasion):
            effects = self._wake(span, CLOSE if threshold.looks is Looks.AT_CLOSE else REVIEW)
        else:
            effects = []
        return Settlement(root_of(self._policy, self.name, span.key), effects) if effects else None

    # Giving.

    def _give(self, occasion: Occasion, look: Look, span: Span) -> list[Consequence]:
        threshold = self.threshold
        if not self.reached(occasion, span.key):
            return []
        if self._last is not None:
            return self._give_in_rounds(occasion, span, self._last)
        restated = look.moment is Moment.ADOPTED and self.adoption is Adoption.RESTATED
        given = 0 if restated else occasion.balance(self.unit, span.key)
        have, goal = self.balance(occasion), threshold.goal
        if threshold.repeats is not Repeats.EVERY_STEP:
            times = 0 if given > 0 else 1
        elif threshold.consumes is Consumes.ALL:
            times = 1
        else:
            assert goal is not None
            reached = have // goal.steps
            times = reached if threshold.consumes is Consumes.STEPS else reached - given
        if times <= 0:
            return []
        cost = 0
        if goal is not None and threshold.consumes is not Consumes.NOTHING:
            cost = have if threshold.consumes is Consumes.ALL else times * goal.steps
        effects: list[Consequence] = []
        if cost and goal is not None and not any(isinstance(gift, GiveGrant) for gift in threshold.gives):
            effects.append(self._consume(cost, goal.unit))
        for gift in threshold.gives:
            effects += self._gift(gift, span, span.key, given, times, cost, have)
            if isinstance(gift, GiveGrant):
                cost = 0  # The first right that it gives keeps what it cost.
        effects.append(self._count(times, span, occasion.calendar, span.key))
        if self._remembers(span) and threshold.looks is Looks.AFTER_EACH:
            effects += self._wake(span, CLOSE)
        return effects

    def _give_in_rounds(self, occasion: Occasion, span: Span, last: Threshold) -> list[Consequence]:
        """Once in each round of the last threshold, which takes its part of the balance after this one has looked."""
        have, size, goal = self.balance(occasion), last.goal, self.threshold.goal
        assert goal is not None and size is not None
        round_number = occasion.balance(f"{self._policy}.{last.name}", span.key)
        effects: list[Consequence] = []
        while have >= goal.steps:
            label = f"{span.key}/{round_number}"
            if occasion.balance(self.unit, label) <= 0:
                for gift in self.threshold.gives:
                    effects += self._gift(gift, span, label, 0, 1, 0, have)
                effects.append(self._count(1, span, occasion.calendar, label))
            if last.consumes is not Consumes.STEPS:
                break
            have, round_number = have - size.steps, round_number + 1
        return effects

    def _remembers(self, span: Span) -> bool:
        """Whether a refund after the period's end must know what the balance was: it may have ended by then."""
        threshold = self.threshold
        return (
            threshold.goal is not None
            and not threshold.labels
            and threshold.falls is not Falls.KEPT
            and threshold.consumes is Consumes.NOTHING
            and span.end < LATEST
        )

    def _keep(self, occasion: Occasion, span: Span) -> list[Consequence]:
        """Keeps the balance at the close beside the count of what was given."""
        have = self.balance(occasion)
        if have <= 0 or not self._remembers(span):
            return []
        return [self._count(have, span, occasion.calendar, f"{span.key}/{AT_CLOSE}")]

    def _consume(self, cost: int, unit: str) -> Consume:
        threshold = self.threshold
        return Consume(build_amount(cost, unit), self.name, threshold.label, threshold.all_labels)

    def _gift(
        self, gift: Gift, span: Span, label: str, given: int, times: int, cost: int, have: int
    ) -> list[Consequence]:
        """One of its gifts, as often as it is given."""
        if isinstance(gift, GiveGrant):
            effects: list[Consequence] = []
            for n in range(given, given + times):
                goal = self.threshold.goal
                if cost and goal is not None:
                    effects.append(self._consume(cost // times, goal.unit))
                effects.append(self._grant(gift, span, label, n))
            return effects
        if isinstance(gift, GiveCredit):
            return [self._credit(gift.amount.steps * times, gift.amount.unit, gift.life, gift.label, (have, 1))]
        if isinstance(gift, GiveConverted):
            n, d = cost * gift.credit.steps, gift.per.steps
            steps = rounded(n, d, gift.rounding)
            return [self._credit(steps, gift.credit.unit, gift.life, gift.label, (n, d))] if steps > 0 else []
        amount = gift.amount
        if gift.converted is not None:
            steps = rounded(cost * gift.converted.credit.steps, gift.converted.per.steps, gift.converted.rounding)
            amount = build_amount(steps, gift.converted.credit.unit)
        return [HandOver(kind=gift.kind, reward=gift.reward, amount=amount, quantity=times, rule=self.name)]

    def _grant(self, gift: GiveGrant, span: Span, key: str, n: int) -> Give:
        """The n-th grant: of its period, and told apart by its step where there are several."""
        stepwise = self.threshold.repeats is Repeats.EVERY_STEP
        occasion = f"{key}#{n + 1}" if stepwise else key
        return Give(
            key=gift.key,
            value=gift.value,
            lasts=gift.lasts,
            until=None if gift.after_period is None else gift.after_period.end(span.end, self._calendar),
            uses=gift.uses,
            occasion=occasion,
            rule=self.name,
            why=REACHED,
        )

    def _credit(self, steps: int, unit: str, life: Life, label: str | None, base: tuple[int, int]) -> Effect:
        book = build_booking(self.name, steps, steps, base, (steps, 1), "", "", (), None)
        return build_credit(build_amount(steps, unit), self.name, label, life, REACHED, (book,), None)

    def _count(self, steps: int, span: Span, calendar: Calendar, label: str) -> Effect:
        book = build_booking(self.name, steps, steps, (steps, 1), (steps, 1), "", "", (), None)
        validity = self._clock.validity(span, calendar)
        return build_credit(build_amount(steps, self.unit), self.name, label, AT_ONCE, COUNTED, (book,), validity)

    def _stand(self, occasion: Occasion, look: Look, span: Span) -> list[Consequence]:
        """Rights that stand while it is reached: given, given anew, or ended."""
        threshold, reached = self.threshold, self.reached(occasion, span.key)
        effects: list[Consequence] = []
        for gift in threshold.gives:
            assert isinstance(gift, GiveGrant)
            held = [
                grant
                for grant in occasion.grants(gift.key, gift.value)
                if grant.giver == self._giver and grant.occasion == ""
            ]
            if reached and (not held or self._later(gift, held[0], look)):
                effects.append(self._grant(gift, span, "", 0))
            elif held and not reached and self._ends(gift, look):
                effects.append(Revoke(key=gift.key, value=gift.value, rule=self.name, why=FELL, own=True))
                if threshold.grace is not None:
                    longer = attrs.evolve(gift, lasts=threshold.grace)
                    effects.append(self._grant(longer, span, "grace", 0))
            if threshold.repeats is Repeats.UNTIL_REVIEW and (reached or held):
                following = self._following(occasion, look) if look.moment is Moment.REVIEW else span
                effects += self._wake(following, REVIEW)
        return effects

    def _ends(self, gift: GiveGrant, look: Look) -> bool:
        """Whether a right ends that is no longer reached: at once, at the review, or by a refund alone."""
        if gift.lasts is not None:
            return look.falls and self.threshold.falls is not Falls.KEPT
        return self.threshold.repeats is not Repeats.UNTIL_REVIEW or look.moment is Moment.REVIEW

    def _later(self, gift: GiveGrant, held: Grant, look: Look) -> bool:
        """Whether giving it anew makes it last longer."""
        anew = self.threshold.repeats is Repeats.WHILE_REACHED
        if not anew or gift.lasts is None or held.valid_until is None:
            return False
        return gift.lasts.end(look.at, self._calendar) > held.valid_until

    # Falling.

    def _fall(self, occasion: Occasion, look: Look, span: Span) -> list[Consequence]:
        """A refund let the balance fall: what is no longer reached is kept, undone, or undone after a grace."""
        effects: list[Consequence] = []
        if self._last is not None:
            present = rounds = occasion.balance(f"{self._policy}.{self._last.name}", span.key)
            while (given := occasion.balance(self.unit, label := f"{span.key}/{rounds}")) > 0:
                # A round that has not begun any more gave nothing that could be reached.
                effects += self._fall_under(occasion, look, span, label, given, gone=rounds > present)
                rounds += 1
            return effects
        given = occasion.balance(self.unit, span.key)
        return self._fall_under(occasion, look, span, span.key, given)

    def _fall_under(
        self, occasion: Occasion, look: Look, span: Span, label: str, given: int, *, gone: bool = False
    ) -> list[Consequence]:
        """What falls of what was counted under one label."""
        threshold = self.threshold
        if threshold.falls is Falls.KEPT:
            return []
        if span.end <= look.at and (threshold.labels or (threshold.goal is None and not threshold.after)):
            return []  # What it had looked at has ended with its period.
        effects: list[Consequence] = []
        if gone:
            times = given
        elif span.end <= look.at and self._remembers(span):
            # Also where it has fallen before: what comes back in parts leaves no other note than what does in whole.
            times = self._too_many_then(occasion, look, span, given, effects)
        elif given <= 0:
            return []
        else:
            times = self._too_many(occasion, given, span)
        if times <= 0:
            return effects
        if threshold.falls is Falls.AFTER_GRACE and look.moment is not Moment.GRACE:
            assert threshold.grace is not None
            facts = wake_facts(self.name, span.key, self.terms_of, look.of)
            until = threshold.grace.end(look.at, occasion.calendar)
            return [*effects, Wake(at=until, name=GRACE, facts=facts, rule=self.name)]
        amounts = tuple((gift.amount, gift.label) for gift in threshold.gives if isinstance(gift, GiveCredit))
        unspent = threshold.falls is Falls.REVOKED_IF_UNUSED
        cost = None
        rights = any(isinstance(gift, GiveGrant) for gift in threshold.gives)
        if threshold.consumes is not Consumes.NOTHING and threshold.goal is not None and not rights:
            cost = build_amount(times * threshold.goal.steps, threshold.goal.unit)
        return [*effects, Undo(self.name, self.unit, label, times, amounts, unspent, cost, threshold.label)]

    def _too_many_then(self, occasion: Occasion, look: Look, span: Span, given: int, effects: list[Consequence]) -> int:
        """How often too many after the period's end: by the balance at its close, less what came back since."""
        goal, label = self.threshold.goal, f"{span.key}/{AT_CLOSE}"
        assert goal is not None
        kept = occasion.balance(self.unit, label)
        of, everything = self.threshold.label, self.threshold.all_labels
        returned = (n for (unit, at), n in look.returned.items() if unit == goal.unit and (everything or at == of))
        back = min(kept, sum(returned))
        if back > 0:
            effects.append(TakeBack(build_amount(back, self.unit), self.name, label, False))
        if self.threshold.repeats is Repeats.EVERY_STEP:
            return given - max(0, min(given, (kept - back) // goal.steps))
        above = kept - back > goal.steps if self.threshold.more_than is not None else kept - back >= goal.steps
        return 0 if above else given

    def _too_many(self, occasion: Occasion, given: int, span: Span) -> int:
        """How often it gave what it would not have given."""
        threshold, have, goal = self.threshold, self.balance(occasion), self.threshold.goal
        if threshold.consumes is not Consumes.NOTHING:
            if have >= 0 or goal is None:
                return 0
            return min(given, -(have // goal.steps)) if threshold.consumes is Consumes.STEPS else 1
        if threshold.repeats is Repeats.EVERY_STEP and goal is not None:
            return given - max(0, min(given, have // goal.steps))
        return 0 if self.reached(occasion, span.key) else given

    # Closing.

    def _wake(self, span: Span | None, name: str) -> list[Consequence]:
        """The period's end wakes it. Set again, it is the same wake-up."""
        if span is None or span.end >= LATEST:
            return []
        facts = wake_facts(self.name, span.key, self.terms_of, span.start)
        return [Wake(at=span.end, name=name, facts=facts, rule=self.name)]

    def _stirs(self, occasion: Occasion) -> bool:
        """Whether there is something that a close or review would look at."""
        return self.threshold.goal is None or self.balance(occasion) != 0

    def _following(self, occasion: Occasion, look: Look) -> Span | None:
        """The period that begins where this one ends."""
        return self._clock.span(look.at, occasion.calendar, occasion.basis.grants)

    def _next(self, occasion: Occasion, look: Look) -> list[Consequence]:
        """The next period is looked at too, where something is left to look at."""
        if not self._stirs(occasion) or look.moment is Moment.GRACE:
            return []
        return self._wake(self._following(occasion, look), CLOSE if look.moment is Moment.CLOSE else REVIEW)

    def _carry(self, occasion: Occasion, look: Look, given: Sequence[Consequence]) -> list[Consequence]:
        """What is left at the close goes on into the next period."""
        carries, goal = self.threshold.carries, self.threshold.goal
        if carries is None or goal is None or look.moment is not Moment.CLOSE:
            return []
        left = self.balance(occasion) - sum(e.amount.steps for e in given if isinstance(e, Consume))
        if left <= 0:
            return []
        steps = left if carries.maximum is None else min(left, carries.maximum.steps)
        validity = carries.life.resolve(look.at, occasion.calendar)
        threshold = self.threshold
        amount = build_amount(steps, goal.unit)
        return [Carry(amount, self.name, threshold.label, threshold.all_labels, carries.label, validity)]
