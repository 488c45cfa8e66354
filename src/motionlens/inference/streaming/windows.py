"""Overlapping windows of a source, each with what a network makes of it, in constant memory."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling, sample_indices
from motionlens.inference.card import ModelCard
from motionlens.inference.streaming.feed import FrameBatch, FrameFeed
from motionlens.models.frame_stream import FrameStream, shares_frames
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError, VideoWarning
from motionlens.video.source import Source, is_endless, open_source, source_name


@dataclass(frozen=True, eq=False, kw_only=True)
class Window:
    """What a network makes of one clip of a stream.

    Attributes:
        start_s: time of the clip's first frame, seconds since the source's first.
        end_s: of its last frame.
        logits: float32 ``(num_classes,)``, on the CPU.
        probabilities: likewise, what the card says that they mean.
        after_gap: it is the first window, or the first after frames were dropped.
    """

    start_s: float
    end_s: float
    logits: Tensor
    probabilities: Tensor
    after_gap: bool = False


class WindowStream:
    """The windows of a source, one after another; iterate over it once.

    A window is a clip as a recognizer takes it from a video: ``num_frames`` frames,
    ``frame_stride`` frames of the source apart; in the mode ``segments``, the middle ones of as
    many parts of ``frame_stride`` frames. The next window begins ``hop`` of these frames later.
    Windows that share frames share what the network makes of frames alone, where it can.

    A source that is shorter than a window makes one window, which repeats it from its start.

    Args:
        model: in inference mode, on ``device``.
        card: its card.
        source: see :func:`motionlens.video.source.open_source`.
        device: where the model is.
        hop: frames of a clip from one window to the next; a quarter of ``num_frames`` if None.
        window_s: seconds that a window spans, by which the stride is chosen anew for the source's
            frames per second; None for the card's stride.
        start_s: frames from this time on.
        end_s: frames before this time.
        batch_size: windows at once, of a source that waits.
        real_time: treat a file as if it were live: no faster than its own clock, dropping frames
            for which the network is too slow.

    Raises:
        ValueError: If an argument is out of range, or a card of the mode ``segments`` comes
            without ``window_s``.
    """

    def __init__(
        self,
        model: nn.Module,
        card: ModelCard,
        source: Source,
        *,
        device: torch.device | str = "cpu",
        hop: int | None = None,
        window_s: float | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        batch_size: int = 8,
        real_time: bool = False,
    ) -> None:
        T = card.sampling.num_frames
        hop = max(1, T // 4) if hop is None else hop
        for name, value in (("hop", hop), ("batch_size", batch_size)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        if window_s is not None and not 0 < window_s < float("inf"):
            raise ValueError(f"window_s must be seconds above 0, got {window_s}")
        if window_s is None and card.sampling.mode == "segments":
            raise ValueError(
                "window_s must be given, for the recognizer takes its frames from whole videos of "
                "any length; say how many seconds those that it was trained on took"
            )
        self._model, self._card = model, card
        self._device = torch.device(device)
        self._source, self._real_time = source, real_time
        self._start_s, self._end_s = start_s, end_s
        self._window_s, self._limit = window_s, batch_size * hop
        self._preprocessing = card.preprocessing
        self._sampling = card.sampling
        if shares_frames(model):
            self._runner: _Runner = _SharedFrames(model, T, hop, self._preprocessing, self._device)
        else:
            self._runner = _WholeClips(model, T, hop, self._preprocessing, self._device, batch_size)
        self._feed = FrameFeed(
            lambda: open_source(source, start_s=start_s, end_s=end_s),
            self._choose_sampling,
            self._preprocessing,
            # A run of frames between gaps is long enough for a window at least.
            capacity=max(T, self._limit) + hop,
            real_time=real_time,
        )
        self._times = _WindowTimes(T, hop)
        self.num_windows = 0

    @property
    def name(self) -> str:
        """What messages call the source."""
        return self._feed.name or source_name(self._source)

    @property
    def frames_seen(self) -> int:
        """Frames of which clips were to be made, so far."""
        return self._feed.seen

    @property
    def frames_dropped(self) -> int:
        """How many of them were dropped, since the network was too slow for a live source."""
        return self._feed.dropped

    @property
    def end_s(self) -> float:
        """Time of the last frame that was read, seconds."""
        return self._feed.end_s

    @property
    def notes(self) -> list[str]:
        """What is to be told of the source, such as that it broke off; complete at the end."""
        return self._feed.notes

    def stop(self) -> None:
        """End the stream soon, from any thread or from a signal's handler."""
        self._feed.stop()

    def __iter__(self) -> Iterator[Window]:
        """The windows.

        Raises:
            VideoError: If the source cannot be opened or read.

        Warns:
            VideoWarning: If a file is damaged, or a source broke off.
        """
        if self._real_time or is_endless(self._source):
            self._warm_up()  # the first clip takes longest, and live frames do not wait
        for batch in self._feed.batches(self._limit):
            yield from self._windows(batch)
        if self._feed.was_stopped:
            return
        if not self.num_windows:
            if not self._feed.can_be_read_again:
                raise VideoError(
                    f"{self.name}: ended before a window was full; one takes "
                    f"{self._sampling.num_frames} frames, {self._feed.stride} frames apart"
                )
            yield self._whole_source()
        for note in self.notes:
            warnings.warn(note, VideoWarning, stacklevel=2)

    def _warm_up(self) -> None:
        size = self._preprocessing.size
        groups = (self._sampling.num_frames, self._sampling.lead + 1)
        self._runner.push(torch.zeros(*groups, 3, size, size, dtype=torch.uint8))
        self._runner.reset()

    def _windows(self, batch: FrameBatch) -> Iterator[Window]:
        if batch.after_gap:
            self._runner.reset()
            self._times.reset()
        is_first = self._times.is_new
        logits = self._runner.push(batch.frames).float().cpu()
        spans = self._times.push(batch.times_s)
        if len(spans) != len(logits):
            raise RuntimeError(f"{len(spans)} windows must give as many rows, got {len(logits)}")
        for row, (start_s, end_s) in zip(logits, spans, strict=True):
            yield self._window(row, start_s, end_s, after_gap=is_first)
            is_first = False

    def _window(self, logits: Tensor, start_s: float, end_s: float, *, after_gap: bool) -> Window:
        self.num_windows += 1
        return Window(
            start_s=start_s,
            end_s=end_s,
            logits=logits,
            probabilities=self._card.probabilities(logits),
            after_gap=after_gap,
        )

    def _choose_sampling(self, fps: float) -> Sampling:
        if self._window_s is None:
            return self._sampling
        stride = max(1, round(self._window_s * fps / self._sampling.num_frames))
        return replace(self._sampling, frame_stride=stride)

    def _whole_source(self) -> Window:
        """The clip that a recognizer takes from a video that is too short for one."""
        assert not isinstance(self._source, int)  # that has no end
        with open_video(self._source, start_s=self._start_s, end_s=self._end_s) as reader:
            reader.warn_of_stillness()
            sampling = self._choose_sampling(reader.fps)
            frames = reader.read(sample_indices(reader.num_frames, sampling))
            start_s, end_s = float(reader.times_s[0]), float(reader.times_s[-1])
        clip = self._preprocessing(frames.data)[None].to(self._device)
        with torch.inference_mode():
            logits = self._model(clip)[0].float().cpu()
        return self._window(logits, start_s, end_s, after_gap=True)


