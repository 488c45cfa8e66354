"""An evaluation as one HTML file that needs nothing beside it: no scripts, no requests."""

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import torch
from PIL import Image

from motionlens._utils.files import write_atomically
from motionlens._utils.numbers import percent
from motionlens.clips.preprocessing import resize_frames
from motionlens.report.evaluation_report import EvaluationReport, Window
from motionlens.report.plots.calibration import draw_calibration
from motionlens.report.plots.confusion import MAX_COUNTED_CLASSES, draw_confusion
from motionlens.report.tables import (
    THRESHOLD_HEADINGS,
    class_rows,
    metrics,
    percent_range,
    plain_range,
    probability_scores,
    threshold_cells,
)
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError

TEMPLATE = "report.html.jinja"
# Confusions on the page, and clips of each; mistakes if videos may show several classes.
MAX_CONFUSIONS, CLIPS_PER_CONFUSION, MAX_MISTAKES = 6, 3, 12
MAX_BROKEN = 100

STRIP_FRAMES = 6
STRIP_HEIGHT = 96
# Strips of very wide frames are lower, so that they fit the page.
_MAX_STRIP_WIDTH = 1200
_JPEG_QUALITY = 75


def write_html(report: EvaluationReport, path: Path, *, title: str) -> None:
    """Write the report as HTML, with frames of the most confidently mistaken clips.

    Args:
        report: its videos are read again, if they are shown.
        path: of the file.
        title: above it.

    Raises:
        OSError: If the file cannot be written.
    """
    content: dict[str, Any] = {
        "report": report,
        "title": title,
        "num_scored": len(report.scored),
        "max_broken": MAX_BROKEN,
        "settings": {
            name: f"{value:,}" if name == "parameters" else value
            for name, value in report.settings.items()
            if value is not None
        },
    }
    if len(report.scored):
        content["metrics"] = metrics(report)
        content["scores"] = probability_scores(report)
        content["classes"] = class_rows(report)
        content["threshold_cells"] = threshold_cells(report)
        content["threshold_headings"] = THRESHOLD_HEADINGS
        content["mistakes"] = _mistakes(report)
    if report.calibration is not None:
        content |= _confusion(report)
        bins = report.calibration
        content["calibration"] = zip(bins.confidence, bins.accuracy, bins.counts, strict=True)
        picture = io.BytesIO()
        draw_calibration(bins, picture, format="svg", transparent=True)
        content["calibration_plot"] = _data_uri(picture, "image/svg+xml")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("motionlens.report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "percent": percent,
        "percent_range": percent_range,
        "plain_range": plain_range,
    }
    write_atomically(path, environment.get_template(TEMPLATE).render(content).encode())


def worst_confusions(report: EvaluationReport) -> list[tuple[int, int, list[int]]]:
    """The confusions, the most frequent first; of equally frequent ones the more confident first.

    Returns:
        True class, predicted class, and all videos of that confusion, the most probable first.
    """
    sure = report.probabilities.max(axis=1)
    groups: dict[tuple[int, int], list[int]] = {}
    for i in sorted(report.scored.tolist(), key=lambda i: -sure[i]):
        true, label = int(report.labels[i]), int(report.predicted[i])
        if true != label:
            groups.setdefault((true, label), []).append(i)
    order = sorted(groups.items(), key=lambda item: (-len(item[1]), -sure[item[1][0]]))
    return [(true, label, videos) for (true, label), videos in order]


def worst_mistakes(report: EvaluationReport, number: int) -> list[tuple[int, int]]:
    """Videos and the most probable classes that they do not show, if videos may show several."""
    assert report.targets is not None
    wrong = np.where(report.targets, -1.0, report.probabilities)[report.scored]
    order = np.argsort(-wrong, axis=None, kind="stable")[:number]
    places = np.stack(np.unravel_index(order, wrong.shape), axis=1).tolist()
    return [(int(report.scored[row]), label) for row, label in places if wrong[row, label] >= 0]


def frame_strip(path: str, window: Window = (None, None), fps: float = 12.0) -> str:
    """Six frames from first to last side by side, as a JPEG's data URI; empty if unreadable.

    Args:
        path: of the video.
        window: start and end of the evaluated part, seconds.
        fps: frames per second of frame folders.
    """
    try:
        with open_video(path, start_s=window[0], end_s=window[1], fps=fps) as reader:
            last = reader.num_frames - 1
            places = np.linspace(0, last, min(STRIP_FRAMES, last + 1)).round().astype(np.int64)
            frames = reader.read(places).data
    except VideoError:
        return ""
    height, width = frames.shape[2:]
    scale = min(STRIP_HEIGHT / height, _MAX_STRIP_WIDTH / (width * len(frames)))
    frames = resize_frames(frames, (max(round(height * scale), 1), max(round(width * scale), 1)))
    strip = torch.cat(list(frames), dim=2).permute(1, 2, 0).contiguous()
    content = io.BytesIO()
    Image.fromarray(strip.numpy()).save(content, "JPEG", quality=_JPEG_QUALITY)
    return _data_uri(content, "image/jpeg")


def _confusion(report: EvaluationReport) -> dict[str, Any]:
    """The matrix by name of the true class; as a picture if it is large."""
    if len(report.class_names) > MAX_COUNTED_CLASSES:
        picture = io.BytesIO()
        draw_confusion(report.confusion, report.class_names, picture)
        return {"confusion_plot": _data_uri(picture, "image/png")}
    rows = zip(report.class_names, report.confusion.tolist(), strict=True)
    return {"confusion": rows, "confusion_plot": ""}


def _mistakes(report: EvaluationReport) -> list[dict[str, Any]]:
    """Groups of clips to show: by confusion, or all in one if videos may show several classes."""
    if report.is_multi_label:
        clips = [_clip(report, *mistake) for mistake in worst_mistakes(report, MAX_MISTAKES)]
        return [{"number": 0, "clips": clips}] if clips else []
    return [
        {
            "true": report.class_names[true],
            "predicted": report.class_names[label],
            "number": len(videos),
            "clips": [_clip(report, video, label) for video in videos[:CLIPS_PER_CONFUSION]],
        }
        for true, label, videos in worst_confusions(report)[:MAX_CONFUSIONS]
    ]


def _clip(report: EvaluationReport, video: int, label: int) -> dict[str, Any]:
    path = report.paths[video]
    start_s, end_s = window = report.windows[video] if report.windows else (None, None)
    where = ""
    if end_s is not None:
        where = f", {start_s or 0:g} to {end_s:g} s"
    elif start_s is not None:
        where = f", from {start_s:g} s on"
    return {
        "path": path,
        "window": where,
        "picture": frame_strip(path, window, report.fps),
        "predicted": report.class_names[label],
        "probability": report.probabilities[video, label],
        "shows": ", ".join(report.true_labels(video)),
    }


def _data_uri(content: io.BytesIO, kind: str) -> str:
    """A file's content as an address, such as of kind ``image/png``."""
    return f"data:{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
