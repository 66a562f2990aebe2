"""A rule of earning at work: what it counts on one event, and the exact figure that comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage.base import Base
from patronage.ceilings import BoundCeiling, Uses
from patronage.errors import InvalidValueError, quote
from patronage.events import Activity, Enrolment, Event, Line, LineKind, Purchase
from patronage.ledger import Validity
from patronage.occasions import AT_ONCE, Condition, Occasion
from patronage.periods import Calendar
from patronage.rules import BonusRule, EarningRule, Grain, MultiplierRule, On, QuantityRule, SpendRule
from patronage.terms_of_time import Term
from patronage.units import Rounding, Unit

_EVENTS: Final[Mapping[On, type[Event]]] = {On.PURCHASE: Purchase, On.ENROLMENT: Enrolment, On.ACTIVITY: Activity}
_CACHE_MAX: Final = 4_096


@attrs.frozen(kw_only=True)
class Setting:
    """What rules are bound to: the policy's name, the units of the terms, the calendar, how long refunds count."""

    policy: str
    units: Mapping[str, Unit]
    calendar: Calendar
    refund_for: Term | None

    def unit(self, code: str, where: str) -> Unit:
        """The unit of that code. Raises InvalidValueError where the terms have none."""
        found = self.units.get(code)
        if found is None:
            raise InvalidValueError(f"{where} is in {quote(code)}, which is no unit of the terms.")
        return found

    def distinct(self, tallies: Sequence[str]) -> None:
        """Raises InvalidValueError where two ceilings, totals or thresholds keep one tally."""
        if len(set(tallies)) < len(tallies):
            raise InvalidValueError(f"Two ceilings, totals or thresholds of policy {self.policy} have one name.")


class Count:
    """What a rule counts on an event, `n` / `d`: of each line (over *d*) where lines count, and the lines' ids."""

    __slots__ = ("base", "by_line", "d", "ids", "n")

    def __init__(self, by_line: list[int] | None, n: int, d: int, ids: tuple[str, ...]) -> None:
        self.by_line = by_line
        self.n = n
        self.d = d
        self.ids = ids
        self.base = (n, d)


class Share:
    """
    What one rule, or one multiplier of it, has in an event: its exact figure `n` / `d`, then the steps granted.

    *giver* is the rule or the multiplier. *extras* are the exact shares of multipliers that are
    rounded with it; where that is done by line, *line_extras* has those of each line.
    """

    __slots__ = (
        "count",
        "d",
        "extras",
        "giver",
        "line_extras",
        "n",
        "plan",
        "rounding",
        "steps",
        "trimmed_by",
        "wanted",
        "wanted_n",
    )

    def __init__(self, plan: Plan, giver: Plan | Multiplier, count: Count, n: int, d: int) -> None:
        self.plan = plan
        self.giver = giver
        self.rounding = plan.rounding
        self.count = count
        self.n = n
        self.d = d
        self.wanted_n = n
        self.extras: list[tuple[Multiplier, int, int]] | None = None
        self.line_extras: list[list[tuple[Multiplier, int, int]]] | None = None
        self.steps = 0
        self.wanted = 0
        self.trimmed_by: str | None = None

    @property
    def rule(self) -> str:
        """The name of the rule or multiplier."""
        return self.giver.name

    @property
    def base(self) -> tuple[int, int]:
        """What the rule counted."""
        return self.count.base

    def grant(self, steps: int) -> None:
        """Sets what it wants and, before ceilings, is granted."""
        self.steps = self.wanted = steps


