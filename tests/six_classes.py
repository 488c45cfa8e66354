"""A report of two videos and six classes."""

import numpy as np

from motionlens.report.evaluation_report import EvaluationReport

NAMES = ("a", "b", "c, d", "e", "f", "g")
PROBABILITIES = np.array([[6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6]], np.float32) / 21


def six_classes(**changes):
    values = {
        "class_names": NAMES,
        "paths": ("x.mp4", "y.mp4"),
        "labels": np.array([0, 2]),
        "probabilities": PROBABILITIES,
        "settings": {"model": "m"},
    }
    return EvaluationReport(**{**values, **changes})
