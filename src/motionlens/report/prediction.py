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
        above: of a recognizer of several labels, whether each label's probability reaches its
            threshold, so that the video is said to show it; None otherwise.
    """

    path: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    above: tuple[bool, ...] | None = None

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
        labels: list[dict[str, Any]] = [{"label": label, "probability": p} for label, p in pairs]
        for entry, is_above in zip(labels, self.above or (), strict=False):
            entry["above"] = is_above
        return {"path": self.path, "predictions": labels}


def best_labels(
    class_names: Sequence[str],
    path: str,
    probabilities: Tensor,
    top: int,
    thresholds: Sequence[float] | None = None,
) -> Prediction:
    """The ``top`` most probable labels of a video, best first, by probabilities ``(K,)``.

    With a threshold for each class, further labels that reach theirs are named as well.
    """
    values, order = probabilities.sort(descending=True, stable=True)
    chosen = [
        (class_names[i], value, thresholds is not None and value >= thresholds[i])
        for i, value in zip(order.tolist(), values.tolist(), strict=True)
    ]
    chosen = chosen[:top] + [entry for entry in chosen[top:] if entry[2]]
    return Prediction(
        path=path,
        labels=tuple(label for label, _, _ in chosen),
        probabilities=tuple(value for _, value, _ in chosen),
        above=None if thresholds is None else tuple(is_above for _, _, is_above in chosen),
    )
