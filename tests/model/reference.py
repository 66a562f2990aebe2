"""
The reference ledger: a plain, slow, separate reading of the rules for one member of a points program.

It shares the values that people write (events, rules, terms) with the library and nothing that decides:
a journal of signed rows is folded from its beginning each time something is asked, figures are
Fractions, a refund counts again all that ever came back.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple
from zoneinfo import ZoneInfo

from patronage import (
    Activity,
    Adjustment,
    BonusRule,
    Cancellation,
    Capture,
    Ceiling,
    Confirmation,
    Enrolment,
    Event,
    FixedReward,
    Grain,
    Life,
    Line,
    MultiplierRule,
    On,
    PayWithPoints,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    Release,
    Reservation,
    Rounding,
    SpendRule,
    StatusEnd,
    StatusGrant,
)
from patronage.conditions import Category, HasGrant, Spend
from patronage.occasions import Condition, CountedFrom
from patronage.periods import DAY, MONTH, Period
from patronage.terms import Expired, Returned, Shortfall
from patronage.terms_of_time import Lasting, Term, TimeUnit, Until

FAR = datetime.max.replace(tzinfo=UTC)
OWED = "(owed)"


class Key(NamedTuple):
    """What tells one lot from another."""

    unit: str
    label: str | None
    available_at: datetime | None
    confirm: bool
    expires_at: datetime | None
    expires_after: Term | None
    root: str | None
    credited_at: datetime | None
    reserved_for: str | None


class Row(NamedTuple):
    """A line of the journal: steps in or out of a lot, where from or where to, and what it is about."""

    lot: Key
    steps: int
    flow: str
    root: str


class Item(NamedTuple):
    """A line of a purchase, or what is left of one."""

    line: Line
    total: int
    tax: int


class Basket(NamedTuple):
    """A purchase, or what is left of one."""

    items: tuple[Item, ...]
    currency: str
    discount: int
    tenders: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """What is charged."""
        return sum(item.total for item in self.items) - self.discount


class Left(NamedTuple):
    """What refunds leave: the basket (None for nothing), the money that came back, and per redemption."""

    basket: Basket | None
    returned: int
    tenders: Mapping[str, int]


class Seen(NamedTuple):
    """What rules could see when an event was decided."""

    at: datetime
    grants: frozenset[tuple[str, str | None]]
    used: Mapping[tuple[str, str], int]


class Given:
    """A grant of an operator."""

    def __init__(self, key: str, value: str | None, actor: str, start: datetime, until: datetime | None) -> None:
        self.key, self.value, self.actor, self.start, self.until = key, value, actor, start, until


Group = tuple[str, str, str | None]
"""Policy, unit and label: what a refund compares."""
Figures = dict[tuple[Group, str], int]
"""Steps per group and rule."""


def rounded(number: Fraction, mode: Rounding) -> int:
    """The whole number that a fraction becomes."""
    if mode is Rounding.FLOOR:
        return floor(number)
    if mode is Rounding.CEILING:
        return ceil(number)
    low, half = floor(number), number - floor(number) - Fraction(1, 2)
    if half:
        return low + (half > 0)
    if mode is Rounding.HALF_EVEN:
        return low + low % 2
    away = low + 1 if number > 0 else low
    return away if mode is Rounding.HALF_UP else (low if number > 0 else low + 1)


def half_up(number: Fraction) -> int:
    """Rounded half up."""
    return rounded(number, Rounding.HALF_UP)


def shared(total: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Shares of *total* by weight, the odd steps to the largest remainders, the first of equals first."""
    whole = sum(weights)
    if not whole:
        return [0 for _ in weights]
    ideals = [Fraction(total) * weight / whole for weight in weights]
    return levelled(total, ideals)


def levelled(total: int, ideals: Sequence[Fraction]) -> list[int]:
    """*ideals* as whole numbers that sum to *total*: floors, then one more for the largest remainders."""
    shares = [floor(ideal) for ideal in ideals]
    left = total - sum(shares)
    for i in sorted(range(len(ideals)), key=lambda i: (shares[i] - ideals[i], i))[:left]:
        shares[i] += 1
    return shares


