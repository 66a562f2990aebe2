"""Totals: what a whole period's spend earns, rounded once, less what it was credited so far."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from unit_shop import POINTS, TICK, USD, Member, bookings, on, program_of

from patronage import InvalidValueError, Life, PointsPolicy, Refund, RefundLine, RejectionCode, Rounding, StatusGrant
from patronage.bands import Band
from patronage.conditions import Category, HasGrant
from patronage.events import Line
from patronage.periods import LIFETIME, MONTH, QUARTER, YEAR
from patronage.terms_of_time import Anniversary, Rolling, Until, days, months, years
from patronage.totals import Pays, Total, TotalRate


def two_percent(**fields: Any) -> TotalRate:
    """Two cents for a dollar."""
    return TotalRate(**{"per": USD.of("1.00"), "credit": USD.of("0.02"), **fields})


def monthly(*rates: TotalRate, **fields: Any) -> Total:
    """A total of each month, in dollars."""
    return Total(**{"name": "back", "period": MONTH, "rates": rates or (two_percent(),), "credits": "USD", **fields})


def member_of(total: Total, **fields: Any) -> Member:
    """A member of a program with that total alone, under the policy `own`."""
    return Member(program_of(PointsPolicy(name="own", totals=(total,)), **fields))


class TestAtOnce:
    """What the total now earns, less what it has credited."""

    def test_it_is_rounded_once_over_purchases(self) -> None:
        """Two purchases of 0.49 earn 1.96 cents together: nothing, then one cent."""
        member = member_of(monthly())
        assert member.buy("0.49").earned(USD).total == USD.steps(0)
        assert member.buy("0.49", id="o-2").earned(USD).total == USD.steps(1)

    def test_a_refund_follows_the_tally(self) -> None:
        """Whatever came first, what is kept of the month earns its two percent."""
        member = member_of(monthly())
        member.buy("0.49")
        member.buy("0.49", id="o-2")
        member.refund("o-1")
        assert member.has(USD) == 0
        member.buy("0.60", id="o-3")
        assert member.has(USD) == 2

    def test_another_period_begins_anew(self) -> None:
        """What January left over is lost."""
        member = member_of(monthly())
        member.buy("0.49", at=on(1, 31))
        assert member.buy("0.49", id="o-2", at=on(2, 1)).earned(USD).total == USD.steps(0)

    def test_a_refund_in_the_next_period_looks_at_the_purchase_s(self) -> None:
        """January's two percent of 100 fall to those of 60 when 40 come back in February."""
        member = member_of(monthly())
        member.buy("60.00", "40.00", at=on(1, 31))
        member.buy("100.00", id="o-2", at=on(2, 2))
        member.refund("o-1", at=on(2, 3), lines=[_line("2")])
        assert member.has(USD) == 120 + 200

    def test_bands_are_of_the_period(self) -> None:
        """Five percent up to 100 dollars of the month, one percent beyond, also across purchases."""
        rate = two_percent(credit=USD.of("0.05"), bands=[Band(over=USD.of(100), credit=USD.of("0.01"))])
        member = member_of(monthly(rate))
        assert member.buy("80.00").earned(USD).total == USD.of("4.00")
        assert member.buy("40.00", id="o-2").earned(USD).total == USD.of("1.20")
        member.refund("o-1")
        assert member.has(USD) == 200

    def test_a_whole_band_lifts_all(self) -> None:
        """From 100 dollars on the whole month earns three percent."""
        rate = two_percent(bands=[Band(over=USD.of(100), credit=USD.of("0.03"))], marginal=False)
        member = member_of(monthly(rate))
        assert member.buy("50.00").earned(USD).total == USD.of("1.00")
        assert member.buy("50.00", id="o-2").earned(USD).total == USD.of("2.00")

    def test_only_whole_blocks_count(self) -> None:
        """A dollar for every whole 100 of the month."""
        member = member_of(monthly(two_percent(per=USD.of(100), credit=USD.of(1), whole=True)))
        assert member.buy("99.00").earned(USD).total == USD.of(0)
        assert member.buy("1.00", id="o-2").earned(USD).total == USD.of(1)

    def test_rates_of_their_own_are_rounded_together(self) -> None:
        """Half a cent on food and half a cent on all are one cent."""
        food = two_percent(name="food", credit=USD.of("0.01"), lines=Category(["food"]))
        member = member_of(monthly(two_percent(name="all", credit=USD.of("0.01")), food))
        assert member.buy(Line(total=USD.of("0.50"), category="food")).earned(USD).total == USD.steps(1)

    def test_a_limit_holds_for_the_period(self) -> None:
        """At most three dollars a month, and what a refund takes from above it takes nothing."""
        member = member_of(monthly(limit=USD.of(3)))
        member.buy("100.00")
        assert member.buy("100.00", id="o-2").earned(USD).total == USD.of(1)
        assert member.refund("o-1", total=USD.of(50)).earned(USD).total == USD.of(0)
        assert member.refund("o-1", id="r-2").earned(USD).total == USD.of("-1.00")

    def test_a_condition_that_becomes_true_late_pays_what_was_missing(self) -> None:
        """An activation in March counts back to the quarter's start; a refund takes it back whatever holds then."""
        member = member_of(monthly(period=QUARTER, pays_when=HasGrant("activated")))
        assert member.buy("100.00", at=on(1, 5)).earned(USD).total == USD.of(0)
        decision = member.accept(_grant("activated", on(3, 10), on(3, 20)))
        assert decision.earned(USD).total == USD.of(2)
        member.refund("o-1", at=on(3, 25), total=USD.of(50))
        assert member.has(USD) == 100

    def test_refunds_in_parts_are_the_refund_in_whole(self) -> None:
        """Nothing is left of a month whose purchases all came back."""
        member = member_of(monthly(rounding=Rounding.HALF_UP))
        member.buy("33.33", "33.33", "0.34")
        member.refund("o-1", id="r-1", lines=[_line("1")])
        member.refund("o-1", id="r-2", lines=[_line("3")])
        member.refund("o-1", id="r-3")
        assert member.has(USD) == 0
        assert not member.standing().debt(USD)


