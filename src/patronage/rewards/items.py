"""Discounts on units: the cheapest free, every n-th at a discount, a set at a price, an amount off each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction

import attrs

from patronage.base import line_kinds
from patronage.conditions import condition_or_none
from patronage.errors import InvalidValueError
from patronage.events import LineKind
from patronage.fields import not_negative, whole
from patronage.ledger import Benefit, Refusal
from patronage.occasions import Condition
from patronage.rewards.base import GOODS, share_or_none
from patronage.rewards.carts import Cart, Units
from patronage.rewards.discounts import nothing, other_money
from patronage.units import Amount, Rounding


class Pick(Enum):
    """Which units are discounted: the cheapest, the dearest, or of each group, dearest first, the cheapest."""

    CHEAPEST = "cheapest"
    DEAREST = "dearest"
    IN_TURN = "in_turn"


def _share(value: str | int | Decimal | Fraction) -> Fraction:
    share = share_or_none(value)
    assert share is not None
    return share


def _dearest_first(units: Sequence[Units]) -> list[Units]:
    return sorted(units, key=lambda each: (-each.price, each.place))


def _first(units: Sequence[Units], count: int) -> Iterator[Units]:
    """The first *count* units of the runs, in order."""
    for run in units:
        if not count:
            return
        part = min(run.count, count)
        count -= part
        yield run if part == run.count else attrs.evolve(run, count=part)


@attrs.frozen(kw_only=True)
class ItemsOff:
    """
    *share* (all of it, unless told) off *units* of the units that match: the cheapest one free.

    With *of* it is so many of every *of*: of two the second at half price, of three the third free.
    Without, so many each time. *pick* says which: of all that match the cheapest or the dearest, or in
    turn: sorted dearest first and cut into groups of *of*, the cheapest of each whole group. At most
    *units_max* in all.
    """

    units: int = attrs.field(default=1, validator=whole)
    of: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))
    share: Fraction = attrs.field(default=Fraction(1), converter=_share)
    pick: Pick = Pick.CHEAPEST
    units_max: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=GOODS, converter=line_kinds)
    rounding: Rounding = Rounding.HALF_UP

    def __attrs_post_init__(self) -> None:
        if self.of is None and self.pick is Pick.IN_TURN:
            raise InvalidValueError("Units in turn are so many of every so many: give *of*.")
        if self.of is not None and self.of < self.units:
            raise InvalidValueError(f"There cannot be {self.units} units off of every {self.of}.")

    def on(self, cart: Cart) -> tuple[Benefit, ...] | Refusal:
        """The money off the units that are picked."""
        runs = cart.units(cart.matching(self.lines, self.kinds))
        if not runs:
            return nothing(cart)
        if self.of is not None and self.pick is Pick.IN_TURN:
            picked = list(self._in_turn(_dearest_first(runs), self.of))
        else:
            count = self.units * cart.times
            if self.of is not None:
                count = sum(run.count for run in runs) // self.of * self.units
            if self.units_max is not None:
                count = min(count, self.units_max)
            cheapest = sorted(runs, key=lambda each: (each.price, each.place))
            picked = list(_first(cheapest if self.pick is Pick.CHEAPEST else _dearest_first(runs), count))
        off = cart.take_off([(run.place, run.price * run.count * self.share) for run in picked], rounding=self.rounding)
        return () if off is None else (off,)

    def _in_turn(self, runs: Sequence[Units], of: int) -> Iterator[Units]:
        """The last *units* of each whole group of *of*, counted through the runs."""
        end = sum(run.count for run in runs) // of * of
        left, start = self.units_max, 0
        for run in runs:
            stop = min(start + run.count, end)
            count = self._counted(stop, of) - self._counted(start, of) if stop > start else 0
            if left is not None:
                count = min(count, left)
                left -= count
            start += run.count
            if count:
                yield attrs.evolve(run, count=count)

    def _counted(self, position: int, of: int) -> int:
        """How many of the units before a position are discounted."""
        groups, rest = divmod(position, of)
        return groups * self.units + max(0, rest - (of - self.units))


@attrs.frozen(kw_only=True)
class AmountOffItems:
    """*first* off the first unit that matches and *more* off each further one, dearest first, at most *units_max*."""

    first: Amount = attrs.field(validator=not_negative)
    more: Amount = attrs.field(validator=not_negative)
    units_max: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=GOODS, converter=line_kinds)

    def __attrs_post_init__(self) -> None:
        if self.first.unit != self.more.unit:
            raise InvalidValueError("What is off the first unit and off each further one is in one currency.")

    def on(self, cart: Cart) -> tuple[Benefit, ...] | Refusal:
        """The money off, of no unit more than it costs."""
        wrong = other_money(cart, self.first)
        if wrong is not None:
            return wrong
        runs = cart.units(cart.matching(self.lines, self.kinds))
        if not runs:
            return nothing(cart)
        count = sum(run.count for run in runs) if self.units_max is None else self.units_max
        exact: list[tuple[int, Fraction]] = []
        for run in _first(_dearest_first(runs), count):
            further = run.count
            if not exact:
                exact.append((run.place, min(Fraction(self.first.steps), run.price)))
                further -= 1
            exact.append((run.place, min(Fraction(self.more.steps), run.price) * further))
        off = cart.take_off(exact)
        return () if off is None else (off,)


@attrs.frozen(kw_only=True)
class SetPrice:
    """
    Each set of *units* that match costs *price*: three for 20.00, any unit for 5.00.

    The dearest units make the first set. There are as many sets as whole ones fit, at most *sets_max*;
    a set that costs no more than *price* is left alone. The *price* includes tax, unless *tax* is
    False: then each unit costs it and the line's tax on top, and a set is one unit.
    """

    price: Amount = attrs.field(validator=not_negative)
    units: int = attrs.field(default=1, validator=whole)
    sets_max: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole))
    tax: bool = attrs.field(default=True, validator=attrs.validators.instance_of(bool))
    lines: Condition | None = attrs.field(default=None, converter=condition_or_none)
    kinds: tuple[LineKind, ...] = attrs.field(default=GOODS, converter=line_kinds)
    rounding: Rounding = Rounding.HALF_UP

    def __attrs_post_init__(self) -> None:
        if not self.tax and self.units > 1:
            raise InvalidValueError("A price before tax is one unit's: lines of a set may have different taxes.")

    def on(self, cart: Cart) -> tuple[Benefit, ...] | Refusal:
        """What the sets cost more than their price."""
        wrong = other_money(cart, self.price)
        if wrong is not None:
            return wrong
        runs = _dearest_first(cart.units(cart.matching(self.lines, self.kinds)))
        if sum(run.count for run in runs) < self.units:
            return nothing(cart)
        exact: list[tuple[int, Fraction]] = []
        for members, times in self._sets(runs):
            cost = sum((run.price * run.count for run in members), Fraction(0))
            saved = cost - self._price(cart, members[0].place)
            if saved > 0:
                exact += [(run.place, saved * run.price * run.count / cost * times) for run in members]
        off = cart.take_off(exact, rounding=self.rounding)
        return () if off is None else (off,)

    def _sets(self, runs: Sequence[Units]) -> Iterator[tuple[list[Units], int]]:
        """The sets, and how often each: whole sets of one run at once, and those that cross runs."""
        left = sum(run.count for run in runs) // self.units
        if self.sets_max is not None:
            left = min(left, self.sets_max)
        begun: list[Units] = []
        lacking = self.units
        more = iter(runs)  # There are units enough for every set: the last set ends before they do.
        while left:
            run = next(more)
            count = run.count
            if begun:
                part = min(lacking, count)
                begun.append(attrs.evolve(run, count=part))
                count, lacking = count - part, lacking - part
                if lacking:
                    continue
                yield begun, 1
                begun, lacking, left = [], self.units, left - 1
            whole_sets = min(count // self.units, left)
            if whole_sets:
                yield [attrs.evolve(run, count=self.units)], whole_sets
                left, count = left - whole_sets, count - whole_sets * self.units
            if count:
                begun, lacking = [attrs.evolve(run, count=count)], self.units - count

    def _price(self, cart: Cart, place: int) -> Fraction:
        """The price of a set, with the tax of the line where it comes on top."""
        line = cart.lines[place]
        if self.tax or line.tax is None or line.tax.steps >= line.total.steps:
            return Fraction(self.price.steps)
        return Fraction(self.price.steps * line.total.steps, line.total.steps - line.tax.steps)
