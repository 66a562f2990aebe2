"""Events between accounts: what the program makes of one account's event for another account."""

from __future__ import annotations

from datetime import datetime

import attrs

from patronage.accounts import Account, derived_id


@attrs.frozen(kw_only=True)
class Counterpart:
    """
    What another account's event did to this one: made by `Program.decide`, never by a caller.

    *member* is the id of the account that it stands on. *origin* is the account whose *event* (an id)
    it was; *root* is that event's own root, the purchase of a refund. Id and root here are derived from
    those, for two members may have events of one id.
    """

    id: str
    member: str
    occurred_at: datetime
    origin: Account
    event: str
    root: str

    @property
    def about(self) -> str:
        """The root of the other account's event, as it is named here."""
        return root_from(self.origin, self.root)


def counterpart_id(origin: Account, event: str) -> str:
    """What an event of another account is called on the accounts that it changes beside its own."""
    return derived_id("c", origin.kind.value, origin.id, event)


def root_from(origin: Account, root: str) -> str:
    """What a root of another account is called here."""
    return derived_id("o", origin.kind.value, origin.id, root)


def counterpart(on: Account, origin: Account, event: str, root: str, occurred_at: datetime) -> Counterpart:
    """The counterpart on account *on* of an event of *origin*."""
    return Counterpart(
        id=counterpart_id(origin, event),
        member=on.id,
        occurred_at=occurred_at,
        origin=origin,
        event=event,
        root=root,
    )
