"""A caller's own policy: occasions in, effects out, and refunds right with no code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from unit_shop import (
    MINUTE,
    NEW_YEAR,
    NIGHTS,
    POINTS,
    STARS,
    USD,
    VISITS,
    Member,
    bookings,
    earned,
    kinds,
    moves,
    on,
    point_a_dollar,
    points_policy,
    program_of,
    transfers,
)

from patronage import (
    Account,
    Amount,
    Credit,
    Debit,
    Effect,
    Give,
    InvalidValueError,
    Life,
    Occasion,
    PayWithPoints,
    PointsPolicy,
    Policy,
    PolicyError,
    Program,
    Read,
    Revoke,
    SetTo,
    StatusGrant,
    Terms,
    Use,
    Wake,
)
from patronage.conditions import BalanceIs, HasGrant
from patronage.ledger import GrantChange, GrantEntry, WakeEntry, reason
from patronage.occasions import GrantEnded, LotAvailable, LotEnded, Woken
from patronage.terms_of_time import days, months, years

Answer = Callable[[Occasion], Iterable[Effect]]


@attrs.frozen
class Own:
    """A caller's policy that answers as told."""

    answer: Answer
    name: str = "own"
    reads: Sequence[Read] = ()

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """The answer."""
        return self.answer(occasion)


def on_purchase(*effects: Effect) -> Answer:
    """The same effects for every purchase."""
    return lambda occasion: effects if occasion.purchase is not None else ()


def member_of(*policies: Policy, **fields: Any) -> Member:
    """A member of a program with those policies."""
    return Member(program_of(*policies, **fields))


def per_dollar(occasion: Occasion) -> Iterable[Effect]:
    """Three points for every whole dollar of goods, written by a caller."""
    if occasion.purchase is not None:
        dollars = sum(line.total.steps for line in occasion.lines) // 100
        if dollars:
            yield Credit(POINTS.of(3 * dollars), rule="thrice", why=reason("thrice", {"dollars": dollars}))


class TestCredit:
    """A credit, and its refund."""

    def test_a_policy_credits(self) -> None:
        """The entry names policy, rule and reason."""
        member = member_of(Own(per_dollar))
        bought = member.buy("10.50")
        (entry,) = transfers(bought)
        assert (entry.policy, entry.steps, entry.reason.code) == ("own", 30, "thrice")
        assert entry.reason.facts["dollars"] == 10
        assert bookings(bought)["thrice"].steps == 30

    def test_a_refund_needs_no_code(self) -> None:
        """The policy is shown the purchase again without what came back; the difference is booked."""
        member = member_of(Own(per_dollar))
        member.buy("10.50", "20.00")
        assert earned(member.refund(total=USD.of("0.50"))) == 0
        assert earned(member.refund(total=USD.of(15), id="r-2")) == -45
        assert earned(member.refund(id="r-3")) == -45
        assert member.has() == 0

    def test_a_policy_is_never_shown_a_refund(self) -> None:
        """Facts and what time does, nothing else; and no empty basket."""
        seen: list[str] = []

        def watch(occasion: Occasion) -> Iterable[Effect]:
            seen.append(type(occasion.event).__name__)
            return ()

        member = member_of(Own(watch))
        member.enrol()
        member.buy("10.00", "5.00")
        member.buy(id="o-2")
        member.does("review")
        member.adjust("5 points")
        member.refund(total=USD.of(1))
        member.refund(id="r-2")
        assert seen == ["Enrolment", "Purchase", "Activity", "Purchase"]

    def test_a_credit_has_a_life_and_a_label(self) -> None:
        """Pending for a week, then for a year, under a label."""
        life = Life(available_after=days(7), expires_after=years(1))
        member = member_of(Own(on_purchase(Credit(POINTS.of(5), label="gift", life=life))))
        member.buy("1.00", at=NEW_YEAR)
        assert member.standing().pending(POINTS, "gift") == POINTS.of(5)
        assert member.has(at=on(1, 8), label="gift") == 5

    def test_an_activity_is_shown_with_its_facts(self) -> None:
        """Activities have measures and counts of their own."""

        def runs(occasion: Occasion) -> Iterable[Effect]:
            activity = occasion.activity
            if activity is not None:
                yield Credit(POINTS.of(int(activity.measures["km"])), rule="run")

        assert earned(member_of(Own(runs)).does("run", measures={"km": "12.9"})) == 12


