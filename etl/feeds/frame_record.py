"""A frame as a record for people and programs: header, values by standard code with unit, check result."""

import re
from datetime import datetime
from typing import Any

from etl.feeds import hj212, jt808, jt808_body, sl651
from etl.feeds.capture import Captured
from etl.feeds.frame import CheckValue, FrameError, Refused
from etl.feeds.hj212_readings import factor_entry, present_code
from etl.feeds.packets import PacketAssembly
from etl.feeds.sl651_query import QUERIES, read_query
from etl.feeds.sl651_report import Report, read_report
from geodata.code_table import CodeTable

Record = dict[str, Any]
_MN = re.compile(r"[0-9A-Za-z]{1,24}")
_2017_MN = re.compile(r"[0-9A-Fa-f]{24}")


class FrameRecorder:
    """Turns the frames of one capture into records; packets of a message are put together over the frames.

    Args:
        received: when the capture was received; the plausibility of times is judged by it.
    """

    def __init__(self, protocol: str, received: datetime) -> None:
        self._protocol = protocol
        self._received = received
        self._packets = PacketAssembly()

    def record(self, captured: Captured) -> Record:
        """One frame; ``ok`` is False and ``refused`` says why when it is not accepted."""
        record: Record = {"protocol": self._protocol}
        if captured.line is not None:
            record["line"] = captured.line
        content = captured.frame.content if isinstance(captured.frame, Refused) else captured.frame
        record["frame"] = _written(self._protocol, content)
        try:
            if isinstance(captured.frame, Refused):
                raise captured.frame.error
            record |= {"ok": True, **self._decoded(content)}
        except FrameError as error:
            record |= {"ok": False, "refused": error.en, "refused_zh": error.zh}
            if error.check:
                record["check"] = _check(error.check)
        return record

    def _decoded(self, frame: bytes) -> Record:
        if self._protocol == "hj212":
            return _hj212(frame)
        if self._protocol == "sl651":
            return self._sl651(frame)
        return self._jt808(frame)

    def _sl651(self, content: bytes) -> Record:
        frame = sl651.decode(content)
        record: Record = {"check": _check(sl651.check_value(content)), "header": _sl651_header(frame)}
        body: bytes | None = frame.body
        if frame.total is not None and frame.number is not None:
            key = (frame.station, frame.function)
            record["packet"] = {"total": frame.total, "number": frame.number}
            body = self._packets.add(key, frame.total, frame.number, frame.body)
        if body is None:
            return record
        return record | _sl651_body(frame, body)

    def _jt808(self, content: bytes) -> Record:
        message = jt808.decode(content)
        record: Record = {"check": _check(jt808.check_value(content)), "header": _jt808_header(message)}
        body: bytes | None = message.body
        if message.total is not None and message.number is not None:
            record["packet"] = {"total": message.total, "number": message.number}
            # The packets of a message carry consecutive serials.
            first = (message.serial - message.number + 1) % 0x10000
            key = (message.phone, message.message_id, first)
            body = self._packets.add(key, message.total, message.number, message.body)
        if body is None or message.encryption:
            return record
        return record | _jt808_body(message, body, self._received)


def _written(protocol: str, content: bytes) -> str:
    if protocol == "hj212":
        return content.decode("utf-8", "replace").rstrip("\r\n")
    return content.hex().upper()


def _check(check: CheckValue) -> Record:
    return {"declared": check.declared, "computed": check.computed, "ok": check.right}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _title(table: str, code: str) -> str | None:
    entry = CodeTable.load(table).get(code)
    return entry.name if entry else None


# ---------------------------------------------------------------- HJ 212


def _hj212(frame: bytes) -> Record:
    message = hj212.decode(frame)
    given = {
        "QN": message.qn,
        "ST": message.st,
        "ST_name": _title("hj212_system", message.st),
        "CN": message.cn,
        "CN_name": _title("hj212_command", message.cn),
        "PW": message.pw,
        "MN": message.mn,
        "Flag": message.flag,
        "PNUM": message.pnum,
        "PNO": message.pno,
    }
    header = {key: value for key, value in given.items() if value is not None}
    header |= {"edition": message.edition, "answer_wanted": message.answer_wanted}
    parameters = {name: text for item in message.items for name, text in item if "-" not in name}
    return {
        "check": _check(hj212.check_value(frame)),
        "header": header,
        "parameters": parameters,
        "values": [_factor(value) for value in hj212.factor_values(message)],
        "notes": _mn_notes(message),
    }


def _mn_notes(message: hj212.Message) -> list[str]:
    mn = message.mn
    if mn is None or not _MN.fullmatch(mn):
        return [f"the device id MN “{mn or ''}” is not 1 to 24 letters and digits"]
    if message.edition != "2005" and not _2017_MN.fullmatch(mn):
        return [f"the device id MN “{mn}” is not 24 hexadecimal digits, as the edition of 2017 asks"]
    return []


def _factor(value: hj212.FactorValue) -> Record:
    entry = factor_entry(value.factor)
    record: Record = {"code": present_code(value.factor)}
    if record["code"] != value.factor:
        record["sent_as"] = value.factor
    unit = (entry["amount_unit"] if value.statistic == "Cou" else entry["unit"]) if entry else ""
    return record | {
        "name": entry.name if entry else None,
        "statistic": value.statistic,
        "value": value.value if value.value is not None else value.text,
        "unit": unit or None,
        "time": _iso(value.at),
        "flag": value.flag,
    }


# ---------------------------------------------------------------- SL 651


