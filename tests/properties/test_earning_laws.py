"""Earning: rounded once, never less for more, and explained to the last step."""

from __future__ import annotations

from fractions import Fraction

import attrs
from hypothesis import given
from hypothesis import strategies as st

from model.checks import transfers_of
from model.histories import POINTS, USD
from model.reference_values import rounded
from model.shop import Shop
from patronage import (
    Base,
    Ceiling,
    Event,
    Grain,
    Line,
    LineKind,
    MultiplierRule,
    Program,
    Purchase,
    Rounding,
    SpendRule,
    State,
    Tender,
)
from patronage.book import Book
from patronage.ledger import ISSUED
from patronage.periods import MONTH
from patronage.refunds import answers, worth_of
from properties.strategies import (
    bought,
    cents,
    histories,
    lines,
    modes,
    paid_cents,
    purchases,
    shop_program,
    spend_rules,
)

History = tuple[Program, list[Event]]


def earned(program: Program, *purchases: Purchase) -> int:
    """What the purchases earn a new member, in points."""
    shop = Shop(program)
    return sum(shop.record(purchase).earned(POINTS).total.steps for purchase in purchases)


class TestRoundedOnce:
    """P43: "sum of lines = total; under floor, splitting a purchase never earns more; other modes within k/2 steps"."""

    @given(totals=st.lists(paid_cents, min_size=1, max_size=5), rule=spend_rules())
    def test_the_figure_is_the_exact_one_rounded_at_its_grain(self, totals: list[int], rule: SpendRule) -> None:
        """By line each line is rounded, by rule or event the whole, once, on exact numbers."""
        counted = totals if rule.grain is Grain.LINE else [sum(totals)]
        figures = [Fraction(steps, rule.per.steps) for steps in counted]
        if rule.whole:
            figures = [Fraction(figure.numerator // figure.denominator) for figure in figures]
        expected = sum(rounded(figure * rule.credit.steps, rule.rounding) for figure in figures)
        assert earned(shop_program(rule), bought("p-1", *totals)) == expected

    @given(totals=st.lists(paid_cents, min_size=1, max_size=5), rule=spend_rules())
    def test_splitting_under_floor_never_earns_more(self, totals: list[int], rule: SpendRule) -> None:
        """Several purchases never earn more than one of the same goods, where rounding is down."""
        floor = attrs.evolve(rule, rounding=Rounding.FLOOR)
        apart = earned(shop_program(floor), *(bought(f"p-{n}", total) for n, total in enumerate(totals)))
        assert apart <= earned(shop_program(floor), bought("p-1", *totals))

    @given(totals=st.lists(paid_cents, min_size=1, max_size=5), rule=spend_rules())
    def test_splitting_pro_rata_stays_within_half_a_step_each(self, totals: list[int], rule: SpendRule) -> None:
        """k parts under a half mode differ from the exact figure by at most k half steps."""
        half = attrs.evolve(rule, rounding=Rounding.HALF_EVEN, whole=False, grain=Grain.RULE)
        apart = earned(shop_program(half), *(bought(f"p-{n}", total) for n, total in enumerate(totals)))
        assert abs(apart - Fraction(sum(totals) * half.credit.steps, half.per.steps)) <= Fraction(len(totals), 2)

    @given(
        totals=st.lists(paid_cents, min_size=1, max_size=4),
        rule=spend_rules(),
        factor=st.sampled_from(("1/2", "3/2", 2, "5/3", 3)),
    )
    def test_a_multiplier_multiplies_before_rounding(
        self, totals: list[int], rule: SpendRule, factor: str | int
    ) -> None:
        """Rule and multiplier are rounded together: at each grain, the exact figure times the factor."""
        multiplier = MultiplierRule(factor=factor, name="times")
        counted = totals if rule.grain is Grain.LINE else [sum(totals)]
        figures = [Fraction(steps, rule.per.steps) for steps in counted]
        if rule.whole:
            figures = [Fraction(figure.numerator // figure.denominator) for figure in figures]
        exact = [figure * rule.credit.steps * multiplier.factor for figure in figures]
        expected = sum(rounded(figure, rule.rounding) for figure in exact)
        assert earned(shop_program(rule, multiplier), bought("p-1", *totals)) == expected


class TestMoreNeverEarnsLess:
    """P44: "More eligible spend never earns less (unless a rule says so); unrelated lines change nothing"."""

    @given(totals=st.lists(cents, min_size=1, max_size=4), more=cents, rule=spend_rules())
    def test_a_dearer_basket_earns_at_least_as_much(self, totals: list[int], more: int, rule: SpendRule) -> None:
        """A line more, or a dearer line, never earns less."""
        program = shop_program(rule)
        least = earned(program, bought("p-1", *totals))
        assert earned(program, bought("p-1", *totals, more)) >= least
        assert earned(program, bought("p-1", totals[0] + more, *totals[1:])) >= least

    @given(purchase=purchases(), other=lines(), rule=spend_rules())
    def test_what_does_not_count_changes_nothing(self, purchase: Purchase, other: Line, rule: SpendRule) -> None:
        """A gift card in the basket earns nothing and takes nothing."""
        program = shop_program(rule)
        card = attrs.evolve(other, kind=LineKind.GIFT_CARD, id="card")
        assert earned(program, attrs.evolve(purchase, lines=(*purchase.lines, card))) == earned(program, purchase)

    @given(
        total=paid_cents,
        paid=st.integers(0, 3_000),
        mode=modes,
    )
    def test_what_was_paid_with_points_earns_nothing(self, total: int, paid: int, mode: Rounding) -> None:
        """P31: "Earning base excludes what was paid with points where the program says so"."""
        paid = min(paid, total)
        rule = SpendRule(
            per=USD.of("1.00"), credit=POINTS.of(3), whole=False, rounding=mode, base=Base(less_tenders=("points",))
        )
        tenders = (Tender(kind="points", total=USD.steps(paid)), Tender(kind="card", total=USD.steps(total - paid)))
        mixed = attrs.evolve(bought("p-1", total), tenders=tenders)
        assert earned(shop_program(rule), mixed) == rounded(Fraction(3 * (total - paid), 100), mode)

    @given(totals=st.lists(paid_cents, min_size=1, max_size=4), data=st.data())
    def test_a_mixed_tender_is_spread_to_the_step(self, totals: list[int], data: st.DataObject) -> None:
        """P31: "the spread of a mixed tender over lines ... sums exactly"."""
        paid = data.draw(st.integers(0, sum(totals)))
        tenders = (
            Tender(kind="points", total=USD.steps(paid)),
            Tender(kind="card", total=USD.steps(sum(totals) - paid)),
        )
        mixed = attrs.evolve(bought("p-1", *totals), tenders=tenders)
        counted = Base(less_tenders=("points",), tax=True).of(mixed)
        assert sum(counted) == sum(totals) - paid
        assert all(0 <= left <= total for left, total in zip(counted, totals, strict=True))
        assert [a - b for a, b in zip(totals, counted, strict=True)] == Base(only_tenders=("points",), tax=True).of(
            mixed
        )


class TestCeilings:
    """DESIGN 8: "A cap never awards beyond itself, whatever the order inside its period"."""

    @given(totals=st.lists(st.integers(0, 6_000), min_size=1, max_size=6), limit=st.integers(1, 80), data=st.data())
    def test_a_full_cap_gives_nothing_more(self, totals: list[int], limit: int, data: st.DataObject) -> None:
        """The purchases of a month earn what they are worth, up to the limit, in any order."""
        rule = SpendRule(per=USD.of("1.00"), credit=POINTS.of(1), name="spend")
        program = shop_program(rule, ceilings=(Ceiling(name="monthly", limit=POINTS.of(limit), per=MONTH),))
        shuffled = data.draw(st.permutations(totals))
        found = {
            earned(program, *(bought(f"p-{n}", total) for n, total in enumerate(order))) for order in (totals, shuffled)
        }
        assert found == {min(limit, sum(total // 100 for total in totals))}

    @given(used=st.integers(1, 40), spend=st.integers(1, 60), own=st.integers(1, 30))
    def test_a_cap_counts_what_was_credited(self, used: int, spend: int, own: int) -> None:
        """What one ceiling trims is not counted as used by another."""
        each = Ceiling(name="own", limit=POINTS.of(own), per=MONTH)
        rule = SpendRule(per=USD.of("1.00"), credit=POINTS.of(1), name="spend", ceilings=(each,))
        program = shop_program(rule, ceilings=(Ceiling(name="monthly", limit=POINTS.of(used), per=MONTH),))
        shop = Shop(program).play(bought("p-1", spend * 100))
        got = shop.state.lots["points"][0].steps
        assert got == min(used, spend, own)
        for tally in ("base.own", "base.monthly"):
            assert sum(lot.steps for lot in shop.state.lots[tally]) == got


class TestExplanation:
    """P45: "contributions, roundings and caps sum to the entry; re-deciding the recorded input reproduces it"."""

    @given(history=histories())
    def test_bookings_sum_to_their_entry(self, history: History) -> None:
        """What each rule has in a credit or a clawback adds up to what moved; a cap only ever trims."""
        program, events = history
        shop = Shop(program).play(*events)
        for entry in transfers_of(shop.commits):
            if entry.books:
                sign = 1 if entry.payee == shop.state.account else -1
                assert sum(book.steps for book in entry.books) == sign * entry.steps
            if entry.payer == ISSUED and isinstance(source_event(shop, entry.cause), Purchase):
                for book in entry.books:
                    assert book.steps <= book.wanted or book.trimmed_by is None

    @given(history=histories())
    def test_deciding_again_from_the_commit_alone_reproduces_it(self, history: History) -> None:
        """The policies' answer on the recorded basis, by the terms of its time, is what was booked."""
        program, events = history
        shop = Shop(program).play(*events)
        for commit in shop.commits:
            event = commit.event
            if not isinstance(event, Purchase):
                continue
            bound = program.terms_at(commit.terms_from)
            nobody = Book(State.of(commit.account), program.calendar, bound.units)
            told = answers(bound, event, event.occurred_at, nobody, commit.basis)
            worth = {key: value.steps for key, value in worth_of(told, event.occurred_at, bound).items() if value.steps}
            booked: dict[tuple[str, str, str | None, str], int] = {}
            for entry in transfers_of([commit]):
                if entry.cause == event.id and entry.payer == ISSUED:
                    for book in entry.books:
                        key = (entry.policy, entry.unit, entry.label, book.rule)
                        booked[key] = booked.get(key, 0) + book.steps
            assert booked == worth

    @given(history=histories())
    def test_a_commit_is_what_its_state_before_decides(self, history: History) -> None:
        """Replayed from the events in the commits alone, every commit comes out equal."""
        program, events = history
        shop = Shop(program).play(*events)
        again = Shop(program).play(*(commit.event for commit in shop.commits))
        assert again.commits == shop.commits
        assert again.state == shop.state


def source_event(shop: Shop, id: str) -> Event | None:
    """The event of an id, where it was recorded."""
    return next((commit.event for commit in shop.commits if commit.event.id == id), None)