class TestDebit:
    """A debit: exactly, or up to what is there."""

    def test_exactly(self) -> None:
        """A shortfall is debt."""
        member = member_of(Own(on_purchase(Debit(POINTS.of(5), rule="fee"))))
        member.adjust("3 points")
        assert moves(member.buy("1.00")) == [("m-1", "redeemed", 5)]
        assert member.has() == -2

    def test_up_to_what_is_there(self) -> None:
        """3 of 5 are there, 3 are taken; then none."""
        member = member_of(Own(on_purchase(Debit(POINTS.of(5), up_to=True))))
        member.adjust("3 points")
        assert moves(member.buy("1.00")) == [("m-1", "redeemed", 3)]
        assert moves(member.buy("1.00", id="o-2")) == []
        assert member.has() == 0

    def test_a_refund_gives_it_back(self) -> None:
        """What a purchase took away comes back with its refund."""
        member = member_of(Own(on_purchase(Debit(POINTS.of(5), rule="fee"))))
        member.adjust("9 points")
        member.buy("1.00")
        member.refund()
        assert member.has() == 9

    def test_up_to_is_judged_by_what_the_policy_reads(self) -> None:
        """A refund of a debit up to the balance reads the balance as it was then."""
        policy = Own(on_purchase(Debit(POINTS.of(5), up_to=True)), reads=[Read("points")])
        member = member_of(policy)
        member.adjust("3 points")
        member.buy("1.00", "1.00")
        assert member.has() == 0
        member.refund(total=USD.of(1))
        assert member.has() == 0
        member.refund(id="r-2")
        assert member.has() == 3


class TestSetTo:
    """A balance that is set."""

    def policy(self, figure: int, label: str | None = None) -> Own:
        """Every purchase sets the visits."""
        return Own(on_purchase(SetTo(amount=VISITS.of(figure), label=label, rule="set")), reads=[Read("visits", label)])

    def test_up_and_down(self) -> None:
        """Set to 5 from 2 is a credit of 3, from 9 a debit of 4, from 5 nothing."""
        member = member_of(self.policy(5))
        member.adjust("2 visits")
        assert moves(member.buy("1.00"), VISITS) == [("issued", "m-1", 3)]
        assert moves(member.buy("1.00", id="o-2"), VISITS) == []
        member.adjust("4 visits", id="j-2")
        assert moves(member.buy("1.00", id="o-3"), VISITS) == [("m-1", "redeemed", 4)]
        assert member.has(VISITS) == 5

    def test_under_a_label(self) -> None:
        """A label has a balance of its own."""
        member = member_of(self.policy(5, "a"))
        member.adjust("2 visits")
        member.buy("1.00")
        assert (member.has(VISITS, label="a"), member.has(VISITS)) == (5, 7)

    def test_to_nothing(self) -> None:
        """A balance may be set to zero."""
        member = member_of(self.policy(0))
        member.adjust("2 visits")
        member.buy("1.00")
        assert member.has(VISITS) == 0


