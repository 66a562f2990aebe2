"""Golden cases of vouchers, limits of what is spent, and rewards on a cart: TOML documents, played event by event."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from runner import START, Facts, Member, cases_of, example

from patronage import (
    Activity,
    Adjustment,
    BenefitKind,
    Decision,
    Line,
    LineKind,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    Rejected,
    State,
    Tender,
    Unit,
    fold,
)
from patronage.audit import audit
from patronage.codec import Codec
from patronage.periods import parse_instant
from patronage.quotes import Quote, quote

CASES = cases_of("vouchers")
DOCUMENTS = Path(__file__).with_name("programs_vouchers")
OF_CASE = {
    "nord-01": "nordstrom",
    "nord-02": "nordstrom",
    "nord-03": "nordstrom",
    "macy-02": "macys",
    "rakuten-04": "rakuten",
    "stitchfix-01": "stitch_fix",
    "stitchfix-02": "stitch_fix",
}
VOUCHERS = {"note": "notes", "star_money": "star_money"}
KINDS = {"goods": LineKind.GOODS, "tax": LineKind.FEE}


def document(name: str) -> Program:
    """A program of the folder."""
    return Codec().load_toml((DOCUMENTS / f"{name}.toml").read_text(encoding="utf-8"), Program)


def program_of(name: str) -> Program:
    """A program of `examples/programs`, or of the folder here."""
    return document(name) if (DOCUMENTS / f"{name}.toml").exists() else example(name)


class Play:
    """A case being played: each checkpoint after the events of its instant."""

    def __init__(self, case: Facts) -> None:
        self.case, self.program = case, program_of(OF_CASE[case["id"]])
        self.members: dict[str, Member] = {}
        self.figures: dict[str, str] = {}
        self.used: list[str] = []

    def unit(self, code: str) -> Unit:
        """The unit of that code."""
        return next(unit for unit in self.program.units if unit.code == code)

    def member(self, name: str) -> Member:
        """The member's account."""
        return self.members.setdefault(name, Member(self.program, name))

    def wrong(self) -> list[str]:
        """What checkpoints state and the library does not."""
        steps = [(parse_instant(fact["at"]), 0, n, fact) for n, fact in enumerate(self.case["events"])]
        steps += [(parse_instant(f["at"]), 1, n, f) for n, f in enumerate(self.case["expect"]["checkpoints"])]
        found: list[str] = []
        for at, checks, _, fact in sorted(steps, key=lambda step: step[:3]):
            if checks:
                found += self.check(fact, at)
            elif fact["type"] not in ("enrol", "signup"):
                self.tell(fact, at)
        return found

    def tell(self, fact: Facts, at: datetime) -> None:
        """One event of the case."""
        member = self.member("M1")
        head = {"id": fact.get("id", f"{fact['type']}-{fact['seq']}"), "member": "M1", "occurred_at": at}
        getattr(self, f"_{fact['type']}")(member, fact, head)

    def _opening(self, member: Member, fact: Facts, head: Facts) -> None:
        amount = self.unit("points").of(fact["regular"])
        member.record(Adjustment(**head, amount=amount, actor="ops", reason="opening"))

    def _purchase(self, member: Member, fact: Facts, head: Facts) -> None:
        usd = self.unit("USD")
        lines = [
            Line(id=one["id"], total=usd.of(one["amount"]), kind=KINDS[one["kind"]], category=one.get("category"))
            for one in fact["lines"]
        ]
        total = sum(line.total.steps for line in lines)
        tenders = [Tender(kind=fact["tender"], total=usd.steps(total))] if "tender" in fact else []
        attributes = {key: str(factor) for key, factor in fact.get("multipliers", {}).items()}
        decision = member.record(Purchase(**head, lines=lines, tenders=tenders, attributes=attributes))
        for entry in decision.entries:
            for book in getattr(entry, "books", ()):
                for line in book.lines if len(book.lines) == 1 else ():
                    self.figures.setdefault(f"{head['id']}.{line}", str(book.steps))

    def _refund(self, member: Member, fact: Facts, head: Facts) -> None:
        member.record(Refund(**head, purchase=fact["order"], lines=[RefundLine(id=line) for line in fact["lines"]]))

    def _redeem(self, member: Member, fact: Facts, head: Facts) -> None:
        amount = self.unit("points").of(fact["points"])
        decision = member.record(Redemption(**head, reward="pay", amount=amount))
        self.figures[fact["id"]] = str(money(decision))

    def _redeem_voucher(self, member: Member, fact: Facts, head: Facts) -> None:
        usd = self.unit("USD")
        cart = [Line(total=usd.of(fact["order_total"]))]
        decision = member.record(Redemption(**head, reward=fact["name"], cart=cart))
        self.figures[f"{fact['id']}.applied"] = usd.digits(money(decision))
        unit = self.unit(VOUCHERS[fact["name"]])
        self.figures[f"{fact['id']}.forfeited"] = unit.digits(member.moved(fact["id"], "expired", unit))
        self.used.append(str(max(part.validity.expires_at for part in member.taken(fact["id"], unit))))  # type: ignore[type-var]

    def _first_fix_ships(self, member: Member, fact: Facts, head: Facts) -> None:
        member.record(Activity(**head, kind="friend_first_fix"))

    def _styling_fee(self, member: Member, fact: Facts, head: Facts) -> None:
        fee = Line(total=self.unit("USD").of(self.case["terms"]["styling_fee"]), kind=LineKind.FEE)
        quoted = self.checkout(member, Purchase(**head, lines=[fee]), ("credit",))
        assert quoted.due is not None
        self.figures[f"{fact['id']}.card"] = self.unit("USD").digits(quoted.due.steps)

    def _checkout(self, member: Member, fact: Facts, head: Facts) -> None:
        kept = [Line(total=self.unit("USD").of(fact["kept"]))]
        quoted = self.checkout(member, Purchase(**head, lines=kept), ("fee", "credit"))
        assert quoted.due is not None
        self.figures[f"{fact['id']}.due"] = self.unit("USD").digits(quoted.due.steps)

    def checkout(self, member: Member, cart: Purchase, rewards: tuple[str, ...]) -> Quote:
        """Quotes a cart with all that may pay it, and records what comes of it."""
        requests = [
            Redemption(id=f"{cart.id}/{reward}", member=member.id, occurred_at=cart.occurred_at, reward=reward)
            for reward in rewards
        ]
        quoted = quote(self.program, member.state, cart, requests=requests, history=member.commits)
        for redemption in quoted.redemptions:
            member.record(redemption)
        member.record(quoted.purchase)
        return quoted

    def check(self, fact: Facts, at: datetime) -> list[str]:
        """The figures of a checkpoint that are not the library's."""
        member = self.member(fact["member"])
        standing = member.standing(at)
        stated: dict[str, tuple[object, object]] = {}
        for code, figure in fact.get("balances", {}).items():
            unit = self.unit("points" if code == "regular" else code)
            stated[code] = (unit.of(str(figure)), standing.available(unit))
        if "tier" in fact:
            stated["tier"] = (fact["tier"], standing.level("tier"))
        for name, figure in fact.get("amounts", {}).items():
            stated[name] = (str(figure), self.figures[name])
        for n, voucher in enumerate(fact.get("vouchers", ())):
            unit = self.unit(VOUCHERS[voucher["name"]])
            label = "note" if voucher["name"] == "note" else None
            held = standing.available(unit, label)
            if voucher["status"] == "used":
                stated["voucher"] = ((0, voucher["expires_at"]), (held.steps, self.ended(voucher["expires_at"])))
            else:
                of = unit.of(voucher["value"])
                stated[f"voucher {n}"] = (len(fact["vouchers"]) * of.steps, held.steps)
        if fact.get("vouchers") == []:
            stated["vouchers"] = (0, standing.available(self.unit("notes"), "note").steps)
        return [f"{fact['at']} {name}: {want}, not {got}" for name, (want, got) in stated.items() if want != got]

    def ended(self, expires_at: str) -> str | None:
        """The end that the voucher had which was used, as the case writes it."""
        return expires_at if self.used == [str(parse_instant(expires_at))] else None


