"""Accounts that become one, and part again: the survivor answers for the old id."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
import pytest

from between.members import A_YEAR, DAY, NOON, POINTS, USD, Members, buy, earning, mug, program_of, redeem, refund
from between.referral import Referral, referred
from loyalty.shop import Clock
from patronage import (
    Account,
    Adjustment,
    Cancellation,
    Capture,
    Ceiling,
    ChallengePolicy,
    Life,
    Program,
    Purchase,
    Rejected,
    RejectionCode,
    Reservation,
    StatusGrant,
    Tender,
    Transfer,
)
from patronage.audit import audit
from patronage.challenges import Goal, Milestone
from patronage.errors import OthersRequiredError
from patronage.events import Counterpart, Gift, Merge
from patronage.explain import explain, refusal_sentence
from patronage.ledger import IN_TRANSIT
from patronage.loyalty import Loyalty
from patronage.periods import MONTH
from patronage.stores.memory import MemoryLedger
from patronage.thresholds import GiveGrant
from patronage.transfers import TransferTerms

ANN, BOB, CID = Account.member("ann"), Account.member("bob"), Account.member("cid")
PROGRAM = program_of(earning(life=A_YEAR), rewards=[mug()], transfers=(TransferTerms(unit="points"),))


def merge(id: str = "mg", member: str = "ann", into: str = "bob", at: datetime = NOON + DAY) -> Merge:
    """An operator's merge."""
    return Merge(id=id, member=member, occurred_at=at, into=into, actor="op", reason="same_person")


def unmerge(of: str = "mg", member: str = "ann", at: datetime = NOON + DAY) -> Cancellation:
    """An operator undoes a merge."""
    return Cancellation(id=f"un-{of}", member=member, occurred_at=at, undoes=of)


def both(program: Program = PROGRAM) -> Members:
    """Ann has bought for 100.00, Bob for 50.00, under purchases of one id."""
    members = Members(program)
    members.tell(buy("o1", "100.00")).require()
    members.tell(buy("o1", "50.00", member="bob")).require()
    return members


def merged(program: Program = PROGRAM) -> Members:
    """Ann's account is merged into Bob's."""
    members = both(program)
    members.tell(merge()).require()
    return members


def lots(members: Members, account: Account) -> list[tuple[int, str | None]]:
    """Steps and source of each lot of points."""
    held = members.state(account).lots.get("points", ())
    return [(lot.steps, None if lot.source is None else f"{lot.source.account.id}/{lot.source.root}") for lot in held]


def test_a_gift_between_the_two_cannot_be_taken_back_any_more() -> None:
    """Both sides are one account now: there is nobody to take it back from."""
    members = both()
    members.tell(Gift(id="g", member="ann", occurred_at=NOON, to="bob", amount=POINTS.of(30))).require()
    members.tell(merge()).require()
    refused(
        members, Cancellation(id="x", member="ann", occurred_at=NOON + DAY, undoes="g"), RejectionCode.ALREADY_ENDED
    )


def refused(members: Members, event: Any, code: RejectionCode) -> Rejected:
    """An event that must be refused, with nothing moved."""
    before = {account: (state.lots, state.grants) for account, state in members.states.items()}
    decision = members.tell(event)
    assert isinstance(decision, Rejected)
    assert decision.code is code
    for account, held in before.items():
        assert (members.state(account).lots, members.state(account).grants) == held
    assert refusal_sentence(decision.refusal, members.program).startswith("Refused")
    return decision


