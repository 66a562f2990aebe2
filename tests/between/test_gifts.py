"""Gifts between members: decided with both accounts, through in transit, in one batch."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
import pytest

from between.members import A_YEAR, DAY, NOON, POINTS, USD, Members, buy, earning, program_of, redeem, refund
from patronage import (
    Account,
    Adjustment,
    Amount,
    Cancellation,
    Ceiling,
    FixedReward,
    InvalidValueError,
    LedgerError,
    Life,
    Lot,
    Program,
    Rejected,
    RejectionCode,
    Reservation,
    State,
    StatusGrant,
    Terms,
    Transfer,
)
from patronage.audit import audit
from patronage.conditions import HasGrant
from patronage.errors import OthersRequiredError
from patronage.events import Counterpart, Gift
from patronage.explain import explain, refusal_sentence
from patronage.ledger import IN_TRANSIT
from patronage.periods import DAY as A_DAY
from patronage.periods import MONTH
from patronage.terms_of_time import days
from patronage.transfers import TransferTerms

ANN, BOB = Account.member("ann"), Account.member("bob")
MUG = FixedReward(name="mug", cost=POINTS.of(10))


def program(life: Life = A_YEAR, **fields: Any) -> Program:
    """Members may give points to each other."""
    fields = {"unit": "points", **fields}
    if "life_of_gifts" in fields:
        fields["life"] = fields.pop("life_of_gifts")
    return program_of(earning(life=life), rewards=[MUG], transfers=(TransferTerms(**fields),))


def gift(id: str, points: int, to: str = "bob", member: str = "ann", at: datetime = NOON) -> Gift:
    """A gift of points."""
    return Gift(id=id, member=member, occurred_at=at, to=to, amount=POINTS.of(points))


def lots(members: Members, account: Account) -> tuple[Lot, ...]:
    """The points of an account."""
    return members.state(account).lots.get("points", ())


def rich(program: Program, points: int = 100) -> Members:
    """Ann has bought, and has that many points."""
    members = Members(program)
    members.tell(buy("o1", f"{points}.00"))
    return members


def refused(members: Members, event: Gift) -> Rejected:
    """A gift that must be refused for good, with nothing changed."""
    before = {account: (state.lots, state.pending) for account, state in members.states.items()}
    decision = members.tell(event)
    assert isinstance(decision, Rejected)
    assert decision.final
    assert [commit.account for commit in decision.commits] == [Account.member(event.member)]
    for account, (held, pending) in before.items():
        assert (members.state(account).lots, members.state(account).pending) == (held, pending)
    assert refusal_sentence(decision.refusal, members.program).startswith("Refused: ")
    return decision


class TestAGift:
    """Out of one account, into the other."""

    def test_both_sides_are_one_batch_through_in_transit(self) -> None:
        """Two transfers of the same steps, about the gift; zero in transit over the batch."""
        members = rich(program())
        decision = members.tell(gift("g", 30))
        assert [commit.account for commit in decision.commits] == [ANN, BOB]
        given, got = (commit.entries[0] for commit in decision.commits)
        assert isinstance(given, Transfer)
        assert isinstance(got, Transfer)
        assert (given.payer, given.payee) == (ANN, IN_TRANSIT)
        assert (got.payer, got.payee) == (IN_TRANSIT, BOB)
        assert (given.steps, got.steps) == (30, 30)
        assert given.about == got.about
        assert (members.held("ann"), members.held("bob")) == (70, 30)

    def test_what_is_given_keeps_source_validity_and_age(self) -> None:
        """It is worth no more, and lives no longer, than it did."""
        members = rich(program())
        members.tell(gift("g", 30, at=NOON + DAY))
        (mine,), (theirs,) = lots(members, ANN), lots(members, BOB)
        assert (theirs.source, theirs.validity, theirs.credited_at) == (mine.source, mine.validity, mine.credited_at)

    def test_it_goes_in_spending_order(self) -> None:
        """The first to expire goes first."""
        members = rich(program())
        members.tell(buy("o2", "50.00", at=NOON + DAY))
        members.tell(gift("g", 120, at=NOON + DAY))
        assert [lot.source and lot.source.root for lot in lots(members, BOB)] == ["o1", "o2"]
        assert [lot.steps for lot in lots(members, ANN)] == [30]

    def test_it_pays_the_receivers_debt_first(self) -> None:
        """As all that becomes available does."""
        members = rich(program())
        owed = Adjustment(id="a", member="bob", occurred_at=NOON, amount=POINTS.of(-20), actor="x", reason="slip")
        members.tell(owed)
        members.tell(gift("g", 30))
        assert [lot.steps for lot in lots(members, BOB)] == [10]

    def test_the_same_again_changes_nothing(self) -> None:
        """The first answer is given again."""
        members = rich(program())
        members.tell(gift("g", 30))
        assert members.tell(gift("g", 30)).repeated
        assert members.held("bob") == 30

    def test_the_receivers_commit_names_the_giver(self) -> None:
        """Two givers may have gifts of one id."""
        members = rich(program())
        members.tell(buy("o", "50.00", "cid"))
        members.tell(gift("g", 10))
        members.tell(gift("g", 10, member="cid"))
        events = [commit.event for commit in members.commits[BOB]]
        assert [e.origin.id for e in events if isinstance(e, Counterpart)] == ["ann", "cid"]
        assert len({event.id for event in events}) == 2

    def test_it_needs_both_states(self) -> None:
        """Never defaulted."""
        with pytest.raises(OthersRequiredError, match="member bob"):
            program().decide(State.of("ann"), gift("g", 1))
        assert program().involves(gift("g", 1)).accounts == (ANN, BOB)

    def test_it_is_explained_on_both_sides(self) -> None:
        """And decided again the same."""
        members = rich(program())
        before = members.state(ANN)
        own, there = members.tell(gift("g", 30)).commits
        told = explain(own, members.program, before=before, others=(State.of("bob"),))
        assert told.reproduced
        assert told.heading.sentence == "Gift g of 30 points to bob on 2 March 2026 at 07:00."
        assert told.entries[0].item.sentence == "30 points given to bob."
        assert explain(there, members.program).entries[0].item.sentence == "30 points received as a gift from ann."

    def test_each_side_books_it_at_its_own_time(self) -> None:
        """The receiver's account may stand later; what expired in between expires there."""
        members = rich(program(life=Life(expires_after=days(10))))
        members.tell(buy("p", "1.00", "bob", at=NOON + 20 * DAY))
        members.tell(gift("g", 30))
        got = members.commits[BOB][-1]
        assert {entry.at for entry in got.entries} == {NOON + 20 * DAY}
        assert members.held("bob") == 1
        assert members.state(ANN).clock == NOON


