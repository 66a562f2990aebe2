"""`audit` passes every ledger that the program writes, and names the first entry that breaks a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import cache

import attrs
import pytest

from conftest import histories
from loyalty.shop import ANN, BOB, DAY, NOON, POINTS, PROGRAM, Clock, buy, commits_of, opening, redeem, refund, shop
from model.histories import history
from patronage import (
    Account,
    Commit,
    Entry,
    LedgerError,
    Lot,
    Program,
    Refusal,
    RejectionCode,
    Reservation,
    State,
    StatusEnd,
    StatusGrant,
    Transfer,
    Validity,
    fold,
)
from patronage._frozen import FrozenMapping
from patronage.audit import AuditReport, audit
from patronage.ledger import DEBT, ISSUED, REDEEMED, GrantEntry, Source, system
from patronage.loyalty import Loyalty
from patronage.stores.memory import MemoryLedger


def check(commits: Sequence[Commit], program: Program = PROGRAM) -> AuditReport:
    """The report."""
    return audit(commits, calendar=program.calendar)


@cache
def ledger() -> tuple[Commit, ...]:
    """
    A ledger with one of each.

    1 opening, 2 purchase, 3 redemption, 4 refund in part, 5 grant, 6 reservation with a lapse, 7
    refused redemption, 8 nightly (the lapse and the opening's end), 9 purchase, 10 its refund.
    """
    clock, store = Clock(), MemoryLedger()
    loyalty = shop(store, clock)
    loyalty.record(opening("open", 150, expires_at=NOON + 10 * DAY))
    loyalty.record(buy("o-1", "120.00"))
    loyalty.record(redeem("d-1", 100))
    loyalty.record(refund("r-1", "o-1", "20.00"))
    grant = StatusGrant(
        id="g", member="ann", occurred_at=NOON, key="vip", uses=3, until=NOON + 50 * DAY, actor="desk", reason="gift"
    )
    loyalty.record(grant)
    hold = Reservation(
        id="h", member="ann", occurred_at=NOON, reward="pay", amount=POINTS.of(100), lapses_at=NOON + 5 * DAY
    )
    loyalty.record(hold)
    loyalty.record(redeem("d-2", 500))
    clock.at = NOON + 10 * DAY
    list(loyalty.run_due(clock.at))
    loyalty.record(buy("o-2", "30.00", at=clock.at))
    loyalty.record(refund("r-2", "o-2", at=clock.at))
    return tuple(attrs.evolve(commit, after=None) for commit in commits_of(store))


def changed(version: int, /, **fields: object) -> list[Commit]:
    """The ledger with one commit changed."""
    commits = list(ledger())
    commits[version - 1] = attrs.evolve(commits[version - 1], **fields)  # type: ignore[arg-type]
    return commits


def entry(version: int, n: int = 0) -> Entry:
    """An entry of the ledger."""
    return ledger()[version - 1].entries[n]


def transfer(version: int, n: int = 0) -> Transfer:
    """A transfer of the ledger."""
    found = entry(version, n)
    assert isinstance(found, Transfer)
    return found


def with_entry(version: int, n: int, /, **fields: object) -> list[Commit]:
    """The ledger with one entry changed."""
    entries = list(ledger()[version - 1].entries)
    entries[n] = attrs.evolve(entries[n], **fields)  # type: ignore[arg-type]
    return changed(version, entries=tuple(entries))


def lot(like: Lot, **fields: object) -> Lot:
    """A part, changed."""
    return attrs.evolve(like, **fields)  # type: ignore[arg-type]


class TestSound:
    """What the program writes is sound."""

    def test_random_histories_are_sound(self) -> None:
        """Every history that the generator makes passes, lazy or with nightly runs; and per unit nothing is lost."""
        for seed in range(histories() // 5):
            program, events = history(seed)
            store = MemoryLedger()
            clock = Clock()
            loyalty = Loyalty(program, store, clock=clock)
            for n, event in enumerate(events):
                clock.at = max(clock.at, event.occurred_at)
                loyalty.record(event)
                if seed % 2 and n % 5 == 0:
                    assert all(outcome.error is None for outcome in loyalty.run_due(clock.at))
            account = Account.member("m-1")
            report = audit(store.history(account), calendar=program.calendar)
            assert report.commits == len(commits_of(store, account))
            for unit in program.units:
                outside = sum(steps for (_, code), steps in report.passed.items() if code == unit.code)
                assert report.held.get(unit.code, 0) + outside == 0
            holding = loyalty.standing("m-1", clock.at).holdings
            if not store.due(clock.at):
                for held in holding:
                    total = held.available + held.pending + held.reserved
                    assert report.held.get(held.unit.code, 0) == total.steps

    def test_the_report_counts_what_was_read(self) -> None:
        """Accounts, commits, entries; what the accounts hold and what each system account received."""
        store = MemoryLedger()
        loyalty = shop(store)
        loyalty.record(buy("o-1", "120.00"))
        loyalty.record(buy("o-1", "30.00", "bob"))
        loyalty.record(redeem("d-1", 100))
        report = check([*commits_of(store, ANN), *commits_of(store, BOB)])
        assert (report.accounts, report.commits, report.entries) == (2, 3, 3)
        assert dict(report.held) == {"points": 50}
        assert dict(report.passed) == {(ISSUED, "points"): -150, (REDEEMED, "points"): 100}

    def test_nothing_is_sound(self) -> None:
        """No commits, an empty report."""
        assert check([]) == AuditReport(0, 0, 0, FrozenMapping(), FrozenMapping())

    def test_the_ledger_of_these_tests_is_sound(self) -> None:
        """With states beside the commits and without."""
        assert check(ledger()).commits == 10

    def test_commits_are_read_as_a_stream(self) -> None:
        """The first break is told before anything behind it is read."""
        read: list[int] = []

        def stream() -> Iterator[Commit]:
            for commit in changed(2, version=7):
                read.append(commit.version)
                yield commit

        with pytest.raises(LedgerError, match="version 2 of member ann was due"):
            audit(stream(), calendar=PROGRAM.calendar)
        assert read == [1, 7]


_LATER = Validity(available_at=NOON + DAY)
SPENT = "entry 0/d-1 of member ann"
BOUGHT = "entry 0/o-1 of member ann"

BROKEN: dict[str, tuple[Callable[[], list[Commit]], str, str]] = {
    "a commit is missing": (lambda: [c for c in ledger() if c.version != 3], "commit 4", "version 3 .* was due"),
    "a commit is there twice": (lambda: [*ledger()[:3], *ledger()[2:]], "commit 3", "version 4"),
    "the first is not the first": (lambda: list(ledger()[1:]), "commit 2", "version 1"),
    "the event is another's": (
        lambda: changed(2, event=attrs.evolve(ledger()[1].event, member="bob")),
        "commit 2",
        "another member's",
    ),
    "an event id comes again": (
        lambda: changed(9, event=attrs.evolve(ledger()[8].event, id="o-1"), root="o-1"),
        "commit 9",
        "already has a commit for event o-1",
    ),
    "the root is not the event's": (lambda: changed(4, root="r-1"), "commit 4", "its event is about o-1"),
    "an ordinal is left out": (lambda: changed(4, ordinal=2), "commit 4", "number 2 .* 1 was due"),
    "an ordinal comes again": (lambda: changed(10, ordinal=0), "commit 10", "number 0 .* 1 was due"),
    "a name is missing": (lambda: changed(4, names=("r-1",)), "commit 4", "names lack o-1"),
    "a refused event has entries": (
        lambda: changed(3, refusal=Refusal(RejectionCode.BALANCE_TOO_LOW, FrozenMapping())),
        SPENT,
        "was refused",
    ),
    "a refused event has benefits": (
        lambda: changed(7, benefits=ledger()[2].benefits),
        "commit 7",
        "no benefits",
    ),
    "an entry of another event": (lambda: with_entry(2, 0, cause="d-1"), "entry 0/d-1", "its cause is neither"),
    "an entry is left out": (lambda: with_entry(2, 0, n=1), "entry 1/o-1", "number 0 under its cause"),
    "an entry after its event": (lambda: with_entry(2, 0, at=NOON + DAY), BOUGHT, "takes effect after"),
    "an entry of the past comes again": (
        lambda: changed(9, entries=(*ledger()[7].entries[-1:], *ledger()[8].entries), names=("o-2", "open")),
        f"entry 0/{ledger()[7].entries[-1].cause} of member ann",
        "already has an entry of this id",
    ),
    "neither side is the account": (lambda: with_entry(2, 0, payee=BOB), BOUGHT, "neither side"),
    "the other side is a member": (lambda: with_entry(3, 0, payee=BOB), SPENT, "no system account"),
    "no steps": (lambda: with_entry(2, 0, steps=0), BOUGHT, "moves 0 steps"),
    "steps below zero": (lambda: with_entry(2, 0, steps=-120), BOUGHT, "moves -120 steps"),
    "too many steps": (lambda: with_entry(2, 0, steps=2**63), BOUGHT, "moves 9223372036854775808 steps"),
    "a part too much": (lambda: with_entry(3, 0, steps=99), SPENT, "sum to 100, not to 99"),
    "parts on the wrong side": (
        lambda: with_entry(3, 0, taken=(), put=transfer(3).taken),
        SPENT,
        "no parts taken, against its sides",
    ),
    "parts on both sides": (lambda: with_entry(3, 0, put=transfer(3).taken), SPENT, "parts put, against its sides"),
    "a part of another unit": (
        lambda: with_entry(3, 0, taken=(lot(transfer(3).taken[0], unit="USD"),)),
        SPENT,
        "another unit or label",
    ),
    "a part of another label": (
        lambda: with_entry(3, 0, taken=(lot(transfer(3).taken[0], label="x"),)),
        SPENT,
        "another unit or label",
    ),
    "a part below zero": (
        lambda: with_entry(3, 0, taken=(lot(transfer(3).taken[0], steps=101), lot(transfer(3).taken[0], steps=-1))),
        SPENT,
        "is of -1 steps",
    ),
    "a part that is true": (
        lambda: with_entry(3, 0, steps=1, taken=(lot(transfer(3).taken[0], steps=True),)),
        SPENT,
        "is of True steps",
    ),
    "the rules book something else": (lambda: with_entry(2, 0, books=()), BOUGHT, "rules book 0 of 120 steps"),
    "the rules book against the direction": (
        lambda: with_entry(4, 0, books=tuple(attrs.evolve(book, steps=20) for book in transfer(4).books)),
        "entry 0/r-1",
        "rules book 20 of 20 steps",
    ),
    "more is taken than the lot holds": (
        lambda: with_entry(3, 0, steps=151, taken=(lot(transfer(3).taken[0], steps=151),)),
        SPENT,
        "takes 151 steps that no lot holds",
    ),
    "a lot that never was": (
        lambda: with_entry(3, 0, taken=(lot(transfer(3).taken[0], credited_at=NOON - DAY),)),
        SPENT,
        "takes 100 steps that no lot holds",
    ),
    "what is not yet available is spent": (
        lambda: with_entry(3, 0, taken=(lot(transfer(3).taken[0], validity=Validity(available_at=NOON + DAY)),)),
        SPENT,
        "not yet available",
    ),
    "what is not yet available is taken back by another root": (
        lambda: with_entry(4, 0, taken=(lot(transfer(4).taken[0], source=_opening(), validity=_LATER),)),
        "entry 0/r-1",
        "not yet available",
    ),
    "what has ended is spent": (
        lambda: with_entry(3, 0, taken=(lot(transfer(3).taken[0], validity=Validity(expires_at=NOON)),)),
        SPENT,
        "takes what ended at 2025-01-01T12",
    ),
    "what needs a grant is spent without": (
        lambda: with_entry(3, 0, taken=(lot(transfer(3).taken[0], validity=Validity(needs="active")),)),
        SPENT,
        "needs the grant active",
    ),
    "more debt is paid than is owed": (
        lambda: with_entry(2, 0, put=(lot(transfer(2).put[0], source=DEBT, credited_at=None, validity=Validity()),)),
        BOUGHT,
        "pays more than is owed",
    ),
    "a debt beside what could pay it": (
        lambda: with_entry(
            3, 0, taken=(lot(transfer(3).taken[0], source=DEBT, credited_at=None, validity=Validity()),)
        ),
        SPENT,
        "a debt of points beside what could pay it",
    ),
    "a balance beyond 63 bits": (
        lambda: with_entry(
            4,
            0,
            payer=ISSUED,
            payee=ANN,
            taken=(),
            steps=2**63 - 50,
            put=(lot(transfer(2).put[0], steps=2**63 - 50),),
            books=(attrs.evolve(transfer(2).books[0], steps=2**63 - 50),),
        ),
        "entry 0/r-1",
        "63 bits",
    ),
    "less than no uses": (
        lambda: with_entry(5, 0, grant=attrs.evolve(_grant().grant, uses=-1)),
        "entry 0/g",
        "less than no uses",
    ),
    "a grant that is given ended": (
        lambda: with_entry(5, 0, grant=attrs.evolve(_grant().grant, ended=True)),
        "entry 0/g",
        "ended where it should not be",
    ),
    "a wake-up that was never set": (
        lambda: changed(6, entries=ledger()[5].entries[:1]),
        "commit 6",
        "is due next",
    ),
    "a wake-up that ends unset": (
        lambda: [
            *changed(6, entries=ledger()[5].entries[:1], next_due=NOON + 50 * DAY)[:6],
            attrs.evolve(ledger()[7], version=7),
        ],
        "entry 0/~wake",
        "ends a wake-up that is not set",
    ),
    "another next_due": (lambda: changed(2, next_due=NOON + timedelta(days=1)), "commit 2", "is due next, and 2025-"),
    "no next_due": (lambda: changed(2, next_due=None), "commit 2", "states that nothing is due next"),
    "a state without its wake-ups": (
        lambda: changed(6, after=attrs.evolve(_after(6), wake_ups=())),
        "commit 6",
        "state saved with it",
    ),
    "another state": (
        lambda: changed(2, after=attrs.evolve(_after(2), lots=FrozenMapping())),
        "commit 2",
        "state saved with it",
    ),
}


def _opening() -> Source:
    return Source(ANN, "open")


def _grant() -> GrantEntry:
    found = entry(5)
    assert isinstance(found, GrantEntry)
    return found


def _after(version: int) -> State:
    state = fold(ledger()[:version], calendar=PROGRAM.calendar)
    assert state is not None
    return state


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_named(what: str) -> None:
    """One thing is changed in a sound ledger: the error names the first entry or commit that no longer fits."""
    commits, where, message = BROKEN[what]
    with pytest.raises(LedgerError, match=message) as caught:
        check(commits())
    assert caught.value.where.startswith(where)


def test_saved_states_are_the_sums_of_their_entries() -> None:
    """States that come with the commits are compared, each one."""
    assert check([attrs.evolve(commit, after=_after(commit.version)) for commit in ledger()]).commits == 10


def test_an_operators_end_of_a_status_is_sound() -> None:
    """A grant that is revoked is ended."""
    store = MemoryLedger()
    loyalty = shop(store)
    loyalty.record(StatusGrant(id="g", member="ann", occurred_at=NOON, key="vip", actor="desk", reason="gift"))
    loyalty.record(StatusEnd(id="e", member="ann", occurred_at=NOON, key="vip", actor="desk", reason="error"))
    assert check(commits_of(store)).entries == 2


def test_the_other_side_of_a_shared_account_is_a_system_account_too() -> None:
    """A shared account's events may name anyone."""
    account = Account.shared("pool")
    store = MemoryLedger()
    store.append(PROGRAM.decide(State.of(account), buy("o-1", "9.00", "pool")).commits)
    commits = [
        attrs.evolve(commit, event=attrs.evolve(commit.event, member="ann")) for commit in commits_of(store, account)
    ]
    assert dict(check(commits).passed) == {(system("issued"), "points"): -9}
