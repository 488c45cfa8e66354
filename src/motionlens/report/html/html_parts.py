"""Pictures inside the HTML report: strips of frames, and the calibration plot."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
import torch
from PIL import Image

from motionlens.clips.preprocessing import resize_frames
from motionlens.report.evaluation_report import Window
from motionlens.report.statistics import CalibrationBins
from motionlens.video.file import VideoError, open_video

STRIP_FRAMES = 6
STRIP_HEIGHT = 96
_JPEG_QUALITY = 75
# Very wide frames are made lower, so that a strip fits a page.
_MAX_STRIP_WIDTH = 1200

_PLOT, _MARGIN = 220, 36


def data_uri(content: bytes, kind: str) -> str:
    """A file's content as an address, such as of kind ``image/png``."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def frame_strip(path: str, window: Window = (None, None), fps: float = 12.0) -> str:
    """Six frames from first to last side by side, as a JPEG's data URI; empty if unreadable.

    Args:
        path: of the video.
        window: start and end of the part that is meant, seconds.
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
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    frames = resize_frames(frames, size)
    strip = torch.cat(list(frames), dim=2).permute(1, 2, 0).contiguous()
    content = io.BytesIO()
    Image.fromarray(strip.numpy()).save(content, "JPEG", quality=_JPEG_QUALITY)
    return data_uri(content.getvalue(), "image/jpeg")


def calibration_plot(bins: CalibrationBins) -> str:
    """Accuracy over confidence as inline SVG, in the colours of the page.

    A bar a bin, as high as its accuracy and the darker the more videos it holds; the diagonal is
    where accuracy equals confidence, a dot where confidence was on average.
    """
    number = len(bins.counts)
    step, side = _PLOT / number, _PLOT + 2 * _MARGIN
    most = max(int(bins.counts.max()), 1)
    parts = []
    for i in np.flatnonzero(bins.counts):
        accuracy, confidence = float(bins.accuracy[i]), float(bins.confidence[i])
        count = int(bins.counts[i])
        tip = escape(
            f"{count} videos, confidence {100 * confidence:.0f} %, right {100 * accuracy:.0f} %"
        )
        left, height = _MARGIN + i * step, accuracy * _PLOT
        shade = 0.25 + 0.75 * count / most
        parts.append(
            f'<rect x="{left + 0.5:.1f}" y="{_MARGIN + _PLOT - height:.1f}" '
            f'width="{step - 1:.1f}" height="{max(height, 1):.1f}" '
            f'style="fill:rgba(var(--accent), {shade:.2f})"><title>{tip}</title></rect>'
            f'<circle cx="{_MARGIN + confidence * _PLOT:.1f}" '
            f'cy="{_MARGIN + _PLOT - height:.1f}" r="3" style="fill:var(--ink)"/>'
        )
    low, high = _MARGIN, _MARGIN + _PLOT
    ticks = "".join(
        f'<text x="{low + part * _PLOT:.0f}" y="{high + 15}" text-anchor="middle">{part:g}</text>'
        f'<text x="{low - 6}" y="{high - part * _PLOT + 4:.0f}" text-anchor="end">{part:g}</text>'
        for part in (0, 0.5, 1)
    )
    return (
        f'<svg role="img" aria-label="Accuracy over confidence" width="{side}" '
        f'height="{side}" viewBox="0 0 {side} {side}">'
        f'<rect x="{low}" y="{low}" width="{_PLOT}" height="{_PLOT}" '
        f'style="fill:none;stroke:var(--line)"/>{"".join(parts)}'
        f'<line x1="{low}" y1="{high}" x2="{high}" y2="{low}" style="stroke:var(--pale)" '
        f'stroke-dasharray="4 4"/>{ticks}'
        f'<text x="{low + _PLOT / 2}" y="{high + 31}" text-anchor="middle">confidence</text>'
        f'<text transform="translate(12 {low + _PLOT / 2}) rotate(-90)" '
        f'text-anchor="middle">part that is right</text></svg>'
    )
