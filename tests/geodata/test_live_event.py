"""Events of the live stream: ids in order of commit, read by the web through a function, kept for a day."""

import threading
from typing import Any

import psycopg
import pytest

from geodata.store import Store

TELL = "SELECT ioc.tell('reading', %s)"
ITEM = '[{"r": [1, 1, "420106001"], "device": "D1", "value": 1.5}]'
WRITERS = 4
EVENTS_EACH = 50


def tell(connection: psycopg.Connection[Any], items: str = ITEM) -> int | None:
    row = connection.execute(TELL, [items]).fetchone()
    assert row is not None
    return row[0]


def test_who_has_seen_an_id_has_seen_all_lower_ones(store: Store) -> None:
    def write() -> None:
        with psycopg.connect(store.app_url, autocommit=True) as connection:
            for number in range(EVENTS_EACH):
                with connection.transaction(force_rollback=number % 7 == 0):
                    tell(connection)
                    # The transaction stays open for a while after it has its id.
                    connection.execute("SELECT pg_sleep(0.001)")

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    seen: list[int] = []
    with psycopg.connect(store.app_url, autocommit=True) as reader:
        for writer in writers:
            writer.start()
        writing = True
        while writing:
            # The last look comes after the last commit.
            writing = any(writer.is_alive() for writer in writers)
            after = seen[-1] if seen else 0
            seen += [row[0] for row in reader.execute("SELECT id FROM ioc.live_events(%s, 10)", [after])]
        whole = reader.execute("SELECT id FROM ioc.live_events(0, 100000)").fetchall()
    assert len(whole) == WRITERS * (EVENTS_EACH - -(-EVENTS_EACH // 7))
    assert seen == [row[0] for row in whole]


def test_an_event_is_announced_when_it_is_committed(store: Store) -> None:
    with (
        psycopg.connect(store.app_url, autocommit=True) as listener,
        psycopg.connect(store.owner_url) as writer,
    ):
        listener.execute("LISTEN ioc_live")
        tell(writer)
        writer.rollback()
        event = tell(writer)
        assert tell(writer, "[]") is None
        writer.commit()
        assert [notice.payload for notice in listener.notifies(timeout=20, stop_after=1)] == [str(event)]
        assert listener.execute("SELECT id, topic, items FROM ioc.live_events(0, 10)").fetchall() == [
            (event, "reading", [{"r": [1, 1, "420106001"], "device": "D1", "value": 1.5}])
        ]
        assert listener.execute("SELECT * FROM ioc.live_event_span()").fetchone() == (event, event)


@pytest.mark.parametrize("statement", ["SELECT * FROM ioc.live_event", "DELETE FROM ioc.live_event"])
def test_the_web_role_has_no_hold_of_the_table(store: Store, statement: str) -> None:
    with (
        psycopg.connect(store.app_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_events_are_forgotten_after_a_day(store: Store) -> None:
    with store.owner_connection() as connection:
        connection.execute(
            "INSERT INTO ioc.live_event (at, topic, items) VALUES "
            "(clock_timestamp() - interval '24 hours 1 second', 'case', '[1]'),"
            "(clock_timestamp() - interval '23 hours 59 minutes', 'case', '[2]')"
        )
    with psycopg.connect(store.app_url) as connection:
        assert connection.execute("SELECT ioc.forget_live_events()").fetchone() == (1,)
        assert connection.execute("SELECT items FROM ioc.live_events(0, 10)").fetchall() == [([2],)]
