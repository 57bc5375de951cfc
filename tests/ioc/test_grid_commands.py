"""``ioc grid``: divide communities of the demo, load the result through ETL, check it, number it anew."""

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from typer.testing import CliRunner, Result

from etl.job_file import find_job
from etl.run import run_job
from geodata.errors import UserError
from geodata.store import Store
from ioc.grid_commands import grid_app

STREET = "420106003"
Run = Callable[..., Result]


@pytest.fixture
def grid(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``ioc grid …`` in the test's folder on the test's store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IOC_DATABASE_URL", store.app_url)
    monkeypatch.setenv("IOC_OWNER_DATABASE_URL", store.owner_url)
    monkeypatch.setenv("IOC_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(grid_app, arguments)

    return run


@pytest.fixture
def street(store: Store, demo_folder: Path, tmp_path: Path) -> Path:
    """A file with the communities of one street, which are also all that the store has."""
    communities = gpd.read_file(demo_folder / "区民政局/行政区划_社区.geojson")
    file = tmp_path / "社区.geojson"
    communities[communities["街道代码"] == STREET].to_file(file, driver="GeoJSON", COORDINATE_PRECISION=11)
    for name in ("district", "street"):
        run_job(store, find_job(name), demo_folder)
    run_job(store, find_job("community"), file)
    return file


@pytest.mark.parametrize("ending", ["gpkg", "geojson"])
def test_generated_grids_load_through_etl_and_have_no_fault(
    grid: Run, street: Path, store: Store, demo_folder: Path, tmp_path: Path, ending: str
) -> None:
    base = demo_folder / "自然资源和规划分局/基础地图.gpkg"
    layers = [part for kind in ("roads", "water") for part in (f"--{kind}", f"{base}#{kind.rstrip('s')}")]
    made = grid(
        "generate", "--communities", str(street), *layers, "--buildings", f"{base}#building",
        "--out", f"grids.{ending}", "--initial-date", "2026-07-01",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    report = run_job(store, find_job("unit_grid"), tmp_path / f"grids.{ending}")
    assert report.rows_loaded == report.rows_read > 50
    checked = grid("check", "--json", "--water-above", "30000")
    found = json.loads(checked.output)
    assert (checked.exit_code, found["features"]) == (0, [])
    assert found["summary"]["grids"] == report.rows_read
    loaded = gpd.read_file(tmp_path / f"grids.{ending}")
    codes = loaded["网格编码"].tolist()
    assert codes == sorted(codes)
    assert str(loaded["初始日期"].iloc[0])[:10] == "2026-07-01"


@pytest.mark.usefixtures("street")
def test_check_reports_a_gap_and_says_so_with_its_exit(
    grid: Run, store: Store, demo_folder: Path, tmp_path: Path
) -> None:
    grids = gpd.read_file(demo_folder / "区城市运行管理中心/万米单元网格.geojson")
    grids = grids[grids["网格编码"].str.startswith(STREET)]
    lost = grids.iloc[5]
    grids.drop(grids.index[5]).to_file(tmp_path / "grids.geojson", driver="GeoJSON", COORDINATE_PRECISION=11)
    run_job(store, find_job("unit_grid"), tmp_path / "grids.geojson")
    checked = grid("check", "--geojson", "found.geojson", "--water-above", "30000")
    assert checked.exit_code == 1
    assert "errors" in checked.output
    found = json.loads((tmp_path / "found.geojson").read_text(encoding="utf-8"))
    (gap,) = [one for one in found["features"] if one["properties"]["rule"] == "gap"]
    assert shapely.hausdorff_distance(shapely.geometry.shape(gap["geometry"]), lost.geometry) < 1e-6


def test_renumber_keeps_the_old_code_beside(grid: Run, demo_folder: Path, tmp_path: Path) -> None:
    source = demo_folder / "区城市运行管理中心/万米单元网格.geojson"
    old = gpd.read_file(source).iloc[:300]
    mixed = old.assign(
        网格编码=[f"{code[:12]}{999 - number:03d}" for number, code in enumerate(old["网格编码"])]
    )
    mixed.to_file(tmp_path / "old.geojson", driver="GeoJSON", COORDINATE_PRECISION=11)
    done = grid("renumber", "old.geojson", "new.gpkg")
    assert done.exit_code == 0, done.output
    assert "300 unit grids numbered" in done.output
    new = gpd.read_file(tmp_path / "new.gpkg")
    assert sorted(new["原网格编码"]) == sorted(mixed["网格编码"])
    assert new["网格编码"].is_unique
    for community, members in new.groupby("社区代码"):
        numbers = [int(code[12:]) for code in members["网格编码"]]
        assert numbers == list(range(1, len(members) + 1))
        assert members["网格编码"].str.startswith(str(community)).all()
    assert new.geometry.union_all().equals_exact(old.geometry.union_all(), 1e-8, normalize=True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("generate", "--communities", "none.gpkg", "--out", "a.gpkg"), "none.gpkg is not there"),
        (("generate", "--out", "a.shp"), "change the ending"),
        (("generate", "--out", "nowhere/a.gpkg"), "make it first"),
        (("generate", "--communities", "999999", "--out", "a.gpkg"), "no community in 999999"),
        (("renumber", "none.gpkg", "b.gpkg"), "none.gpkg is not there"),
    ],
)
def test_bad_input_gets_one_sentence(grid: Run, arguments: tuple[str, ...], sentence: str) -> None:
    done = grid(*arguments)
    assert isinstance(done.exception, UserError)
    assert sentence in str(done.exception)
