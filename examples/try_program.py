"""
Plays a small invented history on a program's document, and prints what a member gets.

    python examples/try_program.py [examples/programs/nordstrom.toml [store_credit_card]]

The second argument is the kind of tender that pays for everything.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from patronage import Enrolment, Event, Line, Program, Purchase, Refund, RefundLine, Tender, Unit, currency
from patronage.codec import Codec
from patronage.errors import PatronageError
from patronage.loyalty import Loyalty
from patronage.stores.memory import MemoryLedger

DEFAULT = Path(__file__).parent / "programs" / "macys.toml"
HISTORY = ((3, (40, 12)), (40, (180,)), (75, (250, 99)), (140, (20,)), (200, (620,)))
"""Days after the start, and what each line of an order costs."""


def money_of(program: Program) -> Unit:
    """The program's first currency; US dollars where it counts no money."""
    for unit in program.units:
        try:
            return currency(unit.code)
        except PatronageError:
            continue
    return currency("USD")


def events(program: Program, tender: str | None) -> list[Event]:
    """A member joins in 2025, or as the newest terms begin, buys, and brings one thing back."""
    start = max(program.terms[-1].effective_from, datetime(2025, 1, 6, 12, tzinfo=UTC))
    money = money_of(program)
    a_dollar = 1 if money.decimals else 100  # So many yen are about one.
    told: list[Event] = [
        Enrolment(id="joins", member="eve", occurred_at=start, attributes={"birth_date": "1990-03-14"})
    ]
    for n, (day, totals) in enumerate(HISTORY, 1):
        lines = [Line(id=f"line-{i}", total=money.of(total * a_dollar)) for i, total in enumerate(totals, 1)]
        tenders = [] if tender is None else [Tender(kind=tender, total=money.of(sum(totals) * a_dollar))]
        at = start + timedelta(days=day)
        told.append(
            Purchase(id=f"order-{n}", member="eve", occurred_at=at, lines=lines, tenders=tenders, channel="app")
        )
    at, back = start + timedelta(days=90), [RefundLine(id="line-2")]
    told.insert(4, Refund(id="back", member="eve", occurred_at=at, purchase="order-3", lines=back))
    return told


def main(path: Path, tender: str | None) -> None:
    """Tells the history, and prints what each event came to and what the account holds in the end."""
    program = Codec().load_toml(path.read_text(encoding="utf-8"), Program)
    told = events(program, tender)
    loyalty = Loyalty(program, MemoryLedger(), clock=lambda: told[-1].occurred_at)
    print(f"{program.id} counts {', '.join(unit.code for unit in program.units)}")
    for event in told:
        decision = loyalty.record(event)
        earned = [decision.earned(unit) for unit in program.units]
        gains = [str(each) for each in earned if each.total.steps]
        gains += [f"{benefit.kind.value} {benefit.reward}" for benefit in decision.benefits]
        print(f"{event.occurred_at:%d %b %Y}  {event.id:<8} {', '.join(gains) or 'nothing'}")
    standing = loyalty.standing("eve", told[-1].occurred_at)
    held = [unit.text(standing.available(unit)) for unit in program.units if standing.available(unit).steps]
    rights = sorted({f"{grant.key} {grant.value or ''}".strip() for grant in standing.grants()})
    print(f"in the end {', '.join(held) or 'no balance'}; {', '.join(rights) or 'no rights'}")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[0]) if given else DEFAULT, given[1] if len(given) > 1 else None)
