"""Cash back: rates by category, brand and tender, caps, bands, rotation, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from unit_shop import EUR, POINTS, TICK, USD, Member, earned, on, only, program_of, transfers

from patronage import (
    Base,
    BenefitKind,
    CashbackPolicy,
    Decision,
    Effect,
    Grain,
    InvalidValueError,
    Life,
    Line,
    Occasion,
    PayWithPoints,
    Purchase,
    RefundLine,
    RejectionCode,
    Rounding,
    StatusGrant,
    Tender,
    Unit,
)
from patronage.conditions import Brand, Category, HasGrant
from patronage.periods import LIFETIME, MONTH, QUARTER, YEAR
from patronage.policies.cashback import CashbackRate, PaidAs, Payout, RateBand, Rotation, Turn
from patronage.rules import Ceiling
from patronage.terms_of_time import Anniversary, days, months, years
from patronage.totals import Pays

ACCRUED = Unit("accrued", decimals=4)
UNITS = (USD, POINTS, ACCRUED)
FOOD, TOYS = Category(["food"]), Category(["toys"])


def rate(name: str = "all", of: str = "0.01", **fields: Any) -> CashbackRate:
    """A share of the spend."""
    return CashbackRate(name=name, rate=of, **fields)


def card(*rates: CashbackRate, **fields: Any) -> CashbackPolicy:
    """Cash back in dollars, one percent unless told."""
    return CashbackPolicy(
        **{"name": "card", "currency": "USD", "credits": "USD", "rates": rates or (rate(),), **fields}
    )


def member_of(*rates: CashbackRate, rewards: Any = (), **fields: Any) -> Member:
    """A member of a program with that policy alone."""
    return Member(program_of(card(*rates, **fields), units=UNITS, rewards=rewards))


def item(total: str, category: str = "food", **fields: Any) -> Line:
    """A line of a category."""
    return Line(total=USD.of(total), category=category, **fields)


def cents(decision: Decision) -> int:
    """What an event earned, in cents."""
    return earned(decision, USD)


class TestRates:
    """The first rate that applies to a line is its rate; one that adds comes on top."""

    def test_each_line_has_the_first_rate_that_applies(self) -> None:
        """Food six percent, a brand three, all else one; food of the brand is food."""
        member = member_of(rate("food", "0.06", lines=FOOD), rate("brand", "0.03", lines=Brand(["acme"])), rate())
        lines = (
            item("100.00"),
            item("100.00", brand="acme"),
            item("100.00", "toys", brand="acme"),
            item("100.00", "x"),
        )
        assert cents(member.buy(*lines)) == 600 + 600 + 300 + 100

    def test_one_that_adds_comes_on_top(self) -> None:
        """Wherever it stands."""
        member = member_of(rate("more", "0.04", lines=FOOD, adds=True), rate("fixed", "0.03", lines=FOOD), rate())
        assert cents(member.buy(item("100.00"), item("100.00", "x"))) == 700 + 100

    def test_a_rate_of_nothing_only_takes_its_lines(self) -> None:
        """What is excluded is a rate of 0 before the others."""
        member = member_of(rate("none", "0", lines=FOOD), rate())
        assert cents(member.buy(item("100.00"), item("100.00", "x"))) == 100

    def test_a_rate_with_a_condition_takes_only_where_it_holds(self) -> None:
        """Members earn five percent; others what comes after."""
        member = member_of(rate("paid", "0.05", when=HasGrant("member")), rate())
        assert cents(member.buy("100.00")) == 100
        grant = StatusGrant(id="g", member="m-1", occurred_at=member.when(None), key="member", actor="x", reason="x")
        member.accept(grant)
        assert cents(member.buy("100.00", id="o-2")) == 500

    def test_a_rate_by_tender_has_what_it_paid_and_the_next_the_rest(self) -> None:
        """Of 100.00, 40.00 on the store card at five percent, 60.00 at one."""
        member = member_of(rate("own-card", "0.05", tenders=["store_card"]), rate())
        assert cents(member.buy("100.00", tenders=split("40.00", "60.00"))) == 200 + 60
        assert cents(member.buy("100.00", id="o-2")) == 100

    def test_a_rate_by_tender_on_some_lines(self) -> None:
        """Five percent on food paid with the store card; the rest of the food and all else one."""
        member = member_of(rate("own-card", "0.05", lines=FOOD, tenders=["store_card"]), rate())
        lines = (item("100.00"), item("100.00", "x"))
        assert cents(member.buy(*lines, tenders=split("100.00", "100.00"))) == 250 + 50 + 100

    def test_two_tenders_do_not_take_from_each_other(self) -> None:
        """Each kind of tender has its own money."""
        member = member_of(rate("a", "0.05", tenders=["store_card"]), rate("b", "0.02", tenders=["bank_card"]))
        assert cents(member.buy("100.00", tenders=split("40.00", "60.00"))) == 200 + 120

    def test_a_rate_by_tender_leaves_what_an_earlier_one_took_of_the_same(self) -> None:
        """Food on the store card is the first rate's, so the second has the toys on it alone, and nothing of others."""
        first = rate("food", "0.05", lines=FOOD, tenders=["store_card"])
        member = member_of(first, rate("card", "0.01", tenders=["store_card"]))
        lines = (item("100.00"), item("50.00", "toys"))
        assert cents(member.buy(*lines, tenders=split("150.00", "0.00")[:1])) == 500 + 50
        other = (Tender(kind="bank_card", total=USD.of("150.00")),)
        assert cents(member.buy(*lines, id="o-2", tenders=other)) == 0

    def test_a_cashback_policy_may_stand_alone(self) -> None:
        """Asked by itself it answers like any other: it can be part of a caller's own."""

        class Twice:
            name = "twice"

            def effects(self, occasion: Occasion) -> Iterable[Effect]:
                """What the card gives, two times."""
                return (*card().effects(occasion), *card().effects(occasion))

        assert cents(Member(program_of(Twice(), units=UNITS)).buy("100.00")) == 200

    def test_any_exact_share_can_be_said(self) -> None:
        """A third of a percent, and half of one in a unit with two more decimals."""
        assert cents(member_of(rate(of="1/300"), rounding=Rounding.FLOOR).buy("90.00")) == 30
        member = member_of(rate(of="0.00005"), credits="accrued")
        assert earned(member.buy("10.00"), ACCRUED) == 5

    @pytest.mark.parametrize(
        ("rounding", "grain", "expected"),
        [
            (Rounding.HALF_UP, Grain.EVENT, 3),
            (Rounding.HALF_UP, Grain.LINE, 4),
            (Rounding.HALF_EVEN, Grain.LINE, 4),
            (Rounding.FLOOR, Grain.EVENT, 3),
            (Rounding.FLOOR, Grain.LINE, 2),
        ],
    )
    def test_it_is_rounded_once_where_it_says(self, rounding: Rounding, grain: Grain, expected: int) -> None:
        """Six percent of 0.25, twice: 1.5 cents each, three cents together."""
        assert cents(member_of(rate(of="0.06"), rounding=rounding, grain=grain).buy("0.25", "0.25")) == expected


