"""What earlier versions wrote is read: a document of each kind, kept for every version of the format."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from codec.documents import CODEC
from codec.golden_values import FOLDER, GOLDEN, VALUES
from patronage import Program
from patronage.codec import FORMAT
from patronage.codec._shapes import DOCUMENTS, EVENTS, TAGS


def types_in(tree: object) -> set[str]:
    """Every `type` that a document names."""
    found: set[str] = set()
    if isinstance(tree, dict):
        if isinstance(tree.get("type"), str):
            found.add(tree["type"])
        parts = list(tree.values())
    else:
        parts = tree if isinstance(tree, list) else []
    for part in parts:
        found |= types_in(part)
    return found


class TestGolden:
    """The newest format as it is stored; what was written in an older one is read."""

    @pytest.mark.parametrize("name", sorted(VALUES))
    def test_a_stored_document_is_read_and_written_the_same(self, name: str) -> None:
        """The document gives the value that was written, and the value gives the very bytes again."""
        stored = (FOLDER / f"{name}.json").read_bytes().removesuffix(b"\n")
        value = VALUES[name]
        assert CODEC.load(stored, type(value)) == value
        assert CODEC.dump_bytes(value) == stored
        assert CODEC.dump_bytes(CODEC.load(stored, type(value))) == stored

    @pytest.mark.parametrize("path", sorted((GOLDEN / "format_0").glob("**/*.json")), ids=lambda path: path.stem)
    def test_a_document_from_before_a_key_was_added_is_read(self, path: Path) -> None:
        """A key that a document does not have stands at its default."""
        value = VALUES[re.sub("_[0-9]+$", "", path.stem)]
        assert CODEC.load(path.read_bytes(), type(value)) == value

    @pytest.mark.parametrize("path", sorted((FOLDER / "programs").glob("*.json")), ids=lambda path: path.stem)
    def test_a_stored_program_is_read_and_written_the_same(self, path: Path) -> None:
        """Whole programs, of every policy: the very bytes again."""
        stored = path.read_bytes().removesuffix(b"\n")
        assert CODEC.dump_bytes(CODEC.load(stored, Program)) == stored

    def test_each_type_stands_in_one(self) -> None:
        """Whatever has a `type` (an event, an entry, a policy, a rule, a condition) is in one that is kept."""
        kept: set[str] = set()
        for path in FOLDER.glob("**/*.json"):
            kept |= types_in(json.loads(path.read_bytes()))
        assert {tag for classes in TAGS.values() for tag in classes} - kept == set()

    def test_each_kind_has_one(self) -> None:
        """Every event, and a commit, a state and a program, has its document; none is left over."""
        kinds = {tag for classes in TAGS.values() for tag, cls in classes.items() if cls in EVENTS}
        assert set(VALUES) == kinds | {"commit", "state", "program"}
        assert {path.stem for path in FOLDER.glob("*.json")} == set(VALUES)
        assert {type(value) for value in VALUES.values()} | {type(VALUES["program"].terms[0])} == DOCUMENTS

    @pytest.mark.parametrize("name", sorted(VALUES))
    def test_they_are_canonical(self, name: str) -> None:
        """A stored document is of the newest format that it can be, its keys in order, without a blank."""
        stored = (FOLDER / f"{name}.json").read_text(encoding="utf-8").removesuffix("\n")
        tree = json.loads(stored)
        assert json.dumps(tree, ensure_ascii=False, sort_keys=True, separators=(",", ":")) == stored
        assert tree["format"] == FORMAT
