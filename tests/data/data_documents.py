"""The programs of REFERENCE.md that are documents alone: P3 cash back, P5 dividend."""

from __future__ import annotations

from patronage import Program
from patronage.codec import Codec

HEAD = """
id = "reference"
time_zone = "America/New_York"

[terms]
units = [{ code = "USD", decimals = 2 }]

[[terms.policies]]
"""

EACH_PURCHASE = """
type = "cashback"
name = "back"
currency = "USD"
credits = "USD"
rounding = "ROUNDING"
rates = [{ name = "all", rate = "0.02" }]
ceilings = [{ name = "month", limit = "CAP USD", per = { type = "calendar", kind = "month" } }]
"""
"""Two percent of each purchase, rounded by itself, until the month's credits reach the cap."""

EACH_MONTH = """
type = "cashback"
name = "back"
currency = "USD"
credits = "USD"
rounding = "half_up"
rates = [{ name = "all", rate = "0.02" }]
period = { type = "calendar", kind = "month" }
limit = "CAP USD"
"""
"""Two percent of the month's net spend, rounded once, up to the cap."""


def cashback(kind: str, cap: str) -> Program:
    """P3: `half_up`, `half_even`, or `month` for the month's total rounded once."""
    policy = EACH_MONTH if kind == "month" else EACH_PURCHASE.replace("ROUNDING", kind)
    return Codec().load_toml(HEAD + policy.replace("CAP", cap), Program)


DIVIDEND = """
type = "dividend"
name = "dividend"
period = { type = "calendar", kind = "year" }
credits = "USD"
classes = [{ currency = "USD" }]
"""
"""A share of the year's pool in proportion to the year's net spend."""


def dividend() -> Program:
    """P5: what is declared is shared by largest remainder, ties to the lower id."""
    return Codec().load_toml(HEAD + DIVIDEND, Program)
