"""Rates that change over a spend: the part over a band's start, or the whole, at the band's rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import attrs

from patronage.errors import InvalidValueError, of_type, quote
from patronage.fields import many, positive
from patronage.units import Amount


@attrs.frozen(kw_only=True)
class Band:
    """From *over* of the base on, *credit* for each *per* of the rule."""

    over: Amount = attrs.field(validator=positive)
    credit: Amount = attrs.field(validator=of_type(Amount))


def bands_of(value: Iterable[Band]) -> tuple[Band, ...]:
    """Bands in rising order of what they start over."""
    found = many(value)
    if not all(isinstance(band, Band) for band in found):
        raise InvalidValueError(f"Bands are needed here, not {quote(value)}.")
    steps = [band.over.steps for band in found]
    if any(a >= b for a, b in pairwise(steps)):
        raise InvalidValueError("Bands stand in rising order of what they start over.")
    return found


def banded(base: int, credit: int, bands: Sequence[Band], marginal: bool) -> int:
    """Base times rate, in steps: *marginal* bands take each its part, else the last one reached takes all."""
    if not marginal:
        for band in bands:
            if base >= band.over.steps:
                credit = band.credit.steps
        return base * credit
    total, start = 0, 0
    for band in bands:
        total += (min(base, band.over.steps) - start) * credit
        if base <= band.over.steps:
            return total
        start, credit = band.over.steps, band.credit.steps
    return total + (base - start) * credit
