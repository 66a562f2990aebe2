"""The table of currencies against the official list, which the package `iso4217` ships as published."""

from __future__ import annotations

import pycountry
import pytest
from iso4217 import Currency

from patronage._currencies import DECIMALS

# On the official list, but without minor units: metals, drawing rights, bond market units, tests, none at all.
NOT_MONEY = {"XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"}


def test_every_code_has_the_official_decimals() -> None:
    """Codes and decimals are those of the official list: none is missing, none is invented, none differs."""
    official = {entry.code: entry.exponent for entry in Currency if entry.exponent is not None}
    assert dict(DECIMALS) == official


def test_only_codes_without_minor_units_are_left_out() -> None:
    """What is left out is exactly what the list gives no decimals for."""
    assert {entry.code for entry in Currency} - set(DECIMALS) == NOT_MONEY


def test_a_second_list_knows_the_same_codes() -> None:
    """Another well-kept list, which has no decimals, has the same codes."""
    assert {entry.alpha_3 for entry in pycountry.currencies} - NOT_MONEY == set(DECIMALS)


@pytest.mark.parametrize(
    ("code", "decimals"),
    [("USD", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("ISK", 0), ("KWD", 3), ("TND", 3), ("CLF", 4), ("UYW", 4)],
)
def test_decimals_that_tills_know(code: str, decimals: int) -> None:
    """A yen has no cents, a Kuwaiti dinar a thousand fils, an Unidad de Fomento four decimals."""
    assert DECIMALS[code] == decimals


def test_the_table_cannot_be_changed() -> None:
    """A currency's decimals are nobody's to change at run time."""
    with pytest.raises(TypeError):
        DECIMALS["USD"] = 3  # type: ignore[index]
