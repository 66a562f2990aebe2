"""PostgreSQL goes away, a connection breaks at the worst moment, transactions collide: nothing is lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import attrs
import pytest
from sqlalchemy import Connection, Engine, event, text

from loyalty.shop import ANN, BOB, NOON, PROGRAM, buy, opening, points_of
from patronage import Decision, StaleStateError
from patronage.errors import StoreBusyError, StoreError, StoreUnavailableError
from patronage.loyalty import Loyalty, Retry
from patronage.stores.audit import audit_ledger
from patronage.stores.sqlalchemy import SqlLedger
from stores.crashing import recorded_through_stops
from stores.databases import SHOP, Database, engine_of
from stores.postgresql import Server
from stores.proxy import Breaks, Proxy, proxy_to
from stores.storm import SOAK, all_answers, start

STOPS = 200 if SOAK else 2


def service(ledger: SqlLedger, retry: Retry | None = None) -> Loyalty:
    """The shop's."""
    return Loyalty(PROGRAM, ledger, clock=lambda: NOON, retry=retry)


def ids(ledger: SqlLedger) -> list[str]:
    """The events that are stored of ann."""
    return [commit.event.id for commit in ledger.history(ANN)]


def sent_again(work: Callable[[], Decision]) -> tuple[Decision, list[StoreError]]:
    """What a caller does who is told that the store is not there: the same again, after a rest."""
    told: list[StoreError] = []
    while True:
        try:
            return work(), told
        except StoreUnavailableError as error:
            told.append(error)
            assert len(told) < 20
            time.sleep(0.01)


class TestServerStops:
    """The server is stopped as if the power went, and started again."""

    def test_the_same_service_goes_on(self, postgres: Database, server: Server) -> None:
        """While it is down a typed error says so; afterwards nothing is missing, and no program is started anew."""
        ledger = postgres.ledger()
        loyalty = service(ledger)
        loyalty.record(buy("o-1", "10.00"))
        server.stop(at_once=True)
        with pytest.raises(StoreUnavailableError):
            loyalty.record(buy("o-2", "10.00"))
        with pytest.raises(StoreUnavailableError):
            points_of(loyalty)
        server.start()
        assert loyalty.record(buy("o-2", "10.00")).accepted
        assert loyalty.record(buy("o-1", "10.00")).repeated
        assert (points_of(loyalty), ids(ledger)) == (20, ["o-1", "o-2"])

    def test_who_did_not_notice_is_told_once(self, postgres: Database, server: Server) -> None:
        """A pool full of connections to a server that is gone costs one error, not one for each connection."""
        engine = postgres.engine(pool_size=5)
        loyalty = service(postgres.ledger(engine))
        connections = [engine.connect() for _ in range(5)]
        for connection in connections:
            connection.close()
        server.stop(at_once=True)
        server.start()
        decision, told = sent_again(lambda: loyalty.record(buy("o-1", "10.00")))
        assert decision.accepted
        assert len(told) <= 1

    def test_nothing_that_was_acknowledged_is_lost(self, postgres: Database, server: Server) -> None:
        """Four processes store batches, each again until it is answered, through stops: each is there, once."""
        service(postgres.ledger()).record(opening("opening", 100 * 1_000_000))
        running = [start(recorded_through_stops, postgres, number, 1.0 + STOPS) for number in range(4)]
        for _ in range(STOPS):
            time.sleep(0.7)
            server.stop(at_once=True)
            server.start()
        answers = all_answers(running)
        told = sorted(id for acknowledged, _ in answers for id in acknowledged)
        assert sum(lost for _, lost in answers) > 0, "The stops were noticed."
        ledger = postgres.ledger()
        assert sorted(ids(ledger)) == sorted(["opening", *(f"d-{id}" for id in told)])
        assert sorted(commit.event.id for commit in ledger.history(BOB)) == sorted(f"b-{id}" for id in told)
        audit_ledger(ledger, SHOP, calendar=PROGRAM.calendar)


