"""Encodings of the texts departments hand over: UTF-8 with or without a mark, UTF-16, GB18030."""

import codecs
import shutil
from pathlib import Path

from etl.delivery import SourceError


def text_encoding(path: Path, stated: str | None) -> str:
    """The encoding of a text file: the stated one if it fits, else by mark, else UTF-8 or GB18030.

    Raises:
        SourceError: it is text in none of them.
    """
    tried = [stated] if stated else ["utf-8-sig", "gb18030"]
    with path.open("rb") as file:
        if not stated and file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            tried = ["utf-16"]
    for name in tried:
        try:
            if _decodes(path, name):
                return name
        except LookupError as error:
            raise SourceError(f"The encoding “{name}” stated for {path} is unknown.") from error
    raise SourceError(f"{path} is not text in {' or '.join(tried)}: save it in UTF-8.")


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding) as file:
            while file.read(1 << 20):
                pass
    except UnicodeError:
        return False
    return True


def shown(encoding: str) -> str:
    """An encoding as people know it."""
    return encoding.removesuffix("-sig").upper()


def transcode(path: Path, encoding: str, copy: Path) -> None:
    """Write a copy in UTF-8 without a mark."""
    with (
        path.open(encoding=encoding, newline="") as file,
        copy.open("w", encoding="utf-8", newline="") as out,
    ):
        shutil.copyfileobj(file, out)
