"""
Offers as data: for whom, when, after which activation, how often, and what they give.

What an offer gives are rules of earning, or a goal; money off is a reward without a cost whose `when`
asks for the offer's right. `policies.offer` puts offers to work.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from patronage.challenges import Goal
from patronage.conditions import AllOf, Between, EventAttribute, condition_or_none
from patronage.errors import InvalidValueError, of_type, quote
from patronage.events import many, word
from patronage.fields import identifier_or_none, instant_or_none, whole, word_or_none
from patronage.occasions import Condition, names_of
from patronage.periods import LIFETIME, Period
from patronage.rules import Ceiling, Rule, ceilings, check_shared, name, name_or_none, rules_of
from patronage.terms_of_time import Term


@attrs.frozen(kw_only=True)
class Activation:
    """
    An offer counts once it is activated: by an activity of kind *activity*, from then for *lasts*.

    The activity names the offer in the attribute *attribute*; None: the kind alone says which it is.
    """

    activity: str = attrs.field(default="activate", converter=word)
    attribute: str | None = attrs.field(default="offer", converter=word_or_none)
    lasts: Term | None = None


@attrs.frozen(kw_only=True)
class UseLimit:
    """
    An offer can be used *uses* times *per* period (for life unless told): by each member, or by all.

    A use is an event for which it gave something. With *shared*, the id of a shared account, all
    members' uses are counted there, in *slices* if it is hot (see `Ceiling`). What a refund undoes
    can be used again, unless *room_back* is False.
    """

    name: str = attrs.field(converter=name)
    uses: int = attrs.field(validator=whole)
    per: Period = LIFETIME
    room_back: bool = attrs.field(default=True, validator=of_type(bool))
    shared: str | None = attrs.field(default=None, converter=identifier_or_none)
    slices: int = attrs.field(default=1, validator=whole)

    def __attrs_post_init__(self) -> None:
        check_shared(f"Limit {self.name}", self.shared, self.slices, self.uses, self.per)


def _limits(value: Iterable[UseLimit]) -> tuple[UseLimit, ...]:
    found = many(value)
    if not all(isinstance(limit, UseLimit) for limit in found):
        raise InvalidValueError(f"Limits of an offer are UseLimit, not {quote(value)}.")
    return found


@attrs.frozen(kw_only=True)
class Offer:
    """
    What *rules* give (a bonus, a rate, a multiplier of the policy's rules), or a *goal* to reach.

    It is for those of whom *audience* holds (a segment that the event states, a right, a level), from
    *start* and before *end*, and after its *activation*, if it has one. *limits* say how often it can be
    used, *ceilings* how much its rules may credit together, by member or in all (a budget).
    *replaces* names rules of the policy that give nothing where the offer counts: on its lines, where its
    rules have lines. *group* is that of its rules which have none.
    """

    name: str = attrs.field(converter=name)
    rules: tuple[Rule, ...] = attrs.field(default=(), converter=rules_of)
    goal: Goal | None = None
    audience: Condition | None = attrs.field(default=None, converter=condition_or_none)
    start: datetime | None = attrs.field(default=None, converter=instant_or_none)
    end: datetime | None = attrs.field(default=None, converter=instant_or_none)
    activation: Activation | None = None
    limits: tuple[UseLimit, ...] = attrs.field(default=(), converter=_limits)
    ceilings: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)
    replaces: tuple[str, ...] = attrs.field(default=(), converter=names_of)
    group: str | None = attrs.field(default=None, converter=name_or_none)

    def __attrs_post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise InvalidValueError(f"Offer {self.name} must end after it starts.")
        if bool(self.rules) == (self.goal is not None):
            raise InvalidValueError(f"Offer {self.name} gives by rules or by a goal: one of the two.")
        if self.goal is not None:
            if self.limits or self.ceilings or self.replaces or self.group is not None:
                raise InvalidValueError(
                    f"Offer {self.name} has a goal: how often it gives is the goal's, and it replaces nothing."
                )
            if self.goal.period is not None or self.goal.opened_by is not None:
                raise InvalidValueError(f"The goal of offer {self.name} has the offer's window, and none of its own.")
        if any(ceiling.of for ceiling in self.ceilings):
            raise InvalidValueError(f"The ceilings of offer {self.name} are of its rules: leave out what they are of.")

    @property
    def is_open(self) -> Condition | None:
        """The audience and the window, as one condition."""
        asked = [] if self.audience is None else [self.audience]
        if self.start is not None or self.end is not None:
            asked.append(Between(start=self.start, end=self.end))
        return None if not asked else asked[0] if len(asked) == 1 else AllOf(tuple(asked))

    @property
    def activated(self) -> Condition | None:
        """What an activation asks for."""
        activation = self.activation
        asked = [] if self.is_open is None else [self.is_open]
        if activation is not None and activation.attribute is not None:
            asked.append(EventAttribute(activation.attribute, (self.name,)))
        return None if not asked else AllOf(tuple(asked))


def offers_of(value: Iterable[Offer]) -> tuple[Offer, ...]:
    """Offers as a tuple, each with a name of its own."""
    found = many(value)
    if not found or not all(isinstance(offer, Offer) for offer in found):
        raise InvalidValueError(f"An offer policy has offers (Offer), not {quote(value)}.")
    if len({offer.name for offer in found}) < len(found):
        raise InvalidValueError("Two offers have one name.")
    return found
