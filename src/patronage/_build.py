"""
Frozen objects built at the price of plain ones.

A frozen attrs class sets each slot through `object.__setattr__`, which is three to four times the
price of a plain assignment, and building objects is most of what a decision costs. `builder` gives
a positional constructor that fills a plain twin of the same slots and then makes it an instance
of the frozen class. No converter, validator or default runs: it is for values that the library
has just computed itself. The benchmark shows what it is worth; nothing else depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

T = TypeVar("T")


def builder(cls: type[T]) -> Callable[..., T]:
    """
    A positional constructor of *cls*, its fields in order, without converters or validators.

    The last fields may be left out where they have a default.

    *cls* is a frozen, slotted attrs class declared with `weakref_slot=False` (a slot for weak
    references would make the two layouts differ).
    """
    fields = cls.__dict__["__attrs_attrs__"]
    last = max((i for i, field in enumerate(fields) if field.default is attrs.NOTHING), default=-1)
    twin = attrs.make_class(
        f"_{cls.__name__}Twin",
        {f.name: attrs.field(default=f.default if i > last else attrs.NOTHING) for i, f in enumerate(fields)},
        slots=True,
        weakref_slot=False,
        eq=False,
    )

    def build(*values: object) -> T:
        made = twin(*values)
        made.__class__ = cls
        return made  # type: ignore[no-any-return]

    return build
