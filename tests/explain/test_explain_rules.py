"""What each rule has in an entry, and why each other one has nothing: in a sentence."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from explain_shop import ASKED, AT, GOLD, MONTHLY, SPEND, Shop, bought, points, policy, program, told, usd

from patronage import (
    Activity,
    Adjustment,
    BonusRule,
    Capture,
    Ceiling,
    Enrolment,
    Grain,
    Group,
    Life,
    Line,
    MultiplierRule,
    Occasion,
    On,
    Purchase,
    QuantityRule,
    Redemption,
    Rejected,
    Rounding,
    Stacking,
    Step,
    StepTable,
    Transfer,
    currency,
)
from patronage.conditions import AllOf, Category, Spend
from patronage.events import Event
from patronage.explain import explain, refusal_sentence
from patronage.explain._asking import clause_of, failing
from patronage.occasions import CountedFrom
from patronage.rules import Rule
from patronage.terms_of_time import Annual, days, months
from patronage.testing import occasion


class TestRules:
    def test_rounding_is_told_where_there_was_some(self) -> None:
        """The exact figure, and how it was rounded."""
        rule = attrs.evolve(SPEND, whole=False, rounding=Rounding.HALF_UP)
        lines = told([bought("10.50")], rule)
        assert lines[2].endswith("at 1 points per 1.00 USD, from 10.5 points rounded to the nearest, halves up.")

    def test_items_measures_and_counts(self) -> None:
        """What was counted, in its own terms."""
        items = QuantityRule(name="items", credit=points.of(2))
        line = Line(total=usd.of(1), quantity="2.5", measures={"meals": "0.3"})
        purchase = attrs.evolve(bought("1.00"), lines=(line,))
        assert "  - Rule items: 4 points for 2.5 items on line 1, at 2 points per 1 items." in told([purchase], items)
        meals = QuantityRule(name="meals", credit=points.of(2), per="0.1", measure="meals")
        assert "  - Rule meals: 6 points for 0.3 meals on line 1, at 2 points per 0.1 meals." in told([purchase], meals)
        review = BonusRule(name="review", on=On.ACTIVITY, activity="review", credit=points.of(5))
        done = Activity(id="a-1", member="m-1", occurred_at=AT, kind="review", count=3)
        assert told([done], review)[:3] == [
            "Activity review on 5 March 2026 at 10:00 (a-1), counted 3 times.",
            "15 points earned by policy base.",
            "  - Rule review: 15 points for 3 review, at 5 points per 1 review.",
        ]

    def test_a_multiplier_below_one(self) -> None:
        """It takes from what its rules give."""
        half = MultiplierRule(name="half", factor="1/2")
        assert told([bought("10.00")], SPEND, half)[1:4] == [
            "5 points earned by policy base.",
            "  - Rule spend: 10 points for 10.00 USD on line 1, at 1 points per 1.00 USD.",
            "  - Rule half: 5 points less, x 1/2.",
        ]

    def test_a_limit_on_the_spend(self) -> None:
        """What the spend beyond it would have given is told as kept back."""
        limit = Ceiling(name="cap", limit=usd.of(30))
        lines = told([bought("100.00")], attrs.evolve(SPEND, ceilings=(limit,)))
        assert "  - Limit cap: 70 points of rule spend not given, 30 points of 100 points left." in lines

    def test_a_limit_on_the_spend_of_a_multiplied_rule(self) -> None:
        """Rounded together with its multiplier, the limit is told without a figure of its own."""
        limit = Ceiling(name="cap", limit=usd.of(30))
        double = MultiplierRule(name="double", factor=2)
        lines = told([bought("100.00")], attrs.evolve(SPEND, ceilings=(limit,)), double)
        assert lines[1] == "60 points earned by policy base."
        assert "  - Limit cap: not all of the spend counted for rule spend." in lines

    def test_the_use_of_a_limit_ends(self) -> None:
        """Long after its period, when refunds no longer count."""
        lines = told(
            [bought("10.00"), Enrolment(id="e-1", member="m-1", occurred_at=AT + timedelta(days=500))],
            attrs.evolve(SPEND, life=Life()),
            ceilings=(MONTHLY,),
        )
        assert "Limit monthly of 200 points: 10 points of 2026-03's use no longer counted." in lines


def line_of(category: str) -> Purchase:
    """A purchase of one line of a category."""
    return attrs.evolve(bought("1.00"), lines=(Line(total=usd.of("9.00"), category=category),))


eur = currency("EUR")
BOOKS = attrs.evolve(SPEND, name="books", lines=Category(["books"]))
REVIEW = BonusRule(name="review", on=On.ACTIVITY, activity="review", per=2, credit=points.of(5))
ONE = Group(name="one", stacking=Stacking.BEST)
BY_LINE = Group(name="one", stacking=Stacking.BEST, by_line=True)
VISIT = BonusRule(name="visit", credit=points.of(1))
DONE = Activity(id="a-1", member="m-1", occurred_at=AT, kind="review")
DOUBLE = MultiplierRule(name="double", factor=2, of=["books"])
TOO_LITTLE = "Rule spend gave nothing: what counts is too little at 1 points per 1.00 USD."
FOR_REVIEWS = "Rule review did not apply: it is for activity review."


class TestWhyNot:
    @pytest.mark.parametrize(
        ("events", "rules", "facts", "sentence"),
        [
            ([bought("10.00")], (GOLD, SPEND), {}, "Rule gold did not apply: it asks for tier gold."),
            (
                [attrs.evolve(bought("1.00"), lines=[Line(total=eur.of(9))])],
                (SPEND,),
                {},
                "Rule spend did not apply: it counts spend in USD, and this is in EUR.",
            ),
            (
                [line_of("toys")],
                (BOOKS,),
                {},
                "Rule books did not apply: no line counts for it, which asks for category books.",
            ),
            ([bought("0.00")], (SPEND,), {}, "Rule spend did not apply: no line counts for it."),
            ([bought("0.00")], (VISIT,), {}, "Rule visit did not apply: nothing was paid."),
            (
                [bought("0.50")],
                (SPEND,),
                {},
                TOO_LITTLE,
            ),
            ([DONE], (REVIEW,), {}, "Rule review gave nothing: what counts is too little at 5 points per 2 review."),
            (
                [attrs.evolve(DONE, kind="visit")],
                (REVIEW,),
                {},
                FOR_REVIEWS,
            ),
            ([bought("5.00")], (REVIEW,), {}, "Rule review did not apply: it is for an activity."),
            (
                [bought("5.00"), bought("5.00", id="o-2")],
                (SPEND,),
                {"ceilings": (attrs.evolve(MONTHLY, limit=points.of(5)),)},
                "Rule spend gave nothing: limit monthly is used up, which kept back 5 points.",
            ),
            (
                [bought("5.00"), bought("5.00", id="o-2")],
                (SPEND, MultiplierRule(name="treble", factor="3")),
                {"ceilings": (attrs.evolve(MONTHLY, limit=points.of(5)),)},
                "Rule treble gave nothing: limit monthly is used up, which kept back 10 points.",
            ),
            (
                [bought("5.00"), bought("5.00", id="o-2")],
                (attrs.evolve(SPEND, ceilings=(attrs.evolve(MONTHLY, limit=usd.of(5)),)),),
                {},
                "Rule spend gave nothing: limit monthly is used up.",
            ),
            (
                [bought("5.00")],
                (attrs.evolve(SPEND, group="one"), attrs.evolve(VISIT, group="one")),
                {"groups": (ONE,)},
                "Rule visit gave nothing: another rule of group one goes before it, spend.",
            ),
            (
                [line_of("books")],
                (attrs.evolve(SPEND, group="one"), attrs.evolve(BOOKS, group="one")),
                {"groups": (BY_LINE,)},
                "Rule books gave nothing: another rule of group one goes before it.",
            ),
            ([line_of("toys")], (BOOKS, DOUBLE), {}, "Rule double gave nothing: there was nothing for it to multiply."),
            (
                [bought("0.40")],
                (attrs.evolve(SPEND, whole=False, grain=Grain.LINE),),
                {},
                "Rule spend gave nothing: what counts is too little.",
            ),
        ],
    )
    def test_each_reason(
        self, events: list[Event], rules: tuple[Rule, ...], facts: dict[str, object], sentence: str
    ) -> None:
        """Said once, in a sentence that can be read out."""
        assert told(events, *rules, **facts).count(sentence) == 1  # type: ignore[arg-type]  # of a policy

    def test_an_empty_purchase(self) -> None:
        """No rule was asked."""
        lines = told([Purchase(id="o-1", member="m-1", occurred_at=AT, lines=())])
        assert lines == [
            "Purchase o-1 on 5 March 2026 at 10:00: nothing.",
            "The purchase has no lines, so no rule was asked.",
            "Deciding again from this record gives the same.",
        ]


def test_refusals_tell_instants_and_money() -> None:
    """Facts of each refusal in their own units, whatever the reward."""
    shop = Shop(program())
    shop.play(bought("250.00"))
    late = Adjustment(
        id="j-0", member="m-1", occurred_at=AT - timedelta(days=1), amount=points.of(-1), actor="ann", reason="slip"
    )
    decision = shop.program.decide(shop.state, late)
    assert isinstance(decision, Rejected)
    assert refusal_sentence(decision.refusal, shop.program) == (
        "Refused for now: the event of 4 March 2026 at 10:00 is older than what the account has seen, "
        "5 March 2026 at 10:00: it is no plain fact."
    )
    shop.play(ASKED)
    capture = Capture(id="c-1", member="m-1", occurred_at=AT, reservation="h-1", amount=points.of(900))
    assert "Refused: 900 points is more than the 200 points that are held." in shop.why(capture).text


def test_an_explanation_is_data() -> None:
    """Codes, facts and sentences in reading order; it hashes, and equal ones are equal."""
    first, second = (Shop(program()).why(bought("250.00")) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    assert [item.code for item in first.items] == [
        "event.purchase",
        "entry.earned",
        "part.rule",
        "part.trimmed",
        "lot.put",
        "entry.counted",
        "not.condition",
        "not.other_event",
        "check.same",
    ]
    assert [item.sentence for item in first.items] == [line.removeprefix("  - ") for line in first.text.splitlines()]
    (entry, _) = first.entries
    assert entry.entry_id == "0/o-1"
    assert not entry.by_time
    assert entry.parts[0].facts["base"] == usd.of("250.00")
    assert entry.parts[0].facts["granted"] == points.of(200)


class TestRewards:
    TABLE = StepTable(name="table", steps=[Step(cost=points.of(10), value=usd.of(5))], order_minimum=usd.of("2.00"))

    @pytest.mark.parametrize(
        ("total", "sentence"),
        [
            ("4.00", "Refused: reward table takes less here: at most 4.00 USD, and 10 points was asked."),
            ("1.50", "Refused: reward table needs an order of 2.00 USD, and this is 1.50 USD."),
        ],
    )
    def test_money_and_points_are_told_apart(self, total: str, sentence: str) -> None:
        """A table's maximum and an order's minimum are money, what is asked is points."""
        shop = Shop(program(rewards=(self.TABLE,)))
        cart = bought(total).lines
        asked = Redemption(id="r-1", member="m-1", occurred_at=AT, reward="table", cart=cart, amount=points.of(10))
        assert sentence in shop.why(bought("50.00"), asked).text.splitlines()


class Plain:
    """A condition that is no attrs class, and fails when it is asked about a visit."""

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Never, or an error."""
        if occasion.purchase is not None and occasion.purchase.id == "broken":
            raise LookupError("gone")
        return False


