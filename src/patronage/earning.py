"""
How rules earn: from an occasion to credits, on exact whole-number ratios, each figure rounded once.

In order: what counts (rules that apply, their base), groups, multipliers, rounding at the named
grain, ceilings, credits. Rules are bound once per program; what is bound is asked for every event,
also when a refund decides a purchase again, and with a trace when someone asks why not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.building import BookingDraft, finished
from patronage.ceilings import BoundCeiling, Uses
from patronage.errors import InvalidValueError, quote
from patronage.events import Line, Purchase
from patronage.figures import Award, Counted, Multiplier, Plan, Setting, Share, lines_of
from patronage.ledger import Fact, Reason
from patronage.occasions import Condition, Effect, Life, Occasion, Read, build_credit
from patronage.rules import Ceiling, Grain, Group, MultiplierRule, Rule, Stacking
from patronage.units import build_amount, rounded

EARNED: Final = Reason("earned", FrozenMapping())


@attrs.frozen
class WhyNot:
    """A rule that did not apply: a code and its facts."""

    policy: str
    rule: str
    code: str
    facts: FrozenMapping[str, Fact]


Trace = list[WhyNot] | None


class Earning:
    """The rules of a policy, bound: `credits` gives what an occasion earns."""

    __slots__ = (
        "_alone",
        "_ceilings",
        "_groups",
        "_multipliers",
        "_own_tallies",
        "_plans",
        "_policy",
        "_rules_have_ceilings",
        "_setting",
        "ceilings",
        "reads",
        "shared",
    )

    def __init__(
        self, rules: Sequence[Rule], groups: Sequence[Group], ceilings: Sequence[Ceiling], setting: Setting
    ) -> None:
        names = [rule.name or f"rule-{n}" for n, rule in enumerate(rules, 1)]
        if len(set(names)) < len(names):
            raise InvalidValueError(f"Two rules of policy {setting.policy} have one name.")
        self._policy, self._setting = setting.policy, setting
        named = list(zip(rules, names, strict=True))
        plans = [Plan(rule, name, setting) for rule, name in named if not isinstance(rule, MultiplierRule)]
        self._plans: dict[type, list[Plan]] = {}
        for plan in plans:
            self._plans.setdefault(plan.on, []).append(plan)
        known = frozenset(plan.name for plan in plans)
        self._multipliers = [
            Multiplier(rule, name, frozenset(rule.of) or known)
            for rule, name in named
            if isinstance(rule, MultiplierRule)
        ]
        for multiplier in self._multipliers:
            for missing in sorted(multiplier.of - known):
                raise InvalidValueError(
                    f"Multiplier {multiplier.name} names {quote(missing)}, which is no rule of earning."
                )
        self._groups = {group.name: group for group in groups}
        # Each figure is rounded by itself: none competes with others, or is rounded on a line or with others.
        self._alone = (
            not groups
            and all(plan.grain is Grain.RULE for plan in plans)
            and all(multiplier.of_rounded for multiplier in self._multipliers)
        )
        grouped = [(p.group, p.name) for p in plans] + [(m.group, m.name) for m in self._multipliers]
        for group, name in grouped:
            if group is not None and group not in self._groups:
                raise InvalidValueError(f"Group {quote(group)} of rule {name} is not declared.")
        self._ceilings = tuple(
            BoundCeiling.of(ceiling, None, setting.policy, setting.refund_for) for ceiling in ceilings
        )
        for held in self._ceilings:
            if all(plan.unit != held.unit for plan in plans):
                raise InvalidValueError(f"Ceiling {held.ceiling.name} is in {held.unit}, which no rule of it credits.")
            for missing in sorted(set(held.ceiling.of) - known - {multiplier.name for multiplier in self._multipliers}):
                raise InvalidValueError(f"Ceiling {held.ceiling.name} is of {quote(missing)}, which is no rule.")
        on_spend = tuple(plan.spend_ceiling for plan in plans if plan.spend_ceiling is not None)
        self._rules_have_ceilings = any(plan.ceilings for plan in plans)
        self.ceilings = (*(c for plan in plans for c in plan.ceilings), *on_spend, *self._ceilings)
        tallies = [ceiling.tally for ceiling in self.ceilings if ceiling.tally is not None]
        if len(set(tallies)) < len(tallies):
            raise InvalidValueError(f"Two ceilings of policy {setting.policy} have one name.")
        self._own_tallies = [(c.tally, c) for c in self.ceilings if c.tally is not None and not c.accounts]
        self.reads = self._all_reads(rules, plans)
        self.shared = self._all_shared(plans)

    def _all_reads(self, rules: Sequence[Rule], plans: Sequence[Plan]) -> tuple[Read, ...]:
        """The balances that conditions name, and those that a ceiling holds down."""
        asked = [condition for rule in rules for condition in (rule.when, getattr(rule, "lines", None))]
        reads = [read for condition in asked for read in _reads(condition)]
        for plan in plans:
            if any(ceiling.on_balance for ceiling in (*plan.ceilings, *self._ceilings)):
                reads.append(Read(plan.unit, plan.label))
        return tuple(reads)

    def _all_shared(self, plans: Sequence[Plan]) -> Mapping[type, Sequence[BoundCeiling]]:
        """The shared ceilings that count what an event of each type earns."""
        found: dict[type, list[BoundCeiling]] = {}
        for plan in plans:
            whole = [ceiling for ceiling in self._ceilings if ceiling.unit == plan.unit]
            on_spend = () if plan.spend_ceiling is None else (plan.spend_ceiling,)
            for ceiling in (*plan.ceilings, *on_spend, *whole):
                known = found.setdefault(plan.on, [])
                if ceiling.accounts and ceiling not in known:
                    known.append(ceiling)
        return {on: ceilings for on, ceilings in found.items() if ceilings}

    def tallies(self, at: datetime) -> Iterable[tuple[str, str]]:
        """The tallies of ceilings that an event at *at* counts on: unit, and label of the period."""
        calendar = self._setting.calendar
        return [(tally, ceiling.period(at, calendar)) for tally, ceiling in self._own_tallies]

    def credits(self, occasion: Occasion, trace: Trace = None) -> list[Effect]:
        """What the occasion earns: credits, and the use of ceilings. *trace* takes the rules that did not apply."""
        event = occasion.event
        plans = self._plans.get(type(event))
        if plans is None or (type(event) is Purchase and not event.lines):
            return []
        counted = Counted(occasion)
        uses: Uses = {}
        granted: list[Award] = []
        together: list[Share] = []
        for plan in plans:
            if plan.when is not None and not plan.when.holds(occasion, None):
                if trace is not None:
                    self._not(trace, plan.name, "condition", {})
                continue
            figure = plan.figure(occasion, counted, uses)
            if isinstance(figure, str):
                if trace is not None:
                    self._not(trace, plan.name, figure, {"rate": plan.rate})
            elif self._alone:
                granted.append(plan.award(figure))
            else:
                together.append(Share(plan, plan, *figure))
        if self._groups:
            together = self._grouped(together, occasion.lines, trace)
        later = self._multiply(together, occasion, trace) if self._multipliers else ()
        if not self._alone:
            granted = _rounded(together)
        for multiplier in later:
            granted += multiplier.awards(granted)
        if self.ceilings:
            self._trim(granted, occasion, uses)
        return self._credit(granted, occasion, uses, trace)

    def _not(self, trace: list[WhyNot], rule: str, code: str, facts: Mapping[str, Fact]) -> None:
        trace.append(WhyNot(self._policy, rule, code, FrozenMapping(facts)))

    def _grouped(self, shares: list[Share], lines: Sequence[Line], trace: Trace) -> list[Share]:
        """The shares that their groups let stand."""
        kept = shares
        for group in self._groups.values():
            if group.stacking not in (Stacking.BEST, Stacking.FIRST):
                continue
            members = [share for share in kept if share.plan.group == group.name]
            if len(members) < 2:
                continue
            if group.by_line and all(share.count[0] is not None for share in members):
                _divide_lines(members, group.stacking, lines)
            else:
                winner = members[0]
                if group.stacking is Stacking.BEST:
                    for share in members[1:]:
                        if share.n * winner.d > winner.n * share.d:
                            winner = share
                for share in members:
                    if share is not winner:
                        share.n = 0
                        if trace is not None:
                            self._not(trace, share.rule, "group", {"group": group.name, "won": winner.rule})
            kept = [share for share in kept if share.n]
        return kept

    def _multiply(self, shares: list[Share], occasion: Occasion, trace: Trace) -> list[Multiplier]:
        """Adds the exact multipliers to their shares; gives back those that work on rounded figures."""
        active = []
        for multiplier in self._multipliers:
            if multiplier.when is None or multiplier.when.holds(occasion, None):
                active.append(multiplier)
            elif trace is not None:
                self._not(trace, multiplier.name, "condition", {})
        later = [multiplier for multiplier in active if multiplier.of_rounded]
        if len(later) < len(active):
            for share in shares:
                mine = [m for m in active if not m.of_rounded and share.rule in m.of]
                if mine:
                    share.extras = self._extras(share, mine, occasion)
        return self._stacked(later) if len(later) > 1 else later

    def _extras(
        self, share: Share, multipliers: list[Multiplier], occasion: Occasion
    ) -> list[tuple[Multiplier, int, int]]:
        """The multipliers' exact parts of a share. Lines on which the same ones work are taken together."""
        by_line, (_, base_d), _ = share.count
        if by_line is not None and share.plan.grain is Grain.LINE:
            return self._extras_by_line(share, by_line, multipliers, occasion)
        if by_line is None or all(m.lines is None for m in multipliers):
            return [(m, share.n * n, share.d * d) for m, n, d in self._gains(multipliers)]
        parts: dict[tuple[int, ...], int] = {}
        for base, line in zip(by_line, occasion.lines, strict=True):
            working = tuple(
                i for i, m in enumerate(multipliers) if m.lines is None or (base and m.lines.holds(occasion, line))
            )
            parts[working] = parts.get(working, 0) + base
        extras: list[tuple[Multiplier, int, int]] = []
        for working, base in parts.items():
            n0, d0 = share.plan.exact(base, base_d)
            if n0:
                gains = self._gains([multipliers[i] for i in working])
                extras.extend((m, n0 * n, d0 * d) for m, n, d in gains)
        return extras

    def _extras_by_line(
        self, share: Share, by_line: list[int], multipliers: list[Multiplier], occasion: Occasion
    ) -> list[tuple[Multiplier, int, int]]:
        """The multipliers' exact parts of each line, and their sums."""
        sums: dict[str, tuple[Multiplier, int, int]] = {}
        base_d = share.count[1][1]
        for base, line in zip(by_line, occasion.lines, strict=True):
            working = [m for m in multipliers if base and (m.lines is None or m.lines.holds(occasion, line))]
            n0, d0 = share.plan.exact(base, base_d)
            extras = [(m, n0 * n, d0 * d) for m, n, d in self._gains(working)]
            share.line_extras.append(extras)
            for m, n, d in extras:
                _, sum_n, sum_d = sums.get(m.name, (m, 0, 1))
                sums[m.name] = (m, sum_n * d + n * sum_d, sum_d * d)
        return list(sums.values())

    def _stacked(self, multipliers: list[Multiplier]) -> list[Multiplier]:
        """The multipliers that their groups let stand."""
        kept: list[Multiplier] = []
        for multiplier in multipliers:
            group = self._groups.get(multiplier.group or "")
            rival = None
            if group is not None and group.stacking in (Stacking.BEST, Stacking.FIRST):
                rival = next((m for m in kept if m.group == multiplier.group), None)
            if rival is None:
                kept.append(multiplier)
            elif (
                group is not None
                and group.stacking is Stacking.BEST
                and multiplier.n * rival.d > rival.n * multiplier.d
            ):
                kept[kept.index(rival)] = multiplier
        return kept

    def _gains(self, multipliers: list[Multiplier]) -> list[tuple[Multiplier, int, int]]:
        """What each adds, as a ratio of the plain figure: in a group by sum of that, else of what stands before it."""
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

    def _trim(self, granted: list[Award], occasion: Occasion, uses: Uses) -> None:
        """Ceilings of the rules, then those of the policy. What is left after all of them counts as used."""
        trimmed: list[tuple[BoundCeiling, str | None, list[BookingDraft]]] = []
        if self._rules_have_ceilings:
            for plan in {id(plan): plan for plan, _ in granted if plan.ceilings}.values():
                members = [draft for each, draft in granted if each is plan]
                trimmed.extend((ceiling, plan.label, members) for ceiling in plan.ceilings)
        for ceiling in self._ceilings:
            of = ceiling.ceiling.of
            members = [d for plan, d in granted if plan.unit == ceiling.unit and (not of or d.rule in of)]
            trimmed.append((ceiling, None, members))
        left = 0
        for ceiling, label, members in trimmed:
            left = ceiling.trim(members, occasion, label, uses)
        for ceiling, label, members in trimmed:
            if ceiling.ceiling.per_money is None:
                # Ceilings that come later may have trimmed more.
                steps = left if len(trimmed) == 1 else sum([draft.steps for draft in members])
                if steps > 0:
                    ceiling.use(occasion, label, steps, uses)

    def _credit(self, granted: list[Award], occasion: Occasion, uses: Uses, trace: Trace) -> list[Effect]:
        """One credit for each unit, label and life, and the tallies of the ceilings used."""
        bundles: dict[tuple[str, str | None, int], tuple[Plan, list[BookingDraft]]] = {}
        for plan, draft in granted:
            if draft.steps:
                found = bundles.get(plan.bundle)
                if found is None:
                    bundles[plan.bundle] = (plan, [draft])
                else:
                    found[1].append(draft)
            elif trace is not None:
                code = "ceiling_full" if draft.wanted > 0 else "below_one_step"
                facts: dict[str, Fact] = {"ceiling": draft.trimmed_by, "wanted": draft.wanted, "unit": plan.unit}
                self._not(trace, draft.rule, code, facts)
        effects: list[Effect] = []
        for plan, drafts in bundles.values():
            total = 0
            for draft in drafts:
                total += draft.steps
            if total > 0:
                amount, name = build_amount(total, plan.unit), drafts[0].rule
                validity = plan.validity(occasion.at, occasion.calendar)
                effects.append(build_credit(amount, name, plan.label, plan.life, EARNED, finished(drafts), validity))
        for (ceiling, label), steps in uses.items():
            if ceiling.tally is not None:
                effects.append(ceiling.counted(occasion, label, steps))
        return effects


