"""What is public and a value is frozen, slotted, hashable, and survives a pickle."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from enum import Enum
from typing import Any

import attrs
import pytest
from unit_shop import NEW_YEAR, POINTS, USD, Member, on, point_a_dollar, points_policy, program_of, purchase

import patronage
from patronage import (
    Account,
    Activity,
    Adjustment,
    Base,
    Basis,
    BonusRule,
    Cancellation,
    Capture,
    CashbackPolicy,
    Ceiling,
    ChallengePolicy,
    Confirmation,
    Credit,
    Debit,
    Discount,
    DividendPolicy,
    DonationPolicy,
    Enrolment,
    FixedReward,
    Give,
    Grant,
    Group,
    Life,
    Line,
    MembershipPolicy,
    MultiplierRule,
    OfferPolicy,
    PartnerPolicy,
    PayWithPoints,
    Problem,
    QuantityRule,
    Read,
    Redemption,
    ReferralPolicy,
    Refund,
    RefundLine,
    RefundTerms,
    Refusal,
    RejectionCode,
    Release,
    Reservation,
    Revoke,
    Reward,
    SetTo,
    Stacking,
    StatusEnd,
    StatusGrant,
    Step,
    StepTable,
    Tender,
    TierPolicy,
    Use,
    Wake,
)
from patronage._frozen import FrozenMapping
from patronage.bands import Band
from patronage.challenges import Goal, Milestone
from patronage.errors import (
    AmountOverflowError,
    DocumentError,
    DuplicateEventError,
    EventConflictError,
    HistoryRequiredError,
    InvalidValueError,
    LedgerError,
    PolicyError,
    RejectedError,
    StaleStateError,
    UnitMismatchError,
)
from patronage.events import TimePassed
from patronage.ledger import GrantEntry, Source, WakeEntry, WakeUp
from patronage.offers import Offer
from patronage.partners import Agreement, Partner
from patronage.periods import YEAR
from patronage.plans import Plan
from patronage.policies.cashback import CashbackRate
from patronage.policies.dividend import PatronageClass
from patronage.policies.referral_parts import ReferralReward
from patronage.policies.tier import Level
from patronage.rules import Rule
from patronage.terms_of_time import years
from patronage.thresholds import GiveCredit


class TestFrozenMapping:
    """A small immutable mapping."""

    def test_it_is_a_mapping(self) -> None:
        """Reading it is like reading a dict."""
        table = FrozenMapping({"a": 1, "b": 2})
        assert isinstance(table, Mapping)
        assert (table["a"], table.get("c", 0), len(table), list(table)) == (1, 0, 2, ["a", "b"])
        assert "a" in table
        assert "c" not in table
        assert dict(table) == {"a": 1, "b": 2}
        assert repr(table) == "FrozenMapping({'a': 1, 'b': 2})"
        with pytest.raises(KeyError):
            table["c"]

    def test_it_is_made_of_a_mapping_or_of_pairs_and_copies_them(self) -> None:
        """What it was made of may change afterwards."""
        given = {"a": 1}
        table = FrozenMapping(given)
        given["a"] = 2
        assert table["a"] == 1
        assert FrozenMapping([("a", 1)]) == table
        assert len(FrozenMapping[str, int]()) == 0

    def test_equal_content_is_equal_in_any_order(self) -> None:
        """Equality and hash ignore the order of the keys."""
        one, two = FrozenMapping({"a": 1, "b": 2}), FrozenMapping({"b": 2, "a": 1})
        assert one == two
        assert hash(one) == hash(two) == hash(one)
        assert one != FrozenMapping({"a": 1})
        assert one != {"a": 1, "b": 2}
        assert len({one, two}) == 1

    def test_it_cannot_be_changed(self) -> None:
        """Neither an item nor an attribute."""
        table: Any = FrozenMapping({"a": 1})
        with pytest.raises(TypeError):
            table["a"] = 2
        with pytest.raises(TypeError):
            del table["a"]
        with pytest.raises(AttributeError):
            table.x = 1
        with pytest.raises(AttributeError):
            table._items = {}
        with pytest.raises(AttributeError):
            del table._items

    def test_one_with_another_value_is_another(self) -> None:
        """`set` and `without` give a new mapping, and leave the old one."""
        table = FrozenMapping({"a": 1})
        assert table.set("b", 2) == FrozenMapping({"a": 1, "b": 2})
        assert table.set("a", 3)["a"] == 3
        assert table.without("a") == FrozenMapping()
        assert table.without("z") == table
        assert table == FrozenMapping({"a": 1})

    def test_it_survives_a_pickle(self) -> None:
        """Pickled and read again it is equal, hash and all."""
        table = FrozenMapping({"a": (1, 2)})
        again = pickle.loads(pickle.dumps(table))
        assert again == table
        assert hash(again) == hash(table)

    def test_what_cannot_be_hashed_says_so(self) -> None:
        """A mapping hashes where its values do."""
        with pytest.raises(TypeError):
            hash(FrozenMapping({"a": [1]}))


def fields(**more: Any) -> dict[str, Any]:
    """What every event has."""
    return {"id": "x-1", "member": "m-1", "occurred_at": NEW_YEAR, **more}


def values() -> list[object]:
    """One of each public value."""
    line = Line(total=USD.of(2), tags=["a"], measures={"km": 1}, attributes={"k": True})
    paid = [Tender(kind="points", total=USD.of(1), redemption="d-1"), Tender(kind="card", total=USD.of(5))]
    band, ceiling = Band(over=USD.of(9), credit=POINTS.of(2)), Ceiling(name="top", limit=POINTS.of(99))
    rules: list[Rule] = [
        point_a_dollar(
            name="spend",
            whole=False,
            bands=[band],
            ceilings=[ceiling],
        ),
        QuantityRule(credit=POINTS.of(1)),
        BonusRule(credit=POINTS.of(1)),
        MultiplierRule(factor=2, group="g"),
    ]
    group = Group(name="g", stacking=Stacking.SUM)
    step = Step(cost=POINTS.of(1), value=USD.of(1))
    rewards: list[Reward] = [
        PayWithPoints(name="pay", points=POINTS.of(1), value=USD.of(1)),
        FixedReward(name="mug", cost=POINTS.of(1)),
        StepTable(name="table", steps=[step]),
    ]
    program = program_of(points_policy(*rules, groups=[group]), rewards=rewards)
    member = Member(program)
    redeemed = member.tell(Redemption(**fields(id="d-1", reward="mug")))
    bought = member.accept(purchase(line, "5.00", discounts=[Discount(kind="c", total=USD.of(1))], tenders=paid))
    status = StatusGrant(**fields(key="tier", actor="ann", reason="match", until=on(2, 1)))
    given = member.accept(attrs.evolve(status, occurred_at=member.now))
    spent = member.accept(Redemption(**fields(id="d-2", reward="mug", occurred_at=member.now)))
    held = member.accept(Reservation(**fields(id="v-1", reward="mug", occurred_at=member.now, lapses_at=on(9, 1))))
    (entry, *_) = bought.entries
    assert isinstance(entry, patronage.Transfer)
    grant_entry = given.entries[0]
    assert isinstance(grant_entry, GrantEntry)
    wake_entry = held.entries[-1]
    assert isinstance(wake_entry, WakeEntry)
    occasion = patronage.Occasion(
        NEW_YEAR, member.state.account, bought.event, None, Basis(), program.calendar, FrozenMapping({"USD": USD})
    )
    standing = member.standing()
    return [
        USD,
        USD.of(1),
        line,
        *paid,
        *bought.event.discounts,  # type: ignore[union-attr]
        bought.event,
        RefundLine(id="1", quantity=1),
        Refund(**fields(purchase="o-1", lines=[RefundLine(id="1")])),
        Redemption(**fields(reward="mug", cart=[line])),
        Reservation(**fields(reward="mug", lapses_at=on(9, 1))),
        Capture(**fields(reservation="v-1")),
        Release(**fields(reservation="v-1")),
        Cancellation(**fields(undoes="o-1")),
        Confirmation(**fields(of="o-1")),
        Enrolment(**fields()),
        Activity(**fields(kind="review", measures={"km": 1})),
        Adjustment(**fields(amount=POINTS.of(1), actor="ann", reason="match")),
        status,
        StatusEnd(**fields(key="tier", actor="ann", reason="match")),
        TimePassed(**fields(id="~t/x")),
        *rules,
        band,
        ceiling,
        group,
        step,
        *rewards,
        *program.terms,
        *program.terms[0].policies,
        CashbackPolicy(name="card", currency="USD", credits="USD", rates=(CashbackRate(name="all", rate="0.01"),)),
        ChallengePolicy(
            name="goals",
            challenges=[Goal(name="goal", milestones=[Milestone(at_least=POINTS.of(9), gives=())])],
        ),
        DividendPolicy(name="dividend", period=YEAR, credits="USD", classes=[PatronageClass(currency="USD")]),
        DonationPolicy(name="smile", charities=["A"], unit="given"),
        PartnerPolicy(name="partners", partners=[Partner(name="uber", agreements=[Agreement()])]),
        MembershipPolicy(name="club", plans=[Plan(name="year", fee=USD.of(9), term=years(1))]),
        OfferPolicy(name="offers", offers=[Offer(name="offer", rules=[BonusRule(credit=POINTS.of(5))])]),
        ReferralPolicy(name="referral", rewards=[ReferralReward(friend=[GiveCredit(amount=POINTS.of(5))])]),
        TierPolicy(name="tier", levels=[Level(name="gold", at_least=POINTS.of(100))]),
        RefundTerms(),
        program,
        Base(),
        Life(),
        member.state,
        standing[POINTS],
        redeemed,
        bought,
        bought.earned(POINTS),
        bought.commits[0],
        bought.commits[0].basis,
        entry,
        entry.about,
        *entry.put,
        entry.put[0].validity,
        grant_entry,
        grant_entry.grant,
        wake_entry,
        wake_entry.wake_up,
        *spent.benefits,
        member.state.account,
        Account.shared("pool"),
        Refusal(RejectionCode.TOO_LATE, FrozenMapping()),
        Credit(POINTS.of(1)),
        Debit(POINTS.of(1)),
        SetTo(amount=POINTS.of(0)),
        Give(key="tier"),
        Use(key="tier"),
        Revoke(key="tier"),
        Wake(at=NEW_YEAR, name="x", facts={"a": 1}),
        WakeUp(NEW_YEAR, "p", "x", FrozenMapping({"a": 1})),
        Grant("k", None, NEW_YEAR, None, None, "@ann", "", Source(Account.member("m"), "r")),
        Read("points"),
        Problem("terms", "wrong"),
        occasion,
        standing,
    ]


VALUES = values()
# Read through, not stored: a standing has its figures, and is compared by nobody.
NO_VALUE = {"Standing"}


def public_classes() -> list[type]:
    """Every attrs class of `patronage.__all__`."""
    found = [getattr(patronage, name) for name in patronage.__all__]
    return [one for one in found if isinstance(one, type) and attrs.has(one)]


def test_there_is_one_of_each_public_value() -> None:
    """The list above leaves no public class out."""
    made = {type(value) for value in VALUES}
    assert [one.__name__ for one in public_classes() if one not in made] == []


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_public_value_cannot_be_changed(value: object) -> None:
    """No attribute can be set, deleted or added: frozen and slotted."""
    anything: Any = value
    kind = type(value)
    field = attrs.fields(kind)[0].name  # type: ignore[arg-type]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(anything, field, None)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        delattr(anything, field)
    with pytest.raises(AttributeError):
        anything.no_such_attribute = 1
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize(
    "value", [value for value in VALUES if type(value).__name__ not in NO_VALUE], ids=lambda value: type(value).__name__
)
def test_a_public_value_hashes_and_survives_a_pickle(value: object) -> None:
    """Pickled and read again it is equal and hashes alike: in every protocol."""
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(value, protocol))
        assert again == value
        assert hash(again) == hash(value)
        assert type(again) is type(value)
    assert pickle.loads(pickle.dumps(value)) is not value


ERRORS = [
    InvalidValueError("wrong"),
    UnitMismatchError("USD", "points"),
    AmountOverflowError(2**63),
    DocumentError([Problem("", "wrong"), Problem("a.b", "wrong too")]),
    HistoryRequiredError("r-1", ["o-1", "d-1"]),
    PolicyError("own", "wrong"),
    RejectedError("too_late", "Refused: too_late.", False),
    StaleStateError("member m-1", 3, 4),
    DuplicateEventError("member m-1", "o-1"),
    EventConflictError("member m-1", "o-1", "lines"),
    LedgerError("entry 0/o-1", "wrong"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_a_pickle_and_is_a_sentence(error: Exception) -> None:
    """A worker's error reaches the parent with its facts; its text is plain and one per problem."""
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert again.args == error.args
    assert vars(again) == vars(error)
    assert str(again) == str(error)
    assert str(error)


def test_every_public_error_is_tried() -> None:
    """No error class of the front door is left out; the root is raised by nobody."""
    public = {getattr(patronage, name) for name in patronage.__all__ if name.endswith("Error")}
    assert public - {type(error) for error in ERRORS} == {patronage.PatronageError}


def test_members_of_enums_are_one_each() -> None:
    """A pickled member of a public enum is the member itself."""
    for name in patronage.__all__:
        kind = getattr(patronage, name)
        if isinstance(kind, type) and issubclass(kind, Enum):
            assert all(pickle.loads(pickle.dumps(member)) is member for member in kind)