@attrs.frozen
class Holding:
    """A condition with a field of a class of its own, and a private one."""

    what: object = attrs.field(factory=Plain)
    when: object = days(3)
    _secret: str = "hidden"

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Never."""
        return False


class TestOwnConditions:
    def test_any_object_with_the_method_is_told(self) -> None:
        """By its class; fields of classes of their own by theirs; what is private is not told."""
        assert dict(clause_of(Plain()).facts) == {"name": "Plain"}
        told = clause_of(Holding()).facts
        assert dict(told) == {"name": "Holding", "what": clause_of(Plain()), "when": "Lasting"}

    def test_one_that_fails_is_told(self) -> None:
        """The record is explained all the same; the error is in the sentence."""
        rule = attrs.evolve(SPEND, when=AllOf([Plain()]))
        shop = Shop(program(policy(rule)))
        commit = shop.play(bought("1.00"))
        broken = attrs.evolve(commit, event=attrs.evolve(commit.event, id="broken"))
        explanation = explain(broken, shop.program)
        assert explanation.reproduced is False
        assert "Policy base could not be asked again: " in explanation.not_applied[0].sentence
        assert "LookupError" in explanation.text


def test_a_member_that_fails_is_told_as_it_is() -> None:
    """Of several conditions, one that cannot be asked counts as one that does not hold."""
    purchase = attrs.evolve(bought("1.00"), id="broken")
    found = failing(AllOf([Plain(), Spend(at_least=usd.of(1))]), occasion(purchase))
    assert [type(each) for each in found] == [Plain]


def test_a_life_counted_from_confirmation() -> None:
    """How long points last once they are confirmed; a term of one's own is not spelled out."""
    for term, sentence in (
        (months(6), "  - 10 points can be spent once confirmed, and for 6 months from then."),
        (Annual(month=1, day=1), "  - 10 points can be spent once confirmed, and for their time from then."),
    ):
        life = Life(on_confirmation=True, expires_after=term, counted_from=CountedFrom.AVAILABILITY)
        assert sentence in told([bought("10.00")], attrs.evolve(SPEND, life=life))


def test_a_figure_without_end() -> None:
    """A third of a measure is told as a fraction."""
    rule = QuantityRule(name="meals", credit=points.of(1), measure="meals", per="0.1")
    shop = Shop(program(policy(rule)))
    commit = shop.play(attrs.evolve(bought("1.00"), lines=(Line(total=usd.of(1), measures={"meals": "1"}),)))
    (entry,) = commit.entries
    assert isinstance(entry, Transfer)
    third = attrs.evolve(entry, books=(attrs.evolve(entry.books[0], base=(1, 3)),))
    assert "for 1/3 meals" in explain(attrs.evolve(commit, entries=(third,)), shop.program).text
