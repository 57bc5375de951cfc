"""The card of a station: what it measures, its alarms, its course with limits and rain; asked; replayed."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page

from etl.alarms.judge import AlarmJudge
from etl.feeds.intake import Intake
from etl.feeds.reading import Picture, Reading
from etl.photo import read_photo
from ioc.simulation.hydrology_station import HydrologyStation
from tests.browser.conftest import OpenMap
from tests.browser.map_page import click_on, look
from tests.conftest import RunningServer
from tests.etl.test_photo import PNG

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
LAKE_AND_NEIGHBOUR = """
    SELECT l.device, l.name, l.guard_level, l.warning_level, l.datum, l.lon, l.lat, n.device, n.metric, n.name
    FROM (
        SELECT d.code AS device, s.*, ST_X(s.geom) AS lon, ST_Y(s.geom) AS lat
        FROM ioc.station s JOIN ioc.device d ON d.station_code = s.code AND d.device_type = '水位计'
    ) AS l
    CROSS JOIN LATERAL (
        SELECT m.device_code AS device, m.metric, s.name,
            ST_Distance(s.geom::geography, l.geom::geography) AS distance
        FROM ioc.station s JOIN ioc.device d ON d.station_code = s.code
        JOIN ioc.metric m ON m.device_code = d.code
        WHERE s.code <> l.code ORDER BY distance, m.metric LIMIT 1
    ) AS n
    WHERE n.distance < 1000 ORDER BY n.distance LIMIT 1
"""
DRAWN_ALARM = """name => ioc.liveMap.seen()
    .some(({ layer, properties }) => layer === "live_alarm" && properties.place === name)"""
HIGHEST = """Math.min(...[...document.querySelectorAll(".station-drawing polyline.course")]
    .flatMap((line) => [...line.points].map((point) => point.y)))"""
DISTRICT_TIME = ZoneInfo("Asia/Shanghai")
LEVEL = """[...ioc.liveMap.items("live_reading")?.features.values() ?? []]
    .flatMap((series) => [...series.values()])
    .find((item) => item.device === device && item.metric === "Z")?.value"""
ALARM_NOW = """
    SELECT ioc.tell('alarm', jsonb_build_array(jsonb_build_object('r', jsonb_build_array(dataset_id, 1, ''),
        'id', 1000000000, 'state', 'raised', 'severity', 1, 'title_zh', '新告警', 'lon', 114.3, 'lat', 30.5)))
    FROM ioc.device LIMIT 1
