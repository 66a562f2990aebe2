"""Ceilings at work: how much room is left, what is trimmed, and the tally that counts the use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from hashlib import blake2b
from typing import Final, Protocol

from patronage._frozen import FrozenMapping
from patronage.accounts import Account
from patronage.building import build_booking
from patronage.errors import InvalidValueError
from patronage.ledger import ALWAYS, Basis, Reason, Validity
from patronage.occasions import AT_ONCE, Credit, Occasion, build_credit
from patronage.periods import LATEST, Calendar, Period
from patronage.rules import Ceiling, EarningRule, Grain, SpendRule
from patronage.terms_of_time import Rolling, Term
from patronage.units import build_amount

_CACHE_MAX: Final = 4_096
_STATED_MAX: Final = 32  # A label has room for the period and for this.
COUNTED: Final = Reason("counted", FrozenMapping())


class Award(Protocol):
    """What a ceiling trims: steps that a rule would credit."""

    steps: int
    trimmed_by: str | None

    @property
    def base(self) -> tuple[int, int]:
        """What the rule counted."""
        ...


Uses = dict[tuple["BoundCeiling", str], int]
"""What one evaluation has used so far, by ceiling and label of its tally."""


class BoundCeiling:
    """
    A ceiling with its tally: the unit `policy.ceiling`, labelled by period.

    The tally lives until the period's close plus the time in which refunds count, for a refund
    after the close still asks how much of that period was used. In a rolling period each use ends
    by itself. A shared ceiling has its tally on a shared account, or on one for each slice.
    """

    __slots__ = (
        "_days",
        "_keys",
        "_last",
        "_refund_for",
        "accounts",
        "ceiling",
        "on_balance",
        "on_spend",
        "tally",
        "unit",
    )

    def __init__(self, ceiling: Ceiling, on_spend: bool, policy: str, refund_for: Term | None) -> None:
        self.ceiling, self.on_spend, self.on_balance = ceiling, on_spend, ceiling.on_balance
        self.unit = ceiling.limit.unit
        self.tally = f"{policy}.{ceiling.name}" if ceiling.per is not None else None
        self._refund_for = refund_for
        self._days: dict[date, tuple[str, Validity]] = {}
        self._last: tuple[datetime, tuple[str, Validity]] | None = None
        self.accounts = slices_of(ceiling.shared, ceiling.slices)
        self._keys = [str(account) for account in self.accounts]

    @classmethod
    def of(cls, ceiling: Ceiling, rule: EarningRule | None, policy: str, refund_for: Term | None) -> BoundCeiling:
        """A ceiling of a rule (or of a whole policy), bound."""
        if rule is not None and ceiling.of:
            raise InvalidValueError(f"Ceiling {ceiling.name} is of the rule that has it: leave out what it is of.")
        if rule is None and ceiling.by_label:
            raise InvalidValueError(f"Ceiling {ceiling.name} counts by label: that goes with a rule, which has one.")
        if ceiling.beyond is not None and getattr(rule, "grain", None) is Grain.LINE:
            raise InvalidValueError(f"Ceiling {ceiling.name} has a rate beyond: the rule is rounded as a whole then.")
        on_spend = isinstance(rule, SpendRule) and (
            ceiling.limit.unit == rule.per.unit and (ceiling.of_spend or rule.per.unit != rule.credit.unit)
        )
        if ceiling.of_spend and not on_spend:
            raise InvalidValueError(f"Ceiling {ceiling.name} is of spend: it goes with a rule that counts that money.")
        if rule is not None and not on_spend and ceiling.limit.unit != rule.credit.unit:
            raise InvalidValueError(
                f"Ceiling {ceiling.name} is in {ceiling.limit.unit}: a rule's ceiling is in the unit that it credits, "
                "or in the money that it counts."
            )
        if ceiling.beyond is not None and not on_spend:
            raise InvalidValueError(f"Ceiling {ceiling.name} has a rate beyond: that goes with a limit of spend.")
        return cls(ceiling, on_spend, policy, refund_for)

    def period(self, at: datetime, calendar: Calendar) -> str:
        """The label of the period that holds *at*."""
        return self._count(at, calendar)[0]

    def _label(self, occasion: Occasion, label: str | None) -> str:
        if self.tally is None:
            return ""
        last = self._last
        key = last[1][0] if last is not None and last[0] is occasion.at else self.period(occasion.at, occasion.calendar)
        if self.ceiling.by_label:
            key = f"{key}/{label or ''}"
        return key if self.ceiling.by is None else f"{key}/{self._stated(occasion)}"

    def _stated(self, occasion: Occasion) -> str:
        """The value of the attribute that is counted apart; none is a value too. A long one is told by its digest."""
        value = getattr(occasion.event, "attributes", {}).get(self.ceiling.by)
        text = "" if value is None else str(value)
        return text if len(text) <= _STATED_MAX else blake2b(text.encode(), digest_size=16).hexdigest()

    def room(self, occasion: Occasion, label: str | None, uses: Uses) -> int:
        """How many steps still fit, never below zero."""
        limit = self.ceiling.limit.steps
        if self.on_balance:
            return max(0, limit - occasion.balance(self.unit, label))
        key = self._label(occasion, label)
        if self.accounts:
            return max(0, self.left(occasion.account, occasion.basis, key) - uses.get((self, key), 0))
        if uses:
            limit -= uses.get((self, key), 0)
        if self.tally is not None:
            limit -= occasion.balance(self.tally, key)
        return limit if limit > 0 else 0

    def account_for(self, member: Account) -> Account | None:
        """The shared account on which the use of *member* counts; None where it counts on the member's own."""
        return self.accounts[self._slice(member)] if self.accounts else None

    def left(self, member: Account, basis: Basis, label: str | None) -> int:
        """What is left of the period of *label* for *member*, by the basis: below zero where the limit was lowered."""
        limit, held = self.ceiling.limit.steps, basis.balances
        if self.accounts:
            slices, place = len(self.accounts), self._slice(member)
            limit = limit // slices + (place < limit % slices)  # The first slices have the odd steps.
            held = basis.others.get(self._keys[place], ())
        return limit - sum(one.steps for one in held if one.unit == self.tally and one.label == label)

    def _slice(self, member: Account) -> int:
        if len(self.accounts) == 1:
            return 0
        digest = blake2b(member.id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % len(self.accounts)

    def use(self, occasion: Occasion, label: str | None, steps: int, uses: Uses) -> None:
        """Counts *steps* as used by this event."""
        if steps and not self.on_balance:
            key = (self, self._label(occasion, label))
            uses[key] = uses.get(key, 0) + steps

    def trim(self, awards: Sequence[Award], occasion: Occasion, label: str | None, uses: Uses) -> int:
        """Grants the awards, in order, what fits: the last ones lose first. Gives what is left of them."""
        wanted = 0
        for award in awards:
            wanted += award.steps
        if self.ceiling.per_money is not None:
            base_n, base_d = max((award.base for award in awards), key=lambda b: b[0] * 10**9 // b[1], default=(0, 1))
            room = base_n * self.ceiling.limit.steps // (base_d * self.ceiling.per_money.steps)
        else:
            room = self.room(occasion, label, uses)
        if wanted <= room:
            return wanted
        over = wanted if self.ceiling.whole else wanted - room
        left = wanted
        for award in reversed(awards):
            if over and award.steps > 0:
                cut = award.steps if award.steps < over else over
                award.steps, award.trimmed_by = award.steps - cut, self.ceiling.name
                over -= cut
                left -= cut
        return left

    def counted(self, occasion: Occasion, label: str, steps: int) -> Credit:
        """The credit of the tally that counts a use."""
        assert self.tally is not None
        book = build_booking(self.ceiling.name, steps, steps, (steps, 1), (steps, 1), "", "", (), None)
        validity = self._count(occasion.at, occasion.calendar)[1]
        amount, name = build_amount(steps, self.tally), self.ceiling.name
        account = self.account_for(occasion.account)
        return build_credit(amount, name, label, AT_ONCE, COUNTED, (book,), validity, account)

    def counts(self, at: datetime, calendar: Calendar) -> tuple[str, Validity]:
        """The label of the period that holds *at*, and how long a use in it counts."""
        return self._count(at, calendar)

    def ends(self, at: datetime, calendar: Calendar) -> datetime | None:
        """When a use at *at* no longer counts; None for never."""
        return self._count(at, calendar)[1].expires_at

    def _count(self, at: datetime, calendar: Calendar) -> tuple[str, Validity]:
        """The label of the period that holds *at*, and how long a use in it counts: kept by local day."""
        last = self._last
        if last is not None and last[0] is at:  # One event asks several times.
            return last[1]
        per = self.ceiling.per
        assert per is not None
        if isinstance(per, Rolling):
            return "rolling", Validity(expires_at=per.term.end(at, calendar))
        day = calendar.day(at)
        known = self._days.get(day)
        if known is None:
            if len(self._days) > _CACHE_MAX:
                self._days.clear()
            known = self._days[day] = self._period(at, calendar, per)
        self._last = (at, known)
        return known

    def _period(self, at: datetime, calendar: Calendar, per: Period) -> tuple[str, Validity]:
        span = per.span(at, calendar)
        if span.end >= LATEST:
            return span.key, ALWAYS
        until = span.end if self._refund_for is None else self._refund_for.end(span.end, calendar)
        return span.key, Validity(expires_at=until)


def slices_of(shared: str | None, slices: int) -> tuple[Account, ...]:
    """The shared accounts that count a limit: one, or one for each slice."""
    if shared is None:
        return ()
    if slices == 1:
        return (Account.shared(shared),)
    return tuple(Account.shared(f"{shared}/{i}") for i in range(slices))
