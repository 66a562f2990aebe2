"""
What follows from balances: the look of a total or a threshold, and what it answers.

A watcher (a bound total or threshold) stands in its policy's place among the policies. It is asked
after each occasion, at the close or review of a period, and after a refund; what it gives is about
the watcher itself and its period, not about the event that let it look.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Protocol, runtime_checkable

import attrs

from patronage._build import blank
from patronage._frozen import FrozenMapping
from patronage.errors import InvalidValueError
from patronage.ledger import ALWAYS, Basis, Fact, Grant, Source, Validity, WakeUp
from patronage.occasions import Debit, Effect, Occasion, Read
from patronage.periods import (
    LATEST,
    Calendar,
    CalendarPeriod,
    FiscalYear,
    Lifetime,
    Period,
    Span,
    Window,
    format_instant,
    parse_instant,
)
from patronage.terms_of_time import Anniversary, Rolling, Term, WhileGranted, WhileHeld
from patronage.units import Amount, build_amount

CLOSE: Final = "~close"
REVIEW: Final = "~review"
GRACE: Final = "~grace"
RECORD: Final = "~record"
"""The names of the library's own wake-ups of policies; no policy of a caller can set one."""

MICROSECOND: Final = timedelta(microseconds=1)


class Moment(Enum):
    """When a watcher looks."""

    EVENT = "event"
    TIME = "time"
    CLOSE = "close"
    REVIEW = "review"
    GRACE = "grace"
    RECORD = "record"
    REFUND = "refund"
    ADOPTED = "adopted"


LATER_LOOKS: Final = {REVIEW: Moment.REVIEW, GRACE: Moment.GRACE, RECORD: Moment.RECORD}
"""What looks at an instant once all of it has begun and ended, by the name of its wake-up."""
LOOKS_BACK: Final = frozenset({Moment.GRACE, Moment.RECORD})
"""Looks at a period that closed a while ago."""


class Adoption(Enum):
    """
    What new terms do to those already in, when they take effect.

    GRANDFATHERED: what is held runs on to its end, and
    what the new terms give for the balances as they are is given.
    PROSPECTIVE: what is held runs
    on, and nothing is looked at before the next occasion. RESTATED: what
    the policy had given ends, and the balances decide anew.
    """

    GRANDFATHERED = "grandfathered"
    PROSPECTIVE = "prospective"
    RESTATED = "restated"


class PeriodTerms(Enum):
    """By which terms a period is closed: those in force when it closes, or when it started."""

    CLOSE = "close"
    START = "start"


@attrs.frozen(weakref_slot=False)
class Back:
    """Of the *total* of the purchase at *source*, in steps, *before* had come back, and *now* has."""

    source: Source
    before: int
    now: int
    total: int


@attrs.frozen(weakref_slot=False)
class Look:
    """
    One look: *of* is the instant whose period it is about, *at* when it is taken.

    *rule* is the watcher that a wake-up was set for; None asks all of the policy. A refund looks at
    the period of its purchase; *returned* is what it took back, in steps by unit and label, *back* how much of
    which purchase has come back. *facts* are those of the wake-up.
    """

    moment: Moment
    at: datetime
    of: datetime
    rule: str | None = None
    facts: FrozenMapping[str, Fact] = FrozenMapping()
    returned: FrozenMapping[tuple[str, str | None], int] = FrozenMapping()
    back: Back | None = None

    @property
    def falls(self) -> bool:
        """Whether what had been given may have to be taken back."""
        return self.moment in (Moment.REFUND, Moment.GRACE)


_NOTHING: Final[FrozenMapping[str, Fact]] = FrozenMapping()
NOTHING_RETURNED: Final[FrozenMapping[tuple[str, str | None], int]] = FrozenMapping()
_BLANK_LOOK: Final = blank(Look)


def after_event(at: datetime) -> Look:
    """The look after an event, built at the price of a plain object."""
    made = _BLANK_LOOK()
    made.moment, made.at, made.of = Moment.EVENT, at, at
    made.rule, made.facts, made.returned, made.back = None, _NOTHING, NOTHING_RETURNED, None
    made.__class__ = Look
    return made  # type: ignore[no-any-return]


