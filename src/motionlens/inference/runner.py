"""The one way from videos to logits: decode -> views -> batched forward."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, islice
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from motionlens._utils.checks import check_at_least
from motionlens._utils.cores import resolve_num_workers
from motionlens._utils.devices import resolve_device
from motionlens._utils.distributed import (
    gather_objects,
    is_main,
    own_device,
    own_share,
    process_group,
    world_size,
)
from motionlens.clips.sampling import Sampling, sample_indices
from motionlens.clips.video_index import VideoIndex
from motionlens.clips.view_loader import DecodedVideo, View, ViewDataset, ViewPlan, load_videos
from motionlens.clips.views import Views
from motionlens.inference.card import ModelCard
from motionlens.inference.clip_limits import check_positions, naming_memory
from motionlens.inference.onnx_network import OnnxNetwork
from motionlens.models.capture import correspondence_modules
from motionlens.models.correspondence import set_num_proposals
from motionlens.models.optimize import optimize
from motionlens.video.file import open_video
from motionlens.video.frames import FOLDER_FPS, Frames, VideoError, VideoReader

R = TypeVar("R")

# Name of a video, and its row or why it cannot be decoded.
Result = tuple[str, Tensor | VideoError]

# What `open_video` opens.
Video = str | os.PathLike[str] | NDArray[np.uint8] | Tensor

# Fewer videos are decoded sooner than worker processes have started.
_WORTH_WORKERS = 16

# Results that the processes of a run exchange at a time.
_EXCHANGED = 256


class Runner:
    """A network in its one form for inference, and its card.

    Every answer comes from this form: norms are folded (:func:`motionlens.optimize`), so that the
    same clips in the same batch get the same logits from prediction, explanation, evaluation,
    embedding, streams and the server.

    Args:
        model: what ``card.build()`` gives, with trained weights, or an :class:`OnnxNetwork`; it is
            put into inference mode.
        card: its model card.
        device: see :func:`motionlens._utils.devices.resolve_device`. Of several CUDA devices each
            process that torchrun started takes its own.
        k: proposals per position, instead of the model's own.
        dtype: of the weights in use, such as ``torch.bfloat16`` where the processor has it;
            float32 by default. Logits are float32 in any case.

    Attributes:
        model: as it was given, to be saved and exported.
        network: the folded copy that runs, on ``device``; later changes of ``model`` do not reach
            it.

    Raises:
        ValueError: If the device does not exist, k is below 1, the model has no CP module whose k
            could be set, or an exported file is to have another device, k or dtype.
    """

    def __init__(
        self,
        model: nn.Module,
        card: ModelCard,
        *,
        device: str = "cpu",
        k: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if isinstance(model, OnnxNetwork):
            model.check_options(device=device, k=k, dtype=dtype)
            device = "cpu"
        self.model, self.card = model.eval(), card
        self.device = own_device(resolve_device(device))
        self.network = optimize(model, dtype=dtype).to(self.device)
        if k is not None:
            set_num_proposals(self.network, k)
        if self.device.type == "cpu":
            for module in correspondence_modules(self.network).values():
                module.register_forward_pre_hook(check_positions)

    def clips(self, frames: Sequence[Tensor]) -> Tensor:
        """Clips float32 ``(B, C, T, h, w)`` on the device.

        Args:
            frames: of each clip, uint8 ``(T * (lead + 1), 3, h, w)``, resized and cropped, as
                ``Preprocessing.crop`` returns them.
        """
        # As bytes to the device: a quarter of the size of the clips.
        batch = torch.stack(list(frames)).to(self.device)
        return torch.stack([self.card.preprocessing.normalize(clip) for clip in batch])

    @torch.inference_mode()
    def logits(self, clips: Tensor) -> Tensor:
        """Logits of clips ``(B, C, T, h, w)``: float32 ``(B, num_classes)`` on the CPU."""
        with naming_memory(clips):
            logits: Tensor = self.network(clips.to(self.device))
        return logits.float().cpu()

    def probabilities(self, clips: Tensor) -> Tensor:
        """Probabilities of clips ``(B, C, T, h, w)``: float32 ``(B, num_classes)`` on the CPU."""
        return self.card.probabilities(self.logits(clips))

    @torch.inference_mode()
    def features(self, clips: Tensor) -> Tensor:
        """Pooled features of clips ``(B, C, T, h, w)``: float32 ``(B, D)`` on the CPU."""
        with naming_memory(clips):
            features: Tensor = self.network.forward_features(clips.to(self.device))  # type: ignore[operator]
        return features.float().cpu()


def read_clip(reader: VideoReader, sampling: Sampling) -> tuple[NDArray[np.int64], Frames]:
    """Read the frames of the clip in the middle of a video.

    Returns:
        Numbers of the frames, int64 ``(T * (lead + 1),)``, and the frames.

    Raises:
        VideoError: If a frame cannot be decoded.

    Warns:
        VideoWarning: If the video has one frame only.
    """
    reader.warn_of_stillness()
    numbers = sample_indices(reader, sampling)
    return numbers, reader.read(numbers)


def video_name(video: Video) -> str:
    """What results call a video."""
    return os.fspath(video) if isinstance(video, (str, os.PathLike)) else "array"


def run_videos(
    runner: Runner,
    videos: VideoIndex | Iterable[Video],
    forward: Callable[[Tensor], Tensor],
    *,
    views: str | Views = "1x1",
    swap: Tensor | None = None,
    batch_size: int,
    num_workers: int | None = None,
    skip_broken: bool = False,
    folder_fps: float = FOLDER_FPS,
) -> Iterator[Result]:
    """Show a network every video, in their order.

    Views of one shape are batched across videos. A video's rows are averaged in the order of its
    views, so batches and workers change the result by rounding only.

    Args:
        runner: its card says which frames make a clip, and what happens to them.
        videos: an index, or any videos, which are decoded in this process one by one, as far as
            results are asked for.
        forward: clips to one row for each: ``runner.probabilities`` or ``runner.features``.
        views: clips and crops of each video, see :class:`motionlens.clips.views.Views`; by default
            one clip in the middle, its centre.
        swap: int64 ``(D,)``, which entry of a mirrored view's row stands for which of the plain
            one's; None to take mirrored rows as they are.
        batch_size: views per batch, at least 1.
        num_workers: processes that decode an index; see :func:`resolve_num_workers`. None starts
            none for fewer than 16 videos.
        skip_broken: yield the error of a broken video, instead of raising it.
        folder_fps: frames per second of frame folders and arrays; an index has its own.

    Yields:
        Name of each video and its row, float32 ``(D,)`` on the CPU, the mean over its views; or
        why it cannot be decoded.

    Raises:
        ValueError: If ``batch_size`` is below 1 or ``num_workers`` below 0; a
            :class:`~motionlens.video.frames.VideoError` if a video cannot be decoded and is not
            to be skipped.
        RuntimeError: If a video has more or fewer views than planned, or is missed or met twice.
    """
    check_at_least(1, batch_size=batch_size)
    plan = ViewPlan(runner.card.sampling, runner.card.preprocessing, Views.parse(views))
    decoded: Iterable[DecodedVideo]
    if isinstance(videos, VideoIndex):
        if num_workers is None and len(videos) < _WORTH_WORKERS:
            num_workers = 0
        decoded = load_videos(ViewDataset(videos, plan), resolve_num_workers(num_workers))
    else:
        decoded = (
            plan.decode(i, video_name(video), partial(_open, video, folder_fps))
            for i, video in enumerate(videos)
        )
    num_done = 0
    waiting: deque[DecodedVideo] = deque()
    rows: list[Tensor] = []
    batches = _batches(_views(decoded, plan, waiting, skip_broken), batch_size)
    for batch in batches:
        if batch:
            rows += _rows(batch, forward(runner.clips([view.frames for view in batch])), swap)
        while waiting and len(rows) >= (num_views := _num_views(waiting[0], plan)):
            video = waiting.popleft()
            own, rows = rows[:num_views], rows[num_views:]
            num_done += 1
            yield video.name, torch.stack(own).mean(dim=0) if own else VideoError(video.error)
    if isinstance(videos, VideoIndex) and num_done != len(videos):
        raise RuntimeError(
            f"every video must be met exactly once, {num_done} of {len(videos)} were"
        )


def run_shared(
    runner: Runner,
    videos: VideoIndex | Iterable[Video],
    forward: Callable[[Tensor], Tensor],
    *,
    on_progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Iterator[Result]:
    """:func:`run_videos` with the videos shared by the processes that torchrun started.

    Every process gets all results, in the order of the index, and must read to the end.

    Args:
        runner: as for :func:`run_videos`, like the rest.
        videos: an index of all videos, the same in every process.
        forward: what is wanted of clips.
        on_progress: called in the main process before the first and after every video with the
            number of videos done and of all videos.
        **options: keyword arguments of :func:`run_videos`.

    Raises:
        ValueError: If the videos are not an index; see also :func:`run_videos`.
    """
    if not isinstance(videos, VideoIndex):
        raise ValueError("videos must be a list of paths to be shared among processes")
    with process_group(runner.device):
        own = videos.subset(list(own_share(len(videos))))
        results = in_turn(run_videos(runner, own, forward, **options), len(videos))
        say = on_progress if is_main() else None
        if say:
            say(0, len(videos))
        for done, result in enumerate(results, 1):
            if say:
                say(done, len(videos))
            yield result


def in_turn(results: Iterable[R], total: int) -> Iterator[R]:
    """The results of all processes, each for its :func:`own_share`, in the order of the items.

    Memory stays bounded: results of a few items are exchanged at a time. Every process gets all
    of them, and must read to the end.

    Args:
        results: of this process, one per item.
        total: number of items of all processes.
    """
    own = iter(results)
    if world_size() == 1:
        yield from own
        return
    for _ in range(0, -(-total // world_size()), _EXCHANGED):
        found = gather_objects(list(islice(own, _EXCHANGED)))
        for turn in range(len(found[0])):
            yield from (part[turn] for part in found if turn < len(part))


def _open(video: Video, folder_fps: float) -> VideoReader:
    reader = open_video(video, fps=folder_fps)
    reader.warn_of_stillness()
    return reader


def _num_views(video: DecodedVideo, plan: ViewPlan) -> int:
    return 0 if video.error else plan.views.num_views


def _views(
    decoded: Iterable[DecodedVideo], plan: ViewPlan, waiting: deque[DecodedVideo], skip_broken: bool
) -> Iterator[View]:
    """The views of all videos, which join those that wait for their rows."""
    for position, video in enumerate(decoded):
        if video.error and not skip_broken:
            raise VideoError(video.error)
        if video.position != position:
            raise RuntimeError(
                f"every video must be met exactly once, in order: number {position} was to come, "
                f"{video.position} came"
            )
        waiting.append(video)
        num_views = 0
        for view in plan.cut(video):
            yield view
            num_views += 1
        if num_views != _num_views(video, plan):
            raise RuntimeError(
                f"video {position} must have {_num_views(video, plan)} views, got {num_views}"
            )


def _batches(views: Iterable[View], batch_size: int) -> Iterator[list[View]]:
    """Batches of views of one shape, each as soon as it is full; the last one is empty."""
    for _, alike in groupby(views, key=lambda view: view.frames.shape):
        while batch := list(islice(alike, batch_size)):
            yield batch
    yield []


def _rows(batch: Sequence[View], rows: Tensor, swap: Tensor | None) -> Iterator[Tensor]:
    """The row of each view, as if none were mirrored."""
    if len(rows) != len(batch):
        raise RuntimeError(f"{len(batch)} views must give as many rows, got {len(rows)}")
    for view, row in zip(batch, rows, strict=True):
        yield row[swap] if view.is_mirrored and swap is not None else row
