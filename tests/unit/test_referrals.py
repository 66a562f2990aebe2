"""ReferralPolicy: claims and their refusals, rewards of both sides, caps, milestones, refunds."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import attrs
import pytest

from between.members import DAY, NOON, POINTS, USD, Members, buy, program_of, refund
from patronage import (
    Account,
    Activity,
    BenefitKind,
    Cancellation,
    Confirmation,
    Event,
    InvalidValueError,
    Life,
    Program,
    ReferralPolicy,
    RejectionCode,
    StatusGrant,
    Terms,
    Unit,
    UnitKind,
)
from patronage.audit import audit
from patronage.conditions import EventAttribute, HasGrant, Spend
from patronage.derived import DerivedBalance, DerivedRate
from patronage.events import ReferralClaimed
from patronage.occasions import CountedFrom
from patronage.periods import LIFETIME, MONTH
from patronage.policies.referral_parts import Deed, ReferralCap, ReferralReward
from patronage.terms_of_time import days
from patronage.thresholds import GiveBenefit, GiveConverted, GiveCredit, GiveGrant, Threshold

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


def test_both_sides_are_rewarded_once_after_the_qualifying_purchase() -> None:
    """Nothing at the claim, nothing below the minimum, both at the first that qualifies, nothing again."""
    members = shop()
    assert members.tell(claim()).accepted
    assert (members.held("bob"), members.held("ann")) == (0, 0)
    members.tell(buy("o-1", "19.99", "bob"))
    assert (members.held("bob"), members.held("ann")) == (0, 0)
    members.tell(buy("o-2", "20.00", "bob"))
    assert (members.held("bob"), members.held("ann")) == (50, 100)
    members.tell(buy("o-3", "20.00", "bob"))
    assert (members.held("bob"), members.held("ann")) == (50, 100)
    sound(members)


def test_nobody_is_rewarded_without_a_claim() -> None:
    """A purchase of somebody whom nobody brought gives nothing."""
    members = shop()
    members.tell(buy("o-1", "20.00", "bob"))
    assert members.held("bob") == 0


def test_a_refund_reverses_both_sides() -> None:
    """Below the minimum both lose it; the next purchase that qualifies is rewarded instead."""
    members = shop()
    friend(members, "bob")
    members.tell(refund("f-1", "first", "0.01", "bob"))
    assert (members.held("bob"), members.held("ann")) == (0, 0)
    members.tell(buy("o-2", "30.00", "bob"))
    assert (members.held("bob"), members.held("ann")) == (50, 100)
    members.tell(refund("f-2", "o-2", None, "bob"))
    assert (members.held("bob"), members.held("ann")) == (0, 0)
    sound(members)


def test_a_reward_that_was_spent_is_owed_after_the_refund() -> None:
    """The referrer who has nothing left owes what the refund takes back."""
    members = shop(reward(referrer=(credit(100, life=Life(expires_after=days(1))),)))
    friend(members, "bob")
    members.now = NOON + DAY
    members.tell(refund("f", "first", None, "bob", NOON + DAY))
    assert members.held("ann") == -100
    sound(members)


def test_self_referral_is_refused() -> None:
    """Nobody refers themself; the refusal is final and recorded."""
    members = shop()
    decision = members.tell(claim("ann", "ann"))
    assert why(decision) == (RejectionCode.TO_ONESELF, "own")
    assert len(decision.commits) == 1


def test_the_first_valid_code_wins() -> None:
    """A second claim is refused, also after the window of the first."""
    members = shop(window=days(10))
    assert members.tell(claim()).accepted
    second = claim(referrer="cid", id="c-2", occurred_at=NOON + 20 * DAY)
    assert why(members.tell(second)) == (RejectionCode.ALREADY_REFERRED, "claimed")
    members.tell(buy("o", "20.00", "bob", NOON + 20 * DAY))
    assert (members.held("ann"), members.held("cid"), members.held("bob")) == (0, 0, 0)


def test_a_claim_of_another_referrer_counts_where_the_first_was_refused() -> None:
    """Only a valid code wins: the first one that is accepted."""
    members = shop(when_referrer=HasGrant("vip"))
    assert why(members.tell(claim())) == (RejectionCode.NOT_ELIGIBLE, "referrer")
    members = shop()
    assert not members.tell(claim("bob", "bob")).accepted
    assert members.tell(claim("bob", "ann", id="c-2")).accepted


def test_the_window_ends() -> None:
    """A purchase one microsecond before its end is rewarded, one at its end is not."""
    for at, points in ((NOON + 5 * DAY - timedelta(microseconds=1), 100), (NOON + 5 * DAY, 0)):
        members = shop(window=days(5))
        members.tell(claim())
        members.tell(buy("o", "20.00", "bob", at))
        assert members.held("ann") == points


@pytest.mark.parametrize("chain", [["ann", "bob"], ["ann", "bob", "cid"], ["ann", "bob", "cid", "dan"]])
def test_no_circle_of_any_length(chain: list[str]) -> None:
    """Who has referred somebody cannot be referred any more: so no claim closes a circle."""
    members = shop()
    for referrer, member in pairwise(chain):
        assert members.tell(claim(member, referrer)).accepted
    assert why(members.tell(claim(chain[0], chain[-1]))) == (RejectionCode.NOT_ELIGIBLE, "refers")


def test_an_existing_customer_is_refused_unless_told() -> None:
    """Who has bought is no new customer; who has returned all of it is one again."""
    members = shop()
    members.tell(buy("o-1", "5.00", "bob"))
    assert why(members.tell(claim())) == (RejectionCode.NOT_ELIGIBLE, "bought")
    members.tell(refund("f", "o-1", None, "bob"))
    assert members.tell(claim(id="c-2")).accepted
    members = shop(existing=True)
    members.tell(buy("o-1", "5.00", "bob"))
    assert members.tell(claim()).accepted


def test_only_an_older_account_refers() -> None:
    """Where both ages are told, the referrer's must be the older one; unless any age will do."""
    ages: dict[str, Any] = {"joined_at": NOON - DAY, "referrer_joined_at": NOON - DAY}
    assert why(shop().tell(claim(**ages))) == (RejectionCode.NOT_ELIGIBLE, "older")
    assert shop(any_age=True).tell(claim(**ages)).accepted
    assert shop().tell(claim(joined_at=NOON - DAY, referrer_joined_at=NOON - 2 * DAY)).accepted
    assert shop().tell(claim(joined_at=NOON - DAY)).accepted


