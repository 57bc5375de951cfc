"""The whole demo district, made step by step from one seed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ioc.demo.areas import Areas, divide
from ioc.demo.buildings import Buildings, Green, plant_greens, put_up_buildings
from ioc.demo.cameras import Cameras, mount_cameras
from ioc.demo.components import Components, survey_components
from ioc.demo.drain_faults import DrainFault, seed_faults
from ioc.demo.drains import Drains, lay_drains
from ioc.demo.facilities import Facilities, name_places, open_facilities
from ioc.demo.landscape import Landscape, points_at, read_landscape
from ioc.demo.road_names import name_roads
from ioc.demo.roads import LANE_ABOVE, RoadNetwork, build_network, cut_cells, main_roads
from ioc.demo.stations import Stations, set_up_stations
from ioc.demo.vehicles import list_vehicles

UNIT_GRIDS, DUTY_GRIDS = 6000, 1818
Progress = Callable[[str], None]


@dataclass(frozen=True)
class DemoDistrict:
    """Everything in the district, in metres and without a fault other than those of the drains."""

    landscape: Landscape
    network: RoadNetwork
    areas: Areas
    greens: list[Green]
    buildings: Buildings
    drains: Drains
    drain_faults: list[DrainFault]
    components: Components
    cameras: Cameras
    facilities: Facilities
    places: pd.DataFrame
    stations: Stations
    vehicles: pd.DataFrame


def grid_counts(scale: float) -> tuple[int, int]:
    """Unit and duty grids for a scale: both grow with its fourth root, for the land stays the same."""
    factor = scale**0.25
    return round(UNIT_GRIDS * factor), max(142, round(DUTY_GRIDS * factor))


def make_district(seed: int, scale: float, progress: Progress) -> DemoDistrict:
    """The district for a seed; every step draws from its own stream, so that none disturbs another."""

    def stream(step: int) -> np.random.Generator:
        return np.random.default_rng([seed, step])

    progress("地形与道路")
    landscape = read_landscape()
    roads = main_roads(landscape)
    unit_grids, duty_grids = grid_counts(scale)
    lane_above = LANE_ABOVE / max(1.0, scale)
    cells = cut_cells(landscape, roads, unit_grids, lane_above, stream(1))
    progress("街道、社区与网格")
    areas = divide(landscape, roads, cells.polygons, duty_grids)
    network = name_roads(build_network(roads, cells, landscape, lane_above), areas)
    progress("建筑与绿地")
    greens = plant_greens(landscape, areas, stream(2))
    buildings = put_up_buildings(landscape, network, areas, greens, scale, stream(3))
    progress("排水管网")
    street_of = areas.street[areas.cell_at(points_at(network.junctions))]
    drains = lay_drains(landscape, network, scale, street_of, stream(4))
    drains, drain_faults = seed_faults(drains, scale, stream(5))
    progress("城市部件")
    shapes = np.array([green.shape for green in greens])
    components = survey_components(landscape, network, areas, drains, shapes, scale, stream(6))
    progress("视频、设施与测站")
    cameras = mount_cameras(network, areas, scale, stream(7))
    facilities = open_facilities(landscape, network, areas, buildings, drains, scale, stream(8))
    places = name_places(landscape, areas, buildings, facilities, scale, stream(9))
    stations = set_up_stations(landscape, network, areas, drains, scale, stream(10))
    return DemoDistrict(
        landscape, network, areas, greens, buildings, drains, drain_faults,
        components, cameras, facilities, places, stations, list_vehicles(scale),
    )  # fmt: skip
