"""
What is said and done about dividends: one is declared, its pools are shared out, each member gets a share.

A declaration is an event of the program's own: it stands on the shared account of its policy. The other
two are made of it, by `Loyalty.pay_dividend` or by `share_of`, never by a caller's own numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

import attrs

from patronage.accounts import Account, Source, derived_id, root_from
from patronage.errors import InvalidValueError, quote
from patronage.fields import identifier, instant_or_none, is_a, many, positive, word
from patronage.periods import format_instant, utc
from patronage.sharing import Cut
from patronage.units import Amount, plain_decimal


def _per(value: int | str | Decimal) -> Decimal:
    number = plain_decimal(value)
    if number <= 0:
        raise InvalidValueError(f"A rate is for each so much of patronage, above 0, not {quote(str(value))}.")
    return number


@attrs.frozen(kw_only=True)
class ClassDeclared:
    """
    What is declared for the class *name* of patronage: a *pool* to share out, or *credit* for each *per* of it.

    *per* is in whole units of what the class counts: dollars, bushels.
    """

    name: str = attrs.field(default="patronage", converter=word)
    pool: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(positive))
    credit: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(positive))
    per: Decimal = attrs.field(default=Decimal(1), converter=_per)

    def __attrs_post_init__(self) -> None:
        if (self.pool is None) == (self.credit is None):
            raise InvalidValueError(f"Class {self.name} has a pool to share out or a rate (credit), one of them.")
        if self.pool is not None and self.per != 1:
            raise InvalidValueError(f"The pool of class {self.name} has no per: that goes with a rate.")

    @property
    def amount(self) -> Amount:
        """The pool, or the credit of the rate."""
        amount = self.credit if self.pool is None else self.pool
        assert amount is not None
        return amount


def _classes(value: Iterable[ClassDeclared]) -> tuple[ClassDeclared, ...]:
    found = many(value)
    if not found or not all(isinstance(each, ClassDeclared) for each in found):
        raise InvalidValueError(f"A dividend is declared for classes (ClassDeclared), not {quote(value)}.")
    if len({each.name for each in found}) < len(found):
        raise InvalidValueError("A dividend is declared once for a class: two have one name.")
    if len({each.amount.unit for each in found}) > 1:
        raise InvalidValueError("A dividend is declared in one unit, for all classes.")
    return found


def _policy_of(event: object) -> str:
    policy: str = getattr(event, "policy")  # noqa: B009  # Of either event.
    return policy


_POLICY: Final = attrs.Factory(_policy_of, takes_self=True)


@attrs.frozen(kw_only=True)
class DividendDeclared:
    """
    The dividend of a period is declared by *policy*: a pool or a rate for each class of patronage.

    *of* is an instant of the period: any one, such as the first of its last day. It is issued at
    *issue_at*, the event's own instant unless told; what is not claimed ends at *expires_at*, where the
    policy's life does not say it. A period's dividend is declared once. Its *member* is the shared account
    of the policy, by its name.
    """

    id: str = attrs.field(converter=identifier)
    policy: str = attrs.field(converter=word)
    occurred_at: datetime = attrs.field(converter=utc)
    of: datetime = attrs.field(converter=utc)
    classes: tuple[ClassDeclared, ...] = attrs.field(converter=_classes)
    issue_at: datetime | None = attrs.field(default=None, converter=instant_or_none)
    expires_at: datetime | None = attrs.field(default=None, converter=instant_or_none)
    member: str = attrs.field(default=_POLICY)

    def __attrs_post_init__(self) -> None:
        if self.member != self.policy:
            raise InvalidValueError(
                f"A declaration stands on the shared account of its policy, {quote(self.policy)}: leave out its member."
            )
        if self.issue_at is not None and self.issue_at < self.occurred_at:
            raise InvalidValueError("A dividend is issued when it is declared, or later.")
        if self.expires_at is not None and self.expires_at <= self.issued_at:
            raise InvalidValueError(
                f"What is issued at {format_instant(self.issued_at)} must expire after that, not at "
                f"{format_instant(self.expires_at)}."
            )

    @property
    def about(self) -> str:
        """The declaration itself."""
        return self.id

    @property
    def issued_at(self) -> datetime:
        """When members get their shares."""
        return self.occurred_at if self.issue_at is None else self.issue_at


@attrs.frozen(kw_only=True)
class ClassAllocated:
    """How the pool of the class *name* is shared out, among whom: each share follows from *cut* and a patronage."""

    name: str
    cut: Cut


@attrs.frozen(kw_only=True)
class DividendAllocated:
    """
    The pools of the *declaration* (an id) were shared out, once: made by the program, never by a caller.

    *classes* are those that have a pool.
    """

    id: str
    policy: str
    occurred_at: datetime
    declaration: str
    classes: tuple[ClassAllocated, ...]
    member: str = attrs.field(default=_POLICY)

    @property
    def about(self) -> str:
        """The declaration."""
        return self.declaration


@attrs.frozen(kw_only=True)
class DividendShare:
    """
    A member's share of a dividend: made by the program for each member, never by a caller.

    *origin* is the declaration, and its id follows from that and the member: nobody is paid twice. It
    states the rates and pools; what they come to follows from the member's patronage. One that finds
    the account later than its instant takes effect at the account's clock.
    """

    id: str
    member: str
    occurred_at: datetime
    origin: Source
    policy: str
    of: datetime
    classes: tuple[ClassDeclared, ...]
    allocated: tuple[ClassAllocated, ...] = ()
    expires_at: datetime | None = None

    @property
    def about(self) -> str:
        """The declaration, as it is named here."""
        return root_from(self.origin.account, self.origin.root)

    @property
    def cuts(self) -> Mapping[str, Cut]:
        """How each pool is shared out."""
        return {each.name: each.cut for each in self.allocated}


DividendEvent = DividendDeclared | DividendAllocated | DividendShare


def account_of_dividend(policy: str) -> Account:
    """The shared account of a dividend policy: what is declared stands on it."""
    return Account.shared(policy)


def allocated(declared: DividendDeclared, cuts: Mapping[str, Cut]) -> DividendAllocated:
    """
    The allocation of a declaration: *cuts* by class, one for each pool.

    Raises InvalidValueError where a pool has no cut, or one of another total.
    """
    pools = {each.name: each.pool for each in declared.classes if each.pool is not None}
    if set(pools) != set(cuts) or any(pool.steps != cuts[name].total for name, pool in pools.items()):
        raise InvalidValueError("Each pool that is declared has a cut of its own total, and nothing else has one.")
    return DividendAllocated(
        id=derived_id("a", declared.policy, declared.id),
        policy=declared.policy,
        occurred_at=declared.issued_at,
        declaration=declared.id,
        classes=tuple(ClassAllocated(name=name, cut=cuts[name]) for name in pools),
    )


def share_of(declared: DividendDeclared, allocation: DividendAllocated | None, member: str) -> DividendShare:
    """
    The share event of a member, under the id that follows from the declaration and the member.

    *allocation* is that of the declaration's pools; None where it has rates alone. Raises
    InvalidValueError where it is another one's, or missing.
    """
    if allocation is not None and (allocation.declaration, allocation.policy) != (declared.id, declared.policy):
        raise InvalidValueError(f"The allocation is of {quote(allocation.declaration)}, not of {quote(declared.id)}.")
    if allocation is None and any(each.pool is not None for each in declared.classes):
        raise InvalidValueError(f"The pools of {quote(declared.id)} must be shared out before they are paid.")
    is_a(str, member, "member")
    account = account_of_dividend(declared.policy)
    return DividendShare(
        id=derived_id("s", account.kind.value, account.id, declared.id, member),
        member=member,
        occurred_at=declared.issued_at,
        origin=Source(account, declared.id),
        policy=declared.policy,
        of=declared.of,
        classes=declared.classes,
        allocated=() if allocation is None else allocation.classes,
        expires_at=declared.expires_at,
    )


__all__ = [
    "ClassAllocated",
    "ClassDeclared",
    "DividendAllocated",
    "DividendDeclared",
    "DividendEvent",
    "DividendShare",
    "account_of_dividend",
    "allocated",
    "share_of",
]
