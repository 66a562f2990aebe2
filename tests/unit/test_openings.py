"""Opening balances: what members had elsewhere, lot by lot, with dates of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest
from unit_shop import NEW_YEAR, POINTS, STARS, USD, Member, points_policy, program_of

from patronage import Adjustment, Cancellation, InvalidValueError, Redemption, Rejected, RejectionCode, StatusGrant
from patronage.events import OpeningBalance, OpeningLot
from patronage.explain import explain
from patronage.ledger import ADJUSTED, ISSUED, Transfer
from patronage.rewards import FixedReward

DAY = timedelta(days=1)
MUG = FixedReward(name="mug", cost=POINTS.of(10))


def opening(*lots: OpeningLot, id: str = "ob", **fields: Any) -> OpeningBalance:
    """What the old system had."""
    return OpeningBalance(
        id=id, member="m-1", occurred_at=NEW_YEAR, lots=lots, actor="op", reason="old_system", **fields
    )


def lot(points: int, **fields: Any) -> OpeningLot:
    """A part of it."""
    return OpeningLot(amount=POINTS.of(points), **fields)


def member() -> Member:
    """Of a program with a mug for ten points."""
    return Member(program_of(points_policy(), rewards=[MUG]))


def vip(at: Any = NEW_YEAR, until: Any = None) -> StatusGrant:
    """A right by an operator."""
    return StatusGrant(id="s", member="m-1", occurred_at=at, key="vip", until=until, actor="op", reason="gift")


class TestLots:
    """Several lots in one event, each with its own dates."""

    def test_they_are_spent_and_end_by_their_own_dates(self) -> None:
        """The first to expire first, then the oldest: as they would have been in the old system."""
        one = member()
        end = NEW_YEAR + 90 * DAY
        old, young = NEW_YEAR - 40 * DAY, NEW_YEAR - 5 * DAY
        one.accept(
            opening(
                lot(10, earned_at=young, expires_at=end),
                lot(10, earned_at=old, expires_at=end),
                lot(10, expires_at=NEW_YEAR + 9 * DAY),
            )
        )
        one.accept(Redemption(id="d", member="m-1", occurred_at=NEW_YEAR, reward="mug", times=2))
        (left,) = one.state.lots["points"]
        assert (left.credited_at, left.validity.expires_at) == (young, end)
        one.pass_to(end)
        assert not one.state.lots

    def test_what_is_not_yet_available_waits(self) -> None:
        """Until its own instant; one that has passed is none."""
        one = member()
        one.accept(
            opening(lot(10, available_at=NEW_YEAR + DAY), lot(5, available_at=NEW_YEAR - DAY), lot(7, label="gift"))
        )
        assert [held.steps for held in one.state.pending] == [10]
        assert sorted(held.steps for held in one.state.lots["points"]) == [5, 7]
        one.pass_to(NEW_YEAR + DAY)
        assert sum(held.steps for held in one.state.lots["points"]) == 22

    def test_they_may_hang_on_a_right(self) -> None:
        """Ending with it, or living on while it is in force; without it they end at once."""
        one = member()
        one.accept(vip(until=NEW_YEAR + 9 * DAY))
        end = NEW_YEAR + 5 * DAY
        one.accept(opening(lot(10, needs="vip"), lot(20, held_by="vip", expires_at=end), lot(40, needs="gold")))
        assert sum(held.steps for held in one.state.lots["points"]) == 30
        one.pass_to(end)
        assert sum(held.steps for held in one.state.lots["points"]) == 30
        one.pass_to(NEW_YEAR + 9 * DAY)
        assert not one.state.lots

    @pytest.mark.parametrize("earned", [False, True])
    def test_it_is_not_earned_unless_told(self, earned: bool) -> None:
        """It comes from adjustments; or it is issued, and counts as earned."""
        decision = member().accept(opening(lot(10), lot(5), earned=earned))
        assert decision.earned(POINTS).total == POINTS.of(15 if earned else 0)
        payers = {entry.payer for entry in decision.entries if isinstance(entry, Transfer)}
        assert payers == {ISSUED if earned else ADJUSTED}

    @pytest.mark.parametrize("earned", [False, True])
    def test_it_can_be_cancelled(self, earned: bool) -> None:
        """All of it; what was spent is owed."""
        one = member()
        one.accept(opening(lot(10), lot(5, expires_at=NEW_YEAR + DAY), earned=earned))
        one.accept(Redemption(id="d", member="m-1", occurred_at=NEW_YEAR, reward="mug"))
        one.accept(Cancellation(id="c", member="m-1", occurred_at=NEW_YEAR, undoes="ob"))
        assert [held.steps for held in one.state.lots["points"]] == [-10]

    def test_it_pays_a_debt_first(self) -> None:
        """Like all that comes in."""
        one = member()
        one.accept(
            Adjustment(id="a", member="m-1", occurred_at=NEW_YEAR, amount=POINTS.of(-8), actor="op", reason="slip")
        )
        one.accept(opening(lot(10, expires_at=NEW_YEAR + DAY)))
        assert [held.steps for held in one.state.lots["points"]] == [2]

    def test_it_is_told(self) -> None:
        """In a sentence for each lot."""
        one = member()
        one.accept(opening(lot(10), lot(5)))
        told = str(explain(one.commits[-1], one.program))
        assert "10 points taken over by op for old_system." in told


class TestBadInput:
    """Plain errors, or a refusal; nothing changes."""

    def test_a_unit_that_the_terms_have_not(self) -> None:
        """Nothing of it is taken over."""
        one = Member(program_of(points_policy(), units=[USD, POINTS]))
        decision = one.tell(opening(lot(10), OpeningLot(amount=STARS.of(1))))
        assert isinstance(decision, Rejected)
        assert decision.code is RejectionCode.UNKNOWN_UNIT
        assert not one.state.lots

    @pytest.mark.parametrize(
        "lots",
        [
            [],
            [lot(1, earned_at=NEW_YEAR + DAY)],
            [lot(1, expires_at=NEW_YEAR)],
            [lot(1, expires_at=NEW_YEAR + DAY, available_at=NEW_YEAR + DAY)],
            ["10 points"],
        ],
    )
    def test_lots_that_cannot_be(self, lots: list[Any]) -> None:
        """None at all, earned later, ended before."""
        with pytest.raises(InvalidValueError):
            opening(*lots)

    @pytest.mark.parametrize("points", [0, -1])
    def test_a_lot_is_above_zero(self, points: int) -> None:
        """A debt is an adjustment."""
        with pytest.raises(InvalidValueError):
            lot(points)


DEBIT = Adjustment(id="a", member="m-1", occurred_at=NEW_YEAR, amount=POINTS.of(-5), actor="op", reason="slip")


class TestAdjustments:
    """A correction may hang on a right, too."""

    def test_what_is_credited_ends_with_the_right(self) -> None:
        """Or at once, without it."""
        one = member()
        credit = Adjustment(
            id="a", member="m-1", occurred_at=NEW_YEAR, amount=POINTS.of(5), actor="op", reason="sorry", needs="vip"
        )
        one.accept(credit)
        assert not one.state.lots
        one.accept(vip(until=NEW_YEAR + DAY))
        one.accept(attrs.evolve(credit, id="a2"))
        assert sum(held.steps for held in one.state.lots["points"]) == 5
        one.pass_to(NEW_YEAR + DAY)
        assert not one.state.lots

    @pytest.mark.parametrize("field", ["needs", "held_by"])
    def test_a_debit_hangs_on_nothing(self, field: str) -> None:
        """It takes what is there."""
        with pytest.raises(InvalidValueError):
            attrs.evolve(DEBIT, **{field: "vip"})  # type: ignore[arg-type]
