"""How the events of each case of other systems are told to the library, and where its figures are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import programs_systems as programs
from programs_systems import (
    CHANGED,
    COUNT,
    COUNTED,
    CREDIT,
    EUR,
    FINE_POINTS,
    FINE_USD,
    FREE,
    INR,
    NET_SPEND,
    POINTS,
    STORE_CREDIT,
    TENTHS,
    TOKENS,
    USD,
)
from runner import Facts, Member, lines_of, money_off, number, refused

from patronage import (
    Activity,
    Adjustment,
    Amount,
    Cancellation,
    Capture,
    Confirmation,
    Discount,
    EventConflictError,
    Line,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    Release,
    Reservation,
    Rounding,
    Unit,
    currency,
)
from patronage.periods import parse_instant

Got = dict[str, dict[str, Any]]
"""What the library says, by event of the case and figure."""
Play = Callable[[Facts], Got]

PLAYS: dict[str, Play] = {}


def plays(*ids: str) -> Callable[[Play], Play]:
    """Registers a play for cases."""

    def register(play: Play) -> Play:
        for name in ids:
            PLAYS[name] = play
        return play

    return register


def bought(member: Member, fact: Facts, money: Unit, lines: Sequence[Line] = ()) -> Purchase:
    """A purchase of one line, or of the lines given."""
    basket = tuple(lines) or (Line(total=money.of(fact["amount"])),)
    return Purchase(
        id=fact["id"], member=member.id, occurred_at=member.at(fact), lines=basket, channel=fact.get("channel")
    )


def by_hand(member: Member, fact: Facts, amount: Amount, label: str | None = None) -> Adjustment:
    """A credit or a debit that an operator books."""
    expires_at = parse_instant(fact["expires_at"]) if fact.get("expires_at") else None
    return Adjustment(
        id=fact.get("lot", fact["id"]) if amount.steps > 0 else fact["id"],
        member=member.id,
        occurred_at=member.at(fact),
        amount=amount,
        actor="golden",
        reason=fact.get("reason", fact["type"]),
        label=label,
        expires_at=expires_at,
    )


def wanted(member: Member, fact: Facts, reward: str, amount: Amount, cart: Sequence[Line] = ()) -> Redemption:
    """A request to spend so much."""
    return Redemption(
        id=fact["id"], member=member.id, occurred_at=member.at(fact), reward=reward, amount=amount, cart=tuple(cart)
    )


def quoted(program: Program, *lines: Line) -> Member:
    """One purchase `q` on a fresh account."""
    member = Member(program)
    member.record(Purchase(id="q", member=member.id, occurred_at=member.tick(), lines=lines))
    return member


# Points, redemptions, cancellations.


@plays("erpnext-cancel-purchase", "erpnext-adjust-and-redeem-below-step", "erpnext-issue-redeem-on-any-channel")
def erpnext(case: Facts) -> Got:
    """Purchases, some paid with points; an adjustment; a cancellation."""
    per = case["program"]["earning"][0]["per"]
    member = Member(programs.per_thousand_paid_in_money() if per == "1000.00" else programs.per_one_paid_in_money())
    got: Got = {}
    for fact in case["events"]:
        name = fact["id"]
        if fact["type"] == "adjust":
            member.record(by_hand(member, fact, POINTS.of(fact["amount"])))
        elif fact["type"] == "cancel_purchase":
            undone = Cancellation(id=name, member=member.id, occurred_at=member.at(fact), undoes=fact["purchase"])
            member.record(undone)
            both = member.decisions[fact["purchase"]].earned(POINTS).total + member.decisions[name].earned(POINTS).total
            got[name] = {"purchase_now_earns": POINTS.digits(both.steps)}
        else:
            purchase, request = bought(member, fact, INR), None
            if "redeem_points" in fact:
                pays = {**fact, "id": f"{name}-pay"}
                request = wanted(member, pays, "pay", POINTS.of(fact["redeem_points"]), purchase.lines)
            member.buy(purchase, request)
            got[name] = {"earned": member.earned(name, POINTS)}
            if request is not None:
                got[name]["redeemed"] = member.moved(request.id, "redeemed", POINTS)
        got.setdefault(name, {})["balance"] = member.balance(POINTS)
    return got


@plays("odoo-fifo-spend-in-the-earning-order")
def odoo_fifo(case: Facts) -> Got:
    """The purchase first, for its points may pay its own reward: what that took off is a discount of the purchase."""
    member = Member(programs.five_per_one_before_own_reward())
    got: Got = {}
    for fact in case["events"]:
        name = fact["id"]
        if fact["type"] == "advance":
            decision = member.program.advance(member.state, member.at(fact))
            member.decisions[name] = decision
            member.state = decision.state or member.state
            got[name] = {"expired": member.moved(name, "expired", POINTS), "balance": member.balance(POINTS)}
            continue
        gross = USD.of(fact["net_amount"]).steps * 115 // 100
        off = gross * 20 // 100
        tax = USD.steps((gross - off) * 15 // 115)
        line = Line(total=USD.steps(gross - off), tax=tax, discounts=(Discount(kind="reward", total=USD.steps(off)),))
        at = member.at(fact)
        member.record(Purchase(id=fact["lot"], member=member.id, occurred_at=at, lines=(line,)))
        member.record(Redemption(id=name, member=member.id, occurred_at=at, reward="a-fifth-off"))
        left = member.lots(POINTS)
        got[name] = {
            "earned": member.earned(fact["lot"], POINTS),
            "redeemed": member.moved(name, "redeemed", POINTS),
            "lots": {fact["lot"]: left[fact["lot"]]},
        }
    return got


@plays("odoo-half-point-rewards")
def half_points(case: Facts) -> Got:
    """The purchase, then its rewards."""
    (fact,) = case["events"]
    member = Member(programs.half_point_rewards())
    member.record(bought(member, {"id": "e1", "amount": "10.00"}, USD))
    used = 0
    for n, _ in enumerate(fact["rewards_cost"], 1):
        treat = Redemption(id=f"treat-{n}", member=member.id, occurred_at=member.tick(), reward="treat")
        member.record(treat)
        used += member.moved(treat.id, "redeemed", TENTHS)
    return {
        "e1": {"issued": member.earned("e1", TENTHS), "used": TENTHS.digits(used), "balance": member.balance(TENTHS)}
    }


# Quotes: each row on a fresh account.


@plays("openloyalty-rate-and-exclusions")
def exclusions(case: Facts) -> Got:
    """Each row has its own rule."""
    got: Got = {}
    for fact in case["events"]:
        (rule,) = fact["rules"]
        asked = {key: rule[key] for key in rule.keys() - {"kind", "points", "per"}}
        member = quoted(programs.rate_with_exclusions(**asked), *lines_of(fact["lines"], EUR))
        got[fact["id"]] = {"earned": member.earned("q", FINE_POINTS)}
    return got


@plays("openloyalty-rates-add-and-product-bonus", "openloyalty-everything-together")
def rates_and_bonuses(case: Facts) -> Got:
    """Each row has its own rules."""
    got: Got = {}
    for fact in case["events"]:
        rules = fact["rules"]
        program = programs.rates_multipliers_bonuses(
            [rule["points"] for rule in rules if rule["kind"] == "per_amount"],
            [(rule["factor"], rule["tags"][0]) for rule in rules if rule["kind"] == "multiplier"],
            [(rule["sku"], rule["points"]) for rule in rules if rule["kind"] == "fixed_per_product"],
        )
        member = quoted(program, *lines_of(fact["lines"], EUR))
        got[fact["id"]] = {"earned": member.earned("q", FINE_POINTS)}
    return got


@plays("setono-earn-amounts")
def amounts(case: Facts) -> Got:
    """Fixed points times a count are an activity's; points per amount a purchase's."""
    got: Got = {}
    for fact in case["events"]:
        rule = fact["rule"]
        program = programs.fixed_or_per_amount(rule["kind"], rule["points"])
        if rule["kind"] == "fixed":
            member = Member(program)
            count = int(rule.get("times", "1"))
            member.record(Activity(id="q", member=member.id, occurred_at=member.tick(), kind="thing", count=count))
        else:
            member = quoted(program, Line(total=EUR.of(fact["amount"])))
        got[fact["id"]] = {"earned": member.earned("q", POINTS)}
    return got


@plays("solidus-banded-discounts")
def banded(case: Facts) -> Got:
    """A discount is what the bands come to in money."""
    got: Got = {}
    for fact in case["events"]:
        tiers = list(fact["tiers"].items())
        made = programs.banded_flat if fact["kind"] == "flat" else programs.banded_percent
        member = quoted(made(fact["base"], tiers), Line(total=USD.of(fact["amount"])))
        got[fact["id"]] = {"discount": member.earned("q", USD)}
    return got


@plays("solidus-percent-rounds-by-currency")
def percent_by_currency(case: Facts) -> Got:
    """A discount is what the percent comes to in money."""
    got: Got = {}
    for fact in case["events"]:
        money = currency(fact["currency"])
        program = programs.percent_of(money, fact["percent"], Rounding.HALF_UP)
        member = quoted(program, Line(total=money.of(fact["amount"])))
        got[fact["id"]] = {"discount": member.earned("q", money)}
    return got


@plays("starfiniti-exact-beyond-64-bit-floats")
def large(case: Facts) -> Got:
    """One large line."""
    (fact,) = case["events"]
    total = EUR.of(fact["lines"][0]["gross"])
    member = quoted(programs.five_per_one(), Line(total=total))
    return {fact["id"]: {"eligible": EUR.digits(total.steps), "earned": member.earned("q", POINTS)}}


@plays("receipts-seven-rules-add-up")
def receipts(case: Facts) -> Got:
    """A receipt is a purchase; its names travel as attributes."""
    got: Got = {}
    for fact in case["events"]:
        member = Member(programs.seven_rules_of_a_receipt())
        lines = [Line(total=USD.of(item["price"]), attributes={"name": item["name"]}) for item in fact["items"]]
        at = parse_instant(f"{fact['date']}T{fact['time']}:00Z")
        member.record(Purchase(id=fact["id"], member=member.id, occurred_at=at, lines=lines, store=fact["retailer"]))
        got[fact["id"]] = {"earned": member.earned(fact["id"], POINTS)}
    return got


@plays("odoo-quantity-and-amount-together")
def quantity_and_amount(case: Facts) -> Got:
    """A cart of units at their prices."""
    prices = case["program"]["prices"]
    got: Got = {}
    for fact in case["events"]:
        lines = [
            Line(sku=sku, quantity=n, total=USD.steps(USD.of(prices[sku]).steps * int(n)))
            for sku, n in fact["cart"].items()
        ]
        member = quoted(programs.ten_percent_of_three_and_enough(), *lines)
        total = sum(line.total.steps for line in lines)
        got[fact["id"]] = {"total": USD.digits(total), "eligible": number(member.earned("q", USD)) > 0}
    return got


@plays("spreelp-minimum-to-earn")
def minimum(case: Facts) -> Got:
    """Whether a purchase earns."""
    got: Got = {}
    for fact in case["events"]:
        program = programs.minimum_to_earn(case["program"]["minimum"])
        member = quoted(program, Line(total=USD.of(fact["amount"])))
        got[fact["id"]] = {"eligible": number(member.earned("q", POINTS)) > 0}
    return got


@plays("odoo-free-unit-per-three-and-percent")
def free_units(case: Facts) -> Got:
    """Paid units earn free ones; the percent off is money."""
    price = USD.of(case["program"]["prices"]["cabinet"]).steps
    got: Got = {}
    for fact in case["events"]:
        program = programs.free_unit_per(case["program"]["offer"]["per_paid"], fact.get("percent_off"))
        total = price * int(fact["paid_quantity"])
        member = quoted(program, Line(quantity=fact["paid_quantity"], total=USD.steps(total)))
        due = USD.digits(total - USD.of(member.earned("q", USD)).steps)
        got[fact["id"]] = {"free": member.earned("q", FREE), "due": due}
    return got


# Lots, debt, holds.


@plays("setono-debt-is-paid-by-next-credit", "setono-expire-what-is-left", "wallets-unbacked-part-of-a-debit")
def by_lots(case: Facts) -> Got:
    """Credits by hand; a debit by hand where the case lets the balance fall below zero, else a request."""
    member = Member(programs.plain_points())
    overdraft = case["program"].get("overdraft") == "debt"
    got: Got = {}
    for fact in case["events"]:
        name = fact["id"]
        if fact["type"] == "credit":
            member.record(by_hand(member, fact, POINTS.of(fact["amount"])))
        elif fact["type"] == "expire":
            before = member.program.at(member.state, parse_instant(fact["at"]) - timedelta(microseconds=1))
            member.decisions[name] = member.program.advance(before.state, member.at(fact))
        elif overdraft:
            member.record(by_hand(member, fact, POINTS.of(f"-{fact['amount']}")))
        else:
            member.record(wanted(member, fact, "spend", POINTS.of(fact["amount"])))
        standing = member.standing()
        parts = member.taken(name, POINTS) if name in member.decisions else []
        got[name] = {
            "balance": member.balance(POINTS),
            "debt": POINTS.digits(standing.debt(POINTS).steps),
            "unbacked": POINTS.digits(sum(part.steps for part in parts if part.is_debt)),
            "taken": {str(part.source and part.source.root): str(part.steps) for part in parts},
            "expired": member.moved(name, "expired", POINTS) if name in member.decisions else 0,
            # What never expires is one lot without a source: in these cases there is one such credit at most.
            "lots": {root or "b": left for root, left in member.lots(POINTS).items()},
        }
    return got


@plays("openmeter-priority-before-expiry", "openmeter-new-grant-pays-overage", "openmeter-refill-not-repeated")
def metered(case: Facts) -> Got:
    """Grants by hand under their priority's label, or by the policy that refills; use is a request, or overdraft."""
    kinds = {fact["type"] for fact in case["events"] if "refill_days" in fact}
    member = Member(
        programs.refilled_daily() if kinds else programs.by_priority("priority-1", "priority-2", "priority-0")
    )
    names, labels = {}, {}
    got: Got = {}
    for fact in case["events"]:
        name = fact["id"]
        if fact["type"] == "grant":
            labels[name] = f"priority-{fact.get('priority', 0)}"
            names[name] = name
            if "refill_days" in fact:
                member.record(Activity(id=name, member=member.id, occurred_at=member.at(fact), kind=name))
            else:
                member.record(by_hand(member, fact, CREDIT.of(fact["amount"]), labels[name]))
        elif fact["type"] == "use":
            paid = member.record(wanted(member, fact, "use", CREDIT.of(fact["amount"])))
            if refused(paid):  # What is used is used: where no grant is left it is an overage of the next one.
                member.record(by_hand(member, {**fact, "id": f"{name}-over"}, -CREDIT.of(fact["amount"]), "priority-0"))
        else:
            standing = member.program.at(member.state, member.at(fact))
            left = {label: standing.available(CREDIT, label).steps for label in labels.values()}
            got[name] = {
                "lots": {grant: str(left[label]) for grant, label in labels.items()},
                "overage": standing.debt(CREDIT).steps,
            }
    return got


