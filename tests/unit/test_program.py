"""The program: a pure decider over a timeline of terms, and an account read at an instant."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from unit_shop import (
    MINUTE,
    NEW_YEAR,
    POINTS,
    STARS,
    TICK,
    UNITS,
    USD,
    Member,
    earned,
    on,
    point_a_dollar,
    points_policy,
    program_of,
    purchase,
)

from patronage import (
    Accepted,
    Account,
    Activity,
    AmountOverflowError,
    Cancellation,
    Capture,
    Confirmation,
    EventConflictError,
    HistoryRequiredError,
    InvalidValueError,
    LedgerError,
    Life,
    PayWithPoints,
    Program,
    Redemption,
    Refund,
    Rejected,
    RejectedError,
    RejectionCode,
    Release,
    State,
    StatusGrant,
    Tender,
    Terms,
    Transfer,
    Unit,
    UnitKind,
    fold,
)
from patronage._frozen import FrozenMapping
from patronage.book import Book
from patronage.errors import PatronageError
from patronage.events import TimePassed
from patronage.ledger import ISSUED, WakeChange, WakeEntry, entry_id, reason
from patronage.periods import EARLIEST, LATEST
from patronage.terms_of_time import days, months, years

PROGRAM = program_of(points_policy(point_a_dollar(life=Life(expires_after=years(1)))))


def terms(points: int, **fields: Any) -> Terms:
    """Terms of so many points a dollar."""
    return Terms(**{"units": UNITS, "policies": [points_policy(point_a_dollar(credit=POINTS.of(points)))], **fields})


def made(*timeline: Terms, **fields: Any) -> Program:
    """A program of those terms."""
    return Program(**{"id": "shop", "time_zone": "America/New_York", "terms": timeline, **fields})


class TestTimeline:
    """Which terms decide."""

    def test_the_instant_picks_the_terms(self) -> None:
        """Until the new terms take effect the old ones hold; at that very instant the new ones."""
        program = made(terms(3, effective_from=on(3, 1)), terms(1), terms(2, effective_from=on(2, 1)))
        assert [one.effective_from for one in program.terms] == [EARLIEST, on(2, 1), on(3, 1)]
        for at, points in ((NEW_YEAR, 10), (on(2, 1) - TICK, 10), (on(2, 1), 20), (on(3, 1), 30), (on(9, 1), 30)):
            decision = program.decide(State.of("m-1"), purchase("10.00", at=at))
            assert earned(decision) == points
            assert decision.commits[0].terms_from <= at

    def test_before_the_first_terms_the_first_ones_hold(self) -> None:
        """An event before all terms is decided by the earliest."""
        program = made(terms(2, effective_from=on(2, 1)))
        assert earned(program.decide(State.of("m-1"), purchase("10.00"))) == 20

    def test_one_terms_is_a_timeline(self) -> None:
        """A program may be given its one version as it is."""
        assert made(terms=terms(1)).terms == made(terms(1)).terms

    def test_two_terms_cannot_take_effect_at_once(self) -> None:
        """Which of them holds could not be told."""
        with pytest.raises(InvalidValueError, match="Two terms take effect at 2026-02-01"):
            made(terms(1, effective_from=on(2, 1)), terms(2, effective_from=on(2, 1)))

    def test_a_units_decimals_and_kind_never_change(self) -> None:
        """Recorded steps must mean the same for ever."""
        for changed in (Unit("stars", decimals=1), Unit("stars", kind=UnitKind.TALLY)):
            units = (*(unit for unit in UNITS if unit != STARS), changed)
            with pytest.raises(InvalidValueError, match="Unit stars changes its decimals or kind"):
                made(terms(1), terms(1, units=units, effective_from=on(2, 1)))

    def test_units_may_come_and_go(self) -> None:
        """The program's units are those of all its terms."""
        program = made(terms(1, units=[USD, POINTS]), terms(1, units=[USD, POINTS, STARS], effective_from=on(2, 1)))
        assert [unit.code for unit in program.units] == ["USD", "points", "stars"]

    @pytest.mark.parametrize("timeline", [(), "terms", 5, None, [5]])
    def test_a_program_has_terms(self, timeline: Any) -> None:
        """None, a text, a number are no timeline."""
        with pytest.raises(InvalidValueError):
            made(terms=timeline)

    @pytest.mark.parametrize("fields", [{"id": ""}, {"id": "~x"}, {"time_zone": "Mars/Base"}, {"time_zone": ""}])
    def test_a_program_has_an_id_and_a_zone(self, fields: Any) -> None:
        """The zone is known, the id is an id."""
        with pytest.raises(InvalidValueError):
            made(terms(1), **fields)

    @pytest.mark.parametrize(
        "fields",
        [
            {"units": []},
            {"units": ["USD"]},
            {"units": [USD, USD]},
            {"units": USD},
            {"effective_from": datetime(2026, 1, 1)},
        ],
    )
    def test_terms_have_units_and_an_instant(self, fields: Any) -> None:
        """Each validator of terms rejects."""
        with pytest.raises(InvalidValueError):
            terms(1, **fields)

    def test_a_program_is_a_value(self) -> None:
        """Equal terms make equal programs, also through a pickle."""
        program = made(terms(1))
        assert program == made(terms(1))
        assert pickle.loads(pickle.dumps(program)) == program
        assert earned(pickle.loads(pickle.dumps(program)).decide(State.of("m-1"), purchase("10.00"))) == 10


