"""Referrals told: what a claim counts, and why one is refused."""

from __future__ import annotations

from between.members import NOON, POINTS, USD, Members, buy
from patronage import Program, ReferralPolicy, Terms
from patronage.conditions import Spend
from patronage.events import ReferralClaimed
from patronage.explain import explain
from patronage.policies.referral_parts import ReferralReward
from patronage.thresholds import GiveCredit

FIRST = ReferralReward(
    when=Spend(at_least=USD.of(20)),
    friend=(GiveCredit(amount=POINTS.of(50)),),
    referrer=(GiveCredit(amount=POINTS.of(100)),),
)
TERMS = Terms(units=(USD, POINTS), policies=(ReferralPolicy(name="referral", rewards=(FIRST,)),))
PROGRAM = Program(id="shop", time_zone="America/New_York", terms=TERMS)


def claim(id: str, member: str, referrer: str) -> ReferralClaimed:
    """Somebody was brought by somebody."""
    return ReferralClaimed(id=id, member=member, referrer=referrer, occurred_at=NOON, policy="referral")


def told(members: Members, event: object) -> list[str]:
    """What is said of each account that the event changed."""
    decision = members.tell(event)  # type: ignore[arg-type]  # any event
    return [explain(commit, PROGRAM).text for commit in decision.commits]


def test_a_refused_claim_says_why() -> None:
    """To oneself, after a purchase, and a second time: each has its own sentence."""
    members = Members(PROGRAM)
    (own,) = told(members, claim("c-1", "ann", "ann"))
    assert "Refused: nobody refers themselves." in own
    members.tell(buy("o-1", "5.00", "cid"))
    (late,) = told(members, claim("c-2", "cid", "ann"))
    assert "Refused: a referral is claimed before the first purchase." in late
    members.tell(claim("c-3", "bob", "ann"))
    (again,) = told(members, claim("c-4", "bob", "eve"))
    assert "Refused: a referral has been claimed before, and the first one counts." in again


def test_what_a_claim_and_a_purchase_note_is_told() -> None:
    """The referrer's account notes that it brought somebody, the friend's that something was bought."""
    members = Members(PROGRAM)
    friend, referrer = told(members, claim("c-1", "bob", "ann"))[::-1]
    assert "Policy referral has noted referred: 1 more." in referrer
    assert "has noted" not in friend
    (bought,) = told(members, buy("o-1", "25.00", "bob"))
    assert "Policy referral has noted bought: 1 more." in bought
