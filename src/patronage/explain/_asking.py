"""What explanations look up: rules by name, conditions as clauses, and what the policies answer when asked again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.applying import book_of, plain
from patronage.basis_after import basis_with
from patronage.conditions import AllOf, Weekday
from patronage.derived import BoundDerived
from patronage.dividends import ClassDeclared
from patronage.earning import WhyNot
from patronage.errors import InvalidValueError, PatronageError
from patronage.events import Purchase
from patronage.explain._phrases import Clause, Either, Figure, Told, number_text
from patronage.ledger import (
    REDEEMED,
    Basis,
    Booking,
    Commit,
    Fact,
    GrantChange,
    GrantEntry,
    Refusal,
    Source,
    Transfer,
    WakeChange,
    WakeEntry,
)
from patronage.occasions import Condition, Credit, Debit, Effect, Give, Occasion, Wake, build_occasion
from patronage.periods import parse_instant
from patronage.policies.dividend_record import LATE, NETTED, RECORDED, PatronageRecord
from patronage.program import Program
from patronage.reaching import AT_CLOSE, BoundThreshold
from patronage.refunds import looks
from patronage.rewards import Reward, StepTable
from patronage.rules import BonusRule, Ceiling, QuantityRule, SpendRule
from patronage.settling import CONSUMED
from patronage.terms import BoundTerms
from patronage.terms_of_time import Lasting
from patronage.totals import CREDITED, BoundTotal
from patronage.units import Amount
from patronage.watching import Settlement, in_basis


class Rules:
    """The rules of the terms by policy and name, and the ceilings by their tallies."""

    def __init__(self, bound: BoundTerms) -> None:
        self._rules: dict[str, dict[str, object]] = {}
        self._watchers = {watcher.unit: watcher for policy in bound.policies for watcher in policy.watchers}
        for policy in bound.policies:
            self._rules[policy.name] = {rule.name or f"rule-{n}": rule for n, rule in enumerate(policy.rules, 1)}
        self.ceilings: Mapping[str, Ceiling] = {
            ceiling.tally: ceiling.ceiling for ceiling in bound.ceilings if ceiling.tally is not None
        }

    def of(self, policy: str, rule: str) -> object:
        """A rule; None where the terms have none of that name."""
        return self._rules.get(policy, {}).get(rule)

    def counted_in(self, tally: str, part: str = "") -> str | None:
        """The unit in which a total or threshold counts under a part of its tally's label; None for how often."""
        watcher = self._watchers.get(tally)
        if isinstance(watcher, BoundTotal):
            if part == CREDITED:
                return watcher.total.credits
            rates = watcher.total.rates
            return next((rate.per.unit for rate in rates if rate.name == part), rates[0].per.unit)
        if isinstance(watcher, BoundDerived):
            return watcher.credits
        if isinstance(watcher, BoundThreshold) and part == AT_CLOSE and watcher.threshold.goal is not None:
            return watcher.threshold.goal.unit
        return None

    def patronage(self, tally: str, part: str, steps: int) -> Told:
        """So much patronage of a class: money, or a quantity; None for what is no dividend's."""
        watcher = self._watchers.get(tally)
        if not isinstance(watcher, PatronageRecord):
            return None
        unit = watcher.counted_in(part)
        return f"{watcher.text(part, steps)} {part}" if unit is None else Amount(steps, unit)

    def named(self, policy: str) -> Sequence[str]:
        """The names of a policy's rules, in order."""
        return tuple(self._rules.get(policy, ()))


TALLIED: Final = {
    "": "times",
    "~credited": "paid",
    "~at_close": "held",
    LATE: "late",
    NETTED: "netted",
    RECORDED: "recorded",
}
"""What a total, threshold or record keeps count of, by the part of its label behind the period."""


def declared_of(of: ClassDeclared) -> Clause:
    """A pool or a rate as it was declared."""
    facts: dict[str, Told] = {"amount": of.amount, "per": str(of.per), "name": of.name}
    return Clause("word.declared_rate" if of.pool is None else "word.pool", FrozenMapping(facts))


def about_of(about: Source) -> str | None:
    """What an entry is about, where it is an event; None for what time did of itself."""
    return None if about.root.startswith("~") else about.root


