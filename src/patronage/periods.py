"""
Instants, the calendar of a time zone, and periods.

An instant is an aware datetime in UTC. Days, weeks, months and years belong to the program's time
zone; a `Calendar` knows where each local day begins. A period is half open, `[start, end)`, and the
periods of one kind follow each other without gap or overlap, on days of 23, 25 or no hours too.

A local day is told by its boundaries, not by what a clock shows: it begins the first time that the
clock shows midnight (or has passed it, where midnight is skipped) and ends where the next one
begins. Where clocks go back over midnight, the repeated last minutes belong to the new day.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import attrs
from dateutil.relativedelta import relativedelta

from patronage.errors import InvalidValueError, quote

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The first instant that a program takes."""
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""The end of time: a program takes instants before it."""

YEAR_MIN: Final = 2
YEAR_MAX: Final = 9998
_DAY_AFTER_ALL: Final = date(YEAR_MAX + 1, 1, 1)
_CACHE_MAX: Final = 65_536
_ONE_DAY: Final = timedelta(days=1)
_QUARTER_OF_AN_HOUR: Final = timedelta(minutes=15)

_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
    r"(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))",
    re.ASCII,
)
_STORED_LENGTH: Final = len("2024-05-08T12:30:00.000000Z")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9][A-Za-z0-9_+-]*){0,3}", re.ASCII)
_ZONES_OF_A_MACHINE = ("localtime", "posixrules", "posix", "right")


def utc(value: datetime) -> datetime:
    """
    The same instant, in UTC and as a plain `datetime`.

    Instants are normalised before they are compared or hashed: the two 02:30 of an autumn night
    are equal as local times. Raises InvalidValueError for what is no datetime or has no offset.
    """
    if not isinstance(value, datetime):
        raise InvalidValueError(f"An instant must be a datetime, not {quote(value)} ({type(value).__name__}).")
    if value.tzinfo is UTC and type(value) is datetime and not value.fold:
        return value
    if value.utcoffset() is None:
        raise InvalidValueError(f"An instant needs a time zone: {quote(value.isoformat())} has none.")
    try:
        there = value.astimezone(UTC)
    except OverflowError:
        raise InvalidValueError(f"{quote(value.isoformat())} is not between the years 1 and 9999 in UTC.") from None
    return datetime(
        there.year,
        there.month,
        there.day,
        there.hour,
        there.minute,
        there.second,
        there.microsecond,
        tzinfo=UTC,
    )


def format_instant(value: datetime) -> str:
    """The instant as it is stored: `YYYY-MM-DDTHH:MM:SS.ffffffZ`. Texts sort as their instants do."""
    return utc(value).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_instant(text: str) -> datetime:
    """
    The instant, in UTC, that is written as `YYYY-MM-DDTHH:MM[:SS[.ffffff]]` with `Z` or `+HH:MM`.

    Raises InvalidValueError for every other form, and for a day or a time that does not exist.
    """
    if not isinstance(text, str) or not (found := _INSTANT.fullmatch(text)):
        raise InvalidValueError(
            f"An instant must be written like '2024-05-08T12:30:00Z' or '2024-05-08T12:30+02:00', not {quote(text)}."
        )
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    offset = UTC
    if sign:
        size = timedelta(hours=int(hours), minutes=int(minutes))
        offset = timezone(-size if sign == "-" else size)
    try:
        if len(text) == _STORED_LENGTH and not sign and hour < "24":  # As stored; later Pythons take 24:00 too.
            return datetime.fromisoformat(text)
        value = datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second or 0),
            int((fraction or "").ljust(6, "0")),
            tzinfo=offset,
        )
    except ValueError:
        raise InvalidValueError(f"{quote(text)} is a day or a time that does not exist.") from None
    return utc(value)


def month_after(day: date, months: int) -> date:
    """
    The same day *months* later, or the last day of that month where it is shorter.

    Raises InvalidValueError where that leaves the years 2 to 9998.
    """
    if not YEAR_MIN <= (day.year * 12 + day.month - 1 + months) // 12 <= YEAR_MAX:
        raise too_far()
    return day + relativedelta(months=months)


def days_in_month(year: int, month: int) -> int:
    """How many days the month has: 28 to 31."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def too_far() -> InvalidValueError:
    """The error of every computation whose result no calendar holds."""
    return InvalidValueError(f"A date or an instant must lie in the years {YEAR_MIN} to {YEAR_MAX}.")


