"""Memberships: terms from an anchor, trials, charges, perks, changes, cancellations and what they give back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from unit_shop import POINTS, TICK, USD, Member, earned

from patronage import (
    Accepted,
    Activity,
    BenefitKind,
    Decision,
    Event,
    InvalidValueError,
    MembershipPolicy,
    PointsPolicy,
    Program,
    QuantityRule,
    Rejected,
    RejectionCode,
    SpendRule,
    StatusGrant,
    Terms,
    Unit,
    UnitKind,
)
from patronage.audit import audit
from patronage.conditions import HasGrant
from patronage.memberships import MembershipCancelled, MembershipChanged, MembershipRenewed, MembershipStarted
from patronage.plans import Back, FeeBack, Plan, Renewal, TermsFrom
from patronage.terms_of_time import Until, business_days, days, months, years
from patronage.thresholds import GiveBenefit, GiveConverted, GiveCredit, GiveGrant

WORTH = Unit("worth", decimals=2, kind=UnitKind.TALLY)
MONTHLY = Plan(name="monthly", fee=USD.of("14.99"), term=months(1), trial=days(30))
ANNUAL = Plan(name="annual", fee=USD.of("139.00"), term=years(1), trial=days(30))
BENEFITS = QuantityRule(activity="benefit", measure="value", per="0.01", credit=WORTH.of("0.01"))
FEES_BACK = (
    FeeBack(gives=Back.LESS_BENEFITS, within=business_days(3, until=Until.END_OF_DAY)),
    FeeBack(gives=Back.ALL, unused=True),
)
PACIFIC = ZoneInfo("America/Los_Angeles")


def local(year: int, month: int, day: int, hour: int = 9, minute: int = 0, second: int = 0) -> datetime:
    """A time in California."""
    return datetime(year, month, day, hour, minute, second, tzinfo=PACIFIC)


class Club:
    """A member of a program in California with a membership policy `prime`."""

    def __init__(self, *plans: Plan, **fields: Any) -> None:
        policy = MembershipPolicy(
            **{
                "name": "prime",
                "plans": plans or (MONTHLY, ANNUAL),
                "benefits": (BENEFITS,),
                "fees_back": FEES_BACK,
                **fields,
            }
        )
        points = PointsPolicy(
            name="points", rules=[SpendRule(per=USD.of(1), credit=POINTS.of(1), when=HasGrant("prime"))]
        )
        terms = Terms(units=(USD, POINTS, WORTH), policies=(policy, points))
        self.member = Member(Program(id="shop", time_zone="America/Los_Angeles", terms=terms), local(2020, 1, 1))
        self.benefits: list[tuple[str, str]] = []
        self._n = 0

    def tell(self, event: Event) -> Decision:
        """An event, its benefits noted."""
        decision = self.member.tell(event)
        self._note(decision)
        return decision

    def _note(self, decision: Decision) -> None:
        self.benefits += [(b.kind.value, "" if b.amount is None else USD.text(b.amount)) for b in decision.benefits]

    def _head(self, at: datetime) -> dict[str, Any]:
        self._n += 1
        return {"id": f"e-{self._n}", "member": "m-1", "occurred_at": at, "policy": "prime"}

    def starts(self, at: datetime, plan: str = "monthly", **fields: Any) -> Decision:
        """A membership starts."""
        return self.tell(MembershipStarted(**self._head(at), plan=plan, **fields))

    def renews(self, at: datetime) -> Decision:
        """A payment came in, or a cancelled membership goes on."""
        return self.tell(MembershipRenewed(**self._head(at)))

    def changes(self, at: datetime, plan: str, **fields: Any) -> Decision:
        """Another plan."""
        return self.tell(MembershipChanged(**self._head(at), plan=plan, **fields))

    def cancels(self, at: datetime, **fields: Any) -> Decision:
        """A cancellation."""
        return self.tell(MembershipCancelled(**self._head(at), **fields))

    def uses(self, at: datetime, value: str) -> None:
        """A benefit worth so much."""
        self._n += 1
        self.tell(Activity(id=f"e-{self._n}", member="m-1", occurred_at=at, kind="benefit", measures={"value": value}))

    def passes(self, at: datetime) -> None:
        """Time."""
        self._note(self.member.pass_to(at))

    def charged(self, at: datetime) -> str:
        """The sum of what was charged up to an instant."""
        self.passes(at)
        money = [amount for kind, amount in self.benefits if kind == "charge"]
        return USD.text(USD.steps(sum(USD.of(amount.split()[0]).steps for amount in money)))

    def active(self, at: datetime) -> bool:
        """Whether the membership is held."""
        return bool(self.member.standing(at).grants("prime"))


class TestTerms:
    """Terms that are counted from one anchor."""

    def test_a_month_s_end_comes_back(self) -> None:
        """31 January, 28 February, 31 March, 30 April; the local hour is kept over the change of clocks."""
        club = Club()
        club.starts(local(2025, 1, 31))
        told = [
            (local(2025, 2, 28) - TICK, "14.99 USD"),
            (local(2025, 2, 28), "29.98 USD"),
            (local(2025, 3, 28), "29.98 USD"),
            (local(2025, 3, 31), "44.97 USD"),
            (local(2025, 4, 30), "59.96 USD"),
        ]
        assert [(at, club.charged(at)) for at, _ in told] == told

    def test_a_leap_day_and_a_cancellation_at_the_end(self) -> None:
        """Renewed on 28 February, held until 29 February four years later."""
        club = Club()
        club.starts(local(2024, 2, 29, 12), "annual")
        assert club.charged(local(2025, 2, 28, 12) - TICK) == "139.00 USD"
        assert club.charged(local(2025, 2, 28, 12)) == "278.00 USD"
        assert club.charged(local(2027, 2, 28, 12)) == "556.00 USD"
        club.cancels(local(2027, 12, 1, 12), at_term_end=True)
        assert club.charged(local(2028, 2, 28, 12)) == "556.00 USD"
        assert club.active(local(2028, 2, 28, 12))
        assert club.active(local(2028, 2, 29, 12) - TICK)
        assert not club.active(local(2028, 2, 29, 12))
        assert club.charged(local(2030, 1, 1)) == "556.00 USD"

    def test_it_is_held_without_a_break(self) -> None:
        """Who depends on it sees no gap at the instant of renewal."""
        club = Club()
        club.starts(local(2025, 1, 31))
        for at in (local(2025, 2, 28) - TICK, local(2025, 2, 28), local(2025, 3, 31)):
            assert club.active(at)
        assert len(club.member.standing(local(2025, 6, 1)).grants("prime")) == 1

    def test_lazy_time_is_eager_time(self) -> None:
        """A year told at once, or day by day, charges the same."""
        lazy, eager = Club(), Club()
        for club in (lazy, eager):
            club.starts(local(2025, 1, 31))
        at = local(2025, 2, 1)
        while at < local(2026, 1, 1):
            eager.passes(at)
            at += timedelta(days=9)
        assert lazy.charged(local(2026, 1, 1)) == eager.charged(local(2026, 1, 1)) == "179.88 USD"
        assert lazy.member.state.grants == eager.member.state.grants

    def test_what_depends_on_it(self) -> None:
        """Points are earned by members alone, while they are."""
        club = Club()
        assert earned(club.member.buy("10.00", id="1", at=local(2025, 1, 30))) == 0
        club.starts(local(2025, 1, 31))
        assert earned(club.member.buy("10.00", id="2", at=local(2025, 2, 1))) == 10

    def test_renewed_by_payment(self) -> None:
        """Without a payment it lapses; with one it goes on for a term from its end."""
        club = Club(renewal=Renewal.ON_PAYMENT)
        club.starts(local(2025, 1, 31))
        club.renews(local(2025, 2, 20))
        assert club.active(local(2025, 3, 31) - TICK)
        assert not club.active(local(2025, 3, 31))
        assert club.charged(local(2025, 5, 1)) == "14.99 USD"
        assert _refused(club.renews(local(2025, 5, 2))) is RejectionCode.ALREADY_ENDED

    def test_a_plan_that_is_given_up_ends(self) -> None:
        """New terms without the plan: the term that runs is the last."""
        old = MembershipPolicy(name="prime", plans=[MONTHLY])
        new = MembershipPolicy(name="prime", plans=[ANNUAL])
        timeline = [
            Terms(units=(USD,), policies=(old,)),
            Terms(units=(USD,), policies=(new,), effective_from=local(2025, 2, 10)),
        ]
        member = Member(Program(id="shop", time_zone="America/Los_Angeles", terms=timeline), local(2020, 1, 1))
        member.tell(
            MembershipStarted(id="e", member="m-1", occurred_at=local(2025, 1, 31), policy="prime", plan="monthly")
        )
        assert member.standing(local(2025, 2, 28) - TICK).grants("prime")
        assert not member.standing(local(2025, 2, 28)).grants("prime")


class TestTrial:
    """A free time at the start."""

    def test_the_first_paid_term_follows(self) -> None:
        """Thirty days from 2 January end on 1 February; terms are counted from there."""
        club = Club()
        club.starts(local(2025, 1, 2), "annual", trial=True)
        assert club.charged(local(2025, 2, 1) - TICK) == "0.00 USD"
        assert club.charged(local(2025, 2, 1)) == "139.00 USD"
        assert club.charged(local(2026, 2, 1)) == "278.00 USD"

    def test_free_months_that_count(self) -> None:
        """Two free months from 31 December end on 28 February, and the next charge is on 31 March."""
        sip = Plan(name="sip", fee=USD.of("14.99"), term=months(1), trial=months(2), terms_from=TermsFrom.JOINED)
        club = Club(sip)
        club.starts(local(2024, 12, 31), "sip", trial=True)
        assert club.charged(local(2025, 2, 28) - TICK) == "0.00 USD"
        assert club.charged(local(2025, 2, 28)) == "14.99 USD"
        assert club.charged(local(2025, 3, 31) - TICK) == "14.99 USD"
        assert club.charged(local(2025, 3, 31)) == "29.98 USD"

    def test_cancelled_in_its_last_second(self) -> None:
        """Nothing is charged; it is held until the trial's end."""
        club = Club()
        club.starts(local(2025, 1, 2), trial=True)
        club.cancels(local(2025, 2, 1, 8, 59, 59), at_term_end=True)
        assert club.active(local(2025, 2, 1) - TICK)
        assert not club.active(local(2025, 2, 1))
        assert club.charged(local(2025, 6, 1)) == "0.00 USD"

    def test_one_trial_a_member(self) -> None:
        """Another one is refused; a paid start is not."""
        club = Club()
        club.starts(local(2025, 1, 2), trial=True)
        club.cancels(local(2025, 1, 5))
        assert _refused(club.starts(local(2025, 3, 1), trial=True)) is RejectionCode.NOT_ELIGIBLE
        assert isinstance(club.starts(local(2025, 3, 2)), Accepted)


