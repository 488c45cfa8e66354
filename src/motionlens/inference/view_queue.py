"""Views of videos -> batches -> one row per video."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from motionlens.clips.view_loader import DecodedVideo, View, ViewPlan

# Clips (B, C, T, h, w) -> one row for each, (B, D).
Forward = Callable[[Tensor], Tensor]


class VideoResult(NamedTuple):
    """What came out of a video.

    Attributes:
        position: of the video among all.
        name: of the video, its path as given; ``"array"`` for one in memory.
        row: float32 ``(D,)`` on the CPU, the mean over the views; None if the video is broken.
        error: why it cannot be decoded; empty if it can.
    """

    position: int
    name: str
    row: Tensor | None
    error: str = ""


@dataclass
class _OpenVideo:
    """A video some of whose views have not been run."""

    position: int
    name: str
    missing: int
    rows: list[Tensor] = field(default_factory=list)
    error: str = ""


class ViewQueue:
    """Views that wait for a batch, and videos that wait for their views.

    Args:
        clips: frames of views -> clips on the device.
        forward: what is wanted of clips.
        plan: which views a video has.
        names: of the videos, by position; it may grow until a video is added.
        swap: int64 ``(D,)``, which entry of a mirrored view's row stands for which of the plain
            one's; None to take mirrored rows as they are.
        batch_size: views per batch.
    """

    def __init__(
        self,
        clips: Callable[[Sequence[Tensor]], Tensor],
        forward: Forward,
        plan: ViewPlan,
        names: Sequence[str],
        *,
        swap: Tensor | None,
        batch_size: int,
    ) -> None:
        self._clips, self._forward, self._plan, self._names = clips, forward, plan, names
        self._swap, self._batch_size = swap, batch_size
        self._batch: list[tuple[_OpenVideo, View]] = []
        self._videos: deque[_OpenVideo] = deque()

    def __len__(self) -> int:
        return len(self._videos)

    def add(self, video: DecodedVideo) -> None:
        """Take in a video; full batches are run."""
        num_views = 0 if video.error else self._plan.views.num_views
        name = self._names[video.position]
        entry = _OpenVideo(video.position, name, num_views, error=video.error)
        self._videos.append(entry)
        planned = 0
        for view in () if video.error else self._plan.cut(video):
            if self._batch and self._batch[0][1].frames.shape != view.frames.shape:
                self.run()
            self._batch.append((entry, view))
            planned += 1
            if len(self._batch) == self._batch_size:
                self.run()
        if planned != num_views:
            raise RuntimeError(f"video {video.position} must have {num_views} views, got {planned}")

    def run(self) -> None:
        """Run the views that wait."""
        if not self._batch:
            return
        rows = self._forward(self._clips([view.frames for _, view in self._batch]))
        if len(rows) != len(self._batch):
            raise RuntimeError(f"{len(self._batch)} views must give as many rows, got {len(rows)}")
        for (entry, view), row in zip(self._batch, rows, strict=True):
            is_swapped = view.is_mirrored and self._swap is not None
            entry.rows.append(row[self._swap] if is_swapped else row)
            entry.missing -= 1
        self._batch = []

    def finished(self) -> Iterator[VideoResult]:
        """The videos at the head of the queue whose views have all been run, removed from it."""
        while self._videos and self._videos[0].missing == 0:
            entry = self._videos.popleft()
            row = torch.stack(entry.rows).mean(dim=0) if entry.rows else None
            yield VideoResult(entry.position, entry.name, row, entry.error)
