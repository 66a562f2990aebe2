"""
The table of tags, and what an annotation means for a document: one reading of types for all of the codec.

To add a class to a family, add its line to TAGS. A field annotated with a family (a Protocol, or a
union of tagged classes) is a table whose `type` is the tag.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Final

import attrs

from patronage import (
    challenges,
    charities,
    conditions,
    events,
    granting,
    ledger,
    line_conditions,
    member_conditions,
    memberships,
    occasion_conditions,
    partnerships,
    periods,
    request_conditions,
    rewards,
    rules,
    terms_of_time,
    thresholds,
    yearly,
)
from patronage._frozen import FrozenMapping
from patronage.errors import InvalidValueError, quote
from patronage.occasions import Condition
from patronage.policies.base import Policy
from patronage.policies.cashback import CashbackPolicy
from patronage.policies.challenge import ChallengePolicy
from patronage.policies.dividend import DividendPolicy
from patronage.policies.donation import DonationPolicy
from patronage.policies.membership import MembershipPolicy
from patronage.policies.offer import OfferPolicy
from patronage.policies.partner import PartnerPolicy
from patronage.policies.points import PointsPolicy
from patronage.policies.referral import ReferralPolicy
from patronage.policies.tier import TierPolicy
from patronage.program import Program
from patronage.state import State
from patronage.terms import Terms
from patronage.units import Amount

TAGS: Final[Mapping[Any, Mapping[str, type]]] = {
    events.Event: {
        "enrolment": events.Enrolment,
        "purchase": events.Purchase,
        "refund": events.Refund,
        "redemption": events.Redemption,
        "reservation": events.Reservation,
        "capture": events.Capture,
        "release": events.Release,
        "cancellation": events.Cancellation,
        "confirmation": events.Confirmation,
        "activity": events.Activity,
        "adjustment": events.Adjustment,
        "status_grant": events.StatusGrant,
        "status_end": events.StatusEnd,
        "rate_declared": events.RateDeclared,
        "membership_started": memberships.MembershipStarted,
        "membership_renewed": memberships.MembershipRenewed,
        "membership_changed": memberships.MembershipChanged,
        "membership_cancelled": memberships.MembershipCancelled,
        "dividend_declared": events.DividendDeclared,
        "charity_chosen": charities.CharityChosen,
        "partner_linked": partnerships.PartnerLinked,
        "partner_unlinked": partnerships.PartnerUnlinked,
        "partner_window": partnerships.PartnerWindow,
        "referral_claimed": events.ReferralClaimed,
        "gift": events.Gift,
        "merge": events.Merge,
        "account_closed": events.AccountClosed,
        "pool_joined": events.PoolJoined,
        "contribution": events.Contribution,
        "pool_left": events.PoolLeft,
        "opening_balance": events.OpeningBalance,
        "time_passed": events.TimePassed,
        "rerated": events.Rerated,
        "counterpart": events.Counterpart,
        "followed_up": events.FollowedUp,
        "dividend_allocated": events.DividendAllocated,
        "dividend_share": events.DividendShare,
    },
    ledger.Entry: {
        "transfer": ledger.Transfer,
        "grant": ledger.GrantEntry,
        "wake_up": ledger.WakeEntry,
    },
    terms_of_time.Term: {
        "lasting": terms_of_time.Lasting,
        "on_date": terms_of_time.OnDate,
        "end_of_period": terms_of_time.EndOfPeriod,
        "annual": terms_of_time.Annual,
    },
    periods.Period: {
        "calendar": periods.CalendarPeriod,
        "fiscal_year": periods.FiscalYear,
        "window": periods.Window,
        "lifetime": periods.Lifetime,
        "rolling": terms_of_time.Rolling,
        "anniversary": terms_of_time.Anniversary,
        "while_granted": terms_of_time.WhileGranted,
        "while_held": terms_of_time.WhileHeld,
    },
    Condition: {
        "all_of": conditions.AllOf,
        "any_of": conditions.AnyOf,
        "not": conditions.Not,
        "sku": conditions.Sku,
        "category": conditions.Category,
        "brand": conditions.Brand,
        "tag": conditions.Tag,
        "kind": conditions.Kind,
        "line_price": conditions.LinePrice,
        "line_attribute": conditions.LineAttribute,
        "line_discounted": line_conditions.LineDiscounted,
        "measure_is": line_conditions.MeasureIs,
        "event_attribute": conditions.EventAttribute,
        "channel": conditions.Channel,
        "store": conditions.Store,
        "paid_with": conditions.PaidWith,
        "paid_by_redemption": conditions.PaidByRedemption,
        "spend": conditions.Spend,
        "quantity": conditions.Quantity,
        "weekday": conditions.Weekday,
        "between": conditions.Between,
        "time_of_day": conditions.TimeOfDay,
        "recurs": conditions.Recurs,
        "has_grant": conditions.HasGrant,
        "balance_is": conditions.BalanceIs,
        "in_yearly_window": occasion_conditions.InYearlyWindow,
        "season": occasion_conditions.Season,
        "given_within": occasion_conditions.GivenWithin,
        "number_is": occasion_conditions.NumberIs,
        "code_given": request_conditions.CodeGiven,
        "level_is": member_conditions.LevelIs,
        "grant_held": member_conditions.GrantHeld,
        "labels_are": member_conditions.LabelsAre,
        "ratio_is": member_conditions.RatioIs,
    },
    rules.Rule: {
        "spend": rules.SpendRule,
        "quantity": rules.QuantityRule,
        "bonus": rules.BonusRule,
        "multiplier": rules.MultiplierRule,
    },
    thresholds.Gift: {
        "credit": thresholds.GiveCredit,
        "converted": thresholds.GiveConverted,
        "grant": thresholds.GiveGrant,
        "benefit": thresholds.GiveBenefit,
    },
    granting.RightRule: {
        "grant": granting.GrantRule,
        "revoke": granting.RevokeRule,
    },
    challenges.Challenge: {
        "goal": challenges.Goal,
        "streak": challenges.Streak,
        "campaign": challenges.Campaign,
        "yearly": yearly.Yearly,
    },
    challenges.CountingRule: {
        "spend": rules.SpendRule,
        "quantity": rules.QuantityRule,
        "bonus": rules.BonusRule,
    },
    Policy: {
        "cashback": CashbackPolicy,
        "points": PointsPolicy,
        "challenge": ChallengePolicy,
        "donation": DonationPolicy,
        "offer": OfferPolicy,
        "membership": MembershipPolicy,
        "dividend": DividendPolicy,
        "partner": PartnerPolicy,
        "referral": ReferralPolicy,
        "tier": TierPolicy,
    },
    rewards.Reward: {
        "pay_with_points": rewards.PayWithPoints,
        "fixed": rewards.FixedReward,
        "step_table": rewards.StepTable,
        "on_cart": rewards.CartReward,
        "money_voucher": rewards.MoneyVoucher,
    },
    rewards.CartGift: {
        "percent_off": rewards.PercentOff,
        "amount_off": rewards.AmountOff,
        "items_off": rewards.ItemsOff,
        "amount_off_items": rewards.AmountOffItems,
        "set_price": rewards.SetPrice,
        "free_shipping": rewards.FreeShipping,
        "free_items": rewards.FreeItems,
    },
}
"""The families: an annotation, and its classes by tag. Tags of the library have no dot, those of callers have one."""

EVENTS: Final = tuple(TAGS[events.Event].values())
DOCUMENTS: Final = frozenset({Program, Terms, ledger.Commit, State, *EVENTS})
"""What is written with a `format`, where it stands alone."""
STORED: Final = frozenset({ledger.Commit, State, *TAGS[ledger.Entry].values()})
"""What programs alone write: with a `format` always, larger, and with amounts in steps only."""

EventFromOutside: Final[Any] = typing.Union[tuple(cls for cls in EVENTS if cls not in events.MADE)]  # noqa: UP007
"""What a document of an Event may be: what the program makes of time and of other events is never sent."""

_ONE_OR_MORE: Final = frozenset({(Program, "terms")})
"""Fields of people's documents where one table may stand for a list of one."""
_MEMBERS_MAX: Final[Mapping[Any, str]] = {
    events.Line: "lines",
    events.Discount: "lines",
    events.Tender: "lines",
    events.RefundLine: "lines",
    ledger.Lot: "lots",
    events.OpeningLot: "lots",
}
"""Lists whose length has a limit, by what is in them."""

