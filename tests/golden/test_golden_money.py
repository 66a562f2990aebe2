"""Golden cases of money: cash back, through the public API, on programs that are documents alone."""

from __future__ import annotations

import pytest
from plays_money import PLAYS, Cashback
from runner import cases_of

from patronage import fold
from patronage.audit import audit

CASES = cases_of("money")


@pytest.mark.parametrize("name", sorted(PLAYS))
def test_cash_back(name: str) -> None:
    """Each checkpoint of the case finds the figures that it states, exactly; the ledger is sound."""
    play = Cashback(CASES[name], *PLAYS[name])
    for checkpoint, wrong in play.play():
        assert not wrong, (checkpoint, wrong)
    for member in play.members.values():
        assert fold(member.commits, calendar=member.program.calendar) == member.state
        assert audit(member.commits, calendar=member.program.calendar).commits == len(member.commits)
