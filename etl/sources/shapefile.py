"""Shapefiles, whose encoding and frame are often stated nowhere; all parts must be there."""

from collections.abc import Iterator
from pathlib import Path

from etl.delivery import Source, SourceError
from etl.source_format import SourceFormat, sidecars
from etl.source_options import SourceOptions
from etl.sources.vector import VectorSource, check_magic

_GBK_DRIVERS = frozenset({0x4D, 0x7A})
_WESTERN = frozenset({"iso-8859-1", "iso88591", "88591", "1252", "cp1252", "windows-1252", "ansi 1252"})
_SAMPLED_RECORDS = 5_000


def _open(path: Path, options: SourceOptions) -> Source:
    check_magic(path, b"\0\0\x27\x0a")
    for endings in ((".shx", ".SHX"), (".dbf", ".DBF")):
        if not any(path.with_suffix(ending).is_file() for ending in endings):
            raise SourceError(
                f"{path} has no {endings[0]} beside it: a shapefile is delivered with all its parts."
            )
    return VectorSource(path, options.encoding or shapefile_encoding(path))


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
        header_size = int.from_bytes(head[8:10], "little")
        record_size = int.from_bytes(head[10:12], "little")
        descriptors = file.read(header_size - 32)
        records = file.read(record_size * _SAMPLED_RECORDS)
    texts = list(_texts(descriptors, records, record_size))
    utf8 = all(_is(text, "utf-8") for text in texts)
    if stated is None:
        return "UTF-8" if utf8 else "GB18030"
    name = stated.read_text("ascii", errors="replace").strip().lower()
    if name in ("utf-8", "utf8", "65001"):
        return None if utf8 else "GB18030"
    if name in _WESTERN and not all(text.isascii() for text in texts):
        return "UTF-8" if utf8 else "GB18030" if all(_is(text, "gb2312") for text in texts) else None
    return None


def _texts(descriptors: bytes, records: bytes, record_size: int) -> Iterator[bytes]:
    """Field names, then the values of character fields."""
    begin, fields = 1, []
    for at in range(0, len(descriptors) - 31, 32):
        descriptor = descriptors[at : at + 32]
        if descriptor[0] == 0x0D:
            break
        yield descriptor[:11].split(b"\0")[0]
        if descriptor[11:12] == b"C":
            fields.append((begin, begin + descriptor[16]))
        begin += descriptor[16]
    for at in range(0, len(records) - record_size + 1, record_size):
        for start, end in fields:
            yield records[at + start : at + end].rstrip(b" \0")


def _is(text: bytes, encoding: str) -> bool:
    """A value cut off inside a character, as ten-byte field names are, still counts."""
    if text.isascii():
        return True
    for cut in range(4):
        try:
            text[: len(text) - cut].decode(encoding)
        except UnicodeDecodeError:
            continue
        return cut < len(text)
    return False


FORMAT = SourceFormat("shapefile", (".shp",), _open)
