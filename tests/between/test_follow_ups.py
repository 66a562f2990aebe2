"""Follow-ups: what another account gets for what happened here, and what is left of it after refunds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs
import pytest

from between.members import BUDGET, DAY, NOON, POINTS, Members, buy, earning, mug, program_of, redeem, refund
from between.referral import PROGRAM, Referral, referred
from patronage import (
    Account,
    BenefitKind,
    Cancellation,
    Credit,
    Debit,
    Effect,
    Enrolment,
    Give,
    HistoryRequiredError,
    InvalidValueError,
    Life,
    Occasion,
    PointsPolicy,
    PolicyError,
    Purchase,
    Read,
    RefundTerms,
    Rejected,
    RejectionCode,
    State,
    Transfer,
    Unit,
    Wake,
)
from patronage.accounts import system
from patronage.events import FollowedUp
from patronage.explain import explain
from patronage.ledger import GrantChange, GrantEntry
from patronage.occasions import FollowUp, HandOver, Woken
from patronage.terms_of_time import days
from patronage.thresholds import GiveGrant, Threshold

ANN, BOB = Account.member("ann"), Account.member("bob")


@attrs.frozen(kw_only=True)
class Own:
    """A policy that answers by a function."""

    answer: Callable[[Occasion], Iterable[Effect]]
    name: str = "own"
    follows_up: bool = True
    others: tuple[Account, ...] = ()

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the function says."""
        return tuple(self.answer(occasion))


@attrs.frozen(kw_only=True)
class Reading(Own):
    """One that reads the points."""

    reads: tuple[Read, ...] = (Read("points"), Read("points", "gift"))


