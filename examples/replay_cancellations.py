"""
Cancellations that name no order: how a shop attributes them to the purchases they undo.

    python examples/replay_cancellations.py [PATH]

PATH is the Online Retail data (UCI no. 502 and 352) with the columns of `examples/data/invented_cancellations.csv`,
which is played without one. The rules, also printed:

- A cancelled line goes to what the same customer bought of the same product and has not cancelled yet: the
  latest purchase first, then the one before it. So one cancellation may undo parts of several purchases, and
  becomes one refund for each: C1#1, C1#2, ...
- What finds no purchase (bought before the data begins, or never) is taken as one adjustment for each
  cancellation: whole pounds of its goods, at the base rate.
- Goods earn. Postage and other fees do not, so cancelling them takes nothing. A discount given afterwards (D)
  makes goods cheaper, so it counts as goods.
- A line is its quantity times its price, rounded half up to pence (a few prices have three decimals).
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from _history import POINTS, Movements, UnknownFormatError, open_text

from patronage import (
    Adjustment,
    Commit,
    Line,
    LineKind,
    PointsPolicy,
    Program,
    Purchase,
    Refund,
    RefundLine,
    SpendRule,
    State,
    Terms,
    currency,
)
from patronage.terms_of_time import years

LONDON: Final = "Europe/London"
GBP: Final = currency("GBP")
SAMPLE: Final = Path(__file__).parent / "data" / "invented_cancellations.csv"
GOODS: Final = re.compile(r"[0-9]{5}[A-Za-z]{0,2}|D", re.ASCII)
POSTAGE: Final = ("C2", "DOT", "POST")
PENNY: Final = Decimal("0.01")

Event = Purchase | Refund | Adjustment


class Row(NamedTuple):
    """One line of an invoice."""

    code: str
    quantity: int
    price: Decimal

    @property
    def kind(self) -> LineKind:
        """What it sells."""
        if GOODS.fullmatch(self.code):
            return LineKind.GOODS
        return LineKind.SHIPPING if self.code in POSTAGE else LineKind.FEE


class Invoice(NamedTuple):
    """A purchase, or (with a number that begins with C) a cancellation."""

    id: str
    customer: str
    at: datetime
    rows: list[Row]

    @property
    def cancels(self) -> bool:
        """Whether it is a cancellation."""
        return self.id.startswith("C")


class Bought(NamedTuple):
    """A line of a purchase, and where its quantity stands in what is left to cancel."""

    purchase: str
    line: str
    price: Decimal


class Attribution:
    """What the invoices come to as events, in order, and how the cancellations were attributed."""

    def __init__(self, invoices: Iterable[Invoice]) -> None:
        self.events: list[Event] = []
        self.cancellations = self.lines = self.whole = self.parts = self.nothing = self.repriced = 0
        self.adjusted = self.worthless = 0
        self._left: dict[tuple[str, str], list[tuple[Bought, int]]] = defaultdict(list)
        for invoice in invoices:
            if invoice.cancels:
                self.events.extend(self._cancel(invoice))
            else:
                self.events.append(self._purchase(invoice))

    def _purchase(self, invoice: Invoice) -> Purchase:
        """The invoice as a purchase; what it sold can be cancelled from now on."""
        lines = []
        for number, row in enumerate(invoice.rows, 1):
            lines.append(
                Line(
                    id=str(number),
                    sku=row.code,
                    kind=row.kind,
                    quantity=row.quantity,
                    total=GBP.of(pence(row.quantity, row.price)),
                )
            )
            bought = Bought(invoice.id, str(number), row.price)
            self._left[invoice.customer, row.code].append((bought, row.quantity))
        return Purchase(id=invoice.id, member=invoice.customer, occurred_at=invoice.at, lines=lines)

    def _cancel(self, invoice: Invoice) -> Iterator[Event]:
        """One refund for each purchase that the cancellation undoes a part of; what is left, an adjustment."""
        self.cancellations += 1
        undone: dict[str, dict[str, int]] = {}
        unmatched = Decimal(0)
        for row in invoice.rows:
            self.lines += 1
            wanted = -row.quantity
            left = wanted
            for bought, quantity in self._take(invoice.customer, row.code, wanted):
                lines = undone.setdefault(bought.purchase, {})
                lines[bought.line] = lines.get(bought.line, 0) + quantity
                self.repriced += bought.price != row.price
                left -= quantity
            self.whole += not left
            self.parts += 0 < left < wanted
            self.nothing += left == wanted
            if row.kind is LineKind.GOODS:
                unmatched += pence(left, row.price)
        for number, (purchase, lines) in enumerate(undone.items(), 1):
            yield Refund(
                id=f"{invoice.id}#{number}",
                member=invoice.customer,
                occurred_at=invoice.at,
                purchase=purchase,
                lines=[RefundLine(id=line, quantity=quantity) for line, quantity in lines.items()],
            )
        points = int(unmatched)  # Whole pounds.
        self.worthless += not undone and not points
        if points:
            self.adjusted += 1
            yield Adjustment(
                id=f"{invoice.id}#unmatched",
                member=invoice.customer,
                occurred_at=invoice.at,
                amount=POINTS.of(-points),
                actor="replay",
                reason="cancelled_without_purchase",
            )

    def _take(self, customer: str, code: str, wanted: int) -> Iterator[tuple[Bought, int]]:
        """Up to *wanted* of what the customer has left of a product, the latest first."""
        left = self._left[customer, code]
        while wanted and left:
            bought, quantity = left.pop()
            taken = min(quantity, wanted)
            if taken < quantity:
                left.append((bought, quantity - taken))
            wanted -= taken
            yield bought, taken

    def by_member(self) -> dict[str, list[Event]]:
        """Each customer's events, in order."""
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            found[event.member].append(event)
        return dict(found)


