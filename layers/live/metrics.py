"""What Prometheus is told of the live stream."""

from prometheus_client import Counter, Gauge, Histogram

STREAMS = Gauge("ioc_live_streams", "Browsers that are connected to the live stream of this process.")
EVENTS = Counter("ioc_live_events_total", "Events handed out to streams.", ["topic"])
GAPS = Counter("ioc_live_gaps_total", "Times a stream had to be told to begin anew from a snapshot.")
LAG_SECONDS = Histogram(
    "ioc_live_lag_seconds",
    "Time from telling of an event until it was handed out to streams.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
