"""One version of the rules: units, policies in order, rewards, and what a refund does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from itertools import pairwise
from typing import Final, Protocol, runtime_checkable

import attrs

from patronage._frozen import FrozenMapping
from patronage.book import Book
from patronage.building import build_balance, build_basis
from patronage.ceilings import BoundCeiling
from patronage.closings import ClosingTerms, closings_of
from patronage.conditions import reads_of
from patronage.errors import InvalidValueError, quote
from patronage.events import (
    Activity,
    Contribution,
    Enrolment,
    Event,
    Gift,
    Merge,
    PoolJoined,
    PoolLeft,
    Purchase,
    Redemption,
    ReferralClaimed,
    Reservation,
    many,
)
from patronage.figures import Setting
from patronage.ledger import Account, AccountKind, Balance, Basis, Grant, reason
from patronage.occasions import Ladder, Read
from patronage.periods import EARLIEST, Calendar, format_instant, utc
from patronage.policies.base import BoundPolicy, Policy, bind
from patronage.pool_terms import PoolTerms, pools_of
from patronage.rewards import Limit, Reward, limits_of
from patronage.rules import Ceiling, above_zero, name
from patronage.terms_of_time import Term, years
from patronage.transfers import TransferTerms, transfers_of
from patronage.units import Amount, Rounding, Unit, UnitKind
from patronage.watching import Counting, Watcher


class Expired(Enum):
    """What of a returned purchase had expired: not taken again, or taken from what else there is."""

    DROPPED = "dropped"
    CHARGED = "charged"


class Shortfall(Enum):
    """What a refund could not take: a debt, forgiven, or priced in money."""

    DEBT = "debt"
    FORGIVEN = "forgiven"
    PRICED = "priced"


class Returned(Enum):
    """What life returned points have: the old one, at least a stated grace, or a fresh one."""

    OLD = "old"
    GRACE = "grace"
    FRESH = "fresh"


@attrs.frozen(kw_only=True)
class RefundTerms:
    """
    What a refund does, beyond deciding the purchase again without what came back.

    *proportional* takes the returned share of what was earned instead (also after the terms'
    *refund_for*), rounded by *rounding*. *expired*, *shortfall*, *debt_max* (what is above it is
    forgiven) and *unspent_only* say what is taken from whom; *price* is the money for each of that
    many points where a shortfall is priced. *returned* is the life of points given back, *grace*
    with GRACE and FRESH how long they live from then.
    """

    proportional: bool = False
    rounding: Rounding = Rounding.HALF_UP
    expired: Expired = Expired.CHARGED
    shortfall: Shortfall = Shortfall.DEBT
    debt_max: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    unspent_only: bool = False
    price: tuple[Amount, Amount] | None = None
    returned: Returned = Returned.OLD
    grace: Term | None = None

    def __attrs_post_init__(self) -> None:
        if (self.returned is Returned.OLD) != (self.grace is None):
            raise InvalidValueError("A grace goes with returned points that have a grace or a fresh life.")
        if (self.shortfall is Shortfall.PRICED) != (self.price is not None):
            raise InvalidValueError("A price (points, money) goes with a shortfall that is priced.")
        if self.unspent_only and self.shortfall is Shortfall.DEBT:
            raise InvalidValueError(
                "Where only what is unspent is taken, a shortfall is forgiven or priced: "
                "a debt never stands beside points that could pay it."
            )


def _units(value: Iterable[Unit]) -> tuple[Unit, ...]:
    found = many(value)
    if not found or not all(isinstance(unit, Unit) for unit in found):
        raise InvalidValueError(f"Terms have units, not {quote(value)}.")
    if len({unit.code for unit in found}) < len(found):
        raise InvalidValueError("Two units have one code.")
    return found


def _policies(value: Iterable[Policy]) -> tuple[Policy, ...]:
    found = many(value)
    for policy in found:
        if isinstance(policy, type) or not callable(getattr(policy, "effects", None)):
            raise InvalidValueError(f"A policy is an object with a method effects(occasion), not {quote(policy)}.")
        name(getattr(policy, "name", ""))
    if len({policy.name for policy in found}) < len(found):
        raise InvalidValueError("Two policies have one name.")
    return found


def _rewards(value: Iterable[Reward]) -> tuple[Reward, ...]:
    found = many(value)
    for reward in found:
        if isinstance(reward, type) or not callable(getattr(reward, "price", None)):
            raise InvalidValueError(f"A reward is an object with a method price(request), not {quote(reward)}.")
        name(getattr(reward, "name", ""))
    if len({reward.name for reward in found}) < len(found):
        raise InvalidValueError("Two rewards have one name.")
    return found


@attrs.frozen(kw_only=True)
class Terms:
    """
    One version of the rules, in force from *effective_from* until the next version.

    *policies* are asked in order, each sees what those before it did. *refund_for* is how long after
    a purchase its refunds are decided again exactly; after it they take the proportional share.
    *transfers* say of which units members may give to each other: of none unless told; *closings* what
    becomes of a unit when an account is closed: it is forfeited unless told; *pools* which units can be
    put into pools.
    """

    units: tuple[Unit, ...] = attrs.field(converter=_units)
    policies: tuple[Policy, ...] = attrs.field(default=(), converter=_policies)
    rewards: tuple[Reward, ...] = attrs.field(default=(), converter=_rewards)
    effective_from: datetime = attrs.field(default=EARLIEST, converter=utc)
    refund_for: Term = years(1)
    refunds: RefundTerms = RefundTerms()
    transfers: tuple[TransferTerms, ...] = attrs.field(default=(), converter=transfers_of)
    closings: tuple[ClosingTerms, ...] = attrs.field(default=(), converter=closings_of)
    pools: tuple[PoolTerms, ...] = attrs.field(default=(), converter=pools_of)

    def __attrs_post_init__(self) -> None:
        codes = {unit.code for unit in self.units}
        for transfer in self.transfers:
            if transfer.unit not in codes:
                raise InvalidValueError(f"Gifts are of {quote(transfer.unit)}, which is no unit of the terms.")
        for pool in self.pools:
            if pool.unit not in codes:
                raise InvalidValueError(f"Pools are of {quote(pool.unit)}, which is no unit of the terms.")
        for closing in self.closings:
            if closing.unit not in codes or (closing.price is not None and closing.price[1].unit not in codes):
                raise InvalidValueError(f"A closing is of {quote(closing.unit)} and its price in units of the terms.")
        for reward in self.rewards:
            if reward.unit is not None and reward.unit not in codes:
                raise InvalidValueError(
                    f"Reward {reward.name} spends {quote(reward.unit)}, which is no unit of the terms."
                )


def timeline(value: Terms | Iterable[Terms]) -> tuple[Terms, ...]:
    """Terms in order of `effective_from`. Raises InvalidValueError where two take effect at one instant."""
    found = (value,) if isinstance(value, Terms) else many(value)
    if not found or not all(isinstance(terms, Terms) for terms in found):
        raise InvalidValueError(f"A program has Terms, one or a timeline, not {quote(value)}.")
    ordered = tuple(sorted(found, key=lambda terms: terms.effective_from))
    for earlier, later in pairwise(ordered):
        if earlier.effective_from == later.effective_from:
            raise InvalidValueError(f"Two terms take effect at {format_instant(later.effective_from)}.")
    return ordered


@runtime_checkable
class HasLadder(Protocol):
    """A policy of tiers: what conditions and occasions read a member's level by."""

    @property
    def ladder(self) -> Ladder:
        """Its levels."""
        ...


