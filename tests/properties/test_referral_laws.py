"""
Laws of referrals: the graph is a forest, both sides come and go with the purchase, caps are never passed.

Four members do things in any order, on several programs: claim, buy, return, confirm, cancel a claim, let time pass.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import patronage.follow_ups
import patronage.requests
from between.members import DAY, NOON, POINTS, USD, Members, buy, refund
from patronage import (
    Account,
    Cancellation,
    Confirmation,
    Event,
    Life,
    Program,
    ReferralPolicy,
    Terms,
    Transfer,
    Unit,
    UnitKind,
)
from patronage.audit import audit
from patronage.codec import Codec
from patronage.conditions import Spend
from patronage.derived import DerivedBalance, DerivedRate
from patronage.events import ReferralClaimed
from patronage.ledger import RejectionCode
from patronage.periods import MONTH
from patronage.policies.referral import ReferralPolicy as Bound
from patronage.policies.referral_parts import ReferralCap, ReferralReward
from patronage.terms_of_time import days
from patronage.thresholds import GiveConverted, GiveCredit, Threshold
from patronage.units import Rounding

FRIENDS = Unit("friends", kind=UnitKind.TALLY)
STORAGE = Unit("storage", kind=UnitKind.QUALIFYING)
NAMES = ("ann", "bob", "cid", "dan")
CAP, MOST = 1, 250
"""What a referrer may get: so many rewards a month, so many points in all."""

FIXED = ReferralReward(
    when=Spend(at_least=USD.of(20)),
    friend=[GiveCredit(amount=POINTS.of(50))],
    referrer=[GiveCredit(amount=POINTS.of(100))],
)
SHARE = ReferralReward(
    every=True,
    referrer=[GiveConverted(per=USD.of(1), credit=POINTS.of(7), rounding=Rounding.HALF_UP)],
    friend=[GiveConverted(per=USD.of(1), credit=POINTS.of(3))],
)
HELD = ReferralReward(referrer=[GiveCredit(amount=POINTS.of(100), life=Life(on_confirmation=True))])


def program_of(*rewards: ReferralReward, **fields: Any) -> Program:
    """A program of one referral."""
    policy = ReferralPolicy(name="referral", rewards=rewards, **fields)
    terms = Terms(units=(USD, POINTS, FRIENDS, STORAGE), policies=(policy,))
    return Program(id="shop", time_zone="America/New_York", terms=terms)


PROGRAMS = {
    "fixed": program_of(FIXED),
    "share": program_of(SHARE),
    "held": program_of(HELD, window=days(20)),
    "third": program_of(attrs.evolve(FIXED, nth=2), window=days(20), claims_again=True),
    "times": program_of(SHARE, caps=[ReferralCap(name="month", rewards=CAP, per=MONTH)]),
    "most": program_of(SHARE, caps=[ReferralCap(name="ever", amount=POINTS.of(MOST))]),
    "milestones": program_of(
        FIXED,
        friends="friends",
        thresholds=[Threshold(name="two", at_least=FRIENDS.of(2), gives=[GiveCredit(amount=POINTS.of(500))])],
        derived=[DerivedBalance(name="each", rates=[DerivedRate(per=FRIENDS.of(1), credit=STORAGE.of(250))])],
    ),
}

members = st.sampled_from(NAMES)
marks = st.lists(st.sampled_from(["card", "home", "phone"]), max_size=2)
steps = st.one_of(
    st.tuples(st.just("claim"), members, members, marks),
    st.tuples(st.just("buy"), members, st.integers(0, 60)),
    st.tuples(st.just("return"), st.integers(0, 9), st.integers(1, 60)),
    st.tuples(st.just("confirm"), st.integers(0, 9)),
    st.tuples(st.just("uncall"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.integers(1, 15)),
)
BEGUN: list[Any] = [("claim", "bob", "ann", []), ("claim", "cid", "ann", [])]
stories = st.builds(
    lambda begun, rest: [*begun, *rest], st.sampled_from([[], BEGUN]), st.lists(steps, min_size=1, max_size=14)
)


class Story:
    """What four members do, and what comes of it."""

    def __init__(self, program: Program, told: list[Any], *, nightly: bool = False) -> None:
        self.members, self.nightly = Members(program), nightly
        self.at = NOON
        self.bought: list[tuple[str, str]] = []
        self.claims: list[ReferralClaimed] = []
        for n, step in enumerate(told):
            kind, *facts = step
            event = getattr(self, f"_{kind}")(f"e-{n}", *facts)
            if event is not None:
                decision = self.members.tell(event)
                if isinstance(event, ReferralClaimed) and decision.accepted:
                    self.claims.append(event)

    def _claim(self, id: str, friend: str, referrer: str, found: list[str]) -> Event:
        return ReferralClaimed(
            id=id, member=friend, occurred_at=self.at, policy="referral", referrer=referrer, fingerprints=found
        )

    def _buy(self, id: str, member: str, dollars: int) -> Event:
        self.bought.append((member, id))
        return buy(id, str(dollars), member, self.at)

    def _return(self, id: str, which: int, dollars: int) -> Event | None:
        if not self.bought:
            return None
        member, purchase = self.bought[which % len(self.bought)]
        return refund(id, purchase, str(dollars), member, self.at)

    def _confirm(self, id: str, which: int) -> Event | None:
        if not self.bought:
            return None
        member, purchase = self.bought[which % len(self.bought)]
        return Confirmation(id=id, member=member, occurred_at=self.at, of=purchase)

    def _uncall(self, id: str, which: int) -> Event | None:
        if not self.claims:
            return None
        claim = self.claims[which % len(self.claims)]
        return Cancellation(id=id, member=claim.member, occurred_at=self.at, undoes=claim.id)

    def _wait(self, id: str, by: int) -> None:
        for _ in range(by):
            self.at += DAY
            for name in NAMES if self.nightly else ():
                self.members.pass_time(Account.member(name), self.at)
        self.members.now = self.at

    def return_all(self) -> None:
        """Everything that was bought comes back."""
        for n, (member, purchase) in enumerate(self.bought):
            self.members.tell(refund(f"all-{n}", purchase, None, member, self.at))

    def referrers(self) -> dict[str, str]:
        """Who is said to have been brought by whom, at the end."""
        found: dict[str, str] = {}
        for name in NAMES:
            state = self.members.state(Account.member(name))
            standing = self.members.program.at(state, max(self.at, state.clock or self.at))
            held = standing.grants("referred_by")
            assert len(held) <= 1
            if held:
                found[name] = str(held[0].value)
        return found

    def worth(self, unit: Unit) -> dict[str, int]:
        """What each holds of a unit, available and pending, less debt."""
        found = {}
        for name in NAMES:
            state = self.members.state(Account.member(name))
            standing = self.members.program.at(state, max(self.at, state.clock or self.at))
            found[name] = standing.available(unit).steps + standing.pending(unit).steps
        return found


def the_graph_is_a_forest(program: Program, told: list[Any]) -> None:
    """P47: one referrer each, nobody their own, no circle of any length."""
    edges = Story(program, told).referrers()
    for start in edges:
        seen, name = {start}, edges[start]
        while name in edges:
            assert name not in seen, f"a circle: {edges}"
            seen.add(name)
            name = edges[name]
        assert name != start


def a_mark_counts_once(program: Program, told: list[Any]) -> None:
    """No two claims that stand have a fingerprint in common."""
    story = Story(program, told)
    ended = {
        commit.event.undoes
        for commit in story.members.history()
        if isinstance(commit.event, Cancellation) and commit.refusal is None
    }
    standing = [claim for claim in story.claims if claim.id not in ended]
    found = [mark for claim in standing for mark in claim.fingerprints]
    assert len(found) == len(set(found))


def nothing_is_left_of_what_came_back(program: Program, told: list[Any]) -> None:
    """A referral pays for purchases that stand: with all returned nobody holds anything, or owes anything."""
    story = Story(program, told)
    story.return_all()
    for unit in (POINTS, FRIENDS, STORAGE):
        assert set(story.worth(unit).values()) == {0}, unit
    audit(story.members.history(), calendar=program.calendar, whole=True)


def no_cap_is_passed(program: Program, told: list[Any]) -> None:
    """Of what referrals brought no more stands than the cap, in each month or in all; friends get theirs."""
    story = Story(program, told)
    capped = next(policy for policy in program.terms[0].policies if isinstance(policy, ReferralPolicy)).caps
    for name in NAMES:
        per_month: dict[str, int] = {}
        got: dict[str, list[tuple[datetime, int]]] = {}
        for commit in story.members.commits.get(own := Account.member(name), ()):
            for entry in commit.entries:
                if isinstance(entry, Transfer) and entry.unit == "points" and entry.about.account != own:
                    steps = entry.steps if entry.payee == own else -entry.steps
                    got.setdefault(f"{entry.about.account.id}/{entry.about.root}", []).append((entry.at, steps))
        for changes in got.values():
            if sum(steps for _, steps in changes):
                month = f"{program.calendar.local(changes[0][0]):%Y-%m}"
                per_month[month] = per_month.get(month, 0) + 1
        total = sum(steps for changes in got.values() for _, steps in changes)
        for cap in capped:
            if cap.rewards is not None:
                assert max(per_month.values(), default=0) <= cap.rewards
            else:
                assert total <= MOST


LAWS: dict[str, Callable[[Program, list[Any]], None]] = {
    law.__name__: law
    for law in (the_graph_is_a_forest, a_mark_counts_once, nothing_is_left_of_what_came_back, no_cap_is_passed)
}


@pytest.mark.parametrize("name", sorted(PROGRAMS))
@given(told=stories)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_laws(name: str, told: list[Any]) -> None:
    """All laws hold after any story."""
    for law in LAWS.values():
        law(PROGRAMS[name], told)


@given(first=stories, cents=st.lists(st.integers(1, 3_000), min_size=1, max_size=4))
def test_parts_are_the_whole(first: list[Any], cents: list[int]) -> None:
    """A purchase returned in parts leaves both sides what the same money returned at once leaves them."""

    def left(parts: list[int]) -> dict[str, int]:
        members = Members(PROGRAMS["share"])
        members.tell(ReferralClaimed(id="c", member="bob", occurred_at=NOON, policy="referral", referrer="ann"))
        members.tell(buy("o", "120.00", "bob"))
        for n, part in enumerate(parts):
            members.tell(refund(f"f-{n}", "o", str(USD.digits(part)), "bob", NOON + DAY))
        return {name: members.held(name) for name in ("ann", "bob")}

    assert left(cents) == left([sum(cents)])


@pytest.mark.parametrize("name", ["held", "third", "milestones"])
@given(told=stories)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_run_nightly_or_never(name: str, told: list[Any]) -> None:
    """Windows end, and what waits becomes available, the same whether time is run or not."""
    lazy, eager = Story(PROGRAMS[name], told), Story(PROGRAMS[name], told, nightly=True)
    assert lazy.worth(POINTS) == eager.worth(POINTS)
    assert lazy.referrers() == eager.referrers()


@given(told=stories)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_claim_changes_nothing_where_it_is_refused(told: list[Any]) -> None:
    """A refusal books nothing on any account, and is final."""
    story = Story(PROGRAMS["fixed"], told)
    for commit in story.members.history():
        if commit.refusal is not None and isinstance(commit.event, ReferralClaimed):
            assert commit.entries == () and commit.benefits == ()
            assert commit.account == Account.member(commit.event.member)
            assert commit.refusal.final and commit.refusal.code in RejectionCode


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_program_goes_round(name: str) -> None:
    """Through JSON unchanged."""
    codec = Codec()
    assert codec.load(codec.dump(PROGRAMS[name]), Program) == PROGRAMS[name]


# Seeded bugs: each law is seen to fail.


def _claims_twice(patch: pytest.MonkeyPatch) -> None:
    """The friend's right is not looked for."""
    known = Bound._refused

    def refused(self: Any, occasion: Any, others: Any, event: Any) -> Any:
        basis = attrs.evolve(occasion.basis, grants=())
        return known(self, attrs.evolve(occasion, basis=basis), others, event)

    patch.setattr(Bound, "_refused", refused)


