"""What effects leave of the basis: what a policy or watcher that is listed later may read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from patronage._frozen import FrozenMapping
from patronage.building import build_balance, build_basis
from patronage.ledger import Balance, Basis, Grant
from patronage.occasions import Credit, Debit, Effect, Give, Occasion, Revoke, SetTo, Use, source_of


def basis_with(
    basis: Basis, effects: Iterable[Effect], occasion: Occasion, policy: str, watched: frozenset[str]
) -> Basis:
    """
    The basis as it stands after *effects*: what a policy listed later may read.

    Only the *watched* units, those that the terms read, are followed. Live decisions and decisions
    made again both come through here, so they see the same.
    """
    known = {(held.unit, held.label): held.steps for held in basis.balances}
    grants = list(basis.grants)
    others = basis.others
    changed = False
    for effect in effects:
        if isinstance(effect, Credit | Debit | SetTo):
            key = (effect.amount.unit, effect.label)
            if effect.amount.unit not in watched:
                continue
            changed = True
            if not isinstance(effect, SetTo) and effect.account is not None:
                others = _others_with(others, effect)
                continue
            held_now, steps = known.get(key, 0), effect.amount.steps
            if isinstance(effect, Credit):
                if not effect.life.on_confirmation and effect.life.available_after is None:
                    known[key] = held_now + steps
            elif isinstance(effect, SetTo):
                known[key] = steps
            else:
                known[key] = held_now - (min(steps, max(held_now, 0)) if effect.up_to else steps)
        elif isinstance(effect, Give):
            changed = True
            grants.append(_given(effect, occasion, policy))
        elif isinstance(effect, Revoke):
            changed = True
            giver = f"{policy}/{effect.rule}" if effect.own else None
            grants = [
                g
                for g in grants
                if g.key != effect.key
                or (effect.value and g.value != effect.value)
                or (giver and g.giver != giver)
                or (effect.occasion is not None and g.occasion != effect.occasion)
            ]
        elif isinstance(effect, Use):
            changed = True
            first = usable(grants, effect, occasion.at)
            if first is not None:
                grants[grants.index(first)] = attrs.evolve(first, uses=(first.uses or 1) - 1)
    if not changed:
        return basis
    return build_basis(
        tuple(grants), tuple([build_balance(u, label, steps) for (u, label), steps in known.items()]), others
    )


def _others_with(
    others: FrozenMapping[str, tuple[Balance, ...]], effect: Credit | Debit
) -> FrozenMapping[str, tuple[Balance, ...]]:
    """The balances of the other accounts after an effect on one of them."""
    key, unit, label = str(effect.account), effect.amount.unit, effect.label
    held = list(others.get(key, ()))
    now = sum(one.steps for one in held if (one.unit, one.label) == (unit, label))
    steps = effect.amount.steps
    if isinstance(effect, Credit):
        if effect.life.on_confirmation or effect.life.available_after is not None:
            return others
        now += steps
    else:
        now -= min(steps, max(now, 0)) if effect.up_to else steps
    rest = [one for one in held if (one.unit, one.label) != (unit, label)]
    return others.set(key, (*rest, Balance(unit, label, now)))


def usable(grants: Iterable[Grant], effect: Use, at: datetime) -> Grant | None:
    """The grant with uses left that a `Use` takes: of those in force the one that ends first."""
    found = [
        grant
        for grant in grants
        if grant.key == effect.key
        and grant.uses is not None
        and (effect.value is None or grant.value == effect.value)
        and grant.in_force(at)
    ]
    return min(found, key=lambda grant: (grant.valid_until is None, grant.valid_until, grant.identity), default=None)


def _given(effect: Give, occasion: Occasion, policy: str) -> Grant:
    until = effect.end(occasion.at, occasion.calendar)
    source = source_of(occasion)
    return Grant(
        effect.key,
        effect.value,
        effect.begin(occasion.at),
        until,
        effect.uses,
        f"{policy}/{effect.rule}",
        effect.occasion,
        source,
    )