class TestAtClose:
    """A total that pays when its period closes."""

    def test_time_alone_pays_it(self) -> None:
        """At the first instant of February, with the life that counts from there."""
        life = Life(expires_after=months(1, until=Until.END_OF_MONTH))
        member = member_of(monthly(pays=Pays.AT_CLOSE, life=life))
        member.buy("75.00", at=on(1, 10))
        february = member.program.calendar.start_of_day(on(2, 1).date())
        assert member.has(USD, at=february - TICK) == 0
        standing = member.standing(february)
        assert standing.available(USD) == USD.of("1.50")
        (lot,) = standing.lots(USD)
        assert lot.validity.expires_at == member.program.calendar.start_of_day(on(4, 1).date())

    def test_lazy_and_eager_agree(self) -> None:
        """Advanced every day, or by the next purchase: the same state, the same entries."""
        lazy, eager = (member_of(monthly(pays=Pays.AT_CLOSE)) for _ in range(2))
        for member in (lazy, eager):
            member.buy("75.00", at=on(1, 10))
        for day in range(11, 32):
            eager.pass_to(on(1, day))
        eager.pass_to(on(2, 2))
        for member in (lazy, eager):
            member.buy("10.00", id="o-2", at=on(2, 3))
        assert [e for c in lazy.commits for e in c.entries] == [e for c in eager.commits for e in c.entries]
        assert lazy.state.lots == eager.state.lots

    def test_a_refund_after_the_close_takes_its_share(self) -> None:
        """Of the 1.50 that January paid, the third that came back is taken again, in March."""
        member = member_of(monthly(pays=Pays.AT_CLOSE))
        member.buy("50.00", "25.00", at=on(1, 10))
        member.pass_to(on(2, 2))
        member.refund("o-1", at=on(3, 1), lines=[_line("2")])
        assert member.has(USD) == 100

    def test_a_refund_before_the_close_is_netted(self) -> None:
        """Nothing is paid, and nothing taken, before the close."""
        member = member_of(monthly(pays=Pays.AT_CLOSE))
        member.buy("50.00", "25.00", at=on(1, 10))
        assert not member.refund("o-1", at=on(1, 12), lines=[_line("2")]).earned(USD).total
        assert member.has(USD, at=on(2, 2)) == 100

    def test_what_a_period_counted_ends_after_the_time_for_refunds(self) -> None:
        """The tallies of January live until the close and the time in which refunds count."""
        member = member_of(monthly(pays=Pays.AT_CLOSE), refund_for=days(30))
        member.buy("50.00", at=on(1, 10))
        member.pass_to(on(3, 10))
        assert set(member.state.lots) == {"USD"}


