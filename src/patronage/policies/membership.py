"""MembershipPolicy: paid terms as a grant that is prolonged, perks as grants and credits, fees as benefits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.challenges import CountingRule, counting_rules_of
from patronage.errors import InvalidValueError
from patronage.figures import Setting
from patronage.ledger import Account, BenefitKind, Fact, Grant, Reason, Refusal, RejectionCode
from patronage.memberships import MembershipCancelled, MembershipChanged, MembershipRenewed, MembershipStarted
from patronage.occasions import Credit, Effect, Give, HandOver, Occasion, Read, Revoke, Wake
from patronage.periods import Calendar, Span
from patronage.plans import Back, FeeBack, Plan, Renewal, TermsFrom, fees_back_of, plans_of
from patronage.policies.base import Asked, BoundPolicy
from patronage.policies.mechanisms import combined
from patronage.rules import name
from patronage.terms_of_time import Anniversary
from patronage.thresholds import GiveBenefit, GiveCredit, GiveGrant
from patronage.units import build_amount, rounded
from patronage.watching import (
    CLOSE,
    Adoption,
    Consequence,
    Look,
    Moment,
    PeriodTerms,
    Settlement,
    root_of,
    wake_facts,
)
from patronage.windows import Windowed

TERM: Final = "term"
TRIAL: Final = "trial"
"""The one rule that gives what a membership gives, and the occasion of a free trial."""
STARTED: Final = Reason("membership_started", FrozenMapping())
RENEWED: Final = Reason("membership_renewed", FrozenMapping())
ENDED: Final = Reason("membership_ended", FrozenMapping())
NOTED: Final = Reason("membership_noted", FrozenMapping())


@attrs.frozen(kw_only=True)
class MembershipPolicy:
    """
    A paid membership: the grant of its name is held for its terms, with the plan as its value.

    Conditions ask for it with `HasGrant(name)`. Starting, renewing, changing and cancelling are events
    (`patronage.memberships`); with Renewal.AUTOMATIC a term that ends is followed by the next, and the
    fee is told as a charge. *benefits* are rules that count what benefits were worth, in a unit of the
    terms with the currency's decimals; *fees_back* says what a cancellation gives back, the first that
    applies. A member has one trial.
    """

    name: str = attrs.field(converter=name)
    plans: tuple[Plan, ...] = attrs.field(converter=plans_of)
    renewal: Renewal = Renewal.AUTOMATIC
    benefits: tuple[CountingRule, ...] = attrs.field(default=(), converter=counting_rules_of)
    fees_back: tuple[FeeBack, ...] = attrs.field(default=(), converter=fees_back_of)

    def __attrs_post_init__(self) -> None:
        if len({rule.credit.unit for rule in self.benefits}) > 1:
            raise InvalidValueError("What benefits are worth is counted in one unit.")
        asks = [back for back in self.fees_back if back.unused or back.gives is Back.LESS_BENEFITS]
        if asks and not self.benefits:
            raise InvalidValueError("What is given back asks what benefits were worth: count them in benefits.")

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked. Raises InvalidValueError where plans and units do not fit."""
        money = setting.unit(self.plans[0].fee.unit, f"The fee of membership {self.name}")
        if self.benefits:
            unit = setting.unit(self.benefits[0].credit.unit, f"What benefits of {self.name} are worth")
            if unit.decimals != money.decimals:
                raise InvalidValueError(f"What benefits are worth has the decimals of {money.code}.")
        for plan in self.plans:
            for perk in plan.perks:
                if isinstance(perk, GiveCredit):
                    setting.unit(perk.amount.unit, f"A perk of plan {plan.name}")
        clock = _TermClock(self.name)
        counting = [Windowed(self.benefits, clock, setting)] if self.benefits else []
        bound = combined(setting, counting=counting, watchers=(_Terms(self),))
        reads = [Read(rule.credit.unit) for rule in self.benefits[:1]]
        return attrs.evolve(bound, asked=self._asked, reads=(*bound.reads, *reads))

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """Nothing: a membership answers its own events and what time does."""
        return ()

    # What members ask for.

    def _asked(self, occasion: Occasion, others: Mapping[Account, Occasion]) -> Asked:
        event = occasion.event
        if isinstance(event, MembershipStarted):
            return self._start(occasion, event)
        held = self.held(occasion)
        if held is None:
            return _refuse(RejectionCode.ALREADY_ENDED, policy=self.name)
        if isinstance(event, MembershipRenewed):
            return self._renew(occasion, held)
        if isinstance(event, MembershipChanged):
            return self._change(occasion, held, event)
        if isinstance(event, MembershipCancelled):
            return self._cancel(occasion, held, event)
        return _refuse(RejectionCode.WRONG_ROOT, policy=self.name)

    def held(self, occasion: Occasion) -> Grant | None:
        """The membership that this policy gave and that is in force: the paid one before a trial."""
        own = [grant for grant in occasion.grants(self.name) if grant.giver == f"{self.name}/{TERM}"]
        return min(own, key=lambda grant: (grant.occasion == TRIAL, grant.identity), default=None)

    def plan(self, of: str | None) -> Plan | None:
        """The plan of that name."""
        return next((plan for plan in self.plans if plan.name == of), None)

    def _start(self, occasion: Occasion, event: MembershipStarted) -> Asked:
        plan = self.plan(event.plan)
        if plan is None:
            return _refuse(RejectionCode.UNKNOWN_RULE, policy=self.name, rule=event.plan)
        if self.held(occasion) is not None:
            return _refuse(RejectionCode.NOT_ELIGIBLE, policy=self.name, held=self.name)
        if event.trial and (plan.trial is None or event.gifted or occasion.grants(f"{self.name}.tried")):
            return _refuse(RejectionCode.NOT_ELIGIBLE, policy=self.name, plan=plan.name)
        at, calendar = occasion.at, occasion.calendar
        if event.trial and plan.trial is not None:
            until = plan.trial.end(at, calendar)
            tried = Give(key=f"{self.name}.tried", rule=TERM, why=NOTED)
            return [tried, *self._term(plan, at, until, calendar, TRIAL, paid=0, why=STARTED)]
        until = plan.term.end(at, calendar)
        effects = self._term(plan, at, until, calendar, "", paid=0 if event.gifted else plan.fee.steps, why=STARTED)
        if event.gifted:
            effects.append(self._noted("cancelled", until))
        return effects

    def _renew(self, occasion: Occasion, held: Grant) -> Asked:
        """What was cancelled at its end goes on; else another term follows what is held."""
        if occasion.grants(f"{self.name}.cancelled"):
            return [Revoke(key=f"{self.name}.cancelled", rule=TERM, own=True)]
        plan, end = self.plan(held.value), held.valid_until
        if plan is None or end is None or self.renewal is Renewal.AUTOMATIC:
            return _refuse(RejectionCode.NOT_ELIGIBLE, policy=self.name)
        until = self._following(plan, held, end, occasion.calendar)
        return self._prolonged(plan, held, end, until, occasion.calendar, charge=False)

    def _change(self, occasion: Occasion, held: Grant, event: MembershipChanged) -> Asked:
        plan, end, calendar = self.plan(event.plan), held.valid_until, occasion.calendar
        if plan is None:
            return _refuse(RejectionCode.UNKNOWN_RULE, policy=self.name, rule=event.plan)
        if plan.name == held.value or end is None:
            return _refuse(RejectionCode.NOT_ELIGIBLE, policy=self.name, plan=plan.name)
        if event.at_term_end:
            return [
                Revoke(key=f"{self.name}.next", rule=TERM, own=True),
                self._noted("next", end, plan.name),
            ]
        left = self._back(occasion, held, FeeBack(gives=Back.DAYS_LEFT))
        until = plan.term.end(occasion.at, calendar)
        effects = self._ended(occasion)
        effects += self._term(plan, occasion.at, until, calendar, "", paid=plan.fee.steps, why=STARTED, charge=False)
        return [*effects, *self._settled(plan, plan.fee.steps - left)]

    def _cancel(self, occasion: Occasion, held: Grant, event: MembershipCancelled) -> Asked:
        end = held.valid_until
        if event.at_term_end and end is not None:
            if occasion.grants(f"{self.name}.cancelled"):
                return _refuse(RejectionCode.ALREADY_ENDED, policy=self.name)
            return [self._noted("cancelled", end)]
        effects = self._ended(occasion)
        plan = self.plan(held.value) or self.plans[0]
        if event.refund:
            back = next((back for back in self.fees_back if self._applies(occasion, held, back)), None)
            if back is not None:
                effects += self._settled(plan, -self._back(occasion, held, back))
        return effects

    # What a cancellation gives back.

    def _used(self, occasion: Occasion) -> int:
        """What benefits were worth in the present term."""
        return max(0, occasion.balance(self.benefits[0].credit.unit)) if self.benefits else 0

    def _paid(self, occasion: Occasion) -> int:
        """The fee of the present term, as it was charged."""
        return sum(int(grant.value or 0) for grant in occasion.grants(f"{self.name}.paid"))

    def _present(self, occasion: Occasion, held: Grant) -> tuple[datetime, datetime]:
        """The present term: its start and end."""
        paid = occasion.grants(f"{self.name}.paid")
        end = held.valid_until
        assert end is not None
        return (max(grant.valid_from for grant in paid) if paid else held.valid_from), end

    def _applies(self, occasion: Occasion, held: Grant, back: FeeBack) -> bool:
        start, _ = self._present(occasion, held)
        if back.within is not None and occasion.at >= back.within.end(start, occasion.calendar):
            return False
        return not back.unused or not self._used(occasion)

    def _back(self, occasion: Occasion, held: Grant, back: FeeBack) -> int:
        """How much of the fee is given back, in steps."""
        fee = self._paid(occasion)
        if back.gives is Back.NOTHING:
            return 0
        if back.gives is Back.LESS_BENEFITS:
            return max(0, fee - self._used(occasion))
        if back.gives is Back.ALL:
            return fee
        start, end = self._present(occasion, held)
        first, last, today = (occasion.calendar.day(at) for at in (start, end, occasion.at))
        whole = max(1, (last - first).days)
        left = min(whole, max(0, (last - today).days - 1))
        return rounded(fee * left, whole, back.rounding)

    # What a term gives.

    def _following(self, plan: Plan, held: Grant, end: datetime, calendar: Calendar) -> datetime:
        """The end of the term that begins at *end*: counted from the anchor, never from the end before."""
        return Anniversary(term=plan.term).span(end, calendar, held.valid_from).end

    def _prolonged(
        self, plan: Plan, held: Grant, start: datetime, until: datetime, calendar: Calendar, *, charge: bool = True
    ) -> list[Effect]:
        return self._term(plan, start, until, calendar, held.occasion, paid=plan.fee.steps, why=RENEWED, charge=charge)

    def _term(
        self,
        plan: Plan,
        start: datetime,
        until: datetime,
        calendar: Calendar,
        occasion: str,
        *,
        paid: int,
        why: Reason,
        charge: bool = True,
    ) -> list[Effect]:
        """A term of a plan: the right, its fee, its perks, and the wake-up at its end."""
        trial = occasion == TRIAL and plan.terms_from is TermsFrom.JOINED
        effects: list[Effect] = [
            Give(key=self.name, value=plan.name, until=until, occasion="" if trial else occasion, rule=TERM, why=why)
        ]
        key = f"{plan.name}@{_stamp(start)}"
        if paid:
            effects.append(
                Give(key=f"{self.name}.paid", value=str(paid), until=until, occasion=key, rule=TERM, why=NOTED)
            )
            if charge:
                effects += self._settled(plan, paid)
        for perk in plan.perks:
            if isinstance(perk, GiveGrant):
                end = until if perk.lasts is None else perk.lasts.end(start, calendar)
                effects.append(
                    Give(key=perk.key, value=perk.value, until=end, uses=perk.uses, occasion=key, rule=TERM, why=why)
                )
            elif isinstance(perk, GiveCredit):
                effects.append(Credit(perk.amount, rule=TERM, label=perk.label, life=perk.life, why=why))
            elif isinstance(perk, GiveBenefit):
                effects.append(HandOver(kind=perk.kind, reward=perk.reward, amount=perk.amount, rule=TERM))
        facts = wake_facts(TERM, key, PeriodTerms.CLOSE, start)
        effects.append(Wake(at=until, name=CLOSE, facts=facts, rule=TERM))
        return effects

    def _settled(self, plan: Plan, steps: int) -> list[Effect]:
        """A charge, or a payout of what is given back."""
        if not steps:
            return []
        kind = BenefitKind.CHARGE if steps > 0 else BenefitKind.PAYOUT
        return [HandOver(kind=kind, reward=self.name, amount=build_amount(abs(steps), plan.fee.unit), rule=TERM)]

    def _noted(self, what: str, until: datetime, value: str | None = None) -> Give:
        return Give(key=f"{self.name}.{what}", value=value, until=until, rule=TERM, why=NOTED)

    def _ended(self, occasion: Occasion) -> list[Effect]:
        """The membership, its perks and what was noted of it end now."""
        keys = {self.name, *(f"{self.name}.{what}" for what in ("paid", "cancelled", "next"))}
        keys |= {perk.key for plan in self.plans for perk in plan.perks if isinstance(perk, GiveGrant)}
        return [
            Revoke(key=key, rule=TERM, own=True, why=ENDED)
            for key in sorted(keys)
            if any(grant.giver == f"{self.name}/{TERM}" for grant in occasion.grants(key))
        ]


