from motionlens.serving.metrics import Histogram, Metrics


def test_a_histogram_counts_values_up_to_each_bound():
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 7.0):
        histogram.observe(value)
    assert histogram.counts == [2, 1, 1]
    assert histogram.sum == 10.0


def test_the_text_has_running_totals_and_kinds():
    metrics = Metrics()
    metrics.count_batch(2, 0.03)
    metrics.count_batch(3, 0.2)
    metrics.add_gauge("cpnet_depth", "How deep.", lambda: 7)
    lines = metrics.text().splitlines()
    for line in (
        "# TYPE motionlens_batch_size histogram",
        'motionlens_batch_size_bucket{le="1"} 0',
        'motionlens_batch_size_bucket{le="2"} 1',
        'motionlens_batch_size_bucket{le="4"} 2',
        'motionlens_batch_size_bucket{le="+Inf"} 2',
        "motionlens_batch_size_sum 5",
        'motionlens_network_seconds_bucket{le="0.05"} 1',
        "# HELP cpnet_depth How deep.",
        "# TYPE cpnet_depth gauge",
        "cpnet_depth 7",
    ):
        assert line in lines
