"""Phrases: every code that the library can give has one, and a shop's own replace them safely."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path

import attrs
import pytest
from explain_shop import SPEND, Shop, bought, points, program, usd

import patronage
import patronage.conditions
from patronage import (
    BenefitKind,
    Condition,
    Credit,
    Give,
    InvalidValueError,
    Line,
    LineKind,
    PointsPolicy,
    Refusal,
    RejectionCode,
    Rounding,
    Unit,
)
from patronage._frozen import FrozenMapping
from patronage.conditions import (
    AllOf,
    AnyOf,
    BalanceIs,
    Between,
    Category,
    Channel,
    HasGrant,
    Kind,
    LineAttribute,
    Not,
    Quantity,
    Sku,
    Spend,
    TimeOfDay,
    Weekday,
)
from patronage.events import Event
from patronage.explain import ENGLISH, Phrases, refusal_sentence
from patronage.explain._asking import clause_of
from patronage.explain._phrases import Clause, Either, End, Figure, Told, Voice
from patronage.ledger import Fact, GrantChange, reason
from patronage.periods import Calendar
from patronage.units import Amount

PACKAGE = Path(patronage.__file__).resolve().parent
VOICE = Voice(ENGLISH, {"USD": usd, "points": points}, Calendar("America/New_York"))
GRANT_REASONS = {
    "given",
    "used",
    "revoked",
    "granted_by_operator",
    "ended_by_operator",
    "ran_out",
    "fell",
    "membership_ended",
    "membership_noted",
}
GRANT_REASONS |= {"account_closed", "merged_into", "pool_joined"}
GRANT_REASONS |= {"use_reserved", "use_captured", "use_given_back"}
BOTH = {"protected", "yearly", "membership_started", "membership_renewed", "taken_back", "followed_up", "threshold"}
BOTH |= {"pool_left", "merged_away", "merged_in", "unmerged", "unmerged_away", "reopened"}
WITHOUT_ENTRY = {"wake_up", "tallied"}  # What is tallied is told by phrases of its own.


def reason_codes() -> Iterator[str]:
    """Every code that the core's source gives to a reason."""
    for path in sorted(PACKAGE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"reason", "Reason", "release"}
            ):
                yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def say(template: str, **facts: Told) -> str:
    """What a template says of some facts."""
    return attrs.evolve(VOICE, phrases=ENGLISH.replacing({"own": template})).say("own", facts)


class TestEnglish:
    def test_every_reason_of_the_core_has_a_phrase(self) -> None:
        """A reason that a new mechanism gives cannot be forgotten."""
        codes = set(reason_codes())
        assert {"earned", "expired", "released", "lapsed", "forgiven", "ran_out"} <= codes
        for code in codes - WITHOUT_ENTRY:
            assert (f"grant.{code}" in ENGLISH) == (code in GRANT_REASONS | BOTH), code
            assert (f"entry.{code}" in ENGLISH) == (code not in GRANT_REASONS), code

    @pytest.mark.parametrize("code", RejectionCode)
    def test_every_refusal_has_a_phrase(self, code: RejectionCode) -> None:
        """Each is a sentence, without facts too."""
        assert f"refused.{code.value}" in ENGLISH
        assert re.match(r"Refused( for now)?: .+\.$", refusal_sentence(Refusal(code, FrozenMapping()), program()))

    def test_every_condition_has_a_phrase(self) -> None:
        """What a rule asks for can be said of all conditions that the library has."""
        found = [
            name
            for name, cls in vars(patronage.conditions).items()
            if isinstance(cls, type) and cls.__module__ == patronage.conditions.__name__ and hasattr(cls, "holds")
        ]
        assert len(found) > 20
        for name in found:
            assert f"condition.{name.lower()}" in ENGLISH

    def test_every_event_benefit_rounding_and_change_has_a_phrase(self) -> None:
        """The closed sets are walked through."""
        for event in Event.__args__:
            assert f"event.{event.__name__.lower()}" in ENGLISH
        for kind in BenefitKind:
            assert f"benefit.{kind.value}" in ENGLISH
        for mode in Rounding:
            assert f"word.{mode.value}" in ENGLISH
        for change in GrantChange:
            assert f"grant.any_{change.value}" in ENGLISH

    def test_sentences_are_sentences(self) -> None:
        """All but words, terms and conditions begin with a capital, an amount or a number, and end with a stop."""
        for code, template in ENGLISH.items():
            if code.partition(".")[0] not in {"word", "term", "condition"}:
                assert re.match(r"[A-Z{]", template), code
                assert template.endswith((".", "{problem}")), code


