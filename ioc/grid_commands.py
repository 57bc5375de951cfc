"""``ioc grid``: check the published unit grids, divide communities into unit grids, number them anew."""

import json
from contextlib import ExitStack
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import shapely
import typer
from rich.console import Console
from rich.table import Table

from geodata.coordinates import convert_geometries
from geodata.store import Store
from geodata.unit_grid_check import RULES, GridCheck, Limits, check_unit_grids, large_water
from geodata.unit_grid_generation import TARGET_AREA, Barriers, UnitGrids, generate
from geodata.unit_grid_numbering import unit_grid_codes
from ioc.context import open_store
from ioc.settings import read_settings
from ioc.unit_grid_file import (
    CODE,
    COMMUNITY,
    DEGREES,
    FORMER,
    NAME,
    Shapes,
    base_features_of_store,
    checked_driver,
    communities_of_store,
    grid_table,
    roads_on_the_ground,
    shapes_of_file,
    text_column,
    write_grids,
)

grid_app = typer.Typer(help="Unit grids (万米单元网格): check, divide, number anew.", no_args_is_help=True)
check_app = typer.Typer(no_args_is_help=True)
console = Console(highlight=False)


class Managed(StrEnum):
    """What unit grids must cover."""

    COMMUNITIES = "communities"
    DISTRICT = "district"


@grid_app.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print the violations as GeoJSON.")] = False,
    geojson: Annotated[Path | None, typer.Option(help="Write the violations to this GeoJSON file.")] = None,
    managed: Annotated[Managed, typer.Option(help="The area to be covered.")] = Managed.COMMUNITIES,
    water_above: Annotated[
        float | None, typer.Option(min=0, help="Water larger than this, in m², need not be covered.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option(help="Areas that need not be covered: a vector file, FILE#LAYER.")
    ] = None,
    sliver_area: Annotated[float, typer.Option(min=0, help="Smaller faults are only counted, in m².")] = 1.0,
    sliver_width: Annotated[float, typer.Option(min=0, help="Narrower ones as well, in m.")] = 0.05,
) -> None:
    """Check the published unit grids; exits with 1 when there are errors."""
    settings = read_settings()
    with open_store(settings) as store, store.owner_connection() as connection:
        excluded = [] if water_above is None else [large_water(connection, water_above)]
        if exclude is not None:
            shapes = shapes_of_file(exclude, settings.district_projection).geometry
            excluded.append(
                shapely.union_all(convert_geometries(shapes, settings.district_projection, DEGREES))
            )
        areas = [area for area in excluded if area is not None]
        found = check_unit_grids(
            connection,
            managed.value,
            shapely.union_all(areas) if areas else None,
            Limits(sliver_area, sliver_width),
        )
    text = json.dumps(found.as_geojson(), ensure_ascii=False)
    if geojson is not None:
        geojson.write_text(text, encoding="utf-8")
    if as_json:
        typer.echo(text)
    else:
        _print(found)
    if found.errors:
        raise typer.Exit(1)


check_app.command("grids")(check)


@check_app.callback()
def checks() -> None:
    """Checks of what is published."""


def _print(found: GridCheck) -> None:
    if found.violations:
        table = Table("rule", "severity", "grids", "m²", "原因 reason")
        for one in found.violations:
            table.add_row(
                RULES[one.rule][0], one.severity, "\n".join(one.codes), f"{one.area_m2:,.1f}", one.reason_zh
            )
        console.print(table)
    slivers = sum(found.slivers.values())
    console.print(
        f"{found.grids} unit grids in {found.communities} communities: {found.errors} errors, "
        f"{len(found.violations) - found.errors} warnings; {slivers} slivers "
        f"(below {found.limits.sliver_area:g} m² or {found.limits.sliver_width:g} m wide) left out."
    )


