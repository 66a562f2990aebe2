"""JSON Schema (draft 2020-12) of documents, from the same table and the same shapes that read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from patronage.codec._limits import limit
from patronage.codec._shapes import (
    DOCUMENTS,
    STORED,
    Either,
    Keyed,
    Many,
    Maybe,
    OneOf,
    Row,
    Scalar,
    Table,
    Tagged,
    Tags,
)
from patronage.units import STEPS_LIMIT, Amount

Schema = dict[str, Any]

_NUMBER = r"-?[0-9]{1,30}(\.[0-9]{1,30})?"
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})$"
_STEPS: Final[Schema] = {
    "type": "object",
    "properties": {
        "steps": {"type": "integer", "exclusiveMinimum": -STEPS_LIMIT, "exclusiveMaximum": STEPS_LIMIT},
        "unit": {"type": "string", "minLength": 1},
    },
    "required": ["steps", "unit"],
    "additionalProperties": False,
}
_WRITTEN: Final[Schema] = {"type": "string", "pattern": rf"^{_NUMBER} [A-Za-z][A-Za-z0-9_.-]*$"}
_SCALARS: Final[Mapping[type, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Decimal: {"anyOf": [{"type": "string", "pattern": f"^{_NUMBER}$"}, {"type": "integer"}]},
    Fraction: {"anyOf": [{"type": "string", "pattern": f"^{_NUMBER}(/{_NUMBER})?$"}, {"type": "integer"}]},
    datetime: {"type": "string", "pattern": _INSTANT},
    date: {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    time: {"type": "string", "pattern": r"^[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?$"},
}


def schema_of(cls: Any, tags: Tags, newest: int) -> Schema:
    """The schema of a document of *cls*; every class that it can hold stands under `$defs`."""
    made = _Schemas(tags, newest, stored=cls in STORED)
    root = made.document(cls)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": dict(sorted(made.defs.items()))}


class _Schemas:
    def __init__(self, tags: Tags, newest: int, *, stored: bool) -> None:
        self._tags, self._newest, self._stored = tags, newest, stored
        self.defs: dict[str, Schema] = {}

    def document(self, annotation: Any) -> Schema:
        """A schema that stands at the top: with the format, written in place."""
        shape = self._tags.shape(annotation)
        if isinstance(shape, Tagged):
            return {"oneOf": [self._table(cls, top=True, tagged=True) for cls in shape.of.values()]}
        if isinstance(shape, Table):
            return self._table(shape.of, top=True)
        return self._of(annotation)

    def _of(self, annotation: Any) -> Schema:
        shape = self._tags.shape(annotation)
        match shape:
            case Scalar(of=of):
                return self._amount() if of is Amount else dict(_SCALARS[of])
            case OneOf(of=enum):
                return {"enum": [member.value for member in enum]}
            case Maybe(of=of):
                return {"anyOf": [self._of(of), {"type": "null"}]}
            case Either(of=kinds):
                return {"anyOf": [self._of(kind) for kind in kinds]}
            case Table(of=cls):
                return self._reference(cls, tagged=False)
            case Tagged(of=classes):
                return {"oneOf": [self._reference(cls, tagged=True) for cls in classes.values()]}
            case Many(of=of, as_set=as_set, most=most):
                made: Schema = {"type": "array", "items": self._of(of)}
                if as_set:
                    made["uniqueItems"] = True
                if most is not None:
                    made["maxItems"] = limit(most, self._stored)
                return made
            case Row(of=members):
                return {
                    "type": "array",
                    "prefixItems": [self._of(member) for member in members],
                    "items": False,
                    "minItems": len(members),
                }
            case Keyed(of=of):
                return {"type": "object", "additionalProperties": self._of(of)}

    def _amount(self) -> Schema:
        if "amount" not in self.defs:
            self.defs["amount"] = _STEPS if self._stored else {"anyOf": [_STEPS, _WRITTEN]}
        return {"$ref": "#/$defs/amount"}

    def _reference(self, cls: type, *, tagged: bool) -> Schema:
        name = cls.__name__ if tagged or self._tags.of_class.get(cls) is None else f"{cls.__name__}.untagged"
        if name not in self.defs:
            self.defs[name] = {}  # It may hold itself.
            self.defs[name] = self._table(cls, tagged=tagged)
        return {"$ref": f"#/$defs/{name}"}

    def _table(self, cls: type, *, top: bool = False, tagged: bool = False) -> Schema:
        properties: Schema = {}
        required: list[str] = []
        tag = self._tags.of_class.get(cls)
        if tag is not None:
            properties["type"] = {"const": tag}
            if tagged:
                required.append("type")
        if top and cls in DOCUMENTS:
            properties["format"] = {"type": "integer", "minimum": 0, "maximum": self._newest}
            if cls in STORED:
                required.append("format")
        for field in self._tags.fields(cls):
            made = self._of(field.annotation)
            if field.one_or_more:
                made = {"anyOf": [made, made["items"]]}
            properties[field.key] = made
            if field.required:
                required.append(field.key)
        return {
            "title": cls.__name__,
            "description": _first_line(cls),
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }


def _first_line(cls: type) -> str:
    """The first line of a class's docstring."""
    return (cls.__doc__ or "").strip().partition("\n")[0]
