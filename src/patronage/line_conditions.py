"""Conditions on what was taken off a line."""

from __future__ import annotations

import attrs

from patronage.events import Line
from patronage.occasions import Occasion, names_of


@attrs.frozen
class LineDiscounted:
    """
    A discount of one of these kinds, or of any kind, was taken off the line: a free item, a reward's share.

    Discounts of the whole purchase are of no line.
    """

    of: tuple[str, ...] = attrs.field(default=(), converter=names_of)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the line, or some line, has one."""
        lines = occasion.lines if line is None else (line,)
        return any(not self.of or each.kind in self.of for one in lines for each in one.discounts)