@attrs.frozen(weakref_slot=False)
class TakeBack:
    """
    *amount* of what the watcher credited is taken back: from its own lots, then as the terms' refunds say.

    With *unspent_only* no more than what is left of its own lots.
    """

    amount: Amount
    rule: str
    label: str | None
    unspent_only: bool


@attrs.frozen(weakref_slot=False)
class TakeShare:
    """
    The share of what a watcher credited in *unit* for a period whose count has ended, by what came *back*.

    The count was of *counted*, under labels that begin with *period*; what it was, and what it
    earned, stands in the history.
    """

    unit: str
    rule: str
    label: str | None
    counted: str
    period: str
    back: Back


@attrs.frozen(weakref_slot=False)
class Undo:
    """
    The last *times* that a threshold gave in the period *key* never were, as far as the grants are unused.

    *amounts* are what it credits each time, *unit* is the tally that counts the times. What it consumed
    comes back: from its rights, which keep it, or where it gave none the plain *cost* under *label*.
    """

    rule: str
    unit: str
    key: str
    times: int
    amounts: tuple[tuple[Amount, str | None], ...]
    unspent_only: bool
    cost: Amount | None
    label: str | None


@attrs.frozen(weakref_slot=False)
class Consume:
    """A threshold takes what it costs, from all labels in spending order where told; its grant keeps the parts."""

    amount: Amount
    rule: str
    label: str | None
    all_labels: bool


@attrs.frozen(weakref_slot=False)
class Carry:
    """What is left of a unit goes on into the next period, up to *amount*, under *to* and with *validity*; no more."""

    amount: Amount
    rule: str
    label: str | None
    all_labels: bool
    to: str | None
    validity: Validity


Consequence = Effect | TakeBack | TakeShare | Undo | Consume | Carry


@attrs.frozen(weakref_slot=False)
class Settlement:
    """What a look came to. *root* is what its entries are about: the policy, the watcher and the period."""

    root: str
    effects: Sequence[Consequence]


def in_basis(settlement: Settlement, basis: Basis) -> list[Effect]:
    """What of a settlement the policies behind it may read: what is taken as a debit, what goes on as it is."""
    found: list[Effect] = []
    for effect in settlement.effects:
        if isinstance(effect, Consume) and effect.all_labels:
            found += _by_label(effect, basis, found)
        elif isinstance(effect, Consume | TakeBack):
            found.append(Debit(effect.amount, rule=effect.rule, label=effect.label))
        elif isinstance(effect, Undo):
            found.append(Debit(build_amount(effect.times, effect.unit), rule=effect.rule, label=effect.key))
        elif not isinstance(effect, Carry | TakeShare):
            found.append(effect)
    return found


def _by_label(effect: Consume, basis: Basis, before: Sequence[Effect]) -> list[Debit]:
    """
    What is consumed of all labels, label by label in the order of the basis.

    Lots are spent in an order that the basis does not hold: where it leaves a label something, that may be of another.
    """
    found, unit, left = list[Debit](), effect.amount.unit, effect.amount.steps
    gone = [(each.label, each.amount.steps) for each in before if isinstance(each, Debit) and each.amount.unit == unit]
    for held in basis.balances:
        if held.unit == unit:
            part = min(left, held.steps - sum(steps for label, steps in gone if label == held.label))
            if part > 0:
                found.append(Debit(build_amount(part, unit), rule=effect.rule, label=held.label))
                left -= part
    return found


class Watcher(Protocol):
    """A total or threshold, bound to its terms."""

    @property
    def name(self) -> str:
        """Its name within the policy."""
        ...

    @property
    def unit(self) -> str:
        """What its tally is called, where it keeps one: `policy.name`."""
        ...

    @property
    def reads(self) -> Sequence[Read]:
        """The balances that it reads, beside its own tally."""
        ...

    @property
    def terms_of(self) -> PeriodTerms:
        """By which terms its periods are closed."""
        ...

    @property
    def adoption(self) -> Adoption:
        """What it does when new terms take effect."""
        ...

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """What follows from the balances as they stand."""
        ...


