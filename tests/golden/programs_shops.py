"""Programs of real shops' cases: each reads like the published rule that its case gives as terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from own_rules import Gives, PerMeasure, Stays, ToStartOfDay

from patronage import (
    Amount,
    Base,
    BonusRule,
    Ceiling,
    FixedReward,
    Grain,
    Group,
    Life,
    MultiplierRule,
    On,
    PayWithPoints,
    PointsPolicy,
    Policy,
    Program,
    Reward,
    Rounding,
    SpendRule,
    Stacking,
    Step,
    StepTable,
    Terms,
    Unit,
    UnitKind,
    currency,
)
from patronage.conditions import (
    AllOf,
    Between,
    Category,
    Channel,
    EventAttribute,
    HasGrant,
    Not,
    PaidByRedemption,
    Recurs,
)
from patronage.ledger import system
from patronage.periods import DAY, LIFETIME, MONTH, QUARTER, YEAR, parse_instant
from patronage.recurrence import Recurrence
from patronage.rules import Rule
from patronage.terms_of_time import EndOfPeriod, Rolling, Until, days, hours, months, years

USD, EUR, GBP, JPY = currency("USD"), currency("EUR"), currency("GBP"), currency("JPY")
POINTS = Unit("points")
STARS = Unit("stars", decimals=2)
CASH = Unit("cash", decimals=2)
DIVIDEND = Unit("dividend", decimals=2)
STARPOINTS = Unit("starpoints")
MILES = Unit("miles")
LOYALTY = Unit("loyalty_points", kind=UnitKind.QUALIFYING)
SPENT = Unit("spend_window", decimals=2, kind=UnitKind.QUALIFYING)
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


def active_for(lasts: ToStartOfDay | None, months_long: int) -> Gives:
    """Every purchase and redemption keeps a member active: so long, to the instant or by the day."""
    return Gives(
        name="activity",
        key=ACTIVE,
        purchases=True,
        activities=(REDEEMED,),
        lasts=lasts or months(months_long),
    )


# Starbucks: stars per 1.00 by tender; they go on the first of the month after six full months.

SIX_FULL_MONTHS = EndOfPeriod(period=MONTH, following=6)


def starbucks() -> Program:
    """2 stars per 1.00 on a registered card, else 1, not on alcohol; the catalogue changes by date."""

    def stars(tender: str, rate: str) -> SpendRule:
        return SpendRule(
            name=tender,
            per=USD.of("1.00"),
            credit=STARS.of(rate),
            whole=False,
            base=Base(only_tenders=(tender,)),
            lines=Not(Category(("alcohol",))),
            grain=Grain.EVENT,
            life=Life(expires_after=SIX_FULL_MONTHS),
        )

    def version(since: str, catalogue: dict[str, int]) -> Terms:
        rewards = tuple(FixedReward(name=name, cost=STARS.of(cost)) for name, cost in catalogue.items())
        policy = PointsPolicy(name="stars", rules=(stars("registered_card", "2"), stars("other", "1")))
        return Terms(
            units=(USD, STARS),
            policies=(policy,),
            rewards=rewards,
            effective_from=parse_instant(f"{since}T00:00-08:00"),
        )

    old = {"customisation": 25, "brewed_coffee": 50, "handcrafted": 150, "lunch": 200, "packaged_coffee": 400}
    new = {"customisation": 25, "brewed_coffee": 100, "handcrafted": 200, "lunch": 300, "packaged_coffee": 300}
    return Program(
        id="starbucks",
        time_zone="America/Los_Angeles",
        terms=(version("2019-04-16", {**old, "merch": 400}), version("2023-02-13", {**new, "merch": 400})),
    )


def starbucks_green() -> Program:
    """The green level of 2026: a date moves on by a month where the member was active in the month before it."""
    active = Gives(name="activity", key=ACTIVE, purchases=True, lasts=EndOfPeriod(period=MONTH, following=1))
    rule = SpendRule(
        per=USD.of("1.00"),
        credit=STARS.of(1),
        whole=False,
        lines=Not(Category(("alcohol",))),
        life=Life(expires_after=SIX_FULL_MONTHS, held_by=ACTIVE),
    )
    return program("America/Los_Angeles", (USD, STARS), (active, PointsPolicy(name="stars", rules=(rule,))))


# Walgreens: points and steps, then cash and steps; both by lot and by inactivity.


def walgreens_points() -> Program:
    """10 points per 1.00, none where the order is paid with points; one step an order; the steps change by date."""
    active = Gives(
        name="activity",
        key=ACTIVE,
        purchases=True,
        activities=(REDEEMED, "prescription", "walk_mile"),
        lasts=ToStartOfDay(months(6)),
    )
    life = Life(expires_after=ToStartOfDay(months(36)), needs=ACTIVE)

    def version(since: str, steps: Sequence[tuple[int, str]]) -> Terms:
        return Terms(
            units=(USD, POINTS),
            policies=(
                active,
                PointsPolicy(
                    name="points",
                    rules=(
                        # 10 per 1.00, floored on the order and not on each 1.00.
                        SpendRule(
                            per=USD.of("1.00"),
                            credit=POINTS.of(10),
                            whole=False,
                            when=Not(PaidByRedemption()),
                            life=life,
                        ),
                        BonusRule(on=On.ACTIVITY, activity="prescription", credit=POINTS.of(500), life=life),
                    ),
                ),
                PerMeasure(name="walking", activity="walk_mile", measure="miles", credit=POINTS.of(10)),
            ),
            rewards=(
                StepTable(
                    name="best_step",
                    steps=tuple(Step(cost=POINTS.of(cost), value=USD.of(value)) for cost, value in steps),
                ),
            ),
            effective_from=parse_instant(f"{since}T00:00-05:00"),
        )

    first = (
        (1000, "1.00"),
        (2000, "2.00"),
        (3000, "3.00"),
        (5000, "5.00"),
        (10000, "10.00"),
        (18000, "20.00"),
        (30000, "35.00"),
        (40000, "50.00"),
    )
    second = ((1000, "1.00"), (2000, "2.00"), (3000, "3.00"), (4000, "4.00"), (5000, "5.00"))
    return Program(
        id="walgreens",
        time_zone="America/Chicago",
        terms=(version("2013-05-05", first), version("2018-11-01", second)),
    )


def walgreens_cash(grain: Grain = Grain.LINE, rounding: Rounding = Rounding.HALF_UP) -> Program:
    """1% cash, 5% on the store's brand, rounded on each line; steps of cash; 12 months, and 6 without activity."""
    own_brand = Category(("store_brand",))
    life = Life(expires_after=ToStartOfDay(months(12)), needs=ACTIVE)

    def cash(name: str, percent: str, lines: Category | Not) -> SpendRule:
        return SpendRule(
            name=name,
            per=USD.of("100.00"),
            credit=CASH.of(percent),
            whole=False,
            lines=lines,
            grain=grain,
            rounding=rounding,
            life=life,
        )

    steps = ("1.00", "2.00", "3.00", "4.00", "5.00", "10.00", "20.00")
    return program(
        "America/Chicago",
        (USD, CASH),
        (
            active_for(ToStartOfDay(months(6)), 6),
            PointsPolicy(name="cash", rules=(cash("base", "1.00", Not(own_brand)), cash("own", "5.00", own_brand))),
        ),
        (StepTable(name="cash", steps=tuple(Step(cost=CASH.of(step), value=USD.of(step)) for step in steps)),),
    )


