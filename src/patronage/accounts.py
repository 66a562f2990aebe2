"""
Accounts, and what is said of a part of a balance: where it came from, how long it lives, why it moved.

Events stand on these as well as entries: what one account's event does to another names both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from hashlib import blake2b
from typing import Final

import attrs

from patronage._build import blank
from patronage._frozen import FrozenMapping
from patronage.fields import identifier
from patronage.terms_of_time import Term

Fact = str | int | bool | None | tuple[str, ...]
"""What a reason may state: exact numbers as whole numbers or texts such as `3/2`, and ids."""


class AccountKind(Enum):
    """Who holds an account. A member's id can never equal a system's: the kind is part of the account."""

    MEMBER = "member"
    SHARED = "shared"
    SYSTEM = "system"


class BenefitKind(Enum):
    """What the shop must now hand over or charge."""

    MONEY_OFF = "money_off"
    PRODUCT = "product"
    VOUCHER = "voucher"
    PAYOUT = "payout"
    CHARGE = "charge"
    EXPERIENCE = "experience"
    DONATION = "donation"
    TRANSFER = "transfer"
    OTHER = "other"


@attrs.frozen(weakref_slot=False)
class Account:
    """An account: a kind and an id. Make it by `Account.member("m-1")` or `Account.shared("budget")`."""

    kind: AccountKind = attrs.field(validator=attrs.validators.instance_of(AccountKind))
    id: str = attrs.field(converter=identifier)

    @classmethod
    def member(cls, id: str) -> Account:
        """The account of a member: a person, a household, a bearer card."""
        return cls(AccountKind.MEMBER, id)

    @classmethod
    def shared(cls, id: str) -> Account:
        """An account held by the program, an offer, a household or a partner."""
        return cls(AccountKind.SHARED, id)

    @property
    def key(self) -> tuple[str, str]:
        """What accounts are sorted by."""
        return (self.kind.value, self.id)

    def __str__(self) -> str:
        return f"{self.kind.value} {self.id}"


def system(name: str) -> Account:
    """A system account: the other side of a member's transfers."""
    return Account(AccountKind.SYSTEM, name)


ISSUED: Final = system("issued")
REDEEMED: Final = system("redeemed")
EXPIRED: Final = system("expired")
ADJUSTED: Final = system("adjusted")
FORGIVEN: Final = system("forgiven")
IN_TRANSIT: Final = system("in_transit")
PAID_OUT: Final = system("paid_out")
"""Money that the shop hands over: the change of a voucher, a dividend, retained shares whose time has come."""
DONATED: Final = system("donated")
"""Where a balance goes that ends in favour of a charity: see `DonationPolicy.lapsed`."""


@attrs.frozen(weakref_slot=False)
class Source:
    """Where a part of a balance came from: the account and the root event. Two members may have equal event ids."""

    account: Account
    root: str


_BLANK_SOURCE: Final = blank(Source)


def build_source(account: Account, root: str) -> Source:
    """`Source(...)`, all fields in order, unchecked."""
    made = _BLANK_SOURCE()
    made.account, made.root = account, root
    made.__class__ = Source
    return made  # type: ignore[no-any-return]


DEBT: Final = Source(system("debt"), "debt")
"""The source of a debt: a lot with a negative amount, one per unit and label."""


@attrs.frozen(weakref_slot=False)
class Validity:
    """
    When a lot can be spent, `[available_at, expires_at)`, and what its life hangs on.

    *available_at* None is at once, unless *on_confirmation*. *expires_after* stands until a
    confirmation turns it into *expires_at*. A lot that *needs* a grant ends at the earlier of
    expires_at and the grant's end; one *held_by* a grant at the later of expires_at and the grant's
    end plus *grace*. *goes_to* is the account that expiry moves it to.
    """

    available_at: datetime | None = None
    on_confirmation: bool = False
    expires_at: datetime | None = None
    expires_after: Term | None = None
    needs: str | None = None
    held_by: str | None = None
    grace: Term | None = None
    goes_to: Account = EXPIRED

    @property
    def endless(self) -> bool:
        """Nothing will ever end it."""
        return self.expires_at is None and self.expires_after is None and self.needs is None


ALWAYS: Final = Validity()


@attrs.frozen(weakref_slot=False)
class Reason:
    """Why: a code, and the numbers behind it. Rendered to a sentence when read."""

    code: str
    facts: FrozenMapping[str, Fact]


def reason(code: str, facts: Mapping[str, Fact] | None = None) -> Reason:
    """A reason from a code and its facts."""
    return Reason(code, FrozenMapping(facts or {}))


def derived_id(kind: str, *parts: str) -> str:
    """
    An id that follows from *kind* and *parts* alone: `~kind/` and 128 bits of a hash over them, each with its length.

    No id from outside begins with `~`, and no two lists of parts give one text to hash.
    """
    digest = blake2b(digest_size=16)
    for part in (kind, *parts):
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return f"~{kind}/{digest.hexdigest()}"


def root_from(origin: Account, root: str) -> str:
    """What a root of another account is called here."""
    return derived_id("o", origin.kind.value, origin.id, root)
