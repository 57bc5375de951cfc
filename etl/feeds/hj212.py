"""HJ 212: environment and pollution monitoring over TCP, frames of text (HJ 212-2017 §6, HJ/T 212-2005).

``##``, four digits of length, the data segment, four hexadecimal digits of CRC, CR LF. The length counts the
bytes of the data segment. CRC and frames were checked against the standard's appendix A.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from etl.feeds.crc16 import CRC16
from etl.feeds.frame import CheckValue, FrameError, FrameStream, beijing_time

HEAD = b"##"
TAIL = b"\r\n"
_FRONT = len(HEAD) + 4
_CRC = 4
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?|[+-]?\.[0-9]+")
_NOT_VALUES = frozenset({"Flag", "EFlag", "SampleTime"})

Item = tuple[tuple[str, str], ...]
"""One item of CP: its name=value pairs, in order; names may be repeated."""


@dataclass(frozen=True)
class Message:
    """A data segment. What a device left out is None; ``mn`` is its id, 24 hexadecimal digits since 2017."""

    st: str
    cn: str
    items: tuple[Item, ...] = ()
    qn: str | None = None
    pw: str | None = None
    mn: str | None = None
    flag: int | None = None
    pnum: int | None = None
    pno: int | None = None

    @property
    def answer_wanted(self) -> bool:
        """Bit A of Flag."""
        return bool(self.flag and self.flag & 1)

    @property
    def edition(self) -> str:
        """Edition of the standard after the version bits of Flag (HJ 212-2017 table 4)."""
        return {None: "2005", 0: "2005", 1: "2017"}.get(None if self.flag is None else self.flag >> 2, "2025")

    @property
    def data_time(self) -> datetime | None:
        """DataTime: when measured, or for statistics the begin of the period."""
        for item in self.items:
            for name, value in item:
                if name == "DataTime":
                    return _time(value)
        return None


@dataclass(frozen=True)
class FactorValue:
    """What a device sent of one factor: a number, or the text where it is none."""

    factor: str
    statistic: str
    """Rtd, Min, Avg, Max, Cou, ZsRtd …; RS and RT of devices; Data, DayData and NightData of noise."""
    value: float | None
    text: str
    at: datetime | None
    flag: str | None = None


def crc16(segment: bytes) -> int:
    """The check value of a data segment (HJ 212-2017 appendix A). It is not Modbus CRC."""
    register = 0xFFFF
    for byte in segment:
        register = (register >> 8) ^ byte
        register = (register >> 8) ^ CRC16[register & 0xFF]
    return register


def frame_end(buffer: bytes, begin: int) -> int | None:
    """End of the frame that begins here, behind its CR LF."""
    digits = buffer[begin + len(HEAD) : begin + _FRONT]
    if not re.fullmatch(rb"\d*", digits):
        raise FrameError("长度不是四位数字", "the length is not four digits")
    if len(digits) < _FRONT - len(HEAD):
        return None
    end = begin + _FRONT + int(digits) + _CRC + len(TAIL)
    return end if len(buffer) >= end else None


def check_value(frame: bytes) -> CheckValue:
    """The CRC a whole frame carries, in capitals, and the one it should."""
    segment, behind = frame[_FRONT : -_CRC - len(TAIL)], frame[-_CRC - len(TAIL) : -len(TAIL)]
    return CheckValue(behind.decode("ascii", "replace").upper(), f"{crc16(segment):04X}")


def decode(frame: bytes) -> Message:
    """Read a whole frame.

    Raises:
        FrameError: its form, length or check value is wrong; nothing of it can be trusted then.
    """
    if not frame.startswith(HEAD) or not frame.endswith(TAIL) or frame_end(frame, 0) != len(frame):
        raise FrameError(
            "不是完整的HJ 212帧：帧头、长度或帧尾不符", "no whole frame: head, length or tail is wrong"
        )
    check = check_value(frame)
    if not check.right:
        raise FrameError(
            f"CRC校验不符：帧中为{check.declared}，应为{check.computed}",
            f"the CRC is wrong: the frame says {check.declared}, its bytes give {check.computed}",
            check,
        )
    segment = frame[_FRONT : -_CRC - len(TAIL)]
    try:
        text = segment.decode("utf-8")
    except UnicodeDecodeError:
        # Older acquisition units send names in the system's code page.
        text = segment.decode("gb18030", "replace")
    return _message(text)


def encode(message: Message) -> bytes:
    """Write a message as a frame.

    Raises:
        ValueError: the data segment is longer than four digits can say.
    """
    given = (
        ("QN", message.qn),
        ("ST", message.st),
        ("CN", message.cn),
        ("PW", message.pw),
        ("MN", message.mn),
        ("Flag", message.flag),
        ("PNUM", message.pnum),
        ("PNO", message.pno),
    )
    header = ";".join(f"{key}={value}" for key, value in given if value is not None)
    items = ";".join(",".join(f"{name}={value}" for name, value in item) for item in message.items)
    segment = f"{header};CP=&&{items}&&".encode()
    if len(segment) > 9999:
        raise ValueError(f"the data segment has {len(segment)} bytes; split it into packets")
    return HEAD + b"%04d" % len(segment) + segment + b"%04X" % crc16(segment) + TAIL


def stream() -> FrameStream:
    """A connection's reader."""
    return FrameStream((HEAD,), frame_end, decode)