class TestDecide:
    """One event, one decision."""

    def test_the_same_input_gives_the_same_decision(self) -> None:
        """Pure: the state is left as it was, and deciding again gives the same."""
        state = State.of("m-1")
        first = PROGRAM.decide(state, purchase("10.00"))
        assert state == State.of("m-1")
        assert PROGRAM.decide(state, purchase("10.00")) == first

    def test_a_commit_is_all_that_is_stored(self) -> None:
        """Version, root, ordinal, names, terms, basis, entries; the new state beside it, outside equality."""
        bought = PROGRAM.decide(State.of("m-1"), purchase("10.00")).require()
        (commit,) = bought.commits
        assert (commit.version, commit.root, commit.ordinal, commit.names) == (1, "o-1", 0, ("o-1",))
        assert commit.after == bought.state
        assert commit.next_due == on(1, 1, year=2027)
        assert bought.commit is commit
        assert (commit.fingerprint, commit.terms_digest, commit.recorded_at) == (None, None, None)

    def test_a_state_is_the_fold_of_its_commits(self) -> None:
        """What the decisions said is what the commits add up to."""
        member = Member(PROGRAM)
        member.buy("10.00")
        member.buy("5.00", id="o-2")
        member.refund("o-1")
        assert fold(member.commits, calendar=PROGRAM.calendar) == member.state
        assert fold([], calendar=PROGRAM.calendar) is None
        rest = fold(member.commits[1:], calendar=PROGRAM.calendar, start=member.commits[0].after)  # type: ignore[arg-type]
        assert rest == member.state

    def test_commits_out_of_order_do_not_fold(self) -> None:
        """A version that is missing, or of another account, is named."""
        member = Member(PROGRAM)
        member.buy("10.00")
        member.buy("5.00", id="o-2")
        with pytest.raises(LedgerError, match="version 1 of member m-1 was due"):
            fold(member.commits[1:], calendar=PROGRAM.calendar)
        with pytest.raises(LedgerError):
            fold(member.commits, calendar=PROGRAM.calendar, start=State.of("m-2"))

    def test_the_event_is_the_states(self) -> None:
        """An event of another member is a mistake of the caller's."""
        with pytest.raises(InvalidValueError, match="The event is of 'm-1', the state of 'm-2'"):
            PROGRAM.decide(State.of("m-2"), purchase("1.00"))

    @pytest.mark.parametrize("at", [EARLIEST - TICK, LATEST, LATEST + timedelta(days=1)])
    def test_an_event_lies_between_1970_and_2199(self, at: datetime) -> None:
        """Outside it is refused, not for good."""
        refused = PROGRAM.decide(State.of("m-1"), purchase("1.00", at=at))
        assert isinstance(refused, Rejected)
        assert (refused.code, refused.final) == (RejectionCode.EVENT_TIME_OUT_OF_RANGE, False)

    def test_the_first_and_the_last_instant_are_taken(self) -> None:
        """1970 and the last microsecond of 2199."""
        program = made(terms(1))
        for at in (EARLIEST, LATEST - TICK):
            assert program.decide(State.of("m-1"), purchase("1.00", at=at)).accepted

    @pytest.mark.parametrize(
        "event",
        [
            Refund(id="x", member="m-1", occurred_at=NEW_YEAR, purchase="o-1"),
            Cancellation(id="x", member="m-1", occurred_at=NEW_YEAR, undoes="o-1"),
            Confirmation(id="x", member="m-1", occurred_at=NEW_YEAR, of="o-1"),
            Capture(id="x", member="m-1", occurred_at=NEW_YEAR, reservation="o-1"),
            Release(id="x", member="m-1", occurred_at=NEW_YEAR, reservation="o-1"),
        ],
        ids=lambda event: type(event).__name__,
    )
    def test_what_speaks_of_an_earlier_event_needs_history(self, event: Any) -> None:
        """History is never defaulted: without it the caller is told which to read; with none of it, not yet."""
        with pytest.raises(HistoryRequiredError, match="needs the history about 'o-1'") as caught:
            PROGRAM.decide(State.of("m-1"), event)
        assert caught.value.roots == ("o-1",)
        refused = PROGRAM.decide(State.of("m-1"), event, history=())
        assert isinstance(refused, Rejected)
        assert (refused.code, refused.commits) == (RejectionCode.UNKNOWN_ROOT, ())

    def test_a_history_that_lacks_a_commit_is_incomplete(self) -> None:
        """Between the purchase and now something is missing."""
        member = Member(PROGRAM)
        member.buy("10.00", "10.00")
        member.refund(total=USD.of(5))
        member.refund(total=USD.of(5), id="r-2")
        del member.commits[1]
        refused = member.return_of(id="r-3")
        assert isinstance(refused, Rejected)
        assert refused.code is RejectionCode.HISTORY_INCOMPLETE

    def test_the_same_event_again_gets_the_first_answer(self) -> None:
        """Marked as repeated, with nothing to append, whatever happened since."""
        member = Member(PROGRAM)
        first = member.buy("10.00", at=NEW_YEAR)
        member.buy("5.00", id="o-2")
        again = member.tell(purchase("10.00", at=NEW_YEAR))
        assert isinstance(again, Accepted)
        assert again.repeated
        assert again.commits == first.commits
        assert again.states == ()
        assert again.state is None
        assert earned(again) == 10
        assert len(member.commits) == 2

    @pytest.mark.parametrize(
        ("event", "field"),
        [
            (purchase("11.00"), "lines"),
            (purchase("10.00", at=NEW_YEAR + MINUTE), "occurred_at"),
            (purchase("10.00", channel="app"), "channel"),
            (Activity(id="o-1", member="m-1", occurred_at=NEW_YEAR, kind="review"), "type"),
        ],
    )
    def test_the_same_id_with_other_content_is_a_conflict(self, event: Any, field: str) -> None:
        """An id names one event for ever; the error names what differs."""
        member = Member(PROGRAM)
        member.buy("10.00", at=NEW_YEAR)
        with pytest.raises(EventConflictError) as caught:
            member.tell(event)
        assert caught.value.field == field
        assert "member m-1" in str(caught.value)

    def test_other_accounts_commits_are_no_history(self) -> None:
        """A commit of another member with the same event id is not the answer."""
        other = PROGRAM.decide(State.of("m-2"), Activity(id="o-1", member="m-2", occurred_at=NEW_YEAR, kind="x"))
        decision = PROGRAM.decide(State.of("m-1"), purchase("10.00"), history=other.commits)
        assert not decision.repeated
        assert decision.commits[0].ordinal == 0

    def test_what_time_did_before_the_event_is_in_its_commit(self) -> None:
        """Lazy time: the expiry stands before what the event earned."""
        member = Member(PROGRAM)
        member.buy("10.00", at=NEW_YEAR)
        bought = member.buy("5.00", id="o-2", at=on(6, 1, year=2027))
        assert [entry.cause[:5] for entry in bought.entries] == ["~lot/", "o-2"]
        assert earned(bought) == 5
        assert bought.commit is not None
        assert bought.commit.names == ("o-1", "o-2")

    def test_a_decision_gives_what_was_asked_or_raises(self) -> None:
        """`require` passes an accepted one on, and raises for a refusal, with its facts in the sentence."""
        accepted = PROGRAM.decide(State.of("m-1"), purchase("1.00"))
        assert accepted.require() is accepted
        assert accepted.accepted
        refused = PROGRAM.decide(
            State.of("m-1"), Redemption(id="d-1", member="m-1", occurred_at=NEW_YEAR, reward="mug")
        )
        assert not refused.accepted
        with pytest.raises(RejectedError, match=r"Refused: unknown_reward \(reward mug\)\.") as caught:
            refused.require()
        assert (caught.value.code, caught.value.final) == ("unknown_reward", True)
        assert isinstance(caught.value, PatronageError)
        assert str(refused.earned(POINTS)) == "0 points"
        assert str(accepted.earned(POINTS)) == "1 points"


