"""Files that stewards hand in over the web: kept in the inbox, where the workers find them."""

import secrets
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from fastapi import UploadFile

from etl.job import Job
from geodata.errors import UserError

FOLDER = "handed_in"
ARRIVING = ".arriving-"
"""Begins the name of a folder whose files are not whole yet."""
MOST_MEGABYTES = 512
CHUNK = 1 << 20


class TooLargeError(UserError):
    """The files are larger than the web takes."""


class NoFileError(UserError):
    """Nothing was handed in."""


async def keep_files(inbox: Path, files: Sequence[UploadFile]) -> list[Path]:
    """Write uploaded files into a folder of their own in the inbox, which is there when they are whole.

    Nothing is left of a refused upload.

    Raises:
        NoFileError, TooLargeError
    """
    token = secrets.token_hex(8)
    folder = inbox / FOLDER / f"{ARRIVING}{token}"
    kept: list[Path] = []
    size = 0
    try:
        for file in files:
            name = file_name(file.filename)
            if name is None:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            kept.append(folder / name)
            with kept[-1].open("wb") as target:
                while chunk := await file.read(CHUNK):
                    size += len(chunk)
                    if size > MOST_MEGABYTES << 20:
                        raise TooLargeError(f"The files are larger than {MOST_MEGABYTES} MB.")
                    target.write(chunk)
    except BaseException:
        _remove(folder, kept)
        raise
    if not size:
        _remove(folder, kept)
        raise NoFileError("No file was handed in.")
    whole = folder.rename(folder.with_name(token))
    return [whole / file.name for file in kept]


def file_name(given: str | None) -> str | None:
    """The bare name of an uploaded file, whatever path a browser puts before it; None for none."""
    name = PurePosixPath(PureWindowsPath(given or "").as_posix()).name.strip().replace("\0", "")
    return None if name in ("", ".", "..") else name.lstrip(".")[:200] or None


def main_file(job: Job, files: Sequence[Path]) -> Path:
    """The file a job reads among those handed in together: of its own ending, else the largest."""
    wanted = Path(job.source.path or "").suffix.lower()
    fitting = [file for file in files if file.suffix.lower() == wanted]
    return max(fitting or files, key=lambda file: file.stat().st_size)


def _remove(folder: Path, files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
    if folder.is_dir():
        folder.rmdir()
