"""
A points program over real purchase histories: issued, redeemed, taken back, expired, outstanding by month.

    python examples/replay_history.py [PATH ...]

PATH is a CDNOW or Complete Journey file (.csv, .gz or .xz, told apart by its header); without one the two
small samples in `examples/data` are played.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from _history import POINTS, History, Movements, UnknownFormatError, read

from patronage import (
    Commit,
    FixedReward,
    Life,
    PointsPolicy,
    Program,
    Purchase,
    Redemption,
    Refund,
    SpendRule,
    State,
    Terms,
)
from patronage.ledger import BenefitKind
from patronage.periods import MONTH
from patronage.terms_of_time import Lasting, TimeUnit, Until

DATA = Path(__file__).parent / "data"
SAMPLES = (DATA / "cdnow_sample.csv", DATA / "complete_journey_sample.csv")
TWELVE_MONTHS = Lasting(n=12, of=TimeUnit.MONTHS, until=Until.END_OF_MONTH)
RETURNED_AFTER = timedelta(days=10)


def program_for(history: History, redeem_at: int) -> Program:
    """One point a whole unit of money, kept to the end of the twelfth month; vouchers of a cent a point."""
    money = history.money
    rule = SpendRule(per=money.of(1), credit=POINTS.of(1), life=Life(expires_after=TWELVE_MONTHS))
    voucher = FixedReward(
        name="voucher", cost=POINTS.of(redeem_at), kind=BenefitKind.VOUCHER, value=money.steps(redeem_at)
    )
    return Program(
        id="replay",
        time_zone=history.time_zone,
        terms=Terms(units=(money, POINTS), policies=(PointsPolicy(name="base", rules=(rule,)),), rewards=(voucher,)),
    )


def returns(purchases: Sequence[Purchase], every: int) -> Iterator[Refund]:
    """Every so many-th order of the file comes back whole, ten days later; none where *every* is 0."""
    for purchase in purchases[every - 1 :: every] if every else ():
        yield Refund(
            id=f"return-of-{purchase.id}",
            member=purchase.member,
            occurred_at=purchase.occurred_at + RETURNED_AFTER,
            purchase=purchase.id,
        )


def play(program: Program, events: Iterable[Purchase | Refund], redeem_at: int) -> tuple[State, list[Commit]]:
    """One member's events in order of time; where an order brings enough points, vouchers are taken at once."""
    ordered = sorted(events, key=lambda event: event.occurred_at)
    state = State.of(ordered[0].member)
    commits: list[Commit] = []
    for event in ordered:
        history = None
        if isinstance(event, Refund):
            history = [commit for commit in commits if event.purchase in commit.names]
        decision = program.decide(state, event, history=history).require()
        commits.extend(decision.commits)
        state = decision.state or state
        vouchers = program.at(state, event.occurred_at).available(POINTS).steps // redeem_at
        if vouchers > 0 and isinstance(event, Purchase):
            request = Redemption(
                id=f"vouchers-after-{event.id}",
                member=event.member,
                occurred_at=event.occurred_at,
                reward="voucher",
                times=vouchers,
            )
            decision = program.decide(state, request).require()
            commits.extend(decision.commits)
            state = decision.state or state
    return state, commits


def replay(history: History, *, returns_every: int, redeem_at: int) -> Movements:
    """Plays the whole history, member by member, to the end of the month of its last event."""
    program = program_for(history, redeem_at)
    refunds: dict[str, list[Refund]] = {}
    last = max(purchase.occurred_at for purchase in history.purchases)
    for refund in returns(history.purchases, returns_every):
        refunds.setdefault(refund.member, []).append(refund)
        last = max(last, refund.occurred_at)
    until = end_of_month(program, last)
    moved = Movements(program, POINTS)
    for member, purchases in history.by_member().items():
        state, commits = play(program, [*purchases, *refunds.get(member, ())], redeem_at)
        in_the_end = program.advance(state, until)
        for commit in (*commits, *in_the_end.commits):
            moved.count(commit)
        moved.close(program.at(in_the_end.state or state, until))
    return moved


def end_of_month(program: Program, at: datetime) -> datetime:
    """The end of the local month of *at*."""
    return MONTH.span(at, program.calendar).end


def report(history: History, *, returns_every: int, redeem_at: int) -> str:
    """What was played, by which rules, and the table."""
    moved = replay(history, returns_every=returns_every, redeem_at=redeem_at)
    members = {purchase.member for purchase in history.purchases}
    if returns_every:
        made_up = f"so every {returns_every}th order of the file is returned in full ten days later (made up)."
    else:
        made_up = "and none are made up."
    agree = "the same" if moved.standings == moved.outstanding else "NOT THE SAME"
    return "\n".join(
        [
            f"{history.name}: {len(history.purchases):,} orders of {len(members):,} members",
            "  1 point for each whole dollar of an order, until the end of the twelfth month after it.",
            f"  A member with {redeem_at:,} points after an order takes vouchers for them at once.",
            f"  The data has no refunds, {made_up}",
            "",
            moved.table(),
            "",
            f"  issued - redeemed - taken back - expired = {moved.outstanding:,} outstanding",
            f"  the balances of {len(members):,} members add up to {moved.standings:,}: {agree}"
            f" ({moved.debtors:,} of them owe {moved.debt:,}, counted below zero)",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line, plays each file and prints its table."""
    parser = argparse.ArgumentParser(
        description="Plays a points program over real purchases and prints its points by month.",
        epilog="1 point for each whole dollar; points expire at the end of the twelfth month after the order's.",
    )
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", type=Path, help="a CDNOW or Complete Journey file (.csv, .gz, .xz)"
    )
    parser.add_argument(
        "--returns-every", metavar="N", type=natural, default=25, help="return every Nth order (25); 0: none"
    )
    parser.add_argument(
        "--redeem-at", metavar="POINTS", type=natural, default=250, help="take a voucher for that many points (250)"
    )
    options = parser.parse_args(arguments)
    if not options.redeem_at:
        parser.error("a voucher costs at least 1 point")
    for number, path in enumerate(options.paths or SAMPLES):
        try:
            history = read(path)
        except (OSError, UnknownFormatError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 1
        print("\n\n" * (number > 0) + report(history, returns_every=options.returns_every, redeem_at=options.redeem_at))
    return 0


def natural(text: str) -> int:
    """A whole number of at least 0 from the command line."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
