"""The catalogue as a viewer gets it: layers in groups, with their styles, legends, fields and freshness."""

from collections.abc import Callable
from typing import Any

from geodata.viewer import SENSITIVITY, Viewer
from layers.catalogue import Catalogue
from layers.dataset_watch import PublishedDataset
from layers.filter import OPERATORS
from layers.layer import Layer
from layers.layer_file import THEMES
from styles import UnknownStyleError, legend_of, style_of, variants_of

DEFAULT_STYLES = {"point": "default_point", "line": "default_line", "polygon": "default_polygon"}


HEAT_FEATURES = 210_000
"""Features of a layer that the intensities of ``styles/layers/variants`` are made for."""
MOST_HEAT = 100.0
"""A layer of few features does not glow at each of them."""


def listing(
    catalogue: Catalogue, viewer: Viewer, theme: str, tile_version: Callable[[str], str]
) -> dict[str, Any]:
    """Layers of which the viewer may see anything, by group; ``theme`` is night, day or print.

    ``tile_version`` gives, for a layer's id, what the addresses of its tiles carry as ``v``.
    """
    entries: dict[str, list[dict[str, Any]]] = {group.id: [] for group in THEMES}
    for layer in catalogue:
        datasets = catalogue.visible_datasets(layer, viewer)
        if datasets:
            entry = _entry(layer, datasets, theme)
            entries[layer.theme.id].append({**entry, "tile_version": tile_version(layer.id)})
    return {
        "theme": theme,
        "operators": OPERATORS,
        "groups": [
            {
                "id": group.id,
                "title_zh": group.title.zh,
                "title_en": group.title.en,
                "layers": entries[group.id],
            }
            for group in THEMES
            if entries[group.id]
        ],
    }


def layer_style(layer: Layer, theme: str) -> list[dict[str, Any]]:
    """MapLibre layers of a layer; the plain style of its geometry where there is none of its own."""
    try:
        return style_of(layer.style, theme)
    except UnknownStyleError:
        return style_of(DEFAULT_STYLES[layer.geometry], theme)


def layer_variants(layer: Layer, theme: str, count: int) -> list[dict[str, Any]]:
    """Other styles that a viewer may choose for a layer: its own, or those of all layers of its geometry.

    A heat map shows where there is more than elsewhere, so its weights go by the layer's number of features.
    """
    declared = variants_of(layer.style, theme) or variants_of(DEFAULT_STYLES[layer.geometry], theme)
    return [
        {
            "id": variant["id"],
            "title_zh": variant["zh"],
            "title_en": variant["en"],
            "style": [_weighed(part, count) for part in variant["layers"]],
            "legend": legend_of(variant["layers"]),
        }
        for variant in declared
    ]


def _weighed(part: dict[str, Any], count: int) -> dict[str, Any]:
    if part["type"] != "heatmap":
        return part
    share = min(HEAT_FEATURES / max(count, 1), MOST_HEAT)
    return part | {"paint": part["paint"] | {"heatmap-weight": ["*", share, part["paint"]["heatmap-weight"]]}}


def _entry(layer: Layer, datasets: tuple[PublishedDataset, ...], theme: str) -> dict[str, Any]:
    style = layer_style(layer, theme)
    updated = [d.published_at for d in datasets if d.published_at is not None]
    sensitivity = max(d.sensitivity for d in datasets)
    own = datasets[0]
    count = sum(d.rows_loaded for d in datasets)
    return {
        "id": layer.id,
        "title_zh": layer.title.zh,
        "title_en": layer.title.en,
        "theme": layer.theme.id,
        "department": own.department_code,
        "department_zh": own.department_zh,
        "department_en": own.department_en,
        "geometry": layer.geometry,
        "min_zoom": layer.min_zoom,
        "max_zoom": layer.max_zoom,
        "point_min_zoom": layer.point_min_zoom,
        "order": layer.order,
        "identify": layer.identify,
        "sensitivity": sensitivity,
        "sensitivity_zh": SENSITIVITY[sensitivity][0],
        "sensitivity_en": SENSITIVITY[sensitivity][1],
        "downloadable": layer.downloadable,
        "visible_by_default": layer.visible_by_default,
        "style": style,
        "legend": legend_of(style),
        "variants": layer_variants(layer, theme, count),
        "fields": [
            {
                "name": f.name,
                "label_zh": f.label.zh,
                "label_en": f.label.en,
                "unit": f.unit,
                "kind": f.kind,
            }
            for f in layer.fields
        ],
        "count": count,
        "version": "-".join(f"{d.version_id}.{d.revision}" for d in datasets),
        "extent": _around([d.extent for d in datasets if d.extent]),
        "synthetic": any(d.synthetic for d in datasets),
        "source_note": own.source_note,
        "updated_at": max(updated).isoformat() if updated else None,
        "datasets": [d.code for d in datasets],
    }


def _around(extents: list[list[float]]) -> list[float] | None:
    if not extents:
        return None
    west, south, east, north = zip(*extents, strict=True)
    return [min(west), min(south), max(east), max(north)]
