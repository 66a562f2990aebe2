"""Example documents that the tests bend and break: one of each kind that people write."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

from patronage.codec import FORMAT, Codec
from patronage.errors import DocumentError, Problem
from patronage.events import Activity, Line, Purchase
from patronage.program import Program
from patronage.state import State
from patronage.units import Unit, currency

INSTANT = datetime(2024, 5, 8, 12, 30, tzinfo=UTC)
USD, POINTS = currency("USD"), Unit("points")
CODEC = Codec(units=(POINTS,))

PURCHASE: dict[str, Any] = {
    "type": "purchase",
    "format": FORMAT,
    "id": "order-17",
    "member": "m-1",
    "occurred_at": "2024-05-08T12:30:00Z",
    "channel": "web",
    "lines": [
        {
            "total": "120.00 USD",
            "tax": {"steps": 1000, "unit": "USD"},
            "sku": "4711",
            "category": "books",
            "tags": ["new", "sale"],
            "kind": "goods",
            "quantity": "1.5",
            "measures": {"km": "3.1"},
            "attributes": {"gift": True, "shelf": 12, "note": "é"},
            "discounts": [{"kind": "coupon", "total": "1.00 USD"}],
        },
        {"total": "30.00 USD", "kind": "shipping"},
    ],
    "discounts": [{"kind": "staff", "total": "10.00 USD"}],
    "tenders": [
        {"kind": "points", "total": "40.00 USD", "redemption": "r-1"},
        {"kind": "card", "total": "100.00 USD"},
    ],
}

ACTIVITY: dict[str, Any] = {
    "type": "activity",
    "id": "review-1",
    "member": "m-1",
    "occurred_at": "2024-05-08T12:30:00Z",
    "kind": "review",
    "count": 2,
    "attributes": {"stars": 5},
}

PROGRAM_TOML = """\
# A shop that gives a point for every dollar.
id = "shop"
time_zone = "America/New_York"

[terms]
effective_from = 2024-01-01T00:00:00-05:00

[[terms.units]]
code = "USD"
decimals = 2

[[terms.units]]
code = "points"

[terms.refund_for]
type = "lasting"
n = 60
of = "days"
until = "end_of_day"

[[terms.policies]]
type = "points"
name = "base"

[[terms.policies.rules]]
type = "spend"
name = "one-per-dollar"
per = "1.00 USD"
credit = "1 points"
when = { type = "all_of", of = [
    { type = "channel", of = ["web", "shop"] },
    { type = "not", of = { type = "weekday", of = [6] } },
    { type = "time_of_day", start = 08:00:00, end = "20:30" },
] }
life.expires_after = { type = "lasting", n = 12, of = "months", until = "end_of_month" }

[[terms.policies.rules]]
type = "multiplier"
factor = "1.5"
when = { type = "recurs", on = { starts = 2024-01-01, every = "week", weekdays = [1] } }

[[terms.policies.ceilings]]
name = "monthly"
limit = "500 points"
per = { type = "calendar", kind = "month" }

[[terms.rewards]]
type = "pay_with_points"
name = "money-off"
points = "100 points"
value = "1.00 USD"
share_max = "1/2"
"""


def program() -> Program:
    """The program of the TOML document."""
    return CODEC.load_toml(PROGRAM_TOML, Program)


def program_tree() -> dict[str, Any]:
    """The program as JSON, written in full, with one table of terms."""
    tree: dict[str, Any] = json.loads(CODEC.dump(program()))
    tree["terms"] = tree["terms"][0]
    return tree


def commit_tree() -> dict[str, Any]:
    """A commit as JSON."""
    made: dict[str, Any] = CODEC.unstructure(decided().commit)
    return made


def state_tree() -> dict[str, Any]:
    """A state as JSON."""
    made: dict[str, Any] = CODEC.unstructure(decided().state)
    return made


def decided() -> Any:
    """What the program makes of a purchase."""
    return (
        program()
        .decide(
            State.of("m-1"),
            Purchase(
                id="order-17",
                member="m-1",
                occurred_at=INSTANT,
                channel="web",
                lines=[Line(total=USD.of("120.00"), quantity="1.5"), Line(total=USD.of("30.50"), sku="4711")],
                attributes={"campaign": "may", "first": True},
            ),
        )
        .require()
    )


def review() -> Activity:
    """The activity of the document."""
    return CODEC.structure(ACTIVITY, Activity)


def changed(tree: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A copy of a document with another value at a path."""
    made = copy.deepcopy(tree)
    place: Any = made
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return made


def without(tree: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    """A copy of a document without what stands at a path."""
    made = copy.deepcopy(tree)
    place: Any = made
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return made


def shown(path: tuple[str | int, ...]) -> str:
    """A path as problems show it."""
    return "".join(f".{step}" if str(step).isidentifier() else f"[{step!r}]" for step in path).lstrip(".")


def problems_of(document: str | bytes, cls: Any, codec: Codec = CODEC) -> tuple[Problem, ...]:
    """What is wrong with a JSON document; none where it loads."""
    try:
        codec.load(document, cls)
    except DocumentError as error:
        return error.problems
    return ()
