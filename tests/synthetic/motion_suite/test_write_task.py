import json
from collections import Counter

import numpy as np
import pytest

from motion_oracle import judge, load_truth
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.symmetries import LabelSymmetries
from motionlens.clips.training_loader import ClipDataset
from motionlens.datasets.prepared import load_description, load_part
from motionlens.synthetic.motion_suite.scenes import DIFFICULTIES
from motionlens.synthetic.motion_suite.suite import MotionSuite
from motionlens.synthetic.motion_suite.tasks import TASKS
from motionlens.synthetic.motion_suite.writing import write_task
from motionlens.video.file import open_video
from motionlens.video.writing import encode_exactly

SMALL = {"num_train": 6, "num_validation": 3, "size": 32}


def contents(folder):
    """Every file of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("task", TASKS)
def test_a_prepared_data_set_with_its_truth(task, tmp_path):
    report = write_task(task, tmp_path / "suite", **SMALL, difficulty="hard")
    assert report.num_videos == {"train": 6, "validation": 3}
    assert report.num_bytes == sum(p.stat().st_size for p in tmp_path.rglob("*.mp4"))
    for part, number in report.num_videos.items():
        index = load_part(tmp_path / "suite", part)
        assert len(index) == number
        assert index.class_names == report.class_names == TASKS[task].class_names
        truth = load_truth(tmp_path / "suite", part, TASKS[task].usual_frames)
        told = [judge(task, truth[str(path)]) for path in index.paths]
        assert told == [index.class_names[label] for label in index.labels]
    clip = ClipDataset(index, Sampling(8), Preprocessing(size=32, short_side=32))[0]["clip"]
    assert clip.shape == (3, 8, 32, 32)
    LabelSymmetries(
        horizontal_flip=TASKS[task].horizontal_flip,
        vertical_flip=TASKS[task].vertical_flip,
        time_reversal=TASKS[task].time_reversal,
    ).resolve(report.class_names)
    assert load_description(tmp_path / "suite").flip_pairs == TASKS[task].horizontal_flip


def test_a_frame_decodes_as_if_it_were_the_only_one(tmp_path):
    frames, _ = MotionSuite("direction", "hard").clip("train", 0)
    for name, shown in (("all", frames), ("last", frames[-1:])):
        (tmp_path / f"{name}.mp4").write_bytes(encode_exactly(shown))
    with open_video(tmp_path / "all.mp4") as reader, open_video(tmp_path / "last.mp4") as alone:
        assert reader.num_frames == 8
        last = reader.read([7]).data
        assert np.array_equal(last, alone.read([0]).data)
    # What is lost is colour between neighbouring pixels; brightness stays within rounding.
    grey = np.array([0.299, 0.587, 0.114])
    wrong = np.abs(last[0].permute(1, 2, 0).numpy() @ grey - frames[-1] @ grey)
    assert np.median(wrong) < 3


def test_the_same_files_for_the_same_seed_in_one_process_and_in_two(tmp_path):
    for name, options in {"a": {}, "b": {"num_workers": 2}, "c": {"seed": 1}}.items():
        write_task("collision", tmp_path / name, **SMALL, **options)
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b")
    other = contents(tmp_path / "c")
    assert other.keys() == first.keys()
    assert not any(other[name] == first[name] for name in first if name.endswith(".mp4"))


def test_goes_on_where_it_stopped_and_grows(tmp_path):
    write_task("order", tmp_path / "whole", **SMALL)
    whole = contents(tmp_path / "whole")
    out = tmp_path / "stopped"

    def stop(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_task("order", out, **SMALL, on_progress=stop)
    assert len(list(out.rglob("*.mp4"))) == 4
    assert not (out / "dataset.json").exists()
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")}
    seen = []
    write_task("order", out, **SMALL, on_progress=lambda *state: seen.append(state))
    assert seen == [(done, 9) for done in range(4, 10)]
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert contents(out) == whole
    write_task("order", out, **{**SMALL, "num_train": 8}, num_test=2)
    grown = contents(out)
    assert all(grown[name] == content for name, content in whole.items() if "/" in name)
    assert len(load_part(out, "test")) == 2
    assert grown["train.csv"].startswith(whole["train.csv"])
    write_task("order", out, **SMALL)  # the test part is not wanted any more
    assert not (out / "test.csv").exists()


def test_no_class_shows_in_the_names(tmp_path):
    write_task("direction", tmp_path, **{**SMALL, "num_train": 8})
    index = load_part(tmp_path, "train")
    assert sorted(index.paths) == [f"train/{i:06}.mp4" for i in range(8)]
    assert set(Counter(index.labels.tolist()).values()) == {2}


def test_difficulties_and_speeds_differ_in_how_fast_things_move():
    def fastest(difficulty, speed=None):
        suite = MotionSuite("direction", difficulty, speed=speed)
        tracks = [t for i in range(8) for t in suite.scene("train", i).tracks]
        steps = [np.diff(t.boxes[:, :2], axis=0) for t in tracks if t.role == "target"]
        return np.nanmax(np.abs(np.concatenate(steps)))

    for name, difficulty in DIFFICULTIES.items():
        assert difficulty.speed_px[0] <= fastest(name) <= difficulty.speed_px[1] + 1e-9
    assert np.isclose(fastest("easy", 9.5), 9.5)
    larger = MotionSuite("direction", "easy", speed=5.0, size=128).scene("train", 0)
    steps = np.diff(larger.tracks[-1].boxes[:, :2], axis=0)
    assert np.isclose(np.nanmax(np.abs(steps)), 10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "directions"}, "task must be one of direction, direction8, .*did you mean"),
        ({"difficulty": "harder"}, "difficulty must be one of .*did you mean 'hard'"),
        ({"num_train": 0}, "num_train must be a whole number of at least 1, got 0"),
        ({"num_test": -1}, "num_test must be a whole number of at least 0, got -1"),
        ({"num_workers": -1}, "num_workers must be a whole number of at least 0, got -1"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"size": 33}, "size must be even, got 33"),
        (
            {"num_frames": 5, "task": "order"},
            "num_frames of order must be at least 6 and .* 64, got 5",
        ),
        ({"speed": -1.0}, "speed must be above 0 and at most 24, got -1.0; it counts"),
        ({"footage": ["nowhere.mp4"]}, "nowhere.mp4: "),
        ({"seed": 3}, "holds a motion suite with seed 0, not 3; name another folder"),
        ({"task": "camera"}, "holds a motion suite with task order, not camera"),
    ],
)
def test_mistakes_change_nothing(options, message, tmp_path):
    write_task("order", tmp_path, **SMALL)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=message) as error:
        write_task(**{"task": "order", **SMALL, **options}, folder=tmp_path)
    assert "\n" not in str(error.value)
    assert contents(tmp_path) == before


def test_other_folders_are_left_alone(tmp_path):
    write_task("order", tmp_path / "suite", **SMALL)
    (tmp_path / "suite" / "motion_suite.json").unlink()
    with pytest.raises(ValueError, match="holds another prepared data set"):
        write_task("order", tmp_path / "suite", **SMALL)
    (tmp_path / "suite" / "motion_suite.json").write_text("[")
    with pytest.raises(ValueError, match=r"motion_suite.json: is damaged"):
        write_task("order", tmp_path / "suite", **SMALL)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="must be a folder that can be written"):
        write_task("order", tmp_path / "file", **SMALL)


def test_suite_file_says_what_the_clips_are(tmp_path):
    write_task("order", tmp_path, **SMALL, seed=4, difficulty="easy")
    about = json.loads((tmp_path / "motion_suite.json").read_text())
    assert about == {
        "version": 1,
        "task": "order",
        "difficulty": "easy",
        "speed": None,
        "seed": 4,
        "num_frames": 8,
        "size": 32,
        "footage": [],
    }


@pytest.mark.parametrize(
    ("classes", "flips"),
    [(("left", "right"), {"left": "right"}), (("up", "left"), None), (("up", "down"), {})],
)
def test_some_classes_of_a_task(classes, flips, tmp_path):
    report = write_task("direction", tmp_path / "suite", **SMALL, classes=classes)
    assert report.class_names == classes
    description = load_description(tmp_path / "suite")
    # What a mirror makes of a class without its counterpart is none of the classes.
    assert description.flip_pairs == flips
    index = load_part(tmp_path / "suite", "train")
    assert Counter(index.labels.tolist()) == {0: 3, 1: 3}
    with pytest.raises(ValueError, match="holds a motion suite with classes .*, not None"):
        write_task("direction", tmp_path / "suite", **SMALL)
    with pytest.raises(ValueError, match=r"classes of direction must be one of .* got 'sideways'"):
        write_task("direction", tmp_path / "other", classes=["sideways"])
