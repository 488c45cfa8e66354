"""An evaluation as one HTML file that needs nothing beside it: no scripts, no requests."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np

from motionlens._utils.files import write_atomically
from motionlens.report.evaluation_report import EvaluationReport, Window
from motionlens.report.html.html_parts import calibration_plot, data_uri, frame_strip
from motionlens.report.html.html_style import STYLE
from motionlens.report.plots.confusion import MAX_COUNTED_CLASSES, draw_confusion
from motionlens.report.report_files import true_labels
from motionlens.report.tables import figures, percent

# Confusions to look at, and clips of each; mistakes where videos may show several classes.
MAX_CONFUSIONS, CLIPS_OF_EACH, MAX_MISTAKES = 6, 3, 12
MAX_BROKEN = 100

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""

# Path, window and rate of frame folders -> a picture's data URI, or nothing.
Strip = Callable[[str, Window, float], str]


class Mistake(NamedTuple):
    """A class that a video was wrongly taken to show.

    Attributes:
        video: its number in the report.
        label: the class.
        probability: of it.
    """

    video: int
    label: int
    probability: float


def write_html(
    report: EvaluationReport,
    path: Path,
    *,
    title: str,
    fps: float = 12.0,
    strip: Strip = frame_strip,
) -> None:
    """Write the report as HTML, with frames of the clips that were most confidently mistaken.

    Args:
        report: whose videos are read once more, those that are shown.
        path: of the file.
        title: above it.
        fps: frames per second of frame folders.
        strip: how a video becomes a picture.

    Raises:
        OSError: If it cannot be written.
    """
    sections = [
        _head(report, title),
        _classes(report),
        _confusion(report),
        _calibration(report),
        _mistakes(report, lambda i: strip(report.paths[i], _window(report, i), fps)),
        _broken(report),
        _settings(report),
    ]
    page = _PAGE.format(title=escape(title), style=STYLE, body="\n".join(filter(None, sections)))
    write_atomically(path, page.encode())


def worst_confusions(report: EvaluationReport) -> list[tuple[int, int, list[Mistake]]]:
    """The most frequent confusions, each with its most confident mistakes.

    Returns:
        True class, predicted class, and all videos of that confusion, the most probable first;
        of equally frequent confusions the more confident one first.
    """
    groups: dict[tuple[int, int], list[Mistake]] = {}
    for i in report.scored:
        true, label = int(report.labels[i]), int(report.predicted[i])
        if true != label:
            mistake = Mistake(int(i), label, float(report.probabilities[i, label]))
            groups.setdefault((true, label), []).append(mistake)
    for group in groups.values():
        group.sort(key=lambda mistake: -mistake.probability)
    order = sorted(groups.items(), key=lambda item: (-len(item[1]), -item[1][0].probability))
    return [(true, label, group) for (true, label), group in order]


def worst_mistakes(report: EvaluationReport, number: int) -> list[Mistake]:
    """Where videos may show several classes: those named most surely that a video does not show."""
    assert report.targets is not None
    wrong = np.where(report.targets[report.scored], -1.0, report.probabilities[report.scored])
    order = np.argsort(-wrong, axis=None, kind="stable")[:number]
    places = np.stack(np.unravel_index(order, wrong.shape), axis=1).tolist()
    return [
        Mistake(int(report.scored[row]), label, float(wrong[row, label]))
        for row, label in places
        if wrong[row, label] >= 0
    ]


def _head(report: EvaluationReport, title: str) -> str:
    scored = len(report.scored)
    videos = f"{report.num_videos} videos"
    if scored < report.num_videos:
        videos += f", {scored} of them labelled"
    if report.broken:
        videos += f"; {len(report.broken)} more are broken and left out"
    views = report.settings.get("views", "1x1")
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="pale">{videos}. Views: {escape(views)}.</p>']
    if not scored:
        return "".join([*parts, "<p>No video has a label, so nothing is scored.</p>"])
    boxes = []
    for name, text in figures(report):
        value, _, rest = text.partition(" (")
        note = f"<small>95 %: {escape(rest.rstrip(')'))} %</small>" if rest else ""
        boxes.append(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}{note}</dd></div>")
    note = "The range comes of drawing the videos anew; other training runs may vary more."
    return "".join([*parts, f'<dl class="figures">{"".join(boxes)}</dl><p class="pale">{note}</p>'])


def _classes(report: EvaluationReport) -> str:
    if not len(report.scored):
        return ""
    is_multi = report.is_multi_label
    values = report.average_precisions if is_multi else report.class_accuracies
    heads = ["class", "videos", "average precision" if is_multi else "accuracy"]
    heads += [] if is_multi else ["most often mistaken for"]
    rows = []
    for label, name in enumerate(report.class_names):
        part = values[label]
        bar = "" if np.isnan(part) else f'<span class="bar">{_filled(part)}</span>'
        mistaken = [] if is_multi else [f"<td>{_mistaken_for(report, label)}</td>"]
        rows.append(
            f'<th scope="row">{escape(name)}</th>'
            f'<td class="number">{report.class_counts[label]}</td>'
            f'<td class="number">{bar}<span class="part">{percent(part)}</span></td>'
            f"{''.join(mistaken)}"
        )
    return f"<h2>Classes</h2>{_table(heads, rows)}"


def _mistaken_for(report: EvaluationReport, label: int) -> str:
    worst, count = report.mistaken_for(label)
    return f"{escape(report.class_names[worst])} ({count})" if count else ""


def _filled(part: float) -> str:
    return f'<i style="width:{100 * part:.1f}%"></i>'


def _confusion(report: EvaluationReport) -> str:
    if report.is_multi_label or not len(report.scored):
        return ""
    names, matrix = report.class_names, report.confusion
    head = "<h2>Confusion</h2>"
    if len(names) > MAX_COUNTED_CLASSES:
        picture = io.BytesIO()
        draw_confusion(matrix, names, picture)
        address = data_uri(picture.getvalue(), "image/png")
        return f'{head}<div class="paper wide"><img alt="Confusion matrix" src="{address}"></div>'
    counts = np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    columns = "".join(
        f'<th scope="col" title="{escape(n)}">{i}</th>' for i, n in enumerate(names, 1)
    )
    rows = []
    for row, name in enumerate(names):
        cells = "".join(
            _cell(int(count), count / counts[row, 0], row == column)
            for column, count in enumerate(matrix[row])
        )
        rows.append(f'<tr><th scope="row">{row + 1} {escape(name)}</th>{cells}</tr>')
    caption = "A row a true class, a column a predicted one; colour is the part of the row."
    return (
        f'{head}<div class="wide"><table class="confusion"><caption>{caption}</caption>'
        f"<thead><tr><td></td>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(count: int, part: float, is_right: bool) -> str:
    mark = ' class="right"' if is_right else ""
    # No darker than that, so that ink stays readable on it, light or dark.
    shade = f' style="background:rgba(var(--accent),{0.55 * part:.2f})"' if count else ""
    return f"<td{mark}{shade}>{count or ''}</td>"


def _calibration(report: EvaluationReport) -> str:
    bins = report.calibration
    if bins is None:
        return ""
    text = (
        "Videos by the probability of the predicted class. A bar is the part that was right, "
        "darker for more videos; on the dashed line it equals the probability. The calibration "
        f"error, the mean distance from that line, is {percent(bins.error)}."
    )
    return f"<h2>Calibration</h2><p>{text}</p>{calibration_plot(bins)}"


def _mistakes(report: EvaluationReport, strip: Callable[[int], str]) -> str:
    if not len(report.scored):
        return ""
    head = "<h2>Most confident mistakes</h2>"
    if report.is_multi_label:
        figures = [_figure(report, m, strip) for m in worst_mistakes(report, MAX_MISTAKES)]
        return head + "".join(figures) if figures else ""
    confusions = worst_confusions(report)
    if not confusions:
        return f"{head}<p>None: every video was recognized.</p>"
    parts = [head]
    for true, label, group in confusions[:MAX_CONFUSIONS]:
        names = report.class_names
        number = f"{len(group)} video" + ("" if len(group) == 1 else "s")
        parts.append(
            f"<h3>{escape(names[true])} taken for "
            f'<span class="wrong">{escape(names[label])}</span>: {number}</h3>'
        )
        parts += [_figure(report, mistake, strip) for mistake in group[:CLIPS_OF_EACH]]
    return "".join(parts)


def _figure(report: EvaluationReport, mistake: Mistake, strip: Callable[[int], str]) -> str:
    path, name = report.paths[mistake.video], report.class_names[mistake.label]
    address = strip(mistake.video)
    picture = (
        f'<img alt="Frames of {escape(path)}" src="{address}">'
        if address
        else '<p class="pale">Its frames cannot be read any more.</p>'
    )
    shown = ", ".join(true_labels(report, mistake.video))
    part = _part(*_window(report, mistake.video))
    return (
        f'<figure class="strip">{picture}<figcaption>{100 * mistake.probability:.1f} % '
        f'<span class="wrong">{escape(name)}</span>, but shows {escape(shown)}. '
        f"<code>{escape(path)}{part}</code></figcaption></figure>"
    )


def _part(start_s: float | None, end_s: float | None) -> str:
    if end_s is None:
        return "" if start_s is None else f", from {start_s:g} s on"
    return f", {start_s or 0:g} to {end_s:g} s"


def _window(report: EvaluationReport, i: int) -> Window:
    return report.windows[i] if report.windows else (None, None)


def _broken(report: EvaluationReport) -> str:
    if not report.broken:
        return ""
    lines = [f"<li><code>{escape(error)}</code></li>" for _, error in report.broken[:MAX_BROKEN]]
    more = len(report.broken) - len(lines)
    rest = f"<li>and {more} more, all in report.json</li>" if more else ""
    return (
        f"<h2>Broken videos</h2><p>{len(report.broken)} could not be decoded and count nowhere."
        f"</p><ul>{''.join(lines)}{rest}</ul>"
    )


def _settings(report: EvaluationReport) -> str:
    rows = [
        f'<th scope="row">{escape(str(name))}</th><td>{escape(str(value))}</td>'
        for name, value in report.settings.items()
        if value is not None
    ]
    return f"<h2>Settings</h2>{_table([], rows)}" if rows else ""


def _table(heads: Sequence[str], rows: Iterable[str]) -> str:
    def cells() -> Iterator[str]:
        for name in heads:
            mark = ' class="number"' if name in ("videos", "accuracy", "average precision") else ""
            yield f'<th scope="col"{mark}>{escape(name)}</th>'

    head = f"<thead><tr>{''.join(cells())}</tr></thead>" if heads else ""
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'
