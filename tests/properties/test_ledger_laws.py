"""What commits and states of any short history keep."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.checks import balances, check_account, check_state, entries_of, lots_of, transfers_of
from model.histories import MEMBER, PAY, PER_DOLLAR, POINTS
from model.shop import Shop
from patronage import Adjustment, AmountOverflowError, Event, Lot, Program, Redemption, fold
from patronage.ledger import DEBT, EXPIRED, FORGIVEN, ISSUED, REDEEMED
from patronage.units import STEPS_LIMIT
from properties.strategies import T0, histories, shop_program

History = tuple[Program, list[Event]]


class TestConservation:
    """P1: "per unit, the sum over all accounts (member, issued, redeemed, expired, ...) is 0 after every entry"."""

    @given(history=histories())
    def test_every_unit_is_conserved(self, history: History) -> None:
        """What the member holds is what was issued, less what was redeemed, expired or taken back."""
        program, events = history
        shop = Shop(program).play(*events)
        held: Counter[str] = Counter()
        for lot in lots_of(shop.state):
            held[lot.unit] += lot.steps
        for unit, accounts in balances(shop.commits).items():
            assert sum(accounts.values()) == 0
            assert sum(steps for account, steps in accounts.items() if account != shop.state.account) == -held[unit]


class TestBalances:
    """P2: "Balance = sum of transfers = sum of open lots minus debt = the stored State's figure, at every instant"."""

    @given(history=histories())
    def test_the_standing_is_the_sum_of_the_entries(self, history: History) -> None:
        """After each event the standing's figures add up to the entries."""
        program, events = history
        shop = Shop(program)
        for event in events:
            shop.record(event)
            if shop.state.clock is None:
                continue
            standing = program.at(shop.state, shop.state.clock)
            for unit in program.units:
                holding = standing[unit]
                total = holding.available + holding.pending + holding.reserved
                assert total.steps == balances(shop.commits).get(unit.code, Counter())[shop.state.account]
                assert holding.debt.steps == -sum(
                    lot.steps for lot in lots_of(shop.state) if lot.is_debt and lot.unit == unit.code
                )


class TestAppendOnly:
    """P3: "Append-only: the entries after n events are a prefix of those after n+1"."""

    @given(history=histories())
    def test_earlier_commits_stay(self, history: History) -> None:
        """No event changes a commit that is there."""
        program, events = history
        shop = Shop(program)
        for event in events:
            before = list(shop.commits)
            shop.record(event)
            assert shop.commits[: len(before)] == before


class TestVersions:
    """P4: "Versions of a member are 1..n without gap or repeat; each commit names exactly one event"."""

    @given(history=histories())
    def test_versions_count_the_commits(self, history: History) -> None:
        """Versions and ordinals run without gap; a state's version is the last one's."""
        program, events = history
        shop = Shop(program).play(*events)
        check_account(program, shop.state, shop.commits)
        assert shop.state.version == len(shop.commits)


class TestLots:
    """P6: "0 <= remaining(lot) <= issued(lot), always; consumption of a lot never exceeds its issue". P7, P10, P11."""

    @given(history=histories())
    def test_no_lot_gives_more_than_it_got(self, history: History) -> None:
        """P6: replayed part by part, what is taken of a lot never exceeds what was put into it."""
        program, events = history
        shop = Shop(program)
        held: Counter[Lot] = Counter()
        for event in events:
            done = len(shop.commits)
            shop.record(event)
            check_state(shop.state)
            for entry in transfers_of(shop.commits[done:]):
                for part in entry.taken:
                    held[identity(part)] -= part.steps
                    assert part.source == DEBT or held[identity(part)] >= 0
                for part in entry.put:
                    held[identity(part)] += part.steps
        left = {lot: steps for lot, steps in held.items() if steps}
        assert left == {identity(lot): lot.steps for lot in lots_of(shop.state)}

    @given(history=histories())
    def test_debits_name_usable_lots(self, history: History) -> None:
        """P7: every debit names lots with `available_at <= t < expires_at`, or is debt or reversal."""
        program, events = history
        shop = Shop(program).play(*events)
        for entry in transfers_of(shop.commits):
            if entry.payer != shop.state.account or entry.payee == shop.state.account:
                continue
            assert sum(part.steps for part in entry.taken) == entry.steps
            for part in entry.taken:
                usable = part.validity.expires_at is None or entry.at < part.validity.expires_at
                if entry.payee == REDEEMED:
                    assert part.source != DEBT
                    assert usable or part.reserved_for is not None
                elif entry.payee == EXPIRED:
                    assert not usable
                else:
                    assert usable or part.source == DEBT or part.reserved_for is not None

    @given(history=histories())
    def test_debt_is_explicit_and_never_beside_points(self, history: History) -> None:
        """P11: negative available is one debt lot a unit and label, and a credit pays it before it forms a lot."""
        program, events = history
        shop = Shop(program)
        for event in events:
            shop.record(event)
            check_state(shop.state)
            debts = Counter((lot.unit, lot.label) for lot in lots_of(shop.state) if lot.is_debt)
            assert max(debts.values(), default=1) == 1
        for entry in transfers_of(shop.commits):
            if entry.payee == shop.state.account and entry.payer in (ISSUED, FORGIVEN) and len(entry.put) > 1:
                assert entry.put[0].source == DEBT

    def test_a_running_balance_stays_in_range(self) -> None:
        """P10: a balance that would reach 2**63 steps is refused with AmountOverflowError."""
        program = shop_program(PER_DOLLAR)
        shop = Shop(program)
        first, second = (
            Adjustment(
                id=name, member=MEMBER, occurred_at=T0, amount=POINTS.of(STEPS_LIMIT - 1), actor="ann", reason="x"
            )
            for name in ("j-1", "j-2")
        )
        shop.record(first)
        with pytest.raises(AmountOverflowError):
            shop.record(second)


