"""The shipped samples and the replay example: what the table says is what plain arithmetic says."""

from __future__ import annotations

import gzip
import lzma
from collections import Counter
from pathlib import Path

import pytest
from data_histories import EXAMPLES, POINTS, UnknownFormatError, read, replay_history, shared
from data_programs import local_day, play, program_of, variants

from patronage import PointsPolicy, Transfer, fold

DATA = EXAMPLES / "data"
CDNOW, JOURNEY = replay_history.SAMPLES


def rows_of(table: str) -> list[tuple[str, list[int]]]:
    """The lines of a printed table: month, and the figures."""
    return [
        (line[:8].strip(), [int(cell.replace(",", "")) for cell in line[8:].split()])
        for line in table.splitlines()
        if line[:1].isdigit() or line.startswith("in all")
    ]


@pytest.mark.parametrize(
    ("path", "name", "orders", "members"),
    [(CDNOW, "CDNOW", 657, 200), (JOURNEY, "The Complete Journey", 627, 14)],
    ids=["cdnow", "journey"],
)
def test_a_sample_is_what_its_readme_says(path: Path, name: str, orders: int, members: int) -> None:
    """The numbers of the README are those of the file, and the file is small."""
    history = read(path)
    assert history.name == name
    assert len(history.purchases) == orders
    assert len(history.by_member()) == members
    assert path.stat().st_size < 150_000
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    assert f"## {path.name}" in readme
    assert f"{orders} " in readme


def test_only_what_may_be_shipped_is_shipped() -> None:
    """Parts of two data sets, some invented lines, and where they come from: no other data."""
    assert sorted(path.name for path in DATA.iterdir()) == [
        "README.md",
        "cdnow_sample.csv",
        "complete_journey_sample.csv",
        "invented_cancellations.csv",
    ]


@pytest.mark.parametrize(
    ("sample", "parts"),
    [(CDNOW, ("cdnow", "transactions.csv.gz")), (JOURNEY, ("complete_journey", "baskets.csv.gz"))],
    ids=["cdnow", "journey"],
)
def test_a_sample_is_a_part_of_the_whole(sample: Path, parts: tuple[str, str]) -> None:
    """Every row of those members stands in the sample as in the full file, in the same order."""
    lines = sample.read_text(encoding="utf-8").splitlines()
    with gzip.open(shared(*parts), "rt", encoding="utf-8") as file:
        whole = file.read().splitlines()
    column = lines[0].split(",").index("household_id" if sample is JOURNEY else "customer_id")
    members = {line.split(",")[column] for line in lines[1:]}
    assert [whole[0], *(line for line in whole[1:] if line.split(",")[column] in members)] == lines


@pytest.mark.parametrize("path", [CDNOW, JOURNEY], ids=["cdnow", "journey"])
def test_points_are_whole_dollars(path: Path) -> None:
    """P1 on a sample: the ledger's points are the whole dollars of each order, by plain arithmetic."""
    history = read(path)
    played = play(program_of(PointsPolicy(name="base", rules=variants(POINTS)["base"]), units=(POINTS,)), history)
    expected: Counter[str] = Counter()
    for purchase in history.purchases:
        expected[purchase.member] += purchase.total // 100
    last = max(purchase.occurred_at for purchase in history.purchases)
    assert played.balances(POINTS, last) == expected


def test_variants_on_the_sample() -> None:
    """P1's variants on the sample of baskets, each by plain arithmetic on the same events."""
    history = read(JOURNEY)
    sums: Counter[str] = Counter()
    for purchase in history.purchases:
        fuel = sum(line.total.steps for line in purchase.lines if line.category == "FUEL")
        private = sum(line.total.steps for line in purchase.lines if line.brand == "Private")
        coupon = sum(tender.total.steps for tender in purchase.tenders if tender.kind == "coupon")
        sums["base"] += purchase.total // 100
        sums["without_fuel"] += (purchase.total - fuel) // 100
        sums["double_on_private_label"] += (purchase.total + private) // 100
        sums["on_the_amount_paid"] += (purchase.total - coupon) // 100
        sums["double_on_the_day"] += purchase.total // 100 * (1 + (local_day(purchase).isoformat() == "2017-11-22"))
    last = max(purchase.occurred_at for purchase in history.purchases)
    for name, rules in variants(POINTS).items():
        played = play(program_of(PointsPolicy(name=name, rules=rules), units=(POINTS,)), history)
        assert sum(played.balances(POINTS, last).values()) == sums[name]
    assert len(set(sums.values())) == 5


