"""OfferPolicy: offers over rules, rights, ceilings and counted uses. What they give is decided again with a refund."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import attrs

from patronage.ceilings import BoundCeiling
from patronage.challenges import Goal
from patronage.conditions import AllOf, AnyOf, HasGrant, Not, reads_of
from patronage.earning import Trace
from patronage.errors import InvalidValueError, quote
from patronage.events import Activity, Enrolment, Event, Line, Purchase
from patronage.figures import Setting
from patronage.granting import GrantRule
from patronage.occasions import Condition, Credit, Effect, Occasion, Read
from patronage.offers import Offer, offers_of
from patronage.periods import EARLIEST, LATEST, Window
from patronage.policies.base import Answer, BoundPolicy
from patronage.policies.challenge_parts import ChallengeParts
from patronage.policies.mechanisms import combined
from patronage.rules import BonusRule, Ceiling, Group, MultiplierRule, On, Rule, ceilings, groups_of, name, rules_of
from patronage.units import Amount

USES = "uses"
_EVENTS: Mapping[On, type[Event]] = {On.PURCHASE: Purchase, On.ENROLMENT: Enrolment, On.ACTIVITY: Activity}


@attrs.frozen(kw_only=True)
class OfferPolicy:
    """
    Offers, and the *rules* for everybody that they multiply, replace or stand beside.

    Rules are rounded, grouped and limited together, as in a points policy. The right that an activation
    gives has the key `policy.offer`; an operator may give it too.
    """

    name: str = attrs.field(converter=name)
    offers: tuple[Offer, ...] = attrs.field(converter=offers_of)
    rules: tuple[Rule, ...] = attrs.field(default=(), converter=rules_of)
    groups: tuple[Group, ...] = attrs.field(default=(), converter=groups_of)
    ceilings: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)

    def __attrs_post_init__(self) -> None:
        known = {rule.name for rule in self.rules}
        for offer in self.offers:
            for missing in sorted(set(offer.replaces) - known):
                raise InvalidValueError(
                    f"Offer {offer.name} replaces {quote(missing)}, which is no named rule of the policy."
                )

    def key(self, offer: str) -> str:
        """The key of the right that activating an offer gives."""
        return f"{self.name}.{offer}"

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked. Raises InvalidValueError where offers, rules and units do not fit."""
        parts = ChallengeParts(self.name)
        parts.add_all([self._goal(offer) for offer in self.offers if offer.goal is not None])
        counting, watchers = parts.bound(setting)
        works = [_Work(self, offer, setting) for offer in self.offers if offer.goal is None]
        bound = combined(
            setting,
            rules=[*(_replaced(rule, works) for rule in self.rules), *(rule for work in works for rule in work.rules)],
            groups=self.groups,
            ceilings=[*self.ceilings, *(ceiling for work in works for ceiling in work.ceilings)],
            rights=[self._right(offer) for offer in self.offers if offer.activation is not None],
            counting=counting,
            thresholds=parts.thresholds,
            watchers=watchers,
        )
        return _limited(bound, works, setting)

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the occasion gives, for a policy that stands alone: `Terms` binds it once instead."""
        setting = Setting(policy=self.name, units=occasion.units, calendar=occasion.calendar, refund_for=None)
        return self.bind(setting).answer(occasion, None)

    def _right(self, offer: Offer) -> GrantRule:
        activation = offer.activation
        assert activation is not None
        return GrantRule(
            name=offer.name,
            key=self.key(offer.name),
            activity=activation.activity,
            lasts=activation.lasts,
            when=offer.activated,
        )

    def _goal(self, offer: Offer) -> Goal:
        """The offer's goal, in the offer's window, for its audience."""
        goal = offer.goal
        assert goal is not None
        rules = tuple(attrs.evolve(rule, when=_all(rule.when, offer.is_open)) for rule in goal.counts)
        different = goal.different
        if different is not None:
            different = attrs.evolve(different, when=_all(different.when, offer.is_open))
        if offer.activation is not None:
            return attrs.evolve(
                goal, name=offer.name, counts=rules, different=different, opened_by=self.key(offer.name)
            )
        period = None
        if offer.start is not None or offer.end is not None:
            period = Window(start=offer.start or EARLIEST, end=offer.end or LATEST)
        return attrs.evolve(goal, name=offer.name, counts=rules, different=different, period=period)


class _Work:
    """An offer at work: its rules with all that they ask for, its ceilings, and how often it was used."""

    def __init__(self, policy: OfferPolicy, offer: Offer, setting: Setting) -> None:
        self.offer = offer
        self.limits = [
            BoundCeiling(
                Ceiling(
                    name=limit.name,
                    limit=Amount(limit.uses, USES),
                    per=limit.per,
                    room_back=limit.room_back,
                    shared=limit.shared,
                    slices=limit.slices,
                ),
                False,
                setting.policy,
                setting.refund_for,
            )
            for limit in offer.limits
        ]
        right = None if offer.activation is None else HasGrant(policy.key(offer.name))
        room = _HasRoom(tuple(self.limits)) if self.limits else None
        self.when = _all(offer.is_open, right, room)
        single = len(offer.rules) == 1
        named = [
            attrs.evolve(rule, name=rule.name or (offer.name if single else f"{offer.name}-{n}"))
            for n, rule in enumerate(offer.rules, 1)
        ]
        self.names = frozenset(rule.name or "" for rule in named)
        self.counts = [_counts(rule, self.when) for rule in named]
        plain = tuple(r.name or f"rule-{n}" for n, r in enumerate(policy.rules, 1) if not isinstance(r, MultiplierRule))
        named = [
            attrs.evolve(rule, of=plain) if isinstance(rule, MultiplierRule) and not rule.of else rule for rule in named
        ]
        self.rules = [
            attrs.evolve(rule, when=_all(self.when, rule.when), group=rule.group or offer.group) for rule in named
        ]
        self.ceilings = [attrs.evolve(ceiling, of=tuple(sorted(self.names))) for ceiling in offer.ceilings]
        self.on = {_on(rule) for rule in named}


def _on(rule: Rule) -> type[Event]:
    """The type of event that a rule answers; a multiplier is of purchases."""
    if isinstance(rule, BonusRule):
        return _EVENTS[rule.on]
    return Activity if getattr(rule, "activity", None) is not None else Purchase


@attrs.frozen(eq=False)
class _HasRoom:
    """All limits of an offer have a use left."""

    limits: tuple[BoundCeiling, ...]

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether they have."""
        return all(
            limit.left(occasion.account, occasion.basis, limit.period(occasion.at, occasion.calendar)) > 0
            for limit in self.limits
        )


