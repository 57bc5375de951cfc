"""Asks stations what people want to know of them, within the process of the doors (SL 651-2014, mode M4).

A question waits in the store. It is sent on the connection which its station speaks on, one after the other
for each station, and again when no answer comes in time; what the station answers is stored as readings
before the question is called answered. A process that begins takes up what its predecessor left open.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from psycopg import AsyncConnection, Error

from etl.feeds.conversation import Conversation, Heard
from etl.feeds.device_question import query_of
from etl.feeds.gateway import Gateway
from etl.feeds.reading import Reading, Receipt
from etl.feeds.sl651_conversation import Sl651Conversation
from etl.feeds.sl651_query import Query

log = structlog.get_logger(__name__)

CHANNEL = "ioc_question"
MOST_SENDINGS = 3
"""SL 651-2014 §6.3.2.3: sent again twice; after three timeouts the sender gives up."""
ANSWER_SECONDS = 20.0
"""That an answer is waited for. §6.3.2.2 leaves it to the channel: the project's own default, unverified."""
RETURN_SECONDS = 60.0
"""After the doors were opened a station has so long to come back: the standard recommends that it sends a
keep-alive every 40 s (§6.6.4.2)."""
LOOK_SECONDS = 0.25
STORE_LOOK_SECONDS = 5.0
RETURN_LOOK_SECONDS = 1.0
"""While stations come back: questions wait for them."""
RETRY_SECONDS = 2.0
MOST_VALUES = 50
"""Of an answer that are kept beside the question; all of them are among the readings."""
PERIOD_MARGIN = timedelta(hours=1)


@dataclass
class _Open:
    """A question under way."""

    id: int
    device: str
    query: Query
    sendings: int
    deadline: float = 0.0
    readings: int = 0
    stored: int = 0
    refused: int = 0
    values: list[Reading] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)

    def fits(self, heard: Heard) -> bool:
        """Whether a reply can be the answer; what was asked earlier may still be answered late."""
        if heard.reply is None or heard.reply.function != self.query.function:
            return False
        if self.query.begin is None or self.query.end is None:
            return True
        return all(
            reading.metric in self.query.elements
            and self.query.begin - PERIOD_MARGIN <= reading.observed_at <= self.query.end + PERIOD_MARGIN
            for reading in heard.readings
        )

    def take(self, heard: Heard, receipt: Receipt) -> None:
        self.readings += len(heard.readings)
        self.stored += receipt.stored + receipt.waiting
        self.refused += len(receipt.refused)
        self.values = [*self.values, *heard.readings][-MOST_VALUES:]
        if heard.reply:
            self.said.update(heard.reply.content)

    def answer(self) -> dict[str, Any]:
        values = [
            {"metric": one.metric, "at": one.observed_at.astimezone(UTC).isoformat(), "value": one.value}
            for one in self.values
        ]
        counts = {"readings": self.readings, "stored": self.stored, "refused": self.refused}
        return self.said | counts | {"values": values}


class Questioning:
    """Asks by one gateway.

    Args:
        url: of the store, as the role of the application.
        patience: seconds that an answer is waited for; ``returning``: see ``RETURN_SECONDS``.
    """

    def __init__(
        self, url: str, gateway: Gateway, patience: float = ANSWER_SECONDS, returning: float = RETURN_SECONDS
    ) -> None:
        self._url = url
        self._gateway = gateway
        self._patience = patience
        self._returned_at = time.monotonic() + returning
        self._open: dict[str, _Open] = {}
        self._ended: list[tuple[_Open, str | None]] = []
        self._resumed = False

    def replied(self, heard: Heard, receipt: Receipt) -> None:
        """A device said something that only who was asked says; its readings are stored."""
        question = self._open.get(heard.device or "")
        if question is None or heard.reply is None or not question.fits(heard):
            return
        question.take(heard, receipt)
        question.deadline = time.monotonic() + self._patience
        if heard.reply.whole:
            self._end(question, None)

    async def work(self) -> None:
        """Go on until cancelled, whatever becomes of the store."""
        while True:
            try:
                await self._work()
            except (Error, OSError, TimeoutError) as error:
                log.error("feeds: questions wait for the store", reason=str(error).strip())
            await asyncio.sleep(RETRY_SECONDS)

    async def _work(self) -> None:
        connection = await AsyncConnection.connect(self._url, autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            if not self._resumed:
                await connection.execute("SELECT ioc.resume_device_questions(%s)", [MOST_SENDINGS])
                self._resumed = True
            look_at = 0.0
            while True:
                ended = await self._settle(connection)
                if ended or time.monotonic() >= look_at:
                    await self._begin_waiting(connection)
                    is_returning = time.monotonic() < self._returned_at
                    look_at = time.monotonic() + (RETURN_LOOK_SECONDS if is_returning else STORE_LOOK_SECONDS)
                await self._send_again(connection)
                async for _notice in connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                    look_at = 0.0

    async def _settle(self, connection: AsyncConnection[Any]) -> bool:
        """Note what has ended; an end that cannot be noted stays for the next time."""
        has_ended = bool(self._ended)
        while self._ended:
            question, failure = self._ended[0]
            given = None if failure else json.dumps(question.answer(), ensure_ascii=False)
            await connection.execute(
                "SELECT ioc.end_device_question(%s, %s, %s)", [question.id, failure, given]
            )
            self._ended.pop(0)
        return has_ended

    async def _begin_waiting(self, connection: AsyncConnection[Any]) -> None:
        cursor = await connection.execute("SELECT * FROM ioc.waiting_device_questions()")
        for number, device, asked, sendings in await cursor.fetchall():
            if device not in self._open:
                await self._send(connection, _Open(number, device, query_of(asked), sendings))

    async def _send_again(self, connection: AsyncConnection[Any]) -> None:
        now = time.monotonic()
        for question in [one for one in self._open.values() if one.deadline <= now]:
            if question.sendings >= MOST_SENDINGS:
                self._end(question, "silent")
            else:
                await self._send(connection, question)

    async def _send(self, connection: AsyncConnection[Any], question: _Open) -> None:
        """Send a question, or say that its station is not there."""
        if not self._gateway.has_line(question.device):
            # After the doors were opened stations need a moment to come back.
            if time.monotonic() >= self._returned_at:
                self._end(question, "offline")
            return
        # Noted first: an answer may be there before this goes on.
        question.sendings += 1
        question.deadline = time.monotonic() + self._patience
        self._open[question.device] = question
        await connection.execute("SELECT ioc.note_question_sent(%s)", [question.id])
        try:
            if not self._gateway.say(question.device, lambda line: _asking(line, question)):
                self._end(question, "offline")
        except ValueError as error:
            log.error("feeds: a question cannot be put", device=question.device, reason=str(error))
            self._end(question, "unfit")

    def _end(self, question: _Open, failure: str | None) -> None:
        self._open.pop(question.device, None)
        self._ended.append((question, failure))


def _asking(conversation: Conversation, question: _Open) -> bytes | None:
    assert isinstance(conversation, Sl651Conversation), "only the gateway of SL 651 asks"
    return conversation.ask(question.device, question.query, datetime.now(UTC))
