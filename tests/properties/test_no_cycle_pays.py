"""No cycle pays: whatever is bought, returned, redeemed, cancelled and given away, who keeps no goods gains nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import histories
from patronage import Program
from patronage.codec import Codec
from patronage.linting import LintCode, lint
from properties.exploits import opened, search

ROOT = Path(__file__).parents[2]
FOR_NOTHING = ("reset",)  # What each day brings, whoever buys what.
DOCUMENTS = sorted([*ROOT.glob("tests/golden/programs_*/*.toml"), *ROOT.glob("examples/programs/*.toml")])
EARNED = [path for path in DOCUMENTS if path.stem not in FOR_NOTHING]


def program_of(path: Path) -> Program:
    """A document's program, with all that could be wished for in it."""
    return opened(Codec().load_toml(path.read_text(encoding="utf-8"), Program))


def judge(path: Path, runs: int) -> None:
    """Unless the linter says how: `LEAK` names a choice that lets members keep the value of what came back."""
    program = program_of(path)
    found = search(program, runs)
    assert found.returned > runs // 2
    if not any(finding.code is LintCode.LEAK for finding in lint(program)):
        assert found.gain <= 0, found.steps
        assert not found.used, found.used


@pytest.mark.parametrize("path", EARNED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_cycle_pays(path: Path) -> None:
    """A few tries at each program."""
    judge(path, max(20, histories() // 20))


@pytest.mark.deep
@pytest.mark.parametrize("path", EARNED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_cycle_pays_whoever_looks_for_long(path: Path) -> None:
    """At least 20,000 tries over ten programs."""
    judge(path, 2_000)


def test_the_search_finds_what_the_linter_names() -> None:
    """A search that finds nothing anywhere would prove nothing: of programs that keep what was given, it gains."""
    leaks = [path for path in DOCUMENTS if path.stem in ("nordstrom", "macys")]
    assert leaks
    for path in leaks:
        assert search(program_of(path), 60).gain > 0, path.stem
