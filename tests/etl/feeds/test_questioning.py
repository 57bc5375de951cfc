"""Questions to stations: by the doors to a station on a real socket, and what it says back into the store."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection, errors
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from etl.feeds import device_question, sl651
from etl.feeds.device_question import Asked
from etl.feeds.door_store import note_door
from etl.feeds.door_tally import DoorTally
from etl.feeds.gateway import Gateway, Limits
from etl.feeds.intake import Intake
from etl.feeds.questioning import MOST_SENDINGS, Questioning
from etl.feeds.reading import Receipt, Submission
from etl.feeds.sl651_conversation import Sl651Conversation
from geodata.errors import UserError
from geodata.store import Store
from ioc.cli import app
from ioc.simulation.hydrology_station import PROGRAM, STATE, HydrologyStation
from layers.device_question import askable_devices, questions_by_id, questions_of
from tests.geodata.case_accounts import add_person

ADDRESS = "127.0.0.1"
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
EARLIER = NOW.replace(minute=0) - timedelta(hours=3)


class _Doors:
    """One process of the doors, as far as SL 651 goes."""

    def __init__(self, store: Store, patience: float, returning: float) -> None:
        self._intake = Intake(store.app_url)
        self.tally = DoorTally("sl651")
        limits = Limits(60)
        self.gateway = Gateway("sl651", Sl651Conversation, self._keep, self.tally, limits, self._replied)
        self._questioning = Questioning(store.app_url, self.gateway, patience, returning)

    async def __aenter__(self) -> "_Doors":
        self.port = await self.gateway.start(ADDRESS, 0)
        self._asking = asyncio.create_task(self._questioning.work())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._asking.cancel()
        await self.gateway.close()
        await asyncio.to_thread(self._intake.close)

    async def _keep(self, submission: Submission) -> Receipt:
        return await asyncio.wrap_future(self._intake.submit(*submission))

    def _replied(self, *reply: Any) -> None:
        self._questioning.replied(*reply)


class _District:
    """The store, what is put to it, and stations of its own."""

    def __init__(self, store: Store, connection: Connection[Any]) -> None:
        self.store, self.connection = store, connection
        rows = self._rows("SELECT code FROM ioc.device WHERE protocol = 'SL 651' AND device_type = '水位计'")
        self.codes = sorted(code for (code,) in rows)

    def _rows(self, statement: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, parameters).fetchall()

    def doors(self, patience: float = 20, returning: float = 0) -> _Doors:
        return _Doors(self.store, patience, returning)

    def open_door(self) -> None:
        note_door(self.connection, DoorTally("sl651"), f"{ADDRESS}:1")

    def put(self, code: str, asked: Asked) -> int:
        self.open_door()
        return self.put_at_a_shut_door(code, asked)

    def put_at_a_shut_door(self, code: str, asked: Asked) -> int:
        ((number,),) = self._rows(
            "SELECT ioc.put_device_question(%s, %s, NULL, 'engineer')", code, Jsonb(asked)
        )
        return number

    def ask(self, *words: str) -> str:
        """`ioc feeds ask`: what it prints.

        Raises:
            UserError: what it ends with.
        """
        self.open_door()
        urls = {"IOC_DATABASE_URL": self.store.app_url, "IOC_OWNER_DATABASE_URL": self.store.owner_url}
        result = CliRunner().invoke(app, ["feeds", "ask", *words], env=urls)
        if result.exception:
            raise result.exception
        return result.stdout

    def question(self, number: int) -> dict[str, Any]:
        (question,) = questions_by_id(self.connection, [number])
        return question

    async def until(self, number: int, *states: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while (question := self.question(number))["state"] not in states:
                await asyncio.sleep(0.02)
        return question

    def kept(self, code: str, metric: str) -> list[tuple[datetime, float]]:
        return self._rows(
            "SELECT o.observed_at, o.value FROM ioc.observation o JOIN ioc.series s ON s.id = o.series_id "
            "WHERE s.device_code = %s AND s.metric = %s ORDER BY 1",
            code,
            metric,
        )

    def latest(self, code: str) -> float:
        ((value,),) = self._rows(
            "SELECT l.value FROM ioc.latest l JOIN ioc.series s ON s.id = l.series_id "
            "WHERE s.device_code = %s AND s.metric = 'Z'",
            code,
        )
        return value


@pytest.fixture
def district(demo_store: Store) -> Iterator[_District]:
    with psycopg.connect(demo_store.owner_url, autocommit=True) as connection:
        yield _District(demo_store, connection)


def _run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 60))


async def _silent_station(port: int, code: str, heard: list[bytes]) -> None:
    """Says that it is there, and answers nothing."""
    reader, writer = await asyncio.open_connection(ADDRESS, port)
    body = bytes.fromhex("0001260701080000")
    writer.write(sl651.encode(sl651.Frame(1, code, "A000", sl651.KEEP_ALIVE, body, sl651.ETX)))
    stream = sl651.stream()
    with suppress(asyncio.CancelledError):
        while received := await reader.read(4096):
            heard += [found for found in stream.feed(received) if isinstance(found, bytes)]
    writer.close()


def test_what_a_station_answers_is_stored_and_then_called_answered(district: _District) -> None:
    async def test() -> None:
        code = district.codes[0]
        async with district.doors() as doors:
            level = 19.0
            station = HydrologyStation(code, "H", ADDRESS, doors.port, lambda: {"Z": level, "VT": 12.5})
            for minutes in range(0, 60, 5):
                station.keep(EARLIER + timedelta(minutes=minutes), {"Z": 18 + minutes / 100})
            await station.report(NOW - timedelta(minutes=30), {"Z": 18.9})
            first = district.put(code, device_question.present(()))
            # The same question while it is open is one question.
            assert district.put(code, device_question.present(())) == first
            answered = await district.until(first, "answered", "failed")
            assert (answered["state"], answered["sendings"], answered["reason"]) == ("answered", 1, None)
            assert answered["answer"]["stored"] == 2
            assert [one["value"] for one in answered["answer"]["values"]] == [19.0, 12.5]
            assert (district.latest(code), len(district.kept(code, "VT"))) == (19.0, 1)

            chosen = district.put(code, device_question.present(["Z", "PJ"]))
            said = (await district.until(chosen, "answered"))["answer"]
            assert [one["metric"] for one in said["values"]] == ["Z"]

            # A period fills what is missing, at its times, once, and leaves the newer value the latest.
            intervals = {"Z": timedelta(minutes=5)}
            (period,) = device_question.period(["Z"], EARLIER, EARLIER + timedelta(minutes=50), intervals)
            assert (await district.until(district.put(code, period), "answered"))["answer"]["stored"] == 12
            again = await district.until(district.put(code, period), "answered")
            assert (again["answer"]["readings"], again["answer"]["stored"]) == (12, 0)
            kept = [
                (at, value) for at, value in district.kept(code, "Z") if at < EARLIER + timedelta(hours=1)
            ]
            assert kept == [(EARLIER + timedelta(minutes=m), 18 + m / 100) for m in range(0, 60, 5)]
            assert district.latest(code) == 19.0

            printed = await asyncio.to_thread(district.ask, code, "--elements", "Z", "--json")
            (record,) = [json.loads(line) for line in printed.splitlines()]
            assert (record["state"], record["asked"]["elements"]) == ("answered", ["Z"])

            state = [district.put(code, asked) for asked in device_question.state()]
            answers = [(await district.until(number, "answered"))["answer"] for number in state]
            assert (answers[0]["state"], answers[1]["version"]) == (STATE, PROGRAM)
            assert datetime.fromisoformat(answers[2]["clock"]) - NOW < timedelta(minutes=10)

    _run(test)


def test_a_station_that_is_away_or_silent_is_said_to_be_so(district: _District) -> None:
    async def test() -> None:
        away, silent = district.codes[:2]
        heard: list[bytes] = []
        async with district.doors(patience=0.05) as doors:
            gone = await district.until(district.put(away, device_question.present(())), "failed")
            assert (gone["reason"], gone["sendings"]) == ("offline", 0)
            with pytest.raises(UserError, match=f"{away} is not connected"):
                await asyncio.to_thread(district.ask, away, "--state")
            with pytest.raises(UserError, match="no station or device"):
                district.ask("nowhere")
            listening = asyncio.create_task(_silent_station(doors.port, silent, heard))
            while not doors.gateway.has_line(silent):
                await asyncio.sleep(0.02)
            first = district.put(silent, device_question.present(()))
            second = district.put(silent, device_question.present(["Z"]))
            failed = await district.until(first, "failed")
            assert (failed["reason"], failed["sendings"]) == ("silent", MOST_SENDINGS)
            await district.until(second, "failed")
            asked = [sl651.decode(frame) for frame in heard]
            # One after the other; each as often as the standard says, with the station's own password.
            assert [frame.function for frame in asked] == [0x37] * MOST_SENDINGS + [0x3A] * MOST_SENDINGS
            assert {(frame.end, frame.password, frame.station) for frame in asked} == {
                (sl651.ENQ, "A000", silent)
            }
            listening.cancel()

    _run(test)


def test_what_a_process_that_was_killed_left_open_is_asked_again(district: _District) -> None:
    async def test() -> None:
        code = district.codes[0]
        async with district.doors() as doors:
            listening = asyncio.create_task(_silent_station(doors.port, code, []))
            while not doors.gateway.has_line(code):
                await asyncio.sleep(0.02)
            number = district.put(code, device_question.present(()))
            await district.until(number, "sent")
            listening.cancel()
        assert district.question(number)["state"] == "sent"
        async with district.doors(returning=60) as doors:
            # The station comes back after a while; until then the question waits for it.
            await district.until(number, "waiting")
            await HydrologyStation(code, "H", ADDRESS, doors.port, lambda: {"Z": 19.5}).report(
                NOW, {"Z": 19.4}
            )
            answered = await district.until(number, "answered", "failed")
            assert (answered["state"], answered["sendings"]) == ("answered", 2)
        # Nobody takes this one up in time: it has failed without anybody's doing.
        late = district.put(code, device_question.present(()))
        district.connection.execute("UPDATE ioc.device_question SET expires_at = now() WHERE id = %s", [late])
        assert (district.question(late)["state"], district.question(late)["reason"]) == ("failed", "doors")

    _run(test)


def test_who_may_ask_and_what_is_noted_of_it(district: _District) -> None:
    code = district.codes[0]
    asked = Jsonb(device_question.present(()))
    ((department, area),) = district.connection.execute(
        "SELECT s.department_code, d.area_code FROM ioc.device d JOIN ioc.dataset s ON s.id = d.dataset_id "
        "WHERE d.code = %s",
        [code],
    ).fetchall()
    district.open_door()
    own = add_person(district.store, "own", ["staff"], department)
    other = add_person(district.store, "other", ["staff"], "elsewhere")
    duty = add_person(district.store, "duty", ["screen"], "elsewhere")
    planner = add_person(district.store, "planner", ["receiver"], "elsewhere")
    for viewer in (own, duty):
        with district.store.connect(viewer) as connection:
            assert askable_devices(connection, [code]) == [code]
            assert connection.execute("SELECT ioc.ask_device(%s, %s)", [code, asked]).fetchone() != (None,)
            assert questions_of(connection, [code])[0]["asker"] == "own"
    with district.store.connect(other) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute("SELECT ioc.ask_device(%s, %s)", [code, asked])
    with district.store.connect(planner) as connection:
        # Posts in the handling of cases see no devices.
        assert connection.execute("SELECT ioc.ask_device(%s, %s)", [code, asked]).fetchone() == (None,)
        assert questions_of(connection, [code]) == []
    for viewer in (own, other):
        with district.store.connect(viewer) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SELECT ioc.put_device_question(%s, %s, NULL, 'x')", [code, asked])
    noted = district.connection.execute(
        "SELECT account_name, subject, detail FROM ioc.audit_entry WHERE action = 'device_ask' ORDER BY id"
    ).fetchall()
    assert noted == [("own", code, {"function": "37"}), ("duty", code, {"function": "37"})]
    assert area


def test_what_cannot_be_asked_is_refused_at_once(district: _District) -> None:
    code = district.codes[0]

    def refused(device: str) -> str | None:
        with pytest.raises(errors.Error) as error:
            district.put_at_a_shut_door(device, device_question.present(()))
        return error.value.sqlstate

    district.open_door()
    ((other,),) = district.connection.execute(
        "SELECT min(code) FROM ioc.device WHERE protocol <> 'SL 651'"
    ).fetchall()
    assert (refused(other), refused("nobody")) == ("IOC08", "IOC08")
    for minutes in range(8):
        (asked,) = device_question.period(["Z"], EARLIER - timedelta(hours=minutes), NOW, {})
        district.put(code, asked)
    assert refused(code) == "IOC04"
    district.connection.execute("UPDATE ioc.feed_door SET seen_at = now() - interval '1 minute'")
    assert refused(district.codes[1]) == "IOC07"
