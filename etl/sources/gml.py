"""GML, read beside a scratch folder because GDAL writes what it found out next to the file."""

import tempfile
from pathlib import Path

from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.sources.vector import VectorSource
from etl.xml_prolog import check_xml


class GmlSource(VectorSource):
    """A GML file and its schema, if it has one."""

    def __init__(self, path: Path, options: SourceOptions) -> None:  # noqa: ARG002
        check_xml(path)
        self._folder = tempfile.TemporaryDirectory(prefix="ioc-gml-")
        opened = Path(self._folder.name, path.name)
        opened.symlink_to(path.absolute())
        schema = path.with_suffix(".xsd")
        if schema.is_file():
            opened.with_suffix(".xsd").symlink_to(schema.absolute())
        super().__init__(path, opened=opened)

    def close(self) -> None:
        self._folder.cleanup()


FORMAT = SourceFormat("gml", (".gml",), GmlSource)