@attrs.frozen(eq=False)
class _Counts:
    """An offer's rule counts on a line, or on the whole."""

    when: Condition | None
    lines: Condition | None

    @property
    def reads(self) -> tuple[Read, ...]:
        """What it reads."""
        return (*reads_of(self.when), *reads_of(self.lines))

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it does."""
        if self.when is not None and not self.when.holds(occasion, None):
            return False
        return self.lines is None or self.lines.holds(occasion, line)


def _counts(rule: Rule, when: Condition | None) -> _Counts:
    return _Counts(_all(when, rule.when), getattr(rule, "lines", None))


def _all(*asked: Condition | None) -> Condition | None:
    """All of those that there are, as one condition."""
    found = tuple(condition for condition in asked if condition is not None)
    return None if not found else found[0] if len(found) == 1 else AllOf(found)


def _replaced(rule: Rule, works: Sequence[_Work]) -> Rule:
    """A rule for everybody, but for where an offer that replaces it counts."""
    instead = [count for work in works if rule.name in work.offer.replaces for count in work.counts]
    if not instead:
        return rule
    others = Not(AnyOf(tuple(instead)))
    if isinstance(rule, BonusRule | MultiplierRule) or _on(rule) is not Purchase:
        return attrs.evolve(rule, when=_all(rule.when, others))
    return attrs.evolve(rule, lines=_all(rule.lines, others))


def _limited(bound: BoundPolicy, works: Sequence[_Work], setting: Setting) -> BoundPolicy:
    """The policy, with what counts the uses of its offers."""
    limits = [limit for work in works for limit in work.limits]
    if not limits:
        return bound
    setting.distinct([ceiling.tally for ceiling in (*bound.ceilings, *limits) if ceiling.tally is not None])
    shared = {on: list(found) for on, found in bound.shared.items()}
    for work in works:
        for on in work.on:
            shared.setdefault(on, []).extend(limit for limit in work.limits if limit.accounts)
    own = [limit for limit in limits if not limit.accounts]
    return attrs.evolve(
        bound,
        answer=_counting_uses(bound.answer, works),
        tallies=partial(_tallies, bound, own, setting),
        ceilings=(*bound.ceilings, *limits),
        shared={on: found for on, found in shared.items() if found},
    )


def _tallies(
    bound: BoundPolicy, limits: Sequence[BoundCeiling], setting: Setting, at: datetime
) -> Sequence[tuple[str, str]]:
    """The tallies of ceilings and of limits that an event at *at* counts on."""
    found = [] if bound.tallies is None else list(bound.tallies(at))
    found.extend((limit.tally or "", limit.period(at, setting.calendar)) for limit in limits)
    return found


def _counting_uses(ask: Answer, works: Sequence[_Work]) -> Answer:
    """What the rules answer, and a use of each offer that gave something."""

    def answer(occasion: Occasion, trace: Trace) -> Sequence[Effect]:
        effects = list(ask(occasion, trace))
        gave = {book.rule for effect in effects if isinstance(effect, Credit) for book in effect.books if book.steps}
        for work in works:
            if work.limits and gave & work.names:
                for limit in work.limits:
                    label = limit.period(occasion.at, occasion.calendar)
                    effects.append(limit.counted(occasion, label, 1))
        return effects

    return answer
