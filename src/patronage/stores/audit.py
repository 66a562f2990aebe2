"""
`audit` over a ledger in a database: every commit, every account, every hash, read as a stream.

    python -m patronage.stores.audit sqlite:///shop.db shop

prints what was found sound, or the first entry that is altered, missing or doubled. Needs no program
and no secret. What the commits say is checked by `patronage.audit`; here is checked that the tables
say the same: columns, names, saved states, and the chain of hashes where the ledger was `linked`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import groupby

import attrs
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from patronage.audit import AuditReport, audit
from patronage.errors import InvalidValueError, LedgerError, PatronageError
from patronage.ledger import Account, Commit
from patronage.periods import Calendar
from patronage.repositories import Stored
from patronage.stores.sqlalchemy import Schema, SqlLedger, open_schema
from patronage.stores.sqlalchemy._errors import translated
from patronage.stores.sqlalchemy._schema import POSTGRESQL
from patronage.stores.sqlalchemy._shelves import Row, link, microseconds
from patronage.stores.sqlalchemy._statements import PAGE


@attrs.frozen
class StoredAudit:
    """
    What was read, and found sound.

    *report* is what the commits add up to; *linked* how many carry the hash of all before them.
    *digest* stands for the last commit of every account: keep it elsewhere, and nobody who can write
    to the database can change what was audited without another one coming out.
    """

    report: AuditReport
    linked: int
    digest: str


def audit_ledger(ledger: SqlLedger, program: str, *, calendar: Calendar) -> StoredAudit:
    """
    Checks all that a database has of a *program*, as a stream. *calendar* is the program's.

    Raises LedgerError that names the first entry, commit or account that is not as it was written.
    While others write, give a ledger over a connection whose transaction is of REPEATABLE READ.
    """
    walk = _Walk(ledger, program)
    report = audit(walk.commits(), calendar=calendar, whole=True)
    return StoredAudit(report, walk.linked, walk.digest())


class _Walk:
    """The commits of a ledger, compared with the tables on the way."""

    def __init__(self, ledger: SqlLedger, program: str) -> None:
        self._ledger, self._program = ledger, program
        self._saved = ledger.saved()
        self._heads = blake2b(digest_size=16)
        self.linked = 0

    def digest(self) -> str:
        """Of all heads."""
        return self._heads.hexdigest()

    def commits(self) -> Iterator[Commit]:
        """All commits; the last one of each account with the state that is saved of it."""
        for account, rows in groupby(self._ledger.rows(), key=lambda row: row.account):
            found = next(self._saved, None)
            if found is None or found[0].key > account.key:
                raise LedgerError(str(account), "it has commits, and nothing is saved of it.")
            if found[0] != account:
                raise LedgerError(str(found[0]), f"it is at version {found[1].version}, and its commits are missing.")
            yield from self._of_account(rows, found)
        missing = next(self._saved, None)
        if missing is not None:
            raise LedgerError(str(missing[0]), f"it is at version {missing[1].version}, and its commits are missing.")

    def _of_account(self, rows: Iterator[Row], saved: tuple[Account, Stored, int | None]) -> Iterator[Commit]:
        account, stored, due = saved
        last: Row | None = None
        page: list[Commit] = []
        for row in rows:
            if row.version > stored.version:
                raise LedgerError(
                    f"commit {row.version} of {account}", f"the account is only at version {stored.version}."
                )
            self._check_link(row, last)
            commit = self._ledger.read(row)
            _check_columns(row, commit)
            last = row
            if row.version == stored.version:
                if due != (None if commit.next_due is None else microseconds(commit.next_due)):
                    raise LedgerError(str(account), "it would not be found when it is due.")
                if stored.state.version == row.version:  # An older one is not used: it is rebuilt.
                    commit = attrs.evolve(commit, after=stored.state)
            page.append(commit)
            if len(page) == PAGE:
                yield from self._named(page)
                page = []
        yield from self._named(page)
        assert last is not None
        if last.version < stored.version:
            raise LedgerError(f"commit {last.version + 1} of {account}", "it is missing.")
        for part in (*account.key, str(last.version), last.link or last.body):
            data = part.encode()
            self._heads.update(len(data).to_bytes(8) + data)

    def _named(self, page: Sequence[Commit]) -> Sequence[Commit]:
        unnamed = self._ledger.unnamed(page) if page else None
        if unnamed is not None:
            where = f"commit {unnamed.version} of {unnamed.account}"
            raise LedgerError(where, "it would not be found under one of its names.")
        return page

    def _check_link(self, row: Row, last: Row | None) -> None:
        before = None if last is None else last.link
        if row.link is None and before is not None:
            raise LedgerError(f"commit {row.version} of {row.account}", "the chain of hashes ends before it.")
        if row.link is not None:
            self.linked += 1
            if row.link != link(before, self._program, row.body):
                raise LedgerError(
                    f"commit {row.version} of {row.account}",
                    "its text, or one before it, is not the one that was hashed.",
                )


def _check_columns(row: Row, commit: Commit) -> None:
    """The columns say what the text says."""
    event = commit.event
    columns = (row.event, row.root, row.ordinal, row.occurred_at)
    if columns != (event.id, commit.root, commit.ordinal, microseconds(event.occurred_at)):
        raise LedgerError(f"commit {row.version} of {row.account}", "its columns and its text differ.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Audits one program in one database, and says what was found. Gives 0, 1 for a breach, 2 where it cannot look."""
    parser = argparse.ArgumentParser(prog="python -m patronage.stores.audit", description="Audits a stored ledger.")
    parser.add_argument(
        "url", help="the database, as SQLAlchemy writes it: sqlite:///shop.db, postgresql+psycopg://..."
    )
    parser.add_argument("program", help="the program's id")
    parser.add_argument("--prefix", default="patronage_", help="what the names of the tables begin with")
    parser.add_argument("--time-zone", help="the program's, such as Europe/Berlin, where its terms are not published")
    options = parser.parse_args(arguments)
    try:
        found = _audited(options.url, options.program, options.prefix, options.time_zone)
    except LedgerError as error:
        sys.stdout.write(f"BROKEN: {error}\n")
        return 1
    except (PatronageError, ArgumentError, NoSuchModuleError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(_said(found))
    return 0


def _audited(url: str, program: str, prefix: str, time_zone: str | None) -> StoredAudit:
    with translated():
        engine = create_engine(url)
        try:
            schema = open_schema(engine, prefix=prefix, upgrade=False)
            with engine.connect() as connection:
                if schema.dialect == POSTGRESQL:
                    connection.execution_options(isolation_level="REPEATABLE READ")
                else:
                    connection.exec_driver_sql("BEGIN")
                calendar = Calendar(time_zone or _zone(connection, schema, program))
                return audit_ledger(SqlLedger(connection, schema, program), program, calendar=calendar)
        finally:
            engine.dispose()


def _zone(connection: Connection, schema: Schema, program: str) -> str:
    query = text(f"SELECT time_zone FROM {schema.prefix}terms WHERE program = :program LIMIT 1")
    zone = connection.execute(query, {"program": program}).scalar()
    if not isinstance(zone, str):
        raise InvalidValueError("No terms of this program are published here: give its --time-zone.")
    return zone


def _said(found: StoredAudit) -> str:
    report = found.report
    lines = [f"Sound: {report.accounts} accounts, {report.commits} commits, {report.entries} entries."]
    lines += [f"Held: {steps} steps of {unit}" for unit, steps in sorted(report.held.items())]
    lines += [
        f"Passed to {account}: {steps} steps of {unit}"
        for (account, unit), steps in sorted(report.passed.items(), key=lambda pair: (pair[0][0].key, pair[0][1]))
    ]
    lines += [f"Linked: {found.linked} commits. Digest of the last of each account: {found.digest}"]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
