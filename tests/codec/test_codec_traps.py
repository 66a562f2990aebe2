"""
A document from outside either loads or is refused, all its problems at once, each with its path: never a coercion.

Each trap is one value put at one place of a document that loads.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from codec.documents import (
    ACTIVITY,
    CODEC,
    PROGRAM_TOML,
    PURCHASE,
    changed,
    commit_tree,
    problems_of,
    program_tree,
    review,
    shown,
    state_tree,
    without,
)
from patronage.codec import FORMAT, Codec
from patronage.errors import DocumentError, InvalidValueError
from patronage.events import Activity, Event, Purchase
from patronage.ledger import Commit
from patronage.program import Program
from patronage.state import State
from patronage.terms import Terms
from patronage.units import Amount

Path = tuple[str | int, ...]
LINE: Path = ("lines", 0)
POLICY: Path = ("terms", "policies", 0)
RULE: Path = (*POLICY, "rules", 0)
NAN, INFINITY = float("nan"), float("inf")

Trap = tuple[dict[str, Any], type, Path, Any]


def at(tree: dict[str, Any], cls: type, path: Path, *values: Any) -> list[Trap]:
    """The same place, several values."""
    return [(tree, cls, path, value) for value in values]


TRAPS: list[Trap] = [
    # Whole numbers.
    *at(ACTIVITY, Activity, ("count",), 3.9, 3.0, True, "3", "٣", "1_000", None, [3], {"n": 3}, NAN, INFINITY, 1e3, ""),
    *at(PURCHASE, Purchase, (*LINE, "tax", "steps"), 1000.0, False, "1000", None, [1000]),
    # Texts.
    *at(PURCHASE, Purchase, ("id",), 17, 1.5, True, None, ["order-17"], {"id": "order-17"}),
    *at(PURCHASE, Purchase, ("channel",), 0, False, [], {}, ["web"], NAN),
    *at(PURCHASE, Purchase, (*LINE, "tags"), "new", {"new": "sale"}, 1, None, True),
    *at(PURCHASE, Purchase, (*LINE, "tags", 0), 1, None, True, ["new"]),
    # Exact numbers.
    *at(
        PURCHASE,
        Purchase,
        (*LINE, "quantity"),
        1.5,
        True,
        "1e5",
        " 1.5",
        "1.5\n",
        "1,5",
        "NaN",
        "Infinity",
        "٣",
        "1_0",
        [0, [1], 0],
        "",
        None,
        "+1",
    ),
    *at(PURCHASE, Purchase, (*LINE, "measures", "km"), 3.1, True, None, "3.1 km", "0x10", ".5"),
    # Amounts.
    *at(
        PURCHASE,
        Purchase,
        (*LINE, "total"),
        120,
        120.0,
        "120.00",
        "120.00USD",
        "USD 120.00",
        "120.001 USD",
        "1e2 USD",
        "120.00 XYZ",
        "١٢٠ USD",
        "120.00  USD",
        True,
        None,
        ["120.00", "USD"],
    ),
    # Yes and no.
    *at(PURCHASE, Purchase, (*LINE, "attributes", "gift"), 1.0, None, [True], {"gift": True}),
    # Kinds.
    *at(PURCHASE, Purchase, (*LINE, "kind"), "GOODS", "goods ", "", 0, None, ["goods"], True),
    # Instants.
    *at(
        PURCHASE,
        Purchase,
        ("occurred_at",),
        1715171400,
        "1715171400",
        "2024-05-08",
        "2024-05-08T12:30:00",
        "2024-05-08 12:30:00Z",
        "2024-05-08T24:00:00Z",
        "2024-02-30T12:30:00Z",
        "2024-05-08T12:30:00z",
        "2024-W19-3T12:30:00Z",
        None,
    ),
    # Tables and lists.
    *at(PURCHASE, Purchase, ("lines",), {}, "", None, {"0": {}}, True),
    *at(PURCHASE, Purchase, LINE, "120.00 USD", [], None, [["total", "1 USD"]], True),
    *at(PURCHASE, Purchase, (*LINE, "attributes"), [], "gift", None, [["gift", True]]),
    # Types.
    *at(PURCHASE, Purchase, ("type",), "refund", "Purchase", None, 1, ["purchase"], "", True),
    *at(PURCHASE, Purchase, ("format",), None, "0", 0.0, True, False, [0], -1),
    # Programs.
    *at(program_tree(), Program, RULE, "spend", [], None, 1),
    *at(program_tree(), Program, (*RULE, "type"), "spends", None, "patronage.rules.SpendRule", 1),
    *at(program_tree(), Program, (*RULE, "whole"), "false", 0, 1, None, ""),
    *at(program_tree(), Program, (*RULE, "when", "of", 1, "of", "of"), [6.0], ["6"], "6", [6, 6]),
    *at(program_tree(), Program, (*RULE, "when", "of", 2, "start"), "8", "08:00:00Z", 8, "25:00"),
    *at(program_tree(), Program, (*POLICY, "rules", 1, "factor"), 1.5, "3/0", "1/2/3", "", True),
    *at(program_tree(), Program, ("terms", "units", 0, "decimals"), 2.0, "2", True, None),
    *at(program_tree(), Program, ("terms", "refund_for", "n"), 60.0, "60", True, None),
    # What the library stores.
    *at(commit_tree(), Commit, ("version",), 1.0, True, "1", None),
    *at(commit_tree(), Commit, ("entries", 0, "books", 0, "base"), [1], [1, 2, 3], [1.0, 1], "11"),
    *at(commit_tree(), Commit, ("entries", 0, "steps"), "120.00 USD", 120.0, None),
    *at(commit_tree(), Commit, ("event", "lines", 0, "total"), "120.00 USD", 12000),
    *at(state_tree(), State, ("account",), "m-1", ["member", "m-1"], None),
    *at(state_tree(), State, ("lots", "points"), {}, None, "[]", [[]]),
]


class TestTraps:
    """Never a silent coercion (3.9 to 3, 'false' to true, a string to a list)."""

    def test_there_are_enough(self) -> None:
        """More than 60 traps are laid."""
        assert len(TRAPS) > 60

    @pytest.mark.parametrize(
        ("tree", "cls", "path", "value"),
        TRAPS,
        ids=[f"{cls.__name__}.{shown(path)}={value!r}" for _, cls, path, value in TRAPS],
    )
    def test_a_trap_is_refused_at_its_path(self, tree: dict[str, Any], cls: type, path: Path, value: Any) -> None:
        """The document loads without the trap; with it, it is refused, and the problem is where the trap is."""
        CODEC.structure(tree, cls)
        bent = changed(tree, path, value)
        problems = problems_of(json.dumps(bent), cls)
        assert any(problem.path.startswith(shown(path)) for problem in problems), problems
        assert all(problem.message.endswith((".", "?")) for problem in problems)
        with pytest.raises(DocumentError) as caught:
            CODEC.structure(bent, cls)
        assert {problem.path for problem in caught.value.problems} == {problem.path for problem in problems}

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e400, 1.0])
    def test_a_float_is_told_how_to_be_written(self, value: float) -> None:
        """A number with a point is refused with the advice to write it as a text."""
        (problem,) = problems_of(json.dumps(changed(PURCHASE, (*LINE, "quantity"), value)), Purchase)
        assert "as a text" in problem.message

    @pytest.mark.parametrize(
        ("line", "path"),
        [
            ("at = 2024-01-01T00:00:00", "occurred_at"),
            ("at = 2024-01-01", "occurred_at"),
            ("at = 08:00:00", "occurred_at"),
            ("at = 1.5", "occurred_at"),
            ("at = nan", "occurred_at"),
        ],
    )
    def test_toml_has_traps_of_its_own(self, line: str, path: str) -> None:
        """A local date or time in TOML is no instant, and a number with a point is no exact number."""
        document = f'id = "o"\nmember = "m"\nlines = []\n{line.replace("at", "occurred_at", 1)}\n'
        with pytest.raises(DocumentError) as caught:
            CODEC.load_toml(document, Purchase)
        assert [problem.path for problem in caught.value.problems] == [path]

    @pytest.mark.parametrize(
        "value",
        [(1, 2), {1, 2}, b"x", object(), 1j, datetime(2024, 1, 1), time(1), type, {1: "a"}, 10**400, range(3)],
        ids=lambda value: type(value).__name__,  # The same in every process: a repr may hold an address.
    )
    @pytest.mark.parametrize("path", [(), ("lines",), ("id",), (*LINE, "attributes"), (*LINE, "attributes", "gift")])
    def test_a_parsed_tree_holds_plain_values_only(self, path: Path, value: Any) -> None:
        """What no parser of JSON gives is refused in a parsed document too."""
        tree = changed(PURCHASE, path, value) if path else value
        with pytest.raises(DocumentError):
            CODEC.structure(tree, Purchase)

    def test_a_tree_that_holds_itself_is_refused(self) -> None:
        """A parsed document without an end is refused like one that is too deep."""
        tree = dict(PURCHASE)
        tree["lines"] = [tree]
        with pytest.raises(DocumentError) as caught:
            CODEC.structure(tree, Purchase)
        assert "levels" in caught.value.problems[0].message


class TestAllProblemsAtOnce:
    """All its problems at once, each with its path and a plain sentence."""

    def test_each_has_its_path(self) -> None:
        """Missing and unknown keys, wrong kinds and impossible values of one document are reported together."""
        tree = changed(PURCHASE, ("id",), 17)
        tree = changed(tree, (*LINE, "totl"), "1 USD")
        tree = changed(tree, ("lines", 1, "total"), "30.001 USD")
        tree = changed(tree, ("tenders", 0, "kind"), "")
        tree = without(tree, ("member",))
        assert {problem.path for problem in problems_of(json.dumps(tree), Purchase)} == {
            "id",
            "member",
            "lines[0].totl",
            "lines[1].total",
            "tenders[0].kind",
        }

    def test_a_rule_of_a_program(self) -> None:
        """The path of a problem leads through tables and lists, as a reader of the document sees them."""
        tree = changed(program_tree(), (*RULE, "per"), "1.00 pounds")
        assert [problem.path for problem in problems_of(json.dumps(tree), Program)] == [
            "terms.policies[0].rules[0].per"
        ]

    def test_what_a_constructor_refuses(self) -> None:
        """What only a class can see (a sum, an order) is a problem at the table of that class."""
        tree = changed(PURCHASE, ("tenders", 0, "total"), "41.00 USD")
        (problem,) = problems_of(json.dumps(tree), Purchase)
        assert problem.path == ""
        assert str(problem).startswith("(document): The tenders must sum")
        tree = changed(PURCHASE, (*LINE, "tax"), "999.00 USD")
        (problem,) = problems_of(json.dumps(tree), Purchase)
        assert problem.path == "lines[0]"

    def test_odd_keys_are_quoted(self) -> None:
        """A key that is no name stands in the path in quotes, escaped and cut."""
        tree = changed(PURCHASE, (*LINE, "attributes"), {"a b": 1.5, "\x1b": 1.5, "x" * 500: 1.5})
        paths = [problem.path for problem in problems_of(json.dumps(tree), Purchase)]
        assert paths[:2] == ["lines[0].attributes['a b']", "lines[0].attributes['\\x1b']"]
        assert all(len(path) < 120 and path.isascii() and path.isprintable() for path in paths)

    def test_messages_quote_little_and_escaped(self) -> None:
        """A message quotes at most 80 characters of what was given, none of them a control character."""
        tree = changed(PURCHASE, (*LINE, "quantity"), "\x1b[31m\n" + "9" * 10_000)
        (problem,) = problems_of(json.dumps(tree), Purchase)
        assert problem.message.isprintable()
        assert len(problem.message) < 200

    def test_errors_survive_pickling(self) -> None:
        """An error that crosses a process keeps its problems."""
        with pytest.raises(DocumentError) as caught:
            CODEC.load('{"id": 1}', Purchase)
        again = pickle.loads(pickle.dumps(caught.value))
        assert again.problems == caught.value.problems
        assert str(again) == str(caught.value)


def tables(tree: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all tables of a document whose keys are given, so not of attributes, measures and facts."""
    if isinstance(tree, dict):
        if not {"attributes", "measures", "facts", "others", "lots", "shares"} & set(path[-1:]):
            yield path
        for key, value in tree.items():
            yield from tables(value, (*path, key))
    elif isinstance(tree, list):
        for n, value in enumerate(tree):
            yield from tables(value, (*path, n))


