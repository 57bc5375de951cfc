"""Shapefiles, whose encoding and frame are often stated nowhere; all parts must be there."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from etl.delivery import Source, SourceError, SourceLayer
from etl.source_format import SourceFormat, sidecars
from etl.source_options import SourceOptions
from etl.sources.vector import VectorSource, check_magic
from etl.text_encoding import dbf_texts, detect_pieces

_GBK_DRIVERS = frozenset({0x4D, 0x7A})
_WESTERN = frozenset({"iso-8859-1", "iso88591", "88591", "1252", "cp1252", "windows-1252", "ansi 1252"})


def _open(path: Path, options: SourceOptions) -> Source:
    check_magic(path, b"\0\0\x27\x0a")
    for endings in ((".shx", ".SHX"), (".dbf", ".DBF")):
        if not any(path.with_suffix(ending).is_file() for ending in endings):
            raise SourceError(
                f"{path} has no {endings[0]} beside it: a shapefile is delivered with all its parts."
            )
    encoding = options.encoding or shapefile_encoding(path)
    return ShapefileSource(path, encoding) if _names_are_cut(path, encoding) else VectorSource(path, encoding)


class ShapefileSource(VectorSource):
    """A shapefile with names cut inside a character of UTF-8, read from a scratch copy without the halves."""

    def __init__(self, path: Path, encoding: str | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ioc-shp-")
        opened = Path(self._folder.name, "table.shp")
        for part in (path, *sidecars(path)):
            ending = part.suffix.lower()
            if ending == ".dbf":
                _without_halves(part, opened.with_suffix(ending))
            else:
                opened.with_suffix(ending).symlink_to(part.absolute())
        super().__init__(path, encoding, opened)

    def layers(self) -> list[SourceLayer]:
        return [replace(layer, name=self.path.stem) for layer in super().layers()]

    def _choose(self, layer: str | None) -> str:
        if layer not in (None, self.path.stem):
            raise SourceError(f"{self.path} has no layer “{layer}”; it has {self.path.stem}.")
        return super()._choose(None)

    def close(self) -> None:
        self._folder.cleanup()


def _names_are_cut(path: Path, encoding: str | None) -> bool:
    if encoding != "UTF-8":
        return False
    dbf = next(part for part in sidecars(path) if part.suffix.lower() == ".dbf")
    return any(_whole(name) != name for _at, name in _field_names(dbf))


def _field_names(dbf: Path) -> Iterator[tuple[int, bytes]]:
    """Where each field's name begins in the file, and its bytes."""
    with dbf.open("rb") as file:
        size = int.from_bytes(file.read(32)[8:10], "little")
        head = file.read(max(size - 32, 0))
    for at in range(0, len(head) - 31, 32):
        if head[at] == 0x0D:
            return
        yield 32 + at, head[at : at + 11].split(b"\0")[0]


def _whole(name: bytes) -> bytes:
    return name.decode(errors="ignore").encode()


def _without_halves(dbf: Path, copy: Path) -> None:
    shutil.copyfile(dbf, copy)
    with copy.open("r+b") as file:
        for at, name in _field_names(dbf):
            file.seek(at)
            file.write(_whole(name).ljust(11, b"\0"))


def shapefile_encoding(path: Path) -> str | None:
    """Encoding of a shapefile; None where the .cpg says it and the texts do not contradict.

    The DBF header names GBK rarely, and programs write ISO-8859-1 into the .cpg of what is not, so the texts
    themselves decide.
    """
    stated = next((part for part in sidecars(path) if part.suffix.lower() == ".cpg"), None)
    dbf = next(part for part in sidecars(path) if part.suffix.lower() == ".dbf")
    with dbf.open("rb") as file:
        head = file.read(32)
    if len(head) < 32:
        raise SourceError(f"{dbf} is cut off: deliver it again.")
    if stated is None and head[29] in _GBK_DRIVERS:
        return "GB18030"
    guess = detect_pieces(dbf_texts(dbf))
    name = "" if stated is None else stated.read_text("ascii", errors="replace").strip().lower()
    if name in ("", "utf-8", "utf8", "65001"):
        return guess.name
    return guess.name if name in _WESTERN and guess.name != "Windows-1252" else None


FORMAT = SourceFormat("shapefile", (".shp",), _open)
