"""The audit of a database passes what the library wrote, and names the first thing that was altered by hand."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from loyalty.shop import ANN, BOB, DAY, NOON, PROGRAM, Clock, buy, opening, redeem, refund
from patronage import Commit, LedgerError
from patronage.codec import FORMAT
from patronage.ledger import ISSUED, REDEEMED
from patronage.loyalty import Loyalty
from patronage.stores.audit import StoredAudit, audit_ledger, main
from patronage.stores.sqlalchemy import SqlLedger, SqlPrograms, open_schema
from patronage.stores.sqlalchemy._statements import PAGE
from stores.databases import SHOP, Database, engine_of
from stores.filling import fill_from
from stores.storm import SOAK

COPIES = 100_000 if SOAK else 1_000


def written(database: Database, *, linked: bool) -> SqlLedger:
    """
    Two members of a shop.

    ann: 1 opening, 2 purchase, 3 redemption, 4 refund in part, 5 redemption that was refused, 6 the
    opening's end, 7 purchase. bob: 1 purchase.
    """
    clock, ledger = Clock(), database.ledger(linked=linked)
    loyalty = Loyalty(PROGRAM, ledger, clock=clock)
    loyalty.record(opening("open", 150, expires_at=NOON + 10 * DAY))
    loyalty.record(buy("o-1", "120.00"))
    loyalty.record(redeem("d-1", 100))
    loyalty.record(refund("r-1", "o-1", "20.00"))
    loyalty.record(redeem("d-2", 500))
    loyalty.record(buy("o-1", "40.00", "bob"))
    clock.at = NOON + 10 * DAY
    assert [outcome.error for outcome in loyalty.run_due(clock.at)] == [None]
    loyalty.record(buy("o-2", "30.00", at=clock.at))
    return ledger


def audited(ledger: SqlLedger) -> StoredAudit:
    """What the audit gives."""
    return audit_ledger(ledger, SHOP, calendar=PROGRAM.calendar)


def change(engine: Engine, statement: str, **values: object) -> None:
    """One statement by hand, that changes something."""
    with engine.begin() as connection:
        made = connection.execute(text(statement), values) if values else connection.exec_driver_sql(statement)
        assert made.rowcount > 0, "The statement changes nothing."


class TestSound:
    """What the library wrote is sound, on every database."""

    @pytest.mark.parametrize("linked", [False, True])
    def test_a_ledger_as_it_was_written_passes(self, database: Database, linked: bool) -> None:
        """It is counted, what is held and what was passed on sums to nothing, and the linked commits are told."""
        found = audited(written(database, linked=linked))
        assert (found.report.accounts, found.report.commits) == (2, 8)
        assert found.report.held["points"] + sum(found.report.passed.values()) == 0
        assert found.report.passed[(ISSUED, "points")] == -(120 - 20 + 40 + 30)
        assert found.report.passed[(REDEEMED, "points")] == 100
        assert found.linked == (8 if linked else 0)

    def test_an_empty_ledger_passes(self, sqlite: Database) -> None:
        """Nothing is stored, nothing is broken."""
        assert audited(sqlite.ledger()).report.commits == 0

    def test_another_program_in_the_same_tables_is_not_read(self, sqlite: Database) -> None:
        """Only the program's own commits are audited, and broken ones of another are none of it."""
        ledger = written(sqlite, linked=False)
        fill_from(engine_of(ledger), SHOP, ANN, copies=3, to_program="other")
        change(engine_of(ledger), "UPDATE patronage_commits SET body = '{}' WHERE program = 'other'")
        assert audited(ledger).report.accounts == 2

    def test_a_saved_state_that_cannot_be_read_is_no_breach(self, sqlite: Database) -> None:
        """The commits are the truth: such a state is rebuilt when it is next wanted."""
        ledger = written(sqlite, linked=False)
        change(engine_of(ledger), "UPDATE patronage_accounts SET state = '{}' WHERE account = 'ann'")
        assert audited(ledger).report.accounts == 2

    def test_the_digest_stands_for_the_whole_ledger(self, sqlite: Database) -> None:
        """It stays while nothing is written; one more commit, or one text that is another, and it is another one."""
        ledger = written(sqlite, linked=False)
        first = audited(ledger).digest
        assert audited(ledger).digest == first
        Loyalty(PROGRAM, ledger, clock=lambda: NOON + 10 * DAY).record(buy("o-3", "1.00", at=NOON + 10 * DAY))
        second = audited(ledger).digest
        assert second != first
        in_text(7, '"brand":null', '"brand":"x"')(engine_of(ledger))
        change(engine_of(ledger), "UPDATE patronage_commits SET body = replace(body, 'o-3', 'o-3') WHERE version = 8")
        assert audited(ledger).digest == second, "Unlinked, only the last text of each account is in the digest."
        in_text(8, '"brand":null', '"brand":"x"')(engine_of(ledger))
        assert audited(ledger).digest not in {first, second}


