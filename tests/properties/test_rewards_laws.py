"""Laws of rewards: discounts add up, the better one is kept, vouchers end, and what is undone is as before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import attrs
from hypothesis import assume, event, given
from hypothesis import strategies as st

from patronage import (
    Accepted,
    Adjustment,
    Benefit,
    BenefitKind,
    Cancellation,
    Capture,
    Commit,
    Decision,
    Event,
    FixedReward,
    Life,
    Line,
    LineKind,
    PayWithPoints,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    Release,
    Reservation,
    SpendRule,
    State,
    StatusGrant,
    Terms,
    Unit,
    currency,
    fold,
)
from patronage.audit import audit
from patronage.conditions import Category
from patronage.events import Discount
from patronage.ledger import BenefitKind as Kind
from patronage.periods import MONTH
from patronage.quotes import quote
from patronage.rewards import (
    AmountOff,
    AmountOffItems,
    CartGift,
    CartReward,
    FreeItems,
    FreeShipping,
    ItemsOff,
    Limit,
    MoneyVoucher,
    PercentOff,
    Pick,
    Qualifying,
    Rest,
    Reward,
    SetPrice,
)
from patronage.terms_of_time import days
from patronage.thresholds import GiveCredit, GiveGrant

USD, POINTS, CREDIT = currency("USD"), Unit("points"), Unit("credit", decimals=2)
NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
MEMBER: Final = "m-1"
POINTS_AT_FIRST: Final = 5_000
USES_AT_FIRST: Final = 3


class Account:
    """One member, with points and coupons to begin with; the commits are kept."""

    def __init__(self, *rewards: Reward, points: int = POINTS_AT_FIRST, credit: int = 0) -> None:
        base = PointsPolicy(name="base", rules=(SpendRule(per=USD.of(1), credit=POINTS.of(1)),))
        terms = Terms(units=(USD, POINTS, CREDIT), policies=(base,), rewards=rewards)
        self.program = Program(id="shop", time_zone="UTC", terms=terms)
        self.state, self.at = State.of(MEMBER), NOON
        self.commits: list[Commit] = []
        who: dict[str, Any] = {"member": MEMBER, "actor": "ops", "reason": "opening"}
        later = NOON + timedelta(days=90)
        for n, amount in enumerate((POINTS.steps(points), CREDIT.steps(credit))):
            for k, part in enumerate((amount.steps // 3, amount.steps - amount.steps // 3)):
                if part:  # Two lots of each, with ends of their own.
                    piece, end = attrs.evolve(amount, steps=part), later + timedelta(days=k)
                    self.tell(Adjustment(id=f"begin-{n}-{k}", occurred_at=self.at, amount=piece, expires_at=end, **who))
        self.tell(StatusGrant(id="coupons", occurred_at=self.at, key="coupon", uses=USES_AT_FIRST, **who))

    def tell(self, what: Event) -> Decision:
        """Decides an event and keeps what it comes to."""
        decision = self.program.decide(self.state, what, history=self.commits)
        self.commits.extend(decision.commits)
        self.state = decision.state or self.state
        return decision

    def later(self) -> datetime:
        """The next instant."""
        self.at += MINUTE
        return self.at

    def ask(self, reward: str, id: str, kind: type[Any] = Redemption, **fields: Any) -> Decision:
        """A request."""
        return self.tell(kind(id=id, member=MEMBER, occurred_at=self.later(), reward=reward, **fields))

    def holds(self, unit: Unit) -> int:
        """What can be spent, less debt."""
        return self.program.at(self.state, self.at).available(unit).steps

    def uses(self) -> int:
        """How many uses of coupons are left."""
        return sum(grant.uses or 0 for grant in self.program.at(self.state, self.at).grants("coupon"))

    def what_is_there(self) -> object:
        """Every lot and every right that stands, as it is."""
        rights = [grant for grant in self.state.grants if not grant.ended]
        return dict(self.state.lots), self.state.pending, sorted(rights, key=lambda each: each.identity)

    def is_sound(self) -> bool:
        """Whether the ledger adds up to the state."""
        audit(self.commits, calendar=self.program.calendar)
        return fold(self.commits, calendar=self.program.calendar) == self.state


def money(decision: Accepted, kind: Kind = BenefitKind.MONEY_OFF) -> int:
    """The cents of benefits of a kind."""
    return sum(each.amount.steps for each in decision.benefits if each.kind is kind and each.amount is not None)


# What is drawn.

cents = st.integers(0, 3_000) | st.sampled_from((1, 2, 99, 100, 333, 1_999))
money_of = st.integers(1, 2_500).map(USD.steps)
shares = st.sampled_from([Fraction(1, 3), Fraction(1, 10), Fraction(1, 2), Fraction(2, 3), Fraction(1)])
food = st.none() | st.just(Category(["food"]))
few = st.integers(1, 3)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """A line, at times with tax, of part of a unit, or of shipping."""
    total = draw(cents)
    return Line(
        total=USD.steps(total),
        tax=draw(st.none() | st.integers(0, total).map(USD.steps)),
        quantity=draw(st.sampled_from((Decimal(1), Decimal(2), Decimal(3), Decimal("0.5"), Decimal("2.5")))),
        category=draw(st.sampled_from(("food", "toys"))),
        kind=draw(st.sampled_from((LineKind.GOODS, LineKind.GOODS, LineKind.GOODS, LineKind.SHIPPING))),
    )


carts = st.lists(lines(), min_size=1, max_size=5).map(tuple)
gifts: st.SearchStrategy[CartGift] = st.one_of(
    st.builds(PercentOff, share=shares, maximum=st.none() | money_of, lines=food),
    st.builds(AmountOff, value=money_of, lines=food),
    st.builds(ItemsOff, units=few, share=shares, pick=st.sampled_from([Pick.CHEAPEST, Pick.DEAREST]), lines=food),
    st.builds(ItemsOff, of=st.integers(3, 4), units=few, share=shares, pick=st.sampled_from(Pick)),
    st.builds(AmountOffItems, first=money_of, more=money_of, units_max=st.none() | few, lines=food),
    st.builds(SetPrice, price=money_of, units=few, sets_max=st.none() | few, lines=food),
    st.builds(FreeShipping, maximum=st.none() | money_of),
)
pays: st.SearchStrategy[Any] = st.sampled_from(
    [
        PayWithPoints(name="pay", points=POINTS.of(100), value=USD.of(1), whole_blocks=False),
        PayWithPoints(name="pay", points=POINTS.of(7), value=USD.of("0.05"), whole_blocks=False),
        FixedReward(name="pay", kind=BenefitKind.MONEY_OFF, cost=POINTS.of(250), value=USD.of(5)),
        MoneyVoucher(name="pay", cost=POINTS.of(100), value=USD.of(1)),
    ]
)


@st.composite
def cart_rewards(draw: st.DrawFn, /, name: str = "off", **fields: Any) -> CartReward:
    """A reward of one or two gifts on a cart: free, for points, or for a coupon."""
    prices: list[dict[str, Any]] = [{}, {"cost": POINTS.of(40)}, {"voucher": "coupon"}]
    price = draw(st.sampled_from(prices))
    gives = draw(st.lists(gifts, min_size=1, max_size=2))
    return CartReward(name=name, gives=gives, **(fields or price))


def off_each_line(benefits: tuple[Benefit, ...]) -> dict[str, int]:
    """What benefits take off each line."""
    found: dict[str, int] = {}
    for benefit in benefits:
        for line, steps in benefit.shares.items() if benefit.kind is BenefitKind.MONEY_OFF else ():
            found[line] = found.get(line, 0) + steps
    return found


class TestSpread:
    """A discount is spread over the lines: its shares sum to it, and none is more than its line costs."""

    @given(reward=cart_rewards() | pays, cart=carts)
    def test_shares_sum_and_no_line_falls_below_zero(self, reward: Reward, cart: tuple[Line, ...]) -> None:
        """Every reward that takes money off, on every cart."""
        decision = Account(reward).ask(reward.name, "r", cart=cart)
        event("accepted" if decision.accepted else "refused")
        assume(isinstance(decision, Accepted))
        told = decision.require()
        for benefit in told.benefits:
            assert benefit.amount is None or sum(benefit.shares.values()) == benefit.amount.steps
            assert all(steps > 0 for steps in benefit.shares.values())
        costs = {str(n): line.total.steps for n, line in enumerate(cart, 1)}
        assert all(steps <= costs[line] for line, steps in off_each_line(told.benefits).items())

    @given(rewards=st.tuples(cart_rewards("first", automatic=True), cart_rewards("second", automatic=True)), cart=carts)
    def test_a_quote_takes_off_what_it_says(self, rewards: tuple[CartReward, ...], cart: tuple[Line, ...]) -> None:
        """The lines of the quote cost as much less as its discounts say, each of them and all of them."""
        asked = Purchase(id="o", member=MEMBER, occurred_at=NOON + MINUTE, lines=cart)
        account = Account(*rewards)
        told = quote(account.program, account.state, asked)
        for was, now in zip(asked.lines, told.purchase.lines, strict=True):
            off = sum(discount.total.steps for discount in now.discounts)
            assert was.total.steps - off == now.total.steps
            assert now.total.steps >= 0
            assert now.tax is None or now.tax.steps <= now.total.steps
        assert told.due is not None
        assert asked.total - sum(each.off for each in told.applied) == told.due.steps == told.purchase.total


class TestOrderWide:
    """Of an exclusive group a cart takes one, and in a quote the better one."""

    @given(offered=st.lists(gifts, min_size=2, max_size=4), cart=carts)
    def test_the_one_that_takes_more_off_is_kept(self, offered: list[CartGift], cart: tuple[Line, ...]) -> None:
        """Each by itself takes so much off; together, the most of these, and the earlier of equals."""
        asked = Purchase(id="o", member=MEMBER, occurred_at=NOON + MINUTE, lines=cart)
        deals = [
            CartReward(name=f"deal-{n}", gives=[gift], automatic=True, exclusive="deal")
            for n, gift in enumerate(offered)
        ]
        alone: list[tuple[int, str]] = []
        for deal in deals:
            account = Account(deal)
            alone += [(each.off, each.reward) for each in quote(account.program, account.state, asked).applied]
        account = Account(*deals)
        kept = [(each.off, each.reward) for each in quote(account.program, account.state, asked).applied]
        event(f"{len(alone)} of {len(deals)} apply")
        best = max((off for off, _ in alone), default=0)
        assert kept == [pair for pair in alone if pair[0] == best][:1]

    @given(rewards=st.tuples(gifts, gifts), cart=carts)
    def test_a_cart_that_carries_one_takes_no_other(
        self, rewards: tuple[CartGift, CartGift], cart: tuple[Line, ...]
    ) -> None:
        """A second one is refused, whatever it would take off."""
        one, other = (
            CartReward(name=name, gives=[gift], exclusive="deal")
            for name, gift in zip(("one", "other"), rewards, strict=True)
        )
        first = attrs.evolve(cart[0], discounts=(Discount(kind="one", total=USD.steps(0)),))
        decision = Account(one, other).ask("other", "r", cart=(first, *cart[1:]))
        assert getattr(decision, "code", None) is not None
        assert not decision.accepted


@attrs.frozen
class Use:
    """One try to use a voucher: on a cart or none, of so much, at once or held first and then ended so."""

    cart: tuple[Line, ...]
    amount: int | None
    times: int
    ends: str


uses = st.lists(
    st.builds(
        Use,
        cart=carts | st.just(()),
        amount=st.none() | st.integers(1, 900),
        times=st.sampled_from([1, 1, 2]),
        ends=st.sampled_from(["at once", "at once", "capture", "part", "release", "cancel"]),
    ),
    min_size=1,
    max_size=6,
)
vouchers = st.builds(
    MoneyVoucher,
    name=st.just("voucher"),
    cost=st.sampled_from([CREDIT.of(1), CREDIT.of(5), CREDIT.of("0.03")]),
    value=st.sampled_from([USD.of(1), USD.of("0.50"), USD.of("0.07")]),
    rest=st.sampled_from(Rest),
)


def cents_of(account: Account, use: Use, id: str) -> int:
    """Tries it, and gives the cents that it came to in the end."""
    wish = {"amount": None if use.amount is None else CREDIT.steps(use.amount), "times": use.times}
    held = use.ends in ("capture", "part", "release")
    decision = account.ask("voucher", id, Reservation if held else Redemption, cart=use.cart, **wish)
    event(f"{use.ends} {'accepted' if decision.accepted else 'refused'}")
    if not isinstance(decision, Accepted):
        return 0
    head: dict[str, Any] = {"id": f"{id}-end", "member": MEMBER, "occurred_at": account.later()}
    if use.ends == "release":
        account.tell(Release(**head, reservation=id)).require()
        return 0
    if use.ends == "cancel":
        account.tell(Cancellation(**head, undoes=id)).require()
        return 0
    if held:
        lots = account.program.at(account.state, account.at).reserved(CREDIT)
        part = None if use.ends == "capture" else CREDIT.steps((lots.steps + 1) // 2)
        decision = account.tell(Capture(**head, reservation=id, amount=part)).require()
    return money(decision) + money(decision, BenefitKind.PAYOUT)


class TestVouchers:
    """A voucher is never used beyond its value."""

    @given(reward=vouchers, held=st.integers(0, 2_500), tries=uses)
    def test_no_more_is_paid_than_the_vouchers_are_worth(
        self, reward: MoneyVoucher, held: int, tries: list[Use]
    ) -> None:
        """What they paid and what was paid out is worth no more than what left the account, each time and in all."""
        account = Account(reward, credit=held)
        for n, use in enumerate(tries):
            before = account.holds(CREDIT)
            paid = cents_of(account, use, f"u-{n}")
            after = account.holds(CREDIT)
            assert 0 <= after <= before
            assert paid * reward.cost.steps <= (before - after) * reward.value.steps
        assert account.is_sound()

    @given(tries=st.lists(st.sampled_from(["at once", "capture", "release", "cancel"]), max_size=8))
    def test_a_voucher_for_a_thing_has_its_uses_and_no_more(self, tries: list[str]) -> None:
        """As many as were taken are gone; with none left it is refused."""
        account = Account(CartReward(name="off", gives=[ItemsOff()], voucher="coupon"))
        cart, left = (Line(total=USD.of(4)),), USES_AT_FIRST
        for n, ends in enumerate(tries):
            held = ends in ("capture", "release")
            decision = account.ask("off", f"u-{n}", Reservation if held else Redemption, cart=cart)
            assert decision.accepted == (left > 0)
            if not decision.accepted:
                continue
            assert account.uses() == left - 1
            head: dict[str, Any] = {"id": f"u-{n}-end", "member": MEMBER, "occurred_at": account.later()}
            if ends == "capture":
                account.tell(Capture(**head, reservation=f"u-{n}")).require()
            elif ends == "release":
                account.tell(Release(**head, reservation=f"u-{n}")).require()
            elif ends == "cancel":
                account.tell(Cancellation(**head, undoes=f"u-{n}")).require()
            left -= ends in ("at once", "capture")
            assert account.uses() == left
        assert account.is_sound()


fixed = st.builds(
    FixedReward,
    name=st.just("off"),
    cost=st.integers(1, 900).map(POINTS.of),
    kind=st.sampled_from([BenefitKind.PRODUCT, BenefitKind.VOUCHER, BenefitKind.EXPERIENCE]),
    gives=st.sampled_from(
        [
            (),
            (GiveCredit(amount=CREDIT.of(10), life=Life(expires_after=days(30))),),
            (GiveGrant(key="coupon", uses=2, lasts=days(9)),),
            (GiveCredit(amount=CREDIT.of(1), label="gift"), GiveGrant(key="lounge")),
        ]
    ),
    limits=st.sampled_from([(), (Limit(name="monthly", uses=3, per=MONTH),)]),
)


class TestRedeemAndCancel:
    """Redeem and cancel restore every lot, every right and every use of a limit."""

    @given(
        reward=cart_rewards() | fixed | pays.map(lambda reward: attrs.evolve(reward, name="off")),
        cart=carts,
        times=st.sampled_from([1, 1, 2]),
        held=st.booleans(),
    )
    def test_all_is_as_before(self, reward: Reward, cart: tuple[Line, ...], times: int, held: bool) -> None:
        """A redemption that is cancelled, a reservation that is released; and it can be had again just so."""
        account = Account(reward, credit=1_000)
        before = account.what_is_there()
        first = account.ask("off", "r", Reservation if held else Redemption, cart=cart, times=times)
        event("accepted" if first.accepted else "refused")
        assume(isinstance(first, Accepted))
        head: dict[str, Any] = {"id": "x", "member": MEMBER, "occurred_at": account.later()}
        account.tell(Release(**head, reservation="r") if held else Cancellation(**head, undoes="r")).require()
        assert account.what_is_there() == before
        again = account.ask("off", "again", Reservation if held else Redemption, cart=cart, times=times)
        assert again.require().benefits == first.require().benefits
        assert account.is_sound()


class TestWhatComesBack:
    """A purchase and its full refund leave no gain: points, vouchers and coupons are as before, or fewer."""

    @given(
        coupon=cart_rewards("coupon", voucher="coupon"),
        deal=cart_rewards("deal", cost=POINTS.of(40)),
        pay=pays,
        rest=st.sampled_from(Rest),
        cart=carts,
        wanted=st.sets(st.sampled_from(["coupon", "deal", "pay", "voucher"])),
        in_parts=st.booleans(),
        backwards=st.booleans(),
    )
    def test_nothing_is_gained(
        self,
        coupon: CartReward,
        deal: CartReward,
        pay: Reward,
        rest: Rest,
        cart: tuple[Line, ...],
        wanted: set[str],
        in_parts: bool,
        backwards: bool,
    ) -> None:
        """Bought as quoted, and brought back at once or line by line: what is there, and was paid out, is no more."""
        voucher = MoneyVoucher(name="voucher", cost=CREDIT.of(5), value=USD.of(5), rest=rest)
        account = Account(coupon, deal, pay, voucher, credit=1_000)
        points, credit, coupons = account.holds(POINTS), account.holds(CREDIT), account.uses()
        at = account.later()
        asked = [Redemption(id=f"r-{name}", member=MEMBER, occurred_at=at, reward=name) for name in sorted(wanted)]
        draft = Purchase(id="o", member=MEMBER, occurred_at=at, lines=cart)
        told = quote(account.program, account.state, draft, requests=asked)
        event(f"{len(told.applied)} rewards")
        events: list[Event] = [*told.redemptions, told.purchase]
        bought = [account.tell(each).require() for each in events]
        paid_out = sum(money(decision, BenefitKind.PAYOUT) for decision in bought)
        ids = [line.id or "" for line in told.purchase.lines if line.total.steps] if in_parts else []
        if len(ids) > 1:
            for n, line in enumerate(reversed(ids) if backwards else ids):
                back = (RefundLine(id=line),)
                account.tell(
                    Refund(id=f"f-{n}", member=MEMBER, occurred_at=account.later(), purchase="o", lines=back)
                ).require()
        else:
            account.tell(Refund(id="f", member=MEMBER, occurred_at=account.later(), purchase="o")).require()
        assert account.holds(POINTS) == points
        assert account.holds(CREDIT) + paid_out <= credit
        assert rest is not Rest.STAYS or account.holds(CREDIT) == credit
        assert account.uses() <= coupons
        assert account.is_sound()


def test_what_is_free_on_top_takes_nothing_off() -> None:
    """Things to hand over have no share in any line."""
    gift = FreeItems(skus=["mug"])
    decision = Account(CartReward(name="off", gives=[gift], qualifies=Qualifying(every=2))).ask(
        "off", "r", cart=(Line(total=USD.of(9), quantity=5),)
    )
    assert [(each.item, each.quantity, dict(each.shares)) for each in decision.benefits] == [("mug", 2, {})]
