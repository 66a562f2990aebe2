"""What a threshold gave, when the purchase that reached it comes back after its period has ended."""

from __future__ import annotations

from typing import Any

from unit_shop import NIGHTS, POINTS, STARS, USD, VISITS, Member, on, point_a_dollar, program_of

from patronage import Life, Line, PointsPolicy, RefundLine, SpendRule, StatusGrant
from patronage.conditions import BalanceIs, Category
from patronage.periods import YEAR
from patronage.rules import Rule
from patronage.terms_of_time import EndOfPeriod, WhileGranted
from patronage.thresholds import GiveCredit, Looks, Repeats, Threshold

YEARLY = Life(expires_after=EndOfPeriod(period=YEAR))
NIGHT = SpendRule(name="nights", per=USD.of(100), credit=NIGHTS.of(1), life=YEARLY)
NEXT_YEAR = on(2, 1, year=2027)


def threshold(**fields: Any) -> Threshold:
    """A hundred points, for five nights of a year unless told."""
    given = {"name": "nights", "at_least": NIGHTS.of(5), "gives": (GiveCredit(amount=POINTS.of(100)),), "period": YEAR}
    return Threshold(**{**given, **fields})


def member_of(each: Threshold, *rules: Rule) -> Member:
    """A member of a program with that threshold."""
    return Member(program_of(PointsPolicy(name="own", rules=rules or (NIGHT,), thresholds=(each,))))


def returns(member: Member, line: str, *, id: str = "r-1") -> None:
    """A line of the first purchase comes back in the next year."""
    member.refund(
        "o-1", id=id, at=member.when(None) if member.now > NEXT_YEAR else NEXT_YEAR, lines=[RefundLine(id=line)]
    )


def test_each_step_is_asked_by_what_the_period_had() -> None:
    """Ten nights were two steps; of seven that are left one step falls, of four the other, and none below that."""
    member = member_of(threshold(repeats=Repeats.EVERY_STEP))
    member.buy("700.00", "300.00", "0.00", at=on(3, 1))
    assert member.has() == 200
    returns(member, "2")
    assert member.has() == 100
    returns(member, "1", id="r-2")
    assert member.has() == 0


def test_a_number_of_labels_ended_with_its_period() -> None:
    """Which labels there were is not known any more: what was given for them stays."""
    food, toys = (
        SpendRule(name=of, per=USD.of(1), credit=VISITS.of(1), label=of, lines=Category([of]), life=YEARLY)
        for of in ("food", "toys")
    )
    both = threshold(at_least=VISITS.of(2), labels=True)
    for at, left in ((on(4, 1), 0), (NEXT_YEAR, 100)):
        member = member_of(both, food, toys)
        member.buy("1.00", id="o-0", at=on(2, 1))
        member.buy(*(Line(id=of, total=USD.of("1.00"), category=of) for of in ("food", "toys")), at=on(3, 1))
        assert member.has() == 100
        member.refund("o-1", at=at, lines=[RefundLine(id="toys")])
        assert member.has() == left


def test_a_condition_alone_ended_with_its_period_too() -> None:
    """Two stars were there in its year, and what they were worth then is not asked again."""
    star = SpendRule(name="stars", per=USD.of(10), credit=STARS.of(1), life=YEARLY)
    two = threshold(at_least=None, when=BalanceIs(at_least=STARS.of(2)))
    for at, left in ((on(4, 1), 0), (NEXT_YEAR, 100)):
        member = member_of(two, star)
        member.buy("10.00", "10.00", at=on(3, 1))
        assert member.has() == 100
        member.refund("o-1", at=at, lines=[RefundLine(id="2")])
        assert member.has() == left


def test_a_close_that_never_comes_is_not_waited_for() -> None:
    """The time of a right without an end has no close: nothing wakes the member, and nothing is given."""
    each = threshold(period=WhileGranted(), anchored_on="club", looks=Looks.AT_CLOSE, at_least=POINTS.of(1))
    member = member_of(each, point_a_dollar())
    member.accept(StatusGrant(id="g", member="m-1", occurred_at=on(1, 2), key="club", actor="ops", reason="test"))
    member.buy("5.00")
    assert not member.state.wake_ups
    assert member.has(at=on(1, 1, year=2030)) == 5
    until = on(6, 1)
    other = member_of(each, point_a_dollar())
    other.accept(
        StatusGrant(id="g", member="m-1", occurred_at=on(1, 2), key="club", until=until, actor="ops", reason="test")
    )
    other.buy("5.00")
    assert [wake_up.at for wake_up in other.state.wake_ups] == [until]
    assert other.has(at=until) == 105
