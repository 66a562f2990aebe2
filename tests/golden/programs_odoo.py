"""
The programs of the Odoo cases, said with the library: each promotion, coupon, card and wallet as terms.

A promotion costs nothing and says which carts qualify; one with several rewards, and a loyalty
program, has points of its own. A coupon is a grant with uses, a gift card a lot labelled with its
code, a wallet a balance. Nothing here is a policy or a reward of the shop's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from patronage import (
    Base,
    BonusRule,
    Condition,
    LineKind,
    PayWithPoints,
    PointsPolicy,
    Program,
    QuantityRule,
    Reward,
    SpendRule,
    Terms,
    Unit,
    UnitKind,
    currency,
)
from patronage.conditions import AllOf, AnyOf, Category, EventAttribute, Not, Quantity, Sku, Spend, Tag
from patronage.request_conditions import CodeGiven
from patronage.rewards import (
    AmountOff,
    CartGift,
    CartReward,
    FreeItems,
    FreeShipping,
    ItemsOff,
    Limit,
    MoneyVoucher,
    PercentOff,
    Pick,
    Qualifying,
    SetPrice,
)
from patronage.thresholds import Consumes, GiveGrant, Repeats, Threshold

Facts = Mapping[str, Any]

USD: Final = currency("USD")
CREDIT: Final = "credit"
"""The kind of a discount that a line of a negative price is."""
WALLETS: Final = ("ewallet", "gift_card")
ORDER_WIDE: Final = ("percent_off", "amount_off")


def held(program: Facts) -> bool:
    """Whether its points are kept on a card: a loyalty card, a wallet, a gift card."""
    return program["kind"] in ("loyalty", *WALLETS)


def has_points(program: Facts) -> bool:
    """Whether its points are a unit: those of a card, and those that several rewards share."""
    if held(program):
        return True
    return program["kind"] == "promotion" and len(program["rewards"]) > 1


def by_coupon(program: Facts) -> bool:
    """Whether a voucher opens it: a coupon, or what an earlier order gave."""
    later = program["points_usable_on"] == "future_orders" and not held(program)
    return later or (program["kind"] == "coupon" and program["trigger"] == "code")


def gives_later(program: Facts) -> bool:
    """Whether an order gives a coupon for later ones."""
    return program["points_usable_on"] == "future_orders" and not held(program)


def unit_of(program: Facts) -> Unit:
    """The unit of a program's points."""
    later = gives_later(program)
    return Unit(program["id"], decimals=0 if later else 2, kind=UnitKind.TALLY if later else UnitKind.REDEEMABLE)


def reward_name(program: Facts, reward: Facts) -> str:
    """What the reward is called in the terms."""
    return str(program["id"]) if len(program["rewards"]) == 1 else f"{program['id']}-{reward['id']}"


def codes_of(program: Facts) -> list[str]:
    """The codes that open it to everyone."""
    return [rule["code"] for rule in program["earn_rules"] if "code" in rule]


def code_attribute(code: str) -> str:
    """The attribute of an order in which the code was entered."""
    return f"code {code}"


def matching(match: Any) -> Condition | None:
    """Which lines a match names; None for all."""
    if match in ("any", None):
        return None
    found: list[Condition] = []
    for key, condition in (("skus", Sku), ("categories", Category), ("tags", Tag)):
        if match.get(key):
            found.append(condition(match[key]))
    if match.get("exclude_skus"):
        found.append(Not(Sku(match["exclude_skus"])))
    return found[0] if len(found) == 1 else AllOf(found)


def program_of(programs: Iterable[Facts], *, preview: bool = False) -> Program:
    """All programs of a case as one; for a *preview* without what may only be spent on later orders."""
    programs = list(programs)
    units = [USD, *(unit_of(each) for each in programs if has_points(each) or gives_later(each))]
    shown = [each for each in programs if not preview or each["points_usable_on"] != "future_orders"]
    policies = [policy for each in shown for policy in policies_of(each, programs)]
    rewards = [reward for each in programs for reward in rewards_of(each)]
    return Program(id="shop", time_zone="UTC", terms=Terms(units=units, policies=policies, rewards=rewards))


# Earning.


def policies_of(program: Facts, programs: Iterable[Facts]) -> list[PointsPolicy]:
    """What an order earns in the program."""
    if not (has_points(program) or gives_later(program)) or not program["earn_rules"]:
        return []
    rules = [rule_of(program, rule, programs) for rule in program["earn_rules"]]
    thresholds = []
    if gives_later(program):
        coupon = GiveGrant(key=program["id"], uses=1)
        thresholds = [
            Threshold(
                name="coupon",
                at_least=unit_of(program).of(1),
                gives=[coupon],
                repeats=Repeats.EVERY_STEP,
                consumes=Consumes.STEPS,
            )
        ]
    return [PointsPolicy(name=program["id"], rules=rules, thresholds=thresholds)]


