"""Golden cases of referrals: real programs' terms as TOML documents, played through the service, codes and all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from runner import KINDS, Facts, cases_of

from patronage import (
    Account,
    Activity,
    Adjustment,
    BenefitKind,
    Decision,
    Event,
    Line,
    Program,
    Purchase,
    Redemption,
    Refund,
    Rejected,
    RejectionCode,
    StatusGrant,
    Transfer,
    Unit,
)
from patronage.audit import audit
from patronage.codec import Codec
from patronage.events import ReferralClaimed
from patronage.loyalty import Loyalty
from patronage.periods import parse_instant
from patronage.stores.memory import MemoryIdentifiers, MemoryLedger

CASES = cases_of("referrals")
OWN = Path(__file__).with_name("programs_referrals")
EXAMPLES = Path(__file__).parents[2] / "examples" / "programs"
DOCUMENTS = {
    "toms": OWN / "toms.toml",
    "dbx": EXAMPLES / "dropbox_referral.toml",
    "tesla": EXAMPLES / "tesla_referral.toml",
    "stitchfix": EXAMPLES / "stitch_fix_referral.toml",
    "uber": EXAMPLES / "uber_referral.toml",
    "soldatov": OWN / "soldatov.toml",
    "first_touch": OWN / "first_touch.toml",
    "counts": OWN / "counts.toml",
}
JOINS = ("signup", "enrol")


def document(name: str) -> Program:
    """The program of a document."""
    return Codec().load_toml(DOCUMENTS[name].read_text(encoding="utf-8"), Program)


class Shop:
    """A shop with the service, whose clock stands at the latest event."""

    def __init__(self, name: str) -> None:
        self.program, self.ledger = document(name), MemoryLedger()
        self.now = datetime(2009, 1, 1, tzinfo=UTC)
        self.loyalty = Loyalty(self.program, self.ledger, clock=lambda: self.now)
        self.told: dict[str, Decision] = {}

    def unit(self, code: str) -> Unit:
        """The unit of that code."""
        return next(unit for unit in self.program.units if unit.code == code)

    def tell(self, event: Event) -> Decision:
        """Records an event, and what it follows up."""
        self.now = max(self.now, event.occurred_at)
        self.told[event.id] = decision = self.loyalty.record(event)
        return decision

    def claim(self, member: str, referrer: str, at: datetime, **more: Any) -> Decision:
        """The claim of a friend."""
        head: dict[str, Any] = {"id": f"claim-{member}-{referrer}", "member": member, "occurred_at": at}
        return self.tell(ReferralClaimed(**head, policy="referral", referrer=referrer, **more))

    def held(self, member: str, code: str, at: datetime | None = None) -> str:
        """What a member can spend of a unit, debt taken off."""
        self.now = self.now if at is None else max(self.now, at)
        return self.unit(code).digits(self.loyalty.standing(member, at).available(self.unit(code)).steps)

    def off(self, event: str) -> int:
        """The money that an event takes off, in steps."""
        found = [b.amount.steps for b in self.told[event].benefits if b.kind is BenefitKind.MONEY_OFF and b.amount]
        return sum(found)

    def transfers(self, member: str) -> list[Transfer]:
        """What was booked on a member's account."""
        commits = self.ledger.history(Account.member(member))
        return [entry for commit in commits for entry in commit.entries if isinstance(entry, Transfer)]

    def audited(self) -> None:
        """All accounts together are a sound ledger."""
        commits = [commit for account in self.ledger.accounts() for commit in self.ledger.history(account)]
        audit(commits, calendar=self.program.calendar, whole=True)


