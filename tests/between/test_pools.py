"""Households and pools: contributions by label, rights to spend, a fair share on leaving."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from between.members import A_YEAR, DAY, NOON, POINTS, USD, Members, buy, earning, mug, program_of, refund
from loyalty.shop import Clock
from patronage import (
    Account,
    Cancellation,
    Event,
    InvalidValueError,
    Life,
    Program,
    Redemption,
    Rejected,
    RejectionCode,
    StatusGrant,
    Tender,
    Unit,
)
from patronage.audit import audit
from patronage.conditions import HasGrant
from patronage.events import AccountClosed, Contribution, Merge, PoolJoined, PoolLeft
from patronage.explain import explain
from patronage.loyalty import Loyalty
from patronage.pool_terms import Draw, PoolTerms, Split
from patronage.stores.memory import MemoryLedger

HOUSE = Account.shared("house")
POOLS = PoolTerms(unit="points")


def program(terms: PoolTerms = POOLS, life: Life = A_YEAR) -> Program:
    """A point for a dollar, a mug for ten, pools."""
    return program_of(earning(life=life), rewards=[mug()], pools=(terms,))


def join(member: str, id: str = "j", at: datetime = NOON, pool: str = "house", **fields: Any) -> PoolJoined:
    """A member joins."""
    return PoolJoined(id=id, member=member, occurred_at=at, pool=pool, **fields)


def put(member: str, points: int, id: str = "c", at: datetime = NOON) -> Contribution:
    """A member contributes."""
    return Contribution(id=id, member=member, occurred_at=at, pool="house", amount=POINTS.of(points))


def spend(member: str, times: int, id: str = "d", at: datetime = NOON) -> Redemption:
    """Mugs from the pool."""
    return Redemption(id=id, member=member, occurred_at=at, reward="mug", times=times, pool="house")


def leave(member: str, id: str = "l", at: datetime = NOON) -> PoolLeft:
    """A member leaves."""
    return PoolLeft(id=id, member=member, occurred_at=at, pool="house")


def house(terms: PoolTerms = POOLS, **points: int) -> Members:
    """A pool of members who have bought for 100.00 each, and contributed so much."""
    members = Members(program(terms))
    for name, put_in in points.items():
        members.tell(buy("o", "100.00", name)).require()
        members.tell(join(name)).require()
        if put_in:
            members.tell(put(name, put_in)).require()
    return members


def pooled(members: Members) -> dict[str | None, int]:
    """What the pool has, by contributor."""
    found: dict[str | None, int] = {}
    for lot in members.state(HOUSE).lots.get("points", ()):
        found[lot.label] = found.get(lot.label, 0) + lot.steps
    return found


def refused(members: Members, event: Any, code: RejectionCode) -> Rejected:
    """An event that must be refused for good, with nothing changed."""
    before = dict(members.states)
    decision = members.tell(event)
    assert isinstance(decision, Rejected)
    assert (decision.code, decision.final) == (code, True)
    for account, state in before.items():
        assert (members.state(account).lots, members.state(account).grants) == (state.lots, state.grants)
    return decision


class TestContributing:
    """What is put in keeps its life, under its contributor's label."""

    def test_it_is_told_by_label(self) -> None:
        """Through in transit, one batch; the member's own lots are less by it."""
        members = house(ann=60, bob=30)
        assert pooled(members) == {"ann": 60, "bob": 30}
        assert (members.held("ann"), members.held("bob")) == (40, 70)
        (lot, *_) = members.state(HOUSE).lots["points"]
        assert (lot.source and lot.source.account.id, lot.credited_at) == ("ann", NOON)
        audit(members.history(), calendar=members.program.calendar, whole=True)

    def test_it_expires_in_the_pool(self) -> None:
        """At its own end."""
        members = house(ann=60)
        members.pass_time(HOUSE, NOON + 365 * DAY)
        assert pooled(members) == {}

    def test_it_comes_back_as_long_as_it_is_there(self) -> None:
        """A contribution is cancelled: what is left of the very lots."""
        members = house(ann=60, bob=30)
        members.tell(spend("bob", 2)).require()
        undo = Cancellation(id="x", member="ann", occurred_at=NOON, undoes="c")
        members.tell(undo).require()
        assert (members.held("ann"), pooled(members)) == (80, {"bob": 30})
        refused(members, attrs.evolve(undo, id="x2"), RejectionCode.ALREADY_ENDED)

    @pytest.mark.parametrize(
        ("terms", "points", "code"),
        [
            ({"maximum": POINTS.of(50)}, 51, RejectionCode.AMOUNT_ABOVE_MAXIMUM),
            ({}, 101, RejectionCode.BALANCE_TOO_LOW),
            ({"minimum": POINTS.of(10)}, 9, RejectionCode.AMOUNT_BELOW_MINIMUM),
            ({"when": HasGrant("vip")}, 5, RejectionCode.NOT_ELIGIBLE),
        ],
    )
    def test_what_the_terms_do_not_allow(self, terms: dict[str, Any], points: int, code: RejectionCode) -> None:
        """Refused whole."""
        when = terms.pop("when", None)
        members = house(PoolTerms(unit="points", **terms), ann=0)
        members.program = program(PoolTerms(unit="points", when=when, **terms))
        refused(members, put("ann", points), code)

    def test_who_is_not_in_it(self) -> None:
        """Nor with a unit that is not pooled, nor where there are no pools."""
        members = house(ann=0)
        members.tell(buy("o", "100.00", "bob"))
        refused(members, put("bob", 5), RejectionCode.NOT_ELIGIBLE)
        refused(members, attrs.evolve(put("ann", 5), amount=USD.of(5)), RejectionCode.NOT_ELIGIBLE)
        stars = attrs.evolve(put("ann", 5, id="c2"), amount=Unit("stars").of(5))
        refused(members, stars, RejectionCode.UNKNOWN_UNIT)
        refused(Members(program_of(earning())), join("ann"), RejectionCode.NOT_ELIGIBLE)


