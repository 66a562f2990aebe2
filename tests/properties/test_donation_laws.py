"""Laws of donations: what members gave is what charities have, and nothing is left of what came back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patronage.donations
from patronage import (
    Account,
    Amount,
    BenefitKind,
    Cancellation,
    Commit,
    DonationPolicy,
    Event,
    Life,
    Line,
    PayWithPoints,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    Rejected,
    Rounding,
    SpendRule,
    Terms,
    Transfer,
    Unit,
    UnitKind,
    currency,
)
from patronage.audit import audit
from patronage.charities import CharityChosen
from patronage.donations import donations
from patronage.ledger import DONATED
from patronage.loyalty import Loyalty
from patronage.periods import MONTH
from patronage.policies.donation import LapsedShare, PaidAs, Payout
from patronage.stores.memory import MemoryLedger
from patronage.terms_of_time import days

USD = currency("USD")
GIVEN = Unit("given", decimals=4, kind=UnitKind.TALLY)
POINTS = Unit("points")
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
END = datetime(2027, 6, 1, tzinfo=UTC)
CHARITIES = ("A", "B")
MEMBERS = ("ann", "bob")

SMILE = DonationPolicy(
    name="smile",
    charities=CHARITIES,
    default="A",
    unit="given",
    money="USD",
    rules=(SpendRule(per=USD.of(3), credit=GIVEN.of("0.01"), whole=False, name="share"),),
    lapsed=(LapsedShare(per=POINTS.of(100), credit=GIVEN.of("0.07")),),
    payout=Payout(pays="USD", paid_as=PaidAs.MONEY, period=MONTH, minimum=GIVEN.of(1), rounding=Rounding.HALF_UP),
)
BASE = PointsPolicy(
    name="base",
    rules=(SpendRule(per=USD.of(1), credit=POINTS.of(1), life=Life(expires_after=days(40), goes_to=DONATED)),),
)
GIVE = PayWithPoints(
    name="give", points=POINTS.of(10), value=USD.of("0.10"), kind=BenefitKind.DONATION, items=CHARITIES, exactly=False
)


def program_of(**terms: Any) -> Program:
    """The shop's program."""
    stated: dict[str, Any] = {"units": (USD, POINTS, GIVEN), "policies": (BASE, SMILE), "rewards": (GIVE,), **terms}
    return Program(id="shop", time_zone="America/New_York", terms=Terms(**stated))


PROGRAMS = {
    "as it is": program_of(),
    "proportional": program_of(refund_for=days(5)),
}

steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "buy", "refund", "choose", "give", "cancel"]),
        st.sampled_from(MEMBERS),
        st.integers(0, 40_000),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=14,
)
Steps = Sequence[tuple[str, str, int, int]]


