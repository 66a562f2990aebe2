"""Tellers do all at once, and whoever looks meanwhile finds books that add up, and nobody below zero."""

from __future__ import annotations

from collections import Counter

from stores.bank import MEMBERS, OPENING, look, lookers, opened, service, tellers
from stores.databases import Database
from stores.storm import SOAK, all_answers, start

LASTS_S = 30.0 if SOAK else 2.0
TELLERS, THREADS, LOOKERS = 16, 2, 4
DONE = ("given", "redeemed", "bought", "cancelled", "refunded", "paid")


def test_the_books_add_up_at_every_instant(database: Database) -> None:
    """
    Gifts, redemptions, purchases, cancellations, refunds and batches by 32 tellers in 16 processes, among 32 members.

    Four processes read all of it meanwhile, each time at one instant: they never find a wrong total,
    a state that is not the sum of its entries, or a balance below zero. At the end the members hold
    what they had, and what was acknowledged.
    """
    opened(service(database.ledger()))
    running = [start(tellers, database, number, THREADS, LASTS_S) for number in range(TELLERS)]
    running += [start(lookers, database, TELLERS + number, LASTS_S) for number in range(LOOKERS)]
    answers = all_answers(running)
    found: Counter[str] = Counter()
    for one in answers[:TELLERS]:
        found.update(one)
    assert all(found[what] for what in DONE), f"Something was never done: {found}."
    assert all(looks > 0 for looks in answers[TELLERS:]), "Nobody looked while it was stormy."
    assert look(database.engine(), database.known) == len(MEMBERS) * OPENING + found["change"]
