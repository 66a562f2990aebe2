"""
The values whose documents are kept in `golden/`: one of each event, a commit, a state, a program; and whole programs.

Run as a module, this writes what is not there yet in the newest format; a document that is there is never changed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from codec.documents import CODEC, INSTANT, POINTS, PROGRAM_TOML, USD
from patronage._frozen import FrozenMapping
from patronage.between import PromisedCredit, PromisedGrant
from patronage.charities import CharityChosen
from patronage.codec import FORMAT
from patronage.dividends import ClassAllocated, ClassDeclared, DividendAllocated, DividendDeclared, DividendShare
from patronage.events import (
    AccountClosed,
    Activity,
    Adjustment,
    Cancellation,
    Capture,
    Confirmation,
    Contribution,
    Counterpart,
    Discount,
    Enrolment,
    FollowedUp,
    Gift,
    Line,
    LineKind,
    Merge,
    OpeningBalance,
    OpeningLot,
    PoolJoined,
    PoolLeft,
    Purchase,
    RateDeclared,
    Redemption,
    ReferralClaimed,
    Refund,
    RefundLine,
    Release,
    Rerated,
    Reservation,
    StatusEnd,
    StatusGrant,
    Tender,
    TimePassed,
)
from patronage.ledger import (
    ISSUED,
    REDEEMED,
    Account,
    Balance,
    Basis,
    Benefit,
    BenefitKind,
    Booking,
    Commit,
    Fact,
    Grant,
    GrantChange,
    GrantEntry,
    Lot,
    Reason,
    Refusal,
    RejectionCode,
    Source,
    Transfer,
    Validity,
    WakeChange,
    WakeEntry,
    WakeUp,
)
from patronage.memberships import MembershipCancelled, MembershipChanged, MembershipRenewed, MembershipStarted
from patronage.partnerships import PartnerLinked, PartnerUnlinked, PartnerWindow
from patronage.program import Program
from patronage.sharing import Cut
from patronage.state import State
from patronage.terms_of_time import Until, months
from patronage.units import OddStep

GOLDEN: Final = Path(__file__).with_name("golden")
FOLDER: Final = GOLDEN / f"format_{FORMAT}"
PROGRAMS: Final = (GOLDEN / "catalogue.toml", *sorted(Path(__file__).parents[2].glob("examples/programs/*.toml")))
"""What the example programs say, and a catalogue of the rest: together, every kind of value that a program can hold."""

YEAR: Final = datetime(2025, 6, 1, 4, tzinfo=UTC)
MEMBER: Final = Account.member("m-1")
ABOUT: Final = Source(MEMBER, "order-17")

LOT: Final = Lot(
    unit="points",
    steps=120,
    label="charity-9",
    validity=Validity(
        available_at=INSTANT + timedelta(days=14),
        expires_at=YEAR,
        held_by="gold",
        grace=months(1, until=Until.END_OF_MONTH),
    ),
    source=ABOUT,
    credited_at=INSTANT,
    reserved_for="hold-1",
)
GRANT: Final = Grant(
    key="tier",
    value="gold",
    valid_from=INSTANT,
    valid_until=YEAR,
    uses=None,
    giver="levels/gold",
    occasion="2024",
    source=ABOUT,
    consumed=(LOT,),
)
WAKE_UP: Final = WakeUp(INSTANT, "levels", "review", FrozenMapping({"n": 1, "last": None, "ids": ("a", "b")}))
PURCHASE: Final = Purchase(
    id="order-17",
    member="m-1",
    occurred_at=INSTANT,
    lines=(
        Line(
            total=USD.of("120.00"),
            sku="4711",
            category="books",
            brand="Épée",
            tags=("new", "sale"),
            quantity="1.50",
            tax=USD.of("10.00"),
            discounts=(Discount(kind="coupon", total=USD.of("1.00")),),
            measures={"km": "3.10"},
            attributes={"gift": True, "shelf": 12, "note": "☃"},
        ),
        Line(id="ship", total=USD.of("30.00"), kind=LineKind.SHIPPING),
    ),
    discounts=(Discount(kind="staff", total=USD.of("10.00")),),
    tenders=(
        Tender(kind="points", total=USD.of("40.00"), redemption="r-1"),
        Tender(kind="card", total=USD.of("100.00")),
    ),
    by="m-2",
    channel="web",
    store="berlin-1",
    attributes={"first": False},
)


def _head(id: str) -> dict[str, Any]:
    return {"id": id, "member": "m-1", "occurred_at": INSTANT}


DECLARED: Final = DividendDeclared(
    id="dividend-2024",
    policy="dividend",
    occurred_at=INSTANT,
    of=INSTANT,
    classes=(ClassDeclared(pool=USD.of("5000.00")), ClassDeclared(name="grain", credit=USD.of("0.05"), per="2.5")),
    issue_at=INSTANT + timedelta(days=14),
    expires_at=YEAR,
)
CUT: Final = Cut(
    total=500_000, weight=10_000_000, members=3, odd=OddStep.LARGEST_REMAINDER, left=1, least=2_500_000, last="m-2"
)
ALLOCATED: Final = (ClassAllocated(name="patronage", cut=CUT),)
FACTS: Final[FrozenMapping[str, Fact]] = FrozenMapping([("rate", "3/2"), ("whole", True)])
VALUES: Final[dict[str, Any]] = {
    "enrolment": Enrolment(**_head("e-1"), channel="app", attributes={"campaign": "may"}),
    "purchase": PURCHASE,
    "refund": Refund(
        **_head("f-1"),
        purchase="order-17",
        lines=(RefundLine(id="1", quantity="0.5"), RefundLine(id="ship", total=USD.of("3.00"))),
        tenders=(Tender(kind="card", total=USD.of("43.00")),),
    ),
    "redemption": Redemption(
        **_head("r-1"), reward="money-off", amount=POINTS.of(4000), cart=(Line(total=USD.of("150.00")),), channel="web"
    ),
    "reservation": Reservation(
        **_head("hold-1"), reward="mug", times=2, lapses_at=INSTANT + timedelta(minutes=15, microseconds=1)
    ),
    "capture": Capture(**_head("c-1"), reservation="hold-1", amount=POINTS.of(50)),
    "release": Release(**_head("l-1"), reservation="hold-1"),
    "cancellation": Cancellation(**_head("x-1"), undoes="r-1"),
    "confirmation": Confirmation(**_head("k-1"), of="order-17"),
    "activity": Activity(**_head("v-1"), kind="review", count=2, measures={"km": "0.25"}, attributes={"stars": 5}),
    "adjustment": Adjustment(
        **_head("a-1"), amount=POINTS.of(100), actor="ann", reason="goodwill", label="charity-9", expires_at=YEAR
    ),
    "status_grant": StatusGrant(
        **_head("s-1"), key="tier", value="gold", until=YEAR, uses=3, actor="ann", reason="match"
    ),
    "rate_declared": RateDeclared(
        **_head("d-1"), policy="dividend", rule="year", of=INSTANT, credit=USD.of("0.10"), per=USD.of("1.00")
    ),
    "membership_started": MembershipStarted(**_head("b-1"), policy="prime", plan="annual", trial=True),
    "membership_renewed": MembershipRenewed(**_head("b-2"), policy="prime"),
    "membership_changed": MembershipChanged(**_head("b-3"), policy="prime", plan="monthly", at_term_end=True),
    "membership_cancelled": MembershipCancelled(**_head("b-4"), policy="prime", refund=False),
    "dividend_declared": DECLARED,
    "dividend_allocated": DividendAllocated(
        id="~a/0123456789abcdef0123456789abcdef",
        policy="dividend",
        occurred_at=INSTANT,
        declaration="dividend-2024",
        classes=ALLOCATED,
    ),
    "dividend_share": DividendShare(
        id="~s/0123456789abcdef0123456789abcdef",
        member="m-1",
        occurred_at=INSTANT,
        origin=Source(Account.shared("dividend"), "dividend-2024"),
        policy="dividend",
        of=INSTANT,
        classes=DECLARED.classes,
        allocated=ALLOCATED,
        expires_at=YEAR,
    ),
    "charity_chosen": CharityChosen(**_head("h-1"), policy="smile", charity="charity-9"),
    "partner_linked": PartnerLinked(**_head("p-1"), policy="partners", partner="uber", account="u-77"),
    "partner_unlinked": PartnerUnlinked(**_head("p-2"), policy="partners", partner="uber"),
    "partner_window": PartnerWindow(**_head("p-3"), policy="partners", window="stay", starts_at=INSTANT, ends_at=YEAR),
    "status_end": StatusEnd(**_head("s-2"), key="tier", value="gold", actor="ann", reason="fraud"),
    "referral_claimed": ReferralClaimed(
        **_head("r-1"),
        policy="referral",
        referrer="m-2",
        code="ANN-2024",
        code_uses=5,
        fingerprints=("card", "home"),
        referrer_fingerprints=("phone",),
        joined_at=INSTANT,
        referrer_joined_at=INSTANT - timedelta(days=1),
        channel="app",
        attributes={"country": "US"},
    ),
    "gift": Gift(**_head("g-1"), to="m-2", amount=POINTS.of(50), reason="birthday"),
    "merge": Merge(**_head("mg-1"), into="m-2", actor="ann", reason="duplicate"),
    "pool_joined": PoolJoined(**_head("pj-1"), pool="house-1", until=YEAR),
    "contribution": Contribution(**_head("pc-1"), pool="house-1", amount=POINTS.of(50)),
    "pool_left": PoolLeft(**_head("pl-1"), pool="house-1"),
    "opening_balance": OpeningBalance(
        **_head("ob-1"),
        lots=(OpeningLot(amount=POINTS.of(70), earned_at=INSTANT - timedelta(days=90), expires_at=YEAR, needs="vip"),),
        actor="ann",
        reason="old_system",
    ),
    "account_closed": AccountClosed(**_head("cl-1"), actor="ann", reason="asked"),
    "time_passed": TimePassed(id="~t/2024-05-08T12:30:00.000000Z", member="m-1", occurred_at=INSTANT),
    "rerated": Rerated(
        id="~r/0123456789abcdef0123456789abcdef", member="m-1", occurred_at=INSTANT, late=("order-16", "a-3")
    ),
    "counterpart": Counterpart(
        id="~c/0123456789abcdef0123456789abcdef",
        member="spring-2024",
        occurred_at=INSTANT,
        origin=MEMBER,
        event="f-1",
        root="order-17",
    ),
    "followed_up": FollowedUp(
        id="~f/0123456789abcdef0123456789abcdef",
        member="m-2",
        occurred_at=INSTANT,
        receiver=Account.member("m-2"),
        origin=ABOUT,
        event="f-1",
        policy="referral",
        ordinal=1,
        credits=(PromisedCredit(amount=POINTS.of(50), rule="friend", validity=Validity(available_at=YEAR)),),
        gives=(PromisedGrant(key="voucher", value="mug", valid_until=YEAR, uses=1, occasion="1", rule="friend"),),
        reason=Reason("followed_up", FACTS),
    ),
    "commit": Commit(
        account=MEMBER,
        version=7,
        event=PURCHASE,
        root="order-17",
        ordinal=0,
        names=("order-17", "r-1"),
        terms_from=datetime(2024, 1, 1, tzinfo=UTC),
        basis=Basis(
            (GRANT,),
            (Balance("points", None, 80), Balance("visits", "2024-05", 2)),
            FrozenMapping({"shared budget": (Balance("USD", None, 10_000),)}),
        ),
        entries=(
            Transfer(
                cause="order-17",
                n=0,
                at=INSTANT,
                policy="base",
                about=ABOUT,
                unit="points",
                label="charity-9",
                steps=120,
                payer=ISSUED,
                payee=MEMBER,
                taken=(),
                put=(LOT,),
                books=(
                    Booking(
                        rule="one-per-dollar",
                        steps=120,
                        wanted=150,
                        base=(15_000, 1),
                        exact=(300, 2),
                        rate="1 points per 1.00 USD",
                        rounding="floor",
                        lines=("1",),
                        trimmed_by="monthly",
                    ),
                ),
                reason=Reason("earned", FACTS),
            ),
            GrantEntry(
                cause="order-17",
                n=1,
                at=INSTANT,
                policy="levels",
                rule="gold",
                about=ABOUT,
                change=GrantChange.GIVEN,
                grant=GRANT,
                reason=Reason("given", FrozenMapping()),
            ),
            WakeEntry(
                cause="order-17",
                n=2,
                at=INSTANT,
                policy="levels",
                rule="",
                about=ABOUT,
                change=WakeChange.SET,
                wake_up=WAKE_UP,
                reason=Reason("set", FrozenMapping()),
            ),
            Transfer(
                cause="order-17",
                n=3,
                at=INSTANT,
                policy="money-off",
                about=Source(MEMBER, "r-1"),
                unit="points",
                label=None,
                steps=40,
                payer=MEMBER,
                payee=REDEEMED,
                taken=(Lot("points", 40, None, Validity(), None, None, None),),
                put=(),
                books=(),
                reason=Reason("redeemed", FrozenMapping()),
            ),
        ),
        benefits=(
            Benefit(BenefitKind.MONEY_OFF, "money-off", USD.of("40.00"), 1, FrozenMapping({"1": 3200, "ship": 800})),
        ),
        refusal=Refusal(RejectionCode.BALANCE_TOO_LOW, FrozenMapping({"available": 80, "asked": 100})),
        next_due=YEAR,
        fingerprint="f" * 64,
        terms_digest="d" * 64,
        recorded_at=INSTANT + timedelta(seconds=1),
    ),
    "state": State(
        account=MEMBER,
        version=7,
        clock=INSTANT,
        lots=FrozenMapping({"points": (LOT, Lot("points", 80, None, Validity(), None, None, None))}),
        pending=(
            Lot("points", 5, None, Validity(on_confirmation=True, expires_after=months(12)), ABOUT, INSTANT, None),
        ),
        grants=(GRANT,),
        wake_ups=(WAKE_UP,),
        next_due=YEAR,
    ),
    "program": CODEC.load_toml(PROGRAM_TOML, Program),
}


def write_missing() -> None:
    """Writes the documents of values that have none yet."""
    for name, value in VALUES.items():
        _write(FOLDER / f"{name}.json", value)
    for path in PROGRAMS:
        _write(FOLDER / "programs" / f"{path.stem}.json", CODEC.load_toml(path.read_text(encoding="utf-8"), Program))


def _write(path: Path, value: object) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CODEC.dump_bytes(value) + b"\n")


if __name__ == "__main__":
    write_missing()
