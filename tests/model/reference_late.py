"""What comes late: taken while all is open, or replayed in order from the beginning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from patronage import (
    Activity,
    Adjustment,
    Cancellation,
    Enrolment,
    Event,
    Program,
    Purchase,
    Refund,
    StatusEnd,
    StatusGrant,
)

if TYPE_CHECKING:
    from model.reference import Reference


_GIVEN = (Purchase, Enrolment, Activity, Adjustment, StatusGrant, StatusEnd)
_NOT_YET = ("unknown_root", "history_incomplete")


def unknown(ledger: Reference, event: Event) -> str | None:
    """Why an event that speaks of another cannot be decided yet."""
    if event.about == event.id:
        return None
    root = ledger.events.get(event.about)
    if root is None or root.about != root.id:
        return "unknown_root"
    if isinstance(event, Refund | Cancellation) and isinstance(root, Purchase):
        missing = [redemption for redemption in root.redemptions if redemption not in ledger.events]
        return "history_incomplete" if missing else None
    return None


def take_late(ledger: Reference, event: Event, clock: datetime) -> str | None:
    """An older event, at its own instant; then what time has done since with what it made."""
    if closed(ledger, event, clock):
        return "too_late"
    ledger.clock = event.occurred_at
    ledger.events[event.id] = event
    code = ledger.answers[event.id] = ledger.decide(event)
    ledger.pass_to(clock)
    return code


def closed(ledger: Reference, event: Event, clock: datetime) -> bool:
    """Whether something that an older event would touch is over: its kind, its periods, the rights of its time."""
    at = event.occurred_at
    credits = isinstance(event, Adjustment) and event.amount.steps > 0
    if not credits and not isinstance(event, Purchase | Enrolment | Activity):
        return True
    ran_out = [grant.until for grant in ledger.grants if grant.until is not None and grant.until <= clock]
    if any(at < instant for instant in (*ledger.ended, *ran_out)):
        return True
    return ledger.rules.counts_in(at) != ledger.rules.counts_in(clock)


def replayed(program: Program, ledger: Reference, late: Sequence[Event]) -> tuple[Reference, str | None]:
    """
    The account as arrival in order would have left it, what was answered standing.

    Or the code of what stops it: a late event that is refused for now, an accepted one that would be refused.
    """
    answers = dict(ledger.answers)
    facts: list[Event] = [event for event in late if isinstance(event, _GIVEN)]
    asked = [event for event in late if event not in facts]
    if asked:
        now, code = _again(program, ledger, answers, facts)
        if code is not None:
            return ledger, code
        for event in asked:
            code = unknown(now, event)
            if code is not None:
                return ledger, code
            now.events[event.id] = event
            answers[event.id] = now.answers[event.id] = now.decide(event)
    return _again(program, ledger, answers, late)


def _again(
    program: Program, ledger: Reference, answers: Mapping[str, str | None], late: Sequence[Event]
) -> tuple[Reference, str | None]:
    """All events in order of time, from the beginning."""
    again = type(ledger)(program)
    again.upheld = {id: ledger.costs[id] for id, code in ledger.answers.items() if code is None and id in ledger.costs}

    def place(event: Event) -> tuple[bool, datetime]:
        return (answers.get(event.id) is not None and event.about != event.id, event.occurred_at)

    for event in sorted([*ledger.events.values(), *late], key=place):
        if answers.get(event.id) is not None:
            again.events[event.id], again.answers[event.id] = event, answers.get(event.id)
            continue
        code = again.record(event)
        if code is not None and (event.id in ledger.answers or code in _NOT_YET):
            return ledger, code
    assert ledger.clock is not None
    again.pass_to(ledger.clock)
    again.upheld = None
    return again, None
