"""
Writes the tables of the manual that the code itself defines: `python docs/tables.py`.

A test asks whether the pages say what this would write.
"""

from __future__ import annotations

from pathlib import Path

from patronage.codec import LIMITS
from patronage.events import ATTRIBUTES_MAX, ID_BYTES_MAX, REASON_MAX, TEXT_MAX
from patronage.explain import ENGLISH
from patronage.ledger import NOT_YET, RejectionCode
from patronage.units import DECIMALS_MAX, DIGITS_MAX

HERE = Path(__file__).parent

VALUES = (
    ("bytes of an id", ID_BYTES_MAX),
    ("characters of a key, tag or reason", REASON_MAX),
    ("characters of a text attribute", TEXT_MAX),
    ("attributes or measures of a line or event", ATTRIBUTES_MAX),
    ("digits of a number", DIGITS_MAX),
    ("decimals of a unit", DECIMALS_MAX),
)


def rejections() -> str:
    """The reasons for a refusal, in their order."""
    rows = [
        "# Reasons for a refusal",
        "",
        "Where several reasons hold, the one listed first is given. A *final* refusal is recorded, and the same event",
        "stays refused; after one that is *not yet* nothing is recorded, and the same event may be sent again.",
        "",
        "| code | | what an agent reads out |",
        "| --- | --- | --- |",
    ]
    for code in RejectionCode:
        phrase = ENGLISH[f"refused.{code.value}"].replace("|", "\\|")
        rows.append(f"| `{code.value}` | {'not yet' if code in NOT_YET else 'final'} | `{phrase}` |")
    return "\n".join(rows) + "\n"


def limits() -> str:
    """The limits on documents and values."""
    rows = [
        "# Limits",
        "",
        "What comes from outside is checked against these before it is parsed. What the library itself stored",
        "(commits, states) may be larger.",
        "",
        "| limit | from outside | stored |",
        "| --- | ---: | ---: |",
    ]
    rows += [f"| {one.what} | {one.number:,} | {one.stored:,} |" for one in LIMITS.values()]
    rows += ["", "Values have limits of their own, wherever they are made:", ""]
    rows += ["| limit | number |", "| --- | ---: |"]
    rows += [f"| {meaning} | {number:,} |" for meaning, number in VALUES]
    rows += [
        "| steps of an amount or a balance | less than 2^63 |",
        "| instants that `decide` takes | 1970 to 2199 |",
    ]
    return "\n".join(rows) + "\n"


PAGES = {"rejections.md": rejections, "limits.md": limits}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
