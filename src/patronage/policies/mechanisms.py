"""The mechanisms that policies are made of: rules, groups, ceilings, totals and thresholds, bound as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

from patronage.ceilings import BoundCeiling
from patronage.earning import Earning, Trace
from patronage.figures import Setting
from patronage.granting import RightRule, reads_of_rights, rights_given
from patronage.occasions import Effect, Occasion, Read
from patronage.policies.base import Answer, BoundPolicy, guarded
from patronage.reaching import BoundThreshold
from patronage.rules import Ceiling, Group, Rule
from patronage.thresholds import Threshold
from patronage.totals import BoundTotal, Total
from patronage.watching import Adoption, Watcher
from patronage.windows import BoundDifferent, Windowed, tallies_at

Counting = Windowed | BoundDifferent
"""What counts beside a policy's rules, in a window of its own."""


class _Gives(Protocol):
    def credits(self, occasion: Occasion, trace: Trace = None) -> Sequence[Effect]: ...


def combined(
    setting: Setting,
    *,
    rules: Sequence[Rule] = (),
    groups: Sequence[Group] = (),
    ceilings: Sequence[Ceiling] = (),
    rights: Sequence[RightRule] = (),
    counting: Sequence[Counting] = (),
    totals: Sequence[Total] = (),
    thresholds: Sequence[Threshold] = (),
    watchers: Sequence[Watcher] = (),
    own: Answer | None = None,
    adoption: Adoption = Adoption.PROSPECTIVE,
) -> BoundPolicy:
    """
    A policy of these mechanisms, ready to be asked.

    *rights* are given first. *own* answers beside the rules, before them, and is shown what time does as
    well. *counting* is what counts in windows, *watchers* look after the thresholds. *adoption* says whether the
    thresholds look when new terms take effect. Raises InvalidValueError where names, groups and units
    do not fit.
    """
    earning = Earning(rules, groups, ceilings, setting)
    earnings = [earning, *(each.earning for each in counting if isinstance(each, Windowed))]
    summing = [BoundTotal(total, setting) for total in totals]
    by_name = {threshold.name: threshold for threshold in thresholds}
    looking: tuple[Watcher, ...] = (
        *summing,
        *(BoundThreshold(t, setting, adoption=adoption, last=by_name.get(t.round_of or "")) for t in thresholds),
        *watchers,
    )
    held = [ceiling for each in earnings for ceiling in each.ceilings]
    names = [ceiling.tally for ceiling in held if ceiling.tally is not None]
    setting.distinct([*names, *(watcher.unit for watcher in looking)])
    answer: Answer = earning.credits
    if own is not None or summing or rights or counting:
        answer = _together((earning, *counting), summing, rights, own)
    tallies = earning.tallies if len(earnings) == 1 else partial(tallies_at, earnings)
    reads: list[Read] = [read for each in earnings for read in each.reads]
    reads += reads_of_rights(rights)
    reads += [read for each in counting if isinstance(each, BoundDifferent) for read in each.reads]
    return BoundPolicy(
        setting.policy,
        guarded(setting.policy, answer),
        (*reads, *(read for watcher in looking for read in watcher.reads)),
        tallies if held else None,
        held,
        triggers=own is not None,
        shared=_all_shared(earnings),
        watchers=looking,
        adopts=adoption is not Adoption.PROSPECTIVE,
        rules=(*rules, *(rule for each in counting if isinstance(each, Windowed) for rule in each.rules)),
    )


def _all_shared(earnings: Sequence[Earning]) -> Mapping[type, Sequence[BoundCeiling]]:
    """The shared ceilings of all rules, by the type of event that they count."""
    found: dict[type, list[BoundCeiling]] = {}
    for earning in earnings:
        for on, ceilings in earning.shared.items():
            found.setdefault(on, []).extend(ceilings)
    return found


def _together(
    earners: Sequence[_Gives], summing: Sequence[BoundTotal], rights: Sequence[RightRule], own: Answer | None
) -> Answer:
    """What is answered by the policy's rights, its own code, its rules, and by what its totals count."""

    def answer(occasion: Occasion, trace: Trace) -> Sequence[Effect]:
        effects = rights_given(rights, occasion) if rights else []
        if own is not None:
            effects += own(occasion, trace)
        for earner in earners:
            effects += earner.credits(occasion, trace)
        for total in summing:
            effects += total.counts(occasion)
        return effects

    return answer
