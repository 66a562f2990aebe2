"""Programs of the cases of other systems: each reads like the rule that its case states in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from own_rules import LettersOfTheStore, NameLengthIsMultipleOf, OddDay, Refills, TotalIsMultipleOf

from patronage import (
    Base,
    BonusRule,
    Ceiling,
    Condition,
    FixedReward,
    Grain,
    Group,
    Life,
    LineKind,
    MultiplierRule,
    On,
    PayWithPoints,
    PointsPolicy,
    Policy,
    Program,
    QuantityRule,
    Reward,
    Rounding,
    SpendRule,
    Stacking,
    Terms,
    Unit,
    UnitKind,
    currency,
)
from patronage.bands import Band
from patronage.conditions import (
    AllOf,
    BalanceIs,
    Category,
    LineAttribute,
    Not,
    Quantity,
    Sku,
    Spend,
    Tag,
    TimeOfDay,
)
from patronage.periods import DAY, LIFETIME, MONTH, WEEK, YEAR, Period
from patronage.rules import Rule
from patronage.terms_of_time import OnDate, days

EUR, USD, JPY, INR = currency("EUR"), currency("USD"), currency("JPY"), currency("INR")
POINTS = Unit("points")
FINE_POINTS = Unit("points", decimals=2)
TENTHS = Unit("points", decimals=1)
FINE_USD = Unit("USD", decimals=4)
NET_SPEND = Unit("net_spend", decimals=4, kind=UnitKind.QUALIFYING)
FREE = Unit("free_units")
COUNT = Unit("purchases", kind=UnitKind.TALLY)
COUNTED = Unit("amount", decimals=2, kind=UnitKind.TALLY)
CREDIT = Unit("credit")
STORE_CREDIT = Unit("store_credit", decimals=2)
TOKENS = Unit("tokens", decimals=12)

ALL_KINDS = tuple(LineKind)
CHANGED = datetime(2026, 1, 2, tzinfo=UTC)
"""When terms change in cases that open with a counter above the limit of today."""


def program(
    units: Sequence[Unit],
    rules: Sequence[Rule] = (),
    *,
    groups: Sequence[Group] = (),
    before: Sequence[Policy] = (),
    rewards: Sequence[Reward] = (),
    time_zone: str = "UTC",
) -> Program:
    """One version of terms with one policy `earn`, and policies that come before it."""
    policies = [*before]
    if rules:
        policies.append(PointsPolicy(name="earn", rules=tuple(rules), groups=tuple(groups)))
    terms = Terms(units=tuple(units), policies=policies, rewards=rewards)
    return Program(id="golden", time_zone=time_zone, terms=(terms,))


# Earning and rounding.


def per_thousand_paid_in_money() -> Program:
    """One point for each whole 1000.00 after taking off what points paid; a point pays 1.00; lots live 10 days."""
    return program(
        (INR, POINTS),
        (
            SpendRule(
                per=INR.of("1000.00"),
                credit=POINTS.of(1),
                base=Base(less_tenders=("points",)),
                life=Life(expires_after=days(10)),
            ),
        ),
        rewards=(PayWithPoints(name="pay", points=POINTS.of(1), value=INR.of("1.00")),),
    )


def per_one_paid_in_money() -> Program:
    """One point for each whole 1.00 paid in money; a point pays 1.00 on any channel; lots live 10 days."""
    return program(
        (INR, POINTS),
        (
            SpendRule(
                per=INR.of("1.00"),
                credit=POINTS.of(1),
                base=Base(less_tenders=("points",)),
                life=Life(expires_after=days(10)),
            ),
        ),
        rewards=(PayWithPoints(name="pay", points=POINTS.of(1), value=INR.of("1.00")),),
    )


def five_per_one_before_own_reward() -> Program:
    """Five points per 1.00 with tax, before the program's own 20% reward of 500 points; lots live 90 days."""
    return program(
        (USD, POINTS),
        (
            SpendRule(
                per=USD.of("1.00"),
                credit=POINTS.of(5),
                whole=False,
                base=Base(tax=True, before_discounts=("reward",)),
                life=Life(expires_after=days(90)),
            ),
        ),
        rewards=(FixedReward(name="a-fifth-off", cost=POINTS.of(500)),),
    )


