"""Pictures of an explanation: what is drawn where, and that they look as they did."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch
from PIL import Image

from explained_samples import sample_explanation
from motionlens.explain.correspondences import Match, Target
from motionlens.explain.drawing import overview as pictures
from motionlens.explain.drawing.frames import heat_colours
from motionlens.explain.drawing.overview import Place, Strip, draw_strips
from motionlens.explain.drawing.sheet import Sheet
from motionlens.explain.drawing.themes import DARK, KEPT_COLOUR, LIGHT

REFERENCES = Path(__file__).parent / "references"
PLACE = Place("layer3.0", 2, 2, 2)


@pytest.fixture
def sheets(monkeypatch):
    """All sheets that are saved."""
    saved = []
    save = Sheet.save

    def keep(self, path):
        saved.append(self)
        save(self, path)

    monkeypatch.setattr(Sheet, "save", keep)
    return saved


def draw(name, path):
    """The pictures of which references are stored, by name."""
    one = sample_explanation()
    match name:
        case "proposals":
            pictures.draw_proposals(one, PLACE, path)
        case "proposals_dark":
            pictures.draw_proposals(one, PLACE, path, theme=DARK)
        case "change":
            last = {"layer3.0": one.modules["layer3.0"]}
            pictures.draw_change(sample_explanation(modules=last), path)
        case "modules":
            pictures.draw_modules(sample_explanation(3), Place("layer3.0", 0, 2, 2), path)
        case "comparison":
            other = sample_explanation(4, (64, 48))
            pictures.draw_comparison([(one, PLACE), (other, PLACE)], path, theme=DARK)


def halved(path):
    """At half the size, so that the last pixel of an edge does not matter."""
    with Image.open(path) as image:
        return image.convert("RGB").reduce(2)


def reference(name):
    with Image.open(REFERENCES / f"{name}.png") as image:
        return image.convert("RGB")


def difference(one, other):
    """Of each pixel, 0..255."""
    return np.abs(np.asarray(one).astype(int) - np.asarray(other)).max(-1)


@pytest.mark.parametrize("name", ["proposals", "proposals_dark", "change", "modules", "comparison"])
def test_looks_like_the_reference(tmp_path, name):
    """`MOTIONLENS_WRITE_REFERENCES=1 pytest tests/drawing` stores what is drawn now."""
    draw(name, tmp_path / "now.png")
    now = halved(tmp_path / "now.png")
    if os.environ.get("MOTIONLENS_WRITE_REFERENCES") == "1":
        now.save(REFERENCES / f"{name}.png", optimize=True)
    before = reference(name)
    assert now.size == before.size
    found = difference(now, before)
    assert found.mean() < 2
    assert (found > 60).mean() < 0.004


def test_references_tell_pictures_apart(tmp_path):
    # The tolerance above is not so wide that another position would pass.
    pictures.draw_proposals(sample_explanation(), PLACE._replace(frame=1), tmp_path / "a.png")
    found = difference(halved(tmp_path / "a.png"), reference("proposals"))
    assert (found > 60).mean() > 0.004


def test_ends_of_arrows_are_the_boxes_of_the_data(tmp_path, sheets):
    explained = sample_explanation()
    pictures.draw_proposals(explained, PLACE, tmp_path / "a.png")
    (sheet,) = sheets
    layout = Sheet().lay_out(range(6), (54, 96))
    # The titles above the strip move all frames down.
    image = min(sheet.ax.get_images(), key=lambda image: image.get_extent()[3])
    layout = layout._replace(top=layout.top + image.get_extent()[3] - layout.corner(0)[1])

    def middle(frame, row, column):
        top, left, height, width = explained.box("layer3.0", row, column)
        return layout.point(frame, top + height / 2, left + width / 2)

    drawn = [p._posA_posB for p in sheet.ax.patches if isinstance(p, FancyArrowPatch)]
    expected = [
        (middle(2, 2, 2), middle(target.frame, target.row, target.column))
        for target in explained.match(*PLACE).targets
    ]
    np.testing.assert_allclose(sorted(drawn), sorted(expected))


def test_heat_is_the_change_of_the_module(tmp_path, sheets):
    explained = sample_explanation()
    pictures.draw_change(explained, tmp_path / "a.png")
    (sheet,) = sheets
    found = explained.modules["layer3.0"]
    heat = [i.get_array() for i in sheet.ax.get_images() if i.get_array().shape[:2] == (6, 6)]
    expected = heat_colours(found.change.view(6, 6, 6).numpy(), float(found.change.max()))
    np.testing.assert_array_equal(np.stack(heat), expected)
    assert expected[5, 2, 2, 3] == pytest.approx(0.9)  # the peak
    assert expected[0, 0, 0, 3] == 0  # see-through where nothing changed


def test_without_change_nothing_is_coloured():
    assert (heat_colours(np.zeros((2, 2)), 0.0)[..., 3] == 0).all()


@pytest.mark.parametrize(("size", "num_frames"), [((54, 96), 16), ((96, 54), 7), ((48, 48), 2)])
def test_text_does_not_overlap(tmp_path, sheets, size, num_frames):
    explained = sample_explanation(num_frames, size, path="long/" + "name_" * 40 + ".mp4")
    pictures.draw_modules(explained, Place("layer3.0", 1, 0, 0), tmp_path / "a.png")
    pictures.draw_change(explained, tmp_path / "b.png")
    for sheet in sheets:
        canvas = sheet.figure.canvas
        legend = sheet.ax.get_legend()
        texts = [*sheet.ax.texts, *([legend] if legend else [])]
        boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
        page = sheet.figure.bbox
        for box in boxes:
            assert page.x0 <= box.x0
            assert box.x1 <= page.x1
            assert page.y0 <= box.y0
            assert box.y1 <= page.y1
        for one, other in itertools.combinations(boxes, 2):
            assert not one.overlaps(other)


def test_strongest_place():
    explained = sample_explanation()
    assert pictures.strongest_place(explained) == ("layer3.0", 5, 2, 2)
    assert pictures.strongest_place(explained, "layer2.0") == ("layer2.0", 5, 4, 4)


def test_frames_have_one_numbering_in_a_picture(tmp_path, sheets):
    explained = sample_explanation()
    pictures.draw_modules(explained, PLACE, tmp_path / "a.png")
    texts = [text.get_text() for text in sheets[0].ax.texts]
    # Frames 10, 13 and so on of the video; positions count the frames of the clip.
    assert texts[1:8] == [
        "layer2.0: frame 2, row 5, column 5",
        *(f"frame {t}, {t / 10:.2f} s" for t in range(6)),
    ]


def test_same_place_on_another_grid(tmp_path):
    explained = sample_explanation()
    place = Place("layer3.0", 1, 2, 5)
    # The middle of a cell of 6 x 6 is a corner of 12 x 12; the cell after it is taken.
    assert pictures.same_place(explained, place, "layer2.0") == ("layer2.0", 1, 5, 11)
    assert pictures.same_place(explained, place, "layer3.0") == place
    with pytest.raises(ValueError, match=r"row must lie in 0\.\."):
        pictures.draw_modules(explained, Place("layer3.0", 1, 6, 0), tmp_path / "a.png")


def test_themes_differ_around_the_frames_alone(tmp_path, sheets):
    for theme in (LIGHT, DARK):
        pictures.draw_proposals(sample_explanation(), PLACE, tmp_path / "a.png", theme=theme)
    light, dark = (sheet.ax for sheet in sheets)
    for one, other in zip(light.get_images(), dark.get_images(), strict=True):
        np.testing.assert_array_equal(one.get_array(), other.get_array())
    assert {text.get_color() for text in light.texts}.isdisjoint(
        text.get_color() for text in dark.texts
    )


MOVING = Match(1, 0, 3, (Target(0, 1, 2, 0.1, 5), Target(2, 1, 0, 0.2, 0)), (2, 4))
BLACK = np.zeros((3, 20, 40, 3), np.uint8)


def test_picture_is_written(tmp_path):
    draw_strips([Strip(BLACK, MOVING, "left")] * 2, tmp_path / "a.png", "title")
    with Image.open(tmp_path / "a.png") as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    kept = np.abs(picture - Image.new("RGB", (1, 1), KEPT_COLOUR).getpixel((0, 0))).sum(-1)
    assert (kept < 30).sum() > 100


def test_rows_may_differ_in_number_and_size_of_frames(tmp_path):
    rows = [Strip(BLACK, MOVING, "wide"), Strip(np.zeros((5, 50, 30, 3), np.uint8), MOVING, "high")]
    draw_strips(rows, tmp_path / "a.png", "title")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_note_counts_what_is_not_shown(tmp_path, sheets):
    targets = tuple(Target(t, 0, 0, 0.1, 1) for t in range(1, 15))
    strip = Strip(np.zeros((15, 4, 4, 3), np.uint8), Match(0, 0, 0, targets, (2, 2)), "")
    draw_strips([strip], tmp_path / "a.png", "title")
    texts = [text.get_text() for text in sheets[0].ax.texts]
    assert texts[-1] == "3 proposals lie in frames that are not shown"
    assert sum(text.startswith("frame ") for text in texts) == 12
