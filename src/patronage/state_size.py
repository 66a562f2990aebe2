"""How large an account's state can grow under a program: a bound stated from its terms, whatever the history is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from patronage.derived import BoundDerived
from patronage.linting import ANCHORS as _ANCHORS
from patronage.occasions import Life
from patronage.periods import LATEST, LIFETIME, Calendar, CalendarPeriod, FiscalYear, Span, Window
from patronage.policies.dividend import DividendPolicy
from patronage.policies.dividend_record import PatronageRecord
from patronage.program import Program
from patronage.reaching import BoundThreshold
from patronage.rules import Ceiling, MultiplierRule
from patronage.terms import BoundTerms
from patronage.terms_of_time import Term
from patronage.thresholds import STANDING, GiveConverted, GiveCredit, GiveGrant, Repeats
from patronage.totals import BoundTotal
from patronage.units import UnitKind

_DAYS_OF_A_YEAR: Final = 365


@attrs.frozen
class StateBound:
    """
    The most that an account's state can hold, for so many *events_a_year*: lots, grants and wake-ups.

    None stands for what no date bounds: it grows with the account's history.
    """

    events_a_year: int
    lots: int | None
    grants: int | None
    wake_ups: int | None


def largest_state(program: Program, *, events_a_year: int) -> StateBound:
    """
    The largest state that an account can reach under *program*, whatever its history is.

    Counts what each rule, ceiling, total and threshold can have alive at one instant; over a timeline
    of terms the sum of all of them, for what earlier terms made may still live.
    """
    bounds = [_Size(program.terms_at(terms.effective_from), events_a_year) for terms in program.terms]

    def total(parts: Iterable[int | None]) -> int | None:
        known = list(parts)
        return None if None in known else sum(part for part in known if part is not None)

    return StateBound(
        events_a_year,
        total(bound.lots() for bound in bounds),
        total(bound.grants() for bound in bounds),
        total(bound.wake_ups() for bound in bounds),
    )


class _Size:
    """How much of each kind can be alive under one version of the terms."""

    def __init__(self, bound: BoundTerms, events_a_year: int) -> None:
        self.bound, self.events = bound, events_a_year
        self.calendar: Calendar = bound.calendar

    def lots(self) -> int | None:
        """Lots of rules, of what thresholds and totals give, and the tallies."""
        found: list[int | None] = [1 for _ in self.bound.units]  # A debt of each, or what never ends.
        for policy in self.bound.policies:
            for rule in policy.rules:
                if not isinstance(rule, MultiplierRule):
                    found.append(self._lots_of(rule.life, rule.credit.unit, self.events))
            for watcher in policy.watchers:
                found += self._watched(watcher)
                if isinstance(watcher, PatronageRecord):
                    found += self._dividends(policy.name)
            held = (*policy.ceilings, *policy.receives)
            found += [self._counted(ceiling.ceiling) for ceiling in held if ceiling.tally is not None]
            found.append(len(policy.counts))  # Each merges into one lot.
        return None if None in found else sum(each for each in found if each is not None)

    def _watched(self, watcher: object) -> Iterator[int | None]:
        if isinstance(watcher, BoundTotal):
            yield self._lots_of(watcher.total.life, watcher.total.credits, self.events)
            yield self._tally(watcher.total.period, len(watcher.total.rates) + 1)
        elif isinstance(watcher, PatronageRecord):
            yield self._tally(watcher.period, 2 * watcher.classes + 1)
            yield watcher.classes  # What came back late.
        elif isinstance(watcher, BoundDerived):
            yield 1
        elif isinstance(watcher, BoundThreshold):
            yield self._tally(watcher.threshold.period, 2)
            for gift in watcher.threshold.gives:
                if isinstance(gift, GiveCredit):
                    yield self._lots_of(gift.life, gift.amount.unit, self.events)
                elif isinstance(gift, GiveConverted):
                    yield self._lots_of(gift.life, gift.credit.unit, self.events)

    def _dividends(self, name: str) -> Iterator[int | None]:
        """What shares of dividends leave: cash and retained shares, one of each a period, and what is carried."""
        for policy in self.bound.terms.policies:
            if isinstance(policy, DividendPolicy) and policy.name == name:
                revolves = policy.retained_life
                if policy.revolves_after is not None:
                    revolves = Life(expires_after=policy.revolves_after)
                yield 1
                for life in (policy.life, revolves):
                    yield self._lots_of(life, policy.credits, self.events)

    def _lots_of(self, life: Life, unit: str, events: int) -> int | None:
        """What of one life can be alive: all credits of its longest life, each a lot of its own."""
        known = self.bound.units.get(unit)
        if known is not None and known.kind is UnitKind.TALLY:
            return events if life.expires_after is not None else 1
        if life.on_confirmation:
            return None
        ends = life.expires_after
        waits = 0 if life.available_after is None else self._days(life.available_after)
        if ends is None:
            return None if life.needs is not None else 1 + self._alive(waits)
        if life.held_by is not None:
            return None
        return self._alive(self._days(ends) + waits)

    def _alive(self, days: int) -> int:
        """How many events lie within so many days; one more may end on the day itself."""
        return -(-self.events * days // _DAYS_OF_A_YEAR) + 1 if days else 0

    def _days(self, term: Term) -> int:
        """The longest that a term lasts, in days."""
        return max((term.end(anchor, self.calendar) - anchor).days + 1 for anchor in _ANCHORS)

    def _counted(self, ceiling: Ceiling) -> int | None:
        """The labels of a ceiling's tally: one a period, or one for each event that states another value."""
        if ceiling.by is None:
            return self._tally(ceiling.per, 1)
        if not isinstance(ceiling.per, CalendarPeriod | FiscalYear | Window):
            return None if ceiling.per == LIFETIME else self.events * 2  # As a lot for each event of two years.
        one = ceiling.per if isinstance(ceiling.per, Window) else ceiling.per.span(_ANCHORS[0], self.calendar)
        return self._alive((one.end - one.start).days + self._days(self.bound.terms.refund_for))

    def _tally(self, period: object, labels: int) -> int | None:
        """The labels of a tally that live at once: those of the periods in which refunds count."""
        span = getattr(period, "span", None)
        if not callable(span) or getattr(period, "term", None) is not None:
            return self.events * 2  # Rolling uses and anniversaries: a lot for each event of two years.
        try:
            one: Span = span(_ANCHORS[0], self.calendar)
        except ValueError:
            return labels
        if one.end >= LATEST:
            return labels
        keep = self._days(self.bound.terms.refund_for)
        days = max(1, (one.end - one.start).days)
        return labels * (-(-keep // days) + 2)

    def grants(self) -> int | None:
        """Rights that thresholds give, and activities extend."""
        found = 0
        for policy in self.bound.policies:
            for watcher in policy.watchers:
                if isinstance(watcher, PatronageRecord):
                    kept = self._days(watcher.open_for)
                    found += watcher.classes * ((self._tally(watcher.period, 1) or 1) + -(-kept // _DAYS_OF_A_YEAR))
                if not isinstance(watcher, BoundThreshold):
                    continue
                for gift in watcher.threshold.gives:
                    if isinstance(gift, GiveGrant):
                        more = self._grants_of(watcher, gift)
                        if more is None:
                            return None
                        found += more
        return found

    def _grants_of(self, watcher: BoundThreshold, gift: GiveGrant) -> int | None:
        repeats = watcher.threshold.repeats
        if repeats in STANDING or repeats is Repeats.ONCE_EVER:
            return 2  # The one that stands, and its grace.
        term = gift.lasts or gift.after_period
        if repeats is Repeats.EVERY_STEP:
            return None if term is None else self._alive(self._days(term))
        periods = self._tally(watcher.threshold.period, 1) or 1
        if term is None:
            return None if periods > 1 else 1
        return periods + -(-self._days(term) // _DAYS_OF_A_YEAR)

    def wake_ups(self) -> int | None:
        """One for each total and threshold that waits for a close, a review or a grace, and its next."""
        return sum(2 * len(policy.watchers) for policy in self.bound.policies)
