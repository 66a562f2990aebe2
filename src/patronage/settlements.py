"""
Settlements: what each partner owes for what its sales issued, and is owed for what was converted to its units.

Pure: commits go in, rows come out. What came back is netted in the period in which it came back, at the
price that it was issued at, so a period that was settled does not change.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from fractions import Fraction

import attrs

from patronage.errors import InvalidValueError, quote
from patronage.ledger import AccountKind, Commit, Entry, Transfer
from patronage.partners import AgreedPrice, Agreement, Partner
from patronage.periods import Period, Span
from patronage.policies.partner import PartnerPolicy
from patronage.program import Program
from patronage.units import Amount, Rounding, rounded


class Owed(Enum):
    """For what: ISSUED, the program's units that the partner's sales issued; CONVERTED, the partner's own units."""

    ISSUED = "issued"
    CONVERTED = "converted"


@attrs.frozen(kw_only=True)
class Settled:
    """
    One partner, one period, one unit: what was *given*, less what was *returned* in it, and its price.

    *exact* is the price of the net amount, in whole or broken steps of the money; *money* the same, rounded once.
    Of what was issued the partner owes it; of what was converted the program does. Both are None where no
    price was agreed.
    """

    partner: str
    period: Span
    owed_for: Owed
    given: Amount
    returned: Amount
    exact: Fraction | None
    money: Amount | None

    @property
    def net(self) -> Amount:
        """Given less returned; below zero where more came back than was given."""
        return self.given - self.returned


Key = tuple[str, str, str, str]
"""A partner, what is owed for, a unit, a period."""
_Told = tuple[str, str, str]
"""A root, a unit, a rule."""


class _Row:
    """What was given and returned, and of the net how much at which price."""

    __slots__ = ("given", "partner", "prices", "returned", "span")

    def __init__(self, partner: Partner, span: Span) -> None:
        self.partner, self.span = partner, span
        self.given = self.returned = 0
        self.prices: dict[AgreedPrice | None, int] = {}

    def add(self, steps: int, price: AgreedPrice | None) -> None:
        if steps > 0:
            self.given += steps
        else:
            self.returned -= steps
        self.prices[price] = self.prices.get(price, 0) + steps


class Settlements:
    """
    Adds up the accounts of a program, one after the other, into a `Settled` for each partner, unit and *period*.

    Give it the members' accounts, and for conversions the partners' shared accounts. It keeps its rows, and
    of one account at a time what each of its events issued. *rounding* is that of the money. With *recorded* a
    thing counts in the period in which the service recorded it, not in that of its own time: what comes
    late does not change a period that was settled. Raises InvalidValueError where the program has no
    partner policy of that name.
    """

    def __init__(
        self,
        program: Program,
        policy: str,
        period: Period,
        *,
        rounding: Rounding = Rounding.HALF_UP,
        recorded: bool = False,
    ) -> None:
        self._policies = {
            program.terms_at(terms.effective_from).effective_from: each
            for terms in program.terms
            for each in terms.policies
            if isinstance(each, PartnerPolicy) and each.name == policy
        }
        if not self._policies:
            raise InvalidValueError(f"The program has no partner policy {quote(policy)}.")
        self.policy, self._program, self._period = policy, program, period
        self._rounding, self._recorded = rounding, recorded
        self.units = {unit.code for unit in program.units}
        self._accounts = {each.account(p.name): p.name for each in self._policies.values() for p in each.partners}
        self._rows: dict[Key, _Row] = {}

    def add(self, commits: Iterable[Commit]) -> None:
        """All commits of one account, in order of version."""
        issued = _Issued(self)
        converted = _Converted(self)
        for commit in commits:
            if commit.account.kind is AccountKind.MEMBER:
                issued.add(commit)
            elif commit.account in self._accounts:
                converted.add(commit, self._accounts[commit.account])

    def version(self, terms_from: datetime) -> PartnerPolicy | None:
        """The policy as those terms have it; None where they have none."""
        return self._policies.get(self._program.terms_at(terms_from).effective_from)

    def rows(self) -> tuple[Settled, ...]:
        """What was added so far, by period, partner, and what is owed for."""
        found = sorted(self._rows.items(), key=lambda row: (row[1].span.start, row[0]))
        return tuple(self._settled(key, row) for key, row in found)

    def _settled(self, key: Key, row: _Row) -> Settled:
        partner, owed_for, unit, _ = key
        exact = money = None
        if row.partner.money is not None:
            exact = sum(
                (Fraction(steps * p.pays.steps, p.per.steps) for p, steps in row.prices.items() if p is not None),
                Fraction(0),
            )
            money = Amount(rounded(exact.numerator, exact.denominator, self._rounding), row.partner.money)
        return Settled(
            partner=partner,
            period=row.span,
            owed_for=Owed(owed_for),
            given=Amount(row.given, unit),
            returned=Amount(row.returned, unit),
            exact=exact,
            money=money,
        )

    def book(
        self,
        commit: Commit,
        at: datetime,
        partner: Partner,
        owed_for: Owed,
        unit: str,
        steps: int,
        price: AgreedPrice | None,
    ) -> None:
        """Adds to a row: *steps* of *unit*, above zero given, below zero returned."""
        if self._recorded and commit.recorded_at is not None:
            at = commit.recorded_at
        span = self._period.span(at, self._program.calendar)
        key = (partner.name, owed_for.value, unit, span.key)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = _Row(partner, span)
        row.add(steps, price)


