"""
A cart being discounted: what is left of its lines, their units by price, and exact sums spread to the step.

Units are counted in runs (a line's whole units have one price), never one by one: a quantity may be large.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Protocol

import attrs

from patronage._frozen import FrozenMapping
from patronage.events import Line, LineKind
from patronage.ledger import Benefit, BenefitKind, Refusal, RejectionCode
from patronage.occasions import Condition
from patronage.rewards.base import Request, refuse
from patronage.units import Rounding, build_amount, round_to_steps


@attrs.frozen
class Units:
    """Whole units of one line: its place in the cart, the exact price of one (in steps), and how many."""

    place: int
    price: Fraction
    count: int


class Cart:
    """
    The lines of a request's cart with what is left of each, for a reward that takes something off.

    *times* is how often the reward applies. What it takes off is told as benefits, each on what those
    before it left.
    """

    __slots__ = ("_choices", "left", "lines", "request", "reward", "times")

    def __init__(self, request: Request, reward: str, times: int) -> None:
        self.request, self.reward, self.times = request, reward, times
        self.lines: Sequence[Line] = request.cart
        self.left = [line.total.steps for line in request.cart]
        self._choices = list(request.choices)

    @property
    def unchosen(self) -> Sequence[str]:
        """What the request chose and nothing offered so far."""
        return self._choices

    def matching(self, lines: Condition | None, kinds: Sequence[LineKind]) -> list[int]:
        """The places of the lines of *kinds* for which *lines* holds."""
        occasion = self.request.occasion
        return [
            place
            for place, line in enumerate(self.lines)
            if line.kind in kinds and (lines is None or lines.holds(occasion, line))
        ]

    def units(self, places: Iterable[int]) -> list[Units]:
        """The whole units of those lines at the price that is left, in order of the cart; a part of a unit is none."""
        found = []
        for place in places:
            quantity = Fraction(self.lines[place].quantity)
            if self.left[place] and quantity >= 1:
                found.append(Units(place, self.left[place] / quantity, int(quantity)))
        return found

    def before(self, place: int, kinds: Sequence[str]) -> int:
        """What a line cost before the discounts of those kinds, in steps."""
        line = self.lines[place]
        return self.left[place] + sum(d.total.steps for d in line.discounts if d.kind in kinds)

    def choose(self, offered: Sequence[str]) -> str | Refusal:
        """The one of *offered* that the request chose; the only one."""
        named = [choice for choice in self._choices if choice in offered]
        if not named and len(offered) == 1:
            return offered[0]
        if not named:
            return refuse(RejectionCode.WRONG_CHOICE, reward=self.reward, offered=tuple(offered))
        self._choices.remove(named[0])
        return named[0]

    def take_off(
        self, exact: Sequence[tuple[int, Fraction]], *, most: int | None = None, rounding: Rounding = Rounding.HALF_UP
    ) -> Benefit | None:
        """
        Money off of exactly so many steps of each line (by place), at most *most* and what is left, in whole steps.

        The sum is rounded once and spread by largest remainder. None where it comes to nothing.
        """
        wanted: dict[int, Fraction] = {}
        for place, steps in exact:
            wanted[place] = min(wanted.get(place, Fraction(0)) + steps, Fraction(self.left[place]))
        whole = sum(wanted.values(), Fraction(0))
        total = min(round_to_steps(whole, rounding), sum(self.left[place] for place in wanted))
        if most is not None:
            total = min(total, most)
        if total <= 0:
            return None
        scale = Fraction(total) / whole if total < whole else Fraction(1)
        shares = {place: int(steps * scale) for place, steps in wanted.items()}
        odd = total - sum(shares.values())
        by_remainder = sorted(wanted, key=lambda place: (shares[place] - wanted[place] * scale, place))
        while odd > 0:
            for place in by_remainder:
                if odd and shares[place] < self.left[place]:
                    shares[place] += 1
                    odd -= 1
        for place, share in shares.items():
            self.left[place] -= share
        unit = self.lines[0].total.unit
        ids = {self.lines[place].id or "": steps for place, steps in sorted(shares.items()) if steps}
        amount = build_amount(total, unit)
        return Benefit(BenefitKind.MONEY_OFF, self.reward, amount, self.times, FrozenMapping(ids))


class CartGift(Protocol):
    """
    What a CartReward gives on a cart: a caller's own is any frozen object with this method.

    `Cart.take_off` gives the benefit of money off, spread over the lines to the step.
    """

    def on(self, cart: Cart) -> tuple[Benefit, ...] | Refusal:
        """The benefits on what is left of the cart, perhaps none; or why not."""
        ...