@attrs.define
class Played:
    """A shop, after what happened."""

    program: Program
    ledger: MemoryLedger = attrs.field(factory=MemoryLedger)
    bought: dict[str, tuple[str, int]] = attrs.field(factory=dict)
    now: datetime = START

    @property
    def loyalty(self) -> Loyalty:
        """The service."""
        return Loyalty(self.program, self.ledger, clock=lambda: END)

    def play(self, told: Steps, *, nightly: bool = False) -> Played:
        """Tells it all, each thing some days after the one before."""
        asked: list[tuple[str, str]] = []
        for n, (what, member, number, gap) in enumerate(told):
            self.now += timedelta(days=gap, hours=1)
            if nightly:
                self.until(self.now)
            head: dict[str, Any] = {"id": f"e-{n}", "member": member, "occurred_at": self.now}
            mine = [id for id, (whose, _) in self.bought.items() if whose == member]
            event: Event | None = None
            if what == "buy":
                event = Purchase(**head, lines=(Line(total=USD.steps(number)),))
                self.bought[f"e-{n}"] = (member, number)
            elif what == "refund" and mine:
                event = self.refund(head, mine[number % len(mine)], number)
            elif what == "choose":
                event = CharityChosen(**head, policy="smile", charity=(*CHARITIES, None)[number % 3])
            elif what == "give":
                amount = POINTS.of(10 * (number % 30 + 1))
                event = Redemption(**head, reward="give", amount=amount, choices=(CHARITIES[number % 2],))
                asked.append((member, f"e-{n}"))
            elif what == "cancel" and asked:
                whose, undoes = asked[number % len(asked)]
                event = Cancellation(**{**head, "member": whose}, undoes=undoes)
            if event is not None:
                self.loyalty.record(event)
        return self

    def refund(self, head: dict[str, Any], purchase: str, part: int) -> Refund | None:
        """A refund of a part of what is left."""
        member, left = self.bought[purchase]
        back = min(left, part)
        if not back:
            return None
        self.bought[purchase] = (member, left - back)
        return Refund(**head, purchase=purchase, total=USD.steps(back))

    def until(self, at: datetime) -> Played:
        """What time does."""
        for done in self.loyalty.run_due(until=at):
            assert not isinstance(done, Rejected)
        return self

    def accounts(self) -> list[Account]:
        """All accounts."""
        return [*(Account.member(member) for member in MEMBERS), *(SMILE.account(charity) for charity in CHARITIES)]

    def commits(self) -> list[Commit]:
        """All commits."""
        return [commit for account in self.accounts() for commit in self.ledger.history(account)]

    def of_members(self, charity: str) -> int:
        """What members gave to a charity, less what came back."""
        return sum(self.held(Account.member(member), charity) for member in MEMBERS)

    def held(self, account: Account, label: str | None = None) -> int:
        """What stands on an account."""
        stored = self.ledger.load([account]).get(account)
        lots = () if stored is None else stored.state.lots.get("given", ())
        return sum(lot.steps for lot in lots if lot.label == label)

    def consumed(self, charity: str) -> int:
        """What a charity's payouts took from its account."""
        return sum(
            entry.steps
            for commit in self.ledger.history(SMILE.account(charity))
            for entry in commit.entries
            if isinstance(entry, Transfer) and entry.reason.code == "consumed"
        )

    def paid(self, charity: str) -> list[Amount]:
        """What it was paid."""
        commits = self.ledger.history(SMILE.account(charity))
        return [each.amount for commit in commits for each in commit.benefits if each.amount is not None]


def all_that_is_given_arrives(told: Steps) -> None:
    """For each charity: what members have given is what stands on its account, and what was paid from there."""
    for program in PROGRAMS.values():
        shop = Played(program).play(told).until(END)
        for charity in CHARITIES:
            there = shop.held(SMILE.account(charity)) + shop.consumed(charity)
            assert shop.of_members(charity) == there
            # Rounded half up, once for each payout.
            exact = shop.consumed(charity)
            assert abs(sum(each.steps for each in shop.paid(charity)) * 100 - exact) * 2 <= 100 * len(
                shop.paid(charity)
            )


def nothing_is_left(told: Steps) -> None:
    """Once everything came back, and nothing lapsed, no charity has anything of it."""
    shop = Played(program_of(policies=(SMILE,), rewards=())).play(told)
    for n, (purchase, (member, left)) in enumerate(list(shop.bought.items())):
        if left:
            head: dict[str, Any] = {"id": f"back-{n}", "member": member, "occurred_at": shop.now}
            shop.loyalty.record(Refund(**head, purchase=purchase, total=USD.steps(left)))
    for charity in CHARITIES:
        assert shop.of_members(charity) == 0
        assert shop.held(SMILE.account(charity)) == -shop.consumed(charity)


def parts_are_the_whole(total: int, cuts: Sequence[int]) -> None:
    """A purchase that comes back in parts leaves what it leaves when the parts come back at once."""
    left = []
    for parts in (cuts, [sum(cuts)]):
        shop = Played(PROGRAMS["as it is"])
        shop.play([("buy", "ann", total, 0)])
        for n, part in enumerate(parts):
            if part:
                head: dict[str, Any] = {"id": f"r-{n}", "member": "ann", "occurred_at": shop.now}
                shop.loyalty.record(Refund(**head, purchase="e-0", total=USD.steps(part)))
        left.append((shop.of_members("A"), shop.held(SMILE.account("A"))))
    assert left[0] == left[1]


def lazy_is_eager(told: Steps) -> None:
    """Run every night or once at the end: the same stands on each account, and the same was paid."""
    lazy, eager = (Played(PROGRAMS["as it is"]).play(told, nightly=nightly).until(END) for nightly in (False, True))
    for charity in CHARITIES:
        assert lazy.of_members(charity) == eager.of_members(charity)


