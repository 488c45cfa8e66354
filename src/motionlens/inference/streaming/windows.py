"""Overlapping windows of a source, each with its logits, in constant memory."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from motionlens._utils.checks import check_at_least, check_number
from motionlens.inference.runner import Runner, read_clip
from motionlens.inference.streaming.feed import FrameBatch, FrameFeed
from motionlens.models.frame_stream import FrameStream, shares_frames
from motionlens.report.event import Window
from motionlens.video.file import open_video
from motionlens.video.frames import FOLDER_FPS, VideoError, VideoWarning
from motionlens.video.source import Source, is_endless, open_source, source_name

# A clip frame, uint8 (lead + 1, 3, h, w) with those that optical flow needs before it; its time.
TimedFrame = tuple[Tensor, float]


class WindowStream:
    """The windows of a source, one after another; iterate over it once.

    A window is a clip as the recognizer takes it from a video: ``num_frames`` frames, as far apart
    in time, or in frames of the source, as its card says; of a recognizer whose clips are as long
    as their videos, the middle frames of ``num_frames`` parts of ``window_s`` seconds. No window
    goes across a gap in the time stamps. The next window begins ``hop`` clip frames later. Where
    the network allows it, what it computes for single frames is shared by the windows that contain
    them.

    A source that is shorter than a window gives one window, which repeats it from its start.

    Args:
        runner: the network, with its card and device.
        source: see :func:`motionlens.video.source.open_source`.
        hop: clip frames from one window to the next; by default a quarter of a clip.
        window_s: length of a window, seconds; by default that of the recognizer's clips.
        start_s: skip the frames before this time, seconds.
        end_s: skip the frames from this time on, seconds.
        batch_size: windows per batch, for a source that waits.
        real_time: play a file at its own speed and drop frames that come too fast, as a live
            source.
        folder_fps: frames per second of folders of pictures and of arrays, which have none of their
            own; files do.

    Attributes:
        name: name of the source in messages.
        hop: clip frames from one window to the next.
        num_windows: windows so far.
        start_s: skip the frames before this time, seconds.
        feed: reads the source; tells the clip frames ``seen`` and ``dropped`` so far, and
            ``end_s``, the time of the last frame that was read.

    Raises:
        ValueError: If an argument is out of range, or the recognizer's clips are as long as their
            videos and ``window_s`` is None.
    """

    def __init__(
        self,
        runner: Runner,
        source: Source,
        *,
        hop: int | None = None,
        window_s: float | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        batch_size: int = 8,
        real_time: bool = False,
        folder_fps: float = FOLDER_FPS,
    ) -> None:
        own, self._preprocessing = runner.card.sampling, runner.card.preprocessing
        T = own.num_frames
        hop = max(1, T // 4) if hop is None else hop
        check_at_least(1, hop=hop, batch_size=batch_size)
        if window_s is not None:
            check_number("window_s", window_s, above=0, below=float("inf"))
        if window_s is None and own.spans_video:
            raise ValueError(
                "window_s must be given, because the recognizer takes its frames from whole videos "
                "of any length; give the usual length of its training videos in seconds"
            )
        self.name = source_name(source)
        self.num_windows = 0
        self._runner, self._source, self._real_time = runner, source, real_time
        self.start_s, self._end_s, self._folder_fps = start_s, end_s, folder_fps
        self._sampling = self._short_sampling = own
        if window_s is not None:
            self._sampling = replace(own, seconds=window_s)
            # A source shorter than a window is all of a clip if clips are as long as videos.
            self._short_sampling = own if own.spans_video else self._sampling
        self.hop, self._batch_frames = hop, batch_size * hop
        self._frame_stream = (
            FrameStream(runner.network, T, hop=hop) if shares_frames(runner.network) else None
        )
        self.feed = FrameFeed(
            lambda: open_source(source, start_s=start_s, end_s=end_s, fps=folder_fps),
            self._sampling,
            self._preprocessing,
            # After a gap there must be room for at least one window.
            capacity=max(T, self._batch_frames) + hop,
            real_time=real_time,
        )
        self._reset()

    def stop(self) -> None:
        """End the stream soon. May be called from any thread and from a signal handler."""
        self.feed.stop()

    def __iter__(self) -> Iterator[Window]:
        """The windows.

        Raises:
            VideoError: If the source cannot be opened or read.

        Warns:
            VideoWarning: If a file is damaged, or a source broke off.
        """
        if self._real_time or is_endless(self._source):
            self._warm_up()  # the first clip takes longest, and live frames do not wait
        for batch in self.feed.batches(self._batch_frames):
            yield from self._windows_of(batch)
        if self.feed.was_stopped:
            return
        if not self.num_windows:
            yield self._whole_source()
        for note in self.feed.notes:
            warnings.warn(note, VideoWarning, stacklevel=2)

    def _warm_up(self) -> None:
        sampling, size = self._sampling, self._preprocessing.size
        shape = (sampling.num_frames, sampling.lead + 1, 3, size, size)
        frames = torch.zeros(shape, dtype=torch.uint8)
        self._logits(frames, [[(frame, 0.0) for frame in frames]])
        self._reset()

    def _reset(self) -> None:
        """Forget all frames: the next one does not follow them."""
        self._kept: list[TimedFrame] = []
        self._next_start = 0  # where the next window begins, counted from the first kept frame
        self._is_after_gap = True
        if self._frame_stream is not None:
            self._frame_stream.reset()

    def _windows_of(self, batch: FrameBatch) -> Iterator[Window]:
        """The windows that a batch of frames completes."""
        if batch.after_gap:
            self._reset()
        windows = self._completed(zip(batch.frames, batch.times_s, strict=True))
        logits = self._logits(batch.frames, windows)
        for row, window in zip(logits, windows, strict=True):
            yield self._window(row, window[0][1], window[-1][1])

    def _completed(self, frames: Iterable[TimedFrame]) -> list[list[TimedFrame]]:
        """The frames of the windows that new frames complete."""
        kept, start, T = [*self._kept, *frames], self._next_start, self._sampling.num_frames
        windows = [kept[i : i + T] for i in range(start, len(kept) - T + 1, self.hop)]
        start += len(windows) * self.hop
        self._kept = kept[start:]
        self._next_start = max(0, start - len(kept))
        return windows

    def _logits(self, frames: Tensor, windows: list[list[TimedFrame]]) -> Tensor:
        """Logits ``(len(windows), num_classes)`` of the windows that new frames complete."""
        if self._frame_stream is not None:
            clip = self._runner.clips([frames[:, 0]])[0]
            return self._frame_stream.push(clip.transpose(0, 1)).float().cpu()
        if not windows:
            return torch.empty(0)
        frames_of_clips = [torch.cat([frame for frame, _ in window]) for window in windows]
        return self._runner.logits(self._runner.clips(frames_of_clips))

    def _window(self, logits: Tensor, start_s: float, end_s: float) -> Window:
        after_gap, self._is_after_gap = self._is_after_gap, False
        self.num_windows += 1
        return Window(
            start_s=start_s,
            end_s=end_s,
            logits=logits,
            probabilities=self._runner.card.probabilities(logits),
            after_gap=after_gap,
        )

    def _whole_source(self) -> Window:
        """The clip of a source that is too short for a window, as prediction takes it."""
        if isinstance(self._source, int) or is_endless(self._source):
            raise VideoError(
                f"{self.name}: ended before a window was full; one takes {self._sampling}"
            )
        with open_video(
            self._source, start_s=self.start_s, end_s=self._end_s, fps=self._folder_fps
        ) as reader:
            _, frames = read_clip(reader, self._short_sampling)
            start_s, end_s = float(reader.times_s[0]), float(reader.times_s[-1])
        clips = self._runner.clips([self._preprocessing.crop(frames.data)])
        return self._window(self._runner.logits(clips)[0], start_s, end_s)