class TestJoining:
    """One pool at a time, and no more members than it takes."""

    def test_rights_are_grants(self) -> None:
        """`pool` and `pool.spends` with the member, `pool.member` with the pool."""
        members = house(ann=0)
        assert [(g.key, g.value) for g in members.state(Account.member("ann")).grants] == [
            ("pool", "house"),
            ("pool.spends", "house"),
        ]
        assert [(g.key, g.value) for g in members.state(HOUSE).grants] == [("pool.member", "ann")]

    def test_twice_and_elsewhere(self) -> None:
        """A member is in one pool at a time."""
        members = house(ann=0)
        refused(members, join("ann", "j2"), RejectionCode.NOT_ELIGIBLE)
        refused(members, join("ann", "j3", pool="other"), RejectionCode.NOT_ELIGIBLE)

    def test_when_it_is_full(self) -> None:
        """Who left makes room."""
        members = house(PoolTerms(unit="points", members_max=2), ann=0, bob=0)
        assert refused(members, join("cid"), RejectionCode.LIMIT_REACHED).refusal.facts["limit"] == "members"
        members.tell(leave("bob")).require()
        assert members.tell(join("cid", "j2")).accepted


class TestSpending:
    """A right to spend is a grant; whose part goes is the terms' choice."""

    def test_in_spending_order(self) -> None:
        """The first to expire goes first, whoever put it in."""
        members = house(ann=30)
        members.tell(buy("o", "100.00", "bob", NOON + DAY))
        members.tell(join("bob", at=NOON + DAY))
        members.tell(put("bob", 30, at=NOON + DAY))
        decision = members.tell(spend("bob", 4, at=NOON + DAY)).require()
        assert decision.benefits[0].quantity == 4
        assert pooled(members) == {"bob": 20}
        assert members.held("bob") == 70

    def test_in_proportion(self) -> None:
        """47 and 23 of 60 and 30 are left after 20: by largest remainder."""
        members = house(PoolTerms(unit="points", draws=Draw.PRO_RATA), ann=60, bob=30)
        members.tell(spend("bob", 2)).require()
        assert pooled(members) == {"ann": 47, "bob": 23}

    def test_a_cancellation_gives_it_back_to_the_pool(self) -> None:
        """Lot by lot, label by label; once."""
        members = house(PoolTerms(unit="points", draws=Draw.PRO_RATA), ann=60, bob=30)
        before = members.state(HOUSE).lots
        members.tell(spend("bob", 2)).require()
        undo = Cancellation(id="x", member="bob", occurred_at=NOON, undoes="d")
        members.tell(undo).require()
        assert members.state(HOUSE).lots == before
        refused(members, attrs.evolve(undo, id="x2"), RejectionCode.ALREADY_ENDED)

    def test_a_refund_of_what_it_paid_gives_it_back_to_the_pool(self) -> None:
        """In parts, as in whole."""
        members = house(ann=60)
        members.tell(spend("ann", 2)).require()
        paid = attrs.evolve(buy("p", "20.00"), tenders=(Tender(kind="points", total=USD.of(20), redemption="d"),))
        members.tell(paid).require()
        members.tell(refund("f1", "p", "7.00")).require()
        assert pooled(members) == {"ann": 47}
        members.tell(refund("f2", "p")).require()
        assert pooled(members) == {"ann": 60}
        assert members.held("ann") == 40

    def test_who_may_not(self) -> None:
        """In the pool without the right, not in it, or with a right that has run out; an operator may give it."""
        members = house(ann=60)
        members.tell(join("bob", spends=False)).require()
        members.tell(join("cid", until=NOON + DAY)).require()
        refused(members, spend("bob", 1), RejectionCode.NOT_ELIGIBLE)
        refused(members, spend("dan", 1), RejectionCode.NOT_ELIGIBLE)
        assert members.tell(spend("cid", 1)).accepted
        members.pass_time(Account.member("cid"), NOON + DAY)
        refused(members, spend("cid", 1, "d2", NOON + DAY), RejectionCode.NOT_ELIGIBLE)
        members.tell(
            StatusGrant(
                id="s", member="bob", occurred_at=NOON, key="pool.spends", value="house", actor="op", reason="adult"
            )
        ).require()
        assert members.tell(spend("bob", 1, "d2")).accepted

    def test_more_than_there_is(self) -> None:
        """What the member has beside the pool does not count."""
        refused(house(ann=20), spend("ann", 3), RejectionCode.BALANCE_TOO_LOW)


