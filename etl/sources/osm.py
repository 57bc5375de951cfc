"""OpenStreetMap extracts (.osm.pbf, .osm): points, lines and areas for the base map, through GDAL."""

from collections.abc import Iterator
from pathlib import Path

import pyogrio

from etl.delivery import Delivery, Source, SourceError, SourceLayer
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.sources.vector import VectorSource, fields_of, one_sentence
from etl.xml_prolog import check_xml

LAYERS = ("points", "lines", "multilinestrings", "multipolygons", "other_relations")


class OsmSource(VectorSource):
    """An extract; how many rows a layer has is known only after reading all of it."""

    def layers(self) -> list[SourceLayer]:
        with one_sentence(self.path):
            infos = {name: pyogrio.read_info(self.path, layer=name) for name in LAYERS}
        return [
            SourceLayer(name, None, info["geometry_type"], fields_of(info), "UTF-8")
            for name, info in infos.items()
        ]

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:
        if layer is None:
            raise SourceError(f"{self.path} holds several layers: name one of {', '.join(LAYERS)}.")
        yield from super().chunks(layer, rows)


def _open(path: Path, options: SourceOptions) -> Source:  # noqa: ARG001
    if path.suffix.lower() == ".osm":
        if check_xml(path) != "osm":
            raise SourceError(f"{path} is no OpenStreetMap file: deliver it again.")
    else:
        with path.open("rb") as file:
            head = file.read(64)
        if b"OSMHeader" not in head:
            raise SourceError(f"{path} is damaged or no OpenStreetMap extract: fetch it again.")
    return OsmSource(path)


FORMAT = SourceFormat("osm", (".osm.pbf", ".osm"), _open)
