"""A ready occasion, and a check that a caller's policy keeps the rules by which policies are asked."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import attrs

from patronage._frozen import FrozenMapping
from patronage.errors import PatronageError, quote
from patronage.events import Activity, Enrolment, Event, Line, Purchase, Refund
from patronage.ledger import Account, Balance, Basis, Commit, Grant, Source
from patronage.occasions import EFFECTS, Credit, Debit, Effect, Occasion, SetTo, Trigger
from patronage.periods import Calendar
from patronage.policies import Policy
from patronage.program import Program
from patronage.state import State
from patronage.terms import Terms
from patronage.units import Amount, Unit, currency

AT: Final = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
"""A Thursday in March: when things happen in this kit unless told."""
MEMBER: Final = "m-1"
USD: Final = currency("USD")
POINTS: Final = Unit("points")
UNITS: Final = (USD, POINTS)

_SEEDS: Final = ("1", "2")
_SECONDS_MAX: Final = 60
_ASKED: Final = (Purchase, Enrolment, Activity)
_OTHER_PROCESS: Final = (
    "import pickle, sys\n"
    "out, sys.stdout = sys.stdout.buffer, sys.stderr\n"
    "policy, occasions = pickle.load(sys.stdin.buffer)\n"
    "answers = [tuple(policy.effects(occasion)) for occasion in occasions]\n"
    "pickle.dump(answers, out)\n"
)


class PolicyCheckError(PatronageError, AssertionError):
    """A policy breaks a rule by which policies are asked: the sentence says which, and on which event."""

    def __init__(self, policy: str, message: str) -> None:
        super().__init__(policy, message)
        self.policy, self.message = policy, message

    def __str__(self) -> str:
        return f"Policy {quote(self.policy)}: {self.message}"


class PolicyCodec(Protocol):
    """What a codec must do for the round trip: `patronage.codec.Codec` does."""

    def dump(self, value: object) -> str:
        """The value as a document."""
        ...

    def load(self, document: str, cls: Any) -> Any:
        """The value of a document."""
        ...


@attrs.frozen
class PolicyCheck:
    """What `check_policy` did: how many *answers* it compared, and what it had to leave out, in sentences."""

    answers: int
    skipped: tuple[str, ...]


def purchase(
    total: Amount | str = "100.00",
    *,
    id: str = "o-1",
    member: str = MEMBER,
    at: datetime = AT,
    lines: Iterable[Line] | None = None,
) -> Purchase:
    """A purchase: of 100.00 USD in one line unless told."""
    one = Line(total=total if isinstance(total, Amount) else USD.of(total))
    return Purchase(id=id, member=member, occurred_at=at, lines=(one,) if lines is None else tuple(lines))


def grant(
    key: str,
    value: str | None = None,
    *,
    since: datetime = AT - timedelta(days=30),
    until: datetime | None = None,
    uses: int | None = None,
    member: str = MEMBER,
) -> Grant:
    """A grant in force at the kit's instant, given by an operator: a tier, a membership, an activated offer."""
    return Grant(key, value, since, until, uses, "@kit", "", Source(Account.member(member), "kit"))


def occasion(
    event: Event | None = None,
    *,
    at: datetime | None = None,
    trigger: Trigger | None = None,
    member: str | None = None,
    grants: Iterable[Grant] = (),
    balances: Iterable[Amount | Balance] = (),
    units: Iterable[Unit] = UNITS,
    time_zone: str = "UTC",
) -> Occasion:
    """
    What a policy or a condition is shown, ready: a purchase of 100.00 USD on 5 March 2026 at 10:00 unless told.

    *at* is the event's instant unless told. *grants* are those in force (see `grant`), *balances*
    what the member has: an Amount, or a Balance where it is under a label. With a *trigger* there
    is no event.
    """
    if event is None and trigger is None:
        event = purchase(member=member or MEMBER, at=at or AT)
    held = [each if isinstance(each, Balance) else Balance(each.unit, None, each.steps) for each in balances]
    return Occasion(
        at or (AT if event is None else event.occurred_at),
        Account.member(member or (MEMBER if event is None else event.member)),
        event,
        trigger,
        Basis(tuple(grants), tuple(held)),
        Calendar(time_zone),
        FrozenMapping({unit.code: unit for unit in units}),
    )


