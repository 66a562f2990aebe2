"""The tables of the manual that the code defines."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.mark.parametrize("name", ["rejections.md", "limits.md"])
def test_the_page_says_what_the_code_says(name: str) -> None:
    """The lists of refusals and of limits are written from the code: `python docs/tables.py` renews them."""
    spec = importlib.util.spec_from_file_location("tables_of_the_manual", DOCS / "tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / name).read_text(encoding="utf-8") == module.PAGES[name]()
