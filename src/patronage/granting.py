"""
Rights that a fact gives or ends: an offer activated, a campaign entered, a birthday set, a link cut.

A rule of rights answers a purchase, an enrolment or an activity. What a purchase gave is taken again
when, decided without what came back, it would not give it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from patronage.conditions import condition_or_none, reads_of
from patronage.errors import InvalidValueError, of_type, quote
from patronage.events import Activity, Enrolment, Event, Purchase, many, word
from patronage.fields import word_or_none
from patronage.ledger import reason
from patronage.occasions import Condition, Effect, Give, Occasion, Read, Revoke
from patronage.rules import On, name
from patronage.terms_of_time import Term

BY_RULE = reason("given")


def _uses(_: object, field: attrs.Attribute[int | None], value: int | None) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise InvalidValueError(f"{field.name} must be a whole number of at least 1, not {quote(value)}.")


@attrs.frozen(kw_only=True)
class GrantRule:
    """
    Gives a right to *key* for what happens: an activity of kind *activity*, an enrolment, a purchase.

    Its value is *value*, or what the event states as the attribute *value_from* (an event that does not
    state it gives nothing). It *lasts* for a term, with *uses* if told. Given again it extends to the
    later end; with *replaces* the others under its key end first, so that one is held at a time (a
    birthday, the charity chosen). *when* is asked about the event and member.
    """

    name: str = attrs.field(converter=name)
    key: str = attrs.field(converter=word)
    on: On = On.ACTIVITY
    activity: str | None = attrs.field(default=None, converter=word_or_none)
    value: str | None = attrs.field(default=None, converter=word_or_none)
    value_from: str | None = attrs.field(default=None, converter=word_or_none)
    lasts: Term | None = None
    uses: int | None = attrs.field(default=None, validator=_uses)
    replaces: bool = attrs.field(default=False, validator=of_type(bool))
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)

    def __attrs_post_init__(self) -> None:
        _check_activity(f"The right {self.name}", self.on, self.activity)
        if self.value is not None and self.value_from is not None:
            raise InvalidValueError(f"The right {self.name} has a value, or takes one from the event, not both.")

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """The right, if the event gives it."""
        value = self.value
        if self.value_from is not None:
            stated = getattr(occasion.event, "attributes", {}).get(self.value_from)
            if stated is None:
                return
            value = word(str(stated).lower() if isinstance(stated, bool) else str(stated))
        if self.replaces and occasion.grants(self.key):
            yield Revoke(key=self.key, rule=self.name)
        yield Give(key=self.key, value=value, lasts=self.lasts, uses=self.uses, rule=self.name, why=BY_RULE)


@attrs.frozen(kw_only=True)
class RevokeRule:
    """Ends the rights under *key* (and *value*) for what happens: an offer given up, an account unlinked."""

    name: str = attrs.field(converter=name)
    key: str = attrs.field(converter=word)
    on: On = On.ACTIVITY
    activity: str | None = attrs.field(default=None, converter=word_or_none)
    value: str | None = attrs.field(default=None, converter=word_or_none)
    when: Condition | None = attrs.field(default=None, converter=condition_or_none)

    def __attrs_post_init__(self) -> None:
        _check_activity(f"The end {self.name}", self.on, self.activity)

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """The end of what is held."""
        if occasion.grants(self.key, self.value):
            yield Revoke(key=self.key, value=self.value, rule=self.name)


RightRule = GrantRule | RevokeRule


def _check_activity(what: str, on: On, activity: str | None) -> None:
    if not isinstance(on, On):
        raise InvalidValueError(f"{what} answers a member of On, not {quote(on)}.")
    if (on is On.ACTIVITY) != (activity is not None):
        raise InvalidValueError(f"{what} names the kind of activity that it answers, if it answers one.")


def rights_of(value: Iterable[RightRule]) -> tuple[RightRule, ...]:
    """Rules of rights as a tuple, each with a name of its own."""
    found = many(value)
    if not all(isinstance(rule, GrantRule | RevokeRule) for rule in found):
        raise InvalidValueError(f"Rights are given by GrantRule and ended by RevokeRule, not by {quote(value)}.")
    if len({rule.name for rule in found}) < len(found):
        raise InvalidValueError("Two rules of rights have one name.")
    return found


_EVENTS: dict[On, type[Event]] = {On.PURCHASE: Purchase, On.ENROLMENT: Enrolment, On.ACTIVITY: Activity}


def rights_given(rules: Sequence[RightRule], occasion: Occasion) -> list[Effect]:
    """What the rules give and end for an event, in their order."""
    event, effects = occasion.event, list[Effect]()
    for rule in rules:
        if type(event) is not _EVENTS[rule.on] or (isinstance(event, Activity) and event.kind != rule.activity):
            continue
        if rule.when is None or rule.when.holds(occasion, None):
            effects.extend(rule.effects(occasion))
    return effects


def reads_of_rights(rules: Sequence[RightRule]) -> tuple[Read, ...]:
    """The balances that their conditions read."""
    return tuple(read for rule in rules for read in reads_of(rule.when))
