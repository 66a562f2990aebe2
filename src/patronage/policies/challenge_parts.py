"""What challenges turn into: thresholds, what counts in a window, and what protects a run."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from patronage.challenges import (
    Campaign,
    CampaignStep,
    Challenge,
    CountingRule,
    Different,
    Excess,
    Goal,
    Milestone,
    Streak,
    window,
)
from patronage.conditions import AllOf
from patronage.errors import InvalidValueError
from patronage.events import Line
from patronage.figures import Setting
from patronage.occasions import Condition, Life, Occasion
from patronage.periods import Period
from patronage.policies.mechanisms import Counting
from patronage.streaks import BoundProtection
from patronage.terms_of_time import EndOfPeriod, WhileHeld
from patronage.thresholds import Consumes, GiveCredit, GiveGrant, Looks, Repeats, Threshold
from patronage.watching import Clock, Watcher
from patronage.windows import BoundDifferent, DifferentFact, Windowed
from patronage.yearly import BoundYearly, Yearly


@attrs.frozen
class _Count:
    """What counts for one challenge or step: rules or what is different, in a window."""

    name: str
    unit: str
    rules: tuple[CountingRule, ...]
    different: Different | None
    period: Period
    anchor: str | None


@attrs.frozen
class _StepDone:
    """The step before is done, in the period that the event lies in."""

    tally: str
    period: Period
    anchor: str | None

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether its threshold has given."""
        span = Clock(self.period, self.anchor, None).span(occasion.at, occasion.calendar, occasion.basis.grants)
        return span is not None and occasion.balance(self.tally, span.key) > 0


