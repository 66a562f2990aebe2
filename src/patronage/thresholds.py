"""
Thresholds: what a balance triggers.

Tier levels, punch cards, milestones, automatic vouchers and payouts are thresholds.

A threshold reads a balance, is reached at (or above) an amount, consumes nothing, whole steps or all
of it, and gives its effects for every step, once a period or once ever. How often it gave is kept as
a tally (`policy.threshold`, labelled by period). What it gave is about the threshold: a refund
first lowers the balance, then the threshold looks again, and falls back as it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.building import build_booking
from patronage.conditions import condition_or_none, reads_of
from patronage.errors import InvalidValueError, quote
from patronage.events import many, word
from patronage.figures import Setting
from patronage.ledger import BenefitKind, Grant, Reason
from patronage.occasions import (
    AT_ONCE,
    Condition,
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
from patronage.periods import LATEST, LIFETIME, Calendar, Period, Span
from patronage.rules import above_zero, name
from patronage.terms_of_time import Term
from patronage.units import Amount, Rounding, build_amount, rounded
from patronage.watching import (
    CLOSE,
    GRACE,
    REVIEW,
    Carry,
    Clock,
    Consequence,
    Consume,
    Look,
    Moment,
    PeriodTerms,
    Settlement,
    TakeBack,
    Undo,
    check_period,
    root_of,
    wake_facts,
)

REACHED: Final = Reason("threshold", FrozenMapping())
COUNTED: Final = Reason("tallied", FrozenMapping())
_AT_CLOSE: Final = "~at_close"
FELL: Final = Reason("fell", FrozenMapping())


class Looks(Enum):
    """When a threshold looks: after each occasion, when its period closes, or at the review at the period's end."""

    AFTER_EACH = "after_each"
    AT_CLOSE = "at_close"
    AT_REVIEW = "at_review"


class Repeats(Enum):
    """How often it gives: for every step, once in each period, once ever, or for as long as it is reached."""

    EVERY_STEP = "every_step"
    ONCE_A_PERIOD = "once_a_period"
    ONCE_EVER = "once_ever"
    WHILE_REACHED = "while_reached"


class Consumes(Enum):
    """What reaching it costs: nothing, whole steps of it, or all that is there."""

    NOTHING = "nothing"
    STEPS = "steps"
    ALL = "all"


class Falls(Enum):
    """What becomes of what it gave when a refund lets the balance fall below it."""

    KEPT = "kept"
    REVOKED_IF_UNUSED = "revoked_if_unused"
    TAKEN_BACK = "taken_back"
    AFTER_GRACE = "after_grace"


@attrs.frozen(kw_only=True)
class GiveCredit:
    """Gives *amount* each time, with its *life* and *label*."""

    amount: Amount = attrs.field(validator=above_zero)
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))


@attrs.frozen(kw_only=True)
class GiveConverted:
    """Gives *credit* for each *per* of what was consumed, rounded once: a payout of all that was accrued."""

    per: Amount = attrs.field(validator=above_zero)
    credit: Amount = attrs.field(validator=above_zero)
    rounding: Rounding = Rounding.FLOOR
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))


@attrs.frozen(kw_only=True)
class GiveGrant:
    """Gives a right to *key* (and *value*) each time: a level, a voucher for a thing with its *uses*."""

    key: str = attrs.field(converter=word)
    value: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    lasts: Term | None = None
    uses: int | None = None


@attrs.frozen(kw_only=True)
class GiveBenefit:
    """Tells the shop to hand something over each time: a product, a payout of *amount* (of all, if *converted*)."""

    kind: BenefitKind
    reward: str = attrs.field(converter=word)
    amount: Amount | None = None
    converted: GiveConverted | None = None


Gift = GiveCredit | GiveConverted | GiveGrant | GiveBenefit
GIFTS: Final = (GiveCredit, GiveConverted, GiveGrant, GiveBenefit)


@attrs.frozen(kw_only=True)
class CarryOver:
    """What a close leaves goes on into the next period: up to *maximum*, under *label*, with a new *life*."""

    maximum: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    life: Life = AT_ONCE


def _gifts(value: Iterable[Gift]) -> tuple[Gift, ...]:
    found = many(value)
    if not all(isinstance(gift, GIFTS) for gift in found):
        raise InvalidValueError(
            f"A threshold gives GiveCredit, GiveConverted, GiveGrant or GiveBenefit, not {quote(value)}."
        )
    return found


