"""The documents of REFERENCE.md's programs are the programs that Python makes: a digest of one is that of the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_documents import PROGRAMS, cashback, document
from data_histories import POINTS
from data_programs import DAILY, daily, monthly, p1_program, program_of, variants

from patronage import PointsPolicy, Program, Unit
from patronage.codec import Codec


def test_p1() -> None:
    """Points, and the units and dollars beside them."""
    assert document("points") == p1_program()


def test_variants_of_p1() -> None:
    """Each variant in a unit of its own."""
    units = [Unit(name) for name in variants(POINTS)]
    policies = [PointsPolicy(name=unit.code, rules=variants(unit)[unit.code]) for unit in units]
    assert document("variants") == program_of(*policies, daily(), units=(*units, DAILY))


def test_p4() -> None:
    """Points by the month, and day-precise."""
    assert document("expiry") == program_of(monthly(), daily(), units=(POINTS, DAILY))


def test_p3_in_its_variants() -> None:
    """Half up and half even are two programs, and so are two caps; the month's total has a limit and no ceiling."""
    kinds = [cashback(kind, cap) for kind in ("half_up", "half_even", "month") for cap in ("2.00", "5.00")]
    assert len({Codec().dump(program) for program in kinds}) == 6


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_document_goes_round(path: Path) -> None:
    """Read from TOML, written as JSON, read again: the same program, and the same bytes."""
    program = Codec().load_toml(path.read_text(encoding="utf-8"), Program)
    text = Codec().dump(program)
    assert Codec().load(text, Program) == program
    assert Codec().dump(Codec().load(text, Program)) == text
