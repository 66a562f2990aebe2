"""Challenges, offers, memberships and rewards that cannot be meant are refused when they are written."""

from __future__ import annotations

from typing import Any

import pytest
from unit_shop import EUR, NIGHTS, POINTS, STARS, USD, VISITS, program_of

from patronage import (
    BonusRule,
    Ceiling,
    ChallengePolicy,
    FixedReward,
    InvalidValueError,
    MembershipPolicy,
    OfferPolicy,
    QuantityRule,
)
from patronage.challenges import Campaign, CampaignStep, Different, Excess, Goal, Milestone, Protection, Streak
from patronage.offers import Activation, Offer, UseLimit
from patronage.periods import MONTH
from patronage.plans import Back, FeeBack, Plan
from patronage.rewards import CartReward, Limit, PercentOff, Qualifying
from patronage.terms_of_time import WhileGranted, months
from patronage.thresholds import Falls, GiveGrant, Looks

A_MUG = (GiveGrant(key="mug", uses=1),)
THREE = Milestone(at_least=VISITS.of(3), gives=A_MUG)
VISIT = BonusRule(credit=VISITS.of(1))
GOAL = Goal(name="goal", milestones=[THREE])
STEP = CampaignStep(name="one", at_least=VISITS.of(1))
PLAN = Plan(name="plan", fee=USD.of(9), term=months(1))


def goal(**fields: Any) -> Goal:
    """Three visits, with something else about them."""
    return Goal(**{"name": "goal", "milestones": [THREE], **fields})


def streak(**fields: Any) -> Streak:
    """A visit a day, with something else about it."""
    return Streak(**{"name": "daily", "at_least": VISITS.of(1), "run": STARS.of(1), **fields})


def offer(**fields: Any) -> Offer:
    """An offer with a rule, and something else about it."""
    return Offer(**{"name": "offer", "rules": [VISIT], **fields})


def off(**fields: Any) -> CartReward:
    """A tenth off, with something else about it."""
    return CartReward(**{"name": "off", "gives": [PercentOff(share="0.1")], **fields})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Different(by="sku"), "is a DifferentBy"),  # type: ignore[arg-type]
        (lambda: goal(different=Different(), counts=[VISIT]), "counts what is different"),
        (lambda: goal(different=Different(), starts_again=Excess.CARRIED), "counts what is different"),
        (lambda: Protection(limit=1, per=WhileGranted()), "calendar periods"),
        (lambda: streak(different=Different(), counts=[VISIT]), "counts what is different"),
        (lambda: streak(run=VISITS.of(1)), "in two units"),
        (lambda: streak(milestones=[THREE]), "figures of the run"),
        (lambda: streak(looks=Looks.AT_REVIEW), "at once or when it closes"),
        (lambda: streak(starts_again=True), "at its last milestone"),
        (lambda: streak(falls=Falls.AFTER_GRACE), "has no grace"),
        (lambda: Campaign(name="c", steps=[STEP, STEP]), "one name"),
        (lambda: Campaign(name="c", steps=[STEP], falls=Falls.AFTER_GRACE), "falls at once"),
        (lambda: ChallengePolicy(name="own", challenges=["goal"]), "Goal, Streak"),  # type: ignore[list-item]
        (lambda: ChallengePolicy(name="own", challenges=[GOAL, GOAL]), "one name"),
    ],
)
def test_challenges(make: Any, says: str) -> None:
    """What counts twice, is counted in one unit too few, or never comes."""
    with pytest.raises(InvalidValueError, match=says):
        make()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: offer(limits=[3]), "are UseLimit"),
        (lambda: Offer(name="offer"), "one of the two"),
        (lambda: offer(goal=GOAL), "one of the two"),
        (
            lambda: Offer(name="offer", goal=GOAL, limits=[UseLimit(name="once", uses=1)]),
            "how often it gives is the goal's",
        ),
        (lambda: Offer(name="offer", goal=goal(period=MONTH)), "the offer's window"),
        (
            lambda: offer(ceilings=[Ceiling(name="most", limit=VISITS.of(1), per=MONTH, of=["rule-1"])]),
            "leave out what they are of",
        ),
        (lambda: OfferPolicy(name="own", offers=[GOAL]), "has offers"),  # type: ignore[list-item]
        (lambda: OfferPolicy(name="own", offers=[]), "has offers"),
        (lambda: OfferPolicy(name="own", offers=[offer(), offer()]), "one name"),
    ],
)
def test_offers(make: Any, says: str) -> None:
    """What gives by rules and by a goal, or has a window twice."""
    with pytest.raises(InvalidValueError, match=says):
        make()


def test_an_offer_s_activation_may_name_it_in_an_attribute() -> None:
    """That is asked of the activity, and nothing where there is no attribute."""
    assert offer(activation=Activation(attribute="offer")).activated is not None
    assert offer(activation=Activation(attribute=None)).activated is None


def benefit(unit: Any = NIGHTS) -> QuantityRule:
    """What benefits are worth, in a unit."""
    return QuantityRule(activity="benefit", measure="value", credit=unit.of(1))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MembershipPolicy(name="m", plans=[PLAN], benefits=[benefit(), benefit(VISITS)]), "in one unit"),
        (
            lambda: MembershipPolicy(name="m", plans=[PLAN], fees_back=[FeeBack(gives=Back.LESS_BENEFITS)]),
            "benefits",
        ),
        (lambda: program_of(MembershipPolicy(name="m", plans=[PLAN], benefits=[benefit()])), "the decimals of USD"),
    ],
)
def test_memberships(make: Any, says: str) -> None:
    """What benefits are worth is counted once, as exactly as the money."""
    with pytest.raises(InvalidValueError, match=says):
        make()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Limit(name="both", uses=1, amount=POINTS.of(1)), "give one"),
        (lambda: Limit(name="none"), "give one"),
        (lambda: off(limits=[Limit(name="a", uses=1), Limit(name="a", uses=2)]), "a name each"),
        (lambda: off(limits=[3]), "members of Limit"),
        (lambda: off(limits=[Limit(name="most", amount=POINTS.of(9))]), "does not spend"),
        (lambda: off(cost=POINTS.of(1), voucher="coupon"), "not both"),
        (lambda: off(voucher_value="mug"), "name the key"),
        (lambda: off(cost=POINTS.of(1), automatic=True), "never automatic"),
        (lambda: Qualifying(every=2, every_amount=EUR.of(1)), "give one"),
        (lambda: FixedReward(name="mug", gives=["mug"]), "GiveCredit or GiveGrant"),  # type: ignore[list-item]
    ],
)
def test_rewards(make: Any, says: str) -> None:
    """What costs two things, or is limited in what it does not spend."""
    with pytest.raises(InvalidValueError, match=says):
        make()