def pence(quantity: int, price: Decimal) -> Decimal:
    """The amount of a line, in pounds and whole pence."""
    return (quantity * price).quantize(PENNY, ROUND_HALF_UP)


def read_invoices(path: Path) -> list[Invoice]:
    """The invoices of a file, in order of their first lines. Raises UnknownFormatError for another header."""
    found: dict[str, Invoice] = {}
    zone = ZoneInfo(LONDON)
    with open_text(path) as file:
        for row in csv.DictReader(file):
            if not {"invoice", "ts_local", "customer_id", "stock_code", "quantity", "unit_price_gbp"} <= set(row):
                raise UnknownFormatError(f"{path.name} is no Online Retail file: its columns are {list(row)}.")
            invoice = found.get(row["invoice"])
            if invoice is None:
                at = datetime.fromisoformat(row["ts_local"]).replace(tzinfo=zone)
                invoice = found[row["invoice"]] = Invoice(row["invoice"], row["customer_id"], at, [])
            invoice.rows.append(Row(row["stock_code"], int(row["quantity"]), Decimal(row["unit_price_gbp"])))
    return list(found.values())


def program() -> Program:
    """One point for each whole pound of goods. Refunds are decided exactly for three years: the whole data."""
    rule = SpendRule(per=GBP.of(1), credit=POINTS.of(1))
    return Program(
        id="cancellations",
        time_zone=LONDON,
        terms=Terms(units=(GBP, POINTS), policies=(PointsPolicy(name="base", rules=(rule,)),), refund_for=years(3)),
    )


def play(program: Program, events: Sequence[Event]) -> tuple[State, list[Commit]]:
    """One customer's events, each on what the one before left."""
    state = State.of(events[0].member)
    commits: list[Commit] = []
    naming: Mapping[str, list[Commit]] = defaultdict(list)
    for event in events:
        history = naming[event.purchase] if isinstance(event, Refund) else None
        decision = program.decide(state, event, history=history).require()
        state = decision.state or state
        for commit in decision.commits:
            commits.append(commit)
            for name in commit.names:
                naming[name].append(commit)
    return state, commits


def report(path: Path) -> str:
    """What was attributed to what, and the points by month."""
    attribution = Attribution(read_invoices(path))
    shop = program()
    moved = Movements(shop, POINTS)
    for events in attribution.by_member().values():
        state, commits = play(shop, events)
        for commit in commits:
            moved.count(commit)
        moved.close(shop.at(state, events[-1].occurred_at))
    purchases = [event for event in attribution.events if isinstance(event, Purchase)]
    free = sum(not purchase.total for purchase in purchases)
    refunds = sum(isinstance(event, Refund) for event in attribution.events)
    agree = "the same" if moved.standings == moved.outstanding else "NOT THE SAME"
    return "\n".join(
        [
            f"{path.name}: {len(purchases):,} purchases ({free:,} of them for 0.00),"
            f" {attribution.cancellations:,} cancellations",
            "  1 point for each whole pound of goods; each line rounded half up to pence.",
            f"  A cancellation names no purchase. Its {attribution.lines:,} lines go to the customer's latest"
            " purchases of the product:",
            f"    {attribution.whole:,} find all of their quantity, {attribution.parts:,} a part of it,"
            f" {attribution.nothing:,} nothing.",
            f"  That makes {refunds:,} refunds, one for each purchase (C1#1, C1#2, ...), and {attribution.adjusted:,}"
            " adjustments at the base rate.",
            f"  {attribution.worthless:,} cancellations found nothing and are worth no point: they leave no event.",
            "  Cancelled at another price than bought at (the points of the purchase count):"
            f" {attribution.repriced:,} matches.",
            "",
            moved.table(("taken back", "adjusted")),
            "",
            f"  issued - taken back - adjusted = {moved.outstanding:,} outstanding",
            f"  the balances of all customers add up to {moved.standings:,}: {agree}"
            f" ({moved.debtors:,} of them owe {moved.debt:,}, counted below zero)",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line, plays the file and prints what came of it."""
    parser = argparse.ArgumentParser(description="Attributes cancellations that name no order, and plays them.")
    parser.add_argument("path", metavar="PATH", nargs="?", type=Path, default=SAMPLE, help="an Online Retail file")
    path: Path = parser.parse_args(arguments).path
    try:
        print(report(path))
    except (OSError, UnknownFormatError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