def money(decision: Decision) -> int:
    """What a request takes off, in steps."""
    return sum(b.amount.steps for b in decision.benefits if b.kind is BenefitKind.MONEY_OFF and b.amount is not None)


@pytest.mark.parametrize("name", OF_CASE)
def test_case(name: str) -> None:
    """Each checkpoint of the case finds the figures that it states, exactly."""
    assert Play(CASES[name]).wrong() == []


@pytest.mark.parametrize("name", OF_CASE)
def test_ledger_of_a_case(name: str) -> None:
    """Each account is the sound fold of its commits."""
    play = Play(CASES[name])
    play.wrong()
    for member in play.members.values():
        assert fold(member.commits, calendar=member.program.calendar) == member.state
        assert audit(member.commits, calendar=member.program.calendar).commits == len(member.commits)


@pytest.mark.parametrize("path", sorted(DOCUMENTS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_document_goes_round(path: Path) -> None:
    """Read from TOML, written as JSON, read again: the same program, and the same bytes."""
    program = document(path.stem)
    text = Codec().dump(program)
    assert Codec().load(text, Program) == program
    assert Codec().dump(Codec().load(text, Program)) == text


# What other systems' tests ask of a cart.

QUOTES = document("quotes")


def off(reward: str, lines: list[Line], state: State | None = None, **fields: Any) -> str:
    """What a reward takes off a cart."""
    money_unit = next(unit for unit in QUOTES.units if unit.code == lines[0].total.unit)
    request = Redemption(id="r", member="m", occurred_at=START, reward=reward, **fields)
    decision = QUOTES.decide(
        state or State.of("m"), Redemption(id="r", member="m", occurred_at=START, reward=reward, cart=lines, **fields)
    )
    cart = Purchase(id="o", member="m", occurred_at=START, lines=lines)
    quoted = quote(QUOTES, state or State.of("m"), cart, requests=[request])
    taken = money(decision)
    assert isinstance(decision, Rejected) or [each.off for each in quoted.applied] == [taken]
    return money_unit.digits(taken)


def unit(code: str) -> Unit:
    """A unit of the quotes' program."""
    return next(each for each in QUOTES.units if each.code == code)


def test_odoo_cheapest_of_a_tag() -> None:
    """10% off the cheapest unit that carries the tag."""
    case = CASES["odoo-cheapest-of-a-tag"]
    for event in case["events"]:
        lines = [Line(total=unit("USD").of(line["gross"]), tags=line["tags"]) for line in event["lines"]]
        assert off("cheapest-tagged", lines) == case["expect"]["after"][event["id"]]["discount"]


def test_oscar_multibuy_and_fixed_price() -> None:
    """The cheapest unit free, or a bundle at a price, once, where quantity or value is reached."""
    case, gbp = CASES["oscar-multibuy-and-fixed-price"], unit("GBP")
    for event in case["events"]:
        lines = [
            Line(total=gbp.steps(gbp.of(line["price"]).steps * int(line["quantity"])), quantity=line["quantity"])
            for line in event["lines"]
        ]
        reward = "three-for-20" if event["gives"] == "fixed price" else "cheapest-free-of-3"
        if "needs_value" in event:
            reward = "cheapest-free-from-10"
        assert off(reward, lines) == case["expect"]["after"][event["id"]]["discount"]


def test_solidus_first_item_then_more() -> None:
    """One amount off the first item and another off each further one, up to a number of items."""
    case = CASES["solidus-first-item-then-more"]
    for event in case["events"]:
        lines = [Line(total=unit("USD").of(10 * int(event["quantity"])), quantity=event["quantity"])]
        reward = "first-then-more-of-5" if "max_items" in event else "first-then-more"
        reward = "more-only" if event["first"] == "0.00" else reward
        assert off(reward, lines) == case["expect"]["after"][event["id"]]["discount"]


def test_mavn_best_burn_rule() -> None:
    """Of several rewards of one group the one that is worth most is kept."""
    case, tokens = CASES["mavn-best-burn-rule"], unit("tokens")
    opening = Adjustment(id="a", member="m", occurred_at=START, amount=tokens.of(10), actor="ops", reason="opening")
    state = QUOTES.decide(State.of("m"), opening).state
    assert state is not None
    (event,) = case["events"]
    requests = [Redemption(id=rule["id"], member="m", occurred_at=START, reward=rule["id"]) for rule in event["rules"]]
    cart = Purchase(id="o", member="m", occurred_at=START, lines=[Line(total=unit("USD").of(1000))])
    quoted = quote(QUOTES, state, cart, requests=requests)
    assert [each.reward for each in quoted.applied] == [case["expect"]["after"]["e1"]["rule"]]