class TestAfterTheCountHasEnded:
    """A refund after the time for refunds takes the proportional share of what the period credited."""

    @staticmethod
    def paid(**fields: Any) -> Member:
        """1.50 for January's 75.00, its count ended long ago."""
        member = member_of(monthly(pays=Pays.AT_CLOSE, **fields), refund_for=days(30))
        member.buy("20.00", "30.00", at=on(1, 10))
        member.buy("25.00", id="o-2", at=on(1, 11))
        member.pass_to(on(5, 1))
        assert set(member.state.lots) == {"USD"}
        return member

    def test_it_takes_its_share_of_what_the_close_paid(self) -> None:
        """A third of the purchases, a third of the 1.50."""
        member = self.paid()
        assert member.refund("o-2", at=on(6, 1)).earned(USD).total == USD.of("-0.50")

    def test_also_where_the_refund_itself_lets_the_month_close(self) -> None:
        """Nobody came by for months: what the close pays on the way is shared like what it paid before."""
        member = member_of(monthly(pays=Pays.AT_CLOSE), refund_for=days(30))
        member.buy("50.00", at=on(1, 10))
        member.buy("25.00", id="o-2", at=on(1, 11))
        member.refund("o-2", at=on(6, 1))
        assert member.has(USD) == 100

    def test_parts_add_up_to_the_whole(self) -> None:
        """Each part is rounded on what came back so far; nothing is left of January."""
        member = self.paid(rounding=Rounding.HALF_UP)
        for n, total in enumerate(["0.33", "16.66", "0.34"]):
            member.refund("o-1", id=f"r-{n}", at=on(6, 1 + n), total=USD.of(total))
        member.refund("o-1", id="r-9", at=on(6, 9))
        member.refund("o-2", id="r-10", at=on(6, 10))
        assert (member.has(USD), member.standing().debt(USD).steps) == (0, 0)

    def test_what_a_limit_held_down_is_shared_as_it_was_paid(self) -> None:
        """Of a month limited to 0.75 a third is 0.25."""
        member = self.paid(limit=USD.of("0.75"))
        assert member.refund("o-2", at=on(6, 1)).earned(USD).total == USD.of("-0.25")

    def test_involves_names_the_history_of_the_close(self) -> None:
        """The refund needs the purchase, and then the commits about January's total; not while January counts."""
        member = self.paid()
        late, early = (Refund(id="r", member="m-1", occurred_at=at, purchase="o-1") for at in (on(6, 1), on(2, 1)))
        assert member.program.involves(late).roots == ("o-1",)
        assert member.program.involves(late, (), member.commits).roots == ("o-1", "~p/own/back/2026-01")
        assert member.program.involves(early, (), member.commits).roots == ("o-1",)

    def test_the_named_history_is_enough(self) -> None:
        """Decided on the commits that `involves` names alone, it comes to the same."""
        member = self.paid()
        event = Refund(id="r", member="m-1", occurred_at=on(6, 1), purchase="o-2")
        names = {event.id, *member.program.involves(event, (), member.commits).roots}
        found = [commit for commit in member.commits if names & {*commit.names}]
        assert len(found) < len(member.commits)
        told = member.program.decide(member.state, event, history=found)
        assert told == member.program.decide(member.state, event, history=member.commits)


