"""Donations: a share of purchases, donated rewards and what lapses, to the charity that a member chose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit_charities import BASE, GIVE, GIVEN, LATER, PAYOUT, POINTS, SHARE, START, USD, Shop, program, smile

from patronage import (
    Account,
    Basis,
    BenefitKind,
    BonusRule,
    Cancellation,
    Capture,
    Ceiling,
    Credit,
    FixedReward,
    InvalidValueError,
    Life,
    Line,
    MultiplierRule,
    Occasion,
    On,
    PayWithPoints,
    Purchase,
    Redemption,
    Refund,
    Release,
    Reservation,
    SpendRule,
    Unit,
)
from patronage._frozen import FrozenMapping
from patronage.charities import CharityChosen
from patronage.donations import DonationReport, donations
from patronage.events import Activity
from patronage.occasions import FollowUp
from patronage.partnerships import PartnerLinked
from patronage.periods import QUARTER, YEAR
from patronage.policies.donation import LapsedShare, PaidAs, Payout
from patronage.terms_of_time import days

M1, M2 = Account.member("m-1"), Account.member("m-2")
A, B = smile().account("A"), smile().account("B")
APRIL = datetime(2022, 4, 1, 7, tzinfo=UTC)
JULY = datetime(2022, 7, 1, 7, tzinfo=UTC)


def choose(charity: str | None, at: datetime = START, id: str = "c-1", policy: str = "smile") -> CharityChosen:
    """A choice of the first member's."""
    return CharityChosen(id=id, member="m-1", occurred_at=at, policy=policy, charity=charity)


def back(purchase: str, total: str, at: datetime = START, id: str = "f-1") -> Refund:
    """A refund of the first member's."""
    return Refund(id=id, member="m-1", occurred_at=at, purchase=purchase, total=USD.of(total))


def paid(shop: Shop, account: Account, until: datetime) -> list[str]:
    """What a charity's account has paid out until an instant."""
    for _ in shop.loyalty.run_due(until=until):
        pass
    return [
        USD.digits(benefit.amount.steps)
        for commit in shop.commits(account)
        for benefit in commit.benefits
        if benefit.kind is BenefitKind.PAYOUT and benefit.amount is not None
    ]


class TestChoosing:
    """A member chooses a charity, or the default gets the share."""

    def test_the_default_gets_it_until_a_charity_is_chosen(self) -> None:
        """Before the choice the default charity gets the share, after it the chosen one."""
        shop = Shop(program())
        shop.buy("100.00")
        shop.record(choose("B"))
        shop.buy("20.00")
        assert shop.held(M1, GIVEN, "A") == GIVEN.of("0.5")
        assert shop.held(M1, GIVEN, "B") == GIVEN.of("0.1")

    def test_a_choice_of_none_is_the_default_again(self) -> None:
        """Choosing None ends the choice."""
        shop = Shop(program())
        shop.record(choose("B"))
        shop.record(choose(None, id="c-2"))
        shop.buy("100.00")
        assert (shop.held(M1, GIVEN, "A"), shop.held(M1, GIVEN, "B")) == (GIVEN.of("0.5"), GIVEN.of(0))

    def test_without_a_default_nothing_is_given_before_a_choice(self) -> None:
        """Who chose no charity gives nothing where there is no default, and no ceiling's room is used."""
        capped = SpendRule(
            per=USD.of(1),
            credit=GIVEN.of("0.005"),
            whole=False,
            name="share",
            ceilings=(Ceiling(name="most", limit=GIVEN.of("0.5"), per=YEAR),),
        )
        shop = Shop(program(smile(default=None, rules=(capped,))))
        shop.buy("100.00")
        assert shop.held(M1, GIVEN, "A") == GIVEN.of(0)
        shop.record(choose("A"))
        shop.buy("100.00")
        assert shop.held(M1, GIVEN, "A") == GIVEN.of("0.5")

    def test_an_unknown_charity_is_refused(self) -> None:
        """A charity that the policy does not list is refused, and the choice before it stands."""
        shop = Shop(program())
        shop.record(choose("B"))
        assert shop.refused(choose("C", id="c-2")) == "unknown_rule"
        shop.buy("100.00")
        assert shop.held(M1, GIVEN, "B") == GIVEN.of("0.5")

    @pytest.mark.parametrize("policy", ["base", "other"])
    def test_a_choice_names_a_donation_policy(self, policy: str) -> None:
        """A choice for a policy that is none, or takes no choices, is refused."""
        assert Shop(program()).refused(choose("A", policy=policy)) == "unknown_rule"

    def test_who_chose_none_is_told_so(self) -> None:
        """Where nothing is given for want of a charity, the explanation says it."""
        shop = Shop(program(smile(default=None)))
        shop.buy("100.00", id="o")
        assert "the member has chosen no charity" in shop.loyalty.explain("m-1", "o").text

    def test_a_donation_policy_answers_choices_alone(self) -> None:
        """What is for another kind of policy is refused."""
        link = PartnerLinked(id="l", member="m-1", occurred_at=START, policy="smile", partner="uber", account="u-1")
        assert Shop(program()).refused(link) == "wrong_root"

    def test_it_stands_alone(self) -> None:
        """Asked outside of terms, it says what an occasion gives: to the charity, and to its account."""
        lines = (Line(total=USD.of(100)),)
        event = Purchase(id="o", member="m-1", occurred_at=START, lines=lines)
        shop = program()
        units = FrozenMapping({unit.code: unit for unit in shop.units})
        occasion = Occasion(START, M1, event, None, Basis(), shop.calendar, units)
        credit, told = smile().effects(occasion)
        assert isinstance(credit, Credit) and isinstance(told, FollowUp)
        assert (credit.amount, credit.label, told.receiver) == (GIVEN.of("0.5"), "A", A)

    def test_the_same_choice_twice_changes_nothing(self) -> None:
        """Choosing what is chosen already, under another id, writes no entry."""
        shop = Shop(program())
        shop.record(choose("B"))
        assert shop.record(choose("B", id="c-2")).entries == ()

    def test_a_charity_that_new_terms_have_no_more_falls_to_the_default(self) -> None:
        """Who chose a charity that is gone gives to the default."""
        shop = Shop(program(smile(charities=("A", "B"))))
        shop.record(choose("B"))
        shop.program = program(smile(charities=("A", "C")))
        shop.buy("100.00")
        assert shop.held(M1, GIVEN, "A") == GIVEN.of("0.5")


