"""What Prometheus is told of the intake."""

from prometheus_client import Counter, Gauge, Histogram

READINGS = Counter("ioc_readings_total", "Readings handed in, by what became of them.", ["outcome"])
POSITIONS = Counter("ioc_positions_total", "Positions handed in, by what became of them.", ["outcome"])
PICTURES = Counter("ioc_pictures_total", "Pictures handed in, by what became of them.", ["outcome"])
QUEUED = Gauge("ioc_intake_queued", "Readings and positions that wait to be stored.", ["kind"])
BATCH_SECONDS = Histogram(
    "ioc_intake_batch_seconds",
    "Time to store a batch, from its first statement to its commit.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BATCH_ROWS = Histogram(
    "ioc_intake_batch_rows", "Rows of a batch.", buckets=(1, 10, 100, 1000, 5000, 10_000, 20_000, 50_000)
)
RETRIES = Counter("ioc_intake_retries_total", "Batches begun again because the database went away.")
JUDGE_FAILURES = Counter("ioc_judge_failures_total", "Batches kept without being judged for alarms.")
