"""
Phrases: from a code and its facts to a sentence that a support agent can read out.

A template is plain text in which `{name}` stands for a fact. What stands in square brackets is left
out where a fact that it names is missing, None, empty or False. A bracket or brace that is meant is
doubled. Facts are put in as text and never read as templates; nothing is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Union

import attrs

from patronage._frozen import FrozenMapping
from patronage.errors import InvalidValueError, quote
from patronage.periods import Calendar
from patronage.units import Amount, Unit

_TOKEN: Final = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{([a-z][a-z0-9_]*)\}|[\[\]{}]", re.ASCII)
_PLACES_MAX: Final = 6
_DOUBLED: Final = ("{{", "}}", "[[", "]]")


@attrs.frozen
class Figure:
    """An exact figure before rounding: *numerator* / *denominator* smallest steps of the unit *unit*."""

    numerator: int
    denominator: int
    unit: str


@attrs.frozen
class End:
    """An instant at which something is over: midnight is told as the end of the day before."""

    at: datetime


@attrs.frozen
class Clause:
    """A part of a sentence with a phrase of its own: a condition, a number of days."""

    code: str
    facts: FrozenMapping[str, Told] = FrozenMapping()


Told = Union[str, int, bool, None, Amount, Figure, datetime, End, Clause, "tuple[Told, ...]"]
"""What an explanation states: a text, a number, an amount, an instant, a clause, or several of them."""

_Piece = tuple[str, str | None]
"""A piece of a template: its text, and the fact it stands for (None: plain text)."""


def parsed(code: str, template: str) -> tuple[tuple[bool, tuple[_Piece, ...]], ...]:
    """The sections of a template, each optional or not. Raises InvalidValueError where brackets do not match."""
    if not isinstance(template, str):
        raise InvalidValueError(f"The phrase for {quote(code)} must be a str, not {quote(template)}.")
    sections: list[tuple[bool, tuple[_Piece, ...]]] = []
    pieces: list[_Piece] = []
    optional, start = False, 0
    for found in _TOKEN.finditer(template):
        if found.start() > start:
            pieces.append((template[start : found.start()], None))
        start, token, name = found.end(), found.group(), found.group(1)
        if name is not None:
            pieces.append(("", name))
        elif token in _DOUBLED:
            pieces.append((token[0], None))
        elif (token == "[" and not optional) or (token == "]" and optional):
            sections.append((optional, tuple(pieces)))
            pieces, optional = [], not optional
        else:
            raise InvalidValueError(
                f"The phrase for {quote(code)} has a {token!r} that matches nothing: write facts as {{name}}, optional "
                "parts in one pair of [ ], and double a bracket that is meant."
            )
    if optional:
        raise InvalidValueError(f"The phrase for {quote(code)} opens a '[' that it does not close.")
    if start < len(template):
        pieces.append((template[start:], None))
    sections.append((False, tuple(pieces)))
    return tuple(sections)


def _table(value: Mapping[str, str]) -> FrozenMapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(code, str) and code for code in value):
        raise InvalidValueError(f"Phrases are a mapping from codes to templates, not {quote(value)}.")
    for code, template in value.items():
        parsed(code, template)
    return FrozenMapping(value)


@attrs.frozen
class Phrases(Mapping[str, str]):
    """
    A table of phrases: code to template. Immutable; `replacing` gives another one.

    Raises InvalidValueError for a template whose brackets do not match.
    """

    table: FrozenMapping[str, str] = attrs.field(converter=_table)

    def replacing(self, phrases: Mapping[str, str]) -> Phrases:
        """The same phrases with some replaced, and with those for codes of one's own added."""
        return Phrases({**self.table, **phrases})

    def __getitem__(self, code: str) -> str:
        return self.table[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self.table)

    def __len__(self) -> int:
        return len(self.table)


