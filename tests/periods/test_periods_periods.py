"""Periods partition time, in every zone."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import InvalidValueError
from patronage.periods import (
    DAY,
    EARLIEST,
    LATEST,
    LIFETIME,
    MONTH,
    QUARTER,
    WEEK,
    YEAR,
    Calendar,
    CalendarPeriod,
    FiscalYear,
    Period,
    PeriodKind,
    Span,
    Window,
    following,
)
from patronage.terms_of_time import Anniversary, Lasting, Rolling, hours, months, years

TICK = timedelta(microseconds=1)
ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "America/Asuncion",
    "America/Havana",
    "America/Los_Angeles",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Toronto",
    "Antarctica/Troll",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Europe/London",
    "Europe/Moscow",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
    "UTC",
]
CALENDAR_PERIODS: list[Period] = [DAY, WEEK, MONTH, QUARTER, YEAR, FiscalYear(month=2), FiscalYear(month=2, day=29)]


def transitions(zone: str) -> Iterator[datetime]:
    """The instants from 1970 to 2060 at which the zone's offset changes, found by halving weeks."""
    info = zoneinfo.ZoneInfo(zone)
    week = timedelta(days=7)
    before = EARLIEST
    while before.year < 2060:
        low, high = before, before + week
        offset = low.astimezone(info).utcoffset()
        if high.astimezone(info).utcoffset() != offset:
            while high - low > timedelta(seconds=1):
                middle = (low + (high - low) / 2).replace(microsecond=0)
                if middle.astimezone(info).utcoffset() == offset:
                    low = middle
                else:
                    high = middle
            yield high
        before += week


def check(period: Period, calendar: Calendar, instant: datetime) -> None:
    """An instant is in its span, and so are the first and the last of the span; the neighbours touch it."""
    span = period.span(instant, calendar)
    assert instant in span
    assert period.span(span.start, calendar) == period.span(span.end - TICK, calendar) == span
    after = following(period, span, calendar)
    assert after.start == span.end < after.end
    assert period.span(span.start - TICK, calendar).end == span.start
    assert after.key != span.key


def check_zone(zone: str) -> None:
    """All calendar periods, around every change of the zone's clocks."""
    calendar = Calendar(zone)
    for change in [*transitions(zone), datetime(2024, 2, 29, 12, tzinfo=UTC), datetime(2059, 12, 31, 23, tzinfo=UTC)]:
        for distance in (timedelta(days=-1), -TICK, timedelta(0), timedelta(minutes=59), timedelta(days=1)):
            for period in CALENDAR_PERIODS:
                check(period, calendar, change + distance)


class TestPartition:
    """P35: "Periods partition the line: every instant in exactly one, contiguous, for every zone in tzdata"."""

    @pytest.mark.parametrize("zone", ZONES)
    def test_around_every_transition(self, zone: str) -> None:
        """No gap and no overlap where clocks change, 1970 to 2060."""
        check_zone(zone)

    @pytest.mark.deep
    @pytest.mark.parametrize("zone", sorted(zoneinfo.available_timezones() - {"localtime"}))
    def test_in_every_zone(self, zone: str) -> None:
        """The same for all zones that there are (`localtime` is the machine's, and is refused)."""
        check_zone(zone)

    @given(
        instant=st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)),
        zone=st.sampled_from(ZONES),
        period=st.sampled_from(CALENDAR_PERIODS),
    )
    def test_at_any_instant(self, instant: datetime, zone: str, period: Period) -> None:
        """The same anywhere in the range of a program."""
        check(period, Calendar(zone), instant)