class TestDecideAll:
    """Several events in order."""

    def test_each_on_what_the_one_before_left(self) -> None:
        """A redemption, and the purchase that it pays, previewed together; nothing is stored."""
        program = program_of(
            points_policy(), rewards=[PayWithPoints(name="off", points=POINTS.of(100), value=USD.of(1))]
        )
        member = Member(program)
        member.adjust("500 points")
        asked = Redemption(id="d-1", member="m-1", occurred_at=member.now, reward="off", amount=USD.of(5))
        paid = [Tender(kind="points", total=USD.of(5), redemption="d-1"), Tender(kind="card", total=USD.of(5))]
        bought = purchase("10.00", at=member.now, tenders=paid)
        back = Refund(id="r-1", member="m-1", occurred_at=member.now, purchase="o-1")
        decisions = program.decide_all(member.state, [asked, bought, back], history=member.commits)
        assert [decision.accepted for decision in decisions] == [True, True, True]
        assert [decision.commits[0].version for decision in decisions] == [2, 3, 4]
        final = decisions[-1].state
        assert final is not None
        assert program.at(final, member.now).available(POINTS) == POINTS.of(500)
        assert member.state.version == 1

    def test_an_event_that_is_known_adds_nothing(self) -> None:
        """Its first answer is given again, and what comes after it finds it once in its history."""
        member = Member(PROGRAM)
        bought = purchase("10.00")
        member.accept(bought)
        back = Refund(id="r-1", member="m-1", occurred_at=member.when(None), purchase="o-1")
        decisions = PROGRAM.decide_all(member.state, [bought, bought, back], history=member.commits)
        assert [(each.accepted, each.repeated) for each in decisions] == [(True, True), (True, True), (True, False)]
        assert [commit.ordinal for commit in decisions[-1].commits] == [1]

    def test_a_refusal_in_the_middle_leaves_the_rest(self) -> None:
        """What is not yet leaves nothing behind; the next is decided on what was there."""
        unknown = Refund(id="r-1", member="m-1", occurred_at=NEW_YEAR, purchase="o-9")
        decisions = PROGRAM.decide_all(State.of("m-1"), [unknown, purchase("10.00")])
        assert [decision.accepted for decision in decisions] == [False, True]
        assert decisions[1].commits[0].version == 1