def in_text(version: int, old: str, new: str, account: str = "ann") -> Callable[[Engine], None]:
    """Another text in a commit's body."""

    def work(engine: Engine) -> None:
        statement = (
            "UPDATE patronage_commits SET body = replace(body, :old, :new) "
            "WHERE account = :account AND version = :version AND instr(body, :old)"
        )
        change(engine, statement, old=old, new=new, account=account, version=version)

    return work


def by(*statements: str) -> Callable[[Engine], None]:
    """Statements by hand."""

    def work(engine: Engine) -> None:
        for statement in statements:
            change(engine, statement)

    return work


COLUMNS = "program, kind, account, version, event, root, ordinal, occurred_at, body, link"
ANNS = "WHERE account = 'ann' AND version"

TAMPERED: dict[str, tuple[Callable[[Engine], None], str]] = {
    "steps of an entry": (
        in_text(2, '"steps":120,"taken":[]', '"steps":920,"taken":[]'),
        r"^entry 0/o-1 of member ann: .*120.*920",
    ),
    "an entry for another member": (
        in_text(3, '"payee":{"id":"redeemed","kind":"system"}', '"payee":{"id":"bob","kind":"member"}'),
        "^entry 0/d-1 of member ann: .*no system account",
    ),
    "a text cut short": (
        by(f"UPDATE patronage_commits SET body = substr(body, 1, 100) {ANNS} = 4"),
        "^commit 4 of member ann: its text cannot be read",
    ),
    "no text": (
        by(f"UPDATE patronage_commits SET body = '' {ANNS} = 4"),
        "^commit 4 of member ann: its text cannot be read",
    ),
    "a text of a format of the future": (
        in_text(4, f'"format":{FORMAT}', '"format":99'),
        "^commit 4 of member ann: its text cannot be read",
    ),
    "the text of another commit": (
        by(f"UPDATE patronage_commits SET body = (SELECT body FROM patronage_commits {ANNS} = 2) {ANNS} = 3"),
        "^commit 3 of member ann: its text is that of commit 2 of member ann",
    ),
    "the text of another account": (
        by(
            f"UPDATE patronage_commits SET body = (SELECT body FROM patronage_commits {ANNS} = 1) WHERE account = 'bob'"
        ),
        "^commit 1 of member bob: its text is that of commit 1 of member ann",
    ),
    "a commit removed from the middle": (
        by(f"DELETE FROM patronage_commits {ANNS} = 3"),
        "^commit 4 of member ann: version 3 of member ann was due here",
    ),
    "the first commit removed": (
        by(f"DELETE FROM patronage_commits {ANNS} = 1"),
        "^commit 2 of member ann: version 1 of member ann was due here",
    ),
    "the last commit removed": (
        by(f"DELETE FROM patronage_commits {ANNS} = 7"),
        "^commit 7 of member ann: it is missing",
    ),
    "all commits of the first account removed": (
        by("DELETE FROM patronage_commits WHERE account = 'ann'"),
        "^member ann: it is at version 7, and its commits are missing",
    ),
    "all commits of the last account removed": (
        by("DELETE FROM patronage_commits WHERE account = 'bob'"),
        "^member bob: it is at version 1, and its commits are missing",
    ),
    "a commit doubled under the next version": (
        by(
            f"INSERT INTO patronage_commits ({COLUMNS}) SELECT program, kind, account, 8, 'again', root, 9, "
            f"occurred_at, body, NULL FROM patronage_commits {ANNS} = 2",
            "UPDATE patronage_accounts SET version = 8 WHERE account = 'ann'",
        ),
        "^commit 8 of member ann: its text is that of commit 2 of member ann",
    ),
    "a commit doubled, its text made to fit": (
        by(
            f"INSERT INTO patronage_commits ({COLUMNS}) SELECT program, kind, account, 8, 'o-3', 'o-3', 0, "
            f"occurred_at, replace(replace(body, 'o-2', 'o-3'), '\"version\":7', '\"version\":8'), NULL "
            f"FROM patronage_commits {ANNS} = 7",
        ),
        "^commit 8 of member ann: the account is only at version 7",
    ),
    "an account removed": (
        by("DELETE FROM patronage_accounts WHERE account = 'ann'"),
        "^member ann: it has commits, and nothing is saved of it",
    ),
    "the last account removed": (
        by("DELETE FROM patronage_accounts WHERE account = 'bob'"),
        "^member bob: it has commits, and nothing is saved of it",
    ),
    "an account set back": (
        by("UPDATE patronage_accounts SET version = 6 WHERE account = 'ann'"),
        "^commit 7 of member ann: the account is only at version 6",
    ),
    "an account ahead of its commits": (
        by("UPDATE patronage_accounts SET version = 9 WHERE account = 'ann'"),
        "^commit 8 of member ann: it is missing",
    ),
    "the saved state": (
        by("UPDATE patronage_accounts SET state = replace(state, '\"steps\":40', '\"steps\":4000')"),
        "^commit 1 of member bob: the state saved with it is not the sum of the entries",
    ),
    "a name removed": (
        by("DELETE FROM patronage_commit_names WHERE account = 'ann' AND name = 'o-1' AND version = 4"),
        "^commit 4 of member ann: it would not be found under one of its names",
    ),
    "the commits that a name is for": (
        by("UPDATE patronage_commit_names SET version = 99 WHERE account = 'ann' AND name = 'd-1'"),
        "^commit 3 of member ann: it would not be found under one of its names",
    ),
    "when an account is due": (
        by("UPDATE patronage_accounts SET next_due = next_due + 1 WHERE account = 'ann'"),
        "^member ann: it would not be found when it is due",
    ),
    "that an account is due": (
        by("UPDATE patronage_accounts SET next_due = NULL WHERE account = 'bob'"),
        "^member bob: it would not be found when it is due",
    ),
    "the column of the event": (
        by(f"UPDATE patronage_commits SET event = 'o-9' {ANNS} = 2"),
        "^commit 2 of member ann: its columns and its text differ",
    ),
    "the column of the root": (
        by(f"UPDATE patronage_commits SET root = 'o-9' {ANNS} = 4"),
        "^commit 4 of member ann: its columns and its text differ",
    ),
    "the column of the ordinal": (
        by(f"UPDATE patronage_commits SET ordinal = 7 {ANNS} = 4"),
        "^commit 4 of member ann: its columns and its text differ",
    ),
    "the column of the time": (
        by(f"UPDATE patronage_commits SET occurred_at = occurred_at + 1 {ANNS} = 4"),
        "^commit 4 of member ann: its columns and its text differ",
    ),
}

