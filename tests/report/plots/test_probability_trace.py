import numpy as np

from motionlens.report.plots.probability_trace import ProbabilityTrace


def test_greatest_value_of_each_piece():
    trace = ProbabilityTrace(2, max_pieces=8, piece_s=1.0)
    trace.add(0.2, 0.4, [0.1, 0.9])
    trace.add(0.5, 0.9, [0.3, 0.2])
    trace.add(3.0, 3.5, [0.5, 0.5])
    np.testing.assert_array_equal(
        trace.values, [[0.3, 0.9], [np.nan] * 2, [np.nan] * 2, [0.5, 0.5]]
    )


def test_pieces_become_longer_and_not_more():
    trace = ProbabilityTrace(1, max_pieces=10, piece_s=0.5)
    for second in range(1000):
        trace.add(second, second + 1 - 1e-9, [second / 1000])
    assert trace.piece_s == 128.0
    firsts_last = [min(128 * (i + 1) - 1, 999) / 1000 for i in range(8)]
    np.testing.assert_allclose(trace.values[:, 0], firsts_last)
    trace.values[:] = 0  # a copy
    assert trace.values.max() > 0
