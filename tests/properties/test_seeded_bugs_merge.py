"""Seeded bugs in merges, pools and closings: the laws must see each. A check that never fails proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings

import patronage.closing
import patronage.merging
import patronage.pools
import patronage.program
from between import test_merging as merging
from between import test_pools as pools
from patronage.book import Book
from properties import test_merge_laws as merges
from properties.test_seeded_bugs import Plant, must_be_seen, wrapped


def younger(known: Callable[..., None], book: Book, part: Any, *rest: Any) -> None:
    """What arrives is younger than it was."""
    known(book, part if part.credited_at is None else attrs.evolve(part, credited_at=book.at), *rest)


def nothing(known: Callable[..., Any], *args: Any) -> None:
    """It is forgotten."""


BUGS: dict[str, tuple[Plant, Callable[..., None]]] = {
    "what arrives is younger": (
        wrapped(Book, "arrive", younger),
        merging.TestMerging.test_lots_keep_source_validity_and_age,
    ),
    "wake-ups stay behind": (
        wrapped(patronage.merging, "_move_wakes", nothing),
        merges.TestConservation.test_all_goes_to_the_survivor,
    ),
    "the old account decides for itself": (
        wrapped(patronage.program, "survivor_of", lambda known, state, event, others: state),
        merges.TestConservation.test_the_old_account_gets_no_entries_any_more,
    ),
    "what the survivor booked is not read": (
        wrapped(patronage.program, "as_answered", lambda known, past, beside, account: list(past)),
        merges.TestTheSurvivorAnswers.test_a_purchase_and_its_return_leave_no_gain,
    ),
    "own lots are not known again": (
        wrapped(patronage.merging, "_same", lambda known, *args: False),
        merging.TestUnmerging.test_what_was_spent_is_not_there_any_more,
    ),
    "debts stay paid": (
        wrapped(patronage.merging._Parting, "_as_they_were", lambda known, *args: iter(())),
        merging.TestUnmerging.test_a_debt_is_owed_again,
    ),
    "a closed account keeps what comes": (
        wrapped(patronage.closing, "settle_closed", lambda known, *args: ()),
        merges.TestClosing.test_nothing_is_left_or_earned,
    ),
    "a share loses its odd step": (
        wrapped(patronage.pools, "share_of", lambda known, *args: max(0, known(*args) - 1)),
        pools.TestLeaving.test_no_step_is_lost,
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_law_sees_a_seeded_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted in the core, each bug makes its law fail."""
    plant, law = BUGS[bug]
    plant(monkeypatch)
    checked = law
    if hasattr(law, "hypothesis"):
        checked = settings(
            max_examples=400,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            deadline=None,
        )(law)
    owner = next(
        cls
        for module in (merges, pools, merging)
        for cls in vars(module).values()
        if isinstance(cls, type) and law in vars(cls).values()
    )
    seen: BaseException | None = None
    try:
        checked(owner())
    except Exception as error:
        seen = error
    must_be_seen(bug, seen)
