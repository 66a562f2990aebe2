"""The phrases of dividends, in English: see `_phrases` for how a template is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DIVIDENDS: Final[Mapping[str, str]] = {
    "word.pool": "a pool of {amount} for {name}",
    "word.declared_rate": "{amount} per {per} of {name}",
    "event.dividenddeclared": "Dividend {event} of policy {policy} declared on {at}: {declared}.",
    "event.dividendallocated": "The pools of dividend {about} were shared out on {at}.",
    "event.dividendshare": "Share of dividend {of} of policy {policy}, of {at}.",
    "entry.dividend": "{amount} of the dividend for {period}[ under {label}], by policy {policy}: {of}.",
    "entry.dividend_carried_on": "{amount} that had waited go into this dividend.",
    "entry.dividend_donated": "{amount} too little to be paid, donated.",
    "entry.dividend_dropped": "{amount} too little to be paid, kept by the program.",
    "entry.dividend_paid_out": "{amount} of the dividend paid out in money.",
    "tally.patronage_more": "{amount} of patronage counted for policy {policy}[ in {period}].",
    "tally.patronage_less": "{amount} of patronage no longer counted for policy {policy}[ in {period}].",
    "tally.patronage_ended": "The patronage counted[ in {period}] is no longer kept.",
    "tally.late_more": "{amount} of returns noted: they lower a later period of rule {rule}.",
    "tally.late_less": "{amount} of late returns taken off a period of rule {rule}.",
    "tally.late_ended": "Late returns of rule {rule} are no longer kept.",
    "tally.netted_more": "{amount} of earlier returns taken off rule {rule}[ in {period}].",
    "tally.netted_less": "{amount} of earlier returns no longer taken off rule {rule}[ in {period}].",
    "tally.netted_ended": "What earlier returns took off rule {rule}[ in {period}] is no longer kept.",
    "tally.recorded_more": "The record date of rule {rule}[ for {period}] came.",
    "tally.recorded_less": "The record date of rule {rule}[ for {period}] came otherwise.",
    "tally.recorded_ended": "That the record date of rule {rule}[ for {period}] came is no longer kept.",
    "grant.patronage": "Now held: a right to a share of the dividend for {period}, on {counted} of {class}"
    "[, until {until}].",
    "grant.patronage_returned": "The right to a share of the dividend for {period}, on {class}, ended: goods came"
    " back.",
    "grant.patronage_paid": "The right to a share of the dividend for {period}, on {counted} of {class}, ended:"
    " it is paid.",
    "grant.dividend_declared": "The dividend of policy {policy} for {period} is declared.",
    "wake.record_set": "Rule {rule} of policy {policy} looks at its period again on the record date, {due}.",
    "wake.record_fell_due": "The record date of rule {rule} of policy {policy} was {due}.",
    "refused.already_declared": "Refused: the dividend[ of policy {policy}][ for {period}] is declared already.",
    "refused.patronage_open": "Refused: patronage[ for {period}] is not final then[, but from {final} on].",
    "refused.no_patronage": "Refused: there is no right to a share of the dividend[ for {period}], or no more.",
}
