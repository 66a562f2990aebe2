"""
Reading values out of a parsed document: strictly, and with all that is wrong, each with its path.

The fast path of the codec reads single values with the same functions (SCALARS, `member_of`), and
comes here only to say what is wrong.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Final

from patronage._currencies import DECIMALS
from patronage._frozen import FrozenMapping
from patronage.codec._limits import exceeds, joined, limit
from patronage.codec._shapes import Either, Field, Keyed, Many, Maybe, OneOf, Row, Scalar, Table, Tagged, Tags
from patronage.errors import InvalidValueError, PatronageError, Problem, quote
from patronage.periods import parse_instant, utc
from patronage.units import Amount, exact, parse_amount, plain_decimal

known_units: ContextVar[Mapping[str, int] | None] = ContextVar("known_units", default=None)
"""The decimals of the units that `19.99 USD` may be written in; None where amounts are in steps only."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?", re.ASCII)
_STEP = re.compile(r"[.\[]")
_SUGGESTIONS_MAX = 50
_SUGGESTED_MAX = 64


def described(value: object) -> str:
    """What stands in a document, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"the number {quote(value)}"
    if isinstance(value, float):
        return f"{quote(value)}: numbers with a point or an exponent are written as a text, such as '19.99'"
    if isinstance(value, str):
        return f"the text {quote(value)}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, date | time):
        return "a date or a time"
    return f"a {quote(type(value).__name__)}"


def wrong(needed: str, value: object) -> InvalidValueError:
    """The error for a value of the wrong kind."""
    return InvalidValueError(f"{needed} is needed here, not {described(value)}.")


def _text(value: object, _: object = None) -> str:
    if type(value) is not str:
        raise wrong("A text", value)
    return value


def _whole(value: object, _: object = None) -> int:
    if type(value) is not int:
        raise wrong("A whole number", value)
    return value


def _bool(value: object, _: object = None) -> bool:
    if type(value) is not bool:
        raise wrong("True or false", value)
    return value


def _decimal(value: object, _: object = None) -> Decimal:
    if type(value) is str or type(value) is int:
        return plain_decimal(value)
    raise wrong("A number, such as '1.5',", value)


def _fraction(value: object, _: object = None) -> Fraction:
    if type(value) is int:
        return exact(value)
    if type(value) is not str:
        raise wrong("A number, such as '1.5' or '3/2',", value)
    over, slash, under = value.partition("/")
    if not slash:
        return exact(value)
    divisor = exact(under)
    if not divisor:
        raise InvalidValueError(f"{quote(value)} is no number: nothing is divided by 0.")
    return exact(over) / divisor


def _instant(value: object, _: object = None) -> datetime:
    if type(value) is str:
        return parse_instant(value)
    if isinstance(value, datetime):  # TOML has instants of its own.
        return utc(value)
    raise wrong("An instant, such as '2024-05-08T12:30:00Z',", value)


def _date(value: object, _: object = None) -> date:
    if type(value) is date:
        return value
    if type(value) is not str or not _DATE.fullmatch(value):
        raise wrong("A date, such as '2024-05-08',", value)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise InvalidValueError(f"{quote(value)} is a day that does not exist.") from None


def _time(value: object, _: object = None) -> time:
    if type(value) is time and value.tzinfo is None:
        return value
    if type(value) is not str or not _TIME.fullmatch(value):
        raise wrong("A time of day, such as '14:30',", value)
    whole, point, part = value.partition(".")
    try:
        return time.fromisoformat(f"{whole}.{part:0<6}" if point else whole)
    except ValueError:
        raise InvalidValueError(f"{quote(value)} is a time that does not exist.") from None


def _amount(value: object, _: object = None) -> Amount:
    if type(value) is str:
        units = known_units.get()
        if units is not None:
            return parse_amount(value, lambda code: units.get(code, DECIMALS.get(code)))
    raise wrong("An amount (a table with 'steps' and 'unit')", value)


SCALARS: Final[Mapping[type, Callable[..., Any]]] = {
    str: _text,
    int: _whole,
    bool: _bool,
    Decimal: _decimal,
    Fraction: _fraction,
    datetime: _instant,
    date: _date,
    time: _time,
    Amount: _amount,  # Where it is no table.
}


def member_of(cls: type[Enum], value: object) -> Enum:
    """The member of an Enum that *value* names."""
    if type(value) is str:
        for member in cls:
            if member.value == value:
                return member
    elif isinstance(value, list | dict):
        raise wrong("A text", value)
    names = sorted(str(member.value) for member in cls)
    raise InvalidValueError(f"One of {', '.join(names)} is needed here, not {described(value)}.")


class _Enough(Exception):  # noqa: N818  # No error, and it never leaves the codec.
    """There are as many problems as are reported."""


_FAILED: Final = object()


class Careful:
    """One careful reading of one document."""

    def __init__(self, tags: Tags, stored: bool, problems: Iterable[Problem] = ()) -> None:
        self._tags, self._stored = tags, stored
        self.problems = list(problems)
        # At fault already: where a look at the tree found something, and all that this is a part of.
        self._known = {
            problem.path[:end]
            for problem in self.problems
            for end in (0, len(problem.path), *(found.start() for found in _STEP.finditer(problem.path)))
        }
        self._suggestions = 0

    def read(self, annotation: Any, tree: object) -> Any:
        """The value, where there is no problem; else it is in `problems`."""
        try:
            return self._read(annotation, tree, "")
        except _Enough:
            return _FAILED

    def add(self, path: str, message: str) -> None:
        """Notes a problem, unless a look at the tree has already found its cause, at the path or below it."""
        if path in self._known:
            return
        self.problems.append(Problem(path, message))
        if len(self.problems) >= limit("problems", self._stored):
            raise _Enough

    def _made(self, path: str, make: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        try:
            return make(*arguments, **named)
        except PatronageError as error:
            message = str(error)
        except Exception as error:  # A caller's class may raise anything.
            message = f"This cannot stand here ({type(error).__name__}: {quote(str(error))})."
        self.add(path, message)
        return _FAILED

    def _read(self, annotation: Any, value: object, path: str) -> Any:
        shape = self._tags.shape(annotation)
        match shape:
            case Scalar(of=of):
                if of is Amount and isinstance(value, dict):
                    return self._table(Amount, value, path)
                return self._made(path, SCALARS[of], value)
            case OneOf(of=enum):
                return self._made(path, member_of, enum, value)
            case Maybe(of=of):
                return None if value is None else self._read(of, value, path)
            case Either():
                return self._either(shape, value, path)
            case Table(of=cls):
                return self._table(cls, value, path)
            case Tagged(of=classes):
                return self._tagged(classes, value, path)
            case Many():
                return self._many(shape, value, path)
            case Row(of=members):
                if isinstance(value, list) and len(value) == len(members):
                    pairs = zip(members, value, strict=True)
                    return self._all(self._read(each, one, f"{path}[{n}]") for n, (each, one) in enumerate(pairs))
                self.add(path, f"A list of {len(members)} values is needed here, not {described(value)}.")
            case Keyed(of=of):
                if isinstance(value, dict):
                    keys = list(value)
                    values = self._all(self._read(of, value[key], joined(path, key)) for key in keys)
                    return values if values is _FAILED else FrozenMapping(zip(keys, values, strict=True))
                self.add(path, f"A table is needed here, not {described(value)}.")
        return _FAILED

    @staticmethod
    def _all(values: Iterable[Any]) -> Any:
        """The values as a tuple; _FAILED where one is. All of them are read."""
        found = tuple(values)
        return _FAILED if any(value is _FAILED for value in found) else found

    def _either(self, shape: Either, value: object, path: str) -> Any:
        for annotation in shape.of:
            if type(value) is annotation:
                return value
        if isinstance(value, list) and not all(isinstance(annotation, type) for annotation in shape.of):
            return self._many(Many(str, False, None), value, path)
        words = {str: "a text", int: "a whole number", bool: "true or false"}
        names = " or ".join(words.get(annotation, "a list of texts") for annotation in shape.of)
        self.add(path, f"This may be {names}, not {described(value)}.")
        return _FAILED

    def _many(self, shape: Many, value: object, path: str) -> Any:
        if not isinstance(value, list):
            self.add(path, f"A list is needed here, not {described(value)}.")
            return _FAILED
        if shape.most is not None and len(value) > limit(shape.most, self._stored):
            self.add(path, exceeds(shape.most, self._stored))
            return _FAILED
        found = self._all(self._read(shape.of, each, f"{path}[{n}]") for n, each in enumerate(value))
        if found is _FAILED or not shape.as_set:
            return found
        made = frozenset(found)
        if len(made) < len(found):
            self.add(path, "Something stands here more than once.")
            return _FAILED
        return made

    def _tagged(self, classes: Mapping[str, type], value: object, path: str) -> Any:
        if not isinstance(value, dict):
            self.add(path, f"A table with a 'type' is needed here, not {described(value)}.")
            return _FAILED
        where = joined(path, "type")
        if "type" not in value:
            self.add(where, f"This key is missing: it is one of {_listed(classes)}.")
            return _FAILED
        tag = value["type"]
        if type(tag) is not str:
            self.add(where, f"A text is needed here, not {described(tag)}.")
            return _FAILED
        cls = classes.get(tag)
        if cls is None:
            hint = self._suggestion(tag, classes)
            if not hint and "." in tag:
                hint = " A class of your own is registered with the codec that reads it."
            self.add(where, f"There is no type {quote(tag)} here.{hint or f' It is one of {_listed(classes)}.'}")
            return _FAILED
        return self._table(cls, value, path)

    def _table(self, cls: type, value: object, path: str) -> Any:
        if not isinstance(value, dict):
            self.add(path, f"A table is needed here, not {described(value)}.")
            return _FAILED
        fields = self._tags.fields(cls)
        tag = self._tags.of_class.get(cls)
        keys = {field.key for field in fields}
        sound = True
        for key in value:
            if key == "type" and tag is not None:
                if value[key] != tag:
                    self.add(joined(path, key), f"The type here is {tag}, not {described(value[key])}.")
                    sound = False
            elif key not in keys:
                self.add(joined(path, key), f"There is no such key here.{self._suggestion(key, keys)}")
                sound = False
        arguments: dict[str, Any] = {}
        for field in fields:
            where = joined(path, field.key)
            if field.key in value:
                made = self._field(field, value[field.key], where)
                sound = sound and made is not _FAILED
                arguments[field.argument] = made
            elif field.required:
                self.add(where, "This key is missing.")
                sound = False
        return self._made(path, cls, **arguments) if sound else _FAILED

    def _field(self, field: Field, value: object, path: str) -> Any:
        if field.one_or_more and isinstance(value, dict):
            shape = self._tags.shape(field.annotation)
            assert isinstance(shape, Many)
            made = self._read(shape.of, value, path)
            return made if made is _FAILED or not self._fits(field, (made,), path) else (made,)
        made = self._read(field.annotation, value, path)
        return _FAILED if made is _FAILED or not self._fits(field, made, path) else made

    def _fits(self, field: Field, value: Any, path: str) -> bool:
        """
        Whether the field's own converter and validator take the value: asked here, so that each has its path.

        What they need the whole object for, or raise as no error of the library, is left to the class.
        """
        try:
            if field.of.converter is not None:
                value = field.of.converter(value)
            if field.of.validator is not None:
                field.of.validator(None, field.of, value)
        except PatronageError as error:
            self.add(path, str(error))
            return False
        except Exception:  # The class itself is asked later, and what it raises is a problem.
            return True
        return True

    def _suggestion(self, given: str, known: Iterable[str]) -> str:
        """` Did you mean ...?` where something is close; asked for the first so many unknown names only."""
        if self._suggestions >= _SUGGESTIONS_MAX or len(given) > _SUGGESTED_MAX:
            return ""
        self._suggestions += 1
        close = difflib.get_close_matches(given, sorted(known), n=1)
        return f" Did you mean {quote(close[0])}?" if close else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