class TestInvolves:
    """What an event needs."""

    def test_a_fact_needs_its_member_alone(self) -> None:
        """A purchase speaks of nothing earlier."""
        needed = PROGRAM.involves(purchase("1.00"))
        assert (needed.accounts, needed.roots) == ((Account.member("m-1"),), ())

    def test_a_refund_needs_its_purchase_and_what_paid_it(self) -> None:
        """Asked again with the purchase's commit, the redemptions come up."""
        refund = Refund(id="r-1", member="m-1", occurred_at=NEW_YEAR, purchase="o-1")
        assert PROGRAM.involves(refund).roots == ("o-1",)
        paid = purchase("1.00", tenders=[Tender(kind="points", total=USD.of(1), redemption="d-1")])
        commits = PROGRAM.decide(State.of("m-1"), paid).commits
        assert PROGRAM.involves(refund, (), commits).roots == ("d-1", "o-1")


class TestAdvance:
    """What time alone does."""

    def test_nothing_due_is_no_commit(self) -> None:
        """Advancing a quiet account writes nothing."""
        passed = PROGRAM.advance(State.of("m-1"), on(6, 1))
        assert (passed.commits, passed.state, passed.entries, passed.benefits) == ((), None, (), ())
        assert passed.commit is None

    def test_what_falls_due_is_committed_under_time_passed(self) -> None:
        """The event is named by the last instant that fell due, not by when it was asked."""
        member = Member(PROGRAM)
        member.buy("10.00", at=NEW_YEAR)
        passed = PROGRAM.advance(member.state, on(6, 1, year=2027))
        assert passed.event == TimePassed(
            id="~t/2027-01-01T12:00:00.000000Z", member="m-1", occurred_at=on(1, 1, year=2027)
        )
        assert earned(passed) == 0

    def test_advancing_twice_changes_nothing(self) -> None:
        """Idempotent: what was done is done."""
        member = Member(PROGRAM)
        member.buy("10.00", at=NEW_YEAR)
        until = on(6, 1, year=2027)
        first = PROGRAM.advance(member.state, until)
        assert first.state is not None
        assert PROGRAM.advance(first.state, until).commits == ()

    def test_the_instant_itself_is_included(self) -> None:
        """At the very instant of an end it has happened; a tick before it has not."""
        member = Member(PROGRAM)
        member.buy("10.00", at=NEW_YEAR)
        end = on(1, 1, year=2027)
        assert PROGRAM.advance(member.state, end - TICK).commits == ()
        assert len(PROGRAM.advance(member.state, end).commits) == 1


