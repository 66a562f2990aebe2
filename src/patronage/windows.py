"""Rules that count inside a window: what they credit lives as long as the period that it counts in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import Validity
from patronage.building import build_booking
from patronage.conditions import reads_of
from patronage.earning import Earning, Trace, WhyNot
from patronage.events import Line, Purchase
from patronage.figures import Setting, line_id
from patronage.ledger import Grant, Reason
from patronage.occasions import AT_ONCE, Condition, Credit, Effect, Occasion, Read, build_credit
from patronage.periods import LATEST, Calendar, Span
from patronage.rules import Rule
from patronage.units import Amount, build_amount

DIFFERENT = Reason("different", FrozenMapping())


class Clocked(Protocol):
    """What says in which period an instant lies: a watcher's `Clock`, or a clock of a policy's own."""

    @property
    def anchor(self) -> str | None:
        """The right that the period is that of."""
        ...

    @property
    def of_a_right(self) -> bool:
        """Whether what is counted needs that right."""
        ...

    def span(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> Span | None:
        """The period that holds an instant; None where there is none."""
        ...


class Windowed:
    """
    Rules of earning, bound, whose credits end with the period of a clock: outside of it they count nothing.

    In the time of a right they need the right, so that they run on where it is prolonged and end where
    it is taken.
    """

    __slots__ = ("_clock", "_policy", "_tallies", "earning", "rules")

    def __init__(self, rules: Sequence[Rule], clock: Clocked, setting: Setting) -> None:
        self.rules = tuple(rules)
        self.earning, self._clock, self._policy = Earning(rules, (), (), setting), clock, setting.policy
        self._tallies = frozenset(ceiling.tally for ceiling in self.earning.ceilings)

    def credits(self, occasion: Occasion, trace: Trace = None) -> Sequence[Effect]:
        """What the occasion counts, until the period's end."""
        effects = self.earning.credits(occasion, trace)
        if not effects:
            return ()
        validity = life_within(self._clock, occasion)
        if validity is None:
            if trace is not None:
                names = dict.fromkeys(book.rule for made in effects if isinstance(made, Credit) for book in made.books)
                trace.extend(WhyNot(self._policy, name, "outside", FrozenMapping()) for name in names)
            return ()
        return [
            attrs.evolve(effect, validity=validity)
            if isinstance(effect, Credit) and effect.amount.unit not in self._tallies and effect.life is AT_ONCE
            else effect
            for effect in effects
        ]


class BoundDifferent:
    """What is different on a purchase's lines, each counted once under a label of its own."""

    __slots__ = ("_clock", "_facts", "_lines", "_name", "_one", "_when", "reads")

    def __init__(
        self,
        name: str,
        one: Amount,
        facts: DifferentFact,
        lines: Condition | None,
        when: Condition | None,
        clock: Clocked,
    ) -> None:
        self._name, self._one, self._facts, self._lines, self._when = name, one, facts, lines, when
        self._clock = clock
        self.reads: Sequence[Read] = (*reads_of(lines), *reads_of(when))

    def credits(self, occasion: Occasion, trace: Trace = None) -> Sequence[Effect]:
        """One for each different product (category, brand, store) of the purchase."""
        purchase = occasion.purchase
        if purchase is None or (self._when is not None and not self._when.holds(occasion, None)):
            return ()
        validity = life_within(self._clock, occasion)
        if validity is None:
            return ()
        found: dict[str, list[str]] = {}
        for line in purchase.lines:
            if line.total.steps and (self._lines is None or self._lines.holds(occasion, line)):
                for value in self._facts(purchase, line):
                    found.setdefault(value, []).append(line_id(line))
        steps = self._one.steps
        effects: list[Effect] = []
        for value, ids in found.items():
            book = build_booking(self._name, steps, steps, (1, 1), (steps, 1), "", "", tuple(ids), None)
            amount = build_amount(steps, self._one.unit)
            effects.append(build_credit(amount, self._name, value, AT_ONCE, DIFFERENT, (book,), validity))
        return effects


class DifferentFact:
    """Which fact of a line tells what is different."""

    __slots__ = ("_of",)

    def __init__(self, of: str) -> None:
        self._of = of

    def __call__(self, purchase: Purchase, line: Line) -> Iterable[str]:
        """The values that a line states: none, one, or several tags."""
        if self._of == "tag":
            return line.tags
        value = purchase.store if self._of == "store" else getattr(line, self._of)
        return () if value is None else (str(value),)


def life_within(clock: Clocked, occasion: Occasion) -> Validity | None:
    """How long a count lives that is made now; None outside of every period."""
    span = clock.span(occasion.at, occasion.calendar, occasion.basis.grants)
    if span is None:
        return None
    if clock.of_a_right and span.end >= LATEST:
        return Validity(needs=clock.anchor)
    if clock.of_a_right:  # Prolonged with the right, ended with it, and told apart from what an earlier one counted.
        return Validity(expires_at=span.end, needs=clock.anchor, held_by=clock.anchor)
    return Validity() if span.end >= LATEST else Validity(expires_at=span.end)


def tallies_at(earnings: Sequence[Earning], at: datetime) -> Iterable[tuple[str, str]]:
    """The tallies of the ceilings of several sets of rules that an event at *at* counts on."""
    return [tally for earning in earnings for tally in earning.tallies(at)]
