"""Two members who claim each other at once: whatever the order of reading and writing, one of them is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest

from patronage import Program, ReferralPolicy, Rejected, State, Terms, Unit
from patronage.errors import StaleStateError
from patronage.events import ReferralClaimed
from patronage.loyalty import Loyalty
from patronage.policies.referral_parts import ReferralReward
from patronage.stores.memory import MemoryLedger
from patronage.thresholds import GiveCredit

POINTS = Unit("points")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POLICY = ReferralPolicy(name="referral", rewards=[ReferralReward(referrer=[GiveCredit(amount=POINTS.of(100))])])
PROGRAM = Program(id="shop", time_zone="UTC", terms=Terms(units=(POINTS,), policies=(POLICY,)))


def claim(member: str, referrer: str) -> ReferralClaimed:
    """A claim."""
    return ReferralClaimed(id=f"claim-{member}", member=member, occurred_at=NOON, policy="referral", referrer=referrer)


def test_what_was_decided_on_the_same_states_cannot_both_be_stored() -> None:
    """Each claim writes to both accounts: the second to be stored is stale, and refused when it is decided again."""
    ledger = MemoryLedger()
    loyalty = Loyalty(PROGRAM, ledger, clock=lambda: NOON)
    first = PROGRAM.decide(State.of("ann"), claim("ann", "bob"), others=[State.of("bob")]).require()
    second = PROGRAM.decide(State.of("bob"), claim("bob", "ann"), others=[State.of("ann")]).require()
    ledger.append(first.commits)
    with pytest.raises(StaleStateError):
        ledger.append(second.commits)
    again = loyalty.record(claim("bob", "ann"))
    assert isinstance(again, Rejected)
    assert again.refusal.facts["why"] == "refers"


def both_claim() -> list[bool]:
    """Whether each of two claims at once was accepted, in the order in which they were answered."""
    loyalty, barrier, got = Loyalty(PROGRAM, MemoryLedger(), clock=lambda: NOON), Barrier(2), list[bool]()

    def run(member: str, referrer: str) -> None:
        barrier.wait()
        got.append(loyalty.record(claim(member, referrer)).accepted)

    threads = [Thread(target=run, args=pair) for pair in (("ann", "bob"), ("bob", "ann"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_of_two_claims_at_once_one_wins() -> None:
    """Two threads, again and again: one is accepted, one refused."""
    for _ in range(20):
        assert sorted(both_claim()) == [False, True]