class TestStanding:
    """An account at an instant."""

    def member(self) -> Member:
        """10 available, 20 pending, 5 held, under labels and with ends."""
        reward = PayWithPoints(name="off", points=POINTS.of(1), value=USD.of(1))
        member = Member(program_of(points_policy(), rewards=[reward]))
        member.adjust("15 points", expires_at=on(3, 1))
        member.adjust("20 points", id="j-2", available_at=on(2, 1), expires_at=on(4, 1))
        member.adjust("7 points", id="j-3", label="gift")
        member.reserve(amount=POINTS.of(5))
        return member

    def test_its_figures(self) -> None:
        """Available, pending, reserved, debt; of one label or of all."""
        standing = self.member().standing()
        holding = standing[POINTS]
        assert (holding.unit, str(holding)) == (POINTS, "17 points")
        assert (holding.available, holding.pending) == (POINTS.of(17), POINTS.of(20))
        assert (holding.reserved, holding.debt) == (POINTS.of(5), POINTS.of(0))
        assert standing.available(POINTS, "gift") == POINTS.of(7)
        assert standing.pending(POINTS, "gift") == POINTS.of(0)
        assert standing.reserved(POINTS, "gift") == POINTS.of(0)
        assert standing.debt(POINTS, "gift") == POINTS.of(0)
        assert dict(standing.labels(POINTS)) == {None: POINTS.of(10), "gift": POINTS.of(7)}
        assert standing.account == Account.member("m-1")
        assert {each.unit.code for each in standing.holdings} == {unit.code for unit in UNITS}
        assert [lot.steps for lot in standing.lots(POINTS)] == [10, 7]

    def test_what_will_end(self) -> None:
        """The first to end first; pending lots too; what is held or never ends is not among them."""
        standing = self.member().standing()
        assert [lot.steps for lot in standing.expiring(POINTS, on(12, 31))] == [10, 20]
        assert [lot.steps for lot in standing.expiring(POINTS, on(3, 1))] == []
        assert [lot.steps for lot in standing.expiring(POINTS, on(3, 1) + TICK)] == [10]

    def test_what_will_end_with_a_grant(self) -> None:
        """What needs a grant ends with it, what is held by one with its grace."""
        rules = (
            point_a_dollar(name="needs", life=Life(needs="tier")),
            point_a_dollar(name="held", life=Life(expires_after=days(1), held_by="tier", grace=days(10)), label="held"),
        )
        member = Member(program_of(points_policy(*rules)))
        member.accept(
            StatusGrant(id="g-1", member="m-1", occurred_at=NEW_YEAR, key="tier", until=on(3, 1), actor="a", reason="b")
        )
        member.buy("5.00")
        member.buy("6.00", id="o-2")
        standing = member.standing()
        assert [lot.label for lot in standing.expiring(POINTS, on(3, 1))] == []
        assert {lot.label for lot in standing.expiring(POINTS, on(3, 1) + TICK)} == {None}
        assert {lot.label for lot in standing.expiring(POINTS, on(4, 1))} == {None, "held"}
        assert [grant.key for grant in standing.grants()] == ["tier"]
        assert standing.grants("other") == ()

    def test_it_is_read_after_what_time_does(self) -> None:
        """On 1 February the pending ones are there, on 1 March the first have ended."""
        member = self.member()
        assert member.has(at=on(2, 1)) == 37
        assert member.has(at=on(3, 1)) == 27
        assert member.has(at=on(4, 1)) == 7

    def test_any_zone_will_do(self) -> None:
        """`now` is an instant, whichever zone it is written in."""
        there = on(2, 1).astimezone(ZoneInfo("Asia/Tokyo"))
        assert self.member().standing(there).now == on(2, 1)
        assert self.member().standing(there).now.tzinfo is UTC

    def test_it_cannot_be_read_before_its_clock(self) -> None:
        """The past is asked by folding the commits up to then."""
        member = self.member()
        with pytest.raises(InvalidValueError, match="The account stands at"):
            member.program.at(member.state, member.now - TICK)
        with pytest.raises(InvalidValueError, match="needs a time zone"):
            member.program.at(member.state, datetime(2026, 6, 1))

    def test_a_debt_is_told_as_a_figure_above_zero(self) -> None:
        """5 owed: available is -5, debt is 5."""
        member = Member(PROGRAM)
        member.adjust("-5 points")
        holding = member.standing()[POINTS]
        assert (holding.available, holding.debt) == (POINTS.of(-5), POINTS.of(5))
        assert member.standing().lots(POINTS) == ()