@plays("lago-priority-then-age", "lago-void-follows-the-same-order")
def lago(case: Facts) -> Got:
    """Credits by hand under the label of their priority; to spend and to void are requests."""
    member = Member(programs.by_priority("priority-1", "priority-2"))
    roots, got = {}, Got()
    for fact in case["events"]:
        name = fact["id"]
        if fact["type"] == "credit":
            # The case names no end. Its lots are told apart where they have one: what never ends merges by label.
            far = {**fact, "expires_at": "2199-01-01T00:00:00Z"}
            member.record(by_hand(member, far, CREDIT.of(fact["amount"]), f"priority-{fact['priority']}"))
            roots[name] = fact["lot"]
            continue
        decision = member.record(wanted(member, fact, "use", CREDIT.of(fact["amount"])))
        if refused(decision):
            got[name] = {"error": True}
        else:
            parts = member.taken(name, CREDIT)
            taken = {str(part.source and part.source.root): str(part.steps) for part in parts}
            got[name] = {"taken": taken, "left": member.balance(CREDIT)}
    return got


@plays("starfiniti-ledger-award-reserve-cancel")
def award_and_reserve(case: Facts) -> Got:
    """An award is an activity that waits for its confirmation; the key is the event's id."""
    member = Member(programs.awards_pending_until_released())
    keys: dict[str, str] = {}
    told: dict[str, datetime] = {}
    got: Got = {}
    for fact in case["events"]:
        name, at = fact["id"], member.tick()
        got[name] = {}
        if fact["type"] == "award":
            at = told.setdefault(fact["key"], at)
            keys.setdefault(fact["award"], fact["key"])
            award = Activity(
                id=fact["key"], member=member.id, occurred_at=at, kind=fact["award"], count=int(fact["points"])
            )
            try:
                got[name]["repeated"] = member.record(award).repeated
            except EventConflictError:
                got[name]["error"] = True
        elif fact["type"] == "release":
            member.record(Confirmation(id=name, member=member.id, occurred_at=at, of=keys[fact["award"]]))
            ends = [lot.validity.expires_at for lot in member.standing().lots(POINTS)]
            assert parse_instant(fact["expires_at"]) in ends
        elif fact["type"] == "reserve":
            amount = POINTS.of(fact["points"])
            hold = Reservation(id=name, member=member.id, occurred_at=at, reward="spend", amount=amount)
            member.record(hold)
        else:
            event = (
                Cancellation(id=name, member=member.id, occurred_at=at, undoes=fact["reservation"])
                if fact["type"] == "cancel"
                else Capture(id=name, member=member.id, occurred_at=at, reservation=fact["reservation"])
            )
            if refused(member.record(event)):
                got[name]["error"] = True
        standing = member.standing()
        got[name] |= {
            "available": standing.available(POINTS).steps,
            "reserved": standing.reserved(POINTS).steps,
            "pending": standing.pending(POINTS).steps,
            "spent": sum(member.moved(event, "redeemed", POINTS) for event in member.decisions),
        }
    return got


