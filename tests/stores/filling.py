"""Many members in a moment: the rows of one account, copied by the database itself under other ids."""

from __future__ import annotations

from sqlalchemy import Engine, text

from patronage import Account

_COLUMNS = {
    "accounts": ("version", "next_due", "state"),
    "commits": ("version", "event", "root", "ordinal", "occurred_at", "body", "link"),
    "commit_names": ("name", "version"),
}
_TEXTS = {"state", "body"}


def fill_from(
    engine: Engine, program: str, account: Account, *, copies: int, prefix: str = "patronage_", to_program: str = ""
) -> None:
    """
    Copies an account *copies* times, as `<id>-00000000` and on; what names it names the copy.

    Links are not copied: they would not fit.
    """
    postgresql = engine.dialect.name == "postgresql"
    numbers = (
        "SELECT i FROM generate_series(0, :copies - 1) AS s (i)"
        if postgresql
        else "WITH RECURSIVE s (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < :copies - 1) SELECT i FROM s"
    )
    copy = ":account || '-' || " + ("lpad(n.i::text, 8, '0')" if postgresql else "printf('%08d', n.i)")
    values = {
        "program": program,
        "kind": account.kind.value,
        "account": account.id,
        "copies": copies,
        "into": to_program or program,
        "old": f'"id":"{account.id}"',
        "old_member": f'"member":"{account.id}"',
    }
    with engine.begin() as connection:
        for table, columns in _COLUMNS.items():
            taken = ", ".join(_taken(column, copy) for column in columns)
            connection.execute(
                text(
                    f"INSERT INTO {prefix}{table} (program, kind, account, {', '.join(columns)}) "
                    f"SELECT CAST(:into AS TEXT), kind, {copy}, {taken} FROM {prefix}{table}, ({numbers}) AS n "
                    "WHERE program = :program AND kind = :kind AND account = :account"
                ),
                values,
            )


def _taken(column: str, copy: str) -> str:
    if column == "link":
        return "NULL"
    if column not in _TEXTS:
        return column
    inner = f"replace({column}, :old, '\"id\":\"' || {copy} || '\"')"
    return f"replace({inner}, :old_member, '\"member\":\"' || {copy} || '\"')"