class TestAccount:
    """Accounts."""

    def test_a_members_id_never_equals_a_systems(self) -> None:
        """The kind is part of the account."""
        assert Account.member("issued") != Account.shared("issued")
        assert str(Account.member("m-1")) == "member m-1"
        assert Account.member("m-1").key == ("member", "m-1")
        assert State.of("m-1").account == Account.member("m-1") == State.of(Account.member("m-1")).account

    @pytest.mark.parametrize("id", ["", "~x", 5, None])
    def test_an_accounts_id_is_an_id(self, id: Any) -> None:
        """The rules of ids hold."""
        with pytest.raises(InvalidValueError):
            Account.member(id)


def test_an_end_in_the_middle_of_a_month_is_kept_by_day() -> None:
    """A life in months counts from the event's own instant."""
    program = program_of(points_policy(point_a_dollar(life=Life(expires_after=months(1)))))
    member = Member(program)
    member.buy("1.00", at=on(1, 31))
    assert member.state.next_due == on(2, 28)


class TestRecord:
    """What is recorded can be read, and what does not fit is found."""

    def test_an_entry_says_what_it_moved(self) -> None:
        """An entry has an amount and an id; a lot says whether it is a debt."""
        member = Member(PROGRAM)
        bought = member.buy("10.00")
        entry = bought.entries[0]
        assert isinstance(entry, Transfer)
        assert (entry.amount, entry_id(entry)) == (POINTS.of(10), "0/o-1")
        assert not entry.put[0].is_debt
        member.adjust("-25 points")
        assert [lot.is_debt for lot in member.state.lots["points"]] == [True]
        assert member.state.lots["points"][0].amount == POINTS.of(-15)

    def fold(self, *entries: Any) -> State | None:
        """One more commit of those entries on an account with 10 points."""
        member = Member(PROGRAM)
        member.buy("10.00")
        extra = attrs.evolve(member.commits[0], version=2, entries=entries)
        return fold([*member.commits, extra], calendar=PROGRAM.calendar)

    def transfer(self) -> Transfer:
        """The entry of a purchase of 10.00."""
        (entry,) = PROGRAM.decide(State.of("m-1"), purchase("10.00", at=NEW_YEAR + MINUTE)).entries
        assert isinstance(entry, Transfer)
        return entry

    def test_an_entry_that_takes_what_is_not_there_is_found(self) -> None:
        """More than the lot holds, or from a lot that never was."""
        entry = self.transfer()
        for part in (attrs.evolve(entry.put[0], steps=11), attrs.evolve(entry.put[0], label="gift")):
            with pytest.raises(LedgerError, match="entry 0/o-1 of member m-1: it takes"):
                self.fold(attrs.evolve(entry, taken=(part,), put=()))

    def test_a_book_writes_out_no_part_that_no_lot_holds(self) -> None:
        """Whoever chose it: more than there is of a lot, or a lot of another label, is never moved."""
        member = Member(PROGRAM)
        member.buy("10.00")
        (lot,) = member.state.lots["points"]
        for part in (attrs.evolve(lot, steps=11), attrs.evolve(lot, label="gift")):
            book = Book(member.state, PROGRAM.calendar, FrozenMapping({"points": POINTS}))
            about, why = book.about("x"), reason("test")
            with pytest.raises(AssertionError, match="no lot holds"):
                book.transfer("", about, "points", part.label, book.account, ISSUED, (part,), (), (), why)

    def test_an_entry_that_leaves_63_bits_is_found(self) -> None:
        """Parts of one lot never wrap around."""
        entry = self.transfer()
        part = attrs.evolve(entry.put[0], steps=2**62)
        with pytest.raises(AmountOverflowError):
            self.fold(attrs.evolve(entry, put=(part, part)))

    def test_a_wake_up_that_was_never_set_cannot_end(self) -> None:
        """The fold names the entry."""
        reward = PayWithPoints(name="off", points=POINTS.of(1), value=USD.of(1))
        member = Member(program_of(points_policy(), rewards=[reward]))
        member.adjust("10 points")
        held = member.reserve(amount=POINTS.of(5), lapses_at=on(9, 1)).entries[-1]
        assert isinstance(held, WakeEntry)
        with pytest.raises(LedgerError, match="it ends a wake-up that is not set"):
            self.fold(attrs.evolve(held, change=WakeChange.ENDED))

    def test_other_commits_of_the_history_add_no_roots(self) -> None:
        """Only the purchase that a refund speaks of says what else is needed."""
        paid = purchase("1.00", id="o-2", tenders=[Tender(kind="points", total=USD.of(1), redemption="d-1")])
        commits = PROGRAM.decide(State.of("m-1"), paid).commits
        refund = Refund(id="r-1", member="m-1", occurred_at=NEW_YEAR, purchase="o-1")
        assert PROGRAM.involves(refund, (), commits).roots == ("o-1",)

    def test_what_needs_a_grant_without_end_is_not_about_to_end(self) -> None:
        """A tier for life, a lot for life."""
        member = Member(program_of(points_policy(point_a_dollar(life=Life(needs="tier")))))
        member.accept(StatusGrant(id="g-1", member="m-1", occurred_at=NEW_YEAR, key="tier", actor="a", reason="b"))
        member.buy("5.00")
        assert member.standing().expiring(POINTS, on(1, 1, year=2190)) == ()
