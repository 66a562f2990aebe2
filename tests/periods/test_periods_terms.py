"""Terms of time: where something ends that lasts a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import InvalidValueError
from patronage.periods import (
    DAY,
    LIFETIME,
    MONTH,
    QUARTER,
    WEEK,
    YEAR,
    Calendar,
    CalendarPeriod,
    FiscalYear,
    Period,
    Window,
)
from patronage.terms_of_time import (
    Anniversary,
    Annual,
    EndOfPeriod,
    Lasting,
    OnDate,
    Rolling,
    Term,
    TimeUnit,
    Until,
    business_days,
    days,
    hours,
    months,
    weeks,
    years,
)

NEW_YORK = Calendar("America/New_York")
LOS_ANGELES = Calendar("America/Los_Angeles")
instants = st.datetimes(datetime(1970, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from(["America/New_York", "Africa/Cairo", "Pacific/Apia", "America/St_Johns", "UTC"])


def after(term: Term, local: datetime, calendar: Calendar = NEW_YORK, times: int = 1) -> datetime:
    """Where a term ends by the wall clock, from an anchor by the wall clock."""
    return calendar.local(term.end(calendar.instant(local), calendar, times)).replace(tzinfo=None, fold=0)


class TestMonths:
    """P36: "the n-th period is anchor + n months, never repeated addition"."""

    @pytest.mark.parametrize(
        ("anchor", "term", "times", "end"),
        [
            (date(2023, 1, 31), months(1), 1, date(2023, 2, 28)),
            (date(2024, 1, 31), months(1), 1, date(2024, 2, 29)),
            (date(2024, 1, 31), months(1), 2, date(2024, 3, 31)),
            (date(2024, 1, 31), months(2), 1, date(2024, 3, 31)),
            (date(2023, 12, 31), months(1), 3, date(2024, 3, 31)),
            (date(2023, 12, 31), months(3), 1, date(2024, 3, 31)),
            (date(2024, 2, 29), years(1), 1, date(2025, 2, 28)),
            (date(2024, 2, 29), years(1), 4, date(2028, 2, 29)),
            (date(2024, 2, 29), weeks(1), 2, date(2024, 3, 14)),
        ],
    )
    def test_clamped_from_the_anchor(self, anchor: date, term: Lasting, times: int, end: date) -> None:
        """A month that is too short ends the term on its last day, and only that term."""
        noon = timedelta(hours=12)
        start = datetime(anchor.year, anchor.month, anchor.day) + noon
        assert after(term, start, times=times) == datetime(end.year, end.month, end.day) + noon

    @given(anchor=instants, n=st.integers(1, 40), times=st.integers(1, 12), zone=zones)
    def test_many_terms_are_one_long_one(self, anchor: datetime, n: int, times: int, zone: str) -> None:
        """Three terms of n months are one of 3 n months."""
        calendar = Calendar(zone)
        assert months(n).end(anchor, calendar, times) == months(n * times).end(anchor, calendar)

    @given(anchor=instants, n=st.integers(1, 400), zone=zones)
    def test_the_wall_clock_is_kept(self, anchor: datetime, n: int, zone: str) -> None:
        """Months are added to what the clock shows, and read as a clock's time again."""
        calendar = Calendar(zone)
        local = calendar.local(anchor).replace(tzinfo=None, fold=0)
        assert months(n).end(anchor, calendar) == calendar.instant(local + relativedelta(months=n))