class TestConnectionBreaks:
    """Nobody knows what became of a COMMIT, until the store is asked."""

    def test_a_backend_that_is_terminated_before_commit_has_stored_nothing(self, postgres: Database) -> None:
        """The caller is told; the same event again is stored, once."""
        ledger = postgres.ledger()
        loyalty = service(ledger, Retry())
        terminate_before_the_next_commit(engine_of(ledger), postgres.engine())
        with pytest.raises(StoreUnavailableError):
            loyalty.record(buy("o-1", "10.00"))
        assert ids(ledger) == []
        assert not loyalty.record(buy("o-1", "10.00")).repeated
        assert ids(ledger) == ["o-1"]

    def test_a_commit_that_never_arrived_has_stored_nothing(self, postgres: Database, server: Server) -> None:
        """The connection breaks before COMMIT: the caller is told, and the same event again is stored, once."""
        with proxy_to(server.port) as proxy:
            loyalty = service(through(proxy, postgres, server), Retry())
            proxy.breaks = Breaks.BEFORE_COMMIT
            with pytest.raises(StoreUnavailableError):
                loyalty.record(buy("o-1", "10.00"))
            assert (proxy.broken, ids(postgres.ledger())) == (1, [])
            assert not loyalty.record(buy("o-1", "10.00")).repeated
            assert ids(postgres.ledger()) == ["o-1"]

    def test_an_answer_that_was_lost_is_looked_up(self, postgres: Database, server: Server) -> None:
        """The connection breaks after COMMIT: the service asks the store, gives its answer, and appends nothing."""
        with proxy_to(server.port) as proxy:
            loyalty = service(through(proxy, postgres, server), Retry())
            proxy.breaks = Breaks.BEFORE_THE_ANSWER
            first = loyalty.record(buy("o-1", "10.00"))
            assert (proxy.broken, ids(postgres.ledger())) == (1, ["o-1"])
            assert first.accepted
            assert loyalty.record(buy("o-1", "10.00")).commits == first.commits
            assert (points_of(loyalty), ids(postgres.ledger())) == (10, ["o-1"])

    def test_an_answer_that_cannot_be_looked_up_is_an_error(self, postgres: Database, server: Server) -> None:
        """The store stays away after COMMIT: the caller is told that nobody knows, and is answered when it is back."""
        with proxy_to(server.port) as proxy:
            loyalty = service(through(proxy, postgres, server), Retry())
            proxy.breaks, proxy.stays_broken = Breaks.BEFORE_THE_ANSWER, True
            with pytest.raises(StoreUnavailableError):
                loyalty.record(buy("o-1", "10.00"))
            with pytest.raises(StoreUnavailableError):
                loyalty.record(buy("o-1", "10.00"))
            proxy.mend()
            assert loyalty.record(buy("o-1", "10.00")).repeated
            assert (points_of(loyalty), ids(postgres.ledger())) == (10, ["o-1"])


def through(proxy: Proxy, database: Database, server: Server) -> SqlLedger:
    """The ledger, by way of a proxy; its tables are there, and a connection too."""
    assert database.url is not None
    database.ledger()
    detour = attrs.evolve(database, url=database.url.replace(f":{server.port}/", f":{proxy.port}/"))
    return detour.ledger()


def terminate_before_the_next_commit(engine: Engine, by: Engine) -> None:
    """The server ends the connection of whoever is about to commit."""

    @event.listens_for(engine, "commit", once=True)
    def terminate(connection: Connection) -> None:
        number = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with by.connect() as other:
            assert other.execute(text("SELECT pg_terminate_backend(:number, 10000)"), {"number": number}).scalar_one()


