"""Rollover: what a closed window had above its highest level goes on into the next."""

from __future__ import annotations

from collections.abc import Sequence

from patronage.figures import Setting
from patronage.occasions import Occasion, Read, Wake
from patronage.periods import Period
from patronage.thresholds import CarryOver
from patronage.units import Amount, build_amount
from patronage.watching import (
    CLOSE,
    Adoption,
    Carry,
    Clock,
    Consequence,
    Consume,
    Look,
    Moment,
    PeriodTerms,
    Settlement,
    root_of,
    wake_facts,
)


class Rollover:
    """
    A watcher of a tier policy: at the close the highest level's figure is used up and the rest carried.

    Where no level is reached nothing is carried: what is there ends as it would.
    """

    __slots__ = ("_carries", "_clock", "_goals", "_policy", "adoption", "name", "reads", "terms_of", "unit")

    def __init__(
        self, goals: Sequence[Amount], carries: CarryOver, period: Period, anchor: str | None, setting: Setting
    ) -> None:
        self.name, self.terms_of, self.adoption = "rollover", PeriodTerms.CLOSE, Adoption.PROSPECTIVE
        self.unit = f"{setting.policy}.{self.name}"
        self._goals, self._carries, self._policy = tuple(goals), carries, setting.policy
        self._clock = Clock(period, anchor, setting.refund_for)
        self.reads: Sequence[Read] = (Read(goals[0].unit, None, True),)

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """While there is a balance the window's close is waited for; then it is carried."""
        span = self._clock.span(look.of, occasion.calendar, occasion.basis.grants)
        have = occasion.balance_in_all(self._goals[0].unit)
        if span is None or have <= 0:
            return None
        if look.moment is not Moment.CLOSE:
            if look.moment in (Moment.REVIEW, Moment.GRACE, Moment.REFUND):
                return None
            facts = wake_facts(self.name, span.key, self.terms_of, span.start)
            wake = Wake(at=span.end, name=CLOSE, facts=facts, rule=self.name)
            return Settlement(root_of(self._policy, self.name, span.key), [wake])
        reached = [goal.steps for goal in self._goals if have >= goal.steps]
        if look.rule != self.name or not reached:
            return None
        unit = self._goals[0].unit
        effects: list[Consequence] = [Consume(build_amount(reached[-1], unit), self.name, None, True)]
        left = have - reached[-1]
        if left:
            most = self._carries.maximum
            steps = left if most is None else min(left, most.steps)
            validity = self._carries.life.resolve(look.at, occasion.calendar)
            effects.append(Carry(build_amount(steps, unit), self.name, None, True, self._carries.label, validity))
        return Settlement(root_of(self._policy, self.name, span.key), effects)
