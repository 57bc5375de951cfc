"""The layers that the map can show: those of the declarative files, and one per departmental dataset."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import structlog

from geodata.errors import UserError
from geodata.viewer import Rights, Viewer
from layers.dataset_watch import DatasetWatch, PublishedDataset, Snapshot
from layers.filter import Kind
from layers.layer import DEPARTMENTAL_TABLE, Layer, Property, ShownField, Summary, Title, shown_column
from layers.layer_file import LAYER_ID, THEMES, read_layer

log = structlog.get_logger(__name__)

FOLDER = Path(__file__).parent / "catalogue"
DEPARTMENTAL_ORDER = 450
DEPARTMENTAL_POINT_ZOOM = 13
GEOMETRIES = ("point", "line", "polygon")
ATTRIBUTE_KINDS: dict[str, Kind] = {"number": "number", "integer": "number", "date": "date"}


class LayerExistsError(UserError):
    """Two layers would have one id."""


@dataclass(frozen=True)
class Catalogue:
    """An immutable registry of layers, in drawing order, over what is published."""

    layers: tuple[Layer, ...] = ()
    snapshot: Snapshot = field(default_factory=Snapshot)

    @staticmethod
    def load(folder: Path = FOLDER) -> "Catalogue":
        """The layers of all files of a folder.

        Raises:
            UserError: a file is wrong, or two declare the same layer.
        """
        catalogue = Catalogue()
        for path in sorted(folder.glob("*.toml")):
            catalogue = catalogue.register(read_layer(path))
        return catalogue

    def register(self, layer: Layer) -> "Catalogue":
        """A catalogue that has this layer as well; it does not take the place of another."""
        if layer.id in self.by_id:
            raise LayerExistsError(f"There are two layers called “{layer.id}”: give one of them another id.")
        layers = sorted((*self.layers, layer), key=lambda known: (known.order, known.id))
        return replace(self, layers=tuple(layers))

    def over(self, snapshot: Snapshot) -> "Catalogue":
        """This catalogue with a layer for each departmental dataset that no file shows."""
        catalogue = replace(self, snapshot=snapshot)
        shown = {code for layer in self.layers for code in layer.datasets}
        for dataset in snapshot.by_target.get(DEPARTMENTAL_TABLE, ()):
            if dataset.code in shown:
                continue
            if dataset.code in self.by_id or not LAYER_ID.fullmatch(dataset.code):
                log.error("departmental dataset cannot be a layer: its code is taken", dataset=dataset.code)
                continue
            catalogue = catalogue.register(departmental_layer(dataset))
        found_by = "index" if snapshot.policies_use_indexes else "function"
        layers = tuple(replace(layer, found_by=found_by) for layer in catalogue.layers)
        return replace(catalogue, layers=layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @cached_property
    def by_id(self) -> MappingProxyType[str, Layer]:
        """Layers by id."""
        return MappingProxyType({layer.id: layer for layer in self.layers})

    @cached_property
    def _datasets(self) -> dict[str, tuple[PublishedDataset, ...]]:
        return {layer.id: self._datasets_of(layer) for layer in self.layers}

    def _datasets_of(self, layer: Layer) -> tuple[PublishedDataset, ...]:
        published = self.snapshot.by_target.get(layer.table, ())
        return tuple(d for d in published if not layer.datasets or d.code in layer.datasets)

    def datasets(self, layer: Layer) -> tuple[PublishedDataset, ...]:
        """Published datasets that a layer shows."""
        return self._datasets[layer.id]

    def visible_datasets(self, layer: Layer, viewer: Viewer) -> tuple[PublishedDataset, ...]:
        """Published datasets of a layer that the viewer has a right to, at the dataset's own sensitivity.

        A right to less sensitive rows of it than it is declared to have does not reveal that it exists.
        """
        return tuple(d for d in self.datasets(layer) if may_see(viewer.rights, d))

    def visible_layers(self, viewer: Viewer) -> list[tuple[Layer, list[int]]]:
        """Layers with rows for this viewer, and the ids of their datasets."""
        pairs = ((layer, [d.id for d in self.visible_datasets(layer, viewer)]) for layer in self.layers)
        return [(layer, dataset_ids) for layer, dataset_ids in pairs if dataset_ids]

    def layer_of_dataset(self, dataset_id: int) -> Layer | None:
        """The first layer that shows a dataset."""
        return self._layer_of_dataset.get(dataset_id)

    @cached_property
    def _layer_of_dataset(self) -> dict[int, Layer]:
        found: dict[int, Layer] = {}
        for layer in self.layers:
            for dataset in self.datasets(layer):
                found.setdefault(dataset.id, layer)
        return found


class _Guarded(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def sensitivity(self) -> int: ...


def may_see(rights: Rights, dataset: _Guarded) -> bool:
    """Whether rights reach a dataset at its own sensitivity."""
    if dataset.id * 4 + dataset.sensitivity in rights.whole:
        return True
    prefix, own = f"{dataset.id}.{dataset.sensitivity}.", f"{dataset.id}."
    # A level that is no number is a department, whose own cases its staff see.
    return any(
        key.startswith(prefix) or (key.startswith(own) and not key[len(own)].isdigit()) for key in rights.area
    )


def published_catalogue(watch: DatasetWatch, files: Catalogue | None = None) -> Callable[[], Catalogue]:
    """Gives the catalogue over what is published now; made anew only when that has changed."""
    base = files or Catalogue.load()
    made = base.over(watch.snapshot)

    def current() -> Catalogue:
        nonlocal made
        if made.snapshot is not watch.snapshot:
            made = base.over(watch.snapshot)
        return made

    return current


def departmental_layer(dataset: PublishedDataset) -> Layer:
    """The layer of a departmental dataset, all of it declared by the dataset itself."""
    geometry = GEOMETRIES[max(dataset.dimensions or [0])]
    declared = tuple(_declared_field(entry) for entry in dataset.fields)
    taken = {shown.name for shown in declared}
    own = (shown_column(DEPARTMENTAL_TABLE, name) for name in ("code", "name", "feature_class", "warnings"))
    before, after = [], []
    for shown in own:
        if shown.name not in taken:
            (after if shown.name == "warnings" else before).append(shown)
    return Layer(
        id=dataset.code,
        title=Title(dataset.title_zh, dataset.title_en),
        theme=next(theme for theme in THEMES if theme.id == "departmental"),
        department=dataset.department_code,
        table=DEPARTMENTAL_TABLE,
        geometry=geometry,
        style=dataset.code,
        order=DEPARTMENTAL_ORDER,
        min_zoom=9,
        point_min_zoom=DEPARTMENTAL_POINT_ZOOM if geometry == "point" else 0,
        properties=(Property("name", "name"), Property("kind", "feature_class")),
        cluster_class=Property("class", "feature_class"),
        fields=(*before, *declared, *after),
        summary=Summary(by=Property("class", "feature_class")),
        datasets=(dataset.code,),
        search_by_code=True,
        sensitivity=dataset.sensitivity,
        source="dataset",
    )


def _declared_field(entry: dict[str, Any]) -> ShownField:
    name = str(entry["name"])
    label_zh = str(entry.get("label_zh") or name)
    label = Title(label_zh, str(entry.get("label_en") or label_zh))
    kind = ATTRIBUTE_KINDS.get(str(entry.get("type")), "text")
    return ShownField(name, label, unit=entry.get("unit"), attribute=True, kind=kind)
