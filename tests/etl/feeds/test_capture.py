import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from etl.feeds import hj212
from ioc.cli import app
from tests.etl.feeds import published_frames as published


def _decode(protocol: str, content: bytes, tmp_path: Path) -> list[dict]:
    file = tmp_path / "capture"
    file.write_bytes(content)
    result = CliRunner().invoke(app, ["feeds", "decode", protocol, str(file)])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_hj212_line_by_line(tmp_path: Path, ending: str) -> None:
    wrong = next(iter(published.HJ212_WRONG_CRC))
    text = ending.join(f.strip() for f in (published.HJ212_AIR, wrong, published.HJ212_APPENDIX_A))
    air, refused, setting = _decode("hj212", text.encode(), tmp_path)
    assert air["check"] == {"declared": "CC01", "computed": "CC01", "ok": True}
    assert air["header"]["MN"] == "Y80110010000010"
    assert air["values"][4] == {
        "code": "a21001",
        "name": "氨（氨气）",
        "statistic": "Rtd",
        "value": 25.4,
        "unit": "纳克/立方米",
        "time": "2019-10-12T13:37:10+08:00",
        "flag": "N",
    }
    assert (refused["ok"], refused["line"]) == (False, 2)
    assert refused["check"]["computed"] == "3C00"
    assert "CRC" in refused["refused"]
    assert setting["parameters"] == {"RtdInterval": "30"}


def test_codes_of_2005_are_given_their_present_ones(tmp_path: Path) -> None:
    items = ((("DataTime", "20160824003817"),), (("B01-Rtd", "36.91"),), (("060-Cou", "1.8"),))
    frame = hj212.encode(hj212.Message("32", "2011", items, mn="LD130133000015"))
    [record] = _decode("hj212", frame, tmp_path)
    flow, ammonia = record["values"]
    assert (flow["code"], flow["sent_as"], flow["unit"]) == ("w00000", "B01", "升/秒")
    assert (ammonia["code"], ammonia["name"], ammonia["unit"]) == ("w21003", "氨氮", "千克")


@pytest.mark.parametrize("form", ["hex", "spaced", "raw"])
def test_sl651_in_every_form_of_a_capture(tmp_path: Path, form: str) -> None:
    frames = [bytes.fromhex(f) for f in (published.SL651_TIMED, published.SL651_HOURLY)]
    contents = {
        "hex": "\n".join(f.hex() for f in frames).encode(),
        "spaced": "\n".join(f.hex(" ").upper() for f in frames).encode(),
        "raw": b"\x00\x00" + b"".join(frames),
    }
    records = [record for record in _decode("sl651", contents[form], tmp_path) if record["ok"]]
    assert [record["header"]["function_name"] for record in records] == ["遥测站定时报", "遥测站小时报"]
    level = next(value for value in records[0]["values"] if value["code"] == "Z")
    assert (level["value"], level["unit"], level["time"]) == (10.49, "米", "2017-07-18T11:00:00+08:00")
    assert records[0]["station_class_name"] == "河道"


def test_jt808_location_and_refusals(tmp_path: Path) -> None:
    damaged = published.JT808_2013.replace("577E", "587E")
    lines = [published.JT808_BOTH_ESCAPES, damaged, "not a frame", published.JT808_EXCHANGED]
    location, refused, rubbish, exchanged = _decode("jt808", "\n".join(lines).encode(), tmp_path)
    assert location["values"][0]["longitude"] == 132.444444
    assert location["values"][0]["alarms"] == ["紧急报警"]
    assert location["header"]["message_name"] == "位置信息汇报"
    assert refused["check"] == {"declared": "58", "computed": "57", "ok": False}
    assert rubbish["refused"] == "the line is not hexadecimal digits"
    assert any("exchanged" in note for note in exchanged["notes"])


def test_an_empty_or_missing_capture(tmp_path: Path) -> None:
    assert _decode("sl651", b"", tmp_path) == []
    result = CliRunner().invoke(app, ["feeds", "decode", "sl651", str(tmp_path / "none")])
    assert result.exit_code != 0


def test_what_the_centre_asks_is_named(tmp_path: Path) -> None:
    frames = [published.SL651_QUERIES["38"], published.SL651_QUERIES["3A"], published.SL651_SAID["46"]]
    period, chosen, state = _decode("sl651", "\n".join(frames).encode(), tmp_path)
    assert (period["ok"], period["header"]["function_name"], period["header"]["end"]) == (
        True,
        "查询时段数据",
        "05",
    )
    assert (period["from"], period["to"]) == ("2013-03-24T10:00:00+08:00", "2013-03-25T10:00:00+08:00")
    assert [one["code"] for one in period["asks_for"]] == ["DRP"]
    assert [one["name"] for one in chosen["asks_for"]][-1] == "瞬时河道水位、潮位"
    # The door of its cabinet is open, its pump stands still.
    assert (state["state"], state["state_said"]) == (1 << 10, ["终端箱门：开启"])
