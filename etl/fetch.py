"""Sources that are no files: what a database or a web service holds, fetched into a file on disk first.

The file is then read, hashed and loaded like any other; a fetch that was killed goes on where it was.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from etl.delivery import SourceUnansweredError
from geodata.errors import UserError


class FetchError(UserError):
    """A database or service that cannot be reached, refuses, or answers what cannot be right."""


class UnansweredError(FetchError, SourceUnansweredError):
    """Nothing answers now; a service's pages so far are kept."""


@dataclass(frozen=True)
class Credential:
    """How to sign in at a department's system: a database's address, a token, or a name and password."""

    url: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Access:
    """What the installation gives a fetch.

    Args:
        spool: folder for what is fetched; a job's own part of it is kept from run to run.
        credentials: by the name that jobs use.
        wait: sleeps so many seconds.
    """

    spool: Path
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    wait: Callable[[float], None] = time.sleep

    def credential(self, name: str | None) -> Credential:
        """The named one, an empty one without a name.

        Raises:
            FetchError: none has that name.
        """
        if name is None:
            return Credential()
        if name not in self.credentials:
            raise FetchError(
                f"The job signs in with credential “{name}”, which the file of IOC_CREDENTIALS lacks: "
                "add it there."
            )
        return self.credentials[name]


@dataclass(frozen=True)
class Fetched:
    """A job's file, its rows where it was fetched, and how far an incremental source was read."""

    path: Path
    rows: int | None
    watermark: str | None = None
