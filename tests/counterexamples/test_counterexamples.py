"""Histories that broke a version of the rules that looked right. Each is kept, with the rule that answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from model.checks import check_state, transfers_of
from model.histories import MEMBER, MUG, PER_DOLLAR, POINTS, USD
from model.shop import Shop
from patronage import (
    Adjustment,
    Cancellation,
    Ceiling,
    Effect,
    FixedReward,
    Give,
    Grant,
    Life,
    Line,
    MultiplierRule,
    Occasion,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    RefundTerms,
    Rejected,
    Release,
    Reservation,
    SpendRule,
    StatusGrant,
    Tender,
    Terms,
    fold,
)
from patronage.conditions import Category, Not
from patronage.ledger import EXPIRED, ISSUED
from patronage.periods import MONTH
from patronage.terms import Expired
from patronage.terms_of_time import days

T0 = datetime(2024, 3, 1, 12, tzinfo=UTC)
THIRTY = FixedReward(name="thirty", cost=POINTS.of(30))


def shop_of(
    *rules: SpendRule | MultiplierRule, ceilings: tuple[Ceiling, ...] = (), refunds: RefundTerms | None = None
) -> Shop:
    """A shop with one policy and two rewards."""
    policy = PointsPolicy(name="base", rules=rules, ceilings=ceilings)
    terms = Terms(units=(USD, POINTS), policies=(policy,), rewards=(THIRTY, MUG), refunds=refunds or RefundTerms())
    return Shop(Program(id="shop", time_zone="UTC", terms=terms))


def on(day: int) -> datetime:
    """Noon of a day, counted from the first of March."""
    return T0 + timedelta(days=day)


def bought(id: str, *cents: int, day: int = 0) -> Purchase:
    """A purchase of goods, a line for each total."""
    return Purchase(
        id=id, member=MEMBER, occurred_at=on(day), lines=tuple(Line(total=USD.steps(total)) for total in cents)
    )


def redeemed(id: str, reward: str = "thirty", day: int = 1) -> Redemption:
    """A redemption of a fixed reward."""
    return Redemption(id=id, member=MEMBER, occurred_at=on(day), reward=reward)


def returned(id: str, purchase: str, cents: int | None = None, day: int = 2) -> Refund:
    """A refund of some money, or of all that is left."""
    total = None if cents is None else USD.steps(cents)
    return Refund(id=id, member=MEMBER, occurred_at=on(day), purchase=purchase, total=total)


def points(shop: Shop, day: int) -> tuple[int, int]:
    """Available points (less debt), and debt, at noon of a day."""
    standing = shop.program.at(shop.state, on(day))
    return standing[POINTS].available.steps, standing[POINTS].debt.steps


PAID: tuple[Tender, ...] = (
    Tender(kind="points", total=USD.of("30.00"), redemption="d-1"),
    Tender(kind="card", total=USD.of("10.00")),
)


def test_1_a_payment_given_back_by_a_refund_is_not_given_back_again() -> None:
    """Redeem 30, buy with it, refund in full (30 back), cancel the redemption: refused, 30 came back once."""
    shop = shop_of(PER_DOLLAR).play(
        bought("p-0", 3_000), redeemed("d-1"), attrs.evolve(bought("p-1", 4_000, day=1), tenders=PAID)
    )
    assert shop.record(returned("r-1", "p-1")).accepted
    assert points(shop, 2) == (30, 0)
    again = shop.record(Cancellation(id="c-1", member=MEMBER, occurred_at=on(3), undoes="d-1"))
    assert isinstance(again, Rejected)
    assert again.code.value == "already_ended"
    assert points(shop, 3) == (30, 0)


def test_2_a_redemption_that_pays_a_standing_purchase_cannot_be_cancelled() -> None:
    """Redeem 30, buy with 30 off, cancel the redemption: refused; after the purchase's refund it is back anyway."""
    shop = shop_of(PER_DOLLAR).play(
        bought("p-0", 3_000), redeemed("d-1"), attrs.evolve(bought("p-1", 4_000, day=1), tenders=PAID)
    )
    refused = shop.record(Cancellation(id="c-1", member=MEMBER, occurred_at=on(2), undoes="d-1"))
    assert isinstance(refused, Rejected)
    assert refused.code.value == "pays_a_purchase"
    assert points(shop, 2) == (40, 0)