def the_report_adds_up(told: Steps) -> None:
    """The report's rows sum to what stands and was paid, in whatever order the commits come; the ledger is sound."""
    shop = Played(PROGRAMS["as it is"]).play(told).until(END)
    commits = shop.commits()
    rows = donations(shop.program, "smile", MONTH, commits)
    assert rows == donations(shop.program, "smile", MONTH, reversed(commits))
    for charity in CHARITIES:
        mine = [row for row in rows if row.charity == charity]
        assert sum(row.net.steps for row in mine) == shop.of_members(charity)
        assert [row.paid.steps for row in mine if row.paid is not None and row.paid.steps] == [
            each.steps for each in shop.paid(charity)
        ]
    for account in shop.accounts():
        audit(shop.ledger.history(account), calendar=shop.program.calendar)


totals = st.integers(1, 50_000)
Law = Callable[..., None]
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class TestLaws:
    """They hold."""

    @few
    @given(told=steps)
    def test_all_that_is_given_arrives(self, told: Steps) -> None:
        """What members give is what charities have, or were paid."""
        all_that_is_given_arrives(told)

    @few
    @given(told=steps)
    def test_nothing_is_left(self, told: Steps) -> None:
        """What came back whole leaves nothing with a charity."""
        nothing_is_left(told)

    @few
    @given(total=totals, data=st.data())
    def test_parts_are_the_whole(self, total: int, data: st.DataObject) -> None:
        """Refunds in parts leave what one of their sum leaves."""
        cuts, left = [], total
        for _ in range(data.draw(st.integers(1, 4))):
            cuts.append(data.draw(st.integers(0, left)))
            left -= cuts[-1]
        parts_are_the_whole(total, cuts)

    @few
    @given(told=steps)
    def test_lazy_is_eager(self, told: Steps) -> None:
        """Time run each night, or never, gives the same."""
        lazy_is_eager(told)

    @few
    @given(told=steps)
    def test_the_report_adds_up(self, told: Steps) -> None:
        """The report is what stands on the accounts."""
        the_report_adds_up(told)


BUYS: Steps = [
    ("choose", "ann", 1, 0),
    ("buy", "ann", 40_000, 1),
    ("refund", "ann", 10_000, 2),
    ("buy", "bob", 9_999, 3),
]
GIVES: Steps = [("buy", "ann", 40_000, 1), ("give", "ann", 5, 0), ("cancel", "ann", 0, 0)]


class TestSeededBugs:
    """Each law is broken by a bug planted for it."""

    def test_a_charity_that_is_not_told_of_a_refund(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where receivers are not told, they keep what came back."""
        monkeypatch.setattr("patronage.requests.amend", lambda *_: None)
        with pytest.raises(AssertionError):
            all_that_is_given_arrives(BUYS)
        with pytest.raises(AssertionError):
            nothing_is_left(BUYS)

    def test_a_cancelled_donation_that_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a cancellation does not tell the charity, it keeps it."""
        monkeypatch.setattr("patronage.requests.tell_back", lambda *_: None)
        with pytest.raises(AssertionError):
            all_that_is_given_arrives(GIVES)

    def test_a_payout_that_is_made_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a payout is not of what was consumed, it is seen."""
        monkeypatch.setattr("patronage.reaching.rounded", lambda n, d, mode: n // d + 7)
        with pytest.raises(AssertionError):
            all_that_is_given_arrives(BUYS)

    def test_a_total_that_is_added_to_what_is_booked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a charity books each total anew, parts are not the whole."""
        parts_are_the_whole(5_000, [500, 400])
        monkeypatch.setattr("patronage.follow_ups.booked", lambda *_: {})
        with pytest.raises(AssertionError):
            parts_are_the_whole(5_000, [500, 400])

    def test_time_that_gives_to_the_charity_of_the_day_it_is_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where what lapses goes to whoever is the choice when time is run, lazy is not eager."""
        told: Steps = [
            ("buy", "ann", 40_000, 0),
            ("choose", "ann", 1, 20),
            ("choose", "ann", 0, 20),
            ("buy", "ann", 1, 9),
        ]
        known = DonationPolicy.charity
        seen: list[datetime] = []

        def bug(self: DonationPolicy, occasion: Any) -> str | None:
            seen.append(occasion.at)
            return known(self, occasion) if len(seen) % 2 else "B"

        lazy_is_eager(told)
        monkeypatch.setattr(DonationPolicy, "charity", bug)
        with pytest.raises(AssertionError):
            lazy_is_eager(told)

    def test_a_report_that_forgets_what_came_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where returns are not netted, the report does not add up."""
        monkeypatch.setattr(patronage.donations.Donated, "net", property(lambda row: row.given))
        with pytest.raises(AssertionError):
            the_report_adds_up(BUYS)