class TestBack:
    """What a cancellation gives back."""

    @pytest.mark.parametrize(
        ("at", "used", "back"),
        [
            (local(2025, 2, 5, 23, 59, 59), "8.99", "130.01 USD"),  # Three business days, to the end of the day.
            (local(2025, 2, 6, 0), "8.99", None),
            (local(2025, 2, 6, 0), None, "139.00 USD"),
            (local(2025, 2, 5), None, "139.00 USD"),
            (local(2025, 2, 5), "200.00", None),
        ],
    )
    def test_the_fee_less_what_benefits_were_worth(self, at: datetime, used: str | None, back: str | None) -> None:
        """In the first business days; later all or nothing."""
        club = Club()
        club.starts(local(2025, 1, 2), "annual", trial=True)
        if used is not None:
            club.uses(local(2025, 2, 2), used)
        club.cancels(at)
        assert [amount for kind, amount in club.benefits if kind == "payout"] == ([] if back is None else [back])
        assert not club.active(at)
        assert club.charged(local(2027, 1, 1)) == "139.00 USD"

    def test_benefits_of_an_earlier_term_are_not_asked(self) -> None:
        """Each term counts its own."""
        club = Club()
        club.starts(local(2025, 1, 31))
        club.uses(local(2025, 2, 1), "5.00")
        club.cancels(local(2025, 3, 10))
        assert club.benefits[-1] == ("payout", "14.99 USD")

    def test_what_is_given_back_is_said_by_rules(self) -> None:
        """What is no FeeBack is refused where the policy is written."""
        with pytest.raises(InvalidValueError, match="gives back is FeeBack"):
            Club(fees_back=("all",))

    def test_by_days(self) -> None:
        """Ten of thirty-one days are used, the present one among them."""
        club = Club(fees_back=(FeeBack(gives=Back.DAYS_LEFT),))
        club.starts(local(2025, 1, 1))
        club.cancels(local(2025, 1, 10, 23))
        assert club.benefits[-1] == ("payout", "10.15 USD")  # 14.99 x 21 / 31 = 10.154...

    @pytest.mark.parametrize("trial", [True, False])
    def test_nothing_where_nothing_was_paid_or_wanted(self, trial: bool) -> None:
        """A trial, and a cancellation that wants no refund."""
        club = Club(fees_back=(FeeBack(gives=Back.ALL),))
        club.starts(local(2025, 1, 1), trial=trial)
        club.cancels(local(2025, 1, 2), refund=trial)
        assert [kind for kind, _ in club.benefits if kind == "payout"] == []

    def test_the_fee_that_was_charged(self) -> None:
        """A price that changed since does not matter."""
        old = MembershipPolicy(name="prime", plans=[MONTHLY], fees_back=[FeeBack(gives=Back.ALL)])
        dearer = Plan(name="monthly", fee=USD.of("19.99"), term=months(1))
        new = MembershipPolicy(name="prime", plans=[dearer], fees_back=[FeeBack(gives=Back.ALL)])
        timeline = [
            Terms(units=(USD,), policies=(old,)),
            Terms(units=(USD,), policies=(new,), effective_from=local(2025, 2, 10)),
        ]
        member = Member(Program(id="shop", time_zone="America/Los_Angeles", terms=timeline), local(2020, 1, 1))
        head: dict[str, Any] = {"member": "m-1", "policy": "prime"}
        member.tell(MembershipStarted(id="s", occurred_at=local(2025, 1, 31), plan="monthly", **head))
        cancelled = member.tell(MembershipCancelled(id="c", occurred_at=local(2025, 2, 20), **head))
        assert [USD.text(b.amount) for b in cancelled.benefits if b.amount is not None] == ["14.99 USD"]

    def test_nothing_after_the_first_days(self) -> None:
        """All of it within three days, then nothing."""
        backs = (FeeBack(gives=Back.ALL, within=days(3)), FeeBack(gives=Back.NOTHING))
        for day, expected in ((2, ("payout", "14.99 USD")), (9, ("charge", "14.99 USD"))):
            club = Club(Plan(name="monthly", fee=USD.of("14.99"), term=months(1)), fees_back=backs)
            club.starts(local(2025, 1, 1))
            club.cancels(local(2025, 1, day))
            assert club.benefits[-1] == expected

    def test_one_that_renews_itself_is_not_renewed_by_hand(self) -> None:
        """There is nothing to pay for yet."""
        club = Club()
        club.starts(local(2025, 1, 1))
        assert _refused(club.renews(local(2025, 1, 9))) is RejectionCode.NOT_ELIGIBLE

    def test_twice_is_once(self) -> None:
        """A membership that has ended is not cancelled again, nor is a cancellation told twice at its end."""
        club = Club()
        club.starts(local(2025, 1, 31))
        club.cancels(local(2025, 2, 1), at_term_end=True)
        assert _refused(club.cancels(local(2025, 2, 2), at_term_end=True)) is RejectionCode.ALREADY_ENDED
        club.cancels(local(2025, 2, 3))
        assert _refused(club.cancels(local(2025, 2, 4))) is RejectionCode.ALREADY_ENDED

    def test_it_goes_on_after_all(self) -> None:
        """A cancellation at the end is taken back before it."""
        club = Club()
        club.starts(local(2025, 1, 31))
        club.cancels(local(2025, 2, 1), at_term_end=True)
        club.renews(local(2025, 2, 2))
        assert club.charged(local(2025, 3, 1)) == "29.98 USD"


