"""
Late events: what an event older than the account's clock may still be decided on.

A late fact is taken while all that it would touch is still open: the terms, the periods that it
counts in, the grants of its time. It is decided at its own instant, on what is counted now, so no
cap is passed; and the clock stays where it is. What came between keeps the lots that it took:
`Program.rerate` books the difference to arrival in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from patronage._frozen import FrozenMapping
from patronage.decisions import Rejected
from patronage.events import Adjustment, Event
from patronage.ledger import ADJUSTED, ISSUED, Entry, Fact, Refusal, RejectionCode, Transfer
from patronage.periods import format_instant
from patronage.state import State
from patronage.terms import FACTS, BoundTerms

KIND: Final = "kind"
TERMS: Final = "terms"
TIME: Final = "time"
BALANCES: Final = "balances"
PERIOD: Final = "period"
EFFECTS: Final = "effects"


def closed(state: State, event: Event, then: BoundTerms, now: BoundTerms) -> str | None:
    """
    What of an event older than the clock is closed, in a word; None where all of it is still open.

    *then* and *now* are the terms in force at the event and at the clock. `kind`: only facts and
    credits by an operator are taken late, for what spends, takes back or gives a right stands on what
    there was. `terms`: others have taken effect. `time`: a grant has changed since, or time has ended
    something. `balances`: the rules read balances, which were others then. `period`: one that the
    event counts in is over.
    """
    clock = state.clock
    assert clock is not None
    if not isinstance(event, FACTS) and not (isinstance(event, Adjustment) and event.amount.steps > 0):
        return KIND
    if then is not now:
        return TERMS
    at = event.occurred_at
    if state.settled_at is not None and at < state.settled_at:
        return TIME
    if then.watched:
        return BALANCES
    if then.counted(at) != then.counted(clock):
        return PERIOD
    return None


def only_credits(entries: Iterable[Entry]) -> bool:
    """Whether the event gave nothing but credits: a right or a wake-up would have been seen by what came since."""
    return all(isinstance(entry, Transfer) and entry.payer in (ISSUED, ADJUSTED) for entry in entries)


def too_late(state: State, event: Event, what: str) -> Rejected:
    """The refusal of an event, for now, that says *what* is closed."""
    assert state.clock is not None
    at, clock = format_instant(event.occurred_at), format_instant(state.clock)
    facts: dict[str, Fact] = {"at": at, "clock": clock, "closed": what}
    return Rejected(state.account, event, Refusal(RejectionCode.TOO_LATE, FrozenMapping(facts)), (), (), False)


def out_of_range(state: State, event: Event) -> Rejected:
    """The refusal of an event, for now, whose instant cannot be meant."""
    facts: dict[str, Fact] = {"at": format_instant(event.occurred_at)}
    code = RejectionCode.EVENT_TIME_OUT_OF_RANGE
    return Rejected(state.account, event, Refusal(code, FrozenMapping(facts)), (), (), False)
