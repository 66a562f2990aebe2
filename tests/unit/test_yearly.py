"""Days of the member's own: birthdays with gifts, seasons, the n-th purchase, rights that are new."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from unit_shop import NIGHTS, POINTS, TICK, USD, VISITS, Member, earned, on, program_of

from patronage import BenefitKind, BonusRule, ChallengePolicy, Condition, InvalidValueError, PointsPolicy, StatusGrant
from patronage.granting import GrantRule
from patronage.occasion_conditions import GivenWithin, InYearlyWindow, LeapDay, NumberIs, Season, YearlyWindow
from patronage.periods import Calendar
from patronage.terms_of_time import days
from patronage.thresholds import GiveBenefit, GiveConverted, GiveCredit, GiveGrant
from patronage.yearly import Yearly

BORN = GrantRule(name="born", key="born", activity="born", value_from="day", replaces=True)
TEN = GiveCredit(amount=POINTS.of(10))
TREAT = GiveGrant(key="treat", uses=1)
EASTERN = Calendar("America/New_York")


def midnight(year: int, month: int, day: int) -> datetime:
    """The start of a day in New York."""
    return EASTERN.start_of_day(datetime(year, month, day, tzinfo=UTC).date())


def member_of(*gives: Any, **fields: Any) -> Member:
    """A member of a program with a birthday gift."""
    yearly = Yearly(**{"name": "birthday", "key": "born", "gives": gives or (TEN,), **fields})
    return Member(program_of(ChallengePolicy(name="own", challenges=[yearly], rights=[BORN])))


def born(member: Member, day: str, *, id: str = "b-1", at: datetime | None = None) -> None:
    """The member states a birthday."""
    member.does("born", id=id, at=at, attributes={"day": day})


class TestYearly:
    """Gifts around a day of the year."""

    def test_each_year_at_its_midnight(self) -> None:
        """Nothing before it, ten points at it, ten more a year later."""
        member = member_of()
        born(member, "05-06", at=on(1, 10))
        told = [(midnight(2026, 5, 6) - TICK, 0), (midnight(2026, 5, 6), 10), (midnight(2028, 5, 6), 30)]
        assert [(at, member.has(at=at)) for at, _ in told] == told

    def test_a_right_ends_with_the_window(self) -> None:
        """A treat for a week from the day."""
        member = member_of(TREAT, window=YearlyWindow(lasts=days(7)))
        born(member, "1990-05-06", at=on(1, 10))
        (treat,) = member.standing(on(5, 7)).grants("treat")
        assert (treat.valid_from, treat.valid_until) == (midnight(2026, 5, 6), midnight(2026, 5, 13))

    @pytest.mark.parametrize(("leap", "first"), [(LeapDay.FEBRUARY_28, (2, 28)), (LeapDay.MARCH_1, (3, 1))])
    def test_a_leap_day(self, leap: LeapDay, first: tuple[int, int]) -> None:
        """In a common year on the day that is chosen, in a leap year on its own."""
        member = member_of(window=YearlyWindow(leap_day=leap))
        born(member, "02-29", at=on(1, 10))
        common, own = midnight(2026, *first), midnight(2028, 2, 29)
        assert (member.has(at=common - TICK), member.has(at=common)) == (0, 10)
        assert (member.has(at=own - TICK), member.has(at=own)) == (20, 30)

    def test_told_inside_the_window_it_is_given_at_once(self) -> None:
        """Who joins in the month of birth has the gift of this year, and once."""
        member = member_of(window=YearlyWindow(whole_month=True))
        born(member, "05-20", at=on(5, 10))
        assert member.has() == 10
        born(member, "05-21", id="b-2", at=on(5, 11))
        assert member.has() == 10

    def test_told_after_the_window_it_waits_for_the_next(self) -> None:
        """A birthday that is past is next year's."""
        member = member_of()
        born(member, "05-06", at=on(5, 7))
        assert member.has(at=midnight(2027, 5, 6) - TICK) == 0
        assert member.has(at=midnight(2027, 5, 6)) == 10

    def test_days_before_it(self) -> None:
        """A window over the turn of the year belongs to the birthday's year."""
        member = member_of(TREAT, window=YearlyWindow(days_before=7))
        born(member, "01-03", at=on(2, 1))
        (treat,) = member.standing(on(12, 28)).grants("treat")
        assert (treat.valid_from, treat.valid_until) == (midnight(2026, 12, 27), midnight(2027, 1, 4))

    def test_the_day_of_joining(self) -> None:
        """With anniversary from the year after on."""
        member = member_of(anniversary=True)
        born(member, "any", at=on(5, 6))
        assert member.has() == 0
        assert member.has(at=midnight(2027, 5, 6)) == 10

    def test_a_benefit_and_a_value_that_is_no_day(self) -> None:
        """The shop is told to hand something over; what states no day gives nothing."""
        member = member_of(GiveBenefit(kind=BenefitKind.PRODUCT, reward="cake"))
        born(member, "soon", at=on(1, 10))
        assert member.pass_to(on(1, 10, year=2028)).benefits == ()
        born(member, "05-06", id="b-2", at=on(1, 11, year=2028))
        assert [benefit.reward for benefit in member.pass_to(on(5, 7, year=2028)).benefits] == ["cake"]

    def test_lazy_time_is_eager_time(self) -> None:
        """One step or many: the same lots."""
        lazy, eager = member_of(), member_of()
        for member in (lazy, eager):
            born(member, "05-06", at=on(1, 10))
        for month in range(2, 13):
            eager.pass_to(on(month, 1))
        for member in (lazy, eager):
            member.pass_to(on(12, 31))
        assert lazy.state.lots == eager.state.lots


