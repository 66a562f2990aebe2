"""
The program: a pure decider over a timeline of terms.

`decide` answers one event; `advance` does what time alone does; `at` reads an account at an instant.
Same input, same answer: there is no clock, no randomness and no I/O here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import build_source
from patronage.applying import apply_effects
from patronage.between import root_from
from patronage.book import Book, due_cause
from patronage.building import build_commit
from patronage.decisions import Accepted, Decision, Involved, Rejected, build_accepted, difference
from patronage.errors import EventConflictError, HistoryRequiredError, InvalidValueError, RerateError, quote
from patronage.events import (
    Activity,
    Cancellation,
    Capture,
    Confirmation,
    Enrolment,
    Event,
    FollowedUp,
    Purchase,
    Refund,
    Release,
    Reservation,
    TimePassed,
    identifier,
    many,
    own_account,
)
from patronage.follow_ups import gathered
from patronage.late import EFFECTS, closed, only_credits, out_of_range, too_late
from patronage.ledger import (
    Account,
    AccountKind,
    Basis,
    Benefit,
    Commit,
    Grant,
    Lot,
    Refusal,
    Source,
    WakeUp,
    lot_key,
)
from patronage.occasions import (
    Adopted,
    GrantEnded,
    LotAvailable,
    LotEnded,
    Occasion,
    Trigger,
    Woken,
    basis_with,
    build_occasion,
)
from patronage.others import Needed, accounts_of_root, close_books, names_of, open_books
from patronage.periods import EARLIEST, LATEST, Calendar, format_instant, parse_instant, utc
from patronage.policies.base import BoundPolicy
from patronage.replayed import as_replayed
from patronage.requests import Requests
from patronage.rerate import arrived_before, rerated
from patronage.settling import ended_roots, in_order, settle
from patronage.spending import LAPSE, lapse
from patronage.standing import Standing
from patronage.state import State
from patronage.terms import FACTS, BoundTerms, Terms, timeline
from patronage.units import Unit
from patronage.watching import (
    CLOSE,
    GRACE,
    MICROSECOND,
    NOTHING_RETURNED,
    REVIEW,
    Adoption,
    Look,
    Moment,
    after_event,
    in_basis,
    terms_instant,
)

NEEDS_HISTORY: Final = frozenset({Refund, Capture, Release, Cancellation, Confirmation, FollowedUp})
_UNDOES: Final = frozenset({Refund, Release, Cancellation})
"""Events that give back what their root has used elsewhere."""


@attrs.frozen(kw_only=True)
class Program:
    """
    A loyalty program: its *id*, the *time_zone* in which days and months are counted, and its terms.

    *terms* are one version, or a timeline in order of `effective_from`. A code's decimals and kind
    never change over it. Raises InvalidValueError where the terms do not fit together.
    """

    id: str = attrs.field(converter=identifier)
    time_zone: str
    terms: tuple[Terms, ...] = attrs.field(converter=timeline)

    def __attrs_post_init__(self) -> None:
        known: dict[str, Unit] = {}
        for terms in self.terms:
            for unit in terms.units:
                if known.setdefault(unit.code, unit) != unit:
                    raise InvalidValueError(f"Unit {unit.code} changes its decimals or kind over the terms.")
        slices: dict[str, int] = {}
        for bound in self._bound:
            for ceiling in bound.ceilings:
                shared, number = ceiling.ceiling.shared, ceiling.ceiling.slices
                if shared is not None and slices.setdefault(shared, number) != number:
                    raise InvalidValueError(
                        f"The shared account {quote(shared)} is cut into {slices[shared]} slices and into {number}: "
                        "what was used of it would be forgotten, so name a new one."
                    )

    @cached_property
    def calendar(self) -> Calendar:
        """The calendar of the program's time zone."""
        return Calendar(self.time_zone)

    @cached_property
    def _bound(self) -> tuple[BoundTerms, ...]:
        """The terms made ready, once: latest first."""
        return tuple(BoundTerms(terms, self.calendar) for terms in reversed(self.terms))

    @property
    def units(self) -> tuple[Unit, ...]:
        """All units of the timeline, in order of their codes."""
        known = {unit.code: unit for terms in self.terms for unit in terms.units}
        return tuple(known[code] for code in sorted(known))

    @property
    def follows_up(self) -> bool:
        """Whether what happens on one account may give something to another one: by a policy, or when stock lapses."""
        return any(bool(bound.follows_up) or any(bound.shared.get(Reservation, ())) for bound in self._bound)

    def terms_at(self, at: datetime) -> BoundTerms:
        """The terms in force at an instant; the first ones before they take effect."""
        bound = self._bound
        for terms in bound:
            if terms.effective_from <= at:
                return terms
        return bound[-1]

    def involves(self, event: Event, states: Collection[State] = (), history: Iterable[Commit] = ()) -> Involved:
        """
        The accounts and roots that a decision of *event* needs.

        Asked again with what was found until nothing new comes up: a refund needs its purchase, and
        the purchase the redemptions that paid it (or these need it), and the accounts that it counted on.
        """
        own = own_account(event)
        past = [commit for commit in history if commit.account == own]
        roots = set()
        if type(event) in NEEDS_HISTORY:
            roots.add(event.about)
            for commit in past:
                if isinstance(commit.event, Purchase) and event.about in (commit.root, *commit.event.redemptions):
                    roots.update((commit.root, *commit.event.redemptions))
                    roots.update(ended_roots(self.terms_at(commit.terms_from), commit, event.occurred_at))
        found = {own: tuple(sorted(roots))}
        for account, _ in self._needed(self.terms_at(event.occurred_at), own, event, past):
            found[account] = (root_from(own, event.about),)
        return Involved(own, FrozenMapping.owning(found))

    def _needed(self, bound: BoundTerms, own: Account, event: Event, past: Sequence[Commit]) -> Needed:
        """The other accounts of an event: what its terms count elsewhere, or what its root has read."""
        kind = type(event)
        if kind in bound.between:
            return bound.counted_on(event, own)
        return accounts_of_root(past, event.about) if kind in _UNDOES else ()

    def decide(
        self,
        state: State,
        event: Event,
        *,
        history: Iterable[Commit] | None = None,
        others: Collection[State] = (),
    ) -> Decision:
        """
        What *event* is worth to the account of *state*.

        *history* are the commits that name what the event speaks of, of all accounts that it needs,
        each account's in order of version; *others* are the states of the accounts beside its own (see
        `involves`). Raises HistoryRequiredError or OthersRequiredError where the event needs what is not
        given, EventConflictError where the history holds the event's id with other content,
        InvalidValueError for an event of another account, PolicyError for a caller's policy that fails.
        """
        account = state.account
        if event.member != account.id or (type(event) is FollowedUp and event.receiver != account):
            raise InvalidValueError(f"The event is of {quote(event.member)}, the state of {quote(account.id)}.")
        past: Sequence[Commit] = ()
        beside: Sequence[Commit] = ()
        if history is not None:
            history = list(history)
            past = [commit for commit in history if commit.account == account]
            for commit in past:
                if commit.event.id == event.id:
                    return self._again(commit, event)
            past = as_replayed(past)
            if len(past) < len(history):
                beside = [commit for commit in history if commit.account != account]
        elif type(event) in NEEDS_HISTORY:
            raise HistoryRequiredError(event.id, self.involves(event).roots)
        at = event.occurred_at
        if not EARLIEST <= at < LATEST:
            return out_of_range(state, event)
        clock = state.clock
        if type(event) is FollowedUp and clock is not None and at < clock:
            at = clock  # Never too late: it takes effect at the account's clock.
        bound = self.terms_at(at)
        late = clock is not None and at < clock
        if late and clock is not None:
            what = closed(state, event, bound, self.terms_at(clock))
            if what is not None:
                return too_late(state, event, what)
        book = Book(state, self.calendar, bound.units)
        if (state.next_due is not None and state.next_due <= at) or (
            state.clock is not None and state.clock < bound.effective_from
        ):
            self._pass(book, at)
            book.units = bound.units
        book.at, book.cause = at, event.id
        kind = type(event)
        if kind in bound.between or kind in _UNDOES:
            needed = self._needed(bound, account, event, past)
            refusal = open_books(book, bound, event, needed, others, self._catch_up) if needed else None
            if refusal is not None:
                return Rejected(account, event, refusal, (), (), False)
        if isinstance(event, FACTS):
            basis = self._fact(book, bound, event, at)
            if late and not only_credits(book.entries):
                return too_late(state, event, EFFECTS)
            return self._commit(state, book, event, bound, basis, (), None, past, beside)
        return self._other(state, book, bound, event, past, beside)

    def replay(self, state: State, event: Event, past: Sequence[Commit], stands: Commit | None) -> Decision:
        """
        *event* decided on *state*, at its instant or the clock; *stands* is how it was once accepted.

        A step of `rerate`. Raises RerateError for an event that needs other accounts.
        """
        at = event.occurred_at if state.clock is None else max(event.occurred_at, state.clock)
        bound = self.terms_at(event.occurred_at)
        if self._needed(bound, state.account, event, past):
            raise RerateError(str(state.account), event.id, "it reaches other accounts, which are not replayed.")
        book = Book(state, self.calendar, bound.units)
        if at == event.occurred_at:
            self._pass(book, at)
        book.units, book.at, book.cause = bound.units, at, event.id
        if isinstance(event, FACTS):
            basis = self._fact(book, bound, event, at)
            return self._commit(state, book, event, bound, basis, (), None, past)
        return self._other(state, book, bound, event, past, (), stands)

    def rerate(self, commits: Iterable[Commit], late: Iterable[Event] = ()) -> Accepted:
        """
        The difference between what an account's *commits* came to and what arrival in order would have.

        *commits* are all that the account has, in order of version; *late* are events that were
        refused as too late. What comes out is appended as one batch: a commit for each late event, and
        one under a `Rerated`, at the account's clock, that books the difference. Nothing comes out
        where there is none. What was answered stands: a redemption that the replay cannot afford is a
        debt, a refusal stays a refusal. Raises EventConflictError for a late event that is known with
        other content, RejectedError for one that is refused for now, RerateError where the events
        cannot be replayed, InvalidValueError and LedgerError for what is no account's whole history.
        """
        commits, late = list(commits), many(late)
        for event, known in arrived_before(commits, late):
            self._again(known, event)
        return rerated(self, commits, late)

    def _fact(self, book: Book, bound: BoundTerms, event: Purchase | Enrolment | Activity, at: datetime) -> Basis:
        """Each policy in order sees the fact, and what those before it did."""
        basis = first = bound.basis(book, at)
        if isinstance(event, Purchase) and not event.lines:
            return first
        about = build_source(book.account, event.id)
        policies = bound.policies
        last = len(policies) - 1
        for i, policy in enumerate(policies):
            occasion = build_occasion(at, book.account, event, None, basis, self.calendar, bound.units, bound.ladders)
            effects = policy.answer(occasion, None)
            if effects:
                apply_effects(book, bound, policy.name, effects, occasion, about)
                if i < last or policy.watchers:
                    basis = basis_with(basis, effects, occasion, policy.name, bound.watched)
            if policy.watchers:
                basis = self._look(book, bound, policy, basis, after_event(at), event, None, ())
        return first

    def _look(
        self,
        book: Book,
        bound: BoundTerms,
        policy: BoundPolicy,
        basis: Basis,
        look: Look,
        event: Event | None,
        trigger: Trigger | None,
        past: Sequence[Commit],
    ) -> Basis:
        """A policy's totals and thresholds look, in order; the basis after what they came to."""
        # What ends at the instant of a close is read as alive.
        at = look.at - MICROSECOND if look.moment is Moment.CLOSE else look.at
        for watcher in policy.watching(book.account):
            if look.moment is Moment.ADOPTED and watcher.adoption is Adoption.PROSPECTIVE:
                continue
            occasion = build_occasion(
                at, book.account, event, trigger, basis, self.calendar, bound.units, bound.ladders
            )
            settled = watcher.look(occasion, look)
            if settled is not None:
                settle(book, bound, policy.name, settled, occasion, past)
                basis = basis_with(basis, in_basis(settled), occasion, policy.name, bound.watched)
        return basis

    def _look_again(
        self, book: Book, bound: BoundTerms, look: Look, event: Event | None, past: Sequence[Commit] = ()
    ) -> None:
        """All totals and thresholds look at the balances as they now stand; where one falls, until no other does."""
        if not bound.looks_at(book.account):
            return
        while True:
            before = len(book.entries)
            basis = bound.basis(book, look.at, look.of)
            for policy in (each for each in bound.policies if each.watching(book.account)):
                basis = self._look(book, bound, policy, basis, look, event, None, past)
            if not look.falls or len(book.entries) == before:
                return
            look = attrs.evolve(look, returned=NOTHING_RETURNED, back=None)

    def _other(
        self,
        state: State,
        book: Book,
        bound: BoundTerms,
        event: Event,
        past: Sequence[Commit],
        beside: Sequence[Commit],
        stands: Commit | None = None,
    ) -> Decision:
        """Requests, and what speaks of an earlier event."""
        requests = Requests(self.terms_at, book, bound, event, past, beside, stands)
        outcome = requests.decide()
        if isinstance(outcome, Refusal) and not outcome.final:
            return Rejected(state.account, event, outcome, (), (), False)
        refusal = outcome if isinstance(outcome, Refusal) else None
        benefits: tuple[Benefit, ...] = () if isinstance(outcome, Refusal) else outcome
        if refusal is None and (requests.bound.watches or requests.bound.beside):
            self._look_again(book, requests.bound, requests.look, event, past)
            for other in (book.others or {}).values():
                there = [commit for commit in beside if commit.account == other.account]
                self._look_again(other, requests.bound, requests.look_of(other), event, there)
        return self._commit(state, book, event, requests.bound, requests.basis, benefits, refusal, past, beside)

    def decide_all(
        self,
        state: State,
        events: Iterable[Event],
        *,
        history: Iterable[Commit] = (),
        others: Iterable[State] = (),
    ) -> tuple[Decision, ...]:
        """
        Several events in order, each on what the one before left: a preview of a whole checkout.

        *history* are the earlier commits that any of them speaks of, *others* the states of the other
        accounts that any of them needs.
        """
        past = list(history)
        states = {other.account: other for other in (*others, state)}
        decisions: list[Decision] = []
        for event in events:
            decision = self.decide(states[state.account], event, history=past, others=tuple(states.values()))
            decisions.append(decision)
            if not decision.repeated:
                past.extend(decision.commits)
            states.update((after.account, after) for after in decision.states)
        return tuple(decisions)

    def advance(self, state: State, until: datetime) -> Accepted:
        """
        What time alone does up to and at *until*; no commit where nothing falls due.

        Run it nightly or never: the entries and states are the same.
        """
        until = utc(until)
        at = self._next(state)
        event = TimePassed(id="~t/" + format_instant(until), member=state.account.id, occurred_at=until)
        if at is None or at > until:
            return Accepted(state.account, event, (), (), False)
        book = Book(state, self.calendar, self.terms_at(at).units)
        last = self._pass(book, until)
        event = TimePassed(id="~t/" + format_instant(last), member=state.account.id, occurred_at=last)
        decision = self._commit(state, book, event, self.terms_at(last), Basis(), (), None, ())
        assert isinstance(decision, Accepted)
        return decision

    def at(self, state: State, now: datetime) -> Standing:
        """The account at *now*, after what time does until then. *now* is not before the state's clock."""
        now = utc(now)
        if state.clock is not None and now < state.clock:
            raise InvalidValueError(
                f"The account stands at {format_instant(state.clock)}: ask for {format_instant(now)} by folding "
                "the commits up to then."
            )
        reached = self.advance(state, now).state or state
        return Standing(reached, now, self.units, self.calendar, self.terms_at(now))

    def _adoptions(self, state: State) -> list[BoundTerms]:
        """The terms that take effect after a member's clock, earliest first, and have a policy that cares."""
        clock = state.clock
        if clock is None or state.account.kind is not AccountKind.MEMBER:
            return []
        return [bound for bound in reversed(self._bound) if bound.effective_from > clock and bound.adopts]

    def _next(self, state: State) -> datetime | None:
        """The next instant at which time, or new terms taking effect, does something."""
        due = state.next_due
        for bound in self._adoptions(state)[:1]:
            if due is None or bound.effective_from < due:
                due = bound.effective_from
        return due

    def _catch_up(self, book: Book, at: datetime) -> None:
        """What time did up to *at* on another account of a decision."""
        due = self._next(book.state)
        if due is not None and due <= at:
            self._pass(book, at)

    def _pass(self, book: Book, until: datetime) -> datetime:
        """All instants that are due up to *until*, in order; the last of them."""
        adoptions = self._adoptions(book.state)
        last = until
        while True:
            due = book.due()
            if adoptions and (due is None or adoptions[0].effective_from <= due):
                due = adoptions[0].effective_from
            if due is None or due > until:
                return last
            last = due
            bound = self.terms_at(due)
            before = len(book.entries)
            adopted = bool(adoptions) and adoptions[0].effective_from == due
            self._instant(book, bound, due, adopted=adopted)
            if adopted:
                adoptions.pop(0)
            elif len(book.entries) == before and book.due() == due:
                raise AssertionError("an instant that is due changed nothing")

    def _instant(self, book: Book, bound: BoundTerms, at: datetime, *, adopted: bool) -> None:
        """One instant: what closes, then what begins and ends, new terms, what wakes; then reviews and thresholds."""
        for wake_up in in_order(book.wakes(at, (CLOSE,), named=True), self.terms_at):
            self._wake_watcher(book, self.terms_at(terms_instant(wake_up)), wake_up, Moment.CLOSE)
        book.units = bound.units
        for kind, what in book.pass_to(at):
            self._show(book, bound, kind, what, at)
        if adopted:
            self._adopt(book, bound, at)
        for wake_up in book.wakes(at, (REVIEW, GRACE), named=False):
            self._show(book, bound, "woken", wake_up, at)
        for wake_up in book.wakes(at, (REVIEW, GRACE), named=True):
            moment = Moment.REVIEW if wake_up.name == REVIEW else Moment.GRACE
            self._wake_watcher(book, self.terms_at(terms_instant(wake_up)), wake_up, moment)
        if bound.looks_at(book.account):
            cause, book.cause = book.cause, due_cause("look", at, ())
            self._look_again(book, bound, Look(Moment.ADOPTED if adopted else Moment.TIME, at, at), None)
            book.cause = cause

    def _wake_watcher(self, book: Book, bound: BoundTerms, wake_up: WakeUp, moment: Moment) -> None:
        """The total or threshold that a wake-up was set for looks at the period that it was set for."""
        policy = next((policy for policy in bound.policies if policy.name == wake_up.policy), None)
        if policy is None:
            return  # The terms have it no more.
        at = wake_up.at
        of = parse_instant(str(wake_up.facts["start"])) if moment is Moment.GRACE else at - MICROSECOND
        look = Look(moment, at, of, str(wake_up.facts["rule"]), wake_up.facts)
        # A close reads what ends at its instant as alive.
        basis = bound.basis(book, at - MICROSECOND if moment is Moment.CLOSE else at, of)
        kind = wake_up.name.lstrip("~")
        cause, book.cause = book.cause, due_cause(kind, at, (policy.name, str(look.rule), str(look.facts["period"])))
        self._look(book, bound, policy, basis, look, None, Woken(wake_up), ())
        book.cause = cause

    def _adopt(self, book: Book, bound: BoundTerms, at: datetime) -> None:
        """New terms take effect: each of their policies is shown that they were adopted."""
        before = self.terms_at(at - MICROSECOND).effective_from
        self._show_all(book, bound, "adopted", Adopted(before), (format_instant(before),), at)

    def _show(self, book: Book, bound: BoundTerms, kind: str, what: Lot | Grant | WakeUp, at: datetime) -> None:
        """Shows the policies what time did. A wake-up is shown to the policy that set it."""
        if isinstance(what, WakeUp) and what.policy == LAPSE:
            lapse(book, what, self.terms_at)
            return
        if isinstance(what, Lot):
            self._show_all(
                book, bound, kind, LotAvailable(what) if kind == "lot_available" else LotEnded(what), lot_key(what), at
            )
        elif isinstance(what, Grant):
            self._show_all(book, bound, kind, GrantEnded(what), what.identity, at)
        else:
            parts = (what.policy, what.name, repr(sorted(what.facts.items())))
            self._show_all(book, bound, kind, Woken(what), parts, at)

    def _show_all(
        self, book: Book, bound: BoundTerms, kind: str, trigger: Trigger, parts: Iterable[str], at: datetime
    ) -> None:
        """Asks the policies about a trigger, each on what those before it did."""
        basis: Basis | None = None
        for policy in bound.policies:
            if not policy.triggers or (isinstance(trigger, Adopted) and not policy.adopts):
                continue
            if book.account.kind is not AccountKind.MEMBER and book.account not in policy.others:
                continue  # A shared account is no member: it is for the policies that name it.
            if isinstance(trigger, Woken) and trigger.wake_up.policy != policy.name:
                continue
            if basis is None:
                basis = bound.basis(book, at)
            occasion = Occasion(at, book.account, None, trigger, basis, self.calendar, bound.units, bound.ladders)
            effects = policy.answer(occasion, None)
            if effects:
                cause = book.cause
                book.cause = due_cause("policy", at, (policy.name, kind, *parts))
                apply_effects(book, bound, policy.name, effects, occasion, Source(book.account, book.cause))
                book.cause = cause
                basis = basis_with(basis, effects, occasion, policy.name, bound.watched)

    def _commit(
        self,
        state: State,
        book: Book,
        event: Event,
        bound: BoundTerms,
        basis: Basis,
        benefits: tuple[Benefit, ...],
        refusal: Refusal | None,
        past: Sequence[Commit],
        beside: Sequence[Commit] = (),
    ) -> Decision:
        version = state.version + 1
        if state.clock is not None and book.at is not None and book.at < state.clock:
            self._pass(book, state.clock)  # What a late event made has perhaps ended since.
        after = book.close(event.occurred_at, version)
        root = event.about
        ordinal = sum([commit.root == root for commit in past]) if past else 0
        entries = tuple(book.entries)
        commit = build_commit(
            state.account,
            version,
            event,
            root,
            ordinal,
            names_of(event, entries, state.account),
            bound.effective_from,
            basis,
            entries,
            (*benefits, *book.benefits) if book.benefits else benefits,
            refusal,
            after.next_due,
            None,
            None,
            None,
            after,
            (),
        )
        if refusal is None and book.others is None and book.follow_ups is None:
            return build_accepted(state.account, event, (commit,), (after,), False)
        made = [(commit, after)]
        follow_ups = list(book.follow_ups or ())
        for part, there, more in close_books(book, event, bound, beside) if refusal is None else ():
            made.append((part, there))
            follow_ups.extend(more)
        made.sort(key=lambda pair: pair[0].account.key)
        commits, states = tuple(part for part, _ in made), tuple(there for _, there in made)
        told = gathered(follow_ups, Source(state.account, root), ordinal)
        if refusal is not None:
            return Rejected(state.account, event, refusal, commits, states, False, told)
        return build_accepted(state.account, event, commits, states, False, told)

    def _again(self, commit: Commit, event: Event) -> Decision:
        """The first answer to an event that is known."""
        if commit.event != event:
            raise EventConflictError(str(commit.account), event.id, difference(commit.event, event))
        if commit.refusal is not None:
            return Rejected(commit.account, event, commit.refusal, (commit,), (), True)
        return Accepted(commit.account, event, (commit,), (), True)