def whole_number(value: object, what: str, lowest: int, highest: int) -> int:
    """*value* itself, if it is an int (not a bool) in the range; else InvalidValueError, naming *what*."""
    if type(value) is not int or not lowest <= value <= highest:
        raise InvalidValueError(f"{what} must be a whole number from {lowest} to {highest}, not {quote(value)}.")
    return value


def plain_date(value: object, what: str) -> date:
    """*value* itself, if it is a date without a time; else InvalidValueError, naming *what*."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidValueError(f"{what} must be a date, not {quote(value)} ({type(value).__name__}).")
    if not YEAR_MIN <= value.year <= YEAR_MAX:
        raise too_far()
    return value


@attrs.frozen(kw_only=True)
class Span:
    """
    One period: the instants from *start* on and before *end*.

    *key* is a short label that never changes and tells the periods of one kind apart.
    """

    start: datetime
    end: datetime
    key: str

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


_NEVER: Final = (datetime.max.replace(fold=1), date.max)
"""A last question that nobody asks again: it is told by its identity."""


def _load(calendar: Calendar) -> ZoneInfo:
    name: Any = calendar.zone_name
    if isinstance(name, str) and _ZONE.fullmatch(name) and name.split("/")[0] not in _ZONES_OF_A_MACHINE:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise InvalidValueError(f"A time zone must be named like 'America/New_York': {quote(name)} is not known.")


@attrs.frozen
class Calendar:
    """
    The calendar of one time zone, by its IANA name. Equal where the names are.

    Holds the years 2 to 9998; beyond them every method raises InvalidValueError. What it has
    computed it remembers, up to 65,536 facts of each sort.
    """

    zone_name: str
    _zone: ZoneInfo = attrs.field(init=False, eq=False, repr=False, default=attrs.Factory(_load, takes_self=True))
    _days: dict[int, date] = attrs.field(init=False, eq=False, repr=False, factory=dict)
    _last: list[tuple[datetime, date]] = attrs.field(init=False, eq=False, repr=False, factory=lambda: [_NEVER])
    _starts: dict[date, datetime] = attrs.field(init=False, eq=False, repr=False, factory=dict)
    _spans: dict[tuple[object, date], Span] = attrs.field(init=False, eq=False, repr=False, factory=dict)

    def __reduce__(self) -> tuple[type[Calendar], tuple[str]]:
        return Calendar, (self.zone_name,)

    def local(self, instant: datetime) -> datetime:
        """What a clock in the zone shows at *instant*, as an aware datetime."""
        instant = utc(instant)
        if not YEAR_MIN <= instant.year <= YEAR_MAX:
            raise too_far()
        return instant.astimezone(self._zone)

    def day(self, instant: datetime) -> date:
        """The local day whose `[start, end)` contains *instant*. A day that the zone skipped contains none."""
        last, known = self._last[0]
        if last is instant:  # One decision asks several times.
            return known
        if instant.tzinfo is not UTC:
            instant = utc(instant)
        # A quarter of an hour is the coarsest bucket that is right in every zone of today; one that
        # a boundary cuts (Liberia's offset was -0:44:30 until 1972) is not remembered.
        quarter = instant.toordinal() * 96 + instant.hour * 4 + instant.minute // 15
        day = self._days.get(quarter)
        if day is not None:
            self._last[0] = (instant, day)
            return day
        found = self.local(instant).date()
        while instant >= self.start_of_day(found + _ONE_DAY):  # Clocks that went back over midnight.
            found += _ONE_DAY
        begin = instant.replace(minute=instant.minute // 15 * 15, second=0, microsecond=0)
        if self.start_of_day(found) <= begin and begin + _QUARTER_OF_AN_HOUR <= self.start_of_day(found + _ONE_DAY):
            _remember(self._days, quarter, found)
        return found

    def start_of_day(self, day: date) -> datetime:
        """
        The first instant of the local day, in UTC.

        The first of two midnights, and the instant at which the clocks skip a missing one. A day
        that the zone skipped starts where the next one does.
        """
        known = self._starts.get(day)
        if known is None:
            known = self._find_start(day)
            _remember(self._starts, day, known)
        return known

    def instant(self, local: datetime) -> datetime:
        """
        The instant, in UTC, at which a clock in the zone shows *local*, a datetime without a zone.

        A time that occurs twice means the first pass; one that the clocks skip moves on by what they skip.
        """
        if not isinstance(local, datetime) or local.tzinfo is not None:
            raise InvalidValueError(f"A local time must be a datetime without a time zone, not {quote(local)}.")
        if not YEAR_MIN <= local.year <= YEAR_MAX:
            raise too_far()
        return local.replace(tzinfo=self._zone, fold=0).astimezone(UTC)

    def _find_start(self, day: date) -> datetime:
        if day != _DAY_AFTER_ALL:  # The end of the last year is a boundary too.
            plain_date(day, "A day")
        midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone)
        first = midnight.astimezone(UTC)
        if first.astimezone(self._zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
            return first
        # Midnight is missing: the day starts when the clocks skip it, which is after what midnight
        # would be by the new offset and not after what it would be by the old one.
        before = midnight.replace(fold=1).astimezone(UTC)
        old = before.astimezone(self._zone).utcoffset()
        seconds = int((first - before).total_seconds())
        skipped = bisect_left(
            range(seconds),
            True,
            key=lambda n: (before + timedelta(seconds=n)).astimezone(self._zone).utcoffset() != old,
        )
        return before + timedelta(seconds=skipped)

    def _recall(self, period: object, day: date, first: date, after: date, key: str) -> Span:
        """The span from *first* to before *after*, remembered for the *day* that lies in it."""
        span = Span(start=self.start_of_day(first), end=self.start_of_day(after), key=key)
        _remember(self._spans, (period, day), span)
        return span


def _remember(cache: dict[Any, Any], key: object, value: object) -> None:
    if len(cache) >= _CACHE_MAX:
        cache.clear()
    cache[key] = value


class Period(Protocol):
    """
    A way to cut time into periods: every instant that it has a period for lies in exactly one.

    The period that follows a span is the one at the instant at which the span ends.
    """

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """The period that holds *instant*. Raises InvalidValueError where there is none, or an anchor is missing."""
        ...


def following(period: Period, span: Span, calendar: Calendar, anchor: datetime | None = None) -> Span:
    """The period after *span*. Raises InvalidValueError where none follows (a window, a lifetime)."""
    return period.span(span.end, calendar, anchor)


class PeriodKind(Enum):
    """The periods that every calendar has. Weeks begin on Monday and belong to the year of their Thursday (ISO)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@attrs.frozen