def _price(prices: Iterable[AgreedPrice], unit: str) -> AgreedPrice | None:
    return next((price for price in prices if price.per.unit == unit), None)


class _Issued:
    """What the sales of partners issued to one member: by rule, of the agreement that the root was decided by."""

    def __init__(self, to: Settlements) -> None:
        self._to = to
        self._terms: dict[str, datetime] = {}
        self._told: dict[_Told, int] = {}

    def add(self, commit: Commit) -> None:
        """The next commit."""
        self._terms.setdefault(commit.root, commit.terms_from)
        for entry in commit.entries:
            for told, steps in self._booked(commit, entry):
                self._told[told] = self._told.get(told, 0) + steps
                self._book(commit, entry.at, told, steps)
        if commit.replayed:
            self._restate(commit)

    def _restate(self, commit: Commit) -> None:
        """What a replay came to takes the place of what was booked for its roots: the difference counts now."""
        roots = {replayed.root for replayed in commit.replayed}
        now: dict[_Told, int] = {told: 0 for told in self._told if told[0] in roots}
        for replayed in commit.replayed:
            for entry in replayed.entries:
                for told, steps in self._booked(commit, entry):
                    now[told] = now.get(told, 0) + steps
        for told, steps in now.items():
            change = steps - self._told.get(told, 0)
            self._told[told] = steps
            if change:
                self._book(commit, commit.event.occurred_at, told, change)

    def _booked(self, commit: Commit, entry: Entry) -> Iterable[tuple[_Told, int]]:
        """What an entry says that a rule of the policy gave, or took back."""
        to = self._to
        if not isinstance(entry, Transfer) or entry.policy != to.policy or entry.unit not in to.units:
            return
        if entry.about.account == commit.account:
            for booking in entry.books:
                yield (entry.about.root, entry.unit, booking.rule), booking.steps

    def _book(self, commit: Commit, at: datetime, told: _Told, steps: int) -> None:
        to, (root, unit, rule) = self._to, told
        terms = self._terms.get(root, commit.terms_from)
        policy = to.version(terms)
        agreed = None if policy is None else policy.agreed.get(rule)
        if agreed is not None and steps:
            partner, agreement = agreed
            to.book(commit, at, partner, Owed.ISSUED, unit, steps, _price(agreement.funds, unit))


class _Converted:
    """What was converted to a partner's units, on its shared account: at the price of the time of the conversion."""

    def __init__(self, to: Settlements) -> None:
        self._to = to
        self._made: dict[tuple[str, str], Agreement | None] = {}

    def add(self, commit: Commit, name: str) -> None:
        """The next commit."""
        to = self._to
        policy = to.version(commit.terms_from)
        partner = None if policy is None else policy.partner(name)
        for entry in commit.entries if partner is not None else ():
            if not isinstance(entry, Transfer) or entry.policy != to.policy:
                continue
            assert partner is not None
            root = (str(entry.about.account), entry.about.root)
            agreement = self._made.get(root) or partner.agreement_at(entry.at)
            if len(partner.agreements) > 1:
                self._made.setdefault(root, agreement)
            price = None if agreement is None else _price(agreement.costs, entry.unit)
            sign = 1 if entry.payee == commit.account else -1
            to.book(commit, entry.at, partner, Owed.CONVERTED, entry.unit, sign * entry.steps, price)


def settlements(
    program: Program,
    policy: str,
    period: Period,
    accounts: Iterable[Iterable[Commit]],
    *,
    rounding: Rounding = Rounding.HALF_UP,
    recorded: bool = False,
) -> tuple[Settled, ...]:
    """The settlement of *accounts*, each by all its commits in order: see `Settlements`."""
    report = Settlements(program, policy, period, rounding=rounding, recorded=recorded)
    for commits in accounts:
        report.add(commits)
    return report.rows()


__all__ = ["Owed", "Settled", "Settlements", "settlements"]
