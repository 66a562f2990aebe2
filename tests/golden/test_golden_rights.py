"""Golden cases of challenges, offers and memberships: the documents of `examples/programs`, played event by event."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from runner import Facts, Member, cases_of, example, same

from patronage import (
    Accepted,
    Activity,
    Adjustment,
    BenefitKind,
    Cancellation,
    Enrolment,
    Event,
    Line,
    LineKind,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    StatusGrant,
    Transfer,
    Unit,
    currency,
    fold,
)
from patronage.audit import audit
from patronage.codec import Codec
from patronage.ledger import GrantChange, GrantEntry
from patronage.memberships import MembershipCancelled, MembershipStarted
from patronage.periods import parse_instant
from patronage.terms_of_time import months

CASES = cases_of("rights")
OF_CASE = {
    "punch": "punch_card",
    "nutri": "nutrition_challenge",
    "msr": "microsoft_rewards",
    "tbs-01": "body_shop_us",
    "tbs-02": "body_shop_south_africa",
    "bank": "bank_switching_bonus",
    "huel": "huel",
    "offer": "personalised_offers",
    "macy": "macys",
    "sbux": "starbucks_from_2026",
    "prime": "amazon_prime",
    "panera": "panera_sip_club",
}
KINDS = {"goods": LineKind.GOODS, "shipping": LineKind.SHIPPING, "gift_card": LineKind.GIFT_CARD}
VOUCHERS = ("free_drink", "voucher", "birthday", "birthday_treat")
COUNTS = {"weeks_in_a_row": "weeks", "streak": "streak", "spend40.progress": "spent", "meals": "meals"}
OPENING = ("points", "month_points", "punches", "meals")
ACTIVITIES = (
    "enrol_coupon",
    "open_account",
    "deposit",
    "search",
    "daily_set",
    "set_protection",
    "use_benefit",
    "activate",
)


class Play:
    """A case being played: each checkpoint after the events of its instant."""

    def __init__(self, case: Facts) -> None:
        self.case, self.terms = case, case["terms"]
        name = OF_CASE.get(case["id"]) or OF_CASE[case["id"].partition("-")[0]]
        # A document stands for one market; and one case states what stacks otherwise.
        other = {"stacking": "product"} if self.terms.get("stacking") == "multiply" else {}
        self.program = example(name, time_zone=self.terms["tz"], **other)
        self.members = dict[str, Member]()
        self.money = currency(self.terms["currency"])

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
                for event in self.events(fact, at):
                    self.member(fact["member"]).record(event)
        return found

    def events(self, fact: Facts, at: datetime) -> list[Event]:
        """One fact of the case as the shop tells it."""
        kind, name = fact["type"], fact.get("id", f"{fact['type']}-{fact['seq']}")
        head: dict[str, Any] = {"id": name, "member": fact["member"], "occurred_at": at}
        stated = {key: fact[key] for key in ("source", "offer", "value", "birth_date", "protection") if key in fact}
        attributes = {key: value for key, value in stated.items() if kind != "use_benefit"}
        if kind == "enrol":
            return [Enrolment(**head, attributes=attributes)]
        if kind == "opening":
            return self.opening(fact, head, at)
        if kind == "prior_bonus":
            until = months(24).end(at, self.program.calendar)
            return [StatusGrant(**head, key="had_bonus", until=until, actor="ops", reason="prior")]
        if kind in ACTIVITIES:
            measures = {"amount": fact["amount"]} if "amount" in fact else {}
            if kind == "use_benefit":
                measures = {"value": fact["value"]}
            more = {"channel": fact.get("channel"), "count": fact.get("count", 1)}
            return [Activity(**head, kind=kind, measures=measures, attributes=attributes, **more)]
        if kind in ("purchase", "store_purchase"):
            return [Purchase(**head, lines=self.lines(fact), attributes=self.flags(fact))]
        if kind in ("refund", "cancel_order"):
            if "lines" not in fact:
                return [Cancellation(**head, undoes=fact["order"])]
            return [Refund(**head, purchase=fact["order"], lines=[RefundLine(id=line) for line in fact["lines"]])]
        if kind == "redeem_points":
            return [Redemption(**head, reward="pay", amount=self.unit("points").of(fact["points"]))]
        if kind == "drink":
            return [Redemption(**head, reward="drink", cart=[Line(total=self.money.of(fact["price"]))])]
        return [self.membership(fact, head)]

    def membership(self, fact: Facts, head: dict[str, Any]) -> Event:
        """A start, or a cancellation: one that wants no refund waits for the end of the term."""
        policy = "sip" if "interval" in self.terms else "prime"
        if fact["type"] == "cancel":
            wanted = bool(fact.get("refund"))
            return MembershipCancelled(**head, policy=policy, at_term_end=not wanted, refund=wanted)
        trial = fact["type"] == "start_trial" or bool(self.terms.get("trial_months"))
        return MembershipStarted(**head, policy=policy, plan=fact.get("plan", "drinks"), trial=trial)

    def opening(self, fact: Facts, head: dict[str, Any], at: datetime) -> list[Event]:
        """What the case begins with, as an operator books it."""
        made: list[Event] = []
        for code in OPENING:
            if code in fact:
                ends = None
                if code == "month_points":
                    ends = self.program.calendar.start_of_day(at.date().replace(day=1, month=at.month + 2))
                made.append(
                    Adjustment(
                        **{**head, "id": f"opening-{code}"},
                        amount=self.unit(code).of(fact[code]),
                        actor="ops",
                        reason="opening",
                        expires_at=ends,
                    )
                )
        if "birth_date" in fact:
            given: dict[str, Any] = {"actor": "ops", "reason": "opening"}
            made.append(StatusGrant(**{**head, "id": "tier"}, key="tier", value=fact["tier"], **given))
            made.append(StatusGrant(**{**head, "id": "born"}, key="born", value=fact["birth_date"], **given))
        return made

    def lines(self, fact: Facts) -> list[Line]:
        """The lines of a purchase; a bare amount is one."""
        return [
            Line(
                id=line["id"],
                total=self.money.of(line["amount"]),
                kind=KINDS[line["kind"]],
                category=line.get("category"),
                sku=line.get("sku"),
                measures={"meals": line["meals"]} if "meals" in line else {},
            )
            for line in fact.get("lines", [{"id": "1", "amount": fact.get("amount"), "kind": "goods"}])
        ]

    def flags(self, fact: Facts) -> dict[str, bool]:
        """What else a purchase states."""
        return {"gold": bool(fact.get("gold")), "featured": "offer_points" in fact}

    # Checkpoints.

    def check(self, fact: Facts, at: datetime) -> list[str]:
        """The figures of a checkpoint that are not the library's."""
        if fact["member"] not in self.members:
            return []
        member = self.members[fact["member"]]
        passed = self.program.advance(member.state, at)
        member.commits.extend(passed.commits)
        member.state = passed.state or member.state
        stated: list[tuple[str, object, object]] = []
        for code, figure in fact.get("balances", {}).items():
            stated.append((code, figure, self.balance(member, code, at)))
        for name, figure in fact.get("amounts", {}).items():
            got = self.figure(member, name, at)
            if got is not None:
                stated.append((name, figure, got))
        if "vouchers" in fact:
            stated.append(("vouchers", fact["vouchers"], self.vouchers(member, fact["vouchers"], at)))
        if "tier" in fact:
            stated.append(("tier", fact["tier"], member.standing(at).level("level")))
        if "active" in fact:
            stated.append(("active", fact["active"], bool(member.standing(at).grants("prime"))))
        return [f"{fact['at']} {name}: {want}, not {got}" for name, want, got in stated if not same(want, got)]

    def balance(self, member: Member, code: str, at: datetime) -> str:
        """What can be spent of a unit, or is pending."""
        standing = member.standing(at)
        if code in ("available", "pending"):
            points = self.unit("points")
            amount = standing.available(points) if code == "available" else standing.pending(points)
            return points.digits(amount.steps)
        return self.unit(code).digits(standing.available(self.unit(code)).steps)

    def figure(self, member: Member, name: str, at: datetime) -> object:
        """A figure that a checkpoint names; None for what is the shop's own."""
        standing, order = member.standing(at), name.partition(".")[0]
        if name in COUNTS:
            unit = self.unit(COUNTS[name])
            return unit.digits(standing.available(unit).steps)
        if name == "protection_used":
            return sum(lot.steps for lot in member.state.lots.get("daily.set-protection", ()))
        if name == "challenges_completed":
            return standing.available(self.unit("reward")).steps // 1000
        if name == "lost":
            return self.moved(member, "stamps") - 8
        if name.endswith(".converted"):
            return sum(e.steps for e in _consumed(member) if f"{order[:4]}-{order[4:]}" in e.about.root)
        if name == "qualifying_sum":
            unit = self.unit("deposits")
            return unit.digits(
                sum(e.steps for e in _transfers(member) if e.unit == "deposits" and e.reason.code == "earned")
            )
        if name == "qualified":
            return standing.available(self.unit("bonus")).steps > 0
        if name == "eligible":
            return bool(standing.grants("had_bonus")) and standing.available(self.unit("bonus")).steps > 0
        if name == "gifts":
            told = [d for key, d in member.decisions.items() if not key.startswith("opening")]
            products = [b for decision in told for b in decision.benefits if b.kind is BenefitKind.PRODUCT]
            return [benefit.reward for benefit in products]
        if name == "membership_until":
            return _local(max(g.valid_until for g in standing.grants("membership") if g.valid_until), self.program)
        if name == "coffee3x.bonus":
            return sum(b.steps for e in _transfers(member) for b in e.books if b.rule == "coffee3x")
        if name in ("charged", "refunded"):
            kind = BenefitKind.CHARGE if name == "charged" else BenefitKind.PAYOUT
            found = [b.amount.steps for c in member.commits for b in c.benefits if b.kind is kind and b.amount]
            return self.money.digits(sum(found))
        if name == "paid_start":
            (paid,) = [grant for grant in standing.grants("prime") if grant.occasion == ""]
            return _local(paid.valid_from, self.program)
        if name.endswith(".due"):
            return "0.00" if isinstance(member.decisions[order], Accepted) else self.price(order)
        if name in member.decisions:
            return member.earned(name, self.unit("points"))
        return None

    def price(self, drink: str) -> str:
        """What a drink costs that is not free."""
        return next(str(fact["price"]) for fact in self.case["events"] if fact.get("id") == drink)

    def moved(self, member: Member, unit: str) -> int:
        """What thresholds used up of a unit."""
        return sum(entry.steps for entry in _consumed(member) if entry.unit == unit)

    def vouchers(self, member: Member, wanted: list[Facts], at: datetime) -> list[dict[str, object]]:
        """All vouchers in the order in which they were given, with what the case says of each."""
        given = {}
        for commit in member.commits:
            for entry in commit.entries:
                if isinstance(entry, GrantEntry) and entry.grant.key in VOUCHERS and entry.change is GrantChange.GIVEN:
                    given[entry.grant.identity] = entry.grant
        found: list[dict[str, object]] = []
        for grant, want in zip(given.values(), [*wanted, *({} for _ in given)], strict=False):
            open_now = any(one.identity == grant.identity for one in member.standing(at).grants(grant.key))
            facts: dict[str, object] = {
                "name": grant.key,
                "value": grant.value,
                "status": "open" if open_now else "expired",
                "expires_at": None if grant.valid_until is None else _local(grant.valid_until, self.program),
            }
            found.append({key: facts[key] for key in want} if want else facts)
        return found