@plays("solidus-available-is-net-of-holds")
def holds(case: Facts) -> Got:
    """To hold is a reservation; to invalidate is a request for all that is left of the credit, exactly."""
    member = Member(programs.stored_value())
    got: Got = {}
    issued = used = 0
    for fact in case["events"]:
        name = fact["id"]
        got[name] = {}
        if fact["type"] == "issue":
            issued = STORE_CREDIT.of(fact["amount"]).steps
            member.record(by_hand(member, fact, STORE_CREDIT.of(fact["amount"])))
        elif fact["type"] == "authorize":
            amount = STORE_CREDIT.of(fact["amount"])
            hold = Reservation(id=name, member=member.id, occurred_at=member.at(fact), reward="exactly", amount=amount)
            member.record(hold)
        elif fact["type"] == "capture":
            amount = STORE_CREDIT.of(fact["amount"])
            member.record(
                Capture(
                    id=name,
                    member=member.id,
                    occurred_at=member.at(fact),
                    reservation=fact["authorization"],
                    amount=amount,
                )
            )
        elif refused(member.record(wanted(member, fact, "exactly", STORE_CREDIT.steps(issued - used)))):
            got[name]["error"] = True
        used = sum(member.moved(event, "redeemed", STORE_CREDIT) for event in member.decisions)
        standing = member.standing()
        got[name] |= {
            "available": STORE_CREDIT.digits(standing.available(STORE_CREDIT).steps),
            "authorized": STORE_CREDIT.digits(standing.reserved(STORE_CREDIT).steps),
            "used": STORE_CREDIT.digits(used),
        }
    return got