class TestOthersInTheWay:
    """Transactions of the shop's own that cannot both be: one is told, has stored nothing, and is run again."""

    @pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
    def test_a_serialisation_failure_is_a_stale_state(self, postgres: Database, level: str) -> None:
        """Someone else wrote after the transaction began to look."""
        database = attrs.evolve(postgres, level=level)
        engine, other = database.engine(), service(postgres.ledger())
        schema = database.schema(engine)
        other.record(buy("o-1", "10.00"))
        with pytest.raises(StaleStateError), engine.begin() as connection:  # noqa: PT012  # The order is the point.
            loyalty = service(SqlLedger(connection, schema, SHOP))
            assert points_of(loyalty) == 10
            other.record(buy("o-2", "10.00"))
            loyalty.record(buy("o-3", "10.00"))
        assert ids(postgres.ledger()) == ["o-1", "o-2"]
        with engine.begin() as connection:
            assert service(SqlLedger(connection, schema, SHOP)).record(buy("o-3", "10.00")).accepted
        assert ids(postgres.ledger()) == ["o-1", "o-2", "o-3"]

    def test_a_deadlock_is_a_stale_state_for_one_of_the_two(self, postgres: Database) -> None:
        """Two transactions write to ann and bob in opposite order: one is kept, one is run again, both are stored."""
        engine = postgres.engine()
        schema = postgres.schema(engine)
        both, lost = Barrier(2), list[str]()

        def twice(name: str, members: tuple[str, str], *, waits: bool) -> None:
            with engine.begin() as connection:
                loyalty = service(SqlLedger(connection, schema, SHOP))
                for member in members:
                    assert loyalty.record(buy(f"{name}-1", "10.00", member)).accepted
                    if waits and member == members[0]:
                        both.wait(30)

        def until_it_is_stored(name: str, members: tuple[str, str]) -> None:
            try:
                twice(name, members, waits=True)
            except StaleStateError:
                lost.append(name)
                twice(name, members, waits=False)

        threads = [
            Thread(target=until_it_is_stored, args=("x", ("ann", "bob"))),
            Thread(target=until_it_is_stored, args=("y", ("bob", "ann"))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(lost) == 1
        for account in (ANN, BOB):
            assert sorted(commit.event.id for commit in postgres.ledger().history(account)) == ["x-1", "y-1"]

    def test_two_batches_in_opposite_order_are_both_stored_at_once(self, postgres: Database) -> None:
        """In the store's own transactions accounts are locked in one order: no deadlock, and nobody runs again."""
        ledger = postgres.ledger()
        loyalty = service(ledger)
        both = Barrier(2)

        def batches(name: str, members: tuple[str, str]) -> None:
            for number in range(20):
                both.wait(30)
                loyalty.record_all([buy(f"{name}-{number}", "1.00", member) for member in members])

        threads = [
            Thread(target=batches, args=("x", ("ann", "bob"))),
            Thread(target=batches, args=("y", ("bob", "ann"))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert points_of(loyalty) == points_of(loyalty, "bob") == 40

    def test_a_lock_that_is_not_had_in_time_is_busy(self, postgres: Database) -> None:
        """With a lock_timeout of the shop's: a typed error, nothing stored; and with a Retry it waits all the same."""
        first = postgres.ledger()
        service(first).record(buy("o-1", "10.00"))
        engine = postgres.engine(connect_args={"options": "-c lock_timeout=50ms"})
        ledger = postgres.ledger(engine)
        with engine_of(first).connect() as holder:
            held = SqlLedger(holder, postgres.known, SHOP)
            held.load([ANN], lock=True)
            with pytest.raises(StoreBusyError):
                service(ledger).record(buy("o-2", "10.00"))
            assert ids(ledger) == ["o-1"]
            waiting = Thread(
                target=service(ledger, Retry(lasts=timedelta(seconds=60))).record, args=[buy("o-3", "1.00")]
            )
            waiting.start()
            time.sleep(0.2)
            holder.rollback()
        waiting.join(60)
        assert ids(ledger) == ["o-1", "o-3"]
