"""
Challenges as data: goals with milestones, punch cards, streaks, and campaigns of steps.

All of them count in a unit of the terms (a tally, mostly), by rules of their own or by what other
policies credit. What is counted in a period ends with it; what reaching a figure gives is a
threshold's. `policies.challenge` puts them to work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import pairwise
from typing import Final, TypeVar

import attrs

from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError, of_type, quote
from patronage.events import many
from patronage.fields import whole, word_or_none
from patronage.occasions import Condition
from patronage.periods import DAY, LIFETIME, YEAR, CalendarPeriod, Lifetime, Period
from patronage.rules import BonusRule, QuantityRule, SpendRule, above_zero, name, name_or_none
from patronage.terms_of_time import Anniversary, Rolling, Term, WhileGranted, WhileHeld
from patronage.thresholds import Falls, Gift, Looks, gifts_of
from patronage.units import Amount
from patronage.yearly import Yearly

T = TypeVar("T")

CountingRule = SpendRule | QuantityRule | BonusRule
"""A rule that counts towards a goal: it credits the goal's unit."""


def counting_rules_of(value: Iterable[CountingRule]) -> tuple[CountingRule, ...]:
    """Rules that count, as a tuple."""
    found = many(value)
    if not all(isinstance(rule, SpendRule | QuantityRule | BonusRule) for rule in found):
        raise InvalidValueError(f"What counts are rules (SpendRule, QuantityRule, BonusRule), not {quote(value)}.")
    return found


class DifferentBy(Enum):
    """What makes two lines different."""

    SKU = "sku"
    CATEGORY = "category"
    BRAND = "brand"
    TAG = "tag"
    STORE = "store"


@attrs.frozen(kw_only=True)
class Different:
    """
    Counts how many different things are bought: each product, category, brand, tag or store once.

    Each is kept under a label of its own, and what came back does not count. *lines* says which lines
    count (those that cost something), *when* which purchases.
    """

    by: DifferentBy = DifferentBy.SKU
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.by, DifferentBy):
            raise InvalidValueError(f"What makes lines different is a DifferentBy, not {quote(self.by)}.")


class Excess(Enum):
    """What becomes of what a full card has too many: it starts the next card, or is lost."""

    CARRIED = "carried"
    LOST = "lost"


@attrs.frozen(kw_only=True)
class Milestone:
    """At *at_least* it *gives*."""

    at_least: Amount = attrs.field(validator=above_zero)
    gives: tuple[Gift, ...] = attrs.field(converter=gifts_of)


def _milestones(value: Iterable[Milestone]) -> tuple[Milestone, ...]:
    found = many(value)
    if not all(isinstance(each, Milestone) for each in found):
        raise InvalidValueError(f"A challenge has milestones (Milestone), not {quote(value)}.")
    if len({each.at_least.unit for each in found}) > 1:
        raise InvalidValueError("The milestones of a challenge are in one unit.")
    if any(a.at_least.steps >= b.at_least.steps for a, b in pairwise(found)):
        raise InvalidValueError("Milestones stand in rising order.")
    return found


def _one_unit(what: str, unit: str, counts: Sequence[CountingRule]) -> None:
    for rule in counts:
        if rule.credit.unit != unit:
            raise InvalidValueError(f"What counts for {what} credits {unit}, not {rule.credit.unit}.")


def window(what: str, period: Period | None, opened_by: str | None) -> tuple[Period, str | None]:
    """The period that a challenge counts in, and the right it is anchored on."""
    if period is None:
        return (LIFETIME, None) if opened_by is None else (WhileGranted(), opened_by)
    if isinstance(period, Rolling):
        raise InvalidValueError(f"{what} counts in periods that close: a rolling one is a life of its unit.")
    if isinstance(period, Anniversary | WhileGranted | WhileHeld) and opened_by is None:
        raise InvalidValueError(f"{what} is opened by a right: name it in opened_by.")
    return period, opened_by if isinstance(period, Anniversary | WhileGranted | WhileHeld) else None


