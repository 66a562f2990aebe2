"""
Frozen objects built at the price of plain ones.

A frozen attrs class sets each slot through `object.__setattr__`, which is three to four times the
price of a plain assignment, and building objects is most of what a decision costs. So a value that
is built for every event has a function `build_...` beside its class: it fills a blank, a plain
object of the same slots, and then makes it an instance of the frozen class. No converter, validator
or default runs: it is for values that the library has just computed itself. A test holds each such
function to its class; nothing else depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def blank(cls: type) -> Callable[[], Any]:
    """
    Gives plain objects of the slots of *cls*, to be filled and then made its instances by `__class__`.

    *cls* is a frozen, slotted attrs class declared with `weakref_slot=False` (a slot for weak
    references would make the two layouts differ).
    """
    slots = tuple(field.name for field in cls.__dict__["__attrs_attrs__"])
    return type(f"_{cls.__name__}Blank", (), {"__slots__": slots})
