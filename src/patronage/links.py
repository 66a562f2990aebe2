"""
Accounts that have ended: merged into another one, or closed. Each keeps a grant that says so.

The giver of such a grant is the library itself, under a name that neither a policy nor an operator
can have: nobody else gives it, ends it, or makes one that looks like it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from patronage._frozen import FrozenMapping
from patronage.accounts import Account, Source
from patronage.ledger import Grant, Refusal, RejectionCode

LINK: Final = "~link"
"""The giver."""
MERGED_INTO: Final = "merged into"
"""The key of the grant that a merge leaves on the old account; its value is the survivor's id."""
PARTED_FROM: Final = "parted from"
"""The key of the grant that an unmerge leaves: what happened in between stands with the one that it names."""
JOINED_BY: Final = "joined by"
"""The key of the grants that a survivor has: one for each account for which it answers, whose id is its value."""
CLOSED: Final = "closed"
"""The key of the grant that a closed account keeps."""

_ENDS: Final = (MERGED_INTO, CLOSED)


def linked(key: str, value: str | None, at: datetime, source: Source) -> Grant:
    """A grant that says that an account has ended, or had."""
    return Grant(key, value, at, None, None, LINK, "", source)


def ended_by(grants: Iterable[Grant]) -> Grant | None:
    """The grant by which an account has ended; None for one that is alive."""
    for grant in grants:
        if grant.giver == LINK and not grant.ended and grant.key in _ENDS:
            return grant
    return None


def has_relatives(grants: Iterable[Grant]) -> bool:
    """Whether something of the account that has these grants may stand on another one."""
    return any(grant.giver == LINK and grant.key in (MERGED_INTO, PARTED_FROM) for grant in grants)


def answers_for(account: Account, grants: Iterable[Grant]) -> frozenset[Account]:
    """The accounts that the one with these grants answers for: itself, and those that were merged into it."""
    joined = (g.value for g in grants if g.giver == LINK and g.key == JOINED_BY and not g.ended)
    return frozenset((account, *(Account.member(id or "") for id in joined)))


def ended_with(account: Account, grants: Iterable[Grant]) -> Refusal | None:
    """A refusal where an account with these grants has ended: closed, or merged, and into which one."""
    ended = ended_by(grants)
    if ended is None:
        return None
    if ended.key == CLOSED:
        return Refusal(RejectionCode.ACCOUNT_CLOSED, FrozenMapping({"account": account.id}))
    return Refusal(RejectionCode.ACCOUNT_MERGED, FrozenMapping({"account": account.id, "into": ended.value}))


def merged_into(grants: Iterable[Grant]) -> Account | None:
    """The account that answers for one with these grants; None where it answers for itself."""
    found = ended_by(grants)
    return Account.member(found.value or "") if found is not None and found.key == MERGED_INTO else None


def heirs(account: Account, grants_of: Mapping[Account, Sequence[Grant]]) -> list[Account]:
    """
    Who answers for *account*, one after the other; the last one does.

    One whose grants are not known ends the line.
    """
    found: list[Account] = []
    here: Account | None = account
    while here is not None:
        here = merged_into(grants_of.get(here, ()))
        if here is not None:
            found.append(here)
    return found


def relatives(account: Account, grants_of: Mapping[Account, Sequence[Grant]]) -> list[Account]:
    """All accounts on which something of *account* may stand: its heirs, and those that it has parted from."""
    found = heirs(account, grants_of)
    found += [
        Account.member(grant.value or "")
        for each in (account, *found)
        for grant in grants_of.get(each, ())
        if grant.giver == LINK and grant.key == PARTED_FROM
    ]
    return list(dict.fromkeys(found))
