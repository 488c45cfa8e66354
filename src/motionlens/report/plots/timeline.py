"""A timeline: one row per label, with its events as bars over its probability in grey."""

import os
from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from motionlens._utils.numbers import percent
from motionlens.report.event import Event
from motionlens.report.plots.probability_trace import ProbabilityTrace
from motionlens.report.plots.style import COLOURS, check_picture_name, new_figure, save
from motionlens.report.plots.text import readable, shortened

_MAX_ROWS = 20
_BAR, _WRONG, _TRUTH, _AREA = COLOURS[0], COLOURS[1], COLOURS[2], "#C3CAD1"
# Within a row, which is 1 high and counted downwards: probabilities above, events below.
_AREA_FOOT, _AREA_HEIGHT = 0.1, 0.5
_BAR_AT, _BAR_HEIGHT = 0.26, 0.28
# Actions lie between the two, which make room.
_TRUTH_AT, _TRUTH_HEIGHT, _TRUTH_ROOM = 0.05, 0.12, 0.12


def draw_timeline(
    events: Sequence[Event],
    path: str | os.PathLike[str],
    *,
    class_names: Sequence[str],
    start_s: float,
    end_s: float,
    title: str,
    trace: ProbabilityTrace | None = None,
    truth: Sequence[Event] | None = None,
    wrong: Collection[Event] = (),
) -> None:
    """Draw events over time.

    The rows are the labels that have events or actions, then those with the highest
    probabilities, at most 20 in all, in the order of the class names. A note says how many labels
    with events are missing.

    Args:
        events: in any order.
        path: of the picture; its suffix sets the format, .png, .svg or .pdf.
        class_names: all labels.
        start_s: left edge, seconds.
        end_s: right edge, seconds.
        title: text above the picture.
        trace: probabilities to draw behind the bars.
        truth: annotated actions, drawn above the events; None if none are known.
        wrong: events that fit none of them.

    Raises:
        ValueError: For another suffix.
        OSError: If the file cannot be written.
    """
    check_picture_name(path, "timeline")
    rows = _choose_rows([*events, *(truth or ())], class_names, trace)
    figure, (ax,) = new_figure(9, 1.3 + 0.42 * max(len(rows), 1))
    end_s = max(end_s, start_s + 1e-3)
    if trace is not None and len(trace.values):
        foot = _AREA_FOOT - (0 if truth is None else _TRUTH_ROOM)
        _draw_probabilities(ax, trace, [list(class_names).index(name) for name in rows], foot)
    span_s = end_s - start_s
    for event in (event for event in events if event.label in rows):
        colour = _WRONG if event in wrong else _BAR
        text = percent(event.confidence, 0)
        place = rows.index(event.label) + _BAR_AT
        _draw_bar(ax, event, place, _BAR_HEIGHT, span_s, colour, text)
    for action in (action for action in truth or () if action.label in rows):
        place = rows.index(action.label) + _TRUTH_AT
        _draw_bar(ax, action, place, _TRUTH_HEIGHT, span_s, _TRUTH)
    names = [shortened(readable(name)) for name in rows]
    ax.set_yticks(range(len(rows)), names, fontsize=9)
    ax.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    ax.set_xlim(start_s, end_s)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 1.5, 3, 6, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock(value, end_s)))
    ax.set_xlabel("time, " + ("h:min:s" if end_s >= 3600 else "min:s" if end_s >= 60 else "s"))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    left_out = len({event.label for event in events} - set(rows))
    note = f"; {left_out} more labels have events" if left_out else ""
    if not events:
        note = "; no events"
    if truth is not None:
        note = f"; green: annotated, blue: found rightly, orange: wrongly{note}"
    shade = ", grey: its probability, 0 to 1" if trace is not None else ""
    legend = f"bar: event, with its confidence{shade}{note}"
    ax.set_title(f"{title}\n", fontsize=11, loc="left")
    ax.text(0, 1.02, legend, transform=ax.transAxes, fontsize=8, color="#555555")
    save(figure, path)


def _draw_probabilities(
    ax: Axes, trace: ProbabilityTrace, labels: Sequence[int], foot_at: float
) -> None:
    """One area per row, from its foot up."""
    values = trace.values
    edges = np.arange(len(values) + 1) * trace.piece_s
    for row, label in enumerate(labels):
        # The last value is repeated for the last edge; NaN leaves a gap.
        heights = np.append(values[:, label], values[-1, label])
        foot = np.full(len(edges), row + foot_at)
        top = foot - _AREA_HEIGHT * heights
        ax.fill_between(edges, foot, top, step="post", color=_AREA, linewidth=0, zorder=1)
        ax.axhline(row + foot_at, color=_AREA, linewidth=0.6, zorder=1)


def _draw_bar(
    ax: Axes, event: Event, place: float, height: float, span_s: float, colour: str, text: str = ""
) -> None:
    # Even the shortest event is visible.
    width = max(event.duration_s, 0.002 * span_s)
    bar = ax.barh(place, width, left=event.start_s, height=height, color=colour, zorder=2)
    if text and width > 0.045 * span_s:
        ax.bar_label(bar, [text], label_type="center", color="white", fontsize=7, zorder=3)


def clock(time_s: float, end_s: float) -> str:
    """A time on an axis that goes to ``end_s``.

    Example:
        >>> clock(75, 100), clock(75, 7200), clock(7.5, 30)
        ('1:15', '0:01:15', '7.5')
    """
    if end_s < 60:
        return f"{time_s:g}"
    minutes, seconds = divmod(round(time_s), 60)
    if end_s < 3600:
        return f"{minutes}:{seconds:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _choose_rows(
    events: Sequence[Event], class_names: Sequence[str], trace: ProbabilityTrace | None
) -> list[str]:
    """The labels to draw, in the order of the class names."""
    lasting: dict[str, float] = {}
    for event in events:
        lasting[event.label] = lasting.get(event.label, 0.0) + event.duration_s
    ranked = sorted(lasting, key=lambda name: -lasting[name])
    if trace is not None and len(trace.values):
        peaks = np.nanmax(trace.values, axis=0)
        ranked += [class_names[i] for i in np.argsort(-peaks, kind="stable").tolist()]
    chosen = set(list(dict.fromkeys(ranked))[:_MAX_ROWS])
    return [name for name in class_names if name in chosen]
