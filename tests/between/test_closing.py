"""Accounts that are closed: paid out or forfeited by the terms, and nothing earned any more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
import pytest

from between.members import A_YEAR, DAY, NOON, POINTS, USD, Members, buy, earning, mug, program_of, redeem, refund
from between.referral import Referral, referred
from patronage import (
    Account,
    Adjustment,
    Benefit,
    BenefitKind,
    Cancellation,
    Capture,
    Enrolment,
    InvalidValueError,
    Life,
    Program,
    Rejected,
    RejectionCode,
    Reservation,
    StatusGrant,
    Transfer,
)
from patronage._frozen import FrozenMapping
from patronage.audit import audit
from patronage.closings import ClosingTerms
from patronage.events import AccountClosed, Gift, Merge
from patronage.explain import explain, refusal_sentence
from patronage.ledger import EXPIRED, FORGIVEN, PAID_OUT
from patronage.terms_of_time import days
from patronage.transfers import TransferTerms

ANN, BOB = Account.member("ann"), Account.member("bob")
PAID = ClosingTerms(unit="points", pays_out=True, price=(POINTS.of(100), USD.of(1)), minimum=POINTS.of(50))
GIFTS = TransferTerms(unit="points")


def program(*closings: ClosingTerms, life: Life = A_YEAR) -> Program:
    """A point for a dollar, a mug, gifts."""
    return program_of(earning(life=life), rewards=[mug()], transfers=(GIFTS,), closings=closings)


def closing(id: str = "cl", member: str = "ann", at: datetime = NOON + DAY) -> AccountClosed:
    """The member asked for it."""
    return AccountClosed(id=id, member=member, occurred_at=at, actor="op", reason="asked")


def rich(rules: Program, points: int = 100) -> Members:
    """Ann has bought, and has that many points."""
    members = Members(rules)
    members.tell(buy("o1", f"{points}.00")).require()
    return members


def moved(members: Members) -> list[tuple[str, int]]:
    """Where the entries of the last commit moved how much."""
    return [(e.payee.id, e.steps) for e in members.commits[ANN][-1].entries if isinstance(e, Transfer)]


class TestWhatBecomesOfIt:
    """By the terms, unit by unit."""

    def test_it_is_forfeited_unless_told(self) -> None:
        """It goes where it goes when it expires: breakage."""
        members = rich(program())
        decision = members.tell(closing()).require()
        assert decision.benefits == ()
        assert moved(members) == [(EXPIRED.id, 100)]
        assert [grant.key for grant in members.state(ANN).grants] == ["closed"]

    def test_it_is_paid_out_at_a_price(self) -> None:
        """1.00 for 100 points, rounded down to the cent."""
        members = rich(program(PAID), 255)
        decision = members.tell(closing()).require()
        assert decision.benefits == (Benefit(BenefitKind.PAYOUT, "closing", USD.of("2.55"), 1, FrozenMapping()),)
        assert moved(members) == [(PAID_OUT.id, 255)]

    def test_money_is_paid_as_it_is(self) -> None:
        """A unit that is money needs no price."""
        members = Members(program(ClosingTerms(unit="USD", pays_out=True)))
        members.tell(
            Adjustment(id="a", member="ann", occurred_at=NOON, amount=USD.of("7.31"), actor="op", reason="credit")
        )
        (benefit,) = members.tell(closing()).require().benefits
        assert benefit.amount == USD.of("7.31")

    def test_below_the_minimum_nothing_is_paid(self) -> None:
        """It is forfeited."""
        members = rich(program(PAID), 49)
        assert members.tell(closing()).require().benefits == ()
        assert moved(members) == [(EXPIRED.id, 49)]

    def test_what_is_pending_is_forfeited(self) -> None:
        """It was never theirs to spend."""
        members = rich(program(PAID, life=Life(available_after=days(9))))
        assert members.tell(closing()).require().benefits == ()
        assert moved(members) == [(EXPIRED.id, 100)]
        assert not members.state(ANN).pending

    @pytest.mark.parametrize("lapses", [None, NOON + 5 * DAY])
    def test_what_is_held_is_released_first(self, lapses: datetime | None) -> None:
        """And then paid out like the rest; the reservation has ended."""
        members = rich(program(PAID))
        members.tell(Reservation(id="h", member="ann", occurred_at=NOON, reward="mug", lapses_at=lapses)).require()
        (benefit,) = members.tell(closing()).require().benefits
        assert benefit.amount == USD.of(1)
        assert not members.state(ANN).wake_ups
        members.tell(Capture(id="c", member="ann", occurred_at=NOON + 2 * DAY, reservation="h"))
        members.pass_time(ANN, NOON + 9 * DAY)
        assert not members.state(ANN).lots
        audit(members.history(), calendar=members.program.calendar, whole=True)

    @pytest.mark.parametrize(("forgives", "left"), [(False, -20), (True, 0)])
    def test_a_debt_stays_or_is_forgiven(self, forgives: bool, left: int) -> None:
        """As the terms say: what is owed by an abandoned account is an exposure."""
        members = Members(program(ClosingTerms(unit="points", forgives_debt=forgives)))
        owed = Adjustment(id="a", member="ann", occurred_at=NOON, amount=POINTS.of(-20), actor="op", reason="slip")
        members.tell(owed)
        members.tell(closing()).require()
        assert members.held() == left
        if forgives:
            assert [e.payer for e in members.commits[ANN][-1].entries if isinstance(e, Transfer)] == [FORGIVEN]

    def test_rights_end(self) -> None:
        """Of operators and of policies."""
        members = rich(program())
        members.tell(StatusGrant(id="s", member="ann", occurred_at=NOON, key="vip", actor="op", reason="gift"))
        members.tell(closing()).require()
        assert [grant.key for grant in members.state(ANN).grants] == ["closed"]


REQUESTS: dict[str, Any] = {
    "a purchase": buy("x", "5.00", at=NOON + 2 * DAY),
    "an enrolment": Enrolment(id="x", member="ann", occurred_at=NOON + 2 * DAY),
    "a redemption": redeem("x", at=NOON + 2 * DAY),
    "a gift": Gift(id="x", member="ann", occurred_at=NOON + 2 * DAY, to="bob", amount=POINTS.of(1)),
    "a gift to it": Gift(id="x", member="bob", occurred_at=NOON + 2 * DAY, to="ann", amount=POINTS.of(1)),
    "an adjustment": Adjustment(
        id="x", member="ann", occurred_at=NOON + 2 * DAY, amount=POINTS.of(1), actor="op", reason="slip"
    ),
    "a right": StatusGrant(id="x", member="ann", occurred_at=NOON + 2 * DAY, key="vip", actor="op", reason="gift"),
    "a merge of it": Merge(
        id="x", member="ann", occurred_at=NOON + 2 * DAY, into="bob", actor="op", reason="same_person"
    ),
    "a merge into it": Merge(
        id="x", member="bob", occurred_at=NOON + 2 * DAY, into="ann", actor="op", reason="same_person"
    ),
    "another closing": closing("x", at=NOON + 2 * DAY),
}


class TestAfterwards:
    """What is sent for a closed account."""

    @pytest.mark.parametrize("what", REQUESTS)
    def test_it_is_refused(self, what: str) -> None:
        """For good, whatever earns, spends or gives."""
        members = rich(program())
        members.tell(buy("o1", "9.00", member="bob"))
        members.tell(closing()).require()
        decision = members.tell(REQUESTS[what])
        assert isinstance(decision, Rejected)
        assert (decision.code, decision.final) == (RejectionCode.ACCOUNT_CLOSED, True)
        assert refusal_sentence(decision.refusal, members.program) == "Refused: the account of ann is closed."
        assert not members.state(ANN).lots

    def test_a_refund_is_taken(self) -> None:
        """What the purchase earned was forfeited: charged, it is owed; the terms may forgive it."""
        for forgives, left in ((False, -100), (True, 0)):
            members = rich(program(ClosingTerms(unit="points", forgives_debt=forgives)))
            members.tell(closing()).require()
            members.tell(refund("f", "o1", at=NOON + 2 * DAY)).require()
            assert members.held() == left

    def test_points_that_come_back_go_at_once(self) -> None:
        """Here they are paid out like the rest was."""
        members = rich(program(PAID))
        members.tell(redeem("d", times=9)).require()
        members.tell(closing()).require()
        decision = members.tell(Cancellation(id="c", member="ann", occurred_at=NOON + 2 * DAY, undoes="d")).require()
        assert [benefit.amount for benefit in decision.benefits] == [USD.of("0.90")]
        assert not members.state(ANN).lots

    def test_a_referrers_reward_comes_to_nothing(self) -> None:
        """The friend's purchase stands."""
        members = Members(program_of(earning(), Referral()))
        members.tell(closing(at=NOON)).require()
        assert members.tell(referred("o", "50.00")).require().earned(POINTS).total == POINTS.of(50)
        assert not members.state(ANN).lots
        audit(members.history(), calendar=members.program.calendar, whole=True)

    def test_a_merged_account_is_closed_with_its_survivor(self) -> None:
        """A closing of the old id would close another one's account: it is refused, and says whose."""
        members = rich(program())
        members.tell(Merge(id="m", member="ann", occurred_at=NOON, into="bob", actor="op", reason="same_person"))
        decision = members.tell(closing())
        assert isinstance(decision, Rejected)
        assert decision.code is RejectionCode.ACCOUNT_MERGED
        members.tell(closing(member="bob")).require()
        late = members.tell(buy("o9", "1.00", at=NOON + 2 * DAY))
        assert isinstance(late, Rejected)
        assert late.code is RejectionCode.ACCOUNT_CLOSED

    def test_it_is_told(self) -> None:
        """In sentences."""
        members = rich(program(PAID))
        members.tell(closing()).require()
        told = str(explain(members.commits[ANN][-1], members.program))
        assert "Account closed (cl) by op" in told
        assert "100 points paid out, for the account is closed." in told