def rate_with_exclusions(
    *,
    without_skus: Sequence[str] = (),
    without_tags: Sequence[str] = (),
    only_tags: Sequence[str] = (),
    without_delivery: bool = False,
) -> Program:
    """Four points per 1.00 of each line that the rule admits: by SKU, by tag, with or without the delivery line."""
    asked: list[Condition] = []
    if without_skus:
        asked.append(Not(Sku(without_skus)))
    if without_tags:
        asked.append(Not(Tag(without_tags)))
    if only_tags:
        asked.append(Tag(only_tags))
    kinds = (LineKind.GOODS,) if without_delivery else ALL_KINDS
    lines = AllOf(tuple(asked)) if asked else None
    rule = SpendRule(
        per=EUR.of("1.00"),
        credit=FINE_POINTS.of(4),
        whole=False,
        grain=Grain.EVENT,
        base=Base(kinds=kinds),
        lines=lines,
    )
    return program((EUR, FINE_POINTS), (rule,))


def rates_multipliers_bonuses(
    rates: Sequence[str], multipliers: Sequence[tuple[str, str]] = (), products: Sequence[tuple[str, str]] = ()
) -> Program:
    """Rates add up per line, then multipliers work on lines of a tag, then product bonuses; rounded once."""
    rules: list[Rule] = [
        SpendRule(
            name=f"rate-{n}",
            per=EUR.of("1.00"),
            credit=FINE_POINTS.of(rate),
            whole=False,
            grain=Grain.EVENT,
            base=Base(kinds=ALL_KINDS),
        )
        for n, rate in enumerate(rates, 1)
    ]
    named = tuple(f"rate-{n}" for n, _ in enumerate(rates, 1))
    rules += [
        MultiplierRule(name=f"x-{tag}", of=named, factor=factor, lines=Tag((tag,))) for factor, tag in multipliers
    ]
    rules += [BonusRule(credit=FINE_POINTS.of(bonus), when=Sku((sku,))) for sku, bonus in products]
    return program((EUR, FINE_POINTS), rules)


def fixed_or_per_amount(kind: str, points: str) -> Program:
    """Fixed points for each of a count, or points per whole 1.00 of money."""
    rule: Rule = SpendRule(per=EUR.of("1.00"), credit=POINTS.of(points))
    if kind == "fixed":
        rule = BonusRule(on=On.ACTIVITY, activity="thing", credit=POINTS.of(points))
    return program((EUR, POINTS), (rule,))


def banded_flat(base: str, tiers: Sequence[tuple[str, str]]) -> Program:
    """The whole amount takes the flat sum of the band it falls in, thresholds inclusive."""
    over = [None, *(USD.of(threshold) for threshold, _ in tiers)]
    under = [*over[1:], None]
    sums = [base, *(flat for _, flat in tiers)]
    rules: list[Rule] = [
        BonusRule(
            credit=USD.of(flat),
            when=None if low is None and high is None else Spend(at_least=low, below=high),
        )
        for flat, low, high in zip(sums, over, under, strict=True)
    ]
    return program((USD,), rules)


def banded_percent(base: str, tiers: Sequence[tuple[str, str]]) -> Program:
    """The whole amount takes the percent of the band it falls in, thresholds inclusive."""
    rule = SpendRule(
        per=USD.of("100.00"),
        credit=USD.of(base),
        whole=False,
        marginal=False,
        bands=tuple(Band(over=USD.of(threshold), credit=USD.of(percent)) for threshold, percent in tiers),
        rounding=Rounding.HALF_UP,
    )
    return program((USD,), (rule,))


def percent_of(money: Unit, percent: str, rounding: Rounding = Rounding.HALF_UP) -> Program:
    """So many percent of a purchase, rounded once to the currency's smallest step."""
    whole = money.of(100)
    rule = SpendRule(per=whole, credit=money.of(percent), whole=False, rounding=rounding)
    return program((money,), (rule,))


def five_per_one() -> Program:
    """Five points per 1.00, exact."""
    return program((EUR, POINTS), (SpendRule(per=EUR.of("1.00"), credit=POINTS.of(5)),))


def seven_rules_of_a_receipt() -> Program:
    """Seven independent rules add up; those that read names, days or multiples are the shop's own."""
    return program(
        (USD, POINTS),
        (
            BonusRule(name="whole-dollars", credit=POINTS.of(50), when=TotalIsMultipleOf(USD.of("1.00"))),
            BonusRule(name="quarters", credit=POINTS.of(25), when=TotalIsMultipleOf(USD.of("0.25"))),
            QuantityRule(name="pairs", credit=POINTS.of(5), per=2),
            SpendRule(
                name="names-of-three",
                per=USD.of("5.00"),
                credit=POINTS.of(1),
                whole=False,
                lines=NameLengthIsMultipleOf(3),
                rounding=Rounding.CEILING,
                grain=Grain.LINE,
            ),
            BonusRule(name="odd-day", credit=POINTS.of(6), when=OddDay()),
            # After 14:00 and before 16:00, to the minute that a receipt prints.
            BonusRule(name="tea-time", credit=POINTS.of(10), when=TimeOfDay(start=time(14, 1), end=time(16))),
        ),
        before=(LettersOfTheStore(name="letters", credit=POINTS.of(1)),),
    )


