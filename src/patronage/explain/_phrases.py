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
from patronage.explain._phrases_dividends import DIVIDENDS
from patronage.explain._refusals import REFUSALS
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


@attrs.frozen
class Either:
    """Several facts of which one is enough."""

    of: tuple[Told, ...]


Told = Union[str, int, bool, None, Amount, Figure, datetime, End, Clause, Either, "tuple[Told, ...]"]
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
        said: list[str] = []
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
        return fact is not None and fact is not False and fact not in ("", ())

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
            return self._several([self.text(each) for each in fact], "word.and")
        if isinstance(fact, Either):
            return self._several([self.text(each) for each in fact.of], "word.or")
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

    def _several(self, told: list[str], code: str) -> str:
        if len(told) < 2:
            return "".join(told)
        return self.say(code, {"first": ", ".join(told[:-1]), "last": told[-1]})

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


ENGLISH: Final = Phrases(
    {
        **DIVIDENDS,
        # Words.
        "word.and": "{first} and {last}",
        "word.or": "{first} or {last}",
        "word.about": "about {figure}",
        "word.date": "{day} {month} {year}",
        "word.instant": "{date} at {time}",
        "word.end_of_day": "the end of {date}",
        "word.yes": "yes",
        "word.no": "no",
        **{
            f"word.month_{n}": month
            for n, month in enumerate(
                (
                    "January",
                    "February",
                    "March",
                    "April",
                    "May",
                    "June",
                    "July",
                    "August",
                    "September",
                    "October",
                    "November",
                    "December",
                ),
                1,
            )
        },
        **{
            f"word.day_{n}": day
            for n, day in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))
        },
        "word.floor": "down",
        "word.ceiling": "up",
        "word.half_up": "to the nearest, halves up",
        "word.half_even": "to the nearest, halves to even",
        "word.half_down": "to the nearest, halves down",
        "word.purchase": "a purchase",
        "word.enrolment": "an enrolment",
        "word.activity": "an activity",
        "word.count": "{count} {of}",
        "word.items": "items",
        "word.share": "{amount} on line {line}",
        "word.nothing": "nothing",
        "word.closed_kind": "it is no plain fact",
        "word.closed_terms": "other terms are in force",
        "word.closed_time": "a right has changed since, or something has ended",
        "word.closed_balances": "its rules read balances that have changed since",
        "word.closed_period": "a period that it counts in is over",
        "word.closed_effects": "it gives or takes what later events would have seen",
        "term.hours": "{n} hours",
        "term.days": "{n} days",
        "term.business_days": "{n} business days",
        "term.weeks": "{n} weeks",
        "term.months": "{n} months",
        "term.years": "{n} years",
        "term.other": "their time",
        # What happened.
        "event.purchase": "Purchase {event} on {at}: {total}.",
        "event.enrolment": "Enrolment {event} on {at}.",
        "event.activity": "Activity {kind} on {at} ({event}), counted {count} times.",
        "event.activity_once": "Activity {kind} on {at} ({event}).",
        "event.refund": "Refund {event} of purchase {about} on {at}[: {total}].",
        "event.redemption": "Redemption {event} of reward {reward} on {at}.",
        "event.reservation": "Reservation {event} of reward {reward} on {at}[, until {lapses_at}].",
        "event.capture": "Capture {event} of reservation {about} on {at}.",
        "event.release": "Release {event} of reservation {about} on {at}.",
        "event.cancellation": "Cancellation {event} of {about} on {at}.",
        "event.confirmation": "Confirmation {event} of {about} on {at}.",
        "event.adjustment": "Adjustment {event} by {actor} on {at}: {amount}, for {why}.",
        "event.statusgrant": "Status {key}[ {value}] given by {actor} on {at} ({event}), for {why}.",
        "event.statusend": "Status {key}[ {value}] ended by {actor} on {at} ({event}), for {why}.",
        "event.membershipstarted": "Membership {policy} of plan {plan} started on {at} ({event}).",
        "event.membershiprenewed": "Membership {policy} renewed on {at} ({event}).",
        "event.membershipchanged": "Membership {policy} changed to plan {plan} on {at} ({event}).",
        "event.membershipcancelled": "Membership {policy} cancelled on {at} ({event}).",
        "event.charitychosen": "Charity[ {charity}] chosen in policy {policy} on {at} ({event}).",
        "event.partnerlinked": "Account at partner {partner} linked on {at} ({event}).",
        "event.partnerunlinked": "Account at partner {partner} no longer linked from {at} on ({event}).",
        "event.partnerwindow": "A {window} reported on {at} ({event}): from {starts_at} until {ends_at}.",
        "event.ratedeclared": "Rate of rule {rule} of policy {policy} declared on {at}: {credit} per {per}.",
        "event.counterpart": "What event {of} of {member}, on {at}, did to this account.",
        "event.followedup": "What policy {policy} gives in all for[ {of} of] {member}, told on {at}.",
        "event.referralclaimed": "Referral by {referrer} claimed on {at} ({event}), for policy {policy}.",
        "event.gift": "Gift {event} of {amount} to {to} on {at}[, for {why}].",
        "event.merge": "Merge {event} by {actor} on {at}: this account into that of {into}, for {why}.",
        "event.accountclosed": "Account closed ({event}) by {actor} on {at}, for {why}.",
        "event.pooljoined": "Pool {pool} joined ({event}) on {at}.",
        "event.contribution": "Contribution {event} of {amount} to pool {pool} on {at}.",
        "event.poolleft": "Pool {pool} left ({event}) on {at}.",
        "event.openingbalance": "Opening balance {event} by {actor} on {at}, for {why}.",
        "event.rerated": "What arrival in order would have come to, booked on {at}[, with {late} that came late].",
        "event.timepassed": "What time alone did up to {at}.",
        "event.other": "Event {event} on {at}.",
        # What moved.
        "entry.earned": "{amount} earned[ under {label}] by policy {policy}.",
        "entry.total": "{amount} earned[ under {label}] by policy {policy}, on the period's total.",
        "entry.threshold": "{amount} given[ under {label}] by policy {policy}, for a balance that was reached.",
        "entry.derived": "{amount} credited[ under {label}] by policy {policy}, rule {rule}: a balance comes to more.",
        "entry.consumed": "{amount} used up by policy {policy} for what it gave.",
        "entry.consumed_back": "{amount} that a revoked right had cost are back.",
        "entry.carried": "{amount} carried over into the next period.",
        "entry.membership_started": "{amount} credited[ under {label}] by membership {policy}, which began.",
        "entry.membership_renewed": "{amount} credited[ under {label}] by membership {policy}, for another term.",
        "entry.yearly": "{amount} given[ under {label}] by policy {policy}, for the day of the year.",
        "entry.different": "{amount} counted by policy {policy} for {label}.",
        "entry.protected": "{amount} taken by policy {policy}: a period that was missed is protected.",
        "entry.not_carried": "{amount} not carried over into the next period.",
        "entry.counted": "Limit {ceiling} of {limit}: {amount} used[ in {label}].",
        "entry.room_back": "Limit {ceiling} of {limit}: {amount} free again[ in {label}].",
        "entry.count_ended": "Limit {ceiling} of {limit}: {amount} of[ {label}'s] use no longer counted.",
        "entry.referred": "{amount} given[ under {label}] by policy {policy}, rule {rule}, for a referral.",
        "entry.followed_up": "{amount} credited by policy {policy}[, rule {rule}], for what another account did.",
        "entry.donated": "{amount} given[ to {label}] by policy {policy}[, rule {rule}].",
        "entry.converted": "{amount} converted to, by a reward: counted by policy {policy}.",
        "entry.credited": "{amount} credited[ under {label}] by policy {policy}[, rule {rule}].",
        "entry.debited": "{amount} taken[ under {label}] by policy {policy}[, rule {rule}].",
        "entry.set": "{amount} credited by policy {policy}[, rule {rule}], which set the balance.",
        "entry.set_down": "{amount} taken by policy {policy}[, rule {rule}], which set the balance.",
        "entry.decided_again": "{amount} added: {about}, decided again without what came back, earns more now.",
        "entry.taken_back": "{amount} taken back that {about} had earned.",
        "entry.fell_back": "{amount} taken back by policy {policy}, for what had earned it came back.",
        "entry.dropped": "{amount} that {about} had earned had ended before, and are not taken again.",
        "entry.forgiven": "{amount} that would have been owed were forgiven.",
        "entry.given_back": "{amount} given back that {about} had spent.",
        "entry.rerated": "{amount} added[ under {label}]: in order of time there would be so much more.",
        "entry.rerated_down": "{amount} taken[ under {label}]: in order of time there would be so much less.",
        "entry.redated": "{amount}[ under {label}] exchanged for those that there would be in order of time.",
        "entry.redeemed": "{amount} spent on reward {reward}.",
        "entry.reserved": "{amount} held by {about} for reward {reward}.",
        "entry.captured": "{amount} held by {about} spent on reward {reward}.",
        "entry.change_given": "{amount} beyond what the cart cost, paid out as change by reward {reward}.",
        "entry.rest_lapsed": "{amount} beyond what the cart cost lapsed with reward {reward}.",
        "entry.released": "{amount} that {about} held are free again.",
        "entry.lapsed": "{amount} that {about} held are free again, for its time ran out on {at}.",
        "entry.given_away": "{amount} given to {to}.",
        "entry.received": "{amount} received as a gift from {from}.",
        "entry.gift_returned": "{amount} of gift {about} came back.",
        "entry.gift_taken_back": "{amount} went back to {by}, who cancelled the gift.",
        "entry.merged_away": "{amount} went to {into}, into whose account this one was merged.",
        "entry.merged_in": "{amount} came with the account of {from}, which was merged into this one.",
        "entry.unmerged": "{amount} came back from {from}, for the merge {about} was undone.",
        "entry.unmerged_away": "{amount} went back with the account of {by}, for its merge was undone.",
        "entry.forfeited": "{amount} forfeited, for the account is closed.",
        "entry.paid_out_at_closing": "{amount} paid out, for the account is closed.",
        "entry.reopened": "{amount} came back, for the closing was undone.",
        "entry.contributed": "{amount} put into pool {pool} by {member}.",
        "entry.contribution_returned": "{amount} of contribution {about} came back from pool {pool} to {member}.",
        "entry.pool_left": "{amount} of pool {pool} went with {member}, who left it.",
        "entry.pool_counted": "{amount} noted as contributed by {label}.",
        "entry.pool_forgotten": "{amount} no longer noted as contributed by {label}.",
        "entry.opened": "{amount} taken over by {actor} for {reason}.",
        "entry.adjusted": "{amount} credited by {actor}, for {reason}.",
        "entry.adjusted_down": "{amount} taken by {actor}, for {reason}.",
        "entry.confirmed": "{amount} of {about} confirmed.",
        "entry.available": "{amount}[ of {about}] became available on {at}.",
        "entry.expired": "{amount} expired on {at}[, and went to {goes_to}].",
        "entry.ended_with_grant": "{amount} ended on {at}, for {needs} is no longer held[; they went to {goes_to}].",
        "entry.credit": "{amount} credited[ under {label}][ by policy {policy}][, rule {rule}], for {why}.",
        "entry.debit": "{amount} taken[ under {label}][ by policy {policy}][, rule {rule}], for {why}.",
        "entry.moved": "{amount} moved within the account, for {why}.",
        # What each rule, and each limit, has in it.
        "part.rule": "Rule {rule}: {wanted}[ for {base}][ on line {line}][ on lines {lines}][, at {rate}]"
        "[, from {rounded_from} rounded {rounded}].",
        "part.multiplied": "Rule {rule}: {wanted} more[, {rate}][, from {rounded_from} rounded {rounded}].",
        "part.reduced": "Rule {rule}: {less} less[, {rate}][, from {rounded_from} rounded {rounded}].",
        "part.credited": "Rule {rule}: {granted}.",
        "part.replayed": "Of {root}: {after}, not {before}.",
        "part.taken": "Rule {rule}: {less} taken.",
        "part.policy": "Policy {policy}: {granted}.",
        "part.policy_took": "Policy {policy}: {less} taken.",
        "part.trimmed": "Limit {ceiling}: {trimmed} of rule {rule} not given, {granted} of {wanted} left.",
        "part.trimmed_back": "Limits: {trimmed} of rule {rule} not added, {granted} of {wanted} still fit.",
        "part.trimmed_spend": "Limit {ceiling}: not all of the spend counted for rule {rule}.",
        # Which parts of the balance.
        "lot.put": "{amount} can be spent at once[, until {until}][, while {needs} is held]"
        "[, and longer while {held_by} is held].",
        "lot.put_later": "{amount} can be spent from {available_at}[, until {until}][, while {needs} is held]"
        "[, and longer while {held_by} is held].",
        "lot.put_on_confirmation": "{amount} can be spent once confirmed[, until {until}][, and for {lasts} from then]"
        "[, while {needs} is held].",
        "lot.paid_debt": "{amount} paid off what was owed.",
        "lot.taken": "{amount} came from {source}[, earned on {earned_at}][, good until {until}].",
        "lot.taken_plain": "{amount} came from what never expires[ under {label}].",
        "lot.owed": "{amount} were not there, and are owed now.",
        # What totals and thresholds keep count of.
        "tally.spend_more": "{amount} of spend counted for rule {rule}[ in {period}].",
        "tally.spend_less": "{amount} of spend no longer counted for rule {rule}[ in {period}].",
        "tally.spend_ended": "The spend counted for rule {rule}[ in {period}] is no longer kept.",
        "tally.paid_more": "{amount} noted as paid by rule {rule}[ for {period}].",
        "tally.paid_less": "{amount} no longer noted as paid by rule {rule}[ for {period}].",
        "tally.paid_ended": "What rule {rule} paid[ for {period}] is no longer kept.",
        "tally.held_more": "{amount} noted as what rule {rule} had reached when[ {period}] closed.",
        "tally.held_less": "{amount} taken off what rule {rule} had reached when[ {period}] closed.",
        "tally.held_ended": "What rule {rule} had reached[ in {period}] is no longer kept.",
        "tally.noted_more": "Policy {policy} has noted {rule}: {amount} more.",
        "tally.noted_less": "Policy {policy} has noted {rule}: {amount} fewer.",
        "tally.noted_ended": "What policy {policy} had noted as {rule} is no longer kept.",
        "tally.times_more": "Rule {rule} has given {amount} more[ in {period}].",
        "tally.times_less": "Rule {rule} has given {amount} fewer[ in {period}].",
        "tally.times_ended": "How often rule {rule} gave[ in {period}] is no longer kept.",
        # Rights, and what is looked at again later.
        "grant.given": "Now held: {key}[ {value}], given by policy {policy}[, until {until}][, with {uses} uses].",
        "grant.charity_chosen": "Now held: {key} {value}, the charity chosen.",
        "grant.partner_linked": "Now held: {key} {value}, an account linked[, until {until}].",
        "grant.partner_window": "Held from {from} on: {key}[, until {until}].",
        "grant.threshold": "Now held: {key}[ {value}], reached in policy {policy}[, until {until}]"
        "[, with {uses} uses].",
        "grant.grace": "Still held for a grace: {key}[ {value}][, until {until}].",
        "grant.one_step_down": "Now held: {key}[ {value}], one step down[, until {until}].",
        "grant.restated": "No longer held: {key}[ {value}], for new terms take its place.",
        "grant.yearly": "Now held: {key}[ {value}], given by policy {policy} for the day of the year[, until {until}]"
        "[, with {uses} uses].",
        "grant.protected": "Held on: {key}[ {value}], kept by policy {policy}[, until {until}].",
        "grant.membership_started": "Now held: {key}[ {value}], by membership {policy}[, until {until}]"
        "[, with {uses} uses].",
        "grant.membership_renewed": "Now held: {key}[ {value}], by another term of membership {policy}"
        "[, until {until}][, with {uses} uses].",
        "grant.membership_ended": "No longer held: {key}[ {value}], for membership {policy} ended.",
        "grant.membership_noted": "Noted by membership {policy}: {key}[ {value}][, until {until}].",
        "grant.fell": "No longer held: {key}[ {value}], for what had reached it came back.",
        "grant.granted_by_operator": "Now held: {key}[ {value}], given by {actor} for {reason}[, until {until}]"
        "[, with {uses} uses].",
        "grant.referred": "Now held: {key}[ {value}], given by policy {policy} for a referral[, until {until}]"
        "[, with {uses} uses].",
        "grant.followed_up": "Now held: {key}[ {value}], given by policy {policy} for what another account did"
        "[, until {until}][, with {uses} uses].",
        "grant.used": "One use of {key}[ {value}] taken, {uses} left.",
        "grant.use_reserved": "One or more uses of {key}[ {value}] held by {about}, {uses} left.",
        "grant.use_captured": "The uses of {key}[ {value}] that {about} held are taken, {uses} left.",
        "grant.use_given_back": "Uses of {key}[ {value}] came back from {about}: {uses} left[, until {until}].",
        "grant.revoked": "No longer held: {key}[ {value}], ended by policy {policy}.",
        "grant.taken_back": "No longer held: {key}[ {value}], for {about} would not have given it.",
        "grant.ended_by_operator": "No longer held: {key}[ {value}], ended by an operator[ for {rule}].",
        "grant.merged_away": "No longer held here: {key}[ {value}], which went to {into} with the merge.",
        "grant.merged_in": "Now held: {key}[ {value}], which came with the account of {from}[, until {until}].",
        "grant.merged_into": "This account is merged into that of {into}, by {actor} for {reason}.",
        "grant.unmerged": "As after the merge {about} was undone: {key}[ {value}][, until {until}].",
        "grant.unmerged_away": "As before the merge with {by}, which was undone: {key}[ {value}][, until {until}].",
        "grant.account_closed": "Ended or noted as the account was closed by {actor} for {reason}: {key}[ {value}].",
        "grant.reopened": "As after the closing was undone: {key}[ {value}][, until {until}].",
        "grant.pool_joined": "Now held: {key}[ {value}], for pool {pool} was joined[, until {until}].",
        "grant.pool_left": "No longer held: {key}[ {value}], for {member} left pool {pool}.",
        "grant.rerated": "Held in order of time: {key}[ {value}][, until {until}].",
        "grant.rerated_away": "Not held in order of time: {key}[ {value}].",
        "grant.ran_out": "No longer held: {key}[ {value}], which ran out on {at}.",
        "grant.any_given": "Now held: {key}[ {value}], given[ by policy {policy}] for {why}[, until {until}].",
        "grant.any_used": "One use of {key}[ {value}] taken[ by policy {policy}] for {why}[, {uses} left].",
        "grant.any_reserved": "Uses of {key}[ {value}] held[ by policy {policy}] for {why}[, {uses} left].",
        "grant.any_revoked": "No longer held: {key}[ {value}], ended[ by policy {policy}] for {why}.",
        "grant.any_restored": "As before {about}: {key}[ {value}] held[, until {until}].",
        "grant.any_ended": "No longer held: {key}[ {value}], ended for {why}.",
        "wake.set": "Policy {policy} will look at {name} again on {due}.",
        "wake.ended": "Policy {policy} no longer waits for {name} on {due}.",
        "wake.fell_due": "Policy {policy} looked at {name} again on {due}.",
        "wake.close_set": "Rule {rule} of policy {policy} looks again when its period closes, on {due}.",
        "wake.close_fell_due": "The period of rule {rule} of policy {policy} closed on {due}.",
        "wake.review_set": "Rule {rule} of policy {policy} is reviewed on {due}.",
        "wake.review_fell_due": "Rule {rule} of policy {policy} was reviewed on {due}.",
        "wake.grace_set": "Rule {rule} of policy {policy} looks again when the grace ends, on {due}.",
        "wake.grace_fell_due": "The grace of rule {rule} of policy {policy} ended on {due}.",
        "wake.lapse_set": "Reservation {reservation} lapses on {due} unless it is captured or released before.",
        "wake.lapse_ended": "Reservation {reservation} no longer lapses on {due}.",
        "wake.lapse_fell_due": "Reservation {reservation} lapsed on {due}.",
        # What the shop hands over.
        "benefit.money_off": "{amount} off by reward {reward}[: {shares}].",
        "benefit.product": "{quantity} x reward {reward}[, {item},] to hand over.",
        "benefit.voucher": "{quantity} x voucher {reward}[ of {amount} in all] to hand over.",
        "benefit.payout": "{amount} to pay out by reward {reward}.",
        "benefit.charge": "{amount} to charge, for {reward}.",
        "benefit.charge_shortfall": "{amount} to charge, for what could not be taken back.",
        "benefit.experience": "{quantity} x experience {reward}[: {item}].",
        "benefit.donation": "{quantity} x {reward} to give[: {amount}][ to {item}].",
        "benefit.transfer": "{quantity} x {reward} to transfer[: {amount}][ to {item}].",
        "benefit.other": "{quantity} x {reward}[, {amount}].",
        # Rules that did not apply.
        "not.condition": "Rule {rule} did not apply: it asks for {condition}.",
        "not.other_event": "Rule {rule} did not apply: it is for {on}.",
        "not.other_currency": "Rule {rule} did not apply: it counts spend in {currency}[, and this is in {paid}].",
        "not.no_line_counts": "Rule {rule} did not apply: no line counts for it[, which asks for {lines}].",
        "not.nothing_paid": "Rule {rule} did not apply: nothing was paid.",
        "not.other_activity": "Rule {rule} did not apply: it is for activity {activity}.",
        "not.below_one_step": "Rule {rule} gave nothing: what counts is too little[ at {rate}].",
        "not.ceiling_full": "Rule {rule} gave nothing: limit[ {ceiling}] is used up[, which kept back {wanted}].",
        "not.outside": "Rule {rule} did not apply: the time in which it counts was not open.",
        "not.group": "Rule {rule} gave nothing: another rule of group {group} goes before it[, {won}].",
        "not.nothing_to_multiply": "Rule {rule} gave nothing: there was nothing for it to multiply.",
        "not.no_effect": "Rule {rule} gave nothing.",
        "not.no_charity": "Rule {rule} gave nothing: the member has chosen no charity.",
        "not.policy": "Policy {policy} gave nothing.",
        "not.empty": "The purchase has no lines, so no rule was asked.",
        "not.failed": "Policy {policy} could not be asked again: {problem}",
        "not.other": "Rule {rule} of policy {policy} did not apply, for {why}.",
        # Conditions, as what a rule asks for.
        "condition.allof": "{of}",
        "condition.anyof": "{of}",
        "condition.not": "anything but {of}",
        "condition.sku": "SKU[ {of}][ beginning with {prefixes}]",
        "condition.category": "category {of}",
        "condition.brand": "brand {of}",
        "condition.tag": "tag {of}",
        "condition.kind": "lines of kind {of}",
        "condition.lineprice": "a unit price[ of at least {at_least}][ below {below}]",
        "condition.lineattribute": "{key} {of}",
        "condition.eventattribute": "{key} {of}",
        "condition.channel": "channel {of}",
        "condition.store": "store {of}",
        "condition.paidwith": "payment with {of}",
        "condition.paidbyredemption": "payment with points",
        "condition.spend": "a spend[ of at least {at_least}][ below {below}]",
        "condition.quantity": "a quantity of at least {at_least}[ of {lines}]",
        "condition.weekday": "{of}",
        "condition.between": "a time[ from {start}][ before {end}]",
        "condition.timeofday": "a time of day from {start} to {end}",
        "condition.recurs": "one of its days and hours",
        "condition.hasgrant": "{key}[ {values}]",
        "condition.codegiven": "the code {of}",
        "condition.balanceis": "a balance[ of at least {at_least}][ of more than {more_than}][ below {below}]",
        "condition.levelis": "level[ {of}][ {at_least} or above]",
        "condition.grantheld": "{key}[ {values}] held for long enough",
        "condition.labelsare": "{unit} under at least {at_least} labels",
        "condition.ratiois": "a ratio of {unit} to {over}[ of at least {at_least}][ below {below}]",
        "condition.inyearlywindow": "the days around {key}",
        "condition.season": "a day from {first} through {last}",
        "condition.givenwithin": "{key}[ {values}] given not long ago",
        "condition.numberis": "a count of {unit}[ of {of}][ that is a multiple of {every}]",
        "condition.other": "condition {name}",
        **REFUSALS,
        # Whether it all can be reproduced.
        "check.same": "Deciding again from this record gives the same.",
        "check.same_with_state": "Deciding again from the account before it gives the same.",
        "check.no_rules": "This record alone does not tell what would be decided again.",
        "check.replay": "Replaying the whole history in order of time makes this anew.",
        "check.no_terms": "The terms of {terms_from} that decided this are no longer part of the program.",
        "check.differs": "Deciding again gives something else: {unit} by policy {policy}[, rule {rule}], "
        "{now} now and {then} in the record.",
        "check.differs_other": "Deciding again gives something else[: {what}].",
    }
)