class TestGrants:
    """Rights given, used and revoked."""

    def voucher(self, occasion: Occasion) -> Iterable[Effect]:
        """A purchase gives a coffee card of two uses for a month; drinking uses it; losing revokes it."""
        if occasion.purchase is not None:
            yield Give(key="coffee", value="small", lasts=months(1), uses=2, rule="card")
        if occasion.activity is not None and occasion.activity.kind == "drink":
            yield Use(key="coffee", rule="card")
        if occasion.activity is not None and occasion.activity.kind == "lose":
            yield Revoke(key="coffee", value="small")

    def test_given_used_and_used_up(self) -> None:
        """Two uses, then it is gone, and a third use finds nothing."""
        member = member_of(Own(self.voucher))
        bought = member.buy("1.00", at=NEW_YEAR)
        assert kinds(bought.entries) == ["GrantEntry"]
        (grant,) = member.standing().grants("coffee")
        assert (grant.value, grant.uses, grant.giver, grant.valid_until) == ("small", 2, "own/card", on(2, 1))
        used = member.does("drink").entries[0]
        assert isinstance(used, GrantEntry)
        assert (used.change, used.grant.uses) == (GrantChange.USED, 1)
        member.does("drink", id="a-2")
        assert member.standing().grants("coffee") == ()
        assert member.does("drink", id="a-3").entries == ()

    def test_revoked(self) -> None:
        """Revoked it ends now."""
        member = member_of(Own(self.voucher))
        member.buy("1.00")
        lost = member.does("lose").entries[0]
        assert isinstance(lost, GrantEntry)
        assert lost.change is GrantChange.REVOKED
        assert member.standing().grants() == ()

    def test_a_refund_revokes_what_the_purchase_gave(self) -> None:
        """Decided again, the purchase would not give it."""
        member = member_of(Own(self.voucher))
        member.buy("1.00", "1.00")
        member.refund(total=USD.of(1))
        assert member.standing().grants("coffee")
        member.refund(id="r-2")
        assert member.standing().grants("coffee") == ()

    def test_the_grant_that_ends_first_is_used_first(self) -> None:
        """Of two cards the one that ends sooner loses a use."""
        member = member_of(Own(self.voucher))
        for n, until in enumerate((on(9, 1), on(2, 1), None)):
            member.accept(
                StatusGrant(
                    id=f"g-{n}",
                    member="m-1",
                    occurred_at=NEW_YEAR,
                    key="coffee",
                    value="small",
                    until=until,
                    uses=5,
                    actor=f"op-{n}",
                    reason="gift",
                )
            )
        member.does("drink")
        left = {grant.giver: grant.uses for grant in member.standing().grants("coffee")}
        assert left == {"@op-0": 5, "@op-1": 4, "@op-2": 5}

    def test_the_next_policy_sees_what_the_one_before_gave(self) -> None:
        """A grant given by the first policy is in force for the second, and not for one listed before."""
        vip = point_a_dollar(name="vip", when=HasGrant("coffee"))
        before = PointsPolicy(name="before", rules=[vip])
        after = PointsPolicy(name="after", rules=[vip])
        member = member_of(before, Own(self.voucher), after)
        assert {entry.policy for entry in transfers(member.buy("5.00"))} == {"after"}

    def test_the_next_policy_sees_a_use_and_a_revocation(self) -> None:
        """What was used up or revoked by the first policy is gone for the second."""
        bonus = points_policy(point_a_dollar(when=HasGrant("coffee")))
        for effect in (Use(key="coffee"), Use(key="coffee", value="small"), Revoke(key="coffee")):
            member = member_of(Own(on_purchase(effect)), bonus)
            member.accept(
                StatusGrant(
                    id="g-1",
                    member="m-1",
                    occurred_at=NEW_YEAR,
                    key="coffee",
                    value="small",
                    uses=1,
                    actor="op",
                    reason="gift",
                )
            )
            assert earned(member.buy("5.00")) == 0
        other = member_of(Own(on_purchase(Revoke(key="coffee", value="large"))), bonus)
        other.accept(
            StatusGrant(
                id="g-1", member="m-1", occurred_at=NEW_YEAR, key="coffee", value="small", actor="op", reason="gift"
            )
        )
        assert earned(other.buy("5.00")) == 5


class TestOrder:
    """A policy sees what those before it did to the balances that the terms read."""

    def test_a_balance_after_a_credit_a_debit_and_a_set(self) -> None:
        """10 credited, 4 debited, 3 set: each read by the next policy."""
        bonus = points_policy(point_a_dollar(when=BalanceIs(at_least=STARS.of(10))))
        assert earned(member_of(Own(on_purchase(Credit(STARS.of(10)))), bonus).buy("5.00")) == 5
        assert earned(member_of(Own(on_purchase(Credit(STARS.of(9)))), bonus).buy("5.00")) == 0
        less = Own(on_purchase(Credit(STARS.of(10)), Debit(STARS.of(1))))
        assert earned(member_of(less, bonus).buy("5.00")) == 0
        reset = Own(on_purchase(SetTo(amount=STARS.of(10))))
        assert earned(member_of(reset, bonus).buy("5.00")) == 5
        emptied = Own(on_purchase(Credit(STARS.of(10)), Debit(STARS.of(99), up_to=True)))
        assert earned(member_of(emptied, bonus).buy("5.00")) == 0

    def test_what_is_pending_is_not_read(self) -> None:
        """A credit that waits is no balance yet."""
        bonus = points_policy(point_a_dollar(when=BalanceIs(at_least=STARS.of(10))))
        for life in (Life(available_after=days(1)), Life(on_confirmation=True)):
            pending = Own(on_purchase(Credit(STARS.of(10), life=life)))
            assert earned(member_of(pending, bonus).buy("5.00")) == 0


