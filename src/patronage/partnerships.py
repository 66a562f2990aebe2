"""
What partners and members report to a program with partners: accounts linked and unlinked, and windows of time.

Each names the partner policy that it is for. They are requests: a partner or a window that there is
not, an account that is linked already, are refused. What is bought at a partner is a Purchase.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from patronage.errors import InvalidValueError
from patronage.fields import identifier, word
from patronage.periods import utc


@attrs.frozen(kw_only=True)
class PartnerLinked:
    """
    The member's *account* at *partner* is linked to this one.

    *account* is an opaque id, which becomes the value of a right. That one account of a partner is linked to one
    member only is for the service to keep, by `IdentifierRepository.claim`.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    policy: str = attrs.field(converter=word)
    partner: str = attrs.field(converter=word)
    account: str = attrs.field(converter=word)

    @property
    def about(self) -> str:
        """The link itself."""
        return self.id


@attrs.frozen(kw_only=True)
class PartnerUnlinked:
    """The member's account at *partner* is linked no more."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    policy: str = attrs.field(converter=word)
    partner: str = attrs.field(converter=word)

    @property
    def about(self) -> str:
        """The end of the link itself."""
        return self.id


@attrs.frozen(kw_only=True)
class PartnerWindow:
    """
    The member is in a *window* from *starts_at* and before *ends_at*: a stay booked, a car rented, a trip.

    What the policy's rules ask of it is a right that begins then. A Cancellation calls it off.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    policy: str = attrs.field(converter=word)
    window: str = attrs.field(converter=word)
    starts_at: datetime = attrs.field(converter=utc)
    ends_at: datetime = attrs.field(converter=utc)

    def __attrs_post_init__(self) -> None:
        if self.ends_at <= self.starts_at:
            raise InvalidValueError("A window must end after it starts.")

    @property
    def about(self) -> str:
        """The window itself."""
        return self.id


PartnerEvent = PartnerLinked | PartnerUnlinked | PartnerWindow

__all__ = ["PartnerEvent", "PartnerLinked", "PartnerUnlinked", "PartnerWindow"]
