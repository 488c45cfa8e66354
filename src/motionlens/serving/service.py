"""From an upload to an answer: a few threads decode, one thread runs the network."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens.explain.explanation import Explanation
from motionlens.inference.explaining import check_explains, explain_frames
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.runner import read_clip
from motionlens.report.prediction import Prediction, best_labels
from motionlens.serving.config import ServingConfig
from motionlens.serving.metrics import Metrics
from motionlens.serving.network_thread import NetworkThread
from motionlens.serving.pictures import data_urls, read_pictures, too_many_pixels
from motionlens.serving.uploads import stored
from motionlens.video.file import open_video
from motionlens.video.frames import Frames, VideoError

R = TypeVar("R")


class Service:
    """A recognizer for many clients at the same time.

    Its answers are those of :meth:`motionlens.Recognizer.predict` and
    :meth:`~motionlens.Recognizer.explain`.

    Args:
        recognizer: its model is used in one thread only.
        config: limits.
        metrics: its batch and queue metrics are kept up to date.
    """

    def __init__(self, recognizer: Recognizer, config: ServingConfig, metrics: Metrics) -> None:
        self.recognizer, self.config, self._metrics = recognizer, config, metrics
        self._sampling = recognizer.card.sampling
        self._folder = tempfile.TemporaryDirectory(prefix="motionlens-serve-")
        self._decoders = ThreadPoolExecutor(config.decode_threads, "motionlens-decode")
        self._network = NetworkThread(
            self._run,
            max_batch=config.max_batch,
            max_wait_s=config.max_wait_ms / 1000,
            on_batch=self._count_batch,
        )
        # The first run of a network takes much longer than the next ones.
        self._network.call(self._warm_up).result()
        metrics.queue_length.set_function(lambda: self._network.num_waiting)

    @property
    def folder(self) -> Path:
        """The folder of uploads that are being read."""
        return Path(self._folder.name)

    @property
    def explains(self) -> bool:
        """Whether the network has modules to explain."""
        try:
            check_explains(self.recognizer.runner)
        except ValueError:
            return False
        return True

    @property
    def frames_of_clip(self) -> int:
        """Number of pictures of a clip, including those that optical flow needs."""
        return self._sampling.num_frames * (self._sampling.lead + 1)

    def close(self) -> None:
        """Finish what has started, and remove the temporary folder."""
        self._decoders.shutdown(wait=True, cancel_futures=True)
        self._network.close()
        self._folder.cleanup()

    async def predict(self, file: IO[bytes], name: str, top: int) -> Prediction:
        """Recognize an uploaded video.

        Args:
            file: the upload.
            name: its name in the answer.
            top: number of labels, at least 1.

        Raises:
            VideoError: If it cannot be read as a video.
        """

        def decode() -> Tensor:
            return self._crop(self._read(file, name)[1].data)

        return await self._recognize(await self.in_thread(decode), name, top)

    async def predict_pictures(self, files: Sequence[IO[bytes]], top: int) -> Prediction:
        """Recognize the frames of one clip.

        Args:
            files: :attr:`frames_of_clip` JPEG or PNG pictures, in temporal order.
            top: number of labels, at least 1.

        Raises:
            VideoError: If there are more or fewer, or they are not pictures of one size.
        """
        if len(files) != self.frames_of_clip:
            raise VideoError(
                f"pictures must be {self.frames_of_clip}, the frames of one clip, got {len(files)}"
            )

        def decode() -> Tensor:
            return self._crop(read_pictures(files, self._max_pixels))

        return await self._recognize(await self.in_thread(decode), "pictures", top)

    async def explain(self, file: IO[bytes], name: str, k: int | None) -> Explanation:
        """Explain what the network matched in an uploaded video.

        Args:
            file: the upload.
            name: its name in the answer.
            k: proposals per position; None for the model's own.

        Raises:
            VideoError: If it cannot be read as a video.
            ValueError: If the network has no CP modules, or k is out of range.
        """
        check_explains(self.recognizer.runner)
        numbers, frames = await self.in_thread(lambda: self._read(file, name))
        return await asyncio.wrap_future(
            self._network.call(
                lambda: explain_frames(self.recognizer.runner, frames, numbers, path=name, k=k)
            )
        )

    async def pictures(self, frames: NDArray[np.uint8]) -> list[str]:
        """Frames ``(T, H, W, 3)`` as ``data:`` URLs."""
        return await self.in_thread(lambda: data_urls(frames, self.config.picture_px))

    async def _recognize(self, frames: Tensor, name: str, top: int) -> Prediction:
        row = await asyncio.wrap_future(self._network.submit(frames))
        return best_labels(self.recognizer.class_names, name, row, top)

    async def in_thread(self, function: Callable[[], R]) -> R:
        """Call a function in one of the decoding threads."""
        return await asyncio.get_running_loop().run_in_executor(self._decoders, function)

    @property
    def _max_pixels(self) -> float:
        return self.config.max_megapixels * 1e6

    def _read(self, file: IO[bytes], name: str) -> tuple[NDArray[np.int64], Frames]:
        """The frames of an upload's clip, and their numbers in the video."""
        with stored(file, name, self.folder) as path, open_video(path) as reader:
            if reader.height * reader.width > self._max_pixels:
                size = reader.height, reader.width
                raise VideoError(too_many_pixels(name, *size, self._max_pixels))
            return read_clip(reader, self._sampling)

    def _count_batch(self, size: int, seconds: float) -> None:
        self._metrics.batch_size.observe(size)
        self._metrics.network_seconds.observe(seconds)

    def _crop(self, frames: Tensor) -> Tensor:
        return self.recognizer.card.preprocessing.crop(frames)

    def _warm_up(self) -> None:
        size = self.recognizer.card.preprocessing.size
        self._run(torch.zeros(1, self.frames_of_clip, 3, size, size, dtype=torch.uint8))

    def _run(self, frames: Tensor) -> Tensor:
        """Probabilities ``(B, num_classes)`` of the frames of clips, uint8 ``(B, n, 3, h, w)``."""
        runner = self.recognizer.runner
        return runner.probabilities(runner.clips(list(frames)))