class TestSpendingOrder:
    """P8: "The lots consumed are the ones a 10-line reference picker chooses (earliest expiry, oldest, ...)"."""

    @given(history=histories())
    def test_a_redemption_takes_what_the_picker_picks(self, history: History) -> None:
        """Earliest end, then the oldest, then in the order of names; endless last."""
        program, events = history
        shop = Shop(program)
        for event in events:
            if shop.state.clock is not None and event.occurred_at >= shop.state.clock:
                shop.advance(event.occurred_at)
            before, done = shop.state, len(shop.commits)
            shop.record(event)
            for entry in transfers_of(shop.commits[done:]):
                if entry.payee == REDEEMED and entry.reason.code == "redeemed":
                    left, picked = entry.steps, []
                    for lot in sorted(before.lots[entry.unit], key=picking):
                        if left and lot.reserved_for is None and lot.label == entry.label:
                            picked.append((identity(lot), min(left, lot.steps)))
                            left -= picked[-1][1]
                    assert [(identity(part), part.steps) for part in entry.taken] == picked

    @given(
        ends=st.lists(st.integers(1, 60), min_size=2, max_size=6),
        sizes=st.lists(st.integers(1, 20), min_size=6, max_size=6),
        spent=st.integers(1, 12),
    )
    def test_points_are_spent_as_they_end(self, ends: list[int], sizes: list[int], spent: int) -> None:
        """Of points with different ends, those that end first are spent first, to the last step."""
        shop = Shop(shop_program(PER_DOLLAR, rewards=(PAY,)))
        for n, days in enumerate(ends):
            until, amount = T0 + timedelta(days=days), POINTS.of(sizes[n])
            shop.record(
                Adjustment(
                    id=f"j-{n}",
                    member=MEMBER,
                    occurred_at=T0,
                    amount=amount,
                    actor="ann",
                    reason="gift",
                    expires_at=until,
                )
            )
        before = sorted((days, f"j-{n}", size) for n, (days, size) in enumerate(zip(ends, sizes, strict=False)))
        request = Redemption(id="d-1", member=MEMBER, occurred_at=T0, reward="pay", amount=POINTS.of(5 * spent))
        decision = shop.record(request)
        assert decision.accepted is (sum(size for _, _, size in before) >= 5 * spent)
        left = 5 * spent if decision.accepted else 0
        expected = {}
        for _, name, size in before:
            taken = min(left, size)
            left -= taken
            if size > taken:
                expected[name] = size - taken
        held = shop.state.lots.get("points", ())
        assert {lot.source.root: lot.steps for lot in held if lot.source is not None} == expected


class TestFold:
    """P15: "fold(entries) = incrementally kept State ...; a snapshot plus its tail = full fold"."""

    @given(history=histories())
    def test_a_snapshot_and_its_tail_are_the_whole(self, history: History) -> None:
        """From any commit on, the fold of the rest gives the same state."""
        program, events = history
        shop = Shop(program)
        snapshots = [(shop.state, 0)]
        for event in events:
            shop.record(event)
            snapshots.append((shop.state, len(shop.commits)))
        for state, done in snapshots:
            assert fold(shop.commits[done:], calendar=program.calendar, start=state) == shop.state
        for commit in shop.commits:
            assert commit.next_due == getattr(commit.after, "next_due", "none")
        assert len(entries_of(shop.commits)) == sum(len(commit.entries) for commit in shop.commits)


def identity(lot: Lot) -> Lot:
    """What a lot is, apart from how much it holds."""
    return Lot(lot.unit, 1, lot.label, lot.validity, lot.source, lot.credited_at, lot.reserved_for)


def picking(lot: Lot) -> tuple[object, ...]:
    """The order of spending, in ten lines less."""
    far = T0 + timedelta(days=100_000)
    ends, age = lot.validity.expires_at or far, lot.credited_at or far
    available = lot.validity.available_at
    return (
        ends,
        age,
        "" if available is None else available.isoformat(),
        "" if lot.source is None else lot.source.root,
    )
