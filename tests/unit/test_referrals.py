"""ReferralPolicy: claims and their refusals, rewards of both sides, caps, milestones, refunds."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from between.members import DAY, NOON, POINTS, USD, Members, buy, program_of, refund
from patronage import (
    Account,
    Activity,
    BenefitKind,
    Cancellation,
    InvalidValueError,
    Life,
    Program,
    ReferralPolicy,
    RejectionCode,
    Terms,
    Unit,
    UnitKind,
)
from patronage.audit import audit
from patronage.conditions import EventAttribute, HasGrant, Spend
from patronage.events import ReferralClaimed
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


def test_a_cap_of_an_amount_leaves_what_is_of_another_unit() -> None:
    """Points are trimmed to nothing, the stars of the same reward come each time."""
    stars = Unit("stars")
    both = reward(referrer=(credit(100), GiveCredit(amount=stars.of(1))))
    cap = ReferralCap(name="year", amount=POINTS.of(150), per=LIFETIME)
    policy = ReferralPolicy(name="referral", rewards=(both,), caps=(cap,))
    terms = Terms(units=(USD, POINTS, stars), policies=(policy,))
    members = Members(Program(id="shop", time_zone="America/New_York", terms=terms))
    for name in ("bob", "cid", "dan"):
        friend(members, name)
    assert (members.held("ann"), members.held("ann", stars)) == (150, 3)


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
    members = shop(reward(nth=3, times=None))
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
        lambda: shop(reward(on=Deed.CLAIM, nth=2)),
        lambda: shop(reward(activity="x")),
        lambda: shop(reward(on=Deed.CLAIM, within=days(1))),
        lambda: shop(reward(on=Deed.ACTIVITY, activity="x", lines=Spend(at_least=USD.of(1)))),
        lambda: shop(reward(on=Deed.CLAIM, friend=(GiveConverted(per=USD.of(1), credit=POINTS.of(1)),))),
        lambda: shop(claims_again=True),
        lambda: shop(friends="friends", friends_life=Life(on_confirmation=True)),
        lambda: shop(caps=(ReferralCap(name="x", amount=FRIENDS.of(1)),)),
        lambda: shop(reward(referrer=(credit(1, life=Life(on_confirmation=True)),))),
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
        lambda: claim(fingerprints=[str(n) for n in range(17)]),
        lambda: claim(fingerprints=[""]),
    ],
)
def test_bad_input(make: Any) -> None:
    """Each is refused with a plain sentence."""
    with pytest.raises(InvalidValueError):
        make()
