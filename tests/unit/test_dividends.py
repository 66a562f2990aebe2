"""Dividends: patronage becomes a right at the record date, and a right a share of what is declared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit_cooperative import JUNE, MARCH, SPEND, Cooperative, declared, dividend, pool, rate
from unit_shop import POINTS, USD

from patronage import (
    Account,
    BenefitKind,
    InvalidValueError,
    Line,
    LineKind,
    PayWithPoints,
    Redemption,
    RejectedError,
    RejectionCode,
    Rounding,
    State,
    StatusGrant,
    Unit,
    UnitKind,
)
from patronage.accounts import system
from patronage.base import Base
from patronage.conditions import HasGrant, Tag
from patronage.dividends import ClassAllocated, ClassDeclared, DividendAllocated, DividendShare, allocated, share_of
from patronage.events import Merge
from patronage.ledger import Source
from patronage.loyalty import Loyalty
from patronage.memberships import MembershipRenewed
from patronage.occasions import Life
from patronage.periods import LIFETIME
from patronage.policies.dividend import BelowMinimum, LateReturns, PatronageClass, SharedBy
from patronage.policies.payouts import PaidAs
from patronage.sharing import Cut, cut_of
from patronage.terms_of_time import Rolling, days, months, years
from patronage.units import OddStep

NEW_YEAR = datetime(2025, 1, 1, 6, tzinfo=UTC)
"""Midnight in Chicago."""


def bought(policy: Any, **totals: str) -> Cooperative:
    """A co-operative in which each member named bought for so much in June."""
    coop = Cooperative(policy)
    for member, total in totals.items():
        coop.buy(member, total)
    return coop


class TestShares:
    def test_a_pool_is_shared_in_proportion_to_patronage(self) -> None:
        """To the last cent: the odd one goes to the largest remainder."""
        coop = bought(dividend(), ann="10.00", bob="10.00", cid="10.01")
        coop.pay(declared(pool("10.00")))
        assert [coop.held(member) for member in ("ann", "bob", "cid")] == ["3.33", "3.33", "3.34"]
        coop.audit()

    @pytest.mark.parametrize(
        ("by", "shares"),
        [
            (SharedBy.LARGEST_REMAINDER, ["0.04", "0.03", "0.03"]),
            (SharedBy.FIRST, ["0.04", "0.03", "0.03"]),
            (SharedBy.LAST, ["0.03", "0.03", "0.04"]),
            (SharedBy.ROUNDED, ["0.03", "0.03", "0.03"]),
        ],
    )
    def test_who_gets_the_odd_cent_is_named(self, by: SharedBy, shares: list[str]) -> None:
        """Equals: the lower id with the largest remainder; or each is rounded on its own."""
        coop = bought(dividend(shared_by=by), ann="1.00", bob="1.00", cid="1.00")
        coop.pay(declared(pool("0.10")))
        assert [coop.held(member) for member in ("ann", "bob", "cid")] == shares

    def test_a_rate_is_rounded_for_each_member(self) -> None:
        """10% of 550.85: 55.085, half up unless told."""
        for rounding, expected in ((Rounding.HALF_UP, "55.09"), (Rounding.HALF_EVEN, "55.08")):
            coop = bought(dividend(rounding=rounding), ann="538.85")
            coop.buy("ann", "12.00")
            coop.pay(declared(rate("0.10")))
            assert coop.held("ann") == expected

    def test_each_class_has_a_pool_or_rate_of_its_own(self) -> None:
        """Grain by the bushel, supplies by the dollar; a quantity counts in its decimals."""
        grain = PatronageClass(name="grain", activity="delivery", measure="bushels", decimals=1)
        coop = Cooperative(dividend(classes=[grain, SPEND]))
        coop.deliver("ann", "500.05")
        coop.deliver("bob", "1500")
        coop.buy("bob", "100.00")
        coop.pay(declared(pool("200.00", "grain"), rate("5.00", per="100")))
        assert (coop.held("ann"), coop.held("bob")) == ("50.00", "155.00")

    def test_a_class_counts_what_it_says(self) -> None:
        """No sale goods, no gift cards, no money that points paid; a measure or a quantity of lines."""
        spend = PatronageClass(currency="USD", lines=Tag(["own"]), base=Base(kinds=[LineKind.GOODS]))
        items = PatronageClass(name="items")
        litres = PatronageClass(name="litres", measure="litres", decimals=2)
        coop = Cooperative(dividend(classes=[spend, items, litres]))
        coop.buy("ann", Line(total=USD.of("20.00"), tags=("own",), quantity=3, measures={"litres": "1.259"}))
        coop.buy("ann", "50.00")
        coop.pay(declared(rate("1.00"), rate("0.01", "items"), rate("1.00", "litres")))
        assert coop.held("ann") == "21.29"  # 20.00, 4 items, 1.25 litres.

    def test_patronage_above_the_most_does_not_count(self) -> None:
        """Neither for the member nor in the sum of all."""
        coop = bought(dividend(classes=[PatronageClass(currency="USD", most="6000")]), ann="7250.50", bob="6000.00")
        coop.pay(declared(pool("100.00")))
        assert (coop.held("ann"), coop.held("bob")) == ("50.00", "50.00")

    def test_a_period_is_paid_by_itself(self) -> None:
        """What is bought in the first instant of the next year is that year's."""
        coop = bought(dividend(), ann="100.00")
        coop.buy("ann", "200.00", at=NEW_YEAR)
        coop.pay(declared(rate("0.10")))
        assert coop.held("ann") == "10.00"
        later = datetime(2026, 3, 1, tzinfo=UTC)
        coop.pay(declared(rate("0.10"), id="d-2025", at=later, of=NEW_YEAR))
        assert coop.held("ann") == "30.00"


