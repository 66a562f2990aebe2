"""Laws of accounts that become one, part again, and are closed (P50), on drawn histories of several members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import attrs
from hypothesis import event, given
from hypothesis import strategies as st

from between.members import DAY, NOON, POINTS, USD, Members, budget, earning, mug, program_of
from between.referral import Referral
from patronage import (
    Account,
    Cancellation,
    Ceiling,
    Event,
    Life,
    Line,
    Program,
    Purchase,
    Redemption,
    Refund,
    Release,
    Reservation,
)
from patronage.audit import audit
from patronage.events import AccountClosed, Gift, Merge
from patronage.ledger import IN_TRANSIT
from patronage.links import ended_by
from patronage.periods import MONTH
from patronage.rewards import Limit
from patronage.terms_of_time import days
from patronage.transfers import TransferTerms

NAMES: Final = ("ann", "bob", "cid")
ANN, BOB = Account.member("ann"), Account.member("bob")
CAP: Final = 60
OWN: Final = Ceiling(name="own", limit=POINTS.of(CAP), per=MONTH)
LIVES: Final = {"endless": Life(), "a month": Life(expires_after=days(30)), "later": Life(available_after=days(5))}


def program(life: str = "a month") -> Program:
    """A monthly cap, a budget for all, stock, a referrer's part, gifts."""
    limits = (Limit(name="stock", uses=9, shared="mugs"), Limit(name="own", uses=3, per=MONTH))
    return program_of(
        earning(OWN, budget(150), life=LIVES[life]),
        Referral(),
        rewards=[mug(limits=limits)],
        transfers=(TransferTerms(unit="points"),),
    )


@attrs.frozen
class Step:
    """One thing that a member does, after so many days; *pick* chooses what it speaks of."""

    kind: str
    member: int
    days: int
    pick: int
    size: int


def steps_of(*kinds: str, most: int = 18) -> st.SearchStrategy[list[Step]]:
    """Steps of some kinds."""
    return st.lists(
        st.builds(
            Step,
            kind=st.sampled_from(kinds),
            member=st.integers(0, 2),
            days=st.sampled_from([0, 0, 0, 1, 9, 40]),
            pick=st.integers(0, 5),
            size=st.integers(1, 50),
        ),
        max_size=most,
    )


BUYING: Final = ("buy", "buy", "buy", "refund", "redeem", "hold", "release", "cancel", "gift")
steps = steps_of(*BUYING, "merge", "merge", "part", "part", "close", "time", most=22)


class Play:
    """Plays steps on one clock: merges are dated now, as an operator would."""

    def __init__(self, rules: Program, lazy: bool = True) -> None:
        self.members, self.lazy = Members(rules), lazy
        self.at = NOON
        self.told: dict[str, list[Event]] = {name: [] for name in NAMES}

    def take(self, step: Step) -> None:
        """Does one step."""
        name = NAMES[step.member]
        self.at += step.days * DAY
        if step.kind == "time" or not self.lazy:
            for each in NAMES:
                self.members.pass_time(Account.member(each), self.at)
        if step.kind == "time":
            return
        made = self.event(step, name)
        if made is None:
            return
        before = dict(self.members.states)
        decision = self.members.tell(made)
        event(f"{step.kind} {'accepted' if decision.accepted else 'refused'}")
        if not decision.accepted and not decision.commits:
            assert self.members.states == before
        else:
            self.told[name].append(made)
            assert self.members.tell(made).repeated

    def play(self, steps: Iterable[Step]) -> Members:
        """Does them all."""
        for step in steps:
            self.take(step)
        return self.members

    def event(self, step: Step, name: str) -> Event | None:
        """What the step comes to; None where there is nothing to speak of. Members use the same ids."""
        told = self.told[name]
        head: Any = {"id": f"e-{len(told)}", "member": name, "occurred_at": self.at}
        other = NAMES[(step.member + 1 + step.pick % 2) % 3]
        match step.kind:
            case "buy":
                return Purchase(**head, lines=(Line(total=USD.of(step.size)),), attributes={"referrer": other})
            case "redeem":
                return Redemption(**head, reward="mug", times=1 + step.pick % 2)
            case "hold":
                lapses = self.at + timedelta(days=1 + step.pick)
                return Reservation(**head, reward="mug", lapses_at=lapses if step.size % 3 else None)
            case "gift":
                return Gift(**head, to=other, amount=POINTS.of(step.size))
            case "merge":
                return Merge(**head, into=other, actor="op", reason="same")
            case "close":
                return AccountClosed(**head, actor="op", reason="asked") if step.size > 40 else None
        kinds: Mapping[str, tuple[type, ...]] = {
            "refund": (Purchase,),
            "release": (Reservation,),
            "cancel": (Purchase, Redemption, Reservation, Gift),
            "part": (Merge, AccountClosed),
        }
        roots = [each for each in told if isinstance(each, kinds[step.kind])]
        if not roots:
            return None
        root = roots[-1 - step.pick % len(roots)].id
        if step.kind == "refund":
            return Refund(**head, purchase=root, total=None if step.size > 30 else USD.of(step.size))
        if step.kind == "release":
            return Release(**head, reservation=root)
        return Cancellation(**head, undoes=root)


