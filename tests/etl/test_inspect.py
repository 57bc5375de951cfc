"""Understanding files: the awkward corpus, what states nothing, and that the proposed job loads."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from psycopg import sql

from etl.inspect import Knowledge, inspect_file
from etl.inspect.assignment import best_assignment
from etl.job_file import load_job
from etl.run import run_job
from etl.text_encoding import detect_encoding
from geodata.coordinates import convert
from geodata.store import Store
from ioc.bench.awkward_files import AwkwardFile, write_corpus
from ioc.bench.awkward_rows import draw_rows
from ioc.bench.awkward_tricks import TRICKS
from ioc.bench.inspect import ASKED, by_itself, judge

SEED = 20261121


def test_every_awkward_file_is_understood(demo_store: Store, tmp_path: Path) -> None:
    assert len(TRICKS) >= 60
    wrong, jobs, alone = [], 0, 0
    random = np.random.default_rng(SEED)
    with demo_store.owner_connection() as connection:
        knowledge = Knowledge(connection)
        for file in write_corpus(tmp_path, draw_rows(connection, random), random):
            layers = inspect_file(file.path, knowledge).to_json()
            right = judge(file, layers)
            wrong += [f"{file.trick.name}: {asked}: {_said(layers)}" for asked in ASKED if not right[asked]]
            jobs += _job_is_valid(file, layers, tmp_path)
            alone += by_itself(file)["crs"]
    assert not wrong, "\n".join(wrong)
    # No frame can be named of the two in planes of their own.
    assert jobs == len(TRICKS) - 2
    # GDAL and pandas believe what files state: the corpus must not be one that this is enough for.
    assert alone < len(TRICKS) / 2


def _said(layers: list[dict]) -> str:
    found = max(layers, key=lambda layer: layer["rows"])
    names = ("encoding", "crs", "crs_confidence", "crs_runner_up", "swapped_axes", "target")
    fields = {field["source"]: field["target"] for field in found["fields"]}
    return f"{[found[name] for name in names]} {fields} {found['crs_evidence']}"


def _job_is_valid(file: AwkwardFile, layers: list[dict], folder: Path) -> bool:
    """Every proposal is a job file, except where no frame can be named."""
    found = max(layers, key=lambda layer: layer["rows"])
    path = folder / f"{file.trick.name}.toml"
    path.write_text(found["job"], encoding="utf-8")
    if file.crs is None:
        return False
    assert load_job(path).source.path == file.path.name
    return True


@pytest.mark.parametrize(
    "name", ["csv_gcj", "csv_pair_lat_first", "csv_packed", "geojson_lat_first", "shp_zip", "csv_wkt_lines"]
)
def test_the_proposed_job_puts_rows_where_they_are(demo_store: Store, tmp_path: Path, name: str) -> None:
    random = np.random.default_rng(SEED)
    with demo_store.owner_connection() as connection:
        rows = draw_rows(connection, random)
        trick = next(one for one in TRICKS if one.name == name)
        file = next(one for one in write_corpus(tmp_path, rows, random) if one.trick is trick)
        found = inspect_file(file.path, connection).to_json()[0]
    path = tmp_path / "handed_in.toml"
    path.write_text(found["job"], encoding="utf-8")
    report = run_job(demo_store, load_job(path), file.path)
    assert report.rows_loaded >= 0.9 * report.rows_read
    query = sql.SQL(
        "SELECT ST_AsBinary(geom) FROM ioc.{} f JOIN ioc.dataset d ON d.id = f.dataset_id WHERE d.code = %s"
    ).format(sql.Identifier(found["target"]))
    with demo_store.owner_connection() as connection:
        loaded = shapely.from_wkb([row[0] for row in connection.execute(query, ["handed_in"], binary=True)])
    assert len(loaded) == report.rows_loaded
    # 2 m in degrees: what the coordinates were rounded to, and the closing error of GCJ-02's inverse.
    tree = shapely.STRtree(rows[trick.rows].shapes)
    near, _ = tree.query_nearest(loaded, max_distance=2e-5)
    assert len(set(near.tolist())) == len(loaded)


def test_without_a_store_degrees_that_state_nothing_are_left_to_the_steward(tmp_path: Path) -> None:
    path = _points(tmp_path, "CGCS2000")
    found = inspect_file(path, None).to_json()[0]
    assert found["crs"] == "CGCS2000"
    assert found["crs_confidence"] < 0.75
    assert found["crs_choose"]
    assert found["crs_runner_up"] == "GCJ-02"


def test_without_a_store_what_a_file_says_of_itself_counts(tmp_path: Path) -> None:
    path = _points(tmp_path, "BD-09", ("百度经度", "百度纬度"))
    found = inspect_file(path, None).to_json()[0]
    assert (found["crs"], found["crs_choose"]) == ("BD-09", False)


def _points(folder: Path, frame: str, names: tuple[str, str] = ("经度", "纬度")) -> Path:
    random = np.random.default_rng(1)
    lon, lat = convert(114.28 + random.random(40) / 20, 30.53 + random.random(40) / 20, "CGCS2000", frame)
    path = folder / "点.csv"
    pd.DataFrame({"编号": range(40), names[0]: lon, names[1]: lat}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        ("编号,名称\n1,东湖幼儿园\n", "utf-8", "UTF-8"),
        ("编号,名称\n1,东湖幼儿园\n", "gb18030", "GB18030"),
        ("編號,名稱\n1,東湖幼兒園\n2,糧道街\n", "big5", "Big5"),
        ("編號,名稱\n1,東湖幼兒園\n2,糧道街\n", "gb18030", "GB18030"),
        ("编号,名称\n1,东湖\n", "utf-16", "UTF-16"),
        ("name\nCafé\nRue Élysée\nMünchen\n", "latin-1", "Windows-1252"),
        ("id,name\n1,main road\n", "ascii", "UTF-8"),
    ],
)
def test_encodings_are_told_apart_by_what_they_make_of_the_bytes(text: str, codec: str, name: str) -> None:
    assert detect_encoding(text.encode(codec)).name == name


def test_the_best_assignment_is_of_all_pairs_together() -> None:
    # Taking the greatest score first, 9, leaves 0 for the other row: 9 in all instead of 8 + 7.
    scores = np.array([[9.0, 8.0], [7.0, 0.0]])
    assert best_assignment(scores) == [(0, 1), (1, 0)]
