import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, Rectangle

from explained_samples import sample_frames
from motionlens.explain.correspondences import Match, Target
from motionlens.explain.drawing.arrows import draw_match, draw_position, match_legend
from motionlens.explain.drawing.frames import choose_frames, draw_frames
from motionlens.explain.drawing.sheet import Sheet
from motionlens.explain.drawing.themes import DROPPED_COLOUR, KEPT_COLOUR, POSITION_COLOUR

MATCH = Match(1, 0, 3, (Target(0, 1, 2, 0.1, 5), Target(2, 1, 0, 0.2, 0)), (2, 4))
REGION = (10.0, 20.0, 20.0, 40.0)


@pytest.fixture
def sheet():
    return Sheet()


@pytest.fixture
def layout(sheet):
    return sheet.lay_out(range(3), (40, 80), region=REGION)


def arrows(sheet):
    return [patch for patch in sheet.ax.patches if isinstance(patch, FancyArrowPatch)]


def test_arrows_go_from_the_position_to_its_proposals(sheet, layout):
    assert draw_match(sheet, layout, MATCH) == 0
    dropped, kept = arrows(sheet)  # pale ones first
    # A cell is 10 x 10 pixels; the region starts 10 down and 20 to the right.
    start = layout.point(1, 10 + 5, 20 + 35)
    assert kept._posA_posB == [start, layout.point(0, 10 + 15, 20 + 25)]
    assert dropped._posA_posB == [start, layout.point(2, 10 + 15, 20 + 5)]
    assert to_hex(kept.get_edgecolor()).upper() == KEPT_COLOUR
    assert to_hex(dropped.get_edgecolor()).upper() == DROPPED_COLOUR
    assert kept.get_linewidth() > 2 * dropped.get_linewidth()
    assert kept.get_alpha() == 1
    assert dropped.get_alpha() < 1


def test_cells_are_marked(sheet, layout):
    draw_match(sheet, layout, MATCH)
    cells = [patch for patch in sheet.ax.patches if isinstance(patch, Rectangle)]
    corners = [layout.point(2, 20, 20), layout.point(0, 20, 40), layout.point(1, 10, 50)]
    np.testing.assert_allclose([cell.get_xy() for cell in cells], corners)
    assert {round(cell.get_width() / layout.scale, 6) for cell in cells} == {10}
    assert to_hex(cells[-1].get_edgecolor()).upper() == POSITION_COLOUR


def test_wider_for_more_channels(sheet, layout):
    targets = (Target(0, 0, 0, 0.1, 1), Target(2, 0, 0, 0.2, 4))
    draw_match(sheet, layout, MATCH._replace(targets=targets))
    few, many = arrows(sheet)
    assert few.get_linewidth() < many.get_linewidth()


def test_arcs_stay_near_their_row(sheet, layout):
    draw_match(sheet, layout, MATCH._replace(frame=0, targets=(Target(2, 0, 0, 0.1, 1),)))
    sheet.finish()
    (arrow,) = arrows(sheet)
    path = np.concatenate(arrow.get_path().to_polygons(closed_only=False))
    ends = np.array(arrow._posA_posB)[:, 1]
    assert path[:, 1].max() < ends.max() + 0.35 * layout.frame_size[0]
    assert path[:, 1].min() > ends.min() - 0.35 * layout.frame_size[0]


def test_proposals_in_frames_that_are_not_shown_are_counted(sheet):
    layout = sheet.lay_out([1, 2], (40, 80), region=REGION)
    assert draw_match(sheet, layout, MATCH) == 1
    assert len(arrows(sheet)) == 1


def test_a_position_alone(sheet, layout):
    draw_position(sheet, layout, MATCH)
    (cell,) = sheet.ax.patches
    assert cell.get_xy() == layout.point(1, 10, 50)
    assert to_hex(cell.get_edgecolor()).upper() == POSITION_COLOUR
    assert not arrows(sheet)


def test_legend_names_what_is_drawn():
    names = [handle.get_label() for handle in match_legend()]
    assert names[0] == "position"
    assert "kept" in names[1]
    assert "dropped" in names[2]


def test_what_was_not_seen_is_dimmed(sheet, layout):
    draw_frames(sheet, layout, sample_frames(3, (40, 80)), list("abc"))
    parts = sheet.ax.patches[:4]
    area = sum(part.get_width() * part.get_height() for part in parts) / layout.scale**2
    assert area == pytest.approx(40 * 80 - 20 * 40)
    assert len(sheet.ax.patches) == 12
    assert [text.get_text() for text in sheet.ax.texts] == ["a", "b", "c"]


def test_frames_without_a_region_are_as_they_are(sheet):
    layout = sheet.lay_out(range(3), (40, 80))
    frames = sample_frames(3, (40, 80))
    draw_frames(sheet, layout, frames, list("abc"))
    assert not sheet.ax.patches
    np.testing.assert_array_equal(sheet.ax.get_images()[1].get_array(), frames[1])


def test_large_frames_are_made_smaller(sheet):
    layout = sheet.lay_out([0], (1080, 1920))
    draw_frames(sheet, layout, np.full((1, 1080, 1920, 3), 77, np.uint8), ["a"], grey=True)
    (image,) = sheet.ax.get_images()
    assert image.get_array().shape[1] < 500
    assert (image.get_array() == 46).all()  # darker, under what is drawn above


def test_frames_with_most_to_see_are_chosen():
    targets = (Target(19, 0, 0, 0.1, 3), Target(2, 0, 0, 0.2, 0), Target(5, 0, 0, 0.3, 1))
    match = Match(10, 0, 0, targets, (2, 4))
    assert choose_frames(match, 20, most=20) == list(range(20))
    assert choose_frames(match, 20, most=4) == [2, 5, 10, 19]
    assert choose_frames(match, 20, most=6) == [2, 5, 9, 10, 11, 19]
    assert choose_frames(match, 20, most=2) == [10, 19]