class TestMerging:
    """All goes to the survivor, as it was."""

    def test_lots_keep_source_validity_and_age(self) -> None:
        """They are what they were, on another account; one batch, through in transit."""
        members = both()
        before = members.state(ANN).lots["points"]
        decision = members.tell(merge()).require()
        assert [commit.account for commit in decision.commits] == [ANN, BOB]
        assert not members.state(ANN).lots
        assert set(before) < set(members.state(BOB).lots["points"])
        transfers = [entry for commit in decision.commits for entry in commit.entries if isinstance(entry, Transfer)]
        assert all(IN_TRANSIT in (entry.payer, entry.payee) for entry in transfers)

    def test_it_leaves_a_grant_that_names_the_survivor(self) -> None:
        """`merged into`, with the survivor as its value, on the old account alone."""
        members = merged()
        assert [(grant.key, grant.value) for grant in members.state(ANN).grants] == [("merged into", "bob")]
        assert [(grant.key, grant.value) for grant in members.state(BOB).grants] == [("joined by", "ann")]

    def test_rights_go_along_and_one_that_both_have_ends_later(self) -> None:
        """Uses add up."""
        members = both()
        for name, days, uses in (("ann", 9, 2), ("bob", 5, 1)):
            members.tell(
                StatusGrant(
                    id="s", member=name, occurred_at=NOON, key="mug", until=NOON + days * DAY, uses=uses,
                    actor="op", reason="gift",
                )
            )  # fmt: skip
        members.tell(merge()).require()
        (grant,) = [grant for grant in members.state(BOB).grants if grant.key == "mug"]
        assert (grant.uses, grant.valid_until) == (3, NOON + 9 * DAY)

    @pytest.mark.parametrize("owing", ["ann", "bob"])
    def test_a_debt_is_paid_by_what_the_other_has(self, owing: str) -> None:
        """A debt never stands beside what could pay it."""
        members = both()
        owed = Adjustment(id="a", member=owing, occurred_at=NOON, amount=POINTS.of(-120), actor="op", reason="slip")
        members.tell(owed).require()
        members.tell(merge()).require()
        assert sum(steps for steps, _ in lots(members, BOB)) == 30
        assert all(steps > 0 for steps, _ in lots(members, BOB))

    def test_what_is_pending_becomes_available_with_the_survivor(self) -> None:
        """At its own instant."""
        life = Life(available_after=A_YEAR.expires_after)
        members = merged(program_of(earning(life=life)))
        assert len(members.state(BOB).pending) == 2
        members.pass_time(BOB, NOON + 400 * DAY)
        assert members.held("bob") == 150

    def test_the_look_after_a_merge_may_reach_a_goal(self) -> None:
        """Two halves of a goal are a whole, given once."""
        goal = Goal(name="all", milestones=(Milestone(at_least=POINTS.of(120), gives=(GiveGrant(key="star"),)),))
        members = both(program_of(earning(), ChallengePolicy(name="goals", challenges=(goal,))))
        assert not members.state(BOB).grants
        members.tell(merge()).require()
        assert [grant.key for grant in members.state(BOB).grants if grant.giver != "~link"] == ["star"]
        members.tell(unmerge()).require()
        assert not members.state(BOB).grants

    def test_what_is_sent_for_nobody_is_fine(self) -> None:
        """An account without a commit can be merged, and merged into."""
        members = Members(PROGRAM)
        members.tell(merge()).require()
        assert members.tell(buy("o", "5.00", at=NOON + DAY)).require().earned(POINTS).total == POINTS.of(5)
        assert members.held("bob") == 5


class TestRefusals:
    """Plain, ranked, and nothing changed."""

    def test_into_oneself(self) -> None:
        """Another account is needed."""
        refused(both(), merge(into="ann"), RejectionCode.TO_ONESELF)

    def test_twice(self) -> None:
        """What is merged is merged, also into another one."""
        members = merged()
        refused(members, merge("m2"), RejectionCode.ACCOUNT_MERGED)
        refused(members, merge("m3", into="cid"), RejectionCode.ACCOUNT_MERGED)

    def test_into_one_that_is_merged(self) -> None:
        """So there is no circle: the old one of a merge is never a survivor."""
        members = merged()
        refused(members, merge("m2", "bob", "ann"), RejectionCode.ACCOUNT_MERGED)
        decision = refused(members, merge("m3", "cid", "ann"), RejectionCode.ACCOUNT_MERGED)
        assert decision.refusal.facts["into"] == "bob"

    def test_before_what_the_survivor_has_lived_through(self) -> None:
        """Both are merged at one instant: the same merge is sent again, dated now."""
        members = both()
        members.tell(buy("o2", "1.00", member="bob", at=NOON + 2 * DAY))
        decision = refused(members, merge(), RejectionCode.TOO_LATE)
        assert not decision.final

    def test_the_survivors_state_is_needed(self) -> None:
        """`involves` names both."""
        with pytest.raises(OthersRequiredError, match="bob"):
            PROGRAM.decide(both().state(ANN), merge())
        members = merged()
        assert PROGRAM.involves(merge()).accounts == (ANN, BOB)
        event = buy("x", "1.00", at=NOON + DAY)
        assert PROGRAM.involves(event, (members.state(ANN),)).accounts == (ANN, BOB)
        with pytest.raises(OthersRequiredError, match="bob"):
            PROGRAM.decide(members.state(ANN), event)

    def test_a_gift_to_the_old_account(self) -> None:
        """It names the survivor, whom to send it to."""
        members = merged()
        members.tell(buy("o1", "10.00", member="cid", at=NOON + DAY))
        gift = Gift(id="g", member="cid", occurred_at=NOON + DAY, to="ann", amount=POINTS.of(1))
        assert refused(members, gift, RejectionCode.ACCOUNT_MERGED).refusal.facts["into"] == "bob"

    @pytest.mark.parametrize(("by", "to"), [("ann", "bob"), ("bob", "ann"), ("ann", "ann")])
    def test_a_gift_to_oneself(self, by: str, to: str) -> None:
        """The two are one."""
        gift = Gift(id="g", member=by, occurred_at=NOON + DAY, to=to, amount=POINTS.of(1))
        decision = merged().tell(gift)
        assert isinstance(decision, Rejected)