class TestWake:
    """A policy may ask to be shown something later."""

    def birthday(self, occasion: Occasion) -> Iterable[Effect]:
        """An activity sets a wake-up for the birthday, which gives 50 points and sets the next."""
        activity = occasion.activity
        if activity is not None and activity.kind == "birthday":
            yield Wake(at=on(6, 1, 4), name="birthday", facts={"age": 40}, rule="set")
        if isinstance(occasion.trigger, Woken):
            wake_up = occasion.trigger.wake_up
            yield Credit(POINTS.of(50), rule=wake_up.name)
            age = wake_up.facts["age"]
            assert isinstance(age, int)
            yield Wake(at=on(6, 1, 4, year=2026 + age - 39), name="birthday", facts={"age": age + 1})

    def test_it_is_shown_again(self) -> None:
        """Every year on the day, at the instant that was asked for."""
        member = member_of(Own(self.birthday), Own(self.other, name="other"))
        set_at = member.does("birthday").entries[0]
        assert isinstance(set_at, WakeEntry)
        assert member.state.next_due == on(6, 1, 4)
        assert member.has(at=on(6, 1, 4) - timedelta(microseconds=1)) == 0
        assert member.has(at=on(6, 1, 4)) == 50
        assert member.has(at=on(7, 1, year=2028)) == 150

    def other(self, occasion: Occasion) -> Iterable[Effect]:
        """Another policy, which must not be shown the first one's wake-up."""
        assert not isinstance(occasion.trigger, Woken)
        return ()

    def test_its_entries_are_about_what_time_did(self) -> None:
        """The credit has an id that follows from what fell due, the same whoever advances."""
        member = member_of(Own(self.birthday))
        member.does("birthday")
        early = member.program.advance(member.state, on(6, 1, 4))
        late = member.program.advance(member.state, on(12, 1))
        assert early.entries == late.entries
        (credit,) = transfers(early)
        assert credit.cause.startswith("~policy/2026-06-01T04:00:00.000000Z/")
        assert credit.about.root == credit.cause

    def test_a_wake_up_lies_after_the_occasion(self) -> None:
        """Now, or the past, is refused, and nothing was decided."""
        for at in (NEW_YEAR, NEW_YEAR - MINUTE):
            member = member_of(Own(on_purchase(Wake(at=at, name="x"))))
            with pytest.raises(PolicyError, match="a wake-up lies after"):
                member.buy("1.00", at=NEW_YEAR)
            assert member.state.version == 0


class TestTime:
    """What time does is shown to a caller's policy."""

    def test_lots_and_grants(self) -> None:
        """A lot that becomes available, a lot that ends, a grant that ends: each with the instant."""
        seen: list[tuple[str, datetime]] = []

        def watch(occasion: Occasion) -> Iterable[Effect]:
            if occasion.trigger is not None:
                assert occasion.event is None
                assert occasion.lines == ()
                seen.append((type(occasion.trigger).__name__, occasion.at))
                if isinstance(occasion.trigger, LotEnded):
                    yield Credit(STARS.of(occasion.trigger.lot.steps), rule="consolation")
            elif occasion.purchase is not None:
                life = Life(available_after=days(7), expires_after=days(30))
                yield Credit(POINTS.of(5), life=life)
                yield Give(key="tier", lasts=days(14))

        member = member_of(Own(watch))
        member.buy("1.00", at=NEW_YEAR)
        passed = member.program.advance(member.state, on(3, 1))
        assert seen == [
            (LotAvailable.__name__, on(1, 8)),
            (GrantEnded.__name__, on(1, 15)),
            (LotEnded.__name__, on(1, 31)),
        ]
        assert moves(passed, STARS) == [("issued", "m-1", 5)]

    def test_the_librarys_rules_are_not_shown_what_time_does(self) -> None:
        """A points policy earns on events alone."""
        member = member_of(points_policy(point_a_dollar(life=Life(expires_after=days(1)))))
        member.buy("5.00", at=NEW_YEAR)
        assert moves(member.program.advance(member.state, on(2, 1))) == [("m-1", "expired", 5)]


