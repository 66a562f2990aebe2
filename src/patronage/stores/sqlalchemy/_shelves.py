"""
What a ledger does, over a connection and within its transaction: the same for both kinds of waiting.

Writing begins with the fence: an account's version is moved on, and only from the one that was
decided on. That statement waits for whoever else writes to the account, and holds it from then on;
what comes after it cannot be overtaken.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import groupby
from typing import Final

import attrs
from sqlalchemy import Connection

from patronage.codec import Codec
from patronage.errors import (
    DocumentError,
    DuplicateEventError,
    InvalidValueError,
    LedgerError,
    StaleStateError,
)
from patronage.events import identifier
from patronage.ledger import Account, AccountKind, Commit
from patronage.periods import Calendar, utc
from patronage.repositories import Stored
from patronage.state import State, fold
from patronage.stores.sqlalchemy._schema import POSTGRESQL, Schema
from patronage.stores.sqlalchemy._statements import PAGE, statements_for

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LONG_AGO: Final = -(2**62)
_MICROSECOND: Final = timedelta(microseconds=1)
_LINK_BYTES: Final = 32

Values = dict[str, object]


@attrs.frozen
class Row:
    """A stored commit as it stands in the database, unread: its columns and its text."""

    account: Account
    version: int
    event: str
    root: str
    ordinal: int
    occurred_at: int
    body: str
    link: str | None


@attrs.frozen
class Shelves:
    """The ledger of one program in a database. *verify* compares each state that is read with its entries."""

    schema: Schema
    program: str = attrs.field(converter=identifier)
    codec: Codec
    linked: bool
    verify: Calendar | None

    # Reading.

    def load(self, connection: Connection, accounts: Collection[Account], lock: bool) -> dict[Account, Stored]:
        """The accounts that have a commit; with *lock* nobody else writes to them until the transaction ends."""
        sql = statements_for(self.schema)
        ordered = sorted(set(accounts), key=lambda account: account.key)
        if lock and self.schema.dialect == POSTGRESQL and ordered:
            connection.execute(sql.reserve, [self._key(account) for account in ordered])
        stored = {}
        for kind, group in groupby(ordered, key=lambda account: account.kind):
            several = tuple(group)
            ids = self._ids(account.id for account in several)
            values = {"program": self.program, "kind": kind.value, "ids": ids}
            rows = connection.execute(sql.lock if lock else sql.load, values)
            found = {id: (version, text) for id, version, text in rows if version}
            for account in several:
                if account.id in found:
                    stored[account] = self._stored(connection, account, *found[account.id])
        return stored

    def page(
        self, connection: Connection, account: Account, about: Collection[str], since: datetime | None, after: int
    ) -> tuple[list[Commit], int | None]:
        """The next commits of an account behind version *after*, and behind what to go on: None at the end."""
        sql = statements_for(self.schema)
        start = LONG_AGO if since is None else microseconds(since)
        values = {**self._key(account), "after": after, "since": start, "page": PAGE}
        if about:
            rows = connection.execute(sql.about, {**values, "ids": self._ids(about)}).all()
        else:
            rows = connection.execute(sql.history, values).all()
        found = [self.commit(account, version, body) for version, body in rows if body is not None]
        return found, (rows[-1][0] if len(rows) == PAGE else None)

    def due(self, connection: Connection, until: datetime, after: Account | None, limit: int) -> tuple[Account, ...]:
        """Accounts for which time does something at or before *until*."""
        values = {**self._after(after), "until": microseconds(until), "page": limit}
        rows = connection.execute(statements_for(self.schema).due, values)
        return tuple(Account(AccountKind(kind), id) for kind, id in rows)

    def states(
        self, connection: Connection, after: Account | None, limit: int = PAGE
    ) -> list[tuple[Account, Stored, int | None]]:
        """The next accounts behind *after*, with what is saved of them and when they are due."""
        rows = connection.execute(statements_for(self.schema).states, {**self._after(after), "page": limit}).all()
        found = []
        for kind, id, version, text, due in rows:
            account = Account(AccountKind(kind), id)
            found.append((account, self._stored(connection, account, version, text), due))
        return found

    def accounts(self, connection: Connection, after: Account | None, limit: int) -> tuple[Account, ...]:
        """The accounts that have a commit."""
        rows = connection.execute(statements_for(self.schema).states, {**self._after(after), "page": limit})
        return tuple(Account(AccountKind(row[0]), row[1]) for row in rows)

    def rows(self, connection: Connection, after: Row | None) -> list[Row]:
        """The next stored commits of all accounts, account after account, in order of version."""
        start = self._after(None if after is None else after.account)
        values = {**start, "after_version": 0 if after is None else after.version, "page": PAGE}
        rows = connection.execute(statements_for(self.schema).rows, values)
        return [Row(Account(AccountKind(kind), id), *rest) for kind, id, *rest in rows]

    def unnamed(self, connection: Connection, commits: Sequence[Commit]) -> Commit | None:
        """The first of an account's commits that would not be found under one of its names."""
        wanted = {(name, commit.version) for commit in commits for name in {*commit.names, commit.event.id}}
        values = {**self._key(commits[0].account), "ids": self._ids(sorted({name for name, _ in wanted}))}
        wanted -= {(name, version) for name, version in connection.execute(statements_for(self.schema).names, values)}
        versions = {version for _, version in wanted}
        return next((commit for commit in commits if commit.version in versions), None)

    def commit(self, account: Account, version: int, body: str) -> Commit:
        """A stored text, read. Raises LedgerError where it is not that commit."""
        where = f"commit {version} of {account}"
        try:
            commit = self.codec.load(body, Commit)
        except DocumentError as error:
            raise LedgerError(where, f"its text cannot be read: {error}") from error
        if commit.account != account or commit.version != version:
            raise LedgerError(where, f"its text is that of commit {commit.version} of {commit.account}.")
        return commit

    def _stored(self, connection: Connection, account: Account, version: int, text: str) -> Stored:
        try:
            state = self.codec.load(text, State)
        except DocumentError:  # A snapshot of another release, or a broken one: the commits are the truth.
            state = State.of(account)
        if state.account != account:
            state = State.of(account)
        if self.verify is not None:
            self._verify(connection, account, version, state)
        return Stored(version, state)

    def _verify(self, connection: Connection, account: Account, version: int, state: State) -> None:
        assert self.verify is not None
        folded = State.of(account)
        after: int | None = 0
        while after is not None:
            page, after = self.page(connection, account, (), None, after)
            upto = [commit for commit in page if commit.version <= version]
            folded = fold(upto, calendar=self.verify, start=folded) or folded
        if folded.version != version or state.version > version:
            raise LedgerError(str(account), f"it is at version {version}, its commits end at {folded.version}.")
        if state.version == version and state != folded:
            raise LedgerError(str(account), "the state saved with it is not the sum of the entries.")

    # Writing.

    def append(self, connection: Connection, commits: Sequence[Commit]) -> None:
        """Writes all of *commits*. Where it raises, the caller undoes what was written."""
        sql = statements_for(self.schema)
        batch = sorted(commits, key=lambda commit: commit.account.key)
        if not consistent(batch):
            raise self.conflict(connection, commits)
        try:
            states = {commit.account: _state_after(commit) for commit in batch}
        except InvalidValueError as error:
            raise self._forbidding(connection, commits) or error from None
        for account, group in groupby(batch, key=lambda commit: commit.account):
            several, state = tuple(group), states[account]
            expected = several[0].version - 1
            values: Values = {
                **self._key(account),
                "version": several[-1].version,
                "next_due": None if state.next_due is None else microseconds(state.next_due),
                "state": self.codec.dump(state),
            }
            if expected:
                fence = connection.execute(sql.following, {**values, "expected": expected})
            else:
                fence = connection.execute(sql.first, values)
            if fence.first() is None:
                raise self.conflict(connection, commits)
        connection.execute(sql.add, self._with_links(connection, [self._row(commit) for commit in batch]))
        connection.execute(sql.name, [each for commit in batch for each in self._names(commit)])

    def conflict(self, connection: Connection, commits: Sequence[Commit]) -> DuplicateEventError | StaleStateError:
        """Why the database did not take the batch."""
        # Where no event is known and every version is the next one, the place in a root is taken.
        first = commits[0]
        return self._forbidding(connection, commits) or StaleStateError(str(first.account), first.version - 1)

    def _forbidding(
        self, connection: Connection, commits: Sequence[Commit]
    ) -> DuplicateEventError | StaleStateError | None:
        """What forbids the batch: a known event comes before a stale version."""
        sql = statements_for(self.schema)
        seen: set[tuple[Account, str]] = set()
        known: dict[Account, set[str]] = {}
        for commit in commits:
            account = commit.account
            if account not in known:
                ids = self._ids(other.event.id for other in commits if other.account == account)
                known[account] = set(connection.execute(sql.known, {**self._key(account), "ids": ids}).scalars())
            if commit.event.id in known[account] or (account, commit.event.id) in seen:
                return DuplicateEventError(str(account), commit.event.id)
            seen.add((account, commit.event.id))
        versions: dict[Account, int] = {}
        for commit in commits:
            account = commit.account
            if account not in versions:
                versions[account] = connection.execute(sql.versions, self._key(account)).scalar() or 0
            if commit.version != versions[account] + 1:
                return StaleStateError(str(account), commit.version - 1, versions[account])
            versions[account] += 1
        return None

    def _row(self, commit: Commit) -> Values:
        return {
            **self._key(commit.account),
            "version": commit.version,
            "event": commit.event.id,
            "root": commit.root,
            "ordinal": commit.ordinal,
            "occurred_at": microseconds(commit.event.occurred_at),
            "body": self.codec.dump(commit),
            "link": None,
        }

    def _names(self, commit: Commit) -> list[Values]:
        own = {**self._key(commit.account), "version": commit.version}
        return [{**own, "name": name} for name in sorted({*commit.names, commit.event.id})]

    def _with_links(self, connection: Connection, rows: list[Values]) -> list[Values]:
        """The rows, each with the hash of all up to it, where that is asked for."""
        if not self.linked:
            return rows
        last: dict[tuple[object, object], str | None] = {}
        for row in rows:
            key = (row["kind"], row["account"])
            version = row["version"]
            assert isinstance(version, int)
            if key not in last:
                values = {name: row[name] for name in ("program", "kind", "account")}
                query = statements_for(self.schema).link
                last[key] = connection.execute(query, {**values, "version": version - 1}).scalar()
            last[key] = row["link"] = link(last[key], self.program, str(row["body"]))
        return rows

    def _key(self, account: Account) -> Values:
        return {"program": self.program, "kind": account.kind.value, "account": account.id}

    def _after(self, account: Account | None) -> Values:
        kind, id = ("", "") if account is None else account.key
        return {"program": self.program, "after_kind": kind, "after": id}

    def _ids(self, ids: Iterable[str]) -> object:
        """Several ids as one parameter."""
        return list(ids) if self.schema.dialect == POSTGRESQL else json.dumps(list(ids))


