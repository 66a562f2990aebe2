"""An account at an instant: the only way to read balances, what is pending, reserved, owed or about to expire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import attrs

from patronage.errors import InvalidValueError, quote
from patronage.ledger import DEBT, Account, Grant, Lot
from patronage.periods import Calendar
from patronage.reaching import BoundThreshold
from patronage.state import State, lot_end
from patronage.terms import BoundTerms
from patronage.thresholds import GiveGrant
from patronage.units import Amount, Unit


@attrs.frozen
class Holding:
    """One unit of a standing, in steps: *available* is below zero where there is a debt."""

    unit: Unit
    available: Amount
    pending: Amount
    reserved: Amount
    debt: Amount

    def __str__(self) -> str:
        return self.unit.text(self.available)


@attrs.frozen
class Progress:
    """
    How far an account is from what a threshold gives: *missing* more of its unit reaches it, before *by*.

    *threshold* is its name, *level* the value of the right that it gives, if it gives one. What is
    reached misses nothing. *by* None: whenever.
    """

    threshold: str
    level: str | None
    have: Amount
    goal: Amount
    missing: Amount
    by: datetime | None


@attrs.frozen(eq=False)
class Standing:
    """
    An account at *now*, after all that time did until then. Made by `Program.at`.

    `standing[points]` is a Holding; `available`, `pending`, `reserved`, `debt` give single figures,
    of one label or of all. `level` and `progress` read the terms in force.
    """

    state: State
    now: datetime
    units: tuple[Unit, ...]
    calendar: Calendar
    terms: BoundTerms

    @property
    def account(self) -> Account:
        """Whose it is."""
        return self.state.account

    def __getitem__(self, unit: Unit) -> Holding:
        return Holding(unit, self.available(unit), self.pending(unit), self.reserved(unit), self.debt(unit))

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """One for each unit of the program."""
        return tuple(self[unit] for unit in self.units)

    def available(self, unit: Unit, label: str | None = None) -> Amount:
        """What can be spent now (less debt); under *label* where given, else under all labels."""
        return _sum(unit, self._of(unit, label), lambda lot: lot.reserved_for is None)

    def pending(self, unit: Unit, label: str | None = None) -> Amount:
        """What is credited and not yet available."""
        lots = [lot for lot in self.state.pending if lot.unit == unit.code and (label is None or lot.label == label)]
        return _sum(unit, lots, lambda lot: True)

    def reserved(self, unit: Unit, label: str | None = None) -> Amount:
        """What reservations hold."""
        return _sum(unit, self._of(unit, label), lambda lot: lot.reserved_for is not None)

    def debt(self, unit: Unit, label: str | None = None) -> Amount:
        """What is owed to the program, as a figure above zero."""
        return -_sum(unit, self._of(unit, label), lambda lot: lot.source == DEBT)

    def labels(self, unit: Unit) -> Mapping[str | None, Amount]:
        """The available balance under each label."""
        found: dict[str | None, Amount] = {}
        for lot in self._of(unit, None):
            if lot.reserved_for is None:
                found[lot.label] = found.get(lot.label, unit.steps(0)) + lot.amount
        return found

    def lots(self, unit: Unit) -> tuple[Lot, ...]:
        """The lots that can be spent, in spending order."""
        return tuple(lot for lot in self._of(unit, None) if lot.reserved_for is None and lot.steps > 0)

    def expiring(self, unit: Unit, before: datetime) -> tuple[Lot, ...]:
        """The lots that will end before an instant if nothing else happens, the first to end first."""
        ends = []
        for lot in (*self._of(unit, None), *(lot for lot in self.state.pending if lot.unit == unit.code)):
            end = lot_end(lot, self.state.grants, self.calendar)
            ending = [] if end is None else [end]
            if lot.validity.needs is not None:
                untils = [grant.valid_until for grant in self.grants(lot.validity.needs)]
                dated = [until for until in untils if until is not None]
                if dated and len(dated) == len(untils):
                    ending.append(max(dated))
            if ending and min(ending) < before and lot.steps > 0:
                ends.append((min(ending), lot))
        return tuple(lot for _, lot in sorted(ends, key=lambda pair: pair[0]))

    def grants(self, key: str | None = None) -> tuple[Grant, ...]:
        """The grants in force, of *key* where given."""
        return tuple(
            grant for grant in self.state.grants if (key is None or grant.key == key) and grant.in_force(self.now)
        )

    def level(self, ladder: str = "tier") -> str | None:
        """The level on a tier policy's ladder. Raises InvalidValueError where the terms have none of that name."""
        levels = self.terms.ladders.get(ladder)
        if levels is None:
            raise InvalidValueError(f"The terms have no tier policy called {quote(ladder)}.")
        return levels.highest(self.state.grants, self.now)

    def progress(self, policy: str = "tier") -> tuple[Progress, ...]:
        """How far the account is from each threshold of a policy that has a figure, in their order."""
        found = []
        for watcher in self._watchers(policy):
            goal = watcher.threshold.goal
            if goal is None:
                continue
            unit = next(unit for unit in self.units if unit.code == goal.unit)
            label = None if watcher.threshold.all_labels else watcher.threshold.label
            lots = [lot for lot in self._of(unit, None) if watcher.threshold.all_labels or lot.label == label]
            have = _sum(unit, lots, lambda lot: lot.reserved_for is None)
            more = 0 if watcher.threshold.more_than is None else 1
            missing = unit.steps(max(0, goal.steps + more - have.steps))
            level = next((gift.value for gift in watcher.threshold.gives if isinstance(gift, GiveGrant)), None)
            by = watcher.end(self.now, self.calendar, self.state.grants)
            found.append(Progress(watcher.name, level, have, goal, missing, by))
        return tuple(found)

    def _watchers(self, policy: str) -> list[BoundThreshold]:
        bound = next((each for each in self.terms.policies if each.name == policy), None)
        if bound is None:
            raise InvalidValueError(f"The terms have no policy called {quote(policy)}.")
        return [watcher for watcher in bound.watchers if isinstance(watcher, BoundThreshold)]

    def _of(self, unit: Unit, label: str | None) -> Iterable[Lot]:
        return [lot for lot in self.state.lots.get(unit.code, ()) if label is None or lot.label == label]


def _sum(unit: Unit, lots: Iterable[Lot], counts: object) -> Amount:
    assert callable(counts)
    return unit.steps(sum(lot.steps for lot in lots if counts(lot)))
