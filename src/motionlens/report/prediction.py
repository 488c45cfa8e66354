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
        above: of a recognizer with thresholds, whether the video is said to show each label: its
            probability reaches its threshold and, unless a video may show several labels, it is
            the most probable. If none is, what the video shows is unknown. None of a recognizer
            without thresholds.
    """

    path: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    above: tuple[bool, ...] | None = None

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.labels[0]

    @property
    def is_unknown(self) -> bool:
        """Whether the video is said to show none of the labels."""
        return self.above is not None and not any(self.above)

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


@dataclass(frozen=True, slots=True)
class Labelling:
    """How a recognizer's probabilities become labels.

    Attributes:
        class_names: K names, in the order of the probabilities.
        thresholds: from which probability a video is said to show each label, K; None if the most
            probable label is the answer, whatever its probability.
        is_single: whether a video shows one label at most.
    """

    class_names: Sequence[str]
    thresholds: Sequence[float] | None = None
    is_single: bool = True

    def best(self, path: str, probabilities: Tensor, top: int) -> Prediction:
        """The ``top`` most probable labels of a video, best first, by probabilities ``(K,)``.

        Further labels that the video is said to show are named as well.
        """
        values, order = probabilities.sort(descending=True, stable=True)
        chosen = [
            (self.class_names[i], value, self._is_shown(i, value, rank))
            for rank, (i, value) in enumerate(zip(order.tolist(), values.tolist(), strict=True))
        ]
        chosen = chosen[:top] + [entry for entry in chosen[top:] if entry[2]]
        return Prediction(
            path=path,
            labels=tuple(label for label, _, _ in chosen),
            probabilities=tuple(value for _, value, _ in chosen),
            above=None if self.thresholds is None else tuple(is_shown for _, _, is_shown in chosen),
        )

    def _is_shown(self, i: int, probability: float, rank: int) -> bool:
        if self.thresholds is None or (self.is_single and rank > 0):
            return False
        return probability >= self.thresholds[i]
