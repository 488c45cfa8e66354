import csv
import json

import numpy as np
import pytest

from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.report_files import predictions_csv

NAMES = ("a", "b", "c, d", "e", "f", "g")
PROBABILITIES = np.array([[6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6]], np.float32) / 21


def report(**changes):
    values = {
        "class_names": NAMES,
        "paths": ("x.mp4", "y.mp4"),
        "labels": np.array([0, 2]),
        "probabilities": PROBABILITIES,
        "settings": {"model": "m"},
    }
    return EvaluationReport(**{**values, **changes})


def rows(report):
    return list(csv.DictReader(predictions_csv(report).splitlines()))


def test_predictions_as_csv():
    first, second = rows(report())
    assert list(first)[:6] == ["path", "label", "predicted", "probability", "label_2",
                               "probability_2"]  # fmt: skip
    assert list(first)[-1] == "probability_5"
    assert (second["path"], second["label"], second["predicted"]) == ("y.mp4", "c, d", "g")
    assert float(second["probability"]) == pytest.approx(6 / 21, abs=1e-6)
    assert [second[f"label_{i}"] for i in range(2, 6)] == ["f", "e", "c, d", "b"]


def test_predictions_of_parts_of_videos_with_several_or_unknown_labels():
    targets = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]], bool)
    found = report(labels=np.array([0, -1]), targets=targets, windows=((0.5, 2.25), (None, None)))
    first, second = rows(found)
    assert (first["label"], first["start"], first["end"]) == ("a|b", "0.5", "2.25")
    assert (second["label"], second["start"], second["end"]) == ("", "", "")
    entries = json.loads(found.to_json())["videos"]
    assert (entries[0]["labels"], entries[0]["start"], entries[0]["end"]) == (["a", "b"], 0.5, 2.25)
    assert (entries[1]["label"], entries[1]["labels"], entries[1]["start"]) == (None, [], None)


def test_json_of_accuracies():
    values = json.loads(report(broken=(("z.mp4", "z.mp4: is empty"),)).to_json())
    assert (values["num_videos"], values["num_scored"], values["top1"]) == (2, 2, 0.5)
    assert values["top1_interval"] == {"low": 0, "high": 1, "confidence": 0.95, "resamples": 1000}
    # Both predicted with 6/21 = 0.29, half of them right.
    assert values["calibration_error"] == pytest.approx(0.5 - 6 / 21, abs=1e-6)
    assert values["broken"] == [{"path": "z.mp4", "error": "z.mp4: is empty"}]
    assert "mean_average_precision" not in values


def test_json_of_several_labels():
    targets = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]], bool)
    values = json.loads(report(labels=np.array([0, 5]), targets=targets).to_json())
    assert values["mean_average_precision"] == 1
    assert values["mean_average_precision_interval"]["resamples"] == 200
    assert values["top1"] is values["confusion"] is values["calibration_error"] is None
    assert values["classes"]["b"] == {"num_videos": 1, "average_precision": 1}
    assert values["classes"]["c, d"] == {"num_videos": 0, "average_precision": None}


def test_json_without_labels_is_json():
    values = json.loads(report(labels=np.array([-1, -1])).to_json())
    assert values["num_scored"] == 0
    assert values["top1"] is values["top5"] is values["top1_interval"] is None
    assert values["classes"]["a"] == {"num_videos": 0, "accuracy": None}


def test_files_that_no_longer_hold_are_removed(tmp_path):
    report().write(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.json", "predictions.csv", "confusion.csv"}
    report(labels=np.array([-1, -1])).write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == names - {"confusion.csv"}
