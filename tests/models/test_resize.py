import math

import pytest
import torch

from motionlens.models.resize import resize_grid


def slow_resize(x, size):
    """Bilinear with src = dst * in / out, clamped, cell by cell."""
    H, W, C = x.shape
    out = torch.zeros(*size, C, dtype=x.dtype)
    for row in range(size[0]):
        for column in range(size[1]):
            y, z = row * H / size[0], column * W / size[1]
            low, left = math.floor(y), math.floor(z)
            high, right = min(low + 1, H - 1), min(left + 1, W - 1)
            dy, dz = y - low, z - left
            top = x[low, left] * (1 - dz) + x[low, right] * dz
            bottom = x[high, left] * (1 - dz) + x[high, right] * dz
            out[row, column] = top * (1 - dy) + bottom * dy
    return out


@pytest.mark.parametrize(
    ("size", "target"), [((5, 9), (8, 4)), ((15, 13), (7, 6)), ((6, 4), (3, 4)), ((1, 3), (2, 3))]
)
def test_agrees_with_the_slow_one(size, target):
    x = torch.randn(2, *size, 3, dtype=torch.float64)
    found = resize_grid(x, target)
    torch.testing.assert_close(found, torch.stack([slow_resize(clip, target) for clip in x]))


def test_halving_and_doubling_keep_every_second_cell():
    x = torch.randn(1, 6, 8, 2)
    half = resize_grid(x, (3, 4))
    assert torch.equal(half, x[:, ::2, ::2])
    back = resize_grid(half, (6, 8))
    assert torch.equal(back[:, ::2, ::2], half)
    torch.testing.assert_close(back[:, 1, 0], (half[:, 0, 0] + half[:, 1, 0]) / 2)
    torch.testing.assert_close(back[:, -1], back[:, -2])