def _refers_and_is_referred(patch: pytest.MonkeyPatch) -> None:
    """What is noted of the referrer is not noted."""
    known = Bound._asked

    def asked(self: Any, occasion: Any, others: Any) -> Any:
        answer = known(self, occasion, others)
        return {occasion.account: answer[occasion.account]} if isinstance(answer, dict) else answer

    patch.setattr(Bound, "_asked", asked)


def _takes_nothing_back(patch: pytest.MonkeyPatch) -> None:
    """The referrer is not told of refunds."""
    patch.setattr(patronage.follow_ups, "amend", lambda *args: None)
    patch.setattr(patronage.requests, "amend", lambda *args: None)


def _without_ceilings(patch: pytest.MonkeyPatch) -> None:
    """Whatever is followed up is booked whole."""

    def whole(book: Any, bound: Any, event: Any, so_far: Any, of: Any) -> Any:
        return patronage.follow_ups.Total(event.credits, event.gives, event.benefits, event.reason)

    patch.setattr(patronage.follow_ups, "_within", whole)


BUGS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str, str]] = {
    "the referrer is not marked": (_refers_and_is_referred, "the_graph_is_a_forest", "fixed"),
    "a friend claims twice": (_claims_twice, "the_graph_is_a_forest", "fixed"),
    "marks are not kept": (_refers_and_is_referred, "a_mark_counts_once", "share"),
    "refunds are not told": (_takes_nothing_back, "nothing_is_left_of_what_came_back", "share"),
    "no ceiling on times": (_without_ceilings, "no_cap_is_passed", "times"),
    "no ceiling on an amount": (_without_ceilings, "no_cap_is_passed", "most"),
}


@pytest.mark.parametrize("name", sorted(BUGS))
def test_each_law_is_seen_to_fail(name: str) -> None:
    """A seeded bug is found by the law that is there for it."""
    plant, law, program = BUGS[name]

    @given(told=stories)
    @settings(
        max_examples=1_500,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=True,
    )
    def search(told: list[Any]) -> None:
        LAWS[law](attrs.evolve(PROGRAMS[program]), told)

    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        with pytest.raises(AssertionError):
            search()