class TestRecordDate:
    def test_who_is_not_eligible_gets_nothing(self) -> None:
        """Asked at the record date, not at the purchase; what they bought is not in the sum."""
        coop = Cooperative(dividend(eligible=HasGrant("owner"), record=months(1)))
        for member, until in (("ann", None), ("bob", NEW_YEAR + timedelta(days=30)), ("cid", None)):
            coop.buy(member, "100.00")
            if member != "cid":
                about: dict[str, Any] = {"id": f"s-{member}", "member": member, "occurred_at": JUNE + timedelta(days=1)}
                coop.tell(StatusGrant(**about, key="owner", until=until, actor="desk", reason="joined"))
        outcomes = coop.pay(declared(pool("10.00")))
        assert [outcome.account.id for outcome in outcomes] == ["ann"]
        assert coop.held("ann") == "10.00"

    def test_an_owner_until_the_close_is_one_at_the_close(self) -> None:
        """At the close, what ends at its instant is read as alive."""
        coop = Cooperative(dividend(eligible=HasGrant("owner")))
        coop.buy("ann", "100.00")
        about: dict[str, Any] = {"id": "s-1", "member": "ann", "occurred_at": JUNE + timedelta(days=1)}
        coop.tell(StatusGrant(**about, key="owner", until=NEW_YEAR, actor="desk", reason="joined"))
        coop.pay(declared(pool("10.00")))
        assert coop.held("ann") == "10.00"

    def test_a_right_ends_when_it_has_not_been_paid_for_long(self) -> None:
        """Two years unless told."""
        coop = bought(dividend(open_for=days(30)), ann="100.00")
        with pytest.raises(InvalidValueError, match="every weight is 0"):
            coop.pay(declared(pool("10.00")))

    def test_the_count_is_kept_until_the_record_date(self) -> None:
        """Also where that lies behind the time in which refunds count."""
        coop = bought(dividend(record=months(14), open_for=years(1)), ann="100.00")
        coop.pay(declared(pool("10.00"), at=datetime(2026, 3, 1, 7, tzinfo=UTC)))
        assert coop.held("ann") == "10.00"


