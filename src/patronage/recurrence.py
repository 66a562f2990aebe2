"""
Recurrences: a closed grammar of days and times of day. No rule text is parsed, and no list of days is made.

Whether a recurrence comes at all is decided when it is made: a year is one of 14 kinds (by its first
weekday, leap or not), so a set of matching days is found for each kind once, and the years are walked
until the interval meets one, or until both repeat.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from enum import Enum
from math import gcd
from typing import Final

import attrs

from patronage.errors import InvalidValueError, quote
from patronage.periods import YEAR_MAX, Calendar, days_in_month, plain_date, whole_number


class Every(Enum):
    """What a recurrence counts its interval in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


_CACHE_MAX: Final = 4_096

_REPEATS: Final = {Every.DAY: 146_097, Every.WEEK: 20_871, Every.MONTH: 4_800, Every.YEAR: 400}
"""The 400 years after which the calendar repeats."""


def _must_be(value: object, kind: type | tuple[type, ...], what: str) -> None:
    if isinstance(value, str) or not isinstance(value, kind):
        raise InvalidValueError(f"{what}, not {quote(value)}.")


def _numbers(what: str, lowest: int, highest: int, value: Iterable[int]) -> tuple[int, ...]:
    _must_be(value, Iterable, f"{what} must be given in a list of whole numbers")
    found = tuple(sorted({whole_number(number, what, lowest, highest) for number in value}))
    if 0 in found and lowest < 0:
        raise InvalidValueError(f"{what} 0 is no day: count from 1, or from -1 at the end.")
    return found


def _weekdays(value: Iterable[int]) -> tuple[int, ...]:
    return _numbers("A weekday", 0, 6, value)


def _days_of_month(value: Iterable[int]) -> tuple[int, ...]:
    return _numbers("A day of the month", -31, 31, value)


def _months(value: Iterable[int]) -> tuple[int, ...]:
    return _numbers("A month", 1, 12, value)


