"""Ceilings on a shared account: a campaign's budget over all members."""

from __future__ import annotations

from typing import Any

import pytest

from between.members import BUDGET, DAY, NOON, POINTS, USD, Members, budget, buy, earning, program_of, redeem, refund
from patronage import (
    Account,
    Activity,
    BonusRule,
    Cancellation,
    Ceiling,
    InvalidValueError,
    On,
    PointsPolicy,
    Purchase,
    RefundTerms,
    Rejected,
    RejectionCode,
    State,
    Transfer,
)
from patronage.errors import OthersRequiredError
from patronage.events import Counterpart
from patronage.explain import explain
from patronage.periods import LIFETIME, MONTH
from patronage.terms_of_time import Rolling, days

PROGRAM = program_of(earning(budget()))
ANN, BOB = Account.member("ann"), Account.member("bob")


def earned(members: Members, id: str, total: str, member: str = "ann") -> int:
    """What a purchase of so much earns."""
    return members.tell(buy(id, total, member)).earned(POINTS).total.steps


class TestABudget:
    """*shared* counts the use of all members on one account."""

    def test_members_use_it_together_and_the_last_one_gets_the_rest(self) -> None:
        """60 of 100 leave 40 for another member, and nothing for a third."""
        members = Members(PROGRAM)
        assert [earned(members, "o", "60.00", who) for who in ("ann", "bob", "cid")] == [60, 40, 0]
        assert members.used() == 100

    def test_one_that_is_whole_gives_nothing_where_not_all_fits(self) -> None:
        """With *whole*, 60 do not fit into 40."""
        members = Members(program_of(earning(budget(whole=True))))
        assert [earned(members, "o", "60.00", who) for who in ("ann", "bob")] == [60, 0]
        assert [earned(members, "p", "40.00", "bob"), members.used()] == [40, 100]

    def test_it_counts_the_spend_where_the_limit_is_of_spend(self) -> None:
        """100.00 of spend at two points each are 200 points, whoever spends."""
        rule_limit = Ceiling(name="budget", limit=USD.of(100), per=LIFETIME, shared="spring")
        members = Members(program_of(earning(rule_limit)))
        assert [earned(members, "o", "60.00", who) for who in ("ann", "bob")] == [60, 40]
        assert members.used() == 10_000

    def test_a_period_has_a_budget_of_its_own(self) -> None:
        """What March used is no matter for April, in the program's time zone."""
        members = Members(program_of(earning(budget(per=MONTH))))
        members.tell(buy("o-1", "90.00"))
        late = members.tell(buy("o-2", "90.00", "bob", at=NOON + 30 * DAY))
        assert late.earned(POINTS).total == POINTS.of(90)

    def test_it_holds_for_the_sum_of_a_policys_rules(self) -> None:
        """A ceiling of the policy counts all of its rules, and the one of an enrolment or activity is as good."""
        rules = (BonusRule(credit=POINTS.of(70), on=On.ACTIVITY, activity="review", name="review"),)
        members = Members(program_of(PointsPolicy(name="base", rules=rules, ceilings=(budget(),))))
        reviews = [
            members.tell(Activity(id="r", member=who, occurred_at=NOON, kind="review")) for who in ("ann", "bob", "cid")
        ]
        assert [review.earned(POINTS).total.steps for review in reviews] == [70, 30, 0]

    def test_equal_event_ids_of_two_members_do_not_meet(self) -> None:
        """The commits on the shared account are under derived ids that name the member and the event."""
        members = Members(PROGRAM)
        members.tell(buy("o", "10.00", "ann"))
        members.tell(buy("o", "10.00", "bob"))
        events = [commit.event for commit in members.commits[BUDGET]]
        assert all(isinstance(event, Counterpart) and event.id.startswith("~") for event in events)
        assert len({event.id for event in events}) == len({event.about for event in events}) == 2
        assert [(e.origin, e.event, e.root) for e in events if isinstance(e, Counterpart)] == [
            (ANN, "o", "o"),
            (BOB, "o", "o"),
        ]

    def test_an_account_that_did_not_change_has_no_commit(self) -> None:
        """A budget that is used up is read, and left alone; the member's own commit is always there."""
        members = Members(PROGRAM)
        members.tell(buy("o-1", "100.00"))
        full = members.tell(buy("o-2", "5.00"))
        assert [commit.account for commit in full.commits] == [ANN]
        assert full.commits[0].basis.others[str(BUDGET)][0].steps == 100

    def test_every_entry_there_is_about_the_members_purchase(self) -> None:
        """The source of a use is the member's event, so that its refund finds it."""
        members = Members(PROGRAM)
        (commit, _) = sorted(members.tell(buy("o", "10.00")).commits, key=lambda commit: commit.account != BUDGET)
        (entry,) = commit.entries
        assert isinstance(entry, Transfer)
        assert (entry.about.account, entry.about.root, entry.cause) == (ANN, "o", commit.event.id)