class TestReturns:
    def test_before_the_record_date_they_lower_the_period(self) -> None:
        """As if it had not been bought."""
        coop = Cooperative(dividend(record=months(2)))
        order = coop.buy("ann", "300.00")
        coop.refund("ann", order, "100.00", at=datetime(2025, 1, 20, tzinfo=UTC))
        coop.pay(declared(rate("0.10")))
        assert coop.held("ann") == "20.00"

    def test_until_patronage_is_final_they_open_the_record_again(self) -> None:
        """The right falls; a full return ends it."""
        coop = Cooperative(dividend(returns=days(40)))
        orders = {member: coop.buy(member, "300.00") for member in ("ann", "bob")}
        coop.refund("ann", orders["ann"], "100.00", at=datetime(2025, 1, 20, tzinfo=UTC))
        coop.refund("bob", orders["bob"], at=datetime(2025, 1, 20, tzinfo=UTC))
        outcomes = coop.pay(declared(pool("100.00")))
        assert [outcome.account.id for outcome in outcomes] == ["ann"]
        assert coop.held("ann") == "100.00"
        coop.audit()

    def test_later_ones_lower_the_next_periods(self) -> None:
        """What the next period cannot bear is carried on; the dividend that was paid stays."""
        coop = Cooperative(dividend())
        first = coop.buy("ann", "200.00")
        coop.pay(declared(rate("0.10")))
        coop.refund("ann", first, at=datetime(2025, 5, 1, tzinfo=UTC))
        coop.buy("ann", "150.00", at=datetime(2025, 6, 1, tzinfo=UTC))
        coop.buy("ann", "80.00", at=datetime(2026, 6, 1, tzinfo=UTC))
        assert coop.held("ann") == "20.00"
        for year in (2026, 2027):
            at = datetime(year, 3, 1, tzinfo=UTC)
            coop.pay(declared(rate("0.10"), id=f"d-{year}", at=at, of=at - timedelta(days=200)))
        assert coop.held("ann") == "23.00"
        coop.audit()

    def test_what_was_netted_is_late_again_where_its_purchase_comes_back(self) -> None:
        """A return of what earlier returns were taken off cannot make them vanish."""
        coop = Cooperative(dividend())
        first = coop.buy("ann", "200.00")
        coop.pay(declared(rate("0.10")))
        coop.refund("ann", first, at=datetime(2025, 5, 1, tzinfo=UTC))
        second = coop.buy("ann", "150.00", at=datetime(2025, 6, 1, tzinfo=UTC))
        coop.refund("ann", second, at=datetime(2026, 2, 1, tzinfo=UTC))
        coop.buy("ann", "500.00", at=datetime(2026, 6, 1, tzinfo=UTC))
        at = datetime(2027, 3, 1, tzinfo=UTC)
        coop.pay(declared(rate("0.10"), id="d-2026", at=at, of=at - timedelta(days=200)))
        assert coop.held("ann") == "50.00"  # 20.00 for what came back, and 500.00 - 200.00.

    def test_they_may_be_dropped(self) -> None:
        """Then a late return lowers nothing."""
        coop = Cooperative(dividend(late_returns=LateReturns.DROPPED))
        first = coop.buy("ann", "200.00")
        coop.pay(declared(rate("0.10")))
        coop.refund("ann", first, at=datetime(2025, 5, 1, tzinfo=UTC))
        coop.buy("ann", "150.00", at=datetime(2025, 6, 1, tzinfo=UTC))
        at = datetime(2026, 3, 1, tzinfo=UTC)
        coop.pay(declared(rate("0.10"), id="d-2025", at=at, of=at - timedelta(days=200)))
        assert coop.held("ann") == "35.00"

    def test_above_the_most_they_change_nothing(self) -> None:
        """What did not count is not taken off."""
        coop = Cooperative(dividend(classes=[PatronageClass(currency="USD", most="100")]))
        first = coop.buy("ann", "150.00")
        coop.pay(declared(rate("0.10")))
        coop.refund("ann", first, "70.00", at=datetime(2025, 5, 1, tzinfo=UTC))
        coop.buy("ann", "50.00", at=datetime(2025, 6, 1, tzinfo=UTC))
        at = datetime(2026, 3, 1, tzinfo=UTC)
        coop.pay(declared(rate("0.10"), id="d-2025", at=at, of=at - timedelta(days=200)))
        assert coop.held("ann") == "13.00"  # 10.00, and 50.00 - 20.00.

    def test_of_who_was_not_eligible_they_change_nothing(self) -> None:
        """For what came back nobody was to be paid."""
        coop = Cooperative(dividend(eligible=HasGrant("owner")))
        first = coop.buy("ann", "200.00")
        coop.refund("ann", first, at=datetime(2025, 5, 1, tzinfo=UTC))
        about: dict[str, Any] = {"id": "s-1", "member": "ann", "occurred_at": datetime(2025, 5, 2, tzinfo=UTC)}
        coop.tell(StatusGrant(**about, key="owner", actor="desk", reason="joined"))
        coop.buy("ann", "150.00", at=datetime(2025, 6, 1, tzinfo=UTC))
        at = datetime(2026, 3, 1, tzinfo=UTC)
        coop.pay(declared(rate("0.10"), id="d-2025", at=at, of=at - timedelta(days=200)))
        assert coop.held("ann") == "15.00"


