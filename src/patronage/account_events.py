"""What happens to accounts themselves: two become one, one is closed."""

from __future__ import annotations

from datetime import datetime

import attrs

from patronage.fields import identifier, word
from patronage.periods import utc


@attrs.frozen(kw_only=True)
class Merge:
    """
    An operator puts the *member*'s account into that of *into*, the survivor: lots, grants, tallies, wake-ups.

    From then on the survivor answers what is sent for the member. *actor* is who decided it, *reason* a
    code. A Cancellation unmerges: what is left of the very lots goes back.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    into: str = attrs.field(converter=identifier)
    actor: str = attrs.field(converter=word)
    reason: str = attrs.field(converter=word)

    @property
    def about(self) -> str:
        """The merge itself."""
        return self.id


@attrs.frozen(kw_only=True)
class AccountClosed:
    """
    The member's account has ended: what it holds is forfeited or paid out by the terms (`ClosingTerms`).

    What reservations hold is released first. Nothing is earned or spent on it any more. *actor* is who
    closed it, *reason* a code.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    actor: str = attrs.field(converter=word)
    reason: str = attrs.field(converter=word)

    @property
    def about(self) -> str:
        """The closing itself."""
        return self.id
