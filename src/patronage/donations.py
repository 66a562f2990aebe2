"""Donations: what was given for each charity in each period, what came back, what was paid. Pure: commits go in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import attrs

from patronage.errors import InvalidValueError, quote
from patronage.ledger import AccountKind, BenefitKind, Commit, Transfer
from patronage.periods import Period, Span
from patronage.policies.donation import DonationPolicy
from patronage.program import Program
from patronage.settling import CONSUMED
from patronage.units import Amount

_MICROSECOND: Final = timedelta(microseconds=1)


@attrs.frozen(kw_only=True)
class Donated:
    """
    What one charity got in one period: *given*, less what *returned* with refunds in it; *paid* is its money.

    A return counts in the period in which it happens. A payout counts in the period that it closes.
    """

    charity: str
    period: Span
    given: Amount
    returned: Amount
    paid: Amount | None

    @property
    def net(self) -> Amount:
        """Given less returned; below zero where more came back than was given."""
        return self.given - self.returned


class DonationReport:
    """
    Adds up commits, in any order, into a `Donated` for each charity and *period* of the program's calendar.

    The commits are those of members, and for what was paid those of the charities' shared accounts. It
    keeps its rows and nothing else: a million members need not be in memory. Raises InvalidValueError where the
    program has no donation policy of that name.
    """

    def __init__(self, program: Program, policy: str, period: Period) -> None:
        versions = [each for terms in program.terms for each in terms.policies if each.name == policy]
        found = [each for each in versions if isinstance(each, DonationPolicy)]
        if not found:
            raise InvalidValueError(f"The program has no donation policy {quote(policy)}.")
        self._program, self._policy, self._period = program, policy, period
        self._units = {each.unit for each in found}
        self._accounts = {each.account(charity): charity for each in found for charity in each.charities}
        self._unit, self._money = found[-1].unit, found[-1].money
        self._rows: dict[tuple[str, str], tuple[Span, list[int]]] = {}

    def add(self, commit: Commit) -> None:
        """One commit, of any account."""
        if commit.account.kind is AccountKind.MEMBER:
            for entry in commit.entries:
                if isinstance(entry, Transfer) and entry.unit in self._units and entry.label is not None:
                    if entry.payee == commit.account != entry.payer:
                        self._row(entry.label, entry.at)[0] += entry.steps
                    elif entry.payer == commit.account != entry.payee:
                        self._row(entry.label, entry.at)[1] += entry.steps
        elif commit.account in self._accounts:
            charity = self._accounts[commit.account]
            closes = [entry for entry in commit.entries if isinstance(entry, Transfer) and entry.reason == CONSUMED]
            paid = [each for each in commit.benefits if each.kind is BenefitKind.PAYOUT and each.amount is not None]
            for entry, benefit in zip(closes, paid, strict=True):
                assert benefit.amount is not None
                self._row(charity, entry.at - _MICROSECOND)[2] += benefit.amount.steps

    def rows(self) -> tuple[Donated, ...]:
        """What was added so far, by period and charity."""
        money = self._money
        return tuple(
            Donated(
                charity=charity,
                period=span,
                given=Amount(given, self._unit),
                returned=Amount(returned, self._unit),
                paid=None if money is None else Amount(paid, money),
            )
            for (charity, _), (span, (given, returned, paid)) in sorted(
                self._rows.items(), key=lambda row: (row[1][0].start, row[0])
            )
        )

    def _row(self, charity: str, at: datetime) -> list[int]:
        span = self._period.span(at, self._program.calendar)
        return self._rows.setdefault((charity, span.key), (span, [0, 0, 0]))[1]


def donations(program: Program, policy: str, period: Period, commits: Iterable[Commit]) -> tuple[Donated, ...]:
    """The report of *commits*: see `DonationReport`."""
    report = DonationReport(program, policy, period)
    for commit in commits:
        report.add(commit)
    return report.rows()
