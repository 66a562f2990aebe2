"""The Policy protocol: occasion in, effects out. What the library ships and what a caller writes are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

import attrs

from patronage._frozen import FrozenMapping
from patronage.accounts import Account, AccountKind
from patronage.ceilings import BoundCeiling
from patronage.earning import WhyNot
from patronage.errors import InvalidValueError, PolicyError, quote
from patronage.figures import Setting
from patronage.ledger import Benefit, Refusal
from patronage.occasions import Effect, Occasion, Read, check_effect
from patronage.rules import Rule
from patronage.watching import Watcher


class Policy(Protocol):
    """
    What a caller writes: a frozen object with a name and one method.

    It is shown facts and what time does, never a refund or a cancellation: a purchase of which
    something came back is shown again, without it, and what differs is booked. So it must answer
    from the occasion alone. What it reads of balances it names in a `reads` attribute (a sequence
    of `Read`), if any; the shared accounts that it reads or changes in an `others` attribute (a
    sequence of `Account`), if any. One that may give a `FollowUp` has a `follows_up` attribute that is
    True: it is asked again to tell receivers what a refund left of it.
    """

    @property
    def name(self) -> str:
        """What entries name it by: unique among the policies of the terms."""
        ...

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the occasion gives or takes. An empty basket is never shown."""
        ...


@runtime_checkable
class Bindable(Protocol):
    """A policy of the library's own, which is bound to its terms once."""

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked."""
        ...


Answer = Callable[[Occasion, "list[WhyNot] | None"], Sequence[Effect]]


Asked = Refusal | Sequence[Effect] | Mapping[Account, Sequence[Effect]]
"""What a request comes to: a refusal, or effects, on the own account or on each that it changes."""
Ask = Callable[[Occasion, Mapping[Account, Occasion]], Asked]
"""A request, with the other accounts that it names, each as it stands there."""
Handed = Callable[[Occasion, Sequence[Benefit]], Sequence[Effect]]
"""What benefits that a request handed over come to."""


@attrs.frozen(eq=False)
class BoundPolicy:
    """
    A policy ready to be asked: *answer* gives its effects.

    *reads* are the balances it reads, *tallies* gives those of its *ceilings* at an instant;
    *watchers* are its totals and thresholds, which look at balances once it has been asked.
    *triggers* says whether it is shown what time does, *adopts* whether also that new terms took effect.
    *shared* are its shared ceilings by the type of event that they count, *others* the shared
    accounts that it names; *follows_up* says whether it may give a FollowUp. *rules* are those that it
    is made of, for those who read a program rather than run it. *asked* answers the events that name the
    policy (a membership that begins, a dividend that is declared). *counts* are tallies of its own, beside
    those of ceilings and watchers. *receives* are ceilings for what its follow-ups bring a receiver,
    counted on the receiver's account. *beside* are the watchers of shared accounts that the
    policy keeps (a charity's, whose close pays out). *handed* answers what a redemption or a capture handed
    over (a donation) by credits and follow-ups, from the benefits alone: undoing the request asks again.
    *feeds* are units that it credits beside its rules and watchers, *leaks* what of it stays with members
    when a purchase comes back, and why: both for those who read.
    """

    name: str
    answer: Answer
    reads: tuple[Read, ...] = ()
    tallies: Callable[[datetime], Iterable[tuple[str, str]]] | None = None
    ceilings: Sequence[BoundCeiling] = ()
    triggers: bool = True
    watchers: Sequence[Watcher] = ()
    adopts: bool = True
    shared: Mapping[type, Sequence[BoundCeiling]] = FrozenMapping()
    others: tuple[Account, ...] = ()
    follows_up: bool = False
    rules: Sequence[Rule] = ()
    asked: Ask | None = None
    counts: tuple[str, ...] = ()
    receives: Sequence[BoundCeiling] = ()
    feeds: tuple[str, ...] = ()
    leaks: tuple[tuple[str, str], ...] = ()
    beside: Mapping[Account, Sequence[Watcher]] = FrozenMapping()
    handed: Handed | None = None

    def watching(self, account: Account) -> Sequence[Watcher]:
        """The watchers that look at an account."""
        return self.watchers if account.kind is AccountKind.MEMBER else self.beside.get(account, ())


def guarded(name: str, ask: Answer) -> Answer:
    """*ask*, with whatever a caller's policy or condition raises turned into a PolicyError that names the policy."""

    def answer(occasion: Occasion, trace: list[WhyNot] | None) -> Sequence[Effect]:
        try:
            return ask(occasion, trace)
        except PolicyError:
            raise
        except InvalidValueError as error:
            raise PolicyError(name, str(error)) from error
        except Exception as error:
            raise PolicyError(name, f"it raised {type(error).__name__}: {quote(str(error))}") from error

    return answer


def bind(policy: Policy, setting: Setting) -> BoundPolicy:
    """*policy* bound to its terms; a caller's own one is asked as it is, its answer checked."""
    if isinstance(policy, Bindable):
        return policy.bind(setting)

    def answer(occasion: Occasion, trace: list[WhyNot] | None) -> Sequence[Effect]:
        return [check_effect(effect) for effect in policy.effects(occasion)]

    others = tuple(getattr(policy, "others", ()))
    for account in others:
        if not isinstance(account, Account) or account.kind is not AccountKind.SHARED:
            raise InvalidValueError(
                f"Policy {policy.name} names {quote(account)} in its others: those are shared accounts, "
                "such as Account.shared('pool'). What a member gets is a FollowUp."
            )
    return BoundPolicy(
        policy.name,
        guarded(policy.name, answer),
        tuple(getattr(policy, "reads", ())),
        others=others,
        follows_up=getattr(policy, "follows_up", False) is True,
    )
