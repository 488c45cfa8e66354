"""Generated mp4 files whose classes only motion tells apart; a recipe small enough for tests."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from motionlens.training.clip_configs import AugmentConfig, ClipConfig
from motionlens.training.recipe import LoaderConfig, OptimConfig, Recipe

CLASSES = {"move_left": (0, -4), "move_right": (0, 4), "static": (0, 0)}


def write_video(
    path: Path, step: tuple[int, int], *, seed: int, num_frames: int = 8, fps: int = 12
) -> None:
    """A bright square on noise, moving by ``step`` rows and columns a frame on a 32x32 canvas."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 60, (32, 32, 3), dtype=np.uint8)
    row, column = rng.integers(0, 24, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for t in range(num_frames):
            picture = ground.copy()
            y, x = (row + t * step[0]) % 24, (column + t * step[1]) % 24
            picture[y : y + 8, x : x + 8] = 230
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_dataset(root: Path, *, videos_per_class: int = 4) -> Path:
    """``root/<class>/<number>.mp4``."""
    for label, (name, step) in enumerate(CLASSES.items()):
        for number in range(videos_per_class):
            write_video(root / name / f"{number}.mp4", step, seed=100 * label + number)
    return root


def tiny_recipe(data: Path, out: Path, **changes) -> Recipe:
    """Two epochs of the smallest network on 16-pixel clips."""
    recipe = Recipe(
        data=str(data),
        out=str(out),
        model="cpnet_nano",
        k=2,
        # Not 4 channels: oneDNN of torch 2.13 overruns memory in the backward pass of a strided 1x1
        # convolution with so few, in one thread and channels-last.
        model_options={"widths": [8, 8, 8, 8], "modules": {"res3": 1}},
        device="cpu",
        clip=ClipConfig(num_frames=4, frame_stride=2, size=16),
        augment=AugmentConfig(horizontal_flip={"move_left": "move_right"}),
        optim=OptimConfig(epochs=2, batch_size=4),
        loader=LoaderConfig(num_workers=0),
    )
    return replace(recipe, **changes)
