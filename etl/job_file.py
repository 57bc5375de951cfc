"""Finding and reading job files: packaged ones of ``etl/jobs``, one's own, and those kept with datasets."""

import tomllib
from functools import cache
from pathlib import Path

import structlog
from pydantic import ValidationError

from etl.job import Job
from geodata.code_table import CodeTable
from geodata.errors import UserError

log = structlog.get_logger(__name__)

PACKAGED = Path(__file__).parent / "jobs"


def load_job(path: Path) -> Job:
    """Read a job file.

    Raises:
        UserError: names the file and the key that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"Job file {path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"Job file {path} is not valid TOML: {error}.") from error
    return read_job(text, path.stem, path.parent, f"Job file {path}")


def read_job(text: str, code: str, folder: Path, called: str) -> Job:
    """The job of a text, whose dataset's code is ``code`` unless it says so itself.

    Args:
        folder: what further files are looked for in.
        called: what the sentence of an error calls the text.

    Raises:
        UserError: names the key that is wrong.
    """
    try:
        content = {"code": code, **tomllib.loads(text)}
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{called} is not valid TOML: {error}.") from error
    try:
        job = Job(
            text=text, folder=folder, **{k: v for k, v in content.items() if k not in ("text", "folder")}
        )
    except ValidationError as error:
        raise UserError(f"{called}: {_first_fault(error)}.") from error
    if job.department not in departments():
        known = ", ".join(departments())
        raise UserError(f"{called}: department: “{job.department}” is unknown; the departments are {known}.")
    return job


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def published_job(code: str, text: str | None) -> Job | None:
    """The job that published a dataset, from the text kept with it; of older loads the packaged one.

    None where there is none, or none that this edition of the program understands.
    """
    packaged = PACKAGED / f"{code}.toml"
    try:
        if text is not None:
            return Job(text=text, folder=PACKAGED, **{"code": code, **tomllib.loads(text)})
        return load_job(packaged) if packaged.is_file() else None
    except (UserError, ValidationError) as error:
        log.warning("a dataset cannot be edited: its job is not understood", dataset=code, reason=str(error))
        return None


def find_job(name: str) -> Job:
    """The packaged job of that name, or the job in the file of that path."""
    packaged = PACKAGED / f"{name}.toml"
    if packaged.is_file():
        return load_job(packaged)
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return load_job(path)
    known = ", ".join(
        sorted(str(file.relative_to(PACKAGED).with_suffix("")) for file in PACKAGED.rglob("*.toml"))
    )
    raise UserError(f"There is no job “{name}”; give the path of a job file (.toml) or one of {known}.")


def packaged_jobs() -> list[Job]:
    """All packaged jobs, each after those it names in ``after``."""
    jobs = {file.stem: load_job(file) for file in sorted(PACKAGED.glob("*.toml"))}
    ordered: dict[str, Job] = {}

    def place(code: str, waiting: tuple[str, ...]) -> None:
        if code in waiting:
            raise UserError(
                f"The jobs {' → '.join((*waiting, code))} wait for one another: mend their “after”."
            )
        if code in ordered or code not in jobs:
            return
        for earlier in jobs[code].after:
            place(earlier, (*waiting, code))
        ordered[code] = jobs[code]

    for code in jobs:
        place(code, ())
    return list(ordered.values())


@cache
def departments() -> dict[str, tuple[str, str]]:
    """Chinese and English names of the departments that may own a dataset, by code."""
    return {one.code: (one.name, one.title("en")) for one in CodeTable.load("department")}