class TestKeys:
    """Unknown keys refused with a suggestion."""

    @pytest.mark.parametrize(
        ("path", "hint"),
        [
            (("membr",), "'member'"),
            (("Member",), "'member'"),
            ((*LINE, "totl"), "'total'"),
            ((*LINE, "catgory"), "'category'"),
            (("tenders", 0, "redemtion"), "'redemption'"),
        ],
    )
    def test_a_slip_is_corrected(self, path: Path, hint: str) -> None:
        """A key that is almost known is refused, and the known one is named."""
        (problem,) = problems_of(json.dumps(changed(PURCHASE, path, "x")), Purchase)
        assert problem.path == shown(path)
        assert f"Did you mean {hint}?" in problem.message

    def test_a_strange_key_has_no_suggestion(self) -> None:
        """Where nothing is close, nothing is suggested."""
        (problem,) = problems_of(json.dumps(changed(PURCHASE, ("zzzzzz",), 1)), Purchase)
        assert problem.message == "There is no such key here."

    @pytest.mark.parametrize(
        ("tree", "cls"),
        [
            (PURCHASE, Purchase),
            (ACTIVITY, Activity),
            (program_tree(), Program),
            (commit_tree(), Commit),
            (state_tree(), State),
        ],
        ids=["purchase", "activity", "program", "commit", "state"],
    )
    def test_no_table_takes_an_unknown_key(self, tree: dict[str, Any], cls: type) -> None:
        """Every table of a document, amounts and all, refuses a key that it does not know, and only for that."""
        paths = list(tables(tree))
        assert len(paths) >= 1
        for path in paths:
            (problem,) = problems_of(json.dumps(changed(tree, (*path, "unheard_of"), 1)), cls)
            assert (problem.path, problem.message[:22]) == (shown((*path, "unheard_of")), "There is no such key h")

    def test_a_type_is_corrected(self) -> None:
        """A type that is almost known is refused, and the known one is named; else all are."""
        problem = problems_of(json.dumps(changed(PURCHASE, ("type",), "purchas")), Event)[0]
        assert (problem.path, "Did you mean 'purchase'?" in problem.message) == ("type", True)
        problem = problems_of(json.dumps(changed(PURCHASE, ("type",), "zzz")), Event)[0]
        assert "activity, adjustment" in problem.message
        problem = problems_of(json.dumps(without(PURCHASE, ("type",))), Event)[0]
        assert "missing" in problem.message
        problem = problems_of(json.dumps(changed(program_tree(), (*RULE, "type"), "shop.rule")), Program)[0]
        assert "registered" in problem.message

    def test_a_key_twice(self) -> None:
        """A key that stands twice is refused at its path, with all else that is wrong."""
        document = json.dumps(changed(PURCHASE, ("id",), 1)).replace(
            '"total": "120', '"total": "1 USD", "total": "120', 1
        )
        problems = problems_of(document, Purchase)
        assert [problem.path for problem in problems] == ["lines[0].total", "id"]
        assert "more than once" in problems[0].message
        assert problems_of('{"id": "a", "id": "b"}', Amount)[0].path == "id"

    @pytest.mark.parametrize("path", [("id",), (*LINE, "attributes", "note"), (*LINE, "sku")])
    def test_half_a_surrogate_pair(self, path: Path) -> None:
        """Half of a surrogate pair is refused where it stands, escaped or not, before any store meets it."""
        document = json.dumps(changed(PURCHASE, path, "x\ud800"))
        (problem,) = problems_of(document, Purchase)
        assert (problem.path, "surrogate" in problem.message) == (shown(path), True)
        raw = json.dumps(changed(PURCHASE, path, "x\ud800"), ensure_ascii=False)
        assert "surrogate" in problems_of(raw, Purchase)[0].message
        key = json.dumps(changed(PURCHASE, (*LINE, "attributes", "\udfff"), 1))
        assert problems_of(key, Purchase)[0].path == "lines[0].attributes['\\udfff']"

    @pytest.mark.parametrize(
        "path",
        [("entries", 0, "books", 0, "rate"), ("entries", 0, "policy"), ("root",), ("names", 0), ("fingerprint",)],
        ids=shown,
    )
    def test_half_a_pair_where_no_class_looks(self, path: Path) -> None:
        """It is refused in stored documents too, whose classes check no text."""
        (problem,) = problems_of(json.dumps(changed(commit_tree(), path, "x\ud800")), Commit)
        assert (problem.path, "surrogate" in problem.message) == (shown(path), True)

    def test_a_whole_pair_is_a_character(self) -> None:
        """An escaped pair is the character that it stands for."""
        document = json.dumps(changed(PURCHASE, ("id",), "𝄞"))
        assert "\\ud834" in document
        assert CODEC.load(document, Purchase).id == "𝄞"


