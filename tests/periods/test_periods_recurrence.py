"""Recurrences: days and times of day, without any rule text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest
from dateutil import rrule
from hypothesis import assume, given
from hypothesis import strategies as st

from patronage.errors import InvalidValueError
from patronage.periods import Calendar
from patronage.recurrence import Every, Recurrence

NEW_YORK = Calendar("America/New_York")
MONDAY = date(2024, 1, 1)


def dates(recurrence: Recurrence, start: date = MONDAY, length: int = 62) -> list[str]:
    """The days of the recurrence, as month and day."""
    return [f"{day:%m-%d}" for n in range(length) if recurrence.on(day := start + timedelta(days=n))]


def test_more_days_than_are_remembered_are_each_answered() -> None:
    """Thirteen years of days, twice: what was forgotten is worked out again, and comes to the same."""
    mondays = Recurrence(starts=MONDAY, weekdays=(0,))
    days = [MONDAY + timedelta(days=n) for n in range(4_750)]
    for _ in range(2):
        assert [day for day in days if mondays.on(day)] == days[::7]


class TestDays:
    """Section 4.2: "closed recurrence grammar"."""

    @pytest.mark.parametrize(
        ("recurrence", "found"),
        [
            (Recurrence(starts=MONDAY, interval=20), ["01-01", "01-21", "02-10", "03-01"]),
            (Recurrence(starts=date(2024, 1, 31), interval=20), ["01-31", "02-20"]),
            (Recurrence(starts=MONDAY, until=date(2024, 1, 3)), ["01-01", "01-02", "01-03"]),
            (Recurrence(starts=MONDAY, weekdays=(4,), days_of_month=range(8, 15)), ["01-12", "02-09"]),
            (Recurrence(starts=MONDAY, days_of_month=(-1, 15)), ["01-15", "01-31", "02-15", "02-29"]),
            (Recurrence(starts=MONDAY, days_of_month=(31,)), ["01-31"]),
            (Recurrence(starts=MONDAY, nth_weekday=((1, 4), (-1, 0))), ["01-05", "01-29", "02-02", "02-26", "03-01"]),
            (Recurrence(starts=MONDAY, nth_weekday=((5, 2), (-5, 3))), ["01-31", "02-01"]),
            (Recurrence(starts=MONDAY, months=(2,), weekdays=(3,)), ["02-01", "02-08", "02-15", "02-22", "02-29"]),
            (
                Recurrence(starts=date(2024, 1, 3), every=Every.WEEK, interval=3, weekdays=(0, 2)),
                ["01-03", "01-22", "01-24", "02-12", "02-14"],
            ),
            (Recurrence(starts=date(2024, 1, 31), every=Every.MONTH, interval=2, days_of_month=(1,)), ["03-01"]),
            (Recurrence(starts=date(2024, 2, 29), every=Every.YEAR, months=(2,), days_of_month=(29,)), ["02-29"]),
        ],
    )
    def test_the_first_two_months_of_2024(self, recurrence: Recurrence, found: list[str]) -> None:
        """The interval counts from the day, week, month or year that holds the start; all that is given must hold."""
        assert dates(recurrence) == found

    def test_years_are_counted_from_the_start(self) -> None:
        """Every fourth year."""
        recurrence = Recurrence(starts=MONDAY, every=Every.YEAR, interval=4)
        assert [recurrence.on(date(year, 6, 1)) for year in (2020, 2024, 2025, 2028)] == [False, True, False, True]

    @given(
        starts=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
        every=st.sampled_from(Every),
        interval=st.integers(1, 6),
        weekdays=st.sets(st.integers(0, 6)),
        days_of_month=st.sets(st.integers(-31, 31).filter(bool), max_size=4),
        months=st.sets(st.integers(1, 12), max_size=4),
        days=st.integers(0, 1500),
    )
    def test_an_independent_calendar_agrees(
        self,
        starts: date,
        every: Every,
        interval: int,
        weekdays: set[int],
        days_of_month: set[int],
        months: set[int],
        days: int,
    ) -> None:
        """The days of one period that another library lists are those that match."""
        try:
            recurrence = Recurrence(
                starts=starts,
                every=every,
                interval=interval,
                weekdays=weekdays,
                days_of_month=days_of_month,
                months=months,
            )
        except InvalidValueError:
            assume(False)
        # Every day that passes the filters, and a step of whole periods counted apart from them.
        begin = {
            Every.DAY: starts,
            Every.WEEK: starts - timedelta(days=starts.weekday()),
            Every.MONTH: starts.replace(day=1),
            Every.YEAR: starts.replace(month=1, day=1),
        }[every]
        frequency: int = {
            Every.DAY: rrule.DAILY,
            Every.WEEK: rrule.WEEKLY,
            Every.MONTH: rrule.MONTHLY,
            Every.YEAR: rrule.YEARLY,
        }[every]
        day = starts + timedelta(days=days)
        listed = rrule.rrule(
            frequency,  # type: ignore[arg-type]  # Plain numbers in the other library's stubs.
            dtstart=datetime(begin.year, begin.month, begin.day),
            interval=interval,
            byweekday=sorted(weekdays or range(7)),
            bymonthday=sorted(days_of_month) or None,
            bymonth=sorted(months or range(1, 13)),
            until=datetime(day.year, day.month, day.day),
        )
        moment = datetime(day.year, day.month, day.day)
        assert recurrence.on(day) == bool(listed.between(moment, moment, inc=True))


class TestMatches:
    """The day and the time of day are the program's zone's."""

    @pytest.mark.parametrize(
        ("window", "hours"),
        [
            ((None, None), range(24)),
            ((time(9), time(11)), [9, 10]),
            ((time(22), None), [22, 23]),
            ((None, time(2)), [0, 1]),
        ],
    )
    def test_a_window_of_the_day_is_half_open(self, window: tuple[time | None, time | None], hours: list[int]) -> None:
        """From the first time on, and before the second."""
        recurrence = Recurrence(starts=MONDAY, weekdays=(0,), from_time=window[0], until_time=window[1])
        first = NEW_YORK.start_of_day(MONDAY)
        found = [n for n in range(-24, 48) if recurrence.matches(first + timedelta(hours=n), NEW_YORK)]
        assert found == list(hours)

    def test_nothing_matches_before_the_start_or_after_the_end(self) -> None:
        """The last day is in."""
        recurrence = Recurrence(starts=MONDAY, until=MONDAY)
        start, end = NEW_YORK.start_of_day(MONDAY), NEW_YORK.start_of_day(date(2024, 1, 2))
        tick = timedelta(microseconds=1)
        assert [recurrence.matches(at, NEW_YORK) for at in (start - tick, start, end - tick, end)] == [
            False,
            True,
            True,
            False,
        ]

    def test_far_from_the_start_it_costs_the_same(self) -> None:
        """T21: arithmetic, no walk: a day 170 years on is answered at once."""
        recurrence = Recurrence(starts=date(1970, 1, 1), interval=2, from_time=time(9), until_time=time(9, 0, 1))
        assert not recurrence.matches(datetime(2199, 12, 31, tzinfo=UTC), NEW_YORK)


class TestValidators:
    """T21: "no free RRULE text: a closed grammar (daily and slower, interval 1 to 366) ... found empty = refused"."""

    @pytest.mark.parametrize(
        "given_",
        [
            {"months": (2,), "days_of_month": (30,)},
            {"days_of_month": (1,), "nth_weekday": ((2, 0),)},
            {"days_of_month": (31,), "months": (4, 6, 9, 11)},
            {"until": date(2024, 1, 5), "weekdays": (5,)},
            {"every": Every.YEAR, "interval": 4, "until": date(2027, 12, 31), "months": (2,), "days_of_month": (30,)},
        ],
    )
    def test_what_never_comes_is_refused(self, given_: dict[str, object]) -> None:
        """30 February, a second Monday on the first: an offer that can never be met is a mistake."""
        with pytest.raises(InvalidValueError, match="never comes"):
            Recurrence(starts=MONDAY, **given_)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "given_",
        [
            {"starts": datetime(2024, 1, 1)},
            {"starts": "2024-01-01"},
            {"interval": 0},
            {"interval": 367},
            {"interval": True},
            {"interval": 1.0},
            {"until": date(2023, 12, 31)},
            {"until": datetime(2024, 12, 31)},
            {"weekdays": (7,)},
            {"weekdays": (-1,)},
            {"weekdays": "MO"},
            {"weekdays": 1},
            {"weekdays": (True,)},
            {"days_of_month": (0,)},
            {"days_of_month": (32,)},
            {"days_of_month": (-32,)},
            {"months": (0,)},
            {"months": (13,)},
            {"nth_weekday": ((0, 1),)},
            {"nth_weekday": ((6, 1),)},
            {"nth_weekday": ((1, 7),)},
            {"from_time": "09:00"},
            {"from_time": time(9, tzinfo=UTC)},
            {"until_time": 9},
            {"from_time": time(9), "until_time": time(9)},
        ],
    )
    def test_refused_in_a_sentence(self, given_: dict[str, object]) -> None:
        """What is out of range, of another type, or contradicts itself."""
        with pytest.raises(InvalidValueError, match=r"\.$"):
            Recurrence(**{"starts": MONDAY, **given_})  # type: ignore[arg-type]

    def test_sequences_become_sorted_tuples(self) -> None:
        """Equal recurrences are equal, hash alike, and cannot be changed from outside."""
        weekdays = [2, 0, 2]
        one = Recurrence(starts=MONDAY, weekdays=weekdays, nth_weekday=[(2, 0), (1, 4)])
        two = Recurrence(starts=MONDAY, weekdays=(0, 2), nth_weekday=((1, 4), (2, 0)))
        weekdays.append(5)
        assert (one, hash(one)) == (two, hash(two))


class TestEdges:
    """What was found wrong once."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Recurrence(starts=MONDAY, until_time=time(0)),  # No time of day is before midnight.
            lambda: Recurrence(starts=MONDAY, from_time=time(22), until_time=time(2)),  # Over midnight.
            lambda: Recurrence(starts=MONDAY, nth_weekday=((1, 2, 3),)),  # type: ignore[arg-type]
            lambda: Recurrence(starts=MONDAY, nth_weekday="14"),  # type: ignore[arg-type]
            lambda: Recurrence(starts=MONDAY, every="day"),  # type: ignore[arg-type]
            lambda: Recurrence(starts=MONDAY, nth_weekday=(1,)),  # type: ignore[arg-type]
            lambda: Recurrence(starts=MONDAY, nth_weekday=None),  # type: ignore[arg-type]
        ],
    )
    def test_refused_when_made(self, make: Callable[[], object]) -> None:
        """All constructors refuse what they cannot mean, with an InvalidValueError."""
        with pytest.raises(InvalidValueError):
            make()

    def test_what_comes_late_is_not_never(self) -> None:
        """New Year's Day every 110 years comes within the range of a program."""
        Recurrence(starts=date(2024, 1, 2), every=Every.YEAR, interval=110, months=(1,), days_of_month=(1,))

    @pytest.mark.parametrize(
        ("given_", "comes"),
        [
            ({"interval": 364, "weekdays": (1,)}, False),
            ({"interval": 364, "weekdays": (0,), "months": (2,), "days_of_month": (29,)}, True),
            ({"every": Every.WEEK, "interval": 366, "months": (2,), "days_of_month": (29,), "weekdays": (0,)}, False),
            (
                {"every": Every.WEEK, "interval": 355, "months": (2,), "days_of_month": (29,), "weekdays": (0,)},
                True,
            ),  # In the year 6732.
            ({"every": Every.MONTH, "interval": 366, "months": (2,)}, False),
            ({"every": Every.YEAR, "interval": 366, "starts": date(2023, 1, 1), "days_of_month": (29,)}, True),
            (
                {
                    "every": Every.YEAR,
                    "interval": 366,
                    "starts": date(2023, 1, 1),
                    "months": (2,),
                    "days_of_month": (29,),
                },
                False,
            ),
            ({"days_of_month": (30, 31), "nth_weekday": ((1, 2),)}, False),
            ({"starts": date(2, 1, 1), "interval": 364, "weekdays": (3,)}, False),
            ({"starts": date(9998, 12, 31), "weekdays": (3,)}, True),
            ({"starts": date(9998, 12, 31), "weekdays": (4,)}, False),
        ],
    )
    def test_never_is_decided_at_once(self, given_: dict[str, object], comes: bool) -> None:
        """Until the end of the calendar, without going day by day."""
        if comes:
            Recurrence(**{"starts": MONDAY, **given_})  # type: ignore[arg-type]
        else:
            with pytest.raises(InvalidValueError, match="never comes"):
                Recurrence(**{"starts": MONDAY, **given_})  # type: ignore[arg-type]

    @given(
        starts=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
        length=st.integers(0, 1_000),
        every=st.sampled_from(Every),
        interval=st.integers(1, 20),
        weekdays=st.sets(st.integers(0, 6), max_size=2),
        days_of_month=st.sets(st.integers(-31, 31).filter(bool), max_size=2),
        months=st.sets(st.integers(1, 12), max_size=2),
    )
    def test_never_is_what_a_walk_finds(self, starts: date, length: int, **given_: object) -> None:
        """Until the last day, some day matches or the recurrence is refused."""
        until = starts + timedelta(days=length)
        try:
            open_ended = Recurrence(starts=starts, **given_)  # type: ignore[arg-type]
            comes = any(open_ended.on(starts + timedelta(days=n)) for n in range(length + 1))
        except InvalidValueError:
            comes = False
        if comes:
            Recurrence(starts=starts, until=until, **given_)  # type: ignore[arg-type]
        else:
            with pytest.raises(InvalidValueError, match="never comes"):
                Recurrence(starts=starts, until=until, **given_)  # type: ignore[arg-type]
