"""What must hold after every event and every history, read from commits and states alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from patronage import Commit, Entry, Lot, Program, State, Transfer, fold
from patronage.ledger import DEBT, REDEEMED, Account


def entries_of(commits: Iterable[Commit]) -> list[Entry]:
    """All entries, in order."""
    return [entry for commit in commits for entry in commit.entries]


def transfers_of(commits: Iterable[Commit]) -> list[Transfer]:
    """All transfers, in order."""
    return [entry for entry in entries_of(commits) if isinstance(entry, Transfer)]


def lots_of(state: State) -> list[Lot]:
    """All lots of a state."""
    return [lot for held in state.lots.values() for lot in held] + list(state.pending)


def balances(commits: Iterable[Commit]) -> dict[str, Counter[Account]]:
    """Per unit, what the transfers add up to on each account."""
    found: dict[str, Counter[Account]] = {}
    for entry in transfers_of(commits):
        accounts = found.setdefault(entry.unit, Counter())
        accounts[entry.payer] -= entry.steps
        accounts[entry.payee] += entry.steps
    return found


def check_state(state: State) -> None:
    """No lot is below zero but a debt, and no debt stands beside a usable lot of its unit and label."""
    held = [lot for lots in state.lots.values() for lot in lots]
    for lot in (*held, *state.pending):
        assert (lot.steps < 0) if lot.source == DEBT else (lot.steps > 0), f"{lot} holds {lot.steps}"
    for debt in (lot for lot in held if lot.source == DEBT):
        beside = [
            lot
            for lot in held
            if lot is not debt and lot.unit == debt.unit and lot.label == debt.label and lot.reserved_for is None
        ]
        assert not beside, f"a debt of {debt.steps} stands beside {beside}"
    for pending in state.pending:
        assert state.clock is not None
        validity = pending.validity
        assert validity.on_confirmation or (validity.available_at is not None and validity.available_at > state.clock)
    identities = Counter(
        (lot.unit, lot.label, lot.validity, lot.source, lot.credited_at, lot.reserved_for) for lot in held
    )
    assert max(identities.values(), default=1) == 1, "one lot stands in two places"


def check_transfers(account: Account, transfers: Iterable[Transfer]) -> None:
    """Each transfer is above zero, its parts sum to it, and what is spent could be spent at that time."""
    for entry in transfers:
        assert entry.steps > 0
        assert account in (entry.payer, entry.payee)
        taken, put = sum(part.steps for part in entry.taken), sum(part.steps for part in entry.put)
        assert taken == (entry.steps if entry.payer == account else 0), f"{entry} takes {taken}"
        assert put == (entry.steps if entry.payee == account else 0), f"{entry} puts {put}"
        for part in (*entry.taken, *entry.put):
            assert part.steps > 0
            assert (part.unit, part.label) == (entry.unit, entry.label)
        if entry.payee == REDEEMED:
            for part in entry.taken:
                validity = part.validity
                assert part.source != DEBT, "a debt was spent"
                assert not validity.on_confirmation
                assert validity.available_at is None or validity.available_at <= entry.at, "spent before its time"
                assert part.reserved_for is not None or validity.expires_at is None or entry.at < validity.expires_at, (
                    "spent at or after its end"
                )


def check_versions(commits: Sequence[Commit]) -> None:
    """Versions are 1 to n, event ids are used once, the commits of a root are numbered from 0."""
    assert [commit.version for commit in commits] == list(range(1, len(commits) + 1))
    assert len({commit.event.id for commit in commits}) == len(commits)
    seen: Counter[str] = Counter()
    for commit in commits:
        assert commit.ordinal == seen[commit.root]
        seen[commit.root] += 1
    ids = Counter((entry.cause, entry.n) for entry in entries_of(commits))
    assert max(ids.values(), default=1) == 1, "two entries have one id"


def check_account(program: Program, state: State, commits: Sequence[Commit]) -> None:
    """A state is the fold of its commits; each unit is conserved, each balance the sum of its entries."""
    check_versions(commits)
    check_transfers(state.account, transfers_of(commits))
    if commits:
        assert fold(commits, calendar=program.calendar) == state, "the fold of the commits is another state"
    held: Counter[str] = Counter()
    for lot in lots_of(state):
        held[lot.unit] += lot.steps
    for unit, accounts in balances(commits).items():
        assert sum(accounts.values()) == 0
        assert accounts[state.account] == held[unit], f"the entries sum to {accounts[state.account]} {unit}"
    for commit in commits:
        assert commit.event.id in commit.names
        assert commit.root in commit.names
        for entry in commit.entries:
            if entry.about.account == commit.account:
                assert entry.about.root in commit.names
