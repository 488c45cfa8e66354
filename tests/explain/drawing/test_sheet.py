import itertools

import numpy as np
import pytest
from PIL import Image

from motionlens.explain.drawing.sheet import DPI, Sheet, fitted, num_columns
from motionlens.explain.drawing.themes import DARK, LIGHT


@pytest.mark.parametrize(
    ("count", "size", "columns"),
    [
        (1, (9, 16), 1),
        (4, (32, 32), 4),
        (5, (9, 16), 3),
        (8, (9, 16), 4),
        (12, (9, 16), 4),
        (8, (16, 9), 4),
        (5, (16, 9), 5),
        (6, (16, 9), 3),
    ],
)
def test_rows_are_equally_long(count, size, columns):
    assert num_columns(count, size) == columns


@pytest.mark.parametrize("size", [(54, 96), (96, 54), (20, 200), (33, 31)])
@pytest.mark.parametrize("count", [1, 2, 8, 11])
def test_frames_keep_their_shape_and_do_not_overlap(size, count):
    sheet = Sheet()
    layout = sheet.lay_out(range(3, 3 + count), size)
    boxes = [layout.extent(t) for t in layout.shown]
    for left, right, bottom, top in boxes:
        assert (right - left) / (bottom - top) == pytest.approx(size[1] / size[0])
        assert left >= 0
        assert right <= sheet.width
        assert bottom <= sheet.y
    for one, other in itertools.combinations(boxes, 2):
        beside = one[1] <= other[0] or other[1] <= one[0]
        below = one[2] <= other[3] or other[2] <= one[3]
        assert beside or below
    if count == 8 and size == (54, 96):
        assert boxes[0][1] - boxes[0][0] > 1.8  # inches of 8: not tiny


def test_points_of_a_frame():
    layout = Sheet().lay_out([2, 5], (50, 100), columns=1)
    x, y = layout.corner(5)
    assert layout.point(5, 0, 0) == (x, y)
    height, width = layout.frame_size
    assert layout.point(5, 25, 100) == pytest.approx((x + width, y + height / 2))
    assert layout.extent(5, (10, 20, 5, 10)) == pytest.approx(
        (x + 0.2 * width, x + 0.3 * width, y + 0.3 * height, y + 0.2 * height)
    )
    with pytest.raises(ValueError, match="not in tuple"):
        layout.corner(3)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_picture_has_the_size_and_colour_of_the_sheet(tmp_path, theme):
    sheet = Sheet(theme, width=3)
    sheet.write("a title")
    sheet.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width == 3 * DPI
        assert image.height == int(DPI * (sheet.y + 0.15))
        colours = np.asarray(image.convert("RGB")).reshape(-1, 3)
    background = Image.new("RGB", (1, 1), theme.background).getpixel((0, 0))
    assert (colours == background).all(1).mean() > 0.5
    contrast = np.abs(colours.astype(int) - background).max()
    assert contrast > 180


def test_names_in_any_script_are_drawn(tmp_path):
    sheet = Sheet()
    sheet.write("推 98 %")
    sheet.save(tmp_path / "a.png")


def test_long_text_is_cut():
    assert fitted("short", 2.0, 9) == "short"
    cut = fitted("m" * 200, 2.0, 9)
    assert cut.endswith("…")
    assert len(cut) < 30


def test_what_was_there_stays_when_writing_fails(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    sheet = Sheet()
    sheet.finish = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        sheet.save(path)
    assert path.read_bytes() == b"before"
