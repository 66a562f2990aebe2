"""
What happened: facts (a purchase, a refund, a review) and requests (a redemption, a reservation).

An event states what the shop knows, in prices and quantities; what it is worth is decided by the
program. Its id is the idempotency key. `about` is the root it speaks of: the purchase of a refund,
the reservation of a capture, else itself.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.account_events import (
    AccountClosed,
    Contribution,
    Merge,
    OpeningBalance,
    OpeningLot,
    PoolJoined,
    PoolLeft,
)
from patronage.accounts import Account
from patronage.between import Counterpart, FollowedUp, Gift
from patronage.charities import CharityChosen
from patronage.dividends import DividendAllocated, DividendDeclared, DividendShare, account_of_dividend
from patronage.errors import InvalidValueError
from patronage.fields import (
    ATTRIBUTES_MAX,
    ID_BYTES_MAX,
    LINES_MAX,
    REASON_MAX,
    TEXT_MAX,
    Attribute,
    attributes_of,
    choices_of,
    identifier,
    identifier_or_none,
    instant_or_none,
    is_a,
    many,
    measures_of,
    positive,
    whole,
    word,
    word_or_none,
)
from patronage.memberships import (
    MembershipCancelled,
    MembershipChanged,
    MembershipEvent,
    MembershipRenewed,
    MembershipStarted,
)
from patronage.partnerships import PartnerEvent, PartnerLinked, PartnerUnlinked, PartnerWindow
from patronage.periods import utc
from patronage.purchases import Discount, Line, LineKind, Purchase, Refund, RefundLine, Tender, numbered
from patronage.referrals import ReferralClaimed
from patronage.units import Amount


@attrs.frozen(kw_only=True)
class Enrolment:
    """A member joined. Not needed before other events: it is there for what a program gives for it."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    channel: str | None = attrs.field(default=None, converter=word_or_none)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=attributes_of)

    @property
    def about(self) -> str:
        """The enrolment itself."""
        return self.id


@attrs.frozen(kw_only=True)
class Redemption:
    """
    A request to spend on a reward, with the cart it is meant for.

    *amount* is how much, in the unit that is spent or in the money that is wanted, where the reward
    leaves the choice; *times* how often a reward of fixed cost is taken; *choices* what is chosen of
    what it offers (a SKU, a charity). *code* is that of a voucher, or of a promotion: a secret like
    any code that a person types. *pool* is spent from instead, where the member may.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    reward: str = attrs.field(converter=word)
    amount: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(positive))
    times: int = attrs.field(default=1, validator=whole)
    cart: tuple[Line, ...] = attrs.field(default=(), converter=numbered)
    channel: str | None = attrs.field(default=None, converter=word_or_none)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=attributes_of)
    code: str | None = attrs.field(default=None, converter=word_or_none)
    choices: tuple[str, ...] = attrs.field(default=(), converter=choices_of)
    pool: str | None = attrs.field(default=None, converter=identifier_or_none)

    @property
    def about(self) -> str:
        """The redemption itself."""
        return self.id


@attrs.frozen(kw_only=True)
class Reservation:
    """A request like a Redemption whose points are held until a Capture, a Release, or *lapses_at*."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    reward: str = attrs.field(converter=word)
    amount: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(positive))
    times: int = attrs.field(default=1, validator=whole)
    cart: tuple[Line, ...] = attrs.field(default=(), converter=numbered)
    lapses_at: datetime | None = attrs.field(default=None, converter=instant_or_none)
    channel: str | None = attrs.field(default=None, converter=word_or_none)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=attributes_of)
    code: str | None = attrs.field(default=None, converter=word_or_none)
    choices: tuple[str, ...] = attrs.field(default=(), converter=choices_of)

    def __attrs_post_init__(self) -> None:
        if self.lapses_at is not None and self.lapses_at <= self.occurred_at:
            raise InvalidValueError("A reservation must lapse after it is made.")

    @property
    def about(self) -> str:
        """The reservation itself."""
        return self.id


@attrs.frozen(kw_only=True)
class Capture:
    """A reservation is spent: *amount* of what it holds, or all; the rest is released."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    reservation: str = attrs.field(converter=identifier)
    amount: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(positive))

    @property
    def about(self) -> str:
        """The reservation."""
        return self.reservation


@attrs.frozen(kw_only=True)
class Release:
    """A reservation is given up: what it holds is free again."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    reservation: str = attrs.field(converter=identifier)

    @property
    def about(self) -> str:
        """The reservation."""
        return self.reservation


