"""Partners: sales at agreed rates, links, windows, conversions, and what is settled for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import attrs
import pytest
from unit_charities import Shop

from patronage import (
    Account,
    Basis,
    BenefitKind,
    BonusRule,
    Cancellation,
    Ceiling,
    Credit,
    Group,
    InvalidValueError,
    Line,
    MultiplierRule,
    Occasion,
    On,
    PartnerPolicy,
    PayWithPoints,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    SpendRule,
    Stacking,
    Terms,
    Unit,
    currency,
)
from patronage._frozen import FrozenMapping
from patronage.charities import CharityChosen
from patronage.conditions import HasGrant
from patronage.events import Activity
from patronage.granting import GrantRule
from patronage.partners import AgreedPrice, Agreement, Partner
from patronage.partnerships import PartnerLinked, PartnerUnlinked, PartnerWindow
from patronage.periods import MONTH, YEAR
from patronage.settlements import Owed, Settlements, settlements
from patronage.terms_of_time import EndOfPeriod

USD = currency("USD")
POINTS, MILES = Unit("points"), Unit("miles")
START = datetime(2016, 3, 10, 12, tzinfo=UTC)
CHANGE = datetime(2017, 2, 1, tzinfo=UTC)
M1 = Account.member("m-1")

FIRST = Agreement(
    end=CHANGE,
    rules=(SpendRule(name="ride-2015", per=USD.of(1), credit=POINTS.of(1), whole=False),),
    funds=(AgreedPrice(per=POINTS.of(1000), pays=USD.of("9.00")),),
)
SECOND = Agreement(
    start=CHANGE,
    rules=(SpendRule(name="ride-2017", per=USD.of(2), credit=POINTS.of(1), whole=False),),
    funds=(AgreedPrice(per=POINTS.of(1000), pays=USD.of("8.00")),),
)
UBER = Partner(name="uber", agreements=(FIRST, SECOND), linked=True)
AIR = Partner(name="air", agreements=(Agreement(costs=(AgreedPrice(per=MILES.of(1000), pays=USD.of("12.50")),)),))
CONVERT = PayWithPoints(
    name="to-air",
    points=POINTS.of(3000),
    value=MILES.of(1000),
    bonus=MILES.of(5000),
    bonus_per=POINTS.of(60_000),
    kind=BenefitKind.TRANSFER,
    items=("air",),
)
BASE = PointsPolicy(name="own", rules=(BonusRule(name="join", on=On.ENROLMENT, credit=POINTS.of(1)),))


def policy(**changes: Any) -> PartnerPolicy:
    """The hotels' partners."""
    return PartnerPolicy(**{"name": "partners", "partners": (UBER, AIR), "windows": ("stay",), **changes})


def program(made: PartnerPolicy | None = None, **terms: Any) -> Program:
    """The hotels' program."""
    stated: dict[str, Any] = {
        "units": (USD, POINTS, MILES),
        "policies": (BASE, made or policy()),
        "rewards": (CONVERT,),
        **terms,
    }
    return Program(id="hotels", time_zone="UTC", terms=Terms(**stated))


def linked(shop: Shop, account: str = "u-1") -> Shop:
    """The shop, once the first member's account is linked."""
    shop.record(
        PartnerLinked(
            id=f"l-{account}", member="m-1", occurred_at=START, policy="partners", partner="uber", account=account
        )
    )
    return shop


def ride(shop: Shop, total: str, at: datetime = START, *, partner: str | None = "uber", id: str | None = None) -> str:
    """A ride that the partner reports; its id."""
    name = id or f"ride-{total}-{at:%Y%m%d%H}-{partner}"
    attributes = {} if partner is None else {"partner": partner}
    shop.record(
        Purchase(id=name, member="m-1", occurred_at=at, lines=(Line(total=USD.of(total)),), attributes=attributes)
    )
    return name


def points(shop: Shop) -> int:
    """The points of the first member."""
    return shop.held(M1, POINTS).steps


