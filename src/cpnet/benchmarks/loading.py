"""The suite of ``cpnet bench`` that reads videos: from a file or folder to a clip."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cpnet.benchmarks.suites import Case, Setting
from cpnet.benchmarks.timing import Run
from cpnet.data.sampling import Sampling, sample_indices
from cpnet.data.transforms import Preprocessing
from cpnet.data.video import open_video
from cpnet.data.writing import write_video

FRAMES, ROWS, COLUMNS = 64, 240, 320
SAMPLING = Sampling(num_frames=8, frame_stride=4)
PREPROCESSING = Preprocessing(size=112, short_side=112)


def data_suite(_: Setting) -> Iterator[Case]:
    """Decode 8 of 64 frames and make a clip of them, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        frames = moving_texture()
        video, pictures = Path(folder, "video.mp4"), Path(folder, "pictures")
        write_video(video, frames)
        pictures.mkdir()
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(pictures / f"{number:05}.jpg", quality=90)
        runs = {"PyAV, h264": _load(video), "folder of JPEG": _load(pictures)}
        if importlib.util.find_spec("torchcodec"):
            runs["torchcodec, h264"] = _load_with_torchcodec(video)
        name = f"{SAMPLING.num_frames} of {FRAMES} frames, {COLUMNS}x{ROWS}, to 112x112"
        yield Case(name, "loading", runs, (1, "clips"))


def moving_texture() -> NDArray[np.uint8]:
    """Smooth noise that moves, so that a codec has the work that it has with real footage."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (40, 80, 3), dtype=np.uint8)
    canvas = np.asarray(
        Image.fromarray(coarse).resize((COLUMNS * 2, ROWS), Image.Resampling.BICUBIC)
    )
    return np.stack([canvas[:, 3 * t : 3 * t + COLUMNS] for t in range(FRAMES)])


def _load(path: Path) -> Run:
    def run() -> None:
        with open_video(path) as reader:
            PREPROCESSING(reader.read(sample_indices(reader.num_frames, SAMPLING)).data)

    return run


def _load_with_torchcodec(path: Path) -> Run:
    from torchcodec.decoders import VideoDecoder

    def run() -> None:
        decoder = VideoDecoder(str(path))
        indices = sample_indices(len(decoder), SAMPLING)
        PREPROCESSING(decoder.get_frames_at(list(map(int, indices))).data)

    return run