class TestPurchases:
    """A share of purchases, and what comes back of it."""

    def test_a_refund_takes_the_share_from_the_charity_of_the_purchase(self) -> None:
        """What comes back is taken from the charity that the purchase gave to, whatever is chosen by then."""
        shop = Shop(program())
        order = shop.buy("100.00")
        shop.record(choose("B"))
        shop.record(back(order, "40.00"))
        assert shop.held(M1, GIVEN, "A") == GIVEN.of("0.3") == shop.held(A, GIVEN)
        assert shop.held(M1, GIVEN, "B") == GIVEN.of(0) == shop.held(B, GIVEN)

    def test_a_proportional_refund_takes_the_same_from_both_accounts(self) -> None:
        """After the time in which refunds are decided again the share is proportional, here and there."""
        shop = Shop(program(refund_for=days(10)))
        order = shop.buy("100.01")
        shop.record(back(order, "33.33", START + timedelta(days=30)))
        assert shop.held(M1, GIVEN, "A") == shop.held(A, GIVEN)

    def test_multipliers_ceilings_and_activities_are_rules_too(self) -> None:
        """A doubled week, a cap and a bonus for an activity count for the charity."""
        rules = (
            SHARE,
            MultiplierRule(factor=2, of=("share",), name="double"),
            BonusRule(credit=GIVEN.of(1), on=On.ACTIVITY, activity="volunteer", name="hours"),
        )
        shop = Shop(program(smile(rules=rules, ceilings=(Ceiling(name="most", limit=GIVEN.of("1.5"), per=YEAR),))))
        shop.buy("100.00")
        assert shop.held(A, GIVEN) == GIVEN.of(1)
        shop.record(Activity(id="a-1", member="m-1", occurred_at=START, kind="volunteer"))
        assert shop.held(A, GIVEN) == shop.held(M1, GIVEN, "A") == GIVEN.of("1.5")

    def test_an_empty_basket_gives_nothing(self) -> None:
        """A purchase of 0.00 gives nothing and tells no charity."""
        shop = Shop(program())
        lines = (Line(total=USD.of(0)),)
        assert shop.record(Purchase(id="o", member="m-1", occurred_at=START, lines=lines)).follow_ups == ()

    def test_without_a_payout_no_other_account_is_touched(self) -> None:
        """Without a payout all stands on the member's account: nothing is followed up."""
        bound = Shop(program(smile(payout=None)))
        assert not bound.program.follows_up
        bound.buy("100.00")
        assert bound.held(M1, GIVEN, "A") == GIVEN.of("0.5")


