"""The stores of the manual's page `writing_a_store`, as a reader would copy them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from patronage.repositories import LedgerRepository

PAGE = (Path(__file__).parents[2] / "docs" / "writing_a_store.md").read_text(encoding="utf-8")


def block(language: str, *holding: str) -> str:
    """The code block that holds the texts."""
    fence = "```"
    blocks = [part.partition(f"\n{fence}")[0] for part in PAGE.split(f"{fence}{language}\n")[1:]]
    (found,) = [each for each in blocks if all(text in each for text in holding)]
    return found


def ran(code: str) -> dict[str, Any]:
    """What a block defines."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(code, "writing_a_store.md", "exec"), names)
    return names


DICT = block("python", "class DictLedger")
PSYCOPG = block("python", "class PostgresLedger:")
SCHEMA = block("sql", "CREATE TABLE accounts")


def dict_ledger() -> LedgerRepository:
    """The first store of the page."""
    store: LedgerRepository = ran(DICT)["DictLedger"]()
    return store


def postgres_ledger(url: str, schema: str, program: str) -> LedgerRepository:
    """The second store of the page, in a schema of the database."""
    from psycopg import connect  # noqa: PLC0415  # The first store needs none.

    connection = connect(url, autocommit=True, options=f"-c search_path={schema}")
    store: LedgerRepository = ran(PSYCOPG)["PostgresLedger"](connection, program)
    return store


def opener(url: str, schema: str, *, program: str = "one") -> partial[LedgerRepository]:
    """What other processes call."""
    return partial(postgres_ledger, url, schema, program)
