"""
Terms of time: how long something lasts, counted from an anchor in the program's zone.

The n-th term is the anchor plus n terms, clamped to the month's end, never a repeated addition: 31
January plus one month is the end of February, plus two months 31 March.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import Enum
from typing import Protocol

import attrs
from dateutil.relativedelta import relativedelta

from patronage.errors import InvalidValueError, quote
from patronage.periods import (
    EARLIEST,
    MONTH,
    QUARTER,
    YEAR,
    Calendar,
    Period,
    Span,
    days_in_month,
    plain_date,
    too_far,
    whole_number,
)

_ONE_DAY = timedelta(days=1)
_TIMES_MAX = 100_000


class Term(Protocol):
    """How long something lasts."""

    @property
    def by_day(self) -> bool:
        """Whether the end depends on the anchor's local day alone."""
        ...

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """The instant, in UTC, that lies *times* terms after *anchor*."""
        ...


class TimeUnit(Enum):
    """What a term is counted in. Hours are elapsed time; the others keep the local time of day."""

    HOURS = "hours"
    DAYS = "days"
    BUSINESS_DAYS = "business_days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


class Until(Enum):
    """Where a term ends: at the instant, or at the end of the local day, month, quarter or year that holds it."""

    INSTANT = "instant"
    END_OF_DAY = "end_of_day"
    END_OF_MONTH = "end_of_month"
    END_OF_QUARTER = "end_of_quarter"
    END_OF_YEAR = "end_of_year"


def _dates(value: tuple[date, ...]) -> tuple[date, ...]:
    return tuple(sorted({plain_date(day, "A holiday") for day in value}))


@attrs.frozen(kw_only=True)
class Lasting:
    """
    *n* hours, days, business days, weeks, months or years, to the end that *until* names.

    *inclusive* counts the anchor's own day as the first (days to the end of a day only). Business
    days are neither in *weekend* (0 is Monday) nor in *holidays*.
    """

    n: int
    of: TimeUnit = attrs.field(validator=attrs.validators.instance_of(TimeUnit))
    until: Until = attrs.field(default=Until.INSTANT, validator=attrs.validators.instance_of(Until))
    inclusive: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    holidays: tuple[date, ...] = attrs.field(default=(), converter=_dates)
    weekend: tuple[int, ...] = attrs.field(default=(5, 6), converter=tuple)

    def __attrs_post_init__(self) -> None:
        whole_number(self.n, "The length of a term", 0, _TIMES_MAX)
        for day in self.weekend:
            whole_number(day, "A day of the weekend", 0, 6)
        if len(set(self.weekend)) == 7:
            raise InvalidValueError("A week needs a business day.")
        daily = self.of in (TimeUnit.DAYS, TimeUnit.BUSINESS_DAYS)
        if self.inclusive and not (daily and self.until is Until.END_OF_DAY and self.n):
            raise InvalidValueError("Only days to the end of a day, at least one, can count the first day in.")

    @property
    def by_day(self) -> bool:
        """Whether the end is that of a day, month, quarter or year, reached in whole days."""
        return self.until is not Until.INSTANT and self.of is not TimeUnit.HOURS

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """The anchor plus *times* terms. Raises InvalidValueError where that leaves the calendar."""
        n = self.n * whole_number(times, "How many terms", 0, _TIMES_MAX)
        try:
            if self.until is Until.INSTANT:
                return self._instant(anchor, calendar, n)
            if self.of is TimeUnit.HOURS:
                day = calendar.day(anchor + timedelta(hours=n))
            else:
                day = self._day(calendar.day(anchor), n)
            return self._end_of(day, calendar)
        except OverflowError:
            raise too_far() from None

    def _instant(self, anchor: datetime, calendar: Calendar, n: int) -> datetime:
        if self.of is TimeUnit.HOURS:
            return anchor + timedelta(hours=n)
        local = calendar.local(anchor).replace(tzinfo=None, fold=0)
        return calendar.instant(datetime.combine(self._day(local.date(), n), local.time()))

    def _day(self, first: date, n: int) -> date:
        """The local day that lies *n* counted units after *first*."""
        if self.of is TimeUnit.BUSINESS_DAYS:
            return self._business_day(first, n)
        if self.of is TimeUnit.DAYS:
            return first + timedelta(days=n - self.inclusive)
        if self.of is TimeUnit.WEEKS:
            return first + timedelta(weeks=n)
        months = n if self.of is TimeUnit.MONTHS else 12 * n
        return first + relativedelta(months=months)

    def _business_day(self, first: date, n: int) -> date:
        day, left = first, n
        if self.inclusive and self._open(day):
            left -= 1
        while left:
            day += _ONE_DAY
            left -= self._open(day)
        return day

    def _open(self, day: date) -> bool:
        return day.weekday() not in self.weekend and day not in self.holidays

    def _end_of(self, day: date, calendar: Calendar) -> datetime:
        if self.until is Until.END_OF_DAY:
            return calendar.start_of_day(day + _ONE_DAY)
        period = {Until.END_OF_MONTH: MONTH, Until.END_OF_QUARTER: QUARTER, Until.END_OF_YEAR: YEAR}[self.until]
        return period.span(calendar.start_of_day(day), calendar).end