def _transfers(member: Member) -> list[Transfer]:
    return [entry for commit in member.commits for entry in commit.entries if isinstance(entry, Transfer)]


def _consumed(member: Member) -> list[Transfer]:
    return [entry for entry in _transfers(member) if entry.reason.code == "consumed"]


def _local(at: datetime, program: Program) -> str:
    """An instant as the case writes it: in the program's zone."""
    return program.calendar.local(at).isoformat()


STORIES = sorted(name for name in CASES if "expect" in CASES[name] and "checkpoints" in CASES[name]["expect"])


@pytest.mark.parametrize("name", STORIES)
def test_case(name: str) -> None:
    """Each checkpoint of the case finds the figures that it states, exactly."""
    assert Play(CASES[name]).wrong() == []


@pytest.mark.parametrize("name", STORIES)
def test_ledger_of_a_case(name: str) -> None:
    """Each account is the sound fold of its commits."""
    play = Play(CASES[name])
    play.wrong()
    for member in play.members.values():
        assert fold(member.commits, calendar=member.program.calendar) == member.state
        assert audit(member.commits, calendar=member.program.calendar).commits == len(member.commits)


def test_a_campaign_with_one_step() -> None:
    """mavn-campaign-step-and-completion-reward: the step and the whole at once; nothing more after it."""
    case = CASES["mavn-campaign-step-and-completion-reward"]
    text = Path(__file__).with_name("programs_rights").joinpath("welcome.toml").read_text(encoding="utf-8")
    member = Member(Codec().load_toml(text, Program))
    points = next(unit for unit in member.program.units if unit.code == "points")
    before = 0
    for fact in case["events"]:
        member.record(Activity(id=fact["id"], member="m-1", occurred_at=member.tick(), kind=fact["name"]))
        now = member.standing().available(points).steps
        assert same(case["expect"]["after"][fact["id"]]["earned"], now - before)
        before = now
