"""Laws of decisions over several accounts, on drawn histories of several members in any order."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs
from hypothesis import event, given
from hypothesis import strategies as st

from between.members import A_YEAR, DAY, NOON, POINTS, USD, Members, budget, earning, mug, program_of
from between.referral import Referral
from patronage import (
    Account,
    Cancellation,
    Ceiling,
    Commit,
    Event,
    Line,
    Program,
    Purchase,
    Redemption,
    Refund,
    Release,
    Reservation,
    Transfer,
)
from patronage.audit import audit
from patronage.events import Gift
from patronage.ledger import IN_TRANSIT
from patronage.periods import MONTH, WEEK
from patronage.rewards import Limit
from patronage.transfers import TransferTerms

NAMES: Final = ("ann", "bob", "cid")
LIMIT: Final = 60
STOCK: Final = 3
GIFTS: Final = TransferTerms(
    unit="points",
    given=(Ceiling(name="weekly", limit=POINTS.of(25), per=WEEK),),
    received=(Ceiling(name="weekly", limit=POINTS.of(25), per=WEEK),),
)


def program(slices: int, room_back: bool, whole: bool) -> Program:
    """A monthly budget, stock, uses by member, a referrer's part, gifts."""
    ceiling = budget(LIMIT, per=MONTH, slices=slices, room_back=room_back, whole=whole)
    limits = (Limit(name="stock", uses=STOCK, shared="mugs"), Limit(name="own", uses=2, per=MONTH))
    return program_of(
        earning(ceiling, life=A_YEAR),
        Referral(),
        rewards=[mug(limits=limits)],
        transfers=(GIFTS,),
    )


@attrs.frozen
class Step:
    """One thing that a member does, after so many days of their own; *pick* chooses what it speaks of."""

    kind: str
    member: int
    days: int
    pick: int
    size: int


steps = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(
            ["buy", "buy", "buy", "refund", "redeem", "hold", "release", "cancel", "gift", "time", "again"]
        ),
        member=st.integers(0, 2),
        days=st.sampled_from([0, 0, 0, 1, 9, 40]),
        pick=st.integers(0, 5),
        size=st.integers(1, 50),
    ),
    max_size=18,
)


class Play:
    """Plays steps: each member has a clock of their own, so that shared accounts see events in any order."""

    def __init__(self, rules: Program) -> None:
        self.members = Members(rules)
        self.at = dict.fromkeys(NAMES, NOON)
        self.told: dict[str, list[Event]] = {name: [] for name in NAMES}
        self.count = 0

    def take(self, step: Step) -> None:
        """Does one step."""
        name = NAMES[step.member]
        self.at[name] += step.days * DAY
        if step.kind == "time":
            self.members.pass_time(Account.member(name), self.at[name])
            return
        made = self.again(step, name) if step.kind == "again" else self.event(step, name)
        if made is None:
            return
        before = dict(self.members.states)
        decision = self.members.tell(made)
        event(f"{step.kind} {'repeated' if decision.repeated else 'accepted' if decision.accepted else 'refused'}")
        if decision.repeated or (not decision.accepted and not decision.commits):
            assert self.members.states == before
        elif made not in self.told[name]:
            self.told[name].append(made)

    def again(self, step: Step, name: str) -> Event | None:
        """An event that was told before."""
        told = self.told[name]
        return told[step.pick % len(told)] if told else None

    def event(self, step: Step, name: str) -> Event | None:
        """What the step comes to; None where there is nothing to speak of. Members use the same ids."""
        told = self.told[name]
        head = {"id": f"e-{len(told)}", "member": name, "occurred_at": self.at[name]}
        other = NAMES[(step.member + 1 + step.pick % 2) % 3]
        match step.kind:
            case "buy":
                lines = (Line(total=USD.of(step.size)),)
                return Purchase(**head, lines=lines, attributes={"referrer": other})  # type: ignore[arg-type]
            case "redeem":
                return Redemption(**head, reward="mug", times=1 + step.pick % 2)  # type: ignore[arg-type]
            case "hold":
                lapses = self.at[name] + timedelta(days=1 + step.pick)
                return Reservation(**head, reward="mug", lapses_at=lapses)  # type: ignore[arg-type]
            case "gift":
                return Gift(**head, to=other, amount=POINTS.of(step.size))  # type: ignore[arg-type]
        kinds: dict[str, tuple[type, ...]] = {
            "refund": (Purchase,),
            "release": (Reservation,),
            "cancel": (Purchase, Redemption, Reservation, Gift),
        }
        roots = [each for each in told if isinstance(each, kinds[step.kind])]
        if not roots:
            return None
        root = roots[step.pick % len(roots)].id
        if step.kind == "refund":
            total = None if step.size > 30 else USD.of(step.size)
            return Refund(**head, purchase=root, total=total)  # type: ignore[arg-type]
        if step.kind == "release":
            return Release(**head, reservation=root)  # type: ignore[arg-type]
        return Cancellation(**head, undoes=root)  # type: ignore[arg-type]


