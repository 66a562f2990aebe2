"""Time: one step or many, half-open, and counted in the program's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.checks import entries_of
from model.histories import MEMBER, MUG, PER_DOLLAR, POINTS
from model.shop import Shop
from patronage import Adjustment, Event, InvalidValueError, Life, Program, Redemption
from patronage.periods import Calendar, utc
from patronage.terms_of_time import Term, Until, days, months
from properties.strategies import T0, bought, histories, shop_program

History = tuple[Program, list[Event]]
TICK = timedelta(microseconds=1)
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana")

instants = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))


class TestSteps:
    """P32: "Advancing in 1, 2 or 100 steps, nightly or never, gives the same entries"."""

    @given(history=histories(), cuts=st.lists(st.integers(1, 100), max_size=5))
    def test_one_step_or_many(self, history: History, cuts: list[int]) -> None:
        """However often time is run, the entries and the lots are the same."""
        program, events = history
        lazy = Shop(program).play(*events)
        if lazy.state.clock is None:
            return
        end = lazy.state.clock + timedelta(days=800)
        often = Shop(program)
        often.state, often.commits = lazy.state, list(lazy.commits)
        for cut in sorted(cuts):
            often.advance(lazy.state.clock + (end - lazy.state.clock) * cut / 100)
        for shop in (lazy, often):
            shop.advance(end)
        assert entries_of(lazy.commits) == entries_of(often.commits)
        assert lazy.state.lots == often.state.lots
        assert lazy.state.pending == often.state.pending

    @given(history=histories())
    def test_nothing_due_writes_nothing_and_what_is_due_writes_once(self, history: History) -> None:
        """Advanced to the same instant twice there is no second commit; and the next due lies ahead."""
        program, events = history
        shop = Shop(program).play(*events)
        if shop.state.clock is None:
            return
        until = shop.state.clock + timedelta(days=60)
        shop.advance(until)
        done = len(shop.commits)
        shop.advance(until)
        assert len(shop.commits) == done
        assert shop.state.next_due is None or shop.state.next_due > until


class TestNothingGrowsByItself:
    """P33: "With no events, available never rises except by a documented release"."""

    @given(history=histories())
    def test_what_is_held_never_grows_by_time(self, history: History) -> None:
        """Available, pending and reserved together only fall as time passes."""
        program, events = history
        shop = Shop(program).play(*events)
        if shop.state.clock is None:
            return
        before: dict[str, int] = {}
        for day in range(0, 800, 40):
            standing = program.at(shop.state, shop.state.clock + timedelta(days=day))
            for unit in program.units:
                holding = standing[unit]
                total = (holding.available + holding.pending + holding.reserved).steps
                assert total <= before.get(unit.code, total)
                before[unit.code] = total


class TestHalfOpen:
    """P34: "usable at expires_at minus 1 microsecond, not at expires_at; end of day ... in the program's zone"."""

    @given(
        at=instants,
        zone=st.sampled_from(ZONES),
        term=st.sampled_from(
            (days(30), days(1, until=Until.END_OF_DAY), months(1, until=Until.END_OF_MONTH), months(1))
        ),
    )
    def test_a_lot_is_usable_before_its_end_and_not_at_it(self, at: datetime, zone: str, term: Term) -> None:
        """One microsecond before the end it pays, at the end it is gone."""
        rule = attrs.evolve(PER_DOLLAR, life=Life(expires_after=term))
        program = shop_program(rule, rewards=(MUG,), zone=zone)
        shop = Shop(program).play(bought("p-1", 1_000, at=at))
        end = shop.state.lots["points"][0].validity.expires_at
        assert end is not None
        assert end > at
        for when, usable in ((end - TICK, True), (end, False)):
            request = Redemption(id="d-1", member=MEMBER, occurred_at=max(when, at), reward="mug")
            assert shop.decide(request).accepted is usable
            assert program.at(shop.state, max(when, at))[POINTS].available.steps == (10 if usable else 0)

    @given(at=instants, zone=st.sampled_from(ZONES), n=st.integers(0, 40))
    def test_the_end_of_a_day_is_local(self, at: datetime, zone: str, n: int) -> None:
        """The last microsecond is in that local day, the end in the next, of 23 or 25 hours too."""
        calendar = Calendar(zone)
        end = days(n, until=Until.END_OF_DAY).end(at, calendar)
        last = calendar.day(at) + timedelta(days=n)
        assert calendar.day(end - TICK) == last
        assert calendar.day(end) == last + timedelta(days=1)

    @given(at=instants, pending=st.integers(1, 40))
    def test_pending_points_become_available_at_their_instant(self, at: datetime, pending: int) -> None:
        """One microsecond before it they are pending, at it available."""
        rule = attrs.evolve(PER_DOLLAR, life=Life(available_after=days(pending)))
        shop = Shop(shop_program(rule)).play(bought("p-1", 1_000, at=at))
        start = shop.state.pending[0].validity.available_at
        assert start is not None
        for when, steps in ((start - TICK, 0), (start, 10)):
            holding = shop.program.at(shop.state, when)[POINTS]
            assert (holding.available.steps, holding.pending.steps) == (steps, 10 - steps)


class TestTerms:
    """P36: "The n-th period is anchor + n months, never repeated addition"."""

    @given(at=instants, n=st.integers(1, 60))
    def test_months_are_counted_from_the_anchor(self, at: datetime, n: int) -> None:
        """n times one month is n months at once, clamped to the month's end, at the same local time."""
        calendar = Calendar("UTC")
        once = months(1).end(at, calendar, n)
        assert once == months(n).end(at, calendar)
        assert once.time() == at.time()
        assert (once.year * 12 + once.month) - (at.year * 12 + at.month) == n
        assert once.day == at.day or (once.day < at.day and (once + timedelta(days=1)).day == 1)

    def test_the_last_of_december_plus_three_months_is_the_last_of_march(self) -> None:
        """Not the 28th or 29th, as three single months would give."""
        assert months(1).end(datetime(2024, 12, 31, tzinfo=UTC), Calendar("UTC"), 3) == datetime(
            2025, 3, 31, tzinfo=UTC
        )


