"""
A cart, quoted: what promotions and redemptions come to on it, in order, each on what those before it left.

Nothing is stored: a quote is a row of decisions that nobody keeps. The events that it gives can be
recorded afterwards, and come to the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import attrs

from patronage.decisions import Accepted, Rejected
from patronage.errors import InvalidValueError
from patronage.errors import quote as quoted
from patronage.events import Discount, Line, Purchase, Redemption, Tender
from patronage.ledger import BenefitKind, Commit, Refusal, RejectionCode
from patronage.program import Program
from patronage.rewards import Reward, refuse
from patronage.state import State
from patronage.terms import BoundTerms
from patronage.units import Amount, Rounding, allocate, build_amount, rounded


@attrs.frozen
class Applied:
    """A reward that applies: the *redemption* to record for it, with the cart as it stood, and its decision."""

    redemption: Redemption
    decision: Accepted

    @property
    def reward(self) -> str:
        """The reward's name."""
        return self.redemption.reward

    @property
    def off(self) -> int:
        """The money that it takes off or pays, in steps."""
        return sum(self.shares.values())

    @property
    def shares(self) -> dict[str, int]:
        """What it takes off each line, in steps, by the line's id."""
        found: dict[str, int] = {}
        for benefit in self.decision.benefits:
            if benefit.kind is BenefitKind.MONEY_OFF:
                for line, steps in benefit.shares.items():
                    found[line] = found.get(line, 0) + steps
        return found


@attrs.frozen
class Refused:
    """A redemption that was asked for and does not apply, and why."""

    redemption: Redemption
    refusal: Refusal


@attrs.frozen
class Quote:
    """
    What a cart comes to.

    *purchase* is the cart with the discounts on its lines and the tenders that pay a part; *applied* are
    the rewards in the order in which they apply, *refused* those that were asked for and do not.
    *further*, where that was asked for, are the other rewards of the terms, each as it would be if it
    were asked for too: with what it takes off, or why it cannot be had.
    """

    purchase: Purchase
    applied: tuple[Applied, ...]
    refused: tuple[Refused, ...]
    _unpaid: int
    further: tuple[Applied | Refused, ...] = ()

    @property
    def redemptions(self) -> tuple[Redemption, ...]:
        """The events to record before the purchase."""
        return tuple(each.redemption for each in self.applied)

    @property
    def due(self) -> Amount | None:
        """What is left to pay in money; None for a cart without lines."""
        unit = self.purchase.currency
        return None if unit is None else build_amount(self._unpaid, unit)

    def of(self, reward: str) -> Applied | None:
        """The reward of that name, where it applies."""
        return next((each for each in self.applied if each.reward == reward), None)


def quote(
    program: Program,
    state: State,
    cart: Purchase,
    *,
    requests: Iterable[Redemption] = (),
    automatic: bool = True,
    further: bool = False,
    rest: str = "money",
    history: Iterable[Commit] = (),
    others: Collection[State] = (),
) -> Quote:
    """
    What *cart* (a purchase as it would be without rewards) comes to for the account of *state*.

    First the *automatic* rewards of the terms that cost no points, in their order, then *requests* in
    theirs (their carts are set here), and after all discounts those that pay, as tenders. A reward is
    taken once a cart, but for vouchers of several codes; of an exclusive group the one that takes more
    off, in the place of the other; of equal ones the earlier. What is left to pay becomes a tender of
    the kind *rest*, where another one pays a part. Each share is whole steps, sums to its discount, and
    leaves no line below zero.

    With *further* every other reward of the terms is tried by itself after all these, as if it were the
    last of the requests: which could be had, and why not.

    *history* and *others* as for `Program.decide` of each of `requests_of`. Raises InvalidValueError for a
    cart that has tenders already, or requests of another member; EventConflictError for a request whose
    id is known with other content.
    """
    asked = tuple(requests)
    tried = requests_of(program, cart, requests=asked, automatic=automatic)
    bound, past = program.terms_at(cart.occurred_at), list(history)

    def quoted_with(*more: Redemption) -> _Quoting:
        quoting = _Quoting(program, bound, state, cart, past, others)
        for request in sorted((*tried, *more), key=lambda each: _pays(bound, each) is not None):
            quoting.add(request)
        return quoting

    quoting = quoted_with()
    told = quoting.told(rest, {each.id for each in tried if each.id not in {request.id for request in asked}})
    if not further:
        return told
    found: list[Applied | Refused] = []
    for request in _unasked(bound, cart, [*(each.reward for each in asked), *(each.reward for each in told.applied)]):
        known = next((each for each in quoting.refused if each.redemption.id == request.id), None)
        found.append(known or quoted_with(request).answer(request))
    return attrs.evolve(told, further=tuple(found))


