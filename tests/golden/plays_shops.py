"""How the events of the shops' cases are told to the library, and where a checkpoint's figures are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import attrs
import programs_shops as shops
from runner import TICK, Facts, Member, example, lines_of, money_off, same, shares

from patronage import (
    Accepted,
    Activity,
    Adjustment,
    Amount,
    BenefitKind,
    Cancellation,
    Decision,
    Enrolment,
    Grain,
    Line,
    Program,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    Rounding,
    StatusGrant,
    Tender,
    Transfer,
    Unit,
)
from patronage.periods import parse_instant

__all__ = ["SHOPS", "Play", "Shop"]

Figure = Callable[["Play"], object]
"""Reads one figure of a checkpoint."""


@attrs.frozen(kw_only=True)
class Shop:
    """
    The program of a case, and how its facts are told.

    *unit* is what balances and lots are in, *others* further balances; *reward* is what redemptions
    ask for. *activity* says that a redemption counts as activity: the shop reports it as a fact.
    *figures* reads what only this case states. *of_grain* is the program at another rounding.
    """

    program: Program
    unit: Unit
    money: Unit
    others: tuple[Unit, ...] = ()
    reward: str = ""
    activity: bool = False
    tier: str = "tier"
    figures: Mapping[str, Figure] = attrs.field(factory=dict)
    of_grain: Callable[[Grain, Rounding], Program] | None = None


class Play:
    """A case being played: its events in order of time, each checkpoint after the events of its instant."""

    def __init__(self, case: Facts, shop: Shop) -> None:
        self.case, self.shop = case, shop
        self.members: dict[str, Member] = {}
        self.owner: dict[str, Member] = {}
        self.orders: dict[str, int] = {}

    def member(self, name: str) -> Member:
        """The member's account."""
        return self.members.setdefault(name, Member(self.shop.program, name))

    def play(self) -> list[tuple[Facts, list[str]]]:
        """All checkpoints, each with the figures that are not the library's."""
        steps: list[tuple[datetime, int, int, Facts]] = []
        steps += [(parse_instant(fact["at"]), 0, fact["seq"], fact) for fact in self.case["events"]]
        checkpoints = self.case["expect"]["checkpoints"]
        steps += [(parse_instant(fact["at"]), 1, n, fact) for n, fact in enumerate(checkpoints)]
        wrong = []
        for at, checks, _, fact in sorted(steps, key=lambda step: step[:3]):
            if checks:
                wrong.append((fact, self.check(fact, at)))
            else:
                self.tell(fact, at)
        return wrong

    # Telling.

    def tell(self, fact: Facts, at: datetime) -> None:
        """One event of the case."""
        member = self.member(fact["member"])
        name = fact.get("id") or f"{fact['type']}-{fact['seq']}"
        self.owner[name] = member
        told = getattr(self, f"_{fact['type']}")
        told(fact, member, name, at)

    def _enrol(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        member.record(Enrolment(id=name, member=member.id, occurred_at=at))

    def _opening(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        """Opening balances and status are an operator's."""
        unit = self.shop.unit

        def credited(id: str, quantity: object, expires: str | None = None) -> None:
            amount = unit.of(str(quantity))
            if amount.steps:
                expires_at = None if expires is None else parse_instant(expires)
                opening = Adjustment(
                    id=id,
                    member=member.id,
                    occurred_at=at,
                    amount=amount,
                    actor="golden",
                    reason="opening",
                    expires_at=expires_at,
                )
                member.record(opening)

        for lot in fact.get("lots", ()):
            credited(lot["id"], lot["qty"], expires=lot.get("expires_at"))
        credited(f"{name}-regular", fact.get("regular", 0))
        credited(f"{name}-limited", fact.get("limited", 0), fact.get("limited_expires"))
        credited(f"{name}-points", fact.get("points", 0))
        # Last month's points made level 2: what an operator states while thresholds are to come.
        tier = "L2" if fact.get("prev_month_points", 0) >= 500 else fact.get("tier")
        if tier is not None:
            until = fact.get("tier_until")
            status = StatusGrant(
                id=f"{name}-tier",
                member=member.id,
                occurred_at=at,
                key=self.shop.tier,
                value=tier,
                until=None if until is None else parse_instant(until),
                actor="golden",
                reason="opening",
            )
            member.record(status)

    def _purchase(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        """A purchase; where points pay a part, the request first."""
        lines = lines_of(fact["lines"], self.shop.money)
        total = sum(line.total.steps for line in lines)
        self.orders[name] = total
        tenders = [
            Tender(kind=each["type"], total=self.shop.money.of(each["amount"])) for each in fact.get("tenders", ())
        ]
        if "tender" in fact:
            tenders = [Tender(kind=fact["tender"], total=self.shop.money.steps(total))]
        attributes: dict[str, str | int | bool] = dict(fact.get("multipliers", {}))
        if fact.get("subscription"):
            attributes["subscription"] = True
        purchase = Purchase(
            id=name, member=member.id, occurred_at=at, lines=lines, tenders=tenders, attributes=attributes
        )
        request = None
        if "redeem" in fact:
            points = fact["redeem"].get("points")
            request = Redemption(
                id=f"{name}-redeem",
                member=member.id,
                occurred_at=at,
                reward=self.shop.reward,
                amount=None if points is None else self.shop.unit.of(points),
                cart=lines,
            )
            self.owner[request.id] = member
        member.buy(purchase, request)

    def _ride(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        line = Line(total=self.shop.money.of(fact["amount"]))
        member.record(Purchase(id=name, member=member.id, occurred_at=at, lines=(line,)))

    def _flight(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        """A fare is a line with its carrier fees; the taxes are its tax part."""
        money = self.shop.money
        taxes = money.of(fact["taxes"])
        total = money.of(fact["base_fare"]) + money.of(fact["carrier_fees"]) + taxes
        member.record(Purchase(id=name, member=member.id, occurred_at=at, lines=(Line(total=total, tax=taxes),)))

    def _request(
        self,
        fact: Facts,
        member: Member,
        name: str,
        at: datetime,
        reward: str,
        amount: Amount | None,
        order: str | None,
    ) -> None:
        """A redemption, with the order that it is meant for; and what it counts as activity, once it is accepted."""
        cart: tuple[Line, ...] = ()
        if order is not None:
            cart = (Line(total=self.shop.money.of(order)),)
            self.orders[name] = cart[0].total.steps
        request = Redemption(
            id=name,
            member=member.id,
            occurred_at=at,
            reward=reward,
            amount=amount,
            cart=cart,
            choices=[fact["recipient"]] if "recipient" in fact else (),
        )
        if isinstance(member.record(request), Accepted) and self.shop.activity:
            member.record(Activity(id=f"{name}-active", member=member.id, occurred_at=at, kind=shops.REDEEMED))

    def _redeem_item(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        self._request(fact, member, name, at, fact["item"], None, None)

    def _redeem_order(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        self._request(fact, member, name, at, self.shop.reward, None, fact["order_total"])

    def _redeem_points(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        wish = next(fact[key] for key in ("points", "miles", "amount") if key in fact)
        self._request(fact, member, name, at, self.shop.reward, self.shop.unit.of(wish), None)

    _redeem = _redeem_miles = _redeem_blocks = _redeem_points

    def _cash_out(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        self._request(fact, member, name, at, "cash-out", None, None)

    def _refund(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        back = tuple(RefundLine(id=line) for line in fact["lines"])
        member.record(Refund(id=name, member=member.id, occurred_at=at, purchase=fact["order"], lines=back))

    def _cancel_order(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        member.record(Cancellation(id=name, member=member.id, occurred_at=at, undoes=fact["order"]))

    def _cancel(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        member.record(Cancellation(id=name, member=member.id, occurred_at=at, undoes=fact["ref"]))

    def _did(self, member: Member, name: str, at: datetime, kind: str, count: int = 1, **more: Any) -> None:
        member.record(Activity(id=name, member=member.id, occurred_at=at, kind=kind, count=count, **more))

    def _action(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        """A count that is no whole number is a measure."""
        if fact["action"] == "walk_mile":
            self._did(member, name, at, "walk_mile", measures={"miles": fact["count"]})
        else:
            self._did(member, name, at, fact["action"], int(fact["count"]))

    def _activate(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        self._did(member, name, at, "activate")

    def _join(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        self._did(member, name, at, "join")

    def _link(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        stated = {key: fact[key] for key in ("tier", "promo_registered") if key in fact}
        self._did(member, name, at, "link", attributes=stated)

    def _stay_posted(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        self._did(member, name, at, "stay_posted")

    def _stay_booked(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        stated = {key: fact[key] for key in ("checkin", "checkout")}
        self._did(member, name, at, "stay_booked", attributes=stated)

    def _drink(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        self.orders[name] = self.shop.money.of(fact["price"]).steps
        self._did(member, name, at, "drink")

    def _search(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        self._did(member, name, at, "search", fact["count"], channel=fact["channel"])

    def _partner_earn(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        """Base miles and bonus miles are two facts: only the first qualify."""
        self._did(member, name, at, "partner", fact["base_miles"])
        self._did(member, f"{name}-bonus", at, "partner_bonus", fact["bonus_miles"])

    def _opening_dividend(self, fact: Facts, member: Member, name: str, at: datetime) -> None:
        self._did(member, name, at, "dividend", self.shop.unit.of(fact["amount"]).steps)

    # Reading.

    def check(self, expected: Facts, at: datetime) -> list[str]:
        """What is wrong at a checkpoint: nothing, if all is well."""
        member = self.member(expected["member"])
        member.now = at
        wrong = []
        for name, value in expected.get("balances", {}).items():
            wrong += self._differs(f"balance {name}", value, self._balance(member, name))
        for name, value in expected.get("amounts", {}).items():
            wrong += self._differs(name, value, self._figure(name, member))
        if "lots" in expected:
            wrong += self._lots(member, expected["lots"])
        if "tier" in expected:
            tiers = [grant.value for grant in member.standing().grants(self.shop.tier)]
            wrong += self._differs("tier", [expected["tier"]], tiers)
        known = {"at", "member", "balances", "amounts", "lots", "tier"}
        return wrong + [f"{key} is not read" for key in expected.keys() - known]

    def _differs(self, name: str, expected: object, got: object) -> list[str]:
        return [] if same(expected, got) else [f"{name}: {got!r}, not {expected!r}"]

    def _balance(self, member: Member, name: str) -> str:
        """A balance by the unit's name; or what is available, pending, regular (without a label) or limited."""
        standing, unit = member.standing(), self.shop.unit
        if name == "pending":
            return unit.digits(standing.pending(unit).steps)
        if name in ("regular", "limited"):
            ends = name == "limited"
            return unit.digits(
                sum(lot.steps for lot in standing.lots(unit) if (lot.validity.expires_at is not None) is ends)
            )
        named = {each.code: each for each in self.shop.others}
        return member.balance(named.get(name, unit))

    def _lots(self, member: Member, expected: list[Facts]) -> list[str]:
        """
        The lots in order of creation; one that never expires by itself keeps no source.

        Where a lot ends is found by asking what ends before an instant, and not a tick earlier.
        """
        standing, unit = member.standing(), self.shop.unit
        lots = {lot.source.root if lot.source else "": lot for lot in standing.lots(unit)}
        wrong = self._differs("lots", len(expected), len(lots))
        for each in expected:
            lot = lots.get(each["source"], lots.get(""))
            if lot is None:
                wrong.append(f"no lot {each['source']}")
                continue
            wrong += self._differs(f"lot {each['source']}", each["remaining"], unit.digits(lot.steps))
            if each["expires_at"] is None:
                wrong += self._differs(f"end of {each['source']}", None, lot.validity.expires_at)
            else:
                ends = parse_instant(each["expires_at"])
                before = [lot in standing.expiring(unit, until) for until in (ends, ends + TICK)]
                wrong += self._differs(f"{each['source']} ends at {each['expires_at']}", [False, True], before)
        return wrong

    def _figure(self, name: str, member: Member) -> object:
        """A figure: this case's own, or `event.what`."""
        own = self.shop.figures.get(name)
        if own is not None:
            return own(self)
        if name.startswith("alt."):
            return self._other_rounding(*name.split(".")[1:])
        event, _, what = name.partition(".")
        owner = member if event in member.decisions else self.owner[event]
        money = self.shop.money
        if what in ("", "earned"):
            moved = owner.moved(event, "redeemed", self.shop.unit)
            return self.shop.unit.digits(moved) if moved else owner.earned(event, self.shop.unit)
        if what == "status":
            return "accepted" if owner.decisions[event].accepted else "rejected"
        request = owner.decisions.get(f"{event}-redeem", owner.decisions[event])
        off = money_off(request) + given(request)
        if what in ("discount", "applied", "value"):
            return money.digits(off)
        if what == "due":
            return money.digits(self.orders[event] - off)
        return self.shop.unit.digits(owner.moved(event, "redeemed", self.shop.unit))

    def _other_rounding(self, setting: str, order: str) -> str:
        """The same purchase under another rounding."""
        assert self.shop.of_grain is not None
        grain, _, mode = setting.partition("_")
        grains = {"line": Grain.LINE, "order": Grain.EVENT}
        shop = attrs.evolve(self.shop, program=self.shop.of_grain(grains[grain], Rounding(mode)))
        other = Play(self.case, shop)
        until = next(fact["seq"] for fact in self.case["events"] if fact.get("id") == order)
        for fact in self.case["events"]:
            if fact["seq"] <= until:
                other.tell(fact, parse_instant(fact["at"]))
        return other.owner[order].earned(order, shop.unit)


def booked(play: Play, rule: str) -> int:
    """What one rule has in all commits, in steps of its unit."""
    return sum(
        book.steps
        for member in play.members.values()
        for commit in member.commits
        for entry in commit.entries
        if isinstance(entry, Transfer)
        for book in entry.books
        if book.rule == rule
    )


def counted(play: Play, tally: str) -> int:
    """What a ceiling has counted in the member's only period so far."""
    (member,) = play.members.values()
    return sum(lot.steps for lot in member.state.lots[tally])


def base_of(play: Play, event: str, rules: tuple[str, ...]) -> str:
    """The money that some rules counted on an event."""
    books = [
        book
        for entry in play.owner[event].decisions[event].entries
        for book in getattr(entry, "books", ())
        if book.rule in rules
    ]
    return play.shop.money.digits(sum(book.base[0] for book in books))


def share_of_line(play: Play, request: str, line: str) -> str:
    """What a request takes off one line."""
    return play.shop.money.digits(shares(play.owner[request].decisions[request])[line])


def paid_for(play: Play, order: str) -> str:
    """What was charged for an order, less what points paid of it."""
    member = play.owner[order]
    return play.shop.money.digits(play.orders[order] - money_off(member.decisions[f"{order}-redeem"]))


def cash_back(play: Play, order: str, line: str) -> str:
    """The money to give back for a line: its total, less what points paid of it."""
    commit = play.owner[order].decisions[order]
    assert isinstance(commit.event, Purchase)
    total = next(each.total.steps for each in commit.event.lines if each.id == line)
    request = f"{order}-redeem"
    return play.shop.money.digits(total - shares(play.owner[request].decisions[request]).get(line, 0))


def given_back(play: Play, refund: str) -> str:
    """The points that a refund gave back of what had paid."""
    entries = play.owner[refund].decisions[refund].entries
    unit = play.shop.unit
    return unit.digits(sum(e.steps for e in entries if isinstance(e, Transfer) and e.payer.id == "redeemed"))


def moved_in_all(play: Play, payee: str) -> str:
    """What went to a system account, with what time has done until now."""
    total = 0
    for member in play.members.values():
        later = member.program.advance(member.state, member.now) if not is_past(member) else None
        entries = [entry for commit in member.commits for entry in commit.entries]
        entries += [] if later is None else list(later.entries)
        total += sum(e.steps for e in entries if isinstance(e, Transfer) and e.payee.id == payee)
    return play.shop.unit.digits(total)


def is_past(member: Member) -> bool:
    """Whether the member's account already stands later than the checkpoint."""
    return member.state.clock is not None and member.now < member.state.clock


def given(decision: Decision, recipient: str | None = None) -> int:
    """The money that a request gives to a charity, in steps."""
    return sum(
        each.amount.steps
        for each in decision.benefits
        if each.kind is BenefitKind.DONATION and each.amount is not None and recipient in (None, each.item)
    )


def donated(play: Play, recipient: str) -> str:
    """The money that requests for a recipient came to."""
    found = [given(decision, recipient) for each in play.members.values() for decision in each.decisions.values()]
    return play.shop.money.digits(sum(found))


STARBUCKS = Shop(program=example("starbucks_to_2026"), unit=shops.STARS, money=shops.USD)
WALGREENS_POINTS = Shop(
    program=example("walgreens_balance"), unit=shops.POINTS, money=shops.USD, reward="best_step", activity=True
)
WALGREENS_CASH = Shop(
    program=example("mywalgreens"),
    unit=shops.CASH,
    money=shops.USD,
    reward="cash",
    activity=True,
    of_grain=lambda grain, rounding: example("mywalgreens", grain=grain.value, rounding=rounding.value),
)
SEPHORA = Shop(
    program=example("sephora"),
    unit=shops.POINTS,
    money=shops.USD,
    reward="cash",
    activity=True,
    of_grain=lambda grain, rounding: example("sephora", grain=grain.value, rounding=rounding.value),
    figures={
        "o1.paid": lambda play: paid_for(play, "o1"),
        "o1.alloc.l1": lambda play: share_of_line(play, "o1-redeem", "l1"),
        "o1.alloc.l2": lambda play: share_of_line(play, "o1-redeem", "l2"),
        "o1.cash_refund": lambda play: cash_back(play, "o1", "l2"),
        "o1.points_returned": lambda play: given_back(play, "refund-3"),
        "o1.points_clawed": lambda play: -int(play.owner["refund-3"].earned("refund-3", shops.POINTS)),
    },
)
RAKUTEN = Shop(
    program=example("rakuten"),
    unit=shops.POINTS,
    money=shops.JPY,
    reward="pay",
    figures={"lost": lambda play: play.member("M2").moved("cancel-6", "expired", shops.POINTS)},
)

STARWOOD = Shop(program=shops.starwood(), unit=shops.STARPOINTS, money=shops.USD)

SHOPS: dict[str, Shop] = {
    "sbux-01": attrs.evolve(
        STARBUCKS,
        figures={
            "o1.eligible": lambda play: base_of(play, "o1", ("registered_card", "other")),
            "o1.eligible.registered_card": lambda play: base_of(play, "o1", ("registered_card",)),
            "o1.eligible.other": lambda play: base_of(play, "o1", ("other",)),
        },
    ),
    "sbux-02": STARBUCKS,
    "sbux-03": STARBUCKS,
    "sbux-04": STARBUCKS,
    "sbux-06": attrs.evolve(STARBUCKS, program=example("starbucks_from_2026")),
    "wbr-01": WALGREENS_POINTS,
    "wbr-02": WALGREENS_POINTS,
    "mywag-01": WALGREENS_CASH,
    "mywag-02": WALGREENS_CASH,
    "mywag-03": WALGREENS_CASH,
    "mywag-04": WALGREENS_CASH,
    "huel-02": Shop(program=example("huel"), unit=shops.POINTS, money=shops.GBP),
    "rakuten-01": RAKUTEN,
    "rakuten-03": RAKUTEN,
    "seph-05": SEPHORA,
    "seph-06": SEPHORA,
    "seph-07": attrs.evolve(SEPHORA, reward="points"),
    "msr-01": Shop(program=example("microsoft_rewards"), unit=shops.POINTS, money=shops.USD, tier="level"),
    "toms-02": Shop(
        program=example("toms"),
        unit=shops.POINTS,
        money=shops.USD,
        reward="donation",
        figures={"donated.partner-1": lambda play: donated(play, "partner-1")},
    ),
    "oda-02": Shop(
        program=example("odacite"),
        unit=shops.POINTS,
        money=shops.USD,
        others=(shops.SPENT,),
        figures={"spend_window": lambda play: play.member("M1").balance(shops.SPENT)},
    ),
    "spg-01": STARWOOD,
    "spg-02": STARWOOD,
    "spg-04": STARWOOD,
    "aa-01": Shop(program=example("american_aadvantage"), unit=shops.MILES, money=shops.USD, others=(shops.LOYALTY,)),
    "aa-04": Shop(
        program=example("american_aadvantage"),
        unit=shops.MILES,
        money=shops.USD,
        others=(shops.LOYALTY,),
        reward="miles",
        activity=True,
    ),
    "rei-05": Shop(
        program=shops.rei(),
        unit=shops.DIVIDEND,
        money=shops.USD,
        reward="purchase",
        figures={
            "x1_status": lambda play: "accepted" if play.owner["x1"].decisions["x1"].accepted else "rejected",
            "x2_status": lambda play: "accepted" if play.owner["x2"].decisions["x2"].accepted else "rejected",
            "paid_cash": lambda play: shops.USD.digits(
                sum(money_off(play.owner[x].decisions[x]) for x in ("x1", "x2") if x in play.owner)
            ),
            "donated_capital": lambda play: moved_in_all(play, "donated_capital"),
        },
    ),
}
