"""The sixty worked cases of Odoo's public tests, played through quotes and decisions, each figure compared."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from plays_odoo import RefusedError, Shop
from programs_odoo import program_of
from runner import Facts, cases_of, same

from patronage import Program
from patronage.codec import Codec

CASES = cases_of("odoo")
ABOUT_STEPS = {"after", "order", "derived", "error", "tolerance"}


def close(expected: Any, got: Any, tolerance: Decimal) -> bool:
    """Whether two figures are equal, or within what the case allows."""
    if isinstance(expected, Mapping):
        return expected.keys() == got.keys() and all(close(expected[key], got[key], tolerance) for key in expected)
    if isinstance(expected, list):
        return len(expected) == len(got) and all(close(a, b, tolerance) for a, b in zip(expected, got, strict=True))
    try:
        return abs(Decimal(expected) - Decimal(got)) <= tolerance
    except ArithmeticError:
        return same(expected, got)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_case_comes_out_as_stated(case: Facts) -> None:
    """Each step is taken or refused as the case says, and each figure after it is the case's."""
    shop = Shop(case)
    for n, event in enumerate(case["events"]):
        checks = [check for check in case["expect"]["checks"] if check["after"] == n]
        try:
            shop.play(event)
            refused = None
        except RefusedError as error:
            refused = error
        assert (refused is not None) == any("error" in check for check in checks), (n, event, refused)
        for check in checks:
            tolerance = Decimal(str(check.get("tolerance", 0)))
            for name in check.keys() - ABOUT_STEPS:
                got = shop.figure(name, check[name], check)
                assert close(check[name], got, tolerance), (n, name, check[name], got)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_its_program_is_a_document(case: Facts) -> None:
    """All programs of the cases can be said in a document: none needs a class of the shop's own."""
    codec, program = Codec(), program_of(case["program"]["programs"])
    assert codec.load(codec.dump_bytes(program), Program) == program
