"""Values of every kind that the codec writes, drawn widely within what their classes take."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from fractions import Fraction
from typing import Any

import attrs
from hypothesis import strategies as st

from patronage._frozen import FrozenMapping
from patronage.base import Base
from patronage.between import PromisedBenefit, PromisedCredit, PromisedGrant, counterpart
from patronage.challenges import (
    Campaign,
    CampaignStep,
    Different,
    DifferentBy,
    Excess,
    Goal,
    Milestone,
    Protection,
    Streak,
)
from patronage.charities import CharityChosen
from patronage.closings import ClosingTerms
from patronage.conditions import (
    AllOf,
    AnyOf,
    BalanceIs,
    Between,
    Brand,
    Category,
    Channel,
    EventAttribute,
    HasGrant,
    Kind,
    LineAttribute,
    LinePrice,
    Not,
    PaidByRedemption,
    PaidWith,
    Quantity,
    Recurs,
    Sku,
    Spend,
    Store,
    Tag,
    TimeOfDay,
    Weekday,
)
from patronage.derived import DerivedBalance, DerivedRate
from patronage.dividends import ClassAllocated, ClassDeclared, DividendAllocated, DividendDeclared, DividendShare
from patronage.events import (
    AccountClosed,
    Activity,
    Adjustment,
    Cancellation,
    Capture,
    Confirmation,
    Contribution,
    Discount,
    Enrolment,
    Event,
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
from patronage.granting import GrantRule, RevokeRule
from patronage.ledger import (
    DEBT,
    Account,
    AccountKind,
    Balance,
    Basis,
    Benefit,
    BenefitKind,
    Booking,
    Commit,
    Entry,
    Grant,
    GrantChange,
    GrantEntry,
    Lot,
    Reason,
    Refusal,
    RejectionCode,
    Replayed,
    Source,
    Transfer,
    Validity,
    WakeChange,
    WakeEntry,
    WakeUp,
)
from patronage.line_conditions import LineDiscounted, MeasureIs
from patronage.memberships import MembershipCancelled, MembershipChanged, MembershipRenewed, MembershipStarted
from patronage.occasions import CountedFrom, Life
from patronage.offers import Activation, Offer, UseLimit
from patronage.partners import AgreedPrice, Agreement, Partner
from patronage.partnerships import PartnerLinked, PartnerUnlinked, PartnerWindow
from patronage.periods import QUARTER, YEAR, CalendarPeriod, FiscalYear, Lifetime, PeriodKind, Window
from patronage.plans import Back, FeeBack, Plan, Renewal, TermsFrom
from patronage.policies.cashback import CashbackPolicy, CashbackRate, PaidAs, Payout, RateBand, Rotation, Turn
from patronage.policies.challenge import ChallengePolicy
from patronage.policies.dividend import BelowMinimum, DividendPolicy, LateReturns, PatronageClass, SharedBy
from patronage.policies.donation import DonationPolicy, LapsedShare
from patronage.policies.membership import MembershipPolicy
from patronage.policies.offer import OfferPolicy
from patronage.policies.partner import PartnerPolicy
from patronage.policies.points import PointsPolicy
from patronage.policies.referral import ReferralPolicy
from patronage.policies.referral_parts import Deed, ReferralCap, ReferralReward
from patronage.pool_terms import Draw, PoolTerms, Split
from patronage.program import Program
from patronage.recurrence import Every, Recurrence
from patronage.request_conditions import CodeGiven
from patronage.rewards import (
    AmountOff,
    AmountOffItems,
    CartReward,
    Choice,
    FixedReward,
    FreeItems,
    FreeShipping,
    ItemsOff,
    Limit,
    MoneyVoucher,
    PayWithPoints,
    PercentOff,
    Pick,
    Qualifying,
    Rest,
    SetPrice,
    Step,
    StepTable,
)
from patronage.rules import BonusRule, Ceiling, Grain, Group, MultiplierRule, On, QuantityRule, SpendRule, Stacking
from patronage.sharing import Cut
from patronage.state import State
from patronage.terms import Expired, RefundTerms, Returned, Shortfall, Terms
from patronage.terms_of_time import (
    Anniversary,
    Annual,
    EndOfPeriod,
    Lasting,
    OnDate,
    Rolling,
    TimeUnit,
    Until,
    WhileGranted,
    WhileHeld,
    months,
    years,
)
from patronage.thresholds import GiveBenefit, GiveCredit, GiveGrant
from patronage.totals import Pays
from patronage.transfers import TransferTerms
from patronage.units import STEPS_LIMIT, Amount, OddStep, Rounding, Unit, UnitKind

USD, POINTS = Unit("USD", decimals=2), Unit("points")
ALPHABET = "abcXYZ019-_/. é☃𝄞\"\\[]{},:#'"

words = st.text(ALPHABET, min_size=1, max_size=12)
ids = words.filter(lambda text: not text.startswith("~"))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,9}", fullmatch=True)
steps = st.integers(-STEPS_LIMIT + 1, STEPS_LIMIT - 1)
offsets = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-12))])
instants = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30), timezones=offsets)
utc_instants = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC))
dates = st.dates(date(1970, 1, 1), date(2199, 12, 31))
times = st.times()
quantities = st.decimals("0.001", 10**6, places=3)
factors = st.fractions(Fraction(1, 100), 100, max_denominator=1000)
attributes = st.dictionaries(words, texts | steps | st.booleans(), max_size=3)
measures = st.dictionaries(words, st.decimals(-(10**9), 10**9, places=4), max_size=2)
facts = st.dictionaries(words, texts | steps | st.booleans() | st.none() | st.lists(texts, max_size=2).map(tuple)).map(
    FrozenMapping
)


def amounts(unit: str = "USD", least: int = 0, most: int = 10**12) -> st.SearchStrategy[Amount]:
    """Amounts of a unit."""
    return st.integers(least, most).map(lambda n: Amount(n, unit))


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value or None."""
    return st.none() | values