class TestWhatPeopleWrite:
    """Amounts as people write them, read by a codec that knows the units."""

    def test_units_that_the_codec_was_given(self) -> None:
        """A unit that the codec was made with may be written; one that it was not is refused by name."""
        document = json.dumps(changed(PURCHASE, (*LINE, "total"), "5 points"))
        (problem,) = problems_of(document, Purchase)
        assert "tax is in USD, the lines in points" in problem.message  # So the amount itself was read.
        (problem,) = problems_of(document, Purchase, Codec())
        assert (problem.path, "'points'" in problem.message) == ("lines[0].total", True)

    def test_units_that_the_document_declares(self) -> None:
        """A program's amounts may be in the units of its own terms, with the decimals that they state."""
        tree = program_tree()
        tree["terms"]["units"][1]["decimals"] = 1
        tree["terms"]["policies"][0]["rules"][0]["credit"] = "1.5 points"
        terms = Codec().structure(tree, Program).terms[0]
        assert terms.policies[0].rules[0].credit == Amount(15, "points")  # type: ignore[attr-defined]
        assert Codec().structure(tree["terms"], Terms) == terms

    def test_the_currencies_are_known(self) -> None:
        """Every currency of ISO 4217 may be written, with its decimals."""
        assert CODEC.structure("19.99 USD", Amount) == Amount(1999, "USD")
        assert CODEC.structure("19.999 KWD", Amount) == Amount(19999, "KWD")
        assert CODEC.structure("-20 JPY", Amount) == Amount(-20, "JPY")

    def test_what_is_stored_is_in_steps(self) -> None:
        """A commit has no amounts as people write them, not even in its event."""
        tree = changed(commit_tree(), ("event", "lines", 0, "total"), "120.00 USD")
        (problem,) = problems_of(json.dumps(tree), Commit)
        assert problem.path == "event.lines[0].total"

    def test_one_table_of_terms(self) -> None:
        """A program of one version may state its terms as one table; a list of one means the same."""
        tree = program_tree()
        listed = changed(tree, ("terms",), [tree["terms"]])
        assert CODEC.structure(tree, Program) == CODEC.structure(listed, Program)
        assert CODEC.load_toml(PROGRAM_TOML, Program) == CODEC.structure(listed, Program)

    def test_an_event_from_outside_is_no_passing_of_time(self) -> None:
        """What time alone does is made by the program: no document of an event may claim it."""
        tree = {"type": "time_passed", "id": "order-17", "member": "m-1", "occurred_at": "2024-05-08T12:30:00Z"}
        (problem,) = problems_of(json.dumps(tree), Event)
        assert problem.path == "type"

    def test_the_type_may_be_left_out_where_it_is_known(self) -> None:
        """A document that is asked for by its class needs no type."""
        assert CODEC.structure(without(ACTIVITY, ("type",)), Activity) == review()


