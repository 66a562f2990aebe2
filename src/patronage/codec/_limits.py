"""
What a document may be before it is read: its size, nesting, numbers and keys.

Checked on the raw text, outside its strings, so that no parser sees a document which would make it
slow or deep; and on a tree that somebody else has parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from patronage.errors import DocumentError, Problem
from patronage.events import LINES_MAX


@attrs.frozen
class Limit:
    """A limit: for documents that people write (*number*), for *stored* ones (commits, states), and of *what*."""

    number: int
    stored: int
    what: str


LIMITS: Final[Mapping[str, Limit]] = {
    "bytes": Limit(2**20, 2**26, "bytes of a document, in UTF-8"),
    "depth": Limit(32, 32, "levels of tables and lists within each other"),
    "values": Limit(100_000, 5_000_000, "values in a document: tables, lists, texts, numbers"),
    "digits": Limit(30, 300, "digits of a number"),
    "lines": Limit(LINES_MAX, LINES_MAX, "lines, discounts or tenders of an event"),
    "lots": Limit(100_000, 100_000, "lots in one list"),
    "key_parts": Limit(8, 8, "parts of a dotted key (TOML)"),
    "line_length": Limit(4_096, 4_096, "characters of a line (TOML)"),
    "problems": Limit(1_000, 1_000, "problems that are reported of a document; it is read no further"),
}
"""Every limit on documents. Numbers of a value's own (the length of an id, of a text) are checked by its class."""


def limit(name: str, stored: bool) -> int:
    """The number that holds for a document."""
    return LIMITS[name].stored if stored else LIMITS[name].number


class RepeatedKeys(dict[str, object]):
    """A JSON table in which some keys stand more than once; the last of each counts until it is refused."""

    repeated: tuple[str, ...] = ()


