"""What comes late: taken while all is open, or replayed in order from the beginning."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING

from patronage import Activity, Adjustment, Cancellation, Enrolment, Event, Program, Purchase, Refund

if TYPE_CHECKING:
    from model.reference import Reference


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
    now = deepcopy(ledger)
    assert now.clock is not None
    answers = dict(ledger.answers)
    for event in late:
        code = _now(now, event)
        if code in _NOT_YET:
            return ledger, code
        answers[event.id] = code
    again = type(ledger)(program)
    again.upheld = {id: ledger.costs[id] for id, code in ledger.answers.items() if code is None and id in ledger.costs}

    def place(event: Event) -> tuple[bool, datetime]:
        return (answers[event.id] is not None and event.about != event.id, event.occurred_at)

    for event in sorted([*ledger.events.values(), *late], key=place):
        if answers[event.id] is not None:
            again.events[event.id], again.answers[event.id] = event, answers[event.id]
            continue
        code = again.record(event)
        if code is not None and (event.id in ledger.answers or code in _NOT_YET):
            return ledger, code
    again.pass_to(now.clock)
    again.upheld = None
    return again, None


def _now(now: Reference, event: Event) -> str | None:
    """What a late event would be answered at the clock."""
    lacks = unknown(now, event)
    if lacks is not None:
        return lacks
    now.events[event.id] = event
    code = now.answers[event.id] = now.decide(event)
    return code