class TestErrors:
    """A caller's policy that fails is named, and nothing is decided."""

    def test_one_that_raises(self) -> None:
        """The error says which policy and what it raised."""

        def broken(occasion: Occasion) -> Iterable[Effect]:
            raise KeyError("oops")

        with pytest.raises(PolicyError, match=r"Policy 'own': it raised KeyError: .*oops") as caught:
            member_of(Own(broken)).buy("1.00")
        assert isinstance(caught.value.__cause__, KeyError)
        assert caught.value.policy == "own"

    def test_one_that_raises_halfway(self) -> None:
        """A generator that breaks after its first effect is no answer."""

        def broken(occasion: Occasion) -> Iterable[Effect]:
            yield Credit(POINTS.of(1))
            raise RuntimeError("halfway")

        with pytest.raises(PolicyError, match="halfway"):
            member_of(Own(broken)).buy("1.00")

    @pytest.mark.parametrize("junk", [5, "Credit", None, POINTS.of(1), Credit])
    def test_one_that_gives_what_is_no_effect(self, junk: Any) -> None:
        """The answer is checked."""
        with pytest.raises(PolicyError, match="is no effect"):
            member_of(Own(lambda occasion: [junk])).buy("1.00")

    def test_one_that_gives_an_effect_that_cannot_be(self) -> None:
        """A credit of nothing is refused where it is made, and the policy is named."""
        with pytest.raises(PolicyError, match="A credit must be an amount above 0"):
            member_of(Own(lambda occasion: [Credit(POINTS.of(0))])).buy("1.00")

    @pytest.mark.parametrize("answer", [None, 5])
    def test_one_that_gives_no_sequence(self, answer: Any) -> None:
        """None is no empty answer."""
        with pytest.raises(PolicyError, match="TypeError"):
            member_of(Own(lambda occasion: answer)).buy("1.00")

    @pytest.mark.parametrize(
        "effect", [Credit(Amount(1, "pints")), Debit(Amount(1, "pints")), SetTo(amount=Amount(1, "pints"))]
    )
    def test_one_in_an_unknown_unit(self, effect: Effect) -> None:
        """Effects are in units of the terms."""
        with pytest.raises(PolicyError, match="pints, which is no unit of the terms"):
            member_of(Own(on_purchase(effect))).buy("1.00")

    def test_one_that_reads_an_unknown_unit(self) -> None:
        """What is read is checked when the program is made."""
        with pytest.raises(InvalidValueError, match="names no unit of the terms"):
            member_of(Own(per_dollar, reads=[Read("pints")]))

    @pytest.mark.parametrize("policy", [5, "points", Own, object()])
    def test_what_is_no_policy(self, policy: Any) -> None:
        """A policy is an object with effects and a name."""
        with pytest.raises(InvalidValueError):
            Terms(units=[USD], policies=[policy])

    @pytest.mark.parametrize("name", ["", "a b", "1st", None, 5, "x" * 49])
    def test_a_policys_name_is_a_name(self, name: Any) -> None:
        """Names are short ASCII, a letter first."""
        with pytest.raises(InvalidValueError, match="A name must be"):
            Terms(units=[USD], policies=[Own(per_dollar, name=name)])

    def test_two_policies_of_one_name(self) -> None:
        """Entries name their policy, so names are unique."""
        with pytest.raises(InvalidValueError, match="Two policies have one name"):
            Terms(units=[USD], policies=[Own(per_dollar), Own(per_dollar)])