class TestMinimum:
    def test_what_is_too_little_is_carried_to_the_next_dividend(self) -> None:
        """It is owed, cannot be spent, and counts for the next minimum."""
        coop = bought(dividend(minimum=USD.of("5.00")), ann="30.00", bob="100.00")
        coop.pay(declared(rate("0.10")))
        assert (coop.held("ann"), coop.held("ann", "dividend.carried"), coop.held("bob")) == ("0.00", "3.00", "10.00")
        coop.buy("ann", "20.00", at=MARCH + timedelta(days=1))
        at = datetime(2026, 3, 1, tzinfo=UTC)
        coop.pay(declared(rate("0.10"), id="d-2025", at=at, of=NEW_YEAR))
        assert (coop.held("ann"), coop.held("ann", "dividend.carried")) == ("5.00", "0.00")
        coop.audit()

    @pytest.mark.parametrize(("below", "donated"), [(BelowMinimum.DONATED, "3.00"), (BelowMinimum.DROPPED, "0.00")])
    def test_or_donated_or_not_paid(self, below: BelowMinimum, donated: str) -> None:
        """Either way the entries say what became of it."""
        coop = bought(dividend(minimum=USD.of("5.00"), below_minimum=below), ann="30.00")
        coop.pay(declared(pool("3.00")))
        assert (coop.held("ann"), coop.went_to("donated"), coop.declared_to("ann")) == ("0.00", donated, 300)
        assert coop.held("ann", "dividend.below") == "0.00"

    def test_the_minimum_is_asked_after_rounding_unless_told(self) -> None:
        """4.99995 is 5.00 once rounded."""
        for exact, paid in ((False, "5.00"), (True, "0.00")):
            policy = dividend(minimum=USD.of("5.00"), minimum_exact=exact, shared_by=SharedBy.ROUNDED)
            coop = bought(policy, ann="999.99", rest="999000.01")
            coop.pay(declared(pool("5000.00")))
            assert coop.held("ann") == paid


class TestCashAndRetained:
    def test_a_share_is_paid_and_the_rest_retained(self) -> None:
        """Cash is rounded up unless told, so that it is never less than the share."""
        coop = bought(dividend(cash="0.20"), ann="1.00", bob="2.00")
        coop.pay(declared(pool("1.00")))
        assert (coop.held("ann"), coop.held("ann", "equity")) == ("0.07", "0.26")
        assert (coop.held("bob"), coop.held("bob", "equity")) == ("0.14", "0.53")

    def test_a_qualified_dividend_pays_a_fifth_in_cash_at_least(self) -> None:
        """Below it the policy is refused; rounding down never falls below it."""
        with pytest.raises(InvalidValueError, match=r"a fifth at least \(0.20\)"):
            dividend(cash="0.19", qualified=True)
        coop = bought(dividend(cash="0.20", cash_rounding=Rounding.FLOOR, qualified=True), ann="1.00")
        coop.pay(declared(pool("0.33")))
        assert (coop.held("ann"), coop.held("ann", "equity")) == ("0.07", "0.26")

    def test_cash_may_be_money_or_a_voucher(self) -> None:
        """The shop is told of either; money leaves the ledger at once."""
        for paid_as, kind, held in (
            (PaidAs.MONEY, BenefitKind.PAYOUT, "0.00"),
            (PaidAs.VOUCHER, BenefitKind.VOUCHER, "5.00"),
        ):
            coop = bought(dividend(paid_as=paid_as, cash="0.50"), ann="100.00")
            (outcome,) = coop.pay(declared(rate("0.10")))
            assert outcome.decision is not None
            assert [(b.kind, b.amount) for b in outcome.decision.benefits] == [(kind, USD.of("5.00"))]
            assert (coop.held("ann", "dividend"), coop.held("ann", "equity")) == (held, "5.00")
            assert coop.went_to("paid_out") == ("5.00" if paid_as is PaidAs.MONEY else "0.00")

    def test_retained_shares_revolve(self) -> None:
        """After their term they are paid out in money."""
        coop = bought(dividend(cash="0.20", revolves_after=years(7)), ann="100.00")
        coop.pay(declared(rate("0.10")))
        due = datetime(2032, 3, 1, 12, tzinfo=UTC)
        assert coop.held("ann", "equity", due - timedelta(seconds=1)) == "8.00"
        coop.now = due
        (outcome,) = coop.loyalty.run_due(due)
        assert outcome.decision is not None
        assert [(b.kind, b.amount) for b in outcome.decision.benefits] == [(BenefitKind.PAYOUT, USD.of("8.00"))]
        assert (coop.held("ann", "equity"), coop.held("ann"), coop.went_to("paid_out")) == ("0.00", "2.00", "8.00")

    def test_what_is_not_claimed_goes_to_charity_or_equity(self) -> None:
        """At the end of its life, or at the date that was declared."""
        for to in ("donated", "equity"):
            policy = dividend(cash="0.20", life=Life(goes_to=system(to)))
            coop = Cooperative(policy, rewards=[PayWithPoints(name="spend", points=USD.of(1), value=USD.of(1))])
            coop.buy("ann", "100.00")
            coop.buy("bob", "100.00")
            coop.pay(declared(pool("20.00"), expires_at=MARCH + timedelta(days=100)))
            at = MARCH + timedelta(days=99)
            claim = Redemption(id="c-1", member="ann", occurred_at=at, reward="spend", amount=USD.of("2.00"))
            coop.tell(claim).require()
            coop.now = MARCH + timedelta(days=100)
            list(coop.loyalty.run_due(coop.now))
            assert (coop.held("bob"), coop.held("bob", "equity"), coop.went_to(to)) == ("0.00", "8.00", "2.00")

    def test_it_is_issued_on_its_date(self) -> None:
        """Not when it is declared; and it lives from then on."""
        coop = bought(dividend(life=Life(expires_after=years(2))), ann="100.00")
        issue = datetime(2025, 3, 13, 5, tzinfo=UTC)
        event = declared(rate("0.10"), issue_at=issue)
        coop.now = MARCH
        with pytest.raises(InvalidValueError, match=r"is issued at 2025-03-13T05:00:00\.000000Z, and the clock"):
            list(coop.loyalty.pay_dividend(event))
        coop.pay(event)
        assert coop.held("ann") == "10.00"
        end = datetime(2027, 3, 13, 6, tzinfo=UTC)  # Midnight, before daylight saving time.
        assert (coop.held("ann", at=end - timedelta(seconds=1)), coop.held("ann", at=end)) == ("10.00", "0.00")