def table(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """What the JSON parser makes of a table."""
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    seen: set[str] = set()
    found = RepeatedKeys(made)
    found.repeated = tuple(dict.fromkeys(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BRACKET = re.compile(r"[\[\]{}]")
_IN_LINE = re.compile(r"[^\n]+")
_NO_SIGNS = bytes(byte for byte in range(256) if byte not in b'[]{}"')

# Possessive throughout: each character is looked at once, also where a string never ends.
_JSON_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+\\?"?', re.DOTALL)
_TOML_STRING_OR_COMMENT = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:"{3,5}|\\?\Z)'
    r"|'''(?:[^']++|'(?!''))*+(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]++|\\[^\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+",
    re.DOTALL,
)
_TOML_LONG_KEY = re.compile(
    r"(?<![\w\"'-])(?:[\w\"'-]++[ \t]*+\.[ \t]*+){%d}" % LIMITS["key_parts"].number  # noqa: UP031  # braces
)
_JSON_LONG_NUMBER = {
    stored: re.compile(r"[0-9]{%d}" % (limit("digits", stored) + 1), re.ASCII)  # noqa: UP031  # braces
    for stored in (False, True)
}
_TOML_LONG_NUMBER = re.compile(
    r"(?<![\w.-])[+-]?(?:0[xob])?[0-9](?:_?[0-9A-Fa-f]){%d}" % LIMITS["digits"].number,  # noqa: UP031  # braces
    re.ASCII,
)


def refused(path: str, message: str) -> DocumentError:
    """A document with one problem that keeps it from being read at all."""
    return DocumentError([Problem(path, message)])


def exceeds(name: str, stored: bool) -> str:
    """The sentence about a limit that was passed."""
    return f"This passes the limit of {limit(name, stored):,} {LIMITS[name].what}."


def position(text: str, index: int) -> str:
    """Where in a text: `line 3, column 7`."""
    return f"line {text.count(chr(10), 0, index) + 1}, column {index - text.rfind(chr(10), 0, index)}"


def decoded(document: object, stored: bool) -> str:
    """The text of a document. Raises DocumentError for what is too long, no UTF-8, or holds control characters."""
    if isinstance(document, bytes):
        if len(document) > limit("bytes", stored):
            raise refused("", exceeds("bytes", stored))
        try:
            text = document.decode()
        except UnicodeDecodeError as error:
            raise refused(f"byte {error.start + 1}", "A document must be text in UTF-8.") from None
    elif isinstance(document, str):
        text = document
        if len(text) > limit("bytes", stored):
            raise refused("", exceeds("bytes", stored))
        if not text.isascii():
            try:
                if len(text.encode()) > limit("bytes", stored):
                    raise refused("", exceeds("bytes", stored))
            except UnicodeEncodeError as error:
                where = position(text, error.start)
                raise refused(where, "Half of a surrogate pair stands here: it is no character.") from None
    else:
        raise refused("", f"A document is a str or bytes, not {type(document).__name__}.")
    if not text.isprintable():
        if text.startswith("\ufeff"):
            raise refused(
                "line 1, column 1", "The document begins with a byte order mark: save it as UTF-8 without one."
            )
        control = _CONTROL.search(text)
        if control is not None:
            raise refused(position(text, control.start()), "A control character may not stand in a document.")
    return text


def check_json(text: str, stored: bool) -> None:
    """Refuses JSON text that nests too deep, has too many values, or a number of too many digits."""
    openers, digits, values = text.count("[") + text.count("{"), limit("digits", stored), limit("values", stored)
    deep = openers > limit("depth", stored) and _too_deep(_outside_strings(text), stored)
    many = text.count(",") + openers >= values
    # A number that is too long would cover one of these characters.
    long = any(sign in "0123456789" for sign in text[digits :: digits + 1])
    if deep or many or long:
        _check_bare(_JSON_STRING.sub(lambda found: " " * len(found[0]), text), _JSON_LONG_NUMBER[stored], stored)


def _outside_strings(text: str) -> bytes:
    """The brackets of JSON text that stand in none of its strings."""
    if "\\" in text:
        text = _JSON_STRING.sub("", text)
    return b"".join(text.encode().translate(None, _NO_SIGNS).split(b'"')[::2])


def _too_deep(signs: bytes, stored: bool) -> bool:
    depth, most = 0, limit("depth", stored)
    for sign in signs:
        if sign in b"[{":
            depth += 1
            if depth > most:
                return True
        else:
            depth -= 1
    return False


def _check_bare(bare: str, long_number: re.Pattern[str], stored: bool) -> None:
    """Looks at a text whose strings are blank, of the same length: so positions in it are right."""
    depth, most = 0, limit("depth", stored)
    for found in _BRACKET.finditer(bare):
        depth += 1 if found[0] in "[{" else -1
        if depth > most:
            raise refused(position(bare, found.start()), exceeds("depth", stored))
    if sum(bare.count(sign) for sign in "=,[{") >= limit("values", stored):
        raise refused("", exceeds("values", stored))
    number = long_number.search(bare)
    if number is not None:
        raise refused(position(bare, number.start()), exceeds("digits", stored))


def check_toml(text: str) -> None:
    """Refuses TOML text with lines or keys that are too long, or what `check_json` refuses."""
    start = 0
    for line in text.split("\n"):
        if len(line) > LIMITS["line_length"].number:
            raise refused(position(text, start), exceeds("line_length", False))
        start += len(line) + 1
    bare = _TOML_STRING_OR_COMMENT.sub(_blank, text)
    key = _TOML_LONG_KEY.search(bare)
    if key is not None:
        raise refused(position(text, key.start()), exceeds("key_parts", False))
    _check_bare(bare, _TOML_LONG_NUMBER, False)


def _blank(found: re.Match[str]) -> str:
    """What stands for a string while keys are counted: a part of a key of the same length, on the same lines."""
    whole = found[0]
    if whole.startswith("#"):
        return " " * len(whole)
    return _IN_LINE.sub(lambda line: '"' * len(line[0]), whole)


def holds_surrogate_escape(text: str) -> bool:
    """Whether JSON text escapes a surrogate, so that its strings must be looked at one by one."""
    return _SURROGATE_ESCAPE.search(text) is not None


def joined(path: str, key: str) -> str:
    """The path of a key in the table at *path*."""
    if not key.isidentifier() or len(key) > 64:
        shown = ascii(key)
        return f"{path}[{shown if len(shown) <= 80 else shown[:77] + '...'}]"
    return f"{path}.{key}" if path else key


def flaws(tree: object, stored: bool) -> Iterator[Problem]:
    """
    What is wrong with a parsed tree whatever it means: repeated keys, half surrogate pairs, no plain values.

    Raises DocumentError where it is too deep, too large or not a tree at all, and must not be read.
    """
    left = limit("values", stored)
    digits = 10 ** limit("digits", stored)

    def look(value: object, path: str, depth: int) -> Iterator[Problem]:
        nonlocal left
        left -= 1
        if left < 0:
            raise refused("", exceeds("values", stored))
        if isinstance(value, str):
            if not value.isascii() and _SURROGATE.search(value):
                yield Problem(path, "The text holds half of a surrogate pair: it is no character.")
        elif isinstance(value, int):
            if not -digits < value < digits:
                raise refused(path, exceeds("digits", stored))
        elif isinstance(value, dict | list):
            if depth >= limit("depth", stored):
                raise refused(path, exceeds("depth", stored))
            if isinstance(value, list):
                for n, member in enumerate(value):
                    yield from look(member, f"{path}[{n}]", depth + 1)
                return
            if isinstance(value, RepeatedKeys):
                for key in value.repeated:
                    yield Problem(joined(path, key), "This key stands more than once.")
            for key, member in value.items():
                if not isinstance(key, str):
                    raise refused(path, f"The keys of a table are texts, not {type(key).__name__}.")
                if not key.isascii() and _SURROGATE.search(key):
                    yield Problem(joined(path, key), "The key holds half of a surrogate pair: it is no character.")
                yield from look(member, joined(path, key), depth + 1)

    yield from look(tree, "", 0)