def month_start(day: date) -> date:
    """The first day of the next month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


class Reference:
    """One member's account in a program of one version of the terms."""

    def __init__(self, program: Program) -> None:
        self.terms = program.terms[0]
        self.zone = ZoneInfo(program.time_zone)
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

    def after(self, term: Term, at: datetime) -> datetime:
        """*at* plus a term, in the program's zone."""
        assert isinstance(term, Lasting)
        local = at.astimezone(self.zone)
        day = local.date()
        if term.of is TimeUnit.DAYS:
            day += timedelta(days=term.n - term.inclusive)
        elif term.of is TimeUnit.WEEKS:
            day += timedelta(days=7 * term.n)
        else:
            months = (12 if term.of is TimeUnit.YEARS else 1) * term.n + day.month - 1
            year, month = day.year + months // 12, months % 12 + 1
            day = date(year, month, min(day.day, monthrange(year, month)[1]))
        if term.until is Until.INSTANT:
            return datetime.combine(day, local.time().replace(fold=0), self.zone).astimezone(UTC)
        next_day = day + timedelta(days=1) if term.until is Until.END_OF_DAY else month_start(day)
        return datetime.combine(next_day, time(0), self.zone).astimezone(UTC)

    def period(self, per: Period, at: datetime) -> tuple[str, datetime]:
        """A name for the day or month that holds *at*, and its end."""
        day = at.astimezone(self.zone).date()
        end = day + timedelta(days=1) if per is DAY else month_start(day)
        name = day.isoformat() if per is DAY else day.isoformat()[:7]
        assert per in (DAY, MONTH)
        return name, datetime.combine(end, time(0), self.zone).astimezone(UTC)

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
                    self.end(lot, steps)
            for reservation, lapse in sorted(self.lapses.items()):
                if lapse <= instant:
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
            return "too_late"
        root = self.events.get(event.about)
        speaks = isinstance(event, Refund | Cancellation | Capture | Release | Confirmation)
        if speaks and (root is None or root.about != root.id):
            return "unknown_root"
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
        worth, lives = self.worth(event, basket_of(event) if isinstance(event, Purchase) else None)
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
        available = None if life.available_after is None else self.after(life.available_after, counted)
        expires, later = None, None
        if life.expires_after is not None:
            if life.counted_from is CountedFrom.EARNING:
                expires = self.after(life.expires_after, counted)
            elif life.on_confirmation:
                later = life.expires_after
            else:
                expires = self.after(life.expires_after, available or counted)
        lot = Key(unit, label, available, life.on_confirmation, expires, later, root, self.clock, None)
        self.settle(self.plain(lot), steps, "issued", root)

    def worth(self, event: Event, basket: Basket | None) -> tuple[Figures, dict[str, Life | datetime | None]]:
        """What an event is worth by what was seen when it was decided; and the life that each rule gives."""
        found: Figures = {}
        lives: dict[str, Life | datetime | None] = {}
        if isinstance(event, Purchase) and (basket is None or not basket.items):
            return found, lives
        for policy in self.terms.policies:
            assert isinstance(policy, PointsPolicy)
            self.policy_worth(policy, event, basket, found, lives)
        return found, lives

    def policy_worth(
        self,
        policy: PointsPolicy,
        event: Event,
        basket: Basket | None,
        found: Figures,
        lives: dict[str, Life | datetime | None],
    ) -> None:
        """What one policy adds."""
        seen = self.seen[event.id]
        rules = [(rule.name or f"rule-{n}", rule) for n, rule in enumerate(policy.rules, 1)]
        awards: list[tuple[str, str, int]] = []
        cells: dict[str, list[tuple[str, str, list[Fraction]]]] = {}
        modes: dict[str, Rounding] = {}
        for name, rule in rules:
            if isinstance(rule, MultiplierRule) or not self.holds(rule.when, event, basket, seen):
                continue
            cell = name
            if isinstance(rule, SpendRule) and rule.grain is Grain.EVENT:
                cell = f"{rule.credit.unit} {rule.label} {rule.life}"
            modes[cell] = rule.rounding if isinstance(rule, SpendRule) else Rounding.FLOOR
            parts = self.exact(rule, event, basket)
            if not any(parts):
                continue
            assert not isinstance(rule, MultiplierRule)
            lives[f"{policy.name}/{name}"] = rule.life
            members = cells.setdefault(cell, [])
            members.append((name, name, parts))
            standing = Fraction(1)
            for other, multiplier in rules:
                if (
                    isinstance(multiplier, MultiplierRule)
                    and (not multiplier.of or name in multiplier.of)
                    and self.holds(multiplier.when, event, basket, seen)
                ):
                    members.append((name, other, [part * standing * (multiplier.factor - 1) for part in parts]))
                    standing *= multiplier.factor
        for cell, members in cells.items():
            got = [0 for _ in members]
            for grain in zip(*(parts for _, _, parts in members), strict=False):
                for i, share in enumerate(levelled(rounded(sum(grain, Fraction(0)), modes[cell]), grain)):
                    got[i] += share
            awards += [(owner, rule_name, steps) for (owner, rule_name, _), steps in zip(members, got, strict=True)]
        by_name = dict(rules)
        uses: dict[tuple[str, str], int] = {}
        ends: dict[str, datetime] = {}
        limits: list[tuple[Ceiling, set[str]]] = []
        for name, rule in rules:
            if not isinstance(rule, MultiplierRule):
                limits += [(ceiling, {name}) for ceiling in rule.ceilings]
        for ceiling in policy.ceilings:
            alike = {name for name, rule in rules if credit_unit(rule) == ceiling.limit.unit}
            limits.append((ceiling, alike))
        for ceiling, owners in limits:
            awards = self.trimmed(policy, ceiling, awards, owners, seen)
        for ceiling, owners in limits:
            granted = sum(steps for owner, _, steps in awards if owner in owners)
            if ceiling.per is not None and granted > 0:
                tally = f"{policy.name}.{ceiling.name}"
                label, end = self.period(ceiling.per, seen.at)
                uses[tally, label], ends[tally] = granted, self.after(self.terms.refund_for, end)
        for owner, name, steps in awards:
            rule = by_name[owner]
            assert not isinstance(rule, MultiplierRule)
            group = (policy.name, rule.credit.unit, rule.label)
            key = f"{policy.name}/{owner}"
            # A multiplier's share stands with the rule that it multiplies.
            lives[f"{key}/{name}"] = lives.get(key, rule.life)
            found[group, f"{key}/{name}"] = found.get((group, f"{key}/{name}"), 0) + steps
        for (unit, label), steps in uses.items():
            if unit in ends and steps:
                found[(policy.name, unit, label), unit] = steps
                lives[unit] = ends[unit]

    def trimmed(
        self, policy: PointsPolicy, ceiling: Ceiling, awards: list[tuple[str, str, int]], owners: set[str], seen: Seen
    ) -> list[tuple[str, str, int]]:
        """The awards under a ceiling: the last ones lose first."""
        room = ceiling.limit.steps
        if ceiling.per is not None:
            room -= seen.used.get((f"{policy.name}.{ceiling.name}", self.period(ceiling.per, seen.at)[0]), 0)
        wanted = sum(steps for owner, _, steps in awards if owner in owners)
        over = max(0, wanted - max(0, room))
        if over and ceiling.whole:
            over = wanted
        kept = list(awards)
        for i in reversed(range(len(kept))):
            owner, name, steps = kept[i]
            if owner in owners:
                cut = min(over, max(0, steps))
                kept[i] = (owner, name, steps - cut)
                over -= cut
        return kept

    def exact(self, rule: object, event: Event, basket: Basket | None) -> list[Fraction]:
        """A rule's exact figure: one, or one for each line where it is rounded by line."""
        if isinstance(rule, BonusRule):
            if isinstance(event, Purchase):
                assert basket is not None
                return [Fraction(rule.credit.steps if rule.on is On.PURCHASE and basket.total else 0)]
            if isinstance(event, Activity):
                times = event.count // rule.per if rule.on is On.ACTIVITY and event.kind == rule.activity else 0
                return [Fraction(times * rule.credit.steps)]
            return [Fraction(rule.credit.steps if rule.on is On.ENROLMENT else 0)]
        assert isinstance(rule, SpendRule)
        if basket is None or basket.currency != rule.per.unit:
            return [Fraction(0)]
        counted = base(rule, basket)
        if rule.grain is not Grain.LINE:
            counted = [sum(counted)]
        figures = [Fraction(steps, rule.per.steps) for steps in counted]
        if rule.whole:
            figures = [Fraction(floor(figure)) for figure in figures]
        return [figure * rule.credit.steps for figure in figures]

    def holds(self, condition: Condition | None, event: Event, basket: Basket | None, seen: Seen) -> bool:
        """Whether a rule's `when` holds."""
        if condition is None:
            return True
        if isinstance(condition, HasGrant):
            return any(
                key == condition.key and (not condition.values or value in condition.values)
                for key, value in seen.grants
            )
        assert isinstance(condition, Spend) and condition.tax
        least, below = condition.at_least, condition.below
        unit = least.unit if least is not None else below.unit if below is not None else ""
        if basket is None or basket.currency != unit:
            return False
        spend = sum(item.total for item in basket.items if item.line.kind in condition.kinds) - basket.discount
        return (least is None or spend >= least.steps) and (below is None or spend < below.steps)

    # Spending.

    def request(self, event: Redemption | Reservation) -> str | None:
        """Points for a reward: spent, or held."""
        reward = next((reward for reward in self.terms.rewards if reward.name == event.reward), None)
        self.worth_last = 0
        if reward is None:
            return "unknown_reward"
        available = sum(steps for _, steps in self.usable(reward.unit, None))
        if isinstance(reward, FixedReward):
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
        left = cost
        for lot, steps in self.usable(reward.unit, None):
            part = min(left, steps)
            left -= part
            if part and isinstance(event, Redemption):
                self.journal.append(Row(lot, -part, "redeemed", event.id))
                self.spent.setdefault(event.id, []).append((lot, part))
            elif part:
                self.journal.append(Row(lot, -part, "own", event.id))
                self.journal.append(Row(lot._replace(reserved_for=event.id), part, "own", event.id))
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
                ends = lot.expires_at if lot.expires_after is None else self.after(lot.expires_after, self.clock)
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
                    left = self.left(purchase, self.undone)
                    if isinstance(left, Left) and left.basket is not None:
                        return "pays_a_purchase"
            if not self.held(root.id) and self.back_of(root.id) >= self.spent_of(root.id):
                return "already_ended"
            self.free(root.id)
            self.give_back(root.id, self.spent_of(root.id))
        else:
            self.book(root.id, {}, root.occurred_at, {})
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
                fresh = self.after(terms.grace, self.clock)
                ends = fresh if terms.returned is Returned.FRESH else max(fresh, ends)
            self.settle(lot._replace(expires_at=ends, reserved_for=None), part, "redeemed", redemption)

    def refund(self, event: Refund | Cancellation, purchase: Purchase) -> str | None:
        """The purchase counted again without all that ever came back."""
        left = self.left(purchase, [*self.undone, event])
        if isinstance(left, str):
            return left
        self.undone.append(event)
        for tender in purchase.tenders:
            if tender.redemption is not None:
                spent, part = self.spent_of(tender.redemption), left.tenders[tender.redemption]
                whole = left.basket is None and part >= tender.total.steps
                share = Fraction(spent * part, tender.total.steps or 1)
                self.give_back(tender.redemption, spent if whole else rounded(share, self.terms.refunds.rounding))
        late = event.occurred_at > self.after(self.terms.refund_for, purchase.occurred_at)
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
            worth, lives = self.worth(purchase, left.basket)
        self.book(purchase.id, worth, purchase.occurred_at, lives)
        return None

    def book(self, root: str, worth: Figures, at: datetime, lives: Mapping[str, Life | datetime | None]) -> None:
        """Books what a root is worth now, less what was booked for it."""
        want: dict[Group, int] = {}
        life: dict[Group, Life | datetime | None] = {}
        for (group, rule), steps in worth.items():
            want[group] = want.get(group, 0) + steps
            life[group] = lives.get(rule)
        have: dict[Group, int] = {}
        for name, group, steps in self.booked:
            if name == root:
                have[group] = have.get(group, 0) + steps
        used = {(lot.unit, lot.label): 0 for lot in self.lots()}
        for lot, steps in self.lots().items():
            used[lot.unit, lot.label] += steps
        for group in sorted({*want, *have}, key=lambda g: (g[0], g[1], g[2] or "")):
            change = max(0, want.get(group, 0)) - have.get(group, 0)
            if change < 0:
                self.take_back(root, group, -change)
            elif change > 0:
                granted = self.room(group, change, at, used) if worth else change
                if granted > 0:
                    self.credit(group, granted, life.get(group) or Life(), root, at)

    def room(self, group: Group, wanted: int, at: datetime, used: Mapping[tuple[str, str | None], int]) -> int:
        """How much of a credit its ceilings have room for now."""
        for policy in self.terms.policies:
            assert isinstance(policy, PointsPolicy)
            own = [
                ceiling for rule in policy.rules if not isinstance(rule, MultiplierRule) for ceiling in rule.ceilings
            ]
            for ceiling in (*own, *policy.ceilings):
                tally = f"{policy.name}.{ceiling.name}"
                if policy.name == group[0] and ceiling.per is not None and group[1] in (tally, ceiling.limit.unit):
                    label = self.period(ceiling.per, at)[0]
                    wanted = min(wanted, max(0, ceiling.limit.steps - used.get((tally, label), 0)))
        return wanted

    def take_back(self, root: str, group: Group, steps: int) -> None:
        """Takes back: from the root's own lots, what those lost, other lots, debt."""
        _, unit, label = group
        terms = self.terms.refunds
        if unit not in self.kinds:
            held = self.usable(unit, label)
            taken = min(steps, sum(have for _, have in held))
            self.booked.append((root, group, -taken))
            self.take(held, taken, unit, label, "issued", root)
            return
        self.booked.append((root, group, -steps))
        own = [
            (lot, have)
            for lot, have in self.lots().items()
            if lot.root == root and lot.unit == unit and lot.label == label and lot.reserved_for is None
        ]
        pending = [pair for pair in own if self.waits(pair[0])]
        pending.sort(
            key=lambda pair: (pair[0].available_at or FAR, text(pair[0].expires_at), text(pair[0].credited_at))
        )
        mine = pending + [pair for pair in self.usable(unit, label) if pair[0].root == root]
        others = [pair for pair in self.usable(unit, label) if pair[0].root != root]
        from_own = min(steps, sum(have for _, have in mine))
        lost = 0
        if terms.expired is Expired.DROPPED:
            rows = [row for row in self.journal if row.root == root and row.flow == "expired"]
            lost = max(0, -sum(row.steps for row in rows if (row.lot.unit, row.lot.label) == (unit, label)))
        dropped = min(lost, steps - from_own)
        self.take(mine, from_own, unit, label, "issued", root)
        if dropped:
            ghost = Key(unit, label, None, False, None, None, root, None, None)
            self.journal += [Row(ghost, dropped, "expired", root), Row(ghost, -dropped, "issued", root)]
        rest = steps - from_own - dropped
        if terms.unspent_only:
            others = []
        short = self.take(others, rest, unit, label, "issued", root)
        over = 0
        if terms.shortfall is Shortfall.FORGIVEN:
            over = short
        elif terms.debt_max is not None and terms.debt_max.unit == unit:
            over = min(short, max(0, self.debt(unit, label) - terms.debt_max.steps))
        if over:
            self.journal.append(Row(owed(unit, label), over, "forgiven", root))

    def left(self, purchase: Purchase, undone: Iterable[Refund | Cancellation]) -> Left | str:
        """What all refunds of a purchase leave of it, counted from the first one."""
        whole = basket_of(purchase)
        off = shared(whole.discount, [item.total for item in whole.items])
        charged = [item.total - share for item, share in zip(whole.items, off, strict=True)]
        quantity = [Fraction(item.line.quantity) for item in whole.items]
        gone = [Fraction(0) for _ in charged]
        money = [0 for _ in charged]

        def back(i: int) -> int:
            return min(charged[i], half_up(gone[i] * charged[i] / quantity[i]) + money[i])

        for refund in undone:
            if refund.about != purchase.id:
                continue
            if isinstance(refund, Cancellation) or (not refund.lines and refund.total is None):
                if all(back(i) == charged[i] and gone[i] == quantity[i] for i in range(len(charged))):
                    return "already_ended"
                gone, money = list(quantity), [0 for _ in charged]
            elif refund.total is not None:
                rest = [charged[i] - back(i) for i in range(len(charged))]
                if refund.total.steps > sum(rest):
                    return "refund_exceeds_purchase"
                money = [have + share for have, share in zip(money, shared(refund.total.steps, rest), strict=True)]
            else:
                for part in refund.lines:
                    ids = [item.line.id for item in whole.items]
                    if part.id not in ids:
                        return "unknown_line"
                    i = ids.index(part.id)
                    if part.total is not None:
                        if part.total.steps > charged[i] - back(i):
                            return "refund_exceeds_purchase"
                        money[i] += part.total.steps
                        continue
                    asked = quantity[i] - gone[i] if part.quantity is None else Fraction(part.quantity)
                    nothing = gone[i] == quantity[i] or (charged[i] > 0 and back(i) == charged[i])
                    if nothing or asked > quantity[i] - gone[i]:
                        return "refund_exceeds_purchase"
                    gone[i] += asked
        returned = sum(back(i) for i in range(len(charged)))
        items = []
        for i, item in enumerate(whole.items):
            if gone[i] == quantity[i] or (charged[i] and back(i) == charged[i]):
                continue
            rate = Fraction(charged[i] - back(i), charged[i]) if charged[i] else 1 - gone[i] / quantity[i]
            items.append(Item(item.line, half_up(item.total * rate), half_up(item.tax * rate)))
        shares = shared(returned, [tender.total.steps for tender in purchase.tenders])
        given = {
            tender.redemption: share
            for tender, share in zip(purchase.tenders, shares, strict=True)
            if tender.redemption is not None
        }
        if not items or (whole.total and returned == whole.total):
            return Left(None, returned, given)
        rest_money = whole.total - returned
        paid = shared(rest_money, [tender.total.steps for tender in purchase.tenders])
        tenders = tuple((tender.kind, share) for tender, share in zip(purchase.tenders, paid, strict=True))
        discount = sum(item.total for item in items) - rest_money
        return Left(Basket(tuple(items), whole.currency, discount, tenders), returned, given)


