"""
Times one purchase (W1), one redemption (W2) and one entry written and read (W5), as ratios to the floor.

Every contender is timed between two slices of its floor in the same run, so drift of the machine
hits both alike; the median of the paired ratios is quoted, with the quartiles. Then W1 again with
a history a hundred times as long, for the price of a decision must not grow with it, and where the
time goes. Nothing here passes or fails: it measures.
"""

from __future__ import annotations

import cProfile
import io
import json
import pstats
import statistics
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import floor
import patronage_bench

SLICE_S = 0.02
ROUNDS = 21


def slices(run: Callable[[], object]) -> tuple[timeit.Timer, int]:
    """A timer and how often to run it for one slice."""
    timer = timeit.Timer("run()", globals={"run": run})
    count = 1
    while timer.timeit(count) < SLICE_S / 4:
        count *= 2
    return timer, count * 4


def compare(name: str, run: Callable[[], object], lowest: Callable[[], object]) -> float:
    """The median ratio of *run* to the floor; prints it with its quartiles."""
    timer, count = slices(run)
    floor_timer, floor_count = slices(lowest)
    ratios, times = [], []
    for _ in range(ROUNDS):
        before = floor_timer.timeit(floor_count // 2) / (floor_count // 2)
        spent = timer.timeit(count) / count
        after = floor_timer.timeit(floor_count // 2) / (floor_count // 2)
        ratios.append(2 * spent / (before + after))
        times.append(spent)
    low, middle, high = statistics.quantiles(ratios, n=4)
    busy = "  (the machine was busy: run again)" if high / low > 1.3 else ""
    print(f"{name:44s} x{middle:7.1f}  [{low:.1f} .. {high:.1f}]  {statistics.median(times) * 1e6:8.1f} us{busy}")
    return middle


def where(name: str, run: Callable[[], object]) -> None:
    """The ten functions in which most of the time goes."""
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(5_000):
        run()
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(10)
    print(f"\nWhere the time of {name} goes:")
    for row in text.getvalue().splitlines():
        parts = row.split(None, 5)
        if len(parts) == 6 and parts[0].split("/")[0].isdigit() and parts[1][0].isdigit():
            print(f"  {float(parts[1]) / 5_000 * 1e6:6.2f} us  {parts[5]}")


def main() -> None:
    """Runs all, and prints a line each."""
    ts, lines, lots = floor.sample()
    month = floor.facts_of(ts)[1]
    wanted = floor.earn(ts, lines, 15_000, month, 100, 77)[0]
    purchase = patronage_bench.w1(ts, lines, 15_000, month, 100, 77, lots)["decide"]
    if purchase() != wanted:
        raise SystemExit(f"W1 differs from the floor: {purchase()} points, not {wanted}.")
    n = sum(points for _, points, _ in lots[:7]) + 50
    redemption = patronage_bench.w2(lots, n)["decide"]
    if redemption() != floor.consume(lots, n)[0]:
        raise SystemExit("W2 takes other lots than the floor.")
    compare("W1 one purchase, decided", purchase, lambda: floor.earn(ts, lines, 15_000, month, 100, 77))
    compare("W2 one redemption out of 20 lots, decided", redemption, lambda: floor.consume(lots, n))
    later = patronage_bench.after_history(2_000)
    sooner = patronage_bench.after_history(20)
    compare("   a purchase after 2,000 others, to after 20", later, sooner)
    for what in ("entry", "programme_50"):
        for label, (value, dump, load) in patronage_bench.w5(what).items():
            text = dump(value)
            if load(text) != value:
                raise SystemExit(f"W5 {what} does not survive the round trip.")
            plain = json.loads(text)
            compare(f"W5 {what} written ({label})", lambda d=dump, v=value: d(v), lambda p=plain: floor.plain_json(p))
            compare(f"W5 {what} read ({label})", lambda f=load, t=text: f(t), lambda t=text: json.loads(t))
    where("W1", purchase)
    where("W2", redemption)


if __name__ == "__main__":
    main()
