"""Prints once, at the end of a pytest run, what the contracts of repositories did not prove, and for want of what."""

from __future__ import annotations

import pytest

_BEGINS = "Not proved: "


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A section with a line for each promise that was not put to the proof."""
    lines = []
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        text = reason.partition(_BEGINS)[2]
        if text:
            lines.append(f"{report.nodeid.rpartition('::')[0]}: {text}")
    if lines:
        terminalreporter.section("contracts: not proved")
        for line in dict.fromkeys(lines):
            terminalreporter.line(line)
