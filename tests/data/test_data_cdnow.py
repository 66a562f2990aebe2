"""The whole CDNOW history through our events: its published figures, and P1 and P4 of REFERENCE.md."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import date, timedelta
from fractions import Fraction

import pytest
from data_documents import document
from data_histories import POINTS, History, digest, load, shared, table
from data_programs import (
    CDS,
    DAILY,
    SPENT,
    Played,
    end_of,
    local_day,
    month_of,
    play,
    run_off,
    transfers,
)

from patronage import Entry

FIRST_DAY = date(1997, 1, 1)
LAST_DAY = date(1998, 6, 30)
WEEK_39_ENDS = date(1997, 9, 30)

BY_MONTH = table("""
1997-01  8928 19416 299060.17
1997-02 11272 24921 379590.03
1997-03 11598 26159 393155.27
1997-04  3781  9729 142824.49
1997-05  2895  7275 107933.30
1997-06  3054  7301 108395.87
1997-07  2942  8131 122078.88
1997-08  2320  5851  88367.69
1997-09  2296  5729  81948.80
1997-10  2562  6203  89780.77
1997-11  2750  7812 115448.64
1997-12  2504  6418  95577.35
1998-01  2032  5278  76756.78
1998-02  2026  5340  77096.96
1998-03  2793  7431 108970.15
1998-04  1878  4697  66231.52
1998-05  1985  4903  70989.66
1998-06  2043  5287  76109.30
""")
"""Orders, CDs, cents."""

RUN_OFF = table("""
1997-01 293,084       0   293,084
1997-02 372,060       0   665,144
1997-03 385,345       0 1,050,489
1997-04 140,323       0 1,190,812
1997-05 106,089       0 1,296,901
1997-06 106,465       0 1,403,366
1997-07 120,243       0 1,523,609
1997-08  86,912       0 1,610,521
1997-09  80,278       0 1,690,799
1997-10  87,808       0 1,778,607
1997-11 113,407       0 1,892,014
1997-12  93,737       0 1,985,751
1998-01  75,300 293,084 1,767,967
1998-02  75,720 372,060 1,471,627
1998-03 107,090 385,345 1,193,372
1998-04  64,971 140,323 1,118,020
1998-05  69,611 106,089 1,081,542
1998-06  74,716 106,465 1,049,793
1998-07       0 120,243   929,550
1998-08       0  86,912   842,638
1998-09       0  80,278   762,360
1998-10       0  87,808   674,552
1998-11       0 113,407   561,145
1998-12       0  93,737   467,408
1999-01       0  75,300   392,108
1999-02       0  75,720   316,388
1999-03       0 107,090   209,298
1999-04       0  64,971   144,327
1999-05       0  69,611    74,716
1999-06       0  74,716         0
1999-07       0       0         0
""")
"""Issued, expired, outstanding."""


@pytest.fixture(scope="module")
def history() -> History:
    """Every order as a purchase."""
    return load(shared("cdnow", "transactions.csv.gz"))


@pytest.fixture(scope="module")
def p1(history: History) -> Played:
    """All of it on the program of P1."""
    return play(document("points"), history)


@pytest.fixture(scope="module")
def p4(history: History) -> Played:
    """All of it on the program of P4, and day-precise beside it."""
    return play(document("expiry"), history)


def weeks(count: int, first: int = 1) -> list[int]:
    """The numbers of weeks from *first* on."""
    return list(range(first, first + count))


def week(day: date) -> int:
    """The number of a day's week: week 1 begins on 1 January 1997."""
    return (day - FIRST_DAY).days // 7 + 1


def test_customers_and_orders_are_as_published(history: History, p1: Played) -> None:
    """23,570 customers and 69,659 orders, of which 80 are for nothing and count all the same."""
    assert len(p1.states) == 23_570
    assert len(history.purchases) == 69_659
    assert sum(state.version for state in p1.states.values()) == 69_659
    assert sum(not purchase.total for purchase in history.purchases) == 80
    assert sum(len(commits) > 1 for commits in p1.commits.values()) == 11_662
    assert max(purchase.total for purchase in history.purchases) == 1286_01


