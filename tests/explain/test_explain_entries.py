"""Each kind of entry, in a sentence that can be read out."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from explain_shop import ASKED, AT, LATER, SPEND, Shop, bought, points, policy, program, refund, told, usd

from patronage import (
    Activity,
    Adjustment,
    BonusRule,
    Cancellation,
    Capture,
    Confirmation,
    Credit,
    Debit,
    Enrolment,
    FixedReward,
    Give,
    Life,
    Occasion,
    Redemption,
    RefundLine,
    RefundTerms,
    Release,
    Revoke,
    SetTo,
    StatusEnd,
    StatusGrant,
    Use,
    Wake,
)
from patronage.conditions import Spend
from patronage.explain import explain
from patronage.terms import Expired, Shortfall
from patronage.terms_of_time import days, months


class TestSpending:
    def test_a_reservation(self) -> None:
        """What is held, from which purchase, and when it lapses."""
        assert told([bought("250.00"), ASKED]) == [
            "Reservation h-1 of reward pay on 5 March 2026 at 10:00, until 6 March 2026 at 10:00.",
            "200 points held by h-1 for reward pay.",
            "  - 200 points came from o-1, earned on 5 March 2026 at 10:00, good until 5 March 2027 at 10:00.",
            "Reservation h-1 lapses on 6 March 2026 at 10:00 unless it is captured or released before.",
            "2.00 USD off by reward pay.",
            "This record alone does not tell what would be decided again.",
        ]

    def test_a_capture_in_part(self) -> None:
        """What is spent, what is free again, and that nothing lapses any more."""
        capture = Capture(id="c-1", member="m-1", occurred_at=AT, reservation="h-1", amount=points.of(100))
        assert told([bought("250.00"), ASKED, capture])[1:6] == [
            "100 points held by h-1 spent on reward pay.",
            "  - 100 points came from o-1, earned on 5 March 2026 at 10:00, good until 5 March 2027 at 10:00.",
            "100 points that h-1 held are free again.",
            "  - 100 points can be spent at once, until 5 March 2027 at 10:00.",
            "Reservation h-1 no longer lapses on 6 March 2026 at 10:00.",
        ]

    def test_a_release_and_a_lapse(self) -> None:
        """Given up, or run out of time."""
        release = Release(id="l-1", member="m-1", occurred_at=AT, reservation="h-1")
        assert "200 points that h-1 held are free again." in told([bought("250.00"), ASKED, release])
        lines = told([bought("250.00"), ASKED, Enrolment(id="e-1", member="m-1", occurred_at=LATER)])
        assert "Reservation h-1 lapsed on 6 March 2026 at 10:00." in lines
        assert "200 points that h-1 held are free again, for its time ran out on 6 March 2026 at 10:00." in lines

    def test_a_product(self) -> None:
        """What is to be handed over."""
        shop = Shop(program(rewards=(FixedReward(name="mug", cost=points.of(50)),)))
        asked = Redemption(id="r-1", member="m-1", occurred_at=AT, reward="mug", times=2)
        assert "2 x reward mug to hand over." in shop.why(bought("250.00"), asked).text


class TestTime:
    def test_what_expires(self) -> None:
        """By time, on its instant, with where it came from."""
        shop = Shop(program(policy(SPEND)))
        shop.play(bought("10.00"))
        accepted = shop.program.advance(shop.state, AT + timedelta(days=400))
        explanation = explain(accepted.commits[0], shop.program, before=shop.state)
        (entry,) = explanation.entries
        assert entry.by_time
        assert explanation.reproduced is True
        assert explanation.text.splitlines() == [
            "What time alone did up to 5 March 2027 at 10:00.",
            "10 points expired on 5 March 2027 at 10:00.",
            "  - 10 points came from o-1, earned on 5 March 2026 at 10:00, good until 5 March 2027 at 10:00.",
            "Deciding again from the account before it gives the same.",
        ]

    def test_what_needs_a_grant_ends_with_it(self) -> None:
        """The grant is named; a lot that never had it ends at once."""
        life = Life(needs="tier", expires_after=months(12))
        lines = told([bought("10.00")], attrs.evolve(SPEND, life=life))
        assert "10 points ended on 5 March 2026 at 10:00, for tier is no longer held." in lines
        gold = StatusGrant(
            id="g-1", member="m-1", occurred_at=AT, key="tier", value="gold", actor="ann", reason="x", until=LATER
        )
        after = Enrolment(id="e-1", member="m-1", occurred_at=LATER)
        lines = told([gold, bought("10.00"), after], attrs.evolve(SPEND, life=life))
        assert "No longer held: tier gold, which ran out on 6 March 2026 at 10:00." in lines
        assert "10 points ended on 6 March 2026 at 10:00, for tier is no longer held." in lines

    def test_pending_and_confirmed(self) -> None:
        """When points can be spent, or that they wait; and what a confirmation makes of them."""
        later = attrs.evolve(SPEND, life=Life(available_after=days(14)))
        assert "  - 10 points can be spent from 19 March 2026 at 10:00." in told([bought("10.00")], later)
        waits = attrs.evolve(SPEND, life=Life(on_confirmation=True))
        assert "  - 10 points can be spent once confirmed." in told([bought("10.00")], waits)
        confirmed = Confirmation(id="k-1", member="m-1", occurred_at=LATER, of="o-1")
        assert told([bought("10.00"), confirmed], waits)[1:3] == [
            "10 points of o-1 confirmed.",
            "  - 10 points can be spent at once.",
        ]

    def test_what_became_available(self) -> None:
        """Points that never expire merge when their instant comes."""
        later = attrs.evolve(SPEND, life=Life(available_after=days(1)))
        lines = told([bought("10.00"), Enrolment(id="e-1", member="m-1", occurred_at=LATER)], later)
        assert "10 points of o-1 became available on 6 March 2026 at 10:00." in lines


class TestRefunds:
    SPENT = (bought("100.00"), Redemption(id="r-1", member="m-1", occurred_at=AT, reward="pay"))

    def test_what_had_expired_is_dropped(self) -> None:
        """Not taken again, where the terms say so."""
        soon = attrs.evolve(SPEND, life=Life(expires_after=days(1)))
        lines = told([bought("10.00"), refund()], soon, refunds=RefundTerms(expired=Expired.DROPPED))
        assert "10 points that o-1 had earned had ended before, and are not taken again." in lines

    def test_what_cannot_be_taken(self) -> None:
        """Owed, forgiven, or charged."""
        assert "  - 100 points were not there, and are owed now." in told([*self.SPENT, refund()])
        lines = told([*self.SPENT, refund()], refunds=RefundTerms(shortfall=Shortfall.FORGIVEN))
        assert "100 points that would have been owed were forgiven." in lines
        priced = RefundTerms(shortfall=Shortfall.PRICED, price=(points.of(1), usd.of("0.01")))
        lines = told([*self.SPENT, refund()], refunds=priced)
        assert "1.00 USD to charge, for what could not be taken back." in lines

    def test_more_than_before(self) -> None:
        """Where what came back had kept a rule from applying, it is credited now."""
        small = BonusRule(name="small", credit=points.of(5), when=Spend(below=usd.of(50)))
        assert told([bought("40.00", "60.00"), refund(lines=[RefundLine(id="2")])], small)[1:4] == [
            "5 points added: o-1, decided again without what came back, earns more now.",
            "  - Rule small: 5 points.",
            "  - 5 points can be spent at once.",
        ]

    def test_a_cancelled_redemption(self) -> None:
        """What it spent is back with its old life."""
        undone = Cancellation(id="x-1", member="m-1", occurred_at=LATER, undoes="r-1")
        assert told([*self.SPENT, undone])[:3] == [
            "Cancellation x-1 of r-1 on 6 March 2026 at 10:00.",
            "100 points given back that r-1 had spent.",
            "  - 100 points can be spent at once, until 5 March 2027 at 10:00.",
        ]

    def test_more_asked_back_than_is_left(self) -> None:
        """The refusal tells what is left in money."""
        lines = told([bought("10.00"), refund(total=usd.of("10.01"))])
        assert "Refused: more is asked back than is left of purchase o-1 (10.00 USD)." in lines


class TestOperators:
    def test_adjustments(self) -> None:
        """Up and down, by whom and why."""
        up = Adjustment(id="j-1", member="m-1", occurred_at=AT, amount=points.of(5), actor="ann", reason="goodwill")
        assert told([up])[:2] == [
            "Adjustment j-1 by ann on 5 March 2026 at 10:00: 5 points, for goodwill.",
            "5 points credited by ann, for goodwill.",
        ]
        down = attrs.evolve(up, id="j-2", amount=points.of(-7))
        assert told([up, down])[1:4] == [
            "7 points taken by ann, for goodwill.",
            "  - 5 points came from what never expires.",
            "  - 2 points were not there, and are owed now.",
        ]

    def test_what_pays_a_debt(self) -> None:
        """A credit first pays what is owed."""
        down = Adjustment(id="j-2", member="m-1", occurred_at=AT, amount=points.of(-7), actor="ann", reason="x")
        assert told([down, bought("10.00")])[3:5] == [
            "  - 7 points paid off what was owed.",
            "  - 3 points can be spent at once, until 5 March 2027 at 10:00.",
        ]

    def test_a_status_given_and_ended(self) -> None:
        """By whom, for what, until when."""
        given = StatusGrant(
            id="g-1", member="m-1", occurred_at=AT, key="club", uses=3, actor="ann", reason="match", until=LATER
        )
        assert "Now held: club, given by ann for match, until 6 March 2026 at 10:00, with 3 uses." in told([given])
        ended = StatusEnd(id="g-2", member="m-1", occurred_at=AT, key="club", actor="ann", reason="left")
        assert "No longer held: club, ended by an operator for left." in told([given, ended])


@attrs.frozen
class Own:
    """A caller's policy: each activity gives another effect."""

    name: str = "own"

    def effects(self, occasion: Occasion) -> list[object]:
        """What the kind of activity asks for."""
        done = occasion.activity
        if done is None:
            return []
        given: dict[str, object] = {
            "credit": Credit(points.of(5), rule="plain", label="gift"),
            "unnamed": Credit(points.of(5)),
            "debit": Debit(points.of(2), rule="fee"),
            "take": Debit(points.of(2)),
            "set": SetTo(amount=points.of(9)),
            "lower": SetTo(amount=points.of(0)),
            "give": Give(key="badge", uses=2, lasts=days(1)),
            "use": Use(key="badge"),
            "revoke": Revoke(key="badge"),
            "wake": Wake(at=LATER, name="later"),
        }
        return [given[done.kind]]