def test_2_a_part_of_such_a_purchase_gives_a_part_back() -> None:
    """Half the money of the purchase returned: half of the redemption, and never the whole by a cancellation."""
    shop = shop_of(PER_DOLLAR).play(
        bought("p-0", 3_000), redeemed("d-1"), attrs.evolve(bought("p-1", 4_000, day=1), tenders=PAID)
    )
    shop.record(returned("r-1", "p-1", 2_000))
    assert points(shop, 2) == (20 + 15, 0)
    assert not shop.record(Cancellation(id="c-1", member=MEMBER, occurred_at=on(2), undoes="d-1")).accepted


@pytest.mark.parametrize("nightly", [False, True])
@pytest.mark.parametrize("parts", [(10_000,), (8_000, 2_000), (2_000, 8_000)])
@pytest.mark.parametrize(("expired", "debt"), [(Expired.DROPPED, 40), (Expired.CHARGED, 100)])
def test_4_what_expired_is_dropped_once(nightly: bool, parts: tuple[int, ...], expired: Expired, debt: int) -> None:
    """Earn 100, 40 spent, 60 expired; refunded at once or in parts: debt 40 where it is dropped, 100 where charged."""
    rule = attrs.evolve(PER_DOLLAR, life=Life(expires_after=days(10)))
    shop = shop_of(rule, refunds=RefundTerms(expired=expired)).play(
        bought("p-1", 10_000), redeemed("d-1"), redeemed("d-2", "mug")
    )
    if nightly:
        shop.advance(on(15))
    for n, part in enumerate(parts):
        shop.record(returned(f"r-{n}", "p-1", part, day=20))
    assert points(shop, 20) == (-debt, debt)
    expired_in_all = sum(
        entry.steps * (1 if entry.payee == EXPIRED else -1)
        for entry in transfers_of(shop.commits)
        if EXPIRED in (entry.payee, entry.payer)
    )
    assert expired_in_all == (0 if expired is Expired.DROPPED else 60)


def test_4_what_a_cancellation_gave_back_too_late_is_charged() -> None:
    """Points given back after their end expire at once: where expiry is charged, a refund takes them again."""
    rule = attrs.evolve(PER_DOLLAR, life=Life(expires_after=days(10)))
    shop = shop_of(rule).play(
        bought("p-1", 3_000),
        redeemed("d-1"),
        Cancellation(id="c-1", member=MEMBER, occurred_at=on(20), undoes="d-1"),
        returned("r-1", "p-1", day=21),
    )
    assert points(shop, 21) == (-30, 30)


def test_5_a_refund_that_raises_the_figure_is_trimmed_to_the_room() -> None:
    """p1 earns 60 of 120 (a book halves the rate), p2 earns 40, cap 100: the book returned, the total stays 100."""
    halved = Not(Category(("book",)))
    rules = (
        SpendRule(per=USD.of("2.00"), credit=POINTS.of(1), name="plain"),
        SpendRule(per=USD.of("2.00"), credit=POINTS.of(1), name="more", when=halved),
    )
    book = Line(total=USD.of("20.00"), category="book", id="book")
    first = Purchase(id="p-1", member=MEMBER, occurred_at=T0, lines=(Line(total=USD.of("100.00"), id="rest"), book))
    shop = shop_of(*rules, ceilings=(Ceiling(name="monthly", limit=POINTS.of(100), per=MONTH),))
    shop.play(first, bought("p-2", 4_000, day=1))
    assert points(shop, 1) == (100, 0)
    part = RefundLine(id="book")
    assert shop.record(Refund(id="r-1", member=MEMBER, occurred_at=on(2), purchase="p-1", lines=(part,))).accepted
    assert points(shop, 2) == (100, 0)


@attrs.frozen
class Gold:
    """Gold until the end of a term for a purchase that has a line of gold; a grant per year."""

    name: str = "gold"

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """A grant of this year."""
        if occasion.purchase is not None and Category(("gold",)).holds(occasion, None):
            year = str(occasion.calendar.day(occasion.at).year)
            return [Give(key="gold", lasts=days(730), occasion=year, rule="year")]
        return []


def gold_shop(life: Life, expired: Expired = Expired.CHARGED) -> Shop:
    """A policy that gives gold, before one whose points hang on it."""
    base = PointsPolicy(name="base", rules=(attrs.evolve(PER_DOLLAR, life=life),))
    terms = Terms(units=(USD, POINTS), policies=(Gold(), base), refunds=RefundTerms(expired=expired))
    return Shop(Program(id="shop", time_zone="UTC", terms=terms))


def golden(id: str, *cents: int, day: int = 0) -> Purchase:
    """A purchase whose first line makes gold."""
    lines = [Line(total=USD.steps(total), category="gold" if n == 0 else None) for n, total in enumerate(cents)]
    return Purchase(id=id, member=MEMBER, occurred_at=on(day), lines=tuple(lines))


