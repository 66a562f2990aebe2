"""Events older than the account: taken while all that they would touch is open, else refused for now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from unit_shop import POINTS, USD, Member, earned, point_a_dollar, points_policy, program_of, purchase, transfers

from loyalty.shop import Clock
from patronage import (
    Activity,
    Adjustment,
    BonusRule,
    Ceiling,
    Event,
    Life,
    Occasion,
    PayWithPoints,
    Program,
    Redemption,
    Rejected,
    RejectionCode,
    StatusGrant,
    Terms,
)
from patronage.audit import audit
from patronage.conditions import BalanceIs
from patronage.explain import refusal_sentence
from patronage.ledger import EXPIRED, ISSUED, Transfer
from patronage.loyalty import Loyalty
from patronage.occasions import Credit, Effect, Give
from patronage.periods import DAY, MONTH
from patronage.stores.memory import MemoryLedger
from patronage.terms_of_time import days, months

MORNING = datetime(2026, 3, 10, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)
YEAR_LONG = Life(expires_after=months(12))
PAY = PayWithPoints(name="off", points=POINTS.of(1), value=USD.of("0.01"))


def _at(hour: int, minute: int) -> datetime:
    return datetime(2026, 3, 10, hour, minute, tzinfo=UTC)


def dated() -> Program:
    """A program whose points live for a year."""
    return program_of(points_policy(point_a_dollar(life=YEAR_LONG)), rewards=(PAY,))


def closed(decision: object) -> object:
    """What a refusal says is closed."""
    assert isinstance(decision, Rejected)
    assert (decision.code, decision.final, decision.commits) == (RejectionCode.TOO_LATE, False, ())
    return decision.refusal.facts["closed"]


class TestTaken:
    """What is open is taken, as if it had come in time."""

    def test_a_late_purchase_earns_and_the_clock_stays(self) -> None:
        """Its entries take effect at its own instant; the account stands where it stood."""
        member = Member(dated())
        member.buy("10.00", at=MORNING + HOUR)
        late = member.buy("5.00", id="o-2", at=MORNING)
        assert earned(late) == 5
        assert [entry.at for entry in late.entries] == [MORNING]
        assert member.state.clock == MORNING + HOUR
        assert member.has() == 15

    def test_its_lot_stands_where_it_would_have_stood(self) -> None:
        """Two purchases in either order leave the same lots, and the older is spent first."""
        first, second = purchase("5.00", id="o-1", at=MORNING), purchase("7.00", id="o-2", at=MORNING + HOUR)
        in_order, late = Member(dated()), Member(dated())
        for event in (first, second):
            in_order.accept(event)
        for event in (second, first):
            late.accept(event)
        assert late.state.lots == in_order.state.lots
        spent = late.redeem(amount=POINTS.of(6), at=MORNING + 2 * HOUR)
        assert [part.source.root for part in transfers(spent)[0].taken if part.source] == ["o-1", "o-2"]

    def test_a_spent_part_since_is_no_hindrance(self) -> None:
        """A redemption between the two instants keeps what it took."""
        member = Member(dated())
        member.buy("10.00", at=MORNING)
        member.redeem(amount=POINTS.of(8), at=MORNING + 2 * HOUR)
        assert earned(member.buy("5.00", id="o-2", at=MORNING + HOUR)) == 5
        assert member.has() == 7

    def test_it_pays_a_debt_that_was_made_since(self) -> None:
        """What becomes available first pays debt, in whatever order they came."""
        member = Member(dated())
        member.adjust("-8 points", at=MORNING + HOUR)
        member.buy("10.00", id="o-2", at=MORNING)
        assert (member.has(), member.standing().debt(POINTS).steps) == (2, 0)

    def test_what_has_become_available_since_is_available(self) -> None:
        """Points that waited three days are there at once where four have passed."""
        waiting = Life(available_after=days(3), expires_after=months(12))
        member = Member(program_of(points_policy(point_a_dollar(life=waiting))))
        member.does("review", at=MORNING + 4 * ONE_DAY)
        late = member.buy("5.00", id="o-2", at=MORNING)
        assert member.standing()[POINTS].pending.steps == 0
        assert member.has() == 5
        put = transfers(late)[0].put[0]
        assert put.validity.available_at == MORNING + 3 * ONE_DAY

    def test_what_has_become_available_since_pays_debt(self) -> None:
        """A debt is never left beside points that could pay it."""
        waiting = Life(available_after=days(3), expires_after=months(12))
        member = Member(program_of(points_policy(point_a_dollar(life=waiting))))
        member.adjust("-3 points", at=MORNING + 4 * ONE_DAY)
        member.buy("5.00", id="o-2", at=MORNING)
        assert (member.has(), member.standing().debt(POINTS).steps) == (2, 0)
        audit(member.commits, calendar=member.program.calendar)

    def test_what_has_ended_since_ends_in_the_same_commit(self) -> None:
        """Points that live a day are gone where two have passed, at their own end and under its id."""
        program = program_of(points_policy(point_a_dollar(life=Life(expires_after=days(1)))))
        member, in_order = Member(program), Member(program)
        member.does("review", at=MORNING + 2 * ONE_DAY)
        late = member.buy("5.00", id="o-2", at=MORNING)
        assert [(move.payer, move.payee, move.at) for move in transfers(late)] == [
            (ISSUED, member.state.account, MORNING),
            (member.state.account, EXPIRED, MORNING + ONE_DAY),
        ]
        in_order.buy("5.00", id="o-2", at=MORNING)
        in_order.does("review", at=MORNING + 2 * ONE_DAY)
        assert [e for c in member.commits for e in c.entries] == [e for c in in_order.commits for e in c.entries]
        audit(member.commits, calendar=program.calendar)

    def test_a_credit_by_an_operator_is_taken_and_a_debit_is_not(self) -> None:
        """What is credited is a lot of its own; what is taken hangs on what there was."""
        member = Member(dated())
        member.buy("10.00", at=MORNING + HOUR)
        member.adjust("5 points", at=MORNING, expires_at=MORNING + ONE_DAY)
        assert member.has() == 15
        assert closed(member.tell(attrs.evolve(_adjustment("-5"), occurred_at=MORNING))) == "kind"

    def test_it_is_refunded_like_any_other(self) -> None:
        """The refund decides the late purchase again, and takes what it earned."""
        member = Member(dated())
        member.buy("10.00", at=MORNING + HOUR)
        member.buy("4.00", "4.00", id="o-2", at=MORNING)
        member.refund("o-2", total=USD.of("4.00"))
        assert member.has() == 14

    def test_a_cap_is_never_passed(self) -> None:
        """What came since has used the month's room: the late purchase gets what is left of it."""
        monthly = Ceiling(name="monthly", limit=POINTS.of(100), per=MONTH)
        member = Member(program_of(points_policy(point_a_dollar(), ceilings=(monthly,))))
        member.buy("80.00", at=MORNING + ONE_DAY)
        assert earned(member.buy("80.00", id="o-2", at=MORNING)) == 20
        assert earned(member.buy("80.00", id="o-3", at=MORNING + HOUR)) == 0

    def test_the_same_late_event_again_changes_nothing(self) -> None:
        """Its first answer, marked as repeated."""
        member = Member(dated())
        member.buy("10.00", at=MORNING + HOUR)
        event = purchase("5.00", id="o-2", at=MORNING)
        member.accept(event)
        assert member.accept(event).repeated
        assert member.has() == 15


