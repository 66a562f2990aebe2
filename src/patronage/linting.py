"""
The linter: what a program's terms will do that their author may not have meant.

It reads the terms as they are bound, so it sees every policy of the library's own in the same words:
rules, ceilings, totals, thresholds. A caller's own policy is not looked into. A finding is no error: the
program runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final

import attrs

from patronage.occasions import CountedFrom, Life
from patronage.policies.base import BoundPolicy
from patronage.program import Program
from patronage.reaching import BoundThreshold
from patronage.rules import MultiplierRule, SpendRule
from patronage.terms import BoundTerms, Returned, Shortfall
from patronage.thresholds import STANDING, Consumes, Falls, GiveBenefit, GiveConverted, GiveCredit, GiveGrant, Looks
from patronage.totals import BoundTotal

ANCHORS: Final = tuple(datetime(2024, month, day, 12, tzinfo=UTC) for month in (1, 2, 7, 12) for day in (1, 15, 28))
"""Days from which terms of time are tried: ends of months, a leap day, both sides of the year's end."""


class LintCode(Enum):
    """What the linter can find."""

    LOOKS_TOO_EARLY = "looks_too_early"  # A threshold listed before all that feeds it.
    NOT_FED = "not_fed"  # A threshold on a unit that no rule of the terms credits.
    UNREACHABLE = "unreachable"  # A threshold above what ceilings let its balance reach.
    SAME_FIGURE = "same_figure"  # Two thresholds of a policy that are reached by the very same balance.
    GAP_IN_LEVELS = "gap_in_levels"  # A right between two others whose figure is in another unit, or missing.
    EARNS_LESS = "earns_less"  # A band of the whole spend at which more spend earns less.
    ENDS_FIRST = "ends_first"  # A credit that expires before it is available.
    ENDLESS_DEBT = "endless_debt"  # A clawback that is charged without a bound.
    LEAK = "leak"  # A fall-back or clawback that lets a member keep the value of what came back.
    UNBOUNDED_STATE = "unbounded_state"  # Something in the state that no date ends.


@attrs.frozen
class Finding:
    """One thing that was found: *where* is a path into the terms, such as `terms[0].policies.tier.level-2`."""

    code: LintCode
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def lint(program: Program) -> tuple[Finding, ...]:
    """What the terms of *program* will do that may not be meant, in the order of the terms and policies."""
    found: list[Finding] = []
    for n, terms in enumerate(program.terms):
        bound = program.terms_at(terms.effective_from)
        reader = _Reader(bound, f"terms[{n}]")
        found += [*reader.refunds(), *(finding for policy in bound.policies for finding in reader.policy(policy))]
    return tuple(found)


