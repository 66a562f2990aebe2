"""Golden cases of real shops' published terms, through the public API."""

from __future__ import annotations

import pytest
from plays_shops import SHOPS, Play
from runner import cases_of

from patronage import fold
from patronage.audit import audit

CASES = cases_of("shops")
WAITS = {("nord-02", "2016-06-10T12:00:00-07:00")}
"""Checkpoints that ask for what thresholds give: a voucher at 2,000 points."""


@pytest.mark.parametrize("name", sorted(CASES))
def test_case(name: str) -> None:
    """Each checkpoint of the case finds the figures that it states, exactly."""
    for checkpoint, wrong in Play(CASES[name], SHOPS[name]).play():
        if (name, checkpoint["at"]) not in WAITS:
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


def test_points_before_the_voucher() -> None:
    """What nord-02's second purchase earns, on the way to the voucher that waits for thresholds."""
    play = Play(CASES["nord-02"], SHOPS["nord-02"])
    play.play()
    assert play.owner["o2"].earned("o2", SHOPS["nord-02"].unit) == "300"