SCALARS: Final = frozenset({str, int, bool, Decimal, Fraction, datetime, date, time, Amount})


@attrs.frozen
class Scalar:
    """One value: a text, a number, an instant, an amount."""

    of: type


@attrs.frozen
class OneOf:
    """A member of an Enum, by its value."""

    of: type[Enum]


@attrs.frozen
class Table:
    """The fields of a class."""

    of: type


@attrs.frozen
class Tagged:
    """A table whose `type` says of which class it is."""

    of: FrozenMapping[str, type]


@attrs.frozen
class Maybe:
    """A value, or null."""

    of: Any


@attrs.frozen
class Either:
    """A value of one of several kinds, told apart by what it is: a text, a whole number, true or false, texts."""

    of: tuple[Any, ...]


@attrs.frozen
class Many:
    """A list: a tuple, or a set in canonical order. *most* names its limit."""

    of: Any
    as_set: bool
    most: str | None


@attrs.frozen
class Row:
    """A list of a fixed length."""

    of: tuple[Any, ...]


@attrs.frozen
class Keyed:
    """A table with keys of its own."""

    of: Any


Shape = Scalar | OneOf | Table | Tagged | Maybe | Either | Many | Row | Keyed


@attrs.frozen
class Field:
    """A key of a table. *one_or_more* lets one table stand for a list of one."""

    key: str
    argument: str
    annotation: Any
    required: bool
    one_or_more: bool
    of: Any
    """The attrs field itself."""