class TestRewards:
    """A donated reward counts for the charity that it names."""

    def test_points_that_are_donated_count_by_their_money(self) -> None:
        """200 points to B are 10.00 for B, beside the share of the purchase for A."""
        shop = Shop(program())
        shop.buy("250.00")
        ask = Redemption(id="r", member="m-1", occurred_at=START, reward="give", amount=POINTS.of(200), choices=("B",))
        (benefit,) = shop.record(ask).benefits
        assert (benefit.kind, benefit.item, benefit.amount) == (BenefitKind.DONATION, "B", USD.of(10))
        assert shop.held(M1, GIVEN, "B") == GIVEN.of(10) == shop.held(B, GIVEN)

    def test_a_cancelled_donation_is_taken_back(self) -> None:
        """The points come back, and the charity has nothing of it; a second cancellation is refused."""
        shop = Shop(program())
        shop.buy("250.00")
        shop.record(
            Redemption(id="r", member="m-1", occurred_at=START, reward="give", amount=POINTS.of(200), choices=("B",))
        )
        shop.record(Cancellation(id="x", member="m-1", occurred_at=START, undoes="r"))
        assert shop.held(B, GIVEN) == GIVEN.of(0) == shop.held(M1, GIVEN, "B")
        assert shop.refused(Cancellation(id="y", member="m-1", occurred_at=START, undoes="r")) == "already_ended"
        assert shop.held(B, GIVEN) == GIVEN.of(0) == shop.held(M1, GIVEN, "B")

    def test_a_reserved_donation_counts_when_it_is_captured(self) -> None:
        """A reservation gives nothing yet; the captured part counts, and its cancellation takes it back."""
        shop = Shop(program())
        shop.buy("250.00")
        shop.record(
            Reservation(id="r", member="m-1", occurred_at=START, reward="give", amount=POINTS.of(200), choices=("B",))
        )
        assert shop.held(B, GIVEN) == GIVEN.of(0)
        shop.record(Capture(id="k", member="m-1", occurred_at=START, reservation="r", amount=POINTS.of(100)))
        assert shop.held(B, GIVEN) == GIVEN.of(5)
        shop.record(Cancellation(id="x", member="m-1", occurred_at=START, undoes="r"))
        assert shop.held(B, GIVEN) == GIVEN.of(0) == shop.held(M1, GIVEN, "B")

    def test_a_refund_of_the_purchase_leaves_the_donation(self) -> None:
        """What was donated has left: the purchase that earned the points comes back, and they are owed."""
        shop = Shop(program())
        order = shop.buy("250.00")
        shop.record(
            Redemption(id="r", member="m-1", occurred_at=START, reward="give", amount=POINTS.of(200), choices=("B",))
        )
        shop.record(back(order, "250.00"))
        assert shop.held(M1, POINTS) == POINTS.steps(-200)
        assert shop.held(B, GIVEN) == GIVEN.of(10)

    def test_a_charity_must_be_chosen_among_those_offered(self) -> None:
        """A donation without a charity, or to one that is not offered, is refused."""
        shop = Shop(program())
        shop.buy("250.00")
        for n, choices in enumerate(((), ("C",))):
            ask = Redemption(
                id=f"r-{n}", member="m-1", occurred_at=START, reward="give", amount=POINTS.of(200), choices=choices
            )
            assert shop.refused(ask) == "wrong_choice"

    def test_a_donation_counts_in_the_money_or_the_unit_of_the_policy(self) -> None:
        """Meals count as such; another currency, a thing without a price, and charities of others do not."""
        kinds: dict[str, PayWithPoints | FixedReward] = {
            "in-unit": PayWithPoints(
                name="in-unit", points=POINTS.of(1), value=GIVEN.of(1), kind=BenefitKind.DONATION, items=("B",)
            ),
            "in-points": PayWithPoints(
                name="in-points", points=POINTS.of(1), value=POINTS.of(1), kind=BenefitKind.DONATION, items=("B",)
            ),
            "a-thing": FixedReward(name="a-thing", cost=POINTS.of(1), kind=BenefitKind.DONATION, items=("B",)),
            "of-others": PayWithPoints(
                name="of-others", points=POINTS.of(1), value=USD.of(1), kind=BenefitKind.DONATION, items=("C",)
            ),
            "a-mug": FixedReward(name="a-mug", cost=POINTS.of(1), items=("B",)),
        }
        shop = Shop(program(smile(rules=()), rewards=tuple(kinds.values())))
        shop.buy("100.00")
        for name, reward in kinds.items():
            amount = POINTS.of(3) if isinstance(reward, PayWithPoints) else None
            shop.record(
                Redemption(
                    id=name, member="m-1", occurred_at=START, reward=name, amount=amount, choices=tuple(reward.items)
                )
            )
        assert shop.held(B, GIVEN) == GIVEN.of(3) == shop.held(M1, GIVEN, "B")

    def test_a_release_gives_nothing(self) -> None:
        """A reservation that is given up was no donation."""
        shop = Shop(program())
        shop.buy("250.00")
        shop.record(
            Reservation(id="r", member="m-1", occurred_at=START, reward="give", amount=POINTS.of(200), choices=("B",))
        )
        shop.record(Release(id="x", member="m-1", occurred_at=START, reservation="r"))
        assert shop.held(B, GIVEN) == GIVEN.of(0) == shop.held(M1, GIVEN, "B")