class BoundTerms:
    """Terms made ready for deciding: policies bound, units and rewards by name, what is read."""

    __slots__ = (
        "_beside_reads",
        "_counting",
        "_reads",
        "_tallies",
        "adopts",
        "beside",
        "between",
        "calendar",
        "counts",
        "creditable",
        "effective_from",
        "follows_up",
        "ladders",
        "limits",
        "others",
        "policies",
        "redeemed",
        "reward_names",
        "rewards",
        "shared",
        "tallies",
        "terms",
        "transfers",
        "units",
        "watched",
        "watches",
    )

    def __init__(self, terms: Terms, calendar: Calendar) -> None:
        self.terms, self.calendar, self.effective_from = terms, calendar, terms.effective_from
        self.units = FrozenMapping({unit.code: unit for unit in terms.units})
        self.rewards: Mapping[str, Reward] = {reward.name: reward for reward in terms.rewards}
        self.reward_names = frozenset(self.rewards)
        self.redeemed = {reward: reason("redeemed", {"reward": reward}) for reward in self.rewards}
        self.policies: Sequence[BoundPolicy] = [
            bind(
                policy,
                Setting(policy=policy.name, units=self.units, calendar=calendar, refund_for=terms.refund_for),
            )
            for policy in terms.policies
        ]
        reads = [read for policy in self.policies for read in policy.reads]
        reads += [read for reward in terms.rewards for read in _reads_of(reward)]
        asked = [each for one in terms.transfers for each in (one.when, one.when_receiver)]
        asked += [one.when for one in terms.pools]
        reads += [read for condition in asked for read in getattr(condition, "reads", ())]
        for read in reads:
            if not isinstance(read, Read) or read.unit not in self.units:
                raise InvalidValueError(f"{quote(read)} names no unit of the terms.")
        self._reads: Sequence[str] = sorted({read.unit for read in reads})
        self._tallies = [policy.tallies for policy in self.policies if policy.tallies is not None]
        watchers = [watcher for policy in self.policies for watcher in policy.watchers]
        self.watches = bool(watchers)
        self._counting = [watcher for watcher in watchers if isinstance(watcher, Counting)]
        self.beside: Mapping[Account, Sequence[Watcher]] = {
            account: [w for policy in self.policies for w in policy.beside.get(account, ())]
            for account in {account for policy in self.policies for account in policy.beside}
        }
        there = [watcher for beside in self.beside.values() for watcher in beside]
        self._beside_reads = sorted({read.unit for watcher in there for read in watcher.reads} - set(self._reads))
        self.adopts = any(policy.adopts for policy in self.policies)
        self.ladders = FrozenMapping(
            {policy.name: policy.ladder for policy in terms.policies if isinstance(policy, HasLadder)}
        )
        own = frozenset(watcher.unit for watcher in (*watchers, *there))
        self.watched: frozenset[str] = frozenset((*self._reads, *self._beside_reads)) | own
        tallies = (ceiling.tally for policy in self.policies for ceiling in (*policy.ceilings, *policy.receives))
        self.counts = frozenset(count for policy in self.policies for count in policy.counts)
        self.tallies = frozenset(tally for tally in tallies if tally is not None) | own | self.counts
        self.creditable = frozenset((*self.units, *self.tallies))
        self.limits = {reward.name: bound_limits(reward, terms.refund_for) for reward in terms.rewards}
        self.shared = self._all_shared()
        self.others = tuple(sorted({o for policy in self.policies for o in policy.others}, key=lambda o: o.key))
        self.follows_up = frozenset(policy.name for policy in self.policies if policy.follows_up)
        self.transfers = {one.unit: BoundTransfer.of(one) for one in terms.transfers}
        requests = (Gift,) if self.transfers else ()
        pools = (PoolJoined, Contribution, PoolLeft, Redemption) if terms.pools else ()
        claims = (ReferralClaimed,) if any(policy.asked is not None for policy in self.policies) else ()
        facts = FACTS if self.others else ()
        self.between: frozenset[type] = frozenset((*self.shared, *facts, *requests, *claims, *pools, Merge))

    def _all_shared(self) -> Mapping[type, Sequence[BoundCeiling]]:
        """What is counted on shared accounts, by the type of the event that it counts."""
        found: dict[type, list[BoundCeiling]] = {}
        for policy in self.policies:
            for on, ceilings in policy.shared.items():
                found.setdefault(on, []).extend(ceilings)
        for limits in self.limits.values():
            stock = [limit for limit in limits if limit.accounts]
            for on in (Redemption, Reservation) if stock else ():
                found.setdefault(on, []).extend(stock)
        return found

    @property
    def ceilings(self) -> Sequence[BoundCeiling]:
        """Every ceiling of a policy or of gifts, and every limit of a reward."""
        own = [ceiling for policy in self.policies for ceiling in (*policy.ceilings, *policy.receives)]
        own += [ceiling for one in self.transfers.values() for ceiling in (*one.given, *one.received)]
        return own + [limit for limits in self.limits.values() for limit in limits]

    def counted_on(self, event: Event, member: Account) -> Sequence[tuple[Account, BoundCeiling | None]]:
        """The other accounts that a fact or a request of *member* needs, with what is counted there."""
        if isinstance(event, Gift):
            return [(Account.member(event.to), None)] if event.to != member.id else []
        if isinstance(event, PoolJoined | Contribution | PoolLeft):
            return [(Account.shared(event.pool), None)]
        if isinstance(event, Merge):
            return [(Account.member(event.into), None)] if event.into != member.id else []
        if isinstance(event, ReferralClaimed):
            return [(account, None) for account in event.others]
        shared: Iterable[BoundCeiling] = self.shared.get(type(event), ())
        if isinstance(event, Redemption | Reservation):
            shared = self.limits.get(event.reward, ())
        pairs = ((ceiling.account_for(member), ceiling) for ceiling in shared)
        named: list[tuple[Account, None]] = [(account, None) for account in self.others if type(event) in FACTS]
        if isinstance(event, Redemption) and event.pool is not None:
            named.append((Account.shared(event.pool), None))
        return [*((account, ceiling) for account, ceiling in pairs if account is not None), *named]

    def basis(self, book: Book, at: datetime, of: datetime | None = None) -> Basis:
        """
        What rules can read now: the grants in force, and the balances that the terms declare they read.

        *of* is an instant whose periods are read as well: those of the purchase of a refund, of a close.
        """
        grants: tuple[Grant, ...] = book.grants
        for grant in grants:
            if not grant.in_force(at):
                # What was held in a period that is looked at says when it was.
                grants = tuple(g for g in grants if g.in_force(at) or (of is not None and g.held_at(of)))
                break
        balances: list[Balance] = []
        for unit in self._reads:
            balances.extend(book.balances(unit))
        member = book.account.kind is AccountKind.MEMBER
        for unit in () if member else self._beside_reads:
            balances.extend(book.balances(unit))
        for tallies in self._tallies:
            for unit, period in tallies(at):
                used: dict[str, int] = {}  # In a rolling period each use is a lot of its own.
                for lot in book.lots(unit):
                    label = lot.label
                    if label is not None and (label == period or label.startswith(f"{period}/")):
                        used[label] = used.get(label, 0) + lot.steps
                for label, steps in used.items():
                    balances.append(build_balance(unit, label, steps))
        if self.watches if member else self.beside:
            balances.extend(self._counted(book, grants, at, of))
        others = _NO_OTHERS if book.others is None else self._others(book, at)
        return build_basis(grants, tuple(balances), others)

    def looks_at(self, account: Account) -> bool:
        """Whether a total or threshold looks at an account."""
        return self.watches if account.kind is AccountKind.MEMBER else account in self.beside

    def counted(self, at: datetime) -> Sequence[tuple[str, str]]:
        """What an event at *at* counts on: tallies, each with the label of the period that holds the instant."""
        return [pair for tallies in self._tallies for pair in tallies(at)]

    def _others(self, book: Book, at: datetime) -> FrozenMapping[str, tuple[Balance, ...]]:
        """What rules can read of the shared accounts that are open: what is read of units, and what is counted."""
        found = {}
        counted = {ceiling.tally: ceiling for ceilings in self.shared.values() for ceiling in ceilings}
        for account, other in (book.others or {}).items():
            if account.kind is not AccountKind.SHARED:
                continue
            balances = [balance for unit in self._reads for balance in other.balances(unit)]
            for tally, ceiling in counted.items():
                if tally is not None and ceiling.account_for(book.account) == account:
                    period = ceiling.period(at, self.calendar)
                    balances.extend(
                        held
                        for held in other.balances(tally)
                        if held.label is not None and (held.label == period or held.label.startswith(f"{period}/"))
                    )
            found[str(account)] = tuple(balances)
        return FrozenMapping.owning(found)

    def _counted(self, book: Book, grants: Sequence[Grant], at: datetime, of: datetime | None) -> list[Balance]:
        """The tallies of those that watch, in the periods that hold the instants; those under `~` are of none."""
        found: list[Balance] = []
        counting: Iterable[Counting] = self._counting
        if book.account.kind is not AccountKind.MEMBER:
            counting = [each for each in self.beside.get(book.account, ()) if isinstance(each, Counting)]
        for watcher in counting:
            unit = watcher.unit
            lots = book.lots(unit)
            if lots:
                now = watcher.key(at, self.calendar, grants)
                then = now if of is None else watcher.key(of, self.calendar, grants)
                for lot in lots:
                    period = None if lot.label is None else lot.label.partition("/")[0]
                    if period is not None and (period in (now, then) or period[:1] == "~"):
                        found.append(build_balance(unit, lot.label, lot.steps))
        return found