class TestChange:
    """Upgrades and downgrades."""

    def test_at_the_end_of_the_term(self) -> None:
        """The annual plan begins where the month ends, from its own anchor."""
        club = Club()
        club.starts(local(2025, 1, 31))
        club.changes(local(2025, 2, 10), "annual", at_term_end=True)
        assert club.charged(local(2025, 2, 28)) == "153.99 USD"
        (grant,) = club.member.standing(local(2025, 3, 1)).grants("prime")
        assert grant.value == "annual"
        assert club.charged(local(2026, 2, 28)) == "292.99 USD"

    def test_now(self) -> None:
        """The days left of the month are taken off the year's fee."""
        club = Club()
        club.starts(local(2025, 1, 1))
        club.changes(local(2025, 1, 10), "annual")
        assert club.benefits[-1] == ("charge", "128.85 USD")  # 139.00 - 14.99 x 21 / 31
        (grant,) = club.member.standing(local(2025, 1, 11)).grants("prime")
        assert (grant.value, grant.valid_until) == ("annual", local(2026, 1, 10))

    def test_a_downgrade_now_pays_back(self) -> None:
        """What is left of the year is more than a month costs."""
        club = Club()
        club.starts(local(2025, 1, 1), "annual")
        club.changes(local(2025, 1, 10), "monthly")
        assert club.benefits[-1] == ("payout", "120.20 USD")  # 139.00 x 355 / 365 - 14.99
        assert club.charged(local(2025, 2, 10)) == "153.99 USD"