class TestRefunds:
    """What came back makes room again, with the shared account's own history."""

    def test_a_refund_makes_room(self) -> None:
        """The part of the budget that came back is there for others."""
        members = Members(PROGRAM)
        members.tell(buy("o", "100.00"))
        members.tell(refund("f", "o", "30.00"))
        assert members.used() == 70
        assert earned(members, "p", "50.00", "bob") == 30

    @pytest.mark.parametrize(("part", "left"), [("15.00", 45), ("59.00", 1), (None, 0)])
    def test_the_proportional_share_makes_room_too(self, part: str | None, left: int) -> None:
        """Where the terms take the returned share, the budget gets the same share back as is taken."""
        members = Members(program_of(earning(budget()), refunds=RefundTerms(proportional=True)))
        members.tell(buy("o", "60.00"))
        members.tell(buy("o", "10.00", "bob"))
        members.tell(refund("f", "o", part))
        assert (members.held(), members.used()) == (left, left + 10)

    def test_after_the_time_for_refunds_the_share_makes_room(self) -> None:
        """A year and more later half of it comes back, and a budget that has counted nothing of it stays."""
        members = Members(PROGRAM)
        members.tell(buy("o", "60.00"))
        members.tell(refund("f", "o", "30.00", at=NOON + 400 * DAY))
        assert (members.held(), members.used()) == (30, 30)
        full = Members(PROGRAM)
        full.tell(buy("o", "100.00", "bob"))
        full.tell(buy("p", "50.00"))
        full.tell(refund("f", "p", "20.00", at=NOON + 400 * DAY))
        assert (full.held(), full.held("bob"), full.used()) == (0, 100, 100)

    def test_an_empty_purchase_used_none_of_it(self) -> None:
        """Nothing of it can come back, and to say so nobody asks for the history of the budget."""
        members = Members(PROGRAM)
        members.tell(Purchase(id="o", member="ann", occurred_at=NOON, lines=()))
        undone = members.tell(Cancellation(id="x", member="ann", occurred_at=NOON, undoes="o"))
        assert isinstance(undone, Rejected)
        assert (undone.code, members.used()) == (RejectionCode.ALREADY_ENDED, 0)

    def test_room_back_false_keeps_it_used(self) -> None:
        """A budget that is spent once and for all."""
        members = Members(program_of(earning(budget(room_back=False))))
        members.tell(buy("o", "100.00"))
        members.tell(refund("f", "o", "30.00"))
        assert (members.used(), members.held()) == (100, 70)

    def test_a_cancelled_activity_makes_room(self) -> None:
        """So does what is undone and is no purchase."""
        rules = (BonusRule(credit=POINTS.of(70), on=On.ACTIVITY, activity="review", name="review"),)
        members = Members(program_of(PointsPolicy(name="base", rules=rules, ceilings=(budget(),))))
        members.tell(Activity(id="r", member="ann", occurred_at=NOON, kind="review"))
        members.tell(Cancellation(id="x", member="ann", occurred_at=NOON, undoes="r"))
        assert (members.used(), members.held()) == (0, 0)

    def test_a_raise_is_trimmed_to_the_room_of_now(self) -> None:
        """Decided again, a purchase may earn more than before: never more than the budget has left."""
        members = Members(PROGRAM)
        members.tell(buy("o", "150.00"))
        members.tell(buy("p", "10.00", "bob"))
        members.tell(refund("f", "o", "60.00"))
        members.tell(buy("q", "10.00", "bob"))
        members.tell(refund("g", "q", "10.00", "bob"))
        assert members.used() == members.held() + members.held("bob") <= 100

    def test_the_refund_needs_the_history_of_the_budget(self) -> None:
        """Without the commits of the shared account a refund is not yet decided, not decided wrongly."""
        members = Members(PROGRAM)
        members.tell(buy("o", "50.00"))
        others = [members.state(BUDGET)]
        back = PROGRAM.decide(members.state(ANN), refund("f", "o"), history=members.commits[ANN], others=others)
        assert isinstance(back, Rejected)
        assert (back.code, back.final) == (RejectionCode.HISTORY_INCOMPLETE, False)

    def test_involves_names_the_budget_once_the_purchase_is_known(self) -> None:
        """A refund needs its purchase; that tells which shared accounts it has read."""
        members = Members(PROGRAM)
        members.tell(buy("o", "50.00"))
        asked = refund("f", "o")
        assert PROGRAM.involves(asked).accounts == (ANN,)
        involved = PROGRAM.involves(asked, (), members.history())
        assert involved.accounts == (ANN, BUDGET)
        assert involved.roots_of[BUDGET] == (members.commits[BUDGET][0].root,)


class TestWhatIsNeeded:
    """Never defaulted: the states of the other accounts."""

    def test_a_missing_state_is_an_error_that_names_it(self) -> None:
        """A purchase that counts on a budget cannot be decided without it."""
        with pytest.raises(OthersRequiredError, match="shared spring") as caught:
            PROGRAM.decide(State.of("ann"), buy("o", "1.00"))
        assert (caught.value.event_id, caught.value.accounts) == ("o", ("shared spring",))

    def test_an_event_that_counts_on_nothing_needs_none(self) -> None:
        """The budget is of purchases: a review does without."""
        review = Activity(id="r", member="ann", occurred_at=NOON, kind="review")
        assert PROGRAM.involves(review).accounts == (ANN,)
        assert PROGRAM.decide(State.of("ann"), review).accepted

    def test_a_repeated_event_needs_none(self) -> None:
        """The first answer is in the member's own history."""
        members = Members(PROGRAM)
        first = members.tell(buy("o", "50.00"))
        again = PROGRAM.decide(members.state(ANN), buy("o", "50.00"), history=members.commits[ANN])
        assert again.repeated
        assert again.earned(POINTS) == first.earned(POINTS)