LINKS: dict[str, tuple[Callable[[Engine], None], str]] = {
    "a text that would pass": (
        in_text(2, '"brand":null', '"brand":"x"'),
        "^commit 2 of member ann: its text, or one before it, is not the one that was hashed",
    ),
    "a link altered": (
        by(f"UPDATE patronage_commits SET link = replace(link, substr(link, 1, 1), 'x') {ANNS} = 4"),
        "^commit 4 of member ann: its text, or one before it",
    ),
    "a link of another commit": (
        by(f"UPDATE patronage_commits SET link = (SELECT link FROM patronage_commits {ANNS} = 3) {ANNS} = 4"),
        "^commit 4 of member ann: its text, or one before it",
    ),
    "a link removed": (
        by(f"UPDATE patronage_commits SET link = NULL {ANNS} = 4"),
        "^commit 4 of member ann: the chain of hashes ends before it",
    ),
    "the first links removed": (
        by(f"UPDATE patronage_commits SET link = NULL {ANNS} < 4"),
        "^commit 4 of member ann: its text, or one before it",
    ),
}


class TestTampering:
    """What was altered by hand is named, the first of it."""

    @pytest.mark.parametrize("linked", [False, True], ids=["unlinked", "linked"])
    @pytest.mark.parametrize("what", TAMPERED)
    def test_what_was_altered_is_named(self, tmp_path: Path, what: str, linked: bool) -> None:
        """Each kind of it; with a chain of hashes at least as early as without."""
        tamper, told = TAMPERED[what]
        ledger = written(Database(path=tmp_path / "shop.db"), linked=linked)
        tamper(engine_of(ledger))
        with pytest.raises(LedgerError) as caught:
            audited(ledger)
        chain = ("its text, or one before it, is not the one that was hashed", "the chain of hashes ends before it")
        if not (linked and any(said in str(caught.value) for said in chain)):
            caught.match(told)

    @pytest.mark.parametrize("what", LINKS)
    def test_the_chain_shows_what_nothing_else_would(self, tmp_path: Path, what: str) -> None:
        """A text that fits all it stands beside, and the links themselves."""
        tamper, told = LINKS[what]
        ledger = written(Database(path=tmp_path / "shop.db"), linked=True)
        tamper(engine_of(ledger))
        with pytest.raises(LedgerError, match=told):
            audited(ledger)

    def test_of_several_the_first_is_named(self, tmp_path: Path) -> None:
        """In the order in which the ledger is read: by account, then by version."""
        ledger = written(Database(path=tmp_path / "shop.db"), linked=False)
        for version in (4, 2, 3):
            in_text(version, f'"format":{FORMAT}', '"format":99')(engine_of(ledger))
        by("DELETE FROM patronage_accounts WHERE account = 'bob'")(engine_of(ledger))
        with pytest.raises(LedgerError, match=r"^commit 2 of member ann"):
            audited(ledger)

    def test_what_one_member_gave_and_no_other_got_is_named(self, tmp_path: Path) -> None:
        """All accounts are read, so what left one of them for another must have arrived."""
        ledger = written(Database(path=tmp_path / "shop.db"), linked=False)
        to_transit = '"payee":{"id":"in_transit","kind":"system"}'
        in_text(3, '"payee":{"id":"redeemed","kind":"system"}', to_transit)(engine_of(ledger))
        with pytest.raises(LedgerError, match=r"^entry 0/d-1 of member ann: 100 steps of points are still in transit"):
            audited(ledger)

    def test_a_row_altered_in_postgresql_is_named(self, postgres: Database) -> None:
        """The same statements find it there."""
        ledger = written(postgres, linked=True)
        p = postgres.prefix
        change(engine_of(ledger), f"UPDATE {p}commits SET body = replace(body, '120', '121') {ANNS} = 2")
        with pytest.raises(LedgerError, match=r"^commit 2 of member ann: its text, or one before it"):
            audited(ledger)


