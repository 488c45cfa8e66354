import numpy as np

from motionlens.report.plots.rows import draw_rows


def cell(row, column, values, interval=None):
    mean = sum(values) / len(values)
    return {"row": row, "column": column, "mean": mean, "values": values, "interval": interval}


def test_rows_and_published_figures(tmp_path, drawn):
    cells = [
        cell("C2D", "box", [0.58, 0.62], [0.5, 0.7]),
        cell("CPNet", "box", [0.9]),
        cell("CPNet", "wide", [0.8]),
    ]
    published = {("C2D", "box"): 56.9}
    draw_rows(
        cells, tmp_path / "rows.png", title="t", label="accuracy", published=published,
        chance=25, scale=100,
    )  # fmt: skip
    assert (tmp_path / "rows.png").stat().st_size > 5000
    first, second = drawn[0].axes
    assert [text.get_text() for text in first.get_yticklabels()] == ["C2D", "CPNet"]
    values = [list(np.ravel(line.get_xdata()).round(6)) for line in first.get_lines()]
    assert [56.9] in values
    assert [50, 70] in values
    assert [58, 62] in values
    assert [axes.get_title() for axes in drawn[0].axes] == ["box", "wide"]
    assert len(second.get_lines()) < len(first.get_lines())


def test_the_legend_names_only_what_is_drawn(tmp_path, drawn):
    cells = [cell("C2D", "", [60.0])]
    draw_rows(cells, tmp_path / "a.png", title="t", label="accuracy", published={})
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["here, mean of runs"]
    cells = [cell("C2D", "", [58.0, 62.0], [50.0, 70.0])]
    published = {("C2D", ""): 56.9}
    draw_rows(
        cells, tmp_path / "b.png", title="t", label="accuracy", published=published, chance=25
    )
    names = [text.get_text() for text in drawn[1].legends[0].get_texts()]
    assert names[1:3] == ["one run", "95 % interval"]
    assert names[3].startswith("poster")
    assert names[4:] == ["chance"]
