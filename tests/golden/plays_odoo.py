"""
How the facts of the Odoo cases are told to the library, and where the figures are read.

The shop keeps what a shop keeps: draft orders with their baskets, the codes that were typed and the
rewards that were claimed, and which card has which code. After each step a draft is quoted anew; what
no longer applies is dropped. A confirmed order is recorded: the purchase, then what its rewards cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
from programs_odoo import (
    CREDIT,
    USD,
    by_coupon,
    code_attribute,
    codes_of,
    gives_later,
    has_points,
    held,
    program_of,
    reward_name,
    unit_of,
)

from patronage import (
    Accepted,
    Account,
    Adjustment,
    BenefitKind,
    Commit,
    Discount,
    Event,
    Line,
    LineKind,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    State,
    StatusGrant,
    Transfer,
)
from patronage.ledger import GrantChange, GrantEntry
from patronage.quotes import Applied, Quote, quote
from patronage.units import Rounding, round_to_steps

Facts = Mapping[str, Any]
START = datetime(2024, 1, 15, 12, tzinfo=UTC)
KINDS = {True: LineKind.SHIPPING, False: LineKind.GOODS}


class RefusedError(Exception):
    """A step that is refused: nothing has changed."""


@attrs.define
class Claim:
    """A reward that was claimed for an order, as often as it was, with the card and the choices."""

    program: str
    reward: str
    card: str | None = None
    choices: tuple[str, ...] = ()
    times: int = 1


@attrs.define
class Order:
    """A draft, then perhaps a confirmed order."""

    id: str
    customer: str = ""
    lines: Sequence[Facts] = ()
    price_list: str | None = None
    codes: list[str] = attrs.field(factory=list)
    claims: list[Claim] = attrs.field(factory=list)
    confirmed: bool = False
    at: datetime | None = None
    cancelled: bool = False


class Shop:
    """The orders, cards and accounts of one case."""

    def __init__(self, case: Facts) -> None:
        self.programs = {each["id"]: dict(each) for each in case["program"]["programs"]}
        self.orders: dict[str, Order] = {}
        self.cards: dict[str, Facts] = {}
        self.states: dict[Account, State] = {}
        self.commits: list[Commit] = []
        self.entries: dict[str, list[Any]] = {}
        self.now = START

    # The library.

    def program(self, *, preview: bool = False) -> Program:
        """The terms as they now are."""
        return program_of(self.programs.values(), preview=preview)

    def state(self, member: str) -> State:
        """A member's account."""
        return self.states.get(Account.member(member)) or State.of(member)

    def others(self, program: Program, event: Event) -> list[State]:
        """The other accounts of an event."""
        accounts = program.involves(event, tuple(self.states.values()), self.commits).accounts
        return [self.states.get(account) or State.of(account) for account in accounts]

    def record(self, event: Event) -> None:
        """Decides an event and keeps what it comes to."""
        program = self.program()
        decision = program.decide(
            self.state(event.member), event, history=self.commits, others=self.others(program, event)
        )
        if not isinstance(decision, Accepted):
            raise RefusedError(decision.code)
        self.commits += decision.commits
        self.states.update((after.account, after) for after in decision.states)
        self.entries[event.id] = list(decision.entries)

    def tick(self) -> datetime:
        """The next instant."""
        self.now += timedelta(minutes=1)
        return self.now

    # Orders.

    def purchase(self, order: Order) -> Purchase:
        """The draft as it would be without rewards."""
        lines, credit = [], Fraction(0)
        for n, fact in enumerate(order.lines):
            gross, tax = priced(fact)
            if gross < 0:
                credit -= gross
            elif Decimal(fact["quantity"]) > 0:
                lines.append(line_of(n, fact, gross, tax))
        off = min(cents(credit), sum(line.total.steps for line in lines))
        discounts = [Discount(kind=CREDIT, total=USD.steps(off))] if off else []
        attributes: dict[str, str | bool] = {code_attribute(code): True for code in order.codes}
        if order.price_list is not None:
            attributes["price_list"] = order.price_list
        return Purchase(
            id=order.id,
            member=order.customer,
            occurred_at=order.at or self.now,
            lines=lines,
            discounts=discounts,
            attributes=attributes,
        )

    def quoted(self, order: Order, claims: Sequence[Claim]) -> Quote:
        """What the draft comes to with those claims."""
        program, state, cart = self.program(), self.state(order.customer), self.purchase(order)
        commits, others = list(self.commits), dict(self.states)
        if not order.confirmed:  # Points of this very order may be spent on it.
            preview = self.program(preview=True)
            decision = preview.decide(state, cart)
            assert isinstance(decision, Accepted)
            state = decision.state or state
        for event in (*self.coupons(order, claims), *self.drafts(order)):
            kept = program.decide(
                state, event, history=commits, others=[*self.others(program, event), *others.values()]
            )
            if isinstance(kept, Accepted):
                state, commits = kept.state or state, [*commits, *kept.commits]
        requests = [self.request(order, n, claim) for n, claim in enumerate(claims)]
        accounts = {account for each in requests for account in program.involves(each).accounts}
        known = [self.states.get(account) or State.of(account) for account in accounts if account != state.account]
        return quote(program, state, cart, requests=requests, history=commits, others=known)

    def request(self, order: Order, n: int, claim: Claim) -> Redemption:
        """The request of a claim."""
        program = self.programs[claim.program]
        code = claim.card if claim.card in self.cards else None
        if program["kind"] in ("loyalty", "ewallet"):
            code = None
        if code is None:
            code = next((each for each in codes_of(program) if each in order.codes), None)
        attributes = {} if order.price_list is None else {"price_list": order.price_list}
        return Redemption(
            id=f"{order.id}/{claim.reward}/{n}",
            member=order.customer,
            occurred_at=order.at or self.now,
            reward=claim.reward,
            times=claim.times,
            code=code,
            choices=claim.choices,
            attributes=attributes,
        )

    def coupons(self, order: Order, claims: Sequence[Claim]) -> list[Event]:
        """What bearer cards that are used on the order put into the customer's account, each once."""
        events: list[Event] = []
        for code in dict.fromkeys(claim.card for claim in claims if claim.card in self.cards):
            assert code is not None
            event = self.put_in(self.cards[code], code, order.customer)
            if event is not None and event.id not in self.entries:
                events.append(event)
        return events

    def put_in(self, card: Facts, code: str, member: str) -> Event | None:
        """A card as what it is: a grant with its uses, or a labelled credit."""
        program = self.programs[card["program"]]
        if program["kind"] == "gift_card":
            amount = unit_of(program).of(card["points"])
            return Adjustment(
                id=f"card {code}",
                member=member,
                occurred_at=self.now,
                amount=amount,
                label=code,
                actor="shop",
                reason="card",
            )
        if not by_coupon(program):
            return None
        uses = int(Decimal(card["points"]) / Decimal(program["rewards"][0]["cost_points"]))
        return StatusGrant(
            id=f"card {code}",
            member=member,
            occurred_at=self.now,
            key=program["id"],
            value=code,
            uses=uses,
            actor="shop",
            reason="card",
        )

    def drafts(self, order: Order) -> list[Redemption]:
        """What the customer's other drafts have claimed already of what is limited."""
        found = []
        for other in self.orders.values():
            if other is not order and other.customer == order.customer and not other.confirmed:
                for n, claim in enumerate(other.claims):
                    if "usage_limit_per_customer" in self.programs[claim.program]:
                        asked = self.request(other, n, claim)
                        found.append(attrs.evolve(asked, cart=self.purchase(other).lines))
        return found

    # Steps.

    def play(self, event: Facts) -> None:
        """One step. Raises RefusedError where it is refused."""
        self.tick()
        getattr(self, f"_{event['type']}")(event)
        if event.get("evaluate", True):
            for order in self.orders.values():
                self.evaluate(order)

    def evaluate(self, order: Order) -> None:
        """Drops the claims that no longer apply."""
        kept = [claim for claim in order.claims if self.open_to(order, claim)]
        applied = {each.redemption.id for each in self.quoted(order, kept).applied}
        order.claims = [claim for n, claim in enumerate(kept) if f"{order.id}/{claim.reward}/{n}" in applied]

    def open_to(self, order: Order, claim: Claim) -> bool:
        """Whether a program that is opened by a code has been."""
        program = self.programs[claim.program]
        if program["trigger"] != "code" or by_coupon(program):
            return True
        return any(code in order.codes for code in codes_of(program))

    def _basket(self, event: Facts) -> None:
        order = self.orders.setdefault(event["order"], Order(event["order"]))
        order.customer, order.lines = event["customer"], event["lines"]
        order.price_list = event.get("price_list")

    def _evaluate(self, event: Facts) -> None:
        pass

    def _set_program(self, event: Facts) -> None:
        program = self.programs[event["program"]]
        for key, value in event["changes"].items():
            if key in ("rule", "reward"):
                first = "earn_rules" if key == "rule" else "rewards"
                program[first] = [{**program[first][0], **value}, *program[first][1:]]
            else:
                program[key] = value

    def _issue_card(self, event: Facts) -> None:
        program, code = self.programs[event["program"]], event.get("code", event["card"])
        self.cards[code] = event
        if "customer" in event and held(program) and Decimal(event["points"]):
            self.record(
                Adjustment(
                    id=f"card {code}",
                    member=event["customer"],
                    occurred_at=self.now,
                    amount=unit_of(program).of(event["points"]),
                    label=code if program["kind"] == "gift_card" else None,
                    actor="shop",
                    reason="card",
                )
            )

    def _claim(self, event: Facts) -> None:
        program = self.programs[event["program"]]
        rewards = program["rewards"]
        reward = next((each for each in rewards if each["id"] == event.get("reward")), rewards[0])
        choices = tuple(event["choices"].values()) if "choices" in event else ()
        if "sku" in event:
            choices = (event["sku"],)
        card = next((code for code, each in self.cards.items() if each["card"] == event.get("card")), None)
        self.claim(self.orders[event["order"]], Claim(program["id"], reward_name(program, reward), card, choices))

    def claim(self, order: Order, claim: Claim) -> None:
        """Claims a reward, or claims it once more."""
        again = next((each for each in order.claims if each.reward == claim.reward and each.card == claim.card), None)
        repeats = self.programs[claim.program]["rewards"][0]["type"] == "percent_off"
        if again is not None and repeats:
            claims = [attrs.evolve(each, times=each.times + 1) if each is again else each for each in order.claims]
        else:
            claims = [*order.claims, claim]
        quoted = self.quoted(order, claims)
        if quoted.refused:
            refusal = quoted.refused[-1]
            outdone = refusal.refusal.facts.get("other")
            mine = f"{order.id}/{claim.reward}/"
            if refusal.redemption.id.startswith(mine) or outdone != claim.reward:
                raise RefusedError(refusal.refusal.code)
        order.claims = claims

    def _unclaim(self, event: Facts) -> None:
        order = self.orders[event["order"]]
        order.claims = [claim for claim in order.claims if claim.program != event["program"]]
        if event.get("forget_code"):
            order.codes = [code for code in order.codes if code not in codes_of(self.programs[event["program"]])]

    def _claim_available(self, event: Facts) -> None:
        order = self.orders[event["order"]]
        for name in event.get("programs", self.programs):
            program = self.programs[name]
            if len(program["rewards"]) > 1 or any(claim.program == name for claim in order.claims):
                continue
            if by_coupon(program) or program["kind"] in ("gift_card", "ewallet"):
                continue
            claim = Claim(name, reward_name(program, program["rewards"][0]))
            if self.open_to(order, claim):
                try:
                    self.claim(order, claim)
                except RefusedError:
                    continue

    def _enter_code(self, event: Facts) -> None:
        order, code = self.orders[event["order"]], self.code_of(event["code"])
        if code in self.cards:
            program = self.programs[self.cards[code]["program"]]
        else:
            program = next(each for each in self.programs.values() if code in codes_of(each))
        before = list(order.codes)
        if code not in self.cards:
            order.codes = [*order.codes, code]
        try:
            self.enter(order, program, code)
        except RefusedError:
            order.codes = before
            raise

    def enter(self, order: Order, program: Facts, code: str) -> None:
        """What a code opens: a coupon for later, or a reward, claimed where there is one only."""
        if code not in self.cards and gives_later(program):
            if not self.pending(order, program["id"]):
                raise RefusedError("not_reached")
            return
        card = code if code in self.cards else None
        claims = [Claim(program["id"], reward_name(program, reward), card) for reward in program["rewards"]]
        if len(claims) == 1:
            self.claim(order, claims[0])
            return
        refused = []
        for claim in claims:
            kept = list(order.claims)
            try:
                self.claim(order, claim)
            except RefusedError as error:
                refused.append(error)
            order.claims = kept
        if len(refused) == len(claims):
            raise refused[0]

    def code_of(self, name: str) -> str:
        """The code of a card, by its code or its name: also of one that an order gave."""
        for code, card in self.cards.items():
            if name in (code, card["card"]):
                return code
        if "@" in name:
            self.cards[name] = {"card": name, "program": name.split("@")[1].split("#", maxsplit=1)[0], "points": "1"}
        return name

    def _confirm(self, event: Facts) -> None:
        order = self.orders[event["order"]]
        quoted = self.quoted(order, order.claims)
        for coupon in self.coupons(order, order.claims):
            self.record(coupon)
        first, last = list(quoted.redemptions), []
        if not self.affordable(quoted.redemptions):  # Its own points pay a part of it.
            first, last = [], first
        told: list[Event] = [*first, quoted.purchase, *last]
        for each in told:
            self.record(each)
        order.confirmed, order.at = True, self.now

    def affordable(self, redemptions: Sequence[Redemption]) -> bool:
        """Whether the account pays for them without what the order earns."""
        program, states, commits = self.program(), dict(self.states), list(self.commits)
        for event in redemptions:
            state = states.get(Account.member(event.member)) or State.of(event.member)
            decision = program.decide(state, event, history=commits, others=self.others(program, event))
            if not isinstance(decision, Accepted):
                return False
            states.update((after.account, after) for after in decision.states)
            commits += decision.commits
        return True

    def _cancel(self, event: Facts) -> None:
        order = self.orders[event["order"]]
        order.cancelled, order.claims = True, []

    def _refund(self, event: Facts) -> None:
        order = self.orders[event["order"]]
        lines = [
            RefundLine(id=line.id or "", quantity=back["quantity"])
            for back in event["lines"]
            for line in self.purchase(order).lines
            if line.sku == back["sku"]
        ]
        refund = Refund(
            id=f"{order.id} back", member=order.customer, occurred_at=self.now, purchase=order.id, lines=lines
        )
        self.record(refund)

    # Figures.

    def pending(self, order: Order, program: str) -> int:
        """How many cards the order would give."""
        facts = self.programs[program]
        if facts["kind"] == "gift_card":
            decision = self.program().decide(self.state(order.customer), self.purchase(order))
            return int(decision.earned(unit_of(facts)).total.steps > 0)
        decision = self.program().decide(self.state(order.customer), self.purchase(order))
        return sum(
            isinstance(entry, GrantEntry) and entry.change is GrantChange.GIVEN and entry.grant.key == program
            for entry in decision.entries
        )

    def figure(self, name: str, expected: Any, check: Facts) -> Any:
        """A figure of a check, as the library gives it."""
        order = self.orders.get(check.get("order", ""))
        if name in ("balance", "points_earned", "points_spent", "points_taken_back", "points_given_back"):
            return {card: str(getattr(self, f"_of_{name}")(order, card)) for card in expected}
        assert order is not None
        if name == "card_holder":
            return {
                card: order.customer if self.pending(order, card.split("@")[1].split("#")[0]) else None
                for card in expected
            }
        if name == "pending_cards":
            return {program: str(self.pending(order, program)) for program in expected}
        quoted = self.quoted(order, order.claims)
        return getattr(self, f"_of_{name}")(quoted, expected)

    def _of_total(self, quoted: Quote, _: Any) -> str:
        return USD.digits(0 if quoted.due is None else quoted.due.steps)

    def _of_tax(self, quoted: Quote, _: Any) -> str:
        return USD.digits(tax_of(quoted))

    def _of_untaxed(self, quoted: Quote, _: Any) -> str:
        return USD.digits((0 if quoted.due is None else quoted.due.steps) - tax_of(quoted))

    def _of_discounts(self, quoted: Quote, expected: Facts) -> dict[str, str]:
        return {
            program: USD.digits(sum(each.off for each in quoted.applied if self.program_id(each) == program))
            for program in expected
        }

    def _of_discount_lines(self, quoted: Quote, _: Any) -> list[str]:
        """One line for each tax, in the order of the cart."""
        by_tax: dict[str, int] = {}
        lines = {line.id: line for line in quoted.purchase.lines}
        for each in quoted.applied:
            for line, steps in each.shares.items():
                rate = str(lines[line].attributes.get("tax", ""))
                by_tax[rate] = by_tax.get(rate, 0) + steps
        return [USD.digits(steps) for steps in by_tax.values()]

    def _of_rewards_applied(self, quoted: Quote, _: Any) -> list[str]:
        return sorted({self.program_id(each) for each in quoted.applied})

    def _of_free_items(self, quoted: Quote, _: Any) -> dict[str, str]:
        found: dict[str, int] = {}
        for each in quoted.applied:
            for benefit in each.decision.benefits:
                if benefit.kind is BenefitKind.PRODUCT and benefit.item is not None:
                    found[benefit.item] = found.get(benefit.item, 0) + benefit.quantity
        return {sku: str(quantity) for sku, quantity in found.items()}

    def program_id(self, applied: Applied) -> str:
        """The program whose reward it is."""
        return next(
            str(each["id"])
            for each in self.programs.values()
            if applied.reward in [reward_name(each, reward) for reward in each["rewards"]]
        )

    # Points of cards.

    def card_program(self, card: str) -> Facts:
        """The program of a card."""
        if "@" in card:
            return self.programs[card.split("@")[1].split("#", maxsplit=1)[0]]
        return self.programs[next(each["program"] for each in self.cards.values() if each["card"] == card)]

    def holder(self, order: Order | None, card: str) -> str:
        """Who holds the card, or used it."""
        found = next((each for each in self.cards.values() if each["card"] == card), {})
        return str(found.get("customer") or (order.customer if order else ""))

    def _of_balance(self, order: Order | None, card: str) -> str:
        program = self.card_program(card)
        unit = unit_of(program)
        if order is None:
            order = next(iter(self.orders.values()))
        standing = self.program().at(self.state(self.holder(order, card)), self.now)
        spent = 0
        if order.confirmed:  # What was claimed after confirmation is charged at once.
            recorded = set(self.entries)
            later = [each for each in self.quoted(order, order.claims).applied if each.redemption.id not in recorded]
            spent = sum(moved(each.decision.entries, unit.code) for each in later)
        label = card if program["kind"] == "gift_card" else None
        return unit.digits(standing.available(unit, label).steps - spent)

    def _of_points_earned(self, order: Order | None, card: str) -> str:
        program = self.card_program(card)
        assert order is not None
        if not has_points(program):  # A coupon for this order: what it promises is its reward, once.
            if order.cancelled:
                return "0"
            claim = Claim(program["id"], reward_name(program, program["rewards"][0]))
            applied = self.quoted(order, [claim]).applied
            return str(sum(Decimal(program["rewards"][0]["cost_points"]) for _ in applied))
        decision = self.program().decide(State.of(order.customer), self.quoted(order, order.claims).purchase)
        return unit_of(program).digits(decision.earned(unit_of(program)).total.steps)

    def _of_points_spent(self, order: Order | None, card: str) -> str:
        program = self.card_program(card)
        assert order is not None
        applied = self.quoted(order, order.claims).applied
        if order.confirmed:
            names = [f"{order.id}/{claim.reward}/{n}" for n, claim in enumerate(order.claims)]
            return unit_of(program).digits(sum(moved(self.entries[name], unit_of(program).code) for name in names))
        if by_coupon(program):
            uses = [e for each in applied for e in each.decision.entries if isinstance(e, GrantEntry)]
            return str(sum(entry.change is GrantChange.USED for entry in uses))
        unit = unit_of(program)
        return unit.digits(sum(moved(each.decision.entries, unit.code) for each in applied))

    def _of_points_taken_back(self, order: Order | None, card: str) -> str:
        return self._back(order, card, "issued")

    def _of_points_given_back(self, order: Order | None, card: str) -> str:
        return self._back(order, card, "redeemed")

    def _back(self, order: Order | None, card: str, other: str) -> str:
        order = order or next(iter(self.orders.values()))
        unit = unit_of(self.card_program(card))
        steps = sum(
            entry.steps
            for entry in self.entries[f"{order.id} back"]
            if isinstance(entry, Transfer) and entry.unit == unit.code and other in (entry.payer.id, entry.payee.id)
        )
        return unit.digits(steps)


