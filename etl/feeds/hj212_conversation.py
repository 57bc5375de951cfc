"""The centre's part of an HJ 212 conversation (HJ 212-2017 §6.4, HJ/T 212-2005).

An upload that asks for an answer gets 9014 once it is stored, a notice 9013; what cannot be stored is told so
by 9011 with the return code that says why, so that the device does not send it for ever.
"""

import re
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime

from etl.feeds import hj212
from etl.feeds.conversation import Heard
from etl.feeds.frame import BEIJING, FrameError
from etl.feeds.hj212 import Message
from etl.feeds.hj212_readings import hj212_readings

HEARTBEAT, CLOCK_ASKED, SET_CLOCK = "9015", "1013", "1012"
FROM_CENTRE = frozenset({"9011", "9012", "9013", "9014"})
"""What a device sends to answer the centre."""

WRONG_MN, WRONG_COMMAND, WRONG_OTHERWISE = 4, 8, 100
"""Return codes of 9011 (HJ 212-2017 table 7)."""

_MN = re.compile(r"[0-9A-Za-z]{1,24}")
_OPEN_MESSAGES = 64


class Hj212Conversation:
    """One connection; several devices may share it."""

    def __init__(self) -> None:
        self.stream = hj212.stream()
        self._data_times: OrderedDict[tuple[str | None, str | None], datetime] = OrderedDict()

    def hear(self, frame: bytes, now: datetime) -> Heard:
        """Take a sound frame."""
        message = hj212.decode(frame)
        if not _MN.fullmatch(message.mn or ""):
            error = FrameError(
                f"设备标识MN“{message.mn or ''}”不是1～24位字母数字",
                f"the device id MN “{message.mn or ''}” is not 1 to 24 letters and digits",
            )
            return _refused(message, WRONG_MN, error, None)
        if message.cn in FROM_CENTRE:
            return Heard(message.mn)
        if message.cn == CLOCK_ASKED:
            return Heard(message.mn, answers=[*_answers(message), hj212.encode(_set_clock(message, now))])
        if message.cn == HEARTBEAT:
            return Heard(message.mn, answers=_answers(message))
        if message.cn[0] not in "23":
            error = FrameError(f"命令{message.cn}不是上报", f"the command {message.cn} is no upload")
            return _refused(message, WRONG_COMMAND, error, message.mn)
        try:
            readings = hj212_readings(message, self._data_time(message))
        except FrameError as error:
            return _refused(message, WRONG_OTHERWISE, error, message.mn)
        return Heard(message.mn, readings, answers=_answers(message))

    def _data_time(self, message: Message) -> datetime:
        """DataTime, which of a message in packets (PNUM) perhaps only the first carries.

        Raises:
            FrameError: there is none.
        """
        key = (message.mn, message.qn)
        found = message.data_time or self._data_times.get(key)
        if found is None:
            raise FrameError("没有DataTime", "there is no DataTime")
        if message.pnum:
            self._data_times[key] = found
            if len(self._data_times) > _OPEN_MESSAGES:
                self._data_times.popitem(last=False)
        return found


def _answers(message: Message) -> list[bytes]:
    answer = hj212.answer(message)
    return [hj212.encode(answer)] if answer else []


def _refused(message: Message, code: int, error: FrameError, device: str | None) -> Heard:
    if not message.answer_wanted:
        return Heard(device, faults=[error])
    flag = (message.flag or 0) & ~0b11
    items = ((("QnRtn", str(code)),),)
    answer = replace(message, st="91", cn="9011", flag=flag, pnum=None, pno=None, items=items)
    return Heard(device, answers=[hj212.encode(answer)], faults=[error])


def _set_clock(message: Message, now: datetime) -> Message:
    """The request that sets the device's clock to the centre's."""
    local = now.astimezone(BEIJING)
    serial = local.strftime("%Y%m%d%H%M%S") + f"{local.microsecond // 1000:03d}"
    items = ((("SystemTime", serial[:14]),),)
    flag = (message.flag or 0) & ~0b11 | 1
    return replace(message, qn=serial, cn=SET_CLOCK, flag=flag, pnum=None, pno=None, items=items)
