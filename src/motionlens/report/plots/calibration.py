"""Accuracy over confidence: how far the probabilities of predictions can be trusted."""

from typing import Any

import numpy as np

from motionlens.report.calibration import CalibrationBins
from motionlens.report.plots.style import COLOURS, Target, new_figure, save


def draw_calibration(bins: CalibrationBins, path: Target, **options: Any) -> None:
    """Draw one bar per bin, as high as its accuracy, darker the more videos it holds.

    On the diagonal accuracy equals confidence; a dot lies at the mean confidence of each bin.

    Args:
        bins: with at least one video.
        path: of the picture; the suffix names the format.
        options: of ``savefig``, such as ``format`` or ``transparent``.

    Raises:
        OSError: If the file cannot be written.
    """
    filled = np.flatnonzero(bins.counts)
    width = 1 / len(bins.counts)
    accuracy, counts = bins.accuracy[filled], bins.counts[filled]
    figure, (axes,) = new_figure(3.4, 3.2)
    middles = (filled + 0.5) * width
    bars = axes.bar(middles, accuracy, 0.94 * width, color=COLOURS[0])
    for bar, count in zip(bars, counts, strict=True):
        bar.set_alpha(0.25 + 0.75 * count / counts.max())
    axes.plot([0, 1], [0, 1], color="#777777", linestyle="--", linewidth=0.9)
    axes.plot(bins.confidence[filled], accuracy, "ko", markersize=3.5, clip_on=False)
    axes.set(xlabel="probability", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_xticks([0, 0.5, 1])
    axes.set_yticks([0, 0.5, 1])
    save(figure, path, **options)
