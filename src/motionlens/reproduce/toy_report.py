"""What `motionlens toy` leaves: a table, its numbers as JSON, curves, and a picture of proposals."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from motionlens._utils.files import write_atomically
from motionlens.explain.correspondences import Correspondences, explain_clips
from motionlens.explain.matches import Match, find_match
from motionlens.reproduce.toy import SYSTEMS, ToyRun, validation_videos
from motionlens.synthetic.toy import CLASS_NAMES, Canvas

if TYPE_CHECKING:
    from rich.table import Table

CHANCE = 1 / len(CLASS_NAMES)

# Why a comparator does better than chance, each backed by a control in the same table.
NOTES = {
    "c2d": (
        "c2d and c2d_avg see one frame at a time. With the maximum the axis can be read off, not "
        "the sense: a stride has a phase and padding marks the border, which c2d_sealed takes away."
    ),
    "c3d": (
        "c3d strides, which widens its field to 7 pixels: steps of 7 just fit (see the accuracy "
        "by step). On the box canvas it also reads where the block is near a border; c3d_margin "
        "takes that away. c3d_sealed has a field of 5 pixels and no border near: chance."
    ),
    "i3d": (
        "i3d, artnet and tsm do what c3d does: they see two frames of a step of 7 in a field of 7 "
        "pixels. Without stride and border (their sealed forms) the field is 5 pixels: chance."
    ),
    "trn": (
        "trn puts frames in order that were looked at one by one. That gives the direction as soon "
        "as a frame's features tell anything of the block's place, be it by the phase of the "
        "stride or the border: all of it on the box canvas. On the wide one, with no border near, "
        "it reads no sense, and trn_sealed, of whose features the place is no part, is at chance."
    ),
    "mfnet": (
        "mfnet compares features shifted by one cell, which after striding is 2 pixels (4 on the "
        "wide canvas) and widens its field of 7 to 11 (15): all steps fit. mfnet_sealed does not "
        "stride, has a field of 7 and no border near: chance."
    ),
}


def by_system(runs: Sequence[ToyRun]) -> dict[str, list[ToyRun]]:
    """Runs grouped by system, in the order of their first run."""
    grouped: dict[str, list[ToyRun]] = {}
    for run in runs:
        grouped.setdefault(run.system, []).append(run)
    return grouped


def toy_table(runs: Sequence[ToyRun], canvas: Canvas) -> Table:
    """The table of a canvas: mean and standard deviation over seeds, in percent."""
    from rich.table import Table

    steps = sorted(runs[0].by_step)
    table = Table(title=f"Toy videos, {canvas} canvas: accuracy in %, chance {100 * CHANCE:.0f}")
    table.add_column("system", no_wrap=True)
    headings = ["params", "train", "validation", "axis", "left/right", "up/down"]
    for heading in (*headings, f"steps {steps[0]}..{steps[-1]} px", "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, group in by_system(runs).items():
        table.add_row(
            name,
            f"{group[0].parameters:,}",
            _percent([run.train for run in group]),
            _percent([run.validation[-1] for run in group]),
            _percent([run.axis for run in group]),
            _percent([run.left_right for run in group]),
            _percent([run.up_down for run in group]),
            " ".join(f"{100 * statistics.mean(r.by_step[s] for r in group):.0f}" for s in steps),
            f"{statistics.mean(run.seconds for run in group):.0f}",
        )
    return table


def notes(runs: Sequence[ToyRun]) -> list[str]:
    """What is to be said beside the table: what its systems are, and why some beat chance."""
    names = list(by_system(runs))
    what = "; ".join(f"{name}: {SYSTEMS[name].summary}" for name in names)
    return [what + ".", *(text for name, text in NOTES.items() if name in names)]


def write_results(out: Path, runs: Sequence[ToyRun], canvas: Canvas, about: dict[str, Any]) -> None:
    """Write ``results.json`` and ``curves.png``.

    Args:
        out: an existing folder.
        runs: at least one.
        canvas: theirs.
        about: what else the file should say: command, versions, machine.
    """
    from motionlens.report.plots.lines import draw_curves

    grouped = by_system(runs)
    summary = {
        name: {
            "validation_mean": statistics.mean(run.validation[-1] for run in group),
            "validation_values": [run.validation[-1] for run in group],
            "seeds": [run.seed for run in group],
        }
        for name, group in grouped.items()
    }
    content = {
        **about,
        "canvas": canvas,
        "summary": summary,
        "runs": [run.to_dict() for run in runs],
    }
    write_atomically(out / "results.json", (json.dumps(content, indent=1) + "\n").encode())
    draw_curves(
        {name: [run.validation for run in group] for name, group in grouped.items()},
        out / "curves.png",
        title=f"Toy videos, {canvas} canvas",
        chance=CHANCE,
    )


def draw_proposals(out: Path, model: nn.Module, canvas: Canvas, name: str = "proposals") -> Path:
    """Draw what a trained network proposes for the moving block, one validation video a class.

    Args:
        out: an existing folder.
        model: with a CP module.
        canvas: on which it was trained.
        name: of the picture, without its ending.

    Returns:
        Path of the picture.
    """
    from motionlens.explain.drawing.strips import Strip, draw_strips

    videos = validation_videos(canvas)
    chosen = [int((videos.labels == label).nonzero()[0, 0]) for label in range(len(CLASS_NAMES))]
    (found,) = explain_clips(model, videos.clips()[chosen]).values()
    rows = []
    for place, video in enumerate(chosen):
        # The second frame has neighbours on both sides.
        match = block_match(found, place, 1, videos.corners[video, 1], videos.frames.shape[-1])
        picture = videos.frames[video, :, :, :, None].expand(-1, -1, -1, 3).numpy()
        rows.append(Strip(picture, match, CLASS_NAMES[place]))
    path = out / f"{name}.png"
    title = "Proposals of the moving block, one validation video a direction"
    draw_strips(rows, path, title)
    return path


def block_match(found: Correspondences, clip: int, frame: int, corner: Any, side: int) -> Match:
    """The position on the block that the module changed most, and its proposals.

    Args:
        found: of a batch of clips.
        clip: place in the batch.
        frame: in which the block is looked for.
        corner: row and column of the block's top left pixel.
        side: of the canvas, pixels.
    """
    H, W = found.grid
    rows = sorted({int(corner[0] + d) * H // side for d in (0, 1)})
    columns = sorted({int(corner[1] + d) * W // side for d in (0, 1)})
    cells = [(row, column) for row in rows for column in columns]
    row, column = max(
        cells, key=lambda cell: float(found.change[clip, frame, cell[0] * W + cell[1]])
    )
    return find_match(found.of_clip(clip), frame, row, column)


def _percent(values: Sequence[float]) -> str:
    mean = f"{100 * statistics.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * statistics.stdev(values):.1f}"
