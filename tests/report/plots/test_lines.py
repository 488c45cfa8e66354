from matplotlib.colors import to_hex

from motionlens.report.plots.lines import draw_scaling, line_style
from motionlens.report.plots.style import COLOURS


def by_label(axes):
    """Lines of a plot by the name in the legend."""
    return {line.get_label(): line for line in axes.get_lines()}


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