def moved(entries: Sequence[Any], unit: str) -> int:
    """What entries spent of a unit."""
    return sum(
        entry.steps
        for entry in entries
        if isinstance(entry, Transfer) and entry.unit == unit and entry.payee.id == "redeemed"
    )


def tax_of(quoted: Quote) -> int:
    """The tax of the order."""
    return sum(line.tax.steps for line in quoted.purchase.lines if line.tax is not None)


def cents(money: Fraction) -> int:
    """Money in cents, half up."""
    return round_to_steps(money * 100, Rounding.HALF_UP)


def priced(fact: Facts) -> tuple[Fraction, Fraction]:
    """What a line costs with its taxes, and the taxes: exactly."""
    quantity = Fraction(fact["quantity"])
    price = Fraction(fact["unit_price"]) * quantity
    price *= 1 - Fraction(fact.get("line_discount_percent", 0)) / 100
    taxes = fact.get("taxes")
    if taxes is None:
        rate = fact.get("tax_rate")
        included = bool(fact.get("price_includes_tax"))
        taxes = [] if rate is None else [{"kind": "percent", "rate": rate, "included": included}]
    inside = sum((Fraction(tax["rate"]) for tax in taxes if tax["kind"] == "percent" and tax["included"]), Fraction(0))
    net = price / (1 + inside / 100)
    total_tax, base = Fraction(0), net
    for tax in taxes:
        if tax["kind"] == "fixed":
            amount = Fraction(tax["rate"]) * quantity
        else:
            amount = base * Fraction(tax["rate"]) / 100
        total_tax += amount
        if tax.get("affects_base"):
            base += amount
    return net + total_tax, total_tax


def line_of(n: int, fact: Facts, gross: Fraction, tax: Fraction) -> Line:
    """A line of the cart; it remembers its taxes."""
    taxes = {key: fact[key] for key in ("tax_rate", "taxes", "price_includes_tax") if key in fact}
    total = cents(gross)
    return Line(
        id=str(n),
        sku=fact["sku"],
        category=fact.get("category"),
        tags=fact.get("tags", ()),
        kind=KINDS[bool(fact.get("delivery"))],
        quantity=fact["quantity"],
        total=USD.steps(total),
        tax=USD.steps(min(cents(tax), total)),
        attributes={"tax": repr(taxes)},
    )
