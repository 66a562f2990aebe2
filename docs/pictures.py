"""
Draws the pictures of the manual from programs that run: `python docs/pictures.py`.

Nothing in them is drawn by hand: each line is read from an account as the library decides it. A test
asks whether the files say what this would write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from patronage import (
    Life,
    Line,
    PointsPolicy,
    Program,
    Purchase,
    Refund,
    SpendRule,
    State,
    Terms,
    TierPolicy,
    Unit,
    UnitKind,
    currency,
)
from patronage.ledger import Commit
from patronage.periods import MONTH, YEAR
from patronage.policies.tier import Level
from patronage.standing import Standing
from patronage.terms_of_time import EndOfPeriod, Until, months
from patronage.totals import Pays, Total, TotalRate

HERE = Path(__file__).parent / "pictures"
USD, POINTS = currency("USD"), Unit("points")
NIGHTS = Unit("nights", kind=UnitKind.QUALIFYING)
WIDTH, LEFT, TOP, ROW = 760, 130, 34, 92
INK, SOFT, COLOURS = "#222222", "#999999", ("#1b6ca8", "#c2571a", "#3a7d44", "#7a4fa3")


class Account:
    """An account that events are told to, and that can be read at any later instant."""

    def __init__(self, program: Program) -> None:
        self.program, self.commits = program, list[Commit]()
        self.states: list[tuple[datetime, State]] = []

    def tell(self, *events: Purchase | Refund) -> Account:
        """Decides the events in order."""
        state = State.of("m")
        for event in events:
            decision = self.program.decide(state, event, history=self.commits).require()
            self.commits += decision.commits
            state = decision.state or state
            self.states.append((event.occurred_at, state))
        return self

    def at(self, instant: datetime) -> Standing:
        """The account at an instant."""
        known = [state for at, state in self.states if at <= instant]
        return self.program.at(known[-1] if known else State.of("m"), instant)


def bought(day: datetime, total: str) -> Purchase:
    """A purchase of one line."""
    return Purchase(id=f"o-{day:%m%d%y}", member="m", occurred_at=day, lines=(Line(total=USD.of(total)),))


def on(year: int, month: int, day: int) -> datetime:
    """Noon of a day."""
    return datetime(year, month, day, 12, tzinfo=UTC)


class Chart:
    """Rows of steps and bars over one axis of time, as SVG."""

    def __init__(self, title: str, start: datetime, end: datetime) -> None:
        self.title, self.start, self.end = title, start, end
        self.parts: list[str] = []
        self.rows = 0

    def x(self, at: datetime) -> int:
        """Where an instant lies."""
        seconds = (at - self.start) // timedelta(seconds=1)
        return LEFT + seconds * (WIDTH - LEFT - 20) // ((self.end - self.start) // timedelta(seconds=1))

    def text(self, x: int, y: int, words: str, *, anchor: str = "start", colour: str = INK, size: int = 12) -> None:
        """A few words."""
        self.parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{words}</text>'
        )

    def line(self, points: Sequence[tuple[int, int]], colour: str, *, width: int = 2, dashes: str = "") -> None:
        """A line through points."""
        path = " ".join(f"{x},{y}" for x, y in points)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>')

    def steps(
        self, name: str, unit: Unit, read: Callable[[datetime], int], *, marks: Sequence[tuple[str, int]] = ()
    ) -> None:
        """A row: what *read* gives from day to day, with dashed *marks* at figures."""
        top, colour = TOP + self.rows * ROW, COLOURS[self.rows % len(COLOURS)]
        self.rows += 1
        days = [self.start + timedelta(days=n) for n in range((self.end - self.start).days + 1)]
        values = [read(day) for day in days]
        most = max([*values, *(figure for _, figure in marks), 1])
        base, height = top + ROW - 20, ROW - 34

        def y(value: int) -> int:
            return base - value * height // most

        self.text(LEFT - 10, top + 24, name, anchor="end", colour=colour)
        self.text(LEFT - 10, top + 40, f"up to {unit.digits(max(values))}", anchor="end", colour=SOFT, size=10)
        self.line([(LEFT, base), (WIDTH - 20, base)], SOFT, width=1)
        for label, figure in marks:
            self.line([(LEFT, y(figure)), (WIDTH - 20, y(figure))], SOFT, width=1, dashes="3 4")
            self.text(WIDTH - 20, y(figure) - 3, label, anchor="end", colour=SOFT, size=10)
        path = [(self.x(days[0]), y(values[0]))]
        for day, value in zip(days[1:], values[1:], strict=True):
            if y(value) != path[-1][1]:
                path += [(self.x(day), path[-1][1]), (self.x(day), y(value))]
        self.line([*path, (self.x(days[-1]), path[-1][1])], colour)

    def bars(self, name: str, read: Callable[[datetime], str | None]) -> None:
        """A row of bars: the word that *read* gives, for as long as it stays the same."""
        top, colour = TOP + self.rows * ROW, COLOURS[self.rows % len(COLOURS)]
        self.rows += 1
        self.text(LEFT - 10, top + 44, name, anchor="end", colour=colour)
        day, begun, word = self.start, self.start, read(self.start)
        while day < self.end:
            day += timedelta(days=1)
            now = read(day)
            if now != word or day >= self.end:
                self._bar(begun, day, word, top + 26, colour)
                begun, word = day, now

    def _bar(self, start: datetime, end: datetime, word: str | None, y: int, colour: str) -> None:
        if word is None:
            return
        x, width = self.x(start), self.x(end) - self.x(start)
        look = f'fill="{colour}" fill-opacity="0.18" stroke="{colour}"'
        self.parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="28" {look}/>')
        self.text(x + width // 2, y + 18, word, anchor="middle", colour=colour)

    def svg(self, ticks: Sequence[tuple[datetime, str]]) -> str:
        """The picture, with *ticks* on its axis."""
        height = TOP + self.rows * ROW + 26
        for at, label in ticks:
            self.line([(self.x(at), TOP), (self.x(at), height - 24)], "#dddddd", width=1)
            self.text(self.x(at), height - 8, label, anchor="middle", colour=SOFT, size=10)
        self.text(LEFT, 20, self.title, size=14)
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">'
        return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>', *self.parts, "</svg>", ""])


def time() -> str:
    """Points that end with the second month after, and points that wait for a month."""
    life = Life(expires_after=months(2, until=Until.END_OF_MONTH))
    rule = SpendRule(per=USD.of(1), credit=POINTS.of(1), life=life)
    waits = Life(available_after=months(1), expires_after=months(3))
    later = SpendRule(name="later", per=USD.of(2), credit=POINTS.of(1), life=waits, label="later")
    policy = PointsPolicy(name="own", rules=[rule, later])
    program = Program(id="time", time_zone="UTC", terms=Terms(units=[USD, POINTS], policies=[policy]))
    account = Account(program).tell(bought(on(2026, 1, 10), "100.00"), bought(on(2026, 2, 20), "60.00"))
    chart = Chart("Two purchases: points at once, points that wait a month", on(2026, 1, 1), on(2026, 6, 30))
    chart.steps("at once", POINTS, lambda at: account.at(at).labels(POINTS).get(None, POINTS.of(0)).steps)
    chart.steps("waiting", POINTS, lambda at: account.at(at).pending(POINTS).steps)
    chart.steps("after a month", POINTS, lambda at: account.at(at).labels(POINTS).get("later", POINTS.of(0)).steps)
    return chart.svg(_months(2026, 1, 6))


def totals() -> str:
    """A month's cash back at once, and the same at the close, with a refund in the next month."""
    rate = TotalRate(per=USD.of(1), credit=USD.of("0.02"))
    policy = PointsPolicy(
        name="own",
        totals=[
            Total(name="now", period=MONTH, rates=[rate], credits="USD", label="at once"),
            Total(name="then", period=MONTH, rates=[rate], credits="USD", label="at close", pays=Pays.AT_CLOSE),
        ],
    )
    program = Program(id="totals", time_zone="UTC", terms=Terms(units=[USD, POINTS], policies=[policy]))
    first, second = bought(on(2026, 1, 8), "200.00"), bought(on(2026, 1, 22), "100.00")
    back = Refund(id="r", member="m", occurred_at=on(2026, 2, 15), purchase=first.id, total=USD.of(150))
    account = Account(program).tell(first, second, back)
    chart = Chart(
        "Cash back of January: 300.00 spent, 150.00 of it returned in February", on(2026, 1, 1), on(2026, 3, 15)
    )
    for name, label in (("at once", "at once"), ("at the close", "at close")):
        chart.steps(name, USD, lambda at, label=label: account.at(at).labels(USD).get(label, USD.of(0)).steps)  # type: ignore[misc]
    return chart.svg(_months(2026, 1, 3))


