"""Zip archives of any other format: unpacked into a scratch folder, within bounds, names in GBK included."""

import gzip
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from etl.delivery import Delivery, Source, SourceError, SourceLayer
from etl.source_format import SourceFormat, fits, open_source
from etl.source_options import SourceOptions

MOST_BYTES = 8 << 30
MOST_MEMBERS = 20_000
MOST_GROWTH = 300
"""Times a large member may be larger than packed; the deflate of a bomb is about 1,000."""
_SMALL = 64 << 20
MOST_DEEP = 2
"""Archives within archives that are opened."""
_IGNORED = ("__MACOSX", ".DS_Store", "Thumbs.db")


class ArchiveSource(Source):
    """Files in a zip or gzip archive; a layer is called by its file, or by ``file|layer``."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path, self.options = path, options
        self._folder = tempfile.TemporaryDirectory(prefix="ioc-archive-")
        try:
            _unpack(path, path, Path(self._folder.name))
            self.members = _members(Path(self._folder.name))
        except BaseException:
            self.close()
            raise
        if not self.members:
            self.close()
            raise SourceError(f"{path} holds no file of a format this program reads: look into it.")

    def layers(self) -> list[SourceLayer]:
        found = []
        for member, inner in self._inner_layers():
            found.append(
                SourceLayer(
                    self._name(member, inner),
                    inner.rows,
                    inner.geometry_type,
                    inner.fields,
                    inner.encoding,
                    inner.crs,
                )
            )
        return found

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:
        member, inner = self._choose(layer)
        with self._open(member) as source, self._sentence(member):
            for part in source.chunks(inner, rows):
                part.path = self.path / member
                yield part

    def close(self) -> None:
        self._folder.cleanup()

    def _choose(self, layer: str | None) -> tuple[str, str | None]:
        """The member and its layer, by the whole name, the file's name, or the layer's where that is one."""
        if layer is None and len(self.members) == 1:
            return next(iter(self.members)), None
        known = {self._name(member, inner): (member, inner.name) for member, inner in self._inner_layers()}
        if layer is None:
            raise SourceError(
                f"{self.path} holds several files: name one with layer, which are {_few(known)}."
            )
        fitting = [place for name, place in known.items() if layer in _names(name, *place)]
        if layer in known:
            return known[layer]
        if len(fitting) != 1:
            words = "several layers" if fitting else "no layer"
            raise SourceError(f"{self.path} has {words} “{layer}”; it has {_few(known)}.")
        return fitting[0]

    def _inner_layers(self) -> Iterator[tuple[str, SourceLayer]]:
        for member in self.members:
            with self._sentence(member), self._open(member) as source:
                for inner in source.layers():
                    yield member, inner

    def _open(self, member: str) -> Source:
        options = self.options.model_copy(update={"format": None})
        return open_source(self.members[member], options)

    def _name(self, member: str, inner: SourceLayer) -> str:
        single = PurePosixPath(member).stem == inner.name
        return member if single else f"{member}|{inner.name}"

    def _sentence(self, member: str) -> "_Renamed":
        return _Renamed(self.members[member], self.path / member)


class _Renamed:
    """Errors name the archive's member in place of the scratch file."""

    def __init__(self, scratch: Path, shown: Path) -> None:
        self.scratch, self.shown = scratch, shown

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, SourceError):
            raise SourceError(str(error).replace(str(self.scratch), str(self.shown))) from error


def _few(names: dict[str, tuple[str, str]]) -> str:
    return ", ".join(list(names)[:30])


def _names(name: str, member: str, inner: str) -> tuple[str, ...]:
    return (name, member, PurePosixPath(member).name, PurePosixPath(member).stem, inner)