class Tags:
    """The families of one codec: those of the library and what was registered."""

    def __init__(self) -> None:
        self.families: dict[Any, dict[str, type]] = {family: dict(classes) for family, classes in TAGS.items()}
        self.of_class: dict[type, str] = {cls: tag for classes in TAGS.values() for tag, cls in classes.items()}
        self._shapes: dict[Any, Shape] = {}
        self._fields: dict[type, tuple[Field, ...]] = {}
        self._checked: set[Any] = set()

    def add(self, cls: type, tag: str, family: Any) -> None:
        """Adds a caller's class. Everything that was known of shapes is looked up anew."""
        self.families[family][tag] = cls
        self.of_class[cls] = tag
        self._shapes.clear()

    def check(self, annotation: Any) -> None:
        """Raises InvalidValueError where some value of *annotation*, however deep, could not be written."""
        if annotation in self._checked:
            return
        pending, seen = [annotation], set[Any]()
        while pending:
            each = pending.pop()
            if each in seen:
                continue
            seen.add(each)
            match self.shape(each):
                case Table(of=cls):
                    pending += [field.annotation for field in self.fields(cls)]
                case Tagged(of=classes):
                    pending += classes.values()
                case Either(of=members) | Row(of=members):
                    pending += members
                case Maybe(of=of) | Many(of=of) | Keyed(of=of):
                    pending.append(of)
                case Scalar() | OneOf():
                    pass
        self._checked.add(annotation)

    def shape(self, annotation: Any) -> Shape:
        """What *annotation* means. Raises InvalidValueError for what no document can hold."""
        known = self._shapes.get(annotation)
        if known is None:
            known = self._shapes[annotation] = self._shape(annotation)
        return known

    def _shape(self, annotation: Any) -> Shape:
        if annotation in SCALARS:
            return Scalar(annotation)
        origin, members = typing.get_origin(annotation), typing.get_args(annotation)
        if origin in (typing.Union, types.UnionType):
            return self._union(annotation, members)
        if isinstance(annotation, type) and origin is None:
            if issubclass(annotation, Enum):
                return OneOf(annotation)
            if annotation in self.families:
                return Tagged(FrozenMapping(self.families[annotation]))
            if attrs.has(annotation):
                return Table(annotation)
        if origin is tuple and len(members) == 2 and members[1] is Ellipsis:
            return Many(members[0], False, _MEMBERS_MAX.get(members[0]))
        if origin is tuple and members:
            return Row(members)
        if origin is frozenset:
            return Many(members[0], True, None)
        if origin is FrozenMapping and members[0] is str:
            return Keyed(members[1])
        raise InvalidValueError(
            f"The codec has no way to write {quote(str(annotation))}: fields are str, int, bool, Decimal, Fraction, "
            "Amount, an instant, a date, a time, an Enum, an attrs class, None, or tuples, frozensets and "
            "FrozenMappings (by str) of those."
        )

    def _union(self, annotation: Any, members: tuple[Any, ...]) -> Shape:
        some = tuple(member for member in members if member is not types.NoneType)
        if len(some) < len(members):
            return Maybe(typing.Union[some])  # noqa: UP007  # built from a tuple
        if all(isinstance(member, type) and member in self.of_class for member in members):
            return Tagged(FrozenMapping({self.of_class[member]: member for member in members}))
        if not all(self._told_apart(self.shape(member)) for member in members):
            raise InvalidValueError(f"The codec cannot tell the kinds of {quote(str(annotation))} apart.")
        return Either(members)

    @staticmethod
    def _told_apart(shape: Shape) -> bool:
        return (isinstance(shape, Scalar) and shape.of in (str, int, bool)) or shape == Many(str, False, None)

    def fields(self, cls: type) -> tuple[Field, ...]:
        """The fields of a class that are written: neither private, nor computed, nor outside equality."""
        known = self._fields.get(cls)
        if known is None:
            known = self._fields[cls] = tuple(_fields(cls))
        return known


def _fields(cls: type) -> Iterator[Field]:
    annotations = typing.get_type_hints(cls)
    for field in attrs.fields(cls):
        if not field.init or field.name.startswith("_") or field.eq is False:
            continue
        yield Field(
            field.name,
            field.alias or field.name,
            annotations[field.name],
            field.default is attrs.NOTHING,
            (cls, field.name) in _ONE_OR_MORE,
            field,
        )