class TestSales:
    """What a partner reports earns by the agreement in force."""

    def test_a_sale_of_the_partner_earns_and_others_do_not(self) -> None:
        """A sale that names the partner earns; one that names none, or an unknown one, earns nothing."""
        shop = linked(Shop(program()))
        ride(shop, "18.40")
        ride(shop, "50.00", partner=None)
        ride(shop, "50.00", partner="ubre")
        ride(shop, "50.00", partner="air")
        assert points(shop) == 18

    def test_the_rate_is_that_of_the_time_of_the_sale(self) -> None:
        """A second before the change the old rate holds, at it the new one."""
        shop = linked(Shop(program()))
        ride(shop, "15.00", CHANGE - timedelta(seconds=1))
        assert points(shop) == 15
        ride(shop, "15.00", CHANGE)
        assert points(shop) == 22

    def test_a_refund_is_decided_by_the_agreement_of_the_sale(self) -> None:
        """What comes back after the change is taken back at the rate that earned it."""
        shop = linked(Shop(program()))
        sale = ride(shop, "20.00", CHANGE - timedelta(days=1))
        shop.record(
            Refund(id="f", member="m-1", occurred_at=CHANGE + timedelta(days=1), purchase=sale, total=USD.of("5.00"))
        )
        assert points(shop) == 15

    def test_only_linked_members_earn(self) -> None:
        """Without a linked account nothing is earned; after it is unlinked, nothing more."""
        shop = Shop(program())
        ride(shop, "10.00")
        assert points(shop) == 0
        linked(shop)
        ride(shop, "10.00", START + timedelta(hours=1))
        shop.record(
            PartnerUnlinked(
                id="u", member="m-1", occurred_at=START + timedelta(hours=2), policy="partners", partner="uber"
            )
        )
        ride(shop, "10.00", START + timedelta(hours=3))
        assert points(shop) == 10

    def test_the_share_of_a_partner_is_kept_apart_by_label(self) -> None:
        """A labelled partner's points stand under its name."""
        partner = Partner(name="uber", agreements=(FIRST,), labelled=True)
        shop = Shop(program(policy(partners=(partner,))))
        ride(shop, "10.00")
        assert (shop.held(M1, POINTS, "uber").steps, points(shop)) == (10, 0)

    def test_ceilings_and_activities_count_too(self) -> None:
        """A yearly cap holds for all partners; an activity earns as well."""
        agreement = Agreement(
            rules=(
                SpendRule(name="spend", per=USD.of(1), credit=POINTS.of(1)),
                BonusRule(name="visit", on=On.ACTIVITY, activity="visit", credit=POINTS.of(7)),
            )
        )
        cap = Ceiling(name="most", limit=POINTS.of(20), per=YEAR)
        shop = Shop(program(policy(partners=(Partner(name="gym", agreements=(agreement,)),), ceilings=(cap,))))
        ride(shop, "15.00", partner="gym")
        visit = {"id": "v", "member": "m-1", "occurred_at": START, "kind": "visit"}
        shop.record(Activity(**visit, attributes={"partner": "gym"}))  # type: ignore[arg-type]
        assert points(shop) == 20


