"""Variables out of TensorFlow's files: a checkpoint of the authors, or a tensorpack ``.npz``."""

import os
import re
from pathlib import Path
from typing import Any

from motionlens._utils.errors import one_line
from motionlens._utils.files import check_expansion
from motionlens._utils.optional import require

# Endings of tensorpack's names, and of the authors'.
_TENSORPACK_LEAVES = {
    "W": "weights",
    "b": "biases",
    "mean/EMA": "moving_mean",
    "variance/EMA": "moving_variance",
}


def read_tensorflow(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read all variables of a TensorFlow V2 checkpoint.

    Args:
        path: the checkpoint's prefix (``model-0.ckpt``), one of its files
            (``model-0.ckpt.index``), or a folder with the file ``checkpoint``, for its latest.

    Returns:
        Name to array. What is no array of numbers is left out.

    Raises:
        ImportError: If TensorFlow is not installed.
        ValueError: If there is no such checkpoint, or it is damaged.
    """
    prefix = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", os.fspath(path))
    is_folder = Path(prefix).is_dir()
    if not is_folder and not Path(f"{prefix}.index").is_file():
        raise ValueError(
            f"{prefix}.index does not exist; give the beginning that the checkpoint's files share, "
            "such as model-0.ckpt"
        )
    tensorflow = require("tensorflow", extra="tensorflow")
    if is_folder:
        latest = tensorflow.train.latest_checkpoint(prefix)
        if latest is None:
            raise ValueError(f"{prefix} holds no TensorFlow checkpoint; name its files' beginning")
        prefix = latest
    try:
        reader = tensorflow.train.load_checkpoint(prefix)
        types = reader.get_variable_to_dtype_map()
        numbers = [n for n in types if types[n].is_numpy_compatible and not types[n] == "string"]
        return {name: reader.get_tensor(name) for name in numbers}
    except Exception as error:  # TensorFlow's own types, which are no ValueError
        raise ValueError(
            f"{prefix} is damaged or no TensorFlow checkpoint: {one_line(error)}"
        ) from None


def read_tensorpack(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a tensorpack ``.npz``, such as the ImageNet weights that the authors start from.

    Args:
        path: the file.

    Returns:
        The authors' name to array. Kernels are 2D there: ``(rows, columns, inputs, outputs)``.

    Raises:
        ValueError: If the file is damaged, no ``.npz``, or holds more than arrays.
    """
    import numpy as np

    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            check_expansion(Path(path))
            arrays = {name: file[name] for name in file.files}
    # A damaged archive of arrays raises errors of zipfile, zlib, tokenize, NumPy and others.
    except Exception as error:
        reason = one_line(error).partition(". ")[0]  # NumPy goes on with advice to trust the file
        raise ValueError(f"{path} is damaged or no .npz file of arrays: {reason}") from None
    if not arrays:
        raise ValueError(f"{path} must hold arrays, it holds none; download it again")
    for name, value in arrays.items():
        if not isinstance(value, np.ndarray):  # bytes of what is no array
            raise ValueError(f"{path} must hold arrays alone, {name} is none; download it again")
        if value.dtype.kind not in "fiu":
            raise ValueError(f"{path} must hold arrays of numbers, {name} is of {value.dtype}")
    return {_official_name(name): value for name, value in arrays.items()}


def _official_name(name: str) -> str:
    """``group0/block0/conv1/W`` is ``group0/block0/conv1/weights``; ``linear`` is ``fc``."""
    name = re.sub(r"^linear/", "fc/", name.removesuffix(":0"))
    for ending, official in _TENSORPACK_LEAVES.items():
        if name.endswith(f"/{ending}"):
            return name.removesuffix(ending) + official
    return name
