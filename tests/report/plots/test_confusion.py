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
    # Rare and frequent classes look the same: colour is the share of the row.
    rows = np.flatnonzero(dark.mean(axis=1) > 0.15)
    assert len(rows) > 0.4 * dark.shape[0] * 0.5


def test_cells_hold_counts_and_rows_hold_totals(tmp_path, drawn):
    matrix = np.array([[8, 2, 0], [0, 1, 3], [0, 0, 0]])
    draw_confusion(matrix, ["left", "right", "none"], tmp_path / "confusion.png")
    axes, bar = drawn[0].axes
    (image,) = axes.get_images()
    np.testing.assert_allclose(image.get_array(), [[0.8, 0.2, 0], [0, 0.25, 0.75], [0, 0, 0]])
    assert image.get_clim() == (0, 1)
    cells = {text.get_position(): text for text in axes.texts}
    found = {at: (text.get_text(), text.get_color()) for at, text in cells.items()}
    assert found == {
        (0, 0): ("8", "white"),
        (1, 0): ("2", "black"),
        (1, 1): ("1", "black"),
        (2, 1): ("3", "white"),
    }
    assert [text.get_text() for text in axes.get_xticklabels()] == ["left", "right", "none"]
    rows = [text.get_text() for text in axes.get_yticklabels()]
    assert rows == ["left (10)", "right (4)", "none (0)"]
    assert axes.get_title() == "14 videos, top-1 64.3 %"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true (videos)")
    assert bar.get_ylabel() == "share of the true class"


@pytest.mark.parametrize(("classes", "counted", "named"), [(30, 30, 30), (31, 0, 31), (81, 0, 0)])
def test_large_matrices_have_no_counts_and_then_no_names(classes, counted, named, tmp_path, drawn):
    names = [f"n{i}" for i in range(classes)]
    draw_confusion(np.eye(classes, dtype=np.int64), names, tmp_path / "confusion.png")
    axes = drawn[0].axes[0]
    assert len(axes.texts) == counted
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert sum(label in names for label in labels) == named


def test_matrix_must_fit_the_names(tmp_path):
    with pytest.raises(ValueError, match=r"matrix must be \(3, 3\), got \(2, 2\)"):
        draw_confusion(np.eye(2, dtype=np.int64), ["a", "b", "c"], tmp_path / "x.png")


def test_no_global_figure_is_left(tmp_path):
    import matplotlib.pyplot as plt

    draw_confusion(np.eye(2, dtype=np.int64), ["a", "b"], tmp_path / "x.png")
    assert plt.get_fignums() == []
