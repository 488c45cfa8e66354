"""Videos through a network: all views of each, batched, and what came out of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from motionlens._utils.distributed import gather_objects, local_world_size, own_share, world_size
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.video_index import VideoIndex
from motionlens.clips.view_loader import DecodedVideo, View, ViewDataset, cut_views, load_videos
from motionlens.clips.views import Views
from motionlens.inference.card import ModelCard
from motionlens.training.recipe import LoaderConfig

R = TypeVar("R")

# Clips (B, 3, T, h, w) -> what is wanted of each, (B, D).
Forward = Callable[[Tensor], Tensor]

# Results of a process that wait for those of the others.
_IN_TURN = 256


class VideoResult(NamedTuple):
    """What came out of a video.

    Attributes:
        position: of the video in its index.
        row: float32 ``(D,)`` on the CPU, the mean over the views; None if the video is broken.
        error: why it cannot be decoded; empty if it can.
    """

    position: int
    row: Tensor | None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class ViewPlan:
    """What is looked at of every video.

    Attributes:
        sampling: of a clip.
        preprocessing: of its frames.
        views: clips and crops.
        swap: int64 ``(D,)``, which entry of a mirrored view's row stands for which of the plain
            one's; None to take mirrored rows as they are.
    """

    sampling: Sampling
    preprocessing: Preprocessing
    views: Views = field(default_factory=Views)
    swap: Tensor | None = None


def view_plan(card: ModelCard, views: Views | None = None, swap: Tensor | None = None) -> ViewPlan:
    """What a recognizer looks at of every video: one centred view, or others."""
    return ViewPlan(
        sampling=card.sampling,
        preprocessing=card.preprocessing,
        views=views or Views(),
        swap=swap,
    )


def run_videos(
    model: nn.Module,
    index: VideoIndex,
    plan: ViewPlan,
    forward: Forward,
    *,
    batch_size: int,
    num_workers: int,
    device: torch.device,
    skip_broken: bool = False,
) -> Iterator[VideoResult]:
    """Look at every video of an index, in its order.

    Views of one shape are batched across videos. A video's rows are put together in the order of
    its views, so that neither batches nor workers make a difference but for rounding.

    Args:
        model: is moved to the device, and put into inference mode.
        index: the videos.
        plan: what is looked at.
        forward: what is wanted of clips, by means of the model.
        batch_size: views at once, at least 1.
        num_workers: processes that decode; 0 decodes in this one.
        device: where the model works.
        skip_broken: tell of a broken video in its result, instead of raising.

    Raises:
        ValueError: If ``batch_size`` is below 1; a :class:`~motionlens.video.frames.VideoError` if a
            video cannot be decoded and is not to be skipped.
        RuntimeError: If a video has come to other views than planned, or is missed or met twice.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    model.to(device).eval()
    dataset = ViewDataset(
        index, plan.sampling, plan.preprocessing, plan.views, skip_broken=skip_broken
    )
    queue = _Queue(plan, forward, batch_size, device)
    expected = 0
    for video in load_videos(dataset, num_workers):
        queue.add(video)
        for result in queue.finished():
            expected = _check_turn(result, expected)
            yield result
    queue.run()
    for result in queue.finished():
        expected = _check_turn(result, expected)
        yield result
    if expected != len(index):
        raise RuntimeError(f"every video must be met exactly once, {expected} of {len(index)} were")


def in_turn(results: Iterable[R], total: int) -> Iterator[R]:
    """What all processes find, each in its :func:`own_share`, in the order of the items.

    Memory stays bounded: results of a few items are exchanged at a time. Every process gets all
    of them, and must read to the end.

    Args:
        results: of this process, one an item.
        total: number of items of all processes.
    """
    own = iter(results)
    if world_size() == 1:
        yield from own
        return
    for _ in range(0, -(-total // world_size()), _IN_TURN):
        found = gather_objects(list(islice(own, _IN_TURN)))
        for turn in range(len(found[0])):
            yield from (part[turn] for part in found if turn < len(part))


def own_videos(index: VideoIndex) -> VideoIndex:
    """The share of the videos that is this process's."""
    return index.subset(list(own_share(len(index))))


def resolve_num_workers(num_workers: int | None) -> int:
    """The number of decoding processes; by default the processes of a machine share its cores."""
    if num_workers is not None:
        return LoaderConfig(num_workers=num_workers).resolve_num_workers()
    found = LoaderConfig().resolve_num_workers()
    return found if local_world_size() == 1 else found // local_world_size()


@dataclass
class _Open:
    """A video some of whose views are still to be looked at."""

    position: int
    missing: int
    rows: list[Tensor] = field(default_factory=list)
    error: str = ""


class _Queue:
    """Views waiting for a batch, and videos waiting for their views."""

    def __init__(
        self, plan: ViewPlan, forward: Forward, batch_size: int, device: torch.device
    ) -> None:
        self._plan, self._forward = plan, forward
        self._batch_size, self._device = batch_size, device
        self._batch: list[tuple[_Open, View]] = []
        self._videos: deque[_Open] = deque()

    def add(self, video: DecodedVideo) -> None:
        """Take in a video; full batches of its views are looked at."""
        if video.error:
            self._videos.append(_Open(video.position, 0, error=video.error))
            return
        entry = _Open(video.position, self._plan.views.num_views)
        self._videos.append(entry)
        planned = 0
        for view in cut_views(video, self._plan.views, self._plan.preprocessing):
            if self._batch and self._batch[0][1].frames.shape != view.frames.shape:
                self.run()
            self._batch.append((entry, view))
            planned += 1
            if len(self._batch) == self._batch_size:
                self.run()
        if planned != self._plan.views.num_views:
            raise RuntimeError(
                f"video {video.position} must have {self._plan.views.num_views} views, "
                f"it has come to {planned}"
            )

    def run(self) -> None:
        """Look at the views that wait."""
        if not self._batch:
            return
        # As bytes to the device: a quarter of what the clips made of them take.
        frames = torch.stack([view.frames for _, view in self._batch]).to(self._device)
        clips = torch.stack([self._plan.preprocessing.normalize(view) for view in frames])
        # Not around the whole loop: between two results the caller's own mode holds.
        with torch.inference_mode():
            rows = self._forward(clips).float().cpu()
        if len(rows) != len(self._batch):
            raise RuntimeError(f"{len(self._batch)} views must give as many rows, got {len(rows)}")
        for (entry, view), row in zip(self._batch, rows, strict=True):
            is_swapped = view.is_mirrored and self._plan.swap is not None
            entry.rows.append(row[self._plan.swap] if is_swapped else row)
            entry.missing -= 1
        self._batch = []

    def finished(self) -> Iterator[VideoResult]:
        """The videos at the head of the queue that are done with, removed from it."""
        while self._videos and self._videos[0].missing == 0:
            entry = self._videos.popleft()
            row = torch.stack(entry.rows).mean(dim=0) if entry.rows else None
            yield VideoResult(entry.position, row, entry.error)


def _check_turn(result: VideoResult, expected: int) -> int:
    if result.position != expected:
        raise RuntimeError(
            f"every video must be met exactly once, in order: number {expected} was to come, "
            f"{result.position} came"
        )
    return expected + 1