def _adjustment(points: str) -> Adjustment:
    return Adjustment(id="j-9", member="m-1", occurred_at=MORNING, amount=POINTS.of(points), actor="ops", reason="test")


@attrs.frozen
class Welcome:
    """Gives a right with each activity."""

    name: str = "welcome"

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """A right for a month, and a point."""
        if occasion.activity is None:
            return ()
        return (Give(key="active", lasts=months(1)), Credit(POINTS.of(1)))


class TestClosed:
    """What is closed is refused for now, and the refusal says what it is."""

    def test_a_request_is_too_late(self) -> None:
        """What spends hangs on what there was."""
        member = Member(dated())
        member.buy("10.00", at=MORNING + HOUR)
        assert closed(member.redeem(amount=POINTS.of(5), at=MORNING)) == "kind"
        assert closed(member.return_of(at=MORNING)) == "kind"

    def test_other_terms_have_taken_effect(self) -> None:
        """An event from before the change is decided by rules that are no longer in force."""
        new = Terms(
            units=(USD, POINTS),
            policies=(
                points_policy(
                    point_a_dollar(),
                ),
            ),
            effective_from=MORNING + HOUR,
        )
        program = Program(id="shop", time_zone="UTC", terms=(attrs.evolve(new, effective_from=MORNING - ONE_DAY), new))
        member = Member(program)
        member.buy("10.00", at=MORNING + 2 * HOUR)
        assert closed(member.tell(purchase("1.00", id="o-2", at=MORNING))) == "terms"
        assert member.tell(purchase("1.00", id="o-3", at=MORNING + HOUR)).accepted

    @pytest.mark.parametrize(
        ("at", "word"), [(MORNING, None), (MORNING - timedelta(microseconds=1), "time")], ids=["at", "before"]
    )
    def test_a_right_has_changed_since(self, at: datetime, word: str | None) -> None:
        """At the instant of the change it is in time, in order of arrival; before it, it is not."""
        member = Member(dated())
        status = StatusGrant(id="g-1", member="m-1", occurred_at=MORNING, key="gold", actor="ops", reason="vip")
        member.accept(status)
        member.buy("10.00", at=MORNING + HOUR)
        late = member.tell(purchase("1.00", id="o-2", at=at))
        assert late.accepted if word is None else closed(late) == word

    def test_a_right_has_run_out_since(self) -> None:
        """Nobody wrote at its end: what time did counts when it is done."""
        member = Member(dated())
        member.accept(
            StatusGrant(
                id="g-1",
                member="m-1",
                occurred_at=MORNING,
                until=MORNING + HOUR,
                key="gold",
                actor="ops",
                reason="vip",
            )
        )
        member.buy("10.00", at=MORNING + 2 * HOUR)
        assert closed(member.tell(purchase("1.00", id="o-2", at=MORNING + HOUR - timedelta(seconds=1)))) == "time"
        assert member.tell(purchase("1.00", id="o-3", at=MORNING + HOUR)).accepted

    def test_points_have_ended_since(self) -> None:
        """A debit that came since might have taken the late points instead of those that ended."""
        member = Member(program_of(points_policy(point_a_dollar(life=Life(expires_after=days(1))))))
        member.buy("10.00", at=MORNING)
        member.does("review", at=MORNING + 2 * ONE_DAY)
        assert member.state.settled_at == MORNING + ONE_DAY
        assert closed(member.tell(purchase("1.00", id="o-2", at=MORNING + HOUR))) == "time"

    def test_what_became_available_since_is_no_hindrance(self) -> None:
        """It changes nothing that the late event would have seen."""
        waiting = Life(available_after=days(1))
        member = Member(program_of(points_policy(point_a_dollar(life=waiting))))
        member.buy("10.00", at=MORNING)
        member.does("review", at=MORNING + 2 * ONE_DAY)
        assert member.has() == 10
        assert member.tell(purchase("1.00", id="o-2", at=MORNING + HOUR)).accepted

    @pytest.mark.parametrize(
        ("at", "word"),
        [(_at(4, 0), None), (_at(3, 59), "period")],
    )
    def test_a_period_is_over(self, at: datetime, word: str | None) -> None:
        """The day of the program's zone, New York's midnight being four in the morning."""
        daily = Ceiling(name="daily", limit=POINTS.of(100), per=DAY)
        member = Member(program_of(points_policy(point_a_dollar(), ceilings=(daily,))))
        member.buy("10.00", at=MORNING)
        late = member.tell(purchase("1.00", id="o-2", at=at))
        assert late.accepted if word is None else closed(late) == word

    def test_rules_that_read_balances(self) -> None:
        """The balance that they would read is another one now."""
        rule = BonusRule(credit=POINTS.of(9), when=BalanceIs(at_least=POINTS.of(5)))
        member = Member(program_of(points_policy(point_a_dollar(), rule)))
        member.buy("10.00", at=MORNING + HOUR)
        assert closed(member.tell(purchase("1.00", id="o-2", at=MORNING))) == "balances"

    def test_an_event_that_gives_a_right(self) -> None:
        """What came since would have seen it."""
        member = Member(program_of(Welcome(), points_policy(point_a_dollar())))
        member.buy("10.00", at=MORNING + HOUR)
        review = Activity(id="a-1", member="m-1", occurred_at=MORNING, kind="review")
        assert closed(member.tell(review)) == "effects"
        assert member.tell(purchase("1.00", id="o-2", at=MORNING)).accepted

    def test_the_refusal_says_it_in_words(self) -> None:
        """With both instants, in the program's zone."""
        member = Member(dated())
        member.buy("10.00", at=MORNING + HOUR)
        refused = member.refuse(Redemption(id="d-1", member="m-1", occurred_at=MORNING, reward="off"))
        assert refusal_sentence(refused.refusal, member.program) == (
            "Refused for now: the event of 10 March 2026 at 05:00 is older than what the account has seen, "
            "10 March 2026 at 06:00: it is no plain fact."
        )


