"""
Totals: what a whole period's spend earns, rounded once, less what it was credited so far.

A total keeps what it counts as a tally (`policy.rule`, labelled by period and rate) and credits the
difference between what the tally now earns and what it has credited: at once, when the period
closes, or when a rate is declared. A condition that becomes true late pays what was missing by the
same formula. A refund lowers the tally with its purchase; then the total looks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.bands import Band, banded, bands_of
from patronage.base import Base
from patronage.building import build_booking
from patronage.conditions import condition_or_none, reads_of
from patronage.errors import InvalidValueError, quote
from patronage.events import Purchase, RateDeclared, many, word
from patronage.figures import Setting
from patronage.ledger import Booking, Grant, Reason
from patronage.occasions import AT_ONCE, Condition, Effect, Give, Life, Occasion, Read, Wake, build_credit
from patronage.periods import Calendar, Period, Span
from patronage.rules import above_zero, name
from patronage.units import Amount, Rounding, build_amount, rounded
from patronage.watching import (
    CLOSE,
    Adoption,
    Clock,
    Consequence,
    Look,
    Moment,
    PeriodTerms,
    Settlement,
    TakeBack,
    TakeShare,
    check_period,
    root_of,
    wake_facts,
)

EARNED: Final = Reason("total", FrozenMapping())
COUNTED: Final = Reason("tallied", FrozenMapping())
CREDITED: Final = "~credited"


class Pays(Enum):
    """When a total credits: at once, when its period closes, or when a rate is declared for it."""

    AT_ONCE = "at_once"
    AT_CLOSE = "at_close"
    DECLARED = "declared"


def _credit(_: object, field: attrs.Attribute[Amount | None], value: Amount | None) -> None:
    if value is not None and (not isinstance(value, Amount) or value.steps < 0):
        raise InvalidValueError(f"{field.name} must be an amount of at least 0, not {quote(value)}.")


@attrs.frozen(kw_only=True)
class TotalRate:
    """
    *credit* for every *per* of the period's spend that counts under this rate; its base is a tally of its own.

    *when* is asked about the purchase and member, when the purchase is counted; *lines* says which
    lines count, *base* which of their money. *bands* change the rate over a spend of the period, for
    the part over it (*marginal*) or the whole. With *whole* only whole *per* count. A total whose
    rate is declared has no *credit*.
    """

    name: str = attrs.field(default="rate", converter=name)
    per: Amount = attrs.field(validator=above_zero)
    credit: Amount | None = attrs.field(default=None, validator=_credit)
    base: Base = Base()
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    bands: tuple[Band, ...] = attrs.field(default=(), converter=bands_of)
    marginal: bool = True
    whole: bool = False

    def __attrs_post_init__(self) -> None:
        if self.credit is None and self.bands:
            raise InvalidValueError("A rate that is declared has no bands of its own.")
        for band in self.bands:
            if band.over.unit != self.per.unit or (self.credit is not None and band.credit.unit != self.credit.unit):
                raise InvalidValueError("A band starts over an amount of *per*'s unit and credits the rate's unit.")
        if self.whole and self.bands:
            raise InvalidValueError("Bands are pro rata: set whole to False.")

    def counted(self, purchase: Purchase, occasion: Occasion) -> tuple[int, tuple[str, ...]]:
        """The steps of the purchase that count, and the ids of the lines they stand on."""
        if purchase.currency != self.per.unit or (self.when is not None and not self.when.holds(occasion, None)):
            return 0, ()
        total, ids = 0, []
        for steps, line in zip(self.base.of(purchase), purchase.lines, strict=True):
            if steps and (self.lines is None or self.lines.holds(occasion, line)):
                total += steps
                ids.append(line.id or "")
        return total, tuple(ids)

    def figure(self, base: int) -> tuple[int, int]:
        """What a base earns, in steps as a ratio."""
        assert self.credit is not None
        if self.whole:
            return base // self.per.steps * self.credit.steps, 1
        return banded(base, self.credit.steps, self.bands, self.marginal), self.per.steps


def _rates(value: Iterable[TotalRate]) -> tuple[TotalRate, ...]:
    found = many(value)
    if not found or not all(isinstance(rate, TotalRate) for rate in found):
        raise InvalidValueError(f"A total has rates (TotalRate), not {quote(value)}.")
    if len({rate.name for rate in found}) < len(found):
        raise InvalidValueError("Two rates of a total have one name.")
    return found


@attrs.frozen(kw_only=True)
class Total:
    """
    Credits what the spend of each *period* earns by its *rates*, as one figure, rounded once.

    *pays* says when. *pays_when* is asked each time it could pay: a level, a link; once true it pays
    for all of the period. *activated_by* names a grant whose value is the key of a period
    (`2025-Q1`): only a period that is activated so pays, and then all of it. *limit* is the most that
    it credits in a period. A refund takes back what the lower total no longer earns, whatever
    *pays_when* says by then; once the period's count has ended, the share of what the close credited.
    *terms_of* says by which terms a close reckons. *anchored_on* names the grant from which the periods
    of an `Anniversary` count. Where a total falls for another reason nothing is taken back.
    """

    name: str = attrs.field(converter=name)
    period: Period
    rates: tuple[TotalRate, ...] = attrs.field(converter=_rates)
    credits: str = attrs.field(converter=word)
    pays: Pays = Pays.AT_ONCE
    pays_when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    activated_by: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    rounding: Rounding = Rounding.FLOOR
    limit: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    terms_of: PeriodTerms = PeriodTerms.CLOSE
    anchored_on: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))

    def __attrs_post_init__(self) -> None:
        check_period(self.period, self.anchored_on, f"Total {self.name}")
        declared = self.pays is Pays.DECLARED
        for rate in self.rates:
            if (rate.credit is None) != declared:
                raise InvalidValueError("A rate has no credit where it is declared, and only there.")
            if rate.credit is not None and rate.credit.unit != self.credits:
                raise InvalidValueError(f"The rates of total {self.name} credit {self.credits}, all of them.")
        if self.limit is not None and self.limit.unit != self.credits:
            raise InvalidValueError(f"The limit of total {self.name} is in {self.credits}, which it credits.")


def totals_of(value: Iterable[Total]) -> tuple[Total, ...]:
    """A sequence of totals as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(total, Total) for total in found) or len({t.name for t in found}) < len(found):
        raise InvalidValueError("Totals are members of Total, each with a name of its own.")
    return found