class TestDays:
    """Section 4.8: "terms count days (to the instant, to the end of day, inclusive), business days, elapsed hours"."""

    def test_noon_to_noon_over_a_spring_night_is_23_hours(self) -> None:
        """A day keeps the time of day; 24 hours do not."""
        noon = NEW_YORK.instant(datetime(2024, 3, 9, 12))
        assert days(1).end(noon, NEW_YORK) - noon == timedelta(hours=23)
        assert hours(24).end(noon, NEW_YORK) - noon == timedelta(hours=24)

    @pytest.mark.parametrize(
        ("term", "end"),
        [
            (days(30), datetime(2024, 6, 7, 15)),
            (days(30, until=Until.END_OF_DAY), datetime(2024, 6, 8)),
            (days(30, until=Until.END_OF_DAY, inclusive=True), datetime(2024, 6, 7)),
            (days(1, until=Until.END_OF_DAY, inclusive=True), datetime(2024, 5, 9)),
            (days(0, until=Until.END_OF_DAY), datetime(2024, 5, 9)),
            (days(1, until=Until.START_OF_DAY), datetime(2024, 5, 9)),
            (months(6, until=Until.START_OF_DAY), datetime(2024, 11, 8)),
            (business_days(2, until=Until.START_OF_DAY), datetime(2024, 5, 10)),
            (days(0, until=Until.START_OF_DAY), datetime(2024, 5, 8, 15)),
            (days(0, until=Until.END_OF_MONTH), datetime(2024, 6, 1)),
            (days(30, until=Until.END_OF_MONTH), datetime(2024, 7, 1)),
            (months(1, until=Until.END_OF_QUARTER), datetime(2024, 7, 1)),
            (months(2, until=Until.END_OF_QUARTER), datetime(2024, 10, 1)),
            (years(1, until=Until.END_OF_YEAR), datetime(2026, 1, 1)),
            (Lasting(n=10, of=TimeUnit.HOURS, until=Until.END_OF_DAY), datetime(2024, 5, 10)),
        ],
    )
    def test_from_the_afternoon_of_8_may(self, term: Lasting, end: datetime) -> None:
        """To the instant, or to the first instant after the day, month, quarter or year."""
        assert after(term, datetime(2024, 5, 8, 15)) == end

    @pytest.mark.parametrize(
        ("term", "end"),
        [
            (business_days(3), datetime(2024, 5, 29, 15)),  # Friday; Monday is Memorial Day's holiday below.
            (business_days(3, holidays=(date(2024, 5, 27),)), datetime(2024, 5, 30, 15)),
            (business_days(3, holidays=(date(2024, 5, 27),), until=Until.END_OF_DAY), datetime(2024, 5, 31)),
            (business_days(0), datetime(2024, 5, 24, 15)),
            (
                Lasting(n=3, of=TimeUnit.BUSINESS_DAYS, until=Until.END_OF_DAY, inclusive=True),
                datetime(2024, 5, 29),
            ),
            (Lasting(n=1, of=TimeUnit.BUSINESS_DAYS, weekend=(4, 5)), datetime(2024, 5, 26, 15)),
        ],
    )
    def test_business_days_from_friday_24_may(self, term: Lasting, end: datetime) -> None:
        """Weekends and holidays are passed over, whatever days the weekend has."""
        assert after(term, datetime(2024, 5, 24, 15)) == end

    def test_inclusive_from_a_saturday(self) -> None:
        """A Saturday is no business day: the first one is Monday."""
        term = Lasting(n=1, of=TimeUnit.BUSINESS_DAYS, until=Until.END_OF_DAY, inclusive=True)
        assert after(term, datetime(2024, 5, 25, 15)) == datetime(2024, 5, 28)

    @pytest.mark.parametrize(
        ("bought", "end"),
        [(datetime(2020, 12, 15, 9), datetime(2021, 7, 1)), (datetime(2021, 2, 1), datetime(2021, 9, 1))],
    )
    def test_six_months_to_the_end_of_the_month(self, bought: datetime, end: datetime) -> None:
        """What lasts six months and the rest of the month ends as the next month begins, in summer time or not."""
        assert after(months(6, until=Until.END_OF_MONTH), bought, LOS_ANGELES) == end

    def test_a_term_ends_in_a_night_without_that_hour(self) -> None:
        """02:30 plus a day is 03:30 where the clocks skip 02:30; a doubled hour means the first pass."""
        assert after(days(1), datetime(2024, 3, 9, 2, 30)) == datetime(2024, 3, 10, 3, 30)
        assert days(1).end(NEW_YORK.instant(datetime(2024, 11, 2, 1, 30)), NEW_YORK) == datetime(
            2024, 11, 3, 5, 30, tzinfo=UTC
        )

    @given(
        anchor=instants,
        zone=zones,
        n=st.integers(0, 60),
        of=st.sampled_from(TimeUnit),
        until=st.sampled_from(Until),
    )
    def test_what_ends_by_the_day_ends_alike_all_day(
        self, anchor: datetime, zone: str, n: int, of: TimeUnit, until: Until
    ) -> None:
        """Where `by_day` holds, all instants of one local day give one end, which begins a local day."""
        calendar, term = Calendar(zone), Lasting(n=n, of=of, until=until)
        if term.by_day:
            span = DAY.span(anchor, calendar)
            ends = {term.end(at, calendar) for at in (anchor, span.start, span.end - timedelta(microseconds=1))}
            assert len(ends) == 1
            end = ends.pop()
            assert end >= span.end
            assert end == calendar.start_of_day(calendar.day(end))