def _reads_of(reward: Reward) -> Iterable[Read]:
    """The balances that a reward's conditions read, wherever in it they stand."""
    qualifies = getattr(reward, "qualifies", None)
    holders = [reward, qualifies, *getattr(reward, "gives", ())]
    for holder in holders:
        for place in ("when", "lines"):
            yield from reads_of(getattr(holder, place, None))


def bound_limits(reward: Reward, refund_for: Term | None) -> tuple[BoundCeiling, ...]:
    """How often a reward can be had, bound: tallies `reward.name.limit`, which no policy's ceiling can have."""
    limits: Iterable[Limit] = limits_of(getattr(reward, "limits", ()))
    return tuple(
        BoundCeiling(
            Ceiling(
                name=limit.name,
                limit=USES.steps(limit.most),
                per=limit.per,
                shared=limit.shared,
                slices=limit.slices,
            ),
            False,
            f"reward.{reward.name}",
            refund_for,
        )
        for limit in limits
    )


@attrs.frozen(eq=False)
class BoundTransfer:
    """The terms of gifts of a unit, with the ceilings that count on each member's own account."""

    terms: TransferTerms
    given: tuple[BoundCeiling, ...]
    received: tuple[BoundCeiling, ...]

    @classmethod
    def of(cls, terms: TransferTerms) -> BoundTransfer:
        """Bound: tallies `given.unit.ceiling` and `received.unit.ceiling`, which no policy's ceiling can have."""
        given, received = (
            tuple(BoundCeiling(ceiling, False, f"{side}.{terms.unit}", None) for ceiling in ceilings)
            for side, ceilings in (("given", terms.given), ("received", terms.received))
        )
        return cls(terms, given, received)


USES: Final = Unit("uses", kind=UnitKind.TALLY)
"""What the limits of a reward are counted in. It is no unit of the terms."""
FACTS: Final = (Purchase, Enrolment, Activity)
_NO_OTHERS: Final = Basis().others
