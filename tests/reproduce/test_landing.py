import itertools
from dataclasses import replace

import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from motionlens.explain.correspondences import explain_clips
from motionlens.explain.drawing.arrows import draw_match
from motionlens.explain.drawing.sheet import Sheet
from motionlens.explain.drawing.themes import KEPT_COLOUR
from motionlens.inference.recognizer import Recognizer
from motionlens.models.registry import create_model
from motionlens.reproduce import toy_training
from motionlens.reproduce.budgets import BUDGETS
from motionlens.reproduce.grids import EXPERIMENTS, planned_runs
from motionlens.reproduce.landing import measure_landing
from motionlens.reproduce.proposals import block_match
from motionlens.reproduce.toy_training import toy_card, train, validation_videos
from motionlens.synthetic.toy import BLOCK_PX, ToyVideos, moving_blocks

(PIXELS,) = planned_runs(EXPERIMENTS["visualise"].toy, BUDGETS["small"], models=["pixels"])


def touches(box, corner):
    """Whether a part (top, left, height, width) of a frame holds a pixel of the block."""
    top, left, height, width = box
    y, x = corner
    return top < y + BLOCK_PX and y < top + height and left < x + BLOCK_PX and x < left + width


def grown(box, by):
    """A part of a frame with so many pixels more on each side."""
    top, left, height, width = box
    return top - by, left - by, height + 2 * by, width + 2 * by


@pytest.mark.parametrize("strides", [(1, 1), (2, 1), (2, 2), (1, 2)])
@pytest.mark.parametrize("canvas", ["box", "wide"])
def test_measured_as_position_by_position(canvas, strides):
    """Against boxes in pixels of the video, one position and one proposal after the other."""
    if canvas == "wide" and strides == (1, 1):
        strides = (4, 1)
    torch.manual_seed(3)
    options = {"strides": strides, "widths": (4, 8), "k": 5}
    model = create_model("toy_cpnet", num_classes=4, **options).eval()
    torch.nn.init.ones_(model.core.projection.norm.weight)
    videos = moving_blocks(4, canvas=canvas, seed=1)
    recognizer = Recognizer(model, toy_card(replace(PIXELS, canvas=canvas, options=options)))
    counts = {"exact": 0, "beside": 0}
    total = 0
    cell = strides[0] * strides[1]
    for frames, corners in zip(videos.frames, videos.corners.tolist(), strict=True):
        explained = recognizer.explain(frames[..., None].expand(-1, -1, -1, 3).numpy())
        found = explained.modules["core"]
        for t, corner in enumerate(corners):
            for row, column in itertools.product(*map(range, found.grid)):
                if not touches(explained.box("core", row, column), corner):
                    continue
                for target in found.match(t, row, column).targets:
                    assert target.frame != t
                    box = explained.box("core", target.row, target.column)
                    there = corners[target.frame]
                    if target.wins > 0:
                        total += 1
                        counts["exact"] += touches(box, there)
                        counts["beside"] += touches(grown(box, cell), there)
    # In the form that explain runs: its rounding decides between positions that look the same.
    landing = measure_landing(recognizer.network, videos)
    assert landing["proposals"] == total > 0
    for name, hits in counts.items():
        assert landing[name] == pytest.approx(hits / total), name


@pytest.mark.slow
def test_surviving_proposals_of_the_block_land_on_the_block(monkeypatch):
    """To the pixel, no cell of tolerance; and arrows of kept proposals end there."""
    # Less than a user's run; with 480 videos some seeds end below the bound.
    for name, value in {"NUM_TRAIN": 720, "BATCH_SIZE": 16, "NUM_VALIDATION": 64}.items():
        monkeypatch.setattr(toy_training, name, value)
    numbers, model = train(replace(PIXELS, epochs=3))
    assert numbers["validation"][-1] >= 0.97
    videos = validation_videos("box")
    landing = measure_landing(model, videos)
    assert landing["proposals"] > 640
    # Chance would be 4 of 1024 pixels.
    assert landing["exact"] >= 0.95, landing
    assert_arrows_end_on_the_block(model, ToyVideos(*(values[:20] for values in videos)))


def assert_arrows_end_on_the_block(model, videos):
    (found,) = explain_clips(model, videos.clips()).values()
    on_block = total = 0
    for video, corners in enumerate(videos.corners.tolist()):
        match = block_match(found, video, 1, videos.corners[video, 1], 32)
        sheet = Sheet()
        layout = sheet.lay_out(range(4), (32, 32))
        draw_match(sheet, layout, match)
        arrows = [p for p in sheet.ax.patches if isinstance(p, FancyArrowPatch)]
        assert len(arrows) == len(match.targets)
        kept = [arrow for arrow in arrows if to_hex(arrow.get_edgecolor()).upper() == KEPT_COLOUR]
        assert len(kept) == sum(target.wins > 0 for target in match.targets)
        for arrow in kept:
            x, y = arrow._posA_posB[1]
            for t, corner in enumerate(corners):
                left, top = layout.corner(t)
                at = (y - top) / layout.scale, (x - left) / layout.scale
                on_block += touches((*at, 0, 0), corner)
            total += 1
    assert total >= 20
    assert on_block / total >= 0.95
