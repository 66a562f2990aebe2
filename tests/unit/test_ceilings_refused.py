"""Ceilings that cannot mean what they say are refused when the program is made."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from patronage import (
    Ceiling,
    Grain,
    InvalidValueError,
    PointsPolicy,
    Program,
    SpendRule,
    Terms,
    Unit,
    currency,
)

USD, POINTS, MILES = currency("USD"), Unit("points"), Unit("miles")


def program(rule: SpendRule, ceilings: Sequence[Ceiling] = ()) -> Program:
    """A program of one rule and the ceilings of its policy."""
    policy = PointsPolicy(name="p", rules=(rule,), ceilings=ceilings)
    return Program(id="shop", time_zone="UTC", terms=Terms(units=(USD, POINTS, MILES), policies=(policy,)))


def a_point(ceilings: Sequence[Ceiling] = (), grain: Grain = Grain.RULE) -> SpendRule:
    """A point for each dollar."""
    return SpendRule(per=USD.of(1), credit=POINTS.of(1), whole=False, grain=grain, ceilings=ceilings)


def test_a_policys_ceiling_has_no_label_to_count_by() -> None:
    """Labels belong to rules."""
    with pytest.raises(InvalidValueError, match="by label"):
        program(a_point(), [Ceiling(name="c", limit=POINTS.of(10), by_label=True)])


def test_a_policys_ceiling_is_in_a_unit_that_some_rule_credits() -> None:
    """One in another unit would hold nothing back."""
    with pytest.raises(InvalidValueError, match="no rule of it credits"):
        program(a_point(), [Ceiling(name="c", limit=MILES.of(10))])


def test_a_rate_beyond_goes_with_one_rounding() -> None:
    """Spend beyond a ceiling belongs to no line."""
    beyond = Ceiling(name="c", limit=USD.of(10), beyond=POINTS.of(1))
    assert program(a_point([beyond])).units
    with pytest.raises(InvalidValueError, match="rounded as a whole"):
        program(a_point([beyond], Grain.LINE))


def test_a_ceiling_of_spend_is_in_the_money_that_the_rule_counts() -> None:
    """A limit of spend in points makes no sense."""
    with pytest.raises(InvalidValueError, match="of spend"):
        program(a_point([Ceiling(name="c", limit=POINTS.of(10), of_spend=True)]))


def test_a_rules_ceiling_is_of_that_rule() -> None:
    """Which rules it is of is said by a policy's ceiling alone."""
    with pytest.raises(InvalidValueError, match="leave out what it is of"):
        program(a_point([Ceiling(name="c", limit=POINTS.of(10), of=["spend"])]))
