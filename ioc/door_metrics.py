"""What Prometheus is told of the doors for devices, whose process is another than the web server's."""

import time
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from geodata.store import Store


class DoorMetrics(Collector):
    """Reads the counts of the store whenever it is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """Totals by door, connections of now, and how long ago the process of the doors noted them."""
        totals = CounterMetricFamily(
            "ioc_feed", "Messages at the doors for devices, and what became of them.", labels=["door", "what"]
        )
        connections = GaugeMetricFamily("ioc_feed_connections", "Connections of devices.", labels=["door"])
        silence = GaugeMetricFamily(
            "ioc_feed_silent_seconds", "Since the process of the doors was last heard.", labels=["door"]
        )
        with self._store.app_connection() as connection:
            rows = connection.execute("SELECT door, connections, seen_at, totals FROM ioc.door_totals()")
            for door, connected, seen_at, counts in rows.fetchall():
                connections.add_metric([door], connected)
                silence.add_metric([door], time.time() - seen_at.timestamp())
                for what, number in sorted(counts.items()):
                    totals.add_metric([door, what], number)
        return [totals, connections, silence]