@grid_app.command("generate")
def generate_grids(
    out: Annotated[Path, typer.Option(help="File to write: .gpkg or .geojson.")],
    communities: Annotated[
        str,
        typer.Option(help="A vector file (FILE#LAYER), or area codes in the store separated by commas; all."),
    ] = "all",
    roads: Annotated[str | None, typer.Option(help="Roads: FILE#LAYER instead of the base map.")] = None,
    water: Annotated[str | None, typer.Option(help="Water: FILE#LAYER instead of the base map.")] = None,
    buildings: Annotated[
        str | None, typer.Option(help="Buildings: FILE#LAYER instead of the base map.")
    ] = None,
    target_area: Annotated[float, typer.Option(help="Area of a unit grid, in m².")] = TARGET_AREA,
    initial_date: Annotated[str | None, typer.Option(help="初始日期, YYYY-MM-DD; today.")] = None,
) -> None:
    """Divide communities along roads and water into unit grids, numbered; load them with job unit_grid."""
    checked_driver(out)
    initial = _day(initial_date)
    settings = read_settings()
    projection = settings.district_projection
    with ExitStack() as stack:
        opened: list[Store] = []

        def of_store(kind: str) -> Shapes:
            if not opened:
                opened.append(stack.enter_context(open_store(settings)))
            with opened[0].owner_connection() as connection:
                if kind != "community":
                    return base_features_of_store(connection, kind, projection)
                codes = [] if communities == "all" else communities.split(",")
                return communities_of_store(connection, codes, projection)

        def shapes(kind: str, file: str | None) -> Shapes:
            return of_store(kind) if file is None else shapes_of_file(file, projection)

        from_file = communities if "." in communities else None
        areas = shapes("community", from_file)
        lines, main = roads_on_the_ground(shapes("road", roads))
        barriers = Barriers(
            lines, main, shapes("water", water).geometry, shapes("building", buildings).geometry
        )
    codes = text_column(areas, communities, "communities' codes", "代码", "社区代码", "SZSQDM", "code")
    names = areas.column("名称", "社区名称", "SZSQMC", "name")
    grids = generate(areas.geometry, barriers, target_area)
    community = codes.to_numpy(dtype=str)[grids.community]
    numbered = unit_grid_codes(grids.polygons, community.tolist(), target_area**0.5)
    called = community if names is None else names.to_numpy()[grids.community]
    titles = [f"{name}{code[12:]}" for name, code in zip(called, numbered, strict=True)]
    write_grids(grid_table(numbered, titles, grids.polygons, projection, initial), out)
    _say_generated(grids, len(areas.geometry), len(barriers.buildings), out)


def _day(text: str | None) -> date:
    try:
        return date.today() if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"“{text}” is not a day such as 2026-07-01.") from None


def _say_generated(grids: UnitGrids, communities: int, buildings: int, out: Path) -> None:
    area = shapely.area(grids.polygons[~grids.water])
    low, middle, high = np.percentile(area, [5, 50, 95]) if len(area) else (0, 0, 0)
    console.print(
        f"{out}: {len(grids.polygons)} unit grids in {communities} communities, {int(grids.water.sum())} of "
        f"them water; land grids {middle:,.0f} m² in the middle, 90 % between {low:,.0f} and {high:,.0f} m²; "
        f"{grids.buildings_cut} of {buildings} buildings lie in more than one grid."
    )


@grid_app.command()
def renumber(
    source: Annotated[str, typer.Argument(help="Unit grids: a vector file, FILE#LAYER.")],
    out: Annotated[Path, typer.Argument(help="File to write: .gpkg or .geojson.")],
    row_height: Annotated[float, typer.Option(min=1, help="Height of a row of grids, in m.")] = 100.0,
) -> None:
    """Number grids anew in each community, west to east and north to south; the old code is kept beside."""
    checked_driver(out)
    projection = read_settings().district_projection
    grids = shapes_of_file(source, projection)
    old = text_column(grids, source, "grids' codes", CODE, "BGID", "code")
    stated = grids.column(COMMUNITY, "SZSQDM", "community_code")
    community = old.str[:12] if stated is None else stated.astype(str).str.strip()
    codes = unit_grid_codes(grids.geometry, community.tolist(), row_height)
    table = grids.table.assign(**{CODE: codes, COMMUNITY: community, FORMER: old})
    if NAME in table:
        ends = [name.endswith(code[12:]) for name, code in zip(table[NAME].astype(str), old, strict=True)]
        named = table[NAME].astype(str).str[:-3] + np.array([code[12:] for code in codes])
        table[NAME] = np.where(ends, named, table[NAME])
    degrees = convert_geometries(grids.geometry, projection, DEGREES)
    order = np.argsort(codes, kind="stable")
    write_grids(gpd.GeoDataFrame(table.iloc[order], geometry=degrees[order], crs=DEGREES), out)
    changed = int((old.to_numpy() != codes).sum())
    console.print(
        f"{out}: {len(codes)} unit grids numbered, {changed} of them with another code than before."
    )
