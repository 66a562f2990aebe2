"""Figures of the example programs that no worked case plays: their published rules, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from runner import Member, example, money_off
from test_example_programs import money_of

from patronage import (
    Accepted,
    Activity,
    BenefitKind,
    Cancellation,
    Decision,
    Enrolment,
    Line,
    LineKind,
    Purchase,
    Redemption,
    Refund,
    Rejected,
    Tender,
    Unit,
)
from patronage.memberships import MembershipStarted
from patronage.periods import parse_instant


class Shop:
    """A member of one of the programs, and what happens to them."""

    def __init__(self, name: str) -> None:
        self.member = Member(example(name))
        self.money = money_of(self.member.program)
        self.n = 0

    def unit(self, code: str) -> Unit:
        """The unit of that code."""
        return next(unit for unit in self.member.program.units if unit.code == code)

    def at(self, when: str) -> datetime:
        """Noon of a local day, or an instant."""
        if len(when) == len("2025-01-01"):
            calendar = self.member.program.calendar
            return calendar.instant(datetime.fromisoformat(f"{when}T12:00"))
        return parse_instant(when)

    def head(self, when: str) -> dict[str, Any]:
        """What each event states."""
        self.n += 1
        self.member.now = self.at(when)
        return {"id": f"e-{self.n}", "member": self.member.id, "occurred_at": self.member.now}

    def joins(self, when: str, **attributes: str) -> Decision:
        """Enrols."""
        return self.member.record(Enrolment(**self.head(when), attributes=attributes))

    def buys(
        self, when: str, total: str, *, paid_with: str | None = None, channel: str | None = None, **line: Any
    ) -> str:
        """Buys one thing; gives the event's id."""
        amount = self.money.of(total)
        tenders = () if paid_with is None else (Tender(kind=paid_with, total=amount),)
        head = self.head(when)
        lines: Sequence[Line] = (Line(total=amount, **line),)
        self.member.record(Purchase(**head, lines=lines, tenders=tenders, channel=channel))
        return str(head["id"])

    def does(self, when: str, kind: str, **attributes: str) -> Decision:
        """Does something."""
        return self.member.record(Activity(**self.head(when), kind=kind, attributes=attributes))

    def asks(self, when: str, reward: str, *cart: Line, **fields: Any) -> Decision:
        """Redeems."""
        return self.member.record(Redemption(**self.head(when), reward=reward, cart=cart, **fields))

    def has(self, code: str, when: str | None = None) -> str:
        """What can be spent."""
        unit = self.unit(code)
        standing = self.member.standing(None if when is None else self.at(when))
        return unit.digits(standing.available(unit).steps)


def test_the_prime_card_pays_members_more() -> None:
    """3% at Amazon, 5% once one is a member; 2% on petrol, 1% elsewhere; nothing on another card."""
    shop = Shop("amazon_prime")
    assert (
        shop.member.earned(shop.buys("2024-01-05", "80.00", paid_with="prime_card", brand="amazon"), shop.money)
        == "2.40"
    )
    shop.member.record(MembershipStarted(**shop.head("2024-01-06"), policy="prime", plan="annual", trial=True))
    assert (
        shop.member.earned(shop.buys("2024-01-07", "80.00", paid_with="prime_card", brand="amazon"), shop.money)
        == "4.00"
    )
    assert (
        shop.member.earned(shop.buys("2024-01-08", "50.00", paid_with="prime_card", category="gas"), shop.money)
        == "1.00"
    )
    assert shop.member.earned(shop.buys("2024-01-09", "10.00", paid_with="prime_card"), shop.money) == "0.10"
    assert shop.member.earned(shop.buys("2024-01-10", "80.00", paid_with="cash", brand="amazon"), shop.money) == "0.00"


def test_mcdonalds_points() -> None:
    """100 points a dollar in the app and 1,500 once; they go on the first of the month after six full months."""
    shop = Shop("mcdonalds")
    assert shop.member.earned(shop.buys("2021-07-10", "6.49", channel="app"), shop.unit("points")) == "2149"
    assert shop.member.earned(shop.buys("2021-07-11", "6.49", channel="app"), shop.unit("points")) == "649"
    assert shop.member.earned(shop.buys("2021-07-12", "6.49", channel="till"), shop.unit("points")) == "0"
    assert isinstance(shop.asks("2021-07-13", "group-1", choices=["vanilla_cone"]), Accepted)
    assert isinstance(shop.asks("2021-07-14", "group-4", choices=["big_mac"]), Rejected)
    assert (shop.has("points", "2022-01-31"), shop.has("points", "2022-02-01")) == ("1298", "0")


def test_the_pharmacy_in_kuwait() -> None:
    """2% to the fils, 4% on a Friday, 5.000 a month at most; it pays from 0.500 in steps of 0.250."""
    shop = Shop("kuwait_pharmacy")
    credit = shop.unit("credit")
    assert shop.member.earned(shop.buys("2025-01-02", "12.345"), credit) == "0.246"  # Thursday: 0.2469.
    assert shop.member.earned(shop.buys("2025-01-03", "12.345"), credit) == "0.493"  # Friday: 0.4938.
    cart = Line(total=shop.money.of("3.000"))
    assert money_off(shop.asks("2025-01-04", "pay", cart)) == 500
    assert isinstance(shop.asks("2025-01-05", "pay", cart, amount=credit.of("0.200")), Rejected)
    assert shop.member.earned(shop.buys("2025-01-06", "500.000"), credit) == "4.261"
    assert (shop.has("credit", "2026-12-31"), shop.has("credit", "2027-01-01")) == ("4.500", "0.000")


