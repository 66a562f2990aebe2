"""Instants and the local days of a zone."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage import periods
from patronage.errors import InvalidValueError
from patronage.periods import (
    EARLIEST,
    LATEST,
    Calendar,
    days_in_month,
    format_instant,
    month_after,
    parse_instant,
    utc,
)

NEW_YORK = Calendar("America/New_York")
instants = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))


class Vague(tzinfo):
    """A zone that does not know its offset."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """Unknown."""
        return None

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Unknown."""
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        """Unknown."""
        return None


class OtherDatetime(datetime):
    """What a test double or another library takes for a datetime."""


class TestUtc:
    """P37: "an event in any UTC offset gives the same entries; instants are UTC before comparing or hashing"."""

    @given(instant=instants, minutes=st.integers(-1439, 1439))
    def test_the_offset_does_not_matter(self, instant: datetime, minutes: int) -> None:
        """The same instant in any offset is equal, hashes alike and prints alike."""
        other = utc(instant.astimezone(timezone(timedelta(minutes=minutes))))
        assert (other, hash(other), repr(other)) == (instant, hash(instant), repr(utc(instant)))
        assert other.tzinfo is UTC

    def test_the_two_half_past_one_of_an_autumn_night_differ(self) -> None:
        """Two passes of one local time are two instants, an hour apart."""
        zone = ZoneInfo("America/New_York")
        first, second = (utc(datetime(2024, 11, 3, 1, 30, tzinfo=zone, fold=fold)) for fold in (0, 1))
        assert second - first == timedelta(hours=1)

    def test_a_fold_and_a_subclass_are_dropped(self) -> None:
        """What is equal is the same plain value."""
        assert utc(datetime(2024, 1, 1, tzinfo=UTC, fold=1)).fold == 0
        assert type(utc(OtherDatetime(2024, 1, 1, tzinfo=UTC))) is datetime

    @pytest.mark.parametrize(
        ("value", "sentence"),
        [
            (datetime(2024, 1, 1), "An instant needs a time zone"),
            (datetime(2024, 1, 1, tzinfo=Vague()), "An instant needs a time zone"),
            (date(2024, 1, 1), "An instant must be a datetime"),
            ("2024-01-01T00:00Z", "An instant must be a datetime"),
            (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "not between the years 1 and 9999"),
            (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))), "not between the years 1 and 9999"),
        ],
    )
    def test_what_is_no_instant_is_refused(self, value: datetime, sentence: str) -> None:
        """A naive datetime, a date, a text and what leaves the calendar are refused in a sentence."""
        with pytest.raises(InvalidValueError, match=sentence):
            utc(value)


class TestText:
    """Section 3: "instants are UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ` when stored"."""

    @given(instant=instants)
    def test_what_is_written_is_read_unchanged(self, instant: datetime) -> None:
        """A round trip keeps every microsecond."""
        assert parse_instant(format_instant(instant)) == instant

    @given(left=instants, right=instants)
    def test_texts_sort_as_instants(self, left: datetime, right: datetime) -> None:
        """The order of the texts is the order of the instants."""
        assert (format_instant(left) < format_instant(right)) == (left < right)

    @pytest.mark.parametrize(
        ("text", "stored"),
        [
            ("2024-05-08T12:30Z", "2024-05-08T12:30:00.000000Z"),
            ("2024-05-08T12:30:15Z", "2024-05-08T12:30:15.000000Z"),
            ("2024-05-08T12:30:15.5Z", "2024-05-08T12:30:15.500000Z"),
            ("2024-05-08T12:30:15.000001+02:00", "2024-05-08T10:30:15.000001Z"),
            ("2024-05-08T12:30-05:45", "2024-05-08T18:15:00.000000Z"),
            ("0999-01-01T00:00Z", "0999-01-01T00:00:00.000000Z"),
        ],
    )
    def test_the_forms_that_are_read(self, text: str, stored: str) -> None:
        """Seconds and up to six digits of them may be left out; an offset is turned into UTC."""
        assert format_instant(parse_instant(text)) == stored

    @pytest.mark.parametrize(
        "text",
        [
            "2024-05-08",
            "2024-05-08T12Z",
            "2024-05-08T12:30",
            "2024-05-08 12:30Z",
            "2024-05-08T12:30z",
            "2024-05-08T12:30:15.Z",
            "2024-05-08T12:30:15.1234567Z",
            "2024-05-08T12:30:15,5Z",
            "2024-05-08T12:30+0200",
            "2024-05-08T12:30+24:00",
            "2024-05-08T12:30+02:60",
            "20240508T1230Z",
            "2024-W19-3T12:30Z",
            "2024-05-08T12:30Z\n",
            " 2024-05-08T12:30Z",
            "\u0662\u0660\u0662\u0664-05-08T12:30Z",
            "",
            None,
            20240508,
        ],
    )
    def test_other_forms_are_refused(self, text: str) -> None:
        """One form only: what a lenient reader would guess at is refused."""
        with pytest.raises(InvalidValueError, match="must be written like"):
            parse_instant(text)

    @pytest.mark.parametrize(
        "text",
        ["2023-02-29T00:00Z", "2024-13-01T00:00Z", "2024-05-08T24:00Z", "2024-05-08T12:30:60Z", "0000-01-01T00:00Z"],
    )
    def test_what_does_not_exist_is_refused(self, text: str) -> None:
        """29 February of a common year, month 13, 24:00, a leap second and the year 0 are refused."""
        with pytest.raises(InvalidValueError, match="does not exist"):
            parse_instant(text)

    def test_an_offset_that_leaves_the_calendar_is_refused(self) -> None:
        """The year 1 has no hour before it."""
        with pytest.raises(InvalidValueError, match="not between the years"):
            parse_instant("0001-01-01T00:00+02:00")