def some(values: st.SearchStrategy[Any], most: int = 2, least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    """A short tuple."""
    return st.lists(values, min_size=least, max_size=most).map(tuple)


discounts = st.builds(Discount, kind=words, total=amounts(most=100), redemption=maybe(ids))


@st.composite
def lines(draw: st.DrawFn, least: int = 1_000) -> Line:
    """One line, without an id of its own."""
    total = draw(amounts(least=least))
    return Line(
        total=total,
        sku=draw(maybe(ids)),
        category=draw(maybe(ids)),
        brand=draw(maybe(ids)),
        tags=draw(some(words)),
        kind=draw(st.sampled_from(LineKind)),
        quantity=draw(quantities),
        tax=draw(maybe(amounts(most=total.steps))),
        discounts=draw(some(discounts)),
        measures=draw(measures),
        attributes=draw(attributes),
    )


def head(*, start: st.SearchStrategy[datetime] = instants) -> dict[str, st.SearchStrategy[Any]]:
    """What every event has."""
    return {"id": ids, "member": ids, "occurred_at": start}


@st.composite
def purchases(draw: st.DrawFn) -> Purchase:
    """A purchase with tenders that sum to what is charged."""
    sold = draw(some(lines(), 3))
    off: tuple[Any, ...] = draw(some(discounts, 2)) if sold else ()
    paid: list[Tender] = []
    charged = sum(line.total.steps for line in sold) - sum(each.total.steps for each in off)
    in_parts: bool = draw(st.booleans())
    if sold and in_parts:
        part = draw(st.integers(0, charged))
        paid = [
            Tender(kind="points", total=Amount(part, "USD"), redemption=draw(maybe(ids))),
            Tender(kind="card", total=Amount(charged - part, "USD")),
        ]
    return Purchase(
        **{key: draw(value) for key, value in head().items()},
        lines=sold,
        discounts=off,
        tenders=paid,
        by=draw(maybe(ids)),
        channel=draw(maybe(words)),
        store=draw(maybe(ids)),
        attributes=draw(attributes),
    )


@st.composite
def refunds(draw: st.DrawFn) -> Refund:
    """A refund by lines or by a total."""
    line = st.one_of(
        st.builds(RefundLine, id=ids, quantity=maybe(quantities)),
        st.builds(RefundLine, id=ids, total=amounts(least=1)),
    )
    back = draw(st.lists(line, max_size=3, unique_by=lambda each: each.id))
    return Refund(
        **{key: draw(value) for key, value in head().items()},
        purchase=draw(ids),
        lines=back,
        total=None if back else draw(maybe(amounts(least=1))),
        tenders=draw(some(st.builds(Tender, kind=words, total=amounts()))),
        attributes=draw(attributes),
    )


@st.composite
def adjustments(draw: st.DrawFn) -> Adjustment:
    """A credit, perhaps with dates, or a debit."""
    found = {key: draw(value) for key, value in head().items()}
    credit = draw(st.booleans())
    available = (
        found["occurred_at"] + timedelta(days=draw(st.integers(0, 9))) if credit and draw(st.booleans()) else None
    )
    expires = (available or found["occurred_at"]) + timedelta(seconds=1) if credit and draw(st.booleans()) else None
    return Adjustment(
        **found,
        amount=draw(amounts("points", 1) if credit else amounts("points", -(10**9), -1)),
        actor=draw(words),
        reason=draw(words),
        label=draw(maybe(words)),
        available_at=available,
        expires_at=expires,
    )


early = st.datetimes(datetime(1970, 1, 2), datetime(2099, 1, 1), timezones=offsets)
late = st.datetimes(datetime(2100, 1, 1), datetime(2199, 1, 1), timezones=offsets)
requested: dict[str, st.SearchStrategy[Any]] = {
    "reward": words,
    "amount": maybe(amounts(least=1)),
    "times": st.integers(1, 9),
    "cart": some(lines()),
    "channel": maybe(words),
    "attributes": attributes,
    "code": maybe(words),
    "choices": some(ids),
}
accounts = st.builds(Account, kind=st.sampled_from(AccountKind), id=ids)
classes_declared = st.sampled_from(
    [
        (ClassDeclared(pool=USD.of("5000.00")),),
        (ClassDeclared(credit=USD.of("0.05"), per="2.5"), ClassDeclared(name="grain", pool=USD.of("0.01"))),
    ]
)
classes_allocated = some(
    st.builds(
        ClassAllocated,
        name=words,
        cut=st.builds(
            Cut,
            total=st.integers(0, 10**9),
            weight=st.integers(0, 10**9),
            members=st.integers(0, 10**6),
            odd=st.sampled_from(OddStep),
            left=st.integers(0, 10**6),
            least=st.integers(0, 10**9),
            last=maybe(ids),
        ),
    )
)
by_type: dict[str, st.SearchStrategy[Any]] = {
    "enrolment": st.builds(Enrolment, **head(), channel=maybe(words), attributes=attributes),
    "purchase": purchases(),
    "refund": refunds(),
    "redemption": st.builds(Redemption, **head(), **requested),
    "reservation": st.builds(Reservation, **head(start=early), **requested, lapses_at=maybe(late)),
    "capture": st.builds(Capture, **head(), reservation=ids, amount=maybe(amounts("points", 1))),
    "release": st.builds(Release, **head(), reservation=ids),
    "cancellation": st.builds(Cancellation, **head(), undoes=ids),
    "confirmation": st.builds(Confirmation, **head(), of=ids),
    "activity": st.builds(
        Activity,
        **head(),
        kind=words,
        count=st.integers(1, 10**6),
        channel=maybe(words),
        measures=measures,
        attributes=attributes,
    ),
    "adjustment": adjustments(),
    "status_grant": st.builds(
        StatusGrant,
        **head(start=early),
        key=words,
        value=maybe(words),
        until=maybe(late),
        uses=maybe(st.integers(1, 9)),
        actor=words,
        reason=words,
    ),
    "rate_declared": st.builds(
        RateDeclared, **head(), policy=words, rule=words, of=instants, credit=amounts(least=1), per=amounts(least=1)
    ),
    "charity_chosen": st.builds(CharityChosen, **head(), policy=words, charity=maybe(words)),
    "partner_linked": st.builds(PartnerLinked, **head(), policy=words, partner=words, account=words),
    "partner_unlinked": st.builds(PartnerUnlinked, **head(), policy=words, partner=words),
    "partner_window": st.builds(PartnerWindow, **head(), policy=words, window=words, starts_at=early, ends_at=late),
    "membership_started": st.builds(
        MembershipStarted, **head(), policy=words, plan=words, trial=st.booleans(), gifted=st.booleans()
    ),
    "membership_renewed": st.builds(MembershipRenewed, **head(), policy=words),
    "membership_changed": st.builds(MembershipChanged, **head(), policy=words, plan=words, at_term_end=st.booleans()),
    "membership_cancelled": st.builds(
        MembershipCancelled, **head(), policy=words, at_term_end=st.booleans(), refund=st.booleans()
    ),
    "status_end": st.builds(StatusEnd, **head(), key=words, value=maybe(words), actor=words, reason=words),
    "pool_joined": st.builds(PoolJoined, **head(), pool=ids, spends=st.booleans()),
    "contribution": st.builds(Contribution, **head(), pool=ids, amount=amounts("points", 1)),
    "pool_left": st.builds(PoolLeft, **head(), pool=ids),
    "opening_balance": st.builds(
        OpeningBalance,
        **head(),
        lots=some(
            st.builds(
                OpeningLot, amount=amounts("points", 1), label=maybe(words), needs=maybe(words), held_by=maybe(words)
            ),
            3,
            1,
        ),
        earned=st.booleans(),
        actor=words,
        reason=words,
    ),
    "merge": st.builds(Merge, **head(), into=ids, actor=words, reason=words),
    "account_closed": st.builds(AccountClosed, **head(), actor=words, reason=words),
    "referral_claimed": st.builds(
        ReferralClaimed,
        **head(),
        policy=words,
        referrer=ids,
        code=maybe(words),
        fingerprints=st.lists(words, max_size=2),
        referrer_fingerprints=st.lists(words, max_size=2),
        channel=maybe(words),
        attributes=attributes,
    ),
    "gift": st.builds(Gift, **head(), to=ids, amount=amounts("points", 1), reason=maybe(words)),
    "time_passed": st.builds(
        TimePassed, id=utc_instants.map(lambda at: f"~t/{at:%Y}"), member=ids, occurred_at=utc_instants
    ),
    "rerated": st.builds(
        Rerated, id=ids.map(lambda text: f"~r/{text}"), member=ids, occurred_at=utc_instants, late=some(ids)
    ),
    "dividend_declared": st.builds(
        DividendDeclared,
        id=ids,
        policy=words,
        occurred_at=early,
        of=instants,
        classes=classes_declared,
        issue_at=maybe(late),
    ),
    "dividend_allocated": st.builds(
        DividendAllocated,
        id=ids.map(lambda text: f"~a/{text}"),
        policy=words,
        occurred_at=utc_instants,
        declaration=ids,
        classes=classes_allocated,
    ),
    "dividend_share": st.builds(
        DividendShare,
        id=ids.map(lambda text: f"~s/{text}"),
        member=ids,
        occurred_at=utc_instants,
        origin=st.builds(Source, account=accounts, root=ids),
        policy=words,
        of=utc_instants,
        classes=classes_declared,
        allocated=classes_allocated,
        expires_at=maybe(utc_instants),
    ),
    "followed_up": st.builds(
        FollowedUp,
        id=ids.map(lambda text: f"~f/{text}"),
        member=ids,
        occurred_at=utc_instants,
        receiver=accounts,
        origin=st.builds(Source, account=accounts, root=ids),
        event=ids,
        policy=names,
        ordinal=st.integers(0, 9),
        credits=some(
            st.builds(
                PromisedCredit,
                amount=amounts(least=1),
                rule=names,
                label=maybe(words),
                validity=st.deferred(lambda: validities),
            )
        ),
        gives=some(
            st.builds(
                PromisedGrant,
                key=words,
                value=maybe(words),
                valid_until=maybe(utc_instants),
                uses=maybe(st.integers(1, 9)),
                rule=names,
            )
        ),
        benefits=some(
            st.builds(
                PromisedBenefit,
                kind=st.sampled_from(BenefitKind),
                reward=words,
                amount=maybe(amounts(least=1)),
                quantity=st.integers(1, 9),
            )
        ),
        reason=st.deferred(lambda: reasons),
    ),
    "counterpart": st.builds(counterpart, accounts, accounts, ids, ids, utc_instants),
}
events: st.SearchStrategy[Event] = st.one_of(*by_type.values())
"""Every event, also what time alone makes."""

sources = st.builds(Source, account=accounts, root=ids)


@st.composite
def terms_of_time(draw: st.DrawFn) -> Any:
    """Any term."""
    which = draw(st.integers(0, 4))
    if which == 0:
        return OnDate(day=draw(dates), through=draw(st.booleans()))
    if which == 1:
        return Annual(month=draw(st.integers(1, 12)), day=draw(st.integers(1, 29)), years_ahead=draw(st.integers(1, 3)))
    if which == 2:
        return EndOfPeriod(period=draw(calendar_periods), following=draw(st.integers(0, 3)))
    if which == 3:
        return Lasting(n=draw(st.integers(1, 90)), of=TimeUnit.DAYS, until=Until.END_OF_DAY, inclusive=True)
    return draw(lasting)


plain_units = st.sampled_from([unit for unit in TimeUnit if unit is not TimeUnit.BUSINESS_DAYS])
lasting = st.builds(Lasting, n=st.integers(1, 24), of=plain_units, until=st.sampled_from(Until)) | st.builds(
    Lasting,
    n=st.integers(1, 24),
    of=st.just(TimeUnit.BUSINESS_DAYS),
    until=st.sampled_from(Until),
    holidays=some(dates),
    weekend=st.sampled_from([(5, 6), (4,), ()]),
)
calendar_periods = st.builds(CalendarPeriod, kind=st.sampled_from(PeriodKind)) | st.builds(
    FiscalYear, month=st.integers(1, 12), day=st.integers(1, 28)
)
ceiling_periods = (
    calendar_periods
    | st.just(Lifetime())
    | st.builds(Rolling, term=st.builds(Lasting, n=st.integers(1, 24), of=st.sampled_from([TimeUnit.MONTHS])))
)
periods = (
    ceiling_periods
    | st.builds(Window, start=early, end=late)
    | st.builds(Anniversary, term=st.builds(Lasting, n=st.integers(1, 24), of=st.sampled_from([TimeUnit.MONTHS])))
)

validities: st.SearchStrategy[Any] = st.builds(
    Validity,
    available_at=maybe(utc_instants),
    on_confirmation=st.booleans(),
    expires_at=maybe(utc_instants),
    expires_after=maybe(terms_of_time()),
    needs=maybe(words),
    held_by=maybe(words),
    grace=maybe(terms_of_time()),
    goes_to=accounts,
)
lots = st.builds(
    Lot,
    unit=names,
    steps=steps,
    label=maybe(words),
    validity=validities,
    source=maybe(sources | st.just(DEBT)),
    credited_at=maybe(utc_instants),
    reserved_for=maybe(ids),
)
grants = st.builds(
    Grant,
    key=words,
    value=maybe(words),
    valid_from=utc_instants,
    valid_until=maybe(utc_instants),
    uses=maybe(st.integers(0, 9)),
    giver=words,
    occasion=texts,
    source=sources,
    consumed=some(lots, 1),
    ended=st.booleans(),
    reserved=st.integers(0, 9),
)
reasons: st.SearchStrategy[Any] = st.builds(Reason, code=words, facts=facts)
wake_ups = st.builds(WakeUp, at=utc_instants, policy=words, name=words, facts=facts)
ratios = st.tuples(st.integers(-(10**40), 10**40), st.integers(1, 10**40))
bookings = st.builds(
    Booking,
    rule=words,
    steps=steps,
    wanted=steps,
    base=ratios,
    exact=ratios,
    rate=texts,
    rounding=words,
    lines=some(ids),
    trimmed_by=maybe(words),
)
of_entry: dict[str, st.SearchStrategy[Any]] = {
    "cause": words,
    "n": st.integers(0, 99),
    "at": utc_instants,
    "policy": words,
    "about": sources,
    "reason": reasons,
}
transfers = st.builds(
    Transfer,
    **of_entry,
    unit=names,
    label=maybe(words),
    steps=st.integers(1, STEPS_LIMIT - 1),
    payer=accounts,
    payee=accounts,
    taken=some(lots, 1),
    put=some(lots, 1),
    books=some(bookings, 1),
)
entries: st.SearchStrategy[Entry] = st.one_of(
    transfers,
    st.builds(GrantEntry, **of_entry, rule=words, change=st.sampled_from(GrantChange), grant=grants),
    st.builds(WakeEntry, **of_entry, rule=words, change=st.sampled_from(WakeChange), wake_up=wake_ups),
)
balances = st.builds(Balance, unit=names, label=maybe(words), steps=steps)
bases = st.builds(
    Basis,
    grants=some(grants, 1),
    balances=some(balances),
    others=st.dictionaries(words, some(balances), max_size=1).map(FrozenMapping),
)
benefits = st.builds(
    Benefit,
    kind=st.sampled_from(BenefitKind),
    reward=words,
    amount=maybe(amounts()),
    quantity=st.integers(1, 9),
    shares=st.dictionaries(words, steps, max_size=2).map(FrozenMapping),
    item=maybe(ids),
)
commits = st.builds(
    Commit,
    account=accounts,
    version=st.integers(1, 10**6),
    event=events,
    root=ids,
    ordinal=st.integers(0, 99),
    names=some(ids),
    terms_from=utc_instants,
    basis=bases,
    entries=some(entries),
    benefits=some(benefits, 1),
    refusal=maybe(st.builds(Refusal, code=st.sampled_from(RejectionCode), facts=facts)),
    next_due=maybe(utc_instants),
    fingerprint=maybe(words),
    terms_digest=maybe(words),
    recorded_at=maybe(utc_instants),
    replayed=some(st.builds(Replayed, root=ids, event=maybe(ids), basis=bases, entries=some(entries)), 1),
)
states = st.builds(
    State,
    account=accounts,
    version=st.integers(0, 10**6),
    clock=maybe(utc_instants),
    lots=st.dictionaries(names, some(lots), max_size=2).map(FrozenMapping),
    pending=some(lots),
    grants=some(grants),
    wake_ups=some(wake_ups),
    next_due=maybe(utc_instants),
)

id_sets = st.frozensets(ids, min_size=1, max_size=3)
word_sets = st.frozensets(words, min_size=1, max_size=3)
some_attributes = some(texts | steps | st.booleans(), 3, 1)
recurrences = st.builds(
    Recurrence,
    starts=dates,
    every=st.sampled_from(Every),
    interval=st.just(1),
    weekdays=some(st.integers(0, 6)),
    from_time=maybe(st.times(max_value=time(11))),
    until_time=maybe(st.times(min_value=time(12))),
)
kinds = st.frozensets(st.sampled_from(LineKind), min_size=1)
leaves = st.one_of(
    st.builds(Sku, of=id_sets, prefixes=some(words)),
    st.builds(Category, of=id_sets),
    st.builds(Brand, of=id_sets),
    st.builds(Tag, of=word_sets),
    st.builds(Kind, of=kinds),
    st.builds(LineDiscounted, st.lists(words, max_size=2)),
    st.builds(MeasureIs, measure=words, at_least=quantities, below=maybe(quantities)),
    st.builds(LinePrice, at_least=maybe(amounts()), below=maybe(amounts())),
    st.builds(LineAttribute, key=words, of=some_attributes),
    st.builds(EventAttribute, key=words, of=some_attributes),
    st.builds(Channel, of=word_sets),
    st.builds(Store, of=id_sets),
    st.builds(PaidWith, of=word_sets),
    st.just(PaidByRedemption()),
    st.builds(Spend, at_least=amounts(), below=maybe(amounts()), kinds=kinds, tax=st.booleans()),
    st.builds(Quantity, at_least=quantities),
    st.builds(Weekday, of=st.frozensets(st.integers(0, 6), min_size=1)),
    st.builds(Between, start=early, end=maybe(late)),
    st.builds(TimeOfDay, start=st.times(max_value=time(11)), end=st.times(min_value=time(12))),
    st.builds(Recurs, on=recurrences),
    st.builds(HasGrant, key=words, values=some(words)),
    st.builds(BalanceIs, at_least=amounts("points"), label=maybe(words)),
)
conditions: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(AllOf, of=some(inner, 3)),
        st.builds(AnyOf, of=some(inner, 3)),
        st.builds(Not, of=inner),
        st.builds(Quantity, at_least=quantities, lines=inner),
    ),
    max_leaves=4,
)