class CalendarPeriod:
    """Local days, ISO weeks, months, quarters or years: `2024-05-08`, `2024-W19`, `2024-05`, `2024-Q2`, `2024`."""

    kind: PeriodKind = attrs.field()

    @kind.validator
    def _check(self, attribute: object, value: object) -> None:
        if not isinstance(value, PeriodKind):
            raise InvalidValueError(f"A calendar period must be of a PeriodKind, not {quote(value)}.")

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """The period that holds *instant*; *anchor* is not used."""
        return self.span_of_day(calendar.day(instant), calendar)

    def span_of_day(self, day: date, calendar: Calendar) -> Span:
        """The period that holds the local *day*."""
        return calendar._spans.get((self.kind, day)) or calendar._recall(self.kind, day, *self._bounds(day))

    def _bounds(self, day: date) -> tuple[date, date, str]:
        """The first day of the period, the first day after it, and its key."""
        if self.kind is PeriodKind.DAY:
            return day, day + _ONE_DAY, day.isoformat()
        if self.kind is PeriodKind.WEEK:
            year, week, weekday = day.isocalendar()
            first = day - timedelta(days=weekday - 1)
            return first, first + timedelta(days=7), f"{year:04}-W{week:02}"
        if self.kind is PeriodKind.MONTH:
            return day.replace(day=1), first_of_month(day, 1), f"{day:%Y-%m}"
        if self.kind is PeriodKind.QUARTER:
            number = (day.month - 1) // 3
            first = date(day.year, number * 3 + 1, 1)
            return first, first_of_month(first, 3), f"{day.year:04}-Q{number + 1}"
        return date(day.year, 1, 1), date(day.year + 1, 1, 1), f"{day.year:04}"