class TestRuns:
    def test_stopped_and_run_again_each_is_paid_once(self) -> None:
        """After any member, with any page; the sum is the pool."""
        members = [f"m-{n}" for n in range(7)]
        for stop in range(8):
            coop = bought(dividend(), **dict.fromkeys(members, "1.00"))
            coop.now = MARCH
            run = coop.loyalty.pay_dividend(declared(pool("1.00")), page=2)
            for _ in range(stop):
                next(run)
            run.close()  # type: ignore[attr-defined]
            rest = coop.pay(declared(pool("1.00")), page=3)
            assert len(rest) == 7 - stop
            assert sum(coop.declared_to(member) for member in members) == 100
            assert coop.pay(declared(pool("1.00"))) == []

    def test_the_allocation_is_stored_once_with_the_declaration(self) -> None:
        """On the shared account of the policy."""
        coop = bought(dividend(), ann="1.00", bob="2.00")
        coop.pay(declared(pool("1.00")))
        commits = coop.commits(Account.shared("dividend"))
        assert [type(commit.event).__name__ for commit in commits] == ["DividendDeclared", "DividendAllocated"]
        event = commits[1].event
        assert isinstance(event, DividendAllocated)
        assert event.classes[0].cut.weight == 300

    def test_a_declaration_recorded_before_is_paid_all_the_same(self) -> None:
        """The board may declare in February what is paid in March."""
        coop = bought(dividend(), ann="1.00")
        event = declared(pool("1.00"), at=datetime(2025, 2, 1, tzinfo=UTC), issue_at=MARCH)
        coop.tell(event).require()
        coop.pay(event)
        assert coop.held("ann") == "1.00"

    def test_a_failing_member_is_told_and_passed(self) -> None:
        """And paid by the next run."""
        coop = bought(dividend(), ann="1.00", bob="1.00")
        coop.now = MARCH
        append, broken = coop.ledger.append, [True]

        def failing(commits: Any, /) -> None:
            shares = [commit for commit in commits if isinstance(commit.event, DividendShare)]
            if broken[0] and any(commit.account.id == "ann" for commit in shares):
                raise OSError("the disk is full")
            append(commits)

        coop.ledger.append = failing  # type: ignore[method-assign]
        outcomes = list(coop.loyalty.pay_dividend(declared(pool("1.00"))))
        assert [(o.account.id, type(o.error)) for o in outcomes] == [("ann", OSError), ("bob", type(None))]
        broken[0] = False
        coop.pay(declared(pool("1.00")))
        assert (coop.held("ann"), coop.held("bob")) == ("0.50", "0.50")

    def test_a_share_finds_the_account_later_than_its_instant(self) -> None:
        """It takes effect at the account's clock."""
        coop = bought(dividend(), ann="100.00")
        coop.buy("ann", "1.00", at=MARCH + timedelta(days=3))
        coop.pay(declared(rate("0.10")))
        assert coop.held("ann") == "10.00"


