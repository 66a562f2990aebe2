"""The tables and pictures of the manual that the code makes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.mark.parametrize("name", ["rejections.md", "limits.md"])
def test_the_page_says_what_the_code_says(name: str) -> None:
    """The lists of refusals and of limits are written from the code: `python docs/tables.py` renews them."""
    assert (DOCS / name).read_text(encoding="utf-8") == module_of("tables").PAGES[name]()


@pytest.mark.parametrize("name", ["time.svg", "totals.svg", "thresholds.svg"])
def test_the_picture_shows_what_the_code_does(name: str) -> None:
    """The pictures are drawn from accounts that the library decides: `python docs/pictures.py` renews them."""
    assert (DOCS / "pictures" / name).read_text(encoding="utf-8") == module_of("pictures").PICTURES[name]()


def module_of(name: str) -> ModuleType:
    """A program of the manual, as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_of_the_manual", DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
