"""Layers as they were at an earlier moment: read from the versions that were published then."""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, overload
from zoneinfo import ZoneInfo

from geodata.errors import UserError
from geodata.viewer import Viewer
from layers.catalogue import Catalogue
from layers.dataset_watch import PublishedDataset
from layers.layer import Layer, RetainedVersion
from layers.problem import NotFoundError

DISTRICT_TIME = ZoneInfo("Asia/Shanghai")
Datasets = tuple[PublishedDataset, ...]


class MomentNotKeptError(NotFoundError):
    """What was published at that moment is not kept any more, or nothing was."""


@overload
def read_moment(text: str) -> datetime: ...
@overload
def read_moment(text: None) -> None: ...
def read_moment(text: str | None) -> datetime | None:
    """The moment that a parameter ``at`` states; without a zone it is the district's time.

    Raises:
        UserError: it states none.
    """
    if text is None:
        return None
    # In an address a plus sign that is not escaped arrives as a space.
    mended = re.sub(r"(T.*) (\d\d:?\d\d)$", r"\1+\2", text[:60])
    try:
        moment = datetime.fromisoformat(mended)
        return (moment if moment.tzinfo else moment.replace(tzinfo=DISTRICT_TIME)).astimezone(ZoneInfo("UTC"))
    except (ValueError, OverflowError) as error:
        raise UserError(
            f"The parameter at must be a moment such as 2026-11-01T08:00:00+08:00, not “{text[:60]}”."
        ) from error


def layer_at(
    catalogue: Catalogue, layer: Layer, datasets: Datasets, moment: datetime | None
) -> tuple[Layer, Datasets]:
    """The layer and its datasets as they were published at a moment; now, as they are.

    Raises:
        MomentNotKeptError: one of them had a version then that is not kept, or none had any yet.
    """
    if moment is None:
        return layer, datasets
    then = tuple(filter(None, (_dataset_at(catalogue, layer, dataset, moment) for dataset in datasets)))
    if not then:
        raise _not_kept(catalogue, layer, datasets)
    if [dataset.version_id for dataset in then] == [dataset.version_id for dataset in datasets]:
        return layer, datasets
    missing = {p.version_id: p.missing for d in then for p in catalogue.snapshot.history.get(d.id, ())}
    versions = tuple(RetainedVersion(d.version_id, tuple(missing[d.version_id])) for d in then)
    return replace(layer, versions=versions), then


def visible_layers_at(
    catalogue: Catalogue, viewer: Viewer, moment: datetime | None
) -> list[tuple[Layer, list[int]]]:
    """Layers with rows for this viewer at a moment, and the ids of their datasets; others are left out."""
    pairs = []
    for layer, _ in catalogue.visible_layers(viewer):
        with suppress(MomentNotKeptError):
            then, datasets = layer_at(catalogue, layer, catalogue.visible_datasets(layer, viewer), moment)
            pairs.append((then, [dataset.id for dataset in datasets]))
    return pairs


def _dataset_at(
    catalogue: Catalogue, layer: Layer, dataset: PublishedDataset, moment: datetime
) -> PublishedDataset | None:
    """The dataset as published then; None where it was not published yet."""
    history = catalogue.snapshot.history.get(dataset.id, ())
    found = next((one for one in reversed(history) if one.published_at <= moment), None)
    if found is None:
        return None
    if found.version_id == dataset.version_id:
        return dataset
    if not found.kept:
        raise _not_kept(catalogue, layer, (dataset,))
    return replace(
        dataset,
        version_id=found.version_id,
        # A version that was published again may have been edited by hand in between.
        published_at=found.last_published_at,
        rows_loaded=found.rows_loaded,
        extent=found.extent,
    )


def _not_kept(catalogue: Catalogue, layer: Layer, datasets: Datasets) -> MomentNotKeptError:
    oldest = [
        next((one.published_at for one in catalogue.snapshot.history.get(dataset.id, ()) if one.kept), None)
        for dataset in datasets
    ]
    known = [moment.astimezone(DISTRICT_TIME) for moment in oldest if moment is not None]
    since = f"{max(known):%Y-%m-%d %H:%M}" if known else "now"
    return MomentNotKeptError(f"Of the layer “{layer.id}” nothing is kept from before {since}.")


def versions_of(catalogue: Catalogue, viewer: Viewer, layer: Layer) -> list[dict[str, Any]]:
    """Publications of the layer's datasets that are still kept, the newest first.

    ``until`` is when another version took its place, None of what is published now.
    """
    found = []
    for dataset in catalogue.visible_datasets(layer, viewer):
        history = catalogue.snapshot.history.get(dataset.id, ())
        followers = [*(one.published_at.isoformat() for one in history[1:]), *([None] if history else [])]
        found += [
            {
                "version": one.version_id,
                "dataset": dataset.code,
                "loaded_at": one.loaded_at.isoformat(),
                "published_at": one.published_at.isoformat(),
                "until": until,
                "rows": one.rows_loaded,
            }
            for one, until in zip(history, followers, strict=True)
            if one.kept
        ]
    return sorted(found, key=lambda one: one["published_at"], reverse=True)