def test_a_birthday_in_kuwait_lasts_three_business_days() -> None:
    """From Thursday on: Sunday and Monday are the next ones, for Friday and Saturday are no business days."""
    shop = Shop("kuwait_pharmacy")
    shop.joins("2025-01-02", birth_date="1990-01-09")
    (delivery,) = shop.member.standing(shop.at("2025-01-10")).grants("free_delivery")
    assert delivery.valid_from == parse_instant("2025-01-09T00:00:00+03:00")
    assert delivery.valid_until == parse_instant("2025-01-14T00:00:00+03:00")
    cart = (
        Line(id="a", total=shop.money.of("3.000")),
        Line(id="s", total=shop.money.of("1.500"), kind=LineKind.SHIPPING),
    )
    assert isinstance(shop.asks("2025-01-10", "birthday-delivery", *cart), Accepted)


@pytest.mark.parametrize(
    ("spent", "paid"),
    [(("400.00", "11000.00"), "84.00"), (("400.00", "2599.99"), "20.00"), (("400.00", "2600.00"), "35.00")],
)
def test_banded_cash_back(spent: tuple[str, str], paid: str) -> None:
    """5% at first, then 0.5% to 10,000.00 and 1% above as the year closes, to who spent 3,000.00."""
    shop = Shop("banded_cash_back")
    shop.joins("2023-01-15")
    assert shop.member.earned(shop.buys("2023-02-01", spent[0]), shop.money) == "20.00"
    shop.buys("2023-08-01", spent[1])
    assert shop.has("GBP", "2024-01-14") == "20.00"
    assert shop.has("GBP", "2024-01-16") == paid


def test_the_welcome_of_the_banded_card_has_a_maximum() -> None:
    """100.00 in all, and none after three months."""
    shop = Shop("banded_cash_back")
    shop.joins("2023-01-15")
    assert shop.member.earned(shop.buys("2023-02-01", "1999.00"), shop.money) == "99.95"
    assert shop.member.earned(shop.buys("2023-02-02", "500.00"), shop.money) == "0.05"
    late = Shop("banded_cash_back")
    late.joins("2023-01-15")
    assert late.member.earned(late.buys("2023-04-15", "500.00"), late.money) == "0.00"


def test_the_hotel_card() -> None:
    """50.00 a quarter back at the hotels, a night at 15,000.00, Diamond from 40,000.00 to the end of the next."""
    shop = Shop("spend_based_credit")
    assert shop.member.earned(shop.buys("2024-01-10", "30.00", brand="hotels"), shop.money) == "30.00"
    assert shop.member.earned(shop.buys("2024-02-10", "30.00", brand="hotels"), shop.money) == "20.00"
    assert shop.member.earned(shop.buys("2024-04-10", "30.00", brand="hotels"), shop.money) == "30.00"
    assert shop.member.earned(shop.buys("2024-04-11", "30.00"), shop.money) == "0.00"
    shop.buys("2024-05-01", "14880.00")
    assert len(shop.member.standing().grants("free_night")) == 1
    shop.buys("2024-06-01", "25000.00")
    assert len(shop.member.standing().grants("free_night")) == 1
    assert shop.member.standing().level("tier") == "diamond"
    assert isinstance(shop.asks("2024-07-01", "free-night"), Accepted)
    assert isinstance(shop.asks("2024-07-02", "free-night"), Rejected)
    assert shop.member.standing(shop.at("2025-12-31")).level("tier") == "diamond"
    assert shop.member.standing(shop.at("2026-01-01")).level("tier") == "gold"


def test_the_score_of_a_month() -> None:
    """60 on average, weighted by cost, are worth 5.00 as the month closes, 75 are worth 10.00, 59.9 nothing."""
    for scores, reward in (
        ((("10.00", "600"), ("20.00", "1200")), "5.00"),
        ((("10.00", "750"),), "10.00"),
        ((("10.00", "599"),), "0.00"),
    ):
        shop = Shop("nutrition_challenge")
        for cost, score in scores:
            shop.buys("2025-03-10", cost, measures={"score_x_cost": score})
        assert (shop.has("reward", "2025-03-31"), shop.has("reward", "2025-04-01")) == ("0.00", reward)


def test_a_birthday_that_was_told_too_late() -> None:
    """Odacite: 100 points on the day, once a year, if it was told thirty days before."""
    early, late = Shop("odacite"), Shop("odacite")
    early.joins("2024-01-01", birth_date="1990-03-01")
    late.joins("2024-02-10", birth_date="1990-03-01")
    assert (early.has("points", "2024-02-29"), early.has("points", "2024-03-01")) == ("0", "100")
    assert (late.has("points", "2024-03-01"), late.has("points", "2025-03-01")) == ("0", "100")


