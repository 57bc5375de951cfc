"""The one way readings, positions and pictures come into the store, whatever protocol they came by.

Callers hand in a frame's worth or a file's worth; one writer stores what has come together in one transaction
and answers all callers after its commit. What is not committed is not answered, and may be sent again: a
reading is known by its series and time.

Flow control: readings wait (the caller is held) while too many are queued; positions, of which the next one
tells nearly the same, are shed then, counted, and said so. They are shed too when for some time everything
has taken too long to be stored: devices that wait for their answers never fill a queue, they wait longer.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from psycopg import OperationalError

from etl.feeds import intake_metrics as metrics
from etl.feeds.intake_batch import BatchWriter
from etl.feeds.reading import Judge, Picture, Position, Reading, Receipt, Submission

log = structlog.get_logger(__name__)

MOST_ROWS = 20_000
"""In one transaction; a single submission may hold more."""
MOST_READINGS = 100_000
"""That wait; whoever brings more is held until there is room."""
MOST_POSITIONS = 20_000
"""That wait; more are shed."""
LATE_SECONDS = 2.0
"""From handing in to the commit. A store that cannot be reached makes nothing late: that is no flood."""
LATE_FOR_SECONDS = 5.0
"""When every transaction has been late for so long, positions are shed."""
SAY_SECONDS = 30.0
"""While positions are shed it is said again, for pages that were opened since."""
GATHER_SECONDS = 0.05
"""After a transaction that held what several brought: more are on their way, and one transaction for all of
them costs little more than one for the first."""
PLENTY = 500
"""Submissions that need not be waited for: they are enough for a transaction."""
CALM_SECONDS = 3.0
"""Without a position shed, until it is said that they are stored again: not with every batch of one flood."""
RETRY_SECONDS = 0.5
DEFAULT_KEPT_DAYS = 400


class IntakeClosedError(RuntimeError):
    """The intake ended before this was stored: it is not acknowledged, send it again."""


@dataclass
class _Waiting:
    content: Submission
    shed: int
    since: float = field(default_factory=time.monotonic)
    future: Future[Receipt] = field(default_factory=Future)


class Intake:
    """Takes readings, positions and pictures in; any number of threads may use it.

    Args:
        url: of the store; the role needs no more than the web's has, unless ``judge`` does.
        judge: told of new readings within their transaction.
        kept_days: how long raw readings are kept; older ones are refused.
    """

    def __init__(self, url: str, judge: Judge | None = None, kept_days: int = DEFAULT_KEPT_DAYS) -> None:
        self._writer = BatchWriter(url, judge, kept_days)
        self._queue: deque[_Waiting] = deque()
        self._readings = 0
        self._positions = 0
        self._shed = 0
        self._shedding = False
        self._late_since: float | None = None
        self._late_until = 0.0
        self._recovered_at = 0.0
        self._say_at = 0.0
        self._calm_at = 0.0
        self._notices: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="intake", daemon=True)
        self._thread.start()

    def take(
        self, readings: Sequence[Reading], positions: Sequence[Position] = (), source: str = ""
    ) -> Receipt:
        """Store readings and positions; returns when they are committed.

        Args:
            source: protocol and, behind a colon, who or what sent them: ``http:pump company``.

        Raises:
            IntakeClosedError: the intake ended first.
        """
        return self.submit(readings, positions, source).result()

    def submit(
        self,
        readings: Sequence[Reading],
        positions: Sequence[Position] = (),
        source: str = "",
        pictures: Sequence[Picture] = (),
    ) -> Future[Receipt]:
        """As ``take``, without waiting for the commit; waits while too many readings are queued."""
        with self._changed:
            shed = self._to_shed(positions)
            while readings and self._readings >= MOST_READINGS and not self._closing.is_set():
                self._changed.wait()
            waiting = _Waiting(Submission(readings, () if shed else positions, source, pictures), shed)
            if self._closing.is_set():
                waiting.future.set_exception(IntakeClosedError())
            elif not readings and not waiting.content.positions and not pictures:
                waiting.future.set_result(Receipt(shed=shed))
            else:
                self._queue.append(waiting)
                self._count(waiting, 1)
                self._changed.notify_all()
        return waiting.future

    def close(self) -> None:
        """Store what is queued, as far as the database answers, and end."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        self._thread.join()

    def _to_shed(self, positions: Sequence[Position]) -> int:
        """How many of these positions there is no room for: all of them, or none."""
        full = self._positions + len(positions) > MOST_POSITIONS or self._readings >= MOST_READINGS
        is_late = time.monotonic() < self._late_until
        if not positions or not (full or is_late):
            return 0
        if not self._shedding:
            self._shedding = True
            self._say_shedding()
            log.warning("intake: more comes than can be stored; positions are shed, readings wait")
        self._calm_at = time.monotonic() + CALM_SECONDS
        self._shed += len(positions)
        metrics.POSITIONS.labels("shed").inc(len(positions))
        return len(positions)

    def _say_shedding(self) -> None:
        self._notices.append({"state": "shedding"})
        self._say_at = time.monotonic() + SAY_SECONDS

    def _count(self, waiting: _Waiting, sign: int) -> None:
        self._readings += sign * len(waiting.content.readings)
        self._positions += sign * len(waiting.content.positions)
        metrics.QUEUED.labels("readings").set(self._readings)
        metrics.QUEUED.labels("positions").set(self._positions)

    def _work(self) -> None:
        """The writer: until the intake is closed and its queue empty."""
        while batch := self._next_batch():
            with self._changed:
                if self._shedding and time.monotonic() >= self._say_at:
                    self._say_shedding()
                notices, self._notices = self._notices, []
            self._write(batch, notices)
            now = time.monotonic()
            with self._changed:
                for one in batch:
                    self._count(one, -1)
                self._note_lateness(batch[0].since, now)
                if (
                    self._shedding
                    and self._positions <= MOST_POSITIONS // 2
                    and self._readings < MOST_READINGS
                    and now >= max(self._calm_at, self._late_until)
                ):
                    self._shedding = False
                    self._notices.append({"state": "normal", "shed": self._shed})
                    log.warning("intake: positions are stored again", shed=self._shed)
                    self._shed = 0
                self._changed.notify_all()
            if len(batch) > 1 and len(self._queue) < PLENTY:
                self._closing.wait(GATHER_SECONDS)
        self._writer.close()

    def _note_lateness(self, since: float, now: float) -> None:
        """A transaction has ended whose first content was handed in at ``since``."""
        if since < self._recovered_at or now - since < LATE_SECONDS:
            self._late_since, self._late_until = None, 0.0
            return
        if self._late_since is None:
            self._late_since = now
        if now - self._late_since >= LATE_FOR_SECONDS:
            # For a while, then positions tell again: nothing else may be handed in.
            self._late_until = now + CALM_SECONDS

    def _next_batch(self) -> list[_Waiting]:
        """What waits, up to a transaction's worth; nothing when the intake is closed and empty."""
        with self._changed:
            batch: list[_Waiting] = []
            rows = 0
            while not batch:
                self._changed.wait_for(lambda: self._queue or self._closing.is_set())
                if not self._queue:
                    break
                while self._queue and rows < MOST_ROWS:
                    waiting = self._queue.popleft()
                    # Who gave up before its turn has not been answered.
                    if waiting.future.set_running_or_notify_cancel():
                        batch.append(waiting)
                        rows += len(waiting.content.readings) + len(waiting.content.positions)
                    else:
                        self._count(waiting, -1)
            return batch

    def _write(self, batch: list[_Waiting], notices: list[dict[str, Any]]) -> None:
        """Store and answer a batch; what cannot be stored is told apart by storing each by itself."""
        while True:
            try:
                receipts = self._writer.write([one.content for one in batch], notices)
                break
            except OperationalError as error:
                log.error("intake: beginning a batch again", reason=str(error).strip())
                metrics.RETRIES.inc()
                is_closing = self._closing.wait(RETRY_SECONDS)
                self._recovered_at = time.monotonic()
                if is_closing:
                    for one in batch:
                        one.future.set_exception(IntakeClosedError())
                    return
            except Exception as error:
                if len(batch) > 1:
                    for one in batch:
                        self._write([one], notices if one is batch[0] else [])
                    return
                log.error("intake: a submission cannot be stored", exc_info=error)
                batch[0].future.set_exception(error)
                return
        for one, receipt in zip(batch, receipts, strict=True):
            one.future.set_result(replace(receipt, shed=one.shed))
