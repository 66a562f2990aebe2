"""Golden cases of rewards that a card or a threshold gave, on the documents of `examples/programs`."""

from __future__ import annotations

from typing import Any

import pytest
from runner import Facts, Member, cases_of, example, money_off

from patronage import Accepted, Adjustment, BenefitKind, Enrolment, Line, Purchase, Redemption, Rejected, Unit, fold
from patronage.audit import audit
from patronage.ledger import GrantChange, GrantEntry
from patronage.periods import parse_instant
from patronage.quotes import quote

CASES = cases_of("examples")


class Play:
    """A case being played; *told* are figures that its events came to."""

    def __init__(self, name: str, document: str) -> None:
        self.case: Facts = CASES[name]
        self.member = Member(example(document), "M1")
        self.money = self.member.program.units[0]
        self.told: dict[str, str] = {}

    def unit(self, code: str) -> Unit:
        """The unit of that code."""
        return next(unit for unit in self.member.program.units if unit.code == code)

    def tell(self, fact: Facts) -> None:
        """One event of the case."""
        name = fact.get("id", fact["type"])
        head: dict[str, Any] = {"id": name, "member": "M1", "occurred_at": parse_instant(fact["at"])}
        member, money = self.member, self.money
        if fact["type"] == "enrol":
            member.record(Enrolment(**head))
        elif fact["type"] == "opening":
            amount = self.unit("punches").of(fact["punches"])
            member.record(Adjustment(**head, amount=amount, actor="ops", reason="opening"))
        elif fact["type"] == "purchase":
            lines = [
                Line(id=line["id"], total=money.of(line["amount"]), category=line.get("category"))
                for line in fact["lines"]
            ]
            cart = Purchase(**head, lines=lines)
            if "reward_on" in fact:
                request = Redemption(**{**head, "id": f"{name}-drink"}, reward="free_drink")
                quoted = quote(member.program, member.state, cart, requests=[request], history=member.commits)
                assert [applied.shares.keys() for applied in quoted.applied] == [{fact["reward_on"]}]
                for redemption in quoted.redemptions:
                    self.told[f"{name}.discount"] = money.digits(money_off(member.record(redemption)))
                assert quoted.due is not None
                self.told[f"{name}.due"] = money.digits(quoted.due.steps)
                cart = quoted.purchase
            member.record(cart)
        elif fact["type"] == "donate_voucher":
            given = member.record(Redemption(**head, reward="donation", choices=[fact["recipient"]])).require()
            (benefit,) = given.benefits
            assert (benefit.kind, benefit.item) == (BenefitKind.DONATION, fact["recipient"])
            assert benefit.amount is not None
            self.told[f"donated.{fact['recipient']}"] = money.digits(benefit.amount.steps)
        else:
            cart_of = [Line(total=money.of(fact["order_total"]))]
            spent = member.record(Redemption(**head, reward=fact["name"], cart=cart_of))
            assert isinstance(spent, Accepted | Rejected)
            self.told[f"{name}.applied"] = money.digits(money_off(spent))

    def play(self) -> list[str]:
        """What the checkpoints state and the library does not."""
        wrong: list[str] = []
        events = list(self.case["events"])
        for fact in self.case["expect"]["checkpoints"]:
            at = parse_instant(fact["at"])
            while events and parse_instant(events[0]["at"]) <= at:
                self.tell(events.pop(0))
            standing = self.member.standing(at)
            stated = {
                code: (self.unit(code).of(figure), standing.available(self.unit(code)))
                for code, figure in fact.get("balances", {}).items()
            }
            wrong += [f"{fact['at']} {name}: {figures}" for name, figures in stated.items() if figures[0] != figures[1]]
            for name, figure in fact.get("amounts", {}).items():
                if self.told[name] != figure:
                    wrong.append(f"{fact['at']} {name}: {figure}, not {self.told[name]}")
            if [voucher["status"] for voucher in fact.get("vouchers", ())] != self.vouchers(standing):
                wrong.append(f"{fact['at']} vouchers: {self.vouchers(standing)}")
        return wrong

    def vouchers(self, standing: Any) -> list[str]:
        """What has become of each voucher: a note that is a balance, or a drink that is a right."""
        if self.member.program.id == "body-shop-uk":
            notes = self.unit("rewards")
            held, given = (
                standing.available(notes, "reward").steps,
                notes.of(self.told.get("donated.charity-1", 0)).steps,
            )
            return ["open"] * (held // 500) + ["donated"] * (given // 500)
        changes = [
            entry.change
            for commit in self.member.commits
            for entry in commit.entries
            if isinstance(entry, GrantEntry) and entry.grant.key == "free_drink"
        ]
        return ["used" if GrantChange.USED in changes else "open"] if changes else []


@pytest.mark.parametrize(("name", "document"), [("punch-02", "punch_card"), ("tbs-03", "body_shop_uk")])
def test_case(name: str, document: str) -> None:
    """Each checkpoint of the case finds the figures that it states, exactly; the ledger is sound."""
    play = Play(name, document)
    assert play.play() == []
    member = play.member
    assert fold(member.commits, calendar=member.program.calendar) == member.state
    assert audit(member.commits, calendar=member.program.calendar).commits == len(member.commits)


def test_the_free_drink_lives_for_thirty_days() -> None:
    """punch-02: the drink that the ninth punch gave ends where the case says."""
    play = Play("punch-02", "punch_card")
    for fact in play.case["events"][:2]:
        play.tell(fact)
    (drink,) = play.member.standing(parse_instant("2025-02-02T10:00:00+01:00")).grants("free_drink")
    (expected,) = play.case["expect"]["checkpoints"][0]["vouchers"]
    assert drink.valid_until == parse_instant(expected["expires_at"])