class TestCaps:
    """Caps of spend and of credit, with what is beyond them."""

    def test_a_purchase_that_crosses_is_split_to_the_cent(self) -> None:
        """Six percent of the first 100.00 of the year, one beyond: 60.01 and 49.99."""
        member = member_of(rate("food", "0.06", lines=FOOD, most=USD.of(100), per=YEAR, beyond="0.01"), rate())
        assert cents(member.buy(item("60.01"))) == 360
        assert cents(member.buy(item("49.99"), id="o-2")) == 250  # 39.99 at 6% and 10.00 at 1%: 2.4994.
        assert cents(member.buy(item("100.00"), id="o-3")) == 100
        member.refund("o-1")
        assert cents(member.buy(item("10.00"), id="o-4")) == 60

    def test_room_that_is_used_for_good(self) -> None:
        """With room_back False a refund leaves the cap as used as it was."""
        capped = rate("food", "0.06", most=USD.of(100), per=YEAR, beyond="0.01", room_back=False)
        member = member_of(capped)
        member.buy("100.00")
        member.refund("o-1")
        assert cents(member.buy("100.00", id="o-2")) == 100

    def test_a_cap_of_credit(self) -> None:
        """At most five dollars a month, and none from a purchase beyond it."""
        member = member_of(rate(of="0.05", credit_max=USD.of(5), per=MONTH))
        assert [cents(member.buy("80.00", id=f"o-{n}")) for n in range(3)] == [400, 100, 0]

    def test_a_cap_in_each_purchase(self) -> None:
        """Without a period the most is of one purchase."""
        member = member_of(rate(of="0.05", most=USD.of(10)))
        assert [cents(member.buy("80.00", id=f"o-{n}")) for n in range(2)] == [50, 50]

    def test_a_ceiling_for_all_rates(self) -> None:
        """The sum of the rates stays below the month's ceiling."""
        member = member_of(
            rate("food", "0.05", lines=FOOD), rate(), ceilings=[Ceiling(name="m", limit=USD.of(3), per=MONTH)]
        )
        assert cents(member.buy(item("50.00"), item("100.00", "x"))) == 300

    def test_bands_of_a_purchase(self) -> None:
        """One percent, and three on what is over 100.00; or on the whole."""
        bands = [RateBand(over=USD.of(100), rate="0.03")]
        assert cents(member_of(rate(bands=bands)).buy("150.00")) == 250
        assert cents(member_of(rate(bands=bands, marginal=False)).buy("150.00")) == 450


