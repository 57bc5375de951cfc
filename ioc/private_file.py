"""Files that only the account of the program may read: passwords, keys, addresses with passwords in them."""

import os
import secrets
from pathlib import Path

from ioc.postgres_binaries import Account


def write_private(file: Path, content: str, account: Account | None = None) -> None:
    """Write a whole file in place of the one that is there, for an account or else our own.

    The folder may belong to that account: nothing it has put there is followed.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)
        if account and account.is_other:
            os.chown(descriptor, account.uid, account.gid)
    part.replace(file)


def kept_secret(file: Path) -> str:
    """The secret of a file, made when it is first asked for."""
    try:
        return file.read_text("utf-8").strip()
    except FileNotFoundError:
        write_private(file, secrets.token_urlsafe(24))
        return file.read_text("utf-8").strip()
