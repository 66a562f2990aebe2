"""Limits of a reward: by member and period, and in all (stock)."""

from __future__ import annotations

import pytest

from between.members import DAY, NOON, POINTS, Members, buy, earning, mug, program_of, redeem
from patronage import (
    Account,
    Cancellation,
    Capture,
    InvalidValueError,
    Rejected,
    RejectionCode,
    Release,
    Reservation,
)
from patronage.explain import explain, refusal_sentence
from patronage.periods import MONTH
from patronage.rewards import Limit

STOCK = Account.shared("mugs")
ANN = Account.member("ann")
SCARCE = program_of(earning(), rewards=[mug(limits=(Limit(name="stock", uses=2, shared="mugs"),))])
MONTHLY = program_of(earning(), rewards=[mug(limits=(Limit(name="monthly", uses=2, per=MONTH),))])


def rich(members: Members, *names: str) -> Members:
    """Each with 100 points."""
    for name in names:
        members.tell(buy("rich", "100.00", name))
    return members


def hold(id: str, member: str = "ann", **fields: object) -> Reservation:
    """A reservation of a mug."""
    return Reservation(id=id, member=member, occurred_at=NOON, reward="mug", lapses_at=NOON + DAY)


class TestByMember:
    """Without *shared* each member has a count of their own."""

    def test_the_one_above_is_refused_for_good(self) -> None:
        """The third mug of a month is refused, whatever the balance; another member has their own two."""
        members = rich(Members(MONTHLY), "ann", "bob")
        answers = [members.tell(redeem(f"r-{n}")) for n in range(3)]
        assert [answer.accepted for answer in answers] == [True, True, False]
        refused = answers[2]
        assert isinstance(refused, Rejected)
        assert (refused.code, refused.final) == (RejectionCode.LIMIT_REACHED, True)
        assert refusal_sentence(refused.refusal, MONTHLY) == "Refused: the limit monthly of reward mug is reached."
        assert members.held() == 80
        assert members.tell(redeem("r", "bob")).accepted

    def test_several_at_once_count_each(self) -> None:
        """A request for three of two is refused whole."""
        members = rich(Members(MONTHLY), "ann")
        assert not members.tell(redeem("r-1", times=3)).accepted
        assert members.tell(redeem("r-2", times=2)).accepted
        assert not members.tell(redeem("r-3")).accepted

    def test_the_next_month_has_its_own(self) -> None:
        """What March used is no matter for April."""
        members = rich(Members(MONTHLY), "ann")
        members.tell(redeem("r-1", times=2))
        assert members.tell(redeem("r-2", at=NOON + 31 * DAY)).accepted

    def test_it_needs_no_other_account(self) -> None:
        """The count stands on the member's own account."""
        assert MONTHLY.involves(redeem("r")).accounts == (ANN,)

    def test_the_limit_goes_before_the_balance(self) -> None:
        """Where both hold, the limit is named: it stands first."""
        members = Members(SCARCE)
        rich(members, "ann")
        members.tell(redeem("r-1", times=2))
        refused = members.tell(redeem("r-2", "poor"))
        assert isinstance(refused, Rejected)
        assert refused.code is RejectionCode.LIMIT_REACHED

    def test_a_refusal_for_want_of_points_counts_nothing(self) -> None:
        """Who cannot pay does not use the stock up."""
        members = rich(Members(SCARCE), "ann")
        assert not members.tell(redeem("r-0", "poor")).accepted
        assert members.used(STOCK) == 0


