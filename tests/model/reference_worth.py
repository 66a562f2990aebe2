"""What an event is worth by the terms and by what was seen when it was decided: figures as Fractions."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

from model.reference_values import Basket, Figures, Seen, base, credit_unit, levelled, month_start, rounded
from patronage import (
    Activity,
    BonusRule,
    Ceiling,
    Event,
    Grain,
    Life,
    MultiplierRule,
    On,
    PointsPolicy,
    Program,
    Purchase,
    Rounding,
    SpendRule,
)
from patronage.conditions import HasGrant, Spend
from patronage.occasions import Condition
from patronage.periods import DAY, MONTH, Period
from patronage.terms_of_time import Lasting, Term, TimeUnit, Until


class Worth:
    """The terms, asked. Knows the rules and the calendar, and nothing of the account."""

    def __init__(self, program: Program) -> None:
        self.terms = program.terms[0]
        self.zone = ZoneInfo(program.time_zone)

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

    def worth(
        self, seen: Seen, event: Event, basket: Basket | None
    ) -> tuple[Figures, dict[str, Life | datetime | None]]:
        """What an event is worth by what was seen when it was decided; and the life that each rule gives."""
        found: Figures = {}
        lives: dict[str, Life | datetime | None] = {}
        if isinstance(event, Purchase) and (basket is None or not basket.items):
            return found, lives
        for policy in self.terms.policies:
            assert isinstance(policy, PointsPolicy)
            self.policy_worth(policy, seen, event, basket, found, lives)
        return found, lives

    def policy_worth(
        self,
        policy: PointsPolicy,
        seen: Seen,
        event: Event,
        basket: Basket | None,
        found: Figures,
        lives: dict[str, Life | datetime | None],
    ) -> None:
        """What one policy adds."""
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

    def counts_in(self, at: datetime) -> list[str]:
        """The periods that an event at an instant counts in."""
        found = []
        for policy in self.terms.policies:
            assert isinstance(policy, PointsPolicy)
            rules = [rule for rule in policy.rules if not isinstance(rule, MultiplierRule)]
            for ceiling in [*(ceiling for rule in rules for ceiling in rule.ceilings), *policy.ceilings]:
                if ceiling.per is not None:
                    found.append(self.period(ceiling.per, at)[0])
        return found