@plays("odoo-gift-card-after-discount", "odoo-gift-card-shrinks-with-discount")
def gift_card(case: Facts) -> Got:
    """Each step previews the cart as it now stands: lines after discounts, then what the card pays of them."""
    member = Member(programs.stored_value())
    got: Got = {}
    gross, percent, card = 0, 0, False
    for fact in case["events"]:
        if fact["type"] == "cart":
            gross = USD.of(fact["lines"][0]["net"]).steps
        elif fact["type"] == "tender":
            card = True
            issue = {"id": "card", "type": "issue"}
            member.record(by_hand(member, issue, STORE_CREDIT.of(fact["balance"])))
        else:
            percent = int(fact["percent"])
        off = gross * percent // 100
        line = Line(total=USD.steps(gross - off), discounts=(Discount(kind="offer", total=USD.steps(off)),))
        paid = 0
        if card:
            request = Redemption(
                id=fact["id"], member=member.id, occurred_at=member.now, reward="gift-card", cart=(line,)
            )
            paid = money_off(member.program.decide(member.state, request))
        got[fact["id"]] = {"due": USD.digits(gross - off - paid), "tendered": USD.digits(paid)}
    return got


@plays("mavn-stake-burn-and-return")
def stakes(case: Facts) -> Got:
    """A stake is a reservation: what is captured is burned, the rest returns."""
    got: Got = {}
    for fact in case["events"]:
        member = Member(programs.stake())
        amount = TOKENS.of(fact["amount"])
        member.record(by_hand(member, {"id": "tokens", "type": "opening"}, amount))
        at = member.tick()
        member.record(Reservation(id="stake", member=member.id, occurred_at=at, reward="stake", amount=amount))
        burn = programs.percent_of(TOKENS, fact["burn_percent"]) if number(fact["burn_percent"]) else None
        steps = 0
        if burn is not None:
            steps = quoted(burn, Line(total=amount)).decisions["q"].earned(TOKENS).total.steps
            member.record(
                Capture(id="burn", member=member.id, occurred_at=at, reservation="stake", amount=TOKENS.steps(steps))
            )
        else:
            member.record(Release(id="back", member=member.id, occurred_at=at, reservation="stake"))
        burned = sum(member.moved(event, "redeemed", TOKENS) for event in member.decisions)
        got[fact["id"]] = {"burned": TOKENS.digits(burned), "returned": member.balance(TOKENS)}
    return got


