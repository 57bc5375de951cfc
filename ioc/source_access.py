"""How jobs sign in at departments' databases and services, and where what they fetch is kept."""

import tomllib
from pathlib import Path

from etl.fetch import Access, Credential
from geodata.errors import UserError
from ioc.settings import Settings

KEYS = ("url", "token", "user", "password")


def source_access(settings: Settings) -> Access:
    """What the settings say.

    Raises:
        UserError: the file of credentials cannot be read or has a key that is not known.
    """
    spool = settings.data_dir.expanduser().absolute() / "fetched"
    return Access(spool, _read(settings.credentials) if settings.credentials else {})


def _read(path: Path) -> dict[str, Credential]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"The file of IOC_CREDENTIALS, {path}, cannot be read: {error.strerror or error}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The file of IOC_CREDENTIALS, {path}, is not valid TOML: {error}.") from error
    found = {}
    for name, entry in content.items():
        if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
            raise UserError(f'{path}: “{name}” must be a table of texts, such as url = "…".')
        for key in set(entry) - set(KEYS):
            raise UserError(f"{path}: “{name}” has the key “{key}”; the keys are {', '.join(KEYS)}.")
        found[name] = Credential(**entry)
    return found