lives = st.builds(
    Life,
    available_after=maybe(terms_of_time()),
    expires_after=terms_of_time(),
    counted_from=st.sampled_from(CountedFrom),
    needs=maybe(words),
    held_by=maybe(words),
    goes_to=accounts,
) | st.builds(Life, on_confirmation=st.booleans())
ceilings = st.builds(
    Ceiling,
    name=names,
    limit=amounts("points", 1),
    per=maybe(ceiling_periods),
    whole=st.booleans(),
    room_back=st.booleans(),
    by_label=st.booleans(),
)
ceilings = ceilings | st.builds(Ceiling, name=names, limit=amounts("points", 1), per=ceiling_periods, by=words)
shared = st.integers(1, 3).map(lambda n: {"shared": f"account-{n}", "slices": n})
"""Over all of a program a shared account is cut in one way."""
ceilings = ceilings | st.builds(
    lambda cut, **known: Ceiling(**known, **cut),
    shared,
    name=names,
    limit=amounts("points", 3),
    per=calendar_periods,
    by_label=st.booleans(),
)
limits = st.builds(Limit, name=names, uses=st.integers(1, 9), per=ceiling_periods) | st.builds(
    lambda cut, **known: Limit(**known, **cut), shared, name=names, uses=st.integers(3, 9), per=calendar_periods
)
gift_terms = st.builds(
    TransferTerms,
    unit=st.just("points"),
    labels=some(maybe(words)),
    minimum=maybe(amounts("points", 1, 9)),
    maximum=maybe(amounts("points", 9)),
    given=some(st.builds(Ceiling, name=names, limit=amounts("points", 1), per=ceiling_periods), 1),
    received=some(st.builds(Ceiling, name=names, limit=amounts("points", 1), per=ceiling_periods), 1),
    when=maybe(conditions),
    life=maybe(st.just(Life()) | st.builds(Life, expires_after=terms_of_time())),
)
closing_terms = st.builds(ClosingTerms, unit=st.just("points"), forgives_debt=st.booleans()) | st.builds(
    ClosingTerms,
    unit=st.just("points"),
    labels=some(maybe(words)),
    pays_out=st.just(True),
    price=maybe(st.tuples(amounts("points", 1), amounts("USD", 1))),
    rounding=st.sampled_from(Rounding),
    minimum=maybe(amounts("points", 1)),
)
pool_terms = st.builds(
    PoolTerms,
    unit=st.just("points"),
    members_max=maybe(st.integers(1, 9)),
    minimum=maybe(amounts("points", 1, 9)),
    maximum=maybe(amounts("points", 9)),
    when=maybe(conditions),
    draws=st.sampled_from(Draw),
    leaving=st.sampled_from(Split),
)
bases_of_money = st.builds(
    Base,
    kinds=some(st.sampled_from(LineKind), 3, 1),
    tax=st.booleans(),
    before_discounts=some(words),
    less_tenders=some(words),
    units_max=maybe(st.integers(1, 9)),
)
of_rule: dict[str, st.SearchStrategy[Any]] = {
    "credit": amounts("points", 1),
    "when": maybe(conditions),
    "life": lives,
    "label": maybe(words),
    "ceilings": some(ceilings, 1),
}
plain_rules = st.one_of(
    st.builds(
        SpendRule,
        **of_rule,
        per=amounts("USD", 1),
        base=bases_of_money,
        lines=maybe(conditions),
        whole=st.booleans(),
        rounding=st.sampled_from(Rounding),
        grain=st.sampled_from(Grain),
    ),
    st.builds(
        QuantityRule, **of_rule, per=quantities, measure=maybe(words), lines=maybe(conditions), whole=st.booleans()
    ),
    st.builds(BonusRule, **of_rule, on=st.sampled_from([On.PURCHASE, On.ENROLMENT])),
    st.builds(BonusRule, **of_rule, on=st.just(On.ACTIVITY), activity=words, per=st.integers(1, 9)),
)
rules = plain_rules | st.builds(MultiplierRule, factor=factors, when=maybe(conditions), lines=maybe(conditions))


