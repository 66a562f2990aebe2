"""A policy of a shop's own: who referred a friend gets a tenth of what the friend spends, and a badge."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from between.members import NOON, POINTS, USD, earning, program_of
from patronage import Account, Credit, Effect, Give, Life, Line, Occasion, Purchase
from patronage.occasions import FollowUp
from patronage.terms_of_time import days


@attrs.frozen(kw_only=True)
class Referral:
    """A point for every ten dollars of a purchase that names its referrer, after a hold of some days."""

    name: str = "referral"
    follows_up: bool = True
    hold: int = 0
    badge: bool = False

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the referrer gets."""
        purchase = occasion.purchase
        referrer = None if purchase is None else purchase.attributes.get("referrer")
        if purchase is None or not isinstance(referrer, str):
            return
        steps = sum(line.total.steps for line in purchase.lines) // 1_000
        life = Life(available_after=days(self.hold)) if self.hold else Life()
        credits = (Credit(POINTS.steps(steps), rule="tenth", life=life),) if steps else ()
        gives = (Give(key="badge", rule="badge"),) if self.badge else ()
        if credits or gives:
            yield FollowUp(receiver=Account.member(referrer), credits=credits, gives=gives)


PROGRAM: Final = program_of(earning(), Referral())


def referred(id: str, total: str, member: str = "bob", referrer: str = "ann", at: object = NOON) -> Purchase:
    """A purchase that names who referred."""
    fields = {"occurred_at": at}
    return Purchase(
        id=id,
        member=member,
        lines=(Line(total=USD.of(total)),),
        attributes={"referrer": referrer},
        **fields,  # type: ignore[arg-type]
    )