class TestDatesAndNumbers:
    """Dates, times and exact numbers, as texts and as TOML has them."""

    def test_dates_and_times_of_toml(self) -> None:
        """A date or a time may be TOML's own or a text: it is the same."""
        spelled = PROGRAM_TOML.replace("start = 08:00:00", 'start = "08:00"').replace(
            "starts = 2024-01-01", 'starts = "2024-01-01"'
        )
        assert spelled.count('"08:00"') == spelled.count('"2024-01-01"') == 1
        assert CODEC.load_toml(spelled, Program) == CODEC.load_toml(PROGRAM_TOML, Program)

    @pytest.mark.parametrize(
        ("text", "same"), [("08:00", "08:00:00.000000"), ("08:00:00.5", "08:00:00.500000"), ("00:00", "00:00:00")]
    )
    def test_times(self, text: str, same: str) -> None:
        """A time may be written to the minute, the second or a part of it."""
        one, other = (CODEC.structure(each, time) for each in (text, same))
        assert one == other
        assert CODEC.load(CODEC.dump(one), time) == one

    @pytest.mark.parametrize(
        "value", ["2024-02-30", "2024-13-01", "20240101", "2024-W01-1", "24-01-01", 20240101, None]
    )
    def test_days_that_do_not_exist(self, value: Any) -> None:
        """A date is a day of the calendar in its one form."""
        with pytest.raises(DocumentError):
            CODEC.structure(value, date)

    @pytest.mark.parametrize(
        ("value", "number"),
        [
            (3, Fraction(3)),
            ("3", Fraction(3)),
            ("1.5", Fraction(3, 2)),
            ("3/2", Fraction(3, 2)),
            ("-1/3", Fraction(-1, 3)),
        ],
    )
    def test_fractions(self, value: Any, number: Fraction) -> None:
        """An exact number may be whole, decimal or a ratio; it is written as the least ratio."""
        assert CODEC.structure(value, Fraction) == number
        assert CODEC.load(CODEC.dump(number), Fraction) == number

    @pytest.mark.parametrize("value", [2, "2", "2.0", "02.00"])
    def test_decimals(self, value: Any) -> None:
        """A decimal may be a whole number or a text; equal ones are written alike."""
        assert CODEC.dump(CODEC.structure(value, Decimal)) == '"2"'


