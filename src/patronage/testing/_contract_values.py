"""What a ledger keeps of the values it is given: all of it, to the last step, microsecond and letter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

import attrs

from patronage._canonical import canonical_bytes
from patronage._frozen import FrozenMapping
from patronage.events import (
    Activity,
    Cancellation,
    Capture,
    Discount,
    Enrolment,
    Event,
    Line,
    LineKind,
    Purchase,
    Redemption,
    Refund,
    RefundLine,
    Release,
    Reservation,
    StatusEnd,
    StatusGrant,
    Tender,
)
from patronage.ledger import (
    Account,
    Balance,
    Benefit,
    BenefitKind,
    Commit,
    Fact,
    Grant,
    Lot,
    Reason,
    Source,
    Validity,
    WakeUp,
)
from patronage.repositories import LedgerRepository
from patronage.state import State
from patronage.terms_of_time import days
from patronage.testing._contract_play import (
    FAR,
    MICROSECOND,
    NOON,
    POINTS,
    USD,
    A,
    B,
    advance,
    all_of,
    at_version,
    bought,
    commits_for,
    credited,
    described,
    ids_of,
    moved,
    nothing,
    record,
    renamed,
    series,
    state_of,
    stored_of,
    version_of,
)
from patronage.testing._contract_trial import Promises, Trial, check, equal

Ledger = Trial[LedgerRepository]
values = Promises[LedgerRepository]("LedgerRepository")

STEPS: Final = (1, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1)
ALIKE: Final = (
    "a",
    "A",
    "a ",
    "a  b",
    "a b",
    " a",
    "\u00e9",
    "e\u0301",
    "\u00df",
    "ss",
    "a%",
    "a_",
    "ab",
    "a*",
    "a?",
    "a'",
    "a''",
    'a"',
    'a"; --',
    "a\\",
    "a\\\\",
    "a\\n",
    "${a}",
    "{a}",
    "%s",
    ":a",
    "\u0430",
    "\u0661",
    "1",
    "01",
    "1.0",
    "1e0",
    "0x1",
    "null",
    "None",
    "true",
    "\u0131",
    "i",
    "I",
    "\uff41",
    "\uff5e",
    "\U0001f600",
    "\U0001f601",
    "x" * 255,
    "x" * 254 + "y",
    "x" * 254,
    "\U0001f600" * 63 + "xyz",
    "\U0001f600" * 63 + "xyy",
)
"""Ids that a store might take for each other; each is 1 to 255 bytes of printable text."""


def same(found: Commit, written: Commit, what: str) -> None:
    """Equal, and of equal canonical form: True is not 1, and 1.50 is no float."""
    for field in attrs.fields(Commit):
        if field.eq:
            one, other = getattr(found, field.name), getattr(written, field.name)
            check(one == other, f"The {field.name} of {what} came back as another one.")
            check(
                canonical_bytes(one) == canonical_bytes(other), f"The {field.name} of {what} came back as another kind."
            )


# Whole commits.


def _shop() -> Iterator[Event | datetime]:
    """A member's life: every kind of event, each with all it can have; an instant lets time pass."""
    attributes: dict[str, str | int | bool] = {
        "flag": True,
        "one": 1,
        "zero": 0,
        "off": False,
        "large": 2**62 + 1,
        "text": 'a "b" \\ \u00e9 \U0001f600',
    }
    measures = {"km": Decimal("12.50"), "meals": Decimal(3)}

    def later(hours: int) -> datetime:
        return NOON + timedelta(hours=hours, microseconds=1)

    yield Enrolment(id="enrol", member="a", occurred_at=NOON, channel="web", attributes=attributes)
    cart = (
        Line(
            total=USD.of("80.00"),
            id="l-1",
            sku="SKU 1",
            category="books",
            brand="null",
            tags=("b", "a"),
            quantity=Decimal("1.50"),
            tax=USD.of("5.01"),
            discounts=(Discount(kind="staff", total=USD.of("1.00")),),
            measures=measures,
            attributes=attributes,
        ),
        Line(total=USD.of("20.00"), kind=LineKind.SHIPPING),
    )
    yield Purchase(id="p", member="a", occurred_at=later(1), lines=cart)
    yield Redemption(id="d", member="a", occurred_at=later(2), reward="pay", amount=POINTS.of(20), cart=cart)
    yield Purchase(
        id="q",
        member="a",
        occurred_at=later(3),
        lines=cart,
        discounts=(Discount(kind="coupon", total=USD.of("10.00")),),
        tenders=(
            Tender(kind="points", total=USD.of("2.00"), redemption="d"),
            Tender(kind="card", total=USD.of("88.00")),
        ),
    )
    back = RefundLine(id="l-1", quantity=Decimal("0.5"))
    yield Refund(id="r", member="a", occurred_at=later(4), purchase="p", lines=(back,))
    yield Activity(id="v", member="a", occurred_at=later(5), kind="visit", measures=measures, attributes=attributes)
    yield StatusGrant(
        id="s", member="a", occurred_at=later(6), key="tier", value="gold", until=FAR, uses=3, actor="x", reason="match"
    )
    yield StatusGrant(id="s2", member="a", occurred_at=later(6), key="None", actor="x", reason="null")
    yield StatusEnd(id="s3", member="a", occurred_at=later(7), key="None", actor="x", reason="done")
    for id in ("h1", "h2", "h3"):
        yield Reservation(
            id=id, member="a", occurred_at=later(8), reward="pay", amount=POINTS.of(10), lapses_at=later(20)
        )
    yield Capture(id="c", member="a", occurred_at=later(9), reservation="h1")
    yield Release(id="f", member="a", occurred_at=later(9), reservation="h2")
    yield Cancellation(id="u", member="a", occurred_at=later(10), undoes="q")
    yield Redemption(id="n", member="a", occurred_at=later(11), reward="pay", amount=POINTS.of(9_000))
    yield later(21)
    yield NOON + timedelta(days=40)


