"""The fast path and the reference ledger in lockstep, over random histories."""

from __future__ import annotations

import os

import pytest

from conftest import histories
from model.lockstep import play

PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_random_histories_agree_with_the_reference_ledger(part: int) -> None:
    """Refusals, balances and lots are those of a plain, slow ledger after each event, lazily and nightly."""
    for seed in range(part, histories(), PARTS):
        play(seed)


@pytest.mark.deep
@pytest.mark.parametrize("part", range(PARTS))
def test_many_more_histories_agree_with_the_reference_ledger(part: int) -> None:
    """The same over 20,000 histories."""
    for seed in range(100_000 + part, 120_000, PARTS):
        play(seed)


def test_one_seed_agrees_with_the_reference_ledger() -> None:
    """One history, named by PATRONAGE_SEED: a red one can be played again."""
    play(int(os.environ.get("PATRONAGE_SEED", "0")))