def test_limits_of_what_toms_rewards() -> None:
    """Sharing counts once a day, a good act once a month, a review once for each thing bought."""
    shop = Shop("toms")
    for day in ("2023-03-01T09:00:00-08:00", "2023-03-01T18:00:00-08:00", "2023-03-02T09:00:00-08:00"):
        shop.does(day, "share")
    for day in ("2023-03-03", "2023-03-20", "2023-04-01"):
        shop.does(day, "good_act")
    for item in ("order-1/line-1", "order-1/line-2", "order-1/line-1"):
        shop.does("2023-04-02", "review", item=item)
    assert shop.has("points", "2023-04-03") == "270"


def test_a_voucher_of_macys_birthday_pays_once() -> None:
    """10.00 in the month of birth, off an order, and given back when the request is cancelled."""
    shop = Shop("macys")
    shop.joins("2025-01-02", birth_date="1990-05-20")
    cart = Line(total=shop.money.of("25.00"))
    assert isinstance(shop.asks("2025-04-30", "birthday", cart), Rejected)
    taken = shop.asks("2025-05-01", "birthday", cart)
    assert money_off(taken) == 1000
    assert isinstance(shop.asks("2025-05-02", "birthday", cart), Rejected)
    shop.member.record(Cancellation(**shop.head("2025-05-03"), undoes=taken.event.id))
    assert money_off(shop.asks("2025-05-04", "birthday", cart)) == 1000


def test_a_voucher_of_the_body_shop_card() -> None:
    """Four stamps give 15.00 off, once."""
    shop = Shop("body_shop_us")
    shop.joins("2015-01-02")
    for day in ("2015-02-01", "2015-02-02"):
        shop.buys(day, "50.00")
    cart = Line(total=shop.money.of("40.00"))
    assert money_off(shop.asks("2015-02-03", "fifteen", cart)) == 1500
    assert isinstance(shop.asks("2015-02-04", "fifteen", cart), Rejected)
    assert isinstance(shop.asks("2015-02-04", "twenty-five", cart), Rejected)


def test_stars_of_a_gold_member_stay() -> None:
    """Starbucks from 2026: what would end after six months stays while the level lasts; a treat is handed over."""
    shop = Shop("starbucks_from_2026")
    shop.joins("2026-03-10", birth_date="1990-04-20")
    shop.buys("2026-03-15", "500.00")
    assert (shop.has("stars", "2026-10-01"), shop.has("stars", "2027-03-14")) == ("500.00", "500.00")
    assert shop.has("stars", "2027-03-16") == "0.00"
    treat = shop.asks("2026-04-20", "birthday_treat")
    assert [benefit.kind for benefit in treat.benefits] == [BenefitKind.PRODUCT]


def test_a_reload_at_starbucks() -> None:
    """25 stars for a reload of 50.00 or more, 10 from 30.00 on, none below."""
    for amount, stars in (("29.99", "0.00"), ("30.00", "10.00"), ("49.99", "10.00"), ("50.00", "25.00")):
        shop = Shop("starbucks_from_2026")
        reload = Activity(**shop.head("2026-03-15"), kind="reload", measures={"amount": amount})
        shop.member.record(reload)
        assert shop.has("stars") == stars


def test_a_campaign_at_rakuten() -> None:
    """7,015 yen at five times are 350 points: 70, multiplied after they were rounded."""
    shop = Shop("rakuten")
    order = Purchase(**shop.head("2019-04-01"), lines=(Line(total=shop.money.of(7015)),), attributes={"campaign": "5x"})
    shop.member.record(order)
    assert shop.member.earned(order.id, shop.unit("points")) == "350"


def test_a_return_of_the_drinks_of_a_card() -> None:
    """An unused drink is taken back and its punches restored; a used one leaves punches to make up for."""
    for used, punches in ((False, "7"), (True, "-2")):
        shop = Shop("punch_card")
        order = shop.buys("2025-02-01", "7.60", category="hot_drink", quantity=2)
        shop.buys("2025-02-02", "26.60", category="hot_drink", quantity=7)
        assert (shop.has("punches"), len(shop.member.standing().grants("free_drink"))) == ("0", 1)
        if used:
            drink = Line(total=shop.money.of("3.80"), category="hot_drink")
            assert money_off(shop.asks("2025-02-03", "free_drink", drink)) == 380
        shop.member.record(Refund(**shop.head("2025-02-04"), purchase=order, total=shop.money.of("7.60")))
        assert shop.has("punches") == punches
        assert not shop.member.standing().grants("free_drink")


def test_a_rouge_reward_is_for_rouge() -> None:
    """2,500 points are 100.00 off for the highest level alone."""
    shop = Shop("sephora")
    shop.buys("2024-01-10", "990.00")
    cart = Line(total=shop.money.of("150.00"))
    assert isinstance(shop.asks("2024-01-11", "rouge", cart), Rejected)
    shop.buys("2024-01-12", "10.00")
    shop.buys("2024-01-13", "1100.00")
    assert money_off(shop.asks("2024-01-14", "rouge", cart)) == 10000
