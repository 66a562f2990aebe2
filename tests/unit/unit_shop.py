"""A small shop for the unit tests: its units, its hours, and one member whose account is followed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from patronage import (
    Accepted,
    Activity,
    Adjustment,
    Benefit,
    Cancellation,
    Commit,
    Confirmation,
    Decision,
    Enrolment,
    Entry,
    Event,
    Line,
    PointsPolicy,
    Policy,
    Program,
    Purchase,
    Redemption,
    Refund,
    Rejected,
    Reservation,
    Reward,
    SpendRule,
    Standing,
    State,
    Terms,
    Transfer,
    Unit,
    UnitKind,
    currency,
    fold,
)
from patronage.events import RateDeclared
from patronage.ledger import Booking
from patronage.rules import Ceiling, Group, Rule

USD = currency("USD")
EUR = currency("EUR")
POINTS = Unit("points")
STARS = Unit("stars")
NIGHTS = Unit("nights", kind=UnitKind.QUALIFYING)
VISITS = Unit("visits", kind=UnitKind.TALLY)
UNITS = (USD, EUR, POINTS, STARS, NIGHTS, VISITS)

NEW_YEAR = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


def on(month: int, day: int, hour: int = 12, *, year: int = 2026) -> datetime:
    """An instant of 2026, at noon unless told."""
    return datetime(year, month, day, hour, tzinfo=UTC)


def lines(*totals: str | Line) -> tuple[Line, ...]:
    """Lines of goods in USD, each given by its total or as it is."""
    return tuple(Line(total=USD.of(total)) if isinstance(total, str) else total for total in totals)


def purchase(*totals: str | Line, id: str = "o-1", at: datetime = NEW_YEAR, **fields: Any) -> Purchase:
    """A purchase of those lines by the member m-1."""
    return Purchase(id=id, member="m-1", occurred_at=at, lines=lines(*totals), **fields)


def point_a_dollar(**fields: Any) -> SpendRule:
    """The rule that most tests begin with: one point for every whole dollar."""
    return SpendRule(**{"per": USD.of(1), "credit": POINTS.of(1), **fields})


def points_policy(*rules: Rule, groups: Sequence[Group] = (), ceilings: Sequence[Ceiling] = ()) -> PointsPolicy:
    """A policy named `base` of those rules, or of one point for every whole dollar."""
    return PointsPolicy(
        name="base", rules=rules or (point_a_dollar(name="spend"),), groups=tuple(groups), ceilings=tuple(ceilings)
    )


def program_of(
    *policies: Policy, rewards: Iterable[Reward] = (), units: Iterable[Unit] = UNITS, **fields: Any
) -> Program:
    """A program in New York of those policies."""
    terms = Terms(units=tuple(units), policies=policies, rewards=tuple(rewards), **fields)
    return Program(id="shop", time_zone="America/New_York", terms=terms)


class Member:
    """The member m-1: says what happens, keeps the commits, and reads the account."""

    def __init__(self, program: Program, at: datetime = NEW_YEAR) -> None:
        self.program, self.now = program, at
        self.state = State.of("m-1")
        self.commits: list[Commit] = []

    def tell(self, event: Event) -> Decision:
        """Decides an event on the account as it stands, and stores what it comes to."""
        decision = self.program.decide(self.state, event, history=self.commits)
        if not decision.repeated:
            # Whatever is told, a state is the fold of its commits.
            told = fold(decision.commits, calendar=self.program.calendar, start=self.state)
            assert told == (decision.state or self.state)
            self.commits.extend(decision.commits)
            self.state = decision.state or self.state
        self.now = max(self.now, event.occurred_at)
        return decision

    def pass_to(self, until: datetime) -> Accepted:
        """What time alone does up to an instant, stored."""
        decision = self.program.advance(self.state, until)
        told = fold(decision.commits, calendar=self.program.calendar, start=self.state)
        assert told == (decision.state or self.state)
        self.commits.extend(decision.commits)
        self.state, self.now = decision.state or self.state, max(self.now, until)
        return decision

    def accept(self, event: Event) -> Accepted:
        """Decides an event that must be accepted."""
        return self.tell(event).require()

    def refuse(self, event: Event) -> Rejected:
        """Decides an event that must be refused."""
        decision = self.tell(event)
        assert isinstance(decision, Rejected)
        return decision

    def when(self, at: datetime | None) -> datetime:
        """The instant given, or the account's present one, a minute later than the last."""
        if at is None:
            at = self.now + MINUTE
        return at

    def buy(self, *totals: str | Line, id: str = "o-1", at: datetime | None = None, **fields: Any) -> Accepted:
        """A purchase of lines in USD."""
        return self.accept(purchase(*totals, id=id, at=self.when(at), **fields))

    def return_of(self, order: str = "o-1", *, id: str = "r-1", at: datetime | None = None, **fields: Any) -> Decision:
        """A refund of a purchase: of everything left unless told."""
        return self.tell(Refund(id=id, member="m-1", occurred_at=self.when(at), purchase=order, **fields))

    def refund(self, order: str = "o-1", *, id: str = "r-1", at: datetime | None = None, **fields: Any) -> Accepted:
        """A refund that is accepted."""
        return self.return_of(order, id=id, at=at, **fields).require()

    def cancel(self, undoes: str, *, id: str = "x-1", at: datetime | None = None) -> Decision:
        """A cancellation."""
        return self.tell(Cancellation(id=id, member="m-1", occurred_at=self.when(at), undoes=undoes))

    def confirm(self, of: str, *, id: str = "c-1", at: datetime | None = None) -> Accepted:
        """A confirmation."""
        return self.accept(Confirmation(id=id, member="m-1", occurred_at=self.when(at), of=of))

    def does(self, kind: str, *, id: str = "a-1", at: datetime | None = None, **fields: Any) -> Accepted:
        """An activity."""
        return self.accept(Activity(id=id, member="m-1", occurred_at=self.when(at), kind=kind, **fields))

    def enrol(self, *, id: str = "e-1", at: datetime | None = None, **fields: Any) -> Accepted:
        """An enrolment."""
        return self.accept(Enrolment(id=id, member="m-1", occurred_at=self.when(at), **fields))

    def adjust(self, amount: str, *, id: str = "j-1", at: datetime | None = None, **fields: Any) -> Accepted:
        """An operator's correction, such as `-20 points`."""
        number, code = amount.split()
        unit = next(unit for unit in UNITS if unit.code == code)
        event = Adjustment(
            id=id, member="m-1", occurred_at=self.when(at), amount=unit.of(number), actor="ops", reason="test", **fields
        )
        return self.accept(event)

    def redeem(self, reward: str = "off", *, id: str = "d-1", at: datetime | None = None, **fields: Any) -> Decision:
        """A redemption."""
        return self.tell(Redemption(id=id, member="m-1", occurred_at=self.when(at), reward=reward, **fields))

    def reserve(self, reward: str = "off", *, id: str = "v-1", at: datetime | None = None, **fields: Any) -> Decision:
        """A reservation."""
        return self.tell(Reservation(id=id, member="m-1", occurred_at=self.when(at), reward=reward, **fields))

    def declare(self, rule: str, rate: str = "0.10", *, policy: str = "own", of: datetime | None = None) -> Decision:
        """A rate of so many dollars for each, for the period that holds *of*."""
        event = RateDeclared(
            id=f"rate-{self.state.version}",
            member="m-1",
            occurred_at=self.when(None),
            policy=policy,
            rule=rule,
            of=of or self.when(None),
            credit=USD.of(rate),
            per=USD.of("1.00"),
        )
        return self.tell(event)

    def standing(self, at: datetime | None = None) -> Standing:
        """The account at an instant, or as the last event left it."""
        return self.program.at(self.state, at or self.now)

    def has(self, unit: Unit = POINTS, *, at: datetime | None = None, label: str | None = None) -> int:
        """The available steps, less debt."""
        return self.standing(at).available(unit, label).steps