class TestTheReceiver:
    """The receiver books the total less what the chain has booked."""

    def test_it_gets_what_the_policy_gives(self) -> None:
        """The referrer's points come by an event of their own, about the friend's purchase."""
        members = Members(PROGRAM)
        decision = members.tell(referred("o", "100.00"))
        assert (members.held("bob"), members.held("ann")) == (100, 10)
        (follow_up,) = decision.follow_ups
        assert (follow_up.receiver, follow_up.origin.account, follow_up.origin.root) == (ANN, BOB, "o")
        assert follow_up.id.startswith("~f/")
        (commit,) = members.commits[ANN]
        (entry,) = commit.entries
        assert isinstance(entry, Transfer)
        assert (entry.about, entry.policy, entry.steps) == (follow_up.origin, "referral", 10)
        assert commit.root == follow_up.about

    def test_deciding_alone_leaves_them_to_the_caller(self) -> None:
        """`decide` changes no account but those that it was given."""
        decision = PROGRAM.decide(State.of("bob"), referred("o", "100.00")).require()
        assert [commit.account for commit in decision.commits] == [BOB]
        assert len(decision.follow_ups) == 1

    def test_the_same_again_changes_nothing(self) -> None:
        """A follow-up that is delivered twice is answered from the receiver's history."""
        members = Members(PROGRAM)
        (follow_up,) = members.tell(referred("o", "100.00")).follow_ups
        assert members.tell(follow_up).repeated
        assert members.held("ann") == 10

    def test_it_needs_its_history(self) -> None:
        """Never defaulted: what the chain has booked so far."""
        (follow_up,) = PROGRAM.decide(State.of("bob"), referred("o", "100.00")).require().follow_ups
        with pytest.raises(HistoryRequiredError) as caught:
            PROGRAM.decide(State.of("ann"), follow_up)
        assert caught.value.roots == (follow_up.about,)

    def test_equal_purchase_ids_of_two_friends_do_not_meet(self) -> None:
        """Each friend's purchase is a root of its own on the referrer's account."""
        members = Members(PROGRAM)
        members.tell(referred("o", "100.00", "bob"))
        members.tell(referred("o", "50.00", "cid"))
        members.tell(refund("f", "o", member="cid"))
        assert members.held("ann") == 10

    def test_counter_example_14_it_is_never_too_late(self) -> None:
        """The referrer's account stands at day 9; the friend's purchase of day 5 takes effect there on day 9."""
        members = Members(PROGRAM)
        members.tell(buy("p", "1.00", "ann", at=NOON + 9 * DAY))
        members.tell(referred("o", "100.00", at=NOON + 5 * DAY))
        commit = members.commits[ANN][-1]
        assert commit.event.occurred_at == NOON + 5 * DAY
        assert {entry.at for entry in commit.entries} == {NOON + 9 * DAY}
        assert members.held("ann") == 11

    def test_two_policies_are_two_chains_of_one_root(self) -> None:
        """One root on the receiver, numbered on; each chain has its own total."""
        members = Members(program_of(earning(), Referral(), Referral(name="more")))
        decision = members.tell(referred("o", "100.00"))
        assert len({follow_up.chain for follow_up in decision.follow_ups}) == 2
        assert [commit.ordinal for commit in members.commits[ANN]] == [0, 1]
        members.tell(refund("f", "o", "50.00", "bob"))
        assert members.held("ann") == 10

    def test_a_hold_counts_from_the_purchase(self) -> None:
        """The life of what is followed up is counted from the occasion, whenever it is booked."""
        members = Members(program_of(earning(), Referral(hold=14)))
        members.tell(buy("p", "1.00", "ann", at=NOON + 9 * DAY))
        members.tell(referred("o", "100.00", at=NOON + 5 * DAY))
        assert members.held("ann") == 1
        members.now = NOON + 20 * DAY
        assert members.held("ann") == 11

    def test_a_hold_that_is_over_on_arrival_merges_with_what_never_ends(self) -> None:
        """The receiver is thirty days further: what was held for fourteen is one lot with the rest at once."""
        members = Members(program_of(earning(), Referral(hold=14)))
        members.tell(buy("p", "1.00", "ann", at=NOON + 30 * DAY))
        members.tell(referred("o", "100.00"))
        assert not members.state(ANN).pending
        assert [lot.steps for lot in members.state(ANN).lots["points"]] == [11]

    def test_a_chain_that_lacks_its_first_total_is_incomplete(self) -> None:
        """Not yet: the same may be sent again with all of its history, and then is taken."""
        members = Members(PROGRAM)
        members.tell(referred("o", "100.00"))
        members.tell(refund("f-1", "o", "50.00", "bob"))
        (last,) = members.decide(refund("f-2", "o", "20.00", "bob")).follow_ups
        first, second = members.commits[ANN]
        decision = PROGRAM.decide(members.state(ANN), last, history=[second])
        assert isinstance(decision, Rejected)
        assert (decision.code, decision.final) == (RejectionCode.HISTORY_INCOMPLETE, False)
        assert PROGRAM.decide(members.state(ANN), last, history=[first, second]).accepted

    def test_policies_are_not_shown_it(self) -> None:
        """What is followed up is no fact: no policy answers it."""
        seen: list[str] = []

        def watch(occasion: Occasion) -> Iterable[Effect]:
            seen.append(f"{occasion.account.id} {type(occasion.event).__name__}")
            return ()

        members = Members(program_of(Referral(), Own(answer=watch)))
        members.tell(referred("o", "100.00"))
        assert seen == ["bob Purchase"]

    def test_its_points_are_points(self) -> None:
        """They are spent like any other, and what is told of them can be decided again."""
        members = Members(PROGRAM)
        members.tell(referred("o", "100.00"))
        (commit,) = members.commits[ANN]
        told = explain(commit, PROGRAM, before=State.of("ann"))
        assert told.reproduced
        assert told.heading.sentence.startswith("What policy referral gives in all for o of bob, told on 2 March 2026")
        assert [entry.item.sentence for entry in told.entries] == [
            "10 points credited by policy referral, rule tenth, for what another account did."
        ]
        assert not told.entries[0].by_time