class TestZone:
    """A calendar is a value: the name of its zone."""

    def test_equal_names_are_equal_calendars(self) -> None:
        """Equality, hash and what is printed know the name alone, whatever was computed."""
        used, fresh = Calendar("Europe/London"), Calendar("Europe/London")
        used.day(EARLIEST)
        assert (used, hash(used), repr(used)) == (fresh, hash(fresh), "Calendar(zone_name='Europe/London')")
        assert used != NEW_YORK

    def test_copies_leave_the_caches_behind(self) -> None:
        """A pickled or copied calendar is equal, and small."""
        used = Calendar("Europe/London")
        size = len(pickle.dumps(used))
        for n in range(1000):
            used.day(EARLIEST + timedelta(days=n))
        assert len(pickle.dumps(used)) == size
        assert pickle.loads(pickle.dumps(used)) == copy.deepcopy(used) == used

    @pytest.mark.parametrize(
        "name",
        [
            "Mars/Olympus",
            "america",
            "America",
            "../etc/passwd",
            "/etc/localtime",
            "America/../UTC",
            "localtime",
            "posix/UTC",
            "right/UTC",
            "posixrules",
            "",
            "UTC\0",
            "\ud800",
            "A" * 5000,
            None,
            5,
            ["UTC"],
        ],
    )
    def test_an_unknown_zone_is_refused(self, name: str) -> None:
        """A name that is no zone, a path, and what each machine decides for itself are refused."""
        with pytest.raises(InvalidValueError, match="A time zone must be named like"):
            Calendar(name)