class TestRefused:
    """What the terms do not allow is refused for good, and changes neither account."""

    def test_where_the_terms_have_no_gifts(self) -> None:
        """Unless told, members do not give."""
        members = rich(program_of(earning()))
        assert refused(members, gift("g", 1)).code is RejectionCode.NOT_ELIGIBLE

    def test_to_oneself(self) -> None:
        """A gift is for another one."""
        assert refused(rich(program()), gift("g", 1, to="ann")).code is RejectionCode.TO_ONESELF

    def test_of_a_unit_that_is_not_given_or_not_known(self) -> None:
        """Dollars are no points, and miles are nothing here."""
        members = rich(program())
        money = Gift(id="g", member="ann", occurred_at=NOON, to="bob", amount=USD.of(1))
        assert refused(members, money).code is RejectionCode.NOT_ELIGIBLE
        from_elsewhere = attrs.evolve(money, id="h", amount=Amount(1, "miles"))
        assert refused(members, from_elsewhere).code is RejectionCode.UNKNOWN_UNIT

    @pytest.mark.parametrize(
        ("fields", "points", "code"),
        [
            ({}, 101, RejectionCode.BALANCE_TOO_LOW),
            ({"maximum": POINTS.of(50)}, 51, RejectionCode.AMOUNT_ABOVE_MAXIMUM),
            ({"minimum": POINTS.of(50)}, 49, RejectionCode.AMOUNT_BELOW_MINIMUM),
            ({"when": HasGrant("tier")}, 1, RejectionCode.NOT_ELIGIBLE),
            ({"when_receiver": HasGrant("tier")}, 1, RejectionCode.NOT_ELIGIBLE),
            ({"given": [Ceiling(name="g", limit=POINTS.of(9), per=MONTH)]}, 10, RejectionCode.LIMIT_REACHED),
            ({"received": [Ceiling(name="g", limit=POINTS.of(9), per=MONTH)]}, 10, RejectionCode.LIMIT_REACHED),
        ],
    )
    def test_by_the_terms(self, fields: dict[str, Any], points: int, code: RejectionCode) -> None:
        """Too little, too much, not they, not any more this month."""
        assert refused(rich(program(**fields)), gift("g", points)).code is code

    def test_reserved_and_owed_points_are_not_given(self) -> None:
        """What is held for a reward stays."""
        members = rich(program())
        members.tell(Reservation(id="h", member="ann", occurred_at=NOON, reward="mug", times=5))
        assert refused(members, gift("g", 51)).code is RejectionCode.BALANCE_TOO_LOW
        assert members.tell(gift("h2", 50)).accepted

    def test_lots_that_need_a_grant_which_the_receiver_has_not(self) -> None:
        """They would end at once: they do not go."""
        members = Members(program(life=Life(needs="active")))
        for name in ("ann", "bob"):
            members.tell(granted("active", name))
        members.tell(buy("o1", "100.00"))
        cold = refused(members, gift("g", 30, to="cid"))
        assert (cold.code, cold.refusal.facts["needs"]) == (RejectionCode.NOT_ELIGIBLE, "active")
        assert refusal_sentence(cold.refusal, members.program) == (
            "Refused: a gift to cid is not open to these members: it needs active."
        )
        assert members.tell(gift("h", 30)).accepted
        assert members.held("bob") == 30


