import numpy as np

from motionlens.report.plots.rows import Point, draw_panels


def test_rows_and_published_figures(tmp_path, drawn):
    points = {
        "C2D": Point(60.0, [58.0, 62.0], (50.0, 70.0), 56.9),
        "CPNet": Point(90.0, [90.0], None),
    }
    draw_panels(
        {"box": points, "wide": {}}, tmp_path / "rows.png", title="t", label="accuracy", chance=25
    )
    assert (tmp_path / "rows.png").stat().st_size > 5000
    first, second = drawn[0].axes
    assert [text.get_text() for text in first.get_yticklabels()] == ["C2D", "CPNet"]
    values = [line.get_xdata() for line in first.get_lines()]
    assert any(list(np.ravel(x)) == [56.9] for x in values)
    assert [axes.get_title() for axes in drawn[0].axes] == ["box", "wide"]
    assert len(second.get_lines()) < len(first.get_lines())


def test_the_legend_names_only_what_is_drawn(tmp_path, drawn):
    points = {"C2D": Point(60.0, [60.0], None)}
    draw_panels({"": points}, tmp_path / "a.png", title="t", label="accuracy")
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["here, mean of runs"]
    points = {"C2D": Point(60.0, [58.0, 62.0], (50.0, 70.0), 56.9)}
    draw_panels({"": points}, tmp_path / "b.png", title="t", label="accuracy", chance=25)
    names = [text.get_text() for text in drawn[1].legends[0].get_texts()]
    assert names[1:3] == ["one run", "95 % interval"]
    assert names[3].startswith("poster")
    assert names[4:] == ["chance"]