def again(coop: Cooperative, **fields: Any) -> RejectionCode:
    """The code by which a declaration is refused."""
    with pytest.raises(RejectedError) as error:
        coop.pay(declared(*fields.pop("classes", [rate("0.10")]), **fields))
    return RejectionCode(error.value.code)


class TestRefused:
    def test_a_dividend_is_declared_once_for_a_period(self) -> None:
        """Another id, another rate: refused, and nobody is paid again."""
        coop = bought(dividend(), ann="100.00")
        coop.pay(declared(rate("0.10")))
        assert again(coop, id="d-other", classes=[rate("0.20")]) is RejectionCode.ALREADY_DECLARED
        assert coop.held("ann") == "10.00"

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"classes": [rate("0.10", "grain")]}, RejectionCode.UNKNOWN_RULE),
            ({"policy": "nobody"}, RejectionCode.UNKNOWN_RULE),
            ({"classes": [ClassDeclared(credit=POINTS.of(1))]}, RejectionCode.WRONG_UNIT),
            ({"at": NEW_YEAR - timedelta(seconds=1)}, RejectionCode.PATRONAGE_OPEN),
            (
                {"at": NEW_YEAR - timedelta(seconds=1), "classes": [ClassDeclared(credit=POINTS.of(1))]},
                RejectionCode.PATRONAGE_OPEN,
            ),
        ],
    )
    def test_a_declaration_that_fits_nothing(self, fields: Any, code: RejectionCode) -> None:
        """An unknown class, policy or unit, or too early; where several hold, the first of the list is given."""
        coop = bought(dividend(), ann="100.00")
        assert again(coop, **fields) is code
        assert coop.held("ann") == "0.00"
        assert [commit for commit in coop.commits(Account.shared("dividend")) if commit.refusal is None] == []

    def test_a_share_without_a_right(self) -> None:
        """Paid already, or never a member: a final refusal."""
        coop = bought(dividend(), ann="100.00")
        event = declared(rate("0.10"))
        coop.pay(event)
        other = declared(rate("0.10"), id="d-other")
        for member, share in (("ann", other), ("new", event)):
            decision = coop.loyalty.record(share_of(share, None, member))
            assert decision.code is RejectionCode.NO_PATRONAGE  # type: ignore[union-attr]
        assert coop.held("ann") == "10.00"

    def test_a_membership_event_for_a_dividend(self) -> None:
        """It names a policy of another kind."""
        coop = bought(dividend(), ann="100.00")
        event = MembershipRenewed(id="b-1", member="ann", occurred_at=MARCH, policy="dividend")
        assert coop.tell(event).code is RejectionCode.WRONG_ROOT  # type: ignore[union-attr]

    def test_an_allocation_of_no_declaration(self) -> None:
        """Not yet: the declaration may still come."""
        coop = bought(dividend(), ann="100.00")
        event = allocated(declared(pool("1.00")), {"patronage": cut_of(100, lambda: [("ann", 1)])})
        coop.now = MARCH
        assert coop.loyalty.record(event).code is RejectionCode.UNKNOWN_ROOT  # type: ignore[union-attr]

    def test_a_declaration_is_no_members_event(self) -> None:
        """It stands on the shared account alone."""
        coop = Cooperative(dividend())
        with pytest.raises(InvalidValueError, match="The event is of 'dividend'"):
            coop.program.decide(State.of("dividend"), declared(rate("0.10")))

    def test_a_store_that_cannot_list_its_accounts(self) -> None:
        """Then nobody can be found to be paid."""

        class Plain:
            """Loads, appends and reads alone."""

            def __init__(self, coop: Cooperative) -> None:
                self.load, self.append = coop.ledger.load, coop.ledger.append
                self.history, self.due = coop.ledger.history, coop.ledger.due

        coop = bought(dividend(), ann="100.00")
        loyalty = Loyalty(coop.program, Plain(coop), clock=lambda: MARCH)
        with pytest.raises(InvalidValueError, match="must list its accounts"):
            loyalty.pay_dividend(declared(rate("0.10")))

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda: pool("0.00"),
            lambda: pool("-1.00"),
            lambda: rate("0.00"),
            lambda: rate("0.10", per="0"),
            lambda: rate("0.10", per="-1"),
            ClassDeclared,
            lambda: ClassDeclared(pool=USD.of(1), credit=USD.of(1)),
            lambda: ClassDeclared(pool=USD.of(1), per="2"),
            declared,
            lambda: declared(pool("1.00"), pool("2.00")),
            lambda: declared(pool("1.00"), ClassDeclared(name="b", pool=POINTS.of(1))),
            lambda: declared(pool("1.00"), issue_at=MARCH - timedelta(seconds=1)),
            lambda: declared(pool("1.00"), expires_at=MARCH),
            lambda: declared(pool("1.00"), issue_at=MARCH + timedelta(days=2), expires_at=MARCH + timedelta(days=1)),
            lambda: declared(pool("1.00"), member="ann"),
            lambda: declared(pool("1.00"), of=datetime(2024, 1, 1)),
            lambda: dividend(period=LIFETIME),
            lambda: dividend(period=Rolling(term=years(1))),
            lambda: dividend(classes=[]),
            lambda: dividend(classes=[SPEND, SPEND]),
            lambda: dividend(minimum=USD.of(0)),
            lambda: dividend(minimum=POINTS.of(1)),
            lambda: dividend(minimum_exact=True),
            lambda: dividend(cash="1.01"),
            lambda: dividend(cash="-0.1"),
            lambda: dividend(cash="1/0"),
            lambda: dividend(cash=0.5),
            lambda: dividend(donated_to=Account.member("ann")),
            lambda: dividend(paid_as=PaidAs.MONEY, label="x"),
            lambda: dividend(revolves_after=years(7), retained_life=Life(expires_after=years(1))),
            lambda: dividend(label="equity"),
            lambda: dividend(life=Life(on_confirmation=True)),
            lambda: PatronageClass(currency="USD", measure="km"),
            lambda: PatronageClass(activity="delivery", lines=Tag(["own"])),
            lambda: PatronageClass(currency="USD", most="0"),
            lambda: PatronageClass(decimals=13),
            lambda: PatronageClass(name="a/b"),
            lambda: PatronageClass(name="~late"),
            lambda: Cooperative(dividend(credits="EUR")),
            lambda: Cooperative(dividend(classes=[PatronageClass(currency="EUR")])),
            lambda: Cooperative(dividend()).loyalty.pay_dividend(declared(pool("1.00")), page=0),
            lambda: Cooperative(dividend()).loyalty.pay_dividend("d-2024"),  # type: ignore[arg-type]
            lambda: share_of(declared(pool("1.00")), None, "ann"),
            lambda: allocated(declared(pool("1.00")), {}),
            lambda: allocated(declared(pool("1.00")), {"patronage": cut_of(99, lambda: [("ann", 1)])}),
        ],
    )
    def test_bad_input_is_a_plain_error(self, wrong: Callable[[], object]) -> None:
        """Zero and negative amounts, two of one, windows that end before they start, what does not go together."""
        with pytest.raises(InvalidValueError, match=r"\.$"):
            wrong()

    def test_an_allocation_of_another_declaration(self) -> None:
        """Its figures are another pool's."""
        event = declared(pool("1.00"))
        other = allocated(declared(pool("1.00"), id="d-x"), {"patronage": cut_of(100, lambda: [("ann", 1)])})
        with pytest.raises(InvalidValueError, match="not of 'd-2024'"):
            share_of(event, other, "ann")