def _nth(value: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    pairs = "The weekdays of a month must be given in a list of pairs like (1, 4)"
    _must_be(value, Iterable, pairs)
    found = set()
    for pair in value:
        _must_be(pair, (tuple, list), pairs)
        if len(pair) != 2:
            raise InvalidValueError(f"{pairs}, not {quote(pair)}.")
        n, weekday = pair
        if not whole_number(n, "Which weekday of the month", -5, 5):
            raise InvalidValueError("The weekdays of a month count from 1, or from -1 at the end.")
        found.add((n, whole_number(weekday, "A weekday", 0, 6)))
    return tuple(sorted(found))


@attrs.frozen(kw_only=True)
class Recurrence:
    """
    Days from *starts* to *until* (included) that match all that is given, in a window of the day.

    Every *interval*-th day, week (from Monday), month or year counts, from the one that holds
    *starts*. *weekdays* 0 is Monday; *days_of_month* -1 is the last day; *nth_weekday* `(1, 4)` is
    the first Friday of the month, `(-1, 0)` the last Monday. What no day until the year 9998
    matches is refused.

    The window is `[from_time, until_time)` of one local day: None is its start or its end, and it
    ends after it starts, so an *until_time* of 00:00 is refused. A window over midnight is two
    recurrences: from 22:00 on one day, and until 02:00 on the next.
    """

    starts: date
    every: Every = Every.DAY
    interval: int = 1
    until: date | None = None
    weekdays: tuple[int, ...] = attrs.field(default=(), converter=_weekdays)
    days_of_month: tuple[int, ...] = attrs.field(default=(), converter=_days_of_month)
    nth_weekday: tuple[tuple[int, int], ...] = attrs.field(default=(), converter=_nth)
    months: tuple[int, ...] = attrs.field(default=(), converter=_months)
    from_time: time | None = None
    until_time: time | None = None
    _known: dict[date, bool] = attrs.field(init=False, eq=False, repr=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        plain_date(self.starts, "The start")
        _must_be(self.every, Every, "A recurrence must count in days, weeks, months or years")
        whole_number(self.interval, "The interval", 1, 366)
        if self.until is not None and plain_date(self.until, "The end") < self.starts:
            raise InvalidValueError("A recurrence ends on or after the day it starts.")
        for limit in (self.from_time, self.until_time):
            if limit is not None and (not isinstance(limit, time) or limit.tzinfo is not None):
                raise InvalidValueError(f"A time of day is a time without a zone, not {quote(limit)}.")
        if self.until_time is not None and self.until_time <= (self.from_time or time.min):
            raise InvalidValueError("The window of the day must end after it starts, on the same day.")
        if not self._ever():
            raise InvalidValueError("This recurrence never comes: no day matches all that it asks.")

    def matches(self, instant: datetime, calendar: Calendar) -> bool:
        """Whether *instant* lies on a day of the recurrence, within its window of the day."""
        if not self.on(calendar.day(instant)):
            return False
        if self.from_time is None and self.until_time is None:
            return True
        now = calendar.local(instant).time()
        return (self.from_time is None or self.from_time <= now) and (self.until_time is None or now < self.until_time)

    def on(self, day: date) -> bool:
        """Whether a local day is one of the recurrence."""
        known = self._known.get(day)
        if known is None:
            if len(self._known) >= _CACHE_MAX:
                self._known.clear()
            known = self._known[day] = self._on(day)
        return known

    def _on(self, day: date) -> bool:
        if day < self.starts or (self.until is not None and day > self.until):
            return False
        return self._passed(day) % self.interval == 0 and self._fits(day)

    def _fits(self, day: date) -> bool:
        """Whether the weekday, the day and the month are those asked for."""
        if self.weekdays and day.weekday() not in self.weekdays:
            return False
        if self.months and day.month not in self.months:
            return False
        last = days_in_month(day.year, day.month)
        if self.days_of_month and not {day.day, day.day - last - 1} & set(self.days_of_month):
            return False
        if not self.nth_weekday:
            return True
        n = ((day.day - 1) // 7 + 1, -((last - day.day) // 7 + 1))
        return any((each, day.weekday()) in self.nth_weekday for each in n)

    def _passed(self, day: date) -> int:
        """How many days, weeks, months or years passed since the one that holds the start."""
        if self.every is Every.DAY:
            return (day - self.starts).days
        if self.every is Every.WEEK:
            monday = self.starts - timedelta(days=self.starts.weekday())
            return (day - monday).days // 7
        if self.every is Every.MONTH:
            return (day.year - self.starts.year) * 12 + day.month - self.starts.month
        return day.year - self.starts.year

    def _ever(self) -> bool:
        """Whether some day matches, until the end of the calendar."""
        first, repeats = self.starts.year, _REPEATS[self.every]
        last = min(first + 400 * self.interval // gcd(repeats, self.interval), YEAR_MAX)
        if self.until is not None:
            last = min(last, self.until.year)
        kinds: dict[tuple[int, bool], int] = {}
        comb = self._comb()
        for year in range(first, last + 1, self.interval if self.every is Every.YEAR else 1):
            begin = date(year, 1, 1)
            kind = begin.weekday(), days_in_month(year, 2) == 29
            if kind not in kinds:
                kinds[kind] = self._year(year)
            days = kinds[kind] and kinds[kind] & self._counted(begin, comb)
            if year == first:  # Days before the start are passed.
                days = days >> (passed := (self.starts - begin).days) << passed
            if self.until is not None and year == self.until.year:
                days &= (2 << (self.until - begin).days) - 1
            if days:
                return True
        return False

    def _year(self, year: int) -> int:
        """The days of a year that fit, whatever the interval: bit 0 is 1 January."""
        begin, days = date(year, 1, 1), 0
        for month in self.months or range(1, 13):
            for number in range(1, days_in_month(year, month) + 1):
                day = date(year, month, number)
                if self._fits(day):
                    days |= 1 << (day - begin).days
        return days

    def _comb(self) -> int:
        """The days that the interval counts, for more than a year from a first one."""
        step, tooth = (self.interval, 1) if self.every is Every.DAY else (7 * self.interval, 0b1111111)
        return sum(tooth << day for day in range(0, step + 366, step))

    def _counted(self, begin: date, comb: int) -> int:
        """The days of the year from *begin* that the interval counts."""
        if self.every is Every.YEAR:
            return -1
        if self.every is Every.MONTH:
            days, skipped = 0, -self._passed(begin) % self.interval
            for month in range(1 + skipped, 13, self.interval):
                first = (date(begin.year, month, 1) - begin).days
                days |= ((1 << days_in_month(begin.year, month)) - 1) << first
            return days
        if self.every is Every.DAY:
            return comb >> (begin - self.starts).days % self.interval
        monday = self.starts - timedelta(days=self.starts.weekday())
        return comb >> (begin - monday).days % (7 * self.interval)