def basket_of(purchase: Purchase) -> Basket:
    """A purchase as it was made."""
    items = tuple(
        Item(line, line.total.steps, line.tax.steps if line.tax is not None else 0) for line in purchase.lines
    )
    tenders = tuple((tender.kind, tender.total.steps) for tender in purchase.tenders)
    return Basket(items, purchase.currency or "", sum(d.total.steps for d in purchase.discounts), tenders)


def base(rule: SpendRule, basket: Basket) -> list[int]:
    """The money of each line that counts."""
    off = shared(basket.discount, [item.total for item in basket.items])
    charged = [item.total - share for item, share in zip(basket.items, off, strict=True)]
    named = sum(steps for kind, steps in basket.tenders if kind in rule.base.less_tenders)
    paid = shared(named, charged)
    counted = []
    for item, net, share in zip(basket.items, charged, paid, strict=True):
        part = net
        if not rule.base.tax and item.total:
            part -= half_up(Fraction(item.tax * net, item.total))
        if net:
            part -= half_up(Fraction(share * part, net))
        matches = rule.lines is None or (isinstance(rule.lines, Category) and item.line.category in rule.lines.of)
        counted.append(part if matches and item.line.kind in rule.base.kinds else 0)
    return counted


def price(reward: PayWithPoints, event: Redemption | Reservation, available: int) -> tuple[int, int] | str:
    """What paying with points costs, and the money off; or the code of a refusal."""
    order_total = sum(line.total.steps for line in event.cart if line.kind in reward.kinds)
    if reward.order_minimum is not None and order_total < reward.order_minimum.steps:
        return "order_below_minimum"
    block = reward.points.steps if reward.whole_blocks else 1
    if reward.step is not None:
        block = reward.step.steps if reward.step.steps % block == 0 else block * reward.step.steps
    limits = [FAR.year * 10**12] if reward.maximum is None else [reward.maximum.steps]
    rate = Fraction(reward.value.steps, reward.points.steps)
    if event.cart:
        limits.append(floor(floor(order_total * (reward.share_max or 1)) / rate))
    if event.amount is None:
        limits.append(available)
    most = min(limits)
    if event.amount is None:
        wish = most // block * block
    else:
        asked = event.amount
        wish = asked.steps if asked.unit == reward.points.unit else ceil(asked.steps / rate)
        if not reward.exactly:
            wish = min(wish, most, available) // block * block
        elif wish > most:
            return "amount_above_maximum"
        elif wish % block:
            return "amount_not_a_step"
    least = 1 if reward.minimum is None else reward.minimum.steps
    if wish < least:
        return "balance_too_low" if available < least else "amount_below_minimum"
    worth = floor(wish * rate)
    return (wish, worth) if worth else "amount_below_minimum"


def owed(unit: str, label: str | None) -> Key:
    """The debt of a unit under a label."""
    return Key(unit, label, None, False, None, None, OWED, None, None)


def order(lot: Key) -> tuple[datetime, datetime, str, str, str]:
    """Earliest end first, then the oldest; what has no end or age last; then by name."""
    return (lot.expires_at or FAR, lot.credited_at or FAR, lot.label or "", text(lot.available_at), lot.root or "")


def text(at: datetime | None) -> str:
    """An instant that sorts as text, nothing first."""
    return "" if at is None else at.isoformat(timespec="microseconds")


def credit_unit(rule: object) -> str:
    """The unit that a rule credits."""
    return rule.credit.unit if isinstance(rule, SpendRule | BonusRule) else ""
