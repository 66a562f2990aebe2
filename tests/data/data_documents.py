"""The programs of REFERENCE.md that are documents, in `programs/`: P1 and its variants, P3 to P5."""

from __future__ import annotations

from pathlib import Path

from patronage import Program
from patronage.codec import Codec

PROGRAMS = Path(__file__).parent / "programs"


def document(name: str, **replaced: str) -> Program:
    """The program of a document; *replaced* gives its `key = "..."` another text."""
    text = (PROGRAMS / f"{name}.toml").read_text(encoding="utf-8")
    for key, value in replaced.items():
        before, mark, rest = text.partition(f'{key} = "')
        assert mark, f"{name} does not state {key}"
        text = f'{before}{mark}{value}"{rest.partition(chr(34))[2]}'
    return Codec().load_toml(text, Program)


def cashback(kind: str, cap: str) -> Program:
    """P3: `half_up`, `half_even`, or `month` for the month's total rounded once."""
    if kind == "month":
        return document("cashback_month", limit=f"{cap} USD")
    return document("cashback", rounding=kind, limit=f"{cap} USD")


def dividend() -> Program:
    """P5: what is declared is shared by largest remainder, ties to the lower id."""
    return document("dividend")