class TestPerks:
    """What a term gives."""

    PERKS = (
        GiveGrant(key="lounge", uses=4),
        GiveCredit(amount=POINTS.of(100)),
        GiveBenefit(kind=BenefitKind.PRODUCT, reward="mug"),
    )

    def test_with_each_term(self) -> None:
        """Four visits of the lounge, a hundred points and a mug, each year anew."""
        club = Club(Plan(name="annual", fee=USD.of(100), term=years(1), perks=self.PERKS))
        club.starts(local(2025, 1, 1), "annual")
        assert club.member.has(POINTS) == 100
        assert ("product", "") in club.benefits
        club.passes(local(2026, 1, 1))
        assert club.member.has(POINTS, at=local(2026, 1, 1)) == 200
        (lounge,) = club.member.standing(local(2026, 1, 2)).grants("lounge")
        assert (lounge.uses, lounge.valid_until) == (4, local(2027, 1, 1))

    def test_they_end_with_a_cancellation(self) -> None:
        """Rights are gone with the membership."""
        club = Club(Plan(name="annual", fee=USD.of(100), term=years(1), perks=self.PERKS[:1]))
        club.starts(local(2025, 1, 1), "annual")
        club.cancels(local(2025, 2, 1))
        assert club.member.standing(local(2025, 2, 1)).grants("lounge") == ()

    def test_a_gift(self) -> None:
        """Nothing is charged, and it ends with its term unless it is taken on."""
        for taken_on, expected in ((False, "0.00 USD"), (True, "14.99 USD")):
            club = Club()
            club.starts(local(2025, 1, 31), gifted=True)
            assert club.active(local(2025, 2, 1))
            if taken_on:
                club.renews(local(2025, 2, 2))
            assert club.charged(local(2025, 3, 1)) == expected
            assert club.active(local(2025, 3, 1)) is taken_on

    def test_an_operator_s_gift(self) -> None:
        """A status under its name is a membership to all that ask, and is not renewed."""
        club = Club()
        club.tell(
            StatusGrant(
                id="g",
                member="m-1",
                occurred_at=local(2025, 1, 1),
                key="prime",
                value="annual",
                until=local(2025, 2, 1),
                actor="ops",
                reason="gift",
            )
        )
        assert club.active(local(2025, 1, 2))
        assert club.charged(local(2025, 3, 1)) == "0.00 USD"