def granted(key: str, member: str) -> StatusGrant:
    """A status by hand."""
    return StatusGrant(id=f"s-{key}", member=member, occurred_at=NOON, key=key, actor="x", reason="test")


class TestPerPeriod:
    """Ceilings of what is given and of what is received."""

    def test_lots_that_only_a_grant_of_the_giver_keeps(self) -> None:
        """Past their date they live while she is gold: he is not, so they stay with her; where he is, they go."""
        life = Life(expires_after=days(3), held_by="gold")
        members = rich(program(life=life))
        gold = StatusGrant(id="gold", member="ann", occurred_at=NOON, key="gold", actor="a", reason="r")
        members.tell(gold)
        late = NOON + 5 * DAY
        decision = refused(members, gift("g-1", 30, at=late))
        assert decision.code is RejectionCode.NOT_ELIGIBLE
        assert decision.refusal.facts["needs"] == "gold"
        members.tell(attrs.evolve(gold, member="bob", occurred_at=late))
        assert members.tell(gift("g-2", 30, at=late)).accepted
        assert (members.held("ann"), members.held("bob")) == (70, 30)

    def test_lots_behind_what_is_given_stay_whole(self) -> None:
        """Of two lots the first is enough, and the second is not touched; what comes back is the first."""
        members = rich(program(), 30)
        members.tell(buy("o2", "50.00", at=NOON + DAY))
        members.tell(gift("g", 30, at=NOON + 2 * DAY))
        assert [lot.steps for lot in lots(members, ANN)] == [50]
        members.tell(buy("o3", "7.00", "bob", at=NOON + 3 * DAY))
        members.tell(Cancellation(id="x", member="ann", occurred_at=NOON + 4 * DAY, undoes="g"))
        assert [[lot.steps for lot in lots(members, who)] for who in (ANN, BOB)] == [[30, 50], [7]]

    def test_they_count_each_on_their_own_account(self) -> None:
        """Ann may give 50 a day; bob may receive 60 a day, from whomever."""
        members = rich(
            program(
                given=[Ceiling(name="daily", limit=POINTS.of(50), per=A_DAY)],
                received=[Ceiling(name="daily", limit=POINTS.of(60), per=A_DAY)],
            )
        )
        members.tell(buy("o", "100.00", "cid"))
        assert members.tell(gift("g-1", 50)).accepted
        assert refused(members, gift("g-2", 1)).refusal.facts["limit"] == "daily"
        assert refused(members, gift("g-1", 11, member="cid")).code is RejectionCode.LIMIT_REACHED
        assert members.tell(gift("g-2", 10, member="cid")).accepted
        assert members.tell(gift("g-3", 50, at=NOON + DAY)).accepted