# Points that wait.


def huel() -> Program:
    """1 point per 1.00 of goods, 2 on a subscription; usable four days later."""

    def points(name: str, rate: int, subscription: bool) -> SpendRule:
        subscribed = EventAttribute("subscription", (True,))
        return SpendRule(
            name=name,
            per=GBP.of("1.00"),
            credit=POINTS.of(rate),
            whole=False,
            when=subscribed if subscription else Not(subscribed),
            life=Life(available_after=days(4)),
        )

    rules = (points("single", 1, False), points("subscription", 2, True))
    return program("Europe/London", (GBP, POINTS), (PointsPolicy(name="points", rules=rules),))


def rakuten() -> Program:
    """1 point per 100 yen of an order, usable 20 days later; limited points are spent first."""
    rule = SpendRule(per=JPY.of(100), credit=POINTS.of(1), life=Life(available_after=days(20)))
    return program(
        "Asia/Tokyo",
        (JPY, POINTS),
        (PointsPolicy(name="points", rules=(rule,)),),
        (PayWithPoints(name="pay", points=POINTS.of(1), value=JPY.of(1), labels=("limited", None)),),
    )


# Rates by status, offer and category.


def nordstrom() -> Program:
    """
    2 points per 1.00 and line; multipliers do not combine, the best counts, at most 10 per 1.00.

    A named brand is doubled instead of any other multiplier. A multiplied rate is a rule of its own,
    for the cap holds for the rate.
    """
    named = Category(("lv",))

    def rate(name: str, points: int, asks: EventAttribute | None, lines: Category | Not) -> SpendRule:
        return SpendRule(
            name=name,
            per=USD.of("1.00"),
            credit=POINTS.of(points),
            whole=False,
            grain=Grain.LINE,
            when=asks,
            lines=lines,
            group="best",
            ceilings=(Ceiling(name=f"cap-{name}", limit=POINTS.of(10), per_money=USD.of("1.00")),),
        )

    rules = (
        rate("base", 2, None, Not(named)),
        rate("brand", 4, None, named),
        rate("personal-day", 6, EventAttribute("personal_day", ("3",)), Not(named)),
        rate("event", 12, EventAttribute("event", ("6",)), Not(named)),
    )
    best = Group(name="best", stacking=Stacking.BEST, by_line=True)
    return program("America/Los_Angeles", (USD, POINTS), (PointsPolicy(name="points", rules=rules, groups=(best,)),))


