"""Statements: what an account held at two instants, and the entries between. Pure: commits go in, data comes out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import attrs

from patronage.as_of import AsOf
from patronage.errors import InvalidValueError
from patronage.ledger import Account, Commit, Entry, Transfer
from patronage.periods import format_instant, utc
from patronage.program import Program
from patronage.standing import Holding, Standing
from patronage.state import State, fold
from patronage.units import Amount, Unit

_MICROSECOND: Final = timedelta(microseconds=1)


@attrs.frozen
class StatementLine:
    """
    One entry of a statement, with the *commit* that it stands in.

    *stored* is False for what time has done and no commit has recorded yet: the next one will, with
    the very same entry.
    """

    entry: Entry
    commit: Commit
    stored: bool

    @property
    def change(self) -> Amount | None:
        """What it added to the account's holding of its unit (below zero: took); None where it moved nothing."""
        entry = self.entry
        if not isinstance(entry, Transfer):
            return None
        steps = sum(part.steps for part in entry.put) - sum(part.steps for part in entry.taken)
        return Amount(steps, entry.unit)


@attrs.frozen
class Statement:
    """
    An account over `[start, end)`: holdings at both ends, and the entries that took effect between.

    For each unit the available, pending and reserved amounts at the opening, and the changes of the
    lines, sum to those at the closing. *opening* is what there was just before *start*, *closing*
    just before *end*; a statement that reaches beyond the clock closes at the clock.
    """

    account: Account
    start: datetime
    end: datetime
    opening: tuple[Holding, ...]
    closing: tuple[Holding, ...]
    lines: tuple[StatementLine, ...]

    def opened(self, unit: Unit) -> Holding:
        """The holding of *unit* at the start. Raises KeyError for a unit that is none of the program's."""
        return _of(unit, self.opening)

    def closed(self, unit: Unit) -> Holding:
        """The holding of *unit* at the end. Raises KeyError for a unit that is none of the program's."""
        return _of(unit, self.closing)

    def change(self, unit: Unit) -> Amount:
        """What the lines of *unit* sum to: the closing total less the opening total."""
        changes = (line.change for line in self.lines)
        return sum((change for change in changes if change is not None and change.unit == unit.code), unit.steps(0))

    def __iter__(self) -> Iterator[StatementLine]:
        return iter(self.lines)


def _of(unit: Unit, holdings: tuple[Holding, ...]) -> Holding:
    for holding in holdings:
        if holding.unit == unit:
            return holding
    raise KeyError(unit.code)


class StatementBuilder:
    """Takes an account's commits, all of them and in order, and makes the statement. Keeps only what it will show."""

    def __init__(self, program: Program, account: Account, start: datetime, end: datetime, now: datetime) -> None:
        self._start, self._end, self._now = utc(start), utc(end), utc(now)
        if not self._start < self._end:
            span = f"from {format_instant(self._start)} to {format_instant(self._end)}"
            raise InvalidValueError(f"A statement ends after it starts: not {span}.")
        self._program, self._state = program, State.of(account)
        self._opening = AsOf(account, self._start - _MICROSECOND, program.calendar)
        self._closing = AsOf(account, self._end - _MICROSECOND, program.calendar)
        self._lines: list[StatementLine] = []

    def add(self, commit: Commit) -> None:
        """The next commit of the account."""
        self._opening.add(commit)
        self._closing.add(commit)
        self._show(commit, stored=True)
        self._state = fold((commit,), calendar=self._program.calendar, start=self._state) or self._state

    def statement(self) -> Statement:
        """The statement, after the last commit."""
        for commit in self._program.advance(self._state, self._limit(self._end, self._state)).commits:
            self._show(commit, stored=False)
        return Statement(
            self._state.account,
            self._start,
            self._end,
            self._just_before(self._start, self._opening.state).holdings,
            self._just_before(self._end, self._closing.state).holdings,
            tuple(self._lines),
        )

    def _limit(self, instant: datetime, state: State) -> datetime:
        """Just before *instant*, or the clock where that comes first; never before what *state* has reached."""
        limit = min(instant - _MICROSECOND, self._now)
        return limit if state.clock is None else max(limit, state.clock)

    def _just_before(self, instant: datetime, state: State) -> Standing:
        return self._program.at(state, self._limit(instant, state))

    def _show(self, commit: Commit, *, stored: bool) -> None:
        for entry in commit.entries:
            if self._start <= entry.at < self._end:
                self._lines.append(StatementLine(entry, commit, stored))