class TestStreaming:
    """A ledger of any size is read a page at a time."""

    def test_nothing_behind_the_first_breach_is_read(self, sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of many accounts only the first page is looked at."""
        ledger = written(sqlite, linked=False)
        fill_from(engine_of(ledger), SHOP, ANN, copies=200)
        in_text(2, f'"format":{FORMAT}', '"format":99')(engine_of(ledger))
        read: list[Commit] = []
        reading = SqlLedger.read

        def counted(self: SqlLedger, row: object) -> Commit:
            read.append(reading(self, row))  # type: ignore[arg-type]
            return read[-1]

        monkeypatch.setattr(SqlLedger, "read", counted)
        with pytest.raises(LedgerError, match=r"^commit 2 of member ann"):
            audited(ledger)
        assert len(read) == 1

    def test_memory_does_not_grow_with_the_ledger(self, tmp_path: Path) -> None:
        """Many times as many accounts take hardly more memory; and the last of them is found when it is altered."""
        ledger = written(Database(path=tmp_path / "shop.db"), linked=False)
        assert PAGE <= 256, "The sizes of this test are some pages."
        fill_from(engine_of(ledger), SHOP, ANN, copies=80)
        small = peak(ledger)
        fill_from(engine_of(ledger), SHOP, BOB, copies=COPIES)
        assert peak(ledger) < 2 * small
        by(f"UPDATE patronage_commits SET body = replace(body, '40', '41') WHERE account = 'bob-{COPIES - 1:08}'")(
            engine_of(ledger)
        )
        with pytest.raises(LedgerError, match=f"of member bob-{COPIES - 1:08}"):
            audited(ledger)


def peak(ledger: SqlLedger) -> int:
    """The most memory that an audit takes, in bytes."""
    tracemalloc.start()
    try:
        audited(ledger)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def shop(tmp_path: Path) -> tuple[str, Engine]:
    """A shop's file with its terms, as the command is given it."""
    database = Database(path=tmp_path / "shop.db")
    ledger = written(database, linked=True)
    engine = engine_of(ledger)
    SqlPrograms(engine, open_schema(engine), SHOP, PROGRAM.time_zone).publish(PROGRAM.terms[0])
    return f"sqlite:///{database.path}", engine


class TestCommand:
    """`python -m patronage.stores.audit URL PROGRAM` tells people, and by its exit code programs."""

    def run(self, *arguments: str) -> int:
        """The command's exit code."""
        return main(arguments)

    def test_a_sound_ledger_is_told_and_gives_0(
        self, shop: tuple[str, Engine], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What was read, what is held, what was passed on, and the digest to keep."""
        assert self.run(shop[0], SHOP) == 0
        said = capsys.readouterr()
        digest = audited(Database(path=Path(shop[0].removeprefix("sqlite:///"))).ledger()).digest
        assert said.out.splitlines() == [
            "Sound: 2 accounts, 8 commits, 7 entries.",
            "Held: 170 steps of points",
            "Passed to system adjusted: -150 steps of points",
            "Passed to system expired: 50 steps of points",
            "Passed to system issued: -170 steps of points",
            "Passed to system redeemed: 100 steps of points",
            f"Linked: 8 commits. Digest of the last of each account: {digest}",
        ]
        assert said.err == ""

    def test_a_breach_is_named_and_gives_1(self, shop: tuple[str, Engine], capsys: pytest.CaptureFixture[str]) -> None:
        """In one line, on the standard output."""
        in_text(2, '"brand":null', '"brand":"x"')(shop[1])
        assert self.run(shop[0], SHOP) == 1
        said = capsys.readouterr()
        assert said.out.startswith("BROKEN: commit 2 of member ann: its text, or one before it, is not")
        assert said.out.count("\n") == 1
        assert said.err == ""

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("sqlite:///{folder}/none/shop.db", "shop"), "unable to open database file"),
            (("sqlite:///{folder}/empty.db", "shop"), "are missing"),
            (("sqlite:///{folder}/shop.db", "other"), "give its --time-zone"),
            (("sqlite:///{folder}/shop.db", "shop", "--prefix", "Other"), "A prefix is"),
            (("sqlite:///{folder}/shop.db", "shop", "--prefix", "other_"), "are missing"),
            (("sqlite:///{folder}/shop.db", "shop", "--time-zone", "Mars/Base"), "Mars/Base"),
            (("no url", "shop"), "Could not parse"),
            (("nosuch://x/y", "shop"), "nosuch"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_where_it_cannot_look_it_says_why_and_gives_2(
        self, shop: tuple[str, Engine], capsys: pytest.CaptureFixture[str], arguments: Sequence[str], told: str
    ) -> None:
        """A database, tables or a program that are not there, and words that mean nothing; on the standard error."""
        folder = Path(shop[0].removeprefix("sqlite:///")).parent
        assert self.run(*(each.replace("{folder}", str(folder)) for each in arguments)) == 2
        said = capsys.readouterr()
        assert told in said.err
        assert said.out == ""

    def test_nothing_is_written(self, shop: tuple[str, Engine]) -> None:
        """Neither to the ledger nor to an empty database."""
        path = Path(shop[0].removeprefix("sqlite:///"))
        before = path.read_bytes()
        assert self.run(shop[0], SHOP) == 0
        assert path.read_bytes() == before

    def test_terms_that_were_not_published_need_a_time_zone(
        self, sqlite: Database, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A program whose terms are in code is audited by its zone."""
        written(sqlite, linked=False)
        assert self.run(f"sqlite:///{sqlite.path}", SHOP) == 2
        assert self.run(f"sqlite:///{sqlite.path}", SHOP, "--time-zone", "America/New_York") == 0
        assert "Linked: 0 commits" in capsys.readouterr().out

    def test_it_runs_as_a_command(self, shop: tuple[str, Engine]) -> None:
        """As it is written in the docs."""
        command = [sys.executable, "-m", "patronage.stores.audit", shop[0], SHOP]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=dict(os.environ))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Sound: 2 accounts")
        in_text(2, '"brand":null', '"brand":"x"')(shop[1])
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=dict(os.environ))
        assert (done.returncode, done.stdout.startswith("BROKEN: commit 2")) == (1, True)

    def test_it_audits_postgresql(self, postgres: Database, capsys: pytest.CaptureFixture[str]) -> None:
        """At one instant, whatever others write meanwhile."""
        written(postgres, linked=True)
        assert postgres.url is not None
        arguments = (postgres.url, SHOP, "--prefix", postgres.prefix, "--time-zone", "America/New_York")
        assert self.run(*arguments) == 0
        assert "Linked: 8 commits" in capsys.readouterr().out