class TestAnswering:
    """What is sent for the old id."""

    def test_a_refund_takes_from_the_lots_that_the_purchase_made(self) -> None:
        """They are with the survivor; his own purchase of the same id is another one."""
        members = merged()
        decision = members.tell(refund("f", "o1", "40.00", at=NOON + DAY)).require()
        assert lots(members, BOB) == [(60, "ann/o1"), (50, "bob/o1")]
        assert decision.earned(POINTS).total == POINTS.of(-40)
        members.tell(refund("f", "o1", member="bob", at=NOON + DAY)).require()
        assert lots(members, BOB) == [(60, "ann/o1")]

    def test_refunds_before_and_after_are_the_refund_in_whole(self) -> None:
        """In parts, on both sides of the merge; and no more than the purchase."""
        members = both()
        members.tell(refund("f1", "o1", "30.00")).require()
        members.tell(merge()).require()
        members.tell(refund("f2", "o1", "30.00", at=NOON + DAY)).require()
        refused(members, refund("f3", "o1", "50.00", at=NOON + DAY), RejectionCode.REFUND_EXCEEDS_PURCHASE)
        members.tell(refund("f4", "o1", at=NOON + DAY)).require()
        assert lots(members, BOB) == [(50, "bob/o1")]

    def test_it_is_recorded_on_the_old_account_and_booked_with_the_survivor(self) -> None:
        """There under derived ids, about the very root; sent again it gets the first answer."""
        members = merged()
        event = buy("o2", "10.00", at=NOON + DAY)
        decision = members.tell(event).require()
        old, booked = decision.commits
        assert (old.account, old.event, old.entries) == (ANN, event, ())
        assert isinstance(booked.event, Counterpart)
        assert (booked.account, booked.event.event, booked.entries[0].about.account) == (BOB, "o2", ANN)
        again = members.tell(event).require()
        assert again.repeated
        assert again.earned(POINTS) == decision.earned(POINTS)
        assert again.entries == decision.entries

    def test_a_redemption_spends_what_the_survivor_has(self) -> None:
        """Its benefit is handed over; cancelled, the lots come back."""
        members = merged()
        before = members.state(BOB).lots
        decision = members.tell(redeem("d", at=NOON + DAY, times=12)).require()
        assert decision.benefits[0].reward == "mug"
        assert members.held("bob") == 30
        members.tell(Cancellation(id="c", member="ann", occurred_at=NOON + DAY, undoes="d")).require()
        assert members.state(BOB).lots == before

    def test_a_reservation_goes_along_and_is_captured(self) -> None:
        """It is held under a name that no event of the survivor's can have."""
        members = both()
        for name in ("ann", "bob"):
            members.tell(
                Reservation(id="h", member=name, occurred_at=NOON, reward="mug", lapses_at=NOON + 3 * DAY)
            ).require()
        members.tell(merge()).require()
        members.tell(Capture(id="c", member="ann", occurred_at=NOON + DAY, reservation="h")).require()
        assert members.held("bob") == 130
        members.pass_time(BOB, NOON + 3 * DAY)
        assert members.held("bob") == 140
        late = Capture(id="c2", member="bob", occurred_at=NOON + 4 * DAY, reservation="h")
        refused(members, late, RejectionCode.ALREADY_ENDED)

    def test_a_reservation_of_the_old_account_lapses_with_the_survivor(self) -> None:
        """By time alone."""
        members = both()
        members.tell(Reservation(id="h", member="ann", occurred_at=NOON, reward="mug", lapses_at=NOON + 3 * DAY))
        members.tell(merge()).require()
        assert members.held("bob") == 140
        members.pass_time(BOB, NOON + 3 * DAY)
        assert members.held("bob") == 150

    def test_points_that_paid_come_back_to_the_survivor(self) -> None:
        """A purchase of before the merge, paid with points, is returned after it."""
        members = both()
        members.tell(redeem("d")).require()
        tender = Tender(kind="points", total=USD.of(10), redemption="d")
        paid = attrs.evolve(buy("o2", "10.00"), tenders=(tender,))
        members.tell(paid).require()
        members.tell(merge()).require()
        assert members.held("bob") == 150
        members.tell(refund("f", "o2", at=NOON + DAY)).require()
        assert members.held("bob") == 150

    def test_a_merged_account_is_merged_further(self) -> None:
        """Along the line: the last one answers, for all of them."""
        members = merged()
        members.tell(buy("o2", "7.00", at=NOON + DAY)).require()
        members.tell(merge("m2", "bob", "cid", at=NOON + 2 * DAY)).require()
        members.tell(refund("f", "o1", at=NOON + 3 * DAY)).require()
        members.tell(refund("g", "o2", at=NOON + 3 * DAY)).require()
        assert lots(members, CID) == [(50, "bob/o1")]
        assert not lots(members, BOB)
        refused(members, unmerge(at=NOON + 3 * DAY), RejectionCode.ACCOUNT_MERGED)
        members.tell(unmerge("m2", "bob", at=NOON + 3 * DAY)).require()
        members.tell(attrs.evolve(unmerge(at=NOON + 3 * DAY), id="un")).require()
        assert lots(members, BOB) == [(50, "bob/o1")]
        audit(members.history(), calendar=members.program.calendar, whole=True)

    def test_nobody_refers_oneself_by_a_merge(self) -> None:
        """What one's own other id buys earns its survivor no reward; what was given before the merge stays."""
        members = Members(program_of(earning(), Referral()))
        members.tell(referred("o", "50.00"))
        assert members.held("ann") == 5
        members.tell(merge("mg", "bob", "ann")).require()
        members.tell(referred("p", "50.00", at=NOON + DAY)).require()
        assert members.held("ann") == 5 + 50 + 50
        members.tell(refund("f", "o", "25.00", "bob", NOON + DAY)).require()
        assert members.held("ann") == 2 + 25 + 50

    def test_late_is_late_by_the_survivors_clock(self) -> None:
        """A redemption older than what he has lived through is not decided; a purchase is, while all is open."""
        members = merged()
        members.tell(buy("o9", "1.00", member="bob", at=NOON + 3 * DAY))
        refused(members, redeem("d", at=NOON + 2 * DAY), RejectionCode.TOO_LATE)

    def test_a_cap_that_is_passed_by_the_sum_gives_nothing(self) -> None:
        """Used 60 and 50 of 80: nothing more is given, and nothing is taken."""
        cap = Ceiling(name="cap", limit=POINTS.of(80), per=MONTH)
        members = merged(program_of(earning(cap)))
        assert members.held("bob") == 130
        assert members.tell(buy("o2", "9.00", at=NOON + DAY)).require().earned(POINTS).total == POINTS.of(0)
        assert members.held("bob") == 130