@values.promise("append")
def every_kind_of_event_comes_back_whole(trial: Ledger) -> None:
    """All events, what they came to and the states after them come back equal, to the kind of each number."""
    repository = trial.repository()
    written: list[Commit] = []
    for step in _shop():
        if isinstance(step, datetime):
            written += advance(repository, A, step)
            what = "what time did"
        else:
            written += record(repository, A, step)
            what = f"a {type(step).__name__}"
        (found,) = [commit for commit in repository.history(A) if commit.version == len(written)]
        same(found, written[-1], what)
        stored = stored_of(repository, A)
        check(stored is not None and stored.version == len(written), f"The version after {what} is another one.")
        check(stored is not None and stored.state == written[-1].after, f"The state after {what} is another one.")
    equal(all_of(repository, A), written, "At the end the history")


def _lots() -> Sequence[Lot]:
    source = Source(Account.shared("a"), "root of 'it'")
    validities = (
        Validity(),
        Validity(available_at=NOON, expires_at=FAR, held_by="tier", grace=days(7)),
        Validity(on_confirmation=True, expires_after=days(3), needs="active", goes_to=Account.shared("charity")),
    )
    lots = [
        Lot("points", steps, label, validity, source, NOON + MICROSECOND, held)
        for steps, label, validity, held in (
            (2**53 + 1, None, validities[0], None),
            (2**62, "None", validities[1], "h 1"),
            (2, "null", validities[1], None),
            (3, "a'b", validities[2], None),
        )
    ]
    return [*lots, Lot("points", -5, "owed", validities[0], Source(Account.member("b"), "p"), None, None)]


@values.promise("append")
def a_commit_comes_back_as_it_was_given(trial: Ledger) -> None:
    """Basis, benefits, reasons, stamps, terms, names and the state are kept as they stand, those that are None too."""
    repository = trial.repository()
    lots = tuple(_lots())
    facts = FrozenMapping[str, Fact](
        {"text": "", "large": -(2**62) - 1, "yes": True, "one": 1, "no": None, "many": ("a", "", "b"), "none": ()}
    )
    grant = Grant("tier", None, NOON, None, None, "@desk", "", Source(A, "s"), lots[:2], True)
    other = attrs.evolve(grant, value="None", valid_until=FAR, uses=0, occasion="2025", consumed=(), ended=False)
    balances = (Balance("points", None, 2**53 + 1), Balance("points", "None", -7), Balance("USD", "a", 0))
    (first,) = commits_for(repository, A, bought(A, "p"))
    assert isinstance(first.after, State)
    benefit = Benefit(BenefitKind.MONEY_OFF, "pay", USD.steps(2**53 + 1), 2, FrozenMapping({"1": 0, "l": 2**53 + 1}))
    whole = attrs.evolve(
        first,
        names=("p", "z", "a", "m"),
        terms_from=NOON - 3 * MICROSECOND,
        basis=attrs.evolve(
            first.basis, grants=(grant, other), balances=balances, others=FrozenMapping({"shared a": balances})
        ),
        entries=tuple(attrs.evolve(entry, reason=Reason("why", facts)) for entry in first.entries),
        benefits=(benefit, attrs.evolve(benefit, kind=BenefitKind.PRODUCT, amount=None, shares=FrozenMapping())),
        next_due=NOON + MICROSECOND,
        fingerprint="",
        terms_digest="0123",
        recorded_at=FAR,
        after=attrs.evolve(
            first.after,
            clock=NOON + MICROSECOND,
            lots=FrozenMapping({"points": lots, "USD": (attrs.evolve(lots[0], unit="USD"),)}),
            pending=lots[1:3],
            grants=(grant, other),
            wake_ups=(WakeUp(FAR, "base", "close", facts),),
            next_due=NOON + MICROSECOND,
        ),
    )
    bare = attrs.evolve(
        at_version(renamed(first, "bare"), 2),
        entries=(),
        benefits=(),
        next_due=None,
        fingerprint=None,
        terms_digest=None,
        recorded_at=None,
        after=attrs.evolve(State.of(A), version=2),
    )
    for version, written in enumerate((whole, bare), 1):
        repository.append([written])
        same(all_of(repository, A)[-1], written, "a commit with all parts" if written is whole else "a bare commit")
        stored = stored_of(repository, A)
        check(stored is not None and stored.version == version, "The version is not the commit's.")
        state, expected = state_of(repository, A), written.after
        for field in attrs.fields(State):
            one, two = getattr(state, field.name), getattr(expected, field.name)
            check(
                one == two and canonical_bytes(one) == canonical_bytes(two), f"The state's {field.name} is another one."
            )
    equal(all_of(repository, A), [whole, bare], "At the end the history")