def test_new_customers_by_week_are_as_published(p1: Played) -> None:
    """A customer is new in the week of the first commit; Fader and Hardie (2001), table 1."""
    new = Counter(week(local_day(commits[0].event)) for commits in p1.commits.values())  # type: ignore[arg-type]
    assert [new[n] for n in weeks(12)] == [1574, 1642, 1822, 1924, 2164, 2197, 2024, 2034, 2198, 2165, 2037, 1789]


def test_cds_by_week_are_as_published(p1: Played) -> None:
    """The units credited for CDs, by week; Fader and Hardie (2001), table 1."""
    sold: Counter[int] = Counter()
    for commits in p1.commits.values():
        for transfer in transfers(commits, CDS):
            sold[week(p1.program.calendar.day(transfer.at))] += transfer.steps
    published = [3627, 3857, 4512, 5054, 5843, 6456, 5906, 6077, 6757, 6848, 6770, 6781]
    assert [sold[n] for n in weeks(12)] == published
    assert sum(sold.values()) == 167_881


def test_months_are_as_published(history: History, p1: Played) -> None:
    """Orders, CDs and dollars of each local month: the orders from the events, the sums from the ledger."""
    orders = Counter(local_day(purchase).isoformat()[:7] for purchase in history.purchases)
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for commits in p1.commits.values():
        for unit in (CDS, SPENT):
            for transfer in transfers(commits, unit):
                sums[month_of(transfer)][unit.code] += transfer.steps
    assert {month: (orders[month], sums[month]["cds"], sums[month]["spent"]) for month in orders} == BY_MONTH
    assert sum(cents for _, _, cents in BY_MONTH.values()) == 2_500_315_63


class TestThePublishedSample:
    """The 2,357 customers of the published one-tenth sample, told by an attribute of their purchases."""

    @pytest.fixture(scope="class")
    @staticmethod
    def days(history: History) -> dict[str, dict[date, int]]:
        """For each customer the dates of purchase, in order, with the cents spent."""
        found: dict[str, dict[date, int]] = {}
        for member, purchases in history.by_member().items():
            for purchase in purchases:
                if "sample" in purchase.attributes:
                    dates = found.setdefault(member, {})
                    dates[local_day(purchase)] = dates.get(local_day(purchase), 0) + purchase.total
        return found

    @pytest.fixture(scope="class")
    @staticmethod
    def repeats(days: dict[str, dict[date, int]]) -> dict[str, list[date]]:
        """The repeat days: distinct dates after the first one."""
        return {member: sorted(dates)[1:] for member, dates in days.items()}

    def test_size(self, history: History) -> None:
        """2,357 customers, 6,919 orders, 16,479 CDs, $244,091.94."""
        sample = [purchase for purchase in history.purchases if "sample" in purchase.attributes]
        assert len({purchase.member for purchase in sample}) == 2_357
        assert len(sample) == 6_919
        assert sum(line.quantity for purchase in sample for line in purchase.lines) == 16_479
        assert sum(purchase.total for purchase in sample) == 244_091_94

    def test_repeat_days(self, repeats: dict[str, list[date]]) -> None:
        """Customers by repeat days in weeks 1 to 39, and what each of those groups did in weeks 40 to 78."""
        early = {member: min(7, sum(day <= WEEK_39_ENDS for day in days)) for member, days in repeats.items()}
        groups = Counter(early.values())
        assert [groups[n] for n in range(8)] == [1411, 439, 214, 100, 62, 38, 29, 64]
        late: Counter[int] = Counter()
        for member, days in repeats.items():
            late[early[member]] += sum(WEEK_39_ENDS < day <= LAST_DAY for day in days)
        assert [late[n] for n in range(8)] == [334, 306, 298, 156, 157, 112, 112, 407]
        means = [int(Fraction(late[n], groups[n]) * 1000 + Fraction(1, 2)) for n in range(8)]
        assert means == [237, 697, 1393, 1560, 2532, 2947, 3862, 6359]

    def test_repeat_days_by_week(self, repeats: dict[str, list[date]]) -> None:
        """Repeat days in weeks 20 to 25, and their running sum; the manual of BTYD."""
        by_week = Counter(week(day) for days in repeats.values() for day in days)
        assert [by_week[n] for n in weeks(6, 20)] == [73, 55, 70, 33, 56, 99]
        running = [sum(by_week[n] for n in range(1, last + 1)) for last in weeks(6, 20)]
        assert running == [1359, 1414, 1484, 1517, 1573, 1672]
        assert sum(by_week.values()) == 4_339

    def test_spend_per_repeat_day(self, days: dict[str, dict[date, int]]) -> None:
        """946 customers spend $35.08 on a repeat day of weeks 1 to 39 in the mean, from $2.99 to $299.63."""
        averages = []
        for dates in days.values():
            cents = [dates[day] for day in sorted(dates)[1:] if day <= WEEK_39_ENDS]
            if cents:
                averages.append(Fraction(sum(cents), len(cents)))
        assert len(averages) == 946
        assert round(sum(averages) / 946) == 35_08
        assert (round(min(averages)), round(max(averages))) == (2_99, 299_63)

    def test_likelihood_of_the_published_model(self, days: dict[str, dict[date, int]]) -> None:
        """The BG/NBD model at its published parameters has the published log-likelihood, -9582.4."""
        r, alpha, a, b = 0.243, 4.414, 0.793, 2.426
        total = 0.0
        for dates in days.values():
            ordered = sorted(day for day in dates if day <= WEEK_39_ENDS)
            x = len(ordered) - 1
            recency = (ordered[-1] - ordered[0]) / timedelta(weeks=1)
            observed = (WEEK_39_ENDS - ordered[0]) / timedelta(weeks=1)
            fixed = math.lgamma(r + x) - math.lgamma(r) + r * math.log(alpha)
            fixed += math.lgamma(a + b) + math.lgamma(b + x) - math.lgamma(b) - math.lgamma(a + b + x)
            sum_of_two = (alpha + observed) ** -(r + x)
            if x:
                sum_of_two += a / (b + x - 1) * (alpha + recency) ** -(r + x)
            total += fixed + math.log(sum_of_two)
        assert f"{total:.1f}" == "-9582.4"