class TestFixed:
    """Section 4.8: "fixed dates; end of period"; checklist: "day and month of the next year"."""

    @pytest.mark.parametrize(
        ("term", "end"),
        [
            (OnDate(day=date(2024, 12, 31)), datetime(2024, 12, 31)),
            (OnDate(day=date(2024, 12, 31), through=True), datetime(2025, 1, 1)),
            (EndOfPeriod(period=MONTH), datetime(2024, 6, 1)),
            (EndOfPeriod(period=QUARTER, following=1), datetime(2024, 10, 1)),
            (EndOfPeriod(period=YEAR, following=2), datetime(2027, 1, 1)),
            (EndOfPeriod(period=FiscalYear(month=4)), datetime(2025, 4, 1)),
            (Annual(month=3, day=31), datetime(2025, 3, 31)),
            (Annual(month=2, day=29), datetime(2025, 2, 28)),
            (Annual(month=2, day=29, years_ahead=4), datetime(2028, 2, 29)),
        ],
    )
    def test_from_8_may_2024(self, term: Term, end: datetime) -> None:
        """At the first instant of a local day, and so the same for all of the anchor's day."""
        assert after(term, datetime(2024, 5, 8, 15)) == end
        assert term.by_day

    @pytest.mark.parametrize(
        ("anchor", "end"),
        [
            (datetime(2024, 3, 12, 23), datetime(2024, 3, 13)),
            (datetime(2024, 3, 13), datetime(2024, 3, 13)),
            (datetime(2024, 3, 13, 0, 0, 1), datetime(2025, 3, 13)),
            (datetime(2024, 12, 31), datetime(2025, 3, 13)),
        ],
    )
    def test_the_next_such_day(self, anchor: datetime, end: datetime) -> None:
        """This year's, unless it has begun before the anchor; so it is no matter of the anchor's day alone."""
        term = Annual(month=3, day=13, years_ahead=0)
        assert after(term, anchor) == end
        assert after(term, anchor, times=2) == end.replace(year=end.year + 1)
        assert not term.by_day

    def test_many_periods_are_following_ones(self) -> None:
        """The second end of month is that of the next month."""
        assert after(EndOfPeriod(period=MONTH), datetime(2024, 5, 8), times=2) == datetime(2024, 7, 1)

    @given(
        anchor=instants,
        zone=st.sampled_from(["America/New_York", "Africa/Cairo", "America/St_Johns", "UTC"]),
        period=st.sampled_from([DAY, WEEK, MONTH, QUARTER, YEAR, FiscalYear(month=2, day=29), FiscalYear(month=12)]),
        n=st.integers(0, 12),
    )
    def test_the_following_period_is_the_one_that_a_walk_reaches(
        self, anchor: datetime, zone: str, period: CalendarPeriod | FiscalYear, n: int
    ) -> None:
        """It is computed, but as if each next period was asked for."""
        calendar = Calendar(zone)
        span = period.span(anchor, calendar)
        for _ in range(n):
            span = period.span(span.end, calendar)
        assert EndOfPeriod(period=period, following=n).end(anchor, calendar) == span.end


