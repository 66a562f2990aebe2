"""Errors say in a sentence what was wrong and what to do, with what is known alone."""

from __future__ import annotations

import pickle

import pytest

from patronage import PatronageError, StaleStateError
from patronage.errors import StoreBusyError, StoreError


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (StaleStateError("member m-1", 3, 4), "'member m-1' is at version 4, not 3: load it again and decide again."),
        (
            StaleStateError("member m-1"),
            "Someone else wrote to 'member m-1' at the same time: load it again and decide again.",
        ),
        (StoreError("The disk is full."), "The disk is full."),
        (StoreBusyError("Try later."), "Try later."),
    ],
)
def test_a_store_says_what_it_knows_of_the_other_writer(error: PatronageError, says: str) -> None:
    """With versions or, where a database tells none, without; and so it does on the other side of a process."""
    assert str(error) == says
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), says)