def factor_values(message: Message) -> list[FactorValue]:
    """The values of a message at the time they hold for.

    Raises:
        FrameError: DataTime or a SampleTime is no time.
    """
    values = []
    for item in message.items:
        named: dict[str, dict[str, str]] = {}
        for name, text in item:
            factor, dash, suffix = name.rpartition("-")
            if dash:
                named.setdefault(factor, {})[suffix] = text
        for factor, suffixes in named.items():
            at = _time(suffixes["SampleTime"]) if suffixes.get("SampleTime") else message.data_time
            values += [
                FactorValue(factor, suffix, _number(text), text, at, suffixes.get("Flag"))
                for suffix, text in suffixes.items()
                if suffix not in _NOT_VALUES
            ]
    return values


def answer(message: Message) -> Message | None:
    """What the centre sends back if wanted: 9014 to an upload of data, 9013 to a notice or a heartbeat."""
    if not message.answer_wanted:
        return None
    command = {"1": "9013", "2": "9014", "3": "9014", "9": "9013"}.get(message.cn[:1])
    if command is None:
        return None
    flag = (message.flag or 0) & ~0b11
    return replace(message, st="91", cn=command, flag=flag, pnum=None, pno=None, items=())


def _message(text: str) -> Message:
    front, mark, rest = text.partition("CP=&&")
    if not mark or not rest.endswith("&&"):
        raise FrameError("数据段没有CP=&&…&&", "the data segment has no CP=&&…&&")
    fields: dict[str, str] = {}
    for part in filter(None, front.split(";")):
        key, sign, value = part.partition("=")
        if not sign:
            raise FrameError(f"数据段字段“{part}”不是 名称=值", f"the field “{part}” is not name=value")
        fields.setdefault(key, value)
    if not re.fullmatch(r"[0-9A-Z]{2}", fields.get("ST", "")):
        raise FrameError("系统编码ST缺失或有误", "the system code ST is missing or wrong")
    if not re.fullmatch(r"[0-9]{4}", fields.get("CN", "")):
        raise FrameError("命令编码CN缺失或有误", "the command code CN is missing or wrong")
    return Message(
        fields["ST"],
        fields["CN"],
        _items(rest[: -len("&&")]),
        fields.get("QN"),
        fields.get("PW"),
        fields.get("MN"),
        _whole(fields, "Flag", 255),
        _whole(fields, "PNUM", 9999),
        _whole(fields, "PNO", 9999),
    )


def _whole(fields: dict[str, str], key: str, most: int) -> int | None:
    text = fields.get(key)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) > most:
        raise FrameError(
            f"{key}“{text}”不是0～{most}的整数", f"{key} “{text}” is no whole number up to {most}"
        )
    return int(text)


def _items(content: str) -> tuple[Item, ...]:
    items = []
    for part in content.split(";"):
        pairs = []
        for pair in filter(None, part.split(",")):
            name, sign, value = pair.partition("=")
            if not sign or not name:
                raise FrameError(f"数据项“{pair}”不是 名称=值", f"the item “{pair}” is not name=value")
            pairs.append((name, value))
        if pairs:
            items.append(tuple(pairs))
    return tuple(items)


def _time(digits: str) -> datetime:
    """14 digits; 17 with milliseconds are seen in the field."""
    if len(digits) == 17:
        return beijing_time(digits + "000", "%Y%m%d%H%M%S%f", "DataTime")
    if len(digits) != 14:
        raise FrameError(f"DataTime“{digits}”不是14位时间", f"DataTime “{digits}” is not 14 digits")
    return beijing_time(digits, "%Y%m%d%H%M%S", "DataTime")


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text.strip()) else None
