"""What referrals give: credits, shares, rights, vouchers, benefits; holds, milestones, what friends are worth."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from referral_shop import FRIENDS, claim, credit, derived, friend, reward, shop, sound

from between.members import DAY, NOON, POINTS, USD, Members, buy, refund
from patronage import (
    Account,
    Activity,
    BenefitKind,
    Cancellation,
    Confirmation,
    Event,
    Life,
    Program,
    ReferralPolicy,
    StatusGrant,
    Terms,
)
from patronage.conditions import HasGrant
from patronage.derived import DerivedBalance, DerivedRate
from patronage.linting import LintCode, lint
from patronage.occasions import CountedFrom
from patronage.policies.referral_parts import Deed, ReferralCap, ReferralReward
from patronage.terms_of_time import days
from patronage.thresholds import GiveBenefit, GiveConverted, GiveGrant, Threshold


def test_a_share_of_the_purchase() -> None:
    """A fifth of the first purchase, and of what is left of it."""
    fifth = GiveConverted(per=USD.of(1), credit=POINTS.of(20))
    members = shop(ReferralReward(referrer=(fifth,)))
    friend(members, "bob", total="150.00")
    assert members.held("ann") == 3_000
    members.tell(refund("f", "first", "50.00", "bob"))
    assert members.held("ann") == 2_000


def test_the_nth_purchase_and_every_one_after_it() -> None:
    """From the third that qualifies, all of them within the window."""
    members = shop(reward(nth=3, every=True))
    members.tell(claim())
    got = []
    for n in range(5):
        members.tell(buy(f"o-{n}", "20.00" if n != 1 else "1.00", "bob"))
        got.append(members.held("ann"))
    assert got == [0, 0, 0, 100, 200]


def test_an_activity_of_a_count() -> None:
    """Each of a count is rewarded, up to the times of the reward."""
    step = ReferralReward(name="sign-up", on=Deed.ACTIVITY, activity="sign-up", times=3, referrer=(credit(10),))
    members = shop(step)
    members.tell(claim())
    members.tell(Activity(id="a-1", member="bob", occurred_at=NOON, kind="sign-up", count=2))
    assert members.held("ann") == 20
    members.tell(Activity(id="a-2", member="bob", occurred_at=NOON, kind="sign-up", count=5))
    assert members.held("ann") == 30
    members.tell(Cancellation(id="x", member="bob", occurred_at=NOON, undoes="a-1"))
    assert members.held("ann") == 10


def test_rewards_of_any_kind() -> None:
    """A voucher for the referrer, money off and a right for the friend; a refund takes the unused voucher."""
    off = GiveBenefit(kind=BenefitKind.MONEY_OFF, reward="welcome", amount=USD.of(5))
    members = shop(
        reward(friend=(off, GiveGrant(key="club")), referrer=(GiveGrant(key="voucher", value="mug", uses=1),))
    )
    members.tell(claim())
    decision = members.tell(buy("first", "20.00", "bob"))
    assert [(b.kind, b.amount) for b in decision.benefits] == [(BenefitKind.MONEY_OFF, USD.of(5))]
    friend(members, "cid")
    held = [g for g in members.state(Account.member("ann")).grants if g.key == "voucher" and not g.ended]
    assert len(held) == 2
    members.tell(refund("f", "first", None, "bob"))
    held = [g for g in members.state(Account.member("ann")).grants if g.key == "voucher" and not g.ended]
    assert len(held) == 1


def test_a_hold() -> None:
    """What the referrer gets can be spent after the return window; a refund in it takes what waits."""
    members = shop(reward(referrer=(credit(100, life=Life(available_after=days(14))),)))
    friend(members, "bob")
    assert members.held("ann") == 0
    members.now = NOON + 14 * DAY
    assert members.held("ann") == 100
    members = shop(reward(referrer=(credit(100, life=Life(available_after=days(14))),)))
    friend(members, "bob")
    members.tell(refund("f", "first", None, "bob", NOON + DAY))
    members.now = NOON + 30 * DAY
    assert members.held("ann") == 0


def test_a_milestone_falls_with_a_friend() -> None:
    """Three friends: 500 points. With the refund of one of them they go."""
    three = Threshold(name="three", at_least=FRIENDS.of(3), gives=(credit(500),))
    members = shop(friends="friends", thresholds=(three,))
    for name in ("bob", "cid", "dan"):
        friend(members, name)
    assert members.held("ann") == 800
    members.tell(refund("f", "first", None, "dan"))
    assert members.held("ann") == 200
    sound(members)


def confirm(member: str, of: str = "first", at: Any = NOON) -> Confirmation:
    """What a purchase waited for has happened."""
    return Confirmation(id=f"k-{of}", member=member, occurred_at=at, of=of)


HELD = Life(on_confirmation=True, expires_after=days(30), counted_from=CountedFrom.AVAILABILITY)


def test_the_referrers_reward_waits_for_the_confirmation_of_the_friends_purchase() -> None:
    """Confirmed on the friend's account it can be spent on the referrer's, and lives from then."""
    members = shop(reward(referrer=(credit(100, life=HELD),)))
    friend(members, "bob")
    assert members.held("ann") == 0
    members.tell(confirm("bob", at=NOON + 10 * DAY))
    assert members.held("ann") == 100
    members.tell(Confirmation(id="k-2", member="bob", occurred_at=NOON + 11 * DAY, of="first"))
    assert members.held("ann") == 100
    members.now = NOON + 40 * DAY - timedelta(microseconds=1)
    assert members.held("ann") == 100
    members.now = NOON + 40 * DAY
    assert members.held("ann") == 0
    sound(members)


def test_what_waits_goes_with_a_refund_before_the_confirmation() -> None:
    """A purchase that came back confirms nothing."""
    members = shop(reward(referrer=(credit(100, life=HELD),)))
    friend(members, "bob")
    members.tell(refund("f", "first", None, "bob"))
    members.tell(confirm("bob"))
    assert members.held("ann") == 0
    sound(members)


@pytest.mark.parametrize("confirmed_first", [True, False])
def test_a_partial_refund_and_a_confirmation_in_any_order(confirmed_first: bool) -> None:
    """A share of what is left can be spent, whichever came first."""
    fifth = GiveConverted(per=USD.of(1), credit=POINTS.of(20), life=HELD)
    members = shop(ReferralReward(referrer=(fifth,)))
    friend(members, "bob", total="150.00")
    told: list[Event] = [confirm("bob", at=NOON + DAY), refund("f", "first", "50.00", "bob", NOON + DAY)]
    for event in told if confirmed_first else reversed(told):
        members.tell(event)
    assert members.held("ann") == 2_000
    members.tell(refund("f-2", "first", None, "bob", NOON + 2 * DAY))
    assert members.held("ann") == 0
    sound(members)


def test_friends_may_count_when_they_are_confirmed() -> None:
    """A milestone of confirmed friends is reached by the confirmation, and falls with a refund after it."""
    two = Threshold(name="two", at_least=FRIENDS.of(2), gives=(credit(500),))
    life = Life(on_confirmation=True)
    members = shop(friends="friends", friends_life=life, thresholds=(two,))
    friend(members, "bob")
    friend(members, "cid")
    assert members.held("ann") == 200
    members.tell(confirm("bob"))
    assert members.held("ann") == 200
    members.tell(confirm("cid"))
    assert members.held("ann") == 700
    members.tell(refund("f", "first", None, "cid", NOON + DAY))
    assert members.held("ann") == 100
    sound(members)


def test_what_is_handed_over_to_the_referrer() -> None:
    """A payout is told with the follow-up, once; what comes back does not take it from them, nor pay it again."""
    pay = GiveBenefit(kind=BenefitKind.PAYOUT, reward="thanks", amount=USD.of(10))
    members = shop(reward(friend=(), referrer=(pay,), every=True), caps=(ReferralCap(name="two", rewards=2),))
    friend(members, "bob")
    for order in ("o-2", "o-3"):
        members.tell(buy(order, "20.00", "bob"))
    paid = [b for commit in members.commits[Account.member("ann")] for b in commit.benefits]
    assert [(b.kind, b.amount, b.quantity) for b in paid] == [(BenefitKind.PAYOUT, USD.of(10), 1)] * 2
    members.tell(refund("f", "o-2", None, "bob"))
    assert [b for commit in members.commits[Account.member("ann")] for b in commit.benefits] == paid
    sound(members)


def test_a_claim_is_rewarded_itself() -> None:
    """A welcome for the friend and a credit for the referrer at once; a claim that is cancelled takes both back."""
    welcome = ReferralReward(name="welcome", on=Deed.CLAIM, friend=(credit(30),), referrer=(credit(5),))
    members = shop(welcome, reward(), friends="friends")
    members.tell(claim())
    assert (members.held("bob"), members.held("ann"), members.held("ann", FRIENDS)) == (30, 5, 1)
    members.tell(buy("first", "20.00", "bob"))
    assert (members.held("bob"), members.held("ann"), members.held("ann", FRIENDS)) == (80, 105, 1)
    members.tell(refund("f", "first", None, "bob"))
    members.tell(Cancellation(id="x", member="bob", occurred_at=NOON, undoes="claim-bob"))
    assert (members.held("bob"), members.held("ann"), members.held("ann", FRIENDS)) == (0, 0, 0)
    sound(members)


def test_a_friend_counts_once_however_often_rewarded() -> None:
    """All purchases are rewarded, and the friend is one friend."""
    members = shop(reward(every=True), friends="friends")
    friend(members, "bob")
    members.tell(buy("o-2", "20.00", "bob"))
    assert (members.held("ann"), members.held("ann", FRIENDS)) == (200, 1)


def test_credits_that_need_a_right_of_the_same_reward() -> None:
    """Each reward gives the right anew, and all credits live as long as it."""
    active = GiveGrant(key="referring", lasts=days(365))
    members = shop(reward(referrer=(active, credit(100, life=Life(needs="referring")))))
    friend(members, "bob")
    friend(members, "cid", at=NOON + 300 * DAY)
    members.now = NOON + 600 * DAY
    assert members.held("ann") == 200
    members.now = NOON + 665 * DAY
    assert members.held("ann") == 0


def test_friends_are_worth_what_the_terms_and_rights_now_say() -> None:
    """50 each, of three at most; 80 on a plan, and 50 again without it; a refund takes one away."""
    plus = DerivedRate(per=FRIENDS.of(1), credit=POINTS.of(80), maximum=FRIENDS.of(3), when=HasGrant("plus"))
    each = DerivedBalance(name="each", rates=(plus, *derived(50).rates))
    members = shop(reward(referrer=()), friends="friends", derived=(each,))
    worth = []
    for name in ("bob", "cid", "dan", "eve"):
        friend(members, name)
        worth.append(members.held("ann"))
    assert worth == [50, 100, 150, 150]
    until = NOON + 10 * DAY
    head: dict[str, Any] = {"id": "s", "member": "ann", "occurred_at": NOON}
    members.tell(StatusGrant(**head, key="plus", until=until, actor="ops", reason="paid"))
    assert members.held("ann") == 240
    members.now = until
    assert members.held("ann") == 150
    for name, left in (("bob", 150), ("cid", 100)):
        members.tell(refund("f", "first", None, name, until))
        assert members.held("ann") == left
    sound(members)


def test_new_terms_say_what_the_friends_of_before_are_worth() -> None:
    """At the instant at which they take effect, also where nothing happens."""
    versions = []
    for at, credit_of_each in ((NOON - DAY, 50), (NOON + DAY, 20)):
        policy = ReferralPolicy(
            name="referral", rewards=(reward(referrer=()),), friends="friends", derived=(derived(credit_of_each),)
        )
        versions.append(Terms(units=(USD, POINTS, FRIENDS), policies=(policy,), effective_from=at))
    members = Members(Program(id="shop", time_zone="America/New_York", terms=versions))
    friend(members, "bob")
    members.now = NOON + DAY - timedelta(microseconds=1)
    assert members.held("ann") == 50
    members.now = NOON + DAY
    assert members.held("ann") == 20


def test_the_linter_names_what_stays_after_a_return() -> None:
    """What is handed over, and a voucher once used; credits come back, and a milestone of friends is fed."""
    off = GiveBenefit(kind=BenefitKind.MONEY_OFF, reward="welcome", amount=USD.of(5))
    three = Threshold(name="three", at_least=FRIENDS.of(3), gives=(credit(500),))
    members = shop(
        reward(name="off", friend=(off,)),
        reward(name="voucher", referrer=(GiveGrant(key="mug", uses=1),)),
        reward(),
        friends="friends",
        thresholds=(three,),
    )
    found = {(finding.code, finding.where.rpartition(".")[2]) for finding in lint(members.program)}
    assert found == {
        (LintCode.LEAK, "off"),
        (LintCode.LEAK, "voucher"),
        (LintCode.ENDLESS_DEBT, "refunds"),
    }
