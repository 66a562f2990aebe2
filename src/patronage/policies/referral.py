"""ReferralPolicy: who brought whom, and what both sides get for what the friend then does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import derived_id
from patronage.ceilings import COUNTED, BoundCeiling
from patronage.conditions import condition_or_none, reads_of
from patronage.derived import BoundDerived, DerivedBalance, derived_of
from patronage.earning import Trace
from patronage.errors import InvalidValueError
from patronage.events import ReferralClaimed, word
from patronage.fields import word_or_none
from patronage.figures import Setting
from patronage.ledger import Account, Refusal, RejectionCode, reason
from patronage.occasions import AT_ONCE, Condition, Credit, Effect, FollowUp, Give, HandOver, Life, Occasion
from patronage.policies.base import Asked, BoundPolicy
from patronage.policies.mechanisms import combined
from patronage.policies.referral_parts import ReferralCap, ReferralReward, caps_of, rewards_of
from patronage.rules import Ceiling, name
from patronage.terms_of_time import Term
from patronage.thresholds import Gift, GiveConverted, GiveCredit, GiveGrant, Threshold, thresholds_of
from patronage.units import UnitKind, build_amount

CLAIM: Final = "claim"
"""The rule that gives what a claim gives."""
REFERRED: Final = reason("referred")
EVER: Final = "lifetime"
"""The label of counts that no period ends."""

_bool = attrs.validators.instance_of(bool)


@attrs.frozen(kw_only=True)
class ReferralPolicy:
    """
    Answers claims (`ReferralClaimed`) and rewards what the friend does then, on both sides.

    A claim that is accepted gives the friend a right of *key*, its value the referrer, for the *window*
    (for ever if None); with *claims_again* one who let it pass may claim anew. It is refused where the
    friend refers themself, has claimed before (the first valid code wins), has referred somebody, has
    bought before (unless *existing*), has the older account (where the claim says how old both are,
    unless *any_age*), shares a fingerprint with the referrer or an earlier friend, or where *when*,
    asked about the friend, or *when_referrer*, asked about the referrer, does not hold, or the code has
    been used as often as the claim says it may.

    *rewards* are what both sides get; *caps* hold for the referrer. *friends* is a tally of the terms
    that counts rewarded friends on the referrer's account, for *friends_life*: *thresholds* on it are
    milestones, *derived* balances what so many friends are worth, as the terms and the referrer's rights
    now say.
    """

    name: str = attrs.field(converter=name)
    rewards: tuple[ReferralReward, ...] = attrs.field(converter=rewards_of)
    key: str = attrs.field(default="referred_by", converter=word)
    window: Term | None = None
    claims_again: bool = attrs.field(default=False, validator=_bool)
    existing: bool = attrs.field(default=False, validator=_bool)
    any_age: bool = attrs.field(default=False, validator=_bool)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    when_referrer: Condition | None = attrs.field(default=None, converter=condition_or_none)
    caps: tuple[ReferralCap, ...] = attrs.field(default=(), converter=caps_of)
    friends: str | None = attrs.field(default=None, converter=word_or_none)
    friends_life: Life = AT_ONCE
    thresholds: tuple[Threshold, ...] = attrs.field(default=(), converter=thresholds_of)
    derived: tuple[DerivedBalance, ...] = attrs.field(default=(), converter=derived_of)

    def __attrs_post_init__(self) -> None:
        if self.claims_again and self.window is None:
            raise InvalidValueError("Who claims without a window is referred for ever: claims_again goes with one.")

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked. Raises InvalidValueError where names and units do not fit."""
        ceilings = [
            BoundCeiling(Ceiling(name=cap.name, limit=cap.limit, per=cap.per), False, self.name, setting.refund_for)
            for cap in self.caps
        ]
        self._check_units(setting)
        counts = [self._bought, self._referred, self._friend, self._code]
        for reward in self.rewards:
            counts += [self._count(reward), self._seen(reward)]
        watchers = tuple(BoundDerived(one, setting) for one in self.derived)
        bound = combined(setting, thresholds=self.thresholds, watchers=watchers, own=self._answer)
        setting.distinct([*counts, *(w.unit for w in bound.watchers), *(each.tally or "" for each in ceilings)])
        asked = [self.when, self.when_referrer, *(c for each in self.rewards for c in (each.when, each.lines))]
        return attrs.evolve(
            bound,
            reads=(*bound.reads, *(read for condition in asked for read in reads_of(condition))),
            tallies=partial(_ever, tuple(counts)),
            counts=tuple(counts),
            triggers=False,
            adopts=bool(self.derived),
            follows_up=True,
            asked=self._asked,
            receives=ceilings,
            feeds=self._feeds(),
            leaks=tuple((each.name, why) for each in self.rewards if (why := each.leak) is not None),
        )

    def _feeds(self) -> tuple[str, ...]:
        """The units that it credits, on either side."""
        found = {one.rates[0].credit.unit for one in self.derived}
        for reward in self.rewards:
            for gift in (*reward.friend, *reward.referrer):
                if isinstance(gift, GiveCredit):
                    found.add(gift.amount.unit)
                elif isinstance(gift, GiveConverted):
                    found.add(gift.credit.unit)
        return tuple(sorted(found if self.friends is None else {*found, self.friends}))

    def _check_units(self, setting: Setting) -> None:
        for cap in self.caps:
            if cap.amount is not None and setting.unit(cap.amount.unit, f"Cap {cap.name}").kind is UnitKind.TALLY:
                raise InvalidValueError(f"Cap {cap.name} is of a tally, which says what happened: cap a reward's unit.")
        if self.friends is not None and setting.unit(self.friends, "The tally of friends").kind is not UnitKind.TALLY:
            raise InvalidValueError(f"{self.friends} counts friends: it is a tally, which is never spent.")
        for reward in self.rewards:
            for gift in (*reward.friend, *reward.referrer):
                if isinstance(gift, GiveCredit):
                    setting.unit(gift.amount.unit, f"What reward {reward.name} gives")
                elif isinstance(gift, GiveConverted):
                    setting.unit(gift.credit.unit, f"What reward {reward.name} gives")
                    setting.unit(gift.per.unit, f"The per of reward {reward.name}")

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the friend and the referrer get, for a policy that stands alone: `Terms` binds it once instead."""
        return self._answer(occasion, None)

    # Its counts.

    @property
    def _bought(self) -> str:
        return f"{self.name}.bought"

    @property
    def _referred(self) -> str:
        return f"{self.name}.referred"

    @property
    def _friend(self) -> str:
        return f"{self.name}.friend"

    @property
    def _code(self) -> str:
        return f"{self.name}.code"

    def _count(self, reward: ReferralReward) -> str:
        return f"{self.name}.{reward.name}"

    def _seen(self, reward: ReferralReward) -> str:
        return f"{self.name}.{reward.name}-seen"

    # Claims.

    def _asked(self, occasion: Occasion, others: Mapping[Account, Occasion]) -> Asked:
        event = occasion.event
        if not isinstance(event, ReferralClaimed):
            return Refusal(RejectionCode.WRONG_ROOT, FrozenMapping({"policy": self.name}))
        refused = self._refused(occasion, others, event)
        if refused is not None:
            return refused
        found: dict[Account, Sequence[Effect]] = {
            occasion.account: self._claimed(occasion, event),
            Account.member(event.referrer): [_counted(self._referred, 1, CLAIM)],
        }
        if event.code_account is not None:
            found[event.code_account] = [_counted(self._code, 1, CLAIM)]
        for account in event.identities:
            found[account] = [Give(key=f"{self.name}.identity", rule=CLAIM, why=REFERRED)]
        return found

    def _claimed(self, occasion: Occasion, event: ReferralClaimed) -> list[Effect]:
        """What a claim gives the friend and, where it is rewarded itself, the referrer."""
        effects: list[Effect] = [Give(key=self.key, value=event.referrer, lasts=self.window, rule=CLAIM, why=REFERRED)]
        if self.window is not None and not self.claims_again:
            effects.append(Give(key=f"{self.name}.claimed", rule=CLAIM, why=REFERRED))
        for reward in self.rewards:
            if reward.qualifies(occasion):
                effects += self._due(occasion, reward, event.referrer, 1)
        return effects

    def _refused(
        self, occasion: Occasion, others: Mapping[Account, Occasion], event: ReferralClaimed
    ) -> Refusal | None:
        """Why not: the first reason that holds."""
        if event.referrer == event.member:
            return _refuse(event, RejectionCode.TO_ONESELF, "own")
        giver, at = f"{self.name}/{CLAIM}", occasion.at
        if any(grant.giver == giver and grant.in_force(at) for grant in occasion.basis.grants):
            return _refuse(event, RejectionCode.ALREADY_REFERRED, "claimed")
        if occasion.balance(self._referred, EVER) > 0:
            return _refuse(event, RejectionCode.NOT_ELIGIBLE, "refers")
        if not self.existing and occasion.balance(self._bought, EVER) > 0:
            return _refuse(event, RejectionCode.NOT_ELIGIBLE, "bought")
        joined, referrer_joined = event.joined_at, event.referrer_joined_at
        if not self.any_age and joined is not None and referrer_joined is not None and joined <= referrer_joined:
            return _refuse(event, RejectionCode.NOT_ELIGIBLE, "older")
        known = any(others[account].grants(f"{self.name}.identity") for account in event.identities)
        if known or set(event.fingerprints) & set(event.referrer_fingerprints):
            return _refuse(event, RejectionCode.NOT_ELIGIBLE, "identity")
        if self.when is not None and not self.when.holds(occasion, None):
            return _refuse(event, RejectionCode.NOT_ELIGIBLE, "friend")
        there = others[Account.member(event.referrer)]
        if self.when_referrer is not None and not self.when_referrer.holds(there, None):
            return _refuse(event, RejectionCode.NOT_ELIGIBLE, "referrer")
        code = event.code_account
        if code is not None and others[code].balance(self._code, EVER) >= (event.code_uses or 0):
            return _refuse(event, RejectionCode.LIMIT_REACHED, "code")
        return None

    # Rewards.

    def _answer(self, occasion: Occasion, trace: Trace) -> Sequence[Effect]:
        """What a purchase or an activity of a friend gives both sides; each purchase is counted as one."""
        event = occasion.event
        if isinstance(event, ReferralClaimed):  # A claim that is cancelled is decided again.
            return self._claimed(occasion, event) if event.policy == self.name else ()
        effects: list[Effect] = []
        if occasion.purchase is not None and not self.existing:
            effects.append(_counted(self._bought, 1, "bought"))
        for grant in occasion.grants(self.key):
            if grant.value is not None and grant.value != occasion.account.id:
                counted = False
                for reward in self.rewards:
                    given = self._rewarded(occasion, reward, grant.value, grant.valid_from, counted=counted)
                    counted = counted or (reward.counts and any(isinstance(each, FollowUp) for each in given))
                    effects += given
                break
        return effects

    def _rewarded(
        self, occasion: Occasion, reward: ReferralReward, referrer: str, since: datetime, *, counted: bool
    ) -> list[Effect]:
        """What one reward comes to, with what it counts."""
        if reward.within is not None and reward.within.end(since, occasion.calendar) <= occasion.at:
            return []
        times = reward.qualifies(occasion)
        if not times:
            return []
        effects: list[Effect] = []
        if reward.nth > 1:
            seen = occasion.balance(self._seen(reward), EVER)
            effects.append(_counted(self._seen(reward), times, reward.name))
            times -= max(0, min(times, reward.nth - 1 - seen))
        if not reward.every:
            times = min(times, reward.times - occasion.balance(self._count(reward), EVER))
        if times > 0:
            effects += self._due(occasion, reward, referrer, times, counted=counted)
        return effects

    def _due(
        self, occasion: Occasion, reward: ReferralReward, referrer: str, times: int, *, counted: bool = False
    ) -> list[Effect]:
        """What both sides get for one event, so many times."""
        friend = [each for gift in reward.friend for each in self._gift(occasion, reward, gift, times)]
        there = [each for gift in reward.referrer for each in self._gift(occasion, reward, gift, times)]
        credits = [each for each in there if isinstance(each, Credit)]
        gives = [each for each in there if isinstance(each, Give)]
        effects: list[Effect] = list(friend)
        first = reward.counts and not counted and not occasion.balance(self._friend, EVER)
        if (friend or there) and self.friends is not None and first:  # Each friend counts once.
            amount = build_amount(1, self.friends)
            credits.append(Credit(amount, rule="friends", life=self.friends_life, why=COUNTED))
            effects.append(_counted(self._friend, 1, "friends"))
        benefits = [each for each in there if isinstance(each, HandOver)]
        if credits or gives or benefits:
            to = Account.member(referrer)
            effects.append(
                FollowUp(receiver=to, credits=credits, gives=gives, benefits=benefits, rule=reward.name, why=REFERRED)
            )
        if friend or there:
            effects.append(_counted(self._count(reward), times, reward.name))
        return effects

    def _gift(self, occasion: Occasion, reward: ReferralReward, gift: Gift, times: int) -> Iterable[Effect]:
        """One of the gifts, as often as it is due."""
        rule = reward.name
        if isinstance(gift, GiveCredit):
            amount = build_amount(gift.amount.steps * times, gift.amount.unit)
            yield Credit(amount, rule=rule, label=gift.label, life=gift.life, why=REFERRED)
        elif isinstance(gift, GiveConverted):
            steps = reward.share(gift, occasion)
            if steps > 0:
                amount = build_amount(steps, gift.credit.unit)
                yield Credit(amount, rule=rule, label=gift.label, life=gift.life, why=REFERRED)
        elif isinstance(gift, GiveGrant):
            event, of, uses = occasion.event, "", None
            if gift.uses is not None and event is not None:  # A voucher of its own; a right is prolonged.
                of, uses = derived_id("g", occasion.account.id, event.about), gift.uses * times
            yield Give(
                key=gift.key, value=gift.value, lasts=gift.lasts, uses=uses, occasion=of, rule=rule, why=REFERRED
            )
        else:
            yield HandOver(kind=gift.kind, reward=gift.reward, amount=gift.amount, quantity=times, rule=rule)


def _ever(counts: Sequence[str], at: datetime) -> Iterable[tuple[str, str]]:
    """The counts and their label, which no instant changes."""
    return [(count, EVER) for count in counts]


def _counted(unit: str, steps: int, rule: str) -> Credit:
    return Credit(build_amount(steps, unit), rule=rule, label=EVER, why=COUNTED)


def _refuse(event: ReferralClaimed, code: RejectionCode, why: str) -> Refusal:
    return Refusal(code, FrozenMapping({"referrer": event.referrer, "why": why}))
