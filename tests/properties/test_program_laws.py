"""Laws that hold for real programs, whatever their members do: late time is early time, and the books add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import attrs
import pytest

from conftest import histories
from model.lateness import delivered, rerate
from model.shop import Shop
from patronage import (
    Account,
    Benefit,
    Commit,
    Event,
    Program,
    Refund,
    Rejected,
    RejectionCode,
    State,
    StatusGrant,
    Transfer,
)
from patronage.audit import audit
from patronage.codec import Codec
from patronage.ledger import AccountKind
from properties.exploits import NAMES, Attempt, Try, fresh
from properties.test_no_cycle_pays import DOCUMENTS, program_of

CODEC = Codec()


class Eager(Attempt):
    """The same, but everybody's account is brought up to date whenever something falls due."""

    def tell(self, event: Event) -> bool:
        """Lets time do its work first, instant by instant."""
        for account in sorted(self.members.states, key=lambda each: each.key):
            self.catch_up(account, event.occurred_at)
        return super().tell(event)

    def catch_up(self, account: Account, until: datetime) -> None:
        """Every instant at which something falls due has a run of its own."""
        while account.kind is AccountKind.MEMBER:
            due = self.members.state(account).next_due
            if due is None or due > until:
                return
            self.members.pass_time(account, due)


def played(kind: type[Attempt], program: Program, steps: tuple[Try, ...]) -> Attempt:
    """The steps, and then a year in which nothing happens."""
    attempt = kind(program)
    for step in steps:
        attempt.take(step)
    attempt.now += timedelta(days=400)
    for name in NAMES:
        if isinstance(attempt, Eager):
            attempt.catch_up(Account.member(name), attempt.now)
        attempt.members.pass_time(Account.member(name), attempt.now)
    return attempt


def what_is_left(state: State) -> tuple[object, ...]:
    """An account apart from how often it was written to."""
    return state.lots, state.pending, state.grants, state.wake_ups


def moved(commits: list[Commit]) -> list[tuple[object, ...]]:
    """The entries, in the order of their ids: whichever commit carries them."""
    found = [
        (entry.cause, entry.n, entry.at, entry.unit, entry.label, entry.steps, entry.payer, entry.payee)
        for commit in commits
        for entry in commit.entries
        if isinstance(entry, Transfer)
    ]
    return sorted(found, key=repr)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_late_time_is_early_time(path: Path) -> None:
    """Nobody came by for months, or a run every time that something fell due: the same entries, the same accounts."""
    program, draw = program_of(path), Random(path.stem)
    for _ in range(max(6, histories() // 100)):
        steps = fresh(draw)
        lazy, eager = (played(kind, program, steps) for kind in (Attempt, Eager))
        for name in NAMES:
            account = Account.member(name)
            first, second = lazy.members.state(account), eager.members.state(account)
            assert what_is_left(first) == what_is_left(second), steps
            both = [moved(attempt.members.commits.get(account, [])) for attempt in (lazy, eager)]
            assert both[0] == both[1], steps


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_books_add_up(path: Path) -> None:
    """The audit finds nothing, and what is stored is read again as it was."""
    program, draw = program_of(path), Random(path.stem)
    for _ in range(max(3, histories() // 300)):
        attempt = played(Attempt, program, fresh(draw))
        for commits in attempt.members.commits.values():
            assert audit(commits, calendar=program.calendar).commits == len(commits)
            for commit in commits:
                assert CODEC.load(CODEC.dump(commit), Commit) == commit


class Told(Attempt):
    """Keeps what was told of the first member, and accepted."""

    def __init__(self, program: Program) -> None:
        self.told: list[Event] = []
        super().__init__(program)

    def tell(self, event: Event) -> bool:
        """As ever."""
        accepted = super().tell(event)
        if accepted and event.member == NAMES[0]:
            self.told.append(event)
        return accepted


def deliver(shop: Shop, events: Iterable[Event]) -> bool:
    """Tells all, what is not yet to be had again later, and rerates for what came too late. Whether all arrived."""
    late: list[Event] = []
    waiting = list(events)
    while waiting:
        again: list[Event] = []
        for event in waiting:
            decision = shop.record(event)
            if isinstance(decision, Rejected) and not decision.final:
                (late if decision.code is RejectionCode.TOO_LATE else again).append(event)
        if late or len(again) == len(waiting):
            if not late or isinstance(rerate(shop, late), str):
                return False
            late = []
        waiting = again
    return True


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_late_arrival_is_arrival_in_order(path: Path) -> None:
    """Purchases, and returns in whole, in any order: after `rerate` the same account, and the same was handed over."""
    program, draw = program_of(path), Random(path.stem)
    arrived = 0
    for _ in range(max(6, histories() // 100)):
        attempt = Told(program)
        for step in fresh(draw):
            kind = "return" if step.kind == "return" else "buy"
            attempt.take(attrs.evolve(step, kind=kind, member=0, size=step.size // 2 * 2))
        given = [event for event in attempt.told if isinstance(event, StatusGrant)]
        events = [event for event in attempt.told if not isinstance(event, StatusGrant)]
        in_order, shuffled = Shop(program, NAMES[0]).play(*given), Shop(program, NAMES[0]).play(*given)
        in_order.play(*events)
        if not events or not deliver(shuffled, delivered(events, draw)):
            continue  # What was handed over and would not have been in order stops a rerate: it is settled by hand.
        arrived += 1
        end = attempt.now + timedelta(days=400)
        for shop in (in_order, shuffled):
            shop.advance(end)
        assert what_is_left(in_order.state) == what_is_left(shuffled.state), events
        assert handed_over(in_order) == handed_over(shuffled), events
    assert arrived


def handed_over(shop: Shop) -> Counter[Benefit]:
    """What the shop was told to hand over, by whatever commit."""
    return Counter(benefit for commit in shop.commits for benefit in commit.benefits)


def returned(program: Program, steps: tuple[Try, ...], wait: int, thirds: bool) -> list[tuple[object, ...]]:
    """All is bought first, and comes back so many days later: each purchase at once, or a third, a third, the rest."""
    attempt = Attempt(program)
    for step in steps:
        attempt.take(attrs.evolve(step, kind="buy"))
    attempt.now += timedelta(days=wait)
    for purchase in attempt.bought:
        attempt.now += timedelta(minutes=1)
        refund = Refund(id=f"all-{purchase.id}", member=purchase.member, occurred_at=attempt.now, purchase=purchase.id)
        third = attrs.evolve(purchase.lines[0].total, steps=purchase.total // 3)
        for n in range(2 if thirds and third else 0):
            assert attempt.tell(attrs.evolve(refund, id=f"{n}-{purchase.id}", total=third))
        assert attempt.tell(refund)
    return [
        (name, *what_is_left(state)) for name, state in sorted(attempt.members.states.items(), key=lambda s: s[0].key)
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_parts_are_the_whole(path: Path) -> None:
    """What comes back in three parts leaves the account that it would have left at once: whenever it comes."""
    program, draw = program_of(path), Random(path.stem)
    for _ in range(max(6, histories() // 100)):
        steps, wait = fresh(draw), draw.choice((0, 1, 20, 45, 200, 400))
        assert returned(program, steps, wait, False) == returned(program, steps, wait, True), (wait, steps)
