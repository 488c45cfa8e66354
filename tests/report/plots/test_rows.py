import numpy as np
import pytest
from matplotlib.figure import Figure

from motionlens.report.plots import lines, matrix, rows


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved."""
    figures = []
    save = Figure.savefig

    def keep(self, *arguments, **options):
        figures.append(self)
        return save(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def test_rows_and_published_figures(tmp_path, drawn):
    points = {
        "C2D": rows.Point(60.0, [58.0, 62.0], (50.0, 70.0)),
        "CPNet": rows.Point(90.0, [90.0], None),
    }
    panels = [rows.Panel("box", points, {"C2D": 56.9}), rows.Panel("wide", {}, {})]
    rows.draw_panels(panels, tmp_path / "rows.png", title="t", label="accuracy", chance=25)
    assert (tmp_path / "rows.png").stat().st_size > 5000
    first, second = drawn[0].axes
    assert [text.get_text() for text in first.get_yticklabels()] == ["C2D", "CPNet"]
    values = [line.get_xdata() for line in first.get_lines()]
    assert any(list(np.ravel(x)) == [56.9] for x in values)
    assert [axes.get_title() for axes in drawn[0].axes] == ["box", "wide"]
    assert len(second.get_lines()) < len(first.get_lines())


def test_matrix_leaves_out_what_is_missing(tmp_path, drawn):
    values = [[50.0, None], [60.0, 70.0]]
    matrix.draw_matrix(
        values, ["1", "2"], ["1", "2"], tmp_path / "m.png",
        title="t", row_label="r", column_label="c",
    )  # fmt: skip
    assert [text.get_text() for text in drawn[0].axes[0].texts] == ["50.0", "60.0", "70.0"]


def test_lines(tmp_path, drawn):
    line = lines.Line([21.0, 3.0], [40.0, 90.0], [30.0, 80.0], [50.0, 95.0])
    lines.draw_lines(
        {"CPNet": line, "C3D": line}, tmp_path / "l.png",
        title="t", x_label="x", y_label="y", chance=25.0,
    )  # fmt: skip
    axes = drawn[0].axes[0]
    # In the order of the quantity, however it came.
    assert list(axes.get_lines()[1].get_ydata()) == [90.0, 40.0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["3", "21"]
