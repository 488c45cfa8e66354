"""From an upload to an answer: a few processes decode, one thread runs the network."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from motionlens._utils.process_pool import ProcessPool
from motionlens._utils.worker_process import Lost
from motionlens.inference.explaining import explain_frames
from motionlens.inference.recognizer import Recognizer
from motionlens.models.capture import capture_proposals
from motionlens.report.prediction import Prediction
from motionlens.serving.config import ServingConfig
from motionlens.serving.decoding import Clip, Decoder, Upload
from motionlens.serving.explanation_json import explanation_json
from motionlens.serving.metrics import Metrics
from motionlens.serving.network_thread import NetworkThread
from motionlens.serving.turns import Turns
from motionlens.serving.upload_folder import upload_folder
from motionlens.serving.uploads import stored
from motionlens.video.frames import VideoError

# Frames up to this size are sent as PNG: JPEG would blur what little there is to see.
_SMALL_PX = 160
_QUALITY = 85


class Service:
    """A recognizer for many clients at the same time.

    Its answers are those of :meth:`motionlens.Recognizer.predict` and
    :meth:`~motionlens.Recognizer.explain`.

    Args:
        recognizer: its model is used in one thread only.
        config: limits.
        metrics: its batch and queue metrics are kept up to date.

    Attributes:
        folder: the folder of uploads that are being read.
        num_pictures: pictures of a clip, including those that optical flow needs.
    """

    def __init__(self, recognizer: Recognizer, config: ServingConfig, metrics: Metrics) -> None:
        self.recognizer, self.config, self._metrics = recognizer, config, metrics
        sampling, preprocessing = recognizer.card.sampling, recognizer.card.preprocessing
        self.num_pictures = sampling.num_frames * (sampling.lead + 1)
        self._open = ExitStack()
        self.folder = self._open.enter_context(upload_folder())
        self._decoders = ProcessPool(
            Decoder(sampling, preprocessing, config.video_limits),
            num_workers=config.decode_threads,
            deadline_s=config.decode_seconds,
            memory_bytes=config.decode_megabytes * 1e6,
        )
        # One upload more than there are processes, so that none waits for the next.
        self._decoding = Turns(config.decode_threads + 1)
        # Explanations hold whole frames, and the network is to be free for others in between.
        self._explaining, self._writing = Turns(2), Turns(1)
        self._network = NetworkThread(
            self._run, max_batch=config.max_batch, max_wait_s=config.max_wait_ms / 1000
        )
        # The first run of a network takes much longer than the next ones.
        shape = (self.num_pictures, 3, preprocessing.size, preprocessing.size)
        self._black = torch.zeros(shape, dtype=torch.uint8)
        self._network.call(lambda: self._probabilities([self._black])).result()
        self._searched: list[torch.Size] | None = None  # (1, T, S, k) of each module
        metrics.queue_length.set_function(lambda: self._network.num_waiting)

    def close(self) -> None:
        """End the decoding, finish what the network has started, remove the temporary folder."""
        self._decoders.close()
        self._network.close()
        self._open.close()

    async def predict(
        self, file: IO[bytes], name: str, top: int, *, address: str = ""
    ) -> Prediction:
        """Recognize an uploaded video.

        Args:
            file: the upload.
            name: its name in the answer.
            top: number of labels, at least 1.
            address: whose upload it is; addresses take turns.

        Raises:
            VideoError: If it cannot be read as a video.
        """
        clip = await self._decode_video(file, name, address)
        return await self._recognize(clip, name, top)

    async def predict_pictures(
        self, files: Sequence[IO[bytes]], top: int, *, address: str = ""
    ) -> Prediction:
        """Recognize the frames of one clip.

        Args:
            files: :attr:`num_pictures` JPEG or PNG pictures, in temporal order.
            top: number of labels, at least 1.
            address: as for :meth:`predict`.

        Raises:
            VideoError: If there are more or fewer, or they are not pictures of one size.
        """
        if len(files) != self.num_pictures:
            raise VideoError(
                f"pictures must be {self.num_pictures}, the frames of one clip, got {len(files)}"
            )
        upload = Upload([file.read() for file in files])
        clip = await self._decode(upload, "pictures", address)
        return await self._recognize(clip, "pictures", top)

    async def explain(
        self,
        file: IO[bytes],
        name: str,
        *,
        k: int | None,
        top: int | None,
        pictures: bool,
        address: str = "",
    ) -> AsyncIterator[str]:
        """Explain what the network matched in an uploaded video.

        Args:
            file: the upload.
            name: its name in the answer.
            k: proposals per position; None for the model's own.
            top: positions per module; None for all.
            pictures: whether to add the frames as ``data:`` URLs.
            address: as for :meth:`predict`.

        Returns:
            JSON, in pieces that are made as they are taken.

        Raises:
            VideoError: If it cannot be read as a video.
            ValueError: If the network has no CP modules, or k is out of range.
        """
        if k is not None:
            await self._check_k(k)
        async with self._explaining.turn(address):
            clip = await self._decode_video(file, name, address, is_whole=True)
            found = await asyncio.wrap_future(
                self._network.call(
                    lambda: explain_frames(
                        self.recognizer, clip.frames, clip.numbers, path=name, k=k
                    )
                )
            )

            def shown() -> dict[str, Any]:
                urls = [_data_url(frame, self.config.picture_px) for frame in found.frames]
                return {**found.without_positions(), "pictures": urls if pictures else None}

            head = await asyncio.to_thread(shown)
        # A client may take its time to read, and frames are large.
        small = replace(found, frames=found.frames[:0].copy())
        return explanation_json(head, small, top, lambda: self._writing.turn(address))

    async def _check_k(self, k: int) -> None:
        """Refuse a k that would make the answer, and the work for it, large.

        Raises:
            ValueError: If it does.
        """
        if self._searched is None:
            self._searched = await asyncio.wrap_future(self._network.call(self._search_shapes))
        num_positions = sum(T * S for _, T, S, _ in self._searched)
        own = max((own for *_, own in self._searched), default=k)
        most = max(self.config.max_proposals // max(num_positions, 1), own)
        # What is beyond the positions that there are is refused by the network in its own words.
        if most < k <= min(((T - 1) * S for _, T, S, _ in self._searched), default=0):
            raise ValueError(
                f"k must be at most {most} here, got {k}: an explanation has at most "
                f"{self.config.max_proposals} proposals, of {num_positions} positions; take fewer, "
                "or start the server with a larger --max_proposals"
            )

    def _search_shapes(self) -> list[torch.Size]:
        with capture_proposals(self.recognizer.network) as seen:
            self._probabilities([self._black])
        return [proposals.indices.shape for proposals in seen.values()]

    async def _recognize(self, clip: Clip, name: str, top: int) -> Prediction:
        row = await asyncio.wrap_future(self._network.submit(clip.frames.data))
        return self.recognizer.card.labelling.best(name, row, top)

    async def _decode_video(
        self, file: IO[bytes], name: str, address: str, *, is_whole: bool = False
    ) -> Clip:
        async with stored(file, name, self.folder) as path:
            return await self._decode(Upload(path, is_whole), name, address)

    async def _decode(self, upload: Upload, name: str, address: str) -> Clip:
        """Decode an upload in a process, which is killed if that takes too long.

        Raises:
            VideoError: If it cannot be decoded.
        """
        async with self._decoding.turn(address):
            found = await self._decoders.run(upload)
        if not isinstance(found, Lost):
            return found
        if found.reason == "crashed":
            raise VideoError(f"{name}: its decoder crashed; it is damaged, try a player")
        raise VideoError(
            f"{name}: its decoder {found.reason}; send a shorter or smaller clip, or start the "
            "server with a larger --decode_seconds"
        )

    def _run(self, frames: Tensor) -> Tensor:
        """Probabilities ``(B, num_classes)`` of the frames of clips, uint8 ``(B, n, 3, h, w)``."""
        self._metrics.batch_size.observe(len(frames))
        with self._metrics.network_seconds.time():
            return self._probabilities(list(frames))

    def _probabilities(self, frames: Sequence[Tensor]) -> Tensor:
        return self.recognizer.probabilities(self.recognizer.clips(frames))


def _data_url(frame: NDArray[np.uint8], longest_px: int) -> str:
    """A frame, uint8 ``(H, W, 3)``, as a ``data:`` URL, scaled down to ``longest_px``."""
    picture = Image.fromarray(frame)
    picture.thumbnail((longest_px, longest_px), Image.Resampling.BOX)
    kind = "png" if max(frame.shape) <= _SMALL_PX else "jpeg"
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=_QUALITY)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
