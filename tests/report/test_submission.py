import numpy as np

from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.submission import submission_text

NAMES = ("a", "b; c", "d", "e", "f", "g")


def report(**changes):
    values = {
        "class_names": NAMES,
        "paths": ("/data/20bn-jester-v1/34870", "/data/videos/7.webm"),
        "labels": np.array([-1, -1]),
        "probabilities": np.array([[1, 2, 3, 4, 5, 6], [5, 6, 4, 3, 2, 1]], np.float32) / 21,
    }
    return EvaluationReport(**{**values, **changes})


def test_one_label_for_jester():
    assert submission_text(report(), 1) == '34870;g\n7;"b; c"\n'


def test_five_labels_best_first_for_something_something():
    expected = '34870;g;f;e;d;"b; c"\n7;"b; c";a;d;e;f\n'
    assert submission_text(report(), 5) == expected


def test_fewer_classes_than_five():
    few = report(class_names=("a", "b"), probabilities=np.float32([[0.4, 0.6], [0.7, 0.3]]))
    assert submission_text(few, 5) == "34870;b;a\n7;a;b\n"


def test_plain_csv_for_others():
    lines = submission_text(report(), None).splitlines()
    assert lines[0] == "path,label,probability"
    assert lines[2] == "/data/videos/7.webm,b; c,0.285714"


def test_all_likely_labels_where_there_may_be_several():
    several = report(
        targets=np.zeros((2, 6), bool),
        probabilities=np.float32([[0.9, 0.2, 0.5, 0, 0, 0], [0.1] * 6]),
    )
    assert submission_text(several, None).splitlines()[1:] == [
        "/data/20bn-jester-v1/34870,a|d",
        "/data/videos/7.webm,",
    ]


def test_several_labels_by_their_thresholds():
    report = EvaluationReport(
        class_names=("a", "b"),
        paths=("1.mp4", "2.mp4"),
        labels=np.array([0, 1]),
        probabilities=np.array([[0.3, 0.6], [0.1, 0.7]], dtype=np.float32),
        targets=np.array([[True, False], [False, True]]),
        thresholds=(0.25, 0.65),
    )
    assert submission_text(report, None) == "path,label\n1.mp4,a\n2.mp4,b\n"
