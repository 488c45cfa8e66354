from prometheus_client import generate_latest

from motionlens.serving.metrics import Metrics


def lines_of(metrics):
    return generate_latest(metrics.registry).decode().splitlines()


def test_a_histogram_counts_values_up_to_each_bound():
    metrics = Metrics()
    for value in (0.5, 1.0, 1.5, 70.0):
        metrics.batch_size.observe(value)
    lines = lines_of(metrics)
    for line in (
        'motionlens_batch_size_bucket{le="1.0"} 2.0',
        'motionlens_batch_size_bucket{le="2.0"} 3.0',
        'motionlens_batch_size_bucket{le="64.0"} 3.0',
        'motionlens_batch_size_bucket{le="+Inf"} 4.0',
        "motionlens_batch_size_sum 73.0",
    ):
        assert line in lines


def test_the_text_has_running_totals_and_kinds():
    metrics = Metrics()
    for size, seconds in ((2, 0.03), (3, 0.2)):
        metrics.batch_size.observe(size)
        metrics.network_seconds.observe(seconds)
    metrics.requests.labels("/predict", "POST", 200).inc()
    metrics.request_seconds.labels("/predict").observe(0.3)
    metrics.queue_length.set(7)
    lines = lines_of(metrics)
    for line in (
        "# TYPE motionlens_batch_size histogram",
        'motionlens_batch_size_bucket{le="1.0"} 0.0',
        'motionlens_batch_size_bucket{le="2.0"} 1.0',
        'motionlens_batch_size_bucket{le="4.0"} 2.0',
        'motionlens_batch_size_bucket{le="+Inf"} 2.0',
        "motionlens_batch_size_sum 5.0",
        'motionlens_network_seconds_bucket{le="0.05"} 1.0',
        "# TYPE motionlens_requests_total counter",
        'motionlens_requests_total{method="POST",path="/predict",status="200"} 1.0',
        'motionlens_request_seconds_count{path="/predict"} 1.0',
        "# HELP motionlens_queue_length Clips and explanations that wait for the network.",
        "# TYPE motionlens_queue_length gauge",
        "motionlens_queue_length 7.0",
        "motionlens_open_uploads 0.0",
    ):
        assert line in lines


def test_each_application_has_its_own_metrics():
    first, second = Metrics(), Metrics()
    first.requests.labels("/predict", "POST", 200).inc()
    assert 'path="/predict"' in "".join(lines_of(first))
    assert 'path="/predict"' not in "".join(lines_of(second))