# Minimum spend.


def ten_percent_of_three_and_enough() -> Program:
    """10% off when the cart holds at least 3 of A and totals at least 320.00; both must hold."""
    needs = AllOf((Quantity(3, lines=Sku(("A",))), Spend(at_least=USD.of("320.00"))))
    return program((USD,), (SpendRule(per=USD.of("1.00"), credit=USD.of("0.10"), whole=False, when=needs),))


def minimum_to_earn(minimum: str) -> Program:
    """A purchase earns from a minimum on, inclusive."""
    rule = SpendRule(per=USD.of("1.00"), credit=POINTS.of(1), when=Spend(at_least=USD.of(minimum)))
    return program((USD, POINTS), (rule,))


# Lots, debt, holds.


def plain_points() -> Program:
    """Points come and go by hand; the earliest to expire go first."""
    return program((USD, POINTS), rewards=(PayWithPoints(name="spend", points=POINTS.of(1), value=USD.of("0.01")),))


def by_priority(*labels: str) -> Program:
    """Credit is used by priority, then by expiry, then by age: a label for each priority, ranked."""
    return program(
        (USD, CREDIT),
        rewards=(PayWithPoints(name="use", points=CREDIT.of(1), value=USD.of("0.01"), labels=labels),),
    )


def refilled_daily() -> Program:
    """A credit of first priority is filled up to 100 each day; the policy is the shop's own."""
    return program(
        (USD, CREDIT),
        before=(Refills(name="refill", starts="g1", to=CREDIT.of(100), label="priority-1", every=days(1)),),
        rewards=(
            PayWithPoints(name="use", points=CREDIT.of(1), value=USD.of("0.01"), labels=("priority-1", "priority-2")),
        ),
    )


def awards_pending_until_released() -> Program:
    """Awards wait for their release, which gives them their date; a reservation takes the first to expire."""

    def award(name: str, until: date) -> BonusRule:
        life = Life(on_confirmation=True, expires_after=OnDate(day=until))
        return BonusRule(name=name, on=On.ACTIVITY, activity=name, credit=POINTS.of(1), life=life)

    return program(
        (USD, POINTS),
        (award("one", date(2027, 9, 10)), award("two", date(2027, 1, 12))),
        rewards=(PayWithPoints(name="spend", points=POINTS.of(1), value=USD.of("0.01")),),
    )


def half_point_rewards() -> Program:
    """A reward costs half a point; a purchase earns one."""
    return program(
        (USD, TENTHS),
        (BonusRule(credit=TENTHS.of(1)),),
        rewards=(FixedReward(name="treat", cost=TENTHS.of("0.5")),),
    )


def stored_value() -> Program:
    """Store credit pays like money, cent for cent, up to its balance."""
    return program(
        (USD, STORE_CREDIT),
        rewards=(
            PayWithPoints(
                name="gift-card", points=STORE_CREDIT.of("0.01"), value=USD.of("0.01"), kinds=ALL_KINDS, exactly=False
            ),
            PayWithPoints(name="exactly", points=STORE_CREDIT.of("0.01"), value=USD.of("0.01")),
        ),
    )


def stake() -> Program:
    """Tokens are held back, and released: a part is burned, the rest returns."""
    return program((USD, TOKENS), rewards=(PayWithPoints(name="stake", points=TOKENS.of(1), value=USD.of("0.01")),))


# Refunds and ceilings.


def ten_percent_from_the_fifth(budget: str) -> Program:
    """10% from the 5th purchase of at least 100.00, at most *budget* in all; count and amount are tallies."""
    enough = Spend(at_least=EUR.of("100.00"))
    fifth = AllOf((enough, BalanceIs(at_least=COUNT.of(5))))
    return program(
        (EUR, COUNT, COUNTED),
        (
            SpendRule(
                name="cashback",
                per=EUR.of("10.00"),
                credit=EUR.of("1.00"),
                whole=False,
                rounding=Rounding.HALF_DOWN,
                when=fifth,
                ceilings=(Ceiling(name="budget", limit=EUR.of(budget), per=LIFETIME),),
            ),
            SpendRule(name="amount", per=EUR.of("0.01"), credit=COUNTED.of("0.01"), when=fifth),
        ),
        before=(PointsPolicy(name="count", rules=(BonusRule(credit=COUNT.of(1), when=enough),)),),
    )


