"""Builds the Dash application on the FastAPI server that carries tiles, features and search."""

from dataclasses import asdict, dataclass
from typing import Any

import dash
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from dashboards.one_map import one_map
from dashboards.page_frame import ASSETS, GRID_PREFIX, grid_folder, page_frame
from dashboards.wording import texts

UNUSED = ("/dash/dcc/", "/dash/dash_table/")


@dataclass(frozen=True)
class MapSettings:
    """What the pages must know of the district. Angles in degrees of CGCS2000."""

    district_zh: str = "武昌区"
    district_en: str = "Wuchang"
    extent: tuple[float, float, float, float] = (114.262, 30.473, 114.430, 30.628)
    meridian: int = 114
    zone_crs: str = "EPSG:4547"
    review_number: str | None = None
    synthetic: bool = False
    alarm_sound_severity: int = 2
    """The least severity of alarms that sound, from 1 to 4; 0: none does."""

    def as_page_data(self) -> dict[str, Any]:
        """The settings as the browser code reads them."""
        return asdict(self)


class MapApplication(dash.Dash):
    """Dash without the scripts of components that no page has: half a megabyte to read before the map."""

    def interpolate_index(
        self,
        metas: str = "",
        title: str = "",
        css: str = "",
        config: str = "",
        scripts: str = "",
        app_entry: str = "",
        favicon: str = "",
        renderer: str = "",
    ) -> str:
        """Fill the frame."""
        used = "\n".join(tag for tag in scripts.split("\n") if not any(part in tag for part in UNUSED))
        return super().interpolate_index(metas, title, css, config, used, app_entry, favicon, renderer)


def create_dash(server: FastAPI, settings: MapSettings) -> dash.Dash:
    """The Dash application on ``server``; own routes must be on it before, since Dash takes the rest."""
    data = settings.as_page_data()
    # Before Dash's own assets; the version in the path keeps a browser from mixing parts of two.
    server.mount(f"{GRID_PREFIX}/{{version}}", StaticFiles(directory=grid_folder()))
    app = MapApplication(
        __name__,
        server=server,  # pyright: ignore[reportArgumentType] -- typed for Flask, documented for FastAPI
        backend="fastapi",
        assets_folder=str(ASSETS),
        include_assets_files=False,
        index_string=page_frame(data),
        title=texts("zh")["page_title"],
        update_title="",
        add_log_handler=False,
    )
    app.layout = one_map(data)
    return app
