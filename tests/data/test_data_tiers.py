"""P2 of REFERENCE.md: tiers at year end by the calendar year's net spend, out of a program document."""

from __future__ import annotations

from collections import Counter
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from data_histories import History, load, shared
from data_programs import end_of, local_day, play

from patronage import Program
from patronage.codec import Codec

DOCUMENT = (Path(__file__).parent / "programs" / "tiers.toml").read_text(encoding="utf-8")


def program_of(silver: str, gold: str) -> Program:
    """The document with other thresholds."""
    text = DOCUMENT.replace("1000.00 spent", f"{silver} spent").replace("3000.00 spent", f"{gold} spent")
    return Codec().load_toml(text, Program)


def tiers(history: History, silver: str, gold: str, *years: int) -> dict[int, dict[str, str]]:
    """The tier of each member who bought in a year, just before it ends."""
    program = program_of(silver, gold)
    found: dict[int, dict[str, str]] = {}
    for year in years:
        up_to = history._replace(purchases=[p for p in history.purchases if local_day(p).year <= year])
        played = play(program, up_to, keep=False)
        active = {p.member for p in up_to.purchases if local_day(p).year == year}
        last = end_of(date(year, 12, 30))
        found[year] = {
            member: str(program.at(state, max(last, state.clock or last)).level("tier"))
            for member, state in played.states.items()
            if member in active
        }
    return found


def digest(values: dict[str, str]) -> str:
    """The first 16 digits over `member,tier` lines."""
    lines = "".join(f"{member},{values[member]}\n" for member in sorted(values, key=int))
    return sha256(lines.encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def found() -> dict[int, dict[str, str]]:
    """Both years of CDNOW, at thresholds of 100 and 300 dollars."""
    return tiers(load(shared("cdnow", "transactions.csv.gz")), "100.00", "300.00", 1997, 1998)


class TestCdnow:
    """The music shop's members."""

    @pytest.mark.parametrize(
        ("year", "none", "silver", "gold", "expected"),
        [(1997, 18_350, 4_043, 1_177, "8edd0814a704a8ba"), (1998, 4_070, 1_053, 251, "a15c360f5dc342bc")],
    )
    def test_each_year(
        self, found: dict[int, dict[str, str]], year: int, none: int, silver: int, gold: int, expected: str
    ) -> None:
        """Members of each tier, and who they are."""
        assert Counter(found[year].values()) == {"none": none, "silver": silver, "gold": gold}
        assert digest(found[year]) == expected


def test_the_journey() -> None:
    """Thresholds of 1,000 and 3,000 dollars, in the days of New York."""
    found = tiers(load(shared("complete_journey", "baskets.csv.gz")), "1000.00", "3000.00", 2017)[2017]
    assert Counter(found.values()) == {"none": 1_091, "silver": 885, "gold": 493}
    assert digest(found) == "bb13291f34690be1"
