"""Chunks of a delivery prepared one ahead, on this machine: while one is written, the next is made ready."""

import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from etl.delivery import Delivery
from etl.job import Job
from etl.prepared import Prepared, prepare
from etl.references import References

Begin = Callable[[str, int], None]
"""Told a phase that begins and the rows read before this chunk."""


def prepared_here(
    job: Job, deliveries: Iterator[Delivery], references: References, begin: Begin
) -> Generator[tuple[Delivery, Prepared]]:
    """Every chunk with what it became, in order.

    Raises:
        UserError: as reading and preparing do.
    """
    read = 0

    def step() -> tuple[Delivery, Prepared] | None:
        nonlocal read
        begin("read", read)
        started = time.perf_counter()
        delivery = next(deliveries, None)
        took = time.perf_counter() - started
        if delivery is None:
            return None
        chunk = prepare(job, delivery, references, lambda phase: begin(phase, read))
        chunk.seconds["read"] = took
        read += len(delivery)
        return delivery, chunk

    with ThreadPoolExecutor(1, "prepare") as ahead:
        upcoming = ahead.submit(step)
        while (ready := upcoming.result()) is not None:
            upcoming = ahead.submit(step)
            yield ready
