"""
Functions that read and write, compiled once for each annotation: the fast path. The only module that imports cattrs.

A reader gives the value or raises, anything; it never accepts what a careful reading would refuse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from threading import RLock
from typing import Any, Final

import attrs
import cattrs
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from patronage._frozen import FrozenMapping
from patronage.codec._careful import SCALARS
from patronage.codec._limits import LIMITS
from patronage.codec._shapes import Either, Keyed, Many, Maybe, OneOf, Row, Scalar, Table, Tagged, Tags
from patronage.errors import InvalidValueError, quote
from patronage.periods import format_instant
from patronage.units import Amount, plain_decimal

Hook = Callable[..., Any]

ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)
"""Canonical JSON."""


class GiveUp(Exception):  # noqa: N818  # It never leaves the codec.
    """The fast path stops here: the careful one will say why, or that all is well."""


class Compiled:
    """Functions that read and write, made once per annotation, after `Tags.check` has taken it."""

    def __init__(self, tags: Tags) -> None:
        self._tags = tags
        self._converter = cattrs.Converter(detailed_validation=False)
        self._readers: dict[Any, Hook] = {}
        self._writers: dict[Any, Hook] = {}
        self._begun_readers: dict[Any, Hook] = {}
        self._begun_writers: dict[Any, Hook] = {}
        self._lock = RLock()

    def reader(self, annotation: Any) -> Hook:
        """A function that gives the value, or raises anything."""
        known = self._readers.get(annotation)
        return self._made(self._readers, self._begun_readers, self._make_reader, annotation) if known is None else known

    def _made(
        self, known: dict[Any, Hook], begun: dict[Any, Hook], make: Callable[[Any], Hook], annotation: Any
    ) -> Hook:
        """
        The function of *annotation*, and those that it needs, made by one thread.

        Others see them once all are whole: what is half made calls what is not made yet.
        """
        with self._lock:
            found = known.get(annotation) or begun.get(annotation)
            if found is not None:
                return found
            outermost = not begun
            # Classes may hold themselves: what is asked for in between is looked up when it is called.
            begun[annotation] = lambda *arguments: known[annotation](*arguments)  # noqa: PLW0108  # later
            try:
                found = begun[annotation] = make(annotation)
                if outermost:
                    known.update(begun)
            finally:
                if outermost:
                    begun.clear()
            return found

    def _make_reader(self, annotation: Any) -> Hook:
        shape = self._tags.shape(annotation)
        match shape:
            case Scalar(of=of):
                return _read_amount if of is Amount else SCALARS[of]
            case OneOf(of=enum):
                members = {member.value: member for member in enum if type(member.value) is str}
                return lambda value, _=None: members[value]
            case Maybe(of=of):
                read = self.reader(of)
                return lambda value, _=None: None if value is None else read(value)
            case Either(of=kinds):
                scalars = frozenset(kind for kind in kinds if isinstance(kind, type))
                texts = None if len(scalars) == len(kinds) else self.reader(tuple[str, ...])
                return lambda value, _=None: _read_either(value, scalars, texts)
            case Table(of=cls):
                return self._make_table_reader(cls)
            case Tagged(of=classes):
                readers = {tag: self.reader(cls) for tag, cls in classes.items()}
                return lambda value, _=None: readers[value["type"]](value)
            case Many(of=of, as_set=as_set, most=most):
                read = self.reader(of)
                longest = LIMITS[most].number if most is not None else LIMITS["values"].stored
                return lambda value, _=None: _read_many(value, read, longest, as_set)
            case Row(of=members):
                reads = [self.reader(member) for member in members]
                return lambda value, _=None: _read_row(value, reads)
            case Keyed(of=of):
                read = self.reader(of)
                return lambda value, _=None: _read_keyed(value, read)

    def _make_table_reader(self, cls: type) -> Hook:
        tag = self._tags.of_class.get(cls)
        fields = self._tags.fields(cls)
        reads: dict[str, Any] = {}
        for field in fields:
            read = self.reader(field.annotation)
            reads[field.key] = override(struct_hook=_one_or_more(read) if field.one_or_more else read)
        omitted: dict[str, Any] = {
            field.name: override(omit=True) for field in attrs.fields(cls) if field.name not in reads
        }
        generated: Any = make_dict_structure_fn(
            cls,
            self._converter,
            _cattrs_detailed_validation=False,
            _cattrs_forbid_extra_keys=False,
            _cattrs_use_alias=False,
            **reads,
            **omitted,
        )
        keys = frozenset(reads) if tag is None else frozenset((*reads, "type"))

        def read_table(value: Any, _: object = None) -> Any:
            if type(value) is not dict or not keys.issuperset(value):
                raise GiveUp
            if tag is not None and value.get("type", tag) != tag:
                raise GiveUp
            return generated(value)

        return read_table

    def writer(self, annotation: Any) -> Hook:
        """A function that gives what JSON can hold."""
        known = self._writers.get(annotation)
        return self._made(self._writers, self._begun_writers, self._make_writer, annotation) if known is None else known

    def _make_writer(self, annotation: Any) -> Hook:
        shape = self._tags.shape(annotation)
        match shape:
            case Scalar(of=of):
                return _WRITERS.get(of, identity)
            case OneOf():
                return lambda value: value.value
            case Maybe(of=of):
                write = self.writer(of)
                return identity if write is identity else lambda value: None if value is None else write(value)
            case Either(of=kinds):
                scalars = frozenset(kind for kind in kinds if isinstance(kind, type))
                return lambda value: _write_either(value, scalars, len(scalars) < len(kinds))
            case Table(of=cls):
                return self._make_table_writer(cls)
            case Tagged(of=classes):
                writers = {cls: self.writer(cls) for cls in classes.values()}
                return lambda value: _write_tagged(value, writers)
            case Many(of=of, as_set=as_set):
                write = self.writer(of)
                if as_set:
                    return lambda value: sorted([write(each) for each in value], key=_set_order)
                return list if write is identity else lambda value: [write(each) for each in value]
            case Row(of=members):
                writes = [self.writer(member) for member in members]
                return lambda value: [write(each) for write, each in zip(writes, value, strict=True)]
            case Keyed(of=of):
                write = self.writer(of)
                return dict if write is identity else lambda value: {key: write(each) for key, each in value.items()}

    def _make_table_writer(self, cls: type) -> Hook:
        tag = self._tags.of_class.get(cls)
        written: dict[str, Any] = {
            field.key: override(unstruct_hook=self.writer(field.annotation)) for field in self._tags.fields(cls)
        }
        omitted: dict[str, Any] = {
            field.name: override(omit=True) for field in attrs.fields(cls) if field.name not in written
        }
        generated: Any = make_dict_unstructure_fn(cls, self._converter, _cattrs_use_alias=False, **written, **omitted)
        if tag is None:
            return generated  # type: ignore[no-any-return]

        def write_table(value: Any) -> Any:
            made = generated(value)
            made["type"] = tag
            return made

        return write_table


def _read_amount(value: Any, _: object = None) -> Amount:
    if type(value) is not dict:
        return SCALARS[Amount](value)  # type: ignore[no-any-return]
    if len(value) != 2:
        raise GiveUp
    return Amount(value["steps"], value["unit"])


def _read_either(value: Any, scalars: frozenset[type], texts: Hook | None) -> Any:
    if type(value) in scalars:
        return value
    if texts is None:
        raise GiveUp
    return texts(value)


def _read_many(value: Any, read: Hook, longest: int, as_set: bool) -> Any:
    if type(value) is not list or len(value) > longest:
        raise GiveUp
    found = tuple([read(each) for each in value])
    if not as_set:
        return found
    made = frozenset(found)
    if len(made) < len(found):
        raise GiveUp
    return made


def _read_row(value: Any, reads: list[Hook]) -> Any:
    if type(value) is not list:
        raise GiveUp
    return tuple([read(each) for read, each in zip(reads, value, strict=True)])


def _read_keyed(value: Any, read: Hook) -> Any:
    if type(value) is not dict:
        raise GiveUp
    return FrozenMapping.owning({key: read(each) for key, each in value.items()})


def _one_or_more(read: Hook) -> Hook:
    """Lets one table stand for a list of one."""
    return lambda value, _=None: read([value] if type(value) is dict else value)


def _write_decimal(value: Decimal) -> str:
    return f"{plain_decimal(value):f}"


def _write_amount(value: Amount) -> dict[str, Any]:
    return {"steps": value.steps, "unit": value.unit}


def _write_either(value: Any, scalars: frozenset[type], texts: bool) -> Any:
    if type(value) in scalars:
        return value
    if texts and type(value) is tuple and all(type(each) is str for each in value):
        return list(value)
    raise InvalidValueError(f"{quote(value)} can be no such fact: give a text, a whole number, true or false.")


def _write_tagged(value: Any, writers: Mapping[type, Hook]) -> Any:
    write = writers.get(type(value))
    if write is None:
        raise InvalidValueError(
            f"The codec does not know {quote(type(value).__name__)} here: register a class of your own with it."
        )
    return write(value)


def _set_order(value: Any) -> Any:
    """Texts and numbers in their own order, anything else by its JSON."""
    return (0, value, "") if type(value) is int else (1, 0, value if type(value) is str else ENCODER.encode(value))


_WRITERS: Final[Mapping[type, Hook]] = {
    Decimal: _write_decimal,
    Fraction: str,
    datetime: format_instant,
    date: date.isoformat,
    time: time.isoformat,
    Amount: _write_amount,
}
