import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest

from ioc.demo.build import build_demo
from ioc.demo.district import DemoDistrict, make_district

SCALE = 0.02
SEED = 420106


@dataclass(frozen=True)
class DemoFolder:
    """A built demo district: its folder and manifest."""

    path: Path
    manifest: dict[str, Any]

    def read(self, file: str, encoding: str | None = None) -> gpd.GeoDataFrame:
        frame = gpd.read_file(self.path / file, encoding=encoding)
        assert isinstance(frame, gpd.GeoDataFrame)
        return frame

    def seeded(self, file: str) -> list[dict[str, Any]]:
        """What the manifest says was spoilt in a file."""
        return [row for row in self.manifest["seeded_rows"] if row["file"] == file]

    def spoilt(self, file: str, layer: str) -> list[int]:
        """Index labels of the spoilt rows."""
        return [row["row"] - 1 for row in self.seeded(file) if row["layer"] == layer]


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoFolder:
    folder = tmp_path_factory.mktemp("demo")
    build_demo(folder, SEED, SCALE)
    return DemoFolder(folder, json.loads((folder / "manifest.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="package")
def district() -> DemoDistrict:
    return make_district(SEED, SCALE, lambda _: None)