class TestLapsed:
    """What lapses goes to the charity of the member."""

    def test_points_that_end_are_given(self) -> None:
        """150 points end after 90 days, and are worth 1.50 to the charity chosen by then."""
        shop = Shop(program())
        shop.buy("150.00")
        shop.record(choose("B"))
        list(shop.loyalty.run_due(until=START + timedelta(days=100)))
        assert shop.held(M1, POINTS) == POINTS.of(0)
        assert shop.held(B, GIVEN) == GIVEN.of("1.5") == shop.held(M1, GIVEN, "B")

    def test_what_ends_elsewhere_is_not_given(self) -> None:
        """A lot whose life does not say so expires as ever."""
        rule = SpendRule(per=USD.of(1), credit=POINTS.of(1), life=Life(expires_after=days(90)), name="spend")
        base = type(BASE)(name="base", rules=(rule,))
        shop = Shop(program(policies=(base, smile(rules=()))))
        shop.buy("150.00")
        list(shop.loyalty.run_due(until=START + timedelta(days=100)))
        assert shop.held(A, GIVEN) == GIVEN.of(0)

    def test_it_is_rounded_once_for_each_lot(self) -> None:
        """7 points at 1.00 for 300 are 0.02333, rounded down; a lot that is worth nothing gives nothing."""
        shop = Shop(program(smile(rules=(), lapsed=(LapsedShare(per=POINTS.of(300), credit=GIVEN.of("1")),))))
        shop.buy("7.00")
        list(shop.loyalty.run_due(until=START + timedelta(days=100)))
        assert shop.held(M1, GIVEN, "A") == GIVEN.of("0.02333")


class TestPayout:
    """Each charity's account is paid out at the close of the period, from its minimum on."""

    def test_all_members_count_towards_the_minimum(self) -> None:
        """Two members with 2.50 each make 5.00: it is paid at the quarter's end."""
        shop = Shop(program())
        shop.buy("500.00")
        shop.buy("500.00", member="m-2")
        assert paid(shop, A, APRIL) == ["5.00"]
        assert shop.held(A, GIVEN) == GIVEN.of(0)

    def test_what_is_below_the_minimum_is_carried(self) -> None:
        """4.995 is not paid in April; with 0.005 more it is in July."""
        shop = Shop(program(smile(lapsed=())))
        shop.buy("999.00")
        assert paid(shop, A, APRIL) == []
        assert shop.held(A, GIVEN) == GIVEN.of("4.995")
        shop.buy("1.00", APRIL, member="m-2")
        assert paid(shop, A, JULY) == ["5.00"]

    def test_it_is_rounded_once_at_the_payout(self) -> None:
        """5.0225 is paid as 5.02."""
        shop = Shop(program())
        shop.buy("1004.50")
        assert paid(shop, A, APRIL) == ["5.02"]

    def test_what_comes_back_after_it_was_paid_is_owed(self) -> None:
        """A refund after the payout leaves a debt, which the next donations pay first."""
        shop = Shop(program(smile(lapsed=())))
        order = shop.buy("1000.00")
        assert paid(shop, A, APRIL) == ["5.00"]
        shop.record(back(order, "200.00", APRIL))
        assert shop.held(A, GIVEN) == GIVEN.steps(-100_000)
        shop.buy("1200.00", APRIL, member="m-2")
        assert paid(shop, A, JULY) == ["5.00", "5.00"]

    def test_time_alone_pays_once(self) -> None:
        """Run again, nothing is paid again."""
        shop = Shop(program(smile(lapsed=())))
        shop.buy("1000.00")
        assert paid(shop, A, JULY) == ["5.00"]
        assert paid(shop, A, LATER) == ["5.00"]