class TestCancelled:
    """A gift that is cancelled brings back what is left of the very lots."""

    def cancel(self, members: Members, id: str = "x", at: datetime = NOON) -> Any:
        """The giver's gift `g` is cancelled."""
        return members.tell(Cancellation(id=id, member="ann", occurred_at=at, undoes="g"))

    def test_all_comes_back_as_it_was(self) -> None:
        """Lots, and what the ceilings have counted."""
        ceiling = Ceiling(name="daily", limit=POINTS.of(50), per=A_DAY)
        members = rich(program(given=[ceiling], received=[ceiling]))
        before = members.state(ANN).lots
        members.tell(gift("g", 50))
        assert self.cancel(members).accepted
        assert members.state(ANN).lots == before
        assert not members.state(BOB).lots

    def test_what_was_spent_stays_given(self) -> None:
        """The receiver owes nothing: the rest comes back, once."""
        members = rich(program())
        members.tell(gift("g", 30))
        members.tell(redeem("r", "bob"))
        assert self.cancel(members).accepted
        assert (members.held("ann"), members.held("bob")) == (90, 0)
        again = self.cancel(members, "y")
        assert isinstance(again, Rejected)
        assert again.code is RejectionCode.ALREADY_ENDED

    def test_where_nothing_is_left_it_is_refused(self) -> None:
        """A gift that was spent cannot be taken back."""
        members = rich(program())
        members.tell(gift("g", 10))
        members.tell(redeem("r", "bob"))
        answer = self.cancel(members)
        assert isinstance(answer, Rejected)
        assert (answer.code, answer.final) == (RejectionCode.ALREADY_ENDED, True)

    def test_the_receivers_other_points_stay(self) -> None:
        """Only the very lots go back."""
        members = rich(program())
        members.tell(buy("p", "40.00", "bob"))
        members.tell(gift("g", 10))
        members.tell(redeem("r", "bob"))  # Of one age; the canonical order takes the gift or bob's own.
        held = members.held("bob")
        left = sum(lot.steps for lot in lots(members, BOB) if lot.source and lot.source.account == ANN)
        if left:
            self.cancel(members)
        assert members.held("bob") == held - left

    def test_what_has_expired_meanwhile_is_gone(self) -> None:
        """It is not given a second life."""
        members = rich(program(life=Life(expires_after=days(10))))
        members.tell(gift("g", 30))
        assert not self.cancel(members, at=NOON + 11 * DAY).accepted

    def test_it_needs_the_receivers_history(self) -> None:
        """Not yet, without it."""
        members = rich(program())
        members.tell(gift("g", 30))
        answer = members.program.decide(
            members.state(ANN),
            Cancellation(id="x", member="ann", occurred_at=NOON, undoes="g"),
            history=members.commits[ANN],
            others=[members.state(BOB)],
        )
        assert isinstance(answer, Rejected)
        assert (answer.code, answer.final) == (RejectionCode.HISTORY_INCOMPLETE, False)

    def test_a_refused_gift_cannot_be_cancelled(self) -> None:
        """There is nothing to undo."""
        members = rich(program())
        members.tell(gift("g", 1000))
        assert not self.cancel(members).accepted


class TestCounterExamples:
    """RELIABILITY 7: histories that broke a version of the rules."""

    def test_3_a_gift_is_not_the_receivers_own_earning(self) -> None:
        """Both have an order o1; a gives 50 to b; b refunds its o1: only b's own earning is taken."""
        members = rich(program())
        members.tell(buy("o1", "20.00", "bob"))
        members.tell(gift("g", 50))
        members.tell(refund("f", "o1", member="bob"))
        assert [(lot.steps, lot.source and lot.source.account) for lot in lots(members, BOB)] == [(50, ANN)]

    def test_12_a_refund_after_a_gift_leaves_nobody_together_richer(self) -> None:
        """a buys 100, gives 100 to b, refunds: a owes 100, b has 100."""
        members = rich(program())
        members.tell(gift("g", 100))
        members.tell(refund("f", "o1"))
        assert (members.held("ann"), members.held("bob")) == (-100, 100)