class _Reader:
    """Looks through one version of the terms."""

    def __init__(self, bound: BoundTerms, where: str) -> None:
        self.bound, self.where = bound, where
        self.feeds: dict[str, list[int]] = {}
        for place, policy in enumerate(bound.policies):
            for unit in _credited(policy):
                self.feeds.setdefault(unit, []).append(place)

    def refunds(self) -> Iterator[Finding]:
        """What the clawback lets go."""
        terms, where = self.bound.terms.refunds, f"{self.where}.refunds"
        if terms.shortfall is Shortfall.FORGIVEN:
            yield Finding(LintCode.LEAK, where, "what a refund cannot take back is forgiven: spend, then return.")
        elif terms.unspent_only:
            yield Finding(LintCode.LEAK, where, "only what is unspent is taken back: spend, then return.")
        elif terms.debt_max is not None:
            yield Finding(LintCode.LEAK, where, "a debt above its maximum is forgiven: spend, then return more.")
        elif terms.shortfall is Shortfall.DEBT:
            message = "debt has no maximum, and stays on an account that is abandoned."
            yield Finding(LintCode.ENDLESS_DEBT, where, message)
        if terms.returned is not Returned.OLD:
            message = "points given back live longer than they did: spend before they end, then return."
            yield Finding(LintCode.LEAK, where, message)

    def policy(self, policy: BoundPolicy) -> Iterator[Finding]:
        """What a policy's rules, totals and thresholds will do."""
        where = f"{self.where}.policies.{policy.name}"
        for n, rule in enumerate(policy.rules, 1):
            if isinstance(rule, MultiplierRule):
                continue
            path = f"{where}.{rule.name or f'rule-{n}'}"
            yield from self._life(rule.life, path)
            if isinstance(rule, SpendRule) and not rule.marginal:
                yield from _falling_bands(rule.credit.steps, [b.credit.steps for b in rule.bands], path)
        for watcher in policy.watchers:
            path = f"{where}.{watcher.name}"
            if isinstance(watcher, BoundTotal):
                yield from self._life(watcher.total.life, path)
                for rate in watcher.total.rates:
                    if rate.credit is not None and not rate.marginal:
                        yield from _falling_bands(rate.credit.steps, [b.credit.steps for b in rate.bands], path)
            elif isinstance(watcher, BoundThreshold):
                yield from self._threshold(policy, watcher, path)
        for rule_name, message in policy.leaks:
            yield Finding(LintCode.LEAK, f"{where}.{rule_name}", message)
        yield from _levels([w for w in policy.watchers if isinstance(w, BoundThreshold)], where)

    def _life(self, life: Life, where: str) -> Iterator[Finding]:
        """A credit that ends before it begins."""
        if life.expires_after is None or life.available_after is None or life.counted_from is not CountedFrom.EARNING:
            return
        for anchor in ANCHORS:
            begins = life.available_after.end(anchor, self.bound.calendar)
            if life.expires_after.end(anchor, self.bound.calendar) <= begins:
                yield Finding(
                    LintCode.ENDS_FIRST, where, f"what is earned on {anchor:%d %B} ends before it is available."
                )
                return

    def _threshold(self, policy: BoundPolicy, watcher: BoundThreshold, where: str) -> Iterator[Finding]:
        threshold = watcher.threshold
        for gift in threshold.gives:
            if isinstance(gift, GiveCredit | GiveConverted):
                yield from self._life(gift.life, where)
        goal = threshold.goal
        place = [each.name for each in self.bound.policies].index(policy.name)
        if goal is not None:
            feeders = self.feeds.get(goal.unit, [])
            # A number of labels may be that of different things, which are counted without a rule.
            if not feeders and not threshold.labels:
                message = f"no rule of these terms credits {goal.unit}: only operators and follow-ups can reach it."
                yield Finding(LintCode.NOT_FED, where, message)
            elif feeders and min(feeders) > place and threshold.looks is Looks.AFTER_EACH:
                message = f"all that credits {goal.unit} is listed after it: it looks one occasion late."
                yield Finding(LintCode.LOOKS_TOO_EARLY, where, message)
            most = self._most(goal.unit)
            if most is not None and most < goal.steps:
                message = f"it asks for {goal.steps} steps of {goal.unit}, and a ceiling keeps the balance at {most}."
                yield Finding(LintCode.UNREACHABLE, where, message)
        yield from self._falls(watcher, where)

    def _most(self, unit: str) -> int | None:
        """The balance that ceilings on it let a unit reach; None where nothing holds it down."""
        limits = [
            ceiling.ceiling.limit.steps
            for ceiling in self.bound.ceilings
            if ceiling.on_balance and ceiling.unit == unit
        ]
        return min(limits, default=None)

    def _falls(self, watcher: BoundThreshold, where: str) -> Iterator[Finding]:
        """What a refund leaves with the member."""
        threshold = watcher.threshold
        valued = [gift for gift in threshold.gives if isinstance(gift, GiveCredit | GiveConverted)]
        handed = any(isinstance(gift, GiveBenefit) for gift in threshold.gives)
        # A card that cost something owes it when what it gave was used; what cost nothing owes nothing.
        used = threshold.consumes is Consumes.NOTHING and any(
            isinstance(gift, GiveGrant) and gift.uses is not None for gift in threshold.gives
        )
        if threshold.falls is Falls.KEPT and threshold.gives and threshold.repeats not in STANDING:
            yield Finding(LintCode.LEAK, where, "what it gave is kept when the purchases that reached it come back.")
        elif used or (threshold.falls is Falls.REVOKED_IF_UNUSED and (valued or handed)):
            yield Finding(LintCode.LEAK, where, "what it gave is kept once it is used: use it, then return.")
        elif threshold.falls is Falls.AFTER_GRACE:
            yield Finding(LintCode.LEAK, where, "what it gave can be used during the grace after the return.")
        elif handed:
            yield Finding(
                LintCode.LEAK, where, "what is handed over does not come back with the purchases that reached it."
            )


def _credited(policy: BoundPolicy) -> Iterator[str]:
    """The units that a policy credits."""
    yield from policy.feeds
    for rule in policy.rules:
        if not isinstance(rule, MultiplierRule):
            yield rule.credit.unit
    for watcher in policy.watchers:
        if isinstance(watcher, BoundTotal):
            yield watcher.total.credits
        elif isinstance(watcher, BoundThreshold):
            for gift in watcher.threshold.gives:
                if isinstance(gift, GiveCredit):
                    yield gift.amount.unit
                elif isinstance(gift, GiveConverted):
                    yield gift.credit.unit


def _falling_bands(first: int, bands: Sequence[int], where: str) -> Iterator[Finding]:
    """Bands of the whole that lie below the one before."""
    for before, after in zip((first, *bands), bands, strict=False):
        if after < before:
            yield Finding(
                LintCode.EARNS_LESS, where, "a band of the whole pays less than the one before: more earns less."
            )


def _levels(watchers: Sequence[BoundThreshold], where: str) -> Iterator[Finding]:
    """Rights of one key that are reached at one figure, or that stand in two units."""
    seen: dict[tuple[str, str | None, bool, int], str] = {}
    units: dict[str, set[str]] = {}
    for watcher in watchers:
        threshold, goal = watcher.threshold, watcher.threshold.goal
        keys = {gift.key for gift in threshold.gives if isinstance(gift, GiveGrant)}
        if goal is None or threshold.when is not None or not keys:
            continue
        figure = (goal.unit, threshold.label, threshold.more_than is not None, goal.steps)
        if figure in seen:
            message = f"it is reached by the very figure of {seen[figure]}."
            yield Finding(LintCode.SAME_FIGURE, f"{where}.{watcher.name}", message)
        seen[figure] = watcher.name
        for key in keys:
            units.setdefault(key, set()).add(goal.unit)
    for key, found in units.items():
        if len(found) > 1:
            message = (
                f"the levels of {key} are figures in {', '.join(sorted(found))}: one does not follow from the other."
            )
            yield Finding(LintCode.GAP_IN_LEVELS, where, message)
