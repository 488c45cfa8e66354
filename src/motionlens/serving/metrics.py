"""Counters and histograms in the text format of Prometheus."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable

Labels = tuple[tuple[str, str], ...]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCH_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Histogram:
    """How often values fell below each of some bounds.

    Args:
        bounds: rising; infinity is added.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = (*bounds, float("inf"))
        self.counts = [0] * len(self.bounds)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Metrics:
    """What a server has done so far. Safe in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[Labels, int] = defaultdict(int)
        self._seconds: dict[Labels, Histogram] = {}
        self._batches = Histogram(BATCH_SIZES)
        self._network = Histogram(SECONDS)
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def count_request(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        labels = (("path", path), ("method", method), ("status", str(status)))
        with self._lock:
            self._requests[labels] += 1
            place = (("path", path),)
            self._seconds.setdefault(place, Histogram(SECONDS)).observe(seconds)

    def count_batch(self, size: int, seconds: float) -> None:
        """Count clips that went through the network together."""
        with self._lock:
            self._batches.observe(size)
            self._network.observe(seconds)

    def add_gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Show a value that is read when it is asked for."""
        self._gauges[name] = (about, read)

    def text(self) -> str:
        """Everything, in the text format."""
        with self._lock:
            lines = _head("motionlens_requests_total", "counter", "Answered requests.")
            for labels, count in sorted(self._requests.items()):
                lines.append(f"motionlens_requests_total{_braces(labels)} {count}")
            lines += _head("motionlens_request_seconds", "histogram", "From first byte to answer.")
            for labels, histogram in sorted(self._seconds.items()):
                lines += _histogram("motionlens_request_seconds", labels, histogram)
            lines += _head("motionlens_batch_size", "histogram", "Clips in a batch.")
            lines += _histogram("motionlens_batch_size", (), self._batches)
            lines += _head(
                "motionlens_network_seconds", "histogram", "The network's time for a batch."
            )
            lines += _histogram("motionlens_network_seconds", (), self._network)
        for name, (about, read) in self._gauges.items():
            lines += [*_head(name, "gauge", about), f"{name} {read():g}"]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, about: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]


def _histogram(name: str, labels: Labels, histogram: Histogram) -> list[str]:
    lines, total = [], 0
    for bound, count in zip(histogram.bounds, histogram.counts, strict=True):
        total += count
        le = "+Inf" if bound == float("inf") else f"{bound:g}"
        lines.append(f"{name}_bucket{_braces((*labels, ('le', le)))} {total}")
    lines.append(f"{name}_sum{_braces(labels)} {histogram.sum:g}")
    lines.append(f"{name}_count{_braces(labels)} {total}")
    return lines


def _braces(labels: Labels) -> str:
    """Labels as they are written; values are paths and numbers of our own, without quotes."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""
