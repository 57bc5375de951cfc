"""Sends a capture to a door as its device did, and reads the answers."""

import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from etl.feeds import jt808, jt808_body
from etl.feeds.capture import STREAMS, Captured, read_capture
from etl.feeds.frame import Refused
from etl.feeds.frame_record import FrameRecorder, Record
from geodata.errors import UserError

CONNECT_SECONDS = 10.0


def send_capture(protocol: str, content: bytes, host: str, port: int, patience: float) -> Iterator[Record]:
    """Send every sound frame of a capture; hand out what comes back until ``patience`` seconds of quiet.

    A terminal of JT/T 808 reports after it has registered and authenticated: each of the capture does so
    here, for the code in a capture was given by another platform.

    Raises:
        UserError: nobody listens there, the capture holds no sound frame, or a terminal is not let in.
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
    recorder = FrameRecorder(protocol, datetime.now(UTC))
    with connection:
        connection.settimeout(patience)
        answers = _answers(connection, protocol)
        if protocol == "jt808":
            sound, signed_in = _signed_in(connection, answers, sound)
            yield from (recorder.record(Captured(None, answer)) for answer in signed_in)
        connection.sendall(b"".join(sound))
        yield from (recorder.record(Captured(None, answer)) for answer in answers)


def _signed_in(
    connection: socket.socket, answers: Iterator[bytes | Refused], frames: Sequence[bytes]
) -> tuple[list[bytes], list[bytes]]:
    """The frames that are left when each terminal is registered and authenticated, and what was answered."""
    messages = [jt808.decode(frame) for frame in frames]
    own = {one.phone: one for one in messages if one.message_id == jt808_body.REGISTER}
    answered: list[bytes] = []

    def ask(question: jt808.Message) -> jt808.Message:
        connection.sendall(jt808.encode(question))
        answer = next(answers, None)
        if not isinstance(answer, bytes):
            raise UserError(
                f"The door gave terminal {question.phone} no answer: see that it speaks JT/T 808."
            )
        answered.append(answer)
        return jt808.decode(answer)

    for terminal in {one.phone: one for one in messages}.values():
        given = ask(own.get(terminal.phone) or jt808_body.blank_registration(terminal))
        answer = ask(jt808_body.authentication(given))
        if answer.body[4:5] != b"\0":
            raise UserError(
                f"The door does not let terminal {terminal.phone} in: `ioc feeds status` says why it refused."
            )
    done = (jt808_body.REGISTER, jt808_body.AUTHENTICATE)
    left = [frame for frame, one in zip(frames, messages, strict=True) if one.message_id not in done]
    return left, answered


def _answers(connection: socket.socket, protocol: str) -> Iterator[bytes | Refused]:
    """Frames as they come, until it is quiet; whoever stops asking can go on later."""
    stream = STREAMS[protocol]()
    try:
        while received := connection.recv(8192):
            yield from stream.feed(received)
    except (TimeoutError, ConnectionResetError):
        pass
    yield from stream.close()
