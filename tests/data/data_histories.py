"""What the tests on real data share: where the data is, the examples' readers, and the digest of REFERENCE.md."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

# The examples are programs, not a package: they import each other by name.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import replay_cancellations
import replay_history
from _history import NEW_YORK, POINTS, USD, History, Movements, UnknownFormatError, open_text, read

__all__ = [
    "EXAMPLES",
    "NEW_YORK",
    "POINTS",
    "USD",
    "History",
    "Movements",
    "UnknownFormatError",
    "digest",
    "load",
    "open_text",
    "read",
    "replay_cancellations",
    "replay_history",
    "shared",
    "table",
    "uncollected",
]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection: it costs more than the work where millions of objects are made to stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def load(path: Path) -> History:
    """The purchases of a file."""
    with uncollected():
        return read(path)


def shared(*parts: str) -> Path:
    """
    A file of the full data sets; the test is skipped where they are not.

    They are looked for in PATRONAGE_DATA, then in `shared/data` beside the repository.
    """
    told = os.environ.get("PATRONAGE_DATA")
    folder = Path(told) if told else ROOT.parent / "shared" / "data"
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"The full data is not here ({'/'.join(parts)}): name its folder in PATRONAGE_DATA.")
    return path


def digest(values: Mapping[str, int]) -> str:
    """The first 16 digits of the sha256 over `member,value` lines, in ascending order of the members' numbers."""
    lines = "".join(f"{member},{values[member]}\n" for member in sorted(values, key=int))
    return sha256(lines.encode()).hexdigest()[:16]


def table(text: str) -> dict[str, tuple[int, ...]]:
    """A table of whole numbers as REFERENCE.md and the README write it: the first cell, and the others."""
    rows = {}
    for line in text.strip().splitlines():
        first, *others = line.split()
        rows[first] = tuple(int(cell.replace(",", "").replace(".", "")) for cell in others)
    return rows