def used(members: Members, tally: str) -> dict[tuple[Account, str | None], int]:
    """What has been counted, by account and period."""
    found: dict[tuple[Account, str | None], int] = {}
    for account, state in members.states.items():
        for lot in state.lots.get(tally, ()):
            key = (account, lot.label)
            found[key] = found.get(key, 0) + lot.steps
    return found


def booked(commits: list[Commit], tally: str) -> dict[tuple[Account, str | None], int]:
    """What has been booked of a tally over all time, by account and period: what expired has been used too."""
    found: dict[tuple[Account, str | None], int] = {}
    for commit in commits:
        for entry in commit.entries:
            if isinstance(entry, Transfer) and entry.unit == tally:
                key = (commit.account, entry.label)
                found[key] = found.get(key, 0) + sum(book.steps for book in entry.books)
    return found


class TestCapsAndStock:
    """P46: a cap, stock or limit is never passed, under any order, refund-and-rebuy, several members interleaved."""

    @given(steps=steps, slices=st.integers(1, 3), room_back=st.booleans(), whole=st.booleans())
    def test_nothing_is_passed(self, steps: list[Step], slices: int, room_back: bool, whole: bool) -> None:
        """After every step: the budget of each month and slice, the stock, and each member's own limits."""
        play = Play(program(slices, room_back, whole))
        for step in steps:
            play.take(step)
            commits = play.members.history()
            for sum_of in (used(play.members, "base.budget"), booked(commits, "base.budget")):
                months: dict[str | None, int] = {}
                for (_, month), n in sum_of.items():
                    assert n >= 0
                    months[month] = months.get(month, 0) + n
                assert all(n <= LIMIT for n in months.values())
            assert all(0 <= n <= STOCK for n in booked(commits, "reward.mug.stock").values())
            assert all(0 <= n <= 2 for n in booked(commits, "reward.mug.own").values())
            for side in ("given", "received"):
                assert all(0 <= n <= 25 for n in booked(commits, f"{side}.points.weekly").values())

    @given(steps=steps)
    def test_what_is_granted_is_what_the_budget_counted(self, steps: list[Step]) -> None:
        """The points that members have from the rule are the use that is booked: nothing is counted twice or lost."""
        play = Play(program(1, True, False))
        for step in steps:
            play.take(step)
        commits = play.members.history()
        granted = sum(
            book.steps
            for commit in commits
            for entry in commit.entries
            if isinstance(entry, Transfer) and entry.policy == "base" and entry.unit == "points"
            for book in entry.books
        )
        assert granted == sum(booked(commits, "base.budget").values())