@attrs.frozen(kw_only=True)
class Cancellation:
    """What *undoes* names never was: a purchase or an activity earns nothing, a redemption gives its points back."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    undoes: str = attrs.field(converter=identifier)

    @property
    def about(self) -> str:
        """What is undone."""
        return self.undoes


@attrs.frozen(kw_only=True)
class Confirmation:
    """What was earned by *of* on confirmation becomes available: a delivery, a stay completed, an approval."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    of: str = attrs.field(converter=identifier)

    @property
    def about(self) -> str:
        """What is confirmed."""
        return self.of


@attrs.frozen(kw_only=True)
class Activity:
    """Something that is no purchase: a review, a survey, a visit, a birthday set. *count* of it at once."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    kind: str = attrs.field(converter=word)
    count: int = attrs.field(default=1, validator=whole)
    channel: str | None = attrs.field(default=None, converter=word_or_none)
    measures: FrozenMapping[str, Decimal] = attrs.field(default=FrozenMapping(), converter=measures_of)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=attributes_of)

    @property
    def about(self) -> str:
        """The activity itself."""
        return self.id


def _not_zero(_: object, field: attrs.Attribute[Amount], value: Amount) -> None:
    is_a(Amount, value, field.name)
    if not value.steps:
        raise InvalidValueError("An adjustment of nothing is none: give an amount above or below 0.")


@attrs.frozen(kw_only=True)
class Adjustment:
    """
    An operator's correction: *amount* above zero is credited, below zero debited.

    *actor* is who decided it, *reason* a code of at most 64 characters (the shop keeps notes and
    names). A debit that the balance does not cover leaves a debt. What is credited may need a grant,
    with which it ends, or be *held_by* one, with which it lives on past its date.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    amount: Amount = attrs.field(validator=_not_zero)
    actor: str = attrs.field(converter=word)
    reason: str = attrs.field(converter=word)
    label: str | None = attrs.field(default=None, converter=word_or_none)
    available_at: datetime | None = attrs.field(default=None, converter=instant_or_none)
    expires_at: datetime | None = attrs.field(default=None, converter=instant_or_none)
    needs: str | None = attrs.field(default=None, converter=word_or_none)
    held_by: str | None = attrs.field(default=None, converter=word_or_none)

    def __attrs_post_init__(self) -> None:
        if self.amount.steps < 0 and any((self.available_at, self.expires_at, self.needs, self.held_by)):
            raise InvalidValueError("Only what is credited has an available_at or expires_at, or a grant it hangs on.")
        if self.expires_at is not None and self.expires_at <= max(
            self.occurred_at, self.available_at or self.occurred_at
        ):
            raise InvalidValueError("What is credited must expire after it is available.")

    @property
    def about(self) -> str:
        """The adjustment itself."""
        return self.id


@attrs.frozen(kw_only=True)
class StatusGrant:
    """An operator gives a right by hand: a matched tier, a gifted membership. *until* None: without end."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    key: str = attrs.field(converter=word)
    value: str | None = attrs.field(default=None, converter=word_or_none)
    until: datetime | None = attrs.field(default=None, converter=instant_or_none)
    uses: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))
    actor: str = attrs.field(converter=word)
    reason: str = attrs.field(converter=word)

    def __attrs_post_init__(self) -> None:
        if self.until is not None and self.until <= self.occurred_at:
            raise InvalidValueError("A status must end after it is given.")

    @property
    def about(self) -> str:
        """The grant itself."""
        return self.id


@attrs.frozen(kw_only=True)
class StatusEnd:
    """An operator ends what operators gave under *key* (and *value*)."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    key: str = attrs.field(converter=word)
    value: str | None = attrs.field(default=None, converter=word_or_none)
    actor: str = attrs.field(converter=word)
    reason: str = attrs.field(converter=word)

    @property
    def about(self) -> str:
        """The end itself."""
        return self.id