def link(before: str | None, program: str, body: str) -> str:
    """The hash of a commit's text and all those before it: the link of the chain that ends at this commit."""
    chain = blake2b(digest_size=_LINK_BYTES)
    for part in (program, before or "", body):
        data = part.encode()
        chain.update(len(data).to_bytes(8) + data)
    return chain.hexdigest()


def microseconds(at: datetime) -> int:
    """An instant as it is stored: whole microseconds since 1970, in UTC."""
    return (utc(at) - EPOCH) // _MICROSECOND


def consistent(batch: Sequence[Commit]) -> bool:
    """Whether, per account, versions run on, and no event and no place of a root stands twice."""
    versions: dict[Account, int] = {}
    events: set[tuple[Account, str]] = set()
    places: set[tuple[Account, str, int]] = set()
    for commit in batch:
        account = commit.account
        if commit.version < 1 or versions.get(account, commit.version - 1) != commit.version - 1:
            return False
        versions[account] = commit.version
        events.add((account, commit.event.id))
        places.add((account, commit.root, commit.ordinal))
    return len(events) == len(places) == len(batch)


def _state_after(commit: Commit) -> State:
    """The state that the commit leads to. Raises InvalidValueError where it is missing."""
    if not isinstance(commit.after, State) or commit.after.version != commit.version:
        raise InvalidValueError(f"Commit {commit.version} of {commit.account} has no state to save: fold its commits.")
    return commit.after