class TestSharing:
    def test_a_cut_is_a_few_numbers(self) -> None:
        """Whoever the members are: what each gets follows from it, the key and the weight."""
        cut = cut_of(10, lambda: [("a", 1), ("b", 1), ("c", 1)])
        assert cut == Cut(total=10, weight=3, members=3, odd=OddStep.LARGEST_REMAINDER, left=1, least=1, last="a")
        assert [cut.share(key, 1) for key in "abc"] == [4, 3, 3]
        assert cut.share("d", 0) == 0

    @pytest.mark.parametrize(
        ("total", "weights"),
        [(10, [("a", -1)]), (10, [("b", 1), ("a", 1)]), (10, [("a", 1), ("a", 1)]), (10, [("a", 0)]), (-1, [("a", 1)])],
    )
    def test_weights_that_cannot_be(self, total: int, weights: list[tuple[str, int]]) -> None:
        """Below zero, out of order, a key twice, all of them 0; a total below zero."""
        with pytest.raises(InvalidValueError):
            cut_of(total, lambda: weights)

    def test_a_generator_that_runs_dry_is_found_out(self) -> None:
        """The second reading differs from the first."""
        weights = iter([("a", 1), ("b", 2)])
        with pytest.raises(InvalidValueError, match="changed while they were read"):
            cut_of(10, lambda: weights)