class TestLeaving:
    """An exact share."""

    @pytest.mark.parametrize(
        ("split", "ann", "bob"),
        [
            (Split.OWN, 10, 61),  # The mugs were of Ann's points: they end first.
            (Split.BY_CONTRIBUTION, 35, 36),  # 71 in proportion to 60 and 61.
            (Split.EVEN, 36, 35),  # The odd step goes to the first of the two.
            (Split.NOTHING, 0, 71),
        ],
    )
    def test_by_a_named_rule(self, split: Split, ann: int, bob: int) -> None:
        """60 and 61 were put in, and 50 spent."""
        members = house(PoolTerms(unit="points", leaving=split), ann=60)
        members.tell(buy("o", "100.00", "bob", NOON + DAY))
        members.tell(join("bob", at=NOON + DAY))
        members.tell(put("bob", 61, at=NOON + DAY))
        members.tell(spend("bob", 5, at=NOON + DAY)).require()
        members.tell(leave("ann", at=NOON + DAY)).require()
        assert members.held("ann") == 40 + ann
        assert sum(pooled(members).values()) == bob
        assert not members.state(Account.member("ann")).grants
        assert members.tell(join("ann", "j2", NOON + DAY)).accepted
        audit(members.history(), calendar=members.program.calendar, whole=True)

    def test_twice(self) -> None:
        """Who is not in it cannot leave it."""
        members = house(ann=60)
        members.tell(leave("ann")).require()
        refused(members, leave("ann", "l2"), RejectionCode.NOT_ELIGIBLE)
        refused(members, spend("ann", 1), RejectionCode.NOT_ELIGIBLE)

    @pytest.mark.parametrize(
        "event",
        [
            Merge(id="x", member="ann", occurred_at=NOON, into="bob", actor="op", reason="same_person"),
            AccountClosed(id="x", member="ann", occurred_at=NOON, actor="op", reason="asked"),
        ],
    )
    def test_before_an_account_ends(self, event: Any) -> None:
        """A pool knows its members by id: one leaves it before a merge or a closing."""
        members = house(ann=60, bob=0)
        assert refused(members, event, RejectionCode.NOT_ELIGIBLE).refusal.facts["pool"] == "house"

    @given(
        put_in=st.lists(st.integers(0, 40), min_size=1, max_size=4),
        spent=st.integers(0, 8),
        split=st.sampled_from(Split),
        draws=st.sampled_from(Draw),
        order=st.permutations(range(4)),
    )
    def test_no_step_is_lost(self, put_in: list[int], spent: int, split: Split, draws: Draw, order: list[int]) -> None:
        """All leave, in any order: together they have what was not spent, but for what no rule gives anybody."""
        names = [f"m{n}" for n in range(len(put_in))]
        members = house(PoolTerms(unit="points", leaving=split, draws=draws), **dict(zip(names, put_in, strict=True)))
        total = sum(put_in)
        spent = min(spent, total // 10)
        if spent:
            members.tell(spend("m0", spent)).require()
        for n in order:
            if n < len(names):
                members.tell(leave(names[n])).require()
        left = sum(pooled(members).values())
        taken = sum(members.held(name) for name in names) - sum(100 - part for part in put_in)
        assert taken + left == total - spent * 10
        if split in (Split.OWN, Split.EVEN):
            assert left == 0
        audit(members.history(), calendar=members.program.calendar, whole=True)


def test_the_service_finds_the_pool() -> None:
    """With ids alone; what happened is told in sentences."""
    store = MemoryLedger()
    loyalty = Loyalty(program(), store, clock=Clock(NOON + DAY))
    events: list[Event] = [buy("o", "100.00"), join("ann"), put("ann", 60), spend("ann", 2)]
    assert all(loyalty.record(event).accepted for event in events)
    assert loyalty.standing(HOUSE).available(POINTS) == POINTS.of(40)
    loyalty.record(Cancellation(id="x", member="ann", occurred_at=NOON, undoes="d")).require()
    loyalty.record(leave("ann")).require()
    assert loyalty.standing("ann").available(POINTS) == POINTS.of(100)
    assert "60 points put into pool house by ann." in str(loyalty.explain("ann", "c"))
    assert "went with ann, who left it" in str(loyalty.explain("ann", "l"))
    told = "\n".join(str(explain(commit, program())) for commit in store.history(HOUSE))
    assert "60 points noted as contributed by ann." in told


@pytest.mark.parametrize(
    "fields",
    [
        {"members_max": 0},
        {"minimum": POINTS.of(0)},
        {"maximum": USD.of(1)},
        {"minimum": POINTS.of(9), "maximum": POINTS.of(8)},
        {"draws": "in_order"},
        {"leaving": "own"},
    ],
)
def test_terms_that_cannot_be_are_refused(fields: dict[str, Any]) -> None:
    """No members, nothing to contribute, other units, no rule."""
    with pytest.raises((InvalidValueError, TypeError)):
        PoolTerms(unit="points", **fields)


def test_pools_are_of_units_of_the_terms() -> None:
    """And each once; a right that has ended before it begins is none."""
    for pools in ((PoolTerms(unit="stars"),), (POOLS, POOLS)):
        with pytest.raises(InvalidValueError):
            program_of(earning(), pools=pools)
    with pytest.raises(InvalidValueError):
        join("ann", until=NOON)
