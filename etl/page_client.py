"""Pages of a web service, each kept on disk as it arrives, so that a fetch that was killed goes on.

Busy and broken answers are asked for again with growing pauses, or after the pause the service asks for.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx2

from etl.fetch import Access, Credential, FetchError, UnansweredError

ATTEMPTS = 6
LONGEST_PAUSE = 300.0
LARGEST_PAGE = 512 << 20
KEPT_SECONDS = 24 * 3600
"""Pages of a fetch that was cut off are used again for a day."""
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class PageClient:
    """Asks one service; ``with`` closes the connection, ``finish`` forgets the pages.

    Args:
        address: the service as the job names it; only its host is asked.
        token_parameter: query parameter that carries the token, in place of a header.
    """

    def __init__(
        self, address: str, access: Access, credential: Credential, folder: Path, token_parameter: str = ""
    ) -> None:
        self.address = address
        self.host = urlsplit(address)[:2]
        self.wait = access.wait
        self._pages = folder / "pages"
        self._forget_old()
        self._parameters = {token_parameter: credential.token} if token_parameter and credential.token else {}
        headers = {"User-Agent": "ioc", "Accept-Encoding": "gzip"}
        if credential.token and not token_parameter:
            headers["Authorization"] = f"Bearer {credential.token}"
        auth = (credential.user, credential.password) if credential.user else None
        self._client = httpx2.Client(
            headers=headers, auth=auth, timeout=httpx2.Timeout(60.0, connect=15.0), follow_redirects=False
        )
        self._asked: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def ask(self, address: str, parameters: Mapping[str, str | int] | None = None) -> bytes:
        """An answer that is not kept: what the service says of itself.

        Raises:
            FetchError: the service cannot be reached, refuses, or sends elsewhere.
        """
        url = httpx2.URL(address)
        if parameters:
            url = url.copy_merge_params({name: str(value) for name, value in parameters.items()})
        return self._fetch(str(url))

    def page(self, address: str, parameters: Mapping[str, str | int] | None = None) -> bytes:
        """A page, from disk where an earlier run has fetched it.

        Raises:
            FetchError: as ``ask``; or the service sends in circles.
        """
        url = httpx2.URL(address)
        if parameters:
            url = url.copy_merge_params({name: str(value) for name, value in parameters.items()})
        if str(url) in self._asked:
            raise FetchError(f"The service {self.address} sends in circles: it names a page twice.")
        self._asked.add(str(url))
        kept = self._pages / hashlib.sha256(str(url).encode()).hexdigest()
        if kept.is_file():
            return kept.read_bytes()
        body = self._fetch(str(url))
        self._pages.mkdir(parents=True, exist_ok=True)
        half = kept.with_suffix(".half")
        half.write_bytes(body)
        os.replace(half, kept)
        return body

    def agree(self, total: int | None) -> None:
        """Pages of an earlier run count only while the service says that it has as many rows as then."""
        note = self._pages / "total"
        if self._pages.is_dir() and (not note.is_file() or note.read_text() != str(total)):
            self.finish()
        self._pages.mkdir(parents=True, exist_ok=True)
        note.write_text(str(total))

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Pages are forgotten when all are here or some are wrong, and kept when the service fails."""
        try:
            yield
        except UnansweredError:
            raise
        except FetchError:
            self.finish()
            raise
        self.finish()

    def finish(self) -> None:
        """Forget the pages: they are used up, or wrong."""
        shutil.rmtree(self._pages, ignore_errors=True)

    def absolute(self, link: str) -> str:
        """A link as the service gives it, which may leave out the host."""
        return urljoin(f"{self.address}/", link)

    def _forget_old(self) -> None:
        note = self._pages / "total"
        if note.is_file() and time.time() - note.stat().st_mtime > KEPT_SECONDS:
            self.finish()

    def _fetch(self, url: str) -> bytes:
        if urlsplit(url)[:2] != self.host:
            raise FetchError(
                f"The service {self.address} sends to another host ({urlsplit(url).netloc}): it is not asked."
            )
        reason = ""
        for attempt in range(ATTEMPTS):
            pause = 2.0**attempt
            try:
                with self._client.stream("GET", url, params=self._merged(url)) as answer:
                    if answer.status_code == 200:
                        return self._body(answer)
                    if answer.status_code not in _AGAIN:
                        raise FetchError(self._refusal(answer))
                    reason = f"status {answer.status_code}"
                    pause = self._asked_pause(answer) or pause
            except httpx2.TransportError as error:
                reason = str(error) or type(error).__name__
            if attempt + 1 < ATTEMPTS:
                self.wait(pause)
        raise UnansweredError(
            f"The service {self.address} does not answer after {ATTEMPTS} attempts ({reason}): run the job "
            "again later; the pages fetched so far are kept."
        )

    def _merged(self, url: str) -> dict[str, str] | None:
        return {**dict(httpx2.URL(url).params), **self._parameters} if self._parameters else None

    def _body(self, answer: httpx2.Response) -> bytes:
        parts, size = [], 0
        for part in answer.iter_bytes():
            size += len(part)
            if size > LARGEST_PAGE:
                raise FetchError(f"The service {self.address} answers without end: set a smaller page_size.")
            parts.append(part)
        return b"".join(parts)

    def _refusal(self, answer: httpx2.Response) -> str:
        if answer.status_code in (401, 403):
            return (
                f"The service {self.address} refuses the sign-in (status {answer.status_code}): "
                "check the job's credential."
            )
        if answer.is_redirect:
            return f"The service {self.address} has moved: put its new address into the job."
        return f"The service {self.address} refuses with status {answer.status_code}: check the job's source."

    def _asked_pause(self, answer: httpx2.Response) -> float | None:
        """Seconds or a date, after RFC 9110, 10.2.3."""
        said = answer.headers.get("Retry-After", "").strip()
        if not said:
            return None
        try:
            seconds = float(said)
        except ValueError:
            try:
                seconds = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
            except (ValueError, TypeError):
                return None
        if seconds > LONGEST_PAUSE:
            raise FetchError(
                f"The service {self.address} asks for a pause of {seconds:.0f} seconds: run the job later."
            )
        return max(seconds, 0.0)


def json_object(address: str, body: bytes) -> dict[str, Any]:
    """An answer as the JSON object it must be.

    Raises:
        FetchError: it is none.
    """
    try:
        found = json.loads(body)
    except ValueError as error:
        words = " ".join(body[:120].decode("utf-8", "replace").split())
        raise FetchError(
            f"The service {address} answers no JSON but “{words}”: check its address."
        ) from error
    if not isinstance(found, dict):
        raise FetchError(f"The service {address} answers no JSON object: check its address.")
    return found
