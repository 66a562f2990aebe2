"""Callers' own classes: registered on one codec, under a tag with a dot; never globally, never by a class path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

import attrs
import pytest

from codec.documents import PURCHASE, changed, program_tree
from patronage._frozen import FrozenMapping
from patronage.codec import Codec
from patronage.conditions import AllOf, Channel
from patronage.errors import DocumentError, InvalidValueError
from patronage.events import Event, Line
from patronage.occasions import Condition, Credit, Effect, Occasion, names_of
from patronage.policies.base import Policy
from patronage.program import Program
from patronage.rules import Rule
from patronage.terms_of_time import Term
from patronage.units import Amount, Unit


class Moon(Enum):
    FULL = "full"
    NEW = "new"


@attrs.frozen
class MoonIs:
    """A condition of a shop's own."""

    moon: Moon
    shops: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    weight: Decimal | None = None

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Always."""
        return True


@attrs.frozen
class Picky:
    """A class that raises what it likes."""

    n: int

    def __attrs_post_init__(self) -> None:
        if self.n == 1:
            raise KeyError("one")
        if self.n == 2:
            raise ValueError("\x1b[31m" + "two" * 100)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Always."""
        return True


@attrs.frozen(kw_only=True)
class Greeting:
    """A policy of a shop's own, with a field of every kind that a document can hold."""

    name: str
    gift: Amount
    when: Condition | None = None
    lasts: Term | None = None
    factors: FrozenMapping[str, Fraction] = FrozenMapping()
    names: frozenset[str] = frozenset()
    pair: tuple[int, bool] = (1, True)
    fact: str | int | bool = 0
    _secret: int = attrs.field(default=1, eq=False)
    shown: int = attrs.field(init=False, default=2)

    def effects(self, occasion: Occasion) -> Sequence[Effect]:
        """The gift."""
        return (Credit(self.gift),)


@attrs.frozen
class WithFloat:
    rate: float


@attrs.frozen
class WithUnknown:
    rate: "Nowhere"  # type: ignore[name-defined]  # noqa: F821, UP037


@attrs.frozen
class WithType:
    type: str


@attrs.frozen
class WithMixture:
    one: Amount | str


@attrs.frozen
class WithInner:
    inner: tuple[WithFloat, ...] | None


class Plain:
    pass


def careless(value: int) -> str:
    """A converter that raises what it likes."""
    return "abc"[value]


