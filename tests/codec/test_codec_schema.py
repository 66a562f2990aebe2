"""The JSON Schema of documents, checked by a validator of somebody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from codec import strategies as s
from codec.documents import ACTIVITY, CODEC, PURCHASE, changed, commit_tree, program_tree, state_tree, without
from patronage.codec import FORMAT
from patronage.codec._shapes import EVENTS
from patronage.errors import DocumentError
from patronage.events import MADE, Activity, Event, Purchase
from patronage.ledger import Commit
from patronage.program import Program
from patronage.state import State
from patronage.terms import Terms
from patronage.units import Amount

DOCUMENTS: list[Any] = [Program, Terms, Event, Commit, State, *EVENTS]
VALIDATORS = {cls: Draft202012Validator(CODEC.schema(cls)) for cls in DOCUMENTS}
TREES: list[tuple[dict[str, Any], Any]] = [
    (PURCHASE, Purchase),
    (PURCHASE, Event),
    (ACTIVITY, Activity),
    (ACTIVITY, Event),
    (program_tree(), Program),
    (program_tree()["terms"], Terms),
    (commit_tree(), Commit),
    (state_tree(), State),
]
RULE = ("terms", "policies", 0, "rules", 0)


class TestSchema:
    """JSON Schema of programs and events."""

    @pytest.mark.parametrize("cls", DOCUMENTS, ids=lambda cls: getattr(cls, "__name__", "Event"))
    def test_it_is_a_schema(self, cls: Any) -> None:
        """Each schema is one by the standard's own rules, and is JSON."""
        schema = CODEC.schema(cls)
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert json.loads(json.dumps(schema)) == schema

    def test_of_parts_and_lists(self) -> None:
        """There is a schema of whatever can be read: a list of purchases, an amount."""
        several = Draft202012Validator(CODEC.schema(tuple[Purchase, ...]))
        purchase = without(PURCHASE, ("format",))  # That stands on whole documents only.
        assert several.is_valid([purchase, purchase])
        assert len(CODEC.structure([purchase, purchase], tuple[Purchase, ...])) == 2
        assert not several.is_valid(PURCHASE)
        assert Draft202012Validator(CODEC.schema(Amount)).is_valid("19.99 USD")

    @pytest.mark.parametrize(("tree", "cls"), TREES, ids=[getattr(cls, "__name__", "Event") for _, cls in TREES])
    def test_the_examples_are_valid(self, tree: dict[str, Any], cls: Any) -> None:
        """What people write, amounts as text and all, is valid."""
        CODEC.structure(tree, cls)
        VALIDATORS[cls].validate(tree)

    @settings(max_examples=15)
    @given(program=s.programs())
    def test_programs(self, program: Program) -> None:
        """Every program that is written is valid, and so are its terms."""
        VALIDATORS[Program].validate(CODEC.unstructure(program))
        VALIDATORS[Terms].validate(CODEC.unstructure(program.terms[0]))

    @given(event=s.events)
    def test_events(self, event: Any) -> None:
        """Every event that is written is valid, by its own schema and by that of all that may come from outside."""
        tree = CODEC.unstructure(event)
        VALIDATORS[type(event)].validate(tree)
        assert VALIDATORS[Event].is_valid(tree) is not isinstance(event, MADE)

    @settings(max_examples=30)
    @given(commit=s.commits, state=s.states)
    def test_what_is_stored(self, commit: Commit, state: State) -> None:
        """Every commit and state that is written is valid."""
        VALIDATORS[Commit].validate(CODEC.unstructure(commit))
        VALIDATORS[State].validate(CODEC.unstructure(state))

    @pytest.mark.parametrize(
        ("tree", "cls"),
        [
            (without(PURCHASE, ("id",)), Purchase),
            (without(PURCHASE, ("type",)), Event),
            (changed(PURCHASE, ("type",), "refund"), Purchase),
            (changed(PURCHASE, ("membr",), "m"), Purchase),
            (changed(PURCHASE, ("format",), FORMAT + 1), Purchase),
            (changed(PURCHASE, ("id",), 17), Purchase),
            (changed(PURCHASE, ("lines",), {}), Purchase),
            (changed(PURCHASE, ("lines",), [{"total": "1 USD"}] * 2_001), Purchase),
            (changed(PURCHASE, ("lines", 0, "total"), 120), Purchase),
            (changed(PURCHASE, ("lines", 0, "total"), "120"), Purchase),
            (changed(PURCHASE, ("lines", 0, "total"), {"steps": "1", "unit": "USD"}), Purchase),
            (changed(PURCHASE, ("lines", 0, "total"), {"steps": 2**63, "unit": "USD"}), Purchase),
            (changed(PURCHASE, ("lines", 0, "quantity"), 1.5), Purchase),
            (changed(PURCHASE, ("lines", 0, "quantity"), "1e5"), Purchase),
            (changed(PURCHASE, ("lines", 0, "kind"), "good"), Purchase),
            (changed(PURCHASE, ("lines", 0, "attributes"), {"a": None}), Purchase),
            (changed(PURCHASE, ("occurred_at",), "2024-05-08"), Purchase),
            (changed(PURCHASE, ("occurred_at",), 1715171400), Event),
            (changed(program_tree(), (*RULE, "type"), "spends"), Program),
            (changed(program_tree(), (*RULE, "caps"), []), Program),
            (changed(program_tree(), (*RULE, "whole"), "false"), Program),
            (changed(program_tree(), (*RULE, "when", "of", 0, "of"), "web"), Program),
            (changed(program_tree(), ("terms",), []) | {"terms": "all"}, Program),
            (without(commit_tree(), ("format",)), Commit),
            (changed(commit_tree(), ("event", "lines", 0, "total"), "120.00 USD"), Commit),
            (changed(commit_tree(), ("entries", 0, "books", 0, "base"), [1]), Commit),
            (changed(commit_tree(), ("entries", 0, "books", 0, "base"), [1, 2, 3]), Commit),
        ],
    )
    def test_what_is_wrong_is_not_valid(self, tree: dict[str, Any], cls: Any) -> None:
        """Missing, unknown and misplaced things are found by the schema as by the codec."""
        assert not VALIDATORS[cls].is_valid(tree)
        with pytest.raises(DocumentError):
            CODEC.structure(tree, cls)

    @settings(max_examples=300)
    @given(tree=s.json_trees, data=st.data())
    def test_what_loads_is_valid(self, tree: Any, data: st.DataObject) -> None:
        """Whatever stands at some place of a document: if it loads, it is valid."""
        example, cls = data.draw(st.sampled_from(TREES))
        path: list[Any] = []
        node: Any = example
        while isinstance(node, dict | list) and node and (not path or data.draw(st.booleans())):
            step = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
            path.append(step)
            node = node[step]
        bent = changed(example, tuple(path), tree)
        try:
            CODEC.structure(bent, cls)
        except DocumentError:
            return
        assert VALIDATORS[cls].is_valid(bent)
