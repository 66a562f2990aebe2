"""Golden cases of real shops' published terms, through the public API."""

from __future__ import annotations

import pytest
from plays_shops import SHOPS, Play
from runner import cases_of

from patronage import fold
from patronage.audit import audit

CASES = cases_of("shops")


@pytest.mark.parametrize("name", sorted(CASES))
def test_case(name: str) -> None:
    """Each checkpoint of the case finds the figures that it states, exactly."""
    for checkpoint, wrong in Play(CASES[name], SHOPS[name]).play():
        assert not wrong, (checkpoint["at"], wrong)


@pytest.mark.parametrize("name", sorted(CASES))
def test_ledger_of_a_case(name: str) -> None:
    """Each account is the sound fold of its commits; every event sent again gets its first answer."""
    play = Play(CASES[name], SHOPS[name])
    play.play()
    for member in play.members.values():
        assert fold(member.commits, calendar=member.program.calendar) == member.state
        assert audit(member.commits, calendar=member.program.calendar).commits == len(member.commits)
        for commit in member.commits:
            again = member.program.decide(member.state, commit.event, history=member.commits)
            assert again.repeated
            assert again.state is None
            assert (again.entries, again.benefits) == (commit.entries, commit.benefits)


def test_every_shop_has_its_case() -> None:
    """No case stands in the facts without a program, and no program without its case."""
    assert SHOPS.keys() == CASES.keys()
