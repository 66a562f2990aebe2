"""Events between accounts: gifts, and what the program makes of one account's event for another account."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs

from patronage.accounts import ALWAYS, Account, BenefitKind, Reason, Source, Validity, derived_id, reason, root_from
from patronage.fields import identifier, positive, word_or_none
from patronage.periods import utc
from patronage.units import Amount

FOLLOWED_UP: Final = reason("followed_up")


@attrs.frozen(kw_only=True)
class Gift:
    """
    A member gives *amount* to another one: a request, decided with both accounts.

    Which lots go, and whether at all, is for the terms (`TransferTerms`). *reason* is a code. A
    Cancellation brings back what is left of the very lots.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    to: str = attrs.field(converter=identifier)
    amount: Amount = attrs.field(validator=positive)
    reason: str | None = attrs.field(default=None, converter=word_or_none)

    @property
    def about(self) -> str:
        """The gift itself."""
        return self.id


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


def is_of_time(cause: str) -> bool:
    """Whether an entry of that cause was made by time alone, or by the program: not by an event from outside."""
    return cause[0] == "~" and not cause.startswith("~c/")


def held_name(on: Account, origin: Account, root: str) -> str:
    """How what is held for *root* of *origin* is called on account *on*: no id from outside is like it."""
    return root if on == origin else f"~m/{len(origin.id)}/{origin.id}/{root}"


def held_source(on: Account, name: str) -> Source:
    """The root that a `held_name` on account *on* was made of."""
    if not name.startswith("~m/"):
        return Source(on, name)
    length, _, rest = name[3:].partition("/")
    return Source(Account.member(rest[: int(length)]), rest[int(length) + 1 :])


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


@attrs.frozen(kw_only=True)
class PromisedCredit:
    """A part of a follow-up: *amount* by *rule*, with the *validity* that the origin gave it."""

    amount: Amount
    rule: str = ""
    label: str | None = None
    validity: Validity = ALWAYS


@attrs.frozen(kw_only=True)
class PromisedGrant:
    """A part of a follow-up: a grant of *key* (and *value*) by *rule*, until an instant, perhaps with uses."""

    key: str
    value: str | None = None
    valid_until: datetime | None = None
    uses: int | None = None
    occasion: str = ""
    rule: str = ""


@attrs.frozen(kw_only=True)
class PromisedBenefit:
    """A part of a follow-up: what the shop must hand over to the receiver, once."""

    kind: BenefitKind
    reward: str
    amount: Amount | None = None
    quantity: int = 1


@attrs.frozen(kw_only=True)
class FollowedUp:
    """
    What a policy gives the *receiver* for what happened on another account: made by a program, never by a caller.

    It states all that the receiver now gets for *origin*, the other account and the root there: the
    receiver books that less what the chain of those with one origin, policy and receiver has booked.
    *event* is what gave rise to it (the purchase, a refund of it, what fell due), *ordinal* the place of
    that among the commits of the root: an older total that arrives later changes nothing. What the
    shop has handed over stays with the receiver.
    """

    id: str
    member: str
    occurred_at: datetime
    receiver: Account
    origin: Source
    event: str
    policy: str
    ordinal: int = 0
    credits: tuple[PromisedCredit, ...] = ()
    gives: tuple[PromisedGrant, ...] = ()
    benefits: tuple[PromisedBenefit, ...] = ()
    reason: Reason = FOLLOWED_UP

    @property
    def about(self) -> str:
        """The origin's root, as it is named here."""
        return root_from(self.origin.account, self.origin.root)

    @property
    def chain(self) -> str:
        """What all follow-ups of one origin, policy and receiver have in common."""
        origin, receiver = self.origin, self.receiver
        parts = (origin.account.kind.value, origin.account.id, origin.root, self.policy)
        return derived_id("h", *parts, receiver.kind.value, receiver.id)

    def with_more(self, other: FollowedUp) -> FollowedUp:
        """One total of two parts: a policy may give one receiver something by several rules."""
        return attrs.evolve(
            self,
            credits=self.credits + other.credits,
            gives=self.gives + other.gives,
            benefits=self.benefits + other.benefits,
        )


def followed_up(
    receiver: Account,
    origin: Source,
    event: str,
    policy: str,
    occurred_at: datetime,
    credits: tuple[PromisedCredit, ...],
    gives: tuple[PromisedGrant, ...],
    why: Reason,
    *,
    benefits: tuple[PromisedBenefit, ...] = (),
) -> FollowedUp:
    """The follow-up of *policy* for *receiver*, under the id that follows from the origin's account and the event."""
    account = origin.account
    parts = (account.kind.value, account.id, event, policy, receiver.kind.value, receiver.id)
    return FollowedUp(
        id=derived_id("f", *parts),
        member=receiver.id,
        occurred_at=occurred_at,
        receiver=receiver,
        origin=origin,
        event=event,
        policy=policy,
        credits=credits,
        gives=gives,
        benefits=benefits,
        reason=why,
    )
