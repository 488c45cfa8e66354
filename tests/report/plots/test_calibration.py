import numpy as np
import pytest

from motionlens.report.calibration import calibration
from motionlens.report.plots.calibration import draw_calibration


def test_calibration_plot_has_a_bar_a_filled_bin(tmp_path, drawn):
    bins = calibration(np.float32([0.1, 0.5, 0.52, 0.99]), np.array([0, 1, 0, 1], bool))
    draw_calibration(bins, tmp_path / "a.svg")
    (axes,) = drawn[0].axes
    assert [bar.get_height() for bar in axes.patches] == [0, 0.5, 1]
    # Bins 1, 7 and 14 of 15; that with two videos is the strongest.
    middles = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    assert middles == pytest.approx([1.5 / 15, 7.5 / 15, 14.5 / 15])
    assert [bar.get_alpha() for bar in axes.patches] == [0.625, 1, 0.625]
    diagonal, dots = axes.get_lines()
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata())
    np.testing.assert_allclose(dots.get_xdata(), [0.1, 0.51, 0.99], rtol=1e-6)
    assert list(dots.get_ydata()) == [0, 0.5, 1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("probability", "accuracy")
    assert "<svg" in (tmp_path / "a.svg").read_text()
