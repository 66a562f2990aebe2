"""PointsPolicy: what is earned by spending, by items, by visits and by activities, in any unit."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from patronage.earning import Earning
from patronage.errors import InvalidValueError
from patronage.figures import Setting
from patronage.occasions import Effect, Occasion
from patronage.policies.base import BoundPolicy
from patronage.policies.mechanisms import combined
from patronage.rules import Ceiling, Group, Rule, ceilings, groups_of, name, rules_of
from patronage.thresholds import Threshold, thresholds_of
from patronage.totals import Total, totals_of


@attrs.frozen(kw_only=True)
class PointsPolicy:
    """
    Credits what its *rules* come to: points, stars, miles, cash, in any unit of the terms.

    Rules without a group add up; *groups* say how others stack. *ceilings* hold for the sum of the
    rules, in the order in which they are listed. *totals* earn on a period's spend as a whole,
    *thresholds* give what a balance triggers; they look in this order, after the rules.
    """

    name: str = attrs.field(converter=name)
    rules: tuple[Rule, ...] = attrs.field(default=(), converter=rules_of)
    groups: tuple[Group, ...] = attrs.field(default=(), converter=groups_of)
    ceilings: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)

    totals: tuple[Total, ...] = attrs.field(default=(), converter=totals_of)
    thresholds: tuple[Threshold, ...] = attrs.field(default=(), converter=thresholds_of)

    def __attrs_post_init__(self) -> None:
        if not self.rules and not self.totals and not self.thresholds:
            raise InvalidValueError("A points policy has rules (SpendRule, BonusRule, ...), totals or thresholds.")

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked. Raises InvalidValueError where rules, groups and units do not fit."""
        return combined(
            setting,
            rules=self.rules,
            groups=self.groups,
            ceilings=self.ceilings,
            totals=self.totals,
            thresholds=self.thresholds,
        )

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the occasion earns by the rules, for a policy that stands alone: `Terms` binds it once instead."""
        setting = Setting(policy=self.name, units=occasion.units, calendar=occasion.calendar, refund_for=None)
        return Earning(self.rules, self.groups, self.ceilings, setting).credits(occasion)
