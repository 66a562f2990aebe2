"""
The SQL of the stores, in both dialects.

Values are always bound; of the texts only the prefix, which is checked, is written in. Where several
ids are asked for at once they travel as one parameter, so that a statement reads the same for one
and for a thousand.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import attrs
from sqlalchemy import TextClause, text

from patronage.stores.sqlalchemy._schema import POSTGRESQL, Schema

PAGE: Final = 256
"""How many commits or states are read at once."""


def _sql(value: str) -> TextClause:
    return text(value)


@attrs.frozen
class Statements:
    """What the stores say to their database."""

    load: TextClause = attrs.field(converter=_sql)
    lock: TextClause = attrs.field(converter=_sql)
    reserve: TextClause = attrs.field(converter=_sql)
    first: TextClause = attrs.field(converter=_sql)
    following: TextClause = attrs.field(converter=_sql)
    add: TextClause = attrs.field(converter=_sql)
    name: TextClause = attrs.field(converter=_sql)
    history: TextClause = attrs.field(converter=_sql)
    about: TextClause = attrs.field(converter=_sql)
    known: TextClause = attrs.field(converter=_sql)
    versions: TextClause = attrs.field(converter=_sql)
    link: TextClause = attrs.field(converter=_sql)
    due: TextClause = attrs.field(converter=_sql)
    states: TextClause = attrs.field(converter=_sql)
    rows: TextClause = attrs.field(converter=_sql)
    names: TextClause = attrs.field(converter=_sql)
    claim: TextClause = attrs.field(converter=_sql)
    owner: TextClause = attrs.field(converter=_sql)
    forget: TextClause = attrs.field(converter=_sql)
    publish: TextClause = attrs.field(converter=_sql)
    terms: TextClause = attrs.field(converter=_sql)


@lru_cache(maxsize=64)
def statements_for(schema: Schema) -> Statements:
    """The statements for a schema; equal schemas share them."""
    p, postgresql = schema.prefix, schema.dialect == POSTGRESQL
    own = "program = :program AND kind = :kind AND account = :account"
    among = "= ANY(CAST(:ids AS text[]))" if postgresql else "IN (SELECT value FROM json_each(:ids))"
    of_kind = f"FROM {p}accounts WHERE program = :program AND kind = :kind AND account {among}"
    behind = "program = :program AND version > 0 AND (kind, account) > (:after_kind, :after)"
    # What is due, by its index, and only then sorted: both planners would rather read all accounts in
    # order. SQLite is told so, PostgreSQL does not look past an OFFSET.
    due_by = "" if postgresql else f" INDEXED BY {p}accounts_due"
    fence = " OFFSET 0" if postgresql else ""
    waiting = (
        f"(SELECT kind, account FROM {p}accounts{due_by} WHERE program = :program AND next_due <= :until{fence}) "
        "AS waiting"
    )
    return Statements(
        load=f"SELECT account, version, state {of_kind} AND version > 0",
        # In the order of ids, so that of two who want the same accounts one waits at the first.
        lock=f"SELECT account, version, state {of_kind} ORDER BY account" + (" FOR UPDATE" if postgresql else ""),
        reserve=f"INSERT INTO {p}accounts (program, kind, account, version, state) "
        "VALUES (:program, :kind, :account, 0, '') ON CONFLICT DO NOTHING",
        # These two are the fence: they write only where the version is the one that was decided on.
        first=f"INSERT INTO {p}accounts AS present (program, kind, account, version, next_due, state) "
        "VALUES (:program, :kind, :account, :version, :next_due, :state) "
        "ON CONFLICT (program, kind, account) DO UPDATE "
        "SET version = excluded.version, next_due = excluded.next_due, state = excluded.state "
        "WHERE present.version = 0 RETURNING version",
        following=f"UPDATE {p}accounts SET version = :version, next_due = :next_due, state = :state "
        f"WHERE {own} AND version = :expected RETURNING version",
        add=f"INSERT INTO {p}commits "
        "(program, kind, account, version, event, root, ordinal, occurred_at, body, link) VALUES "
        "(:program, :kind, :account, :version, :event, :root, :ordinal, :occurred_at, :body, :link)",
        name=f"INSERT INTO {p}commit_names (program, kind, account, name, version) "
        "VALUES (:program, :kind, :account, :name, :version)",
        history=f"SELECT version, body FROM {p}commits WHERE {own} "
        "AND version > :after AND occurred_at >= :since ORDER BY version LIMIT :page",
        # The names lead, and each commit is then found by its key: a planner that knows nothing of the
        # tables yet must not read all of an account instead.
        about=f"SELECT version, (SELECT body FROM {p}commits AS c WHERE {own} AND c.version = named.version "
        f"AND occurred_at >= :since) FROM (SELECT DISTINCT version FROM {p}commit_names WHERE {own} "
        f"AND name {among} AND version > :after ORDER BY version LIMIT :page) AS named ORDER BY version",
        known=f"SELECT event FROM {p}commits WHERE {own} AND event {among}",
        versions=f"SELECT version FROM {p}accounts WHERE {own}",
        link=f"SELECT link FROM {p}commits WHERE {own} AND version = :version",
        due=f"SELECT kind, account FROM {waiting} WHERE (kind, account) > (:after_kind, :after) "
        "ORDER BY kind, account LIMIT :page",
        states=f"SELECT kind, account, version, state, next_due FROM {p}accounts WHERE {behind} "
        "ORDER BY kind, account LIMIT :page",
        rows=f"SELECT kind, account, version, event, root, ordinal, occurred_at, body, link FROM {p}commits "
        "WHERE program = :program AND (kind, account, version) > (:after_kind, :after, :after_version) "
        "ORDER BY kind, account, version LIMIT :page",
        names=f"SELECT name, version FROM {p}commit_names WHERE {own} AND name {among}",
        claim=f"INSERT INTO {p}identifiers (program, kind, code, owner_kind, owner) "
        "VALUES (:program, :kind, :code, :owner_kind, :owner) ON CONFLICT DO NOTHING",
        forget=f"DELETE FROM {p}identifiers WHERE program = :program AND owner_kind = :owner_kind AND owner = :owner",
        owner=f"SELECT owner_kind, owner FROM {p}identifiers "
        "WHERE program = :program AND kind = :kind AND code = :code",
        publish=f"INSERT INTO {p}terms (program, effective_from, time_zone, body) "
        "VALUES (:program, :effective_from, :time_zone, :body) ON CONFLICT DO NOTHING",
        terms=f"SELECT time_zone, body FROM {p}terms WHERE program = :program ORDER BY effective_from",
    )