def test_p1_points(p1: Played) -> None:
    """P1: whole dollars of each order; issued, members above zero, the largest balance, the digest of all."""
    issued = sum(t.steps for commits in p1.commits.values() for t in transfers(commits, POINTS))
    assert issued == 2_453_159
    balances = p1.balances(POINTS, end_of(LAST_DAY))
    assert sum(balances.values()) == 2_453_159
    assert sum(balance > 0 for balance in balances.values()) == 23_502
    assert min(balances.values()) == 0
    assert max(balances.values()) == 13_860
    assert digest(balances) == "b1e9e360e7c8880c"


def test_p4_outstanding(p4: Played) -> None:
    """P4: what expires that evening still counts on the last day, and is gone at the midnight after it."""
    midnight = end_of(LAST_DAY)
    evening = p4.balances(POINTS, midnight - timedelta(microseconds=1))
    assert sum(evening.values()) == 1_156_258
    assert sum(balance > 0 for balance in evening.values()) == 8_831
    assert digest(evening) == "8638d695b8fb562e"
    assert sum(p4.balances(POINTS, midnight).values()) == 1_049_793


def test_p4_day_precise(p4: Played) -> None:
    """P4, day-precise: what was earned on a day is gone on the same day of the next year."""
    assert sum(p4.balances(DAILY, end_of(LAST_DAY) - timedelta(microseconds=1)).values()) == 1_049_793


def test_p4_run_off(p4: Played) -> None:
    """P4: issued, expired and outstanding of each month, until all is gone."""
    assert run_off(p4, POINTS, RUN_OFF) == RUN_OFF


def test_p4_outstanding_by_standings(p4: Played) -> None:
    """P4: the members' standings at the midnight after a month add up to the run-off's outstanding."""
    assert sum(p4.balances(POINTS, end_of(date(1998, 12, 31))).values()) == RUN_OFF["1998-12"][2]


def test_lazy_and_eager_time_agree(p4: Played) -> None:
    """Advanced month by month or in one step, a member's entries and lots are the same."""
    midnights = [p4.program.calendar.start_of_day(date(1998 + n // 12, n % 12 + 1, 1)) for n in range(6, 20)]
    for state in list(p4.states.values())[::100]:
        once = p4.program.advance(state, midnights[-1])
        stepwise, entries = state, list[Entry]()
        for midnight in midnights:
            step = p4.program.advance(stepwise, midnight)
            entries.extend(step.entries)
            stepwise = step.state or stepwise
        assert tuple(entries) == once.entries
        assert stepwise.lots == (once.state or state).lots
