"""Index, sampling and transform -> clips, and batches of them; the same ones for the same seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from motionlens._utils.checks import check_at_least
from motionlens._utils.one_line_warnings import join_one_line_warnings
from motionlens.clips.augmentation import ClipTransform
from motionlens.clips.epoch_order import (
    Padding,
    Repeated,
    balanced_order,
    padded_share,
    shuffled_order,
)
from motionlens.clips.frame_cache import FrameCache
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling, sample_indices
from motionlens.clips.timeline import Timed
from motionlens.clips.video_index import VideoIndex

# Keeps the numbers drawn for the order of clips apart from those drawn for the clips themselves.
_ORDER_STREAM, _CLIP_STREAM = 0, 1


class ClipItem(TypedDict):
    """One clip of a data set; batched, each value has a leading dimension B.

    Attributes:
        clip: float32 ``(3, T, h, w)``.
        label: after the symmetries that the clip has undergone; of a set whose videos may show
            several classes, targets float32 ``(K,)``.
        index: position in the data set.
        weight: 1; or 0 for a clip that only fills up a process's share and is not to count.
    """

    clip: Tensor
    label: int | Tensor
    index: int
    weight: float


class ClipDataset(Dataset[ClipItem]):
    """One clip from every video of an index.

    A training clip depends on ``(seed, epoch, index)`` and nothing else: not on workers, order or
    global random states. An evaluation clip is the middle of its video and never changes.

    Args:
        index: videos and labels.
        sampling: which frames make a clip.
        transform: what becomes of the frames. With a :class:`ClipTransform` clips are for training:
            their place in the video is drawn too. With a :class:`Preprocessing` they are for
            evaluation: the middle.
        seed: of all that is drawn, at least 0.
        cache: decode every video once, at the first use, and keep its frames in memory as uint8:
            for training all frames, shrunk as far as the smallest crop allows, which takes T * H
            * W * 3 bytes a video (24 frames of 176x100 pixels: 1.3 MB); for evaluation only the
            clip's frames, resized. Evaluation clips are the same with and without; in training
            the crop then takes its pixels from frames resized before, so that those clips are a
            little smoother.
        time_jitter: of training clips in seconds, see :func:`.sampling.sample_indices`.
        min_length: likewise.

    Raises:
        ValueError: If the transform is not for this index.
    """

    def __init__(
        self,
        index: VideoIndex,
        sampling: Sampling,
        transform: Preprocessing | ClipTransform,
        *,
        seed: int = 0,
        cache: bool = False,
        time_jitter: float = 0.0,
        min_length: float = 1.0,
    ) -> None:
        if isinstance(transform, ClipTransform) and (
            tuple(transform.class_names) != index.class_names
        ):
            raise ValueError(
                f"transform must have the index's class names {index.class_names}, got "
                f"{tuple(transform.class_names)}; build it with those"
            )
        check_at_least(0, seed=seed)
        self.index = index
        self.sampling = sampling
        self.transform = transform
        self.seed = seed
        self._use_cache = cache
        self._choose = partial(
            sample_indices, sampling=sampling, time_jitter=time_jitter, min_length=min_length
        )
        # In shared memory, because workers that outlive an epoch keep their copy of the data set.
        self._epoch = torch.zeros(1, dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, i: int) -> ClipItem:
        if not 0 <= i < len(self):
            raise IndexError(f"index must lie in 0..{len(self) - 1}, got {i}")
        targets = self.index.targets
        label: Any = int(self.index.labels[i]) if targets is None else targets[i]
        if isinstance(self.transform, ClipTransform):
            again = [i.time] if isinstance(i, Repeated) else []
            rng = np.random.default_rng([self.seed, self.epoch, _CLIP_STREAM, int(i), *again])
            clip, label = self.transform(self._frames(i, rng), label, rng)
        else:
            clip = self.transform(self._frames(i, None))
        if targets is not None:
            label = torch.from_numpy(label.astype(np.float32))
        weight = 0.0 if isinstance(i, Padding) else 1.0
        return {"clip": clip, "label": label, "index": int(i), "weight": weight}

    @property
    def epoch(self) -> int:
        """The epoch whose clips are drawn."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Draw other clips from now on, in workers that are running too.

        Call it between epochs: a loader that is being read has clips under way.

        Args:
            epoch: at least 0.
        """
        check_at_least(0, epoch=epoch)
        self._epoch.fill_(epoch)

    @cached_property
    def frame_cache(self) -> FrameCache | None:
        """The frames of all videos, decoded at the first use; None if no cache is wanted.

        Raises:
            VideoError: If a video cannot be decoded.
        """
        if not self._use_cache:
            return None
        if isinstance(self.transform, ClipTransform):
            return FrameCache(self.index, _every_frame, self.transform.shrink)
        return FrameCache(self.index, self._choose, self.transform.resize)

    def _frames(self, i: int, rng: np.random.Generator | None) -> Tensor:
        if self.frame_cache is None:
            with self.index.open(i) as reader:
                return reader.read(self._choose(reader, rng=rng)).data
        kept = self.frame_cache.frames(i)
        if rng is None:
            return kept
        times = self.frame_cache.times(i)
        return kept[torch.from_numpy(self._choose(times, rng=rng))]


def _every_frame(video: Timed) -> NDArray[np.int64]:
    return np.arange(len(video.times_s))


@dataclass(eq=False)
class EpochSampler(Sampler[int]):
    """An order of clips that depends on the seed and the data set's epoch alone.

    Several processes see one order, clip by clip in turn, each clip once; the last round is
    filled up with :class:`Padding`, so that all of them take as many steps.

    Attributes:
        dataset: whose clips are ordered, and which knows the epoch.
        seed: at least 0.
        rank: number of this process among all.
        world_size: number of processes.
        balanced: as many clips of each class, instead of each clip once.
        skipped: so many of this process's first clips are left out: where an epoch is resumed.
            Its length stays that of a whole epoch.

    Raises:
        ValueError: If classes are to be balanced and a video has no label or several.
    """

    dataset: ClipDataset
    seed: int
    rank: int = 0
    world_size: int = 1
    balanced: bool = False
    skipped: int = 0

    def __post_init__(self) -> None:
        index = self.dataset.index
        if self.balanced and (index.targets is not None or not index.is_labelled):
            raise ValueError(
                "classes can only be balanced where every video has one label; "
                "set loader.balanced to false"
            )

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.world_size)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.seed, self.dataset.epoch, _ORDER_STREAM])
        labels = self.dataset.index.labels
        order = balanced_order(labels, rng) if self.balanced else shuffled_order(len(labels), rng)
        return iter(padded_share(order, self.rank, self.world_size)[self.skipped :])


def build_loader(
    dataset: ClipDataset,
    batch_size: int,
    shuffle: bool,
    num_workers: int,
    seed: int,
    drop_last: bool = False,
    *,
    rank: int = 0,
    world_size: int = 1,
    balanced: bool = False,
) -> DataLoader[Any]:
    """Load a data set in batches, with the same values for any ``num_workers``.

    Args:
        dataset: its cache, if it has one, is filled before workers start, so that they share it.
        batch_size: clips a batch, at least 1.
        shuffle: a new order each epoch, drawn from ``seed`` and the data set's epoch; else the
            order of the index.
        num_workers: processes that decode, kept from epoch to epoch; 0 decodes in this one.
        seed: of the order, at least 0.
        drop_last: leave out a last batch that is not full.
        rank: number of this process among those that share the clips.
        world_size: number of those processes. With ``shuffle`` all of them get equally many
            clips, see :class:`EpochSampler`; without, some may get one fewer than others, or
            where that is none a :class:`Padding`.
        balanced: with ``shuffle``, as many clips of each class.

    Returns:
        Batches of :class:`ClipItem`: ``clip`` float32 ``(B, 3, T, h, w)``, ``label`` and
        ``index`` int64 ``(B,)``, ``weight`` float64 ``(B,)``.

    Raises:
        ValueError: If a number is out of its range.
        VideoError: If the cache is to be filled and a video cannot be decoded.
    """
    check_at_least(1, batch_size=batch_size)
    check_at_least(0, num_workers=num_workers, seed=seed)
    if num_workers:
        _ = dataset.frame_cache  # filled before the workers start
    sampler: Sampler[int] | Sequence[int] | None = None
    if shuffle:
        sampler = EpochSampler(dataset, seed, rank=rank, world_size=world_size, balanced=balanced)
    elif world_size > 1:
        # A process without a clip would leave the others waiting.
        sampler = range(rank, len(dataset), world_size) or [Padding(0)]
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        drop_last=drop_last,
        persistent_workers=num_workers > 0,
        worker_init_fn=join_one_line_warnings,
        pin_memory=torch.cuda.is_available(),
        # Workers are seeded from it; without one the loader would draw from torch's global state.
        generator=torch.Generator().manual_seed(seed),
    )