@runtime_checkable
class Counting(Protocol):
    """A watcher that keeps count in its tally, period by period."""

    @property
    def unit(self) -> str:
        """The tally in which it keeps count."""
        ...

    def key(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """The label of the period that holds an instant; None where there is none."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A watcher whose history a refund needs, once its count of a period has ended."""

    def ended_root(self, of: datetime, at: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """What its entries for the period of *of* are about, where a refund at *at* needs their history."""
        ...


class Clock:
    """
    The periods of a watcher: their labels, and how long its tally of one lives.

    A tally lives until the period's close plus the time in which refunds count. An anniversary's
    periods are counted from the earliest grant in force under *anchor*; the time of a right is that
    of the last one given under it, and what is counted in it keeps that right on record. What is
    counted while a right is held needs the right.
    """

    __slots__ = ("_keep", "_known", "_last", "_of_time", "anchor", "period")

    def __init__(self, period: Period, anchor: str | None, keep: Term | None) -> None:
        self.period, self.anchor, self._keep = period, anchor, keep
        self._of_time = isinstance(period, CalendarPeriod | FiscalYear | Lifetime)
        self._last: tuple[Calendar, Span] | None = None
        self._known: dict[tuple[str, datetime], tuple[Span, Validity]] = {}

    def span(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> Span | None:
        """The period that holds *of*; None where it has none (no anchor, outside a window)."""
        period = self.period
        if self._of_time:  # Everybody's periods are the same: the last one is mostly this one.
            known = self._last
            if known is None or known[0] is not calendar or not known[1].start <= of < known[1].end:
                known = self._last = (calendar, period.span(of, calendar))
            return known[1]
        if isinstance(period, Anniversary):
            starts = [grant.valid_from for grant in grants if grant.key == self.anchor and grant.valid_from <= of]
            return period.span(of, calendar, min(starts)) if starts else None
        if isinstance(period, WhileGranted | WhileHeld):
            held = [grant for grant in grants if grant.key == self.anchor and grant.held_at(of)]
            if not held:
                return None
            last = max(held, key=lambda grant: (grant.valid_from, grant.identity))
            span = period.span(of, calendar, last.valid_from)
            return (
                span
                if last.valid_until is None or isinstance(period, WhileHeld)
                else attrs.evolve(span, end=min(last.valid_until, LATEST))
            )
        if isinstance(period, Window) and not period.start <= of < period.end:
            return None
        return period.span(of, calendar)

    @property
    def of_a_right(self) -> bool:
        """Whether its period is the time of a right."""
        return isinstance(self.period, WhileGranted | WhileHeld)

    def validity(self, span: Span, calendar: Calendar) -> Validity:
        """How long a count in the period lives."""
        key = (span.key, span.end)
        known = self._known.get(key)
        if known is None:
            if len(self._known) > _CACHE_MAX:
                self._known.clear()
            if isinstance(self.period, WhileHeld):
                made = Validity(needs=self.anchor)
            elif span.end >= LATEST:
                made = ALWAYS
            else:
                until = span.end if self._keep is None else self._keep.end(span.end, calendar)
                made = Validity(expires_at=until, held_by=self.anchor if self.of_a_right else None)
            known = self._known[key] = (span, made)
        return known[1]


_CACHE_MAX: Final = 4_096


OF_WATCHERS: Final = "~p/"
"""How the roots of totals and thresholds begin."""


def root_of(policy: str, rule: str, key: str) -> str:
    """What the entries of a watcher are about."""
    return f"{OF_WATCHERS}{policy}/{rule}/{key}"


def wake_facts(rule: str, key: str, by: PeriodTerms, start: datetime) -> FrozenMapping[str, Fact]:
    """The facts of a wake-up for the end of a period."""
    return FrozenMapping({"rule": rule, "period": key, "by": by.value, "start": format_instant(start)})


def terms_instant(wake_up: WakeUp) -> datetime:
    """The instant whose terms close the period that a wake-up is about."""
    if wake_up.facts.get("by") == PeriodTerms.START.value:
        return parse_instant(str(wake_up.facts["start"]))
    return wake_up.at - MICROSECOND


def check_period(period: Period, anchor: str | None, what: str) -> None:
    """Raises InvalidValueError where totals and thresholds cannot count by *period*."""
    if isinstance(period, Rolling):
        raise InvalidValueError(f"{what} is counted by periods that close: a rolling one is a life of its unit.")
    if isinstance(period, Anniversary | WhileGranted | WhileHeld) != (anchor is not None):
        raise InvalidValueError(
            f"{what} names the grant it is anchored on where its period is an anniversary or the time of a right, "
            "and only there."
        )
