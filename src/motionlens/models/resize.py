"""Bilinear resizing without half-pixel centres, as the authors' networks resize.

``src = dst * in / out``, clamped: cell ``2i`` of a doubled grid is exactly cell ``i`` of the
original, so halving a grid and doubling it again keeps every second cell in its place. No mode of
``torch.nn.functional.interpolate`` does that.
"""

import torch
from torch import Tensor


def resize_grid(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize rows and columns of a channels-last tensor.

    Args:
        x: ``(..., H, W, C)``, any float dtype.
        size: rows and columns of the result, at least 1 each.

    Returns:
        ``(..., *size, C)``; a view where the grid is kept or exactly halved.
    """
    return _resize_axis(_resize_axis(x, -2, size[1]), -3, size[0])


def _resize_axis(x: Tensor, axis: int, size: int) -> Tensor:
    length = x.shape[axis]
    if size == length:
        return x
    if length == 2 * size:
        return x[..., ::2, :] if axis == -2 else x[..., ::2, :, :]
    if size == 2 * length:
        # Every other cell is a cell of the original, those between are means of two.
        after = torch.cat([x.narrow(axis, 1, length - 1), x.narrow(axis, length - 1, 1)], axis)
        place = axis % x.dim() + 1
        return torch.stack([x, torch.lerp(x, after, 0.5)], place).flatten(place - 1, place)
    source = torch.arange(size, device=x.device, dtype=torch.float64) * (length / size)
    low = source.floor().long()
    fraction = (source - low).to(x.dtype).view(-1, *[1] * (-1 - axis))
    below = x.index_select(axis, low)
    above = x.index_select(axis, (low + 1).clamp_max(length - 1))
    return below + (above - below) * fraction
