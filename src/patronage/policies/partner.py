"""PartnerPolicy: what partners report earns at agreed rates, and what is converted to their units is counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.conditions import AllOf, EventAttribute, HasGrant
from patronage.errors import InvalidValueError
from patronage.events import word
from patronage.figures import Setting
from patronage.granting import RightRule, rights_of
from patronage.ledger import Account, Benefit, BenefitKind, Fact, Reason, Refusal, RejectionCode
from patronage.occasions import Condition, Credit, Effect, FollowUp, Give, Occasion, Revoke, names_of
from patronage.partners import AgreedPrice, Agreement, Partner, partners_of
from patronage.partnerships import PartnerLinked, PartnerUnlinked, PartnerWindow
from patronage.policies.base import Asked, BoundPolicy
from patronage.policies.mechanisms import combined
from patronage.rules import Ceiling, Group, MultiplierRule, Rule, ceilings, groups_of, name

LINK: Final = "link"
WINDOW: Final = "window"
CONVERTED: Final = "converted"
LINKED: Final = Reason("partner_linked", FrozenMapping())
OPENED: Final = Reason("partner_window", FrozenMapping())
TRANSFERRED: Final = Reason("converted", FrozenMapping())


def _windows(value: Iterable[str]) -> tuple[str, ...]:
    found = names_of(value)
    if len(set(found)) < len(found):
        raise InvalidValueError("Two windows have one name.")
    return found


@attrs.frozen(kw_only=True)
class PartnerPolicy:
    """
    Partners: what they sell earns by their agreements, and what members convert to their units is counted.

    A sale is a Purchase (or an Activity) whose attribute *attribute* names the partner; rules of its agreement
    in force then count it, beside *groups* and *ceilings* of the whole policy. Linking an account gives the
    right `policy.partner` with the account as value. *windows* are times that are reported ahead (a stay): each is
    a right `policy.window` that begins and ends with it. *rights* are given and ended by what else happens.

    What a reward converts (`BenefitKind.TRANSFER` to a partner) is followed up to the partner's shared account
    (see `account`): what has been converted to it in all. `settlements` reports what is owed for both.
    """

    name: str = attrs.field(converter=name)
    partners: tuple[Partner, ...] = attrs.field(converter=partners_of)
    attribute: str = attrs.field(default="partner", converter=word)
    windows: tuple[str, ...] = attrs.field(default=(), converter=_windows)
    rights: tuple[RightRule, ...] = attrs.field(default=(), converter=rights_of)
    groups: tuple[Group, ...] = attrs.field(default=(), converter=groups_of)
    ceilings: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)

    def __attrs_post_init__(self) -> None:
        both = {partner.name for partner in self.partners} & set(self.windows)
        if both:
            raise InvalidValueError(f"{sorted(both)[0]} is a partner and a window: rights of both would have one key.")
        named = [rule.name for partner in self.partners for a in partner.agreements for rule in a.rules if rule.name]
        if len(set(named)) < len(named):
            raise InvalidValueError(f"Two rules of {self.name} have one name: a settlement tells them apart by it.")

    def key(self, of: str) -> str:
        """The key of the right of a partner (an account is linked), or of a window (it is open)."""
        return f"{self.name}.{of}"

    def account(self, partner: str) -> Account:
        """The shared account of a partner: what was converted to its units."""
        return Account.shared(f"{self.name}/{partner}")

    def partner(self, of: str | None) -> Partner | None:
        """The partner of that name."""
        return next((partner for partner in self.partners if partner.name == of), None)

    @cached_property
    def agreed(self) -> Mapping[str, tuple[Partner, Agreement]]:
        """By the name of each rule that issues: its partner and agreement."""
        return FrozenMapping({rule.name or "": (partner, agreement) for partner, agreement, rule in self._rules()})

    def _rules(self) -> Iterable[tuple[Partner, Agreement, Rule]]:
        """All rules, with names, and with all that they ask for."""
        for partner in self.partners:
            for n, agreement in enumerate(partner.agreements, 1):
                for m, rule in enumerate(agreement.rules, 1):
                    asked: list[Condition | None] = [EventAttribute(self.attribute, (partner.name,)), agreement.window]
                    if partner.linked:
                        asked.append(HasGrant(self.key(partner.name)))
                    when = AllOf(tuple(each for each in (*asked, rule.when) if each is not None))
                    made: Rule = attrs.evolve(rule, when=when, name=rule.name or f"{partner.name[:36]}-{n}-{m}")
                    if partner.labelled and not isinstance(made, MultiplierRule):
                        made = attrs.evolve(made, label=partner.name)
                    yield partner, agreement, made

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked. Raises InvalidValueError where rules, prices and units do not fit."""
        for partner in self.partners:
            for agreement in partner.agreements:
                for price in (*agreement.funds, *agreement.costs):
                    for amount in (price.per, price.pays):
                        setting.unit(amount.unit, f"A price of partner {partner.name}")
        bound = combined(
            setting,
            rules=[rule for _, _, rule in self._rules()],
            groups=self.groups,
            ceilings=self.ceilings,
            rights=self.rights,
        )
        return attrs.evolve(bound, asked=self._asked, handed=self._handed, follows_up=True)

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the occasion earns, for a policy that stands alone: `Terms` binds it once instead."""
        setting = Setting(policy=self.name, units=occasion.units, calendar=occasion.calendar, refund_for=None)
        return self.bind(setting).answer(occasion, None)

    # Links and windows.

    def _asked(self, occasion: Occasion, others: Mapping[Account, Occasion]) -> Asked:
        event = occasion.event
        if isinstance(event, PartnerWindow):
            return self._open(occasion, event)
        if not isinstance(event, PartnerLinked | PartnerUnlinked):
            return self._refuse(RejectionCode.WRONG_ROOT)
        if self.partner(event.partner) is None:
            return self._refuse(RejectionCode.UNKNOWN_RULE, partner=event.partner)
        key = self.key(event.partner)
        held = occasion.grants(key)
        if isinstance(event, PartnerUnlinked):
            if not held:
                return self._refuse(RejectionCode.ALREADY_ENDED, partner=event.partner)
            return [Revoke(key=key, rule=LINK)]
        if held:
            return self._refuse(RejectionCode.NOT_ELIGIBLE, partner=event.partner, linked=held[0].value)
        return [Give(key=key, value=event.account, rule=LINK, why=LINKED)]

    def _open(self, occasion: Occasion, event: PartnerWindow) -> Asked:
        if event.window not in self.windows:
            return self._refuse(RejectionCode.UNKNOWN_RULE, window=event.window)
        if event.ends_at <= occasion.at:
            return self._refuse(RejectionCode.ALREADY_ENDED, window=event.window)
        # Each is a right of its own: two stays are not one that lasts from the first to the second.
        return [
            Give(
                key=self.key(event.window),
                since=event.starts_at,
                until=event.ends_at,
                occasion=event.id,
                rule=WINDOW,
                why=OPENED,
            )
        ]

    def _refuse(self, code: RejectionCode, **facts: Fact) -> Refusal:
        return Refusal(code, FrozenMapping({"policy": self.name, **facts}))

    # Conversions.

    def _handed(self, occasion: Occasion, benefits: Sequence[Benefit]) -> Sequence[Effect]:
        """What was converted to a partner's units, for the partner's account."""
        found: list[Effect] = []
        for benefit in benefits:
            amount, partner = benefit.amount, self.partner(benefit.item)
            if benefit.kind is not BenefitKind.TRANSFER or partner is None or amount is None:
                continue
            if amount.steps > 0 and amount.unit in occasion.units:
                credit = Credit(amount, rule=CONVERTED, why=TRANSFERRED)
                receiver = self.account(partner.name)
                found.append(FollowUp(receiver=receiver, credits=(credit,), rule=CONVERTED, why=TRANSFERRED))
        return found


__all__ = ["AgreedPrice", "Agreement", "Partner", "PartnerPolicy"]