def check_policy(
    policy: Policy,
    events: Iterable[Event],
    *,
    units: Iterable[Unit] = UNITS,
    grants: Iterable[Grant] = (),
    balances: Iterable[Amount | Balance] = (),
    time_zone: str = "UTC",
    codec: PolicyCodec | None = None,
) -> PolicyCheck:
    """
    Asks *policy* about *events*, and raises PolicyCheckError where it breaks a rule for policies.

    That it cannot be changed, and hashes; that it answers with effects, in whole steps of *units*;
    the same each time, also in other processes with other hash seeds; that it gives nothing for an
    empty basket, and keeps nothing once everything is refunded; with a *codec*, that it survives the
    round trip. *grants* and *balances* are what the policy can read. For the other processes the
    policy must be importable (a class of a module, not of a function or of `__main__`): else that
    is left out, and `skipped` says so.
    """
    check = _Check(policy, tuple(events), tuple(units), time_zone)
    check.is_frozen()
    check.holds_together()
    asked = [event for event in check.events if isinstance(event, _ASKED) and not _is_empty(event)]
    shown = [
        occasion(event, grants=grants, balances=balances, units=check.units, time_zone=time_zone) for event in asked
    ]
    answers = [check.answer(each) for each in shown]
    check.is_frozen()
    skipped = check.elsewhere(shown, answers)
    for event in asked:
        if isinstance(event, Purchase):
            check.comes_back(event)
    check.gives_nothing_for_nothing()
    if codec is not None:
        check.round_trip(codec)
    return PolicyCheck(len(answers), skipped)


def _is_empty(event: Event) -> bool:
    return isinstance(event, Purchase) and not event.lines


