"""What is given once a year around a day of the member's own: a birthday, the day of joining."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.building import build_booking
from patronage.conditions import condition_or_none, reads_of
from patronage.errors import InvalidValueError
from patronage.events import word
from patronage.figures import Setting
from patronage.ledger import Grant, Reason, Validity
from patronage.occasion_conditions import YearlyWindow, day_and_month
from patronage.occasions import (
    AT_ONCE,
    Condition,
    Credit,
    Effect,
    Give,
    HandOver,
    Occasion,
    Read,
    Wake,
    build_credit,
)
from patronage.periods import YEAR, Calendar, Span
from patronage.rules import name
from patronage.terms_of_time import EndOfPeriod
from patronage.thresholds import Gift, GiveBenefit, GiveConverted, GiveCredit, GiveGrant, gifts_of
from patronage.units import build_amount
from patronage.watching import (
    REVIEW,
    Adoption,
    Consequence,
    Look,
    Moment,
    PeriodTerms,
    Settlement,
    root_of,
    wake_facts,
)

OCCURRED: Final = Reason("yearly", FrozenMapping())
COUNTED: Final = Reason("tallied", FrozenMapping())
_KEPT: Final = EndOfPeriod(period=YEAR, following=1)


@attrs.frozen(kw_only=True)
class Yearly:
    """
    Gives what *gives* lists once in each year's *window* around the day and month that the right *key* states.

    At the window's start, or as soon as the day is known and *when* holds, while the window lasts. A
    right among the gifts without a term of its own ends with the window. With *anniversary* the day is
    that on which the right was given, from the year after on.
    """

    name: str = attrs.field(converter=name)
    key: str = attrs.field(converter=word)
    gives: tuple[Gift, ...] = attrs.field(converter=gifts_of)
    window: YearlyWindow = YearlyWindow()
    anniversary: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)

    def __attrs_post_init__(self) -> None:
        if any(isinstance(gift, GiveConverted) for gift in self.gives):
            raise InvalidValueError(f"What is given yearly by {self.name} converts nothing.")


class BoundYearly:
    """What is given yearly, bound to its terms."""

    __slots__ = ("_policy", "_yearly", "adoption", "name", "reads", "terms_of", "unit")

    def __init__(self, yearly: Yearly, setting: Setting) -> None:
        self._yearly, self._policy, self.name = yearly, setting.policy, yearly.name
        self.unit = f"{setting.policy}.{yearly.name}"
        self.reads: Sequence[Read] = reads_of(yearly.when)
        self.terms_of, self.adoption = PeriodTerms.CLOSE, Adoption.PROSPECTIVE
        for gift in yearly.gives:
            if isinstance(gift, GiveCredit):
                setting.unit(gift.amount.unit, f"What {yearly.name} gives")

    def key(self, of: datetime, calendar: Calendar, grants: Iterable[Grant]) -> str | None:
        """The year of the window that holds an instant, else of the next one."""
        spans = self._spans(of, calendar, grants)
        return None if spans is None else (spans[0] or spans[1]).key

    def _spans(self, at: datetime, calendar: Calendar, grants: Iterable[Grant]) -> tuple[Span | None, Span] | None:
        """The window at an instant, and the next one."""
        yearly = self._yearly
        held = [grant for grant in grants if grant.key == yearly.key and grant.in_force(at)]
        for grant in sorted(held, key=lambda grant: (grant.valid_from, grant.identity), reverse=True):
            if not yearly.anniversary:
                known = day_and_month(grant.value)
                if known is not None:
                    return yearly.window.around(at, *known, calendar)
                continue
            day = calendar.day(grant.valid_from)
            now, following = yearly.window.around(at, day.month, day.day, calendar)
            own = yearly.window.of_year(day.year, day.month, day.day, calendar)
            return (None if now is not None and now.key <= own.key else now), following
        return None

    def look(self, occasion: Occasion, look: Look) -> Settlement | None:
        """Gives, inside a window; waits for the next one."""
        if look.falls or (look.moment in (Moment.CLOSE, Moment.REVIEW) and look.rule != self.name):
            return None
        at, calendar = look.at, occasion.calendar
        spans = self._spans(at, calendar, occasion.basis.grants)
        if spans is None:
            return None
        now, following = spans
        effects: list[Consequence] = []
        if now is not None and occasion.balance(self.unit, now.key) <= 0 and self._holds(occasion):
            effects += self._given(now, calendar)
        facts = wake_facts(self.name, following.key, self.terms_of, following.start)
        effects.append(Wake(at=following.start, name=REVIEW, facts=facts, rule=self.name))
        return Settlement(root_of(self._policy, self.name, (now or following).key), effects)

    def _holds(self, occasion: Occasion) -> bool:
        when = self._yearly.when
        return when is None or when.holds(occasion, None)

    def _given(self, span: Span, calendar: Calendar) -> list[Effect]:
        """The gifts of a window, and the count that they were given."""
        effects: list[Effect] = []
        for gift in self._yearly.gives:
            if isinstance(gift, GiveGrant):
                until = span.end if gift.lasts is None else None
                effects.append(
                    Give(
                        key=gift.key,
                        value=gift.value,
                        lasts=gift.lasts,
                        until=until,
                        uses=gift.uses,
                        occasion=span.key,
                        rule=self.name,
                        why=OCCURRED,
                    )
                )
            elif isinstance(gift, GiveCredit):
                effects.append(Credit(gift.amount, rule=self.name, label=gift.label, life=gift.life, why=OCCURRED))
            else:
                assert isinstance(gift, GiveBenefit)  # Nothing is converted: such a gift was refused.
                effects.append(HandOver(kind=gift.kind, reward=gift.reward, amount=gift.amount, rule=self.name))
        book = build_booking(self.name, 1, 1, (1, 1), (1, 1), "", "", (), None)
        validity = Validity(expires_at=_KEPT.end(span.end, calendar))
        amount = build_amount(1, self.unit)
        effects.append(build_credit(amount, self.name, span.key, AT_ONCE, COUNTED, (book,), validity))
        return effects
