"""A rule of earning at work: what it counts on one event, and the exact figure that comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage.base import Base
from patronage.building import BookingDraft, draft_booking
from patronage.ceilings import BoundCeiling, Uses
from patronage.errors import InvalidValueError, quote
from patronage.events import Activity, Enrolment, Event, Line, LineKind, Purchase
from patronage.ledger import Validity
from patronage.occasions import AT_ONCE, Condition, Occasion
from patronage.periods import Calendar
from patronage.rules import BonusRule, EarningRule, Grain, MultiplierRule, On, QuantityRule, SpendRule
from patronage.terms_of_time import Term
from patronage.units import Rounding, Unit, rounded

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


Count = tuple[list[int] | None, tuple[int, int], tuple[str, ...]]
"""What a rule counts on an event: of each line, where lines count; the sum as `(n, d)`; the ids of those lines."""
Figure = tuple[Count, int, int, int, str | None]
"""What that comes to, exactly: the count, `n` and `d`, the n that was wanted, and the ceiling on spend that cut it."""
Award = tuple["Plan", BookingDraft]
"""What a rule, or a multiplier of it, is granted: its plan, and the booking as ceilings trim it."""


class Share:
    """
    What one rule, or one multiplier of it, has in a figure that is rounded together with others.

    *giver* is the rule or the multiplier. *extras* are the exact shares of multipliers that are
    rounded with it; where that is done by line, *line_extras* has those of each line.
    """

    __slots__ = ("count", "d", "extras", "giver", "line_extras", "n", "plan", "steps", "trimmed_by", "wanted_n")

    def __init__(
        self, plan: Plan, giver: Plan | Multiplier, count: Count, n: int, d: int, wanted_n: int, trimmed_by: str | None
    ) -> None:
        self.plan, self.giver, self.count = plan, giver, count
        self.n, self.d, self.wanted_n, self.trimmed_by = n, d, wanted_n, trimmed_by
        self.steps = 0
        self.extras: list[tuple[Multiplier, int, int]] = []
        self.line_extras: list[list[tuple[Multiplier, int, int]]] = []

    @property
    def rule(self) -> str:
        """The name of the rule or multiplier."""
        return self.giver.name

    def award(self) -> Award:
        """What it is granted, before ceilings."""
        _, base, ids = self.count
        giver, plan = self.giver, self.plan
        draft = draft_booking(giver.name, self.steps, base, (self.n, self.d), giver.rate, plan.rounding, ids)
        draft.trimmed_by = self.trimmed_by
        return plan, draft


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
        occasion, by_line, ids, total = self._occasion, [], [], 0
        for i, line in enumerate(purchase.lines):
            steps = money[i]
            if steps and (lines is None or lines.holds(occasion, line)):
                ids.append(line.id or "")
                total += steps
            else:
                steps = 0
            by_line.append(steps)
        return by_line, (total, 1), tuple(ids)

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
        return by_line, (sum(by_line), d), tuple(ids)


def _done(activity: Activity, measure: str | None) -> Count:
    """How often an activity was done, or its measure."""
    number = activity.count if measure is None else activity.measures.get(measure)
    n, d = (0, 1) if number is None or number <= 0 else number.as_integer_ratio()
    return None, (n, d), ()


_ONE: Final[Count] = (None, (1, 1), ())
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

    def figure(self, occasion: Occasion, counted: Counted, uses: Uses) -> Figure | str:
        """What it comes to on this event, before rounding; a code where it does not apply."""
        if self.base is not None:
            if counted.currency != self.currency:
                return "other_currency"
            count = counted.money(self)
            if self.spend_ceiling is not None and count[1][0]:
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
        by_line, (base_n, base_d), _ = count
        if not base_n:
            return "no_line_counts"
        n, d = self.exact(base_n, base_d) if self.grain is not Grain.LINE else self._by_lines(by_line, base_d)
        return (count, n, d, n, None) if n else "below_one_step"

    def _bonus(self, event: Event | None) -> Figure | str:
        """A fixed credit: for a purchase in which something was paid, an enrolment, an activity's count."""
        steps = self.steps
        if isinstance(event, Activity):
            if event.kind != self.activity:
                return "other_activity"
            steps *= event.count // self.per_n
            return ((None, (event.count, 1), ()), steps, 1, steps, None) if steps else "below_one_step"
        if isinstance(event, Purchase) and not event.total:
            return "nothing_paid"
        return _ONE, steps, 1, steps, None

    def award(self, figure: Figure) -> Award:
        """The figure rounded by itself."""
        (_, base, ids), n, d, wanted_n, trimmed_by = figure
        steps = n if d == 1 else rounded(n, d, self.mode)
        draft = draft_booking(self.name, steps, base, (n, d), self.rate, self.rounding, ids)
        if trimmed_by is not None:
            draft.trimmed_by, draft.wanted = trimmed_by, max(steps, rounded(wanted_n, d, self.mode))
        return self, draft

    def _by_lines(self, by_line: list[int] | None, base_d: int) -> tuple[int, int]:
        """The exact sum of the lines' figures."""
        parts = [self.exact(base, base_d) for base in by_line or ()]
        return sum(n for n, _ in parts), parts[0][1]

    def _split(self, count: Count, ceiling: BoundCeiling, occasion: Occasion, uses: Uses) -> Figure | str:
        """The spend up to the ceiling at the rule's rate, in the order of the lines; the rest at the rate beyond."""
        by_line, (base_n, _), ids = count
        limit = ceiling.ceiling
        inside = min(base_n, ceiling.room(occasion, self.label, uses))
        if inside < base_n and limit.whole:
            inside = 0
        left, kept = inside, []
        for base in by_line or ():
            kept.append(min(base, left))
            left -= kept[-1]
        n, d = self.exact(inside, 1) if self.grain is not Grain.LINE else self._by_lines(kept, 1)
        wanted_n = self.exact(base_n, 1)[0]
        if inside < base_n and limit.beyond is not None:
            n, d = n * self.per_n + (base_n - inside) * limit.beyond.steps * d, d * self.per_n
            wanted_n *= self.per_n
        ceiling.use(occasion, self.label, inside, uses)
        cut = limit.name if inside < base_n else None
        return ((kept, (base_n, 1), ids), n, d, wanted_n, cut) if n else "ceiling_full"

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

    def awards(self, granted: Sequence[Award]) -> list[Award]:
        """What it adds to rounded figures: beside each rule that it multiplies an award, rounded by itself."""
        added: list[Award] = []
        for plan, draft in granted:
            if draft.rule in self.of:
                n, d = draft.steps * self.gain_n, self.d
                steps = rounded(n, d, self.mode)
                added.append(
                    (plan, draft_booking(self.name, steps, draft.base, (n, d), self.rate, self.rounding, draft.lines))
                )
        return added


def lines_of(by_line: Sequence[int], lines: Sequence[Line]) -> tuple[str, ...]:
    """The ids of the lines that count something."""
    return tuple(line_id(line) for line, base in zip(lines, by_line, strict=True) if base)