class Play:
    """A case being played: each checkpoint after the events of its instant."""

    def __init__(self, name: str) -> None:
        self.case = CASES[name]
        self.shop = Shop(name.partition("-")[0])
        self.figures: dict[str, str] = {}

    def wrong(self) -> list[str]:
        """What checkpoints state and the library does not."""
        steps = [(parse_instant(fact["at"]), 0, n, fact) for n, fact in enumerate(self.case["events"])]
        steps += [(parse_instant(f["at"]), 1, n, f) for n, f in enumerate(self.case["expect"]["checkpoints"])]
        found: list[str] = []
        for at, checks, _, fact in sorted(steps, key=lambda step: step[:3]):
            if checks:
                found += self.check(fact, at)
            else:
                getattr(self, f"_{fact['type']}")(fact, at)
        self.shop.audited()
        return found

    def check(self, fact: Facts, at: datetime) -> list[str]:
        """The figures of a checkpoint that are not the library's."""
        stated: list[tuple[str, object, object]] = []
        for code, want in fact.get("balances", {}).items():
            stated.append((code, str(want), self.shop.held(fact["member"], code, at)))
        for name, want in fact.get("amounts", {}).items():
            stated.append((name, str(want), self.figure(name, fact)))
        return [f"{fact['at']} {name}: {want}, not {got}" for name, want, got in stated if want != got]

    def figure(self, name: str, fact: Facts) -> str:
        """A figure that a checkpoint names."""
        if name == "revoked":
            taken = [e for e in self.shop.transfers(fact["member"]) if e.unit == "credit"]
            back = sum(e.steps for e in taken if e.reason.code == "taken_back")
            return self.shop.unit("credit").digits(back - sum(e.steps for e in taken if e.reason.code == "forgiven"))
        if name == "discount":
            order = next(e["id"] for e in self.case["events"] if e["member"] == fact["member"] and "id" in e)
            return self.shop.unit("USD").digits(self.shop.off(f"delivery-{order}"))
        return self.figures[name]

    # What happens.

    def _opening(self, fact: Facts, at: datetime) -> None:
        head: dict[str, Any] = {"id": f"opening-{fact['seq']}", "member": fact["member"], "occurred_at": at}
        amount = self.shop.unit("friends").of(fact["completed"])
        self.shop.tell(Adjustment(**head, amount=amount, actor="ops", reason="opening"))

    def _enrol(self, fact: Facts, at: datetime) -> None:
        """Nobody needs to enrol."""

    def _signup(self, fact: Facts, at: datetime) -> None:
        registered = {"already_registered": True} if fact.get("already_registered") else {}
        marks = {"fingerprints": ["pc"], "referrer_fingerprints": ["pc"]} if fact.get("same_computer") else {}
        decision = self.shop.claim(fact["member"], fact["referrer"], at, attributes=registered, **marks)
        assert decision.accepted is not bool(registered or marks)

    def _install(self, fact: Facts, at: datetime) -> None:
        self._does(fact, at, "install")

    def _first_fix_ships(self, fact: Facts, at: datetime) -> None:
        self._does(fact, at, "first_fix_ships")

    def _does(self, fact: Facts, at: datetime, kind: str, **more: Any) -> None:
        id = f"{kind}-{fact.get('order', fact['seq'])}"
        self.shop.tell(Activity(id=id, member=fact["member"], occurred_at=at, kind=kind, **more))

    def _set_plan(self, fact: Facts, at: datetime) -> None:
        head: dict[str, Any] = {"id": f"plan-{fact['seq']}", "member": fact["member"], "occurred_at": at}
        self.shop.tell(StatusGrant(**head, key="plan", value=fact["plan"], actor="ops", reason="paid"))

    def _order(self, fact: Facts, at: datetime) -> None:
        assert self.shop.claim(fact["member"], fact["referrer"], at).accepted

    def _delivery(self, fact: Facts, at: datetime) -> None:
        model = next(e["model"] for e in self.case["events"] if e.get("id") == fact["order"])
        self._does(fact, at, "delivery", attributes={"model": model})

    def _cancel(self, fact: Facts, at: datetime) -> None:
        """An order that is cancelled is never delivered."""

    def _refer_order(self, fact: Facts, at: datetime) -> None:
        usd = self.shop.unit("USD")
        assert self.shop.claim(fact["member"], fact["referrer"], at).accepted
        lines = [Line(total=usd.of(fact["amount"]))]
        self.shop.tell(Purchase(id=fact["id"], member=fact["member"], occurred_at=at, lines=lines))
        due = usd.of(fact["amount"]).steps - self.shop.off(fact["id"])
        self.figures[f"{fact['id']}.due"] = usd.digits(due)

    def _return_all(self, fact: Facts, at: datetime) -> None:
        head: dict[str, Any] = {"id": f"return-{fact['seq']}", "member": fact["member"], "occurred_at": at}
        self.shop.tell(Refund(**head, purchase=fact["order"]))

    def _spend_credit(self, fact: Facts, at: datetime) -> None:
        amount = self.shop.unit("credit").of(fact["amount"])
        head: dict[str, Any] = {"id": fact["id"], "member": fact["member"], "occurred_at": at}
        self.shop.tell(Redemption(**head, reward="pay", amount=amount)).require()

    def _styling_fee(self, fact: Facts, at: datetime) -> None:
        fee = Line(total=self.shop.unit("USD").of(self.case["terms"]["styling_fee"]), kind=KINDS["fee"])
        self.pays(fact, at, fee, ("credit",), f"{fact['id']}.card")

    def _checkout(self, fact: Facts, at: datetime) -> None:
        self.pays(fact, at, Line(total=self.shop.unit("USD").of(fact["kept"])), ("fee", "credit"), f"{fact['id']}.due")

    def pays(self, fact: Facts, at: datetime, line: Line, rewards: tuple[str, ...], figure: str) -> None:
        """A cart is quoted with all that may pay it, and bought."""
        member, self.shop.now = fact["member"], max(self.shop.now, at)
        cart = Purchase(id=fact["id"], member=member, occurred_at=at, lines=[line])
        asked = [Redemption(id=f"{cart.id}/{one}", member=member, occurred_at=at, reward=one) for one in rewards]
        quoted = self.shop.loyalty.quote(cart, requests=asked)
        self.shop.loyalty.record_all([*quoted.redemptions, quoted.purchase])
        assert quoted.due is not None
        self.figures[figure] = self.shop.unit("USD").digits(quoted.due.steps)