class TestOfAPeriod:
    """With a period the rates are of its whole spend, rounded once."""

    def test_it_is_rounded_once_for_the_month(self) -> None:
        """Three purchases of 0.25 at six percent are 4.5 cents: four, half even."""
        member = member_of(rate(of="0.06"), period=MONTH, rounding=Rounding.HALF_EVEN, pays=Pays.AT_CLOSE)
        for n in range(3):
            member.buy("0.25", id=f"o-{n}", at=on(1, 5 + n))
        assert member.has(USD) == 0
        assert member.has(USD, at=on(2, 1)) == 4

    def test_bands_and_a_most_of_the_period(self) -> None:
        """Banded cash back over the year, and a cap with a rate beyond it."""
        banded = rate(
            of="0.0025", bands=[RateBand(over=USD.of(1000), rate="0.005"), RateBand(over=USD.of(2000), rate="0.01")]
        )
        member = member_of(banded, period=YEAR)
        assert [cents(member.buy("1500.00", id=f"o-{n}")) for n in range(2)] == [250 + 250, 250 + 1000]
        capped = member_of(rate(of="0.05", most=USD.of(100), beyond="0.01"), period=QUARTER)
        assert [cents(capped.buy("80.00", id=f"o-{n}")) for n in range(2)] == [400, 100 + 60]

    def test_rates_by_category_share_the_one_rounding(self) -> None:
        """Half a cent on food and half a cent on the rest are one cent."""
        member = member_of(rate("food", "0.05", lines=FOOD), rate(), period=MONTH)
        assert cents(member.buy(item("0.10"), item("0.50", "x"))) == 1

    def test_what_a_period_does_not_count_adds_nothing(self) -> None:
        """Spend in another currency, without the right, and of other categories: no entry, and no close is awaited."""
        food = rate("food", "0.05", lines=FOOD, when=HasGrant("member"))
        member = member_of(food, rate("toys", "0.02", lines=TOYS), period=MONTH)
        assert member.buy(item("100.00")).entries == ()
        abroad = Line(total=EUR.of("100.00"), category="toys")
        bought = Purchase(id="o-2", member="m-1", occurred_at=member.when(None), lines=(abroad,))
        assert member.accept(bought).entries == ()
        assert member.state.wake_ups == ()
        counted = {m.label for m in transfers(member.buy(item("100.00", "toys"), id="o-3")) if m.label}
        assert {label.rpartition("/")[2] for label in counted} == {"toys", "~credited"}
        assert member.has(USD) == 200

    def test_a_yearly_cap_by_membership_year(self) -> None:
        """At most two dollars from each anniversary to the next."""
        fields = {"period": Anniversary(term=years(1)), "anchored_on": "member", "limit": USD.of(2)}
        member = member_of(rate(of="0.05"), **fields)
        grant = StatusGrant(id="g", member="m-1", occurred_at=on(3, 15), key="member", actor="x", reason="x")
        member.accept(grant)
        assert cents(member.buy("100.00", at=on(12, 31))) == 200
        assert cents(member.buy("100.00", id="o-2", at=on(3, 14, year=2027))) == 0
        assert cents(member.buy("100.00", id="o-3", at=on(3, 16, year=2027))) == 200

    def test_a_refund_takes_what_the_lower_total_does_not_earn(self) -> None:
        """Under a full cap a partial refund takes nothing."""
        member = member_of(rate(of="0.05"), period=MONTH, limit=USD.of(2))
        member.buy("60.00", "40.00")
        assert cents(member.refund("o-1", lines=[RefundLine(id="2")])) == 0
        assert cents(member.refund("o-1", id="r-2")) == -200


