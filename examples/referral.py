"""A shop that is recommended: a code, a claim, both sides' rewards, a refusal, a refund, the referrer's milestone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from patronage import (
    Account,
    Line,
    Program,
    Purchase,
    ReferralPolicy,
    Refund,
    Rejected,
    Terms,
    Unit,
    UnitKind,
    currency,
)
from patronage.codes import code, grouped
from patronage.conditions import Spend
from patronage.events import ReferralClaimed
from patronage.explain import refusal_sentence
from patronage.loyalty import Loyalty
from patronage.periods import MONTH
from patronage.policies.referral_parts import ReferralCap, ReferralReward
from patronage.secret_codes import new_code
from patronage.stores.memory import MemoryIdentifiers, MemoryLedger
from patronage.terms_of_time import days
from patronage.thresholds import GiveCredit, Threshold

USD, POINTS, FRIENDS = currency("USD"), Unit("points"), Unit("friends", kind=UnitKind.TALLY)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

POLICY = ReferralPolicy(
    name="referral",
    window=days(90),
    rewards=[
        ReferralReward(
            when=Spend(at_least=USD.of(20)),
            friend=[GiveCredit(amount=POINTS.of(50))],
            referrer=[GiveCredit(amount=POINTS.of(100))],
        )
    ],
    caps=[ReferralCap(name="monthly", rewards=10, per=MONTH)],
    friends="friends",
    thresholds=[Threshold(name="three", at_least=FRIENDS.of(3), gives=[GiveCredit(amount=POINTS.of(500))])],
)
PROGRAM = Program(id="shop", time_zone="UTC", terms=Terms(units=(USD, POINTS, FRIENDS), policies=(POLICY,)))


def main() -> None:
    """Three friends come by one code; one of them sends the things back."""
    loyalty = Loyalty(PROGRAM, MemoryLedger(), clock=lambda: NOON + timedelta(days=1))
    codes = MemoryIdentifiers()
    shown = grouped(new_code())
    codes.claim("referral", code(shown), Account.member("ann"))
    for n, friend in enumerate(("bob", "cid", "dan", "ann")):
        owner, at = codes.owner("referral", code(shown.lower())), NOON + timedelta(hours=n)
        assert owner is not None
        who = owner.id
        claim = ReferralClaimed(id=f"claim-{friend}", member=friend, occurred_at=at, policy="referral", referrer=who)
        decision = loyalty.record(claim)
        if isinstance(decision, Rejected):
            print(f"{friend}: {refusal_sentence(decision.refusal, PROGRAM)}")
            continue
        loyalty.record(Purchase(id="o-1", member=friend, occurred_at=at, lines=[Line(total=USD.of("25.00"))]))
        held = [loyalty.standing(name).available(POINTS).steps for name in (friend, "ann")]
        print(f"{friend} has bought: {held[0]} points, and ann has {held[1]}")
    loyalty.record(Refund(id="f-1", member="dan", occurred_at=NOON + timedelta(hours=9), purchase="o-1"))
    print(f"dan has sent it back: ann has {loyalty.standing('ann').available(POINTS).steps}")


if __name__ == "__main__":
    main()