class TestRefunds:
    """A refund of the purchase decides it again, and tells the new total."""

    def test_parts_take_back_what_the_whole_does(self) -> None:
        """In parts or at once, the referrer keeps what the rest is worth."""
        members = Members(PROGRAM)
        members.tell(referred("o", "100.00"))
        first = members.tell(refund("f-1", "o", "35.00", "bob"))
        assert [credit.amount for credit in first.follow_ups[0].credits] == [POINTS.of(6)]
        assert members.held("ann") == 6
        members.tell(refund("f-2", "o", "65.00", "bob"))
        assert members.held("ann") == 0

    def test_a_refund_that_changes_nothing_there_tells_nothing(self) -> None:
        """Nine cents of a purchase are no point of the referrer's."""
        members = Members(PROGRAM)
        members.tell(referred("o", "109.00"))
        assert not members.tell(refund("f-1", "o", "9.00", "bob")).follow_ups

    def test_what_is_spent_is_owed(self) -> None:
        """As after any refund."""
        members = Members(program_of(earning(), Referral(), rewards=[mug()]))
        members.tell(referred("o", "100.00"))
        members.tell(redeem("r", "ann"))
        members.tell(refund("f", "o", member="bob"))
        assert members.held("ann") == -10

    def test_the_proportional_share_where_the_terms_say_so(self) -> None:
        """35 of 100 come back: 4 of 10 points, halves up on what is taken."""
        members = Members(program_of(earning(), Referral(), refunds=RefundTerms(proportional=True)))
        members.tell(referred("o", "100.00"))
        members.tell(refund("f", "o", "35.00", "bob"))
        assert members.held("ann") == 6
        members.tell(refund("g", "o", "65.00", "bob"))
        assert members.held("ann") == 0

    def test_a_grant_is_revoked_when_nothing_is_left(self) -> None:
        """And stays while something is."""
        members = Members(program_of(earning(), Referral(badge=True)))
        members.tell(referred("o", "100.00"))
        members.tell(refund("f-1", "o", "60.00", "bob"))
        at = members.now
        assert members.program.at(members.state(ANN), at).grants("badge")
        members.tell(refund("f-2", "o", "40.00", "bob"))
        assert not members.program.at(members.state(ANN), at).grants("badge")

    def test_a_grant_of_another_friend_stays(self) -> None:
        """What one purchase gave is not another's to take."""
        members = Members(program_of(earning(), Referral(badge=True)))
        members.tell(referred("o", "100.00", "bob"))
        members.tell(referred("o", "100.00", "cid"))
        members.tell(refund("f", "o", member="cid"))
        assert members.program.at(members.state(ANN), members.now).grants("badge")

    def test_an_older_total_that_comes_later_changes_nothing(self) -> None:
        """Delivered out of order, the newest total stands."""
        members = Members(PROGRAM)
        first = PROGRAM.decide(State.of("bob"), referred("o", "100.00")).require()
        second = PROGRAM.decide(first.states[0], refund("f", "o", "50.00", "bob"), history=first.commits).require()
        members.tell(second.follow_ups[0])
        assert members.held("ann") == 5
        members.tell(first.follow_ups[0])
        assert members.held("ann") == 5

    def test_a_cancelled_enrolment_takes_its_follow_up_back(self) -> None:
        """What is undone never was, for the receiver too."""
        gift = FollowUp(receiver=ANN, credits=(Credit(POINTS.of(5), rule="friend"),))
        members = Members(
            program_of(Own(answer=lambda occasion: [gift] if isinstance(occasion.event, Enrolment) else []))
        )
        members.tell(Enrolment(id="e", member="bob", occurred_at=NOON))
        assert members.held("ann") == 5
        members.tell(Cancellation(id="x", member="bob", occurred_at=NOON, undoes="e"))
        assert members.held("ann") == 0


