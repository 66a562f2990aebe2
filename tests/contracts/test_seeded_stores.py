"""Every store with a seeded bug is blamed, in about three seconds at most."""

from __future__ import annotations

import time

import pytest

from loyalty.broken_reading import BROKEN
from loyalty.plain import Plain
from loyalty.proving import proof


@pytest.mark.parametrize("store", BROKEN, ids=lambda store: str(store.__name__))
def test_a_store_with_a_bug_is_blamed(store: type[Plain]) -> None:
    """One bug each; at least one promise is broken."""
    start = time.process_time()
    assert proof(store, broken_at_most=1).broken, store.__doc__
    assert time.process_time() - start < 6  # About three, on a machine that does other things too.