# Refunds and ceilings.


@plays("idpay-refund-of-qualifying-fifth", "idpay-refund-of-early-keeps-later-awards")
def from_the_fifth(case: Facts) -> Got:
    """Counters of the opening are adjustments of their tallies."""
    member = Member(programs.ten_percent_from_the_fifth(case["program"]["budget"]))
    opening = case["program"].get("opening", {})
    for name, unit in (("count", COUNT), ("amount", COUNTED), ("total", EUR)):
        if name in opening:
            fact = {"id": f"opening-{name}", "type": "opening"}
            member.record(by_hand(member, fact, unit.of(opening[name])))
    got: Got = {}
    for fact in case["events"]:
        name = fact["id"]
        if fact["type"] == "refund":
            back = Refund(
                id=name,
                member=member.id,
                occurred_at=member.at(fact),
                purchase=fact["purchase"],
                total=EUR.of(fact["amount"]),
            )
            member.record(back)
        else:
            member.record(bought(member, fact, EUR))
        count = number(member.balance(COUNT))
        got[name] = {
            "cashback": member.earned(name, EUR),
            "total": member.balance(EUR),
            "count": count,
            "amount": member.balance(COUNTED),
            "rejected": "count_not_reached" if count < 5 and not number(member.earned(name, EUR)) else "",
        }
    return got