class TestEffects:
    """An effect that makes no sense is refused."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Credit(POINTS.of(0)),
            lambda: Credit(POINTS.of(-1)),
            lambda: Credit(5),  # type: ignore[arg-type]
            lambda: Debit(POINTS.of(0)),
            lambda: SetTo(amount=POINTS.of(-1)),
            lambda: Give(key=""),
            lambda: Use(key="x" * 65),
            lambda: Revoke(key="a\n"),
            lambda: Wake(at=NEW_YEAR, name=""),
            lambda: Wake(at=datetime(2026, 1, 1), name="x"),
        ],
    )
    def test_each_validator_rejects(self, make: Callable[[], object]) -> None:
        """Amounts above zero, keys that are words."""
        with pytest.raises(InvalidValueError):
            make()


class TestOccasion:
    """What a policy can read."""

    def test_balances_grants_and_lines(self) -> None:
        """What the policy said that it reads, and the grants in force."""
        told: list[object] = []

        def read(occasion: Occasion) -> Iterable[Effect]:
            told.extend(
                [
                    occasion.account,
                    occasion.balance("points"),
                    occasion.balance("points", "gift"),
                    occasion.balance_in_all("points"),
                    occasion.balance("stars"),
                    [grant.key for grant in occasion.grants("tier")],
                    [grant.key for grant in occasion.grants("tier", "gold")],
                    occasion.grants("other"),
                    occasion.units["USD"].decimals,
                    occasion.calendar.zone_name,
                ]
            )
            return ()

        member = member_of(Own(read, reads=[Read("points")]))
        member.adjust("5 points")
        member.adjust("7 points", id="j-2", label="gift")
        member.adjust("9 stars", id="j-3")
        member.accept(
            StatusGrant(
                id="g-1",
                member="m-1",
                occurred_at=member.now,
                key="tier",
                value="silver",
                actor="op",
                reason="match",
            )
        )
        member.buy("1.00")
        zone = "America/New_York"
        assert told == [Account.member("m-1"), 5, 7, 12, 0, ["tier"], [], (), 2, zone]

    def test_a_program_of_no_policies_earns_nothing(self) -> None:
        """Terms may have units alone."""
        program: Program = program_of()
        assert Member(program).buy("1.00").entries == ()

    def test_an_error_of_a_policy_within_another_names_the_inner_one(self) -> None:
        """It is told once, by the name of the one that knows what was wrong."""

        def outer(occasion: Occasion) -> Iterable[Effect]:
            raise PolicyError("inner", "the rate is not known yet.")

        with pytest.raises(PolicyError, match="Policy 'inner': the rate is not known yet") as caught:
            member_of(Own(outer)).buy("1.00")
        assert caught.value.policy == "inner"

    def test_a_points_policy_may_stand_alone(self) -> None:
        """Asked by itself, a points policy answers like any other: it can be part of a caller's own."""

        def both(occasion: Occasion) -> Iterable[Effect]:
            yield from points_policy(point_a_dollar(name="spend")).effects(occasion)
            if occasion.purchase is not None:
                yield Credit(NIGHTS.of(1), rule="night")

        member = member_of(Own(both))
        bought = member.buy("5.00")
        assert (earned(bought), earned(bought, NIGHTS)) == (5, 1)


