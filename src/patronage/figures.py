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


class Share:
    """
    What one rule has in an event: first its exact figure `n` / `d`, then the steps it is granted.

    *by_line* is what each line counts (over *base_d*), where lines count. *extras* are the exact
    shares of multipliers that are rounded with it; where that is done by line, *line_extras* has
    those of each line.
    """

    __slots__ = (
        "base_d",
        "base_n",
        "by_line",
        "d",
        "extras",
        "ids",
        "line_extras",
        "n",
        "plan",
        "rate",
        "rounding",
        "rule",
        "steps",
        "trimmed_by",
        "wanted",
        "wanted_n",
    )

    def __init__(
        self,
        plan: Plan,
        rule: str,
        rate: str,
        by_line: list[int] | None,
        base_n: int,
        base_d: int,
        n: int,
        d: int,
        ids: tuple[str, ...],
    ) -> None:
        self.plan = plan
        self.rule = rule
        self.rate = rate
        self.rounding = plan.rounding
        self.by_line = by_line
        self.base_n = base_n
        self.base_d = base_d
        self.n = n
        self.d = d
        self.wanted_n = n
        self.ids = ids
        self.extras: list[tuple[Multiplier, int, int]] | None = None
        self.line_extras: list[list[tuple[Multiplier, int, int]]] = []
        self.steps = 0
        self.wanted = 0
        self.trimmed_by: str | None = None

    @property
    def base(self) -> tuple[int, int]:
        """What the rule counted."""
        return (self.base_n, self.base_d)

    def grant(self, steps: int) -> None:
        """Sets what it wants and, before ceilings, is granted."""
        self.steps = self.wanted = steps


class Counted:
    """What the rules of one evaluation share: the bases of the lines, by what counts and which lines."""

    __slots__ = ("_bases", "_occasion", "_pairs", "currency", "purchase")

    def __init__(self, occasion: Occasion) -> None:
        event = occasion.event
        self._occasion = occasion
        self.purchase = event if isinstance(event, Purchase) else None
        self.currency = None if self.purchase is None else self.purchase.currency
        self._bases: dict[int, list[int]] = {}
        self._pairs: dict[tuple[int, int], tuple[list[int], tuple[str, ...]]] = {}

    def money(self, base: Base, lines: Condition | None) -> tuple[list[int], tuple[str, ...]]:
        """The steps of each line that count, and the ids of those lines."""
        key = (id(base), id(lines))
        found = self._pairs.get(key)
        if found is not None:
            return found
        purchase = self.purchase
        assert purchase is not None
        counted = self._bases.get(id(base))
        if counted is None:
            counted = self._bases[id(base)] = base.of(purchase)
        members = purchase.lines
        if lines is not None:
            occasion, holds = self._occasion, lines.holds
            counted = [
                steps if steps and holds(occasion, line) else 0 for steps, line in zip(counted, members, strict=True)
            ]
        ids = tuple([line_id(line) for steps, line in zip(counted, members, strict=True) if steps])
        self._pairs[key] = (counted, ids)
        return counted, ids

    def quantity(self, measure: str | None, lines: Condition | None) -> tuple[list[int], int, tuple[str, ...]]:
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
        return [n * (d // own) for n, own in ratios], d, tuple(ids)


def line_id(line: Line) -> str:
    """The line's id, which every line of an event has."""
    return line.id or ""


class Plan:
    """A rule of earning, bound."""

    __slots__ = (
        "_validities",
        "activity",
        "base",
        "by_day",
        "ceilings",
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
            self.rate = f"{unit.text(rule.credit)} per {rule.per} {rule.measure or 'items'}"
        else:
            self.on, self.activity = _EVENTS[rule.on], rule.activity
            self.per_n = rule.per
            self.rate = f"{unit.text(rule.credit)} per {rule.per} {rule.activity or rule.on.value}"
        self.rounding = self.mode.value
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
        base = self.base
        if base is not None:
            if counted.currency != self.currency:
                return "other_currency"
            by_line, ids = counted.money(base, self.lines)
            base_n, base_d = sum(by_line), 1
            if not base_n:
                return "no_line_counts"
            if self.spend_ceiling is not None:
                return self._split(by_line, base_n, ids, self.spend_ceiling, occasion, uses)
        elif self.on is not Purchase or isinstance(self.rule, BonusRule):
            return self._bonus(occasion.event)
        else:
            by_line, base_d, ids = counted.quantity(self.measure, self.lines)
            base_n = sum(by_line)
            if not base_n:
                return "no_line_counts"
        n, d = self.exact(base_n, base_d) if self.grain is not Grain.LINE else self._by_lines(by_line, base_d)
        return Share(self, self.name, self.rate, by_line, base_n, base_d, n, d, ids) if n else "below_one_step"

    def _bonus(self, event: Event | None) -> Share | str:
        """A fixed credit: for a purchase in which something was paid, an enrolment, an activity's count."""
        times = 1
        if isinstance(event, Purchase) and not event.total:
            return "nothing_paid"
        if isinstance(event, Activity):
            if event.kind != self.activity:
                return "other_activity"
            times = event.count // self.per_n
            if not times:
                return "below_one_step"
        count = event.count if isinstance(event, Activity) else 1
        return Share(self, self.name, self.rate, None, count, 1, times * self.steps, 1, ())

    def _by_lines(self, by_line: list[int], base_d: int) -> tuple[int, int]:
        """The exact sum of the lines' figures."""
        parts = [self.exact(base, base_d) for base in by_line]
        return sum(n for n, _ in parts), parts[0][1]

    def _split(
        self,
        by_line: list[int],
        base_n: int,
        ids: tuple[str, ...],
        ceiling: BoundCeiling,
        occasion: Occasion,
        uses: Uses,
    ) -> Share | str:
        """The spend up to the ceiling at the rule's rate, in the order of the lines; the rest at the rate beyond."""
        limit = ceiling.ceiling
        inside = min(base_n, ceiling.room(occasion, self.label, uses))
        if inside < base_n and limit.whole:
            inside = 0
        left, kept = inside, []
        for base in by_line:
            kept.append(min(base, left))
            left -= kept[-1]
        n, d = self.exact(inside, 1) if self.grain is not Grain.LINE else self._by_lines(kept, 1)
        wanted_n = self.exact(base_n, 1)[0]
        if inside < base_n and limit.beyond is not None:
            n, d = n * self.per_n + (base_n - inside) * limit.beyond.steps * d, d * self.per_n
            wanted_n *= self.per_n
        share = Share(self, self.name, self.rate, kept, base_n, 1, n, d, ids)
        share.wanted_n = wanted_n
        if inside < base_n:
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