@attrs.frozen(kw_only=True)
class Threshold:
    """
    Gives what *gives* lists when the balance of *unit* is *at_least*, or *more_than*, an amount.

    The balance is that under *label*, or under *all_labels*. *when* holds further conditions (other
    balances, a ratio, a number of labels, a grant); with neither amount it stands alone. *looks* says
    when it is looked at, *repeats* how often it gives, *period* which period that counts in (and
    closes). *consumes* is what it costs; *carries* what becomes of the rest at a close, else it
    stays as it is. *falls* says what a refund that lets the balance fall takes back, *grace* how
    long that waits with AFTER_GRACE.
    """

    name: str = attrs.field(converter=name)
    at_least: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    more_than: Amount | None = attrs.field(default=None, validator=attrs.validators.instance_of(Amount | None))
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    all_labels: bool = False
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    gives: tuple[Gift, ...] = attrs.field(default=(), converter=_gifts)
    looks: Looks = Looks.AFTER_EACH
    period: Period = LIFETIME
    anchored_on: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    repeats: Repeats = Repeats.ONCE_A_PERIOD
    consumes: Consumes = Consumes.NOTHING
    carries: CarryOver | None = None
    falls: Falls = Falls.TAKEN_BACK
    grace: Term | None = None
    terms_of: PeriodTerms = PeriodTerms.CLOSE

    def __attrs_post_init__(self) -> None:
        check_period(self.period, self.anchored_on, f"Threshold {self.name}")
        if self.at_least is not None and self.more_than is not None:
            raise InvalidValueError("A threshold is reached at_least or more_than an amount: give one of them.")
        if self.goal is None and (self.when is None or self.consumes is not Consumes.NOTHING):
            raise InvalidValueError("A threshold without an amount has a condition, and consumes nothing.")
        if (self.falls is Falls.AFTER_GRACE) != (self.grace is not None):
            raise InvalidValueError("A grace goes with what falls back after a grace, and only with that.")
        if self.repeats is Repeats.EVERY_STEP and self.at_least is None:
            raise InvalidValueError("Steps are counted in at_least.")
        if self.looks is not Looks.AFTER_EACH and self.period == LIFETIME:
            raise InvalidValueError("What looks at a close or review has a period that ends.")
        if self.repeats is Repeats.ONCE_EVER and self.looks is Looks.AFTER_EACH and self.period != LIFETIME:
            raise InvalidValueError("Once ever goes with the lifetime: leave the period out.")
        if self.carries is not None and self.looks is not Looks.AT_CLOSE:
            raise InvalidValueError("What is carried over is carried at a close.")
        for gift in self.gives:
            per = gift.per if isinstance(gift, GiveConverted) else None
            if isinstance(gift, GiveBenefit) and gift.converted is not None:
                per = gift.converted.per
            if per is not None and (
                self.goal is None or per.unit != self.goal.unit or self.consumes is Consumes.NOTHING
            ):
                raise InvalidValueError("What is converted is what the threshold consumes, in its unit.")
            if isinstance(gift, GiveGrant) and self.repeats is Repeats.EVERY_STEP and self.period == LIFETIME:
                continue

    @property
    def goal(self) -> Amount | None:
        """The amount that it is reached at, or above."""
        return self.at_least if self.at_least is not None else self.more_than