def back(id: str, purchase: str, line: str, day: int) -> Refund:
    """A refund of one line."""
    return Refund(id=id, member=MEMBER, occurred_at=on(day), purchase=purchase, lines=(RefundLine(id=line),))


@pytest.mark.parametrize("expired", list(Expired))
@pytest.mark.parametrize("order", [("1", "2"), ("2", "1")])
def test_6_what_ends_because_of_the_refund_counts_as_taken(expired: Expired, order: tuple[str, str]) -> None:
    """Lots need Gold; the purchase that made Gold comes back in two parts: no debt, whichever part is first."""
    shop = gold_shop(Life(needs="gold"), expired).play(golden("p-1", 5_000, 3_000))
    assert points(shop, 0) == (80, 0)
    shop.play(back("r-1", "p-1", order[0], 1), back("r-2", "p-1", order[1], 2))
    assert points(shop, 2) == (0, 0)
    assert fold(shop.commits, calendar=shop.program.calendar) == shop.state
    issued = sum(
        entry.steps * (1 if entry.payer == ISSUED else -1)
        for entry in transfers_of(shop.commits)
        if ISSUED in (entry.payer, entry.payee)
    )
    assert issued == 0


def test_7_a_refund_revokes_the_grant_of_its_own_year() -> None:
    """Gold of year 1 to the end of year 2, earned again in year 2, that refunded: last year's Gold stays."""
    shop = gold_shop(Life()).play(golden("p-1", 1_000), golden("p-2", 1_000, day=320))
    assert len(live(shop, 320)) == 2
    shop.record(returned("r-1", "p-2", day=330))
    assert [grant.occasion for grant in live(shop, 330)] == ["2024"]
    shop.record(returned("r-2", "p-1", day=331))
    assert live(shop, 331) == []


def live(shop: Shop, day: int) -> list[Grant]:
    """The grants of gold in force."""
    return list(shop.program.at(shop.state, on(day)).grants("gold"))


def test_10_a_commit_whenever_an_instant_fell_due() -> None:
    """Pending until day 10, nothing else: the nightly run of day 10 writes one commit, and finds nothing again."""
    rule = attrs.evolve(PER_DOLLAR, life=Life(available_after=days(10), expires_after=days(100)))
    shop = shop_of(rule).play(bought("p-1", 1_000))
    assert shop.state.next_due == on(10)
    for _ in range(3):
        shop.advance(on(10))
    assert [commit.event.id[:3] for commit in shop.commits] == ["p-1", "~t/"]
    assert shop.commits[-1].entries == ()
    assert shop.state.next_due == on(100)
    assert points(shop, 10) == (10, 0)


def test_13_what_is_released_pays_the_debt_first() -> None:
    """50 reserved, the purchase that earned them refunded (a debt of 50), then released: nothing is free."""
    fifty = FixedReward(name="fifty", cost=POINTS.of(50))
    policy = PointsPolicy(name="base", rules=(PER_DOLLAR,))
    shop = Shop(
        Program(id="shop", time_zone="UTC", terms=Terms(units=(USD, POINTS), policies=(policy,), rewards=(fifty,)))
    )
    shop.play(
        bought("p-1", 5_000),
        Reservation(id="h-1", member=MEMBER, occurred_at=on(1), reward="fifty"),
        returned("r-1", "p-1", day=2),
    )
    assert points(shop, 2) == (-50, 50)
    shop.record(Release(id="x-1", member=MEMBER, occurred_at=on(3), reservation="h-1"))
    assert points(shop, 3) == (0, 0)
    assert not shop.state.lots
    check_state(shop.state)


def test_11_a_lot_that_a_grant_holds_outlives_it_by_its_grace() -> None:
    """Life 20, held by Gold until 30 with grace 7, an event on day 32: it ends on day 37."""
    rule = attrs.evolve(PER_DOLLAR, life=Life(expires_after=days(20), held_by="gold", grace=days(7)))
    gold = StatusGrant(id="g-1", member=MEMBER, occurred_at=T0, key="gold", until=on(30), actor="ann", reason="matched")
    shop = shop_of(rule).play(gold, bought("p-1", 1_000))
    nudge = Adjustment(id="j-1", member=MEMBER, occurred_at=on(32), amount=POINTS.of(1), actor="ann", reason="nudge")
    shop.record(nudge)
    figures = [shop.program.at(shop.state, at)[POINTS].available.steps for at in (on(36), on(37))]
    assert figures == [11, 1]
