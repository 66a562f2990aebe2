"""P12: the same decisions, to the byte, in every process, on every Python, under every hash seed, zone and locale."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
HISTORIES = 20
EXPECTED = (HERE / "digest.txt").read_text(encoding="ascii").split()[0]

# Every pair of values of any two dimensions stands in some row: hash seed, zone, locale, decimal context.
RUNS = (
    ("0", "UTC", "C", "plain"),
    ("1", "Asia/Kathmandu", "C.UTF-8", "plain"),
    ("2", "America/New_York", "C", "plain"),
    ("random", "UTC", "C.UTF-8", "plain"),
    ("0", "Asia/Kathmandu", "C", "short"),
    ("1", "America/New_York", "C", "short"),
    ("2", "UTC", "C.UTF-8", "short"),
    ("random", "Asia/Kathmandu", "C", "short"),
    ("0", "America/New_York", "C.UTF-8", "long"),
    ("1", "UTC", "C", "long"),
    ("2", "Asia/Kathmandu", "C.UTF-8", "long"),
    ("random", "America/New_York", "C", "long"),
)


@pytest.mark.parametrize(("seed", "zone", "language", "context"), RUNS)
def test_the_digest_is_the_one_of_every_other_run(seed: str, zone: str, language: str, context: str) -> None:
    """The digest kept beside this test was made on one Python; each of the others, and each setting, gives it too."""
    env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": language, "PYTHONUTF8": "1"}
    command = [sys.executable, str(HERE / "digest_of_decisions.py"), context, str(HISTORIES)]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == EXPECTED, "Decisions changed: if that is meant, write the digest anew."
