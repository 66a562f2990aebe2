"""The decider: the same answer always, nothing touched, nothing raised but the library's own errors."""

from __future__ import annotations

import builtins
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest import mock

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.histories import MEMBER, MUG, PER_DOLLAR, POINTS
from model.lockstep import parts_of
from model.shop import Shop
from patronage import (
    Account,
    Adjustment,
    Enrolment,
    Event,
    EventConflictError,
    HistoryRequiredError,
    InvalidValueError,
    Program,
    Purchase,
    Redemption,
    Refund,
    RejectionCode,
    State,
)
from patronage.book import due_cause
from patronage.ledger import entry_id
from properties.strategies import T0, bought, histories, ids, shop_program

History = tuple[Program, list[Event]]
TESTS = Path(__file__).resolve().parents[1]

DIGEST = """
import decimal, sys
decimal.getcontext().prec = int(sys.argv[1])
decimal.getcontext().rounding = decimal.ROUND_UP
from hashlib import sha256
from model.histories import history
from model.shop import Shop
digest = sha256()
for seed in range(25):
    program, events = history(seed)
    shop = Shop(program).play(*events)
    for c in shop.commits:
        digest.update(repr((c.version, c.root, c.names, c.entries, c.benefits, c.refusal, c.next_due)).encode())
print(digest.hexdigest())
"""


class TestDeterminism:
    """P12: "the digest of (entries, ...) is equal over processes, `PYTHONHASHSEED`, `TZ`, decimal context"."""

    def test_two_processes_agree(self) -> None:
        """Another hash seed, another local zone, another decimal context: the same entries."""
        found = set()
        for seed, zone, digits in (("0", "UTC", "28"), ("7", "Asia/Kolkata", "3")):
            path = os.pathsep.join([str(TESTS), *sys.path])
            env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": path}
            done = subprocess.run(
                [sys.executable, "-c", DIGEST, digits], capture_output=True, text=True, check=True, env=env
            )
            found.add(done.stdout)
        assert len(found) == 1


@contextmanager
def a_sealed_world() -> Iterator[None]:
    """No file, socket, clock or chance can be reached inside."""

    def refused(*args: object, **kwargs: object) -> object:
        raise AssertionError("the decider reached for the world outside")

    with (
        mock.patch.multiple(time, time=refused, time_ns=refused, monotonic=refused),
        mock.patch.multiple(random, random=refused, randint=refused, choice=refused),
        mock.patch.object(builtins, "open", refused),
        mock.patch.object(socket, "socket", refused),
        mock.patch.object(os, "urandom", refused),
    ):
        yield


class TestPurity:
    """P13: "arguments compare and hash as before; no open, socket, ...; `time`, `random` ... patched to raise"."""

    @given(history=histories())
    def test_deciding_touches_nothing(self, history: History) -> None:
        """The state, the event and the history are as before; deciding twice gives equal decisions."""
        program, events = history
        shop = Shop(program)
        for event in events:
            before, known, text = parts_of(shop.state), shop.history(event), repr(event)
            given_history = list(known)
            with a_sealed_world():
                first = program.decide(shop.state, event, history=given_history)
                second = program.decide(shop.state, event, history=given_history)
            assert first == second
            assert parts_of(shop.state) == before
            assert given_history == known
            assert repr(event) == text
            shop.keep(first)


class TestTotality:
    """P14: "any well-typed (state, event, history) returns a Decision or a typed rejection"; nothing else is raised."""

    @given(history=histories(most=10))
    def test_every_event_gets_a_decision(self, history: History) -> None:
        """In any order, also out of time and about unknown things, each event is accepted or refused with a code."""
        program, events = history
        for order in (events, events[::-1]):
            shop = Shop(program)
            for event in order:
                decision = shop.record(event)
                if not decision.accepted:
                    assert isinstance(getattr(decision, "code", None), RejectionCode)

    def test_what_needs_a_history_says_so(self) -> None:
        """Without the history of its purchase, a refund raises and names what to read."""
        program = shop_program(PER_DOLLAR)
        refund = Refund(id="r-1", member=MEMBER, occurred_at=T0, purchase="p-1")
        with pytest.raises(HistoryRequiredError) as caught:
            program.decide(State.of(MEMBER), refund)
        assert caught.value.roots == ("p-1",)

    def test_an_event_of_another_member_is_an_error(self) -> None:
        """A state is of one account."""
        with pytest.raises(InvalidValueError):
            shop_program(PER_DOLLAR).decide(State.of("m-2"), bought("p-1", 100))