class TestActivated:
    """*activated_by* names a grant whose value is the key of the period that it activates."""

    def test_it_pays_for_all_of_that_period_and_no_other(self) -> None:
        """The grant of the first quarter pays its purchases; a refund of those of the second pays nothing."""
        member = member_of(monthly(period=QUARTER, activated_by="activated"))
        member.buy("100.00", at=on(1, 5))
        assert member.has(USD) == 0
        activation = attrs.evolve(_grant("activated", on(3, 10), None), value="2026-Q1")
        assert member.accept(activation).earned(USD).total == USD.of(2)
        member.buy("50.00", "50.00", id="o-2", at=on(4, 5))
        member.refund("o-2", at=on(4, 6), lines=[_line("2")])
        assert member.has(USD) == 200


class TestDeclared:
    """A total whose rate is declared."""

    @staticmethod
    def patronage() -> Total:
        """Patronage of each year, its rate declared."""
        rate = TotalRate(per=USD.of("1.00"))
        return Total(
            name="year", period=YEAR, rates=(rate,), credits="USD", pays=Pays.DECLARED, rounding=Rounding.HALF_UP
        )

    def test_the_declaration_pays(self) -> None:
        """Ten percent of the year's 123.45."""
        member = member_of(self.patronage())
        member.buy("123.45", at=on(5, 1))
        member.pass_to(on(2, 1, year=2027))
        decision = member.declare("year", "0.10", of=on(12, 31))
        assert decision.earned(USD).total == USD.of("12.35")

    def test_it_is_declared_once(self) -> None:
        """A second rate for the same year is refused, another year's is not."""
        member = member_of(self.patronage())
        member.buy("100.00", at=on(5, 1))
        assert member.declare("year").accepted
        again = member.declare("year", "0.20")
        assert not again.accepted
        assert again.require is not None and getattr(again, "code", None) is RejectionCode.ALREADY_ENDED
        assert member.has(USD) == 1000

    def test_each_year_has_its_own_rate(self) -> None:
        """The rate of the year before is kept, and does not pay for this one."""
        member = member_of(self.patronage())
        member.buy("100.00", at=on(5, 1))
        member.declare("year", "0.10", of=on(12, 31))
        assert member.buy("100.00", id="o-2", at=on(5, 1, year=2027)).earned(USD).total == USD.of(0)
        assert member.declare("year", "0.20", of=on(5, 1, year=2027)).earned(USD).total == USD.of(20)
        assert member.buy("100.00", id="o-3").earned(USD).total == USD.of(20)

    def test_a_late_return_takes_back_at_the_declared_rate(self) -> None:
        """Also in the next year, from what was paid."""
        member = member_of(self.patronage())
        member.buy("100.00", "50.00", at=on(12, 30))
        member.now = on(2, 1, year=2027)
        member.declare("year", "0.10", of=on(12, 31))
        member.refund("o-1", at=on(3, 1, year=2027), lines=[_line("2")])
        assert member.has(USD) == 1000

    def test_what_is_bought_after_the_declaration_counts_at_it(self) -> None:
        """A year whose rate is known pays at once."""
        member = member_of(self.patronage())
        member.declare("year", "0.10")
        assert member.buy("20.00").earned(USD).total == USD.of("2.00")

    @pytest.mark.parametrize(
        ("total", "part", "left"), [("0.30", "0.10", 0), ("10.00", "0.01", 10), ("10.00", "5.00", 5)]
    )
    def test_a_return_after_the_count_has_ended_takes_its_share(self, total: str, part: str, left: int) -> None:
        """Where the month had paid nothing there is nothing, a cent is too little, and half is half."""
        rate = TotalRate(per=USD.of("1.00"), credit=USD.of("0.01"))
        member = member_of(Total(name="month", period=MONTH, rates=(rate,), credits="USD", rounding=Rounding.HALF_UP))
        member.buy(total, at=on(3, 1))
        member.refund("o-1", at=on(9, 1, year=2027), total=USD.of(part))
        assert member.has(USD) == left

    def test_an_unknown_rule_is_refused(self) -> None:
        """The refusal names it."""
        decision = member_of(self.patronage()).declare("month")
        assert getattr(decision, "code", None) is RejectionCode.UNKNOWN_RULE