@plays("idpay-partial-refund-inside-cap-takes-nothing")
def inside_the_cap(case: Facts) -> Got:
    """The counters of the opening are what an earlier purchase of the week was worth."""
    terms = case["program"]
    member = Member(programs.ten_percent_a_week(terms["caps"][0]["amount"], terms["budget"]))
    opening = EUR.of(terms["opening"]["week"])
    member.record(bought(member, {"id": "opening", "amount": EUR.digits(opening.steps * 10)}, EUR))
    assert member.balance(EUR) == terms["opening"]["total"]
    got: Got = {}
    for fact in case["events"]:
        name = fact["id"]
        if fact["type"] == "refund":
            total = EUR.of(fact["amount"])
            at = member.at(fact)
            member.record(Refund(id=name, member=member.id, occurred_at=at, purchase=fact["purchase"], total=total))
        else:
            member.record(bought(member, fact, EUR))
        week = sum(lot.steps for lot in member.state.lots["earn.week"])
        got[name] = {
            "cashback": member.earned(name, EUR),
            "total": member.balance(EUR),
            "week": EUR.digits(week),
        }
    return got


@plays("solidus-refund-carries-its-discount-share")
def refund_of_units(case: Facts) -> Got:
    """The money of one unit that came back; and all three add up to what was paid."""
    (fact,) = case["events"]
    member = Member(programs.net_spend_to_four_places())
    n = int(fact["quantity"])
    line = Line(quantity=n, total=FINE_USD.steps(FINE_USD.of(fact["unit_price"]).steps * n))
    discount = Discount(kind="order", total=FINE_USD.of(fact["order_discount"]))
    member.record(Purchase(id="q", member=member.id, occurred_at=member.tick(), lines=(line,), discounts=(discount,)))
    backs = []
    for i in range(n):
        one = (RefundLine(id="1", quantity=int(fact["returned"])),)
        back = Refund(id=f"r-{i}", member=member.id, occurred_at=member.tick(), purchase="q", lines=one)
        backs.append(-member.record(back).earned(NET_SPEND).total.steps)
    paid = line.total.steps - discount.total.steps
    assert sum(backs) == paid
    assert number(member.balance(NET_SPEND)) == 0
    return {fact["id"]: {"refund": NET_SPEND.digits(backs[0])}}