class TestKeys:
    """A key is a short label that never changes."""

    @pytest.mark.parametrize(
        ("period", "key", "first", "after"),
        [
            (DAY, "2024-12-30", date(2024, 12, 30), date(2024, 12, 31)),
            (WEEK, "2025-W01", date(2024, 12, 30), date(2025, 1, 6)),
            (MONTH, "2024-12", date(2024, 12, 1), date(2025, 1, 1)),
            (QUARTER, "2024-Q4", date(2024, 10, 1), date(2025, 1, 1)),
            (YEAR, "2024", date(2024, 1, 1), date(2025, 1, 1)),
            (FiscalYear(month=2), "FY2024-02-01", date(2024, 2, 1), date(2025, 2, 1)),
            (FiscalYear(month=2, day=29), "FY2024-02-29", date(2024, 2, 29), date(2025, 2, 28)),
            (FiscalYear(month=12, day=31), "FY2023-12-31", date(2023, 12, 31), date(2024, 12, 31)),
        ],
    )
    def test_each_kind(self, period: Period, key: str, first: date, after: date) -> None:
        """The label and the days of the period that holds 30 December 2024."""
        calendar = Calendar("America/New_York")
        span = period.span(calendar.instant(datetime(2024, 12, 30, 12)), calendar)
        assert span == Span(start=calendar.start_of_day(first), end=calendar.start_of_day(after), key=key)

    def test_calendars_do_not_share_what_they_remember(self) -> None:
        """The same day begins at another instant elsewhere; asked again, the answer is the same."""
        instant = datetime(2024, 5, 8, 12, tzinfo=UTC)
        left, right = Calendar("Asia/Tokyo"), Calendar("UTC")
        assert DAY.span(instant, left) != DAY.span(instant, right)
        assert DAY.span(instant, left) is DAY.span(instant, left)

    def test_fiscal_years_do_not_share_what_a_calendar_remembers(self) -> None:
        """Two fiscal years of one calendar stay apart."""
        calendar, instant = Calendar("UTC"), datetime(2024, 5, 8, tzinfo=UTC)
        keys = [FiscalYear(month=month).span(instant, calendar).key for month in (2, 4, 2)]
        assert keys == ["FY2024-02-01", "FY2024-04-01", "FY2024-02-01"]


class TestHalfOpen:
    """P34: "usable at expires_at minus 1 microsecond, not at expires_at"."""

    def test_the_end_is_not_in_the_span(self) -> None:
        """The first instant is in, the last one before the end is, the end is not."""
        span = MONTH.span(datetime(2024, 5, 8, tzinfo=UTC), Calendar("Europe/London"))
        assert [instant in span for instant in (span.start - TICK, span.start, span.end - TICK, span.end)] == [
            False,
            True,
            True,
            False,
        ]


class TestFixed:
    """A window and a lifetime are one period each."""

    def test_a_window_is_given_in_any_offset(self) -> None:
        """The span of every instant inside is the window, in UTC."""
        zone = zoneinfo.ZoneInfo("Asia/Tokyo")
        window = Window(start=datetime(2024, 5, 8, tzinfo=zone), end=datetime(2024, 5, 9, tzinfo=zone))
        span = window.span(datetime(2024, 5, 7, 15, tzinfo=UTC), Calendar("UTC"))
        assert (span.start, span.end, span.key) == (window.start, window.end, "window")
        assert span.start.tzinfo is UTC

    def test_a_lifetime_is_all_that_a_program_takes(self) -> None:
        """From the first instant to the last."""
        assert {LIFETIME.span(at, Calendar("UTC")) for at in (EARLIEST, LATEST - TICK)} == {
            Span(start=EARLIEST, end=LATEST, key="lifetime")
        }

    @pytest.mark.parametrize("period", [Window(start=EARLIEST, end=EARLIEST + TICK), LIFETIME])
    def test_outside_there_is_no_period(self, period: Period) -> None:
        """An instant before or at the end is refused, and nothing follows."""
        calendar = Calendar("UTC")
        span = period.span(EARLIEST, calendar)
        for outside in (EARLIEST - TICK, span.end):
            with pytest.raises(InvalidValueError, match="is outside the"):
                period.span(outside, calendar)
        with pytest.raises(InvalidValueError, match="is outside the"):
            following(period, span, calendar)

    @pytest.mark.parametrize("length", [timedelta(0), -TICK])
    def test_a_window_that_holds_nothing_is_refused(self, length: timedelta) -> None:
        """A window must end after it starts."""
        with pytest.raises(InvalidValueError, match="must end after it starts"):
            Window(start=EARLIEST, end=EARLIEST + length)

    def test_a_window_needs_instants(self) -> None:
        """A naive limit is refused."""
        with pytest.raises(InvalidValueError, match="needs a time zone"):
            Window(start=datetime(2024, 1, 1), end=LATEST)


