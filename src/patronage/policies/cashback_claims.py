"""Which lines a rate of cash back has: what earlier rates took, what is in turn, what was activated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from patronage.conditions import reads_of
from patronage.earning import Trace
from patronage.events import Line
from patronage.occasions import Condition, Effect, Give, Occasion, Read
from patronage.periods import Period, following
from patronage.policies.cashback_rates import CashbackRate, Rotation
from patronage.terms_of_time import OnDate

PERIOD: Final = "period"
"""The attribute of an activation that names the period it is for, where that is the next one."""


@attrs.frozen
class Claim:
    """What an earlier rate takes: the lines that it applies to, or of those what *tenders* paid."""

    when: Condition | None
    lines: Condition | None
    tenders: tuple[str, ...]

    def takes(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether the line is its."""
        return (self.lines is None or self.lines.holds(occasion, line)) and (
            self.when is None or self.when.holds(occasion, None)
        )

    @property
    def reads(self) -> tuple[Read, ...]:
        """What it reads."""
        return (*reads_of(self.when), *reads_of(self.lines))


@attrs.frozen
class Unclaimed:
    """A condition: the line is taken by none of these claims."""

    claims: tuple[Claim, ...]

    @property
    def reads(self) -> tuple[Read, ...]:
        """What it reads."""
        return tuple(read for claim in self.claims for read in claim.reads)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it holds."""
        return not any(claim.takes(occasion, line) for claim in self.claims)


@attrs.frozen
class Claimed:
    """A condition: the line is taken by this claim."""

    claim: Claim

    @property
    def reads(self) -> tuple[Read, ...]:
        """What it reads."""
        return self.claim.reads

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it holds."""
        return self.claim.takes(occasion, line)


@attrs.frozen
class InTurn:
    """A condition: the line counts in the turn of the period that holds the purchase."""

    rotation: Rotation

    @property
    def reads(self) -> tuple[Read, ...]:
        """What it reads."""
        return tuple(read for turn in self.rotation.turns for read in reads_of(turn.lines))

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it holds."""
        turn = self.rotation.turn(self.rotation.period.span(occasion.at, occasion.calendar).key)
        return turn is not None and turn.lines.holds(occasion, line)


@attrs.frozen
class Activated:
    """A condition: the member has activated the period that holds the purchase."""

    key: str
    period: Period

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Whether it holds."""
        return bool(occasion.grants(self.key, self.period.span(occasion.at, occasion.calendar).key))


class Activation:
    """The activities by which members activate periods."""

    def __init__(self, policy: str, rates: Sequence[CashbackRate]) -> None:
        self._policy, self._rates = policy, rates

    def answer(self, occasion: Occasion, trace: Trace) -> Sequence[Effect]:
        """A grant, whose value is the period's key, until the period's end; none after the last day."""
        activity, found = occasion.activity, list[Effect]()
        if activity is None:
            return found
        for rate in self._rates:
            rotation = rate.rotation
            assert rotation is not None
            if activity.kind != rotation.activation:
                continue
            calendar, asked = occasion.calendar, activity.attributes.get(PERIOD)
            span = rotation.period.span(occasion.at, calendar)
            if asked is not None and asked != span.key:
                span = following(rotation.period, span, calendar)
            turn = rotation.turn(span.key)
            if turn is None or (asked is not None and asked != span.key):
                continue
            last = turn.activate_by
            if last is not None and occasion.at >= OnDate(day=last, through=True).end(occasion.at, calendar):
                continue
            key = activation_key(self._policy, rate.name)
            found.append(Give(key=key, value=span.key, until=span.end, occasion=span.key, rule=rate.name))
        return found


def activation_key(policy: str, rate: str) -> str:
    """The grant of an activated period: its value is the period's key."""
    return f"{policy}.{rate}"