def _members(folder: Path) -> dict[str, Path]:
    """Files of known formats by their name in the archive; texts only where there is nothing else."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = any(parent.suffix.lower() == ".gdb" for parent in path.relative_to(folder).parents)
        if inside or set(path.parts) & set(_IGNORED) or path.name.startswith((".", "~$", "._")):
            continue
        geodatabase = path.is_dir() and path.suffix.lower() == ".gdb"
        if geodatabase or (path.is_file() and fits(path) and not fits(path, "archive")):
            found[path.relative_to(folder).as_posix()] = path
    data = {name: path for name, path in found.items() if path.suffix.lower() != ".txt"}
    return data or found


def _unpack(named: Path, path: Path, folder: Path, depth: int = 0) -> None:
    """An archive and those within it, each into a folder of its own name.

    Raises:
        SourceError: one is damaged, locked, or unpacks into more than is safe; the sentence names ``named``.
    """
    try:
        (_unpack_gzip if path.suffix.lower() == ".gz" else _unpack_zip)(path, folder)
    except SourceError as error:
        raise SourceError(str(error).replace(str(path), str(named))) from error
    for inner in sorted(one for one in folder.rglob("*") if one.is_file() and fits(one, "archive")):
        shown = named / inner.relative_to(folder)
        if depth == MOST_DEEP:
            raise SourceError(f"{shown} lies in too many archives within each other: deliver it unpacked.")
        if sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) > MOST_BYTES:
            raise SourceError(f"{named} unpacks into more than is safe: deliver it unpacked.")
        packed = inner.rename(inner.with_name(f".{inner.name}"))
        _unpack(shown, packed, inner.with_suffix(""), depth + 1)
        packed.unlink()


def _unpack_gzip(path: Path, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with gzip.open(path) as packed:
            _copy(
                path,
                packed,
                folder / path.stem.removeprefix("."),
                MOST_GROWTH * max(path.stat().st_size, _SMALL),
            )
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} is damaged ({error}): deliver it again.") from error


def _unpack_zip(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _check_count(path, members)
            for member in members:
                unpack_member(path, archive, member, folder / _safe_name(path, member))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise SourceError(f"{path} is damaged or no zip archive ({error}): deliver it again.") from error
    except (OSError, RuntimeError) as error:
        raise SourceError(f"{path} cannot be unpacked ({error}): pack it again.") from error


def _check_count(path: Path, members: list[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS or total > MOST_BYTES:
        raise SourceError(
            f"{path} would unpack into {len(members)} files of {total >> 20} MiB, more than is safe: "
            "deliver it unpacked."
        )
    if total > shutil.disk_usage(tempfile.gettempdir()).free * 0.9:
        raise SourceError(f"{path} needs {total >> 20} MiB of disk to unpack, which are not free.")


def unpack_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> Path:
    """One member written to ``target``.

    Raises:
        SourceError: it is locked, damaged, or grows beyond measure.
    """
    if member.flag_bits & 1:
        raise SourceError(f"{path} is locked with a password: pack it without one.")
    if member.file_size > min(max(MOST_GROWTH * member.compress_size, _SMALL), MOST_BYTES):
        raise SourceError(f"{path} unpacks into more than is safe: deliver it unpacked.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with archive.open(member) as packed:
            _copy(path, packed, target, member.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise SourceError(f"{path} is damaged ({error}): deliver it again.") from error
    return target


def _safe_name(path: Path, member: zipfile.ZipInfo) -> PurePosixPath:
    """The member's name, in Chinese also where the archive does not say in which encoding.

    Raises:
        SourceError: it leads out of the archive.
    """
    name = member.filename
    if not member.flag_bits & 0x800:
        raw = name.encode("cp437", errors="replace")
        for encoding in ("utf-8", "gb18030"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    inside = PurePosixPath(name.replace("\\", "/"))
    linked = stat.S_ISLNK(member.external_attr >> 16)
    if inside.is_absolute() or ".." in inside.parts or ":" in name or "\0" in name or linked:
        raise SourceError(f"{path} holds “{name}”, which leads out of the archive: it is not unpacked.")
    return inside


def _copy(path: Path, packed: IO[bytes] | gzip.GzipFile, target: Path, most: int) -> None:
    """At most as many bytes as stated: what an archive says of itself may be a lie."""
    written = 0
    with target.open("wb") as file:
        while block := packed.read(1 << 20):
            written += len(block)
            if written > most or written > MOST_BYTES:
                raise SourceError(f"{path} unpacks into more than is safe: deliver it unpacked.")
            file.write(block)


FORMAT = SourceFormat("archive", (".zip", ".gz"), ArchiveSource)