"""
TAKEN = "#station-picture time[datetime='{:%Y-%m-%dT%H:%M:%S}+00:00']"
WARNING = """document.querySelector(".station-drawing .limit[data-level=warning]").y1.baseVal.value"""


@dataclass
class Lake:
    """A station of water levels, and what the station nearest to it measures."""

    device: str
    name: str
    guard: float
    warning: float
    datum: str
    lon: float
    lat: float
    near_device: str
    near_metric: str
    near_name: str


@pytest.fixture
def intake(server: RunningServer) -> Iterator[Intake]:
    taking = Intake(server.store.app_url, AlarmJudge())
    yield taking
    taking.close()


@pytest.fixture
def lake(server: RunningServer, intake: Intake) -> Lake:
    """A day of readings: a peak over the warning level, three hours without any, rain; now over guard."""
    with server.store.owner_connection() as connection:
        row = connection.execute(LAKE_AND_NEIGHBOUR).fetchone()
    assert row is not None
    found = Lake(*row)

    def level(minutes: int) -> float:
        if minutes == 360:
            return found.warning + 0.05
        return found.guard + (0.02 if minutes < 30 else -0.3 + (1440 - minutes) / 1440 * 0.2)

    minutes = [n for n in range(1435, 0, -5) if not 600 < n < 780]
    readings = [Reading(found.device, "Z", NOW - timedelta(minutes=n), level(n)) for n in minutes]
    rain = {400: 4.5, 395: 6.0, 340: 3.0}
    readings += [Reading(found.near_device, found.near_metric, NOW - timedelta(minutes=1), 1.0)]
    readings += [Reading(found.device, "DRP", NOW - timedelta(minutes=n), rain.get(n, 0.0)) for n in minutes]
    assert not intake.take(sorted(readings, key=lambda one: one.observed_at)).refused
    return found


def test_a_station_says_what_it_measures_and_how_it_came_to_that(
    open_map: OpenMap, server: RunningServer, intake: Intake, lake: Lake
) -> None:
    page = open_map("admin")
    page.wait_for_selector("#live-sign[data-state=live]")
    look(page, lake.lon, lake.lat, 18)
    page.wait_for_function(DRAWN_ALARM, arg=lake.name)
    click_on(page, lake.lon, lake.lat)
    card = page.locator("#record-card")
    # The alarm lies over its station; its card shows what the station measures.
    card.locator("h2", has_text="超设防").wait_for()

    value = card.locator("#live-values li").first
    assert value.get_attribute("data-level") == "guard"
    assert "超设防" in value.inner_text()
    assert f"{lake.guard + 0.02:.2f} m" in value.inner_text()
    assert "分钟前" in value.inner_text()
    assert lake.datum in value.inner_text()
    assert value.get_by_role("img").get_attribute("aria-label") in ("上升", "平稳", "下降")
    assert "/alarms#" in (card.locator("#station-alarms a").first.get_attribute("href") or "")

    drawing = card.locator(".station-drawing")
    drawing.wait_for()
    # Three hours without a reading are a gap, and the rain has fallen in two hours or three.
    assert drawing.locator("polyline.course").count() == 2
    assert drawing.locator("rect.rain").count() in (2, 3)
    assert f"警戒 {lake.warning:.2f}" in (drawing.text_content() or "")
    assert f"设防 {lake.guard:.2f}" in (drawing.text_content() or "")

    assert card.locator("#station-picture img").count() == 0
    for minutes in (2, 1):
        picture = Picture(lake.device, NOW - timedelta(minutes=minutes), read_photo(PNG))
        intake.submit((), (), "http:camera", [picture]).result()
    image = card.locator("#station-picture img")
    page.wait_for_function("document.querySelector('#station-picture img')?.naturalHeight === 2")
    card.locator(TAKEN.format(NOW - timedelta(minutes=1))).wait_for()
    card.get_by_role("button", name="上一张").click()
    card.locator(TAKEN.format(NOW - timedelta(minutes=2))).wait_for()
    assert image.get_attribute("alt")

    plot = card.get_by_role("slider")
    plot.focus()
    plot.press("End")
    assert f"{lake.guard + 0.02:.2f} m" in card.locator(".station-readout").inner_text()
    assert page.evaluate(HIGHEST) < page.evaluate(WARNING), "a single reading over the warning level is drawn"

    intake.take([Reading(lake.device, "Z", NOW - timedelta(minutes=1), lake.warning + 0.11)])
    card.locator("#live-values [data-level=warning] b", has_text=f"{lake.warning + 0.11:.2f}").wait_for()
    plot.press("End")
    assert f"{lake.warning + 0.11:.2f}" in card.locator(".station-readout").inner_text()

    the_station_is_asked(page, server, lake)
    card.locator("[data-span=year]").click()
    page.wait_for_function("!document.querySelector('.station-chart.waiting')")
    assert drawing.locator(".course").count()
    with page.expect_download() as downloading:
        card.get_by_role("link", name="CSV").click()
    assert downloading.value.path().read_text("utf-8-sig").count("\n") > 200

    card.locator("#station-neighbours button", has_text=lake.near_name).click()
    card.locator("h2", has_text=lake.near_name).wait_for()
    card.locator(".station-drawing").wait_for()
    card.locator("#station-neighbours button", has_text=lake.name).click()
    card.locator("h2", has_text=lake.name).wait_for()
    card.locator("[data-field=datum]").wait_for()
    the_past_is_replayed(page, server, intake, lake)


def _door_of_sl651(server: RunningServer) -> int:
    """Its port, as soon as the process of the doors has noted it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with server.store.owner_connection() as connection:
            row = connection.execute(
                "SELECT address FROM ioc.feed_door WHERE door = 'sl651' AND address <> ''"
            ).fetchone()
        if row is not None:
            return int(row[0].rpartition(":")[2])
        time.sleep(0.1)
    raise AssertionError("the doors were not opened")


@contextmanager
def _connected_station(server: RunningServer, lake: Lake, level: float) -> Iterator[None]:
    """The station itself, which kept what did not get through."""
    port = _door_of_sl651(server)
    ready, ending = threading.Event(), threading.Event()

    async def live() -> None:
        station = HydrologyStation(lake.device, "H", "127.0.0.1", port, lambda: {"Z": level})
        for minutes in range(780, 595, -5):
            station.keep(NOW - timedelta(minutes=minutes), {"Z": lake.guard - 0.2})
        await station.report(NOW - timedelta(minutes=5), {"Z": lake.guard + 0.02})
        ready.set()
        await asyncio.to_thread(ending.wait)

    living = threading.Thread(target=asyncio.run, args=(live(),))
    living.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        ending.set()
        living.join()


