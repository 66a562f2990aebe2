"""What totals, thresholds and tiers did, told: what they count, pay, give, take back, and wait for."""

from __future__ import annotations

import attrs
from explain_shop import points, usd

from patronage import (
    BonusRule,
    Decision,
    Life,
    Line,
    PointsPolicy,
    Program,
    Purchase,
    Refund,
    SpendRule,
    State,
    Terms,
    TierPolicy,
    Unit,
    UnitKind,
)
from patronage.explain import Explanation, explain
from patronage.ledger import Commit
from patronage.periods import MONTH, YEAR, parse_instant
from patronage.policies.tier import Level
from patronage.terms_of_time import EndOfPeriod
from patronage.thresholds import Consumes, GiveCredit, GiveGrant, Repeats, Threshold
from patronage.totals import Pays, Total, TotalRate

STAMPS = Unit("stamps", kind=UnitKind.TALLY)
SPEND = Unit("spend", decimals=2, kind=UnitKind.QUALIFYING)
RATE = TotalRate(per=usd.of(1), credit=usd.of("0.02"))
YEARLY = Life(expires_after=EndOfPeriod(period=YEAR))
OWN = PointsPolicy(
    name="own",
    rules=[
        BonusRule(name="stamp", credit=STAMPS.of(1)),
        SpendRule(name="spend", per=usd.steps(1), credit=SPEND.steps(1), life=YEARLY),
    ],
    totals=[
        Total(name="back", period=MONTH, rates=[RATE], credits="USD"),
        Total(name="closed", period=MONTH, rates=[RATE], credits="USD", pays=Pays.AT_CLOSE),
    ],
    thresholds=[
        Threshold(
            name="card",
            at_least=STAMPS.of(2),
            gives=[GiveGrant(key="drink", uses=1)],
            repeats=Repeats.EVERY_STEP,
            consumes=Consumes.STEPS,
        ),
        Threshold(name="mile", at_least=SPEND.of(700), period=YEAR, gives=[GiveCredit(amount=points.of(50))]),
    ],
)
TIER = TierPolicy(name="tier", levels=[Level(name="gold", at_least=SPEND.of(600))])
PROGRAM = Program(
    id="told", time_zone="America/New_York", terms=Terms(units=[usd, points, STAMPS, SPEND], policies=[OWN, TIER])
)


class Told:
    """An account whose commits are explained from themselves alone."""

    def __init__(self) -> None:
        self.state, self.commits = State.of("m-1"), list[Commit]()

    def keep(self, decision: Decision) -> Explanation:
        """Keeps a decision and explains it."""
        (commit,) = decision.commits
        told = explain(commit, PROGRAM, history=self.commits)
        before = explain(commit, PROGRAM, before=self.state, history=self.commits)
        assert before.reproduced is True
        self.commits.append(commit)
        self.state = decision.state or self.state
        return told

    def buy(self, n: int, total: str = "400.00") -> Explanation:
        """A purchase on the n-th of January."""
        at = parse_instant(f"2026-01-{n:02}T15:00:00Z")
        event = Purchase(id=f"o-{n}", member="m-1", occurred_at=at, lines=[Line(total=usd.of(total))])
        return self.keep(PROGRAM.decide(self.state, event, history=self.commits))

    def back(self, n: int) -> Explanation:
        """All of it comes back on the 20th."""
        at = parse_instant(f"2026-01-20T{n:02}:00:00Z")
        event = Refund(id=f"r-{n}", member="m-1", occurred_at=at, purchase=f"o-{n}")
        return self.keep(PROGRAM.decide(self.state, event, history=self.commits))


def test_what_a_total_counts_pays_and_waits_for() -> None:
    """The month's spend, what was noted as paid, and when the other one closes."""
    told = Told().buy(1)
    assert "400.00 USD of spend counted for rule back in 2026-01." in told.text
    assert "8.00 USD earned by policy own, on the period's total." in told.text
    assert "Rule back: 8.00 USD for 400.00 USD, at 0.02 USD per 1.00 USD." in told.text
    assert "8.00 USD noted as paid by rule back for 2026-01." in told.text
    assert "Rule closed of policy own looks again when its period closes, on 1 February 2026." in told.text
    assert told.reproduced is True


def test_what_a_threshold_takes_gives_and_notes() -> None:
    """A card, a milestone, a level: each says so, and the record alone reproduces it."""
    account = Told()
    account.buy(1)
    told = account.buy(2)
    assert "2 stamps used up by policy own for what it gave." in told.text
    assert "Now held: drink, reached in policy own, with 1 uses." in told.text
    assert "Rule card has given 1 more." in told.text
    assert "50 points given by policy own, for a balance that was reached." in told.text
    assert "Now held: tier gold, reached in policy tier, until the end of 31 December 2027." in told.text
    assert told.reproduced is True


def test_what_falls_back() -> None:
    """A refund: what was counted, paid and given is taken back, each with its reason."""
    account = Told()
    account.buy(1)
    account.buy(2)
    told = account.back(2)
    assert "400.00 USD of spend no longer counted for rule back in 2026-01." in told.text
    assert "8.00 USD taken back by policy own, for what had earned it came back." in told.text
    assert "8.00 USD no longer noted as paid by rule back for 2026-01." in told.text
    assert "No longer held: drink, for what had reached it came back." in told.text
    assert "2 stamps that a revoked right had cost are back." in told.text
    assert "50 points taken back by policy own" in told.text
    assert "No longer held: tier gold" in told.text
    assert "Rule card has given 1 fewer." in told.text


def test_what_time_closes() -> None:
    """The close says what it closed and what it paid."""
    account = Told()
    account.buy(1)
    told = account.keep(PROGRAM.advance(account.state, parse_instant("2026-02-02T15:00:00Z")))
    assert "The period of rule closed of policy own closed on 1 February 2026." in told.text
    assert "8.00 USD earned by policy own, on the period's total." in told.text


def test_what_is_kept_of_a_year_and_no_longer() -> None:
    """At the year's end what was reached is noted; when refunds no longer ask for it, it is gone."""
    account = Told()
    account.buy(1, "700.00")
    closes = account.keep(PROGRAM.advance(account.state, parse_instant("2027-01-02T15:00:00Z")))
    assert "700.00 spend noted as what rule mile had reached when 2026 closed." in closes.text
    gone = account.keep(PROGRAM.advance(account.state, parse_instant("2028-01-03T15:00:00Z")))
    assert "What rule mile had reached in 2026 is no longer kept." in gone.text
    assert "How often rule mile gave in 2026 is no longer kept." in gone.text


def test_a_record_that_was_altered_shows() -> None:
    """A level that the record does not have is a difference."""
    account = Told()
    account.buy(1)
    account.buy(2)
    commit = account.commits[-1]
    less = tuple(entry for entry in commit.entries if entry.policy != "tier")
    assert explain(attrs.evolve(commit, entries=less), PROGRAM).reproduced is False
