"""What earlier versions wrote is read: a document of each kind, kept for every version of the format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codec.documents import CODEC
from codec.golden_values import FOLDER, VALUES
from patronage.codec import FORMAT
from patronage.codec._shapes import DOCUMENTS, EVENTS, TAGS


class TestGolden:
    """Format 0 as it is stored."""

    @pytest.mark.parametrize("name", sorted(VALUES))
    def test_a_stored_document_is_read_and_written_the_same(self, name: str) -> None:
        """The document gives the value that was written, and the value gives the very bytes again."""
        stored = (FOLDER / f"{name}.json").read_bytes().removesuffix(b"\n")
        value = VALUES[name]
        assert CODEC.load(stored, type(value)) == value
        assert CODEC.dump_bytes(value) == stored
        assert CODEC.dump_bytes(CODEC.load(stored, type(value))) == stored

    @pytest.mark.parametrize("path", sorted((FOLDER / "older").glob("*.json")), ids=lambda path: path.stem)
    def test_a_document_from_before_a_key_was_added_is_read(self, path: Path) -> None:
        """A key that a document does not have stands at its default."""
        value = VALUES[path.stem.rpartition("_")[0]]
        assert CODEC.load(path.read_bytes(), type(value)) == value

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
