"""A codec is shared: threads that ask for a class at once, for the first time, meet nothing half made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from codec.golden_values import VALUES
from patronage.codec import Codec
from patronage.program import Program


@pytest.fixture(autouse=True)
def _often() -> Iterator[None]:
    """Threads are switched as often as can be."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_threads_share_a_fresh_codec() -> None:
    """What each of them writes and reads first is what one alone would."""
    value = next(value for value in VALUES.values() if isinstance(value, Program))
    text = Codec().dump(value)
    for _ in range(10):
        codec, start = Codec(), Barrier(8)

        def work(_: int, codec: Codec = codec, start: Barrier = start) -> bool:
            start.wait()
            return codec.load(text, Program) == value and codec.dump(value) == text

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(8)))
