"""Golden cases of levels: the documents of `examples/programs`, played event by event."""

from __future__ import annotations

from typing import Any

import pytest
from runner import KINDS, Facts, Member, cases_of, example

from patronage import (
    Activity,
    Adjustment,
    Enrolment,
    Line,
    LineKind,
    Purchase,
    Refund,
    RefundLine,
    StatusGrant,
    Unit,
    currency,
    fold,
)
from patronage.audit import audit
from patronage.periods import parse_instant

CASES = cases_of("tiers")
OF_CASE = {
    "seph": "sephora",
    "sbux": "starbucks_from_2026",
    "oda": "odacite",
    "aa": "american_aadvantage",
    "nap": "net_a_porter",
    "delta": "delta_medallion",
}
COUNTED = {"spend_window": "spend", "mrp.counted": "{currency}_spend"}


class Play:
    """A case being played: each checkpoint after the events of its instant."""

    def __init__(self, case: Facts) -> None:
        self.case, self.program = case, example(OF_CASE[case["id"].partition("-")[0]])
        self.members: dict[str, Member] = {}

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
            elif fact["type"] != "period_close":  # Time closes periods by itself.
                self.tell(fact, at)
        return found

    def tell(self, fact: Facts, at: Any) -> None:
        """One event of the case."""
        member = self.member(fact["member"])
        head = {"id": fact.get("id", f"{fact['type']}-{fact['seq']}"), "member": member.id, "occurred_at": at}
        if fact["type"] == "enrol":
            member.record(Enrolment(**head))
        elif fact["type"] == "opening":
            for code in ("loyalty_points", "miles"):
                self.opening(member, code, fact[code], at)
        elif fact["type"] == "purchase":
            money = currency(fact.get("currency", self.case["terms"]["currency"]))
            kinds = {**KINDS, "duty": LineKind.FEE}
            lines = [
                Line(id=line["id"], total=money.of(line["amount"]), kind=kinds[line["kind"]]) for line in fact["lines"]
            ]
            member.record(Purchase(**head, lines=lines))
        elif fact["type"] == "flight":
            fares = [(fact["base_fare"], LineKind.GOODS), (fact["carrier_fees"], LineKind.GOODS)]
            fares.append((fact["taxes"], LineKind.FEE))
            lines = [Line(total=currency("USD").of(total), kind=kind) for total, kind in fares]
            member.record(Purchase(**head, lines=lines))
        elif fact["type"] == "refund":
            back = [RefundLine(id=line) for line in fact["lines"]]
            member.record(Refund(**head, purchase=fact["order"], lines=back))
        elif fact["type"] == "gift_tier":
            until = parse_instant("2018-01-01T00:00:00-05:00")
            member.record(StatusGrant(**head, key="tier", value=fact["tier"], until=until, actor="ops", reason="gift"))
        else:
            assert fact["type"] == "earn_mqm"
            member.record(Activity(**head, kind="miles_flown", count=fact["mqm"]))

    def opening(self, member: Member, code: str, quantity: int, at: Any) -> None:
        """What the case begins with, as an operator books it: counted points end with their year."""
        ends = None
        if code == "loyalty_points":
            ends = self.program.calendar.start_of_day(at.date().replace(year=at.year + 1, month=3, day=1))
        member.record(
            Adjustment(
                id=f"opening-{code}",
                member=member.id,
                occurred_at=at,
                amount=self.unit(code).of(quantity),
                actor="ops",
                reason="opening",
                expires_at=ends,
            )
        )

    def check(self, fact: Facts, at: Any) -> list[str]:
        """The figures of a checkpoint that are not the library's."""
        member = self.member(fact["member"])
        standing = member.standing(at)
        stated: dict[str, tuple[object, object]] = {}
        for code, figure in fact.get("balances", {}).items():
            stated[code] = (self.unit(code).of(str(figure)), standing.available(self.unit(code)))
        if "tier" in fact:
            stated["tier"] = (fact["tier"], standing.level("tier"))
        for name, figure in fact.get("amounts", {}).items():
            if name == "mrp.tier":
                stated[name] = (figure, standing.level("tier"))
            elif name in COUNTED:
                unit = self.unit(COUNTED[name].format(currency=self.case["terms"]["currency"].lower()))
                stated[name] = (unit.of(figure), standing.available(unit))
            else:
                unit = self.unit("miles")
                stated[name] = (unit.of(figure), member.decisions[name].earned(unit).total)
        for lot in fact.get("lots", ()):
            unit = next(unit for unit in self.program.units if unit.code in fact["balances"])
            if lot["expires_at"] is not None:
                ends = {one.source.root: one.validity.expires_at for one in standing.lots(unit) if one.source}
                stated[lot["source"]] = (parse_instant(lot["expires_at"]), ends.get(lot["source"]))
        return [f"{fact['at']} {name}: {want}, not {got}" for name, (want, got) in stated.items() if want != got]


@pytest.mark.parametrize("name", sorted(CASES))
def test_case(name: str) -> None:
    """Each checkpoint of the case finds the figures that it states, exactly."""
    assert Play(CASES[name]).wrong() == []


@pytest.mark.parametrize("name", sorted(CASES))
def test_ledger_of_a_case(name: str) -> None:
    """Each account is the sound fold of its commits."""
    play = Play(CASES[name])
    play.wrong()
    for member in play.members.values():
        assert fold(member.commits, calendar=member.program.calendar) == member.state
        assert audit(member.commits, calendar=member.program.calendar).commits == len(member.commits)