turns = st.builds(Turn, of=st.just("2024-Q1"), lines=conditions, activate_by=maybe(st.dates()))
rotations = st.builds(
    Rotation,
    turns=st.tuples(turns),
    period=st.sampled_from([QUARTER, YEAR]),
    activation=words,
    counts_back=st.booleans(),
)
shares_of_spend = st.fractions(Fraction(1, 1000), 1, max_denominator=1000)
cashback_rates = st.one_of(
    st.builds(
        CashbackRate,
        name=names,
        rate=shares_of_spend,
        lines=maybe(conditions),
        when=maybe(conditions),
        base=st.builds(Base, tax=st.booleans()),
        tenders=some(words),
        most=amounts("USD", 1),
        per=maybe(st.sampled_from([QUARTER, YEAR])),
        beyond=shares_of_spend,
        room_back=st.booleans(),
    ),
    st.builds(
        CashbackRate,
        name=names,
        rate=shares_of_spend,
        bands=st.builds(RateBand, over=amounts("USD", 1), rate=shares_of_spend).map(lambda band: (band,)),
        marginal=st.booleans(),
        rotation=maybe(rotations),
        adds=st.just(True),
    ),
)
payouts = st.builds(
    Payout,
    name=st.just("payout"),
    pays=st.just("points"),
    paid_as=st.sampled_from([PaidAs.CREDIT, PaidAs.VOUCHER]),
    period=maybe(st.sampled_from([QUARTER, YEAR])),
    minimum=maybe(amounts("USD", 1)),
    step=maybe(amounts("USD", 1)),
    per=amounts("USD", 1),
    value=amounts("points", 1),
    rounding=st.sampled_from(Rounding),
    when=maybe(conditions),
    life=lives,
    label=maybe(words),
)


