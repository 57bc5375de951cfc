"""`ioc feeds`: what devices send."""

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from etl.feeds.capture import read_capture
from etl.feeds.frame_record import FrameRecorder
from geodata.errors import UserError
from ioc.feed_maintenance import maintain_feeds
from ioc.feed_source_commands import source_app

feeds_app = typer.Typer(no_args_is_help=True)
feeds_app.add_typer(source_app, name="source")
feeds_app.command("maintain")(maintain_feeds)


class Protocol(StrEnum):
    """A protocol that frames are captured of."""

    hj212 = "hj212"
    sl651 = "sl651"
    jt808 = "jt808"


@feeds_app.callback()
def feeds() -> None:
    """Devices: their protocols and what they send."""


@feeds_app.command("decode")
def decode_capture(
    protocol: Annotated[Protocol, typer.Argument(help="The protocol of the capture.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="Text or hexadecimal digits, one frame a line, or raw bytes; - reads standard input."
        ),
    ],
) -> None:
    """Print each frame of a capture as one JSON record a line.

    A record holds the header, the values by standard code with unit and time, and the check result, or why
    the frame is refused.
    """
    recorder = FrameRecorder(protocol.value, datetime.now(UTC))
    for captured in read_capture(protocol.value, _content(file)):
        print(json.dumps(recorder.record(captured), ensure_ascii=False))


def _content(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}): give the path of a capture.") from error