def sephora(grain: Grain = Grain.RULE, rounding: Rounding = Rounding.FLOOR) -> Program:
    """1 point per 1.00 by status, less what points paid; 500 points are 10.00; 12 months without activity end all."""
    rule = SpendRule(
        name="base",
        per=USD.of("1.00"),
        credit=POINTS.of(1),
        whole=False,
        base=Base(less_tenders=("points",)),
        grain=grain,
        rounding=rounding,
        life=Life(needs=ACTIVE),
    )
    tiers = (
        MultiplierRule(name="vib", factor="1.25", when=HasGrant("tier", values=("vib",))),
        MultiplierRule(name="rouge", factor="1.5", when=HasGrant("tier", values=("rouge",))),
    )
    return program(
        "America/Los_Angeles",
        (USD, POINTS),
        (active_for(None, 12), PointsPolicy(name="points", rules=(rule, *tiers))),
        (
            PayWithPoints(name="cash", points=POINTS.of(500), value=USD.of("10.00"), order_minimum=USD.of("10.00")),
            PayWithPoints(name="points", points=POINTS.of(1), value=USD.of("0.02")),
        ),
    )


def chase() -> Program:
    """
    1%, 3% on dining and drugstores; 4 more on the quarter's categories once activated, on 1,500.00 a quarter.

    Cash back and spend are one money: *of_spend* says which of the two the ceiling is of.
    """

    def percent(name: str, rate: str, lines: Category | Not, quarter: str | None = None) -> SpendRule:
        return SpendRule(
            name=name,
            per=USD.of("100.00"),
            credit=USD.of(rate),
            whole=False,
            grain=Grain.LINE,
            rounding=Rounding.HALF_UP,
            lines=lines,
            when=None if quarter is None else HasGrant("rotating", values=(quarter,)),
            ceilings=()
            if quarter is None
            else (Ceiling(name="bonus", limit=USD.of("1500.00"), per=QUARTER, of_spend=True),),
        )

    fixed = Category(("dining", "drugstore"))
    activation = Gives(
        name="activation", key="rotating", value="2025Q1", activities=("activate",), lasts=EndOfPeriod(period=QUARTER)
    )
    rules = (
        percent("base", "1.00", Not(fixed)),
        percent("fixed", "3.00", fixed),
        percent("rotating", "4.00", Category(("grocery", "dining")), "2025Q1"),
    )
    return program("America/New_York", (USD,), (activation, PointsPolicy(name="cashback", rules=rules)))


OFFER = Gives(
    name="activation",
    key="coffee3x",
    activities=("activate",),
    lasts=days(7, until=Until.END_OF_DAY, inclusive=True),
)


def offers(stacking: Stacking) -> Program:
    """1 point per 1.00, x 1.5 by tier, x 3 on coffee once activated: added over the base, or multiplied."""
    rules: tuple[Rule, ...] = (
        SpendRule(name="base", per=EUR.of("1.00"), credit=POINTS.of(1), whole=False),
        MultiplierRule(name="tier", factor="1.5", group="factors"),
        MultiplierRule(
            name="coffee3x", factor=3, group="factors", lines=Category(("coffee",)), when=HasGrant("coffee3x")
        ),
    )
    groups = (Group(name="factors", stacking=stacking),)
    return program("Europe/Berlin", (EUR, POINTS), (OFFER, PointsPolicy(name="points", rules=rules, groups=groups)))