class _WindowTimes:
    """From when to when the windows last, by the times of the frames."""

    def __init__(self, num_frames: int, hop: int) -> None:
        self._num_frames, self._hop = num_frames, hop
        self.reset()

    def reset(self) -> None:
        self.is_new = True
        self._times: deque[float] = deque()
        self._skip = 0

    def push(self, times_s: tuple[float, ...]) -> list[tuple[float, float]]:
        spans = []
        for time_s in times_s:
            if self._skip:
                self._skip -= 1
                continue
            self._times.append(time_s)
            if len(self._times) == self._num_frames:
                spans.append((self._times[0], time_s))
                for _ in range(min(self._hop, self._num_frames)):
                    self._times.popleft()
                self._skip = max(0, self._hop - self._num_frames)
        self.is_new = self.is_new and not spans
        return spans


class _Runner(Protocol):
    """Runs a network on windows of frames, uint8 ``(n, lead + 1, 3, h, w)`` at a time."""

    def push(self, frames: Tensor) -> Tensor: ...
    def reset(self) -> None: ...


class _SharedFrames:
    """What frames give by themselves is computed once."""

    def __init__(
        self,
        model: nn.Module,
        num_frames: int,
        hop: int,
        preprocessing: Preprocessing,
        device: torch.device,
    ) -> None:
        self._stream = FrameStream(model, num_frames, hop=hop)
        self._preprocessing, self._device = preprocessing, device

    def push(self, frames: Tensor) -> Tensor:
        colours = self._preprocessing.normalize(frames[:, 0].to(self._device))
        return self._stream.push(colours.transpose(0, 1))

    def reset(self) -> None:
        self._stream.reset()


class _WholeClips:
    """Every window is a clip of its own, for networks of any kind."""

    def __init__(
        self,
        model: nn.Module,
        num_frames: int,
        hop: int,
        preprocessing: Preprocessing,
        device: torch.device,
        batch_size: int,
    ) -> None:
        self._model, self._num_frames, self._hop = model, num_frames, hop
        self._preprocessing, self._device = preprocessing, device
        self._batch_size = batch_size
        self.reset()

    def reset(self) -> None:
        self._kept: list[Tensor] = []
        self._skip = 0

    def push(self, frames: Tensor) -> Tensor:
        clips, rows = [], []
        for frame in frames:
            if self._skip:
                self._skip -= 1
                continue
            self._kept.append(frame)
            if len(self._kept) < self._num_frames:
                continue
            clips.append(torch.cat(self._kept))
            self._kept = self._kept[self._hop :]
            self._skip = max(0, self._hop - self._num_frames)
            if len(clips) == self._batch_size:
                rows.append(self._run(clips))
                clips = []
        if clips:
            rows.append(self._run(clips))
        return torch.cat(rows) if rows else torch.empty(0)

    def _run(self, clips: list[Tensor]) -> Tensor:
        prepared = [self._preprocessing.normalize(clip.to(self._device)) for clip in clips]
        with torch.inference_mode():
            logits: Tensor = self._model(torch.stack(prepared))
        return logits