class TestTwoTimes:
    """Both can be asked: what the balance was, and what it was believed to be."""

    def shop(self) -> tuple[Loyalty, Clock]:
        """A service whose clock is set by hand."""
        clock = Clock()
        return Loyalty(dated(), MemoryLedger(), clock=clock), clock

    def record(self, loyalty: Loyalty, clock: Clock, event: Event, at: datetime) -> None:
        """Sends an event at an instant of the clock."""
        clock.at = at
        loyalty.record(event).require()

    def played(self) -> Loyalty:
        """9:00 a purchase of 10; 11:00 a debit of 13; told at 12:00, a purchase of 5 that was made at 10:00."""
        loyalty, clock = self.shop()
        self.record(loyalty, clock, purchase("10.00", at=MORNING), MORNING)
        debit = attrs.evolve(_adjustment("-13"), occurred_at=MORNING + 2 * HOUR)
        self.record(loyalty, clock, debit, MORNING + 2 * HOUR)
        self.record(loyalty, clock, purchase("5.00", id="o-2", at=MORNING + HOUR), MORNING + 3 * HOUR)
        return loyalty

    def test_the_late_event_counts_from_its_own_instant_on(self) -> None:
        """At 10:30 there were 15, at 11:30 there are 2; debts that came later are not seen before."""
        loyalty = self.played()
        figures = [loyalty.standing("m-1", MORNING + n * HOUR / 2)[POINTS] for n in (0, 1, 3, 5, 8)]
        assert [(f.available.steps, f.debt.steps) for f in figures] == [(10, 0), (10, 0), (15, 0), (2, 0), (2, 0)]

    def test_what_was_believed_is_what_was_recorded(self) -> None:
        """Asked as of half past eleven, nobody knew of the second purchase: a debt of 3."""
        loyalty = self.played()
        known = MORNING + 2 * HOUR + HOUR / 2
        assert loyalty.standing("m-1", known_at=known)[POINTS].debt.steps == 3
        assert loyalty.standing("m-1", MORNING + HOUR + HOUR / 2, known_at=known)[POINTS].available.steps == 10

    @pytest.mark.parametrize("hour", range(5))
    def test_a_statement_adds_up_on_both_sides_of_it(self, hour: int) -> None:
        """Whatever instant it opens at, the opening and the lines make the closing."""
        loyalty = self.played()
        end = MORNING + 4 * HOUR
        statement = loyalty.statement("m-1", MORNING - HOUR + hour * HOUR - timedelta(minutes=30), end)
        opened, closing = statement.opened(POINTS), statement.closed(POINTS)
        assert opened.available + statement.change(POINTS) == closing.available
        assert closing.available.steps == 2
        ats = [line.entry.at for line in statement if isinstance(line.entry, Transfer)]
        assert all(statement.start <= at < end for at in ats)

    def test_it_is_explained(self) -> None:
        """Decided again on the state before it, it comes out the same."""
        loyalty = self.played()
        assert loyalty.explain("m-1", "o-2").reproduced
