import csv
import json

import numpy as np
import pytest

from motionlens.report.files import predictions_csv, write_report
from six_classes import six_classes


def rows(found):
    return list(csv.DictReader(predictions_csv(found).splitlines()))


def test_predictions_as_csv():
    first, second = rows(six_classes())
    assert list(first)[:6] == ["path", "label", "predicted", "probability", "label_2",
                               "probability_2"]  # fmt: skip
    assert list(first)[-1] == "probability_5"
    assert (second["path"], second["label"], second["predicted"]) == ("y.mp4", "c, d", "g")
    assert float(second["probability"]) == pytest.approx(6 / 21, abs=1e-6)
    assert [second[f"label_{i}"] for i in range(2, 6)] == ["f", "e", "c, d", "b"]


def test_predictions_of_parts_of_videos_with_several_or_unknown_labels():
    targets = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]], bool)
    found = six_classes(
        labels=np.array([0, -1]), targets=targets, windows=((0.5, 2.25), (None, None))
    )
    first, second = rows(found)
    assert (first["label"], first["start"], first["end"]) == ("a|b", "0.5", "2.25")
    assert (second["label"], second["start"], second["end"]) == ("", "", "")
    entries = json.loads(found.to_json())["videos"]
    assert (entries[0]["labels"], entries[0]["start"], entries[0]["end"]) == (["a", "b"], 0.5, 2.25)
    assert (entries[1]["label"], entries[1]["labels"], entries[1]["start"]) == (None, [], None)


def test_files_that_no_longer_hold_are_removed(tmp_path):
    write_report(six_classes(), tmp_path, title="")
    names = {path.name for path in tmp_path.iterdir()}
    both = {"report.json", "report.html", "predictions.csv"}
    assert names == both | {"confusion.csv", "confusion.png"}
    write_report(six_classes(labels=np.array([-1, -1])), tmp_path, title="")
    assert {path.name for path in tmp_path.iterdir()} == both
