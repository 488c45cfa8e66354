import pytest
from matplotlib.colors import to_hex
from PIL import Image

from motionlens.report.plots.lines import draw_curves, draw_scaling, line_style
from motionlens.report.plots.style import COLOURS


def by_label(axes):
    """Lines of a plot by the name in the legend."""
    return {line.get_label(): line for line in axes.get_lines()}


def test_picture_is_written(tmp_path):
    curves = {"one": [[0.2, 0.5], [0.3, 0.7]], "single epoch": [[0.25]]}
    draw_curves(curves, tmp_path / "a.png", title="title", chance=0.25)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (910, 520)


def test_curves_are_means_over_seeds_within_their_range(tmp_path, drawn):
    curves = {"one": [[0.2, 0.5], [0.3, 0.7]], "single epoch": [[0.25]]}
    draw_curves(curves, tmp_path / "a.png", title="title", chance=0.25)
    (axes,) = drawn[0].axes
    lines = by_label(axes)
    assert list(lines["one"].get_xdata()) == [1, 2]
    assert list(lines["one"].get_ydata()) == pytest.approx([25, 60])
    assert lines["one"].get_marker() == "None"
    # A single point would not be seen without its marker.
    assert list(lines["single epoch"].get_ydata()) == pytest.approx([25])
    assert lines["single epoch"].get_marker() == "o"
    band = axes.collections[0].get_paths()[0].vertices
    assert [sorted(set(band[band[:, 0] == x, 1].round(6))) for x in (1, 2)] == [[20, 30], [50, 70]]
    assert axes.get_lines()[0].get_ydata()[0] == 25  # chance
    assert (axes.get_title(), axes.get_ylabel()) == ("title", "validation accuracy, %")
    names = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert names == list(curves)


def test_scaling_is_logarithmic_with_a_tick_at_each_number_of_frames(tmp_path, drawn):
    path = tmp_path / "frames.png"
    costs = {"ours": [(32, 150.0), (8, 10.0)], "plain": [(8, 30.0)]}
    draw_scaling(costs, path, title="cost")
    assert path.read_bytes().startswith(b"\x89PNG")
    (axes,) = drawn[0].axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    lines = by_label(axes)
    assert list(lines["ours"].get_xdata()) == [8, 32]
    assert list(lines["ours"].get_ydata()) == [10, 150]
    assert list(lines["plain"].get_ydata()) == [30]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["8", "32"]
    assert axes.get_title() == "cost"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ours", "plain"]


def test_systems_are_told_apart():
    styles = [line_style(number) for number in range(4 * len(COLOURS))]
    assert len({(style["color"], style["linestyle"]) for style in styles}) == len(styles)
    assert to_hex(styles[0]["color"]) == COLOURS[0].lower()
