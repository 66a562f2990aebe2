"""Effects that cannot be meant are refused where they are written."""

from __future__ import annotations

from typing import Any

import pytest
from unit_shop import POINTS, on

from patronage import Account, Debit, Give, InvalidValueError
from patronage.terms_of_time import days


@pytest.mark.parametrize("payee", [Account.member("m-2"), "redeemed"])
def test_a_debit_goes_to_an_account_of_the_system(payee: Any) -> None:
    """What another member gets is a follow-up."""
    with pytest.raises(InvalidValueError, match="a system account"):
        Debit(POINTS.of(1), payee=payee)


def test_a_grant_ends_in_one_way() -> None:
    """After a term, or at an instant."""
    assert Give(key="gold", lasts=days(1)).lasts == days(1)
    with pytest.raises(InvalidValueError, match="a term or until an instant, not both"):
        Give(key="gold", lasts=days(1), until=on(2, 1))


def test_a_grant_ends_after_it_begins() -> None:
    """Not at the instant at which it begins."""
    assert Give(key="gold", since=on(1, 1), until=on(2, 1)).until == on(2, 1)
    with pytest.raises(InvalidValueError, match="ends after it begins"):
        Give(key="gold", since=on(2, 1), until=on(2, 1))
