"""How large is a clip of the motion suite, by encoder?

Run `python benchmarks/motion_suite_sizes.py`. It prints kB a clip as JSON: the mean of 20 clips
each of direction and camera, 8 frames of 64 pixels.
"""

from __future__ import annotations

import io
import json
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from motionlens.synthetic.motion_suite.scenes import DIFFICULTIES
from motionlens.synthetic.motion_suite.suite import MotionSuite

NUM_CLIPS = 20


class Encoder(NamedTuple):
    """An encoder without loss, but for what ``pix_fmt`` leaves out."""

    codec: str
    pix_fmt: str
    options: dict[str, str]


ENCODERS = {
    "h264_420": Encoder("libx264", "yuv420p", {"qp": "0", "preset": "medium"}),
    "vp9_420": Encoder("libvpx-vp9", "yuv420p", {"lossless": "1"}),
    "ffv1_420": Encoder("ffv1", "yuv420p", {"level": "3"}),
    "h264_444": Encoder("libx264", "yuv444p", {"qp": "0", "preset": "medium"}),
    "h264_rgb": Encoder("libx264rgb", "rgb24", {"qp": "0", "preset": "medium"}),
}


def encode(frames: NDArray[np.uint8], encoder: Encoder) -> int:
    """Bytes of a file."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream(encoder.codec, rate=12)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = encoder.pix_fmt
        stream.options = encoder.options
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return len(file.getvalue())


def main() -> None:
    """Measure and print."""
    sizes: dict[str, dict[str, float]] = {name: {} for name in ENCODERS}
    for difficulty in DIFFICULTIES:
        suites = [MotionSuite(task, difficulty) for task in ("direction", "camera")]
        clips = [suite.clip("train", i)[0] for suite in suites for i in range(NUM_CLIPS)]
        for name, encoder in ENCODERS.items():
            mean = np.mean([encode(clip, encoder) for clip in clips])
            sizes[name][difficulty] = round(float(mean) / 1e3, 1)
    print(json.dumps(sizes, indent=1))


if __name__ == "__main__":
    main()