@pytest.mark.parametrize("path", [CDNOW, JOURNEY], ids=["cdnow", "journey"])
def test_expiry_by_month(path: Path) -> None:
    """Without returns and redemptions a month's points all expire at the end of the twelfth month after it."""
    history = read(path)
    moved = replay_history.replay(history, returns_every=0, redeem_at=10**6)
    issued: Counter[str] = Counter()
    for purchase in history.purchases:
        issued[local_day(purchase).isoformat()[:7]] += purchase.total // 100
    for month, figures in moved.by_month.items():
        assert figures["issued"] == issued[month]
        year, rest = month.split("-")
        assert figures["expired"] == issued[f"{int(year) - 1}-{rest}"]
    assert moved.standings == moved.outstanding


@pytest.mark.parametrize("path", [CDNOW, JOURNEY], ids=["cdnow", "journey"])
def test_the_columns_reconcile(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line: outstanding is that of the line above, and issued, less redeemed, taken back and expired."""
    assert replay_history.main([str(path)]) == 0
    output = capsys.readouterr().out
    assert "every 25th order of the file is returned in full ten days later (made up)" in output
    assert ": the same (" in output
    *months, (last, totals) = rows_of(output)
    standing = 0
    for _, (_, issued, redeemed, taken_back, expired, outstanding) in months:
        standing += issued - redeemed - taken_back - expired
        assert outstanding == standing
    assert last == "in all"
    assert totals == [*(sum(column) for column in list(zip(*(row for _, row in months), strict=True))[:-1]), standing]
    assert totals[0] == len(read(path).purchases)
    assert all(totals)


def test_the_samples_are_played_without_a_path(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer who gives no path sees both samples."""
    assert replay_history.main([]) == 0
    output = capsys.readouterr().out
    assert "CDNOW: 657 orders of 200 members" in output
    assert "The Complete Journey: 627 orders of 14 members" in output
    assert output.count(": the same (") == 2


def test_states_are_folds_and_returned_orders_keep_nothing() -> None:
    """In the demonstration a member's state is the fold of the commits, and a returned order has booked 0."""
    history = read(CDNOW)
    program = replay_history.program_for(history, 250)
    returns = list(replay_history.returns(history.purchases, 25))
    assert len(returns) == 657 // 25
    for member, purchases in history.by_member().items():
        mine = [refund for refund in returns if refund.member == member]
        state, commits = replay_history.play(program, [*purchases, *mine], 250)
        assert fold(commits, calendar=program.calendar) == state
        booked: Counter[str] = Counter()
        for commit in commits:
            for entry in commit.entries:
                if isinstance(entry, Transfer):
                    booked[entry.about.root] += sum(book.steps for book in entry.books)
        assert [booked[refund.purchase] for refund in mine] == [0] * len(mine)


@pytest.mark.parametrize("ending", ["gz", "xz"])
def test_packed_files_are_read_like_plain_ones(tmp_path: Path, ending: str) -> None:
    """A file packed by gzip or xz gives the same events."""
    packed = tmp_path / f"{CDNOW.name}.{ending}"
    text = CDNOW.read_bytes()
    packed.write_bytes(gzip.compress(text) if ending == "gz" else lzma.compress(text))
    assert read(packed) == read(CDNOW)


def test_a_file_of_another_format_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """What is neither format, or is not there, is named in a plain sentence, and the program says that it failed."""
    readme = DATA / "README.md"
    with pytest.raises(UnknownFormatError, match="neither a CDNOW nor a Complete Journey file"):
        read(readme)
    assert replay_history.main([str(readme)]) == 1
    assert replay_history.main([str(DATA / "missing.csv")]) == 1
    assert "missing.csv" in capsys.readouterr().err


def test_help_explains_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` names the path and both formats."""
    with pytest.raises(SystemExit) as ended:
        replay_history.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "PATH" in text
    assert "CDNOW or Complete Journey" in text


@pytest.mark.parametrize("arguments", [["--redeem-at", "0"], ["--returns-every", "-1"]])
def test_senseless_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A voucher for nothing and a return of every minus first order are no rules."""
    with pytest.raises(SystemExit) as ended:
        replay_history.main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err