class TestUnmerging:
    """What is left goes back."""

    def test_at_once_all_is_as_it_was(self) -> None:
        """Lots and rights of both; the old account answers for itself again."""
        members = both()
        members.tell(StatusGrant(id="s", member="ann", occurred_at=NOON, key="vip", actor="op", reason="gift"))
        before = {account: state.lots for account, state in members.states.items()}
        vip = members.state(ANN).grants
        members.tell(merge()).require()
        members.tell(unmerge()).require()
        assert {account: state.lots for account, state in members.states.items()} == before
        assert [grant for grant in members.state(ANN).grants if grant.key == "vip"] == list(vip)
        assert not members.state(BOB).grants
        members.tell(buy("o2", "5.00", at=NOON + DAY)).require()
        assert members.held("ann") == 105

    def test_a_debt_is_owed_again(self) -> None:
        """By the one who owed it, whoever it was; the other has back what had paid it."""
        for owing in ("ann", "bob"):
            members = both()
            members.tell(
                Adjustment(id="a", member=owing, occurred_at=NOON, amount=POINTS.of(-120), actor="op", reason="slip")
            ).require()
            before = {account: state.lots for account, state in members.states.items()}
            members.tell(merge()).require()
            members.tell(unmerge()).require()
            assert {account: state.lots for account, state in members.states.items()} == before

    def test_what_was_spent_is_not_there_any_more(self) -> None:
        """The older lots went first: what is left of them goes."""
        members = merged()
        members.tell(redeem("d", member="bob", at=NOON + DAY, times=3)).require()
        members.tell(unmerge()).require()
        assert (members.held("ann"), members.held("bob")) == (70, 50)

    def test_what_was_bought_for_the_old_id_since_goes_with_it(self) -> None:
        """And its refund is answered where its lots are."""
        members = merged()
        members.tell(buy("o2", "20.00", at=NOON + 2 * DAY)).require()
        members.tell(refund("f1", "o2", "5.00", at=NOON + 2 * DAY)).require()
        members.tell(unmerge(at=NOON + 2 * DAY)).require()
        assert lots(members, ANN) == [(100, "ann/o1"), (15, "ann/o2")]
        members.tell(refund("f2", "o2", at=NOON + 2 * DAY)).require()
        members.tell(refund("f3", "o1", at=NOON + 2 * DAY)).require()
        assert (members.held("ann"), members.held("bob")) == (0, 50)

    def test_twice_is_refused(self) -> None:
        """It is undone."""
        members = merged()
        members.tell(unmerge()).require()
        again = attrs.evolve(unmerge(), id="un2")
        refused(members, again, RejectionCode.ALREADY_ENDED)

    def test_a_gift_of_the_merges_instant_is_the_survivors(self) -> None:
        """What stood with the survivor before the merge stays, of whatever source."""
        members = both()
        gift = Gift(id="g", member="ann", occurred_at=NOON, to="bob", amount=POINTS.of(1))
        members.tell(gift).require()
        before = {account: state.lots for account, state in members.states.items()}
        members.tell(merge(at=NOON)).require()
        members.tell(unmerge(at=NOON)).require()
        assert {account: state.lots for account, state in members.states.items()} == before

    def test_and_merged_again(self) -> None:
        """As often as operators change their minds."""
        members = merged()
        members.tell(unmerge()).require()
        members.tell(merge("m2", at=NOON + 2 * DAY)).require()
        members.tell(refund("f", "o1", at=NOON + 3 * DAY)).require()
        assert lots(members, BOB) == [(50, "bob/o1")]
        audit(members.history(), calendar=members.program.calendar, whole=True)


