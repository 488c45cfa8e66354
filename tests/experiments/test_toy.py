import itertools
import json

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from cpnet.cli import main
from cpnet.data.toy import BLOCK_PX, CLASS_NAMES
from cpnet.drawing.arrows import draw_match
from cpnet.drawing.sheet import Sheet
from cpnet.drawing.themes import KEPT_COLOUR
from cpnet.experiments.toy import (
    SYSTEMS,
    build_system,
    find_systems,
    train_system,
    validation_videos,
)
from cpnet.experiments.toy_recognizer import toy_recognizer
from cpnet.experiments.toy_report import block_match
from cpnet.explanation import explain_clips, find_match
from cpnet.prediction import Recognizer


def test_names_of_systems():
    assert find_systems([], "box") == list(SYSTEMS)
    assert set(SYSTEMS) - set(find_systems([], "wide")) == {"c3d_margin"}
    assert find_systems(["c3d", "cpnet", "c3d"], "wide") == ["c3d", "cpnet"]
    with pytest.raises(ValueError, match=r"got 'c2', did you mean 'c2d'\?"):
        find_systems(["c2"], "box")


def test_every_system_can_be_built():
    for name, system in SYSTEMS.items():
        for canvas in system.canvases:
            model = build_system(name, canvas).eval()
            clips = validation_videos(canvas).clips()[:2]
            assert model(clips).shape == (2, len(CLASS_NAMES)), name


@pytest.fixture(scope="module")
def trained():
    """The recognizer of a trained network, and its accuracy."""
    run, model = train_system("cpnet", canvas="box", seed=0, epochs=5)
    return toy_recognizer(model, "cpnet", "box"), run.validation[-1]


def touches(box, corner):
    """Whether a part (top, left, height, width) of a frame holds a pixel of the block."""
    top, left, height, width = box
    y, x = corner
    return top < y + BLOCK_PX and y < top + height and left < x + BLOCK_PX and x < left + width


def grown(box, by):
    """A part of a frame with so many of its own heights and widths more on each side."""
    top, left, height, width = box
    return (
        top - by * height,
        left - by * width,
        height * (1 + 2 * by),
        width * (1 + 2 * by),
    )


def field(row, column):
    """The pixels that the feature of a cell is made of: two 3x3 convolutions, the first of
    stride 2, reach from 3 pixels before pixel (2 row, 2 column) to 3 behind it."""
    return 2 * row - 3, 2 * column - 3, 7, 7


@pytest.mark.slow
def test_surviving_proposals_of_the_block_land_on_the_block(trained):
    """Positions of the block are the cells, 2x2 pixels each, that its pixels touch.

    On the block, too, are cells next to those: a cell's feature is made of 7x7 pixels, so that of a
    cell beside the block sees all of it as well, and a step of 7 or 9 pixels is no whole number of
    cells, so what looks the same may lie half a cell before or behind. A proposal that does not see
    the block at all is never excused.
    """
    recognizer, accuracy = trained
    assert accuracy >= 0.97
    videos = validation_videos("box")
    counts = {name: [0, 0] for name in ("exact", "beside", "sees")}  # proposals, channels
    proposals = channels = 0
    for frames, corners in zip(videos.frames, videos.corners.tolist(), strict=True):
        explained = recognizer.explain(frames[..., None].expand(-1, -1, -1, 3).numpy())
        found = explained.modules["core"]
        cells = list(itertools.product(range(16), range(16)))
        for t, corner in enumerate(corners):
            for row, column in cells:
                if not touches(explained.box("core", row, column), corner):
                    continue
                for target in find_match(found, t, row, column).targets:
                    assert target.frame != t
                    box = explained.box("core", target.row, target.column)
                    there = corners[target.frame]
                    hits = {
                        "exact": touches(box, there),
                        "beside": touches(grown(box, 1), there),
                        "sees": touches(field(target.row, target.column), there),
                    }
                    kept = int(target.wins > 0)
                    proposals += kept
                    channels += target.wins
                    for name, hit in hits.items():
                        counts[name][0] += hit * kept
                        counts[name][1] += hit * target.wins
    parts = {name: (n / proposals, c / channels) for name, (n, c) in counts.items()}
    assert min(parts["beside"]) >= 0.95, parts
    assert min(parts["sees"]) >= 0.99, parts
    # Without the tolerance fewer land; chance would be 2 % of a frame's cells.
    assert min(parts["exact"]) >= 0.5, parts


