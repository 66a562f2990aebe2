"""The claim of a referral: who brought whom. A request of the friend, decided with the referrer's account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import Account
from patronage.errors import InvalidValueError, quote
from patronage.fields import Attribute, attributes_of, identifier, instant_or_none, many, word, word_or_none
from patronage.periods import utc

FINGERPRINTS_MAX: Final = 16
_IDENTITY: Final = "identity/"
_CODE: Final = "code/"


def _fingerprints(value: Iterable[str]) -> tuple[str, ...]:
    found = tuple(sorted({word(each) for each in many(value)}))
    if len(found) > FINGERPRINTS_MAX:
        raise InvalidValueError(f"There may be {FINGERPRINTS_MAX} fingerprints at most, not {len(found)}.")
    return found


def _uses(_: object, field: attrs.Attribute[int], value: int | None) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise InvalidValueError(f"{field.name} must be a whole number of at least 1, or None, not {quote(value)}.")


@attrs.frozen(kw_only=True)
class ReferralClaimed:
    """
    A friend (*member*) says that *referrer* brought them: by a *code* that the caller has looked up, or without.

    *fingerprints* are opaque marks of the friend's identity (a hash of a card, of an address):
    a mark counts for one claim only, whoever referred. *referrer_fingerprints* are the referrer's.
    *joined_at* and *referrer_joined_at* say how old the accounts are, where the caller knows.
    *policy* names the referral policy that is meant. A code that may be used so often has *code_uses*:
    claims with it are then counted.
    """

    id: str = attrs.field(converter=identifier)
    member: str = attrs.field(converter=identifier)
    occurred_at: datetime = attrs.field(converter=utc)
    policy: str = attrs.field(converter=word)
    referrer: str = attrs.field(converter=identifier)
    code: str | None = attrs.field(default=None, converter=word_or_none)
    code_uses: int | None = attrs.field(default=None, validator=_uses)
    fingerprints: tuple[str, ...] = attrs.field(default=(), converter=_fingerprints)
    referrer_fingerprints: tuple[str, ...] = attrs.field(default=(), converter=_fingerprints)
    joined_at: datetime | None = attrs.field(default=None, converter=instant_or_none)
    referrer_joined_at: datetime | None = attrs.field(default=None, converter=instant_or_none)
    channel: str | None = attrs.field(default=None, converter=word_or_none)
    attributes: FrozenMapping[str, Attribute] = attrs.field(default=FrozenMapping(), converter=attributes_of)

    def __attrs_post_init__(self) -> None:
        if self.code_uses is not None and self.code is None:
            raise InvalidValueError("code_uses says how often the code may be used: give the code.")
        for since in (self.joined_at, self.referrer_joined_at):
            if since is not None and since > self.occurred_at:
                raise InvalidValueError(
                    f"An account is older than what it claims: {quote(str(since))} lies after the claim."
                )

    @property
    def about(self) -> str:
        """The claim itself."""
        return self.id

    @property
    def identities(self) -> tuple[Account, ...]:
        """The shared accounts that remember the friend's fingerprints."""
        return tuple(Account.shared(_IDENTITY + each) for each in self.fingerprints)

    @property
    def code_account(self) -> Account | None:
        """The shared account on which the uses of a limited code are counted."""
        return None if self.code is None or self.code_uses is None else Account.shared(_CODE + self.code)

    @property
    def others(self) -> tuple[Account, ...]:
        """The accounts that the claim is decided with, beside the friend's."""
        referrer = () if self.referrer == self.member else (Account.member(self.referrer),)
        codes = () if self.code_account is None else (self.code_account,)
        return (*referrer, *codes, *self.identities)