@attrs.frozen(kw_only=True)
class Goal:
    """
    Figures to reach: each of the *milestones* gives what it says, once in a *period*.

    *counts* are the rules that count (they credit the milestones' unit); with *different* it counts how
    many different things are bought; with neither, what other policies credit. *period* is a calendar
    period, a window, a membership year or the lifetime; with *opened_by*, the key of a right, it is the
    time of that right, or counts only while it is held. With *starts_again* it is a card: the last
    milestone uses up what it took, and the card begins anew, without or with what was too many;
    such a card has no period. *every* gives the one milestone for each whole step. *when* is asked
    when a milestone is reached, *looks* says when that is looked at, *falls* what a refund does.
    """

    name: str = attrs.field(converter=name)
    milestones: tuple[Milestone, ...] = attrs.field(converter=_milestones)
    counts: tuple[CountingRule, ...] = attrs.field(default=(), converter=counting_rules_of)
    different: Different | None = None
    label: str | None = attrs.field(default=None, converter=word_or_none)
    period: Period | None = None
    opened_by: str | None = attrs.field(default=None, converter=word_or_none)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    every: bool = attrs.field(default=False, validator=of_type(bool))
    starts_again: Excess | None = None
    looks: Looks = Looks.AFTER_EACH
    falls: Falls = Falls.TAKEN_BACK
    grace: Term | None = None

    def __attrs_post_init__(self) -> None:
        if not self.milestones:
            raise InvalidValueError(f"Goal {self.name} has at least one milestone.")
        _one_unit(f"goal {self.name}", self.milestones[0].at_least.unit, self.counts)
        if self.different is not None and (self.counts or self.label is not None or self.starts_again is not None):
            raise InvalidValueError(f"Goal {self.name} counts what is different, and nothing else.")
        if self.every and (len(self.milestones) > 1 or self.starts_again is not None):
            raise InvalidValueError(f"Goal {self.name} gives for every step: that is one milestone, and no card.")
        if self.starts_again is not None and (self.period is not None or self.opened_by is not None):
            raise InvalidValueError(f"Card {self.name} begins anew when it is full: it has no period.")
        window(f"Goal {self.name}", self.period, self.opened_by)
        if self.looks is not Looks.AFTER_EACH and isinstance(self.period, None | Lifetime):
            raise InvalidValueError(f"Goal {self.name} is looked at when a period ends: give it one.")


@attrs.frozen(kw_only=True)
class Protection:
    """
    A period that was missed does not break a streak, and does not count.

    At most *limit* times *per* period, if told; where it *costs* something (a freeze that was earned or
    bought), while there is that much. *when* is asked at the end of the period that was missed.
    """

    limit: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))
    per: Period = YEAR
    costs: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.per, Rolling | Anniversary | WhileGranted | WhileHeld):
            raise InvalidValueError("A protection is counted in calendar periods, a window or the lifetime.")
        if self.limit is None and self.costs is None:
            raise InvalidValueError("A protection has a limit, costs something, or both.")


