"""What TensorBoard shows besides curves: the confusion matrix, clips, the recipe's fields.

Letters: K classes, T frames, h w rows and columns of a clip.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from motionlens.inference.card import ModelCard

# A cell of the matrix is so many pixels, as long as the whole stays below that many.
_CELL, _LARGEST = 24, 640
# Names beside smaller cells could not be read.
_NAMED_FROM = 10
_WHITE, _BLUE = np.array([255.0, 255.0, 255.0]), np.array([8.0, 48.0, 107.0])
_RIGHT, _WRONG, _BORDER = (30, 160, 60), (200, 40, 40), 3


def confusion_picture(matrix: Tensor, class_names: tuple[str, ...] = ()) -> NDArray[np.uint8]:
    """Which classes were taken for which: uint8 ``(rows, columns, 3)``, darker for more.

    Args:
        class_names: K names, written beside the rows and, turned by a quarter, above the columns,
            unless there are so many that nobody could read them; the words "true" and "predicted"
            stand outside them. None for the matrix alone.
        matrix: clips ``(K, K)`` with true class = row and predicted class = column; a row's
            shades are parts of the row, so that rare classes show as clearly as frequent ones.
    """
    counts = matrix.cpu().double().numpy()
    parts = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shades = _WHITE + parts[..., None] * (_BLUE - _WHITE)
    cell = max(min(_CELL, _LARGEST // len(parts)), 1)
    large = shades.round().astype(np.uint8).repeat(cell, axis=0).repeat(cell, axis=1)
    if not class_names:
        return np.ascontiguousarray(large)
    true, predicted = _axis("true", len(large)), _axis("predicted", len(large))
    width = 0
    if cell >= _NAMED_FROM:
        width = _names(class_names, cell).shape[1]
    side = _CELL + width
    extent = max(true.shape[1], predicted.shape[1])  # of few classes, less than that of a word
    picture = np.full((side + extent, side + extent, 3), 255, np.uint8)
    picture[:_CELL, side : side + predicted.shape[1]] = predicted
    picture[side : side + true.shape[1], :_CELL] = np.rot90(true)
    if width:
        picture[side : side + len(large), _CELL:side] = _names(class_names, cell)
        # Turned to be read from top to bottom, the first name comes last.
        turned = np.rot90(_names(class_names[::-1], cell), -1)
        picture[_CELL:side, side : side + len(large)] = turned
    picture[side : side + len(large), side : side + len(large)] = large
    return picture


def _axis(word: str, length: int) -> NDArray[np.uint8]:
    """A word in the middle of a band, at least so many pixels long, to write beside an axis."""
    band = _names((word,), _CELL)
    room = max(length - band.shape[1], 0)
    return np.pad(band, ((0, 0), (room // 2, room - room // 2), (0, 0)), constant_values=255)


@lru_cache(maxsize=8)
def _names(class_names: tuple[str, ...], cell: int) -> NDArray[np.uint8]:
    # Matplotlib takes long to load and to write text: once a training.
    from motionlens.report.plots.names import names_strip

    return names_strip(class_names, cell)


def write_hyperparameters(writer: SummaryWriter, fields: Mapping[str, Any], metric: str) -> None:
    """Fill TensorBoard's page of hyperparameters.

    Args:
        writer: of the run.
        fields: of the recipe, by names such as ``optim.lr``.
        metric: name of the curve that the page sorts runs by.
    """
    plain = {
        name: value if isinstance(value, (bool, int, float, str)) else str(value)
        for name, value in fields.items()
        if value is not None
    }
    assert writer.file_writer is not None
    for summary in hparams(plain, {metric: 0.0}):
        writer.file_writer.add_summary(summary)


def clip_strip(clip: Tensor, card: ModelCard, *, is_right: bool) -> NDArray[np.uint8]:
    """The frames of a clip side by side, framed in green or red: uint8 ``(rows, columns, 3)``.

    Args:
        clip: ``(3, T, h, w)``, normalised as the card says; channels behind these are not shown.
        card: of the recognizer.
        is_right: whether the prediction is.
    """
    preprocessing = card.preprocessing
    mean, std = (torch.tensor(v).view(3, 1, 1, 1) for v in (preprocessing.mean, preprocessing.std))
    pixels = (clip[:3].detach().cpu().float() * std + mean).clamp(0, 1) * 255
    # (3, T, h, w) -> (h, T, w, 3): the frames' rows one behind the other.
    strip = pixels.round().byte().permute(2, 1, 3, 0).flatten(1, 2).numpy()
    framed = np.empty((strip.shape[0] + 2 * _BORDER, strip.shape[1] + 2 * _BORDER, 3), np.uint8)
    framed[:] = _RIGHT if is_right else _WRONG
    framed[_BORDER:-_BORDER, _BORDER:-_BORDER] = strip
    return framed
