"""TierPolicy: levels over thresholds and grants. The level at an instant is the highest grant in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import pairwise
from typing import Final

import attrs

from patronage.conditions import condition_or_none
from patronage.earning import Trace
from patronage.errors import InvalidValueError, quote
from patronage.events import many, word
from patronage.figures import Setting
from patronage.ledger import Grant, Reason, reason
from patronage.occasions import Adopted, Condition, Effect, Give, GrantEnded, Ladder, Occasion, Revoke
from patronage.periods import LIFETIME, YEAR, Period
from patronage.policies.base import BoundPolicy
from patronage.policies.mechanisms import combined
from patronage.policies.rollover import Rollover
from patronage.rules import Rule, above_zero, name, rules_of
from patronage.terms_of_time import Term, years
from patronage.thresholds import CarryOver, Falls, Gift, GiveGrant, Looks, Repeats, Threshold, gifts_of
from patronage.units import Amount
from patronage.watching import Adoption

_A_YEAR: Final = years(1)
RESTATED: Final = reason("restated")
GRACED: Final = reason("grace")
STEPPED: Final = reason("one_step_down")


class Downgrade(Enum):
    """What becomes of a level that runs out: it drops, by one step at a time, never, or after a grace."""

    DROP = "drop"
    ONE_STEP = "one_step"
    NEVER = "never"
    GRACE = "grace"


class Tenure(Enum):
    """
    How long a level is held.

    PERIOD: for the term that it lasts, once for each period in which it is reached. ATTAINED: for
    the term from when it was reached, and again if it is reached when that ends. EXTENDED: for the
    term from when it was last seen reached. WHILE_REACHED: as long as it is reached.
    UNTIL_REVIEW: until the review at the period's end at which it is not.
    """

    PERIOD = "period"
    ATTAINED = "attained"
    EXTENDED = "extended"
    WHILE_REACHED = "while_reached"
    UNTIL_REVIEW = "until_review"


_REPEATS = {
    Tenure.PERIOD: Repeats.ONCE_A_PERIOD,
    Tenure.ATTAINED: Repeats.WHEN_ENDED,
    Tenure.EXTENDED: Repeats.WHILE_REACHED,
    Tenure.WHILE_REACHED: Repeats.WHILE_REACHED,
    Tenure.UNTIL_REVIEW: Repeats.UNTIL_REVIEW,
}


@attrs.frozen(kw_only=True)
class Level:
    """
    A level: reached at a balance of *at_least* or *more_than*, and *when* holds (other balances, grants).

    Without an amount *when* alone decides; with neither the level is given by hand only (an
    invitation), or is, as the first, that of everybody. *gives* are its perks: given each time that it
    is reached in another period.
    """

    name: str = attrs.field(converter=word)
    at_least: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    more_than: Amount | None = None
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    gives: tuple[Gift, ...] = attrs.field(default=(), converter=gifts_of)

    @property
    def goal(self) -> Amount | None:
        """The amount that it is reached at, or above."""
        return self.at_least if self.at_least is not None else self.more_than

    @property
    def is_reached(self) -> bool:
        """Whether balances or conditions can reach it."""
        return self.goal is not None or self.when is not None


def _levels(value: Iterable[Level]) -> tuple[Level, ...]:
    found = many(value)
    if not found or not all(isinstance(level, Level) for level in found):
        raise InvalidValueError(f"A tier policy has levels (Level), lowest first, not {quote(value)}.")
    if len({level.name for level in found}) < len(found):
        raise InvalidValueError("Two levels have one name.")
    goals = [(level.name, level.goal) for level in found if level.goal is not None]
    for (lower, a), (higher, b) in pairwise(goals):
        if a.unit == b.unit and a.steps >= b.steps:
            raise InvalidValueError(f"Levels stand lowest first: {quote(higher)} is not above {quote(lower)}.")
    return found


@attrs.frozen(kw_only=True)
class TierPolicy:
    """
    Gives grants of *key* (the policy's name), with the level as their value, for what balances reach.

    *levels* stand lowest first; a first one without a figure is that of everybody. *window* is the
    period that counts (a calendar, fiscal or membership year, a lifetime; a rolling window is a
    lifetime over a unit whose lots expire), *looks* when it is looked at. *tenure* and *lasts* say how
    long a level is held: with Tenure.PERIOD from the end of the window, a year unless told, so that a
    year's level lasts through the next year; else from when it is reached. *downgrade* says what follows
    when it runs out, with *grace* for GRACE. *falls* is what a refund does to it. *rollover* carries
    what a closed window had above its highest level into the next. *rules* may feed the balances.
    A policy listed before this one reads the level before a purchase, one listed after it the level
    that the purchase has reached.
    """

    name: str = attrs.field(converter=name)
    levels: tuple[Level, ...] = attrs.field(converter=_levels)
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    all_labels: bool = True
    window: Period = YEAR
    anchored_on: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    looks: Looks = Looks.AFTER_EACH
    tenure: Tenure = Tenure.PERIOD
    lasts: Term | None = None
    downgrade: Downgrade = Downgrade.DROP
    grace: Term | None = None
    falls: Falls = Falls.TAKEN_BACK
    rollover: CarryOver | None = None
    adoption: Adoption = Adoption.GRANDFATHERED
    rules: tuple[Rule, ...] = attrs.field(default=(), converter=rules_of)

    def __attrs_post_init__(self) -> None:
        if (self.grace is not None) != (Downgrade.GRACE is self.downgrade or self.falls is Falls.AFTER_GRACE):
            raise InvalidValueError("A grace goes with a downgrade, or a fall, after a grace.")
        stands = self.tenure is Tenure.WHILE_REACHED and self.downgrade is Downgrade.GRACE
        if self._term is None and self.downgrade in (Downgrade.ONE_STEP, Downgrade.GRACE) and not stands:
            raise InvalidValueError("What runs out by steps, or after a grace, lasts for a term.")
        if self.tenure in (Tenure.ATTAINED, Tenure.EXTENDED) and self.lasts is None:
            raise InvalidValueError("A level that is held from when it was reached lasts for a term.")
        if self.tenure in (Tenure.WHILE_REACHED, Tenure.UNTIL_REVIEW) and self.lasts is not None:
            raise InvalidValueError("A level that is held while it is reached has no term: give lasts = None.")
        if self.tenure is not Tenure.PERIOD and self.looks is not Looks.AFTER_EACH:
            raise InvalidValueError("What is looked at when a period ends is held by periods.")
        if self.rollover is not None and self.window == LIFETIME:
            raise InvalidValueError("A lifetime never closes: nothing is carried over.")
        for threshold in self._thresholds:
            assert threshold is not None

    @property
    def _term(self) -> Term | None:
        """How long a level lasts, a year by default where it is held by periods."""
        if self.lasts is None and self.tenure is Tenure.PERIOD and self.window != LIFETIME:
            return _A_YEAR
        return self.lasts

    @property
    def ladder(self) -> Ladder:
        """The levels as conditions read them."""
        first = self.levels[0]
        base = None if first.is_reached else first.name
        names = tuple(level.name for level in self.levels if level.name != base)
        return Ladder(self.name, names, base)

    @property
    def _thresholds(self) -> tuple[Threshold, ...]:
        """One for each level that can be reached."""
        return tuple(self._threshold(level, n) for n, level in enumerate(self.levels) if level.is_reached)

    def _threshold(self, level: Level, n: int) -> Threshold:
        never = self.downgrade is Downgrade.NEVER
        by_period = self.tenure is Tenure.PERIOD and self.window != LIFETIME
        term = None if never else self._term
        grant = GiveGrant(
            key=self.name,
            value=level.name,
            lasts=None if by_period else term,
            after_period=term if by_period else None,
        )
        repeats = Repeats.ONCE_A_PERIOD if never else _REPEATS[self.tenure]
        gives: tuple[Gift, ...] = (grant, *level.gives)
        grace = self.grace if self.falls is Falls.AFTER_GRACE or self.tenure is Tenure.WHILE_REACHED else None
        return Threshold(
            name=f"level-{n}",
            at_least=level.at_least,
            more_than=level.more_than,
            label=self.label,
            all_labels=self.all_labels,
            when=level.when,
            gives=gives,
            looks=self.looks,
            period=self.window,
            anchored_on=self.anchored_on,
            repeats=repeats,
            falls=self.falls if grace is None else Falls.AFTER_GRACE,
            grace=grace,
        )

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked."""
        bound = combined(setting, rules=self.rules, thresholds=self._thresholds, own=self._own, adoption=self.adoption)
        if self.rollover is None:
            return bound
        rollover = Rollover(self.levels_with_goals, self.rollover, self.window, self.anchored_on, setting)
        return attrs.evolve(bound, watchers=(*bound.watchers, rollover), reads=(*bound.reads, *rollover.reads))

    @property
    def levels_with_goals(self) -> tuple[Amount, ...]:
        """The figures of the levels, lowest first."""
        return tuple(level.goal for level in self.levels if level.goal is not None)

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the occasion gives, for a policy that stands alone: `Terms` binds it once instead."""
        setting = Setting(policy=self.name, units=occasion.units, calendar=occasion.calendar, refund_for=None)
        return self.bind(setting).answer(occasion, None)

    def _own(self, occasion: Occasion, trace: Trace) -> Sequence[Effect]:
        """What follows when a level runs out, and what new terms restate."""
        trigger = occasion.trigger
        if isinstance(trigger, Adopted):
            return self._restated(occasion)
        if isinstance(trigger, GrantEnded) and trigger.grant.key == self.name:
            return self._softened(trigger.grant, occasion)
        return ()

    def _restated(self, occasion: Occasion) -> Sequence[Effect]:
        if self.adoption is not Adoption.RESTATED:
            return ()
        own = [grant.giver for grant in occasion.grants(self.name) if grant.giver.startswith(f"{self.name}/")]
        rules, why = sorted({giver.partition("/")[2] for giver in own}), RESTATED
        return [Revoke(key=self.name, rule=rule, own=True, why=why) for rule in rules]

    def _softened(self, ended: Grant, occasion: Occasion) -> Sequence[Effect]:
        """A level that ran out: nothing, one step down, or a grace, unless as high a level is held."""
        ladder = self.ladder
        rank = ladder.rank(ended.value)
        if rank < 0 or ladder.rank(occasion.level(self.name)) >= rank or not ended.giver.startswith(f"{self.name}/"):
            return ()
        if self.downgrade is Downgrade.GRACE and self.grace is not None and ended.occasion != "grace":
            return [self._given(ended.value, self.grace, "grace", GRACED)]
        if self.downgrade is Downgrade.ONE_STEP and rank > 0 and self._term is not None:
            below = ladder.levels[rank - 1]
            if ladder.rank(occasion.level(self.name)) >= rank - 1:
                return ()
            return [self._given(below, self._term, f"after {ended.value}", STEPPED)]
        return ()

    def _given(self, level: str | None, lasts: Term, occasion: str, why: Reason) -> Give:
        return Give(key=self.name, value=level, lasts=lasts, occasion=occasion, rule=why.code, why=why)