@st.composite
def cashback_policies(draw: st.DrawFn) -> CashbackPolicy:
    """Cash back of each purchase, or of a period's total."""
    of_period = draw(st.booleans())
    rate = draw(cashback_rates)
    fields: dict[str, Any] = {}
    if of_period:
        fields = {"period": YEAR, "limit": draw(maybe(amounts("USD", 1))), "pays": draw(st.sampled_from(PAYS))}
        rate = attrs.evolve(rate, per=None, name="rate")
    return CashbackPolicy(
        name=draw(names),
        currency="USD",
        credits="USD",
        rates=(rate,),
        rounding=draw(st.sampled_from(Rounding)),
        grain=Grain.EVENT,
        payouts=draw(some(payouts, 1)),
        life=draw(lives),
        **fields,
    )


PAYS = (Pays.AT_ONCE, Pays.AT_CLOSE)


@st.composite
def policies(draw: st.DrawFn) -> PointsPolicy:
    """A policy that credits points, so that a ceiling may hold for all of it; each ceiling has its own name."""
    found: list[Any] = [draw(plain_rules), *draw(some(rules, 1))]
    for n, rule in enumerate(found):
        if not isinstance(rule, MultiplierRule):
            own = tuple(attrs.evolve(ceiling, name=f"{ceiling.name}-{n}") for ceiling in rule.ceilings)
            found[n] = attrs.evolve(rule, ceilings=own)
    return PointsPolicy(
        name=draw(names),
        rules=found,
        groups=draw(some(st.builds(Group, name=names, stacking=st.sampled_from(Stacking), by_line=st.booleans()), 1)),
        ceilings=tuple(
            attrs.evolve(ceiling, name=f"{ceiling.name}-all", by_label=False) for ceiling in draw(some(ceilings, 1))
        ),
    )


