"""Live on the map: shown as it comes without moving the view, bounded, and honest when the stream breaks."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from etl.feeds.intake import Intake
from etl.feeds.reading import Position, Reading
from tests.browser.conftest import OpenMap
from tests.browser.map_page import click_on, look
from tests.conftest import RunningServer

NOW = datetime.now(UTC)
TRACK = ".leaflet-overlay-pane path"
LON, LAT = 114.34, 30.555
MANY = 20_000
BATCH = 500
SHOWN = """[...new Set(ioc.liveMap.seen()
    .filter(({ layer, properties }) => layer === "live_vehicle" && properties.vehicle)
    .map(({ properties }) => properties.vehicle))].sort()"""
"""Vehicles that are on the screen."""
OPAQUE = """([lon, lat]) => {
    const canvas = ioc.liveMap.canvas();
    const place = ioc.leaflet.latLngToContainerPoint([lat, lon]);
    const frame = ioc.leaflet.getContainer().getBoundingClientRect();
    const drawn = canvas.getBoundingClientRect();
    const scale = canvas.width / drawn.width;
    const at = [place.x + frame.x - drawn.x, place.y + frame.y - drawn.y];
    return canvas.getContext("2d").getImageData(at[0] * scale, at[1] * scale, 1, 1).data[3] > 200;
}"""
"""Whether something live is drawn at a place."""
COUNT_PICTURES = """() => {
    window.pictures = 0;
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    CanvasRenderingContext2D.prototype.clearRect = function (...box) {
        window.pictures += 1;
        return clear.apply(this, box);
    };
}"""
DRAWN = "new Promise((ready) => { ioc.map.once('idle', ready); ioc.map.triggerRepaint(); })"

PICTURED = """(async () => {
    const canvas = await ioc.mapPicture.canvas();
    const [x, y] = [canvas.width / 2 - 200, canvas.height / 2 - 200];
    const data = canvas.getContext("2d").getImageData(x, y, 400, 400).data;
    return [...new Uint8Array(await crypto.subtle.digest("SHA-256", data))].join();
})()"""
"""A digest of the middle of the picture one copies."""


class Town:
    """Tells of vehicles of the demo, whose dataset everybody here may see."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        row = connection.execute("SELECT id FROM ioc.dataset WHERE code = 'vehicle'").fetchone()
        assert row is not None
        self._right = [row[0], 1, ""]
        self._seconds = 0

    def crew(self) -> str:
        """The code of a vehicle that the store knows."""
        row = self._connection.execute(
            "SELECT min(d.code) FROM ioc.device d "
            "JOIN ioc.dataset s ON s.id = d.dataset_id AND s.code = 'vehicle'"
        ).fetchone()
        assert row is not None
        return row[0]

    def forget(self) -> None:
        """Nobody knows where a vehicle is."""
        self._connection.execute("TRUNCATE ioc.latest_position, ioc.vehicle_position")
        self._connection.commit()

    def tell(self, *positions: tuple[str, float, float]) -> None:
        """Vehicles are at positions, each time a second later."""
        self._seconds += 1
        at = f"2026-11-21T{self._seconds // 3600:02}:{self._seconds // 60 % 60:02}:{self._seconds % 60:02}Z"
        items = [
            {"r": self._right, "vehicle": name, "name": name, "speed": 30, "direction": 90, "at": at}
            | {"lon": lon, "lat": lat}
            for name, lon, lat in positions
        ]
        self._tell("position", items)

    def tell_of_flood(self, state: str) -> None:
        """Positions are shed, or stored again."""
        self._tell("device", [{"r": self._right, "state": state}])

    def _tell(self, topic: str, items: list[dict[str, Any]]) -> None:
        self._connection.execute("SELECT ioc.tell(%s, %s)", [topic, json.dumps(items)])
        self._connection.commit()


@pytest.fixture
def town(server: RunningServer) -> Any:
    with psycopg.connect(server.store.owner_url) as connection:
        made = Town(connection)
        yield made
        made.forget()


