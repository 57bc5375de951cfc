"""Chunks of a delivery prepared by the workers of a Dask cluster (optional extra “cluster”)."""

import pickle
import warnings
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from etl.delivery import Delivery
from etl.job import Job
from etl.prepare_ahead import Begin
from etl.prepared import Prepared, prepare
from etl.references import References
from geodata.errors import UserError

CONNECT_SECONDS = 10
CHUNKS_PER_THREAD = 2
RETRIES = 3


class ClusterError(UserError):
    """The cluster cannot be used."""


def prepared_on_cluster(
    scheduler: str, job: Job, deliveries: Iterator[Delivery], references: References, begin: Begin
) -> Generator[tuple[Delivery, Prepared]]:
    """Every chunk with what it became, in order. What a lost worker had in hand is done by the others.

    Raises:
        UserError: no such cluster or no worker left in it; and as reading and preparing do.
    """
    with _connected(scheduler) as client:
        # As a task of its own it is made again on whichever worker needs it after one is lost.
        held_against = client.submit(pickle.loads, pickle.dumps(references), pure=False)
        most = CHUNKS_PER_THREAD * max(1, sum(client.nthreads().values()))
        under_way: deque[tuple[Delivery, Any]] = deque()
        read = 0
        for delivery in deliveries:
            begin("read", read)
            read += len(delivery)
            with warnings.catch_warnings():
                # Chunks travel with their tasks on purpose: only so can they be done again elsewhere.
                warnings.filterwarnings("ignore", message="Sending large graph")
                task = client.submit(prepare, job, delivery, held_against, pure=False, retries=RETRIES)
            under_way.append((delivery, task))
            if len(under_way) >= most:
                yield _result(scheduler, *under_way.popleft())
        while under_way:
            yield _result(scheduler, *under_way.popleft())


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError(
            "--scheduler needs the optional part “cluster” of this program: install it with "
            "pip install 'ioc[cluster]', here and on the workers."
        ) from error
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(
            f"The Dask scheduler {scheduler} does not answer: check its address (tcp://HOST:8786) and that "
            "it runs."
        ) from error
    with client:
        if not client.nthreads():
            raise ClusterError(f"The Dask scheduler {scheduler} has no worker: start one (dask worker).")
        yield client


def _result(scheduler: str, delivery: Delivery, task: Any) -> tuple[Delivery, Prepared]:
    from distributed import CancelledError, KilledWorker

    try:
        return delivery, task.result()
    except (KilledWorker, CancelledError) as error:
        raise ClusterError(
            f"The Dask cluster at {scheduler} lost its workers again and again over the same rows: see that "
            "they have memory enough and this program's version, then run the job again."
        ) from error
