"""A shop's own SQLite database: an order and its points are written in one transaction, or neither is."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from patronage import Line, PointsPolicy, Program, Purchase, SpendRule, Terms, Unit, currency
from patronage.loyalty import Loyalty
from patronage.stores.audit import audit_ledger
from patronage.stores.sqlalchemy import Schema, SqlLedger, SqlPrograms, open_schema, sqlite_engine

usd, points = currency("USD"), Unit("points")
base = PointsPolicy(name="base", rules=[SpendRule(per=usd.of("1.00"), credit=points.of(1))])
terms = Terms(units=(usd, points), policies=(base,))
noon = datetime(2026, 5, 4, 12, tzinfo=UTC)


def service(connection: Connection, schema: Schema, program: Program) -> Loyalty:
    """The program's service within a transaction of the shop's: it never commits, and tries nothing again."""
    return Loyalty(program, SqlLedger(connection, schema, program.id, linked=True), clock=lambda: noon, retry=None)


def check_out(engine: Engine, schema: Schema, program: Program, order: Purchase) -> None:
    """One transaction: the points first, then the order, which may be refused by the shop's own table."""
    with engine.begin() as connection:
        decision = service(connection, schema, program).record(order).require()
        row = {"id": order.id, "member": order.member, "cents": order.total}
        connection.execute(text("INSERT INTO orders VALUES (:id, :member, :cents)"), row)
    print(f"{order.id}: {decision.earned(points)}")


def main(path: Path) -> None:
    """Three orders, one of which the shop's own table refuses; then what is there."""
    engine = sqlite_engine(path)
    schema = open_schema(engine)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE orders (id TEXT PRIMARY KEY, member TEXT, cents INTEGER CHECK (cents > 0))")
        )
        programs = SqlPrograms(connection, schema, "shop", "America/New_York")
        programs.publish(terms)
        program = programs.load()
    for id, total in (("o-1", "120.00"), ("o-2", "0.00"), ("o-3", "35.50")):
        order = Purchase(id=id, member="ada", occurred_at=noon, lines=(Line(total=usd.of(total)),))
        try:
            check_out(engine, schema, program, order)
        except IntegrityError as error:
            print(f"{id}: {error.orig}; nothing of it is kept")
    with engine.connect() as connection:
        orders = connection.execute(text("SELECT count(*) FROM orders")).scalar_one()
        print(orders, "orders,", service(connection, schema, program).standing("ada")[points])
        found = audit_ledger(SqlLedger(connection, schema, "shop"), "shop", calendar=program.calendar)
        print("Audited:", found.report.commits, "commits,", found.linked, "of them linked")
    engine.dispose()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as folder:
            main(Path(folder) / "shop.db")