class TestSeveral:
    """One policy may give one receiver something by several rules, and hand things over."""

    @staticmethod
    def members(*follow_ups: FollowUp) -> Members:
        """A shop whose policy gives these for each purchase of 10.00 or more."""
        return Members(
            program_of(Own(answer=lambda occasion: follow_ups if sum_of(occasion) >= 1_000 else ()), rewards=[mug()])
        )

    def test_two_to_one_receiver_are_one_total(self) -> None:
        """Credits, grants and benefits of both are in one follow-up, and a refund takes all of it back."""
        cup = HandOver(kind=BenefitKind.PRODUCT, reward="cup")
        members = self.members(
            FollowUp(receiver=ANN, credits=(Credit(POINTS.of(5), rule="a"),), gives=(Give(key="one", rule="a"),)),
            FollowUp(
                receiver=ANN,
                credits=(Credit(POINTS.of(3), rule="b"),),
                gives=(Give(key="two", rule="b"),),
                benefits=(cup,),
            ),
        )
        decision = members.tell(buy("o", "20.00", "bob"))
        (follow_up,) = decision.follow_ups
        assert [credit.amount for credit in follow_up.credits] == [POINTS.of(5), POINTS.of(3)]
        assert held_by_ann(members) == (8, ["one", "two"])
        assert [benefit.reward for benefit in members.commits[ANN][0].benefits] == ["cup"]
        assert not members.tell(refund("f-1", "o", "5.00", "bob")).follow_ups
        members.tell(refund("f-2", "o", member="bob"))
        assert held_by_ann(members) == (0, [])

    def test_a_change_in_one_of_them_is_told(self) -> None:
        """A refund that lowers the first and not the second: the receiver keeps what both are worth now."""

        def tenth_and_two(occasion: Occasion) -> Iterable[Effect]:
            yield FollowUp(receiver=ANN, credits=(Credit(POINTS.of(sum_of(occasion) // 1_000), rule="tenth"),))
            yield FollowUp(receiver=ANN, credits=(Credit(POINTS.of(2), rule="two"),))

        members = Members(program_of(Own(answer=tenth_and_two)))
        members.tell(buy("o", "30.00", "bob"))
        assert members.held("ann") == 5
        members.tell(refund("f", "o", "20.00", "bob"))
        assert members.held("ann") == 3

    def test_what_was_handed_over_is_handed_over_once(self) -> None:
        """A new total of three cups after one of two hands over the one that is new; fewer take nothing back."""
        members = Members(program_of(Own(answer=cups)))
        members.tell(buy("o", "30.00", "bob"))
        members.tell(refund("f-1", "o", "10.00", "bob"))
        handed = [(benefit.reward, benefit.quantity) for commit in members.commits[ANN] for benefit in commit.benefits]
        assert handed == [("cup", 2), ("saucer", 1), ("cup", 1)]
        members.tell(refund("f-2", "o", "10.00", "bob"))
        assert members.commits[ANN][-1].benefits == ()

    def test_a_grant_that_has_ended_by_the_receivers_clock_is_not_given(self) -> None:
        """Three days from the friend's purchase are over where the receiver is nine days further."""
        give = Give(key="badge", lasts=days(3))
        members = self.members(FollowUp(receiver=ANN, credits=(Credit(POINTS.of(5)),), gives=(give,)))
        members.tell(buy("p", "1.00", "ann", at=NOON + 9 * DAY))
        members.tell(buy("o", "20.00", "bob"))
        assert held_by_ann(members) == (5, [])
        members.tell(buy("o", "20.00", "cid", at=NOON + 8 * DAY))
        assert held_by_ann(members) == (10, ["badge"])

    def test_a_grant_that_only_a_later_total_holds_is_given_with_it(self) -> None:
        """A badge for small purchases: the refund makes it one, and the receiver gets it then."""

        def badge_below(occasion: Occasion) -> Iterable[Effect]:
            small = (Give(key="badge", rule="small"),) if sum_of(occasion) <= 1_000 else ()
            yield FollowUp(receiver=ANN, credits=(Credit(POINTS.of(1), rule="one"),), gives=small)

        members = Members(program_of(Own(answer=badge_below)))
        members.tell(buy("o", "30.00", "bob"))
        assert held_by_ann(members) == (1, [])
        members.tell(refund("f", "o", "20.00", "bob"))
        assert held_by_ann(members) == (1, ["badge"])

    def test_a_grant_is_given_once_by_its_chain(self) -> None:
        """An amended total whose grant is the same gives it no second time, also among other grants."""
        members = Members(program_of(Own(answer=badge_and_points)))
        members.tell(buy("o", "30.00", "bob"))
        members.tell(refund("f", "o", "10.00", "bob"))
        given = [
            (entry.grant.key, entry.change)
            for commit in members.commits[ANN]
            for entry in commit.entries
            if isinstance(entry, GrantEntry)
        ]
        assert given == [("one", GrantChange.GIVEN), ("two", GrantChange.GIVEN)]
        assert held_by_ann(members) == (2, ["one", "two"])


def sum_of(occasion: Occasion) -> int:
    """What was bought, in cents."""
    return sum(line.total.steps for line in occasion.lines)


def cups(occasion: Occasion) -> Iterable[Effect]:
    """Two cups and a saucer above 20.00; three cups from 20.00; one cup from 10.00."""
    total = sum_of(occasion)
    many = HandOver(kind=BenefitKind.PRODUCT, reward="cup", quantity=2 if total > 2_000 else 3 if total == 2_000 else 1)
    saucer = HandOver(kind=BenefitKind.PRODUCT, reward="saucer")
    yield FollowUp(receiver=ANN, benefits=(many, saucer) if total > 2_000 else (many,))


def badge_and_points(occasion: Occasion) -> Iterable[Effect]:
    """A point for each ten dollars, and two rights whatever was spent."""
    credit = Credit(POINTS.of(sum_of(occasion) // 1_000), rule="tenth")
    yield FollowUp(receiver=ANN, credits=(credit,), gives=(Give(key="one", rule="r"), Give(key="two", rule="r")))


def held_by_ann(members: Members) -> tuple[int, list[str]]:
    """Her points, and the keys of her rights."""
    standing = members.program.at(members.state(ANN), max(members.now, members.state(ANN).clock or members.now))
    return standing.available(POINTS).steps, [key for key in ("badge", "one", "two") if standing.grants(key)]


class TestTime:
    """A wake-up may follow up as well."""

    def test_lazy_and_eager_agree(self) -> None:
        """What time follows up is named after what fell due, not after the commit that carried it."""

        def answer(occasion: Occasion) -> Iterable[Effect]:
            if isinstance(occasion.event, Purchase):
                yield Wake(at=occasion.at + 3 * DAY, name="thanks")
            elif isinstance(occasion.trigger, Woken):
                yield FollowUp(receiver=ANN, credits=(Credit(POINTS.of(5), rule="friend"),))

        program = program_of(Own(answer=answer))
        eager, lazy = Members(program), Members(program)
        for members in (eager, lazy):
            members.tell(buy("o", "1.00", "bob"))
        eager.pass_time(BOB, NOON + 3 * DAY)
        lazy.tell(buy("p", "1.00", "bob", at=NOON + 9 * DAY))
        (one,), (other,) = eager.commits[ANN], lazy.commits[ANN]
        assert one.event.id == other.event.id
        assert [attrs.evolve(entry, at=NOON) for entry in one.entries] == [
            attrs.evolve(entry, at=NOON) for entry in other.entries
        ]
        assert eager.held("ann") == lazy.held("ann") == 5


class TestSharedEffects:
    """A policy changes the shared accounts that it names."""

    def pool(self, **fields: Any) -> Own:
        """A point for a pool with each purchase."""
        return Own(answer=lambda occasion: [Credit(POINTS.of(1), rule="tithe", account=BUDGET)], **fields)

    def test_it_credits_a_pool_that_it_names(self) -> None:
        """And a refund takes it back from there."""
        members = Members(program_of(earning(), self.pool(others=(BUDGET,))))
        members.tell(buy("o", "10.00"))
        members.tell(buy("o", "10.00", "bob"))
        assert (members.used(), members.held()) == (2, 10)
        members.tell(refund("f", "o"))
        assert (members.used(), members.held()) == (1, 0)

    def test_what_time_does_to_a_pool_is_shown_to_those_that_name_it(self) -> None:
        """Its points end: the policy that names it is told, another one is not, and no threshold of members looks."""
        seen: list[str] = []

        def watches(name: str) -> Callable[[Occasion], Iterable[Effect]]:
            def answer(occasion: Occasion) -> Iterable[Effect]:
                if occasion.trigger is not None:
                    seen.append(f"{name} {type(occasion.trigger).__name__} {occasion.account.id}")
                elif name == "first":
                    yield Credit(POINTS.of(7), account=BUDGET, life=Life(expires_after=days(3)))

            return answer

        first = Own(answer=watches("first"), name="first", others=(BUDGET,))
        other = Own(answer=watches("other"), name="other")
        star = Threshold(name="star", at_least=POINTS.of(5), gives=(GiveGrant(key="star"),))
        members = Members(program_of(first, other, PointsPolicy(name="stars", thresholds=(star,))))
        members.tell(buy("o", "1.00"))
        assert members.used() == 7
        members.pass_time(BUDGET, NOON + 4 * DAY)
        assert members.used() == 0
        assert seen == ["first LotEnded spring"]
        assert not members.state(BUDGET).grants

    def test_the_next_policy_reads_the_pool_as_it_then_is(self) -> None:
        """What a policy credits, holds back or takes from a shared account is read by those behind it."""
        later = Life(available_after=days(3))
        read: list[tuple[int, int]] = []
        unread: list[int] = []

        def reader(occasion: Occasion) -> Iterable[Effect]:
            read.append((occasion.balance_of(BUDGET, "points"), occasion.balance_of(BUDGET, "points", "gift")))
            unread[:] = [occasion.balance_of(BUDGET, "points", "other")]
            return ()

        first = Own(
            answer=lambda occasion: [
                Credit(POINTS.of(7), account=BUDGET),
                Credit(POINTS.of(9), account=BUDGET, life=later),
                Credit(POINTS.of(2), account=BUDGET, label="gift"),
                Debit(POINTS.of(3), account=BUDGET),
                Debit(POINTS.of(50), account=BUDGET, label="gift", up_to=True),
            ],
            name="first",
            others=(BUDGET,),
        )
        second = Reading(answer=reader, name="second", others=(BUDGET,))
        members = Members(program_of(first, second))
        members.tell(buy("o", "1.00"))
        assert read == [(4, 0)]
        assert unread == [0]
        assert members.program.at(members.state(BUDGET), NOON).available(POINTS) == POINTS.of(4)
        members.tell(buy("o-2", "1.00"))
        assert read[1:] == [(8, 0)]

    def test_one_that_it_does_not_name_is_an_error(self) -> None:
        """Nothing is decided."""
        with pytest.raises(PolicyError, match="shared spring"):
            program_of(self.pool()).decide(State.of("ann"), buy("o", "1.00"))

    def test_only_shared_accounts_can_be_named(self) -> None:
        """A member gets a follow-up."""
        with pytest.raises(InvalidValueError, match="FollowUp"):
            program_of(self.pool(others=(ANN,)))


class TestErrors:
    """A follow-up that cannot be."""

    @pytest.mark.parametrize(
        ("effect", "message"),
        [
            (FollowUp(receiver=BOB, gives=(Give(key="k"),)), "another account"),
            (FollowUp(receiver=ANN, credits=(Credit(Unit("miles").of(1)),)), "no unit"),
        ],
    )
    def test_it_is_the_policys_error(self, effect: FollowUp, message: str) -> None:
        """To oneself, or in a unit that the terms do not have."""
        program = program_of(Own(answer=lambda occasion: [effect]))
        with pytest.raises(PolicyError, match=message):
            program.decide(State.of("bob"), buy("o", "1.00", "bob"))

    def test_a_policy_says_that_it_may_give_one(self) -> None:
        """Without `follows_up` a refund would not take it back."""
        program = program_of(attrs.evolve(Referral(), follows_up=False))
        with pytest.raises(PolicyError, match="follows_up"):
            program.decide(State.of("bob"), referred("o", "100.00"))

    @pytest.mark.parametrize(
        "fields",
        [
            {"receiver": ANN},
            {"receiver": system("issued"), "gives": (Give(key="k"),)},
            {"receiver": "ann", "gives": (Give(key="k"),)},
            {"receiver": ANN, "credits": (Give(key="k"),)},
            {"receiver": ANN, "gives": (Credit(POINTS.of(1)),)},
            {"receiver": ANN, "benefits": (Give(key="k"),)},
            {"receiver": ANN, "gives": (Give(key="k", since=NOON),)},
            {"receiver": ANN, "credits": (Credit(POINTS.of(1), account=BUDGET),)},
            {"receiver": ANN, "benefits": (Credit(POINTS.of(1)),)},
        ],
    )
    def test_one_that_means_nothing_is_refused(self, fields: dict[str, Any]) -> None:
        """Of nothing, to a system account, to a text, with what is no credit or grant of the receiver's."""
        with pytest.raises(InvalidValueError):
            FollowUp(**fields)

    def test_it_is_decided_on_its_receiver_only(self) -> None:
        """A state of another account is an error."""
        (follow_up,) = PROGRAM.decide(State.of("bob"), referred("o", "100.00")).require().follow_ups
        assert isinstance(follow_up, FollowedUp)
        for state in (State.of("cid"), State.of(Account.shared("ann"))):
            with pytest.raises(InvalidValueError, match="ann"):
                PROGRAM.decide(state, follow_up, history=())