DAY: Final = CalendarPeriod(PeriodKind.DAY)
WEEK: Final = CalendarPeriod(PeriodKind.WEEK)
MONTH: Final = CalendarPeriod(PeriodKind.MONTH)
QUARTER: Final = CalendarPeriod(PeriodKind.QUARTER)
YEAR: Final = CalendarPeriod(PeriodKind.YEAR)


def first_of_month(day: date, months: int) -> date:
    """The first day of the month that is *months* after that of *day*."""
    year, index = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, index + 1, 1)


def day_of_year(year: int, month: int, day: int) -> date:
    """The given day and month of *year*: 29 February is 28 February where there is none."""
    return date(year, month, min(day, days_in_month(year, month)))


def check_day_of_year(month: object, day: object) -> None:
    """Refuses a month and day that no year has."""
    known = whole_number(month, "A month", 1, 12)
    whole_number(day, f"A day of month {known}", 1, days_in_month(2024, known))


@attrs.frozen(kw_only=True)
class FiscalYear:
    """
    Years that begin on a given day and month: `FY2024-02-01`, by the first day.

    A year that begins on 29 February begins on the 28th where there is none.
    """

    month: int
    day: int = 1

    def __attrs_post_init__(self) -> None:
        check_day_of_year(self.month, self.day)

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """The fiscal year that holds *instant*; *anchor* is not used."""
        day = calendar.day(instant)
        known = calendar._spans.get((self, day))
        if known is not None:
            return known
        year = day.year if day >= day_of_year(day.year, self.month, self.day) else day.year - 1
        first, after = (day_of_year(y, self.month, self.day) for y in (year, year + 1))
        return calendar._recall(self, day, first, after, f"FY{first.isoformat()}")


@attrs.frozen(kw_only=True)
class Window:
    """One fixed period, from *start* on and before *end*: a campaign, an activation. No instant lies outside."""

    start: datetime = attrs.field(converter=utc)
    end: datetime = attrs.field(converter=utc)

    def __attrs_post_init__(self) -> None:
        if not self.start < self.end:
            raise InvalidValueError(
                f"A window must end after it starts: {format_instant(self.end)} is not after "
                f"{format_instant(self.start)}."
            )

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """The window itself. Raises InvalidValueError for an *instant* outside; *anchor* is not used."""
        return _only(Span(start=self.start, end=self.end, key="window"), instant)


@attrs.frozen
class Lifetime:
    """One period that never ends: all instants that a program takes."""

    def span(self, instant: datetime, calendar: Calendar, anchor: datetime | None = None) -> Span:
        """From EARLIEST to LATEST. Raises InvalidValueError for an *instant* outside; *anchor* is not used."""
        return _only(_LIFETIME_SPAN, instant)


LIFETIME: Final = Lifetime()
_LIFETIME_SPAN: Final = Span(start=EARLIEST, end=LATEST, key="lifetime")


def _only(span: Span, instant: datetime) -> Span:
    if utc(instant) not in span:
        raise InvalidValueError(
            f"{format_instant(instant)} is outside the {span.key}, which runs from {format_instant(span.start)} "
            f"until {format_instant(span.end)}."
        )
    return span
