"""How many requests one viewer may make: a token bucket each, in the memory of this process."""

import math
import time
from dataclasses import dataclass

BURST_SECONDS = 10
EXPORT_COST = 20
BUCKETS_LIMIT = 10_000


@dataclass
class _Bucket:
    tokens: float
    at: float


class RequestLimit:
    """``per_second`` requests a viewer, and ten seconds' worth at once; 0 means no limit.

    Tiles and static files are not counted: they are many by nature and cost little.
    """

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._most = per_second * BURST_SECONDS
        self._buckets: dict[int, _Bucket] = {}

    def seconds_to_wait(self, account_id: int, path: str) -> int:
        """Take the request down; 0: go on, else after how many whole seconds to ask again."""
        if not self._rate or path.startswith("/tiles/"):
            return 0
        now = time.monotonic()
        bucket = self._buckets.get(account_id)
        if bucket is None:
            if len(self._buckets) >= BUCKETS_LIMIT:
                self._buckets.clear()
            bucket = self._buckets[account_id] = _Bucket(self._most, now)
        bucket.tokens = min(self._most, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        cost = min(self._most, EXPORT_COST if "/export" in path else 1)
        if bucket.tokens < cost:
            return math.ceil((cost - bucket.tokens) / self._rate)
        bucket.tokens -= cost
        return 0