class TestLinks:
    """Linked accounts are rights with the account as value."""

    def test_the_account_is_the_value_of_the_right(self) -> None:
        """Whoever reads the standing finds the linked account."""
        shop = linked(Shop(program()))
        (grant,) = shop.loyalty.standing("m-1").grants("partners.uber")
        assert grant.value == "u-1"

    @pytest.mark.parametrize("account", ["u-1", "u-2"])
    def test_one_account_is_linked_at_a_time(self, account: str) -> None:
        """Linked again, the same or another account: refused, and the first one stays."""
        shop = linked(Shop(program()))
        again = PartnerLinked(
            id="again", member="m-1", occurred_at=START, policy="partners", partner="uber", account=account
        )
        assert shop.refused(again) == "not_eligible"
        assert [grant.value for grant in shop.loyalty.standing("m-1").grants("partners.uber")] == ["u-1"]

    def test_unknown_partners_and_policies_are_refused(self) -> None:
        """A partner that the policy has not, a policy that is none, or no partner policy."""
        shop = Shop(program())
        for n, (name, partner) in enumerate((("partners", "lyft"), ("own", "uber"), ("other", "uber"))):
            ask = PartnerLinked(
                id=f"l-{n}", member="m-1", occurred_at=START, policy=name, partner=partner, account="u-1"
            )
            assert shop.refused(ask) == "unknown_rule"
            end = PartnerUnlinked(id=f"u-{n}", member="m-1", occurred_at=START, policy=name, partner=partner)
            assert shop.refused(end) == "unknown_rule"

    def test_a_partner_policy_answers_its_own_events_alone(self) -> None:
        """What is for another kind of policy is refused."""
        choice = CharityChosen(id="c", member="m-1", occurred_at=START, policy="partners", charity="A")
        assert Shop(program()).refused(choice) == "wrong_root"

    def test_it_stands_alone(self) -> None:
        """Asked outside of terms, it says what an occasion earns."""
        lines = (Line(total=USD.of(10)),)
        event = Purchase(id="o", member="m-1", occurred_at=START, lines=lines, attributes={"partner": "uber"})
        made, hotels = policy(partners=(Partner(name="uber", agreements=(FIRST,)),)), program()
        units = FrozenMapping({unit.code: unit for unit in hotels.units})
        (credit,) = made.effects(Occasion(START, M1, event, None, Basis(), hotels.calendar, units))
        assert isinstance(credit, Credit) and credit.amount == POINTS.of(10)

    def test_what_is_not_linked_cannot_be_unlinked(self) -> None:
        """An end without a link is refused, a second one too."""
        shop = linked(Shop(program()))
        ends = [
            PartnerUnlinked(id=f"u-{n}", member="m-1", occurred_at=START, policy="partners", partner="uber")
            for n in range(2)
        ]
        shop.record(ends[0])
        assert shop.refused(ends[1]) == "already_ended"


def window(id: str, first: datetime, last: datetime, *, at: datetime = START, name: str = "stay") -> PartnerWindow:
    """A stay."""
    return PartnerWindow(
        id=id, member="m-1", occurred_at=at, policy="partners", window=name, starts_at=first, ends_at=last
    )


class TestWindows:
    """What holds while a window is open: a ride during a stay."""

    @staticmethod
    def shop() -> Shop:
        """Rides earn double during a stay."""
        double = MultiplierRule(name="in-stay", factor=2, when=HasGrant("partners.stay"))
        first = Agreement(rules=(*FIRST.rules, double))
        return Shop(program(policy(partners=(Partner(name="uber", agreements=(first,)),))))

    def test_it_counts_from_its_start_and_before_its_end(self) -> None:
        """A stay that is booked ahead counts at its first instant, and not at its last."""
        shop = self.shop()
        first, last = START + timedelta(days=5), START + timedelta(days=7)
        shop.record(window("s", first, last))
        tick = timedelta(microseconds=1)
        earned = []
        for at in (START, first - tick, first, last - tick, last):
            before = points(shop)
            ride(shop, "10.00", at, id=f"r-{at.isoformat()}")
            earned.append(points(shop) - before)
        assert earned == [10, 10, 20, 20, 10]

    def test_two_stays_are_not_one(self) -> None:
        """Between two stays nothing is open."""
        shop = self.shop()
        for n in (0, 1):
            shop.record(window(f"s-{n}", START + timedelta(days=10 * n + 1), START + timedelta(days=10 * n + 3)))
        ride(shop, "10.00", START + timedelta(days=5))
        assert points(shop) == 10
        ride(shop, "10.00", START + timedelta(days=12))
        assert points(shop) == 30

    def test_a_stay_that_is_called_off_never_opens(self) -> None:
        """A cancellation ends it before it begins, and no other."""
        shop = self.shop()
        shop.record(window("s-1", START + timedelta(days=1), START + timedelta(days=3)))
        shop.record(window("s-2", START + timedelta(days=2), START + timedelta(days=4)))
        shop.record(Cancellation(id="x", member="m-1", occurred_at=START, undoes="s-1"))
        ride(shop, "10.00", START + timedelta(days=1, hours=1))
        assert points(shop) == 10
        ride(shop, "10.00", START + timedelta(days=3, hours=1))
        assert points(shop) == 30

    def test_a_stay_that_began_already_counts_from_now(self) -> None:
        """Reported late, it is open from when it is reported."""
        shop = self.shop()
        shop.record(window("s", START - timedelta(days=1), START + timedelta(days=1)))
        ride(shop, "10.00")
        assert points(shop) == 20

    def test_a_window_that_is_over_or_unknown_is_refused(self) -> None:
        """One that has ended opens nothing; one that the policy has not is refused."""
        shop = self.shop()
        assert shop.refused(window("s-1", START - timedelta(days=2), START)) == "already_ended"
        assert shop.refused(window("s-2", START, START + timedelta(days=2), name="flight")) == "unknown_rule"

    def test_a_window_ends_after_it_starts(self) -> None:
        """One of no length, or that ends first, is no event."""
        for end in (START, START - timedelta(days=1)):
            with pytest.raises(InvalidValueError, match="must end after it starts"):
                window("s", START, end)

    def test_rights_of_the_policy_are_given_by_what_happens(self) -> None:
        """A stay that is posted qualifies for the rest of the year."""
        stayed = GrantRule(name="stayed", key="stayed", activity="stay_posted", lasts=EndOfPeriod(period=YEAR))
        rule = SpendRule(name="ride", per=USD.of(1), credit=POINTS.of(1), when=HasGrant("stayed"))
        partner = Partner(name="uber", agreements=(Agreement(rules=(rule,)),))
        shop = Shop(program(policy(partners=(partner,), rights=(stayed,))))
        ride(shop, "10.00")
        assert points(shop) == 0
        shop.record(Activity(id="a", member="m-1", occurred_at=START, kind="stay_posted"))
        ride(shop, "10.00", START + timedelta(hours=1))
        assert points(shop) == 10
        ride(shop, "10.00", datetime(2017, 1, 1, tzinfo=UTC))
        assert points(shop) == 10


