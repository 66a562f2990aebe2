"""Every program of `examples/programs` is sound: it loads, goes round, decides, and says where it is from."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from runner import EXAMPLES

from patronage import Accepted, Commit, Enrolment, Line, PatronageError, Program, Purchase, State, Unit, currency, fold
from patronage.codec import Codec
from patronage.linting import lint

DOCUMENTS = sorted(EXAMPLES.glob("*.toml"))
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in row.strip("|").split("|")]
    for row in README.split("\n| --- ", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
]
HEAD = re.compile(r"\A# \S.*\n(#.*\n)*# Terms: \S.*\n(#.*\n)*# Year: \S.*\n(#.*\n)*# Source: \S.*\n(#.*\n)*id = ")
EVERYWHERE = "endless_debt"
"""What the linter finds in every published program: no maximum of debt."""

each = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)


def load(path: Path) -> Program:
    """The program of a document."""
    return Codec().load_toml(path.read_text(encoding="utf-8"), Program)


def money_of(program: Program) -> Unit:
    """The program's first currency; US dollars where it counts no money."""
    for unit in program.units:
        try:
            return currency(unit.code)
        except PatronageError:
            continue
    return currency("USD")


@each
def test_it_goes_round(path: Path) -> None:
    """Read from TOML, written as JSON, read again: the same program, and the same bytes."""
    program = load(path)
    text = Codec().dump(program)
    assert Codec().load(text, Program) == program
    assert Codec().dump(Codec().load(text, Program)) == text


@each
def test_its_head_says_what_it_is(path: Path) -> None:
    """The head names the program, its terms, their year and source; the id is that of the file."""
    text = path.read_text(encoding="utf-8")
    assert HEAD.match(text)
    assert load(path).id == path.stem.replace("_", "-")


@each
def test_it_decides_a_purchase(path: Path) -> None:
    """A member enrols and buys something, under each of its terms; the state is the fold of what that came to."""
    program = load(path)
    money = money_of(program)
    for terms in program.terms:
        at = max(terms.effective_from, datetime(2025, 1, 6, tzinfo=UTC)) if terms is program.terms[-1] else None
        at = at or terms.effective_from
        state, commits = State.of("m"), list[Commit]()
        for event in (
            Enrolment(id="e", member="m", occurred_at=at),
            Purchase(id="p", member="m", occurred_at=at, lines=(Line(total=money.of(100)),)),
        ):
            decision = program.decide(state, event, history=commits)
            assert isinstance(decision, Accepted)
            assert decision.state is not None
            state = decision.state
            commits += decision.commits
        assert fold(commits, calendar=program.calendar) == state


@each
def test_what_the_linter_finds_is_told(path: Path) -> None:
    """The README lists what the linter says of each program, beside what it says of all."""
    found = {finding.code.value for finding in lint(load(path))}
    assert EVERYWHERE in found
    (row,) = [row for row in ROWS if row[1] == f"[{path.name}]({path.name})"]
    assert set(row[4].split()) == found - {EVERYWHERE}
    assert all(f"`{code}`" in README for code in found)


def test_the_readme_lists_each_program_once() -> None:
    """Each file of the folder has a row of its own, in order, and no row is without its file."""
    files = sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".toml", ".py"))
    assert [row[1] for row in ROWS] == [f"[{name}]({name})" for name in files]


def test_a_program_can_be_tried() -> None:
    """The script plays its history on any document, and says what each event came to."""
    script = EXAMPLES.parent / "try_program.py"
    told = subprocess.run(
        [sys.executable, script, EXAMPLES / "rakuten.toml"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert told[0] == "rakuten counts JPY, points"
    assert [line.split("  ", 1)[1] for line in told[3:6]] == [
        "order-2  180 points",
        "order-3  349 points",
        "back     -99 points",
    ]
    assert told[-1] == "in the end 502 points; no rights"
