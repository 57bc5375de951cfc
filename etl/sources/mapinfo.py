"""MapInfo TAB and MIF; Chinese ones often say that their character set is neutral."""

import re
import tempfile
from pathlib import Path

from etl.delivery import Source, SourceError
from etl.source_format import SourceFormat, sidecars
from etl.source_options import SourceOptions
from etl.sources.vector import VectorSource, check_magic

_CHARSET = re.compile(rb'(charset\s+")(neutral)(")', re.IGNORECASE)
_CHINESE = b"WindowsSimpChinese"
_SAMPLE = 4 << 20


class MapInfoSource(VectorSource):
    """A neutral file with Chinese bytes is read through a header that names their character set."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        head = path.read_bytes() if path.suffix.lower() == ".tab" else None
        texts = (path, *(part for part in sidecars(path) if part.suffix.lower() in (".mid", ".dat")))
        if not all(_is_plain(part) for part in texts) and _CHARSET.search(head or _first(path)):
            self._folder = tempfile.TemporaryDirectory(prefix="ioc-mapinfo-")
            folder = Path(self._folder.name)
            for part in sidecars(path):
                (folder / part.name).symlink_to(part.absolute())
            self.opened = folder / path.name
            content = path.read_bytes()
            self.opened.write_bytes(_CHARSET.sub(rb"\1" + _CHINESE + rb"\3", content, count=1))

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def _open(path: Path, options: SourceOptions) -> Source:  # noqa: ARG001
    if path.suffix.lower() == ".mif":
        check_magic(path, b"Version", b"VERSION", b"version")
        needed = ".mid"
    else:
        check_magic(path, b"!table", b"!Table", b"!TABLE")
        needed = ".dat"
    if not any(part.suffix.lower() == needed for part in sidecars(path)):
        raise SourceError(
            f"{path} has no {needed} beside it: a MapInfo table is delivered with all its parts."
        )
    return MapInfoSource(path)


def _first(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4_000)


def _is_plain(path: Path) -> bool:
    """ASCII, so far as texts and their padding go: no byte of a Chinese character in it."""
    with path.open("rb") as file:
        return file.read(_SAMPLE).isascii()


FORMAT = SourceFormat("mapinfo", (".tab", ".mif"), _open)
