"""What happens to accounts themselves: two become one, one is closed; pools; what was brought from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from patronage.errors import InvalidValueError
from patronage.fields import check_all, identifier, instant_or_none, many, positive, word, word_or_none
from patronage.periods import utc
from patronage.units import Amount


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


@attrs.frozen(kw_only=True)
class PoolJoined:
    """
    The member joins a pool, the shared account *pool*: a household, a club. With *spends* they may spend from it.

    *until* ends that by itself. What they have is theirs until they contribute it.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    pool: str = attrs.field(converter=identifier)
    spends: bool = attrs.field(default=True, validator=attrs.validators.instance_of(bool))
    until: datetime | None = attrs.field(default=None, converter=instant_or_none)

    def __attrs_post_init__(self) -> None:
        if self.until is not None and self.until <= self.occurred_at:
            raise InvalidValueError("The right to spend from a pool must end after it is given.")

    @property
    def about(self) -> str:
        """The joining itself."""
        return self.id


@attrs.frozen(kw_only=True)
class Contribution:
    """
    The member puts *amount* into the pool: a request. The lots keep source, validity and age, under the member's label.

    A Cancellation brings back what is left of the very lots.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    pool: str = attrs.field(converter=identifier)
    amount: Amount = attrs.field(validator=positive)

    @property
    def about(self) -> str:
        """The contribution itself."""
        return self.id


@attrs.frozen(kw_only=True)
class PoolLeft:
    """The member leaves the pool, and takes their share of it along: which one, the terms say (`PoolTerms`)."""

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    pool: str = attrs.field(converter=identifier)

    @property
    def about(self) -> str:
        """The leaving itself."""
        return self.id


@attrs.frozen(kw_only=True)
class OpeningLot:
    """
    A part of an opening balance: *amount* that was earned at *earned_at*, with the life that it has.

    It is available from *available_at*, ends at *expires_at*, ends with the grant that it *needs*, and
    lives on while the one that it is *held_by* is in force.
    """

    amount: Amount = attrs.field(validator=positive)
    earned_at: datetime | None = attrs.field(default=None, converter=instant_or_none)
    label: str | None = attrs.field(default=None, converter=word_or_none)
    available_at: datetime | None = attrs.field(default=None, converter=instant_or_none)
    expires_at: datetime | None = attrs.field(default=None, converter=instant_or_none)
    needs: str | None = attrs.field(default=None, converter=word_or_none)
    held_by: str | None = attrs.field(default=None, converter=word_or_none)


def _lots(value: Iterable[OpeningLot]) -> tuple[OpeningLot, ...]:
    found = many(value)
    check_all(OpeningLot, found, "lots")
    if not found:
        raise InvalidValueError("An opening balance has lots: give at least one.")
    return found


@attrs.frozen(kw_only=True)
class OpeningBalance:
    """
    What the member had elsewhere before: *lots* with dates of their own, taken over at *occurred_at*.

    It is not earned here, unless *earned*. *actor* is who decided it, *reason* a code.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    lots: tuple[OpeningLot, ...] = attrs.field(converter=_lots)
    earned: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    actor: str = attrs.field(converter=word)
    reason: str = attrs.field(converter=word)

    def __attrs_post_init__(self) -> None:
        for lot in self.lots:
            if lot.earned_at is not None and lot.earned_at > self.occurred_at:
                raise InvalidValueError("What is taken over was earned before: earned_at lies after occurred_at.")
            if lot.expires_at is not None and lot.expires_at <= max(
                self.occurred_at, lot.available_at or self.occurred_at
            ):
                raise InvalidValueError("What is taken over must expire after it is taken over and available.")

    @property
    def about(self) -> str:
        """The opening itself."""
        return self.id