class TestRefused:
    """What cannot be."""

    def test_unknown_plans_and_policies(self) -> None:
        """Neither is there."""
        club = Club()
        assert _refused(club.starts(local(2025, 1, 1), "weekly")) is RejectionCode.UNKNOWN_RULE
        other = MembershipStarted(id="x", member="m-1", occurred_at=local(2025, 1, 2), policy="other", plan="monthly")
        assert _refused(club.tell(other)) is RejectionCode.UNKNOWN_RULE
        points = MembershipStarted(id="y", member="m-1", occurred_at=local(2025, 1, 2), policy="points", plan="monthly")
        assert _refused(club.tell(points)) is RejectionCode.UNKNOWN_RULE

    def test_a_second_one_beside_the_first(self) -> None:
        """Who is a member cannot start again, and gets no trial on top."""
        club = Club()
        club.starts(local(2025, 1, 1))
        assert _refused(club.starts(local(2025, 1, 2), "annual")) is RejectionCode.NOT_ELIGIBLE

    def test_a_charge_of_time_is_told_with_a_refusal(self) -> None:
        """A term ended before an event that is refused: what it charged is in the answer, and the ledger is sound."""
        club = Club()
        club.starts(local(2025, 1, 31))
        refused = club.starts(local(2025, 3, 1))
        assert _refused(refused) is RejectionCode.NOT_ELIGIBLE
        assert [benefit.kind for benefit in refused.benefits] == [BenefitKind.CHARGE]
        assert audit(club.member.commits, calendar=club.member.program.calendar).commits == 2

    def test_what_is_not_held(self) -> None:
        """Nothing to change, renew or cancel."""
        club = Club()
        at = local(2025, 1, 1)
        for told in (club.renews(at), club.cancels(at), club.changes(at, "annual")):
            assert _refused(told) is RejectionCode.ALREADY_ENDED
        assert club.member.state.grants == ()

    def test_the_same_plan_again(self) -> None:
        """A change to the plan that is held is none; to one that there is not, neither."""
        club = Club()
        club.starts(local(2025, 1, 1))
        assert _refused(club.changes(local(2025, 1, 2), "monthly")) is RejectionCode.NOT_ELIGIBLE
        assert _refused(club.changes(local(2025, 1, 2), "weekly")) is RejectionCode.UNKNOWN_RULE

    @pytest.mark.parametrize(
        ("make", "says"),
        [
            (lambda: Plan(name="p", fee=USD.steps(-1), term=months(1)), "at least 0"),
            (lambda: Plan(name="p", fee=USD.of(1), term=months(0)), "lasts at least"),
            (lambda: MembershipPolicy(name="m", plans=[]), "has plans"),
            (lambda: MembershipPolicy(name="m", plans=[MONTHLY, MONTHLY]), "one name"),
            (lambda: MembershipPolicy(name="m", plans=[MONTHLY], fees_back=FEES_BACK), "count them in benefits"),
            (
                lambda: MembershipPolicy(name="m", plans=[MONTHLY, Plan(name="x", fee=POINTS.of(1), term=months(1))]),
                "one currency",
            ),
            (
                lambda: Plan(
                    name="p",
                    fee=USD.of(1),
                    term=months(1),
                    perks=[GiveConverted(per=POINTS.of(1), credit=USD.of(1))],
                ),
                "converts nothing",
            ),
        ],
    )
    def test_a_plain_sentence(self, make: Any, says: str) -> None:
        """Each says what is wrong."""
        with pytest.raises(InvalidValueError, match=says):
            make()


def test_a_start_that_is_undone_never_was() -> None:
    """A cancellation of the event takes the right back; what follows of it charges nothing."""
    club = Club()
    club.starts(local(2025, 1, 31))
    club.member.cancel("e-1", at=local(2025, 2, 1))
    assert not club.active(local(2025, 2, 1))
    assert club.charged(local(2025, 4, 1)) == "14.99 USD"


def _refused(decision: Decision) -> RejectionCode:
    assert isinstance(decision, Rejected)
    return decision.code
