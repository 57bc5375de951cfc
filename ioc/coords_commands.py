"""`ioc coords`: convert positions between frames, name zones, say what bare numbers can be."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from geodata.coordinates import (
    Frame,
    StatedParameters,
    Zone,
    detect_by_magnitude,
    load_parameters,
    parse_angle,
    zone_of,
)
from geodata.errors import UserError
from ioc.coords_csv import Conversion, convert_csv, read_number, read_pair

coords_app = typer.Typer(no_args_is_help=True)

# Negative numbers look like options; click hands unknown options on as arguments when asked to.
_NEGATIVE_NUMBERS = {"ignore_unknown_options": True}


@coords_app.callback()
def coords() -> None:
    """Coordinates; longitude or easting always comes first."""


@coords_app.command("convert", context_settings=_NEGATIVE_NUMBERS)
def convert_positions(
    position: Annotated[
        list[str],
        typer.Argument(
            metavar="X Y | -", help="Longitude or easting, then latitude or northing; - reads a CSV."
        ),
    ],
    source: Annotated[
        str, typer.Option("--from", help="CGCS2000, WGS84, GCJ-02, BD-09, an EPSG code, or local.")
    ],
    target: Annotated[str, typer.Option("--to", help="The same names.")],
    parameters: Annotated[
        Path | None, typer.Option(help="TOML file with a local frame or the parameters of an old datum.")
    ] = None,
    show_steps: Annotated[
        bool, typer.Option("--explain", help="Say on standard error what is done on the way.")
    ] = False,
) -> None:
    """Print X Y in the target frame, x first; with - convert a CSV from standard input.

    In a CSV the columns named x and y, lon and lat, 经度 and 纬度 … are converted in place, without such a
    header the first two; all else is kept. At a bad line it stops with exit code 1 and names the line:
    the lines before it have been printed, whole, and nothing after them.
    """
    stated = load_parameters(parameters) if parameters else StatedParameters()
    conversion = _conversion(stated, source, target)
    steps = conversion.steps()
    if show_steps:
        for step in steps:
            typer.echo(step, err=True)
    if position == ["-"]:
        with _text_streams() as (lines, output):
            convert_csv(lines, output, conversion)
        return
    pair = read_pair(*_two(position, "convert"), conversion.source)
    text = conversion.texts([pair])[0]
    if text is None:
        raise UserError(conversion.why_impossible(*pair))
    typer.echo(" ".join(text))


@coords_app.command("zone", context_settings=_NEGATIVE_NUMBERS)
def name_zones(
    longitude: Annotated[str, typer.Argument(help="Degrees east, such as 114.3 or 114°18′.")],
) -> None:
    """Print the 3-degree and 6-degree zones of a longitude, with central meridian and EPSG codes."""
    degrees = parse_angle(longitude, "lon").degrees
    for width in (3, 6):
        zone = zone_of(degrees, width)
        numbered = Zone(zone.width, zone.number, numbered=True)
        typer.echo(
            f"{width}-degree zone {zone.number}, central meridian {zone.central_meridian:g}° E: "
            f"EPSG:{zone.epsg}, with the zone number in the easting EPSG:{numbered.epsg}"
        )


@coords_app.command("detect", context_settings=_NEGATIVE_NUMBERS)
def detect_frame(
    position: Annotated[list[str], typer.Argument(metavar="X Y", help="Two numbers, in any order.")],
) -> None:
    """Print what a pair of bare numbers can be, one reading a line."""
    first, second = (read_number(text) for text in _two(position, "detect"))
    candidates = detect_by_magnitude(first, second)
    if not candidates:
        raise UserError(f"{first:.12g} {second:.12g} fits no frame used in China: check the numbers.")
    for candidate in candidates:
        typer.echo(f"{candidate.frame or 'zone unknown'}: {candidate.reason_en}")


def _conversion(stated: StatedParameters, source: str, target: str) -> Conversion:
    start, end = stated.frame(source), stated.frame(target)
    datum = stated.datum
    if datum and stated.local_frame and Frame.of_local(stated.local_frame) in (start, end):
        # A file may state both; the local frame alone needs no old datum.
        datum = datum if datum.source.datum in (start.datum, end.datum) else None
    return Conversion(start, end, datum)


def _two(values: list[str], command: str) -> tuple[str, str]:
    option = next((value for value in values if value.startswith("--")), None)
    if option:
        raise UserError(f"There is no option {option[:40]}: see ioc coords {command} --help.")
    if len(values) != 2:
        raise UserError(
            f"Give ioc coords {command} two values, x (longitude, easting) and y, not {len(values)}."
        )
    return values[0], values[1]


@contextmanager
def _text_streams() -> Iterator[tuple[TextIO, TextIO]]:
    """Standard input and output as UTF-8; bytes that are not (names in GBK) pass through unchanged."""
    lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", errors="surrogateescape", newline="")
    output = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", errors="surrogateescape", newline="")
    try:
        yield lines, output
        output.flush()
    finally:
        lines.detach()
        output.detach()