@attrs.frozen(kw_only=True)
class RateDeclared:
    """
    The rate of a period is declared: *credit* for each *per* of what the total *rule* of *policy* counted.

    *of* is an instant of the period: any one, such as the first of its last day. A period's rate is
    declared once.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    policy: str = attrs.field(converter=word)
    rule: str = attrs.field(converter=word)
    of: datetime = attrs.field(converter=utc)
    credit: Amount = attrs.field(validator=positive)
    per: Amount = attrs.field(validator=positive)

    @property
    def about(self) -> str:
        """The declaration itself."""
        return self.id


@attrs.frozen(kw_only=True)
class TimePassed:
    """What time alone did, up to *occurred_at*: made by `Program.advance`, never by a caller. Its id begins `~t/`."""

    id: str
    member: str
    occurred_at: datetime

    @property
    def about(self) -> str:
        """Itself."""
        return self.id


@attrs.frozen(kw_only=True)
class Rerated:
    """
    The difference to arrival in order was booked: made by `Program.rerate`, never by a caller. Its id begins `~r/`.

    *late* are the ids of the events that came with it. *occurred_at* is the account's clock: what was
    believed before that stays what was believed.
    """

    id: str
    member: str
    occurred_at: datetime
    late: tuple[str, ...]

    @property
    def about(self) -> str:
        """Itself."""
        return self.id


Event = (
    Enrolment
    | Purchase
    | Refund
    | Redemption
    | Reservation
    | Capture
    | Release
    | Cancellation
    | Confirmation
    | Activity
    | Adjustment
    | StatusGrant
    | StatusEnd
    | RateDeclared
    | MembershipStarted
    | MembershipRenewed
    | MembershipChanged
    | MembershipCancelled
    | DividendDeclared
    | CharityChosen
    | PartnerLinked
    | PartnerUnlinked
    | PartnerWindow
    | ReferralClaimed
    | Gift
    | Merge
    | AccountClosed
    | PoolJoined
    | Contribution
    | PoolLeft
    | OpeningBalance
    | TimePassed
    | Rerated
    | Counterpart
    | FollowedUp
    | DividendAllocated
    | DividendShare
)

NamesPolicy = MembershipEvent | CharityChosen | DividendDeclared | DividendShare | PartnerEvent | ReferralClaimed
"""Requests that name a policy, which answers them."""

NOT_PLAYED: Final = (TimePassed, Rerated, Counterpart, FollowedUp)
"""What time and other accounts did: a replay of the account makes it anew, or cannot."""
MADE: Final = (*NOT_PLAYED, DividendAllocated, DividendShare)
"""What a program makes: it is stored, and no document from outside is read as one."""

NEEDS_HISTORY: Final = frozenset({Refund, Capture, Release, Cancellation, Confirmation, FollowedUp, DividendAllocated})
"""Events that speak of an earlier one, whose commits they need."""
UNDOES: Final = frozenset({Refund, Release, Cancellation})
"""Events that give back what their root has used elsewhere."""
OF_OTHERS: Final = frozenset({FollowedUp, DividendDeclared, DividendAllocated})
"""Events that may be of an account that is no member's."""
NEVER_LATE: Final = frozenset({FollowedUp, DividendShare})
"""What a program makes for a member: it takes effect at the account's clock, where that is later."""


def own_account(event: Event) -> Account:
    """The account that an event is of: the member's, the receiver's of a follow-up, the policy's of a dividend."""
    if isinstance(event, FollowedUp):
        return event.receiver
    if isinstance(event, DividendDeclared | DividendAllocated):
        return account_of_dividend(event.policy)
    return Account.member(event.member)


__all__ = [
    "ATTRIBUTES_MAX",
    "ID_BYTES_MAX",
    "LINES_MAX",
    "MADE",
    "NEEDS_HISTORY",
    "NEVER_LATE",
    "NOT_PLAYED",
    "OF_OTHERS",
    "REASON_MAX",
    "TEXT_MAX",
    "AccountClosed",
    "Activity",
    "Adjustment",
    "Attribute",
    "Cancellation",
    "Capture",
    "Confirmation",
    "Contribution",
    "Counterpart",
    "Discount",
    "DividendAllocated",
    "DividendDeclared",
    "DividendShare",
    "Enrolment",
    "Event",
    "FollowedUp",
    "Gift",
    "Line",
    "LineKind",
    "Merge",
    "NamesPolicy",
    "OpeningBalance",
    "OpeningLot",
    "PoolJoined",
    "PoolLeft",
    "Purchase",
    "RateDeclared",
    "Redemption",
    "ReferralClaimed",
    "Refund",
    "RefundLine",
    "Release",
    "Rerated",
    "Reservation",
    "StatusEnd",
    "StatusGrant",
    "Tender",
    "TimePassed",
    "UNDOES",
    "identifier",
    "many",
    "numbered",
    "own_account",
    "word",
]
