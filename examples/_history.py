"""
What the replay examples share: real purchase histories read as events, and a table of points by month.

A history is a CSV file, plain or packed (.gz, .xz). Its format is told by its header. Money is read as an
exact decimal, never as a float.
"""

from __future__ import annotations

import csv
import gzip
import lzma
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Final, NamedTuple
from zoneinfo import ZoneInfo

from patronage import (
    Account,
    Amount,
    Commit,
    Line,
    Program,
    Purchase,
    Standing,
    Tender,
    Transfer,
    Unit,
    currency,
)
from patronage.ledger import ADJUSTED, EXPIRED, ISSUED, REDEEMED

USD: Final = currency("USD")
NEW_YORK: Final = "America/New_York"
POINTS: Final = Unit("points")


class History(NamedTuple):
    """Purchases in the order of their file, and the zone in which the shop counts its days."""

    name: str
    time_zone: str
    money: Unit
    purchases: list[Purchase]

    def by_member(self) -> dict[str, list[Purchase]]:
        """Each member's purchases by time; at one instant in the order of the file."""
        found: dict[str, list[Purchase]] = defaultdict(list)
        for purchase in self.purchases:
            found[purchase.member].append(purchase)
        for purchases in found.values():
            purchases.sort(key=lambda purchase: purchase.occurred_at)
        return dict(found)


class UnknownFormatError(ValueError):
    """The header of a file is none that can be read here."""


