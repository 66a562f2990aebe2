"""Conditions about a request: the code that came with it."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from patronage.errors import InvalidValueError
from patronage.events import Line
from patronage.occasions import Occasion, names_of


def _codes(value: Iterable[str]) -> frozenset[str]:
    found = frozenset(names_of(value))
    if not found:
        raise InvalidValueError("Name at least one code.")
    return found


@attrs.frozen
class CodeGiven:
    """The request came with one of these codes: a promotion's, which many share. Capitals count."""

    of: frozenset[str] = attrs.field(converter=_codes)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether its code is one of them."""
        return getattr(occasion.event, "code", None) in self.of
