"""Rules of earning as data: what counts, at which rate, rounded where, up to which ceiling."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Final

import attrs

from patronage.bands import Band, bands_of
from patronage.base import Base
from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError, quote
from patronage.events import many, word
from patronage.fields import identifier_or_none
from patronage.fields import whole as at_least_one
from patronage.occasions import AT_ONCE, Condition, Life, names_of
from patronage.periods import Period
from patronage.terms_of_time import Rolling
from patronage.units import Amount, Rounding, exact, plain_decimal

SLICES_MAX: Final = 1_000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,47}", re.ASCII)


def name(value: str) -> str:
    """A name of a policy, rule, reward or ceiling: up to 48 ASCII letters, digits, `-`, `_`, a letter first."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidValueError(
            f"A name must be 1 to 48 ASCII letters, digits, '-' or '_', a letter first, not {quote(value)}."
        )
    return value


def name_or_none(value: str | None) -> str | None:
    """A name, or None where it is to be given by position."""
    return None if value is None else name(value)


def above_zero(_: object, field: attrs.Attribute[Amount], value: Amount) -> None:
    """A validator: an amount above zero."""
    if not isinstance(value, Amount) or value.steps <= 0:
        raise InvalidValueError(f"{field.name} must be an amount above 0, not {quote(value)}.")


def factor(value: int | str | Decimal | Fraction) -> Fraction:
    """A factor above zero, exact: `"1.25"`, 3, or `"2/3"`."""
    if isinstance(value, str) and value.count("/") == 1:
        over, under = (exact(part) for part in value.split("/"))
        if not under:
            raise InvalidValueError("A factor cannot be divided by 0.")
        number = over / under
    else:
        number = exact(value)
    if number <= 0:
        raise InvalidValueError(f"A factor must be above 0, not {quote(str(value))}.")
    return number


def _quantity(value: int | str | Decimal) -> Decimal:
    number = plain_decimal(value)
    if number <= 0:
        raise InvalidValueError(f"A quantity must be above 0, not {quote(str(value))}.")
    return number


class Grain(Enum):
    """Where a figure is rounded, once: on each line, for the rule, or on the sum of the policy's rules."""

    LINE = "line"
    RULE = "rule"
    EVENT = "event"


class Stacking(Enum):
    """What becomes of a group of rules that apply together."""

    SUM = "sum"
    PRODUCT = "product"
    BEST = "best"
    FIRST = "first"


@attrs.frozen(kw_only=True)
class Group:
    """
    Rules of one *name* stack by *stacking*: all add up, factors multiply, the best or the first one counts.

    With *by_line* best and first are found on each line, else on the whole event. Equal ones: the
    first listed.
    """

    name: str = attrs.field(converter=name)
    stacking: Stacking = attrs.field(validator=attrs.validators.instance_of(Stacking))
    by_line: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))


def groups_of(value: Iterable[Group]) -> tuple[Group, ...]:
    """Groups of rules as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(group, Group) for group in found) or len({g.name for g in found}) < len(found):
        raise InvalidValueError("Groups are members of Group, each with a name of its own.")
    return found


@attrs.frozen(kw_only=True)
class Ceiling:
    """
    At most *limit*: of what is credited, or (where *limit* is the money that the rule counts) of the spend.

    A rule that credits the very money that it counts (cash back) says with *of_spend* which is meant.

    *per* is the period whose use is counted; None is one event. With *per_money* the limit is for
    each such amount of spend. With *on_balance* the balance itself stays at or below the limit.
    *whole* refuses what does not fit whole, else it is trimmed; *beyond* is the credit, for each
    *per* of the rule, of spend beyond a limit of spend. What a refund takes back makes room again
    unless *room_back* is False. *by_label* counts each label of its own, *by* each value of that
    attribute of the event: a review of each product. A ceiling of a policy holds for all its rules, or
    for the rules and multipliers that it is *of*: what a multiplier adds, an offer.

    With *shared*, the id of a shared account, the use of all members is counted there, in one period
    *per*: a campaign's budget. A hot one is cut into *slices*: so many shared accounts, `shared/0` and
    on, each with its part of the limit; a member's id says which slice is theirs. One may be used up
    while another is not.
    """

    name: str = attrs.field(converter=name)
    limit: Amount = attrs.field(validator=above_zero)
    per: Period | None = None
    per_money: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    on_balance: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    whole: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    of_spend: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    beyond: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    room_back: bool = attrs.field(default=True, validator=attrs.validators.instance_of(bool))
    by_label: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    by: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    of: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    shared: str | None = attrs.field(default=None, converter=identifier_or_none)
    slices: int = attrs.field(default=1, validator=at_least_one)

    def __attrs_post_init__(self) -> None:
        if (self.per is not None) + (self.per_money is not None) + self.on_balance > 1:
            raise InvalidValueError("A ceiling is per period, per money or on the balance: one of them.")
        if self.by is not None and (self.per is None or self.shared is not None):
            raise InvalidValueError(
                f"Ceiling {self.name} counts each value of {quote(self.by)}: that goes with a period, on each member's "
                "own account."
            )
        check_shared(f"Ceiling {self.name}", self.shared, self.slices, self.limit.steps, self.per)


def check_shared(what: str, shared: str | None, slices: int, limit: int, per: Period | None) -> None:
    """Refuses slices without a shared account, or more of them than the limit has steps, or a period that rolls."""
    if shared is None:
        if slices > 1:
            raise InvalidValueError(f"{what} has slices: they are of a shared account, so name it.")
        return
    if slices > min(limit, SLICES_MAX):
        raise InvalidValueError(f"{what} has {slices} slices: at most {SLICES_MAX}, and none without a step.")
    if per is None or isinstance(per, Rolling):
        raise InvalidValueError(
            f"{what} is shared: it counts in a period of the calendar or for life, for members' events come in any "
            "order, and a period that rolls has no one order."
        )


def ceilings(value: Iterable[Ceiling]) -> tuple[Ceiling, ...]:
    """A sequence of ceilings as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(ceiling, Ceiling) for ceiling in found):
        raise InvalidValueError(f"Ceilings are needed here, not {quote(value)}.")
    names = [ceiling.name for ceiling in found]
    if len(set(names)) < len(names):
        raise InvalidValueError("Two ceilings have one name.")
    return found


