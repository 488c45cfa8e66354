"""An explanation made by hand: a block that moves over grey squares, two modules."""

import numpy as np
import torch

from motionlens.explain.correspondences import Correspondences
from motionlens.explain.explanation import Explanation
from motionlens.ops.proposals import Proposals
from motionlens.report.prediction import Prediction

COLOUR = (200, 60, 40)


def sample_frames(num_frames, size):
    """uint8 ``(T, H, W, 3)``."""
    H, W = size
    ground = 90 + 50 * ((np.arange(H)[:, None] // 9 + np.arange(W) // 9) % 2)[..., None]
    frames = np.tile(ground, (num_frames, 1, 1, 3)).astype(np.uint8)
    for t in range(num_frames):
        x = W // 4 + t * W // (3 * num_frames)
        frames[t, H // 3 : H // 2, x : x + W // 8] = COLOUR
    return frames


def sample_correspondences(num_frames, grid, k=3):
    """Every position is matched with its own place in the next frames; two of three are kept."""
    T, (H, W) = num_frames, grid
    place = torch.arange(H * W)
    indices = torch.stack(
        [
            torch.stack([(t + 1 + j) % T * H * W + (place + j) % (H * W) for j in range(k)], 1)
            for t in range(T)
        ]
    )
    distances = (torch.arange(k) / 4).expand(indices.shape)
    wins = torch.tensor([5, 2, 0])[:k].expand(indices.shape).clone()
    change = torch.zeros(T, H, W)
    for t in range(T):
        change[t, H // 3, W // 3 : W // 3 + 2] = torch.tensor([1.0, 0.4]) * (t + 1)
    return Correspondences(grid, Proposals(indices, distances), wins, change.flatten(1), 8)


def sample_explanation(num_frames=6, size=(54, 96), **changes):
    """Of ``(H, W)`` frames, of which a square in the middle was seen."""
    H, W = size
    side = min(size) * 0.9
    values = {
        "path": "clips/pushing.mp4",
        "prediction": Prediction(
            path="clips/pushing.mp4", labels=("push", "pull"), probabilities=(0.75, 0.25)
        ),
        "frames": sample_frames(num_frames, size),
        "frame_numbers": tuple(range(10, 10 + 3 * num_frames, 3)),
        "times_s": tuple(t / 10 for t in range(num_frames)),
        "region": ((H - side) / 2, (W - side) / 2, side, side),
        "modules": {
            "layer2.0": sample_correspondences(num_frames, (12, 12)),
            "layer3.0": sample_correspondences(num_frames, (6, 6)),
        },
    }
    return Explanation(**{**values, **changes})
