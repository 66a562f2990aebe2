"""The functions that build values unchecked, held to the classes they build."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from patronage import accounts, building, decisions, occasions, state, units
from patronage.rewards import base

MODULES = (accounts, base, building, decisions, occasions, state, units)
BUILDERS = {
    name: function
    for module in MODULES
    for name, function in vars(module).items()
    if name.startswith("build_") and function.__module__ == module.__name__
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_a_builder_fills_every_field_of_its_class_in_order(build: Callable[..., Any]) -> None:
    """What it builds is a whole, frozen instance of the class that it names."""
    cls = inspect.get_annotations(build, eval_str=True)["return"]
    names = [field.name for field in attrs.fields(cls)]
    assert list(inspect.signature(build).parameters) == names
    values = {name: datetime(2024, 1, 1 + n, tzinfo=UTC) for n, name in enumerate(names)}
    made = build(*values.values())
    assert type(made) is cls
    assert {name: getattr(made, name) for name in names} == values
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(made, names[0], None)
