"""Scenes of the bundled recognizer's last training: things over a still ground, moving cameras.

The motion suite has patches of a third of the picture at most, on a quiet ground. Here things of
any size, shape and texture move over a ground that is as busy as they are, at any frame rate. A
scene is a function of time, so that it shows the same motion at every rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.files import write_atomically
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.prepared import PARTS, Part
from motionlens.synthetic.motion_suite.textures import KINDS, paint, smooth
from motionlens.video.writing import encode_exactly

RATES = (8, 10, 12, 15, 20, 24, 25, 30)
DURATION_S = 2.0
SIZE_PX = 80
WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
ZOOMS = {"closer": 1, "away": -1}
LABELS = (*WAYS, *ZOOMS, "still")
# Widths of the picture per second, and factors per second.
SPEEDS, GROWTHS = (0.12, 1.1), (1.25, 2.2)
# Of a thing, half its width and height as shares of the picture.
HALF_SIZES = (0.12, 0.36)
# Share of the scenes in which a thing moves and the ground rests.
_OBJECT_SHARE = 0.65
_TEXTURE_PX = 256

Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is seen, as a function of time; the middle of the video is at 0 s.

    Attributes:
        label: left, right, up, down, closer, away or still.
        velocity: widths of the picture per second, to the right and down.
        growth: factor per second.
        ground: float ``(3, H, W)`` in 0 to 1.
        thing: the same, of what moves over the ground; None where all that is seen moves.
        centre: of the thing at 0 s, widths from the middle of the picture.
        half_size: of the thing at 0 s, likewise.
        is_round: an ellipse instead of a rectangle.
        zoom: the view shows this share of the texture.
    """

    label: str
    velocity: tuple[float, float]
    growth: float
    ground: Tensor
    thing: Tensor | None
    centre: tuple[float, float]
    half_size: tuple[float, float]
    is_round: bool
    zoom: float


def draw_scene(rng: Rng, label: str) -> Scene:
    """Draw a scene of a class."""
    x, y = WAYS.get(label, (0, 0))
    speed = _log_uniform(rng, *SPEEDS)
    is_object = rng.random() < _OBJECT_SHARE
    ground, thing = _texture(rng), _texture(rng)
    return Scene(
        label=label,
        velocity=(x * speed, y * speed),
        growth=_log_uniform(rng, *GROWTHS) ** ZOOMS.get(label, 0),
        ground=ground,
        thing=thing if is_object else None,
        centre=(rng.uniform(-0.15, 0.15), rng.uniform(-0.15, 0.15)),
        half_size=(_log_uniform(rng, *HALF_SIZES), _log_uniform(rng, *HALF_SIZES)),
        is_round=bool(rng.integers(2)),
        zoom=rng.uniform(0.15, 0.4),
    )


def render(scene: Scene, times_s: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The scene at some times, uint8 ``(n, 80, 80, 3)``."""
    t = torch.from_numpy(times_s).float()
    moved = t[:, None] * torch.tensor(scene.velocity)
    scale = scene.growth**t
    axis = (torch.arange(SIZE_PX) + 0.5) / SIZE_PX - 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    places = torch.stack([x, y], -1)[None]
    if scene.thing is None:
        local = (places - moved[:, None, None]) / scale[:, None, None, None]
        views = _look(scene.ground, local, scene.zoom)
    else:
        ground = _look(scene.ground, places, scene.zoom)
        middle = moved + torch.tensor(scene.centre)
        local = (places - middle[:, None, None]) / scale[:, None, None, None]
        far = (local / torch.tensor(scene.half_size)).abs()
        inside = (far.square().sum(-1) if scene.is_round else far.amax(-1)) < 1
        views = torch.where(inside[:, None], _look(scene.thing, local, scene.zoom), ground)
    return (views.permute(0, 2, 3, 1) * 255).round().byte().numpy()


def write_scenes(
    folder: Path, *, num_train: int, num_validation: int, seed: int
) -> Mapping[Part, list[ListEntry]]:
    """Write videos, each at one of the rates; those that are there already stay."""
    entries: dict[Part, list[ListEntry]] = {}
    for part, number in (("train", num_train), ("validation", num_validation)):
        entries[part] = []
        (folder / part).mkdir(parents=True, exist_ok=True)
        for i in range(number):
            rng = np.random.default_rng([seed, PARTS.index(part), i])
            label, fps = LABELS[i % len(LABELS)], int(rng.choice(RATES))
            entry = ListEntry(f"{part}/{i:06}.mp4", label)
            entries[part].append(entry)
            if not (folder / entry.path).exists():
                times_s = np.arange(round(DURATION_S * fps)) / fps - DURATION_S / 2
                frames = render(draw_scene(rng, label), times_s + rng.uniform(0, 1 / fps))
                write_atomically(folder / entry.path, encode_exactly(frames, fps=Fraction(fps)))
    return entries


def _texture(rng: Rng) -> Tensor:
    """A texture of the motion suite, or coloured noise of any coarseness; float ``(3, H, W)``."""
    if rng.random() < 0.5:
        kind = str(rng.choice(["collage", *KINDS]))
        picture = paint(kind, int(rng.integers(2**31)), _TEXTURE_PX, _TEXTURE_PX, 0.9) / 255
    else:
        power = rng.uniform(0.6, 1.6)
        layers = [smooth(rng, _TEXTURE_PX, _TEXTURE_PX, power) for _ in range(3)]
        contrast, level = rng.uniform(0.8, 2.0), rng.uniform(0.3, 0.7)
        picture = ((np.stack(layers, -1) - 0.5) * contrast + level).astype(np.float32)
    return torch.from_numpy(picture).float().permute(2, 0, 1).clamp(0, 1)


def _look(texture: Tensor, places: Tensor, zoom: float) -> Tensor:
    """The texture at places ``(n, H, W, 2)``, of which a width of 1 is the share ``zoom`` of it."""
    grid = places * 2 * zoom
    return F.grid_sample(
        texture[None].expand(len(grid), -1, -1, -1),
        grid,
        mode="bilinear",
        padding_mode="reflection",
        align_corners=True,
    )


def _log_uniform(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
