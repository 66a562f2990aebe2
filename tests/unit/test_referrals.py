"""ReferralPolicy: claims and their refusals, both sides, windows, caps, refunds."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import attrs
import pytest
from referral_shop import FRIENDS, claim, credit, derived, friend, reward, shop, sound, why

from between.members import DAY, NOON, POINTS, USD, Members, buy, program_of, refund
from patronage import (
    Cancellation,
    InvalidValueError,
    Life,
    Program,
    ReferralPolicy,
    RejectionCode,
    Terms,
    Unit,
)
from patronage.conditions import EventAttribute, HasGrant, Spend
from patronage.derived import DerivedBalance, DerivedRate
from patronage.periods import LIFETIME, MONTH
from patronage.policies.referral_parts import Deed, ReferralCap
from patronage.terms_of_time import days
from patronage.thresholds import GiveConverted, GiveCredit, GiveGrant


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
