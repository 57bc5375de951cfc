"""Layers for other programs: OGC API – Features, tile sets and TileJSON, so that GIS clients connect."""

from layers.ogc.http import ogc_router
from layers.ogc.openapi import document_tiles

__all__ = ["document_tiles", "ogc_router"]
