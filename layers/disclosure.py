"""Telling the audit trail which records a viewer is given."""

from collections.abc import Iterable

from geodata.audit import RESTRICTED, AuditEntry, disclosures
from layers.catalogue import Catalogue
from layers.layer import Layer


def note_view(catalogue: Catalogue, layer: Layer, subject: str | None = None) -> None:
    """Records of the layer are about to be shown; written down when the layer is restricted."""
    sensitivity = max((layer.sensitivity, *(d.sensitivity for d in catalogue.datasets(layer))))
    if sensitivity >= RESTRICTED:
        _note("view", layer, subject)


def note_views(catalogue: Catalogue, shown: Iterable[tuple[str, int]]) -> None:
    """Features, by layer id and feature id, are about to be shown: as ``note_view``, once a layer."""
    by_layer: dict[str, list[str]] = {}
    for layer_id, feature_id in shown:
        by_layer.setdefault(layer_id, []).append(str(feature_id))
    for layer_id, feature_ids in by_layer.items():
        note_view(catalogue, catalogue.by_id[layer_id], " ".join(feature_ids))


def note_export(layer: Layer, subject: str | None = None) -> None:
    """Records of the layer are about to be taken away; written down of every layer."""
    _note("export", layer, subject)


def _note(action: str, layer: Layer, subject: str | None) -> None:
    noted = disclosures.get()
    if noted is not None:
        noted.append(AuditEntry(action, layer=layer.id, subject=subject))
