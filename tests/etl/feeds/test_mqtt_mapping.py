"""What devices publish as JSON, by the packaged mappings and a district's own."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.feeds.frame import FrameError
from etl.feeds.mqtt_door import Broker
from etl.feeds.mqtt_mapping import PACKAGED, Payload, read_mappings
from etl.feeds.reading import Position
from geodata.errors import UserError

NOW = datetime(2026, 7, 1, 6, 5, tzinfo=UTC)
MAPPINGS = read_mappings([PACKAGED])


def _read(topic: str, content: str) -> Payload:
    (mapping,) = (one for one in MAPPINGS if one.fits(topic))
    return mapping.read(topic, content.encode(), NOW)


def _example(path: Path) -> str:
    """The JSON in the comment a mapping begins with."""
    comment = path.read_text("utf-8").splitlines()[0]
    return comment[comment.index("{") : comment.index("}") + 1]


@pytest.mark.parametrize("path", sorted(PACKAGED.glob("*.toml")), ids=lambda path: path.stem)
def test_the_example_of_each_mapping_is_read_whole(path: Path) -> None:
    payload = _read(f"ioc/{path.stem}/D 1/readings", _example(path))
    (mapping,) = (one for one in MAPPINGS if one.topic.startswith(f"ioc/{path.stem}/"))
    assert {one.metric for one in payload.readings} == set(mapping.metrics)
    assert {(one.device, one.observed_at) for one in payload.readings} == {("D 1", NOW)}


def test_an_open_cover_in_every_way_devices_say_it() -> None:
    for said in ("true", "1", '"open"', '"打开"'):
        content = f'{{"at": "2026-07-01T14:05:00+08:00", "open": {said}, "tilt": null, "extra": [1]}}'
        (reading,) = _read("ioc/manhole_cover/M1/readings", content).readings
        assert (reading.metric, reading.value) == ("OPEN", 1.0)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1, 2]",
        '"text"',
        '{"ch4": 1.5}',
        '{"at": "yesterday", "ch4": 1.5}',
        '{"at": "2026-07-01T14:05:00+08:00", "ch4": "much"}',
        '{"at": "2026-07-01T14:05:00+08:00", "ch4": NaN}',
        '{"at": "2026-07-01T14:05:00+08:00", "ch4": {}}',
        "[" * 100_000,
    ],
)
def test_a_payload_that_says_nothing_clear_is_refused(content: str) -> None:
    with pytest.raises(FrameError):
        _read("ioc/gas_sensor/G1/readings", content)


@given(st.binary(max_size=100))
def test_rubbish_is_refused_or_empty(content: bytes) -> None:
    try:
        payload = MAPPINGS[0].read("ioc/drain_level/D1/readings", content, NOW)
    except FrameError:
        return
    assert payload.positions == ()


OWN = """
title_zh = "某厂车载终端"
title_en = "A maker's terminal"
topic = "vendor/+/up"
device = "gw.sn"
records = "data"
[time]
path = "ts"
format = "epoch_ms"
[metrics.LEVEL]
path = "ch.0.mm"
unit = "m"
factor = 0.001
[position]
lon = "x"
lat = "y"
speed = "v"
frame = "GCJ-02"
"""


def test_a_district_declares_a_maker_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "maker.toml").write_text(OWN, "utf-8")
    (mapping,) = read_mappings([tmp_path])
    assert (mapping.subscription, mapping.fits("vendor/7/up"), mapping.fits("vendor/7/8/up")) == (
        "vendor/+/up",
        True,
        False,
    )
    sent = (
        b'{"gw": {"sn": 4711}, "data": [{"ts": 1782885900000}, {"ts": 1782885900000, "ch": [{"mm": 1250}],'
        b' "x": 114.3, "y": 30.5, "v": 36}]}'
    )
    payload = mapping.read("vendor/7/up", sent, NOW)
    (reading,) = payload.readings
    assert (reading.device, reading.observed_at, reading.value) == ("4711", NOW, 1.25)
    assert payload.positions == (Position("4711", NOW, 114.3, 30.5, 36.0, frame="GCJ-02"),)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (OWN.replace('device = "gw.sn"\n', ""), "device"),
        (OWN.replace("factor = 0.001", "factor = 'a'"), "metrics.LEVEL.factor"),
        (OWN.replace("[metrics", "[metrix"), "metrix"),
        ("topic =", "TOML"),
    ],
)
def test_a_mapping_that_does_not_fit_is_named(wrong: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "maker.toml").write_text(wrong, "utf-8")
    with pytest.raises(UserError, match=r"maker\.toml") as refused:
        read_mappings([tmp_path])
    assert named in str(refused.value)


def test_a_district_replaces_a_packaged_mapping(tmp_path: Path) -> None:
    (tmp_path / "gas_sensor.toml").write_text(OWN, "utf-8")
    mappings = read_mappings([PACKAGED, tmp_path])
    assert len(mappings) == len(MAPPINGS)
    assert not any(one.fits("ioc/gas_sensor/G1/readings") for one in mappings)


def test_the_address_of_a_broker() -> None:
    broker = Broker.at("mqtts://feeds:p%40ss@broker.example/second")
    assert (broker.host, broker.port, broker.user, broker.password, broker.encrypted, broker.session) == (
        "broker.example",
        8883,
        "feeds",
        "p@ss",
        True,
        "second",
    )
    assert (broker.shared, Broker.at("mqtt://broker.example").shared) == (True, False)
    for wrong in ("broker.example:1883", "http://broker.example", "mqtt://", "mqtt://host:port"):
        with pytest.raises(UserError, match="IOC_MQTT_URL"):
            Broker.at(wrong)
