"""Sends a capture to a door as its device did, and reads the answers."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

from etl.feeds.capture import STREAMS, Captured, read_capture
from etl.feeds.frame import Refused
from etl.feeds.frame_record import FrameRecorder, Record
from geodata.errors import UserError

CONNECT_SECONDS = 10.0


def send_capture(protocol: str, content: bytes, host: str, port: int, patience: float) -> Iterator[Record]:
    """Send every sound frame of a capture; hand out what comes back until ``patience`` seconds of quiet.

    Raises:
        UserError: nobody listens there, or the capture holds no sound frame.
    """
    frames = [captured.frame for captured in read_capture(protocol, content)]
    sound = [frame for frame in frames if not isinstance(frame, Refused)]
    if not sound:
        raise UserError(f"The capture holds no sound frame; `ioc feeds decode {protocol}` says why.")
    try:
        connection = socket.create_connection((host, port), CONNECT_SECONDS)
    except OSError as error:
        raise UserError(
            f"{host} port {port} cannot be reached ({error}): see that the door is open."
        ) from error
    stream, recorder = STREAMS[protocol](), FrameRecorder(protocol, datetime.now(UTC))
    with connection:
        connection.sendall(b"".join(sound))
        connection.settimeout(patience)
        for received in _received(connection):
            for found in stream.feed(received):
                yield recorder.record(Captured(None, found))
    for found in stream.close():
        yield recorder.record(Captured(None, found))


def _received(connection: socket.socket) -> Iterator[bytes]:
    try:
        while received := connection.recv(8192):
            yield received
    except (TimeoutError, ConnectionResetError):
        return