class Counted:
    """What the rules of one evaluation share: what counts, by which money and which lines."""

    __slots__ = ("_bases", "_counts", "_occasion", "currency", "purchase")

    def __init__(self, occasion: Occasion) -> None:
        event = occasion.event
        self._occasion = occasion
        self.purchase: Purchase | None = None
        self.currency: str | None = None
        if isinstance(event, Purchase):
            self.purchase, self.currency = event, event.lines[0].total.unit  # One without lines is not asked about.
        self._bases: dict[int, list[int]] = {}
        self._counts: dict[tuple[int, int], Count] = {}

    def money(self, plan: Plan) -> Count:
        """The steps that count for a rule of spend."""
        found = self._counts.get(plan.counts)
        if found is None:
            assert plan.base is not None
            found = self._counts[plan.counts] = self._money(plan.base, plan.lines)
        return found

    def _money(self, base: Base, lines: Condition | None) -> Count:
        purchase = self.purchase
        assert purchase is not None
        money = self._bases.get(id(base))
        if money is None:
            money = self._bases[id(base)] = base.of(purchase)
        by_line, ids, total = money, [], 0
        if lines is not None:
            occasion, holds = self._occasion, lines.holds
            by_line = [s if s and holds(occasion, line) else 0 for s, line in zip(money, purchase.lines, strict=True)]
        for steps, line in zip(by_line, purchase.lines, strict=True):
            if steps:
                ids.append(line.id or "")
                total += steps
        return Count(by_line, total, 1, tuple(ids))

    def quantity(self, measure: str | None, lines: Condition | None) -> Count:
        """The quantity (or *measure*) of each line of goods that counts, over one denominator."""
        assert self.purchase is not None
        ratios, ids = [], []
        for line in self.purchase.lines:
            counts = line.kind is LineKind.GOODS and (lines is None or lines.holds(self._occasion, line))
            number = (line.quantity if measure is None else line.measures.get(measure)) if counts else None
            ratios.append((0, 1) if number is None or number <= 0 else number.as_integer_ratio())
            if ratios[-1][0]:
                ids.append(line_id(line))
        d = 1
        for _, own in ratios:
            while d % own:
                d *= own
        by_line = [n * (d // own) for n, own in ratios]
        return Count(by_line, sum(by_line), d, tuple(ids))


def _done(activity: Activity, measure: str | None) -> Count:
    """How often an activity was done, or its measure."""
    number = activity.count if measure is None else activity.measures.get(measure)
    n, d = (0, 1) if number is None or number <= 0 else number.as_integer_ratio()
    return Count(None, n, d, ())


_ONE: Final = Count(None, 1, 1, ())
"""What a bonus counts: the visit, the enrolment."""


def line_id(line: Line) -> str:
    """The line's id, which every line of an event has."""
    return line.id or ""


class Plan:
    """A rule of earning, bound."""

    __slots__ = (
        "_validities",
        "activity",
        "base",
        "bundle",
        "by_day",
        "ceilings",
        "counts",
        "currency",
        "grain",
        "group",
        "label",
        "life",
        "lines",
        "measure",
        "mode",
        "name",
        "on",
        "per_d",
        "per_n",
        "rate",
        "rounding",
        "rule",
        "spend_ceiling",
        "steps",
        "unit",
        "when",
        "whole",
    )

    def __init__(self, rule: EarningRule, name: str, setting: Setting) -> None:
        unit = setting.unit(rule.credit.unit, f"The credit of rule {name}")
        self.rule, self.name, self.unit, self.steps = rule, name, rule.credit.unit, rule.credit.steps
        self.when, self.group, self.life, self.label = rule.when, rule.group, rule.life, rule.label
        self.lines: Condition | None = None
        self.on: type[Event] = Purchase
        self.currency: str | None = None
        self.measure: str | None = None
        self.activity: str | None = None
        self.base: Base | None = None
        self.per_n, self.per_d = 1, 1
        self.whole, self.grain, self.mode = True, Grain.RULE, Rounding.FLOOR
        if isinstance(rule, SpendRule):
            per = setting.unit(rule.per.unit, f"The per of rule {name}")
            self.base, self.lines, self.currency = rule.base, rule.lines, rule.per.unit
            self.per_n, self.whole, self.grain, self.mode = rule.per.steps, rule.whole, rule.grain, rule.rounding
            self.rate = f"{unit.text(rule.credit)} per {per.text(rule.per)}"
        elif isinstance(rule, QuantityRule):
            self.lines, self.measure = rule.lines, rule.measure
            self.per_n, self.per_d = rule.per.as_integer_ratio()
            self.whole, self.grain, self.mode = rule.whole, rule.grain, rule.rounding
            if rule.activity is not None:
                self.on, self.activity = Activity, rule.activity
            self.rate = f"{unit.text(rule.credit)} per {rule.per} {rule.measure or rule.activity or 'items'}"
        else:
            self.on, self.activity = _EVENTS[rule.on], rule.activity
            self.per_n = rule.per
            self.rate = f"{unit.text(rule.credit)} per {rule.per} {rule.activity or rule.on.value}"
        self.rounding = self.mode.value
        self.counts = (id(self.base), id(self.lines))
        self.bundle = (self.unit, self.label, id(self.life))
        bound = [BoundCeiling.of(ceiling, rule, setting.policy, setting.refund_for) for ceiling in rule.ceilings]
        on_spend = [ceiling for ceiling in bound if ceiling.on_spend]
        if len(on_spend) > 1:
            raise InvalidValueError(f"Rule {name} has two ceilings on its spend: give it one.")
        self.spend_ceiling = on_spend[0] if on_spend else None
        self.ceilings = tuple(ceiling for ceiling in bound if not ceiling.on_spend)
        self._validities: dict[object, Validity] = {}
        self.by_day = rule.life.by_day

    def exact(self, base_n: int, base_d: int) -> tuple[int, int]:
        """The figure of a base: steps of the credited unit, as a ratio."""
        if self.whole:
            return base_n * self.per_d // (base_d * self.per_n) * self.steps, 1
        rule = self.rule
        if isinstance(rule, SpendRule) and rule.bands:
            return _banded(rule, base_n), self.per_n
        return base_n * self.per_d * self.steps, base_d * self.per_n

    def share(self, occasion: Occasion, counted: Counted, uses: Uses) -> Share | str:
        """What it comes to on this event, before rounding; a code where it does not apply."""
        if self.base is not None:
            if counted.currency != self.currency:
                return "other_currency"
            count = counted.money(self)
            if count.n and self.spend_ceiling is not None:
                return self._split(count, self.spend_ceiling, occasion, uses)
        elif isinstance(self.rule, BonusRule):
            return self._bonus(occasion.event)
        elif self.on is Activity:
            event = occasion.event
            if not isinstance(event, Activity) or event.kind != self.activity:
                return "other_activity"
            count = _done(event, self.measure)
        else:
            count = counted.quantity(self.measure, self.lines)
        if not count.n:
            return "no_line_counts"
        n, d = self.exact(count.n, count.d) if self.grain is not Grain.LINE else self._by_lines(count.by_line, count.d)
        return Share(self, self, count, n, d) if n else "below_one_step"

    def _bonus(self, event: Event | None) -> Share | str:
        """A fixed credit: for a purchase in which something was paid, an enrolment, an activity's count."""
        if isinstance(event, Activity):
            if event.kind != self.activity:
                return "other_activity"
            times = event.count // self.per_n
            if not times:
                return "below_one_step"
            return Share(self, self, Count(None, event.count, 1, ()), times * self.steps, 1)
        if isinstance(event, Purchase) and not event.total:
            return "nothing_paid"
        return Share(self, self, _ONE, self.steps, 1)

    def _by_lines(self, by_line: list[int] | None, base_d: int) -> tuple[int, int]:
        """The exact sum of the lines' figures."""
        parts = [self.exact(base, base_d) for base in by_line or ()]
        return sum(n for n, _ in parts), parts[0][1]

    def _split(self, count: Count, ceiling: BoundCeiling, occasion: Occasion, uses: Uses) -> Share | str:
        """The spend up to the ceiling at the rule's rate, in the order of the lines; the rest at the rate beyond."""
        limit = ceiling.ceiling
        inside = min(count.n, ceiling.room(occasion, self.label, uses))
        if inside < count.n and limit.whole:
            inside = 0
        left, kept = inside, []
        for base in count.by_line or ():
            kept.append(min(base, left))
            left -= kept[-1]
        n, d = self.exact(inside, 1) if self.grain is not Grain.LINE else self._by_lines(kept, 1)
        wanted_n = self.exact(count.n, 1)[0]
        if inside < count.n and limit.beyond is not None:
            n, d = n * self.per_n + (count.n - inside) * limit.beyond.steps * d, d * self.per_n
            wanted_n *= self.per_n
        share = Share(self, self, Count(kept, count.n, 1, count.ids), n, d)
        share.wanted_n = wanted_n
        if inside < count.n:
            share.trimmed_by = limit.name
        ceiling.use(occasion, self.label, inside, uses)
        return share if n else "ceiling_full"

    def validity(self, at: datetime, calendar: Calendar) -> Validity:
        """The validity of what is credited at *at*, from a cache by day where the day decides it."""
        life = self.life
        if not self.by_day:
            return life.resolve(at, calendar)
        day = None if life is AT_ONCE else calendar.day(at)
        found = self._validities.get(day)
        if found is None:
            if len(self._validities) > _CACHE_MAX:
                self._validities.clear()
            found = self._validities[day] = life.resolve(at, calendar)
        return found


def _banded(rule: SpendRule, base: int) -> int:
    """Steps x per of a banded rate: marginal bands take each its part, else the last one reached takes all."""
    if not rule.marginal:
        credit = rule.credit.steps
        for band in rule.bands:
            if base >= band.over.steps:
                credit = band.credit.steps
        return base * credit
    total, start, credit = 0, 0, rule.credit.steps
    for band in rule.bands:
        total += (min(base, band.over.steps) - start) * credit
        if base <= band.over.steps:
            return total
        start, credit = band.over.steps, band.credit.steps
    return total + (base - start) * credit


class Multiplier:
    """A multiplier, bound: it adds `gain_n` / `d` of what its rules give, that is its factor less one."""

    __slots__ = ("d", "gain_n", "group", "lines", "mode", "n", "name", "of", "of_rounded", "rate", "rounding", "when")

    def __init__(self, rule: MultiplierRule, name: str, of: frozenset[str]) -> None:
        self.name, self.of, self.of_rounded, self.when, self.lines = name, of, rule.of_rounded, rule.when, rule.lines
        self.n, self.d = rule.factor.numerator, rule.factor.denominator
        self.gain_n = self.n - self.d
        self.group, self.mode, self.rounding = rule.group, rule.rounding, rule.rounding.value
        self.rate = f"x {rule.factor}"


def lines_of(by_line: Sequence[int], lines: Sequence[Line]) -> tuple[str, ...]:
    """The ids of the lines that count something."""
    return tuple(line_id(line) for line, base in zip(lines, by_line, strict=True) if base)
