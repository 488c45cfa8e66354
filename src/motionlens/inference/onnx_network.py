"""A network in an ONNX file, run by onnxruntime, in the place of the PyTorch one."""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from motionlens._utils.errors import one_line
from motionlens._utils.optional import require
from motionlens.inference.card import ModelCard
from motionlens.inference.onnx_check import check_onnx

SUFFIX = ".onnx"
INPUT, OUTPUTS = "clips", ("logits", "features")

# Keys of the file's metadata.
CARD_KEY = "motionlens"
DIGEST_KEY = "motionlens_sha256"
MIN_FRAMES_KEY = "min_frames"
OPSET_KEY = "opset"
INT8_KEY = "int8"

# Stands for the digest where the digest of a file that states it is taken.
NO_DIGEST = "0" * 64


class OnnxNetwork(nn.Module):
    """A network that `motionlens export` wrote to an ``.onnx`` file; for inference on the CPU.

    Args:
        path: of the file.

    Attributes:
        card: the model card.
        opset: version of the ONNX operators in the file.
        input_shape: of the clips; a name stands for any size.
        int8: what quantising cost, as :meth:`motionlens.export.int8.Int8Check.to_dict` says it;
            None for a float32 file.

    Shapes:
        Clips float ``(B, 3, T, size, size)``, with T and size of the card, or any T of at least
        ``min_frames`` if the file was exported so; logits ``(B, num_classes)``; features
        ``(B, D)``.

    Raises:
        ValueError: If the file is missing, damaged, altered, or not one of ours; in ``forward``,
            for clips of another shape.
        ImportError: If onnxruntime is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = os.fspath(path)
        self._session = _open_session(Path(path))
        metadata = _read_metadata(self._session, Path(path))
        if CARD_KEY not in metadata:
            raise ValueError(
                f"{self.path} holds no model card; give a file that 'motionlens export' wrote"
            )
        _check_digest(Path(path), metadata)
        try:
            self.card = ModelCard.from_json(metadata[CARD_KEY])
            self.opset = int(metadata.get(OPSET_KEY, 0))
            self.min_frames = int(metadata.get(MIN_FRAMES_KEY, 1))
            self.int8: dict[str, Any] | None = json.loads(metadata.get(INT8_KEY, "null"))
        except ValueError as error:
            raise ValueError(f"{self.path} cannot be used: {one_line(error)}") from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shapes = {each.name: tuple(each.shape) for each in (*inputs, *outputs)}
        names, found = ([each.name for each in several] for several in (inputs, outputs))
        if names != [INPUT] or len(shapes[INPUT]) != 5 or not set(OUTPUTS) <= set(found):
            raise ValueError(
                f"{self.path} must map {INPUT!r} to {' and '.join(map(repr, OUTPUTS))}, "
                f"got {', '.join(map(repr, names))} to {', '.join(map(repr, found))}; "
                "export it again"
            )
        self.input_shape: tuple[int | str, ...] = shapes[INPUT]
        if shapes["logits"][-1] != len(self.card.class_names):
            raise ValueError(
                f"{self.path} must have a label for each of its {shapes['logits'][-1]} logits, "
                f"got {len(self.card.class_names)}; export it again"
            )

    def forward(self, clips: Tensor) -> Tensor:
        """Logits ``(B, num_classes)`` of clips ``(B, 3, T, H, W)``, on the clips' device."""
        return self._run(clips, "logits")[0]

    def forward_features(self, clips: Tensor) -> Tensor:
        """The pooled embedding ``(B, D)``."""
        return self._run(clips, "features")[0]

    def forward_both(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and pooled embedding in one go."""
        logits, features = self._run(clips, *OUTPUTS)
        return logits, features

    def check_options(self, *, device: str, k: int | None, dtype: torch.dtype | None) -> None:
        """Make sure that nothing is asked for that an exported file cannot do.

        Raises:
            ValueError: For a device other than ``"cpu"`` or ``"auto"``, a k, or a dtype.
        """
        give = "give the run that it was exported from"
        if device not in ("auto", "cpu"):
            raise ValueError(
                f"device must be 'auto' or 'cpu' for an {SUFFIX} file, got {device!r}; {give}"
            )
        if k is not None:
            raise ValueError(f"k is built into an {SUFFIX} file and cannot be set to {k}; {give}")
        if dtype not in (None, torch.float32):
            raise ValueError(f"dtype of an {SUFFIX} file is float32, got {dtype}; {give}")

    def extra_repr(self) -> str:
        """What ``repr`` shows between the brackets."""
        return f"{self.path}, opset={self.opset}"

    def state_dict(self, *args: Any, **kwargs: Any) -> NoReturn:
        """There is none to save: the file is the network."""
        raise ValueError(f"{self.path} cannot be saved as a run; copy the file instead")

    def __deepcopy__(self, memo: object) -> OnnxNetwork:
        return self  # nothing about it can be changed

    def __reduce__(self) -> tuple[type[OnnxNetwork], tuple[str]]:
        return OnnxNetwork, (os.path.abspath(self.path),)  # other processes open the file as well

    def _run(self, clips: Tensor, *outputs: str) -> list[Tensor]:
        self._check(clips)
        array = clips.detach().to("cpu", torch.float32).contiguous().numpy()
        try:
            found = self._session.run(list(outputs), {INPUT: array})
        except Exception as error:  # onnxruntime's own types
            raise ValueError(
                f"{self.path} cannot be run on clips {tuple(clips.shape)}: "
                f"{one_line(error)[:200]}; export it again"
            ) from None
        return [torch.from_numpy(value).to(clips.device) for value in found]

    def _check(self, clips: Tensor) -> None:
        fits = clips.dim() == 5 and all(
            not isinstance(wanted, int) or wanted == length
            for wanted, length in zip(self.input_shape, clips.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join(map(str, self.input_shape))
            raise ValueError(
                f"clips must have shape ({wanted}) for {self.path}, got {tuple(clips.shape)}"
            )
        if clips.shape[2] < self.min_frames:
            raise ValueError(
                f"clips must have at least {self.min_frames} frames for {self.path}, "
                f"got {clips.shape[2]}"
            )


def is_onnx(source: str | os.PathLike[str]) -> bool:
    """Whether a recognizer's source is meant as an exported file."""
    return Path(source).suffix.lower() == SUFFIX


def digest(content: bytes, stated: str = NO_DIGEST) -> str:
    """SHA-256 of a file's content, in hexadecimal, with the digest that it states left out."""
    return sha256(content.replace(stated.encode(), NO_DIGEST.encode(), 1)).hexdigest()


def _open_session(path: Path) -> Any:
    runtime = require("onnxruntime", "export")
    if not path.is_file():
        raise ValueError(f"{path} does not exist; give a file that 'motionlens export' wrote")
    check_onnx(path)
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # errors come as exceptions, too
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return runtime.InferenceSession(
            str(path), options, ["CPUExecutionProvider"], enable_fallback=False
        )
    except Exception as error:  # onnxruntime's own types, which derive from nothing else
        reason = one_line(error).rpartition("failed:")[2].strip(" .")
        raise ValueError(
            f"{path} is no ONNX file or is damaged: {reason}; export it again"
        ) from None


def _read_metadata(session: Any, path: Path) -> dict[str, str]:
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError:
        raise ValueError(f"{path} is damaged: its metadata is no text; export it again") from None


def _check_digest(path: Path, metadata: dict[str, str]) -> None:
    """Weights that were altered would give wrong labels in silence."""
    stated = metadata.get(DIGEST_KEY)
    if stated is None:
        return
    if not re.fullmatch("[0-9a-f]{64}", stated) or digest(path.read_bytes(), stated) != stated:
        raise ValueError(
            f"{path} was altered after it was exported; export it again, or, if that was meant, "
            f"remove {DIGEST_KEY!r} from its metadata"
        )
