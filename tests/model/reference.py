"""
The reference ledger: a plain, slow, separate reading of the rules for one member of a points program.

It shares the values that people write (events, rules, terms) with the library and nothing that decides:
a journal of signed rows is folded from its beginning each time something is asked, figures are
Fractions, a refund counts again all that ever came back. `reference_values` holds what it keeps,
`reference_worth` what an event is worth, `reference_back` what a return leaves and takes, `reference_late`
what comes late.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from model.reference_back import book, left_of
from model.reference_late import take_late, unknown
from model.reference_values import (
    FAR,
    OWED,
    Figures,
    Given,
    Group,
    Key,
    Left,
    Row,
    Seen,
    basket_of,
    order,
    owed,
    price,
    rounded,
    text,
)
from model.reference_worth import Worth
from patronage import (
    Activity,
    Adjustment,
    Cancellation,
    Capture,
    Confirmation,
    Enrolment,
    Event,
    FixedReward,
    Life,
    PayWithPoints,
    Program,
    Purchase,
    Redemption,
    Refund,
    Release,
    Reservation,
    StatusEnd,
    StatusGrant,
)
from patronage.occasions import CountedFrom
from patronage.terms import Returned


class Reference:
    """One member's account in a program of one version of the terms."""

    def __init__(self, program: Program) -> None:
        self.terms = program.terms[0]
        self.rules = Worth(program)
        self.kinds = {unit.code for unit in program.units}
        self.journal: list[Row] = []
        self.events: dict[str, Event] = {}
        self.answers: dict[str, str | None] = {}
        self.seen: dict[str, Seen] = {}
        self.first: dict[str, Figures] = {}
        self.booked: list[tuple[str, Group, int]] = []
        self.undone: list[Refund | Cancellation] = []
        self.spent: dict[str, list[tuple[Key, int]]] = {}
        self.given_back: list[tuple[str, int]] = []
        self.lapses: dict[str, datetime] = {}
        self.grants: list[Given] = []
        self.clock: datetime | None = None
        self.ended: list[datetime] = []
        self.costs: dict[str, tuple[int, int]] = {}
        self.upheld: dict[str, tuple[int, int]] | None = None
        self.worth_last = 0

    # Asking.

    def lots(self) -> dict[Key, int]:
        """What each lot holds: the journal folded from its beginning."""
        held: dict[Key, int] = {}
        for row in self.journal:
            held[row.lot] = held.get(row.lot, 0) + row.steps
        return {lot: steps for lot, steps in held.items() if steps}

    def waits(self, lot: Key) -> bool:
        """Whether a lot is pending."""
        return lot.confirm or (
            lot.available_at is not None and self.clock is not None and lot.available_at > self.clock
        )

    def figures(self, unit: str) -> tuple[int, int, int, int]:
        """Available, pending, reserved and debt."""
        available = pending = reserved = debt = 0
        for lot, steps in self.lots().items():
            if lot.unit != unit:
                continue
            if self.waits(lot):
                pending += steps
            elif lot.reserved_for is not None:
                reserved += steps
            else:
                available += steps
                debt -= steps if lot.root == OWED else 0
        return available, pending, reserved, debt

    def usable(self, unit: str, label: str | None) -> list[tuple[Key, int]]:
        """What can be spent, in spending order: earliest end, oldest, endless last."""
        found = [
            (lot, steps)
            for lot, steps in self.lots().items()
            if (lot.unit, lot.label) == (unit, label)
            and not self.waits(lot)
            and lot.reserved_for is None
            and lot.root != OWED
        ]
        return sorted(found, key=lambda pair: order(pair[0]))

    def debt(self, unit: str, label: str | None) -> int:
        """What is owed."""
        return -sum(row.steps for row in self.journal if row.lot.root == OWED and row.lot[:2] == (unit, label))

    # Time.

    def pass_to(self, until: datetime) -> None:
        """All that time does up to and at *until*, instant by instant."""
        while True:
            due = [lot.available_at for lot in self.lots() if lot.available_at is not None and self.waits(lot)]
            due += [lot.expires_at for lot in self.lots() if lot.expires_at is not None and lot.reserved_for is None]
            due += list(self.lapses.values())
            instant = min(due, default=FAR)
            if instant > until:
                break
            waited = sorted(
                (lot for lot in self.lots() if self.waits(lot) and not lot.confirm),
                key=lambda lot: (
                    lot.available_at,
                    lot.label or "",
                    text(lot.expires_at),
                    lot.credited_at,
                    lot.root or "",
                ),
            )
            self.clock = instant
            for lot in waited:
                if not self.waits(lot):
                    self.arrive(lot, self.lots()[lot])
            for lot, steps in self.lots().items():
                if lot.expires_at is not None and lot.expires_at <= instant and lot.reserved_for is None:
                    self.ended.append(instant)
                    self.end(lot, steps)
            for reservation, lapse in sorted(self.lapses.items()):
                if lapse <= instant:
                    self.ended.append(instant)
                    self.free(reservation)
        self.clock = until if self.clock is None else max(until, self.clock)

    def arrive(self, lot: Key, steps: int) -> None:
        """A pending lot becomes available: debt first, and what never ends merges."""
        self.journal.append(Row(lot, -steps, "own", lot.root or ""))
        self.settle(self.plain(lot), steps, "own", lot.root or "")

    def plain(self, lot: Key) -> Key:
        """A lot that nothing will end has neither source nor age."""
        if lot.expires_at is None and lot.expires_after is None and not self.waits(lot):
            return lot._replace(available_at=None, root=None, credited_at=None)
        return lot

    def settle(self, lot: Key, steps: int, flow: str, root: str) -> None:
        """Steps come in: what is available pays debt first, and what is past its end ends."""
        rest = steps
        if not self.waits(lot):
            paid = min(self.debt(lot.unit, lot.label), steps)
            if paid:
                self.journal.append(Row(owed(lot.unit, lot.label), paid, flow, root))
            rest -= paid
        if rest:
            self.journal.append(Row(lot, rest, flow, root))
            assert self.clock is not None
            if lot.expires_at is not None and lot.expires_at <= self.clock and lot.reserved_for is None:
                self.end(lot, rest)

    def end(self, lot: Key, steps: int) -> None:
        """A lot ends."""
        self.journal.append(Row(lot, -steps, "expired", lot.root or ""))

    # Deciding.

    def record(self, event: Event) -> str | None:
        """Takes an event; gives the code of a refusal, or None."""
        if event.id in self.answers:
            return self.answers[event.id]
        at = event.occurred_at
        if self.clock is not None and at < self.clock:
            return take_late(self, event, self.clock)
        lacks = unknown(self, event)
        if lacks is not None:
            return lacks
        self.pass_to(at)
        code = self.decide(event)
        self.events[event.id] = event
        self.answers[event.id] = code
        return code

    def decide(self, event: Event) -> str | None:
        """What an event comes to, after what time did."""
        if isinstance(event, Purchase | Enrolment | Activity):
            self.earn(event)
            return None
        if isinstance(event, Redemption | Reservation):
            return self.request(event)
        if isinstance(event, Adjustment):
            return self.adjust(event)
        if isinstance(event, StatusGrant):
            self.give(event)
            return None
        if isinstance(event, StatusEnd):
            for grant in self.grants:
                if grant.key == event.key and event.value in (None, grant.value) and self.stands(grant):
                    self.ended.append(event.occurred_at)
                    grant.until = event.occurred_at
            return None
        if self.answers[event.about] is not None:
            return "wrong_root"
        if isinstance(event, Capture | Release):
            return self.end_reservation(event)
        if isinstance(event, Confirmation):
            self.confirm(event)
            return None
        assert isinstance(event, Refund | Cancellation)
        return self.undo(event)

    def stands(self, grant: Given) -> bool:
        """Whether a grant is in force."""
        assert self.clock is not None
        return grant.start <= self.clock and (grant.until is None or self.clock < grant.until)

    def give(self, event: StatusGrant) -> None:
        """A grant; given again by the same operator it extends to the later end."""
        self.ended.append(event.occurred_at)
        for grant in self.grants:
            if (grant.key, grant.value, grant.actor) == (event.key, event.value, event.actor) and self.stands(grant):
                if grant.until is not None:
                    grant.until = None if event.until is None else max(grant.until, event.until)
                return
        self.grants.append(Given(event.key, event.value, event.actor, event.occurred_at, event.until))

    # Earning.

    def earn(self, event: Purchase | Enrolment | Activity) -> None:
        """Credits what the rules come to."""
        at = event.occurred_at
        grants = frozenset((grant.key, grant.value) for grant in self.grants if self.stands(grant))
        used: dict[tuple[str, str], int] = {}
        for lot, steps in self.lots().items():
            if lot.unit not in self.kinds:
                used[lot.unit, lot.label or ""] = used.get((lot.unit, lot.label or ""), 0) + steps
        self.seen[event.id] = Seen(at, grants, used)
        worth, lives = self.rules.worth(
            self.seen[event.id], event, basket_of(event) if isinstance(event, Purchase) else None
        )
        totals: dict[tuple[Group, Life | datetime | None], int] = {}
        for (group, rule), steps in worth.items():
            totals[group, lives[rule]] = totals.get((group, lives[rule]), 0) + steps
        self.first[event.id] = {key: n for key, n in worth.items() if totals[key[0], lives[key[1]]] > 0}
        for (group, life), steps in totals.items():
            if steps > 0:
                self.credit(group, steps, life, event.id, at)

    def credit(self, group: Group, steps: int, life: Life | datetime | None, root: str, counted: datetime) -> None:
        """A credit of an event, its life counted from an instant. A tally has an end, or a life that is none."""
        self.booked.append((root, group, steps))
        _, unit, label = group
        if not isinstance(life, Life):
            self.settle(Key(unit, label, None, False, life, None, None, None, None), steps, "issued", root)
            return
        available = None if life.available_after is None else self.rules.after(life.available_after, counted)
        expires, later = None, None
        if life.expires_after is not None:
            if life.counted_from is CountedFrom.EARNING:
                expires = self.rules.after(life.expires_after, counted)
            elif life.on_confirmation:
                later = life.expires_after
            else:
                expires = self.rules.after(life.expires_after, available or counted)
        lot = Key(unit, label, available, life.on_confirmation, expires, later, root, self.clock, None)
        self.settle(self.plain(lot), steps, "issued", root)

    # Spending.

    def request(self, event: Redemption | Reservation) -> str | None:
        """Points for a reward: spent, or held."""
        reward = next((reward for reward in self.terms.rewards if reward.name == event.reward), None)
        self.worth_last = 0
        if reward is None:
            return "unknown_reward"
        unit = reward.unit
        assert unit is not None
        available = sum(steps for _, steps in self.usable(unit, None))
        if self.upheld is not None and event.id in self.upheld:
            cost, worth = available, _ = self.upheld[event.id]
        elif isinstance(reward, FixedReward):
            assert reward.cost is not None
            cost, worth = reward.cost.steps * event.times, 0
            if event.amount is not None:
                return "wrong_unit"
        else:
            assert isinstance(reward, PayWithPoints)
            priced = price(reward, event, available)
            if isinstance(priced, str):
                return priced
            cost, worth = priced
        if cost > available:
            return "balance_too_low"
        self.worth_last = worth
        self.costs[event.id] = (cost, worth)
        left = cost
        for lot, steps in self.usable(unit, None):
            part = min(left, steps)
            left -= part
            if part and isinstance(event, Redemption):
                self.journal.append(Row(lot, -part, "redeemed", event.id))
                self.spent.setdefault(event.id, []).append((lot, part))
            elif part:
                self.journal.append(Row(lot, -part, "own", event.id))
                self.journal.append(Row(lot._replace(reserved_for=event.id), part, "own", event.id))
        if left:  # It stands in a replay that cannot afford it.
            self.journal.append(Row(owed(unit, None), -left, "redeemed", event.id))
            if isinstance(event, Redemption):
                self.spent.setdefault(event.id, []).append((owed(unit, None), left))
            else:
                lacking = owed(unit, None)._replace(root=None, reserved_for=event.id)
                self.journal.append(Row(lacking, left, "own", event.id))
        if isinstance(event, Reservation) and event.lapses_at is not None:
            self.lapses[event.id] = event.lapses_at
        return None

    def held(self, reservation: str) -> list[tuple[Key, int]]:
        """What a reservation holds, in spending order."""
        found = [(lot, steps) for lot, steps in self.lots().items() if lot.reserved_for == reservation]
        return sorted(found, key=lambda pair: order(pair[0]))

    def free(self, reservation: str) -> None:
        """A reservation is over: what it holds is free again."""
        self.lapses.pop(reservation, None)
        for lot, steps in self.held(reservation):
            self.journal.append(Row(lot, -steps, "own", reservation))
            self.settle(lot._replace(reserved_for=None), steps, "own", reservation)

    def end_reservation(self, event: Capture | Release) -> str | None:
        """A reservation is captured or released."""
        if not isinstance(self.events[event.about], Reservation):
            return "wrong_root"
        held = self.held(event.about)
        if not held:
            return "already_ended"
        total = left = sum(steps for _, steps in held)
        if isinstance(event, Capture):
            if event.amount is not None:
                if event.amount.unit != held[0][0].unit:
                    return "wrong_unit"
                if event.amount.steps > total:
                    return "capture_exceeds_reservation"
                left = event.amount.steps
            for lot, steps in held:
                part = min(left, steps)
                left -= part
                if part:
                    self.journal.append(Row(lot, -part, "redeemed", event.about))
                    self.spent.setdefault(event.about, []).append((lot, part))
        self.free(event.about)
        return None

    def adjust(self, event: Adjustment) -> str | None:
        """An operator's correction."""
        unit, steps = event.amount.unit, event.amount.steps
        if unit not in self.kinds:
            return "unknown_unit"
        group: Group = ("", unit, event.label)
        self.booked.append((event.id, group, steps))
        if steps > 0:
            available = event.available_at
            if available is not None and available <= event.occurred_at:
                available = None
            lot = Key(unit, event.label, available, False, event.expires_at, None, event.id, self.clock, None)
            self.settle(self.plain(lot), steps, "adjusted", event.id)
            return None
        self.take(self.usable(unit, event.label), -steps, unit, event.label, "adjusted", event.id)
        return None

    def take(
        self, lots: Iterable[tuple[Key, int]], steps: int, unit: str, label: str | None, flow: str, root: str
    ) -> int:
        """Takes steps from lots in order; the rest is a debt. Gives the rest."""
        left = steps
        for lot, have in lots:
            part = min(left, have)
            left -= part
            if part:
                self.journal.append(Row(lot, -part, flow, root))
        if left:
            self.journal.append(Row(owed(unit, label), -left, flow, root))
        return left

    def confirm(self, event: Confirmation) -> None:
        """What waited for a confirmation becomes available."""
        assert self.clock is not None
        for lot, steps in list(self.lots().items()):
            if lot.root == event.about and lot.confirm:
                ends = lot.expires_at if lot.expires_after is None else self.rules.after(lot.expires_after, self.clock)
                self.journal.append(Row(lot, -steps, "own", event.about))
                ready = lot._replace(confirm=False, expires_after=None, expires_at=ends)
                self.settle(self.plain(ready), steps, "own", event.about)

    # Undoing.

    def undo(self, event: Refund | Cancellation) -> str | None:
        """A refund or a cancellation."""
        root = self.events[event.about]
        if isinstance(root, Purchase):
            return self.refund(event, root)
        if isinstance(event, Refund):
            return "wrong_root"
        if any(isinstance(done, Cancellation) and done.about == root.id for done in self.undone):
            return "already_ended"
        if isinstance(root, Redemption | Reservation):
            for purchase in self.events.values():
                if isinstance(purchase, Purchase) and root.id in purchase.redemptions:
                    left = left_of(purchase, self.undone)
                    if isinstance(left, Left) and left.basket is not None and self.upheld is None:
                        return "pays_a_purchase"
            if not self.held(root.id) and self.back_of(root.id) >= self.spent_of(root.id):
                return "already_ended"
            self.free(root.id)
            self.give_back(root.id, self.spent_of(root.id))
        else:
            book(self, root.id, {}, root.occurred_at, {})
        self.undone.append(event)
        return None

    def spent_of(self, redemption: str) -> int:
        """What a redemption spent."""
        return sum(steps for _, steps in self.spent.get(redemption, []))

    def back_of(self, redemption: str) -> int:
        """What of it came back."""
        return sum(steps for name, steps in self.given_back if name == redemption)

    def give_back(self, redemption: str, due: int) -> None:
        """Brings what came back of a redemption up to *due*, the parts taken last first."""
        assert self.clock is not None
        terms = self.terms.refunds
        before, left = self.back_of(redemption), due - self.back_of(redemption)
        if left <= 0:
            return
        self.given_back.append((redemption, left))
        for lot, steps in reversed(self.spent.get(redemption, [])):
            skipped = min(before, steps)
            before -= skipped
            part = min(left, steps - skipped)
            left -= part
            if not part:
                continue
            ends = lot.expires_at
            if terms.grace is not None and ends is not None:
                fresh = self.rules.after(terms.grace, self.clock)
                ends = fresh if terms.returned is Returned.FRESH else max(fresh, ends)
            back = lot._replace(expires_at=ends, reserved_for=None, root=None if lot.root == OWED else lot.root)
            self.settle(back, part, "redeemed", redemption)

    def refund(self, event: Refund | Cancellation, purchase: Purchase) -> str | None:
        """The purchase counted again without all that ever came back."""
        left = left_of(purchase, [*self.undone, event])
        if isinstance(left, str):
            return left
        self.undone.append(event)
        for tender in purchase.tenders:
            if tender.redemption is not None:
                spent, part = self.spent_of(tender.redemption), left.tenders[tender.redemption]
                whole = left.basket is None and part >= tender.total.steps
                share = Fraction(spent * part, tender.total.steps or 1)
                self.give_back(tender.redemption, spent if whole else rounded(share, self.terms.refunds.rounding))
        late = event.occurred_at > self.rules.after(self.terms.refund_for, purchase.occurred_at)
        worth: Figures
        lives: dict[str, Life | datetime | None] = {}
        if late or self.terms.refunds.proportional:
            total = purchase.total
            worth = {}
            for key, steps in self.first[purchase.id].items():
                gone = total if left.basket is None else left.returned
                back = rounded(Fraction(steps * gone, total), self.terms.refunds.rounding) if total else steps
                worth[key] = steps - back
        else:
            worth, lives = self.rules.worth(self.seen[purchase.id], purchase, left.basket)
        book(self, purchase.id, worth, purchase.occurred_at, lives)
        return None
