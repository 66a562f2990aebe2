"""The policies: thin objects over the shared mechanisms, one file a policy."""

from __future__ import annotations

from patronage.policies.base import Policy
from patronage.policies.cashback import CashbackPolicy
from patronage.policies.challenge import ChallengePolicy
from patronage.policies.dividend import DividendPolicy
from patronage.policies.donation import DonationPolicy
from patronage.policies.membership import MembershipPolicy
from patronage.policies.offer import OfferPolicy
from patronage.policies.partner import PartnerPolicy
from patronage.policies.points import PointsPolicy
from patronage.policies.referral import ReferralPolicy
from patronage.policies.tier import TierPolicy

__all__ = [
    "CashbackPolicy",
    "ChallengePolicy",
    "DividendPolicy",
    "DonationPolicy",
    "MembershipPolicy",
    "OfferPolicy",
    "PartnerPolicy",
    "PointsPolicy",
    "Policy",
    "ReferralPolicy",
    "TierPolicy",
]