# Numbers, instants, ids.


@values.promise("append")
def amounts_keep_every_step(trial: Ledger) -> None:
    """Amounts go up to 2**63 - 1 steps and down below zero: beyond 2**31, and beyond what a float holds."""
    repository = trial.repository()
    for steps in STEPS:
        account = Account.member(f"m-{steps}")
        written = record(repository, account, credited(account, "c", steps))
        held = [lot.steps for lot in state_of(repository, account).lots["points"]]
        check(held == [steps], f"The state has {held} steps, where {steps} were credited.")
        same(all_of(repository, account)[0], written[0], f"a credit of {steps} steps")
        (owing,) = commits_for(repository, account, credited(account, "w", -1))
        debt = attrs.evolve(_lots()[-1], steps=-steps, unit="points")
        assert isinstance(owing.after, State)
        owing = attrs.evolve(owing, after=attrs.evolve(owing.after, lots=FrozenMapping({"points": (debt,)})))
        repository.append([owing])
        held = [lot.steps for lot in state_of(repository, account).lots["points"]]
        check(held == [-steps], f"The state has {held} steps, where {steps} are owed.")


@values.promise("append")
def instants_keep_their_microsecond_and_their_zone(trial: Ledger) -> None:
    """Written with any offset they come back aware and equal, from 1970 to 2199, with no microseconds and with one."""
    repository = trial.repository()
    instants = [
        datetime(2025, 3, 30, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(2025, 3, 30, 2, 30, 0, 0, tzinfo=timezone(timedelta(hours=-12))),
        datetime(1970, 1, 1, 0, 0, 0, 0, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, 100_000, tzinfo=UTC),
        FAR - timedelta(days=2),
    ]
    for n, at in enumerate(instants):
        account = Account.member(f"m{n}")
        end = at + timedelta(days=1, microseconds=1)
        (written,) = commits_for(repository, account, credited(account, "c", 5, at, end))
        repository.append([attrs.evolve(written, recorded_at=at)])
        commit = all_of(repository, account)[0]
        state = state_of(repository, account)
        read = {
            "occurred_at": (commit.event.occurred_at, at),
            "entry's at": (commit.entries[0].at, at),
            "recorded_at": (commit.recorded_at, at),
            "next_due": (commit.next_due, end),
            "state's clock": (state.clock, at),
            "state's next_due": (state.next_due, end),
        }
        for what, (instant, due) in read.items():
            aware = instant is not None and instant.utcoffset() is not None
            check(aware and instant == due, f"The {what} of {due} came back as {instant}.")


@values.promise("append")
def ids_are_taken_as_they_stand(trial: Ledger) -> None:
    """Ids of accounts, events and names that differ in anything are two: case, blanks, accents, quotes, digits."""
    repository = trial.repository()
    (template,) = series(A, ["e"])
    repository.append([moved(renamed(template, id), Account.member(id)) for id in ALIKE])
    repository.append(series(Account.shared("all"), ALIKE))
    accounts = [Account.member(id) for id in ALIKE]
    loaded = repository.load(accounts)
    check(
        {account.id for account in loaded} == set(ALIKE),
        "load() did not give each of the accounts that were asked for.",
    )
    for account in accounts:
        found = ids_of(repository.history(account))
        check(found == [account.id], f"The history of {described(account)} has the events {found!a}.")
        check(state_of(repository, account).account == account, f"The state of {described(account)} is another's.")
        check(loaded[account].version == 1, f"The version of {described(account)} is wrong.")
        about = ids_of(repository.history(Account.shared("all"), about=[account.id]))
        check(about == [account.id], f"Asked about {account.id!a}, it gave {about!a}.")
    roots = [commit.root for commit in repository.history(Account.shared("all"))]
    check(roots == [*ALIKE], "The roots are not those that were written.")
    check(version_of(repository, B) == 0, "An account is there that nobody wrote.")


@values.promise("append")
def many_events_of_one_instant_are_kept_apart(trial: Ledger) -> None:
    """Events of equal content and instant are as many as their ids, in the order in which they were appended."""
    repository = trial.repository()
    ids = ["b", "a", "c", "aa"]
    for id in ids:
        record(repository, A, nothing(A, id))
        record(repository, B, nothing(B, id))
    for account in (A, B):
        check(ids_of(all_of(repository, account)) == ids, "Events of one instant did not all come back in order.")
