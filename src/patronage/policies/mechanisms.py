"""The mechanisms that policies are made of: rules, groups, ceilings, totals and thresholds, bound as one."""

from __future__ import annotations

from collections.abc import Sequence

from patronage.earning import Earning, Trace
from patronage.figures import Setting
from patronage.occasions import Effect, Occasion
from patronage.policies.base import Answer, BoundPolicy, guarded
from patronage.reaching import BoundThreshold
from patronage.rules import Ceiling, Group, Rule
from patronage.thresholds import Threshold
from patronage.totals import BoundTotal, Total
from patronage.watching import Adoption, Watcher


def combined(
    setting: Setting,
    *,
    rules: Sequence[Rule] = (),
    groups: Sequence[Group] = (),
    ceilings: Sequence[Ceiling] = (),
    totals: Sequence[Total] = (),
    thresholds: Sequence[Threshold] = (),
    own: Answer | None = None,
    adoption: Adoption = Adoption.PROSPECTIVE,
) -> BoundPolicy:
    """
    A policy of these mechanisms, ready to be asked.

    *own* answers beside them, first, and is shown what time does as well. *adoption* says whether the
    thresholds look when new terms take effect. Raises InvalidValueError where names, groups and units
    do not fit.
    """
    earning = Earning(rules, groups, ceilings, setting)
    counting = [BoundTotal(total, setting) for total in totals]
    watchers: tuple[Watcher, ...] = (
        *counting,
        *(BoundThreshold(threshold, setting, adoption=adoption) for threshold in thresholds),
    )
    names = [tally for tally in (c.tally for c in earning.ceilings) if tally is not None]
    setting.distinct([*names, *(watcher.unit for watcher in watchers)])
    answer: Answer = earning.credits
    if own is not None or counting:
        answer = _together(earning, counting, own)
    return BoundPolicy(
        setting.policy,
        guarded(setting.policy, answer),
        (*earning.reads, *(read for watcher in watchers for read in watcher.reads)),
        earning.tallies if earning.ceilings else None,
        earning.ceilings,
        triggers=own is not None,
        shared=earning.shared,
        watchers=watchers,
        adopts=adoption is not Adoption.PROSPECTIVE,
        rules=tuple(rules),
    )


def _together(earning: Earning, counting: Sequence[BoundTotal], own: Answer | None) -> Answer:
    """What is answered by the policy's own code, by its rules, and by what its totals count."""

    def answer(occasion: Occasion, trace: Trace) -> Sequence[Effect]:
        effects = [] if own is None else list(own(occasion, trace))
        effects += earning.credits(occasion, trace)
        for total in counting:
            effects += total.counts(occasion)
        return effects

    return answer
