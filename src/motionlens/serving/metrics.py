"""Prometheus metrics of one application."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """What a server has done so far. Each instance has its own registry; safe in several threads.

    Attributes:
        registry: holds the metrics below.
        requests: counter of answered requests by path, method and status.
        request_seconds: histogram by path.
        batch_size: histogram of clips per batch.
        network_seconds: histogram of the network's time per batch.
        queue_length: gauge of the clips and explanations that wait for the network.
        open_uploads: gauge of the uploads that are processed or wait.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "motionlens_requests",
            "Answered requests.",
            ["path", "method", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "motionlens_request_seconds",
            "From the first byte of a request to the end of its answer.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self.batch_size = Histogram(
            "motionlens_batch_size", "Clips in a batch.", buckets=BATCH_SIZES, registry=registry
        )
        self.network_seconds = Histogram(
            "motionlens_network_seconds",
            "The network's time for a batch.",
            buckets=SECONDS,
            registry=registry,
        )
        self.queue_length = Gauge(
            "motionlens_queue_length",
            "Clips and explanations that wait for the network.",
            registry=registry,
        )
        self.open_uploads = Gauge(
            "motionlens_open_uploads", "Uploads that are processed or wait.", registry=registry
        )