class TestReport:
    """The report per charity and period, refunds netted in the period in which they happen."""

    def test_gives_and_returns_by_charity_and_quarter(self) -> None:
        """A refund in the second quarter of a purchase of the first counts in the second."""
        shop = Shop(program(smile(lapsed=())))
        order = shop.buy("1000.00")
        shop.record(choose("B"))
        shop.buy("100.00")
        assert paid(shop, A, APRIL) == ["5.00"]
        shop.record(back(order, "200.00", APRIL))
        rows = donations(shop.program, "smile", QUARTER, shop.commits(M1, A, B))
        told = [
            (row.period.key, row.charity, GIVEN.digits(row.given.steps), GIVEN.digits(row.returned.steps), row.paid)
            for row in rows
        ]
        assert told == [
            ("2022-Q1", "A", "5.00000", "0.00000", USD.of(5)),
            ("2022-Q1", "B", "0.50000", "0.00000", USD.of(0)),
            ("2022-Q2", "A", "0.00000", "1.00000", USD.of(0)),
        ]
        assert rows[2].net == GIVEN.steps(-100_000)

    def test_the_order_of_commits_does_not_matter(self) -> None:
        """The commits may come in any order."""
        shop = Shop(program())
        for n in range(4):
            shop.buy(f"{n + 1}00.00", START + timedelta(days=40 * n))
        commits = shop.commits(M1, A)
        assert donations(shop.program, "smile", QUARTER, commits) == donations(
            shop.program, "smile", QUARTER, list(reversed(commits))
        )

    @pytest.mark.parametrize("name", ["base", "nothing"])
    def test_it_is_of_a_donation_policy(self, name: str) -> None:
        """A report of a policy that is none, or another kind, is refused."""
        with pytest.raises(InvalidValueError, match="no donation policy"):
            DonationReport(program(), name, QUARTER)


class TestBadTerms:
    """What does not fit together is refused when the policy is made, or bound."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"charities": ()},
            {"charities": ("A", "A")},
            {"charities": "A"},
            {"charities": ("",)},
            {"default": "C"},
            {"rules": (SpendRule(per=USD.of(1), credit=USD.of("0.01")),)},
            {"rules": (SpendRule(per=USD.of(1), credit=GIVEN.of(1), label="A"),)},
            {"rules": (SpendRule(per=USD.of(1), credit=GIVEN.of(1), life=Life(expires_after=days(1))),)},
            {"lapsed": (LapsedShare(per=POINTS.of(1), credit=USD.of(1)),)},
            {"lapsed": (LapsedShare(per=GIVEN.of(1), credit=GIVEN.of(1)),)},
            {"lapsed": (LapsedShare(per=POINTS.of(1), credit=GIVEN.of(1)),) * 2},
            {"lapsed": (SHARE,)},
            {"money": None},
            {"payout": Payout(pays="USD", paid_as=PaidAs.CREDIT)},
            {"payout": Payout(pays="points", paid_as=PaidAs.MONEY)},
        ],
    )
    def test_parts_that_do_not_fit(self, changes: dict[str, Any]) -> None:
        """Charities are named once, all rules credit the charities' unit, a payout pays its money."""
        with pytest.raises(InvalidValueError):
            smile(**changes)

    @pytest.mark.parametrize("steps", [0, -1])
    def test_amounts_are_above_zero(self, steps: int) -> None:
        """A share of nothing, or per nothing, is refused."""
        with pytest.raises(InvalidValueError):
            LapsedShare(per=POINTS.steps(steps), credit=GIVEN.of(1))
        with pytest.raises(InvalidValueError):
            LapsedShare(per=POINTS.of(1), credit=GIVEN.steps(steps))

    def test_the_unit_is_a_tally(self) -> None:
        """What is the charities' own cannot be a unit that members spend."""
        with pytest.raises(InvalidValueError, match="tally"):
            program(units=(USD, Unit("given", decimals=5), POINTS))

    @pytest.mark.parametrize("units", [(USD, POINTS), (USD, GIVEN), (GIVEN, POINTS)])
    def test_units_are_of_the_terms(self, units: tuple[Unit, ...]) -> None:
        """The unit, the money and what lapses are units of the terms."""
        with pytest.raises(InvalidValueError, match="no unit of the terms"):
            program(units=units, policies=(smile(),), rewards=(GIVE,) if POINTS in units else ())

    def test_a_payout_and_a_ceiling_have_names_of_their_own(self) -> None:
        """Both would keep one tally."""
        with pytest.raises(InvalidValueError, match="one name"):
            program(smile(ceilings=(Ceiling(name=PAYOUT.name, limit=GIVEN.of(1), per=YEAR),)))