def test_a_fingerprint_counts_for_one_claim() -> None:
    """The same card under a new account is refused, whoever refers; and so is the referrer's own."""
    members = shop()
    assert members.tell(claim("bob", "ann", fingerprints=["card", "home"])).accepted
    again = members.tell(claim("bob2", "cid", fingerprints=["new", "card"]))
    assert why(again) == (RejectionCode.NOT_ELIGIBLE, "identity")
    assert members.tell(claim("dan", "cid", fingerprints=["new"])).accepted
    own = claim("eve", "ann", fingerprints=["x"], referrer_fingerprints=["x"])
    assert why(members.tell(own)) == (RejectionCode.NOT_ELIGIBLE, "identity")
    sound(members)


def test_refusals_are_ranked() -> None:
    """Where several hold, the first one of the list is told."""
    members = shop()
    members.tell(claim("cid", "bob"))
    members.tell(buy("o", "5.00", "bob"))
    assert why(members.tell(claim("bob", "ann"))) == (RejectionCode.NOT_ELIGIBLE, "refers")
    assert why(members.tell(claim("bob", "bob", id="c"))) == (RejectionCode.TO_ONESELF, "own")


def test_a_cancelled_claim_never_was() -> None:
    """The friend may claim again, the referrer be referred, the fingerprint be used."""
    members = shop()
    members.tell(claim("bob", "ann", fingerprints=["card"]))
    assert members.tell(Cancellation(id="x", member="bob", occurred_at=NOON, undoes="claim-bob")).accepted
    members.tell(buy("o", "20.00", "bob"))
    assert members.held("ann") == 0
    members.tell(refund("f", "o", None, "bob"))
    assert members.tell(claim("bob", "cid", id="c-2", fingerprints=["card"])).accepted
    assert members.tell(claim("ann", "cid")).accepted
    sound(members)


def test_a_cap_leaves_the_friends_reward() -> None:
    """The third friend of a month gets the reward, the referrer does not; in the next month again."""
    members = shop(caps=(ReferralCap(name="monthly", rewards=2, per=MONTH),), friends="friends")
    for name in ("bob", "cid", "dan"):
        friend(members, name)
        assert members.held(name) == 50
    assert members.held("ann") == 200
    assert members.held("ann", FRIENDS) == 3
    friend(members, "eve", at=NOON + 31 * DAY)
    assert members.held("ann") == 300
    sound(members)


def test_a_refund_makes_room_under_a_cap() -> None:
    """What came back makes room for the next friend, not for the one who came too late."""
    members = shop(caps=(ReferralCap(name="ever", rewards=1),))
    friend(members, "bob")
    friend(members, "cid")
    members.tell(refund("f", "first", None, "cid"))
    assert members.held("ann") == 100
    members.tell(refund("f", "first", None, "bob"))
    assert members.held("ann") == 0
    friend(members, "dan")
    assert members.held("ann") == 100
    sound(members)


def test_a_cap_of_an_amount_trims() -> None:
    """The last reward is what is left of the amount."""
    members = shop(caps=(ReferralCap(name="year", amount=POINTS.of(150), per=LIFETIME),))
    for name in ("bob", "cid", "dan"):
        friend(members, name)
    assert members.held("ann") == 150


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


def test_who_let_the_window_pass_may_claim_again_where_told() -> None:
    """Then another referrer brings them; one still in the window may not."""
    members = shop(window=days(10), claims_again=True)
    members.tell(claim())
    early = claim(referrer="cid", id="c-2", occurred_at=NOON + 9 * DAY)
    assert why(members.tell(early)) == (RejectionCode.ALREADY_REFERRED, "claimed")
    assert members.tell(claim(referrer="cid", id="c-3", occurred_at=NOON + 11 * DAY)).accepted
    members.tell(buy("o", "20.00", "bob", NOON + 12 * DAY))
    assert (members.held("ann"), members.held("cid")) == (0, 100)
    sound(members)


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


