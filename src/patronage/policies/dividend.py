"""DividendPolicy: patronage by member and period, and a share of what is declared for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import DONATED, PAID_OUT, Account, AccountKind
from patronage.building import build_booking
from patronage.conditions import condition_or_none
from patronage.dividends import ClassDeclared, DividendDeclared, DividendShare
from patronage.errors import InvalidValueError, quote
from patronage.events import word
from patronage.figures import Setting
from patronage.ledger import ISSUED, BenefitKind, Booking, Fact, Grant, Reason, Refusal, RejectionCode, Validity
from patronage.occasions import (
    AT_ONCE,
    Condition,
    Credit,
    Debit,
    Effect,
    Give,
    HandOver,
    Life,
    LotEnded,
    Occasion,
    Read,
    Revoke,
)
from patronage.periods import Calendar, Lifetime, Period, Span, format_instant
from patronage.policies.base import Asked, BoundPolicy
from patronage.policies.dividend_parts import (
    BelowMinimum,
    LateReturns,
    PatronageClass,
    SharedBy,
    cash_share,
    classes_of,
)
from patronage.policies.dividend_record import RULE, PatronageRecord, RecordTerms
from patronage.policies.mechanisms import combined
from patronage.policies.payouts import PaidAs
from patronage.rules import above_zero, name
from patronage.sharing import Cut
from patronage.state import State
from patronage.terms_of_time import Term, years
from patronage.units import Amount, Rounding, build_amount, round_to_steps
from patronage.watching import check_period

QUALIFIED: Final = Fraction(1, 5)
"""At least this share of a qualified patronage dividend is paid in cash."""
CASH: Final = "cash"
RETAINED: Final = "retained"
BELOW: Final = "below_minimum"
"""The rules of a dividend policy: what is paid, what is kept for the member as equity, what is too little."""


@attrs.frozen(kw_only=True)
class DividendPolicy:
    """
    Counts patronage by class over each *period*, and pays shares of the dividend that is declared for it, in *credits*.

    *record* after the close (at it, unless told) the *eligible* get the right to a share, open for
    *open_for*; returns lower it until *returns* after the close, then they are *late_returns*. A pool is
    shared pro rata as *shared_by* says; where each share is rounded on its own, as those of a rate are, it
    is by *rounding*. What is below *minimum* (with *minimum_exact* before rounding) goes as
    *below_minimum* says, donations to *donated_to*. The share *cash* is paid now as *paid_as* says, with
    *life* and *label*, rounded by *cash_rounding*; the rest is kept under *retained_label* with
    *retained_life*, or paid out after *revolves_after*. *qualified* asks for a fifth in cash at least.
    """

    name: str = attrs.field(converter=name)
    period: Period
    credits: str = attrs.field(converter=word)
    classes: tuple[PatronageClass, ...] = attrs.field(converter=classes_of)
    eligible: Condition | None = attrs.field(default=None, converter=condition_or_none)
    record: Term | None = None
    returns: Term | None = None
    open_for: Term = years(2)
    late_returns: LateReturns = attrs.field(
        default=LateReturns.NEXT_PERIOD, validator=attrs.validators.instance_of(LateReturns)
    )
    shared_by: SharedBy = attrs.field(
        default=SharedBy.LARGEST_REMAINDER, validator=attrs.validators.instance_of(SharedBy)
    )
    rounding: Rounding = Rounding.HALF_UP
    minimum: Amount | None = attrs.field(default=None, validator=attrs.validators.optional(above_zero))
    minimum_exact: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    below_minimum: BelowMinimum = attrs.field(
        default=BelowMinimum.CARRIED, validator=attrs.validators.instance_of(BelowMinimum)
    )
    donated_to: Account = DONATED
    cash: Fraction = attrs.field(default=Fraction(1), converter=cash_share)
    cash_rounding: Rounding = Rounding.CEILING
    qualified: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    paid_as: PaidAs = attrs.field(default=PaidAs.CREDIT, validator=attrs.validators.instance_of(PaidAs))
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    retained_label: str = attrs.field(default="equity", converter=word)
    retained_life: Life = AT_ONCE
    revolves_after: Term | None = None

    def __attrs_post_init__(self) -> None:
        check_period(self.period, None, f"Dividend {self.name}")
        if isinstance(self.period, Lifetime):
            raise InvalidValueError(f"Dividend {self.name} is of periods that close: a lifetime never does.")
        if self.minimum is not None and self.minimum.unit != self.credits:
            raise InvalidValueError(f"The minimum of dividend {self.name} is in {self.credits}, which it credits.")
        if self.minimum is None and self.minimum_exact:
            raise InvalidValueError("minimum_exact says how a minimum is asked for: give the minimum.")
        if self.qualified and self.cash < QUALIFIED:
            raise InvalidValueError(
                f"A qualified dividend is paid in cash to a fifth at least (0.20), not to {self.cash}."
            )
        if self.donated_to.kind is not AccountKind.SYSTEM:
            raise InvalidValueError(f"Donations go to a system account, not to {quote(self.donated_to)}.")
        if self.paid_as is PaidAs.MONEY and (self.label is not None or self.life != AT_ONCE):
            raise InvalidValueError(f"Dividend {self.name} pays money: that has no life and no label here.")
        if self.revolves_after is not None and self.retained_life != AT_ONCE:
            raise InvalidValueError("What is retained revolves after a term, or has a life of its own: not both.")
        if len({self.paid_label, self.retained_label, self.carried_label}) < 3:
            raise InvalidValueError("What is paid, retained and carried is kept under labels of its own each.")
        for life in (self.life, self.retained_life):
            if life.on_confirmation:
                raise InvalidValueError("A dividend waits for no confirmation: give its life an available_after.")

    @property
    def paid_label(self) -> str | None:
        """The label of what is paid: its own for a voucher, and for money while it goes out."""
        return self.name if self.label is None and self.paid_as is not PaidAs.CREDIT else self.label

    @property
    def carried_label(self) -> str:
        """The label of what was too little and waits for the next dividend."""
        return f"{self.name}.carried"

    @property
    def right(self) -> str:
        """The key of the rights to a share: a patronage each, by period and class."""
        return f"{self.name}.{RULE}"

    @property
    def recording(self) -> RecordTerms:
        """When a period's patronage is looked at."""
        return RecordTerms(
            period=self.period,
            record=self.record,
            returns=self.returns,
            open_for=self.open_for,
            eligible=self.eligible,
            late=self.late_returns,
        )

    def span(self, of: datetime, calendar: Calendar) -> Span:
        """The period that holds an instant. Raises InvalidValueError where there is none."""
        return self.period.span(of, calendar)

    def recorded_at(self, of: datetime, calendar: Calendar) -> datetime:
        """The record date of the period that holds *of*."""
        return self.recording.recorded_at(self.span(of, calendar), calendar)

    def final_at(self, of: datetime, calendar: Calendar) -> datetime:
        """When the patronage of the period that holds *of* is final: a dividend is issued then, or later."""
        return self.recording.final_at(self.span(of, calendar), calendar)

    def patronage_of(self, state: State, period: str, at: datetime) -> Mapping[str, int]:
        """The patronage by class for which the account of *state* has a right to a share at *at*, in steps."""
        return {
            grant.occasion.partition("/")[2]: grant.uses or 0
            for grant in state.grants
            if grant.key == self.right and grant.in_force(at) and grant.occasion.partition("/")[0] == period
        }

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked. Raises InvalidValueError where classes and units do not fit."""
        setting.unit(self.credits, f"Dividend {self.name}")
        record = PatronageRecord(self.classes, self.recording, setting)
        bound = combined(setting, watchers=(record,), own=lambda occasion, _: self._answer(record, occasion))
        asked = _Dividend(self, record)
        reads = (*bound.reads, Read(self.credits, self.carried_label))
        leak = "a late return lowers no dividend: be paid, then return."
        if self.late_returns is LateReturns.NEXT_PERIOD:
            leak = "a late return lowers later dividends alone: be paid, return, and buy no more."
        triggers = self.revolves_after is not None
        return attrs.evolve(
            bound, asked=asked.answer, reads=reads, triggers=triggers, leaks=((RULE, leak),), feeds=(self.credits,)
        )

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the occasion adds to patronage, for a policy that stands alone: `Terms` binds it once instead."""
        setting = Setting(policy=self.name, units=occasion.units, calendar=occasion.calendar, refund_for=None)
        return self.bind(setting).answer(occasion, None)

    def _answer(self, record: PatronageRecord, occasion: Occasion) -> list[Effect]:
        """What a fact adds to patronage; retained shares whose time has come are paid out."""
        trigger = occasion.trigger
        if trigger is None:
            return list(record.counts(occasion))
        if not isinstance(trigger, LotEnded):
            return []
        lot = trigger.lot
        if (lot.unit, lot.label, lot.validity.goes_to) != (self.credits, self.retained_label, PAID_OUT):
            return []
        return [HandOver(kind=BenefitKind.PAYOUT, reward=self.name, amount=lot.amount, rule=RETAINED)]