milestones_of_points = st.lists(st.integers(1, 10**6), min_size=1, max_size=3, unique=True).map(
    lambda figures: tuple(
        Milestone(at_least=Amount(n, "points"), gives=(GiveGrant(key="mug", uses=1),)) for n in sorted(figures)
    )
)
counting = some(
    st.builds(QuantityRule, credit=amounts("points", 1), activity=words, measure=maybe(words), label=maybe(words)), 1
)
of_window: dict[str, st.SearchStrategy[Any]] = {
    "period": st.none() | st.just(WhileGranted()) | st.just(WhileHeld()),
    "opened_by": words,
}
rights = st.one_of(
    st.builds(GrantRule, name=names, key=words, activity=words, value_from=maybe(words), lasts=maybe(terms_of_time())),
    st.builds(GrantRule, name=names, key=words, on=st.just(On.ENROLMENT), uses=maybe(st.integers(1, 9))),
    st.builds(RevokeRule, name=names, key=words, on=st.just(On.PURCHASE), value=maybe(words), when=maybe(conditions)),
)
challenges = st.one_of(
    st.builds(
        Goal, name=st.just("goal"), milestones=milestones_of_points, counts=counting, label=maybe(words), **of_window
    ),
    st.builds(Goal, name=st.just("goal"), milestones=milestones_of_points, starts_again=st.sampled_from(Excess)),
    st.builds(
        Goal,
        name=st.just("goal"),
        milestones=milestones_of_points,
        different=st.builds(Different, by=st.sampled_from(DifferentBy), lines=maybe(conditions)),
    ),
    st.builds(
        Streak,
        name=st.just("streak"),
        at_least=amounts("points", 1),
        run=st.just(Amount(1, "visits")),
        counts=counting,
        protection=maybe(st.builds(Protection, limit=st.integers(1, 99), costs=maybe(amounts("points", 1)))),
    ),
    st.builds(
        Campaign,
        name=st.just("campaign"),
        steps=st.builds(CampaignStep, name=names, at_least=amounts("points", 1), counts=counting).map(
            lambda one: (one,)
        ),
        in_order=st.booleans(),
        **of_window,
    ),
)
challenge_policies = st.builds(
    ChallengePolicy,
    name=names,
    challenges=challenges.map(lambda one: (one,)),
    rights=st.lists(rights, max_size=2, unique_by=lambda each: each.name),
)

offers = st.one_of(
    st.builds(
        Offer,
        name=st.just("offer"),
        rules=some(plain_rules.map(lambda rule: attrs.evolve(rule, ceilings=(), name=None, group=None)), 1, 1),
        audience=maybe(conditions),
        start=maybe(utc_instants),
        activation=maybe(st.builds(Activation, activity=words, attribute=maybe(words), lasts=maybe(terms_of_time()))),
        limits=some(st.builds(UseLimit, name=st.just("uses"), uses=st.integers(1, 99)), 1),
        replaces=st.sampled_from([(), ("base",)]),
    ),
    st.builds(Offer, name=st.just("offer"), goal=st.builds(Goal, name=names, milestones=milestones_of_points)),
)
offer_policies = st.builds(
    OfferPolicy,
    name=names,
    offers=st.tuples(offers),
    rules=st.just((BonusRule(name="base", credit=Amount(1, "points")),)),
)

membership_policies = st.builds(
    MembershipPolicy,
    name=names,
    plans=st.tuples(
        st.builds(
            Plan,
            name=words,
            fee=amounts("USD"),
            term=st.sampled_from([months(1), years(1)]),
            trial=maybe(terms_of_time()),
            terms_from=st.sampled_from(TermsFrom),
            perks=st.sampled_from([(), (GiveGrant(key="lounge", uses=4),)]),
        )
    ),
    renewal=st.sampled_from(Renewal),
    fees_back=some(st.builds(FeeBack, gives=st.just(Back.DAYS_LEFT), within=maybe(terms_of_time())), 1),
)