class _Terms:
    """What follows when a term closes: the next one, the first paid one after a trial, another plan, or nothing."""

    terms_of = PeriodTerms.CLOSE
    adoption = Adoption.PROSPECTIVE
    reads: Sequence[Read] = ()

    def __init__(self, policy: MembershipPolicy) -> None:
        self._policy, self.name = policy, TERM
        self.unit = f"{policy.name}.{TERM}"

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """The term that follows the one that closes."""
        policy, at = self._policy, look.at
        if look.moment is not Moment.CLOSE or look.rule != TERM or policy.renewal is not Renewal.AUTOMATIC:
            return None
        held = policy.held(occasion)
        if held is None or held.valid_until != at or occasion.grants(f"{policy.name}.cancelled"):
            return None
        to = occasion.grants(f"{policy.name}.next")
        plan = policy.plan(to[0].value if to else held.value)
        if plan is None:
            return None  # The terms have it no more: it ends.
        calendar = occasion.calendar
        effects: Sequence[Consequence]
        if plan.name == held.value and held.occasion != TRIAL:
            until = policy._following(plan, held, at, calendar)
            effects = policy._prolonged(plan, held, at, until, calendar)
        else:
            until = plan.term.end(at, calendar)
            effects = policy._term(plan, at, until, calendar, "", paid=plan.fee.steps, why=RENEWED)
        return Settlement(root_of(policy.name, TERM, str(look.facts["period"])), effects)


class _TermClock:
    """The present term of a membership, as the window in which its benefits are counted."""

    of_a_right = False

    def __init__(self, key: str) -> None:
        self.anchor: str | None = key

    def span(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> Span | None:
        """From the membership's start to the end of its present term."""
        held = [grant for grant in grants if grant.key == self.anchor and grant.held_at(of)]
        ends = [grant.valid_until for grant in held if grant.valid_until is not None]
        if not ends:
            return None
        return Span(start=min(grant.valid_from for grant in held), end=max(ends), key="term")


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def _refuse(code: RejectionCode, **facts: Fact) -> Refusal:
    return Refusal(code, FrozenMapping(facts))