class TestTime:
    """Members' events reach a shared account in any order."""

    def test_an_event_older_than_the_accounts_clock_takes_effect_at_that_clock(self) -> None:
        """A member who was offline counts on the budget of the event's own period."""
        members = Members(program_of(earning(budget(per=MONTH))))
        members.tell(buy("o", "60.00", "ann", at=NOON + 40 * DAY))
        late = members.tell(buy("o", "150.00", "bob", at=NOON))
        assert late.earned(POINTS).total == POINTS.of(100)
        (there,) = [commit for commit in late.commits if commit.account == BUDGET]
        assert there.entries[0].at == NOON + 40 * DAY
        assert there.event.occurred_at == NOON

    def test_one_whose_period_is_closed_for_good_there_is_too_late(self) -> None:
        """Where the use of that period is no longer known, nothing may be granted."""
        members = Members(program_of(earning(budget(per=MONTH)), refund_for=days(10)))
        members.tell(buy("o", "60.00", "ann", at=NOON + 60 * DAY))
        late = members.tell(buy("o", "10.00", "bob", at=NOON))
        assert isinstance(late, Rejected)
        assert (late.code, late.final) == (RejectionCode.TOO_LATE, False)

    def test_what_time_does_there_is_in_the_same_commit(self) -> None:
        """The old month's count ends in the commit of the next use."""
        members = Members(program_of(earning(budget(per=MONTH)), refund_for=days(10)))
        members.tell(buy("o", "60.00"))
        members.tell(buy("p", "10.00", "bob", at=NOON + 60 * DAY))
        last = members.commits[BUDGET][-1]
        assert [entry.reason.code for entry in last.entries if isinstance(entry, Transfer)] == ["expired", "counted"]
        assert last.entries[0].cause.startswith("~lot/")


class TestSlices:
    """A hot budget is cut into accounts of its own."""

    def test_the_slices_have_the_limit_together(self) -> None:
        """100 in 3 slices are 34, 33 and 33; a member's id says which is theirs."""
        members = Members(program_of(earning(budget(slices=3))))
        for n in range(40):
            members.tell(buy("o", "50.00", f"m-{n}"))
        used = [members.used(Account.shared(f"spring/{i}")) for i in range(3)]
        assert used == [34, 33, 33]

    def test_a_member_has_one_slice(self) -> None:
        """One slice may be used up while another is not."""
        members = Members(program_of(earning(budget(slices=3))))
        members.tell(buy("o", "50.00"))
        members.tell(buy("p", "50.00"))
        assert len(members.commits) == 2
        assert members.held() in (33, 34)


class TestWhatCannotBe:
    """A shared ceiling that could not be kept is refused."""

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"per": None}, "is shared"),
            ({"per": Rolling(term=days(30))}, "is shared"),
            ({"shared": None, "slices": 2}, "has slices"),
            ({"slices": 101}, "101 slices"),
            ({"slices": 0}, "at least 1"),
            ({"shared": "~x"}, "may not begin"),
        ],
    )
    def test_it_is_an_error(self, fields: dict[str, Any], message: str) -> None:
        """Each with a sentence that says why."""
        with pytest.raises(InvalidValueError, match=message):
            budget(**fields)

    def test_two_ways_to_cut_one_account_are_an_error(self) -> None:
        """Over a timeline the slices of a shared account stay: else what was used would be forgotten."""
        with pytest.raises(InvalidValueError, match="spring"):
            program_of(
                earning(budget(), Ceiling(name="b", limit=POINTS.of(9), per=LIFETIME, shared="spring", slices=2))
            )


class TestExplained:
    """Both sides are explained, and decided again the same."""

    def test_the_member_and_the_budget(self) -> None:
        """The member's commit from the states before it; the budget's names the purchase that used it."""
        members = Members(PROGRAM)
        members.tell(buy("o", "60.00"))
        before = members.state(BUDGET)
        members.tell(buy("p", "60.00", "bob"))
        own, there = members.commits[BOB][0], members.commits[BUDGET][1]
        told = explain(own, PROGRAM, before=State.of("bob"), others=(before,))
        assert told.reproduced
        assert explain(own, PROGRAM).reproduced
        budget_told = explain(there, PROGRAM)
        assert "event p of bob" in budget_told.heading.sentence
        assert [entry.item.sentence for entry in budget_told.entries] == [
            "Limit budget of 100 points: 40 points used in lifetime."
        ]
        assert budget_told.reproduced is None


def test_a_redemption_without_limits_needs_no_other_account() -> None:
    """Budgets of earning are no matter for spending."""
    assert PROGRAM.involves(redeem("r")).accounts == (ANN,)
