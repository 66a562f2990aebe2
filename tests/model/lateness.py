"""Deliveries out of order: a history shuffled and doubled, and what the library and the reference make of it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from model.checks import check_account, check_state
from model.histories import history
from model.lockstep import check_figures, code_of
from model.reference import Reference
from model.reference_late import replayed
from model.shop import Shop
from patronage import Accepted, Event, Program, RejectedError
from patronage.audit import audit
from patronage.errors import RerateError

Answers = dict[str, tuple[str | None, tuple[object, ...]]]


def distinct(events: Sequence[Event]) -> list[Event]:
    """Each event once, in order of time; those of one instant in order of arrival."""
    once = {event.id: event for event in reversed(events)}
    ordered = [event for event in events if once.pop(event.id, None) is not None]
    return sorted(ordered, key=lambda event: event.occurred_at)


def delivered(events: Sequence[Event], chance: Random) -> list[Event]:
    """Some of *events* later than their turn, some of them twice."""
    order = list(events)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(order))
        order.insert(min(len(order), at + chance.randint(1, 6)), order.pop(at))
    for event in chance.sample(order, k=min(2, len(order))):
        order.insert(chance.randrange(order.index(event), len(order)) + 1, event)
    return order


def answers(shop: Shop) -> Answers:
    """What every event of a caller was answered: the refusal's code, and the benefits."""
    return {
        commit.event.id: (None if commit.refusal is None else commit.refusal.code.value, commit.benefits)
        for commit in shop.commits
        if not commit.event.id.startswith("~")
    }


def rerate(shop: Shop, late: Sequence[Event]) -> Accepted | str:
    """Rerates a shop's account and keeps it; or says what stops it."""
    try:
        done = shop.program.rerate(shop.commits, late)
    except RejectedError as error:
        return error.code
    except RerateError as error:
        return error.message
    shop.keep(done)
    check_state(shop.state)
    check_account(shop.program, shop.state, shop.commits)
    audit(shop.commits, calendar=shop.program.calendar)
    again = shop.program.rerate(shop.commits, late)
    assert again.commits == (), "rerated again, something differs still"
    return done


class Delivery:
    """A history of a seed, delivered out of order to the library and to the reference, and rerated."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.program, made = history(seed)
        self.events = distinct(made)
        self.shop, self.reference = Shop(self.program), Reference(self.program)
        self.late: list[Event] = []
        for event in delivered(self.events, self.chance):
            decision, code = self.shop.record(event), self.reference.record(event)
            assert code_of(decision) == code, f"refused as {code_of(decision)}, not {code}: {event}"
            if code == "too_late" and event not in self.late:
                self.late.append(event)
        known = {*self.reference.events, *(event.id for event in self.late)}
        self.late = [event for event in self.late if event.about in known]
        self.done: Accepted | str = "nothing came"
        if self.shop.commits:
            self.rerate()

    def rerate(self) -> None:
        """Both sides; a refusal of the one is a refusal of the other."""
        again, code = replayed(self.program, self.reference, self.late)
        state = self.shop.state
        self.done = rerate(self.shop, self.late)
        if isinstance(self.done, str):
            assert code is not None, f"the reference replays what the library does not: {self.done}"
            assert self.shop.state == state
            return
        assert code is None, f"the library replays what the reference does not: {code}"
        self.reference = again
        check_figures(self.shop, again, "after the rerate")

    @property
    def in_order(self) -> Shop:
        """What was taken, in order of time and then of arrival."""
        arrival = [commit.event.id for commit in self.shop.commits]
        taken = [event for event in self.events if event.id in arrival]
        taken.sort(key=lambda event: (event.occurred_at, arrival.index(event.id)))
        shop = Shop(self.program).play(*taken)
        if self.shop.state.clock is not None:
            shop.advance(self.shop.state.clock)
        return shop


def same(shop: Shop, other: Shop) -> bool:
    """Whether two accounts hold the same: lots, rights, wake-ups."""
    return all(
        getattr(shop.state, name) == getattr(other.state, name) for name in ("lots", "pending", "grants", "wake_ups")
    )


def programs_agree(program: Program, *shops: Shop) -> bool:
    """Whether a ledger that came in order has no difference."""
    return all(program.rerate(shop.commits).commits == () for shop in shops if shop.commits)
