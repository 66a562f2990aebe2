"""The shop whose decisions the tests explain: the README's program, with a multiplier, a limit and a reward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from patronage import (
    BonusRule,
    Ceiling,
    Commit,
    Event,
    Life,
    Line,
    MultiplierRule,
    On,
    PayWithPoints,
    PointsPolicy,
    Policy,
    Program,
    Purchase,
    Refund,
    RefundTerms,
    Reservation,
    SpendRule,
    State,
    Terms,
    Unit,
    currency,
)
from patronage.conditions import HasGrant
from patronage.explain import ENGLISH, Explanation, Phrases, explain
from patronage.periods import MONTH
from patronage.rules import Rule
from patronage.terms_of_time import years

AT = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
LATER = AT + timedelta(days=1)
usd, points = currency("USD"), Unit("points")
SPEND = SpendRule(name="spend", per=usd.of("1.00"), credit=points.of(1), life=Life(expires_after=years(1)))
GOLD = MultiplierRule(name="gold", factor="1.5", when=HasGrant("tier", values=("gold",)))
WELCOME = BonusRule(name="welcome", credit=points.of(50), on=On.ENROLMENT)
MONTHLY = Ceiling(name="monthly", limit=points.of(200), per=MONTH)
BASE = PointsPolicy(name="base", rules=(SPEND, GOLD, WELCOME), ceilings=(MONTHLY,))
PAY = PayWithPoints(name="pay", points=points.of(100), value=usd.of("1.00"))
ASKED = Reservation(id="h-1", member="m-1", occurred_at=AT, reward="pay", lapses_at=LATER)
REFUNDS = RefundTerms()


def program(*policies: Policy, refunds: RefundTerms = REFUNDS, rewards: Iterable[object] = (PAY,)) -> Program:
    """The shop's program, with other policies where they are named."""
    terms = Terms(
        units=(usd, points),
        policies=policies or (BASE,),
        rewards=tuple(rewards),  # type: ignore[arg-type]  # rewards of any kind
        refunds=refunds,
    )
    return Program(id="shop", time_zone="America/New_York", terms=terms)


def bought(*totals: str, id: str = "o-1", days: int = 0, **facts: object) -> Purchase:
    """A purchase with a line for each total, so many days after the first one."""
    lines = [Line(total=usd.of(total)) for total in totals]
    return Purchase(
        id=id,
        member="m-1",
        occurred_at=AT + timedelta(days=days),
        lines=lines,
        **facts,  # type: ignore[arg-type]  # whatever a purchase has
    )


@attrs.define
class Shop:
    """Plays events on one account, and explains each."""

    program: Program
    state: State = attrs.Factory(lambda: State.of("m-1"))
    history: list[Commit] = attrs.Factory(list)
    before: State = attrs.Factory(lambda: State.of("m-1"))

    def play(self, *events: Event) -> Commit:
        """The commit of the last of the events."""
        for event in events:
            decision = self.program.decide(self.state, event, history=self.history)
            (commit,) = decision.commits
            self.before = self.state
            self.state = decision.state or self.state
            self.history.append(commit)
        return self.history[-1]

    def why(self, *events: Event, phrases: Phrases = ENGLISH) -> Explanation:
        """The last of the events explained."""
        return explain(self.play(*events), self.program, phrases=phrases)


def policy(*rules: Rule, **facts: object) -> PointsPolicy:
    """A policy of these rules."""
    return PointsPolicy(name="base", rules=rules, **facts)  # type: ignore[arg-type]  # groups and ceilings


def told(events: Sequence[Event], *rules: Rule, refunds: RefundTerms | None = None, **facts: object) -> list[str]:
    """What is said of the last of the events."""
    shop = Shop(program(policy(*(rules or (SPEND,)), **facts), refunds=refunds or RefundTerms()))
    return shop.why(*events).text.splitlines()


def refund(**facts: object) -> Refund:
    """A refund of o-1."""
    return Refund(id="f-1", member="m-1", occurred_at=LATER, purchase="o-1", **facts)  # type: ignore[arg-type]
