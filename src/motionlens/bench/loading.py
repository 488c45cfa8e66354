"""The suite of ``motionlens bench`` that reads videos: from a file or folder to a clip."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from motionlens.bench.suites import Case, Setting
from motionlens.bench.timing import Run
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling, sample_indices
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.packing import Packing, pack
from motionlens.datasets.prepared import PreparedSet, load_part, save_description, save_part
from motionlens.video.file import open_video
from motionlens.video.writing import write_video

FRAMES, ROWS, COLUMNS = 64, 240, 320
SAMPLING = Sampling(num_frames=8, frame_stride=4)
PREPROCESSING = Preprocessing(size=112, short_side=112)


def data_suite(_: Setting) -> Iterator[Case]:
    """Decode 8 of 64 frames and make a clip of them, in one process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = moving_texture()
        write_video(folder / "video.mp4", frames)
        (folder / "pictures").mkdir()
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(folder / "pictures" / f"{number:05}.jpg", quality=90)
        video = folder / "video.mp4"
        runs = {"PyAV, h264": _load(video), "folder of JPEG": _load(folder / "pictures")}
        for short_side in (ROWS, PREPROCESSING.short_side):
            shard = _pack(folder, video.name, short_side)
            runs[f"shard, short side {short_side}"] = _load(shard)
        title = f"{SAMPLING.num_frames} of {FRAMES} frames, {COLUMNS}x{ROWS}, to 112x112"
        yield Case(title, "loading", runs, (1, "clips"))


def _pack(folder: Path, video: str, short_side: int) -> Path:
    save_part(folder, "train", [ListEntry(video, "a")], [FRAMES])
    save_description(folder, PreparedSet(name="list", class_names=("a",)))
    out = folder / str(short_side)
    pack(folder, out, Packing(short_side=short_side), num_workers=0)
    return load_part(out, "train").path(0)


def moving_texture() -> NDArray[np.uint8]:
    """Smooth noise that moves, so that a codec has as much work as with real footage."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (40, 80, 3), dtype=np.uint8)
    canvas = np.asarray(
        Image.fromarray(coarse).resize((COLUMNS * 2, ROWS), Image.Resampling.BICUBIC)
    )
    return np.stack([canvas[:, 3 * t : 3 * t + COLUMNS] for t in range(FRAMES)])


def _load(path: Path) -> Run:
    def run() -> None:
        with open_video(path) as reader:
            PREPROCESSING(reader.read(sample_indices(reader, SAMPLING)).data)

    return run
