"""A bookshop's vouchers: bought with points, earned by a card, spent in parts, quoted on a cart, and given back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from patronage import (
    BenefitKind,
    BonusRule,
    FixedReward,
    Life,
    Line,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    SpendRule,
    Terms,
    Unit,
    UnitKind,
    currency,
)
from patronage.conditions import Category
from patronage.loyalty import Loyalty
from patronage.quotes import Applied
from patronage.rewards import CartReward, ItemsOff, MoneyVoucher, PercentOff
from patronage.secret_codes import new_code
from patronage.stores.memory import MemoryLedger
from patronage.terms_of_time import months
from patronage.thresholds import Consumes, GiveCredit, GiveGrant, Repeats, Threshold

usd, points, credit = currency("USD"), Unit("points"), Unit("credit", decimals=2)
stamps = Unit("stamps", kind=UnitKind.TALLY)
a_coffee = GiveGrant(key="coffee", uses=1)
card = Threshold(
    name="card", at_least=stamps.of(3), gives=[a_coffee], repeats=Repeats.EVERY_STEP, consumes=Consumes.STEPS
)
earning = (SpendRule(per=usd.of(1), credit=points.of(10)), BonusRule(credit=stamps.of(1)))
base = PointsPolicy(name="base", rules=earning, thresholds=[card])
ten = GiveCredit(amount=credit.of(10), life=Life(expires_after=months(12)))
buy = FixedReward(name="buy", cost=points.of(500), kind=BenefitKind.VOUCHER, gives=[ten])
voucher = MoneyVoucher(name="voucher", cost=credit.of(1), value=usd.of(1), by_code=True)
coffee = CartReward(name="coffee", gives=[ItemsOff(lines=Category(["coffee"]))], voucher="coffee")
sale = CartReward(name="sale", gives=[PercentOff(share="0.1")], automatic=True)
terms = Terms(units=(usd, points, credit, stamps), policies=(base,), rewards=(buy, voucher, coffee, sale))
program = Program(id="books", time_zone="UTC", terms=terms)


def main() -> None:
    """Three orders earn a coffee and a voucher; the fourth spends both, and comes back."""
    day, code = datetime(2026, 5, 4, 10, tzinfo=UTC), new_code()
    loyalty = Loyalty(program, MemoryLedger(), clock=lambda: day + timedelta(days=9))
    for n in range(3):
        book = (Line(total=usd.of("18.00")),)
        loyalty.record(Purchase(id=f"o-{n}", member="ada", occurred_at=day + timedelta(days=n), lines=book))
    loyalty.record(Redemption(id="r-1", member="ada", occurred_at=day + timedelta(days=3), reward="buy", code=code))
    lines = (Line(total=usd.of("6.00")), Line(total=usd.of("3.00"), category="coffee"))
    cart = Purchase(id="o-3", member="ada", occurred_at=day + timedelta(days=4), lines=lines)
    for each in loyalty.quote(cart, further=True).further:
        print(f"{each.redemption.reward}:", each.off if isinstance(each, Applied) else each.refusal.code.value)
    asked = [
        Redemption(id="r-2", member="ada", occurred_at=cart.occurred_at, reward="coffee"),
        Redemption(id="r-3", member="ada", occurred_at=cart.occurred_at, reward="voucher", code=code),
    ]
    quote = loyalty.quote(cart, requests=asked)
    print(*(f"{each.reward} {usd.text(usd.steps(each.off))}" for each in quote.applied), sep=", ", end="; ")
    print("to pay:", usd.text(usd.steps(quote.due.steps if quote.due else 0)))
    loyalty.record_all([*quote.redemptions, quote.purchase])
    print("Left of the voucher:", loyalty.standing("ada", cart.occurred_at)[credit])
    loyalty.record(Refund(id="f-1", member="ada", occurred_at=day + timedelta(days=5), purchase="o-3"))
    standing = loyalty.standing("ada")
    print("After the return:", standing[credit], "and", len(standing.grants("coffee")), "coffee")


if __name__ == "__main__":
    main()