class ChallengeParts:
    """The thresholds and counts that challenges turn into."""

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self.thresholds: list[Threshold] = []
        self._counts: list[_Count] = []
        self._yearly: list[Yearly] = []
        self._protected: list[tuple[Streak, str]] = []

    def add_all(self, challenges: Sequence[Challenge]) -> None:
        """All of them, in order."""
        for challenge in challenges:
            if isinstance(challenge, Goal):
                self._goal(challenge)
            elif isinstance(challenge, Streak):
                self._streak(challenge)
            elif isinstance(challenge, Yearly):
                self._yearly.append(challenge)
            else:
                self._campaign(challenge)
        names = [*(threshold.name for threshold in self.thresholds), *(yearly.name for yearly in self._yearly)]
        for each in names:
            if names.count(each) > 1:
                raise InvalidValueError(f"Two parts of policy {self._policy} are named {each}.")

    def bound(self, setting: Setting) -> tuple[list[Counting], list[Watcher]]:
        """What counts, and what protects, bound to the terms."""
        counting: list[Counting] = []
        for count in self._counts:
            clock = Clock(count.period, count.anchor, setting.refund_for)
            if count.different is not None:
                one = setting.unit(count.unit, f"What {count.name} counts").of(1)
                different = count.different
                fact = DifferentFact(different.by.value)
                counting.append(BoundDifferent(count.name, one, fact, different.lines, different.when, clock))
            elif count.rules:
                counting.append(Windowed(count.rules, clock, setting))
        watchers: list[Watcher] = [
            BoundProtection(streak.protection, streak.name, key, streak.period, setting)
            for streak, key in self._protected
            if streak.protection is not None
        ]
        watchers += [BoundYearly(yearly, setting) for yearly in self._yearly]
        return counting, watchers

    def _goal(self, goal: Goal) -> None:
        period, anchor = window(f"Goal {goal.name}", goal.period, goal.opened_by)
        unit = goal.milestones[0].at_least.unit
        rules = _labelled(goal.counts, goal.name, goal.label)
        self._counts.append(_Count(goal.name, unit, rules, goal.different, period, anchor))
        names = _names(goal.name, goal.milestones)
        for n, (milestone, each) in enumerate(zip(goal.milestones, names, strict=True), 1):
            card = goal.starts_again is not None
            last = n == len(names)
            consumes = Consumes.NOTHING
            if card and last:
                consumes = Consumes.STEPS if goal.starts_again is Excess.CARRIED else Consumes.ALL
            self.thresholds.append(
                Threshold(
                    name=each,
                    at_least=milestone.at_least,
                    label=goal.label,
                    labels=goal.different is not None,
                    when=goal.when,
                    round_of=names[-1] if card and not last else None,
                    gives=milestone.gives,
                    looks=goal.looks,
                    period=period,
                    anchored_on=anchor,
                    repeats=Repeats.EVERY_STEP if goal.every or (card and last) else Repeats.ONCE_A_PERIOD,
                    consumes=consumes,
                    falls=goal.falls,
                    grace=goal.grace,
                )
            )

    def _streak(self, streak: Streak) -> None:
        key = f"{self._policy}.{streak.name}"
        period, at_close = streak.period, streak.looks is Looks.AT_CLOSE
        rules = _labelled(streak.counts, streak.name, None)
        self._counts.append(_Count(streak.name, streak.at_least.unit, rules, streak.different, period, None))
        # A close is the first instant of the period that follows.
        right = GiveGrant(key=key, lasts=EndOfPeriod(period=period, following=0 if at_close else 1))
        self.thresholds.append(
            Threshold(
                name=streak.name,
                at_least=streak.at_least,
                labels=streak.different is not None,
                when=streak.when,
                gives=(right, GiveCredit(amount=streak.run, life=Life(needs=key))),
                looks=streak.looks,
                period=period,
                falls=streak.falls,
            )
        )
        names = [f"{streak.name}-{n}" for n in range(1, len(streak.milestones) + 1)]
        for milestone, each in zip(streak.milestones, names, strict=True):
            last = each == names[-1]
            self.thresholds.append(self._of_run(streak, milestone, each, key, names[-1], last))
        if streak.protection is not None:
            self._protected.append((streak, key))

    def _of_run(self, streak: Streak, milestone: Milestone, each: str, key: str, last: str, is_last: bool) -> Threshold:
        ends = streak.starts_again and is_last
        return Threshold(
            name=each,
            at_least=milestone.at_least,
            gives=milestone.gives,
            period=WhileHeld(),
            anchored_on=key,
            round_of=last if streak.starts_again and not is_last else None,
            repeats=Repeats.EVERY_STEP if ends else Repeats.ONCE_A_PERIOD,
            consumes=Consumes.STEPS if ends else Consumes.NOTHING,
            falls=streak.falls,
        )

    def _campaign(self, campaign: Campaign) -> None:
        period, anchor = window(f"Campaign {campaign.name}", campaign.period, campaign.opened_by)
        done: list[str] = []
        for step in campaign.steps:
            threshold = f"{campaign.name}-{step.name}"
            label = step.label or step.name
            before = _StepDone(f"{self._policy}.{done[-1]}", period, anchor) if campaign.in_order and done else None
            self._step(campaign, step, threshold, label, before, (period, anchor))
            done.append(threshold)
        self.thresholds.append(
            Threshold(
                name=campaign.name,
                after=tuple(done),
                gives=campaign.gives,
                period=period,
                anchored_on=anchor,
                falls=campaign.falls,
            )
        )

    def _step(
        self,
        campaign: Campaign,
        step: CampaignStep,
        threshold: str,
        label: str,
        before: Condition | None,
        when: tuple[Period, str | None],
    ) -> None:
        rules = tuple(
            rule if before is None else attrs.evolve(rule, when=_and(rule.when, before))
            for rule in _labelled(step.counts, threshold, label)
        )
        self._counts.append(_Count(threshold, step.at_least.unit, rules, None, *when))
        self.thresholds.append(
            Threshold(
                name=threshold,
                at_least=step.at_least,
                label=label,
                gives=step.gives,
                period=when[0],
                anchored_on=when[1],
                falls=campaign.falls,
            )
        )


def _names(challenge: str, milestones: Sequence[Milestone]) -> list[str]:
    """The thresholds' names: the challenge's, where there is one milestone."""
    if len(milestones) == 1:
        return [challenge]
    return [f"{challenge}-{n}" for n in range(1, len(milestones) + 1)]


def _labelled(rules: Sequence[CountingRule], challenge: str, label: str | None) -> tuple[CountingRule, ...]:
    """The rules, named after the challenge where they have no name, and under its label."""
    alone = len(rules) == 1
    return tuple(
        attrs.evolve(
            rule,
            name=rule.name or (challenge if alone else f"{challenge}-rule-{n}"),
            label=rule.label if rule.label is not None else label,
        )
        for n, rule in enumerate(rules, 1)
    )


def _and(first: Condition | None, then: Condition) -> Condition:
    return then if first is None else AllOf((first, then))