def holdings(members: Members) -> dict[Account, tuple[Any, ...]]:
    """What each account holds, apart from what says what became of it."""
    found = {}
    for account, state in members.states.items():
        grants = tuple(grant for grant in state.grants if grant.giver != "~link")
        found[account] = (dict(state.lots), state.pending, grants, state.wake_ups)
    return found


def sums(members: Members) -> dict[tuple[str, str | None], int]:
    """What all accounts hold together, by unit and label."""
    found: dict[tuple[str, str | None], int] = {}
    for state in members.states.values():
        for lot in (*(lot for lots in state.lots.values() for lot in lots), *state.pending):
            key = (lot.unit, lot.label)
            found[key] = found.get(key, 0) + lot.steps
    return {key: n for key, n in found.items() if n}


def merge(id: str = "mg", at: Any = None, member: str = "ann", into: str = "bob") -> Merge:
    """An operator's merge."""
    return Merge(id=id, member=member, occurred_at=at or NOON, into=into, actor="op", reason="same")


class TestConservation:
    """P50: a merge conserves every unit, keeps lots, and leaves the old id refusing new entries."""

    @given(steps=steps, life=st.sampled_from(sorted(LIVES)))
    def test_histories_with_merges_are_sound(self, steps: list[Step], life: str) -> None:
        """Every unit sums to nothing, states are the fold, nothing stays in transit, each event is answered once."""
        members = Play(program(life)).play(steps)
        report = audit(members.history(), calendar=members.program.calendar, whole=True)
        for unit in {*report.held, *(unit for _, unit in report.passed)}:
            assert report.held.get(unit, 0) + sum(n for (_, each), n in report.passed.items() if each == unit) == 0
        assert all(account != IN_TRANSIT for account, _ in report.passed)

    @given(steps=steps_of(*BUYING, "time"), life=st.sampled_from(sorted(LIVES)))
    def test_all_goes_to_the_survivor(self, steps: list[Step], life: str) -> None:
        """What both had, the survivor has, by unit and label; lots with a source stay the lots that they were."""
        play = Play(program(life))
        members = play.play(steps)
        for account in (ANN, BOB):
            members.pass_time(account, play.at)
        before = sums(members)
        lots = [lot for account in (ANN, BOB) for held in members.state(account).lots.values() for lot in held]
        owing = {(lot.unit, lot.label) for lot in lots if lot.is_debt}
        mine = [lot for lot in lots if lot.steps > 0 and lot.reserved_for is None]
        members.tell(merge(at=play.at)).require()
        assert sums(members) == before
        old = members.state(ANN)
        assert not any(old.lots.values()) and not old.pending and not old.wake_ups
        assert [grant.key for grant in old.grants] == ["merged into"]
        there = members.state(BOB).lots
        for lot in mine:
            if lot.source is not None and (lot.unit, lot.label) not in owing:
                assert any(attrs.evolve(lot, steps=one.steps) == one for one in there[lot.unit])

    @given(steps=steps_of(*BUYING), more=steps_of(*BUYING, "time"))
    def test_the_old_account_gets_no_entries_any_more(self, steps: list[Step], more: list[Step]) -> None:
        """Whatever is sent for it is answered by the survivor."""
        play = Play(program())
        play.play(steps)
        play.members.tell(merge(at=play.at)).require()
        count = len(play.members.commits[ANN])
        members = play.play(more)
        assert all(not commit.entries for commit in members.commits[ANN][count:])
        assert not members.state(ANN).lots


