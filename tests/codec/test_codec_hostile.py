"""Any bytes: a value or the library's own error with a path, in set time; never another exception, never code."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec import strategies as s
from codec.documents import ACTIVITY, CODEC, PROGRAM_TOML, PURCHASE, commit_tree, program_tree, state_tree
from patronage.codec._careful import Careful
from patronage.codec._compiled import Compiled
from patronage.codec._shapes import EventFromOutside, Tags
from patronage.errors import DocumentError
from patronage.events import Activity, Event, Purchase
from patronage.ledger import Commit
from patronage.program import Program
from patronage.state import State

TREES: list[tuple[dict[str, Any], Any]] = [
    (PURCHASE, Purchase),
    (PURCHASE, Event),
    (ACTIVITY, Activity),
    (program_tree(), Program),
    (commit_tree(), Commit),
    (state_tree(), State),
]
TAGS = Tags()
COMPILED = Compiled(TAGS)
HOSTILE = [
    *[
        None,
        True,
        False,
        0,
        -1,
        2**63,
        10**29,
        1.5,
        "",
        "~",
        "\x00",
        "\ud800",
        "𝄞",
        "1e9",
        "NaN",
        [],
        {},
        [[]],
        {"type": 1},
    ],
    *[{"type": "purchase"}, {"steps": 1, "unit": "USD"}, "19.99 USD", "2024-05-08T12:30:00Z", "x" * 2_000, [None] * 50],
    *[{"type": "not"}, {"__class__": "os.system"}, {"type": "all_of", "of": []}, "patronage.program.Program", 10**25],
]
SECONDS = 5  # Of the processor: none takes half a second where nothing else runs and nothing is traced.


def refused_or_loaded(load: Callable[[Any, Any], Any], document: Any, cls: Any) -> DocumentError | None:
    """Loads a document; anything but a value or a DocumentError with sound problems goes through."""
    begin = time.process_time()
    try:
        load(document, cls)
    except DocumentError as error:
        refused: DocumentError | None = error
    else:
        refused = None
    assert time.process_time() - begin < SECONDS
    if refused is not None:
        assert refused.problems
        for problem in refused.problems:
            assert problem.message.strip()
            assert problem.path.isprintable()
            assert len(problem.path) < 2_000
    return refused


def bend(tree: Any, chance: random.Random) -> Any:
    """A copy of a tree in which one value, somewhere, is another, is missing, or stands elsewhere."""
    made = json.loads(json.dumps(tree))
    places: list[tuple[Any, Any]] = []
    pending = [made]
    while pending:
        node = pending.pop()
        steps = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for step in steps:
            places.append((node, step))
            pending.append(node[step])
    for _ in range(chance.randint(1, 3)):
        node, step = chance.choice(places)
        other, there = chance.choice(places)
        if step not in node if isinstance(node, dict) else step >= len(node):
            continue
        match chance.randrange(5):
            case 0:
                del node[step]
            case 1 if isinstance(node, dict):
                node[chance.choice(["", "type", "format", "of", "x" * 100, str(step) + "s", "\x1b"])] = node.pop(step)
            case 2 if there in other if isinstance(other, dict) else there < len(other):
                node[step] = json.loads(json.dumps(other[there]))
            case _:
                node[step] = chance.choice(HOSTILE)
    return made


def bend_text(text: str, chance: random.Random) -> bytes:
    """The bytes of a text, some of them changed, left out, doubled or moved."""
    made = bytearray(text.encode())
    for _ in range(chance.randint(1, 4)):
        at, to = sorted((chance.randrange(len(made) + 1), chance.randrange(len(made) + 1)))
        to = min(to, at + 40)
        match chance.randrange(6):
            case 0:
                made[at:at] = bytes([chance.randrange(256)])
            case 1:
                made[at:to] = b""
            case 2:
                made[at:at] = made[at:to]
            case 3:
                made[at:at] = chance.choice(
                    [b'"', b"\\", b"[", b"{", b"]", b"}", b",", b":", b"\n", b"'", b"#", b".", b"="]
                )
            case 4:
                made[at:to] = chance.choice(
                    [b"1e999", b"NaN", b"-Infinity", b"\\ud800", b"\xef\xbb\xbf", b"9" * 40, b"null"]
                )
            case _:
                made[at:at] = bytes(chance.sample(bytes(made), min(len(made), 5)))
    return bytes(made)


class TestHostile:
    """Never a crash, a hang, a silent coercion or code."""

    @pytest.mark.parametrize(("tree", "cls"), TREES, ids=[getattr(cls, "__name__", "Event") for _, cls in TREES])
    @settings(max_examples=60)
    @given(seed=st.integers(0, 2**32))
    def test_bent_trees(self, tree: dict[str, Any], cls: Any, seed: int) -> None:
        """A document that is right but for a few values loads or is refused, as JSON and as a parsed tree."""
        bent = bend(tree, random.Random(seed))
        first = refused_or_loaded(CODEC.load, json.dumps(bent), cls)
        second = refused_or_loaded(CODEC.structure, bent, cls)
        assert (first is None) == (second is None)

    @settings(max_examples=300)
    @given(seed=st.integers(0, 2**32), which=st.sampled_from(range(len(TREES))), toml=st.booleans())
    def test_bent_texts(self, seed: int, which: int, toml: bool) -> None:
        """Bytes that were a document before somebody changed them load or are refused."""
        tree, cls = TREES[which]
        if toml:
            refused_or_loaded(CODEC.load_toml, bend_text(PROGRAM_TOML, random.Random(seed)), Program)
        else:
            refused_or_loaded(CODEC.load, bend_text(json.dumps(tree), random.Random(seed)), cls)

    @settings(max_examples=300)
    @given(tree=s.json_trees, which=st.sampled_from(range(len(TREES))))
    def test_any_tree(self, tree: Any, which: int) -> None:
        """Any tree at all is refused, or is a document."""
        cls = TREES[which][1]
        refused_or_loaded(CODEC.structure, tree, cls)
        refused_or_loaded(CODEC.load, json.dumps(tree), cls)

    @settings(max_examples=300)
    @given(document=st.binary(max_size=200) | st.text(max_size=200), which=st.sampled_from(range(len(TREES))))
    def test_any_bytes(self, document: str | bytes, which: int) -> None:
        """Any text or bytes at all are refused."""
        assert refused_or_loaded(CODEC.load, document, TREES[which][1])
        assert refused_or_loaded(CODEC.load_toml, document, TREES[which][1])

    @pytest.mark.deep
    @pytest.mark.parametrize("part", range(50))
    def test_many_bent_documents(self, part: int) -> None:
        """The same for 50,000 documents (PATRONAGE_HOSTILE says another number)."""
        chance = random.Random(part)
        for _ in range(int(os.environ.get("PATRONAGE_HOSTILE", "50000")) // 50):
            tree, cls = chance.choice(TREES)
            refused_or_loaded(CODEC.load, json.dumps(bend(tree, chance)), cls)
            refused_or_loaded(CODEC.load, bend_text(json.dumps(tree), chance), cls)
            refused_or_loaded(CODEC.load_toml, bend_text(PROGRAM_TOML, chance), Program)

    @pytest.mark.parametrize(
        "document",
        [
            '"' + '\\"' * 500_000,
            '"' * 1_000_000,
            '{"lines":[' + "{}," * 1_990 + "{}]}",
            '{"attributes":{' + ",".join(f'"k{n}":1' for n in range(90_000)) + "}}",
            "{" + ",".join(f'"membr{n}":1' for n in range(60_000)) + "}",
            "{" + ",".join(f'"k{n // 2}":1' for n in range(60_000)) + "}",
            '{"x":[' + ",".join(['"\\ud800"'] * 90_000) + "]}",
            '{"' + "x" * 1_000_000 + '":1}',
            '{"lines":[{"tags":[' + ",".join(f'"t{n}"' for n in range(90_000)) + "]}]}",
            "[" * 1_000_000,
            '{"a":' * 200_000,
            "9" * 1_000_000,
        ],
        ids=lambda document: document[:24],
    )
    def test_large_json_is_refused_in_time(self, document: str) -> None:
        """Documents that are made to be slow are not."""
        assert refused_or_loaded(CODEC.load, document, Purchase)

    @pytest.mark.parametrize(
        "document",
        [
            "a." * 250_000 + "a=1",
            ("a." * 2_000 + "\n") * 250,
            ("a" * 4_090 + "\n") * 250,
            ("a " * 2_040 + "\n") * 250,
            ('"' * 4_090 + "\n") * 250,
            ("'" * 4_090 + "\n") * 250,
            ('"' + "\\" * 4_080 + "\n") * 250,
            'a="""' + ("\\" * 4_000 + "\n") * 250 + '"""',
            "[[a]]\n" * 170_000,
            "[" * 1_000_000,
            ("[" * 4_000 + "\n") * 250,
            "\n" * 1_000_000,
            "a=" + "9" * 4_000,
        ],
        ids=lambda document: repr(document[:16]),
    )
    def test_large_toml_is_refused_in_time(self, document: str) -> None:
        """The same for TOML, whose keys are the dearest."""
        assert refused_or_loaded(CODEC.load_toml, document, Program)


class TestTruncation:
    """Every truncation of every example document."""

    @pytest.mark.parametrize(("tree", "cls"), TREES, ids=[getattr(cls, "__name__", "Event") for _, cls in TREES])
    def test_json(self, tree: dict[str, Any], cls: Any) -> None:
        """A JSON document that breaks off, after whatever byte, is refused, and the problem says where."""
        document = json.dumps(tree, ensure_ascii=False).encode()
        for end in range(len(document)):
            error = refused_or_loaded(CODEC.load, document[:end], cls)
            assert error is not None
            assert all(problem.path for problem in error.problems)

    def test_toml(self) -> None:
        """A TOML document that breaks off is refused, or what is left of it is a document of its own."""
        document = PROGRAM_TOML.encode()
        whole = CODEC.load_toml(document, Program)
        last = document.rindex(b"\n[[terms.rewards]]")
        for end in range(len(document)):
            error = refused_or_loaded(CODEC.load_toml, document[:end], Program)
            if error is None:
                assert CODEC.load_toml(document[:end], Program) != whole or end >= last
            else:
                assert all(problem.path for problem in error.problems)


class TestTwoWays:
    """The fast way and the careful way of reading are one and the same."""

    @settings(max_examples=300)
    @given(seed=st.integers(0, 2**32), which=st.sampled_from(range(len(TREES))), straight=st.booleans())
    def test_they_agree(self, seed: int, which: int, straight: bool) -> None:
        """What the fast way takes, the careful way takes too, and makes the same of it."""
        tree, cls = TREES[which]
        tree = json.loads(json.dumps(tree)) if straight else bend(tree, random.Random(seed))
        if not isinstance(tree, dict):
            return
        tree.pop("format", None)
        cls = EventFromOutside if cls == Event else cls
        careful = Careful(TAGS, stored=False)
        slow = careful.read(cls, tree)
        try:
            fast = COMPILED.reader(cls)(tree)
        except Exception:  # Giving up is no answer: the careful way is asked.
            return
        assert careful.problems == []
        assert fast == slow
        assert CODEC.dump(fast) == CODEC.dump(slow)
