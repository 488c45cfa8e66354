"""The recognizer: a network with its label names and its preprocessing, used on any video."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from motionlens import pretrained
from motionlens._utils.devices import resolve_device
from motionlens._utils.files import write_atomically
from motionlens.clips.sampling import sample_indices
from motionlens.explain.correspondences import run_explained
from motionlens.explain.explanation import Explanation
from motionlens.inference import hub
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_checkpoint, save_checkpoint
from motionlens.inference.locate import find_checkpoint
from motionlens.inference.onnx_network import OnnxNetwork, is_onnx, load_onnx
from motionlens.models.capture import correspondence_modules
from motionlens.models.correspondence import set_num_proposals
from motionlens.models.optimize import optimize
from motionlens.report.prediction import Prediction, best_labels
from motionlens.video.file import open_video
from motionlens.video.frames import Frames, VideoError

if TYPE_CHECKING:
    from motionlens.inference.streaming.events import EventDetector, EventRules
    from motionlens.inference.streaming.windows import WindowStream
    from motionlens.report.event import Event
    from motionlens.video.source import Source

Video = Union[str, "os.PathLike[str]", "NDArray[np.uint8]", Tensor]
README_FILE = "README.md"
OnError = Callable[[str, VideoError], None]


class Recognizer:
    """A network with its label names and its preprocessing.

    Args:
        model: what ``card.build()`` gives, with trained weights; it is put into inference mode.
        card: its model card.
        device: see :func:`motionlens._utils.devices.resolve_device`.
        k: proposals per position, instead of the model's own; the given model is left as it is.

    Raises:
        ValueError: If the device is not to be found, or k is below 1 or the model has no CP module.

    Example:
        >>> recognizer = Recognizer.from_pretrained("runs/demo")  # doctest: +SKIP
        >>> recognizer.predict("wave.mp4").label  # doctest: +SKIP
        'waving'
    """

    def __init__(
        self, model: nn.Module, card: ModelCard, *, device: str = "cpu", k: int | None = None
    ) -> None:
        if k is not None:
            model = copy.deepcopy(model)
            set_num_proposals(model, k)
        self.device = resolve_device(device)
        self.model = model.to(self.device).eval()
        self.card = card
        self._sampling = card.sampling
        self._preprocess = card.preprocessing

    def __repr__(self) -> str:
        return (
            f"Recognizer({self.card.model}, {len(self.class_names)} classes, device={self.device})"
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Label names in the order of the model's logits."""
        return self.card.class_names

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike[str] = pretrained.NAME,
        *,
        device: str = "cpu",
        k: int | None = None,
    ) -> Recognizer:
        """Load a recognizer, by default the one that comes with the package (:mod:`motionlens.pretrained`).

        Args:
            source: a run folder, another folder that :meth:`save_pretrained` wrote, an ``.onnx``
                file that `motionlens export` wrote, or the name of a model on the Hugging Face hub,
                ``"owner/name"`` or ``"hub:owner/name"``. ``"bundled"`` is the one that comes with the
                package, unless there is a folder of that name.
            device: where to run it.
            k: proposals per position, instead of the model's own.

        Raises:
            ValueError: If there is no such folder or hub model, or its files cannot be used; for
                an ``.onnx`` file, also if a k or a device other than the CPU is asked for.
            ImportError: If onnxruntime is not installed, for an ``.onnx`` file.
        """
        if is_onnx(source):
            return cls(*load_onnx(source, device=device, k=k))
        model, card = load_checkpoint(find_checkpoint(source))
        return cls(model, card, device=device, k=k)

    def optimized(self, *, dtype: torch.dtype | None = None) -> Recognizer:
        """A copy that predicts the same faster, and does nothing else; see :func:`motionlens.optimize`.

        Args:
            dtype: of its weights, such as ``torch.bfloat16`` where the processor has it; the
                probabilities are float32 all the same.

        Raises:
            ValueError: If the recognizer is an ``.onnx`` file.
        """
        if isinstance(self.model, OnnxNetwork):
            raise ValueError(f"{self.model.path} is optimised already and cannot be changed")
        return Recognizer(optimize(self.model, dtype=dtype), self.card, device=str(self.device))

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
            ValueError: If the hub refuses, for want of a token or otherwise.
        """
        return hub.upload(name, lambda folder: self.save_pretrained(folder, title=name), **options)

    @overload
    def predict(self, videos: Video, *, top: int = ..., batch_size: int = ...) -> Prediction: ...
    @overload
    def predict(
        self,
        videos: list[Video] | list[str] | list[Path],
        *,
        top: int = ...,
        batch_size: int = ...,
        on_error: OnError | None = ...,
    ) -> list[Prediction]: ...
    def predict(
        self,
        videos: Video | list[Video] | list[str] | list[Path],
        *,
        top: int = 5,
        batch_size: int = 8,
        on_error: OnError | None = None,
    ) -> Prediction | list[Prediction]:
        """Recognize what videos show, from one clip in the middle of each.

        Args:
            videos: one video or a list: path of a file or of a folder of pictures, uint8 array
                ``(T, H, W, 3)``, or uint8 tensor ``(T, 3, H, W)`` or ``(T, H, W, 3)``, RGB.
            top: labels to name, at most all are.
            batch_size: clips at once.
            on_error: called with path and error for a video of a list that cannot be decoded,
                which is then left out of the result.

        Returns:
            A prediction, or a list of them in the order of the videos.

        Raises:
            VideoError: For a video that cannot be decoded, without ``on_error``.
            ValueError: If ``top`` or ``batch_size`` is below 1.
        """
        if not isinstance(videos, (list, tuple)):
            return self.predict([videos], top=top)[0]
        found = self.predict_each(videos, top=top, batch_size=batch_size, on_error=on_error)
        return list(found)

    def predict_each(
        self,
        videos: Iterable[Video],
        *,
        top: int = 5,
        batch_size: int = 8,
        on_error: OnError | None = None,
    ) -> Iterator[Prediction]:
        """The predictions of :meth:`predict` one by one, as soon as their batch is done.

        Args:
            videos: as for :meth:`predict`; read as far as the predictions are asked for.
            top: labels to name.
            batch_size: clips at once.
            on_error: as for :meth:`predict`.

        Raises:
            VideoError: For a video that cannot be decoded, without ``on_error``.
            ValueError: If ``top`` or ``batch_size`` is below 1.
        """
        if top < 1:
            raise ValueError(f"top must be at least 1, got {top}")
        for names, clips in self._batches(videos, batch_size, on_error):
            with torch.inference_mode():
                probabilities = self.card.probabilities(self.model(clips)).cpu()
            for name, row in zip(names, probabilities, strict=True):
                yield best_labels(self.class_names, name, row, top)

    def embed(
        self, videos: Video | list[Video] | list[str] | list[Path], *, batch_size: int = 8
    ) -> Tensor:
        """What the network sees in videos, before it names a label.

        Args:
            videos: as for :meth:`predict`.
            batch_size: clips at once.

        Returns:
            Pooled features, float32 on the CPU: ``(D,)`` for one video, ``(V, D)`` for a list.

        Raises:
            VideoError: For a video that cannot be decoded.
            ValueError: For an empty list, or ``batch_size`` below 1.
        """
        if not isinstance(videos, (list, tuple)):
            return self.embed([videos])[0]
        if not videos:
            raise ValueError("videos must hold at least one video, got an empty list")
        found = []
        for _, clips in self._batches(videos, batch_size, None):
            with torch.inference_mode():
                features = self.model.forward_features(clips)  # type: ignore[operator]
            found.append(features.float().cpu())
        return torch.cat(found)

    def explain(self, video: Video, *, k: int | None = None) -> Explanation:
        """What the network matched with what in the clip in the middle of a video.

        Only the clip's frames are decoded, and the network runs once. Safe in several threads.

        Args:
            video: as for :meth:`predict`.
            k: proposals per position, instead of the model's own; that may change the labels too.

        Raises:
            VideoError: If the video cannot be decoded.
            ValueError: If the network has no CP modules or is an ``.onnx`` file, or k is below 1
                or above the number of positions in the other frames.
        """
        self.check_explains()
        indices, frames = self._read(video)
        return self.explain_frames(frames, indices, path=_name(video), k=k)

    def check_explains(self) -> None:
        """Make sure that the network can tell what it matched.

        Raises:
            ValueError: If it has no CP modules or is an ``.onnx`` file.
        """
        if isinstance(self.model, OnnxNetwork):
            raise ValueError(
                f"{self.model.path} does not tell what it matched; explain the run that it was "
                "exported from"
            )
        if not correspondence_modules(self.model):
            raise ValueError(
                f"{self.card.model} has no CP modules, so it matches nothing; explain a cpnet model"
            )

    def explain_frames(
        self, frames: Frames, numbers: NDArray[np.int64], *, path: str, k: int | None = None
    ) -> Explanation:
        """What :meth:`explain` tells of a video, of frames that have been read already.

        Args:
            frames: those that make a clip, with those that optical flow needs before each.
            numbers: int64 ``(T * (lead + 1),)``, which frames of the video they are.
            path: what to call it.
            k: proposals per position, instead of the model's own.

        Raises:
            ValueError: As :meth:`explain`.
        """
        self.check_explains()
        clip = self._preprocess(frames.data)[None].to(self.device)
        logits, modules = run_explained(self.model, clip, k=k)
        probabilities = self.card.probabilities(logits)[0].float().cpu()
        # Where optical flow needs the frames before each frame of the clip, the last is its own.
        own = slice(self._sampling.lead, None, self._sampling.lead + 1)
        return Explanation(
            path=path,
            prediction=best_labels(self.class_names, path, probabilities, len(self.class_names)),
            frames=frames.data[own].permute(0, 2, 3, 1).numpy(),
            frame_numbers=tuple(numbers[own].tolist()),
            times_s=tuple(frames.times_s[own].tolist()),
            region=self._preprocess.region(*frames.data.shape[2:]),
            modules={name: found.of_clip(0) for name, found in modules.items()},
        )

    def stream(self, source: Source, **options: Any) -> WindowStream:
        """What a source of any length shows, window by window; also of a live one.

        Windows are clips as :meth:`predict` takes them, and their logits are the same; memory is
        constant.

        Args:
            source: number of a camera, an address such as ``rtsp://...``, or any video.
            **options: ``hop``, ``window_s``, ``start_s``, ``end_s``, ``batch_size`` and
                ``real_time`` of :class:`motionlens.inference.streaming.windows.WindowStream`.

        Returns:
            The windows, to be iterated over once.

        Raises:
            ValueError: If an option is out of its range; a
                :class:`~motionlens.video.frames.VideoError` in iterating, if the source cannot be read.

        Example:
            >>> recognizer = Recognizer.from_pretrained("runs/demo")  # doctest: +SKIP
            >>> for window in recognizer.stream("hour.mp4", hop=2):  # doctest: +SKIP
            ...     print(window.start_s, window.probabilities.max())
        """
        from motionlens.inference.streaming.windows import WindowStream

        return WindowStream(self.model, self.card, source, device=self.device, **options)

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

        Example:
            >>> recognizer = Recognizer.from_pretrained("runs/demo")  # doctest: +SKIP
            >>> for event in recognizer.events("hour.mp4"):  # doctest: +SKIP
            ...     print(event.label, event.start_s, event.end_s, event.confidence)
        """
        from motionlens.inference.streaming.events import EventDetector

        detector = EventDetector(self.class_names, rules)
        return _events(self.stream(source, **options), detector)

    def load_clip(self, video: Video) -> Tensor:
        """The clip ``(3, T, size, size)`` in the middle of a video, as the network takes it.

        A video shorter than the clip repeats from its start; one of a single frame is warned of,
        for it cannot show motion.

        Raises:
            VideoError: If it cannot be decoded.
        """
        _, frames = self._read(video)
        clip: Tensor = self._preprocess(frames.data)
        return clip

    def _read(self, video: Video) -> tuple[NDArray[np.int64], Frames]:
        """The frames of a video that make its clip, and their numbers."""
        with open_video(video) as reader:
            reader.warn_of_stillness()
            indices = sample_indices(reader.num_frames, self._sampling)
            return indices, reader.read(indices)

    def _batches(
        self, videos: Iterable[Video], batch_size: int, on_error: OnError | None
    ) -> Iterator[tuple[list[str], Tensor]]:
        """Names and clips ``(B, 3, T, size, size)`` on the device, batch by batch."""
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        paths: list[str] = []
        clips: list[Tensor] = []
        for video in videos:
            try:
                clips.append(self.load_clip(video))
            except VideoError as error:
                if on_error is None:
                    raise
                on_error(_name(video), error)
                continue
            paths.append(_name(video))
            if len(clips) == batch_size:
                yield paths, torch.stack(clips).to(self.device)
                paths, clips = [], []
        if clips:
            yield paths, torch.stack(clips).to(self.device)


def _events(windows: WindowStream, detector: EventDetector) -> Iterator[Event]:
    for window in windows:
        yield from detector.take(window)
    yield from detector.finish()


def _name(video: Video) -> str:
    return os.fspath(video) if isinstance(video, (str, os.PathLike)) else "array"
