"""What keeps a run alive: the right that each reached period gives, and the protection of a period that was missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from patronage._frozen import FrozenMapping
from patronage.building import build_booking
from patronage.challenges import Protection
from patronage.conditions import reads_of
from patronage.figures import Setting
from patronage.ledger import Grant, Reason
from patronage.occasions import AT_ONCE, Debit, Give, Occasion, Read, Wake, build_credit
from patronage.periods import Calendar, CalendarPeriod, Span
from patronage.units import build_amount
from patronage.watching import (
    CLOSE,
    MICROSECOND,
    Adoption,
    Clock,
    Consequence,
    Look,
    Moment,
    PeriodTerms,
    Settlement,
    root_of,
    wake_facts,
)

PROTECTED: Final = Reason("protected", FrozenMapping())
COUNTED: Final = Reason("tallied", FrozenMapping())


class BoundProtection:
    """Prolongs the right that keeps a run, by a period, where the period that ends was missed and is protected."""

    __slots__ = (
        "_clock",
        "_costs",
        "_key",
        "_limit",
        "_period",
        "_policy",
        "_when",
        "adoption",
        "name",
        "reads",
        "unit",
    )

    terms_of = PeriodTerms.CLOSE

    def __init__(self, protection: Protection, streak: str, key: str, period: CalendarPeriod, setting: Setting) -> None:
        self.name, self._key, self._period, self._policy = f"{streak}-protection", key, period, setting.policy
        self.unit = f"{setting.policy}.{self.name}"
        self._clock = Clock(protection.per, None, setting.refund_for)
        self._limit, self._when, self._costs = protection.limit, protection.when, protection.costs
        reads = list(reads_of(protection.when))
        if protection.costs is not None:
            setting.unit(protection.costs.unit, f"What the protection of streak {streak} costs")
            reads.append(Read(protection.costs.unit))
        self.reads: Sequence[Read] = tuple(reads)
        self.adoption = Adoption.PROSPECTIVE

    def key(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """The label of the period in which protections are counted."""
        span = self._clock.span(of, calendar, grants)
        return None if span is None else span.key

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """The end of the right is a close; at it the run is kept, if it is protected."""
        closing = look.moment is Moment.CLOSE
        if look.moment in (Moment.CLOSE, Moment.REVIEW, Moment.GRACE) and look.rule != self.name:
            return None
        ends = [grant.valid_until for grant in occasion.grants(self._key) if grant.valid_until is not None]
        if not ends:
            return None
        end, calendar = max(ends), occasion.calendar
        effects: list[Consequence] = []
        if closing and end <= look.at:
            effects = self._kept(occasion, look, calendar)
            end = self._period.span(look.at, calendar).end
            if not effects:
                return None
        missed = self._period.span(end - MICROSECOND, calendar)
        facts = wake_facts(self.name, missed.key, self.terms_of, missed.start)
        effects.append(Wake(at=end, name=CLOSE, facts=facts, rule=self.name))
        return Settlement(root_of(self._policy, self.name, self._of(occasion.at, calendar).key), effects)

    def _of(self, at: datetime, calendar: Calendar) -> Span:
        return self._period.span(at, calendar)

    def _kept(self, occasion: Occasion, look: Look, calendar: Calendar) -> list[Consequence]:
        """The run is kept for another period, where this one is protected."""
        span = self._clock.span(occasion.at, calendar, occasion.basis.grants)
        if span is None or (self._when is not None and not self._when.holds(occasion, None)):
            return []
        if self._limit is not None and occasion.balance(self.unit, span.key) >= self._limit:
            return []
        effects: list[Consequence] = []
        if self._costs is not None:
            if occasion.balance(self._costs.unit) < self._costs.steps:
                return []
            effects.append(Debit(self._costs, rule=self.name, why=PROTECTED))
        missed, following = self._of(occasion.at, calendar), self._of(look.at, calendar)
        book = build_booking(self.name, 1, 1, (1, 1), (1, 1), "", "", (), None)
        validity = self._clock.validity(span, calendar)
        return [
            *effects,
            Give(key=self._key, until=following.end, occasion=f"{missed.key}~", rule=self.name, why=PROTECTED),
            build_credit(build_amount(1, self.unit), self.name, span.key, AT_ONCE, COUNTED, (book,), validity),
        ]
