"""Seeded bugs: each is planted in the core for one test, and must be seen. A check that never fails proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import patronage.base
import patronage.book
import patronage.earning
import patronage.occasions
import patronage.passing
import patronage.refunds
import patronage.requests
import patronage.returns
import patronage.spending
import patronage.state
import patronage.terms_of_time
import patronage.units
from model.histories import programs
from model.lockstep import play
from patronage import Accepted, Amount, Base, Lot, PatronageError, Program, Rounding
from patronage.book import Book
from patronage.ceilings import BoundCeiling
from patronage.figures import Multiplier
from patronage.ledger import Grant
from patronage.periods import Calendar
from patronage.refunds import Difference
from patronage.requests import Requests
from patronage.terms_of_time import Lasting
from patronage.units import OddStep, allocate, rounded
from properties import test_decider_laws as decider
from properties import test_earning_laws as earning
from properties import test_ledger_laws as ledger
from properties import test_refund_laws as refunds
from properties import test_time_laws as time_laws
from properties import test_value_laws as values

Plant = Callable[[pytest.MonkeyPatch], None]
SEEDS = 400


@pytest.fixture(autouse=True)
def fresh_programs() -> Iterator[None]:
    """Programs keep what they bound: a bug planted in binding needs new ones."""
    programs.cache_clear()
    yield
    programs.cache_clear()


def wrapped(owner: object, name: str, change: Callable[..., Any]) -> Plant:
    """A bug that stands before a function: *change* gets the function and its arguments."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        known = getattr(owner, name)

        def bug(*args: Any, **kwargs: Any) -> Any:
            return change(known, *args, **kwargs)

        patch.setattr(owner, name, bug)

    return plant


