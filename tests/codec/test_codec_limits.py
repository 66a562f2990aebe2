"""The limits on documents: they are checked before parsing, and hold on both sides."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import pytest

from codec.documents import CODEC, PURCHASE, changed, commit_tree, problems_of, program_tree, state_tree
from patronage._frozen import FrozenMapping
from patronage.codec import LIMITS, Codec
from patronage.conditions import AnyOf
from patronage.errors import DocumentError, InvalidValueError, Problem
from patronage.events import Event, Line, Purchase
from patronage.ledger import ALWAYS, Balance, Commit, Lot, Reason, Refusal, WakeUp
from patronage.program import Program
from patronage.state import State
from patronage.units import Amount

PLAIN: dict[str, Any] = {"id": "o", "member": "m", "occurred_at": "2024-05-08T12:30:00Z", "lines": []}


def limit(name: str) -> int:
    """The number for documents that people write."""
    return LIMITS[name].number


def toml_problems(document: str | bytes, cls: Any = Purchase) -> tuple[Problem, ...]:
    """What is wrong with a TOML document."""
    with pytest.raises(DocumentError) as caught:
        CODEC.load_toml(document, cls)
    return caught.value.problems


class TestTable:
    """The table that the manual prints."""

    def test_each_limit_says_what_it_is(self) -> None:
        """Every limit has its two numbers and its words."""
        assert set(LIMITS) == {
            "bytes",
            "depth",
            "digits",
            "key_parts",
            "line_length",
            "lines",
            "lots",
            "problems",
            "values",
        }
        assert all(0 < each.number <= each.stored and each.what for each in LIMITS.values())


class TestBytes:
    """At most 1 MiB, counted in UTF-8."""

    @pytest.mark.parametrize("character", [" ", "\n"])
    @pytest.mark.parametrize("as_bytes", [False, True])
    def test_both_sides(self, character: str, as_bytes: bool) -> None:
        """A document of exactly the limit loads; one byte more is refused before it is parsed."""
        text = json.dumps(PLAIN)
        full = text + character * (limit("bytes") - len(text))
        assert CODEC.load(full.encode() if as_bytes else full, Purchase).id == "o"
        full += "{"  # No parser has seen it: else this would be the problem.
        (problem,) = problems_of(full.encode() if as_bytes else full, Purchase)
        assert "1,048,576 bytes" in problem.message

    def test_characters_count_as_their_bytes(self) -> None:
        """A document in other scripts is measured in bytes, not in characters."""
        (problem,) = problems_of("☃" * (limit("bytes") // 3 + 1), Purchase)
        assert "1,048,576 bytes" in problem.message

    def test_toml(self) -> None:
        """TOML has the same limit."""
        assert "1,048,576 bytes" in toml_problems("#\n" * (limit("bytes") // 2 + 1))[0].message

    def test_what_is_stored_may_be_larger(self) -> None:
        """A commit may be larger than what people send, for it holds what came of it too."""
        tree = commit_tree()
        tree["names"] = ["n" * 200] * 6_000
        assert len(json.dumps(tree)) > limit("bytes")
        assert len(CODEC.load(json.dumps(tree), Commit).names) == 6_000


class TestText:
    """A document is UTF-8 text."""

    @pytest.mark.parametrize(
        ("document", "path"),
        [
            (b"\xff\xfe{\x00}\x00", "byte 1"),
            (b'{"id": "\xe9"}', "byte 9"),
            (b'{"id": "\xed\xa0\x80"}', "byte 9"),
            (b'\xef\xbb\xbf{"id": "x"}', "line 1, column 1"),
            ('\ufeff{"id": "x"}', "line 1, column 1"),
            ('{"id": "\ud800"}', "line 1, column 9"),
            ('{\n"id": "\x00"}', "line 2, column 8"),
            ('{"id": "a\x1bb"}', "line 1, column 10"),
            ("", "line 1, column 1"),
            ('{"id": "x"', "line 1, column 11"),
            ('{"id": "x"} {', "line 1, column 13"),
            ("{'id': 'x'}", "line 1, column 2"),
            ('{"id": undefined}', "line 1, column 8"),
        ],
        ids=repr,
    )
    def test_what_is_no_text_or_no_json(self, document: str | bytes, path: str) -> None:
        """What is not UTF-8, has a byte order mark or control characters, or is no JSON, is refused with its place."""
        (problem,) = problems_of(document, Purchase)
        assert problem.path == path

    @pytest.mark.parametrize("document", ['{"id": "\x00"}', 'id = "\x0b"', "\x7f\x1f"])
    def test_control_characters(self, document: str) -> None:
        """A control character is refused before any parser sees it; it may stand escaped, where a text takes it."""
        assert "control character" in problems_of(document, Purchase)[0].message
        assert "control character" in toml_problems(document)[0].message
        tree = changed(PURCHASE, ("lines", 0, "attributes", "note"), "\x1b")
        assert not problems_of(json.dumps(tree), Purchase)

    @pytest.mark.parametrize("document", [b"\xff", "\ufeffid = 1", 'id = "\x00"', "id = ", "id = 1\nid = 2", "[[[["])
    def test_what_is_no_toml(self, document: str | bytes) -> None:
        """The same holds for TOML."""
        (problem,) = toml_problems(document)
        assert problem.path.startswith(("byte", "line"))

    @pytest.mark.parametrize("document", [None, 3, bytearray(b"{}"), ["{}"], {"id": "x"}])
    def test_a_document_is_text_or_bytes(self, document: Any) -> None:
        """Anything but a str or bytes is no document."""
        for load in (CODEC.load, CODEC.load_toml):
            with pytest.raises(DocumentError):
                load(document, Purchase)


class TestDepth:
    """At most 32 levels, counted outside of strings before anything is parsed."""

    @staticmethod
    def nested(levels: int, opener: str = "[", closer: str = "]") -> str:
        """A purchase with an attribute that nests so deep in all."""
        return json.dumps(PLAIN)[:-1] + ', "attributes": ' + opener * (levels - 1) + closer * (levels - 1) + "}"

    def test_both_sides(self) -> None:
        """32 levels are read (and found to be no attributes); the 33rd is refused where it opens."""
        (problem,) = problems_of(self.nested(limit("depth")), Purchase)
        assert problem.path == "attributes"
        (problem,) = problems_of(self.nested(limit("depth") + 1), Purchase)
        assert "32 levels" in problem.message
        assert problem.path.startswith("line 1, column ")

    @pytest.mark.parametrize("opener", ["[", '{"a":', '[{"a":'])
    def test_a_very_deep_one(self, opener: str) -> None:
        """A document of nothing but brackets is refused at once."""
        assert "32 levels" in problems_of(opener * 100_000, Purchase)[0].message

    @pytest.mark.parametrize("text", ["[" * 500, "]" * 500, '\\"[' * 300, "\\\\", '{"' * 200, "}" * 40 + "{" * 40])
    def test_brackets_in_strings_do_not_count(self, text: str) -> None:
        """Only brackets outside of strings nest."""
        document = json.dumps({**PLAIN, "attributes": {"a": text, "b": "[" * 33}})
        assert CODEC.load(document, Purchase).attributes["a"] == text

    @pytest.mark.parametrize("text", ["]" * 40, '"' * 3, "\\", '\\"' * 9])
    def test_brackets_in_strings_do_not_hide_others(self, text: str) -> None:
        """Closing brackets and quotes in a string do not make up for what opens outside."""
        document = '{"a": ' + json.dumps(text) + ', "b": ' + "[" * 40 + "]" * 40 + "}"
        assert "32 levels" in problems_of(document, Purchase)[0].message

    def test_toml(self) -> None:
        """In TOML inline tables and lists nest, and so do the parts of keys."""
        assert "32 levels" in toml_problems("a = " + "[" * 33 + "]" * 33)[0].message
        assert "32 levels" in toml_problems("a = [\n" + "[" * 4_000 + "\n" + "[" * 4_000)[0].message
        deep = "a = " + "{ a.a.a.a.a.a.a = " * 6 + "1" + " }" * 6
        assert "32 levels" in toml_problems(deep)[0].message
        deepest = "a = " + "[" * 31 + "]" * 31
        assert {problem.path for problem in toml_problems(deepest)} == {"a", "id", "member", "occurred_at", "lines"}

    def test_a_parsed_tree(self) -> None:
        """A document that somebody else parsed has the same limit."""
        for opened, where in ((30, "attributes"), (31, "attributes" + "[0]" * 30)):
            tree: Any = []
            for _ in range(opened):
                tree = [tree]
            with pytest.raises(DocumentError) as caught:
                CODEC.structure({**PLAIN, "attributes": tree}, Purchase)
            assert ("32 levels" in str(caught.value)) is (opened == 31)
            assert caught.value.problems[0].path[: len(where)] == where
        tree = []
        for _ in range(100_000):
            tree = [tree]
        with pytest.raises(DocumentError) as caught:
            CODEC.structure({**PLAIN, "attributes": tree}, Purchase)
        assert "32 levels" in caught.value.problems[0].message

    def test_what_is_written_can_be_read(self) -> None:
        """A program that nests deeper than can be read is not written."""
        tree = program_tree()
        condition: Any = {"type": "channel", "of": ["web"]}
        for _ in range(11):
            condition = {"type": "any_of", "of": [condition]}
        tree["terms"]["policies"][0]["rules"][0]["when"] = condition
        program = CODEC.structure(tree, Program)
        assert CODEC.load(CODEC.dump(program), Program) == program
        rule = program.terms[0].policies[0].rules[0]  # type: ignore[attr-defined]
        deep = rule.when
        for _ in range(20):
            deep = AnyOf([deep])
        with pytest.raises(InvalidValueError, match="32 levels"):
            CODEC.dump(deep)


class TestDigits:
    """A number has at most 30 digits, wherever it stands."""

    def test_both_sides_of_a_number(self) -> None:
        """30 digits are read (and are too many for an attribute); 31 are refused before parsing."""
        for sign in ("", "-"):
            document = json.dumps(changed(PURCHASE, ("lines", 0, "attributes"), {"n": 0}))
            document = document.replace('{"n": 0}', f'{{"n": {sign}{"9" * 30}}}')
            (problem,) = problems_of(document, Purchase)
            assert problem.path == "lines[0].attributes"
            (problem,) = problems_of(document.replace("9" * 30, "9" * 31), Purchase)
            assert "30 digits" in problem.message
            assert problem.path.startswith("line 1, column ")

    @pytest.mark.parametrize("number", ["9" * 31, "1." + "0" * 31, "1e" + "9" * 31, "9" * 500_000])
    def test_every_part_of_a_number(self, number: str) -> None:
        """No part of a number may be longer, and no parser is given one that is."""
        assert "30 digits" in problems_of(f'{{"id": {number}}}', Purchase)[0].message

    @pytest.mark.parametrize("number", ["1e400", "1e999999999", "-1E5", "0e0", "1.0"])
    def test_no_exponents_and_no_points(self, number: str) -> None:
        """A number with a point or an exponent is refused at its path, however large it would be."""
        document = json.dumps(changed(PURCHASE, ("lines", 0, "quantity"), 0)).replace(
            '"quantity": 0', f'"quantity": {number}'
        )
        (problem,) = problems_of(document, Purchase)
        assert problem.path == "lines[0].quantity"

    def test_digits_in_texts(self) -> None:
        """A text may hold as many digits as it likes; an exact number that is written as one may not."""
        tree = changed(PURCHASE, ("id",), "9" * 200)
        assert CODEC.load(json.dumps(tree), Purchase).id == "9" * 200
        assert not problems_of(json.dumps(changed(PURCHASE, ("lines", 0, "quantity"), "9" * 30)), Purchase)
        for number in ("9" * 33, "9" * 100_000, "0." + "0" * 40 + "1"):
            (problem,) = problems_of(json.dumps(changed(PURCHASE, ("lines", 0, "quantity"), number)), Purchase)
            assert problem.path == "lines[0].quantity"

    @pytest.mark.parametrize("number", ["9" * 31, "1_" * 30 + "1", "0x" + "f" * 31, "-" + "9" * 31, "9" * 4_000])
    def test_toml(self, number: str) -> None:
        """TOML numbers are counted with their underscores and in every base."""
        assert "30 digits" in toml_problems(f"a = {number}")[0].message

    def test_a_parsed_tree(self) -> None:
        """A number that somebody else parsed has the same limit."""
        with pytest.raises(DocumentError, match="30 digits"):
            CODEC.structure(changed(PURCHASE, ("lines", 0, "attributes", "shelf"), 10**30), Purchase)

    def test_what_is_stored_may_be_longer(self) -> None:
        """The exact figures of an entry, which the library worked out, may have more digits."""
        tree = changed(commit_tree(), ("entries", 0, "books", 0, "exact"), [10**250, 3])
        assert CODEC.load(json.dumps(tree), Commit).entries
        tree = changed(commit_tree(), ("entries", 0, "books", 0, "exact"), [10**300, 3])
        assert "300 digits" in problems_of(json.dumps(tree), Commit)[0].message


class TestValues:
    """At most 100,000 values in a document, and 2,000 lines in an event."""

    def test_both_sides(self) -> None:
        """So many values are read; one more is refused before parsing."""
        document = json.dumps(PLAIN)[:-1] + ', "attributes": [%s]}'
        fit = limit("values") - len(PLAIN) - 3
        (problem,) = problems_of(document % ",".join(["1"] * fit), Purchase)
        assert problem.path == "attributes"
        (problem,) = problems_of(document % ",".join(["1"] * (fit + 1)), Purchase)
        assert "100,000 values" in problem.message

    def test_commas_in_strings_do_not_count(self) -> None:
        """Only what stands outside of strings is counted."""
        skus = {"type": "sku", "of": ["," * 250, *("[" * n for n in range(1, 250))]}
        tree = changed(
            program_tree(), ("terms", "policies", 0, "rules", 0, "when"), {"type": "any_of", "of": [skus] * 12}
        )
        assert json.dumps(tree).count("[") > 300_000
        assert not problems_of(json.dumps(tree), Program)

    def test_lines(self) -> None:
        """2,000 lines are read; one more is refused at its list."""
        tree = {**PLAIN, "lines": [{"total": "1.00 USD"}] * limit("lines")}
        assert len(CODEC.load(json.dumps(tree), Purchase).lines) == 2_000
        tree["lines"] = [*tree["lines"], {"total": "1.00 USD"}]
        (problem,) = problems_of(json.dumps(tree), Purchase)
        assert (problem.path, "2,000 lines" in problem.message) == ("lines", True)

    def test_lots(self) -> None:
        """100,000 lots are read in one list; one more is refused, however it is read."""
        lot = CODEC.unstructure(Lot("points", 1, None, ALWAYS, None, None, None)) | {"validity": {}}
        tree = {**state_tree(), "pending": [lot] * limit("lots")}
        assert len(CODEC.load(json.dumps(tree), State).pending) == 100_000
        tree["pending"].append(lot)
        (problem,) = problems_of(json.dumps(tree), State)
        assert (problem.path, "100,000 lots" in problem.message) == ("pending", True)

    def test_a_parsed_tree(self) -> None:
        """A tree whose branches are one and the same object is counted as it would be written."""
        tree: Any = [1] * 100
        for _ in range(10):
            tree = [tree] * 100
        with pytest.raises(DocumentError, match="100,000 values"):
            CODEC.structure(tree, Purchase)

    def test_toml(self) -> None:
        """TOML values are counted before parsing too."""
        lines = "\n".join("x = [" + "1," * 2_000 + "]" for _ in range(60))
        assert "100,000 values" in toml_problems(lines)[0].message

    def test_problems(self) -> None:
        """After 1,000 problems a document is read no further."""
        tree = {**PLAIN, "lines": [1] * 2_000}
        assert len(problems_of(json.dumps(tree), Purchase)) == limit("problems")

    def test_suggestions_are_not_sought_for_ever(self) -> None:
        """A document of nothing but slips is refused as fast as any other."""
        tree = {**PLAIN, "attribute": 1, "line": {f"attribut{n}": n for n in range(5)}}
        tree.update({f"occurred_ad{n}": 1 for n in range(2_000)})
        problems = problems_of(json.dumps(tree), Purchase)
        assert len(problems) == limit("problems")
        assert sum("Did you mean" in problem.message for problem in problems) <= 50


class TestToml:
    """Long lines and long keys, which make a TOML parser slow, are refused before it sees them."""

    def test_key_parts(self) -> None:
        """A key of 8 parts is read; one of 9 is refused where it stands, in a header and in a table too."""
        eight, nine = ".".join("a" * 8), ".".join("a" * 9)
        assert {problem.path for problem in toml_problems(f"{eight} = 1")} >= {"a"}
        for document in (
            f"{nine} = 1",
            f"\n[{nine}]",
            f"[[{nine}]]",
            f"a = {{ {nine} = 1 }}",
            'a."b.c".' * 5 + "a = 1",
            "a . b . 'c' . d . e . f . g . h . i = 1",
            f'x = """\n"{nine}" """\n{nine} = 1',
            f"# a comment\n'' = 1\n{nine} = 1",
        ):
            (problem,) = toml_problems(document)
            assert "8 parts" in problem.message, document
            assert problem.path.startswith("line ")

    def test_dots_elsewhere_do_not_count(self) -> None:
        """Dots in strings and comments are no parts of a key."""
        nine = ".".join("a" * 9)
        document = f"""
            id = "{nine}" # {nine}
            member = '{nine}'
            store = \"\"\"{nine} "" {nine}\"\"\"
            occurred_at = 2024-05-08T12:30:00.123456Z
            channel = '''{nine[:5]}'''
            lines = []
        """
        assert CODEC.load_toml(document, Purchase).id == nine

    def test_line_length(self) -> None:
        """A line of the limit is read; one character more is refused with its number."""
        head = 'id = "o"\nmember = "m"\noccurred_at = "2024-05-08T12:30Z"\nlines = []\n'
        assert CODEC.load_toml(head + "#" * limit("line_length"), Purchase).id == "o"
        (problem,) = toml_problems(head + "#" * (limit("line_length") + 1))
        assert (problem.path, "4,096 characters" in problem.message) == ("line 5, column 1", True)


class TestWriting:
    """What could not be read again is not written."""

    def test_too_large(self) -> None:
        """An event that is larger than a document may be is refused when it is written."""
        attributes = {f"key-{n}": "x" * 1_000 for n in range(64)}
        lines = [Line(total=Amount(1, "USD"), attributes=attributes)] * 20
        purchase = Purchase(
            id="o", member="m", occurred_at=CODEC.structure(PURCHASE, Purchase).occurred_at, lines=lines
        )
        with pytest.raises(InvalidValueError, match="1,048,576 bytes"):
            CODEC.dump(purchase)

    def test_half_a_surrogate_pair(self) -> None:
        """A text that no document can hold is refused when it is written."""
        with pytest.raises(InvalidValueError, match="surrogate"):
            CODEC.dump(Amount(1, "\ud800"))

    @pytest.mark.parametrize("fact", [1.5, b"x", (1, 2), ["a"], Amount(1, "USD")])
    def test_facts_of_other_kinds(self, fact: Any) -> None:
        """A fact that no document can hold is refused when it is written, not years later when it is read."""
        assert CODEC.dump(Reason("given", FrozenMapping({"n": ("a", "b")})))
        with pytest.raises(InvalidValueError):
            CODEC.dump(Reason("given", FrozenMapping({"n": fact})))

    @pytest.mark.parametrize(
        "value",
        [
            Reason("given", FrozenMapping({"n": IntEnum("Number", {"ONE": 1}).ONE})),  # type: ignore[attr-defined]
            Balance("USD", 3, 1),  # type: ignore[arg-type]
            Balance("USD", None, 1.0),  # type: ignore[arg-type]
            Balance("USD", None, float("nan")),  # type: ignore[arg-type]
            Balance("USD", None, datetime.now(UTC)),  # type: ignore[arg-type]
            Refusal("limit_reached", FrozenMapping()),  # type: ignore[arg-type]
            WakeUp("soon", "policy", "name", FrozenMapping()),  # type: ignore[arg-type]
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_fields_of_other_kinds(self, value: Any) -> None:
        """A value that was built with what its fields do not take is refused when it is written."""
        with pytest.raises(InvalidValueError):
            CODEC.dump(value)

    @pytest.mark.parametrize("value", [1.5, object(), {"a": 1}, [1], Codec, b"x", Event])
    def test_no_value(self, value: Any) -> None:
        """What is no value of the library's kinds is refused."""
        with pytest.raises(InvalidValueError):
            CODEC.dump(value)
