"""`ioc feeds`: what devices send."""

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from etl.feeds.capture import read_capture
from etl.feeds.door_store import DoorStatus, WrongClock, door_status, wrong_clocks
from etl.feeds.frame_record import FrameRecorder
from geodata.errors import UserError
from ioc.ask_command import ask
from ioc.context import open_database
from ioc.feed_maintenance import maintain_feeds
from ioc.feed_source_commands import source_app
from ioc.feeds_worker import run
from ioc.send_capture import send_capture
from ioc.settings import read_settings
from ioc.simulation.command import simulate

MOST_CLOCKS = 10
COUNTED = ("messages", "stored", "duplicates", "waiting", "shed", "refused")

feeds_app = typer.Typer(no_args_is_help=True)
feeds_app.add_typer(source_app, name="source")
feeds_app.command("ask")(ask)
feeds_app.command("maintain")(maintain_feeds)
feeds_app.command("run")(run)
feeds_app.command("simulate")(simulate)


class Protocol(StrEnum):
    """A protocol that frames are captured of."""

    hj212 = "hj212"
    sl651 = "sl651"
    jt808 = "jt808"


@feeds_app.callback()
def feeds() -> None:
    """Devices: their protocols, the doors they come in by, and what they send."""


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


@feeds_app.command("send")
def send(
    protocol: Annotated[Protocol, typer.Argument(help="The protocol of the capture.")],
    file: Annotated[
        Path, typer.Argument(help="A capture as `ioc feeds decode` takes it; - reads standard input.")
    ],
    to: Annotated[str, typer.Option(help="Host and port of the door, such as 127.0.0.1:9651.")],
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for answers.")] = 3,
) -> None:
    """Send a capture as its device did, and print each answer as one JSON record a line.

    Terminals of JT/T 808 are registered and authenticated first, as each platform demands for itself.
    """
    host, colon, port = to.rpartition(":")
    if not colon or not port.isdecimal():
        raise UserError(f"“{to}” is no host and port: write them as 127.0.0.1:9651.")
    for record in send_capture(protocol.value, _content(file), host, int(port), patience):
        print(json.dumps(record, ensure_ascii=False))


@feeds_app.command("status")
def status(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Print the doors, the devices heard at each, what came in within the last hour, and what is wrong."""
    with open_database(read_settings()) as store, store.owner_connection() as connection:
        doors, clocks = door_status(connection), wrong_clocks(connection)
    if as_json:
        content = {"doors": [vars(door) for door in doors], "clocks": [vars(clock) for clock in clocks]}
        print(json.dumps(content, default=str, ensure_ascii=False))
        return
    console = Console()
    if not doors:
        console.print("No door was ever open: `ioc up` or `ioc feeds run` opens them.")
        return
    for table in (_listening(doors), _counted(doors)):
        console.print(table)
    for door in doors:
        for refusal in door.refusals[-3:]:
            who = refusal["device"] or refusal["peer"]
            console.print(f"{door.door}: {refusal['at'][:19]} {who}: {refusal['en']}", markup=False)
    for clock in clocks[:MOST_CLOCKS]:
        console.print(_clock(clock), markup=False)
    if len(clocks) > MOST_CLOCKS:
        console.print(f"… and {len(clocks) - MOST_CLOCKS} more wrong clocks: see /devices or --json.")


def _clock(clock: WrongClock) -> str:
    if clock.ahead_s is not None:
        return f"clock: {clock.device} is {clock.ahead_s / 60:.0f} min ahead: set it."
    behind = (clock.behind_s or 0) / 60
    return f"clock: all readings of {clock.device} come {behind:.0f} min late: set it."


def _listening(doors: list[DoorStatus]) -> Table:
    table = Table("door", "listens", "noted", *(_number(one) for one in ("connected", "devices", "online")))
    for door in doors:
        numbers = (door.connections, door.devices, door.online)
        noted = f"{door.silent_s:.0f} s ago"
        table.add_row(door.door, door.address or "shut", noted, *(f"{number:,}" for number in numbers))
    return table


def _counted(doors: list[DoorStatus]) -> Table:
    table = Table("last hour", *(_number(what) for what in COUNTED))
    for door in doors:
        table.add_row(door.door, *(f"{door.last_hour.get(what, 0):,}" for what in COUNTED))
    return table


def _number(header: str) -> Column:
    return Column(header, justify="right")


def _content(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}): give the path of a capture.") from error