class TestOffsets:
    """P37: "An event in any UTC offset gives the same entries; instants are UTC before comparing or hashing"."""

    @given(at=instants, minutes=st.integers(-14 * 60, 14 * 60))
    def test_the_same_instant_in_another_offset(self, at: datetime, minutes: int) -> None:
        """A purchase told in another offset is the same event, with the same decision."""
        there = at.astimezone(timezone(timedelta(minutes=minutes)))
        here, moved = bought("p-1", 500, at=at), bought("p-1", 500, at=there)
        assert here == moved
        assert hash(here) == hash(moved)
        program = shop_program(PER_DOLLAR, zone="America/New_York")
        assert Shop(program).record(here) == Shop(program).record(moved)

    def test_the_two_passes_of_an_autumn_hour_differ(self) -> None:
        """02:30 before and after the clocks go back are two instants, an hour apart."""
        zone = ZoneInfo("Europe/Berlin")
        first, second = (datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=fold) for fold in (0, 1))
        assert utc(second) - utc(first) == timedelta(hours=1)

    def test_an_instant_without_an_offset_is_refused(self) -> None:
        """Nobody knows when it was."""
        with pytest.raises(InvalidValueError):
            bought("p-1", 100, at=datetime(2024, 1, 1))


class TestLife:
    """P30 and DESIGN 2: what is credited by hand has the dates that were named."""

    @given(starts=st.integers(1, 50), lasts=st.integers(1, 50))
    def test_an_opening_balance_keeps_its_own_dates(self, starts: int, lasts: int) -> None:
        """It is pending until the first date and gone at the second."""
        start, end = T0 + timedelta(days=starts), T0 + timedelta(days=starts + lasts)
        opening = Adjustment(
            id="j-1",
            member=MEMBER,
            occurred_at=T0,
            amount=POINTS.of(7),
            actor="import",
            reason="opening",
            available_at=start,
            expires_at=end,
        )
        shop = Shop(shop_program(PER_DOLLAR)).play(opening)
        figures = [
            shop.program.at(shop.state, at)[POINTS].available.steps for at in (start - TICK, start, end - TICK, end)
        ]
        assert figures == [0, 7, 7, 0]