class TestDays:
    """P34: "end of day ... in the program's zone, DST days of 23 and 25 h included"."""

    @pytest.mark.parametrize(
        ("zone", "day", "hours"),
        [
            ("America/New_York", date(2024, 3, 10), 23),
            ("America/New_York", date(2024, 11, 3), 25),
            ("Australia/Lord_Howe", date(2024, 10, 6), 23.5),
            ("Africa/Cairo", date(2024, 4, 26), 23),  # No midnight.
            ("America/Havana", date(2024, 11, 3), 25),  # Two midnights.
            ("Pacific/Apia", date(2011, 12, 30), 0),  # Crossed the date line.
            ("UTC", date(2024, 3, 10), 24),
        ],
    )
    def test_a_day_lasts_as_long_as_its_clocks_say(self, zone: str, day: date, hours: float) -> None:
        """From the first instant of the day to the first of the next."""
        calendar = Calendar(zone)
        length = calendar.start_of_day(day + timedelta(days=1)) - calendar.start_of_day(day)
        assert length == timedelta(hours=hours)

    def test_a_missing_midnight_starts_the_day_when_the_clocks_skip_it(self) -> None:
        """Toronto went from 23:30 to 00:30 in 1919: the new day starts at that instant, not at 01:00."""
        calendar = Calendar("America/Toronto")
        start = calendar.start_of_day(date(1919, 3, 31))
        assert calendar.local(start).replace(tzinfo=None) == datetime(1919, 3, 31, 0, 30)
        assert calendar.local(start - timedelta(microseconds=1)).hour == 23
        assert calendar.day(start) == date(1919, 3, 31)

    def test_the_first_of_two_midnights_starts_the_day(self) -> None:
        """Havana shows midnight twice: the second one is the same day, an hour old."""
        calendar = Calendar("America/Havana")
        start = calendar.start_of_day(date(2024, 11, 3))
        assert calendar.local(start + timedelta(hours=1)).hour == 0
        assert calendar.day(start + timedelta(hours=1)) == date(2024, 11, 3)

    def test_clocks_that_go_back_over_midnight_stay_in_the_new_day(self) -> None:
        """St Johns went from 00:01 to 23:01 in 2006: the repeated hour belongs to the day that had begun."""
        calendar = Calendar("America/St_Johns")
        start = calendar.start_of_day(date(2006, 10, 29))
        again = start + timedelta(minutes=30)
        assert calendar.local(again).date() == date(2006, 10, 28)
        assert calendar.day(again) == date(2006, 10, 29)
        assert calendar.day(start - timedelta(microseconds=1)) == date(2006, 10, 28)

    def test_a_day_that_was_skipped_holds_no_instant(self) -> None:
        """Apia had no 30 December 2011."""
        calendar = Calendar("Pacific/Apia")
        end = calendar.start_of_day(date(2011, 12, 30))
        assert calendar.day(end - timedelta(microseconds=1)) == date(2011, 12, 29)
        assert calendar.day(end) == date(2011, 12, 31)

    def test_a_boundary_inside_a_quarter_of_an_hour_is_kept(self) -> None:
        """Liberia's offset was -0:44:30 until 1972: both sides of midnight are right, in either order."""
        calendar = Calendar("Africa/Monrovia")
        start = calendar.start_of_day(date(1971, 5, 5))
        assert (start.minute, start.second) == (44, 30)
        tick = timedelta(seconds=1)
        assert [calendar.day(start + n * tick).day for n in (-1, 0, -1)] == [4, 5, 4]

    def test_the_offset_of_the_instant_does_not_matter(self) -> None:
        """P37: what is asked in another zone gets the same day."""
        instant = datetime(2024, 5, 8, 2, tzinfo=UTC)
        assert NEW_YORK.day(instant.astimezone(ZoneInfo("Asia/Tokyo"))) == NEW_YORK.day(instant) == date(2024, 5, 7)

    def test_the_cache_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A full cache is emptied, and the answers stay the same."""
        monkeypatch.setattr(periods, "_CACHE_MAX", 4)
        calendar = Calendar("UTC")
        for n in range(50):
            assert calendar.day(EARLIEST + timedelta(days=n)) == date(1970, 1, 1) + timedelta(days=n)
        assert max(len(calendar._days), len(calendar._starts)) <= 4


class TestLocalTimes:
    """Section 3: days are "computed in the program's zone (missing and doubled local times included)"."""

    def test_a_missing_time_moves_on_by_the_gap(self) -> None:
        """02:30 of a spring night is 03:30."""
        assert NEW_YORK.local(NEW_YORK.instant(datetime(2024, 3, 10, 2, 30))).hour == 3

    def test_a_doubled_time_means_the_first_pass(self) -> None:
        """01:30 of an autumn night is the one in summer time, whatever the fold says."""
        for fold in (0, 1):
            assert NEW_YORK.instant(datetime(2024, 11, 3, 1, 30, fold=fold)) == datetime(2024, 11, 3, 5, 30, tzinfo=UTC)

    @given(instant=instants, zone=st.sampled_from(["America/New_York", "Asia/Kathmandu", "Europe/London"]))
    def test_local_times_lead_back(self, instant: datetime, zone: str) -> None:
        """What the clock shows leads back to the instant, or to the first pass of a doubled time."""
        calendar = Calendar(zone)
        local = calendar.local(instant)
        back = calendar.instant(local.replace(tzinfo=None))
        assert back == instant if not local.fold else back < instant

    @pytest.mark.parametrize("value", [datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 1), None])
    def test_what_is_no_local_time_is_refused(self, value: datetime) -> None:
        """A datetime with a zone, a date and nothing are refused."""
        with pytest.raises(InvalidValueError, match="without a time zone"):
            NEW_YORK.instant(value)


class TestLimits:
    """Beyond the years 2 to 9998 there is an error of the library, never an overflow."""

    def test_the_range_of_a_program(self) -> None:
        """From 1970 to the end of 2199."""
        assert (format_instant(EARLIEST)[:10], format_instant(LATEST)[:10]) == ("1970-01-01", "2200-01-01")

    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
    @pytest.mark.parametrize("year", [1, 9999])
    def test_outside_is_refused(self, zone: str, year: int) -> None:
        """Every method refuses the year 1 and the year 9999."""
        calendar = Calendar(zone)
        month = 1 if year == 1 else 12
        attempts: tuple[Callable[[], object], ...] = (
            lambda: calendar.local(datetime(year, month, 15, tzinfo=UTC)),
            lambda: calendar.day(datetime(year, month, 15, tzinfo=UTC)),
            lambda: calendar.instant(datetime(year, month, 15)),
            lambda: calendar.start_of_day(date(year, month, 15)),
        )
        for attempt in attempts:
            with pytest.raises(InvalidValueError, match="in the years 2 to 9998"):
                attempt()

    @pytest.mark.parametrize("value", [datetime(2024, 1, 1), "2024-01-01", None])
    def test_what_is_no_date_is_refused(self, value: date) -> None:
        """A day is a date, not a datetime."""
        with pytest.raises(InvalidValueError, match="A day must be a date"):
            NEW_YORK.start_of_day(value)

    @pytest.mark.parametrize("months", [-24_300, 96_000])
    def test_months_stay_in_the_calendar(self, months: int) -> None:
        """A month that lies outside is refused."""
        with pytest.raises(InvalidValueError, match="in the years 2 to 9998"):
            month_after(date(2024, 1, 31), months)

    def test_months_are_clamped(self) -> None:
        """31 January and one month is the last day of February; the length of months is that of the calendar."""
        assert [month_after(date(2023, 1, 31), n) for n in (1, 2, -2)] == [
            date(2023, 2, 28),
            date(2023, 3, 31),
            date(2022, 11, 30),
        ]
        assert [days_in_month(year, 2) for year in (1900, 2000, 2023, 2024)] == [28, 29, 28, 29]