def open_text(path: Path) -> IO[str]:
    """The file as text, unpacked where its name says that it is packed."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def read(path: Path) -> History:
    """The purchases of a CDNOW or Complete Journey file. Raises UnknownFormatError for another header."""
    with open_text(path) as file:
        rows = csv.reader(file)
        header = next(rows, [])
        for columns, read_rows in FORMATS.items():
            if set(columns) <= set(header):
                return read_rows(as_dicts(header, rows))
    raise UnknownFormatError(f"{path.name} is neither a CDNOW nor a Complete Journey file: its header is {header}.")


def as_dicts(header: list[str], rows: Iterable[list[str]]) -> Iterator[dict[str, str]]:
    """Each row by the names of its columns."""
    for row in rows:
        yield dict(zip(header, row, strict=True))


def read_cdnow(rows: Iterable[Mapping[str, str]]) -> History:
    """
    One purchase for each row: there are no order numbers, and rows that are alike are separate orders.

    The file has days without a time: noon in New York stands for each. The published sample's number of the
    customer becomes the attribute `sample`.
    """
    noons: dict[str, datetime] = {}
    amounts = Amounts(USD)
    purchases = []
    for number, row in enumerate(rows, 1):
        day = row["date"]
        if day not in noons:
            noons[day] = datetime.combine(date.fromisoformat(day), time(12), ZoneInfo(NEW_YORK))
        sample = row["sample_id"]
        purchases.append(
            Purchase(
                id=f"order-{number}",
                member=row["customer_id"],
                occurred_at=noons[day],
                lines=(Line(id="1", total=amounts[row["amount_usd"]], quantity=row["cds"]),),
                attributes={"sample": sample} if sample else {},
            )
        )
    return History("CDNOW", NEW_YORK, USD, purchases)


def read_journey(rows: Iterable[Mapping[str, str]]) -> History:
    """
    One purchase for each basket, with up to three lines: fuel, the shop's other own brands, all else.

    What a line says is what the retailer receives. The manufacturer's coupon paid a part of that, so it is a
    tender, up to what there was to pay. The number of lines of the till becomes the attribute `lines`.
    """
    amounts = Amounts(USD)
    purchases = []
    for row in rows:
        sales, fuel = amounts[row["sales_value"]], amounts[row["fuel_value"]]
        own = amounts[row["private_label_value"]] - fuel  # Fuel is the retailer's own brand.
        other = sales - own - fuel
        lines = []
        if fuel:
            lines.append(Line(id="fuel", total=fuel, category="FUEL", brand="Private"))
        if own:
            lines.append(Line(id="own", total=own, category="GROCERY", brand="Private"))
        if other or not lines:
            lines.append(Line(id="other", total=other, category="GROCERY", brand="National"))
        coupon = min(amounts[row["coupon_disc"]], sales)
        tenders: tuple[Tender, ...] = ()
        if coupon:
            tenders = (Tender(kind="coupon", total=coupon), Tender(kind="cash", total=sales - coupon))
        purchases.append(
            Purchase(
                id=row["basket_id"],
                member=row["household_id"],
                occurred_at=datetime.fromisoformat(row["ts_utc"]),
                lines=lines,
                tenders=tenders,
                store=row["store_id"],
                attributes={"lines": int(row["lines"])},
            )
        )
    return History("The Complete Journey", NEW_YORK, USD, purchases)


FORMATS: Final[Mapping[tuple[str, ...], Callable[[Iterable[Mapping[str, str]]], History]]] = {
    ("customer_id", "date", "cds", "amount_usd", "sample_id"): read_cdnow,
    ("basket_id", "household_id", "store_id", "ts_utc", "sales_value", "fuel_value", "coupon_disc"): read_journey,
}


class Amounts(dict[str, Amount]):
    """Amounts of a unit by how they are written; each text is read once."""

    def __init__(self, unit: Unit) -> None:
        super().__init__()
        self.unit = unit

    def __missing__(self, text: str) -> Amount:
        found = self[text] = self.unit.of(text)
        return found


COLUMNS: Final[Mapping[Account, str]] = {
    ISSUED: "taken back",
    REDEEMED: "redeemed",
    EXPIRED: "expired",
    ADJUSTED: "adjusted",
}
"""What it is called when points leave a member for a system account; what comes from there counts against it."""


class Movements:
    """
    Points issued, redeemed, taken back, expired and adjusted, by local month, read off the entries of commits.

    What ends at the first instant of a month is of the month before: points expire at the end of its last day.
    """

    def __init__(self, program: Program, unit: Unit) -> None:
        self.program, self.unit = program, unit
        self.by_month: dict[str, Counter[str]] = defaultdict(Counter)
        self.standings = self.debt = self.debtors = 0

    def count(self, commit: Commit) -> None:
        """Counts the entries of one commit, and the purchase that it may hold."""
        if isinstance(commit.event, Purchase):
            self.by_month[self.month(commit.event.occurred_at)]["orders"] += 1
        for entry in commit.entries:
            if not isinstance(entry, Transfer) or entry.unit != self.unit.code or entry.payer == entry.payee:
                continue
            if entry.payer == ISSUED:
                self.by_month[self.month(entry.at)]["issued"] += entry.steps
            elif entry.payer == commit.account:
                at = entry.at - timedelta(microseconds=1) if entry.payee == EXPIRED else entry.at
                self.by_month[self.month(at)][COLUMNS[entry.payee]] += entry.steps
            else:
                self.by_month[self.month(entry.at)][COLUMNS[entry.payer]] -= entry.steps

    def close(self, standing: Standing) -> None:
        """Adds what one member holds in the end: a debt counts below zero."""
        self.standings += standing.available(self.unit).steps + standing.pending(self.unit).steps
        debt = standing.debt(self.unit).steps
        self.debt += debt
        self.debtors += debt > 0

    def month(self, at: datetime) -> str:
        """The local month of an instant: `1997-01`."""
        return self.program.calendar.day(at).isoformat()[:7]

    @property
    def totals(self) -> Counter[str]:
        """Each column over all months."""
        found: Counter[str] = Counter()
        for moved in self.by_month.values():
            found.update(moved)
        return found

    @property
    def outstanding(self) -> int:
        """What was issued and has not left again."""
        return outstanding(self.totals)

    def table(self, out: Sequence[str] = ("redeemed", "taken back", "expired")) -> str:
        """A line a month, then the totals. Outstanding is that of the line above, and issued, less all that left."""
        totals = self.totals
        columns = ["orders", "issued", *(name for name in OUT if name in out or totals[name])]
        lines = [f"{'month':<8}" + "".join(f"{name:>12}" for name in (*columns, "outstanding"))]
        standing = 0
        for month in sorted(self.by_month):
            moved = self.by_month[month]
            standing += outstanding(moved)
            lines.append(f"{month:<8}" + "".join(f"{moved[name]:>12,}" for name in columns) + f"{standing:>12,}")
        lines.append(f"{'in all':<8}" + "".join(f"{totals[name]:>12,}" for name in columns) + f"{standing:>12,}")
        return "\n".join(lines)


OUT: Final = ("redeemed", "taken back", "expired", "adjusted")


def outstanding(moved: Counter[str]) -> int:
    """Issued less what left."""
    return moved["issued"] - sum(moved[name] for name in OUT)