def earned(amount: int) -> Shop:
    """A shop whose first member has some points."""
    shop = linked(Shop(program()))
    if amount:
        ride(shop, str(amount))
    return shop


def ask(amount: Any, id: str = "c-1", choices: tuple[str, ...] = ("air",)) -> Redemption:
    """A request to convert."""
    return Redemption(id=id, member="m-1", occurred_at=START, reward="to-air", amount=amount, choices=choices)


class TestConversions:
    """Points become a partner's units in whole blocks, with a bonus for each so many."""

    @pytest.mark.parametrize(
        ("spent", "got"), [(3_000, 1_000), (57_000, 19_000), (60_000, 25_000), (63_000, 26_000), (120_000, 50_000)]
    )
    def test_blocks_and_bonus(self, spent: int, got: int) -> None:
        """3 : 1 in blocks of 3,000, and 5,000 more for every 60,000."""
        shop = earned(130_000)
        (benefit,) = shop.record(ask(POINTS.of(spent))).benefits
        assert (benefit.kind, benefit.item, benefit.amount) == (BenefitKind.TRANSFER, "air", MILES.of(got))
        assert points(shop) == 130_000 - spent
        assert shop.held(policy().account("air"), MILES) == MILES.of(got)

    def test_without_an_amount_as_many_blocks_as_there_are(self) -> None:
        """64,000 points are 63,000 in blocks: 21,000 miles, and 5,000 more."""
        shop = earned(64_000)
        (benefit,) = shop.record(ask(None)).benefits
        assert benefit.amount == MILES.of(26_000)

    @pytest.mark.parametrize(
        ("amount", "code"),
        [
            (POINTS.of(3_001), "amount_not_a_step"),
            (POINTS.of(9_000), "balance_too_low"),
            (USD.of(1), "wrong_unit"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, amount: Any, code: str) -> None:
        """No part of a block, no more than there is, no other unit; and nothing changes."""
        shop = earned(8_000)
        assert shop.refused(ask(amount)) == code
        assert points(shop) == 8_000
        assert shop.held(policy().account("air"), MILES) == MILES.of(0)

    def test_what_is_no_transfer_to_a_partner_is_not_counted(self) -> None:
        """Money, things, and the units of a partner that the policy has not, leave its accounts alone."""
        rewards = (
            attrs.evolve(CONVERT, name="to-rail", items=("rail",)),
            PayWithPoints(name="cash", points=POINTS.of(1), value=USD.of(1), kind=BenefitKind.PAYOUT),
        )
        shop = linked(Shop(program(rewards=rewards)))
        ride(shop, "6000")
        shop.record(
            Redemption(
                id="r", member="m-1", occurred_at=START, reward="to-rail", amount=POINTS.of(3000), choices=("rail",)
            )
        )
        shop.record(Redemption(id="c", member="m-1", occurred_at=START, reward="cash", amount=POINTS.of(5)))
        assert points(shop) == 2_995
        assert shop.commits(policy().account("air"), policy().account("rail")) == []

    def test_another_partner_is_refused(self) -> None:
        """A reward converts to those that it names."""
        assert earned(9_000).refused(ask(POINTS.of(3_000), choices=("rail",))) == "wrong_choice"

    def test_a_cancellation_brings_all_back(self) -> None:
        """The points come back, and nothing was converted."""
        shop = earned(60_000)
        shop.record(ask(POINTS.of(60_000)))
        shop.record(Cancellation(id="x", member="m-1", occurred_at=START, undoes="c-1"))
        assert points(shop) == 60_000
        assert shop.held(policy().account("air"), MILES) == MILES.of(0)

    @pytest.mark.parametrize(
        "changes",
        [
            {"bonus": None},
            {"bonus_per": None},
            {"bonus": POINTS.of(1)},
            {"bonus_per": MILES.of(1)},
            {"bonus": MILES.of(0)},
            {"kind": BenefitKind.MONEY_OFF},
        ],
    )
    def test_a_bonus_fits_its_reward(self, changes: dict[str, Any]) -> None:
        """A bonus has both its parts, in their units, and never takes more off a cart than it costs."""
        fields: dict[str, Any] = {
            "name": "to-air",
            "points": POINTS.of(3000),
            "value": MILES.of(1000),
            "bonus": MILES.of(5000),
            "bonus_per": POINTS.of(60_000),
            "kind": BenefitKind.TRANSFER,
        }
        with pytest.raises(InvalidValueError):
            PayWithPoints(**{**fields, **changes})


class TestSettlements:
    """What a partner owes, and is owed, by period."""

    def test_refunds_are_netted_in_the_month_in_which_they_happen(self) -> None:
        """Issued in January, returned in March: at the price that it was issued at."""
        shop = linked(Shop(program()))
        january, march = datetime(2017, 1, 15, tzinfo=UTC), datetime(2017, 3, 15, tzinfo=UTC)
        sale = ride(shop, "1000.00", january)
        shop.record(Refund(id="f", member="m-1", occurred_at=march, purchase=sale, total=USD.of("333.00")))
        ride(shop, "100.00", march)
        rows = settlements(shop.program, "partners", MONTH, [shop.commits(M1)])
        told = [(row.period.key, row.given.steps, row.returned.steps, row.exact, row.money) for row in rows]
        assert told == [
            ("2017-01", 1000, 0, Fraction(900), USD.of("9.00")),
            ("2017-03", 50, 333, Fraction(-25970, 100), USD.of("-2.60")),
        ]
        assert {(row.partner, row.owed_for) for row in rows} == {("uber", Owed.ISSUED)}
        assert rows[1].net == POINTS.steps(-283)

    def test_conversions_are_what_the_program_owes(self) -> None:
        """25,000 miles at 12.50 a thousand; a cancellation in another month is netted there."""
        shop = earned(63_000)
        shop.record(ask(POINTS.of(60_000)))
        shop.record(ask(POINTS.of(3_000), id="c-2"))
        later = START + timedelta(days=30)
        shop.record(Cancellation(id="x", member="m-1", occurred_at=later, undoes="c-2"))
        accounts = [shop.commits(M1), shop.commits(policy().account("air"))]
        rows = [r for r in settlements(shop.program, "partners", MONTH, accounts) if r.owed_for is Owed.CONVERTED]
        assert [(row.partner, row.period.key, row.given, row.returned, row.money) for row in rows] == [
            ("air", "2016-03", MILES.of(26_000), MILES.of(0), USD.of("325.00")),
            ("air", "2016-04", MILES.of(0), MILES.of(1_000), USD.of("-12.50")),
        ]

    def test_a_conversion_keeps_the_price_of_its_time(self) -> None:
        """Undone after the price has changed, it is netted at the price that it was made at."""
        later = START + timedelta(days=30)
        old, new = (AgreedPrice(per=MILES.of(1000), pays=USD.of(price)) for price in ("12.00", "20.00"))
        air = Partner(name="air", agreements=(Agreement(end=later, costs=(old,)), Agreement(start=later, costs=(new,))))
        shop = linked(Shop(program(policy(partners=(UBER, air)))))
        ride(shop, "6000")
        shop.record(ask(POINTS.of(3_000)))
        after = later + timedelta(days=1)
        shop.record(Cancellation(id="x", member="m-1", occurred_at=after, undoes="c-1"))
        rows = settlements(shop.program, "partners", MONTH, [shop.commits(policy().account("air"))])
        assert [row.money for row in rows] == [USD.of("12.00"), USD.of("-12.00")]

    def test_other_accounts_settle_nothing(self) -> None:
        """Shared accounts of others, and terms without the policy, have no rows."""
        shop = linked(Shop(program()))
        ride(shop, "10.00")
        commits = shop.commits(M1)
        elsewhere = attrs.evolve(commits[-1], account=Account.shared("pool"))
        assert settlements(shop.program, "partners", MONTH, [[elsewhere]]) == ()

    def test_without_a_price_units_alone_are_settled(self) -> None:
        """A partner without prices has rows without money."""
        partner = Partner(name="uber", agreements=(Agreement(rules=FIRST.rules),))
        shop = Shop(program(policy(partners=(partner,))))
        ride(shop, "10.00")
        (row,) = settlements(shop.program, "partners", MONTH, [shop.commits(M1)])
        assert (row.given, row.exact, row.money) == (POINTS.of(10), None, None)

    def test_other_versions_of_the_terms_have_their_own_prices(self) -> None:
        """The price is that of the terms by which the sale was decided, its refund too."""
        dear, cheap = (
            Terms(
                units=(USD, POINTS, MILES),
                policies=(
                    policy(
                        partners=(
                            Partner(
                                name="uber",
                                agreements=(
                                    Agreement(
                                        rules=FIRST.rules, funds=(AgreedPrice(per=POINTS.of(1), pays=USD.of(price)),)
                                    ),
                                ),
                            ),
                        )
                    ),
                ),
                effective_from=since,
            )
            for since, price in ((datetime(2015, 1, 1, tzinfo=UTC), "2.00"), (CHANGE, "1.00"))
        )
        shop = Shop(Program(id="hotels", time_zone="UTC", terms=(dear, cheap)))
        sale = ride(shop, "10.00")
        ride(shop, "10.00", CHANGE)
        shop.record(Refund(id="f", member="m-1", occurred_at=CHANGE, purchase=sale, total=USD.of("4.00")))
        rows = settlements(shop.program, "partners", YEAR, [shop.commits(M1)])
        assert [(row.period.key, row.money) for row in rows] == [("2016", USD.of("20.00")), ("2017", USD.of("2.00"))]

    def test_what_came_late_is_settled_when_it_was_recorded(self) -> None:
        """By its own time it belongs to 2016; a period that was settled does not change if it counts when recorded."""
        shop = linked(Shop(program()))
        ride(shop, "10.00")
        commits = shop.commits(M1)
        (own,) = settlements(shop.program, "partners", YEAR, [commits])
        (recorded,) = settlements(shop.program, "partners", YEAR, [commits], recorded=True)
        assert (own.period.key, recorded.period.key) == ("2016", "2030")

    def test_a_replay_is_settled_by_its_difference(self) -> None:
        """A cap that a late sale should have used first: what the replay changes counts under its instant."""
        agreement = Agreement(
            rules=(SpendRule(name="ride", per=USD.of(1), credit=POINTS.of(1)),),
            funds=(AgreedPrice(per=POINTS.of(1), pays=USD.of("0.01")),),
        )
        cap = Ceiling(name="most", limit=POINTS.of(50), per=YEAR)
        made = policy(partners=(Partner(name="uber", agreements=(agreement,)),), ceilings=(cap,))
        shop = Shop(program(made))
        ride(shop, "30.00", datetime(2016, 12, 30, tzinfo=UTC))
        ride(shop, "30.00", datetime(2017, 1, 2, tzinfo=UTC))
        late = Purchase(
            id="late",
            member="m-1",
            occurred_at=datetime(2016, 12, 1, tzinfo=UTC),
            lines=(Line(total=USD.of("40.00")),),
            attributes={"partner": "uber"},
        )
        rerated = shop.loyalty.rerate("m-1", late=[late])
        assert rerated.accepted
        rows = settlements(shop.program, "partners", YEAR, [shop.commits(M1)])
        assert sum(row.net.steps for row in rows) == points(shop) == 80

    @pytest.mark.parametrize("name", ["own", "nothing"])
    def test_it_is_of_a_partner_policy(self, name: str) -> None:
        """A settlement of a policy that is none, or another kind, is refused."""
        with pytest.raises(InvalidValueError, match="no partner policy"):
            Settlements(program(), name, MONTH)


class TestBadTerms:
    """What does not fit together is refused."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Agreement(start=CHANGE, end=CHANGE),
            lambda: Agreement(start=CHANGE, end=CHANGE - timedelta(days=1)),
            lambda: Agreement(funds=("9.00",)),  # type: ignore[arg-type]
            lambda: Agreement(
                funds=(
                    AgreedPrice(per=POINTS.of(1), pays=USD.of(1)),
                    AgreedPrice(per=MILES.of(1), pays=POINTS.of(1)),
                )
            ),
            lambda: Partner(
                name="uber",
                agreements=(
                    Agreement(end=CHANGE, funds=(AgreedPrice(per=MILES.of(1), pays=POINTS.of(1)),)),
                    SECOND,
                ),
            ),
            lambda: Agreement(rules=(BASE,)),  # type: ignore[arg-type]
            lambda: Agreement(funds=(AgreedPrice(per=POINTS.of(1), pays=USD.of(1)),) * 2),
            lambda: Agreement(
                funds=(AgreedPrice(per=POINTS.of(1), pays=USD.of(1)),),
                costs=(AgreedPrice(per=MILES.of(1), pays=POINTS.of(1)),),
            ),
            lambda: AgreedPrice(per=POINTS.of(0), pays=USD.of(1)),
            lambda: AgreedPrice(per=POINTS.of(1), pays=USD.of(-1)),
            lambda: Partner(name="uber", agreements=()),
            lambda: Partner(name="uber", agreements=(FIRST, FIRST)),
            lambda: Partner(name="uber", agreements=(SECOND, FIRST)),
            lambda: Partner(name="uber", agreements=(Agreement(), SECOND)),
            lambda: Partner(name="no partner", agreements=(FIRST,)),
            lambda: Partner(
                name="uber",
                labelled=True,
                agreements=(Agreement(rules=(SpendRule(per=USD.of(1), credit=POINTS.of(1), label="x"),)),),
            ),
            lambda: policy(partners=()),
            lambda: policy(partners=(UBER, UBER)),
            lambda: policy(windows=("stay", "stay")),
            lambda: policy(windows=("uber",)),
            lambda: policy(partners=(UBER, Partner(name="lyft", agreements=(FIRST,)))),
        ],
    )
    def test_parts_that_do_not_fit(self, make: Any) -> None:
        """Windows end after they start, agreements do not overlap, names and prices are said once."""
        with pytest.raises(InvalidValueError):
            make()

    def test_prices_are_in_units_of_the_terms(self) -> None:
        """A price in a unit that the terms have not is refused when they are bound."""
        with pytest.raises(InvalidValueError, match="no unit of the terms"):
            program(units=(USD, POINTS), rewards=())

    def test_a_group_is_of_the_policy(self) -> None:
        """Rules of all agreements stack in the policy's groups; a group that it has not is refused."""
        rules = tuple(SpendRule(name=f"ride-{n}", per=USD.of(1), credit=POINTS.of(n), group="ride") for n in (1, 3, 2))
        partners = (Partner(name="uber", agreements=(Agreement(rules=rules),)),)
        best = Group(name="ride", stacking=Stacking.BEST)
        shop = Shop(program(policy(partners=partners, groups=(best,))))
        ride(shop, "10.00")
        assert points(shop) == 30
        with pytest.raises(InvalidValueError, match="not declared"):
            program(policy(partners=partners))
