"""
Terms of time: how long something lasts, counted from an anchor in the program's zone.

The n-th term is the anchor plus n terms, clamped to the month's end, never a repeated addition: 31
January plus one month is the end of February, plus two months 31 March.

An anchor is an aware datetime in any offset; an end is in UTC. Whatever no calendar holds (the years
2 to 9998) is an InvalidValueError.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Final, Protocol

import attrs

from patronage.errors import InvalidValueError, quote
from patronage.periods import (
    DAY,
    LATEST,
    MONTH,
    QUARTER,
    YEAR,
    YEAR_MAX,
    YEAR_MIN,
    Calendar,
    CalendarPeriod,
    FiscalYear,
    Period,
    PeriodKind,
    Span,
    check_day_of_year,
    day_of_year,
    format_instant,
    month_after,
    plain_date,
    too_far,
    utc,
    whole_number,
)

_ONE_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)
_FIRST_DAY: Final = date(YEAR_MIN, 1, 1).toordinal()
_LAST_DAY: Final = date(YEAR_MAX, 12, 31).toordinal()
_TIMES_MAX: Final = 1_000_000_000  # More than the hours of all years.
_SATURDAY_AND_SUNDAY: Final = (5, 6)


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
    """
    Where a term ends: at the instant, or at the end of the local day, month, quarter or year that holds it.

    START_OF_DAY is its first instant, and not before the anchor: what lives for six months "by the day" is gone on the
    day.
    """

    INSTANT = "instant"
    START_OF_DAY = "start_of_day"
    END_OF_DAY = "end_of_day"
    END_OF_MONTH = "end_of_month"
    END_OF_QUARTER = "end_of_quarter"
    END_OF_YEAR = "end_of_year"


_DAYS_OF: Final = {PeriodKind.DAY: 1, PeriodKind.WEEK: 7}
_MONTHS_OF: Final = {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 3, PeriodKind.YEAR: 12}
_ROUNDED_TO: Final = {
    Until.END_OF_DAY: DAY,
    Until.END_OF_MONTH: MONTH,
    Until.END_OF_QUARTER: QUARTER,
    Until.END_OF_YEAR: YEAR,
}


def _must_be(value: object, kind: type, what: str) -> None:
    if isinstance(value, str) or not isinstance(value, kind):
        raise InvalidValueError(f"{what} must be of type {kind.__name__}, not {quote(value)}.")


def _holidays(value: Iterable[date]) -> tuple[date, ...]:
    _must_be(value, Iterable, "Holidays")
    return tuple(sorted({plain_date(day, "A holiday") for day in value}))


def _weekend(value: Iterable[int]) -> tuple[int, ...]:
    _must_be(value, Iterable, "A weekend")
    return tuple(sorted({whole_number(day, "A day of the weekend", 0, 6) for day in value}))


def _times(times: int) -> int:
    return whole_number(times, "How many terms", 1, _TIMES_MAX)


def _hours_after(instant: datetime, n: int) -> datetime:
    try:
        found = instant + timedelta(hours=n)
    except OverflowError:
        raise too_far() from None
    if not YEAR_MIN <= found.year <= YEAR_MAX:
        raise too_far()
    return found


def _days_after(day: date, n: int) -> date:
    if not _FIRST_DAY <= (found := day.toordinal() + n) <= _LAST_DAY:
        raise too_far()
    return date.fromordinal(found)


@attrs.frozen(kw_only=True)
class Lasting:
    """
    *n* hours, days, business days, weeks, months or years, to the end that *until* names.

    *n* is 0 to 100,000, of business days to 10,000. *inclusive* counts the anchor's own day as the
    first (days to the end of a day only). Business days, and they alone, have a *weekend* (0 is
    Monday) and *holidays*: they are the days that are in neither.
    """

    n: int
    of: TimeUnit
    until: Until = Until.INSTANT
    inclusive: bool = False
    holidays: tuple[date, ...] = attrs.field(default=(), converter=_holidays)
    weekend: tuple[int, ...] = attrs.field(default=_SATURDAY_AND_SUNDAY, converter=_weekend)
    _closed: tuple[int, ...] = attrs.field(init=False, eq=False, repr=False)

    @_closed.default
    def _(self) -> tuple[int, ...]:
        """Holidays outside the weekend, as ordinals."""
        return tuple(day.toordinal() for day in self.holidays if day.weekday() not in self.weekend)

    def __attrs_post_init__(self) -> None:
        _must_be(self.of, TimeUnit, "What a term is counted in")
        _must_be(self.until, Until, "Where a term ends")
        _must_be(self.inclusive, bool, "Whether the first day counts")
        business = self.of is TimeUnit.BUSINESS_DAYS
        whole_number(self.n, "The length of a term", 0, 10_000 if business else 100_000)
        if not business and (self.holidays or self.weekend != _SATURDAY_AND_SUNDAY):
            raise InvalidValueError("Only business days have holidays and a weekend.")
        if len(self.weekend) == 7:
            raise InvalidValueError("A week needs a business day.")
        daily = business or self.of is TimeUnit.DAYS
        if self.inclusive and not (daily and self.until is Until.END_OF_DAY and self.n):
            raise InvalidValueError("Only days to the end of a day, at least one, can count the first day in.")

    @property
    def by_day(self) -> bool:
        """Whether the end is the start or end of a day, or the end of a month and more, reached in whole days."""
        if self.until is Until.START_OF_DAY and not self.n:
            return False
        return self.until is not Until.INSTANT and self.of is not TimeUnit.HOURS

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """
        The anchor plus *times* terms, in UTC. A term of no length to the instant ends at the anchor itself.

        Raises InvalidValueError for an anchor without an offset, and where the end leaves the calendar.
        """
        anchor, n = utc(anchor), self.n * _times(times)
        hourly = self.of is TimeUnit.HOURS
        if self.until is Until.INSTANT:
            return _hours_after(anchor, n) if hourly or not n else self._by_the_clock(anchor, calendar, n)
        day = calendar.day(_hours_after(anchor, n)) if hourly else self._day(calendar.day(anchor), n)
        if self.until is Until.START_OF_DAY:
            return max(anchor, calendar.start_of_day(day))  # No term ends before its anchor.
        return _ROUNDED_TO[self.until].span_of_day(day, calendar).end

    def _by_the_clock(self, instant: datetime, calendar: Calendar, n: int) -> datetime:
        """The instant *n* counted units after (or before) another at which a clock shows the same time."""
        local = calendar.local(instant).replace(tzinfo=None, fold=0)
        return calendar.instant(datetime.combine(self._day(local.date(), n), local.time()))

    def _day(self, first: date, n: int) -> date:
        """The local day that lies *n* counted units after *first*."""
        if self.of is TimeUnit.BUSINESS_DAYS:
            return self._business_day(first, n)
        if self.of is TimeUnit.DAYS:
            return _days_after(first, n - self.inclusive)
        if self.of is TimeUnit.WEEKS:
            return _days_after(first, 7 * n)
        return month_after(first, n if self.of is TimeUnit.MONTHS else 12 * n)

    def _business_day(self, first: date, n: int) -> date:
        """The first day by which *n* business days have passed: counted, not walked."""
        before = first.toordinal() - self.inclusive
        week = 7 - len(self.weekend)
        known = bisect_right(self._closed, before)

        def passed(days: int) -> int:
            full, rest = divmod(days, 7)
            begun = sum((before + 6 + day) % 7 not in self.weekend for day in range(1, rest + 1))
            return full * week + begun - (bisect_right(self._closed, before + days) - known)

        reach = ((n + len(self._closed)) // week + 1) * 7
        return _days_after(first, bisect_left(range(reach), n, key=passed) - self.inclusive)


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
        _must_be(self.through, bool, "Whether a day is lasted through")

    @property
    def by_day(self) -> bool:
        """True: it depends on nothing."""
        return True

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """The start or the end of the day, however many *times*; the anchor must be an instant all the same."""
        utc(anchor)
        _times(times)
        return calendar.start_of_day(self.day + _ONE_DAY if self.through else self.day)


@attrs.frozen(kw_only=True)
class EndOfPeriod:
    """
    The end of the calendar period or fiscal year that holds the anchor, or of the *following*-th one after it.

    *following* is 0 to 1,000. A local day that the zone skipped counts as a day.
    """

    period: Period
    following: int = 0

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.period, CalendarPeriod | FiscalYear):
            raise InvalidValueError(
                f"A term ends with a calendar period or fiscal year, not with {quote(self.period)}."
            )
        whole_number(self.following, "How many periods follow", 0, 1_000)

    @property
    def by_day(self) -> bool:
        """True: calendar periods and fiscal years begin with a day."""
        return True

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """The end of the period; of *times* periods, that of the last."""
        day, more, period = calendar.day(utc(anchor)), self.following + _times(times) - 1, self.period
        if isinstance(period, FiscalYear):
            begun = day >= day_of_year(day.year, period.month, period.day)
            after = day.year + begun + more
            if after > YEAR_MAX:
                raise too_far()
            return calendar.start_of_day(day_of_year(after, period.month, period.day))
        assert isinstance(period, CalendarPeriod)
        if period.kind in _DAYS_OF:
            return period.span_of_day(_days_after(day, more * _DAYS_OF[period.kind]), calendar).end
        return period.span_of_day(month_after(day, more * _MONTHS_OF[period.kind]), calendar).end


@attrs.frozen(kw_only=True)
class Annual:
    """
    A day of a later year: *day* of *month*, *years_ahead* after the anchor's year; 29 February may be the 28th.

    With 0 it is the first such day that does not begin before the anchor.
    """

    month: int
    day: int
    years_ahead: int = 1

    def __attrs_post_init__(self) -> None:
        check_day_of_year(self.month, self.day)
        whole_number(self.years_ahead, "How many years ahead", 0, 1_000)

    @property
    def by_day(self) -> bool:
        """Whether it depends on the anchor's day alone: not where the day itself may still be ahead."""
        return self.years_ahead > 0

    def end(self, anchor: datetime, calendar: Calendar, times: int = 1) -> datetime:
        """The first instant of that day, for many *times* as many more years later."""
        anchor, more = utc(anchor), self.years_ahead + _times(times) - 1
        year = calendar.day(anchor).year
        if not self.years_ahead and calendar.start_of_day(day_of_year(year, self.month, self.day)) < anchor:
            year += 1
        if year + more > YEAR_MAX:
            raise too_far()
        return calendar.start_of_day(day_of_year(year + more, self.month, self.day))