@attrs.frozen(eq=False)
class Voice:
    """Phrases with what it takes to say amounts and instants: the units by code, and the calendar."""

    phrases: Phrases
    units: Mapping[str, Unit]
    calendar: Calendar

    def say(self, code: str, facts: Mapping[str, Told], *others: str) -> str:
        """The phrase for *code*, else for the first of *others* that there is, with the facts put in."""
        known = next((each for each in (code, *others) if each in self.phrases.table), None)
        if known is None:
            return self._plainly(code, facts)
        said = []
        for optional, pieces in parsed(known, self.phrases.table[known]):
            if optional and any(name is not None and not self._stated(facts.get(name)) for _, name in pieces):
                continue
            said.extend(text if name is None else self.text(facts.get(name, "?")) for text, name in pieces)
        return "".join(said)

    def _plainly(self, code: str, facts: Mapping[str, Told]) -> str:
        """A code that the table has no phrase for, as it is."""
        told = ", ".join(f"{key} {self.text(fact)}" for key, fact in facts.items() if self._stated(fact))
        return f"{code} ({told})" if told else code

    @staticmethod
    def _stated(fact: Told) -> bool:
        """Whether a fact says something: None, False, nothing at all do not; 0 does."""
        return fact is not None and fact is not False and fact != "" and fact != ()

    def text(self, fact: Told) -> str:
        """A fact as it stands in a sentence."""
        if isinstance(fact, Amount):
            return self.amount(fact.steps, fact.unit)
        if isinstance(fact, Figure):
            return self._figure(fact)
        if isinstance(fact, End):
            return self._end(fact.at)
        if isinstance(fact, datetime):
            return self._instant(fact)
        if isinstance(fact, Clause):
            return self.say(fact.code, fact.facts, fact.code.partition(".")[0] + ".other")
        if isinstance(fact, tuple):
            return self._several([self.text(each) for each in fact])
        if isinstance(fact, bool):
            return self._word("yes" if fact else "no")
        return "" if fact is None else str(fact)

    def amount(self, steps: int, code: str) -> str:
        """An amount with its unit's decimals: `1.50 USD`."""
        unit = self.units.get(code)
        return f"{steps} {code}" if unit is None else f"{unit.digits(steps)} {unit.code}"

    def _figure(self, figure: Figure) -> str:
        """An exact figure: all its decimals where there are few, else about."""
        unit = self.units.get(figure.unit)
        decimals = 0 if unit is None else unit.decimals
        denominator = figure.denominator * 10**decimals
        scaled, rest = divmod(abs(figure.numerator) * 10**_PLACES_MAX, denominator)
        whole, part = divmod(scaled, 10**_PLACES_MAX)
        digits = f"{part:0{_PLACES_MAX}d}".rstrip("0").ljust(decimals, "0")
        number = ("-" if figure.numerator < 0 else "") + (f"{whole}.{digits}" if digits else str(whole))
        told = f"{number} {figure.unit if unit is None else unit.code}"
        return self.say("word.about", {"figure": told}) if rest else told

    def _word(self, name: str) -> str:
        return self.say(f"word.{name}", {})

    def _several(self, told: list[str]) -> str:
        if len(told) < 2:
            return "".join(told)
        return self.say("word.and", {"first": ", ".join(told[:-1]), "last": told[-1]})

    def _date(self, local: datetime) -> str:
        facts: dict[str, Told] = {
            "day": local.day,
            "month": self._word(f"month_{local.month}"),
            "month_number": f"{local.month:02d}",
            "day_number": f"{local.day:02d}",
            "year": local.year,
        }
        return self.say("word.date", facts)

    def _instant(self, at: datetime) -> str:
        local = self.calendar.local(at)
        if at == self.calendar.start_of_day(self.calendar.day(at)):
            return self._date(local)
        time = f"{local.hour:02d}:{local.minute:02d}"
        if local.second or local.microsecond:
            time += f":{local.second:02d}"
        return self.say("word.instant", {"date": self._date(local), "time": time})

    def _end(self, at: datetime) -> str:
        if at != self.calendar.start_of_day(self.calendar.day(at)):
            return self._instant(at)
        before = self.calendar.local(at - timedelta(microseconds=1))
        return self.say("word.end_of_day", {"date": self._date(before)})


def number_text(number: Decimal) -> str:
    """A decimal as people write it, without an exponent."""
    return f"{number:f}"