def both(*plants: Plant) -> Plant:
    """Bugs planted together."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        for one in plants:
            one(patch)

    return plant


def picked_last_first(known: Callable[..., Any], book: Book, unit: str, steps: int, label: str | None) -> Any:
    """Lots are spent in the wrong order."""
    lots = [lot for lot in book.lots(unit) if lot.reserved_for is None and lot.steps > 0 and lot.label == label]
    if sum(lot.steps for lot in lots) <= steps:
        return known(book, unit, steps, label)
    taken, left = [], steps
    for lot in reversed(lots):
        part = min(left, lot.steps)
        left -= part
        if part:
            taken.append(attrs.evolve(lot, steps=part))
    return taken, left


def later(known: Callable[..., datetime | None], *args: Any) -> datetime | None:
    """A lot ends one microsecond late."""
    end = known(*args)
    return None if end is None else end + timedelta(microseconds=1)


def whole_factor(known: Callable[..., None], multiplier: Multiplier, *args: object) -> None:
    """A multiplier adds its factor, not its factor less one."""
    known(multiplier, *args)
    multiplier.gain_n = multiplier.n


def one_lost(known: Callable[..., tuple[Lot, ...]], book: Book, part: Lot) -> tuple[Lot, ...]:
    """A step is lost on the way into a lot."""
    *first, last = known(book, part)
    return (*first, attrs.evolve(last, steps=max(1, last.steps - 1)))


def dropped_again(known: Callable[..., int], difference: Difference, unit: str, label: str | None) -> int:
    """What was dropped before is dropped once more."""
    lost = 0
    for commit in difference.history:
        for entry in commit.entries:
            payee = getattr(entry, "payee", None)
            if payee is not None and payee.id == "expired" and entry.about == difference.about:
                lost += getattr(entry, "steps", 0)
    return max(lost, known(difference, unit, label))


def state_emptied(known: Callable[..., Any], book: Book, at: datetime, version: int) -> Any:
    """The state that was given is changed in place."""
    after = known(book, at, version)
    book.state.lots._items.clear()
    return after


NUMBER = count()

LOCKSTEP: dict[str, Plant] = {
    "rounding goes up": wrapped(patronage.earning, "rounded", lambda known, n, d, mode: known(n, d, Rounding.CEILING)),
    "a refund forgets the earlier ones": wrapped(patronage.requests, "_undone", lambda known, *args: []),
    "a lot ends a microsecond late": both(
        wrapped(patronage.book, "lot_end", later), wrapped(patronage.state, "lot_end", later)
    ),
    "debt is ignored by what comes in": wrapped(Book, "debt", lambda known, *args: 0),
    "a ceiling is off by one": wrapped(BoundCeiling, "room", lambda known, *args: known(*args) + 1),
    "a ceiling is never used up": wrapped(BoundCeiling, "use", lambda known, *args: None),
    "lots are spent last first": wrapped(Book, "pick", picked_last_first),
    "a pending lot is there at once": both(
        wrapped(patronage.book, "is_pending", lambda known, *args: False),
        wrapped(patronage.state, "is_pending", lambda known, *args: False),
    ),
    "points come back first taken first": wrapped(
        patronage.requests,
        "give_back",
        lambda known, book, terms, about, parts, *rest: known(book, terms, about, parts[::-1], *rest),
    ),
    "points come back without an end": wrapped(
        patronage.refunds, "_life", lambda known, validity, *rest: attrs.evolve(validity, expires_at=None)
    ),
    "a repeated event is not told": wrapped(
        Program,
        "_again",
        lambda known, program, commit, event, history: Accepted(commit.account, event, (commit,), (), False),
    ),
    "other content is taken as known": wrapped(
        Program,
        "_again",
        lambda known, program, commit, event, history: known(program, commit, commit.event, history),
    ),
    "a clawback spares the purchase's own lots": wrapped(Difference, "_own_lots", lambda known, *args: []),
    "a clawback spares all other lots": wrapped(Difference, "_others", lambda known, *args: []),
    "what expired is never dropped": wrapped(Difference, "_droppable", lambda known, *args: 0),
    "what expired is dropped again": wrapped(Difference, "_droppable", dropped_again),
    "a shortfall is never forgiven": wrapped(Difference, "_shortfall", lambda known, *args: None),
    "a late refund takes everything": wrapped(patronage.requests, "proportional", lambda known, *args: {}),
    "a refund is decided on what is true now": wrapped(
        patronage.requests,
        "answers",
        lambda known, bound, event, at, book, basis: known(bound, event, at, book, bound.basis(book, book.at)),
    ),
    "a credit of a refund passes its ceiling": wrapped(
        Requests, "_rooms", lambda known, *args: lambda key, wanted: wanted
    ),
    "a reservation never lapses": both(
        wrapped(patronage.passing, "lapse", lambda known, *args: None),
    ),
    "a capture takes all": wrapped(patronage.spending, "split", lambda known, lots, steps: (list(lots), [])),
    "a redemption that paid is cancelled": wrapped(Requests, "_standing_purchase", lambda known, *args: None),
    "what is reserved can be spent": wrapped(
        Book, "available", lambda known, book, unit, label: sum(lot.steps for lot in book.lots(unit))
    ),
    "a multiplier adds its whole factor": wrapped(Multiplier, "__init__", whole_factor),
    "tax counts": wrapped(Base, "of", lambda known, self, purchase: known(attrs.evolve(self, tax=True), purchase)),
    "a discount is forgotten": wrapped(
        patronage.base, "spread_discounts", lambda known, discounts, lines: [0 for _ in lines]
    ),
    "odd steps go to the first": wrapped(
        patronage.returns, "allocate", lambda known, total, weights: known(total, weights, OddStep.FIRST)
    ),
    "grants never end": wrapped(Grant, "in_force", lambda known, grant, at: grant.valid_from <= at),
    "a day ends at midnight in UTC": wrapped(
        Lasting, "end", lambda known, term, at, calendar, times=1: known(term, at, Calendar("UTC"), times)
    ),
    "a step is lost": wrapped(Book, "become", one_lost),
    "the state is changed in place": wrapped(Book, "close", state_emptied),
    "a version is used twice": wrapped(
        Book, "close", lambda known, book, at, version: known(book, at, max(1, version - 1))
    ),
    "ids are counted, not derived": wrapped(
        patronage.book, "due_cause", lambda known, kind, at, parts: f"~{kind}/{next(NUMBER)}"
    ),
    "the share of a payment is rounded down": wrapped(
        patronage.requests,
        "share_of",
        lambda known, spent, part, whole, terms: spent * part // whole if whole else spent,
    ),
    "pending lots are forgotten by the clock": both(
        wrapped(patronage.book, "next_due", lambda known, lots, pending, *rest: known(lots, (), *rest)),
        wrapped(patronage.state, "next_due", lambda known, lots, pending, *rest: known(lots, (), *rest)),
    ),
}


def must_be_seen(bug: str, seen: BaseException | None) -> None:
    """The check itself failed: a planted function that no longer fits the core proves nothing."""
    if seen is None:
        pytest.fail(f"nothing sees that {bug}")
    cause = seen.__cause__ or seen
    broken = isinstance(cause, TypeError | AttributeError | NameError) and not isinstance(cause, PatronageError)
    assert not broken, f"the planted bug does not fit the core: {cause}"


@pytest.mark.parametrize("bug", LOCKSTEP)
def test_the_histories_see_a_seeded_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted in the core, each bug makes one of the first histories differ from the reference ledger."""
    LOCKSTEP[bug](monkeypatch)
    found: AssertionError | None = None
    for seed in range(SEEDS):
        try:
            play(seed)
        except AssertionError as error:
            found = error
            break
    must_be_seen(bug, found)