class TestRotation:
    """Categories that change each quarter, activated or not."""

    @staticmethod
    def rotating(**fields: Any) -> CashbackRate:
        """Four percent more on food in the first quarter, on toys in the second."""
        turns = [Turn(of="2026-Q1", lines=FOOD, activate_by=date(2026, 3, 14)), Turn(of="2026-Q2", lines=TOYS)]
        rotation = Rotation(turns=turns, activation="activate", **fields)
        return rate("more", "0.04", adds=True, most=USD.of(1500), rotation=rotation)

    def test_an_activation_counts_back_to_the_start_of_the_quarter(self) -> None:
        """On the last second of the last day; a second later it does nothing."""
        for second, expected in ((TICK, 500), (0 * TICK, 100)):
            member = member_of(self.rotating(counts_back=True), rate())
            member.buy(item("100.00"), at=on(1, 10))
            last = member.program.calendar.start_of_day(date(2026, 3, 15)) - second
            member.does("activate", at=last)
            assert member.has(USD) == expected

    def test_without_counting_back_it_counts_from_then_on(self) -> None:
        """What was bought before has its plain rate."""
        member = member_of(self.rotating(), rate())
        member.buy(item("100.00"), at=on(1, 10))
        member.does("activate", at=on(1, 11))
        assert member.has(USD) == 100
        assert cents(member.buy(item("2000.00"), id="o-2", at=on(1, 12))) == 6000 + 2000

    def test_the_next_quarter_is_its_own(self) -> None:
        """Its categories, its cap, its activation: also ahead of it, where the activity names it."""
        member = member_of(self.rotating(), rate())
        member.does("activate", at=on(3, 1))
        assert cents(member.buy(item("100.00"), at=on(3, 2))) == 500
        assert cents(member.buy(item("100.00"), item("100.00", "toys"), id="o-2", at=on(4, 2))) == 200
        member.does("activate", id="a-2", at=on(4, 3))
        assert cents(member.buy(item("100.00"), item("100.00", "toys"), id="o-3", at=on(4, 4))) == 600

    def test_it_can_be_activated_ahead(self) -> None:
        """For the next quarter, by its key; not for any other."""
        member = member_of(self.rotating(), rate())
        member.does("activate", at=on(3, 20), attributes={"period": "2026-Q2"})
        member.does("activate", id="a-2", at=on(3, 20), attributes={"period": "2027-Q2"})
        assert cents(member.buy(item("100.00"), at=on(3, 21))) == 100
        assert cents(member.buy(item("100.00", "toys"), id="o-2", at=on(4, 1, 18))) == 500

    def test_an_activity_of_another_kind_activates_nothing(self) -> None:
        """Of two rotating rates each has its own activity."""
        turns = [Turn(of="2026-Q1", lines=FOOD)]
        one, two = (
            rate(kind, share, adds=True, rotation=Rotation(turns=turns, activation=kind))
            for kind, share in (("first", "0.04"), ("second", "0.02"))
        )
        member = member_of(one, two)
        member.does("second")
        assert cents(member.buy(item("100.00"))) == 200
        member.does("first", id="a-2")
        assert cents(member.buy(item("100.00"), id="o-2")) == 600

    def test_a_refund_nets_the_quarter(self) -> None:
        """The freed cap is used by the other purchase: 1,600 of net spend are 1,500 at five percent and 100 at one."""
        member = member_of(self.rotating(counts_back=True), rate())
        member.does("activate", at=on(1, 2))
        member.buy(item("1000.00"), item("100.00"), at=on(1, 10))
        member.buy(item("600.00"), id="o-2", at=on(1, 20))
        assert member.has(USD) == 7700
        member.refund("o-1", at=on(2, 1), lines=[RefundLine(id="2")])
        assert member.has(USD) == 7600

    def test_without_activation_the_turn_alone_counts(self) -> None:
        """A rotation that nobody has to activate."""
        rotation = Rotation(turns=[Turn(of="2026-Q1", lines=FOOD)])
        member = member_of(rate("more", "0.05", rotation=rotation), rate())
        assert cents(member.buy(item("100.00"), at=on(1, 10))) == 500
        assert cents(member.buy(item("100.00"), id="o-2", at=on(4, 10))) == 100


