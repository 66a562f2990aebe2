"""Seeded bugs of rewards: each is planted for one test, and a law of rewards must see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

import patronage.quotes
import patronage.refunds
import patronage.requests
import patronage.rewards.base
import patronage.spending
from patronage.refunds import Difference
from patronage.requests import Requests
from patronage.rewards import Cart, MoneyVoucher
from patronage.spending import Spending
from properties import test_rewards_laws as rewards
from properties.test_seeded_bugs import LOCKSTEP, Plant, asked, loose, must_be_seen, wrapped


def nothing_less(known: Callable[..., Any], cart: Cart, *args: Any, **kwargs: Any) -> Any:
    """A discount that leaves the lines as they were for the next one."""
    left = list(cart.left)
    taken = known(cart, *args, **kwargs)
    cart.left[:] = left
    return taken


def one_more(known: Callable[..., Any], cart: Cart, *args: Any, **kwargs: Any) -> Any:
    """A discount of a cent more than its shares."""
    taken = known(cart, *args, **kwargs)
    if taken is None:
        return None
    return attrs.evolve(taken, amount=attrs.evolve(taken.amount, steps=taken.amount.steps + 1))


def twice(known: Callable[..., None], *args: Any) -> None:
    """What comes back comes back once more."""
    known(*args)
    known(*args)


BUGS: dict[str, tuple[Plant, Callable[..., None]]] = {
    "odd cents are lost": (
        wrapped(patronage.rewards.base, "allocate", loose),
        rewards.TestSpread.test_shares_sum_and_no_line_falls_below_zero,
    ),
    "a discount is a cent more than its shares": (
        wrapped(Cart, "take_off", one_more),
        rewards.TestSpread.test_shares_sum_and_no_line_falls_below_zero,
    ),
    "a second discount is taken of what the first has taken": (
        wrapped(Cart, "take_off", nothing_less),
        rewards.TestSpread.test_shares_sum_and_no_line_falls_below_zero,
    ),
    "a line keeps a cent of its discount": (
        wrapped(
            patronage.quotes,
            "_less",
            lambda known, line, was, kind, steps, redemption: known(line, was, kind, max(0, steps - 1), redemption),
        ),
        rewards.TestSpread.test_a_quote_takes_off_what_it_says,
    ),
    "an exclusive group has no rivals": (
        wrapped(patronage.quotes._Quoting, "_rival", lambda known, *args: None),
        rewards.TestOrderWide.test_the_one_that_takes_more_off_is_kept,
    ),
    "the earlier one of a group is kept, whatever it takes off": (
        wrapped(
            patronage.quotes._Quoting,
            "_applied",
            lambda known, self, before, request: (
                known(self, before, request)
                if before is self.steps[-1]
                else patronage.rewards.base.refuse(patronage.RejectionCode.NOT_COMBINABLE)
            ),
        ),
        rewards.TestOrderWide.test_the_one_that_takes_more_off_is_kept,
    ),
    "a cart that carries one of a group takes another": (
        wrapped(Spending, "_clash", lambda known, *args: None),
        rewards.TestOrderWide.test_a_cart_that_carries_one_takes_no_other,
    ),
    "a voucher gives the rounding away": (
        wrapped(MoneyVoucher, "_worth", lambda known, self, steps: known(self, steps) + 1),
        rewards.TestVouchers.test_no_more_is_paid_than_the_vouchers_are_worth,
    ),
    "a capture in part hands over all": (
        wrapped(patronage.spending, "scaled", lambda known, benefit, spend, total: benefit),
        rewards.TestVouchers.test_no_more_is_paid_than_the_vouchers_are_worth,
    ),
    "a coupon is not taken": (
        wrapped(patronage.spending, "take_uses", lambda known, *args, **kwargs: []),
        rewards.TestVouchers.test_a_voucher_for_a_thing_has_its_uses_and_no_more,
    ),
    "a coupon does not come back": (
        wrapped(patronage.spending, "give_back_uses", lambda known, *args: None),
        rewards.TestRedeemAndCancel.test_all_is_as_before,
    ),
    "points come back without an end": (
        LOCKSTEP["points come back without an end"],
        rewards.TestRedeemAndCancel.test_all_is_as_before,
    ),
    "what a reward gave stays when it is cancelled": (
        wrapped(Difference, "revoke_grants", lambda known, *args: None),
        rewards.TestRedeemAndCancel.test_all_is_as_before,
    ),
    "a refund gives nothing back of what was paid": (
        wrapped(Requests, "_give_back_paid", lambda known, *args: None),
        rewards.TestWhatComesBack.test_nothing_is_gained,
    ),
    "a refund takes nothing": (
        wrapped(Difference, "_take_back", lambda known, *args: None),
        rewards.TestWhatComesBack.test_nothing_is_gained,
    ),
    "a coupon comes back twice": (
        wrapped(patronage.requests, "give_back_uses", twice),
        rewards.TestWhatComesBack.test_nothing_is_gained,
    ),
    "what paid comes back twice": (
        wrapped(patronage.requests, "given_back", lambda known, *args: 0),
        rewards.TestWhatComesBack.test_nothing_is_gained,
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_law_of_rewards_sees_a_seeded_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted, each bug makes the law fail that speaks of it; without it the law holds."""
    plant, law = BUGS[bug]
    asked(law, monkeypatch, 3)
    plant(monkeypatch)
    found: BaseException | None = None
    try:
        asked(law, monkeypatch, 2_000)
    except (Exception, pytest.fail.Exception) as error:
        found = error
    must_be_seen(bug, found)
