"""Programs of real shops' cases: each reads like the published rule that its case gives as terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from own_rules import Stays

from patronage import (
    BonusRule,
    Ceiling,
    Group,
    Life,
    MultiplierRule,
    On,
    PayWithPoints,
    PointsPolicy,
    Policy,
    Program,
    Reward,
    SpendRule,
    Stacking,
    Terms,
    Unit,
    UnitKind,
    currency,
)
from patronage.conditions import (
    AllOf,
    Between,
    HasGrant,
    Recurs,
)
from patronage.ledger import system
from patronage.periods import YEAR, parse_instant
from patronage.recurrence import Recurrence
from patronage.rules import Rule
from patronage.terms_of_time import years

USD, EUR, GBP, JPY = currency("USD"), currency("EUR"), currency("GBP"), currency("JPY")
POINTS = Unit("points")
STARS = Unit("stars", decimals=2)
CASH = Unit("cash", decimals=2)
DIVIDEND = Unit("dividend", decimals=2)
STARPOINTS = Unit("starpoints")
MILES = Unit("miles")
LOYALTY = Unit("loyalty_points", kind=UnitKind.QUALIFYING)
SPENT = Unit("spend", decimals=2, kind=UnitKind.QUALIFYING)
DRINKS = Unit("free_drinks")

ACTIVE = "active"
REDEEMED = "redeemed"
"""What a shop reports beside a redemption where redeeming counts as activity: policies are shown facts only."""


def program(
    time_zone: str,
    units: Sequence[Unit],
    policies: Sequence[Policy],
    rewards: Sequence[Reward] = (),
) -> Program:
    """A program of one version of terms."""
    terms = Terms(units=units, policies=policies, rewards=rewards)
    return Program(id="golden", time_zone=time_zone, terms=(terms,))


def starwood() -> Program:
    """
    Points per 1.00 of a ride while a stay of this calendar year is posted, on 10,000.00 a year; more in a stay.

    The rate changes by date; in a stay it is a multiple of the everyday rate, by tier, or by the
    promotion of February 2017 for who registered: the best one counts.
    """
    starts, changes, march = (parse_instant(f"{day}T00:00-05:00") for day in ("2015-02-25", "2017-02-01", "2017-03-01"))
    ends = parse_instant("2017-12-17T23:59:00-05:00")

    def in_stay(tier: str, factor: int) -> MultiplierRule:
        asks = AllOf((HasGrant("in-stay"), HasGrant("tier", values=(tier,))))
        return MultiplierRule(name=f"in-stay-{tier}", factor=factor, group="best", when=asks)

    def version(since: datetime, rate: str, factors: Mapping[str, int]) -> Terms:
        everyday = SpendRule(
            name="everyday",
            per=USD.of(rate),
            credit=STARPOINTS.of(1),
            whole=False,
            when=AllOf((HasGrant("stay"), Between(end=ends))),
            ceilings=(Ceiling(name="spend", limit=USD.of("10000.00"), per=YEAR),),
        )
        # 5 per 1.00 in place of one per 2.00.
        promoted = AllOf((HasGrant("in-stay"), HasGrant("promo"), Between(start=changes, end=march)))
        promo = MultiplierRule(name="promo", factor=10, group="best", when=promoted)
        rules: tuple[Rule, ...] = (everyday, *(in_stay(tier, factor) for tier, factor in factors.items()), promo)
        best = Group(name="best", stacking=Stacking.BEST)
        return Terms(
            units=(USD, STARPOINTS),
            policies=(Stays(name="stays"), PointsPolicy(name="rides", rules=rules, groups=(best,))),
            effective_from=since,
        )

    first = version(starts, "1.00", {"preferred": 2, "gold": 3, "platinum": 3, "platinum75": 4})
    second = version(changes, "2.00", {"preferred": 4, "gold": 4, "platinum": 4, "platinum75": 4})
    return Program(id="starwood", time_zone="America/New_York", terms=(first, second))


def rei() -> Program:
    """A dividend lives two years and then goes to donated capital; from 1 July it may be taken in cash."""
    issued = BonusRule(
        on=On.ACTIVITY,
        activity="dividend",
        credit=DIVIDEND.of("0.01"),
        life=Life(expires_after=years(2), goes_to=system("donated_capital")),
    )
    from_july = Recurs(Recurrence(starts=date(2019, 1, 1), months=range(7, 13)))
    return program(
        "America/Los_Angeles",
        (USD, DIVIDEND),
        (PointsPolicy(name="dividend", rules=(issued,)),),
        (
            PayWithPoints(name="purchase", points=DIVIDEND.of("0.01"), value=USD.of("0.01")),
            PayWithPoints(name="cash-out", points=DIVIDEND.of("0.01"), value=USD.of("0.01"), when=from_july),
        ),
    )
