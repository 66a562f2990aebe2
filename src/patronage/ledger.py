"""
What was recorded: accounts, lots, grants, entries, commits. All immutable, all in whole steps.

A transfer moves a positive amount of one unit from one account to another, so the ledger balances
by construction. In a commit a transfer has the commit's own account on exactly one side (or on
both, where parts are reserved, confirmed or merged); the other side is a system account. The parts
it took out of the account's lots and put into them are written out in full, so a state is the fold
of its commits, and which credit paid which debit can always be told.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import (
    ADJUSTED,
    ALWAYS,
    DEBT,
    DONATED,
    EXPIRED,
    FORGIVEN,
    IN_TRANSIT,
    ISSUED,
    PAID_OUT,
    REDEEMED,
    Account,
    AccountKind,
    BenefitKind,
    Fact,
    Reason,
    Source,
    Validity,
    reason,
    system,
)
from patronage.errors import InvalidValueError, quote
from patronage.events import Event
from patronage.periods import format_instant
from patronage.units import Amount


@attrs.frozen(weakref_slot=False)
class Lot:
    """
    A part of a balance. Its identity is all but *steps*: parts of one identity are one lot.

    *steps* is below zero only for a debt in a state. What never expires, and every tally, has
    neither source nor age, and merges.
    """

    unit: str
    steps: int
    label: str | None
    validity: Validity
    source: Source | None
    credited_at: datetime | None
    reserved_for: str | None

    @property
    def amount(self) -> Amount:
        """What it holds."""
        return Amount(self.steps, self.unit)

    @property
    def is_debt(self) -> bool:
        """Whether it is a debt."""
        return self.source == DEBT


class GrantChange(Enum):
    """
    What happened to a grant.

    RESERVED: uses of it are held by a reservation. RESTORED: what had extended or used it was undone,
    and it stands as it did before.
    """

    GIVEN = "given"
    USED = "used"
    RESERVED = "reserved"
    REVOKED = "revoked"
    ENDED = "ended"
    RESTORED = "restored"


class WakeChange(Enum):
    """What happened to a wake-up."""

    SET = "set"
    ENDED = "ended"


@attrs.frozen(weakref_slot=False)
class Grant:
    """
    A right with a validity `[valid_from, valid_until)`: a tier, a membership, a voucher, a linked account.

    One live grant per (key, value, giver, occasion). *giver* is `policy/rule`, or `@actor` for an
    operator; *occasion* the period or step that gave it, empty for operators and activities.
    *consumed* keeps the parts that it cost, *reserved* counts the uses that reservations hold. A revoked
    or ended grant has *ended* set, and stays in the state while a lot hangs on it.
    """

    key: str
    value: str | None
    valid_from: datetime
    valid_until: datetime | None
    uses: int | None
    giver: str
    occasion: str
    source: Source
    consumed: tuple[Lot, ...] = ()
    ended: bool = False
    reserved: int = 0

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What tells it from others."""
        return (self.key, self.value or "", self.giver, self.occasion)

    def held_at(self, at: datetime) -> bool:
        """Whether an instant lies in its validity, also when it has ended since or was used up."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def in_force(self, at: datetime) -> bool:
        """Whether it holds at an instant, with uses left."""
        return (
            not self.ended
            and self.valid_from <= at
            and (self.valid_until is None or at < self.valid_until)
            and self.uses != 0
        )


@attrs.frozen(weakref_slot=False)
class WakeUp:
    """At *at* the policy is shown this again: a follow-up later, to oneself."""

    at: datetime
    policy: str
    name: str
    facts: FrozenMapping[str, Fact]


@attrs.frozen(weakref_slot=False)
class Booking:
    """
    What one rule has in a transfer, with the numbers behind it.

    *steps* is signed: below zero where a refund takes back. *base* is what the rule counted and
    *exact* its figure before rounding, both as (numerator, denominator); *rate* and *rounding* say
    how the one became the other; *wanted* is what it came to before the ceiling *trimmed_by*.
    """

    rule: str
    steps: int
    wanted: int
    base: tuple[int, int]
    exact: tuple[int, int]
    rate: str
    rounding: str
    lines: tuple[str, ...]
    trimmed_by: str | None


@attrs.frozen(weakref_slot=False)
class Transfer:
    """
    *steps* of *unit* moved from *payer* to *payee*; *taken* and *put* are the parts of the own account's lots.

    *cause* and *n* make its id: an event's own entries are numbered under the event's id, what time
    does takes its cause from what fell due. *policy* decided it; *books* says what it books per
    rule: together with policy, unit and label that is what a refund compares.
    """

    cause: str
    n: int
    at: datetime
    policy: str
    about: Source
    unit: str
    label: str | None
    steps: int
    payer: Account
    payee: Account
    taken: tuple[Lot, ...]
    put: tuple[Lot, ...]
    books: tuple[Booking, ...]
    reason: Reason

    @property
    def amount(self) -> Amount:
        """What it moved."""
        return Amount(self.steps, self.unit)


@attrs.frozen(weakref_slot=False)
class GrantEntry:
    """
    A grant was given, used, revoked or ended; *grant* is how it stands after that.

    *before* is the one in force that a GIVEN one extended: undoing it must not take that away.
    """

    cause: str
    n: int
    at: datetime
    policy: str
    rule: str
    about: Source
    change: GrantChange
    grant: Grant
    reason: Reason
    before: Grant | None = None


@attrs.frozen(weakref_slot=False)
class WakeEntry:
    """A wake-up was set, or ended."""

    cause: str
    n: int
    at: datetime
    policy: str
    rule: str
    about: Source
    change: WakeChange
    wake_up: WakeUp
    reason: Reason


Entry = Transfer | GrantEntry | WakeEntry


class RejectionCode(Enum):
    """Why an event was refused. Where several hold, the one listed first is given."""

    EVENT_TIME_OUT_OF_RANGE = "event_time_out_of_range"  # Before 1970 or after 2199.
    TOO_FAR_AHEAD = "too_far_ahead"  # Not yet: ahead of the service's clock.
    TOO_LATE = "too_late"  # Not yet: older than the state.
    UNKNOWN_ROOT = "unknown_root"  # Not yet: what it speaks of is not in the history.
    HISTORY_INCOMPLETE = "history_incomplete"  # Not yet: commits about its root are missing.
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_MERGED = "account_merged"  # It, or the other one, is merged into a third: send it for that one.
    WRONG_ROOT = "wrong_root"  # It speaks of an event that cannot be refunded, captured, confirmed or undone.
    UNKNOWN_UNIT = "unknown_unit"  # Its amount is in a unit that the terms do not have.
    UNKNOWN_REWARD = "unknown_reward"
    UNKNOWN_RULE = "unknown_rule"  # It names a policy, rule or period that the terms do not have.
    ALREADY_ENDED = "already_ended"  # A reservation, redemption or purchase that has ended, or is undone.
    ALREADY_DECLARED = "already_declared"  # A dividend is declared for the period.
    PATRONAGE_OPEN = "patronage_open"  # A dividend is issued before the period's patronage is final.
    NO_PATRONAGE = "no_patronage"  # A share of a dividend to which the member has no right, or no more.
    PAYS_A_PURCHASE = "pays_a_purchase"  # A redemption that a standing purchase's tender or discount names.
    VOUCHER_USED = "voucher_used"  # What the redemption gave has been used, or has ended.
    UNKNOWN_LINE = "unknown_line"  # A refund of a line that the purchase has not.
    REFUND_EXCEEDS_PURCHASE = "refund_exceeds_purchase"
    CAPTURE_EXCEEDS_RESERVATION = "capture_exceeds_reservation"
    TO_ONESELF = "to_oneself"  # A gift is for another member; nobody refers themselves.
    ALREADY_REFERRED = "already_referred"  # A referral has been claimed before: the first valid one counts.
    NOT_COMBINABLE = "not_combinable"  # The cart carries a reward with which this one cannot be had.
    NOT_ELIGIBLE = "not_eligible"  # A condition of the reward, gift or referral does not hold; nothing matches.
    ORDER_BELOW_MINIMUM = "order_below_minimum"
    AMOUNT_MISSING = "amount_missing"
    WRONG_UNIT = "wrong_unit"  # Neither what is spent nor what is wanted.
    WRONG_CHOICE = "wrong_choice"  # It names something that the reward does not offer, or nothing of several.
    AMOUNT_ABOVE_MAXIMUM = "amount_above_maximum"
    AMOUNT_NOT_A_STEP = "amount_not_a_step"
    LIMIT_REACHED = "limit_reached"
    VOUCHER_MISSING = "voucher_missing"  # No voucher of that kind and code is held, or its uses are gone.
    BALANCE_TOO_LOW = "balance_too_low"
    AMOUNT_BELOW_MINIMUM = "amount_below_minimum"


NOT_YET: Final = frozenset(
    {
        RejectionCode.TOO_FAR_AHEAD,
        RejectionCode.UNKNOWN_ROOT,
        RejectionCode.HISTORY_INCOMPLETE,
        RejectionCode.TOO_LATE,
        RejectionCode.EVENT_TIME_OUT_OF_RANGE,
    }
)
"""Refusals that are not recorded: the same event may be sent again."""


@attrs.frozen(weakref_slot=False)
class Refusal:
    """Why an event was refused, with the facts. Final ones are recorded and stay; the others may be sent again."""

    code: RejectionCode
    facts: FrozenMapping[str, Fact]

    @property
    def final(self) -> bool:
        """Whether the same event will be refused for ever."""
        return self.code not in NOT_YET


@attrs.frozen(weakref_slot=False)
class Benefit:
    """
    What the shop must now hand over: money off with its share per line of the cart, a product, a payout.

    *shares* map a line's id to its share in steps of *amount*'s unit; they sum to *amount*. *item* is
    what was chosen: a SKU, a charity, a partner's program.
    """

    kind: BenefitKind
    reward: str
    amount: Amount | None
    quantity: int
    shares: FrozenMapping[str, int]
    item: str | None = None


@attrs.frozen(weakref_slot=False)
class Balance:
    """A balance that rules could read: available steps of a unit under a label (None: without one)."""

    unit: str
    label: str | None
    steps: int


@attrs.frozen(weakref_slot=False)
class Basis:
    """
    What rules could read when the event was decided, before the first policy.

    *grants* in force, whole; *balances* of the units and labels that the terms read; *others* the
    same of other accounts, by `kind id`.
    """

    grants: tuple[Grant, ...] = ()
    balances: tuple[Balance, ...] = ()
    others: FrozenMapping[str, tuple[Balance, ...]] = FrozenMapping()


@attrs.frozen(weakref_slot=False)
class Replayed:
    """
    A part of what the account's commits would hold about *root*, had all come in order: see `Rerated`.

    *basis* and *entries* are those of *event*, one of the root's own; None for what time and other
    events wrote about it. From this commit on, refunds and cancellations read these in place of what
    the earlier commits hold about the root.
    """

    root: str
    event: str | None
    basis: Basis
    entries: tuple[Entry, ...]


@attrs.frozen(weakref_slot=False)
class Commit:
    """
    What is stored for one event on one account.

    *root* is the event's root and *ordinal* its place among the account's commits of that root, from
    0; *names* is all that its event and entries are about. *terms_from* is the effective instant of
    the terms that decided it. *refusal* stands where the event was refused for good. *fingerprint*,
    *terms_digest* and *recorded_at* are stamped by the service. *after*, the account's new state, is
    outside equality. *replayed* is only in the commit of a `Rerated`: the roots that came out otherwise.
    """

    account: Account
    version: int
    event: Event
    root: str
    ordinal: int
    names: tuple[str, ...]
    terms_from: datetime
    basis: Basis
    entries: tuple[Entry, ...]
    benefits: tuple[Benefit, ...]
    refusal: Refusal | None
    next_due: datetime | None
    fingerprint: str | None = None
    terms_digest: str | None = None
    recorded_at: datetime | None = None
    after: object = attrs.field(default=None, eq=False, repr=False)
    replayed: tuple[Replayed, ...] = ()


def entry_id(entry: Entry) -> str:
    """The entry's id within its account: its number and its cause, such as `0/order-17`."""
    return f"{entry.n}/{entry.cause}"


