"""What a threshold consumes: which lots, under which labels, and what of it comes back when it falls."""

from __future__ import annotations

from typing import Any

from unit_shop import POINTS, USD, VISITS, Member, moves, on, points_policy, program_of, transfers

from patronage import BonusRule, Life, PointsPolicy, TierPolicy
from patronage.conditions import BalanceIs
from patronage.periods import YEAR
from patronage.policies.tier import Level
from patronage.terms_of_time import EndOfPeriod, days
from patronage.thresholds import CarryOver, Consumes, Falls, Gift, GiveCredit, GiveGrant, Repeats, Threshold

DATED = BonusRule(name="stamp", credit=VISITS.of(1), life=Life(expires_after=days(10)))
STAMP = BonusRule(name="stamp", credit=VISITS.of(1))


def card(*gives: Gift, **fields: Any) -> Threshold:
    """Two stamps are used up for a drink."""
    given = {"name": "card", "at_least": VISITS.of(2), "repeats": Repeats.EVERY_STEP, "consumes": Consumes.STEPS}
    return Threshold(**{**given, "gives": gives or (GiveGrant(key="drink", uses=1),), **fields})


def member_of(*thresholds: Threshold, rules: Any = (STAMP,)) -> Member:
    """A member of a program with those thresholds."""
    return Member(program_of(PointsPolicy(name="own", rules=rules, thresholds=thresholds)))


def held(member: Member, *keys: str) -> dict[str, int]:
    """How many rights of each key are in force."""
    return {key: len(member.standing().grants(key)) for key in keys}


class TestLots:
    """What ends first is used up first, and no more than the cost."""

    def test_a_later_lot_is_left_whole(self) -> None:
        """Three operators' stamps of different ends are there at once: the two that end first are taken."""
        member = member_of(card(at_least=VISITS.of(3)), rules=(STAMP,))
        member.adjust("1 visits", id="j-1", expires_at=on(3, 1))
        member.adjust("1 visits", id="j-2", expires_at=on(2, 1))
        taken = [
            move.taken for move in transfers(member.adjust("2 visits", id="j-3", expires_at=on(5, 1))) if move.taken
        ]
        assert [[(part.steps, part.validity.expires_at) for part in parts] for parts in taken] == [
            [(1, on(2, 1)), (1, on(3, 1)), (1, on(5, 1))]
        ]
        assert [(lot.steps, lot.validity.expires_at) for lot in member.state.lots["visits"]] == [(1, on(5, 1))]
        (out,) = [
            move.taken for move in transfers(member.adjust("3 visits", id="j-4", expires_at=on(4, 1))) if move.taken
        ]
        assert [(part.steps, part.validity.expires_at) for part in out] == [(3, on(4, 1))]
        assert [(lot.steps, lot.validity.expires_at) for lot in member.state.lots["visits"]] == [
            (1, on(5, 1)),
        ]
        assert held(member, "drink") == {"drink": 2}

    def test_what_comes_back_after_its_end_ends(self) -> None:
        """Of three stamps that come back the first pays what is owed, one would have ended since, and one is left."""
        member = member_of(card(at_least=VISITS.of(3), falls=Falls.REVOKED_IF_UNUSED), rules=(DATED,))
        member.buy("1.00", id="o-1", at=on(1, 2))
        member.buy("1.00", id="o-2", at=on(1, 3))
        member.buy("1.00", id="o-3", at=on(1, 10))
        assert held(member, "drink") == {"drink": 1}
        back = member.refund("o-3", at=on(1, 15))
        assert held(member, "drink") == {"drink": 0}
        assert moves(back, VISITS) == [
            ("m-1", "issued", 1),
            ("redeemed", "m-1", 1),
            ("redeemed", "m-1", 1),
            ("m-1", "expired", 1),
            ("redeemed", "m-1", 1),
        ]
        assert member.has(VISITS) == 1

    def test_credits_that_are_spent_cannot_be_taken_unspent(self) -> None:
        """What the card credited is gone: a fall that takes only what is unused takes nothing, and owes nothing."""
        gift = GiveCredit(amount=POINTS.of(50))
        member = member_of(card(gift, falls=Falls.REVOKED_IF_UNUSED))
        member.buy("1.00", id="o-1")
        member.buy("1.00", id="o-2")
        member.adjust("-50 points")
        member.refund("o-2")
        assert member.has() == 0