def requests_of(
    program: Program,
    cart: Purchase,
    *,
    requests: Iterable[Redemption] = (),
    automatic: bool = True,
    further: bool = False,
) -> tuple[Redemption, ...]:
    """
    The requests that a quote of these arguments decides: what they involve it must be given.

    Raises InvalidValueError for a cart that has tenders already, or requests of another member.
    """
    if not isinstance(cart, Purchase):
        raise InvalidValueError(f"A cart is a Purchase as it would be, not {quoted(cart)}.")
    if cart.tenders:
        raise InvalidValueError("A cart is quoted before it is paid: leave its tenders out.")
    given = tuple(requests)
    for request in given:
        if not isinstance(request, Redemption):
            raise InvalidValueError(f"A quote is asked for redemptions, not {quoted(request)}.")
        if request.member != cart.member:
            raise InvalidValueError(f"The cart is of {quoted(cart.member)}, a request of {quoted(request.member)}.")
    asked = tuple(attrs.evolve(request, occurred_at=cart.occurred_at) for request in given)
    bound = program.terms_at(cart.occurred_at)
    others = [
        request
        for request in _unasked(bound, cart, [request.reward for request in asked])
        if further or (automatic and getattr(bound.rewards[request.reward], "automatic", False))
    ]
    return (*others, *asked)


def _unasked(bound: BoundTerms, cart: Purchase, but: Collection[str]) -> list[Redemption]:
    """A request for each reward of the terms, *but* for some."""
    return [
        Redemption(
            id=f"{cart.id}/{name}",
            member=cart.member,
            occurred_at=cart.occurred_at,
            reward=name,
            channel=cart.channel,
            attributes=cart.attributes,
        )
        for name in bound.rewards
        if name not in but
    ]


def _pays(bound: BoundTerms, request: Redemption) -> str | None:
    """The kind of tender that a request's reward is; None for a discount."""
    tender: str | None = getattr(bound.rewards.get(request.reward), "tender", None)
    return tender


class _Step:
    """What has applied so far, and what that left of the account and the cart."""

    __slots__ = ("applied", "history", "lines", "others", "state")

    def __init__(
        self,
        state: State,
        lines: tuple[Line, ...],
        history: Sequence[Commit],
        others: Collection[State],
        applied: Applied | None,
    ) -> None:
        self.state, self.lines, self.history, self.others, self.applied = state, lines, history, others, applied


