"""What came in by a door: counts, the last contact of each device, the latest refusals with their reasons."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from etl.feeds.frame import FrameError
from etl.feeds.reading import Receipt

MOST_REFUSALS = 50
SHOWN_BYTES = 200
MOST_DEVICES = 20_000
"""Whose contact is noted between two looks; a liar may invent names without end."""


@dataclass(frozen=True)
class Refusal:
    """Something that was not accepted: when, from whom, why, and how it begins."""

    at: datetime
    device: str | None
    peer: str
    reason_zh: str
    reason_en: str
    content: bytes


@dataclass
class Contact:
    """A device since the last look: when it last spoke, and how many of its messages were accepted or not."""

    at: datetime
    messages: int = 0
    refused: int = 0


@dataclass
class DoorTally:
    """Counts of one door since the last look, from any thread; refusals and connections are those of now."""

    door: str
    connections: int = 0
    refusals: deque[Refusal] = field(default_factory=lambda: deque(maxlen=MOST_REFUSALS))
    counts: dict[str, int] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def contact(self, device: str | None, at: datetime) -> None:
        """A sound message."""
        with self._lock:
            self._add("messages")
            if device is not None and (contact := self._contact(device, at)):
                contact.at = at
                contact.messages += 1

    def refused(self, device: str | None, peer: str, error: FrameError, content: bytes) -> None:
        """Bytes, or a part of a message, that are not accepted."""
        now = datetime.now(UTC)
        with self._lock:
            self._add("refused")
            if device is not None and (contact := self._contact(device, now)):
                contact.refused += 1
        self.refusals.append(Refusal(now, device, peer, error.zh, error.en, content[:SHOWN_BYTES]))

    def stored(self, receipt: Receipt, peer: str) -> None:
        """What became of what was handed in; it is acknowledged now."""
        with self._lock:
            for what in ("stored", "duplicates", "waiting", "shed"):
                self._add(what, getattr(receipt, what))
        for refusal in receipt.refused:
            self.refused(None, peer, FrameError(refusal.zh, refusal.en), b"")

    def turned_away(self) -> None:
        """A connection over the most there may be."""
        with self._lock:
            self._add("turned_away")

    def take(self) -> tuple[dict[str, int], dict[str, Contact]]:
        """Counts and contacts since the last look, which begin again at nothing."""
        with self._lock:
            taken = self.counts, self.contacts
            self.counts, self.contacts = {}, {}
            return taken

    def _add(self, what: str, number: int = 1) -> None:
        if number:
            self.counts[what] = self.counts.get(what, 0) + number

    def _contact(self, device: str, at: datetime) -> Contact | None:
        contact = self.contacts.get(device)
        if contact is None and len(self.contacts) < MOST_DEVICES:
            contact = self.contacts[device] = Contact(at)
        return contact
