"""
The record of a period's patronage: what counted becomes a right with so many uses at the record date.

A watcher of the dividend policy. Its tally holds, by period and class, what counted
(`2024/patronage`), and how much of it earlier returns took off (`2024/~netted/patronage`);
`2024/~recorded` says that the record date came and the member was eligible. What is returned once a
period is final waits under `~late/patronage`, of no period, for the next record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import ALWAYS, Reason, Validity
from patronage.building import build_booking
from patronage.conditions import reads_of
from patronage.figures import Setting
from patronage.ledger import Grant
from patronage.occasions import AT_ONCE, Condition, Effect, Give, Occasion, Read, Revoke, Wake, build_credit
from patronage.periods import LATEST, Calendar, Period, Span
from patronage.policies.dividend_parts import LateReturns, PatronageClass
from patronage.terms_of_time import Term
from patronage.units import build_amount
from patronage.watching import (
    CLOSE,
    MICROSECOND,
    RECORD,
    Adoption,
    Clock,
    Consequence,
    Look,
    Moment,
    PeriodTerms,
    Settlement,
    TakeBack,
    root_of,
    wake_facts,
)

RULE: Final = "patronage"
"""The name of the one watcher of a dividend policy."""
LATE: Final = "~late"
NETTED: Final = "~netted"
RECORDED: Final = "~recorded"
_COUNTED: Final = Reason("tallied", FrozenMapping())


@attrs.frozen(kw_only=True)
class RecordTerms:
    """
    When the patronage of a *period* is looked at, and how long it matters.

    *record* after its close (at the close where None) it is asked who is *eligible*, and each gets the right
    to a share, with so many uses as patronage counts: those of accounts that are merged add up. *returns*
    after the close (until the record where None) a return lowers it; *open_for* after the record the
    right ends. *late* says what later returns do.
    """

    period: Period
    record: Term | None
    returns: Term | None
    open_for: Term
    eligible: Condition | None
    late: LateReturns

    def recorded_at(self, span: Span, calendar: Calendar) -> datetime:
        """The record date of a period."""
        return span.end if self.record is None else self.record.end(span.end, calendar)

    def final_at(self, span: Span, calendar: Calendar) -> datetime:
        """When the patronage of a period is final."""
        recorded = self.recorded_at(span, calendar)
        return recorded if self.returns is None else max(recorded, self.returns.end(span.end, calendar))

    def open_until(self, span: Span, calendar: Calendar) -> datetime:
        """When a right to a share of the period's dividend ends."""
        return self.open_for.end(self.recorded_at(span, calendar), calendar)