class _Quoting:
    """A quote in the making."""

    def __init__(
        self,
        program: Program,
        bound: BoundTerms,
        state: State,
        cart: Purchase,
        history: Sequence[Commit],
        others: Collection[State],
    ) -> None:
        self.program, self.bound, self.cart = program, bound, cart
        self.steps = [_Step(state, _spread(cart), history, others, None)]
        self.refused: list[Refused] = []

    def add(self, request: Redemption) -> None:
        """Applies a request after those before it, or in the place of one that it outdoes."""
        taken = [step.applied for step in self.steps if step.applied is not None]
        if any((each.reward, each.redemption.code) == (request.reward, request.code) for each in taken):
            self._refuse(request, refuse(RejectionCode.NOT_COMBINABLE, reward=request.reward, other=request.reward))
            return
        rival = self._rival(request)
        if rival is None:
            step = self._applied(self.steps[-1], request)
            if isinstance(step, Refusal):
                self._refuse(request, step)
            else:
                self.steps.append(step)
            return
        place = next(i for i, step in enumerate(self.steps) if step.applied is rival)
        instead = self._applied(self.steps[place - 1], request)
        if isinstance(instead, Refusal):
            self._refuse(request, instead)
            return
        assert instead.applied is not None
        if instead.applied.off <= rival.off:
            self._refuse(request, refuse(RejectionCode.NOT_COMBINABLE, reward=request.reward, other=rival.reward))
            return
        later = [step.applied.redemption for step in self.steps[place + 1 :] if step.applied is not None]
        self.steps[place:] = [instead]
        self._refuse(rival.redemption, refuse(RejectionCode.NOT_COMBINABLE, reward=rival.reward, other=request.reward))
        for each in later:
            self.add(each)

    def _refuse(self, request: Redemption, refusal: Refusal) -> None:
        self.refused.append(Refused(attrs.evolve(request, cart=self.steps[-1].lines), refusal))

    def _rival(self, request: Redemption) -> Applied | None:
        """What applies already of the exclusive group of a request's reward."""
        group = self._group(self.bound.rewards.get(request.reward))
        for step in self.steps if group is not None else ():
            if step.applied is not None and self._group(self.bound.rewards.get(step.applied.reward)) == group:
                return step.applied
        return None

    @staticmethod
    def _group(reward: Reward | None) -> str | None:
        group: str | None = getattr(reward, "exclusive", None)
        return group

    def _applied(self, before: _Step, request: Redemption) -> _Step | Refusal:
        """The request decided on what is left, and what it leaves."""
        request = attrs.evolve(request, cart=before.lines, occurred_at=self.cart.occurred_at)
        needed = self.program.involves(request)
        others = [other for other in before.others if other.account in needed.accounts]
        decision = self.program.decide(before.state, request, history=before.history, others=others)
        if isinstance(decision, Rejected):
            return decision.refusal
        applied = Applied(request, decision)
        states = {other.account: other for other in before.others}
        states.update((after.account, after) for after in decision.states if after.account != before.state.account)
        return _Step(
            decision.state or before.state,
            _taken_off(before.lines, applied, self.cart),
            [*before.history, *decision.commits],
            tuple(states.values()),
            applied,
        )

    def answer(self, request: Redemption) -> Applied | Refused:
        """What became of a request."""
        found: list[Applied | Refused] = [step.applied for step in self.steps if step.applied is not None]
        return next(each for each in (*found, *self.refused) if each.redemption.id == request.id)

    def told(self, rest: str, unasked: Collection[str]) -> Quote:
        """The quote."""
        applied = tuple(step.applied for step in self.steps if step.applied is not None)
        lines = _spread(self.cart)
        tenders: list[Tender] = []
        for each in applied:
            kind = _pays(self.bound, each.redemption)
            if kind is None:
                lines = _taken_off(lines, each, self.cart)
            elif each.off:
                paid = build_amount(each.off, lines[0].total.unit)
                tenders.append(Tender(kind=kind, total=paid, redemption=each.redemption.id))
        total = sum(line.total.steps for line in lines)
        unpaid = total - sum(tender.total.steps for tender in tenders)
        if tenders and unpaid:
            tenders.append(Tender(kind=rest, total=build_amount(unpaid, lines[0].total.unit)))
        purchase = attrs.evolve(self.cart, lines=lines, discounts=(), tenders=tuple(tenders))
        refused = tuple(each for each in self.refused if each.redemption.id not in unasked)
        return Quote(purchase, applied, refused, unpaid)


def _spread(cart: Purchase) -> tuple[Line, ...]:
    """The lines of a cart with their shares of its order-wide discounts."""
    lines = cart.lines
    for discount in cart.discounts:
        left = [line.total.steps for line in lines]
        shares = allocate(discount.total.steps, lambda left=left: left)  # type: ignore[misc]
        lines = tuple(
            _less(line, was, discount.kind, share, discount.redemption)
            for line, was, share in zip(lines, cart.lines, shares, strict=True)
        )
    return lines


def _taken_off(lines: Sequence[Line], applied: Applied, cart: Purchase) -> tuple[Line, ...]:
    """The lines of *cart*, as *lines* left of them, after a reward took its shares off."""
    shares, redemption = applied.shares, applied.redemption
    return tuple(
        _less(line, was, redemption.reward, shares.get(line.id or "", 0), redemption.id)
        for line, was in zip(lines, cart.lines, strict=True)
    )


def _less(line: Line, was: Line, kind: str, steps: int, redemption: str | None) -> Line:
    """A line after a discount. Its tax goes down with it: of what it *was*, so that it is rounded once."""
    if not steps:
        return line
    unit, left = line.total.unit, line.total.steps - steps
    tax = None
    if was.tax is not None:
        tax = build_amount(rounded(was.tax.steps * left, was.total.steps, Rounding.HALF_UP), unit)
    discount = Discount(kind=kind, total=build_amount(steps, unit), redemption=redemption)
    return attrs.evolve(line, total=build_amount(left, unit), tax=tax, discounts=(*line.discounts, discount))