class BoundTotal:
    """A total, bound to its terms."""

    __slots__ = ("_clock", "_policy", "_rates", "adoption", "name", "reads", "terms_of", "total", "unit")

    def __init__(self, total: Total, setting: Setting) -> None:
        unit = setting.unit(total.credits, f"What total {total.name} credits")
        self.total, self.name, self.terms_of = total, total.name, total.terms_of
        self._policy = setting.policy
        self.unit = f"{setting.policy}.{total.name}"
        self._clock = Clock(total.period, total.anchored_on, setting.refund_for)
        self._rates = []
        for rate in total.rates:
            per = setting.unit(rate.per.unit, f"The per of total {total.name}")
            said = "" if rate.credit is None else f"{unit.text(rate.credit)} per {per.text(rate.per)}"
            self._rates.append((rate, said))
        asked = [total.pays_when, *(c for rate in total.rates for c in (rate.when, rate.lines))]
        self.reads: Sequence[Read] = tuple(read for condition in asked for read in reads_of(condition))
        self.adoption = Adoption.PROSPECTIVE

    def key(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """The label of the period that holds an instant."""
        span = self._clock.span(of, calendar, grants)
        return None if span is None else span.key

    def counts(self, occasion: Occasion) -> Sequence[Effect]:
        """What a purchase adds to the tally of each rate; the first of its period sets the close."""
        purchase = occasion.purchase
        if purchase is None or not purchase.lines:
            return ()
        found = [(rate, *rate.counted(purchase, occasion), said) for rate, said in self._rates]
        if not any(steps for _, steps, _, _ in found):
            return ()
        calendar = occasion.calendar
        span = self._clock.span(occasion.at, calendar, occasion.basis.grants)
        if span is None:
            return ()
        validity = self._clock.validity(span, calendar)
        effects: list[Effect] = []
        for rate, steps, ids, said in found:
            if steps:
                book = build_booking(self.name, steps, steps, (steps, 1), (steps, 1), said, "", ids, None)
                label = f"{span.key}/{rate.name}"
                effects.append(
                    build_credit(build_amount(steps, self.unit), self.name, label, AT_ONCE, COUNTED, (book,), validity)
                )
        if self.total.pays is Pays.AT_CLOSE and not any(self._bases(occasion, span.key)):
            facts = wake_facts(self.name, span.key, self.terms_of, span.start)
            effects.append(Wake(at=span.end, name=CLOSE, facts=facts, rule=self.name))
        return effects

    def _bases(self, occasion: Occasion, key: str) -> list[int]:
        return [occasion.balance(self.unit, f"{key}/{rate.name}") for rate, _ in self._rates]

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """What the period now earns, less what it was credited so far."""
        calendar, grants, total = occasion.calendar, occasion.basis.grants, self.total
        if look.moment in (Moment.CLOSE, Moment.REVIEW, Moment.GRACE) and look.rule != self.name:
            return None
        span = self._clock.span(look.of, calendar, grants)
        if span is None:
            return None
        root = root_of(self._policy, self.name, span.key)
        if look.back is not None and self._ended(span, look.at, calendar):
            share = TakeShare(total.credits, self.name, total.label, self.unit, f"{span.key}/", look.back)
            return Settlement(root, [share])
        effects: list[Consequence] = []
        declared = None
        if total.pays is Pays.AT_CLOSE:
            if look.moment is not Moment.CLOSE and not (look.falls and look.at >= span.end):
                return None
        elif total.pays is Pays.DECLARED:
            declared = self._declared(occasion, span, effects)
            if declared is None:
                return None
        bases = self._bases(occasion, span.key)
        have = occasion.balance(self.unit, f"{span.key}/{CREDITED}")
        n, d = self._figure(bases, declared)
        want = rounded(n, d, total.rounding)
        wanted = want
        if total.limit is not None and want > total.limit.steps:
            want = total.limit.steps
        if want > have and self._pays(occasion, span):
            book = self._booking(want - have, wanted - have, sum(bases), (n, d), wanted > want, declared)
            life = total.life.resolve(look.at, calendar)
            amount = build_amount(want - have, total.credits)
            effects.append(build_credit(amount, self.name, total.label, total.life, EARNED, (book,), life))
            effects.append(self._credited(want - have, span, calendar))
        elif want < have and look.falls:
            effects.append(TakeBack(build_amount(have - want, total.credits), self.name, total.label, False))
            effects.append(TakeBack(build_amount(have - want, self.unit), self.name, f"{span.key}/{CREDITED}", False))
        return Settlement(root, effects) if effects else None

    def _ended(self, span: Span, at: datetime, calendar: Calendar) -> bool:
        """Whether what was counted in a period has ended by *at*."""
        end = self._clock.validity(span, calendar).expires_at
        return end is not None and end <= at

    def ended_root(self, of: datetime, at: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """What its entries for the period of *of* are about, where its count has ended by *at*."""
        span = self._clock.span(of, calendar, grants)
        if span is None or not self._ended(span, at, calendar):
            return None
        return root_of(self._policy, self.name, span.key)

    def _pays(self, occasion: Occasion, span: Span) -> bool:
        """Whether the period is activated, and the condition holds."""
        total = self.total
        if total.activated_by is not None and not occasion.grants(total.activated_by, span.key):
            return False
        return total.pays_when is None or total.pays_when.holds(occasion, None)

    def _figure(self, bases: Sequence[int], declared: tuple[int, int] | None) -> tuple[int, int]:
        """What the bases earn together, exactly."""
        if declared is not None:
            return sum(bases) * declared[0], declared[1]
        n, d = 0, 1
        for (rate, _), base in zip(self._rates, bases, strict=True):
            rate_n, rate_d = rate.figure(base)
            n, d = n * rate_d + rate_n * d, d * rate_d
        return n, d

    def _declared(self, occasion: Occasion, span: Span, effects: list[Consequence]) -> tuple[int, int] | None:
        """The rate that was declared for the period: by this event, or earlier, kept as the value of a grant."""
        event = occasion.event
        if isinstance(event, RateDeclared) and event.policy == self._policy and event.rule == self.name:
            until = self._clock.validity(span, occasion.calendar).expires_at
            value = f"{event.credit.steps}/{event.per.steps}"
            effects.append(Give(key=self.unit, value=value, until=until, occasion=span.key, rule=self.name))
            return event.credit.steps, event.per.steps
        for grant in occasion.basis.grants:
            if grant.key == self.unit and grant.occasion == span.key and grant.value is not None:
                credit, per = grant.value.split("/")
                return int(credit), int(per)
        return None

    def _booking(
        self,
        steps: int,
        wanted: int,
        base: int,
        figure: tuple[int, int],
        trimmed: bool,
        declared: tuple[int, int] | None,
    ) -> Booking:
        said = "; ".join(said for _, said in self._rates if said)
        if declared is not None:
            said = f"{declared[0]}/{declared[1]}"
        limit = "limit" if trimmed else None
        return build_booking(self.name, steps, wanted, (base, 1), figure, said, self.total.rounding.value, (), limit)

    def _credited(self, steps: int, span: Span, calendar: Calendar) -> Effect:
        """The count of what was credited so far."""
        book = build_booking(self.name, steps, steps, (steps, 1), (steps, 1), "", "", (), None)
        return build_credit(
            build_amount(steps, self.unit),
            self.name,
            f"{span.key}/{CREDITED}",
            AT_ONCE,
            COUNTED,
            (book,),
            self._clock.validity(span, calendar),
        )