STORIES = sorted(name for name in CASES if "checkpoints" in CASES[name]["expect"])


@pytest.mark.parametrize("name", STORIES)
def test_case(name: str) -> None:
    """Each checkpoint of the case finds the figures that it states, exactly, and the ledger is sound."""
    assert Play(name).wrong() == []


def test_a_share_of_the_first_purchase() -> None:
    """soldatov-commission-first-purchase-and-refund: a fifth, once; nobody refers themself, a code is known or not."""
    case, shop = CASES["soldatov-commission-first-purchase-and-refund"], Shop("soldatov")
    codes, now, got, last = MemoryIdentifiers(), datetime(2026, 1, 1, tzinfo=UTC), {}, "0.00"
    codes.claim("referral", "M", Account.member("m"))
    names: dict[str, str] = {}
    for n, event in enumerate(case["events"]):
        at = now + timedelta(days=n)
        if event["type"] == "refer":
            owner = codes.owner("referral", "X" if event.get("code") == "unknown" else "M")
            if owner is None:
                got[event["id"]] = {"error": "unknown_code"}
                continue
            decision = shop.claim(event["friend"], owner.id, at)
            own = isinstance(decision, Rejected) and decision.code is RejectionCode.TO_ONESELF
            got[event["id"]] = {"error": "self_referral"} if own else {"state": "signup"}
            continue
        head: dict[str, Any] = {"id": event["id"], "member": "f", "occurred_at": at}
        money = shop.unit("USD").of(event["amount"])
        if event["type"] == "purchase":
            names.setdefault(event["amount"], event["id"])
            shop.tell(Purchase(**head, lines=[Line(total=money)]))
        else:
            shop.tell(Refund(**head, purchase=names[event["of"]], total=money))
        has = shop.held("m", "USD")
        change = shop.unit("USD").of(has).steps - shop.unit("USD").of(last).steps
        state = "refund" if event["type"] == "refund" else "active"
        got[event["id"]], last = {"state": state, "referrer": shop.unit("USD").digits(change)}, has
    assert got == case["expect"]["after"]
    shop.audited()