def _reads(condition: Condition | None) -> tuple[Read, ...]:
    return tuple(getattr(condition, "reads", ()))


def _divide_lines(members: list[Share], stacking: Stacking, lines: Sequence[Line]) -> None:
    """On each line one rule of the group counts: the best, or the first that counts there."""
    kept = [list(share.count[0] or ()) for share in members]
    for i in range(len(lines)):
        here = [(share, mine) for share, mine in zip(members, kept, strict=True) if mine[i]]
        if len(here) < 2:
            continue
        winner, won = here[0]
        if stacking is Stacking.BEST:
            best_n, best_d = winner.plan.exact(won[i], winner.count[1][1])
            for share, mine in here[1:]:
                n, d = share.plan.exact(mine[i], share.count[1][1])
                if n * best_d > best_n * d:
                    winner, best_n, best_d = share, n, d
        for share, mine in here:
            if share is not winner:
                mine[i] = 0
    for share, by_line in zip(members, kept, strict=True):
        base_n, base_d = sum(by_line), share.count[1][1]
        share.count = by_line, (base_n, base_d), lines_of(by_line, lines)
        share.n, share.d = share.plan.exact(base_n, base_d)
        share.wanted_n = share.n


def _rounded(shares: list[Share]) -> list[Award]:
    """Each cell rounded once: a rule with its exact multipliers, a line of it, or all rules of the event."""
    granted: list[Award] = []
    together: dict[tuple[str, str | None, Life], list[Share]] = {}
    for share in shares:
        plan = share.plan
        if plan.grain is Grain.EVENT:
            together.setdefault((plan.unit, plan.label, plan.life), []).append(share)
        elif plan.grain is Grain.LINE:
            granted += _by_line(share)
        elif share.extras:
            granted += _cell([share])
        else:
            granted.append(plan.award((share.count, share.n, share.d, share.wanted_n, share.trimmed_by)))
    for cell in together.values():
        granted += _cell(cell)
    return granted


