import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image

from cpnet.drawing.correspondences import (
    DROPPED_COLOUR,
    KEPT_COLOUR,
    Row,
    draw_correspondences,
    draw_match,
    draw_strip,
)
from cpnet.explanation import Match, Target

MATCH = Match(1, 0, 3, (Target(0, 1, 2, 5, 0.1), Target(2, 1, 0, 0, 0.2)), (2, 4))


def test_arrows_go_from_the_position_to_its_proposals():
    ax = Figure().subplots()
    draw_match(ax, MATCH, (20, 40))
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    # A cell is 10 x 10 pixels, frames lie 40 * 1.08 apart; dropped ones are drawn first.
    starts, ends = zip(*(arrow._posA_posB for arrow in arrows), strict=True)
    assert set(starts) == {(43.2 + 35, 5)}
    assert ends == ((86.4 + 5, 15), (25, 15))
    cells = [patch.get_xy() for patch in ax.patches if isinstance(patch, Rectangle)]
    assert cells[-1] == (43.2 + 30, 0)
    colours = [Image.new("RGB", (1, 1), c).getpixel((0, 0)) for c in (DROPPED_COLOUR, KEPT_COLOUR)]
    drawn = [tuple(round(255 * v) for v in arrow.get_edgecolor()[:3]) for arrow in arrows]
    assert drawn == colours


def test_frames_lie_side_by_side():
    ax = Figure().subplots()
    draw_strip(ax, np.zeros((3, 20, 40, 3), np.uint8))
    assert [image.get_extent()[0] for image in ax.get_images()] == [0, 43.2, 86.4]


def test_picture_is_written(tmp_path):
    frames = np.zeros((3, 20, 40, 3), np.uint8)
    draw_correspondences([Row(frames, MATCH, "left")] * 2, tmp_path / "a.png", "title")
    with Image.open(tmp_path / "a.png") as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    kept = np.abs(picture - Image.new("RGB", (1, 1), KEPT_COLOUR).getpixel((0, 0))).sum(-1)
    assert (kept < 30).sum() > 100