def test_a_dividend_is_explained() -> None:
    """A member sees the patronage, the pool, and the sum that it is a part of."""
    coop = bought(dividend(cash="0.20"), ann="1000.00", bob="99000.00")
    coop.pay(declared(pool("5000.00")))
    share = coop.commits("ann")[-1]
    explained = coop.loyalty.explain("ann", share.event.id)
    assert explained.reproduced
    told = str(explained)
    assert "10.00 USD of the dividend for 2024" in told
    assert "patronage 1000.00 of 100000.00, of a pool of 5000.00 USD" in told
    record = coop.commits("ann")[-2]
    assert "a right to a share of the dividend for 2024, on 1000.00 of patronage" in str(
        coop.loyalty.explain("ann", record.event.id)
    )
    board = coop.loyalty.explain(Account.shared("dividend"), "d-2024")
    assert "declared on" in str(board)
    assert "a pool of 5000.00 USD for patronage" in str(board)


def test_what_is_kept_count_of_is_told() -> None:
    """Patronage with its decimals, the record date, what came back late and what it lowers."""
    grain = PatronageClass(name="grain", activity="delivery", measure="bushels", decimals=1)
    coop = Cooperative(dividend(classes=[SPEND, grain], record=months(1)))
    order = coop.buy("ann", "100.00")
    coop.deliver("ann", "10.5")
    coop.pay(declared(rate("0.10")))
    coop.refund("ann", order, "40.00", at=datetime(2025, 5, 1, tzinfo=UTC))
    coop.buy("ann", "300.00", at=datetime(2025, 6, 1, tzinfo=UTC))
    coop.now = datetime(2026, 3, 1, tzinfo=UTC)
    list(coop.loyalty.run_due(coop.now))
    told = [
        entry.item.sentence
        for commit in coop.commits("ann")
        for entry in coop.loyalty.explain("ann", commit.event.id).entries
    ]
    for sentence in (
        "100.00 USD of patronage counted for policy dividend in 2024.",
        "10.5 grain of patronage counted for policy dividend in 2024.",
        "Rule patronage of policy dividend looks at its period again on the record date, 1 February 2025.",
        "The record date of rule patronage for 2024 came.",
        "40.00 USD of patronage no longer counted for policy dividend in 2024.",
        "40.00 USD of returns noted: they lower a later period of rule patronage.",
        "40.00 USD of late returns taken off a period of rule patronage.",
        "40.00 USD of earlier returns taken off rule patronage in 2025.",
        "Now held: a right to a share of the dividend for 2025, on 260.00 of patronage, until the end of "
        "31 January 2028.",
    ):
        assert sentence in told


def test_a_quantity_in_points() -> None:
    """What is credited need not be money."""
    stars = Unit("stars", kind=UnitKind.REDEEMABLE)
    coop = Cooperative(dividend(credits="stars", classes=[PatronageClass()]), units=[stars])
    coop.buy("ann", Line(total=USD.of("5.00"), quantity=4))
    coop.pay(declared(ClassDeclared(credit=stars.of(3), per="2")))
    assert coop.loyalty.standing("ann").available(stars) == stars.of(6)


def test_a_share_states_where_it_comes_from() -> None:
    """Its id follows from the declaration and the member."""
    event = declared(pool("1.00"))
    cut = cut_of(100, lambda: [("ann", 1)])
    share = share_of(event, allocated(event, {"patronage": cut}), "ann")
    assert share.origin == Source(Account.shared("dividend"), "d-2024")
    assert share.allocated == (ClassAllocated(name="patronage", cut=cut),)
    assert share.id.startswith("~s/")
    assert share.id != share_of(event, allocated(event, {"patronage": cut}), "bob").id


def test_the_survivor_of_a_merge_gets_both_shares() -> None:
    """Also where both had the same patronage; what the old account returns later is netted by the survivor."""
    coop = bought(dividend(), ann="100.00", bob="100.00", cid="200.00")
    coop.now = NEW_YEAR
    list(coop.loyalty.run_due(NEW_YEAR))
    at = NEW_YEAR + timedelta(days=1)
    coop.tell(Merge(id="merge", member="ann", occurred_at=at, into="bob", actor="desk", reason="twice")).require()
    coop.pay(declared(pool("40.00")))
    assert (coop.held("bob"), coop.held("cid")) == ("20.00", "20.00")
    assert coop.refund("ann", "o-1", at=MARCH + timedelta(days=9)).accepted
    coop.buy("bob", "300.00", at=MARCH + timedelta(days=10))
    at = datetime(2026, 3, 1, tzinfo=UTC)
    coop.pay(declared(rate("0.10"), id="d-2025", at=at, of=at - timedelta(days=200)))
    assert coop.held("bob") == "40.00"  # 20.00, and a tenth of 300.00 - 100.00.
    coop.audit()
