"""What members say to a program that donates: which charity it is for."""

from __future__ import annotations

from datetime import datetime

import attrs

from patronage.fields import identifier, word, word_or_none
from patronage.periods import utc


@attrs.frozen(kw_only=True)
class CharityChosen:
    """
    From now on the member's share goes to *charity*; None: to the default of the donation policy *policy*.

    A request: a charity that the policy does not list is refused. What was bought before stays with the
    charity it was bought for, and so does what comes back of it.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    policy: str = attrs.field(converter=word)
    charity: str | None = attrs.field(converter=word_or_none)

    @property
    def about(self) -> str:
        """The choice itself."""
        return self.id


__all__ = ["CharityChosen"]
