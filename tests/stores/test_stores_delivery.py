"""Histories that come shuffled and doubled, to two services over one database: what is stored is what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import attrs

from loyalty.shop import Clock
from model.histories import MEMBER
from model.lateness import Delivery, answers, delivered, same
from patronage import Account, Commit, RejectedError
from patronage.errors import RerateError
from patronage.loyalty import Loyalty
from patronage.stores.audit import audit_ledger
from stores.databases import Database
from stores.storm import SOAK

HISTORIES = 5_000 if SOAK else 12  # `tests/model/test_lateness.py` holds many more of them to arrival in order.
ACCOUNT = Account.member(MEMBER)


def bare(commits: Sequence[Commit]) -> list[Commit]:
    """Commits without what only a service writes on them."""
    return [attrs.evolve(commit, fingerprint=None, terms_digest=None, recorded_at=None) for commit in commits]


def test_any_delivery_is_stored_as_it_is_decided(database: Database) -> None:
    """
    The ledger has, commit for commit, what the decider alone makes of the same delivery, in memory.

    That is, after `rerate`, what arrival in order comes to, unless one of the documented answers
    stands: a refusal, or what had left the program. Sent a third time, an event is known.
    """
    engines = database.engine(), database.engine()
    in_order = 0
    for seed in range(HISTORIES):
        delivery, program = Delivery(seed), f"seed-{seed}"
        end = max(event.occurred_at for event in delivery.events)
        ledgers = [database.ledger(engine, program) for engine in engines]
        services = [Loyalty(delivery.program, ledger, clock=Clock(end)) for ledger in ledgers]
        arriving, late = delivered(delivery.events, Random(seed)), list(delivery.late)
        for n, event in enumerate(arriving):
            first, second = services[n % 2], services[(n + 1) % 2]
            decision = first.record(event)
            again = second.record(event)
            assert again.repeated == bool(decision.commits)
            assert again.commits == decision.commits
        if delivery.shop.commits:
            try:
                services[0].rerate(MEMBER, late)
            except (RejectedError, RerateError):
                assert isinstance(delivery.done, str)
        stored = list(ledgers[1].history(ACCOUNT))
        assert bare(stored) == bare(delivery.shop.commits), f"Of delivery {seed} something else is stored."
        known = [commit.event for commit in stored if commit.event.id[0] != "~"]
        assert all(services[1].record(event).repeated for event in known[:9])
        assert list(ledgers[1].history(ACCOUNT)) == stored
        audit_ledger(ledgers[0], program, calendar=delivery.program.calendar)
        if not isinstance(delivery.done, str) and answers(delivery.shop) == answers(delivery.in_order):
            assert same(delivery.shop, delivery.in_order)
            in_order += 1
    assert in_order > HISTORIES // 4, "Many of them come to arrival in order."