class TestTheService:
    """`Loyalty` finds both accounts, and explains where it was booked."""

    def test_record_refund_explain(self) -> None:
        """Over a store, with nothing but ids."""
        store = MemoryLedger()
        loyalty = Loyalty(PROGRAM, store, clock=Clock(NOON + 9 * DAY))
        loyalty.record(buy("o1", "100.00"))
        loyalty.record(buy("o1", "50.00", member="bob"))
        loyalty.record(merge()).require()
        event = buy("o2", "10.00", at=NOON + 2 * DAY)
        first = loyalty.record(event)
        assert loyalty.record(event).repeated
        assert loyalty.record(event).earned(POINTS) == first.earned(POINTS)
        loyalty.record(refund("f", "o1", "40.00", at=NOON + 3 * DAY)).require()
        assert loyalty.standing("bob").available(POINTS) == POINTS.of(120)
        assert loyalty.standing("ann").available(POINTS) == POINTS.of(0)
        told = loyalty.explain("ann", "o2")
        assert told.reproduced
        assert "10 points" in str(told)
        assert "merged into" in str(loyalty.explain("ann", "mg"))
        assert "came with the account of ann" in str(
            explain(next(c for c in store.history(BOB) if c.version == 2), PROGRAM)
        )
        loyalty.record(unmerge(at=NOON + 4 * DAY)).require()
        assert loyalty.standing("ann").available(POINTS) == POINTS.of(70)
        assert isinstance(event, Purchase)