class TestEdges:
    """Effects that find nothing, and wake-ups side by side."""

    def test_a_use_without_a_grant(self) -> None:
        """A use of what is not there, or is without end, changes nothing for the next policy."""
        bonus = points_policy(point_a_dollar(when=HasGrant("coffee")))
        for given in ({"key": "tea"}, {"key": "coffee", "value": "large"}, {"key": "coffee", "value": "small"}):
            member = member_of(Own(on_purchase(Use(key="coffee", value="small"))), bonus)
            fields: dict[str, Any] = {"actor": "op", "reason": "gift", **given}
            member.accept(StatusGrant(id="g-1", member="m-1", occurred_at=NEW_YEAR, **fields))
            bought = member.buy("5.00")
            assert earned(bought) == (5 if given["key"] == "coffee" else 0)
            assert "GrantEntry" not in kinds(bought.entries)

    def test_a_debit_that_stands_after_a_part_came_back(self) -> None:
        """A fee for every purchase stays while something of it is left."""
        member = member_of(Own(on_purchase(Debit(POINTS.of(5), rule="fee"))))
        member.adjust("9 points")
        member.buy("1.00", "1.00")
        assert moves(member.refund(total=USD.of(1))) == []
        assert member.has() == 4

    def test_a_tally_of_two_rules_taken_back_below_what_is_there(self) -> None:
        """Of two visits counted by two rules one is left: both are taken back, and one is owed."""
        visits = on_purchase(Credit(VISITS.of(1), rule="a"), Credit(VISITS.of(1), rule="b"))
        member = member_of(Own(visits))
        member.buy("1.00")
        member.adjust("-1 visits")
        refunded = member.refund()
        assert moves(refunded, VISITS) == [("m-1", "issued", 2)]
        assert {rule: book.steps for rule, book in bookings(refunded, VISITS).items()} == {"a": -1, "b": -1}
        assert member.standing()[VISITS].debt == VISITS.of(1)

    def test_two_wake_ups_of_two_policies(self) -> None:
        """Each is shown its own, at its own instant."""
        seen: list[tuple[str, int]] = []

        def waking(name: str, day: int) -> Own:
            def answer(occasion: Occasion) -> Iterable[Effect]:
                if occasion.purchase is not None:
                    yield Wake(at=on(2, day), name=name)
                elif isinstance(occasion.trigger, Woken):
                    seen.append((name, occasion.at.day))

            return Own(answer, name=name)

        member = member_of(waking("one", 1), waking("two", 2))
        member.buy("1.00")
        member.program.advance(member.state, on(3, 1))
        assert seen == [("one", 1), ("two", 2)]

    def test_two_policies_are_shown_the_same_lot(self) -> None:
        """What time does is shown to each of the caller's policies, the later one after the earlier one's effects."""
        seen: list[int] = []

        def watch(occasion: Occasion) -> Iterable[Effect]:
            if isinstance(occasion.trigger, LotEnded):
                seen.append(occasion.balance("stars"))
                yield Credit(STARS.of(1))

        reads = [Read("stars")]
        member = member_of(Own(watch, reads=reads), Own(watch, name="two", reads=reads))
        member.adjust("5 points", expires_at=on(2, 1))
        assert moves(member.program.advance(member.state, on(3, 1)), STARS) == [("issued", "m-1", 1)] * 2
        assert seen == [0, 1]

    def test_what_is_reserved_is_not_read(self) -> None:
        """A policy reads what can be spent."""
        seen: list[int] = []

        def watch(occasion: Occasion) -> Iterable[Effect]:
            seen.append(occasion.balance("points"))
            return ()

        reward = PayWithPoints(name="off", points=POINTS.of(1), value=USD.of(1))
        member = member_of(Own(watch, reads=[Read("points")]), rewards=[reward])
        member.adjust("9 points")
        member.reserve(amount=POINTS.of(4))
        member.buy("1.00")
        assert seen == [5]

    def test_a_refund_restores_the_grant_that_its_purchase_had_extended(self) -> None:
        """The second purchase extends what the first one gave: returned, the first one's year stands."""

        def active(occasion: Occasion) -> Iterable[Effect]:
            if occasion.purchase is not None:
                yield Give(key="active", lasts=years(1))

        member = member_of(Own(active))
        member.buy("1.00", at=on(1, 1))
        member.buy("1.00", id="o-2", at=on(6, 1))
        (grant,) = member.standing().grants("active")
        assert grant.valid_until == on(6, 1, year=2027)
        member.refund("o-2", at=on(7, 1))
        (grant,) = member.standing().grants("active")
        assert grant.valid_until == on(1, 1, year=2027)
        member.refund("o-1", id="r-2", at=on(7, 2))
        assert member.standing().grants("active") == ()


class TestGrantsOfAPurchase:
    """Points that hang on a grant which their own purchase gave."""

    def large(self, occasion: Occasion) -> Iterable[Effect]:
        """A purchase of 50.00 or more makes a member; an activity uses the card."""
        if occasion.purchase is not None and occasion.purchase.total >= 5000:
            yield Give(key="club", lasts=years(1), uses=9)
        elif occasion.activity is not None:
            yield Use(key="club")

    def program(self) -> Program:
        """Points that need the club."""
        return program_of(Own(self.large), points_policy(point_a_dollar(name="spend", life=Life(needs="club"))))

    def test_what_ends_because_a_refund_revoked_a_grant_counts_as_taken(self) -> None:
        """Returned below 50.00 the membership ends, and with it all the points: nothing is owed on top."""
        member = Member(self.program())
        member.buy("60.00")
        refunded = member.refund(total=USD.of(20))
        assert ("m-1", "expired", 60) in moves(refunded)
        assert earned(refunded) == -20
        assert (member.has(), member.standing()[POINTS].debt) == (0, POINTS.of(0))
        assert earned(member.refund(id="r-2")) == -40
        assert (member.has(), member.standing()[POINTS].debt) == (0, POINTS.of(0))

    def test_a_grant_that_was_used_is_revoked_all_the_same(self) -> None:
        """What the purchase gave ends with it, used or not, and no other grant is restored."""
        member = Member(self.program())
        member.buy("60.00")
        member.does("visit")
        member.refund()
        assert member.standing().grants() == ()

    def test_what_had_ended_before_cannot_be_restored(self) -> None:
        """The first year had run out when the second purchase came back: nothing is left of it."""
        member = Member(self.program())
        member.buy("60.00", at=on(1, 1))
        member.buy("60.00", id="o-2", at=on(12, 1))
        member.refund("o-2", at=on(2, 1, year=2027))
        assert member.standing().grants() == ()