class TestFormat:
    """A document says by which version of the format it was written."""

    @pytest.mark.parametrize(("tree", "cls"), [(PURCHASE, Purchase), (PURCHASE, Event), (commit_tree(), Commit)])
    def test_a_newer_one_is_refused_in_plain_words(self, tree: dict[str, Any], cls: Any) -> None:
        """A format newer than the library's is refused, and nothing else is said, for nothing else is known."""
        (problem,) = problems_of(json.dumps({**tree, "format": FORMAT + 1, "new": True}), cls)
        assert problem.path == "format"
        assert problem.message == (
            f"The document is of format {FORMAT + 1}, and this version of the library reads format {FORMAT}: "
            "read it with a newer version."
        )

    @pytest.mark.parametrize(("tree", "cls"), [(commit_tree(), Commit), (state_tree(), State)])
    def test_what_is_stored_has_one(self, tree: dict[str, Any], cls: Any) -> None:
        """A commit or a state without a format is refused."""
        (problem,) = problems_of(json.dumps(without(tree, ("format",))), cls)
        assert problem.path == "format"

    @pytest.mark.parametrize(("tree", "cls"), [(PURCHASE, Purchase), (PURCHASE, Event), (program_tree(), Program)])
    def test_people_may_leave_it_out(self, tree: dict[str, Any], cls: Any) -> None:
        """An event or a program needs no format, and is then taken for ours."""
        assert CODEC.structure(without(tree, ("format",)), cls) == CODEC.structure(tree, cls)

    def test_only_documents_have_one(self) -> None:
        """Inside a document, and on its parts, a format is an unknown key."""
        (problem,) = problems_of(json.dumps(changed(commit_tree(), ("event", "format"), 0)), Commit)
        assert problem.path == "event.format"
        assert "format" not in CODEC.unstructure(Amount(1, "USD"))


class TestWhatCannotBeRead:
    """What is no class that a document can hold is the caller's mistake."""

    @pytest.mark.parametrize(
        "cls", [float, bytes, list, dict, object, Any, "Purchase", 3, dict[str, int], Codec, int | float]
    )
    def test_a_class_that_no_document_holds(self, cls: Any) -> None:
        """Asking for a kind of value that the codec has no way to write is refused, not answered."""
        with pytest.raises(InvalidValueError):
            CODEC.load("{}", cls)