@attrs.frozen(kw_only=True)
class Streak:
    """
    Periods in a row (days, weeks, months of local time): a run grows by *run* with each that is reached.

    A period is reached when what counted in it is *at_least* an amount: by *counts*, or as many
    *different* things. The run is a balance of *run*'s unit. It ends when a period ends that was not
    reached, unless *protection* keeps it. *milestones* are figures of the run; they give once in each run,
    and with *starts_again* the last one uses up the run. *looks* says whether a period counts at once,
    or is judged when it closes. *falls* is what a refund does to a period, and to what a milestone gave.
    """

    name: str = attrs.field(converter=name)
    at_least: Amount = attrs.field(validator=above_zero)
    run: Amount = attrs.field(validator=above_zero)
    counts: tuple[CountingRule, ...] = attrs.field(default=(), converter=counting_rules_of)
    different: Different | None = None
    period: CalendarPeriod = attrs.field(default=DAY, validator=of_type(CalendarPeriod))
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    milestones: tuple[Milestone, ...] = attrs.field(default=(), converter=_milestones)
    starts_again: bool = attrs.field(default=False, validator=of_type(bool))
    protection: Protection | None = None
    looks: Looks = Looks.AFTER_EACH
    falls: Falls = Falls.TAKEN_BACK

    def __attrs_post_init__(self) -> None:
        _one_unit(f"streak {self.name}", self.at_least.unit, self.counts)
        if self.different is not None and self.counts:
            raise InvalidValueError(f"Streak {self.name} counts what is different, and nothing else.")
        if self.run.unit == self.at_least.unit:
            raise InvalidValueError(f"Streak {self.name} counts periods and what is done in them in two units.")
        if self.milestones and self.milestones[0].at_least.unit != self.run.unit:
            raise InvalidValueError(f"The milestones of streak {self.name} are figures of the run, in {self.run.unit}.")
        if self.looks is Looks.AT_REVIEW:
            raise InvalidValueError("A streak's period counts at once or when it closes.")
        if self.starts_again and not self.milestones:
            raise InvalidValueError("A streak starts again at its last milestone: give it one.")
        if self.falls is Falls.AFTER_GRACE:
            raise InvalidValueError("A streak has no grace: a protection keeps it.")


@attrs.frozen(kw_only=True)
class CampaignStep:
    """A step of a campaign: reached *at_least* at an amount of what *counts*, it *gives* something, or nothing."""

    name: str = attrs.field(converter=name)
    at_least: Amount = attrs.field(validator=above_zero)
    counts: tuple[CountingRule, ...] = attrs.field(default=(), converter=counting_rules_of)
    gives: tuple[Gift, ...] = attrs.field(default=(), converter=gifts_of)
    label: str | None = attrs.field(default=None, converter=name_or_none)

    def __attrs_post_init__(self) -> None:
        _one_unit(f"step {self.name}", self.at_least.unit, self.counts)


def _steps(value: Iterable[CampaignStep]) -> tuple[CampaignStep, ...]:
    found = many(value)
    if not found or not all(isinstance(step, CampaignStep) for step in found):
        raise InvalidValueError(f"A campaign has steps (CampaignStep), not {quote(value)}.")
    if len({step.name for step in found}) < len(found):
        raise InvalidValueError("Two steps of a campaign have one name.")
    return found


@attrs.frozen(kw_only=True)
class Campaign:
    """
    Steps with a reward each, and *gives* for all of them: once in a *period*.

    With *in_order* a step counts only what is done after the step before it is done. *period* and
    *opened_by* are as with a goal. What the steps count is kept under a label for each step.
    """

    name: str = attrs.field(converter=name)
    steps: tuple[CampaignStep, ...] = attrs.field(converter=_steps)
    gives: tuple[Gift, ...] = attrs.field(default=(), converter=gifts_of)
    in_order: bool = attrs.field(default=False, validator=of_type(bool))
    period: Period | None = None
    opened_by: str | None = attrs.field(default=None, converter=word_or_none)
    falls: Falls = Falls.TAKEN_BACK

    def __attrs_post_init__(self) -> None:
        window(f"Campaign {self.name}", self.period, self.opened_by)
        if self.falls is Falls.AFTER_GRACE:
            raise InvalidValueError("What a campaign gave falls at once, is kept, or is revoked if unused.")


Challenge = Goal | Streak | Campaign | Yearly
CHALLENGES: Final = (Goal, Streak, Campaign, Yearly)


def challenges_of(value: Iterable[Challenge]) -> tuple[Challenge, ...]:
    """Challenges as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(each, CHALLENGES) for each in found):
        raise InvalidValueError(f"Challenges are Goal, Streak, Campaign and Yearly, not {quote(value)}.")
    if len({each.name for each in found}) < len(found):
        raise InvalidValueError("Two challenges have one name.")
    return found


__all__ = [
    "CHALLENGES",
    "Campaign",
    "Challenge",
    "CountingRule",
    "Different",
    "DifferentBy",
    "Excess",
    "Goal",
    "Milestone",
    "Protection",
    "CampaignStep",
    "Streak",
    "challenges_of",
    "counting_rules_of",
    "window",
]
