"""
What members and shops do with a paid membership: start, renew, change, cancel.

Each names the membership policy that it is for. They are requests: a plan that there is not, a
membership that is not held, are refused.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from patronage.errors import of_type
from patronage.fields import identifier, word
from patronage.periods import utc


@attrs.frozen(kw_only=True)
class MembershipStarted:
    """
    A membership of *plan* begins: paid, with the plan's *trial*, or *gifted*.

    A gift charges nothing and ends with its term: the event is the receiver's, and the shop charges the giver.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    policy: str = attrs.field(converter=word)
    plan: str = attrs.field(converter=word)
    trial: bool = attrs.field(default=False, validator=of_type(bool))
    gifted: bool = attrs.field(default=False, validator=of_type(bool))

    @property
    def about(self) -> str:
        """The start itself."""
        return self.id


@attrs.frozen(kw_only=True)
class MembershipRenewed:
    """Another term is paid for, or what was cancelled at the end of its term goes on."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    policy: str = attrs.field(converter=word)

    @property
    def about(self) -> str:
        """The renewal itself."""
        return self.id


@attrs.frozen(kw_only=True)
class MembershipChanged:
    """The membership goes over to another *plan*: now, or *at_term_end*. An upgrade, a downgrade."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    policy: str = attrs.field(converter=word)
    plan: str = attrs.field(converter=word)
    at_term_end: bool = attrs.field(default=False, validator=of_type(bool))

    @property
    def about(self) -> str:
        """The change itself."""
        return self.id


@attrs.frozen(kw_only=True)
class MembershipCancelled:
    """The membership ends: *at_term_end*, or now, and then with the *refund* that the policy has for it, if wanted."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    policy: str = attrs.field(converter=word)
    at_term_end: bool = attrs.field(default=False, validator=of_type(bool))
    refund: bool = attrs.field(default=True, validator=of_type(bool))

    @property
    def about(self) -> str:
        """The cancellation itself."""
        return self.id


MembershipEvent = MembershipStarted | MembershipRenewed | MembershipChanged | MembershipCancelled

__all__ = [
    "MembershipCancelled",
    "MembershipChanged",
    "MembershipEvent",
    "MembershipRenewed",
    "MembershipStarted",
]
