import json

import numpy as np
import pytest

from motionlens.report.compare import as_json, as_markdown, columns, compare_runs
from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.files import write_report
from motionlens.training.run_folder import write_metrics

NAMES = ("a", "b", "c", "d", "e", "f")
SETTINGS = {
    **{"model": "cpnet_nano", "parameters": 12_345, "views": "2x3"},
    **{"sampling_mode": "dense", "num_frames": 6, "frame_stride": 2, "size": 16},
}


def write_run(folder, is_right, *, order=None, epochs=None, **changes):
    """A run of 20 videos, some of them taken for the next class."""
    labels = np.arange(len(is_right)) % 6
    probabilities = np.full((len(labels), 6), 0.08, np.float32)
    probabilities[np.arange(len(labels)), (labels + ~np.asarray(is_right, bool)) % 6] = 0.6
    order = np.arange(len(labels)) if order is None else order
    values = {
        "class_names": NAMES,
        "paths": tuple(f"videos/{i}.mp4" for i in order),
        "labels": labels[order],
        "probabilities": probabilities[order],
        "settings": SETTINGS,
    }
    write_report(EvaluationReport(**{**values, **changes}), folder / "evaluation", title="")
    if epochs:
        write_metrics(folder, [{"epoch": e, "train_loss": 1.0} for e in range(1, epochs + 1)])
    return folder


@pytest.fixture
def runs(tmp_path):
    """The second gets 4 videos right that the first does not, and one wrong."""
    first, second = np.ones(20, bool), np.ones(20, bool)
    first[:6] = False
    second[[4, 5, 10]] = False
    return [
        write_run(tmp_path / "first", first, epochs=3),
        write_run(tmp_path / "second", second, order=np.random.default_rng(0).permutation(20)),
    ]


def test_pairs_are_compared_video_by_video(runs):
    first, second = compare_runs(runs)
    assert (first.value, second.value) == (pytest.approx(0.7), pytest.approx(0.85))
    assert (first.epochs, second.epochs) == (3, None)
    assert first.clip == "6 x 2, 16 px"
    assert (first.model, first.parameters) == ("cpnet_nano", 12_345)
    assert first.views == "2x3"
    assert first.difference is first.p_value is None
    assert second.difference == pytest.approx(0.15)
    assert second.p_value == pytest.approx(2 * (1 + 5) / 2**5)
    low, high = second.difference_interval
    assert -0.1 < low < 0.15 < high < 0.4
    # Of four classes whose probabilities are equal three are among the best five.
    assert 0.85 <= second.top5 <= 1
    assert second.num_videos == 20


def test_a_run_with_itself_differs_by_nothing(runs):
    _, again = compare_runs([runs[0], runs[0]])
    assert (again.difference, again.difference_interval, again.p_value) == (0, (0, 0), 1)


def test_outputs(runs):
    found = compare_runs(runs)
    values = json.loads(as_json(found))
    assert [row["run"] for row in values] == [str(run) for run in runs]
    assert values[1]["difference_interval"] == list(found[1].difference_interval)
    heads, rows = columns(found)
    assert all(len(row) == len(heads) for row in rows)
    assert rows[1][heads.index("against the first")].startswith("+15.0 (")
    assert rows[1][heads.index("p")] == "0.38"
    lines = as_markdown(found).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {len(heads) + 1}


def test_several_labels(tmp_path, runs):
    targets = np.eye(6, dtype=bool)[np.arange(20) % 6]
    targets[:5, 3] = True
    rng = np.random.default_rng(0)
    good = (0.5 * targets + 0.5 * rng.random((20, 6))).astype(np.float32)
    poor = rng.random((20, 6)).astype(np.float32)
    several = [
        write_run(tmp_path / name, np.ones(20), targets=targets, probabilities=values)
        for name, values in (("poor", poor), ("good", good))
    ]
    first, second = compare_runs(several)
    assert (first.metric, first.top5, second.p_value) == ("mAP", None, None)
    assert second.difference_interval.low > 0
    assert second.value > 0.9 > first.value
    assert columns([first, second])[0][-1] == "against the first"
    with pytest.raises(ValueError, match="must be evaluated on the same videos, 0 of 20"):
        compare_runs([runs[0], several[0]])


def test_parts_of_one_video_are_told_apart(tmp_path):
    windows = tuple((float(i), float(i + 1)) for i in range(20))
    same = {"paths": ("videos/x.mp4",) * 20, "windows": windows}
    runs = [write_run(tmp_path / name, np.ones(20), **same) for name in "ab"]
    assert compare_runs(runs)[1].difference == 0


def test_unlabelled_videos_do_not_count(tmp_path, runs):
    labels = np.arange(20) % 6
    labels[0] = -1
    part = write_run(tmp_path / "part", np.ones(20), labels=labels)
    with pytest.raises(ValueError, match="first must be evaluated on the same videos, 1 of 20 are"):
        compare_runs([runs[0], part])
    assert compare_runs([part, part])[0].num_videos == 19


def test_segments_have_no_step(tmp_path):
    settings = SETTINGS | {"sampling_mode": "segments"}
    run = write_run(tmp_path / "spread", np.ones(20), settings=settings)
    assert compare_runs([run, run])[0].clip == "6 spread, 16 px"


def test_the_file_says_which_of_two_equal_classes_was_predicted(tmp_path):
    """Rounded to six decimals, two probabilities are equal."""
    probabilities = np.full((20, 6), 0.1, np.float32)
    probabilities[:, 1] = 0.4 - 1e-7
    probabilities[:, 3] = 0.4
    labels = np.full(20, 3)
    run = write_run(tmp_path / "x", np.ones(20), probabilities=probabilities, labels=labels)
    assert compare_runs([run, run])[0].value == 1


def test_refusals(tmp_path, runs):
    with pytest.raises(ValueError, match="runs must be at least two to compare, got 1"):
        compare_runs(runs[:1])
    with pytest.raises(ValueError, match="runs must be folders, .*nix is not"):
        compare_runs([runs[0], tmp_path / "nix"])
    with pytest.raises(ValueError, match=r"has no evaluation/report\.json; run 'motionlens"):
        compare_runs([runs[0], tmp_path])
    old = {name: value for name, value in SETTINGS.items() if name != "parameters"}
    other = write_run(tmp_path / "old", np.ones(20), settings=old)
    with pytest.raises(ValueError, match="settings lack parameters.*once more"):
        compare_runs([runs[0], other])
    other = write_run(tmp_path / "other", np.ones(19))
    with pytest.raises(ValueError, match=r"first must be .* same videos, 1 of 20 are in one"):
        compare_runs([runs[0], other])
    labels = (np.arange(20) + 1) % 6
    other = write_run(tmp_path / "labels", np.ones(20), labels=labels)
    with pytest.raises(ValueError, match="with the same labels, videos/0.mp4 differs"):
        compare_runs([runs[0], other])
    (other / "evaluation" / "report.json").write_text('{"class_names": []}')
    with pytest.raises(ValueError, match=r"report\.json cannot be used .*'videos'.*once more"):
        compare_runs([runs[0], other])
    (other / "evaluation" / "report.json").unlink()
    with pytest.raises(ValueError, match=r"labels has no evaluation/report\.json; run 'motionlens"):
        compare_runs([runs[0], other])
