"""The recognizer: a network with its label names and its preprocessing, used on any video."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor

from motionlens._utils.checks import check_at_least
from motionlens._utils.files import write_atomically
from motionlens.clips.video_index import VideoIndex
from motionlens.explain.explanation import Explanation
from motionlens.inference import hub
from motionlens.inference.checkpoint import load_checkpoint, save_checkpoint
from motionlens.inference.explaining import explain_frames
from motionlens.inference.runner import Runner, Video, read_clip, run_shared, run_videos, video_name
from motionlens.inference.streaming.events import EventDetector, EventRules
from motionlens.inference.streaming.windows import WindowStream
from motionlens.pretrained import NAME
from motionlens.report.event import Event
from motionlens.report.prediction import Prediction
from motionlens.video.file import open_video
from motionlens.video.find import expand_folders
from motionlens.video.frames import FOLDER_FPS, VideoError
from motionlens.video.source import Source

README_FILE = "README.md"
VideoList = list[Video] | list[str] | list[Path]
OnError = Callable[[str, VideoError], None]


class Recognizer(Runner):
    """A network with its label names and its preprocessing, used on any video.

    It is made as a :class:`motionlens.inference.runner.Runner` is, of a network and its card.

    Example:
        >>> recognizer = Recognizer.from_pretrained("runs/demo")  # doctest: +SKIP
        >>> recognizer.predict("wave.mp4").label  # doctest: +SKIP
        'waving'
    """

    def __repr__(self) -> str:
        classes = len(self.class_names)
        return f"Recognizer({self.card.model}, {classes} classes, device={self.device})"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Label names in the order of the model's logits."""
        return self.card.class_names

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike[str] = NAME,
        *,
        device: str = "auto",
        k: int | None = None,
        dtype: torch.dtype | None = None,
        seconds: float | None = None,
    ) -> Recognizer:
        """Load a recognizer, by default the one that comes with the package.

        Args:
            source: a run folder, another folder that :meth:`save_pretrained` wrote, an ``.onnx``
                file that `motionlens export` wrote, or the name of a model on the Hugging Face hub,
                ``"owner/name"`` or ``"hub:owner/name"``. ``"bundled"`` is the recognizer of
                directions that comes with the package, ``"bundled_paths"`` the one of paths,
                unless there is a folder of that name.
            device: where to run; auto takes an accelerator if there is one.
            k: proposals per position, instead of the model's own.
            dtype: number format of the weights, float32 by default; bfloat16 is faster on
                processors that have it, and rounds.
            seconds: length of a clip, instead of the recognizer's own.

        Raises:
            ValueError: If there is no such folder or hub model, its files cannot be used, or an
                option does not fit; see :class:`Recognizer`.
            ImportError: If onnxruntime is not installed, for an ``.onnx`` file.
        """
        model, card = load_checkpoint(source)
        if seconds is not None:
            card = replace(card, sampling=replace(card.sampling, seconds=seconds))
        return cls(model, card, device=device, k=k, dtype=dtype)

    def save_pretrained(self, folder: str | os.PathLike[str], *, title: str = "") -> None:
        """Write ``model.safetensors``, ``config.json`` (the card) and ``README.md``.

        Args:
            folder: made if absent; a README in it is left as it is.
            title: what the README calls the model; the folder's name if empty.

        Raises:
            OSError: If the folder cannot be written.
        """
        save_checkpoint(folder, self.model, self.card)
        readme = Path(folder, README_FILE)
        if not readme.exists():
            text = hub.hub_readme(self.card, title or readme.absolute().parent.name)
            write_atomically(readme, text.encode())

    def push_to_hub(self, name: str, **options: Any) -> str:
        """Put the recognizer on the Hugging Face hub, for ``from_pretrained(name)`` anywhere.

        Args:
            name: ``"owner/name"``; made if absent.
            **options: ``private``, ``token``, ``branch``, ``commit_message`` and others of
                ``huggingface_hub.ModelHubMixin.push_to_hub``.

        Returns:
            Address of the commit.

        Raises:
            ValueError: If the hub refuses, for lack of a token or another reason.
        """
        return hub.upload(name, lambda folder: self.save_pretrained(folder, title=name), **options)

    @overload
    def predict(
        self, videos: Video, *, top: int = ..., batch_size: int = ..., folder_fps: float = ...
    ) -> Prediction: ...
    @overload
    def predict(
        self,
        videos: VideoList,
        *,
        top: int = ...,
        batch_size: int = ...,
        num_workers: int | None = ...,
        folder_fps: float = ...,
        on_error: OnError | None = ...,
    ) -> list[Prediction]: ...
    def predict(
        self,
        videos: Video | VideoList,
        *,
        top: int = 5,
        batch_size: int = 8,
        num_workers: int | None = None,
        folder_fps: float = FOLDER_FPS,
        on_error: OnError | None = None,
    ) -> Prediction | list[Prediction]:
        """Recognize what videos show, from one clip in the middle of each.

        Args:
            videos: one video or a list: path of a file or of a folder of pictures, uint8 array
                ``(T, H, W, 3)``, or uint8 tensor ``(T, 3, H, W)`` or ``(T, H, W, 3)``, RGB. In a
                list of paths a folder stands for all videos in it.
            top: labels per video, at most all.
            batch_size: clips per batch.
            num_workers: processes that decode a list of paths; by default none for fewer than 16
                videos, else one per free CPU core.
            folder_fps: frames per second of folders of pictures and of arrays, which have none of
                their own; files do.
            on_error: called with path and error for each video of a list that cannot be decoded;
                the result then leaves it out.

        Returns:
            A prediction, or a list of them in the order of the videos.

        Raises:
            VideoError: For a video that cannot be decoded, without ``on_error``.
            ValueError: If ``top`` or ``batch_size`` is below 1, or ``num_workers`` below 0.
        """
        if not isinstance(videos, (list, tuple)):
            return next(self.predict_each(iter([videos]), top=top, folder_fps=folder_fps))
        return list(
            self.predict_each(
                videos,
                top=top,
                batch_size=batch_size,
                num_workers=num_workers,
                folder_fps=folder_fps,
                on_error=on_error,
            )
        )

    def predict_each(
        self,
        videos: Iterable[Video],
        *,
        top: int = 5,
        batch_size: int = 8,
        num_workers: int | None = None,
        folder_fps: float = FOLDER_FPS,
        on_error: OnError | None = None,
        shared: bool = False,
    ) -> Iterator[Prediction]:
        """The predictions of :meth:`predict` one by one, each as soon as its batch is done.

        Args:
            videos: as for :meth:`predict`. An iterator is read as far as predictions are asked for.
            top: as for :meth:`predict`, like the next four.
            batch_size: clips per batch.
            num_workers: processes that decode.
            folder_fps: frames per second of folders and arrays.
            on_error: called for each video that cannot be decoded.
            shared: share a list of paths among the processes that torchrun started. Each of them
                gets all predictions, and must read to the end.

        Raises:
            ValueError: As :meth:`predict` does.
        """
        check_at_least(1, top=top)
        run = run_shared if shared else run_videos
        results = run(
            self,
            _indexed(videos, folder_fps, on_error),
            self.probabilities,
            batch_size=batch_size,
            num_workers=num_workers,
            skip_broken=on_error is not None,
            folder_fps=folder_fps,
        )
        for name, row in results:
            if isinstance(row, Tensor):
                yield self.card.labelling.best(name, row, top)
            elif on_error is not None:
                on_error(name, row)

    def embed(
        self,
        videos: Video | VideoList,
        *,
        batch_size: int = 8,
        num_workers: int | None = None,
        folder_fps: float = FOLDER_FPS,
    ) -> Tensor:
        """The pooled features of videos, from one clip in the middle of each.

        Args:
            videos: as for :meth:`predict`, like the others.
            batch_size: clips per batch.
            num_workers: processes that decode.
            folder_fps: frames per second of folders and arrays.

        Returns:
            float32 on the CPU: ``(D,)`` for one video, ``(V, D)`` for a list.

        Raises:
            VideoError: For a video that cannot be decoded.
            ValueError: For an empty list, or ``batch_size`` below 1.
        """
        is_one = not isinstance(videos, (list, tuple))
        given: Any = [videos] if is_one else videos
        if not len(given):
            raise ValueError("videos must hold at least one video, got an empty list")
        results = run_videos(
            self,
            iter(given) if is_one else _indexed(given, folder_fps),
            self.features,
            batch_size=batch_size,
            num_workers=num_workers,
            folder_fps=folder_fps,
        )
        rows = torch.stack([row for _, row in results if isinstance(row, Tensor)])
        return rows[0] if is_one else rows

    def explain(
        self, video: Video, *, k: int | None = None, folder_fps: float = FOLDER_FPS
    ) -> Explanation:
        """What the network matched with what in the clip in the middle of a video.

        Only the clip's frames are decoded, and the network runs once. Thread-safe.

        Args:
            video: as for :meth:`predict`.
            k: proposals per position, instead of the model's own; that may change the labels too.
            folder_fps: frames per second of folders and arrays.

        Raises:
            VideoError: If the video cannot be decoded.
            ValueError: If the network has no CP modules or is an ``.onnx`` file, or k is below 1
                or above the number of positions in the other frames.
        """
        with open_video(video, fps=folder_fps) as reader:
            numbers, frames = read_clip(reader, self.card.sampling)
        return explain_frames(self, frames, numbers, path=video_name(video), k=k)

    def stream(self, source: Source, **options: Any) -> WindowStream:
        """What a source of any length shows, window by window; also of a live one.

        Windows are clips as :meth:`predict` takes them, and their logits are the same; memory is
        constant.

        Args:
            source: number of a camera, an address such as ``rtsp://...``, or any video.
            **options: ``hop``, ``window_s``, ``start_s``, ``end_s``, ``batch_size``,
                ``real_time`` and ``folder_fps`` of
                :class:`motionlens.inference.streaming.windows.WindowStream`.

        Returns:
            The windows, to be iterated over once.

        Raises:
            ValueError: If an option is out of its range; while iterating, a
                :class:`~motionlens.video.frames.VideoError` if the source cannot be read.
        """
        return WindowStream(self, source, **options)

    def events(
        self, source: Source, *, rules: EventRules | None = None, **options: Any
    ) -> Iterator[Event]:
        """What happens in a source of any length, each as soon as it is over.

        Args:
            source: as for :meth:`stream`.
            rules: see :class:`motionlens.EventRules`.
            **options: as for :meth:`stream`.

        Raises:
            ValueError: As :meth:`stream` does; and if a background label is not a class.
        """
        # Wrong options are refused here, not at the first event.
        return EventDetector.of_card(self.card, rules).take_all(self.stream(source, **options))

    def load_clip(self, video: Video, *, folder_fps: float = FOLDER_FPS) -> Tensor:
        """The clip ``(3, T, size, size)`` in the middle of a video, as the network takes it.

        A video shorter than the clip is all of it, or repeats from its start if the clip counts
        frames; one of a single frame is warned of, because it cannot show motion.

        Raises:
            VideoError: If it cannot be decoded.
        """
        with open_video(video, fps=folder_fps) as reader:
            _, frames = read_clip(reader, self.card.sampling)
        return self.card.preprocessing(frames.data)


def _indexed(
    videos: Iterable[Video], folder_fps: float, on_error: OnError | None = None
) -> VideoIndex | Iterable[Video]:
    """An index of a list of paths, which worker processes can decode; else the videos."""
    if not isinstance(videos, Sequence):
        return videos
    paths = [os.fspath(v) for v in videos if isinstance(v, (str, os.PathLike))]
    if len(paths) < len(videos):
        return videos
    return VideoIndex.of_paths(expand_folders(paths, on_error), folder_fps)
