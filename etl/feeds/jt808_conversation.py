"""The platform's part of a JT/T 808 conversation, editions 2013 and 2019.

A terminal registers, is given a code, authenticates with it, and reports; each message gets the platform's
answer 0x8001, reports once they are stored. The answer to a message in several packets is given to each of
them when all are stored; packets that are missing when the last has come are asked for with 0x8003. Its body
follows general knowledge of the standard, whose text was not at hand.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from etl.feeds import jt808, jt808_body
from etl.feeds.conversation import Heard
from etl.feeds.frame import FrameError
from etl.feeds.jt808 import Message
from etl.feeds.jt808_positions import Track, locations_in, vehicle_code
from etl.feeds.packets import PacketAssembly
from etl.feeds.reading import Position

DONE, FAILED, WRONG, NOT_SUPPORTED = range(4)
"""Results of 0x8001."""
SEND_AGAIN = 0x8003
_AT_ONCE_DONE = frozenset({jt808_body.HEARTBEAT, jt808_body.DEREGISTER})
_REPORTS = frozenset({jt808_body.LOCATION, jt808_body.LOCATION_BATCH})
MOST_VEHICLES = 5_000


class _Whole(NamedTuple):
    """A message whose packets are all there, and the serials they came with."""

    body: bytes
    serials: list[int]


class Jt808Conversation:
    """One connection; a forwarding platform may speak for many vehicles.

    Args:
        code_of: the authentication code of a phone number, the same in every process.
    """

    def __init__(self, code_of: Callable[[str], str]) -> None:
        self.stream = jt808.stream()
        self._code_of = code_of
        self._serial = 0
        self._packets = PacketAssembly()
        self._tracks: dict[str, Track] = {}
        """Of the vehicles that have authenticated."""
        self._plates: dict[str, str] = {}
        """Of the vehicles that have registered here."""

    def hear(self, frame: bytes, now: datetime) -> Heard:
        """Take a sound frame."""
        message = jt808.decode(frame)
        vehicle = vehicle_code(message.phone)
        kind = message.message_id
        if kind == jt808_body.TERMINAL_ANSWER:
            return Heard(vehicle)
        if message.encryption:
            error = FrameError("消息体已加密", "the body is encrypted")
            return Heard(vehicle, answers=self._answers(message, NOT_SUPPORTED), faults=[error])
        if kind == jt808_body.REGISTER:
            return self._register(vehicle, message)
        if kind == jt808_body.AUTHENTICATE:
            return self._authenticate(vehicle, message)
        if kind in _AT_ONCE_DONE:
            return Heard(vehicle, answers=self._answers(message, DONE))
        if kind not in _REPORTS:
            return Heard(vehicle, answers=self._answers(message, NOT_SUPPORTED))
        return self._report(vehicle, message, now)

    def _register(self, vehicle: str, message: Message) -> Heard:
        with suppress(FrameError):
            # Colour 0 is a vehicle without a plate, which registers with the number of its chassis.
            registration = jt808_body.read_registration(message)
            if registration.plate_colour and len(self._plates) < MOST_VEHICLES:
                self._plates[vehicle] = registration.plate
        answer = jt808_body.registration_answer(message, self._next(), self._code_of(vehicle))
        return Heard(vehicle, answers=[jt808.encode(answer)])

    def _authenticate(self, vehicle: str, message: Message) -> Heard:
        if jt808_body.read_authentication(message) != self._code_of(vehicle):
            error = FrameError("鉴权码不符", "the authentication code is wrong")
            return Heard(vehicle, answers=self._answers(message, FAILED), faults=[error])
        if len(self._tracks) < MOST_VEHICLES:
            self._tracks.setdefault(vehicle, Track())
        return Heard(vehicle, answers=self._answers(message, DONE))

    def _report(self, vehicle: str, message: Message, now: datetime) -> Heard:
        track = self._tracks.get(vehicle)
        if track is None:
            error = FrameError("终端未鉴权", "the terminal has not authenticated")
            return Heard(vehicle, answers=self._answers(message, FAILED), faults=[error])
        try:
            whole = self._whole(message)
            if whole is None:
                return Heard(vehicle, answers=self._asked_again(message))
            locations = locations_in(message, whole.body)
        except FrameError as error:
            return Heard(vehicle, answers=self._answers(message, WRONG), faults=[error])
        positions: list[Position] = []
        faults: list[FrameError] = []
        for location in locations:
            try:
                position = track.position(vehicle, location, now)
                positions.append(position._replace(plate=self._plates.get(vehicle, "")))
            except FrameError as error:
                faults.append(error)
        # A position that is not believed is done with: its terminal would send it for ever.
        answers = [answer for serial in whole.serials for answer in self._answers(message, DONE, serial)]
        return Heard(vehicle, positions=positions, answers=answers, faults=faults)

    def _whole(self, message: Message) -> _Whole | None:
        if message.total is None or message.number is None:
            return _Whole(message.body, [message.serial])
        body = self._packets.add(_key(message), message.total, message.number, message.body)
        if body is None:
            return None
        first = _first_serial(message)
        return _Whole(body, [(first + place) % 0x10000 for place in range(message.total)])

    def _asked_again(self, message: Message) -> list[bytes]:
        if message.number != message.total:
            return []
        missing = self._packets.missing(_key(message))[:255]
        count = len(missing).to_bytes(1 if message.version is None else 2)
        body = _first_serial(message).to_bytes(2) + count + b"".join(n.to_bytes(2) for n in missing)
        return [jt808.encode(Message(SEND_AGAIN, message.phone, self._next(), body, message.version))]

    def _answers(self, message: Message, result: int, serial: int | None = None) -> list[bytes]:
        answered = message if serial is None else replace(message, serial=serial)
        return [jt808.encode(jt808_body.platform_answer(answered, self._next(), result))]

    def _next(self) -> int:
        self._serial = (self._serial + 1) % 0x10000
        return self._serial


def _first_serial(message: Message) -> int:
    """The packets of a message carry consecutive serials."""
    return (message.serial - (message.number or 1) + 1) % 0x10000


def _key(message: Message) -> tuple[str, int, int]:
    return message.phone, message.message_id, _first_serial(message)