class TestTemplates:
    def test_a_fact_stands_for_its_name(self) -> None:
        """Texts as they are, amounts with their decimals, numbers plain."""
        assert say("{a} and {b}, {c}", a="x", b=usd.of("1.5"), c=7) == "x and 1.50 USD, 7"

    def test_an_optional_part_is_left_out_without_its_facts(self) -> None:
        """Missing, None, False or empty; 0 is a fact."""
        assert say("a[ {x}][ {y}][ {z}][ {n}].", x=None, y=(), z=False, n=0) == "a 0."
        assert say("a[ {x} of {y}].", x="1") == "a."

    def test_doubled_brackets_are_themselves(self) -> None:
        """So a shop can write them."""
        assert say("{{{a}}} [[b]][ [[{a}]]]", a="x") == "{x} [b] [x]"

    def test_a_fact_is_never_a_template(self) -> None:
        """An order's id with braces is put in as it is; nothing is looked up in it or run."""
        assert say("{a}", a="{b} {0.__class__} [%s]", b="secret") == "{b} {0.__class__} [%s]"

    def test_a_fact_that_is_not_there_shows(self) -> None:
        """Outside an optional part it is a question mark, never an error before a customer."""
        assert say("{nothing} left") == "? left"

    @pytest.mark.parametrize("template", ["{", "}", "[", "]", "a [b [c] d]", "{a b}", "{a.b}", "{0}", "{}", "[a"])
    def test_brackets_that_do_not_match_are_refused(self, template: str) -> None:
        """When the table is made, not when a customer asks; the sentence names the code."""
        with pytest.raises(InvalidValueError, match="phrase for 'own'"):
            ENGLISH.replacing({"own": template})

    @pytest.mark.parametrize("table", [{"a": 1}, {"": "x"}, {1: "x"}, ["a"]])
    def test_a_table_maps_texts_to_texts(self, table: object) -> None:
        """Anything else is refused."""
        with pytest.raises(InvalidValueError):
            Phrases(table)  # type: ignore[arg-type]  # that is the point

    def test_a_table_cannot_change(self) -> None:
        """Replacing gives another one; equal tables are equal."""
        own = ENGLISH.replacing({"word.and": "{first} & {last}"})
        assert own != ENGLISH
        assert own.replacing({"word.and": ENGLISH["word.and"]}) == ENGLISH
        assert len(own) == len(ENGLISH) == len(list(ENGLISH))
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            own.table = ENGLISH.table  # type: ignore[misc]  # that is the point


class TestFacts:
    @pytest.mark.parametrize(
        ("fact", "told"),
        [
            (Amount(-150, "USD"), "-1.50 USD"),
            (Amount(3, "miles"), "3 miles"),
            (Figure(617, 5, "points"), "123.4 points"),
            (Figure(-1, 8, "USD"), "-0.00125 USD"),
            (Figure(150, 1, "USD"), "1.50 USD"),
            (Figure(1, 3, "points"), "about 0.333333 points"),
            (Figure(5, 2, "miles"), "2.5 miles"),
            (datetime(2026, 3, 5, 15, tzinfo=UTC), "5 March 2026 at 10:00"),
            (datetime(2026, 3, 5, 15, 0, 7, tzinfo=UTC), "5 March 2026 at 10:00:07"),
            (datetime(2026, 3, 5, 5, tzinfo=UTC), "5 March 2026"),
            (End(datetime(2026, 3, 1, 5, tzinfo=UTC)), "the end of 28 February 2026"),
            (End(datetime(2026, 3, 1, 6, tzinfo=UTC)), "1 March 2026 at 01:00"),
            (("a",), "a"),
            (("a", "b", "c"), "a, b and c"),
            (Either(("a", "b", "c")), "a, b or c"),
            (True, "yes"),
            (False, "no"),
            (None, ""),
            (Clause("word.count", FrozenMapping({"count": 2, "of": "items"})), "2 items"),
            (Clause("condition.mine", FrozenMapping({"name": "Mine"})), "condition Mine"),
            (Clause("mine", FrozenMapping({"a": 1, "b": None})), "mine (a 1)"),
            (Clause("mine"), "mine"),
        ],
    )
    def test_each_kind_of_fact_is_told(self, fact: Told, told: str) -> None:
        """Amounts with their unit's decimals, instants in the program's zone, several joined."""
        assert VOICE.text(fact) == told


CONDITIONS: list[tuple[Condition, str]] = [
    (HasGrant("tier", values=["gold", "platinum"]), "tier gold or platinum"),
    (HasGrant("member"), "member"),
    (Not(HasGrant("staff")), "anything but staff"),
    (AnyOf([HasGrant("a"), Channel(["app", "web"])]), "a or channel app or web"),
    (AllOf([Spend(at_least=usd.of(500)), HasGrant("x")]), "a spend of at least 500.00 USD and x"),
    (Spend(at_least=usd.of(500), below=usd.of(900)), "a spend of at least 500.00 USD below 900.00 USD"),
    (Weekday([6, 5]), "Saturday or Sunday"),
    (Sku(["b", "a"], prefixes=["x-"]), "SKU a or b beginning with x-"),
    (Kind([LineKind.FEE]), "lines of kind fee"),
    (Quantity("2.5", lines=Category(["toys"])), "a quantity of at least 2.5 of category toys"),
    (LineAttribute("sale", of=[True]), "sale yes"),
    (TimeOfDay(start=time(20), end=time(21, 30)), "a time of day from 20:00 to 21:30"),
    (Between(start=datetime(2030, 1, 1, 5, tzinfo=UTC)), "a time from 1 January 2030"),
    (BalanceIs(more_than=points.of(9)), "a balance of more than 9 points"),
]