def offers_capped() -> Program:
    """The same added over the base, the offer's own part at most 500: two more per 1.00 of coffee."""
    rules: tuple[Rule, ...] = (
        SpendRule(name="base", per=EUR.of("1.00"), credit=POINTS.of(1), whole=False, grain=Grain.EVENT),
        MultiplierRule(name="tier", of=("base",), factor="1.5"),
        SpendRule(
            name="coffee3x",
            per=EUR.of("1.00"),
            credit=POINTS.of(2),
            whole=False,
            grain=Grain.EVENT,
            lines=Category(("coffee",)),
            when=HasGrant("coffee3x"),
            ceilings=(Ceiling(name="bonus", limit=POINTS.of(500), per=LIFETIME),),
        ),
    )
    return program("Europe/Berlin", (EUR, POINTS), (OFFER, PointsPolicy(name="points", rules=rules)))


def panera() -> Program:
    """One free drink in two elapsed hours for members."""
    rule = BonusRule(
        on=On.ACTIVITY,
        activity="drink",
        credit=DRINKS.of(1),
        when=HasGrant("membership"),
        ceilings=(Ceiling(name="interval", limit=DRINKS.of(1), per=Rolling(term=hours(2))),),
    )
    joined = Gives(name="joining", key="membership", activities=("join",), lasts=months(1))
    return program("America/Chicago", (USD, DRINKS), (joined, PointsPolicy(name="drinks", rules=(rule,))))


def microsoft() -> Program:
    """5 points a search: at most 50 a local day on level 1; on level 2, 150 on a PC and 100 on a mobile."""

    def search(name: str, level: str, channels: Sequence[str], limit: int) -> BonusRule:
        return BonusRule(
            name=name,
            on=On.ACTIVITY,
            activity="search",
            credit=POINTS.of(5),
            when=AllOf((HasGrant("level", values=(level,)), Channel(channels))),
            ceilings=(Ceiling(name=name, limit=POINTS.of(limit), per=DAY),),
        )

    rules = (
        search("level-1", "L1", ("pc", "mobile"), 50),
        search("level-2-pc", "L2", ("pc",), 150),
        search("level-2-mobile", "L2", ("mobile",), 100),
    )
    return program("Europe/London", (USD, POINTS), (PointsPolicy(name="points", rules=rules),))


def toms() -> Program:
    """1 point per 1.00; whole blocks of 100 are 5.00 off, or for a charity."""
    rule = SpendRule(per=USD.of("1.00"), credit=POINTS.of(1))
    return program(
        "America/Los_Angeles",
        (USD, POINTS),
        (PointsPolicy(name="points", rules=(rule,)),),
        (PayWithPoints(name="donation", points=POINTS.of(100), value=USD.of("5.00"), exactly=False),),
    )


def odacite() -> Program:
    """1 point per 1.00, floored on the order; the spend itself counts for twelve months."""
    rules = (
        SpendRule(name="points", per=USD.of("1.00"), credit=POINTS.of(1)),
        SpendRule(name="spend", per=USD.of("0.01"), credit=SPENT.of("0.01"), life=Life(expires_after=months(12))),
    )
    return program("America/Los_Angeles", (USD, POINTS, SPENT), (PointsPolicy(name="points", rules=rules),))


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


AIRLINE_RATES = {"general": 5, "gold": 7, "platinum": 8, "platinum_pro": 9, "exec_platinum": 11}


def american() -> Program:
    """Miles per 1.00 of fare by status, as many Loyalty Points (not for bonus miles); 24 months of inactivity."""
    active = Gives(name="activity", key=ACTIVE, purchases=True, activities=("partner", REDEEMED), lasts=months(24))

    def rate(unit: Unit, tier: str, n: int, life: Life) -> SpendRule:
        return SpendRule(
            name=f"{unit.code}-{tier}",
            per=USD.of("1.00"),
            credit=unit.of(n),
            whole=False,
            rounding=Rounding.HALF_UP,
            when=HasGrant("tier", values=(tier,)),
            life=life,
        )

    def partner(name: str, activity: str, credit: Amount, life: Life) -> BonusRule:
        return BonusRule(name=name, on=On.ACTIVITY, activity=activity, credit=credit, life=life)

    spendable, qualifying = Life(needs=ACTIVE), Life()
    rules: list[Rule] = [rate(MILES, tier, n, spendable) for tier, n in AIRLINE_RATES.items()]
    rules += [rate(LOYALTY, tier, n, qualifying) for tier, n in AIRLINE_RATES.items()]
    rules += [
        partner("partner", "partner", MILES.of(1), spendable),
        partner("partner-counts", "partner", LOYALTY.of(1), qualifying),
        partner("partner-bonus", "partner_bonus", MILES.of(1), spendable),
    ]
    return program(
        "America/Chicago",
        (USD, MILES, LOYALTY),
        (active, PointsPolicy(name="miles", rules=tuple(rules))),
        (PayWithPoints(name="miles", points=MILES.of(1), value=USD.of("0.01")),),
    )


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
