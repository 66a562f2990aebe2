"""
A program: decides many seeded events and prints one digest of all entries, states and explanations.

Run by `test_one_digest.py` in other processes, under other hash seeds, zones, locales and decimal
contexts, and on every Python that the tests run on: the digest is the same everywhere.
"""

from __future__ import annotations

import decimal
import locale
import sys
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from patronage.codec import Codec
from patronage.explain import explain
from properties.test_watching_laws import PROGRAM, Account, history_of

CONTEXTS = {
    "plain": decimal.Context(prec=28),
    "short": decimal.Context(prec=6, rounding=decimal.ROUND_DOWN),
    "long": decimal.Context(prec=60, rounding=decimal.ROUND_CEILING),
}


def digest(histories: int) -> str:
    """Of that many histories: about ten decisions each."""
    codec, found = Codec(), sha256()
    for seed in range(histories):
        played = Account(history_of(seed))
        for n, commit in enumerate(played.commits):
            found.update(codec.dump(commit).encode())
            found.update(explain(commit, PROGRAM, history=played.commits[:n]).text.encode())
        found.update(codec.dump(played.state).encode())
    return found.hexdigest()


if __name__ == "__main__":
    decimal.setcontext(CONTEXTS[sys.argv[1]])
    locale.setlocale(locale.LC_ALL, "")
    print(digest(int(sys.argv[2])))