def earned(decision: Decision, unit: Unit = POINTS) -> int:
    """The steps that an event earned, available and pending."""
    return decision.earned(unit).total.steps


def earns(program: Program, *totals: str | Line, unit: Unit = POINTS, at: datetime = NEW_YEAR, **fields: Any) -> int:
    """What a first purchase of those lines earns."""
    return earned(Member(program).buy(*totals, at=at, **fields), unit)


def transfers(decision: Decision) -> list[Transfer]:
    """The transfers of a decision."""
    return [entry for entry in decision.entries if isinstance(entry, Transfer)]


def moves(decision: Decision, unit: Unit = POINTS) -> list[tuple[str, str, int]]:
    """The transfers of a unit as (from, to, steps), the member being `m-1`."""
    return [(move.payer.id, move.payee.id, move.steps) for move in transfers(decision) if move.unit == unit.code]


def bookings(decision: Decision, unit: Unit = POINTS) -> dict[str, Booking]:
    """What each rule has in the transfers of a unit."""
    return {book.rule: book for move in transfers(decision) if move.unit == unit.code for book in move.books}


def money_off(decision: Decision) -> dict[str, int]:
    """The one benefit's share of each line, in cents."""
    (benefit,) = decision.benefits
    return dict(benefit.shares)


def only(benefits: Sequence[Benefit]) -> Benefit:
    """The one benefit there is."""
    (benefit,) = benefits
    return benefit


def kinds(entries: Iterable[Entry]) -> list[str]:
    """What sort of entries there are, in order."""
    return [type(entry).__name__ for entry in entries]