derived_rates = st.builds(DerivedRate, per=amounts("visits", 1), credit=amounts("points", 1), when=maybe(conditions))
dividend_policies = st.builds(
    DividendPolicy,
    name=names,
    period=st.sampled_from([YEAR, QUARTER, FiscalYear(month=4, day=1)]),
    credits=st.just("USD"),
    classes=st.sampled_from(
        [
            (PatronageClass(currency="USD", most="6000.00", base=Base(less_tenders=("points",))),),
            (
                PatronageClass(name="grain", activity="delivery", measure="bushels", decimals=2),
                PatronageClass(name="n"),
            ),
        ]
    ),
    eligible=maybe(conditions),
    record=maybe(terms_of_time()),
    returns=maybe(terms_of_time()),
    late_returns=st.sampled_from(LateReturns),
    shared_by=st.sampled_from(SharedBy),
    rounding=st.sampled_from(Rounding),
    minimum=maybe(amounts("USD", 1)),
    below_minimum=st.sampled_from(BelowMinimum),
    cash=st.sampled_from(["1", "0.2", "1/3"]),
    cash_rounding=st.sampled_from(Rounding),
    paid_as=st.sampled_from(PaidAs),
    revolves_after=maybe(terms_of_time()),
)

donation_policies = st.builds(
    DonationPolicy,
    name=names,
    charities=st.sampled_from([("A",), ("A", "B")]),
    default=st.sampled_from([None, "A"]),
    unit=st.just("given"),
    rules=some(
        st.builds(SpendRule, per=amounts("USD", 1), credit=amounts("given", 1), whole=st.booleans(), name=names), 1
    ),
    lapsed=some(st.builds(LapsedShare, per=amounts("points", 1), credit=amounts("given", 1)), 1),
    money=st.just("USD"),
    payout=maybe(
        st.builds(Payout, pays=st.just("USD"), paid_as=st.just(PaidAs.MONEY), minimum=maybe(amounts("given", 1)))
    ),
)

agreed = st.builds(AgreedPrice, per=amounts("points", 1), pays=amounts("USD", 1))
partner_policies = st.builds(
    PartnerPolicy,
    name=names,
    partners=st.tuples(
        st.builds(
            Partner,
            name=names.map(lambda name: f"p{name[:40]}"),
            agreements=st.tuples(
                st.builds(
                    Agreement,
                    rules=some(plain_rules.map(lambda rule: attrs.evolve(rule, ceilings=(), name=None, group=None)), 1),
                    start=maybe(early),
                    end=maybe(late),
                    funds=some(agreed, 1),
                    costs=some(agreed, 1),
                )
            ),
            linked=st.booleans(),
        )
    ),
    attribute=words,
    windows=st.sampled_from([(), ("0-stay",)]),
    rights=st.lists(rights, max_size=1),
)

fixed_gifts: st.SearchStrategy[Any] = st.one_of(
    st.builds(GiveCredit, amount=amounts("points", 1), label=maybe(words)),
    st.builds(GiveGrant, key=words, value=maybe(words), lasts=maybe(terms_of_time()), uses=maybe(st.integers(1, 9))),
    st.builds(GiveBenefit, kind=st.sampled_from(BenefitKind), reward=words, amount=maybe(amounts("USD", 1))),
)
referral_rewards = st.one_of(
    st.builds(
        ReferralReward,
        name=names,
        when=maybe(conditions),
        lines=maybe(conditions),
        nth=st.integers(1, 5),
        times=st.integers(1, 5),
        within=maybe(terms_of_time()),
        friend=some(fixed_gifts, 2),
        referrer=some(fixed_gifts, 2),
        counts=st.booleans(),
    ),
    st.builds(ReferralReward, name=names, on=st.just(Deed.ACTIVITY), activity=words, friend=some(fixed_gifts, 2)),
    st.builds(ReferralReward, name=names, on=st.just(Deed.CLAIM), referrer=some(fixed_gifts, 2)),
)
referral_caps = st.one_of(
    st.builds(ReferralCap, name=st.just("times"), rewards=st.integers(1, 9), per=calendar_periods),
    st.builds(ReferralCap, name=st.just("most"), amount=amounts("points", 1)),
)
referral_policies = st.builds(
    ReferralPolicy,
    name=names,
    rewards=referral_rewards.map(lambda one: (one,)),
    key=words,
    window=terms_of_time(),
    claims_again=st.booleans(),
    existing=st.booleans(),
    any_age=st.booleans(),
    when=maybe(conditions),
    when_referrer=maybe(conditions),
    caps=referral_caps.map(lambda one: (one,)),
    friends=st.sampled_from([None, "visits"]),
    derived=some(st.builds(DerivedBalance, name=st.just("each"), rates=st.tuples(derived_rates)), 1),
)

