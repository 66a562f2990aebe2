"""
How rules earn: from an occasion to credits, on exact whole-number ratios, each figure rounded once.

In order: what counts (rules that apply, their base), groups, multipliers, rounding at the named
grain, ceilings, credits. Rules are bound once per program (`bind`); what is bound is asked for every
event, also when a refund decides a purchase again, and with a trace when someone asks why not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.base import Base
from patronage.ceilings import BoundCeiling, Uses
from patronage.errors import InvalidValueError, quote
from patronage.events import Activity, Enrolment, Event, Line, LineKind, Purchase
from patronage.ledger import Fact, Reason, Validity, build_booking
from patronage.occasions import AT_ONCE, Condition, Effect, Life, Occasion, Read, build_credit
from patronage.periods import Calendar
from patronage.rules import (
    BonusRule,
    Ceiling,
    EarningRule,
    Grain,
    Group,
    MultiplierRule,
    On,
    QuantityRule,
    Rule,
    SpendRule,
    Stacking,
)
from patronage.terms_of_time import Term
from patronage.units import Rounding, Unit, build_amount, rounded

EARNED: Final = Reason("earned", FrozenMapping())
_EVENTS: Final[Mapping[On, type[Event]]] = {On.PURCHASE: Purchase, On.ENROLMENT: Enrolment, On.ACTIVITY: Activity}


@attrs.frozen
class WhyNot:
    """A rule that did not apply: a code and its facts."""

    policy: str
    rule: str
    code: str
    facts: FrozenMapping[str, Fact]


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


class _Figure:
    """What a rule comes to on one event, before rounding: `n` / `d` steps."""

    __slots__ = ("base_d", "base_n", "by_line", "d", "extras", "ids", "n", "plan", "trimmed_by", "wanted_n")

    def __init__(
        self, plan: _Plan, by_line: list[int] | None, base_n: int, base_d: int, n: int, d: int, ids: tuple[str, ...]
    ) -> None:
        self.plan, self.by_line, self.base_n, self.base_d, self.n, self.d = plan, by_line, base_n, base_d, n, d
        self.ids = ids
        self.extras: list[tuple[_Multiplier, int, int]] = []
        self.trimmed_by: str | None = None
        self.wanted_n = n


class _Award:
    """What one rule of a cell was granted."""

    __slots__ = ("base", "exact", "figure", "rate", "rounding", "rule", "steps", "trimmed_by", "wanted")

    def __init__(
        self, figure: _Figure, rule: str, steps: int, exact: tuple[int, int], rate: str, rounding: str
    ) -> None:
        self.figure, self.rule, self.steps, self.wanted, self.exact = figure, rule, steps, steps, exact
        self.rate, self.rounding, self.trimmed_by = rate, rounding, figure.trimmed_by
        self.base = (figure.base_n, figure.base_d)


class _Plan:
    """A rule of earning, bound."""

    __slots__ = (
        "activity",
        "base",
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
        "validities",
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
        bound = [BoundCeiling.of(ceiling, rule, setting.policy, setting.refund_for) for ceiling in rule.ceilings]
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
        self.spend_ceiling = next((ceiling for ceiling in bound if ceiling.on_spend), None)
        self.ceilings = tuple(ceiling for ceiling in bound if not ceiling.on_spend)
        if sum(ceiling.on_spend for ceiling in bound) > 1:
            raise InvalidValueError(f"Rule {name} has two ceilings on its spend: give it one.")
        self.validities: dict[object, Validity] = {}

    def exact(self, base_n: int, base_d: int) -> tuple[int, int]:
        """The figure of a base: steps of the credited unit, as a ratio."""
        rule = self.rule
        if self.whole:
            return base_n * self.per_d // (base_d * self.per_n) * self.steps, 1
        if isinstance(rule, SpendRule) and rule.bands:
            return _banded(rule, base_n), self.per_n
        return base_n * self.per_d * self.steps, base_d * self.per_n

    def figure(self, occasion: Occasion, shared: _Shared, uses: Uses) -> _Figure | str:
        """What it comes to on this event; a code where it does not apply."""
        event = occasion.event
        if self.currency is not None:
            if shared.currency != self.currency:
                return "other_currency"
            by_line, ids = shared.money(self)
            base_n, base_d = sum(by_line), 1
        elif self.on is Purchase and isinstance(event, Purchase):
            if isinstance(self.rule, BonusRule):
                return _Figure(self, None, 1, 1, self.steps, 1, ()) if event.total else "nothing_paid"
            by_line, base_d, ids = shared.quantity(self)
            base_n = sum(by_line)
        elif isinstance(event, Activity):
            if event.kind != self.activity:
                return "other_activity"
            n = event.count // self.per_n * self.steps
            return _Figure(self, None, event.count, 1, n, 1, ()) if n else "below_one_step"
        else:
            return _Figure(self, None, 1, 1, self.steps, 1, ())
        if not base_n:
            return "no_line_counts"
        ceiling = self.spend_ceiling
        if ceiling is not None:
            return self._split(by_line, base_n, ids, ceiling, occasion, uses)
        n, d = self.exact(base_n, base_d) if self.grain is not Grain.LINE else self._by_lines(by_line, base_d)
        if not n:
            return "below_one_step"
        return _Figure(self, by_line, base_n, base_d, n, d, ids)

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
    ) -> _Figure | str:
        """The spend up to the ceiling at the rule's rate, in the order of the lines; the rest at the rate beyond."""
        room = ceiling.room(occasion, self.label, uses)
        inside = min(base_n, room)
        if inside < base_n and ceiling.ceiling.whole:
            inside = 0
        left, kept = inside, []
        for base in by_line:
            part = min(base, left)
            kept.append(part)
            left -= part
        n, d = self.exact(inside, 1) if self.grain is not Grain.LINE else self._by_lines(kept, 1)
        wanted_n = self.exact(base_n, 1)[0]
        if inside < base_n and ceiling.ceiling.beyond is not None:
            over = (base_n - inside) * ceiling.ceiling.beyond.steps
            n, d = n * self.per_n + over * d, d * self.per_n
            wanted_n *= self.per_n
        figure = _Figure(self, kept, base_n, 1, n, d, ids)
        figure.wanted_n = wanted_n
        if inside < base_n:
            figure.trimmed_by = ceiling.ceiling.name
        ceiling.use(occasion, self.label, inside, uses)
        return figure if n else "ceiling_full"

    def validity(self, at: datetime, calendar: Calendar) -> Validity:
        """The validity of what is credited now, from a cache by day where the day decides it."""
        life = self.life
        if not life.by_day:
            return life.resolve(at, calendar)
        day = None if life is AT_ONCE else calendar.day(at)
        found = self.validities.get(day)
        if found is None:
            if len(self.validities) > 4_096:
                self.validities.clear()
            found = self.validities[day] = life.resolve(at, calendar)
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