def rule_of(program: Facts, rule: Facts, programs: Iterable[Facts]) -> SpendRule | QuantityRule | BonusRule:
    """One rule: for the order, each unit or the money of what matches, where enough of it is there."""
    credit = unit_of(program).of(Decimal(rule["earn"]["points"]))
    lines, per = matching(rule["match"]), rule["earn"]["per"]
    conditions: list[Condition] = []
    if Decimal(rule["min_quantity"]) > 0 and per == "order":
        conditions.append(Quantity(rule["min_quantity"], lines=lines))
    if Decimal(rule["min_amount"]) > 0:
        own = [reward_name(program, reward) for reward in program["rewards"]]
        conditions.append(Spend(at_least=USD.of(rule["min_amount"]), before_discounts=own))
    if "code" in rule:
        conditions.append(EventAttribute(code_attribute(rule["code"]), [True]))
    when = AllOf(conditions) if conditions else None
    if per == "order":
        return BonusRule(credit=credit, when=when)
    if per == "unit" and program["kind"] not in WALLETS:
        return QuantityRule(credit=credit, lines=lines, when=when)
    # A discount that is not of what matches takes nothing off what it earns; nor does the program's own reward.
    whose = programs if lines is not None else [program]
    before = [reward_name(each, reward) for each in whose for reward in each["rewards"]]
    kinds = [LineKind.GIFT_CARD] if program["kind"] == "gift_card" else [LineKind.GOODS]
    base = Base(tax=True, before_discounts=before, kinds=kinds)
    return SpendRule(per=USD.of(1), credit=credit, lines=lines, when=when, whole=False, base=base)


# Spending.


def rewards_of(program: Facts) -> list[Reward]:
    """The rewards of the program."""
    return [reward_of(program, reward) for reward in program["rewards"]]


def reward_of(program: Facts, reward: Facts) -> Reward:
    """One reward: what it costs, whom it is for, what it gives."""
    name, limits = reward_name(program, reward), limits_of(program)
    if program["kind"] in WALLETS:
        return MoneyVoucher(
            name=name,
            cost=unit_of(program).of("0.01"),
            value=USD.of("0.01"),
            by_code=program["kind"] == "gift_card",
            kinds=[LineKind.GOODS, LineKind.SHIPPING],
            limits=limits,
            tender=program["kind"],
        )
    conditions: list[Condition] = []
    if program.get("price_lists"):
        conditions.append(EventAttribute("price_list", program["price_lists"]))
    if program["trigger"] == "code" and codes_of(program) and not gives_later(program):
        conditions.append(CodeGiven(codes_of(program)))
    if has_points(program) and reward["type"] == "amount_off_per_point":
        points = unit_of(program).of(reward["cost_points"])  # In whole blocks; each point of them has the value.
        value = USD.of(Decimal(reward["cost_points"]) * Decimal(reward["value"]))
        return PayWithPoints(name=name, points=points, value=value, limits=limits)
    qualifies = Qualifying()
    if not has_points(program) and not gives_later(program):
        for rule in program["earn_rules"]:
            if "all_of" in rule:
                several = [AllOf([Sku(each["skus"]) for each in one["all_of"]]) for one in program["earn_rules"]]
                conditions.append(AnyOf(several))
                break
            qualifies = qualifying(rule, reward)
    return CartReward(
        name=name,
        gives=gifts_of(reward),
        cost=unit_of(program).of(reward["cost_points"]) if has_points(program) else None,
        voucher=program["id"] if by_coupon(program) else None,
        qualifies=qualifies,
        all_at_once=reward["type"] == "free_item",
        when=AllOf(conditions) if conditions else None,
        limits=limits,
        exclusive="order-wide" if reward["type"] in ORDER_WIDE and reward["target"] == "order" else None,
    )


def qualifying(rule: Facts, reward: Facts) -> Qualifying:
    """Which carts a rule lets have the reward, and how often."""
    every = None
    if rule["earn"]["per"] == "unit":
        every = Fraction(reward["cost_points"]) / Fraction(rule["earn"]["points"])
    quantity, amount = Decimal(rule["min_quantity"]), Decimal(rule["min_amount"])
    return Qualifying(
        lines=matching(rule["match"]),
        quantity=quantity if quantity > 0 else None,
        amount=USD.of(amount) if amount > 0 else None,
        tax=rule["min_amount_basis"] == "tax_included",
        every=None if every is None else Decimal(every.numerator) / every.denominator,
    )


def gifts_of(reward: Facts) -> list[CartGift]:
    """What it gives on a cart."""
    kind, lines = reward["type"], matching(reward.get("match"))
    if kind == "percent_off":
        share = Fraction(reward["value"]) / 100
        if reward.get("pairing") == "every_second_unit":
            return [ItemsOff(of=2, share=share, pick=Pick.IN_TURN, lines=lines)]
        if reward["target"] == "cheapest_item":
            return [ItemsOff(share=share, lines=lines)]
        most = USD.of(reward["max_discount"]) if "max_discount" in reward else None
        return [PercentOff(share=share, maximum=most, lines=lines, before_discounts=[CREDIT])]
    if kind in ("amount_off", "amount_off_per_point"):
        return [AmountOff(value=USD.of(reward["value"]), lines=lines)]
    if kind == "free_item":
        at_most = int(reward["max_free_items"]) if reward.get("max_free_items") else None
        return [FreeItems(skus=reward["free_skus"], quantity=int(reward["free_quantity"]), most=at_most)]
    if kind == "free_items_bundle":
        return [FreeItems(skus=each["free_skus"], quantity=int(each["quantity"])) for each in reward["groups"]]
    if kind == "fixed_unit_price":
        return [SetPrice(price=USD.of(reward["value"]), tax=False, lines=lines)]
    assert kind == "free_shipping", kind
    return [FreeShipping()]


def limits_of(program: Facts) -> list[Limit]:
    """How often it may be had, by each and by all."""
    limits = []
    if "usage_limit" in program:
        limits.append(Limit(name="all", uses=int(program["usage_limit"]), shared=f"{program['id']} uses"))
    if "usage_limit_per_customer" in program:
        limits.append(Limit(name="each", uses=int(program["usage_limit_per_customer"])))
    return limits
