"""The code in the README and in the manual runs, and the README's commands are the ones that CI runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("README.md"), *(ROOT / "docs").glob("**/*.md")])

QUICKSTART_COMMAND = "python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/python examples/quickstart.py"
CHECK_COMMAND = "python3 -m venv .venv && .venv/bin/pip install -q nox && .venv/bin/nox"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_code_of_a_document_runs(path: Path) -> None:
    """
    The Python blocks of a page run one after the other, in one namespace; what follows `>>>` is compared.

    A block that cannot run has `<!-- skip: next -->` on the line above it.
    """
    document = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], path=str(ROOT)).parse(path)
    for example in document.examples():
        example.evaluate()


@pytest.mark.parametrize("command", [QUICKSTART_COMMAND, CHECK_COMMAND])
def test_the_readme_prints_the_command(command: str) -> None:
    """A newcomer finds each of the two commands on a line of its own."""
    assert command in README.read_text(encoding="utf-8").splitlines()


def test_ci_runs_the_command_of_the_readme() -> None:
    """What CI runs is what a newcomer runs."""
    assert CHECK_COMMAND in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_readme_shows_the_quickstart_as_it_is() -> None:
    """The README's quickstart is `examples/quickstart.py`, not a relative of it, and has under 60 lines."""
    code = (ROOT / "examples" / "quickstart.py").read_text(encoding="utf-8")
    fence = "```"
    blocks = [block.partition(fence)[0] for block in README.read_text(encoding="utf-8").split(f"{fence}python\n")[1:]]
    assert any(block.strip() in code for block in blocks)
    assert len(code.splitlines()) < 60