def earning(when: Condition, *, rules: tuple[Any, ...] = ()) -> Member:
    """A member who earns ten points where a condition holds; another policy counts visits before it."""
    visits = PointsPolicy(name="visits", rules=[BonusRule(credit=VISITS.of(1))])
    points = PointsPolicy(name="points", rules=[BonusRule(credit=POINTS.of(10), when=when)])
    return Member(program_of(visits, points))


class TestConditions:
    """Questions about the time in a member's life."""

    def test_the_first_purchase_and_each_third(self) -> None:
        """Counted by a policy listed before; a first purchase that came back was none."""
        member = earning(NumberIs("visits", of=[1]))
        assert [earned(member.buy("1.00", id=str(n))) for n in (1, 2)] == [10, 0]
        member.refund("1", id="r-1")
        member.refund("2", id="r-2")
        assert earned(member.buy("1.00", id="3")) == 10
        third = earning(NumberIs("visits", every=3))
        assert [earned(third.buy("1.00", id=str(n))) for n in range(6)] == [0, 0, 10, 0, 0, 10]

    def test_in_the_days_around_a_birthday(self) -> None:
        """Only in the month of it, by the local day."""
        member = earning(InYearlyWindow("born", window=YearlyWindow(whole_month=True)))
        assert earned(member.buy("1.00", id="0", at=on(1, 2))) == 0
        member.accept(
            StatusGrant(
                id="s", member="m-1", occurred_at=on(1, 3), key="born", value="05-20", actor="ops", reason="told"
            )
        )
        times = [midnight(2026, 5, 1) - TICK, midnight(2026, 5, 1), midnight(2026, 6, 1) - TICK, midnight(2026, 6, 1)]
        assert [earned(member.buy("1.00", id=f"o-{n}", at=at)) for n, at in enumerate(times)] == [0, 10, 10, 0]

    @pytest.mark.parametrize(
        ("first", "last", "held"),
        [("03-01", "03-31", [False, True, False]), ("12-20", "03-15", [True, True, False])],
    )
    def test_a_season(self, first: str, last: str, held: list[bool]) -> None:
        """Days of any year, over its turn too."""
        member = earning(Season(first=first, last=last))
        days_of = [on(2, 1), on(3, 15), on(4, 1)]
        assert [earned(member.buy("1.00", id=str(n), at=at)) > 0 for n, at in enumerate(days_of)] == held

    def test_a_right_that_is_new(self) -> None:
        """For thirty days from when it was given."""
        member = earning(GivenWithin("vip", within=days(30)))
        member.accept(StatusGrant(id="s", member="m-1", occurred_at=on(1, 3), key="vip", actor="ops", reason="told"))
        assert earned(member.buy("1.00", id="1", at=on(2, 2) - TICK)) == 10
        assert earned(member.buy("1.00", id="2", at=on(2, 2))) == 0

    @pytest.mark.parametrize(
        ("make", "says"),
        [
            (lambda: Season(first="2-1", last="03-01"), "is written as"),
            (lambda: Season(first="02-30", last="03-01"), "is written as"),
            (lambda: NumberIs("visits"), "one of the two"),
            (lambda: NumberIs("visits", every=0), "whole number from 1"),
            (lambda: YearlyWindow(days_before=-1), "whole number from 0"),
            (lambda: YearlyWindow(whole_month=True, days_before=1), "begins with the month"),
            (
                lambda: Yearly(name="y", key="k", gives=[GiveConverted(per=NIGHTS.of(1), credit=USD.of(1))]),
                "converts nothing",
            ),
        ],
    )
    def test_a_plain_sentence(self, make: Any, says: str) -> None:
        """Each says what is wrong."""
        with pytest.raises(InvalidValueError, match=says):
            make()
