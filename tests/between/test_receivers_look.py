"""What comes from another account lets the receiver's thresholds look, and fall again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
import pytest

from between.members import A_YEAR, BUDGET, NOON, POINTS, Members, budget, buy, earning, program_of, refund
from between.referral import Referral, referred
from loyalty.shop import Clock
from patronage import (
    Account,
    Cancellation,
    Ceiling,
    Credit,
    Effect,
    Occasion,
    PointsPolicy,
    PolicyError,
    Purchase,
    Read,
)
from patronage.events import FollowedUp, Gift
from patronage.figures import Setting
from patronage.loyalty import Loyalty
from patronage.occasions import FollowUp
from patronage.periods import MONTH
from patronage.policies.base import BoundPolicy
from patronage.stores.memory import MemoryLedger
from patronage.thresholds import GiveGrant, Threshold
from patronage.transfers import TransferTerms
from patronage.watching import Adoption, Look, PeriodTerms, Settlement

ANN = Account.member("ann")
STAR = Threshold(name="star", at_least=POINTS.of(10), gives=(GiveGrant(key="star"),))
PROGRAM = program_of(
    earning(life=A_YEAR),
    Referral(),
    PointsPolicy(name="stars", thresholds=(STAR,)),
    transfers=(TransferTerms(unit="points"),),
)


def is_star(members: Members, member: str = "ann") -> bool:
    """Whether a member has what ten points give."""
    return bool(PROGRAM.at(members.state(Account.member(member)), members.now).grants("star"))


class TestThresholds:
    """A receiver's thresholds look after a follow-up and after a gift."""

    def test_a_follow_up_reaches_it_and_its_amendment_falls(self) -> None:
        """Ten points of a friend's purchase are a star; a refund there takes it."""
        members = Members(PROGRAM)
        members.tell(referred("o", "100.00"))
        assert is_star(members)
        members.tell(refund("f", "o", "10.00", "bob"))
        assert members.held("ann") == 9
        assert not is_star(members)

    def test_a_gift_reaches_it_and_its_cancellation_falls(self) -> None:
        """On the receiver's commit of the same batch."""
        members = Members(PROGRAM)
        members.tell(buy("o", "30.00", "bob"))
        members.tell(Gift(id="g", member="bob", occurred_at=NOON, to="ann", amount=POINTS.of(10)))
        assert is_star(members)
        members.tell(Cancellation(id="x", member="bob", occurred_at=NOON, undoes="g"))
        assert not is_star(members)
        assert is_star(members, "bob")

    def test_a_cancelled_gift_under_a_ceiling_falls_by_its_points_alone(self) -> None:
        """The receiver's count of gifts comes back with them; what is lost to the star is the ten points."""
        received = Ceiling(name="monthly", limit=POINTS.of(15), per=MONTH)
        program = program_of(
            earning(life=A_YEAR),
            PointsPolicy(name="stars", thresholds=(STAR,)),
            transfers=(TransferTerms(unit="points", received=(received,)),),
        )
        members = Members(program)
        members.tell(buy("o", "30.00", "bob"))
        gift = Gift(id="g", member="bob", occurred_at=NOON, to="ann", amount=POINTS.of(10))
        members.tell(gift)
        assert is_star(members)
        members.tell(Cancellation(id="x", member="bob", occurred_at=NOON, undoes="g"))
        assert (is_star(members), members.held("ann")) == (False, 0)
        assert members.tell(attrs.evolve(gift, id="g-2", amount=POINTS.of(15))).accepted
        assert is_star(members)

    def test_a_shared_account_is_no_member(self) -> None:
        """What a budget has counted reaches no threshold, and new terms are not adopted there."""
        star = PointsPolicy(name="stars", thresholds=(STAR,))
        members = Members(program_of(earning(budget()), star))
        members.tell(buy("o", "50.00"))
        assert not members.state(BUDGET).grants


@attrs.frozen
class Passing:
    """A watcher that, whenever something comes, passes a point on to the next in a row."""

    row: tuple[str, ...]
    name: str = "on"
    unit: str = "passing.on"
    reads: Sequence[Read] = ()
    terms_of: PeriodTerms = PeriodTerms.CLOSE
    adoption: Adoption = Adoption.GRANDFATHERED

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """A point for the next member of the row."""
        if not isinstance(occasion.event, Purchase | FollowedUp):
            return None
        follows = dict(zip(self.row, self.row[1:], strict=False)).get(occasion.account.id)
        if follows is None:
            return None
        gives = FollowUp(receiver=Account.member(follows), credits=(Credit(POINTS.of(1), rule="on"),))
        return Settlement("~p/passing/on/-", (gives,))


@attrs.frozen
class PassingPolicy:
    """A policy of that watcher alone."""

    row: tuple[str, ...]
    name: str = "passing"

    def bind(self, setting: Setting) -> BoundPolicy:
        """Ready to be asked."""
        return BoundPolicy(
            self.name, lambda occasion, trace: (), watchers=(Passing(self.row),), triggers=False, follows_up=True
        )

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """Nothing."""
        return ()


class TestLevels:
    """A follow-up's own follow-up is the last one."""

    @staticmethod
    def service(*row: str) -> tuple[Loyalty, MemoryLedger]:
        """A service of a program that passes points along the row."""
        store = MemoryLedger()
        return Loyalty(program_of(PassingPolicy(row)), store, clock=Clock(NOON), retry=None), store

    def test_two_in_a_row_are_one_append(self) -> None:
        """The purchase, what it gives, and what that gives."""
        loyalty, _ = self.service("a", "b", "c")
        decision = loyalty.record(buy("o", "1.00", "a"))
        assert [commit.account.id for commit in decision.commits] == ["a", "b", "c"]

    def test_a_third_is_the_policys_error(self) -> None:
        """And nothing is stored."""
        loyalty, store = self.service("a", "b", "c", "d")
        with pytest.raises(PolicyError, match="2 in a row"):
            loyalty.record(buy("o", "1.00", "a"))
        assert not store.accounts()