def lot_key(lot: Lot) -> tuple[str, ...]:
    """The canonical order of a lot's identity: the last tie of every order, and what derived ids hash."""
    v = lot.validity
    return (
        lot.unit,
        lot.label or "",
        "" if v.expires_at is None else format_instant(v.expires_at),
        "" if v.available_at is None else format_instant(v.available_at),
        "confirm" if v.on_confirmation else "",
        "" if lot.credited_at is None else format_instant(lot.credited_at),
        "" if lot.source is None else lot.source.account.kind.value,
        "" if lot.source is None else lot.source.account.id,
        "" if lot.source is None else lot.source.root,
        v.needs or "",
        v.held_by or "",
        repr(v.grace) if v.grace is not None else "",
        repr(v.expires_after) if v.expires_after is not None else "",
        v.goes_to.id,
        lot.reserved_for or "",
    )


def positive_amount(what: str, amount: Amount) -> Amount:
    """*amount*, where it is above zero; else InvalidValueError that names *what*."""
    if not isinstance(amount, Amount) or amount.steps <= 0:
        raise InvalidValueError(f"{what} must be an amount above 0, not {quote(amount)}.")
    return amount


__all__ = [
    "ADJUSTED",
    "ALWAYS",
    "Account",
    "AccountKind",
    "Balance",
    "Basis",
    "Benefit",
    "BenefitKind",
    "Booking",
    "Commit",
    "DEBT",
    "DONATED",
    "EXPIRED",
    "Entry",
    "FORGIVEN",
    "Fact",
    "Grant",
    "GrantChange",
    "GrantEntry",
    "IN_TRANSIT",
    "ISSUED",
    "Lot",
    "NOT_YET",
    "PAID_OUT",
    "REDEEMED",
    "Reason",
    "Refusal",
    "Replayed",
    "RejectionCode",
    "Source",
    "Transfer",
    "Validity",
    "WakeChange",
    "WakeEntry",
    "WakeUp",
    "entry_id",
    "lot_key",
    "positive_amount",
    "reason",
    "system",
]
