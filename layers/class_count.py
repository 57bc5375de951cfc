"""How many features of each class are in view: the numbers of the legend."""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer
from layers.catalogue import Catalogue
from layers.dataset_watch import DatasetWatch
from layers.feature import visible_layer
from layers.filter_reading import narrowed_by
from layers.layer import Layer, Property
from layers.listing import layer_style
from layers.moment import Datasets, MomentNotKeptError, layer_at
from layers.tile_sql import place, property_value, row_filter, row_parameters
from layers.view_extent import Extent, in_view, view_parameters

MANY_POINTS = 5_000
"""Points of a layer from which on their positions are kept in memory; fewer are counted by the store."""
MOST_KEPT = 12
"""Layers, filters and rights whose positions are kept: 16 bytes a point."""


@dataclass(frozen=True)
class Positions:
    """Positions (metres of EPSG:3857) of a layer's points by class, as one viewer may see them."""

    by_class: dict[str | None, np.ndarray]

    def counts(self, west: float, south: float, east: float, north: float) -> dict[str | None, int]:
        """Points in a box by class, classes without any left out."""
        found = {}
        for name, places in self.by_class.items():
            x, y = places[:, 0], places[:, 1]
            number = int(np.count_nonzero((x >= west) & (x <= east) & (y >= south) & (y <= north)))
            if number:
                found[name] = number
        return found


def class_property(layer: Layer) -> Property | None:
    """The value that tells a layer's classes apart on the map and in its legend."""
    for part in layer_style(layer, "night"):
        name = part.get("metadata", {}).get("legend_property")
        found = next((one for one in layer.properties if one.name == name), None)
        if found is not None:
            return found
    return layer.cluster_class


class ClassCounter:
    """Counts for viewers; what it keeps is true for the rights, version and filter it was read for."""

    def __init__(self, store: Store, catalogue: Callable[[], Catalogue], watch: DatasetWatch) -> None:
        self._store = store
        self._catalogue = catalogue
        self._watch = watch
        self._kept: OrderedDict[tuple[Any, ...], Positions] = OrderedDict()

    async def counts(
        self, viewer: Viewer, extent: Extent, asked: dict[str, Any], moment: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Features in view by class, for each layer id and its filter (conditions, or None).

        At an earlier moment layers of which nothing is kept from then are left out.

        Raises:
            NotFoundError: a layer does not exist, as far as this viewer may know.
            FilterError: a filter is not one of its layer.
        """
        catalogue = self._catalogue()
        pairs: list[tuple[Layer, Datasets]] = []
        for layer_id, conditions in asked.items():
            visible_layer(catalogue, viewer, layer_id)
            now = catalogue.by_id[layer_id]
            with suppress(MomentNotKeptError):
                layer, datasets = layer_at(catalogue, now, catalogue.visible_datasets(now, viewer), moment)
                pairs.append((narrowed_by(layer, conditions), datasets))
        kept = [await self._positions(viewer, layer, datasets) for layer, datasets in pairs]
        box = view_parameters(extent)
        statements = [
            _statement(layer, [dataset.id for dataset in datasets], box)
            for (layer, datasets), positions in zip(pairs, kept, strict=True)
            if positions is None
        ]
        answers = iter(await self._store.read(viewer, statements) if statements else [])
        found = []
        for (layer, _), positions in zip(pairs, kept, strict=True):
            classes = positions.counts(*box.values()) if positions else dict(next(answers))
            listed = [{"value": name, "count": count} for name, count in classes.items()]
            found.append({"layer": layer.id, "total": sum(classes.values()), "classes": listed})
        return found

    async def _positions(self, viewer: Viewer, layer: Layer, datasets: Datasets) -> Positions | None:
        """Positions of a layer with many points; None where the store counts."""
        many = layer.geometry == "point" and sum(d.rows_loaded for d in datasets) >= MANY_POINTS
        if not many or not self._watch.is_watched():
            return None
        dataset_ids = [dataset.id for dataset in datasets]
        key = (layer, viewer.fingerprint(dataset_ids), *(d.version_key for d in datasets))
        positions = self._kept.get(key)
        if positions is None:
            (rows,) = await self._store.read(viewer, [_positions_statement(layer, dataset_ids)])
            shaped = {name: np.frombuffer(packed, ">f8").reshape(-1, 2) for name, packed in rows}
            positions = Positions({name: places.astype("f8") for name, places in shaped.items()})
            if self._watch.is_watched():
                self._kept[key] = positions
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return positions


def class_value(layer: Layer) -> sql.Composable:
    """SQL of a row's class; NULL for layers that tell none apart."""
    told = class_property(layer)
    return sql.SQL("{}::text").format(property_value(told)) if told else sql.SQL("NULL::text")


def _statement(layer: Layer, dataset_ids: list[int], box: dict[str, Any]) -> tuple[sql.Composed, dict]:
    statement = sql.SQL("SELECT {value}, count(*) FROM {relation} WHERE {view} AND {rows} GROUP BY 1").format(
        value=class_value(layer),
        relation=layer.relation,
        view=in_view(layer),
        rows=row_filter(layer),
    )
    return statement, {**row_parameters(layer, dataset_ids), **box}


def _positions_statement(layer: Layer, dataset_ids: list[int]) -> tuple[sql.Composed, dict]:
    statement = sql.SQL(
        """
        SELECT class, string_agg(float8send(ST_X(place)) || float8send(ST_Y(place)), ''::bytea)
        FROM (SELECT {value} AS class, {place} AS place FROM {relation} WHERE {rows} OFFSET 0) AS point
        WHERE place IS NOT NULL GROUP BY class
        """
    ).format(
        value=class_value(layer),
        place=place(layer),
        relation=layer.relation,
        rows=row_filter(layer),
    )
    return statement, row_parameters(layer, dataset_ids)
