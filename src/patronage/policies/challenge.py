"""ChallengePolicy: goals, punch cards, streaks and campaigns, over thresholds and what counts in a window."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from patronage.challenges import (
    Challenge,
    challenges_of,
)
from patronage.errors import InvalidValueError
from patronage.figures import Setting
from patronage.granting import RightRule, rights_of
from patronage.occasions import Effect, Occasion
from patronage.policies.base import BoundPolicy
from patronage.policies.challenge_parts import ChallengeParts
from patronage.policies.mechanisms import combined
from patronage.rules import name


@attrs.frozen(kw_only=True)
class ChallengePolicy:
    """
    What members are asked to do, and what they get for it: goals with milestones, cards, streaks, campaigns.

    *rights* open windows (entering a campaign, accepting a challenge). Challenges look in the order
    in which they are listed. With rights alone it keeps what members are: active, enrolled, linked.
    """

    name: str = attrs.field(converter=name)
    challenges: tuple[Challenge, ...] = attrs.field(default=(), converter=challenges_of)
    rights: tuple[RightRule, ...] = attrs.field(default=(), converter=rights_of)

    def __attrs_post_init__(self) -> None:
        if not self.challenges and not self.rights:
            raise InvalidValueError("A challenge policy has challenges (Goal, Streak, Campaign), or rights at least.")
        ChallengeParts(self.name).add_all(self.challenges)

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked. Raises InvalidValueError where challenges and units do not fit."""
        parts = ChallengeParts(self.name)
        parts.add_all(self.challenges)
        counting, watchers = parts.bound(setting)
        return combined(setting, rights=self.rights, counting=counting, thresholds=parts.thresholds, watchers=watchers)

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the occasion counts, for a policy that stands alone: `Terms` binds it once instead."""
        setting = Setting(policy=self.name, units=occasion.units, calendar=occasion.calendar, refund_for=None)
        return self.bind(setting).answer(occasion, None)
