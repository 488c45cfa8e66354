"""What a video shows: the most probable of a recognizer's labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What a video shows.

    Attributes:
        path: of the video; ``"array"`` for a video given as an array.
        labels: the most probable label names, best first.
        probabilities: of these labels, each in 0 to 1, descending. Those of all labels sum to 1,
            unless the recognizer was trained on several labels per video: then each stands alone.
    """

    path: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.labels[0]

    def to_dict(self, *, digits: int | None = None) -> dict[str, Any]:
        """Path and labels, best first, as plain values, for JSON.

        Args:
            digits: decimals of the probabilities; None for all.
        """
        rounded = [p if digits is None else round(p, digits) for p in self.probabilities]
        pairs = zip(self.labels, rounded, strict=True)
        labels = [{"label": label, "probability": value} for label, value in pairs]
        return {"path": self.path, "predictions": labels}


def best_labels(
    class_names: Sequence[str], path: str, probabilities: Tensor, top: int
) -> Prediction:
    """The ``top`` most probable labels of a video, best first, by probabilities ``(K,)``."""
    values, order = probabilities.sort(descending=True, stable=True)
    return Prediction(
        path=path,
        labels=tuple(class_names[i] for i in order[:top].tolist()),
        probabilities=tuple(values[:top].tolist()),
    )