class TestLabels:
    """A card of all labels, and one of a single label, over the same stamps."""

    @staticmethod
    def member(*more: Any) -> Member:
        """Two stamps of any label are a drink, then two of label b a cake."""
        both, b = card(name="both", all_labels=True), card(GiveGrant(key="cake", uses=1), name="b", label="b")
        return Member(program_of(PointsPolicy(name="own", rules=(), thresholds=(both, b)), *more))

    def test_what_the_first_used_up_is_not_there_for_the_second(self) -> None:
        """Two stamps of label b are one drink, and no cake on top: nothing is owed."""
        member = self.member()
        member.adjust("2 visits", label="b")
        assert held(member, "drink", "cake") == {"drink": 1, "cake": 0}
        assert member.state.lots.get("visits") is None

    def test_also_where_its_lots_were_taken_before_those_of_others(self) -> None:
        """Those of label b end first, so the drink takes them, and leaves those of label a."""
        member = self.member()
        member.adjust("1 visits", id="j-1", label="a", expires_at=on(6, 1))
        member.adjust("1 visits", id="j-2", label="b", expires_at=on(5, 1))
        assert held(member, "drink", "cake") == {"drink": 1, "cake": 0}
        member.adjust("1 visits", id="j-3", label="a", expires_at=on(6, 1))
        member.adjust("2 visits", id="j-4", label="b", expires_at=on(5, 1))
        assert held(member, "drink", "cake") == {"drink": 2, "cake": 0}
        assert {lot.label: lot.steps for lot in member.state.lots["visits"]} == {"a": 1}

    def test_where_both_may_be_taken_nothing_is_taken_twice(self) -> None:
        """Two of each at once: the drinks take all four, whatever the order."""
        member = self.member()
        member.adjust("1 visits", id="j-1", label="a")
        member.adjust("3 visits", id="j-2", label="b")
        assert held(member, "drink", "cake") == {"drink": 2, "cake": 0}
        assert member.state.lots.get("visits") is None

    def test_nor_where_the_order_of_lots_is_not_that_of_labels(self) -> None:
        """Three of a and two of b at once: the drink takes both of b, which end first, so no cake is left to have."""
        rules = (
            BonusRule(name="a", credit=VISITS.of(3), label="a", life=Life(expires_after=days(60))),
            BonusRule(name="b", credit=VISITS.of(2), label="b", life=Life(expires_after=days(10))),
        )
        both = card(name="both", at_least=VISITS.of(3), all_labels=True, repeats=Repeats.ONCE_EVER)
        member = member_of(both, card(GiveGrant(key="cake", uses=1), name="b", label="b"), rules=rules)
        member.buy("1.00")
        assert held(member, "drink", "cake") == {"drink": 1, "cake": 0}
        assert {lot.label: lot.steps for lot in member.state.lots["visits"]} == {"a": 2}

    def test_the_policies_behind_read_what_is_left(self) -> None:
        """A bonus for who has stamps of label b is not given for those that a drink has just used up."""
        two = BonusRule(name="two", credit=VISITS.of(2), label="b")
        own = PointsPolicy(name="own", rules=(two,), thresholds=(card(name="both", all_labels=True),))
        some = BonusRule(name="some", credit=POINTS.of(9), when=BalanceIs(at_least=VISITS.of(1), label="b"))
        none = BonusRule(name="none", credit=POINTS.of(4), when=BalanceIs(below=VISITS.of(1), label="b"))
        member = Member(program_of(own, points_policy(some, none)))
        member.buy("1.00")
        assert (held(member, "drink"), member.has()) == ({"drink": 1}, 4)
        member.refund("o-1")
        assert member.has() == 0


class TestCarried:
    """A close leaves no more than the maximum, of the lots that are spent first."""

    def test_lots_beyond_the_maximum_go_whole(self) -> None:
        """Of 15 nights in three lots gold takes ten; two are carried, and the lot behind them goes whole."""
        levels = (Level(name="member"), Level(name="gold", at_least=VISITS.of(10)))
        carried = CarryOver(maximum=VISITS.of(2), label="rolled", life=Life(expires_after=EndOfPeriod(period=YEAR)))
        member = Member(program_of(TierPolicy(name="tier", levels=levels, rollover=carried)))
        member.adjust("10 visits", id="j-1", expires_at=on(1, 20, year=2027))
        member.adjust("3 visits", id="j-2", expires_at=on(1, 21, year=2027))
        member.adjust("2 visits", id="j-3", expires_at=on(1, 22, year=2027))
        left = member.standing(on(1, 2, year=2027))
        assert left.labels(VISITS) == {"rolled": VISITS.of(2)}
        closed = member.pass_to(on(1, 2, year=2027))
        assert moves(closed, VISITS) == [
            ("m-1", "redeemed", 10),
            ("m-1", "m-1", 2),
            ("m-1", "issued", 1),
            ("m-1", "issued", 2),
        ]


def test_money_is_no_stamp() -> None:
    """What is consumed is of the threshold's unit alone: dollars of the same label stay."""
    member = member_of(card(label="a"))
    member.adjust("5.00 USD", id="j-1", label="a")
    member.adjust("2 visits", id="j-2", label="a")
    assert held(member, "drink") == {"drink": 1}
    assert member.has(USD, label="a") == 500
