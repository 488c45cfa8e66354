import numpy as np
from PIL import Image

from motionlens.explain.correspondences import Match, Target
from motionlens.explain.drawing.overview import Strip, draw_strip, draw_strips
from motionlens.explain.drawing.sheet import Sheet
from motionlens.explain.drawing.themes import KEPT_COLOUR

MATCH = Match(1, 0, 3, (Target(0, 1, 2, 5, 0.1), Target(2, 1, 0, 0, 0.2)), (2, 4))
FRAMES = np.zeros((3, 20, 40, 3), np.uint8)


def test_picture_is_written(tmp_path):
    draw_strips([Strip(FRAMES, MATCH, "left")] * 2, tmp_path / "a.png", "title")
    with Image.open(tmp_path / "a.png") as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    kept = np.abs(picture - Image.new("RGB", (1, 1), KEPT_COLOUR).getpixel((0, 0))).sum(-1)
    assert (kept < 30).sum() > 100


def test_rows_may_differ_in_number_and_size_of_frames(tmp_path):
    rows = [Strip(FRAMES, MATCH, "wide"), Strip(np.zeros((5, 50, 30, 3), np.uint8), MATCH, "high")]
    draw_strips(rows, tmp_path / "a.png", "title")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_note_counts_what_is_not_shown():
    sheet = Sheet()
    targets = tuple(Target(t, 0, 0, 1, 0.1) for t in range(1, 15))
    draw_strip(sheet, Strip(np.zeros((15, 4, 4, 3), np.uint8), Match(0, 0, 0, targets, (2, 2)), ""))
    texts = [text.get_text() for text in sheet.ax.texts]
    assert texts[-1] == "3 proposals lie in frames that are not shown"
    assert sum(text.startswith("frame ") for text in texts) == 12