class TestPayouts:
    """As credit, voucher or money; at a close, at once or on request; with minimum, steps and carry."""

    def test_a_statement_rounds_once(self) -> None:
        """What accrued exactly is paid at the month's end, half up."""
        statement = Payout(pays="USD", period=MONTH, rounding=Rounding.HALF_UP)
        member = member_of(rate(of="0.06"), credits="accrued", payouts=[statement])
        for n in range(3):
            member.buy("0.25", id=f"o-{n}", at=on(1, 5 + n))
        assert member.has(ACCRUED) == 450
        assert (member.has(USD, at=on(2, 1)), member.has(ACCRUED, at=on(2, 1))) == (5, 0)

    def test_what_is_below_the_minimum_is_carried(self) -> None:
        """4.995 wait for the next month; rounding first would have paid 5.00."""
        payout = Payout(pays="USD", period=MONTH, minimum=ACCRUED.of(5), rounding=Rounding.HALF_UP)
        member = member_of(rate(of="0.005"), credits="accrued", payouts=[payout])
        member.buy("999.00", at=on(1, 5))
        assert member.has(USD, at=on(2, 2)) == 0
        member.buy("1.00", id="o-2", at=on(2, 2))
        assert member.has(USD, at=on(3, 1)) == 500

    def test_steps_above_a_minimum(self) -> None:
        """Whole fives from 20.00 on; the rest stays."""
        payout = Payout(pays="USD", paid_as=PaidAs.MONEY, minimum=USD.of(20), step=USD.of(5))
        member = member_of(rate(of="0.10"), payouts=[payout])
        assert not member.buy("190.00").benefits
        paid = only(member.buy("85.00", id="o-2").benefits)
        assert (paid.kind, paid.reward, paid.amount) == (BenefitKind.PAYOUT, "payout", USD.of(25))
        assert member.has(USD) == 250

    def test_a_voucher_is_a_labelled_credit_that_lives(self) -> None:
        """It is told to the shop, and ends after a month."""
        payout = Payout(
            name="note", pays="USD", paid_as=PaidAs.VOUCHER, step=ACCRUED.of(5), life=Life(expires_after=months(1))
        )
        member = member_of(rate(of="0.05"), credits="accrued", payouts=[payout])
        told = only(member.buy("230.00").benefits)
        assert (told.kind, told.reward, told.amount) == (BenefitKind.VOUCHER, "note", USD.of(10))
        assert member.has(USD, label="note") == 1000
        assert member.has(ACCRUED) == 15000
        assert member.has(USD, at=on(2, 2)) == 0

    def test_points_are_paid_at_their_value(self) -> None:
        """2,000 points become a note of 20.00."""
        payout = Payout(pays="USD", step=POINTS.of(2000), per=POINTS.of(100), value=USD.of(1))
        member = member_of(rate(of="10"), credits="points", payouts=[payout])
        member.buy("410.00")
        assert (member.has(POINTS), member.has(USD)) == (100, 4000)

    def test_a_total_of_the_same_period_is_paid_out_with_it(self) -> None:
        """The month is credited and paid at one close, not a month later."""
        payout = Payout(pays="USD", paid_as=PaidAs.MONEY, period=MONTH)
        member = member_of(rate(), period=MONTH, pays=Pays.AT_CLOSE, payouts=[payout])
        member.buy("100.00", at=on(1, 5))
        assert only(member.pass_to(on(2, 2)).benefits).amount == USD.of(1)
        assert member.has(USD) == 0

    def test_a_refund_after_the_payout_is_owed_by_what_accrues_next(self) -> None:
        """Ten dollars too many are taken from the next ones."""
        member = member_of(rate(of="0.10"), payouts=[Payout(pays="USD", paid_as=PaidAs.MONEY, step=USD.of(5))])
        member.buy("100.00")
        member.refund("o-1")
        assert member.standing().debt(USD) == USD.of(10)
        assert not member.buy("100.00", id="o-2").benefits
        assert (member.has(USD), member.standing().debt(USD)) == (0, USD.of(0))

    def test_money_is_asked_for(self) -> None:
        """On request: all, or an amount; at least a minimum, in steps, above which nothing is left out."""
        out = PayWithPoints(
            name="out",
            kind=BenefitKind.PAYOUT,
            points=USD.steps(1),
            value=USD.steps(1),
            minimum=USD.of(5),
            step=USD.of("0.50"),
        )
        member = member_of(rate(of="0.10"), rewards=[out])
        member.buy("47.00")
        assert getattr(member.redeem("out"), "code", None) is RejectionCode.BALANCE_TOO_LOW
        member.buy("50.00", id="o-2")
        wrong = [
            (USD.of(4), RejectionCode.AMOUNT_BELOW_MINIMUM),
            (USD.of("5.10"), RejectionCode.AMOUNT_NOT_A_STEP),
            (USD.of(50), RejectionCode.BALANCE_TOO_LOW),
            (POINTS.of(1), RejectionCode.WRONG_UNIT),
        ]
        for n, (amount, code) in enumerate(wrong):
            assert getattr(member.redeem("out", id=f"no-{n}", amount=amount), "code", None) is code
        paid = only(member.redeem("out", id="d-2").require().benefits)
        assert (paid.kind, paid.amount, member.has(USD)) == (BenefitKind.PAYOUT, USD.of("9.50"), 20)
        member.cancel("d-2")
        assert member.has(USD) == 970


