"""What one core does with clips of ten seconds: the rates behind docs/scale.md.

python benchmarks/scale_rates.py --out docs/results/scale_rates.json

Seconds are those of the processor, in one thread, so that other work on the machine does not count.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image

import motionlens
from motionlens._utils.machine import versions
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.decode_check import Job, check_video
from motionlens.datasets.packing import Packing, pack
from motionlens.datasets.prepared import PreparedSet, load_part, save_description, save_part
from motionlens.video.file import open_video

FPS, SECONDS, HEIGHT, WIDTH = 25, 10, 256, 340
NUM_FRAMES = FPS * SECONDS
_CLIP = np.arange(8) * 8


def write_clip(path: Path, seed: int) -> None:
    """Ten seconds of a noisy scene that the camera moves over, H.264, some 400 kB."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (48, 96, 3), dtype=np.uint8)
    scene = np.asarray(Image.fromarray(small).resize((WIDTH + NUM_FRAMES, HEIGHT)), np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for t in range(NUM_FRAMES):
            noise = rng.integers(-6, 7, (HEIGHT, WIDTH, 1), dtype=np.int16)
            picture = np.clip(scene[:, t : t + WIDTH] + noise, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def seconds_of(work: Callable[[], object], least_s: float) -> float:
    """Processor seconds of one call, the mean of as many as fill the time."""
    work()
    number, begin = 0, time.process_time()
    while time.process_time() - begin < least_s:
        work()
        number += 1
    return (time.process_time() - begin) / number


def read(path: Path) -> object:
    with open_video(path) as reader:
        return reader.read(_CLIP + 60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=1.0, help="spent on each rate at least")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "prepared")
        folder.mkdir()
        paths = [folder / f"{n}.mp4" for n in range(2)]
        for number, path in enumerate(paths):
            write_clip(path, number)
        save_part(folder, "train", [ListEntry(p.name, "a") for p in paths], [NUM_FRAMES] * 2)
        save_description(folder, PreparedSet(name="list", class_names=("a",)))
        shards, path = Path(name, "shards"), paths[0]
        begin = time.process_time()
        packed = pack(folder, shards, Packing(), num_workers=0)
        pack_s = (time.process_time() - begin) / len(paths)
        stored = load_part(shards, "train").path(1)
        found = {
            "check open": seconds_of(lambda: check_video(Job(str(path))), args.seconds),
            "check decode": seconds_of(
                lambda: check_video(Job(str(path), decode=True)), args.seconds
            ),
            "pack": pack_s,
            "read a clip from its file": seconds_of(lambda: read(path), args.seconds),
            "read a clip from a shard": seconds_of(lambda: read(stored), args.seconds),
        }
        for model, size in (("cpnet_nano", 64), ("cpnet_resnet18", 224)):
            network = motionlens.optimize(motionlens.create_model(model, num_classes=400).eval())
            clip = torch.randn(1, 3, 8, size, size)
            with torch.inference_mode():
                found[f"{model} on a clip of 8x{size}x{size}"] = seconds_of(
                    partial(network, clip), args.seconds
                )
        result = {
            "video": f"{SECONDS} s, {FPS} frames/s, {HEIGHT}x{WIDTH} px, H.264",
            "clip": "8 frames, stride 8",
            "seconds_of_one_core": {what: round(s, 5) for what, s in found.items()},
            "bytes": {
                "video": round(sum(p.stat().st_size for p in paths) / len(paths)),
                "video in a shard": round(packed.num_bytes / len(paths)),
            },
            "machine": versions(),
        }
    text = json.dumps(result, indent=1) + "\n"
    args.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