class TestRepeats:
    """P16: "The same event k times = once: equal result returned, ... also when the first answer was 'nothing'"."""

    @given(history=histories())
    def test_again_changes_nothing(self, history: History) -> None:
        """Each event sent again, at once and after all others, gets its first answer, marked repeated."""
        program, events = history
        shop = Shop(program)
        for event in events:
            shop.record(event)
            done, state = len(shop.commits), shop.state
            shop.record(event)
            assert shop.state == state or shop.state.version == state.version + 1 == done + 1
        done, state = len(shop.commits), shop.state
        for commit in list(shop.commits):
            answer = shop.record(commit.event)
            assert answer.repeated
            assert answer.commits == (commit,)
        assert (len(shop.commits), shop.state) == (done, state)

    def test_what_was_worth_nothing_stays_so(self) -> None:
        """A purchase worth nothing is worth nothing when it is sent again."""
        shop = Shop(shop_program(PER_DOLLAR)).play(bought("p-1", 99), bought("p-2", 500))
        again = shop.record(bought("p-1", 99))
        assert again.repeated
        assert again.earned(POINTS).total.steps == 0
        assert len(shop.commits) == 2


class TestConflicts:
    """P17: "Same id, other content: conflict error naming the field ... `+02:00` vs UTC ... are the same content"."""

    @given(history=histories())
    def test_other_content_is_a_conflict(self, history: History) -> None:
        """The error names the first field that differs, and nothing is written."""
        program, events = history
        shop = Shop(program).play(*events)
        for commit in shop.commits:
            event = commit.event
            moved = attrs.evolve(event, occurred_at=event.occurred_at + timedelta(microseconds=1))
            with pytest.raises(EventConflictError, match="occurred_at"):
                shop.decide(moved)
        if shop.commits:
            with pytest.raises(EventConflictError, match="type"):
                shop.decide(Enrolment(id=shop.commits[0].event.id, member=MEMBER, occurred_at=T0))


class TestDerivedIds:
    """P18: "Derived ids are injective ...: no caller-chosen event id can equal" one (length-prefixed parts)."""

    @given(first=st.lists(st.text(max_size=4), max_size=4), second=st.lists(st.text(max_size=4), max_size=4))
    def test_other_parts_give_another_id(self, first: list[str], second: list[str]) -> None:
        """Two lists of parts give one id only where they are equal, however their texts run together."""
        assert (due_cause("lot", T0, first) == due_cause("lot", T0, second)) == (first == second)
        assert due_cause("lot", T0, first) != due_cause("grant", T0, first)

    @given(id=ids)
    def test_no_event_takes_a_derived_id(self, id: str) -> None:
        """Derived ids begin with `~`, and no id from outside may."""
        assert due_cause("lot", T0, [id]).startswith("~")
        assert bought(id, 100).id == id
        with pytest.raises(InvalidValueError):
            bought("~" + id, 100)

    @given(history=histories())
    def test_entries_have_ids_of_their_own(self, history: History) -> None:
        """No two entries of an account have one id; an event's own are under its id."""
        program, events = history
        shop = Shop(program).play(*events)
        found = [entry_id(entry) for commit in shop.commits for entry in commit.entries]
        assert len(set(found)) == len(found)
        for commit in shop.commits:
            for entry in commit.entries:
                assert entry.cause == commit.event.id or entry.cause.startswith("~")

    def test_a_member_is_no_system(self) -> None:
        """A member called like a system account has another account."""
        assert Account.member("issued").key != ("system", "issued")


class TestRefusalsStay:
    """P19: "A refused redemption stays refused under its id"; what is not final may be sent again."""

    def test_a_final_refusal_stays(self) -> None:
        """Refused for want of points, it stays refused when the points are there; under a new id it is taken."""
        shop = Shop(shop_program(PER_DOLLAR, rewards=(MUG,)))
        request = Redemption(id="d-1", member=MEMBER, occurred_at=T0, reward="mug")
        assert not shop.record(request).accepted
        shop.record(bought("p-1", 5_000))
        again = shop.record(request)
        assert not again.accepted
        assert again.repeated
        assert shop.record(attrs.evolve(request, id="d-2")).accepted

    def test_what_is_not_yet_may_come_again(self) -> None:
        """A refund that overtakes its purchase is not recorded, and taken once the purchase is there."""
        shop = Shop(shop_program(PER_DOLLAR))
        refund = Refund(id="r-1", member=MEMBER, occurred_at=T0, purchase="p-1")
        early = shop.record(refund)
        assert not early.accepted
        assert early.commits == ()
        shop.record(bought("p-1", 500))
        assert shop.record(refund).accepted

    def test_facts_are_never_refused_for_want_of_balance(self) -> None:
        """A debit by an operator, and a purchase, are taken whatever the balance is."""
        shop = Shop(shop_program(PER_DOLLAR))
        debit = Adjustment(id="j-1", member=MEMBER, occurred_at=T0, amount=POINTS.of(-50), actor="ann", reason="fraud")
        assert shop.record(debit).accepted
        assert shop.record(Purchase(id="p-1", member=MEMBER, occurred_at=T0, lines=())).accepted