class TestReopening:
    """A closing that never was."""

    def test_what_was_forfeited_comes_back(self) -> None:
        """As it was, rights and wake-ups too; what is past its end ends."""
        members = rich(program())
        members.tell(StatusGrant(id="s", member="ann", occurred_at=NOON, key="vip", actor="op", reason="gift"))
        before = members.state(ANN)
        members.tell(closing()).require()
        undo = Cancellation(id="c", member="ann", occurred_at=NOON + 2 * DAY, undoes="cl")
        members.tell(undo).require()
        assert (members.state(ANN).lots, members.state(ANN).grants) == (before.lots, before.grants)
        members.tell(buy("o2", "5.00", at=NOON + 3 * DAY)).require()
        assert members.held() == 105
        again = members.tell(attrs.evolve(undo, id="c2", occurred_at=NOON + 4 * DAY))
        assert isinstance(again, Rejected)
        assert again.code is RejectionCode.ALREADY_ENDED

    def test_a_lot_past_its_end_ends(self) -> None:
        """Two years later."""
        members = rich(program())
        members.tell(closing()).require()
        members.tell(Cancellation(id="c", member="ann", occurred_at=NOON + 800 * DAY, undoes="cl")).require()
        assert not members.state(ANN).lots

    def test_what_was_paid_out_stays_paid(self) -> None:
        """Money has left."""
        members = rich(program(PAID))
        members.tell(closing()).require()
        members.tell(Cancellation(id="c", member="ann", occurred_at=NOON + 2 * DAY, undoes="cl")).require()
        assert members.held() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"price": (POINTS.of(1), USD.of(1))},
        {"minimum": POINTS.of(1)},
        {"labels": ("a",)},
        {"pays_out": True, "price": (USD.of(1), USD.of(1))},
        {"pays_out": True, "price": (POINTS.of(0), USD.of(1))},
        {"pays_out": True, "minimum": USD.of(1)},
        {"pays_out": True, "minimum": POINTS.of(0)},
    ],
)
def test_terms_that_cannot_be_are_refused(fields: dict[str, Any]) -> None:
    """A price without a payout, in other units, of nothing."""
    with pytest.raises(InvalidValueError):
        ClosingTerms(unit="points", **fields)


def test_a_closing_is_of_units_of_the_terms() -> None:
    """And each once."""
    for closings in ((ClosingTerms(unit="stars"),), (PAID, PAID)):
        with pytest.raises(InvalidValueError):
            program(*closings)