of_reward: dict[str, st.SearchStrategy[Any]] = {
    "name": names,
    "limits": some(limits, 1),
    "when": maybe(conditions | st.builds(CodeGiven, of=word_sets)),
    "labels": some(maybe(words)),
    "exclusive": maybe(names),
    "tender": maybe(words),
}
of_lines: dict[str, st.SearchStrategy[Any]] = {
    "lines": maybe(conditions),
    "kinds": some(st.sampled_from(LineKind), 2, 1),
}
on_order: dict[str, st.SearchStrategy[Any]] = {**of_reward, **of_lines, "order_minimum": maybe(amounts("USD", 1))}
fixed_rewards = st.builds(
    FixedReward,
    **on_order,
    kind=st.sampled_from(BenefitKind),
    value=amounts("USD", 1),
    items=some(ids),
    gives=some(
        st.builds(GiveCredit, amount=amounts("points", 1), life=lives, label=maybe(words))
        | st.builds(GiveGrant, key=words, value=maybe(words), lasts=maybe(terms_of_time()), uses=st.integers(1, 9))
    ),
    cost=amounts("points", 1),
) | st.builds(FixedReward, **on_order, voucher=words, voucher_value=maybe(words))
money_vouchers = st.builds(
    MoneyVoucher,
    **on_order,
    cost=amounts("points", 1),
    value=amounts("USD", 1),
    rest=st.sampled_from([Rest.LAPSES, Rest.CHANGE]),
    whole_balance=st.booleans(),
    vouchers_max=maybe(st.integers(1, 9)),
) | st.builds(
    MoneyVoucher,
    **{**on_order, "labels": st.just(())},
    cost=amounts("points", 1),
    value=amounts("USD", 1),
    by_code=st.booleans(),
)
counts = st.integers(1, 99)
gifts_by_type: dict[str, st.SearchStrategy[Any]] = {
    "percent_off": st.builds(
        PercentOff,
        **of_lines,
        share=shares_of_spend,
        maximum=maybe(amounts("USD", 1)),
        before_discounts=some(words),
        rounding=st.sampled_from(Rounding),
    ),
    "amount_off": st.builds(AmountOff, **of_lines, value=amounts("USD", 1)),
    "items_off": st.builds(
        ItemsOff,
        **of_lines,
        units=st.integers(1, 3),
        of=st.integers(3, 9),
        share=shares_of_spend,
        pick=st.sampled_from(Pick),
        units_max=maybe(counts),
        rounding=st.sampled_from(Rounding),
    ),
    "amount_off_items": st.builds(AmountOffItems, **of_lines, first=amounts(), more=amounts(), units_max=maybe(counts)),
    "set_price": st.builds(SetPrice, **of_lines, price=amounts(), units=counts, sets_max=maybe(counts))
    | st.builds(SetPrice, price=amounts(), tax=st.booleans(), rounding=st.sampled_from(Rounding)),
    "free_shipping": st.builds(FreeShipping, maximum=maybe(amounts("USD", 1))),
    "free_items": st.builds(
        FreeItems, skus=st.lists(ids, min_size=1, max_size=3, unique=True), quantity=counts, most=maybe(counts)
    ),
}
cart_gifts: st.SearchStrategy[Any] = st.one_of(*gifts_by_type.values())
qualifying = st.builds(
    Qualifying,
    **of_lines,
    quantity=maybe(quantities),
    amount=maybe(amounts("USD", 1)),
    tax=st.booleans(),
    discounted=st.booleans(),
    every=maybe(quantities),
) | st.builds(Qualifying, every_amount=amounts("USD", 1))
on_carts: dict[str, st.SearchStrategy[Any]] = {
    **of_reward,
    "gives": some(cart_gifts, 2, 1),
    "qualifies": qualifying,
    "all_at_once": st.booleans(),
    "times_max": maybe(counts),
}
cart_rewards = st.one_of(
    st.builds(CartReward, **on_carts, cost=amounts("points", 1)),
    st.builds(CartReward, **on_carts, voucher=words, voucher_value=maybe(words)),
    st.builds(CartReward, **on_carts, automatic=st.booleans()),
)
rewards_by_type: dict[str, st.SearchStrategy[Any]] = {
    "pay_with_points": st.builds(
        PayWithPoints,
        **on_order,
        points=amounts("points", 1),
        value=amounts("USD", 1),
        minimum=maybe(amounts("points", 1)),
        maximum=maybe(amounts("points", 1)),
        step=maybe(amounts("points", 1)),
        share_max=maybe(st.fractions(Fraction(1, 100), 1, max_denominator=100)),
        whole_blocks=st.booleans(),
        rounding=st.sampled_from(Rounding),
        exactly=st.booleans(),
        kind=st.sampled_from(BenefitKind),
        items=some(ids),
    )
    | st.builds(
        PayWithPoints,
        **on_order,
        points=amounts("points", 1),
        value=amounts("USD", 1),
        kind=st.just(BenefitKind.TRANSFER),
        bonus=amounts("USD", 1),
        bonus_per=amounts("points", 1),
    ),
    "fixed": fixed_rewards,
    "step_table": st.builds(
        StepTable,
        **on_order,
        steps=st.lists(st.integers(1, 10**6), min_size=1, max_size=3, unique=True).map(
            lambda costs: [Step(cost=Amount(n, "points"), value=Amount(n, "USD")) for n in sorted(costs)]
        ),
        choice=st.sampled_from(Choice),
    ),
    "on_cart": cart_rewards,
    "money_voucher": money_vouchers,
}
rewards: st.SearchStrategy[Any] = st.one_of(*rewards_by_type.values())
refund_terms = st.one_of(
    st.builds(
        RefundTerms,
        proportional=st.booleans(),
        rounding=st.sampled_from(Rounding),
        expired=st.sampled_from(Expired),
        debt_max=maybe(amounts("points", 1)),
    ),
    st.builds(
        RefundTerms,
        shortfall=st.just(Shortfall.PRICED),
        price=st.tuples(amounts("points", 1), amounts("USD", 1)),
        returned=st.just(Returned.GRACE),
        grace=terms_of_time(),
    ),
)
GIVEN = Unit("given", decimals=5, kind=UnitKind.TALLY)
units = st.just((USD, POINTS, GIVEN, Unit("visits", kind=UnitKind.TALLY)))


any_policy: st.SearchStrategy[Any] = st.one_of(
    policies(),
    challenge_policies,
    offer_policies,
    membership_policies,
    dividend_policies,
    donation_policies,
    partner_policies,
    cashback_policies(),
    referral_policies,
)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Programs whose terms fit together."""
    timeline = []
    for year in range(2024, 2024 + draw(st.integers(1, 2))):
        timeline.append(
            Terms(
                units=draw(units),
                policies=draw(st.lists(any_policy, max_size=1, unique_by=lambda each: each.name)),
                rewards=draw(st.lists(rewards, max_size=1)),
                effective_from=datetime(year, 1, 1, tzinfo=UTC),
                refund_for=draw(terms_of_time()),
                refunds=draw(refund_terms),
                transfers=draw(some(gift_terms, 1)),
                closings=draw(some(closing_terms, 1)),
                pools=draw(some(pool_terms, 1)),
            )
        )
    return Program(id=draw(ids), time_zone="America/New_York", terms=timeline)


anything: st.SearchStrategy[Any] = st.one_of(events, commits, states, entries, lots, programs())
json_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    texts,
    st.sampled_from(["", "~", "1e5", "NaN", "1.0", "19.99 USD", "2024-05-08T12:30:00Z", "\ud800", "\x00", "purchase"]),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)
json_trees = st.recursive(
    json_scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "id", "format", "steps", "unit", "x", "lines", "of"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
DECIMALS_ALIKE = [("1", "1.0"), ("1.5", "01.50"), ("0.25", "0.250"), ("100", "100.000")]
