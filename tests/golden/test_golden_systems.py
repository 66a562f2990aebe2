"""Golden cases of other systems: what the tests of some thirty open-source systems state, through the public API."""

from __future__ import annotations

import pytest
from plays_systems import PLAYS
from runner import cases_of, same

from patronage import Ceiling, InvalidValueError, currency

CASES = cases_of("systems")
NOT_SAID = {("idpay-period-limits-fill-partly", "e7")}
"""A limit of 0.00: no ceiling has one."""


@pytest.mark.parametrize("name", sorted(CASES))
def test_case(name: str) -> None:
    """Each figure that the case states after an event is the library's, exactly."""
    case = CASES[name]
    got = PLAYS[name](case)
    for event, expected in case["expect"]["after"].items():
        if (name, event) in NOT_SAID:
            continue
        for figure, value in expected.items():
            if figure == "error":
                assert got[event].get("error") is True, (event, figure)
            else:
                assert figure in got[event], (event, figure)
                assert same(value, got[event][figure]), (event, figure, value, got[event][figure])


def test_every_play_has_its_case() -> None:
    """No case stands in the facts without a play, and no play without its case."""
    assert PLAYS.keys() == CASES.keys()


def test_limit_of_nothing() -> None:
    """What the case of the period's limits states with a limit of 0.00 is refused: leave the rule out."""
    with pytest.raises(InvalidValueError):
        Ceiling(name="limit", limit=currency("EUR").of("0.00"))
