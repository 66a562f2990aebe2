"""The one public door: `patronage.__all__`."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import patronage

NAMES_MAX = 100
PACKAGE = Path(patronage.__file__).parent


def test_every_public_name_exists() -> None:
    """A name in `__all__` can be imported."""
    assert [name for name in patronage.__all__ if not hasattr(patronage, name)] == []


def test_public_names_are_in_order_and_said_once() -> None:
    """`__all__` is sorted, so that a new name has one place, and no name stands there twice."""
    assert list(patronage.__all__) == sorted(set(patronage.__all__))


def test_public_names_fit_in_a_head() -> None:
    """The front door holds at most 100 names; what is rarer is imported from its submodule."""
    assert len(patronage.__all__) <= NAMES_MAX


def test_public_names_are_documented() -> None:
    """A public class or function has a docstring."""
    objects = {name: getattr(patronage, name) for name in patronage.__all__}
    assert [name for name, value in objects.items() if callable(value) and not value.__doc__] == []


def test_a_star_import_gives_the_public_names() -> None:
    """`from patronage import *` brings `__all__` and nothing else."""
    namespace: dict[str, object] = {}
    exec("from patronage import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(patronage.__all__)


def test_the_package_says_that_it_is_typed() -> None:
    """Type checkers read the annotations only where `py.typed` is shipped."""
    assert (PACKAGE / "py.typed").is_file()


def test_the_version_is_the_one_of_the_distribution() -> None:
    """The installed version is a plain release number, and `patronage.__version__`, where there is one, is it."""
    version = importlib.metadata.version("patronage")
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert getattr(patronage, "__version__", version) == version
