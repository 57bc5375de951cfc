"""The centre's part of an SL 651 conversation (SL 651-2014 §6.3, §6.5): modes M1 to M4.

A report is confirmed with its serial and the centre's time, by which the station sets its clock, once it is
stored: ACK when it said that more reports follow (ETB), else ESC, which leaves the station on the line. The
packets of M3 are confirmed together; those missing when the last has come are asked for with NAK, each by its
number. A station is asked (M4) with the centre, password and encoding of what it sent last; what it answers
is read and confirmed like a report.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from etl.feeds import sl651
from etl.feeds.conversation import Heard, Reply
from etl.feeds.frame import BEIJING, FrameError
from etl.feeds.packets import PacketAssembly
from etl.feeds.sl651 import Frame
from etl.feeds.sl651_query import QUERIES, Query, query_frame
from etl.feeds.sl651_readings import sl651_pictures, sl651_readings
from etl.feeds.sl651_report import Report, read_report

ADDRESS_DIGITS = 10
MOST_ASKED_AGAIN = 32
MOST_STATIONS = 1000
"""Of one connection that can be asked; a relay serves far fewer, a liar may invent them without end."""


class Sl651Conversation:
    """One connection; a relay may send for several stations."""

    def __init__(self) -> None:
        self.stream = sl651.stream()
        self._packets = PacketAssembly()
        self._last: dict[str, Frame] = {}
        """The header of the last frame of each station."""

    def ask(self, station: str, query: Query, now: datetime) -> bytes | None:
        """The frame that asks a station; None where the connection has not heard it."""
        heard = self._last.get(station)
        return sl651.encode(query_frame(query, heard, now)) if heard else None

    def hear(self, frame: bytes, now: datetime) -> Heard:
        """Take a sound frame."""
        heard = sl651.decode(frame)
        if heard.down:
            error = FrameError("下行帧来自测站一侧", "a downlink frame came from a station")
            return Heard(faults=[error])
        if heard.station in self._last or len(self._last) < MOST_STATIONS:
            self._last[heard.station] = replace(heard, body=b"")
        if heard.function == sl651.KEEP_ALIVE:
            return Heard(heard.station)
        is_asked = heard.function in QUERIES
        try:
            body = self._body(heard)
            if body is None:
                reply = Reply(heard.function, whole=False) if is_asked else None
                return Heard(heard.station, answers=self._asked_again(heard), reply=reply)
            report = read_report(heard, body)
        except FrameError as error:
            return Heard(heard.station, faults=[error])
        station = (report.station or heard.station).zfill(ADDRESS_DIGITS)
        answer = sl651.answer(heard, report.serial, now.astimezone(BEIJING).strftime("%y%m%d%H%M%S"))
        if answer and heard.end == sl651.ETB and heard.total is None:
            answer = replace(answer, end=sl651.ACK)
        faults = list(_faults(report))
        pictures = []
        try:
            pictures = sl651_pictures(station, report)
        except FrameError as error:
            faults.append(error)
        return Heard(
            station,
            sl651_readings(station, report),
            pictures=pictures,
            answers=[sl651.encode(answer)] if answer else [],
            faults=faults,
            reply=_reply(heard, report) if is_asked else None,
        )

    def _body(self, frame: Frame) -> bytes | None:
        """The body of a report, or None while packets of it are missing.

        Raises:
            FrameError: the number of a packet does not fit the total.
        """
        if frame.total is None or frame.number is None:
            return frame.body
        return self._packets.add(_message(frame), frame.total, frame.number, frame.body)

    def _asked_again(self, frame: Frame) -> list[bytes]:
        if frame.end != sl651.ETX:
            return []
        return [
            sl651.encode(replace(frame, body=b"", end=sl651.NAK, down=True, number=number))
            for number in self._packets.missing(_message(frame))[:MOST_ASKED_AGAIN]
        ]


def _faults(report: Report) -> Iterator[FrameError]:
    """What of a sound report is not kept."""
    for element in report.elements:
        if element.fault:
            yield FrameError(f"要素{element.guide}：{element.fault}", f"{element.guide}: {element.fault}")
    if report.text:
        yield FrameError(
            f"人工置数文字不作为读数保存：{report.text}", f"a text set by hand is no reading: {report.text}"
        )


def _reply(frame: Frame, report: Report) -> Reply:
    content = {"state": report.state, "version": report.version, "clock": report.sent.isoformat()}
    is_whole = frame.total is not None or frame.end == sl651.ETX
    given = {name: value for name, value in content.items() if value is not None}
    return Reply(frame.function, is_whole, given)


def _message(frame: Frame) -> tuple[str, int]:
    return frame.station, frame.function
