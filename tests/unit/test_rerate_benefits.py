"""What a rerate hands over: what the late events are worth, and never again what the shop has handed over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from unit_shop import POINTS, Member, point_a_dollar, program_of, purchase

from patronage import Benefit, BenefitKind, Event, PointsPolicy
from patronage.periods import MONTH
from patronage.thresholds import Consumes, GiveBenefit, Looks, Threshold

START = datetime(2026, 3, 10, 9, tzinfo=UTC)
DAY = timedelta(days=1)
MUG = GiveBenefit(kind=BenefitKind.PRODUCT, reward="mug")
MONTHLY = Threshold(
    name="month", at_least=POINTS.of(50), looks=Looks.AT_CLOSE, period=MONTH, consumes=Consumes.ALL, gives=(MUG,)
)
PROGRAM = program_of(PointsPolicy(name="own", rules=(point_a_dollar(),), thresholds=(MONTHLY,)))


def mugs(*benefits: Benefit) -> int:
    """How many of them are mugs."""
    return sum(benefit.quantity for benefit in benefits if benefit.reward == "mug")


def rerated(*late: Event) -> tuple[int, list[int]]:
    """The mugs of March's 60.00, told of in April; and those of each commit of the rerate."""
    member = Member(PROGRAM)
    member.tell(purchase("60.00", id="o-1", at=START))
    before = mugs(*member.accept(purchase("1.00", id="o-2", at=START + 40 * DAY)).benefits)
    done = member.program.rerate(member.commits, late)
    return before, [mugs(*commit.benefits) for commit in done.commits]


def test_what_time_handed_over_is_not_handed_over_again() -> None:
    """In order March closes on the way to the late purchase of 5 April; its mug was handed over four days later."""
    assert rerated(purchase("5.00", id="o-9", at=START + 26 * DAY)) == (1, [0, 0])


def test_what_a_late_event_is_worth_more_is_handed_over() -> None:
    """60.00 of February, which nobody knew of, have a mug of their own at the end of February."""
    before, after = rerated(purchase("60.00", id="o-9", at=START - 20 * DAY))
    assert (before, sum(after)) == (1, 1)
