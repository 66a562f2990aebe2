"""Refunds, give-backs and reservations: parts add up, nothing is had for nothing, everything ends once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from model.checks import check_state, lots_of, transfers_of
from model.histories import MEMBER, MUG, PAY, PER_DOLLAR, POINTS, USD
from model.shop import Shop
from patronage import (
    BonusRule,
    Cancellation,
    Capture,
    Ceiling,
    Event,
    Grain,
    Life,
    Lot,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    RefundTerms,
    Rejected,
    Release,
    Reservation,
    Rounding,
    SpendRule,
    Tender,
)
from patronage.conditions import Spend
from patronage.ledger import ISSUED, REDEEMED
from patronage.periods import MONTH
from patronage.returns import Kept, kept_of
from patronage.terms import Returned
from patronage.terms_of_time import days
from properties.strategies import T0, bought, histories, paid_cents, purchases, refunds, shop_program, spend_rules

History = tuple[Program, list[Event]]
SOON = T0 + timedelta(days=1)


def refund_of(purchase: Purchase, id: str, at: datetime = SOON, total: int | None = None) -> Refund:
    """A refund of some money, or of everything left."""
    amount = None if total is None else USD.steps(total)
    return Refund(id=id, member=MEMBER, occurred_at=at, purchase=purchase.id, total=amount)


def points_of(shop: Shop) -> int:
    """All the points that are held, debt counted."""
    return sum(lot.steps for lot in lots_of(shop.state) if lot.unit == "points")


class TestPartsAndWhole:
    """P26: "k partial refunds in any order or split = one full refund; clawback = earned(original) - earned(kept)"."""

    @given(purchase=purchases(), spend=spend_rules(), data=st.data())
    def test_refunds_in_parts_are_the_refund_in_whole(
        self, purchase: Purchase, spend: SpendRule, data: st.DataObject
    ) -> None:
        """After any accepted parts and then the rest, nothing of the purchase is left with the member."""
        shop = Shop(shop_program(spend)).play(purchase)
        for n in range(data.draw(st.integers(1, 4))):
            shop.record(data.draw(refunds(purchase, f"r-{n}", SOON)))
        shop.record(refund_of(purchase, "rest"))
        assert points_of(shop) == 0

    @given(purchase=purchases(), spend=spend_rules(), data=st.data())
    def test_what_stays_is_what_the_rest_would_have_earned(
        self, purchase: Purchase, spend: SpendRule, data: st.DataObject
    ) -> None:
        """After each part, the member holds what a purchase of the kept goods alone would earn."""
        program = shop_program(spend, BonusRule(credit=POINTS.of(5), when=Spend(at_least=USD.of("10.00"))))
        shop = Shop(program).play(purchase)
        done: list[Refund] = []
        for n in range(3):
            refund = data.draw(refunds(purchase, f"r-{n}", SOON))
            if not shop.record(refund).accepted:
                continue
            done.append(refund)
            kept = kept_of(purchase, done)
            assert isinstance(kept, Kept)
            alone = Shop(program)
            if kept.purchase is not None:
                alone.record(kept.purchase)
            assert points_of(shop) == points_of(alone)

    @given(
        total=st.integers(1, 5_000), parts=st.lists(st.integers(1, 2_000), min_size=1, max_size=5), spend=spend_rules()
    )
    def test_another_split_ends_the_same(self, total: int, parts: list[int], spend: SpendRule) -> None:
        """The same money back, in one part or in several, in any order, takes the same points."""
        assume(sum(parts) <= total)
        purchase = bought("p-1", total)
        found = []
        for split in (parts, parts[::-1], [sum(parts)]):
            shop = Shop(shop_program(spend)).play(purchase)
            for n, part in enumerate(split):
                assert shop.record(refund_of(purchase, f"r-{n}", total=part)).accepted
            found.append(points_of(shop))
        assert found[0] == found[1] == found[2]

    @given(totals=st.lists(paid_cents, min_size=1, max_size=4), limit=st.integers(1, 40), data=st.data())
    def test_a_full_refund_makes_cap_room_again(self, totals: list[int], limit: int, data: st.DataObject) -> None:
        """Cap room that a returned purchase used comes back, and no more than it used."""
        ceilings = (Ceiling(name="monthly", limit=POINTS.of(limit), per=MONTH),)
        program = shop_program(PER_DOLLAR, ceilings=ceilings)
        purchases = [bought(f"p-{n}", total) for n, total in enumerate(totals)]
        shop = Shop(program).play(*purchases)
        gone = data.draw(st.sampled_from(purchases))
        shop.record(refund_of(gone, "r-1"))
        assert points_of(shop) <= limit
        shop.record(bought("last", 10_000, at=SOON))
        assert points_of(shop) == limit


class TestNeverMoreThanThePurchase:
    """P27: "Refunded amount and quantity of a line never exceed the line"."""

    @given(purchase=purchases(), data=st.data())
    def test_more_than_is_left_is_refused(self, purchase: Purchase, data: st.DataObject) -> None:
        """The accepted refunds never bring back more than was charged; what is refused changes nothing."""
        shop = Shop(shop_program(PER_DOLLAR)).play(purchase)
        done: list[Refund] = []
        for n in range(4):
            refund = data.draw(refunds(purchase, f"r-{n}", SOON))
            before = lots_of(shop.state)
            if shop.record(refund).accepted:
                done.append(refund)
            else:
                assert lots_of(shop.state) == before
            kept = kept_of(purchase, done)
            assert isinstance(kept, Kept)
            assert 0 <= kept.returned <= purchase.total
            if kept.purchase is not None:
                assert kept.purchase.total == purchase.total - kept.returned
                assert [line.id for line in kept.purchase.lines] == [
                    line.id for line in purchase.lines if line.id in {left.id for left in kept.purchase.lines}
                ]
                for line in kept.purchase.lines:
                    whole = next(one for one in purchase.lines if one.id == line.id)
                    assert line.total.steps <= whole.total.steps
                    assert line.quantity <= whole.quantity

    def test_one_cent_more_is_refused(self) -> None:
        """Of 10.00, of which 9.99 came back, 0.01 may still come back, and 0.02 not."""
        purchase = bought("p-1", 1_000)
        shop = Shop(shop_program(PER_DOLLAR)).play(purchase, refund_of(purchase, "r-1", total=999))
        assert not shop.record(refund_of(purchase, "r-2", total=2)).accepted
        assert shop.record(refund_of(purchase, "r-3", total=1)).accepted

    def test_an_incomplete_history_is_refused(self) -> None:
        """Without an earlier refund of the purchase among its commits, the refund is not decided."""
        purchase = bought("p-1", 1_000)
        shop = Shop(shop_program(PER_DOLLAR)).play(
            purchase, refund_of(purchase, "r-1", total=100), refund_of(purchase, "r-2", total=100)
        )
        lacking = [commit for commit in shop.commits if commit.event.id != "r-1"]
        decision = shop.program.decide(shop.state, refund_of(purchase, "r-3", total=100), history=lacking)
        assert isinstance(decision, Rejected)
        assert decision.code.value == "history_incomplete"
        assert not decision.final


def seen(shop: Shop) -> Counter[Lot]:
    """What the lots hold, by identity."""
    found: Counter[Lot] = Counter()
    for lot in lots_of(shop.state):
        found[attrs.evolve(lot, steps=1)] += lot.steps
    return found


EXPIRING = attrs.evolve(PER_DOLLAR, life=Life(expires_after=days(30)))


class TestRedeemAndCancel:
    """P28: "Redeem then cancel = identity on lots (amount, availability, expiry), holds, ...; cancel twice = once"."""

    @given(
        totals=st.lists(paid_cents, min_size=1, max_size=4),
        gap=st.integers(0, 5),
        times=st.integers(1, 3),
        held=st.booleans(),
    )
    def test_a_cancelled_request_leaves_every_lot_as_it_was(
        self, totals: list[int], gap: int, times: int, held: bool
    ) -> None:
        """Spent or held, and cancelled: every lot is what it was; a second cancellation is refused."""
        shop = Shop(shop_program(EXPIRING, rewards=(MUG,)))
        for n, total in enumerate(totals):
            shop.record(bought(f"p-{n}", total, at=T0 + timedelta(days=gap * n)))
        before, at = seen(shop), T0 + timedelta(days=gap * len(totals))
        kind = Reservation if held else Redemption
        taken = shop.record(kind(id="d-1", member=MEMBER, occurred_at=at, reward="mug", times=times))
        back = shop.record(Cancellation(id="c-1", member=MEMBER, occurred_at=at, undoes="d-1"))
        assert back.accepted is taken.accepted
        assert seen(shop) == before
        again = shop.record(Cancellation(id="c-2", member=MEMBER, occurred_at=at, undoes="d-1"))
        assert not again.accepted
        assert seen(shop) == before


class TestHolds:
    """P29: "A hold ends exactly once ...; captured <= held; the remainder returns to its own lots"."""

    @given(
        totals=st.lists(st.integers(500, 3_000), min_size=1, max_size=3),
        ends=st.lists(st.sampled_from(("capture", "part", "release", "lapse", "cancel")), min_size=1, max_size=3),
    )
    def test_a_reservation_ends_once(self, totals: list[int], ends: list[str]) -> None:
        """Whatever comes first ends it; all later ends are refused; what was not captured is in its own lots."""
        shop = Shop(shop_program(PER_DOLLAR, rewards=(MUG,)))
        for n, total in enumerate(totals):
            shop.record(bought(f"p-{n}", total))
        before = seen(shop)
        hold = Reservation(id="h-1", member=MEMBER, occurred_at=T0, reward="mug", lapses_at=T0 + timedelta(days=9))
        if not shop.record(hold).accepted:
            return
        ended, at = 0, T0
        for n, how in enumerate(ends):
            at += timedelta(days=10 if how == "lapse" else 1)
            event: Event
            if how in ("capture", "part"):
                amount = POINTS.of(4) if how == "part" else None
                event = Capture(id=f"x-{n}", member=MEMBER, occurred_at=at, reservation="h-1", amount=amount)
            elif how == "cancel":
                event = Cancellation(id=f"x-{n}", member=MEMBER, occurred_at=at, undoes="h-1")
            else:
                event = Release(id=f"x-{n}", member=MEMBER, occurred_at=at, reservation="h-1")
            accepted = shop.record(event).accepted
            assert how == "cancel" or not accepted or at < T0 + timedelta(days=9), "it had lapsed"
            # What was captured may still be given back, once, by a cancellation.
            ended += accepted and how != "cancel"
        assert ended <= 1
        spent = sum(entry.steps for entry in transfers_of(shop.commits) if entry.payee == REDEEMED)
        back = sum(entry.steps for entry in transfers_of(shop.commits) if entry.payer == REDEEMED)
        assert 0 <= spent - back <= spent <= 10
        assert not [lot for lot in lots_of(shop.state) if lot.reserved_for is not None]
        assert sum(seen(shop).values()) == sum(before.values()) - spent + back
        assert set(seen(shop)) <= set(before)


class TestGivenBack:
    """P30: "Points returned by a refund keep the old expiry (or the stated grace), never a fresh life"."""

    @given(spent_on=st.integers(0, 29), back_on=st.integers(0, 60), returned=st.sampled_from(list(Returned)))
    def test_points_come_back_with_their_old_end_or_the_stated_one(
        self, spent_on: int, back_on: int, returned: Returned
    ) -> None:
        """Old: the same end, and gone if it has passed; grace: at least so long; fresh: exactly so long."""
        grace = None if returned is Returned.OLD else days(10)
        program = shop_program(EXPIRING, rewards=(MUG,), refunds=RefundTerms(returned=returned, grace=grace))
        shop = Shop(program).play(bought("p-1", 1_000))
        end = shop.state.lots["points"][0].validity.expires_at
        assert end is not None
        spent = T0 + timedelta(days=spent_on)
        back = spent + timedelta(days=back_on)
        shop.record(Redemption(id="d-1", member=MEMBER, occurred_at=spent, reward="mug"))
        shop.record(Cancellation(id="c-1", member=MEMBER, occurred_at=back, undoes="d-1"))
        fresh = back + timedelta(days=10)
        due = {Returned.OLD: end, Returned.GRACE: max(end, fresh), Returned.FRESH: fresh}[returned]
        held = shop.state.lots.get("points", ())
        assert [lot.validity.expires_at for lot in held] == ([due] if due > back else [])

    @given(total=st.integers(100, 2_000), parts=st.lists(st.integers(1, 800), min_size=1, max_size=4))
    def test_a_mixed_payment_comes_back_to_the_step(self, total: int, parts: list[int]) -> None:
        """P31: "the spread of a mixed tender ... over refunds sums exactly": all money back, all points back."""
        shop = Shop(shop_program(PER_DOLLAR, rewards=(PAY,))).play(bought("p-0", 5_000))
        shop.record(Redemption(id="d-1", member=MEMBER, occurred_at=T0, reward="pay", amount=POINTS.of(5)))
        worth = min(50, total)
        tenders = (
            Tender(kind="points", total=USD.steps(worth), redemption="d-1"),
            Tender(kind="card", total=USD.steps(total - worth)),
        )
        purchase = attrs.evolve(bought("p-1", total), tenders=tenders)
        shop.record(purchase)
        before = points_of(shop)
        earned = total // 100
        for n, part in enumerate(parts):
            shop.record(refund_of(purchase, f"r-{n}", total=part))
        shop.record(refund_of(purchase, "rest"))
        assert points_of(shop) == before - earned + 5


class Cycles(RuleBasedStateMachine):
    """
    P25: "**No profitable cycle**: any run that returns all goods and nets 0 cash leaves value <= the start".

    In a program whose clawback is charged. The member buys, pays with points, returns, cancels and
    redeems as they like; at any time, if all goods were returned and all rewards handed back, they
    would hold no more than nothing.
    """

    charged = RefundTerms()
    earning: Sequence[SpendRule | BonusRule] = (
        SpendRule(
            per=USD.of("3.00"),
            credit=POINTS.of(2),
            name="spend",
            whole=False,
            rounding=Rounding.HALF_UP,
            grain=Grain.LINE,
            life=Life(available_after=days(1), expires_after=days(20)),
        ),
        BonusRule(credit=POINTS.of(7), name="big", when=Spend(at_least=USD.of("15.00"))),
    )

    def __init__(self) -> None:
        super().__init__()
        ceilings = (Ceiling(name="monthly", limit=POINTS.of(60), per=MONTH),)
        self.shop = Shop(shop_program(*self.earning, ceilings=ceilings, rewards=(PAY, MUG), refunds=self.charged))
        self.at = T0
        self.n = 0
        self.purchases: list[Purchase] = []
        self.redemptions: list[str] = []
        self.unused: list[tuple[str, int]] = []

    def name(self) -> str:
        """A new id."""
        self.n += 1
        return f"e-{self.n}"

    @rule(hours=st.sampled_from((1, 24, 24 * 7, 24 * 21)))
    def wait(self, hours: int) -> None:
        """Time passes."""
        self.at += timedelta(hours=hours)

    @rule(totals=st.lists(paid_cents, min_size=1, max_size=3), with_points=st.booleans())
    def buy(self, totals: list[int], with_points: bool) -> None:
        """A purchase, at times partly paid by a redemption."""
        purchase = bought(self.name(), *totals, at=self.at)
        if with_points and self.unused:
            redemption, worth = self.unused.pop()
            paid = min(worth, sum(totals))
            tenders = (
                Tender(kind="points", total=USD.steps(paid), redemption=redemption),
                Tender(kind="card", total=USD.steps(sum(totals) - paid)),
            )
            purchase = attrs.evolve(purchase, tenders=tenders)
        assert self.shop.record(purchase).accepted
        self.purchases.append(purchase)

    @precondition(lambda self: self.purchases)
    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        """Some part of a purchase comes back."""
        self.shop.record(data.draw(refunds(data.draw(st.sampled_from(self.purchases)), self.name(), self.at)))

    @rule(amount=st.integers(1, 4))
    def pay_with_points(self, amount: int) -> None:
        """Points become money off."""
        name = self.name()
        request = Redemption(id=name, member=MEMBER, occurred_at=self.at, reward="pay", amount=POINTS.of(5 * amount))
        if self.shop.record(request).accepted:
            self.redemptions.append(name)
            self.unused.append((name, 50 * amount))

    @precondition(lambda self: self.redemptions)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A redemption is cancelled, where that is allowed."""
        name = data.draw(st.sampled_from(self.redemptions))
        event = Cancellation(id=self.name(), member=MEMBER, occurred_at=self.at, undoes=name)
        if self.shop.record(event).accepted:
            self.unused = [(one, worth) for one, worth in self.unused if one != name]

    @invariant()
    def all_returned_is_no_gain(self) -> None:
        """With all goods and rewards handed back, nothing is left above zero."""
        check_state(self.shop.state)
        home = Shop(self.shop.program)
        home.state, home.commits = self.shop.state, list(self.shop.commits)
        for n, purchase in enumerate(self.purchases):
            home.record(Cancellation(id=f"home-{n}", member=MEMBER, occurred_at=self.at, undoes=purchase.id))
        for n, name in enumerate(self.redemptions):
            home.record(Cancellation(id=f"undo-{n}", member=MEMBER, occurred_at=self.at, undoes=name))
        assert points_of(home) <= 0, f"{points_of(home)} points for nothing"
        tallies = sum(lot.steps for lot in lots_of(home.state) if lot.unit == "base.monthly")
        assert tallies == 0, "cap room was lost or made"


TestNoProfitableCycle = Cycles.TestCase
TestNoProfitableCycle.settings = settings(max_examples=60, stateful_step_count=20)


@given(history=histories())
def test_a_clawback_never_exceeds_what_was_credited(history: History) -> None:
    """P26: what is taken back of a root never exceeds what was booked for it."""
    program, events = history
    shop = Shop(program).play(*events)
    net: Counter[tuple[object, str]] = Counter()
    for entry in transfers_of(shop.commits):
        if entry.policy and ISSUED in (entry.payer, entry.payee):
            net[entry.about, entry.unit] += entry.steps if entry.payer == ISSUED else -entry.steps
            assert net[entry.about, entry.unit] >= 0


def test_a_refund_by_line_takes_what_the_line_earned() -> None:
    """Of two lines of 10.00 and 5.00, the return of the second takes 5 of 15 points."""
    purchase = bought("p-1", 1_000, 500)
    shop = Shop(shop_program(PER_DOLLAR)).play(purchase)
    shop.record(Refund(id="r-1", member=MEMBER, occurred_at=SOON, purchase="p-1", lines=(RefundLine(id="2"),)))
    assert points_of(shop) == 10