class PatronageRecord:
    """Counts patronage by class, and turns it into rights at the record date."""

    __slots__ = (
        "_classes",
        "_decimals",
        "_policy",
        "_terms",
        "adoption",
        "clock",
        "name",
        "reads",
        "terms_of",
        "unit",
    )

    def __init__(self, classes: Sequence[PatronageClass], terms: RecordTerms, setting: Setting) -> None:
        self.name, self.terms_of, self.adoption = RULE, PeriodTerms.CLOSE, Adoption.PROSPECTIVE
        self.unit = f"{setting.policy}.{RULE}"
        self._classes, self._terms, self._policy = tuple(classes), terms, setting.policy
        self.clock = Clock(terms.period, None, setting.refund_for)
        self._decimals = {
            each.name: each.decimals
            if each.currency is None
            else setting.unit(each.currency, f"What class {each.name} counts").decimals
            for each in classes
        }
        asked = [read for each in classes for read in each.reads]
        self.reads: Sequence[Read] = (*asked, *reads_of(terms.eligible))

    @property
    def period(self) -> Period:
        """The period that is recorded."""
        return self._terms.period

    @property
    def open_for(self) -> Term:
        """How long a right to a share is held at most."""
        return self._terms.open_for

    @property
    def classes(self) -> int:
        """How many classes are counted."""
        return len(self._classes)

    def counted_in(self, name: str) -> str | None:
        """The currency that a class counts; None for a quantity."""
        return next((each.currency for each in self._classes if each.name == name), None)

    def decimals(self, name: str) -> int:
        """The decimals in which a class is counted."""
        return self._decimals[name]

    def text(self, name: str, steps: int) -> str:
        """So many steps of a class as people write them."""
        decimals = self._decimals[name]
        if not decimals:
            return str(steps)
        whole, rest = divmod(steps, 10**decimals)
        return f"{whole}.{rest:0{decimals}d}"

    def key(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """The label of the period that holds an instant."""
        span = self.clock.span(of, calendar, grants)
        return None if span is None else span.key

    def validity(self, span: Span, calendar: Calendar) -> Validity:
        """How long what counted in a period is kept: while refunds of it count, and until it is final at least."""
        kept, final = self.clock.validity(span, calendar), self._terms.final_at(span, calendar) + MICROSECOND
        if kept.expires_at is None or kept.expires_at >= final:
            return kept
        return attrs.evolve(kept, expires_at=final)

    # Counting.

    def counts(self, occasion: Occasion) -> Sequence[Effect]:
        """What an event adds, by class; the first of its period waits for the record date."""
        if occasion.purchase is None and occasion.activity is None:
            return ()
        found = [(each.name, *each.counted(occasion, self._decimals[each.name])) for each in self._classes]
        if not any(steps for _, steps, _ in found):
            return ()
        calendar = occasion.calendar
        span = self.clock.span(occasion.at, calendar, occasion.basis.grants)
        if span is None:
            return ()
        validity = self.validity(span, calendar)
        effects: list[Effect] = [
            self._count(steps, f"{span.key}/{name}", validity, ids) for name, steps, ids in found if steps
        ]
        at = self._terms.recorded_at(span, calendar)
        first = not any(occasion.balance(self.unit, f"{span.key}/{name}") for name in self._decimals)
        if first and at < LATEST:
            facts = wake_facts(self.name, span.key, self.terms_of, span.start)
            effects.append(Wake(at=at, name=CLOSE if self._terms.record is None else RECORD, facts=facts, rule=RULE))
        return effects

    def _count(self, steps: int, label: str, validity: Validity, lines: tuple[str, ...] = ()) -> Effect:
        book = build_booking(self.name, steps, steps, (steps, 1), (steps, 1), "", "", lines, None)
        amount = build_amount(steps, self.unit)
        return build_credit(amount, self.name, label, AT_ONCE, _COUNTED, (book,), validity)

    # Looking.

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """The record date, or a return of a period whose record date has come."""
        timed = look.moment in (Moment.CLOSE, Moment.RECORD)
        if (timed and look.rule != self.name) or not (timed or look.moment is Moment.REFUND):
            return None
        calendar = occasion.calendar
        span = self.clock.span(look.of, calendar, occasion.basis.grants)
        if span is None:
            return None
        effects = self._record(occasion, span) if timed else self._returned(occasion, look, span)
        return Settlement(root_of(self._policy, self.name, span.key), effects) if effects else None

    def _record(self, occasion: Occasion, span: Span) -> list[Consequence]:
        """Who is eligible gets the right to a share of what counted, less what earlier returns are to take off."""
        terms, calendar, key = self._terms, occasion.calendar, span.key
        if terms.eligible is not None and not terms.eligible.holds(occasion, None):
            return []
        validity = self.validity(span, calendar)
        effects: list[Consequence] = [self._count(1, f"{key}/{RECORDED}", validity)]
        for each in self._classes:
            gross = occasion.balance(self.unit, f"{key}/{each.name}")
            netted = min(gross, occasion.balance(self.unit, f"{LATE}/{each.name}"))
            if netted:
                effects.append(self._take(netted, f"{LATE}/{each.name}"))
                effects.append(self._count(netted, f"{key}/{NETTED}/{each.name}", validity))
            weight = self._weight(each, gross - netted)
            if weight:
                effects.append(self._right(each, weight, span, calendar))
        return effects

    def _weight(self, of: PatronageClass, net: int) -> int:
        """What of a member's patronage counts."""
        net = max(0, net)
        if of.most is None:
            return net
        most = of.most.scaleb(self._decimals[of.name])
        return min(net, int(most))

    def _take(self, steps: int, label: str) -> TakeBack:
        return TakeBack(build_amount(steps, self.unit), self.name, label, False)

    def _right(self, of: PatronageClass, weight: int, span: Span, calendar: Calendar) -> Give:
        until = self._terms.open_until(span, calendar)
        counted = self.text(of.name, weight)
        why = Reason("patronage", FrozenMapping({"period": span.key, "class": of.name, "counted": counted}))
        return Give(key=self.unit, uses=weight, until=until, occasion=f"{span.key}/{of.name}", rule=RULE, why=why)

    def _returned(self, occasion: Occasion, look: Look, span: Span) -> list[Consequence]:
        """
        What a return does once the record date has come.

        Until the patronage is final it lowers the right; then it is late. What earlier returns took off
        this period, and it no longer bears, is late again.
        """
        terms, calendar, key = self._terms, occasion.calendar, span.key
        if not occasion.balance(self.unit, f"{key}/{RECORDED}"):
            return []
        final = look.at >= terms.final_at(span, calendar)
        effects: list[Consequence] = []
        for each in self._classes:
            label = f"{key}/{each.name}"
            returned = look.returned.get((self.unit, label), 0)
            if returned <= 0:
                continue
            left = occasion.balance(self.unit, label)
            netted = occasion.balance(self.unit, f"{key}/{NETTED}/{each.name}")
            before, now = self._weight(each, left + returned - netted), self._weight(each, left - netted)
            late = min(netted, max(0, netted - left))
            if late:
                effects.append(self._take(late, f"{key}/{NETTED}/{each.name}"))
            if final:
                late += before - now
            elif before != now:
                why = Reason("patronage_returned", FrozenMapping({"period": key, "class": each.name}))
                effects.append(Revoke(key=self.unit, occasion=label, rule=RULE, own=True, why=why))
                if now:
                    effects.append(self._right(each, now, span, calendar))
            if late and terms.late is LateReturns.NEXT_PERIOD:
                effects.append(self._count(late, f"{LATE}/{each.name}", ALWAYS))
        return effects