class _Multiplier:
    """A multiplier, bound: it adds `gain_n` / `d` of what its rules give, that is its factor less one."""

    __slots__ = ("d", "gain_n", "group", "lines", "n", "name", "of", "of_rounded", "rate", "rounding", "when")

    def __init__(self, rule: MultiplierRule, name: str, of: frozenset[str]) -> None:
        self.name, self.of, self.of_rounded, self.when, self.lines = name, of, rule.of_rounded, rule.when, rule.lines
        self.n, self.d = rule.factor.numerator, rule.factor.denominator
        self.gain_n = self.n - self.d
        self.group, self.rounding, self.rate = rule.group, rule.rounding, f"x {rule.factor}"


class _Shared:
    """What the rules of one evaluation share: the bases of the lines, by what counts and which lines."""

    __slots__ = ("_bases", "_money", "_occasion", "currency", "purchase")

    def __init__(self, occasion: Occasion) -> None:
        event = occasion.event
        self._occasion = occasion
        self.purchase = event if isinstance(event, Purchase) else None
        self.currency = None if self.purchase is None else self.purchase.currency
        self._bases: dict[int, list[int]] = {}
        self._money: dict[tuple[int, int], tuple[list[int], tuple[str, ...]]] = {}

    def money(self, plan: _Plan) -> tuple[list[int], tuple[str, ...]]:
        """The steps of each line that count for a rule, and the ids of those lines."""
        purchase, base, lines = self.purchase, plan.base, plan.lines
        assert purchase is not None and base is not None
        key = (id(base), id(lines))
        found = self._money.get(key)
        if found is not None:
            return found
        counted = self._bases.get(id(base))
        if counted is None:
            counted = self._bases[id(base)] = base.of(purchase)
        if lines is not None:
            occasion = self._occasion
            counted = [
                steps if steps and lines.holds(occasion, line) else 0
                for steps, line in zip(counted, purchase.lines, strict=True)
            ]
        ids = tuple([_id(line) for steps, line in zip(counted, purchase.lines, strict=True) if steps])
        found = self._money[key] = (counted, ids)
        return found

    def quantity(self, plan: _Plan) -> tuple[list[int], int, tuple[str, ...]]:
        """The quantity (or measure) of each line that counts for a rule, over one denominator."""
        assert self.purchase is not None
        ratios, ids = [], []
        for line in self.purchase.lines:
            counts = line.kind is LineKind.GOODS and (plan.lines is None or plan.lines.holds(self._occasion, line))
            number = (line.quantity if plan.measure is None else line.measures.get(plan.measure)) if counts else None
            ratios.append((0, 1) if number is None or number <= 0 else number.as_integer_ratio())
            if ratios[-1][0]:
                ids.append(_id(line))
        d = max(ratio[1] for ratio in ratios)
        while any(d % ratio[1] for ratio in ratios):
            d *= next(ratio[1] for ratio in ratios if d % ratio[1])
        return [n * (d // own) for n, own in ratios], d, tuple(ids)


def _id(line: Line) -> str:
    return line.id or ""


class Earning:
    """The rules of a policy, bound: `credits` gives what an occasion earns."""

    __slots__ = ("_ceilings", "_groups", "_multipliers", "_plans", "_policy", "_setting", "ceilings", "reads")

    def __init__(
        self, rules: Sequence[Rule], groups: Sequence[Group], ceilings: Sequence[Ceiling], setting: Setting
    ) -> None:
        names = [rule.name or f"rule-{n}" for n, rule in enumerate(rules, 1)]
        if len(set(names)) < len(names):
            raise InvalidValueError(f"Two rules of policy {setting.policy} have one name.")
        self._policy, self._setting = setting.policy, setting
        self._plans: dict[type[Event], list[_Plan]] = {}
        plans = []
        for rule, name in zip(rules, names, strict=True):
            if not isinstance(rule, MultiplierRule):
                plan = _Plan(rule, name, setting)
                plans.append(plan)
                self._plans.setdefault(plan.on, []).append(plan)
        known = {plan.name for plan in plans}
        self._multipliers = [
            _Multiplier(rule, name, frozenset(rule.of) or frozenset(known))
            for rule, name in zip(rules, names, strict=True)
            if isinstance(rule, MultiplierRule)
        ]
        for multiplier in self._multipliers:
            if not multiplier.of <= known:
                missing = sorted(multiplier.of - known)[0]
                raise InvalidValueError(f"Multiplier {multiplier.name} names {quote(missing)}, which is no rule of earning.")
        self._groups = {group.name: group for group in groups}
        grouped = {item.group for item in (*plans, *self._multipliers) if item.group is not None}
        if not grouped <= self._groups.keys():
            raise InvalidValueError(f"Group {quote(sorted(grouped - self._groups.keys())[0])} is not declared.")
        self._ceilings = tuple(
            BoundCeiling.of(ceiling, None, setting.policy, setting.refund_for) for ceiling in ceilings
        )
        own = [c for plan in plans for c in (*plan.ceilings, *((plan.spend_ceiling,) if plan.spend_ceiling else ()))]
        self.ceilings = (*own, *self._ceilings)
        tallies = [ceiling.tally for ceiling in self.ceilings if ceiling.tally is not None]
        if len(set(tallies)) < len(tallies):
            raise InvalidValueError(f"Two ceilings of policy {setting.policy} have one name.")
        self.reads: tuple[Read, ...] = tuple(
            read for rule in rules for asked in (rule.when, getattr(rule, "lines", None)) for read in _reads(asked)
        ) + tuple(Read(plan.unit, plan.label) for plan in plans for ceiling in plan.ceilings if ceiling.on_balance)
        self.reads += tuple(Read(plan.unit, plan.label) for plan in plans if any(c.on_balance for c in self._ceilings))

    def tallies(self, at: datetime) -> Iterable[tuple[str, str]]:
        """The tallies of ceilings that an event at *at* counts on: unit, and label of the period."""
        calendar = self._setting.calendar
        return [(c.tally, c.period(at, calendar)) for c in self.ceilings if c.tally is not None]

    def credits(self, occasion: Occasion, trace: list[WhyNot] | None = None) -> list[Effect]:
        """What the occasion earns: credits, and the use of ceilings. *trace* takes the rules that did not apply."""
        event = occasion.event
        plans = self._plans.get(type(event))
        if plans is None or (type(event) is Purchase and not event.lines):
            return []
        shared, uses = _Shared(occasion), Uses()
        figures = []
        for plan in plans:
            if plan.when is not None and not plan.when.holds(occasion, None):
                if trace is not None:
                    self._not(trace, plan.name, "condition", {"condition": repr(plan.when)})
                continue
            figure = plan.figure(occasion, shared, uses)
            if isinstance(figure, str):
                if trace is not None:
                    self._not(trace, plan.name, figure, {"rate": plan.rate})
            else:
                figures.append(figure)
        if self._groups:
            figures = self._grouped(figures, occasion.lines, trace)
        rounded_later = self._multiply(figures, occasion, trace) if self._multipliers else []
        awards = self._round(figures)
        for multiplier in rounded_later:
            _add_rounded(multiplier, awards)
        return self._credit(awards, occasion, uses, trace)

    def _not(self, trace: list[WhyNot], rule: str, code: str, facts: Mapping[str, Fact]) -> None:
        trace.append(WhyNot(self._policy, rule, code, FrozenMapping(facts)))

    def _grouped(
        self, figures: list[_Figure], lines: Sequence[Line], trace: list[WhyNot] | None
    ) -> list[_Figure]:
        """The figures that their groups let stand."""
        kept = list(figures)
        for group in self._groups.values():
            if group.stacking not in (Stacking.BEST, Stacking.FIRST):
                continue
            members = [figure for figure in kept if figure.plan.group == group.name]
            if len(members) < 2:
                continue
            if group.by_line and all(figure.by_line is not None for figure in members):
                _share_lines(members, group.stacking, lines)
            else:
                winner = members[0]
                if group.stacking is Stacking.BEST:
                    for figure in members[1:]:
                        if figure.n * winner.d > winner.n * figure.d:
                            winner = figure
                for figure in members:
                    if figure is not winner:
                        figure.n = 0
                        if trace is not None:
                            self._not(trace, figure.plan.name, "group", {"group": group.name, "won": winner.plan.name})
            kept = [figure for figure in kept if figure.n]
        return kept

    def _multiply(self, figures: list[_Figure], occasion: Occasion, trace: list[WhyNot] | None) -> list[_Multiplier]:
        """Adds the exact multipliers to their figures; gives back those that work on rounded figures."""
        active = []
        for multiplier in self._multipliers:
            if multiplier.when is not None and not multiplier.when.holds(occasion, None):
                if trace is not None:
                    self._not(trace, multiplier.name, "condition", {"condition": repr(multiplier.when)})
            else:
                active.append(multiplier)
        lines = occasion.lines
        for figure in figures:
            mine = [m for m in active if not m.of_rounded and figure.plan.name in m.of]
            if mine:
                self._extras(figure, mine, occasion, lines)
        return self._stacked([m for m in active if m.of_rounded])

    def _extras(
        self, figure: _Figure, multipliers: list[_Multiplier], occasion: Occasion, lines: tuple[Line, ...]
    ) -> None:
        """The multipliers' shares of a figure. Lines on which the same ones work are taken together."""
        by_line = figure.by_line
        if by_line is None or all(m.lines is None for m in multipliers):
            for multiplier, n, d in self._gains(multipliers):
                figure.extras.append((multiplier, figure.n * n, figure.d * d))
            return
        parts: dict[tuple[int, ...], int] = {}
        for base, line in zip(by_line, lines, strict=True):
            working = tuple(
                i for i, m in enumerate(multipliers) if m.lines is None or (base and m.lines.holds(occasion, line))
            )
            parts[working] = parts.get(working, 0) + base
        for working, base in parts.items():
            n0, d0 = figure.plan.exact(base, figure.base_d)
            for multiplier, n, d in self._gains([multipliers[i] for i in working]):
                if n0:
                    figure.extras.append((multiplier, n0 * n, d0 * d))

    def _stacked(self, multipliers: list[_Multiplier]) -> list[_Multiplier]:
        """The multipliers that their groups let stand."""
        kept: list[_Multiplier] = []
        for multiplier in multipliers:
            group = self._groups.get(multiplier.group or "")
            rival = None
            if group is not None and group.stacking in (Stacking.BEST, Stacking.FIRST):
                rival = next((m for m in kept if m.group == multiplier.group), None)
            if rival is None:
                kept.append(multiplier)
            elif group is not None and group.stacking is Stacking.BEST:
                if multiplier.n * rival.d > rival.n * multiplier.d:
                    kept[kept.index(rival)] = multiplier
        return kept

    def _gains(self, multipliers: list[_Multiplier]) -> list[tuple[_Multiplier, int, int]]:
        """What each adds, as a ratio of the unmultiplied figure: in a group by sum on that, else on what stands before it."""
        gains = []
        standing_n, standing_d = 1, 1
        for multiplier in self._stacked(multipliers):
            group = self._groups.get(multiplier.group or "")
            if group is not None and group.stacking is Stacking.SUM:
                gains.append((multiplier, multiplier.gain_n, multiplier.d))
                continue
            gains.append((multiplier, standing_n * multiplier.gain_n, standing_d * multiplier.d))
            standing_n, standing_d = standing_n * multiplier.n, standing_d * multiplier.d
        return gains

    def _round(self, figures: list[_Figure]) -> list[_Award]:
        """Each cell rounded once: a rule with its exact multipliers, a line of it, or all rules of the event."""
        awards: list[_Award] = []
        together: dict[tuple[str, str | None, Life], list[_Figure]] = {}
        for figure in figures:
            plan = figure.plan
            if plan.grain is Grain.EVENT:
                together.setdefault((plan.unit, plan.label, plan.life), []).append(figure)
            elif plan.grain is Grain.LINE:
                awards.extend(_by_line(figure))
            elif not figure.extras:
                steps = rounded(figure.n, figure.d, plan.mode)
                award = _Award(figure, plan.name, steps, (figure.n, figure.d), plan.rate, plan.rounding)
                if figure.trimmed_by is not None:
                    award.wanted = max(steps, rounded(figure.wanted_n, figure.d, plan.mode))
                awards.append(award)
            else:
                awards.extend(_cell([figure]))
        for cell in together.values():
            awards.extend(_cell(cell))
        return awards

    def _credit(
        self, awards: list[_Award], occasion: Occasion, uses: Uses, trace: list[WhyNot] | None
    ) -> list[Effect]:
        """Ceilings, then one credit for each unit, label and life."""
        at, calendar = occasion.at, occasion.calendar
        for award in awards:
            for ceiling in award.figure.plan.ceilings:
                ceiling.trim([award], occasion, award.figure.plan.label, uses)
        for ceiling in self._ceilings:
            ceiling.trim([a for a in awards if a.figure.plan.unit == ceiling.unit], occasion, None, uses)
        credits: dict[tuple[str, str | None, int], tuple[_Plan, list[_Award]]] = {}
        for award in awards:
            if award.steps > 0:
                plan = award.figure.plan
                credits.setdefault((plan.unit, plan.label, id(plan.life)), (plan, []))[1].append(award)
            elif trace is not None:
                code = "ceiling_full" if award.wanted > 0 else "below_one_step"
                self._not(trace, award.rule, code, {"ceiling": award.trimmed_by, "wanted": award.wanted})
        effects: list[Effect] = []
        for plan, members in credits.values():
            total = 0
            books = []
            for award in members:
                total += award.steps
                books.append(
                    build_booking(
                        award.rule,
                        award.steps,
                        award.wanted,
                        award.base,
                        award.exact,
                        award.rate,
                        award.rounding,
                        award.figure.ids,
                        award.trimmed_by,
                    )
                )
            effects.append(
                build_credit(
                    build_amount(total, plan.unit),
                    members[0].rule,
                    plan.label,
                    plan.life,
                    EARNED,
                    tuple(books),
                    plan.validity(at, calendar),
                )
            )
        for (ceiling, label), steps in uses.items():
            if ceiling.tally is not None:
                effects.append(ceiling.counted(occasion, label, steps))
        return effects


def _reads(condition: Condition | None) -> tuple[Read, ...]:
    return tuple(getattr(condition, "reads", ()))


def _share_lines(members: list[_Figure], stacking: Stacking, lines: Sequence[Line]) -> None:
    """On each line one rule of the group counts: the best, or the first that counts there."""
    for i in range(len(members[0].by_line or ())):
        here = [(figure, figure.by_line[i]) for figure in members if figure.by_line is not None and figure.by_line[i]]
        if len(here) < 2:
            continue
        winner = here[0]
        if stacking is Stacking.BEST:
            for rival in here[1:]:
                n, d = rival[0].plan.exact(rival[1], rival[0].base_d)
                best_n, best_d = winner[0].plan.exact(winner[1], winner[0].base_d)
                if n * best_d > best_n * d:
                    winner = rival
        for figure, _ in here:
            if figure is not winner[0] and figure.by_line is not None:
                figure.by_line = [0 if k == i else base for k, base in enumerate(figure.by_line)]
    for figure in members:
        by_line = figure.by_line or []
        figure.base_n = sum(by_line)
        figure.ids = tuple(_id(line) for line, base in zip(lines, by_line, strict=True) if base)
        figure.n, figure.d = figure.plan.exact(figure.base_n, figure.base_d)
        figure.wanted_n = figure.n


def _cell(figures: list[_Figure]) -> list[_Award]:
    """One rounding of several figures and their multipliers; the odd steps by largest remainder."""
    parts: list[tuple[_Figure, str, str, int, int]] = []
    for figure in figures:
        parts.append((figure, figure.plan.name, figure.plan.rate, figure.n, figure.d))
        parts.extend((figure, m.name, m.rate, n, d) for m, n, d in figure.extras)
    n, d = 0, 1
    for _, _, _, part_n, part_d in parts:
        n, d = n * part_d + part_n * d, d * part_d
    mode = figures[0].plan.mode
    steps = _shares(rounded(n, d, mode), [(part_n, part_d) for *_, part_n, part_d in parts])
    return [
        _Award(figure, rule, share, (part_n, part_d), rate, mode.value)
        for (figure, rule, rate, part_n, part_d), share in zip(parts, steps, strict=True)
    ]


def _shares(total: int, parts: list[tuple[int, int]]) -> list[int]:
    """*total* shared among exact parts that sum to about it: floors, then the largest remainders."""
    floors = [n // d for n, d in parts]
    left = total - sum(floors)
    # Compared over one denominator, so that no two remainders are confused.
    order = sorted(range(len(parts)), key=lambda i: (-((parts[i][0] % parts[i][1]) * 10**18 // parts[i][1]), i))
    for i in order[:left]:
        floors[i] += 1
    return floors


def _by_line(figure: _Figure) -> list[_Award]:
    """Each line rounded by itself, with its share of the multipliers."""
    plan = figure.plan
    exact_n, exact_d = figure.n, figure.d
    awards = {plan.name: _Award(figure, plan.name, 0, (exact_n, exact_d), plan.rate, plan.rounding)}
    for multiplier, n, d in figure.extras:
        awards[multiplier.name] = _Award(figure, multiplier.name, 0, (n, d), multiplier.rate, plan.rounding)
    total = sum(figure.by_line or ())
    for base in figure.by_line or ():
        if not base:
            continue
        n, d = plan.exact(base, figure.base_d)
        parts = [(n, d)] + [(en * base, ed * total) for _, en, ed in figure.extras]
        sum_n, sum_d = 0, 1
        for part_n, part_d in parts:
            sum_n, sum_d = sum_n * part_d + part_n * sum_d, sum_d * part_d
        for award, share in zip(awards.values(), _shares(rounded(sum_n, sum_d, plan.mode), parts), strict=True):
            award.steps += share
            award.wanted = award.steps
    return list(awards.values())


def _add_rounded(multiplier: _Multiplier, awards: list[_Award]) -> None:
    """A multiplier of rounded figures: its own award, rounded by itself, beside the rule it multiplies."""
    for award in [a for a in awards if a.rule in multiplier.of]:
        n = award.steps * multiplier.gain_n
        steps = rounded(n, multiplier.d, multiplier.rounding)
        awards.append(
            _Award(
                award.figure, multiplier.name, steps, (n, multiplier.d), multiplier.rate, multiplier.rounding.value
            )
        )