class TestStock:
    """With *shared* all members count together."""

    def test_the_last_one_is_for_who_comes_first(self) -> None:
        """Two mugs, three members."""
        members = rich(Members(SCARCE), "ann", "bob", "cid")
        answers = [members.tell(redeem("r", name)) for name in ("ann", "bob", "cid")]
        assert [answer.accepted for answer in answers] == [True, True, False]
        assert members.used(STOCK) == 2
        assert members.held("cid") == 100

    def test_cancelling_puts_it_back(self) -> None:
        """A cancelled redemption gives its use back, once."""
        members = rich(Members(SCARCE), "ann", "bob")
        members.tell(redeem("r", times=2))
        assert members.tell(Cancellation(id="x", member="ann", occurred_at=NOON, undoes="r")).accepted
        again = members.tell(Cancellation(id="y", member="ann", occurred_at=NOON, undoes="r"))
        assert not again.accepted
        assert (members.used(STOCK), members.held()) == (0, 100)
        assert members.tell(redeem("r", "bob")).accepted

    def test_a_reservation_holds_it_and_its_release_frees_it(self) -> None:
        """What is reserved cannot be had by another."""
        members = rich(Members(SCARCE), "ann", "bob")
        members.tell(hold("h"))
        members.tell(hold("i"))
        assert not members.tell(redeem("r", "bob")).accepted
        members.tell(Release(id="l", member="ann", occurred_at=NOON, reservation="h"))
        assert members.used(STOCK) == 1
        assert members.tell(redeem("s", "bob")).accepted

    def test_a_capture_keeps_it(self) -> None:
        """A captured reservation has used it."""
        members = rich(Members(SCARCE), "ann")
        members.tell(hold("h"))
        members.tell(Capture(id="c", member="ann", occurred_at=NOON, reservation="h"))
        assert members.used(STOCK) == 1

    @pytest.mark.parametrize("eager", [True, False])
    def test_a_reservation_that_lapses_frees_it_by_a_follow_up(self, eager: bool) -> None:
        """Time on the member's account tells the stock: lazily with the next event, or eagerly."""
        members = rich(Members(SCARCE), "ann", "bob")
        members.tell(hold("h"))
        members.tell(hold("i"))
        if eager:
            decision = members.pass_time(ANN, NOON + 2 * DAY)
        else:
            decision = members.tell(buy("late", "1.00", at=NOON + 2 * DAY))
        assert [follow_up.receiver for follow_up in decision.follow_ups] == [STOCK, STOCK]
        assert members.used(STOCK) == 0
        assert members.tell(redeem("s", "bob", at=NOON + 2 * DAY)).accepted

    def test_own_uses_come_back_when_it_lapses(self) -> None:
        """So does a limit by member, on the member's own account."""
        members = rich(Members(MONTHLY), "ann")
        members.tell(hold("h"))
        members.tell(hold("i"))
        assert not members.tell(redeem("r-1")).accepted
        assert members.tell(redeem("r-2", times=2, at=NOON + 2 * DAY)).accepted
        assert members.held() == 80

    def test_a_slice_has_its_part(self) -> None:
        """Five mugs in two slices are three and two."""
        limit = Limit(name="stock", uses=5, shared="mugs", slices=2)
        names = [f"m-{n}" for n in range(20)]
        members = rich(Members(program_of(earning(), rewards=[mug(limits=(limit,))])), *names)
        assert sum(members.tell(redeem("r", name)).accepted for name in names) == 5

    def test_it_is_explained(self) -> None:
        """A use is told with the reward's limit, and decided again the same."""
        members = rich(Members(SCARCE), "ann")
        before = members.state(ANN)
        own, there = members.tell(redeem("r")).commits
        told = explain(own, SCARCE, before=before, others=(members.state(Account.shared("none")),))
        assert told.reproduced is False  # The stock's state is needed, and was not given.
        empty = Members(SCARCE).state(STOCK)
        assert explain(own, SCARCE, before=before, others=(empty,)).reproduced
        (entry,) = explain(there, SCARCE).entries
        assert entry.item.sentence == "Limit stock of 2 uses: 1 uses used in lifetime."

    def test_all_is_undone(self) -> None:
        """Points and stock are as before."""
        members = rich(Members(SCARCE), "ann")
        before = members.state(ANN).lots
        members.tell(redeem("r"))
        members.tell(Cancellation(id="x", member="ann", occurred_at=NOON, undoes="r"))
        assert members.state(ANN).lots == before
        assert not members.state(STOCK).lots
        assert members.held() == POINTS.of(100).steps


@pytest.mark.parametrize(
    "fields", [{"uses": 0}, {"uses": 2, "slices": 2}, {"uses": 2, "shared": "s", "slices": 3}, {"uses": "1"}]
)
def test_a_limit_that_could_not_be_kept_is_refused(fields: dict[str, object]) -> None:
    """No uses, slices of nothing, more slices than uses, and what is no number."""
    with pytest.raises(InvalidValueError):
        Limit(name="stock", **fields)  # type: ignore[arg-type]


def test_two_limits_of_one_name_are_refused() -> None:
    """Their counts would be one."""
    with pytest.raises(InvalidValueError, match="a name each"):
        mug(limits=(Limit(name="a", uses=1), Limit(name="a", uses=2)))
