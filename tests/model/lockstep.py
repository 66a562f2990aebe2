"""A history played by the library and by the reference ledger, compared after each event."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import attrs
import pytest

from model.checks import check_account, check_state, entries_of, lots_of
from model.histories import MILES, POINTS, USD, history
from model.reference import Reference
from model.reference_values import OWED
from model.shop import Shop
from patronage import BenefitKind, Decision, Event, EventConflictError, Program, Rejected, State
from patronage.events import TimePassed
from patronage.ledger import DEBT

UNITS = (USD, POINTS, MILES)

Holding = tuple[str, str | None, datetime | None, bool, datetime | None, str | None, datetime | None, str | None]


def play(seed: int, *, others: bool = True) -> int:
    """Plays the history of a seed; gives the number of its events. *others* compares other ways of playing it too."""
    program, events = history(seed)
    try:
        shop = compare(program, events)
        if others:
            check_nightly(program, events, shop)
            check_conflict(shop)
    except (Exception, pytest.fail.Exception) as error:
        raise AssertionError(f"{error}\nReplay: PATRONAGE_SEED={seed} pytest tests/model -k one_seed") from error
    return len(events)


def compare(program: Program, events: list[Event]) -> Shop:
    """The library and the reference after each event."""
    shop, reference = Shop(program), Reference(program)
    for n, event in enumerate(events):
        where = f"event {n} of program {program.id}: {event}"
        before, known = parts_of(shop.state), list(shop.commits)
        decision, again = shop.decide(event), shop.decide(event)
        assert decision == again, f"decided twice, answered differently: {where}"
        assert parts_of(shop.state) == before, f"the state was changed by deciding: {where}"
        assert shop.commits == known
        repeated = any(commit.event.id == event.id for commit in shop.commits)
        assert decision.repeated is repeated, where
        shop.keep(decision)
        code = reference.record(event)
        assert code_of(decision) == code, f"refused as {code_of(decision)}, not {code}: {where}"
        if shop.state.clock is not None:
            assert shop.state.clock == reference.clock, where
        check_state(shop.state)
        check_figures(shop, reference, where)
        off = sum(b.amount.steps for b in decision.benefits if b.kind is BenefitKind.MONEY_OFF and b.amount is not None)
        if event.id == getattr(event, "about", None) and hasattr(event, "reward") and not repeated:
            assert off == (reference.worth_last if decision.accepted else 0), where
        if decision.state is not None:
            assert decision.commits[0].next_due == decision.state.next_due
    check_account(program, shop.state, shop.commits)
    return shop


def code_of(decision: Decision) -> str | None:
    """The code of a refusal, or None."""
    return decision.code.value if isinstance(decision, Rejected) else None


def parts_of(state: State) -> tuple[object, ...]:
    """What a state holds, so that a change in place would be seen."""
    return (dict(state.lots), state.pending, state.grants, state.wake_ups, state.clock, state.version, state.next_due)


def check_figures(shop: Shop, reference: Reference, where: str) -> None:
    """Available, pending, reserved, debt, and every lot."""
    state = shop.state
    assert state.clock is not None or not reference.journal
    if state.clock is not None:
        standing = shop.program.at(state, state.clock)
        for unit in UNITS:
            holding = standing[unit]
            found = tuple(a.steps for a in (holding.available, holding.pending, holding.reserved, holding.debt))
            assert found == reference.figures(unit.code), (
                f"{unit.code} {found}, not {reference.figures(unit.code)}: {where}"
            )
    ours, theirs = holdings(state), reference_holdings(reference)
    assert ours == theirs, f"lots differ: ours {ours - theirs}, the reference's {theirs - ours}: {where}"


def holdings(state: State) -> Counter[Holding]:
    """The lots of a state, told by what people can see of them. Tallies are one figure each."""
    found: Counter[Holding] = Counter()
    for lot in lots_of(state):
        validity = lot.validity
        if "." in lot.unit:
            found[lot.unit, None, None, False, None, None, None, None] += lot.steps
            continue
        waits = validity.on_confirmation or (
            validity.available_at is not None and state.clock is not None and validity.available_at > state.clock
        )
        root = OWED if lot.source == DEBT else lot.source.root if lot.source is not None else None
        found[
            lot.unit,
            lot.label,
            validity.available_at if waits else None,
            validity.on_confirmation,
            validity.expires_at,
            root,
            lot.credited_at,
            lot.reserved_for,
        ] += lot.steps
    return found


def reference_holdings(reference: Reference) -> Counter[Holding]:
    """The same of the reference ledger."""
    found: Counter[Holding] = Counter()
    for lot, steps in reference.lots().items():
        if "." in lot.unit:
            found[lot.unit, None, None, False, None, None, None, None] += steps
            continue
        found[
            lot.unit,
            lot.label,
            lot.available_at if reference.waits(lot) else None,
            lot.confirm,
            lot.expires_at,
            lot.root,
            lot.credited_at,
            lot.reserved_for,
        ] += steps
    return found


def check_nightly(program: Program, events: list[Event], lazy: Shop) -> None:
    """Played with a run at many instants in between: the same entries, and the same lots in the end."""
    eager = Shop(program)
    for event in events:
        clock = eager.state.clock
        if clock is not None and clock < event.occurred_at:
            nights = max(1, min(30, (event.occurred_at - clock).days))
            for night in range(1, nights + 1):
                eager.advance(clock + (event.occurred_at - clock) * night / nights)
        eager.record(event)
    if lazy.state.clock is None:
        return
    end = lazy.state.clock + timedelta(days=400)
    last = Shop(program)
    last.state, last.commits = lazy.state, list(lazy.commits)
    for night in range(41):
        eager.advance(lazy.state.clock + timedelta(days=10 * night))
    last.advance(end)
    assert entries_of(eager.commits) == entries_of(last.commits), "run nightly, the entries differ"
    ours, theirs = eager.state, last.state
    assert (ours.lots, ours.pending, ours.grants, ours.wake_ups) == (
        theirs.lots,
        theirs.pending,
        theirs.grants,
        theirs.wake_ups,
    )
    check_account(program, eager.state, eager.commits)


def check_conflict(shop: Shop) -> None:
    """A known id with other content is an error that names the field, also now that the state has moved on."""
    for commit in shop.commits[:3]:
        event = commit.event
        if isinstance(event, TimePassed):
            continue
        other = attrs.evolve(event, occurred_at=event.occurred_at + timedelta(microseconds=1))
        with pytest.raises(EventConflictError, match="occurred_at"):
            shop.decide(other)
        assert shop.decide(event).repeated
