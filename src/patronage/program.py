"""
The program: a pure decider over a timeline of terms.

`decide` answers one event; `advance` does what time alone does; `at` reads an account at an instant.
Same input, same answer: there is no clock, no randomness and no I/O here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cached_property

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import root_from
from patronage.applying import apply_effects
from patronage.basis_after import basis_with
from patronage.between import counterpart_id
from patronage.book import Book
from patronage.building import build_commit
from patronage.closing import refused_when_closed
from patronage.decisions import Accepted, Decision, Involved, Rejected, answer_to, build_accepted, difference
from patronage.errors import EventConflictError, HistoryRequiredError, InvalidValueError, RerateError, quote
from patronage.events import (
    NEEDS_HISTORY,
    NEVER_LATE,
    OF_OTHERS,
    UNDOES,
    Activity,
    Enrolment,
    Event,
    Purchase,
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
    Basis,
    Benefit,
    Commit,
    Refusal,
    Source,
)
from patronage.links import has_relatives, merged_into, relatives
from patronage.merging import as_answered, is_of_merge, survivor_of, with_answerer
from patronage.occasions import build_occasion
from patronage.others import Needed, accounts_of_root, close_books, names_of, open_books
from patronage.passing import Passing
from patronage.periods import EARLIEST, LATEST, Calendar, format_instant, utc
from patronage.replayed import as_replayed
from patronage.requests import Requests
from patronage.rerate import arrived_before, rerated
from patronage.settling import ended_roots
from patronage.standing import Standing
from patronage.state import State
from patronage.terms import FACTS, BoundTerms, Terms, timeline
from patronage.units import Unit
from patronage.watching import OF_WATCHERS, after_event


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

    @cached_property
    def _passing(self) -> Passing:
        """What time does, under these terms."""
        return Passing(self.calendar, self._bound)

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
        return self._passing.terms_at(at)

    def involves(self, event: Event, states: Collection[State] = (), history: Iterable[Commit] = ()) -> Involved:
        """
        The accounts and roots that a decision of *event* needs.

        Asked again with what was found until nothing new comes up: a refund needs its purchase, and
        the purchase the redemptions that paid it (or these need it), and the accounts that it counted on.
        """
        own = own_account(event)
        past = [commit for commit in history if commit.account == own]
        grants = {state.account: state.grants for state in states}
        roots = set()
        if type(event) in NEEDS_HISTORY:
            roots.add(event.about)
            for commit in past:
                if isinstance(commit.event, Purchase) and event.about in (commit.root, *commit.event.redemptions):
                    roots.update((commit.root, *commit.event.redemptions))
                    roots.update(ended_roots(self.terms_at(commit.terms_from), commit, event.occurred_at))
        found = {own: tuple(sorted(roots))}
        if has_relatives(grants.get(own, ())):
            names = {event.about, *(root_from(own, root) for root in {event.about, *roots})}
            periods = {root for root in roots if root.startswith(OF_WATCHERS)}  # What a total credited may be theirs.
            for account in relatives(own, grants):
                found[account] = tuple(sorted(names | periods))
        for account, _ in self._needed(self.terms_at(event.occurred_at), own, event, past):
            names = {event.about, *roots}
            found[account] = tuple(sorted({*found.get(account, ()), *(root_from(own, root) for root in names)}))
        return Involved(own, FrozenMapping.owning(found))

    def _needed(self, bound: BoundTerms, own: Account, event: Event, past: Sequence[Commit]) -> Needed:
        """The other accounts of an event: what its terms count elsewhere, or what its root has read."""
        kind = type(event)
        if kind in bound.between:
            return bound.counted_on(event, own)
        return accounts_of_root(past, event.about) if kind in UNDOES else ()

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
        if event.member != account.id or (type(event) in OF_OTHERS and own_account(event) != account):
            raise InvalidValueError(f"The event is of {quote(event.member)}, the state of {quote(account.id)}.")
        past: Sequence[Commit] = ()
        beside: Sequence[Commit] = ()
        if history is not None:
            history = list(history)
            past = [commit for commit in history if commit.account == account]
            for commit in past:
                if commit.event.id == event.id:
                    return self._again(commit, event, history)
            past = as_replayed(past)
            if len(past) < len(history):
                beside = [commit for commit in history if commit.account != account]
        elif type(event) in NEEDS_HISTORY:
            raise HistoryRequiredError(event.id, self.involves(event).roots)
        at = event.occurred_at
        if not EARLIEST <= at < LATEST:
            return out_of_range(state, event)
        home = state
        if state.grants and has_relatives(state.grants):
            grants = {other.account: other.grants for other in (*others, state)}
            related = relatives(account, grants)
            past = as_answered(past, [commit for commit in beside if commit.account in related], account)
            if merged_into(state.grants) is not None and not is_of_merge(event, past):
                home = survivor_of(state, event, others)
        clock = home.clock
        if type(event) in NEVER_LATE and clock is not None and at < clock:
            at = clock
        bound = self.terms_at(at)
        late = clock is not None and at < clock
        if late and clock is not None:
            what = closed(home, event, bound, self.terms_at(clock))
            if what is not None:
                return too_late(state, event, what)
        book = Book(home, self.calendar, bound.units, account)
        if (home.next_due is not None and home.next_due <= at) or (
            home.clock is not None and home.clock < bound.effective_from
        ):
            self._passing.pass_to(book, at)
            book.units = bound.units
        book.at, book.cause = at, event.id if home is state else counterpart_id(account, event.id)
        kind = type(event)
        if kind in bound.between or kind in UNDOES:
            needed = [pair for pair in self._needed(bound, account, event, past) if pair[0] != book.account]
            refusal = open_books(book, bound, event, needed, others, self._passing.catch_up) if needed else None
            if refusal is not None:
                return Rejected(account, event, refusal, (), (), False)
        refused = refused_when_closed(home.grants, event) if home.grants else None
        if refused is not None:
            return self._commit(state, book, event, bound, Basis(), (), refused, past, beside)
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
            self._passing.pass_to(book, at)
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
            self._again(known, event, ())
        return rerated(self, commits, late)

    def _fact(self, book: Book, bound: BoundTerms, event: Purchase | Enrolment | Activity, at: datetime) -> Basis:
        """Each policy in order sees the fact, and what those before it did."""
        basis = first = bound.basis(book, at)
        if isinstance(event, Purchase) and not event.lines:
            return first
        about = book.about(event.id)
        policies = bound.policies
        last = len(policies) - 1
        for i, policy in enumerate(policies):
            occasion = build_occasion(at, book.origin, event, None, basis, self.calendar, bound.units, bound.ladders)
            effects = policy.answer(occasion, None)
            if effects:
                apply_effects(book, bound, policy.name, effects, occasion, about)
                if i < last or policy.watchers:
                    basis = basis_with(basis, effects, occasion, policy.name, bound.watched)
            if policy.watchers:
                basis = self._passing.look(book, bound, policy, basis, after_event(at), event, None, ())
        return first

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
            self._passing.look_again(book, requests.bound, requests.look, event, past)
            for other in (book.others or {}).values():
                there = [commit for commit in beside if commit.account == other.account]
                self._passing.look_again(other, requests.bound, requests.look_of(other), event, there)
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
        at = self._passing.next(state)
        event = TimePassed(id="~t/" + format_instant(until), member=state.account.id, occurred_at=until)
        if at is None or at > until:
            return Accepted(state.account, event, (), (), False)
        book = Book(state, self.calendar, self.terms_at(at).units)
        last = self._passing.pass_to(book, until)
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
        own = book
        clock = book.state.clock
        if clock is not None and book.at is not None and book.at < clock:
            self._passing.pass_to(book, clock)  # What a late event made has perhaps ended since.
        if book.account != state.account:  # Another one answers: nothing is written here but what was asked.
            own, basis = Book(state, self.calendar, bound.units), with_answerer(basis, book.account)
        after = own.close(event.occurred_at, version)
        root = event.about
        ordinal = sum([commit.root == root for commit in past]) if past else 0
        entries = tuple(own.entries)
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
            (*benefits, *own.benefits) if own.benefits else benefits,
            refusal,
            after.next_due,
            None,
            None,
            None,
            after,
            (),
        )
        if refusal is None and own is book and book.others is None and book.follow_ups is None:
            return build_accepted(state.account, event, (commit,), (after,), False)
        made = [(commit, after)]
        follow_ups = list(own.follow_ups or ())
        closed_books = close_books(book, event, bound, beside, answers=own is not book) if refusal is None else ()
        for part, there, more in closed_books:
            made.append((part, there))
            follow_ups.extend(more)
        made.sort(key=lambda pair: pair[0].account.key)
        commits, states = tuple(part for part, _ in made), tuple(there for _, there in made)
        told = gathered(follow_ups, Source(state.account, root), ordinal)
        if refusal is not None:
            return Rejected(state.account, event, refusal, commits, states, False, told)
        return build_accepted(state.account, event, commits, states, False, told)

    def _again(self, commit: Commit, event: Event, history: Iterable[Commit]) -> Decision:
        """The first answer to an event that is known, with what another account answered for it."""
        if commit.event != event:
            raise EventConflictError(str(commit.account), event.id, difference(commit.event, event))
        if commit.refusal is not None:
            return Rejected(commit.account, event, commit.refusal, (commit,), (), True)
        answer = answer_to(commit, history)
        return Accepted(commit.account, event, (commit,) if answer is None else (commit, answer), (), True)