@attrs.frozen(kw_only=True)
class SpendRule:
    """
    Credits *credit* for every *per* of the spend that counts.

    With *whole* only whole *per* count; else pro rata, rounded by *rounding* once at *grain*.
    *when* is asked about the purchase and member, *lines* says which lines count, *base* which of
    their money. *bands* change the rate over a spend: for the part over it (*marginal*) or for the
    whole. A purchase in another currency earns nothing.
    """

    per: Amount = attrs.field(validator=above_zero)
    credit: Amount = attrs.field(validator=above_zero)
    name: str | None = attrs.field(default=None, converter=name_or_none)
    base: Base = Base()
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    whole: bool = True
    bands: tuple[Band, ...] = attrs.field(default=(), converter=bands_of)
    marginal: bool = True
    rounding: Rounding = Rounding.FLOOR
    grain: Grain = Grain.RULE
    group: str | None = attrs.field(default=None, converter=name_or_none)
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    ceilings: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)

    def __attrs_post_init__(self) -> None:
        if any(band.over.unit != self.per.unit or band.credit.unit != self.credit.unit for band in self.bands):
            raise InvalidValueError("A band starts over an amount of *per*'s unit and credits the rule's unit.")
        if self.whole and self.bands:
            raise InvalidValueError("Bands are pro rata: set whole to False.")


@attrs.frozen(kw_only=True)
class QuantityRule:
    """
    Credits *credit* for every *per* of the lines' quantity, or of their *measure* (meals, litres, km).

    With *activity* it counts on activities of that kind instead: how often it was done, or its *measure*.
    """

    credit: Amount = attrs.field(validator=above_zero)
    per: Decimal = attrs.field(default=Decimal(1), converter=_quantity)
    measure: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    activity: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    name: str | None = attrs.field(default=None, converter=name_or_none)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    whole: bool = True
    rounding: Rounding = Rounding.FLOOR
    grain: Grain = Grain.RULE
    group: str | None = attrs.field(default=None, converter=name_or_none)
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    ceilings: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)

    def __attrs_post_init__(self) -> None:
        if self.activity is not None and (self.lines is not None or self.grain is Grain.LINE):
            raise InvalidValueError("An activity has no lines: what it counts is rounded for the rule or the event.")


class On(Enum):
    """What a bonus answers."""

    PURCHASE = "purchase"
    ENROLMENT = "enrolment"
    ACTIVITY = "activity"


@attrs.frozen(kw_only=True)
class BonusRule:
    """
    Credits *credit*, fixed: for a visit (a purchase in which something was paid), an enrolment, an activity.

    An activity of kind *activity* gives it for every whole *per* of its count. *lines* on a purchase
    asks for some line that matches.
    """

    credit: Amount = attrs.field(validator=above_zero)
    on: On = On.PURCHASE
    activity: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    per: int = 1
    name: str | None = attrs.field(default=None, converter=name_or_none)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    group: str | None = attrs.field(default=None, converter=name_or_none)
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    ceilings: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)

    def __attrs_post_init__(self) -> None:
        if (self.activity is not None) != (self.on is On.ACTIVITY):
            raise InvalidValueError("A bonus on an activity names its kind, and only that one does.")
        if type(self.per) is not int or self.per < 1:
            raise InvalidValueError(f"per must be a whole number of at least 1, not {quote(self.per)}.")


@attrs.frozen(kw_only=True)
class MultiplierRule:
    """
    Multiplies what the rules *of* (all of the policy that are no multipliers, if none is named) give by *factor*.

    Only on *lines* where given. With *of_rounded* it multiplies what the other rule gave after its
    rounding, and is rounded by itself; else the exact figure, rounded together with it. Its share is
    what it adds.
    """

    factor: Fraction = attrs.field(converter=factor)
    of: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    of_rounded: bool = False
    name: str | None = attrs.field(default=None, converter=name_or_none)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    rounding: Rounding = Rounding.FLOOR
    group: str | None = attrs.field(default=None, converter=name_or_none)

    def __attrs_post_init__(self) -> None:
        if self.of_rounded and self.lines is not None:
            raise InvalidValueError("A multiplier of a rounded figure works on the whole: lines have no part in it.")


Rule = SpendRule | QuantityRule | BonusRule | MultiplierRule
EarningRule = SpendRule | QuantityRule | BonusRule

RULES: Final = (SpendRule, QuantityRule, BonusRule, MultiplierRule)


def rules_of(value: Iterable[Rule]) -> tuple[Rule, ...]:
    """A sequence of rules as a tuple."""
    found = many(value)
    if not all(isinstance(rule, RULES) for rule in found):
        raise InvalidValueError(f"Rules are members of SpendRule, QuantityRule, BonusRule, ..., not {quote(value)}.")
    return found