class TestValidators:
    """Each constructor refuses what it cannot mean."""

    @pytest.mark.parametrize(
        ("month", "day"), [(0, 1), (13, 1), (2, 30), (4, 31), (1, 0), (True, 1), (1.0, 1), (1, "1")]
    )
    def test_a_day_that_no_year_has(self, month: int, day: int) -> None:
        """A fiscal year begins on a day that some year has, given in whole numbers."""
        with pytest.raises(InvalidValueError, match="must be a whole number from 1 to"):
            FiscalYear(month=month, day=day)

    def test_a_kind_is_not_a_text(self) -> None:
        """A calendar period is of a kind."""
        with pytest.raises(InvalidValueError, match="must be of a PeriodKind"):
            CalendarPeriod("day")  # type: ignore[arg-type]

    def test_every_kind_has_its_constant(self) -> None:
        """No kind was forgotten."""
        assert [period.kind for period in (DAY, WEEK, MONTH, QUARTER, YEAR)] == list(PeriodKind)


class TestAnniversary:
    """P36: "the n-th period is anchor + n months, never repeated addition"."""

    @given(
        anchor=st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
        age=st.timedeltas(timedelta(0), timedelta(days=9_000)),
        n=st.integers(1, 24),
        zone=st.sampled_from(ZONES),
    )
    def test_every_instant_is_in_one_period_of_the_anchor(
        self, anchor: datetime, age: timedelta, n: int, zone: str
    ) -> None:
        """Periods of months hold their instants, touch, and end a whole number of terms after the anchor."""
        calendar, period, instant = Calendar(zone), Anniversary(term=months(n)), anchor + age
        span = period.span(instant, calendar, anchor)
        assert instant in span
        assert period.span(span.end - TICK, calendar, anchor) == span
        assert following(period, span, calendar, anchor).start == span.end
        nth = int(span.key.partition("@")[0])
        assert span.end == months(n).end(anchor, calendar, nth + 1)
        assert span.start == (months(n).end(anchor, calendar, nth) if nth else anchor)

    def test_the_31st_comes_back(self) -> None:
        """From 31 January: the 29th of February, then the 31st of March, not the 29th."""
        calendar, anchor = Calendar("UTC"), datetime(2024, 1, 31, tzinfo=UTC)
        spans = [Anniversary(term=months(1)).span(anchor, calendar, anchor)]
        for _ in range(3):
            spans.append(following(Anniversary(term=months(1)), spans[-1], calendar, anchor))
        assert [span.start.day for span in spans] == [31, 29, 31, 30]
        assert all(left.end == right.start for left, right in pairwise(spans))

    @pytest.mark.parametrize("anchor", [None, datetime(2024, 5, 9, tzinfo=UTC)])
    def test_without_an_anchor_or_before_it_there_is_none(self, anchor: datetime | None) -> None:
        """A membership year needs the start of the membership."""
        with pytest.raises(InvalidValueError, match="needs an anchor"):
            Anniversary(term=years(1)).span(datetime(2024, 5, 8, tzinfo=UTC), Calendar("UTC"), anchor)

    def test_a_term_of_nothing_is_refused(self) -> None:
        """No period lasts no time."""
        with pytest.raises(InvalidValueError, match="lasts at least"):
            Anniversary(term=hours(0))


class TestRolling:
    """Section 3 of the checklist: "rolling `(t - n, t]`"."""

    @pytest.mark.parametrize(
        ("term", "earlier"),
        [(hours(24), datetime(2024, 3, 9, 16, tzinfo=UTC)), (months(1), datetime(2024, 2, 10, 17, tzinfo=UTC))],
    )
    def test_the_instant_is_in_and_the_one_a_term_earlier_is_not(self, term: Lasting, earlier: datetime) -> None:
        """Noon of a day with 23 hours: 24 hours earlier was 11 o'clock; a month earlier was noon by the wall."""
        at = datetime(2024, 3, 10, 16, tzinfo=UTC)
        span = Rolling(term=term).span(at, Calendar("America/New_York"))
        assert [instant in span for instant in (earlier, earlier + TICK, at, at + TICK)] == [False, True, True, False]