class Devices:
    """Raises alarms at devices of the demo, and clears them at the end."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        rows = connection.execute(
            "SELECT d.code FROM ioc.device d WHERE d.geom IS NOT NULL ORDER BY 1 LIMIT 20"
        ).fetchall()
        self.codes = [code for (code,) in rows]

    def set(self, codes: list[str], severity: int | None) -> None:
        """Alarms of a severity at these devices; without a severity they are cleared."""
        found = self._connection.execute(
            "SELECT id FROM ioc.series_of(%s, %s)", [codes, ["LEVEL"] * len(codes)]
        ).fetchall()
        at = datetime.now(UTC).isoformat()
        change = {
            "rule": "drain_level",
            "severity": severity,
            "former": 5,
            "value": 2.345,
            "limit": 2,
            "at": at,
        }
        words = {"title_zh": "管网液位：满管", "title_en": "Drain level: full", "unit": "m"}
        changes = [change | words | {"series_id": number} for (number,) in found]
        self._connection.execute("SELECT ioc.set_alarms(%s, NULL)", [json.dumps(changes)])
        self._connection.commit()

    def expect(self, code: str) -> int:
        """An alarm there is expected; gives its number."""
        (number,) = self._connection.execute(
            "INSERT INTO ioc.alarm_silence (device_code, maintenance, begins_at, ends_at, reason, opened_by, "
            "opener) SELECT %s, true, now(), now() + interval '1 hour', '检修', a.id, a.name "
            "FROM ioc.account a WHERE a.name = 'duty' RETURNING id",
            [code],
        ).fetchone()  # pyright: ignore[reportGeneralTypeIssues]
        self._connection.commit()
        return number

    def fall_silent(self, code: str) -> None:
        """Nothing has come of it for two hours."""
        self._connection.execute("SELECT ioc.note_presence(now())")
        self._connection.execute(
            "UPDATE ioc.latest SET received_at = now() - interval '2 hours' "
            "WHERE series_id IN (SELECT id FROM ioc.series WHERE device_code = %s)",
            [code],
        )
        self._connection.execute("SELECT ioc.note_presence(now() - interval '3 hours')")
        self._connection.commit()

    def number(self, code: str) -> int:
        """The open alarm there."""
        row = self._connection.execute(
            "SELECT id FROM ioc.alarm WHERE device_code = %s AND cleared_at IS NULL", [code]
        ).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
def devices(server: RunningServer) -> Any:
    with psycopg.connect(server.store.owner_url) as connection:
        made = Devices(connection)
        yield made
        made.set(made.codes, None)
        connection.execute("DELETE FROM ioc.alarm_silence WHERE reason = '检修'")


TOLD = """codes => codes.every((code) => Object.keys(JSON.parse(localStorage["ioc.alarms_told"] || "{}"))
    .some((key) => key.startsWith(`${code}@`)))"""
WATCH = """() => {
    window.flashes = window.tones = 0;
    new MutationObserver((changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach((node) => {
        window.flashes += Number(node.className === "alarm-flash");
    }))).observe(document.body, { childList: true });
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (at) { window.tones += 1; return start.call(this, at); };
}"""
QUIET = "() => !document.querySelector('.alarm-flash') && !document.querySelector('#alarm-notice li')"


def _watching(page: Any) -> None:
    """Alarms that were there before are no news, or are put away."""
    page.wait_for_selector("#live-sign[data-state=live]")
    page.wait_for_selector("#alarm-notice", state="attached")
    page.evaluate(WATCH)


def test_a_new_alarm_is_told_once(open_map: OpenMap, server: RunningServer, devices: Any) -> None:
    first = open_map("duty")
    second = first.context.new_page()
    second.goto(server.address + "/")
    tabs = (first, second)
    for page in tabs:
        _watching(page)

    def told(codes: list[str]) -> tuple[int, int]:
        """Alarms are told and known to both tabs; gives the flashes and tones that there were by now."""
        numbers = [devices.number(code) for code in codes]
        for page in tabs:
            page.wait_for_function(TOLD, arg=numbers)
            page.wait_for_function(
                "ids => ids.every((id) => ioc.liveMap.items('live_alarm').of(String(id)).length)", arg=numbers
            )
        flashes, tones = (
            sum(page.evaluate(f"window.{what}") for page in tabs) for what in ("flashes", "tones")
        )
        return flashes, tones

    # Two tabs of one browser: one of them tells. A yellow alarm is seen, a red one heard too.
    yellow, *storm = devices.codes[:14]
    devices.set([yellow], 3)
    assert told([yellow]) == (1, 0)
    devices.set(storm, 1)
    assert told(storm) == (2, 6)
    teller = next(page for page in tabs if page.locator("#alarm-notice li").count() > 1)
    assert "13 条新告警" in teller.inner_text("#alarm-notice") or "14 条新告警" in teller.inner_text(
        "#alarm-notice"
    )
    # What is worse than before is told again only where it begins to sound.
    devices.set([yellow], 2)
    teller.wait_for_function(
        "id => Object.keys(JSON.parse(localStorage['ioc.alarms_told']))"
        ".some((key) => key.startsWith(`${id}@`) && key.endsWith('!'))",
        arg=devices.number(yellow),
    )

    second.close()
    tabs = (first,)
    # Alarms that are acknowledged, or expected, are no news; neither is what was told before a reload.
    with server.client("duty") as duty:
        for code in [yellow, *storm]:
            duty.post(f"/alarms/{devices.number(code)}/steps", json={"action": "acknowledged"})
    first.wait_for_function(QUIET)
    expected, late, muted = devices.codes[14:17]
    devices.expect(expected)
    devices.set([expected], 1)
    devices.set([late], 2)
    told([late])
    assert first.locator("#alarm-notice li").count() == 1
    first.click("#alarm-sound")
    first.reload()
    _watching(first)
    assert first.get_attribute("#alarm-sound", "data-state") == "off"
    devices.set([muted], 1)
    assert told([muted]) == (1, 0)
    assert first.locator("#alarm-notice li").count() == 1
    first.click("#alarm-notice-fly")
    first.wait_for_selector("#record-card h2:has-text('管网液位：满管')")
    first.wait_for_function("ioc.leaflet.getZoom() >= 17")

    # A device falls silent: it is counted, and what it measured last turns grey, without a reload.
    intake = Intake(server.store.app_url)
    intake.take([Reading(muted, "LEVEL", datetime.now(UTC), 1.5)])
    intake.close()
    level = """code => [...ioc.liveMap.items('live_reading').features.keys()]
        .filter((key) => ioc.liveMap.items('live_reading').of(key)[0].device === code)
        .map((key) => ioc.liveMap.items('live_reading').feature(key)?.properties.level)[0]"""
    first.evaluate("ioc.live.refresh()")
    first.wait_for_function(f"code => !['stale', undefined].includes(({level})(code))", arg=muted)
    devices.fall_silent(muted)
    first.wait_for_function(f"code => ({level})(code) === 'stale'", arg=muted)
    assert "离线" in first.inner_text("#live-devices")


def test_live_features_come_move_and_survive_a_break(
    open_map: OpenMap, server: RunningServer, town: Any
) -> None:
    page = open_map("admin")
    page.wait_for_selector("#live-sign[data-state=live]")
    page.wait_for_function("ioc.liveMap.canvas()")
    look(page, LON, LAT, 17)
    view = page.evaluate("location.hash")
    page.evaluate(DRAWN)
    page.evaluate("ioc.map.once('render', () => (window.groundDrawn = true))")

    town.tell(("V1", LON, LAT), ("V2", LON + 0.002, LAT))
    page.wait_for_function("ioc.liveMap.items('live_vehicle').features.size === 2")
    page.wait_for_function(f"{SHOWN}.length === 2")
    page.wait_for_function(OPAQUE, arg=[LON, LAT])
    assert not page.evaluate(OPAQUE, [LON + 0.001, LAT])

    # What nobody sees is no reason to draw.
    page.evaluate(COUNT_PICTURES)
    town.tell(("V4", LON + 0.05, LAT), ("V2", LON + 0.002, LAT))
    page.wait_for_function("ioc.liveMap.items('live_vehicle').features.size === 3")
    page.evaluate("ioc.liveMap.drawn().then(() => null)")
    assert page.evaluate("window.pictures") == 0

    town.tell(("V1", LON + 0.0005, LAT))
    page.wait_for_function(OPAQUE, arg=[LON + 0.0005, LAT])
    page.wait_for_function("Math.abs(ioc.liveMap.items('live_vehicle').of('V1')[0].lon - 114.3405) < 1e-9")
    assert page.evaluate(SHOWN) == ["V1", "V2"]
    # What happens is drawn over the ground: neither the view nor the picture of the ground changes.
    assert page.evaluate("location.hash") == view
    assert page.evaluate("window.groundDrawn") is None

    click_on(page, LON + 0.002, LAT)
    page.locator("#record-card h2", has_text="V2").wait_for()
    town.tell(("V2", LON + 0.002, LAT))
    page.locator("#record-card [data-field=at] dd").wait_for()

    pictured = page.evaluate(PICTURED)
    page.locator("[data-live-layer=live_vehicle] input[role=switch]").set_checked(False)
    page.wait_for_function(f"{SHOWN}.length === 0")
    assert page.evaluate(PICTURED) != pictured
    page.locator("[data-live-layer=live_vehicle] input[role=switch]").set_checked(True)
    page.wait_for_function(f"{SHOWN}.length === 2")

    page.context.set_offline(True)
    page.evaluate("ioc.live.refresh()")
    page.wait_for_selector("body[data-live=lost]")
    assert "断开自" in page.inner_text("#live-sign")
    page.evaluate("ioc.banner.show('problem_server', 'warn')")
    page.evaluate("ioc.banner.clear('problem_server')")
    assert "显示的是当时的状态" in page.inner_text("#banner")
    assert page.evaluate("getComputedStyle(ioc.leaflet.getPane('live')).filter") == "grayscale(1)"
    assert page.evaluate(SHOWN) == ["V1", "V2"]
    town.tell(("V3", LON - 0.001, LAT))
    page.context.set_offline(False)
    page.wait_for_selector("body[data-live=live]")
    page.wait_for_selector("#banner", state="hidden")
    assert page.evaluate("location.hash") == view

    town.tell_of_flood("shedding")
    page.wait_for_selector("#banner >> text=车辆位置暂时不全")
    town.tell_of_flood("normal")
    page.wait_for_selector("#banner", state="hidden")

    # Nobody has told the store of V2; of a crew it knows where it drove: 0.002° of latitude are 222 m.
    page.locator("#vehicle-track", has_text="此时段没有定位").wait_for()
    crew = town.crew()
    driven = [Position(crew, NOW - timedelta(minutes=9 - n), LON, LAT + n / 1000) for n in range(3)]
    intake = Intake(server.store.app_url)
    intake.take([], driven)
    intake.close()
    page.wait_for_function(f"{SHOWN}.includes('{crew}')")
    click_on(page, LON, LAT + 0.002)
    page.locator("#vehicle-track", has_text="行驶 0.2 km").wait_for()
    assert page.locator(TRACK).count() == 1
    page.locator("#vehicle-track [data-span=none]").click()
    page.locator(TRACK).wait_for(state="detached")
    page.locator("#vehicle-track [data-span=shift]").click()
    page.locator(TRACK).wait_for(state="attached")
    page.click("#close-record")
    page.locator(TRACK).wait_for(state="detached")


def test_a_day_of_updates_does_not_grow_the_page(open_map: OpenMap, town: Any) -> None:
    page = open_map("admin")
    page.wait_for_selector("#live-sign[data-state=live]")
    page.wait_for_function("ioc.liveMap.canvas()")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def used() -> dict[str, float]:
        session.send("HeapProfiler.collectGarbage")
        return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}

    def send(first: int) -> None:
        # Each batch is waited for: who cannot follow is sent a snapshot, which knows nothing of these.
        for number in range(first, first + MANY // 2, BATCH):
            town.tell(
                *((f"V{n % 100}", LON + n % 100 / 1e4, LAT + n / 1e7) for n in range(number, number + BATCH))
            )
            page.wait_for_function(
                "last => Math.abs(ioc.liveMap.items('live_vehicle').of('V99')[0]?.lat - last) < 1e-9",
                arg=LAT + (number + BATCH - 1) / 1e7,
            )

    send(0)
    before = used()
    send(MANY // 2)
    after = used()
    assert page.evaluate("ioc.liveMap.items('live_vehicle').features.size") == 100
    assert after["Nodes"] <= before["Nodes"] + 50
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] + 2e6
