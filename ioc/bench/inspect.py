"""How much of awkward files ``ioc etl inspect`` gets right, beside what GDAL and pandas say by themselves."""

import json
import secrets
import tempfile
import time
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import typer
from psycopg import Connection
from pyogrio.errors import DataSourceError
from rich.console import Console
from rich.table import Table

from etl.header_row import fold
from etl.inspect import inspect_file
from etl.run import run_folder
from geodata.coordinates import Frame
from geodata.errors import UserError
from geodata.migrate import upgrade
from geodata.store import Store
from ioc.bench.awkward_files import AwkwardFile, write_corpus
from ioc.bench.awkward_rows import draw_rows
from ioc.demo.build import build_demo
from ioc.embedded_postgis import EmbeddedPostgis

SCALE = 0.05
SURE = 0.75
"""A right answer must be at least this sure, unless no more can be known."""
ASKED = ("encoding", "crs", "swapped_axes", "target", "fields")


@dataclass(frozen=True)
class Verdict:
    """What was right of one file, by the questions of ``ASKED``; ``by_themselves`` for GDAL or pandas."""

    name: str
    seconds: float
    right: dict[str, bool]
    by_themselves: dict[str, bool]
    said: str


def judge(file: AwkwardFile, layers: list[dict[str, Any]]) -> dict[str, bool]:
    """Hold the layer with most rows against the file's answer."""
    found = max(layers, key=lambda layer: layer["rows"])
    fields = {fold(field["source"]): field["target"] for field in found["fields"]}
    trick = file.trick
    if trick.most is not None:
        frame = found["crs_confidence"] < trick.most and found["crs_choose"]
    else:
        frame = found["crs"] == file.crs and (file.crs is None or found["crs_confidence"] >= SURE)
    return {
        "encoding": found["encoding"] == file.encoding,
        "crs": frame and _frames_beside(file, layers),
        "swapped_axes": file.crs is None or found["swapped_axes"] == trick.swapped,
        "target": not trick.target or found["target"] == file.target,
        "fields": all(fields.get(fold(source)) == target for source, target in file.fields.items()),
    }


def _frames_beside(file: AwkwardFile, layers: list[dict[str, Any]]) -> bool:
    """Whether each further layer of which an answer is known is in its own frame."""
    return all(
        [layer["crs"] for layer in layers if name in layer["file"]] == [crs]
        for name, crs in file.trick.beside.items()
    )


def by_itself(file: AwkwardFile) -> dict[str, bool]:
    """What pandas (tables) or GDAL (all others) says of encoding and frame, no questions asked."""
    if file.path.suffix in (".csv", ".tsv"):
        try:
            pd.read_csv(file.path, nrows=50)
        except (UnicodeDecodeError, pd.errors.ParserError):
            return {"encoding": False, "crs": file.crs is None}
        return {"encoding": file.encoding == "UTF-8", "crs": file.crs is None}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            info = pyogrio.read_info(f"/vsizip/{file.path}" if file.path.suffix == ".zip" else file.path)
            frame = str(Frame.parse(info["crs"])) if info["crs"] else None
    except (UserError, DataSourceError, UnicodeDecodeError):
        return {"encoding": False, "crs": False}
    stated = file.crs if file.trick.most is None else None
    encoding = str(info["encoding"] or "UTF-8").upper().replace("UTF8", "UTF-8")
    return {"encoding": encoding == file.encoding, "crs": frame == stated}


def judge_corpus(connection: Connection[Any], folder: Path, seed: int) -> Iterable[Verdict]:
    """Write the corpus of a seed and look at every file of it."""
    random = np.random.default_rng(seed)
    for file in write_corpus(folder, draw_rows(connection, random), random):
        begin = time.perf_counter()
        layers = inspect_file(file.path, connection).to_json()
        took = time.perf_counter() - begin
        found = max(layers, key=lambda layer: layer["rows"])
        said = (
            f"{found['encoding']}, {found['crs']} {found['crs_confidence']:.2f} "
            f"(next {found['crs_runner_up']}), {found['target']}"
        )
        yield Verdict(file.trick.name, round(took, 2), judge(file, layers), by_itself(file), said)


def bench_inspect(*, seed: int | None, as_json: bool) -> None:
    """Run the corpus on a small demo district of its own and print what was right."""
    chosen = secrets.randbelow(1 << 30) if seed is None else seed
    console = Console(highlight=False, stderr=as_json)
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        console.print(f"seed {chosen}: building and loading the small demo district…")
        build_demo(folder / "demo", scale=SCALE)
        with EmbeddedPostgis(folder / "postgis").in_use() as cluster:
            upgrade(cluster.owner_url)
            store = Store(cluster.app_conninfo, cluster.owner_conninfo)
            for _report in run_folder(store, folder / "demo"):
                pass
            with store.owner_connection() as connection:
                verdicts = list(judge_corpus(connection, folder / "files", chosen))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in verdicts], ensure_ascii=False, indent=2))
    else:
        _print(console, verdicts)


def _print(console: Console, verdicts: list[Verdict]) -> None:
    for one in verdicts:
        wrong = [question for question in ASKED if not one.right[question]]
        if wrong:
            console.print(f"{one.name}: wrong in {', '.join(wrong)}: {one.said}")
    table = Table("question", "right", "GDAL, pandas by themselves")
    for question in ASKED:
        right = sum(one.right[question] for one in verdicts)
        alone = sum(one.by_themselves.get(question, False) for one in verdicts)
        reference = f"{alone}/{len(verdicts)}" if question in ("encoding", "crs") else "—"
        table.add_row(question, f"{right}/{len(verdicts)}", reference)
    console.print(table)
    seconds = sorted(one.seconds for one in verdicts)
    console.print(f"seconds a file: median {seconds[len(seconds) // 2]:.2f}, longest {seconds[-1]:.2f}")
