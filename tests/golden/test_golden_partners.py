"""Golden cases of donations and partners: documents alone, played event by event, ledgers sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from runner import Facts, cases_of, example

from patronage import (
    Account,
    Activity,
    Commit,
    DonationPolicy,
    Event,
    Line,
    LineKind,
    PartnerPolicy,
    Program,
    Purchase,
    Rejected,
    StatusGrant,
    currency,
    fold,
)
from patronage.audit import audit
from patronage.charities import CharityChosen
from patronage.codec import Codec
from patronage.donations import donations
from patronage.loyalty import Loyalty
from patronage.partnerships import PartnerLinked, PartnerWindow
from patronage.periods import QUARTER, YEAR, parse_instant
from patronage.settlements import settlements
from patronage.stores.memory import MemoryLedger

CASES = cases_of("partners")
USD = currency("USD")
KINDS = {"goods": LineKind.GOODS, "gift_card": LineKind.GIFT_CARD}


class Play:
    """A case being played on a service over a store in memory; checkpoints are read after the time they state."""

    def __init__(self, case: Facts, program: Program) -> None:
        self.case, self.program = case, program
        self.ledger = MemoryLedger()
        last = parse_instant(case["expect"]["checkpoints"][-1]["at"])
        self.loyalty = Loyalty(program, self.ledger, clock=lambda: last + timedelta(days=1))
        self.told: dict[tuple[str, str], int] = {}

    def record(self, event: Event) -> None:
        """Records an event, which is accepted."""
        decision = self.loyalty.record(event)
        assert not isinstance(decision, Rejected), decision.refusal
        if isinstance(event, Purchase):
            unit = next(unit for unit in self.program.units if unit.code != "USD")
            self.told[(event.member, event.id)] = decision.earned(unit).total.steps

    def tell(self, fact: Facts) -> None:
        """One event of the case."""
        at, member = parse_instant(fact["at"]), fact["member"]
        head: dict[str, Any] = {
            "id": fact.get("id", f"{fact['type']}-{fact['seq']}"),
            "member": member,
            "occurred_at": at,
        }
        match fact["type"]:
            case "choose_charity":
                self.record(CharityChosen(**head, policy="smile", charity=fact["charity"]))
            case "purchase":
                lines = [
                    Line(
                        id=line["id"],
                        kind=KINDS[line["kind"]],
                        total=USD.of(line["amount"]),
                        tags=line.get("flags", ()),
                    )
                    for line in fact["lines"]
                ]
                self.record(Purchase(**head, lines=lines))
            case "link":
                self.record(PartnerLinked(**head, policy="partners", partner="uber", account=f"uber-{member}"))
                self.record(
                    StatusGrant(
                        **{**head, "id": f"tier-{member}"}, key="tier", value=fact["tier"], actor="ops", reason="x"
                    )
                )
                if fact.get("promo_registered"):
                    self.record(Activity(**{**head, "id": f"register-{member}"}, kind="register"))
            case "stay_posted":
                self.record(Activity(**head, kind="stay_posted"))
            case "stay_booked":
                first, last = parse_instant(fact["checkin"]), parse_instant(fact["checkout"])
                self.record(PartnerWindow(**head, policy="partners", window="stay", starts_at=first, ends_at=last))
            case "ride":
                line = Line(total=USD.of(fact["amount"]))
                self.record(Purchase(**head, lines=(line,), attributes={"partner": "uber"}))
            case "period_close":
                pass  # It closes by itself.
            case other:
                raise AssertionError(other)

    def play(self) -> Iterator[tuple[Facts, datetime]]:
        """Each checkpoint, once what it states has been told and time has done its part."""
        events = sorted(self.case["events"], key=lambda fact: (parse_instant(fact["at"]), fact["seq"]))
        for checkpoint in self.case["expect"]["checkpoints"]:
            at = parse_instant(checkpoint["at"])
            while events and parse_instant(events[0]["at"]) <= at:
                self.tell(events.pop(0))
            for done in self.loyalty.run_due(until=at):
                assert not isinstance(done, Rejected)
            yield checkpoint, at

    def commits(self, account: Account) -> list[Commit]:
        """An account's commits; they are sound."""
        found = list(self.ledger.history(account))
        if found:
            audit(found, calendar=self.program.calendar)
            assert fold(found, calendar=self.program.calendar) == self.ledger.load([account])[account].state
        return found


def of_policy(program: Program, kind: type[Any]) -> Any:
    """The program's policy of a kind."""
    return next(each for terms in program.terms for each in terms.policies if isinstance(each, kind))


def charity_figures(play: Play, until: datetime) -> dict[str, Callable[[], Fraction]]:
    """What a case states of charity A, by name: in money."""
    policy: DonationPolicy = of_policy(play.program, DonationPolicy)
    account = policy.account("A")
    rows = donations(play.program, "smile", QUARTER, [*play.commits(Account.member("M1")), *play.commits(account)])
    closed = [row for row in rows if row.period.end <= until]
    decimals = 10 ** next(unit.decimals for unit in play.program.units if unit.code == policy.unit)

    def accrued() -> Fraction:
        return Fraction(sum(row.net.steps for row in closed), decimals)

    def paid() -> Fraction:
        last = [row.paid.steps for row in closed if row.period.end == until and row.paid is not None]
        return Fraction(sum(last), 100)

    return {
        "A.accrued_exact": accrued,
        "A.paid": paid,
        "A.carried": lambda: accrued() - Fraction(sum(row.paid.steps for row in closed if row.paid), 100),
    }


@pytest.mark.parametrize("name", ["smile-01", "smile-02"])
def test_a_share_of_purchases(name: str) -> None:
    """Half a percent is counted exactly, carried below the minimum, paid at the quarter's close, rounded once."""
    play = Play(CASES[name], example("donation_percentage"))
    for checkpoint, at in play.play():
        figures = charity_figures(play, at)
        for figure, stated in checkpoint["amounts"].items():
            if figure in figures:
                assert figures[figure]() == Fraction(stated), (checkpoint["at"], figure)


def test_a_share_rounded_on_each_line() -> None:
    """What the case states for rounding each line: 5.05 in place of 5.0225."""
    path = Path(__file__).with_name("programs_partners") / "donation_by_line.toml"
    play = Play(CASES["smile-01"], Codec().load_toml(path.read_text(encoding="utf-8"), Program))
    for checkpoint, at in play.play():
        stated = checkpoint["amounts"]["A.if_rounded_per_line_half_up"]
        assert charity_figures(play, at)["A.accrued_exact"]() == Fraction(stated)


@pytest.mark.parametrize("name", ["spg-01", "spg-02", "spg-04"])
def test_rides_of_a_partner(name: str) -> None:
    """Each ride earns what the case states, and the balance is theirs; the settlement is of those very points."""
    play = Play(CASES[name], example("starwood_uber"))
    members = sorted({fact["member"] for fact in CASES[name]["events"]})
    for checkpoint, at in play.play():
        member = checkpoint["member"]
        for ride, stated in checkpoint["amounts"].items():
            assert play.told[(member, ride)] == stated, (member, ride)
        points = next(unit for unit in play.program.units if unit.code == "starpoints")
        assert play.loyalty.standing(member, at=at).available(points).steps == checkpoint["balances"]["starpoints"]
    policy: PartnerPolicy = of_policy(play.program, PartnerPolicy)
    accounts = [play.commits(Account.member(member)) for member in members]
    rows = settlements(play.program, policy.name, YEAR, accounts)
    assert sum(row.net.steps for row in rows) == sum(play.told.values())