def _with_extras(share: Share) -> list[Share]:
    """A share and those of its multipliers, which count on the same base."""
    extras = [Share(share.plan, m, share.count, n, d, n, share.trimmed_by) for m, n, d in share.extras]
    return [share, *extras]


def _cell(shares: list[Share]) -> list[Award]:
    """One rounding of several shares and their multipliers; the odd steps by largest remainder."""
    parts = [part for share in shares for part in _with_extras(share)]
    ratios = [(part.n, part.d) for part in parts]
    for part, steps in zip(parts, _round_sum(ratios, shares[0].plan), strict=True):
        part.steps = steps
    return [part.award() for part in parts]


def _round_sum(parts: Sequence[tuple[int, int]], plan: Plan) -> list[int]:
    """The sum of exact parts rounded once, shared among them: floors, then the largest remainders."""
    n, d = 0, 1
    for part_n, part_d in parts:
        n, d = n * part_d + part_n * d, d * part_d
    floors = [part_n // part_d for part_n, part_d in parts]
    left = rounded(n, d, plan.mode) - sum(floors)
    # All remainders over the one denominator, so that none are confused.
    order = sorted(range(len(parts)), key=lambda i: (-(parts[i][0] % parts[i][1]) * (d // parts[i][1]), i))
    for i in order[:left]:
        floors[i] += 1
    return floors


def _by_line(share: Share) -> list[Award]:
    """Each line rounded by itself, with its part of the multipliers."""
    parts = _with_extras(share)
    plan, (by_line, (_, base_d), _) = share.plan, share.count
    for i, base in enumerate(by_line or ()):
        if not base:
            continue
        extras = {m.name: (n, d) for m, n, d in share.line_extras[i]} if share.line_extras else {}
        ratios = [plan.exact(base, base_d)] + [extras.get(part.rule, (0, 1)) for part in parts[1:]]
        for part, steps in zip(parts, _round_sum(ratios, plan), strict=True):
            part.steps += steps
    return [part.award() for part in parts]