def _sl651_header(frame: sl651.Frame) -> Record:
    function = f"{frame.function:02X}"
    return {
        "centre": frame.centre,
        "station": frame.station,
        "password": frame.password,
        "function": function,
        "function_name": _title("sl651_function", function),
        "direction": "down" if frame.down else "up",
        "end": f"{frame.end:02X}",
        "encoding": "ASCII" if frame.characters else "HEX",
    }


def _sl651_body(frame: sl651.Frame, body: bytes) -> Record:
    if frame.down:
        is_query = frame.end == sl651.ENQ and frame.function in QUERIES
        return _sl651_query(frame) if is_query else {"body": body.hex().upper()}
    report = read_report(frame, body)
    letters = {entry["letter"]: entry.name for entry in CodeTable.load("sl651_station_class")}
    record: Record = {
        "serial": report.serial,
        "sent": report.sent.isoformat(),
        "station_address": report.station,
        "station_class": report.station_class,
        "station_class_name": letters.get(report.station_class or ""),
        "values": [_element(element) for element in report.elements],
        "notes": sl651_notes(report),
    }
    optional = {"state": report.state, "version": report.version, "text": report.text}
    if report.state is not None:
        record["state_said"] = sl651_state_said(report.state)
    if report.picture is not None:
        optional["picture_bytes"] = len(report.picture)
    return record | {key: value for key, value in optional.items() if value is not None}


def _sl651_query(frame: sl651.Frame) -> Record:
    query, serial, sent = read_query(frame)
    table = CodeTable.load("sl651_element")
    names = {entry["ascii"]: entry.name for entry in table}
    record: Record = {"serial": serial, "sent": sent.isoformat()}
    if query.begin and query.end and query.step is not None:
        record |= {"from": _iso(query.begin), "to": _iso(query.end), "step_s": query.step.total_seconds()}
    if query.elements:
        record["asks_for"] = [{"code": code, "name": names[code]} for code in query.elements]
    return record


def sl651_state_said(state: int, language: str = "zh") -> list[str]:
    """What the state word says that needs somebody, such as 蓄电池电压：电压低."""
    column, colon = ("", "：") if language == "zh" else ("_en", ": ")
    said = []
    for entry in CodeTable.load("sl651_state"):
        bit = state >> int(entry.code) & 1
        if entry["wrong"] == str(bit):
            said.append(f"{entry.title(language)}{colon}{entry[('one' if bit else 'zero') + column]}")
    return said


def _element(element: Any) -> Record:
    entry = CodeTable.load("sl651_element").get(element.guide)
    units = {"0.1mm": "毫米", "0.01m": "米"}
    unit = units.get(entry["unit"], entry["unit"]) if entry else None
    record = {
        "code": element.identifier or element.guide,
        "guide": element.guide,
        "name": entry.name if entry else None,
        "value": element.value,
        "unit": unit or None,
        "time": _iso(element.at),
    }
    return record | ({"fault": element.fault} if element.fault else {})


def sl651_notes(report: Report) -> list[str]:
    """What speaks against a report (SL 651-2014 plausibility): observed later than sent."""
    latest = max((element.at for element in report.elements if element.at), default=None)
    if latest and (latest - report.sent).total_seconds() > 3600:
        return [f"observed at {latest.isoformat()}, more than an hour after it was sent"]
    return []


# ---------------------------------------------------------------- JT/T 808


def _jt808_header(message: jt808.Message) -> Record:
    code = f"{message.message_id:04X}"
    header: Record = {
        "message": code,
        "message_name": _title("jt808_message", code),
        "edition": "2013" if message.version is None else "2019",
        "phone": message.phone,
        "serial": message.serial,
    }
    if message.version is not None:
        header["version"] = message.version
    if message.encryption:
        header["encryption"] = message.encryption
    return header


def _jt808_body(message: jt808.Message, body: bytes, received: datetime) -> Record:
    kind = message.message_id
    if kind == jt808_body.LOCATION:
        location = jt808_body.read_location(body)
        return {
            "values": [_location(location)],
            "notes": [en for _zh, en in jt808_body.implausible(location, received)],
        }
    if kind == jt808_body.LOCATION_BATCH:
        locations = jt808_body.read_location_batch(body)
        notes = {en for location in locations for _zh, en in jt808_body.implausible(location, received)}
        return {"values": [_location(location) for location in locations], "notes": sorted(notes)}
    if kind == jt808_body.REGISTER:
        return {"registration": vars(jt808_body.read_registration(message))}
    if kind == jt808_body.AUTHENTICATE:
        return {"authentication": jt808_body.read_authentication(message)}
    return {"body": body.hex().upper()} if body else {}


def _location(location: jt808_body.Location) -> Record:
    alarms = CodeTable.load("jt808_alarm")
    set_bits = [entry.name for entry in alarms if location.alarm >> int(entry.code) & 1]
    record: Record = {
        "longitude": location.longitude,
        "latitude": location.latitude,
        "altitude_m": location.altitude,
        "speed_km_h": location.speed,
        "direction_deg": location.direction,
        "time": location.at.isoformat(),
        "alarm": f"{location.alarm:08X}",
        "alarms": set_bits,
        "status": f"{location.status:08X}",
        "fixed": location.fixed,
        "ignition": bool(location.status & jt808_body.ACC),
    }
    measured = {
        "mileage_km": location.mileage,
        "fuel_l": location.fuel,
        "recorder_speed_km_h": location.recorder_speed,
    }
    record |= {name: value for name, value in measured.items() if value is not None}
    return record | {"items": {f"{item:02X}": content.hex().upper() for item, content in location.items}}
