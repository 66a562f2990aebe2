"""A shop that is recommended: what tests of referrals share."""

from __future__ import annotations

from typing import Any

from between.members import NOON, POINTS, USD, Members, buy
from patronage import (
    Program,
    ReferralPolicy,
    RejectionCode,
    Terms,
    Unit,
    UnitKind,
)
from patronage.audit import audit
from patronage.conditions import Spend
from patronage.derived import DerivedBalance, DerivedRate
from patronage.events import ReferralClaimed
from patronage.policies.referral_parts import ReferralReward
from patronage.thresholds import GiveCredit

FRIENDS = Unit("friends", kind=UnitKind.TALLY)


def credit(amount: int, **fields: Any) -> GiveCredit:
    """So many points."""
    return GiveCredit(amount=POINTS.of(amount), **fields)


def reward(**fields: Any) -> ReferralReward:
    """50 points for the friend, 100 for the referrer, at the first purchase of 20 dollars."""
    given = {"when": Spend(at_least=USD.of(20)), "friend": (credit(50),), "referrer": (credit(100),)}
    return ReferralReward(**{**given, **fields})


def shop(*rewards: ReferralReward, **fields: Any) -> Members:
    """A shop whose only policy is this referral."""
    policy = ReferralPolicy(name="referral", rewards=rewards or (reward(),), **fields)
    terms = Terms(units=(USD, POINTS, FRIENDS), policies=(policy,))
    return Members(Program(id="shop", time_zone="America/New_York", terms=terms))


def claim(member: str = "bob", referrer: str = "ann", **fields: Any) -> ReferralClaimed:
    """A claim."""
    given = {"id": f"claim-{member}", "occurred_at": NOON, "policy": "referral", **fields}
    return ReferralClaimed(member=member, referrer=referrer, **given)


def friend(members: Members, name: str, referrer: str = "ann", total: str = "20.00", at: Any = NOON) -> None:
    """A friend who claims and buys."""
    assert members.tell(claim(name, referrer, occurred_at=at)).accepted
    members.tell(buy("first", total, name, at))


def why(decision: Any) -> tuple[RejectionCode, object]:
    """The refusal's code and its reason."""
    return decision.code, decision.refusal.facts["why"]


def sound(members: Members) -> None:
    """All accounts together are a sound ledger."""
    audit(members.history(), calendar=members.program.calendar, whole=True)


def derived(credit: int, **fields: Any) -> DerivedBalance:
    """So many points for each friend, of at most three."""
    rate = DerivedRate(per=FRIENDS.of(1), credit=POINTS.of(credit), maximum=FRIENDS.of(3), **fields)
    return DerivedBalance(name="each", rates=(rate,))
