import numpy as np
import pytest
from PIL import Image

from motionlens.report.plots.confusion import draw_confusion


@pytest.mark.parametrize("classes", [1, 2, 7, 40, 174])
def test_a_picture_of_readable_size(classes, tmp_path):
    names = [f"class number {i}" for i in range(classes)]
    draw_confusion(np.eye(classes, dtype=np.int64) * 9, names, tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as picture:
        assert 300 < min(picture.size)
        assert max(picture.size) < 4000


def test_diagonal_is_dark_where_all_are_right_and_light_elsewhere(tmp_path):
    draw_confusion(np.array([[50, 0], [0, 2]]), ["a", "b"], tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as picture:
        dark = np.asarray(picture.convert("L")) < 60
    # Rare and frequent classes look the same: colour is the part of the row.
    rows = np.flatnonzero(dark.mean(axis=1) > 0.15)
    assert len(rows) > 0.4 * dark.shape[0] * 0.5


def test_matrix_must_fit_the_names(tmp_path):
    with pytest.raises(ValueError, match=r"matrix must be \(3, 3\), got \(2, 2\)"):
        draw_confusion(np.eye(2, dtype=np.int64), ["a", "b", "c"], tmp_path / "x.png")


def test_no_global_figure_is_left(tmp_path):
    import matplotlib.pyplot as plt

    draw_confusion(np.eye(2, dtype=np.int64), ["a", "b"], tmp_path / "x.png")
    assert plt.get_fignums() == []
