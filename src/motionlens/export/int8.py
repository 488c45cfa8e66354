"""Static INT8 quantisation: the file appears only if it names the clips as the network does."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.checks import check_number
from motionlens._utils.files import check_writable, write_atomically
from motionlens._utils.numbers import percent
from motionlens._utils.optional import require
from motionlens.clips.video_index import VideoIndex
from motionlens.datasets.parts import open_named_parts
from motionlens.datasets.source import DataSource, ListingConfig
from motionlens.export.exporting import export_recognizer, quiet
from motionlens.export.formats import find_writer, with_metadata
from motionlens.export.parity import TOLERANCE
from motionlens.inference import onnx_network
from motionlens.inference.onnx_network import OnnxNetwork, is_onnx
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.runner import Result, Video, run_videos

# More change the ranges of activations hardly at all.
CALIBRATION_CLIPS = 100
# Fewer say nothing.
LEAST_CLIPS = 10
# Share of the validation clips that must keep their label. Accuracy alone would pass a network
# that is wrong in other ways.
LEAST_AGREEMENT = 0.9

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Int8Check:
    """An INT8 network against its float32 original on the same validation clips.

    A clip is named rightly where the most probable label is one that the clip shows.

    Attributes:
        num_calibration: training clips that the ranges of activations were taken from.
        num_validation: labelled validation clips.
        right_before: how many of them the original names rightly.
        right_after: how many of them the INT8 network names rightly.
        lost: how many only the original names rightly.
        same_label: how many get the same label from both.
        largest_change: of a probability, 0 to 1; nan if the INT8 network gives nan.
        megabytes_before: size of the float32 file, 10^6 bytes.
        megabytes_after: size of the INT8 file.
        max_loss: share of the validation clips that accuracy may fall by.
    """

    num_calibration: int
    num_validation: int
    right_before: int
    right_after: int
    lost: int
    same_label: int
    largest_change: float
    megabytes_before: float
    megabytes_after: float
    max_loss: float

    @property
    def passes(self) -> bool:
        """Whether accuracy falls by at most ``max_loss`` and enough clips keep their label.

        One clip may always change.
        """
        number, loss = self.num_validation, self.right_before - self.right_after
        return (
            not np.isnan(self.largest_change)
            and loss <= max(1, self.max_loss * number)
            and self.same_label >= min(number - 1, LEAST_AGREEMENT * number)
        )

    def to_dict(self) -> dict[str, int | float]:
        """All numbers, as they are in the file's metadata."""
        return asdict(self)


class Int8Error(ValueError):
    """An INT8 network is clearly worse than its original.

    Attributes:
        check: the comparison.
    """

    def __init__(self, check: Int8Check) -> None:
        self.check = check
        super().__init__(
            f"INT8 may lose at most {percent(check.max_loss)} of the validation clips, or one, and "
            f"must name {percent(LEAST_AGREEMENT)} of them as float32 does, got "
            f"{check.right_after} right instead of {check.right_before} and {check.same_label} "
            f"alike, of {check.num_validation}; nothing was written: calibrate on clips like "
            "these, or leave out int8"
        )


def export_int8(
    recognizer: Recognizer,
    path: str | os.PathLike[str],
    source: DataSource | None = None,
    *,
    calibrate: str | os.PathLike[str] | None = None,
    validation: str | os.PathLike[str] | None = None,
    listing: ListingConfig | None = None,
    max_loss: float = 0.01,
    skip_broken: bool = False,
    dynamic_frames: bool = False,
    opset: int | None = None,
    videos: Sequence[Video] = (),
    tolerance: float = TOLERANCE,
    on_progress: OnProgress | None = None,
) -> Int8Check:
    """Write a recognizer's network to an ONNX file with convolutions in INT8, if it is as good.

    Weights have 7 bits for each output channel, activations 8 bits with ranges from training clips.
    Processors without VNNI would overflow with more, so the file gives the same answer on all.
    Searches, pair embeddings and the last layer stay in float32: they take little of the time, and
    8 bits of logits could not tell classes apart.

    Args:
        recognizer: the recognizer, on any device.
        path: the ``.onnx`` file, which is replaced as a whole or not at all.
        source: the data that it was trained on, if that is known.
        calibrate: labelled videos: a folder, list or prepared data set; the ranges of activations
            are taken from 100 clips of the training part, and accuracy is compared on the
            validation part; by default the run's own data.
        validation: folder or list of validation videos, where the data has none of its own; by
            default a fifth of each class.
        listing: how the videos are found; by default as in the run's recipe.
        max_loss: largest fall of accuracy, as a share of the validation clips; one clip may always
            be lost.
        skip_broken: leave out videos that cannot be decoded, instead of stopping.
        dynamic_frames: as for :func:`~motionlens.export.exporting.export_recognizer`, like the
            rest: the float32 network is exported and checked first.
        opset: likewise.
        videos: likewise.
        tolerance: likewise.
        on_progress: called before the first and after every validation video with the number of
            videos done and of all videos.

    Returns:
        The comparison with the original, which is also in the file's metadata.

    Raises:
        Int8Error: If the INT8 network is clearly worse.
        ParityError: If the float32 network is too far from the original.
        ValueError: For another suffix, an argument out of range, data that cannot be used, or fewer
            than 10 clips to calibrate or to compare on.
        ImportError: If onnx, onnxscript or onnxruntime is not installed.
        VideoError: For a video that cannot be decoded and is not to be skipped.
    """
    path = Path(path)
    if not is_onnx(path):
        raise ValueError(f"int8 is for .onnx files, got {path.name}; change the suffix")
    find_writer(path, opset=opset, aot=False)
    check_number("max_loss", max_loss, least=0, most=1)
    check_writable(path.parent)
    if source is None and calibrate is None:
        raise ValueError(
            "int8 needs labelled videos, and no run folder names its own; --calibrate DATA names "
            "labelled videos"
        )
    names = recognizer.class_names
    parts = open_named_parts(source, calibrate, validation, listing)
    train, held_out = (part.with_classes(names).with_targets() for part in parts)
    train = _chosen(train)
    assert held_out.targets is not None
    held_out = held_out.subset(np.flatnonzero(held_out.targets.any(axis=1)))
    _check_number(len(train), "to calibrate on, in the training part")
    _check_number(len(held_out), "to compare on, in the validation part")
    with tempfile.TemporaryDirectory(prefix="motionlens-") as folder:
        whole, draft = Path(folder, "float32.onnx"), Path(folder, path.name)
        export_recognizer(
            recognizer,
            whole,
            dynamic_frames=dynamic_frames,
            opset=opset,
            videos=videos,
            tolerance=tolerance,
        )
        clips = run_videos(
            recognizer, train, torch.Tensor.cpu, batch_size=1, skip_broken=skip_broken
        )
        used = quantise(whole, draft, _decoded(clips))
        _check_number(used, "to calibrate on that can be decoded")
        before, after, targets = _predict_both(
            recognizer, OnnxNetwork(draft), held_out, skip_broken, on_progress
        )
        _check_number(len(targets), "to compare on that can be decoded")
        check = _compare(before, after, targets, max_loss, used, [whole, draft])
        if not check.passes:
            raise Int8Error(check)
        onnx = require("onnx", "export")
        proto = onnx.load(draft)
        metadata = {entry.key: entry.value for entry in proto.metadata_props}
        del metadata[onnx_network.DIGEST_KEY]
        metadata[onnx_network.INT8_KEY] = json.dumps(check.to_dict())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, with_metadata(proto, metadata))
    return check