@pytest.mark.parametrize(("condition", "told"), CONDITIONS, ids=[told for _, told in CONDITIONS])
def test_a_condition_that_a_rule_asks_for_is_told(condition: Condition, told: str) -> None:
    """In words, and in one order whatever the hash seed."""
    assert VOICE.text(clause_of(condition)) == told


def test_only_what_does_not_hold_is_told() -> None:
    """Of several conditions that a rule asks for, those that held are not named."""
    when = AllOf([Spend(at_least=usd.of(1)), AllOf([Not(HasGrant("staff")), HasGrant("tier")]), Channel(["app"])])
    rule = attrs.evolve(SPEND, when=when)
    why = Shop(program(PointsPolicy(name="p", rules=(rule,)))).why(bought("1.00"))
    assert why.not_applied[0].sentence == "Rule spend did not apply: it asks for tier and channel app."


@attrs.frozen
class FullMoon:
    """A caller's own condition."""

    phase: str = "full"

    def holds(self, occasion: object, line: Line | None) -> bool:
        """Never."""
        return False


class TestOwnPhrases:
    def test_a_condition_of_ones_own(self) -> None:
        """By its class's name, its fields are the facts; without a phrase its name is told."""
        shop = program(PointsPolicy(name="p", rules=(attrs.evolve(SPEND, when=FullMoon()),)))
        assert "it asks for condition FullMoon." in Shop(shop).why(bought("1.00")).text
        own = ENGLISH.replacing({"condition.fullmoon": "a {phase} moon"})
        assert "it asks for a full moon." in Shop(shop).why(bought("1.00"), phrases=own).text

    def test_a_reason_of_ones_own(self) -> None:
        """Its facts can be told; without a phrase there is a plain sentence that names the code."""

        @attrs.frozen
        class Surprise:
            name: str = "surprise"

            def effects(self, occasion: object) -> list[Credit | Give]:
                """Five points and a badge."""
                why = reason("lucky_day", {"day": "Thursday"})
                return [Credit(points.of(5), why=why), Give(key="badge", why=why)]

        shop = program(Surprise())
        text = Shop(shop).why(bought("1.00")).text
        assert "5 points credited by policy surprise, for lucky_day." in text
        assert "Now held: badge, given by policy surprise for lucky_day." in text
        own = ENGLISH.replacing(
            {"entry.lucky_day": "{amount}, for it was {day}.", "grant.lucky_day": "A {key} for {day}."}
        )
        text = Shop(shop).why(bought("1.00"), phrases=own).text
        assert "5 points, for it was Thursday." in text
        assert "A badge for Thursday." in text

    def test_another_language(self) -> None:
        """Dates, words and sentences all come from the table."""
        german = ENGLISH.replacing(
            {
                "word.month_3": "März",
                "word.date": "{day}. {month} {year}",
                "word.instant": "{date} um {time} Uhr",
                "word.and": "{first} und {last}",
                "event.purchase": "Einkauf {event} am {at}: {total}.",
                "part.rule": "Regel {rule}: {wanted} auf {base} der Zeilen {lines}.",
            }
        )
        text = Shop(program()).why(bought("1.00", "2.00"), phrases=german).text
        assert text.startswith("Einkauf o-1 am 5. März 2026 um 10:00 Uhr: 3.00 USD.\n")
        assert "Regel spend: 3 points auf 3.00 USD der Zeilen 1 und 2." in text

    def test_an_empty_table_still_says_something(self) -> None:
        """Codes and facts as they are; never an error."""
        text = Shop(program()).why(bought("1.00"), phrases=Phrases({})).text
        assert "entry.earned (" in text
        assert "amount 1 points" in text


def test_units_of_ones_own_keep_their_decimals() -> None:
    """A refusal tells amounts with the decimals of what is spent."""
    stars = Unit("stars", decimals=1)
    terms = attrs.evolve(program(rewards=()).terms[0], units=(usd, points, stars))
    stated: dict[str, Fact] = {"needed": 15, "available": 5, "unit": "stars"}
    facts = FrozenMapping(stated)
    sentence = refusal_sentence(Refusal(RejectionCode.BALANCE_TOO_LOW, facts), attrs.evolve(program(), terms=terms))
    assert sentence == "Refused: 1.5 stars are needed, and 0.5 stars are there."
