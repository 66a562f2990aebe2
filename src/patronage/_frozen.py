"""A small immutable mapping: equality, hash and pickle for values that hold a table."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Generic, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class FrozenMapping(Mapping[K, V], Generic[K, V]):
    """
    A mapping that cannot change, and that hashes where its values do.

    Equality ignores the order of the keys. Copying a dict beats persistent collections at the
    sizes met here (tens of keys), so `set` and `without` copy.
    """

    __slots__ = ("_hash", "_items")

    _items: dict[K, V]
    _hash: int  # Set when it is first asked for.

    def __init__(self, items: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        object.__setattr__(self, "_items", dict(items))

    @classmethod
    def owning(cls, items: dict[K, V]) -> FrozenMapping[K, V]:
        """Wraps a dict that the caller gives up; nothing is copied."""
        new: FrozenMapping[K, V] = _new(cls)
        _set_items(new, items)
        return new

    def thawed(self) -> dict[K, V]:
        """A dict of its own to change, with the same pairs."""
        return self._items.copy()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("A FrozenMapping cannot be changed.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("A FrozenMapping cannot be changed.")

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    # The next three are the mixin's, without its detours: they stand on the hot path.

    @overload
    def get(self, key: K, /) -> V | None: ...

    @overload
    def get(self, key: K, default: V | D, /) -> V | D: ...

    def get(self, key: K, default: V | D | None = None, /) -> V | D | None:
        """The value of *key*, or *default*."""
        return self._items.get(key, default)

    def items(self) -> ItemsView[K, V]:
        """A view of the pairs."""
        return self._items.items()

    def values(self) -> ValuesView[V]:
        """A view of the values."""
        return self._items.values()

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenMapping):
            return self._items == other._items
        return NotImplemented

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            object.__setattr__(self, "_hash", hash(frozenset(self._items.items())))
            return self._hash

    def __repr__(self) -> str:
        return f"FrozenMapping({self._items!r})"

    def __reduce__(self) -> tuple[type[FrozenMapping[K, V]], tuple[dict[K, V]]]:
        return FrozenMapping, (dict(self._items),)

    def set(self, key: K, value: V) -> FrozenMapping[K, V]:
        """The same mapping with *key* standing for *value*."""
        items = self._items.copy()
        items[key] = value
        return FrozenMapping.owning(items)

    def without(self, key: K) -> FrozenMapping[K, V]:
        """The same mapping without *key*."""
        items = self._items.copy()
        items.pop(key, None)
        return FrozenMapping.owning(items)


# Past the `__setattr__` that refuses: one look-up less for each of the mappings that a decision makes.
_new = object.__new__
_set_items = FrozenMapping.__dict__["_items"].__set__
