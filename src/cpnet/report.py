"""What an evaluation found: accuracies, confusion matrix and every video's probabilities."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_confusion_matrix

from cpnet._files import write_atomically

if TYPE_CHECKING:
    from rich.table import Table


REPORT_FILE = "report.json"
CONFUSION_FILE = "confusion.csv"


@dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """Predictions for a set of labelled videos, and the figures that follow from them.

    Attributes:
        class_names: K label names, in the order of the probabilities.
        paths: V videos.
        labels: true classes, int64 ``(V,)``, each in 0 to K-1.
        probabilities: predicted, float32 ``(V, K)``, rows sum to 1.
        settings: what the figures depend on besides data and weights, such as ``k``.

    Raises:
        ValueError: On construction, if there is no video or the shapes do not agree.
    """

    class_names: tuple[str, ...]
    paths: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        videos, classes = len(self.paths), len(self.class_names)
        if not videos:
            raise ValueError("a report needs at least one video, got none")
        if self.labels.shape != (videos,) or self.probabilities.shape != (videos, classes):
            raise ValueError(
                f"labels must be ({videos},) and probabilities ({videos}, {classes}), "
                f"got {self.labels.shape} and {self.probabilities.shape}"
            )

    @property
    def num_videos(self) -> int:
        """V."""
        return len(self.paths)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each video, ``(V,)``."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @cached_property
    def top1(self) -> float:
        """Part of the videos whose most probable class is the true one."""
        return self._accuracy(1)

    @cached_property
    def top5(self) -> float | None:
        """Part of the videos with the true class among the 5 most probable; None for K <= 5."""
        return self._accuracy(5) if len(self.class_names) > 5 else None

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Number of videos ``(K, K)`` with true class = row and predicted class = column."""
        if len(self.class_names) == 1:  # torchmetrics wants two
            return np.full((1, 1), self.num_videos, dtype=np.int64)
        matrix = multiclass_confusion_matrix(
            torch.from_numpy(self.predicted), torch.from_numpy(self.labels), len(self.class_names)
        )
        return np.asarray(matrix, dtype=np.int64)

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """Videos of each class, ``(K,)``."""
        return np.asarray(self.confusion.sum(axis=1), dtype=np.int64)

    @property
    def class_accuracies(self) -> NDArray[np.float64]:
        """Part of each class that is recognized, ``(K,)``; nan for a class without videos."""
        counts = self.class_counts
        right = self.confusion.diagonal().astype(np.float64)
        nothing = np.full(len(counts), np.nan)
        return np.asarray(np.divide(right, counts, out=nothing, where=counts > 0))

    @property
    def mean_class_accuracy(self) -> float:
        """Mean of the accuracies of the classes that have videos."""
        return float(np.nanmean(self.class_accuracies))

    def _accuracy(self, top: int) -> float:
        if len(self.class_names) == 1:
            return 1.0
        return float(
            multiclass_accuracy(
                torch.from_numpy(self.probabilities),
                torch.from_numpy(self.labels),
                num_classes=len(self.class_names),
                average="micro",
                top_k=top,
            )
        )

    def to_json(self) -> str:
        """As a JSON object with the figures, the confusion matrix and one entry a video."""
        names = self.class_names
        accuracies = zip(names, self.class_accuracies, self.class_counts, strict=True)
        videos = zip(self.paths, self.labels, self.predicted, self.probabilities, strict=True)
        values = {
            "num_videos": self.num_videos,
            "top1": self.top1,
            "top5": self.top5,
            "mean_class_accuracy": self.mean_class_accuracy,
            "settings": dict(self.settings),
            "classes": {
                name: {"num_videos": int(count), "accuracy": float(part) if count else None}
                for name, part, count in accuracies
            },
            "class_names": list(names),
            "confusion": self.confusion.tolist(),
            "videos": [
                {
                    "path": path,
                    "label": names[label],
                    "predicted": names[predicted],
                    "probabilities": [round(float(value), 6) for value in row],
                }
                for path, label, predicted, row in videos
            ],
        }
        return json.dumps(values, indent=1) + "\n"

    def table(self) -> Table:
        """The accuracies as a table for the terminal, one row a class."""
        from rich.table import Table

        table = Table(title=f"{self.num_videos} videos", title_justify="left")
        table.add_column("class", overflow="fold")
        table.add_column("videos", justify="right")
        table.add_column("accuracy", justify="right")
        table.add_column("most often mistaken for", overflow="fold")
        for row, name in enumerate(self.class_names):
            count = int(self.class_counts[row])
            part = f"{100 * self.class_accuracies[row]:.1f} %" if count else "-"
            table.add_row(name, str(count), part, self._mistaken_for(row))
        table.add_section()
        table.add_row("top-1", str(self.num_videos), f"{100 * self.top1:.1f} %", "")
        if self.top5 is not None:
            table.add_row("top-5", str(self.num_videos), f"{100 * self.top5:.1f} %", "")
        return table

    def confusion_table(self) -> Table:
        """The confusion matrix as a table for the terminal: a row a true class."""
        from rich.table import Table

        table = Table(title="Confusion: true class by row, predicted by column")
        table.title_justify = "left"
        table.add_column("class", no_wrap=True)
        for number in range(1, len(self.class_names) + 1):
            table.add_column(f"({number})", justify="right")
        for number, (name, row) in enumerate(zip(self.class_names, self.confusion, strict=True), 1):
            table.add_row(f"({number}) {name}", *(str(count) if count else "." for count in row))
        return table

    def write(self, folder: Path) -> None:
        """Write ``report.json`` and ``confusion.csv``; the folder is made if absent.

        Raises:
            OSError: If it cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / REPORT_FILE, self.to_json().encode())
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["true \\ predicted", *self.class_names])
        rows.writerows([n, *r] for n, r in zip(self.class_names, self.confusion, strict=True))
        write_atomically(folder / CONFUSION_FILE, text.getvalue().encode())

    def _mistaken_for(self, row: int) -> str:
        wrong = self.confusion[row].copy()
        wrong[row] = 0
        worst = int(wrong.argmax())
        return f"{self.class_names[worst]} ({wrong[worst]})" if wrong[worst] else ""
