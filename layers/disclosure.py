"""Telling the audit trail which records a viewer is given."""

from geodata.audit import RESTRICTED, AuditEntry, disclosures
from layers.catalogue import Catalogue
from layers.layer import Layer


def note_view(catalogue: Catalogue, layer: Layer, subject: str | None = None) -> None:
    """Records of the layer are about to be shown; written down when the layer is restricted."""
    sensitivity = max((layer.sensitivity, *(d.sensitivity for d in catalogue.datasets(layer))))
    if sensitivity >= RESTRICTED:
        _note("view", layer, subject)


def note_export(layer: Layer, subject: str | None = None) -> None:
    """Records of the layer are about to be taken away; written down of every layer."""
    _note("export", layer, subject)


def _note(action: str, layer: Layer, subject: str | None) -> None:
    noted = disclosures.get()
    if noted is not None:
        noted.append(AuditEntry(action, layer=layer.id, subject=subject))
