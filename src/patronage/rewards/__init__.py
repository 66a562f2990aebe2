"""What points and vouchers buy: the reward catalogue. A price for a request, or why it has none."""

from __future__ import annotations

from typing import Final

from patronage.rewards.base import (
    Given,
    Limit,
    Price,
    Request,
    Reward,
    UsedGrant,
    build_price,
    build_request,
    check_limits,
    limits_of,
    refuse,
)
from patronage.rewards.carts import Cart, CartGift
from patronage.rewards.discounts import AmountOff, FreeItems, FreeShipping, PercentOff
from patronage.rewards.fixed import Choice, FixedReward, Step, StepTable
from patronage.rewards.items import AmountOffItems, ItemsOff, Pick, SetPrice
from patronage.rewards.points import PayWithPoints
from patronage.rewards.qualifying import CartReward, Qualifying
from patronage.rewards.vouchers import MoneyVoucher, Rest

REWARDS: Final = (PayWithPoints, FixedReward, StepTable, CartReward, MoneyVoucher)

__all__ = [
    "AmountOff",
    "AmountOffItems",
    "Cart",
    "CartGift",
    "CartReward",
    "Choice",
    "FixedReward",
    "FreeItems",
    "FreeShipping",
    "Given",
    "ItemsOff",
    "Limit",
    "MoneyVoucher",
    "PayWithPoints",
    "PercentOff",
    "Pick",
    "Price",
    "Qualifying",
    "Request",
    "Rest",
    "Reward",
    "SetPrice",
    "Step",
    "StepTable",
    "UsedGrant",
    "build_price",
    "build_request",
    "check_limits",
    "limits_of",
    "refuse",
]