class TestPeriods:
    """By membership year, for life, and what cannot be."""

    def test_a_membership_year_counts_from_its_grant(self) -> None:
        """The 15th of each month begins a period of a membership of the 15th."""
        total = monthly(period=Anniversary(term=months(1)), anchored_on="member", limit=USD.of(1))
        member = member_of(total)
        member.accept(_grant("member", on(1, 15), None))
        member.buy("100.00", at=on(2, 14))
        assert member.has(USD) == 100
        member.buy("100.00", id="o-2", at=on(2, 16))
        assert member.has(USD) == 200

    def test_without_the_grant_nothing_counts(self) -> None:
        """Who has no membership has no membership year."""
        member = member_of(monthly(period=Anniversary(term=years(1)), anchored_on="member"))
        assert not member.buy("100.00").earned(USD).total

    @pytest.mark.parametrize(
        "fields",
        [
            {"period": Rolling(term=days(30))},
            {"period": Anniversary(term=years(1))},
            {"anchored_on": "member"},
            {"pays": Pays.DECLARED},
            {"limit": POINTS.of(1)},
            {"credits": "points"},
            {"rates": ()},
            {"rates": (two_percent(), two_percent())},
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, fields: dict[str, Any]) -> None:
        """A rolling period has no close, an anniversary no start; units must fit."""
        with pytest.raises(InvalidValueError):
            monthly(**fields)

    def test_a_lifetime_never_closes(self) -> None:
        """The tally of a total for life has no end."""
        member = member_of(monthly(period=LIFETIME))
        member.buy("100.00")
        assert all(lot.validity.expires_at is None for held in member.state.lots.values() for lot in held)

    def test_the_entry_says_what_it_comes_from(self) -> None:
        """The whole base, the exact figure, the rate and the rounding."""
        decision = member_of(monthly()).buy("10.00")
        book = bookings(decision, USD)["back"]
        assert (book.base, book.exact, book.rate, book.steps) == ((1000, 1), (2000, 100), "0.02 USD per 1.00 USD", 20)


def _line(id: str) -> Any:

    return RefundLine(id=id)


def _grant(key: str, at: Any, until: Any) -> StatusGrant:
    return StatusGrant(id=f"g-{key}", member="m-1", occurred_at=at, key=key, until=until, actor="ops", reason="test")


@pytest.mark.parametrize(
    "fields",
    [
        {"credit": USD.of("-0.01")},
        {"credit": None, "bands": [Band(over=USD.of(1), credit=USD.of(1))]},
        {"bands": [Band(over=POINTS.of(1), credit=USD.of(1))]},
        {"bands": [Band(over=USD.of(1), credit=POINTS.of(1))]},
        {"whole": True, "bands": [Band(over=USD.of(1), credit=USD.of(1))]},
    ],
)
def test_a_rate_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """Below nothing, bands without a rate, in other units, or of whole steps."""
    with pytest.raises(InvalidValueError):
        two_percent(**fields)


@pytest.mark.parametrize("totals", [("month",), (monthly(), monthly())])
def test_totals_are_totals_each_with_a_name(totals: Any) -> None:
    """Two of one name would keep one tally."""
    with pytest.raises(InvalidValueError):
        PointsPolicy(name="own", totals=totals)