class _Share:
    """What one class comes to for a member: exactly, and in whole steps."""

    __slots__ = ("exact", "name", "right", "rounding", "said", "steps")

    def __init__(self, name: str, right: Grant, exact: Fraction, steps: int, rounding: str, said: str) -> None:
        self.name, self.right, self.exact, self.steps = name, right, exact, steps
        self.rounding, self.said = rounding, said

    @property
    def told(self) -> str:
        """The class, what counted, and by what."""
        return f"{self.name} {self.said}"


class _Dividend:
    """What a dividend policy answers to the events that name it."""

    def __init__(self, policy: DividendPolicy, record: PatronageRecord) -> None:
        self._policy, self._record = policy, record

    def answer(self, occasion: Occasion, _: Mapping[Account, Occasion]) -> Asked:
        """A declaration on the shared account, or a member's share."""
        event = occasion.event
        if isinstance(event, DividendDeclared):
            return self._declare(occasion, event)
        if isinstance(event, DividendShare):
            return self._pay(occasion, event)
        return _refuse(RejectionCode.WRONG_ROOT, root=None if event is None else event.about)

    def _span(self, occasion: Occasion, of: datetime) -> Span | None:
        return self._record.clock.span(of, occasion.calendar, ())

    def _declare(self, occasion: Occasion, event: DividendDeclared) -> Asked:
        policy = self._policy
        span = self._span(occasion, event.of)
        unknown = [each.name for each in event.classes if all(each.name != known.name for known in policy.classes)]
        if span is None or unknown:
            return _refuse(RejectionCode.UNKNOWN_RULE, policy=policy.name, rule=(unknown or [RULE])[0])
        key = f"{policy.name}.declared"
        if any(grant.occasion == span.key for grant in occasion.grants(key)):
            return _refuse(RejectionCode.ALREADY_DECLARED, policy=policy.name, period=span.key)
        final = policy.recording.final_at(span, occasion.calendar)
        if event.issued_at < final:
            facts: dict[str, Fact] = {"policy": policy.name, "period": span.key, "final": format_instant(final)}
            return Refusal(RejectionCode.PATRONAGE_OPEN, FrozenMapping(facts))
        unit = event.classes[0].amount.unit
        if unit != policy.credits:
            return _refuse(RejectionCode.WRONG_UNIT, unit=unit)
        why = Reason("dividend_declared", FrozenMapping({"period": span.key}))
        return (Give(key=key, occasion=span.key, rule=RULE, why=why),)

    def _pay(self, occasion: Occasion, event: DividendShare) -> Asked:
        policy = self._policy
        span = self._span(occasion, event.of)
        rights = {grant.occasion: grant for grant in occasion.grants(policy.right)}
        shares = []
        for declared in event.classes:
            right = None if span is None else rights.get(f"{span.key}/{declared.name}")
            if right is not None:
                shares.append(self._share(occasion, declared, right, event.cuts.get(declared.name)))
        if span is None or not shares:
            return _refuse(RejectionCode.NO_PATRONAGE, policy=policy.name, period=None if span is None else span.key)
        effects: list[Effect] = [self._used(share.right) for share in shares]
        said = tuple(share.told for share in shares)
        facts: dict[str, Fact] = {"period": span.key, "of": said}
        why = Reason("dividend", FrozenMapping(facts))
        carried = max(0, occasion.balance(policy.credits, policy.carried_label))
        new, exact = sum(share.steps for share in shares), sum((share.exact for share in shares), Fraction(0))
        asked = exact + carried if policy.minimum_exact else Fraction(new + carried)
        if policy.minimum is not None and asked < policy.minimum.steps:
            return effects + self._too_little(new, why)
        if carried:
            amount = build_amount(carried, policy.credits)
            out = Reason("dividend_carried_on", FrozenMapping())
            effects.append(Debit(amount, rule=BELOW, label=policy.carried_label, why=out, payee=ISSUED))
        return effects + self._paid(occasion, event, shares, carried, why)

    def _used(self, right: Grant) -> Revoke:
        """The right ends, for it is paid."""
        period, _, name = right.occasion.partition("/")
        counted = self._record.text(name, right.uses or 0)
        why = Reason("patronage_paid", FrozenMapping({"period": period, "class": name, "counted": counted}))
        return Revoke(key=right.key, occasion=right.occasion, rule=RULE, own=True, why=why)

    def _share(self, occasion: Occasion, declared: ClassDeclared, right: Grant, cut: Cut | None) -> _Share:
        """What a patronage comes to: its part of the pool, or by the rate."""
        policy, decimals = self._policy, self._record.decimals(declared.name)
        weight = right.uses or 0
        counted = Fraction(weight, 10**decimals)
        digits = self._record.text(declared.name, weight)
        unit = occasion.units[policy.credits]
        if declared.credit is not None:
            exact = counted * declared.credit.steps / Fraction(declared.per)
            said = f"{digits} at {unit.text(declared.credit)} per {declared.per}"
            steps = round_to_steps(exact, policy.rounding)
            return _Share(declared.name, right, exact, steps, policy.rounding.value, said)
        assert cut is not None
        exact = Fraction(cut.total * weight, cut.weight) if cut.weight else Fraction(0)
        if policy.shared_by is SharedBy.ROUNDED:
            steps, rounding = round_to_steps(exact, policy.rounding), policy.rounding.value
        else:
            steps, rounding = cut.share(occasion.account.id, weight), policy.shared_by.value
        pool, whole = unit.digits(cut.total), self._record.text(declared.name, cut.weight)
        said = f"{digits} of {whole}, of a pool of {pool} {unit.code}"
        return _Share(declared.name, right, exact, steps, rounding, said)

    def _too_little(self, steps: int, why: Reason) -> list[Effect]:
        """A share below the minimum: it waits, or is given and goes on at once."""
        policy = self._policy
        if not steps:
            return []
        amount, label = build_amount(steps, policy.credits), policy.carried_label
        if policy.below_minimum is BelowMinimum.CARRIED:
            return [Credit(amount, rule=BELOW, label=label, why=why)]
        donated = policy.below_minimum is BelowMinimum.DONATED
        label = f"{policy.name}.below"
        out = Reason("dividend_donated" if donated else "dividend_dropped", FrozenMapping())
        payee = policy.donated_to if donated else ISSUED
        return [
            Credit(amount, rule=BELOW, label=label, why=why),
            Debit(amount, rule=BELOW, label=label, why=out, payee=payee),
        ]

    def _paid(
        self, occasion: Occasion, event: DividendShare, shares: Sequence[_Share], carried: int, why: Reason
    ) -> list[Effect]:
        """What is paid in cash, and what is retained."""
        policy, effects = self._policy, list[Effect]()
        total = carried + sum(share.steps for share in shares)
        exact = total * policy.cash
        cash = min(total, round_to_steps(exact, policy.cash_rounding))
        if policy.qualified:
            cash = max(cash, -(-total // 5))
        if cash:
            validity = policy.life.resolve(occasion.at, occasion.calendar)
            if event.expires_at is not None and policy.paid_as is not PaidAs.MONEY:
                validity = attrs.evolve(validity, expires_at=event.expires_at)
            books = self._by_class(shares, carried) if cash == total else self._part(CASH, cash, total, exact)
            effects.append(self._credit(CASH, cash, books, policy.paid_label, validity, why))
            effects += self._handed_over(cash)
        kept = total - cash
        if kept:
            validity = policy.retained_life.resolve(occasion.at, occasion.calendar)
            if policy.revolves_after is not None:
                end = policy.revolves_after.end(occasion.at, occasion.calendar)
                validity = Validity(expires_at=end, goes_to=PAID_OUT)
            books = self._by_class(shares, carried) if not cash else self._part(RETAINED, kept, total, total - exact)
            effects.append(self._credit(RETAINED, kept, books, policy.retained_label, validity, why))
        return effects

    def _credit(
        self, rule: str, steps: int, books: tuple[Booking, ...], label: str | None, validity: Validity, why: Reason
    ) -> Credit:
        amount = build_amount(steps, self._policy.credits)
        return Credit(amount, rule=rule, label=label, why=why, books=books, validity=validity)

    def _part(self, rule: str, steps: int, total: int, exact: Fraction) -> tuple[Booking, ...]:
        """The part of a share that is paid, or retained."""
        rounding = self._policy.cash_rounding.value
        ratio = (exact.numerator, exact.denominator)
        return (build_booking(rule, steps, steps, (total, 1), ratio, "", rounding, (), None),)

    def _by_class(self, shares: Sequence[_Share], carried: int) -> tuple[Booking, ...]:
        """A share that is not divided, by what each class has in it."""
        books = [
            build_booking(
                share.name,
                share.steps,
                share.steps,
                (share.right.uses or 0, 1),
                (share.exact.numerator, share.exact.denominator),
                share.said,
                share.rounding,
                (),
                None,
            )
            for share in shares
            if share.steps
        ]
        if carried:
            books.append(build_booking(BELOW, carried, carried, (carried, 1), (carried, 1), "", "", (), None))
        return tuple(books)

    def _handed_over(self, cash: int) -> Sequence[Effect]:
        """A voucher is told; money goes out at once."""
        policy = self._policy
        if policy.paid_as is PaidAs.CREDIT:
            return ()
        amount = build_amount(cash, policy.credits)
        if policy.paid_as is PaidAs.VOUCHER:
            return (HandOver(kind=BenefitKind.VOUCHER, reward=policy.name, amount=amount, rule=CASH),)
        out = Reason("dividend_paid_out", FrozenMapping())
        return (
            Debit(amount, rule=CASH, label=policy.paid_label, why=out, payee=PAID_OUT),
            HandOver(kind=BenefitKind.PAYOUT, reward=policy.name, amount=amount, rule=CASH),
        )


def _refuse(code: RejectionCode, **facts: Fact) -> Refusal:
    return Refusal(code, FrozenMapping(facts))


__all__ = ["BelowMinimum", "DividendPolicy", "LateReturns", "PatronageClass", "SharedBy"]