def thresholds() -> str:
    """Nights of each calendar year, and the levels they make, through the next year."""
    life = Life(expires_after=EndOfPeriod(period=YEAR))
    night = SpendRule(per=USD.of(100), credit=NIGHTS.of(1), life=life)
    levels = [Level(name="silver", at_least=NIGHTS.of(5)), Level(name="gold", at_least=NIGHTS.of(10))]
    policy = TierPolicy(name="tier", levels=levels, rules=[night])
    program = Program(id="thresholds", time_zone="UTC", terms=Terms(units=[USD, NIGHTS], policies=[policy]))
    account = Account(program).tell(
        bought(on(2026, 2, 10), "300.00"),
        bought(on(2026, 5, 3), "400.00"),
        bought(on(2026, 9, 20), "400.00"),
        bought(on(2027, 6, 1), "600.00"),
    )
    chart = Chart("Nights of a year, and the level they make to the end of the next", on(2026, 1, 1), on(2029, 2, 1))
    marks = [("gold", 10), ("silver", 5)]
    chart.steps("nights", NIGHTS, lambda at: account.at(at).available(NIGHTS).steps, marks=marks)
    chart.bars("level", lambda at: account.at(at).level("tier"))
    return chart.svg([(on(year, month, 1), f"{year}-{month:02}") for year in (2026, 2027, 2028) for month in (1, 7)])


def _months(year: int, first: int, last: int) -> list[tuple[datetime, str]]:
    return [(on(year, month, 1), f"{year}-{month:02}") for month in range(first, last + 1)]


PICTURES: dict[str, Callable[[], str]] = {"time.svg": time, "totals.svg": totals, "thresholds.svg": thresholds}

if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        (HERE / name).write_text(draw(), encoding="utf-8")
