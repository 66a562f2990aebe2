"""The English phrases of refusals: what a shop answers with when a request cannot be met."""

from __future__ import annotations

from typing import Final

REFUSALS: Final[dict[str, str]] = {
    "refused.event_time_out_of_range": "Refused: the event's time[, {at},] lies before 1970 or after 2199.",
    "refused.too_far_ahead": "Refused for now: the event's time[, {at},] lies too far in the future.",
    "refused.unknown_root": "Refused for now: {root} is not known here yet.",
    "refused.history_incomplete": "Refused for now: records about {root} are missing.",
    "refused.too_late": (
        "Refused for now: the event[ of {at}] is older than what the account has seen[, {clock}][: {closed}]."
    ),
    "refused.wrong_root": "Refused: {root} is nothing that can be undone or completed like this.",
    "refused.account_closed": "Refused: the account of {account} is closed.",
    "refused.account_merged": "Refused: the account of {account} is merged into that of {into}.",
    "refused.unknown_unit": "Refused: the program has no unit {unit}.",
    "refused.unknown_reward": "Refused: the program has no reward {reward}.",
    "refused.unknown_rule": "Refused: policy {policy} has no rule {rule} with such a period.",
    "refused.unknown_rule_charity": "Refused: policy {policy} has no charity {charity}.",
    "refused.unknown_rule_partner": "Refused: policy {policy} has no partner {partner}.",
    "refused.unknown_rule_window": "Refused: policy {policy} has no window {window}.",
    "refused.unknown_rule_policy": "Refused: the program has no policy {policy} that answers this.",
    "refused.not_eligible_partner": "Refused: an account at partner {partner} is linked already: {linked}.",
    "refused.already_ended_partner": "Refused: no account at partner {partner} is linked.",
    "refused.already_ended_window": "Refused: the {window} is over.",
    "refused.already_ended": "Refused: [{root} ][{purchase} ]has ended already, and nothing is left of it.",
    "refused.pays_a_purchase": "Refused: {root} paid for {purchase}, and comes back by refunds of that purchase.",
    "refused.voucher_used": "Refused: what {root} gave has been used, or has ended.",
    "refused.unknown_line": "Refused: purchase {purchase} has no line {line}.",
    "refused.refund_exceeds_purchase": "Refused: more is asked back than is left"
    "[ of purchase {purchase}][, line {line}][ ({left})].",
    "refused.capture_exceeds_reservation": "Refused: {asked} is more than the {reserved} that are held.",
    "refused.not_combinable": "Refused: reward {reward} cannot be had beside {other}.",
    "refused.to_oneself": "Refused: that is for another member than oneself.",
    "refused.already_referred": "Refused: a referral has been claimed before, and the first one counts.",
    "refused.referral_own": "Refused: nobody refers themselves.",
    "refused.referral_claimed": "Refused: a referral has been claimed before, and the first one counts.",
    "refused.referral_refers": "Refused: who has referred somebody cannot be referred any more.",
    "refused.referral_bought": "Refused: a referral is claimed before the first purchase.",
    "refused.referral_older": "Refused: {referrer} refers only members whose account is younger.",
    "refused.referral_identity": "Refused: this person is known already, as {referrer} or as somebody's friend.",
    "refused.referral_code": "Refused: this code has been used as often as it may be.",
    "refused.referral_friend": "Refused: this referral is not open to this member.",
    "refused.referral_referrer": "Refused: {referrer} cannot refer anybody now.",
    "refused.not_eligible": "Refused: reward {reward} is not open to this member or this cart.",
    "refused.gift_to_oneself": "Refused: a gift is for another member.",
    "refused.gift_not_eligible": "Refused: a gift to {to} is not open to these members[: it needs {needs}].",
    "refused.order_below_minimum": "Refused: reward {reward} needs an order of {minimum}, and this is {order}.",
    "refused.amount_missing": "Refused: reward {reward} needs to be told how much.",
    "refused.wrong_unit": "Refused: {unit} is not what[ reward {reward}] is paid in or worth.",
    "refused.wrong_choice": "Refused: reward {reward} offers something else[: one of {offered}].",
    "refused.amount_below_minimum": "Refused: reward {reward} takes at least {minimum}, and {asked} was asked.",
    "refused.gift_amount_below_minimum": "Refused: a gift is of at least {minimum}, and {asked} was asked.",
    "refused.gift_amount_above_maximum": "Refused: a gift is of at most {maximum}, and {asked} was asked.",
    "refused.amount_above_maximum": "Refused: reward {reward} takes less here[: at most {maximum}]"
    "[, and {asked} was asked][: its least is {needed}].",
    "refused.amount_not_a_step": "Refused: reward {reward} has no step of {asked}[: it goes in steps of {step}].",
    "refused.limit_reached": "Refused: the limit[ {limit}][ of reward {reward}] is reached.",
    "refused.voucher_missing": "Refused: reward {reward} needs a voucher that is not there"
    "[, of {needed} uses][: {available} are left].",
    "refused.gift_limit_reached": "Refused: the limit {limit} of gifts is reached.",
    "refused.balance_too_low": "Refused: {needed} are needed[ for reward {reward}], and {available} are there.",
    "refused.other": "Refused: {why}.",
}
