import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from motionlens.report.evaluation_report import EvaluationReport


def report(labels, predicted, names=("a", "b", "c")):
    probabilities = np.full((len(labels), len(names)), 0.1 / (len(names) - 1), np.float32)
    probabilities[np.arange(len(labels)), predicted] = 0.9
    return EvaluationReport(
        class_names=names,
        paths=tuple(f"{i}.mp4" for i in range(len(labels))),
        labels=np.array(labels),
        probabilities=probabilities,
    )


# Worked by hand: a is right 2 of 3 times (once taken for b), b always, c has no videos.
WORKED = report([0, 0, 0, 1], [0, 1, 0, 1])


def test_accuracies_and_confusion_by_hand():
    assert WORKED.top1 == pytest.approx(3 / 4)
    assert WORKED.top5 is None
    assert WORKED.confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert WORKED.confusion.dtype == np.int64
    assert WORKED.class_counts.tolist() == [3, 1, 0]
    np.testing.assert_allclose(WORKED.class_accuracies, [2 / 3, 1, np.nan])
    assert WORKED.mean_class_accuracy == pytest.approx(5 / 6)


def test_top5_by_hand():
    # True class ranks 1st, 5th and 6th of 6.
    probabilities = np.array([[6, 5, 4, 3, 2, 1]] * 3, np.float32) / 21
    found = EvaluationReport(
        class_names=tuple("abcdef"),
        paths=("x", "y", "z"),
        labels=np.array([0, 4, 5]),
        probabilities=probabilities,
    )
    assert found.top1 == pytest.approx(1 / 3)
    assert found.top5 == pytest.approx(2 / 3)


def test_one_class_only():
    found = EvaluationReport(
        class_names=("a",),
        paths=("x",),
        labels=np.array([0]),
        probabilities=np.ones((1, 1), np.float32),
    )
    assert (found.top1, found.confusion.tolist()) == (1.0, [[1]])


def test_json_holds_figures_and_videos():
    values = json.loads(WORKED.to_json())
    assert (values["num_videos"], values["top1"], values["top5"]) == (4, 0.75, None)
    assert values["classes"]["c"] == {"num_videos": 0, "accuracy": None}
    assert values["confusion"] == WORKED.confusion.tolist()
    second = values["videos"][1]
    assert (second["path"], second["label"], second["predicted"]) == ("1.mp4", "a", "b")
    assert second["probabilities"] == pytest.approx([0.05, 0.9, 0.05])


def test_table_names_the_worst_confusion():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(WORKED.table())
    text = console.export_text()
    assert "b (1)" in text
    assert "66.7 %" in text
    assert "75.0 %" in text


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([], np.zeros((0, 3), np.float32), "at least one video"),
        ([0], np.zeros((2, 3), np.float32), r"probabilities \(1, 3\), got \(1,\) and \(2, 3\)"),
    ],
)
def test_shapes_must_agree(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        EvaluationReport(
            class_names=("a", "b", "c"),
            paths=tuple("x" for _ in labels),
            labels=np.array(labels, np.int64),
            probabilities=probabilities,
        )


def test_unlabelled_videos_are_in_no_figure():
    found = EvaluationReport(
        class_names=WORKED.class_names,
        paths=(*WORKED.paths, "x.mp4"),
        labels=np.append(WORKED.labels, -1),
        probabilities=np.concatenate([WORKED.probabilities, WORKED.probabilities[:1]]),
    )
    assert found.num_videos == 5
    for name in ("top1", "mean_class_accuracy", "calibration_error", "top1_interval"):
        assert getattr(found, name) == getattr(WORKED, name)
    assert found.confusion.tolist() == WORKED.confusion.tolist()


def test_no_labels_at_all():
    found = EvaluationReport(
        class_names=("a", "b"),
        paths=("x",),
        labels=np.array([-1]),
        probabilities=np.float32([[0.4, 0.6]]),
    )
    assert np.isnan([found.top1, found.mean_class_accuracy, found.calibration_error]).all()
    assert found.top1_interval is found.calibration is None
    assert found.predicted.tolist() == [1]


def test_several_labels_by_hand():
    found = EvaluationReport(
        class_names=("a", "b", "c"),
        paths=("x", "y", "z"),
        labels=np.array([0, 1, 0]),
        probabilities=np.float32([[0.9, 0.1, 0.5], [0.8, 0.7, 0.5], [0.7, 0.8, 0.5]]),
        targets=np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]], bool),
    )
    np.testing.assert_allclose(found.average_precisions, [5 / 6, 1 / 2, np.nan], rtol=1e-6)
    assert found.mean_average_precision == pytest.approx(2 / 3)
    assert found.class_counts.tolist() == [2, 1, 0]
    assert np.isnan(found.top1)
    with pytest.raises(ValueError, match="a confusion matrix needs one class a video"):
        _ = found.confusion
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(found.table())
    text = console.export_text()
    assert "83.3 %" in text
    assert "mean average precision" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.zeros((4, 2), bool)}, r"targets must be \(4, 3\), got \(4, 2\)"),
        ({"windows": ((None, None),)}, "windows must be 4, one a video, got 1"),
    ],
)
def test_more_shapes_must_agree(change, message):
    with pytest.raises(ValueError, match=message):
        replace(WORKED, **change)