def thresholds_of(value: Iterable[Threshold]) -> tuple[Threshold, ...]:
    """A sequence of thresholds as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(each, Threshold) for each in found) or len({t.name for t in found}) < len(found):
        raise InvalidValueError("Thresholds are members of Threshold, each with a name of its own.")
    return found


class BoundThreshold:
    """A threshold, bound to its terms."""

    __slots__ = ("_clock", "_policy", "_units", "adopts", "name", "reads", "terms_of", "threshold", "unit")

    def __init__(self, threshold: Threshold, setting: Setting, *, adopts: bool = False) -> None:
        self.threshold, self.name, self.terms_of = threshold, threshold.name, threshold.terms_of
        self._policy = setting.policy
        self.unit = f"{setting.policy}.{threshold.name}"
        self._clock = Clock(threshold.period, threshold.anchored_on, setting.refund_for)
        reads = list(reads_of(threshold.when))
        if threshold.goal is not None:
            setting.unit(threshold.goal.unit, f"The goal of threshold {threshold.name}")
            reads.append(Read(threshold.goal.unit, threshold.label, threshold.all_labels))
        for gift in threshold.gives:
            amount = gift.amount if isinstance(gift, GiveCredit) else None
            if isinstance(gift, GiveConverted):
                amount = gift.credit
            if amount is not None:
                setting.unit(amount.unit, f"What threshold {threshold.name} gives")
        self.reads: Sequence[Read] = tuple(reads)
        self.adopts = adopts

    def key(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """The label of the period that holds an instant."""
        span = self._clock.span(of, calendar, grants)
        return None if span is None else span.key

    def counts(self, occasion: Occasion) -> Sequence[Effect]:
        """Nothing: it counts what it gave when it gives."""
        return ()

    def ended_root(self, of: datetime, at: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """None: what a refund must know of a period that has ended is kept beside its count."""
        return None

    def balance(self, occasion: Occasion) -> int:
        """The balance that it reads, in steps."""
        goal, threshold = self.threshold.goal, self.threshold
        if goal is None:
            return 0
        if threshold.all_labels:
            return occasion.balance_in_all(goal.unit)
        return occasion.balance(goal.unit, threshold.label)

    def reached(self, occasion: Occasion) -> bool:
        """Whether the balance and the conditions reach it."""
        threshold, have = self.threshold, self.balance(occasion)
        if threshold.at_least is not None and have < threshold.at_least.steps:
            return False
        if threshold.more_than is not None and have <= threshold.more_than.steps:
            return False
        return threshold.when is None or threshold.when.holds(occasion, None)

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """What reaching it gives, or what falls back."""
        threshold, calendar = self.threshold, occasion.calendar
        timed = look.moment in (Moment.CLOSE, Moment.REVIEW, Moment.GRACE)
        if timed and look.rule != self.name:
            return None
        span = self._clock.span(look.of, calendar, occasion.basis.grants)
        if span is None:
            return None
        if look.falls:
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
        else:
            effects = self._wake(occasion, span)
        return Settlement(root_of(self._policy, self.name, span.key), effects) if effects else None

    # Giving.

    def _give(self, occasion: Occasion, look: Look, span: Span) -> list[Consequence]:
        threshold = self.threshold
        if threshold.repeats is Repeats.WHILE_REACHED:
            return self._while(occasion, look)
        if not self.reached(occasion):
            return []
        given = occasion.balance(self.unit, span.key)
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
            effects += self._gift(gift, look, span.key, given, times, cost, have)
        effects.append(self._count(times, span, occasion.calendar, span.key))
        if self._remembers(span) and threshold.looks is Looks.AFTER_EACH:
            facts = wake_facts(self.name, span.key, self.terms_of, span.start)
            effects.append(Wake(at=span.end, name=CLOSE, facts=facts, rule=self.name))
        return effects

    def _remembers(self, span: Span) -> bool:
        """Whether a refund after the period's end must know what the balance was: it may have ended by then."""
        threshold = self.threshold
        return (
            threshold.goal is not None
            and threshold.falls is not Falls.KEPT
            and threshold.consumes is Consumes.NOTHING
            and threshold.repeats is not Repeats.WHILE_REACHED
            and span.end < LATEST
        )

    def _keep(self, occasion: Occasion, span: Span) -> list[Consequence]:
        """Keeps the balance at the close beside the count of what was given."""
        have = self.balance(occasion)
        if have <= 0 or not self._remembers(span):
            return []
        return [self._count(have, span, occasion.calendar, f"{span.key}/{_AT_CLOSE}")]

    def _consume(self, cost: int, unit: str) -> Consume:
        threshold = self.threshold
        return Consume(build_amount(cost, unit), self.name, threshold.label, threshold.all_labels)

    def _gift(
        self, gift: Gift, look: Look, key: str, given: int, times: int, cost: int, have: int
    ) -> list[Consequence]:
        """One of its gifts, as often as it is given."""
        if isinstance(gift, GiveGrant):
            effects: list[Consequence] = []
            for n in range(given, given + times):
                goal = self.threshold.goal
                if cost and goal is not None:
                    effects.append(self._consume(cost // times, goal.unit))
                effects.append(self._grant(gift, key, n))
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

    def _grant(self, gift: GiveGrant, key: str, n: int) -> Give:
        """The n-th grant: of its period, and told apart by its step where there are several."""
        stepwise = self.threshold.repeats is Repeats.EVERY_STEP
        occasion = f"{key}#{n + 1}" if stepwise else key
        return Give(
            key=gift.key,
            value=gift.value,
            lasts=gift.lasts,
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

    def _while(self, occasion: Occasion, look: Look) -> list[Consequence]:
        """Its grants hold while it is reached; those with a term are given anew each time, and run on from there."""
        reached = self.reached(occasion)
        effects: list[Consequence] = []
        for gift in self.threshold.gives:
            if not isinstance(gift, GiveGrant):
                continue
            held = [
                grant
                for grant in occasion.basis.grants
                if grant.key == gift.key and grant.value == gift.value and grant.giver == f"{self._policy}/{self.name}"
            ]
            if reached and (gift.lasts is not None or not held):
                until = None if gift.lasts is None else gift.lasts.end(look.at, occasion.calendar)
                if not held or (held[0].valid_until is not None and until is not None and until > held[0].valid_until):
                    effects.append(self._grant(gift, "", 0))
            elif not reached and held and gift.lasts is None:
                effects.append(
                    Revoke(key=gift.key, value=gift.value, rule=self.name, why=Reason("fell", FrozenMapping()))
                )
        return effects

    # Falling.

    def _fall(self, occasion: Occasion, look: Look, span: Span) -> list[Consequence]:
        """A refund let the balance fall: what is no longer reached is kept, undone, or undone after a grace."""
        threshold = self.threshold
        if threshold.repeats is Repeats.WHILE_REACHED:
            return self._while(occasion, look)
        given = occasion.balance(self.unit, span.key)
        if threshold.falls is Falls.KEPT or given <= 0:
            return []
        effects: list[Consequence] = []
        if span.end <= look.at and self._remembers(span):
            times = self._too_many_then(occasion, look, span, given, effects)
        else:
            times = self._too_many(occasion, given)
        if times <= 0:
            return effects
        if threshold.falls is Falls.AFTER_GRACE and look.moment is not Moment.GRACE:
            assert threshold.grace is not None
            facts = wake_facts(self.name, span.key, self.terms_of, look.of)
            until = threshold.grace.end(look.at, occasion.calendar)
            return [*effects, Wake(at=until, name=GRACE, facts=facts, rule=self.name)]
        amounts = tuple((gift.amount, gift.label) for gift in threshold.gives if isinstance(gift, GiveCredit))
        unspent = threshold.falls is Falls.REVOKED_IF_UNUSED
        costs = threshold.consumes is not Consumes.NOTHING
        return [*effects, Undo(self.name, self.unit, span.key, times, amounts, unspent, costs)]

    def _too_many_then(self, occasion: Occasion, look: Look, span: Span, given: int, effects: list[Consequence]) -> int:
        """How often too many after the period's end: by the balance at its close, less what came back since."""
        goal, label = self.threshold.goal, f"{span.key}/{_AT_CLOSE}"
        assert goal is not None
        kept = occasion.balance(self.unit, label)
        back = min(kept, look.returned.get(goal.unit, 0))
        if back > 0:
            effects.append(TakeBack(build_amount(back, self.unit), self.name, label, False))
        if self.threshold.repeats is Repeats.EVERY_STEP:
            return given - max(0, min(given, (kept - back) // goal.steps))
        above = kept - back > goal.steps if self.threshold.more_than is not None else kept - back >= goal.steps
        return 0 if above else given

    def _too_many(self, occasion: Occasion, given: int) -> int:
        """How often it gave what it would not have given."""
        threshold, have, goal = self.threshold, self.balance(occasion), self.threshold.goal
        if threshold.consumes is not Consumes.NOTHING:
            if have >= 0 or goal is None:
                return 0
            return min(given, -(have // goal.steps)) if threshold.consumes is Consumes.STEPS else 1
        if threshold.repeats is Repeats.EVERY_STEP and goal is not None:
            return given - max(0, min(given, have // goal.steps))
        return 0 if self.reached(occasion) else given

    # Closing.

    def _wake(self, occasion: Occasion, span: Span) -> list[Consequence]:
        """Something is there to look at: the period's end wakes it. Set again, it is the same wake-up."""
        if not self._stirs(occasion):
            return []
        name = CLOSE if self.threshold.looks is Looks.AT_CLOSE else REVIEW
        facts = wake_facts(self.name, span.key, self.terms_of, span.start)
        return [Wake(at=span.end, name=name, facts=facts, rule=self.name)]

    def _stirs(self, occasion: Occasion) -> bool:
        """Whether there is something that a close or review would look at."""
        if self.threshold.goal is None:
            return True
        return self.balance(occasion) != 0

    def _next(self, occasion: Occasion, look: Look) -> list[Consequence]:
        """The next period is looked at too, where something is left to look at."""
        if not self._stirs(occasion):
            return []
        span = self._clock.span(look.at, occasion.calendar, occasion.basis.grants)
        return [] if span is None or look.moment is Moment.GRACE else self._wake(occasion, span)

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