class TestAudit:
    """In transit is zero over the accounts together."""

    def test_all_accounts_together_are_sound(self) -> None:
        """What left one has arrived on the other."""
        members = rich(program())
        members.tell(gift("g", 30))
        members.tell(Cancellation(id="x", member="ann", occurred_at=NOON, undoes="g"))
        report = audit(members.history(), calendar=members.program.calendar, whole=True)
        assert (IN_TRANSIT, "points") not in report.passed

    def test_a_side_that_is_missing_is_named(self) -> None:
        """With *whole*; one account alone may have given."""
        members = rich(program())
        members.tell(gift("g", 30))
        alone = members.commits[ANN]
        assert audit(alone, calendar=members.program.calendar).accounts == 1
        with pytest.raises(LedgerError, match="entry 0/g of member ann: 30 steps of points are still in transit"):
            audit(alone, calendar=members.program.calendar, whole=True)


class TestTerms:
    """Terms of gifts that could not be kept are refused."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"minimum": USD.of(1)},
            {"minimum": POINTS.of(2), "maximum": POINTS.of(1)},
            {"given": [Ceiling(name="a", limit=USD.of(9), per=MONTH)]},
            {"given": [Ceiling(name="a", limit=POINTS.of(9))]},
            {"received": [Ceiling(name="a", limit=POINTS.of(9), per=MONTH, by_label=True)]},
            {"received": [Ceiling(name="a", limit=POINTS.of(9), per=MONTH, shared="x")]},
        ],
    )
    def test_each_with_a_sentence(self, fields: dict[str, Any]) -> None:
        """Another unit, a minimum above the maximum, a ceiling of something else."""
        with pytest.raises(InvalidValueError):
            TransferTerms(unit="points", **fields)

    def test_one_for_a_unit_of_the_terms(self) -> None:
        """Two for one unit, or one for none, are an error."""
        for transfers in ([TransferTerms(unit="points")] * 2, [TransferTerms(unit="miles")], ["points"]):
            with pytest.raises(InvalidValueError):
                Terms(units=(POINTS,), transfers=transfers)  # type: ignore[arg-type]


class TestALifeOfItsOwn:
    """What is given may live anew with the receiver: a named choice of the terms."""

    def test_it_can_drop_its_end(self) -> None:
        """Evergreen there; with the giver the rest ends as it did."""
        members = rich(program(life=A_YEAR, life_of_gifts=Life()))
        members.tell(gift("g", 30))
        (mine,), (theirs,) = lots(members, ANN), lots(members, BOB)
        assert mine.validity.expires_at == NOON + 365 * DAY
        assert (theirs.steps, theirs.validity.expires_at) == (30, None)

    def test_it_can_begin_anew(self) -> None:
        """From the gift's instant on."""
        members = rich(program(life=A_YEAR, life_of_gifts=Life(expires_after=days(3))))
        members.tell(gift("g", 30, at=NOON + DAY))
        (theirs,) = lots(members, BOB)
        assert theirs.validity.expires_at == NOON + 4 * DAY

    @pytest.mark.parametrize("life", [Life(), Life(expires_after=days(10))])
    def test_taken_back_it_has_its_old_life(self, life: Life) -> None:
        """A gift and its cancellation lengthen nothing."""
        members = rich(program(life=A_YEAR, life_of_gifts=life))
        members.tell(buy("o2", "50.00", at=NOON + DAY))
        before = lots(members, ANN)
        members.tell(gift("g", 120, at=NOON + DAY))
        members.tell(Cancellation(id="x", member="ann", occurred_at=NOON + DAY, undoes="g")).require()
        assert lots(members, ANN) == before
        assert not lots(members, BOB)

    def test_it_is_there_at_once(self) -> None:
        """A gift does not wait."""
        with pytest.raises(InvalidValueError, match="at once"):
            TransferTerms(unit="points", life=Life(available_after=days(1)))