def ten_percent_a_week(limit: str, budget: str) -> Program:
    """10% within a limit a week and a budget in all."""
    rule = SpendRule(
        per=EUR.of("10.00"),
        credit=EUR.of("1.00"),
        whole=False,
        rounding=Rounding.HALF_DOWN,
        ceilings=(
            Ceiling(name="week", limit=EUR.of(limit), per=WEEK),
            Ceiling(name="budget", limit=EUR.of(budget), per=LIFETIME),
        ),
    )
    return program((EUR,), (rule,))


PERIODS: dict[str, Period] = {"day": DAY, "week": WEEK, "month": MONTH, "year": YEAR}


def limit_of_a_period(period: str, limit: str) -> Program:
    """
    What a purchase is worth, cut to what is left of its period's limit.

    Until the terms change there is room enough: so a case can open above the limit.
    """

    def terms(limit: str, since: datetime | None) -> Terms:
        ceiling = Ceiling(name="limit", limit=EUR.of(limit), per=PERIODS[period])
        rule = SpendRule(per=EUR.of("0.01"), credit=EUR.of("0.01"), ceilings=(ceiling,))
        policy = PointsPolicy(name="earn", rules=(rule,))
        if since is None:
            return Terms(units=(EUR,), policies=(policy,))
        return Terms(units=(EUR,), policies=(policy,), effective_from=since)

    return Program(id="golden", time_zone="UTC", terms=(terms("1000.00", None), terms(limit, CHANGED)))


def birthday_bonus(used: int) -> Program:
    """
    A birthday bonus of 500, at most 500 a calendar year, cut to what is left.

    Until the terms change a birthday gave *used*, and as much was the limit.
    """

    def terms(bonus: int, since: datetime | None) -> Terms:
        ceiling = Ceiling(name="year", limit=POINTS.of(bonus), per=YEAR)
        rule = BonusRule(
            name="birthday", on=On.ACTIVITY, activity="birthday", credit=POINTS.of(bonus), ceilings=(ceiling,)
        )
        policy = PointsPolicy(name="earn", rules=(rule,))
        if since is None:
            return Terms(units=(POINTS,), policies=(policy,))
        return Terms(units=(POINTS,), policies=(policy,), effective_from=since)

    versions = (terms(used, None), terms(500, CHANGED)) if used else (terms(500, None),)
    return Program(id="golden", time_zone="UTC", terms=versions)


def base_capped_multiplier_not() -> Program:
    """
    Five per 1.00, the base at most 40 an event; one multiplier, of highest priority, on its lines; 25 on top.

    A multiplier that works on the uncapped base is a rate of its own: x 2 adds 5 per 1.00, x 3 adds 10.
    """
    excluded = (Category(("clearance",)), LineAttribute("paid_with", ("gift-card",)))
    counts = AllOf(tuple(Not(each) for each in excluded))
    skincare = AllOf((counts, Category(("skincare",))))

    def rate(name: str, points: int, lines: AllOf, group: str | None = None, limit: int | None = None) -> SpendRule:
        return SpendRule(
            name=name,
            per=EUR.of("1.00"),
            credit=POINTS.of(points),
            whole=False,
            grain=Grain.EVENT,
            lines=lines,
            group=group,
            ceilings=() if limit is None else (Ceiling(name="cap", limit=POINTS.of(limit)),),
        )

    return program(
        (EUR, POINTS),
        (
            rate("base", 5, counts, limit=40),
            rate("vip", 5, skincare, "multipliers"),
            rate("august", 10, skincare, "multipliers"),
            BonusRule(name="bonus", credit=POINTS.of(25)),
        ),
        groups=(Group(name="multipliers", stacking=Stacking.FIRST),),
    )


def balance_at_most(limit: str) -> Program:
    """A credit that would lift the balance above a limit is refused whole."""
    ceiling = Ceiling(name="most", limit=CREDIT.of(limit), on_balance=True, whole=True)
    rule = BonusRule(on=On.ACTIVITY, activity="top-up", credit=CREDIT.of(1), ceilings=(ceiling,))
    return program((CREDIT,), (rule,))


def free_unit_per(paid: str, percent: str | None) -> Program:
    """Every so many paid units add one free unit; a percent discount, if any, falls on the paid units."""
    rules: list[Rule] = [QuantityRule(name="free", credit=FREE.of(1), per=paid)]
    if percent is not None:
        rules.append(SpendRule(name="percent", per=USD.of("100.00"), credit=USD.of(percent), whole=False))
    return program((USD, FREE), rules)


def net_spend_to_four_places() -> Program:
    """What is kept of a purchase counts, to four places: what a refund takes back is the money of what came back."""
    return program((FINE_USD, NET_SPEND), (SpendRule(per=FINE_USD.of("0.0001"), credit=NET_SPEND.of("0.0001")),))
