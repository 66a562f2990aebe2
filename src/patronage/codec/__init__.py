"""
Documents: JSON and TOML into values and back, strictly.

JSON is written in full, in canonical form: UTF-8 with no character escaped that need not be, keys
sorted, no blanks; equal values give equal bytes. A document either loads or is refused by a
DocumentError with all its problems, each with its path; nothing is ever coerced, and no document
names code. TOML is for people: it is read, not written.

Reading takes a fast path, compiled once per class, that accepts or gives up; what it gives up is
read again carefully, to say what is wrong. `patronage.codec._shapes` holds the table of tags.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final, TypeVar, overload

import attrs

from patronage.codec import _limits as limits
from patronage.codec._careful import Careful, known_units
from patronage.codec._compiled import ENCODER, Compiled, GiveUp
from patronage.codec._limits import LIMITS, Limit
from patronage.codec._schema import schema_of
from patronage.codec._shapes import DOCUMENTS, EVENTS, STORED, TAGS, EventFromOutside, Tags
from patronage.errors import DocumentError, InvalidValueError, PatronageError, Problem, quote
from patronage.events import Event
from patronage.program import Program
from patronage.terms import Terms
from patronage.units import Unit

__all__ = ["FORMAT", "LIMITS", "Codec", "Limit"]

FORMAT: Final = 1
"""The format in which documents are written. Format 0 was before the first release, and is read."""
"""The version of the stored format that is written. Older ones are read, newer ones refused."""

T = TypeVar("T")

_TAG = re.compile(r"[a-z][a-z0-9_]{0,31}(?:\.[a-z0-9_]{1,32}){1,4}", re.ASCII)
_RESERVED: Final = frozenset({"type", "format", "cl", "converter"})
_DECODER: Final = json.JSONDecoder(object_pairs_hook=limits.table)


class Codec:
    """
    Reads and writes the documents of the library, and of callers' own classes that are registered with it.

    *units* are those, beside the currencies of ISO 4217 and the units that a document itself
    declares, in which people may write amounts such as `"100 points"`. A codec is made once, at the
    start, and shared.
    """

    def __init__(self, *, units: Iterable[Unit] = ()) -> None:
        self._units = {unit.code: unit.decimals for unit in units}
        self._tags = Tags()
        self._compiled = Compiled(self._tags)

    def register(self, cls: type, *, tag: str, of: Any) -> Codec:
        """
        Makes *cls*, a caller's attrs class, a member of the family *of* (a Protocol: Condition, Policy, ...).

        It is written with *tag* as its `type`: a name with a dot, such as `shop.my_rule`, for
        those without one are the library's. Known to this codec only, which is returned. Raises
        InvalidValueError for a tag or a class that is taken, or a field that no document can hold.
        """
        if not isinstance(tag, str) or not _TAG.fullmatch(tag):
            raise InvalidValueError(
                f"A tag of your own has a dot, in small ASCII letters, such as 'shop.my_rule', not {quote(tag)}."
            )
        if not isinstance(of, type) or of not in self._tags.families:
            names = sorted(family.__name__ for family in TAGS if isinstance(family, type))
            raise InvalidValueError(f"A class is registered as one of {', '.join(names)}, not {quote(str(of))}.")
        if not isinstance(cls, type) or not attrs.has(cls):
            raise InvalidValueError(f"Only attrs classes can be registered, not {quote(cls)}.")
        if cls in self._tags.of_class or any(tag in classes for classes in self._tags.families.values()):
            raise InvalidValueError(f"The class {quote(cls.__name__)} or the tag {quote(tag)} is registered already.")
        try:
            for field in self._tags.fields(cls):
                if field.key in _RESERVED:
                    raise InvalidValueError(f"A field of {quote(cls.__name__)} may not be called {field.key!r}.")
            self._tags.check(cls)
        except NameError as error:
            raise InvalidValueError(f"The annotations of {quote(cls.__name__)} cannot be read: {error}.") from None
        self._tags.add(cls, tag, of)
        self._compiled = Compiled(self._tags)
        return self

    def dump(self, value: object) -> str:
        """
        *value* as canonical JSON. Raises InvalidValueError for what this codec could not read again.

        Programs, terms, events, commits and states carry the version of the format. Of a commit,
        the state after it is not written: it is a document of its own.
        """
        cls, tree = type(value), self.unstructure(value)
        try:
            text = ENCODER.encode(tree)
        except (TypeError, ValueError, RecursionError) as error:
            raise _unwritable(error) from None
        try:
            limits.decoded(text, cls in STORED)
            limits.check_json(text, cls in STORED)
            # Events check each field, and entries are built by the library; of the rest it is made sure.
            sure = cls in STORED or cls in EVENTS or self._read(tree, cls, False, looked_at=True) == value
        except DocumentError as error:
            raise InvalidValueError(f"This could not be read again: {error}") from None
        if not sure:
            raise InvalidValueError(f"A {quote(cls.__name__)} could not be read again: it would be another one.")
        return text

    def dump_bytes(self, value: object) -> bytes:
        """*value* as canonical JSON in UTF-8."""
        return self.dump(value).encode()

    def unstructure(self, value: object) -> Any:
        """*value* as dicts, lists, texts and whole numbers: what `dump` writes."""
        self._tags.check(type(value))
        try:
            made = self._compiled.writer(type(value))(value)
        except PatronageError:
            raise
        except (AttributeError, TypeError, ValueError) as error:
            raise _unwritable(error) from None
        if type(value) in DOCUMENTS:
            made["format"] = FORMAT
        return made

    @overload
    def load(self, document: str | bytes, cls: type[T]) -> T: ...
    @overload
    def load(self, document: str | bytes, cls: Any) -> Any: ...
    def load(self, document: str | bytes, cls: Any) -> Any:
        """
        The value of *cls* (a class, `Event`, or another annotation) that a JSON document states.

        Raises DocumentError with all that is wrong with it.
        """
        stored = _is_stored(cls)
        text = limits.decoded(document, stored)
        limits.check_json(text, stored)
        try:
            tree = _DECODER.decode(text)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise limits.refused(where, f"This is no JSON: {error.msg}.") from None
        return self._read(tree, cls, stored, looked_at=not limits.holds_surrogate_escape(text))

    @overload
    def load_toml(self, document: str | bytes, cls: type[T]) -> T: ...
    @overload
    def load_toml(self, document: str | bytes, cls: Any) -> Any: ...
    def load_toml(self, document: str | bytes, cls: Any) -> Any:
        """The value of *cls* that a TOML document states. Raises DocumentError with all that is wrong with it."""
        text = limits.decoded(document, False)
        limits.check_toml(text)
        try:
            tree = tomllib.loads(text)
        except ValueError as error:
            message, _, place = str(error).partition(" (at ")
            numbers = re.findall("[0-9]+", place)
            where = limits.position(text, len(text))
            if len(numbers) == 2:
                where = f"line {numbers[0]}, column {numbers[1]}"
            raise limits.refused(where, f"This is no TOML: {quote(message)[1:-1]}.") from None
        return self._read(tree, cls, False, looked_at=False)

    @overload
    def structure(self, tree: object, cls: type[T]) -> T: ...
    @overload
    def structure(self, tree: object, cls: Any) -> Any: ...
    def structure(self, tree: object, cls: Any) -> Any:
        """The value of *cls* that a document parsed into dicts, lists, texts and ints states; as strict as `load`."""
        return self._read(tree, cls, _is_stored(cls), looked_at=False)

    def schema(self, cls: Any) -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of documents of *cls*: what loads is valid; some that is valid is refused."""
        return schema_of(_from_outside(cls), self._tags, FORMAT)

    def _read(self, tree: object, cls: Any, stored: bool, *, looked_at: bool) -> Any:
        cls = _from_outside(cls)
        self._tags.check(cls)
        token = known_units.set(None if stored else self._units_in(tree, cls))
        try:
            if looked_at:
                try:
                    return self._compiled.reader(cls)(_body(tree, cls))
                except Exception:  # Whatever it was: the careful reading finds it, and says it.
                    pass
            return self._read_carefully(tree, cls, stored)
        finally:
            known_units.reset(token)

    def _read_carefully(self, tree: object, cls: Any, stored: bool) -> Any:
        most = limits.limit("problems", stored)
        found = list(islice(limits.flaws(tree, stored), most))
        if len(found) == most:
            raise DocumentError(found)
        careful = Careful(self._tags, stored, found)
        if isinstance(tree, dict) and _has_format(cls):
            version = tree.get("format")
            if type(version) is int and version > FORMAT:
                raise limits.refused(
                    "format",
                    f"The document is of format {version}, and this version of the library reads format {FORMAT}: "
                    "read it with a newer version.",
                )
            if "format" in tree:
                if type(version) is not int or version < 0:
                    careful.problems.append(Problem("format", f"The format is a whole number, here {FORMAT}."))
                tree = {key: value for key, value in tree.items() if key != "format"}
            elif stored:
                careful.problems.append(Problem("format", f"This key is missing: it is {FORMAT}."))
        made = careful.read(cls, tree)
        if careful.problems:
            raise DocumentError(careful.problems)
        return made

    def _units_in(self, tree: object, cls: Any) -> Mapping[str, int]:
        """The decimals of the units that people may use in this document."""
        if cls is not Program and cls is not Terms:
            return self._units
        units = dict(self._units)
        for table in _tables(tree) + _tables(tree.get("terms") if isinstance(tree, dict) else None):
            for unit in _tables(table.get("units")):
                code, decimals = unit.get("code"), unit.get("decimals", 0)
                if isinstance(code, str) and type(decimals) is int and 0 <= decimals <= 12:
                    units[code] = decimals
        return units


def _unwritable(error: Exception) -> InvalidValueError:
    return InvalidValueError(f"This is no value that can be written: {quote(str(error))}")


def _tables(tree: object) -> list[dict[str, Any]]:
    """The table, or the tables of a list."""
    if isinstance(tree, dict):
        return [tree]
    return [each for each in tree if isinstance(each, dict)] if isinstance(tree, list) else []


def _from_outside(cls: Any) -> Any:
    return EventFromOutside if cls == Event else cls


def _is_stored(cls: Any) -> bool:
    members = getattr(cls, "__args__", None) or (cls,)
    return all(isinstance(member, type) and member in STORED for member in members)


def _has_format(cls: Any) -> bool:
    members = getattr(cls, "__args__", None) or (cls,)
    return all(isinstance(member, type) and member in DOCUMENTS for member in members)


def _body(tree: Any, cls: Any) -> Any:
    """The document without its format; gives up where that is not ours, or missing."""
    if not _has_format(cls):
        return tree
    if "format" in tree:
        if type(tree) is not dict or type(tree["format"]) is not int or tree["format"] != FORMAT:
            raise GiveUp
        return {key: value for key, value in tree.items() if key != "format"}
    if _is_stored(cls):
        raise GiveUp
    return tree