@pytest.mark.slow
def test_picture_shows_it(trained):
    recognizer, _ = trained
    videos = validation_videos("box")
    (found,) = explain_clips(recognizer.model, videos.clips()[:20]).values()
    on_block = total = 0
    for video in range(20):
        corners = videos.corners[video].tolist()
        match = block_match(found, video, 1, corners[1], 32)
        sheet = Sheet()
        layout = sheet.lay_out(range(4), (32, 32))
        draw_match(sheet, layout, match, (0, 0, 32, 32))
        arrows = [p for p in sheet.ax.patches if isinstance(p, FancyArrowPatch)]
        assert len(arrows) == len(match.targets)
        kept = [arrow for arrow in arrows if to_hex(arrow.get_edgecolor()).upper() == KEPT_COLOUR]
        assert len(kept) == sum(target.wins > 0 for target in match.targets)
        for arrow in kept:
            x, y = arrow._posA_posB[1]
            for t in range(4):
                left, top = layout.corner(t)
                at = (y - top) / layout.scale, (x - left) / layout.scale
                if 0 <= at[1] < 32:
                    # From the middle of a cell to the far side of the next is 3 pixels.
                    on_block += touches((at[0] - 3, at[1] - 3, 6, 6), corners[t])
            total += 1
    assert on_block / total >= 0.95


def test_sealed_networks_guess():
    for name in ("c2d_sealed", "c3d_sealed"):
        run, _ = train_system(name, canvas="box", seed=0, epochs=1)
        assert run.validation == [1 / len(CLASS_NAMES)]
        assert run.left_right == run.up_down == 0.5


def test_command(tmp_path, capsys):
    out = tmp_path / "toy"
    arguments = ["--models", "cpnet", "c2d", "--seeds", "1", "--epochs", "1", "--k", "2"]
    assert main(["toy", *arguments, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Toy videos, box canvas" in printed
    assert "cpnet: proposals" in printed
    stored = json.loads((out / "results.json").read_text())
    assert [run["system"] for run in stored["runs"]] == ["cpnet", "c2d"]
    assert stored["command"].startswith("cpnet toy --canvas box --seeds 1 --models cpnet c2d")
    assert set(stored["summary"]["cpnet"]) == {"validation_mean", "validation_values", "seeds"}
    files = {"results.json", "curves.png", "proposals.png", "cpnet", "clips"}
    assert {path.name for path in out.iterdir()} == files
    recognizer = Recognizer.from_pretrained(out / "cpnet")
    explained = recognizer.explain(out / "clips" / "down.mp4")
    assert explained.modules["core"].k == 2
    # As drawn in memory: a block moves down over black.
    row = [int(frame[..., 0].argmax()) // 32 for frame in explained.frames]
    assert row == sorted(row)
    assert row[3] - row[0] >= 21


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "cpnt"], "did you mean 'cpnet'?"),
        (["--seeds", "0"], "seeds must be at least 1, got 0"),
        (["--k", "5000"], "k must be at most (T-1)*S = 768, got 5000"),
        (["--out", "/proc/toy"], "out must be a folder that can be written, /proc/toy"),
        (["--canvas", "round"], "canvas"),
    ],
)
def test_mistakes(arguments, message, capsys):
    assert main(["toy", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("cpnet: error: ")
    assert error.count("\n") == 1
    assert message in error
