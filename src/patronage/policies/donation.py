"""DonationPolicy: a share of purchases, donated rewards and what lapses, for the charity that a member chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.charities import CharityChosen
from patronage.earning import Trace, WhyNot
from patronage.errors import InvalidValueError, quote
from patronage.events import many, word
from patronage.fields import word_or_none
from patronage.figures import Setting
from patronage.ledger import DONATED, Account, Benefit, BenefitKind, Reason, Refusal, RejectionCode
from patronage.occasions import (
    AT_ONCE,
    Credit,
    Effect,
    FollowUp,
    Give,
    LotEnded,
    Occasion,
    Revoke,
    names_of,
)
from patronage.policies.base import Asked, BoundPolicy
from patronage.policies.mechanisms import combined
from patronage.policies.payouts import PaidAs, Payout
from patronage.reaching import BoundThreshold
from patronage.rules import Ceiling, Group, MultiplierRule, Rule, above_zero, ceilings, groups_of, name, rules_of
from patronage.units import Amount, Rounding, Unit, UnitKind, build_amount, rounded

CHOICE: Final = "choice"
REWARD: Final = "reward"
LAPSED: Final = "lapsed"
GIVEN: Final = Reason("donated", FrozenMapping())
CHOSEN: Final = Reason("charity_chosen", FrozenMapping())


@attrs.frozen(kw_only=True)
class LapsedShare:
    """
    For every *per* of a balance that ends and goes to `DONATED`, *credit* for the charity: 100 points are 1.00.

    Rounded once for each lot by *rounding*. A lot goes there where its life says so (`Life.goes_to`).
    """

    per: Amount = attrs.field(validator=above_zero)
    credit: Amount = attrs.field(validator=above_zero)
    rounding: Rounding = Rounding.FLOOR


def _lapsed(value: Iterable[LapsedShare]) -> tuple[LapsedShare, ...]:
    found = many(value)
    if not all(isinstance(each, LapsedShare) for each in found) or len({e.per.unit for e in found}) < len(found):
        raise InvalidValueError(f"What lapses is valued by LapsedShare, one for each unit, not by {quote(value)}.")
    return found


def _charities(value: Iterable[str]) -> tuple[str, ...]:
    found = names_of(value)
    if not found or len(set(found)) < len(found):
        raise InvalidValueError(f"A donation policy has charities, each once, not {quote(value)}.")
    return found


def _money(amount: Amount, money: Unit, unit: Unit) -> int:
    """Money in steps of a unit of the same value, exactly where the unit has the decimals for it, else half up."""
    return rounded(amount.steps * 10**unit.decimals, 10**money.decimals, Rounding.HALF_UP)


@attrs.frozen(kw_only=True)
class DonationPolicy:
    """
    What purchases, donated rewards and lapsed balances are worth to the charity that the member chose.

    *charities* are those there are to choose from; a member who chose none gives to the *default*, or
    with None nothing. All is counted in *unit*, a tally of the terms whose decimals say how exact: on the
    member's account, under the charity as label. *rules* are the share of purchases (and activities), with
    *groups* and *ceilings* as in a points policy. A reward that is a donation (`BenefitKind.DONATION`, to one of
    the charities) counts by its money, in the currency *money* one for one, or in *unit* itself. *lapsed* says what
    ended balances are worth.

    With a *payout*, which pays *money*, each charity also has a shared account (see `account`): all members'
    donations are followed up to it, and it is paid out from there, at the close of the payout's
    period, with its minimum for each charity. What came back after it had been paid is owed by what
    comes next.
    """

    name: str = attrs.field(converter=name)
    charities: tuple[str, ...] = attrs.field(converter=_charities)
    unit: str = attrs.field(converter=word)
    default: str | None = attrs.field(default=None, converter=word_or_none)
    rules: tuple[Rule, ...] = attrs.field(default=(), converter=rules_of)
    groups: tuple[Group, ...] = attrs.field(default=(), converter=groups_of)
    ceilings: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)
    lapsed: tuple[LapsedShare, ...] = attrs.field(default=(), converter=_lapsed)
    money: str | None = attrs.field(default=None, converter=word_or_none)
    payout: Payout | None = None

    def __attrs_post_init__(self) -> None:
        if self.default is not None and self.default not in self.charities:
            raise InvalidValueError(f"The default {quote(self.default)} is none of the charities of {self.name}.")
        for rule in self.rules:
            if isinstance(rule, MultiplierRule):
                continue
            if rule.credit.unit != self.unit or rule.label is not None or rule.life != AT_ONCE:
                raise InvalidValueError(
                    f"The rules of {self.name} credit {self.unit} for the charity: with no label, and no life."
                )
        for share in self.lapsed:
            if share.credit.unit != self.unit or share.per.unit == self.unit:
                raise InvalidValueError(f"What lapses is worth {self.unit}, and is no {self.unit} itself.")
        if self.payout is not None and (self.payout.paid_as is not PaidAs.MONEY or self.payout.pays != self.money):
            raise InvalidValueError(f"The payout of {self.name} pays the charities money, in its currency *money*.")

    @property
    def key(self) -> str:
        """The key of the right whose value is the charity chosen."""
        return f"{self.name}.{CHOICE}"

    def account(self, charity: str) -> Account:
        """The shared account of a charity, where there is a payout: what is still owed to it."""
        return Account.shared(f"{self.name}/{charity}")

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked. Raises InvalidValueError where rules and units do not fit."""
        unit = setting.unit(self.unit, f"What {self.name} counts")
        if unit.kind is not UnitKind.TALLY:
            raise InvalidValueError(f"{self.name} counts in {unit.code}: that is the charities', so make it a tally.")
        for share in self.lapsed:
            setting.unit(share.per.unit, f"What lapses for {self.name}")
        if self.money is not None:
            setting.unit(self.money, f"The money of {self.name}")
        bound = combined(
            setting, rules=self.rules, groups=self.groups, ceilings=self.ceilings, own=lambda occasion, trace: []
        )
        watchers: tuple[BoundThreshold, ...] = ()
        if self.payout is not None:
            watchers = (BoundThreshold(self.payout.threshold(self.unit, None, setting), setting),)
        held = [ceiling.tally for ceiling in bound.ceilings if ceiling.tally is not None]
        setting.distinct([*held, *(watcher.unit for watcher in watchers)])
        work = _Work(self, bound)
        return attrs.evolve(
            bound,
            answer=work.answer,
            asked=self._asked,
            handed=work.handed,
            follows_up=self.payout is not None,
            beside=FrozenMapping({self.account(charity): watchers for charity in self.charities if watchers}),
        )

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the occasion is worth to the charity, for a policy that stands alone: `Terms` binds it once instead."""
        setting = Setting(policy=self.name, units=occasion.units, calendar=occasion.calendar, refund_for=None)
        return self.bind(setting).answer(occasion, None)

    def charity(self, occasion: Occasion) -> str | None:
        """The charity that the member gives to: the one chosen, while the policy has it, else the default."""
        for grant in occasion.grants(self.key):
            if grant.value in self.charities:
                return grant.value
        return self.default

    def _asked(self, occasion: Occasion, others: Mapping[Account, Occasion]) -> Asked:
        """A choice: it takes the place of the one before."""
        event = occasion.event
        if not isinstance(event, CharityChosen):
            return Refusal(RejectionCode.WRONG_ROOT, FrozenMapping({"policy": self.name}))
        if event.charity is not None and event.charity not in self.charities:
            facts = {"policy": self.name, "charity": event.charity}
            return Refusal(RejectionCode.UNKNOWN_RULE, FrozenMapping(facts))
        held = [grant.value for grant in occasion.grants(self.key)]
        if held == ([] if event.charity is None else [event.charity]):
            return []
        effects: list[Effect] = [Revoke(key=self.key, rule=CHOICE)] if held else []
        if event.charity is not None:
            effects.append(Give(key=self.key, value=event.charity, rule=CHOICE, why=CHOSEN))
        return effects


class _Work:
    """A donation policy at work."""

    def __init__(self, policy: DonationPolicy, bound: BoundPolicy) -> None:
        self._policy, self._rules = policy, bound.answer
        self._lapsed = {share.per.unit: share for share in policy.lapsed}

    def answer(self, occasion: Occasion, trace: Trace) -> Sequence[Effect]:
        """The share of a purchase or activity, or of a lot that ended, for the charity."""
        policy, trigger = self._policy, occasion.trigger
        if trigger is not None:
            return self._of_lapsed(occasion) if isinstance(trigger, LotEnded) else ()
        effects = self._rules(occasion, trace)
        if not effects:
            return ()
        charity = policy.charity(occasion)
        if charity is None:
            if trace is not None:
                rules = dict.fromkeys(book.rule for e in effects if isinstance(e, Credit) for book in e.books)
                trace.extend(WhyNot(policy.name, rule, "no_charity", FrozenMapping()) for rule in rules)
            return ()
        found: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Credit) and effect.amount.unit == policy.unit and effect.account is None:
                found += self._to(charity, effect)
            else:
                found.append(effect)  # What its ceilings count.
        return found

    def handed(self, occasion: Occasion, benefits: Sequence[Benefit]) -> Sequence[Effect]:
        """What donated rewards are worth to the charities that they name."""
        policy, found = self._policy, list[Effect]()
        for benefit in benefits:
            amount, charity = benefit.amount, benefit.item
            if benefit.kind is not BenefitKind.DONATION or charity not in policy.charities or amount is None:
                continue
            if amount.unit == policy.unit:
                steps = amount.steps
            elif amount.unit == policy.money:
                units = occasion.units
                steps = _money(amount, units[amount.unit], units[policy.unit])
            else:
                continue
            if steps and charity is not None:
                found += self._to(charity, Credit(build_amount(steps, policy.unit), rule=REWARD, why=GIVEN))
        return found

    def _of_lapsed(self, occasion: Occasion) -> Sequence[Effect]:
        """What a lot is worth that ended and went to charity."""
        trigger = occasion.trigger
        assert isinstance(trigger, LotEnded)
        lot, share = trigger.lot, self._lapsed.get(trigger.lot.unit)
        charity = self._policy.charity(occasion)
        if share is None or charity is None or lot.validity.goes_to != DONATED:
            return ()
        steps = rounded(lot.steps * share.credit.steps, share.per.steps, share.rounding)
        if steps <= 0:
            return ()
        return self._to(charity, Credit(build_amount(steps, self._policy.unit), rule=LAPSED, why=GIVEN))

    def _to(self, charity: str, credit: Credit) -> list[Effect]:
        """A credit under the charity's label, and the same to its account."""
        policy = self._policy
        effects: list[Effect] = [attrs.evolve(credit, label=charity)]
        if policy.payout is not None:
            there = Credit(credit.amount, rule=credit.rule, why=GIVEN)
            effects.append(FollowUp(receiver=policy.account(charity), credits=(there,), rule=credit.rule, why=GIVEN))
        return effects


__all__ = ["DonationPolicy", "LapsedShare", "PaidAs", "Payout"]