def quantise(path: Path, out: Path, clips: Iterable[Tensor]) -> int:
    """Write an exported network with its convolutions in INT8.

    Args:
        path: of the float32 file.
        out: of the INT8 file; the card and the other metadata are the same.
        clips: to take the ranges of activations from, float ``(C, T, H, W)`` each.

    Returns:
        How many clips there were.
    """
    onnx = require("onnx", "export")
    quantization = require("onnxruntime.quantization", "export")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.clips = iter(clips)
            self.count = 0

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            clip = next(self.clips, None)
            if clip is None:
                return None
            self.count += 1
            return {onnx_network.INPUT: clip[None].numpy()}

    reader = Reader()
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    del metadata[onnx_network.DIGEST_KEY]
    with quiet():
        quantization.quantize_static(
            path,
            out,
            reader,
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    proto = onnx.load(out)
    del proto.graph.value_info[:]
    out.write_bytes(with_metadata(proto, metadata))
    return reader.count


def _chosen(train: VideoIndex) -> VideoIndex:
    """The clips to calibrate on: some of all classes, the same on every call."""
    order = np.random.default_rng(0).permutation(len(train))
    return train.subset(np.sort(order[:CALIBRATION_CLIPS]))


def _check_number(number: int, what: str) -> None:
    if number < LEAST_CLIPS:
        raise ValueError(
            f"int8 needs at least {LEAST_CLIPS} labelled clips {what}, got {number}; add videos "
            "or name other data"
        )


def _decoded(results: Iterable[Result]) -> Iterator[Tensor]:
    return (row for _, row in results if isinstance(row, Tensor))


def _predict_both(
    recognizer: Recognizer,
    network: OnnxNetwork,
    videos: VideoIndex,
    skip_broken: bool,
    on_progress: OnProgress | None,
) -> tuple[Tensor, Tensor, NDArray[np.bool_]]:
    """Probabilities of both networks ``(V, K)`` and targets ``(V, K)``; each clip decoded once."""

    def forward(clips: Tensor) -> Tensor:
        after = recognizer.card.probabilities(network(clips))
        return torch.cat([recognizer.probabilities(clips), after], dim=1)

    rows, kept = [], []
    say = on_progress or (lambda done, total: None)
    say(0, len(videos))
    found = run_videos(recognizer, videos, forward, batch_size=4, skip_broken=skip_broken)
    for i, (_, row) in enumerate(found):
        if isinstance(row, Tensor):
            rows.append(row)
            kept.append(i)
        say(i + 1, len(videos))
    assert videos.targets is not None
    if not rows:
        return torch.empty(0, 1), torch.empty(0, 1), videos.targets[:0]
    before, after = torch.stack(rows).chunk(2, dim=1)
    return before, after, videos.targets[kept]


def _compare(
    before: Tensor,
    after: Tensor,
    targets: NDArray[np.bool_],
    max_loss: float,
    num_calibration: int,
    files: Sequence[Path],
) -> Int8Check:
    labels, new_labels = (p.argmax(dim=1).numpy() for p in (before, after))
    clip = np.arange(len(targets))
    right, new_right = targets[clip, labels], targets[clip, new_labels]
    sizes: list[Any] = [file.stat().st_size / 1e6 for file in files]
    return Int8Check(
        num_calibration=num_calibration,
        num_validation=len(targets),
        right_before=int(right.sum()),
        right_after=int(new_right.sum()),
        lost=int((right & ~new_right).sum()),
        same_label=int((labels == new_labels).sum()),
        largest_change=float((before - after).abs().max()),
        megabytes_before=sizes[0],
        megabytes_after=sizes[1],
        max_loss=max_loss,
    )
