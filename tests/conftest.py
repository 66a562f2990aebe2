"""How much the tests try, and on which `patronage`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import patronage

pytest_plugins = ["patronage.testing.pytest_plugin"]  # Says at the end what the contracts did not prove.

# The same examples on every run and machine: a red run can be run again. The deep session looks further.
settings.register_profile(
    "default",
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "deep",
    max_examples=2_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("PATRONAGE_PROFILE", "default"))


def histories() -> int:
    """How many random histories a property plays: PATRONAGE_HISTORIES, or 1,000."""
    return int(os.environ.get("PATRONAGE_HISTORIES", "1000"))


def pytest_configure() -> None:
    """Where the wheel is on trial (`nox`), a `patronage` that comes from `src` would prove nothing."""
    if not os.environ.get("PATRONAGE_WHEEL"):
        return
    source = Path(__file__).resolve().parents[1] / "src"
    if source in Path(patronage.__file__).resolve().parents:
        raise pytest.UsageError("The wheel is to be tested, but patronage is imported from src.")