class TestOwnPolicies:
    @pytest.mark.parametrize(
        ("kinds", "sentences"),
        [
            (["credit"], ["5 points credited under gift by policy own, rule plain.", "  - Rule plain: 5 points."]),
            (["unnamed"], ["5 points credited by policy own.", "  - Policy own: 5 points."]),
            (["debit"], ["2 points taken by policy own, rule fee.", "  - Rule fee: 2 points taken."]),
            (["take"], ["2 points taken by policy own.", "  - Policy own: 2 points taken."]),
            (["set"], ["9 points credited by policy own, which set the balance."]),
            (["give"], ["Now held: badge, given by policy own, until 6 March 2026 at 10:00, with 2 uses."]),
            (["give", "use"], ["One use of badge taken, 1 left."]),
            (["give", "revoke"], ["No longer held: badge, ended by policy own."]),
            (["wake"], ["Policy own will look at later again on 6 March 2026 at 10:00."]),
        ],
    )
    def test_each_effect(self, kinds: list[str], sentences: list[str]) -> None:
        """What it gave or took, by policy and rule."""
        shop = Shop(program(Own()))  # type: ignore[arg-type]  # effects of all kinds, as objects
        done = [Activity(id=f"a-{n}", member="m-1", occurred_at=AT, kind=kind) for n, kind in enumerate(kinds)]
        explanation = shop.why(*done)
        lines = explanation.text.splitlines()
        assert lines[1 : 1 + len(sentences)] == sentences
        assert explanation.reproduced is True

    def test_a_wake_up_that_fell_due(self) -> None:
        """Told with what the policy then did."""
        shop = Shop(program(Own()))  # type: ignore[arg-type]  # effects of all kinds, as objects
        shop.play(Activity(id="a-1", member="m-1", occurred_at=AT, kind="wake"))
        text = shop.why(Enrolment(id="e-1", member="m-1", occurred_at=LATER)).text
        assert "Policy own looked at later again on 6 March 2026 at 10:00." in text
        assert "Policy own gave nothing." in text

    def test_what_comes_back_of_an_own_policy(self) -> None:
        """A cancelled activity: its credit is taken, its grant ended."""
        shop = Shop(program(Own()))  # type: ignore[arg-type]  # effects of all kinds, as objects
        shop.play(Activity(id="a-1", member="m-1", occurred_at=AT, kind="give"))
        text = shop.why(Cancellation(id="x-1", member="m-1", occurred_at=AT, undoes="a-1")).text
        assert "No longer held: badge, for a-1 would not have given it." in text