def test_advertised_codes_are_worth_ten_rides_a_month() -> None:
    """Uber: a welcome at the claim, the referrer's part after the ride; no second account, no more than ten a month."""
    shop, noon = Shop("uber"), datetime(2014, 4, 1, 12, tzinfo=UTC)

    def rides(friend: str, at: datetime, card: str) -> bool:
        claimed = shop.claim(friend, "ann", at, fingerprints=[card], referrer_fingerprints=["ann's"]).accepted
        shop.tell(Purchase(id="ride", member=friend, occurred_at=at, lines=[Line(total=shop.unit("USD").of("25.00"))]))
        return claimed

    got = [rides(f"f-{n}", noon + timedelta(hours=n), f"card-{n}") for n in range(12)]
    assert (all(got), shop.held("ann", "rides"), shop.held("ann", "friends")) == (True, "200.00", "12")
    assert shop.held("f-11", "rides") == "20.00"
    assert not rides("f-0-again", noon + timedelta(days=1), "card-0")
    assert not rides("ann-again", noon + timedelta(days=1), "ann's")
    assert rides("g", noon + timedelta(days=31), "card-g")
    assert shop.held("ann", "rides") == "220.00"
    assert shop.held("f-0", "rides", noon + timedelta(days=91)) == "0.00"
    shop.audited()


class Partners:
    """Partners whose codes bring friends: each event may carry a code, of a partner or a limited one."""

    def __init__(self, name: str, promos: Mapping[str, tuple[str, int]]) -> None:
        self.shop, self.promos = Shop(name), promos

    def event(self, event: Facts) -> dict[str, str]:
        """What one event pays, and to whom."""
        shop, usd, id = self.shop, self.shop.unit("USD"), event["id"]
        member, at = event.get("friend", f"friend-{id}"), parse_instant(event["at"])
        code, limit = event.get("code"), None
        owner: str | None = code
        if "promo" in event:
            code = event["promo"].upper()
            owner, limit = self.promos[code]
        if owner is not None:
            decision = shop.claim(member, owner, at, code=code, code_uses=limit)
            if isinstance(decision, Rejected) and decision.code is RejectionCode.LIMIT_REACHED:
                return {"error": "unknown_code"}
        held = shop.loyalty.standing(member, at).grants("referred_by")
        if not held:
            return {"error": "no_referrer"}
        to = str(held[0].value)
        before = usd.of(shop.held(to, "USD", at)).steps
        if "amount" in event:
            anonymous = {"anonymous": True} if "friend" not in event and event["name"] == "renewal" else {}
            line = Line(total=usd.of(event["amount"]), category=event["name"])
            shop.tell(Purchase(id=id, member=member, occurred_at=at, lines=[line], attributes=anonymous))
        else:
            count = event.get("count", 1)
            shop.tell(Activity(id=id, member=member, occurred_at=at, kind=event["name"], count=count))
        return {"to": to, "paid": usd.digits(usd.of(shop.held(to, "USD", at)).steps - before)}


@pytest.mark.parametrize(
    ("name", "document", "promos"),
    [
        ("sergeipalii-first-touch-and-window", "first_touch", {}),
        ("sergeipalii-unknown-friend", "first_touch", {}),
        ("sergeipalii-fixed-percent-count-and-limit", "counts", {"LIMITED2": ("P", 2)}),
    ],
)
def test_partners(name: str, document: str, promos: Mapping[str, tuple[str, int]]) -> None:
    """The first touch fixes the partner; rules of a window; counts; a code that may be used twice."""
    partners = Partners(document, promos)
    got = {event["id"]: partners.event(event) for event in CASES[name]["events"]}
    assert got == CASES[name]["expect"]["after"]
    partners.shop.audited()