class TestWhatCannotBe:
    """Each with a sentence that says why."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"rates": ()},
            {"rates": (rate(), rate())},
            {"credits": "EUR"},
            {"currency": "EUR"},
            {"limit": USD.of(1)},
            {"pays": Pays.AT_CLOSE},
            {"pays": Pays.DECLARED, "period": MONTH},
            {"period": MONTH, "ceilings": [Ceiling(name="c", limit=USD.of(1))]},
            {"period": MONTH, "rates": (rate(most=USD.of(1), per=YEAR),)},
            {"period": MONTH, "rates": (rate(credit_max=USD.of(1)),)},
            {"period": Anniversary(term=years(1))},
            {"rates": (rate(most=POINTS.of(1)),)},
            {"rates": (rate(of="0", bands=[RateBand(over=USD.of(10), rate="0.05")]),)},
            {"payouts": [Payout(pays="USD")]},
            {"payouts": [Payout(pays="EUR")]},
            {"payouts": [Payout(pays="points", minimum=POINTS.of(1))]},
            {"payouts": [Payout(pays="points", per=POINTS.of(1), value=POINTS.of(1))]},
            {"payouts": [Payout(pays="points"), Payout(pays="points")]},
        ],
    )
    def test_a_policy(self, fields: dict[str, Any]) -> None:
        """Units that do not fit, caps that cannot be kept, names that are said twice."""
        with pytest.raises(InvalidValueError):
            program_of(card(**fields), units=UNITS)

    @pytest.mark.parametrize(
        "fields",
        [
            {"of": "-0.01"},
            {"beyond": "0.01"},
            {"per": MONTH},
            {"most": USD.of(0)},
            {"bands": [RateBand(over=USD.of(1), rate=0)], "most": USD.of(1)},
            {"bands": [RateBand(over=USD.of(2), rate=0), RateBand(over=USD.of(1), rate=0)]},
            {"bands": ["0.05"]},
            {"tenders": ["card"], "base": Base(only_tenders=["card"])},
            {"tenders": ["card"], "base": Base(less_tenders=["cash"])},
        ],
    )
    def test_a_rate(self, fields: dict[str, Any]) -> None:
        """Below zero, a cap of zero, a rate beyond nothing."""
        with pytest.raises(InvalidValueError):
            rate(**fields)

    def test_a_rotation(self) -> None:
        """No turns, two of one period, a period that does not rotate, a deadline without an activation."""
        turn = Turn(of="2026-Q1", lines=FOOD)
        late = Turn(of="2026-Q1", lines=FOOD, activate_by=date(2026, 1, 31))
        wrong: list[dict[str, Any]] = [
            {"turns": ()},
            {"turns": (turn, turn)},
            {"turns": (turn,), "period": LIFETIME},
            {"turns": (late,)},
            {"turns": (turn,), "counts_back": True},
        ]
        for fields in wrong:
            with pytest.raises(InvalidValueError):
                Rotation(**fields)
        back = Rotation(turns=(turn,), activation="a", counts_back=True)
        unfit: list[dict[str, Any]] = [
            {},
            {"adds": True, "credit_max": USD.of(1)},
            {"adds": True, "most": USD.of(1), "per": YEAR},
        ]
        for fields in unfit:
            with pytest.raises(InvalidValueError):
                rate(rotation=back, **fields)

    def test_a_payout(self) -> None:
        """A value without an amount, a value in another unit, money with a life."""
        wrong: list[dict[str, Any]] = [
            {"per": USD.of(1)},
            {"per": USD.of(1), "value": POINTS.of(1)},
            {"paid_as": PaidAs.MONEY, "life": Life(expires_after=days(1))},
        ]
        for fields in wrong:
            with pytest.raises(InvalidValueError):
                Payout(pays="USD", **fields)

    def test_conditional_tenders_before_a_capped_rate(self) -> None:
        """What such a rate counts must be said by itself."""
        with pytest.raises(InvalidValueError, match="by tender"):
            member_of(rate("a", "0.05", lines=FOOD, tenders=["x"]), rate(most=USD.of(1)))


def split(card: str, other: str) -> tuple[Tender, Tender]:
    """So much on the store's card, so much on the bank's."""
    return (Tender(kind="store_card", total=USD.of(card)), Tender(kind="bank_card", total=USD.of(other)))
