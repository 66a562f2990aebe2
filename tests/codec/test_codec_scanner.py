"""What looks at the raw text of a document sees it as a parser would."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.codec import LIMITS
from patronage.codec._limits import check_json, check_toml
from patronage.errors import DocumentError

NINE = ".".join("a" * 9)
JSON_PARTS = ["[" * 9, "{" * 8, "]" * 7, "}", '"', "\\", '\\"', "a", '"[["', "1"]
TOML_PARTS = ["'", '"', "'''", '"""', "a", "#", "\n", "\\\\", '\\"', "\\'", NINE, ","]


def depth_of(text: str) -> int:
    """How deep JSON text nests, read character by character."""
    deepest = depth = 0
    inside = escaped = False
    for sign in text:
        if inside:
            if not escaped and sign == '"':
                inside = False
            escaped = not escaped and sign == "\\"
        elif sign == '"':
            inside = True
        elif sign in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in "]}":
            depth -= 1
    return deepest


@given(parts=st.lists(st.sampled_from(JSON_PARTS), max_size=40), stored=st.booleans())
def test_the_depth_of_json(parts: list[str], stored: bool) -> None:
    """JSON text is refused for its depth where, read character by character, it nests deeper than the limit."""
    text = "".join(parts)
    try:
        check_json(text, stored)
        refused = ""
    except DocumentError as error:
        refused = str(error)
    assert ("32 levels" in refused) is (depth_of(text) > LIMITS["depth"].number)


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("levels", [31, 32, 33, 34])
def test_the_depth_of_json_without_digits(levels: int, stored: bool) -> None:
    """The limit is the same whatever else stands in the document."""
    for text in ("[" * levels + "]" * levels, "[" + "[]," * 50 + "{" * (levels - 1)):
        if levels > LIMITS["depth"].number:
            with pytest.raises(DocumentError, match="32 levels"):
                check_json(text, stored)
        else:
            check_json(text, stored)


@given(parts=st.lists(st.sampled_from(TOML_PARTS), max_size=9))
def test_long_keys_in_strings_of_toml(parts: list[str]) -> None:
    """A long key in a string or a comment of TOML that can be parsed is none."""
    text = f"a = [{''.join(parts)}]"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    check_toml(text)


@pytest.mark.parametrize(
    "before",
    [
        "x = '''a''''",
        "x = '''a'''''",
        "x = ''''a'''",
        "x = ''''''",
        "x = '''\n''' # '''",
        "x = '''it's'''",
        "x = '\\'",
        'x = """a""""',
        'x = """a"""""',
        'x = """"a"""',
        'x = """"""',
        'x = """\\\\"""',
        'x = """\\""""',
        'x = """\n#"""',
        'x = "\\\\"',
        'x = "\\"#"',
        'x = "#" # "',
        'x = 1 # it\'s """',
    ],
)
def test_a_string_of_toml_ends_where_it_ends(before: str) -> None:
    """After each way in which a string or a comment may end, a long key is seen for what it is."""
    assert tomllib.loads(before)["x"] is not None
    check_toml(f"{before}\ny = 1")
    with pytest.raises(DocumentError, match="8 parts"):
        check_toml(f"{before}\n{NINE} = 1")


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("quotes", [3, 4, 5])
def test_what_follows_a_string_of_toml_on_its_line(quotes: int, quote: str) -> None:
    """A string that ends in one or two quotes of its own hides nothing of the line after it."""
    text = quote * 3 + "a" + quote * quotes
    assert tomllib.loads(f"t = {{ x = {text}, y = 1 }}")["t"]["y"] == 1
    check_toml(f"t = {{ x = {text}, y = 1 }}")
    with pytest.raises(DocumentError, match="8 parts"):
        check_toml(f"t = {{ x = {text}, {NINE} = 1 }}")
