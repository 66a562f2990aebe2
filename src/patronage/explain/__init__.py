"""
Why: each entry of a commit down to the rule, the line, the rounding and the limit; and each rule that gave nothing.

`explain` gives data: codes with facts, each with a sentence rendered from them by a table of
phrases (`ENGLISH`, or a shop's own). It also asks the rules again, on what the commit recorded, and
says whether they still answer the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.decisions import answer_to
from patronage.dividends import DividendDeclared, DividendShare
from patronage.errors import PatronageError
from patronage.events import Activity, Counterpart, Enrolment, Event, FollowedUp, Purchase, Rerated, TimePassed
from patronage.explain._asking import (
    TALLIED,
    Answers,
    Rules,
    about_of,
    asked_again,
    base_of,
    clause_of,
    declared_of,
    failing,
    lasting_of,
    refusal_facts,
    same_as_recorded,
)
from patronage.explain._explanation import EntryExplained, Explanation, Item
from patronage.explain._phrases import ENGLISH, Clause, Either, End, Figure, Phrases, Told, Voice
from patronage.ledger import (
    EXPIRED,
    Benefit,
    Booking,
    Commit,
    Entry,
    Fact,
    GrantChange,
    GrantEntry,
    Lot,
    Refusal,
    Transfer,
    WakeChange,
    WakeEntry,
    entry_id,
)
from patronage.pools import pooled
from patronage.program import Program
from patronage.replayed import as_replayed
from patronage.rules import BonusRule, MultiplierRule, On
from patronage.spending import LAPSE
from patronage.state import State, is_pending
from patronage.terms import USES, BoundTerms
from patronage.units import Amount, UnitKind

_FACTS: Final = (Purchase, Enrolment, Activity)
_WITHOUT_LOTS: Final = ("dropped", "forgiven")


def explain(
    commit: Commit,
    program: Program,
    *,
    before: State | None = None,
    history: Iterable[Commit] = (),
    others: Iterable[State] = (),
    phrases: Phrases = ENGLISH,
) -> Explanation:
    """
    The commit explained, by the terms of *program* that decided it.

    With *before*, the account's state before the commit, *history*, the earlier commits about the same
    root, and *others*, the states of the other accounts that its event needs as they were before it, the
    whole commit is decided again, the choice of lots included; for an account that is merged into another
    *history* has what that one booked, and that is told. Without *before*, what the policies
    answer to a purchase, an enrolment or an activity is asked again from the commit alone. Where
    *history* also has a later `Rerated` that came to something else, that is what is explained.
    """
    history = list(history)
    answer = answer_to(commit, history)
    if answer is not None:
        commit, before = _as_answered(commit, answer), None
    told = _as_it_stands(commit, history)
    return _Teller(told or commit, program, phrases).explanation(
        before if told is None else None, history, tuple(others)
    )


def _as_answered(commit: Commit, answer: Commit) -> Commit:
    """A commit with what it came to on the account that answered for it, as if it had been decided there."""
    entries = [
        attrs.evolve(entry, cause=commit.event.id) if entry.cause == answer.event.id else entry
        for entry in answer.entries
    ]
    benefits = (*commit.benefits, *answer.benefits)
    return attrs.evolve(commit, account=answer.account, entries=tuple(entries), benefits=benefits)


def _as_it_stands(commit: Commit, history: Iterable[Commit]) -> Commit | None:
    """What a commit came to in a replay, on a state that the account never had; None where it was not replayed."""
    own = {each.version: each for each in (*history, commit) if each.account == commit.account}
    ordered = [own[version] for version in sorted(own)]
    told = next(each for each in as_replayed(ordered) if each.event.id == commit.event.id)
    if isinstance(commit.event, Rerated):
        return None
    late = any(isinstance(each.event, Rerated) and commit.event.id in each.event.late for each in ordered)
    return told if late or told != commit else None


def refusal_sentence(refusal: Refusal, program: Program, *, phrases: Phrases = ENGLISH) -> str:
    """Why an event was refused, as a sentence: amounts with the decimals of their units."""
    bound = program.terms_at(program.terms[-1].effective_from)
    return _refused(_voice(program, bound, phrases), refusal, program).sentence


def _voice(program: Program, bound: BoundTerms, phrases: Phrases) -> Voice:
    units = {USES.code: USES} | {unit.code: unit for unit in program.units}
    for ceiling in bound.ceilings:
        if ceiling.tally is not None and ceiling.unit in units:
            units[ceiling.tally] = units[ceiling.unit]
    units |= {pooled(one.unit): units[one.unit] for one in bound.terms.pools}
    return Voice(phrases, units, program.calendar)


def _item(voice: Voice, code: str, facts: Mapping[str, Told], *others: str) -> Item:
    return Item(code, FrozenMapping(facts), voice.say(code, facts, *others))


def _refused(voice: Voice, refusal: Refusal, program: Program) -> Item:
    code, facts = f"refused.{refusal.code.value}", refusal_facts(refusal, program)
    if "to" in refusal.facts:
        return _item(voice, f"refused.gift_{refusal.code.value}", facts, code, "refused.other")
    if "referrer" in refusal.facts:
        return _item(voice, f"refused.referral_{refusal.facts['why']}", facts, code, "refused.other")
    for subject in ("charity", "partner", "window", "policy"):
        if subject in refusal.facts and "rule" not in refusal.facts:
            return _item(voice, f"{code}_{subject}", facts, code, "refused.other")
    return _item(voice, code, facts, "refused.other")


_TOLD: Final = (
    *("reward", "kind", "to", "count", "actor", "key", "value", "amount", "total", "lapses_at", "policy", "plan"),
    *("into", "pool", "referrer", "rule", "credit", "per", "charity", "partner", "window", "starts_at", "ends_at"),
)
"""What is told of an event, where it states it."""


class _Teller:
    """Explains one commit."""

    def __init__(self, commit: Commit, program: Program, phrases: Phrases) -> None:
        self.commit, self.program = commit, program
        self.bound = program.terms_at(commit.terms_from)
        self.voice = _voice(program, self.bound, phrases)
        self.rules = Rules(self.bound)

    def item(self, code: str, facts: Mapping[str, Told], *others: str) -> Item:
        """A code with its facts, and its sentence."""
        return _item(self.voice, code, facts, *others)

    def explanation(self, before: State | None, history: Iterable[Commit], others: Sequence[State]) -> Explanation:
        """All of it."""
        commit, event = self.commit, self.commit.event
        told = asked_again(commit, self.bound) if isinstance(event, _FACTS) and commit.refusal is None else None
        reproduced, check = self._check(told, before, history, others)
        return Explanation(
            commit.account,
            event.id,
            self._heading(event),
            tuple(self._entry(entry) for entry in commit.entries),
            tuple(self._benefit(benefit) for benefit in commit.benefits),
            None if commit.refusal is None else _refused(self.voice, commit.refusal, self.program),
            () if told is None else tuple(self._not_applied(told)),
            reproduced,
            check,
        )

    # What happened.

    def _heading(self, event: Event) -> Item:
        facts: dict[str, Told] = {"event": event.id, "at": event.occurred_at, "about": event.about}
        for name in _TOLD:
            facts[name] = getattr(event, name, None)
        facts["why"] = getattr(event, "reason", None)
        if isinstance(event, Rerated):
            facts["late"] = event.late or None
        if isinstance(event, Counterpart):
            facts |= {"of": event.event, "member": event.origin.id, "about": event.root}
        if isinstance(event, FollowedUp):
            of = None if event.event.startswith("~") else event.event
            facts |= {"of": of, "member": event.origin.account.id, "policy": event.policy, "why": event.reason.code}
        if isinstance(event, DividendDeclared):
            facts["declared"] = tuple(declared_of(each) for each in event.classes)
        if isinstance(event, DividendShare):
            facts["of"] = event.origin.root
        if isinstance(event, Purchase):
            facts["total"] = (
                Amount(event.total, event.currency) if event.currency is not None else Clause("word.nothing")
            )
        code = f"event.{type(event).__name__.lower()}"
        if isinstance(event, Activity) and event.count == 1:
            code += "_once"
        return self.item(code, facts, "event.other")

    # Entries.

    def _entry(self, entry: Entry) -> EntryExplained:
        by_time = entry.cause != self.commit.event.id
        if isinstance(entry, Transfer):
            item, parts, trims, lots = self._transfer(entry)
            return EntryExplained(entry_id(entry), by_time, item, parts, trims, lots)
        item = self._grant(entry) if isinstance(entry, GrantEntry) else self._wake(entry)
        return EntryExplained(entry_id(entry), by_time, item, (), (), ())

    def _shared(self, entry: Entry) -> dict[str, Told]:
        """What can be said of every entry: its reason's own facts, and ours before them."""
        facts: dict[str, Told] = dict(entry.reason.facts)
        facts |= {
            "at": entry.at,
            "policy": entry.policy or None,
            "about": about_of(entry.about),
            "why": entry.reason.code,
        }
        return facts

    def _transfer(self, entry: Transfer) -> tuple[Item, tuple[Item, ...], tuple[Item, ...], tuple[Item, ...]]:
        own = self.commit.account
        inwards, outwards = entry.payer != own, entry.payee != own
        facts = self._shared(entry) | {"amount": entry.amount, "label": entry.label}
        facts["rule"] = next((book.rule for book in entry.books if book.rule), None)
        ceiling = self.rules.ceilings.get(entry.unit)
        if ceiling is None and entry.unit in self.bound.tallies:
            return self._tallied(entry, facts, inwards=inwards), (), (), ()
        if ceiling is not None:
            facts |= {"ceiling": ceiling.name, "limit": ceiling.limit}
            ended = entry.payee == EXPIRED
            code = "entry.counted" if inwards else "entry.count_ended" if ended else "entry.room_back"
            return self.item(code, facts), (), (), ()
        facts["goes_to"] = entry.payee.id if outwards and entry.payee != EXPIRED else None
        code = f"entry.{entry.reason.code}"
        if outwards and not inwards and code in ("entry.adjusted", "entry.set", "entry.rerated"):
            code += "_down"
        if code == "entry.expired" and self._ended_with_grant(entry):
            code = "entry.ended_with_grant"
        if code == "entry.taken_back" and facts["about"] is None:
            code = "entry.fell_back"
        other = "entry.moved" if not inwards and not outwards else "entry.credit" if inwards else "entry.debit"
        parts = tuple(self._part(entry, book) for book in entry.books) if entry.policy else ()
        if isinstance(self.commit.event, Rerated):
            parts = tuple(self._replayed(entry))
        trims = tuple(self._trim(entry, book) for book in entry.books if self._is_trimmed(entry, book))
        return self.item(code, facts, other), parts, trims, tuple(self._lots(entry, outwards))

    def _replayed(self, entry: Transfer) -> Iterator[Item]:
        """What each root is worth in order of time, of those that are worth something else."""
        told = (entry.reason.facts.get(key) for key in ("roots", "before", "after"))
        roots, before, after = (fact if isinstance(fact, tuple) else () for fact in told)
        for root, was, now in zip(roots, before, after, strict=True):
            facts: dict[str, Told] = {
                "root": root,
                "before": Amount(int(was), entry.unit),
                "after": Amount(int(now), entry.unit),
            }
            yield self.item("part.replayed", facts)

    def _tallied(self, entry: Transfer, facts: dict[str, Told], *, inwards: bool) -> Item:
        """What a total or threshold keeps count of: money counted, money credited, or how often it gave."""
        period, _, part = (entry.label or "").partition("/")
        _, _, rule = entry.unit.partition(".")
        unit = self.rules.counted_in(entry.unit, part)
        facts |= {"rule": rule, "period": None if period == "lifetime" else period}
        facts["amount"] = entry.steps if unit is None else Amount(entry.steps, unit)
        kind, _, of = part.partition("/")
        if (entry.label or "")[0:1] == "~":
            kind, of, facts["period"] = period, part, None
        kind = TALLIED.get(kind, "spend")
        patronage = None if kind == "recorded" else self.rules.patronage(entry.unit, of or part, entry.steps)
        if patronage is not None:
            facts["amount"], kind = patronage, "patronage" if kind == "spend" else kind
        if entry.unit in self.bound.counts:
            kind = "noted"
        change = "ended" if entry.payee == EXPIRED else "more" if inwards else "less"
        return self.item(f"tally.{kind}_{change}", facts)

    @staticmethod
    def _ended_with_grant(entry: Transfer) -> bool:
        """Whether a lot ended because a grant that it needs did, not by its date."""
        return all(
            lot.validity.needs is not None and (lot.validity.expires_at is None or lot.validity.expires_at > entry.at)
            for lot in entry.taken
        )

    def _booked(self, entry: Transfer, book: Booking) -> dict[str, Told]:
        rounding = book.rounding or None
        whole = book.exact[0] % book.exact[1] == 0
        one = len(book.lines) == 1
        return {
            "policy": entry.policy or None,
            "rule": book.rule or None,
            "granted": Amount(book.steps, entry.unit),
            "wanted": Amount(book.wanted, entry.unit),
            "trimmed": Amount(book.wanted - book.steps, entry.unit),
            "less": Amount(-book.wanted if book.rate else -book.steps, entry.unit),
            "base": base_of(self.rules.of(entry.policy, book.rule), book),
            "rate": book.rate or None,
            "exact": Figure(*book.exact, entry.unit),
            "rounding": rounding,
            "rounded_from": None if whole or rounding is None else Figure(*book.exact, entry.unit),
            "rounded": None if rounding is None else Clause(f"word.{rounding}"),
            "line": book.lines[0] if one else None,
            "lines": () if one else book.lines,
            "all_lines": book.lines,
            "ceiling": book.trimmed_by,
        }

    def _part(self, entry: Transfer, book: Booking) -> Item:
        facts = self._booked(entry, book)
        if entry.reason.code == "total":
            unit = self.rules.counted_in(f"{entry.policy}.{book.rule}")
            facts["base"] = None if unit is None else Amount(book.base[0], unit)
            code = "part.rule"
        elif entry.reason.code == "earned" and book.rate:
            multiplied = isinstance(self.rules.of(entry.policy, book.rule), MultiplierRule)
            code = "part.rule" if not multiplied else "part.multiplied" if book.wanted >= 0 else "part.reduced"
        else:
            facts["less"] = Amount(-book.steps, entry.unit)
            code = ("part.credited" if book.steps > 0 else "part.taken") if book.rule else "part.policy"
            code += "_took" if code == "part.policy" and book.steps < 0 else ""
        return self.item(code, facts)

    @staticmethod
    def _is_trimmed(entry: Transfer, book: Booking) -> bool:
        return book.wanted != book.steps or (book.trimmed_by is not None and entry.reason.code == "earned")

    def _trim(self, entry: Transfer, book: Booking) -> Item:
        facts = self._booked(entry, book)
        if book.wanted == book.steps:
            return self.item("part.trimmed_spend", facts)
        return self.item("part.trimmed" if book.trimmed_by is not None else "part.trimmed_back", facts)

    def _lots(self, entry: Transfer, outwards: bool) -> Iterator[Item]:
        unit = self.voice.units.get(entry.unit)
        if (unit is not None and unit.kind is UnitKind.TALLY) or entry.reason.code in _WITHOUT_LOTS:
            return
        within = entry.payer == entry.payee
        if outwards or entry.reason.code == "reserved":
            for lot in entry.taken:
                code, facts = self._taken(lot)
                yield self.item(code, facts)
        if not outwards or within:
            for lot in entry.put:
                if lot.reserved_for is None:
                    code, facts = self._put(lot, entry.at)
                    yield self.item(code, facts)

    @staticmethod
    def _lot(lot: Lot) -> dict[str, Told]:
        end = lot.validity.expires_at
        return {
            "amount": lot.amount,
            "label": lot.label,
            "source": None if lot.source is None else about_of(lot.source),
            "earned_at": lot.credited_at,
            "until": None if end is None else End(end),
        }

    def _taken(self, lot: Lot) -> tuple[str, dict[str, Told]]:
        if lot.is_debt:
            return "lot.owed", self._lot(lot)
        return ("lot.taken_plain" if lot.source is None else "lot.taken"), self._lot(lot)

    def _put(self, lot: Lot, at: datetime) -> tuple[str, dict[str, Told]]:
        if lot.is_debt:
            return "lot.paid_debt", self._lot(lot)
        validity = lot.validity
        facts = self._lot(lot) | {
            "available_at": validity.available_at,
            "needs": validity.needs,
            "held_by": validity.held_by,
            "lasts": lasting_of(validity.expires_after),
        }
        if validity.on_confirmation:
            return "lot.put_on_confirmation", facts
        return ("lot.put_later" if is_pending(lot, at) else "lot.put"), facts

    def _grant(self, entry: GrantEntry) -> Item:
        grant = entry.grant
        facts = self._shared(entry) | {
            "key": grant.key,
            "value": grant.value,
            "from": grant.valid_from if grant.valid_from > entry.at else None,
            "until": None if grant.valid_until is None else End(grant.valid_until),
            "uses": grant.uses,
            "giver": grant.giver,
            "rule": entry.rule or None,
        }
        change = f"grant.any_{entry.change.value}"
        as_before = entry.change is GrantChange.RESTORED and entry.reason.code == "taken_back"
        return self.item(change if as_before else f"grant.{entry.reason.code}", facts, change)

    def _wake(self, entry: WakeEntry) -> Item:
        wake_up = entry.wake_up
        facts: dict[str, Told] = dict(wake_up.facts)
        rule = entry.rule or wake_up.facts.get("rule")
        facts |= self._shared(entry) | {"due": wake_up.at, "name": wake_up.name, "rule": rule or None}
        change = (
            "set" if entry.change is WakeChange.SET else "fell_due" if entry.cause != self.commit.event.id else "ended"
        )
        kind = "lapse_" if wake_up.policy == LAPSE else f"{wake_up.name[1:]}_" if wake_up.name[0] == "~" else ""
        return self.item(f"wake.{kind}{change}", facts, f"wake.{change}")

    def _benefit(self, benefit: Benefit) -> Item:
        shares: tuple[Told, ...] = ()
        if benefit.amount is not None:
            unit = benefit.amount.unit
            shares = tuple(
                Clause("word.share", FrozenMapping({"amount": Amount(steps, unit), "line": line}))
                for line, steps in benefit.shares.items()
            )
        facts: dict[str, Told] = {
            "reward": benefit.reward,
            "amount": benefit.amount,
            "quantity": benefit.quantity,
            "shares": shares,
            "item": benefit.item,
        }
        kind = f"benefit.{benefit.kind.value}"
        return self.item(f"{kind}_{benefit.reward}", facts, kind, "benefit.other")

    # What did not apply.

    def _not_applied(self, told: Answers) -> Iterator[Item]:
        event = self.commit.event
        if isinstance(event, Purchase) and not event.lines:
            yield self.item("not.empty", {})
            return
        for answer in told:
            if not answer.by_rules:
                continue
            policy, named = answer.policy, self.rules.named(answer.policy)
            if answer.problem is not None:
                yield self.item("not.failed", {"policy": policy, "problem": answer.problem})
            elif not named:
                if not answer.effects:
                    yield self.item("not.policy", {"policy": policy})
                continue
            for rule in named:
                if rule in answer.applied or answer.problem is not None:
                    continue
                why = next((each for each in answer.trace if each.rule == rule), None)
                code, facts = self._why_not(policy, rule, event)
                if why is not None:
                    code, facts = why.code, {**self._why(answer.occasion, policy, rule, why.facts), "why": why.code}
                facts |= {"policy": policy, "rule": rule}
                yield self.item(f"not.{code}", facts, "not.other")

    def _why_not(self, policy: str, name: str, event: Event) -> tuple[str, dict[str, Told]]:
        """Why a rule without a trace gave nothing."""
        rule = self.rules.of(policy, name)
        on = rule.on if isinstance(rule, BonusRule) else On.PURCHASE
        if on.value != type(event).__name__.lower():
            return "other_event", {"on": Clause(f"word.{on.value}")}
        group = getattr(rule, "group", None)
        if group is not None:
            return "group", {"group": group}
        return ("nothing_to_multiply" if isinstance(rule, MultiplierRule) else "no_effect"), {}

    def _why(self, occasion: object, policy: str, name: str, facts: Mapping[str, Fact]) -> dict[str, Told]:
        """The facts of a rule that did not apply: its condition, lines and limit as they stand in the terms."""
        rule = self.rules.of(policy, name)
        found: dict[str, Told] = {key: fact for key, fact in facts.items() if key != "condition"}
        when, lines, per = (getattr(rule, key, None) for key in ("when", "lines", "per"))
        if when is not None:
            found["condition"] = tuple(clause_of(each) for each in failing(when, occasion))
        if lines is not None:
            found["lines"] = clause_of(lines)
        if isinstance(per, Amount):
            found["currency"] = per.unit
        found["paid"] = getattr(self.commit.event, "currency", None)
        found["activity"] = getattr(rule, "activity", None)
        wanted, unit = facts.get("wanted"), found.pop("unit", None)
        found["wanted"] = Amount(wanted, unit) if isinstance(wanted, int) and isinstance(unit, str) else None
        if not found.get("ceiling") and isinstance(per, Amount):
            limits = [each.name for each in getattr(rule, "ceilings", ()) if each.limit.unit == per.unit]
            found["ceiling"] = limits[0] if limits else None
        return found

    # Deciding again.

    def _check(
        self, told: Answers | None, before: State | None, history: Iterable[Commit], others: Sequence[State]
    ) -> tuple[bool | None, Item]:
        if before is not None and not isinstance(self.commit.event, Counterpart | Rerated):
            what = self._differing(before, history, others)
            if what is None:
                return True, self.item("check.same_with_state", {})
            return False, self.item("check.differs_other", {"what": what})
        if told is None:
            replay = isinstance(self.commit.event, Rerated)
            return None, self.item("check.replay" if replay else "check.no_rules", {})
        if self.bound.effective_from != self.commit.terms_from:
            return False, self.item("check.no_terms", {"terms_from": self.commit.terms_from})
        difference = same_as_recorded(self.commit, told)
        if difference is None:
            return True, self.item("check.same", {})
        code, facts = difference
        return False, self.item(code, facts)

    def _differing(self, before: State, history: Iterable[Commit], others: Sequence[State]) -> str | None:
        """The first part of the commit that comes out otherwise when it is decided again on *before*."""
        commit = self.commit
        past = [each for each in history if each.account != commit.account or each.version < commit.version]
        try:
            if isinstance(commit.event, TimePassed):
                commits = self.program.advance(before, commit.event.occurred_at).commits
            else:
                commits = self.program.decide(before, commit.event, history=past, others=others).commits
        except PatronageError as error:
            return str(error)
        made = next((each for each in commits if each.account == commit.account), None)
        if made is None:
            return type(commit).__name__.lower()
        stamped = attrs.evolve(
            made,
            fingerprint=commit.fingerprint,
            terms_digest=commit.terms_digest,
            recorded_at=commit.recorded_at,
        )
        names = (field.name for field in attrs.fields(Commit) if field.eq)
        return next((name for name in names if getattr(stamped, name) != getattr(commit, name)), None)


__all__ = [
    "ENGLISH",
    "Clause",
    "Either",
    "End",
    "EntryExplained",
    "Explanation",
    "Figure",
    "Item",
    "Phrases",
    "Told",
    "explain",
    "refusal_sentence",
]
