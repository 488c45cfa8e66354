import csv

import numpy as np
import pytest

from motionlens.cli.main import main
from motionlens.synthetic.motion_suite.long_scenes import ACTION_S, LEAST_GAP_S, draw_long
from motionlens.synthetic.motion_suite.long_writing import LongVideos, write_long_videos
from motionlens.synthetic.motion_suite.patches import STEPS
from motionlens.synthetic.motion_suite.scenes import Setting, find_difficulty
from motionlens.video.file import open_video

FPS = 10


def setting(num_frames=300, difficulty="medium"):
    return Setting(difficulty=find_difficulty(difficulty), num_frames=num_frames, size=32)


def steps_of(video):
    """How far each patch moves from frame to frame, ``(tracks, T - 1, 2)``, nan at turns."""
    boxes = np.stack([t.boxes[:, :2] for t in video.scene.tracks if t.role == "target"])
    return np.diff(boxes - video.scene.ground_path, axis=1)  # without the shaking of the camera


def is_action(step):
    """Whether a step has one of the four directions of the classes."""
    return any(
        np.allclose(step / max(np.hypot(*step), 1e-9), STEPS[name])
        for name in ("up", "down", "left", "right")
    )


@pytest.mark.parametrize("seed", range(5))
def test_patches_move_as_annotated_and_otherwise_between(seed):
    names = ["left", "up", "right", "down"]
    video = draw_long(np.random.default_rng(seed), setting(), names, FPS)
    assert [name for *_, name in video.actions] == names
    steps = steps_of(video)
    inside = np.zeros(steps.shape[1], dtype=bool)
    end = 0
    for first, last, name in video.actions:
        assert first - end >= LEAST_GAP_S * FPS
        assert ACTION_S[0] * FPS <= last - first <= ACTION_S[1] * FPS
        inside[first:last] = True
        for step in steps[:, first:last].reshape(-1, 2):
            if not np.isnan(step).any():
                np.testing.assert_allclose(step / np.hypot(*step), STEPS[name], atol=1e-6)
        end = last
    assert len(inside) - end >= LEAST_GAP_S * FPS
    for t in np.flatnonzero(~inside):
        own = [s for s in steps[:, t] if not np.isnan(s).any()]
        assert not (own and all(is_action(s) for s in own))


def test_a_video_depends_on_its_number_alone():
    videos = LongVideos("direction", setting(100), seed=3, fps=FPS)
    one, again = videos.video("train", 1, 1), videos.video("train", 1, 1)
    assert one.actions == again.actions
    np.testing.assert_array_equal(one.draw(videos.setting), again.draw(videos.setting))
    other = videos.video("validation", 1, 1)
    assert one.scene.seed != other.scene.seed
    assert (one.light > 0.5).all()
    assert (one.light <= 1.25).all()


def test_too_many_actions_are_refused():
    with pytest.raises(ValueError, match="9 actions do not fit into 100 frames"):
        draw_long(np.random.default_rng(0), setting(100), ["left"] * 9, FPS)


def test_write_long_videos(tmp_path, capsys):
    out = tmp_path / "long"
    options = ["--long_s", "16", "--num_train", "3", "--num_validation", "1", "--size", "32"]
    assert main(["motion", "direction", str(out), *options, "--fps", "5"]) == 0
    text = capsys.readouterr().out
    assert "3 train videos with 3 actions" in text
    assert f"--data {out}/train.csv" in text
    rows = list(csv.DictReader((out / "train.csv").read_text().splitlines()))
    assert list(rows[0]) == ["path", "start", "end", "label"]
    assert [row["path"][-7:] for row in rows] == ["000.mp4", "000.mp4", "001.mp4", "002.mp4"]
    assert rows[-1]["label"] == rows[-1]["start"] == rows[-1]["end"] == ""
    assert all(0 < float(row["start"]) < float(row["end"]) < 16 for row in rows[:-1])
    with open_video(out / "train" / "000.mp4") as reader:
        assert (reader.num_frames, reader.fps) == (80, 5)
    before = {p: p.read_bytes() for p in out.rglob("*.mp4")}
    (out / "train" / "001.mp4").unlink()
    assert main(["motion", "direction", str(out), *options, "--fps", "5"]) == 0
    assert {p: p.read_bytes() for p in out.rglob("*.mp4")} == before
    with pytest.raises(ValueError, match="holds long videos with long_s 16"):
        write_long_videos("direction", out, long_s=20)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["order", "--long_s", "20"], "task of long videos must be one of direction"),
        (["direction", "--long_s", "3"], "long_s must be at least"),
        (["direction", "--long_s", "30", "--num_test", "4"], "num_test is of clips"),
    ],
)
def test_what_long_videos_cannot_be_is_one_line(tmp_path, capsys, options, message):
    assert main(["motion", options[0], str(tmp_path / "long"), *options[1:]]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
