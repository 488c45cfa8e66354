import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.tables import class_table
from six_classes import six_classes


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.zeros((4, 2), bool)}, r"targets must be \(4, 3\), got \(4, 2\)"),
        ({"windows": ((None, None),)}, "windows must be 4, one per video, got 1"),
    ],
)
def test_more_shapes_must_agree(change, message):
    with pytest.raises(ValueError, match=message):
        replace(WORKED, **change)


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
    with pytest.raises(ValueError, match="a confusion matrix needs one class per video"):
        _ = found.confusion
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(class_table(found))
    text = console.export_text()
    assert "83.3 %" in text
    assert "mean average precision" in text


def test_json_of_accuracies():
    values = json.loads(six_classes(broken=(("z.mp4", "z.mp4: is empty"),)).to_json())
    assert (values["num_videos"], values["num_scored"], values["top1"]) == (2, 2, 0.5)
    assert values["top1_interval"] == {"low": 0, "high": 1, "confidence": 0.95, "resamples": 1000}
    # Both predicted with 6/21 = 0.29, half of them right.
    assert values["calibration_error"] == pytest.approx(0.5 - 6 / 21, abs=1e-6)
    # 6/21 and 3/21 for the true classes.
    assert values["log_loss"] == pytest.approx(np.log(21) - np.log(18) / 2, rel=1e-5)
    assert values["brier_score"] == pytest.approx((15**2 + 55 + 18**2 + 82) / 2 / 21**2)
    assert values["brier_score_interval"]["high"] == pytest.approx((18**2 + 82) / 21**2)
    assert values["broken"] == [{"path": "z.mp4", "error": "z.mp4: is empty"}]
    assert "mean_average_precision" not in values


def test_json_of_several_labels():
    targets = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]], bool)
    values = json.loads(six_classes(labels=np.array([0, 5]), targets=targets).to_json())
    assert values["mean_average_precision"] == 1
    assert values["mean_average_precision_interval"]["resamples"] == 200
    assert values["top1"] is values["confusion"] is values["calibration_error"] is None
    assert values["classes"]["b"] == {"num_videos": 1, "average_precision": 1}
    assert values["classes"]["c, d"] == {"num_videos": 0, "average_precision": None}


def test_json_without_labels_is_json():
    values = json.loads(six_classes(labels=np.array([-1, -1])).to_json())
    assert values["num_scored"] == 0
    assert values["top1"] is values["top5"] is values["top1_interval"] is None
    assert values["classes"]["a"] == {"num_videos": 0, "accuracy": None}