@plays("idpay-period-limits-fill-partly")
def limits(case: Facts) -> Got:
    """What is used of the period is a purchase of the day before the limit of today took effect."""
    got: Got = {}
    for fact in case["events"]:
        (limit,), (used,) = fact["limits"], fact["used"]
        if not number(limit):
            continue  # No ceiling has a limit of 0: see COVERAGE.md.
        member = Member(programs.limit_of_a_period(fact["period"], limit))
        first = CHANGED if fact["period"] == "day" else CHANGED - timedelta(hours=1)
        member.record(Purchase(id="used", member="m-1", occurred_at=first, lines=(Line(total=EUR.of(used)),)))
        lines = (Line(total=EUR.of(fact["reward"])),)
        later = CHANGED + timedelta(hours=1)
        member.record(Purchase(id=fact["id"], member="m-1", occurred_at=later, lines=lines))
        got[fact["id"]] = {"cashback": member.earned(fact["id"], EUR)}
    return got


@plays("starfiniti-yearly-cap-fills-partly")
def birthdays(case: Facts) -> Got:
    """What is used of the year is a birthday under the terms before."""
    got: Got = {}
    for fact in case["events"]:
        member = Member(programs.birthday_bonus(int(fact["used"])))
        at = datetime(2026, 1, 1, tzinfo=UTC)
        if int(fact["used"]):
            member.record(Activity(id="used", member="m-1", occurred_at=at, kind="birthday"))
            assert member.earned("used", POINTS) == fact["used"]
        member.record(Activity(id=fact["id"], member="m-1", occurred_at=CHANGED, kind="birthday"))
        got[fact["id"]] = {"earned": member.earned(fact["id"], POINTS)}
    return got


@plays("starfiniti-cap-on-base-rule")
def capped_base(case: Facts) -> Got:
    """Lines as the case lists them: what a gift card paid is an attribute of its line, the tax a line that counts."""
    (fact,) = case["events"]
    lines = []
    for each in fact["lines"]:
        off = EUR.of(each.get("discount", "0"))
        kind = {"kind": "goods", "category": "tax"} if each["kind"] == "tax" else each
        (line,) = lines_of([{**kind, "amount": EUR.digits((EUR.of(each["gross"]) - off).steps)}], EUR)
        attributes = {"paid_with": each["paid_with"]} if "paid_with" in each else {}
        lines.append(
            Line(
                total=line.total,
                category=line.category,
                kind=line.kind,
                discounts=(Discount(kind="offer", total=off),) if off.steps else (),
                attributes=attributes,
            )
        )
    member = quoted(programs.base_capped_multiplier_not(), *lines)
    books = {book.rule: book for entry in member.decisions["q"].entries for book in getattr(entry, "books", ())}
    assert books["base"].trimmed_by == "cap"
    return {fact["id"]: {"eligible": EUR.digits(books["base"].base[0]), "earned": member.earned("q", POINTS)}}


@plays("numscript-balance-ceiling")
def ceiling_of_a_balance(case: Facts) -> Got:
    """A fact is never refused: the credit is, whole."""
    got: Got = {}
    for fact in case["events"]:
        member = Member(programs.balance_at_most(case["program"]["max_balance"]))
        member.record(by_hand(member, {"id": "opening", "type": "opening"}, CREDIT.of(fact["balance"])))
        name = fact["id"]
        at = member.tick()
        member.record(Activity(id=name, member=member.id, occurred_at=at, kind="top-up", count=int(fact["amount"])))
        got[name] = {"balance": member.balance(CREDIT)}
        if not number(member.earned(name, CREDIT)):
            assert member.balance(CREDIT) == fact["balance"]
            got[name]["error"] = True
    return got