@attrs.frozen
class Careless:
    letter: int = attrs.field(converter=careless)

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Always."""
        return True


@attrs.frozen(eq=False)
class Unequal:
    n: int

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return 1

    def holds(self, occasion: Occasion, line: Line | None) -> bool:
        """Always."""
        return True


def own() -> Codec:
    """A codec that knows the classes of the shop."""
    return (
        Codec()
        .register(MoonIs, tag="shop.moon_is", of=Condition)
        .register(Picky, tag="shop.picky", of=Condition)
        .register(Greeting, tag="shop.greeting", of=Policy)
    )


GREETING = Greeting(
    name="hello",
    gift=Amount(5, "points"),
    when=AllOf([Channel(["web"]), MoonIs(Moon.FULL, ("a",), Decimal("1.5"))]),
    factors=FrozenMapping({"x": Fraction(3, 2), "y": Fraction(2)}),
    names=frozenset({"b", "a"}),
    pair=(3, False),
    fact=True,
)


class TestOwnClasses:
    """A caller's own policy is registered with a codec under a tag with a dot."""

    def test_they_are_written_and_read(self) -> None:
        """A registered class is written under its tag, wherever its family may stand, and comes back equal."""
        codec = own()
        text = codec.dump(GREETING)
        assert json.loads(text) == {
            "type": "shop.greeting",
            "name": "hello",
            "gift": {"steps": 5, "unit": "points"},
            "when": {
                "type": "all_of",
                "of": [
                    {"type": "channel", "of": ["web"]},
                    {"type": "shop.moon_is", "moon": "full", "shops": ["a"], "weight": "1.5"},
                ],
            },
            "lasts": None,
            "factors": {"x": "3/2", "y": "2"},
            "names": ["a", "b"],
            "pair": [3, False],
            "fact": True,
        }
        assert codec.load(text, Greeting) == GREETING

    @pytest.mark.parametrize(("one", "other"), [("1.50", "1.5"), ("1E+2", "100"), ("-0", "0"), ("0.00", "0")])
    def test_equal_numbers_are_written_alike(self, one: str, other: str) -> None:
        """A decimal that its class left as it was is written in its shortest plain form."""
        assert own().dump(MoonIs(Moon.NEW, (), Decimal(one))) == own().dump(MoonIs(Moon.NEW, (), Decimal(other)))
        assert own().unstructure(MoonIs(Moon.NEW, (), Decimal(one)))["weight"] == other

    def test_in_a_program(self) -> None:
        """A program with a policy and a condition of one's own survives the round trip."""
        codec = own()
        tree = program_tree()
        tree["terms"]["policies"].append(codec.unstructure(GREETING))
        program = codec.structure(tree, Program)
        assert program.terms[0].policies[1] == GREETING
        assert codec.load(codec.dump(program), Program) == program

    def test_they_do_not_leak(self) -> None:
        """What one codec was told, another does not know: it neither reads nor writes it."""
        codec, tree = own(), program_tree()
        tree["terms"]["policies"].append(codec.unstructure(GREETING))
        program = codec.structure(tree, Program)
        with pytest.raises(DocumentError) as caught:
            Codec().structure(tree, Program)
        assert [problem.path for problem in caught.value.problems] == ["terms.policies[1].type"]
        assert "registered" in caught.value.problems[0].message
        with pytest.raises(InvalidValueError, match="register"):
            Codec().dump(program)

    def test_after_the_codec_was_used(self) -> None:
        """A codec that has read and written already can be told of a class all the same."""
        codec = Codec()
        condition = AllOf([Channel(["web"])])
        assert codec.load(codec.dump(condition), AllOf) == condition
        codec.register(MoonIs, tag="shop.moon_is", of=Condition)
        condition = AllOf([MoonIs(Moon.NEW)])
        assert codec.load(codec.dump(condition), AllOf) == condition
        assert "shop.moon_is" in json.dumps(codec.schema(Program))

    @pytest.mark.parametrize(
        "name", ["moon_is", "shop.", ".moon", "Shop.moon", "shop moon", "shop.moon\n", "", None, "é.a"]
    )
    def test_a_tag_has_a_dot(self, name: Any) -> None:
        """A tag without a dot could be one of the library's some day."""
        with pytest.raises(InvalidValueError, match="dot"):
            Codec().register(MoonIs, tag=name, of=Condition)

    @pytest.mark.parametrize("family", [Event, Rule, str, "condition", None, MoonIs, list[str]])
    def test_only_protocols_take_classes(self, family: Any) -> None:
        """What a caller may add to is named by its Protocol; events and rules are the library's."""
        with pytest.raises(InvalidValueError, match="Condition"):
            Codec().register(MoonIs, tag="shop.moon_is", of=family)

    @pytest.mark.parametrize(
        "cls", [WithFloat, WithInner, WithUnknown, WithType, WithMixture, Plain, MoonIs(Moon.NEW), "MoonIs", int]
    )
    def test_a_class_that_cannot_be_written_is_refused_at_once(self, cls: Any) -> None:
        """A class with a float, an annotation that means nothing, or no fields at all, is refused when registered."""
        codec = Codec()
        with pytest.raises(InvalidValueError):
            codec.register(cls, tag="shop.thing", of=Condition)
        codec.register(MoonIs, tag="shop.thing", of=Condition)  # Nothing of it stayed.

    def test_nothing_is_registered_twice(self) -> None:
        """A tag names one class, and a class has one tag."""
        codec = own()
        for cls, tag in ((MoonIs, "shop.other"), (WithFloat, "shop.moon_is"), (Channel, "shop.channel")):
            with pytest.raises(InvalidValueError, match="already"):
                codec.register(cls, tag=tag, of=Condition)

    @pytest.mark.parametrize("n", [1, 2])
    def test_what_they_raise_is_a_problem(self, n: int) -> None:
        """An exception of a caller's class becomes a problem at its path, quoted and cut."""
        with pytest.raises(DocumentError) as caught:
            own().structure({"type": "all_of", "of": [{"type": "shop.picky", "n": n}]}, AllOf)
        (problem,) = caught.value.problems
        assert problem.path == "of[0]"
        assert problem.message.isprintable()
        assert len(problem.message) < 200

    def test_a_converter_that_raises(self) -> None:
        """So does what a converter of a caller's class raises, and what it makes of a value must be read again."""
        codec = Codec().register(Careless, tag="shop.careless", of=Condition)
        with pytest.raises(DocumentError) as caught:
            codec.structure({"type": "shop.careless", "letter": 7}, Careless)
        (problem,) = caught.value.problems
        assert "IndexError" in problem.message
        with pytest.raises(InvalidValueError, match="letter"):
            codec.dump(Careless(1))

    def test_a_class_that_is_equal_to_no_other(self) -> None:
        """A class whose values are never equal cannot be written: nobody could say whether they came back."""
        codec = Codec().register(Unequal, tag="shop.unequal", of=Condition)
        with pytest.raises(InvalidValueError, match="another"):
            codec.dump(Unequal(1))

    def test_private_and_computed_fields_are_not_written(self) -> None:
        """A field that begins with an underscore, or that no caller gives, is no part of the document."""
        tree = own().unstructure(GREETING)
        for key in ("_secret", "secret", "shown"):
            assert key not in tree
            with pytest.raises(DocumentError):
                own().structure({**tree, key: 1}, Greeting)

    def test_a_class_path_means_nothing(self) -> None:
        """A document cannot name a class of Python's, registered or not."""
        for name in ("codec.test_codec_own_classes.MoonIs", "builtins.eval", "MoonIs"):
            with pytest.raises(DocumentError):
                own().structure({"type": "all_of", "of": [{"type": name, "moon": "full"}]}, AllOf)


class TestUnits:
    """A codec knows the units that it was made with."""

    def test_they_belong_to_one_codec(self) -> None:
        """A unit that one codec knows is unknown to another."""
        tree = changed(PURCHASE, ("lines", 0, "total"), "5.5 stars")
        with pytest.raises(DocumentError, match="tax is in USD"):
            Codec(units=[Unit("stars", decimals=1)]).structure(tree, Event)
        with pytest.raises(DocumentError, match="No unit"):
            Codec().structure(tree, Event)
