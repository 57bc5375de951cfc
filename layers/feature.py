"""One feature by its id, with its geometry and record."""

import json
from datetime import datetime
from typing import Any

from psycopg import sql

from geodata.store import Store
from geodata.viewer import Viewer
from layers.catalogue import Catalogue
from layers.layer import Layer
from layers.lineage_column import lineage_column
from layers.moment import layer_at
from layers.problem import NotFoundError
from layers.record import record, record_columns
from layers.tile_sql import row_filter, row_parameters

GEOJSON_DIGITS = 9
"""Decimals of a degree: a tenth of a millimetre."""
LARGEST_ID = 2**63 - 1


def visible_layer(
    catalogue: Catalogue, viewer: Viewer, layer_id: str, moment: datetime | None = None
) -> tuple[Layer, list[int]]:
    """A layer and the ids of its datasets, of what the viewer may see; as they were at a moment.

    Raises:
        NotFoundError: there is no such layer, as far as this viewer may know, or what it held at that moment
            is not kept.
    """
    layer = catalogue.by_id.get(layer_id)
    datasets = catalogue.visible_datasets(layer, viewer) if layer else ()
    if layer is None or not datasets:
        raise NotFoundError(f"There is no layer “{layer_id[:80]}”: GET /layers lists those there are.")
    layer, datasets = layer_at(catalogue, layer, datasets, moment)
    return layer, [dataset.id for dataset in datasets]


async def feature(
    store: Store,
    catalogue: Catalogue,
    viewer: Viewer,
    layer_id: str,
    feature_id: int,
    moment: datetime | None = None,
) -> dict[str, Any]:
    """The feature as GeoJSON in CGCS2000 degrees, with its ``title``, ``record`` and ``lineage``.

    ``moment`` asks for the feature as it was published then.

    Raises:
        NotFoundError: there is none, as far as this viewer may know.
    """
    layer, dataset_ids = visible_layer(catalogue, viewer, layer_id, moment)
    absent = NotFoundError(f"The layer “{layer_id}” has no feature {feature_id}.")
    if not -LARGEST_ID <= feature_id <= LARGEST_ID:
        raise absent
    statement = sql.SQL(
        """
        SELECT ST_AsGeoJSON(geom, {digits}, 0), {lineage}, {columns}
        FROM (SELECT * FROM {relation} WHERE id = %(id)s AND {filter}) AS found
        """
    ).format(
        digits=sql.Literal(GEOJSON_DIGITS),
        lineage=lineage_column(layer),
        columns=record_columns(layer),
        relation=layer.relation,
        filter=row_filter(layer),
    )
    parameters = {"id": feature_id, **row_parameters(layer, dataset_ids)}
    (rows,) = await store.read(viewer, [(statement, parameters)])
    if not rows:
        raise absent
    geometry, lineage, *row = rows[0]
    title, entries = record(layer, tuple(row))
    return {
        "type": "Feature",
        "id": feature_id,
        "geometry": json.loads(geometry) if geometry else None,
        "properties": {entry["name"]: entry["value"] for entry in entries},
        "layer": layer.id,
        "title": title,
        "record": entries,
        "lineage": lineage,
    }
