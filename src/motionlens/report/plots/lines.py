"""The cost of several systems over the number of frames."""

from collections.abc import Mapping, Sequence

from motionlens.report.plots.style import COLOURS, LINE_STYLES, Style, Target, new_figure, save


def draw_scaling(
    costs: Mapping[str, Sequence[tuple[int, float]]], path: Target, *, title: str
) -> None:
    """Draw milliseconds over frames, both axes logarithmic.

    Args:
        costs: name of the alternative to pairs of frames and milliseconds.
        path: of the picture; the suffix names the format.
        title: above it.

    Raises:
        OSError: If the file cannot be written.
    """
    figure, (axes,) = new_figure(6, 3.6)
    for number, (name, points) in enumerate(costs.items()):
        frames, milliseconds = zip(*sorted(points), strict=True)
        axes.plot(frames, milliseconds, marker="o", label=name, **line_style(number))
    axes.set(xscale="log", yscale="log", xlabel="frames", ylabel="milliseconds")
    ticks = sorted({frames for points in costs.values() for frames, _ in points})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_title(title, fontsize=11)
    axes.legend(frameon=False)
    save(figure, path)


def line_style(number: int) -> Style:
    """Colour and line style of a system by its number; pairs repeat only after 63 systems."""
    style = LINE_STYLES[(number + number // len(COLOURS)) % len(LINE_STYLES)]
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": style}