def hours(n: int) -> Lasting:
    """*n* elapsed hours."""
    return Lasting(n=n, of=TimeUnit.HOURS)


def days(n: int, *, until: Until = Until.INSTANT, inclusive: bool = False) -> Lasting:
    """*n* local days."""
    return Lasting(n=n, of=TimeUnit.DAYS, until=until, inclusive=inclusive)


def business_days(n: int, *, until: Until = Until.INSTANT, holidays: tuple[date, ...] = ()) -> Lasting:
    """*n* days that are neither Saturday, Sunday nor holiday."""
    return Lasting(n=n, of=TimeUnit.BUSINESS_DAYS, until=until, holidays=holidays)


def weeks(n: int, *, until: Until = Until.INSTANT) -> Lasting:
    """*n* weeks."""
    return Lasting(n=n, of=TimeUnit.WEEKS, until=until)


def months(n: int, *, until: Until = Until.INSTANT) -> Lasting:
    """*n* months, clamped to the month's end."""
    return Lasting(n=n, of=TimeUnit.MONTHS, until=until)


def years(n: int, *, until: Until = Until.INSTANT) -> Lasting:
    """*n* years; 29 February becomes 28 February."""
    return Lasting(n=n, of=TimeUnit.YEARS, until=until)


@attrs.frozen(kw_only=True)
class OnDate:
    """A fixed *day*, whatever the anchor: its first instant, or (*through*) the end of it."""

    day: date
    through: bool = False

    def __attrs_post_init__(self) -> None:
        plain_date(self.day, "A fixed day")

    @property
    def by_day(self) -> bool:
        """True: it depends on nothing."""
        return True

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """The start or the end of the day."""
        return calendar.start_of_day(self.day + _ONE_DAY if self.through else self.day)


@attrs.frozen(kw_only=True)
class EndOfPeriod:
    """The end of the period that holds the anchor, or of the *following*-th one after it."""

    period: Period
    following: int = 0

    def __attrs_post_init__(self) -> None:
        whole_number(self.following, "How many periods follow", 0, _TIMES_MAX)

    @property
    def by_day(self) -> bool:
        """Calendar periods and fiscal years begin with a day."""
        return not isinstance(self.period, Rolling)

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """The end of the period."""
        end = self.period.span(anchor, calendar).end
        for _ in range(self.following + times - 1):
            end = self.period.span(end, calendar).end
        return end


@attrs.frozen(kw_only=True)
class Annual:
    """A day of a later year: *day* of *month*, *years_ahead* after the anchor's year; 29 February may be the 28th."""

    month: int
    day: int
    years_ahead: int = 1

    def __attrs_post_init__(self) -> None:
        whole_number(self.month, "The month", 1, 12)
        whole_number(self.day, "The day", 1, days_in_month(2024, self.month))
        whole_number(self.years_ahead, "How many years ahead", 1, 1_000)

    @property
    def by_day(self) -> bool:
        """True: it begins with a day."""
        return True

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """The first instant of that day."""
        year = calendar.day(anchor).year + self.years_ahead + times - 1
        if year > 9998:
            raise too_far()
        return calendar.start_of_day(date(year, self.month, min(self.day, days_in_month(year, self.month))))


@attrs.frozen(kw_only=True)
class Rolling:
    """The last *term* up to each instant: `(t - term, t]`. What is counted in it ends one by one."""

    term: Lasting

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """The instants whose count still stands at *instant*."""
        tick = timedelta(microseconds=1)
        local = calendar.local(instant).replace(tzinfo=None, fold=0)
        back = {
            TimeUnit.HOURS: relativedelta(hours=self.term.n),
            TimeUnit.WEEKS: relativedelta(weeks=self.term.n),
            TimeUnit.MONTHS: relativedelta(months=self.term.n),
            TimeUnit.YEARS: relativedelta(years=self.term.n),
        }.get(self.term.of, relativedelta(days=self.term.n))
        start = instant - back if self.term.of is TimeUnit.HOURS else calendar.instant(local - back)
        return Span(start=start + tick, end=instant + tick, key="rolling")


@attrs.frozen(kw_only=True)
class Anniversary:
    """Terms counted from an anchor: the n-th period is the anchor plus n terms. A membership year."""

    term: Lasting

    def __attrs_post_init__(self) -> None:
        if not self.term.n:
            raise InvalidValueError("A period lasts at least one hour, day, week, month or year.")

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """The period that holds *instant*. Raises InvalidValueError without an anchor, or before it."""
        if anchor is None or instant < anchor:
            raise InvalidValueError(f"An anniversary needs an anchor that is not after {quote(str(instant))}.")
        n, step = 0, 1
        # Gallop, then halve: terms are of unequal length, so the n-th is found by asking.
        while self.term.end(anchor, calendar, n + step) <= instant:
            n, step = n + step, step * 2
        while step:
            if self.term.end(anchor, calendar, n + step) <= instant:
                n += step
            step //= 2
        start = anchor if n == 0 else self.term.end(anchor, calendar, n)
        day = calendar.day(max(anchor, EARLIEST)).isoformat()
        return Span(start=start, end=self.term.end(anchor, calendar, n + 1), key=f"{n}@{day}")
