"""How many features of each class are in view: the numbers of the legend."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer
from layers.catalogue import Catalogue
from layers.class_box import ClassBoxes, ClassBoxMemory
from layers.dataset_watch import DatasetWatch
from layers.feature import visible_layer
from layers.filter_reading import narrowed_by
from layers.layer import Layer, Property
from layers.listing import layer_style
from layers.moment import Datasets, MomentNotKeptError, layer_at
from layers.tile_sql import place, property_value, row_filter, row_parameters
from layers.view_extent import Extent, in_view, meets_view, view_parameters


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
        self._memory = ClassBoxMemory()

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
        counted = await self._counted(viewer, pairs, view_parameters(extent))
        return [
            {
                "layer": layer.id,
                "total": classes.total(),
                "classes": [{"value": name, "count": count} for name, count in classes.items()],
            }
            for (layer, _), classes in zip(pairs, counted, strict=True)
        ]

    async def _counted(
        self, viewer: Viewer, pairs: list[tuple[Layer, Datasets]], view: dict[str, float]
    ) -> list[Counter[str | None]]:
        """Classes and their numbers; the store is asked only for what the kept boxes do not tell."""
        ids = [[dataset.id for dataset in datasets] for _, datasets in pairs]
        if not self._watch.is_watched():
            statements = [_statement(layer, own, view) for (layer, _), own in zip(pairs, ids, strict=True)]
            return [Counter(dict(rows)) for rows in await self._store.read(viewer, statements)]
        boxes = await asyncio.gather(*(self._boxes(viewer, *pair) for pair in pairs))
        counted, unsure, statements = [], [], []
        for (layer, _), own, kept in zip(pairs, ids, boxes, strict=True):
            classes, features = kept.counts((view["vw"], view["vs"], view["ve"], view["vn"]))
            counted.append(Counter(classes))
            if features:
                unsure.append(counted[-1])
                statements.append(_statement(layer, own, view, features))
        answers = await self._store.read(viewer, statements) if statements else []
        for classes, rows in zip(unsure, answers, strict=True):
            classes.update(dict(rows))
        return counted

    async def _boxes(self, viewer: Viewer, layer: Layer, datasets: Datasets) -> ClassBoxes:
        dataset_ids = [dataset.id for dataset in datasets]
        key = (layer, viewer.fingerprint(dataset_ids), *(d.rows_key for d in datasets))

        async def read() -> ClassBoxes:
            (rows,) = await self._store.read(viewer, [_boxes_statement(layer, dataset_ids)])
            return ClassBoxes.of_points(rows) if layer.geometry == "point" else ClassBoxes.of_shapes(rows)

        return await self._memory.get(key, read, self._watch.is_watched)


def class_value(layer: Layer) -> sql.Composable:
    """SQL of a row's class; NULL for layers that tell none apart."""
    told = class_property(layer)
    return sql.SQL("{}::text").format(property_value(told)) if told else sql.SQL("NULL::text")


def _statement(
    layer: Layer, dataset_ids: list[int], view: dict[str, float], features: list[int] | None = None
) -> tuple[sql.Composed, dict[str, Any]]:
    """Numbers in view by class; of certain features only, where their ids are given."""
    if features is None:
        condition = in_view(layer)
    else:
        condition = sql.SQL("id = ANY (%(features)s::bigint[]) AND {}").format(meets_view())
    statement = sql.SQL("SELECT {value}, count(*) FROM {relation} WHERE {view} AND {rows} GROUP BY 1").format(
        value=class_value(layer), relation=layer.relation, view=condition, rows=row_filter(layer)
    )
    return statement, {**row_parameters(layer, dataset_ids), **view, "features": features}


def _boxes_statement(layer: Layer, dataset_ids: list[int]) -> tuple[sql.Composed, dict[str, Any]]:
    """Records of ``layers.class_box`` by class."""
    if layer.geometry == "point":
        shape = place(layer)
        record = "float8send(ST_X(shape)) || float8send(ST_Y(shape))"
    else:
        shape = sql.SQL("geom_3857")
        record = (
            "float8send(ST_XMin(shape)) || float8send(ST_YMin(shape)) || float8send(ST_XMax(shape))"
            " || float8send(ST_YMax(shape)) || int8send(id) || int4send(ST_NumGeometries(shape))"
        )
    statement = sql.SQL(
        """
        SELECT class, string_agg({record}, ''::bytea)
        FROM (SELECT id, {value} AS class, {shape} AS shape FROM {relation} WHERE {rows} OFFSET 0) AS feature
        WHERE NOT ST_IsEmpty(shape) GROUP BY class
        """
    ).format(
        record=sql.SQL(record),
        value=class_value(layer),
        shape=shape,
        relation=layer.relation,
        rows=row_filter(layer),
    )
    return statement, row_parameters(layer, dataset_ids)