@attrs.frozen(kw_only=True)
class Rolling:
    """
    The last *term* up to each instant: `(t - term, t]`. What is counted in it ends one by one.

    The term is of hours, days, weeks, months or years, to the instant.
    """

    term: Lasting

    def __attrs_post_init__(self) -> None:
        _must_be(self.term, Lasting, "The term of a rolling period")
        if not self.term.n or self.term.of is TimeUnit.BUSINESS_DAYS or self.term.until is not Until.INSTANT:
            raise InvalidValueError("A rolling period lasts at least one hour, day, week, month or year, exactly.")

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """The instants whose count still stands at *instant*; *anchor* is not used."""
        now, term = utc(instant), self.term
        hourly = term.of is TimeUnit.HOURS
        start = _hours_after(now, -term.n) if hourly else term._by_the_clock(now, calendar, -term.n)
        return Span(start=start + _TICK, end=now + _TICK, key="rolling")


@attrs.frozen(kw_only=True)
class Anniversary:
    """Terms counted from an anchor: the n-th period is the anchor plus n terms. A membership year."""

    term: Lasting

    def __attrs_post_init__(self) -> None:
        _must_be(self.term, Lasting, "The term of an anniversary")
        if not self.term.n:
            raise InvalidValueError("A period lasts at least one hour, day, week, month or year.")

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """
        The period that holds *instant*. Its key names its number, from 0, and the anchor.

        Raises InvalidValueError without an anchor, or before it.
        """
        now = utc(instant)
        if anchor is None or now < (start := utc(anchor)):
            raise InvalidValueError(f"An anniversary needs an anchor that is not after {format_instant(now)}.")

        def is_after(n: int) -> bool:
            try:
                return self.term.end(start, calendar, n) > now
            except InvalidValueError:  # After all calendars.
                return True

        # Terms are of unequal length, so the first that ends after the instant is asked for: a number
        # that is large enough by doubling, then by halves.
        high = 1
        while not is_after(high):
            high *= 2
        last = bisect_left(range(1, high), True, key=is_after) + 1
        begin = start if last == 1 else self.term.end(start, calendar, last - 1)
        end = self.term.end(start, calendar, last)
        return Span(start=begin, end=end, key=f"{last - 1}@{format_instant(start)}")


@attrs.frozen
class WhileGranted:
    """
    The time of a right itself: from when it was given until it ends. A campaign that a member enters.

    Where no such right is held there is no period; of several the one given last counts.
    """

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """
        From *anchor*, when the right was given; it ends when the right does, which no calendar knows.

        Raises InvalidValueError without an anchor, or before it.
        """
        now = utc(instant)
        if anchor is None or now < (start := utc(anchor)):
            raise InvalidValueError(f"The time of a right needs a start that is not after {format_instant(now)}.")
        return Span(start=start, end=LATEST, key=f"@{format_instant(start)}")


@attrs.frozen
class WhileHeld:
    """
    The time for which a right is held without a break, however often it was given anew: a run, a membership.

    What is counted in it is gone when the right is.
    """

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """From *anchor*, when a right was given that is held. Raises InvalidValueError without one."""
        return attrs.evolve(WhileGranted().span(instant, calendar, anchor), key="held")