class TestConservation:
    """P1 and P4: every unit sums to nothing over all accounts; states are the fold of their commits."""

    @given(steps=steps)
    def test_all_accounts_together(self, steps: list[Step]) -> None:
        """Members, shared and system accounts; in transit there is nothing."""
        play = Play(program(2, True, False))
        for step in steps:
            play.take(step)
        report = audit(play.members.history(), calendar=play.members.program.calendar, whole=True)
        for unit in {*report.held, *(unit for _, unit in report.passed)}:
            passed = sum(n for (_, each), n in report.passed.items() if each == unit)
            assert report.held.get(unit, 0) + passed == 0
        assert all(account != IN_TRANSIT for account, _ in report.passed)

    @given(steps=steps)
    def test_the_same_events_give_the_same_commits(self, steps: list[Step]) -> None:
        """Decided again from nothing: commit for commit the same, ids too."""
        first, second = Play(program(2, True, False)), Play(program(2, True, False))
        for step in steps:
            first.take(step)
            second.take(step)
        assert first.members.commits == second.members.commits

    @given(steps=steps)
    def test_derived_ids_never_meet(self, steps: list[Step]) -> None:
        """P18: no two events on one account have one id, and those from outside begin otherwise."""
        play = Play(program(2, True, False))
        for step in steps:
            play.take(step)
        for account, commits in play.members.commits.items():
            ids = [commit.event.id for commit in commits]
            assert len(set(ids)) == len(ids)
            told = {each.id for each in play.told.get(account.id, ())}
            assert all(id.startswith("~") or id in told for id in ids)


parts = st.lists(st.integers(1, 40), min_size=1, max_size=5)


class TestPartsAndWhole:
    """P26: refunds in parts are the refund in whole, also for shared ceilings and follow-ups."""

    @given(parts=parts, first=st.integers(0, 80), room_back=st.booleans())
    def test_in_parts_or_at_once(self, parts: list[int], first: int, room_back: bool) -> None:
        """The member, the budget and the referrer stand alike; another member used a part of the budget before."""
        total = sum(parts) + 10
        ends = []
        for returns in (parts, [sum(parts)]):
            members = Members(program(1, room_back, False))
            if first:
                lines = (Line(total=USD.of(first)),)
                members.tell(Purchase(id="o", member="cid", occurred_at=NOON, lines=lines))
            bought = (Line(total=USD.of(total)),)
            told = {"referrer": "ann"}
            members.tell(Purchase(id="o", member="bob", occurred_at=NOON, lines=bought, attributes=told))
            for n, part in enumerate(returns):
                back = Refund(id=f"f-{n}", member="bob", occurred_at=NOON, purchase="o", total=USD.of(part))
                assert members.tell(back).accepted
            ends.append({account: state.lots for account, state in members.states.items() if state.lots})
        assert ends[0] == ends[1]

    @given(parts=parts, first=st.integers(0, 80))
    def test_all_back_leaves_nothing(self, parts: list[int], first: int) -> None:
        """A purchase and its full refund leave no gain with the member, the referrer or the budget."""
        members = Members(program(1, True, False))
        if first:
            members.tell(Purchase(id="o", member="cid", occurred_at=NOON, lines=(Line(total=USD.of(first)),)))
        before = {account: state.lots for account, state in members.states.items()}
        bought = (Line(total=USD.of(sum(parts))),)
        members.tell(Purchase(id="o", member="bob", occurred_at=NOON, lines=bought, attributes={"referrer": "ann"}))
        for n, part in enumerate(parts):
            members.tell(Refund(id=f"f-{n}", member="bob", occurred_at=NOON, purchase="o", total=USD.of(part)))
        after = {account: state.lots for account, state in members.states.items() if state.lots}
        assert after == {account: lots for account, lots in before.items() if lots}


class TestGiftsComeBack:
    """A gift that is cancelled at once changes nothing."""

    @given(points=st.lists(st.integers(1, 30), min_size=1, max_size=4), given_away=st.integers(1, 25))
    def test_lots_are_restored(self, points: list[int], given_away: int) -> None:
        """Lot for lot, on both sides, with what the ceilings have counted."""
        members = Members(program(1, True, False))
        for n, dollars in enumerate(points):
            at = NOON + n * DAY
            lines = (Line(total=USD.of(dollars)),)
            members.tell(Purchase(id=f"o-{n}", member="ann", occurred_at=at, lines=lines))
            members.tell(Purchase(id=f"o-{n}", member="bob", occurred_at=at, lines=lines))
        before = {account: state.lots for account, state in members.states.items()}
        last = NOON + 5 * DAY
        members.tell(Gift(id="g", member="ann", occurred_at=last, to="bob", amount=POINTS.of(given_away)))
        members.tell(Cancellation(id="x", member="ann", occurred_at=last, undoes="g"))
        assert {account: state.lots for account, state in members.states.items()} == before
