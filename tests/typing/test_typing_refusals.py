"""What must not type-check: the slips that a type checker should find before a test does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import patronage

PRELUDE = """
from datetime import datetime, UTC
from patronage import *
from patronage.conditions import Category, HasGrant, Weekday
from patronage.units import allocate

usd, points = currency("USD"), Unit("points")
now = datetime(2026, 1, 1, tzinfo=UTC)
"""

# A slip, and the code of the error that mypy gives for it.
SLIPS: dict[str, tuple[str, str]] = {
    "an amount of a float": ("usd.of(1.5)", "arg-type"),
    "steps of a float": ("usd.steps(1.5)", "arg-type"),
    "an amount built of a float": ("Amount(1.5, 'USD')", "arg-type"),
    "an amount built without a unit": ("Amount(5)", "call-arg"),
    "an amount plus a float": ("usd.of(1) + 1.5", "operator"),
    "an amount plus an int": ("usd.of(1) + 1", "operator"),
    "an amount less a text": ("usd.of(1) - '1'", "operator"),
    "an amount times a float": ("usd.of(1) * 1.5", "operator"),
    "an amount divided": ("usd.of(1) / 2", "operator"),
    "an amount compared with a number": ("usd.of(1) < 5", "operator"),
    "an amount that is changed": ("usd.of(1).steps = 5", "misc"),
    "a unit that is changed": ("usd.decimals = 3", "misc"),
    "a currency of a number": ("currency(840)", "arg-type"),
    "a unit's decimals by position": ("Unit('points', 2)", "call-arg"),
    "a unit's kind as a text": ("Unit('points', kind='tally')", "arg-type"),
    "weights that are a list": ("allocate(5, [1, 2])", "arg-type"),
    "a purchase by position": ("Purchase('o-1', 'm-1', now, ())", "call-arg"),
    "a purchase without lines": ("Purchase(id='o-1', member='m-1', occurred_at=now)", "call-arg"),
    "a purchase without an instant": ("Purchase(id='o-1', member='m-1', lines=[])", "call-arg"),
    "an id that is a number": ("Purchase(id=17, member='m-1', occurred_at=now, lines=[])", "arg-type"),
    "a name that is a number": ("FixedReward(name=5, cost=points.of(1))", "arg-type"),
    "a unit's code that is a number": ("Unit(5)", "arg-type"),
    "an instant that is a text": ("Enrolment(id='e', member='m', occurred_at='2026-01-01')", "arg-type"),
    "a line of a number": ("Line(total=5)", "arg-type"),
    "a quantity that is a float": ("Line(total=usd.of(5), quantity=1.5)", "arg-type"),
    "a measure that is a float": ("Line(total=usd.of(5), measures={'km': 1.5})", "dict-item"),
    "an attribute that is a list": ("Line(total=usd.of(5), attributes={'k': [1]})", "dict-item"),
    "a line's kind as a text": ("Line(total=usd.of(5), kind='goods')", "arg-type"),
    "lines of amounts": ("Purchase(id='o', member='m', occurred_at=now, lines=[usd.of(1)])", "list-item"),
    "a rule of a number": ("SpendRule(per=1, credit=points.of(1))", "arg-type"),
    "a rule without a credit": ("SpendRule(per=usd.of(1))", "call-arg"),
    "a rule of an unknown field": ("SpendRule(per=usd.of(1), credit=points.of(1), max=5)", "call-arg"),
    "a factor that is a float": ("MultiplierRule(factor=1.5)", "arg-type"),
    "a rounding as a text": ("SpendRule(per=usd.of(1), credit=points.of(1), rounding='floor')", "arg-type"),
    "a ceiling of a number": ("Ceiling(name='x', limit=5)", "arg-type"),
    "a condition that is a text": ("BonusRule(credit=points.of(1), when='vip')", "arg-type"),
    "a condition of texts for days": ("Weekday(['monday'])", "list-item"),
    "a policy of no rules": ("PointsPolicy(name='p', rules=[5])", "list-item"),
    "a policy that has no effects": ("Terms(units=[usd], policies=[object()])", "list-item"),
    "a reward that has no price": ("Terms(units=[usd], rewards=[object()])", "list-item"),
    "terms without units": ("Terms()", "call-arg"),
    "a program without a zone": ("Program(id='p', terms=Terms(units=[usd]))", "call-arg"),
    "a state of a number": ("State.of(5)", "arg-type"),
    "a history by position": (
        "Program(id='p', time_zone='UTC', terms=Terms(units=[usd])).decide(State.of('m'), "
        "Enrolment(id='e', member='m', occurred_at=now), ())",
        "call-arg",
    ),
    "a credit of a number": ("Credit(5)", "arg-type"),
    "a balance read by a text": ("Standing.available(None, 'points')", "arg-type"),
}


def test_each_slip_is_refused_by_the_type_checker(tmp_path: Path) -> None:
    """Each call that would fail when it runs fails before: on its line, with the code of the slip."""
    program = PRELUDE + "".join(f"{call}\n" for call, _ in SLIPS.values())
    first = len(PRELUDE.splitlines()) + 1
    found = errors(program, tmp_path)
    missed = {
        slip: (found.get(first + n), code)
        for n, (slip, (_, code)) in enumerate(SLIPS.items())
        if code not in found.get(first + n, set())
    }
    assert missed == {}
    assert set(found) <= set(range(first, first + len(SLIPS)))


def errors(program: str, folder: Path) -> dict[int, set[str]]:
    """The codes of the errors that mypy gives for a program, by line."""
    home = Path(patronage.__file__).resolve().parents[1]
    config = folder / "mypy.ini"
    path = f"mypy_path = {home}\n" if "site-packages" not in home.parts else ""
    config.write_text(f"[mypy]\nstrict = True\nfollow_imports = silent\n{path}", encoding="utf-8")
    (folder / "slips.py").write_text(program, encoding="utf-8")
    run = [sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", str(folder / "cache"), "slips.py"]
    result = subprocess.run(run, capture_output=True, text=True, check=False, cwd=folder)
    if result.returncode not in (0, 1):
        pytest.fail(result.stdout + result.stderr)
    lines: dict[int, set[str]] = {}
    for number, code in re.findall(r"^slips\.py:(\d+): error: .*\[([a-z-]+)\]$", result.stdout, re.MULTILINE):
        lines.setdefault(int(number), set()).add(code)
    return lines