class _Check:
    """The checks of one policy."""

    def __init__(self, policy: Policy, events: tuple[Event, ...], units: tuple[Unit, ...], time_zone: str) -> None:
        self.policy, self.events, self.units, self.time_zone = policy, events, units, time_zone
        self.name = str(getattr(policy, "name", type(policy).__name__))
        self.codes = {unit.code for unit in units}

    def fail(self, message: str) -> PolicyCheckError:
        """The error that says *message* of the policy."""
        return PolicyCheckError(self.name, message)

    def is_frozen(self) -> None:
        """It cannot be changed, and it hashes."""
        policy = self.policy
        try:
            hash(policy)
        except TypeError as error:
            raise self.fail(
                f"it is not hashable ({error}): make it a frozen attrs class or dataclass, and lists tuples."
            ) from None
        for name in _attributes(policy):
            try:
                setattr(policy, name, getattr(policy, name))
            except (AttributeError, TypeError):
                continue
            raise self.fail(f"its {name} can be set: make it a frozen attrs class or a frozen dataclass.")

    def holds_together(self) -> None:
        """Terms take it."""
        try:
            self.program = Program(
                id="check", time_zone=self.time_zone, terms=Terms(units=self.units, policies=(self.policy,))
            )
        except PatronageError as error:
            raise self.fail(f"terms do not take it: {error}") from error

    def answer(self, shown: Occasion) -> tuple[Effect, ...]:
        """Its answer, asked twice, each effect looked at."""
        where = _where(shown)
        first, second = self.ask(shown), self.ask(shown)
        if first != second:
            raise self.fail(
                f"it answered {where} in two ways, {quote(first)} and {quote(second)}: "
                "it may use nothing but the occasion, no clock, no chance and nothing remembered."
            )
        for effect in first:
            self.look_at(effect, where)
        return first

    def ask(self, shown: Occasion) -> tuple[Effect, ...]:
        """Its answer to one occasion."""
        try:
            return tuple(self.policy.effects(shown))
        except Exception as error:
            raise self.fail(f"it raised {type(error).__name__} on {_where(shown)}: {error}") from error

    def look_at(self, effect: object, where: str) -> None:
        """It is an effect, its amount is one of a unit that the policy was given."""
        if not isinstance(effect, EFFECTS):
            raise self.fail(f"it answered {where} with {quote(effect)}: give Credit, Debit, SetTo, Give, Use, ...")
        if not isinstance(effect, Credit | Debit | SetTo):
            return
        amount: object = effect.amount
        if not isinstance(amount, Amount):
            raise self.fail(
                f"it answered {where} with an amount of {quote(amount)} ({type(amount).__name__}): "
                "an amount is an Amount, whole steps of a unit, made by the unit's of or steps."
            )
        if amount.unit not in self.codes:
            units = ", ".join(sorted(self.codes))
            raise self.fail(f"it answered {where} with {quote(amount.unit)}, which is none of its units: {units}.")

    def elsewhere(self, shown: Sequence[Occasion], answers: Sequence[tuple[Effect, ...]]) -> tuple[str, ...]:
        """Other processes with other hash seeds answer the same; a sentence where they could not be asked."""
        if not shown:
            return ()
        try:
            sent = pickle.dumps((self.policy, list(shown)))
        except Exception as error:
            return (f"Other hash seeds were not tried, for the policy cannot be sent to another process: {error}",)
        for seed in _SEEDS:
            told = _told_elsewhere(sent, seed)
            if isinstance(told, str):
                return (f"Other hash seeds were not tried, for another process could not ask the policy: {told}",)
            for each, here, there in zip(shown, answers, told, strict=True):
                if here != there:
                    raise self.fail(
                        f"it answered {_where(each)} otherwise in another process, {quote(here)} and "
                        f"{quote(there)}: put sets in an order (sorted) before their order matters, "
                        "and use no hash() and no id()."
                    )
        return ()

    def comes_back(self, bought: Purchase) -> None:
        """Once all of a purchase is refunded, nothing of what it earned is left."""
        state, history = State.of(bought.member), list[Commit]()
        at = bought.occurred_at
        returned = Refund(id=f"{bought.id}-refund", member=bought.member, occurred_at=at, purchase=bought.id)
        for event in (bought, returned):
            try:
                decision = self.program.decide(state, event, history=history).require()
            except PatronageError as error:
                raise self.fail(f"purchase {quote(bought.id)} and its refund could not be decided: {error}") from error
            history.extend(decision.commits)
            state = decision.state or state
        left = {lot.unit for held in state.lots.values() for lot in held} | {lot.unit for lot in state.pending}
        left |= {grant.key for grant in state.grants if not grant.ended}
        if left:
            raise self.fail(
                f"when all of purchase {quote(bought.id)} is refunded, {', '.join(sorted(left))} are not as before: "
                "what a purchase gives must follow from the purchase that it is shown."
            )

    def gives_nothing_for_nothing(self) -> None:
        """An empty basket earns nothing."""
        empty = Purchase(id="kit-empty", member=MEMBER, occurred_at=AT, lines=())
        decision = self.program.decide(State.of(MEMBER), empty)
        if decision.entries:
            raise self.fail("it gives something for a purchase without lines.")

    def round_trip(self, codec: PolicyCodec) -> None:
        """The codec writes it, and reads back an equal one."""
        try:
            document = codec.dump(self.policy)
            back = codec.load(document, Policy)
        except PatronageError as error:
            cls = type(self.policy).__name__
            raise self.fail(
                f"the codec does not take it ({error}): codec.register({cls}, tag='shop.{cls.lower()}', of=Policy)."
            ) from error
        if back != self.policy:
            raise self.fail(f"the codec gives back {quote(back)}, which is not equal to {quote(self.policy)}.")
        if codec.dump(back) != document:
            raise self.fail("the codec writes two equal policies in two ways: keep no sets in no order.")


def _attributes(policy: object) -> list[str]:
    """The attributes that a policy keeps."""
    cls = type(policy)
    names = {"name", *getattr(policy, "__dict__", ())}
    if attrs.has(cls):
        names.update(field.name for field in attrs.fields(cls))
    if is_dataclass(policy):
        names.update(field.name for field in fields(policy))
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        names.update((slots,) if isinstance(slots, str) else slots)
    return sorted(name for name in names if not name.startswith("__") and hasattr(policy, name))


def _where(shown: Occasion) -> str:
    event = shown.event
    return "an occasion of time" if event is None else f"{type(event).__name__} {quote(event.id)}"


def _told_elsewhere(sent: bytes, seed: str) -> list[tuple[Effect, ...]] | str:
    """The answers of another process with that hash seed; a sentence where it failed."""
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _OTHER_PROCESS],
            input=sent,
            capture_output=True,
            env=environment,
            timeout=_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"it ended with {done.returncode}"
    told: list[tuple[Effect, ...]] = pickle.loads(done.stdout)  # What this very process asked for.
    return told