class TestLimits:
    """A term that leaves the calendar is an error of the library, not an overflow."""

    @pytest.mark.parametrize(
        ("term", "times"),
        [
            (days(100_000), 1_000),
            (hours(100_000), 100_000),
            (weeks(100_000), 100),
            (years(7_975, until=Until.END_OF_YEAR), 1),
            (days(100_000, until=Until.END_OF_DAY), 1_000),
            (Annual(month=1, day=1, years_ahead=1_000), 9_000),
            (hours(1), (date(9999, 1, 2) - date(2024, 6, 1)).days * 24),
            (EndOfPeriod(period=DAY), 10**9),
            (EndOfPeriod(period=QUARTER), 10**9),
            (EndOfPeriod(period=FiscalYear(month=4)), 8_000),
        ],
    )
    def test_too_far(self, term: Term, times: int) -> None:
        """The years end at 9998."""
        with pytest.raises(InvalidValueError, match="in the years 2 to 9998"):
            term.end(datetime(2024, 6, 1, tzinfo=UTC), NEW_YORK, times)

    def test_the_last_end_of_all(self) -> None:
        """The end of the last year is still an instant."""
        end = years(7_974, until=Until.END_OF_YEAR).end(datetime(2024, 6, 1, tzinfo=UTC), NEW_YORK)
        assert end == datetime(9999, 1, 1, 5, tzinfo=UTC)


