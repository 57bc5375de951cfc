"""The centre's part of an SL 651 conversation (SL 651-2014 §6.5): modes M1, M2 and M3.

A report is confirmed with its serial and the centre's time, by which the station sets its clock, once it is
stored: ACK when it said that more reports follow (ETB), else ESC, which leaves the station on the line. The
packets of M3 are confirmed together; those missing when the last has come are asked for with NAK, each by its
number. What a station sends when it was asked (M4) is read like a report.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from etl.feeds import sl651
from etl.feeds.conversation import Heard
from etl.feeds.frame import BEIJING, FrameError
from etl.feeds.packets import PacketAssembly
from etl.feeds.sl651 import Frame
from etl.feeds.sl651_readings import sl651_pictures, sl651_readings
from etl.feeds.sl651_report import Report, read_report

ADDRESS_DIGITS = 10
MOST_ASKED_AGAIN = 32


class Sl651Conversation:
    """One connection; a relay may send for several stations."""

    def __init__(self) -> None:
        self.stream = sl651.stream()
        self._packets = PacketAssembly()

    def hear(self, frame: bytes, now: datetime) -> Heard:
        """Take a sound frame."""
        heard = sl651.decode(frame)
        if heard.down:
            error = FrameError("下行帧来自测站一侧", "a downlink frame came from a station")
            return Heard(faults=[error])
        if heard.function == sl651.KEEP_ALIVE:
            return Heard(heard.station)
        try:
            body = self._body(heard)
            if body is None:
                return Heard(heard.station, answers=self._asked_again(heard))
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


def _message(frame: Frame) -> tuple[str, int]:
    return frame.station, frame.function
