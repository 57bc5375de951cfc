"""``ioc etl inspect``: what a file holds, and the job that would load it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg import Connection
from rich.console import Console
from rich.table import Table

from etl.inspect import Inspection, LayerInspection, inspect_file, job_code
from geodata.errors import UserError
from ioc.context import open_store
from ioc.settings import Settings, read_settings

console = Console(highlight=False)


def inspect_command(
    file: Annotated[Path, typer.Argument(help="A file as a department hands it over; an archive counts.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of layers as JSON.")] = False,
    write_job: Annotated[
        Path | None,
        typer.Option(help="Write the proposed job here; a folder where the file has several layers."),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Only this layer or sheet.")] = None,
    target: Annotated[str | None, typer.Option(help="The table it is meant for, where you know it.")] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="From the file alone, not held against the store.")
    ] = False,
) -> None:
    """Encoding, layers, frame, fields and target of a file, how sure each is, and a job to load it."""
    settings = read_settings()
    with _connection(settings, alone=alone) as connection:
        found = inspect_file(file, connection, settings.district_projection, target)
    if layer is not None:
        found.layers = [one for one in found.layers if one.raw.name == layer]
        if not found.layers:
            raise UserError(f"{file} has no layer “{layer}”: run the command without --layer to see them.")
    if not found.layers:
        raise UserError(f"{file} holds no rows: deliver it again.")
    if as_json:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    else:
        for one in found.layers:
            _print(one)
    if write_job is not None:
        for path in _write(found, write_job):
            typer.echo(f"Wrote {path}; load it with: ioc etl run {path}", err=True)


@contextmanager
def _connection(settings: Settings, *, alone: bool) -> Iterator[Connection[Any] | None]:
    """The store, unless there is none yet: looking at a file must not set one up."""
    if alone or (settings.database_url is None and not (settings.postgis_folder / "data").is_dir()):
        yield None
        return
    with open_store(settings) as store, store.owner_connection() as connection:
        yield connection


def _print(layer: LayerInspection) -> None:
    found = layer.to_json()
    console.print(f"[bold]{found['file']} · {found['layer']}[/bold]")
    facts = Table(show_header=False, box=None, padding=(0, 2))
    shapes = ", ".join(f"{count} {kind}" for kind, count in found["geometry_types"].items()) or "no places"
    facts.add_row("行数 rows", f"{found['rows']} ({shapes})")
    facts.add_row("编码 encoding", _sure(found["encoding"], found["encoding_confidence"]))
    frame = _sure(found["crs"] or "未知 unknown", found["crs_confidence"])
    runner = f"；其次 next {found['crs_runner_up']} {found['crs_runner_up_confidence']:.0%}"
    facts.add_row("坐标系 frame", frame + (runner if found["crs_runner_up"] else ""))
    if found["swapped_axes"]:
        facts.add_row("", "纬度（纵坐标）在前 latitude or northing first")
    if found["crs_choose"]:
        facts.add_row("", "[bold]请核对并选择坐标系 check and choose the frame[/bold]")
    for reason in found["crs_evidence"]:
        facts.add_row("", f"· {reason['zh']}\n  {reason['en']}")
    target = _sure(found["target"], found["target_score"])
    facts.add_row(
        "目标 target",
        f"{target}；其次 next {found['target_runner_up']} {found['target_runner_up_score']:.0%}",
    )
    console.print(facts)
    table = Table("字段 field", "→", "得分", "类型 type", "空值 null", "示例 examples")
    for one in found["fields"]:
        unit = f" ×{one['factor']:g}" if one["factor"] else ""
        table.add_row(
            one["source"],
            (one["target"] or "—") + unit,
            f"{one['score']:.2f}" if one["target"] else "",
            one["type"],
            f"{one['null_share']:.0%}",
            "，".join(one["examples"])[:60],
        )
    console.print(table)


def _sure(what: str, confidence: float) -> str:
    return f"{what} ({confidence:.0%})"


def _write(found: Inspection, path: Path) -> list[Path]:
    """The proposed jobs, reading the file from where it lies."""
    several = len(found.layers) > 1
    folder = path if several else path.parent
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for one in found.layers:
        target = folder / f"{job_code(one.raw)}.toml" if several else path
        name = json.dumps(found.path.name, ensure_ascii=False)
        here = json.dumps(str(found.path.resolve()), ensure_ascii=False)
        text = one.job.replace(f"path = {name}", f"path = {here}", 1)
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return written
