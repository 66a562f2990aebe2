"""The floor: the tightest plain Python for the same work, ints and tuples, no classes."""

from __future__ import annotations

import json
import random
from calendar import monthrange
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
CAMPAIGN_WEEKS = frozenset(2024 * 100 + week for week in (5, 12, 19, 26, 33, 40, 47))
CEILING = 5_000

LineRow = tuple[str, int, int, int]  # SKU, category, cents, flags (1 gift card, 2 tax)
LotRow = tuple[int, int, int]  # Expiry day, points, number.
Facts = tuple[int, int, int, int, int]


def facts_of(ts: int) -> Facts:
    """Local day, month, ISO week, year, and expiry day (end of the month, a year on) of a UTC second."""
    local = datetime.fromtimestamp(ts, ZONE)
    iso = local.isocalendar()
    expiry = date(local.year + 1, local.month, monthrange(local.year + 1, local.month)[1])
    return local.toordinal(), local.year * 12 + local.month, iso[0] * 100 + iso[1], local.year, expiry.toordinal()


class _Calendar(dict[int, Facts]):
    def __missing__(self, quarter: int) -> Facts:
        found = self[quarter] = facts_of(quarter * 900)
        return found


CALENDAR = _Calendar()


def earn(
    ts: int, lines: tuple[LineRow, ...], tier_bp: int, month: int, month_earned: int, lot_id: int
) -> tuple[int, tuple[tuple[str, int], ...], LotRow]:
    """W1: points, the explanation, and the new lot of one purchase."""
    eligible = category = 0
    for _sku, cat, amount, flags in lines:
        if not flags:
            eligible += amount
            if cat == 3:
                category += amount
    base = eligible // 100
    extra = category // 100
    tier = base * tier_bp // 10_000 - base
    _day, month_now, week, _year, expiry = CALENDAR[ts // 900]
    bonus = 50 if week in CAMPAIGN_WEEKS else 0
    total = base + extra + tier + bonus
    room = CEILING - month_earned if month_now == month else CEILING
    points = total if total <= room else room
    why = (("base", base), ("category", extra), ("tier", tier), ("campaign", bonus), ("cap", points - total))
    return points, why, (expiry, points, lot_id)


def consume(lots: tuple[LotRow, ...], n: int) -> tuple[list[tuple[int, int]], tuple[LotRow, ...]]:
    """W2: the parts taken and the lots left, earliest expiry first."""
    taken = []
    for i, (expiry, points, number) in enumerate(lots):
        if points > n:
            taken.append((number, n))
            return taken, ((expiry, points - n, number), *lots[i + 1 :])
        taken.append((number, points))
        if points == n:
            return taken, lots[i + 1 :]
        n -= points
    raise ValueError("not enough points")


def sample() -> tuple[int, tuple[LineRow, ...], tuple[LotRow, ...]]:
    """One purchase of three lines in a campaign week, and twenty open lots."""
    rnd = random.Random(1)
    ts = int(datetime(2024, 5, 8, 15, 4, tzinfo=UTC).timestamp())
    lines = (("SKU-1", 3, 2_599, 0), ("SKU-2", 1, 12_050, 0), ("GIFT", 9, 5_000, 1))
    first = date(2024, 6, 30).toordinal()
    return ts, lines, tuple(sorted((first + 15 * k, rnd.randrange(40, 400), k) for k in range(20)))


def plain_json(document: object) -> str:
    """W5: the standard library's JSON of plain dicts, with no classes and no checks."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True)