def derived(credit: int, **fields: Any) -> DerivedBalance:
    """So many points for each friend, of at most three."""
    rate = DerivedRate(per=FRIENDS.of(1), credit=POINTS.of(credit), maximum=FRIENDS.of(3), **fields)
    return DerivedBalance(name="each", rates=(rate,))


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


def test_a_code_of_so_many_uses() -> None:
    """The third claim with a code of two uses is refused, whoever makes it; a cancelled one gives its use back."""
    members = shop()
    for name in ("bob", "cid"):
        assert members.tell(claim(name, code="TWICE", code_uses=2)).accepted
    assert why(members.tell(claim("dan", code="TWICE", code_uses=2))) == (RejectionCode.LIMIT_REACHED, "code")
    assert members.tell(claim("eve", code="TWICE-MORE", code_uses=1)).accepted
    members.tell(Cancellation(id="x", member="bob", occurred_at=NOON, undoes="claim-bob"))
    assert members.tell(claim("dan", code="TWICE", code_uses=2, id="again")).accepted
    sound(members)


def test_a_condition_on_the_friend() -> None:
    """What the claim states can be asked."""
    members = shop(when=EventAttribute("country", of=("US",)))
    assert why(members.tell(claim())) == (RejectionCode.NOT_ELIGIBLE, "friend")
    assert members.tell(claim("cid", attributes={"country": "US"})).accepted


def test_a_claim_without_a_policy_is_refused() -> None:
    """Terms that refer nobody, or not by that policy, say so."""
    nobody: Any = Members(program_of()).tell(claim())
    assert nobody.code is RejectionCode.UNKNOWN_RULE
    other: Any = shop().tell(claim(policy="other"))
    assert other.code is RejectionCode.UNKNOWN_RULE


def test_a_claim_again_is_the_first_answer() -> None:
    """The same claim sent twice changes nothing."""
    members = shop()
    members.tell(claim())
    assert members.tell(claim()).repeated


@pytest.mark.parametrize(
    "make",
    [
        lambda: ReferralPolicy(name="r", rewards=()),
        lambda: shop(reward(), reward()),
        lambda: shop(reward(nth=0)),
        lambda: shop(reward(times=0)),
        lambda: shop(reward(times=2, every=True)),
        lambda: shop(reward(on=Deed.CLAIM, every=True)),
        lambda: shop(reward(on=Deed.CLAIM, nth=2)),
        lambda: shop(reward(activity="x")),
        lambda: shop(reward(on=Deed.CLAIM, within=days(1))),
        lambda: shop(reward(on=Deed.ACTIVITY, activity="x", lines=Spend(at_least=USD.of(1)))),
        lambda: shop(reward(on=Deed.CLAIM, friend=(GiveConverted(per=USD.of(1), credit=POINTS.of(1)),))),
        lambda: shop(claims_again=True),
        lambda: shop(caps=(ReferralCap(name="x", amount=FRIENDS.of(1)),)),
        lambda: shop(reward(friend=(GiveGrant(key="x", after_period=days(1)),))),
        lambda: ReferralCap(name="x"),
        lambda: ReferralCap(name="x", rewards=0),
        lambda: ReferralCap(name="x", amount=POINTS.steps(0)),
        lambda: ReferralCap(name="x", rewards=1, amount=POINTS.of(1)),
        lambda: shop(friends="points"),
        lambda: shop(friends="unknown"),
        lambda: shop(caps=(ReferralCap(name="x", rewards=1), ReferralCap(name="x", rewards=2))),
        lambda: shop(caps=(ReferralCap(name="reward", rewards=1),)),
        lambda: claim(joined_at=NOON + DAY),
        lambda: claim(code_uses=1),
        lambda: claim(code="X", code_uses=0),
        lambda: DerivedBalance(name="each", rates=()),
        lambda: DerivedRate(per=FRIENDS.of(1), credit=FRIENDS.of(2)),
        lambda: DerivedRate(per=FRIENDS.of(1), credit=POINTS.of(2), maximum=POINTS.of(2)),
        lambda: DerivedRate(per=FRIENDS.of(1), credit=POINTS.steps(0)),
        lambda: DerivedBalance(name="each", rates=(*derived(1).rates, DerivedRate(per=USD.of(1), credit=POINTS.of(2)))),
        lambda: shop(derived=(derived(1), derived(2))),
        lambda: shop(derived=(attrs.evolve(derived(1), name="reward"),)),
        lambda: claim(fingerprints=[str(n) for n in range(17)]),
        lambda: claim(fingerprints=[""]),
    ],
)
def test_bad_input(make: Any) -> None:
    """Each is refused with a plain sentence."""
    with pytest.raises(InvalidValueError):
        make()