class TestTheSurvivorAnswers:
    """Events and reversals for the old id are answered by the survivor under the old derived ids."""

    @given(
        steps=steps_of("buy", "buy", "redeem", "hold", "gift", most=8),
        parts=st.lists(st.integers(1, 20), min_size=1, max_size=3),
        life=st.sampled_from(sorted(LIVES)),
    )
    def test_a_refund_after_the_merge_is_the_refund_before_it(
        self, steps: list[Step], parts: list[int], life: str
    ) -> None:
        """The survivor ends with the same balance, whatever came first: to the lot where nothing is owed."""
        ends = []
        for first in (True, False):
            play = Play(program(life))
            members = play.play([Step("buy", 0, 0, 0, 50), *steps])
            merging = merge(at=play.at)
            backs = [
                Refund(id=f"f-{n}", member="ann", occurred_at=play.at, purchase="e-0", total=USD.of(part))
                for n, part in enumerate(parts)
            ]
            told: list[Event] = [*backs, merging] if first else [merging, *backs]
            for each in told:
                members.tell(each)
            ends.append(sums(members))
            assert not any(lot.steps for lots in members.state(ANN).lots.values() for lot in lots)
        assert ends[0] == ends[1]

    @given(steps=steps_of(*BUYING, most=10), dollars=st.integers(1, 50))
    def test_a_purchase_and_its_return_leave_no_gain(self, steps: list[Step], dollars: int) -> None:
        """Bought for the old id, returned for the old id: as if it had not been."""
        play = Play(program())
        members = play.play(steps)
        members.tell(merge(at=play.at)).require()
        before = sums(members)
        bought = Purchase(id="x", member="ann", occurred_at=play.at, lines=(Line(total=USD.of(dollars)),))
        first = members.tell(bought).require()
        assert first.earned(POINTS).total.steps <= dollars
        assert members.tell(bought).require().earned(POINTS) == first.earned(POINTS)
        members.tell(Refund(id="y", member="ann", occurred_at=play.at, purchase="x")).require()
        assert sums(members) == before

    @given(left=st.integers(1, 90), right=st.integers(1, 90), more=st.integers(1, 90))
    def test_a_count_above_the_cap_gives_nothing(self, left: int, right: int, more: int) -> None:
        """What both have used adds up; above the cap nothing is given, and nothing is taken."""
        members = Members(program())
        for name, dollars in (("ann", left), ("bob", right)):
            members.tell(Purchase(id="o", member=name, occurred_at=NOON, lines=(Line(total=USD.of(dollars)),)))
        members.tell(merge(at=NOON + DAY)).require()
        used = min(left, CAP) + min(right, CAP)
        lines = (Line(total=USD.of(more)),)
        decision = members.tell(Purchase(id="p", member="ann", occurred_at=NOON + DAY, lines=lines)).require()
        assert decision.earned(POINTS).total.steps == min(max(0, CAP - used), more)


class TestPartingAgain:
    """Unmerge transfers back what is left."""

    @given(steps=steps_of(*BUYING, "time"), life=st.sampled_from(sorted(LIVES)))
    def test_at_once_all_is_as_it_was(self, steps: list[Step], life: str) -> None:
        """Lots, what is pending or held, rights, wake-ups: of both."""
        play = Play(program(life))
        members = play.play(steps)
        for account in (ANN, BOB):
            members.pass_time(account, play.at)
        before = holdings(members)
        members.tell(merge(at=play.at)).require()
        members.tell(Cancellation(id="um", member="ann", occurred_at=play.at, undoes="mg")).require()
        after = holdings(members)
        for account in (ANN, BOB):
            assert after[account] == before.get(account, ({}, (), (), ()))

    @given(steps=steps_of(*BUYING), between=steps_of(*BUYING, "time"), later=steps_of(*BUYING, "time"))
    def test_what_is_left_goes_back_and_life_goes_on(
        self, steps: list[Step], between: list[Step], later: list[Step]
    ) -> None:
        """No unit is lost or made by it, and refunds of all that was bought before, while and after are answered."""
        play = Play(program())
        members = play.play(steps)
        members.tell(merge(at=play.at)).require()
        play.play(between)
        for account in (ANN, BOB):
            members.pass_time(account, play.at)
        before = sums(members)
        members.tell(Cancellation(id="um", member="ann", occurred_at=play.at, undoes="mg")).require()
        assert sums(members) == before
        assert ended_by(members.state(ANN).grants) is None
        play.play(later)
        audit(members.history(), calendar=members.program.calendar, whole=True)


class TestTime:
    """Lazy and eager time agree."""

    @given(steps=steps, life=st.sampled_from(sorted(LIVES)))
    def test_lazy_is_eager(self, steps: list[Step], life: str) -> None:
        """Run every night or never: accounts hold the same."""
        ends = []
        for lazy in (True, False):
            play = Play(program(life), lazy=lazy)
            members = play.play(steps)
            for name in NAMES:
                members.pass_time(Account.member(name), play.at + 90 * DAY)
            ends.append(holdings(members))
        for account in (Account.member(name) for name in NAMES):
            assert ends[0].get(account) == ends[1].get(account)


class TestClosing:
    """A closed account holds nothing that can be spent, and earns nothing."""

    @given(steps=steps_of(*BUYING, "time"), more=steps_of(*BUYING, "time"))
    def test_nothing_is_left_or_earned(self, steps: list[Step], more: list[Step]) -> None:
        """Points, what is pending and held are gone; what comes later goes at once."""
        play = Play(program())
        members = play.play(steps)
        members.tell(AccountClosed(id="cl", member="ann", occurred_at=play.at, actor="op", reason="asked")).require()
        for step in more:
            play.take(step)
            state = members.state(ANN)
            assert all(lot.steps < 0 for lot in state.lots.get("points", ()))
            assert not [lot for lot in state.pending if lot.unit == "points"]
        audit(members.history(), calendar=members.program.calendar, whole=True)
