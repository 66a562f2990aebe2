"""A café's card, a week's goal that is entered, a streak and a birthday: what a member has after three weeks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from patronage import (
    Activity,
    BonusRule,
    ChallengePolicy,
    Line,
    Program,
    Purchase,
    QuantityRule,
    SpendRule,
    State,
    Terms,
    Unit,
    UnitKind,
    currency,
)
from patronage.challenges import Excess, Goal, Milestone, Protection, Streak
from patronage.conditions import Category
from patronage.granting import GrantRule
from patronage.occasion_conditions import YearlyWindow
from patronage.terms_of_time import Until, days
from patronage.thresholds import GiveCredit, GiveGrant
from patronage.yearly import Yearly

EUR, POINTS = currency("EUR"), Unit("points")
PUNCHES, DAYS, RUN = (Unit(code, kind=UnitKind.TALLY) for code in ("punches", "days", "run"))
SPENT = Unit("spent", decimals=2, kind=UnitKind.TALLY)
MONDAY = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)

CAFE = ChallengePolicy(
    name="cafe",
    rights=[
        GrantRule(name="enter", key="spring", activity="enter-spring", lasts=days(7, until=Until.END_OF_DAY)),
        GrantRule(name="born", key="born", activity="born", value_from="day", replaces=True),
    ],
    challenges=[
        Goal(
            name="card",
            milestones=[Milestone(at_least=PUNCHES.of(9), gives=[GiveGrant(key="free-drink", uses=1, lasts=days(30))])],
            counts=[QuantityRule(credit=PUNCHES.of(1), lines=Category(["drink"]))],
            starts_again=Excess.CARRIED,
        ),
        Goal(
            name="spring",
            milestones=[Milestone(at_least=SPENT.of(20), gives=[GiveCredit(amount=POINTS.of(150))])],
            counts=[SpendRule(per=EUR.of("0.01"), credit=SPENT.of("0.01"))],
            opened_by="spring",
        ),
        Streak(
            name="daily",
            at_least=DAYS.of(1),
            run=RUN.of(1),
            counts=[BonusRule(credit=DAYS.of(1))],
            milestones=[Milestone(at_least=RUN.of(5), gives=[GiveCredit(amount=POINTS.of(50))])],
            protection=Protection(limit=2),
        ),
        Yearly(
            name="birthday",
            key="born",
            window=YearlyWindow(lasts=days(7)),
            gives=[GiveGrant(key="birthday-cake", uses=1)],
        ),
    ],
)


def main() -> None:
    """Plays three weeks and prints what the member has."""
    units = (EUR, POINTS, PUNCHES, DAYS, RUN, SPENT)
    program = Program(id="cafe", time_zone="Europe/Paris", terms=Terms(units=units, policies=(CAFE,)))
    state = State.of("m-1")

    def does(kind: str, **facts: str) -> None:
        nonlocal state
        event = Activity(id=kind, member="m-1", occurred_at=MONDAY, kind=kind, attributes=facts)
        state = program.decide(state, event).require().state or state

    does("enter-spring")
    does("born", day="03-20")
    for day in (0, 1, 2, 3, 5, 6, 7, 8, 9, 10):  # Friday is missed, and protected.
        line = Line(total=EUR.of("3.80"), category="drink")
        order = Purchase(id=f"o-{day}", member="m-1", occurred_at=MONDAY + timedelta(days=day, hours=1), lines=(line,))
        state = program.decide(state, order).require().state or state

    for day in (10, 19):
        standing = program.at(state, MONDAY + timedelta(days=day, hours=2))
        rights = ", ".join(grant.key for key in ("free-drink", "birthday-cake") for grant in standing.grants(key))
        print(f"day {day}: {standing[POINTS]}, {standing[PUNCHES]}, {standing[RUN]}, holds {rights or 'nothing'}")


if __name__ == "__main__":
    main()