class TestValidators:
    """Each constructor refuses what it cannot mean."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda: hours(-1),
            lambda: hours(True),
            lambda: days(1.0),  # type: ignore[arg-type]
            lambda: months("1"),  # type: ignore[arg-type]
            lambda: years(10**9),
            lambda: days(1, inclusive=True),
            lambda: days(0, until=Until.END_OF_DAY, inclusive=True),
            lambda: Lasting(n=1, of=TimeUnit.MONTHS, until=Until.END_OF_DAY, inclusive=True),
            lambda: Lasting(n=1, of=TimeUnit.BUSINESS_DAYS, weekend=(7,)),
            lambda: Lasting(n=1, of=TimeUnit.BUSINESS_DAYS, weekend=tuple(range(7))),
            lambda: business_days(1, holidays=(datetime(2024, 1, 1),)),
            lambda: business_days(1, holidays=("2024-01-01",)),  # type: ignore[arg-type]
            lambda: OnDate(day=datetime(2024, 1, 1)),
            lambda: OnDate(day=date(9999, 12, 31)),
            lambda: EndOfPeriod(period=MONTH, following=-1),
            lambda: EndOfPeriod(period=MONTH, following=1.5),  # type: ignore[arg-type]
            lambda: Annual(month=13, day=1),
            lambda: Annual(month=2, day=30),
            lambda: Annual(month=2, day=1, years_ahead=-1),
            lambda: days(1).end(datetime(2024, 1, 1, tzinfo=UTC), NEW_YORK, -1),
            lambda: days(1).end(datetime(2024, 1, 1, tzinfo=UTC), NEW_YORK, 0),
            lambda: business_days(10_001),
            lambda: EndOfPeriod(period=MONTH, following=1_001),
        ],
    )
    def test_refused_in_a_sentence(self, make: Callable[[], object]) -> None:
        """What is out of range, of another type, or contradicts itself."""
        with pytest.raises(InvalidValueError, match=r"\.$"):
            make()

    def test_holidays_are_a_set(self) -> None:
        """Their order and repetition mean nothing: equal terms are equal."""
        one, two = date(2024, 1, 1), date(2024, 12, 25)
        assert business_days(1, holidays=(two, one, one)) == business_days(1, holidays=(one, two))


AT = datetime(2024, 3, 1, tzinfo=UTC)


class TestEdges:
    """What was found wrong once."""

    def test_no_days_are_no_time(self) -> None:
        """A term of no days ends at its anchor, in the second pass of a doubled hour too."""
        second = datetime(2024, 11, 3, 6, 30, tzinfo=UTC)
        assert days(0).end(second, NEW_YORK) == second

    def test_hours_are_elapsed_in_every_offset(self) -> None:
        """P37: an anchor in another zone gives the same end, in UTC."""
        noon = datetime(2024, 3, 9, 12, tzinfo=ZoneInfo("America/New_York"))
        assert hours(24).end(noon, NEW_YORK) == datetime(2024, 3, 10, 17, tzinfo=UTC)

    @pytest.mark.parametrize("of", TimeUnit)
    @pytest.mark.parametrize("until", Until)
    def test_no_length_leaks_another_error(self, of: TimeUnit, until: Until) -> None:
        """P36 and the limits: what is too far is too far in every unit, and never ends before its anchor."""
        for n, times in ((100, 1), (8_000, 1), (10_000, 1), (10_000, 10**9)):
            try:
                assert Lasting(n=n, of=of, until=until).end(AT, NEW_YORK, times) > AT
            except InvalidValueError as error:
                assert "in the years 2 to 9998" in str(error)  # noqa: PT017

    @pytest.mark.parametrize("term", [years(5_000), months(100_000), hours(100_000)])
    def test_a_rolling_period_begins_within_the_calendar(self, term: Lasting) -> None:
        """Five thousand years back there is none."""
        with pytest.raises(InvalidValueError, match="in the years 2 to 9998"):
            Rolling(term=term).span(datetime(3, 1, 1, tzinfo=UTC), NEW_YORK)

    @pytest.mark.parametrize(
        "term",
        [hours(1), days(0), days(1, until=Until.END_OF_DAY), OnDate(day=date(2024, 1, 1)), EndOfPeriod(period=MONTH)],
    )
    def test_an_anchor_is_an_instant(self, term: Term) -> None:
        """Without an offset it is none, even where the end does not depend on it."""
        with pytest.raises(InvalidValueError, match="needs a time zone"):
            term.end(datetime(2024, 1, 1), NEW_YORK)

    @pytest.mark.parametrize("until", [Until.END_OF_DAY, Until.END_OF_MONTH, Until.END_OF_YEAR])
    def test_a_day_that_the_zone_skipped(self, until: Until) -> None:
        """Kiritimati had no 31 December 1994, and its year ended all the same."""
        calendar = Calendar("Pacific/Kiritimati")
        day_before = calendar.instant(datetime(1994, 12, 30, 12))
        assert calendar.day(day_before + timedelta(days=1)) == date(1995, 1, 1)
        assert days(1, until=until).end(day_before, calendar) == calendar.start_of_day(date(1995, 1, 1))

    def test_short_anniversaries_of_old_anchors(self) -> None:
        """P35: each instant has its hour, 40 years after the anchor too."""
        for instant in (AT, datetime(2199, 12, 31, 23, 30, tzinfo=UTC)):
            span = Anniversary(term=hours(1)).span(instant, NEW_YORK, datetime(1984, 1, 1, tzinfo=UTC))
            assert instant in span
            assert span.end - span.start == timedelta(hours=1)

    def test_the_last_of_all_anniversaries(self) -> None:
        """The period that holds the instant may be the last that the calendar has; a next one is too far."""
        period, anchor = Anniversary(term=years(5)), datetime(9990, 6, 1, tzinfo=UTC)
        assert period.span(datetime(9994, 1, 1, tzinfo=UTC), NEW_YORK, anchor).end == datetime(9995, 6, 1, tzinfo=UTC)
        with pytest.raises(InvalidValueError, match="in the years 2 to 9998"):
            period.span(datetime(9996, 1, 1, tzinfo=UTC), NEW_YORK, anchor)

    def test_two_anchors_of_one_day_have_other_periods(self) -> None:
        """A key tells the periods apart; an anchor in another offset is the same anchor."""
        anchors = (AT, AT + timedelta(hours=1), AT.astimezone(ZoneInfo("Asia/Tokyo")))
        keys = [Anniversary(term=years(1)).span(AT + timedelta(days=400), NEW_YORK, at).key for at in anchors]
        assert keys[0] == keys[2] == "1@2024-03-01T00:00:00.000000Z"
        assert keys[1] == "1@2024-03-01T01:00:00.000000Z"

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Lasting(n=1, of="days"),  # type: ignore[arg-type]
            lambda: Lasting(n=1, of=TimeUnit.DAYS, until="instant"),  # type: ignore[arg-type]
            lambda: Lasting(n=1, of=TimeUnit.BUSINESS_DAYS, weekend=None),  # type: ignore[arg-type]
            lambda: Lasting(n=1, of=TimeUnit.BUSINESS_DAYS, holidays=None),  # type: ignore[arg-type]
            lambda: Lasting(n=1, of=TimeUnit.MONTHS, holidays=(date(2024, 1, 1),)),
            lambda: Lasting(n=1, of=TimeUnit.DAYS, weekend=(4, 5)),
            lambda: Lasting(n=1, of=TimeUnit.BUSINESS_DAYS, weekend=""),  # type: ignore[arg-type]
            lambda: days(1, until=Until.END_OF_DAY, inclusive=1),  # type: ignore[arg-type]
            lambda: Rolling(term=days(0)),
            lambda: Anniversary(term=days(0)),
            lambda: Anniversary(term="year"),  # type: ignore[arg-type]
            lambda: Rolling(term=business_days(1)),
            lambda: Rolling(term=months(1, until=Until.END_OF_MONTH)),
            lambda: Rolling(term="month"),  # type: ignore[arg-type]
            lambda: OnDate(day=date(2024, 1, 1), through="no"),  # type: ignore[arg-type]
            lambda: EndOfPeriod(period="month"),  # type: ignore[arg-type]
        ],
    )
    def test_refused_when_made(self, make: Callable[[], object]) -> None:
        """All constructors refuse what they cannot mean, with an InvalidValueError."""
        with pytest.raises(InvalidValueError):
            make()

    @pytest.mark.parametrize(
        "period",
        [Anniversary(term=years(1)), Rolling(term=hours(1)), Window(start=AT, end=AT + timedelta(days=1)), LIFETIME],
    )
    def test_no_end_of_what_has_no_next(self, period: Period) -> None:
        """A period that needs an anchor, or that nothing follows, ends no term."""
        with pytest.raises(InvalidValueError):
            EndOfPeriod(period=period, following=1)

    @given(
        first=st.dates(date(2024, 1, 1), date(2025, 1, 1)),
        n=st.integers(1, 60),
        times=st.integers(1, 3),
        inclusive=st.booleans(),
        weekend=st.sets(st.integers(0, 6), max_size=6),
        holidays=st.sets(st.dates(date(2023, 12, 1), date(2025, 6, 1)), max_size=60),
    )
    def test_business_days_are_those_of_a_walk(
        self, first: date, n: int, times: int, inclusive: bool, weekend: set[int], holidays: set[date]
    ) -> None:
        """They are counted, but as if each day was looked at."""
        term = Lasting(
            n=n,
            of=TimeUnit.BUSINESS_DAYS,
            until=Until.END_OF_DAY,
            inclusive=inclusive,
            weekend=weekend,
            holidays=holidays,
        )
        day = first - timedelta(days=inclusive)
        left = n * times
        while left:
            day += timedelta(days=1)
            left -= day.weekday() not in weekend and day not in holidays
        end = term.end(NEW_YORK.start_of_day(first), NEW_YORK, times)
        assert end == NEW_YORK.start_of_day(day + timedelta(days=1))

    def test_many_business_days_are_one_step(self) -> None:
        """20,000 of them over 3,000 Mondays off are counted right."""
        mondays = tuple(date(2024, 1, 1) + timedelta(weeks=n) for n in range(3_000))
        term = business_days(10_000, holidays=mondays)
        ends = {term.end(datetime(2024, 1, 1, hour, tzinfo=UTC), Calendar("UTC"), 2) for hour in range(20)}
        assert ends == {datetime(2112, 2, 26, hour, tzinfo=UTC) for hour in range(20)}

    def test_a_weekend_is_a_set(self) -> None:
        """Saturday and Sunday are Sunday and Saturday."""
        one, two = (Lasting(n=1, of=TimeUnit.BUSINESS_DAYS, weekend=weekend) for weekend in ((5, 6), (6, 5)))
        assert one == two