def base_of(rule: object, book: Booking) -> Told:
    """What a rule counted, in its own terms: money, items, a measure, how often."""
    n, d = book.base
    if isinstance(rule, SpendRule):
        return Amount(n // d, rule.per.unit) if n % d == 0 else Figure(n, d, rule.per.unit)
    number = str(n // d) if n % d == 0 else _ratio_text(n, d)
    if isinstance(rule, QuantityRule):
        return _count(number, rule.measure or rule.activity or Clause("word.items"))
    if isinstance(rule, BonusRule) and rule.activity is not None:
        return _count(number, rule.activity)
    return None


def _count(number: str, of: Told) -> Clause:
    return Clause("word.count", FrozenMapping({"count": number, "of": of}))


def _ratio_text(n: int, d: int) -> str:
    """A ratio with its decimals where they end, else as a fraction."""
    scaled = n * 10**12
    if scaled % d:
        return str(Fraction(n, d))
    whole, rest = divmod(scaled // d, 10**12)
    return f"{whole}.{rest:012d}".rstrip("0").rstrip(".")


def lasting_of(term: object) -> Told:
    """How long a term of time is."""
    if term is None:
        return None
    if not isinstance(term, Lasting):
        return Clause("term.other")
    return Clause(f"term.{term.of.value}", FrozenMapping({"n": term.n}))


# Conditions.


def failing(condition: Condition, occasion: object) -> Iterable[Condition]:
    """Which members of a condition do not hold; the condition itself where it has none."""
    if not isinstance(condition, AllOf) or not isinstance(occasion, Occasion):
        return (condition,)
    found = [each for member in condition.of if not _holds(member, occasion) for each in failing(member, occasion)]
    return found or (condition,)


def _holds(condition: Condition, occasion: Occasion) -> bool:
    try:
        return condition.holds(occasion, None)
    except Exception:  # A caller's condition may fail in its own way: then it is told as it is.
        return False


def clause_of(condition: object) -> Clause:
    """A condition as a part of a sentence: its class names the phrase, its fields are the facts."""
    kind = type(condition)
    facts: dict[str, Told] = {"name": kind.__name__}
    if attrs.has(kind):
        for field in attrs.fields(kind):
            if not field.name.startswith("_"):
                facts[field.name] = _told(getattr(condition, field.name))
    if isinstance(condition, Weekday):
        facts["of"] = Either(tuple(Clause(f"word.day_{day}") for day in sorted(condition.of)))
    if isinstance(condition, AllOf):
        facts["of"] = tuple(clause_of(each) for each in condition.of)
    return Clause(f"condition.{kind.__name__.lower()}", FrozenMapping(facts))


def _told(value: object) -> Told:
    """A field of a condition as a fact; what is in no order is put in one."""
    if value is None or isinstance(value, str | int | datetime | Amount):
        return value
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, time):
        return value.isoformat("seconds").removesuffix(":00")
    if isinstance(value, frozenset | set):
        return Either(tuple(sorted((_told(each) for each in value), key=repr)))
    if isinstance(value, tuple | list):
        return Either(tuple(_told(each) for each in value)) if value else None
    if callable(getattr(value, "holds", None)):
        return clause_of(value)
    return type(value).__name__


# Asking again.


@attrs.frozen
class Answer:
    """
    What one policy answers when asked again.

    *applied* are the rules that have something in it; *by_rules* is False for what its totals and
    thresholds come to after them. *unread* the debits (unit, label, rule) that take
    up to a balance which the terms do not read, so that the basis does not hold it.
    """

    policy: str
    occasion: Occasion
    effects: tuple[Effect, ...]
    trace: tuple[WhyNot, ...]
    applied: frozenset[str]
    problem: str | None
    unread: frozenset[tuple[str, str | None, str]]
    by_rules: bool = True


Answers = Sequence[Answer]


def asked_again(commit: Commit, bound: BoundTerms) -> Answers:
    """What each policy in order answers to the commit's event, on the commit's basis."""
    event, basis = commit.event, commit.basis
    if isinstance(event, Purchase) and not event.lines:
        return ()
    told = []
    for policy in bound.policies:
        at = event.occurred_at
        occasion = build_occasion(at, commit.account, event, None, basis, bound.calendar, bound.units, bound.ladders)
        trace: list[WhyNot] = []
        effects: tuple[Effect, ...] = ()
        problem = None
        try:
            effects = tuple(policy.answer(occasion, trace))
        except PatronageError as error:
            problem = str(error)
        applied = {book.rule for effect in effects if isinstance(effect, Credit) for book in effect.books}
        unread = frozenset(
            (effect.amount.unit, effect.label, effect.rule)
            for effect in effects
            if isinstance(effect, Debit) and effect.up_to and effect.amount.unit not in bound.watched
        )
        told.append(Answer(policy.name, occasion, effects, tuple(trace), frozenset(applied), problem, unread))
        if effects:
            basis = basis_with(basis, effects, occasion, policy.name, bound.watched)
        for asked, settled, after in looks(policy, bound, commit.account, event, at, basis):
            told.append(_looked(policy.name, asked, settled))
            basis = after
    return told


def _looked(policy: str, occasion: Occasion, settled: Settlement) -> Answer:
    """What a total or threshold comes to. What it consumes is left out: its lots are no part of the basis."""
    effects = tuple(effect for effect in in_basis(settled, occasion.basis) if not isinstance(effect, Debit))
    applied = frozenset(effect.rule for effect in effects)
    return Answer(policy, occasion, effects, (), applied, None, frozenset(), by_rules=False)


_Made = tuple[str, str, str | None, int, tuple[Booking, ...]]
"""What is compared: policy, unit, label, signed steps, bookings."""


def same_as_recorded(commit: Commit, told: Answers) -> tuple[str, dict[str, Told]] | None:
    """None where the answers come to what the entries say; else a code and facts for the first difference."""
    failed = next((answer for answer in told if answer.problem is not None), None)
    if failed is not None:
        return "check.differs_other", {"what": failed.problem}
    free = {(answer.policy, unit, label, rule) for answer in told for unit, label, rule in answer.unread}
    now = [made for answer in told for made in _now(answer) if not _is_free(made, free)]
    then = [made for made in _then(commit) if not _is_free(made, free)]
    if now != then:
        return _first_difference(now, then)
    for what, here, there in (
        ("grant", _given_now(told), _given_then(commit)),
        ("wake-up", _woken_now(told), _woken_then(commit)),
    ):
        if here != there:
            return "check.differs_other", {"what": what}
    return None


def _is_free(made: _Made, free: Set[tuple[str, str, str | None, str]]) -> bool:
    """Whether it is a debit that the commit alone cannot tell."""
    policy, unit, label, steps, books = made
    return steps < 0 and any((policy, unit, label, book.rule) in free for book in books)


def _now(answer: Answer) -> Iterable[_Made]:
    basis: Basis = answer.occasion.basis
    for stated in answer.effects:
        effect = plain(stated, basis)
        if isinstance(effect, Credit | Debit) and effect.account is not None:
            continue  # It is told by the commit of that account.
        if isinstance(effect, Credit):
            amount = effect.amount
            books = effect.books or book_of(effect.rule, amount.steps)
            yield answer.policy, amount.unit, effect.label, amount.steps, books
        elif isinstance(effect, Debit):
            amount, steps = effect.amount, effect.amount.steps
            if effect.up_to:
                held = sum(b.steps for b in basis.balances if (b.unit, b.label) == (amount.unit, effect.label))
                steps = min(steps, max(held, 0))
            if steps:
                yield answer.policy, amount.unit, effect.label, -steps, book_of(effect.rule, -steps)


def _then(commit: Commit) -> Iterable[_Made]:
    for entry in commit.entries:
        if isinstance(entry, Transfer) and entry.policy and entry.cause == commit.event.id:
            if entry.reason.code == CONSUMED.code:
                continue  # Of which lots is told by the account alone.
            steps = -entry.steps if entry.payee == REDEEMED else entry.steps
            yield entry.policy, entry.unit, entry.label, steps, entry.books


def _first_difference(now: Sequence[_Made], then: Sequence[_Made]) -> tuple[str, dict[str, Told]]:
    for by_rule in (False, True):
        sums = [_sums(made, by_rule) for made in (now, then)]
        for key in sorted({*sums[0], *sums[1]}):
            here, there = (found.get(key, 0) for found in sums)
            if here != there:
                policy, unit, rule = key
                return "check.differs", {
                    "policy": policy,
                    "unit": unit,
                    "rule": rule or None,
                    "now": Amount(here, unit),
                    "then": Amount(there, unit),
                }
    return "check.differs_other", {"what": None}


def _sums(made: Sequence[_Made], by_rule: bool) -> Mapping[tuple[str, str, str], int]:
    found: dict[tuple[str, str, str], int] = {}
    for policy, unit, _, steps, books in made:
        parts = [(book.rule, book.steps) for book in books] if by_rule else [("", steps)]
        for rule, part in parts:
            key = (policy, unit, rule)
            found[key] = found.get(key, 0) + part
    return found


_NONE: Final = ""


def _given_now(told: Answers) -> list[tuple[str, str, str]]:
    gives = [(answer.policy, effect) for answer in told for effect in answer.effects]
    return [(policy, effect.key, effect.value or _NONE) for policy, effect in gives if isinstance(effect, Give)]


def _given_then(commit: Commit) -> list[tuple[str, str, str]]:
    return [
        (entry.policy, entry.grant.key, entry.grant.value or _NONE)
        for entry in commit.entries
        if isinstance(entry, GrantEntry)
        and entry.change is GrantChange.GIVEN
        and entry.policy
        and entry.cause == commit.event.id
    ]


def _woken_now(told: Answers) -> list[tuple[str, datetime, str]]:
    wakes = [(answer.policy, effect) for answer in told for effect in answer.effects]
    return [
        (policy, effect.at, effect.name) for policy, effect in wakes if isinstance(effect, Wake) and _asks(effect.name)
    ]


def _woken_then(commit: Commit) -> list[tuple[str, datetime, str]]:
    return [
        (entry.wake_up.policy, entry.wake_up.at, entry.wake_up.name)
        for entry in commit.entries
        if isinstance(entry, WakeEntry)
        and entry.change is WakeChange.SET
        and entry.cause == commit.event.id
        and _asks(entry.wake_up.name)
    ]


def _asks(name: str) -> bool:
    """Whether a wake-up is a policy's own: a close or review that is waited for already is not set again."""
    return not name.startswith("~")


# Refusals.


def refusal_facts(refusal: Refusal, program: Program) -> dict[str, Told]:
    """The facts of a refusal: its numbers as amounts, its instants as such."""
    facts: dict[str, Told] = {"why": refusal.code.value}
    reward = _reward(program, refusal.facts.get("reward"))
    for key, fact in refusal.facts.items():
        unit = _unit_of(key, refusal, reward)
        if type(fact) is int and unit is not None:
            facts[key] = Amount(fact, unit)
        elif key == "closed":
            facts[key] = Clause(f"word.closed_{fact}")
        else:
            facts[key] = _instant(fact) if isinstance(fact, str) else fact
    return facts


def _reward(program: Program, name: Fact) -> Reward | None:
    """The reward of that name, in the latest terms that have one."""
    for terms in reversed(program.terms):
        for reward in terms.rewards:
            if reward.name == name:
                return reward
    return None


def _unit_of(key: str, refusal: Refusal, reward: Reward | None) -> str | None:
    """The unit that a number of a refusal is in."""
    named = refusal.facts.get("unit")
    stated = named if isinstance(named, str) else None
    if reward is None or (key == "asked" and stated is not None):
        return stated
    in_money = key == "order" or (key == "minimum" and "order" in refusal.facts)
    if isinstance(reward, StepTable) and key == "maximum":
        return reward.steps[0].value.unit
    if in_money:
        minimum = getattr(reward, "order_minimum", None)
        return minimum.unit if isinstance(minimum, Amount) else None
    return reward.unit


def _instant(text: str) -> Told:
    """An instant as such, where the text is one."""
    try:
        return parse_instant(text)
    except InvalidValueError:
        return text
