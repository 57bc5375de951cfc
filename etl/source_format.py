"""Formats of sources by name and file ending; a new one is a file in ``etl/sources`` with its ``FORMAT``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from etl import sources
from etl.delivery import Source, SourceError, SourceLayer
from etl.fetch import Access, Fetched
from etl.source_options import SourceOptions


@dataclass(frozen=True)
class SourceFormat:
    """A kind of file. ``endings`` are in lower case and may have two dots, such as ``.gdb.zip``."""

    name: str
    endings: tuple[str, ...]
    open: Callable[[Path, SourceOptions], Source]
    fetch: Callable[[SourceOptions, Access, Path, str | None], Fetched] | None = None
    """Of a database or service: writes what it holds, or what is new since a watermark, into a file in the
    folder, which ``open`` reads."""


@cache
def formats() -> dict[str, SourceFormat]:
    """All formats by name."""
    found: dict[str, SourceFormat] = {}
    for module in iter_modules(sources.__path__):
        one = getattr(import_module(f"{sources.__name__}.{module.name}"), "FORMAT", None)
        if one is not None:
            found[one.name] = one
    return found


def format_of(path: Path, options: SourceOptions) -> SourceFormat:
    """The format the options name, or else the one of the longest ending that fits.

    Raises:
        SourceError: the file's ending is of no format.
    """
    if options.format:
        return formats()[options.format]
    fitting = {ending: one for one in formats().values() for ending in one.endings if _ends(path, ending)}
    if not fitting:
        known = " ".join(sorted(ending for one in formats().values() for ending in one.endings))
        raise SourceError(
            f"{path} has the ending of no format this program reads ({known}): deliver it in one of them."
        )
    return fitting[max(fitting, key=len)]


def open_source(path: Path, options: SourceOptions) -> Source:
    """A file or folder opened for reading.

    Raises:
        SourceError: of no format known, damaged, or missing.
    """
    if not path.exists():
        raise SourceError(f"{path} is not there: check its name.")
    return format_of(path, options).open(path, options)


def list_layers(path: Path, options: SourceOptions | None = None) -> list[SourceLayer]:
    """What a file holds.

    Raises:
        SourceError: of no format known, damaged, or missing.
    """
    with open_source(path, options or SourceOptions(path=path.name)) as source:
        return source.layers()


_PARTS = {
    ".shp": (".shx", ".dbf", ".prj", ".cpg"),
    ".tab": (".dat", ".map", ".id", ".ind"),
    ".mif": (".mid",),
}


def sidecars(path: Path) -> tuple[Path, ...]:
    """The other files of a shapefile or a MapInfo table; empty for other formats."""
    endings = _PARTS.get(path.suffix.lower(), ())
    both = (case for ending in endings for case in (ending, ending.upper()))
    return tuple(part for ending in both if (part := path.with_suffix(ending)).is_file())


def fits(path: Path, name: str | None = None) -> bool:
    """Whether a file's ending is of that format, or of any."""
    return any(
        _ends(path, ending)
        for one in formats().values()
        if name in (None, one.name)
        for ending in one.endings
    )


def _ends(path: Path, ending: str) -> bool:
    return path.name.lower().endswith(ending)
