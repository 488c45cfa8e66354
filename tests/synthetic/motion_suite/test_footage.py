import numpy as np
import pytest

from conftest import write_frames
from motion_oracle import judge, load_truth
from motionlens.datasets.prepared import load_part
from motionlens.synthetic.motion_suite.camera import picture_side
from motionlens.synthetic.motion_suite.footage import STRETCHES, Footage
from motionlens.synthetic.motion_suite.suite import MotionSuite
from motionlens.synthetic.motion_suite.writing import write_task


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """100 frames of 60x90 pixels; frame i is grey of 2 i, left a little darker than right."""
    ramp = np.linspace(-10, 10, 90)[None, None, :, None]
    levels = np.arange(100)[:, None, None, None] * 2 + 20
    frames = np.broadcast_to(levels + ramp, (100, 60, 90, 3)).round().astype(np.uint8)
    path = tmp_path_factory.mktemp("footage") / "grey.mp4"
    return write_frames(path, frames, crf=4)


def test_parts_take_other_stretches(footage):
    source = Footage([footage], 8, ("train", "validation", "test"))
    for part, (low, high) in STRETCHES.items():
        for seed in range(12):
            first, *_, last = source.run(seed, part, 8, 60, running=True)
            middles = [(np.asarray(p).mean() - 20) / 2 for p in (first, last)]
            assert 100 * low - 2 <= middles[0] < middles[1] <= 100 * high + 1
            assert middles[1] - middles[0] == pytest.approx(7, abs=1)
            held = source.run(seed, part, 8, 60, running=False)
            assert len(held) == 8
            assert held[0] is held[7]
            level = (source.patch(seed, part, 12).mean() - 20) / 2
            assert 100 * low - 8 <= level <= 100 * high + 8


def test_pictures_are_scaled_to_their_short_side(footage):
    source = Footage([footage], 8, ("train",))
    assert source.size(0, short_side=120) == (120, 180)
    assert source.run(0, "train", 2, 120, running=True)[0].size == (180, 120)
    assert source.patch(0, "train", 10).shape == (10, 10, 3)


def test_windows_over_footage_move_as_the_labels_say(footage, tmp_path):
    options = {"num_train": 14, "num_validation": 7, "footage": [footage], "difficulty": "hard"}
    write_task("camera", tmp_path / "a", **options)
    write_task("camera", tmp_path / "b", **options, num_workers=2)
    for part in ("train", "validation"):
        index = load_part(tmp_path / "a", part)
        truth = load_truth(tmp_path / "a", part, 8)
        for path, label in zip(index.paths, index.labels, strict=True):
            assert judge("camera", truth[path]) == index.class_names[label]
            assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def picture_size(suite, scene):
    """Rows and columns of the picture that a scene's window moves over."""
    return suite.footage.size(scene.ground.seed, short_side=picture_side(suite.setting))


def test_windows_stay_inside_the_footage(footage):
    for difficulty in ("easy", "medium", "hard"):
        for num_frames in (8, 16):
            suite = MotionSuite(
                "camera", difficulty, footage=[footage], num_frames=num_frames, parts=("train",)
            )
            for i in range(70):
                scene = suite.scene("train", i)
                boxes = scene.tracks[0].boxes
                height, width = picture_size(suite, scene)
                assert boxes[:, :2].min() >= 0
                assert (boxes[:, 0] + boxes[:, 2]).max() <= height
                assert (boxes[:, 1] + boxes[:, 3]).max() <= width


def test_windows_show_the_part_of_the_footage_that_the_truth_names(footage):
    suite = MotionSuite("camera", "easy", footage=[footage], parts=("train",), seed=2)
    for i in range(14):
        frames, _ = suite.clip("train", i)
        scene = suite.scene("train", i)
        _, width = picture_size(suite, scene)
        boxes = scene.tracks[0].boxes
        # Footage grows brighter by 20 from left to right.
        wanted = 20 * (boxes[:, 1] + boxes[:, 3] / 2) / width
        found = frames.mean(axis=(1, 2, 3))
        assert np.abs((found - found[0]) - (wanted - wanted[0])).max() < 1.5


def test_photographed_patches(footage):
    plain = MotionSuite("direction", "easy", parts=("train",))
    photo = MotionSuite("direction", "easy", footage=[footage], parts=("train",))
    tracks = [suite.scene("train", 0).tracks for suite in (plain, photo)]
    assert all(np.array_equal(a.boxes, b.boxes, True) for a, b in zip(*tracks, strict=True))
    assert not np.array_equal(plain.clip("train", 0)[0], photo.clip("train", 0)[0])
    # Where no patch is kept apart by its kind, footage has no say.
    orders = [
        MotionSuite("order", "easy", footage=paths, parts=("train",)).clip("train", 0)[0]
        for paths in ([], [footage])
    ]
    assert np.array_equal(*orders)


def test_footage_that_is_too_short_or_none(footage, tmp_path):
    with pytest.raises(
        ValueError, match=r"must have 20 frames in the 14% of it that are for valid"
    ):
        MotionSuite("camera", footage=[footage], num_frames=20)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"text.mp4: cannot be read as a video"):
        MotionSuite("camera", footage=[tmp_path / "text.mp4"])


def test_paths_show_footage_behind_or_in_what_draws(footage):
    plain = MotionSuite("path_in_view", "easy", seed=2)
    shown = MotionSuite("path_in_view", "easy", seed=2, footage=[footage], parts=("train",))
    seen = set()
    for i in range(12):
        scene = shown.scene("train", i)
        (look,) = [track.look for track in scene.tracks if track.role == "target"]
        behind, inside = (kind.startswith("photo or ") for kind in (scene.ground.kind, look.kind))
        assert behind != inside
        same = np.array_equal(shown.clip("train", i)[0], plain.clip("train", i)[0])
        assert same == (inside and look.shape == "hand")  # hands have colours of their own
        seen.add((behind, look.shape == "hand"))
    assert len(seen) >= 3