def loose(
    known: Callable[..., Any], total: int, weights: Callable[[], Sequence[int]], odd: OddStep = OddStep.FIRST
) -> Any:
    """Shares that lose the odd steps."""
    parts = list(weights())
    return tuple(total * part // (sum(parts) or 1) for part in parts)


CYCLES: Callable[..., None] = refunds.TestNoProfitableCycle.runTest

PROPERTIES: dict[str, tuple[Plant, Callable[..., None]]] = {
    "P1 a transfer of another size": (LOCKSTEP["a step is lost"], ledger.TestConservation.test_every_unit_is_conserved),
    "P2 a step is lost": (LOCKSTEP["a step is lost"], ledger.TestBalances.test_the_standing_is_the_sum_of_the_entries),
    "P3 P4 P16 a repeated event is kept again": (
        LOCKSTEP["a repeated event is not told"],
        decider.TestRepeats.test_again_changes_nothing,
    ),
    "P4 a version is used twice": (
        LOCKSTEP["a version is used twice"],
        ledger.TestVersions.test_versions_count_the_commits,
    ),
    "P5 units are mixed": (
        wrapped(Amount, "_same", lambda known, self, other: other),
        values.TestUnitsAreNeverMixed.test_mixing_raises,
    ),
    "P6 what is spent stays": (
        wrapped(patronage.book, "take", lambda known, lots, part: True),
        ledger.TestLots.test_no_lot_gives_more_than_it_got,
    ),
    "P8 lots are spent last first": (
        LOCKSTEP["lots are spent last first"],
        ledger.TestSpendingOrder.test_points_are_spent_as_they_end,
    ),
    "P9 a credit of nothing": (
        wrapped(patronage.occasions, "positive_amount", lambda known, what, amount: amount),
        values.TestAmountsArePositiveWholeSteps.test_effects_and_requests_are_above_zero,
    ),
    "P10 sums wrap": (
        wrapped(Amount, "__add__", lambda known, a, b: Amount((a.steps + b.steps) % 2**62, a.unit)),
        values.TestAmountsStayInRange.test_sums_are_exact_or_refused,
    ),
    "P11 debt is ignored": (
        LOCKSTEP["debt is ignored by what comes in"],
        ledger.TestLots.test_debt_is_explicit_and_never_beside_points,
    ),
    "P13 the state is changed": (
        LOCKSTEP["the state is changed in place"],
        decider.TestPurity.test_deciding_touches_nothing,
    ),
    "P14 a wrong error is raised": (
        wrapped(patronage.requests, "kept_of", lambda known, *args: 1 // len(args[2:])),
        decider.TestTotality.test_every_event_gets_a_decision,
    ),
    "P15 a grant is not folded": (
        wrapped(patronage.state, "apply_grant", lambda known, grants, entry: grants),
        ledger.TestFold.test_a_snapshot_and_its_tail_are_the_whole,
    ),
    "P17 other content is taken as known": (
        LOCKSTEP["other content is taken as known"],
        decider.TestConflicts.test_other_content_is_a_conflict,
    ),
    "P18 parts run together": (
        wrapped(decider, "due_cause", lambda known, kind, at, parts: known(kind, at, ["".join(parts)])),
        decider.TestDerivedIds.test_other_parts_give_another_id,
    ),
    "P25 a refund takes nothing": (wrapped(Difference, "_take_back", lambda known, *args: None), CYCLES),
    "P26 a refund forgets the earlier ones": (
        LOCKSTEP["a refund forgets the earlier ones"],
        refunds.TestPartsAndWhole.test_what_stays_is_what_the_rest_would_have_earned,
    ),
    "P27 more than is left is taken": (
        LOCKSTEP["a refund forgets the earlier ones"],
        refunds.TestNeverMoreThanThePurchase.test_more_than_is_left_is_refused,
    ),
    "P28 points come back without an end": (
        LOCKSTEP["points come back without an end"],
        refunds.TestRedeemAndCancel.test_a_cancelled_request_leaves_every_lot_as_it_was,
    ),
    "P29 a reservation never lapses": (
        LOCKSTEP["a reservation never lapses"],
        refunds.TestHolds.test_a_reservation_ends_once,
    ),
    "P30 points come back without an end": (
        LOCKSTEP["points come back without an end"],
        refunds.TestGivenBack.test_points_come_back_with_their_old_end_or_the_stated_one,
    ),
    "P31 odd steps are lost": (
        wrapped(patronage.base, "allocate", loose),
        earning.TestMoreNeverEarnsLess.test_a_mixed_tender_is_spread_to_the_step,
    ),
    "P32 ids are counted": (LOCKSTEP["ids are counted, not derived"], time_laws.TestSteps.test_one_step_or_many),
    "P33 what expires comes back": (
        wrapped(patronage.book.Book, "end_lot", lambda known, *args: None),
        time_laws.TestNothingGrowsByItself.test_what_is_held_never_grows_by_time,
    ),
    "P34 a lot ends a microsecond late": (
        LOCKSTEP["a lot ends a microsecond late"],
        time_laws.TestHalfOpen.test_a_lot_is_usable_before_its_end_and_not_at_it,
    ),
    "P34 a day ends at midnight in UTC": (
        LOCKSTEP["a day ends at midnight in UTC"],
        time_laws.TestHalfOpen.test_the_end_of_a_day_is_local,
    ),
    "P36 months are added one by one": (
        wrapped(
            Lasting,
            "end",
            lambda known, term, at, calendar, times=1: (
                at if not times else Lasting.end(term, known(term, at, calendar), calendar, times - 1)
            ),
        ),
        time_laws.TestTerms.test_months_are_counted_from_the_anchor,
    ),
    "P41 odd steps are lost": (wrapped(values, "allocate", loose), values.TestAllocation.test_shares_sum_and_are_fair),
    "P43 a half goes up": (
        wrapped(values, "round_to_steps", lambda known, number, mode: known(number, Rounding.HALF_UP)),
        values.TestRounding.test_a_rounded_figure_is_the_nearest_or_the_named_side,
    ),
    "P43 rounding goes up": (
        LOCKSTEP["rounding goes up"],
        earning.TestRoundedOnce.test_the_figure_is_the_exact_one_rounded_at_its_grain,
    ),
    "P44 a tax that grows with the basket": (
        wrapped(
            Base,
            "of",
            lambda known, self, purchase: (
                known(self, purchase)[:1] + [0] * (len(purchase.lines) - 1)
                if len(purchase.lines) > 2
                else known(self, purchase)
            ),
        ),
        earning.TestMoreNeverEarnsLess.test_a_dearer_basket_earns_at_least_as_much,
    ),
    "P45 a booking is lost": (
        wrapped(patronage.refunds, "_rebook", lambda known, rule, steps, *rest: known(rule, steps + 1, *rest)),
        earning.TestExplanation.test_bookings_sum_to_their_entry,
    ),
    "a ceiling is off by one": (
        LOCKSTEP["a ceiling is off by one"],
        earning.TestCeilings.test_a_full_cap_gives_nothing_more,
    ),
}


def asked(prop: Callable[..., None], patch: pytest.MonkeyPatch, examples: int) -> None:
    """Asks a property, without shrinking what it finds."""
    quick = settings(
        max_examples=examples,
        phases=(Phase.generate,),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    if prop is CYCLES:
        patch.setattr(refunds.TestNoProfitableCycle, "settings", settings(quick, stateful_step_count=20))
        refunds.TestNoProfitableCycle("runTest").runTest()
        return
    # A copy: the property itself is asked by its own test alone.
    told: Any = prop
    inner, strategies = told.hypothesis.inner_test, told.hypothesis._given_kwargs

    def check(**drawn: object) -> None:
        inner(object(), **drawn)

    quick(given(**strategies)(check))()


@pytest.mark.parametrize("bug", PROPERTIES)
def test_a_property_sees_a_seeded_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted in the core, each bug makes the property fail that speaks of it; without it the property holds."""
    plant, prop = PROPERTIES[bug]
    asked(prop, monkeypatch, 3)
    programs.cache_clear()
    plant(monkeypatch)
    found: BaseException | None = None
    try:
        asked(prop, monkeypatch, 1_000)
    except (Exception, pytest.fail.Exception) as error:
        found = error
    must_be_seen(bug, found)


def test_the_core_as_it_is_passes() -> None:
    """Without a bug the same checks are silent: they see bugs, not noise."""
    for seed in range(30):
        play(seed)
    assert rounded(5, 2, Rounding.FLOOR) == 2
    assert allocate(1, lambda: (1, 1)) == (1, 0)