def the_station_is_asked(page: Page, server: RunningServer, lake: Lake) -> None:
    """What it measures at this moment is shown; what is missing of the day comes in."""
    card, said = page.locator("#record-card"), page.locator("#station-asking [role=status]")
    course = card.locator(".station-drawing polyline.course")
    with _connected_station(server, lake, lake.warning + 0.17):
        card.get_by_role("button", name="召测").click()
        said.locator("[data-state=answered]", has_text="已答，新数据 1 个").wait_for()
        card.locator("#live-values b", has_text=f"{lake.warning + 0.17:.2f}").wait_for()
        assert course.count() == 2
        card.get_by_role("button", name="补测此时段").click()
        card.locator("#station-foot [data-state=answered]", has_text="新数据").wait_for()
        page.wait_for_function("document.querySelectorAll('.station-drawing polyline.course').length === 1")
    planner = server.client("planner")
    refused = planner.post(f"/devices/{lake.device}/questions", json={})
    assert (refused.status_code, "召测" in refused.json()["detail_zh"]) == (403, True)
    strange = {"elements": ["LEVEL"]}
    with server.client("duty") as duty:
        assert duty.post(f"/devices/{lake.device}/questions", json=strange).status_code == 400
        from_elsewhere = duty.post(
            f"/devices/{lake.device}/questions", json={}, headers={"Origin": "http://elsewhere.example"}
        )
        assert from_elsewhere.status_code == 403
        listed = duty.get("/devices/questions", params={"device": lake.device}).json()
    assert listed["askable"] == [lake.device]
    assert [one["state"] for one in listed["questions"][:2]] == ["answered", "answered"]


def the_past_is_replayed(page: Page, server: RunningServer, intake: Intake, lake: Lake) -> None:
    """The card shows the moment and not what comes meanwhile; that is told, and one click away."""
    peak = (NOW - timedelta(minutes=360)).astimezone(DISTRICT_TIME)
    first = page.locator("#live-values li").first
    editions = [
        {
            "version": 2,
            "loaded_at": f"{NOW:%FT%TZ}",
            "published_at": f"{NOW:%FT%TZ}",
            "until": None,
            "rows": 1,
        },
        {
            "version": 1,
            "loaded_at": "2026-01-01T00:00:00Z",
            "published_at": "2026-01-01T00:00:00Z",
            "until": f"{NOW:%FT%TZ}",
            "rows": 1,
        },
    ]
    page.route(
        "**/layers/versions",
        lambda route: route.fulfill(json={"layers": [{"layer": "district", "versions": editions}]}),
    )
    page.keyboard.press("t")
    page.locator("body[data-replay] #replay-panel").wait_for()
    page.fill("#replay-at", f"{peak:%Y-%m-%dT%H:%M}")
    first.locator("b", has_text=f"{lake.warning + 0.05:.2f}").wait_for()
    assert first.get_attribute("data-level") == "warning"
    # The ground is today's: where it was another then, that is said.
    page.locator("#replay-said", has_text="“城区界”等 1 个图层此后更新过").wait_for()
    page.unroute("**/layers/versions")
    assert (
        first.locator("time").get_attribute("datetime") == f"{peak.astimezone(UTC):%Y-%m-%dT%H:%M:%S}+00:00"
    )
    assert page.inner_text("#live-sign") == f"回放 {peak:%m/%d %H:%M}"
    assert page.evaluate("location.hash").endswith(f"/@{peak:%Y-%m-%dT%H:%M}")
    page.wait_for_function("document.querySelectorAll('#replay-drawing rect.rain').length > 0")

    link = page.url + f"~{peak + timedelta(hours=1):%Y-%m-%dT%H:%M}"
    page.locator("#replay-forward").click()
    first.locator("[data-level=warning]").wait_for(state="detached")
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_function("ioc.replay?.state().playing && document.querySelector('#replay-drawing rect')")
    page.keyboard.press("Space")
    page.fill("#replay-at", f"{peak:%Y-%m-%dT%H:%M}")
    page.wait_for_function(
        f"(device) => {LEVEL} === {lake.warning + 0.05} && ioc.live.state().connection === 'live'",
        arg=lake.device,
    )

    with server.store.owner_connection() as connection:
        connection.execute(ALARM_NOW)
    page.locator("#replay-alarms", has_text="现在有 1 条新告警").wait_for()
    page.locator("#replay-play").click()
    page.wait_for_function(f"(device) => {LEVEL} < {lake.warning}", arg=lake.device)
    assert page.evaluate("ioc.replay.state().playing")
    page.evaluate("window.sameDocument = true")
    intake.take([Reading(lake.device, "Z", datetime.now(UTC), lake.guard - 0.21)])
    page.locator("#replay-alarms button").click()
    page.wait_for_selector("#live-sign[data-state=live]")
    page.wait_for_function(f"(device) => {LEVEL} === {lake.guard - 0.21}", arg=lake.device)
    assert page.locator("#replay-panel, #replay-mark, #replay-alarms").filter(visible=True).count() == 0
    assert "@" not in page.url
    assert page.evaluate("window.sameDocument")
